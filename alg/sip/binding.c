#include "alg/sip/binding.h"

#include <ctype.h>
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

struct sv uri_param(const char *uri, const char *name)
{
    struct sv rest = sv_from(uri), part;

    rest.n = strcspn(uri, "?>");
    sv_cut(&rest, ';');
    while (rest.n) {
        part = sv_cut(&rest, ';');
        if (sv_iis(sv_cut(&part, '='), name))
            return part.p ? part : SV("");
    }
    return SV_NONE;
}

/* RFC 5627 3.1: sip:USER@HOST;gr=INSTANCE of its identity, or one that was given to it. RFC 6140 7.1.1: sg, where bg was. */
bool binding_has_gruu(const struct binding *b, const char *uri, bool owned)
{
    struct sv gr = uri_param(uri, "gr");

    if (!gr.p)
        gr = uri_param(uri, "sg");
    if (!gr.n)
        return gr.p && b->temp_gruu && uri_same(b->temp_gruu, uri);
    return b->instance && sv_iis(gr, b->instance) && (owned || (b->pub_gruu && uri_same(b->pub_gruu, uri)));
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
    free(b->instance);
    free(b->pub_gruu);
    free(b->temp_gruu);
    b->impu = b->aor = b->contact = b->service_route = b->impi = b->instance = b->pub_gruu = b->temp_gruu = NULL;
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
    b->instance = t->instance ? strdup(t->instance) : NULL;
    b->pub_gruu = t->pub_gruu ? strdup(t->pub_gruu) : NULL;
    b->temp_gruu = t->temp_gruu ? strdup(t->temp_gruu) : NULL;
    b->way = t->way;
    b->impu = strdup(b->n_impus ? b->impus[0] : t->aor);
    b->pub = (struct reg_binding){b->impu, b->aor, b->contact, b->service_route, b->pub.flow, t->msrp_tcp};
    return b->aor && b->contact && b->impu && (b->service_route || !t->service_route) ? 0 : -ENOMEM;
}

struct binding *store_by_key(const struct store *s, const char *key)
{
    struct binding *b;

    HASH_FIND(by_key, s->keys, key, strlen(key), b);
    return b;
}

struct binding *store_by_flow(const struct store *s, sip_flow flow)
{
    struct binding *b = NULL;

    if (flow)
        HASH_FIND(by_flow, s->flows, &flow, sizeof flow, b);
    return b;
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

/* --- users: how many flows they have --- */

struct store_aor {
    UT_hash_handle hh;
    unsigned n;
    char name[];
};

/* One text for all that uri_same() takes for the same. */
static size_t aor_text(const char *aor, char *out, size_t size)
{
    struct sv scheme, user, host;
    int n;

    uri_parts(aor, &scheme, &user, &host);
    n = snprintf(out, size, "%.*s:%.*s@%.*s", SV_ARG(scheme), SV_ARG(user), SV_ARG(host));
    if (n < 0 || (size_t)n >= size)
        n = (int)size - 1;
    for (size_t i = 0; i < (size_t)n; i++)
        if (i < scheme.n || i > scheme.n + user.n)
            out[i] = (char)tolower((unsigned char)out[i]);
    return (size_t)n;
}

static struct store_aor *aor_find(const struct store *s, const char *aor)
{
    char name[1024];
    size_t n = aor_text(aor, name, sizeof name);
    struct store_aor *a;

    HASH_FIND(hh, s->aors, name, n, a);
    return a;
}

unsigned store_count(const struct store *s, const char *aor)
{
    const struct store_aor *a = aor_find(s, aor);

    return a ? a->n : 0;
}

static struct store_aor *aor_add(struct store *s, const char *aor)
{
    char name[1024];
    size_t n = aor_text(aor, name, sizeof name);
    struct store_aor *a = calloc(1, sizeof *a + n + 1);

    if (!a)
        return NULL;
    memcpy(a->name, name, n);
    HASH_ADD_KEYPTR(hh, s->aors, a->name, n, a);
    return a;
}

static void aor_free(struct store *s, struct store_aor *a)
{
    HASH_DEL(s->aors, a);
    free(a);
}

struct binding *store_stale(const struct store *s, const char *aor)
{
    const struct store_aor *user = aor_find(s, aor);
    struct binding *b, *stale = NULL;

    if (!user || user->n < REG_PER_AOR_MAX)
        return NULL;
    DL_FOREACH(s->list, b) {
        if (b->user != user)
            continue;
        if (b->orphan_until != MSEC_NEVER && (!stale || b->orphan_until < stale->orphan_until))
            stale = b;
    }
    return stale;
}

static struct binding *store_add(struct store *s, const struct binding_text *t, int *err)
{
    struct store_aor *user = aor_find(s, t->aor);
    struct binding *b;

    *err = -ENOSPC;
    if ((user && user->n >= REG_PER_AOR_MAX) || s->n >= REG_BINDINGS_MAX)
        return NULL;
    *err = -ENOMEM;
    b = calloc(1, sizeof *b);
    if (b && ((!user && !(user = aor_add(s, t->aor))) || !(b->key = strdup(t->key)))) {
        free(b);
        b = NULL;
    }
    if (!b)
        return NULL; /* a user without a binding goes with the store */
    b->user = user;
    user->n++;
    DL_APPEND(s->list, b);
    HASH_ADD_KEYPTR(by_key, s->keys, b->key, strlen(b->key), b);
    s->n++;
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
    store_set_flow(s, b, t->flow);
    b->last_flow = t->flow ? t->flow : t->last_flow;
    b->expires = t->expires;
    b->orphan_until = t->flow ? MSEC_NEVER : t->orphan_until;
    b->outbound = t->outbound;
    b->token = t->token;
    *bp = b;
    return 0;
}

void store_set_flow(struct store *s, struct binding *b, sip_flow flow)
{
    struct binding *first = b->has_flow ? store_by_flow(s, b->pub.flow) : NULL;

    if (first) {
        HASH_DELETE(by_flow, s->flows, first);
        LL_DELETE2(first, b, flow_next);
        if (first)
            HASH_ADD(by_flow, s->flows, pub.flow, sizeof first->pub.flow, first);
    }
    b->pub.flow = flow;
    b->has_flow = flow != 0;
    b->flow_next = NULL;
    if (!flow)
        return;
    first = store_by_flow(s, flow);
    if (first)
        HASH_DELETE(by_flow, s->flows, first);
    b->flow_next = first; /* the newest stands for all of its connection */
    HASH_ADD(by_flow, s->flows, pub.flow, sizeof b->pub.flow, b);
}

void store_del(struct store *s, struct binding *b)
{
    if (s->drop)
        s->drop(s->arg, b);
    store_set_flow(s, b, 0);
    DL_DELETE(s->list, b);
    HASH_DELETE(by_key, s->keys, b);
    s->n--;
    if (--b->user->n == 0)
        aor_free(s, b->user);
    clear_texts(b);
    free(b->key);
    free(b);
}

void store_clear(struct store *s)
{
    while (s->list)
        store_del(s, s->list);
    while (s->aors)
        aor_free(s, s->aors);
}
