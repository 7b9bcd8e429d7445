%% Erlang's megaco, all of it (codec, transactions, UDP transport), as the controller of one real agw.
-module(mgc).
-export([main/0]).
-export([handle_connect/2, handle_disconnect/3, handle_syntax_error/3, handle_message_error/3, handle_trans_request/3,
         handle_trans_long_request/3, handle_trans_reply/4, handle_trans_ack/4, handle_unexpected_trans/3,
         handle_trans_request_abort/4, handle_segment_reply/5]).
-define(WAIT, 10000).

main() ->
    register(test, self()),
    Port = list_to_integer(iqt:arg(port, "0")),
    put(port, Port),
    Mid = {domainName, {'DomainName', "mgc.example.net", Port}},
    ok = megaco:start(),
    ok = megaco:start_user(Mid, [{user_mod, ?MODULE}, {send_mod, megaco_udp},
                                 {encoding_mod, megaco_pretty_text_encoder}, {encoding_config, []}]),
    {ok, Transport} = megaco_udp:start_transport(),
    {ok, _, _} = megaco_udp:open(Transport, [{port, Port}, {udp_options, [{ip, {127, 0, 0, 1}}]},
                                             {receive_handle, megaco:user_info(Mid, receive_handle)}]),
    io:format("listening~n"),
    case iqt:wait(registered, ?WAIT) of
        {CH, Version, Actions} -> run(CH, Version, Actions);
        timeout -> iqt:nok("agw registers", timeout)
    end,
    io:format("end~n"),
    halt(0).

run(CH, Version, Actions) ->
    iqt:is("the registration travels under version 1", Version, 1),
    iqt:is("it names ROOT", iqt:terms(Actions), ["root"]),
    [Parm] = iqt:find('ServiceChangeParm', Actions),
    iqt:check("with method Restart", lists:member(restart, tuple_to_list(Parm))),
    iqt:is("with the profile", iqt:find('ServiceChangeProfile', Parm), [{'ServiceChangeProfile', "openiq", 1}]),
    iqt:check("with reason 901 Cold Boot", [["901 Cold Boot"]] =:= [R || R = ["901" ++ _] <- tuple_to_list(Parm)]),
    megaco:update_conn_info(CH, protocol_version, 2),
    calls(CH),
    audits(CH),
    refusals(CH),
    hanging(CH).

call(CH, Text, Places) ->
    Full = iqt:fill(Text, [{tid, 1}, {port, get(port)} | Places]),
    {_, Result} = megaco:call(CH, iqt:actions(Full), [{request_timer, ?WAIT}]),
    Result.

calls(CH) ->
    {ok, R4} = call(CH, msgs:reserve_t2(), [{timerx, 3600}]),
    Ctx = iqt:context(R4),
    [T2] = iqt:terms(R4),
    L2 = iqt:sdp(2, R4),
    iqt:check("message 4: a context and a termination of the core interface",
              is_integer(Ctx) andalso lists:prefix("ip/1/core/", T2)),
    iqt:is("message 4: address instead of $", iqt:sdp_line("c", L2), "IN IP4 127.0.0.1"),
    port_check("message 4: a port of the core realm instead of $", iqt:sdp_line("m", L2), "message ~d TCP -", core),
    {ok, R10} = call(CH, msgs:configure_t2(), [{ctx, Ctx}, {t2, T2}]),
    iqt:is("message 10: the same termination", {iqt:context(R10), iqt:terms(R10)}, {Ctx, [T2]}),
    iqt:is("message 10: nothing to tell", iqt:find('StreamDescriptor', R10), []),
    {ok, R13} = call(CH, msgs:add_t1(), [{ctx, Ctx}, {grouped, 2}]),
    access(Ctx, R13),
    put(ctx, Ctx),
    put(t2, T2),
    {ok, Value} = call(CH, msgs:audit_term("Media"), [{ctx, Ctx}, {t2, T2}]),
    iqt:is("audit of a termination: its Local as reserved", iqt:sdp_line("m", iqt:sdp(2, Value)), iqt:sdp_line("m", L2)),
    iqt:check("audit of a termination: its mode", lists:member(sendRecv, lists:flatten([tuple_to_list(X) || X <- iqt:find('LocalControlDescriptor', Value)]))),
    {ok, R} = call(CH, msgs:release(), [{ctx, Ctx}]),
    iqt:is("W-Subtract *: one answer for both", iqt:terms(R), ["*"]),
    iqt:is("W-Subtract *: no error", iqt:error_codes(R), []).

