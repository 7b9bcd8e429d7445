/* The data thread with the byte stream of an ICE-TCP connection in the place of a channel: what is held and until when, credit,
 * connections that follow each other. The core's sockets are real; the worker is the test. */
#include "tests/unit/data_rig.h"

enum { PIPE = 50 };

#define OCTETS 20000

static void ue_says(struct rig *r, uint32_t conn, const char *p, size_t n)
{
    assert_int_equal(bus_post_pipe(data_inbox(r->d), BUS_PIPE_DATA, PIPE, conn, p, n), 0);
}

static void conn_post(struct rig *r, enum bus_kind kind, uint32_t conn, size_t n)
{
    assert_int_equal(bus_post_conn(data_inbox(r->d), kind, PIPE, conn, n), 0);
}

static void pipe_post(struct rig *r)
{
    struct bus_msg *m = bus_new(BUS_PIPE_OPEN);

    m->u.pipe = (struct bus_pipe){.id = PIPE, .sep = SEP, .peer = "ue"};
    post(r, m);
}

static void joined(struct rig *r)
{
    struct bus_msg *m = bus_new(BUS_JOIN);

    m->u.join = (struct bus_join){PIPE, TCP0};
    post(r, m);
}

/* A core that has connected; not joined yet. */
static void core_up(struct rig *r)
{
    const struct addr lo = host("127.0.0.1");

    pipe_post(r);
    tcp_post(r, 0);
    remote_post(r, 0, BUS_TCP_PASSIVE, &lo);
    core_connect(r, 0);
    UNTIL(r, r->ev[BUS_EV_TCP_UP] == 1);
}

static void all_up(struct rig *r)
{
    core_up(r);
    joined(r);
    conn_post(r, BUS_PIPE_UP, 1, 0);
    UNTIL(r, r->ev[BUS_EV_TCP_UP] == 2);
}

static void assert_side(const struct side *s, const char *want, size_t n)
{
    assert_int_equal(s->n, n);
    assert_memory_equal(s->p, want, n);
}

/* Before anybody is there to take it, and while a Mode does not let it through. */
static void test_held(void **state)
{
    static const struct {
        bus_id id;
        bool in, out;
    } shut[] = {{PIPE, false, true}, {TCP0, true, false}};
    struct rig *r = *state;
    char p[512];
    const size_t n = chunk(p, sizeof p, "abcd", "1-100/100", 100, 1, '$');

    core_up(r);
    conn_post(r, BUS_PIPE_UP, 1, 0);
    ue_says(r, 1, p, n);
    barrier(r);
    turns(r, 3);
    assert_int_equal(r->core[0].n, 0);
    joined(r);
    UNTIL(r, r->core[0].n == n);
    for (unsigned i = 0; i < 2; i++) {
        r->core[0].n = 0;
        gate_post(r, shut[i].id, shut[i].in, shut[i].out);
        ue_says(r, 1, p, n);
        barrier(r);
        turns(r, 3);
        assert_int_equal(r->core[0].n, 0);
        gate_post(r, shut[i].id, true, true);
        UNTIL(r, r->core[0].n == n);
        assert_side(&r->core[0], p, n);
    }
    gate_post(r, PIPE, true, false);
    r->feed[0] = p;
    r->feed_n[0] = n;
    UNTIL(r, !r->feed_n[0]);
    turns(r, 3);
    assert_int_equal(r->ue.n, 0);
    gate_post(r, PIPE, true, true);
    UNTIL(r, r->ue.n == n);
    assert_side(&r->ue, p, n);
}

