/* Descriptors to struct iq_term, with every refusal that TS 29.334 5.2 and 5.17.1 ask for. iq_put.c is the exact inverse. */
#include "h248/pkg.h"

#include <errno.h>
#include <utlist.h>

struct get { /* one call of iq_get */
    struct arena *a;
    const struct h248_cmd *cmd;
    struct iq_term *t;
    struct iq_fault *fault;
};

static void *field_at(void *base, struct pkg_field f)
{
    return (char *)base + f.offset;
}

/* First value of a parameter, for an error text. */
static struct sv value_of(const struct h248_parm *p)
{
    return p->values ? p->values->text : SV_NONE;
}

static int value_get(const struct get *g, struct sv item, const struct pkg_def *def, const struct h248_parm *p, void *field)
{
    int err = pkg_read(g->a, def, p, field);

    if (err == -EBADMSG)
        return iq_refuse(g->fault, 449, "%.*s %.*s = %.*s", SV_ARG(item), SV_ARG(p->name), SV_ARG(value_of(p)));
    return err;
}

/* --- properties --- */

static int prop_get(const struct get *g, const struct h248_parm *p, unsigned where, void *base, enum pkg_scope scope)
{
    const struct pkg_item *it;
    const struct pkg *pkg;
    unsigned code = pkg_lookup(p->name, PKG_PROPERTY, &pkg, &it);
    bool is_setting = g->cmd->verb == H248_ADD || g->cmd->verb == H248_MODIFY || g->cmd->verb == H248_MOVE;

    if (code)
        return iq_refuse(g->fault, code, "%.*s", SV_ARG(p->name));
    if (!(it->where & where))
        return iq_refuse(g->fault, 455, "%.*s", SV_ARG(p->name));
    if (it->field.scope != scope)
        return iq_refuse(g->fault, 445, "%.*s", SV_ARG(p->name));
    if (is_setting && (it->where & PKG_READ_ONLY))
        return iq_refuse(g->fault, 534, "%.*s", SV_ARG(p->name));
    if (pkg_is_set(&it->def, field_at(base, it->field)))
        return iq_refuse(g->fault, 456, "%.*s", SV_ARG(p->name));
    return value_get(g, SV("property"), &it->def, p, field_at(base, it->field));
}

static int props_get(const struct get *g, const struct h248_parm *props, unsigned where, void *base, enum pkg_scope scope)
{
    const struct h248_parm *p;
    int err = 0;

    DL_FOREACH(props, p) {
        err = prop_get(g, p, where, base, scope);
        if (err)
            break;
    }
    return err;
}

/* What a reply counts of packages that we do not know is passed over. */
static int stats_get(const struct get *g, const struct h248_parm *list, struct iq_stats *out)
{
    const struct h248_parm *p;
    const struct pkg_item *it;
    const struct pkg *pkg;
    int err = 0;

    DL_FOREACH(list, p) {
        if (pkg_lookup(p->name, PKG_STATISTIC, &pkg, &it) || it->field.scope != PKG_OF_STATS || !p->values)
            continue;
        if (pkg_is_set(&it->def, field_at(out, it->field)))
            return iq_refuse(g->fault, 456, "%.*s", SV_ARG(p->name));
        err = value_get(g, SV("statistic"), &it->def, p, field_at(out, it->field));
        if (err)
            break;
    }
    return err;
}

/* TS 29.334 5.7.1.1, 5.7.1.2: ServiceStates of ROOT in audits only, EventBufferControl never. */
static int state_get(const struct get *g, const struct h248_term_state *st)
{
    bool is_audit = g->cmd->verb == H248_AUDIT_VALUE || g->cmd->verb == H248_AUDIT_CAPABILITY;

    if (!is_audit && (st->service != H248_SS_NONE || st->ask_service))
        return iq_refuse(g->fault, 445, "ServiceStates");
    if (!is_audit && (st->buffer != H248_UNSET || st->ask_buffer))
        return iq_refuse(g->fault, 445, "Buffer");
    return props_get(g, st->props, PKG_IN_STATE, g->t, PKG_OF_TERM);
}

/* --- streams --- */

