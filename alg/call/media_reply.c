/* What the gateway said: replies and NOTIFYs, and what is kept of them by stream. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "alg/call/media_priv.h"

#define LOCAL_ARENA_MAX (32u << 10)

/* --- what is kept --- */

struct media_port *media_port_slot(struct media *m, uint16_t stream)
{
    for (unsigned i = 0; i < m->n_ports; i++) {
        if (m->ports[i].stream == stream)
            return &m->ports[i];
    }
    if (m->n_ports == MEDIA_PORTS_MAX)
        return NULL;
    m->ports[m->n_ports] = (struct media_port){.stream = stream};
    return &m->ports[m->n_ports++];
}

const struct media_port *media_port_of(const struct media *m, uint16_t stream)
{
    for (unsigned i = 0; i < m->n_ports; i++) {
        if (m->ports[i].stream == stream)
            return m->ports[i].port ? &m->ports[i] : NULL;
    }
    return NULL;
}

struct media_end *media_end_slot(struct media *m, uint16_t stream)
{
    for (unsigned i = 0; i < m->n_ends; i++) {
        if (m->ends[i].stream == stream)
            return &m->ends[i];
    }
    if (m->n_ends == MEDIA_ENDS_MAX)
        return NULL;
    m->ends[m->n_ends] = (struct media_end){.stream = stream};
    return &m->ends[m->n_ends++];
}

const struct media_end *media_end_of(const struct media *m, uint16_t stream)
{
    for (unsigned i = 0; i < m->n_ends; i++) {
        if (m->ends[i].stream == stream)
            return m->ends[i].arena ? &m->ends[i] : NULL;
    }
    return NULL;
}

const struct web_local *media_local_of(const struct media *m, uint16_t stream)
{
    const struct media_end *e = media_end_of(m, stream);

    return e ? &e->local : NULL;
}

static void forget(struct media *m, uint16_t stream, bool access)
{
    for (unsigned i = 0; i < m->n_ports; i++) {
        if (m->ports[i].stream == stream)
            m->ports[i] = m->ports[--m->n_ports];
    }
    for (unsigned i = 0; access && i < m->n_ends; i++) {
        if (m->ends[i].stream == stream) {
            arena_free(m->ends[i].arena);
            m->ends[i] = m->ends[--m->n_ends];
        }
    }
}

void media_forget(struct media *m, const struct exch *x, enum chan_state state)
{
    for (unsigned i = 0; i < x->lay.n; i++) {
        if (x->lay.ch[i].state == state)
            forget(m, x->lay.ch[i].stream, x->lay.ch[i].line);
    }
    if (state == CHAN_GONE && exch_old_goes(x))
        forget(m, x->lay.dc_old, true);
    if (state == CHAN_GONE && x->lay.dc_drop)
        forget(m, x->lay.dc_drop, true);
    if (state == CHAN_NEW && x->dc_fresh)
        forget(m, x->lay.dc_stream, true);
    for (unsigned i = 0; i < x->lay.n_rtp; i++) { /* the owner of a bundle's transport stays at T1 */
        const struct rline *r = &x->lay.rtp[i];

        if (r->state == state)
            forget(m, r->stream, r->stream != x->lay.bundle_stream || state == CHAN_NEW);
    }
}

/* --- replies --- */

static int keep_id(char *to, const struct iq_result *r)
{
    if (r->termid.n == 0 || r->termid.n >= CALL_TERMID_MAX || memchr(r->termid.p, '$', r->termid.n))
        return -EBADMSG;
    sv_copy(r->termid, to, CALL_TERMID_MAX);
    return 0;
}

