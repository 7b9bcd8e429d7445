/* A change inside a call: re-INVITE or UPDATE of either side that adds or removes channels, audio or video, holds or resumes
 * (TS 23.334 6.2.11), restarts ICE, moves the core's address, or changes nothing (sip-sdp 2.5; 6.2.22.2 for removal). */
#include <errno.h>

#include "alg/call/call_fsm.h"
#include "common/log.h"

static struct leg *other_leg(struct call *call)
{
    return call->x_leg == &call->near ? &call->won->leg : &call->near;
}

static void drop(struct call *call)
{
    exch_free(call->x);
    call->x = NULL;
    call->x_leg = NULL;
}

/* The change is off: its offerer hears why, the call stays as it was. From CALL_ACTIVE and CALL_CUT no state moves. */
static void refuse(struct call *call, const struct leg_why *why)
{
    leg_refuse(call->x_leg, why);
    media_forget(&call->won->media, call->x, CHAN_NEW);
    sdp_own_undo(&other_leg(call)->own);
    drop(call);
    call_settle(call);
}

/* It went through at the far side and fails here: both would believe different things. */
static void break_off(struct call *call, int status)
{
    call_end_status(call, status, 0, "SIP;cause=503;text=\"Change failed\"");
}

static bool is_withdrawn(const struct call *call)
{
    return !call->x_leg->in && !call->x->quiet;
}

static void finish(struct call *call)
{
    struct exch *x = call->x;
    struct media *m = &call->won->media;
    struct leg *leg = call->x_leg;
    int err = x->quiet ? 0 : exch_asks(x) ? exch_write_answer(x, m, &leg->own) : exch_write_again(x, m, &leg->own);

    if (!err)
        err = exch_commit(x, &call->keep, &call->lay);
    if (err || is_withdrawn(call)) { /* no memory, or taken back too late */
        break_off(call, 500);
        return;
    }
    media_forget(m, x, CHAN_GONE);
    call->rtp = call->rtp || call->lay->n_rtp > 0;
    call->lock = x->lock && !x->quiet; /* once is enough */
    if (exch_renews(x))
        call->renewed = uv_now(&call->calls->alg->loop) + 1;
    log_info("call", "%s msg=\"changed\" channels=%u rtp=%u", call->fsm.tag, call->lay->n, call->lay->n_rtp);
    leg_answer(leg, sdp_own_body(&leg->own));
    sdp_own_agree(&leg->own);
    sdp_own_agree(&other_leg(call)->own);
    drop(call);
    call_settle(call);
}

/* --- the steps, each skipped when it has nothing to say --- */

static void step_t2(struct call *call)
{
    struct branch *br = call->won;
    int err = media_configure_core(&br->media, call->x, call_on_iq, br);

    if (err == MEDIA_NOTHING)
        finish(call);
    else if (err)
        break_off(call, 500);
    else
        fsm_to(&call->fsm, CALL_RE_CONF_T2);
}

static void step_t1(struct call *call)
{
    struct branch *br = call->won;
    int err = media_configure_access(&br->media, call->x, call_on_iq, br);

    if (err == MEDIA_NOTHING)
        step_t2(call);
    else if (err)
        break_off(call, 500);
    else
        fsm_to(&call->fsm, CALL_RE_CONF_T1);
}

static void step_reset(struct call *call)
{
    struct branch *br = call->won;
    int err = media_reset_channels(&br->media, call->x, call_on_reset, br);

    if (err)
        step_t1(call);
    else
        fsm_to(&call->fsm, CALL_RE_RESETTING);
}

static void undo(struct call *call, int status)
{
    struct branch *br = call->won;
    int err = call->x->from == SIP_W2 ? media_undo_core(&br->media, call->x, call_on_iq, br)
                                      : media_undo_access(&br->media, call->x, call_on_iq, br);

    call->x_status = status;
    if (err)
        refuse(call, &(struct leg_why){.status = status});
    else
        fsm_to(&call->fsm, CALL_RE_UNDOING);
}

static void step_offer(struct call *call)
{
    struct leg *other = other_leg(call);
    int err = exch_write_offer(call->x, &call->won->media, &other->own);

    if (!err)
        err = leg_reinvite(other);
    if (err)
        undo(call, err == -ENOTCONN ? 480 : 500);
    else
        fsm_to(&call->fsm, CALL_RE_OFFERED);
}

