/* The secured path with a fake far end, both engines and all profiles: keys, rekeying, forgery, replay, latching, bundles, ICE.
 * An attacker gets nothing in and nothing out, and every packet of his is in one counter. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <errno.h>

#include "tests/fake/check.h"
#include "tests/fake/relay.h"

static int setup(void **state)
{
    struct relay *r = malloc(sizeof(*r));

    relay_init(r);
    *state = r;
    return 0;
}

static int teardown(void **state)
{
    struct relay *r = *state;

    relay_close(r);
    stun_mac_free(r->env.mac);
    free(r);
    return 0;
}

struct wire {
    uint8_t p[MEDIA_RX_SIZE];
    size_t n;
};

static struct wire *sealed(struct wire *w, struct srtp *tx, uint16_t seq, uint32_t ssrc, uint8_t pt)
{
    const struct relay_rtp m = {.pt = pt, .seq = seq, .ts = seq * 160u, .ssrc = ssrc, .payload = SV("secret voice")};

    w->n = relay_make(&m, w->p);
    assert_int_equal(srtp_seal(tx, w->p, &w->n, sizeof(w->p)), 0);
    return w;
}

static bool put(struct relay *r, struct relay_side *in, const struct wire *w)
{
    return relay_send(r, in, &in->far, w->p, w->n, false);
}

static void both_ways(struct relay *r, enum srtp_engine engine, enum srtp_profile profile)
{
    struct srtp *a_tx, *a_rx, *b_tx, *b_rx;
    struct wire w;
    struct rtp out;

    relay_init(r);
    r->env.srtp = engine;
    relay_secure(&r->a, profile, 1);
    relay_secure(&r->b, SRTP_AES128_CM_SHA1_80, 40);
    relay_open(r);
    a_tx = relay_far_tx(r, &r->a);
    a_rx = relay_far_rx(r, &r->a);
    b_tx = relay_far_tx(r, &r->b);
    b_rx = relay_far_rx(r, &r->b);
    for (unsigned i = 0; i < 70000; i += 7) { /* over the end of the sequence numbers */
        const bool up = i % 2;

        sealed(&w, up ? a_tx : b_tx, (uint16_t)i, 9, 8);
        assert_null(memmem(w.p, w.n, "secret", 6));
        assert_true(put(r, up ? &r->a : &r->b, &w));
        assert_null(memmem(r->pkt.p, r->pkt.n, "secret", 6));
        assert_int_equal(srtp_open(up ? b_rx : a_rx, r->pkt.p, &r->pkt.n), 0);
        assert_int_equal(rtp_parse(&out, r->pkt.p, r->pkt.n), 0);
        assert_int_equal(out.seq, (uint16_t)i);
        assert_int_equal(out.payload, 12);
        assert_memory_equal(r->pkt.p + out.header, "secret voice", 12);
    }
    srtp_free(a_tx);
    srtp_free(a_rx);
    srtp_free(b_tx);
    srtp_free(b_rx);
    relay_close(r);
}

static void engines_and_profiles(void **state)
{
    static const enum srtp_profile profile[] = {SRTP_AES128_CM_SHA1_80, SRTP_AES128_CM_SHA1_32,
                                                SRTP_AEAD_AES_128_GCM, SRTP_AEAD_AES_256_GCM};
    struct relay *r = *state;

    for (unsigned e = SRTP_OPENSSL; e <= SRTP_LIBSRTP; e++)
        for (unsigned i = 0; i < 4; i++)
            both_ways(r, e, profile[i]);
    relay_init(r);
    relay_open(r); /* for teardown */
}

