/* BUNDLE groups. */
#include "agw/ctl/bundle.h"

#include "agw/ctl/rtp.h"
#include "agw/ctl/stream.h"

static bool parse(const struct iq_term *t, unsigned i, struct iq_group *g)
{
    return iq_group_parse(t->groupse.v[i], g) == 0 && sv_iis(g->semantics, "BUNDLE");
}

bool bundle_of(const struct iq_term *t, uint16_t stream, struct iq_group *g)
{
    for (unsigned i = 0; t->groupse.set && i < t->groupse.n; i++) {
        if (!parse(t, i, g))
            continue;
        for (unsigned k = 0; k < g->n; k++) {
            if (g->streams[k] == stream)
                return true;
        }
    }
    return false;
}

static const struct iq_stream *member(const struct iq_term *t, uint16_t id)
{
    for (unsigned i = 0; i < t->n_streams; i++) {
        if (t->streams[i].id == id)
            return &t->streams[i];
    }
    return NULL;
}

/* One port for all: RTCP is muxed (RFC 9143 9.3), one DTLS association has the keys of all, or
 * there are none. */
static int member_check(const struct iq_stream *s, enum stream_kind *kind, enum bus_sec *sec,
                        struct iq_fault *fault)
{
    struct iq_fault ignored;

    if (stream_classify(s, kind, &ignored) || (*kind != STREAM_RTP && *kind != STREAM_SEP))
        return iq_refuse(fault, 489, "stream %u of a bundle has no transport of UDP", s->id);
    *sec = *kind == STREAM_SEP ? BUS_SEC_DTLS : stream_security(s);
    if (*kind == STREAM_RTP && !local_has_mux(s->local))
        return iq_refuse(fault, 489, "stream %u of a bundle has no rtcp-mux", s->id);
    if (*kind == STREAM_RTP && stream_pass(s) != STREAM_AS_RTP)
        return iq_refuse(fault, 489, "stream %u of a bundle passes as it is", s->id);
    if (*sec == BUS_SEC_SDES)
        return iq_refuse(fault, 489, "stream %u of a bundle has keys of its own", s->id);
    return 0;
}

/* What the far end cannot tell apart by payload type has to name its stream (RFC 9143 9.2); one socket has one bucket, one
 * filter and one mark. */
static int pair_check(const struct iq_stream *a, const struct iq_stream *b, struct iq_fault *fault)
{
    if (rtp_same_pts(a, b) && !(rtp_can_tell_mid(a) && rtp_can_tell_mid(b)))
        return iq_refuse(fault, 489, "streams %u and %u of a bundle have payload types in common and no MID", a->id, b->id);
    if ((a->pol.set && a->pol.v) || (b->pol.set && b->pol.v))
        return iq_refuse(fault, 501, "tman/pol of streams %u and %u, which share a transport", a->id, b->id);
    if (a->saf.set != b->saf.set || a->saf.v != b->saf.v || a->spf.set != b->spf.set || a->spf.v != b->spf.v ||
        a->dscp.set != b->dscp.set || a->dscp.v != b->dscp.v)
        return iq_refuse(fault, 473, "gm or ds of streams %u and %u, which share a transport", a->id, b->id);
    return 0;
}

/* With each of RTP before it. */
static int among_check(const struct iq_term *t, const struct iq_group *g, unsigned k, struct iq_fault *fault)
{
    const struct iq_stream *s = member(t, g->streams[k]);
    int err = 0;

    for (unsigned i = 0; i < k && !err && !s->strdeagg.set; i++) {
        const struct iq_stream *other = member(t, g->streams[i]);

        if (!other->strdeagg.set)
            err = pair_check(other, s, fault);
    }
    return err;
}

int bundle_check(const struct iq_term *t, struct iq_fault *fault)
{
    struct iq_group g;
    int err = 0;

    for (unsigned i = 0; t->groupse.set && i < t->groupse.n && !err; i++) {
        enum bus_sec first = BUS_SEC_NONE, sec = BUS_SEC_NONE;
        unsigned n_data = 0;

        if (!parse(t, i, &g))
            continue;
        for (unsigned k = 0; k < g.n && !err; k++) {
            enum stream_kind kind = STREAM_NONE;

            err = member_check(member(t, g.streams[k]), &kind, &sec, fault);
            if (k == 0)
                first = sec;
            if (!err && sec != first)
                err = iq_refuse(fault, 489, "streams %u and %u of a bundle are secured differently",
                                g.streams[0], g.streams[k]);
            n_data += kind == STREAM_SEP;
            if (!err)
                err = among_check(t, &g, k, fault);
            if (!err && n_data > 1) /* RFC 8841 8: one association */
                err = iq_refuse(fault, 489, "two associations in the bundle of stream %u",
                                g.streams[0]);
        }
    }
    return err;
}
