#include "alg/call/leg.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "alg/call/call_fsm.h"
#include "common/rnd.h"

void leg_init(struct leg *leg, struct call *call, struct branch *br, enum sip_side side, sip_flow flow)
{
    memset(leg, 0, sizeof *leg);
    leg->call = call;
    leg->br = br;
    leg->side = side;
    leg->flow = flow;
}

void leg_fini(struct leg *leg)
{
    if (leg->in)
        leg_refuse(leg, &(struct leg_why){.status = 500});
    sip_dlg_free(leg->dlg);
    leg->dlg = NULL;
    sdp_own_fini(&leg->own);
}

static int event(struct leg *leg, int ev, struct call_ev *e)
{
    e->leg = leg;
    e->br = leg->br;
    return fsm_event(&leg->call->fsm, ev, e);
}

/* --- their requests that wait for an answer --- */

static void on_cancel(void *arg, const char *reason)
{
    event(arg, EV_CANCEL, &(struct call_ev){.reason = reason});
}

static void on_ack(void *arg, const struct sip_msg *m)
{
    struct leg *leg = arg;

    leg->wait_ack = false;
    event(leg, m ? EV_ACK : EV_NO_ACK, &(struct call_ev){.body = m ? sip_msg_body(m) : SV_NONE});
}

/* RFC 4028: whoever asks for a session timer refreshes it itself; its refreshes are answered by UPDATE or re-INVITE
 * handling here. A peer that wants us to refresh goes without. */
static void take_session(struct leg *leg, const struct sip_msg *m)
{
    const char *expires = sip_msg_header(m, "Session-Expires");
    const char *supported = sip_msg_header(m, "Supported");
    struct sv text = sv_from(expires), number = sv_trim(sv_cut(&text, ';'));
    uint32_t seconds;

    leg->session[0] = '\0';
    if (!expires || !supported || !strstr(supported, "timer") || strstr(expires, "refresher=uas") ||
        sv_u32(number, 86400 * 7, &seconds) || seconds < 90) /* RFC 4028 4: the least; 9: we may not raise it */
        return;
    snprintf(leg->session, sizeof leg->session, "%u;refresher=uac", seconds);
}

void leg_take_in(struct leg *leg, struct sip_in *in, const struct sip_msg *m)
{
    leg->in = in;
    leg->in_invite = !strcmp(sip_msg_method(m), "INVITE");
    take_session(leg, m);
    if (leg->in_invite)
        sip_in_on_cancel(in, on_cancel, leg);
}

static unsigned session_hdrs(const struct leg *leg, struct sip_hdr *h)
{
    if (!leg->session[0])
        return 0;
    h[0] = (struct sip_hdr){"Session-Expires", leg->session};
    h[1] = (struct sip_hdr){"Require", "timer"};
    return 2;
}

void leg_answer(struct leg *leg, struct sv body)
{
    struct sip_hdr hdrs[3] = {{NULL, NULL}};
    struct sip_in *in = leg->in;

    if (!in)
        return;
    session_hdrs(leg, hdrs);
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
    if (leg->in)
        sip_reply(leg->in, status, reason, NULL, body, NULL);
}

