/* A change that is decided: state, then orders to the other threads. */
#include <string.h>

#include "agw/ctl/change_part.h"
#include "agw/ctl/event.h"
#include "agw/ctl/remote.h"
#include "agw/ctl/transport.h"

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
            if (s->tp)
                s->tp->touched = true; /* who stays on it: without data, or under another's Remote */
            stream_free(s);
        }
    }
}

/* Another certificate of the far end without EstBNC: a new association that it starts (RFC
 * 8842 5.5). */
static bool is_new_peer(const struct row *r)
{
    struct iq_fault ignored;
    struct remote now, was;

    return !r->is_new && r->asked && r->asked->remote && stream_far_end(r->s, &was) && was.fp_len &&
           remote_read(r->asked->remote, r->m->id, &now, &ignored) == 0 &&
           (now.fp_len != was.fp_len || memcmp(now.fp, was.fp, now.fp_len) != 0);
}

/* The same certificate in a new association (RFC 8842 5.5) is nothing that Remote could tell: EstBNC with a Remote, again, begins
 * one as the client, RelBNC ends the one that stands and waits for the far end's. */
static void set_dtls(struct transport *tp, const struct iq_stream *as)
{
    if (as->dtls_release || (tp->establish && as->remote))
        tp->again = true;
    tp->establish = as->dtls_establish;
}

/* What a command says of a stream may concern what it rides on. */
static void touch(struct row *r)
{
    static const enum bus_latch latches[] = {[IQ_LATCH_OFF] = BUS_LATCH_OFF,
                                             [IQ_LATCH_ON] = BUS_LATCH_ON,
                                             [IQ_LATCH_RELATCH] = BUS_LATCH_AGAIN};
    const struct iq_stream *as = r->asked;
    struct transport *tp = r->s->tp;

    if (!tp || !as)
        return;
    if (as->dtls_establish || as->dtls_release)
        set_dtls(tp, as);
    if (as->ice_check.set) {
        tp->full = true;
        tp->controlling = as->ice_check.v;
    }
    if (as->consent_test.set)
        tp->consent = as->consent_test.v;
    if (as->latch != IQ_LATCH_NONE)
        tp->latch = latches[as->latch];
    if (as->local || as->remote || as->dtls_establish || as->dtls_release || as->latch != IQ_LATCH_NONE ||
        as->ice_check.set || as->consent_test.set ||
        as->saf.set || as->sam.set || as->spf.set || as->spr.set || as->pol.set || as->sdr.set ||
        as->pdr.set || as->mbs.set || as->dvt.set)
        tp->touched = true;
    if (r->has_fill)
        transport_settle(tp, &r->fill);
    if (as->dscp.set) {
        transport_mark(tp, as->dscp.v);
        tp->touched = true; /* who sends by a raw socket writes it himself */
    }
}

static void adopt(struct change *ch, msec_t now)
{
    struct term *t = ch->t;

    for (unsigned i = 0; i < ch->n; i++) {
        struct row *r = &ch->rows[i];

        if (r->s->tp && is_new_peer(r))
            r->s->tp->establish = false;
        r->s->spec = *r->keep;
        if (r->is_new) {
            DL_APPEND(t->streams, r->s);
            r->s->since = now;
        }
        if (r->new_tp)
            DL_APPEND(t->transports, r->new_tp);
        if (r->s->kind == STREAM_RTP)
            r->s->sec = stream_security(&r->s->spec);
        if (r->asked && r->asked->tcp_establish)
            r->s->connect = true;
        if (r->has_fill)
            r->s->local = r->fill;
    }
    t->groupse = ch->groupse;
    arena_free(t->arena);
    t->arena = ch->keep;
    for (unsigned i = 0; i < ch->n; i++)
        touch(&ch->rows[i]);
}

/* Associations and pipes before their transports, these before their flows, channels last (agw/bus.h). */
static void orders(struct change *ch, const enum stream_kind *kinds, unsigned n_kinds)
{
    for (unsigned i = 0; i < ch->n; i++) {
        struct row *r = &ch->rows[i];
        bool is_one = false;

        for (unsigned k = 0; k < n_kinds; k++)
            is_one = is_one || r->s->kind == kinds[k];
        if (!is_one)
            continue;
        if (r->is_new)
            stream_open(r->s);
        else
            stream_update(r->s, r->asked);
    }
}

/* Transports that nobody rides on any more, new ones, and those that the command changed. */
static void transports(struct term *t)
{
    struct transport *tp, *next;

    DL_FOREACH_SAFE(t->transports, tp, next)
    {
        if (!transport_lead(tp)) {
            DL_DELETE(t->transports, tp);
            transport_free(tp);
        } else if (!tp->opened) {
            transport_open(tp);
        } else if (tp->touched) {
            transport_update(tp);
        }
    }
}

static void arm(struct change *ch, msec_t now)
{
    const struct iq_int was = ch->t->inactivity;
    struct stream *s;

    event_arm(ch->t, ch->asked, now);
    if (was.set == ch->t->inactivity.set && was.v == ch->t->inactivity.v)
        return;
    DL_FOREACH(ch->t->streams, s)
    s->rewatch = s->kind == STREAM_RTP;
}

void change_do(struct change *ch, msec_t now)
{
    static const enum stream_kind first[] = {STREAM_SEP, STREAM_PIPE}, then[] = {STREAM_TCP, STREAM_RTP},
                                  last[] = {STREAM_CHAN};

    drop_streams(ch);
    if (ch->asked->has_events)
        arm(ch, now);
    adopt(ch, now);
    orders(ch, first, ARRAY_LEN(first));
    transports(ch->t);
    orders(ch, then, ARRAY_LEN(then));
    orders(ch, last, ARRAY_LEN(last));
}
