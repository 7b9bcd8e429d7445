/* A sender that counts anew, invents SSRCs, or seems to: what SRTP on the other side makes of it (RFC 3711 9.1, 3.3.1). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tests/fake/relay.h"

/* A plain source that goes back under the same SSRC (media server restarted, transfer) reaches the secured side all the same:
 * numbers go on there, and what is told of them is turned back. */
static void goes_on(void **state)
{
    static const uint16_t from[] = {5000, 100, 40000, 39000, 65530};
    struct relay *r = *state;
    struct srtp *rx;
    uint16_t last = 0;
    unsigned got = 0;
    uint8_t p[256];
    struct rtcp_block block = {.ssrc = 0x77};
    struct rtcp rr;
    struct buf b;
    size_t at;

    relay_secure(&r->b, SRTP_AEAD_AES_128_GCM, 3);
    relay_open(r);
    rx = relay_far_rx(r, &r->b);
    for (unsigned i = 0; i < 5; i++) {
        for (uint16_t k = 0; k < 50; k++) {
            const struct relay_rtp m = {.pt = 8, .seq = (uint16_t)(from[i] + k), .ssrc = 0x77, .payload = SV("voice")};
            struct rtp out;

            if (!relay_rtp(r, &r->a, &m))
                continue;
            assert_int_equal(srtp_open(rx, r->pkt.p, &r->pkt.n), 0);
            assert_int_equal(rtp_parse(&out, r->pkt.p, r->pkt.n), 0);
            if (got && k > 1) {
                assert_int_equal(out.seq, (uint16_t)(last + 1));
            }
            last = out.seq;
            got++;
        }
    }
    assert_in_range(got, 5 * 50 - 4, 5 * 50); /* the first after a jump may be a stray */
    assert_int_equal(count_get(&r->a.counts.replayed), 5 * 50 - got);
    /* the secured side has heard all up to `last`: to the source that is 65530 + 49 */
    block.seq = 3u << 16 | last;
    b = buf_over(p, sizeof(p));
    at = rtcp_begin(&b, RTCP_RR);
    buf_u32(&b, 0x88);
    rtcp_put_block(&b, &block);
    rtcp_end(&b, at, 1);
    {
        struct srtp *tx = relay_far_tx(r, &r->b);
        size_t n = b.len;

        assert_int_equal(srtp_seal_rtcp(tx, p, &n, sizeof(p)), 0);
        assert_true(relay_send(r, &r->b, &r->b.far_rtcp, p, n, true));
        srtp_free(tx);
    }
    at = 0;
    assert_true(rtcp_next(&rr, r->pkt.p, r->pkt.n, &at));
    rtcp_block_get(&block, rtcp_block_at(&rr, 0));
    assert_int_equal(block.seq, 65530 + 49);
    srtp_free(rx);
}

/* A sender that began anew counts its packets from nothing: what was withheld of its life before is not taken off any more. */
static void counts_anew(void **state)
{
    struct relay *r = *state;
    uint8_t p[64];
    struct rtcp sr;
    struct buf b = buf_over(p, sizeof(p));
    size_t at;

    relay_open(r);
    for (unsigned i = 0; i < 40; i++) {
        const struct relay_rtp m = {.pt = 8, .seq = (uint16_t)(i < 10 ? i : 20000 + i), .ssrc = 0x77, .payload = SV("voice")};

        flow_gate(r->a.flow, i >= 10, true);
        (void)relay_rtp(r, &r->a, &m);
    }
    at = rtcp_begin(&b, RTCP_SR);
    buf_u32(&b, 0x77);
    for (unsigned i = 0; i < 3; i++)
        buf_u32(&b, i);
    buf_u32(&b, 30);
    buf_u32(&b, 30 * 5);
    rtcp_end(&b, at, 0);
    assert_true(relay_send(r, &r->a, &r->a.far_rtcp, p, b.len, true));
    at = 0;
    assert_true(rtcp_next(&sr, r->pkt.p, r->pkt.n, &at));
    assert_int_equal(rtcp_u32(&sr, 20), 30);
    assert_int_equal(rtcp_u32(&sr, 24), 150);
}

/* After BYE the same SSRC comes again, lower: it is heard. */
static void comes_again(void **state)
{
    static const uint8_t bye[] = {0x80, 201, 0, 1, 0, 0, 0, 0x77, 0x81, 203, 0, 1, 0, 0, 0, 0x77};
    struct relay *r = *state;
    struct srtp *rx;
    unsigned got = 0;

    relay_secure(&r->b, SRTP_AES128_CM_SHA1_80, 3);
    relay_open(r);
    rx = relay_far_rx(r, &r->b);
    for (unsigned i = 0; i < 60; i++) {
        const struct relay_rtp m = {.pt = 8, .seq = (uint16_t)(i < 30 ? 9000 + i : i), .ssrc = 0x77, .payload = SV("voice")};

        if (i == 30)
            relay_send(r, &r->a, &r->a.far_rtcp, bye, sizeof(bye), true);
        if (relay_rtp(r, &r->a, &m) && srtp_open(rx, r->pkt.p, &r->pkt.n) == 0)
            got++;
    }
    assert_int_equal(got, 59);
    srtp_free(rx);
}

/* One packet far ahead, by whoever: SRTP would hold all that follows to be old. */
static void one_far_ahead(void **state)
{
    struct relay *r = *state;
    unsigned got = 0;

    relay_secure(&r->b, SRTP_AES128_CM_SHA1_80, 3);
    relay_open(r);
    for (unsigned i = 0; i < 100; i++) {
        struct relay_rtp m = {.pt = 8, .seq = (uint16_t)i, .ssrc = 0x77, .payload = SV("voice")};

        got += relay_rtp(r, &r->a, &m);
        m.seq = (uint16_t)(i + 7000);
        if (i == 50)
            assert_false(relay_rtp(r, &r->a, &m));
    }
    assert_int_equal(got, 100);
    assert_int_equal(count_get(&r->a.counts.replayed), 1);
}

/* Whoever writes packets with the address of a plain source cannot use up the SSRCs of the other side's key. */
static void invented_ssrcs(void **state)
{
    static uint8_t rr[] = {0x80, 201, 0, 1, 0, 0, 0, 0};
    struct relay *r = *state;
    struct relay_rtp m = {.pt = 8, .payload = SV("voice"), .ssrc = 0x77};
    unsigned passed = 0;

    relay_secure(&r->b, SRTP_AES128_CM_SHA1_80, 3);
    relay_open(r);
    for (uint16_t i = 0; i < 3000; i++, r->now += 20) {
        m.ssrc = 0x77;
        m.seq = i;
        assert_true(relay_rtp(r, &r->a, &m)); /* who was there goes on */
        m.ssrc = 0x1000u + i;
        passed += relay_rtp(r, &r->a, &m);
        rr[6] = (uint8_t)(i >> 8);
        rr[7] = (uint8_t)i;
        passed += relay_send(r, &r->a, &r->a.far_rtcp, rr, sizeof(rr), true);
    }
    assert_in_range(passed, 1, 6);
    assert_int_equal(count_get(&r->a.counts.refused), 6000 - passed);
    for (uint16_t i = 0, n = 0; n < 3; i++) { /* a new one that goes on is heard */
        m.ssrc = 0x99;
        m.seq = i;
        n += relay_rtp(r, &r->a, &m);
        assert_true(i < 4);
    }
}

#define T(f) cmocka_unit_test_setup_teardown(f, relay_setup, relay_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(goes_on),
        T(counts_anew),
        T(comes_again),
        T(one_far_ahead),
        T(invented_ssrcs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
