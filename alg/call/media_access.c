/* T1: the de-aggregation stream and its channels (TS 23.334 6.2.10.6.2), and what watches over all its transports. */
#include <errno.h>
#include <inttypes.h>

#include "alg/call/media_priv.h"

static bool is_member(const struct exch *x) /* of a bundle: the transport is another stream's */
{
    return x->lay.dc_bundled && x->lay.dc_stream != x->lay.bundle_stream;
}

static int put_mid(struct make *mk, const struct exch *x, struct sdp_attr **list)
{
    for (unsigned k = 0; x->lay.dc_bundled && k < x->lay.n_web; k++) {
        if (x->lay.web[k].kind == WEB_DC)
            return sdp_attr_add(mk->a, list, "mid", x->lay.web[k].mid);
    }
    return 0;
}

static int open_attrs(struct make *mk, const struct media *m, const struct exch *x, struct sdp_attr **list)
{
    static const char *const open[] = {"sctp-port", "max-message-size", "ice-ufrag", "ice-pwd"};
    unsigned n = is_member(x) ? 2 : ARRAY_LEN(open);
    int err = 0;

    for (unsigned i = 0; !err && i < n; i++)
        err = sdp_attr_add(mk->a, list, open[i], SV("$"));
    if (!err && !is_member(x))
        err = make_candidates(mk, m, list);
    if (!err && !is_member(x))
        err = sdp_attr_add(mk->a, list, "fingerprint", SV("sha-256 $"));
    return err ? err : put_mid(mk, x, list);
}

static struct sdp *access_sdp(struct make *mk, struct sv addrtype, struct sv addr, int port,
                              struct sdp_media **md)
{
    return make_sdp(mk, SV("application"), addrtype, addr, port, SV("UDP/DTLS/SCTP"), SV("webrtc-datachannel"), md);
}

static struct sdp *access_local(struct make *mk, const struct media *m, const struct exch *x)
{
    struct sv said = x->web && x->web->dc >= 0 ? x->web->remote.t.addrtype : SV_NONE;
    struct sdp_media *md;
    struct sdp *s = access_sdp(mk, make_family(m->conf->access_v6, said), SV("$"), SDP_PORT_CHOOSE, &md);

    return s && !open_attrs(mk, m, x, &md->attrs) ? s : NULL;
}

static struct sdp *access_remote(struct make *mk, const struct exch *x)
{
    const struct web_remote *r = &x->web->remote;
    const struct web_trans *t = &r->t;
    struct sdp_media *md;
    struct sdp *s = access_sdp(mk, t->addrtype, make_numeric(t->addrtype, t->addr), t->port, &md);
    int err = s ? 0 : -ENOMEM;

    if (!err)
        err = sdp_attr_addf(mk->a, &md->attrs, "sctp-port", "%u", r->sctp_port);
    if (!err)
        err = sdp_attr_addf(mk->a, &md->attrs, "max-message-size", "%" PRIu64, r->max_message_size);
    if (!err)
        err = put_mid(mk, x, &md->attrs);
    if (err || is_member(x))
        return err ? NULL : s;
    if (!err)
        err = sdp_attr_add(mk->a, &md->attrs, "ice-ufrag", t->ufrag);
    if (!err)
        err = sdp_attr_add(mk->a, &md->attrs, "ice-pwd", t->pwd);
    if (!err && t->lite)
        err = sdp_attr_add(mk->a, &md->attrs, "ice-lite", SV_NONE);
    if (!err)
        err = make_copy(mk, &md->attrs, t->candidates);
    if (!err)
        err = make_copy(mk, &md->attrs, t->fingerprints);
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
        err = make_copy(mk, &md->attrs, l->candidates);
    if (!err)
        err = make_copy(mk, &md->attrs, l->fingerprints);
    return err ? NULL : s;
}

/* --- groups (H.248.96; message 11) --- */

static bool is_channel(const struct chan *c)
{
    return !c->line && c->state != CHAN_GONE;
}

