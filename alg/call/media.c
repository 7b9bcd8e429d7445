#include "alg/call/media.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <utlist.h>

#include "alg/call/offer.h"

#define TERM_ARENA_MAX (128u << 10)

/* One command in the making. */
struct make {
    struct arena *a;
    struct iq_term *t;
    bool add;
};

static int make_open(struct make *mk, const char *termid, const char *interface)
{
    mk->a = arena_new(TERM_ARENA_MAX);
    mk->t = mk->a ? ARENA_NEW(mk->a, struct iq_term) : NULL;
    mk->add = !termid[0];
    if (mk->t) {
        char *id = arena_printf(mk->a, mk->add ? "ip/$/%s/$" : "%s", mk->add ? interface : termid);

        mk->t->id = sv_from(id);
        if (id)
            return 0;
    }
    arena_free(mk->a);
    return -ENOMEM;
}

static int make_send(struct make *mk, struct media *m, int err, iq_done_h *done, void *arg)
{
    if (!err && mk->t->n_streams == 0)
        err = MEDIA_NOTHING;
    if (!err)
        err = mk->add ? iq_add(m->ctx, mk->t, done, arg) : iq_mod(m->ctx, mk->t, done, arg);
    arena_free(mk->a);
    return err;
}

static void put_text(struct iq_text *t, const char *text)
{
    if (text && text[0])
        *t = (struct iq_text){true, sv_from(text)};
}

/* --- T2: a m=message line each, transport TCP (media-agnostic, iq-profile 3.1) --- */

static struct sdp *core_sdp(struct make *mk, struct sv addrtype, struct sv addr, int port,
                            enum sdp_setup setup)
{
    struct sdp *s = sdp_new(mk->a);
    struct sdp_media *md = s ? sdp_media_new(mk->a, s, SV("message"), port, SV("TCP"), SV("-")) : NULL;

    if (!md)
        return NULL;
    s->conn = (struct sdp_conn){true, SV("IN"), addrtype, addr};
    if (setup != SDP_SETUP_NONE &&
        sdp_attr_add(mk->a, &md->attrs, "setup", sv_from(sdp_setup_name(setup))))
        return NULL;
    return s;
}

static enum sdp_setup inverse(enum sdp_setup s)
{
    if (s == SDP_SETUP_NONE)
        return s;
    return s == SDP_SETUP_ACTIVE ? SDP_SETUP_PASSIVE : SDP_SETUP_ACTIVE;
}

/* Events of T2; every stream of the termination is named, since the descriptor is replaced whole (H.248.1 7.1.9). */
static int core_events(struct make *mk, struct media *m, const struct exch *x)
{
    mk->t->has_events = true;
    mk->t->request_id = ++m->request_id;
    mk->t->heartbeat = (struct iq_int){true, m->conf->heartbeat_s};
    for (unsigned i = 0; iq_ctx_has(m->ctx, "tcpbcc") && i < x->lay.n; i++) {
        const struct chan *c = &x->lay.ch[i];
        struct iq_stream *s = iq_stream_find(mk->t, c->stream);

        if (c->state == CHAN_GONE)
            continue;
        if (!s)
            s = iq_stream_new(mk->t, c->stream);
        if (!s)
            return -ENOMEM;
        s->notify_tcp = true;
    }
    return 0;
}

static struct iq_stream *core_stream(struct make *mk, struct media *m, uint16_t id)
{
    struct iq_stream *s = iq_stream_new(mk->t, id);

    if (s && mk->add)
        put_text(&s->realm, m->conf->core_realm);
    return s;
}

int media_reserve_core(struct media *m, const struct exch *x, iq_done_h *done, void *arg)
{
    struct make mk;
    int err = make_open(&mk, m->t2, m->conf->core_interface);

    if (err)
        return err;
    for (unsigned i = 0; !err && i < x->lay.n; i++) {
        struct iq_stream *s;

        if (x->lay.ch[i].state != CHAN_NEW)
            continue;
        s = core_stream(&mk, m, x->lay.ch[i].stream);
        if (s) {
            s->mode = H248_MODE_INACTIVE; /* shut until the answer is known */
            s->local = core_sdp(&mk, SV("IP4"), SV("$"), SDP_PORT_CHOOSE, SDP_SETUP_NONE);
        }
        err = s && s->local ? 0 : -ENOMEM;
    }
    if (!err && mk.t->n_streams > 0)
        err = core_events(&mk, m, x);
    return make_send(&mk, m, err, done, arg);
}

/* The stream leaves T2: empty Local and Remote (H.248.1 7.1.8). The last one is shut instead, as a termination
 * needs one. */
