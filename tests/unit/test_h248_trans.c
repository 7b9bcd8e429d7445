/* Transactions: at most once, Pending, acknowledgement, errors for what is malformed (h248/trans.h). Time is made up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <utlist.h>

#include "h248/trans.h"

#define MGC "MEGACO/2 [127.0.0.1]:2944\n"
#define REQ(tid) MGC "Transaction = " tid " { Context = - { AuditValue = ROOT { Audit { } } } }\n"

static struct { /* one trans and everything that it did */
    struct trans *t;
    struct addr peer;
    msec_t now;
    char sent[64][2048];
    unsigned n_sent;
    struct trans_in *in;
    unsigned n_requests, n_replies, n_bad;
    enum trans_result result;
    unsigned reply_error;
    bool refuse_peer;
    size_t answer_size;
} w;

static int on_send(void *arg, const struct addr *to, const void *p, size_t n)
{
    (void)arg;
    (void)to;
    if (w.n_sent < ARRAY_LEN(w.sent))
        snprintf(w.sent[w.n_sent], sizeof w.sent[0], "%.*s", (int)n, (const char *)p);
    w.n_sent++;
    return 0;
}

static void on_request(void *arg, struct trans_in *in, const struct h248_msg *msg, const struct h248_txn *req)
{
    (void)arg;
    (void)msg;
    assert_int_equal(req->kind, H248_REQUEST);
    w.in = in;
    w.n_requests++;
}

static void on_bad(void *arg, const struct addr *from, const struct h248_fault *f, struct sv text)
{
    (void)arg;
    (void)from;
    (void)f;
    (void)text;
    w.n_bad++;
}

static bool on_allowed(void *arg, const struct addr *from, const struct h248_mid *mid)
{
    (void)arg;
    (void)from;
    (void)mid;
    return !w.refuse_peer;
}

static void on_reply(void *arg, enum trans_result result, const struct h248_txn *reply)
{
    (void)arg;
    w.result = result;
    w.n_replies++;
    w.reply_error = reply && reply->error ? reply->error->code : 0;
}

static int build_request(struct arena *a, struct h248_txn *txn, void *arg)
{
    struct h248_cmd *c = h248_cmd_new(a, h248_action_new(a, txn, H248_CTX_NULL), H248_AUDIT_VALUE, SV("ROOT"));

    (void)arg;
    return c && h248_desc_new(a, &c->descs, H248_D_AUDIT) ? 0 : -ENOMEM;
}

static int build_answer(struct arena *a, struct h248_txn *txn, void *arg)
{
    struct h248_cmd *c;
    struct h248_desc *d;
    char *octets;

    (void)arg;
    c = h248_cmd_new(a, h248_action_new(a, txn, H248_CTX_NULL), H248_AUDIT_VALUE, SV("ROOT"));
    if (!c)
        return -ENOMEM;
    if (w.answer_size) {
        octets = arena_alloc(a, w.answer_size);
        d = h248_desc_new(a, &c->descs, H248_D_MEDIA);
        memset(octets, 'x', w.answer_size);
        h248_stream_new(a, &d->u.media, 1)->local = (struct h248_octets){true, {octets, w.answer_size}};
    }
    return 0;
}

static int build_failing(struct arena *a, struct h248_txn *txn, void *arg)
{
    (void)a;
    (void)txn;
    (void)arg;
    return -EIO;
}

static int setup(void **state)
{
    struct trans_h h = {on_send, on_request, on_bad, NULL, on_allowed, NULL};
    struct trans_conf c;

    (void)state;
    memset(&w, 0, sizeof w);
    w.now = 1000;
    addr_parse_hostport(&w.peer, SV("127.0.0.1:2944"), 0);
    trans_conf_default(&c);
    c.mid = (struct h248_mid){.kind = H248_MID_DOMAIN, .name = SV("agw1.example.net"), .has_port = true, .port = 2944};
    return trans_new(&w.t, &c, &h);
}

static int teardown(void **state)
{
    (void)state;
    trans_free(w.t);
    return 0;
}

static void input(const char *text)
{
    trans_input(w.t, &w.peer, text, strlen(text), w.now);
}

/* Time passes, deadline by deadline. */
static void pass(msec_t ms)
{
    msec_t end = w.now + ms, due;
    unsigned turns = 0;

    while ((due = trans_deadline(w.t)) <= end) {
        assert_true(turns++ < 100000);
        w.now = due > w.now ? due : w.now;
        trans_tick(w.t, w.now);
    }
    w.now = end;
}

