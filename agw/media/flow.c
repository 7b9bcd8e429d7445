#include "agw/media/flow_part.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "agw/media/mos.h"
#include "agw/media/sep.h"
#include "agw/media/warm.h"
#include "common/enc.h"

/* --- making --- */

/* RFC 3551 table 4 and 5: what has no rtpmap needs none */
static uint32_t static_clock(uint8_t pt)
{
    if (pt <= 9 || pt == 12 || pt == 13 || pt == 15 || pt == 18)
        return pt == 6 ? 16000 : 8000;
    return pt >= 25 && pt <= 34 ? 90000 : 0;
}

static void set_spec(struct flow *f, const struct bus_flow *spec)
{
    struct flow_counts *const counts = f->spec.counts;

    f->spec = *spec;
    f->spec.counts = counts;
    if (f->spec.n_fmts > BUS_PTS)
        f->spec.n_fmts = BUS_PTS;
    f->spec.mid[BUS_MID - 1] = '\0';
    f->spec.tell_mid = spec->tell_mid && f->spec.mid_ext >= 1 && f->spec.mid_ext <= 14 && f->spec.mid[0] &&
                       strlen(f->spec.mid) <= 16;
    f->spec.keep_ext = spec->keep_ext && !f->spec.tell_mid;
    f->keep_ext = f->spec.keep_ext;
    f->tell_mid = f->spec.tell_mid;
    f->opaque = f->spec.opaque;
    if (spec->cname[0])
        sv_copy(sv_from(spec->cname), f->cname, sizeof(f->cname));
    for (unsigned i = 0; i < 128; i++) {
        f->pt[i].known = f->spec.n_fmts == 0;
        f->pt[i].clock = static_clock((uint8_t)i);
    }
    for (unsigned i = 0; i < f->spec.n_fmts; i++) {
        struct flow_pt *pt = &f->pt[f->spec.fmts[i].pt & 0x7f];

        pt->known = true;
        pt->clock = f->spec.fmts[i].event ? 0 : f->spec.fmts[i].clock;
    }
    for (unsigned i = 0; i < 128; i++)
        f->pt[i].tick = f->pt[i].clock ? (uint32_t)(((uint64_t)1000000 << 12) / f->pt[i].clock) : 0;
}

static uint64_t draw(struct flow *f) /* xorshift64: no secret hangs on it */
{
    f->random ^= f->random << 13;
    f->random ^= f->random >> 7;
    f->random ^= f->random << 17;
    return f->random;
}

msec_t flow_report_next(struct flow *f, msec_t now)
{
    const uint64_t spread = draw(f) % MEDIA_RTCP_MS;

    return now + (msec_t)((MEDIA_RTCP_MS / 2 + spread) / 1.21828);
}

static int draw_names(struct flow *f)
{
    struct {
        uint64_t seed;
        uint32_t ssrc;
        uint8_t cname[12]; /* RFC 7022 4.2: 96 bits */
    } r;

    if (getrandom(&r, sizeof(r), 0) != sizeof(r))
        return -EAGAIN;
    f->random = r.seed | 1;
    f->ssrc = r.ssrc;
    enc_hex(r.cname, sizeof(r.cname), 0, f->cname);
    return 0;
}

int flow_new(struct flow **fp, struct sep *sep, const struct bus_flow *spec, msec_t now)
{
    const size_t size = (sizeof(struct flow) + WARM_LINE - 1) / WARM_LINE * WARM_LINE;
    struct flow *f = aligned_alloc(WARM_LINE, size);
    int err;

    if (!f)
        return -ENOMEM;
    memset(f, 0, size);
    err = draw_names(f);
    if (err)
        goto out;
    f->counts = spec->counts ? spec->counts : &f->own;
    f->rtp_at = f->relayed_at = f->news_at = now;
    f->news = MEDIA_NEWS;
    f->report_at = now + (flow_report_next(f, now) - now) / 2; /* 6.2: half at first */
    set_spec(f, spec);
    for (unsigned i = 0; i < 128; i++)
        f->pt[i].to = (uint8_t)i;
    err = sep_attach(sep, f);
    if (!err)
        f->sep = sep;
out:
    if (err)
        flow_free(f);
    else
        *fp = f;
    return err;
}

