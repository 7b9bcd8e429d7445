/* The ring that the kernel fills: order over all sockets, sources of both families, all lengths, what does not fit, sockets
 * that get more than their share, sockets that close, waking up, and a process that may not have one. Real sockets on
 * loopback; skipped only without CAP_BPF. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <errno.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agw/media/media_limits.h"
#include "agw/media/ring.h"

#define SOCKS 3
#define LIMIT_MS 10000
#define SHORT 264u /* octets of the ring that a short datagram takes */
#define PORT_FULL ((MEDIA_RING_PORT + SHORT - 1) / SHORT) /* so many of them are a share */
#define SHARED_FULL ((MEDIA_RING_SHARED + SHORT - 1) / SHORT)

static const uint32_t share[SOCKS] = {MEDIA_RING_PORT, 2 * MEDIA_RING, MEDIA_RING_SHARED};

struct fixture {
    struct ring *ring;
    struct ring_member member[SOCKS];
    int fd[SOCKS], peer; /* the last one is IPv6, and its own peer */
    struct addr at[SOCKS], peer_at;
};

static int bound(struct addr *at, struct sv host)
{
    assert_int_equal(addr_parse(at, host, 0), 0);
    return net_udp(at);
}

static int setup(void **state)
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

static int teardown(void **state)
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

static void needs_ring(const struct fixture *f)
{
    if (!f->ring)
        skip(); /* without CAP_BPF */
}

static void say(const struct fixture *f, unsigned to, const void *p, size_t n)
{
    const int fd = to == SOCKS - 1 ? f->fd[to] : f->peer;

    assert_int_equal(sendto(fd, p, n, 0, &f->at[to].u.sa, addr_len(&f->at[to])), n);
}

/* As a worker asks, that is told "no wait" or waits no time: gives the memory back. */
static bool is_empty(const struct fixture *f)
{
    const bool empty = ring_may_wait(f->ring);

    assert_false(ring_woken(f->ring));
    return empty;
}

/* The next datagram of the ring is this one. */
static void expect(const struct fixture *f, unsigned to, const void *p, size_t n)
{
    struct ring_in in;

    assert_true(ring_next(f->ring, &in));
    assert_ptr_equal(in.member, &f->member[to]);
    assert_true(addr_eq(&in.src, to == SOCKS - 1 ? &f->at[to] : &f->peer_at));
    assert_int_equal(in.n, n);
    assert_memory_equal(in.p, p, n);
}

static void every_length(void **state)
{
    struct fixture *f = *state;
    uint8_t p[MEDIA_RX_SIZE];
    struct ring_in in;

    needs_ring(f);
    for (size_t n = 0; n <= sizeof(p); n++) {
        memset(p, (int)n, n);
        say(f, n % SOCKS, p, n);
        expect(f, n % SOCKS, p, n);
        if (n % 100 == 0)
            assert_true(is_empty(f));
    }
    assert_false(ring_next(f->ring, &in));
    assert_true(is_empty(f));
    assert_int_equal(recv(f->fd[0], p, sizeof(p), MSG_DONTWAIT), -1);
}

static void in_order(void **state)
{
    struct fixture *f = *state;
    struct ring_in in;

    needs_ring(f);
    for (uint32_t i = 0; i < 3000; i++)
        say(f, i * i % SOCKS, &i, sizeof(i));
    for (uint32_t i = 0; i < 3000; i++)
        expect(f, i * i % SOCKS, &i, sizeof(i));
    assert_false(ring_next(f->ring, &in));
}

/* Too long for a record: in the socket's own queue. No room: lost, nothing later is ahead of anything earlier, and it goes on. */
static void what_does_not_fit(void **state)
{
    struct fixture *f = *state;
    uint8_t p[MEDIA_RX_SIZE + 1] = {0};
    const uint32_t many = MEDIA_RING / 256;
    uint32_t got = 0;
    struct ring_in in;

    needs_ring(f);
    say(f, 0, p, sizeof(p));
    assert_false(ring_next(f->ring, &in));
    assert_int_equal(recv(f->fd[0], p, sizeof(p), MSG_DONTWAIT), sizeof(p));
    assert_true(is_empty(f));
    for (uint32_t i = 0; i < many; i++)
        say(f, 1, &i, sizeof(i));
    for (; ring_next(f->ring, &in); got++)
        assert_memory_equal(in.p, &got, sizeof(got));
    assert_in_range(got, MEDIA_RING / 300, many - 1);
    assert_int_equal(recv(f->fd[1], p, sizeof(p), MSG_DONTWAIT), -1);
    assert_true(is_empty(f));
    say(f, 1, &many, sizeof(many));
    expect(f, 1, &many, sizeof(many));
}

