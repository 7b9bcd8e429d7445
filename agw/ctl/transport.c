/* Transports. Orders to the worker: agw/bus.h. */
#include "agw/ctl/transport.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "agw/ctl/gate.h"
#include "agw/ctl/remote.h"
#include "agw/ctl/sdes.h"
#include "common/log.h"
#include "common/rnd.h"

/* --- reserving --- */

static int no_port(const struct term *t, int err, struct iq_fault *fault)
{
    count_add(&t->ctx->ctl->counts[CTL_C_NO_RESOURCE], 1);
    log_error("ctl", "realm=%s msg=\"no port\" err=%d", t->realm->conf->name, -err);
    return iq_refuse(fault, 510, "no port in realm %s", t->realm->conf->name);
}

/* RTCP has a port of its own: not muxed, and asked for by a=rtcp or by rtcph/rsb, which is ON by default (H.248.57). */
static bool wants_pair(const struct iq_stream *m, bool is_rtp)
{
    const struct sdp *l = m->local;

    if (!is_rtp || local_has_mux(l) || sv_iis(l->media->proto, "UDP"))
        return false;
    return !m->rtcp_rsb.set || m->rtcp_rsb.v || sdp_attr_of(l, l->media, "rtcp");
}

static int take(struct transport *tp, struct port_pool *pool, bool pair, struct iq_fault *fault)
{
    struct term *t = tp->term;

    if (!pool)
        return iq_refuse(fault, 449, "no such address family in realm %s", t->realm->conf->name);
    tp->fd = pair ? port_take_pair(pool, &tp->local, &tp->rtcp_fd) : port_take(pool, &tp->local);
    if (tp->fd < 0)
        return no_port(t, tp->fd, fault);
    if (pair) {
        tp->rtcp = tp->local;
        addr_set_port(&tp->rtcp, (uint16_t)(addr_port(&tp->local) + 1));
    }
    tp->sock[0] = tp->fd;
    tp->sock[1] = tp->rtcp_fd;
    tp->ep = ep_new(t->ctx->ctl, pool, addr_port(&tp->local));
    if (!tp->ep) {
        port_give(pool, addr_port(&tp->local));
        if (pair)
            port_give(pool, addr_port(&tp->rtcp));
        return -ENOMEM;
    }
    tp->ep->pair = pair;
    return 0;
}

static bool take_shared(struct transport *tp, const struct iq_stream *m, bool v6, bool pair)
{
    const struct addr *a = &tp->term->realm->conf->shared[tp->term->ctx->worker][v6];

    /* answers to checks of our own say nothing of whose they are */
    if (m->ice_check.set || m->notify_ice)
        return false;
    if (a->u.sa.sa_family == AF_UNSPEC || pair || !sdp_attr_of(m->local, m->local->media, "ice-ufrag"))
        return false;
    tp->local = *a;
    tp->shared = true;
    tp->ep = ep_new(tp->term->ctx->ctl, NULL, 0);
    return true;
}

/* ICE-TCP alone: no port of its own. c= and m= say the last of the listeners, where most firewalls let through. */
static int take_listener(struct transport *tp, bool v6, struct iq_fault *fault)
{
    const struct realm_conf *r = tp->term->realm->conf;

    for (unsigned i = 0; i < r->n_tcp; i++) {
        if (addr_is_v6(&r->tcp[i].at) != v6)
            continue;
        tp->local = r->tcp[i].at;
        tp->shared = true;
    }
    if (!tp->shared)
        return iq_refuse(fault, 501, "no ICE-TCP in realm %s", r->name);
    tp->ep = ep_new(tp->term->ctx->ctl, NULL, 0);
    return tp->ep ? 0 : -ENOMEM;
}

static int take_udp(struct transport *tp, const struct iq_stream *m, bool v6, bool is_rtp, struct iq_fault *fault)
{
    const bool pair = wants_pair(m, is_rtp);

    if (pair && sdp_attr_of(m->local, m->local->media, "ice-ufrag")) /* the agent has one component */
        return iq_refuse(fault, 501, "stream %u: ICE without rtcp-mux", m->id);
    if (take_shared(tp, m, v6, pair))
        return tp->ep ? 0 : -ENOMEM;
    return take(tp, tp->term->realm->udp[v6], pair, fault);
}

