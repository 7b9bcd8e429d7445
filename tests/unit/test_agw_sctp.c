/* Two associations in one process, a made-up network with loss and delay between them, made-up time. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>
#include <utlist.h>

#include "agw/data/sctp.h"
#include "tests/fake/clock.h" /* usrsctp repeats what was sent an RTO ago by this clock, not by its timers' */

struct pkt {
    struct pkt *prev, *next;
    msec_t due;
    size_t n;
    uint8_t p[];
};

struct end {
    struct sctp *s;
    struct pkt *wire; /* on its way to this end */
    size_t rx_octets, rx_msgs, max_packet;
    unsigned up, lost, reset_in, reset_out, too_big, writable, streams, bad;
    uint16_t last_sid;
    uint32_t last_ppid, sum;
    size_t last_n;
    bool cut;
};

struct net {
    struct sctp_lib *lib;
    struct end e[2];
    msec_t now;
    unsigned loss_pct;
    uint32_t seed;
};

static unsigned rnd(struct net *net)
{
    net->seed = net->seed * 1664525u + 1013904223u;
    return net->seed >> 16;
}

static void wire_put(struct net *net, struct end *to, const struct sctp_ev *ev)
{
    struct pkt *pk;

    if (to->cut || rnd(net) % 100 < net->loss_pct)
        return;
    pk = malloc(sizeof *pk + ev->n);
    pk->due = net->now + 10;
    pk->n = ev->n;
    memcpy(pk->p, ev->p, ev->n);
    DL_APPEND(to->wire, pk);
}

static void on_event(struct net *net, struct end *e, const struct sctp_ev *ev)
{
    struct end *peer = e == &net->e[0] ? &net->e[1] : &net->e[0];

    switch (ev->what) {
    case SCTP_OUTPUT:
        if (ev->n > e->max_packet)
            e->max_packet = ev->n;
        wire_put(net, peer, ev);
        break;
    case SCTP_MESSAGE:
        e->rx_msgs++;
        e->rx_octets += ev->n;
        e->last_sid = ev->sid;
        e->last_ppid = ev->ppid;
        e->last_n = ev->n;
        for (size_t i = 0; i < ev->n; i++)
            e->sum = e->sum * 31 + ev->p[i];
        break;
    case SCTP_TOO_BIG: e->too_big++; e->last_sid = ev->sid; break;
    case SCTP_UP: e->up++; break;
    case SCTP_LOST: e->lost++; assert_non_null(ev->p); break;
    case SCTP_RESET_IN: e->reset_in++; e->last_sid = ev->sid; break;
    case SCTP_RESET_OUT: e->reset_out++; e->last_sid = ev->sid; break;
    case SCTP_STREAMS: e->streams++; break;
    case SCTP_WRITABLE: e->writable++; break;
    }
}

static void pull(struct net *net)
{
    struct sctp *s;
    struct sctp_ev ev;

    while ((s = sctp_lib_next(net->lib)))
        while (sctp_next(s, &ev))
            on_event(net, sctp_owner(s), &ev);
}

/* One step of 10 ms. */
static void step(struct net *net)
{
    struct pkt *pk, *tmp;

    net->now += 10;
    clock_to(net->now);
    for (int i = 0; i < 2; i++) {
        DL_FOREACH_SAFE(net->e[i].wire, pk, tmp) {
            if (pk->due > net->now)
                break;
            DL_DELETE(net->e[i].wire, pk);
            if (net->e[i].s)
                sctp_input(net->e[i].s, pk->p, pk->n);
            free(pk);
            pull(net);
        }
    }
    sctp_lib_clock(net->lib, net->now);
    pull(net);
}

static void steps(struct net *net, unsigned n)
{
    while (n--)
        step(net);
}

static int setup(void **state)
{
    struct net *net = calloc(1, sizeof *net);

    net->now = clock_now();
    net->seed = 7;
    assert_int_equal(sctp_lib_init(&net->lib), 0);
    *state = net;
    return 0;
}

static int teardown(void **state)
{
    struct net *net = *state;
    struct pkt *pk, *tmp;

    for (int i = 0; i < 2; i++) {
        sctp_free(net->e[i].s);
        DL_FOREACH_SAFE(net->e[i].wire, pk, tmp)
            free(pk);
    }
    sctp_lib_fini(net->lib);
    free(net);
    return 0;
}

static void open_both(struct net *net, size_t rx_max, unsigned streams)
{
    for (int i = 0; i < 2; i++) {
        struct sctp_conf conf = {.local_port = (uint16_t)(5000 + i), .rx_max = rx_max, .owner = &net->e[i],
                                 .streams = streams};

        assert_int_equal(sctp_new(&net->e[i].s, net->lib, &conf), 0);
    }
}