access(Ctx, R) ->
    L = iqt:sdp(1, R),
    [T1] = iqt:terms(R),
    iqt:check("message 13: a termination of the access interface", lists:prefix("ip/1/access/", T1)),
    iqt:is("message 13: the same context", iqt:context(R), Ctx),
    port_check("message 13: a port of the access realm", iqt:sdp_line("m", L), "application ~d UDP/DTLS/SCTP webrtc-datachannel",
               access),
    number_check("message 13: an SCTP port", iqt:sdp_line("sctp-port", L), 1, 65535),
    number_check("message 13: a message size", iqt:sdp_line("max-message-size", L), 1024, 1 bsl 30),
    iqt:check("message 13: a SHA-256 fingerprint",
              match(iqt:sdp_line("fingerprint", L), "^(?i)sha-256 [0-9A-F]{2}(:[0-9A-F]{2}){31}$")),
    iqt:check("message 13: a user fragment of RFC 8839", match(iqt:sdp_line("ice-ufrag", L), "^[A-Za-z0-9+/]{4,256}$")),
    iqt:check("message 13: a password of RFC 8839", match(iqt:sdp_line("ice-pwd", L), "^[A-Za-z0-9+/]{22,256}$")),
    iqt:check("message 13: a host candidate at that port",
              match(iqt:sdp_line("candidate", L), "^[A-Za-z0-9+/]+ 1 (?i)udp [0-9]+ 127.0.0.1 [0-9]+ typ host")),
    iqt:is("message 13: no $ left", [V || {_, V} <- L, lists:member($$, V)], []),
    iqt:is("message 13: the channel's stream had nothing open", iqt:sdp(2, R), []).

match(none, _) -> false;
match(Text, Re) -> re:run(Text, Re, [{capture, none}]) =:= match.

port_check(Name, Line, Format, Realm) ->
    Low = list_to_integer(iqt:arg(Realm, "0")),
    case catch io_lib:fread(Format, Line) of
        {ok, [P], []} -> iqt:check(Name, P >= Low andalso P < Low + 200);
        Other -> iqt:nok(Name, {Line, Other})
    end.

number_check(Name, Text, Low, High) ->
    case catch list_to_integer(Text) of
        N when is_integer(N) -> iqt:check(Name, N >= Low andalso N =< High);
        _ -> iqt:nok(Name, Text)
    end.

audits(CH) ->
    {ok, R} = call(CH, msgs:audit_root(""), []),
    iqt:is("empty audit of ROOT is answered", {iqt:terms(R), iqt:error_codes(R)}, {["root"], []}),
    {ok, R2} = call(CH, msgs:audit_root("Packages, Media"), []),
    Packages = [element(2, P) || P <- iqt:find('PackagesItem', R2)],
    iqt:is("ROOT names the packages of data channels", [P || P <- ["mgroup", "sctpbcc", "tlsbsc", "hangterm"], not lists:member(P, Packages)], []),
    iqt:is("ROOT's audit has no error", iqt:error_codes(R2), []).

