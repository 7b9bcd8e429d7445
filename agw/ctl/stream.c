/* Streams. Order on the bus: see agw/bus.h (association before its transport, transport before its
 * channels). */
#include "agw/ctl/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "agw/ctl/remote.h"
#include "agw/ctl/rtp.h"
#include "agw/ctl/transport.h"
#include "common/log.h"

/* --- what a stream is --- */

static const struct proto {
    const char *name;
    enum stream_kind kind;
    enum bus_sec sec;
    const char *media[5]; /* of the m= line */
} protos[] = {
#define AV                                                                                         \
    {                                                                                              \
        "audio", "video", "text", "-"                                                              \
    }
    {"UDP/DTLS/SCTP", STREAM_SEP, BUS_SEC_DTLS, {"application"}}, /* RFC 8841 4.1 */
    {"TCP/MSRP", STREAM_TCP, BUS_SEC_NONE, {"message", "-"}},     /* RFC 4975 8 */
    {"TCP", STREAM_TCP, BUS_SEC_NONE, {"message", "-"}}, /* TS 23.334 6.2.18.4: media-agnostic */
    {"RTP/AVP", STREAM_RTP, BUS_SEC_NONE, AV},
    {"RTP/AVPF", STREAM_RTP, BUS_SEC_NONE, AV}, /* RFC 4585 */
    {"RTP/SAVP", STREAM_RTP, BUS_SEC_SDES, AV},
    {"RTP/SAVPF", STREAM_RTP, BUS_SEC_SDES, AV},        /* RFC 5124 */
    {"UDP/TLS/RTP/SAVP", STREAM_RTP, BUS_SEC_DTLS, AV}, /* RFC 5764 8 */
    {"UDP/TLS/RTP/SAVPF", STREAM_RTP, BUS_SEC_DTLS, AV},
    {"UDP",
     STREAM_RTP,
     BUS_SEC_NONE,
     {"audio", "video", "text", "image", "-"}}, /* transparent (T.38): stream_pass */
#undef AV
};

static const struct proto *proto_of(struct sv name)
{
    for (unsigned i = 0; i < ARRAY_LEN(protos); i++) {
        if (sv_iis(name, protos[i].name))
            return &protos[i];
    }
    return NULL;
}

/* RTP/SAVP with no a=crypto on either side is secured end to end (TS 23.334 6.2.10A). */
enum bus_sec stream_security(const struct iq_stream *m)
{
    const struct proto *p = proto_of(m->local->media->proto);
    enum bus_sec sec = p ? p->sec : BUS_SEC_NONE;

    if (sec == BUS_SEC_SDES && !sdp_attr_find(m->local->media->attrs, "crypto") &&
        !(m->remote && sdp_attr_find(m->remote->media->attrs, "crypto")))
        sec = BUS_SEC_NONE;
    return sec;
}

enum stream_pass stream_pass(const struct iq_stream *m)
{
    const struct proto *p = proto_of(m->local->media->proto);

    if (sv_iis(m->local->media->proto, "UDP"))
        return STREAM_AS_UDP;
    return p && p->sec == BUS_SEC_SDES && stream_security(m) == BUS_SEC_NONE ? STREAM_AS_E2E : STREAM_AS_RTP;
}

int stream_pass_check(const struct term *t, const struct iq_stream *m, struct iq_fault *fault)
{
    const bool is_e2e = stream_pass(m) == STREAM_AS_E2E;
    const struct term *other;

    DL_FOREACH(t->ctx->terms, other)
    {
        const struct stream *s = other == t ? NULL : term_stream(other, m->id);

        if (s && s->kind == STREAM_RTP && is_e2e != (stream_pass(&s->spec) == STREAM_AS_E2E))
            return iq_refuse(fault, 472, "stream %u: no a=crypto on one side alone (%s)", m->id, other->id);
    }
    return 0;
}

static bool has_ice(const struct sdp *sdp)
{
    static const char *const names[] = {"ice-ufrag", "ice-pwd", "candidate"};

    for (unsigned i = 0; i < ARRAY_LEN(names); i++)
        if (sdp_attr_of(sdp, sdp->media, names[i]))
            return true;
    return false;
}

