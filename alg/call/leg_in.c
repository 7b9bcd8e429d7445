/* Requests of the other side inside a dialog of a call (RFC 3261 14.2, 15.1.2; RFC 3311; RFC 4028 9). */
#include <errno.h>
#include <stdlib.h>
#include <utlist.h>

#include "alg/call/call_fsm.h"
#include "alg/call/early_offer.h"
#include "common/log.h"
#include "common/rnd.h"

/* Nothing but a refresh, of the session or of the target (RFC 4028 7.4, RFC 3311 5.2). */
static void answer_update(struct leg *leg, struct sip_in *in)
{
    struct sip_hdr hdrs[LEG_ANSWER_HDRS] = {{NULL, NULL}};

    leg_answer_hdrs(leg, false, hdrs);
    if (leg->up)
        leg_renew(leg);
    sip_reply(in, 200, NULL, hdrs, SV_NONE, NULL);
}

/* --- before the answer --- */

static void said_free(struct leg *leg, struct leg_said *d)
{
    DL_DELETE(leg->said, d);
    free(d->tag);
    free(d->body);
    free(d);
}

void leg_forget_said(struct leg *leg)
{
    while (leg->said)
        said_free(leg, leg->said);
}

static struct leg_said *said_by(const struct leg *leg, const char *tag)
{
    struct leg_said *d;

    DL_FOREACH(leg->said, d)
        if (!strcmp(d->tag, tag))
            return d;
    return NULL;
}

struct sv leg_has_said(const struct leg *leg, const struct sip_msg *m)
{
    const char *tag = m ? sip_msg_peer_tag(m) : NULL;
    const struct leg_said *d = tag ? said_by(leg, tag) : NULL;

    return d ? sv_from(d->body) : SV_NONE;
}

void leg_drop_said(struct leg *leg, const struct sip_msg *m)
{
    const char *tag = m ? sip_msg_peer_tag(m) : NULL;
    struct leg_said *d = tag ? said_by(leg, tag) : NULL;

    if (d)
        said_free(leg, d);
}

/* How many there may be is bounded where early dialogs are (alg/sip). */
void leg_keep_said(struct leg *leg, const struct sip_msg *m)
{
    const char *tag = sip_msg_peer_tag(m);
    struct sv body = sip_msg_body(m);
    struct leg_said *d = tag && body.n > 0 && body.n <= SDP_BODY_MAX ? said_by(leg, tag) : NULL;
    char *copy;

    if (!tag || body.n == 0 || body.n > SDP_BODY_MAX)
        return;
    if (!d) {
        d = calloc(1, sizeof *d);
        if (!d)
            return;
        d->tag = strdup(tag);
        if (!d->tag) {
            free(d);
            return;
        }
        DL_APPEND(leg->said, d);
    }
    copy = strndup(body.p, body.n);
    if (!copy)
        return;
    free(d->body);
    d->body = copy;
}

/* RFC 3311 5.2, sip-sdp 2.5: the WIC cannot be asked, its INVITE waits. What we offered stands for our side. */
static void early_offer(struct leg *leg, struct sip_in *in, const struct sip_msg *m)
{
    const char *tag = sip_msg_peer_tag(m);
    struct leg_said *d = tag ? said_by(leg, tag) : NULL;
    struct sip_hdr hdrs[SESSION_HDRS + 1] = {{NULL, NULL}};
    struct sv body = sip_msg_body(m);
    struct call_ev e = {.status = 100, .body = body, .early = sip_msg_header(m, "P-Early-Media")};
    int err;

    if (!d || !d->body || leg->call->late) { /* our offer has no answer of theirs yet, or there is none */
        leg_reject(in, &(struct leg_why){.status = 491});
        return;
    }
    if (leg->call->x && leg->call->x->n_early >= CALL_EARLY_MAX) { /* what would not be read is not agreed to */
        leg_reject(in, &(struct leg_why){.status = 488, .warn = 399, .text = "too many descriptions before the answer"});
        return;
    }
    err = early_offer_answer(&leg->own, sv_from(d->body), body);
    if (err) {
        leg_reject(in, &(struct leg_why){.status = err == -EPROTO ? 488 : 500, .warn = err == -EPROTO ? 399 : 0,
                                         .text = "not before the answer"});
        return;
    }
    leg_keep_said(leg, m);
    sip_reply(in, 200, NULL, hdrs, sdp_own_body(&leg->own), NULL);
    leg_event(leg, EV_PROGRESS, &e); /* as if the 18x had said so: T2 follows */
}

