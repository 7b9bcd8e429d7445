/* RTP streams through the control thread: the messages of the Iq profile (6, "DTLS-SRTP with ICE lite", "Emergency and
 * priority, gates, policing, latching"; TS 23.334 6.2.10.2, 6.2.10.5, 6.2.11), and what the worker is told. */
#include "tests/unit/agw_rig.h"

#include "agw/ctl/stats.h"

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

static void test_example(void **state)
{
    struct rig *r = *state;
    const struct h248_txn *t = run(r, ADD_WIC("$"));
    struct sdp *sdp;
    const struct bus_msg *sep, *flow;
    char want[128];

    assert_int_equal(error_of(t), 0);
    sdp = local_of(r, t, 1);
    sep = worker_got(r, BUS_SEP_OPEN);
    flow = worker_got(r, BUS_FLOW_OPEN);
    assert_true(sep && flow);
    assert_ptr_equal(r->to_worker[0], sep); /* what a flow rides on goes first */
    assert_int_equal(r->n_data, 0);
    assert_int_equal(sdp->media->port, addr_port(&sep->u.sep.local));
    assert_text(sdp_attr_find(sdp->media->attrs, "ice-ufrag")->value, sep->u.sep.ufrag);
    assert_text(sdp_attr_find(sdp->media->attrs, "ice-pwd")->value, sep->u.sep.pwd);
    snprintf(want, sizeof want, "1 1 UDP 2130706431 127.0.0.1 %d typ host", sdp->media->port);
    assert_text(sdp_attr_find(sdp->media->attrs, "candidate")->value, want);
    assert_null(sdp_attr_next(sdp_attr_find(sdp->media->attrs, "candidate"), "candidate"));
    assert_non_null(sdp_attr_find(sdp->media->attrs, "fingerprint"));
    assert_true(sep->u.sep.fd >= 0 && sep->u.sep.ice && !sep->u.sep.data);
    assert_int_equal(sep->u.sep.role, BUS_DTLS_SERVER);
    assert_true(sep->u.sep.rtp.on && sep->u.sep.rtp.mux);
    assert_int_equal(sep->u.sep.rtp.sec, BUS_SEC_DTLS);
    assert_int_equal(sep->u.sep.rtp.rtcp_fd, -1);
    assert_int_equal(flow->u.flow.sep, sep->u.sep.id);
    assert_int_not_equal(flow->u.flow.id, sep->u.sep.id);
    assert_true(flow->u.flow.in && flow->u.flow.out && flow->u.flow.feedback && flow->u.flow.has_rtcp);
    assert_int_equal(flow->u.flow.n_fmts, 1);
    assert_int_equal(flow->u.flow.fmts[0].pt, 111);
    assert_non_null(flow->u.flow.counts);
    assert_false(flow->u.flow.tell_mid || flow->u.flow.video);
    assert_null(worker_got(r, BUS_FLOW_JOIN));
    /* established later: iq-profile 6, message 2002 */
    assert_int_equal(
        error_of(run(r, "Context = 1 { Modify = ip/1/access/1 { Signals { tlsbsc/EstBNC { Stream = 1 } } } }")), 0);
    sep = worker_got(r, BUS_SEP_REMOTE);
    assert_true(sep && sep->u.sep.establish);
    assert_int_equal(sep->u.sep.role, BUS_DTLS_CLIENT);
}

static void test_connected(void **state)
{
    struct rig *r = *state;
    const struct h248_txn *t = run(r, ADD_CORE);
    const struct bus_msg *sep = worker_got(r, BUS_SEP_OPEN), *flow = worker_got(r, BUS_FLOW_OPEN), *join;
    struct sdp *sdp = local_of(r, t, 1);
    bus_id core, wic;
    char host[ADDR_STRLEN];

    assert_true(sep && flow);
    assert_int_equal(sdp->media->port % 2, 0);
    assert_true(sep->u.sep.rtp.rtcp_fd >= 0 && !sep->u.sep.rtp.mux && !sep->u.sep.ice);
    assert_int_equal(sep->u.sep.rtp.sec, BUS_SEC_NONE);
    assert_int_equal(sep->u.sep.role, BUS_DTLS_NONE);
    assert_false(sep->u.sep.has_remote || flow->u.flow.feedback);
    assert_int_equal(flow->u.flow.n_fmts, 2);
    assert_true(flow->u.flow.fmts[1].event && flow->u.flow.fmts[0].clock == 48000);
    core = flow->u.flow.id;
    assert_int_equal(error_of(run(r, CORE_ANSWER)), 0);
    sep = worker_got(r, BUS_SEP_REMOTE);
    assert_string_equal(addr_str(&sep->u.sep.remote, host), "192.0.2.99:30000");
    assert_string_equal(addr_str(&sep->u.sep.rtp.remote_rtcp, host), "192.0.2.99:30001");
    assert_non_null(worker_got(r, BUS_FLOW_CHANGE));
    assert_int_equal(error_of(run(r, ADD_WIC_OPUS)), 0);
    wic = worker_got(r, BUS_FLOW_OPEN)->u.flow.id;
    join = worker_got(r, BUS_FLOW_JOIN);
    assert_non_null(join);
    assert_int_equal(join->u.wire.a, core);
    assert_int_equal(join->u.wire.b, wic);
    assert_int_equal(join->u.wire.a_to_b[96], 111);
    assert_int_equal(join->u.wire.a_to_b[97], 110);
    assert_int_equal(join->u.wire.a_to_b[0], BUS_PT_DROP);
    assert_int_equal(join->u.wire.b_to_a[111], 98);
    assert_int_equal(join->u.wire.b_to_a[110], 99);
    assert_int_equal(join->u.wire.b_to_a[98], BUS_PT_DROP);
    /* released: flows before what they ride on; everything comes back */
    assert_int_equal(error_of(run(r, "Context = 1 { W-Subtract = * { Audit { } } }")), 0);
    assert_int_equal(r->n_worker, 4);
    assert_int_equal(r->to_worker[0]->kind, BUS_FLOW_CLOSE);
    assert_int_equal(r->to_worker[1]->kind, BUS_SEP_CLOSE);
    assert_int_equal(r->n_data, 0);
    assert_false(ctl_is_idle(r->ctl));
    close_all(r);
    assert_true(ctl_is_idle(r->ctl));
    assert_int_equal(port_left(r->ctl->realms[0].udp[0]) + port_left(r->ctl->realms[1].udp[0]), 400);
}


/* --- the call changes --- */

static void call(struct rig *r)
{
    assert_int_equal(error_of(run(r, ADD_CORE)), 0);
    assert_int_equal(error_of(run(r, CORE_ANSWER)), 0);
    assert_int_equal(error_of(run(r, ADD_WIC_OPUS)), 0);
}

static unsigned count_of(const struct rig *r, enum bus_kind kind)
{
    unsigned n = 0;

    for (unsigned i = 0; i < r->n_worker; i++)
        n += r->to_worker[i]->kind == kind;
    return n;
}

