#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "common/net.h"

static void check_hostport(const char *text, const char *want)
{
    char out[ADDR_STRLEN];
    struct addr a;

    assert_int_equal(addr_parse_hostport(&a, sv_from(text), 2944), 0);
    assert_string_equal(addr_str(&a, out), want);
}

static void test_parse_and_print(void **state)
{
    (void)state;
    check_hostport("1.2.3.4:5", "1.2.3.4:5");
    check_hostport("1.2.3.4", "1.2.3.4:2944");
    check_hostport("[::1]:5", "[::1]:5");
    check_hostport("[2001:db8::1]", "[2001:db8::1]:2944");
    check_hostport("::1", "[::1]:2944");
}

static void test_refused(void **state)
{
    static const char *const bad[] = {"", ":", "name:5", "1.2.3:5", "1.2.3.4:", "1.2.3.4:65536",
                                      "1.2.3.4:x", "[::1", "[::1]5", "[1.2.3.4]:5", "1.2.3.4 :5",
                                      "[]:5", "01.2.3.4.5"};
    struct addr a;

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(addr_parse_hostport(&a, sv_from(bad[i]), 1), -EINVAL);
    assert_int_equal(addr_parse(&a, (struct sv){"1.2.3.4\0x", 9}, 1), -EINVAL);
}

static void test_compare(void **state)
{
    struct addr a, b, c, any;

    (void)state;
    addr_parse(&a, SV("10.0.0.1"), 1);
    addr_parse(&b, SV("10.0.0.1"), 2);
    addr_parse(&c, SV("::ffff:10.0.0.1"), 1);
    addr_parse(&any, SV("::"), 1);
    assert_true(addr_eq_host(&a, &b));
    assert_false(addr_eq(&a, &b));
    addr_set_port(&b, 1);
    assert_true(addr_eq(&a, &b));
    assert_false(addr_eq(&a, &c));
    assert_true(addr_is_v6(&c));
    assert_true(addr_is_any(&any));
    assert_false(addr_is_any(&a));
}

static void test_sockets(void **state)
{
    struct addr udp, tcp;
    struct pollfd p;
    int fd, listener, peer;

    (void)state;
    addr_parse(&udp, SV("127.0.0.1"), 0);
    addr_parse(&tcp, SV("127.0.0.1"), 0);
    fd = net_udp(&udp);
    assert_true(fd >= 0);
    assert_int_not_equal(addr_port(&udp), 0);
    assert_int_equal(net_udp(&udp), -EADDRINUSE);
    listener = net_tcp_listen(&tcp, 1);
    assert_true(listener >= 0);
    peer = net_tcp_connect(&tcp, NULL);
    assert_true(peer >= 0);
    p = (struct pollfd){.fd = listener, .events = POLLIN};
    assert_int_equal(poll(&p, 1, 2000), 1);
    close(peer);
    close(listener);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse_and_print),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_compare),
        cmocka_unit_test(test_sockets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
