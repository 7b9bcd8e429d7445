/* Connections that came to the core's listeners, on real sockets of loopback: who is closed, and who stays. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "alg/sip/agent.h"
#include "alg/sip/core_conns.h"

#define FILES 4096    /* descriptors: both ends of each connection are here */
#define WAIT_MS 10000 /* loopback delivers at once, unless others keep the kernel busy */

struct room {
    struct sip s;
    uv_loop_t loop;
    struct reach peers;
    struct hop_peers hops;
    struct addr at[2]; /* plain, TLS */
    int listeners[2], in[FILES], out[FILES];
    unsigned n, why[CONNS_LATE + 1];
    msec_t begun, now; /* ours runs ahead */
    struct core_conns *conns;
};

static void on_closed(void *arg, enum conns_why why, const struct addr *peer)
{
    struct room *r = arg;

    assert_true(addr_port(peer));
    r->why[why]++;
}

static void host(struct addr *a, const char *text)
{
    assert_int_equal(addr_parse(a, sv_from(text), 0), 0);
}

static int begin(void **state)
{
    struct room *r = calloc(1, sizeof *r);

    assert_true(net_files(FILES) >= FILES);
    assert_int_equal(uv_loop_init(&r->loop), 0);
    r->s.loop = &r->loop;
    r->begun = r->now = net_now_ms();
    for (unsigned i = 0; i < 2; i++) {
        host(&r->at[i], "127.0.0.1");
        r->listeners[i] = net_tcp_listen(&r->at[i], 1024);
        assert_true(r->listeners[i] >= 0);
        r->s.selfs[i].at = r->at[i];
        r->s.selfs[i].tls = i;
    }
    r->s.n_selfs = 2;
    r->peers.closed = true;
    assert_int_equal(reach_allow(&r->peers, "127.0.0.0/28"), 0);
    assert_int_equal(conns_new(&r->conns, &(struct conns_conf){&r->s, &r->peers, &r->hops, on_closed, r}), 0);
    *state = r;
    return 0;
}

static int end(void **state)
{
    struct room *r = *state;

    conns_free(r->conns);
    uv_run(&r->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&r->loop), 0);
    for (unsigned i = 0; i < r->n; i++) {
        close(r->in[i]);
        close(r->out[i]);
    }
    for (unsigned i = 0; i < 2; i++)
        close(r->listeners[i]);
    free(r);
    return 0;
}

/* One more from there, accepted as Sofia does. Its number. */
static unsigned come_from(struct room *r, struct addr a, bool tls)
{
    struct pollfd p = {.fd = r->listeners[tls], .events = POLLIN};

    r->out[r->n] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(r->out[r->n], &a.u.sa, sizeof a.u.in4), 0);
    assert_int_equal(connect(r->out[r->n], &r->at[tls].u.sa, sizeof a.u.in4), 0);
    assert_int_equal(poll(&p, 1, WAIT_MS), 1);
    uv_run(&r->loop, UV_RUN_NOWAIT);
    r->in[r->n] = accept(r->listeners[tls], NULL, NULL);
    assert_true(r->in[r->n] >= 0);
    return r->n++;
}

static unsigned come(struct room *r, const char *from, bool tls)
{
    struct addr a;

    host(&a, from);
    return come_from(r, a, tls);
}

static void come_all(struct room *r, unsigned n, const char *from, bool tls)
{
    while (n--)
        come(r, from, tls);
}

static void says(struct room *r, unsigned i, size_t n)
{
    struct pollfd p = {.fd = r->in[i], .events = POLLIN};
    char text[8192];

    memset(text, '.', sizeof text);
    assert_int_equal(write(r->out[i], text, n), (ssize_t)n);
    assert_int_equal(poll(&p, 1, WAIT_MS), 1);
    while (poll(&p, 1, 0) == 1 && read(r->in[i], text, sizeof text) > 0)
        ;
}

static void whole(struct room *r, unsigned i)
{
    struct addr peer = {0};
    socklen_t n = sizeof peer.u;

    says(r, i, 500);
    assert_int_equal(getpeername(r->in[i], &peer.u.sa, &n), 0);
    conns_whole(r->conns, &peer);
}

static bool is_open(const struct room *r, unsigned i)
{
    struct pollfd p = {.fd = r->out[i], .events = POLLRDHUP};

    return !poll(&p, 1, 0);
}