static int octets_get(const struct get *g, const struct h248_octets *o, const char *which, uint16_t id, struct sdp **sdp,
                      bool *empty)
{
    struct sdp_err e = {0};
    struct sv text;
    int err;

    if (!o->present)
        return 0;
    if (sv_trim(o->text).n == 0) {
        *empty = true;
        return 0;
    }
    text = arena_sv(g->a, o->text);
    if (!text.p)
        return -ENOMEM;
    err = sdp_parse(g->a, text, SDP_H248, sdp, &e);
    if (err == -EBADMSG || err == -E2BIG)
        return iq_refuse(g->fault, 474, "%s of stream %u, line %u column %u: %s", which, id, e.line, e.column, e.why);
    if (err)
        return err;
    /* H.248.1 7.1.8: one m= line for a stream */
    if ((*sdp)->n_media > 1)
        return iq_refuse(g->fault, 473, "%s of stream %u: %u m= lines", which, id, (*sdp)->n_media);
    if ((*sdp)->n_media == 0)
        return iq_refuse(g->fault, 472, "%s of stream %u: no m= line", which, id);
    if (!sdp_conn_of(*sdp, (*sdp)->media))
        return iq_refuse(g->fault, 472, "%s of stream %u: no c= line", which, id);
    return 0;
}

static int control_get(const struct get *g, const struct h248_local_control *c, struct iq_stream *s)
{
    if (c->ask_mode || c->ask_rv || c->ask_rg)
        return iq_refuse(g->fault, 442, "LocalControl of stream %u: name without value", s->id);
    if (c->mode == H248_MODE_LOOPBACK)
        return iq_refuse(g->fault, 517, "Mode = Loopback");
    if (c->reserved_group == H248_ON)
        return iq_refuse(g->fault, 445, "ReservedGroup");
    s->mode = c->mode;
    s->reserved_value = c->reserved_value;
    return props_get(g, c->props, PKG_IN_CONTROL, s, PKG_OF_STREAM);
}

static int stream_get(const struct get *g, const struct h248_stream *in)
{
    uint16_t id = in->has_id ? in->id : 1;
    struct iq_stream *s;
    int err = 0;

    if (id == H248_STREAM_NONE)
        return iq_refuse(g->fault, 449, "Stream = 0");
    if (iq_stream_find(g->t, id))
        return iq_refuse(g->fault, 448, "Stream = %u", id);
    s = iq_stream_new(g->t, id);
    if (!s)
        return iq_refuse(g->fault, 510, "more than %u streams", IQ_STREAM_MAX);
    if (in->has_control)
        err = control_get(g, &in->control, s);
    if (!err)
        err = octets_get(g, &in->local, "Local", id, &s->local, &s->local_empty);
    if (!err)
        err = octets_get(g, &in->remote, "Remote", id, &s->remote, &s->remote_empty);
    if (!err && in->has_statistics)
        err = stats_get(g, in->statistics, &s->stats);
    return err;
}

static int media_get(const struct get *g, const struct h248_media *m)
{
    const struct h248_stream *s;
    int err = 0;

    if (m->has_state)
        err = state_get(g, &m->state);
    DL_FOREACH(m->streams, s) {
        if (!err)
            err = stream_get(g, s);
    }
    return err;
}

/* --- events and signals --- */

struct use { /* of an item by a requested event or a signal */
    struct sv name;
    bool has_stream;
    uint16_t stream;
    const struct h248_parm *parms;
    const struct pkg_item *it;
};

/* The parameters of one use into the fields of base. */
static int use_params(const struct get *g, const struct use *u, enum pkg_scope scope, void *base)
{
    for (unsigned i = 0; i < u->it->n_params; i++) {
        const struct pkg_param *pm = &u->it->params[i];
        const struct h248_parm *p = h248_parm_find(u->parms, pm->name);
        int err;

        if (pm->field.scope != scope)
            continue;
        if (!p && pm->optional)
            continue;
        if (!p && !pm->has_default)
            return iq_refuse(g->fault, 457, "%.*s %s", SV_ARG(u->name), pm->name);
        if (!p) {
            *(struct iq_int *)field_at(base, pm->field) = (struct iq_int){true, pm->value};
            continue;
        }
        err = value_get(g, u->name, &pm->def, p, field_at(base, pm->field));
        if (err)
            return err;
    }
    return 0;
}

static bool use_is_set(const struct use *u, enum pkg_scope scope, void *base)
{
    if (u->it->field.scope == scope)
        return pkg_is_set(&u->it->def, field_at(base, u->it->field));
    for (unsigned i = 0; i < u->it->n_params; i++) {
        const struct pkg_param *pm = &u->it->params[i];

        if (pm->field.scope == scope && pkg_is_set(&pm->def, field_at(base, pm->field)))
            return true;
    }
    return false;
}

static int use_on(const struct get *g, const struct use *u, enum pkg_scope scope, void *base)
{
    if (use_is_set(u, scope, base))
        return iq_refuse(g->fault, 456, "%.*s twice", SV_ARG(u->name));
    if (u->it->field.scope == scope)
        *(bool *)field_at(base, u->it->field) = true;
    return use_params(g, u, scope, base);
}