static void connect_both(struct net *net)
{
    open_both(net, 0, 0);
    assert_int_equal(sctp_connect(net->e[0].s, 5001), 0);
    assert_int_equal(sctp_connect(net->e[1].s, 5000), 0);
    pull(net);
    for (int i = 0; i < 3000 && !(net->e[0].up && net->e[1].up); i++)
        step(net);
    assert_true(net->e[0].up && net->e[1].up);
}

static void test_simultaneous_open(void **state)
{
    struct net *net = *state;

    connect_both(net);
    steps(net, 100);
    assert_int_equal(net->e[0].up, 1);
    assert_int_equal(net->e[1].up, 1);
    assert_int_equal(sctp_streams(net->e[0].s), SCTP_STREAMS_MIN);
    assert_int_equal(sctp_send(net->e[0].s, 7, SCTP_PPID_STRING, "hello", 5), 0);
    pull(net);
    steps(net, 10);
    assert_int_equal(net->e[1].rx_msgs, 1);
    assert_int_equal(net->e[1].last_sid, 7);
    assert_int_equal(net->e[1].last_ppid, SCTP_PPID_STRING);
    assert_int_equal(net->e[1].last_n, 5);
    assert_int_equal(sctp_send(net->e[0].s, 5000, SCTP_PPID_STRING, "x", 1), -EINVAL);
}

static void test_one_side_late(void **state)
{
    struct net *net = *state;

    /* The peer's INIT comes before we know its port: held, answered once connected. */
    open_both(net, 0, 0);
    assert_int_equal(sctp_connect(net->e[0].s, 5001), 0);
    pull(net);
    steps(net, 20);
    assert_int_equal(net->e[1].up, 0);
    assert_int_equal(sctp_connect(net->e[1].s, 5000), 0);
    assert_int_equal(sctp_connect(net->e[1].s, 5000), -EALREADY);
    pull(net);
    steps(net, 20);
    assert_int_equal(net->e[0].up, 1);
    assert_int_equal(net->e[1].up, 1);
}

static void test_never_answered(void **state)
{
    struct net *net = *state;

    open_both(net, 0, 0);
    net->e[1].cut = true;
    assert_int_equal(sctp_connect(net->e[0].s, 5001), 0);
    for (int i = 0; i < 60000 && !net->e[0].lost; i++)
        step(net);
    assert_int_equal(net->e[0].lost, 1);
    assert_int_equal(sctp_send(net->e[0].s, 0, SCTP_PPID_STRING, "x", 1), -ENOTCONN);
}

static void transfer(struct net *net, size_t total, size_t msg, unsigned slow)
{
    uint8_t *p = malloc(msg);
    size_t sent = 0;
    uint32_t sum = 0;
    int err;

    for (unsigned t = 0; t < 200000 && net->e[1].rx_octets < total; t++) {
        if (slow)
            sctp_pause(net->e[1].s, t % slow != 0);
        for (;; sent += msg) {
            if (sent >= total)
                break;
            for (size_t i = 0; i < msg; i++)
                p[i] = (uint8_t)(sent / msg * 13 + i * 7);
            err = sctp_send(net->e[0].s, 3, SCTP_PPID_BINARY, p, msg);
            if (err == -EAGAIN)
                break;
            assert_int_equal(err, 0);
            for (size_t i = 0; i < msg; i++)
                sum = sum * 31 + p[i];
        }
        pull(net);
        step(net);
    }
    free(p);
    assert_int_equal(net->e[1].rx_octets, total);
    assert_int_equal(net->e[1].rx_msgs, total / msg);
    assert_int_equal(net->e[1].sum, sum);
    assert_true(net->e[0].max_packet <= SCTP_PACKET_MAX);
    assert_true(net->e[0].max_packet > SCTP_PACKET_MAX - 50);
    assert_true(net->e[0].writable > 0);
}

static void test_10mb_slow_reader(void **state)
{
    connect_both(*state);
    transfer(*state, 160 * 65536, 65536, 7);
}

static void test_largest_messages(void **state)
{
    connect_both(*state);
    transfer(*state, 20 * (size_t)SCTP_MSG_MAX, SCTP_MSG_MAX, 0);
}

static void test_lossy(void **state)
{
    struct net *net = *state;

    net->loss_pct = 8;
    connect_both(net);
    transfer(net, 50 * 20000, 20000, 0);
}

static void test_too_big(void **state)
{
    struct net *net = *state;
    uint8_t *p = calloc(1, SCTP_MSG_MAX + 1);

    open_both(net, 1000, 0);
    assert_int_equal(sctp_connect(net->e[0].s, 5001), 0);
    assert_int_equal(sctp_connect(net->e[1].s, 5000), 0);
    steps(net, 20);
    assert_int_equal(sctp_send(net->e[0].s, 4, SCTP_PPID_BINARY, p, SCTP_MSG_MAX + 1), -EMSGSIZE);
    assert_int_equal(sctp_send(net->e[0].s, 4, SCTP_PPID_BINARY, p, SCTP_MSG_MAX), 0);
    assert_int_equal(sctp_send(net->e[0].s, 4, SCTP_PPID_BINARY, p, 1001), 0);
    assert_int_equal(sctp_send(net->e[0].s, 5, SCTP_PPID_BINARY, p, 1000), 0);
    pull(net);
    steps(net, 300);
    free(p);
    assert_int_equal(net->e[1].too_big, 2);
    assert_int_equal(net->e[1].rx_msgs, 1);
    assert_int_equal(net->e[1].last_n, 1000);
}

