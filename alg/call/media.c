/* T2, and what the terminations have in common. */
#include "alg/call/media_priv.h"

#include <errno.h>
#include <utlist.h>

#define TERM_ARENA_MAX (128u << 10)

int make_open(struct make *mk, const char *termid, const char *interface)
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

int make_send(struct make *mk, struct media *m, int err, iq_done_h *done, void *arg)
{
    if (!err && mk->t->n_streams == 0)
        err = MEDIA_NOTHING;
    if (!err)
        err = mk->add ? iq_add(m->ctx, mk->t, done, arg) : iq_mod(m->ctx, mk->t, done, arg);
    arena_free(mk->a);
    return err;
}

struct iq_stream *make_stream(struct make *mk, uint16_t id)
{
    struct iq_stream *s = iq_stream_find(mk->t, id);

    return s ? s : iq_stream_new(mk->t, id);
}

void make_realm(struct make *mk, struct iq_stream *s, const char *realm)
{
    if (mk->add && realm && realm[0])
        s->realm = (struct iq_text){true, sv_from(realm)};
}

struct sdp *make_sdp(struct make *mk, struct sv media, struct sv addrtype, struct sv addr, int port, struct sv proto,
                     struct sv fmts, struct sdp_media **md)
{
    struct sdp *s = sdp_new(mk->a);

    *md = s ? sdp_media_new(mk->a, s, media, port, proto, fmts) : NULL;
    if (!*md)
        return NULL;
    s->conn = (struct sdp_conn){true, SV("IN"), addrtype, addr};
    return s;
}

int make_candidates(struct make *mk, const struct media *m, struct sdp_attr **list)
{
    int err = sdp_attr_add(mk->a, list, "candidate", SV("$"));

    if (!err && m->conf->ice_tcp && !media_full_ice(m))
        err = sdp_attr_add(mk->a, list, "candidate", SV(MAKE_TCP_CANDIDATE));
    return err;
}

int make_copy(struct make *mk, struct sdp_attr **list, const struct sdp_attr *from)
{
    const struct sdp_attr *at;

    DL_FOREACH(from, at) {
        struct sv name = arena_sv(mk->a, at->name);

        if (!name.p || sdp_attr_add(mk->a, list, name.p, at->value))
            return -ENOMEM;
    }
    return 0;
}

struct sv make_family(bool v6, struct sv said)
{
    if (said.n > 0)
        v6 = sv_iis(said, "IP6");
    return v6 ? SV("IP6") : SV("IP4");
}

/* A default candidate without a numeric address (mDNS, "0.0.0.0") is nothing to tell a gateway. */
struct sv make_numeric(struct sv addrtype, struct sv addr)
{
    struct addr any;

    if (addr_parse(&any, addr, 0) == 0)
        return addr;
    return sv_iis(addrtype, "IP6") ? SV("::") : SV("0.0.0.0");
}

/* The stream leaves its termination: empty Local and Remote (H.248.1 7.1.8). The last one is shut instead, as a termination
 * needs one. */
void make_release(struct iq_stream *s, bool last)
{
    s->mode = H248_MODE_INACTIVE;
    if (!last) {
        s->mode = H248_MODE_NONE;
        s->local_empty = s->remote_empty = true;
    }
}

/* --- T2: a m=message line each, transport TCP (media-agnostic, iq-profile 3.1) --- */

static struct sdp *core_sdp(struct make *mk, struct sv addrtype, struct sv addr, int port,
                            enum sdp_setup setup)
{
    struct sdp_media *md;
    struct sdp *s = make_sdp(mk, SV("message"), addrtype, addr, port, SV("TCP"), SV("-"), &md);

