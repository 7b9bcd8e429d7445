%% Erlang's megaco, all of it, as the gateway of one real alg. Registers and answers what a gateway answers; the file that
%% -mode names says how, word by word and read at each request: ok | 489 | 510 | silent. Prints every command it gets.
-module(mg).
-export([main/0]).
-export([handle_connect/2, handle_disconnect/3, handle_syntax_error/3, handle_message_error/3, handle_trans_request/3,
         handle_trans_long_request/3, handle_trans_reply/4, handle_trans_ack/4, handle_unexpected_trans/3,
         handle_trans_request_abort/4, handle_segment_reply/5]).

main() ->
    Port = list_to_integer(iqt:arg(port, "0")),
    Alg = list_to_integer(iqt:arg(alg, "0")),
    Mid = {domainName, {'DomainName', "mg.example.net", Port}},
    {ok, Core} = gen_tcp:listen(0, [{ip, {127, 0, 0, 1}}]), % what the far end may connect to
    {ok, CorePort} = inet:port(Core),
    ets:new(mg, [named_table, public]),
    ets:insert(mg, [{core, CorePort}, {next, 7}]),
    ok = megaco:start(),
    ok = megaco:start_user(Mid, [{user_mod, ?MODULE}, {send_mod, megaco_udp},
                                 {encoding_mod, megaco_pretty_text_encoder}, {encoding_config, []},
                                 {strict_version, false}]), % alg asks under version 2 before ours is set below
    Receive = megaco:user_info(Mid, receive_handle),
    {ok, Transport} = megaco_udp:start_transport(),
    {ok, Socket, Control} = megaco_udp:open(Transport, [{port, Port}, {udp_options, [{ip, {127, 0, 0, 1}}]},
                                                        {receive_handle, Receive}]),
    Send = megaco_udp:create_send_handle(Socket, {127, 0, 0, 1}, Alg),
    {ok, CH} = megaco:connect(Receive, preliminary_mid, Send, Control),
    Text = iqt:fill("MEGACO/1 <mg.example.net>:@port@\nTransaction = 1 { Context = - { ServiceChange = ROOT { Services {"
                    " Method = Restart, Reason = \"901 Cold Boot\", Profile = openiq/1, Version = 2 } } } }\n", [{port, Port}]),
    {_, Result} = megaco:call(CH, iqt:actions(Text), [{request_timer, 8000}]),
    case Result of
        {ok, R} ->
            iqt:is("alg takes the registration", {iqt:terms(R), iqt:error_codes(R)}, {["root"], []}),
            iqt:is("with the profile", iqt:find('ServiceChangeProfile', R), [{'ServiceChangeProfile', "openiq", 1}]),
            [megaco:update_conn_info(C, protocol_version, 2) || C <- megaco:user_info(Mid, connections)],
            io:format("registered~n");
        Other -> iqt:nok("alg takes the registration", Other)
    end,
    timer:sleep(120000), % the test ends us long before
    halt(1).

mode() ->
    {ok, Bin} = file:read_file(iqt:arg(mode, "/dev/null")),
    string:trim(binary_to_list(Bin)).

handle_trans_request(_, Version, Actions) ->
    Mode = mode(),
    Answers = [answer(A, Mode) || A <- Actions],
    case lists:member(silent, lists:flatten([Answers])) of
        true ->
            timer:sleep(60000), % no reply; a Pending would be a reply
            {discard_ack, iqt:replies("MEGACO/2 [1.2.3.4]\nReply = 1 { Context = - { AuditValue = ROOT } }")};
        false ->
            Text = ["MEGACO/", integer_to_list(Version), " <mg.example.net>:1\nReply = 1 {\n", lists:join(",\n", Answers), "\n}\n"],
            {discard_ack, iqt:replies(Text)}
    end.

answer(A, Mode) ->
    {Kind, Term} = kind(A),
    io:format("~s ~s ctx=~p streams=~p~n", [Kind, Term, element(2, A), [element(2, S) || S <- iqt:find('StreamDescriptor', A)]]),
    reply(Kind, Term, element(2, A), A, Mode).

kind(A) ->
    [Req | _] = iqt:find('CommandRequest', A),
    {Kind, _} = element(2, Req),
    {Kind, case iqt:terms(A) of [T | _] -> T; [] -> "none" end}.

reply(auditValueRequest, _, _, _, _) -> "Context = - { AuditValue = ROOT }";
reply(modReq, "root", _, _, _) -> "Context = - { Modify = ROOT }";
reply(serviceChangeReq, _, _, _, _) -> "Context = - { ServiceChange = ROOT }";
reply(_, _, _, _, "silent") -> silent;
reply(addReq, T, C, _, Mode) when Mode =:= "489"; Mode =:= "510" ->
    case {Mode, lists:member("access", string:lexemes(T, "/"))} of
        {"489", false} -> add(T, C); % only the stream group of T1 is refused
        _ -> ["Context = ", ctx(C), " { Add = ", T, " { Error = ", Mode, " { \"by the test\" } } }"]
    end;
reply(addReq, T, C, _, _) -> add(T, C);
reply(modReq, T, C, _, _) -> ["Context = ", ctx(C), " { Modify = ", T, " }"];
reply(subtractReq, T, C, _, _) -> ["Context = ", ctx(C), " { Subtract = ", T, " }"].

ctx(C) when is_integer(C), C > 0, C < 16#FFFFFFFE -> integer_to_list(C);
ctx(_) -> "1".

add(T, C) ->
    N = integer_to_list(ets:update_counter(mg, next, 1)),
    [{core, CorePort}] = ets:lookup(mg, core),
    case lists:member("access", string:lexemes(T, "/")) of
        false -> ["Context = ", ctx(C), " { Add = ip/1/core/", N, " { Media { Stream = 2 { Local {\nv=0\nc=IN IP4 127.0.0.1\n",
                  "m=message ", integer_to_list(CorePort), " TCP -\n} } } } }"];
        true -> ["Context = ", ctx(C), " { Add = ip/1/access/", N, " { Media { Stream = 1 { Local {\nv=0\nc=IN IP4 127.0.0.1\n"
                 "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\na=sctp-port:5000\na=max-message-size:262144\n"
                 "a=fingerprint:sha-256 11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00\n"
                 "a=ice-ufrag:mgmg\na=ice-pwd:mgmgmgmgmgmgmgmgmgmgmgmg\n"
                 "a=candidate:1 1 udp 2130706431 127.0.0.1 9 typ host\n} } } } }"]
    end.

handle_connect(_, _) -> ok.
handle_disconnect(_, _, _) -> ok.
handle_syntax_error(_, _, Error) ->
    iqt:nok("megaco can read what alg sends", Error),
    reply.
handle_message_error(_, _, Error) ->
    iqt:nok("no message error from alg", Error),
    no_reply.
handle_trans_long_request(_, _, _) -> {discard_ack, []}.
handle_trans_reply(_, _, _, _) -> ok.
handle_trans_ack(_, _, _, _) -> ok.
handle_unexpected_trans(_, _, Trans) ->
    iqt:nok("no answer to a question that was not asked", Trans),
    ok.
handle_trans_request_abort(_, _, _, _) -> ok.
handle_segment_reply(_, _, _, _, _) -> ok.
