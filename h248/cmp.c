/* Comparing two messages as structure (h248.h): a walk over the rows of schema.h. Elements of a
 * list are paired by their keys, in order where H.248.1 gives the order a meaning (6.2, 8), in any
 * order elsewhere. Nesting is the schema's. */
#include <inttypes.h>
#include <stdio.h>
#include <utlist.h>

#include "common/sdp.h"
#include "h248/schema.h"

#define SDP_ARENA (1u << 20)

struct walk {
    struct h248_cmp *c;
    struct buf path; /* over a fixed array; what does not fit is left out */
};

static bool nodes_equal(struct walk *w, const struct sch *s, const void *want, const void *got);

/* --- where we are --- */

static size_t path_push(struct walk *w, const char *text)
{
    size_t mark = w->path.len;

    if (mark)
        buf_str(&w->path, ".");
    buf_str(&w->path, text);
    w->path.overflow = false;
    return mark;
}

static bool differ(struct walk *w, const char *what, const char *want, const char *got)
{
    struct sv path = w->path.len ? buf_sv(&w->path) : SV("Message");

    if (got)
        snprintf(w->c->why, sizeof(w->c->why), "%.*s: %s is %.60s, not %.60s", SV_ARG(path), what,
                 got, want);
    else
        snprintf(w->c->why, sizeof(w->c->why), "%.*s: %s %s", SV_ARG(path), what, want);
    return false;
}

/* A name for an element in a path: "Add[ip/1]", "Stream 2", "Media", "ipdc/realm". */
static void node_name(const struct sch *s, const void *node, char *out, size_t size)
{
    const struct sch_field *f = &s->fields[0];
    const void *v = sch_at(node, f);

    if (!strcmp(s->name, "cmd")) {
        const struct h248_cmd *c = node;

        snprintf(out, size, "%s[%.*s]", h248_verb_name(c->verb),
                 SV_ARG(c->terms ? c->terms->text : SV_NONE));
    } else if (!strcmp(s->name, "stream")) {
        snprintf(out, size, "Stream %u", ((const struct h248_stream *)node)->id);
    } else if (!strcmp(s->name, "action")) {
        snprintf(out, size, "Context");
    } else if (f->type == SCH_ENUM && *(const unsigned *)v < f->n_names) {
        snprintf(out, size, "%s", f->names[*(const unsigned *)v]);
    } else if (!strcmp(s->name, "signal") && ((const struct h248_signal *)node)->is_list) {
        snprintf(out, size, "SignalList %u", ((const struct h248_signal *)node)->list_id);
    } else if (!strcmp(s->name, "event") || !strcmp(s->name, "signal")) {
        snprintf(out, size, "%.*s",
                 SV_ARG(*s->name == 'e' ? ((const struct h248_event *)node)->name
                                        : ((const struct h248_signal *)node)->name));
    } else if (f->type == SCH_TEXT) {
        snprintf(out, size, "%.*s", SV_ARG(*(const struct sv *)v));
    } else {
        snprintf(out, size, "%s", s->name);
    }
}

/* --- leaves --- */

static bool text_equal(struct walk *w, const struct sch_field *f, struct sv want, struct sv got,
                       bool exact_case)
{
    char a[64], b[64];

    if (w->c->match  ? w->c->match(w->c->arg, want, got)
        : exact_case ? sv_eq(want, got)
                     : sv_ieq(want, got))
        return true;
    sv_copy(want, a, sizeof(a));
    sv_copy(got, b, sizeof(b));
    return differ(w, f->name, a, b);
}