static void leave(struct flow *f)
{
    if (f->peer)
        f->peer->peer = NULL;
    f->peer = NULL;
}

void flow_free(struct flow *f)
{
    if (!f)
        return;
    leave(f);
    if (f->sep)
        sep_detach(f->sep, f);
    free(f);
}

void flow_change(struct flow *f, const struct bus_flow *spec)
{
    set_spec(f, spec);
    (void)sep_attach(f->sep, f); /* it is there already */
}

void flow_gate(struct flow *f, bool in, bool out)
{
    f->spec.in = in;
    f->spec.out = out;
}

void flow_join(struct flow *a, struct flow *b, const struct bus_wire *wire)
{
    if (a->peer != b || !b)
        leave(a);
    if (!b)
        return;
    if (b->peer != a)
        leave(b);
    a->peer = b;
    b->peer = a;
    for (unsigned i = 0; i < 128; i++) {
        a->pt[i].to = wire->a_to_b[i];
        b->pt[i].to = wire->b_to_a[i];
    }
}

struct sep *flow_sep(const struct flow *f)
{
    return f->sep;
}

bus_id flow_id(const struct flow *f)
{
    return f->spec.id;
}

const struct bus_flow *flow_spec(const struct flow *f)
{
    return &f->spec;
}

struct flow_counts *flow_counts(struct flow *f)
{
    return f->counts;
}

bool flow_has_pt(const struct flow *f, uint8_t pt)
{
    return f->pt[pt & 0x7f].known;
}

/* --- a packet --- */

static void put(count_t *c, int64_t v)
{
    atomic_store_explicit(c, v, memory_order_relaxed);
}

/* The counter is the sum over all senders, those forgotten too. */
void flow_lost_changed(struct flow *f, struct flow_src *src)
{
    const int64_t lost = flow_src_lost(src);

    count_bump(&f->counts->lost, lost - src->lost_told);
    src->lost_told = lost;
}

static void withhold(struct flow_src *src, const struct rtp *r)
{
    src->withheld++;
    src->withheld_octets += (uint32_t)r->payload;
}

void flow_withhold(struct flow *f, const struct rtp *r)
{
    struct flow_src *src = flow_src_find(&f->srcs, r->ssrc);

    if (src)
        withhold(src, r);
}

/* NULL: a stray */
static struct flow_src *count_in(struct flow *f, const struct rtp *r, msec_t now)
{
    struct flow_src *src = flow_src_heard(&f->srcs, r, now);
    const uint32_t clock = f->pt[r->pt].clock;
    enum flow_seq seen;

    count_bump(&f->counts->rx_packets, 1);
    count_bump(&f->counts->rx_octets, (int64_t)r->payload);
    f->rtp_at = now;
    f->inactive = false;
    seen = flow_src_count(src, r->seq);
    if (seen == FLOW_SEQ_STRAY)
        return NULL;
    if (seen == FLOW_SEQ_OTHER)
        flow_lost_changed(f, src);
    if (clock && f->pt[r->pt].known) {
        flow_src_jitter(src, r->ts, clock, now);
        f->clock = clock;
        put(&f->counts->jitter, (int64_t)((uint64_t)src->jitter * f->pt[r->pt].tick >> 16));
    }
    return src;
}

/* In front: the last one; for BYE. */
static void note_sent(struct flow *f, uint32_t ssrc)
{
    unsigned i = 0;

    while (i < f->n_sent && f->sent[i] != ssrc)
        i++;
    if (i == f->n_sent && f->n_sent < MEDIA_FLOW_SENT)
        f->n_sent++;
    if (i == MEDIA_FLOW_SENT)
        i--;
    memmove(f->sent + 1, f->sent, i * sizeof(f->sent[0]));
    f->sent[0] = ssrc;
}

_Static_assert(RTP_EXT_MAX <= PKT_HEAD, "MID fits before a packet as received");