#define VP8 "a=rtpmap:100 VP8/90000\n"
#define MODIFY(term, x) "Context = 1 { Modify = " term " { " x " } }"

/* Video comes by Modify on both terminations and goes by empty descriptors (H.248.1 7.1.8). */
static void test_video(void **state)
{
    struct rig *r = *state;
    const struct bus_msg *flow, *join;
    bus_id core, sep;

    call(r);
    assert_int_equal(
        error_of(run(r, MODIFY("ip/1/core/1", "Media { Stream = 2 { LocalControl { Mode = SendReceive }, Local {\nv=0\n"
                                              "c=IN IP4 $\nm=video $ RTP/AVPF 99\na=rtpmap:99 VP8/90000\n}, Remote {\nv=0\n"
                                              "c=IN IP4 192.0.2.99\nm=video 30002 RTP/AVPF 98\na=rtpmap:98 VP8/90000\n} } }"))), 0);
    flow = worker_got(r, BUS_FLOW_OPEN);
    assert_true(flow && flow->u.flow.video && flow->u.flow.feedback);
    core = flow->u.flow.id;
    sep = worker_got(r, BUS_SEP_OPEN)->u.sep.id;
    assert_null(worker_got(r, BUS_FLOW_JOIN));
    assert_null(worker_got(r, BUS_SEP_REMOTE)); /* audio hears nothing of it */
    assert_int_equal(error_of(run(r, MODIFY("ip/1/access/2", "Media { " WIC_LOCAL("2", "video", "100", VP8) ", "
                                            WIC_REMOTE("video", "100", VP8) " } }"))), 0);
    join = worker_got(r, BUS_FLOW_JOIN);
    assert_non_null(join);
    assert_int_equal(count_of(r, BUS_FLOW_JOIN), 1);
    assert_int_equal(join->u.wire.a, core);
    assert_int_equal(join->u.wire.a_to_b[99], 100);
    assert_int_equal(join->u.wire.b_to_a[100], 98);
    assert_int_equal(error_of(run(r, MODIFY("ip/1/core/1", "Media { Stream = 2 { Local { }, Remote { } } }"))), 0);
    assert_int_equal(r->n_worker, 3); /* and audio's gate as it was */
    assert_int_equal(worker_got(r, BUS_FLOW_CLOSE)->u.id, core);
    assert_int_equal(worker_got(r, BUS_SEP_CLOSE)->u.id, sep);
    assert_int_equal(error_of(run(r, MODIFY("ip/1/access/2", "Media { Stream = 2 { Local { }, Remote { } } }"))), 0);
    assert_int_equal(count_get(&r->ctl->counts[CTL_C_STREAMS]), 2);
}

static void test_hold(void **state)
{
    struct rig *r = *state;
    static const struct {
        const char *mode;
        bool in, out;
    } rows[] = {{"Inactive", false, false}, {"SendOnly", false, true}, {"ReceiveOnly", true, false}, {"SendReceive", true, true}};
    bus_id core;

    run(r, ADD_CORE);
    core = worker_got(r, BUS_FLOW_OPEN)->u.flow.id;
    run(r, ADD_WIC_OPUS);
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        char text[256];
        const struct bus_msg *gate;

        snprintf(text, sizeof text, MODIFY("ip/1/core/1", "Media { Stream = 1 { LocalControl { Mode = %s } } }"), rows[i].mode);
        assert_int_equal(error_of(run(r, text)), 0);
        assert_int_equal(r->n_worker, 1); /* the gate alone: ICE, keys and wires stay (TS 23.334 6.2.11) */
        gate = worker_got(r, BUS_GATE);
        assert_int_equal(gate->u.gate.id, core);
        assert_int_equal(gate->u.gate.in, rows[i].in);
        assert_int_equal(gate->u.gate.out, rows[i].out);
    }
}

/* Another Remote: other payload types, and the wire with them. */
static void test_codecs_change(void **state)
{
    struct rig *r = *state;
    const struct bus_msg *join;

    call(r);
    assert_int_equal(error_of(run(r, MODIFY("ip/1/core/1", "Media { Stream = 1 { Remote {\nv=0\nc=IN IP4 192.0.2.99\n"
                                            "m=audio 30000 RTP/AVP 120\na=rtpmap:120 opus/48000/2\n} } }"))), 0);
    join = worker_got(r, BUS_FLOW_JOIN);
    assert_non_null(join);
    assert_int_equal(join->u.wire.b_to_a[111], 120);
    assert_int_equal(join->u.wire.b_to_a[110], BUS_PT_DROP); /* no telephone-event there */
    assert_int_equal(join->u.wire.a_to_b[96], 111);
}

/* ATGW transfer (TS 23.334 6.2.14): the third termination is connected when the second goes. */
static void test_transfer(void **state)
{
    struct rig *r = *state;
    const struct bus_msg *join;
    bus_id third;

    call(r);
    assert_int_equal(error_of(run(r, "Context = 1 { Add = ip/$/core/$ { Media { Stream = 1 { LocalControl { Mode = SendReceive }, "
                                     "Local {\nv=0\nc=IN IP4 $\nm=audio $ RTP/AVP -\n} } } } }")), 0);
    third = worker_got(r, BUS_FLOW_OPEN)->u.flow.id;
    assert_null(worker_got(r, BUS_FLOW_JOIN));
    assert_int_equal(error_of(run(r, "Context = 1 { Subtract = ip/1/core/1 { Audit { } } }")), 0);
    join = worker_got(r, BUS_FLOW_JOIN);
    assert_non_null(join);
    assert_true(join->u.wire.a == third || join->u.wire.b == third);
    assert_int_equal(join->u.wire.a_to_b[77], 77); /* `-`: as it is */
}

/* A certificate that was not there before is a new association, which its owner starts (RFC 8842). */
static void test_new_fingerprint(void **state)
{
    struct rig *r = *state;
    char other[4096];
    char *fp;

    call(r);
    run(r, MODIFY("ip/1/access/2", "Signals { tlsbsc/EstBNC { Stream = 1 } }"));
    assert_int_equal(worker_got(r, BUS_SEP_REMOTE)->u.sep.role, BUS_DTLS_CLIENT);
    assert_int_equal(error_of(run(r, MODIFY("ip/1/access/2", "Media { Stream = 1 { " WIC_REMOTE("audio", "111", "") " } }"))), 0);
    assert_int_equal(worker_got(r, BUS_SEP_REMOTE)->u.sep.role, BUS_DTLS_CLIENT); /* the same certificate */
    snprintf(other, sizeof other, MODIFY("ip/1/access/2", "Media { Stream = 1 { " WIC_REMOTE("audio", "111", "") " } }"));
    fp = strstr(other, "sha-256 AA");
    fp[8] = fp[9] = '0';
    assert_int_equal(error_of(run(r, other)), 0);
    assert_int_equal(worker_got(r, BUS_SEP_REMOTE)->u.sep.role, BUS_DTLS_SERVER);
    assert_int_equal(worker_got(r, BUS_SEP_REMOTE)->u.sep.fp[0], 0);
    assert_string_equal(worker_got(r, BUS_SEP_REMOTE)->u.sep.ufrag, ""); /* unchanged */
    assert_int_equal(error_of(run(r, MODIFY("ip/1/access/2", "Media { " WIC_LOCAL("1", "audio", "111", "") " } }"))), 0);
    assert_int_not_equal(strlen(worker_got(r, BUS_SEP_REMOTE)->u.sep.ufrag), 0); /* ICE restart */
}

