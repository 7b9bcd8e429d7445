#include "alg/sip/reg.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <utlist.h>

#include "alg/sip/agent.h"
#include "alg/sip/binding.h"
#include "alg/sip/outbound.h"
#include "alg/sip/route.h"
#include "common/log.h"
#include "common/rnd.h"

const struct count_def reg_counters[REG_C_N] = {
    [REG_C_BINDINGS] = {"alg_registrations", "bindings known", true},
    [REG_C_OK] = {"alg_register_ok_total", "REGISTER answered 200", false},
    [REG_C_FAILED] = {"alg_register_failed_total", "REGISTER answered otherwise, challenges apart", false},
    [REG_C_RECOVERED] = {"alg_register_recovered_total", "bindings that came back on another connection", false},
    [REG_C_EXPIRED] = {"alg_register_expired_total", "bindings dropped: expiry or connection lost for good", false},
    [REG_C_FORGED] = {"alg_flow_token_forged_total", "requests with a flow token that is not ours", false},
};

struct reg {
    struct sip *sip;
    struct store store;
    struct token_key key;
    char *domain;
    msec_t orphan_ms, no_register_ms;
    uv_timer_t timer;
    bool closed;
    count_t counts[REG_C_N];
};

/* One REGISTER under way. */
struct pending {
    struct reg *reg;
    sip_flow flow;
    su_home_t home[1];
    char *aor;
    sip_contact_t *contacts; /* as the WIC wrote them */
    bool star, outbound;
    unsigned expires;        /* Expires header or 3600 (RFC 3261 10.2.1.1) */
    msg_t *sent;             /* what went to the core: to take it back when the WIC is lost */
};

static void pending_free(struct pending *p)
{
    if (p->sent)
        msg_destroy(p->sent);
    su_home_deinit(p->home);
    free(p);
}

static void drop_request(void *arg, struct binding *b)
{
    struct reg *r = arg;

    if (b->request)
        msg_destroy(b->request);
    b->request = NULL;
    count_add(&r->counts[REG_C_BINDINGS], -1);
}

/* --- WIC to core (sip-sdp 1.5) --- */

static const char *contact_param(const sip_contact_t *m, const char *name)
{
    return m->m_params ? msg_params_find(m->m_params, name) : NULL;
}

static bool is_outbound(const sip_contact_t *m)
{
    return contact_param(m, "+sip.instance=") && contact_param(m, "reg-id=");
}

static int register_edit(void *arg, msg_t *msg, sip_t *sip)
{
    struct pending *p = arg;
    struct reg *r = p->reg;
    struct sip *s = r->sip;
    char token[TOKEN_LEN + 1];
    char *path;

    route_strip_from_wic(msg, sip);
    msg_remove(msg, sip, "P-Preferred-Identity");
    token_make(&r->key, p->flow, token);
    path = su_sprintf(msg_home(msg), "<sip:%s@%s:%u;lr%s>", token, s->host, s->port, p->outbound ? ";ob" : "");
    route_add(msg, sip, "Path", path);
    msg_remove(msg, sip, "Require"); /* what the WIC requires of us was judged; outbound is seen in Supported */
    sip_add_make(msg, sip, sip_require_class, "path");
    if (!sip->sip_supported || !sip_has_feature(sip->sip_supported, "path"))
        sip_add_make(msg, sip, sip_supported_class, "path");
    route_add(msg, sip, "P-Visited-Network-ID", su_sprintf(msg_home(msg), "\"%s\"", r->domain));
    route_add(msg, sip, "P-Charging-Vector", route_charging(msg_home(msg), s->host, r->domain));
    p->sent = msg_dup(msg);
    return 0;
}

/* --- core to WIC (sip-sdp 1.6, 1.7) --- */

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

static void lose(struct reg *r, struct binding *b, const char *why);

