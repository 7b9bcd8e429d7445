#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"

/* What `write_lines` puts on stderr, as text. */
static void capture(void (*write_lines)(void), char *out, size_t size)
{
    FILE *f = tmpfile();
    int saved = dup(STDERR_FILENO);
    size_t n;

    assert_non_null(f);
    dup2(fileno(f), STDERR_FILENO);
    write_lines();
    dup2(saved, STDERR_FILENO);
    close(saved);
    rewind(f);
    n = fread(out, 1, size - 1, f);
    out[n] = '\0';
    fclose(f);
}

static unsigned count_lines(const char *s)
{
    unsigned n = 0;

    for (; *s; s++)
        n += *s == '\n';
    return n;
}

static void three_levels(void)
{
    log_init(LOG_WARN);
    log_info("unit", "no=%d", 1);
    log_debug("unit", "no=%d", 2);
    log_warn("unit", "yes=%d", 3);
    log_error("unit", "yes=%s", "a\nE forged");
}

static void test_levels_one_line_each(void **state)
{
    char text[2048];

    (void)state;
    capture(three_levels, text, sizeof text);
    assert_int_equal(count_lines(text), 2);
    assert_non_null(strstr(text, " W unit yes=3\n"));
    assert_non_null(strstr(text, " E unit yes=a E forged\n")); /* a peer's line end forges no line */
    assert_null(strstr(text, "no="));
    assert_true(log_on(LOG_ERROR));
    assert_false(log_on(LOG_INFO));
}

static void flood(void)
{
    log_init(LOG_INFO);
    for (int i = 0; i < 2000; i++)
        log_warn("flood", "i=%d", i);
    log_error("flood", "msg=\"errors pass\"");
}

static void test_flood_is_limited(void **state)
{
    static char text[1 << 20];
    unsigned n;

    (void)state;
    capture(flood, text, sizeof text);
    n = count_lines(text);
    /* 200 a second; the flood may stretch over the turn of seconds on a slow machine */
    assert_in_range(n, 201, 1900);
    assert_non_null(strstr(text, "errors pass"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_levels_one_line_each),
        cmocka_unit_test(test_flood_is_limited),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