/* The same one again: EstBNC with a Remote, and RelBNC, make a new association; EstBNC alone, or the first, does not. */
static void test_association_again(void **state)
{
    struct rig *r = *state;
    const struct bus_sep *sep;

    call(r);
    run(r, MODIFY("ip/1/access/2", "Media { Stream = 1 { " WIC_REMOTE("audio", "111", "") " } }, Signals { tlsbsc/EstBNC { Stream = 1 } }"));
    sep = &worker_got(r, BUS_SEP_REMOTE)->u.sep;
    assert_true(sep->establish && !sep->again);
    run(r, MODIFY("ip/1/access/2", "Signals { tlsbsc/EstBNC { Stream = 1 } }"));
    assert_false(worker_got(r, BUS_SEP_REMOTE)->u.sep.again);
    run(r, MODIFY("ip/1/access/2", "Media { Stream = 1 { " WIC_REMOTE("audio", "111", "") " } }, Signals { tlsbsc/EstBNC { Stream = 1 } }"));
    assert_true(worker_got(r, BUS_SEP_REMOTE)->u.sep.again);
    run(r, MODIFY("ip/1/access/2", "Media { Stream = 1 { " WIC_REMOTE("audio", "111", "") " } }"));
    assert_false(worker_got(r, BUS_SEP_REMOTE)->u.sep.again);
    assert_int_equal(error_of(run(r, MODIFY("ip/1/access/2", "Signals { tlsbsc/RelBNC { Stream = 1 } }"))), 0);
    sep = &worker_got(r, BUS_SEP_REMOTE)->u.sep;
    assert_true(sep->again);
    assert_int_equal(sep->role, BUS_DTLS_SERVER);
    assert_int_equal(error_of(run(r, MODIFY("ip/1/core/1", "Signals { tlsbsc/RelBNC { Stream = 1 } }"))), 513);
}

/* --- SDES --- */

#define KEY_A "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"
#define KEY_B "NzB4d1BINUAvLEw6UzF3WSJ+PSdFcGdUJShpX1Zj"
#define SDES(local, remote)                                                                        \
    "Context = $ { Add = ip/$/core/$ { Media { Stream = 1 { LocalControl { Mode = SendReceive }, " \
    "Local {\nv=0\nc=IN IP4 $\nm=audio $ RTP/SAVP 0\n" local "}" remote " } } } }"
#define SDES_REMOTE(lines) ", Remote {\nv=0\nc=IN IP4 192.0.2.9\nm=audio 5000 RTP/SAVP 0\n" lines "}"

static void test_sdes(void **state)
{
    struct rig *r = *state;
    const struct h248_txn *t;
    const struct bus_rtp *rtp;
    struct sv crypto;

    /* TS 23.334 6.2.10.2: ours in Local, theirs in Remote */
    t = run(r, SDES("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" KEY_A "|2^20\n",
                    SDES_REMOTE("a=crypto:2 AES_CM_128_HMAC_SHA1_32 inline:" KEY_B "\n"
                                "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" KEY_B "\n")));
    assert_int_equal(error_of(t), 0);
    rtp = &worker_got(r, BUS_SEP_OPEN)->u.sep.rtp;
    assert_int_equal(rtp->sec, BUS_SEC_SDES);
    assert_int_equal(rtp->send.profile, SRTP_AES128_CM_SHA1_80);
    assert_memory_equal(rtp->send.key, "YS___semctl () {", 16);
    assert_memory_equal(rtp->send.salt, "\t220;}\n}\nunles", 14);
    assert_memory_equal(rtp->recv.key, "70xwPH5@/,L:S1wY", 16);
    /* another key of theirs */
    assert_int_equal(error_of(run(r, MODIFY("ip/1/core/1", "Media { Stream = 1 { Remote {\nv=0\nc=IN IP4 192.0.2.9\n"
                                            "m=audio 5000 RTP/SAVP 0\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" KEY_A
                                            "\n} } }"))), 0);
    assert_memory_equal(worker_got(r, BUS_SEP_REMOTE)->u.sep.rtp.recv.key, "YS___semctl () {", 16);
    /* chosen by us: suite and tag by Remote */
    t = run(r, SDES("a=crypto:$\n", SDES_REMOTE("a=crypto:7 AEAD_AES_256_GCM inline:"
                                                "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKis=\n")));
    assert_int_equal(error_of(t), 0);
    crypto = sdp_attr_find(local_of(r, t, 1)->media->attrs, "crypto")->value;
    assert_true(sv_starts(crypto, "7 AEAD_AES_256_GCM inline:"));
    rtp = &worker_got(r, BUS_SEP_OPEN)->u.sep.rtp;
    assert_int_equal(rtp->recv.key[31], 31);
    assert_int_equal(rtp->recv.salt[11], 43);
    assert_int_equal(rtp->send.profile, SRTP_AEAD_AES_256_GCM);
    assert_memory_not_equal(rtp->send.key, rtp->recv.key, 16);
    /* the suite by the controller, Remote later */
    t = run(r, SDES("a=crypto:3 AEAD_AES_128_GCM inline:$\n", ""));
    assert_int_equal(error_of(t), 0);
    assert_true(sv_starts(sdp_attr_find(local_of(r, t, 1)->media->attrs, "crypto")->value, "3 AEAD_AES_128_GCM inline:"));
    rtp = &worker_got(r, BUS_SEP_OPEN)->u.sep.rtp;
    assert_int_equal(rtp->send.profile, SRTP_AEAD_AES_128_GCM);
    assert_int_equal(rtp->recv.profile, SRTP_PROFILE_NONE);
    /* TS 23.334 6.2.10A: no keys at all, it passes as it is */
    assert_int_equal(error_of(run(r, SDES("", SDES_REMOTE("")))), 0);
    assert_int_equal(worker_got(r, BUS_SEP_OPEN)->u.sep.rtp.sec, BUS_SEC_NONE);
}

/* --- bundle --- */

#define MEMBER(id, media, pt, mid, remote)                                                         \
    "Stream = " id " { LocalControl { Mode = SendReceive }, Local {\nv=0\nc=IN IP4 $\nm=" media    \
    " $ UDP/TLS/RTP/SAVPF " pt "\na=rtcp-mux\na=mid:" mid                                          \
    "\na=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\na=ice-ufrag:$\na=ice-pwd:$\n"               \
    "a=candidate:$\na=fingerprint:sha-256 $\n}" remote " }"
