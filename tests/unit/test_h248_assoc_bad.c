/* Control association: strangers, registrations that nobody wrote for us, and what is bounded. */
#include "tests/unit/assoc_rig.h"

/* A bare node that notes what comes back. */
static char heard[65536];

static void stranger_input(void *arg, const struct addr *from, const void *p, size_t n, msec_t now)
{
    (void)arg;
    (void)from;
    (void)now;
    snprintf(heard, sizeof heard, "%.*s", (int)n, (const char *)p);
}

static const char *tell(const struct end *to, const char *text)
{
    struct lossy_node node = {.input = stranger_input};

    addr_parse_hostport(&node.at, SV("192.0.2.77:5000"), 0);
    lossy_join(w.net, &node);
    heard[0] = '\0';
    lossy_send(w.net, &node.at, &to->at, text, strlen(text));
    run(100);
    return heard;
}

#define FROM(who) "MEGACO/2 <" who ".example.net>\n"
#define SC(tid, parms) "Transaction = " tid " { Context = - { ServiceChange = ROOT { Services { " parms " } } } }\n"

static void test_strangers(void **state)
{
    (void)state;
    end_up(w.mgc);
    assert_non_null(strstr(tell(w.mgc, FROM("x") "Transaction = 1 { Context = 1 { Notify = ip/1 { ObservedEvents = 1 { g/cause } } } }"),
                           "Error = 505"));
    assert_non_null(strstr(tell(w.mgc, FROM("x") SC("2", "Method = Forced, Reason = \"905 x\"")), "Error = 505"));
    assert_int_equal(w.mgc->requests, 0);
    end_up(w.mg);
    assert_true(lossy_run(w.net, lossy_now(w.net) + 60000, both_up, NULL));
    assert_non_null(strstr(tell(w.mg, FROM("x") "Transaction = 3 { Context = - { AuditValue = ROOT { Audit { } } } }"),
                           "Error = 504"));
    assert_int_equal(w.mg->requests, 0);
}

static void test_who_is_not_on_the_list_may_not_register(void **state)
{
    const count_t *counts;

    (void)state;
    w.mgc->only = "listed.example.net";
    end_up(w.mgc);
    counts = trans_counts(assoc_trans(w.mgc->a));
    assert_non_null(strstr(tell(w.mgc, "MEGACO/1 <x.example.net>\n" SC("1", "Method = Restart, Reason = \"901 Cold Boot\"")),
                           "Error = 402"));
    assert_int_equal(w.mgc->events[ASSOC_UP], 0);
    assert_null(assoc_peer_first(w.mgc->a));
    assert_int_equal(count_get(&counts[TRANS_C_REFUSED]), 1);
    assert_string_equal(tell(w.mgc, "MEGACO/1 <x.example.net>\nReply = 7 { Context = - { AuditValue = ROOT } }"), "");
    assert_int_equal(count_get(&counts[TRANS_C_REFUSED]), 2);
    assert_null(strstr(tell(w.mgc, "MEGACO/1 <Listed.example.net>:9\n" SC("2", "Method = Restart, Reason = \"901 Cold Boot\"")),
                       "Error"));
    assert_int_equal(w.mgc->events[ASSOC_UP], 1);
    assert_int_equal(count_get(&counts[TRANS_C_REFUSED]), 2);
}

static void test_request_to_an_mg_that_is_not_registered(void **state)
{
    (void)state;
    end_up(w.mg);
    assert_non_null(strstr(tell(w.mg, FROM("x") "Transaction = 3 { Context = - { AuditValue = ROOT { Audit { } } } }"),
                           "Error = 505"));
}

static void test_registrations_by_hand(void **state)
{
    static const struct {
        const char *parms, *says;
    } rows[] = {
        {"Method = Restart, Reason = \"901 Cold Boot\", Profile = openiq/1, Version = 0", "406"},
        {"Method = Restart, Reason = \"901 Cold Boot\", Profile = other/1, Version = 2", "459"},
        {"Method = Restart, Reason = \"901 Cold Boot\", Profile = openiq/1, Version = 1", "Version = 1"},
        {"Method = Restart, Reason = \"901 Cold Boot\", Profile = openiq/1, Version = 3", "Version = 2"},
        {"Method = Restart, Reason = \"901 Cold Boot\", Profile = openiq/7, Version = 2", "openiq/1"},
        {"Method = Restart, Reason = \"901 Cold Boot\"", "Version = 1"},
        {"Method = Disconnected, Reason = \"900 Service Restored\", Version = 2", "Version = 2"},
    };
    char text[512];

    (void)state;
    end_up(w.mgc);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        snprintf(text, sizeof text, "MEGACO/1 <x.example.net>\nTransaction = %zu { Context = - { ServiceChange = ROOT { Services { %s } } } }",
                 i + 1, rows[i].parms);
        if (!strstr(tell(w.mgc, text), rows[i].says))
            fail_msg("row %zu: %s", i, heard);
        assert_non_null(strstr(heard, "MEGACO/1"));
    }
    /* a repeat is answered again and is no second restart */
    unsigned restarts = w.mgc->events[ASSOC_RESTARTED];
    assert_non_null(strstr(tell(w.mgc, text), "Version = 2"));
    assert_int_equal(w.mgc->events[ASSOC_RESTARTED], restarts);
}

