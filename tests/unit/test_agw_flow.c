/* A flow: what comes in by one side leaves by the other, as it is; gates, payload types, statistics, inactivity. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tests/fake/relay.h"

#define VOICE SV("twenty milliseconds of voice")

static struct relay_rtp voice(uint16_t seq)
{
    return (struct relay_rtp){.pt = 8, .seq = seq, .ts = seq * 160u, .ssrc = 0x1111, .payload = VOICE};
}

static bool say(struct relay *r, struct relay_side *in, uint16_t seq)
{
    const struct relay_rtp m = voice(seq);

    return relay_rtp(r, in, &m);
}

static int64_t drops(const struct flow_counts *c)
{
    return count_get(&c->gated) + count_get(&c->refused) + count_get(&c->unauthentic) + count_get(&c->replayed) +
           count_get(&c->policed) + count_get(&c->unmapped);
}

/* The property of the whole thing, both ways, any size, with and without extension. */
static void same_payload(void **state)
{
    static const uint8_t ext[] = {0xbe, 0xde, 0, 1, 0x10, 0x55, 0, 0};
    struct relay *r = *state;
    char payload[1400];
    struct rtp out;

    r->wire.a_to_b[96] = 8;
    r->wire.b_to_a[8] = 96;
    r->b.spec.keep_ext = false;
    r->a.spec.keep_ext = true;
    relay_open(r);
    srand(1);
    for (unsigned i = 0; i < 400; i++) {
        struct relay_side *in = i % 2 ? &r->b : &r->a, *to = i % 2 ? &r->a : &r->b;
        struct relay_rtp m = {.pt = i % 2 ? 8 : 96, .marker = i % 3 == 0, .seq = (uint16_t)(65400 + i), .ts = i * 77,
                              .ssrc = 5 + i % 2, .payload = {payload, (size_t)rand() % sizeof(payload)}};

        for (size_t k = 0; k < m.payload.n; k++)
            payload[k] = (char)rand();
        if (i % 4 < 2)
            m.ext = (struct sv){(const char *)ext, sizeof(ext)};
        assert_true(relay_rtp(r, in, &m));
        assert_ptr_equal(r->pkt.out, to->sep);
        assert_true(addr_eq(&r->pkt.to, &to->far));
        assert_int_equal(rtp_parse(&out, r->pkt.p, r->pkt.n), 0);
        assert_int_equal(out.pt, i % 2 ? 96 : 8);
        assert_int_equal(out.marker, m.marker);
        assert_int_equal(out.seq, m.seq);
        assert_int_equal(out.ts, m.ts);
        assert_int_equal(out.ssrc, m.ssrc);
        assert_int_equal(out.ext != NULL, m.ext.n && to == &r->a);
        assert_int_equal(out.payload, m.payload.n);
        assert_memory_equal(r->pkt.p + out.header, payload, m.payload.n);
    }
    assert_int_equal(count_get(&r->a.counts.rx_packets), 200);
    assert_int_equal(count_get(&r->b.counts.tx_packets), 200);
    assert_int_equal(count_get(&r->a.counts.rx_octets), count_get(&r->b.counts.tx_octets));
    assert_int_equal(count_get(&r->a.counts.lost), 0);
    assert_int_equal(drops(&r->a.counts) + drops(&r->b.counts), 0);
}

static void gates(void **state)
{
    struct relay *r = *state;

    relay_open(r);
    assert_true(say(r, &r->a, 1));
    flow_gate(r->a.flow, false, true);
    assert_false(say(r, &r->a, 2));
    assert_true(say(r, &r->b, 2)); /* the other direction */
    assert_int_equal(count_get(&r->a.counts.gated), 1);
    flow_gate(r->a.flow, true, true);
    flow_gate(r->b.flow, true, false);
    assert_false(say(r, &r->a, 3));
    assert_int_equal(count_get(&r->a.counts.gated), 1);
    assert_int_equal(count_get(&r->b.counts.gated), 1);
    flow_gate(r->b.flow, true, true);
    assert_true(say(r, &r->a, 4));
    assert_int_equal(count_get(&r->a.counts.rx_packets), 4);
    assert_int_equal(count_get(&r->b.counts.tx_packets), 2);
    assert_int_equal(count_get(&r->a.counts.lost), 0); /* what we drop did arrive */
    flow_join(r->a.flow, NULL, NULL);
    assert_false(say(r, &r->a, 5));
    assert_false(say(r, &r->b, 5));
    assert_int_equal(count_get(&r->a.counts.gated), 2);
    assert_int_equal(count_get(&r->b.counts.gated), 2);
}

