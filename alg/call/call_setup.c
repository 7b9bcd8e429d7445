/* A new call: reserve, offer, configure, answer (TS 23.334 6.2.10.6.2; T2 first for a WIC's offer, T1 first for the
 * core's, sip-sdp 2.8). */
#include <errno.h>

#include "alg/call/call_fsm.h"
#include "alg/call/early_offer.h"
#include "common/log.h"

static int reserve(struct branch *br)
{
    const struct exch *x = br->call->x;

    return x->from == SIP_W2 ? media_reserve_core(&br->media, x, call_on_iq, br)
                             : media_reserve_access(&br->media, x, call_on_iq, br);
}

int call_configure(struct call *call, enum sip_side side)
{
    struct branch *br = call->won;
    const struct exch *x = call->x;

    return side == SIP_MW ? media_configure_core(&br->media, x, call_on_iq, br)
                          : media_configure_access(&br->media, x, call_on_iq, br);
}

int call_read_reply(struct branch *br, enum sip_side side, const struct iq_result *r)
{
    return side == SIP_MW ? media_core_reply(&br->media, r) : media_access_reply(&br->media, br->call->x, r);
}

static enum sip_side far_side(const struct call *call)
{
    return call->origin == SIP_W2 ? SIP_MW : SIP_W2;
}

static struct sip_target target(const struct branch *br)
{
    const struct call *call = br->call;
    const struct call_req *q = &call->req;

    return (struct sip_target){.side = br->leg.side,
                               .flow = br->leg.flow,
                               .uri = call->origin == SIP_W2 ? q->uri : q->uris[br - call->br],
                               .route = q->route,
                               .from = q->from,
                               .to = q->to};
}

static int send_invite(struct branch *br)
{
    struct call *call = br->call;
    struct sip_target to = target(br);
    int err = call->late ? 0 : exch_write_offer(call->x, &br->media, &br->leg.own);

    if (!err && !call->late && br->leg.side == SIP_MW && call->calls->conf.preconditions) {
        br->leg.qos = true;
        err = early_offer_promise(&br->leg.own);
    }
    return err ? err : leg_invite(&br->leg, call->calls->alg->sip, &to, call->req.hdrs);
}

int call_ask_again(struct branch *br)
{
    struct sip_target to;

    if (!br || br->failed || !br->call->x)
        return -EINVAL;
    to = target(br);
    return leg_invite_again(&br->leg, &to, br->call->req.hdrs);
}

static int open_context(struct branch *br)
{
    struct call *call = br->call;
    struct iq_ctx_h h;

    call_iq_h(br, &h);
    return br->media.ctx ? 0 : media_open(&br->media, call->calls->alg->mgc, &call->calls->conf, &h);
}

void call_begin(struct call *call)
{
    unsigned alive = 0;

    for (unsigned i = 0; i < call->n_br; i++) {
        struct branch *br = &call->br[i];

        if (!br->failed && (open_context(br) || (call->late ? send_invite(br) : reserve(br))))
            br->failed = 503;
        alive += !br->failed;
    }
    if (alive > 0)
        fsm_to(&call->fsm, call->late ? CALL_OFFERED : CALL_RESERVING);
    else
        call_end_status(call, 503, 5, NULL);
}

void call_on_idle(struct fsm *f, int ev, void *data)
{
    struct call *call = f->owner;

    (void)ev;
    (void)data;
    if (call->late || !call->x->ahead)
        call_begin(call);
    else if (open_context(&call->br[0]) || call_qos_begin(call))
        call_end_status(call, 503, 5, NULL);
}

/* --- callees --- */

/* One callee is out. Returns true when it was the last. */
static bool branch_fail(struct branch *br, int status, unsigned retry_after)
{
    struct call *call = br->call;
    unsigned alive = 0;

    if (!br->failed) {
        br->failed = status;
        br->retry_after = retry_after;
    }
    leg_end(&br->leg, &(struct leg_why){.status = 487});
    media_close(&br->media, NULL);
    for (unsigned i = 0; i < call->n_br; i++)
        alive += !call->br[i].failed;
    return alive == 0;
}

/* RFC 3261 16.7 6: the best of several refusals; a 6xx counts first. */
static const struct branch *best_refusal(const struct call *call)
{
    const struct branch *best = &call->br[0];

    for (unsigned i = 0; i < call->n_br; i++) {
        const struct branch *br = &call->br[i];

        if (br->failed / 100 == 6)
            return br;
        if (br->failed < best->failed)
            best = br;
    }
    return best;
}