static void core_release(struct iq_stream *s, bool last)
{
    s->mode = H248_MODE_INACTIVE;
    if (!last) {
        s->mode = H248_MODE_NONE;
        s->local_empty = s->remote_empty = true;
    }
}

static int core_configure(struct make *mk, struct media *m, const struct exch *x,
                          const struct chan *c)
{
    struct iq_stream *s = core_stream(mk, m, c->stream);

    if (!s)
        return -ENOMEM;
    if (c->state == CHAN_GONE) {
        core_release(s, exch_open(x) == 0);
        return 0;
    }
    s->mode = H248_MODE_SENDRECV;
    s->remote = core_sdp(mk, c->addrtype, c->addr, c->port, c->core);
    if (s->remote && !media_port_of(m, c->stream)) { /* the core offered: both at once */
        s->local = core_sdp(mk, c->addrtype, SV("$"), SDP_PORT_CHOOSE, inverse(c->core));
        return s->local ? 0 : -ENOMEM;
    }
    return s->remote ? 0 : -ENOMEM;
}

int media_configure_core(struct media *m, const struct exch *x, iq_done_h *done, void *arg)
{
    bool fresh = false;
    struct make mk;
    int err = make_open(&mk, m->t2, m->conf->core_interface);

    if (err)
        return err;
    for (unsigned i = 0; !err && i < x->lay.n; i++) {
        const struct chan *c = &x->lay.ch[i];
        bool known = media_port_of(m, c->stream) != NULL;

        if (c->state == CHAN_OPEN ? !c->moved : c->state == CHAN_GONE && !known)
            continue;
        fresh = fresh || !known;
        err = core_configure(&mk, m, x, c);
    }
    if (!err && fresh)
        err = core_events(&mk, m, x);
    return make_send(&mk, m, err, done, arg);
}

int media_undo_core(struct media *m, const struct exch *x, iq_done_h *done, void *arg)
{
    struct make mk;
    int err = make_open(&mk, m->t2, m->conf->core_interface);

    if (err)
        return err;
    for (unsigned i = 0; !err && i < x->lay.n; i++) {
        struct iq_stream *s;

        if (x->lay.ch[i].state == CHAN_OPEN || !media_port_of(m, x->lay.ch[i].stream))
            continue;
        s = core_stream(&mk, m, x->lay.ch[i].stream);
        if (s)
            core_release(s, false);
        err = s ? 0 : -ENOMEM;
    }
    return make_send(&mk, m, err, done, arg);
}

/* --- T1: the de-aggregation stream and its channels --- */

static int open_attrs(struct make *mk, struct sdp_attr **list)
{
    static const char *const open[] = {"sctp-port", "max-message-size", "ice-ufrag", "ice-pwd",
                                       "candidate"};
    int err = 0;

    for (unsigned i = 0; !err && i < ARRAY_LEN(open); i++)
        err = sdp_attr_add(mk->a, list, open[i], SV("$"));
    return err ? err : sdp_attr_add(mk->a, list, "fingerprint", SV("sha-256 $"));
}

static struct sdp *access_sdp(struct make *mk, struct sv addrtype, struct sv addr, int port,
                              struct sdp_media **md)
{
    struct sdp *s = sdp_new(mk->a);

    *md = s ? sdp_media_new(mk->a, s, SV("application"), port, SV("UDP/DTLS/SCTP"),
                            SV("webrtc-datachannel"))
            : NULL;
    if (!*md)
        return NULL;
    s->conn = (struct sdp_conn){true, SV("IN"), addrtype, addr};
    return s;
}

static struct sdp *access_local(struct make *mk)
{
    struct sdp_media *md;
    struct sdp *s = access_sdp(mk, SV("IP4"), SV("$"), SDP_PORT_CHOOSE, &md);

    return s && !open_attrs(mk, &md->attrs) ? s : NULL;
}

static int copy_attrs(struct make *mk, struct sdp_attr **list, const struct sdp_attr *from)
{
    const struct sdp_attr *at;

    DL_FOREACH(from, at) {
        struct sv name = arena_sv(mk->a, at->name);

        if (!name.p || sdp_attr_add(mk->a, list, name.p, at->value))
            return -ENOMEM;
    }
    return 0;
}

/* A default candidate without a numeric address (mDNS, "0.0.0.0") is nothing to tell a gateway. */
static struct sv numeric(struct sv addrtype, struct sv addr)
{
    struct addr any;

    if (addr_parse(&any, addr, 0) == 0)
        return addr;
    return sv_iis(addrtype, "IP6") ? SV("::") : SV("0.0.0.0");
}

