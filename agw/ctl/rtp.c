/* RTP streams. Orders: agw/bus.h. */
#include "agw/ctl/rtp.h"

#include <errno.h>

#include "agw/ctl/codec.h"
#include "agw/ctl/gate.h"
#include "agw/ctl/remote.h"
#include "agw/ctl/sdes.h"
#include "agw/ctl/transport.h"
#include "common/log.h"

#define MID_URI "urn:ietf:params:rtp-hdrext:sdes:mid" /* RFC 9143 14.1 */

/* --- before --- */

static int codecs_check(const struct sdp *sdp, const char *which, uint16_t id,
                        struct iq_fault *fault)
{
    struct codecs c;
    int err = codecs_read(sdp, &c);

    if (err == -E2BIG)
        return iq_refuse(fault, 510, "%s of stream %u: more than %u payload types", which, id,
                         BUS_PTS);
    return err ? iq_refuse(fault, 449, "%s of stream %u: payload types", which, id) : 0;
}

int rtp_keys_check(const struct iq_stream *m, struct iq_fault *fault)
{
    struct srtp_key send, recv;
    int err = sdes_keys(m->local, m->remote, &send, &recv);

    explicit_bzero(&send, sizeof send);
    explicit_bzero(&recv, sizeof recv);
    if (err == -ENOENT)
        return iq_refuse(fault, 472, "stream %u: no a=crypto in Local", m->id);
    if (err == -ENOTSUP)
        return iq_refuse(fault, 449, "stream %u: no a=crypto that this gateway can do", m->id);
    return err ? iq_refuse(fault, 473, "stream %u: a=crypto of Local and Remote do not fit", m->id)
               : 0;
}

int rtp_check(const struct iq_stream *m, struct iq_fault *fault)
{
    struct bus_rtp gates;
    int err = 0;

    if (stream_pass(m) == STREAM_AS_UDP && sdp_attr_of(m->local, m->local->media, "ice-ufrag"))
        return iq_refuse(fault, 501, "stream %u: ICE of m= UDP", m->id); /* nothing tells STUN from it */
    if (stream_pass(m) == STREAM_AS_RTP) {
        err = codecs_check(m->local, "Local", m->id, fault);
        if (!err)
            err = codecs_check(m->remote, "Remote", m->id, fault);
    }
    return err ? err : gate_read(m, &gates, fault);
}

/* --- what the worker is told --- */

static void mid_set(const struct sdp *sdp, struct bus_flow *b)
{
    const struct sdp_attr *at = sdp ? sdp_attr_find(sdp->media->attrs, "mid") : NULL;
    uint32_t id;

    if (at && at->value.n < sizeof b->mid)
        sv_copy(at->value, b->mid, sizeof b->mid);
    for (at = sdp ? sdp_attr_find(sdp->media->attrs, "extmap") : NULL; at;
         at = sdp_attr_next(at, "extmap")) {
        struct sv rest = at->value, word = sv_word(&rest),
                  n = sv_cut(&word, '/'); /* "3/recvonly URI" */

        if (sv_is(sv_word(&rest), MID_URI) && sv_u32(n, UINT8_MAX, &id) == 0)
            b->mid_ext = (uint8_t)id;
    }
}

/* The far end asked for header extensions other than the one that ends here. */
static bool takes_ext(const struct sdp *remote)
{
    const struct sdp_attr *at = remote ? sdp_attr_find(remote->media->attrs, "extmap") : NULL;

    for (; at; at = sdp_attr_next(at, "extmap")) {
        struct sv rest = at->value;

        sv_word(&rest);
        if (!sv_is(sv_word(&rest), MID_URI))
            return true;
    }
    return false;
}

/* What leaves to the far end: its Remote, or until that is there what Local says. */
static bool sends(const struct iq_stream *m, bool pts[128])
{
    struct codecs c;

    if (codecs_read(m->remote ? m->remote : m->local, &c) || c.any)
        return false;
    memset(pts, 0, 128 * sizeof pts[0]);
    for (unsigned i = 0; i < c.n; i++)
        pts[c.v[i].pt] = true;
    return true;
}

bool rtp_same_pts(const struct iq_stream *a, const struct iq_stream *b)
{
    bool of_a[128], of_b[128], same = false;

    if (!sends(a, of_a) || !sends(b, of_b))
        return true; /* any: the same ones, too */
    for (unsigned i = 0; i < 128; i++)
        same = same || (of_a[i] && of_b[i]);
    return same;
}

bool rtp_can_tell_mid(const struct iq_stream *m)
{
    struct bus_flow b = {0};

    mid_set(m->local, &b);
    return b.mid[0] && strlen(b.mid) <= 16 && b.mid_ext >= 1 && b.mid_ext <= 14;
}

