/* Orders of control and records of data. An order for an id that is gone is dropped; whoever closes gets his answer. */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>
#include <utlist.h>

#include "agw/media/worker_leg.h"
#include "agw/media/worker_pipe.h"
#include "common/log.h"

static struct port *port_find(struct worker *w, bus_id id)
{
    struct port *port;

    HASH_FIND(hh, w->ports, &id, sizeof(id), port);
    return port;
}

static struct stream *stream_find(struct worker *w, bus_id id)
{
    struct stream *s;

    HASH_FIND(hh, w->streams, &id, sizeof(id), s);
    return s;
}

/* --- flows --- */

static void look_later(struct worker *w, struct stream *s)
{
    s->look_at = w->now + MEDIA_FLOW_LOOK_MS;
    DL_APPEND(w->looks, s);
}

void worker_look(struct worker *w, struct stream *s)
{
    struct pkt pkt;
    enum bus_what what;
    bool more = flow_deadline(s->flow) <= w->now;

    for (int i = 0; more && i < MEDIA_FLOW_NEWS; i++) {
        if (!udp_blank(w->rx, &pkt)) {
            worker_flush_out(w);
            (void)udp_blank(w->rx, &pkt);
        }
        more = flow_tick(s->flow, w->now, &what, &pkt);
        if (pkt.n && pkt.out)
            worker_send(w, &pkt);
        if (more)
            (void)bus_post_event(w->conf.ctl, s->id, what, "");
    }
    DL_DELETE(w->looks, s);
    look_later(w, s);
}

static int stream_register(struct worker *w, struct stream *s)
{
    HASH_ADD(hh, w->streams, id, sizeof(s->id), s);
    if (!s->hh.tbl)
        return -ENOMEM;
    s->next_of_port = s->port->streams;
    s->port->streams = s;
    look_later(w, s);
    worker_count(w, WORKER_C_FLOWS, 1);
    return 0;
}

static void flow_open(struct worker *w, const struct bus_flow *spec)
{
    struct stream *s = calloc(1, sizeof(*s));
    int err = s ? 0 : -ENOMEM;

    if (!err) {
        s->id = spec->id;
        s->port = port_find(w, spec->sep);
        err = !s->port ? -ENOENT : stream_find(w, spec->id) ? -EEXIST : 0;
    }
    if (!err)
        err = flow_new(&s->flow, s->port->sep, spec, w->now);
    if (!err)
        err = stream_register(w, s);
    if (!err)
        return;
    if (s)
        flow_free(s->flow);
    free(s);
    log_error("media", "flow=%llu sep=%llu msg=\"cannot open\" err=\"%s\"", (unsigned long long)spec->id,
              (unsigned long long)spec->sep, strerror(-err));
    (void)bus_post_event(w->conf.ctl, spec->id, BUS_EV_INACTIVE, "stream cannot be opened");
}

static void stream_free(struct worker *w, struct stream *s)
{
    struct stream **at = &s->port->streams;

    while (*at != s)
        at = &(*at)->next_of_port;
    *at = s->next_of_port;
    HASH_DEL(w->streams, s);
    DL_DELETE(w->looks, s);
    flow_free(s->flow);
    free(s);
    worker_count(w, WORKER_C_FLOWS, -1);
}

/* BYE leaves before the flow, and its counts are control's own again only after BUS_CLOSED. */
static void flow_shut(struct worker *w, bus_id id)
{
    struct stream *s = stream_find(w, id);
    struct bus_msg *m = bus_new(BUS_CLOSED);
    struct pkt pkt;

    if (s && udp_blank(w->rx, &pkt) && flow_bye(s->flow, &pkt, w->now) == 0)
        worker_send(w, &pkt);
    worker_flush_out(w);
    if (s)
        stream_free(w, s);
    if (!m)
        return;
    m->u.stats.id = id;
    inbox_post(w->conf.ctl, &m->item);
}

static void join(struct worker *w, const struct bus_wire *wire)
{
    struct stream *a = stream_find(w, wire->a), *b = stream_find(w, wire->b);

    if (a && (b || !wire->b))
        flow_join(a->flow, b ? b->flow : NULL, wire);
}

static void flow_order(struct worker *w, const struct bus_msg *m)
{
    struct stream *s = stream_find(w, m->u.id);

    if (!s)
        return;
    if (m->kind == BUS_FLOW_CHANGE)
        flow_change(s->flow, &m->u.flow);
    else
        flow_gate(s->flow, m->u.gate.in, m->u.gate.out);
}

/* --- stream endpoints --- */