/* The worker gets its credit back as the core takes octets, all but a quarter; we use no more than we have. */
static void test_credit(void **state)
{
    static char big[BUS_PIPE_WINDOW + 4096];
    struct rig *r = *state;
    const size_t n = chunk(big, sizeof big, "bigone", "1-*/*", BUS_PIPE_WINDOW, 1, '$');
    size_t used = 0;

    all_up(r);
    for (size_t at = 0; at < n; at += OCTETS) {
        const size_t k = n - at < OCTETS ? n - at : OCTETS;

        UNTIL(r, BUS_PIPE_WINDOW - used + r->ue_credit >= k + BUS_PIPE_COST);
        ue_says(r, 1, big + at, k);
        used += k + BUS_PIPE_COST;
    }
    UNTIL(r, r->core[0].n == n && r->ue_credit + BUS_PIPE_WINDOW / 4 > used);
    assert_true(r->ue_credit <= used);
    assert_side(&r->core[0], big, n);
    r->feed[0] = big;
    r->feed_n[0] = n;
    UNTIL(r, !r->feed_n[0] && r->ue.n > BUS_PIPE_WINDOW / 2);
    turns(r, 5);
    assert_true(r->ue.n < BUS_PIPE_WINDOW && r->ue_max <= BUS_PIPE_FRAME);
    conn_post(r, BUS_PIPE_CREDIT, 2, BUS_PIPE_WINDOW); /* of another connection: nothing */
    conn_post(r, BUS_PIPE_CREDIT, 1, BUS_PIPE_WINDOW);
    UNTIL(r, r->ue.n == n);
    assert_side(&r->ue, big, n);
}

/* Three connections, and nobody who takes anything until the second is lost: what they brought comes in order. When not even the pass
 * has taken the first one's, the second's is forgotten. */
static void one_after_the_other(struct rig *r, bus_id shut, bool in, bool out)
{
    const bool forgets = shut == PIPE;
    char one[512], two[512], three[512], want[2048];
    const size_t n1 = chunk(one, sizeof one, "one1", "1-100/100", 100, 1, '$'), n2 = chunk(two, sizeof two, "two2", "1-100/100", 100, 2, '$'),
                 n3 = chunk(three, sizeof three, "three", "1-100/100", 100, 3, '$');

    all_up(r);
    gate_post(r, shut, in, out);
    ue_says(r, 1, one, n1);
    ue_says(r, 1, two, n2 / 2); /* half: it never began at the core, so nothing has to be ended */
    conn_post(r, BUS_PIPE_DOWN, 1, 0);
    ue_says(r, 1, one, n1); /* late */
    conn_post(r, BUS_PIPE_UP, 2, 0);
    ue_says(r, 2, two, n2);
    barrier(r);
    conn_post(r, BUS_PIPE_UP, 3, 0); /* no DOWN: nobody had memory for it */
    ue_says(r, 3, three, n3);
    barrier(r);
    assert_int_equal(r->ev[BUS_EV_TCP_CLOSED], 2);
    gate_post(r, shut, true, true);
    memcpy(want, one, n1);
    memcpy(want + n1, two, n2);
    memcpy(want + n1 + (forgets ? 0 : n2), three, n3);
    UNTIL(r, r->core[0].n >= n1 + (forgets ? 0 : n2) + n3);
    turns(r, 3);
    assert_side(&r->core[0], want, n1 + (forgets ? 0 : n2) + n3);
    r->feed[0] = one;
    r->feed_n[0] = n1;
    UNTIL(r, r->ue.n == n1);
}

static void test_one_after_the_other(void **state)
{
    one_after_the_other(*state, TCP0, true, false);
}

static void test_one_is_forgotten(void **state)
{
    one_after_the_other(*state, PIPE, false, true);
}

/* Its connection 1 has ended, it says `p` on 2. */
static void ue_comes_again(struct rig *r, const char *p, size_t n)
{
    conn_post(r, BUS_PIPE_DOWN, 1, 0);
    conn_post(r, BUS_PIPE_UP, 2, 0);
    ue_says(r, 2, p, n);
}

static void test_not_msrp(void **state)
{
    struct rig *r = *state;
    char p[512];
    const size_t n = chunk(p, sizeof p, "abcd", "1-100/100", 100, 1, '$');

    all_up(r);
    ue_says(r, 1, p, n);
    ue_says(r, 1, "GET / HTTP/1.1\r\n\r\n", 18);
    UNTIL(r, r->ev[BUS_EV_MSRP_BAD] == 1 && r->drops == 1);
    ue_says(r, 1, p, n); /* what was under way */
    ue_comes_again(r, p, n);
    UNTIL(r, r->core[0].n == 2 * n);
    assert_int_equal(r->ev[BUS_EV_TCP_CLOSED], 0); /* MSRP_BAD has said it */
    assert_int_equal(r->drops, 1);
}