static void tell_mid(const struct flow *f, struct pkt *pkt)
{
    const size_t more = rtp_put_ext(pkt->p, RTP_HEADER + 4u * (pkt->p[0] & 0x0f), f->spec.mid_ext, sv_from(f->spec.mid));

    pkt->p -= more;
    pkt->n += more;
}

static int send_rtp(struct flow *f, struct pkt *pkt)
{
    const struct rtp *r = &pkt->rtp;
    size_t away = 0;
    int err;

    if (r->ext && !f->keep_ext)
        away = rtp_strip_ext(pkt->p, r);
    pkt->p += away;
    pkt->n -= away;
    if (f->tell_mid)
        tell_mid(f, pkt);
    err = sep_seal(f->sep, pkt);
    if (err)
        return err;
    if (f->n_sent == 0 || f->sent[0] != r->ssrc)
        note_sent(f, r->ssrc);
    count_bump(&f->counts->tx_packets, 1);
    count_bump(&f->counts->tx_octets, (int64_t)r->payload);
    return 0;
}

static int drop(struct flow_src *src, const struct rtp *r, count_t *why)
{
    withhold(src, r);
    count_bump(why, 1);
    return -EACCES;
}

/* Why it could not leave: a sequence number twice (SRTP must not seal it again), more SSRCs than one key serves, no address
 * or no keys. */
static count_t *unsent(struct flow_counts *c, int err)
{
    return err == -EALREADY ? &c->replayed : err == -ENOSPC ? &c->refused : &c->gated;
}

/* A key forgets no SSRC while it lives, so it must not get more of them than a far end has reason to. */
bool flow_admit(struct flow *f, bool is_proven, msec_t now)
{
    const msec_t more = (now - f->news_at) / MEDIA_NEWS_MS;

    if (!sep_seals(f->peer->sep))
        return true;
    f->news_at += more * MEDIA_NEWS_MS;
    f->news = more >= MEDIA_NEWS - f->news ? MEDIA_NEWS : f->news + (unsigned)more;
    if (f->news == 0 || (f->news <= MEDIA_NEWS / 2 && !is_proven))
        return false;
    f->news--;
    return true;
}

static int relay_rtp(struct flow *f, struct pkt *pkt, msec_t now)
{
    const struct rtp *r = &pkt->rtp;
    const struct flow_pt *pt = &f->pt[r->pt];
    struct flow_src *src = count_in(f, r, now);
    struct flow *peer = f->peer;
    int err;

    if (!src) {
        count_bump(&f->counts->replayed, 1);
        return -EALREADY;
    }
    if (!pt->known || (peer && pt->to == BUS_PT_DROP))
        return drop(src, r, &f->counts->unmapped);
    if (!peer || !f->spec.in)
        return drop(src, r, &f->counts->gated);
    if (!peer->spec.out)
        return drop(src, r, &peer->counts->gated);
    if (!src->passes && !(src->passes = flow_admit(f, src->probation == 0, now)))
        return drop(src, r, &f->counts->refused);
    if (src->shift)
        rtp_set_seq(pkt->p, (uint16_t)(r->seq + src->shift));
    rtp_set_pt(pkt->p, pt->to);
    err = send_rtp(peer, pkt);
    return err ? drop(src, r, unsent(peer->counts, err)) : 0;
}

static void count_opaque(struct flow *f, const struct pkt *pkt, msec_t now)
{
    if (pkt->rtcp) {
        count_bump(&f->counts->rtcp_rx, 1);
        return;
    }
    count_bump(&f->counts->rx_packets, 1);
    count_bump(&f->counts->rx_octets, (int64_t)pkt->n);
    f->rtp_at = now;
    f->inactive = false;
}