static void payload_types(void **state)
{
    struct relay *r = *state;
    struct relay_rtp m = voice(1);

    r->a.spec.n_fmts = 2;
    r->a.spec.fmts[0] = (struct bus_fmt){.pt = 111, .clock = 48000};
    r->a.spec.fmts[1] = (struct bus_fmt){.pt = 101, .event = true, .clock = 8000};
    r->wire.a_to_b[111] = 96;
    r->wire.a_to_b[101] = BUS_PT_DROP;
    relay_open(r);
    m.pt = 111;
    assert_true(relay_rtp(r, &r->a, &m));
    assert_int_equal(r->pkt.p[1] & 0x7f, 96);
    m.pt = 101;
    m.seq++;
    assert_false(relay_rtp(r, &r->a, &m));
    m.pt = 0; /* not of this stream */
    m.seq++;
    assert_false(relay_rtp(r, &r->a, &m));
    assert_int_equal(count_get(&r->a.counts.unmapped), 2);
    r->a.spec.n_fmts = 0; /* `-` */
    relay_spec(r);
    assert_true(relay_rtp(r, &r->a, &m));
}

/* Sequence numbers: lost, late, twice, over the end; and somebody's single packet changes nothing. */
static void loss(void **state)
{
    static const struct {
        uint16_t seq;
        int64_t lost;
    } seen[] = {{65533, 0}, {65534, 0}, {65535, 0}, {2, 2}, {0, 1}, {3, 1}, {3, 0}, {1, -1}, {4, -1}, {10, 4}};
    struct relay *r = *state;
    struct relay_rtp stray = voice(30000);

    relay_open(r);
    stray.ssrc = 0x666;
    for (unsigned i = 0; i < sizeof(seen) / sizeof(seen[0]); i++) {
        assert_true(say(r, &r->a, seen[i].seq));
        assert_int_equal(count_get(&r->a.counts.lost), seen[i].lost);
        stray.seq += 1000;
        assert_true(relay_rtp(r, &r->a, &stray));
        assert_int_equal(count_get(&r->a.counts.lost), seen[i].lost);
    }
    say(r, &r->a, 40000); /* once may be a stray packet, twice in order is a new beginning (A.1) */
    assert_int_equal(count_get(&r->a.counts.lost), 4);
    say(r, &r->a, 40001);
    say(r, &r->a, 40003);
    assert_int_equal(count_get(&r->a.counts.lost), 5);
}

/* More senders than there is room for: the strays go first, the one that speaks keeps its figures. */
static void many_ssrcs(void **state)
{
    struct relay *r = *state;
    struct relay_rtp stray = voice(0);

    relay_open(r);
    for (unsigned i = 0; i < 100; i++) {
        r->now += 20;
        assert_true(say(r, &r->a, (uint16_t)(i < 2 ? i : 2 * i - 1)));
        stray.ssrc = 0x10000 + i;
        assert_true(relay_rtp(r, &r->a, &stray));
    }
    assert_int_equal(count_get(&r->a.counts.lost), 98); /* every second one since it was believed */
    assert_int_equal(count_get(&r->a.counts.rx_packets), 200);
}

/* A.8 by hand: packets of 20 ms, every second one 10 ms late: |D| = 10 ms each time, J goes to 10 ms. */
static void jitter(void **state)
{
    struct relay *r = *state;
    const msec_t begin = r->now;

    relay_open(r);
    for (unsigned i = 0; i < 500; i++) {
        r->now = begin + 20 * i;
        say(r, &r->b, (uint16_t)i);
        r->now += i % 2 ? 10 : 0;
        say(r, &r->a, (uint16_t)i);
    }
    assert_in_range(count_get(&r->a.counts.jitter), 9500, 10000);
    assert_int_equal(count_get(&r->b.counts.jitter), 0);
}