static void step_reserve(struct call *call)
{
    struct branch *br = call->won;
    int err = call->x->from == SIP_W2 ? media_reserve_core(&br->media, call->x, call_on_iq, br)
                                      : media_reserve_access(&br->media, call->x, call_on_iq, br);

    if (err == MEDIA_NOTHING)
        step_offer(call);
    else if (err)
        refuse(call, &(struct leg_why){.status = 500});
    else
        fsm_to(&call->fsm, CALL_RE_RESERVING);
}

/* --- the states --- */

/* RFC 3261 14.2: an INVITE without a body asks for an offer. Ours is what we said last, to the core in both directions, so that
 * it can resume what it holds; its answer comes in the ACK. */
static void answer_offerless(struct call *call, struct leg *leg)
{
    call->asked = leg->side == SIP_MW && exch_write_wish(&leg->own) == 0;
    leg_answer(leg, sdp_own_body(&leg->own));
    sdp_own_agree(&leg->own);
}

static void begin(struct call *call, struct leg *leg, struct sv body, bool quiet)
{
    const struct calls_conf *conf = &call->calls->conf;
    struct exch *x;
    int err;

    if (exch_new(&x, leg->side, call->lay, &conf->policy, conf->dtls_active ? SDP_SETUP_ACTIVE : SDP_SETUP_PASSIVE,
                 call->tls_id)) {
        leg_refuse(leg, &(struct leg_why){.status = 500});
        return;
    }
    x->quiet = quiet;
    call->x = x;
    call->x_leg = leg;
    err = exch_read_offer(x, body);
    if (err) {
        log_info("call", "%s msg=\"change refused\" why=\"%s\"", call->fsm.tag, x->why.text);
        refuse(call, &(struct leg_why){.status = err == -EPROTO ? x->why.status : 500, .warn = x->why.warn, .text = x->why.text});
    } else if (exch_asks(x)) {
        step_reserve(call);
    } else {
        step_t1(call);
    }
}

/* Its answer left the core a choice that is made here, or a line that cannot be served: it is offered what was chosen, in one
 * more exchange that the WIC does not hear of (RFC 3264 10.2, 8.2). */
void call_lock(struct call *call)
{
    const struct calls_conf *conf = &call->calls->conf;
    struct leg *wic = call_leg(call, SIP_W2), *core = call_leg(call, SIP_MW);
    struct exch *x;

    if (core->wait_ack) /* then */
        return;
    call->lock = false;
    if (core->out || core->in || core->again.t)
        return;
    if (exch_new(&x, SIP_W2, call->lay, &conf->policy, SDP_SETUP_NONE, call->tls_id))
        return;
    x->quiet = x->told = true;
    call->x = x;
    call->x_leg = wic;
    if (exch_write_lock(x, &core->own) || leg_reinvite(core)) {
        sdp_own_undo(&core->own);
        drop(call);
    } else {
        fsm_to(&call->fsm, CALL_RE_OFFERED);
    }
}

/* What the core answered to the offer that it had asked for: as if it offered that, but nobody waits for our answer. */
void call_acked(struct call *call, struct leg *leg, struct sv body)
{
    bool asked = call->asked && leg->side == SIP_MW;

    call->asked = call->asked && !asked;
    if (asked && body.n > 0)
        begin(call, leg, body, true);
    else if (call->lock)
        call_lock(call);
}

void call_change(struct call *call, struct leg *leg, struct sv body)
{
    struct leg *other = leg == &call->near ? &call->won->leg : &call->near;

    if (leg != &call->near && leg != &call->won->leg) { /* a fork that lost and is being hung up */
        leg_refuse(leg, &(struct leg_why){.status = 481});
        return;
    }
    if (leg->out || leg->wait_ack || (body.n > 0 && (other->out || other->wait_ack))) { /* RFC 3261 14.2, sip-sdp 2.5: glare */
        leg_refuse(leg, &(struct leg_why){.status = 491});
        return;
    }
    if (body.n == 0) {
        answer_offerless(call, leg);
        return;
    }
    begin(call, leg, body, false);
}

