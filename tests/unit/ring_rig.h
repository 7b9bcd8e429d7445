/* A ring with three sockets and somebody who sends to them; for tests of the ring. Without CAP_BPF there is none: needs_ring. */
#pragma once

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "agw/media/media_limits.h"
#include "agw/media/ring.h"

#define SOCKS 3
#define SHORT 264u /* octets of the ring that a short datagram takes */

static const uint32_t share[SOCKS] = {MEDIA_RING_PORT, 2 * MEDIA_RING, MEDIA_RING_SHARED};

struct fixture {
    struct ring *ring;
    struct ring_member member[SOCKS];
    int fd[SOCKS], peer; /* the last one is IPv6, and its own peer */
    struct addr at[SOCKS], peer_at;
};

static inline int bound(struct addr *at, struct sv host)
{
    assert_int_equal(addr_parse(at, host, 0), 0);
    return net_udp(at);
}

static inline int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    const int err = ring_new(&f->ring);

    *state = f;
    if (err) {
        assert_true(err == -EPERM || err == -EACCES); /* any other is a fault of the filter */
        return 0;
    }
    for (unsigned i = 0; i < SOCKS; i++) {
        f->fd[i] = bound(&f->at[i], i == SOCKS - 1 ? SV("::1") : SV("127.0.0.1"));
        assert_true(f->fd[i] >= 0);
        assert_int_equal(ring_join(f->ring, f->fd[i], &f->member[i], share[i]), 0);
    }
    f->peer = bound(&f->peer_at, SV("127.0.0.2"));
    return 0;
}

static inline int teardown(void **state)
{
    struct fixture *f = *state;

    for (unsigned i = 0; f->ring && i < SOCKS; i++) {
        ring_leave(f->ring, &f->member[i]);
        close(f->fd[i]);
    }
    if (f->ring)
        close(f->peer);
    ring_free(f->ring);
    free(f);
    return 0;
}

static inline void needs_ring(const struct fixture *f)
{
    if (!f->ring)
        skip(); /* without CAP_BPF */
}

static inline void say(const struct fixture *f, unsigned to, const void *p, size_t n)
{
    const int fd = to == SOCKS - 1 ? f->fd[to] : f->peer;

    assert_int_equal(sendto(fd, p, n, 0, &f->at[to].u.sa, addr_len(&f->at[to])), n);
}

/* As a worker asks, that is told "no wait" or waits no time: gives the memory back. */
static inline bool is_empty(const struct fixture *f)
{
    const bool empty = ring_may_wait(f->ring);

    assert_false(ring_woken(f->ring));
    return empty;
}

/* The next datagram of the ring is this one. */
static inline void expect(const struct fixture *f, unsigned to, const void *p, size_t n)
{
    struct ring_in in;

    assert_true(ring_next(f->ring, &in));
    assert_ptr_equal(in.member, &f->member[to]);
    assert_true(addr_eq(&in.src, to == SOCKS - 1 ? &f->at[to] : &f->peer_at));
    assert_int_equal(in.n, n);
    assert_memory_equal(in.p, p, n);
}

static inline void flood(const struct fixture *f, unsigned to, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        say(f, to, &i, sizeof(i));
}

static inline void drain(const struct fixture *f, unsigned to, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        expect(f, to, &i, sizeof(i));
}
