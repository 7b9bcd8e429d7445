/* Who waits for a ring: woken by a socket, never in vain, and all comes in order. Real sockets on loopback; needs CAP_BPF. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/ring_rig.h"

#define LIMIT_MS 10000

static int epoll_of(const struct fixture *f, bool socks)
{
    struct epoll_event ev = {.events = EPOLLIN | EPOLLET, .data.fd = -1};
    const int ep = epoll_create1(EPOLL_CLOEXEC);

    assert_int_equal(epoll_ctl(ep, EPOLL_CTL_ADD, ring_fd(f->ring), &ev), 0);
    for (unsigned i = 0; socks && i < SOCKS; i++) {
        ev = (struct epoll_event){.events = EPOLLIN, .data.fd = f->fd[i]};
        assert_int_equal(epoll_ctl(ep, EPOLL_CTL_ADD, f->fd[i], &ev), 0);
    }
    return ep;
}

/* The first datagram of a wait is in its socket's queue and wakes up by it; those after it are in the ring, which shows none of
 * them before. */
static void wakes_up(void **state)
{
    struct fixture *f = *state;
    struct epoll_event ev;
    struct ring_in in;
    uint32_t got;
    int ep;

    needs_ring(f);
    ep = epoll_of(f, true);
    for (uint32_t i = 0; i < 200; i++) {
        assert_true(ring_may_wait(f->ring));
        assert_int_equal(epoll_wait(ep, &ev, 1, 0), 0);
        say(f, i % SOCKS, &i, sizeof(i));
        assert_int_equal(epoll_wait(ep, &ev, 1, LIMIT_MS), 1);
        assert_int_equal(ev.data.fd, f->fd[i % SOCKS]);
        say(f, i % SOCKS, "b", 1);
        say(f, (i + 1) % SOCKS, "c", 1);
        assert_true(ring_woken(f->ring));
        say(f, i % SOCKS, "d", 1);
        assert_true(ring_is_held(f->ring));
        assert_false(ring_next(f->ring, &in));
        assert_int_equal(recv(ev.data.fd, &got, sizeof(got), MSG_DONTWAIT), sizeof(got));
        assert_int_equal(got, i);
        assert_true(ring_go_on(f->ring));
        expect(f, i % SOCKS, "b", 1);
        expect(f, (i + 1) % SOCKS, "c", 1);
        expect(f, i % SOCKS, "d", 1);
        assert_false(ring_go_on(f->ring));
        assert_int_equal(epoll_wait(ep, &ev, 1, 0), 0); /* the ring itself woke nobody */
    }
    close(ep);
}

/* Something else ended the wait: all is in the ring again. */
static void woken_by_others(void **state)
{
    struct fixture *f = *state;

    needs_ring(f);
    for (unsigned i = 0; i < 3; i++) {
        assert_true(ring_may_wait(f->ring));
        assert_false(ring_woken(f->ring));
        assert_false(ring_is_held(f->ring));
        say(f, 0, "a", 1);
        assert_false(is_empty(f));
        expect(f, 0, "a", 1);
    }
}

/* A bell that nobody heard, as its socket had no memory for it: the ring itself rings, after some more. */
static void deaf(void **state)
{
    struct fixture *f = *state;
    struct epoll_event ev;
    struct ring_in in;
    int ep;

    needs_ring(f);
    ep = epoll_of(f, false);
    for (unsigned i = 0; i < 3; i++) {
        assert_true(ring_may_wait(f->ring));
        say(f, 0, "lost", 4);
        assert_int_equal(epoll_wait(ep, &ev, 1, 0), 0);
        flood(f, 1, MEDIA_RING_DEAF);
        assert_int_equal(epoll_wait(ep, &ev, 1, LIMIT_MS), 1);
        assert_true(ring_woken(f->ring));
        assert_true(ring_go_on(f->ring));
        drain(f, 1, MEDIA_RING_DEAF);
        assert_false(ring_next(f->ring, &in));
        assert_true(is_empty(f));
    }
    close(ep);
}

#define NUMBERS 100000u
#define AHEAD 500u /* so many on their way at most: less than a share */

/* Another process sends numbers, in bunches with pauses in which a worker falls asleep. */
static pid_t counter(const struct fixture *f, _Atomic(uint32_t) *got)
{
    const pid_t pid = fork();
    uint32_t dice = 1;

    assert_true(pid >= 0);
    if (pid)
        return pid;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (uint32_t i = 0; i < NUMBERS; i++) {
        while (i - atomic_load(got) > AHEAD)
            (void)sched_yield();
        (void)sendto(f->peer, &i, sizeof(i), 0, &f->at[i % 2].u.sa, addr_len(&f->at[i % 2]));
        dice = dice * 1103515245u + 12345u;
        for (volatile unsigned n = dice >> 8 & 7 ? 0 : dice >> 12 & 0x3fff; n; n--)
            ;
    }
    _exit(0);
}

/* Stopped and continued, or traced, a process returns from it with nothing. */
static int wait_events(int ep, struct epoll_event *ev)
{
    int n;

    do {
        n = epoll_wait(ep, ev, SOCKS, LIMIT_MS);
    } while (n < 0 && errno == EINTR);
    return n;
}

/* Events of a wait, with one of a socket if a bell was rung. */
static int wait_for(const struct fixture *f, int ep, struct epoll_event ev[2 * SOCKS], unsigned *waits)
{
    bool heard = false;
    int n = 0;

    if (ring_may_wait(f->ring)) {
        ++*waits;
        n = wait_events(ep, ev);
        assert_true(n > 0);
    }
    for (int i = 0; i < n; i++)
        heard |= ev[i].data.fd >= 0;
    if (!ring_woken(f->ring) || heard)
        return n;
    return n + wait_events(ep, ev + n);
}

/* Both ends at once: nothing is lost, nothing is ahead of what came before it, and no wait goes on for ever. */
static void awake_and_asleep(void **state)
{
    struct fixture *f = *state;
    _Atomic(uint32_t) *got = mmap(NULL, sizeof(*got), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    unsigned waits = 0, bells = 0;
    struct ring_in in;
    pid_t pid;
    int ep;

    needs_ring(f);
    assert_true(got != MAP_FAILED);
    ep = epoll_of(f, true);
    pid = counter(f, got);
    for (uint32_t next = 0; next < NUMBERS; atomic_store(got, next)) {
        struct epoll_event ev[2 * SOCKS];
        int n = wait_for(f, ep, ev, &waits);

        do {
            for (; ring_next(f->ring, &in); next++)
                assert_memory_equal(in.p, &next, sizeof(next));
            for (int i = 0; i < n; i++) {
                uint32_t number;

                if (ev[i].data.fd < 0 || recv(ev[i].data.fd, &number, sizeof(number), MSG_DONTWAIT) < 0)
                    continue;
                assert_int_equal(number, next);
                next++;
                bells++;
            }
            n = 0;
        } while (ring_go_on(f->ring));
    }
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_true(waits > 10 && bells > 10);
    close(ep);
    munmap((void *)got, sizeof(*got));
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(wakes_up), TEST(woken_by_others), TEST(deaf), TEST(awake_and_asleep)};

    return cmocka_run_group_tests_name("agw/media/ring: waits", tests, NULL, NULL);
}
