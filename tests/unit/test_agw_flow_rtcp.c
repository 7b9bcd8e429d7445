/* RTCP across a flow: a valid compound that is true on the other side, nothing of what the other side cannot take, reports of
 * our own when it has none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tests/fake/relay.h"

#define A_SSRC 0xaaaa
#define B_SSRC 0xbbbb

static int setup(void **state)
{
    struct relay *r = malloc(sizeof(*r));

    relay_init(r);
    r->a.spec.feedback = r->b.spec.feedback = true;
    strcpy(r->b.spec.cname, "ours-to-b");
    *state = r;
    return 0;
}

static int teardown(void **state)
{
    relay_close(*state);
    free(*state);
    return 0;
}

static void say(struct relay *r, struct relay_side *in, uint16_t seq)
{
    const struct relay_rtp m = {.pt = 8, .seq = seq, .ts = seq * 160u, .ssrc = in == &r->a ? A_SSRC : B_SSRC,
                                .payload = SV("0123456789")};

    (void)relay_rtp(r, in, &m);
}

struct part {
    uint8_t p[512];
    struct buf b;
};

static struct buf *fresh(struct part *c)
{
    c->b = buf_over(c->p, sizeof(c->p));
    return &c->b;
}

static void put_sr(struct buf *b, uint32_t ssrc, uint32_t ntp_mid, uint32_t packets, uint32_t octets,
                   const struct rtcp_block *block)
{
    const size_t at = rtcp_begin(b, RTCP_SR);

    buf_u32(b, ssrc);
    buf_u32(b, ntp_mid >> 16);
    buf_u32(b, ntp_mid << 16);
    buf_u32(b, 160);
    buf_u32(b, packets);
    buf_u32(b, octets);
    if (block)
        rtcp_put_block(b, block);
    rtcp_end(b, at, block != NULL);
}

static void put_rr(struct buf *b, uint32_t ssrc, const struct rtcp_block *block)
{
    const size_t at = rtcp_begin(b, RTCP_RR);

    buf_u32(b, ssrc);
    if (block)
        rtcp_put_block(b, block);
    rtcp_end(b, at, block != NULL);
}

static void put_fb(struct buf *b, enum rtcp_type type, unsigned fmt, uint32_t media, const void *fci, size_t n)
{
    const size_t at = rtcp_begin(b, type);

    buf_u32(b, A_SSRC);
    buf_u32(b, media);
    buf_put(b, fci, n);
    rtcp_end(b, at, fmt);
}

static bool report(struct relay *r, struct relay_side *in, const struct part *c)
{
    assert_false(c->b.overflow);
    return relay_send(r, in, &in->far_rtcp, c->p, c->b.len, true);
}

/* What left, as "SR RR SDES 206.1 BYE"; whatever it is, it is a compound by the book and names no CNAME but ours. */
static const char *shape(struct relay *r, char text[256])
{
    struct buf b = buf_over(text, 255);
    struct rtcp p;

    assert_int_equal(rtcp_check(r->pkt.p, r->pkt.n, false), 0);
    assert_null(memmem(r->pkt.p, r->pkt.n, "theirs", 6));
    for (size_t at = 0; rtcp_next(&p, r->pkt.p, r->pkt.n, &at);) {
        static const char *const name[] = {"SR", "RR", "SDES", "BYE", "APP", "205", "206", "XR"};

        buf_printf(&b, "%s%s", b.len ? " " : "", name[p.type - RTCP_SR]);
        if (p.type == RTCP_RTPFB || p.type == RTCP_PSFB)
            buf_printf(&b, ".%u", p.count);
    }
    text[b.len] = '\0';
    return text;
}

static bool part_of(struct relay *r, enum rtcp_type type, struct rtcp *p)
{
    for (size_t at = 0; rtcp_next(p, r->pkt.p, r->pkt.n, &at);)
        if (p->type == type)
            return true;
    return false;
}

static void put_rubbish(struct buf *b)
{
    size_t at = rtcp_begin(b, RTCP_SDES);

    rtcp_put_cname(b, A_SSRC, SV("theirs@home"));
    rtcp_end(b, at, 1);
    at = rtcp_begin(b, RTCP_APP);
    buf_u32(b, A_SSRC);
    buf_str(b, "qtsi");
    rtcp_end(b, at, 0);
    at = rtcp_begin(b, RTCP_XR);
    buf_u32(b, A_SSRC);
    rtcp_end(b, at, 0);
}