/* A key that is held repeats its timestamp in each packet (RFC 4733 2.5.1.2): no jitter, and the voice's own stays as it was. */
static void jitter_of_events(void **state)
{
    struct relay *r = *state;
    struct relay_rtp m = voice(0);

    r->a.spec.n_fmts = 2;
    r->a.spec.fmts[0] = (struct bus_fmt){.pt = 8, .clock = 8000};
    r->a.spec.fmts[1] = (struct bus_fmt){.pt = 101, .clock = 8000, .event = true};
    relay_open(r);
    for (uint16_t i = 0; i < 200; i++, r->now += 20) {
        m.seq = i;
        m.pt = i < 100 ? 8 : 101;
        m.ts = 160u * (i < 100 ? i : 100);
        assert_true(relay_rtp(r, &r->a, &m));
    }
    assert_int_equal(count_get(&r->a.counts.jitter), 0);
}

static void inactivity(void **state)
{
    static const uint8_t rr[] = {0x80, 201, 0, 1, 0, 0, 0, 1};
    struct relay *r = *state;
    enum bus_what what = 0;

    r->a.spec.inactivity_ms = 700;
    relay_open(r);
    relay_blank(r);
    assert_int_equal(flow_deadline(r->a.flow), r->now + 700);
    r->now += 699;
    assert_false(flow_tick(r->a.flow, r->now, &what, &r->pkt));
    say(r, &r->a, 1);
    r->now += 699;
    assert_false(flow_tick(r->a.flow, r->now, &what, &r->pkt));
    relay_send(r, &r->a, &r->a.far_rtcp, rr, sizeof(rr), true); /* is no media */
    assert_int_equal(count_get(&r->a.counts.rtcp_rx), 1);
    r->now++;
    assert_true(flow_tick(r->a.flow, r->now, &what, &r->pkt));
    assert_int_equal(what, BUS_EV_INACTIVE);
    assert_false(flow_tick(r->a.flow, r->now, &what, &r->pkt)); /* once */
    r->now += 60000;
    assert_false(flow_tick(r->a.flow, r->now, &what, &r->pkt));
    flow_gate(r->a.flow, false, false);
    say(r, &r->a, 2); /* on hold it flows all the same */
    r->now += 700;
    assert_true(flow_tick(r->a.flow, r->now, &what, &r->pkt));
}

static void quality(void **state)
{
    struct relay *r = *state;
    enum bus_what what;

    r->a.spec.n_fmts = r->b.spec.n_fmts = 1;
    r->a.spec.fmts[0] = r->b.spec.fmts[0] = (struct bus_fmt){.pt = 8, .clock = 8000};
    relay_open(r);
    for (unsigned i = 0; i < 500; i++, r->now += 20) {
        say(r, &r->b, (uint16_t)i);
        if (i % 10)
            say(r, &r->a, (uint16_t)i);
    }
    relay_blank(r);
    assert_int_equal(count_get(&r->a.counts.mos), 0);
    flow_tick(r->a.flow, r->now, &what, &r->pkt);
    flow_tick(r->b.flow, r->now, &what, &r->pkt);
    assert_in_range(count_get(&r->b.counts.mos), 435, 445); /* clean G.711 */
    assert_in_range(count_get(&r->a.counts.r_factor), 63, 68); /* 10 %: 93 - 27 */
    assert_in_range(count_get(&r->a.counts.mos), 320, 350);
    atomic_store(&r->b.counts.rtt, 600000); /* 300 ms, and 20 of the buffer: 23 of R */
    for (unsigned i = 500; i < 1000; i++, r->now += 20)
        say(r, &r->b, (uint16_t)i);
    flow_tick(r->b.flow, r->now, &what, &r->pkt);
    assert_in_range(count_get(&r->b.counts.r_factor), 68, 71);
    assert_in_range(count_get(&r->b.counts.mos), 345, 365);
}

/* G.107 is about speech. */
static void quality_of_video(void **state)
{
    struct relay *r = *state;
    enum bus_what what;

    r->a.spec.video = r->b.spec.video = true;
    relay_open(r);
    for (unsigned i = 0; i < 500; i++, r->now += 20)
        say(r, &r->a, (uint16_t)i);
    relay_blank(r);
    flow_tick(r->a.flow, r->now, &what, &r->pkt);
    assert_int_equal(count_get(&r->a.counts.mos), 0);
    assert_int_equal(count_get(&r->a.counts.r_factor), 0);
}

