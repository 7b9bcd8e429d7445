/* One command's change of a termination. */
#include "agw/ctl/change.h"

#include <errno.h>
#include <string.h>

#include "agw/ctl/event.h"
#include "agw/ctl/remote.h"
#include "agw/ctl/spec.h"

struct row {                       /* one stream of the merged description */
    struct iq_stream *m;           /* merged */
    const struct iq_stream *asked; /* what this command says; NULL: nothing */
    struct iq_stream *keep;        /* the copy that stays */
    struct stream *s;
    bool is_new, has_fill;
    struct local fill;
};

struct change {
    struct term *t;
    struct arena *a;
    const struct iq_term *asked;
    struct iq_term *merged, *answer;
    struct iq_fault *fault;
    struct arena *keep;
    struct iq_texts groupse;
    unsigned n;
    struct row rows[IQ_STREAM_MAX];
};

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

        for (unsigned k = 0; list->set && k < list->n; k++) {
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

/* --- step 1: what would be --- */

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
    return 0;
}

static int check_term(const struct change *ch)
{
    const struct iq_term *as = ch->asked;

    if (as->ito.set)
        return iq_refuse(ch->fault, 512, "it/ito is an event of ROOT");
    if (as->heartbeat.set && as->heartbeat.v > CTL_HEARTBEAT_MAX)
        return iq_refuse(ch->fault, 449, "hangterm/thb timerx = %lld", (long long)as->heartbeat.v);
    if (ch->merged->n_streams == 0)
        return iq_refuse(ch->fault, 472, "no stream");
    return 0;
}

static bool says_something(const struct iq_stream *m)
{
    return m->local || m->remote || m->local_empty || m->remote_empty || m->sctpid.set ||
           m->strdeagg.set || m->mode != H248_MODE_NONE;
}

static bool has_sid(const struct iq_term *t, int64_t sid)
{
    for (unsigned i = 0; i < t->n_streams; i++) {
        if (t->streams[i].sctpid.set && t->streams[i].sctpid.v == sid)
            return true;
    }
    return false;
}

static int check_signals(const struct change *ch, const struct row *r, enum stream_kind kind)
{
    const struct iq_stream *as = r->asked;

    if (!as)
        return 0;
    if (as->sctp_reset.set && !has_sid(ch->merged, as->sctp_reset.v))
        return iq_refuse(ch->fault, 449, "sctpreset/reset sid = %lld", (long long)as->sctp_reset.v);
    if ((as->dtls_establish || as->act_stun || as->latch > IQ_LATCH_OFF || as->consent_test.set) &&
        kind != STREAM_SEP)
        return iq_refuse(ch->fault, 513, "stream %u has no DTLS, no STUN and nothing to latch",
                         as->id);
    if (as->tcp_establish && kind != STREAM_TCP)
        return iq_refuse(ch->fault, 513, "stream %u is not TCP", as->id);
    return 0;
}

static int check_known(const struct change *ch, const struct row *r, enum stream_kind kind)
{
    const struct iq_stream *as = r->asked, *was = &r->s->spec;

    if (r->s->kind != kind)
        return iq_refuse(ch->fault, 501, "stream %u: another transport", was->id);
    if (kind == STREAM_CHAN && r->m->sctpid.v != was->sctpid.v)
        return iq_refuse(ch->fault, 501, "stream %u: another sctpid", was->id);
    if (as && as->dscp.set && !(was->dscp.set && was->dscp.v == as->dscp.v))
        return iq_refuse(ch->fault, 501, "ds/dscp of stream %u is set by Add only", was->id);
    if (as && as->realm.set && !sv_iis(as->realm.v, ch->t->realm->conf->name))
        return iq_refuse(ch->fault, 473, "ipdc/realm of stream %u is set by Add only", was->id);
    return 0;
}

static int check_stream(struct change *ch, struct row *r, enum stream_kind *kind)
{
    struct remote far;
    int err;

    if (!r->s && !says_something(r->m))
        return iq_refuse(ch->fault, 449, "no stream %u", r->m->id);
    if (r->asked && r->asked->tb.set && !sv_iis(r->asked->tb.v, "Mark"))
        return iq_refuse(ch->fault, 501, "ds/tb = %.*s", SV_ARG(r->asked->tb.v));
    err = stream_classify(r->m, kind, ch->fault);
    if (!err && r->m->remote)
        err = remote_read(r->m->remote, r->m->id, &far, ch->fault);
    if (!err && r->s)
        err = check_known(ch, r, *kind);
    if (!err && r->m->strdeagg.set && *kind != STREAM_SEP)
        err = iq_refuse(ch->fault, 489, "strdeagg of stream %u, which carries no SCTP", r->m->id);
    return err ? err : check_signals(ch, r, *kind);
}

