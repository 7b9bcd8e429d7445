#include "alg/iq/mgc.h"

#include <errno.h>
#include <stdlib.h>

#include "alg/iq/gw.h"
#include "common/log.h"

#define STOP_MS 2000 /* how long mgc_stop waits for Subtract replies */

const struct count_def mgc_counters[MGC_C_N] = {
    [MGC_C_GATEWAYS] = {"alg_iq_gateways", "Registered gateways", true},
    [MGC_C_CONTEXTS] = {"alg_iq_contexts", "H.248 contexts held", true},
    [MGC_C_ADD] = {"alg_iq_add_total", "ADD requests", false},
    [MGC_C_MOD] = {"alg_iq_modify_total", "MODIFY requests", false},
    [MGC_C_SUB] = {"alg_iq_subtract_total", "SUBTRACT requests", false},
    [MGC_C_ERRORS] = {"alg_iq_errors_total", "Replies with an error", false},
    [MGC_C_TIMEOUTS] = {"alg_iq_timeouts_total", "Requests without a reply", false},
    [MGC_C_NOTIFY] = {"alg_iq_notify_total", "NOTIFY commands received", false},
    [MGC_C_NOTIFY_UNKNOWN] = {"alg_iq_notify_unknown_total",
                              "NOTIFY for a context that is not ours (it is subtracted)", false},
};

bool gw_is_up(const struct gw *gw)
{
    return assoc_peer_up(gw->peer) && !gw->clearing;
}

static void update_gateways(struct mgc *m)
{
    int64_t n = 0;
    struct gw *gw;

    DL_FOREACH(m->gws, gw)
    {
        if (assoc_peer_up(gw->peer))
            n++;
    }
    count_add(&m->counts[MGC_C_GATEWAYS], n - count_get(&m->counts[MGC_C_GATEWAYS]));
}

static struct gw *gw_of(struct mgc *m, struct assoc_peer *peer)
{
    struct gw *gw = assoc_peer_user(peer);

    if (gw)
        return gw;
    gw = calloc(1, sizeof *gw);
    if (!gw)
        return NULL;
    gw->mgc = m;
    gw->peer = peer;
    assoc_peer_set_user(peer, gw);
    DL_APPEND(m->gws, gw);
    return gw;
}

static void on_event(void *arg, struct assoc_peer *peer, enum assoc_event ev, struct sv term,
                     unsigned reason)
{
    struct mgc *m = arg;
    struct gw *gw = gw_of(m, peer);

    if (!gw)
        return;
    switch (ev) {
    case ASSOC_UP:
        log_info("iq", "gw=%s msg=\"registered\" reason=%u", assoc_peer_name(peer), reason);
        gw_ask_packages(gw);
        gw_resume_releases(gw);
        break;
    case ASSOC_RESTARTED:
        log_warn("iq", "gw=%s msg=\"restarted: its contexts are gone\"", assoc_peer_name(peer));
        gw_lost_contexts(gw);
        gw_ask_packages(gw);
        break;
    case ASSOC_RETURNED:
        log_info("iq", "gw=%s msg=\"back after a loss of contact\"", assoc_peer_name(peer));
        gw_ask_packages(gw);
        gw_subtract_orphans(gw);
        gw_resume_releases(gw);
        break;
    case ASSOC_DOWN:
        log_error("iq", "gw=%s msg=\"no answer: check the gateway and the path to it\"",
                  assoc_peer_name(peer));
        break;
    case ASSOC_BYE:
        log_warn("iq", "gw=%s msg=\"goes out of service\" reason=%u", assoc_peer_name(peer), reason);
        gw_lost_contexts(gw);
        break;
    case ASSOC_TERMS_OUT:
        log_warn("iq", "gw=%s term=%.*s msg=\"terminations out of service\" reason=%u",
                 assoc_peer_name(peer), SV_ARG(term), reason);
        break;
    }
    update_gateways(m);
}

static void on_request(void *arg, struct assoc_peer *peer, struct trans_in *in,
                       const struct h248_msg *msg, const struct h248_txn *req)
{
    struct gw *gw = gw_of(arg, peer);

    (void)msg;
    if (gw)
        notify_request(gw, in, req);
}

