#!/usr/bin/env escript
%% The other decoder: Erlang/OTP's megaco. Argument: a file of lines "NUMBER NAME VERSION FILE [FILE...]".
%% Decodes each file; all files of a line must be the same term. Prints TAP; exits 1 when one of them is not.
-mode(compile).

main([List]) ->
    {ok, Text} = file:read_file(List),
    Good = [line(string:lexemes(L, " ")) || L <- string:lexemes(binary_to_list(Text), "\n")],
    halt(case lists:all(fun(G) -> G end, Good) andalso Good =/= [] of true -> 0; false -> 1 end).

line([Number, Name, Vsn | Files]) ->
    Terms = [decode(list_to_integer(Vsn), F) || F <- Files],
    Good = length(lists:usort(Terms)) =:= 1 andalso element(1, hd(Terms)) =/= error,
    case Good of
        true -> io:format("ok ~s - megaco reads ~s and both re-encodings as one message~n", [Number, Name]);
        false -> io:format("not ok ~s - ~s: not the same message~n~s~n", [Number, Name, comment(Terms)])
    end,
    Good.

comment(Terms) -> [["# ", L, "\n"] || L <- string:lexemes(lists:flatten(io_lib:format("~p", [Terms])), "\n")].

decode(Vsn, File) ->
    {ok, Text} = file:read_file(File),
    case megaco_pretty_text_encoder:decode_message([], Vsn, Text) of
        {ok, Message} -> plain(Message);
        {error, Reason} -> {error, File, Reason}
    end.

%% White space at the ends of Local and Remote belongs to their braces; it may be written in several ways.
plain({'PropertyParm', Name, [Value], Extra}) when is_list(Value) -> {'PropertyParm', Name, [string:trim(Value)], Extra};
plain(T) when is_tuple(T) -> list_to_tuple([plain(E) || E <- tuple_to_list(T)]);
plain([H | T]) -> [plain(H) | plain(T)];
plain(Other) -> Other.