/* UDP, or secured end to end: as it is. RTCP does not ask for Mode. */
static int relay_opaque(struct flow *f, struct pkt *pkt, msec_t now)
{
    struct flow *peer = f->peer;
    struct flow_counts *closed = NULL;

    count_opaque(f, pkt, now);
    if (pkt->rtcp && (!peer || !peer->spec.has_rtcp))
        return -ENOTCONN;
    if (!peer || (!pkt->rtcp && !f->spec.in))
        closed = f->counts;
    else if ((!pkt->rtcp && !peer->spec.out) || sep_seal(peer->sep, pkt))
        closed = peer->counts;
    if (closed) {
        count_bump(&closed->gated, 1);
        return -EACCES;
    }
    count_bump(pkt->rtcp ? &peer->counts->rtcp_tx : &peer->counts->tx_packets, 1);
    if (!pkt->rtcp)
        count_bump(&peer->counts->tx_octets, (int64_t)pkt->n);
    return 0;
}

/* The payload types are not known yet: those of telephony are together, 0 to 18, the dynamic ones from 96 on */
void flow_warm(const struct flow *f, unsigned step)
{
    if (step == 0) {
        warm_all(f, offsetof(struct flow, srcs.v[1]));
        warm(&f->pt[0]);
        warm(&f->pt[96]);
        warm(&f->spec.in);
    } else if (step == 1) {
        warm_all(f->counts, offsetof(struct flow_counts, rtt));
        if (f->peer) {
            warm(f->peer);
            warm(&f->peer->spec.out);
        }
    } else if (f->peer) {
        warm_all(f->peer->counts, offsetof(struct flow_counts, lost));
    }
}

const struct sep *flow_out(const struct flow *f)
{
    return f->peer ? f->peer->sep : NULL;
}

int flow_relay(struct flow *f, struct pkt *pkt, msec_t now)
{
    if (f->opaque)
        return relay_opaque(f, pkt, now);
    return pkt->rtcp ? flow_relay_rtcp(f, pkt, now) : relay_rtp(f, pkt, now);
}

/* --- time --- */

static msec_t inactive_at(const struct flow *f)
{
    return f->inactive || !f->spec.inactivity_ms ? MSEC_NEVER : f->rtp_at + f->spec.inactivity_ms;
}

msec_t flow_deadline(const struct flow *f)
{
    const msec_t at = inactive_at(f);

    return at < f->report_at ? at : f->report_at;
}

/* Quality of what came in since it was last judged: loss of the interval, delay by half the round trip of this side and a
 * jitter buffer of twice the jitter and one packet (20 ms). */
static void judge(struct flow *f)
{
    struct flow_src *src = f->srcs.n ? &f->srcs.v[f->srcs.last] : NULL;
    struct mos_input in = {.clock = f->clock};
    uint32_t expected, received;
    double r;

    if (f->spec.video || !src || src->probation || flow_src_expected(src) == src->expected_mos)
        return;
    expected = flow_src_expected(src) - src->expected_mos;
    received = src->received - src->received_mos;
    src->expected_mos += expected;
    src->received_mos += received;
    in.loss = received < expected ? (double)(expected - received) / expected : 0;
    in.delay_ms = (unsigned)((count_get(&f->counts->rtt) / 2 + 2 * count_get(&f->counts->jitter)) / 1000 + 20);
    r = mos_r(&in);
    put(&f->counts->r_factor, (int64_t)(r + 0.5));
    put(&f->counts->mos, (int64_t)(100 * mos_of(r) + 0.5));
}

/* While the other side reports, its reports pass and ours would contradict nothing but say everything twice. */
static bool is_silent(const struct flow *f, msec_t now)
{
    return f->spec.has_rtcp && !f->spec.opaque && now - f->relayed_at >= MEDIA_RTCP_SILENT * MEDIA_RTCP_MS;
}

bool flow_tick(struct flow *f, msec_t now, enum bus_what *what, struct pkt *pkt)
{
    bool news = false;

    pkt->n = 0;
    if (now >= inactive_at(f)) {
        f->inactive = true;
        *what = BUS_EV_INACTIVE;
        news = true;
    }
    if (now >= f->report_at) {
        f->report_at = flow_report_next(f, now);
        judge(f);
        if (is_silent(f, now) && flow_report(f, pkt, now))
            pkt->n = 0;
    }
    return news;
}
