/* struct iq_term to descriptors: walks the package tables (TS 29.334 5.7, 5.8). iq_get.c is the exact inverse. */
#include "h248/pkg.h"

#include <errno.h>
#include <stdlib.h>

static const void *field_at(const void *base, struct pkg_field f)
{
    return (const char *)base + f.offset;
}

static const char *full_name(struct arena *a, const struct pkg *p, const struct pkg_item *it)
{
    return arena_printf(a, "%s/%s", p->name, it->name);
}

/* All properties or statistics of this scope that are set, into the list. */
static int items_of_kind(struct arena *a, const void *base, enum pkg_kind kind, enum pkg_scope scope,
                         struct h248_parm **list)
{
    const struct pkg *p;
    int err;

    for (unsigned i = 0; (p = pkg_at(i)); i++) {
        for (unsigned k = 0; k < p->n_items; k++) {
            const struct pkg_item *it = &p->items[k];
            const char *name;

            if (it->kind != kind || it->field.scope != scope || !pkg_is_set(&it->def, field_at(base, it->field)))
                continue;
            name = full_name(a, p, it);
            if (!name)
                return -ENOMEM;
            err = pkg_write(a, &it->def, field_at(base, it->field), name, list);
            if (err)
                return err;
        }
    }
    return 0;
}

static int props_put(struct arena *a, const void *base, enum pkg_scope scope, struct h248_parm **list)
{
    return items_of_kind(a, base, PKG_PROPERTY, scope, list);
}

static int stats_put(struct arena *a, const struct iq_stats *stats, struct h248_parm **list)
{
    return items_of_kind(a, stats, PKG_STATISTIC, PKG_OF_STATS, list);
}

/* Is this event armed, this signal sent, by its own flag or by a parameter's field? */
static bool item_is_on(const struct pkg_item *it, enum pkg_scope scope, const void *base)
{
    if (it->field.scope == scope)
        return pkg_is_set(&it->def, field_at(base, it->field));
    for (unsigned i = 0; i < it->n_params; i++) {
        const struct pkg_param *pm = &it->params[i];

        if (pm->field.scope == scope && pkg_is_set(&pm->def, field_at(base, pm->field)))
            return true;
    }
    return false;
}

static int params_put(struct arena *a, const struct pkg_item *it, enum pkg_scope scope, const void *base,
                      struct h248_parm **list)
{
    int err = 0;

    for (unsigned i = 0; i < it->n_params && !err; i++) {
        const struct pkg_param *pm = &it->params[i];

        if (pm->field.scope == scope && pkg_is_set(&pm->def, field_at(base, pm->field)))
            err = pkg_write(a, &pm->def, field_at(base, pm->field), pm->name, list);
    }
    return err;
}

static int event_put(struct arena *a, const char *name, const struct pkg_item *it, enum pkg_scope scope,
                     const void *base, uint16_t stream, struct h248_event **list)
{
    struct h248_event *ev = h248_event_new(a, list, name);

    if (!ev)
        return -ENOMEM;
    ev->has_stream = stream != H248_STREAM_NONE;
    ev->stream = stream;
    return params_put(a, it, scope, base, &ev->parms);
}

static int signal_put(struct arena *a, const char *name, const struct pkg_item *it, enum pkg_scope scope,
                      const void *base, uint16_t stream, struct h248_signal **list)
{
    struct h248_signal *sig = h248_signal_new(a, list, name);

    if (!sig)
        return -ENOMEM;
    sig->has_stream = stream != H248_STREAM_NONE;
    sig->stream = stream;
    return params_put(a, it, scope, base, &sig->parms);
}

struct items { /* what goes into the Events and Signals descriptors */
    struct h248_event *events;
    struct h248_signal *signals;
};

static int items_put(struct arena *a, enum pkg_scope scope, const void *base, uint16_t stream, struct items *out)
{
    const struct pkg *p;
    int err = 0;

    for (unsigned i = 0; (p = pkg_at(i)); i++) {
        for (unsigned k = 0; k < p->n_items && !err; k++) {
            const struct pkg_item *it = &p->items[k];
            const char *name;

            if ((it->kind != PKG_EVENT && it->kind != PKG_SIGNAL) || !item_is_on(it, scope, base))
                continue;
            name = full_name(a, p, it);
            if (!name)
                return -ENOMEM;
            if (it->kind == PKG_EVENT)
                err = event_put(a, name, it, scope, base, stream, &out->events);
            else
                err = signal_put(a, name, it, scope, base, stream, &out->signals);
        }
    }
    return err;
}

static int octets_put(struct arena *a, const struct sdp *sdp, bool empty, struct h248_octets *out)
{
    struct buf b;
    void *mem;
    int err;

    if (!sdp) {
        out->present = empty;
        out->text = SV("");
        return 0;
    }
    mem = malloc(H248_MSG_MAX);
    if (!mem)
        return -ENOMEM;
    b = buf_over(mem, H248_MSG_MAX);
    err = sdp_print(sdp, &b);
    if (!err) {
        out->text = arena_sv(a, buf_sv(&b));
        out->present = true;
        err = out->text.p ? 0 : -ENOMEM;
    }
    free(mem);
    return err;
}

