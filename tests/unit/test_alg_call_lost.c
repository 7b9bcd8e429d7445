/* Calls that lose something: the WebSocket, the core's MSRP connection, the browser's transport, alg itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/log.h"
#include "tests/fake/call_steps.h"

static int64_t dropped(void)
{
    return count_get(&calls_counts(W.calls)[CALL_C_DROPPED]);
}

static void test_orphan(void **state)
{
    struct sip_msg m = {.method = "OPTIONS", .side = SIP_W2, .flow = WIC_FLOW + 9, .to_tag = "t"};
    struct sip_in *in;
    struct sip_dlg *d;

    (void)state;
    world_open(1);
    establish(wic_offer, core_answer);
    calls_flow_closed(W.calls, WIC_FLOW);
    assert_int_equal(W.calls->list->fsm.state, CALL_ORPHAN);
    assert_int_equal(inside(dlg_of(SIP_MW), "INVITE", core_offer)->status, 480);
    d = dlg_of(SIP_W2);
    in = in_new("OPTIONS");
    d->h.request(d->h.arg, d, in, &m);
    assert_int_equal(in->status, 200);
    assert_int_equal(W.calls->list->fsm.state, CALL_ACTIVE);
    assert_int_equal(d->flow, WIC_FLOW + 9);
    calls_flow_closed(W.calls, WIC_FLOW + 9);
    fsm_event(&W.calls->list->fsm, EV_TIMEOUT, NULL);
    assert_int_equal(dropped(), 1);
    world_drain(false, NULL);
    world_close();
    world_open(1); /* who hangs up, or was never answered, was not dropped */
    establish(wic_offer, core_answer);
    inside(dlg_of(SIP_MW), "BYE", NULL);
    world_drain(false, NULL);
    originate(wic_offer);
    calls_flow_closed(W.calls, WIC_FLOW);
    world_drain(false, NULL);
    assert_int_equal(dropped(), 0);
    assert_int_equal(count_get(&calls_counts(W.calls)[CALL_C_FAILED]), 1);
    world_close();
}

/* It registers again from elsewhere: the call goes on, in whichever order the old connection is found lost. */
static void test_moved(void **state)
{
    struct sip_in *in;

    (void)state;
    world_open(1);
    establish(wic_offer, core_answer);
    calls_flow_closed(W.calls, WIC_FLOW);
    calls_flow_moved(W.calls, WIC_FLOW, WIC_FLOW + 1);
    assert_int_equal(W.calls->list->fsm.state, CALL_ACTIVE);
    calls_flow_moved(W.calls, WIC_FLOW + 1, WIC_FLOW + 2);
    calls_flow_closed(W.calls, WIC_FLOW + 1);
    assert_int_equal(W.calls->list->fsm.state, CALL_ACTIVE);
    calls_flow_closed(W.calls, WIC_FLOW + 2);
    assert_int_equal(W.calls->list->fsm.state, CALL_ORPHAN);
    fsm_event(&W.calls->list->fsm, EV_TIMEOUT, NULL);
    world_drain(false, NULL);
    world_close();
    world_open(1); /* not answered yet: its INVITE came on the old connection */
    in = originate(wic_offer);
    calls_flow_moved(W.calls, WIC_FLOW, WIC_FLOW + 1);
    calls_flow_closed(W.calls, WIC_FLOW);
    assert_int_equal(in->status, 480);
    world_drain(false, NULL);
    world_close();
}

static void link_is(enum iq_event ev, uint16_t stream)
{
    W.ctxs->h.notify(W.ctxs->h.arg, SV("ip/1/core/7"), &(struct iq_observed){.event = ev, .stream = stream});
}

#define STATE_IS(s) assert_int_equal(W.calls->list->fsm.state, s)

/* The core's MSRP connection is lost: its active party may open it again (RFC 4975 5.4), for a while. */
static void test_msrp_lost_and_back(void **state)
{
    (void)state;
    world_open(1);
    establish(wic_offer, core_answer);
    link_is(IQ_EV_TCP_ESTABLISHED, 2);
    STATE_IS(CALL_ACTIVE);
    link_is(IQ_EV_TCP_RELEASED, 2);
    STATE_IS(CALL_CUT);
    link_is(IQ_EV_TCP_RELEASED, 2); /* said twice, it is lost once */
    link_is(IQ_EV_TCP_ESTABLISHED, 2);
    STATE_IS(CALL_ACTIVE);
    link_is(IQ_EV_TCP_RELEASED, 0); /* a gateway that does not say which */
    STATE_IS(CALL_CUT);
    link_is(IQ_EV_TCP_ESTABLISHED, 2);
    STATE_IS(CALL_CUT);
    link_is(IQ_EV_TCP_ESTABLISHED, 0);
    STATE_IS(CALL_ACTIVE);
    link_is(IQ_EV_TCP_RELEASED, 9); /* no channel's */
    STATE_IS(CALL_ACTIVE);
    hang_up(SIP_MW);
}

