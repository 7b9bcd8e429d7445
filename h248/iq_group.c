/* Stream groups of a WebRTC termination (H.248.96; TS 29.334 5.7.1.3): groupse, strdeagg and sctpid must tell one story.
 * SCTP groups are components of one association, BUNDLE groups (RFC 9143) share a transport. */
#include "h248/iq.h"

#include <errno.h>

int iq_group_parse(struct sv text, struct iq_group *g)
{
    struct iq_group out = {.n = 0};
    struct sv rest = sv_trim(text), word;
    uint32_t id;

    out.semantics = sv_word(&rest);
    if (out.semantics.n == 0)
        return -EBADMSG;
    while ((word = sv_word(&rest)).n > 0) {
        if (out.n == IQ_LIST_MAX || sv_u32(word, UINT16_MAX, &id) || id == 0)
            return -EBADMSG;
        for (unsigned i = 0; i < out.n; i++) {
            if (out.streams[i] == id)
                return -EBADMSG;
        }
        out.streams[out.n++] = (uint16_t)id;
    }
    if (out.n == 0)
        return -EBADMSG;
    *g = out;
    return 0;
}

static const struct iq_stream *find(const struct iq_term *t, uint16_t id)
{
    for (unsigned i = 0; i < t->n_streams; i++) {
        if (t->streams[i].id == id)
            return &t->streams[i];
    }
    return NULL;
}

static bool has_id(const uint16_t *ids, unsigned n, uint16_t id)
{
    for (unsigned i = 0; i < n; i++) {
        if (ids[i] == id)
            return true;
    }
    return false;
}

static bool is_bundle(const struct iq_group *g)
{
    return sv_iis(g->semantics, "BUNDLE");
}

/* The members of one group: there, component streams, each stream identifier once. */
static int members_check(const struct iq_term *t, const struct iq_group *g, struct iq_fault *fault)
{
    for (unsigned i = 0; i < g->n; i++) {
        const struct iq_stream *s = find(t, g->streams[i]);

        if (!s)
            return iq_refuse(fault, 489, "groupse names stream %u, which is not there", g->streams[i]);
        if (!s->sctpid.set)
            return iq_refuse(fault, 489, "groupse names stream %u, which has no sctpid", g->streams[i]);
        for (unsigned k = 0; k < i; k++) {
            if (find(t, g->streams[k])->sctpid.v == s->sctpid.v)
                return iq_refuse(fault, 489, "streams %u and %u have the same sctpid", g->streams[k], g->streams[i]);
        }
    }
    return 0;
}

static bool is_same_set(const struct iq_group *g, const struct iq_ids *ids)
{
    if (g->n != ids->n)
        return false;
    for (unsigned i = 0; i < g->n; i++) {
        if (!has_id(ids->v, ids->n, g->streams[i]))
            return false;
    }
    return true;
}

/* Each stream of a bundle is there and has a transport of its own otherwise: no component stream. */
static int bundle_check(const struct iq_term *t, const struct iq_group *g, struct iq_fault *fault)
{
    for (unsigned i = 0; i < g->n; i++) {
        const struct iq_stream *s = find(t, g->streams[i]);

        if (!s)
            return iq_refuse(fault, 489, "groupse names stream %u, which is not there", g->streams[i]);
        if (s->sctpid.set)
            return iq_refuse(fault, 489, "component stream %u cannot be bundled", g->streams[i]);
    }
    return 0;
}

/* Each group is de-aggregated by exactly one stream. */
static int group_is_split(const struct iq_term *t, const struct iq_group *g, struct iq_fault *fault)
{
    unsigned n = 0;

    for (unsigned i = 0; i < t->n_streams; i++)
        n += t->streams[i].strdeagg.set && is_same_set(g, &t->streams[i].strdeagg);
    if (n != 1)
        return iq_refuse(fault, 489, "group of stream %u: %s strdeagg with these streams", g->streams[0],
                         n ? "more than one" : "no");
    return 0;
}

/* No stream is in two groups, and every component stream is in one. */
static int member_check(const struct iq_stream *s, const struct iq_group *groups, unsigned n, struct iq_fault *fault)
{
    unsigned in_sctp = 0, in_bundle = 0;

    for (unsigned i = 0; i < n; i++)
        *(is_bundle(&groups[i]) ? &in_bundle : &in_sctp) += has_id(groups[i].streams, groups[i].n, s->id);
    if (in_sctp > 1 || in_bundle > 1)
        return iq_refuse(fault, 489, "stream %u is in two groups", s->id);
    if (s->sctpid.set && in_sctp == 0)
        return iq_refuse(fault, 489, "stream %u has an sctpid and is in no group", s->id);
    return 0;
}

static int split_check(const struct iq_term *t, const struct iq_stream *s, const struct iq_group *groups, unsigned n,
                       struct iq_fault *fault)
{
    unsigned same = 0;

    if (!s->strdeagg.set)
        return 0;
    for (unsigned i = 0; i < s->strdeagg.n; i++) {
        if (!find(t, s->strdeagg.v[i]) || s->strdeagg.v[i] == s->id)
            return iq_refuse(fault, 489, "strdeagg of stream %u names stream %u", s->id, s->strdeagg.v[i]);
    }
    for (unsigned i = 0; i < n; i++)
        same += !is_bundle(&groups[i]) && is_same_set(&groups[i], &s->strdeagg);
    if (same != 1)
        return iq_refuse(fault, 489, "strdeagg of stream %u and groupse disagree", s->id);
    return 0;
}

int iq_group_check(const struct iq_term *t, struct iq_fault *fault)
{
    struct iq_group groups[IQ_GROUP_MAX];
    unsigned n = t->groupse.set ? t->groupse.n : 0;
    int err = 0;

    if (n > IQ_GROUP_MAX)
        return iq_refuse(fault, 489, "more than %u groups", IQ_GROUP_MAX);
    for (unsigned i = 0; i < n && !err; i++) {
        if (iq_group_parse(t->groupse.v[i], &groups[i]))
            return iq_refuse(fault, 489, "groupse %.*s", SV_ARG(t->groupse.v[i]));
        if (!sv_iis(groups[i].semantics, "SCTP") && !is_bundle(&groups[i]))
            return iq_refuse(fault, 449, "groupse %.*s", SV_ARG(t->groupse.v[i]));
        err = is_bundle(&groups[i]) ? bundle_check(t, &groups[i], fault) : members_check(t, &groups[i], fault);
    }
    for (unsigned i = 0; i < t->n_streams && !err; i++)
        err = member_check(&t->streams[i], groups, n, fault);
    for (unsigned i = 0; i < t->n_streams && !err; i++)
        err = split_check(t, &t->streams[i], groups, n, fault);
    for (unsigned i = 0; i < n && !err; i++) {
        if (!is_bundle(&groups[i]))
            err = group_is_split(t, &groups[i], fault);
    }
    return err;
}