static void names_and_rubbish(void **state)
{
    struct relay *r = *state;
    struct part c;
    struct rtcp p;
    char text[256];

    relay_open(r);
    put_sr(fresh(&c), A_SSRC, 5, 0, 0, NULL);
    put_rubbish(&c.b);
    assert_true(report(r, &r->a, &c));
    assert_string_equal(shape(r, text), "SR SDES");
    assert_true(part_of(r, RTCP_SDES, &p));
    assert_int_equal(rtcp_sender(&p), A_SSRC);
    assert_non_null(memmem(p.p, p.n, "ours-to-b", 9));
    assert_true(addr_eq(&r->pkt.to, &r->b.far_rtcp));
    assert_int_equal(count_get(&r->a.counts.rtcp_rx), 1);
    assert_int_equal(count_get(&r->b.counts.rtcp_tx), 1);
}

/* Blocks are true as they are; an SR no longer counts what we did not pass on. */
static void true_reports(void **state)
{
    const struct rtcp_block block = {.ssrc = B_SSRC, .fraction = 9, .lost = 3, .seq = 70000, .jitter = 80, .lsr = 0x12345678, .dlsr = 98304};
    struct rtcp_block out;
    struct relay *r = *state;
    struct part c;
    struct rtcp p;

    relay_open(r);
    say(r, &r->b, 1);
    for (uint16_t i = 1; i <= 10; i++) {
        flow_gate(r->a.flow, i <= 6, true); /* 4 of 10 octets each are held back */
        say(r, &r->a, i);
    }
    put_sr(fresh(&c), A_SSRC, 5, 10, 100, &block);
    assert_true(report(r, &r->a, &c)); /* though the gate is shut */
    assert_true(part_of(r, RTCP_SR, &p));
    assert_int_equal(rtcp_u32(&p, 20), 6);
    assert_int_equal(rtcp_u32(&p, 24), 60);
    assert_int_equal(rtcp_u32(&p, 12), 5u << 16);
    rtcp_block_get(&out, rtcp_block_at(&p, 0));
    assert_memory_equal(&out, &block, sizeof(out));
    assert_int_equal(count_get(&r->a.counts.far_lost), 3);
}

/* What the bucket did not afford was withheld, too; and RTCP is paid from the same bucket. */
static void policed(void **state)
{
    struct relay *r = *state;
    struct part c;
    struct rtcp p;

    r->a.sep_spec.rtp.rate = 1000;
    r->a.sep_spec.rtp.burst = 150; /* three packets of 10, 12 of RTP, 28 of UDP and IP */
    relay_open(r);
    for (uint16_t i = 1; i <= 10; i++)
        say(r, &r->a, i);
    assert_int_equal(count_get(&r->b.counts.tx_packets), 3);
    assert_int_equal(count_get(&r->a.counts.policed), 7);
    put_sr(fresh(&c), A_SSRC, 5, 10, 100, NULL);
    assert_false(report(r, &r->a, &c));
    assert_int_equal(count_get(&r->a.counts.policed), 8);
    r->now += 150;
    assert_true(report(r, &r->a, &c));
    assert_true(part_of(r, RTCP_SR, &p));
    assert_int_equal(rtcp_u32(&p, 20), 3);
    assert_int_equal(rtcp_u32(&p, 24), 30);
}

static void round_trip(void **state)
{
    struct rtcp_block block = {.ssrc = B_SSRC, .lsr = 0x00070000, .dlsr = 65536 / 2, .jitter = 80};
    struct relay *r = *state;
    struct part c;

    r->b.spec.n_fmts = 1;
    r->b.spec.fmts[0] = (struct bus_fmt){.pt = 8, .clock = 8000};
    relay_open(r);
    say(r, &r->b, 1);
    put_sr(fresh(&c), B_SSRC, 0x00070000, 1, 10, NULL);
    assert_true(report(r, &r->b, &c));
    r->now += 540; /* half a second of it the far end kept to itself */
    put_rr(fresh(&c), A_SSRC, &block);
    assert_true(report(r, &r->a, &c));
    assert_in_range(count_get(&r->a.counts.rtt), 39000, 41000);
    assert_int_equal(count_get(&r->a.counts.far_jitter), 10000);
    block.lsr++; /* another one's */
    r->now += 5000;
    put_rr(fresh(&c), A_SSRC, &block);
    assert_true(report(r, &r->a, &c));
    assert_in_range(count_get(&r->a.counts.rtt), 39000, 41000);
}

