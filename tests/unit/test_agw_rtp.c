/* RTP as octets: real shapes, every truncation, extensions in both forms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "agw/media/rtp.h"

/* V=2, X, one CSRC, marker, payload type 111, one-octet extensions: id 1 = 0x8b, padding, id 4 = "0", id 15 ends; "speech" */
static const uint8_t one[] = {
    0x91, 0xef, 0x12, 0x34, 0x00, 0x01, 0x02, 0x03, 0xde, 0xad, 0xbe, 0xef, 0x00, 0x00, 0x00, 0x07,
    0xbe, 0xde, 0x00, 0x02, 0x10, 0x8b, 0x00, 0x40, 0x30, 0xf0, 0x50, 0x99,
    's',  'p',  'e',  'e',  'c',  'h',
};

/* two-octet form with appbits 3: id 20 empty, id 4 = "video"; padding of 3 */
static const uint8_t two[] = {
    0xb0, 0x60, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01,
    0x10, 0x03, 0x00, 0x03, 0x14, 0x00, 0x04, 0x05, 'v', 'i', 'd', 'e', 'o', 0x00, 0x00, 0x00,
    'x', 'y', 0x00, 0x00, 0x03,
};

static void parse_one(void **state)
{
    struct rtp r;

    (void)state;
    assert_int_equal(rtp_parse(&r, one, sizeof(one)), 0);
    assert_int_equal(r.pt, 111);
    assert_true(r.marker);
    assert_int_equal(r.seq, 0x1234);
    assert_int_equal(r.ts, 0x00010203);
    assert_int_equal(r.ssrc, 0xdeadbeef);
    assert_int_equal(r.header, 28);
    assert_int_equal(r.payload, 6);
    assert_int_equal(rtp_ext(&r, 1).n, 1);
    assert_int_equal((uint8_t)rtp_ext(&r, 1).p[0], 0x8b);
    assert_true(sv_is(rtp_ext(&r, 4), "0"));
    assert_int_equal(rtp_ext(&r, 5).n, 0); /* behind the end */
    assert_int_equal(rtp_ext(&r, 15).n, 0);
    assert_int_equal(rtp_ext(&r, 0).n, 0);
}

static void parse_two(void **state)
{
    struct rtp r;

    (void)state;
    assert_int_equal(rtp_parse(&r, two, sizeof(two)), 0);
    assert_int_equal(r.payload, 2);
    assert_true(sv_is(rtp_ext(&r, 4), "video"));
    assert_int_equal(rtp_ext(&r, 20).n, 0);
    assert_int_equal(rtp_ext(&r, 1).n, 0);
}

/* Every prefix in memory of its own: what is read beyond shows under ASan. */
static void cut_short(void **state)
{
    (void)state;
    for (size_t n = 0; n < sizeof(one); n++) {
        uint8_t *p = malloc(n ? n : 1);
        struct rtp r;

        memcpy(p, one, n);
        if (n < 28) {
            assert_int_not_equal(rtp_parse(&r, p, n), 0);
        } else {
            assert_int_equal(rtp_parse(&r, p, n), 0);
            assert_int_equal(r.payload, n - 28);
            for (unsigned id = 0; id < 256; id++)
                (void)rtp_ext(&r, id);
        }
        free(p);
    }
}

static void bad(void **state)
{
    uint8_t p[sizeof(two)];
    struct rtp r;

    (void)state;
    memcpy(p, two, sizeof(p));
    p[0] = 0x70; /* version 1 */
    assert_int_not_equal(rtp_parse(&r, p, sizeof(p)), 0);
    memcpy(p, two, sizeof(p));
    p[sizeof(p) - 1] = 0;
    assert_int_not_equal(rtp_parse(&r, p, sizeof(p)), 0);
    p[sizeof(p) - 1] = 6; /* the payload has 5 */
    assert_int_not_equal(rtp_parse(&r, p, sizeof(p)), 0);
    p[sizeof(p) - 1] = 5;
    assert_int_equal(rtp_parse(&r, p, sizeof(p)), 0);
    assert_int_equal(r.payload, 0);
    p[19] = 0xff; /* an element longer than the extension */
    assert_int_equal(rtp_parse(&r, p, sizeof(p)), 0);
    assert_int_equal(rtp_ext(&r, 4).n, 0);
}

static void strip(void **state)
{
    uint8_t p[sizeof(one)];
    struct rtp r, s;
    size_t away;

    (void)state;
    memcpy(p, one, sizeof(p));
    assert_int_equal(rtp_parse(&r, p, sizeof(p)), 0);
    away = rtp_strip_ext(p, &r);
    assert_int_equal(away, 12);
    assert_int_equal(rtp_parse(&s, p + away, sizeof(p) - away), 0);
    assert_null(s.ext);
    assert_int_equal(s.header, 16);
    assert_int_equal(s.seq, r.seq);
    assert_int_equal(s.ssrc, r.ssrc);
    assert_true(s.marker);
    assert_int_equal(p[away + 15], 7); /* the CSRC is still there */
    assert_memory_equal(p + away + s.header, "speech", 6);
    assert_int_equal(rtp_strip_ext(p + away, &s), 0);
    rtp_set_pt(p + away, 0);
    assert_int_equal(p[away + 1], 0x80);
}

static void which(void **state)
{
    (void)state;
    assert_true(rtp_is_rtcp((const uint8_t[]){0x80, 200}, 2));
    assert_true(rtp_is_rtcp((const uint8_t[]){0x80, 223}, 2));
    assert_false(rtp_is_rtcp((const uint8_t[]){0x80, 224}, 2));
    assert_false(rtp_is_rtcp((const uint8_t[]){0x80, 72}, 2));
    assert_false(rtp_is_rtcp((const uint8_t[]){0x80}, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parse_one), cmocka_unit_test(parse_two), cmocka_unit_test(cut_short),
        cmocka_unit_test(bad),       cmocka_unit_test(strip),     cmocka_unit_test(which),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
