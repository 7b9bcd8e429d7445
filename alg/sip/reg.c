#include "alg/sip/reg.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <utlist.h>

#include "alg/sip/reg_priv.h"
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

static void drop_request(void *arg, struct binding *b)
{
    struct reg *r = arg;

    if (b->request)
        msg_destroy(b->request);
    b->request = NULL;
    count_add(&r->counts[REG_C_BINDINGS], -1);
    if (r->state && !r->closing)
        state_del(r->state, b->key);
}

/* --- REGISTER of a WIC --- */

static const char *const retry_after[] = {"Retry-After: 5", "Retry-After: 10", "Retry-After: 15", "Retry-After: 20",
                                          "Retry-After: 30"};

int reg_failed(struct reg *r, sip_flow flow, const char *aor, int status, const char **lines)
{
    count_add(&r->counts[REG_C_FAILED], 1);
    log_info("reg", "flow=%llu aor=%s msg=\"registration failed\" status=%d", (unsigned long long)flow, aor, status);
    if (status == 420) {
        log_error("reg", "msg=\"the core does not know Path: wrong next hop?\"");
        return 500;
    }
    if (!status || (status >= 500 && status < 600 && status != 504)) {
        *lines = retry_after[rnd_u32() % ARRAY_LEN(retry_after)];
        return 503;
    }
    return 0;
}

void reg_register(struct reg *r, nta_incoming_t *irq, const sip_t *sip, sip_flow flow)
{
    struct enrol *p = enrol_new(r, sip, flow);

    if (!p) {
        nta_incoming_treply(irq, 500, NULL, TAG_END());
        nta_incoming_destroy(irq);
        return;
    }
    relay_register(p, irq);
}

/* --- what becomes of bindings --- */

/* Not expired: the core still thinks that it is there. */
void reg_drop(struct reg *r, struct binding *b, const char *why)
{
    log_info("reg", "aor=%s msg=\"%s\"", b->aor, why);
    count_add(&r->counts[REG_C_EXPIRED], 1);
    if (net_now_ms() < b->expires)
        relay_take_back(r, b);
    store_del(&r->store, b);
}

void reg_flow_closed(struct reg *r, sip_flow flow)
{
    struct binding *b;

    DL_FOREACH(r->store.list, b)
        if (b->pub.flow == flow) {
            b->pub.flow = 0;
            b->last_flow = flow;
            b->orphan_until = net_now_ms() + r->keep_ms;
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
        reg_drop(r, b, now < b->expires ? "connection lost for good" : "registration expired");
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
    if (err || store_by_token(&r->store, flow))
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
        b = store_by_token(&r->store, flow);
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

/* A binding of an earlier run: its connection is gone, its WIC may come back. */
static void take_up(void *arg, const struct state_binding *row)
{
    struct reg *r = arg;
    int64_t left = row->expires - (int64_t)time(NULL);
    struct binding_text t = {
        .key = row->key, .aor = row->aor, .contact = row->contact, .service_route = row->service_route,
        .associated = row->associated, .impi = row->impi, .way = (int)row->way, .last_flow = row->flow,
        .expires = net_now_ms() + (msec_t)(left > 0 ? left : 0) * 1000, .orphan_until = net_now_ms() + r->keep_ms,
        .outbound = row->outbound,
    };
    struct binding *b;
    sip_flow old;

    if (store_put(&r->store, &t, &b, &old))
        return;
    count_add(&r->counts[REG_C_BINDINGS], 1);
    if (row->request)
        b->request = msg_make(sip_default_mclass(), 0, row->request, (ssize_t)strlen(row->request));
}

int reg_new(struct reg **rp, struct sip *s, const struct reg_conf *conf)
{
    struct reg *r = calloc(1, sizeof *r);
    int err = 0;

    if (!r || !(r->domain = strdup(conf->domain))) {
        free(r);
        return -ENOMEM;
    }
    r->sip = s;
    r->state = conf->state;
    r->store.drop = drop_request;
    r->store.arg = r;
    r->keep_ms = (msec_t)conf->orphan_s * 1000;
    r->no_register_ms = (msec_t)conf->no_register_s * 1000;
    if (conf->access_info && conf->access_info[0] && !(r->access_info = strdup(conf->access_info)))
        err = -ENOMEM;
    if (r->state)
        memcpy(r->key.k, state_key(r->state), sizeof r->key.k);
    else
        token_key_init(&r->key);
    uv_timer_init(s->loop, &r->timer);
    r->timer.data = r;
    uv_timer_start(&r->timer, on_second, 1000, 1000);
    s->reg = r;
    if (!err && r->state && state_load(r->state, (int64_t)time(NULL), take_up, r) < 0)
        err = -EIO;
    if (r->store.n)
        log_info("reg", "msg=\"bindings of an earlier run\" n=%u", r->store.n);
    if (err)
        reg_free(r);
    else
        *rp = r;
    return err;
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
    r->closing = true;
    relay_free_all(r->sip);
    store_clear(&r->store);
    r->sip->reg = NULL;
    uv_close((uv_handle_t *)&r->timer, on_timer_closed);
    for (int i = 0; i < 10 && !r->closed; i++)
        uv_run(r->sip->loop, UV_RUN_NOWAIT);
    free(r->domain);
    free(r->access_info);
    free(r);
}