static void flood(const struct fixture *f, unsigned to, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        say(f, to, &i, sizeof(i));
}

static void drain(const struct fixture *f, unsigned to, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        expect(f, to, &i, sizeof(i));
}

static void lost(const struct fixture *f, uint32_t n, unsigned of)
{
    struct ring_member *m;

    assert_int_equal(ring_lost(f->ring, &m), n);
    assert_ptr_equal(m, n ? &f->member[of] : NULL);
}

/* What a port gets beyond its share is lost, what comes to others then is not; when all is taken each has its share anew. */
static void share_of_each(void **state)
{
    struct fixture *f = *state;

    needs_ring(f);
    lost(f, 0, 0);
    for (unsigned i = 0; i < 3; i++) {
        flood(f, 0, PORT_FULL + 300);
        lost(f, 300, 0);
        say(f, 1, "b", 1);
        flood(f, 2, SHARED_FULL + 10); /* IPv6, with the share of a shared one */
        say(f, 1, "c", 1);
        lost(f, 10, 2);
        drain(f, 0, PORT_FULL);
        expect(f, 1, "b", 1);
        drain(f, 2, SHARED_FULL);
        say(f, 0, "x", 1);
        assert_false(is_empty(f)); /* "c" is there still */
        say(f, 0, "y", 1);
        lost(f, 2, 0);
        expect(f, 1, "c", 1);
        assert_true(is_empty(f));
    }
}

/* Long ones count as what they take. */
static void share_is_octets(void **state)
{
    struct fixture *f = *state;
    uint8_t p[MEDIA_RX_SIZE] = {0};
    struct ring_in in;
    uint32_t got = 0;

    needs_ring(f);
    for (unsigned i = 0; i < 1000; i++)
        say(f, 0, p, 1200);
    for (; ring_next(f->ring, &in); got++)
        assert_int_equal(in.n, 1200);
    assert_int_equal(got, MEDIA_RING_PORT / 1544 + 1);
    lost(f, 1000 - got, 0);
}

/* A worker that never comes to the end gives each a share anew, too, but takes more meanwhile than any share. */
static void behind_the_load(void **state)
{
    struct fixture *f = *state;
    struct ring_member *m;
    uint32_t taken = 0, came = 0;
    struct ring_in in;

    needs_ring(f);
    flood(f, 0, PORT_FULL);
    for (; ring_lost(f->ring, &m) == came; taken++) {
        say(f, 1, "b", 1);
        assert_true(ring_next(f->ring, &in));
        assert_false(is_empty(f));
        say(f, 0, "a", 1);
        came = 1;
    }
    assert_in_range(taken, MEDIA_RING_TURN / SHORT, MEDIA_RING_TURN / SHORT + 2);
    assert_true(MEDIA_RING_TURN > MEDIA_RING_SHARED);
}

/* Cookies that differ by the number of slots: their shares become one, and who leaves takes his with him. */
static void share_in_common(void **state)
{
    struct fixture *f = *state;
    struct ring_member other = {0};
    struct addr at;
    uint64_t cookie = 0;
    socklen_t n = sizeof(cookie);
    int fd = -1;

    needs_ring(f);
    for (unsigned i = 0; i < 20 * MEDIA_RING_SLOTS; i++) {
        fd = bound(&at, SV("127.0.0.1"));
        assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &n), 0);
        if (cookie % MEDIA_RING_SLOTS == f->member[0].cookie % MEDIA_RING_SLOTS)
            break;
        close(fd);
    }
    assert_int_equal(cookie % MEDIA_RING_SLOTS, f->member[0].cookie % MEDIA_RING_SLOTS);
    assert_int_equal(ring_join(f->ring, fd, &other, MEDIA_RING_PORT), 0);
    flood(f, 0, 2 * PORT_FULL);
    lost(f, 2 * PORT_FULL - (2 * MEDIA_RING_PORT + SHORT - 1) / SHORT, 0);
    drain(f, 0, PORT_FULL);
    ring_leave(f->ring, &other);
    say(f, 0, "a", 1);
    lost(f, 1, 0);
    close(fd);
}