#define DATA                                                                                       \
    "Stream = 3 { LocalControl { mgroup/strdeagg = [4] }, Local {\nv=0\nc=IN IP4 $\nm=application " \
    "$ UDP/DTLS/SCTP webrtc-datachannel\na=ice-ufrag:$\na=ice-pwd:$\na=sctp-port:$\n"              \
    "a=fingerprint:sha-256 $\na=mid:2\n} }, Stream = 4 { LocalControl { Mode = SendReceive, sctpbcc/sctpid = 0 } }"
#define BUNDLE(ctx, groups, streams)                                                               \
    "Context = " ctx " { Add = ip/$/access/$ { Media { TerminationState { mgroup/groupse = ["      \
    groups "] }, " streams " } } }"

static void test_bundle(void **state)
{
    struct rig *r = *state;
    const struct h248_txn *t = run(r, BUNDLE("$", "\"BUNDLE 1 2 3\", \"SCTP 4\"",
                                             MEMBER("1", "audio", "111", "0", "") ", " MEMBER("2", "video", "100", "1", "") ", " DATA));
    const struct bus_msg *sep, *assoc, *flow = NULL;
    struct sdp *one, *two, *three;
    char ufrag[16], pwd[40];
    bus_id id, audio = 0;
    int port;

    assert_int_equal(error_of(t), 0);
    one = local_of(r, t, 1);
    two = local_of(r, t, 2);
    three = local_of(r, t, 3);
    sep = worker_got(r, BUS_SEP_OPEN);
    assoc = data_got(r, BUS_ASSOC_OPEN);
    assert_int_equal(count_of(r, BUS_SEP_OPEN), 1);
    assert_int_equal(count_of(r, BUS_FLOW_OPEN), 2);
    assert_int_equal(one->media->port, two->media->port);
    assert_int_equal(one->media->port, three->media->port);
    port = one->media->port;
    assert_int_equal(port, addr_port(&sep->u.sep.local));
    memcpy(ufrag, sep->u.sep.ufrag, sizeof ufrag);
    memcpy(pwd, sep->u.sep.pwd, sizeof pwd);
    assert_text(sdp_attr_find(one->media->attrs, "ice-ufrag")->value, ufrag);
    assert_text(sdp_attr_find(two->media->attrs, "ice-ufrag")->value, ufrag);
    assert_text(sdp_attr_find(three->media->attrs, "ice-pwd")->value, pwd);
    assert_int_equal(assoc->u.assoc.id, sep->u.sep.id);
    assert_true(sep->u.sep.data && sep->u.sep.rtp.on && sep->u.sep.rtp.mux);
    id = sep->u.sep.id;
    for (unsigned i = 0; i < r->n_worker; i++) {
        if (r->to_worker[i]->kind != BUS_FLOW_OPEN)
            continue;
        flow = r->to_worker[i];
        assert_true(flow->u.flow.tell_mid);
        assert_int_equal(flow->u.flow.sep, id);
        assert_int_equal(flow->u.flow.mid_ext, 4);
        assert_string_equal(flow->u.flow.mid, flow->u.flow.video ? "1" : "0");
        assert_false(flow->u.flow.keep_ext);
        if (!flow->u.flow.video)
            audio = flow->u.flow.id;
    }
    /* the answer: one order for the transport */
    assert_int_equal(error_of(run(r, MODIFY("ip/1/access/1", "Media { Stream = 1 { " WIC_REMOTE("audio", "111", "")
                                            " }, Stream = 2 { " WIC_REMOTE("video", "100", "") " } }"))), 0);
    assert_int_equal(count_of(r, BUS_SEP_REMOTE), 1);
    assert_string_equal(worker_got(r, BUS_SEP_REMOTE)->u.sep.remote_ufrag, "aZ3x");
    assert_int_equal(count_of(r, BUS_FLOW_CHANGE), 2);
    /* news of the transport reaches who asked for it */
    run(r, MODIFY("ip/1/access/1", "Events = 6 { tlsbsc/BNCChange { Stream = 2 } }"));
    event(r, id, BUS_EV_DTLS_FAILED);
    assert_int_equal(r->n_sent, 1);
    assert_non_null(strstr(r->sent, "ST=2"));
    r->cb(r->cb_arg, TRANS_CLOSED, NULL);
    /* the first goes, what they share stays; then a channel comes without audio */
    assert_int_equal(error_of(run(r, MODIFY("ip/1/access/1", "Media { TerminationState { mgroup/groupse = [\"BUNDLE 2 3\", "
                                            "\"SCTP 4\"] }, Stream = 1 { Local { }, Remote { } } }"))), 0);
    assert_int_equal(worker_got(r, BUS_FLOW_CLOSE)->u.id, audio);
    assert_null(worker_got(r, BUS_SEP_CLOSE));
    closed(r, audio);
    /* and comes again, on the same transport */
    t = run(r, MODIFY("ip/1/access/1", "Media { TerminationState { mgroup/groupse = [\"BUNDLE 2 3 1\", \"SCTP 4\"] }, "
                      "Stream = 1 { LocalControl { Mode = SendReceive }, Local {\nv=0\nc=IN IP4 $\nm=audio $ UDP/TLS/RTP/SAVPF 111\n"
                      "a=rtcp-mux\n} } }"));
    assert_int_equal(error_of(t), 0);
    assert_null(worker_got(r, BUS_SEP_OPEN));
    assert_int_equal(worker_got(r, BUS_FLOW_OPEN)->u.flow.sep, id);
    assert_int_equal(local_of(r, t, 1)->media->port, port);
    /* data leaves, then all */
    assert_int_equal(error_of(run(r, MODIFY("ip/1/access/1", "Media { TerminationState { mgroup/groupse = [\"BUNDLE 2 1\"] }, "
                                            "Stream = 3 { LocalControl { mgroup/strdeagg = [4] }, Local { }, Remote { } } }"))), 0);
    assert_int_equal(r->n_data, 2); /* its channel, too */
    close_all(r);
    run(r, "Context = 1 { W-Subtract = * { Audit { } } }");
    close_all(r);
    assert_true(ctl_is_idle(r->ctl));
}

static void test_bundle_refused(void **state)
{
    struct rig *r = *state;
    static const char *const rows[] = {
        BUNDLE("$", "\"BUNDLE 1 2\"", MEMBER("1", "audio", "111", "0", "")),
        BUNDLE("$", "\"BUNDLE 1\", \"BUNDLE 1 2\"", MEMBER("1", "audio", "111", "0", "") ", " MEMBER("2", "video", "100", "1", "")),
        BUNDLE("$", "\"BUNDLE 1 2\"", MEMBER("1", "audio", "111", "0", "")
               ", Stream = 2 { Local {\nv=0\nc=IN IP4 $\nm=video $ UDP/TLS/RTP/SAVPF 100\n} }"),
        BUNDLE("$", "\"BUNDLE 1 2\"", MEMBER("1", "audio", "111", "0", "")
               ", Stream = 2 { Local {\nv=0\nc=IN IP4 $\nm=video $ RTP/AVP 100\na=rtcp-mux\n} }"),
        BUNDLE("$", "\"BUNDLE 1 2\"", MEMBER("1", "audio", "111", "0", "")
               ", Stream = 2 { Local {\nv=0\nc=IN IP4 $\nm=message $ TCP -\n} }"),
        BUNDLE("$", "\"BUNDLE 1\"", "Stream = 1 { Local {\nv=0\nc=IN IP4 $\nm=audio $ RTP/SAVP 0\na=rtcp-mux\n"
               "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" KEY_A "\n} }"),
    };
    char text[256];

    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        expect_error(r, rows[i], 489);
        assert_true(ctl_is_idle(r->ctl));
    }
    /* two that stand alone cannot be bundled later */
    run(r, "Context = $ { Add = ip/$/access/$ { Media { " MEMBER("1", "audio", "111", "0", "") ", "
           MEMBER("2", "video", "100", "1", "") " } } }");
    snprintf(text, sizeof text,
             "Context = %u { Modify = %s { Media { TerminationState { mgroup/groupse = [\"BUNDLE 1 2\"] } } } }",
             r->ctl->ctxs->id, r->ctl->ctxs->terms->id);
    expect_error(r, text, 489);
}

