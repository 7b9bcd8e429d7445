#include "alg/sip/core.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <utlist.h>

#include "alg/sip/core_tls.h"
#include "alg/sip/door.h"
#include "alg/sip/screen.h"
#include "common/log.h"
#include "common/rnd.h"

#define TICK_MS 100
#define FORGET_MS 5000
#define REST_S 30 /* without OPTIONS: how long one that refused is left alone */

static const char *const transports[] = {[SELF_UDP] = "udp", [SELF_TCP] = "tcp", [SELF_TLS] = "tls"};

void core_count(struct core *c)
{
    count_t *v = c->sip->counts;

    count_add(&v[SIP_C_HOPS], (int64_t)c->hops.n - count_get(&v[SIP_C_HOPS]));
    count_add(&v[SIP_C_HOPS_UP], (int64_t)hops_up(&c->hops) - count_get(&v[SIP_C_HOPS_UP]));
}

void core_heard(struct core *c, struct hop *hop, const sip_t *answer)
{
    const sip_retry_after_t *after = answer->sip_retry_after;
    char text[ADDR_STRLEN];
    msec_t now = net_now_ms();

    if (hop_answered(hop)) {
        log_info("core", "hop=%s transport=%s msg=\"next hop answers again\"", addr_str(&hop->addr, text),
                 transports[hop->proto]);
        core_count(c);
    }
    if (answer->sip_status->st_status != 503)
        return;
    count_add(&c->sip->counts[SIP_C_HOP_503], 1);
    if (!after || !after->af_delta)
        return;
    hop_bar(hop, now, (unsigned)(after->af_delta < HOP_BAR_MAX_S ? after->af_delta : HOP_BAR_MAX_S));
    log_warn("core", "hop=%s transport=%s msg=\"next hop wants to be left alone\" retry_after=%u", addr_str(&hop->addr, text),
             transports[hop->proto], (unsigned)((hop->barred_until - now) / 1000));
}

void core_unheard(struct core *c, struct hop *hop, const char *refused)
{
    char text[ADDR_STRLEN];
    msec_t now = net_now_ms();

    count_add(&c->sip->counts[SIP_C_HOP_LOST], 1);
    if (!(refused ? hop_refused(hop) : hop_lost(&c->hops, hop))) {
        if (!hop->down && hop->probe_at > now) /* is it only this one request? */
            hop->probe_at = now;
        return;
    }
    count_add(&c->sip->counts[SIP_C_HOP_DOWNS], 1);
    log_error("core", "hop=%s transport=%s msg=\"next hop is down\" why=\"%s\" left=%u", addr_str(&hop->addr, text),
              transports[hop->proto], refused ? refused : "no answer", hops_up(&c->hops));
    if (!c->options_ms) { /* nobody would find out that it is back */
        hop_bar(hop, now, REST_S);
        hop_answered(hop);
    }
    core_count(c);
}

void core_no_tls(struct core *c, unsigned id, const struct addr *peer, const char *why)
{
    struct hop *hop = hops_by_id(&c->hops, id);

    if (hop && hop->proto == SELF_TLS && addr_eq(&hop->addr, peer) && !hop->no_tls[0]) /* the first line says most */
        snprintf(hop->no_tls, sizeof hop->no_tls, "TLS: %s", why);
}

void core_refused(struct core *c, unsigned hop, const struct addr *peer, const char *why)
{
    char text[ADDR_STRLEN];

    if (hop || c->said++ < WS_SAY_MAX)
        log_warn("sip", "side=mw peer=%s msg=\"TLS refused\" why=\"%s\"", addr_str(peer, text), why);
    core_no_tls(c, hop, peer, why);
}

static void on_conn(void *arg, enum conns_why why, const struct addr *peer)
{
    struct core *c = arg;
    char text[ADDR_STRLEN];

    count_add(&c->sip->counts[why == CONNS_LATE ? SIP_C_CONNS_LATE : SIP_C_CONNS_REFUSED], 1);
    if (c->said++ < WS_SAY_MAX)
        log_warn("sip", "side=mw peer=%s msg=\"connection closed\" why=\"%s\"", addr_str(peer, text), conns_why_text(why));
}

static void on_late(void *arg, unsigned hop, const struct addr *peer)
{
    core_refused(arg, hop, peer, hop ? "no handshake" : "no handshake, or too many at once");
}

