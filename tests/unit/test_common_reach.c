#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "common/reach.h"

static struct addr addr_of(const char *text)
{
    struct addr a;

    if (addr_parse(&a, sv_from(text), 5000))
        fail_msg("%s is no address", text);
    return a;
}

/* First and last address of each range, and its neighbours outside. */
static const struct {
    const char *addr;
    enum reach_kind kind;
} kinds[] = {
    {"0.0.0.0", REACH_NEVER},
    {"0.255.255.255", REACH_NEVER},
    {"1.0.0.0", REACH_PUBLIC},
    {"9.255.255.255", REACH_PUBLIC},
    {"10.0.0.0", REACH_PRIVATE},
    {"10.255.255.255", REACH_PRIVATE},
    {"11.0.0.0", REACH_PUBLIC},
    {"100.63.255.255", REACH_PUBLIC},
    {"100.64.0.0", REACH_SHARED},
    {"100.127.255.255", REACH_SHARED},
    {"100.128.0.0", REACH_PUBLIC},
    {"126.255.255.255", REACH_PUBLIC},
    {"127.0.0.0", REACH_LOOPBACK},
    {"127.255.255.255", REACH_LOOPBACK},
    {"128.0.0.0", REACH_PUBLIC},
    {"169.253.255.255", REACH_PUBLIC},
    {"169.254.0.0", REACH_LINK},
    {"169.254.169.254", REACH_LINK},
    {"169.255.0.0", REACH_PUBLIC},
    {"172.15.255.255", REACH_PUBLIC},
    {"172.16.0.0", REACH_PRIVATE},
    {"172.31.255.255", REACH_PRIVATE},
    {"172.32.0.0", REACH_PUBLIC},
    {"192.0.0.8", REACH_SPECIAL},
    {"192.0.1.0", REACH_PUBLIC},
    {"192.0.2.1", REACH_PUBLIC},
    {"192.88.99.1", REACH_SPECIAL},
    {"192.167.255.255", REACH_PUBLIC},
    {"192.168.0.0", REACH_PRIVATE},
    {"192.168.255.255", REACH_PRIVATE},
    {"192.169.0.0", REACH_PUBLIC},
    {"198.17.255.255", REACH_PUBLIC},
    {"198.18.0.0", REACH_SPECIAL},
    {"198.19.255.255", REACH_SPECIAL},
    {"198.20.0.0", REACH_PUBLIC},
    {"203.0.113.1", REACH_PUBLIC},
    {"223.255.255.255", REACH_PUBLIC},
    {"224.0.0.0", REACH_NEVER},
    {"239.255.255.255", REACH_NEVER},
    {"240.0.0.0", REACH_NEVER},
    {"255.255.255.255", REACH_NEVER},
    {"::", REACH_NEVER},
    {"::1", REACH_LOOPBACK},
    {"::2", REACH_NEVER},
    {"::127.0.0.1", REACH_LOOPBACK},
    {"::8.8.8.8", REACH_PUBLIC},
    {"::ffff:0.0.0.0", REACH_NEVER},
    {"::ffff:127.0.0.1", REACH_LOOPBACK},
    {"::ffff:10.1.2.3", REACH_PRIVATE},
    {"::ffff:169.254.169.254", REACH_LINK},
    {"::ffff:224.0.0.1", REACH_NEVER},
    {"::ffff:8.8.8.8", REACH_PUBLIC},
    {"64:ff9b::127.0.0.1", REACH_LOOPBACK},
    {"64:ff9b::192.168.1.1", REACH_PRIVATE},
    {"64:ff9b::8.8.8.8", REACH_PUBLIC},
    {"64:ff9b:1::8.8.8.8", REACH_SPECIAL},
    {"100::1", REACH_SPECIAL},
    {"100:0:0:1::", REACH_PUBLIC},
    {"2001::1", REACH_SPECIAL},
    {"2001:1ff:ffff::", REACH_SPECIAL},
    {"2001:200::1", REACH_PUBLIC},
    {"2001:db8::1", REACH_PUBLIC},
    {"2002:7f00:1::1", REACH_LOOPBACK},
    {"2002:a00:1::1", REACH_PRIVATE},
    {"2002:6440:1::1", REACH_SHARED},
    {"2002:808:808::1", REACH_PUBLIC},
    {"2003::1", REACH_PUBLIC},
    {"5f00::1", REACH_SPECIAL},
    {"fbff:ffff::1", REACH_PUBLIC},
    {"fc00::1", REACH_PRIVATE},
    {"fdff:ffff::1", REACH_PRIVATE},
    {"fe00::1", REACH_PUBLIC},
    {"fe80::1", REACH_LINK},
    {"febf::1", REACH_LINK},
    {"fec0::1", REACH_PRIVATE},
    {"feff::1", REACH_PRIVATE},
    {"ff02::1", REACH_NEVER},
    {"2a00::1", REACH_PUBLIC},
};

