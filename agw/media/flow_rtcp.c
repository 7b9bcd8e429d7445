/* RTCP of a stream: what passes to the other side, made anew so that it stays a valid compound (RFC 3550 6.1) and stays true,
 * and reports of our own when the other side has none. SSRCs pass unchanged, sequence numbers too unless their sender jumped
 * (flow_src.shift): then report blocks and NACKs about it are turned back. Sender reports count what was sent to us; what we
 * withheld (Mode, rate, payload type) is taken off, so that the far end does not hold it for loss. */
#include <errno.h>

#include "agw/media/flow_part.h"
#include "agw/media/sep.h"

#define SENDERS RTCP_BLOCKS

struct out {                /* the compound in the making */
    uint8_t head[MEDIA_TX_SIZE], tail[MEDIA_TX_SIZE];
    struct buf reports, feedback;
    uint32_t sender[SENDERS], bye[SENDERS];
    unsigned n_senders, n_byes;
};

static void add_once(uint32_t *list, unsigned *n, uint32_t ssrc)
{
    for (unsigned i = 0; i < *n; i++)
        if (list[i] == ssrc)
            return;
    if (*n < SENDERS)
        list[(*n)++] = ssrc;
}

/* --- what concerns us --- */

/* An SSRC that our far end hears from us: one of the other side's. */
static bool is_heard_there(const struct flow *f, uint32_t ssrc)
{
    return !sep_is_bundle(f->sep) || (f->peer && flow_src_find(&f->peer->srcs, ssrc)) || ssrc == f->ssrc;
}

static void hear_block(struct flow *f, const struct rtcp_block *b, msec_t now)
{
    struct flow_src *src = f->peer ? flow_src_find(&f->peer->srcs, b->ssrc) : NULL;
    const uint64_t held = (uint64_t)b->dlsr * 1000 / 65536;

    if (!src)
        return;
    atomic_store_explicit(&f->counts->far_lost, b->lost, memory_order_relaxed);
    if (f->peer->clock)
        atomic_store_explicit(&f->counts->far_jitter, (int64_t)((uint64_t)b->jitter * 1000000 / f->peer->clock),
                              memory_order_relaxed);
    /* its last SR passed here at sr_at and went on at once (RFC 3550 6.4.1) */
    if (b->lsr && b->lsr == src->sr_ntp && now >= src->sr_at + held)
        atomic_store_explicit(&f->counts->rtt, (int64_t)(now - src->sr_at - held) * 1000, memory_order_relaxed);
}

static void hear_sr(struct flow *f, const struct rtcp *r, msec_t now)
{
    struct flow_src *src = flow_src_find(&f->srcs, rtcp_sender(r));

    if (!src)
        return;
    src->sr_ntp = rtcp_u32(r, 8) << 16 | rtcp_u32(r, 12) >> 16;
    src->sr_at = now;
}

/* --- reports --- */

static void put_u32(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 24);
    p[1] = (uint8_t)(v >> 16);
    p[2] = (uint8_t)(v >> 8);
    p[3] = (uint8_t)v;
}

static void put_sender_info(struct flow *f, const struct rtcp *r, struct buf *b)
{
    const struct flow_src *src = flow_src_find(&f->srcs, rtcp_sender(r));
    uint8_t info[20];

    memcpy(info, r->p + 8, sizeof(info));
    if (src) {
        put_u32(info + 12, rtcp_u32(r, 20) - src->withheld);
        put_u32(info + 16, rtcp_u32(r, 24) - src->withheld_octets);
    }
    buf_put(b, info, sizeof(info));
}

/* What the sender shall read: its own sequence numbers. */
static void put_block(struct flow *f, struct rtcp_block *block, struct buf *b)
{
    const struct flow_src *src = f->peer ? flow_src_find(&f->peer->srcs, block->ssrc) : NULL;

    if (src && src->shift)
        block->seq = flow_src_seq(src, block->seq);
    rtcp_put_block(b, block);
}

static void take_report(struct flow *f, const struct rtcp *r, struct out *o, msec_t now)
{
    const bool ours = sep_owns(f->sep, f, rtcp_sender(r)), sr = ours && r->type == RTCP_SR;
    struct rtcp_block block;
    unsigned kept = 0;
    size_t at;

    if (sr)
        hear_sr(f, r, now);
    at = rtcp_begin(&o->reports, sr ? RTCP_SR : RTCP_RR);
    buf_u32(&o->reports, rtcp_sender(r));
    if (sr)
        put_sender_info(f, r, &o->reports);
    for (unsigned i = 0; i < r->count; i++) {
        rtcp_block_get(&block, rtcp_block_at(r, i));
        if (!is_heard_there(f, block.ssrc))
            continue;
        hear_block(f, &block, now);
        if (block.ssrc == f->ssrc)
            continue; /* about us, not about the other side */
        put_block(f, &block, &o->reports);
        kept++;
    }
    if (ours || kept) {
        rtcp_end(&o->reports, at, kept);
        add_once(o->sender, &o->n_senders, rtcp_sender(r));
    } else {
        o->reports.len = at;
    }
}

/* --- feedback --- */

