/* BUNDLE groups. */
#include "agw/ctl/bundle.h"

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
            if (!err && n_data > 1) /* RFC 8841 8: one association */
                err = iq_refuse(fault, 489, "two associations in the bundle of stream %u",
                                g.streams[0]);
        }
    }
    return err;
}