static unsigned n_channels(const struct exch *x)
{
    unsigned n = 0;

    for (unsigned i = 0; i < x->lay.n; i++)
        n += is_channel(&x->lay.ch[i]);
    return n;
}

static int put_text(struct make *mk, struct buf *b)
{
    struct iq_texts *g = &mk->t->groupse;
    struct sv copy = arena_sv(mk->a, buf_sv(b));

    if (buf_err(b) || !copy.p)
        return -ENOMEM;
    g->set = true;
    g->v[g->n++] = copy;
    return 0;
}

/* Of a group are those that T1 has once the command is done: */
enum step {
    STEP_RESERVE,   /* what leaves is still there; a channel of a group that was there comes with its answer */
    STEP_UNDO,      /* what there was before */
    STEP_CONFIGURE, /* what was agreed */
};

static bool is_in(enum step step, bool fresh, enum chan_state state, bool reserved)
{
    if (step == STEP_CONFIGURE)
        return state != CHAN_GONE;
    return !fresh || (step == STEP_RESERVE && reserved);
}

/* Whose last channel was closed has those still that were in its group then, until another one comes; so has a de-aggregation
 * stream that is shut and stays, because others ride on it or T1 has nothing else. */
static void list_channels(struct media *m, const struct exch *x, enum step step)
{
    const struct layout *l = &x->lay;
    bool stays = l->dc_owner || (l->dc_old && !exch_old_goes(x)) || (l->dc_stream && !(step == STEP_UNDO && x->dc_fresh));
    uint16_t ids[DC_CHAN_MAX];
    unsigned n = 0;

    for (unsigned i = 0; i < l->n; i++) {
        if (!l->ch[i].line && is_in(step, l->ch[i].fresh, l->ch[i].state, x->dc_fresh))
            ids[n++] = l->ch[i].stream;
    }
    if (n == 0 && stays)
        return;
    memcpy(m->sctp, ids, n * sizeof ids[0]);
    m->n_sctp = n;
}

/* "SCTP 2 3" of the channels, "BUNDLE 1 4" of the lines that share a transport, its owner first. The property is replaced whole;
 * an empty one cannot be said: a group whose de-aggregation stream leaves goes with it. */
static int put_groups(struct make *mk, struct media *m, const struct exch *x, enum step step)
{
    char text[16 + 6 * (DC_CHAN_MAX + RTP_LINE_MAX)];
    struct buf b = buf_over(text, sizeof text);
    const struct layout *l = &x->lay;
    int err = 0;

    list_channels(m, x, step);
    buf_str(&b, "SCTP");
    for (unsigned i = 0; i < m->n_sctp; i++)
        buf_printf(&b, " %u", m->sctp[i]);
    if (m->n_sctp > 0)
        err = put_text(mk, &b);
    if (err || !l->bundle_stream)
        return err;
    b = buf_over(text, sizeof text);
    buf_printf(&b, "BUNDLE %u", l->bundle_stream);
    for (unsigned i = 0; i < l->n_rtp; i++) {
        const struct rline *r = &l->rtp[i];

        if (r->bundled && r->stream != l->bundle_stream && is_in(step, r->fresh, r->state, true))
            buf_printf(&b, " %u", r->stream);
    }
    if (l->dc_stream && is_member(x) && is_in(step, x->dc_fresh, CHAN_OPEN, true))
        buf_printf(&b, " %u", l->dc_stream);
    return put_text(mk, &b);
}

/* strdeagg [2, 3] of the channels that live. */
static void put_deagg(struct iq_stream *s1, const struct exch *x)
{
    for (unsigned i = 0; i < x->lay.n; i++) {
        if (is_channel(&x->lay.ch[i]))
            s1->strdeagg.v[s1->strdeagg.n++] = x->lay.ch[i].stream;
    }
    s1->strdeagg.set = s1->strdeagg.n > 0;
}

static bool bundle_changes(const struct exch *x)
{
    if (x->lay.bundle_stream && x->lay.dc_old && exch_old_goes(x))
        return true;
    for (unsigned i = 0; i < x->lay.n_rtp; i++) {
        if (x->lay.rtp[i].bundled && x->lay.rtp[i].state != CHAN_OPEN)
            return true;
    }
    return false;
}

