/* One command's change of a termination. */
#include "agw/ctl/change.h"

#include <errno.h>
#include <string.h>

#include "agw/ctl/bundle.h"
#include "agw/ctl/event.h"
#include "agw/ctl/gate.h"
#include "agw/ctl/remote.h"
#include "agw/ctl/rtp.h"
#include "agw/ctl/spec.h"
#include "agw/ctl/transport.h"

struct row {                       /* one stream of the merged description */
    struct iq_stream *m;           /* merged */
    const struct iq_stream *asked; /* what this command says; NULL: nothing */
    struct iq_stream *keep;        /* the copy that stays */
    struct stream *s;
    struct transport *new_tp; /* reserved by this change */
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
    if ((as->act_stun || as->consent_test.set || as->ice_check.set) && kind != STREAM_SEP && kind != STREAM_RTP)
        return iq_refuse(ch->fault, 513, "stream %u has no STUN", as->id);
    if ((as->dtls_establish || as->dtls_release) && kind != STREAM_SEP &&
        !(kind == STREAM_RTP && stream_security(r->m) == BUS_SEC_DTLS))
        return iq_refuse(ch->fault, 513, "stream %u has no DTLS", as->id);
    if (as->latch > IQ_LATCH_OFF && kind != STREAM_RTP)
        return iq_refuse(ch->fault, 513, "stream %u has nothing to latch", as->id);
    if (as->tcp_establish && kind != STREAM_TCP)
        return iq_refuse(ch->fault, 513, "stream %u is not TCP", as->id);
    return 0;
}

/* What only RTP can do; switching it off is no request. */
static int check_gates(const struct change *ch, const struct row *r, enum stream_kind kind)
{
    const struct iq_stream *as = r->asked;
    const struct {
        bool asked;
        const char *name;
    } rows[] = {
        {as && as->spf.set && as->spf.v, "gm/spf"},
        {as && as->sam.set, "gm/sam"},
        {as && as->spr.set, "gm/spr"},
        {as && as->esas.set && as->esas.v, "gm/esas"},
        {as && as->esps.set && as->esps.v, "gm/esps"},
        {as && as->pol.set && as->pol.v, "tman/pol"},
        {as && as->rtcp_rsb.set && as->rtcp_rsb.v, "rtcph/rsb"},
    };

    for (unsigned i = 0; kind != STREAM_RTP && i < ARRAY_LEN(rows); i++) {
        if (rows[i].asked)
            return iq_refuse(ch->fault, 445, "%s of stream %u, which is not RTP", rows[i].name,
                             as->id);
    }
    return 0;
}

static int check_known(const struct change *ch, const struct row *r, enum stream_kind kind)
{
    const struct iq_stream *as = r->asked, *was = &r->s->spec;

    if (r->s->kind != kind || (kind == STREAM_RTP && (r->s->sec == BUS_SEC_DTLS) !=
                                                         (stream_security(r->m) == BUS_SEC_DTLS)))
        return iq_refuse(ch->fault, 501, "stream %u: another transport", was->id);
    if (kind == STREAM_CHAN && r->m->sctpid.v != was->sctpid.v)
        return iq_refuse(ch->fault, 501, "stream %u: another sctpid", was->id);
    if (as && as->dscp.set && !(was->dscp.set && was->dscp.v == as->dscp.v) &&
        !stream_can_mark(r->s))
        return iq_refuse(ch->fault, 501, "ds/dscp of stream %u is set by Add only", was->id);
    if (as && as->realm.set && !sv_iis(as->realm.v, ch->t->realm->conf->name))
        return iq_refuse(ch->fault, 473, "ipdc/realm of stream %u is set by Add only", was->id);
    return 0;
}

static bool has_ice(const struct sdp *sdp)
{
    return sdp && sdp_attr_of(sdp, sdp->media, "ice-ufrag");
}