static struct sdp *access_remote(struct make *mk, const struct web_remote *r)
{
    struct sdp_media *md;
    struct sdp *s = access_sdp(mk, r->addrtype, numeric(r->addrtype, r->addr), r->port, &md);
    int err = s ? 0 : -ENOMEM;

    if (!err)
        err = sdp_attr_addf(mk->a, &md->attrs, "sctp-port", "%u", r->sctp_port);
    if (!err)
        err = sdp_attr_addf(mk->a, &md->attrs, "max-message-size", "%" PRIu64, r->max_message_size);
    if (!err)
        err = sdp_attr_add(mk->a, &md->attrs, "ice-ufrag", r->ufrag);
    if (!err)
        err = sdp_attr_add(mk->a, &md->attrs, "ice-pwd", r->pwd);
    if (!err)
        err = copy_attrs(mk, &md->attrs, r->candidates);
    if (!err)
        err = copy_attrs(mk, &md->attrs, r->fingerprints);
    return err ? NULL : s;
}

/* The Local that T1 has, with the ICE credentials open: new ones are asked for (RFC 8445 9). */
static struct sdp *access_restart(struct make *mk, const struct web_local *l)
{
    struct sdp_media *md;
    struct sdp *s = access_sdp(mk, l->addrtype, l->addr, l->port, &md);
    int err = s ? 0 : -ENOMEM;

    if (!err)
        err = sdp_attr_addf(mk->a, &md->attrs, "sctp-port", "%u", l->sctp_port);
    if (!err)
        err = sdp_attr_addf(mk->a, &md->attrs, "max-message-size", "%" PRIu64, l->max_message_size);
    if (!err)
        err = sdp_attr_add(mk->a, &md->attrs, "ice-ufrag", SV("$"));
    if (!err)
        err = sdp_attr_add(mk->a, &md->attrs, "ice-pwd", SV("$"));
    if (!err)
        err = copy_attrs(mk, &md->attrs, l->candidates);
    if (!err)
        err = copy_attrs(mk, &md->attrs, l->fingerprints);
    return err ? NULL : s;
}

/* groupse ["SCTP 2 3"] and strdeagg [2, 3] of the channels that live (H.248.96; message 11). */
static int put_group(struct make *mk, struct iq_stream *s1, const struct exch *x, bool also_gone)
{
    char text[16 + 6 * DC_CHAN_MAX];
    struct buf b = buf_over(text, sizeof text);
    struct sv copy;

    buf_str(&b, "SCTP");
    for (unsigned i = 0; i < x->lay.n; i++) {
        if (x->lay.ch[i].state == CHAN_GONE && !also_gone)
            continue;
        buf_printf(&b, " %u", x->lay.ch[i].stream);
        s1->strdeagg.v[s1->strdeagg.n++] = x->lay.ch[i].stream;
    }
    copy = arena_sv(mk->a, buf_sv(&b));
    if (buf_err(&b) || !copy.p)
        return -ENOMEM;
    s1->strdeagg.set = true;
    mk->t->groupse = (struct iq_texts){.set = true, .n = 1, .v = {copy}};
    return 0;
}

static int put_channels(struct make *mk, const struct exch *x, enum h248_mode mode, bool all)
{
    for (unsigned i = 0; i < x->lay.n; i++) {
        const struct chan *c = &x->lay.ch[i];
        struct iq_stream *s;

        if (c->state == CHAN_GONE || (c->state == CHAN_OPEN && !all))
            continue;
        s = iq_stream_new(mk->t, c->stream);
        if (!s)
            return -ENOMEM;
        s->mode = mode;
        s->sctpid = (struct iq_int){true, c->map.id};
    }
    return 0;
}

static void access_events(struct make *mk, struct media *m, struct iq_stream *s1)
{
    mk->t->has_events = true;
    mk->t->request_id = ++m->request_id;
    mk->t->heartbeat = (struct iq_int){true, m->conf->heartbeat_s};
    s1->notify_dtls = true;
    s1->notify_sctp = iq_ctx_has(m->ctx, "sctpbcc");
    s1->notify_consent = iq_ctx_has(m->ctx, "stnconfres");
}

/* Signals of S1. The descriptor replaces what ran before, so acting as STUN server is said each time. */
static void access_signals(struct make *mk, struct media *m, struct iq_stream *s1, enum sdp_setup role)
{
    s1->act_stun = iq_ctx_has(m->ctx, "mgastuns");
    s1->dtls_establish = role == SDP_SETUP_ACTIVE; /* TS 23.334 6.2.10.5: only the client is told */
    mk->t->has_signals = s1->act_stun || s1->dtls_establish;
}