static bool is_ended(const struct room *r, unsigned i)
{
    struct pollfd p = {.fd = r->out[i], .events = POLLRDHUP};

    return poll(&p, 1, WAIT_MS) == 1;
}

static void later(struct room *r, msec_t ms)
{
    r->now += ms;
    conns_tick(r->conns, r->now);
}

/* What we open has an address of ours, too, and may have the listener's port: it is nobody who came. */
static void test_own(void **state)
{
    struct room *r = *state;
    struct addr a;

    host(&a, "127.0.0.9");
    addr_set_port(&a, addr_port(&r->at[0]));
    come_from(r, a, false);
    later(r, 100);
    assert_int_equal(conns_n(r->conns), 1);
}

static void test_stranger(void **state)
{
    struct room *r = *state;
    unsigned peer = come(r, "127.0.0.9", false), stranger = come(r, "127.0.0.99", false), tls = come(r, "127.0.0.99", true);

    host(&r->hops.v[0].addr, "127.0.0.77");
    r->hops.n = 1;
    later(r, 100);
    assert_true(is_open(r, peer));
    assert_true(is_ended(r, stranger));
    assert_true(is_open(r, tls)); /* it has to show a certificate */
    assert_true(is_open(r, come(r, "127.0.0.77", false)));
    later(r, 100);
    close(r->in[stranger]); /* as Sofia does */
    later(r, 1000);
    assert_int_equal(conns_n(r->conns), 3);
    assert_int_equal(r->why[CONNS_STRANGER], 1);
}

/* The oldest that said nothing goes; who has spoken stays, and other addresses are not meant. */
static void test_address(void **state)
{
    struct room *r = *state;
    unsigned spoke = come(r, "127.0.0.9", false), silent = come(r, "127.0.0.9", false), other = come(r, "127.0.0.8", false), last;

    whole(r, spoke);
    come_all(r, CORE_CONNS_PER_ADDRESS - 2, "127.0.0.9", false);
    later(r, 100);
    assert_int_equal(r->why[CONNS_ADDRESS], 0);
    last = come(r, "127.0.0.9", false);
    later(r, 100);
    assert_int_equal(r->why[CONNS_ADDRESS], 1);
    assert_true(is_open(r, spoke) && is_open(r, other) && is_open(r, last));
    assert_true(is_ended(r, silent));
    later(r, 1000);
    assert_int_equal(r->why[CONNS_ADDRESS], 1); /* once */
}

/* In all, each kind for itself; a next hop comes in all the same. */
static void test_many(void **state)
{
    static const char *const from[] = {"127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5"};
    struct room *r = *state;
    unsigned hop, silent = come(r, "127.0.0.6", false), spoke = come(r, "127.0.0.7", false), tls = come(r, "127.0.0.6", true), late;

    host(&r->hops.v[0].addr, "127.0.0.10");
    r->hops.n = 1;
    whole(r, spoke);
    for (unsigned i = 0; i < ARRAY_LEN(from); i++)
        come_all(r, CORE_CONNS_PER_ADDRESS, from[i], false);
    later(r, 100);
    assert_int_equal(r->why[CONNS_MANY], 2);
    assert_true(is_ended(r, silent));
    assert_true(is_open(r, spoke) && is_open(r, tls));
    hop = come(r, "127.0.0.10", false);
    late = come(r, "127.0.0.11", false);
    later(r, 100);
    assert_true(is_open(r, hop) && is_open(r, late) && is_open(r, spoke));
    assert_int_equal(r->why[CONNS_MANY], 4);
    assert_int_equal(r->why[CONNS_ADDRESS], 0);
}

/* Silence, half a message and octets one by one have the same time; a message gives more, and pings between messages are none. */
static void test_late(void **state)
{
    struct room *r = *state;
    unsigned silent = come(r, "127.0.0.9", false), half = come(r, "127.0.0.9", false), pings = come(r, "127.0.0.9", false),
             trickle = come(r, "127.0.0.9", false), slow = come(r, "127.0.0.9", false), never = come(r, "127.0.0.9", false);

    later(r, 100);
    says(r, half, 30);
    whole(r, pings);
    whole(r, trickle);
    whole(r, slow);
    for (unsigned i = 0; i < CORE_MESSAGE_MS / 1000 - 1; i++) {
        later(r, 1000);
        if (i % 10 == 0)
            says(r, pings, 4);
        says(r, never, 1);
        says(r, trickle, 8);
        says(r, slow, 8);
    }
    assert_int_equal(r->why[CONNS_LATE], 0);
    whole(r, slow); /* as it ends */
    later(r, 1000);
    assert_true(is_ended(r, silent) && is_ended(r, half) && is_ended(r, never));
    later(r, 2000 + (net_now_ms() - r->begun)); /* the message began on this process's own clock */
    assert_true(is_open(r, pings) && is_open(r, slow));
    assert_true(is_ended(r, trickle));
    assert_int_equal(r->why[CONNS_LATE], 4);
}

