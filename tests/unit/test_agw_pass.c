/* MSRP between two byte streams (agw/data/pass): octets as they were whatever pieces they come in, and whole chunks only for
 * each destination, whenever either side is lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <errno.h>

#include "agw/data/data_limits.h"
#include "agw/data/msrp.h"
#include "agw/data/pass.h"

#define HEAD(tid) "MSRP " tid " SEND\r\nTo-Path: msrp://a.example:1/a;tcp\r\nFrom-Path: msrp://b.example:2/b;tcp\r\nMessage-ID: m1\r\n"
#define BODY(tid, body, flag) HEAD(tid) "Byte-Range: 1-*/*\r\nContent-Type: text/plain\r\n\r\n" body "\r\n-------" tid flag "\r\n"
#define ONE BODY("tone", "hello\r\n-------ton", "$")
#define TWO HEAD("ttwo") "-------ttwo$\r\n"
#define ANSWER "MSRP tone 200 OK\r\nTo-Path: msrp://b.example:2/b;tcp\r\nFrom-Path: msrp://a.example:1/a;tcp\r\n-------tone$\r\n"

struct sink { /* what one destination got */
    char *p;
    size_t n, size;
};

static void sink_add(struct sink *s, struct sv v)
{
    if (s->n + v.n > s->size) {
        s->size = 2 * (s->n + v.n);
        s->p = realloc(s->p, s->size);
        assert_non_null(s->p);
    }
    memcpy(s->p + s->n, v.p, v.n);
    s->n += v.n;
}

static struct pass *fresh(void)
{
    struct pass *p;

    assert_int_equal(pass_new(&p, &(struct pass_conf){NULL, "wic", "core"}), 0);
    return p;
}

/* At most `step` octets of v go in; how many did. */
static size_t feed(struct pass *p, struct sv v, size_t step)
{
    void *to;
    size_t n = pass_room(p, &to);

    n = n < step ? n : step;
    n = n < v.n ? n : v.n;
    if (n)
        memcpy(to, v.p, n);
    pass_got(p, n);
    return n;
}

/* At most `step` octets at a time come out, `most` in all. */
static int drain(struct pass *p, struct sink *s, size_t step, size_t most)
{
    struct sv v;
    int got;

    while ((got = pass_next(p, &v)) == 1 && most) {
        v.n = v.n < step ? v.n : step;
        v.n = v.n < most ? v.n : most;
        sink_add(s, v);
        pass_wrote(p, v.n);
        most -= v.n;
    }
    return got;
}

static void assert_sink(const struct sink *s, struct sv want)
{
    assert_int_equal(s->n, want.n);
    assert_memory_equal(s->p, want.p, want.n);
}

static void as_they_were(void **state)
{
    const struct sv all = SV(ONE TWO ANSWER ONE ANSWER TWO);

    (void)state;
    for (size_t in = 1; in < 40; in++)
        for (size_t out = 1; out < 40; out += 3) {
            struct pass *p = fresh();
            struct sink s = {0};

            for (size_t at = 0; at < all.n;) {
                at += feed(p, (struct sv){all.p + at, all.n - at}, in);
                assert_int_equal(drain(p, &s, out, SIZE_MAX), 0);
            }
            assert_sink(&s, all);
            assert_true(pass_is_between(p));
            free(s.p);
            pass_free(p);
        }
}

/* One chunk of 1 MB: what is held is PASS_MAX. */
static void however_long(void **state)
{
    static char body[1 << 20];
    struct pass *p = fresh();
    struct sink s = {0}, want = {0};

    (void)state;
    for (size_t i = 0; i < sizeof body; i++)
        body[i] = (char)(i * 7 + i / 251);
    sink_add(&want, SV(HEAD("tlong") "\r\n"));
    sink_add(&want, (struct sv){body, sizeof body});
    sink_add(&want, SV("\r\n-------tlong$\r\n"));
    for (size_t at = 0; at < want.n;) {
        size_t n;

        while ((n = feed(p, (struct sv){want.p + at, want.n - at}, 9000)))
            at += n;
        drain(p, &s, 5000, 30000);
    }
    while (s.n < want.n) {
        const size_t before = s.n;

        drain(p, &s, 5000, SIZE_MAX);
        assert_true(s.n > before);
    }
    assert_sink(&s, (struct sv){want.p, want.n});
    free(s.p);
    free(want.p);
    pass_free(p);
}

