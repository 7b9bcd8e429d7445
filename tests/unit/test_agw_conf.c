/* agw's configuration: defaults, and what is refused with which words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agw/conf.h"
#include "common/conf_value.h"

static int load(struct agw_conf *c, const char *yaml, char why[512])
{
    char path[] = "/tmp/test_agw_conf.XXXXXX";
    int fd = mkstemp(path), err;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, yaml, strlen(yaml)), (ssize_t)strlen(yaml));
    close(fd);
    err = agw_conf_load(c, path, why, 512);
    unlink(path);
    return err;
}

static void test_defaults(void **state)
{
    struct agw_conf c;
    char why[512] = "";
    struct addr a;
    char text[ADDR_STRLEN];
    const struct agw_realm_row *r;

    (void)state;
    assert_int_equal(agw_conf_load(&c, NULL, why, sizeof why), 0);
    assert_int_equal(c.mgc.n, 1);
    assert_int_equal(conf_udp(c.mgc.v[0], &a), 0);
    assert_string_equal(addr_str(&a, text), "127.0.0.1:2944");
    assert_int_equal(conf_udp(c.listen, &a), 0);
    assert_int_not_equal(addr_port(&a), 2944);
    assert_int_not_equal(addr_port(&a), 2945);
    assert_int_equal(c.realms.n, 2);
    r = c.realms.v;
    assert_string_equal(r[0].interface, "core");
    assert_string_equal(r[1].name, "access.example.net");
    for (unsigned i = 0; i < c.realms.n; i++) { /* the kernel gives away 32768 and up on its own */
        uint16_t lo, hi;

        assert_int_equal(agw_conf_ports(r[i].ports, &lo, &hi), 0);
        assert_true(hi < 32768 && lo % 2 == 0);
    }
    assert_true(agw_conf_workers(&c) >= 1);
    agw_conf_free(&c);
}

static void test_refused(void **state)
{
    static const struct {
        const char *yaml, *says;
    } rows[] = {
        {"mgc: [\"127.0.0.1\"]\n", "udp:HOST:PORT"},
        {"mgc: []\n", "write 1 to 8"},
        {"listen: tcp:127.0.0.1:2946\n", "udp:HOST:PORT"},
        {"max_contexts: 0\n", "max_contexts"},
        {"log: loud\n", "debug or info"},
        {"srtp_engine: nss\n", "openssl or libsrtp"},
        {"raw_send: yes\n", "auto, on or off"},
        {"receive_ring: 1\n", "auto, on or off"},
        {"nosuchkey: 1\n", "nosuchkey"},
        {"realms: [{name: a, interface: Core}]\n", "a-z"},
        {"realms: [{name: a, interface: a, ports: 5-4}]\n", "LOW-HIGH"},
        {"realms: [{name: a, interface: a, address: here}]\n", "numeric"},
        {"realms: [{name: a, interface: a, ports: 2000-2999}, {name: b, interface: b, ports: "
         "2999-3000}]\n",
         "overlap"},
        {"realms: [{name: a, interface: a, ports: 2000-2999}, {name: b, interface: a, ports: "
         "3000-3001}]\n",
         "twice"},
        {"realms: [{name: a, interface: a, peers_allow: [10.0.0.0/33]}]\n", "10.0.0.0/8"},
        {"realms: [{name: a, interface: a, peers_deny: [all]}]\n", "10.0.0.0/8"},
        {"realms: [{name: a, interface: a, peers_deny: ["
         "1.1.1.1, 1.1.1.1, 1.1.1.1, 1.1.1.1, 1.1.1.1, 1.1.1.1, 1.1.1.1, 1.1.1.1, 1.1.1.1, 1.1.1.1, 1.1.1.1, "
         "1.1.1.1, 1.1.1.1, 1.1.1.1, 1.1.1.1, 1.1.1.1, 1.1.1.1, 1.1.1.1, 1.1.1.1, 1.1.1.1, 1.1.1.1, 1.1.1.1, "
         "1.1.1.1, 1.1.1.1, 1.1.1.1, 1.1.1.1, 1.1.1.1, 1.1.1.1, 1.1.1.1, 1.1.1.1, 1.1.1.1, 1.1.1.1, 1.1.1.1]}]\n",
         "wider"},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct agw_conf c;
        char why[512] = "";

        if (load(&c, rows[i].yaml, why) == 0)
            fail_msg("taken: %s", rows[i].yaml);
        if (!strstr(why, rows[i].says))
            fail_msg("%s: said %s", rows[i].yaml, why);
    }
}