static int use_on_stream(const struct get *g, const struct use *u, uint16_t id)
{
    struct iq_stream *s = iq_stream_find(g->t, id);

    if (id == H248_STREAM_NONE)
        return iq_refuse(g->fault, 449, "%.*s Stream = 0", SV_ARG(u->name));
    if (!s)
        s = iq_stream_new(g->t, id);
    if (!s)
        return iq_refuse(g->fault, 510, "more than %u streams", IQ_STREAM_MAX);
    return use_on(g, u, PKG_OF_STREAM, s);
}

/* No Stream parameter: see iq_get in iq.h. */
static int use_on_all(const struct get *g, const struct use *u)
{
    unsigned done = 0;
    int err = 0;

    for (unsigned i = 0; i < g->t->n_streams && !err; i++) {
        struct iq_stream *s = &g->t->streams[i];

        if ((u->it->where & PKG_ON_CHANNEL) ? s->sctpid.set : !s->sctpid.set) {
            err = use_on(g, u, PKG_OF_STREAM, s);
            done++;
        }
    }
    return err || done ? err : use_on_stream(g, u, g->t->n_streams ? g->t->streams[0].id : 1);
}

static int use_get(const struct get *g, struct use *u, enum pkg_kind kind)
{
    unsigned code, cannot = kind == PKG_EVENT ? 512 : 513;
    const struct h248_parm *p, *q;
    const struct pkg *pkg;

    code = pkg_lookup(u->name, kind, &pkg, &u->it);
    if (code)
        return iq_refuse(g->fault, code, "%.*s", SV_ARG(u->name));
    DL_FOREACH(u->parms, p) {
        if (!pkg_param_find(u->it, p->name))
            return iq_refuse(g->fault, 446, "%.*s %.*s", SV_ARG(u->name), SV_ARG(p->name));
        for (q = p->next; q; q = q->next) {
            if (sv_ieq(p->name, q->name))
                return iq_refuse(g->fault, 456, "%.*s %.*s", SV_ARG(u->name), SV_ARG(p->name));
        }
    }
    switch (pkg_scope_of(u->it)) {
    case PKG_OF_TERM:
        return use_on(g, u, PKG_OF_TERM, g->t);
    case PKG_OF_STREAM:
        return u->has_stream ? use_on_stream(g, u, u->stream) : use_on_all(g, u);
    default:
        return iq_refuse(g->fault, cannot, "%.*s", SV_ARG(u->name));
    }
}

static int events_get(const struct get *g, const struct h248_events *evs)
{
    const struct h248_event *ev;
    int err;

    g->t->has_events = true;
    g->t->request_id = evs->has_request_id && evs->events ? evs->request_id : 0;
    DL_FOREACH(evs->events, ev) {
        struct use u = {.name = ev->name, .has_stream = ev->has_stream, .stream = ev->stream, .parms = ev->parms};

        if (ev->embed_signals || ev->embed_events || ev->digitmap.p || ev->digitmap_body.p)
            return iq_refuse(g->fault, 501, "%.*s with Embed or DigitMap", SV_ARG(ev->name));
        err = use_get(g, &u, PKG_EVENT);
        if (err)
            return err;
    }
    return 0;
}

static int signals_get(const struct get *g, const struct h248_signal *sigs)
{
    const struct h248_signal *sig;
    int err;

    g->t->has_signals = true;
    DL_FOREACH(sigs, sig) {
        struct use u = {.name = sig->name, .has_stream = sig->has_stream, .stream = sig->stream, .parms = sig->parms};

        if (sig->is_list)
            return iq_refuse(g->fault, 501, "SignalList");
        if (sig->notify)
            return iq_refuse(g->fault, 501, "%.*s with NotifyCompletion", SV_ARG(sig->name));
        err = use_get(g, &u, PKG_SIGNAL);
        if (err)
            return err;
    }
    return 0;
}

/* What cannot be meant at once (473). */
static int conflicts(const struct get *g)
{
    for (unsigned i = 0; i < g->t->n_streams; i++) {
        const struct iq_stream *s = &g->t->streams[i];

        if (s->dtls_establish && s->dtls_release)
            return iq_refuse(g->fault, 473, "DTLS of stream %u: establish and release", s->id);
        if (s->tcp_establish && s->tcp_release)
            return iq_refuse(g->fault, 473, "TCP of stream %u: establish and release", s->id);
        if (s->strdeagg.set && s->sctpid.set)
            return iq_refuse(g->fault, 473, "stream %u: strdeagg and sctpid", s->id);
    }
    return 0;
}

