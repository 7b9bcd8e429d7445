/* The relay between a channel and TCP: whole chunks untouched, large ones cut, answers of the pieces made one. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "agw/data/data_limits.h"
#include "agw/data/msrp.h"
#include "agw/data/msrp_relay.h"

#define PATHS "To-Path: msrps://b.example:7654/jshA7weztas;tcp\r\nFrom-Path: msrps://a.example:7777/iau39;tcp\r\n"

static struct relay *relay_of(uint64_t wic_max)
{
    struct relay_conf conf = {.wic_max = wic_max, .wic = "wic", .core = "core"};
    struct relay *r;

    assert_int_equal(relay_new(&r, &conf), 0);
    return r;
}

static size_t feed(struct relay *r, const char *p, size_t n)
{
    size_t room, done = 0;
    void *to;

    while (done < n && (room = relay_tcp_room(r, &to)) > 0) {
        if (room > n - done)
            room = n - done;
        memcpy(to, p + done, room);
        relay_tcp_got(r, room);
        done += room;
    }
    return done;
}

static int from_wic(struct relay *r, const char *text)
{
    return relay_wic_got(r, msg_new(text, strlen(text), 51));
}

/* Everything for TCP, as text. */
static char *to_core(struct relay *r)
{
    char *p = calloc(1, relay_core_queued(r) + 1);
    size_t n = 0;
    struct msg *m;

    while ((m = relay_core_next(r))) {
        memcpy(p + n, m->p + m->off, m->n - m->off);
        n += m->n - m->off;
        relay_core_wrote(r, m->n - m->off);
    }
    assert_int_equal(relay_core_queued(r), 0);
    return p;
}

static void expect_core(struct relay *r, const char *want)
{
    char *p = to_core(r);

    assert_string_equal(p, want);
    free(p);
}

/* A chunk of n octets of body, "abc...". */
static char *chunk(size_t n, const char *more, char flag)
{
    char *p = malloc(n + 1000);
    int head = sprintf(p, "MSRP orig1 SEND\r\n" PATHS "Message-ID: m1\r\nByte-Range: 1-%zu/%zu\r\n%s"
                          "Content-Type: text/plain\r\n\r\n", n, n, more);

    for (size_t i = 0; i < n; i++)
        p[(size_t)head + i] = (char)('a' + i % 26);
    sprintf(p + head + n, "\r\n-------orig1%c\r\n", flag);
    return p;
}

struct piece {
    char tid[64];
    unsigned long long from, to;
    size_t n;
    char flag;
};

/* Takes the next piece and checks it against the body it is a part of. */
static bool piece_take(struct relay *r, size_t max, struct piece *pc)
{
    struct msrp_frame f = {0};
    struct msrp_head h;
    struct sv m;

    if (relay_wic_next(r, &m) != 1)
        return false;
    assert_true(m.n <= max);
    assert_int_equal(msrp_frame_scan(&f, m.p, m.n), 1);
    assert_int_equal(f.len, m.n);
    assert_int_equal(msrp_head_parse(&h, (struct sv){m.p, f.head_len}), 0);
    assert_true(sv_is(h.message_id, "m1"));
    sv_copy(h.tid, pc->tid, sizeof pc->tid);
    *pc = (struct piece){.from = h.start, .to = h.end, .n = f.body_len, .flag = f.flag};
    sv_copy(h.tid, pc->tid, sizeof pc->tid);
    for (size_t i = 0; i < f.body_len; i++)
        assert_int_equal(m.p[f.head_len + i], 'a' + (h.start - 1 + i) % 26);
    relay_wic_sent(r);
    return true;
}

static void answer(struct relay *r, const char *tid, const char *code)
{
    char p[300];
    int n = snprintf(p, sizeof p, "MSRP %s %s\r\n" PATHS "-------%s$\r\n", tid, code, tid);

    assert_in_range(n, 1, sizeof p - 1);
    assert_int_equal(from_wic(r, p), 0);
}