static void test_reset(void **state)
{
    struct net *net = *state;

    connect_both(net);
    for (int i = 0; i < 20; i++)
        assert_int_equal(sctp_send(net->e[0].s, 9, SCTP_PPID_STRING, "before", 6), 0);
    assert_int_equal(sctp_reset(net->e[0].s, 9), 0);
    assert_int_equal(sctp_reset(net->e[0].s, 8), 0);
    assert_int_not_equal(sctp_send(net->e[0].s, 9, SCTP_PPID_STRING, "x", 1), 0);
    pull(net);
    steps(net, 300);
    assert_int_equal(net->e[1].rx_msgs, 20); /* what was sent before the reset arrives */
    assert_int_equal(net->e[1].reset_in, 2);
    assert_int_equal(net->e[0].reset_out, 2);
    assert_int_equal(sctp_reset(net->e[1].s, 9), 0);
    pull(net);
    steps(net, 100);
    assert_int_equal(net->e[0].reset_in, 1);
    assert_int_equal(net->e[0].last_sid, 9);
    assert_int_equal(sctp_send(net->e[0].s, 9, SCTP_PPID_STRING, "again", 5), 0);
    pull(net);
    steps(net, 20);
    assert_int_equal(net->e[1].rx_msgs, 21);
}

static void test_add_streams(void **state)
{
    struct net *net = *state;

    connect_both(net);
    assert_int_equal(sctp_add_streams(net->e[0].s, 100), -EINVAL);
    assert_int_equal(sctp_add_streams(net->e[0].s, 3001), 0);
    pull(net);
    steps(net, 100);
    assert_true(net->e[0].streams > 0);
    /* The peer takes no more than it announced: refused, the old ones stay. */
    assert_int_equal(sctp_streams(net->e[0].s), SCTP_STREAMS_MIN);
    assert_int_equal(sctp_send(net->e[0].s, 1, SCTP_PPID_STRING, "x", 1), 0);
}

static void test_high_stream(void **state)
{
    struct net *net = *state;

    open_both(net, 0, SCTP_SID_ALL);
    assert_int_equal(sctp_connect(net->e[0].s, 5001), 0);
    assert_int_equal(sctp_connect(net->e[1].s, 5000), 0);
    steps(net, 20);
    assert_int_equal(sctp_send(net->e[0].s, 65534, SCTP_PPID_STRING, "x", 1), 0);
    pull(net);
    steps(net, 20);
    assert_int_equal(net->e[1].last_sid, 65534);
}

static void test_abort(void **state)
{
    struct net *net = *state;

    connect_both(net);
    sctp_abort(net->e[0].s);
    pull(net);
    steps(net, 20);
    assert_int_equal(net->e[1].lost, 1);
    assert_int_equal(net->e[0].lost, 0);
    assert_int_equal(sctp_send(net->e[1].s, 0, SCTP_PPID_STRING, "x", 1), -ENOTCONN);
}

static void test_junk(void **state)
{
    struct net *net = *state;
    uint8_t p[200];

    connect_both(net);
    assert_int_equal(sctp_input(net->e[0].s, p, 3), -EMSGSIZE);
    for (int i = 0; i < 2000; i++) {
        for (size_t k = 0; k < sizeof p; k++)
            p[k] = (uint8_t)rnd(net);
        sctp_input(net->e[0].s, p, 16 + rnd(net) % 180);
        pull(net);
    }
    assert_int_equal(sctp_send(net->e[0].s, 0, SCTP_PPID_STRING, "x", 1), 0);
    pull(net);
    steps(net, 20);
    assert_int_equal(net->e[1].rx_msgs, 1);
}

static void test_many(void **state)
{
    struct net *net = *state;
    struct sctp_conf conf = {.local_port = 5000};
    struct sctp *s[200];

    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < 200; i++) {
            conf.owner = &net->e[0];
            assert_int_equal(sctp_new(&s[i], net->lib, &conf), 0);
            assert_int_equal(sctp_connect(s[i], 5000), 0);
        }
        steps(net, 10);
        for (int i = 0; i < 200; i++)
            sctp_free(s[i]);
    }
    assert_null(sctp_lib_next(net->lib));
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_simultaneous_open), T(test_one_side_late), T(test_never_answered), T(test_10mb_slow_reader),
        T(test_largest_messages), T(test_lossy), T(test_too_big), T(test_reset), T(test_add_streams),
        T(test_high_stream), T(test_abort), T(test_junk), T(test_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