static void put_all_feedback(struct buf *b)
{
    static const uint8_t nack[] = {0, 7, 0, 0}, entry[] = {0, 0, 0xbb, 0xbb, 1, 0, 0, 0}, tcc[8] = {0};
    static const uint8_t remb[] = {'R', 'E', 'M', 'B', 1, 0, 0, 9, 0, 0, 0xbb, 0xbb};

    put_fb(b, RTCP_RTPFB, RTPFB_NACK, B_SSRC, nack, sizeof(nack));
    put_fb(b, RTCP_RTPFB, RTPFB_TMMBR, 0, entry, sizeof(entry));
    put_fb(b, RTCP_RTPFB, RTPFB_TMMBN, 0, entry, sizeof(entry));
    put_fb(b, RTCP_RTPFB, RTPFB_TCC, B_SSRC, tcc, sizeof(tcc));
    put_fb(b, RTCP_PSFB, PSFB_PLI, B_SSRC, NULL, 0);
    put_fb(b, RTCP_PSFB, PSFB_FIR, 0, entry, sizeof(entry));
    put_fb(b, RTCP_PSFB, PSFB_AFB, 0, remb, sizeof(remb));
    put_fb(b, RTCP_PSFB, 3, B_SSRC, entry, sizeof(entry));
}

static void feedback(void **state)
{
    struct relay *r = *state;
    struct part c;
    char text[256];

    relay_open(r);
    say(r, &r->b, 1);
    put_all_feedback(fresh(&c)); /* reduced size: no report in front */
    assert_true(report(r, &r->a, &c));
    assert_string_equal(shape(r, text), "RR SDES 205.1 205.3 205.4 206.1 206.4");
    r->a.spec.keep_ext = r->b.spec.keep_ext = true; /* a browser on either side */
    relay_spec(r);
    assert_true(report(r, &r->a, &c));
    assert_string_equal(shape(r, text), "RR SDES 205.1 205.3 205.4 205.15 206.1 206.4 206.15");
    r->b.spec.feedback = false; /* plain AVP */
    relay_spec(r);
    assert_false(report(r, &r->a, &c));
    put_rr(fresh(&c), A_SSRC, NULL);
    put_all_feedback(&c.b);
    assert_true(report(r, &r->a, &c));
    assert_string_equal(shape(r, text), "RR SDES");
    r->b.spec.has_rtcp = false;
    relay_spec(r);
    assert_false(report(r, &r->a, &c));
}

static void malformed(void **state)
{
    struct relay *r = *state;
    struct part c;

    r->a.spec.feedback = false;
    relay_open(r);
    put_all_feedback(fresh(&c)); /* reduced size was not agreed */
    assert_false(report(r, &r->a, &c));
    assert_int_equal(r->verdict, SEP_JUNK);
    put_sr(fresh(&c), A_SSRC, 5, 0, 0, NULL);
    c.b.len -= 4;
    assert_false(report(r, &r->a, &c));
    assert_int_equal(r->verdict, SEP_JUNK);
    c.b.len += 4;
    assert_false(relay_send(r, &r->a, &r->a.far, c.p, c.b.len, true)); /* RTCP from RTP's port */
    assert_int_equal(count_get(&r->a.counts.refused), 1);
    assert_true(report(r, &r->a, &c));
}

static void goodbye(void **state)
{
    struct relay *r = *state;
    struct part c;
    struct rtcp p;
    char text[256];
    size_t at;

    relay_open(r);
    say(r, &r->a, 1);
    put_rr(fresh(&c), A_SSRC, NULL);
    at = rtcp_begin(&c.b, RTCP_BYE);
    buf_u32(&c.b, A_SSRC);
    buf_str(&c.b, "\006theirs");
    rtcp_end(&c.b, at, 1);
    assert_true(report(r, &r->a, &c));
    assert_string_equal(shape(r, text), "RR SDES BYE");
    relay_blank(r);
    assert_int_not_equal(flow_bye(r->a.flow, &r->pkt, r->now), 0); /* nothing ever left to a */
    assert_int_equal(flow_bye(r->b.flow, &r->pkt, r->now), 0);
    assert_string_equal(shape(r, text), "RR SDES BYE");
    assert_true(part_of(r, RTCP_BYE, &p));
    assert_int_equal(rtcp_u32(&p, 4), A_SSRC);
    assert_true(addr_eq(&r->pkt.to, &r->b.far_rtcp));
}