static void attacks(void **state)
{
    struct relay *r = *state;
    const struct srtp_key wrong = relay_key_of(SRTP_AEAD_AES_128_GCM, 77);
    const struct relay_rtp plain = {.pt = 8, .ssrc = 9, .seq = 40, .payload = SV("no tag but as long as one with")};
    struct addr elsewhere = r->a.far;
    struct srtp *tx, *forger;
    struct wire w, old;

    addr_set_port(&elsewhere, 6666);
    relay_secure(&r->a, SRTP_AEAD_AES_128_GCM, 1);
    relay_open(r);
    tx = relay_far_tx(r, &r->a);
    assert_int_equal(srtp_new(&forger, SRTP_OPENSSL, &wrong, false), 0);
    assert_true(put(r, &r->a, sealed(&old, tx, 1, 9, 8)));
    for (uint16_t i = 2; i < 20; i++) {
        assert_false(put(r, &r->a, &old)); /* replay */
        assert_false(put(r, &r->a, sealed(&w, forger, i, 9, 8)));
        sealed(&w, tx, i, 9, 8);
        assert_false(relay_send(r, &r->a, &elsewhere, w.p, w.n, false)); /* genuine, but from elsewhere */
        w.p[14] ^= 1;
        assert_false(put(r, &r->a, &w));
        w.p[14] ^= 1;
        assert_true(put(r, &r->a, &w));
    }
    assert_false(relay_rtp(r, &r->a, &plain));
    assert_int_equal(r->verdict, SEP_DROPPED);
    assert_int_equal(count_get(&r->a.counts.replayed), 18);
    assert_int_equal(count_get(&r->a.counts.unauthentic), 37);
    assert_int_equal(count_get(&r->a.counts.refused), 18);
    assert_int_equal(count_get(&r->a.counts.rx_packets), 19);
    assert_int_equal(count_get(&r->b.counts.tx_packets), 19);
    assert_int_equal(count_get(&r->a.counts.lost), 0);
    srtp_free(tx);
    srtp_free(forger);
}

static void before_keys(void **state)
{
    const struct relay_rtp m = {.pt = 8, .payload = SV("plain")};
    struct relay *r = *state;
    struct tx none = {0};
    struct srtp *tx;
    struct wire w;

    relay_secure(&r->a, SRTP_PROFILE_NONE, 0);
    relay_open(r);
    assert_false(relay_rtp(r, &r->a, &m));
    assert_int_equal(count_get(&r->a.counts.unauthentic), 1);
    assert_false(relay_rtp(r, &r->b, &m)); /* nothing plain leaves to who shall have SRTP */
    assert_int_equal(count_get(&r->a.counts.gated), 1);
    relay_secure(&r->a, SRTP_AES128_CM_SHA1_80, 5);
    sep_remote(r->a.sep, &r->a.sep_spec, &none, r->now);
    tx = relay_far_tx(r, &r->a);
    assert_true(put(r, &r->a, sealed(&w, tx, 1, 9, 8)));
    assert_true(relay_rtp(r, &r->b, &m));
    assert_false(relay_rtp(r, &r->b, &m)); /* no index is sealed twice */
    assert_int_equal(count_get(&r->a.counts.replayed), 1);
    assert_int_equal(count_get(&r->a.counts.gated), 1);
    srtp_free(tx);
}