    if (!s)
        return NULL;
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

/* RTP that stays away is told; nobody waits for it on hold (sip-sdp 4.9). */
static int64_t watch_s(const struct media *m, const struct exch *x)
{
    return rtp_flows_from_core(x) && !x->early && iq_ctx_has(m->ctx, "adid") ? m->conf->media_inactivity_s : 0;
}

/* Events of T2; every stream of the termination is named, since the descriptor is replaced whole (H.248.1 7.1.9). */
static int core_events(struct make *mk, struct media *m, const struct exch *x)
{
    mk->t->has_events = true;
    mk->t->request_id = ++m->request_id;
    mk->t->heartbeat = (struct iq_int){true, m->conf->heartbeat_s};
    m->inactivity_s = watch_s(m, x);
    if (m->inactivity_s) { /* dir is said: the text of H.248.40, with its default, was not at hand */
        mk->t->inactivity = (struct iq_int){true, m->inactivity_s};
        mk->t->inactivity_dir = (struct iq_text){true, SV("IN")};
    }
    for (unsigned i = 0; iq_ctx_has(m->ctx, "tcpbcc") && i < x->lay.n; i++) {
        const struct chan *c = &x->lay.ch[i];
        struct iq_stream *s;

        if (c->state == CHAN_GONE)
            continue;
        s = make_stream(mk, c->stream);
        if (!s)
            return -ENOMEM;
        s->notify_tcp = true;
    }
    return 0;
}

static struct iq_stream *core_stream(struct make *mk, struct media *m, uint16_t id)
{
    struct iq_stream *s = make_stream(mk, id);

    if (s)
        make_realm(mk, s, m->conf->core_realm);
    return s;
}

int media_reserve_core(struct media *m, const struct exch *x, iq_done_h *done, void *arg)
{
    struct make mk;
    int err = make_open(&mk, m->t2, m->conf->core_interface);

    if (err)
        return err;
    err = rtp_reserve_core(&mk, m, x);
    for (unsigned i = 0; !err && i < x->lay.n; i++) {
        struct iq_stream *s;

        if (x->lay.ch[i].state != CHAN_NEW)
            continue;
        s = core_stream(&mk, m, x->lay.ch[i].stream);
        if (s) {
            s->mode = H248_MODE_INACTIVE; /* shut until the answer is known */
            s->local = core_sdp(&mk, make_family(m->conf->core_v6, SV_NONE), SV("$"), SDP_PORT_CHOOSE, SDP_SETUP_NONE);
        }
        err = s && s->local ? 0 : -ENOMEM;
    }
    if (!err && mk.t->n_streams > 0)
        err = core_events(&mk, m, x);
    return make_send(&mk, m, err, done, arg);
}

static int core_configure(struct make *mk, struct media *m, const struct exch *x,
                          const struct chan *c)
{
    struct iq_stream *s = core_stream(mk, m, c->stream);

    if (!s)
        return -ENOMEM;
    if (c->state == CHAN_GONE) {
        make_release(s, exch_open(x) == 0);
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
    err = rtp_configure_core(&mk, m, x);
    fresh = mk.add || watch_s(m, x) != m->inactivity_s;
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
    err = rtp_undo(&mk, m, x, SIP_MW);
    for (unsigned i = 0; !err && i < x->lay.n; i++) {
        struct iq_stream *s;

        if (!x->lay.ch[i].fresh || !media_port_of(m, x->lay.ch[i].stream)) /* one that should have gone stays */
            continue;
        s = core_stream(&mk, m, x->lay.ch[i].stream);
        if (s)
            make_release(s, false);
        err = s ? 0 : -ENOMEM;
    }
    return make_send(&mk, m, err, done, arg);
}

int media_open(struct media *m, struct mgc *mgc, const struct calls_conf *conf, const struct iq_ctx_h *h)
{
    memset(m, 0, sizeof *m);
    m->conf = conf;
    return iq_ctx_new(&m->ctx, mgc, h);
}

bool media_full_ice(const struct media *m)
{
    return m->conf->full_ice && iq_ctx_has(m->ctx, "ostuncc");
}

void media_close(struct media *m, const char *tag)
{
    if (tag)
        iq_ctx_release_told(m->ctx, tag);
    else
        iq_ctx_release(m->ctx);
    m->ctx = NULL;
    for (unsigned i = 0; i < m->n_ends; i++)
        arena_free(m->ends[i].arena);
    m->n_ports = m->n_ends = 0;
}