static bool number_equal(struct walk *w, const struct sch_field *f, uint32_t want, uint32_t got)
{
    char a[16], b[16];
    struct sv va, vb;

    if (!w->c->match && want == got)
        return true;
    snprintf(a, sizeof(a), "%" PRIu32, want);
    snprintf(b, sizeof(b), "%" PRIu32, got);
    va = sv_from(f->type == SCH_CONTEXT && want == H248_CTX_NULL     ? "-"
                 : f->type == SCH_CONTEXT && want == H248_CTX_CHOOSE ? "$"
                 : f->type != SCH_U32 && want == H248_CTX_ALL        ? "*"
                                                                     : a);
    vb = sv_from(f->type == SCH_CONTEXT && got == H248_CTX_NULL     ? "-"
                 : f->type == SCH_CONTEXT && got == H248_CTX_CHOOSE ? "$"
                 : f->type != SCH_U32 && got == H248_CTX_ALL        ? "*"
                                                                    : b);
    if (w->c->match ? w->c->match(w->c->arg, va, vb) : want == got)
        return true;
    return differ(w, f->name, va.p, vb.p);
}

/* Local and Remote by default: the same SDP, or the same octets when one of them is none. */
static bool octets_equal(struct walk *w, const struct sch_field *f, struct sv want, struct sv got)
{
    struct sdp *a = NULL, *b = NULL;
    struct arena *mem;
    struct sdp_err err;
    char why[120] = "";
    bool same;

    if (w->c->octets) {
        if (w->c->octets(w->c->arg, want, got, why, sizeof(why)))
            return true;
        return differ(w, f->name, why, NULL);
    }
    if (sv_eq(want, got))
        return true;
    mem = arena_new(SDP_ARENA);
    same = mem && !sdp_parse(mem, want, SDP_H248, &a, &err) &&
           !sdp_parse(mem, got, SDP_H248, &b, &err) && sdp_equal(a, b);
    arena_free(mem);
    return same || differ(w, f->name, "is another session description", NULL);
}

/* --- lists --- */

static bool key_equal(const struct sch_field *f, const void *want, const void *got);

/* Do the keys with this flag agree? A key that `want` lacks is not asked for. */
static bool keys_equal(const struct sch *s, const void *want, const void *got, unsigned flag)
{
    const struct sch *v = sch_variant(s, want);
    unsigned i;

    for (i = 0; i < s->n; i++)
        if (s->fields[i].flags & flag && !key_equal(&s->fields[i], want, got))
            return false;
    return !v || keys_equal(v, want, got, flag);
}

static bool key_equal(const struct sch_field *f, const void *want, const void *got)
{
    const void *a = sch_at(want, f), *b = sch_at(got, f);

    if (f->flags & SCH_ONE)
        return *(const uint16_t *)a == *(const uint16_t *)b;
    if (!sch_present(f, want))
        return true;
    if (!sch_present(f, got))
        return false;
    switch (f->type) {
    case SCH_BOOL: return *(const bool *)a == *(const bool *)b;
    case SCH_U16: return *(const uint16_t *)a == *(const uint16_t *)b;
    case SCH_TEXT: return sv_ieq(*(const struct sv *)a, *(const struct sv *)b);
    case SCH_PTR:
        return keys_equal(f->of, *(const void *const *)a, *(const void *const *)b, SCH_KEY);
    default: return *(const uint32_t *)a == *(const uint32_t *)b;
    }
}

struct pairing {
    uint8_t used[H248_NODE_MAX / 8 + 1];
    unsigned from; /* ordered: the first element that may be taken */
    bool ordered;
};

static const void *pair_find(struct pairing *p, const struct sch *s, const void *want,
                             const void *got, unsigned flags)
{
    const void *g;
    unsigned i = 0;

    for (g = got; g && i < H248_NODE_MAX; g = sch_next(s, g), i++) {
        if (i < p->from || p->used[i / 8] & 1u << i % 8 || !keys_equal(s, want, g, flags))
            continue;
        p->used[i / 8] |= (uint8_t)(1u << i % 8);
        if (p->ordered)
            p->from = i + 1;
        return g;
    }
    return NULL;
}