int stream_classify(const struct iq_stream *m, enum stream_kind *kind, struct iq_fault *fault)
{
    const struct proto *p;
    const struct sdp_media *md;

    if (m->sctpid.set) {
        if (m->local || m->remote)
            return iq_refuse(fault, 501, "stream %u: sctpid with Local or Remote", m->id);
        *kind = STREAM_CHAN;
        return 0;
    }
    if (!m->local)
        return iq_refuse(fault, 441, "stream %u: no Local", m->id);
    md = m->local->media;
    if (m->remote && !sv_ieq(m->remote->media->proto, md->proto))
        return iq_refuse(fault, 473, "stream %u: %.*s and %.*s", m->id, SV_ARG(md->proto),
                         SV_ARG(m->remote->media->proto));
    p = proto_of(md->proto);
    for (unsigned i = 0; p && i < ARRAY_LEN(p->media) && p->media[i]; i++) {
        if (!sv_is(md->media, p->media[i]))
            continue;
        *kind = p->kind == STREAM_TCP && has_ice(m->local) ? STREAM_PIPE : p->kind;
        return 0;
    }
    return iq_refuse(fault, 515, "stream %u: m=%.*s %.*s", m->id, SV_ARG(md->media),
                     SV_ARG(md->proto));
}

int stream_new(struct term *t, enum stream_kind kind, struct stream **sp)
{
    struct stream *s = calloc(1, sizeof *s);
    const struct ctl_conf *conf = &t->ctx->ctl->conf;

    if (!s)
        return -ENOMEM;
    s->term = t;
    s->kind = kind;
    s->fd = -1;
    s->local.fingerprint = conf->cert->fingerprint;
    s->local.sctp_port = conf->sctp_port;
    s->local.max_message = s->local.max_message_limit = conf->max_message;
    count_add(&t->ctx->ctl->counts[CTL_C_STREAMS], 1);
    *sp = s;
    return 0;
}

/* --- reserving --- */

static int take(struct stream *s, struct port_pool *pool, struct iq_fault *fault)
{
    int fd = pool ? port_take(pool, &s->local_addr) : -EAFNOSUPPORT;

    if (fd == -EAFNOSUPPORT)
        return iq_refuse(fault, 449, "no such address family in realm %s",
                         s->term->realm->conf->name);
    if (fd < 0) {
        count_add(&s->term->ctx->ctl->counts[CTL_C_NO_RESOURCE], 1);
        log_error("ctl", "realm=%s msg=\"no port\" err=%d", s->term->realm->conf->name, -fd);
        return iq_refuse(fault, 510, "no port in realm %s", s->term->realm->conf->name);
    }
    s->ep = ep_new(s->term->ctx->ctl, pool, addr_port(&s->local_addr));
    if (!s->ep) {
        close(fd);
        port_give(pool, addr_port(&s->local_addr));
        return -ENOMEM;
    }
    s->ep->stream = s;
    s->fd = fd;
    return 0;
}

/* A TCP socket belongs to another thread, which opens and closes it as it likes. */
bool stream_can_mark(const struct stream *s)
{
    return s->tp != NULL;
}

/* ds/dscp: the octet of the IP header (RFC 2474). */
static void mark(const struct stream *s, int64_t dscp)
{
    const int tos = (int)dscp << 2;

    if (addr_is_v6(&s->local_addr))
        setsockopt(s->fd, IPPROTO_IPV6, IPV6_TCLASS, &tos, sizeof tos);
    else
        setsockopt(s->fd, IPPROTO_IP, IP_TOS, &tos, sizeof tos);
}

/* A stream without a port of its own: channels, and RTP on its transport. */
static int take_id(struct stream *s)
{
    s->ep = ep_new(s->term->ctx->ctl, NULL, 0);
    if (!s->ep)
        return -ENOMEM;
    s->ep->stream = s;
    if (s->kind != STREAM_RTP)
        return 0;
    s->ep->counts = calloc(1, sizeof *s->ep->counts);
    return s->ep->counts ? 0 : -ENOMEM;
}

