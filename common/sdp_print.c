/* struct sdp back to text, and its copy and comparison. RFC 8866 section 9: the order of lines. */
#include <utlist.h>

#include "common/sdp_attr.h"

static void put_line(struct buf *out, char type, struct sv value)
{
    buf_printf(out, "%c=", type);
    buf_sv_put(out, value);
    buf_str(out, "\r\n");
}

/* The kept lines whose type is one of `types`, in their order. */
static void put_lines(struct buf *out, const struct sdp_line *lines, const char *types)
{
    const struct sdp_line *l;

    DL_FOREACH(lines, l) {
        if (strchr(types, l->type))
            put_line(out, l->type, l->value);
    }
}

static void put_other_lines(struct buf *out, const struct sdp_line *lines, const char *known)
{
    const struct sdp_line *l;

    DL_FOREACH(lines, l) {
        if (!strchr(known, l->type))
            put_line(out, l->type, l->value);
    }
}

static void put_words(struct buf *out, char type, const struct sv *words, unsigned n)
{
    buf_printf(out, "%c=", type);
    for (unsigned i = 0; i < n; i++) {
        if (i > 0)
            buf_u8(out, ' ');
        buf_sv_put(out, words[i].n ? words[i] : SV("-"));
    }
    buf_str(out, "\r\n");
}

static void put_conn(struct buf *out, const struct sdp_conn *c)
{
    const struct sv words[] = {c->nettype, c->addrtype, c->addr};

    if (c->present)
        put_words(out, 'c', words, ARRAY_LEN(words));
}

static void put_attrs(struct buf *out, const struct sdp_attr *attrs)
{
    const struct sdp_attr *at;

    DL_FOREACH(attrs, at) {
        buf_str(out, "a=");
        buf_sv_put(out, at->name);
        if (!at->flag) {
            buf_u8(out, ':');
            buf_sv_put(out, at->value);
        }
        buf_str(out, "\r\n");
    }
}

static void put_media(struct buf *out, const struct sdp_media *m)
{
    buf_str(out, "m=");
    buf_sv_put(out, m->media.n ? m->media : SV("-"));
    if (m->port == SDP_PORT_CHOOSE)
        buf_str(out, " $");
    else
        buf_printf(out, " %d", m->port);
    if (m->n_ports > 1)
        buf_printf(out, "/%d", m->n_ports);
    buf_u8(out, ' ');
    buf_sv_put(out, m->proto.n ? m->proto : SV("-"));
    if (m->fmts.n) {
        buf_u8(out, ' ');
        buf_sv_put(out, m->fmts);
    }
    buf_str(out, "\r\n");
    put_lines(out, m->lines, "i");
    put_conn(out, &m->conn);
    put_lines(out, m->lines, "c");
    put_lines(out, m->lines, "b");
    put_lines(out, m->lines, "k");
    put_other_lines(out, m->lines, "icbk");
    put_attrs(out, m->attrs);
}

int sdp_print(const struct sdp *s, struct buf *out)
{
    const struct sv origin[] = {s->origin.user,    s->origin.sess_id,  s->origin.version,
                                s->origin.nettype, s->origin.addrtype, s->origin.addr};
    const struct sdp_media *m;

    if (s->has_version)
        buf_str(out, "v=0\r\n");
    if (s->has_origin)
        put_words(out, 'o', origin, ARRAY_LEN(origin));
    if (s->has_name)
        put_line(out, 's', s->name.n ? s->name : SV("-"));
    put_lines(out, s->lines, "i");
    put_lines(out, s->lines, "u");
    put_lines(out, s->lines, "e");
    put_lines(out, s->lines, "p");
    put_conn(out, &s->conn);
    put_lines(out, s->lines, "b");
    if (s->has_time)
        put_line(out, 't', s->times.n ? s->times : SV("0 0"));
    put_lines(out, s->lines, "tr"); /* further times, each with its repeats */
    put_lines(out, s->lines, "z");
    put_lines(out, s->lines, "k");
    put_other_lines(out, s->lines, "iuepbtrzk");
    put_attrs(out, s->attrs);
    DL_FOREACH(s->media, m)
        put_media(out, m);
    return buf_err(out);
}

static bool copy_sv(struct arena *a, struct sv *v)
{
    if (!v->p)
        return true;
    *v = arena_sv(a, *v);
    return v->p != NULL;
}

static bool copy_conn(struct arena *a, struct sdp_conn *c)
{
    return copy_sv(a, &c->nettype) && copy_sv(a, &c->addrtype) && copy_sv(a, &c->addr);
}

static bool copy_lists(struct arena *a, struct sdp_line **lines, struct sdp_attr **attrs)
{
    const struct sdp_line *l, *from_lines = *lines;
    const struct sdp_attr *at, *from_attrs = *attrs;

    *lines = NULL;
    *attrs = NULL;
    DL_FOREACH(from_lines, l) {
        struct sdp_line *made = ARENA_NEW(a, struct sdp_line);

        if (!made)
            return false;
        *made = *l;
        if (!copy_sv(a, &made->value))
            return false;
        DL_APPEND(*lines, made);
    }
    DL_FOREACH(from_attrs, at) {
        struct sdp_attr *made = ARENA_NEW(a, struct sdp_attr);

        if (!made)
            return false;
        *made = *at;
        if (!copy_sv(a, &made->name) || !copy_sv(a, &made->value))
            return false;
        DL_APPEND(*attrs, made);
    }
    return true;
}

