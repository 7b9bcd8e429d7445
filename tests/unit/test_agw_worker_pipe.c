/* MSRP on ICE-TCP in the worker: which octets of a connection go to the data thread and which are checks, in all pieces; credit
 * both ways; which connection it is. Sockets on loopback; the data thread and control are the test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <unistd.h>

#include "agw/ctl/cert.h"
#include "agw/media/leg.h"
#include "agw/media/worker.h"
#include "tests/fake/check.h"

#define LIMIT_MS 10000
#define PWD "gatewaypasswordgateway00"
#define SEP 1
#define PIPE 7

struct fixture {
    struct cert *cert;
    struct inbox *ctl, *data;
    struct worker *worker;
    struct stun_mac *mac;
    struct inbox_item *news; /* for the data thread */
    struct addr at;
    int lfd;
    uint8_t tid;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct worker_conf conf = {.ice_timeout_ms = 30000, .dtls_timeout_ms = 20000};
    struct bus_msg *m = bus_new(BUS_SEP_OPEN);

    *state = f;
    assert_int_equal(cert_new(&f->cert, "agw"), 0);
    assert_int_equal(inbox_new(&f->ctl, 1000), 0);
    assert_int_equal(inbox_new(&f->data, 1000), 0);
    assert_int_equal(stun_mac_new(&f->mac), 0);
    conf.ctl = f->ctl;
    conf.data = f->data;
    conf.cert_der = f->cert->der;
    conf.cert_len = f->cert->der_len;
    conf.key_der = f->cert->key;
    conf.key_len = f->cert->key_len;
    assert_int_equal(worker_new(&f->worker, &conf), 0);
    assert_int_equal(addr_parse(&f->at, SV("127.0.0.1"), 0), 0);
    f->lfd = net_tcp_listen(&f->at, 10);
    assert_true(f->lfd >= 0);
    m->u.sep = (struct bus_sep){.id = SEP, .fd = -1, .local = f->at, .ice = true, .ufrag = "ueufrag1", .pwd = PWD, .peer = "ue", .pipe = PIPE,
                                .rtp = {.rtcp_fd = -1}};
    inbox_post(worker_inbox(f->worker), &m->item);
    return 0;
}

static void drop_news(struct fixture *f)
{
    struct inbox_item *next;

    for (; f->news; f->news = next) {
        next = f->news->next;
        bus_drop(f->news);
    }
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    worker_free(f->worker);
    close(f->lfd);
    drop_news(f);
    inbox_free(f->ctl, bus_drop);
    inbox_free(f->data, bus_drop);
    stun_mac_free(f->mac);
    cert_free(f->cert);
    free(f);
    return 0;
}

/* The next message for the data thread; the caller's. NULL: none within ms. */
static struct bus_msg *next_news(struct fixture *f, int ms)
{
    struct pollfd pfd = {.fd = inbox_fd(f->data), .events = POLLIN};
    struct inbox_item *it;

    if (!f->news && poll(&pfd, 1, ms) == 1)
        f->news = inbox_take(f->data);
    it = f->news;
    if (it)
        f->news = it->next;
    return (struct bus_msg *)it;
}

static uint32_t news_conn(struct fixture *f, enum bus_kind kind)
{
    struct bus_msg *m = next_news(f, LIMIT_MS);
    uint32_t conn;

    assert_non_null(m);
    assert_int_equal(m->kind, kind);
    assert_int_equal(m->u.conn.id, PIPE);
    conn = m->u.conn.conn;
    bus_drop(&m->item);
    return conn;
}

/* --- the UE --- */

static int dial(struct fixture *f)
{
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    struct bus_msg *m = bus_new(BUS_LEG);
    socklen_t n = sizeof(m->u.leg.peer);

    assert_true(fd >= 0);
    assert_int_equal(connect(fd, &f->at.u.sa, addr_len(&f->at)), 0);
    assert_int_equal(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)), 0);
    m->u.leg = (struct bus_leg){.id = SEP, .local = f->at};
    m->u.leg.fd = accept4(f->lfd, &m->u.leg.peer.u.sa, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
    assert_true(m->u.leg.fd >= 0);
    inbox_post(worker_inbox(f->worker), &m->item);
    return fd;
}