static uint32_t request(void)
{
    uint32_t tid = 0;

    assert_int_equal(trans_request(w.t, &w.peer, build_request, NULL, on_reply, NULL, &tid, w.now), 0);
    return tid;
}

static void reply(const char *fmt, uint32_t tid)
{
    char text[512];

    snprintf(text, sizeof text, fmt, tid);
    input(text);
}

static const char *last(void)
{
    return w.n_sent ? w.sent[(w.n_sent - 1) % ARRAY_LEN(w.sent)] : "";
}

/* --- our requests --- */

static void test_retransmission_ends_in_timeout(void **state)
{
    (void)state;
    request();
    pass(100000);
    assert_int_equal(w.n_sent, 7); /* Max2 */
    for (unsigned i = 1; i < 7; i++)
        assert_string_equal(w.sent[0], w.sent[i]);
    assert_int_equal(w.n_replies, 1);
    assert_int_equal(w.result, TRANS_TIMEOUT);
    assert_int_equal(trans_open(w.t), 0);
    assert_int_equal(trans_deadline(w.t), MSEC_NEVER);
    assert_int_equal(count_get(&trans_counts(w.t)[TRANS_C_TIMEOUT]), 1);
    assert_int_equal(count_get(&trans_counts(w.t)[TRANS_C_RETRANSMITTED]), 6);
}

static void test_back_off_doubles_up_to_the_cap(void **state)
{
    msec_t at[7];
    static const unsigned step[] = {500, 1000, 2000, 4000, 4000, 4000};

    (void)state;
    request();
    at[0] = w.now;
    for (unsigned n = 1; n < 7; n++) {
        while (w.n_sent == n) {
            w.now = trans_deadline(w.t);
            trans_tick(w.t, w.now);
        }
        at[n] = w.now;
        assert_in_range(at[n] - at[n - 1], step[n - 1] * 3 / 4, step[n - 1] * 5 / 4 + 1);
    }
}

static void test_reply_ends_the_request_once(void **state)
{
    uint32_t tid = request();

    (void)state;
    reply(MGC "Reply = %u { Context = - { AuditValue = ROOT } }\n", tid);
    reply(MGC "Reply = %u { Context = - { AuditValue = ROOT } }\n", tid);
    reply(MGC "Pending = %u { }\n", tid);
    pass(60000);
    assert_int_equal(w.n_replies, 1);
    assert_int_equal(w.result, TRANS_REPLY);
    assert_int_equal(w.n_sent, 1); /* no repeat, no ack */
}

static void test_reply_from_elsewhere_is_none(void **state)
{
    uint32_t tid = request();
    struct addr other;
    char text[256];

    (void)state;
    addr_parse_hostport(&other, SV("192.0.2.1:2944"), 0);
    snprintf(text, sizeof text, MGC "Reply = %u { Context = - { AuditValue = ROOT } }\n", tid);
    trans_input(w.t, &other, text, strlen(text), w.now);
    assert_int_equal(w.n_replies, 0);
    assert_int_equal(trans_open(w.t), 1);
}

static void test_error_reply_comes_through(void **state)
{
    uint32_t tid = request();

    (void)state;
    reply(MGC "Reply = %u { Error = 505 { \"not yet\" } }\n", tid);
    assert_int_equal(w.reply_error, 505);
}

static void test_pending_stops_repeats(void **state)
{
    uint32_t tid = request();

    (void)state;
    reply(MGC "Pending = %u { }\n", tid);
    pass(3900);
    assert_int_equal(w.n_sent, 1);
    pass(60000); /* nothing more is heard: slow repeats, then the end */
    assert_in_range(w.n_sent, 2, 8);
    assert_int_equal(w.result, TRANS_TIMEOUT);
    assert_int_equal(w.n_replies, 1);
}

static void test_pending_limit(void **state)
{
    uint32_t tid = request();

    (void)state;
    for (int i = 0; i < 5; i++) {
        reply(MGC "Pending = %u { }\n", tid);
        reply(MGC "Pending = %u { }\n", tid); /* the network's copy does not count */
        pass(2000);
    }
    assert_int_equal(w.n_replies, 0);
    reply(MGC "Pending = %u { }\n", tid);
    assert_int_equal(w.n_replies, 1);
    assert_int_equal(w.result, TRANS_LIMIT);
}