static int put_channels(struct make *mk, const struct exch *x, enum h248_mode mode, bool all)
{
    for (unsigned i = 0; i < x->lay.n; i++) {
        const struct chan *c = &x->lay.ch[i];
        struct iq_stream *s;

        if (!is_channel(c) || (c->state == CHAN_OPEN && !all))
            continue;
        s = make_stream(mk, c->stream);
        if (!s)
            return -ENOMEM;
        s->mode = mode;
        s->sctpid = (struct iq_int){true, c->map.id};
    }
    return 0;
}

/* --- events and signals: of every stream with a transport, since a descriptor replaces the one before (H.248.1 7.1.9) --- */

static int watch(struct make *mk, struct media *m, uint16_t id, bool sctp, bool dtls, bool ice)
{
    struct iq_stream *s = make_stream(mk, id);

    if (!s)
        return -ENOMEM;
    s->notify_dtls = dtls;
    s->notify_sctp = sctp && iq_ctx_has(m->ctx, "sctpbcc");
    s->notify_ice = ice && media_full_ice(m);
    s->notify_consent = ice && iq_ctx_has(m->ctx, "stnconfres");
    return 0;
}

/* A line that the core just took comes with the command after the one that resets channels. */
static bool has_transport(const struct make *mk, const struct media *m, const struct exch *x, const struct rline *r)
{
    return r->state != CHAN_GONE && !(r->bundled && r->stream != x->lay.bundle_stream) &&
           (media_end_of(m, r->stream) || iq_stream_find(mk->t, r->stream));
}

static int access_events(struct make *mk, struct media *m, const struct exch *x)
{
    int err = x->lay.dc_stream ? watch(mk, m, x->lay.dc_stream, true, !is_member(x), !is_member(x)) : 0;

    mk->t->has_events = true;
    mk->t->request_id = ++m->request_id;
    mk->t->heartbeat = (struct iq_int){true, m->conf->heartbeat_s};
    for (unsigned i = 0; !err && i < x->lay.n_rtp; i++) {
        const struct rline *r = &x->lay.rtp[i];

        if (has_transport(mk, m, x, r))
            err = watch(mk, m, r->stream, false, r->sec[SIP_W2] == RTP_DTLS, rline_has_ice(r));
    }
    if (!err)
        err = msrp_events(mk, m, x);
    return err || !owner_stream(x) ? err : watch(mk, m, owner_stream(x), false, true, true);
}

/* Acting as STUN server is said each time, establishing DTLS once: when the WIC's transport is told to a client
 * (TS 23.334 6.2.10.5), and for each new association (RFC 8842 5.5). */
static int signal_of(struct make *mk, struct media *m, const struct exch *x, uint16_t id, bool ice, const struct tport *tp)
{
    const struct media_end *e = media_end_of(m, id);
    struct iq_stream *s = make_stream(mk, id);

    if (!s)
        return -ENOMEM;
    s->act_stun = ice && iq_ctx_has(m->ctx, "mgastuns");
    if (ice && media_full_ice(m)) /* RFC 8445 6.1.1: who offers controls; the gateway knows what a restart is */
        s->ice_check = (struct iq_bool){true, x->from == SIP_MW};
    s->dtls_establish = tp->role == SDP_SETUP_ACTIVE && (tp->renew || (s->remote && !(e && e->answered)));
    s->dtls_release = tp->release;
    if (!ice && s->remote) /* a client without ICE behind a NAT (TS 23.334 5.3.4) */
        s->latch = IQ_LATCH_ON;
    mk->t->has_signals = mk->t->has_signals || s->act_stun || s->ice_check.set || s->dtls_establish || s->dtls_release ||
                         s->latch != IQ_LATCH_NONE;
    return 0;
}