/* Junk of a connection that is gone already: the one of now stays. */
static void test_not_msrp_before(void **state)
{
    struct rig *r = *state;
    char p[512];
    const size_t n = chunk(p, sizeof p, "abcd", "1-100/100", 100, 1, '$');

    all_up(r);
    gate_post(r, PIPE, false, true);
    ue_says(r, 1, "junk", 4);
    ue_comes_again(r, p, n);
    gate_post(r, PIPE, true, true);
    UNTIL(r, r->core[0].n == n);
    assert_side(&r->core[0], p, n);
    assert_int_equal(r->drops, 0);
}

static void test_closed(void **state)
{
    struct rig *r = *state;
    char p[512];
    const size_t n = chunk(p, sizeof p, "abcd", "1-100/100", 100, 1, '$');

    all_up(r);
    ue_says(r, 1, p, n);
    UNTIL(r, r->core[0].n == n);
    ue_says(r, 1, p, n / 2);
    bus_post_id(data_inbox(r->d), BUS_CLOSE, PIPE);
    UNTIL(r, r->closed == 1);
    assert_int_equal(r->stats.rx_packets, 1);
    conn_post(r, BUS_PIPE_DOWN, 1, 0); /* late, all of it */
    conn_post(r, BUS_PIPE_CREDIT, 1, 5);
    ue_says(r, 1, p, n);
    bus_post_id(data_inbox(r->d), BUS_CLOSE, TCP0);
    UNTIL(r, r->closed == 2);
    assert_int_equal(count_get(&data_counts(r->d)[DATA_C_PIPES]), 0);
}

/* All but the last 50 octets of a chunk, whose length it returns. */
static size_t half_said(struct rig *r, char p[512])
{
    const size_t n = chunk(p, 512, "abcd", "1-100/100", 100, 1, '$');

    all_up(r);
    ue_says(r, 1, p, n - 50);
    UNTIL(r, r->core[0].n > 0);
    return n;
}

/* The core's part goes in the middle of a message each way: another one begins with whole chunks, on a new connection of the UE. */
static void test_partner_goes(void **state)
{
    const struct addr lo = host("127.0.0.1");
    struct rig *r = *state;
    char p[512];
    const size_t n = half_said(r, p);

    bus_post_id(data_inbox(r->d), BUS_CLOSE, TCP0);
    UNTIL(r, r->closed == 1);
    turns(r, 3);
    assert_int_equal(r->drops, 1);
    ue_says(r, 1, p + n - 50, 50);
    conn_post(r, BUS_PIPE_DOWN, 1, 0);
    close(r->fd[0]);
    r->core[0].n = 0;
    tcp_post(r, 0);
    remote_post(r, 0, BUS_TCP_PASSIVE, &lo);
    core_connect(r, 0);
    joined(r);
    conn_post(r, BUS_PIPE_UP, 2, 0);
    ue_says(r, 2, p, n);
    UNTIL(r, r->core[0].n == n);
    assert_side(&r->core[0], p, n);
    bus_post_id(data_inbox(r->d), BUS_CLOSE, TCP0); /* with nothing under way the UE's stays */
    UNTIL(r, r->closed == 2);
    turns(r, 3);
    assert_int_equal(r->drops, 1);
}

/* And the other way round: the core's connection is closed, and the next UE has another. */
static void test_pipe_goes(void **state)
{
    struct rig *r = *state;
    char p[512];
    const size_t n = half_said(r, p);

    bus_post_id(data_inbox(r->d), BUS_CLOSE, PIPE);
    UNTIL(r, r->closed == 1 && r->fd[0] < 0);
    r->core[0].n = 0;
    core_connect(r, 0);
    pipe_post(r);
    joined(r);
    conn_post(r, BUS_PIPE_UP, 2, 0);
    ue_says(r, 2, p, n);
    UNTIL(r, r->core[0].n == n);
    assert_side(&r->core[0], p, n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_held, setup, teardown),
        cmocka_unit_test_setup_teardown(test_credit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_one_after_the_other, setup, teardown),
        cmocka_unit_test_setup_teardown(test_one_is_forgotten, setup, teardown),
        cmocka_unit_test_setup_teardown(test_not_msrp, setup, teardown),
        cmocka_unit_test_setup_teardown(test_not_msrp_before, setup, teardown),
        cmocka_unit_test_setup_teardown(test_closed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_partner_goes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_pipe_goes, setup, teardown),
    };

    return cmocka_run_group_tests_name("agw/data/pipe", tests, NULL, NULL);
}
