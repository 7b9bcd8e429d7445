/* alg/sip/sip.h and reg.h as plain records (call_world.h). */
#pragma once

#include "tests/fake/call_records.h"

/* --- sip.h --- */

const char *sip_msg_method(const struct sip_msg *m) { return m->method; }
const char *sip_msg_reason(const struct sip_msg *m) { return m->status ? "Reason" : NULL; }
const char *sip_msg_uri(const struct sip_msg *m) { return m->uri; }
struct sv sip_msg_body(const struct sip_msg *m) { return sv_from(m->body); }
const char *sip_msg_ctype(const struct sip_msg *m) { return m->ctype ? m->ctype : m->body ? "application/sdp" : NULL; }
const char *sip_msg_call_id(const struct sip_msg *m) { (void)m; return "id"; }
const char *sip_msg_from_uri(const struct sip_msg *m) { return m->from ? m->from : "sip:a@home.net"; }
const char *sip_msg_to_uri(const struct sip_msg *m) { return m->to ? m->to : "sip:b@home.net"; }
const char *sip_msg_to_tag(const struct sip_msg *m) { return m->to_tag; }
const char *sip_msg_peer_tag(const struct sip_msg *m) { return m->peer_tag ? m->peer_tag : "peer"; }
enum sip_side sip_msg_side(const struct sip_msg *m) { return m->side; }
sip_flow sip_msg_flow(const struct sip_msg *m) { return m->flow; }

const char *sip_msg_header(const struct sip_msg *m, const char *name)
{
    for (unsigned i = 0; i < 9 && m->header[i][0]; i++) {
        if (!strcasecmp(m->header[i][0], name))
            return m->header[i][1];
    }
    return NULL;
}

static void keep_hdrs(char out[512], const struct sip_hdr *h)
{
    size_t n = 0;

    out[0] = '\0';
    for (; h && h->name; h++)
        n += (size_t)snprintf(out + n, 512 - n, "%s: %s\n", h->name, h->value);
    assert(n < 512);
}

int sip_reply(struct sip_in *in, int status, const char *reason, const struct sip_hdr *hdrs, struct sv body, const char *ctype)
{
    (void)reason;
    (void)ctype;
    assert(!in->answered); /* exactly one final answer, nothing after it */
    if (status < 200) {
        in->provisional = status;
        if (body.n)
            snprintf(in->early, sizeof in->early, "%.*s", SV_ARG(body));
        return 0;
    }
    in->answered = true;
    in->status = status;
    keep_hdrs(in->headers, hdrs);
    snprintf(in->body, sizeof in->body, "%.*s", SV_ARG(body));
    return 0;
}

void sip_in_on_cancel(struct sip_in *in, void (*cancelled)(void *arg, const char *reason), void *arg)
{
    in->cancelled = cancelled;
    in->cancelled_arg = arg;
}

void sip_in_on_ack(struct sip_in *in, void (*ack)(void *arg, const struct sip_msg *m), void *arg)
{
    assert(in->invite);
    in->ack = ack;
    in->ack_arg = arg;
}

void sip_in_on_prack(struct sip_in *in, void (*prack)(void *arg, struct sip_in *prack, const struct sip_msg *m), void *arg)
{
    assert(in->invite);
    in->prack = prack;
    in->prack_arg = arg;
}

static struct sip_dlg *dlg_new(enum sip_side side, sip_flow flow, const struct sip_dlg_h *h)
{
    struct sip_dlg *d = calloc(1, sizeof *d);

    assert(d);
    d->side = side;
    d->flow = flow;
    d->h = *h;
    DL_APPEND(W.dlgs, d);
    return d;
}

int sip_dlg_accept(struct sip_dlg **dp, struct sip *s, struct sip_in *in, const struct sip_msg *m, const struct sip_dlg_h *h)
{
    (void)s;
    *dp = in->dlg = dlg_new(m->side, m->flow, h);
    return 0;
}

