%% Datagrams from a controller's socket: at-most-once, exhausted ports, bad syntax. megaco's codec writes the good messages
%% and judges every answer.
-module(raw).
-export([main/0]).
-define(WAIT, 3000).

main() ->
    Port = list_to_integer(iqt:arg(port, "0")),
    put(port, Port),
    {ok, S} = gen_udp:open(Port, [binary, {ip, {127, 0, 0, 1}}, {active, false}]),
    put(socket, S),
    io:format("listening~n"),
    {ok, {Host, From, Bin}} = gen_udp:recv(S, 0, 10000),
    put(to, {Host, From}),
    {1, Body} = iqt:decode(Bin),
    send(iqt:encode(iqt:fill(msgs:register_reply(), [{tid, iqt:tid(Body)}, {port, Port}]))),
    timer:sleep(200),
    at_most_once(),
    exhausted(),
    bad_syntax(),
    acks(),
    io:format("end~n"),
    halt(0).

send(Bin) ->
    {Host, Port} = get(to),
    ok = gen_udp:send(get(socket), Host, Port, Bin).

recv(Ms) ->
    case gen_udp:recv(get(socket), 0, Ms) of
        {ok, {_, _, Bin}} -> Bin;
        {error, timeout} -> timeout
    end.

next_tid() ->
    N = case get(tid) of undefined -> 100; V -> V + 1 end,
    put(tid, N),
    N.

text(Text, Places) -> iqt:fill(Text, [{port, get(port)}, {tid, next_tid()}, {timerx, 3600} | Places]).

%% The answer to this request of ours: replies to repeats of earlier ones are passed over.
ask(Bin, Tid) -> send(Bin), answer(Tid, 20).
answer(_, 0) -> timeout;
answer(Tid, N) ->
    case recv(?WAIT) of
        timeout -> timeout;
        Bin ->
            case iqt:decode(Bin) of
                {_, {transactions, [{transactionReply, _} | _]} = B} ->
                    case iqt:tid(B) of Tid -> Bin; _ -> answer(Tid, N - 1) end;
                {_, {transactions, _}} -> answer(Tid, N - 1);
                {_, _} -> Bin
            end
    end.

call(Text, Places) ->
    Bin = iqt:encode(text(Text, Places)),
    element(2, iqt:decode(ask(Bin, get(tid)))).

metric(Name) ->
    Out = os:cmd("curl -fsS -m 2 http://127.0.0.1:" ++ iqt:arg(ops, "0") ++ "/metrics"),
    case re:run(Out, "^" ++ Name ++ " ([0-9]+)", [multiline, {capture, [1], list}]) of
        {match, [V]} -> list_to_integer(V);
        nomatch -> none
    end.

release(Reply) ->
    R = call(msgs:release(), [{ctx, context(Reply)}]),
    iqt:is("released", iqt:error_codes(R), []).

context(Reply) -> iqt:context(lists:flatten([element(2, A) || A <- iqt:find(actionReplies, Reply)])).

at_most_once() ->
    Bin = iqt:encode(text(msgs:reserve_t2(), [])),
    Tid = get(tid),
    First = ask(Bin, Tid),
    Second = ask(Bin, Tid),
    Third = ask(Bin, Tid),
    iqt:check("a repeated request gets the same reply", First =/= timeout andalso First =:= Second andalso Second =:= Third),
    iqt:is("and is carried out once", metric("agw_contexts"), 1),
    {_, Body} = iqt:decode(First),
    send(iqt:encode(iqt:fill("MEGACO/2 <mgc.example.net>:@port@\nTransactionResponseAck { @tid@ }\n",
                             [{port, get(port)}, {tid, Tid}]))),
    release(Body).

%% A released port comes back when its endpoint has closed: asked again every 50 ms, Tries times.
reserve(Tries) ->
    R = call(msgs:reserve_t2(), []),
    case iqt:error_codes(R) of
        [510] when Tries > 0 -> timer:sleep(50), reserve(Tries - 1);
        _ -> R
    end.