static void sock_close(struct worker *w, struct sock *s)
{
    if (w->ring)
        ring_leave(w->ring, &s->ring);
    if (s->fd >= 0)
        close(s->fd); /* this takes it out of epoll, too */
    s->fd = -1;
}

static void port_free(struct worker *w, struct port *port)
{
    if (!port)
        return;
    while (port->streams)
        stream_free(w, port->streams);
    worker_legs_close(w, port);
    if (port->out && port->out->peers)
        peers_leave(port->out->peers, &port->peer);
    sep_free(port->sep);
    sock_close(w, &port->rtp);
    sock_close(w, &port->rtcp);
    free(port);
}

int worker_watch(struct worker *w, struct sock *s)
{
    const uint32_t share = s->kind == SOCK_SHARED ? MEDIA_RING_SHARED : MEDIA_RING_PORT;
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = s};

    if (s->fd < 0)
        return 0;
    sock_buffers(s);
    if (w->ring && s->kind != SOCK_LEG)
        (void)ring_join(w->ring, s->fd, &s->ring, share); /* else it is read by itself */
    return epoll_ctl(w->epoll, EPOLL_CTL_ADD, s->fd, &ev) ? -errno : 0;
}

static struct sock *shared_find(struct worker *w, const struct addr *local)
{
    for (unsigned i = 0; i < w->n_shared; i++) {
        if (addr_eq(&w->shared[i].local, local))
            return &w->shared[i];
    }
    return NULL;
}

/* The sockets become ours whatever happens then. */
static struct port *port_new(struct worker *w, const struct bus_sep *spec)
{
    struct port *port = calloc(1, sizeof(*port));
    const int rtcp = spec->rtp.on ? spec->rtp.rtcp_fd : -1;

    if (!port) {
        if (spec->fd >= 0)
            close(spec->fd);
        if (rtcp >= 0)
            close(rtcp);
        return NULL;
    }
    port->id = port->stats.id = spec->id;
    sock_init(&port->rtp, spec->fd, SOCK_RTP, &spec->local);
    sock_init(&port->rtcp, rtcp, SOCK_RTCP, &spec->local);
    port->rtp.port = port->rtcp.port = port;
    port->mux = spec->rtp.mux;
    port->pipe.id = spec->pipe;
    port->out = spec->fd < 0 && !spec->pipe ? shared_find(w, &spec->local) : &port->rtp;
    return port;
}

static int port_register(struct worker *w, struct port *port)
{
    int err;

    if (due_add(&w->port_due, &port->due))
        return -ENOMEM;
    HASH_ADD(hh, w->ports, id, sizeof(port->id), port);
    if (!port->hh.tbl) {
        due_del(&w->port_due, &port->due);
        return -ENOMEM;
    }
    err = worker_watch(w, &port->rtp);
    if (!err)
        err = worker_watch(w, &port->rtcp);
    if (err) {
        HASH_DEL(w->ports, port);
        due_del(&w->port_due, &port->due);
    }
    return err;
}

static int port_open(struct worker *w, struct port *port, const struct bus_sep *spec)
{
    int err = 0;

    if (!port->out)
        return -EADDRNOTAVAIL;
    if (port_find(w, spec->id))
        return -EEXIST;
    if (port->out->peers)
        err = peers_join(port->out->peers, &port->peer, spec->ufrag);
    if (!err)
        err = sep_new(&port->sep, &w->env, spec);
    if (!err)
        err = port_register(w, port);
    return err;
}

static void sep_open(struct worker *w, const struct bus_sep *spec)
{
    struct port *port = port_new(w, spec);
    const int err = port ? port_open(w, port, spec) : -ENOMEM;

    if (err) {
        port_free(w, port);
        log_error("media", "sep=%llu msg=\"cannot open\" err=\"%s\"", (unsigned long long)spec->id, strerror(-err));
        (void)bus_post_event(w->conf.ctl, spec->id, BUS_EV_DTLS_FAILED, "stream cannot be opened");
        return;
    }
    worker_count(w, WORKER_C_SEPS, 1);
    sep_set_owner(port->sep, port);
    sep_start(port->sep, &w->tx, w->now);
    worker_settle(w, port);
    worker_flush_tx(w, port);
}

static void sep_change(struct worker *w, const struct bus_sep *spec)
{
    struct port *port = port_find(w, spec->id);

    if (!port)
        return;
    if (port->out->peers && spec->ufrag[0] && peers_join(port->out->peers, &port->peer, spec->ufrag))
        log_error("media", "sep=%llu msg=\"ICE restart without effect: the ufrag is taken\"", (unsigned long long)port->id);
    port->mux = spec->rtp.mux;
    if (port->rtp.fd >= 0)
        sock_marks(&port->rtp);
    sep_remote(port->sep, spec, &w->tx, w->now);
    worker_settle(w, port);
    worker_flush_tx(w, port);
}

