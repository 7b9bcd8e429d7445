/* Composing a message tree; every call allocates in the arena and tolerates NULL parents (h248.h).
 */
#include <errno.h>
#include <stdio.h>
#include <utlist.h>

#include "h248/h248.h"

/* A new node at the end of a list, under the name `var`. */
#define APPEND_NEW(a, list, var) \
    do { \
        (var) = arena_alloc((a), sizeof(*(var))); \
        if (var) \
            DL_APPEND((list), (var)); \
    } while (0)

struct h248_msg *h248_msg_new(struct arena *a, unsigned version, const struct h248_mid *mid)
{
    struct h248_msg *m = ARENA_NEW(a, struct h248_msg);

    if (!m)
        return NULL;
    m->version = version;
    if (mid) {
        m->mid = *mid;
        m->mid.name = arena_sv(a, mid->name);
        if (!m->mid.name.p && mid->name.n)
            return NULL;
    }
    return m;
}

struct h248_txn *h248_txn_new(struct arena *a, struct h248_msg *m, enum h248_txn_kind kind,
                              uint32_t tid)
{
    struct h248_txn *t;

    if (!m)
        return NULL;
    APPEND_NEW(a, m->txns, t);
    if (t) {
        t->kind = kind;
        t->tid = tid;
    }
    return t;
}

struct h248_action *h248_action_new(struct arena *a, struct h248_txn *t, uint32_t context)
{
    struct h248_action *ac;

    if (!t)
        return NULL;
    APPEND_NEW(a, t->actions, ac);
    if (ac)
        ac->context = context;
    return ac;
}

struct h248_cmd *h248_cmd_new(struct arena *a, struct h248_action *ac, enum h248_verb verb,
                              struct sv termid)
{
    struct h248_cmd *c;
    struct h248_termid *t;

    if (!ac)
        return NULL;
    c = ARENA_NEW(a, struct h248_cmd);
    if (!c)
        return NULL;
    c->verb = verb;
    APPEND_NEW(a, c->terms, t);
    if (!t)
        return NULL;
    t->text = arena_sv(a, termid);
    if (!t->text.p && termid.n)
        return NULL;
    DL_APPEND(ac->cmds, c);
    return c;
}

struct h248_desc *h248_desc_new(struct arena *a, struct h248_desc **list, enum h248_desc_kind kind)
{
    struct h248_desc *d;

    if (!list)
        return NULL;
    APPEND_NEW(a, *list, d);
    if (d)
        d->kind = kind;
    return d;
}

struct h248_desc *h248_desc_find(const struct h248_desc *list, enum h248_desc_kind kind)
{
    const struct h248_desc *d;

    DL_FOREACH(list, d)
        if (d->kind == kind)
            return (struct h248_desc *)d;
    return NULL;
}

struct h248_stream *h248_stream_new(struct arena *a, struct h248_media *m, uint16_t id)
{
    struct h248_stream *s;

    if (!m)
        return NULL;
    APPEND_NEW(a, m->streams, s);
    if (s) {
        s->has_id = true;
        s->id = id;
    }
    return s;
}

struct h248_stream *h248_stream_find(const struct h248_media *m, uint16_t id)
{
    struct h248_stream *s;

    DL_FOREACH(m->streams, s)
        if (s->id == id)
            return s;
    return NULL;
}

struct h248_parm *h248_parm_new(struct arena *a, struct h248_parm **list, struct sv name)
{
    struct h248_parm *p;
    struct sv copy;

    if (!list)
        return NULL;
    copy = arena_sv(a, name);
    if (!copy.p && name.n)
        return NULL;
    APPEND_NEW(a, *list, p);
    if (p) {
        p->name = copy;
        p->rel = H248_REL_NONE;
    }
    return p;
}

struct h248_parm *h248_parm_find(const struct h248_parm *list, const char *name)
{
    const struct h248_parm *p;

    DL_FOREACH(list, p)
        if (sv_iis(p->name, name))
            return (struct h248_parm *)p;
    return NULL;
}

int h248_value_add(struct arena *a, struct h248_parm *p, struct sv text, bool quoted)
{
    struct h248_value *v;
    struct sv copy;

    if (!p)
        return -ENOMEM;
    copy = arena_sv(a, text);
    if (!copy.p && text.n)
        return -ENOMEM;
    APPEND_NEW(a, p->values, v);
    if (!v)
        return -ENOMEM;
    v->text = copy;
    v->quoted = quoted;
    return 0;
}

struct h248_parm *h248_parm_set(struct arena *a, struct h248_parm **list, const char *name,
                                struct sv value, bool quoted)
{
    struct h248_parm *p;

    if (!list)
        return NULL;
    p = h248_parm_find(*list, name);
    if (!p)
        p = h248_parm_new(a, list, sv_from(name));
    if (!p)
        return NULL;
    p->rel = H248_REL_EQ;
    p->values = NULL;
    return h248_value_add(a, p, value, quoted) ? NULL : p;
}

struct h248_event *h248_event_new(struct arena *a, struct h248_event **list, const char *name)
{
    struct sv copy = arena_sv(a, sv_from(name));
    struct h248_event *ev;

    if (!list || !copy.p)
        return NULL;
    APPEND_NEW(a, *list, ev);
    if (ev)
        ev->name = copy;
    return ev;
}