static void test_msrp_lost_for_good(void **state)
{
    struct sip_dlg *near, *far;

    (void)state;
    world_open(1);
    establish(wic_offer, core_answer);
    near = dlg_of(SIP_W2);
    far = dlg_of(SIP_MW);
    link_is(IQ_EV_TCP_RELEASED, 2);
    fsm_event(&W.calls->list->fsm, EV_TIMEOUT, NULL);
    assert_int_equal(near->byes, 1);
    assert_int_equal(far->byes, 1);
    assert_non_null(strstr(out_pending("BYE")->headers, "MSRP connection lost"));
    world_drain(false, NULL);
    world_close();
}

/* A re-INVITE is taken meanwhile, and the connection is still waited for behind it. */
static void test_msrp_lost_and_changed(void **state)
{
    struct sip_in *in;

    (void)state;
    world_open(1);
    establish(wic_offer, core_answer);
    link_is(IQ_EV_TCP_RELEASED, 2);
    in = inside(dlg_of(SIP_W2), "INVITE", wic_offer); /* nothing new */
    assert_int_equal(in->status, 200);
    ack(in);
    STATE_IS(CALL_CUT);
    in = inside(dlg_of(SIP_W2), "INVITE", WIC_HEAD("actpass") WIC_CHAN("0", "actpass") WIC_CHAN("2", "actpass"));
    STATE_IS(CALL_RE_RESERVING);
    op_ok(op_pending());
    link_is(IQ_EV_TCP_ESTABLISHED, 2); /* in the middle of it */
    respond(out_pending("INVITE"), 200, CORE_HEAD CORE_LINE("49200", "active") CORE_LINE("49202", "passive"));
    link_is(IQ_EV_TCP_RELEASED, 2);
    op_ok(op_pending());
    op_ok(op_pending());
    assert_int_equal(in->status, 200);
    ack(in);
    STATE_IS(CALL_CUT);
    /* the channel goes, and with it the wait */
    in = inside(dlg_of(SIP_W2), "INVITE", WIC_HEAD("actpass") WIC_CHAN("2", "actpass"));
    respond(out_pending("INVITE"), 200, CORE_HEAD "m=message 0 TCP/MSRP *\r\n" CORE_LINE("49202", "passive"));
    op_ok(op_pending());
    W.ctxs->h.notify(W.ctxs->h.arg, SV("ip/1/access/8"), &(struct iq_observed){.event = IQ_EV_SCTP_RESET, .stream = 2});
    op_ok(op_pending());
    op_ok(op_pending());
    assert_int_equal(in->status, 200);
    ack(in);
    STATE_IS(CALL_ACTIVE);
    hang_up(SIP_W2);
}

static void test_msrp_lost_while_the_wic_is_away(void **state)
{
    (void)state;
    world_open(1);
    establish(wic_offer, core_answer);
    calls_flow_closed(W.calls, WIC_FLOW);
    link_is(IQ_EV_TCP_RELEASED, 2);
    STATE_IS(CALL_ORPHAN);
    calls_flow_moved(W.calls, WIC_FLOW, WIC_FLOW + 1);
    STATE_IS(CALL_CUT);
    calls_flow_closed(W.calls, WIC_FLOW + 1);
    STATE_IS(CALL_ORPHAN);
    fsm_event(&W.calls->list->fsm, EV_TIMEOUT, NULL);
    world_drain(false, NULL);
    world_close();
}