/* close_notify, then the sockets, then the answer: the port may be used again. Also for what could not be opened: whoever
 * closes waits for the answer. */
static void sep_shut(struct worker *w, bus_id id)
{
    struct port *port = port_find(w, id);
    struct bus_msg *m = bus_new(BUS_CLOSED);

    if (m)
        m->u.stats.id = id;
    if (port) {
        sep_close(port->sep, &w->tx);
        worker_settle(w, port);
        worker_flush_tx(w, port);
        worker_flush_out(w);
        HASH_DEL(w->ports, port);
        due_del(&w->port_due, &port->due);
        if (m)
            m->u.stats = port->stats;
        port_free(w, port);
        worker_count(w, WORKER_C_SEPS, -1);
    }
    if (m)
        inbox_post(w->conf.ctl, &m->item);
}

/* --- the inbox --- */

/* Records of one stream follow each other: one flush for a run of them. */
static struct port *send_record(struct worker *w, struct port *last, const struct bus_bytes *b)
{
    struct port *port = last && last->id == b->id ? last : port_find(w, b->id);

    if (last && last != port)
        worker_flush_tx(w, last);
    if (!port)
        return NULL;
    if (sep_send(port->sep, b->p, b->n, &w->tx))
        worker_count(w, WORKER_C_TX_LOST, 1);
    if (w->tx.n + MEDIA_TX_ROOM > MEDIA_TX_BATCH)
        worker_flush_tx(w, port);
    return port;
}

/* Streams opened before have told the fingerprint of the old one, and keep it. */
static void cert_change(struct worker *w, const struct bus_cert *c)
{
    struct dtls_ctx *ctx = NULL;
    const int err = dtls_ctx_new(&ctx, c->p, c->cert_len, c->p + c->cert_len, c->key_len);

    if (err) {
        log_error("media", "worker=%u msg=\"new certificate not taken\" why=\"%s\"", w->conf.index, strerror(-err));
        return;
    }
    dtls_ctx_free(w->env.dtls);
    w->env.dtls = ctx;
}

static void order(struct worker *w, const struct bus_msg *m)
{
    switch (m->kind) {
    case BUS_SEP_OPEN:
        sep_open(w, &m->u.sep);
        break;
    case BUS_SEP_REMOTE:
        sep_change(w, &m->u.sep);
        break;
    case BUS_SEP_CLOSE:
        sep_shut(w, m->u.id);
        break;
    case BUS_FLOW_OPEN:
        flow_open(w, &m->u.flow);
        break;
    case BUS_FLOW_CHANGE:
    case BUS_GATE:
        flow_order(w, m);
        break;
    case BUS_FLOW_JOIN:
        join(w, &m->u.wire);
        break;
    case BUS_FLOW_CLOSE:
        flow_shut(w, m->u.id);
        break;
    case BUS_LEG:
        worker_leg_open(w, port_find(w, m->u.leg.id), &m->u.leg);
        break;
    case BUS_PIPE_SEND:
    case BUS_PIPE_CREDIT:
    case BUS_PIPE_DROP:
        worker_pipe_order(w, port_find(w, m->u.id), m);
        break;
    case BUS_CERT:
        cert_change(w, &m->u.cert);
        break;
    case BUS_STOP:
        w->stop = true;
        break;
    default:
        break; /* not for a worker */
    }
}

void worker_jobs(struct worker *w)
{
    struct inbox_item *it, *next;
    struct port *sending = NULL;

    for (it = inbox_take(w->inbox); it; it = next) {
        struct bus_msg *m = (struct bus_msg *)it;

        next = it->next;
        if (m->kind == BUS_DTLS_SEND) {
            sending = send_record(w, sending, &m->u.bytes);
        } else {
            if (sending)
                worker_flush_tx(w, sending);
            sending = NULL;
            order(w, m);
        }
        bus_free(m);
    }
    if (sending)
        worker_flush_tx(w, sending);
}

void worker_close_all(struct worker *w)
{
    struct port *port, *tmp;

    HASH_ITER(hh, w->ports, port, tmp) {
        HASH_DEL(w->ports, port);
        due_del(&w->port_due, &port->due);
        port_free(w, port);
    }
    worker_legs_bury(w);
    for (unsigned i = 0; i < w->n_shared; i++) {
        peers_free(w->shared[i].peers);
        sock_close(w, &w->shared[i]);
    }
}