static void test_immediate_ack(void **state)
{
    uint32_t tid = request();
    char want[64];

    (void)state;
    reply(MGC "Reply = %u { ImmAckRequired, Context = - { AuditValue = ROOT } }\n", tid);
    snprintf(want, sizeof want, "%u", tid);
    assert_int_equal(w.n_sent, 2);
    assert_non_null(strstr(last(), "TransactionResponseAck"));
    assert_non_null(strstr(last(), want));
    reply(MGC "Reply = %u { ImmAckRequired, Context = - { AuditValue = ROOT } }\n", tid);
    assert_int_equal(w.n_sent, 3); /* the first ack may have been lost */
    assert_int_equal(w.n_replies, 1);
}

static void test_drop_peer_and_free_close_requests(void **state)
{
    struct addr other;

    (void)state;
    addr_parse_hostport(&other, SV("127.0.0.1:9"), 0);
    request();
    request();
    trans_drop_peer(w.t, &other);
    assert_int_equal(w.n_replies, 0);
    trans_drop_peer(w.t, &w.peer);
    assert_int_equal(w.n_replies, 2);
    assert_int_equal(w.result, TRANS_CLOSED);
    request();
    trans_free(w.t);
    w.t = NULL;
    assert_int_equal(w.n_replies, 3);
}

static void test_open_requests_are_bounded(void **state)
{
    int err = 0;

    (void)state;
    for (unsigned i = 0; i <= TRANS_OPEN_MAX && !err; i++)
        err = trans_request(w.t, &w.peer, build_request, NULL, on_reply, NULL, NULL, w.now);
    assert_int_equal(err, -ENOBUFS);
    assert_int_equal(trans_open(w.t), TRANS_OPEN_MAX);
}

static void test_failing_build_sends_nothing(void **state)
{
    (void)state;
    assert_int_equal(trans_request(w.t, &w.peer, build_failing, NULL, on_reply, NULL, NULL, w.now), -EIO);
    assert_int_equal(w.n_sent + w.n_replies + trans_open(w.t), 0);
}

/* --- the peers' requests --- */

static void test_repeat_of_an_answered_request(void **state)
{
    (void)state;
    input(REQ("11"));
    assert_int_equal(trans_answer(w.in, build_answer, NULL, w.now), 0);
    input(REQ("11"));
    assert_int_equal(w.n_requests, 1);
    assert_int_equal(w.n_sent, 2);
    assert_string_equal(w.sent[0], w.sent[1]);
    pass(29000);
    input(REQ("11"));
    assert_int_equal(w.n_requests, 1);
    pass(2000); /* LONG-TIMER over: forgotten */
    input(REQ("11"));
    assert_int_equal(w.n_requests, 2);
}

static void test_same_id_of_another_peer_or_with_other_content(void **state)
{
    (void)state;
    input(REQ("11"));
    trans_answer(w.in, build_answer, NULL, w.now);
    input("MEGACO/2 [127.0.0.1]:2945 Transaction = 11 { Context = - { AuditValue = ROOT { Audit { } } } }\n");
    trans_answer(w.in, build_answer, NULL, w.now);
    assert_int_equal(w.n_requests, 2);
    input(MGC "Transaction = 11 { Context = - { AuditValue = ROOT { Audit { Packages } } } }\n"); /* it restarted */
    trans_answer(w.in, build_answer, NULL, w.now);
    assert_int_equal(w.n_requests, 3);
    input("!/2 [127.0.0.1]:2944 T=11{C=-{AV=ROOT{AT{PG}}}}\n"); /* the same in other words */
    assert_int_equal(w.n_requests, 3);
}

static void test_pending_while_running(void **state)
{
    (void)state;
    input(REQ("11"));
    input(REQ("11"));
    assert_int_equal(w.n_sent, 1);
    assert_non_null(strstr(last(), "Pending"));
    pass(2100);
    assert_int_equal(w.n_sent, 2);
    assert_non_null(strstr(last(), "Pending"));
    trans_answer(w.in, build_answer, NULL, w.now);
    assert_non_null(strstr(last(), "ImmAckRequired"));
    pass(1000); /* the requester repeats no more: the reply is, until the ack */
    assert_true(w.n_sent > 3);
    assert_non_null(strstr(last(), "ImmAckRequired"));
    input(MGC "TransactionResponseAck { 11 }\n");
    w.n_sent = 0;
    pass(20000);
    input(REQ("11")); /* a straggler is dropped in silence */
    assert_int_equal(w.n_sent, 0);
    assert_int_equal(w.n_requests, 1);
}