void call_fail_branch(struct branch *br, int status, unsigned retry_after)
{
    const struct branch *best;

    if (!branch_fail(br, status, retry_after) && status / 100 != 6)
        return;
    best = best_refusal(br->call);
    call_end_status(br->call, best->failed, best->retry_after, NULL);
}

/* The core's own 503 is about its next hops; the WIC's is ours, and says when it is worth another try. */
void call_far_refused(struct branch *br, int status)
{
    const struct sip *s = br->call->calls->alg->sip;

    call_fail_branch(br, call_far_status(status), status == 503 && br->call->origin == SIP_W2 ? sip_core_wait(s) : 0);
}

static void fail_iq(struct branch *br, const struct iq_result *r)
{
    unsigned retry_after;
    int status = iq_sip_status(r, false, &retry_after);

    call_fail_branch(br, status, retry_after);
}

/* A reservation came back: call that callee. 0: it is being called. */
static int reserved(struct branch *br, const struct iq_result *r)
{
    int err = call_read_reply(br, br->leg.side, r);

    if (err)
        log_warn("call", "%s msg=\"the gateway's reply lacks what was asked\"", br->call->fsm.tag);
    return err ? err : send_invite(br);
}

/* The events of one callee among several end only that one. */
bool call_ends_one(struct call *call, int ev, struct call_ev *e)
{
    if (call->n_br < 2 || !e || !e->br || call->won)
        return false;
    if (ev != EV_FAULT && ev != EV_GONE && ev != EV_FLOW_CLOSED)
        return false;
    if (e->br->failed)
        return true;
    call_fail_branch(e->br, ev == EV_FLOW_CLOSED ? 480 : 503, 0);
    return true;
}

void call_on_reserving(struct fsm *f, int ev, void *data)
{
    struct call *call = f->owner;
    struct call_ev *e = data;

    switch (ev) {
    case EV_IQ_OK:
        if (reserved(e->br, e->res))
            call_fail_branch(e->br, 500, 0);
        else
            fsm_to(f, CALL_OFFERED);
        break;
    case EV_IQ_FAIL:
        fail_iq(e->br, e->res);
        break;
    case EV_FLOW_BACK:
        break;
    default:
        if (!call_ends_one(call, ev, e))
            call_end_event(call, ev, e);
        break;
    }
}

/* --- answers --- */

static void drop_others(struct call *call)
{
    for (unsigned i = 0; i < call->n_br; i++) {
        struct branch *br = &call->br[i];

        if (br == call->won)
            continue;
        leg_end(&br->leg, &(struct leg_why){.status = 487,
                                            .reason = "SIP;cause=200;text=\"Call completed elsewhere\""});
        media_close(&br->media, NULL);
    }
}

void call_bad_answer(struct call *call, int err)
{
    struct sdp_fault *w = &call->x->why;
    struct leg_why why = {.status = w->status == 488 ? 488 : 500,
                          .warn = w->warn,
                          .text = w->text,
                          .reason = "SIP;cause=488;text=\"Answer not acceptable\""};

    if (err != -EPROTO) {
        call_end_status(call, 500, 0, NULL);
        return;
    }
    log_warn("call", "%s msg=\"the answer is not acceptable: %s\"", call->fsm.tag, w->text);
    call_end(call, &why);
}

void call_answered(struct call *call, struct branch *br, struct sv body)
{
    int err;

    call->won = br;
    drop_others(call);
    if (call->late) {
        call_late_answer(call, br, body);
        return;
    }
    leg_confirm(&br->leg, SV_NONE);
    err = call->x->told && body.n == 0 ? 0 : exch_read_answer(call->x, body); /* RFC 3261 13.2.1: said before */
    call->x->early = false;
    if (err)
        call_bad_answer(call, err);
    else
        call_conf_far(call);
}

void call_progress(struct call *call, struct branch *br, const struct call_ev *e)
{
    int status = e->status;

    if (status == 100 || status == 199 || br->failed)
        return;
    if (call->origin == SIP_W2 && !call->calls->conf.early_media_183)
        return;
    if (status == 180 && br->rang)
        return;
    br->rang = br->rang || status == 180;
    leg_progress(&call->near, status, e->reason, SV_NONE);
}