static void rekey(struct relay *r, enum srtp_profile profile)
{
    struct srtp *old, *new;
    struct wire w, late;
    struct tx none = {0};

    relay_init(r);
    relay_secure(&r->a, profile, 1);
    relay_open(r);
    old = relay_far_tx(r, &r->a);
    assert_true(put(r, &r->a, sealed(&w, old, 1, 9, 8)));
    sep_remote(r->a.sep, &r->a.sep_spec, &none, r->now); /* the same keys: indices go on */
    assert_false(put(r, &r->a, &w));
    assert_int_equal(count_get(&r->a.counts.replayed), 1);
    relay_secure(&r->a, profile, 60);
    sep_remote(r->a.sep, &r->a.sep_spec, &none, r->now);
    new = relay_far_tx(r, &r->a);
    assert_int_equal(sep_deadline(r->a.sep, r->now), r->now + MEDIA_SRTP_OLD_MS);
    assert_true(put(r, &r->a, sealed(&w, old, 2, 9, 8))); /* under way */
    sealed(&late, old, 3, 9, 8);
    assert_true(put(r, &r->a, sealed(&w, new, 4, 9, 8)));
    assert_false(put(r, &r->a, &late)); /* the new one was heard */
    assert_int_equal(count_get(&r->a.counts.unauthentic), 1);
    relay_secure(&r->a, profile, 70);
    sep_remote(r->a.sep, &r->a.sep_spec, &none, r->now);
    r->now += MEDIA_SRTP_OLD_MS;
    sep_tick(r->a.sep, &none, r->now);
    assert_false(put(r, &r->a, sealed(&w, new, 5, 9, 8))); /* its time is over */
    assert_int_equal(sep_deadline(r->a.sep, r->now), MSEC_NEVER);
    srtp_free(old);
    srtp_free(new);
    relay_close(r);
}

static void rekeying(void **state)
{
    struct relay *r = *state;

    rekey(r, SRTP_AES128_CM_SHA1_80);
    rekey(r, SRTP_AEAD_AES_128_GCM); /* whose failed attempt spoils the packet */
    relay_init(r);
    relay_open(r);
}

static void secure_or_not(struct relay *r, enum bus_sec sec, uint8_t seed)
{
    struct tx none = {0};

    relay_secure(&r->a, SRTP_AES128_CM_SHA1_80, seed);
    r->a.sep_spec.rtp.sec = sec;
    if (sec == BUS_SEC_NONE)
        memset(&r->a.sep_spec.rtp.send, 0, sizeof(r->a.sep_spec.rtp.send)), memset(&r->a.sep_spec.rtp.recv, 0, sizeof(r->a.sep_spec.rtp.recv));
    sep_remote(r->a.sep, &r->a.sep_spec, &none, r->now);
}

/* RFC 3711 9.1: one keystream for one packet. A description that takes SDES away and brings the same key back, or that goes
 * back to the key before the last one, must not begin its indices again. */
static void no_key_twice(void **state)
{
    struct relay *r = *state;
    const struct relay_rtp m = {.pt = 8, .seq = 5, .ts = 800, .ssrc = 9, .payload = SV("secret voice")};
    struct srtp *tx, *rx;
    struct sep_out out;
    struct tx none = {0};
    struct wire first;
    int64_t before;

    relay_secure(&r->a, SRTP_AES128_CM_SHA1_80, 1);
    relay_open(r);
    tx = relay_far_tx(r, &r->a);
    rx = relay_far_rx(r, &r->a);
    assert_true(put(r, &r->a, sealed(&first, tx, 5, 9, 8)));
    assert_true(relay_rtp(r, &r->b, &m));
    assert_int_equal(srtp_open(rx, r->pkt.p, &r->pkt.n), 0);
    secure_or_not(r, BUS_SEC_NONE, 1);
    assert_true(relay_rtp(r, &r->b, &m)); /* as it is */
    assert_non_null(memmem(r->pkt.p, r->pkt.n, "secret", 6));
    secure_or_not(r, BUS_SEC_SDES, 1);
    assert_false(relay_rtp(r, &r->b, &m)); /* the same index of the same key */
    before = count_get(&r->a.counts.replayed);
    assert_false(put(r, &r->a, &first)); /* a replay */
    assert_int_equal(count_get(&r->a.counts.replayed), before + 1);
    assert_true(put(r, &r->a, sealed(&first, tx, 6, 9, 8)));
    assert_false(sep_has_news(r->a.sep));
    secure_or_not(r, BUS_SEC_SDES, 60);
    assert_false(sep_has_news(r->a.sep));
    secure_or_not(r, BUS_SEC_SDES, 1);
    assert_true(sep_output(r->a.sep, &out, &none));
    assert_int_equal(out.what, BUS_EV_DTLS_FAILED);
    assert_string_equal(out.text, "keys cannot be used");
    r->now += MEDIA_SRTP_OLD_MS;
    sep_tick(r->a.sep, &none, r->now);
    assert_false(put(r, &r->a, sealed(&first, tx, 7, 9, 8)));
    srtp_free(tx);
    srtp_free(rx);
}