static void test_terminations_out_of_service(void **state)
{
    (void)state;
    end_up(w.mgc);
    tell(w.mgc, FROM("x") SC("1", "Method = Restart, Reason = \"901 Cold Boot\", Version = 2"));
    assert_non_null(strstr(tell(w.mgc, FROM("x") "Transaction = 2 { Context = * { ServiceChange = ip/1/access/* { Services {"
                                       " Method = Forced, Reason = \"906 Loss of lower layer connectivity\" } } } }"),
                           "ServiceChange = ip/1/access/*"));
    assert_int_equal(w.mgc->events[ASSOC_TERMS_OUT], 1);
    assert_string_equal(w.mgc->term, "ip/1/access/*");
    assert_int_equal(w.mgc->last_reason, 906);
    assert_true(is_up(w.mgc));
    /* Graceful on ROOT: it goes, but still talks; Restart 918: it stays after all */
    tell(w.mgc, FROM("x") SC("3", "Method = Graceful, Reason = \"905 Termination taken out of service\""));
    assert_int_equal(w.mgc->events[ASSOC_BYE], 1);
    assert_true(is_up(w.mgc));
    tell(w.mgc, FROM("x") SC("4", "Method = Restart, Reason = \"918 Cancel Graceful\", Version = 2"));
    assert_int_equal(w.mgc->events[ASSOC_RESTARTED], 0);
    assert_int_equal(w.mgc->events[ASSOC_RETURNED], 1);
}

static void test_service_change_address(void **state)
{
    (void)state;
    end_up(w.mgc);
    tell(w.mgc, FROM("x") SC("1", "Method = Restart, Reason = \"901 Cold Boot\", ServiceChangeAddress = [192.0.2.77]:5001, Version = 2"));
    assert_true(is_up(w.mgc));
    heard[0] = '\0';
    assert_int_equal(ask(w.mgc, 1), 0);
    run(1000);
    assert_string_equal(heard, ""); /* it went to port 5001, not here */
    tell(w.mgc, FROM("x") SC("2", "Method = Restart, Reason = \"901 Cold Boot\", ServiceChangeAddress = 5000, Version = 2"));
    heard[0] = '\0';
    assert_int_equal(ask(w.mgc, 2), 0);
    run(1000);
    assert_non_null(strstr(heard, "Modify"));
}

static void test_peers_are_bounded(void **state)
{
    char text[512];

    (void)state;
    w.mgc->conf.heartbeat = 0;
    end_up(w.mgc);
    for (unsigned i = 0; i <= ASSOC_PEER_MAX; i++) {
        snprintf(text, sizeof text, "MEGACO/1 <x%u.example.net>\n" SC("1", "Method = Restart, Reason = \"901 Cold Boot\""), i);
        tell(w.mgc, text);
    }
    assert_non_null(strstr(heard, "510"));
    assert_int_equal(w.mgc->events[ASSOC_UP], ASSOC_PEER_MAX);
}

static void test_bad_configuration(void **state)
{
    struct assoc_h h = {0};
    struct assoc_conf c;
    struct assoc *a = NULL;

    (void)state;
    assoc_conf_default(&c, ASSOC_MG);
    assert_int_equal(assoc_new(&a, &c, &h, 0), -EINVAL); /* no MGC to register with */
    c.n_mgc = ASSOC_MGC_MAX + 1;
    assert_int_equal(assoc_new(&a, &c, &h, 0), -EINVAL);
    assoc_free(NULL);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_strangers),
        T(test_who_is_not_on_the_list_may_not_register),
        T(test_request_to_an_mg_that_is_not_registered),
        T(test_registrations_by_hand),
        T(test_terminations_out_of_service),
        T(test_service_change_address),
        T(test_peers_are_bounded),
        T(test_bad_configuration),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
