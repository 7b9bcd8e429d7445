/* MSRP on ICE-TCP in the worker: which octets of a connection go to the data thread and which are checks, in all pieces; credit
 * both ways; which connection it is. Sockets on loopback; the data thread and control are the test. */
#include <netinet/tcp.h>

#include "tests/unit/tcp_rig.h"

#define UE 5 /* the stream with MSRP; its name is "ueufrag1" */
#define PIPE 7

struct news { /* for the data thread, in order */
    struct inbox_item *first;
};

static void ue(struct fixture *f, struct bus_msg *m)
{
    m->u.sep = (struct bus_sep){.id = UE, .fd = -1, .local = f->plain, .ice = true, .ufrag = "ueufrag1", .pwd = PWD, .peer = "ue", .pipe = PIPE,
                                .rtp = {.rtcp_fd = -1}};
}

static void ue_name(struct fixture *f, struct bus_msg *m)
{
    (void)f;
    m->u.door = (struct bus_door){.id = UE, .ufrag = "ueufrag1"};
}

static int setup_ue(void **state)
{
    const int err = setup(state);
    struct fixture *f = *state;

    post(f->inboxes[0], BUS_SEP_OPEN, ue, f);
    post(door_inbox(f->door), BUS_DOOR_NAME, ue_name, f);
    return err;
}

/* The next message for the data thread; the caller's. NULL: none within ms. */
static struct bus_msg *next_news(struct fixture *f, struct news *news, int ms)
{
    struct pollfd pfd = {.fd = inbox_fd(f->rig.data), .events = POLLIN};
    struct inbox_item *it;

    if (!news->first && poll(&pfd, 1, ms) == 1)
        news->first = inbox_take(f->rig.data);
    it = news->first;
    if (it)
        news->first = it->next;
    return (struct bus_msg *)it;
}

static uint32_t news_conn(struct fixture *f, struct news *news, enum bus_kind kind)
{
    struct bus_msg *m = next_news(f, news, LIMIT_MS);
    uint32_t conn;

    assert_non_null(m);
    assert_int_equal(m->kind, kind);
    assert_int_equal(m->u.conn.id, PIPE);
    conn = m->u.conn.conn;
    bus_drop(&m->item);
    return conn;
}

/* --- the UE --- */

static size_t check_frame(struct fixture *f, bool nominates, uint8_t *out)
{
    uint8_t p[512];

    return framed(out, p, check(f, "ueufrag1", PWD, nominates, p));
}

static int rings(struct fixture *f, bool nominates)
{
    const int fd = dial(&f->plain), on = 1;
    uint8_t p[600];

    assert_int_equal(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)), 0);
    say(fd, p, check_frame(f, nominates, p));
    answered(fd);
    return fd;
}

static int is_up(struct fixture *f, struct news *news, uint32_t *conn)
{
    const int fd = rings(f, true);

    *conn = news_conn(f, news, BUS_PIPE_UP);
    return fd;
}

/* So many octets of conn come, and are these. */
static void comes(struct fixture *f, struct news *news, uint32_t conn, const char *want, size_t n)
{
    for (size_t got = 0; got < n;) {
        struct bus_msg *m = next_news(f, news, LIMIT_MS);

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
    assert_int_equal(bus_post_conn(f->inboxes[0], BUS_PIPE_CREDIT, UE, conn, n), 0);
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
    struct news from = {0}, *news = &from;
    struct fixture *f = *state;
    uint32_t conn;
    const int fd = is_up(f, news, &conn);
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
        n += check_frame(f, false, all + n);
    }
    for (size_t at = 1; at < n; at++) {
        say(fd, all, at);
        poll(NULL, 0, 0);
        say(fd, all + at, n - at);
        comes(f, news, conn, want, octets);
        for (unsigned i = 0; i < 3; i++)
            answered(fd);
        give(f, conn, octets + 4 * BUS_PIPE_COST); /* more than was used: no test of credit */
    }
    for (size_t at = 0; at < n; at++)
        say(fd, all + at, 1);
    comes(f, news, conn, want, octets);
    close(fd);
    assert_int_equal(news_conn(f, news, BUS_PIPE_DOWN), conn);
}