/* A browser that closes its peer connection has hung up; its BYE may come later (TS 23.334 6.2.22). */
static void test_browser_ends_its_media(void **state)
{
    static const enum iq_event ends[] = {IQ_EV_SCTP_RELEASED, IQ_EV_DTLS_RELEASED};

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(ends); i++) {
        struct sip_out *bye = NULL, *o;

        world_open(1);
        establish(wic_offer, core_answer);
        W.ctxs->h.notify(W.ctxs->h.arg, SV("ip/1/access/8"), &(struct iq_observed){.event = ends[i], .stream = 1});
        DL_FOREACH(W.outs, o)
            if (!strcmp(o->method, "BYE") && o->dlg->side == SIP_MW)
                bye = o;
        assert_non_null(bye);
        TEXT(bye->headers, "Reason: Q.850;cause=16\n");
        assert_int_equal(inside(dlg_of(SIP_W2), "BYE", NULL)->status, 200);
        world_drain(false, NULL);
        world_close();
    }
}

static void on_stopped(void *arg)
{
    *(bool *)arg = true;
}

static void test_stop(void **state)
{
    struct sip_in *in;

    (void)state;
    world_open(1);
    establish(wic_offer, core_answer);
    in = originate(wic_offer);
    calls_stop(W.calls, on_stopped, &W.stopped);
    assert_int_equal(in->status, 503);
    assert_int_equal(originate(wic_offer)->status, 503);
    assert_false(W.stopped);
    world_drain(false, NULL);
    world_close();
    assert_true(W.stopped);
}

static struct sip_out *bye_of(const struct sip_dlg *d)
{
    struct sip_out *o;

    DL_FOREACH(W.outs, o)
        if (o->dlg == d && !strcmp(o->method, "BYE"))
            return o;
    return NULL;
}

/* A page closes, or hangs up, before its re-INVITE has an answer: the core's is cancelled, BYE follows its end; the gateway is
 * free at once. */
static void test_page_closed_in_change(void **state)
{
    enum { REFUSED, TAKEN, SILENT, HUNG_UP, WAYS };
    struct sip_in *in;
    struct sip_dlg *core;
    struct sip_out *o;

    (void)state;
    for (int i = 0; i < WAYS; i++) {
        world_open(1);
        establish(AUDIO_ONLY("sendrecv"), MW_HEAD MW_AUDIO("49170", "sendrecv"));
        core = dlg_of(SIP_MW);
        in = inside(dlg_of(SIP_W2), "INVITE", AUDIO_ONLY("sendonly"));
        o = out_pending("INVITE");
        assert_ptr_equal(o->dlg, core);
        if (i == HUNG_UP)
            inside(dlg_of(SIP_W2), "BYE", NULL);
        else
            calls_flow_closed(W.calls, WIC_FLOW);
        assert_int_equal(in->status, i == HUNG_UP ? 487 : 480);
        assert_true(W.ctxs->released);
        assert_true(o->cancelled);
        assert_int_equal(core->byes, 0);
        assert_int_equal(inside(core, "INVITE", MW_HEAD MW_AUDIO("49170", "sendrecv"))->status, 491);
        if (i == SILENT)
            alarm_ring(&W.calls->list->br[0].leg.again);
        else
            respond(o, i == TAKEN ? 200 : 487, i == TAKEN ? MW_HEAD MW_AUDIO("49170", "recvonly") : NULL);
        assert_int_equal(core->byes, 1);
        assert_int_equal(core->acks, i == TAKEN ? 2 : 1);
        if (i != HUNG_UP)
            TEXT(bye_of(core)->headers, "Reason: SIP;cause=480;text=\"Flow lost\"");
        world_drain(false, NULL);
        world_close();
    }
    world_open(1); /* and the other way round: the core's re-INVITE has its answer before the BYE */
    establish(AUDIO_ONLY("sendrecv"), MW_HEAD MW_AUDIO("49170", "sendrecv"));
    core = dlg_of(SIP_MW);
    in = inside(core, "INVITE", MW_HEAD MW_AUDIO("49170", "sendonly"));
    assert_int_equal(out_pending("INVITE")->dlg->side, SIP_W2);
    calls_flow_closed(W.calls, WIC_FLOW);
    assert_int_equal(in->status, 480);
    assert_int_equal(core->byes, 1);
    world_drain(false, NULL);
    world_close();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_orphan),
        cmocka_unit_test(test_moved),
        cmocka_unit_test(test_msrp_lost_and_back),
        cmocka_unit_test(test_msrp_lost_for_good),
        cmocka_unit_test(test_msrp_lost_and_changed),
        cmocka_unit_test(test_msrp_lost_while_the_wic_is_away),
        cmocka_unit_test(test_browser_ends_its_media),
        cmocka_unit_test(test_page_closed_in_change),
        cmocka_unit_test(test_stop),
    };

    log_init(LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
