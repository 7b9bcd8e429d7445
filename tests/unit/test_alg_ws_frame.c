/* RFC 6455 5: frames of a client, whole and in every cut; what a server must refuse. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "alg/sip/ws_frame.h"

#define MAX 1000

struct heard {
    char text[8192]; /* "<op>:<payload>;" for each, "!<code>" for a refusal */
    const char *why;
};

/* In pieces of `step` octets, each in memory of its own so that a look beyond it is seen. */
static void hear(struct heard *h, const char *p, size_t n, size_t step)
{
    struct ws_rx rx = {.max = MAX};
    struct ws_got got = {0};
    int r = 0;

    *h = (struct heard){0};
    for (size_t at = 0; at < n && r >= 0; at += step) {
        size_t some = n - at < step ? n - at : step;
        char *piece = malloc(some);
        struct sv rest = {piece, some};

        memcpy(piece, p + at, some);
        while ((r = ws_rx_input(&rx, &rest, &got)) > 0)
            snprintf(h->text + strlen(h->text), sizeof h->text - strlen(h->text), "%x:%.*s;", got.op, SV_ARG(got.data));
        free(piece);
    }
    if (r < 0) {
        snprintf(h->text + strlen(h->text), sizeof h->text - strlen(h->text), "!%u", got.code);
        h->why = got.why;
    }
    ws_rx_fini(&rx);
}

/* first, payload, as a client sends it; returns the octets put */
static size_t put(char *to, unsigned first, const char *payload, size_t n)
{
    unsigned char head[WS_HEAD_MAX];
    size_t k = ws_head(head, WS_TEXT, n);

    head[0] = (unsigned char)first;
    head[1] |= 0x80;
    memcpy(to, head, k);
    memcpy(to + k, "\x11\x22\x33\x44", 4);
    for (size_t i = 0; i < n; i++)
        to[k + 4 + i] = (char)(payload[i] ^ "\x11\x22\x33\x44"[i & 3]);
    return k + 4 + n;
}

static void test_good(void **state)
{
    static char long_text[901], in[4096], want[4096];
    struct heard h;
    size_t n = 0;

    (void)state;
    memset(long_text, 'x', 900);
    n += put(in + n, 0x81, "whole", 5);
    n += put(in + n, 0x01, "fr", 2);
    n += put(in + n, 0x89, "ping", 4);
    n += put(in + n, 0x00, "ag", 2);
    n += put(in + n, 0x80, "ment", 4);
    n += put(in + n, 0x82, "\xff", 1);
    n += put(in + n, 0x81, "", 0);
    n += put(in + n, 0x8a, "", 0);
    n += put(in + n, 0x81, long_text, 900);
    n += put(in + n, 0x88, "\x03\xe8", 2);
    snprintf(want, sizeof want, "1:whole;9:ping;1:fragment;2:\xff;1:;a:;1:%s;8:\x03\xe8;", long_text);
    for (size_t step = 1; step <= n; step += step < 20 ? 1 : 97) {
        hear(&h, in, n, step);
        assert_string_equal(h.text, want);
    }
}