/* --- gates, policing, latching --- */

static int setup_six(void **state)
{
    struct rig *r;
    struct addr six;
    int err = setup(state);

    if (err)
        return err;
    r = *state;
    addr_parse(&six, SV("::1"), 0);
    return port_pool_new(&r->ctl->realms[1].udp[1], PORT_UDP, &six, 22000, 22199);
}

/* iq-profile 6, message 3001 */
static void test_gates(void **state)
{
    struct rig *r = *state;
    const struct h248_txn *t =
        run(r, "Context = $ { Priority = 10, Emergency, Add = ip/$/access/$ { Media { Stream = 1 { LocalControl { Mode = ReceiveOnly, "
               "ReservedValue = ON, ipdc/realm = \"access.example.net\", ds/dscp = 46, gm/saf = ON, tman/pol = ON, tman/pdr = 12000, "
               "tman/mbs = 1600 }, Local {\nv=0\nc=IN IP6 $\nm=audio $ RTP/AVP 96 97\na=rtpmap:96 AMR/8000\n"
               "a=rtpmap:97 telephone-event/8000\n} } }, Events = 3001 { hangterm/thb { timerx = 3600 }, g/cause }, "
               "Signals { ipnapt/latch { napt = LATCH } } } }");
    const struct bus_msg *sep, *flow;
    const struct bus_rtp *rtp;
    int tos = 0;
    socklen_t n = sizeof tos;

    if (error_of(t) == 510)
        skip(); /* no IPv6 on this host */
    assert_int_equal(error_of(t), 0);
    assert_text(local_of(r, t, 1)->conn.addr, "::1");
    sep = worker_got(r, BUS_SEP_OPEN);
    flow = worker_got(r, BUS_FLOW_OPEN);
    rtp = &sep->u.sep.rtp;
    assert_int_equal(rtp->latch, BUS_LATCH_ON);
    assert_true(rtp->filter_addr && !rtp->filter_port && !rtp->any_source);
    assert_int_equal(rtp->rate, 12000);
    assert_int_equal(rtp->burst, 1600);
    assert_true(flow->u.flow.in && !flow->u.flow.out);
    assert_int_equal(getsockopt(sep->u.sep.fd, IPPROTO_IPV6, IPV6_TCLASS, &tos, &n), 0);
    assert_int_equal(tos, 46 << 2);
    /* TS 23.334 5.14: another DSCP later */
    {
        int fd = sep->u.sep.fd;

        worker_got(r, BUS_SEP_OPEN)->u.sep.fd = -1; /* the worker's */
        assert_int_equal(error_of(run(r, MODIFY("ip/1/access/1", "Media { Stream = 1 { LocalControl { ds/dscp = 10 } } }"))), 0);
        getsockopt(fd, IPPROTO_IPV6, IPV6_TCLASS, &tos, &n);
        assert_int_equal(tos, 10 << 2);
        assert_non_null(worker_got(r, BUS_SEP_REMOTE)); /* who sends by a raw socket writes it himself */
        close(fd);
    }
}

#define CORE(control, sdp)                                                                         \
    "Context = $ { Add = ip/$/core/$ { Media { Stream = 1 { LocalControl { Mode = SendReceive, "   \
    control " }, Local {\nv=0\nc=IN IP4 $\n" sdp "} } } } }"
#define PCMU "m=audio $ RTP/AVP 0\n"

static void test_filters(void **state)
{
    struct rig *r = *state;
    const struct bus_rtp *rtp;

    assert_int_equal(error_of(run(r, CORE("gm/saf = ON, gm/spf = ON, gm/sam = [\"192.0.2.0/24\", \"2001:db8::1\"], gm/spr = "
                                          "\"4000-4100\"", PCMU))), 0);
    rtp = &worker_got(r, BUS_SEP_OPEN)->u.sep.rtp;
    assert_true(rtp->filter_addr && rtp->filter_port && !rtp->any_source);
    assert_int_equal(rtp->n_sources, 2);
    assert_int_equal(rtp->sources[0].bits, 24);
    assert_int_equal(rtp->sources[1].bits, 128);
    assert_int_equal(rtp->port_lo, 4000);
    assert_int_equal(rtp->port_hi, 4100);
    assert_int_equal(rtp->rate, 0);
    assert_int_equal(error_of(run(r, MODIFY("ip/1/core/1", "Media { Stream = 1 { LocalControl { gm/saf = OFF, gm/spf = OFF, "
                                            "tman/pol = ON, tman/sdr = 9000 } } }"))), 0);
    rtp = &worker_got(r, BUS_SEP_REMOTE)->u.sep.rtp;
    assert_true(rtp->any_source);
    assert_int_equal(rtp->rate, 9000);
    assert_int_equal(rtp->burst, 2250);
    assert_int_equal(error_of(run(r, MODIFY("ip/1/core/1", "Signals { ipnapt/latch { Stream = 1, napt = RELATCH } }"))), 0);
    assert_int_equal(worker_got(r, BUS_SEP_REMOTE)->u.sep.rtp.latch, BUS_LATCH_AGAIN);
    assert_int_equal(error_of(run(r, MODIFY("ip/1/core/1", "Media { Stream = 1 { LocalControl { tman/pol = OFF } } }"))), 0);
    assert_int_equal(worker_got(r, BUS_SEP_REMOTE)->u.sep.rtp.latch, BUS_LATCH_ON); /* once */
    assert_int_equal(worker_got(r, BUS_SEP_REMOTE)->u.sep.rtp.rate, 0);
    assert_int_equal(error_of(run(r, CORE("tman/pol = ON, tman/pdr = 100000, tman/dvt = 1000000",
                                          "m=audio $ RTP/AVP 0\n"))), 0);
    assert_int_equal(worker_got(r, BUS_SEP_OPEN)->u.sep.rtp.burst, 10000);
    assert_int_equal(error_of(run(r, CORE("tman/pol = ON", "m=audio $ RTP/AVP 0\nb=AS:80\n"))), 0);
    assert_int_equal(worker_got(r, BUS_SEP_OPEN)->u.sep.rtp.rate, 10000);
    assert_int_equal(error_of(run(r, CORE("gm/esas = ON, gm/lsa = \"127.0.0.1\"", PCMU))), 0);
}