/* Everything in s is whole chunks. Their number; ended: with '+'. */
static unsigned whole(const struct sink *s, unsigned *ended)
{
    unsigned n = 0;

    *ended = 0;
    for (size_t at = 0; at < s->n; n++) {
        struct msrp_frame f = {0};

        assert_int_equal(msrp_frame_scan(&f, s->p + at, s->n - at), 1);
        *ended += f.flag == '+';
        at += f.len;
    }
    return n;
}

/* The source is lost after each number of octets, and another one begins. */
static void source_lost(void **state)
{
    const struct sv one = SV(ONE), two = SV(TWO);
    size_t head = (size_t)((char *)memmem(one.p, one.n, "\r\n\r\n", 4) - one.p) + 4;

    (void)state;
    for (size_t at = 0; at <= one.n; at++) {
        struct pass *p = fresh();
        struct sink s = {0};
        unsigned n, ended;

        feed(p, (struct sv){one.p, at}, SIZE_MAX);
        drain(p, &s, SIZE_MAX, SIZE_MAX);
        pass_source_lost(p);
        while (!feed(p, two, SIZE_MAX))
            assert_int_equal(drain(p, &s, 3, SIZE_MAX), 0);
        assert_int_equal(drain(p, &s, SIZE_MAX, SIZE_MAX), 0);
        n = whole(&s, &ended);
        assert_int_equal(n, at < head ? 1 : 2);
        assert_int_equal(ended, at >= head && at < one.n);
        assert_memory_equal(s.p + s.n - two.n, two.p, two.n);
        free(s.p);
        pass_free(p);
    }
}

/* A head that fills the buffer to its last octet: the end line of ours has its place all the same. */
static void source_lost_in_a_full_buffer(void **state)
{
    (void)state;
    for (unsigned more = 0; more < 200; more++) {
        static char head[4096 + 1];
        struct pass *p = fresh();
        struct sink s = {0};
        struct buf b = buf_over((uint8_t *)head, 4096);
        unsigned ended;

        buf_str(&b, HEAD("tfull"));
        for (unsigned i = 0; i < 3500 / 70; i++)
            buf_printf(&b, "X-%066u:\r\n", i);
        buf_printf(&b, "Y:%*s\r\n\r\n", (int)(4096 - b.len - 6 - more), "");
        memset(head + b.len, 'z', 4096 - b.len);
        assert_int_equal(feed(p, (struct sv){head, 4096}, SIZE_MAX), 4096);
        drain(p, &s, SIZE_MAX, 10); /* the rest of the head is still here */
        pass_source_lost(p);
        drain(p, &s, SIZE_MAX, SIZE_MAX);
        assert_int_equal(whole(&s, &ended), 1);
        assert_int_equal(ended, 1);
        assert_int_equal(feed(p, SV(TWO), SIZE_MAX), strlen(TWO));
        assert_int_equal(drain(p, &s, SIZE_MAX, SIZE_MAX), 0);
        assert_int_equal(whole(&s, &ended), 2);
        free(s.p);
        pass_free(p);
    }
}

/* The destination is lost after each number of octets: the next one gets whole chunks. */
static void target_lost(void **state)
{
    const struct sv all = SV(ONE TWO);

    (void)state;
    for (size_t at = 0; at < all.n; at++) {
        struct pass *p = fresh();
        struct sink first = {0}, second = {0};
        unsigned ended;

        feed(p, all, strlen(ONE) / 2);
        drain(p, &first, SIZE_MAX, at);
        pass_target_lost(p);
        for (size_t in = strlen(ONE) / 2; in < all.n;) {
            in += feed(p, (struct sv){all.p + in, all.n - in}, 5);
            drain(p, &second, SIZE_MAX, SIZE_MAX);
        }
        assert_int_equal(whole(&second, &ended), first.n ? 1 : 2);
        assert_int_equal(ended, 0);
        free(first.p);
        free(second.p);
        pass_free(p);
    }
}