static struct sip_out *out_new(struct sip_dlg *d, const char *method, const struct sip_hdr *hdrs, struct sv body,
                               sip_response_h *cb, void *arg)
{
    struct sip_out *o = calloc(1, sizeof *o);

    assert(o);
    snprintf(o->method, sizeof o->method, "%s", method);
    snprintf(o->body, sizeof o->body, "%.*s", SV_ARG(body));
    keep_hdrs(o->headers, hdrs);
    o->dlg = d;
    o->cb = cb;
    o->arg = arg;
    DL_APPEND(W.outs, o);
    return o;
}

int sip_invite(struct sip_dlg **dp, struct sip_out **op, struct sip *s, const struct sip_target *to, const struct sip_hdr *hdrs,
               struct sv sdp, const struct sip_dlg_h *h, sip_response_h *cb, void *arg)
{
    (void)s;
    *dp = dlg_new(to->side, to->flow, h);
    *op = out_new(*dp, "INVITE", hdrs, sdp, cb, arg);
    snprintf((*op)->from, sizeof (*op)->from, "%s", to->from);
    snprintf((*op)->route, sizeof (*op)->route, "%s", to->route ? to->route : "");
    return 0;
}

int sip_invite_again(struct sip_dlg *d, struct sip_out **op, const struct sip_target *to, const struct sip_hdr *hdrs,
                     struct sv sdp, sip_response_h *cb, void *arg)
{
    (void)to;
    assert(!d->freed && !d->up);
    *op = out_new(d, "INVITE", hdrs, sdp, cb, arg);
    return 0;
}

int sip_cancel(struct sip_out *out, const char *reason)
{
    (void)reason;
    assert(!out->done);
    out->cancelled = true;
    return 0;
}

int sip_ack(struct sip_dlg *d, const struct sip_hdr *hdrs, struct sv body)
{
    (void)hdrs;
    assert(!d->freed && d->up);
    d->acks++;
    snprintf(d->ack_body, sizeof d->ack_body, "%.*s", SV_ARG(body));
    return 0;
}

int sip_dlg_request(struct sip_dlg *d, struct sip_out **op, const char *method, const struct sip_hdr *hdrs, struct sv body,
                    const char *ctype, sip_response_h *cb, void *arg)
{
    struct sip_out *o;

    (void)ctype;
    assert(!d->freed && d->up && !d->ended && d->byes == 0);
    o = out_new(d, method, hdrs, body, cb, arg);
    if (op)
        *op = o;
    if (!strcmp(method, "BYE"))
        d->byes++;
    return 0;
}

void sip_dlg_free(struct sip_dlg *d)
{
    struct sip_out *o;
    struct sip_in *in;

    if (!d)
        return;
    assert(!d->freed);
    d->freed = true;
    DL_FOREACH(W.outs, o)
        if (o->dlg == d)
            o->cb = NULL;
    DL_FOREACH(W.ins, in)
        if (in->dlg == d)
            in->ack = NULL, in->cancelled = NULL;
}

void sip_dlg_set_flow(struct sip_dlg *d, sip_flow flow) { d->flow = flow; }

unsigned sip_core_wait(const struct sip *s)
{
    (void)s;
    return 5;
}

/* --- reg.h --- */

const struct reg_binding *reg_by_sender(const struct reg *r, const struct sip_msg *m)
{
    (void)r;
    for (unsigned i = 0; i < W.n_bindings; i++) {
        if (W.binding[i].flow == m->flow)
            return &W.binding[i];
    }
    return NULL;
}

unsigned reg_by_request(const struct reg *r, const struct sip_msg *m, const struct reg_binding **out, unsigned max)
{
    unsigned n = 0;

    (void)r;
    (void)m;
    for (; n < W.n_bindings && n < max; n++)
        out[n] = &W.binding[n];
    return n;
}

const char *reg_access_info(const struct reg *r)
{
    (void)r;
    return W.access_info;
}

const char *reg_identity(const struct reg_binding *b, const char *preferred)
{
    snprintf(W.wished, sizeof W.wished, "%s", preferred ? preferred : "");
    return b->impu;
}
