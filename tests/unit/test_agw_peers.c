/* Who is who on a shared socket: names, addresses, what may move and what may not. Fake clock, no sockets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <errno.h>

#include "agw/media/peers.h"

#define MANY 5000

static int setup(void **state)
{
    return peers_new((struct peers **)state);
}

static int teardown(void **state)
{
    peers_free(*state);
    return 0;
}

static struct addr v4(unsigned host, uint16_t port)
{
    struct addr a;
    char text[32];

    snprintf(text, sizeof(text), "10.%u.%u.%u", host >> 16 & 255, host >> 8 & 255, host & 255);
    assert_int_equal(addr_parse(&a, sv_from(text), port), 0);
    return a;
}

static struct addr v6(const char *host, uint16_t port)
{
    struct addr a;

    assert_int_equal(addr_parse(&a, sv_from(host), port), 0);
    return a;
}

static void names(void **state)
{
    struct peers *p = *state;
    struct peers_member a = {0}, b = {0};

    assert_int_equal(peers_join(p, &a, "aaaa"), 0);
    assert_int_equal(peers_join(p, &a, "aaaa"), 0);
    assert_int_equal(peers_join(p, &b, "aaaa"), -EEXIST);
    assert_int_equal(peers_join(p, &b, ""), -EINVAL);
    assert_int_equal(peers_join(p, &b, "0123456789abcdef"), -EINVAL);
    assert_int_equal(peers_join(p, &b, "bbbb"), 0);
    assert_ptr_equal(peers_by_name(p, SV("aaaa")), &a);
    assert_ptr_equal(peers_by_name(p, SV("bbbb")), &b);
    assert_null(peers_by_name(p, SV("aaa")));
    assert_null(peers_by_name(p, SV("")));
    assert_null(peers_by_name(p, SV("0123456789abcdef0123456789abcdef")));
    /* ICE restarts: the last two count beside the new one, those before do not */
    assert_int_equal(peers_join(p, &a, "aaa2"), 0);
    assert_int_equal(peers_join(p, &a, "aaa3"), 0);
    assert_ptr_equal(peers_by_name(p, SV("aaaa")), &a);
    assert_ptr_equal(peers_by_name(p, SV("aaa2")), &a);
    assert_ptr_equal(peers_by_name(p, SV("aaa3")), &a);
    assert_int_equal(peers_join(p, &a, "aaa4"), 0);
    assert_null(peers_by_name(p, SV("aaaa")));
    assert_ptr_equal(peers_by_name(p, SV("aaa2")), &a);
    assert_ptr_equal(peers_by_name(p, SV("aaa3")), &a);
    assert_ptr_equal(peers_by_name(p, SV("aaa4")), &a);
    peers_leave(p, &a);
    assert_null(peers_by_name(p, SV("aaa2")));
    assert_null(peers_by_name(p, SV("aaa3")));
    assert_null(peers_by_name(p, SV("aaa4")));
    peers_leave(p, &b);
}

static void addresses(void **state)
{
    struct peers *p = *state;
    struct peers_member a = {0}, b = {0};
    const struct addr x = v4(1, 1000), same_host = v4(1, 1001), same_port = v4(2, 1000);
    const struct addr six = v6("2001:db8::1", 1000), six2 = v6("2001:db8::2", 1000);

    assert_null(peers_by_addr(p, &x));
    assert_int_equal(peers_learn(p, &a, &x, NULL, 100), 0);
    assert_int_equal(peers_learn(p, &a, &six, NULL, 100), 0);
    assert_ptr_equal(peers_by_addr(p, &x), &a);
    assert_ptr_equal(peers_by_addr(p, &six), &a);
    assert_null(peers_by_addr(p, &same_host));
    assert_null(peers_by_addr(p, &same_port));
    assert_null(peers_by_addr(p, &six2));
    /* another's while it is in use there, however good the credentials; then it moves */
    assert_int_equal(peers_learn(p, &b, &x, NULL, 100 + MEDIA_PEER_HOLD_MS - 1), -EBUSY);
    assert_int_equal(peers_learn(p, &a, &x, NULL, 5000), 0);
    assert_int_equal(peers_learn(p, &b, &x, NULL, 100 + MEDIA_PEER_HOLD_MS), -EBUSY);
    assert_ptr_equal(peers_by_addr(p, &x), &a);
    assert_int_equal(peers_learn(p, &b, &x, NULL, 5000 + MEDIA_PEER_HOLD_MS), 0);
    assert_ptr_equal(peers_by_addr(p, &x), &b);
    assert_int_equal(a.n_addrs, 1);
    peers_leave(p, &a);
    assert_ptr_equal(peers_by_addr(p, &x), &b);
    assert_null(peers_by_addr(p, &six));
    peers_leave(p, &b);
    assert_null(peers_by_addr(p, &x));
}

/* One member cannot fill the table: the oldest address goes, but for the one in use. */
static void bounded(void **state)
{
    struct peers *p = *state;
    struct peers_member a = {0};
    const struct addr first = v4(0, 9), second = v4(1, 9);

    for (unsigned i = 0; i < 100; i++) {
        const struct addr x = v4(i, 9);

        assert_int_equal(peers_learn(p, &a, &x, &first, i), 0);
        assert_ptr_equal(peers_by_addr(p, &x), &a);
    }
    assert_int_equal(a.n_addrs, MEDIA_ICE_VALID);
    assert_ptr_equal(peers_by_addr(p, &first), &a);
    assert_null(peers_by_addr(p, &second));
    peers_leave(p, &a);
    assert_int_equal(a.n_addrs, 0);
    assert_null(peers_by_addr(p, &first));
}

/* Against a plain array: members come and go, addresses repeat. */
static void many(void **state)
{
    struct peers *p = *state;
    struct peers_member *m = calloc(MANY, sizeof(*m));
    bool *in = calloc(MANY, sizeof(*in));
    uint32_t x = 1;

    for (unsigned step = 0; step < 20 * MANY; step++) {
        unsigned i;
        struct addr a;

        x = x * 1664525u + 1013904223u;
        i = (x >> 8) % MANY;
        a = v4(i, (uint16_t)(i % 7));
        if (in[i])
            peers_leave(p, &m[i]);
        else
            assert_int_equal(peers_learn(p, &m[i], &a, NULL, 0), 0);
        in[i] = !in[i];
    }
    for (unsigned i = 0; i < MANY; i++) {
        const struct addr a = v4(i, (uint16_t)(i % 7));

        assert_ptr_equal(peers_by_addr(p, &a), in[i] ? &m[i] : NULL);
        peers_leave(p, &m[i]);
        assert_null(peers_by_addr(p, &a));
    }
    free(m);
    free(in);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(names), TEST(addresses), TEST(bounded), TEST(many)};

    return cmocka_run_group_tests_name("agw/media/peers", tests, NULL, NULL);
}