/* RTCP: port + 1, muxed, asked for by a=rtcp, or none. */
static void test_rtcp(void **state)
{
    struct rig *r = *state;
    const struct h248_txn *t;
    const struct bus_msg *sep;
    struct sdp *sdp;
    char host[ADDR_STRLEN], want[32];

    t = run(r, CORE("rtcph/rsb = OFF", PCMU));
    assert_int_equal(error_of(t), 0);
    assert_int_equal(worker_got(r, BUS_SEP_OPEN)->u.sep.rtp.rtcp_fd, -1);
    assert_false(worker_got(r, BUS_FLOW_OPEN)->u.flow.has_rtcp);
    t = run(r, CORE("rtcph/rsb = OFF", "m=audio $ RTP/AVP 0\na=rtcp:$\n"));
    sdp = local_of(r, t, 1);
    assert_true(worker_got(r, BUS_SEP_OPEN)->u.sep.rtp.rtcp_fd >= 0);
    snprintf(want, sizeof want, "%d", sdp->media->port + 1);
    assert_text(sdp_attr_find(sdp->media->attrs, "rtcp")->value, want);
    /* ICE has one component */
    expect_error(r, CORE("rtcph/rsb = ON", "m=audio $ RTP/AVP 0\na=ice-ufrag:$\na=ice-pwd:$\na=candidate:$\n"), 501);
    assert_int_equal(error_of(run(r, CORE("rtcph/rsb = OFF", "m=audio $ RTP/AVP 0\na=ice-ufrag:$\na=ice-pwd:$\na=candidate:$\n"))), 0);
    /* where theirs goes */
    run(r, "Context = $ { Add = ip/$/core/$ { Media { Stream = 1 { Local {\nv=0\nc=IN IP4 $\nm=audio $ RTP/AVP 0\n}, Remote {\nv=0\n"
           "c=IN IP4 192.0.2.9\nm=audio 5000 RTP/AVP 0\na=rtcp:7000 IN IP4 192.0.2.8\n} } } } }");
    sep = worker_got(r, BUS_SEP_OPEN);
    assert_string_equal(addr_str(&sep->u.sep.rtp.remote_rtcp, host), "192.0.2.8:7000");
    assert_true(worker_got(r, BUS_FLOW_OPEN)->u.flow.has_rtcp);
    run(r, "Context = $ { Add = ip/$/core/$ { Media { Stream = 1 { Local {\nv=0\nc=IN IP4 $\nm=audio $ RTP/AVP 0\n}, Remote {\nv=0\n"
           "c=IN IP4 192.0.2.9\nm=audio 5000 RTP/AVP 0\nb=RS:0\nb=RR:0\n} } } } }");
    assert_false(worker_got(r, BUS_FLOW_OPEN)->u.flow.has_rtcp);
}

/* --- one port for all ICE streams of a worker --- */

static void test_shared(void **state)
{
    struct rig *r = *state;
    const struct h248_txn *t;
    const struct bus_msg *sep;
    char first[16], text[4096];
    struct sdp *sdp;

    addr_parse(&r->realms[1].shared[0][0], SV("127.0.0.1"), 40500);
    t = run(r, ADD_WIC("$"));
    assert_int_equal(error_of(t), 0);
    sdp = local_of(r, t, 1);
    sep = worker_got(r, BUS_SEP_OPEN);
    assert_int_equal(sep->u.sep.fd, -1);
    assert_int_equal(sdp->media->port, 40500);
    assert_int_equal(addr_port(&sep->u.sep.local), 40500);
    assert_int_equal(port_left(r->ctl->realms[1].udp[0]), 200);
    memcpy(first, sep->u.sep.ufrag, sizeof first);
    assert_int_equal(error_of(run(r, ADD_WIC("$"))), 0);
    assert_string_not_equal(worker_got(r, BUS_SEP_OPEN)->u.sep.ufrag, first);
    /* given ones, too, stand once in the gateway */
    snprintf(text, sizeof text,
             "Context = $ { Add = ip/$/access/$ { Media { Stream = 1 { Local {\nv=0\nc=IN IP4 $\nm=audio $ UDP/TLS/RTP/SAVPF 111\n"
             "a=rtcp-mux\na=ice-ufrag:%s\na=ice-pwd:0123456789012345678901\n} } } } }", first);
    expect_error(r, text, 449);
    /* without ICE: a port of its own */
    assert_int_equal(error_of(run(r, "Context = $ { Add = ip/$/access/$ { Media { Stream = 1 { Local {\nv=0\nc=IN IP4 $\n"
                                     "m=audio $ UDP/TLS/RTP/SAVPF 111\na=rtcp-mux\na=fingerprint:sha-256 $\n} } } } }")), 0);
    assert_true(worker_got(r, BUS_SEP_OPEN)->u.sep.fd >= 0);
    expect_error(r, MODIFY("ip/1/access/1", "Media { Stream = 1 { LocalControl { ds/dscp = 46 } } }"), 501);
    run(r, "Context = * { Subtract = * }");
    close_all(r);
    assert_true(ctl_is_idle(r->ctl));
    assert_null(r->ctl->ufrags);
}

/* --- media inactivity (H.248.40) --- */

static void test_inactivity(void **state)
{
    struct rig *r = *state;
    const struct bus_msg *flow;
    bus_id id;

    run(r, ADD_CORE);
    id = worker_got(r, BUS_FLOW_OPEN)->u.flow.id;
    assert_int_equal(worker_got(r, BUS_FLOW_OPEN)->u.flow.inactivity_ms, 0);
    assert_int_equal(error_of(run(r, MODIFY("ip/1/core/1", "Events = 4 { adid/ipstop { dt = 20, dir = IN } }"))), 0);
    flow = worker_got(r, BUS_FLOW_CHANGE);
    assert_true(flow && flow->u.flow.inactivity_ms == 20000);
    event(r, id, BUS_EV_INACTIVE);
    assert_int_equal(r->n_sent, 1);
    assert_non_null(strstr(r->sent, "adid/ipstop"));
    assert_non_null(strstr(r->sent, "OE=4{"));
    r->cb(r->cb_arg, TRANS_CLOSED, NULL);
    assert_int_equal(error_of(run(r, MODIFY("ip/1/core/1", "Events = 5 { g/cause }"))), 0);
    assert_int_equal(worker_got(r, BUS_FLOW_CHANGE)->u.flow.inactivity_ms, 0);
    event(r, id, BUS_EV_INACTIVE);
    assert_int_equal(r->n_sent, 1);
}

/* --- statistics --- */

static void counted(struct flow_counts *f, int n)
{
    count_add(&f->rx_packets, 900 * n);
    count_add(&f->rx_octets, 144000 * n);
    count_add(&f->tx_packets, 500 * n);
    count_add(&f->tx_octets, 80000 * n);
    count_add(&f->lost, 100 * n);
    count_add(&f->jitter, 7900 * n);
    count_add(&f->rtt, 50000 * n);
    count_add(&f->mos, 440 - 100 * n);
    count_add(&f->policed, n);
}