int media_reserve_access(struct media *m, const struct exch *x, iq_done_h *done, void *arg)
{
    struct iq_stream *s1;
    struct make mk;
    int err = make_open(&mk, m->t1, m->conf->access_interface);

    if (err)
        return err;
    s1 = iq_stream_new(mk.t, CALL_STREAM_SCTP);
    s1->mode = H248_MODE_INACTIVE;
    put_text(&s1->realm, m->conf->access_realm);
    s1->local = access_local(&mk);
    access_events(&mk, m, s1);
    access_signals(&mk, m, s1, SDP_SETUP_NONE);
    err = s1->local ? put_group(&mk, s1, x, false) : -ENOMEM;
    if (!err)
        err = put_channels(&mk, x, H248_MODE_INACTIVE, true);
    return make_send(&mk, m, err, done, arg);
}

/* First time: message 11 (ADD) or, when the core offered, the answer to it (MOD). Later: what changed. */
int media_configure_access(struct media *m, const struct exch *x, iq_done_h *done, void *arg)
{
    bool first = x->initial, regroup = first || x->new_chans || x->gone_chans;
    struct iq_stream *s1;
    struct make mk;
    int err;

    if (!regroup && !x->ice_restart)
        return MEDIA_NOTHING;
    if (!first && !x->ice_restart && exch_open(x) == 0)
        return MEDIA_NOTHING; /* no group without a member: the old one stays until a channel comes */
    err = make_open(&mk, m->t1, m->conf->access_interface);
    if (err)
        return err;
    s1 = iq_stream_new(mk.t, CALL_STREAM_SCTP);
    if (first || x->ice_restart) {
        s1->mode = H248_MODE_SENDRECV;
        s1->remote = access_remote(&mk, &x->web->remote);
        err = s1->remote ? 0 : -ENOMEM;
    }
    if (mk.add) {
        put_text(&s1->realm, m->conf->access_realm);
        s1->local = access_local(&mk);
        access_events(&mk, m, s1);
    } else if (x->ice_restart && !first) {
        s1->local = access_restart(&mk, &m->local);
    }
    if (!err && !s1->local && (mk.add || x->ice_restart))
        err = -ENOMEM;
    if (first)
        access_signals(&mk, m, s1, x->lay.role);
    if (!err && regroup && exch_open(x) > 0)
        err = put_group(&mk, s1, x, false);
    if (!err && regroup)
        err = put_channels(&mk, x, H248_MODE_SENDRECV, first);
    return make_send(&mk, m, err, done, arg);
}

int media_reset_channels(struct media *m, const struct exch *x, iq_done_h *done, void *arg)
{
    struct iq_stream *s1;
    struct make mk;
    int err = make_open(&mk, m->t1, m->conf->access_interface);

    if (err)
        return err;
    for (unsigned i = 0; i < x->lay.n; i++) {
        const struct chan *c = &x->lay.ch[i];
        struct iq_stream *s;

        if (c->state != CHAN_GONE || c->fresh) /* refused before it was ever open */
            continue;
        s = iq_stream_new(mk.t, c->stream);
        if (!s)
            err = -ENOMEM;
        else
            s->sctp_reset = (struct iq_int){true, c->map.id}, s->notify_sctp_reset = true;
    }
    if (!err && mk.t->n_streams > 0) {
        s1 = iq_stream_new(mk.t, CALL_STREAM_SCTP);
        access_events(&mk, m, s1);
        access_signals(&mk, m, s1, SDP_SETUP_NONE);
    }
    return make_send(&mk, m, err, done, arg);
}

/* --- replies --- */

static int keep_id(char *to, const struct iq_result *r)
{
    if (r->termid.n == 0 || r->termid.n >= CALL_TERMID_MAX || memchr(r->termid.p, '$', r->termid.n))
        return -EBADMSG;
    sv_copy(r->termid, to, CALL_TERMID_MAX);
    return 0;
}

const struct media_port *media_port_of(const struct media *m, uint16_t stream)
{
    for (unsigned i = 0; i < m->n_ports; i++) {
        if (m->ports[i].stream == stream)
            return &m->ports[i];
    }
    return NULL;
}