/* Without credit nothing is read: not more comes than was given, checks wait, too. With it all goes on, in order. */
static void waits_for_credit(void **state)
{
    static uint8_t big[2 * BUS_PIPE_WINDOW];
    static char want[sizeof(big)];
    struct news from = {0}, *news = &from;
    struct fixture *f = *state;
    struct pollfd pfd;
    size_t n = 0, octets = 0, used = 0;
    struct bus_msg *m;
    uint32_t conn;
    const int fd = is_up(f, news, &conn);

    for (unsigned i = 0; n + 4098 < sizeof(big) - 600; i++) {
        memset(want + octets, 'a' + (int)(i % 26), 4096);
        n += framed(big + n, want + octets, 4096);
        octets += 4096;
    }
    n += check_frame(f, false, big + n);
    say(fd, big, n); /* the kernel has room for it */
    comes_to(of_worker(f, WORKER_C_PIPE_STOPPED), 1);
    pfd = (struct pollfd){.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&pfd, 1, 20), 0);
    for (size_t got = 0; got < octets;) {
        m = next_news(f, news, LIMIT_MS);
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
    struct news from = {0}, *news = &from;
    struct fixture *f = *state;
    size_t left = BUS_PIPE_WINDOW, sent = 0, heard = 0;
    uint32_t conn;
    const int fd = is_up(f, news, &conn);

    assert_int_equal(bus_post_pipe(f->inboxes[0], BUS_PIPE_SEND, UE, conn + 1, p, 100), 0); /* of another: dropped */
    for (;;) { /* until the UE, who does not read, has stopped us */
        struct bus_msg *m = NULL;

        while (left >= sizeof(p) + BUS_PIPE_COST) {
            memset(p, (int)(sent / sizeof(p)), sizeof(p));
            assert_int_equal(bus_post_pipe(f->inboxes[0], BUS_PIPE_SEND, UE, conn, p, sizeof(p)), 0);
            left -= sizeof(p) + BUS_PIPE_COST;
            sent += sizeof(p);
        }
        m = next_news(f, news, 200);
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
        m = next_news(f, news, LIMIT_MS);
        assert_non_null(m);
        left += m->u.conn.n;
    }
    close(fd);
}

/* Another connection is nominated: the first one goes at once, and the data thread hears it in order. */
static void replaced(void **state)
{
    struct news from = {0}, *news = &from;
    struct fixture *f = *state;
    uint32_t first, second;
    const int fd = is_up(f, news, &first), other = rings(f, false);
    uint8_t p[600];

    say(fd, p, framed(p, "one", 3));
    comes(f, news, first, "one", 3);
    say(other, p, check_frame(f, true, p));
    assert_int_equal(news_conn(f, news, BUS_PIPE_DOWN), first);
    second = news_conn(f, news, BUS_PIPE_UP);
    assert_true(second != first);
    assert_true(is_closed(fd));
    answered(other);
    say(other, p, framed(p, "two", 3));
    comes(f, news, second, "two", 3);
    comes_to(of_worker(f, WORKER_C_LEG_CLOSED), 1);
    assert_int_equal(bus_post_conn(f->inboxes[0], BUS_PIPE_DROP, UE, first, 0), 0); /* too late */
    assert_int_equal(bus_post_conn(f->inboxes[0], BUS_PIPE_DROP, UE, second, 1), 0);
    assert_true(is_closed(other));
    assert_int_equal(news_conn(f, news, BUS_PIPE_DOWN), second);
    comes_to(of_worker(f, WORKER_C_LEG_BAD), 1);
    close(fd);
    close(other);
}

static void not_nominated(void **state)
{
    struct news from = {0}, *news = &from;
    struct fixture *f = *state;
    uint8_t p[600];
    const int fd = rings(f, false);

    say(fd, p, framed(p, "MSRP", 4));
    assert_true(is_closed(fd));
    comes_to(of_worker(f, WORKER_C_LEG_BAD), 1);
    assert_null(next_news(f, news, 0));
    close(fd);
}

static void too_long(void **state)
{
    struct news from = {0}, *news = &from;
    struct fixture *f = *state;
    uint32_t conn;
    const int fd = is_up(f, news, &conn);
    const uint8_t head[] = {0x08, 0x04, 0, 1, 0x07, 0xf0, 0x21, 0x12, 0xa4, 0x42, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}; /* 2052 */

    say(fd, head, sizeof(head));
    assert_true(is_closed(fd));
    comes_to(of_worker(f, WORKER_C_LEG_OVERSIZED), 1);
    assert_int_equal(news_conn(f, news, BUS_PIPE_DOWN), conn);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(pieces, setup_ue, teardown),
        cmocka_unit_test_setup_teardown(waits_for_credit, setup_ue, teardown),
        cmocka_unit_test_setup_teardown(gives_credit, setup_ue, teardown),
        cmocka_unit_test_setup_teardown(replaced, setup_ue, teardown),
        cmocka_unit_test_setup_teardown(not_nominated, setup_ue, teardown),
        cmocka_unit_test_setup_teardown(too_long, setup_ue, teardown),
    };

    return cmocka_run_group_tests_name("agw/media/worker_pipe", tests, NULL, NULL);
}
