/* agw/data towards the core: who may connect, connections that break and are opened again, none to be had. */
#include <sys/resource.h>

#include "agw/data/data_limits.h"
#include "tests/unit/data_rig.h"

static void test_stranger_and_return(void **state)
{
    struct rig *r = *state;
    const struct addr other = host("127.0.0.9"), lo = host("127.0.0.1");
    char p[400];
    size_t n = chunk(p, sizeof p, "back0001", "1-9/9", 9, 'a', '$');

    assoc_post(r, BUS_ASSOC_OPEN, 6000, 0);
    chan_post(r, 0, true);
    tcp_post(r, 0);
    join_post(r, 0);
    remote_post(r, 0, BUS_TCP_PASSIVE, &other);
    core_connect(r, 0);
    UNTIL(r, r->fd[0] < 0); /* closed: we are not whom it expects */
    barrier(r);             /* the thread counts behind the close */
    assert_int_equal(count_get(&data_counts(r->d)[DATA_C_TCP_REFUSED]), 1);
    assert_int_equal(r->ev[BUS_EV_TCP_UP], 0);
    remote_post(r, 0, BUS_TCP_PASSIVE, &lo);
    barrier(r);
    core_connect(r, 0);
    peer_start(r, 0);
    UNTIL(r, r->ev[BUS_EV_TCP_UP] == 1 && r->ev[BUS_EV_CHAN_UP] == 1 && r->peer_up);
    /* The last words arrive before TCP_CLOSED; half a chunk does not. */
    r->feed[0] = p;
    r->feed_n[0] = n;
    UNTIL(r, !r->feed_n[0]);
    r->feed[0] = p;
    r->feed_n[0] = n / 2;
    UNTIL(r, !r->feed_n[0]);
    close(r->fd[0]);
    r->fd[0] = -1;
    UNTIL(r, r->ev[BUS_EV_TCP_CLOSED] == 1 && r->wic[0].n == n);
    core_connect(r, 0);
    UNTIL(r, r->ev[BUS_EV_TCP_UP] == 2);
    r->feed[0] = p;
    r->feed_n[0] = n;
    UNTIL(r, r->wic[0].n == 2 * n);
}

static bool is_closed(int fd)
{
    char octet;

    return recv(fd, &octet, 1, MSG_DONTWAIT) == 0 || (errno != EAGAIN && errno != ENOTCONN);
}

/* While there is a connection strangers are closed, and another one of the peer waits for the end of the first. */
static void test_next(void **state)
{
    struct rig *r = *state;
    const count_t *refused = &data_counts(r->d)[DATA_C_TCP_REFUSED];
    struct addr elsewhere = host("127.0.0.9");
    int strangers[3], first, third;
    char p[400];
    size_t n = chunk(p, sizeof p, "next0001", "1-9/9", 9, 'a', '$');

    addr_set_port(&elsewhere, 0);
    up(r, 1, 0);
    for (unsigned i = 0; i < ARRAY_LEN(strangers); i++)
        strangers[i] = net_tcp_connect(&r->taddr[0], &elsewhere);
    UNTIL(r, count_get(refused) == ARRAY_LEN(strangers));
    for (unsigned i = 0; i < ARRAY_LEN(strangers); i++) {
        UNTIL(r, is_closed(strangers[i]));
        close(strangers[i]);
    }
    first = r->fd[0];
    core_connect(r, 0);
    third = net_tcp_connect(&r->taddr[0], NULL);
    barrier(r);
    assert_int_equal(r->ev[BUS_EV_TCP_UP], 1);
    close(first);
    UNTIL(r, r->ev[BUS_EV_TCP_CLOSED] == 1 && r->ev[BUS_EV_TCP_UP] == 2);
    r->feed[0] = p;
    r->feed_n[0] = n;
    UNTIL(r, r->wic[0].n == n);
    assert_false(is_closed(third));
    close(third); /* it was accepted, and is over before its turn comes */
    close(r->fd[0]);
    r->fd[0] = -1;
    UNTIL(r, r->ev[BUS_EV_TCP_CLOSED] >= 2);
    core_connect(r, 0);
    r->feed[0] = p;
    r->feed_n[0] = n;
    UNTIL(r, r->wic[0].n == 2 * n);
}

