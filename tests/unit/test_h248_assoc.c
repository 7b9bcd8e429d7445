/* Control association over a network that loses, repeats and reorders (h248/assoc.h, tests/fake/lossy.h): registration,
 * exactly-once requests, loss and return, restarts of either end, hand-over. Time is made up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <utlist.h>

#include "common/log.h"
#include "h248/assoc.h"
#include "tests/fake/lossy.h"

#define SERIALS 4000
#define HELD 64

static const struct lossy_conf fair = {.seed = 1, .delay_min = 1, .delay_max = 5};
static const struct lossy_conf foul = {.seed = 1, .loss = 20, .dup = 20, .reorder = 20, .delay_min = 1, .delay_max = 20};

struct held { /* a request that is answered later */
    struct trans_in *in;
    unsigned serial;
    msec_t due;
};

struct end { /* one process: an association and what it saw */
    struct lossy *net;
    struct addr at;
    struct assoc *a;
    struct assoc_conf conf;
    char name[64], profile[32];
    unsigned events[8];
    unsigned last_reason;
    char term[64];
    struct assoc_peer *peer;         /* of the last event */
    unsigned requests, audits;
    unsigned answer_code;            /* 0: normally */
    uint8_t executed[SERIALS], replied[SERIALS];
    unsigned n_replied, n_failed;
    enum trans_result last_result;
    unsigned slow;                   /* every nth request is answered late */
    struct held held[HELD];
    unsigned n_held, served;
    bool done;
    unsigned seen_v1;                /* outgoing messages with a version 1 header */
    const char *only;                /* the MID that may talk to it; NULL: all */
};

/* --- one end --- */

static int on_send(void *arg, const struct addr *to, const void *p, size_t n)
{
    struct end *e = arg;

    return lossy_send(e->net, &e->at, to, p, n);
}

static void on_event(void *arg, struct assoc_peer *peer, enum assoc_event ev, struct sv term, unsigned reason)
{
    struct end *e = arg;

    e->events[ev]++;
    e->last_reason = reason;
    e->peer = peer;
    sv_copy(term, e->term, sizeof e->term);
}

static int build_answer(struct arena *a, struct h248_txn *txn, void *arg)
{
    const unsigned *serial = arg;
    struct h248_action *ac = h248_action_new(a, txn, *serial + 1);

    return h248_cmd_new(a, ac, H248_MODIFY, SV("ip/1")) ? 0 : -ENOMEM;
}

static int build_audit_answer(struct arena *a, struct h248_txn *txn, void *arg)
{
    struct h248_action *ac = h248_action_new(a, txn, H248_CTX_NULL);

    (void)arg;
    return h248_cmd_new(a, ac, H248_AUDIT_VALUE, SV("ROOT")) ? 0 : -ENOMEM;
}

static int build_error(struct arena *a, struct h248_txn *txn, void *arg)
{
    txn->error = h248_error_new(a, *(unsigned *)arg, NULL);
    return txn->error ? 0 : -ENOMEM;
}

static void on_request(void *arg, struct assoc_peer *peer, struct trans_in *in, const struct h248_msg *msg,
                       const struct h248_txn *req)
{
    struct end *e = arg;
    unsigned serial = req->actions->context - 1;
    msec_t now = lossy_now(e->net);

    (void)msg;
    assert_ptr_equal(peer, e->peer);
    e->requests++;
    if (e->answer_code) {
        assoc_answer(e->a, in, build_error, &e->answer_code, now);
    } else if (req->actions->context == H248_CTX_NULL) {
        e->audits++;
        assoc_answer(e->a, in, build_audit_answer, NULL, now);
    } else {
        assert_in_range(serial, 0, SERIALS - 1);
        e->executed[serial]++;
        if (e->slow && ++e->served % e->slow == 0 && e->n_held < HELD)
            e->held[e->n_held++] = (struct held){in, serial, now + 2500 + serial % 3000};
        else
            assoc_answer(e->a, in, build_answer, &serial, now);
    }
}

static void on_seen(void *arg, bool out, const struct addr *peer, struct sv text, const struct h248_msg *msg)
{
    struct end *e = arg;

    (void)peer;
    (void)text;
    e->seen_v1 += out && msg->version == 1;
}

static bool on_allowed(void *arg, const struct addr *from, const struct h248_mid *mid)
{
    const struct end *e = arg;

    (void)from;
    return !e->only || sv_iis(mid->name, e->only);
}

static void end_input(void *arg, const struct addr *from, const void *p, size_t n, msec_t now)
{
    struct end *e = arg;

    assoc_input(e->a, from, p, n, now);
}