refusals(CH) ->
    Ctx = get(ctx),
    T2 = get(t2),
    refused(CH, "unknown context", 411, msgs:configure_t2(), [{ctx, Ctx}, {t2, T2}]),
    {ok, R} = call(CH, msgs:reserve_t2(), [{timerx, 3600}]),
    C = iqt:context(R),
    [T] = iqt:terms(R),
    refused(CH, "unknown termination", 430, msgs:configure_t2(), [{ctx, C}, {t2, "ip/1/core/999999"}]),
    refused(CH, "a group of a stream that is not there", 489, msgs:add_t1(), [{ctx, C}, {grouped, 7}]),
    refused(CH, "unknown package", 440, msgs:with_context("@ctx@", "Modify = @t2@ { Media { Stream = 2 { LocalControl { nosuch/thing = 1 } } } }"),
            [{ctx, C}, {t2, T}]),
    refused(CH, "no such property in a known package", 450, msgs:with_context("@ctx@", "Modify = @t2@ { Media { Stream = 2 { LocalControl { ipdc/nosuch = 1 } } } }"),
            [{ctx, C}, {t2, T}]),
    refused(CH, "Move is not in the profile", 443, msgs:with_context("@ctx@", "Move = @t2@"), [{ctx, C}, {t2, T}]),
    refused(CH, "an interface that is no name of ours", 430, msgs:with_context("$", "Add = ip/$/nowhere/$ { Media { Stream = 2 { Local {\nv=0\nc=IN IP4 $\nm=message $ TCP -\n} } } }"), []),
    {ok, After} = call(CH, msgs:audit_term("Media"), [{ctx, C}, {t2, T}]),
    iqt:is("what was refused changed nothing", {iqt:terms(After), iqt:sdp_line("m", iqt:sdp(2, After))}, {[T], iqt:sdp_line("m", iqt:sdp(2, R))}),
    {ok, _} = call(CH, msgs:release(), [{ctx, C}]).

refused(CH, Name, Code, Text, Places) ->
    case call(CH, Text, Places) of
        {ok, R} -> iqt:is(Name ++ ": " ++ integer_to_list(Code), iqt:error_codes(R), [Code]);
        {error, E} -> iqt:is(Name ++ ": " ++ integer_to_list(Code), iqt:error_codes(E), [Code])
    end.

hanging(CH) ->
    {ok, R} = call(CH, msgs:reserve_t2(), [{timerx, 1}]),
    [T] = iqt:terms(R),
    case iqt:wait(notified, 5000) of
        timeout -> iqt:nok("a hanging termination is told", timeout);
        Actions ->
            iqt:is("a hanging termination is told", {iqt:context(Actions), iqt:terms(Actions)}, {iqt:context(R), [T]}),
            [O] = iqt:find('ObservedEventsDescriptor', Actions),
            iqt:is("under the request id of its Events", element(2, O), 2001)
    end,
    {ok, _} = call(CH, msgs:release(), [{ctx, iqt:context(R)}]).

%% --- what megaco asks its user ---

handle_connect(CH, Version) ->
    io:format("connect ~p ~p~n", [CH, Version]),
    ok.
handle_disconnect(_, _, _) -> ok.
%% A registration repeated while its answer was on the way (after 500 ms) is still of version 1. Who goes on with 1 fails later.
handle_syntax_error(_, _, {'ErrorDescriptor', 406, "Not negotiated" ++ _ = Why}) ->
    io:format("# repeated registration: ~s~n", [Why]),
    no_reply;
handle_syntax_error(_, Version, Error) ->
    test ! {bad, {syntax, Version, Error}},
    iqt:nok("megaco can read what agw sends", Error),
    reply.
handle_message_error(_, _, Error) ->
    iqt:nok("no message error from agw", Error),
    no_reply.

handle_trans_request(CH, Version, Actions) ->
    case {iqt:find('ServiceChangeRequest', Actions), iqt:find('NotifyRequest', Actions)} of
        {[_ | _], _} ->
            test ! {registered, {CH, Version, Actions}},
            {discard_ack, iqt:replies(iqt:fill(msgs:register_reply(), [{tid, 1}, {port, 1}]))};
        {_, [_ | _]} ->
            test ! {notified, Actions},
            Text = iqt:fill("MEGACO/2 <mgc.example.net>:1\nReply = 1 { Context = @c@ { Notify = @t@ } }\n",
                            [{c, iqt:context(Actions)}, {t, hd(iqt:terms(Actions))}]),
            {discard_ack, iqt:replies(Text)};
        _ -> {discard_ack, {'ErrorDescriptor', 443, "not expected here"}}
    end.
handle_trans_long_request(_, _, _) -> {discard_ack, []}.
handle_trans_reply(_, _, _, _) -> ok.
handle_trans_ack(_, _, _, _) -> ok.
handle_unexpected_trans(_, _, Trans) ->
    iqt:nok("no answer to a question that was not asked", Trans),
    ok.
handle_trans_request_abort(_, _, _, _) -> ok.
handle_segment_reply(_, _, _, _, _) -> ok.
