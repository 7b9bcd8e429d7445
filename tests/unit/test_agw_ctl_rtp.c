/* RTP streams through the control thread: the messages of the Iq profile (6, "DTLS-SRTP with ICE lite", "Emergency and
 * priority, gates, policing, latching"; TS 23.334 6.2.10.2, 6.2.10.5, 6.2.11), and what the worker is told. */
#include "tests/unit/agw_rtp.h"

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

static unsigned count_of(const struct rig *r, enum bus_kind kind)
{
    unsigned n = 0;

    for (unsigned i = 0; i < r->n_worker; i++)
        n += r->to_worker[i]->kind == kind;
    return n;
}

#define VP8 "a=rtpmap:100 VP8/90000\n"

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
    /* RFC 4568 5.1.3, 6.1, 6.3: what does not fit, what this gateway cannot do */
    assert_int_equal(error_of(run(r, SDES("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" KEY_A "\n",
                                          SDES_REMOTE("a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:" KEY_B "\n")))), 473);
    assert_int_equal(error_of(run(r, SDES("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" KEY_A "\n",
                                          SDES_REMOTE("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" KEY_B "|2^20|1:4\n")))), 449);
    assert_int_equal(error_of(run(r, SDES("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" KEY_A "\n",
                                          SDES_REMOTE("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" KEY_B " UNENCRYPTED_SRTCP\n")))), 449);
    /* another suite of theirs alone */
    assert_int_equal(error_of(run(r, MODIFY("ip/1/core/1", "Media { Stream = 1 { Remote {\nv=0\nc=IN IP4 192.0.2.9\n"
                                            "m=audio 5000 RTP/SAVP 0\na=crypto:2 AEAD_AES_128_GCM inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGw==\n"
                                            "} } }"))), 473);
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

struct bundle { /* what its transport and its audio came to be */
    bus_id id, audio;
    int port;
};

/* Audio, video and data on one transport. */
static struct bundle open_bundle(struct rig *r)
{
    const struct h248_txn *t = run(r, BUNDLE("$", "\"BUNDLE 1 2 3\", \"SCTP 4\"",
                                             MEMBER("1", "audio", "111", "0", "") ", " MEMBER("2", "video", "100", "1", "") ", " DATA));
    const struct bus_msg *sep, *assoc, *flow = NULL;
    struct bundle b = {0};
    struct sdp *one, *two, *three;
    char ufrag[16], pwd[40];

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
    b.port = one->media->port;
    assert_int_equal(b.port, addr_port(&sep->u.sep.local));
    memcpy(ufrag, sep->u.sep.ufrag, sizeof ufrag);
    memcpy(pwd, sep->u.sep.pwd, sizeof pwd);
    assert_text(sdp_attr_find(one->media->attrs, "ice-ufrag")->value, ufrag);
    assert_text(sdp_attr_find(two->media->attrs, "ice-ufrag")->value, ufrag);
    assert_text(sdp_attr_find(three->media->attrs, "ice-pwd")->value, pwd);
    assert_int_equal(assoc->u.assoc.id, sep->u.sep.id);
    assert_true(sep->u.sep.data && sep->u.sep.rtp.on && sep->u.sep.rtp.mux);
    b.id = sep->u.sep.id;
    for (unsigned i = 0; i < r->n_worker; i++) {
        if (r->to_worker[i]->kind != BUS_FLOW_OPEN)
            continue;
        flow = r->to_worker[i];
        assert_true(flow->u.flow.tell_mid);
        assert_int_equal(flow->u.flow.sep, b.id);
        assert_int_equal(flow->u.flow.mid_ext, 4);
        assert_string_equal(flow->u.flow.mid, flow->u.flow.video ? "1" : "0");
        assert_false(flow->u.flow.keep_ext);
        if (!flow->u.flow.video)
            b.audio = flow->u.flow.id;
    }
    return b;
}

static void test_bundle(void **state)
{
    struct rig *r = *state;
    const struct bundle b = open_bundle(r);
    const struct h248_txn *t;

    /* the answer: one order for the transport */
    assert_int_equal(error_of(run(r, MODIFY("ip/1/access/1", "Media { Stream = 1 { " WIC_REMOTE("audio", "111", "")
                                            " }, Stream = 2 { " WIC_REMOTE("video", "100", "") " } }"))), 0);
    assert_int_equal(count_of(r, BUS_SEP_REMOTE), 1);
    assert_string_equal(worker_got(r, BUS_SEP_REMOTE)->u.sep.remote_ufrag, "aZ3x");
    assert_int_equal(count_of(r, BUS_FLOW_CHANGE), 2);
    /* news of the transport reaches who asked for it */
    run(r, MODIFY("ip/1/access/1", "Events = 6 { tlsbsc/BNCChange { Stream = 2 } }"));
    event(r, b.id, BUS_EV_DTLS_FAILED);
    assert_int_equal(r->n_sent, 1);
    assert_non_null(strstr(r->sent, "ST=2"));
    r->cb(r->cb_arg, TRANS_CLOSED, NULL);
    /* the first goes, what they share stays; then a channel comes without audio */
    assert_int_equal(error_of(run(r, MODIFY("ip/1/access/1", "Media { TerminationState { mgroup/groupse = [\"BUNDLE 2 3\", "
                                            "\"SCTP 4\"] }, Stream = 1 { Local { }, Remote { } } }"))), 0);
    assert_int_equal(worker_got(r, BUS_FLOW_CLOSE)->u.id, b.audio);
    assert_null(worker_got(r, BUS_SEP_CLOSE));
    closed(r, b.audio);
    /* and comes again, on the same transport */
    t = run(r, MODIFY("ip/1/access/1", "Media { TerminationState { mgroup/groupse = [\"BUNDLE 2 3 1\", \"SCTP 4\"] }, "
                      "Stream = 1 { LocalControl { Mode = SendReceive }, Local {\nv=0\nc=IN IP4 $\nm=audio $ UDP/TLS/RTP/SAVPF 111\n"
                      "a=rtcp-mux\n} } }"));
    assert_int_equal(error_of(t), 0);
    assert_null(worker_got(r, BUS_SEP_OPEN));
    assert_int_equal(worker_got(r, BUS_FLOW_OPEN)->u.flow.sep, b.id);
    assert_int_equal(local_of(r, t, 1)->media->port, b.port);
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
    };

    return cmocka_run_group_tests_name("agw_ctl_rtp", tests, NULL, NULL);
}