int transport_new(struct term *t, const struct iq_stream *m, enum stream_kind kind, struct transport **tpp,
                  struct iq_fault *fault)
{
    struct transport *tp = calloc(1, sizeof *tp);
    bool v6;
    int err;

    if (!tp)
        return -ENOMEM;
    tp->term = t;
    tp->fd = tp->rtcp_fd = tp->sock[0] = tp->sock[1] = -1;
    tp->fingerprint = t->ctx->ctl->conf.cert->fingerprint;
    err = local_family(m->local, m->id, &v6, fault);
    if (!err)
        err = kind == STREAM_PIPE ? take_listener(tp, v6, fault) : take_udp(tp, m, v6, kind == STREAM_RTP, fault);
    if (err) {
        transport_free(tp);
        return err;
    }
    tp->ep->tp = tp;
    *tpp = tp;
    return 0;
}

static struct ctl *ctl_of(const struct transport *tp)
{
    return tp->term->ctx->ctl;
}

static struct inbox *worker_of(const struct transport *tp)
{
    return ctl_of(tp)->conf.workers[tp->term->ctx->worker];
}

static void forget_ufrag(struct transport *tp)
{
    if (tp->ufrag[0])
        HASH_DELETE(hh, ctl_of(tp)->ufrags, tp);
    tp->ufrag[0] = '\0';
}

static struct bus_msg *order(const struct transport *tp, enum bus_kind kind)
{
    struct bus_msg *m = bus_new(kind);

    if (!m)
        log_error("ctl", "ctx=%u term=%s msg=\"no memory for an order\"", tp->term->ctx->id, tp->term->id);
    return m;
}

/* Whoever gets the candidate knocks after the worker and the door have heard of its ufrag. */
static void tell_door(struct transport *tp)
{
    struct ctl *c = ctl_of(tp);
    struct bus_msg *m;

    if (!tp->takes_tcp || tp->full || !c->conf.door || strcmp(tp->door, tp->ufrag) == 0)
        return;
    m = order(tp, BUS_DOOR_NAME);
    if (!m)
        return;
    memcpy(tp->door, tp->ufrag, sizeof tp->door);
    m->u.door.id = tp->ep->id;
    m->u.door.worker = tp->term->ctx->worker;
    m->u.door.realm = (unsigned)(tp->term->realm->conf - c->conf.realms);
    memcpy(m->u.door.ufrag, tp->ufrag, sizeof m->u.door.ufrag);
    inbox_post(c->conf.door, &m->item);
}

void transport_free(struct transport *tp)
{
    if (!tp)
        return;
    forget_ufrag(tp);
    if (tp->door[0])
        bus_post_id(ctl_of(tp)->conf.door, BUS_DOOR_FORGET, tp->ep->id);
    if (tp->opened)
        bus_post_id(worker_of(tp), BUS_SEP_CLOSE, tp->ep->id);
    if (tp->fd >= 0)
        close(tp->fd);
    if (tp->rtcp_fd >= 0)
        close(tp->rtcp_fd);
    if (tp->ep)
        ep_leave(ctl_of(tp), tp->ep, tp->ep->waits > 0);
    free(tp);
}

/* ds/dscp: the octet of the IP header (RFC 2474). */
void transport_mark(const struct transport *tp, int64_t dscp)
{
    const int tos = (int)dscp << 2;

    for (unsigned i = 0; i < 2; i++) {
        if (tp->sock[i] < 0)
            continue;
        if (addr_is_v6(&tp->local))
            setsockopt(tp->sock[i], IPPROTO_IPV6, IPV6_TCLASS, &tos, sizeof tos);
        else
            setsockopt(tp->sock[i], IPPROTO_IP, IP_TOS, &tos, sizeof tos);
    }
}

/* --- Local --- */

/* On a shared port the ufrag alone tells whose a first check is: none stands twice. */
static void next_credentials(struct ctl *c, struct local *l)
{
    struct transport *other;

    do {
        rnd_text(l->next_ufrag, LOCAL_UFRAG_CHARS);
        HASH_FIND_STR(c->ufrags, l->next_ufrag, other);
    } while (other);
    rnd_text(l->next_pwd, LOCAL_PWD_CHARS);
}