static void latch_needs_authentic(void **state)
{
    struct relay *r = *state;
    struct addr nat, attacker;
    struct sep_out out;
    struct tx none = {0};
    struct srtp *tx;
    struct wire w;

    nat = attacker = r->a.far;
    addr_set_port(&nat, 7777);
    addr_set_port(&attacker, 6666);
    relay_secure(&r->a, SRTP_AES128_CM_SHA1_80, 1);
    r->a.sep_spec.rtp.latch = BUS_LATCH_ON;
    relay_open(r);
    tx = relay_far_tx(r, &r->a);
    sealed(&w, tx, 1, 9, 8);
    w.p[20] ^= 1;
    assert_false(relay_send(r, &r->a, &attacker, w.p, w.n, false));
    assert_false(sep_has_news(r->a.sep));
    w.p[20] ^= 1;
    assert_true(relay_send(r, &r->a, &nat, w.p, w.n, false));
    assert_true(sep_has_news(r->a.sep));
    assert_true(sep_output(r->a.sep, &out, &none));
    assert_int_equal(out.what, BUS_EV_LATCHED);
    assert_string_equal(out.text, "192.0.2.1:7777");
    sealed(&w, tx, 2, 9, 8);
    assert_false(relay_send(r, &r->a, &attacker, w.p, w.n, false));
    assert_false(put(r, &r->a, &w)); /* not even from where Remote said */
    srtp_free(tx);
}

/* The first plausible one counts: what is not RTP of this stream teaches nothing. */
static void latch_plain(void **state)
{
    const struct relay_rtp wrong = {.pt = 99, .payload = SV("x")}, right = {.pt = 8, .payload = SV("x")};
    struct relay *r = *state;
    struct addr nat;
    uint8_t p[100];

    nat = r->a.far;
    addr_set_port(&nat, 7777);
    r->a.sep_spec.rtp.latch = BUS_LATCH_ON;
    r->a.spec.n_fmts = 1;
    r->a.spec.fmts[0] = (struct bus_fmt){.pt = 8, .clock = 8000};
    relay_open(r);
    assert_false(relay_send(r, &r->a, &nat, p, relay_make(&wrong, p), false));
    assert_false(relay_send(r, &r->a, &nat, "\200\010\0", 3, false));
    assert_false(sep_has_news(r->a.sep));
    assert_true(relay_send(r, &r->a, &nat, p, relay_make(&right, p), false));
    assert_true(sep_has_news(r->a.sep));
    assert_true(relay_rtp(r, &r->b, &right));
    assert_true(addr_eq(&r->pkt.to, &nat)); /* and ours goes there */
}

/* --- ICE --- */

static void check(struct relay *r, const struct addr *from, bool nominate)
{
    uint8_t msg[256];
    static struct tx tx;
    struct sep_out out;
    struct dgram in = {.src = *from, .p = msg};

    tx.n = 0;
    in.n = check_make(r->env.mac, &(struct check){.ufrag = "agwufrag", .pwd = "gatewaypasswordgateway00",
                                                  .use_candidate = nominate}, msg, sizeof(msg));
    assert_int_equal(sep_input(r->a.sep, &in, &tx, r->now), SEP_STUN_OK);
    while (sep_output(r->a.sep, &out, &tx))
        ;
}

