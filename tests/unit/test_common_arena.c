#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdalign.h>

#include "common/arena.h"
#include "common/count.h"
#include "common/rnd.h"

static void test_limit_and_reset(void **state)
{
    struct arena *a = arena_new(10000);
    void *first = arena_alloc(a, 100);

    (void)state;
    assert_non_null(first);
    assert_non_null(arena_alloc(a, 9000)); /* larger than a block */
    assert_null(arena_alloc(a, 2000));
    assert_null(arena_alloc(a, SIZE_MAX));
    assert_in_range(arena_used(a), 9100, 10000);
    arena_reset(a);
    assert_int_equal(arena_used(a), 0);
    assert_ptr_equal(arena_alloc(a, 100), first);
    arena_free(a);
    arena_free(NULL);
}

static void test_zeroed_and_aligned(void **state)
{
    struct arena *a = arena_new(100000);

    (void)state;
    for (int round = 0; round < 2; round++) {
        for (size_t n = 0; n < 100; n++) {
            uint8_t *p = arena_alloc(a, n);

            assert_non_null(p);
            assert_int_equal((uintptr_t)p % alignof(max_align_t), 0);
            for (size_t i = 0; i < n; i++) {
                assert_int_equal(p[i], 0);
                p[i] = 0xff;
            }
        }
        arena_reset(a);
    }
    arena_free(a);
}

static void test_text(void **state)
{
    struct arena *a = arena_new(64);
    struct sv v = arena_sv(a, SV("abc"));

    (void)state;
    assert_true(sv_is(v, "abc"));
    assert_int_equal(v.p[3], '\0');
    assert_string_equal(arena_printf(a, "%d-%s", 7, "x"), "7-x");
    assert_null(arena_printf(a, "%64s", "too long"));
    assert_null(arena_sv(a, (struct sv){"x", 1000}).p);
    arena_free(a);
}

static void test_random_text(void **state)
{
    char one[65], two[65];
    unsigned seen[256] = {0}, kinds = 0;

    (void)state;
    rnd_text(one, 64);
    rnd_text(two, 64);
    assert_int_equal(strlen(one), 64);
    assert_string_not_equal(one, two);
    for (int i = 0; i < 200; i++) {
        rnd_text(one, 64);
        for (char *c = one; *c; c++) {
            assert_true((*c >= '0' && *c <= '9') || (*c >= 'A' && *c <= 'Z') ||
                        (*c >= 'a' && *c <= 'z'));
            kinds += seen[(unsigned char)*c]++ == 0;
        }
    }
    assert_int_equal(kinds, 62);
    assert_true(rnd_u64() != rnd_u64());
}

static void test_counters(void **state)
{
    static const struct count_def defs[] = {{"agw_calls_total", "Calls.", false},
                                            {"agw_contexts", "Contexts now.", true}};
    count_t values[2] = {0};
    char text[256];
    struct buf out = buf_over(text, sizeof text);

    (void)state;
    count_add(&values[0], 3);
    count_add(&values[1], 1);
    count_add(&values[1], -2);
    count_print(defs, values, 2, &out);
    assert_true(sv_is(buf_sv(&out), "# HELP agw_calls_total Calls.\n# TYPE agw_calls_total counter\n"
                                    "agw_calls_total 3\n# HELP agw_contexts Contexts now.\n"
                                    "# TYPE agw_contexts gauge\nagw_contexts -1\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limit_and_reset), cmocka_unit_test(test_zeroed_and_aligned),
        cmocka_unit_test(test_text),            cmocka_unit_test(test_random_text),
        cmocka_unit_test(test_counters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