void transport_local(const struct transport *tp, struct local *l)
{
    l->addr = &tp->local;
    l->fingerprint = tp->fingerprint;
    l->rtcp = tp->rtcp.u.sa.sa_family != AF_UNSPEC ? &tp->rtcp : &tp->local;
    l->ice = tp->ice;
    memcpy(l->ufrag, tp->ufrag, sizeof l->ufrag);
    memcpy(l->pwd, tp->pwd, sizeof l->pwd);
    l->tcp = tp->term->realm->conf->tcp;
    l->n_tcp = tp->full ? 0 : tp->term->realm->conf->n_tcp;
    l->takes_tcp = tp->takes_tcp;
    next_credentials(ctl_of(tp), l);
}

bool transport_may(const struct transport *tp, const char *ufrag)
{
    struct transport *other = NULL;

    if (ufrag[0])
        HASH_FIND_STR(ctl_of(tp)->ufrags, ufrag, other);
    return !other || other == tp;
}

void transport_settle(struct transport *tp, const struct local *l)
{
    tp->ice = l->ice;
    tp->takes_tcp = tp->takes_tcp || (l->ice && l->takes_tcp);
    if (strcmp(tp->ufrag, l->ufrag) == 0 && strcmp(tp->pwd, l->pwd) == 0)
        return;
    tp->fresh = tp->opened;
    memcpy(tp->pwd, l->pwd, sizeof tp->pwd);
    if (strcmp(tp->ufrag, l->ufrag) == 0)
        return;
    forget_ufrag(tp);
    if (!l->ufrag[0])
        return;
    memcpy(tp->ufrag, l->ufrag, sizeof tp->ufrag);
    HASH_ADD_STR(ctl_of(tp)->ufrags, ufrag, tp);
}

/* --- orders --- */

/* In a bundle one member's Remote tells of the transport, whichever stands first (RFC 9143 7.1.3). */
static bool tells(const struct stream *s)
{
    struct remote r;

    return stream_far_end(s, &r) && (r.ufrag[0] || r.fp_len);
}

struct stream *transport_lead(const struct transport *tp)
{
    struct stream *s, *first = NULL;

    DL_FOREACH(tp->term->streams, s)
    {
        if (s->tp != tp)
            continue;
        if (tells(s))
            return s;
        if (!first || (s->spec.remote && !first->spec.remote))
            first = s;
    }
    return first;
}

struct stream *transport_lead_rtp(const struct transport *tp)
{
    struct stream *s, *first = NULL;

    DL_FOREACH(tp->term->streams, s)
    {
        if (s->tp != tp || s->kind != STREAM_RTP)
            continue;
        if (s->spec.remote)
            return s;
        if (!first)
            first = s;
    }
    return first;
}

static bool has_data(const struct transport *tp)
{
    const struct stream *s;

    DL_FOREACH(tp->term->streams, s)
    {
        if (s->tp == tp && s->kind == STREAM_SEP)
            return true;
    }
    return false;
}

/* Its octets are data's; they come on connections alone. */
static bus_id pipe_of(const struct transport *tp)
{
    const struct stream *s;

    DL_FOREACH(tp->term->streams, s)
    {
        if (s->tp == tp && s->kind == STREAM_PIPE)
            return s->ep->id;
    }
    return 0;
}

static void rtp_set(const struct transport *tp, const struct stream *s, const struct remote *r,
                    struct bus_rtp *b)
{
    struct iq_fault ignored; /* checked before the change was decided */

    b->on = true;
    b->sec = s->sec;
    b->opaque = stream_pass(&s->spec) != STREAM_AS_RTP;
    b->rtcp_fd = -1;
    b->mux = local_has_mux(s->spec.local) && (!r || r->mux);
    if (r)
        b->remote_rtcp = b->mux ? r->addr : r->rtcp;
    b->latch = tp->latch;
    gate_read(&s->spec, b, &ignored);
    if (s->sec == BUS_SEC_SDES)
        sdes_keys(s->spec.local, s->spec.remote, &b->send, &b->recv);
}