static int access_signals(struct make *mk, struct media *m, const struct exch *x)
{
    struct speaker by;
    int err = 0;

    if (x->lay.dc_stream && !is_member(x))
        err = signal_of(mk, m, x, x->lay.dc_stream, true, &x->lay.dc);
    for (unsigned i = 0; !err && i < x->lay.n_rtp; i++) {
        const struct rline *r = &x->lay.rtp[i];

        if (has_transport(mk, m, x, r))
            err = signal_of(mk, m, x, r->stream, rline_has_ice(r), &r->tp);
    }
    if (!err)
        err = msrp_signals(mk, m, x);
    return err || !owner_speaker(x, &by) ? err : signal_of(mk, m, x, owner_stream(x), true, by.tp);
}

/* --- commands --- */

/* New transports are asked for before the WIC hears of them. */
static int reserve_dc(struct make *mk, struct media *m, const struct exch *x)
{
    struct iq_stream *s1;

    if (!x->lay.dc_stream || media_end_of(m, x->lay.dc_stream))
        return 0;
    s1 = make_stream(mk, x->lay.dc_stream);
    if (!s1)
        return -ENOMEM;
    s1->mode = H248_MODE_INACTIVE;
    make_realm(mk, s1, m->conf->access_realm);
    s1->local = access_local(mk, m, x);
    put_deagg(s1, x);
    return s1->local ? put_channels(mk, x, H248_MODE_INACTIVE, true) : -ENOMEM;
}

int media_reserve_access(struct media *m, const struct exch *x, iq_done_h *done, void *arg)
{
    struct make mk;
    int err = make_open(&mk, m->t1, m->conf->access_interface);

    if (err)
        return err;
    err = reserve_dc(&mk, m, x);
    if (!err)
        err = rtp_reserve_access(&mk, m, x);
    if (!err)
        err = msrp_reserve_access(&mk, m, x);
    if (!err && mk.t->n_streams > 0)
        err = put_groups(&mk, m, x, STEP_RESERVE);
    if (!err && mk.t->n_streams > 0)
        err = access_events(&mk, m, x);
    if (!err && mk.t->n_streams > 0)
        err = access_signals(&mk, m, x);
    return make_send(&mk, m, err, done, arg);
}

/* The de-aggregation stream of a line that was removed. Its channels go with it (H.248.96). */
static int release_dc(struct make *mk, struct media *m, uint16_t id, bool goes)
{
    struct media_end *e = media_end_of(m, id) ? media_end_slot(m, id) : NULL;
    struct iq_stream *s;

    if (!e || (!goes && e->mode == H248_MODE_INACTIVE))
        return 0;
    s = make_stream(mk, id);
    if (!s)
        return -ENOMEM;
    make_release(s, !goes);
    e->mode = H248_MODE_INACTIVE;
    return 0;
}

int media_undo_access(struct media *m, const struct exch *x, iq_done_h *done, void *arg)
{
    struct make mk;
    int err = make_open(&mk, m->t1, m->conf->access_interface);

    if (err)
        return err;
    if (x->dc_fresh)
        err = release_dc(&mk, m, x->lay.dc_stream, true);
    if (!err)
        err = rtp_undo(&mk, m, x, SIP_W2);
    if (!err)
        err = msrp_undo_access(&mk, m, x);
    if (!err && mk.t->n_streams > 0)
        err = put_groups(&mk, m, x, STEP_UNDO);
    return make_send(&mk, m, err, done, arg);
}