static bool list_equal(struct walk *w, const struct sch_field *f, const void *want, const void *got)
{
    struct pairing p = {.ordered = !(f->flags & SCH_UNORDERED)};
    const void *a, *b;
    char name[100];
    unsigned i;

    for (a = want; a; a = sch_next(f->of, a)) {
        size_t mark;
        bool same;

        b = pair_find(&p, f->of, a, got, SCH_KEY | SCH_PREFER);
        if (!b)
            b = pair_find(&p, f->of, a, got, SCH_KEY);
        node_name(f->of, a, name, sizeof(name));
        if (!b)
            return differ(w, name, "is missing", NULL);
        mark = path_push(w, name);
        same = nodes_equal(w, f->of, a, b);
        w->path.len = mark;
        if (!same)
            return false;
    }
    for (b = got, i = 0; w->c->exact && b && i < H248_NODE_MAX; b = sch_next(f->of, b), i++) {
        if (p.used[i / 8] & 1u << i % 8)
            continue;
        node_name(f->of, b, name, sizeof(name));
        return differ(w, name, "is not expected", NULL);
    }
    return true;
}

/* --- nodes --- */

static bool body_equal(struct walk *w, const struct sch_field *f, const void *want, const void *got)
{
    size_t mark = path_push(w, f->name);
    bool same = nodes_equal(w, f->of, want, got);

    w->path.len = mark;
    return same;
}

static bool value_equal(struct walk *w, const struct sch *s, const struct sch_field *f,
                        const void *want, const void *got)
{
    const void *a = sch_at(want, f), *b = sch_at(got, f);
    bool exact_case = f->flags & SCH_EXACT;

    switch (f->type) {
    case SCH_BOOL:
        return *(const bool *)a == *(const bool *)b ||
               differ(w, f->name, *(const bool *)a ? "on" : "off", *(const bool *)b ? "on" : "off");
    case SCH_U16: return number_equal(w, f, *(const uint16_t *)a, *(const uint16_t *)b);
    case SCH_U32: case SCH_CONTEXT: case SCH_REQUEST:
        return number_equal(w, f, *(const uint32_t *)a, *(const uint32_t *)b);
    case SCH_ENUM: case SCH_FLAGS:
        return *(const uint32_t *)a == *(const uint32_t *)b || differ(w, f->name, "differs", NULL);
    case SCH_TEXT:
        if (!strcmp(s->name, "value"))
            exact_case = ((const struct h248_value *)want)->quoted;
        return text_equal(w, f, *(const struct sv *)a, *(const struct sv *)b, exact_case);
    case SCH_SDP: return octets_equal(w, f, *(const struct sv *)a, *(const struct sv *)b);
    case SCH_BODY: return body_equal(w, f, a, b);
    case SCH_PTR: return body_equal(w, f, *(const void *const *)a, *(const void *const *)b);
    case SCH_LIST: break;
    }
    return list_equal(w, f, *(const void *const *)a, *(const void *const *)b);
}

static bool nodes_equal(struct walk *w, const struct sch *s, const void *want, const void *got)
{
    const struct sch *v = sch_variant(s, want);
    unsigned i;

    if (!strcmp(s->name, "mid") && !w->c->match)
        return h248_mid_equal(want, got) || differ(w, "message identifier", "differs", NULL);
    for (i = 0; i < s->n; i++) {
        const struct sch_field *f = &s->fields[i];
        bool asked = sch_present(f, want) || f->flags & SCH_ONE,
             there = sch_present(f, got) || f->flags & SCH_ONE;

        if (f->flags & SCH_HEADER && !w->c->exact)
            continue;
        if (!asked && !(w->c->exact && there))
            continue;
        if (asked != there)
            return differ(w, f->name, asked ? "is missing" : "is not expected", NULL);
        if (!value_equal(w, s, f, want, got))
            return false;
    }
    return !v || nodes_equal(w, v, want, got);
}

int h248_compare(const struct h248_msg *want, const struct h248_msg *got, struct h248_cmp *c)
{
    char path[120];
    struct walk w = {c, buf_over(path, sizeof(path))};

    c->why[0] = 0;
    return nodes_equal(&w, &sch_msg, want, got);
}