/* TS 23.334 6.2.10.5: Establish = the gateway is DTLS client; else it waits for the ClientHello. */
static void sep_set(struct transport *tp, struct bus_sep *b)
{
    const struct stream *lead = transport_lead(tp), *rtp = transport_lead_rtp(tp);
    struct remote r = {0};

    b->id = tp->ep->id;
    b->local = tp->local;
    b->reach = tp->term->realm->conf->reach;
    b->ice = tp->ice;
    b->data = has_data(tp);
    b->pipe = pipe_of(tp);
    b->establish = tp->establish;
    b->again = tp->again;
    b->has_remote = lead && stream_far_end(lead, &r);
    b->rtp.rtcp_fd = -1;
    sv_copy(sv_from(tp->term->realm->conf->peer), b->peer, sizeof b->peer);
    if (b->has_remote) {
        b->remote = r.addr;
        b->ice = b->ice || r.ice;
        memcpy(b->remote_ufrag, r.ufrag, sizeof b->remote_ufrag);
        memcpy(b->remote_pwd, r.pwd, sizeof b->remote_pwd);
        memcpy(b->fp_hash, r.fp_hash, sizeof b->fp_hash);
        memcpy(b->fp, r.fp, sizeof b->fp);
        b->fp_len = r.fp_len;
    }
    if (rtp)
        rtp_set(tp, rtp, b->has_remote ? &r : NULL, &b->rtp);
    if (b->data || (rtp && rtp->sec == BUS_SEC_DTLS))
        b->role = tp->establish ? BUS_DTLS_CLIENT : r.fp_len ? BUS_DTLS_SERVER : BUS_DTLS_NONE;
    /* port 0 and 0.0.0.0 are nowhere to send; the kernel would take the latter for this host */
    b->has_remote = b->has_remote && (b->ice || (addr_port(&b->remote) && !addr_is_any(&b->remote)));
}

/* Browsers name all their addresses, so one that is not allowed is no mistake: it is not checked. */
static void drop_unreachable(const struct transport *tp, struct bus_ice *ice)
{
    const unsigned n = remote_reach_candidates(ice, tp->term->realm->conf->reach);

    if (!n)
        return;
    count_add(&ctl_of(tp)->counts[CTL_C_UNREACHABLE], n);
    log_info("ctl", "ctx=%u term=%s msg=\"candidates that the realm does not allow\" n=%u", tp->term->ctx->id, tp->term->id, n);
}

/* Best effort: without memory the agent is lite, and says so by never checking. */
static void full_set(const struct transport *tp, struct bus_sep *b)
{
    const struct stream *lead = transport_lead(tp);

    b->consent = tp->consent;
    b->full = tp->full && b->ice ? calloc(1, sizeof *b->full) : NULL;
    if (!b->full)
        return;
    b->full->controlling = tp->controlling;
    if (lead && lead->spec.remote)
        remote_candidates(lead->spec.remote, b->full);
    drop_unreachable(tp, b->full);
}

static void credentials_set(const struct transport *tp, struct bus_sep *b)
{
    memcpy(b->ufrag, tp->ufrag, sizeof b->ufrag);
    memcpy(b->pwd, tp->pwd, sizeof b->pwd);
}

void transport_open(struct transport *tp)
{
    struct bus_msg *m = order(tp, BUS_SEP_OPEN);

    tp->touched = tp->fresh = tp->again = false;
    if (!m)
        return;
    sep_set(tp, &m->u.sep);
    full_set(tp, &m->u.sep);
    credentials_set(tp, &m->u.sep);
    m->u.sep.fd = tp->fd;
    m->u.sep.rtp.rtcp_fd = tp->rtcp_fd;
    tp->fd = tp->rtcp_fd = -1;
    tp->ep->waits++;
    tp->opened = true;
    inbox_post(worker_of(tp), &m->item);
    tell_door(tp);
    if (tp->latch == BUS_LATCH_AGAIN)
        tp->latch = BUS_LATCH_ON;
}

void transport_update(struct transport *tp)
{
    struct bus_msg *m = tp->opened ? order(tp, BUS_SEP_REMOTE) : NULL;

    if (m) {
        sep_set(tp, &m->u.sep);
        full_set(tp, &m->u.sep);
        if (tp->fresh) /* new credentials of ours: ICE restart (RFC 8445 9) */
            credentials_set(tp, &m->u.sep);
        inbox_post(worker_of(tp), &m->item);
        tell_door(tp);
        if (tp->latch == BUS_LATCH_AGAIN)
            tp->latch = BUS_LATCH_ON;
    }
    tp->touched = tp->fresh = tp->again = false;
}
