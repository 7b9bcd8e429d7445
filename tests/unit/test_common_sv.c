#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "common/sv.h"

static void test_compare(void **state)
{
    (void)state;
    assert_true(sv_eq(SV("ab"), SV("ab")));
    assert_false(sv_eq(SV("ab"), SV("aB")));
    assert_true(sv_ieq(SV("aZ"), SV("Az")));
    assert_false(sv_ieq(SV("a["), SV("a{"))); /* only letters fold */
    assert_true(sv_eq(SV_NONE, SV("")));
    assert_true(sv_is(SV("x"), "x"));
    assert_true(sv_iis(SV("X"), "x"));
    assert_true(sv_starts(SV("path:x"), "path"));
    assert_false(sv_starts(SV("pa"), "path"));
    assert_true(sv_istarts(SV("PATH"), "path"));
}

static void test_cut(void **state)
{
    struct sv rest = SV("a:b:");

    (void)state;
    assert_true(sv_is(sv_cut(&rest, ':'), "a"));
    assert_true(sv_is(sv_cut(&rest, ':'), "b"));
    assert_non_null(rest.p); /* there was a separator: an empty piece follows */
    assert_int_equal(rest.n, 0);
    assert_int_equal(sv_cut(&rest, ':').n, 0);
    assert_null(rest.p);
}

static void test_word_line_trim(void **state)
{
    struct sv rest = SV("  one\t two "), lines = SV("a\r\nb\n\rc");

    (void)state;
    assert_true(sv_is(sv_word(&rest), "one"));
    assert_true(sv_is(sv_word(&rest), "two"));
    assert_int_equal(sv_word(&rest).n, 0);
    assert_true(sv_is(sv_line(&lines), "a"));
    assert_true(sv_is(sv_line(&lines), "b"));
    assert_true(sv_is(sv_line(&lines), ""));
    assert_true(sv_is(sv_line(&lines), "c"));
    assert_int_equal(lines.n, 0);
    assert_true(sv_is(sv_trim(SV(" \r\nx y\t\n")), "x y"));
    assert_int_equal(sv_trim(SV(" \t")).n, 0);
}

static void test_numbers(void **state)
{
    uint64_t v = 7;
    uint32_t w = 7;

    (void)state;
    assert_int_equal(sv_u64(SV("18446744073709551615"), UINT64_MAX, &v), 0);
    assert_true(v == UINT64_MAX);
    assert_int_equal(sv_u64(SV("18446744073709551616"), UINT64_MAX, &v), -ERANGE);
    assert_int_equal(sv_u32(SV("65536"), UINT16_MAX, &w), -ERANGE);
    assert_int_equal(sv_u32(SV(""), UINT16_MAX, &w), -EINVAL);
    assert_int_equal(sv_u32(SV("+1"), UINT16_MAX, &w), -EINVAL);
    assert_int_equal(sv_u32(SV("99999999999999999999x"), UINT16_MAX, &w), -EINVAL);
    assert_int_equal(w, 7); /* untouched by failures */
    assert_int_equal(sv_u32(SV("0042"), UINT16_MAX, &w), 0);
    assert_int_equal(w, 42);
}

static void test_copy(void **state)
{
    char out[4] = "zzz";

    (void)state;
    assert_int_equal(sv_copy(SV("abcdef"), out, sizeof out), 6);
    assert_string_equal(out, "abc");
    assert_int_equal(sv_copy(SV_NONE, out, sizeof out), 0);
    assert_string_equal(out, "");
    assert_int_equal(sv_copy(SV("ab"), NULL, 0), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_compare),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_word_line_trim),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_copy),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
