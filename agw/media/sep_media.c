/* The fast path of a stream endpoint: who sent it, is it authentic, is it within the rate, whose is it. Keys, too: those of
 * DTLS and of SDES, and the change from one to the next. */
#include <errno.h>
#include <stdlib.h>

#include "agw/media/flow.h"
#include "agw/media/rtcp.h"
#include "agw/media/sep_part.h"
#include "agw/media/warm.h"

/* --- keys --- */

static void drop_old(struct sep_rtp *rtp)
{
    srtp_free(rtp->rx_old);
    rtp->rx_old = NULL;
    rtp->rx_old_until = MSEC_NEVER;
}

static int key_in(struct sep *sep, const struct srtp_key *key)
{
    struct sep_rtp *rtp = &sep->rtp;
    struct srtp *rx;
    const int err = srtp_new(&rx, sep->env->srtp, key, true);

    if (err)
        return err;
    drop_old(rtp);
    if (rtp->rx) {
        rtp->rx_old = rtp->rx;
        rtp->rx_old_until = sep->now + MEDIA_SRTP_OLD_MS;
    }
    rtp->rx = rx;
    return 0;
}

static int key_out(struct sep *sep, const struct srtp_key *key)
{
    struct srtp *tx;
    const int err = srtp_new(&tx, sep->env->srtp, key, false);

    if (err)
        return err;
    srtp_free(sep->rtp.tx);
    sep->rtp.tx = tx;
    return 0;
}

void sep_media_stop(struct sep *sep)
{
    struct sep_rtp *rtp = &sep->rtp;

    drop_old(rtp);
    srtp_free(rtp->rx);
    srtp_free(rtp->tx);
    rtp->rx = rtp->tx = NULL;
    while (rtp->used) {
        struct sep_key *k = rtp->used;

        rtp->used = k->next;
        explicit_bzero(k, sizeof(*k));
        free(k);
    }
    rtp->n_used = 0;
    explicit_bzero(&rtp->send, sizeof(rtp->send));
    explicit_bzero(&rtp->recv, sizeof(rtp->recv));
}

void sep_media_tick(struct sep *sep)
{
    if (sep->now >= sep->rtp.rx_old_until)
        drop_old(&sep->rtp);
}

static bool same_key(const struct srtp_key *a, const struct srtp_key *b)
{
    return a->profile == b->profile && memcmp(a->key, b->key, srtp_key_len(a->profile)) == 0 &&
           memcmp(a->salt, b->salt, srtp_salt_len(a->profile)) == 0;
}

/* Its indices are gone with its context: a key that comes back would use its keystream a second time, or take replays. */
static int retire(struct sep_rtp *rtp, const struct srtp_key *was, const struct srtp_key *next)
{
    struct sep_key *k;

    for (k = rtp->used; k; k = k->next)
        if (same_key(&k->key, next))
            return -EKEYREJECTED;
    if (was->profile == SRTP_PROFILE_NONE)
        return 0;
    k = rtp->n_used < MEDIA_SRTP_USED ? malloc(sizeof(*k)) : NULL;
    if (!k)
        return rtp->n_used < MEDIA_SRTP_USED ? -ENOMEM : -ENOSPC;
    k->key = *was;
    k->next = rtp->used;
    rtp->used = k;
    rtp->n_used++;
    return 0;
}

/* RFC 4568: other keys in a later Remote are a rekey; the same ones go on with their indices. */
static int sdes_keys(struct sep *sep, const struct bus_rtp *spec)
{
    struct sep_rtp *rtp = &sep->rtp;
    int err = 0;

    if (spec->send.profile != SRTP_PROFILE_NONE && !same_key(&spec->send, &rtp->send)) {
        err = retire(rtp, &rtp->send, &spec->send);
        if (!err)
            err = key_out(sep, &spec->send);
        if (!err)
            rtp->send = spec->send;
    }
    if (!err && spec->recv.profile != SRTP_PROFILE_NONE && !same_key(&spec->recv, &rtp->recv)) {
        err = retire(rtp, &rtp->recv, &spec->recv);
        if (!err)
            err = key_in(sep, &spec->recv);
        if (!err)
            rtp->recv = spec->recv;
    }
    return err;
}

int sep_media_dtls(struct sep *sep)
{
    struct srtp_key ours, theirs;
    int err;

    if (sep->rtp.sec != BUS_SEC_DTLS)
        return 0;
    err = dtls_srtp(sep->dtls, &ours, &theirs);
    if (err)
        return err;
    err = key_in(sep, &theirs);
    if (!err)
        err = key_out(sep, &ours);
    explicit_bzero(&ours, sizeof(ours));
    explicit_bzero(&theirs, sizeof(theirs));
    return err;
}

