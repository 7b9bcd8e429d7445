/* Control association over a network that loses, repeats and reorders (h248/assoc.h, tests/fake/lossy.h): registration,
 * exactly-once requests, loss and return, restarts of either end, hand-over. Time is made up. */
#include "tests/unit/assoc_rig.h"

/* --- registration --- */

static void test_registration(void **state)
{
    (void)state;
    both_start();
    assert_int_equal(w.mg->events[ASSOC_UP], 1);
    assert_int_equal(w.mgc->events[ASSOC_UP], 1);
    assert_int_equal(w.mgc->last_reason, 901);
    assert_string_equal(assoc_peer_name(w.mg->peer), "<alg-2944.example.net>");
    assert_string_equal(assoc_peer_name(w.mgc->peer), "<agw-2944.example.net>");
    assert_ptr_equal(assoc_peer_first(w.mgc->a), w.mgc->peer);
    assert_null(assoc_peer_next(w.mgc->peer));
    assert_true(w.mg->seen_v1 > 0 && w.mgc->seen_v1 > 0); /* both the ServiceChange and its reply */
}

static void test_registration_before_the_mgc_is_there(void **state)
{
    (void)state;
    end_up(w.mg);
    run(5000);
    end_up(w.mgc);
    assert_true(lossy_run(w.net, lossy_now(w.net) + 60000, both_up, NULL));
    assert_int_equal(w.mg->events[ASSOC_UP], 1);
}

static void test_profiles_are_compared_folding_case(void **state)
{
    (void)state;
    w.mg->conf.profile = SV("OPENIQ");
    both_start();
}

static void refused(unsigned want_requests)
{
    end_up(w.mgc);
    end_up(w.mg);
    assert_false(lossy_run(w.net, lossy_now(w.net) + 60000, both_up, NULL));
    assert_int_equal(w.mg->events[ASSOC_UP] + w.mgc->events[ASSOC_UP], 0);
    assert_true(count_get(&trans_counts(assoc_trans(w.mg->a))[TRANS_C_SENT]) >= want_requests);
}

static void test_unknown_profile_is_refused_and_tried_again(void **state)
{
    (void)state;
    w.mg->conf.profile = SV("other");
    refused(6); /* 0.5 s, doubling, at most every 10 s */
}

static void test_lower_version_is_settled(void **state)
{
    (void)state;
    w.mg->conf.version = 3;
    both_start();
    assert_true(is_up(w.mg)); /* the MGC takes 2 at most; the MG can live with it */
}

static void test_mgs_are_kept_apart(void **state)
{
    struct end *other = end_new(w.net, ASSOC_MG, "192.0.2.8:2945", w.mgc);

    (void)state;
    both_start();
    end_up(other);
    run(1000);
    assert_int_equal(w.mgc->events[ASSOC_UP], 2);
    assert_non_null(assoc_peer_next(assoc_peer_first(w.mgc->a)));
    end_free(other);
}

/* --- requests --- */

static bool all_answered(void *arg)
{
    const unsigned *n = arg;

    return w.mg->n_replied + w.mg->n_failed >= *n && w.mgc->n_replied + w.mgc->n_failed >= *n;
}

/* Patience for a network that loses a fifth: the chance that 20 round trips in a row fail is one in a thousand million. */
static void be_patient(struct end *e)
{
    e->conf.trans.max_sends = 20;
    e->conf.trans.t_max = 90000;
    e->conf.trans.long_timer = 120000;
    e->conf.heartbeat = e->conf.silence = 0;
}