static void test_untouched(void **state)
{
    struct relay *r = relay_of(0);
    char *p = chunk(100, "", '$');
    size_t n = strlen(p);
    struct sv m;

    (void)state;
    for (size_t cut = 1; cut < n; cut++) { /* arrives in two parts, and the next one with the second */
        assert_int_equal(feed(r, p, cut), cut);
        assert_int_equal(relay_wic_next(r, &m), 0);
        assert_int_equal(feed(r, p + cut, n - cut), n - cut);
        assert_int_equal(feed(r, p, n), n);
        for (int i = 0; i < 2; i++) {
            assert_int_equal(relay_wic_next(r, &m), 1);
            assert_int_equal(m.n, n);
            assert_memory_equal(m.p, p, n);
            relay_wic_sent(r);
        }
        assert_int_equal(relay_wic_next(r, &m), 0);
    }
    assert_int_equal(from_wic(r, p), 0);
    answer(r, "other1", "200 OK");
    relay_core_wrote(r, 5);
    assert_int_equal(relay_core_next(r)->off, 5);
    relay_core_wrote(r, n - 5);
    expect_core(r, "MSRP other1 200 OK\r\n" PATHS "-------other1$\r\n");
    free(p);
    relay_free(r);
}

static void test_split_and_one_answer(void **state)
{
    const size_t max = 1000, body = 5000;
    struct relay *r = relay_of(max);
    char *p = chunk(body, "", '$');
    struct piece pc[20];
    size_t n = 0, got = 0;

    (void)state;
    assert_int_equal(feed(r, p, strlen(p)), strlen(p));
    while (piece_take(r, max, &pc[n])) {
        assert_int_equal(pc[n].from, got + 1);
        assert_int_equal(pc[n].to, got + pc[n].n);
        got += pc[n++].n;
    }
    assert_int_equal(got, body);
    assert_true(n > 5);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(pc[i].flag, i + 1 < n ? '+' : '$');
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(pc[i].tid, pc[k].tid);
    }
    for (size_t i = 0; i < n; i++) {
        expect_core(r, ""); /* nothing before the last */
        answer(r, pc[i].tid, "200 OK");
    }
    expect_core(r, "MSRP orig1 200 OK\r\n" PATHS "-------orig1$\r\n");
    answer(r, pc[0].tid, "200 OK"); /* forgotten: goes through like any other */
    free(to_core(r));
    free(p);
    relay_free(r);
}

static void test_failure_while_arriving(void **state)
{
    const size_t max = 1000, body = 100000;
    struct relay *r = relay_of(max);
    char *p = chunk(body, "", '$'), *small = chunk(10, "", '$');
    struct piece a, b;
    struct sv m;

    (void)state;
    feed(r, p, 3000);
    assert_true(piece_take(r, max, &a));
    answer(r, a.tid, "413 stop");
    expect_core(r, "MSRP orig1 413 stop\r\n" PATHS "-------orig1$\r\n");
    assert_true(piece_take(r, max, &b)); /* the browser is told that no more comes */
    assert_int_equal(b.flag, '#');
    assert_int_equal(b.n, 0);
    answer(r, b.tid, "413 stop");
    expect_core(r, ""); /* told once */
    for (size_t at = 3000; at < strlen(p); at += 500) {
        feed(r, p + at, strlen(p) - at < 500 ? strlen(p) - at : 500);
        assert_int_equal(relay_wic_next(r, &m), 0);
    }
    feed(r, small, strlen(small)); /* the next chunk is as good as ever */
    assert_int_equal(relay_wic_next(r, &m), 1);
    assert_int_equal(m.n, strlen(small));
    free(p);
    free(small);
    relay_free(r);
}

static void test_larger_than_memory(void **state)
{
    const size_t body = 5 * RELAY_CHUNK_MAX;
    struct relay *r = relay_of(0);
    char *p = chunk(body, "Failure-Report: no\r\n", '+');
    size_t n = strlen(p), at = 0, got = 0, most = 0;
    struct piece pc = {0};

    (void)state;
    while (at < n || got < body) {
        size_t step = feed(r, p + at, n - at);

        at += step;
        if (step > most)
            most = step;
        while (piece_take(r, RELAY_CHUNK_MAX, &pc)) {
            assert_int_equal(pc.from, got + 1);
            got += pc.n;
        }
    }
    assert_true(most <= RELAY_CHUNK_MAX + RELAY_AHEAD);
    assert_int_equal(pc.flag, '+'); /* the chunk's own flag */
    answer(r, pc.tid, "200 OK"); /* no answers were wanted: not ours to join */
    free(to_core(r));
    free(p);
    relay_free(r);
}