static void test_values(void **state)
{
    struct agw_conf c;
    char why[512] = "";
    uint16_t lo, hi;
    struct addr a;

    (void)state;
    assert_int_equal(load(&c,
                          "mid: gw7.example.org\nworkers: 3\nrealms: [{name: x, interface: x, "
                          "ports: 2000-2010, any_source: "
                          "true, shared_port: false}, {name: y, interface: y}]\nsrtp_engine: libsrtp\n",
                          why),
                     0);
    assert_string_equal(c.mid, "gw7.example.org");
    assert_int_equal(agw_conf_workers(&c), 3);
    assert_true(((struct agw_realm_row *)c.realms.v)->any_source);
    assert_string_equal(((struct agw_realm_row *)c.realms.v)->address, "127.0.0.1");
    assert_false(((struct agw_realm_row *)c.realms.v)[0].shared_port);
    assert_true(((struct agw_realm_row *)c.realms.v)[1].shared_port);
    assert_string_equal(c.srtp_engine, "libsrtp");
    agw_conf_free(&c);
    assert_int_equal(agw_conf_ports("1024-65534", &lo, &hi), 0);
    assert_int_equal(hi, 65534);
    assert_int_equal(agw_conf_ports("1024-65535", &lo, &hi), -EINVAL);
    assert_int_equal(agw_conf_ports("1024", &lo, &hi), -EINVAL);
    assert_int_equal(conf_udp("udp:[::1]:2944", &a), 0);
    assert_true(addr_is_v6(&a));
    assert_int_equal(conf_udp("udp:127.0.0.1:0", &a), -EINVAL);
}

static bool may(const struct agw_realm_row *row, const char *peer)
{
    struct reach r;
    struct addr a;

    agw_conf_reach(row, &r);
    assert_int_equal(addr_parse(&a, sv_from(peer), 5000), 0);
    return reach_may(&r, &a);
}

/* Who may be a peer: by the realm's own addresses, and what its row says besides. */
static void test_reach(void **state)
{
    const struct agw_realm_row *row;
    struct agw_conf c;
    char why[512] = "";

    (void)state;
    assert_int_equal(load(&c,
                          "realms: [{name: x, interface: x, address: 203.0.113.1, peers_allow: [10.0.0.0/8, fd00::/8], "
                          "peers_deny: [10.9.0.0/16]}, {name: y, interface: y, address: 203.0.113.2, address6: fd00::2}, "
                          "{name: z, interface: z}]\n",
                          why),
                     0);
    row = c.realms.v;
    assert_true(may(&row[0], "10.0.0.1") && may(&row[0], "fd00::1") && may(&row[0], "192.0.2.1"));
    assert_false(may(&row[0], "10.9.0.1") || may(&row[0], "192.168.0.1") || may(&row[0], "127.0.0.1"));
    assert_true(may(&row[1], "fd00::1") && may(&row[1], "10.0.0.1")); /* private like its address6 */
    assert_false(may(&row[1], "127.0.0.1") || may(&row[1], "::1"));
    assert_true(may(&row[2], "127.0.0.1") && may(&row[2], "::1") && may(&row[2], "192.168.0.1"));
    assert_false(may(&row[2], "0.0.0.0") || may(&row[2], "224.0.0.1"));
    agw_conf_free(&c);
}

static void test_help(void **state)
{
    static char text[65536];
    struct buf b = buf_over(text, sizeof text - 1);

    (void)state;
    agw_conf_help(&b);
    assert_int_equal(buf_err(&b), 0);
    assert_non_null(strstr(text, "mgc"));
    assert_non_null(strstr(text, "any_source"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_reach),
        cmocka_unit_test(test_help),
    };

    return cmocka_run_group_tests_name("agw_conf", tests, NULL, NULL);
}
