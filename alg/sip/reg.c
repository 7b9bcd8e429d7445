#include "alg/sip/reg.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

#include <utlist.h>

#include "alg/sip/reg_priv.h"
#include "alg/users/slow.h"
#include "common/log.h"
#include "common/rnd.h"

const struct count_def reg_counters[REG_C_N] = {
    [REG_C_BINDINGS] = {"alg_registrations", "bindings known", true},
    [REG_C_OK] = {"alg_register_ok_total", "REGISTER answered 200", false},
    [REG_C_FAILED] = {"alg_register_failed_total", "REGISTER answered otherwise, challenges apart", false},
    [REG_C_RECOVERED] = {"alg_register_recovered_total", "bindings that came back on another connection", false},
    [REG_C_EXPIRED] = {"alg_register_expired_total", "bindings dropped: expiry or connection lost for good", false},
    [REG_C_FORGED] = {"alg_flow_token_forged_total", "requests with a flow token that is not ours", false},
    [REG_C_LOGIN_WRONG] = {"alg_login_wrong_total", "wrong passwords and tokens of browsers", false},
    [REG_C_LOGIN_WAIT] = {"alg_login_slowed_total", "logins that were not looked at: too many wrong ones before", false},
    [REG_C_PILOTS] = {"alg_pbx_registered", "domains of the IP-PBX kind that are registered at the core", true},
    [REG_C_PILOT_FAILED] = {"alg_pbx_register_failed_total", "registrations of those that the core did not take", false},
    [REG_C_CORE_ENDED] = {"alg_register_core_ended_total", "bindings that the core ended (reg event), or who keeps the users", false},
};

static void drop_request(void *arg, struct binding *b)
{
    struct reg *r = arg;

    if (b->request)
        msg_destroy(b->request);
    b->request = NULL;
    count_add(&r->counts[REG_C_BINDINGS], -1);
    if (!r->closing && store_count(&r->store, b->aor) == 1)
        regsub_leave(r, b->aor);
    if (r->state && !r->closing)
        state_del(r->state, b->key);
}

/* --- REGISTER of a WIC --- */

static const char *const retry_after[] = {"Retry-After: 5", "Retry-After: 10", "Retry-After: 15", "Retry-After: 20",
                                          "Retry-After: 30"};