static void ice_and_consent(void **state)
{
    const struct relay_rtp m = {.pt = 8, .payload = SV("x")};
    struct relay *r = *state;
    static struct tx tx;
    struct addr moved = r->a.far;
    enum bus_what what;

    addr_set_port(&moved, 4321);
    assert_int_equal(stun_mac_new(&r->env.mac), 0);
    r->env.ice_timeout = 30000;
    r->a.sep_spec.ice = true;
    r->a.sep_spec.rtp.mux = true;
    strcpy(r->a.sep_spec.ufrag, "agwufrag");
    strcpy(r->a.sep_spec.pwd, "gatewaypasswordgateway00");
    relay_open(r);
    assert_false(relay_rtp(r, &r->a, &m)); /* the Remote address counts for nothing */
    assert_int_equal(count_get(&r->a.counts.refused), 1);
    assert_false(relay_rtp(r, &r->b, &m));
    check(r, &r->a.far, false);
    assert_true(relay_rtp(r, &r->a, &m)); /* checked: it may send; not nominated: it is not sent to */
    assert_false(relay_rtp(r, &r->b, &m));
    check(r, &r->a.far, true);
    assert_true(relay_rtp(r, &r->b, &m));
    check(r, &moved, true);
    assert_true(relay_rtp(r, &r->b, &m));
    assert_true(addr_eq(&r->pkt.to, &moved));
    assert_true(relay_rtp(r, &r->a, &m));
    r->now += 30000;
    tx.n = 0;
    sep_tick(r->a.sep, &tx, r->now);
    assert_false(relay_rtp(r, &r->b, &m)); /* RFC 7675: nothing may be sent any more, */
    relay_blank(r);
    (void)flow_tick(r->a.flow, r->now, &what, &r->pkt);
    assert_int_equal(r->pkt.n, 0); /* no report either */
    check(r, &moved, false);
    assert_true(relay_rtp(r, &r->b, &m));
}

/* --- bundles --- */

struct bundle {
    struct relay *r;
    struct flow *video, *video_b;
    struct flow_counts video_counts, video_b_counts;
    struct sep *sep_b;
};

#define MID_AUDIO "\xbe\xde\0\1\x90" "0\0\0"
#define MID_VIDEO "\xbe\xde\0\1\x90" "1\0\0"

static void bundle_open(struct bundle *x, struct relay *r)
{
    struct bus_flow spec;
    struct bus_sep sep;

    x->r = r;
    r->a.sep_spec.rtp.mux = true;
    r->a.spec.feedback = r->b.spec.feedback = true;
    strcpy(r->a.spec.mid, "0");
    r->a.spec.mid_ext = 9;
    r->a.spec.n_fmts = 2;
    r->a.spec.fmts[0] = (struct bus_fmt){.pt = 111, .clock = 48000};
    r->a.spec.fmts[1] = (struct bus_fmt){.pt = 100};
    relay_open(r);
    spec = r->a.spec;
    spec.id = 12;
    spec.video = true;
    strcpy(spec.mid, "1");
    spec.fmts[0].pt = 96; /* 100 belongs to both */
    spec.counts = &x->video_counts;
    assert_int_equal(flow_new(&x->video, r->a.sep, &spec, r->now), 0);
    sep = r->b.sep_spec;
    sep.id = 22;
    addr_set_port(&sep.remote, 32000);
    assert_int_equal(sep_new(&x->sep_b, &r->env, &sep), 0);
    spec = r->b.spec;
    spec.id = 23;
    spec.counts = &x->video_b_counts;
    assert_int_equal(flow_new(&x->video_b, x->sep_b, &spec, r->now), 0);
    flow_join(x->video, x->video_b, &r->wire);
}

static void bundle_close(struct bundle *x)
{
    flow_free(x->video);
    flow_free(x->video_b);
    sep_free(x->sep_b);
}

/* The port that it left to, 0: it did not. */
static unsigned goes(struct bundle *x, uint8_t pt, uint32_t ssrc, const char *ext)
{
    const struct relay_rtp m = {.pt = pt, .ssrc = ssrc, .seq = 1, .payload = SV("x"),
                                .ext = {ext, ext ? sizeof(MID_AUDIO) - 1 : 0}};

    return relay_rtp(x->r, &x->r->a, &m) ? addr_port(&x->r->pkt.to) : 0;
}

