/* Gates, filters, DSCP, RTCP's port, inactivity and statistics of RTP streams (TS 23.334 5.4 to 5.14), and what is refused with
 * nothing left behind. */
#include "tests/unit/agw_rtp.h"

#include <unistd.h>

#include "agw/ctl/stats.h"
#include "common/net.h"

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

/* Asked of the host, not of what is under test. */
static bool host_has_v6(void)
{
    struct addr six;
    int fd;

    addr_parse(&six, SV("::1"), 0);
    fd = net_udp(&six);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
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

    if (!host_has_v6())
        skip();
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
    assert_true(rtp->any_source && rtp->any_port);
    assert_int_equal(rtp->rate, 9000);
    assert_int_equal(rtp->burst, 2250);
    assert_int_equal(error_of(run(r, MODIFY("ip/1/core/1", "Media { Stream = 1 { LocalControl { gm/saf = ON } } }"))), 0);
    rtp = &worker_got(r, BUS_SEP_REMOTE)->u.sep.rtp; /* that host, from any of its ports */
    assert_true(rtp->filter_addr && !rtp->any_source && rtp->any_port);
    assert_int_equal(error_of(run(r, MODIFY("ip/1/core/1", "Signals { ipnapt/latch { Stream = 1, napt = RELATCH } }"))), 0);
    assert_int_equal(worker_got(r, BUS_SEP_REMOTE)->u.sep.rtp.latch, BUS_LATCH_AGAIN);
    assert_int_equal(error_of(run(r, MODIFY("ip/1/core/1", "Media { Stream = 1 { LocalControl { tman/pol = OFF } } }"))), 0);
    assert_int_equal(worker_got(r, BUS_SEP_REMOTE)->u.sep.rtp.latch, BUS_LATCH_ON); /* once */
    assert_int_equal(worker_got(r, BUS_SEP_REMOTE)->u.sep.rtp.rate, 0);
    assert_int_equal(error_of(run(r, CORE("tman/pol = ON, tman/pdr = 100000, tman/dvt = 1000000",
                                          "m=audio $ RTP/AVP 0\n"))), 0);
    assert_int_equal(worker_got(r, BUS_SEP_OPEN)->u.sep.rtp.burst, 10000);
    assert_int_equal(error_of(run(r, CORE("tman/pol = ON, tman/sdr = 9000, tman/mbs = 3000", PCMU))), 0);
    assert_int_equal(worker_got(r, BUS_SEP_OPEN)->u.sep.rtp.burst, 3000);
    assert_int_equal(error_of(run(r, CORE("tman/pol = ON, tman/sdr = 9000, tman/mbs = 100", PCMU))), 0);
    assert_int_equal(worker_got(r, BUS_SEP_OPEN)->u.sep.rtp.burst, 1600); /* one packet has to pass */
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
    assert_int_equal(count_get(&r->ctl->counts[CTL_C_INACTIVE]), 1);
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

#define REMOTE(x) "Context = $ { Add = ip/$/core/$ { Media { Stream = 1 { Local {\nv=0\nc=IN IP4 $\n" PCMU "}, Remote {\nv=0\n" x "} } } } }"
static const struct refusal {
    unsigned code;
    const char *text;
} refusals[] = {
    {515, CORE("rtcph/rsb = ON", "m=audio $ RTP/FOO 0\n")},
    {515, CORE("rtcph/rsb = ON", "m=application $ RTP/AVP 0\n")},
    {449, CORE("rtcph/rsb = ON", "m=audio $ RTP/AVP 128\n")},
    {449, REMOTE("c=IN IP6 2001:db8::9\nm=audio 5000 RTP/AVP 0\n")}, /* its socket is of the other family */
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

static void test_refusals(void **state)
{
    struct rig *r = *state;
    char text[512];

    for (unsigned i = 0; i < ARRAY_LEN(refusals); i++) {
        expect_error(r, refusals[i].text, refusals[i].code);
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

    return cmocka_run_group_tests_name("agw_ctl_gates", tests, NULL, NULL);
}