/* One packet, one counter: whatever happens to it. */
static void counted_once(void **state)
{
    struct relay *r = *state;
    int64_t before, arrived = 0;
    struct addr elsewhere;

    r->a.sep_spec.rtp.rate = 4000;
    r->a.sep_spec.rtp.burst = 500;
    r->wire.a_to_b[9] = BUS_PT_DROP;
    relay_open(r);
    elsewhere = r->a.far;
    addr_set_port(&elsewhere, 1);
    srand(7);
    for (unsigned i = 0; i < 3000; i++) {
        struct relay_rtp m = voice((uint16_t)i);
        uint8_t p[MEDIA_RX_SIZE];
        bool left;

        m.pt = rand() % 8 ? 8 : 9;
        flow_gate(r->a.flow, rand() % 8 != 0, true);
        flow_gate(r->b.flow, true, rand() % 8 != 0);
        r->now += (msec_t)rand() % 40;
        before = drops(&r->a.counts) + drops(&r->b.counts);
        left = relay_send(r, &r->a, rand() % 8 ? &r->a.far : &elsewhere, p, relay_make(&m, p), false);
        assert_int_equal(drops(&r->a.counts) + drops(&r->b.counts) - before, !left);
        arrived++;
    }
    assert_int_equal(count_get(&r->b.counts.tx_packets) + drops(&r->a.counts) + drops(&r->b.counts), arrived);
    assert_true(count_get(&r->a.counts.policed) > 0 && count_get(&r->a.counts.refused) > 0);
    assert_true(count_get(&r->a.counts.unmapped) > 0 && count_get(&r->b.counts.tx_packets) > 100);
}

/* Joined anew, left and freed in any order: nobody points at what is gone. */
static void partners(void **state)
{
    struct relay *r = *state;
    struct flow *third;
    struct bus_flow spec;

    relay_open(r);
    spec = r->b.spec;
    spec.counts = NULL;
    assert_int_equal(flow_new(&third, r->b.sep, &spec, r->now), 0);
    flow_join(third, r->a.flow, &r->wire);
    assert_false(say(r, &r->b, 1)); /* b lost its partner */
    assert_true(say(r, &r->a, 1));
    flow_free(third);
    assert_false(say(r, &r->a, 2));
    flow_join(r->b.flow, r->a.flow, &r->wire);
    flow_join(r->b.flow, r->a.flow, &r->wire);
    assert_true(say(r, &r->a, 3));
    assert_true(say(r, &r->b, 3));
}

/* Towards a bundle whose payload types do not tell: MID in each packet, in place of what else was there. */
static void tells_mid(void **state)
{
    static const char *const mids[] = {"1", "video", "0123456789abcdef"};
    static const uint8_t ext[] = {0xbe, 0xde, 0, 1, 0x10, 0x55, 0, 0};
    struct relay *r = *state;
    struct rtp out;

    r->b.spec.mid_ext = 14;
    r->b.spec.tell_mid = r->b.spec.keep_ext = true;
    strcpy(r->b.spec.mid, "?");
    relay_open(r);
    for (unsigned i = 0; i < 6; i++) {
        struct relay_rtp m = voice((uint16_t)i);

        strcpy(r->b.spec.mid, mids[i / 2]);
        relay_spec(r);
        if (i % 2)
            m.ext = (struct sv){(const char *)ext, sizeof(ext)};
        assert_true(relay_rtp(r, &r->a, &m));
        assert_true(r->pkt.p >= r->slot);
        assert_int_equal(rtp_parse(&out, r->pkt.p, r->pkt.n), 0);
        assert_true(sv_is(rtp_ext(&out, 14), mids[i / 2]));
        assert_null(rtp_ext(&out, 1).p);
        assert_int_equal(out.payload, VOICE.n);
        assert_memory_equal(r->pkt.p + out.header, VOICE.p, VOICE.n);
        assert_int_equal(out.seq, i);
        assert_true(say(r, &r->b, (uint16_t)i)); /* the other way: nothing */
        assert_int_equal(r->pkt.p[0], 0x80);
    }
    r->b.spec.mid_ext = 15; /* no such id: packets go without */
    relay_spec(r);
    assert_true(say(r, &r->a, 9));
    assert_int_equal(r->pkt.p[0], 0x80);
}

#define T(f) cmocka_unit_test_setup_teardown(f, relay_setup, relay_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(same_payload), T(gates),      T(payload_types), T(loss),         T(many_ssrcs), T(jitter), T(jitter_of_events),
        T(inactivity),   T(quality),    T(quality_of_video), T(counted_once), T(partners), T(tells_mid),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