static int keep_port(struct media *m, const struct iq_stream *s)
{
    const struct sdp_media *md = s->local->media;
    const struct sdp_conn *c = md ? sdp_conn_of(s->local, md) : NULL;
    const struct sdp_attr *rtcp = md ? sdp_attr_find(md->attrs, "rtcp") : NULL;
    struct sv text = rtcp ? rtcp->value : SV_NONE;
    struct media_port *p;
    struct addr addr;
    uint32_t port;

    if (!c || md->port <= 0 || addr_parse(&addr, c->addr, (uint16_t)md->port))
        return -EBADMSG;
    p = media_port_slot(m, s->id);
    if (!p)
        return -EBADMSG;
    p->port = (uint16_t)md->port;
    if (rtcp && !sv_u32(sv_word(&text), UINT16_MAX, &port) && port != p->port + 1u)
        p->rtcp_port = (uint16_t)port;
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
static int keep_credentials(struct media_end *e, const struct sdp *local)
{
    const struct sdp_attr *ufrag = sdp_attr_of(local, local->media, "ice-ufrag");
    const struct sdp_attr *pwd = sdp_attr_of(local, local->media, "ice-pwd");
    struct sv u, p;

    if (!ufrag || !pwd)
        return 0;
    u = arena_sv(e->arena, ufrag->value);
    p = arena_sv(e->arena, pwd->value);
    if (!u.p || !p.p)
        return -ENOMEM;
    e->local.ufrag = u;
    e->local.pwd = p;
    return 0;
}

static int keep_local(struct media *m, const struct iq_stream *s)
{
    struct media_end *e = media_end_slot(m, s->id);
    struct arena *a;
    struct sdp *copy;
    int err;

    if (!e)
        return -EBADMSG;
    if (e->arena)
        return keep_credentials(e, s->local);
    a = arena_new(LOCAL_ARENA_MAX);
    copy = a ? sdp_copy(a, s->local) : NULL;
    err = copy ? web_local_read(a, copy, &e->local) : -ENOMEM;
    if (err)
        arena_free(a);
    else
        e->arena = a;
    e->local.full = media_full_ice(m);
    return err;
}

/* A browser cannot be told of a transport that lacks what it needs. */
static bool is_whole(const struct media *m, uint16_t stream, bool secure)
{
    const struct web_local *l = media_local_of(m, stream);

    return l && (!secure || (l->ufrag.n > 0 && l->fingerprints));
}

static bool has_ice(const struct media *m, uint16_t stream)
{
    const struct web_local *l = media_local_of(m, stream);

    return l && l->ufrag.n > 0 && l->candidates;
}

int media_access_reply(struct media *m, const struct exch *x, const struct iq_result *r)
{
    const struct layout *l = &x->lay;
    int err = m->t1[0] ? 0 : keep_id(m->t1, r);

    for (unsigned i = 0; !err && r->term && i < r->term->n_streams; i++) {
        if (r->term->streams[i].local)
            err = keep_local(m, &r->term->streams[i]);
    }
    if (!err && l->dc_stream && (!is_whole(m, l->dc_stream, !l->dc_bundled) ||
                                 (l->dc_bundled && !is_whole(m, l->bundle_stream, true))))
        err = -EBADMSG;
    for (unsigned i = 0; !err && i < l->n; i++) {
        if (l->ch[i].line && l->ch[i].state != CHAN_GONE && !has_ice(m, l->ch[i].stream))
            err = -EBADMSG;
    }
    for (unsigned i = 0; !err && i < l->n_rtp; i++) {
        const struct rline *s = &l->rtp[i];

        if (s->state != CHAN_GONE && !is_whole(m, s->bundled ? l->bundle_stream : s->stream, s->sec[SIP_W2] == RTP_DTLS))
            err = -EBADMSG;
    }
    return err;
}

/* --- notifications --- */

enum media_event media_event_of(const struct iq_observed *ev, const char **reason_header)
{
    switch (ev->event) {
    case IQ_EV_DTLS_FAILED:
        *reason_header = "SIP;cause=488;text=\"DTLS\"";
        return MEDIA_EV_FAILED;
    case IQ_EV_ICE_FAILED:
        *reason_header = "SIP;cause=488;text=\"ICE\"";
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