static bool on_allowed(void *arg, const struct addr *from, const struct h248_mid *mid)
{
    const struct mgc *m = arg;

    return !m->conf.admit || admit_is_allowed(m->conf.admit, m->conf.n_admit, from, mid);
}

static bool on_known(void *arg, const struct addr *from)
{
    const struct mgc *m = arg;

    return !m->conf.admit || admit_is_known(m->conf.admit, m->conf.n_admit, from);
}

static void on_seen(void *arg, bool out, const struct addr *peer, struct sv text,
                    const struct h248_msg *msg)
{
    struct mgc *m = arg;
    char title[200] = "message";

    if (!m->conf.trace)
        return;
    if (msg && msg->txns)
        h248_txn_title(msg->txns, title, sizeof title);
    else if (msg && msg->error)
        snprintf(title, sizeof title, "Error %u", msg->error->code);
    trace_msg(m->conf.trace, out ? "alg" : "agw", out ? "agw" : "alg", "h248", title, text,
              out ? &m->listen : peer, out ? peer : &m->listen);
}

static void on_timer_closed(uv_handle_t *h)
{
    free(h->data);
}

int mgc_new(struct mgc **mp, uv_loop_t *loop, const struct mgc_conf *conf)
{
    struct mgc *m = calloc(1, sizeof *m);
    struct assoc_h h = {.event = on_event, .request = on_request, .seen = on_seen, .allowed = on_allowed, .known = on_known,
                        .arg = m};
    int err;

    if (!m)
        return -ENOMEM;
    m->loop = loop;
    m->conf = *conf;
    m->listen = conf->listen;
    uv_timer_init(loop, &m->timer);
    m->timer.data = m;
    err = link_new(&m->link, loop, &m->listen, &conf->assoc, &h);
    if (err) {
        uv_close((uv_handle_t *)&m->timer, on_timer_closed);
        return err;
    }
    link_start(m->link);
    *mp = m;
    return 0;
}

static void leave(struct mgc *m)
{
    if (m->leaving)
        return;
    m->leaving = true;
    uv_timer_stop(&m->timer);
    link_stop(m->link, m->stop_done, m->stop_arg);
}

static void on_stop_timer(uv_timer_t *t)
{
    leave(t->data);
}

void mgc_stop(struct mgc *m, void (*done)(void *arg), void *arg)
{
    struct iq_ctx *c, *tmp;

    m->stopping = true;
    m->stop_done = done;
    m->stop_arg = arg;
    DL_FOREACH_SAFE(m->ctxs, c, tmp)
    {
        if (!c->released)
            iq_ctx_release(c);
    }
    if (m->ctxs)
        uv_timer_start(&m->timer, on_stop_timer, STOP_MS, 0);
    else
        leave(m);
}

void mgc_ctx_freed(struct mgc *m)
{
    if (m->stopping && !m->ctxs)
        leave(m);
}

void mgc_free(struct mgc *m)
{
    struct gw *gw, *tmp;

    if (!m)
        return;
    m->stopping = false;
    DL_FOREACH_SAFE(m->gws, gw, tmp)
    {
        gw_lost_contexts(gw);
    }
    link_free(m->link);
    DL_FOREACH_SAFE(m->gws, gw, tmp)
    {
        DL_DELETE(m->gws, gw);
        free(gw);
    }
    uv_close((uv_handle_t *)&m->timer, on_timer_closed);
}

void mgc_print_told(const struct mgc *m, struct buf *out)
{
    told_print(&m->told, out);
}

bool mgc_ready(const struct mgc *m)
{
    struct gw *gw;

    DL_FOREACH(m->gws, gw)
    {
        if (gw_is_up(gw))
            return true;
    }
    return false;
}

const count_t *mgc_counts(const struct mgc *m)
{
    return m->counts;
}

const struct trans *mgc_trans(const struct mgc *m)
{
    return assoc_trans(link_assoc(m->link));
}

uint16_t mgc_port(const struct mgc *m)
{
    return addr_port(&m->listen);
}