static void say(int fd, const void *p, size_t n)
{
    assert_int_equal(send(fd, p, n, MSG_NOSIGNAL), n);
}

static size_t framed(uint8_t *out, const void *p, size_t n)
{
    frame_head(out, n);
    memmove(out + FRAME_HEAD, p, n);
    return FRAME_HEAD + n;
}

static size_t check(struct fixture *f, bool nominates, uint8_t *out) /* framed */
{
    struct check c = {.ufrag = "ueufrag1", .pwd = PWD, .use_candidate = nominates, .tid = ++f->tid};
    uint8_t p[512];

    return framed(out, p, check_make(f->mac, &c, p, sizeof(p)));
}

static size_t hear(int fd, void *p, size_t n)
{
    size_t got = 0;

    while (got < n) {
        struct pollfd pfd = {.fd = fd, .events = POLLIN};
        ssize_t r;

        assert_int_equal(poll(&pfd, 1, LIMIT_MS), 1);
        r = recv(fd, (uint8_t *)p + got, n - got, 0);
        if (r <= 0)
            return got;
        got += (size_t)r;
    }
    return got;
}

static size_t hear_frame(int fd, uint8_t *p)
{
    uint8_t head[FRAME_HEAD];
    size_t n;

    assert_int_equal(hear(fd, head, FRAME_HEAD), FRAME_HEAD);
    n = (size_t)head[0] << 8 | head[1];
    assert_int_equal(hear(fd, p, n), n);
    return n;
}

static void answered(int fd)
{
    uint8_t p[65536];
    struct stun_msg m;

    assert_int_equal(stun_parse(&m, p, hear_frame(fd, p)), 0);
    assert_int_equal(m.type, STUN_BINDING_SUCCESS);
}

static bool is_closed(int fd)
{
    uint8_t p[64];

    return hear(fd, p, sizeof(p)) == 0;
}

static int comes_in(struct fixture *f, uint32_t *conn)
{
    const int fd = dial(f);
    uint8_t p[600];

    say(fd, p, check(f, true, p));
    answered(fd);
    *conn = news_conn(f, BUS_PIPE_UP);
    return fd;
}

/* So many octets of conn come, and are these. */
static void comes(struct fixture *f, uint32_t conn, const char *want, size_t n)
{
    for (size_t got = 0; got < n;) {
        struct bus_msg *m = next_news(f, LIMIT_MS);

        assert_non_null(m);
        assert_int_equal(m->kind, BUS_PIPE_DATA);
        assert_int_equal(m->u.bytes.conn, conn);
        assert_true(m->u.bytes.n <= n - got);
        assert_memory_equal(m->u.bytes.p, want + got, m->u.bytes.n);
        got += m->u.bytes.n;
        bus_drop(&m->item);
    }
}

static void give(struct fixture *f, uint32_t conn, size_t n)
{
    assert_int_equal(bus_post_conn(worker_inbox(f->worker), BUS_PIPE_CREDIT, SEP, conn, n), 0);
}

static void comes_to(struct fixture *f, enum worker_counter c, int64_t n)
{
    const count_t *at = &worker_counts(f->worker)[c];

    for (int i = 0; i < LIMIT_MS && count_get(at) != n; i++)
        poll(NULL, 0, 1);
    assert_int_equal(count_get(at), n);
}

/* --- tests --- */

