/* Who may connect to the WebSocket server: rates, places, who makes room for whom. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "alg/sip/sip_limits.h"
#include "alg/sip/ws_admit.h"

struct door {
    struct ws_admit *a;
    msec_t now;
    int fd, victim;
};

static const struct ws_admit_conf CONF = {.conns = 4, .shaking = 20, .shaking_per_addr = 5, .rate = 1000, .rate_per_addr = 500,
                                          .handshake_ms = 10000, .fd_max = 1000};

static void open_door(struct door *d, const struct ws_admit_conf *conf)
{
    ws_admit_free(d->a);
    *d = (struct door){.now = 1000, .fd = 10};
    assert_int_equal(ws_admit_new(&d->a, conf), 0);
}

static int setup(void **state)
{
    struct door *d = calloc(1, sizeof *d);

    open_door(d, &CONF);
    *state = d;
    return 0;
}

static int teardown(void **state)
{
    struct door *d = *state;

    ws_admit_free(d->a);
    free(d);
    return 0;
}

/* d->fd is that of the newcomer. */
static enum ws_admit_verdict comes(struct door *d, const char *from)
{
    struct addr a;

    assert_int_equal(addr_parse(&a, sv_from(from), 1), 0);
    return ws_admit_connect(d->a, ++d->fd, &a, d->now, &d->victim);
}

static int of(struct door *d, unsigned host)
{
    char text[32];

    snprintf(text, sizeof text, "192.0.%u.%u", host / 200, host % 200 + 1);
    return (int)comes(d, text);
}

/* 1000 that connect and say nothing: their own address has 5 places, and loses the oldest; nobody else notices. */
static void slow_address(void **state)
{
    struct door *d = *state;
    unsigned refused = 0, evicted = 0;
    int first = d->fd + 1;

    for (unsigned i = 0; i < 1000; i++) {
        const enum ws_admit_verdict v = comes(d, "192.0.2.66");

        refused += v == WS_ADMIT_SHAKING_ADDR;
        if (v == WS_ADMIT_OK && d->victim >= 0) {
            assert_int_equal(d->victim, first + (int)evicted++);
            first += evicted == 5 ? 1 : 0;
            ws_admit_left(d->a, d->victim);
            break; /* the order of the rest is the same */
        }
        d->now += 3;
    }
    assert_int_equal(evicted, 1);
    assert_in_range(refused, 300, 335); /* for a second the places are kept: who came first may be honest */
    assert_int_equal(comes(d, "192.0.2.7"), WS_ADMIT_OK);
    assert_int_equal(d->victim, -1);
    assert_true(ws_admit_is_shaking(d->a, d->fd));
}

static void slow_many(void **state)
{
    struct door *d = *state;
    int oldest = d->fd + 1;

    for (unsigned i = 0; i < 20; i++)
        assert_int_equal(of(d, i), WS_ADMIT_OK);
    assert_int_equal(of(d, 99), WS_ADMIT_SHAKING);
    d->now += WS_HANDSHAKE_SAFE_MS;
    for (unsigned i = 20; i < 40; i++) {
        assert_int_equal(of(d, i), WS_ADMIT_OK);
        assert_int_equal(d->victim, oldest++);
    }
    assert_int_equal(of(d, 98), WS_ADMIT_SHAKING); /* all are young again */
}

static void late(void **state)
{
    struct door *d = *state;

    assert_int_equal(comes(d, "192.0.2.1"), WS_ADMIT_OK);
    d->now += 1;
    assert_int_equal(comes(d, "192.0.2.1"), WS_ADMIT_OK);
    assert_true(ws_admit_open(d->a, d->fd, &d->victim));
    d->now += 9998;
    assert_int_equal(ws_admit_overdue(d->a, d->now), -1);
    d->now += 1;
    assert_int_equal(ws_admit_overdue(d->a, d->now), d->fd - 1);
    assert_int_equal(ws_admit_overdue(d->a, d->now), -1); /* once; the open one stays */
    assert_false(ws_admit_is_shaking(d->a, d->fd - 1));
}

static void rates(void **state)
{
    struct door *d = *state;
    struct ws_admit_conf conf = CONF;
    unsigned ok = 0;

    conf.shaking = conf.shaking_per_addr = 1000000;
    conf.fd_max = 1000000;
    conf.rate = 100;
    conf.rate_per_addr = 10;
    open_door(d, &conf);
    for (unsigned i = 0; i < 100; i++)
        ok += comes(d, "192.0.2.1") == WS_ADMIT_OK;
    assert_int_equal(ok, 20); /* twice the rate at once */
    assert_int_equal(comes(d, "192.0.2.1"), WS_ADMIT_RATE_ADDR);
    assert_int_equal(comes(d, "192.0.2.2"), WS_ADMIT_OK);
    d->now += 1000;
    for (unsigned i = 0; i < 100; i++)
        ok += comes(d, "192.0.2.1") == WS_ADMIT_OK;
    assert_int_equal(ok, 30);
    d->now += 5000;
    ok = 0;
    for (unsigned i = 0; i < 1000; i++)
        ok += of(d, i) == WS_ADMIT_OK;
    assert_int_equal(ok, 200);
    assert_int_equal(of(d, 2000), WS_ADMIT_RATE);
    assert_int_equal(comes(d, "192.0.2.1"), WS_ADMIT_RATE); /* whoever came before */
    d->now += 10;
    assert_int_equal(comes(d, "192.0.2.1"), WS_ADMIT_OK);
    assert_true(ws_admit_open(d->a, d->fd, &d->victim));
    ws_admit_known(d->a, d->fd, d->now);
    assert_int_equal(comes(d, "192.0.2.3"), WS_ADMIT_RATE);
    assert_int_equal(comes(d, "192.0.2.1"), WS_ADMIT_OK); /* but for an address with users */
    d->now += WS_USERS_MS;
    for (unsigned i = 0; i < 300; i++)
        of(d, i);
    assert_int_equal(comes(d, "192.0.2.1"), WS_ADMIT_RATE);
}

