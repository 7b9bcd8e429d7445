/* Channels of one association without a thread: the browser is an SCTP association of the same lib, time is made up. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "agw/data/chan.h"
#include "tests/fake/clock.h"

struct rig {
    struct env env;
    struct inbox *ctl, *worker;
    struct assoc *a;
    struct sctp *peer;
    unsigned ev[BUS_EV_MSRP_BAD + 1], peer_msgs, peer_up, lost;
    char text[BUS_TEXT];
    uint32_t ppid;
    uint16_t sid;
};

static void on_peer(struct rig *r, const struct sctp_ev *ev)
{
    if (ev->what == SCTP_OUTPUT && r->a)
        sassoc_input(r->a, ev->p, ev->n);
    if (ev->what == SCTP_MESSAGE) {
        r->peer_msgs++;
        r->ppid = ev->ppid;
        r->sid = ev->sid;
    }
    r->peer_up += ev->what == SCTP_UP;
    r->lost += ev->what == SCTP_LOST;
}

static bool pull(struct rig *r)
{
    struct sctp *s = sctp_lib_next(r->env.lib);
    struct inbox_item *it, *next;
    struct sctp_ev ev;
    bool any = s;

    while (s && sctp_next(s, &ev)) {
        if (s == r->peer) {
            on_peer(r, &ev);
            continue;
        }
        sassoc_on_sctp(sctp_owner(s), &ev);
        if (ev.what == SCTP_LOST)
            break;
    }
    for (it = inbox_take(r->worker); it; it = next) {
        struct bus_msg *m = (struct bus_msg *)it;

        next = it->next;
        any = true;
        if (r->peer)
            sctp_input(r->peer, m->u.bytes.p, m->u.bytes.n);
        bus_drop(it);
    }
    for (it = inbox_take(r->ctl); it; it = next) {
        struct bus_msg *m = (struct bus_msg *)it;

        next = it->next;
        r->ev[m->u.event.what]++;
        memcpy(r->text, m->u.event.text, sizeof r->text);
        bus_drop(it);
    }
    return any;
}

static void run(struct rig *r, unsigned ms)
{
    for (unsigned t = 0; t <= ms; t += SCTP_TICK_MS) {
        while (pull(r))
            ;
        r->env.now += SCTP_TICK_MS;
        clock_to(r->env.now);
        sctp_lib_clock(r->env.lib, r->env.now);
        if (r->a)
            sassoc_tick(r->a);
    }
}

static int setup(void **state)
{
    struct rig *r = calloc(1, sizeof *r);
    const struct bus_assoc conf = {.id = 1, .local_port = 5000, .remote_port = 6000, .local_max = 2000, .peer = "wic"};

    assert_int_equal(inbox_new(&r->ctl, 1000), 0);
    assert_int_equal(inbox_new(&r->worker, 1000), 0);
    r->env.conf = (struct data_conf){.ctl = r->ctl, .workers = &r->worker, .n_workers = 1, .sctp_init_ms = 5000,
                                     .queue_max = 10000};
    r->env.now = clock_now();
    assert_int_equal(sctp_lib_init(&r->env.lib), 0);
    assert_int_equal(sassoc_new(&r->a, &r->env, &conf), 0);
    *state = r;
    return 0;
}

static int teardown(void **state)
{
    struct rig *r = *state;

    sassoc_free(r->a);
    sctp_free(r->peer);
    sctp_lib_fini(r->env.lib);
    inbox_free(r->ctl, bus_drop);
    inbox_free(r->worker, bus_drop);
    free(r);
    return 0;
}

static struct chan *chan_of(struct rig *r, uint16_t sid)
{
    const struct bus_chan conf = {.id = 100u + sid, .assoc = 1, .sid = sid, .negotiated = true};
    struct chan *c;

    assert_int_equal(chan_new(&c, &r->env, r->a, &conf), 0);
    return c;
}

static void peer_open(struct rig *r, uint16_t port, unsigned streams)
{
    const struct sctp_conf conf = {.local_port = port, .streams = streams};

    sctp_free(r->peer);
    assert_int_equal(sctp_new(&r->peer, r->env.lib, &conf), 0);
    assert_int_equal(sctp_connect(r->peer, 5000), 0);
}

static void up(struct rig *r)
{
    peer_open(r, 6000, 0);
    sassoc_dtls_up(r->a);
    run(r, 2000);
    assert_int_equal(r->ev[BUS_EV_SCTP_UP], 1);
}

static void say(struct rig *r, uint16_t sid, size_t n)
{
    static const char zeros[10000];

    assert_int_equal(sctp_send(r->peer, sid, SCTP_PPID_BINARY, zeros, n), 0);
    run(r, 100);
}

static void test_ppid(void **state)
{
    struct rig *r = *state;
    struct chan *c = chan_of(r, 3);
    static const struct {
        struct sv text;
        uint32_t ppid;
    } t[] = {
        {SV("plain"), 51}, {SV("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"), 51}, {SV("\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf"), 51},
        {SV("\xff"), 53}, {SV("\xc3"), 53}, {SV("\xc0\xaf"), 53}, {SV("\xed\xa0\x80"), 53}, {SV("\xf4\x90\x80\x80"), 53},
        {SV("\xe0\x9f\xbf"), 53}, {SV("\xf0\x8f\xbf\xbf"), 53}, {SV("a\x80"), 53},
    };

    assert_int_equal(chan_send(c, t[0].text), -ENOTCONN);
    up(r);
    assert_int_equal(r->ev[BUS_EV_CHAN_UP], 1);
    for (size_t i = 0; i < ARRAY_LEN(t); i++) {
        assert_int_equal(chan_send(c, t[i].text), 0);
        run(r, 50);
        assert_int_equal(r->peer_msgs, i + 1);
        assert_int_equal(r->ppid, t[i].ppid);
        assert_int_equal(r->sid, 3);
    }
    chan_free(c);
}

/* A slow channel stops the association at queue_max, and lets it go on when it is read or goes away. */
static void test_back_pressure(void **state)
{
    struct rig *r = *state;
    struct chan *c = chan_of(r, 0), *d = chan_of(r, 1);
    struct msg *m;

    up(r);
    for (int i = 0; i < 20; i++)
        say(r, 0, 1500);
    assert_true(c->rx_octets > 10000 && c->rx_octets <= 10000 + sizeof(struct msg) + 1500);
    say(r, 1, 10);
    assert_null(chan_take(d)); /* behind the others: one receive window for all */
    for (int i = 0; i < 20; i++) {
        m = chan_take(c);
        assert_non_null(m);
        assert_int_equal(m->n, 1500);
        free(m);
        run(r, 20);
    }
    m = chan_take(d);
    assert_non_null(m);
    free(m);
    for (int i = 0; i < 10; i++)
        say(r, 0, 1500);
    say(r, 1, 10);
    chan_free(c);
    run(r, 100);
    m = chan_take(d);
    assert_non_null(m);
    free(m);
    chan_free(d);
}

