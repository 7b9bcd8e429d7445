/* The E-model against figures of G.107 and G.113. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "agw/media/mos.h"

static void near(double a, double b, double by)
{
    if (a < b - by || a > b + by)
        fail_msg("%g is not %g", a, b);
}

static void clean(void **state)
{
    const struct mos_input in = {.clock = 8000};

    (void)state;
    near(mos_r(&in), 93.2, 0.01);
    near(mos_of(mos_r(&in)), 4.41, 0.01); /* G.107: the default parameters give 4.41 */
}

static void scale(void **state)
{
    (void)state; /* G.107 table B.1 */
    near(mos_of(90), 4.34, 0.01);
    near(mos_of(80), 4.03, 0.01);
    near(mos_of(70), 3.60, 0.01);
    near(mos_of(60), 3.10, 0.01);
    near(mos_of(50), 2.58, 0.01);
    near(mos_of(0), 1, 0);
    near(mos_of(-5), 1, 0);
    near(mos_of(3), 1, 0);
    near(mos_of(120), 4.5, 0);
}

static void worse(void **state)
{
    struct mos_input in = {.clock = 8000};
    double before = 100;

    (void)state;
    for (in.loss = 0; in.loss <= 1; in.loss += 0.05) {
        assert_true(mos_r(&in) < before);
        before = mos_r(&in);
    }
    in.loss = 0.05; /* 95 * 5 / (5 + 25.1) */
    near(mos_r(&in), 93.2 - 15.78, 0.01);
    in.loss = 0;
    in.delay_ms = 150;
    near(mos_r(&in), 93.2 - 3.6, 0.01);
    in.delay_ms = 400; /* beyond 177.3 ms it hurts five times as much */
    near(mos_r(&in), 93.2 - 9.6 - 24.497, 0.01);
    in.delay_ms = 100000;
    near(mos_r(&in), 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(clean), cmocka_unit_test(scale), cmocka_unit_test(worse)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