/* First time: message 11 (ADD) or, when the core offered, the answer to it (MOD). Later: what changed. */
static int configure_dc(struct make *mk, struct media *m, const struct exch *x)
{
    struct media_end *e = media_end_slot(m, x->lay.dc_stream);
    bool regroup = x->new_chans || x->gone_chans, first, any = n_channels(x) > 0;
    bool restart = x->lay.dc.restart && !is_member(x), back = e && e->mode == H248_MODE_INACTIVE;
    bool again = back || restart || (x->lay.dc.renew && !is_member(x));
    struct iq_stream *s1;

    if (!e)
        return -ENOMEM;
    first = !e->answered;
    if (first ? !any : !again && (!regroup || !any))
        return 0; /* no group without a member: the old one stays until a channel comes */
    s1 = make_stream(mk, x->lay.dc_stream);
    if (!s1)
        return -ENOMEM;
    if (first || again) {
        s1->mode = H248_MODE_SENDRECV;
        e->mode = H248_MODE_NONE;
        s1->remote = access_remote(mk, x);
        if (!s1->remote)
            return -ENOMEM;
    }
    make_realm(mk, s1, m->conf->access_realm);
    if (!e->arena || (restart && !first)) {
        s1->local = e->arena ? access_restart(mk, &e->local) : access_local(mk, m, x);
        if (!s1->local)
            return -ENOMEM;
    }
    if (first || regroup) {
        put_deagg(s1, x);
        return put_channels(mk, x, H248_MODE_SENDRECV, first);
    }
    return 0;
}

static int release_old(struct make *mk, struct media *m, const struct exch *x)
{
    int err = release_dc(mk, m, x->lay.dc_old, exch_old_goes(x));

    return err ? err : release_dc(mk, m, x->lay.dc_drop, true);
}

/* Did the command tell or ask of a transport that was not there before? */
static bool is_fresh(const struct make *mk, const struct media *m, bool asked)
{
    for (unsigned i = 0; i < mk->t->n_streams; i++) {
        const struct iq_stream *s = &mk->t->streams[i];
        const struct media_end *e = media_end_of(m, s->id);

        if (asked ? s->local && !e : s->remote && !(e && e->answered))
            return true;
    }
    return false;
}

static void mark_answered(const struct make *mk, struct media *m)
{
    for (unsigned i = 0; i < m->n_ends; i++) {
        const struct iq_stream *s = iq_stream_find(mk->t, m->ends[i].stream);

        m->ends[i].answered = m->ends[i].answered || (s && s->remote);
    }
}

int media_configure_access(struct media *m, const struct exch *x, iq_done_h *done, void *arg)
{
    struct make mk;
    int err = make_open(&mk, m->t1, m->conf->access_interface);

    if (err)
        return err;
    if (x->lay.dc_stream)
        err = configure_dc(&mk, m, x);
    if (!err)
        err = release_old(&mk, m, x);
    if (!err)
        err = rtp_configure_access(&mk, m, x);
    if (!err)
        err = msrp_configure_access(&mk, m, x);
    if (!err && mk.t->n_streams > 0 && (((x->initial || x->new_chans || x->gone_chans) && n_channels(x) > 0) || bundle_changes(x)) &&
        (exch_open(x) > 0 || x->lay.dc_stream || x->lay.bundle_stream)) /* else all is shut, none leaves */
        err = put_groups(&mk, m, x, STEP_CONFIGURE);
    if (!err && is_fresh(&mk, m, true))
        err = access_events(&mk, m, x);
    if (!err && (is_fresh(&mk, m, false) || exch_renews(x)))
        err = access_signals(&mk, m, x);
    mark_answered(&mk, m);
    return make_send(&mk, m, err, done, arg);
}

int media_reset_channels(struct media *m, const struct exch *x, iq_done_h *done, void *arg)
{
    struct make mk;
    int err = make_open(&mk, m->t1, m->conf->access_interface);

    if (err)
        return err;
    for (unsigned i = 0; !err && (x->lay.dc_stream || x->lay.dc_owner) && i < x->lay.n; i++) {
        const struct chan *c = &x->lay.ch[i];
        struct iq_stream *s;

        if (c->line || c->state != CHAN_GONE || c->fresh) /* refused before it was ever open */
            continue;
        s = make_stream(&mk, c->stream);
        if (!s)
            err = -ENOMEM;
        else
            s->sctp_reset = (struct iq_int){true, c->map.id}, s->notify_sctp_reset = true;
    }
    if (!err && mk.t->n_streams > 0)
        err = access_events(&mk, m, x);
    if (!err && mk.t->n_streams > 0)
        err = access_signals(&mk, m, x);
    return make_send(&mk, m, err, done, arg);
}