/* A bundle has the transport of one of its members (RFC 9143 7.3): what c= of the others says is not used. */
static bool rides_on_ice(const struct change *ch, const struct iq_stream *s)
{
    struct iq_group g;

    if (has_ice(s->local) || has_ice(s->remote))
        return true;
    if (!bundle_of(ch->merged, s->id, &g))
        return false;
    for (unsigned k = 0; k < g.n; k++) {
        const struct iq_stream *member = iq_stream_find(ch->merged, g.streams[k]);

        if (member && (has_ice(member->local) || has_ice(member->remote)))
            return true;
    }
    return false;
}

static int check_remote(const struct change *ch, const struct row *r, enum stream_kind kind)
{
    struct remote far;
    int err = remote_read(r->m->remote, r->m->id, &far, ch->fault);

    if (err)
        return err;
    far.ice = rides_on_ice(ch, r->m);
    err = remote_reach(&far, ch->t->realm->conf->reach, kind == STREAM_TCP, r->m->id, ch->fault);
    if (err)
        count_add(&ch->t->ctx->ctl->counts[CTL_C_UNREACHABLE], 1);
    return err;
}

static int check_stream(struct change *ch, struct row *r, enum stream_kind *kind)
{
    int err;

    if (!r->s && !says_something(r->m))
        return iq_refuse(ch->fault, 449, "no stream %u", r->m->id);
    if (r->asked && r->asked->tb.set && !sv_iis(r->asked->tb.v, "Mark"))
        return iq_refuse(ch->fault, 501, "ds/tb = %.*s", SV_ARG(r->asked->tb.v));
    err = stream_classify(r->m, kind, ch->fault);
    if (!err && r->m->remote)
        err = check_remote(ch, r, *kind);
    if (!err && r->s)
        err = check_known(ch, r, *kind);
    if (!err)
        err = check_gates(ch, r, *kind);
    if (!err && *kind == STREAM_RTP)
        err = rtp_check(r->m, ch->fault);
    if (!err && *kind == STREAM_RTP)
        err = stream_pass_check(ch->t, r->m, ch->fault);
    if (!err && r->m->strdeagg.set && *kind != STREAM_SEP)
        err = iq_refuse(ch->fault, 489, "strdeagg of stream %u, which carries no SCTP", r->m->id);
    return err ? err : check_signals(ch, r, *kind);
}

/* adid/ipstop: what comes in is watched (H.248.40). */
static int check_inactivity(const struct change *ch, const enum stream_kind *kinds)
{
    const struct iq_term *as = ch->asked;

    if (!as->inactivity.set)
        return 0;
    if (as->inactivity_dir.set && !sv_iis(as->inactivity_dir.v, "IN"))
        return iq_refuse(ch->fault, 501, "adid/ipstop dir = %.*s", SV_ARG(as->inactivity_dir.v));
    for (unsigned i = 0; i < ch->n; i++) {
        if (kinds[i] == STREAM_RTP)
            return 0;
    }
    return iq_refuse(ch->fault, 512, "adid/ipstop: no stream is RTP");
}

/* --- step 2: what it takes --- */

static void answer_add(struct change *ch, uint16_t id, struct sdp *local)
{
    struct iq_stream *s = local ? iq_stream_new(ch->answer, id) : NULL;

    if (s)
        s->local = local;
}

/* The transport of another member of its bundle, there or reserved by this change; NULL: it rides
 * alone, or is the first. */
static struct transport *bundled_on(const struct change *ch, const struct row *r, bool *is_member)
{
    struct iq_group g;

    *is_member = bundle_of(ch->merged, r->m->id, &g);
    for (unsigned k = 0; *is_member && k < g.n; k++) {
        for (unsigned i = 0; i < ch->n; i++) {
            const struct row *other = &ch->rows[i];

            if (other != r && other->m->id == g.streams[k] && other->s && other->s->tp)
                return other->s->tp;
        }
    }
    return NULL;
}

/* A stream keeps its transport: who shares one with whom is decided by Add, or when a stream is
 * added. */