/* The bound is on memory: messages of one octet stop the association as well. */
static void test_small_messages(void **state)
{
    struct rig *r = *state;
    struct chan *c = chan_of(r, 0);
    struct msg *m;
    size_t held = 0;

    up(r);
    for (int i = 0; i < 2000; i++)
        say(r, 0, 1);
    DL_FOREACH(c->rx, m)
        held += sizeof *m + m->n;
    assert_true(held > 9000 && held < 11000);
    chan_free(c);
}

static void test_reset_while_stopped(void **state)
{
    struct rig *r = *state;
    struct chan *c = chan_of(r, 0);

    up(r);
    for (int i = 0; i < 20; i++)
        say(r, 0, 1500);
    chan_reset(c);
    sctp_reset(r->peer, 0);
    run(r, 2000);
    assert_int_equal(r->ev[BUS_EV_CHAN_RESET_DONE], 1);
    assert_true(c->rx_octets < 13000);
    chan_free(c);
}

static void test_too_big(void **state)
{
    struct rig *r = *state;
    struct chan *c = chan_of(r, 0), *d = chan_of(r, 1);

    up(r);
    say(r, 0, 2001);
    assert_int_equal(r->ev[BUS_EV_CHAN_CLOSED], 1);
    assert_string_equal(r->text, "message above max-message-size");
    assert_true(chan_dead(c));
    say(r, 1, 2000);
    assert_int_equal(d->rx->n, 2000);
    chan_free(c);
    chan_free(d);
}

