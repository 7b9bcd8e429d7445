/* What agw tells its controller: events of channels and connections, heartbeats, silence, and what comes back. */
#include "tests/unit/cmd_call.h"

static void test_dtls_failure(void **state)
{
    struct rig *r = *state;
    bus_id id;

    run(r, ADD_T2);
    run(r, MODIFY_T2);
    run(r, ADD_T1);
    id = worker_got(r, BUS_SEP_OPEN)->u.sep.id;
    event(r, id, BUS_EV_ICE_UP);
    event(r, id, BUS_EV_TCP_CLOSED); /* not armed */
    assert_int_equal(r->n_sent, 0);
    event(r, id, BUS_EV_DTLS_FAILED);
    assert_int_equal(r->n_sent, 1);
    assert_non_null(strstr(r->sent, "C=1{N=ip/1/access/2{OE=2003{"));
    assert_non_null(strstr(r->sent, "tlsbsc/BNCChange"));
    assert_non_null(strstr(r->sent, "Type=Failed"));
    r->cb(r->cb_arg, TRANS_TIMEOUT, NULL);
    assert_int_equal(count_get(&r->ctl->counts[CTL_C_TERMS]), 2);
    run(r, RELEASE);
    event(r, id, BUS_EV_DTLS_FAILED); /* late */
    assert_int_equal(r->n_sent, 1);
}

static void reply_with(struct rig *r, unsigned code)
{
    struct arena *a = arena_new(H248_ARENA_MAX);
    struct h248_txn *t = h248_txn_new(a, h248_msg_new(a, 2, &MID), H248_REPLY, 9001);
    struct h248_cmd *c = h248_cmd_new(a, h248_action_new(a, t, 1), H248_NOTIFY, SV("ip/1/core/1"));

    if (code)
        h248_cmd_error(a, c, code, NULL);
    r->cb(r->cb_arg, TRANS_REPLY, t);
    arena_free(a);
}

/* RFC 4975 5.4: the active party may open a lost connection again. That it came is told, the first time is not. */
static void test_tcp_comes_back(void **state)
{
    struct rig *r = *state;
    bus_id id;

    run(r, ADD_T2);
    id = data_got(r, BUS_TCP_OPEN)->u.tcp.id;
    run(r, "Context = 1 { Modify = ip/1/core/1 { Events = 5 { tcpbcc/BNCChange { Stream = 2 } } } }");
    event(r, id, BUS_EV_TCP_UP);
    assert_int_equal(r->n_sent, 0);
    for (unsigned i = 0; i < 2; i++) {
        event(r, id, BUS_EV_TCP_CLOSED);
        assert_int_equal(r->n_sent, 2 * i + 1);
        assert_non_null(strstr(r->sent, "Type=Rel"));
        reply_with(r, 0);
        event(r, id, BUS_EV_TCP_UP);
        assert_int_equal(r->n_sent, 2 * i + 2);
        assert_non_null(strstr(r->sent, "C=1{N=ip/1/core/1{OE=5{"));
        assert_non_null(strstr(r->sent, "tcpbcc/BNCChange"));
        assert_non_null(strstr(r->sent, "Type=Est"));
        reply_with(r, 0);
        event(r, id, BUS_EV_TCP_UP);
        assert_int_equal(r->n_sent, 2 * i + 2);
    }
    /* Est waits for the reply to Rel; what came and went meanwhile is not told */
    event(r, id, BUS_EV_TCP_CLOSED);
    event(r, id, BUS_EV_TCP_UP);
    event(r, id, BUS_EV_TCP_CLOSED);
    event(r, id, BUS_EV_TCP_UP);
    assert_int_equal(r->n_sent, 5);
    reply_with(r, 0);
    assert_int_equal(r->n_sent, 6);
    assert_non_null(strstr(r->sent, "Type=Est"));
    reply_with(r, 0);
    r->send_err = -ENOTCONN;
    event(r, id, BUS_EV_TCP_CLOSED);
    r->send_err = 0;
    event(r, id, BUS_EV_TCP_UP); /* it may have heard of the loss */
    assert_int_equal(r->n_sent, 7);
    reply_with(r, 0);
    event(r, id, BUS_EV_TCP_CLOSED);
    run(r, RELEASE);
    reply_with(r, 0);
    assert_int_equal(r->n_sent, 8);
}