static struct iq_term *told(struct rig *r, const struct h248_txn *t)
{
    static struct iq_term out;
    struct iq_fault fault = {0};

    assert_int_equal(error_of(t), 0);
    assert_int_equal(iq_get(r->arena, t->actions->cmds, &out, &fault), 0);
    return &out;
}

static void test_statistics(void **state)
{
    struct rig *r = *state;
    static const char audit[] = "Context = 1 { AuditValue = ip/1/core/1 { Audit { Statistics } } }";
    const struct iq_term *t;
    struct buf b = buf_over(r->sent, sizeof r->sent - 1);
    bus_id ids[2] = {0};

    run(r, ADD_CORE);
    ids[0] = worker_got(r, BUS_FLOW_OPEN)->u.flow.id;
    counted(worker_got(r, BUS_FLOW_OPEN)->u.flow.counts, 1);
    r->now += 1500;
    run(r, MODIFY("ip/1/core/1", "Media { Stream = 2 { Local {\nv=0\nc=IN IP4 $\nm=video $ RTP/AVP 34\n} } }"));
    ids[1] = worker_got(r, BUS_FLOW_OPEN)->u.flow.id;
    counted(worker_got(r, BUS_FLOW_OPEN)->u.flow.counts, 2);
    r->now += 500;
    t = told(r, run(r, audit));
    assert_int_equal(t->n_streams, 0);
    assert_int_equal(t->stats.dur.v, 2000);
    assert_int_equal(t->stats.octets_in.v, 3 * 144000);
    assert_int_equal(t->stats.octets_out.v, 3 * 80000);
    assert_int_equal(t->stats.packets_in.v, 2700);
    assert_int_equal(t->stats.packets_out.v, 1500);
    assert_int_equal(t->stats.lost.v, 1000); /* 10 % */
    assert_int_equal(t->stats.jitter.v, 15);
    assert_int_equal(t->stats.delay.v, 50);
    assert_int_equal(t->stats.mos.v, 240); /* the worst */
    /* version 3: each stream */
    r->ctl->version = 3;
    t = told(r, run(r, audit));
    assert_false(t->stats.dur.set);
    assert_int_equal(t->n_streams, 2);
    assert_int_equal(t->streams[0].stats.packets_in.v, 900);
    assert_int_equal(t->streams[1].stats.packets_in.v, 1800);
    assert_int_equal(t->streams[1].stats.dur.v, 500);
    assert_int_equal(t->streams[1].stats.mos.v, 240);
    r->ctl->version = 2;
    /* an empty Audit asks for none (TS 29.334 5.8.3) */
    run(r, ADD_CORE);
    assert_null(run(r, "Context = 2 { Subtract = ip/1/core/2 { Audit { } } }")->actions->cmds->descs);
    t = told(r, run(r, "Context = 1 { Subtract = ip/1/core/1 }"));
    assert_int_equal(t->stats.packets_out.v, 1500);
    /* totals outlive the flows */
    stats_print(r->ctl, &b);
    r->sent[b.len] = '\0';
    assert_non_null(strstr(r->sent, "agw_rtp_rx_packets_total 2700\n"));
    closed(r, ids[0]);
    closed(r, ids[1]);
    b = buf_over(r->sent, sizeof r->sent - 1);
    stats_print(r->ctl, &b);
    r->sent[b.len] = '\0';
    assert_non_null(strstr(r->sent, "agw_rtp_rx_packets_total 2700\n"));
    assert_non_null(strstr(r->sent, "agw_rtp_policed_total 3\n"));
}

/* Version 3: with Subtract, too, each stream has its own; read while a worker counts. */
static void test_statistics_by_stream(void **state)
{
    struct rig *r = *state;
    struct flow_counts *counts;
    const struct iq_term *t;

    run(r, ADD_CORE);
    counts = worker_got(r, BUS_FLOW_OPEN)->u.flow.counts;
    run(r, MODIFY("ip/1/core/1", "Media { Stream = 2 { Local {\nv=0\nc=IN IP4 $\nm=video $ RTP/AVP 34\n} } }"));
    counted(worker_got(r, BUS_FLOW_OPEN)->u.flow.counts, 2);
    r->ctl->version = 3;
    for (int i = 1; i <= 3; i++) {
        count_bump(&counts->rx_packets, 50);
        t = told(r, run(r, "Context = 1 { AuditValue = ip/1/core/1 { Audit { Statistics } } }"));
        assert_int_equal(t->streams[0].stats.packets_in.v, 50 * i);
        assert_false(t->streams[0].stats.mos.set); /* not known yet */
    }
    t = told(r, run(r, "Context = 1 { Subtract = ip/1/core/1 }"));
    assert_false(t->stats.dur.set);
    assert_int_equal(t->n_streams, 2);
    assert_int_equal(t->streams[0].stats.packets_in.v, 150);
    assert_int_equal(t->streams[1].stats.packets_in.v, 1800);
    assert_int_equal(t->streams[1].stats.lost.v, 1000);
}

/* --- refusals leave nothing behind --- */

