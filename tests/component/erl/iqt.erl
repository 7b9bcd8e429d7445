%% What the megaco tests share: messages as text with @NAME@ places, megaco's own decoder as the judge of what comes back,
%% and TAP lines without numbers (lib.sh counts them). megaco's records are walked by tag, as its .hrl files are in no
%% package that the tests need.
-module(iqt).
-export([ok/1, nok/2, check/2, is/3, decode/1, encode/1, fill/2, actions/1, replies/1, tid/1, find/2, error_codes/1, sdp/2,
         sdp_line/2, terms/1, context/1, wait/2, arg/2]).

ok(Name) -> io:format("ok ~s~n", [Name]).
nok(Name, Why) -> io:format("not ok ~s~n~p~n", [Name, Why]).
check(Name, true) -> ok(Name);
check(Name, Other) -> nok(Name, Other).
is(Name, Want, Want) -> ok(Name);
is(Name, Got, Want) -> nok(Name, {got, Got, want, Want}).

arg(Flag, Default) ->
    case init:get_argument(Flag) of
        {ok, [[V | _] | _]} -> V;
        _ -> Default
    end.

fill(Text, Places) ->
    lists:foldl(fun({Name, V}, T) ->
                        string:replace(T, ["@", atom_to_list(Name), "@"], to_text(V), all)
                end, Text, Places).
to_text(N) when is_integer(N) -> integer_to_list(N);
to_text(S) -> S.

%% {Version, transactions or messageError...}
decode(Text) ->
    Bin = unicode:characters_to_binary(Text),
    {ok, {'MegacoMessage', _, Message}} = megaco_pretty_text_encoder:decode_message([], dynamic, Bin),
    {'Message', Version, _Mid, Body} = Message,
    {Version, Body}.

%% Text that megaco's own encoder wrote, of text that its decoder read.
encode(Text) ->
    Bin = unicode:characters_to_binary(Text),
    {ok, Msg} = megaco_pretty_text_encoder:decode_message([], dynamic, Bin),
    {'Message', V, _, _} = element(3, Msg),
    {ok, Out} = megaco_pretty_text_encoder:encode_message([], V, Msg),
    Out.

%% The action requests of a text with one transaction.
actions(Text) ->
    {_, {transactions, [{transactionRequest, T} | _]}} = decode(Text),
    element(3, T).

%% The action replies of a text with one reply.
replies(Text) ->
    {_, {transactions, [{transactionReply, T} | _]}} = decode(Text),
    [{actionReplies, R}] = [X || X = {actionReplies, _} <- tuple_to_list(T)],
    R.

tid({transactions, [{_, T} | _]}) -> element(2, T);
tid(_) -> none.

%% Every record of this tag, in order.
find(Tag, Term) when is_tuple(Term), tuple_size(Term) > 0, element(1, Term) =:= Tag ->
    [Term | find(Tag, tl(tuple_to_list(Term)))];
find(Tag, Term) when is_tuple(Term) -> find(Tag, tuple_to_list(Term));
find(Tag, [H | T]) -> find(Tag, H) ++ find(Tag, T);
find(_, _) -> [].

error_codes(Term) -> [element(2, E) || E <- find('ErrorDescriptor', Term)].

%% TerminationIDs as the text has them.
terms(Term) -> [string:join(element(3, T), "/") || T <- find(megaco_term_id, Term)].

context([A | _]) -> element(2, A).

%% Name=value lines of the Local of a stream.
sdp(Stream, Term) ->
    [{Name, Value} || S <- find('StreamDescriptor', Term), element(2, S) =:= Stream,
                      {'PropertyParm', Name, [Value | _], _} <- find('PropertyParm', S)].

%% The value of "m", "c", or of an attribute ("ice-ufrag").
sdp_line(Name, Lines) when length(Name) =:= 1 -> proplists:get_value(Name, Lines, none);
sdp_line(Name, Lines) ->
    case [lists:nthtail(length(Name) + 1, V) || {"a", V} <- Lines, lists:prefix(Name ++ ":", V)] of
        [V | _] -> V;
        [] -> none
    end.

wait(What, Ms) ->
    receive
        {What, V} -> V
    after Ms -> timeout
    end.
