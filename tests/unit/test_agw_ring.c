/* The ring that the kernel fills: order over all sockets, sources of both families, all lengths, what does not fit, sockets
 * that get more than their share, sockets that close, signals, and a process that may not have one. Real sockets on
 * loopback; skipped only without CAP_BPF. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <errno.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/ring_rig.h"

#define PORT_FULL ((MEDIA_RING_PORT + SHORT - 1) / SHORT) /* so many of them are a share */
#define SHARED_FULL ((MEDIA_RING_SHARED + SHORT - 1) / SHORT)

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
    assert_true(ring_is_empty(f->ring));
    for (uint32_t i = 0; i < 3000; i++)
        say(f, i * i % SOCKS, &i, sizeof(i));
    for (uint32_t i = 0; i < 3000; i++) {
        assert_false(ring_is_empty(f->ring));
        expect(f, i * i % SOCKS, &i, sizeof(i));
    }
    assert_true(ring_is_empty(f->ring));
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

static void on_signal(int number)
{
    (void)number;
}

/* A signal at any moment of the making: there is a ring all the same. */
static void disturbed(void **state)
{
    const struct sigaction ours = {.sa_handler = on_signal};
    struct sigaction had;

    needs_ring(*state);
    assert_int_equal(sigaction(SIGALRM, &ours, &had), 0);
    for (unsigned i = 1; i <= 200; i++) {
        const struct itimerval at = {.it_value.tv_usec = 10 * i}, never = {.it_value.tv_usec = 0};
        struct ring *r = NULL;

        assert_int_equal(setitimer(ITIMER_REAL, &at, NULL), 0);
        assert_int_equal(ring_new(&r), 0);
        assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
        ring_free(r);
    }
    assert_int_equal(sigaction(SIGALRM, &had, NULL), 0);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_length), TEST(in_order), TEST(what_does_not_fit), TEST(share_of_each),
        TEST(share_is_octets), TEST(behind_the_load), TEST(share_in_common), TEST(flooded), TEST(round_and_round),
        TEST(closed_meanwhile),
        TEST(many_members), TEST(not_all_of_it), TEST(disturbed),
        cmocka_unit_test(not_allowed),
    };

    return cmocka_run_group_tests_name("agw/media/ring", tests, NULL, NULL);
}