static void test_refusals(void **state)
{
    struct rig *r = *state;
#define REMOTE(x) "Context = $ { Add = ip/$/core/$ { Media { Stream = 1 { Local {\nv=0\nc=IN IP4 $\n" PCMU "}, Remote {\nv=0\n" x "} } } } }"
    static const struct {
        unsigned code;
        const char *text;
    } rows[] = {
        {515, CORE("rtcph/rsb = ON", "m=audio $ RTP/FOO 0\n")},
        {515, CORE("rtcph/rsb = ON", "m=application $ RTP/AVP 0\n")},
        {449, CORE("rtcph/rsb = ON", "m=audio $ RTP/AVP 128\n")},
        {449, CORE("rtcph/rsb = ON", "m=audio $ RTP/AVP opus\n")},
        {449, CORE("rtcph/rsb = ON", "m=audio $ RTP/AVP 96\na=rtpmap:96 opus/0\n")},
        {510, CORE("rtcph/rsb = ON", "m=audio $ RTP/AVP 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 "
                                     "28 29 30 31 32\n")},
        {449, CORE("rtcph/rsb = ON", "m=audio 5 RTP/AVP 0\n")},
        {449, CORE("rtcph/rsb = ON", "m=audio $ RTP/AVP 0\na=rtcp:5\n")},
        {449, CORE("rtcph/rsb = ON", "m=audio $ RTP/AVP 0\na=ptime:$\n")},
        {449, CORE("rtcph/rsb = OFF", "m=audio $ UDP -\na=crypto:x\n")},
        {473, REMOTE("c=IN IP4 192.0.2.9\nm=audio 5000 RTP/SAVP 0\n")},
        {449, REMOTE("c=IN IP4 192.0.2.9\nm=audio 5000 RTP/AVP 0\na=rtcp:70000\n")},
        {449, REMOTE("c=IN IP4 192.0.2.9\nm=audio 5000 RTP/AVP 0\na=rtcp:7 IN IP4 host\n")},
        {449, REMOTE("c=IN IP4 192.0.2.9\nm=audio 5000 RTP/AVP 200\n")},
        {449, CORE("gm/sam = [\"192.0.2.0/33\"]", PCMU)},
        {449, CORE("gm/sam = [\"host\"]", PCMU)},
        {449, CORE("gm/sam = [\"192.0.2.1\",\"192.0.2.2\",\"192.0.2.3\",\"192.0.2.4\",\"192.0.2.5\",\"192.0.2.6\",\"192.0.2.7\","
                   "\"192.0.2.8\",\"192.0.2.9\"]", PCMU)},
        {449, CORE("gm/spr = \"5-4\"", PCMU)},
        {449, CORE("gm/esas = ON, gm/lsa = \"192.0.2.1\"", PCMU)},
        {472, CORE("gm/esas = ON", PCMU)},
        {449, CORE("gm/esps = ON, gm/lsp = 9", PCMU)},
        {472, CORE("gm/esps = ON", PCMU)},
        {472, CORE("tman/pol = ON", PCMU)},
        {501, CORE("ds/tb = Copy", PCMU)},
        {472, SDES("", SDES_REMOTE("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" KEY_B "\n"))},
        {473, SDES("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" KEY_A "\n", SDES_REMOTE(""))},
        {473, SDES("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" KEY_A "\n",
                   SDES_REMOTE("a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:" KEY_B "\n"))},
        {449, SDES("a=crypto:1 F8_128_HMAC_SHA1_80 inline:" KEY_A "\n", "")},
        {449, SDES("a=crypto:1 F8_128_HMAC_SHA1_80 inline:$\n", "")},
        {449, SDES("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" KEY_A "|1:4\n", "")},
        {449, SDES("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" KEY_A " UNENCRYPTED_SRTP\n", "")},
        {449, SDES("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:short\n", "")},
        {513, "Context = $ { Add = ip/$/core/$ { Media { Stream = 1 { Local {\nv=0\nc=IN IP4 $\n" PCMU "} } }, Signals { "
              "tlsbsc/EstBNC { Stream = 1 } } } }"},
        {513, "Context = $ { Add = ip/$/core/$ { Media { Stream = 1 { Local {\nv=0\nc=IN IP4 $\nm=message $ TCP -\n} } }, Signals { "
              "ipnapt/latch { Stream = 1, napt = LATCH } } } }"},
        {457, "Context = $ { Add = ip/$/core/$ { Media { Stream = 1 { Local {\nv=0\nc=IN IP4 $\n" PCMU "} } }, Events = 1 { "
              "adid/ipstop { dir = IN } } } }"},
#define IPSTOP(dir) "Context = $ { Add = ip/$/core/$ { Media { Stream = 1 { Local {\nv=0\nc=IN IP4 $\n" PCMU "} } }, " \
                    "Events = 1 { adid/ipstop { dt = 5, dir = " dir " } } } }"
        {501, IPSTOP("OUT")},
        {501, IPSTOP("BOTH")},
        {501, IPSTOP("EITHER")},
#define SCTP(control) "Context = $ { Add = ip/$/access/$ { Media { TerminationState { mgroup/groupse = [\"SCTP 2\"] }, Stream = 1 { " \
                      "LocalControl { mgroup/strdeagg = [2], " control " }, Local {\nv=0\nc=IN IP4 $\nm=application $ UDP/DTLS/SCTP " \
                      "webrtc-datachannel\na=fingerprint:sha-256 $\n} }, Stream = 2 { LocalControl { sctpbcc/sctpid = 0 } } } } }"
        {445, SCTP("tman/pol = ON, tman/sdr = 9000")},
        {445, SCTP("gm/spf = ON")},
        {445, SCTP("gm/sam = [\"192.0.2.1\"]")},
        {445, SCTP("gm/spr = \"4000\"")},
    };

    char text[512];

    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        expect_error(r, rows[i].text, rows[i].code);
        assert_null(strstr(r->text, "inline:")); /* secrets are in no answer */
        assert_int_equal(r->n_data, 0);
        assert_true(ctl_is_idle(r->ctl));
        assert_null(r->ctl->ufrags);
        assert_int_equal(port_left(r->ctl->realms[0].udp[0]), 200);
        assert_int_equal(count_get(&r->ctl->counts[CTL_C_STREAMS]), 0);
        assert_int_equal(count_get(&r->ctl->counts[CTL_C_ENDPOINTS]), 0);
    }
    /* what stands cannot become something else */
    run(r, ADD_CORE);
    snprintf(text, sizeof text, "Context = %u { Modify = %s { Media { Stream = 1 { Local {\nv=0\nc=IN IP4 $\n"
                                "m=audio $ UDP/TLS/RTP/SAVPF 0\n} } } } }", r->ctl->ctxs->id, r->ctl->ctxs->terms->id);
    expect_error(r, text, 501);
}

/* Two ports: one pair, once. */
static void test_exhausted(void **state)
{
    struct rig *r = *state;

    assert_int_equal(error_of(run(r, CORE("rtcph/rsb = ON", PCMU))), 0);
    expect_error(r, CORE("rtcph/rsb = OFF", PCMU), 510);
    assert_int_equal(count_get(&r->ctl->counts[CTL_C_NO_RESOURCE]), 1);
    run(r, "Context = * { Subtract = * }");
    close_all(r);
    assert_int_equal(error_of(run(r, CORE("rtcph/rsb = OFF", PCMU))), 0);
    expect_error(r, CORE("rtcph/rsb = ON", PCMU), 510); /* one is left, and no pair */
    assert_int_equal(error_of(run(r, CORE("rtcph/rsb = OFF", PCMU))), 0);
}

static int setup_pair(void **state)
{
    return setup_limits(state, 10, 2, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_example, setup, teardown),
        cmocka_unit_test_setup_teardown(test_connected, setup, teardown),
        cmocka_unit_test_setup_teardown(test_video, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hold, setup, teardown),
        cmocka_unit_test_setup_teardown(test_codecs_change, setup, teardown),
        cmocka_unit_test_setup_teardown(test_transfer, setup, teardown),
        cmocka_unit_test_setup_teardown(test_new_fingerprint, setup, teardown),
        cmocka_unit_test_setup_teardown(test_association_again, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sdes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bundle, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bundle_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_gates, setup_six, teardown),
        cmocka_unit_test_setup_teardown(test_filters, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rtcp, setup, teardown),
        cmocka_unit_test_setup_teardown(test_shared, setup, teardown),
        cmocka_unit_test_setup_teardown(test_inactivity, setup, teardown),
        cmocka_unit_test_setup_teardown(test_statistics, setup, teardown),
        cmocka_unit_test_setup_teardown(test_statistics_by_stream, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
        cmocka_unit_test_setup_teardown(test_exhausted, setup_pair, teardown),
    };

    return cmocka_run_group_tests_name("agw_ctl_rtp", tests, NULL, NULL);
}
