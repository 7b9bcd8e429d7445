/* The core's INVITE without an offer (RFC 3261 13.2.1; sip-sdp 2.8): the WIC is called without one and offers in its 200, the
 * core gets that offer in ours, answers in its ACK, and the WIC has its answer in the ACK that waited. Seen from the exchange
 * the WIC offers, so T2 comes first and T1 when all is known. */
#include <errno.h>

#include "alg/call/call_fsm.h"
#include "common/log.h"

void call_late_answer(struct call *call, struct branch *br, struct sv offer)
{
    int err = offer.n ? exch_read_offer(call->x, offer) : -EPROTO;

    if (!offer.n)
        sdp_fault_set(&call->x->why, 488, 399, "no offer in the 200");
    if (!err)
        err = media_reserve_core(&br->media, call->x, call_on_iq, br);
    if (err)
        call_bad_answer(call, err);
    else
        fsm_to(&call->fsm, CALL_LATE_RESERVING);
}

/* What is the same in all these states. true: taken care of. */
static bool common(struct call *call, int ev, struct call_ev *e)
{
    if (ev == EV_FLOW_BACK || ev == EV_PROGRESS || ev == EV_REJECT)
        return true;
    if (ev == EV_ANSWER) { /* a flow that lost */
        leg_confirm(e->leg, SV_NONE);
        leg_end(e->leg, &(struct leg_why){.status = 487});
        return true;
    }
    if (e && e->br && e->br != call->won)
        return true;
    if (ev == EV_IQ_FAIL)
        call_iq_refused(call, e->res);
    else if (ev != EV_IQ_OK && ev != EV_ACK)
        call_end_event(call, ev, e);
    else
        return false;
    return true;
}

void call_on_late_reserving(struct fsm *f, int ev, void *data)
{
    struct call *call = f->owner;
    struct call_ev *e = data;

    if (common(call, ev, e) || ev != EV_IQ_OK)
        return;
    if (media_core_reply(&call->won->media, e->res) || exch_write_offer(call->x, &call->won->media, &call->near.own)) {
        call_end_status(call, 500, 0, NULL);
        return;
    }
    leg_answer(&call->near, sdp_own_body(&call->near.own));
    fsm_to(f, CALL_LATE_OFFERED);
}

static void conf_access(struct call *call)
{
    if (media_configure_access(&call->won->media, call->x, call_on_iq, call->won))
        call_end_status(call, 500, 0, NULL);
    else
        fsm_to(&call->fsm, CALL_LATE_ACCESS);
}

void call_on_late_offered(struct fsm *f, int ev, void *data)
{
    struct call *call = f->owner;
    struct call_ev *e = data;
    int err;

    if (common(call, ev, e) || ev != EV_ACK)
        return;
    err = exch_read_answer(call->x, e->body);
    if (err) {
        call_bad_answer(call, err);
        return;
    }
    err = media_configure_core(&call->won->media, call->x, call_on_iq, call->won);
    if (err)
        call_end_status(call, 500, 0, NULL);
    else
        fsm_to(f, CALL_LATE_CORE);
}

void call_on_late_core(struct fsm *f, int ev, void *data)
{
    struct call *call = f->owner;
    struct call_ev *e = data;

    if (common(call, ev, e) || ev != EV_IQ_OK)
        return;
    if (media_core_reply(&call->won->media, e->res))
        call_end_status(call, 500, 0, NULL);
    else
        conf_access(call);
}

void call_on_late_access(struct fsm *f, int ev, void *data)
{
    struct call *call = f->owner;
    struct call_ev *e = data;
    struct leg *wic = &call->won->leg;

    if (common(call, ev, e) || ev != EV_IQ_OK)
        return;
    if (media_access_reply(&call->won->media, call->x, e->res) || exch_write_answer(call->x, &call->won->media, &wic->own) ||
        !call_commit(call)) {
        call_end_status(call, 500, 0, NULL);
        return;
    }
    leg_confirm(wic, sdp_own_body(&wic->own));
    call_settle(call);
}