/* The offerer took its INVITE back: it hears 487 now, the rest runs to where nothing is left over. */
static void cancel(struct call *call, const struct call_ev *e)
{
    struct leg *other = other_leg(call);

    if (e->leg != call->x_leg)
        return;
    leg_refuse(call->x_leg, &(struct leg_why){.status = 487});
    leg_cancel(other, e->reason);
}

/* What is the same in all states of a change. true: taken care of. */
static bool common(struct call *call, int ev, struct call_ev *e)
{
    if (ev == EV_ACK || ev == EV_FLOW_BACK)
        return true;
    if (ev == EV_RESET_DONE)
        return call->fsm.state != CALL_RE_RESETTING;
    if (ev == EV_CANCEL)
        cancel(call, e);
    else if (ev == EV_IQ_OK || ev == EV_IQ_FAIL || ev == EV_ANSWER || ev == EV_REJECT ||
             (ev == EV_TIMEOUT && call->fsm.state == CALL_RE_RESETTING))
        return false;
    else
        call_end_event(call, ev, e);
    return true;
}

static int reserved(struct call *call, const struct iq_result *r)
{
    struct media *m = &call->won->media;

    return call->x->from == SIP_W2 ? media_core_reply(m, r) : media_access_reply(m, call->x, r);
}

void call_on_re_reserving(struct fsm *f, int ev, void *data)
{
    struct call *call = f->owner;
    struct call_ev *e = data;
    unsigned retry_after;

    if (common(call, ev, e))
        return;
    if (ev == EV_IQ_FAIL) {
        int status = iq_sip_status(e->res, true, &retry_after);

        if (status == 481)
            break_off(call, 481);
        else
            refuse(call, &(struct leg_why){.status = status, .retry_after = retry_after});
    } else if (reserved(call, e->res)) {
        undo(call, 500);
    } else if (is_withdrawn(call)) {
        undo(call, 487);
    } else {
        step_offer(call);
    }
}

void call_on_re_offered(struct fsm *f, int ev, void *data)
{
    struct call *call = f->owner;
    struct call_ev *e = data;

    if (common(call, ev, e))
        return;
    if (e->leg != other_leg(call)) { /* a fork of the call's beginning */
        if (ev == EV_ANSWER) {
            leg_confirm(e->leg, SV_NONE);
            leg_end(e->leg, &(struct leg_why){.status = 487});
        }
        return;
    }
    if (ev == EV_REJECT) {
        if (e->status == 481 || e->status == 408) /* RFC 3261 12.2.1.2: that dialog is gone */
            break_off(call, e->status);
        else
            undo(call, call_far_status(e->status));
        return;
    }
    leg_confirm(e->leg, SV_NONE);
    if (is_withdrawn(call) || exch_read_answer(call->x, e->body) || (call->x->told && call->x->gone_chans))
        break_off(call, 500);
    else
        step_reset(call);
}

void call_on_re_resetting(struct fsm *f, int ev, void *data)
{
    struct call *call = f->owner;

    if (!common(call, ev, data))
        step_t1(call);
}

/* The reply of T1 or T2. true: go on. */
static bool configured(struct call *call, int ev, struct call_ev *e, bool core)
{
    unsigned retry_after;

    if (common(call, ev, e))
        return false;
    if (ev == EV_IQ_FAIL) {
        break_off(call, iq_sip_status(e->res, true, &retry_after));
        return false;
    }
    if (core ? media_core_reply(&call->won->media, e->res) : media_access_reply(&call->won->media, call->x, e->res)) {
        break_off(call, 500);
        return false;
    }
    return true;
}

void call_on_re_conf_t1(struct fsm *f, int ev, void *data)
{
    if (configured(f->owner, ev, data, false))
        step_t2(f->owner);
}

void call_on_re_conf_t2(struct fsm *f, int ev, void *data)
{
    if (configured(f->owner, ev, data, true))
        finish(f->owner);
}

void call_on_re_undoing(struct fsm *f, int ev, void *data)
{
    struct call *call = f->owner;

    if (common(call, ev, data))
        return;
    refuse(call, &(struct leg_why){.status = call->x_status});
}