static int keep_port(struct media *m, const struct iq_stream *s)
{
    const struct sdp_media *md = s->local->media;
    const struct sdp_conn *c = md ? sdp_conn_of(s->local, md) : NULL;
    struct media_port *p = (struct media_port *)media_port_of(m, s->id);
    struct addr addr;

    if (!c || md->port <= 0 || addr_parse(&addr, c->addr, (uint16_t)md->port))
        return -EBADMSG;
    if (!p && m->n_ports == DC_CHAN_MAX)
        return -EBADMSG;
    if (!p)
        p = &m->ports[m->n_ports++];
    p->stream = s->id;
    p->port = (uint16_t)md->port;
    p->v6 = addr_is_v6(&addr);
    addr_host(&addr, p->addr);
    return 0;
}

int media_core_reply(struct media *m, const struct iq_result *r)
{
    int err = m->t2[0] ? 0 : keep_id(m->t2, r);

    for (unsigned i = 0; !err && r->term && i < r->term->n_streams; i++) {
        if (r->term->streams[i].local)
            err = keep_port(m, &r->term->streams[i]);
    }
    return err;
}

/* After an ICE restart: only what was asked for comes back (TS 29.334 5.8.2). */
static int keep_credentials(struct media *m, const struct sdp *local)
{
    const struct sdp_attr *ufrag = sdp_attr_of(local, local->media, "ice-ufrag");
    const struct sdp_attr *pwd = sdp_attr_of(local, local->media, "ice-pwd");
    struct sv u, p;

    if (!ufrag || !pwd)
        return 0;
    u = arena_sv(m->arena, ufrag->value);
    p = arena_sv(m->arena, pwd->value);
    if (!u.p || !p.p)
        return -ENOMEM;
    m->local.ufrag = u;
    m->local.pwd = p;
    return 0;
}

void media_forget(struct media *m, uint16_t stream)
{
    for (unsigned i = 0; i < m->n_ports; i++) {
        if (m->ports[i].stream == stream)
            m->ports[i] = m->ports[--m->n_ports];
    }
}

int media_access_reply(struct media *m, const struct iq_result *r)
{
    const struct iq_stream *s1 = NULL;
    struct arena *a;
    struct sdp *copy;
    int err = m->t1[0] ? 0 : keep_id(m->t1, r);

    for (unsigned i = 0; r->term && i < r->term->n_streams; i++) {
        if (r->term->streams[i].id == CALL_STREAM_SCTP && r->term->streams[i].local)
            s1 = &r->term->streams[i];
    }
    if (err || (!s1 && m->arena))
        return err;
    if (!s1)
        return -EBADMSG;
    if (m->arena)
        return keep_credentials(m, s1->local);
    a = arena_new(TERM_ARENA_MAX);
    copy = a ? sdp_copy(a, s1->local) : NULL;
    err = copy ? web_local_read(a, copy, &m->local) : -ENOMEM;
    if (err) {
        arena_free(a);
        return err;
    }
    arena_free(m->arena);
    m->arena = a;
    return 0;
}

int media_open(struct media *m, struct mgc *mgc, const struct calls_conf *conf, const struct iq_ctx_h *h)
{
    memset(m, 0, sizeof *m);
    m->conf = conf;
    return iq_ctx_new(&m->ctx, mgc, h);
}

void media_close(struct media *m)
{
    iq_ctx_release(m->ctx);
    m->ctx = NULL;
    arena_free(m->arena);
    m->arena = NULL;
    m->n_ports = 0;
}

enum media_event media_event_of(const struct iq_observed *ev, const char **reason_header)
{
    switch (ev->event) {
    case IQ_EV_DTLS_FAILED:
        *reason_header = "SIP;cause=488;text=\"DTLS\"";
        return MEDIA_EV_FAILED;
    case IQ_EV_SCTP_FAILED:
        *reason_header = "SIP;cause=488;text=\"SCTP\"";
        return MEDIA_EV_FAILED;
    case IQ_EV_TCP_FAILED:
        *reason_header = "SIP;cause=503;text=\"MSRP connection failed\"";
        return MEDIA_EV_FAILED;
    case IQ_EV_CONSENT_LOST:
    case IQ_EV_INACTIVE:
    case IQ_EV_CAUSE:
        *reason_header = "Q.850;cause=31";
        return MEDIA_EV_FAILED;
    case IQ_EV_DTLS_RELEASED: /* the browser closed its connection and will not say so in SIP */
    case IQ_EV_SCTP_RELEASED:
        *reason_header = "Q.850;cause=16";
        return MEDIA_EV_FAILED;
    case IQ_EV_SCTP_RESET:
        return MEDIA_EV_RESET;
    case IQ_EV_TCP_RELEASED:
        return MEDIA_EV_CUT;
    case IQ_EV_TCP_ESTABLISHED:
        return MEDIA_EV_MENDED;
    default:
        return MEDIA_EV_NONE;
    }
}
