/* Dialogs (RFC 3261 12) over nta_leg: INVITE either way, ACK, requests inside. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <utlist.h>

#include "alg/sip/agent.h"
#include "alg/sip/screen.h"
#include "common/log.h"
#include "common/rnd.h"

/* Our Contact: on W2 the name alone (RFC 7118: transport=ws), on Mw the address the core reaches us at. */
static char *make_contact(const struct sip *s, enum sip_side side, struct self_how how)
{
    char user[17], uri[SELF_URI_MAX], text[SELF_URI_MAX + 2];

    rnd_text(user, sizeof user - 1);
    if (side == SIP_W2)
        snprintf(text, sizeof text, "<sip:%s@%s;transport=ws>", user, s->name);
    else
        snprintf(text, sizeof text, "<%s>", self_uri(uri, s, user, how));
    return strdup(text);
}

/* b: whose it is, of a WIC; NULL: nobody's that is registered */
static struct sip_dlg *dlg_new(struct sip *s, enum sip_side side, sip_flow flow, const struct reg_binding *b, struct self_how how,
                               const struct sip_dlg_h *h)
{
    struct sip_dlg *d = calloc(1, sizeof *d);

    if (!d)
        return NULL;
    d->sip = s;
    d->side = side;
    d->flow = flow;
    d->since = net_now_ms();
    d->h = *h;
    d->contact = make_contact(s, side, how);
    d->aor = b ? strdup(b->aor) : NULL;
    d->token = b && reg_is_by_token(b);
    DL_APPEND(s->dlgs, d);
    if (!d->contact) {
        sip_dlg_free(d);
        return NULL;
    }
    return d;
}

void sip_dlg_free(struct sip_dlg *d)
{
    if (!d)
        return;
    in_forget(d->sip, d);
    out_forget(d->sip, d);
    DL_DELETE(d->sip->dlgs, d);
    if (d->ack)
        nta_outgoing_destroy(d->ack);
    early_free_all(d);
    if (d->leg)
        nta_leg_destroy(d->leg);
    free(d->contact);
    free(d->aor);
    free(d->call_id);
    free(d);
}

int sip_dlg_accept(struct sip_dlg **dp, struct sip *s, struct sip_in *in, const struct sip_msg *m, const struct sip_dlg_h *h)
{
    const sip_t *sip = m->in;
    struct sip_dlg *d = dlg_new(s, m->side, m->flow, m->side == SIP_W2 && s->reg ? reg_by_sender(s->reg, m) : NULL, in_how(in), h);
    su_home_t home[1] = {SU_HOME_INIT(home)};
    sip_to_t *us;

    if (!d)
        return -ENOMEM;
    d->confirmed = true;
    us = sip_to_dup(home, sip->sip_to);
    /* Its tag from the beginning: to a leg that gets it later Sofia gives INVITEs without one, too, those of a core's fork. */
    if (us && sip_to_tag(home, us, nta_incoming_tag(in->irq, NULL)) >= 0)
        d->leg = nta_leg_tcreate(s->agents[m->side].nta, dlg_on_request, d, SIPTAG_CALL_ID(sip->sip_call_id),
                                 SIPTAG_FROM(us), SIPTAG_TO(sip->sip_from),
                                 NTATAG_REMOTE_CSEQ(sip->sip_cseq->cs_seq), TAG_END());
    su_home_deinit(home);
    d->call_id = strdup(sip->sip_call_id->i_id);
    if (!d->leg || !d->call_id || nta_leg_server_route(d->leg, sip->sip_record_route, sip->sip_contact) < 0) {
        sip_dlg_free(d);
        return -ENOMEM;
    }
    in->dlg = d;
    *dp = d;
    return 0;
}

/* --- requests inside the dialog, from the other side --- */

/* The WIC may have come back on another connection; anybody else's connection has no business here. */
static bool flow_ok(struct sip_dlg *d, sip_flow flow)
{
    const struct reg_binding *now;

    if (d->side != SIP_W2 || flow == d->flow)
        return true;
    now = d->sip->reg ? reg_by_flow(d->sip->reg, flow) : NULL;
    if (!now || !d->aor || strcmp(now->aor, d->aor) != 0)
        return false;
    d->flow = flow;
    return true;
}