static void take_whole(const struct rtcp *r, struct out *o)
{
    const size_t at = rtcp_begin(&o->feedback, r->type);

    buf_put(&o->feedback, r->p + 4, r->n - 4);
    rtcp_end(&o->feedback, at, r->count);
    add_once(o->sender, &o->n_senders, rtcp_sender(r));
}

/* RFC 4585 6.2.1: PID and BLP, four octets each; the bits count from PID. */
static void take_nack(struct flow *f, const struct rtcp *r, struct out *o)
{
    const struct flow_src *src = flow_src_find(&f->peer->srcs, rtcp_u32(r, 8));
    size_t at = o->feedback.len + 12;

    take_whole(r, o);
    if (!src || !src->shift || o->feedback.overflow)
        return;
    for (; at + 4 <= o->feedback.len; at += 4) {
        uint8_t *p = o->feedback.p + at;
        const unsigned pid = (unsigned)(p[0] << 8 | p[1]) - src->shift;

        p[0] = (uint8_t)(pid >> 8);
        p[1] = (uint8_t)pid;
    }
}

/* FIR and TMMBR name their SSRCs in entries of eight octets (RFC 5104 4.2.1.1, 4.3.1.1). */
static void take_entries(struct flow *f, const struct rtcp *r, struct out *o)
{
    const size_t began = o->feedback.len;
    bool any = false;
    size_t at = rtcp_begin(&o->feedback, r->type);

    buf_put(&o->feedback, r->p + 4, 8);
    for (size_t i = 12; i + 8 <= r->n; i += 8) {
        if (!is_heard_there(f, rtcp_u32(r, i)))
            continue;
        buf_put(&o->feedback, r->p + i, 8);
        any = true;
    }
    if (any) {
        rtcp_end(&o->feedback, at, r->count);
        add_once(o->sender, &o->n_senders, rtcp_sender(r));
    } else {
        o->feedback.len = began;
    }
}

/* REMB (draft-alvestrand-rmcat-remb) and transport-cc rest on header extensions: they pass where those pass both ways. */
static bool extensions_pass(const struct flow *f)
{
    return f->spec.keep_ext && f->peer->spec.keep_ext;
}

static bool remb_is_ours(const struct flow *f, const struct rtcp *r)
{
    if (r->n < 20 || memcmp(r->p + 12, "REMB", 4) != 0 || !extensions_pass(f))
        return false;
    for (size_t i = 20; i + 4 <= r->n; i += 4)
        if (is_heard_there(f, rtcp_u32(r, i)))
            return true;
    return false;
}

static void take_rtpfb(struct flow *f, const struct rtcp *r, struct out *o)
{
    switch (r->count) {
    case RTPFB_NACK:
        if (is_heard_there(f, rtcp_u32(r, 8)))
            take_nack(f, r, o);
        break;
    case RTPFB_TMMBR:
        take_entries(f, r, o);
        break;
    case RTPFB_TMMBN: /* its entries are owners of limits, on the other side */
        if (sep_owns(f->sep, f, rtcp_sender(r)))
            take_whole(r, o);
        break;
    case RTPFB_TCC: /* counts all packets of a transport: no transport is the other's when one is a bundle */
        if (extensions_pass(f) && !sep_is_bundle(f->sep) && !sep_is_bundle(f->peer->sep))
            take_whole(r, o);
        break;
    default:
        break;
    }
}

static void take_psfb(struct flow *f, const struct rtcp *r, struct out *o)
{
    if (r->count == PSFB_PLI && is_heard_there(f, rtcp_u32(r, 8)))
        take_whole(r, o);
    else if (r->count == PSFB_FIR)
        take_entries(f, r, o);
    else if (r->count == PSFB_AFB && remb_is_ours(f, r))
        take_whole(r, o);
}

/* --- the compound --- */

static void take_bye(struct flow *f, const struct rtcp *r, struct out *o)
{
    for (unsigned i = 0; i < r->count; i++) {
        const uint32_t ssrc = rtcp_u32(r, 4 + 4u * i);

        if (!sep_owns(f->sep, f, ssrc))
            continue;
        flow_src_forget(&f->srcs, ssrc);
        add_once(o->bye, &o->n_byes, ssrc);
    }
}

/* SDES, APP and XR end here: their names and figures are the far end's own business; our CNAME stands in for its. */
static void take(struct flow *f, const struct rtcp *r, struct out *o, msec_t now)
{
    const bool feedback = f->peer && f->peer->spec.feedback;

    if (r->type == RTCP_SR || r->type == RTCP_RR)
        take_report(f, r, o, now);
    else if (r->type == RTCP_RTPFB && feedback)
        take_rtpfb(f, r, o);
    else if (r->type == RTCP_PSFB && feedback)
        take_psfb(f, r, o);
    else if (r->type == RTCP_BYE)
        take_bye(f, r, o);
}

static void out_init(struct out *o)
{
    o->reports = buf_over(o->head, sizeof(o->head));
    o->feedback = buf_over(o->tail, sizeof(o->tail));
    o->n_senders = o->n_byes = 0;
}