int sep_media_set(struct sep *sep, const struct bus_sep *spec)
{
    const struct bus_rtp *r = &spec->rtp;
    struct sep_rtp *rtp = &sep->rtp;

    if (!r->on)
        return 0;
    /* SDES keys outlive a time without them: should they come back, so do their indices */
    if (rtp->on && rtp->sec != r->sec && (rtp->sec == BUS_SEC_DTLS || r->sec == BUS_SEC_DTLS))
        sep_media_stop(sep);
    rtp->on = true;
    rtp->sec = r->sec;
    rtp->opaque = r->opaque;
    sep_gate_set(&rtp->gate, r, spec->has_remote ? &spec->remote : NULL, sep->now);
    if (r->sec == BUS_SEC_SDES)
        return sdes_keys(sep, r);
    /* streams that join an association of data: its keys were there all the time */
    return sep->dtls && !rtp->rx && dtls_state(sep->dtls) == DTLS_UP ? sep_media_dtls(sep) : 0;
}

/* --- in --- */

static bool is_from_peer(const struct sep *sep, const struct pkt *pkt)
{
    if (sep->ice)
        return ice_is_valid(sep->ice, &pkt->from);
    return sep_gate_takes(&sep->rtp.gate, &pkt->from, pkt->rtcp);
}

/* A packet that is not known to be authentic has no say but in whose counter it is. */
static struct flow_counts *counts_of(struct sep *sep, const struct pkt *pkt)
{
    struct flow *f = sep->rtp.demux.flow[0];

    if (sep->rtp.demux.n > 1 && !pkt->rtcp && pkt->n >= RTP_HEADER) {
        const uint8_t *p = pkt->p + 8;
        struct flow *known = sep_demux_ssrc(
            &sep->rtp.demux, (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3]);

        if (known)
            f = known;
    }
    return flow_counts(f);
}

static int open_with(struct srtp *s, struct pkt *pkt)
{
    return pkt->rtcp ? srtp_open_rtcp(s, pkt->p, &pkt->n) : srtp_open(s, pkt->p, &pkt->n);
}

/* Two keys for a while: a failed attempt may leave rubbish (AES-GCM in place), so the packet is kept. */
static int open_either(struct sep *sep, struct pkt *pkt)
{
    struct sep_rtp *rtp = &sep->rtp;
    const size_t n = pkt->n;
    int err;

    if (n > sizeof(sep->env->spare))
        return -EBADMSG;
    memcpy(sep->env->spare, pkt->p, n);
    err = open_with(rtp->rx, pkt);
    if (!err)
        drop_old(rtp);
    if (err != -EACCES)
        return err;
    memcpy(pkt->p, sep->env->spare, n);
    pkt->n = n;
    return open_with(rtp->rx_old, pkt);
}

static int open_packet(struct sep *sep, struct pkt *pkt)
{
    struct sep_rtp *rtp = &sep->rtp;

    if (rtp->sec == BUS_SEC_NONE)
        return 0;
    if (!rtp->rx)
        return -EACCES;
    if (rtp->rx_old)
        return open_either(sep, pkt);
    return open_with(rtp->rx, pkt);
}

static enum sep_verdict drop(count_t *why)
{
    count_bump(why, 1);
    return SEP_DROPPED;
}

static enum sep_verdict drop_unopened(struct sep *sep, const struct pkt *pkt, int err)
{
    struct flow_counts *c = counts_of(sep, pkt);

    switch (err) {
    case -EALREADY:
        return drop(&c->replayed);
    case -EACCES:
        return drop(&c->unauthentic);
    case -ENOSPC: /* more SSRCs than any peer has: authentic, not wanted */
        return drop(&c->refused);
    default:
        return SEP_JUNK;
    }
}

static void learn_mids(struct sep *sep, const struct pkt *pkt)
{
    struct rtcp r;
    struct sv mid;
    uint32_t ssrc;

    for (size_t at = 0; rtcp_next(&r, pkt->p, pkt->n, &at);) {
        size_t chunk = 0;

        if (r.type != RTCP_SDES)
            continue;
        for (unsigned i = 0; i < r.count && rtcp_chunk(&r, &chunk, &ssrc, &mid); i++)
            if (mid.n)
                sep_demux_mid(&sep->rtp.demux, ssrc, mid);
    }
}

static enum sep_verdict take_rtcp(struct sep *sep, struct pkt *pkt, struct flow **flow)
{
    struct sep_rtp *rtp = &sep->rtp;
    struct sep_env *env = sep->env;