/* A host has a whole /64: another address of it is the same one. */
static void v6_by_prefix(void **state)
{
    struct door *d = *state;
    struct ws_admit_conf conf = CONF;

    conf.rate_per_addr = 1;
    open_door(d, &conf);
    assert_int_equal(comes(d, "2001:db8:1:2::1"), WS_ADMIT_OK);
    assert_int_equal(comes(d, "2001:db8:1:2:ffff::2"), WS_ADMIT_OK);
    assert_int_equal(comes(d, "2001:db8:1:2:3:4:5:6"), WS_ADMIT_RATE_ADDR);
    assert_int_equal(comes(d, "2001:db8:1:3::1"), WS_ADMIT_OK);
    assert_int_equal(comes(d, "192.0.2.1"), WS_ADMIT_OK);
}

/* Full of connections: who registered stays, the oldest of the others goes. */
static void full(void **state)
{
    struct door *d = *state;
    int fd[6];

    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(of(d, i), WS_ADMIT_OK);
        fd[i] = d->fd;
        assert_true(ws_admit_open(d->a, fd[i], &d->victim));
        assert_int_equal(d->victim, -1);
    }
    ws_admit_known(d->a, fd[0], d->now);
    ws_admit_known(d->a, fd[2], d->now);
    assert_int_equal(of(d, 7), WS_ADMIT_OK);
    assert_true(ws_admit_open(d->a, d->fd, &d->victim));
    assert_int_equal(d->victim, fd[1]);
    ws_admit_known(d->a, d->fd, d->now);
    ws_admit_known(d->a, fd[3], d->now);
    assert_int_equal(of(d, 8), WS_ADMIT_OK);
    assert_false(ws_admit_open(d->a, d->fd, &d->victim)); /* all are users */
    ws_admit_left(d->a, fd[0]);
    assert_true(ws_admit_open(d->a, d->fd, &d->victim));
    assert_int_equal(d->victim, -1);
}

static void of_address(void **state)
{
    struct door *d = *state;
    int first;

    assert_int_equal(comes(d, "192.0.2.1"), WS_ADMIT_OK);
    first = d->fd;
    assert_int_equal(ws_admit_of_addr(d->a, first), 0);
    assert_true(ws_admit_open(d->a, first, &d->victim));
    assert_int_equal(comes(d, "192.0.2.1"), WS_ADMIT_OK);
    assert_int_equal(ws_admit_of_addr(d->a, d->fd), 1);
    assert_int_equal(comes(d, "192.0.2.2"), WS_ADMIT_OK);
    assert_int_equal(ws_admit_of_addr(d->a, d->fd), 0);
    ws_admit_left(d->a, first);
    assert_int_equal(ws_admit_of_addr(d->a, d->fd - 1), 0);
    assert_int_equal(ws_admit_of_addr(d->a, 999), 0);
}

/* The reserve is not touched; somebody idle goes, so that it does not stay so. */
static void descriptors(void **state)
{
    struct door *d = *state;
    int stranger;

    assert_int_equal(of(d, 1), WS_ADMIT_OK);
    stranger = d->fd;
    assert_true(ws_admit_open(d->a, stranger, &d->victim));
    d->fd = 999;
    assert_int_equal(of(d, 2), WS_ADMIT_FDS);
    assert_int_equal(d->victim, -1); /* just come */
    d->now += WS_HANDSHAKE_SAFE_MS;
    assert_int_equal(of(d, 2), WS_ADMIT_FDS);
    assert_int_equal(d->victim, stranger);
    assert_int_equal(of(d, 2), WS_ADMIT_FDS);
    assert_int_equal(d->victim, -1);
}

/* A descriptor comes back without its end having been told: the guest before it is gone. Addresses are forgotten. */
static void reused(void **state)
{
    struct door *d = *state;

    assert_int_equal(comes(d, "192.0.2.1"), WS_ADMIT_OK);
    d->fd--;
    assert_int_equal(comes(d, "192.0.2.2"), WS_ADMIT_OK);
    assert_true(ws_admit_open(d->a, d->fd, &d->victim));
    d->now += 10000;
    ws_admit_tick(d->a, d->now);
    assert_int_equal(ws_admit_of_addr(d->a, d->fd), 1);
    ws_admit_left(d->a, d->fd);
    ws_admit_left(d->a, d->fd);
    d->now += 10000;
    ws_admit_tick(d->a, d->now);
    assert_int_equal(ws_admit_overdue(d->a, d->now), -1);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {T(slow_address), T(slow_many), T(late), T(rates), T(v6_by_prefix),
                                       T(full), T(of_address), T(descriptors), T(reused)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
