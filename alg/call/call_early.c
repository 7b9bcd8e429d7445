/* Early media: the core describes itself in a 18x. The first description answers the WIC, so that ICE and DTLS run while it
 * rings; later ones, of this callee or of another that the core's fork brought, move T2 alone (sip-sdp 2.5; TS 23.228 U.2.1;
 * RFC 5009 for who is heard). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "alg/call/call_fsm.h"
#include "common/log.h"

static void take_gate(struct exch *x, const char *header)
{
    x->early = true;
    x->early_up = header && strstr(header, "sendrecv");
    x->early_none = header && strstr(header, "inactive");
}

/* What was said while the gateway was asked. true: it is asked again. */
static bool take_more(struct call *call)
{
    char *body = call->more;
    struct call_ev e = {.status = 183, .body = sv_from(body), .early = call->more_gate[0] ? call->more_gate : NULL};
    bool taken;

    call->more = NULL;
    taken = body && call_early(call, call->won, &e);
    free(body);
    return taken;
}

/* The WIC's answer goes out once; what came meanwhile is next, the final answer last. */
static void settled(struct call *call)
{
    struct exch *x = call->x;

    media_forget(&call->won->media, x, CHAN_GONE); /* both terminations were told; no stream leaves twice (H.248 error 441) */
    if (!x->told && exch_write_answer(x, &call->won->media, &call->near.own)) {
        call_end_status(call, 500, 0, NULL);
        return;
    }
    if (!x->told)
        leg_progress(&call->near, 183, NULL, sdp_own_body(&call->near.own));
    x->told = true;
    if (take_more(call))
        return;
    if (call->has_final)
        call_answered(call, call->won, call->final);
    else if (call->fsm.state != CALL_EARLY)
        fsm_to(&call->fsm, CALL_EARLY);
}

static void conf_near(struct call *call)
{
    int err = call_configure(call, SIP_W2);

    if (err == MEDIA_NOTHING)
        settled(call);
    else if (err)
        call_end_status(call, 500, 0, NULL);
    else
        fsm_to(&call->fsm, CALL_EARLY_NEAR);
}

bool call_early(struct call *call, struct branch *br, const struct call_ev *e)
{
    int err;

    if (e->body.n == 0 || call->origin != SIP_W2 || br->failed || call->x->lay.n_rtp == 0 || e->status == 199 ||
        !call->calls->conf.early_media_183)
        return false;
    err = exch_read_early(call->x, e->body);
    if (err) {
        log_info("call", "%s msg=\"early media not served\" why=\"%s\"", call->fsm.tag,
                 err == -EPROTO ? call->x->why.text : "no memory");
        return false;
    }
    call->won = br;
    take_gate(call->x, e->early);
    if (e->status == 180 && !br->rang) {
        br->rang = true;
        leg_progress(&call->near, 180, e->reason, SV_NONE);
    }
    err = call_configure(call, SIP_MW);
    if (err == MEDIA_NOTHING)
        conf_near(call);
    else if (err)
        call_end_status(call, 500, 0, NULL);
    else
        fsm_to(&call->fsm, CALL_EARLY_FAR);
    return true;
}

/* What is the same in all early states. true: taken care of. */
static bool common(struct call *call, int ev, struct call_ev *e)
{
    switch (ev) {
    case EV_IQ_OK:
        return false;
    case EV_IQ_FAIL:
        call_iq_refused(call, e->res);
        return true;
    case EV_FLOW_BACK:
        return true;
    case EV_REJECT:
        call_far_refused(e->br, e->status);
        return true;
    case EV_TIMEOUT:
        call_end_status(call, call->fsm.state == CALL_EARLY ? 408 : 503, 0, "SIP;cause=408;text=\"No answer\"");
        return true;
    case EV_PROGRESS:
    case EV_ANSWER:
        return false;
    default:
        call_end_event(call, ev, e);
        return true;
    }
}

/* While the gateway is asked: an answer is acknowledged and kept, ringing is passed on, another description waits its turn.
 * true: that was it. */
static bool meanwhile(struct call *call, int ev, struct call_ev *e)
{
    if (ev == EV_PROGRESS)
        call_progress(call, e->br, e);
    if (ev == EV_PROGRESS && e->body.n > 0 && e->body.n <= SDP_BODY_MAX && e->status != 199) {
        free(call->more);
        call->more = strndup(e->body.p, e->body.n);
        snprintf(call->more_gate, sizeof call->more_gate, "%s", e->early ? e->early : "");
    }
    if (ev != EV_ANSWER)
        return ev == EV_PROGRESS;
    leg_confirm(e->leg, SV_NONE);
    call->final = e->body.n ? arena_sv(call->x->a, e->body) : SV_NONE;
    call->has_final = true;
    return true;
}

void call_on_early_far(struct fsm *f, int ev, void *data)
{
    struct call *call = f->owner;
    struct call_ev *e = data;

    if (common(call, ev, e) || meanwhile(call, ev, e))
        return;
    if (call_read_reply(e->br, SIP_MW, e->res))
        call_end_status(call, 500, 0, NULL);
    else
        conf_near(call);
}

void call_on_early_near(struct fsm *f, int ev, void *data)
{
    struct call *call = f->owner;
    struct call_ev *e = data;

    if (common(call, ev, e) || meanwhile(call, ev, e))
        return;
    if (call_read_reply(e->br, SIP_W2, e->res))
        call_end_status(call, 500, 0, NULL);
    else
        settled(call);
}

void call_on_early(struct fsm *f, int ev, void *data)
{
    struct call *call = f->owner;
    struct call_ev *e = data;

    if (common(call, ev, e))
        return;
    if (ev == EV_ANSWER)
        call_answered(call, e->br, e->body);
    else if (ev == EV_PROGRESS && !call_early(call, e->br, e))
        call_progress(call, e->br, e);
}
