/* The deadline heap against a linear search, by a fixed pseudo-random run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "agw/media/due.h"

#define N 200

static msec_t least(const struct due_entry *e, const bool *in)
{
    msec_t at = MSEC_NEVER;

    for (int i = 0; i < N; i++)
        if (in[i] && e[i].at < at)
            at = e[i].at;
    return at;
}

static void agrees_with_a_search(void **state)
{
    static struct due_entry e[N];
    bool in[N] = {false};
    struct due d = {0};
    uint32_t seed = 1;

    (void)state;
    assert_null(due_first(&d));
    for (int step = 0; step < 20000; step++) {
        const uint32_t r = seed = seed * 1664525 + 1013904223;
        const unsigned i = (r >> 8) % N;

        if (!in[i]) {
            assert_int_equal(due_add(&d, &e[i]), 0);
            in[i] = true;
            due_set(&d, &e[i], (r >> 16) % 1000);
        } else if (r >> 28 < 3) {
            due_del(&d, &e[i]);
            in[i] = false;
        } else {
            due_set(&d, &e[i], r >> 28 < 5 ? MSEC_NEVER : (r >> 16) % 1000);
        }
        if (least(e, in) == MSEC_NEVER)
            assert_null(due_first(&d));
        else
            assert_true(due_first(&d)->at == least(e, in));
    }
    due_fini(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(agrees_with_a_search)};

    return cmocka_run_group_tests_name("agw/media/due", tests, NULL, NULL);
}
