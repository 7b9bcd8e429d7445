/* What a WIC's REGISTER says, and the bindings that come of it. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <utlist.h>

#include "alg/sip/reg_priv.h"
#include "common/log.h"

static const char *contact_param(const sip_contact_t *m, const char *name)
{
    return m->m_params ? msg_params_find(m->m_params, name) : NULL;
}

static bool is_outbound(const sip_contact_t *m)
{
    return contact_param(m, "+sip.instance=") && contact_param(m, "reg-id=");
}

struct enrol *enrol_new(struct reg *r, const sip_t *sip, sip_flow flow)
{
    struct enrol *p = calloc(1, sizeof *p);
    url_t aor;

    if (!p)
        return NULL;
    su_home_init(p->home);
    DL_APPEND(r->enrols, p);
    p->reg = r;
    p->flow = flow;
    aor = *sip->sip_to->a_url;
    aor.url_params = aor.url_headers = aor.url_password = NULL;
    p->aor = url_as_string(p->home, &aor);
    p->contacts = sip->sip_contact ? sip_contact_dup(p->home, sip->sip_contact) : NULL;
    p->star = p->contacts && p->contacts->m_url->url_type == url_any;
    p->expires = sip->sip_expires ? (unsigned)sip->sip_expires->ex_delta : 3600;
    p->gruu = sip->sip_supported && sip_has_feature(sip->sip_supported, "gruu");
    p->outbound = p->contacts && !p->star && is_outbound(p->contacts);
    return p;
}

void enrol_free(struct enrol *p)
{
    if (!p)
        return;
    DL_DELETE(p->reg->enrols, p);
    if (p->sent)
        msg_destroy(p->sent);
    su_home_deinit(p->home);
    free(p);
}

char *enrol_path(const struct enrol *p, su_home_t *home)
{
    const struct sip *s = p->reg->sip;
    char token[TOKEN_LEN + 1], uri[SELF_URI_MAX];

    token_make(&p->reg->key, p->flow, token);
    return su_sprintf(home, "<%s;lr%s>", self_uri(uri, s, token, out_how(s)), p->outbound ? ";ob" : "");
}

/* By instance and reg-id, or by address (RFC 5626 6, RFC 3261 10.3). */
static char *key_of(struct enrol *p, const sip_contact_t *mine, const char *uri)
{
    const char *instance = contact_param(mine, "+sip.instance="), *reg_id = contact_param(mine, "reg-id=");

    return instance && reg_id ? su_sprintf(p->home, "%s %s;%s", p->aor, instance, reg_id)
                              : su_sprintf(p->home, "%s %s", p->aor, uri);
}

char *enrol_key(struct enrol *p)
{
    if (!p->contacts || p->star)
        return p->aor;
    return key_of(p, p->contacts, url_as_string(p->home, p->contacts->m_url));
}

char *enrol_gone(const struct binding *b, su_home_t *home)
{
    const char *instance = b->key + strlen(b->aor) + 1, *reg_id = b->outbound ? strrchr(instance, ';') : NULL;

    if (!reg_id)
        return su_sprintf(home, "<%s>;expires=0", b->contact);
    return su_sprintf(home, "<%s>;+sip.instance=%.*s;reg-id=%s;expires=0", b->contact, (int)(reg_id - instance), instance,
                      reg_id + 1);
}

bool enrol_is_bound(const struct enrol *p)
{
    const struct binding *b = store_by_flow(&p->reg->store, p->flow);

    return b && uri_same(b->aor, p->aor);
}

static bool same_contact(const sip_contact_t *a, const sip_contact_t *b)
{
    const char *ia = contact_param(a, "+sip.instance="), *ib = contact_param(b, "+sip.instance=");
    const char *ra = contact_param(a, "reg-id="), *rb = contact_param(b, "reg-id=");

    if (ia && ib && ra && rb)
        return !strcmp(ia, ib) && !strcmp(ra, rb);
    return !url_cmp(a->m_url, b->m_url);
}

static unsigned seconds(const char *text, unsigned otherwise)
{
    uint32_t v;

    if (!text || sv_u32(sv_trim(sv_from(text)), UINT32_MAX, &v))
        return otherwise;
    return v > REG_EXPIRES_MAX ? REG_EXPIRES_MAX : v;
}