static void take_offer(struct leg *leg, struct sip_in *in, const struct sip_msg *m)
{
    const char *ctype = sip_msg_ctype(m);
    struct sv body = sip_msg_body(m);

    if (body.n > 0 && (!ctype || strcmp(ctype, "application/sdp") != 0)) {
        log_info("call", "%s msg=\"change refused\" why=\"a body that is no SDP\"", leg->call->fsm.tag);
        leg_reject(in, &(struct leg_why){.status = 415});
    } else if (leg_is_ahead(leg) && !strcmp(sip_msg_method(m), "UPDATE")) {
        leg_offer_ahead(leg, in, m);
    } else if (leg->in) { /* RFC 3261 14.2: the one before is not answered yet */
        leg_reject(in, &(struct leg_why){.status = 500, .retry_after = 1 + rnd_u32() % 10});
    } else if (!leg->up && !leg->over && leg->side == SIP_MW && leg->out && !strcmp(sip_msg_method(m), "UPDATE")) {
        early_offer(leg, in, m);
    } else if (!leg->up || leg->over) {
        leg_reject(in, &(struct leg_why){.status = leg->over ? 481 : 491});
    } else {
        leg_take_in(leg, in, m);
        if (leg_event(leg, EV_REINVITE, &(struct call_ev){.body = body}))
            leg_refuse(leg, &(struct leg_why){.status = 491});
    }
}

/* RFC 6086 4.2.2: empty is fine, no package is understood. Candidates that trickle in are not needed: the gateway learns them
 * from the checks (RFC 8840; sip-sdp 3.5). */
static int info_status(const struct sip_msg *m)
{
    const char *ctype = sip_msg_ctype(m);

    if (sip_msg_body(m).n == 0)
        return 200;
    return ctype && !strcasecmp(ctype, "application/trickle-ice-sdpfrag") ? 200 : 469;
}

static void on_request(void *arg, struct sip_dlg *d, struct sip_in *in, const struct sip_msg *m)
{
    struct leg *leg = arg;
    const char *method = sip_msg_method(m);

    (void)d;
    if (leg->side == SIP_W2 && sip_msg_flow(m) != leg->flow) {
        leg->flow = sip_msg_flow(m);
        sip_dlg_set_flow(leg->dlg, leg->flow);
        leg_event(leg, EV_FLOW_BACK, &(struct call_ev){0});
    }
    if (!strcmp(method, "BYE")) {
        const char *reason = sip_msg_header(m, "Reason"); /* before the answer ends the request */

        sip_reply(in, 200, NULL, NULL, SV_NONE, NULL);
        leg->over = true;
        leg->wait_ack = false;
        leg_event(leg, EV_BYE, &(struct call_ev){.reason = reason});
    } else if ((!strcmp(method, "INVITE") || !strcmp(method, "UPDATE")) && session_asked(&leg->session, m)) {
        leg_reject(in, &(struct leg_why){.status = 422});
    } else if (!strcmp(method, "INVITE") || (!strcmp(method, "UPDATE") && sip_msg_body(m).n > 0)) {
        take_offer(leg, in, m);
    } else if (!strcmp(method, "UPDATE")) {
        answer_update(leg, in);
    } else if (!strcmp(method, "OPTIONS")) {
        const struct sip_hdr hdrs[] = {
            {"Allow", leg->side == SIP_MW ? "INVITE, ACK, CANCEL, BYE, PRACK, UPDATE, OPTIONS, INFO"
                                          : "INVITE, ACK, CANCEL, BYE, UPDATE, OPTIONS, INFO"},
            {"Accept", "application/sdp"}, {NULL, NULL}};

        sip_reply(in, 200, NULL, hdrs, SV_NONE, NULL);
    } else if (!strcmp(method, "INFO")) {
        sip_reply(in, info_status(m), NULL, NULL, SV_NONE, NULL);
    } else {
        sip_reply(in, 405, NULL, NULL, SV_NONE, NULL);
    }
}

const struct sip_dlg_h leg_dlg_h = {.request = on_request};
