/* A call of audio between a browser and a phone, as messages to the control thread (iq-profile 6). */
#pragma once

#include "tests/unit/agw_rig.h"

#define FP                                                                                         \
    "AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:"   \
    "88:99"

#define OPUS "a=rtpmap:111 opus/48000/2\na=rtpmap:110 telephone-event/48000\n"
#define WIC_LOCAL(id, media, fmts, more)                                                           \
    "Stream = " id " { LocalControl { Mode = SendReceive, ipdc/realm = \"access.example.net\", "   \
    "rtcph/rsb = OFF }, Local {\nv=0\nc=IN IP4 $\nm=" media " $ UDP/TLS/RTP/SAVPF " fmts           \
    "\na=rtcp-mux\na=ice-ufrag:$\na=ice-pwd:$\na=candidate:$\na=fingerprint:sha-256 $\n" more "}"
#define WIC_REMOTE(media, fmts, more)                                                              \
    "Remote {\nv=0\nc=IN IP4 198.51.100.10\nm=" media " 40000 UDP/TLS/RTP/SAVPF " fmts             \
    "\na=rtcp-mux\na=ice-ufrag:aZ3x\na=ice-pwd:0123456789abcdefghijkl\n"                           \
    "a=candidate:1 1 UDP 2130706431 198.51.100.10 40000 typ host\na=fingerprint:sha-256 " FP       \
    "\n" more "}"
#define WIC_EVENTS                                                                                 \
    "Events = 2010 { hangterm/thb { timerx = 3600 }, tlsbsc/BNCChange { Stream = 1 } }, "          \
    "Signals { mgastuns/astuns { Stream = 1 } }"

/* iq-profile 6, message 2001, letter by letter but for the context it goes to */
#define ADD_WIC(ctx)                                                                               \
    "Context = " ctx " { Add = ip/$/access/$ { Media { " WIC_LOCAL("1", "audio", "111", "") ", "   \
    WIC_REMOTE("audio", "111", "") " } }, " WIC_EVENTS " } }"

static const char ADD_CORE[] =
    "Context = $ { Add = ip/$/core/$ { Media { Stream = 1 { LocalControl { Mode = SendReceive, "
    "ipdc/realm = \"core.example.net\" }, Local {\nv=0\nc=IN IP4 $\nm=audio $ RTP/AVP 96 97\n"
    "a=rtpmap:96 opus/48000/2\na=rtpmap:97 telephone-event/48000\n} } } } }";
static const char CORE_ANSWER[] =
    "Context = 1 { Modify = ip/1/core/1 { Media { Stream = 1 { Remote {\nv=0\nc=IN IP4 192.0.2.99\n"
    "m=audio 30000 RTP/AVP 98 99\na=rtpmap:98 opus/48000/2\na=rtpmap:99 telephone-event/48000\n} } } } }";
static const char ADD_WIC_OPUS[] =
    "Context = 1 { Add = ip/$/access/$ { Media { " WIC_LOCAL("1", "audio", "111 110", OPUS) ", "
    WIC_REMOTE("audio", "111 110", OPUS) " } }, " WIC_EVENTS " } }";

#define MODIFY(term, x) "Context = 1 { Modify = " term " { " x " } }"

/* SDES, RFC 4568 */
#define KEY_A "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"
#define KEY_B "NzB4d1BINUAvLEw6UzF3WSJ+PSdFcGdUJShpX1Zj"
#define SDES(local, remote)                                                                        \
    "Context = $ { Add = ip/$/core/$ { Media { Stream = 1 { LocalControl { Mode = SendReceive }, " \
    "Local {\nv=0\nc=IN IP4 $\nm=audio $ RTP/SAVP 0\n" local "}" remote " } } } }"
#define SDES_REMOTE(lines) ", Remote {\nv=0\nc=IN IP4 192.0.2.9\nm=audio 5000 RTP/SAVP 0\n" lines "}"

static inline void call(struct rig *r)
{
    assert_int_equal(error_of(run(r, ADD_CORE)), 0);
    assert_int_equal(error_of(run(r, CORE_ANSWER)), 0);
    assert_int_equal(error_of(run(r, ADD_WIC_OPUS)), 0);
}
