/* Whom a request of the core is for: by flow token, by what was registered, by number (RFC 5626 5.3, RFC 6140 6, RFC 7315 4.2). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include <utlist.h>

#include "alg/sip/reg_priv.h"

static bool owns(const struct binding *b, const char *uri)
{
    for (unsigned i = 0; i < b->n_impus; i++)
        if (uri_same(b->impus[i], uri))
            return true;
    return uri_same(b->aor, uri);
}

static bool is_gruu(const char *uri)
{
    return uri_param(uri, "gr").p || uri_param(uri, "sg").p;
}

/* Is this Route our own Path URI? Only host and port of ours count. */
static int token_of(const struct reg *r, const sip_t *sip, sip_flow *flow)
{
    const sip_route_t *route = sip->sip_route;
    const char *port = route ? url_port(route->r_url) : NULL;

    if (!route || !route->r_url->url_user || !route->r_url->url_host || !self_is(r->sip, route->r_url->url_host, port))
        return -EBADMSG;
    return token_read(&r->key, route->r_url->url_user, flow);
}

/* "sip:+15550101@home;x" and "tel:+15550101" -> "+15550101" */
static void user_of(const char *uri, char *out, size_t size)
{
    const char *p = strchr(uri, ':');

    p = p ? p + 1 : uri;
    snprintf(out, size, "%.*s", (int)strcspn(p, "@;?>"), p);
}

static bool user_is(const char *uri, const char *user)
{
    char own[USER_TEXT_MAX];

    user_of(uri, own, sizeof own);
    return user[0] && !strcmp(own, user);
}

static void called_user(const sip_t *in, char *out, size_t size)
{
    su_home_t home[1] = {SU_HOME_INIT(home)};
    struct sv called = sv_from(msg_value(home, in, "P-Called-Party-ID"));
    const char *user = in->sip_request->rq_url->url_user;
    char uri[512];

    if (uri_first(&called, uri, sizeof uri))
        user_of(uri, out, size);
    else
        snprintf(out, size, "%s", user ? user : "");
    su_home_deinit(home);
}

/* A number of ours whose WIC is not there is not an unknown one. */
static bool is_away(const struct reg *r, const sip_t *sip)
{
    char name[USER_TEXT_MAX], impu[2 * USER_TEXT_MAX + 8];
    struct user user;
    bool known = false;

    called_user(sip, name, sizeof name);
    for (unsigned i = 0; r->users && name[0] && i < r->n_ways && !known; i++) {
        const char *host = r->ways[i].kind == REG_WAY_PBX ? strchr(r->ways[i].pilot, '@') : NULL;

        snprintf(impu, sizeof impu, "sip:%s@%s", name, host ? host + 1 : "");
        known = host && !users_by_impu(r->users, impu, &user);
        snprintf(impu, sizeof impu, "tel:%s", name);
        known = known || (host && !users_by_impu(r->users, impu, &user));
    }
    digest_forget(&user, sizeof user);
    return known;
}

/* RFC 5627 6.1: a GRUU of somebody we know whose instance is not there. */
static bool is_away_instance(const struct reg *r, const sip_t *sip)
{
    su_home_t home[1] = {SU_HOME_INIT(home)};
    const char *uri = url_as_string(home, sip->sip_request->rq_url);
    const struct binding *b;
    bool known = false;

    if (uri && is_gruu(uri))
        DL_FOREACH(r->store.list, b)
            known = known || owns(b, uri);
    su_home_deinit(home);
    return known;
}

/* Is there anybody for it at all? The same search as for the call itself. */
static bool is_unknown(const struct reg *r, const sip_t *sip)
{
    const struct reg_binding *one[1];
    struct sip_msg view;
    unsigned n;

    msg_open(&view, r->sip, SIP_MW, 0, sip);
    n = reg_by_request(r, &view, one, 1);
    msg_close(&view);
    return n == 0;
}

