#include "alg/sip/binding.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include <utlist.h>

bool uri_first(struct sv *rest, char *out, size_t size)
{
    struct sv v = sv_trim(*rest);
    size_t i = 0, start, end;
    bool quoted = false;

    while (i < v.n && (quoted || (v.p[i] != '<' && v.p[i] != ','))) {
        if (v.p[i] == '\\' && quoted)
            i++;
        else if (v.p[i] == '"')
            quoted = !quoted;
        i++;
    }
    if (i < v.n && v.p[i] == '<') {
        start = i + 1;
        for (end = start; end < v.n && v.p[end] != '>'; end++)
            ;
        for (i = end; i < v.n && v.p[i] != ','; i++)
            ;
    } else {
        start = 0;
        end = i < v.n ? i : v.n;
    }
    if (!v.n || end > v.n || end <= start) {
        *rest = SV_NONE;
        return false;
    }
    *rest = i < v.n ? (struct sv){v.p + i + 1, v.n - i - 1} : SV_NONE;
    return sv_copy(sv_trim((struct sv){v.p + start, end - start}), out, size) < size;
}

/* "sip:user@host:port;params" -> its scheme, user and host */
static void uri_parts(const char *uri, struct sv *scheme, struct sv *user, struct sv *host)
{
    struct sv rest = sv_from(uri);
    const char *at;
    size_t n = 0;

    *scheme = sv_cut(&rest, ':');
    at = rest.n ? memchr(rest.p, '@', rest.n) : NULL;
    *user = at ? (struct sv){rest.p, (size_t)(at - rest.p)} : SV_NONE;
    if (at)
        rest = (struct sv){at + 1, rest.n - user->n - 1};
    if (rest.n && rest.p[0] == '[')
        while (n < rest.n && rest.p[n] != ']')
            n++;
    while (n < rest.n && !strchr(":;?>", rest.p[n]))
        n++;
    *host = (struct sv){rest.p, n};
}

bool uri_same(const char *a, const char *b)
{
    struct sv sa, ua, ha, sb, ub, hb;

    if (!a || !b)
        return false;
    uri_parts(a, &sa, &ua, &ha);
    uri_parts(b, &sb, &ub, &hb);
    return ha.n && sv_ieq(sa, sb) && sv_eq(ua, ub) && sv_ieq(ha, hb);
}

static void clear_texts(struct binding *b)
{
    for (unsigned i = 0; i < b->n_impus; i++)
        free(b->impus[i]);
    b->n_impus = 0;
    free(b->impu);
    free(b->aor);
    free(b->contact);
    free(b->service_route);
    free(b->impi);
    b->impu = b->aor = b->contact = b->service_route = b->impi = NULL;
}

static int set_texts(struct binding *b, const struct binding_text *t)
{
    struct sv rest = sv_from(t->associated);
    char uri[512];

    clear_texts(b);
    while (rest.n && b->n_impus < REG_IMPUS_MAX)
        if (uri_first(&rest, uri, sizeof uri) && (b->impus[b->n_impus] = strdup(uri)))
            b->n_impus++;
    b->aor = strdup(t->aor);
    b->contact = strdup(t->contact);
    b->service_route = t->service_route ? strdup(t->service_route) : NULL;
    b->impi = t->impi ? strdup(t->impi) : NULL;
    b->way = t->way;
    b->impu = strdup(b->n_impus ? b->impus[0] : t->aor);
    b->pub = (struct reg_binding){b->impu, b->aor, b->contact, b->service_route, t->flow};
    return b->aor && b->contact && b->impu && (b->service_route || !t->service_route) ? 0 : -ENOMEM;
}

struct binding *store_by_key(const struct store *s, const char *key)
{
    struct binding *b;

    DL_FOREACH(s->list, b)
        if (!strcmp(b->key, key))
            return b;
    return NULL;
}

struct binding *store_by_flow(const struct store *s, sip_flow flow)
{
    struct binding *b;

    DL_FOREACH(s->list, b)
        if (flow && b->pub.flow == flow)
            return b;
    return NULL;
}

struct binding *store_by_token(const struct store *s, sip_flow flow)
{
    struct binding *b = store_by_flow(s, flow);

    if (b || !flow)
        return b;
    DL_FOREACH(s->list, b)
        if (b->prev_flow == flow && b->pub.flow)
            return b;
    return NULL;
}

struct binding *store_stale(const struct store *s, const char *aor)
{
    struct binding *b, *stale = NULL;
    unsigned same = 0;

    DL_FOREACH(s->list, b) {
        if (!uri_same(b->aor, aor))
            continue;
        same++;
        if (b->orphan_until != MSEC_NEVER && (!stale || b->orphan_until < stale->orphan_until))
            stale = b;
    }
    return same >= REG_PER_AOR_MAX ? stale : NULL;
}

static struct binding *store_add(struct store *s, const struct binding_text *t, int *err)
{
    struct binding *b;
    unsigned same = 0;

    DL_FOREACH(s->list, b)
        same += uri_same(b->aor, t->aor);
    *err = -ENOSPC;
    if (same >= REG_PER_AOR_MAX || s->n >= REG_BINDINGS_MAX)
        return NULL;
    *err = -ENOMEM;
    b = calloc(1, sizeof *b);
    if (b && !(b->key = strdup(t->key))) {
        free(b);
        b = NULL;
    }
    if (b) {
        DL_APPEND(s->list, b);
        s->n++;
    }
    return b;
}

int store_put(struct store *s, const struct binding_text *t, struct binding **bp, sip_flow *old_flow)
{
    struct binding *b = store_by_key(s, t->key);
    int err = 0;

    *old_flow = 0;
    if (b) {
        sip_flow had = b->pub.flow ? b->pub.flow : b->last_flow;

        *old_flow = had != t->flow ? had : 0;
        if (*old_flow)
            b->prev_flow = *old_flow;
    } else {
        b = store_add(s, t, &err);
    }
    if (!b)
        return err;
    err = set_texts(b, t);
    if (err) {
        store_del(s, b);
        return err;
    }
    b->last_flow = t->flow ? t->flow : t->last_flow;
    b->expires = t->expires;
    b->orphan_until = t->flow ? MSEC_NEVER : t->orphan_until;
    b->outbound = t->outbound;
    *bp = b;
    return 0;
}

void store_del(struct store *s, struct binding *b)
{
    if (s->drop)
        s->drop(s->arg, b);
    DL_DELETE(s->list, b);
    s->n--;
    clear_texts(b);
    free(b->key);
    free(b);
}

void store_clear(struct store *s)
{
    while (s->list)
        store_del(s, s->list);
}