static void bundle(void **state)
{
    static const uint8_t says_mid[] = {0x80, 201, 0, 1, 0, 0, 0, 5, 0x81, 202, 0, 2, 0, 0, 0, 5, 15, 1, '1', 0};
    struct bundle x = {0};

    bundle_open(&x, *state);
    assert_int_equal(goes(&x, 111, 1, NULL), 30000); /* unique payload types */
    assert_int_equal(goes(&x, 96, 2, NULL), 32000);
    assert_int_equal(goes(&x, 100, 1, NULL), 30000); /* known SSRCs */
    assert_int_equal(goes(&x, 100, 2, NULL), 32000);
    assert_int_equal(goes(&x, 100, 3, NULL), 0); /* nobody's */
    assert_int_equal(goes(&x, 100, 3, MID_VIDEO), 32000);
    assert_int_equal(goes(&x, 100, 3, NULL), 32000); /* learnt */
    assert_int_equal(goes(&x, 100, 3, MID_AUDIO), 30000); /* MID goes before what was learnt */
    assert_int_equal(goes(&x, 100, 3, NULL), 30000);
    assert_int_equal(goes(&x, 100, 4, "\xbe\xde\0\1\x90" "7\0\0"), 0); /* no such stream */
    for (uint32_t i = 0; i < 100; i++) /* more SSRCs than are remembered */
        assert_int_equal(goes(&x, 96, 1000 + i, NULL), 32000);
    assert_int_equal(goes(&x, 100, 1099, NULL), 32000);
    assert_int_equal(count_get(&x.video_counts.rx_packets), 105);
    assert_int_equal(count_get(&x.r->a.counts.unmapped), 2);
    assert_int_equal(goes(&x, 100, 5, NULL), 0);
    relay_send(x.r, &x.r->a, &x.r->a.far, says_mid, sizeof(says_mid), true); /* RFC 9143 15.1: MID in SDES */
    assert_int_equal(goes(&x, 100, 5, NULL), 32000);
    bundle_close(&x);
}

/* The FIR of both streams came as one: this half has the entry of its own alone (RFC 5104 4.3.1.1). */
static void assert_fir(const struct rtcp *part, uint32_t ssrc)
{
    assert_int_equal(part->type, RTCP_PSFB);
    assert_int_equal(part->count, PSFB_FIR);
    assert_int_equal(part->n, 20);
    assert_int_equal(rtcp_u32(part, 12), ssrc);
}

/* Of audio, about both: SR, PLI for video, FIR for both, feedback of the transport. */
static void about_both(struct buf *b)
{
    static const struct rtcp_block on_audio = {.ssrc = 0xa0}, on_video = {.ssrc = 0xb0};
    size_t at;

    at = rtcp_begin(b, RTCP_SR);
    buf_u32(b, 1);
    for (unsigned i = 0; i < 5; i++)
        buf_u32(b, i);
    rtcp_put_block(b, &on_audio);
    rtcp_put_block(b, &on_video);
    rtcp_end(b, at, 2);
    at = rtcp_begin(b, RTCP_PSFB);
    buf_u32(b, 1);
    buf_u32(b, 0xb0);
    rtcp_end(b, at, PSFB_PLI);
    at = rtcp_begin(b, RTCP_PSFB);
    buf_u32(b, 1);
    buf_u32(b, 0);
    for (unsigned i = 0; i < 2; i++) {
        buf_u32(b, i ? 0xb0 : 0xa0);
        buf_u32(b, 7u << 24);
    }
    rtcp_end(b, at, PSFB_FIR);
    at = rtcp_begin(b, RTCP_RTPFB);
    for (unsigned i = 0; i < 4; i++)
        buf_u32(b, 1);
    rtcp_end(b, at, RTPFB_TCC);
}