/* Who speaks before he was looked for; who comes again from the same port; who is gone. */
static void test_seen_late(void **state)
{
    struct room *r = *state;
    unsigned i = come(r, "127.0.0.9", false);
    struct addr self = {0};
    socklen_t n = sizeof self.u;

    whole(r, i);
    later(r, 100);
    later(r, CORE_MESSAGE_MS + 2000);
    assert_true(is_open(r, i));
    assert_int_equal(getsockname(r->out[i], &self.u.sa, &n), 0);
    close(r->in[i]); /* its last: the TIME_WAIT is here, and the port is free there */
    close(r->out[i]);
    later(r, 1000);
    assert_int_equal(conns_n(r->conns), 0);
    conns_whole(r->conns, &self); /* one of those that we opened, for example */
    later(r, 1000);
    assert_int_equal(conns_n(r->conns), 0);
    r->n = 0;
}

/* Descriptors are scarce: what others need is left. */
static void test_scarce(void **state)
{
    struct room *r = *state;
    struct rlimit was, few;
    unsigned kept = UINT_MAX;

    come_all(r, 100, "127.0.0.9", false);
    getrlimit(RLIMIT_NOFILE, &was);
    few = was;
    few.rlim_cur = (rlim_t)r->in[r->n - 1] + 1; /* all are taken */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    later(r, 100);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
    for (msec_t end = net_now_ms() + WAIT_MS; net_now_ms() < end && kept != r->n - r->why[CONNS_MANY];) {
        kept = 0;
        for (unsigned i = 0; i < r->n; i++)
            kept += is_open(r, i);
    }
    assert_in_range(kept, 100 - CORE_FD_RESERVE - 4, 100 - CORE_FD_RESERVE + 4);
    assert_int_equal(r->why[CONNS_MANY], 100 - kept);
}

/* What is a browser's is not asked; a number that stayed in the set when its owner was gone is found all the same. */
static void test_browsers(void **state)
{
    struct room *r = *state;
    unsigned one, two;

    later(r, 100);
    one = come(r, "127.0.0.9", false), two = come(r, "127.0.0.9", false);
    fds_put(&r->s.fds, r->in[one]);
    fds_put(&r->s.fds, r->in[two]);
    later(r, 100);
    assert_int_equal(conns_n(r->conns), 0);
    fds_drop(&r->s.fds, r->in[one]);
    later(r, 1000);
    assert_int_equal(conns_n(r->conns), 1);
    later(r, 29000);
    assert_int_equal(conns_n(r->conns), 2);
    assert_false(fds_has(&r->s.fds, r->in[two]));
    later(r, 1000);
    assert_int_equal(conns_n(r->conns), 2);
    fds_put(&r->s.fds, -1);
    fds_drop(&r->s.fds, FILES);
    assert_false(fds_has(&r->s.fds, -1) || fds_has(&r->s.fds, FILES));
    fds_fini(&r->s.fds);
}

/* A flood between two ticks: they are looked for all the same. */
static void test_wakes(void **state)
{
    struct room *r = *state;

    come_all(r, CORE_CONNS_PER_ADDRESS + 200, "127.0.0.9", false);
    assert_true(r->why[CONNS_ADDRESS] >= 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_stranger, begin, end),  cmocka_unit_test_setup_teardown(test_address, begin, end),
        cmocka_unit_test_setup_teardown(test_many, begin, end),      cmocka_unit_test_setup_teardown(test_late, begin, end),
        cmocka_unit_test_setup_teardown(test_seen_late, begin, end), cmocka_unit_test_setup_teardown(test_scarce, begin, end),
        cmocka_unit_test_setup_teardown(test_wakes, begin, end),     cmocka_unit_test_setup_teardown(test_browsers, begin, end),
        cmocka_unit_test_setup_teardown(test_own, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
