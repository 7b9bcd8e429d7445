#include "alg/call/leg.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "alg/call/call_fsm.h"
#include "alg/call/early_offer.h"

void leg_init(struct leg *leg, struct call *call, struct branch *br, enum sip_side side, sip_flow flow)
{
    memset(leg, 0, sizeof *leg);
    leg->call = call;
    leg->br = br;
    leg->side = side;
    leg->flow = flow;
    session_init(&leg->session, side == SIP_MW);
}

void leg_fini(struct leg *leg)
{
    leg_timers_stop(leg);
    leg_forget_said(leg);
    free(leg->asked);
    leg->asked = NULL;
    free(leg->identity);
    leg->identity = NULL;
    if (leg->in)
        leg_refuse(leg, &(struct leg_why){.status = 500});
    sip_dlg_free(leg->dlg);
    leg->dlg = NULL;
    sdp_own_fini(&leg->own);
}

int leg_event(struct leg *leg, int ev, struct call_ev *e)
{
    e->leg = leg;
    e->br = leg->br;
    return fsm_event(&leg->call->fsm, ev, e);
}

/* --- their requests that wait for an answer --- */

static void on_cancel(void *arg, const char *reason)
{
    leg_event(arg, EV_CANCEL, &(struct call_ev){.reason = reason});
}

static void on_ack(void *arg, const struct sip_msg *m)
{
    struct leg *leg = arg;

    leg->wait_ack = false;
    leg_event(leg, m ? EV_ACK : EV_NO_ACK, &(struct call_ev){.body = m ? sip_msg_body(m) : SV_NONE});
}

/* Of our reliable 18x. */
static void on_prack(void *arg, struct sip_in *prack, const struct sip_msg *m)
{
    struct leg *leg = arg;

    if (prack && leg_is_ahead(leg)) /* RFC 3262 5: an offer, though the INVITE is not answered yet */
        leg_offer_ahead(leg, prack, m);
    else if (prack)
        leg_reject(prack, &(struct leg_why){.status = 488});
    if (m)
        return;
    if (leg->in) {
        leg_event(leg, EV_EXPIRED, &(struct call_ev){.status = 504, .reason = "SIP;cause=504;text=\"No PRACK\""});
    } else { /* our 2xx was held back and never left */
        leg->over = true;
        leg->wait_ack = false;
        leg_event(leg, EV_NO_ACK, &(struct call_ev){0});
    }
}

void leg_take_in(struct leg *leg, struct sip_in *in, const struct sip_msg *m)
{
    leg->in = in;
    leg->in_invite = !strcmp(sip_msg_method(m), "INVITE");
    leg->silent = leg->side == SIP_MW && sip_msg_body(m).n == 0 && leg_wants_rel(m); /* the first reliable one would have to offer */
    session_asked(&leg->session, m);
    leg_take_qos(leg, m);
    if (!leg->in_invite)
        return;
    sip_in_on_cancel(in, on_cancel, leg);
    sip_in_on_prack(in, on_prack, leg);
}

void leg_answer_hdrs(struct leg *leg, bool body, struct sip_hdr hdrs[LEG_ANSWER_HDRS])
{
    unsigned n = session_answer_hdrs(&leg->session, hdrs);

    if (leg->asked && body) /* TS 24.229 5.1.4.1 */
        hdrs[n++] = (struct sip_hdr){"Require", "precondition"};
    if (leg->identity && !leg->up)
        hdrs[n++] = (struct sip_hdr){"P-Asserted-Identity", leg->identity};
    hdrs[n] = (struct sip_hdr){NULL, NULL};
}

void leg_answer(struct leg *leg, struct sv body)
{
    struct sip_hdr hdrs[LEG_ANSWER_HDRS] = {{NULL, NULL}};
    struct sip_in *in = leg->in;

    if (!in)
        return;
    if (leg->asked && body.n && !early_offer_ready(&leg->own, sv_from(leg->asked)))
        body = sdp_own_body(&leg->own);
    leg_answer_hdrs(leg, body.n > 0, hdrs);
    leg_renew(leg);
    leg->in = NULL;
    leg->up = true;
    if (leg->in_invite) {
        leg->wait_ack = true;
        sip_in_on_ack(in, on_ack, leg);
    }
    sip_reply(in, 200, NULL, hdrs, body, NULL);
}