/* --- a flood from another process --- */

#define STREAMS 10
#define TICKS 50

struct streams {
    struct ring_member member[STREAMS];
    struct addr at[STREAMS];
    int fd[STREAMS];
    uint32_t got[STREAMS];
};

static pid_t flooder(const struct fixture *f)
{
    const pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid)
        return pid;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;)
        (void)sendto(f->peer, "flood", 5, 0, &f->at[0].u.sa, addr_len(&f->at[0]));
}

/* A worker that takes twenty packets a millisecond. */
static void take_some(const struct fixture *f, struct streams *st)
{
    struct ring_in in;

    for (unsigned i = 0; i < 20 && ring_next(f->ring, &in); i++) {
        const size_t of = (size_t)(in.member - st->member);

        if (in.member == &f->member[0])
            continue;
        assert_in_range(of, 0, STREAMS - 1);
        assert_memory_equal(in.p, &st->got[of], sizeof(uint32_t)); /* none is missing before it */
        st->got[of]++;
    }
}

static void take_bell(const struct fixture *f, struct streams *st)
{
    uint32_t number;

    if (!ring_woken(f->ring))
        return;
    (void)recv(f->fd[0], &number, sizeof(number), MSG_DONTWAIT);
    for (unsigned i = 0; i < STREAMS; i++)
        st->got[i] += recv(st->fd[i], &number, sizeof(number), MSG_DONTWAIT) > 0;
    (void)ring_go_on(f->ring);
}

/* One socket gets all that another process can send; ten streams of 50 packets/s lose nothing in a second. */
static void flooded(void **state)
{
    struct fixture *f = *state;
    struct streams st = {.got = {0}};
    struct ring_member *m;
    uint32_t waste = 0;
    bool empty = false;
    msec_t at, begin;
    pid_t pid;

    needs_ring(f);
    for (unsigned i = 0; i < STREAMS; i++) {
        st.fd[i] = bound(&st.at[i], SV("127.0.0.1"));
        assert_int_equal(ring_join(f->ring, st.fd[i], &st.member[i], MEDIA_RING_PORT), 0);
    }
    pid = flooder(f);
    at = begin = net_now_ms();
    for (uint32_t tick = 0; tick < TICKS || !empty;) {
        while (at == net_now_ms())
            ;
        at = net_now_ms();
        if (tick < TICKS && at >= begin + tick * 20) {
            for (unsigned i = 0; i < STREAMS; i++)
                assert_int_equal(sendto(f->peer, &tick, 4, 0, &st.at[i].u.sa, addr_len(&st.at[i])), 4);
            if (++tick == TICKS)
                assert_int_equal(kill(pid, SIGKILL), 0);
        }
        take_some(f, &st);
        empty = ring_may_wait(f->ring);
        take_bell(f, &st);
        waste += ring_lost(f->ring, &m);
    }
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_true(waste > 0); /* it was one */
    for (unsigned i = 0; i < STREAMS; i++) {
        assert_int_equal(st.got[i], TICKS);
        ring_leave(f->ring, &st.member[i]);
        close(st.fd[i]);
    }
}

/* Many times round: no record is cut at the end of the memory. */
static void round_and_round(void **state)
{
    struct fixture *f = *state;
    uint8_t p[1000];

    needs_ring(f);
    for (unsigned i = 0; i < 3 * MEDIA_RING / 1536; i++) {
        memset(p, (int)i, sizeof(p));
        say(f, 0, p, sizeof(p));
        expect(f, 0, p, sizeof(p));
        if (i % 100 == 0)
            assert_true(is_empty(f));
    }
}