void leg_reject(struct sip_in *in, const struct leg_why *why)
{
    char retry[16], warning[200];
    struct sip_hdr hdrs[4] = {{NULL, NULL}};
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
    if (why->status == 415)
        hdrs[n++] = (struct sip_hdr){"Accept", "application/sdp"};
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

static void on_response(void *arg, struct sip_out *out, int status, const struct sip_msg *m)
{
    struct leg *leg = arg;
    struct call_ev e = {.status = status, .body = m ? sip_msg_body(m) : SV_NONE,
                        .reason = m ? sip_msg_reason(m) : NULL,
                        .early = m ? sip_msg_header(m, "P-Early-Media") : NULL};

    if (!out) /* another callee behind a forking proxy answered too; the core ends it */
        return;
    if (status < 200) {
        if (!leg->call->established)
            event(leg, EV_PROGRESS, &e);
        return;
    }
    leg->out = NULL;
    if (status < 300)
        leg->up = leg->owe_ack = true;
    event(leg, status < 300 ? EV_ANSWER : EV_REJECT, &e);
}

int leg_invite(struct leg *leg, struct sip *s, const struct sip_target *to, const struct sip_hdr *hdrs)
{
    struct sip_dlg_h h = leg_dlg_h;

    h.arg = leg;
    return sip_invite(&leg->dlg, &leg->out, s, to, hdrs, sdp_own_body(&leg->own), &h, on_response, leg);
}

int leg_reinvite(struct leg *leg)
{
    leg->cancelled = false;
    return sip_dlg_request(leg->dlg, &leg->out, "INVITE", NULL, sdp_own_body(&leg->own), NULL, on_response,
                           leg);
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
    event(leg, EV_LEG_DONE, &(struct call_ev){.status = status});
}

static void bye(struct leg *leg, const char *reason)
{
    struct sip_hdr hdrs[2] = {{reason ? "Reason" : NULL, reason}, {NULL, NULL}};

    leg->over = true;
    leg->bye_wait = true;
    if (sip_dlg_request(leg->dlg, NULL, "BYE", hdrs, SV_NONE, NULL, on_bye_response, leg))
        leg->bye_wait = false; /* its connection is gone: nobody is there to be told */
}

void leg_end(struct leg *leg, const struct leg_why *why)
{
    leg_refuse(leg, why);
    if (leg->out && !leg->up && !leg->cancelled) {
        leg->cancelled = true;
        sip_cancel(leg->out, why->reason);
    }
    if (leg->up)
        leg_confirm(leg, SV_NONE);
    /* RFC 3261 15: no BYE from the callee before its 2xx was acknowledged (or that was given up) */
    if (leg->up && !leg->over && !leg->wait_ack)
        bye(leg, why->reason);
}

bool leg_is_quiet(const struct leg *leg)
{
    return !leg->in && !leg->out && !leg->bye_wait && !leg->wait_ack && (!leg->up || leg->over);
}

/* --- their requests inside the dialog --- */

static void answer_update(struct leg *leg, struct sip_in *in, const struct sip_msg *m)
{
    struct sip_hdr hdrs[3] = {{NULL, NULL}};

    take_session(leg, m);
    session_hdrs(leg, hdrs);
    sip_reply(in, 200, NULL, hdrs, SV_NONE, NULL);
}

static void take_offer(struct leg *leg, struct sip_in *in, const struct sip_msg *m)
{
    const char *ctype = sip_msg_ctype(m);
    struct sv body = sip_msg_body(m);

    if (body.n > 0 && (!ctype || strcmp(ctype, "application/sdp") != 0)) {
        leg_reject(in, &(struct leg_why){.status = 415});
    } else if (leg->in) { /* RFC 3261 14.2: the one before is not answered yet */
        leg_reject(in, &(struct leg_why){.status = 500, .retry_after = 1 + rnd_u32() % 10});
    } else if (!leg->up || leg->over) {
        leg_reject(in, &(struct leg_why){.status = leg->over ? 481 : 491});
    } else {
        leg_take_in(leg, in, m);
        if (event(leg, EV_REINVITE, &(struct call_ev){.body = body}))
            leg_refuse(leg, &(struct leg_why){.status = 491});
    }
}

static void on_request(void *arg, struct sip_dlg *d, struct sip_in *in, const struct sip_msg *m)
{
    struct leg *leg = arg;
    const char *method = sip_msg_method(m);

    (void)d;
    if (leg->side == SIP_W2 && sip_msg_flow(m) != leg->flow) {
        leg->flow = sip_msg_flow(m);
        sip_dlg_set_flow(leg->dlg, leg->flow);
        event(leg, EV_FLOW_BACK, &(struct call_ev){0});
    }
    if (!strcmp(method, "BYE")) {
        const char *reason = sip_msg_header(m, "Reason"); /* before the answer ends the request */

        sip_reply(in, 200, NULL, NULL, SV_NONE, NULL);
        leg->over = true;
        leg->wait_ack = false;
        event(leg, EV_BYE, &(struct call_ev){.reason = reason});
    } else if (!strcmp(method, "INVITE") || (!strcmp(method, "UPDATE") && sip_msg_body(m).n > 0)) {
        take_offer(leg, in, m);
    } else if (!strcmp(method, "UPDATE")) {
        answer_update(leg, in, m);
    } else if (!strcmp(method, "OPTIONS")) {
        const struct sip_hdr hdrs[] = {
            {"Allow", "INVITE, ACK, CANCEL, BYE, UPDATE, OPTIONS, INFO"}, {"Accept", "application/sdp"}, {NULL, NULL}};

        sip_reply(in, 200, NULL, hdrs, SV_NONE, NULL);
    } else if (!strcmp(method, "INFO")) { /* RFC 6086 4.2.2: empty is fine, no package is understood */
        sip_reply(in, sip_msg_body(m).n ? 469 : 200, NULL, NULL, SV_NONE, NULL);
    } else {
        sip_reply(in, 405, NULL, NULL, SV_NONE, NULL);
    }
}

const struct sip_dlg_h leg_dlg_h = {.request = on_request};