static void end_tick(void *arg, msec_t now)
{
    struct end *e = arg;

    for (unsigned i = 0; i < e->n_held;) {
        struct held h = e->held[i];

        if (now < h.due) {
            i++;
            continue;
        }
        e->held[i] = e->held[--e->n_held];
        assoc_answer(e->a, h.in, build_answer, &h.serial, now);
    }
    assoc_tick(e->a, now);
}

static msec_t end_deadline(void *arg)
{
    struct end *e = arg;
    msec_t due = assoc_deadline(e->a);

    for (unsigned i = 0; i < e->n_held; i++) {
        if (e->held[i].due < due)
            due = e->held[i].due;
    }
    return due;
}

static void end_up(struct end *e)
{
    struct assoc_h h = {on_send, on_event, on_request, on_seen, NULL, e, on_allowed, NULL};
    struct lossy_node node = {e->at, end_input, end_tick, end_deadline, e};

    e->peer = NULL;
    e->n_held = 0;
    assert_int_equal(assoc_new(&e->a, &e->conf, &h, lossy_now(e->net)), 0);
    assert_int_equal(lossy_join(e->net, &node), 0);
    assoc_start(e->a, lossy_now(e->net));
}

static struct end *end_new(struct lossy *net, enum assoc_role role, const char *at, const struct end *mgc)
{
    struct end *e = calloc(1, sizeof *e);

    assert_non_null(e);
    e->net = net;
    assert_int_equal(addr_parse_hostport(&e->at, sv_from(at), 0), 0);
    snprintf(e->name, sizeof e->name, "%s-%u.example.net", role == ASSOC_MG ? "agw" : "alg", addr_port(&e->at));
    assoc_conf_default(&e->conf, role);
    e->conf.trans.mid = (struct h248_mid){.kind = H248_MID_DOMAIN, .name = sv_from(e->name)};
    if (mgc) {
        e->conf.mgc[0] = mgc->at;
        e->conf.n_mgc = 1;
    }
    return e;
}

static void end_crash(struct end *e)
{
    lossy_leave(e->net, &e->at);
    assoc_free(e->a);
    e->a = NULL;
}

static void end_free(struct end *e)
{
    if (!e)
        return;
    if (e->a)
        end_crash(e);
    free(e);
}

/* --- two ends and a network --- */

static struct world {
    struct lossy *net;
    struct end *mg, *mgc, *mgc2;
} w;

static int setup(void **state)
{
    (void)state;
    log_init(LOG_ERROR);
    memset(&w, 0, sizeof w);
    if (lossy_new(&w.net, &fair))
        return -1;
    w.mgc = end_new(w.net, ASSOC_MGC, "192.0.2.1:2944", NULL);
    w.mg = end_new(w.net, ASSOC_MG, "192.0.2.9:2944", w.mgc);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    end_free(w.mg);
    end_free(w.mgc);
    end_free(w.mgc2);
    lossy_free(w.net);
    return 0;
}

static void run(msec_t ms)
{
    lossy_run(w.net, lossy_now(w.net) + ms, NULL, NULL);
}

static bool is_up(const struct end *e)
{
    return e->peer && assoc_peer_up(e->peer);
}

static bool both_up(void *arg)
{
    (void)arg;
    return is_up(w.mg) && is_up(w.mgc);
}

static void both_start(void)
{
    end_up(w.mgc);
    end_up(w.mg);
    assert_true(lossy_run(w.net, lossy_now(w.net) + 60000, both_up, NULL));
}

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

struct ask {
    struct end *e;
    unsigned serial;
};

static int build_serial(struct arena *a, struct h248_txn *txn, void *arg)
{
    const struct ask *k = arg;
    struct h248_cmd *c = h248_cmd_new(a, h248_action_new(a, txn, k->serial + 1), H248_MODIFY, SV("ip/1"));
    struct h248_desc *d = c ? h248_desc_new(a, &c->descs, H248_D_SIGNALS) : NULL;

    return d ? 0 : -ENOMEM;
}

static void on_reply(void *arg, enum trans_result result, const struct h248_txn *reply)
{
    struct ask *k = arg;

    k->e->last_result = result;
    if (result == TRANS_REPLY && !reply->error) {
        assert_int_equal(reply->actions->context, k->serial + 1); /* the reply to this request, not to another */
        k->e->replied[k->serial]++;
        k->e->n_replied++;
    } else {
        k->e->n_failed++;
    }
    free(k);
}

static int ask(struct end *e, unsigned serial)
{
    struct ask *k = malloc(sizeof *k);
    int err;

    *k = (struct ask){e, serial};
    err = assoc_request(e->a, e->peer, build_serial, k, on_reply, k, lossy_now(e->net));
    if (err)
        free(k);
    return err;
}

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
