/* May the termination be what a command would make of it? Nothing is touched here. */
#include "agw/ctl/bundle.h"
#include "agw/ctl/change_part.h"
#include "agw/ctl/remote.h"
#include "agw/ctl/rtp.h"

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
    if (as->ice_check.set && kind == STREAM_PIPE) /* a full agent is one of UDP */
        return iq_refuse(ch->fault, 501, "ostuncc/scc of stream %u, which is TCP", as->id);
    if ((as->act_stun || as->consent_test.set || as->ice_check.set) && kind != STREAM_SEP && kind != STREAM_PIPE &&
        kind != STREAM_RTP)
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

/* What has one socket cannot send there. Nobody's address (hold by c=0.0.0.0) is of any. */
static bool same_family(const struct sdp *local, const struct addr *far)
{
    const struct sdp_conn *c = local ? sdp_conn_of(local, local->media) : NULL;

    return !c || addr_is_any(far) || sv_iis(c->addrtype, "IP6") == addr_is_v6(far);
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
    else if (!far.ice && !same_family(r->m->local, &far.addr))
        err = iq_refuse(ch->fault, 449, "Remote of stream %u: another address family than Local", r->m->id);
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

int change_check(struct change *ch, enum stream_kind kinds[IQ_STREAM_MAX])
{
    int err = check_term(ch);

    if (!err)
        err = iq_group_check(ch->merged, ch->fault);
    for (unsigned i = 0; i < ch->n && !err; i++)
        err = check_stream(ch, &ch->rows[i], &kinds[i]);
    if (!err)
        err = check_inactivity(ch, kinds);
    return err ? err : bundle_check(ch->merged, ch->fault);
}