int stream_reserve(struct stream *s, const struct iq_stream *m, struct iq_fault *fault)
{
    bool v6;
    int err;

    if (s->kind == STREAM_CHAN || s->kind == STREAM_PIPE || s->kind == STREAM_RTP)
        return take_id(s);
    if (s->kind != STREAM_TCP)
        return 0;
    err = local_family(m->local, m->id, &v6, fault);
    if (!err)
        err = take(s, s->term->realm->tcp[v6], fault);
    if (!err && m->dscp.set)
        mark(s, m->dscp.v);
    return err;
}

/* MSRP has no UDP to fall back to: candidates of TCP, passive ones, or nothing. */
static int check_pipe(const struct iq_stream *m, struct iq_fault *fault)
{
    const struct sdp_attr *at = sdp_attr_of(m->local, m->local->media, "candidate");

    if (!at)
        return iq_refuse(fault, 501, "stream %u: ICE for %.*s without a candidate of TCP", m->id, SV_ARG(m->local->media->proto));
    for (; at; at = sdp_attr_next(at, "candidate")) {
        struct sv rest = at->value;

        sv_word(&rest);
        sv_word(&rest);
        if (!sv_iis(sv_word(&rest), "TCP"))
            return iq_refuse(fault, 501, "stream %u: a candidate of UDP for %.*s", m->id, SV_ARG(m->local->media->proto));
    }
    if (local_setup(m->local) == SDP_SETUP_ACTIVE)
        return iq_refuse(fault, 501, "stream %u: ICE-TCP is passive", m->id);
    return 0;
}

int stream_fill(struct stream *s, struct arena *a, struct iq_stream *m, struct local *l,
                struct sdp **answer, struct iq_fault *fault)
{
    const bool settled = l->settled;
    struct local was = *l;

    *answer = NULL;
    if (s->kind == STREAM_PIPE && check_pipe(m, fault))
        return -EBADMSG;
    *l = s->local;
    l->remote = m->remote;
    if (s->tp) {
        transport_local(s->tp, l);
        if (m->ice_check.set || m->notify_ice) /* a full agent is one of UDP */
            l->n_tcp = 0;
    } else {
        l->addr = &s->local_addr;
    }
    l->settled = settled;
    if (settled) {
        l->ice = was.ice;
        memcpy(l->ufrag, was.ufrag, sizeof l->ufrag);
        memcpy(l->pwd, was.pwd, sizeof l->pwd);
    }
    return local_fill(a, m->local, m->id, l, answer, fault);
}

/* --- orders to the other threads --- */

static struct inbox *data_of(const struct stream *s)
{
    return s->term->ctx->ctl->conf.data;
}

struct bus_msg *stream_order(const struct stream *s, enum bus_kind kind)
{
    struct bus_msg *m = bus_new(kind);

    if (!m)
        log_error("ctl", "ctx=%u term=%s s=%u msg=\"no memory for an order\"", s->term->ctx->id,
                  s->term->id, s->spec.id);
    return m;
}

/* Remote as it stands; it was checked before the change was decided. */
bool stream_far_end(const struct stream *s, struct remote *r)
{
    struct iq_fault ignored;

    return s->spec.remote && remote_read(s->spec.remote, s->spec.id, r, &ignored) == 0;
}

static void peer_set(const struct stream *s, char out[16])
{
    sv_copy(sv_from(s->term->realm->conf->peer), out, 16);
}

static void assoc_set(const struct stream *s, struct bus_assoc *b)
{
    struct remote r;

    b->id = s->tp->ep->id; /* agw/bus.h: that of its sep */
    b->worker = s->term->ctx->worker;
    b->local_port = s->local.sctp_port;
    b->local_max = s->local.max_message;
    if (stream_far_end(s, &r)) {
        b->remote_port = r.sctp_port;
        b->remote_max = r.max_message;
    }
    peer_set(s, b->peer);
}

