/* An INVITE without an offer (RFC 3261 13.2.1; sip-sdp 2.8), of either side: the callee is called without one and offers in its
 * 200, the caller gets that offer in ours, answers in its ACK, and the callee has its answer in the ACK that waited. Seen from
 * the exchange the callee offers, so the caller's termination comes first and the callee's when all is known. */
#include <errno.h>

#include "alg/call/call_fsm.h"
#include "common/log.h"

static int reserve(struct call *call, struct branch *br)
{
    return call->near.side == SIP_MW ? media_reserve_core(&br->media, call->x, call_on_iq, br)
                                     : media_reserve_access(&br->media, call->x, call_on_iq, br);
}

void call_late_answer(struct call *call, struct branch *br, struct sv offer)
{
    int err = offer.n ? exch_read_offer(call->x, offer) : -EPROTO;

    if (!offer.n)
        sdp_fault_set(&call->x->why, 488, 399, "no offer in the 200");
    if (!err)
        err = reserve(call, br);
    if (err)
        call_bad_answer(call, err);
    else
        fsm_to(&call->fsm, CALL_LATE_RESERVING);
}

void call_late_refuse(struct call *call)
{
    struct leg *far = call->won ? &call->won->leg : NULL;

    if (call->late && !call->established && call->x && far && far->owe_ack && !exch_write_none(call->x, &far->own))
        leg_confirm(far, sdp_own_body(&far->own));
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

/* The next procedure of one side's termination. */
static void configure(struct call *call, enum sip_side side, enum call_state next)
{
    if (call_configure(call, side))
        call_end_status(call, 500, 0, NULL);
    else
        fsm_to(&call->fsm, next);
}

void call_on_late_reserving(struct fsm *f, int ev, void *data)
{
    struct call *call = f->owner;
    struct call_ev *e = data;

    if (common(call, ev, e) || ev != EV_IQ_OK)
        return;
    if (call_read_reply(call->won, call->near.side, e->res) ||
        exch_write_offer(call->x, &call->won->media, &call->near.own)) {
        call_end_status(call, 500, 0, NULL);
        return;
    }
    leg_answer(&call->near, sdp_own_body(&call->near.own));
    fsm_to(f, CALL_LATE_OFFERED);
}

void call_on_late_offered(struct fsm *f, int ev, void *data)
{
    struct call *call = f->owner;
    struct call_ev *e = data;
    int err;

    if (common(call, ev, e) || ev != EV_ACK)
        return;
    err = exch_read_answer(call->x, e->body);
    if (err)
        call_bad_answer(call, err);
    else
        configure(call, call->near.side, CALL_LATE_NEAR);
}

void call_on_late_near(struct fsm *f, int ev, void *data)
{
    struct call *call = f->owner;
    struct call_ev *e = data;

    if (common(call, ev, e) || ev != EV_IQ_OK)
        return;
    if (call_read_reply(call->won, call->near.side, e->res))
        call_end_status(call, 500, 0, NULL);
    else
        configure(call, call->won->leg.side, CALL_LATE_FAR);
}

void call_on_late_far(struct fsm *f, int ev, void *data)
{
    struct call *call = f->owner;
    struct call_ev *e = data;
    struct leg *far = &call->won->leg;

    if (common(call, ev, e) || ev != EV_IQ_OK)
        return;
    if (call_read_reply(call->won, far->side, e->res) || exch_write_answer(call->x, &call->won->media, &far->own) ||
        !call_commit(call)) {
        call_end_status(call, 500, 0, NULL);
        return;
    }
    leg_confirm(far, sdp_own_body(&far->own));
    call_settle(call);
}