static int check_shared(const struct change *ch, const struct row *r, const struct transport *with,
                        bool is_member)
{
    if (with && with != r->s->tp)
        return iq_refuse(ch->fault, 489, "stream %u has a transport of its own already", r->m->id);
    for (unsigned i = 0; !is_member && i < ch->n; i++) {
        const struct row *other = &ch->rows[i];

        if (other != r && other->s && other->s->tp == r->s->tp)
            return iq_refuse(ch->fault, 489, "streams %u and %u share a transport", r->m->id,
                             other->m->id);
    }
    return 0;
}

static int reserve_transport(struct change *ch, struct row *r, enum stream_kind kind)
{
    bool is_member;
    struct transport *with = bundled_on(ch, r, &is_member);
    int err;

    if (r->s->tp)
        return check_shared(ch, r, with, is_member);
    if (with) {
        r->s->tp = with;
        return 0;
    }
    err = transport_new(ch->t, r->m, kind == STREAM_RTP, &r->new_tp, ch->fault);
    if (!err)
        r->s->tp = r->new_tp;
    return err;
}

/* ufrag and pwd that an earlier stream of the bundle got from this command. */
static void settled_by(const struct change *ch, struct row *r)
{
    for (const struct row *other = ch->rows; r->s->tp && other < r; other++) {
        if (other->has_fill && other->s->tp == r->s->tp && other->fill.ice) {
            r->fill.settled = r->fill.ice = true;
            memcpy(r->fill.ufrag, other->fill.ufrag, sizeof r->fill.ufrag);
            memcpy(r->fill.pwd, other->fill.pwd, sizeof r->fill.pwd);
        }
    }
}

static int fill(struct change *ch, struct row *r)
{
    struct sdp *answer = NULL;
    int err;

    /* the request stays as it came: `$` is replaced in a copy */
    r->m->local = sdp_copy(ch->a, r->asked->local);
    if (!r->m->local)
        return -ENOMEM;
    settled_by(ch, r);
    err = stream_fill(r->s, ch->a, r->m, &r->fill, &answer, ch->fault);
    if (!err && r->s->tp && !transport_may(r->s->tp, r->fill.ufrag))
        err = iq_refuse(ch->fault, 449, "Local of stream %u: ice-ufrag is in use", r->m->id);
    r->has_fill = !err;
    if (!err)
        answer_add(ch, r->m->id, answer);
    return err;
}

static int reserve(struct change *ch, struct row *r, enum stream_kind kind)
{
    int err = 0;

    if (!r->s) {
        err = stream_new(ch->t, kind, &r->s);
        r->is_new = !err;
        if (!err)
            err = stream_reserve(r->s, r->m, ch->fault);
    }
    if (!err && (kind == STREAM_SEP || kind == STREAM_RTP))
        err = reserve_transport(ch, r, kind);
    if (!err && kind == STREAM_RTP)
        err = gate_local(r->m, &r->s->tp->local, ch->fault);
    if (!err && r->m->dscp.set && r->s->tp && r->s->tp->shared)
        err = iq_refuse(ch->fault, 501, "ds/dscp of stream %u, whose port others share", r->m->id);
    if (!err && r->asked && r->asked->local)
        err = fill(ch, r);
    if (!err && kind == STREAM_RTP && stream_security(r->m) == BUS_SEC_SDES)
        err = rtp_keys_check(r->m, ch->fault);
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
    if (!err)
        err = check_inactivity(ch, kinds);
    if (!err)
        err = bundle_check(ch->merged, ch->fault);
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
    for (unsigned i = 0; i < ch->n; i++)
        transport_free(ch->rows[i].new_tp);
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

/* Associations before their transports, these before their flows, channels last (agw/bus.h). */
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

static void commit(struct change *ch, msec_t now)
{
    static const enum stream_kind first[] = {STREAM_SEP}, then[] = {STREAM_TCP, STREAM_RTP},
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
