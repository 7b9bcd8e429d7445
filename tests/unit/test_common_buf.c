#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "common/buf.h"
#include "common/enc.h"

static void test_write(void **state)
{
    uint8_t mem[15];
    struct buf b = buf_over(mem, sizeof mem);
    static const uint8_t want[] = {1, 2, 3, 4, 5, 6, 7, 0, 0, 0, 0, 0, 0, 0, 9};

    (void)state;
    buf_u8(&b, 1);
    buf_u16(&b, 0x0203);
    buf_u32(&b, 0x04050607);
    buf_u64(&b, 9);
    assert_int_equal(buf_err(&b), 0);
    assert_int_equal(b.len, sizeof want);
    assert_memory_equal(mem, want, sizeof want);
    buf_u8(&b, 1);
    assert_int_equal(buf_err(&b), -EMSGSIZE);
    assert_int_equal(b.len, sizeof want);
}

static void test_printf_fills_exactly(void **state)
{
    char mem[6] = "xxxxx!";
    struct buf b = buf_over(mem, 5);

    (void)state;
    buf_printf(&b, "%d", 123);
    buf_printf(&b, "%s", "ab"); /* no room for the NUL: still fits */
    assert_int_equal(buf_err(&b), 0);
    assert_true(sv_is(buf_sv(&b), "123ab"));
    assert_int_equal(mem[5], '!');
    buf_printf(&b, "c");
    assert_true(b.overflow);
    buf_str(&b, ""); /* the overflow is not forgotten */
    assert_int_equal(buf_err(&b), -EMSGSIZE);
}

static void test_no_memory_at_all(void **state)
{
    struct buf b = buf_over(NULL, 0);

    (void)state;
    buf_printf(&b, "%s", "");
    assert_int_equal(buf_err(&b), 0);
    buf_sv_put(&b, SV("x"));
    assert_int_equal(buf_err(&b), -EMSGSIZE);
}

static void test_read(void **state)
{
    static const uint8_t in[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    struct rd r = rd_over(in, sizeof in);

    (void)state;
    assert_int_equal(rd_u8(&r), 1);
    assert_int_equal(rd_u16(&r), 0x0203);
    assert_int_equal(rd_u32(&r), 0x04050607);
    assert_int_equal(rd_bytes(&r, 2).n, 2);
    assert_false(r.fault);
    assert_int_equal(rd_u16(&r), 0); /* one byte left */
    assert_true(r.fault);
    assert_int_equal(rd_u8(&r), 0); /* and no way back */
    assert_null(rd_bytes(&r, 0).p);
}

static void test_hex(void **state)
{
    static const uint8_t in[] = {0x00, 0xab, 0xff};
    char text[10];
    uint8_t out[3];

    (void)state;
    enc_hex(in, sizeof in, ':', text);
    assert_string_equal(text, "00:AB:FF");
    assert_int_equal(enc_unhex(sv_from(text), out, sizeof out), 3);
    assert_memory_equal(in, out, 3);
    assert_int_equal(enc_unhex(SV("00abFF"), out, sizeof out), 3);
    assert_int_equal(enc_unhex(SV("00abFF01"), out, sizeof out), -EMSGSIZE);
    assert_int_equal(enc_unhex(SV("0"), out, sizeof out), -EINVAL);
    assert_int_equal(enc_unhex(SV(":00"), out, sizeof out), -EINVAL);
    assert_int_equal(enc_unhex(SV("00:"), out, sizeof out), -EINVAL);
    assert_int_equal(enc_unhex(SV("00::11"), out, sizeof out), -EINVAL);
    assert_int_equal(enc_unhex(SV("0g"), out, sizeof out), -EINVAL);
}

static void test_utf8(void **state)
{
    (void)state;
    assert_true(enc_is_utf8("", 0));
    assert_true(enc_is_utf8("a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", 10));
    assert_false(enc_is_utf8("\xc0\xaf", 2));         /* overlong */
    assert_false(enc_is_utf8("\xe0\x9f\xbf", 3));     /* overlong */
    assert_false(enc_is_utf8("\xed\xa0\x80", 3));     /* surrogate */
    assert_false(enc_is_utf8("\xf4\x90\x80\x80", 4)); /* beyond U+10FFFF */
    assert_false(enc_is_utf8("\xe2\x82", 2));         /* cut */
    assert_false(enc_is_utf8("\x80", 1));
    assert_false(enc_is_utf8("\xff", 1));
}

static void test_base64(void **state)
{
    static const struct {
        const char *plain, *text;
    } rows[] = {{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="},
                {"foobar", "Zm9vYmFy"}, {"\xfb\xff", "+/8="}}; /* RFC 4648 10, and the last two digits */
    char out[32];

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        const size_t n = strlen(rows[i].plain);

        enc_base64(rows[i].plain, n, out);
        assert_string_equal(out, rows[i].text);
        assert_int_equal(enc_unbase64(sv_from(rows[i].text), out, sizeof out), n);
        assert_memory_equal(out, rows[i].plain, n);
    }
    assert_int_equal(enc_unbase64(SV("Zm9vYg"), out, sizeof out), 4); /* without padding */
    assert_int_equal(enc_unbase64(SV("Zm 9v"), out, sizeof out), -EINVAL);
    assert_int_equal(enc_unbase64(SV("Zm9vYmFy"), out, 5), -EMSGSIZE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_base64),
        cmocka_unit_test(test_write),
        cmocka_unit_test(test_printf_fills_exactly),
        cmocka_unit_test(test_no_memory_at_all),
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_hex),
        cmocka_unit_test(test_utf8),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