void core_hops(struct core *c)
{
    core_count(c);
    hop_peers_set(&c->peers, &c->hops, net_now_ms());
    door_set(c->door, &c->peers);
    if (c->sip->tls)
        core_tls_share(&c->sip->agents[SIP_MW], !hops_share_tls(&c->hops));
}

static void tell_refused(struct core *c)
{
    for (unsigned i = 0; i < c->hops.n; i++) {
        struct hop *hop = &c->hops.v[i];
        char why[sizeof hop->no_tls];

        if (!hop->no_tls[0])
            continue;
        memcpy(why, hop->no_tls, sizeof why);
        hop->no_tls[0] = 0;
        if (hop->probing)
            hop_live_refused(c, hop->id, why);
        else
            core_unheard(c, hop, why);
        hop_try_refused(c, hop->id, why);
    }
}

unsigned core_retry_after(const struct core *c)
{
    unsigned wait = hops_wait(&c->hops, net_now_ms());

    return wait ? wait : 5 + rnd_u32() % 26; /* not all at once */
}

/* Both lists are in the order of time or short. */
static void forget_peers(struct core *c, msec_t now)
{
    msec_t oldest = c->sip->reg ? reg_oldest_dialog(c->sip->reg) : MSEC_NEVER;
    const struct sip_dlg *d;

    if (now < c->forget_at || !hop_peers_is_old(&c->peers))
        return;
    c->forget_at = now + FORGET_MS;
    DL_FOREACH(c->sip->dlgs, d)
        if (d->side == SIP_MW) {
            oldest = d->since < oldest ? d->since : oldest;
            break;
        }
    hop_peers_forget(&c->peers, oldest, now);
    door_set(c->door, &c->peers);
}

static void on_tick(uv_timer_t *timer)
{
    struct core *c = timer->data;
    msec_t now = net_now_ms();

    if (c->closing)
        return;
    if (now - c->said_at >= 1000) {
        if (c->said > WS_SAY_MAX)
            log_warn("sip", "side=mw msg=\"connections refused or closed\" more=%u", c->said - WS_SAY_MAX);
        c->said = 0;
        c->said_at = now;
    }
    conns_tick(c->conns, now);
    count_add(&c->sip->counts[SIP_C_CONNS], (int64_t)conns_n(c->conns) - count_get(&c->sip->counts[SIP_C_CONNS]));
    core_tls_tick(c->sip->tls, now, on_late, c);
    hop_dns_tick(c->dns, now);
    forget_peers(c, now);
    tell_refused(c);
    hop_live_tick(c, now);
    hop_try_tick(c, now);
}

int core_new(struct core **cp, struct sip *s, const struct sip_conf *conf)
{
    struct core *c = calloc(1, sizeof *c);
    int err;

    if (!c)
        return -ENOMEM;
    c->sip = s;
    c->hops.lost_max = conf->options_lost ? conf->options_lost : 3;
    c->silent_ms = conf->silent_ms ? conf->silent_ms : 4000;
    c->options_ms = conf->options_s * 1000;
    *cp = c;
    screen_hops(s->screen, &c->peers);
    uv_timer_init(s->loop, &c->tick);
    c->tick.data = c;
    uv_timer_start(&c->tick, on_tick, TICK_MS, TICK_MS);
    err = door_new(&c->door, s, conf->peers);
    door_set(c->door, &c->peers);
    if (!err)
        err = conns_new(&c->conns, &(struct conns_conf){s, conf->peers, &c->peers, on_conn, c});
    screen_conns(s->screen, c->conns);
    if (!err)
        err = hop_dns_new(&c->dns, c, conf);
    core_count(c);
    return err;
}

static void on_closed(uv_handle_t *handle)
{
    struct core *c = handle->data;

    c->closed = true;
}

void core_free(struct core *c)
{
    if (!c)
        return;
    c->closing = true;
    screen_hops(c->sip->screen, NULL);
    screen_conns(c->sip->screen, NULL);
    hop_live_free(c);
    hop_dns_free(c->dns);
    door_free(c->door);
    conns_free(c->conns);
    uv_close((uv_handle_t *)&c->tick, on_closed);
    for (int i = 0; i < 10 && !c->closed; i++)
        uv_run(c->sip->loop, UV_RUN_NOWAIT);
    free(c);
}
