/* One command's change of a termination: what would be (here), is it allowed (change_check.c), what it takes
 * (change_reserve.c), then it is done (change_do.c) or nothing was. */
#include "agw/ctl/change.h"

#include <errno.h>

#include "agw/ctl/change_part.h"
#include "agw/ctl/spec.h"
#include "agw/ctl/transport.h"

static const struct iq_stream *asked_of(const struct iq_term *asked, uint16_t id)
{
    for (unsigned i = 0; i < asked->n_streams; i++) {
        if (asked->streams[i].id == id)
            return &asked->streams[i];
    }
    return NULL;
}

static bool is_listed(const struct iq_term *t, uint16_t id)
{
    for (unsigned i = 0; i < t->n_streams; i++) {
        const struct iq_ids *list = &t->streams[i].strdeagg;
        const bool goes = t->streams[i].local_empty && !t->streams[i].remote; /* and its channels with it */

        for (unsigned k = 0; list->set && !goes && k < list->n; k++) {
            if (list->v[k] == id)
                return true;
        }
    }
    return false;
}

/* A channel that its group no longer names, or a stream whose Local was emptied (H.248.1 7.1.8),
 * goes. */
static bool is_dropped(const struct change *ch, const struct iq_stream *m)
{
    const struct iq_stream *asked = asked_of(ch->asked, m->id);

    if (!term_stream(ch->t, m->id))
        return false;
    if (m->sctpid.set)
        return !is_listed(ch->merged, m->id) &&
               !(asked && (asked->sctpid.set || asked->mode != H248_MODE_NONE));
    return m->local_empty && !m->remote;
}

static bool is_there(const struct iq_term *t, uint16_t id)
{
    bool there = false;

    for (unsigned i = 0; i < t->n_streams; i++)
        there = there || t->streams[i].id == id;
    return there;
}

/* A group of channels goes with its de-aggregation stream: an empty list of groups cannot be said. */
static void leave_groups(const struct change *ch)
{
    struct iq_texts all = ch->merged->groupse, *left = &ch->merged->groupse;

    if (ch->asked->groupse.set || !all.set)
        return;
    left->n = 0;
    for (unsigned i = 0; i < all.n; i++) {
        struct iq_group g;
        bool stays = iq_group_parse(all.v[i], &g) || !sv_iis(g.semantics, "SCTP");

        for (unsigned k = 0; !stays && k < g.n; k++)
            stays = is_there(ch->merged, g.streams[k]);
        if (stays)
            left->v[left->n++] = all.v[i];
    }
    left->set = left->n > 0;
}

static int merge(struct change *ch)
{
    struct iq_term *m = ch->merged;
    unsigned n = 0;

    term_fill(ch->t, m);
    for (unsigned i = 0; i < m->n_streams && ch->asked->has_events; i++)
        spec_clear_events(&m->streams[i]);
    if (ch->asked->groupse.set)
        m->groupse = ch->asked->groupse;
    for (unsigned i = 0; i < ch->asked->n_streams; i++) {
        const struct iq_stream *asked = &ch->asked->streams[i];
        struct iq_stream *s = iq_stream_find(m, asked->id);

        if (!s)
            s = iq_stream_new(m, asked->id);
        if (!s)
            return iq_refuse(ch->fault, 510, "more than %u streams", IQ_STREAM_MAX);
        spec_merge(s, asked, ch->asked->has_events);
    }
    for (unsigned i = 0; i < m->n_streams; i++) {
        if (is_dropped(ch, &m->streams[i]))
            continue;
        if (n != i)
            m->streams[n] = m->streams[i];
        n++;
    }
    m->n_streams = n;
    leave_groups(ch);
    return 0;
}

/* The new description, in memory of its own. */
static int keep(struct change *ch)
{
    int err;

    ch->keep = arena_new(CTL_TERM_BYTES);
    if (!ch->keep)
        return -ENOMEM;
    err = spec_copy_texts(ch->keep, &ch->groupse, &ch->merged->groupse);
    for (unsigned i = 0; i < ch->n && !err; i++) {
        struct row *r = &ch->rows[i];

        r->keep = ARENA_NEW(ch->a, struct iq_stream);
        err = r->keep ? spec_copy(ch->keep, r->keep, r->m) : -ENOMEM;
    }
    return err;
}

static void rows(struct change *ch)
{
    ch->n = ch->merged->n_streams;
    for (unsigned i = 0; i < ch->n; i++) {
        struct row *r = &ch->rows[i];

        r->m = &ch->merged->streams[i];
        r->asked = asked_of(ch->asked, r->m->id);
        r->s = term_stream(ch->t, r->m->id);
    }
}

static int prepare(struct change *ch)
{
    enum stream_kind kinds[IQ_STREAM_MAX];
    int err = merge(ch);

    if (err)
        return err;
    rows(ch);
    err = change_check(ch, kinds);
    for (unsigned i = 0; i < ch->n && !err; i++)
        err = change_reserve(ch, &ch->rows[i], kinds[i]);
    return err ? err : keep(ch);
}

static void undo(struct change *ch)
{
    for (unsigned i = 0; i < ch->n; i++) {
        if (ch->rows[i].is_new)
            stream_free(ch->rows[i].s);
    }
    for (unsigned i = 0; i < ch->n; i++)
        transport_free(ch->rows[i].new_tp);
    arena_free(ch->keep);
}

int change_run(struct term *t, struct arena *a, const struct iq_term *asked, struct iq_term *answer,
               msec_t now, struct iq_fault *fault)
{
    struct change ch = {.t = t,
                        .a = a,
                        .asked = asked,
                        .merged = t->ctx->ctl->merged,
                        .answer = answer,
                        .fault = fault};
    int err = prepare(&ch);

    if (err)
        undo(&ch);
    else
        change_do(&ch, now);
    return err;
}