int reg_route_status(const struct reg *r, const sip_t *sip)
{
    sip_flow flow = 0;
    int err = token_of(r, sip, &flow);
    const struct binding *b;

    if (err == -EACCES) {
        count_add(&((struct reg *)r)->counts[REG_C_FORGED], 1);
        return 403;
    }
    if (err)
        return (is_away(r, sip) || is_away_instance(r, sip)) && is_unknown(r, sip) ? 480 : 0;
    if (store_by_token(&r->store, flow))
        return 0;
    DL_FOREACH(r->store.list, b)
        if (b->last_flow == flow)
            return 480; /* may come back */
    return url_has_param(sip->sip_route->r_url, "ob") ? 430 : 480;
}

struct found {
    const struct reg_binding **out;
    unsigned n, max;
};

/* RFC 5626 5.3: of the flows of one instance one, best of all one that is there. */
static void add(struct found *f, const struct binding *b)
{
    for (unsigned i = 0; i < f->n && b->instance; i++) {
        const struct binding *had = (const struct binding *)f->out[i];

        if (!had->instance || strcmp(had->instance, b->instance) != 0)
            continue;
        if (!had->pub.flow)
            f->out[i] = &b->pub;
        return;
    }
    if (f->n < f->max) {
        f->out[f->n++] = &b->pub;
        return;
    }
    for (unsigned i = 0; i < f->n && b->pub.flow; i++) /* who is there before who is not */
        if (!f->out[i]->flow) {
            f->out[i] = &b->pub;
            return;
        }
}

unsigned reg_by_request(const struct reg *r, const struct sip_msg *m, const struct reg_binding **out, unsigned max)
{
    const char *uri = sip_msg_uri(m);
    struct found f = {out, 0, max};
    const struct binding *b;
    char user[USER_TEXT_MAX];
    sip_flow flow = 0;

    if (!token_of(r, m->in, &flow)) {
        b = store_by_token(&r->store, flow);
        if (b)
            add(&f, b);
        return f.n;
    }
    if (is_gruu(uri)) { /* RFC 5627 5.1: that instance and no other */
        DL_FOREACH(r->store.list, b)
            if (binding_has_gruu(b, uri, owns(b, uri)))
                add(&f, b);
        return f.n;
    }
    DL_FOREACH(r->store.list, b)
        if (uri_same(b->contact, uri))
            add(&f, b);
    if (f.n)
        return f.n;
    DL_FOREACH(r->store.list, b)
        if (owns(b, uri))
            add(&f, b);
    if (f.n)
        return f.n;
    /* The IP-PBX: the number at our own address (RFC 6140 6), or the one that was called (RFC 7315 4.2). */
    called_user(m->in, user, sizeof user);
    DL_FOREACH(r->store.list, b)
        if (b->way == REG_WAY_PBX && user_is(b->impu, user))
            add(&f, b);
    return f.n;
}

static const struct binding *whose(const struct binding *first, const char *uri)
{
    const struct binding *b;

    LL_FOREACH2(first, b, flow_next)
        if (owns(b, uri))
            return b;
    return NULL;
}

const struct reg_binding *reg_by_sender(const struct reg *r, const struct sip_msg *m)
{
    const struct binding *first = store_by_flow(&r->store, m->flow), *b = NULL;
    struct sv preferred = sv_from(sip_msg_header(m, "P-Preferred-Identity"));
    char uri[512];

    if (uri_first(&preferred, uri, sizeof uri))
        b = whose(first, uri);
    if (!b)
        b = whose(first, sip_msg_from_uri(m));
    if (!b)
        b = first;
    return b && b->expires > net_now_ms() ? &b->pub : NULL;
}

const char *reg_identity(const struct reg_binding *pub, const char *preferred)
{
    const struct binding *b = (const struct binding *)pub;
    struct sv rest = sv_from(preferred);
    char uri[512];

    if (preferred && uri_first(&rest, uri, sizeof uri)) {
        for (unsigned i = 0; i < b->n_impus; i++)
            if (uri_same(b->impus[i], uri))
                return b->impus[i];
        if (!b->n_impus && uri_same(b->aor, uri))
            return b->aor;
    }
    return b->impu;
}