static void assoc_open(struct stream *s)
{
    struct bus_msg *m = stream_order(s, BUS_ASSOC_OPEN);

    if (!m)
        return;
    assoc_set(s, &m->u.assoc);
    inbox_post(data_of(s), &m->item);
    s->tp->ep->waits++; /* worker and data both answer BUS_CLOSED */
    s->opened = true;
}

static void assoc_close(struct stream *s)
{
    if (!s->opened)
        return;
    bus_post_id(data_of(s), BUS_CLOSE, s->tp->ep->id);
    s->tp->ep->early++; /* the transport may go on */
}

/* Local says it; else Remote says the opposite; else we accept: the far end was asked to choose
 * (seed step 5). */
static enum bus_tcp_role tcp_role(const struct stream *s, const struct remote *r)
{
    enum sdp_setup ours = local_setup(s->spec.local);

    if (ours == SDP_SETUP_ACTIVE || s->connect)
        return BUS_TCP_ACTIVE;
    if (ours == SDP_SETUP_PASSIVE)
        return BUS_TCP_PASSIVE;
    if (!r)
        return BUS_TCP_UNDECIDED;
    return r->setup == SDP_SETUP_PASSIVE ? BUS_TCP_ACTIVE : BUS_TCP_PASSIVE;
}

static void tcp_set(const struct stream *s, struct bus_tcp *b)
{
    struct remote r;

    b->id = s->ep->id;
    b->local = s->local_addr;
    b->has_remote = stream_far_end(s, &r);
    if (b->has_remote)
        b->remote = r.addr;
    b->role = tcp_role(s, b->has_remote ? &r : NULL);
    b->any_source = s->term->realm->conf->any_source && !(s->spec.saf.set && s->spec.saf.v);
    peer_set(s, b->peer);
}

static void tcp_open(struct stream *s)
{
    struct bus_msg *m = stream_order(s, BUS_TCP_OPEN);

    if (!m)
        return;
    tcp_set(s, &m->u.tcp);
    m->u.tcp.fd = s->fd;
    s->fd = -1;
    s->opened = true;
    inbox_post(data_of(s), &m->item);
}

struct stream *stream_carrier(const struct stream *chan)
{
    struct stream *s;

    DL_FOREACH(chan->term->streams, s)
    {
        for (unsigned i = 0; s->spec.strdeagg.set && i < s->spec.strdeagg.n; i++) {
            if (s->spec.strdeagg.v[i] == chan->spec.id)
                return s;
        }
    }
    return NULL;
}

static void pipe_open(struct stream *s)
{
    struct bus_msg *m = stream_order(s, BUS_PIPE_OPEN);

    if (!m)
        return;
    m->u.pipe = (struct bus_pipe){.id = s->ep->id, .sep = s->tp->ep->id, .worker = s->term->ctx->worker};
    peer_set(s, m->u.pipe.peer);
    s->opened = true;
    inbox_post(data_of(s), &m->item);
}

static void chan_open(struct stream *s)
{
    struct stream *carrier = stream_carrier(s);
    struct bus_msg *m = carrier ? stream_order(s, BUS_CHAN_OPEN) : NULL;

    if (!m)
        return;
    m->u.chan = (struct bus_chan){.id = s->ep->id,
                                  .assoc = carrier->tp->ep->id,
                                  .sid = (uint16_t)s->spec.sctpid.v,
                                  .negotiated = true};
    s->opened = true;
    inbox_post(data_of(s), &m->item);
}

void stream_open(struct stream *s)
{
    switch (s->kind) {
    case STREAM_SEP:
        assoc_open(s);
        break;
    case STREAM_RTP:
        rtp_open(s);
        return; /* its gate is part of it */
    case STREAM_TCP:
        tcp_open(s);
        break;
    case STREAM_PIPE:
        pipe_open(s);
        break;
    case STREAM_CHAN:
        chan_open(s);
        break;
    case STREAM_NONE:
        break;
    }
    stream_gate(s);
}

static void assoc_update(struct stream *s)
{
    struct bus_msg *m = s->spec.remote ? stream_order(s, BUS_ASSOC_REMOTE) : NULL;

    if (!m)
        return;
    assoc_set(s, &m->u.assoc);
    inbox_post(data_of(s), &m->item);
}