static void closed_meanwhile(void **state)
{
    struct fixture *f = *state;
    struct ring_in in;

    needs_ring(f);
    say(f, 0, "a", 1);
    say(f, 1, "b", 1);
    say(f, 0, "c", 1);
    ring_leave(f->ring, &f->member[0]);
    ring_leave(f->ring, &f->member[0]); /* once is enough */
    expect(f, 1, "b", 1);
    assert_false(ring_next(f->ring, &in));
    assert_int_equal(ring_join(f->ring, -1, &f->member[0], 1), -EBADF);
    ring_leave(f->ring, &f->member[0]);
}

/* Some hundred come and go; who is left has what came to him, the others nothing. */
static void many_members(void **state)
{
    struct fixture *f = *state;
    static struct ring_member member[300];
    static struct addr at[300];
    int fd[300];
    struct ring_in in;

    needs_ring(f);
    for (unsigned i = 0; i < 300; i++) {
        fd[i] = bound(&at[i], SV("127.0.0.1"));
        assert_int_equal(ring_join(f->ring, fd[i], &member[i], MEDIA_RING_PORT), 0);
    }
    for (unsigned i = 0; i < 300; i++)
        assert_int_equal(sendto(f->peer, &i, sizeof(i), 0, &at[i].u.sa, addr_len(&at[i])), sizeof(i));
    for (unsigned i = 0; i < 300; i++) {
        if (i % 3)
            ring_leave(f->ring, &member[i]);
    }
    for (unsigned i = 0; i < 300; i += 3) {
        assert_true(ring_next(f->ring, &in));
        assert_ptr_equal(in.member, &member[i]);
        assert_memory_equal(in.p, &i, sizeof(i));
    }
    assert_false(ring_next(f->ring, &in));
    for (unsigned i = 0; i < 300; i++) {
        ring_leave(f->ring, &member[i]);
        close(fd[i]);
    }
    say(f, 1, "b", 1);
    expect(f, 1, "b", 1);
}

/* --- waits --- */

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

/* Events of a wait, with one of a socket if a bell was rung. */
static int wait_for(const struct fixture *f, int ep, struct epoll_event ev[2 * SOCKS], unsigned *waits)
{
    bool heard = false;
    int n = 0;

    if (ring_may_wait(f->ring)) {
        ++*waits;
        n = epoll_wait(ep, ev, SOCKS, LIMIT_MS);
        assert_true(n > 0);
    }
    for (int i = 0; i < n; i++)
        heard |= ev[i].data.fd >= 0;
    if (!ring_woken(f->ring) || heard)
        return n;
    return n + epoll_wait(ep, ev + n, SOCKS, LIMIT_MS);
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

static void not_allowed(void **state)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct had[2], none[2];
    struct ring *r = NULL;

    (void)state;
    assert_int_equal(syscall(SYS_capget, &head, had), 0);
    memcpy(none, had, sizeof(none));
    none[0].effective = none[1].effective = 0;
    assert_int_equal(syscall(SYS_capset, &head, none), 0);
    assert_int_equal(ring_new(&r), -EPERM);
    assert_int_equal(syscall(SYS_capset, &head, had), 0);
    assert_null(r);
}

/* The first map, the second, the filter: where one cannot be made there is no ring, and nothing is left of the others. */
static void not_all_of_it(void **state)
{
    struct fixture *f = *state;
    const int first = dup(0);
    struct rlimit had, few;
    struct ring *r = NULL;

    needs_ring(f);
    assert_true(first > 0);
    close(first);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &had), 0);
    few = had;
    for (unsigned i = 0; i < 3; i++) {
        few.rlim_cur = (rlim_t)first + i;
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
        assert_int_equal(ring_new(&r), -EMFILE);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &had), 0);
        assert_null(r);
        assert_int_equal(dup(0), first);
        close(first);
    }
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_length), TEST(in_order), TEST(what_does_not_fit), TEST(share_of_each),
        TEST(share_is_octets), TEST(behind_the_load), TEST(share_in_common), TEST(flooded), TEST(round_and_round),
        TEST(closed_meanwhile),
        TEST(many_members), TEST(wakes_up), TEST(woken_by_others), TEST(deaf), TEST(awake_and_asleep), TEST(not_all_of_it),
        cmocka_unit_test(not_allowed),
    };

    return cmocka_run_group_tests_name("agw/media/ring", tests, NULL, NULL);
}
