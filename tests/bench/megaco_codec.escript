#!/usr/bin/env escript
%% The peer's figures: Erlang/OTP's megaco decodes and encodes the same message. Argument: FILE. key=value lines, µs.
-define(N, 300).
-define(RUNS, 5).

main([File]) ->
    code:ensure_loaded(megaco_pretty_text_encoder),
    {ok, Text} = file:read_file(File),
    {ok, Message} = megaco_pretty_text_encoder:decode_message([], 2, Text),
    report("pretty", megaco_pretty_text_encoder, Message),
    report("compact", megaco_compact_text_encoder, Message).

report(Style, Encoder, Message) ->
    {ok, Bin} = Encoder:encode_message([], 2, Message),
    put_line("megaco_decode_" ++ Style, fun() -> {ok, _} = Encoder:decode_message([], 2, Bin) end),
    put_line("megaco_encode_" ++ Style, fun() -> {ok, _} = Encoder:encode_message([], 2, Message) end).

put_line(Name, F) ->
    times(?N, F), % the first rounds load code
    Us = lists:sort([element(1, timer:tc(fun() -> times(?N, F) end)) / ?N || _ <- lists:seq(1, ?RUNS)]),
    io:format("~s_us=~.3f~n~s_us_min=~.3f~n~s_us_max=~.3f~n",
              [Name, lists:nth(?RUNS div 2 + 1, Us), Name, hd(Us), Name, lists:last(Us)]).

times(0, _) -> ok;
times(N, F) -> F(), times(N - 1, F).