static void test_thousands_of_requests_exactly_once(void **state)
{
    unsigned n = SERIALS, sent = 0;

    (void)state;
    lossy_set(w.net, &foul);
    be_patient(w.mg);
    be_patient(w.mgc);
    w.mg->slow = 7;
    w.mgc->slow = 11;
    both_start();
    while (sent < n) {
        for (unsigned i = 0; i < 20 && sent < n; i++, sent++) {
            assert_int_equal(ask(w.mgc, sent), 0);
            assert_int_equal(ask(w.mg, sent), 0);
        }
        run(100);
    }
    assert_true(lossy_run(w.net, lossy_now(w.net) + 300000, all_answered, &n));
    assert_int_equal(w.mg->n_failed + w.mgc->n_failed, 0);
    for (unsigned i = 0; i < n; i++) {
        assert_int_equal(w.mg->executed[i], 1);
        assert_int_equal(w.mgc->executed[i], 1);
        assert_int_equal(w.mg->replied[i], 1);
        assert_int_equal(w.mgc->replied[i], 1);
    }
    /* the network did what it was asked for */
    assert_true(count_get(&trans_counts(assoc_trans(w.mg->a))[TRANS_C_DUPLICATE]) > 100);
    assert_true(count_get(&trans_counts(assoc_trans(w.mg->a))[TRANS_C_RETRANSMITTED]) > 100);
    assert_true(count_get(&trans_counts(assoc_trans(w.mg->a))[TRANS_C_PENDING_OUT]) > 10);
    /* and in the end nothing is remembered and nothing waits */
    run(200000);
    assert_int_equal(assoc_deadline(w.mg->a), MSEC_NEVER);
    assert_int_equal(assoc_deadline(w.mgc->a), MSEC_NEVER);
}

/* --- supervision --- */

static void test_heartbeat_keeps_a_quiet_association(void **state)
{
    (void)state;
    both_start();
    run(600000);
    assert_true(both_up(NULL));
    assert_int_equal(w.mg->events[ASSOC_DOWN] + w.mgc->events[ASSOC_DOWN], 0);
    assert_in_range(w.mg->audits, 55, 61); /* every 10 s */
}

static void test_cut_and_return(void **state)
{
    struct lossy_conf cut = fair;

    (void)state;
    both_start();
    cut.loss = 100;
    lossy_set(w.net, &cut);
    run(60000);
    assert_int_equal(w.mg->events[ASSOC_DOWN], 1);
    assert_int_equal(w.mgc->events[ASSOC_DOWN], 1);
    assert_false(is_up(w.mg) || is_up(w.mgc));
    assert_int_equal(ask(w.mgc, 1), -ENOTCONN);
    assert_int_equal(ask(w.mg, 1), -ENOTCONN);
    lossy_set(w.net, &fair);
    assert_true(lossy_run(w.net, lossy_now(w.net) + 60000, both_up, NULL));
    assert_int_equal(w.mg->events[ASSOC_RETURNED], 1);
    assert_int_equal(w.mgc->events[ASSOC_RETURNED], 1);
    assert_int_equal(w.mgc->last_reason, 900);
    assert_int_equal(w.mgc->events[ASSOC_RESTARTED], 0);
    assert_int_equal(ask(w.mgc, 1), 0);
    run(1000);
    assert_int_equal(w.mgc->replied[1], 1);
}

static void test_request_without_answer_is_a_loss(void **state)
{
    struct lossy_conf cut = fair;

    (void)state;
    w.mg->conf.silence = w.mgc->conf.heartbeat = 0;
    both_start();
    cut.loss = 100;
    lossy_set(w.net, &cut);
    assert_int_equal(ask(w.mgc, 1), 0);
    assert_int_equal(ask(w.mg, 2), 0);
    run(26000);
    assert_int_equal(w.mgc->events[ASSOC_DOWN], 1);
    assert_int_equal(w.mg->events[ASSOC_DOWN], 1);
    assert_int_equal(w.mgc->n_failed, 1);
    assert_int_equal(w.mgc->last_result, TRANS_TIMEOUT);
}

/* --- restarts --- */

static void test_mg_restart(void **state)
{
    (void)state;
    both_start();
    assert_int_equal(ask(w.mgc, 5), 0);
    end_crash(w.mg);
    run(500);
    end_up(w.mg);
    assert_true(lossy_run(w.net, lossy_now(w.net) + 60000, both_up, NULL));
    run(1000);
    assert_int_equal(w.mgc->events[ASSOC_RESTARTED], 1);
    assert_int_equal(w.mgc->events[ASSOC_UP], 1);
    assert_null(assoc_peer_next(assoc_peer_first(w.mgc->a)));
    assert_int_equal(w.mgc->n_failed, 1); /* the old one took it with it */
    assert_int_equal(w.mgc->last_result, TRANS_CLOSED);
    assert_int_equal(ask(w.mgc, 6), 0);
    run(1000);
    assert_int_equal(w.mgc->replied[6], 1);
}