static void bind_one(struct pending *p, const sip_contact_t *mine, unsigned expires, const sip_t *in)
{
    struct reg *r = p->reg;
    char *uri = url_as_string(p->home, mine->m_url);
    const char *instance = contact_param(mine, "+sip.instance="), *reg_id = contact_param(mine, "reg-id=");
    struct binding_text t = {
        .key = instance && reg_id ? su_sprintf(p->home, "%s %s;%s", p->aor, instance, reg_id) : su_sprintf(p->home, "%s %s", p->aor, uri),
        .aor = p->aor,
        .contact = uri,
        .service_route = msg_value(p->home, in, "Service-Route"),
        .associated = msg_value(p->home, in, "P-Associated-URI"),
        .flow = p->flow,
        .expires = net_now_ms() + (msec_t)expires * 1000,
        .outbound = is_outbound(mine),
    };
    struct binding *b = store_by_key(&r->store, t.key);
    struct binding *stale = b || !expires ? NULL : store_stale(&r->store, p->aor);
    sip_flow old = 0;
    unsigned had;
    int err;

    if (!expires) {
        if (b)
            store_del(&r->store, b);
        log_info("reg", "flow=%llu aor=%s msg=\"deregistered\"", (unsigned long long)p->flow, p->aor);
        return;
    }
    if (stale) /* a page that was loaded again and again need not wait for its earlier connections to be given up */
        lose(r, stale, "connection lost, and room is needed");
    had = r->store.n;
    err = store_put(&r->store, &t, &b, &old);
    if (err) {
        log_warn("reg", "flow=%llu aor=%s msg=\"binding not kept\" err=%d", (unsigned long long)p->flow, p->aor, err);
        return;
    }
    count_add(&r->counts[REG_C_BINDINGS], r->store.n - had);
    if (b->request)
        msg_destroy(b->request);
    b->request = p->sent ? msg_ref_create(p->sent) : NULL;
    log_info("reg", "flow=%llu aor=%s msg=\"registered\" expires=%u impu=%s", (unsigned long long)p->flow, p->aor, expires, b->impu);
    if (!old)
        return;
    count_add(&r->counts[REG_C_RECOVERED], 1);
    dlg_move_flow(r->sip, old, p->flow);
    if (r->sip->h.flow_moved)
        r->sip->h.flow_moved(r->sip->h.arg, old, p->flow);
}

/* The WIC must find its own Contact again, or it never counts itself as registered. */
static char *restored(struct pending *p, const sip_contact_t *mine, const sip_contact_t *core, unsigned expires)
{
    char *text = su_sprintf(p->home, "<%s>", url_as_string(p->home, mine->m_url));

    for (unsigned i = 0; core && core->m_params && core->m_params[i]; i++) {
        const char *param = core->m_params[i];

        if (strncasecmp(param, "expires=", 8) != 0 && strncasecmp(param, "q=", 2) != 0)
            text = su_sprintf(p->home, "%s;%s", text, param);
    }
    return su_sprintf(p->home, "%s;expires=%u", text, expires);
}

static void register_ok(struct pending *p, const sip_t *in, msg_t *msg, sip_t *sip)
{
    unsigned general = in->sip_expires ? (unsigned)in->sip_expires->ex_delta : p->expires;
    char *list = NULL;

    count_add(&p->reg->counts[REG_C_OK], 1);
    for (const sip_contact_t *mine = p->contacts; mine && !p->star; mine = mine->m_next) {
        const sip_contact_t *core = in->sip_contact;
        unsigned expires;

        while (core && !same_contact(mine, core))
            core = core->m_next;
        expires = core ? seconds(core->m_expires, general) : 0;
        bind_one(p, mine, expires, in);
        if (core)
            list = list ? su_sprintf(p->home, "%s, %s", list, restored(p, mine, core, expires)) : restored(p, mine, core, expires);
    }
    if (p->star) {
        struct binding *b, *tmp;

        DL_FOREACH_SAFE(p->reg->store.list, b, tmp)
            if (uri_same(b->aor, p->aor))
                store_del(&p->reg->store, b);
    }
    if (p->contacts || p->star) {
        msg_remove(msg, sip, "Contact");
        if (list)
            sip_add_make(msg, sip, sip_contact_class, list);
    }
}

/* The keys of AKA are the P-CSCF's (TS 24.229 5.2.2): never to the browser. */
static void strip_keys(msg_t *msg, sip_t *sip)
{
    static const char *const keys[] = {"ik", "ck"};
    msg_auth_t *lists[] = {sip->sip_www_authenticate, sip->sip_proxy_authenticate};

    (void)msg;
    for (unsigned l = 0; l < ARRAY_LEN(lists); l++)
        for (msg_auth_t *au = lists[l]; au; au = au->au_next)
            for (unsigned k = 0; k < ARRAY_LEN(keys); k++)
                if (msg_header_remove_param(au->au_common, keys[k]) > 0)
                    msg_fragment_clear(au->au_common);
}