/* Frames of checks and of octets, some of them nearly a check, cut at each place. */
static void pieces(void **state)
{
    static const uint8_t nearly[][24] = {
        {0, 1, 0, 4, 0x21, 0x12, 0xa4, 0x43}, /* the cookie */
        {0, 1, 0, 8, 0x21, 0x12, 0xa4, 0x42}, /* the length */
        {'M', 1, 0, 4, 0x21, 0x12, 0xa4, 0x42}, /* the type */
    };
    struct fixture *f = *state;
    uint32_t conn;
    const int fd = comes_in(f, &conn);
    uint8_t all[4096];
    char want[4096];
    size_t n = 0, octets = 0;

    for (unsigned i = 0; i < 3; i++) {
        n += framed(all + n, nearly[i], 24);
        memcpy(want + octets, nearly[i], 24);
        octets += 24;
        n += framed(all + n, "", 0);
        n += framed(all + n, "MSRP", 4);
        memcpy(want + octets, "MSRP", 4);
        octets += 4;
        n += check(f, false, all + n);
    }
    for (size_t at = 1; at < n; at++) {
        say(fd, all, at);
        poll(NULL, 0, 0);
        say(fd, all + at, n - at);
        comes(f, conn, want, octets);
        for (unsigned i = 0; i < 3; i++)
            answered(fd);
        give(f, conn, octets + 4 * BUS_PIPE_COST); /* more than was used: no test of credit */
    }
    for (size_t at = 0; at < n; at++)
        say(fd, all + at, 1);
    comes(f, conn, want, octets);
    close(fd);
    assert_int_equal(news_conn(f, BUS_PIPE_DOWN), conn);
}

/* Without credit nothing is read: not more comes than was given, checks wait, too. With it all goes on, in order. */
static void waits_for_credit(void **state)
{
    static uint8_t big[2 * BUS_PIPE_WINDOW];
    static char want[sizeof(big)];
    struct fixture *f = *state;
    struct pollfd pfd;
    size_t n = 0, octets = 0, used = 0;
    struct bus_msg *m;
    uint32_t conn;
    const int fd = comes_in(f, &conn);

    for (unsigned i = 0; n + 4098 < sizeof(big) - 600; i++) {
        memset(want + octets, 'a' + (int)(i % 26), 4096);
        n += framed(big + n, want + octets, 4096);
        octets += 4096;
    }
    n += check(f, false, big + n);
    say(fd, big, n); /* the kernel has room for it */
    comes_to(f, WORKER_C_PIPE_STOPPED, 1);
    pfd = (struct pollfd){.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&pfd, 1, 20), 0);
    for (size_t got = 0; got < octets;) {
        m = next_news(f, LIMIT_MS);
        assert_non_null(m);
        assert_int_equal(m->kind, BUS_PIPE_DATA);
        assert_memory_equal(m->u.bytes.p, want + got, m->u.bytes.n);
        got += m->u.bytes.n;
        used += m->u.bytes.n + BUS_PIPE_COST;
        assert_true(used <= BUS_PIPE_WINDOW);
        bus_drop(&m->item);
        if (used > BUS_PIPE_WINDOW / 2) {
            give(f, conn, used);
            used = 0;
        }
    }
    answered(fd);
    close(fd);
}

