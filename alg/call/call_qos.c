/* The core's INVITE with preconditions that are not met (RFC 3312, RFC 4032; sip-sdp 2.5): nobody is rung before the caller has
 * reserved what it needs, and for that it needs an answer. What a context has is reserved, so alg answers by itself in a
 * reliable 183, takes the caller's UPDATE or PRACK with "met", and only then asks the WIC, which knows none of it. */
#include <errno.h>

#include "alg/call/call_fsm.h"
#include "alg/call/early_offer.h"
#include "common/log.h"

/* T2 is in the context of the first callee. When another one answers, its own T2 is told to the core afterwards. */
int call_qos_begin(struct call *call)
{
    int err;

    call->x->early = call->x->early_none = true; /* nothing flows */
    err = media_configure_core(&call->br[0].media, call->x, call_on_iq, &call->br[0]);
    if (!err)
        fsm_to(&call->fsm, CALL_QOS_RESERVING);
    return err;
}

/* What is the same in both states. true: taken care of. */
static bool common(struct call *call, int ev, struct call_ev *e)
{
    if (ev == EV_IQ_OK || ev == EV_QOS_MET || ev == EV_TIMEOUT)
        return false;
    if (ev == EV_IQ_FAIL)
        call_iq_refused(call, e->res);
    else if (ev != EV_FLOW_BACK && !call_ends_one(call, ev, e))
        call_end_event(call, ev, e);
    return true;
}

void call_on_qos_reserving(struct fsm *f, int ev, void *data)
{
    struct call *call = f->owner;
    struct call_ev *e = data;
    struct leg *near = &call->near;

    if (common(call, ev, e) || ev == EV_QOS_MET)
        return;
    if (ev == EV_TIMEOUT) {
        call_end_event(call, ev, e);
    } else if (media_core_reply(&e->br->media, e->res) || exch_write_ahead(call->x, &e->br->media, &near->own) ||
               early_offer_ready(&near->own, sv_from(near->asked))) {
        call_end_status(call, 500, 0, NULL);
    } else {
        sdp_own_agree(&near->own);
        leg_progress(near, 183, NULL, sdp_own_body(&near->own));
        fsm_to(f, CALL_QOS_WAITING);
    }
}

void call_on_qos_waiting(struct fsm *f, int ev, void *data)
{
    struct call *call = f->owner;

    if (common(call, ev, data))
        return;
    if (ev == EV_QOS_MET)
        call_begin(call);
    else if (ev == EV_TIMEOUT)
        call_end_status(call, 580, 0, NULL);
}

int call_qos_offer(struct call *call, struct sv body)
{
    const struct media *m = &call->br[0].media;
    int state = call->fsm.state, err;

    if (state != CALL_QOS_WAITING && state != CALL_RESERVING && state != CALL_OFFERED)
        return -EBUSY;
    err = exch_read_ahead(call->x, body, state != CALL_QOS_WAITING);
    if (!err)
        err = exch_write_ahead(call->x, m, &call->near.own);
    return err ? err : early_offer_ready(&call->near.own, body);
}

int call_qos_settle(struct call *call)
{
    struct leg *near = &call->near;
    bool same;
    int err = early_offer_same(&same, (struct sv){near->own.before, near->own.n_before}, sdp_own_body(&near->own));

    if (err || !near->own.before)
        return err;
    if (same)
        sdp_own_undo(&near->own);
    else
        call->x->lock = true;
    return 0;
}