static void test_pendings_sent_are_limited(void **state)
{
    (void)state;
    input(REQ("11"));
    for (int i = 0; i < 20; i++)
        input(REQ("11"));
    assert_int_equal(w.n_sent, 1);
    pass(60000);
    assert_int_equal(w.n_sent, 5);
    assert_int_equal(count_get(&trans_counts(w.t)[TRANS_C_PENDING_OUT]), 5);
    trans_answer(w.in, build_answer, NULL, w.now);
    assert_non_null(strstr(last(), "Reply = 11"));
}

static void test_acks_in_ranges(void **state)
{
    (void)state;
    input(REQ("11"));
    trans_answer(w.in, build_answer, NULL, w.now);
    input(REQ("13"));
    trans_answer(w.in, build_answer, NULL, w.now);
    input(MGC "TransactionResponseAck { 9, 12-4294967295 }\n");
    w.n_sent = 0;
    input(REQ("13"));
    assert_int_equal(w.n_sent, 0);
    input(REQ("11"));
    assert_int_equal(w.n_sent, 1);
    input(MGC "TransactionResponseAck { 12-9 }\n"); /* upside down: empty */
    input(REQ("11"));
    assert_int_equal(w.n_sent, 2);
}

static void test_several_requests_in_a_message(void **state)
{
    (void)state;
    input(MGC "Transaction = 1 { Context = - { AuditValue = ROOT { Audit { } } } }\n"
              "Transaction = 2 { Context = - { AuditValue = ROOT { Audit { } } } }\n");
    assert_int_equal(w.n_requests, 2);
}

static void test_reply_too_big_is_533(void **state)
{
    (void)state;
    input(REQ("11"));
    w.answer_size = 65500;
    assert_int_equal(trans_answer(w.in, build_answer, NULL, w.now), -EMSGSIZE);
    assert_non_null(strstr(last(), "533"));
    input(REQ("11"));
    assert_non_null(strstr(last(), "533"));
    assert_int_equal(w.n_requests, 1);
}

static int build_without_end(struct arena *a, struct h248_txn *txn, void *arg)
{
    (void)txn;
    (void)arg;
    while (arena_alloc(a, 1000))
        ;
    return -ENOMEM;
}

/* An audit of everything fills the arena long before it is encoded: too long as well, no fault of ours. */
static void test_reply_above_the_arena_is_533(void **state)
{
    (void)state;
    input(REQ("11"));
    assert_int_equal(trans_answer(w.in, build_without_end, NULL, w.now), -ENOMEM);
    assert_non_null(strstr(last(), "533"));
}

/* A refusal of a stranger takes no memory: its repeat is a new request. */
static void test_forgotten_answer(void **state)
{
    (void)state;
    input(REQ("11"));
    trans_in_forget(w.in);
    assert_int_equal(trans_answer(w.in, build_answer, NULL, w.now), 0);
    input(REQ("11"));
    assert_int_equal(w.n_requests, 2);
    assert_int_equal(trans_answer(w.in, build_answer, NULL, w.now), 0);
    input(REQ("11"));
    assert_int_equal(w.n_requests, 2);
}

static void test_failing_answer_is_500(void **state)
{
    (void)state;
    input(REQ("11"));
    assert_int_equal(trans_answer(w.in, build_failing, NULL, w.now), -EIO);
    assert_non_null(strstr(last(), "500"));
}

static void test_versions(void **state)
{
    (void)state;
    trans_next_version(w.t, 1);
    request();
    assert_non_null(strstr(last(), "MEGACO/1"));
    request();
    assert_non_null(strstr(last(), "MEGACO/2"));
    input(REQ("11"));
    trans_in_version(w.in, 1);
    trans_answer(w.in, build_answer, NULL, w.now);
    assert_non_null(strstr(last(), "MEGACO/1"));
    trans_set_version(w.t, 3);
    request();
    assert_non_null(strstr(last(), "MEGACO/3"));
}

static void test_forget_peer(void **state)
{
    struct h248_mid mid = {.kind = H248_MID_IP4, .name = SV("127.0.0.1"), .has_port = true, .port = 2944};

    (void)state;
    input(REQ("11"));
    trans_answer(w.in, build_answer, NULL, w.now);
    input(REQ("12")); /* running */
    trans_forget_peer(w.t, &mid);
    input(REQ("12"));
    assert_int_equal(w.n_requests, 2);
    input(REQ("11"));
    assert_int_equal(w.n_requests, 3);
}