void call_on_offered(struct fsm *f, int ev, void *data)
{
    struct call *call = f->owner;
    struct call_ev *e = data;

    switch (ev) {
    case EV_IQ_OK:
        if (e->br->failed || reserved(e->br, e->res))
            call_fail_branch(e->br, 500, 0);
        break;
    case EV_IQ_FAIL:
        fail_iq(e->br, e->res);
        break;
    case EV_PROGRESS:
        if (!call_early(call, e->br, e))
            call_progress(call, e->br, e);
        break;
    case EV_ANSWER:
        if (e->br->failed) { /* cancelled, but the 200 was faster */
            leg_confirm(e->leg, SV_NONE);
            leg_end(e->leg, &(struct leg_why){.status = 487});
        } else {
            call_answered(call, e->br, e->body);
        }
        break;
    case EV_REJECT:
        if (!e->br->failed)
            call_far_refused(e->br, e->status);
        break;
    case EV_FLOW_BACK:
        break;
    case EV_TIMEOUT:
        call_end_status(call, 408, 0, "SIP;cause=408;text=\"No answer\"");
        break;
    default:
        if (!call_ends_one(call, ev, e))
            call_end_event(call, ev, e);
        break;
    }
}

/* What callees that lost still send while the winner is configured. true: done with it. */
static bool loser(const struct call *call, int ev, struct call_ev *e)
{
    if (ev == EV_FLOW_BACK || ev == EV_PROGRESS || ev == EV_REJECT)
        return true;
    if (ev == EV_ANSWER) {
        leg_confirm(e->leg, SV_NONE);
        leg_end(e->leg, &(struct leg_why){.status = 487});
        return true;
    }
    return ev != EV_TIMEOUT && ev != EV_STOP && e->br && e->br != call->won;
}

void call_iq_refused(struct call *call, const struct iq_result *r)
{
    unsigned retry_after;
    int status = iq_sip_status(r, false, &retry_after);

    call_end_status(call, status, retry_after, "SIP;cause=503;text=\"Media gateway\"");
}

bool call_commit(struct call *call)
{
    struct media *m = &call->won->media;

    if (exch_commit(call->x, &call->keep, &call->lay))
        return false;
    media_forget(m, call->x, CHAN_GONE);
    sdp_own_agree(&call->near.own);
    sdp_own_agree(&call->won->leg.own);
    call->lock = call->x->lock;
    exch_free(call->x);
    call->x = NULL;
    call->established = true;
    call->rtp = call->lay->n_rtp > 0;
    count_add(&call->calls->counts[CALL_C_ESTABLISHED], 1);
    log_info("call", "%s msg=\"established\" ctx=%u channels=%u rtp=%u", call->fsm.tag, iq_ctx_id(m->ctx), call->lay->n,
             call->lay->n_rtp);
    return true;
}

/* --- from the answer on --- */

static void answer(struct call *call)
{
    bool ahead = call->x->ahead; /* RFC 3261 13.2.1: said before, in a reliable 183 */

    if (!call->x->told && exch_write_answer(call->x, &call->won->media, &call->near.own)) {
        call_end_status(call, 500, 0, NULL);
    } else if ((ahead && call_qos_settle(call)) || !call_commit(call)) {
        call_end_status(call, 500, 0, NULL);
    } else {
        leg_answer(&call->near, ahead ? SV_NONE : sdp_own_body(&call->near.own));
        call_settle(call);
    }
}

static void conf_near(struct call *call)
{
    int err = call_configure(call, call->origin);

    if (err == MEDIA_NOTHING)
        answer(call);
    else if (err)
        call_end_status(call, 500, 0, NULL);
    else
        fsm_to(&call->fsm, CALL_CONF_NEAR);
}

void call_conf_far(struct call *call)
{
    int err = call_configure(call, far_side(call));

    if (err == MEDIA_NOTHING)
        conf_near(call);
    else if (err)
        call_end_status(call, 500, 0, NULL);
    else
        fsm_to(&call->fsm, CALL_CONF_FAR);
}

/* The gateway's answer on one side is taken in: true; else what follows from it is done. */
static bool configured(struct call *call, int ev, struct call_ev *e, enum sip_side side)
{
    if (loser(call, ev, e))
        return false;
    if (ev == EV_IQ_FAIL)
        call_iq_refused(call, e->res);
    else if (ev != EV_IQ_OK)
        call_end_event(call, ev, e);
    else if (call_read_reply(e->br, side, e->res))
        call_end_status(call, 500, 0, NULL);
    else
        return true;
    return false;
}

void call_on_conf_far(struct fsm *f, int ev, void *data)
{
    struct call *call = f->owner;

    if (configured(call, ev, data, far_side(call)))
        conf_near(call);
}

void call_on_conf_near(struct fsm *f, int ev, void *data)
{
    struct call *call = f->owner;

    if (configured(call, ev, data, call->origin))
        answer(call);
}