/* TS 24.371 7.2.1. 0: it may come in; else it was answered. */
static int screen_token(struct sip_dlg *d, nta_incoming_t *irq, const sip_t *sip, sip_flow flow)
{
    char lines[REG_LINES_MAX];
    int status = d->token && d->aor && d->sip->reg ? reg_admit_dialog(d->sip->reg, sip, flow, d->aor, lines, sizeof lines) : 0;

    if (!status)
        return 0;
    log_info("sip", "side=w2 flow=%llu msg=\"no good token in a dialog\" method=%s status=%d", (unsigned long long)flow,
             sip->sip_request->rq_method_name, status);
    nta_incoming_treply(irq, status, msg_phrase(status), TAG_IF(lines[0], SIPTAG_HEADER_STR(lines)),
                        SIPTAG_SERVER_STR(d->sip->agent_name), TAG_END());
    nta_incoming_destroy(irq);
    return status;
}

int dlg_on_request(void *magic, nta_leg_t *leg, nta_incoming_t *irq, const sip_t *sip)
{
    struct sip_dlg *d = magic;
    struct sip *s = d->sip;
    struct agent *a = &s->agents[d->side];
    sip_flow flow = 0;
    struct sip_in *in;
    struct sip_msg m;

    screen_unmend(sip);
    sip_wire_flush(s);
    count_add(&s->counts[SIP_C_IN], 1);
    if (sip->sip_request->rq_method == sip_method_ack) {
        nta_incoming_destroy(irq);
        return 0;
    }
    if (sip->sip_request->rq_method == sip_method_prack) /* RFC 3262 3: of no 18x that waits for one */
        return 481;
    if (d->side == SIP_W2)
        flow = bridge_flow(s->bridge, irq, NULL);
    if (!flow_ok(d, flow))
        return 403;
    if (in_screen(a, irq, sip) || screen_token(d, irq, sip, flow))
        return 0;
    if ((sip->sip_request->rq_method == sip_method_invite || sip->sip_request->rq_method == sip_method_update) &&
        sip->sip_contact)
        nta_leg_server_route(leg, NULL, sip->sip_contact); /* RFC 3261 12.2.2: target refresh */
    in = in_new(a, flow, irq, sip, d);
    if (!in)
        return 500;
    msg_open(&m, s, d->side, flow, sip);
    d->h.request(d->h.arg, d, in, &m);
    msg_close(&m);
    sip_wire_flush(s);
    return 0;
}

/* --- our requests --- */

void dlg_established(struct sip_dlg *d, const sip_t *sip, nta_outgoing_t *orq)
{
    sip_method_t method = sip->sip_cseq->cs_method;
    const char *branch = nta_outgoing_branch(orq);

    if (method != sip_method_invite && method != sip_method_update)
        return;
    if (method == sip_method_invite) {
        d->inv_cseq = sip->sip_cseq->cs_seq;
        d->inv_2xx = true;
        snprintf(d->inv_branch, sizeof d->inv_branch, "%s", branch ? branch : "");
    }
    if (!d->confirmed && method == sip_method_invite)
        early_settle(d, sip);
    else
        nta_leg_client_route(d->leg, NULL, sip->sip_contact);
}

const url_t *dlg_to(const nta_leg_t *leg)
{
    const sip_route_t *route = NULL;
    const sip_contact_t *target = NULL;

    nta_leg_get_route((nta_leg_t *)leg, &route, &target);
    return route ? route->r_url : target ? target->m_url : NULL;
}

struct shape { /* one request, before it is sent */
    const char *method;
    const struct sip_hdr *hdrs;
    struct sv body;
    const char *ctype;
    const char *uri, *route; /* first request only */
};