/* Credit of the other way comes back as frames leave, and not for what waits. */
static void gives_credit(void **state)
{
    static uint8_t p[BUS_PIPE_FRAME], got[65536];
    struct fixture *f = *state;
    size_t left = BUS_PIPE_WINDOW, sent = 0, heard = 0;
    uint32_t conn;
    const int fd = comes_in(f, &conn);

    assert_int_equal(bus_post_pipe(worker_inbox(f->worker), BUS_PIPE_SEND, SEP, conn + 1, p, 100), 0); /* of another: dropped */
    for (;;) { /* until the UE, who does not read, has stopped us */
        struct bus_msg *m = NULL;

        while (left >= sizeof(p) + BUS_PIPE_COST) {
            memset(p, (int)(sent / sizeof(p)), sizeof(p));
            assert_int_equal(bus_post_pipe(worker_inbox(f->worker), BUS_PIPE_SEND, SEP, conn, p, sizeof(p)), 0);
            left -= sizeof(p) + BUS_PIPE_COST;
            sent += sizeof(p);
        }
        m = next_news(f, 200);
        if (!m)
            break;
        assert_int_equal(m->kind, BUS_PIPE_CREDIT);
        left += m->u.conn.n;
        assert_true(left <= BUS_PIPE_WINDOW);
        bus_drop(&m->item);
    }
    while (heard < sent) {
        const size_t n = hear_frame(fd, got);

        assert_int_equal(n, sizeof(p));
        assert_int_equal(got[0], (uint8_t)(heard / sizeof(p)));
        heard += n;
    }
    assert_int_equal(left < sizeof(p) + BUS_PIPE_COST, 1);
    for (struct bus_msg *m; left < BUS_PIPE_WINDOW / 4 * 3; bus_drop(&m->item)) {
        m = next_news(f, LIMIT_MS);
        assert_non_null(m);
        left += m->u.conn.n;
    }
    close(fd);
}

/* Another connection is nominated: the first one goes at once, and the data thread hears it in order. */
static void replaced(void **state)
{
    struct fixture *f = *state;
    uint32_t first, second;
    const int fd = comes_in(f, &first), other = dial(f);
    uint8_t p[600];

    say(other, p, check(f, false, p));
    answered(other);
    say(fd, p, framed(p, "one", 3));
    comes(f, first, "one", 3);
    say(other, p, check(f, true, p));
    assert_int_equal(news_conn(f, BUS_PIPE_DOWN), first);
    second = news_conn(f, BUS_PIPE_UP);
    assert_true(second != first);
    assert_true(is_closed(fd));
    answered(other);
    say(other, p, framed(p, "two", 3));
    comes(f, second, "two", 3);
    comes_to(f, WORKER_C_LEG_CLOSED, 1);
    assert_int_equal(bus_post_conn(worker_inbox(f->worker), BUS_PIPE_DROP, SEP, first, 0), 0); /* too late */
    assert_int_equal(bus_post_conn(worker_inbox(f->worker), BUS_PIPE_DROP, SEP, second, 1), 0);
    assert_true(is_closed(other));
    assert_int_equal(news_conn(f, BUS_PIPE_DOWN), second);
    comes_to(f, WORKER_C_LEG_BAD, 1);
    close(fd);
    close(other);
}

static void not_nominated(void **state)
{
    struct fixture *f = *state;
    uint8_t p[600];
    const int fd = dial(f);

    say(fd, p, check(f, false, p));
    answered(fd);
    say(fd, p, framed(p, "MSRP", 4));
    assert_true(is_closed(fd));
    comes_to(f, WORKER_C_LEG_BAD, 1);
    assert_null(next_news(f, 0));
    close(fd);
}

static void too_long(void **state)
{
    struct fixture *f = *state;
    uint32_t conn;
    const int fd = comes_in(f, &conn);
    const uint8_t head[] = {0x08, 0x04, 0, 1, 0x07, 0xf0, 0x21, 0x12, 0xa4, 0x42, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}; /* 2052 */

    say(fd, head, sizeof(head));
    assert_true(is_closed(fd));
    comes_to(f, WORKER_C_LEG_OVERSIZED, 1);
    assert_int_equal(news_conn(f, BUS_PIPE_DOWN), conn);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(pieces, setup, teardown),
        cmocka_unit_test_setup_teardown(waits_for_credit, setup, teardown),
        cmocka_unit_test_setup_teardown(gives_credit, setup, teardown),
        cmocka_unit_test_setup_teardown(replaced, setup, teardown),
        cmocka_unit_test_setup_teardown(not_nominated, setup, teardown),
        cmocka_unit_test_setup_teardown(too_long, setup, teardown),
    };

    return cmocka_run_group_tests_name("agw/media/worker_pipe", tests, NULL, NULL);
}