/* --- malformed input --- */

static void test_malformed_messages(void **state)
{
    static const struct {
        const char *text;
        const char *says; /* NULL: no answer */
        unsigned requests;
    } rows[] = {
        {"garbage", "Error = 400", 0},
        {"", NULL, 0},
        {"MEGACO/9 [127.0.0.1] Transaction = 1 { Context = - { AuditValue = ROOT { Audit { } } } }", "Error = 406", 0},
        {MGC "Transaction = 5 { Context = - { AuditValue = ROOT { Audit { } }", "5", 0},
        {MGC "Transaction = 5 { nonsense }", "Reply = 5", 0},
        {MGC "Transaction = 5 { Context = 7 { Add = ip/1 { Nonsense } } }", "Add = ip/1", 0},
        {MGC "Reply = 5 { nonsense }", NULL, 0},
        {MGC "Pending = 5 { nonsense }", NULL, 0},
        {MGC "TransactionResponseAck { x }", NULL, 0},
        {MGC "Error = 400 { \"what\" }", NULL, 0},
        {MGC "Error = 400 { what", NULL, 0},
        {MGC "Transaction = 0 { Context = - { AuditValue = ROOT { Audit { } } } }", "Reply = 0", 0},
        {MGC "Transaction = 4 { Context = - { AuditValue = ROOT { Audit { } } } } Transaction = 5 { nonsense }", "Reply = 5", 1},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        w.now += 1000;
        w.n_sent = w.n_requests = 0;
        input(rows[i].text);
        if (w.n_requests != rows[i].requests)
            fail_msg("row %zu: %u requests", i, w.n_requests);
        if (rows[i].says ? w.n_sent != 1 || !strstr(last(), rows[i].says) : w.n_sent != 0)
            fail_msg("row %zu: %u sent: %s", i, w.n_sent, last());
    }
}

static void test_error_answers_are_limited(void **state)
{
    (void)state;
    for (int i = 0; i < 1000; i++)
        input("garbage");
    assert_int_equal(w.n_sent, TRANS_ERROR_RATE);
    assert_int_equal(w.n_bad, 1000);
    w.now += 1000;
    input("garbage");
    assert_int_equal(w.n_sent, TRANS_ERROR_RATE + 1);
}

static void test_peer_that_is_not_allowed(void **state)
{
    (void)state;
    w.refuse_peer = true;
    input(REQ("11"));
    assert_int_equal(w.n_requests, 0);
    assert_non_null(strstr(last(), "Error = 402"));
    input(MGC "Pending = 1 { }\n");
    assert_int_equal(w.n_sent, 1);
}

static void test_eleven_transactions_are_413(void **state)
{
    char text[4096] = MGC;

    (void)state;
    for (int i = 1; i <= 11; i++)
        sprintf(text + strlen(text), "Transaction = %d { Context = - { AuditValue = ROOT { Audit { } } } }\n", i);
    input(text);
    assert_int_equal(w.n_requests, 0);
    assert_non_null(strstr(last(), "Error = 413"));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_retransmission_ends_in_timeout),
        T(test_back_off_doubles_up_to_the_cap),
        T(test_reply_ends_the_request_once),
        T(test_reply_from_elsewhere_is_none),
        T(test_error_reply_comes_through),
        T(test_pending_stops_repeats),
        T(test_pending_limit),
        T(test_immediate_ack),
        T(test_drop_peer_and_free_close_requests),
        T(test_open_requests_are_bounded),
        T(test_failing_build_sends_nothing),
        T(test_repeat_of_an_answered_request),
        T(test_same_id_of_another_peer_or_with_other_content),
        T(test_pending_while_running),
        T(test_pendings_sent_are_limited),
        T(test_acks_in_ranges),
        T(test_several_requests_in_a_message),
        T(test_reply_too_big_is_533),
        T(test_reply_above_the_arena_is_533),
        T(test_forgotten_answer),
        T(test_failing_answer_is_500),
        T(test_versions),
        T(test_forget_peer),
        T(test_malformed_messages),
        T(test_error_answers_are_limited),
        T(test_peer_that_is_not_allowed),
        T(test_eleven_transactions_are_413),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