/* 90 s of a far end without RTCP: about what it hears of us it gets reports, 15 s late and then every 5 s on average. */
static void our_own(void **state)
{
    struct relay *r = *state;
    const msec_t begin = r->now;
    msec_t sr_at = begin;
    struct rtcp_block block;
    unsigned to_a = 0, to_b = 0;
    enum bus_what what;
    struct part c;
    struct rtcp p;
    char text[256];

    relay_open(r);
    for (uint16_t i = 0; r->now < begin + 90000; r->now += i++ % 2 ? 10 : 30) {
        if (i % 4 != 3 || i < 8)
            say(r, &r->a, i);
        if (i % 250 == 0) { /* a reports, so b has all it needs */
            sr_at = r->now;
            put_sr(fresh(&c), A_SSRC, 0x12340000 + i, i, i, NULL);
            assert_true(report(r, &r->a, &c));
        }
        relay_blank(r);
        assert_false(flow_tick(r->b.flow, r->now, &what, &r->pkt));
        to_b += r->pkt.n > 0;
        relay_blank(r);
        assert_false(flow_tick(r->a.flow, r->now, &what, &r->pkt));
        if (!r->pkt.n)
            continue;
        to_a++;
        assert_true(r->now >= begin + 15000);
        assert_string_equal(shape(r, text), "RR SDES");
        assert_true(addr_eq(&r->pkt.to, &r->a.far_rtcp));
        assert_true(part_of(r, RTCP_RR, &p));
        assert_int_equal(p.count, 1);
        rtcp_block_get(&block, rtcp_block_at(&p, 0));
        assert_int_equal(block.ssrc, A_SSRC);
        assert_in_range(block.seq, i - 1, i);
        assert_true(block.lost > 0);
        assert_in_range(block.lsr, 0x12340000, 0x12340000 + i);
        assert_in_range(block.dlsr + 1, (r->now - sr_at) * 65536 / 1000, (r->now - sr_at) * 65536 / 1000 + 2); /* 0: in the same ms */
        if (to_a > 1)
            assert_in_range(block.jitter, 40, 70); /* 80 of 8000 Hz twice, then none */
        if (to_a > 1)
            assert_in_range(block.fraction, 62, 66); /* a quarter */
    }
    assert_int_equal(to_b, 0);
    assert_in_range(to_a, 10, 36);
    put_rr(fresh(&c), B_SSRC, NULL); /* now b speaks for itself */
    assert_true(report(r, &r->b, &c));
    r->now += 14000;
    relay_blank(r);
    (void)flow_tick(r->a.flow, r->now, &what, &r->pkt);
    assert_int_equal(r->pkt.n, 0);
}

/* A NACK about a source that began anew names the numbers that it sent. */
static void nack_after_jump(void **state)
{
    struct relay *r = *state;
    const struct relay_rtp m[] = {{.pt = 8, .seq = 100, .ssrc = B_SSRC, .payload = SV("x")}};
    struct relay_rtp v = m[0];
    uint8_t fci[8] = {0, 0, 0x80, 1, 0, 0, 0, 0};
    struct part c;
    struct rtcp p;
    struct rtp out;

    relay_open(r);
    for (v.seq = 9000; v.seq < 9010; v.seq++)
        assert_true(relay_rtp(r, &r->b, &v));
    for (v.seq = 10; v.seq < 20; v.seq++)
        (void)relay_rtp(r, &r->b, &v);
    assert_int_equal(rtp_parse(&out, r->pkt.p, r->pkt.n), 0); /* 19, as the other side has it */
    assert_int_equal(out.seq, 9018);
    fci[0] = (uint8_t)(out.seq >> 8);
    fci[1] = (uint8_t)out.seq;
    fci[4] = (uint8_t)((out.seq - 3) >> 8);
    fci[5] = (uint8_t)(out.seq - 3);
    put_rr(fresh(&c), A_SSRC, NULL);
    put_fb(&c.b, RTCP_RTPFB, RTPFB_NACK, B_SSRC, fci, sizeof(fci));
    assert_true(report(r, &r->a, &c));
    assert_true(part_of(r, RTCP_RTPFB, &p));
    assert_int_equal(rtcp_u32(&p, 12), 19u << 16 | 0x8001);
    assert_int_equal(rtcp_u32(&p, 16), 16u << 16);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(names_and_rubbish), T(true_reports), T(policed), T(round_trip), T(feedback), T(malformed), T(goodbye),
        T(our_own), T(nack_after_jump),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