%% Two ports in the realm: two reservations, and then none.
exhausted() ->
    A = reserve(40),
    B = reserve(40),
    iqt:is("two reservations of two ports", {iqt:error_codes(A), iqt:error_codes(B)}, {[], []}),
    C = call(msgs:reserve_t2(), []),
    iqt:is("no port left: 510", iqt:error_codes(C), [510]),
    iqt:is("a refused Add leaves no context", metric("agw_contexts"), 2),
    release(A),
    D = reserve(40),
    iqt:is("a released port can be had again", iqt:error_codes(D), []),
    release(B),
    release(D).

head() -> "MEGACO/2 <mgc.example.net>:" ++ integer_to_list(get(port)) ++ "\n".

bad_syntax() ->
    %% name, codes that H.248.8 allows here, text
    Cases = [{"not a message at all", [400, 401, 406], "hello, gateway\r\n"},
             {"no version", [400, 401, 406], "MEGACO <mgc.example.net>:1\nTransaction = 7 { }\n"},
             {"a version that is none", [400, 401, 406], "MEGACO/99 <mgc.example.net>:1\nTransaction = 7 { Context = - { AuditValue = ROOT { Audit { } } } }\n"},
             {"braces that never close", [400, 403, 422, 442], head() ++ "Transaction = 9001 { Context = $ { Add = ip/$/core/$ { Media {"},
             {"an unknown command", [400, 403, 422, 442, 443], head() ++ "Transaction = 9002 { Context = $ { Frobnicate = ip/$/core/$ } }"},
             {"an unknown descriptor", [400, 403, 422, 442, 444, 448], head() ++ "Transaction = 9003 { Context = $ { Add = ip/$/core/$ { Nonsense { 1 } } } }"},
             {"a stream that is no number", [400, 403, 422, 442, 448, 474], head() ++ "Transaction = 9004 { Context = $ { Add = ip/$/core/$ { Media { Stream = two { } } } } }"},
             {"a context too large", [400, 403, 422, 410, 411], head() ++ "Transaction = 9005 { Context = 99999999999 { AuditValue = ROOT { Audit { } } } }"},
             {"an empty transaction", [400, 403, 422], head() ++ "Transaction = 9006 { }"},
             {"binary octets", [400, 401, 403, 406], <<0, 255, 254, 1, 2, 3, 128>>}],
    lists:foreach(fun bad_case/1, Cases),
    Many = [iqt:fill("Transaction = @t@ { Context = - { AuditValue = ROOT { Audit { } } } }\n", [{t, 9100 + N}]) || N <- lists:seq(1, 11)],
    send(unicode:characters_to_binary([head(), Many])),
    iqt:is("eleven transactions in one message: 413", codes(recv(?WAIT)), [413]),
    drain(),
    Deep = [head(), "Transaction = 9200 { Context = - { ", lists:duplicate(1200, "Modify = ROOT { Media { TerminationState { "), "\n"],
    send(unicode:characters_to_binary(Deep)),
    iqt:check("nesting without end is refused", [] =/= codes(recv(?WAIT))),
    drain().

bad_case({Name, Allowed, Text}) ->
    drain(),
    send(iolist_to_binary(Text)),
    case codes(recv(?WAIT)) of
        [Code | _] -> iqt:check(Name ++ ": an error of the 400 family", lists:member(Code, Allowed) orelse {got, Code});
        Other -> iqt:nok(Name ++ ": an error of the 400 family", Other)
    end,
    drain(),
    Still = call(msgs:audit_root(""), []),
    iqt:is("the association goes on after: " ++ Name, iqt:error_codes(Still), []).

codes(timeout) -> [];
codes(Bin) -> iqt:error_codes(element(2, iqt:decode(Bin))).

drain() ->
    case recv(50) of
        timeout -> ok;
        _ -> drain()
    end.

%% Two transactions in one message are two replies, in one or two datagrams.
acks() ->
    Text = [head(), [iqt:fill("Transaction = @t@ { Context = - { AuditValue = ROOT { Audit { } } } }\n", [{t, T}]) || T <- [9301, 9302]]],
    send(iqt:encode(Text)),
    First = reply_tids(recv(?WAIT)),
    More = case First of [_] -> reply_tids(recv(?WAIT)); _ -> [] end,
    iqt:is("two transactions in one message: both answered", lists:sort(First ++ More), [9301, 9302]).

reply_tids(timeout) -> [];
reply_tids(Bin) ->
    {_, {transactions, L}} = iqt:decode(Bin),
    [element(2, T) || {transactionReply, T} <- L].