static void test_mgc_restart_is_found_by_silence(void **state)
{
    (void)state;
    both_start();
    end_crash(w.mgc);
    end_up(w.mgc);
    run(60000);
    assert_true(both_up(NULL));
    assert_int_equal(w.mg->events[ASSOC_DOWN], 1);
    assert_int_equal(w.mg->events[ASSOC_RETURNED], 1);
    assert_int_equal(w.mgc->events[ASSOC_RETURNED], 1); /* it holds contexts that this MGC does not know */
}

static void test_mgc_restart_is_found_by_a_request(void **state)
{
    (void)state;
    both_start();
    end_crash(w.mgc);
    end_up(w.mgc);
    assert_int_equal(ask(w.mg, 3), 0);
    run(2000);
    assert_true(both_up(NULL)); /* 505 told it: no need to wait for the silence */
    assert_int_equal(w.mgc->executed[3], 0);
    assert_int_equal(w.mg->n_failed, 1);
}

static void test_restarts_in_foul_weather(void **state)
{
    (void)state;
    lossy_set(w.net, &foul);
    be_patient(w.mg);
    be_patient(w.mgc);
    w.mgc->conf.heartbeat = 10000;
    w.mg->conf.silence = 60000;
    both_start();
    for (unsigned i = 0; i < 20; i++) {
        struct end *e = i % 2 ? w.mg : w.mgc;

        end_crash(e);
        run(i * 777);
        end_up(e);
        assert_true(lossy_run(w.net, lossy_now(w.net) + 400000, both_up, NULL));
        for (unsigned k = 0; k < 10; k++)
            ask(w.mgc, i * 10 + k);
        run(100000);
        for (unsigned k = 0; k < 10; k++)
            assert_true(w.mg->executed[i * 10 + k] <= 1);
    }
}

/* --- hand-over --- */

static int build_sc(struct arena *a, struct h248_txn *txn, void *arg)
{
    const struct h248_services *from = arg;
    struct h248_cmd *c = h248_cmd_new(a, h248_action_new(a, txn, H248_CTX_NULL), H248_SERVICE_CHANGE, SV("ROOT"));
    struct h248_desc *d = c ? h248_desc_new(a, &c->descs, H248_D_SERVICES) : NULL;

    if (!d)
        return -ENOMEM;
    d->u.services = *from;
    return 0;
}

static void mgc2_up(void)
{
    w.mgc2 = end_new(w.net, ASSOC_MGC, "192.0.2.2:2944", NULL);
    end_up(w.mgc2);
}

static void test_handoff(void **state)
{
    struct h248_mid to = {.kind = H248_MID_IP4, .name = SV("192.0.2.2"), .has_port = true, .port = 2944};
    struct h248_services s = {.method = SV("HandOff"), .reason = SV("903 MGC Directed Change"), .mgc_to_try = &to};

    (void)state;
    both_start();
    mgc2_up();
    assert_int_equal(assoc_request(w.mgc->a, w.mgc->peer, build_sc, &s, NULL, NULL, lossy_now(w.net)), 0);
    run(3000);
    assert_int_equal(w.mgc2->events[ASSOC_RETURNED], 1);
    assert_int_equal(w.mgc2->last_reason, 903);
    assert_true(is_up(w.mg) && is_up(w.mgc2));
    assert_string_equal(assoc_peer_name(w.mg->peer), "<alg-2944.example.net>");
    assert_int_equal(w.mg->events[ASSOC_RETURNED], 1);
}