/* Authorization stays out: it is nobody's business after this REGISTER, least of all a file's. */
static char *request_text(struct enrol *p)
{
    msg_t *msg = p->sent ? msg_dup(p->sent) : NULL;
    sip_t *sip = msg ? sip_object(msg) : NULL;
    char *text = NULL;
    size_t n = 0;

    if (sip) {
        msg_remove(msg, sip, "Authorization");
        msg_remove(msg, sip, "Proxy-Authorization");
        text = msg_as_string(p->home, msg, (msg_pub_t *)sip, 0, &n);
    }
    if (msg)
        msg_destroy(msg);
    return text;
}

static void save(struct enrol *p, const struct binding_text *t, unsigned expires)
{
    struct state_binding row = {
        .key = t->key, .aor = t->aor, .contact = t->contact, .service_route = t->service_route, .associated = t->associated,
        .impi = t->impi, .way = t->way, .flow = t->flow, .expires = (int64_t)time(NULL) + expires, .outbound = t->outbound,
    };

    if (!p->reg->state)
        return;
    row.request = request_text(p);
    state_put(p->reg->state, &row);
}

static void bound(struct enrol *p, struct binding *b, unsigned expires, sip_flow old)
{
    struct reg *r = p->reg;

    if (b->request)
        msg_destroy(b->request);
    b->request = p->sent ? msg_ref_create(p->sent) : NULL;
    if (p->way != REG_WAY_PBX)
        regsub_need(r, b->aor, b->impu, b->service_route, false);
    log_info("reg", "flow=%llu aor=%s msg=\"registered\" expires=%u impu=%s", (unsigned long long)p->flow, p->aor,
             expires, b->impu);
    if (!old)
        return;
    count_add(&r->counts[REG_C_RECOVERED], 1);
    dlg_move_flow(r->sip, old, p->flow);
    if (r->sip->h.flow_moved)
        r->sip->h.flow_moved(r->sip->h.arg, old, p->flow);
}

