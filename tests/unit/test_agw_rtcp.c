/* RTCP compounds as octets: what is taken, what not, and what we write. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "agw/media/rtcp.h"

/* SR with a block, SDES with CNAME "ab" and MID "1", BYE */
static const uint8_t whole[] = {
    0x81, 200, 0, 12, 0, 0, 0, 1, 0xe0, 1, 2, 3, 4, 5, 6, 7, 0, 0, 0, 9, 0, 0, 0, 50, 0, 0, 31, 64,
    0, 0, 0, 2, 16, 0xff, 0xff, 0xfe, 0, 1, 0, 5, 0, 0, 0, 80, 1, 2, 3, 4, 0, 1, 0, 0,
    0x81, 202, 0, 3, 0, 0, 0, 1, 1, 2, 'a', 'b', 15, 1, '1', 0,
    0x81, 203, 0, 1, 0, 0, 0, 1,
};

static void walk(void **state)
{
    struct rtcp_block b;
    struct rtcp r;
    struct sv mid;
    uint32_t ssrc;
    size_t at = 0, chunk = 0;

    (void)state;
    assert_int_equal(rtcp_check(whole, sizeof(whole), false), 0);
    assert_true(rtcp_next(&r, whole, sizeof(whole), &at));
    assert_int_equal(r.type, RTCP_SR);
    assert_int_equal(rtcp_sender(&r), 1);
    assert_int_equal(rtcp_u32(&r, 20), 50);
    rtcp_block_get(&b, rtcp_block_at(&r, 0));
    assert_int_equal(b.ssrc, 2);
    assert_int_equal(b.fraction, 16);
    assert_int_equal(b.lost, -2); /* duplicates: 24 bits with sign */
    assert_int_equal(b.seq, 0x10005);
    assert_int_equal(b.jitter, 80);
    assert_int_equal(b.lsr, 0x01020304);
    assert_int_equal(b.dlsr, 65536);
    assert_true(rtcp_next(&r, whole, sizeof(whole), &at));
    assert_int_equal(r.type, RTCP_SDES);
    assert_true(rtcp_chunk(&r, &chunk, &ssrc, &mid));
    assert_int_equal(ssrc, 1);
    assert_true(sv_is(mid, "1"));
    assert_true(rtcp_next(&r, whole, sizeof(whole), &at));
    assert_int_equal(r.type, RTCP_BYE);
    assert_false(rtcp_next(&r, whole, sizeof(whole), &at));
}

static void cut_short(void **state)
{
    (void)state;
    for (size_t n = 0; n < sizeof(whole); n++) {
        uint8_t *p = malloc(n ? n : 1);
        const bool fits = n == 52 || n == 68;

        memcpy(p, whole, n);
        assert_int_equal(rtcp_check(p, n, false) == 0, fits);
        free(p);
    }
}

static void twisted(void **state)
{
    uint8_t p[sizeof(whole)];

    (void)state;
    memcpy(p, whole, sizeof(p));
    p[0] = 0x82; /* two blocks, one is there */
    assert_int_not_equal(rtcp_check(p, sizeof(p), false), 0);
    memcpy(p, whole, sizeof(p));
    p[52] = 0x41; /* version 1 in the second */
    assert_int_not_equal(rtcp_check(p, sizeof(p), false), 0);
    memcpy(p, whole, sizeof(p));
    p[61] = 200; /* an item longer than its packet */
    assert_int_not_equal(rtcp_check(p, sizeof(p), false), 0);
    memcpy(p, whole, sizeof(p));
    p[68] = 0x9f; /* 31 sources, one is there */
    assert_int_not_equal(rtcp_check(p, sizeof(p), false), 0);
    memcpy(p, whole, sizeof(p));
    p[0] |= 0x20; /* padding before the last packet */
    assert_int_not_equal(rtcp_check(p, sizeof(p), false), 0);
}

static void padding(void **state)
{
    static const uint8_t pad4[] = {0x80, 201, 0, 1, 0, 0, 0, 1, 0xa1, 203, 0, 2, 0, 0, 0, 1, 0, 0, 0, 4};
    uint8_t p[sizeof(pad4)];
    struct rtcp r;
    size_t at = 8;

    (void)state;
    assert_int_equal(rtcp_check(pad4, sizeof(pad4), false), 0);
    assert_true(rtcp_next(&r, pad4, sizeof(pad4), &at));
    assert_int_equal(r.n, 8);
    memcpy(p, pad4, sizeof(p));
    for (unsigned v = 0; v < 256; v++) {
        p[sizeof(p) - 1] = (uint8_t)v;
        assert_int_equal(rtcp_check(p, sizeof(p), false) == 0, v == 4); /* 8: the SSRC would be padding */
    }
}

/* RFC 5506: feedback alone, for those who agreed on it */
static void reduced(void **state)
{
    static const uint8_t pli[] = {0x81, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2};

    (void)state;
    assert_int_equal(rtcp_check(pli, sizeof(pli), true), 0);
    assert_int_not_equal(rtcp_check(pli, sizeof(pli), false), 0);
    assert_int_not_equal(rtcp_check(pli, 8, true), 0);
}

static void write_and_read(void **state)
{
    const struct rtcp_block in = {.ssrc = 7, .fraction = 3, .lost = -5, .seq = 1, .jitter = 2, .lsr = 3, .dlsr = 4};
    struct rtcp_block out = {0};
    uint8_t mem[128];
    struct buf b = buf_over(mem, sizeof(mem));
    struct rtcp r;
    size_t at;

    (void)state;
    at = rtcp_begin(&b, RTCP_RR);
    buf_u32(&b, 9);
    rtcp_put_block(&b, &in);
    rtcp_end(&b, at, 1);
    for (size_t n = 0; n < 5; n++) { /* every alignment of the chunk's end */
        at = rtcp_begin(&b, RTCP_SDES);
        rtcp_put_cname(&b, 9, (struct sv){"abcde", n});
        rtcp_end(&b, at, 1);
    }
    assert_false(b.overflow);
    assert_int_equal(rtcp_check(mem, b.len, false), 0);
    at = 0;
    assert_true(rtcp_next(&r, mem, b.len, &at));
    rtcp_block_get(&out, rtcp_block_at(&r, 0));
    assert_memory_equal(&in, &out, sizeof(in));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(walk),    cmocka_unit_test(cut_short), cmocka_unit_test(twisted),
        cmocka_unit_test(padding), cmocka_unit_test(reduced),   cmocka_unit_test(write_and_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