static int stream_put(struct arena *a, const struct iq_stream *s, struct h248_media *media)
{
    struct h248_local_control control = {.mode = s->mode, .reserved_value = s->reserved_value};
    struct h248_octets local = {0}, remote = {0};
    struct h248_parm *stats = NULL;
    struct h248_stream *out;
    bool has_control;
    int err;

    err = props_put(a, s, PKG_OF_STREAM, &control.props);
    if (!err)
        err = octets_put(a, s->local, s->local_empty, &local);
    if (!err)
        err = octets_put(a, s->remote, s->remote_empty, &remote);
    if (!err)
        err = stats_put(a, &s->stats, &stats);
    if (err)
        return err;
    has_control = control.mode != H248_MODE_NONE || control.reserved_value != H248_UNSET || control.props;
    if (!has_control && !local.present && !remote.present && !stats)
        return 0;
    out = h248_stream_new(a, media, s->id);
    if (!out)
        return -ENOMEM;
    out->has_id = true;
    out->has_control = has_control;
    out->control = control;
    out->local = local;
    out->remote = remote;
    out->has_statistics = stats != NULL;
    out->statistics = stats;
    return 0;
}

static int media_put(struct arena *a, const struct iq_term *t, struct h248_cmd *cmd)
{
    struct h248_media media = {0};
    struct h248_desc *d;
    int err = props_put(a, t, PKG_OF_TERM, &media.state.props);

    media.has_state = media.state.props != NULL;
    for (unsigned i = 0; i < t->n_streams && !err; i++)
        err = stream_put(a, &t->streams[i], &media);
    if (err || (!media.has_state && !media.streams))
        return err;
    d = h248_desc_new(a, &cmd->descs, H248_D_MEDIA);
    if (!d)
        return -ENOMEM;
    d->u.media = media;
    return 0;
}

int iq_put(struct arena *a, const struct iq_term *t, struct h248_cmd *cmd)
{
    struct items items = {0};
    struct h248_parm *stats = NULL;
    struct h248_desc *d;
    int err = media_put(a, t, cmd);

    if (!err)
        err = stats_put(a, &t->stats, &stats);
    if (!err)
        err = items_put(a, PKG_OF_TERM, t, H248_STREAM_NONE, &items);
    for (unsigned i = 0; i < t->n_streams && !err; i++)
        err = items_put(a, PKG_OF_STREAM, &t->streams[i], t->streams[i].id, &items);
    if (err)
        return err;
    if (t->has_events || items.events) {
        d = h248_desc_new(a, &cmd->descs, H248_D_EVENTS);
        if (!d)
            return -ENOMEM;
        /* the grammar has no RequestID without an event: a bare Events clears all */
        d->u.events = (struct h248_events){.has_request_id = items.events != NULL, .request_id = t->request_id,
                                           .events = items.events};
    }
    if (t->has_signals || items.signals) {
        d = h248_desc_new(a, &cmd->descs, H248_D_SIGNALS);
        if (!d)
            return -ENOMEM;
        d->u.signals = items.signals;
    }
    if (stats) {
        d = h248_desc_new(a, &cmd->descs, H248_D_STATISTICS);
        if (!d)
            return -ENOMEM;
        d->u.statistics = stats;
    }
    return 0;
}

int iq_put_packages(struct arena *a, bool (*has)(const char *package), struct h248_cmd *cmd)
{
    struct h248_desc *d = h248_desc_new(a, &cmd->descs, H248_D_PACKAGES);
    struct h248_package *last = NULL;
    const struct pkg *p;

    if (!d)
        return -ENOMEM;
    for (unsigned i = 0; (p = pkg_at(i)); i++) {
        struct h248_package *n;

        if (has && !has(p->name))
            continue;
        n = ARENA_NEW(a, struct h248_package);
        if (!n)
            return -ENOMEM;
        n->name = sv_from(p->name);
        n->version = p->version;
        n->prev = last ? last : n;
        if (last)
            last->next = n;
        else
            d->u.packages = n;
        d->u.packages->prev = n;
        last = n;
    }
    return 0;
}

/* The row and the word of its selecting parameter that stand for this event. */
static const struct pkg_item *observed_find(enum iq_event event, const struct pkg **pkg, const char **word)
{
    const struct pkg *p;

    for (unsigned i = 0; (p = pkg_at(i)); i++) {
        for (unsigned k = 0; k < p->n_items; k++) {
            const struct pkg_item *it = &p->items[k];
            const struct pkg_param *sel = it->select ? pkg_param_find(it, sv_from(it->select)) : NULL;

            if (!it->observed)
                continue;
            for (unsigned v = 0; sel ? sel->def.values[v] != NULL : v == 0; v++) {
                if (it->observed[v] == event) {
                    *pkg = p;
                    *word = sel ? sel->def.values[v] : NULL;
                    return it;
                }
            }
        }
    }
    return NULL;
}

int iq_put_observed(struct arena *a, uint32_t request_id, const struct iq_observed *ev, struct h248_cmd *cmd)
{
    const char *word = NULL, *name;
    const struct pkg *p = NULL;
    const struct pkg_item *it = ev->event == IQ_EV_NONE ? NULL : observed_find(ev->event, &p, &word);
    struct h248_event *out = NULL;
    struct h248_desc *d;
    struct h248_parm *type;

    if (!it)
        return -EINVAL;
    d = h248_desc_new(a, &cmd->descs, H248_D_OBSERVED);
    name = full_name(a, p, it);
    if (d && name)
        out = h248_event_new(a, &d->u.events.events, name);
    if (!out)
        return -ENOMEM;
    d->u.events.has_request_id = true;
    d->u.events.request_id = request_id;
    out->has_stream = ev->stream != H248_STREAM_NONE;
    out->stream = ev->stream;
    if (ev->timestamp.n > 0) {
        out->timestamp = arena_sv(a, ev->timestamp);
        if (!out->timestamp.p)
            return -ENOMEM;
    }
    if (word) {
        type = h248_parm_set(a, &out->parms, it->select, sv_from(word), false);
        if (!type)
            return -ENOMEM;
    }
    return params_put(a, it, PKG_OF_OBSERVED, ev, &out->parms);
}