static void test_mgc_restart_is_told(void **state)
{
    struct h248_services s = {.method = SV("Restart"), .reason = SV("901 Cold Boot")};

    (void)state;
    both_start();
    assert_int_equal(assoc_request(w.mgc->a, w.mgc->peer, build_sc, &s, NULL, NULL, lossy_now(w.net)), 0);
    run(3000);
    assert_int_equal(w.mg->events[ASSOC_RESTARTED], 1);
    assert_int_equal(w.mg->events[ASSOC_UP], 2);
    assert_int_equal(w.mgc->events[ASSOC_RESTARTED], 1);
    assert_int_equal(w.mgc->last_reason, 902);
}

static void test_next_mgc_of_the_list(void **state)
{
    (void)state;
    mgc2_up();
    w.mg->conf.mgc[1] = w.mgc2->at;
    w.mg->conf.n_mgc = 2;
    end_up(w.mg); /* the first one is not there */
    run(30000);
    assert_true(is_up(w.mg) && is_up(w.mgc2));
    assert_int_equal(w.mgc2->events[ASSOC_UP], 1);
    end_up(w.mgc);
    end_crash(w.mgc2);
    run(120000);
    assert_true(both_up(NULL)); /* back to the first, by Failover: contexts were kept */
    assert_int_equal(w.mgc->events[ASSOC_RETURNED], 1);
    assert_int_equal(w.mgc->last_reason, 909);
}

/* --- other ServiceChanges, foreign messages --- */

static void test_farewell_of_the_mg(void **state)
{
    (void)state;
    both_start();
    assoc_stop(w.mg->a, NULL, NULL, lossy_now(w.net));
    run(1000);
    assert_int_equal(w.mgc->events[ASSOC_BYE], 1);
    assert_int_equal(w.mgc->last_reason, 905);
    assert_false(is_up(w.mgc));
}

static void on_done(void *arg)
{
    struct end *e = arg;

    e->done = true;
}

static void test_farewell_of_the_mgc(void **state)
{
    (void)state;
    both_start();
    assoc_stop(w.mgc->a, on_done, w.mgc, lossy_now(w.net));
    run(200);
    assert_true(w.mgc->done);
    assert_int_equal(w.mg->events[ASSOC_BYE], 1);
    end_crash(w.mgc);
    end_up(w.mgc);
    assert_true(lossy_run(w.net, lossy_now(w.net) + 60000, both_up, NULL));
}

static void test_stop_does_not_wait_for_ever(void **state)
{
    struct lossy_conf cut = fair;

    (void)state;
    both_start();
    cut.loss = 100;
    lossy_set(w.net, &cut);
    assoc_stop(w.mgc->a, on_done, w.mgc, lossy_now(w.net));
    run(ASSOC_STOP_MS - 10);
    assert_false(w.mgc->done);
    run(20);
    assert_true(w.mgc->done);
}

static void test_stop_without_a_peer(void **state)
{
    (void)state;
    end_up(w.mg);
    assoc_stop(w.mg->a, on_done, w.mg, lossy_now(w.net));
    assert_false(w.mg->done); /* never from inside */
    run(1);
    assert_true(w.mg->done);
    run(60000);
    assert_int_equal(trans_open(assoc_trans(w.mg->a)), 0); /* nor does it register any more */
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_registration),
        T(test_registration_before_the_mgc_is_there),
        T(test_profiles_are_compared_folding_case),
        T(test_unknown_profile_is_refused_and_tried_again),
        T(test_lower_version_is_settled),
        T(test_mgs_are_kept_apart),
        T(test_thousands_of_requests_exactly_once),
        T(test_heartbeat_keeps_a_quiet_association),
        T(test_cut_and_return),
        T(test_request_without_answer_is_a_loss),
        T(test_mg_restart),
        T(test_mgc_restart_is_found_by_silence),
        T(test_mgc_restart_is_found_by_a_request),
        T(test_restarts_in_foul_weather),
        T(test_handoff),
        T(test_mgc_restart_is_told),
        T(test_next_mgc_of_the_list),
        T(test_farewell_of_the_mg),
        T(test_farewell_of_the_mgc),
        T(test_stop_does_not_wait_for_ever),
        T(test_stop_without_a_peer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