    if (rtcp_check(pkt->p, pkt->n, rtp->reduced))
        return SEP_JUNK;
    if (!sep->ice)
        (void)sep_gate_latch(&rtp->gate, &pkt->from, true, sep->now);
    env->compound_n = 0;
    if (rtp->demux.n > 1 && pkt->n <= sizeof(env->compound)) {
        learn_mids(sep, pkt);
        memcpy(env->compound, pkt->p, pkt->n);
        env->compound_n = pkt->n;
        env->compound_next = 1;
    }
    *flow = rtp->demux.flow[0];
    return SEP_MEDIA;
}

static void latch(struct sep *sep, const struct pkt *pkt)
{
    char text[ADDR_STRLEN];

    if (sep_gate_latch(&sep->rtp.gate, &pkt->from, false, sep->now))
        sep_push(sep, SEP_OUT_EVENT, BUS_EV_LATCHED, addr_str(&pkt->from, text));
}

static enum sep_verdict take_rtp(struct sep *sep, struct pkt *pkt, size_t wire, struct flow **flow)
{
    struct sep_rtp *rtp = &sep->rtp;
    struct flow *f;

    if (rtp_parse(&pkt->rtp, pkt->p, pkt->n))
        return SEP_JUNK;
    f = rtp->demux.n == 1 ? rtp->demux.flow[0] : sep_demux_rtp(&rtp->demux, &pkt->rtp, true);
    if (!f)
        return drop(&flow_counts(rtp->demux.flow[0])->unmapped);
    if (rtp->gate.rules.rate && !sep_gate_affords(&rtp->gate, &pkt->from, wire, sep->now)) {
        flow_withhold(f, &pkt->rtp);
        return drop(&flow_counts(f)->policed);
    }
    if (rtp->gate.looking && !sep->ice && flow_has_pt(f, pkt->rtp.pt))
        latch(sep, pkt);
    *flow = f;
    return SEP_MEDIA;
}

/* From the peer and within the rate: that is all. RTCP is told by its port, or when muxed by RFC 5761 4. */
static enum sep_verdict take_opaque(struct sep *sep, struct pkt *pkt, struct flow **flow)
{
    struct sep_rtp *rtp = &sep->rtp;
    struct flow *f = rtp->demux.flow[0];

    if (pkt->n == 0)
        return SEP_JUNK;
    pkt->rtcp = pkt->rtcp && flow_spec(f)->has_rtcp;
    if (!is_from_peer(sep, pkt))
        return drop(&flow_counts(f)->refused);
    if (rtp->gate.rules.rate && !sep_gate_affords(&rtp->gate, &pkt->from, pkt->n, sep->now))
        return drop(&flow_counts(f)->policed);
    if (!sep->ice && pkt->rtcp)
        (void)sep_gate_latch(&rtp->gate, &pkt->from, true, sep->now);
    else if (!sep->ice)
        latch(sep, pkt);
    *flow = f;
    return SEP_MEDIA;
}

enum sep_verdict sep_media(struct sep *sep, struct pkt *pkt, struct flow **flow, msec_t now)
{
    const size_t wire = pkt->n;
    int err;

    if (!sep->rtp.on || sep->rtp.demux.n == 0)
        return SEP_JUNK; /* a data channel has no RTP */
    sep->now = now;
    if (sep->rtp.opaque)
        return take_opaque(sep, pkt, flow);
    if (!is_from_peer(sep, pkt))
        return drop(&counts_of(sep, pkt)->refused);
    err = open_packet(sep, pkt);
    if (err)
        return drop_unopened(sep, pkt, err);
    if (!pkt->rtcp)
        return take_rtp(sep, pkt, wire, flow);
    if (sep->rtp.gate.rules.rate && !sep_gate_affords(&sep->rtp.gate, &pkt->from, wire, now))
        return drop(&counts_of(sep, pkt)->policed);
    return take_rtcp(sep, pkt, flow);
}

bool sep_more(struct sep *sep, struct pkt *pkt, struct flow **flow)
{
    struct sep_env *env = sep->env;
    const size_t n = env->compound_n;

    if (n == 0 || env->compound_next >= sep->rtp.demux.n || n > (size_t)(pkt->end - pkt->p)) {
        env->compound_n = 0;
        return false;
    }
    memcpy(pkt->p, env->compound, n);
    pkt->n = n;
    pkt->rtcp = true;
    *flow = sep->rtp.demux.flow[env->compound_next++];
    return true;
}

/* --- out --- */