/* --- step 2: what it takes --- */

static void answer_add(struct change *ch, uint16_t id, struct sdp *local)
{
    struct iq_stream *s = local ? iq_stream_new(ch->answer, id) : NULL;

    if (s)
        s->local = local;
}

static int reserve(struct change *ch, struct row *r, enum stream_kind kind)
{
    struct sdp *answer = NULL;
    int err = 0;

    if (!r->s) {
        err = stream_new(ch->t, kind, &r->s);
        r->is_new = !err;
        if (!err)
            err = stream_reserve(r->s, r->m, ch->fault);
    }
    if (!err && r->asked && r->asked->local) {
        /* the request stays as it came: `$` is replaced in a copy */
        r->m->local = sdp_copy(ch->a, r->asked->local);
        if (!r->m->local)
            return -ENOMEM;
        err = stream_fill(r->s, ch->a, r->m, &r->fill, &answer, ch->fault);
        r->has_fill = !err;
    }
    if (!err)
        answer_add(ch, r->m->id, answer);
    return err;
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

static int prepare(struct change *ch)
{
    enum stream_kind kinds[IQ_STREAM_MAX];
    int err = merge(ch);

    if (!err)
        err = check_term(ch);
    if (err)
        return err;
    ch->n = ch->merged->n_streams;
    for (unsigned i = 0; i < ch->n; i++) {
        struct row *r = &ch->rows[i];

        r->m = &ch->merged->streams[i];
        r->asked = asked_of(ch->asked, r->m->id);
        r->s = term_stream(ch->t, r->m->id);
    }
    err = iq_group_check(ch->merged, ch->fault);
    for (unsigned i = 0; i < ch->n && !err; i++)
        err = check_stream(ch, &ch->rows[i], &kinds[i]);
    for (unsigned i = 0; i < ch->n && !err; i++)
        err = reserve(ch, &ch->rows[i], kinds[i]);
    return err ? err : keep(ch);
}

static void undo(struct change *ch)
{
    for (unsigned i = 0; i < ch->n; i++) {
        if (ch->rows[i].is_new)
            stream_free(ch->rows[i].s);
    }
    arena_free(ch->keep);
}

/* --- step 3: do it --- */

static void drop_streams(struct change *ch)
{
    struct stream *s, *next;

    /* channels before what carries them */
    for (int pass = 0; pass < 2; pass++) {
        DL_FOREACH_SAFE(ch->t->streams, s, next)
        {
            if ((s->kind == STREAM_CHAN) != (pass == 0) || iq_stream_find(ch->merged, s->spec.id))
                continue;
            DL_DELETE(ch->t->streams, s);
            stream_free(s);
        }
    }
}

static void adopt(struct change *ch)
{
    struct term *t = ch->t;

    for (unsigned i = 0; i < ch->n; i++) {
        struct row *r = &ch->rows[i];

        r->s->spec = *r->keep;
        if (r->is_new)
            DL_APPEND(t->streams, r->s);
        if (r->asked && r->asked->dtls_establish)
            r->s->establish = true;
        if (r->asked && r->asked->tcp_establish)
            r->s->connect = true;
    }
    t->groupse = ch->groupse;
    arena_free(t->arena);
    t->arena = ch->keep;
}

static void commit(struct change *ch, msec_t now)
{
    drop_streams(ch);
    adopt(ch);
    for (int chans = 0; chans < 2; chans++) { /* what carries channels first */
        for (unsigned i = 0; i < ch->n; i++) {
            struct row *r = &ch->rows[i];
            bool fresh = r->has_fill && (strcmp(r->fill.ufrag, r->s->local.ufrag) ||
                                         strcmp(r->fill.pwd, r->s->local.pwd));

            if ((r->s->kind == STREAM_CHAN) != (chans == 1))
                continue;
            if (r->has_fill)
                r->s->local = r->fill;
            if (r->is_new)
                stream_open(r->s);
            else
                stream_update(r->s, r->asked, fresh);
        }
    }
    if (ch->asked->has_events)
        event_arm(ch->t, ch->asked, now);
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
        commit(&ch, now);
    return err;
}