static void tcp_update(struct stream *s)
{
    struct bus_msg *m = stream_order(s, BUS_TCP_REMOTE);

    if (!m)
        return;
    tcp_set(s, &m->u.tcp);
    inbox_post(data_of(s), &m->item);
}

/* sctpreset/reset on the component stream, or on the de-aggregation stream with the identifier of a
 * channel. */
static void reset(const struct stream *s, int64_t sid)
{
    struct stream *c;

    DL_FOREACH(s->term->streams, c)
    {
        if (c->kind == STREAM_CHAN && c->spec.sctpid.v == sid && c->opened)
            bus_post_id(data_of(s), BUS_CHAN_RESET, c->ep->id);
    }
}

void stream_update(struct stream *s, const struct iq_stream *asked)
{
    const bool described = asked && (asked->remote || asked->local);

    if (s->opened && s->kind == STREAM_RTP && (rtp_is_stale(s) || described || s->rewatch))
        rtp_change(s);
    s->rewire = s->rewire || described;
    s->rewatch = false;
    if (s->opened && s->kind == STREAM_SEP && described)
        assoc_update(s);
    if (s->opened && s->kind == STREAM_TCP &&
        (described || (asked && (asked->tcp_establish || asked->saf.set))))
        tcp_update(s);
    if (asked && asked->sctp_reset.set)
        reset(s, asked->sctp_reset.v);
    stream_gate(s);
}

void stream_through(const struct stream *s, bool *in, bool *out)
{
    *in = s->spec.mode == H248_MODE_SENDRECV || s->spec.mode == H248_MODE_RECVONLY;
    *out = s->spec.mode == H248_MODE_SENDRECV || s->spec.mode == H248_MODE_SENDONLY;
}

/* H.248.1 7.1.7: Inactive until a Mode is given. Of a de-aggregation stream without one its
 * channels decide. */
void stream_gate(struct stream *s)
{
    const struct stream *carrier = s->kind == STREAM_CHAN ? stream_carrier(s) : NULL;
    enum h248_mode own = s->spec.mode, over = carrier ? carrier->spec.mode : H248_MODE_NONE;
    struct bus_msg *m;

    if (!s->opened || s->kind == STREAM_SEP)
        return;
    if (s->kind == STREAM_RTP) {
        rtp_gate(s);
        return;
    }
    m = stream_order(s, BUS_GATE);
    if (!m)
        return;
    m->u.gate.id = s->ep->id;
    m->u.gate.in =
        (own == H248_MODE_SENDRECV || own == H248_MODE_RECVONLY) &&
        (over == H248_MODE_NONE || over == H248_MODE_SENDRECV || over == H248_MODE_RECVONLY);
    m->u.gate.out =
        (own == H248_MODE_SENDRECV || own == H248_MODE_SENDONLY) &&
        (over == H248_MODE_NONE || over == H248_MODE_SENDRECV || over == H248_MODE_SENDONLY);
    inbox_post(data_of(s), &m->item);
}

void stream_join(struct stream *chan, struct stream *tcp)
{
    struct bus_msg *m = stream_order(chan, BUS_JOIN);

    if (!m)
        return;
    m->u.join = (struct bus_join){.chan = chan->ep->id, .tcp = tcp->ep->id};
    inbox_post(data_of(chan), &m->item);
    chan->joined = tcp;
    tcp->joined = chan;
}

void stream_free(struct stream *s)
{
    struct ctl *c;

    if (!s)
        return;
    c = s->term->ctx->ctl;
    if (s->joined)
        s->joined->joined = NULL;
    if (s->kind == STREAM_SEP)
        assoc_close(s);
    else if (s->kind == STREAM_RTP)
        rtp_close(s);
    else if (s->opened)
        bus_post_id(data_of(s), BUS_CLOSE, s->ep->id);
    if (s->fd >= 0)
        close(s->fd);
    if (s->ep)
        ep_leave(c, s->ep, s->opened);
    count_add(&c->counts[CTL_C_STREAMS], -1);
    free(s);
}
