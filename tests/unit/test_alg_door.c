/* Who gets a TCP connection from the core's listeners: the kernel's filter on real sockets of loopback. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "alg/sip/agent.h"
#include "alg/sip/door.h"

#define REFUSED_MS 150 /* a SYN that is dropped is repeated after a second */
#define WAIT_MS 10000  /* loopback delivers at once, unless others keep the kernel busy */

static struct addr host(const char *text)
{
    struct addr a;

    assert_int_equal(addr_parse(&a, sv_from(text), 0), 0);
    return a;
}

static socklen_t size_of(const struct addr *a)
{
    return addr_is_v6(a) ? sizeof a->u.in6 : sizeof a->u.in4;
}

static bool reaches(const char *from, const struct addr *to, int ms)
{
    struct addr a = host(from);
    int fd = socket(a.u.sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    bool is;

    assert_int_equal(bind(fd, &a.u.sa, size_of(&a)), 0);
    connect(fd, &to->u.sa, size_of(to));
    is = poll(&p, 1, ms) == 1;
    close(fd);
    return is;
}

static bool connects(const char *from, const struct addr *to)
{
    return reaches(from, to, WAIT_MS);
}

static bool is_refused(const char *from, const struct addr *to)
{
    return !reaches(from, to, REFUSED_MS);
}

struct room {
    struct sip s;
    struct reach peers;
    struct hop_peers hops;
    struct addr at;
    int fd;
    struct door *door;
};

static void open_at(struct room *r, const char *own)
{
    memset(r, 0, sizeof *r);
    r->at = host(own);
    r->fd = net_tcp_listen(&r->at, 16);
    assert_true(r->fd >= 0);
    r->s.n_selfs = 1;
    r->s.selfs[0].at = r->at;
    r->peers.closed = true;
}

static void close_it(struct room *r)
{
    door_free(r->door);
    close(r->fd);
}

static void test_v4(void **state)
{
    struct room r;

    (void)state;
    open_at(&r, "127.0.0.1");
    assert_int_equal(reach_allow(&r.peers, "127.0.0.0/30"), 0);
    assert_int_equal(reach_allow(&r.peers, "2001:db8::/32"), 0);
    assert_int_equal(reach_allow(&r.peers, "127.0.0.65"), 0);
    assert_int_equal(door_new(&r.door, &r.s, &r.peers), 0);
    door_set(r.door, &r.hops);
    assert_true(connects("127.0.0.2", &r.at));
    assert_true(connects("127.0.0.65", &r.at));
    assert_true(is_refused("127.0.0.66", &r.at));
    assert_true(is_refused("127.0.0.4", &r.at));
    r.hops.v[r.hops.n++].addr = host("127.0.0.66");
    door_set(r.door, &r.hops); /* a name resolves to it now */
    assert_true(connects("127.0.0.66", &r.at));
    r.hops.n = 0;
    door_set(r.door, &r.hops);
    assert_true(is_refused("127.0.0.66", &r.at));
    close_it(&r);
}

static void test_v6(void **state)
{
    static const struct {
        const char *net;
        bool in;
    } rows[] = {{"::1", true}, {"::2", false}, {"::/127", true}, {"::2/127", false}, {"::/20", true}, {"2001:db8::/32", false},
                {"::/0", true}, {"127.0.0.0/8", false}, {"::/64", true}, {"0:1::/33", false}};
    struct room r;

    (void)state;
    open_at(&r, "127.0.0.1");
    close_it(&r);
    r.at = host("::1");
    r.fd = net_tcp_listen(&r.at, 16);
    if (r.fd < 0) {
        print_message("skipped: no IPv6 here\n");
        skip();
    }
    close(r.fd);
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        open_at(&r, "::1");
        assert_int_equal(reach_allow(&r.peers, rows[i].net), 0);
        assert_int_equal(door_new(&r.door, &r.s, &r.peers), 0);
        door_set(r.door, &r.hops);
        assert_true(rows[i].in ? connects("::1", &r.at) : is_refused("::1", &r.at));
        close_it(&r);
    }
}

/* As many as there may be: the filter is long, and the last of them is in. */
static void test_full(void **state)
{
    struct room r;
    char text[40];

    (void)state;
    open_at(&r, "127.0.0.1");
    for (unsigned i = 0; i < REACH_NETS; i++) {
        snprintf(text, sizeof text, "192.0.2.%u", i);
        assert_int_equal(reach_allow(&r.peers, text), 0);
    }
    for (unsigned i = 0; i < ARRAY_LEN(r.hops.v); i++) {
        snprintf(text, sizeof text, "127.0.1.%u", i + 1);
        r.hops.v[r.hops.n++].addr = host(text);
    }
    assert_int_equal(door_new(&r.door, &r.s, &r.peers), 0);
    door_set(r.door, &r.hops);
    assert_true(connects("127.0.1.64", &r.at));
    assert_true(is_refused("127.0.1.65", &r.at));
    close_it(&r);
}

/* No rule, or one by kind of address: nothing is set. */
static void test_open(void **state)
{
    struct room r;

    (void)state;
    open_at(&r, "127.0.0.1");
    assert_int_equal(door_new(&r.door, &r.s, NULL), 0);
    assert_null(r.door);
    reach_own(&r.peers, &r.at);
    assert_int_equal(door_new(&r.door, &r.s, &r.peers), 0);
    assert_null(r.door);
    door_set(r.door, &r.hops);
    assert_true(connects("127.0.0.66", &r.at));
    close_it(&r);
}

/* Browsers' listener may have the core's port at another address: the core's rule is not theirs. */
static void test_other(void **state)
{
    struct room r;
    struct addr other = host("127.0.0.2");
    int fd;

    (void)state;
    open_at(&r, "127.0.0.1");
    addr_set_port(&other, addr_port(&r.at));
    fd = net_tcp_listen(&other, 16);
    assert_true(fd >= 0);
    assert_int_equal(reach_allow(&r.peers, "127.0.0.5"), 0);
    assert_int_equal(door_new(&r.door, &r.s, &r.peers), 0);
    door_set(r.door, &r.hops);
    assert_true(is_refused("127.0.0.66", &r.at));
    assert_true(connects("127.0.0.66", &other));
    close(fd);
    close_it(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_v4), cmocka_unit_test(test_v6), cmocka_unit_test(test_full),
                                       cmocka_unit_test(test_open), cmocka_unit_test(test_other)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