static void test_high_stream(void **state)
{
    struct rig *r = *state;
    struct chan *c = chan_of(r, 40000), *d;

    peer_open(r, 6000, 50000);
    sassoc_dtls_up(r->a);
    run(r, 2000);
    assert_int_equal(r->ev[BUS_EV_CHAN_UP], 1);
    assert_int_equal(chan_send(c, SV("x")), 0);
    d = chan_of(r, 45000); /* more streams are asked for */
    run(r, 2000);
    assert_int_equal(r->ev[BUS_EV_CHAN_UP], 2);
    assert_int_equal(chan_send(d, SV("x")), 0);
    run(r, 100);
    assert_int_equal(r->sid, 45000);
    chan_free(c);
    chan_free(d);
}

static void test_no_such_stream(void **state)
{
    struct rig *r = *state;
    struct chan *c = chan_of(r, 40000);

    up(r); /* the peer has 1024 */
    run(r, 5000);
    assert_int_equal(r->ev[BUS_EV_CHAN_UP], 0);
    assert_true(r->ev[BUS_EV_CHAN_CLOSED] >= 1);
    chan_free(c);
}

static void test_another_port_and_dtls(void **state)
{
    struct rig *r = *state;
    struct bus_assoc again = {.id = 1, .remote_port = 6001};
    struct chan *c = chan_of(r, 0);

    up(r);
    peer_open(r, 6001, 0); /* RFC 8841: a new port is a new association */
    sassoc_remote(r->a, &again);
    run(r, 2000);
    assert_int_equal(r->ev[BUS_EV_SCTP_UP], 2);
    assert_int_equal(chan_send(c, SV("x")), 0);
    run(r, 100);
    assert_int_equal(r->peer_msgs, 1);
    sassoc_dtls_down(r->a);
    run(r, 100);
    assert_int_equal(r->ev[BUS_EV_SCTP_CLOSED], 1);
    assert_int_equal(chan_send(c, SV("x")), -ENOTCONN);
    peer_open(r, 6001, 0);
    sassoc_dtls_up(r->a);
    run(r, 2000);
    assert_int_equal(r->ev[BUS_EV_SCTP_UP], 3);
    assert_int_equal(chan_send(c, SV("x")), 0);
    chan_free(c);
}

/* A browser that takes its channels' line away ends the association, not DTLS: the channel that comes later has a new one. */
static void test_channel_again(void **state)
{
    struct rig *r = *state;
    struct chan *c = chan_of(r, 0);

    up(r);
    sctp_abort(r->peer);
    run(r, 100);
    assert_int_equal(r->ev[BUS_EV_SCTP_CLOSED], 1);
    chan_free(c);
    peer_open(r, 6000, 0);
    c = chan_of(r, 0);
    run(r, 2000);
    assert_int_equal(r->ev[BUS_EV_SCTP_UP], 2);
    assert_int_equal(chan_send(c, SV("x")), 0);
    run(r, 100);
    assert_int_equal(r->peer_msgs, 1);
    chan_free(c);
    sassoc_dtls_down(r->a);
    c = chan_of(r, 0);
    run(r, 2000);
    assert_int_equal(r->ev[BUS_EV_SCTP_UP], 2);
    chan_free(c);
}

static void test_association_first(void **state)
{
    struct rig *r = *state;
    struct chan *c = chan_of(r, 0);

    up(r);
    say(r, 0, 10);
    chan_reset(c);
    sassoc_free(r->a);
    r->a = NULL;
    run(r, 100);
    assert_int_equal(r->lost, 1); /* the peer got our ABORT */
    assert_int_equal(r->ev[BUS_EV_CHAN_RESET_DONE], 1);
    assert_int_equal(chan_send(c, SV("x")), -ENOTCONN);
    chan_reset(c);
    chan_free(c);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_ppid), T(test_back_pressure), T(test_small_messages), T(test_reset_while_stopped), T(test_too_big),
        T(test_high_stream), T(test_no_such_stream), T(test_another_port_and_dtls), T(test_channel_again),
        T(test_association_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