static nta_outgoing_t *dlg_send(struct sip_dlg *d, struct sip_out *out, const struct shape *q, tport_t *tp)
{
    su_home_t home[1] = {SU_HOME_INIT(home)};
    struct sip *s = d->sip;
    bool refresh = !strcmp(q->method, "INVITE") || !strcmp(q->method, "UPDATE");
    sip_route_t *route = q->route ? sip_route_make(home, q->route) : NULL;
    const char *lines = msg_lines(home, q->hdrs);
    sip_payload_t *payload = q->body.n ? sip_payload_create(home, q->body.p, (isize_t)q->body.n) : NULL;
    url_string_t *uri = q->uri ? (url_string_t *)url_hdup(home, (const url_t *)q->uri) : NULL;
    url_string_t const *hop = NULL;
    nta_outgoing_t *orq = NULL;

    if (!tp && !q->uri)
        hop = hop_any(&out->hop, s, dlg_to(d->leg), d->hop_id);
    else if (!tp && hop_take(&out->hop, s, route ? route->r_url : NULL, 0, &hop))
        goto out;
    orq = nta_outgoing_tcreate(d->leg, out_response, out, hop, sip_method_code(q->method), q->method, uri,
                               TAG_IF(tp, NTATAG_TPORT(tp)), TAG_IF(route, SIPTAG_ROUTE(route)),
                               TAG_IF(lines, SIPTAG_HEADER_STR(lines)),
                               TAG_IF(refresh && !msg_has(q->hdrs, "Contact"), SIPTAG_CONTACT_STR(d->contact)),
                               TAG_IF(refresh && !msg_has(q->hdrs, "Allow"), SIPTAG_ALLOW_STR(allow_of(d->side))),
                               TAG_IF(!msg_has(q->hdrs, "User-Agent"), SIPTAG_USER_AGENT_STR(s->agent_name)),
                               TAG_IF(payload, SIPTAG_CONTENT_TYPE_STR(q->ctype ? q->ctype : "application/sdp")),
                               TAG_IF(payload, SIPTAG_PAYLOAD(payload)), TAG_END());
out:
    su_home_deinit(home);
    return orq;
}

static int dlg_start(struct sip_dlg *d, struct sip_out **op, const struct shape *q, sip_response_h *cb, void *arg)
{
    struct sip *s = d->sip;
    tport_t *tp = d->side == SIP_W2 ? bridge_tport(s->bridge, d->flow) : NULL;
    struct sip_out *out = NULL;
    int err;

    if (d->side == SIP_W2 && !tp)
        return -ENOTCONN;
    err = out_start(op, s, d, d->side, d->flow, cb, arg, &out);
    if (err)
        return err;
    out->invite = !strcmp(q->method, "INVITE");
    out->orq = dlg_send(d, out, q, tp);
    if (!out->orq) {
        err = !tp && !out->hop.id && !out->hop.fixed ? -EHOSTUNREACH : -EINVAL;
        DL_DELETE(s->outs, out);
        free(out);
        if (op)
            *op = NULL;
    } else {
        if (!tp)
            hop_sent(&out->hop, &out->orq, out_response, out);
        sip_wire_sent(s, d->side, out->orq, NULL);
    }
    sip_wire_flush(s);
    return err;
}

int sip_invite(struct sip_dlg **dp, struct sip_out **op, struct sip *s, const struct sip_target *to, const struct sip_hdr *hdrs,
               struct sv sdp, const struct sip_dlg_h *h, sip_response_h *cb, void *cb_arg)
{
    struct shape q = {"INVITE", hdrs, sdp, NULL, to->uri, to->route};
    struct sip_dlg *d = dlg_new(s, to->side, to->flow, to->side == SIP_W2 && s->reg ? reg_by_flow(s->reg, to->flow) : NULL,
                                out_how(s), h);
    int err = -ENOMEM;

