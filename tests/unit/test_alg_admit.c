/* Which gateways may register (alg/iq/admit.h), and the table `gateways` of alg's configuration. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "alg/conf.h"
#include "alg/iq/admit.h"

static bool is_in(const struct admit *rows, unsigned n, const char *from, const char *mid)
{
    struct arena *a = arena_new(2048);
    struct h248_mid m;
    struct addr at;
    bool yes;

    assert_non_null(a);
    assert_int_equal(h248_mid_parse(a, sv_from(mid), &m), 0);
    assert_int_equal(addr_parse(&at, sv_from(from), 2944), 0);
    yes = admit_is_allowed(rows, n, &at, &m);
    arena_free(a);
    return yes;
}

static bool fits(const char *mid, const char *net, const char *from, const char *as)
{
    struct admit row = {0}, moved;

    assert_int_equal(admit_mid(&row, mid), 0);
    assert_int_equal(admit_from(&row, net), 0);
    moved = row;
    memset(&row, 'x', sizeof row);
    return is_in(&moved, 1, from, as);
}

static void test_mid(void **state)
{
    (void)state;
    assert_true(fits("*", "*", "192.0.2.1", "<anybody.example.net>"));
    assert_true(fits("agw1.example.net", "*", "192.0.2.1", "<AGW1.example.net>:2946"));
    assert_true(fits("<agw1.example.net>:2946", "*", "192.0.2.1", "<agw1.example.net>:2946"));
    assert_false(fits("<agw1.example.net>:2946", "*", "192.0.2.1", "<agw1.example.net>:2945"));
    assert_false(fits("agw1.example.net", "*", "192.0.2.1", "<agw1.example.net.evil.example>"));
    assert_false(fits("agw1.example.net", "*", "192.0.2.1", "<agw1>"));
    assert_true(fits("[192.0.2.1]:2944", "*", "192.0.2.1", "[192.0.2.1]:2944"));
    assert_false(fits("[192.0.2.1]:2944", "*", "192.0.2.1", "[192.0.2.2]:2944"));
    assert_false(fits("192.0.2.1", "*", "192.0.2.1", "[192.0.2.1]"));
}

static void test_from(void **state)
{
    (void)state;
    assert_true(fits("*", "192.0.2.1", "192.0.2.1", "<a.b>"));
    assert_false(fits("*", "192.0.2.1", "192.0.2.3", "<a.b>"));
    assert_true(fits("*", "192.0.2.0/24", "192.0.2.255", "<a.b>"));
    assert_false(fits("*", "192.0.2.0/24", "192.0.3.0", "<a.b>"));
    assert_true(fits("*", "192.0.2.64/26", "192.0.2.127", "<a.b>"));
    assert_false(fits("*", "192.0.2.64/26", "192.0.2.128", "<a.b>"));
    assert_false(fits("*", "192.0.2.64/26", "192.0.2.63", "<a.b>"));
    assert_true(fits("*", "0.0.0.0/0", "203.0.113.9", "<a.b>"));
    assert_false(fits("*", "0.0.0.0/0", "2001:db8::1", "<a.b>"));
    assert_true(fits("*", "2001:db8::/33", "2001:db8:7fff::1", "<a.b>"));
    assert_false(fits("*", "2001:db8::/33", "2001:db8:8000::1", "<a.b>"));
    assert_true(fits("*", "::1", "::1", "<a.b>"));
    assert_false(fits("*", "::1", "::2", "<a.b>"));
}

static void test_both_halves_of_one_row(void **state)
{
    struct admit rows[2] = {0};

    (void)state;
    assert_int_equal(admit_mid(&rows[0], "agw1.example.net"), 0);
    assert_int_equal(admit_from(&rows[0], "192.0.2.1"), 0);
    assert_int_equal(admit_mid(&rows[1], "agw2.example.net"), 0);
    assert_int_equal(admit_from(&rows[1], "192.0.2.2"), 0);
    assert_true(is_in(rows, 2, "192.0.2.1", "<agw1.example.net>"));
    assert_true(is_in(rows, 2, "192.0.2.2", "<agw2.example.net>"));
    assert_false(is_in(rows, 2, "192.0.2.2", "<agw1.example.net>"));
    assert_false(is_in(rows, 2, "192.0.2.1", "<agw2.example.net>"));
    assert_false(is_in(rows, 0, "192.0.2.1", "<agw1.example.net>"));
}

static void test_what_is_no_row(void **state)
{
    static const char *const mids[] = {"", "a b", "<agw1", "agw1>", "<a>:", "<a>:70000", "[192.0.2.300]", "ip/1", "<a> <b>"};
    static const char *const nets[] = {"", "here", "192.0.2.0/33", "192.0.2.0/", "192.0.2.0/-1", "192.0.2", "::/129",
                                       "192.0.2.1:2944"};
    struct admit row = {0};
    char longest[600];

    (void)state;
    for (unsigned i = 0; i < sizeof mids / sizeof *mids; i++)
        assert_int_not_equal(admit_mid(&row, mids[i]), 0);
    for (unsigned i = 0; i < sizeof nets / sizeof *nets; i++)
        assert_int_not_equal(admit_from(&row, nets[i]), 0);
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    assert_int_not_equal(admit_mid(&row, longest), 0);
}

/* --- configuration --- */

static int load(struct alg_conf *c, const char *yaml, char why[512])
{
    char path[] = "/tmp/test_alg_admit.XXXXXX";
    int fd = mkstemp(path), err;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, yaml, strlen(yaml)), (ssize_t)strlen(yaml));
    close(fd);
    err = alg_conf_load(c, path, why, 512);
    unlink(path);
    return err;
}

static void test_default_is_loopback(void **state)
{
    const struct alg_gateway_row *rows;
    struct admit read[4] = {0};
    struct alg_conf c;
    char why[512] = "";

    (void)state;
    assert_int_equal(load(&c, "log: info\n", why), 0);
    rows = c.gateways.v;
    assert_in_range(c.gateways.n, 1, 4);
    for (unsigned i = 0; i < c.gateways.n; i++) {
        assert_int_equal(admit_mid(&read[i], rows[i].mid), 0);
        assert_int_equal(admit_from(&read[i], rows[i].from), 0);
    }
    assert_true(is_in(read, c.gateways.n, "127.0.0.1", "<x.y>"));
    assert_true(is_in(read, c.gateways.n, "::1", "<x.y>"));
    assert_false(is_in(read, c.gateways.n, "192.0.2.1", "<x.y>"));
    alg_conf_free(&c);
}

static void test_mistakes_are_told_with_their_line(void **state)
{
    static const struct {
        const char *yaml, *says;
    } rows[] = {
        {"log: info\ngateways:\n  - {mid: agw1.example.net, from: 10.0.0.0/33}\n", ":3: from: "},
        {"gateways:\n  - {mid: \"a b\"}\n", ":2: mid: "},
        {"gateways: [agw1.example.net]\n", ":1: gateways: "},
        {"gateways: []\n", ": gateways: no gateway"},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct alg_conf c;
        char why[512] = "";

        assert_int_equal(load(&c, rows[i].yaml, why), -EINVAL);
        assert_non_null(strstr(why, rows[i].says));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mid),
        cmocka_unit_test(test_from),
        cmocka_unit_test(test_both_halves_of_one_row),
        cmocka_unit_test(test_what_is_no_row),
        cmocka_unit_test(test_default_is_loopback),
        cmocka_unit_test(test_mistakes_are_told_with_their_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
