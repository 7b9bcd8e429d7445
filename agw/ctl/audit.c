/* AuditValue: what is asked for by tokens, or individually (H.248.1 v2: ROOT properties only,
 * TS 29.334 5.8.5). */
#include "agw/ctl/audit.h"

#include <errno.h>

#include "agw/ctl/able.h"
#include "agw/ctl/spec.h"
#include "agw/ctl/stats.h"
#include "agw/ctl/term.h"

struct wanted {
    bool media, events, signals, packages, statistics, observed;
    const struct h248_term_state *state; /* individual: these properties of ROOT */
};

static int want_token(struct wanted *w, struct sv token, struct iq_fault *fault)
{
    const struct {
        const char *name;
        bool *flag;
    } tokens[] = {
        {"Media", &w->media},           {"Events", &w->events},
        {"Signals", &w->signals},       {"Packages", &w->packages},
        {"Statistics", &w->statistics}, {"ObservedEvents", &w->observed},
    };

    for (unsigned i = 0; i < ARRAY_LEN(tokens); i++) {
        if (sv_iis(token, tokens[i].name)) {
            *tokens[i].flag = true;
            return 0;
        }
    }
    return iq_refuse(fault, 444, "%.*s",
                     SV_ARG(token)); /* Mux, Modem, DigitMap, EventBuffer: not in the profile */
}

static int want_desc(struct wanted *w, const struct h248_desc *d, bool root, struct iq_fault *fault)
{
    if (!root || d->kind != H248_D_MEDIA)
        return iq_refuse(fault, 501, "individual audit of other things than properties of ROOT");
    if (d->u.media.streams)
        return iq_refuse(fault, 532, "ROOT has no stream");
    if (d->u.media.has_state)
        w->state = &d->u.media.state;
    return 0;
}

static int want(struct wanted *w, const struct h248_cmd *cmd, bool root, struct iq_fault *fault)
{
    const struct h248_desc *audit = h248_desc_find(cmd->descs, H248_D_AUDIT);
    const struct h248_audit_item *item;
    int err = 0;

    memset(w, 0, sizeof *w);
    DL_FOREACH(audit ? audit->u.audit : NULL, item)
    {
        err =
            item->desc ? want_desc(w, item->desc, root, fault) : want_token(w, item->token, fault);
        if (err)
            break;
    }
    return err;
}

static int put_empty(struct arena *a, struct h248_cmd *out, const char *name)
{
    struct h248_desc *d = h248_desc_new(a, &out->descs, H248_D_EMPTY);

    if (!d)
        return -ENOMEM;
    d->u.empty = sv_from(name);
    return 0;
}

/* What is empty on every termination of this gateway, and the packages. */
static int put_rest(struct arena *a, struct h248_cmd *out, const struct wanted *w)
{
    int err = 0;

    if (w->observed) /* no event buffer: nothing is ever waiting */
        err = put_empty(a, out, "ObservedEvents");
    if (!err && w->statistics)
        err = put_empty(a, out, "Statistics");
    if (!err && w->packages)
        err = iq_put_packages(a, able_has, out);
    return err;
}

/* --- ROOT --- */

static void root_fill(const struct ctl *c, struct iq_root *r)
{
    r->max_contexts = (struct iq_int){true, c->conf.max_contexts};
    r->max_terms = (struct iq_int){true, c->conf.max_terms};
    r->mg_execution = (struct iq_int){true, c->conf.root.mg_execution};
    r->mgc_execution = (struct iq_int){true, c->conf.root.mgc_execution};
    r->mg_provisional = (struct iq_int){true, c->conf.root.provisional};
    r->mgc_provisional = (struct iq_int){true, c->conf.root.provisional};
    r->mg_pending_limit = (struct iq_int){true, c->conf.root.pending_limit};
    r->mgc_pending_limit = (struct iq_int){true, c->conf.root.pending_limit};
}

static bool is_named(const struct h248_term_state *asked, struct sv name)
{
    const struct h248_parm *p;

    DL_FOREACH(asked->props, p)
    {
        if (sv_ieq(p->name, name))
            return true;
    }
    return false;
}

/* Of the whole state keep what was named. 532: one of the names does not exist. */
static int keep_named(struct h248_term_state *st, const struct h248_term_state *asked,
                      struct iq_fault *fault)
{
    struct h248_parm *p, *next;
    const struct h248_parm *want, *have;

    DL_FOREACH(asked->props, want)
    {
        DL_FOREACH(st->props, have)
        {
            if (sv_ieq(have->name, want->name))
                break;
        }
        if (!have)
            return iq_refuse(fault, 532, "%.*s", SV_ARG(want->name));
    }
    DL_FOREACH_SAFE(st->props, p, next)
    {
        if (!is_named(asked, p->name))
            DL_DELETE(st->props, p);
    }
    if (!asked->ask_service)
        st->service = H248_SS_NONE;
    return 0;
}

