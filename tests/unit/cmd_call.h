/* The call of TS 23.334 6.2.10.6.2, steps 2 to 13, as the Iq profile writes it. */
#pragma once

#include "tests/unit/agw_rig.h"

#define FP                                                                                         \
    "AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:"   \
    "88:99"

static const char ADD_T2[] = "Context = $ { Add = ip/$/core/$ { Media { Stream = 2 { LocalControl "
                             "{ Mode = Inactive, ipdc/realm = "
                             "\"core.example.net\" }, Local {\nv=0\nc=IN IP4 $\nm=message $ TCP "
                             "-\n} } }, Events = 2001 { hangterm/thb { timerx = "
                             "3600 } } } }";
static const char MODIFY_T2[] = "Context = 1 { Modify = ip/1/core/1 { Media { Stream = 2 { "
                                "LocalControl { Mode = SendReceive }, Remote {\nv=0\nc=IN IP4 "
                                "192.0.2.99\nm=message 2855 TCP -\n} } } } }";

#define T1_REMOTE                                                                                  \
    "Remote {\nv=0\nc=IN IP4 198.51.100.10\nm=application 50000 UDP/DTLS/SCTP "                    \
    "webrtc-datachannel\na=ice-ufrag:aZ3x\n"                                                       \
    "a=ice-pwd:0123456789abcdefghijkl\na=sctp-port:5001\na=max-message-size:65536\na=fingerprint:" \
    "sha-256 " FP "\n}"
#define T1_LOCAL                                                                                   \
    "Local {\nv=0\nc=IN IP4 $\nm=application $ UDP/DTLS/SCTP "                                     \
    "webrtc-datachannel\na=ice-ufrag:$\na=ice-pwd:$\n"                                             \
    "a=candidate:$\na=sctp-port:$\na=max-message-size:$\na=fingerprint:sha-256 $\n}"
#define ADD_T1_GROUP(group, deagg, streams)                                                        \
    "Context = 1 { Add = ip/$/access/$ { Media { TerminationState { mgroup/groupse = [" group      \
    "] }, Stream = 1 { "                                                                           \
    "LocalControl { Mode = SendReceive, ipdc/realm = \"access.example.net\", mgroup/strdeagg = "   \
    "[" deagg "] }, " T1_LOCAL ", " T1_REMOTE " }, " streams                                       \
    " }, Events = 2003 { hangterm/thb { timerx = 3600 }, tlsbsc/BNCChange { Stream = 1 } }, "      \
    "Signals { tlsbsc/EstBNC { Stream = 1 } } } }"
#define CHANNEL(stream, sid)                                                                       \
    "Stream = " stream " { LocalControl { Mode = SendReceive, sctpbcc/sctpid = " sid " } }"

static const char ADD_T1[] = ADD_T1_GROUP("\"SCTP 2\"", "2", CHANNEL("2", "0"));
static const char RELEASE[] = "Context = 1 { W-Subtract = * { Audit { } } }";

static inline void call_up(struct rig *r)
{
    assert_int_equal(error_of(run(r, ADD_T2)), 0);
    assert_int_equal(error_of(run(r, MODIFY_T2)), 0);
    assert_int_equal(error_of(run(r, ADD_T1)), 0);
}