static const char *const retry_after[] = {"Retry-After: 5", "Retry-After: 10", "Retry-After: 15", "Retry-After: 20",
                                          "Retry-After: 30"};

static int register_answer(void *arg, int status, const sip_t *in, msg_t *msg, sip_t *sip, const char **lines)
{
    struct pending *p = arg;
    struct reg *r = p->reg;
    int other = 0;

    if (status == 200 && in) {
        register_ok(p, in, msg, sip);
    } else if (status == 401 || status == 407) {
        if (sip)
            strip_keys(msg, sip);
    } else {
        count_add(&r->counts[REG_C_FAILED], 1);
        log_info("reg", "flow=%llu aor=%s msg=\"registration failed\" status=%d", (unsigned long long)p->flow, p->aor, status);
        if (status == 420) {
            log_error("reg", "msg=\"the core does not know Path: wrong next hop?\"");
            other = 500;
        } else if (!in || (status >= 500 && status < 600 && status != 504)) {
            other = 503;
            *lines = retry_after[rnd_u32() % ARRAY_LEN(retry_after)];
        }
    }
    if (sip)
        route_strip_to_wic(msg, sip);
    pending_free(p);
    return other;
}

void reg_register(struct reg *r, nta_incoming_t *irq, const sip_t *sip, sip_flow flow)
{
    struct pending *p = calloc(1, sizeof *p);
    struct relay_h h = {register_edit, register_answer, p};
    url_t aor;

    if (!p) {
        nta_incoming_treply(irq, 500, NULL, TAG_END());
        nta_incoming_destroy(irq);
        return;
    }
    su_home_init(p->home);
    p->reg = r;
    p->flow = flow;
    aor = *sip->sip_to->a_url;
    aor.url_params = aor.url_headers = aor.url_password = NULL;
    p->aor = url_as_string(p->home, &aor);
    p->contacts = sip->sip_contact ? sip_contact_dup(p->home, sip->sip_contact) : NULL;
    p->star = p->contacts && p->contacts->m_url->url_type == url_any;
    p->expires = sip->sip_expires ? (unsigned)sip->sip_expires->ex_delta : 3600;
    p->outbound = p->contacts && !p->star && is_outbound(p->contacts);
    relay_request(&r->sip->agents[SIP_W2], irq, SIP_MW, 0, NULL, &h);
}

/* --- what becomes of bindings --- */

/* The core is told that the WIC is gone; a challenge cannot be answered by us, then the core's own timer ends it. */
static void tell_core(struct reg *r, struct binding *b)
{
    struct sip *s = r->sip;
    msg_t *msg = b->request ? msg_dup(b->request) : NULL;
    sip_t *sip = msg ? sip_object(msg) : NULL;
    sip_cseq_t *cseq;

    if (!sip)
        return;
    msg_remove(msg, sip, "Contact");
    msg_remove(msg, sip, "Expires");
    sip_add_make(msg, sip, sip_contact_class, su_sprintf(msg_home(msg), "<%s>;expires=0", b->contact));
    sip_add_make(msg, sip, sip_expires_class, "0");
    cseq = sip_cseq_create(msg_home(msg), sip->sip_cseq->cs_seq + 1, SIP_METHOD_REGISTER);
    if (cseq)
        msg_header_replace(msg, (msg_pub_t *)sip, (msg_header_t *)sip->sip_cseq, (msg_header_t *)cseq);
    nta_outgoing_destroy(nta_outgoing_mcreate(s->agents[SIP_MW].nta, NULL, NULL, out_hop(s, NULL), msg, TAG_END()));
}

/* Not expired: the core still thinks that it is there. */
static void lose(struct reg *r, struct binding *b, const char *why)
{
    log_info("reg", "aor=%s msg=\"%s\"", b->aor, why);
    count_add(&r->counts[REG_C_EXPIRED], 1);
    if (net_now_ms() < b->expires)
        tell_core(r, b);
    store_del(&r->store, b);
}

