/* The gateway's state as a whole. */
#include "agw/ctl/ctl.h"

#include <errno.h>
#include <stdlib.h>

#include "agw/ctl/ctx.h"
#include "agw/ctl/event.h"
#include "common/log.h"

const struct count_def ctl_counters[CTL_C_N] = {
    [CTL_C_CONTEXTS] = {"agw_contexts", "contexts", true},
    [CTL_C_TERMS] = {"agw_terminations", "terminations", true},
    [CTL_C_STREAMS] = {"agw_streams", "streams of all terminations", true},
    [CTL_C_ENDPOINTS] = {"agw_endpoints", "endpoints known to other threads, closing ones too",
                         true},
    [CTL_C_COMMANDS] = {"agw_commands_total", "H.248 commands run", false},
    [CTL_C_REFUSED] = {"agw_commands_refused_total", "H.248 commands answered with an error",
                       false},
    [CTL_C_NO_RESOURCE] = {"agw_no_port_total", "reservations without a free port (error 510)",
                           false},
    [CTL_C_UNREACHABLE] = {"agw_peers_refused_total",
                           "Remote addresses (error 449) and candidates that the realm does not allow", false},
    [CTL_C_NOTIFIED] = {"agw_notifies_total", "NOTIFY requests sent", false},
    [CTL_C_NOTIFY_LOST] = {"agw_notifies_lost_total", "NOTIFY requests not sent or not answered",
                           false},
    [CTL_C_DTLS_FAILED] = {"agw_dtls_failed_streams_total", "streams whose DTLS failed", false},
    [CTL_C_ICE_FAILED] = {"agw_ice_failed_total", "streams whose full ICE found no pair", false},
    [CTL_C_ICE_LOST] = {"agw_ice_lost_total", "times that a peer stopped checking, or that consent expired", false},
    [CTL_C_INACTIVE] = {"agw_inactive_total", "times that media stopped where adid/ipstop watches", false},
    [CTL_C_ORPHANED] = {"agw_orphans_released_total",
                        "terminations released without the controller's word", false},
};

static int realm_open(struct realm *r, const struct realm_conf *conf)
{
    const struct addr *addrs[2] = {&conf->addr, conf->has_addr6 ? &conf->addr6 : NULL};
    int err = 0;

    r->conf = conf;
    for (unsigned i = 0; i < 2 && !err; i++) {
        unsigned v6;

        if (!addrs[i])
            continue;
        v6 = addr_is_v6(addrs[i]);
        if (r->udp[v6])
            return -EINVAL; /* two addresses of one family */
        err = port_pool_new(&r->udp[v6], PORT_UDP, addrs[i], conf->port_lo, conf->port_hi);
        if (!err)
            err = port_pool_new(&r->tcp[v6], PORT_TCP, addrs[i], conf->port_lo, conf->port_hi);
    }
    return err;
}

static void realm_close(struct realm *r)
{
    for (unsigned i = 0; i < 2; i++) {
        port_pool_free(r->udp[i]);
        port_pool_free(r->tcp[i]);
    }
}

int ctl_new(struct ctl **cp, const struct ctl_conf *conf, const struct ctl_h *h)
{
    struct ctl *c;
    int err = 0;

    if (!conf->n_realms || conf->n_realms > CTL_REALMS || !conf->n_workers ||
        conf->n_workers > CTL_WORKERS)
        return -EINVAL;
    c = calloc(1, sizeof *c);
    if (!c)
        return -ENOMEM;
    c->conf = *conf;
    c->h = *h;
    c->asked = calloc(1, sizeof *c->asked);
    c->merged = calloc(1, sizeof *c->merged);
    c->answer = calloc(1, sizeof *c->answer);
    if (!c->asked || !c->merged || !c->answer)
        err = -ENOMEM;
    for (unsigned i = 0; i < conf->n_realms && !err; i++)
        err = realm_open(&c->realms[i], &conf->realms[i]);
    if (err)
        ctl_free(c);
    else
        *cp = c;
    return err;
}

void ctl_free(struct ctl *c)
{
    struct ep *ep, *next;

    if (!c)
        return;
    ctl_release_all(c, "end");
    HASH_ITER(hh, c->eps, ep, next)
    { /* the other threads are gone: nothing will be closed any more */
        ep->waits = 1;
        ep_closed(c, ep->id);
    }
    for (unsigned i = 0; i < CTL_REALMS; i++)
        realm_close(&c->realms[i]);
    free(c->asked);
    free(c->merged);
    free(c->answer);
    free(c);
}

const struct realm *ctl_realm(const struct ctl *c, struct sv name)
{
    for (unsigned i = 0; i < c->conf.n_realms; i++) {
        if (sv_iis(name, c->realms[i].conf->name))
            return &c->realms[i];
    }
    return NULL;
}

const struct realm *ctl_interface(const struct ctl *c, struct sv name)
{
    for (unsigned i = 0; i < c->conf.n_realms; i++) {
        if (sv_iis(name, c->realms[i].conf->interface))
            return &c->realms[i];
    }
    return NULL;
}

void ctl_bus(struct ctl *c, struct bus_msg *m, msec_t now)
{
    (void)now;
    if (m->kind == BUS_EVENT)
        event_bus(c, &m->u.event);
    else if (m->kind == BUS_CLOSED)
        ep_closed(c, m->u.stats.id);
    bus_free(m);
}

void ctl_tick(struct ctl *c, msec_t now)
{
    if (c->is_down) {
        if (c->conf.orphan_ms && c->ctxs && now - c->down_since >= c->conf.orphan_ms) {
            count_add(&c->counts[CTL_C_ORPHANED], HASH_COUNT(c->terms));
            ctl_release_all(c, "no controller");
        }
        return;
    }
    event_tick(c, now);
}

void ctl_heard(struct ctl *c, msec_t now)
{
    c->root.heard = now;
}

void ctl_down(struct ctl *c, msec_t now)
{
    if (!c->is_down)
        c->down_since = now;
    c->is_down = true;
}

void ctl_up(struct ctl *c, msec_t now)
{
    c->is_down = false;
    c->root.heard = now;
}

void ctl_release_all(struct ctl *c, const char *why)
{
    struct ctx *x, *next;

    if (c->ctxs)
        log_warn("ctl", "msg=\"all contexts released\" n=%u why=\"%s\"", HASH_COUNT(c->ctxs), why);
    HASH_ITER(hh, c->ctxs, x, next)
    ctx_free(x);
}

bool ctl_is_idle(const struct ctl *c)
{
    return !c->ctxs && !c->eps;
}