static void test_heartbeat(void **state)
{
    struct rig *r = *state;

    run(r, ADD_T2);
    r->now += 3599999;
    ctl_tick(r->ctl, r->now);
    assert_int_equal(r->n_sent, 0);
    r->now += 1;
    ctl_tick(r->ctl, r->now);
    assert_int_equal(r->n_sent, 1);
    assert_non_null(strstr(r->sent, "OE=2001{"));
    assert_non_null(strstr(r->sent, "hangterm/thb"));
    reply_with(r, 0);
    assert_int_equal(count_get(&r->ctl->counts[CTL_C_TERMS]), 1);
    r->now += 3600000;
    ctl_tick(r->ctl, r->now);
    assert_int_equal(r->n_sent, 2);
    reply_with(r, 411); /* the controller knows nothing of it: H.248.36 */
    look(r);
    assert_int_equal(count_get(&r->ctl->counts[CTL_C_CONTEXTS]), 0);
    assert_non_null(data_got(r, BUS_CLOSE));
    r->now += 3600000;
    ctl_tick(r->ctl, r->now);
    assert_int_equal(r->n_sent, 2);
}

static void test_events_replaced(void **state)
{
    struct rig *r = *state;

    run(r, ADD_T2);
    run(r, "Context = 1 { Modify = ip/1/core/1 { Events = 9 { g/cause } } }");
    r->now += 7200000;
    ctl_tick(r->ctl, r->now);
    assert_int_equal(r->n_sent, 0);
    event(r, 1, BUS_EV_TCP_FAILED);
    assert_int_equal(r->n_sent, 1);
    assert_non_null(strstr(r->sent, "OE=9{"));
    assert_non_null(strstr(r->sent, "g/cause{Generalcause=FT}"));
    reply_with(r, 0);
    run(r, "Context = 1 { Modify = ip/1/core/1 { Events } }");
    event(r, 1, BUS_EV_TCP_FAILED);
    assert_int_equal(r->n_sent, 1);
}

static void test_notify_unsent(void **state)
{
    struct rig *r = *state;

    run(r, ADD_T2);
    r->send_err = -ENOTCONN;
    r->now += 3600000;
    ctl_tick(r->ctl, r->now);
    assert_int_equal(count_get(&r->ctl->counts[CTL_C_NOTIFY_LOST]), 1);
    assert_int_equal(r->ctl->notifying, 0);
}

static void test_ito(void **state)
{
    struct rig *r = *state;

    assert_int_equal(
        error_of(
            run(r, "Context = - { Modify = ROOT { Events = 3003 { it/ito { mit = 3000 } } } }")),
        0);
    r->now += 29000;
    ctl_heard(r->ctl, r->now);
    r->now += 29999;
    ctl_tick(r->ctl, r->now);
    assert_int_equal(r->n_sent, 0);
    r->now += 1;
    ctl_tick(r->ctl, r->now);
    assert_int_equal(r->n_sent, 1);
    assert_non_null(strstr(r->sent, "C=-{N=ROOT{OE=3003{"));
    reply_with(r, 0);
}

static void test_orphans(void **state)
{
    struct rig *r = *state;

    call_up(r);
    ctl_down(r->ctl, r->now);
    r->now += 999;
    ctl_tick(r->ctl, r->now);
    assert_int_equal(count_get(&r->ctl->counts[CTL_C_CONTEXTS]), 1);
    ctl_up(r->ctl, r->now);
    r->now += 5000;
    ctl_tick(r->ctl, r->now);
    assert_int_equal(count_get(&r->ctl->counts[CTL_C_CONTEXTS]), 1);
    ctl_down(r->ctl, r->now);
    r->now += 1000;
    ctl_tick(r->ctl, r->now);
    assert_int_equal(count_get(&r->ctl->counts[CTL_C_CONTEXTS]), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_dtls_failure, setup, teardown),
        cmocka_unit_test_setup_teardown(test_tcp_comes_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_heartbeat, setup, teardown),
        cmocka_unit_test_setup_teardown(test_events_replaced, setup, teardown),
        cmocka_unit_test_setup_teardown(test_notify_unsent, setup, teardown),
        cmocka_unit_test_setup_teardown(test_ito, setup, teardown),
        cmocka_unit_test_setup_teardown(test_orphans, setup, teardown),
    };

    return cmocka_run_group_tests_name("agw_cmd_event", tests, NULL, NULL);
}