int sep_seal(struct sep *sep, struct pkt *pkt)
{
    struct sep_rtp *rtp = &sep->rtp;
    const size_t room = (size_t)(pkt->end - pkt->p);
    const struct addr *to;
    int err = 0;

    if (sep->ice) /* lost: NULL, nothing may be sent any more (RFC 7675 5.1) */
        to = pkt->rtcp && !rtp->gate.rules.mux ? NULL : ice_selected(sep->ice);
    else
        to = sep_gate_to(&rtp->gate, pkt->rtcp);
    if (!to || !rtp->on || (pkt->rtcp && !rtp->gate.rules.mux && !rtp->has_rtcp_port))
        return -ENOTCONN;
    if (rtp->sec != BUS_SEC_NONE) {
        if (!rtp->tx)
            return -ENOTCONN;
        err = pkt->rtcp ? srtp_seal_rtcp(rtp->tx, pkt->p, &pkt->n, room)
                        : srtp_seal(rtp->tx, pkt->p, &pkt->n, room);
    }
    if (err)
        return err;
    pkt->to = *to;
    pkt->out = sep;
    return 0;
}

/* --- before --- */

static void warm_in(const struct sep *s)
{
    warm(&s->env);
    warm_all(&s->rtp, offsetof(struct sep_rtp, gate));
    warm(s->rtp.gate.only);
    warm(s->rtp.gate.has_only);
    warm(s->rtp.demux.flow);
    warm(&s->rtp.demux.n);
    warm_all(&s->rtp.rx, sizeof(s->rtp) - offsetof(struct sep_rtp, rx));
    warm(&s->n_events);
}

static void warm_out(const struct sep *s)
{
    warm(&s->env);
    warm_all(&s->rtp, offsetof(struct sep_rtp, gate));
    warm(s->rtp.gate.to);
    warm(s->rtp.gate.has_to);
    warm(&s->rtp.rx);
    warm(&s->rtp.tx);
}

void sep_warm(const struct sep *const *seps, unsigned n)
{
    const struct flow *flow[MEDIA_WARM];
    const struct sep *in[MEDIA_WARM], *out[MEDIA_WARM];
    unsigned k = 0;

    for (unsigned i = 0; i < n; i++)
        warm_in(seps[i]);
    for (unsigned i = 0; i < n; i++) {
        if (!seps[i]->rtp.on || seps[i]->rtp.demux.n == 0)
            continue;
        in[k] = seps[i];
        flow[k] = seps[i]->rtp.demux.flow[0];
        flow_warm(flow[k], 0);
        if (in[k]->rtp.rx)
            srtp_warm(in[k]->rtp.rx, 0);
        if (in[k]->ice)
            ice_warm(in[k]->ice);
        k++;
    }
    for (unsigned i = 0; i < k; i++) {
        if (in[i]->rtp.rx)
            srtp_warm(in[i]->rtp.rx, 1);
        flow_warm(flow[i], 1);
    }
    for (unsigned i = 0; i < k; i++) {
        if (in[i]->rtp.rx)
            srtp_warm(in[i]->rtp.rx, 2);
        flow_warm(flow[i], 2);
        out[i] = flow_out(flow[i]);
        if (out[i])
            warm_out(out[i]);
    }
    for (unsigned step = 0; step < 3; step++) {
        for (unsigned i = 0; i < k; i++) {
            if (out[i] && out[i]->rtp.tx)
                srtp_warm(out[i]->rtp.tx, step);
            if (out[i] && step == 0) {
                warm_all(out[i]->owner, SEP_OWNER_HOT);
                if (out[i]->ice)
                    ice_warm(out[i]->ice);
            }
        }
    }
}

/* --- streams --- */

static void set_reduced(struct sep *sep)
{
    const struct sep_demux *d = &sep->rtp.demux;

    sep->rtp.reduced = false;
    for (unsigned i = 0; i < d->n; i++)
        sep->rtp.reduced |= flow_spec(d->flow[i])->feedback;
}

int sep_attach(struct sep *sep, struct flow *f)
{
    const int err = sep_demux_add(&sep->rtp.demux, f);

    set_reduced(sep);
    return err;
}

void sep_detach(struct sep *sep, struct flow *f)
{
    sep_demux_del(&sep->rtp.demux, f);
    set_reduced(sep);
    sep->env->compound_n = 0;
}

bool sep_seals(const struct sep *sep)
{
    return sep->rtp.sec != BUS_SEC_NONE;
}

bool sep_is_transparent(const struct sep *sep)
{
    return sep->rtp.opaque && !sep->ice;
}

bool sep_is_bundle(const struct sep *sep)
{
    return sep->rtp.demux.n > 1;
}

bool sep_owns(const struct sep *sep, const struct flow *f, uint32_t ssrc)
{
    const struct sep_demux *d = &sep->rtp.demux;
    const struct flow *owner;

    if (d->n <= 1)
        return true;
    owner = sep_demux_ssrc(d, ssrc);
    return owner ? owner == f : d->flow[0] == f;
}
