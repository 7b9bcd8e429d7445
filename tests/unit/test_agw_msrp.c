/* MSRP framing: every split position, end lines that are none, limits, answers, pieces. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "agw/data/data_limits.h"
#include "agw/data/msrp.h"

#define PATHS "To-Path: msrps://b.example:7654/jshA7weztas;tcp\r\nFrom-Path: msrps://a.example:7777/iau39soe2843z;tcp\r\n"

/* Chunks with the octets of their bodies; RFC 4975 examples and odd ones. */
static const struct {
    const char *text;
    size_t body;
    char flag;
} good[] = {
    {"MSRP a786hjs2 SEND\r\n" PATHS "Message-ID: 87652491\r\nByte-Range: 1-25/25\r\nContent-Type: text/plain\r\n\r\n"
     "Hey Bob, are you there?!!\r\n-------a786hjs2$\r\n", 25, '$'},
    {"MSRP a786hjs2 200 OK\r\n" PATHS "-------a786hjs2$\r\n", 0, '$'},
    {"MSRP a786hjs2 200\r\n" PATHS "-------a786hjs2$\r\n", 0, '$'},
    {"MSRP d93kswow SEND\r\n" PATHS "Message-ID: 12339sdqwer\r\n-------d93kswow$\r\n", 0, '$'}, /* to open a session */
    {"MSRP dsd82324 REPORT\r\n" PATHS "Message-ID: 12339sdqwer\r\nByte-Range: 1-39/39\r\nStatus: 000 200 OK\r\n"
     "-------dsd82324$\r\n", 0, '$'},
    {"MSRP d93k SEND\r\n" PATHS "Message-ID: 12\r\nByte-Range: 1-*/*\r\nContent-Type: text/plain\r\n\r\n"
     "one\r\n-------d93x$\r\n-------d93k\r\n-------d93k!\r\n-------d93k$x\r\n\r\n-------d93k+\r\n", 61, '+'},
    {"MSRP d93k SEND\r\n" PATHS "Message-ID: 12\r\nContent-Type: text/plain\r\n\r\n\r\n-------d93k#\r\n", 0, '#'},
    {"MSRP d93k SEND\r\n" PATHS "Message-ID: 12\r\nContent-Type: text/plain\r\n\r\n-------d93k$\r\n", 0, '$'},
    {"MSRP d93k SEND\r\n" PATHS "Message-ID: 12\r\nContent-Type: text/plain\r\n\r\n\r\n\r\n-------d93k$\r\n", 2, '$'},
};

static void test_every_split(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        const size_t n = strlen(good[i].text), more = 20;
        char *p = malloc(n + more);

        memcpy(p, good[i].text, n);
        memcpy(p + n, "MSRP next SEND\r\nTo-Pat", more); /* what follows is not looked at */
        for (size_t cut = 0; cut <= n; cut++) {
            struct msrp_frame f = {0};
            char *exact = malloc(cut ? cut : 1); /* so that a read too far is seen */

            memcpy(exact, p, cut);
            assert_int_equal(msrp_frame_scan(&f, exact, cut), cut == n);
            assert_true(f.state == MSRP_DONE || f.head_len == 0 || f.head_len + msrp_body_safe(&f, cut) <= cut);
            free(exact);
            assert_int_equal(msrp_frame_scan(&f, p, n + more), 1);
            assert_int_equal(f.len, n);
            assert_int_equal(f.body_len, good[i].body);
            assert_int_equal(f.flag, good[i].flag);
        }
        for (struct msrp_frame f = {0}; f.state != MSRP_DONE;) /* octet by octet */
            for (size_t k = 1; k <= n; k++)
                assert_int_equal(msrp_frame_scan(&f, p, k), k == n);
        free(p);
    }
}

static int scan(const char *text)
{
    struct msrp_frame f = {0};

    return msrp_frame_scan(&f, text, strlen(text));
}

