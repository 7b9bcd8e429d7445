%% The controller's messages of the chart (TS 23.334 6.2.10.6.2), as reference text with @NAME@ places.
-module(msgs).
-export([reserve_t2/0, configure_t2/0, add_t1/0, release/0, audit_root/1, audit_term/1, with_context/2, register_reply/0]).

head() -> "MEGACO/2 <mgc.example.net>:@port@\nTransaction = @tid@ {\n".

reserve_t2() ->
    head() ++
    "  Context = $ { Add = ip/$/core/$ { Media { Stream = 2 {\n"
    "    LocalControl { Mode = Inactive, ipdc/realm = \"core.example.net\" },\n"
    "    Local {\nv=0\nc=IN IP4 $\nm=message $ TCP -\n}\n"
    "  } }, Events = 2001 { hangterm/thb { timerx = @timerx@ } } } } }\n".

configure_t2() ->
    head() ++
    "  Context = @ctx@ { Modify = @t2@ { Media { Stream = 2 {\n"
    "    LocalControl { Mode = SendReceive },\n"
    "    Remote {\nv=0\nc=IN IP4 127.0.0.1\nm=message 2855 TCP -\na=setup:active\n}\n"
    "  } } } } }\n".

add_t1() ->
    head() ++
    "  Context = @ctx@ { Add = ip/$/access/$ {\n"
    "    Media {\n"
    "      TerminationState { mgroup/groupse = [\"SCTP @grouped@\"] },\n"
    "      Stream = 1 {\n"
    "        LocalControl { Mode = SendReceive, ipdc/realm = \"access.example.net\", mgroup/strdeagg = [2] },\n"
    "        Local {\nv=0\nc=IN IP4 $\nm=application $ UDP/DTLS/SCTP webrtc-datachannel\na=sctp-port:$\n"
    "a=max-message-size:$\na=fingerprint:sha-256 $\na=ice-ufrag:$\na=ice-pwd:$\na=candidate:$\n},\n"
    "        Remote {\nv=0\nc=IN IP4 127.0.0.1\nm=application 50000 UDP/DTLS/SCTP webrtc-datachannel\na=sctp-port:5000\n"
    "a=max-message-size:65536\na=fingerprint:sha-256 "
    "AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99\n"
    "a=ice-ufrag:wicu\na=ice-pwd:wicwicwicwicwicwicwicwic\n}\n"
    "      },\n"
    "      Stream = 2 { LocalControl { Mode = SendReceive, sctpbcc/sctpid = 0 } }\n"
    "    },\n"
    "    Events = 2003 { hangterm/thb { timerx = 3600 }, tlsbsc/BNCChange { Stream = 1 } },\n"
    "    Signals { tlsbsc/EstBNC { Stream = 1 } }\n"
    "  } } }\n".

release() -> with_context("@ctx@", "W-Subtract = * { Audit { } }").
audit_root(What) -> with_context("-", ["AuditValue = ROOT { Audit { ", What, " } }"]).
audit_term(What) -> with_context("@ctx@", ["AuditValue = @t2@ { Audit { ", What, " } }"]).

with_context(Context, Commands) ->
    lists:flatten([head(), "  Context = ", Context, " { ", Commands, " } }\n"]).

register_reply() ->
    "MEGACO/1 <mgc.example.net>:@port@\n"
    "Reply = @tid@ { Context = - { ServiceChange = ROOT { Services { Profile = openiq/1, Version = 2 } } } }\n".