void leg_progress(struct leg *leg, int status, const char *reason, struct sv body)
{
    struct sip_hdr hdrs[3] = {{NULL, NULL}};
    unsigned n = 0;

    if (leg->asked && body.n)
        hdrs[n++] = (struct sip_hdr){"Require", "precondition"};
    if (leg->identity)
        hdrs[n++] = (struct sip_hdr){"P-Asserted-Identity", leg->identity};
    if (leg->in && !leg->silent)
        sip_reply(leg->in, status, reason, hdrs, body, NULL);
}

void leg_reject(struct sip_in *in, const struct leg_why *why)
{
    char retry[16], warning[200];
    struct sip_hdr hdrs[5] = {{NULL, NULL}};
    unsigned n = 0;

    if (why->retry_after) {
        snprintf(retry, sizeof retry, "%u", why->retry_after);
        hdrs[n++] = (struct sip_hdr){"Retry-After", retry};
    }
    if (why->text && why->warn) {
        int k = snprintf(warning, sizeof warning, "%u alg \"", why->warn);

        for (const char *p = why->text; *p && k < (int)sizeof warning - 2; p++)
            warning[k++] = *p == '"' || *p == '\\' || (unsigned char)*p < ' ' ? '\'' : *p;
        warning[k++] = '"';
        warning[k] = '\0';
        hdrs[n++] = (struct sip_hdr){"Warning", warning};
    }
    if (why->status == 422)
        hdrs[n++] = (struct sip_hdr){"Min-SE", SESSION_MIN_TEXT};
    if (why->status == 415) {
        hdrs[n++] = (struct sip_hdr){"Accept", "application/sdp"};
        hdrs[n++] = (struct sip_hdr){"Accept-Encoding", "identity"};
    }
    sip_reply(in, why->status, NULL, hdrs, SV_NONE, NULL);
}

void leg_refuse(struct leg *leg, const struct leg_why *why)
{
    struct sip_in *in = leg->in;

    leg->in = NULL;
    if (in)
        leg_reject(in, why);
}

/* --- our requests --- */

/* What we can mend by asking once more. true: we did. */
static bool asked_again(struct leg *leg, int status, const struct sip_msg *m)
{
    bool fresh = !leg->up;

    if (leg->cancelled || leg->over || !m)
        return false;
    if (status == 422 && !session_too_small(&leg->session, m))
        return (fresh ? call_ask_again(leg->br) : leg_send_invite(leg)) == 0;
    if (status == 421 && fresh && leg_wants_qos(leg, m))
        return call_ask_again(leg->br) == 0;
    return status == 491 && !fresh && leg_repeat(leg);
}

static void on_response(void *arg, struct sip_out *out, int status, const struct sip_msg *m)
{
    struct leg *leg = arg;
    struct call_ev e = {.status = status, .body = m ? sip_msg_body(m) : SV_NONE,
                        .reason = m ? sip_msg_reason(m) : NULL,
                        .early = m ? sip_msg_header(m, "P-Early-Media") : NULL};

    if (!out) /* another callee behind a forking proxy answered too; the core ends it */
        return;
    if (status < 200) {
        if (m)
            session_see(&leg->session, m);
        if (status == 199) /* RFC 6228: that early dialog is over */
            leg_drop_said(leg, m);
        else if (m && !leg->up && leg->side == SIP_MW)
            leg_keep_said(leg, m);
        if (!leg->call->established)
            leg_event(leg, EV_PROGRESS, &e);
        return;
    }
    leg->out = NULL;
    if (status >= 300 && asked_again(leg, status, m))
        return;
    if (status < 300) {
        /* RFC 3261 13.2.1: its reliable 18x had the answer, of a fork each its own */
        if (e.body.n == 0 && !leg->up && !leg->call->late)
            e.body = leg_has_said(leg, m);
        leg->up = leg->owe_ack = true;
        session_answered(&leg->session, m);
        leg_renew(leg);
    }
    leg_event(leg, status < 300 ? EV_ANSWER : EV_REJECT, &e);
    leg_forget_said(leg);
}

/* What every INVITE of ours says beside what the call wants: browsers are asked for nothing they lack (sip-sdp 1.8). */
static void put_options(struct leg *leg, const struct sip_hdr *more, struct sip_hdr hdrs[CALL_HDR_MAX + SESSION_HDRS + 2])
{
    unsigned n = 0;

    for (; more && more->name && n < CALL_HDR_MAX; more++)
        hdrs[n++] = *more;
    if (leg->side == SIP_MW)
        hdrs[n++] = (struct sip_hdr){"Supported", leg->up    ? "100rel, timer"
                                                  : leg->call->late ? "timer, 199" /* a reliable 18x would be an offer for our PRACK */
                                                  : leg->qos ? "100rel, timer, 199, precondition"
                                                             : "100rel, timer, 199"};
    n += session_ask_hdrs(&leg->session, hdrs + n);
    hdrs[n] = (struct sip_hdr){NULL, NULL};
}