static int put_root(struct cmd_call *call, struct h248_cmd *out, const struct wanted *w)
{
    struct iq_term *t = call->ctl->answer;
    struct h248_desc *media;
    int err;

    memset(t, 0, sizeof *t);
    if (w->media || w->state)
        root_fill(call->ctl, &t->root);
    t->has_signals = w->signals;
    if (w->events && call->ctl->root.ito_ms) {
        t->has_events = true;
        t->request_id = call->ctl->root.request_id;
        t->ito = (struct iq_int){true, call->ctl->root.ito_ms / 10};
    }
    err = iq_put(call->a, t, out);
    media = err ? NULL : h248_desc_find(out->descs, H248_D_MEDIA);
    if (media) {
        media->u.media.state.service = H248_SS_IN; /* TS 29.334 5.7.1.1 */
        if (!w->media)
            err = keep_named(&media->u.media.state, w->state, &call->fault);
    }
    if (!err && w->events && !t->has_events)
        err = put_empty(call->a, out, "Events");
    return err ? err : put_rest(call->a, out, w);
}

/* `Context = *` with ROOT: which contexts are there (h248 7, audit addressing). */
static int list_contexts(struct cmd_call *call)
{
    struct ctx *x, *next;

    if (!call->ctl->ctxs)
        return cmd_reply(call, H248_CTX_ALL, SV("ROOT")) ? 0 : -ENOMEM;
    HASH_ITER(hh, call->ctl->ctxs, x, next)
    {
        if (!cmd_reply(call, x->id, SV("ROOT")))
            return -ENOMEM;
    }
    return 0;
}

int audit_root(struct cmd_call *call)
{
    struct h248_cmd *out;
    struct wanted w;
    int err;

    if (call->context == H248_CTX_ALL)
        return list_contexts(call);
    if (call->context != H248_CTX_NULL)
        return iq_refuse(&call->fault, 435, "ROOT is in the null context");
    err = want(&w, call->cmd, true, &call->fault);
    if (err)
        return err;
    out = cmd_reply(call, H248_CTX_NULL, SV("ROOT"));
    if (!out)
        return -ENOMEM;
    err = put_root(call, out, &w);
    if (err == -EBADMSG) /* the error takes the place of what was written */
        DL_DELETE(call->out->cmds, out);
    return err;
}

/* --- a termination --- */

/* Only events stay of a stream when Media was not asked for. */
static void events_only(struct iq_stream *s)
{
    const struct iq_stream was = *s;

    memset(s, 0, sizeof *s);
    s->id = was.id;
    s->notify_dtls = was.notify_dtls;
    s->notify_tcp = was.notify_tcp;
    s->notify_sctp = was.notify_sctp;
    s->notify_sctp_reset = was.notify_sctp_reset;
    s->notify_consent = was.notify_consent;
    s->notify_ice = was.notify_ice;
    s->notify_ice_peer = was.notify_ice_peer;
}

static void term_pick(const struct term *t, const struct wanted *w, struct iq_term *out)
{
    term_fill(t, out);
    out->has_signals = w->signals; /* ours are brief: none is ever active */
    if (!w->media)
        out->groupse.set = false;
    if (!w->events) {
        out->has_events = false;
        out->heartbeat.set = out->notify_cause = false;
        out->inactivity.set = out->inactivity_dir.set = false;
    }
    for (unsigned i = 0; i < out->n_streams; i++) {
        struct iq_stream *s = &out->streams[i];

        if (!w->media)
            events_only(s);
        if (!w->events)
            spec_clear_events(s);
        if (w->media && s->mode == H248_MODE_NONE)
            s->mode = H248_MODE_INACTIVE; /* the value in force (H.248.1 7.1.7) */
    }
}

int audit_term(struct cmd_call *call, const struct term *t)
{
    struct h248_cmd *out;
    struct wanted w;
    int err = want(&w, call->cmd, false, &call->fault);

    if (err)
        return err;
    out = cmd_reply(call, t->ctx->id, sv_from(t->id));
    if (!out)
        return -ENOMEM;
    term_pick(t, &w, call->ctl->answer);
    if (w.statistics && stats_fill(t, call->ctl->version >= 3, call->now, call->ctl->answer))
        w.statistics = false; /* told */
    err = iq_put(call->a, call->ctl->answer, out);
    if (!err && w.events && !t->has_events)
        err = put_empty(call->a, out, "Events");
    return err ? err : put_rest(call->a, out, &w);
}