static void test_lost_while_cut(void **state)
{
    struct relay *r = relay_of(1000);
    char *p = chunk(5000, "", '$'), *small = chunk(10, "", '$');
    struct piece pc;
    struct sv m;

    (void)state;
    assert_int_equal(from_wic(r, small), 0);
    assert_int_equal(from_wic(r, small), 0);
    relay_core_wrote(r, 10); /* the first is half out */
    feed(r, p, 2000);
    assert_true(piece_take(r, 1000, &pc));
    assert_int_equal(relay_wic_next(r, &m), 1); /* built, not sent */
    relay_tcp_lost(r);
    assert_true(piece_take(r, 1000, &pc));
    assert_int_equal(pc.flag, '#');
    assert_int_equal(relay_wic_next(r, &m), 0);
    expect_core(r, small); /* only the one that was not begun */
    feed(r, small, strlen(small));
    assert_int_equal(relay_wic_next(r, &m), 1);
    assert_int_equal(m.n, strlen(small));
    free(p);
    free(small);
    relay_free(r);
}

static void test_bad(void **state)
{
    struct relay *r = relay_of(0);
    static const char bad[] = "MSRP bad1 SEND\r\n" PATHS "\r\n";
    struct sv m;
    char *p;

    (void)state;
    feed(r, bad, strlen(bad));
    assert_int_equal(relay_wic_next(r, &m), -EPROTO);
    assert_int_equal(relay_wic_next(r, &m), -EPROTO);
    p = to_core(r);
    assert_non_null(strstr(p, "MSRP bad1 400 Bad Request\r\nTo-Path: msrps://a.example:7777/iau39;tcp\r\n"));
    free(p);
    assert_int_equal(feed(r, bad, 1), 0);
    assert_int_equal(from_wic(r, "hello"), -EPROTO);
    assert_int_equal(from_wic(r, bad), -EPROTO);
    expect_core(r, "");
    assert_int_equal(relay_wic_next(r, &m), 1); /* the SEND is answered, the other cannot be */
    assert_memory_equal(m.p, "MSRP bad1 400 ", 14);
    relay_wic_sent(r);
    assert_int_equal(relay_wic_next(r, &m), -EPROTO);
    relay_free(r);
}

/* A browser that sends rubbish and takes no answers costs no more memory with each message. */
static void test_bad_and_deaf(void **state)
{
    struct relay *r = relay_of(0);
    unsigned answers = 0;
    struct sv m;

    (void)state;
    for (int i = 0; i < 10 * RELAY_REPLIES_MAX; i++)
        assert_int_equal(from_wic(r, "MSRP bad1 SEND\r\n" PATHS "Message-ID: 1\r\n-------other$\r\n"), -EPROTO);
    for (; relay_wic_next(r, &m) == 1; answers++) {
        assert_memory_equal(m.p, "MSRP bad1 400 ", 14);
        relay_wic_sent(r);
    }
    assert_int_equal(answers, RELAY_REPLIES_MAX);
    assert_int_equal(from_wic(r, "MSRP bad1 SEND\r\n" PATHS "Message-ID: 1\r\n-------other$\r\n"), -EPROTO);
    assert_int_equal(relay_wic_next(r, &m), 1); /* there is room again */
    relay_free(r);
}

static void test_head_above_peer_max(void **state)
{
    struct relay *r = relay_of(300);
    char *p = chunk(1000, "", '$'), *out;
    struct sv m;

    (void)state;
    feed(r, p, strlen(p));
    assert_int_equal(relay_wic_next(r, &m), -EPROTO);
    out = to_core(r);
    assert_memory_equal(out, "MSRP orig1 413 ", 15);
    free(out);
    free(p);
    relay_free(r);
}

/* Answers that never come do not pile up. */
static void test_forgotten_answers(void **state)
{
    struct relay *r = relay_of(1000);
    char *p = chunk(1200, "", '$');
    struct piece first, pc;

    (void)state;
    for (int i = 0; i < RELAY_SPLITS_MAX + 5; i++) {
        feed(r, p, strlen(p));
        while (piece_take(r, 1000, i ? &pc : &first))
            ;
    }
    answer(r, pc.tid, "500 no");
    expect_core(r, "MSRP orig1 500 no\r\n" PATHS "-------orig1$\r\n");
    free(p);
    relay_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_untouched), cmocka_unit_test(test_split_and_one_answer),
        cmocka_unit_test(test_failure_while_arriving), cmocka_unit_test(test_larger_than_memory),
        cmocka_unit_test(test_lost_while_cut), cmocka_unit_test(test_bad),
        cmocka_unit_test(test_bad_and_deaf), cmocka_unit_test(test_head_above_peer_max),
        cmocka_unit_test(test_forgotten_answers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