static void assert_half_of_audio(const struct pkt *pkt)
{
    struct rtcp part;
    size_t at = 0;

    assert_true(rtcp_next(&part, pkt->p, pkt->n, &at));
    assert_int_equal(part.type, RTCP_SR);
    assert_int_equal(part.count, 1);
    assert_int_equal(rtcp_u32(&part, 28), 0xa0);
    assert_true(rtcp_next(&part, pkt->p, pkt->n, &at)); /* SDES */
    assert_true(rtcp_next(&part, pkt->p, pkt->n, &at));
    assert_fir(&part, 0xa0);
    assert_false(rtcp_next(&part, pkt->p, pkt->n, &at)); /* the PLI is not about audio */
}

static void assert_half_of_video(const struct pkt *pkt)
{
    struct rtcp part;
    size_t at = 0;

    assert_true(rtcp_next(&part, pkt->p, pkt->n, &at));
    assert_int_equal(part.type, RTCP_RR); /* it is no sender here */
    assert_int_equal(part.count, 1);
    assert_int_equal(rtcp_u32(&part, 8), 0xb0);
    assert_true(rtcp_next(&part, pkt->p, pkt->n, &at));
    assert_true(rtcp_next(&part, pkt->p, pkt->n, &at));
    assert_int_equal(part.type, RTCP_PSFB);
    assert_int_equal(part.count, PSFB_PLI);
    assert_true(rtcp_next(&part, pkt->p, pkt->n, &at));
    assert_fir(&part, 0xb0);
    assert_false(rtcp_next(&part, pkt->p, pkt->n, &at));
    assert_int_equal(rtcp_check(pkt->p, pkt->n, false), 0);
}

/* One compound about both streams: each one's core side gets its own half, and neither the transport's feedback. */
static void bundle_rtcp(void **state)
{
    const struct relay_rtp audio = {.pt = 8, .ssrc = 0xa0, .payload = SV("x")}, video = {.pt = 8, .ssrc = 0xb0};
    struct relay *r = *state;
    struct bundle x = {0};
    struct flow *f = NULL;
    uint8_t p[256];
    struct buf b = buf_over(p, sizeof(p));
    struct pkt pkt;

    r->a.spec.keep_ext = r->b.spec.keep_ext = true;
    bundle_open(&x, r);
    assert_int_equal(goes(&x, 111, 1, NULL), 30000);
    assert_int_equal(goes(&x, 96, 2, NULL), 32000);
    assert_true(relay_rtp(r, &r->b, &audio));
    relay_blank(r);
    pkt = r->pkt;
    pkt.n = relay_make(&video, pkt.p);
    pkt.from = r->b.far;
    addr_set_port(&pkt.from, 32000);
    assert_int_equal(sep_media(x.sep_b, &pkt, &f, r->now), SEP_MEDIA);
    assert_int_equal(flow_relay(f, &pkt, r->now), 0);

    about_both(&b);
    assert_true(relay_send(r, &r->a, &r->a.far, p, b.len, true));
    assert_int_equal(addr_port(&r->pkt.to), 30001);
    assert_half_of_audio(&r->pkt);

    relay_blank(r);
    assert_true(sep_more(r->a.sep, &r->pkt, &f));
    assert_ptr_equal(f, x.video);
    assert_int_equal(flow_relay(f, &r->pkt, r->now), 0);
    assert_int_equal(addr_port(&r->pkt.to), 32001);
    assert_half_of_video(&r->pkt);
    relay_blank(r);
    assert_false(sep_more(r->a.sep, &r->pkt, &f));
    bundle_close(&x);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(engines_and_profiles),  T(attacks),     T(before_keys),     T(rekeying), T(no_key_twice),
        T(latch_needs_authentic), T(latch_plain), T(ice_and_consent), T(bundle), T(bundle_rtcp),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
