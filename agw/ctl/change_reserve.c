/* What a change takes before it is decided: streams, transports, and what stands for `$` in Local. */
#include <errno.h>
#include <string.h>

#include "agw/ctl/bundle.h"
#include "agw/ctl/change_part.h"
#include "agw/ctl/gate.h"
#include "agw/ctl/rtp.h"
#include "agw/ctl/transport.h"

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
    err = transport_new(ch->t, r->m, kind, &r->new_tp, ch->fault);
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

int change_reserve(struct change *ch, struct row *r, enum stream_kind kind)
{
    int err = 0;

    if (!r->s) {
        err = stream_new(ch->t, kind, &r->s);
        r->is_new = !err;
        if (!err)
            err = stream_reserve(r->s, r->m, ch->fault);
    }
    if (!err && (kind == STREAM_SEP || kind == STREAM_PIPE || kind == STREAM_RTP))
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
