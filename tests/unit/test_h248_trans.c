/* Our own transactions: repeats, Pending, replies, acknowledgement (h248/trans.h). */
#include "tests/unit/trans_rig.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG(test_retransmission_ends_in_timeout),
        RIG(test_back_off_doubles_up_to_the_cap),
        RIG(test_reply_ends_the_request_once),
        RIG(test_reply_from_elsewhere_is_none),
        RIG(test_error_reply_comes_through),
        RIG(test_pending_stops_repeats),
        RIG(test_pending_limit),
        RIG(test_immediate_ack),
        RIG(test_drop_peer_and_free_close_requests),
        RIG(test_open_requests_are_bounded),
        RIG(test_failing_build_sends_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