/* "<urn:uuid:...>" in quotes -> urn:uuid:...; NULL: none, or nothing that can stand in a URI. */
static char *instance_of(struct enrol *p, const sip_contact_t *mine)
{
    struct sv v = sv_from(contact_param(mine, "+sip.instance="));
    size_t ok;

    if (v.n > 4 && v.p[0] == '"' && v.p[1] == '<')
        v = (struct sv){v.p + 2, v.n - 4};
    ok = v.n ? strspn(v.p, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:-._") : 0;
    return v.n && ok >= v.n && v.n < REG_INSTANCE_MAX ? su_sprintf(p->home, "%.*s", (int)v.n, v.p) : NULL;
}

static char *unquoted(struct enrol *p, const char *value)
{
    size_t n = value ? strlen(value) : 0;

    return n > 2 && n < SIP_VALUE_MAX && value[0] == '"' ? su_sprintf(p->home, "%.*s", (int)n - 2, value + 1) : NULL;
}

/* Of the registrar; where that is us: one made of the number (RFC 5627 3.1, with a core's bg= RFC 6140 7.1.1). */
static char *pub_gruu(struct enrol *p, const sip_contact_t *mine, const sip_contact_t *core, const struct grant *g)
{
    char *instance = g->gruu_user && p->gruu ? instance_of(p, mine) : NULL;

    if (!g->ours)
        return unquoted(p, contact_param(core, "pub-gruu="));
    return instance ? su_sprintf(p->home, "sip:%s@%s;%s=%s", g->gruu_user, g->gruu_base,
                                 strstr(g->gruu_base, ";bg=") ? "sg" : "gr", instance)
                    : NULL;
}

/* false: there is no room for it, so the WIC must not think that it is registered. */
static bool bind_one(struct enrol *p, const sip_contact_t *mine, const sip_contact_t *core, unsigned expires,
                     const struct grant *g)
{
    struct reg *r = p->reg;
    char *uri = url_as_string(p->home, mine->m_url);
    struct binding_text t = {
        .key = key_of(p, mine, uri), .aor = p->aor, .contact = uri, .service_route = g->service_route,
        .associated = g->associated, .impi = p->impi, .way = p->way, .flow = p->flow,
        .expires = net_now_ms() + (msec_t)expires * 1000, .outbound = is_outbound(mine), .token = p->token,
        .msrp_tcp = contact_param(mine, "+sip.message") != NULL,
        .instance = instance_of(p, mine), .pub_gruu = core ? pub_gruu(p, mine, core, g) : NULL,
        .temp_gruu = core && !g->ours ? unquoted(p, contact_param(core, "temp-gruu=")) : NULL,
    };
    struct binding *b = store_by_key(&r->store, t.key);
    struct binding *stale = b || !expires ? NULL : store_stale(&r->store, p->aor);
    unsigned had;
    sip_flow old = 0;
    int err;

    if (!expires) {
        if (b)
            store_del(&r->store, b);
        log_info("reg", "flow=%llu aor=%s msg=\"deregistered\"", (unsigned long long)p->flow, p->aor);
        return true;
    }
    if (stale) /* a page that was loaded again and again need not wait for its earlier connections to be given up */
        reg_drop(r, stale, "connection lost, and room is needed");
    had = r->store.n;
    err = store_put(&r->store, &t, &b, &old);
    if (err) {
        log_warn("reg", "flow=%llu aor=%s msg=\"binding not kept\" err=%d", (unsigned long long)p->flow, p->aor, err);
        return false;
    }
    count_add(&r->counts[REG_C_BINDINGS], r->store.n - had);
    save(p, &t, expires);
    bound(p, b, expires, old);
    if (bridge_is_open(r->sip->bridge, p->flow))
        return true;
    /* The browser went while the core thought: nobody would tell of this connection again. */
    reg_flow_closed(r, p->flow);
    if (old && r->sip->h.flow_closed) /* what moved to it */
        r->sip->h.flow_closed(r->sip->h.arg, p->flow);
    return true;
}

static bool is_gruu(const char *param) /* from a WIC: nobody gave it one */
{
    return !strncasecmp(param, "pub-gruu=", 9) || !strncasecmp(param, "temp-gruu=", 10);
}

/* The WIC must find its own Contact again, or it never counts itself as registered. */
static char *restored(struct enrol *p, const sip_contact_t *mine, const sip_contact_t *core, unsigned expires,
                      const struct grant *g)
{
    char *text = su_sprintf(p->home, "<%s>", url_as_string(p->home, mine->m_url));
    char *made = g->ours ? pub_gruu(p, mine, core, g) : NULL;

    for (unsigned i = 0; core->m_params && core->m_params[i]; i++) {
        const char *param = core->m_params[i];

        if (strncasecmp(param, "expires=", 8) != 0 && strncasecmp(param, "q=", 2) != 0 && (!g->ours || !is_gruu(param)))
            text = su_sprintf(p->home, "%s;%s", text, param);
    }
    if (made)
        text = su_sprintf(p->home, "%s;pub-gruu=\"%s\"", text, made);
    return su_sprintf(p->home, "%s;expires=%u", text, expires);
}

static void unbind_all(struct enrol *p)
{
    struct binding *b, *tmp;

    DL_FOREACH_SAFE(p->reg->store.list, b, tmp)
        if (uri_same(b->aor, p->aor))
            store_del(&p->reg->store, b);
}

char *enrol_ok(struct enrol *p, const struct grant *g)
{
    char *list = NULL;
    const struct binding *b;
    unsigned longest = 0;
    struct addr peer;
    bool tls;

    count_add(&p->reg->counts[REG_C_OK], 1);
    if (p->star)
        unbind_all(p);
    for (const sip_contact_t *mine = p->contacts; mine && !p->star; mine = mine->m_next) {
        const sip_contact_t *core = g->ours ? mine : g->contacts;
        unsigned expires;

        while (core && core != mine && !same_contact(mine, core))
            core = core->m_next;
        expires = core ? seconds(core->m_expires, g->ours ? p->expires : g->general) : 0;
        if (g->ours && expires > g->general)
            expires = g->general;
        if (g->most && expires > g->most)
            expires = g->most;
        if (!bind_one(p, mine, core, expires, g) || !core || !expires)
            continue;
        if (expires > longest)
            longest = expires;
        list = su_sprintf(p->home, "%s%s%s", list ? list : "", list ? ", " : "", restored(p, mine, core, expires, g));
    }
    if (!bridge_peer(p->reg->sip->bridge, p->flow, &peer, &tls)) /* it did not wait for the answer */
        reg_flow_closed(p->reg, p->flow);
    b = store_by_flow(&p->reg->store, p->flow);
    if (b && longest)
        p->turn = wturn_lines(p, b->impu, longest);
    return list;
}
