/* Port pool: order, pairs, exhaustion, ports that others hold. Real sockets on loopback. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>
#include <errno.h>

#include "agw/ctl/port.h"

#define LO 23000
#define HI 23009

static struct addr loopback(uint16_t port)
{
    struct addr a;

    assert_int_equal(addr_parse(&a, SV("127.0.0.1"), port), 0);
    return a;
}

static int setup(void **state)
{
    struct addr a = loopback(0);

    return port_pool_new((struct port_pool **)state, PORT_UDP, &a, LO, HI);
}

static int teardown(void **state)
{
    port_pool_free(*state);
    return 0;
}

static uint16_t take(struct port_pool *p)
{
    struct addr a;
    int fd = port_take(p, &a);

    if (fd < 0)
        return 0;
    close(fd);
    return addr_port(&a);
}

static void test_range(void **state)
{
    struct addr a = loopback(0);
    struct port_pool *p = NULL;

    (void)state;
    assert_int_equal(port_pool_new(&p, PORT_UDP, &a, 10, 9), -EINVAL);
    assert_int_equal(port_pool_new(&p, PORT_UDP, &a, 0, 9), -EINVAL);
    assert_int_equal(port_pool_new(&p, PORT_UDP, &a, 65000, 65535), -EINVAL);
    assert_null(p);
    assert_int_equal(port_pool_new(&p, PORT_TCP, &a, 65533, 65534), 0);
    assert_int_equal(port_left(p), 2);
    port_pool_free(p);
}

static void test_all_once(void **state)
{
    unsigned seen = 0;

    for (int i = LO; i <= HI; i++) {
        uint16_t port = take(*state);

        assert_in_range(port, LO, HI);
        assert_false(seen & (1u << (port - LO)));
        seen |= 1u << (port - LO);
    }
    assert_int_equal(take(*state), 0);
    assert_int_equal(port_left(*state), 0);
}

static uint16_t take_pair(struct port_pool *p)
{
    struct addr a;
    int odd = -1, fd = port_take_pair(p, &a, &odd);

    if (fd < 0)
        return 0;
    close(fd);
    close(odd);
    return addr_port(&a);
}

static void test_pairs(void **state)
{
    uint16_t single = take(*state), pairs[4];

    for (int i = 0; i < 4; i++) {
        pairs[i] = take_pair(*state);
        assert_int_equal(pairs[i] % 2, 0);
        assert_int_not_equal(pairs[i], 0);
        assert_int_not_equal(pairs[i], single & ~1);
    }
    assert_int_equal(take_pair(*state), 0); /* the partner of the single one is left, and no use */
    assert_int_equal(port_left(*state), 1);
    assert_int_equal(take(*state), single ^ 1);
    port_give(*state, single);
    port_give(*state, pairs[2]);
    assert_int_equal(take_pair(*state), 0);
    port_give(*state, pairs[2] | 1);
    assert_int_equal(take_pair(*state), pairs[2]); /* whole again */
    port_give(*state, single ^ 1);
    assert_int_equal(take_pair(*state), single & ~1);
    assert_int_equal(port_left(*state), 0);
}

/* The pair that was given back last comes last. */
static void test_oldest_first(void **state)
{
    uint16_t first = take_pair(*state);

    port_give(*state, first | 1);
    port_give(*state, first);
    for (int i = 0; i < 4; i++)
        assert_int_not_equal(take_pair(*state), first);
    assert_int_equal(take_pair(*state), first);
}

static void test_pair_held_by_others(void **state)
{
    struct addr held = loopback(LO + 3);
    int other = net_udp(&held);
    unsigned got = 0;

    assert_true(other >= 0);
    for (uint16_t port; (port = take_pair(*state)) != 0; got++)
        assert_int_not_equal(port, LO + 2);
    assert_int_equal(got, 4);
    assert_int_equal(port_left(*state), 2);
    close(other);
    assert_int_equal(take_pair(*state), LO + 2);
}

static void test_held_by_others(void **state)
{
    struct addr held = loopback(LO + 1), got;
    int other = net_udp(&held), fd;

    assert_true(other >= 0);
    for (int i = 0; i < 9; i++) {
        fd = port_take(*state, &got);
        assert_true(fd >= 0);
        assert_int_not_equal(addr_port(&got), LO + 1);
        close(fd);
    }
    assert_int_equal(port_take(*state, &got), -ENOSPC);
    assert_int_equal(port_left(*state), 1); /* kept for when the other is gone */
    close(other);
    assert_int_equal(take(*state), LO + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_range),
        cmocka_unit_test_setup_teardown(test_all_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_pairs, setup, teardown),
        cmocka_unit_test_setup_teardown(test_oldest_first, setup, teardown),
        cmocka_unit_test_setup_teardown(test_held_by_others, setup, teardown),
        cmocka_unit_test_setup_teardown(test_pair_held_by_others, setup, teardown),
    };

    return cmocka_run_group_tests_name("agw_port", tests, NULL, NULL);
}
