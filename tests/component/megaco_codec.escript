#!/usr/bin/env escript
%% The other decoder: Erlang/OTP's megaco. Arguments: VERSION FILE [FILE...]
%% Decodes each file; all files must be the same term. Prints `ok`, or the reason and exits 1.
main([Vsn | Files]) ->
    Terms = [decode(list_to_integer(Vsn), F) || F <- Files],
    case lists:usort(Terms) of
        [_] -> io:format("ok~n");
        _ -> io:format("~s: not the same message~n~p~n", [hd(Files), Terms]), halt(1)
    end.

decode(Vsn, File) ->
    {ok, Text} = file:read_file(File),
    case megaco_pretty_text_encoder:decode_message([], Vsn, Text) of
        {ok, Message} -> plain(Message);
        {error, Reason} -> io:format("~s: ~p~n", [File, Reason]), halt(1)
    end.

%% White space at the ends of Local and Remote belongs to their braces; it may be written in several ways.
plain({'PropertyParm', Name, [Value], Extra}) when is_list(Value) -> {'PropertyParm', Name, [string:trim(Value)], Extra};
plain(T) when is_tuple(T) -> list_to_tuple([plain(E) || E <- tuple_to_list(T)]);
plain([H | T]) -> [plain(H) | plain(T)];
plain(Other) -> Other.