int leg_invite(struct leg *leg, struct sip *s, const struct sip_target *to, const struct sip_hdr *more)
{
    struct sip_hdr hdrs[CALL_HDR_MAX + SESSION_HDRS + 2];
    struct sip_dlg_h h = leg_dlg_h;

    h.arg = leg;
    put_options(leg, more, hdrs);
    return sip_invite(&leg->dlg, &leg->out, s, to, hdrs, sdp_own_body(&leg->own), &h, on_response, leg);
}

int leg_invite_again(struct leg *leg, const struct sip_target *to, const struct sip_hdr *more)
{
    struct sip_hdr hdrs[CALL_HDR_MAX + SESSION_HDRS + 2];

    put_options(leg, more, hdrs);
    return sip_invite_again(leg->dlg, &leg->out, to, hdrs, sdp_own_body(&leg->own), on_response, leg);
}

int leg_send_invite(struct leg *leg)
{
    struct sip_hdr hdrs[CALL_HDR_MAX + SESSION_HDRS + 2];

    put_options(leg, NULL, hdrs);
    return sip_dlg_request(leg->dlg, &leg->out, "INVITE", hdrs, sdp_own_body(&leg->own), NULL, on_response, leg);
}

int leg_reinvite(struct leg *leg)
{
    leg->cancelled = leg->dropped = false;
    leg->glares = 0;
    return leg_send_invite(leg);
}

void leg_cancel(struct leg *leg, const char *reason)
{
    if (leg->out && !leg->cancelled) {
        leg->cancelled = true;
        sip_cancel(leg->out, reason);
    } else if (leg->again.t) {
        leg->dropped = true;
        alarm_hasten(&leg->again);
    }
}

void leg_confirm(struct leg *leg, struct sv body)
{
    if (leg->dlg && leg->owe_ack)
        sip_ack(leg->dlg, NULL, body);
    leg->owe_ack = false;
}

static void on_bye_response(void *arg, struct sip_out *out, int status, const struct sip_msg *m)
{
    struct leg *leg = arg;

    (void)out;
    (void)m;
    if (status < 200)
        return;
    leg->bye_wait = false;
    leg_event(leg, EV_LEG_DONE, &(struct call_ev){.status = status});
}

static void bye(struct leg *leg, const char *reason)
{
    struct sip_hdr hdrs[2] = {{reason ? "Reason" : NULL, reason}, {NULL, NULL}};

    leg->over = true;
    leg->bye_wait = true;
    if (sip_dlg_request(leg->dlg, NULL, "BYE", hdrs, SV_NONE, NULL, on_bye_response, leg))
        leg->bye_wait = false; /* its connection is gone: nobody is there to be told */
}

/* The cancelled re-INVITE has no final answer: the BYE goes first. */
static void on_unanswered(void *arg)
{
    struct leg *leg = arg;
    const char *reason = leg->call->end_text;

    if (!leg->over && !leg->wait_ack)
        bye(leg, reason[0] ? reason : NULL);
}

/* Our re-INVITE is under way: it is cancelled, and its final answer waited for a while, since a BYE that overtakes it leaves the
 * peer with a change half made. false: nothing to wait for. */
static bool ends_change(struct leg *leg, const struct leg_why *why)
{
    if (!leg->up || leg->over || !leg->out || leg->refreshing)
        return false;
    leg_cancel(leg, why->reason);
    return alarm_set(&leg->again, &leg->call->calls->alg->loop, CALL_FINAL_MS, on_unanswered, leg) == 0;
}

void leg_end(struct leg *leg, const struct leg_why *why)
{
    leg_timers_stop(leg);
    leg_refuse(leg, why);
    if (!leg->up)
        leg_cancel(leg, why->reason);
    if (leg->up)
        leg_confirm(leg, SV_NONE);
    /* RFC 3261 15: no BYE from the callee before its 2xx was acknowledged (or that was given up) */
    if (leg->up && !leg->over && !leg->wait_ack && !ends_change(leg, why))
        bye(leg, why->reason);
}

bool leg_is_quiet(const struct leg *leg)
{
    return !leg->in && !leg->out && !leg->bye_wait && !leg->wait_ack && (!leg->up || leg->over);
}
