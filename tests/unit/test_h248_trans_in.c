/* The peers' transactions: at most once, Pending, errors for what is malformed (h248/trans.h). */
#include "tests/unit/trans_rig.h"

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
    const struct CMUnitTest tests[] = {
        RIG(test_repeat_of_an_answered_request),
        RIG(test_same_id_of_another_peer_or_with_other_content),
        RIG(test_pending_while_running),
        RIG(test_pendings_sent_are_limited),
        RIG(test_acks_in_ranges),
        RIG(test_several_requests_in_a_message),
        RIG(test_reply_too_big_is_533),
        RIG(test_reply_above_the_arena_is_533),
        RIG(test_forgotten_answer),
        RIG(test_failing_answer_is_500),
        RIG(test_versions),
        RIG(test_forget_peer),
        RIG(test_malformed_messages),
        RIG(test_error_answers_are_limited),
        RIG(test_peer_that_is_not_allowed),
        RIG(test_eleven_transactions_are_413),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