static bool is_bundled(const struct stream *s)
{
    const struct stream *other;

    DL_FOREACH(s->term->streams, other)
    {
        if (other != s && other->tp == s->tp && other->kind == STREAM_RTP)
            return true;
    }
    return false;
}

/* Who was told of the extension goes by it alone: Chromium drops what has no MID and an SSRC it does not know, whatever
 * its payload type (RFC 9143 9.2). */
static bool needs_mid(const struct stream *s)
{
    return is_bundled(s) && rtp_can_tell_mid(&s->spec);
}

static void flow_set(const struct stream *s, struct bus_flow *b)
{
    const struct iq_stream *m = &s->spec;
    const struct sv proto = m->local->media->proto;
    struct remote r = {0};
    struct codecs c;

    b->id = s->ep->id;
    b->sep = s->tp->ep->id;
    b->opaque = stream_pass(m) != STREAM_AS_RTP;
    stream_through(s, &b->in, &b->out);
    b->video = sv_is(m->local->media->media, "video");
    mid_set(m->local, b);
    b->tell_mid = s->tells_mid;
    if (codecs_read(m->local, &c) == 0)
        b->n_fmts = codecs_fmts(&c, b->fmts);
    b->feedback =
        proto.n && (proto.p[proto.n - 1] | 0x20) == 'f'; /* RTP/AVPF, RTP/SAVPF (RFC 4585, 5124) */
    b->keep_ext = takes_ext(m->remote) && !s->tells_mid;
    b->has_rtcp = !sv_iis(proto, "UDP") &&
                  (local_has_mux(m->local) || s->tp->rtcp.u.sa.sa_family != AF_UNSPEC);
    if (stream_far_end(s, &r) && r.no_rtcp)
        b->has_rtcp = false;
    sv_copy(sv_from(s->term->cname), b->cname, sizeof b->cname);
    if (s->term->inactivity.set)
        b->inactivity_ms =
            (uint32_t)(s->term->inactivity.v > CTL_INACTIVITY_MAX ? CTL_INACTIVITY_MAX
                                                                  : s->term->inactivity.v) *
            1000;
    b->counts = s->ep->counts;
}

static void post(const struct stream *s, struct bus_msg *m)
{
    inbox_post(s->term->ctx->ctl->conf.workers[s->term->ctx->worker], &m->item);
}

void rtp_open(struct stream *s)
{
    struct bus_msg *m = s->tp->opened ? stream_order(s, BUS_FLOW_OPEN) : NULL;

    if (!m)
        return;
    s->tells_mid = needs_mid(s);
    flow_set(s, &m->u.flow);
    s->opened = true;
    s->ep->waits = 1;
    s->rewire = true;
    post(s, m);
}

void rtp_change(struct stream *s)
{
    struct bus_msg *m = s->opened ? stream_order(s, BUS_FLOW_CHANGE) : NULL;

    if (!m)
        return;
    flow_set(s, &m->u.flow);
    post(s, m);
}

bool rtp_is_stale(struct stream *s)
{
    const bool was = s->tells_mid;

    s->tells_mid = needs_mid(s);
    return s->tells_mid != was;
}

void rtp_gate(struct stream *s)
{
    struct bus_msg *m = s->opened ? stream_order(s, BUS_GATE) : NULL;

    if (!m)
        return;
    m->u.gate.id = s->ep->id;
    stream_through(s, &m->u.gate.in, &m->u.gate.out);
    post(s, m);
}

void rtp_close(struct stream *s)
{
    if (s->opened)
        bus_post_id(s->term->ctx->ctl->conf.workers[s->term->ctx->worker], BUS_FLOW_CLOSE,
                    s->ep->id);
}

/* What comes in on one side by its Local, goes out on the other by its Remote. */
static void one_way(const struct stream *from, const struct stream *to, uint8_t map[128])
{
    struct codecs in, out;

    if (codecs_read(from->spec.local, &in))
        in = (struct codecs){.any = true};
    if (codecs_read(to->spec.remote, &out))
        out = (struct codecs){.any = true};
    codecs_map(&in, &out, map);
}

void rtp_join(struct stream *a, struct stream *b)
{
    struct bus_msg *m = stream_order(a, BUS_FLOW_JOIN);

    if (!m)
        return;
    m->u.wire.a = a->ep->id;
    if (stream_pass(&a->spec) == stream_pass(&b->spec))
        m->u.wire.b = b->ep->id; /* else nothing passes until the other one has changed, too (audio to T.38) */
    one_way(a, b, m->u.wire.a_to_b);
    one_way(b, a, m->u.wire.b_to_a);
    post(a, m);
    a->joined = b;
    b->joined = a;
    a->rewire = b->rewire = false;
}
