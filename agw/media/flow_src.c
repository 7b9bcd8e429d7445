#include "agw/media/flow_src.h"

#define SEQ_MOD 65536u
#define MAX_DROPOUT 3000
#define MAX_MISORDER 100
#define MIN_SEQUENTIAL 2
#define SEQ_FORWARD 0x7000 /* SRTP takes a step of 2^15 or more for one back (RFC 3711 3.3.1) */

struct flow_src *flow_src_find(struct flow_srcs *s, uint32_t ssrc)
{
    if (s->n && s->v[s->last].ssrc == ssrc)
        return &s->v[s->last];
    for (unsigned i = 0; i < s->n; i++)
        if (s->v[i].ssrc == ssrc)
            return &s->v[i];
    return NULL;
}

/* One that never got through probation goes before one that did; then who is silent for longest. */
static bool is_lesser(const struct flow_src *a, const struct flow_src *b)
{
    if (!a->probation != !b->probation)
        return a->probation != 0;
    return a->heard < b->heard;
}

static struct flow_src *place(struct flow_srcs *s)
{
    struct flow_src *least = &s->v[0];

    if (s->n < MEDIA_FLOW_SSRC)
        return &s->v[s->n++];
    for (unsigned i = 1; i < s->n; i++)
        if (is_lesser(&s->v[i], least))
            least = &s->v[i];
    return least;
}

static void begin(struct flow_src *src, uint16_t seq)
{
    src->base_seq = seq;
    src->max_seq = seq;
    src->bad_seq = SEQ_MOD + 1; /* no sequence number */
    src->cycles = 0;
    src->received = 0;
    src->expected_prior = src->received_prior = 0;
    src->expected_mos = src->received_mos = 0;
    src->lost_told = 0;
    src->has_transit = false;
}

struct flow_src *flow_src_heard(struct flow_srcs *s, const struct rtp *r, msec_t now)
{
    struct flow_src *src = flow_src_find(s, r->ssrc);

    if (!src) {
        src = place(s);
        memset(src, 0, sizeof(*src));
        src->ssrc = r->ssrc;
        begin(src, r->seq);
        src->max_seq = (uint16_t)(r->seq - 1);
        src->probation = MIN_SEQUENTIAL;
    }
    s->last = (unsigned)(src - s->v);
    src->heard = now;
    src->reported = false;
    return src;
}

void flow_src_forget(struct flow_srcs *s, uint32_t ssrc)
{
    struct flow_src *src = flow_src_find(s, ssrc);

    if (!src)
        return;
    *src = (struct flow_src){
        .ssrc = ssrc,
        .probation = MIN_SEQUENTIAL,
        .max_seq = src->max_seq,
        .shift = src->shift,
        .top = src->probation ? src->top : (uint16_t)(src->max_seq + src->shift),
        .has_left = true,
        .passes = src->passes,
        .heard = src->heard,
    };
}

/* From `seq` on it counts anew: unless that leads forward, or is a little late, what leaves goes on behind `top`. */
static void go_on(struct flow_src *src, uint16_t top, uint16_t seq)
{
    const uint16_t step = (uint16_t)(seq + src->shift - top);

    if (step >= SEQ_FORWARD && step <= SEQ_MOD - MAX_MISORDER)
        src->shift = (uint16_t)(top + 1 - seq);
}

static void on_probation(struct flow_src *src, uint16_t seq)
{
    const bool in_order = seq == (uint16_t)(src->max_seq + 1);

    src->probation = in_order ? src->probation - 1 : MIN_SEQUENTIAL - 1;
    if (src->has_left && in_order)
        go_on(src, src->top, seq);
    if (!src->has_left || (int16_t)(seq + src->shift - src->top) > 0)
        src->top = (uint16_t)(seq + src->shift);
    src->has_left = true;
    src->max_seq = seq;
    if (src->probation)
        return;
    begin(src, seq);
    src->received = 1;
}

/* Twice in order: the other side began anew. Its own counts did, too. */
static void restart(struct flow_src *src, uint16_t seq)
{
    const uint16_t top = (uint16_t)(src->max_seq + src->shift);

    begin(src, seq);
    go_on(src, top, seq);
    src->withheld = src->withheld_octets = 0;
}

enum flow_seq flow_src_count(struct flow_src *src, uint16_t seq)
{
    const uint16_t delta = (uint16_t)(seq - src->max_seq);

    if (src->probation) {
        on_probation(src, seq);
        return FLOW_SEQ_NEXT;
    }
    if (delta < MAX_DROPOUT) {
        if (seq < src->max_seq)
            src->cycles += SEQ_MOD;
        src->max_seq = seq;
    } else if (delta <= SEQ_MOD - MAX_MISORDER) {
        if (seq != src->bad_seq) { /* a very large jump: once may be a stray packet */
            src->bad_seq = (seq + 1u) & (SEQ_MOD - 1);
            return FLOW_SEQ_STRAY;
        }
        restart(src, seq);
    }
    src->received++;
    return delta == 1 ? FLOW_SEQ_NEXT : FLOW_SEQ_OTHER;
}

/* The low 16 bits are exact; how often it came round is ours, for the receiver counts since before the jump. */
uint32_t flow_src_seq(const struct flow_src *src, uint32_t told)
{
    const uint16_t low = (uint16_t)(told - src->shift);

    return src->cycles + src->max_seq + (uint32_t)(int32_t)(int16_t)(low - src->max_seq);
}

void flow_src_jitter(struct flow_src *src, uint32_t ts, uint32_t clock, msec_t now)
{
    const uint32_t transit = (uint32_t)(now * clock / 1000) - ts;
    const int32_t diff = (int32_t)(transit - src->transit);
    const uint32_t d = diff < 0 ? -(uint32_t)diff : (uint32_t)diff;

    if (src->probation)
        return;
    if (src->has_transit && d < clock * 10u) /* more is a new time base, no jitter */
        src->jitter += d - ((src->jitter + 8) >> 4);
    src->transit = transit;
    src->has_transit = true;
}

uint32_t flow_src_expected(const struct flow_src *src)
{
    return src->probation ? 0 : src->cycles + src->max_seq - src->base_seq + 1;
}

int64_t flow_src_lost(const struct flow_src *src)
{
    return src->probation ? 0 : (int64_t)flow_src_expected(src) - src->received;
}

void flow_src_report(struct flow_src *src, struct rtcp_block *b, msec_t now)
{
    const uint32_t expected = flow_src_expected(src);
    const uint32_t due = expected - src->expected_prior;
    const int64_t lost = flow_src_lost(src), missing = (int64_t)due - (src->received - src->received_prior);

    b->ssrc = src->ssrc;
    b->fraction = due == 0 || missing <= 0 ? 0 : (uint8_t)((missing << 8) / due > 255 ? 255 : (missing << 8) / due);
    b->lost = (int32_t)(lost > 0x7fffff ? 0x7fffff : lost < -0x800000 ? -0x800000 : lost);
    b->seq = src->cycles + src->max_seq;
    b->jitter = src->jitter >> 4;
    b->lsr = src->sr_ntp;
    b->dlsr = src->sr_ntp ? (uint32_t)((now - src->sr_at) * 65536 / 1000) : 0;
    src->expected_prior = expected;
    src->received_prior = src->received;
    src->reported = true;
}