int iq_get(struct arena *a, const struct h248_cmd *cmd, struct iq_term *t, struct iq_fault *fault)
{
    const struct get g = {a, cmd, t, fault};
    const struct h248_desc *d;
    int err = 0;

    memset(t, 0, sizeof *t);
    if (cmd->terms) {
        t->id = arena_sv(a, cmd->terms->text);
        if (!t->id.p)
            return -ENOMEM;
    }
    /* streams first, wherever Media stands: events and signals without Stream are for them */
    DL_FOREACH(cmd->descs, d) {
        if (d->kind == H248_D_MEDIA && !err)
            err = media_get(&g, &d->u.media);
    }
    DL_FOREACH(cmd->descs, d) {
        if (err)
            return err;
        switch (d->kind) {
        case H248_D_EVENTS:
            err = events_get(&g, &d->u.events);
            break;
        case H248_D_SIGNALS:
            err = signals_get(&g, d->u.signals);
            break;
        case H248_D_STATISTICS:
            err = stats_get(&g, d->u.statistics, &t->stats);
            break;
        case H248_D_MODEM:
        case H248_D_MUX:
        case H248_D_EVENT_BUFFER:
        case H248_D_DIGITMAP:
            err = iq_refuse(fault, 444, "not in this profile");
            break;
        default: /* Media: done. The others say nothing about streams (iq_prof_check knows where they may stand). */
            break;
        }
    }
    return err ? err : conflicts(&g);
}

struct iq_stream *iq_stream_find(struct iq_term *t, uint16_t id)
{
    for (unsigned i = 0; i < t->n_streams; i++) {
        if (t->streams[i].id == id)
            return &t->streams[i];
    }
    return NULL;
}

struct iq_stream *iq_stream_new(struct iq_term *t, uint16_t id)
{
    struct iq_stream *s;

    if (t->n_streams == IQ_STREAM_MAX)
        return NULL;
    s = &t->streams[t->n_streams++];
    memset(s, 0, sizeof *s);
    s->id = id;
    return s;
}

/* --- observed events --- */

static int observed_get(struct arena *a, const struct h248_event *in, struct iq_observed *out, struct iq_fault *fault)
{
    const struct pkg_param *pm;
    const struct pkg_item *it;
    const struct h248_parm *p;
    const struct pkg *pkg;
    unsigned nth = 0;

    *out = (struct iq_observed){.stream = in->has_stream ? in->stream : H248_STREAM_NONE};
    out->timestamp = arena_sv(a, in->timestamp);
    if (in->timestamp.n > 0 && !out->timestamp.p)
        return -ENOMEM;
    if (pkg_lookup(in->name, PKG_EVENT, &pkg, &it) || !it->observed)
        return 0;
    DL_FOREACH(in->parms, p) {
        struct iq_text word = {0};
        int err;

        pm = pkg_param_find(it, p->name);
        if (!pm)
            continue; /* a later version's parameter */
        if (pm->field.scope == PKG_OF_OBSERVED)
            err = pkg_read(a, &pm->def, p, field_at(out, pm->field));
        else if (it->select && sv_iis(p->name, it->select))
            err = pkg_read(a, &pm->def, p, &word);
        else
            continue;
        if (err == -EBADMSG)
            return iq_refuse(fault, 449, "%.*s %.*s = %.*s", SV_ARG(in->name), SV_ARG(p->name), SV_ARG(value_of(p)));
        if (err)
            return err;
        while (word.set && !sv_is(word.v, pm->def.values[nth]))
            nth++;
    }
    if (it->select && !h248_parm_find(in->parms, it->select))
        return iq_refuse(fault, 457, "%.*s %s", SV_ARG(in->name), it->select);
    out->event = it->observed[nth];
    return 0;
}

int iq_get_observed(struct arena *a, const struct h248_cmd *cmd, uint32_t *request_id, struct iq_observed *evs, unsigned max,
                    struct iq_fault *fault)
{
    const struct h248_desc *d = h248_desc_find(cmd->descs, H248_D_OBSERVED);
    const struct h248_event *ev;
    unsigned n = 0;
    int err;

    if (!d)
        return iq_refuse(fault, 472, "ObservedEvents");
    DL_FOREACH(d->u.events.events, ev) {
        if (n == max)
            break;
        err = observed_get(a, ev, &evs[n], fault);
        if (err)
            return err;
        n++;
    }
    *request_id = d->u.events.request_id;
    return (int)n;
}