static void test_kinds(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        const struct addr a = addr_of(kinds[i].addr);

        if (reach_kind_of(&a) != kinds[i].kind)
            fail_msg("%s is %s, wanted %s", kinds[i].addr, reach_kind_name(reach_kind_of(&a)),
                     reach_kind_name(kinds[i].kind));
    }
}

static bool may(const struct reach *r, const char *addr)
{
    const struct addr a = addr_of(addr);

    return reach_may(r, &a);
}

/* A realm with a public address: every address of the table that is not public is refused. */
static void test_public_realm(void **state)
{
    const struct addr own = addr_of("203.0.113.20");
    struct reach r = {0};

    (void)state;
    reach_own(&r, &own);
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (may(&r, kinds[i].addr) != (kinds[i].kind == REACH_PUBLIC))
            fail_msg("%s", kinds[i].addr);
    }
}

static void test_loopback_realm(void **state)
{
    const struct addr own = addr_of("127.0.0.1");
    struct reach r = {0};

    (void)state;
    reach_own(&r, &own);
    assert_true(may(&r, "127.0.0.1"));
    assert_true(may(&r, "::1"));
    assert_true(may(&r, "192.168.1.5")); /* this host's browser */
    assert_true(may(&r, "8.8.8.8"));
    assert_false(may(&r, "0.0.0.0"));
    assert_false(may(&r, "::"));
    assert_false(may(&r, "224.0.0.1"));
    assert_false(may(&r, "255.255.255.255"));
    assert_false(may(&r, "::ffff:127.0.0.1"));
    assert_false(may(&r, "2002:7f00:1::1"));
}

static void test_private_realm(void **state)
{
    const struct addr own = addr_of("10.1.0.1"), own6 = addr_of("2001:db8::1");
    struct reach r = {0};

    (void)state;
    reach_own(&r, &own);
    reach_own(&r, &own6);
    assert_true(may(&r, "10.9.9.9"));
    assert_true(may(&r, "192.168.1.1"));
    assert_true(may(&r, "fd00::1"));
    assert_true(may(&r, "2001:db8::2"));
    assert_false(may(&r, "127.0.0.1"));
    assert_false(may(&r, "::1"));
    assert_false(may(&r, "169.254.169.254"));
    assert_false(may(&r, "100.64.0.1"));
    assert_false(may(&r, "64:ff9b::10.0.0.1"));
    assert_false(may(&r, "::ffff:10.0.0.1"));
}

static void test_allow_and_deny(void **state)
{
    const struct addr own = addr_of("203.0.113.20");
    struct reach r = {0};

    (void)state;
    reach_own(&r, &own);
    assert_int_equal(reach_allow(&r, "10.0.0.0/8"), 0);
    assert_int_equal(reach_allow(&r, "224.0.0.0/4"), 0);
    assert_int_equal(reach_allow(&r, "64:ff9b::/96"), 0);
    assert_int_equal(reach_deny(&r, "10.0.0.2"), 0);
    assert_int_equal(reach_deny(&r, "198.51.100.0/25"), 0);
    assert_int_equal(reach_deny(&r, "2001:db8:bad::/48"), 0);
    assert_true(may(&r, "10.0.0.1"));
    assert_false(may(&r, "10.0.0.2")); /* deny goes first */
    assert_false(may(&r, "192.168.0.1"));
    assert_false(may(&r, "224.0.0.1")); /* nobody's */
    assert_true(may(&r, "198.51.100.128"));
    assert_false(may(&r, "198.51.100.127"));
    assert_false(may(&r, "::ffff:198.51.100.1")); /* in another's dress */
    assert_false(may(&r, "2002:c633:6401::1"));
    assert_true(may(&r, "64:ff9b::192.168.0.1")); /* asked for in so many words */
    assert_false(may(&r, "64:ff9b::10.0.0.2"));
    assert_false(may(&r, "2001:db8:bad::1"));
    assert_true(may(&r, "2001:db8:bae::1"));
    assert_true(may(NULL, "127.0.0.1"));
}

static void test_bad_nets(void **state)
{
    static const char *const bad[] = {"", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/x", "::/129", "host.example/8", "10/8"};
    struct reach r = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(reach_allow(&r, bad[i]), -EINVAL);
    for (unsigned i = 0; i < REACH_NETS; i++)
        assert_int_equal(reach_deny(&r, "0.0.0.0/0"), 0);
    assert_int_equal(reach_deny(&r, "0.0.0.0/0"), -ENOSPC);
    assert_false(may(&r, "8.8.8.8"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),        cmocka_unit_test(test_public_realm),
        cmocka_unit_test(test_loopback_realm), cmocka_unit_test(test_private_realm),
        cmocka_unit_test(test_allow_and_deny), cmocka_unit_test(test_bad_nets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