static void put_names(struct out *o, const char *cname)
{
    const size_t at = rtcp_begin(&o->reports, RTCP_SDES);

    for (unsigned i = 0; i < o->n_senders; i++)
        rtcp_put_cname(&o->reports, o->sender[i], sv_from(cname));
    rtcp_end(&o->reports, at, o->n_senders);
}

/* Report first, SDES, feedback, BYE last; from `sender` onwards written for `to`, sealed and addressed. */
static int out_send(struct out *o, struct flow *to, struct pkt *pkt)
{
    const bool none = o->reports.len == 0;
    struct buf all;
    size_t at;
    int err;

    if (o->n_byes)
        add_once(o->sender, &o->n_senders, o->bye[0]);
    if (o->n_senders == 0)
        return -ENOMSG;
    if (none) { /* reduced-size (RFC 5506) is for those who agreed on it */
        at = rtcp_begin(&o->reports, RTCP_RR);
        buf_u32(&o->reports, o->sender[0]);
        rtcp_end(&o->reports, at, 0);
    }
    put_names(o, to->cname);
    all = buf_over(pkt->p, (size_t)(pkt->end - pkt->p));
    buf_sv_put(&all, buf_sv(&o->reports));
    buf_sv_put(&all, buf_sv(&o->feedback));
    if (o->n_byes) {
        at = rtcp_begin(&all, RTCP_BYE);
        for (unsigned i = 0; i < o->n_byes; i++)
            buf_u32(&all, o->bye[i]);
        rtcp_end(&all, at, o->n_byes);
    }
    if (o->reports.overflow || o->feedback.overflow || all.overflow)
        return -EMSGSIZE;
    pkt->n = all.len;
    pkt->rtcp = true;
    err = sep_seal(to->sep, pkt);
    if (!err)
        count_bump(&to->counts->rtcp_tx, 1);
    return err;
}

/* SRTCP keeps an index of the first SSRC of a compound: out_send writes reports first. */
static uint32_t first_ssrc(const struct out *o)
{
    const uint8_t *p = o->head + 4;

    if (o->reports.len >= 8)
        return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
    return o->n_senders ? o->sender[0] : o->bye[0];
}

static bool may_speak(struct flow *f, const struct out *o, msec_t now)
{
    const uint32_t ssrc = first_ssrc(o);
    const struct flow_src *src = flow_src_find(&f->srcs, ssrc);

    if (src && src->passes)
        return true;
    for (unsigned i = 0; i < f->n_speakers; i++)
        if (f->speaker[i] == ssrc)
            return true;
    if (!flow_admit(f, false, now))
        return false;
    if (f->n_speakers == MEDIA_FLOW_SPEAKERS)
        memmove(f->speaker, f->speaker + 1, --f->n_speakers * sizeof(f->speaker[0]));
    f->speaker[f->n_speakers++] = ssrc;
    return true;
}

int flow_relay_rtcp(struct flow *f, struct pkt *pkt, msec_t now)
{
    struct out o;
    struct rtcp r;
    int err;

    out_init(&o);
    for (size_t at = 0; rtcp_next(&r, pkt->p, pkt->n, &at);)
        take(f, &r, &o, now);
    if (o.n_senders || o.n_byes || !sep_is_bundle(f->sep))
        count_bump(&f->counts->rtcp_rx, 1);
    if (!f->peer || !f->peer->spec.has_rtcp)
        return -ENOTCONN;
    if ((o.n_senders || o.n_byes) && !may_speak(f, &o, now)) {
        count_bump(&f->counts->refused, 1);
        return -EACCES;
    }
    err = out_send(&o, f->peer, pkt);
    if (!err)
        f->peer->relayed_at = now;
    return err;
}

/* --- ours --- */

static void put_own_rr(struct flow *f, struct out *o, msec_t now)
{
    const size_t at = rtcp_begin(&o->reports, RTCP_RR);
    struct rtcp_block block;
    unsigned n = 0;

    buf_u32(&o->reports, f->ssrc);
    for (unsigned i = 0; i < f->srcs.n; i++) {
        if (f->srcs.v[i].probation || f->srcs.v[i].reported)
            continue;
        flow_src_report(&f->srcs.v[i], &block, now);
        rtcp_put_block(&o->reports, &block);
        n++;
    }
    rtcp_end(&o->reports, at, n);
    add_once(o->sender, &o->n_senders, f->ssrc);
}

int flow_report(struct flow *f, struct pkt *pkt, msec_t now)
{
    struct out o;
    int err;

    out_init(&o);
    put_own_rr(f, &o, now);
    err = out_send(&o, f, pkt);
    f->has_reported |= !err;
    return err;
}

int flow_bye(struct flow *f, struct pkt *pkt, msec_t now)
{
    struct out o;

    pkt->n = 0;
    if (!f->spec.has_rtcp || f->spec.opaque || (f->n_sent == 0 && !f->has_reported))
        return -ENOMSG;
    out_init(&o);
    put_own_rr(f, &o, now);
    for (unsigned i = 0; i < f->n_sent; i++)
        add_once(o.bye, &o.n_byes, f->sent[i]);
    add_once(o.bye, &o.n_byes, f->ssrc);
    return out_send(&o, f, pkt);
}