int reg_failed(struct reg *r, sip_flow flow, const char *aor, int status, const char **lines)
{
    count_add(&r->counts[REG_C_FAILED], 1);
    if (status)
        log_info("reg", "flow=%llu aor=%s msg=\"registration failed\" status=%d", (unsigned long long)flow, aor, status);
    else
        log_info("reg", "flow=%llu aor=%s msg=\"registration failed\" why=\"no answer of the core, or no next hop to ask\"",
                 (unsigned long long)flow, aor);
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

void reg_reply(struct reg *r, nta_incoming_t *irq, int status, const char *lines)
{
    nta_incoming_treply(irq, status, msg_phrase(status), TAG_IF(lines, SIPTAG_HEADER_STR(lines)),
                        SIPTAG_SERVER_STR(r->sip->agent_name), TAG_END());
    nta_incoming_destroy(irq);
    count_add(&r->sip->counts[SIP_C_OUT], 1);
    sip_wire_flush(r->sip);
}

/* --- who registers them --- */

const struct reg_way *reg_way_of(const struct reg *r, const char *host)
{
    for (unsigned i = 0; i < r->n_ways; i++)
        if (!strcmp(r->ways[i].domain, "*") || !strcasecmp(r->ways[i].domain, host))
            return &r->ways[i];
    return NULL;
}

const struct reg_way *reg_way_of_binding(const struct reg *r, const struct binding *b)
{
    const char *at = strchr(b->aor, '@');

    return reg_way_of(r, at ? at + 1 : b->aor);
}

/* A realm goes into quotes. */
static bool is_host(const char *host)
{
    size_t n = strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-");

    return n && !host[n] && n < USER_TEXT_MAX;
}

static bool may_be(const struct enrol *p, const struct user *user, const struct reg_way *way)
{
    char own[2 * USER_TEXT_MAX + 8];

    snprintf(own, sizeof own, "sip:%s@%s", user->name, user->domain);
    if (!uri_same(p->aor, own) && !uri_same(p->aor, user->impu))
        return false;
    return way->kind != REG_WAY_THIRD || user->ims.ha1[DIGEST_MD5][0] || user->ims.ha1[DIGEST_SHA256][0];
}

/* A request of a registered WIC outside of dialogs. */
int reg_admit(struct reg *r, const sip_t *sip, sip_flow flow, char *lines, size_t size)
{
    const struct binding *b;
    const struct reg_way *way;
    struct sip_msg view;

    msg_open(&view, r->sip, SIP_W2, flow, sip);
    b = (const struct binding *)reg_by_sender(r, &view); /* its first member */
    msg_close(&view);
    way = b ? reg_way_of_binding(r, b) : NULL;
    lines[0] = 0;
    if (!way)
        return 403;
    if (way->kind == REG_WAY_PBX && !pbx_is_up(r->pbxs[way - r->ways])) {
        snprintf(lines, size, "Retry-After: 10");
        return 503;
    }
    return way->kind != REG_WAY_RELAY && way->token
               ? wauth_again(r, way, sip, &(struct wauth_who){b->aor, b->token, flow}, lines, size) : 0;
}

/* In a dialog the same, but nobody is kept from ending it; what an ACK has to say is said. */
int reg_admit_dialog(struct reg *r, const sip_t *sip, sip_flow flow, const char *aor, char *lines, size_t size)
{
    const char *at = strchr(aor, '@');
    const struct reg_way *way = reg_way_of(r, at ? at + 1 : aor);
    sip_method_t method = sip->sip_request->rq_method;

    lines[0] = 0;
    if (!way || way->kind == REG_WAY_RELAY || !way->token || method == sip_method_bye || method == sip_method_ack ||
        method == sip_method_cancel)
        return 0;
    return wauth_again(r, way, sip, &(struct wauth_who){aor, true, flow}, lines, size);
}

bool reg_is_by_token(const struct reg_binding *pub)
{
    return ((const struct binding *)pub)->token;
}

/* More than a user may have: each would cost a search, a line in the log and one on the way to the core. */
static bool has_too_many(const struct enrol *p)
{
    unsigned n = 0;

    for (const sip_contact_t *m = p->contacts; m; m = m->m_next)
        n++;
    return n > REG_PER_AOR_MAX;
}

void reg_register(struct reg *r, nta_incoming_t *irq, const sip_t *sip, sip_flow flow)
{
    struct enrol *p = enrol_new(r, sip, flow);
    const char *host = sip->sip_to->a_url->url_host;
    const struct reg_way *way = reg_way_of(r, host ? host : "");
    struct user user;
    unsigned left = 0;

    if (!p || !way || (way->kind != REG_WAY_RELAY && (!host || !is_host(host)))) {
        reg_reply(r, irq, !p ? 500 : !way ? 403 : 400, NULL);
        enrol_free(p);
    } else if (has_too_many(p)) {
        log_info("reg", "flow=%llu aor=%s msg=\"registration refused\" why=\"more contacts than a user may have\"",
                 (unsigned long long)flow, p->aor);
        reg_reply(r, irq, 403, NULL);
        enrol_free(p);
    } else if (way->kind == REG_WAY_RELAY) {
        relay_register(p, irq);
    } else if (p->star && (p->expires || p->contacts->m_next)) { /* RFC 3261 10.3: all or nothing */
        reg_reply(r, irq, 400, NULL);
        enrol_free(p);
    } else if (wauth_check(r, way, irq, sip, flow, &user, &left)) {
        enrol_free(p);
    } else if (!may_be(p, &user, way)) {
        log_info("reg", "flow=%llu aor=%s msg=\"login refused\" why=\"not this user's address, or no IMS account\" user=%s",
                 (unsigned long long)flow, p->aor, user.name);
        reg_reply(r, irq, 403, NULL);
        enrol_free(p);
    } else if (way->kind == REG_WAY_PBX) {
        p->token = left != 0;
        pbx_register(r->pbxs[way - r->ways], p, irq, &user, left);
    } else {
        p->token = left != 0;
        third_register(p, irq, &user, left, way->kind);
    }
    digest_forget(&user, sizeof user);
}

/* --- what becomes of bindings --- */

/* Not expired: the core still thinks that it is there. */
void reg_drop(struct reg *r, struct binding *b, const char *why)
{
    log_info("reg", "aor=%s msg=\"%s\"", b->aor, why);
    count_add(&r->counts[REG_C_EXPIRED], 1);
    if (b->way == REG_WAY_THIRD || b->way == REG_WAY_TRUSTED)
        third_take_back(r, b); /* a token may have ended it earlier than the core would */
    else if (b->way == REG_WAY_RELAY && net_now_ms() < b->expires)
        relay_take_back(r, b);
    store_del(&r->store, b);
}

void reg_end(struct reg *r, struct binding *b, unsigned code, const char *why)
{
    sip_flow flow = b->pub.flow;

    log_info("reg", "aor=%s msg=\"%s\" code=%u", b->aor, why, code);
    count_add(&r->counts[REG_C_CORE_ENDED], 1);
    store_del(&r->store, b);
    if (flow)
        bridge_close(r->sip->bridge, flow, code, why);
}

void reg_flow_closed(struct reg *r, sip_flow flow)
{
    struct binding *b;

    while ((b = store_by_flow(&r->store, flow))) { /* it may have several */
        store_set_flow(&r->store, b, 0);
        b->last_flow = flow;
        b->orphan_until = net_now_ms() + r->keep_ms;
    }
}

/* Who keeps the users took some away: their registrations end now. */
static void revoke_gone(struct reg *r)
{
    struct binding *b, *tmp;
    struct user user;

    DL_FOREACH_SAFE(r->store.list, b, tmp) {
        char name[USER_TEXT_MAX] = "";
        const char *p = strchr(b->aor, ':'), *at = p ? strchr(p, '@') : NULL;
        int err = -ENOENT;

        if (b->way != REG_WAY_PBX && b->way != REG_WAY_THIRD)
            continue;
        if (at && (size_t)(at - p) < sizeof name) {
            snprintf(name, sizeof name, "%.*s", (int)(at - p - 1), p + 1);
            err = users_get(r->users, name, at + 1, &user);
        }
        if (err == -ENOENT && users_by_impu(r->users, b->aor, &user) == -ENOENT)
            reg_end(r, b, 1000, "not in the store of users any more");
    }
    digest_forget(&user, sizeof user);
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
    if (r->users && users_changed(r->users))
        revoke_gone(r);
    regsub_tick(r, now);
    for (unsigned i = 0; i < r->n_ways; i++)
        if (r->pbxs[i])
            pbx_tick(r->pbxs[i], now);
    DL_FOREACH(r->store.list, b)
        bridge_name(r->sip->bridge, b->pub.flow);
    if (r->no_register_ms)
        bridge_close_nameless(r->sip->bridge, r->no_register_ms);
}

/* --- questions --- */

const struct reg_binding *reg_by_flow(const struct reg *r, sip_flow flow)
{
    const struct binding *b = store_by_flow(&r->store, flow);

    return b && b->expires > net_now_ms() ? &b->pub : NULL;
}

const char *reg_domain(const struct reg *r)
{
    return r->domain;
}

const char *reg_access_info(const struct reg *r)
{
    return r->access_info;
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
    if (b->way != REG_WAY_PBX)
        regsub_need(r, b->aor, b->impu, b->service_route, true);
    if (row->request)
        b->request = msg_make(sip_default_mclass(), 0, row->request, (ssize_t)strlen(row->request));
}

static int ways_open(struct reg *r, const struct reg_conf *conf)
{
    static const struct reg_way all = {.domain = "*", .kind = REG_WAY_RELAY};
    int err = conf->n_ways > REG_WAYS_MAX ? -E2BIG : 0;

    r->ways[0] = all;
    r->n_ways = conf->n_ways ? 0 : 1;
    for (unsigned i = 0; i < conf->n_ways && !err; i++) {
        r->ways[i] = conf->ways[i];
        r->n_ways++;
        if (r->ways[i].kind == REG_WAY_RELAY)
            continue;
        if (!r->users)
            err = -EINVAL;
        if (!err && !r->login)
            err = login_new(&r->login, r->users, conf->tokens);
        if (!err && r->ways[i].kind == REG_WAY_PBX)
            err = pbx_new(&r->pbxs[i], r, &r->ways[i]);
    }
    return err;
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
    r->users = conf->users;
    r->reg_event = conf->reg_event;
    r->turn = conf->turn;
    r->store.drop = drop_request;
    r->store.arg = r;
    r->keep_ms = (msec_t)conf->orphan_s * 1000;
    r->no_register_ms = (msec_t)conf->no_register_s * 1000;
    if (conf->access_info && conf->access_info[0] && !(r->access_info = strdup(conf->access_info)))
        err = -ENOMEM;
    if (!err && r->turn.turn)
        err = slow_new(&r->turn_slow);
    if (r->state)
        memcpy(r->key.k, state_key(r->state), sizeof r->key.k);
    else
        token_key_init(&r->key);
    uv_timer_init(s->loop, &r->timer);
    r->timer.data = r;
    uv_timer_start(&r->timer, on_second, 1, 1000);
    s->reg = r;
    if (!err)
        err = ways_open(r, conf);
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
    for (unsigned i = 0; i < r->n_ways; i++)
        pbx_free(r->pbxs[i]);
    regc_free_all(r);
    regsub_free_all(r);
    third_free_all(r);
    login_free(r->login);
    slow_free(r->turn_slow);
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