    if (!d)
        return err;
    d->leg = nta_leg_tcreate(s->agents[to->side].nta, dlg_on_request, d, SIPTAG_FROM_STR(to->from), SIPTAG_TO_STR(to->to),
                             TAG_END());
    if (!d->leg || !nta_leg_tag(d->leg, NULL)) {
        err = -EINVAL; /* the address cannot be parsed */
        goto out;
    }
    err = dlg_start(d, op, &q, cb, cb_arg);
    if (!err) {
        msg_t *msg = nta_outgoing_getrequest(s->outs->prev->orq);
        const sip_t *sip = msg ? sip_object(msg) : NULL;

        d->call_id = strdup(sip && sip->sip_call_id ? sip->sip_call_id->i_id : "");
        msg_destroy(msg);
    }
out:
    if (err)
        sip_dlg_free(d);
    else
        *dp = d;
    return err;
}

int sip_invite_again(struct sip_dlg *d, struct sip_out **op, const struct sip_target *to, const struct sip_hdr *hdrs,
                     struct sv sdp, sip_response_h *cb, void *cb_arg)
{
    struct shape q = {"INVITE", hdrs, sdp, NULL, to->uri, to->route};

    return nta_leg_get_rtag(d->leg) ? -EINVAL : dlg_start(d, op, &q, cb, cb_arg);
}

int sip_dlg_request(struct sip_dlg *d, struct sip_out **op, const char *method, const struct sip_hdr *hdrs, struct sv body,
                    const char *ctype, sip_response_h *cb, void *cb_arg)
{
    struct shape q = {method, hdrs, body, ctype, NULL, NULL};

    return dlg_start(d, op, &q, cb, cb_arg);
}

int sip_ack(struct sip_dlg *d, const struct sip_hdr *hdrs, struct sv body)
{
    su_home_t home[1] = {SU_HOME_INIT(home)};
    struct sip *s = d->sip;
    tport_t *tp = d->side == SIP_W2 ? bridge_tport(s->bridge, d->flow) : NULL;
    const char *lines = msg_lines(home, hdrs);
    sip_payload_t *payload = body.n ? sip_payload_create(home, body.p, (isize_t)body.n) : NULL;
    sip_cseq_t *cseq = sip_cseq_create(home, d->inv_cseq, SIP_METHOD_ACK);
    nta_outgoing_t *ack = NULL;
    struct hop_try hop;
    int err = d->side == SIP_W2 && !tp ? -ENOTCONN : d->inv_2xx ? 0 : -EINVAL;

    if (!err) {
        ack = nta_outgoing_tcreate(d->leg, NULL, NULL, tp ? NULL : hop_any(&hop, s, dlg_to(d->leg), d->hop_id),
                                   SIP_METHOD_ACK, NULL, TAG_IF(tp, NTATAG_TPORT(tp)), SIPTAG_CSEQ(cseq),
                                   NTATAG_ACK_BRANCH(d->inv_branch), TAG_IF(lines, SIPTAG_HEADER_STR(lines)),
                                   TAG_IF(payload, SIPTAG_CONTENT_TYPE_STR("application/sdp")),
                                   TAG_IF(payload, SIPTAG_PAYLOAD(payload)), TAG_END());
        err = ack ? 0 : -EIO;
    }
    if (!err) {
        if (d->ack)
            nta_outgoing_destroy(d->ack);
        d->ack = ack;
        sip_wire_sent(s, d->side, ack, NULL);
        d->inv_2xx = false;
    }
    su_home_deinit(home);
    sip_wire_flush(s);
    return err;
}

void sip_dlg_set_handler(struct sip_dlg *d, const struct sip_dlg_h *h)
{
    d->h = *h;
}

enum sip_side sip_dlg_side(const struct sip_dlg *d)
{
    return d->side;
}

sip_flow sip_dlg_flow(const struct sip_dlg *d)
{
    return d->flow;
}

void sip_dlg_set_flow(struct sip_dlg *d, sip_flow flow)
{
    d->flow = flow;
}

const char *sip_dlg_call_id(const struct sip_dlg *d)
{
    return d->call_id;
}

void dlg_move_flow(struct sip *s, sip_flow old, sip_flow now)
{
    struct sip_dlg *d;

    DL_FOREACH(s->dlgs, d)
        if (d->side == SIP_W2 && d->flow == old)
            d->flow = now;
}