/* Who waits is judged by what is signalled when its turn comes. */
static void test_next_moved(void **state)
{
    struct rig *r = *state;
    const count_t *refused = &data_counts(r->d)[DATA_C_TCP_REFUSED];
    struct addr moved = host("127.0.0.9"), from = moved;
    int next;

    addr_set_port(&from, 0);
    up(r, 1, 0);
    next = net_tcp_connect(&r->taddr[0], NULL);
    barrier(r);
    turns(r, 5);
    remote_post(r, 0, BUS_TCP_PASSIVE, &moved);
    UNTIL(r, r->fd[0] < 0 && count_get(refused) == 1 && is_closed(next));
    close(next);
    r->fd[0] = net_tcp_connect(&r->taddr[0], &from);
    UNTIL(r, r->ev[BUS_EV_TCP_UP] == 2);
}

static void test_active(void **state)
{
    struct rig *r = *state;
    struct addr a, from;
    socklen_t len = sizeof from;
    char p[400];
    size_t n = chunk(p, sizeof p, "act00001", "1-9/9", 9, 'a', '$');

    addr_parse(&a, SV("127.0.0.1"), 0);
    r->lfd[0] = net_tcp_listen(&a, 4);
    assoc_post(r, BUS_ASSOC_OPEN, 6000, 0);
    chan_post(r, 0, true);
    tcp_post(r, 0);
    join_post(r, 0);
    peer_start(r, 0);
    remote_post(r, 0, BUS_TCP_ACTIVE, &a);
    UNTIL(r, r->ev[BUS_EV_TCP_UP] == 1 && r->ev[BUS_EV_CHAN_UP] == 1 && r->peer_up);
    r->fd[0] = accept(r->lfd[0], &from.u.sa, &len);
    assert_true(addr_eq(&from, &r->taddr[0])); /* from the port that was signalled */
    remote_post(r, 0, BUS_TCP_ACTIVE, &a);     /* said again: nothing happens */
    wic_send(r, 0, p, n);
    UNTIL(r, r->core[0].n == n);
    assert_int_equal(r->ev[BUS_EV_TCP_UP], 1);
}

static void active_up(struct rig *r, struct addr *a)
{
    struct addr from;
    socklen_t len = sizeof from;

    addr_parse(a, SV("127.0.0.1"), 0);
    r->lfd[0] = net_tcp_listen(a, 4);
    assoc_post(r, BUS_ASSOC_OPEN, 6000, 0);
    chan_post(r, 0, true);
    tcp_post(r, 0);
    join_post(r, 0);
    peer_start(r, 0);
    remote_post(r, 0, BUS_TCP_ACTIVE, a);
    UNTIL(r, r->ev[BUS_EV_TCP_UP] == 1 && r->ev[BUS_EV_CHAN_UP] == 1 && r->peer_up);
    r->fd[0] = accept(r->lfd[0], &from.u.sa, &len);
    assert_true(r->fd[0] >= 0);
}

static void core_hangs_up(struct rig *r)
{
    close(r->fd[0]);
    r->fd[0] = -1;
}