static void test_bad(void **state)
{
    static const char *const bad[] = {
        "GET / HTTP/1.1\r\n",
        "X",
        "MSRP abc SEND\r\n",                                   /* transaction id too short */
        "MSRP abc_d SEND\r\n",
        "MSRP -abcd SEND\r\n",
        "MSRP a23456789012345678901234567890123 SEND\r\n",     /* 33 */
        "MSRP abcd send\r\n",
        "MSRP abcd SEND now\r\n",
        "MSRP abcd 099 x\r\n",
        "MSRP abcd\r\n",
        "MSRP abcd SEND\r\n\r\n",
        "MSRP abcd SEND\r\n-------abcd$\r\n",
        "MSRP abcd SEND\r\nFrom-Path: msrp://a:1/x;tcp\r\nTo-Path: msrp://a:1/x;tcp\r\nMessage-ID: 1\r\n\r\n",
        "MSRP abcd SEND\r\nTo-Path: http://a\r\nFrom-Path: msrp://a:1/x;tcp\r\nMessage-ID: 1\r\n\r\n",
        "MSRP abcd SEND\r\nTo-Path:\r\nFrom-Path: msrp://a:1/x;tcp\r\nMessage-ID: 1\r\n\r\n",
        "MSRP abcd SEND\r\n" PATHS "\r\n",                     /* no Message-ID */
        "MSRP abcd SEND\r\n" PATHS "Message-ID: 1\r\nno colon\r\n\r\n",
        "MSRP abcd SEND\r\n" PATHS "Message-ID: 1\r\nX: a\nb\r\n",
        "MSRP abcd SEND\r\n" PATHS "Message-ID: 1\r\nByte-Range: 0-1/1\r\n\r\n",
        "MSRP abcd SEND\r\n" PATHS "Message-ID: 1\r\nByte-Range: 1-x/1\r\n\r\n",
        "MSRP abcd SEND\r\n" PATHS "Message-ID: 1\r\nByte-Range: 99999999999999999999-*/*\r\n\r\n",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (scan(bad[i]) != -EPROTO)
            fail_msg("taken: %s", bad[i]);
}

static void test_limits(void **state)
{
    static const char head[] = "MSRP abcd SEND\r\n" PATHS "Message-ID: 1\r\n";
    size_t size = 2 * MSRP_HEAD_MAX, n;
    char *p = malloc(size);
    struct msrp_frame f = {0};

    (void)state;
    n = (size_t)snprintf(p, size, "%s", head);
    memset(p + n, 'x', MSRP_LINE_MAX + 2); /* a line without end */
    assert_int_equal(msrp_frame_scan(&f, p, n + MSRP_LINE_MAX), 0);
    assert_int_equal(msrp_frame_scan(&f, p, n + MSRP_LINE_MAX + 1), -EPROTO);
    for (unsigned i = 0; i <= MSRP_HEADERS_MAX; i++)
        n += (size_t)snprintf(p + n, size - n, "H: %u\r\n", i);
    f = (struct msrp_frame){0};
    assert_int_equal(msrp_frame_scan(&f, p, n), -EPROTO);
    for (n = strlen(head); n < MSRP_HEAD_MAX + 10; n += 402) { /* long lines, few */
        memset(p + n, 'y', 400);
        memcpy(p + n, "X: ", 3);
        memcpy(p + n + 400, "\r\n", 2);
    }
    f = (struct msrp_frame){0};
    assert_int_equal(msrp_frame_scan(&f, p, n), -EPROTO);
    free(p);
}

static void test_head(void **state)
{
    struct msrp_head h;

    (void)state;
    assert_int_equal(msrp_head_parse(&h, SV("MSRP abcd SEND\r\n" PATHS "Message-ID: id1\r\nByte-Range: 5-*/90\r\n"
                                            "Failure-Report: no\r\n\r\n")), 0);
    assert_true(sv_is(h.tid, "abcd") && msrp_is(&h, "SEND") && sv_is(h.message_id, "id1"));
    assert_true(sv_is(h.failure_report, "no"));
    assert_true(h.has_range && h.start == 5 && h.end == MSRP_ANY && h.total == 90);
    assert_int_equal(msrp_head_parse(&h, SV("MSRP abcd 481 gone\r\n" PATHS)), 0);
    assert_int_equal(h.code, 481);
    assert_int_equal(h.method.n, 0);
}

static void test_answer(void **state)
{
    uint8_t p[1000];
    struct buf out = buf_over(p, sizeof p);
    struct msrp_head h;
    static const char want[] = "MSRP abcd 400 Bad Request\r\nTo-Path: msrp://r:2/y;tcp\r\nFrom-Path: msrp://b:1/x;tcp\r\n"
                               "-------abcd$\r\n";

    (void)state;
    msrp_head_parse(&h, SV("MSRP abcd SEND\r\nTo-Path: msrp://b:1/x;tcp msrp://c:1/z;tcp\r\n"
                           "From-Path: msrp://r:2/y;tcp msrp://a:1/w;tcp\r\n\r\n"));
    assert_true(msrp_answer(&h, 400, "Bad Request", &out));
    assert_int_equal(out.len, sizeof want - 1);
    assert_memory_equal(p, want, out.len);
    h.failure_report = SV("no");
    assert_false(msrp_answer(&h, 400, "x", &out));
    h.failure_report = SV("partial");
    assert_false(msrp_answer(&h, 200, "OK", &out));
    h.failure_report = SV_NONE;
    h.method = SV("REPORT"); /* RFC 4975 7.1.2: never answered */
    assert_false(msrp_answer(&h, 400, "x", &out));
    msrp_head_parse(&h, SV("MSRP abcd 400 x\r\n" PATHS));
    assert_false(msrp_answer(&h, 400, "x", &out));
}

static void test_piece_head(void **state)
{
    char p[1000];
    struct buf out = buf_over(p, sizeof p);

    (void)state;
    msrp_piece_head(SV("MSRP abcd SEND\r\n" PATHS "Message-ID: 1\r\nContent-Type: a/b\r\n\r\n"), SV("newid"), 7, 9,
                    MSRP_ANY, &out);
    assert_true(sv_is((struct sv){p, out.len}, "MSRP newid SEND\r\n" PATHS "Byte-Range: 7-9/*\r\nMessage-ID: 1\r\n"
                                               "Content-Type: a/b\r\n\r\n"));
    out.len = 0;
    msrp_piece_head(SV("MSRP abcd SEND\r\n" PATHS "Message-ID: 1\r\nByte-Range: 1-9/20\r\nX: y\r\n\r\n"), SV("newid"), 3, 4,
                    20, &out);
    assert_true(sv_is((struct sv){p, out.len}, "MSRP newid SEND\r\n" PATHS "Message-ID: 1\r\nByte-Range: 3-4/20\r\n"
                                               "X: y\r\n\r\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_split), cmocka_unit_test(test_bad), cmocka_unit_test(test_limits),
        cmocka_unit_test(test_head), cmocka_unit_test(test_answer), cmocka_unit_test(test_piece_head),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