static void junk(void **state)
{
    static const struct {
        const char *octets;
        bool answered;
    } rows[] = {
        {"GET / HTTP/1.1\r\n\r\n", false},
        {"\r\n", false},
        {"MSRP tbad SEND\r\nTo-Path: msrp://a/a;tcp\r\nFrom-Path: msrp://b/b;tcp\r\nno colon\r\n\r\n", true},
        {"MSRP tbad 200 OK\r\nFrom-Path: msrp://b/b;tcp\r\n\r\n", false},
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        struct pass *p = fresh();
        struct sink s = {0};
        uint8_t out[512];
        struct buf b = buf_over(out, sizeof out);
        void *to;

        feed(p, SV(ONE), SIZE_MAX);
        feed(p, sv_from(rows[i].octets), SIZE_MAX);
        assert_false(pass_refusal(p, &b));
        assert_int_equal(drain(p, &s, SIZE_MAX, SIZE_MAX), -EPROTO);
        assert_sink(&s, SV(ONE)); /* what came before it counts */
        assert_int_equal(pass_refusal(p, &b), rows[i].answered);
        assert_int_equal(b.len > 0, rows[i].answered);
        assert_int_equal(pass_room(p, &to), 0);
        pass_source_lost(p);
        assert_int_equal(feed(p, SV(TWO), SIZE_MAX), strlen(TWO));
        assert_int_equal(drain(p, &s, SIZE_MAX, SIZE_MAX), 0);
        assert_int_equal(s.n, strlen(ONE TWO));
        free(s.p);
        pass_free(p);
    }
}

static void assert_whole_but_the_last(const struct sink *s)
{
    int got = 1;

    for (size_t at = 0; at < s->n && got == 1;) {
        struct msrp_frame f = {0};

        got = msrp_frame_scan(&f, s->p + at, s->n - at);
        assert_true(got >= 0);
        at += f.len;
    }
}

/* Anything in any order; each destination has whole chunks, but for the last one of a lost one. */
static void at_random(void **state)
{
    const struct sv some[] = {SV(ONE), SV(TWO), SV(ANSWER), SV(BODY("tlon", "0123456789012345678901234567890123456789\r\n-------tlon", "+"))};

    (void)state;
    srand(1);
    for (unsigned round = 0; round < 300; round++) {
        struct pass *p = fresh();
        struct sink s = {0};
        unsigned ended;
        struct sv chunk = some[0];
        size_t at = 0;

        for (unsigned i = 0; i < 200; i++) {
            switch (rand() % 12) {
            case 0:
                pass_source_lost(p);
                at = chunk.n;
                break;
            case 1:
                assert_whole_but_the_last(&s);
                pass_target_lost(p);
                s.n = 0;
                break;
            case 2:
            case 3:
            case 4:
                (void)drain(p, &s, 1 + (size_t)rand() % 50, (size_t)rand() % 200);
                break;
            default:
                if (at == chunk.n) {
                    chunk = some[rand() % 4];
                    at = 0;
                }
                at += feed(p, (struct sv){chunk.p + at, chunk.n - at}, 1 + (size_t)rand() % 60);
            }
        }
        pass_source_lost(p);
        for (unsigned i = 0; i < 3; i++)
            assert_int_equal(drain(p, &s, SIZE_MAX, SIZE_MAX), 0);
        whole(&s, &ended);
        assert_true(pass_is_between(p));
        free(s.p);
        pass_free(p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_they_were), cmocka_unit_test(however_long), cmocka_unit_test(source_lost),
        cmocka_unit_test(source_lost_in_a_full_buffer), cmocka_unit_test(target_lost), cmocka_unit_test(junk), cmocka_unit_test(at_random),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