/* The connection that we opened is opened again (RFC 4975 5.4), from the same port, and carries the session on. */
static void test_active_opens_again(void **state)
{
    struct rig *r = *state;
    struct addr a, from;
    socklen_t len = sizeof from;
    char p[400];
    size_t n = chunk(p, sizeof p, "again001", "1-9/9", 9, 'a', '$');

    active_up(r, &a);
    for (unsigned i = 2; i < 12; i++) { /* more often than it tries in a row: the far end speaks in between */
        core_hangs_up(r);
        UNTIL(r, r->ev[BUS_EV_TCP_UP] == i);
        assert_int_equal(r->ev[BUS_EV_TCP_CLOSED], i - 1);
        r->fd[0] = accept(r->lfd[0], &from.u.sa, &len);
        assert_true(addr_eq(&from, &r->taddr[0]));
        r->feed[0] = p;
        r->feed_n[0] = n;
        UNTIL(r, r->wic[0].n == (i - 1) * n);
    }
    wic_send(r, 0, p, n);
    UNTIL(r, r->core[0].n == n);
    assert_int_equal(r->ev[BUS_EV_TCP_FAILED], 0);
}

static void test_active_opens_again_so_often(void **state)
{
    struct rig *r = *state;
    struct addr a;

    active_up(r, &a);
    close(r->lfd[0]);
    r->lfd[0] = -1;
    core_hangs_up(r);
    UNTIL(r, r->ev[BUS_EV_TCP_FAILED] == 1); /* nobody listens any more */
    assert_int_equal(r->ev[BUS_EV_TCP_CLOSED], 1);
    assert_int_equal(r->ev[BUS_EV_TCP_UP], 1);
}

static void test_active_is_closed_each_time(void **state)
{
    struct rig *r = *state;
    struct addr a;

    active_up(r, &a);
    while (!r->ev[BUS_EV_TCP_FAILED]) {
        if (r->fd[0] >= 0)
            core_hangs_up(r);
        turn(r);
        r->fd[0] = accept4(r->lfd[0], NULL, NULL, SOCK_NONBLOCK);
    }
    assert_in_range(r->ev[BUS_EV_TCP_UP], 2, 1 + TCP_REOPEN_TRIES);
}

/* Without a descriptor left the listener rests instead of turning the loop; it accepts when there is one again. */
static void test_no_descriptor_left(void **state)
{
    struct rig *r = *state;
    const struct addr lo = host("127.0.0.1");
    const count_t *starved = &data_counts(r->d)[DATA_C_TCP_STARVED];
    struct rlimit old, low;
    msec_t since;

    assoc_post(r, BUS_ASSOC_OPEN, 6000, 0);
    chan_post(r, 0, true);
    tcp_post(r, 0);
    join_post(r, 0);
    core_connect(r, 0); /* waits in the backlog */
    barrier(r);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    low = old;
    low.rlim_cur = (rlim_t)dup(0); /* the first number that is free */
    close((int)low.rlim_cur);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    since = net_now_ms();
    remote_post(r, 0, BUS_TCP_PASSIVE, &lo);
    UNTIL(r, count_get(starved) >= 3);
    assert_true(net_now_ms() - since >= 2 * TCP_STARVED_MS - 50);
    assert_int_equal(r->ev[BUS_EV_TCP_UP], 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    UNTIL(r, r->ev[BUS_EV_TCP_UP] == 1);
}

static void test_active_refused(void **state)
{
    struct rig *r = *state;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct addr a;
    socklen_t len = sizeof a.u;

    /* Nobody listens there, and nobody else gets the port: ours with the same number would be connected to itself. */
    addr_parse(&a, SV("127.0.0.1"), 0);
    assert_int_equal(bind(fd, &a.u.sa, addr_len(&a)), 0);
    assert_int_equal(getsockname(fd, &a.u.sa, &len), 0);
    tcp_post(r, 0);
    remote_post(r, 0, BUS_TCP_ACTIVE, &a);
    UNTIL(r, r->ev[BUS_EV_TCP_FAILED] == 1);
    close(fd);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_stranger_and_return), T(test_active), T(test_active_refused),
        T(test_active_opens_again), T(test_active_opens_again_so_often), T(test_active_is_closed_each_time),
        T(test_no_descriptor_left), T(test_next), T(test_next_moved),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