struct sdp *sdp_copy(struct arena *a, const struct sdp *s)
{
    struct sdp *made = ARENA_NEW(a, struct sdp);
    const struct sdp_media *m;

    if (!made)
        return NULL;
    *made = *s;
    made->media = NULL;
    if (!copy_sv(a, &made->origin.user) || !copy_sv(a, &made->origin.sess_id) ||
        !copy_sv(a, &made->origin.version) || !copy_sv(a, &made->origin.nettype) ||
        !copy_sv(a, &made->origin.addrtype) || !copy_sv(a, &made->origin.addr) ||
        !copy_sv(a, &made->name) || !copy_sv(a, &made->times) || !copy_conn(a, &made->conn) ||
        !copy_lists(a, &made->lines, &made->attrs))
        return NULL;
    DL_FOREACH(s->media, m) {
        struct sdp_media *to = ARENA_NEW(a, struct sdp_media);

        if (!to)
            return NULL;
        *to = *m;
        if (!copy_sv(a, &to->media) || !copy_sv(a, &to->proto) || !copy_sv(a, &to->fmts) ||
            !copy_conn(a, &to->conn) || !copy_lists(a, &to->lines, &to->attrs))
            return NULL;
        DL_APPEND(made->media, to);
    }
    return made;
}

/* Equal word by word: how much white space stands between them does not matter. */
static bool words_equal(struct sv a, struct sv b)
{
    while (a.n > 0 || b.n > 0) {
        if (!sv_eq(sv_word(&a), sv_word(&b)))
            return false;
    }
    return true;
}

static bool conn_equal(const struct sdp_conn *a, const struct sdp_conn *b)
{
    return a->present == b->present && sv_eq(a->nettype, b->nettype) &&
           sv_eq(a->addrtype, b->addrtype) && sv_eq(a->addr, b->addr);
}

static const struct sdp_attr *same_name(const struct sdp_attr *at, struct sv name)
{
    return at ? sdp_attr_find_sv(at, name) : NULL;
}

/* Per name the same values in the same order; with equal totals nothing is left over in b. */
static bool attrs_equal(const struct sdp_attr *a, const struct sdp_attr *b)
{
    const struct sdp_attr *at;
    unsigned n_a = 0, n_b = 0;

    DL_COUNT(a, at, n_a);
    DL_COUNT(b, at, n_b);
    if (n_a != n_b)
        return false;
    DL_FOREACH(a, at) {
        const struct sdp_attr *p = at, *q = same_name(b, at->name);

        if (sdp_attr_find_sv(a, at->name) != at)
            continue; /* went with the first of its name */
        while (p && q && p->flag == q->flag && words_equal(p->value, q->value)) {
            p = same_name(p->next, at->name);
            q = same_name(q->next, at->name);
        }
        if (p || q)
            return false;
    }
    return true;
}

static const struct sdp_line *same_type(const struct sdp_line *l, char type)
{
    while (l && l->type != type)
        l = l->next;
    return l;
}

static bool lines_equal(const struct sdp_line *a, const struct sdp_line *b)
{
    for (char type = 'a'; type <= 'z'; type++) {
        const struct sdp_line *p = same_type(a, type), *q = same_type(b, type);

        while (p && q && words_equal(p->value, q->value)) {
            p = same_type(p->next, type);
            q = same_type(q->next, type);
        }
        if (p || q)
            return false;
    }
    return true;
}

static bool media_equal(const struct sdp_media *a, const struct sdp_media *b)
{
    return sv_eq(a->media, b->media) && a->port == b->port && a->n_ports == b->n_ports &&
           sv_eq(a->proto, b->proto) && words_equal(a->fmts, b->fmts) &&
           conn_equal(&a->conn, &b->conn) && lines_equal(a->lines, b->lines) &&
           attrs_equal(a->attrs, b->attrs);
}

bool sdp_equal(const struct sdp *a, const struct sdp *b)
{
    const struct sdp_media *p = a->media, *q = b->media;

    if (a->has_version != b->has_version || a->has_origin != b->has_origin ||
        a->has_name != b->has_name || a->has_time != b->has_time || a->n_media != b->n_media)
        return false;
    if (a->has_origin &&
        (!sv_eq(a->origin.user, b->origin.user) || !sv_eq(a->origin.sess_id, b->origin.sess_id) ||
         !sv_eq(a->origin.version, b->origin.version) ||
         !sv_eq(a->origin.nettype, b->origin.nettype) ||
         !sv_eq(a->origin.addrtype, b->origin.addrtype) || !sv_eq(a->origin.addr, b->origin.addr)))
        return false;
    if ((a->has_name && !words_equal(a->name, b->name)) ||
        (a->has_time && !words_equal(a->times, b->times)) || !conn_equal(&a->conn, &b->conn) ||
        !lines_equal(a->lines, b->lines) || !attrs_equal(a->attrs, b->attrs))
        return false;
    for (; p && q; p = p->next, q = q->next) {
        if (!media_equal(p, q))
            return false;
    }
    return !p && !q;
}