void reg_flow_closed(struct reg *r, sip_flow flow)
{
    struct binding *b;

    DL_FOREACH(r->store.list, b)
        if (b->pub.flow == flow) {
            b->pub.flow = 0;
            b->last_flow = flow;
            b->orphan_until = net_now_ms() + r->orphan_ms;
        }
}

static void on_second(uv_timer_t *timer)
{
    struct reg *r = timer->data;
    msec_t now = net_now_ms();
    struct binding *b, *tmp;

    DL_FOREACH_SAFE(r->store.list, b, tmp) {
        if (now < b->expires && now < b->orphan_until)
            continue;
        lose(r, b, now < b->expires ? "connection lost for good" : "registration expired");
    }
    if (!r->no_register_ms)
        return;
    DL_FOREACH(r->store.list, b)
        bridge_name(r->sip->bridge, b->pub.flow);
    bridge_close_nameless(r->sip->bridge, r->no_register_ms);
}

/* --- questions --- */

const struct reg_binding *reg_by_flow(const struct reg *r, sip_flow flow)
{
    const struct binding *b = store_by_flow(&r->store, flow);

    return b && b->expires > net_now_ms() ? &b->pub : NULL;
}

static bool owns(const struct binding *b, const char *uri)
{
    for (unsigned i = 0; i < b->n_impus; i++)
        if (uri_same(b->impus[i], uri))
            return true;
    return uri_same(b->aor, uri);
}

/* Is this Route our own Path URI? Only host and port of ours count. */
static int token_of(const struct reg *r, const sip_t *sip, sip_flow *flow)
{
    const sip_route_t *route = sip->sip_route;
    const char *port = route ? url_port(route->r_url) : NULL;

    if (!route || !route->r_url->url_user || !route->r_url->url_host || strcmp(route->r_url->url_host, r->sip->host) != 0 ||
        (port && atoi(port) != r->sip->port))
        return -EBADMSG;
    return token_read(&r->key, route->r_url->url_user, flow);
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
    if (err || store_by_flow(&r->store, flow))
        return 0;
    DL_FOREACH(r->store.list, b)
        if (b->last_flow == flow)
            return 480; /* may come back */
    return url_has_param(sip->sip_route->r_url, "ob") ? 430 : 480;
}

unsigned reg_by_request(const struct reg *r, const struct sip_msg *m, const struct reg_binding **out, unsigned max)
{
    const char *uri = sip_msg_uri(m);
    const struct binding *b;
    sip_flow flow = 0;
    unsigned n = 0;

    if (!token_of(r, m->in, &flow)) {
        b = store_by_flow(&r->store, flow);
        if (b && max)
            out[n++] = &b->pub;
        return n;
    }
    DL_FOREACH(r->store.list, b)
        if (n < max && uri_same(b->contact, uri))
            out[n++] = &b->pub;
    if (n)
        return n;
    DL_FOREACH(r->store.list, b)
        if (n < max && owns(b, uri))
            out[n++] = &b->pub;
    return n;
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

const count_t *reg_counts(const struct reg *r)
{
    return r->counts;
}

/* --- life --- */

int reg_new(struct reg **rp, struct sip *s, const struct reg_conf *conf)
{
    struct reg *r = calloc(1, sizeof *r);

    if (!r || !(r->domain = strdup(conf->domain))) {
        free(r);
        return -ENOMEM;
    }
    r->sip = s;
    r->store.drop = drop_request;
    r->store.arg = r;
    r->orphan_ms = (msec_t)conf->orphan_s * 1000;
    r->no_register_ms = (msec_t)conf->no_register_s * 1000;
    token_key_init(&r->key);
    uv_timer_init(s->loop, &r->timer);
    r->timer.data = r;
    uv_timer_start(&r->timer, on_second, 1000, 1000);
    s->reg = r;
    *rp = r;
    return 0;
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct reg *r = handle->data;

    r->closed = true;
}

void reg_free(struct reg *r)
{
    if (!r)
        return;
    relay_free_all(r->sip);
    store_clear(&r->store);
    r->sip->reg = NULL;
    uv_close((uv_handle_t *)&r->timer, on_timer_closed);
    for (int i = 0; i < 10 && !r->closed; i++)
        uv_run(r->sip->loop, UV_RUN_NOWAIT);
    free(r->domain);
    free(r);
}
