/* What passes as it is: UDP (T.38's UDPTL begins with any octet), and SAVP whose keys only the ends have (TS 23.334 6.2.10A).
 * Nothing is read, nothing changed, nothing of ours added; who may send and Mode hold all the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tests/fake/relay.h"

static int setup(void **state)
{
    struct relay *r = malloc(sizeof(*r));

    relay_init(r);
    r->a.sep_spec.rtp.opaque = r->b.sep_spec.rtp.opaque = true;
    r->a.spec.opaque = r->b.spec.opaque = true;
    *state = r;
    return 0;
}

static int teardown(void **state)
{
    relay_close(*state);
    free(*state);
    return 0;
}

static bool as_it_is(struct relay *r, const void *p, size_t n)
{
    return r->pkt.n == n && memcmp(r->pkt.p, p, n) == 0;
}

static void any_octets(void **state)
{
    struct relay *r = *state;
    uint8_t p[300];
    struct addr elsewhere;

    r->a.spec.has_rtcp = r->b.spec.has_rtcp = false;
    relay_open(r);
    elsewhere = r->a.far;
    addr_set_port(&elsewhere, 9);
    srand(3);
    for (unsigned i = 0; i < 1024; i++) {
        struct relay_side *in = i % 2 ? &r->a : &r->b, *out = i % 2 ? &r->b : &r->a;
        const size_t n = 1 + (size_t)rand() % sizeof(p);

        for (size_t k = 0; k < n; k++)
            p[k] = (uint8_t)rand();
        p[0] = (uint8_t)(i / 4);
        assert_true(relay_send(r, in, &in->far, p, n, n >= 2 && rtp_is_rtcp(p, n)));
        assert_true(as_it_is(r, p, n));
        assert_true(addr_eq(&r->pkt.to, &out->far));
        assert_false(r->pkt.rtcp);
    }
    assert_int_equal(count_get(&r->a.counts.rx_packets), 512);
    assert_int_equal(count_get(&r->a.counts.rx_octets), count_get(&r->b.counts.tx_octets));
    assert_false(relay_send(r, &r->a, &r->a.far, p, 0, false));
    assert_false(relay_send(r, &r->a, &elsewhere, p, 9, false));
    assert_int_equal(count_get(&r->a.counts.refused), 1);
    flow_gate(r->a.flow, false, true);
    assert_false(relay_send(r, &r->a, &r->a.far, p, 9, false));
    assert_int_equal(count_get(&r->a.counts.gated), 1);
    assert_true(relay_send(r, &r->b, &r->b.far, p, 9, false));
    flow_join(r->a.flow, NULL, NULL);
    assert_false(relay_send(r, &r->b, &r->b.far, p, 9, false));
}

/* The far ends' own SRTP and SRTCP: each opens what the other sealed, extensions and all; RTCP by its port. */
static void end_to_end(void **state)
{
    static const uint8_t ext[] = {0xbe, 0xde, 0, 1, 0x10, 0x55, 0, 0};
    const struct srtp_key key = relay_key_of(SRTP_AES128_CM_SHA1_80, 9);
    struct relay *r = *state;
    struct srtp *tx, *rx;
    uint8_t p[MEDIA_RX_SIZE] = {0x80, 201, 0, 1, 1, 2, 3, 4}, q[MEDIA_RX_SIZE];
    size_t n = 8;
    enum bus_what what;

    r->a.spec.n_fmts = r->b.spec.n_fmts = 1;
    r->a.spec.fmts[0] = r->b.spec.fmts[0] = (struct bus_fmt){.pt = 8, .clock = 8000};
    r->wire.a_to_b[8] = 99;
    relay_open(r);
    assert_int_equal(srtp_new(&tx, SRTP_OPENSSL, &key, false), 0);
    assert_int_equal(srtp_new(&rx, SRTP_OPENSSL, &key, true), 0);
    assert_int_equal(srtp_seal_rtcp(tx, p, &n, sizeof(p)), 0);
    assert_true(relay_send(r, &r->a, &r->a.far_rtcp, p, n, true));
    assert_true(as_it_is(r, p, n));
    assert_true(r->pkt.rtcp && addr_eq(&r->pkt.to, &r->b.far_rtcp));
    assert_false(relay_send(r, &r->a, &r->a.far, p, n, true)); /* not from there */
    for (uint16_t i = 0; i < 200; i++) { /* a jump, too: nothing of ours to mend */
        const struct relay_rtp m = {.pt = 77, .seq = (uint16_t)(i * 30000), .ssrc = i, .payload = SV("secret"),
                                    .ext = {(const char *)ext, sizeof(ext)}};

        n = relay_make(&m, q);
        if (i + 1 < MEDIA_SRTP_SSRC)
            assert_int_equal(srtp_seal(tx, q, &n, sizeof(q)), 0);
        assert_true(relay_send(r, &r->a, &r->a.far, q, n, false));
        assert_true(as_it_is(r, q, n));
        if (i + 1 < MEDIA_SRTP_SSRC)
            assert_int_equal(srtp_open(rx, r->pkt.p, &r->pkt.n), 0);
    }
    flow_gate(r->b.flow, true, false); /* hold: RTCP goes on */
    assert_false(relay_send(r, &r->a, &r->a.far, q, n, false));
    assert_true(relay_send(r, &r->a, &r->a.far_rtcp, p, 16, true));
    for (unsigned i = 0; i < 100; i++) { /* never a word of our own */
        r->now += 1000;
        relay_blank(r);
        flow_tick(r->b.flow, r->now, &what, &r->pkt);
        assert_int_equal(r->pkt.n, 0);
    }
    relay_blank(r);
    assert_true(flow_bye(r->b.flow, &r->pkt, r->now) < 0);
    srtp_free(tx);
    srtp_free(rx);
}

/* The first who sends is the one, and nobody then. */
static void latched(void **state)
{
    struct relay *r = *state;
    struct addr who = r->a.far, other = r->a.far;

    r->a.sep_spec.rtp.latch = BUS_LATCH_ON;
    r->a.spec.has_rtcp = r->b.spec.has_rtcp = false;
    addr_set_port(&who, 7777);
    addr_set_port(&other, 8888);
    relay_open(r);
    assert_true(relay_send(r, &r->a, &who, "\1udptl", 6, false));
    assert_false(relay_send(r, &r->a, &other, "\1udptl", 6, false));
    assert_true(relay_send(r, &r->b, &r->b.far, "\2udptl", 6, false));
    assert_true(addr_eq(&r->pkt.to, &who));
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {T(any_octets), T(end_to_end), T(latched)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