struct h248_signal *h248_signal_new(struct arena *a, struct h248_signal **list, const char *name)
{
    struct sv copy = arena_sv(a, sv_from(name));
    struct h248_signal *s;

    if (!list || !copy.p)
        return NULL;
    APPEND_NEW(a, *list, s);
    if (s)
        s->name = copy;
    return s;
}

struct h248_error *h248_error_new(struct arena *a, unsigned code, const char *text)
{
    struct h248_error *e = ARENA_NEW(a, struct h248_error);

    if (!e)
        return NULL;
    e->code = code;
    e->has_text = true;
    e->text = arena_sv(a, sv_from(text ? text : h248_err_text(code)));
    return e->text.p ? e : NULL;
}

int h248_cmd_error(struct arena *a, struct h248_cmd *c, unsigned code, const char *text)
{
    struct h248_error *e = c ? h248_error_new(a, code, text) : NULL;
    struct h248_desc *d = e ? h248_desc_new(a, &c->descs, H248_D_ERROR) : NULL;

    if (!d)
        return -ENOMEM;
    d->u.error = *e;
    return 0;
}

/* --- names for logs and ladders --- */

static const struct {
    const char *name, *ladder;
} verbs[] = {
    [H248_ADD] = {"Add", "ADD"}, [H248_MOVE] = {"Move", "MOV"}, [H248_MODIFY] = {"Modify", "MOD"},
    [H248_SUBTRACT] = {"Subtract", "SUB"}, [H248_AUDIT_VALUE] = {"AuditValue", "AUDIT"},
    [H248_AUDIT_CAPABILITY] = {"AuditCapability", "AUDITCAP"}, [H248_NOTIFY] = {"Notify", "NOTIFY"},
    [H248_SERVICE_CHANGE] = {"ServiceChange", "SVC"},
};

const char *h248_verb_name(enum h248_verb v)
{
    return v < ARRAY_LEN(verbs) ? verbs[v].name : "?";
}

static void title_context(struct buf *b, uint32_t id)
{
    if (id == H248_CTX_NULL)
        buf_str(b, " C=-");
    else if (id == H248_CTX_CHOOSE)
        buf_str(b, " C=$");
    else if (id == H248_CTX_ALL)
        buf_str(b, " C=*");
    else
        buf_printf(b, " C=%u", id);
}

/* What tells one command from another: streams, events observed, signals, the method, the error. */
static void title_desc(struct buf *b, const struct h248_desc *d)
{
    const struct h248_stream *s;
    const struct h248_event *ev;
    const struct h248_signal *sig;

    switch (d->kind) {
    case H248_D_MEDIA:
        DL_FOREACH(d->u.media.streams, s)
            buf_printf(b, " S%u", s->id);
        break;
    case H248_D_OBSERVED:
        DL_FOREACH(d->u.events.events, ev)
            buf_printf(b, " %.*s", SV_ARG(ev->name));
        break;
    case H248_D_SIGNALS:
        DL_FOREACH(d->u.signals, sig)
            if (!sig->is_list)
                buf_printf(b, " %.*s", SV_ARG(sig->name));
        break;
    case H248_D_SERVICES:
        if (d->u.services.method.n)
            buf_printf(b, " %.*s", SV_ARG(d->u.services.method));
        break;
    case H248_D_ERROR:
        buf_printf(b, " Error %u", d->u.error.code);
        break;
    default:
        break;
    }
}

static void title_action(struct buf *b, const struct h248_action *ac, const char *kind)
{
    const struct h248_cmd *c;
    const struct h248_desc *d;

    if (!ac->cmds) {
        buf_printf(b, "%s", ac->has_audit ? "CONTEXT" : "ACTION");
        buf_str(b, kind);
        title_context(b, ac->context);
    }
    DL_FOREACH(ac->cmds, c) {
        buf_printf(b, "%s%s%s", c == ac->cmds ? "" : ", ", verbs[c->verb].ladder, kind);
        if (c == ac->cmds)
            title_context(b, ac->context);
        if (c->terms && !c->ctx_list)
            buf_printf(b, " %.*s", SV_ARG(c->terms->text));
        DL_FOREACH(c->descs, d)
            title_desc(b, d);
    }
    if (ac->error)
        buf_printf(b, " Error %u", ac->error->code);
}

void h248_txn_title(const struct h248_txn *t, char *out, size_t size)
{
    struct buf b = buf_over(out, size ? size - 1 : 0);
    const struct h248_action *ac;

    switch (t->kind) {
    case H248_PENDING: buf_printf(&b, "PENDING %u", t->tid); break;
    case H248_ACK: buf_str(&b, "ACK"); break;
    case H248_SEGMENT: buf_printf(&b, "SEGMENT %u/%u", t->tid, t->segment); break;
    case H248_REQUEST:
    case H248_REPLY:
        if (t->error)
            buf_printf(&b, "Error %u", t->error->code);
        DL_FOREACH(t->actions, ac) {
            if (ac != t->actions)
                buf_str(&b, "; ");
            title_action(&b, ac, t->kind == H248_REQUEST ? ".req" : ".reply");
        }
        break;
    }
    if (size)
        out[b.len < size ? b.len : size - 1] = 0;
}
