/* A forged source address does not aim our packets either: checks from where the realm allows no peer are not answered, full
 * agents send no check there, and latching does not learn it. */
#include "tests/fake/sep_far.h"

#include "agw/media/sep_gate.h"

static const char *const inside[] = {"127.0.0.1", "10.1.2.3", "192.168.0.9", "169.254.169.254", "100.64.0.1", "224.0.0.1",
                                     "255.255.255.255", "0.0.0.0", "198.51.100.66"};

static struct reach reach_of(void)
{
    struct reach r = {0};
    struct addr own;

    assert_int_equal(addr_parse(&own, SV("203.0.113.20"), 0), 0);
    reach_own(&r, &own);
    assert_int_equal(reach_deny(&r, "198.51.100.64/26"), 0);
    return r;
}

static struct addr at(const char *host)
{
    struct addr a;

    assert_int_equal(addr_parse(&a, sv_from(host), 4000), 0);
    return a;
}

static void none_is_answered(struct fixture *f)
{
    uint8_t msg[256];
    size_t n;

    for (size_t i = 0; i < ARRAY_LEN(inside); i++) {
        const struct addr from = at(inside[i]);

        n = check_make(f->env.mac, &(struct check){.ufrag = UFRAG, .pwd = PWD, .use_candidate = true}, msg, sizeof(msg));
        assert_int_equal(feed(f, &from, msg, n), SEP_UNVALIDATED);
        assert_int_equal(f->tx.n, 0);
        assert_false(sep_was_checked(f->sep));
    }
    assert_string_equal(f->log, "");
    check(f, &f->a, true);
    assert_non_null(strstr(f->log, f->spec.full ? "ICE_PEER" : "ICE_UP"));
}

static void checks_of_a_lite_agent(void **state)
{
    struct fixture *f = *state;
    const struct reach reach = reach_of();

    f->spec.reach = &reach;
    open_sep(f, BUS_DTLS_SERVER);
    none_is_answered(f);
}

static void checks_of_a_full_agent(void **state)
{
    struct fixture *f = *state;
    const struct reach reach = reach_of();
    struct bus_ice full = {.controlling = false};

    f->spec.reach = &reach;
    f->spec.full = &full;
    strcpy(f->spec.remote_ufrag, "peer");
    strcpy(f->spec.remote_pwd, "peerpasswordpeerpassword");
    open_sep(f, BUS_DTLS_SERVER);
    none_is_answered(f);
    f->spec.full = NULL;
}

static void latching(void **state)
{
    const struct reach reach = reach_of();
    const struct bus_rtp rules = {.on = true, .latch = BUS_LATCH_ON};
    struct sep_gate g = {.reach = &reach};
    const struct addr good = at("192.0.2.7");

    (void)state;
    sep_gate_set(&g, &rules, NULL, 1000);
    for (size_t i = 0; i < ARRAY_LEN(inside); i++) {
        const struct addr from = at(inside[i]);

        assert_false(sep_gate_takes(&g, &from, false));
    }
    assert_null(sep_gate_to(&g, false));
    assert_true(sep_gate_takes(&g, &good, false));
    assert_true(sep_gate_latch(&g, &good, false, 1000));
    assert_true(addr_eq(sep_gate_to(&g, false), &good));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(checks_of_a_lite_agent, setup, teardown),
        cmocka_unit_test_setup_teardown(checks_of_a_full_agent, setup, teardown),
        cmocka_unit_test(latching),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