static void test_refused(void **state)
{
    static const struct {
        const char *in;
        size_t n;
        const char *want, *why;
    } rows[] = {
#define ROW(bytes, want, why) {bytes, sizeof(bytes) - 1, want, why}
        ROW("\x81\x05hello", "!1002", "frame not masked"),
        ROW("\x81", "", NULL), ROW("\x81\x05", "!1002", "frame not masked"), /* at once, not when it is whole */
        ROW("\x01\x80kkkk\x80\x01x", "!1002", "frame not masked"),
        ROW("\x89\x01x", "!1002", "frame not masked"), ROW("\x8a\x00", "!1002", "frame not masked"),
        ROW("\x88\x02\x03\xe8", "!1002", "frame not masked"), ROW("\x82\x7e\x01\x00", "!1002", "frame not masked"),
        ROW("\xc1", "!1002", "reserved bit set"), ROW("\xa1", "!1002", "reserved bit set"), ROW("\x91", "!1002", "reserved bit set"),
        ROW("\x83", "!1002", "reserved opcode"), ROW("\x8b", "!1002", "reserved opcode"), ROW("\x8f", "!1002", "reserved opcode"),
        ROW("\x09", "!1002", "fragmented control frame"), ROW("\x89\xfe", "!1002", "control frame too long"),
        ROW("\x80", "!1002", "continuation of nothing"), ROW("\x01\x80kkkk\x81", "!1002", "message inside a message"),
        ROW("\x82\xff\x80\0\0\0\0\0\0\0kkkk", "!1002", "length over 63 bits"),
        ROW("\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xffkkkk", "!1009", "message too big"),
        ROW("\x82\xff\0\0\0\0\xf0\0\0\0kkkk", "!1009", "message too big"), ROW("\x82\xfe\x03\xe9kkkk", "!1009", "message too big"),
        ROW("\x81\x81\0\0\0\0\xff", "!1007", "not UTF-8"), ROW("\x88\x81\0\0\0\0\x03", "!1002", "Close with half a code"),
        ROW("\x88\x82\0\0\0\0\x03\xed", "!1002", "Close with a code that is none"),
        ROW("\x88\x82\0\0\0\0\x00\x01", "!1002", "Close with a code that is none"),
        ROW("\x88\x83\0\0\0\0\x03\xe8\xff", "!1007", "not UTF-8"),
    };
    struct heard h;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (size_t step = 1; step < 16; step++) {
            hear(&h, rows[i].in, rows[i].n, step);
            if (strcmp(h.text, rows[i].want) != 0)
                fail_msg("row %zu in steps of %zu: %s", i, step, h.text);
            assert_true(h.why == rows[i].why || !strcmp(h.why, rows[i].why));
        }
}

/* Fragments add up: none is too long, the message is. */
static void test_limit(void **state)
{
    static char in[8192], half[MAX];
    struct heard h;
    size_t n = put(in, 0x01, half, MAX / 2), whole;

    (void)state;
    memset(half, 'y', sizeof half);
    n = put(in, 0x01, half, MAX / 2);
    whole = n + put(in + n, 0x80, half, MAX / 2);
    hear(&h, in, whole, whole);
    assert_int_equal(strlen(h.text), MAX + 3);
    n += put(in + n, 0x00, half, MAX / 2);
    n += put(in + n, 0x80, "z", 1);
    hear(&h, in, n, n);
    assert_string_equal(h.text, "!1009");
}

/* Whatever comes, octets are taken or refused, and nothing is read or kept beyond its bounds (sanitizers look on). */
static void test_noise(void **state)
{
    struct heard h;
    char in[300];

    (void)state;
    srand(7);
    for (int i = 0; i < 20000; i++) {
        size_t n = put(in, (unsigned)(rand() % 3 ? 0x80 + rand() % 16 : rand() % 256), "seed", (size_t)(rand() % 5));

        n += put(in + n, (unsigned)rand() % 256, "more", 4);
        for (int k = rand() % 4; k; k--)
            in[(size_t)rand() % n] = (char)rand();
        hear(&h, in, n, 1 + (size_t)(rand() % 9));
    }
}

static void test_head(void **state)
{
    unsigned char out[WS_HEAD_MAX];

    (void)state;
    assert_int_equal(ws_head(out, WS_PONG, 125), 2);
    assert_memory_equal(out, "\x8a\x7d", 2);
    assert_int_equal(ws_head(out, WS_TEXT, 126), 4);
    assert_memory_equal(out, "\x81\x7e\x00\x7e", 4);
    assert_int_equal(ws_head(out, WS_BINARY, 65535), 4);
    assert_int_equal(ws_head(out, WS_BINARY, 65536), 10);
    assert_memory_equal(out, "\x82\x7f\0\0\0\0\0\1\0\0", 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_good), cmocka_unit_test(test_refused), cmocka_unit_test(test_limit),
                                       cmocka_unit_test(test_noise), cmocka_unit_test(test_head)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
