/* A bundle whose first line was removed, or refused by a WIC that took others: its stream, shut, keeps the transport of
 * the others (RFC 9143 7.3.3, 7.5), which is told, and may begin anew, by their words. Its line was audio, video, or
 * the data channels'. */
#include <errno.h>
#include <inttypes.h>

#include "alg/call/media_priv.h"

/* NULL: the bundle's own line lives, or it was that of the channels. */
static const struct rline *line_of(const struct exch *x)
{
    const struct layout *l = &x->lay;

    for (unsigned i = 0; !l->owner && i < l->n_rtp; i++) {
        if (l->rtp[i].state == CHAN_GONE && l->rtp[i].stream == l->bundle_stream)
            return &l->rtp[i];
    }
    return l->owner;
}

uint16_t owner_stream(const struct exch *x)
{
    const struct rline *r = line_of(x);

    return r ? r->stream : x->lay.dc_owner;
}

bool owner_speaker(const struct exch *x, struct speaker *by)
{
    const struct layout *l = &x->lay;

    for (unsigned i = 0; owner_stream(x) && i < l->n_rtp; i++) {
        const struct rline *r = &l->rtp[i];

        if (r->bundled && r->state != CHAN_GONE && x->web_rtp[i]) {
            *by = (struct speaker){&r->tp, x->web->trans[r->web_line]};
            return true;
        }
    }
    if (!owner_stream(x) || !l->dc_stream || !l->dc_bundled || !x->web || x->web->dc < 0)
        return false;
    *by = (struct speaker){&l->dc, &x->web->remote.t};
    return true;
}

/* What its line said of itself, but for the transport. e: of Local; NULL: of Remote. */
static struct sdp *line_sdp(struct make *mk, const struct exch *x, const struct web_trans *t, const struct media_end *e,
                            struct sdp_media **md)
{
    const struct layout *l = &x->lay;
    const struct rline *r = line_of(x);
    struct sv addrtype = e ? e->local.addrtype : t->addrtype, addr = e ? e->local.addr : make_numeric(t->addrtype, t->addr);
    int port = e ? e->local.port : t->port, err = 0;
    struct sv mid = l->owner || !r ? l->owner_mid : l->web[r->web_line].mid;
    struct sv proto = r ? rtp_proto_iq(l->web[r->web_line].proto, r->sec[SIP_W2]) : SV_NONE;
    struct sdp *s = r ? rtp_line_sdp(mk, r, &r->codecs[SIP_W2], proto, addrtype, addr, port, md)
                      : make_sdp(mk, SV("application"), addrtype, addr, port, SV("UDP/DTLS/SCTP"), SV("webrtc-datachannel"), md);

    if (!s)
        return NULL;
    if (r)
        err = sdp_attr_add(mk->a, &(*md)->attrs, "rtcp-mux", SV_NONE);
    else if (e)
        err = sdp_attr_addf(mk->a, &(*md)->attrs, "sctp-port", "%u", e->local.sctp_port) ||
              sdp_attr_addf(mk->a, &(*md)->attrs, "max-message-size", "%" PRIu64, e->local.max_message_size);
    else
        err = sdp_attr_addf(mk->a, &(*md)->attrs, "sctp-port", "%u", l->dc_owner_sctp);
    if (!err && mid.n > 0)
        err = sdp_attr_add(mk->a, &(*md)->attrs, "mid", mid);
    if (!err && r && r->mid_ext)
        err = sdp_attr_addf(mk->a, &(*md)->attrs, "extmap", "%u urn:ietf:params:rtp-hdrext:sdes:mid", r->mid_ext);
    return err ? NULL : s;
}

static int put_trans(struct make *mk, struct sdp_attr **list, struct sv ufrag, struct sv pwd, bool lite,
                     const struct sdp_attr *candidates, const struct sdp_attr *fingerprints)
{
    int err = sdp_attr_add(mk->a, list, "ice-ufrag", ufrag);

    if (!err)
        err = sdp_attr_add(mk->a, list, "ice-pwd", pwd);
    if (!err && lite)
        err = sdp_attr_add(mk->a, list, "ice-lite", SV_NONE);
    if (!err)
        err = make_copy(mk, list, candidates);
    return err ? err : make_copy(mk, list, fingerprints);
}

/* The channels' line shuts its stream here; one of audio or video where it leaves. */
static int shut(struct make *mk, struct media *m, const struct exch *x)
{
    struct media_end *e = x->lay.dc_owner && media_end_of(m, x->lay.dc_owner) ? media_end_slot(m, x->lay.dc_owner) : NULL;
    struct iq_stream *s;

    if (!e || e->mode == H248_MODE_INACTIVE)
        return 0;
    s = make_stream(mk, x->lay.dc_owner);
    if (!s)
        return -ENOMEM;
    make_release(s, true);
    e->mode = H248_MODE_INACTIVE;
    return 0;
}

int owner_configure(struct make *mk, struct media *m, const struct exch *x)
{
    const struct media_end *e = owner_stream(x) ? media_end_of(m, owner_stream(x)) : NULL;
    struct speaker by;
    struct iq_stream *s;
    struct sdp_media *md;
    int err = shut(mk, m, x);

    if (err || !e || !owner_speaker(x, &by) || (e->answered && !by.tp->restart && !by.tp->renew))
        return err;
    s = make_stream(mk, owner_stream(x));
    if (!s)
        return -ENOMEM;
    s->remote = line_sdp(mk, x, by.t, NULL, &md);
    err = !s->remote ? -ENOMEM
                     : put_trans(mk, &md->attrs, by.t->ufrag, by.t->pwd, by.t->lite, by.t->candidates, by.t->fingerprints);
    if (err || !by.tp->restart)
        return err;
    s->local = line_sdp(mk, x, by.t, e, &md);
    return s->local ? put_trans(mk, &md->attrs, SV("$"), SV("$"), false, e->local.candidates, e->local.fingerprints) : -ENOMEM;
}
