/* Statistics. */
#include "agw/ctl/stats.h"

#include <stddef.h>

#include "agw/ctl/stream.h"

struct sum { /* of one stream or of several */
    bool any;
    int64_t dur, octets_in, octets_out, packets_in, packets_out, lost, jitter, delay, mos;
};

static int64_t most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* Counts add up; of what is a quality the worst one tells. */
static void sum_add(struct sum *sum, const struct stream *s, msec_t now)
{
    const struct flow_counts *f = s->ep->counts;
    const int64_t mos = count_get(&f->mos);

    sum->any = true;
    sum->dur = most(sum->dur, now > s->since ? (int64_t)(now - s->since) : 0);
    sum->octets_in += count_get(&f->rx_octets);
    sum->octets_out += count_get(&f->tx_octets);
    sum->packets_in += count_get(&f->rx_packets);
    sum->packets_out += count_get(&f->tx_packets);
    sum->lost += most(count_get(&f->lost), 0); /* duplicates make it negative (RFC 3550 A.3) */
    sum->jitter = most(sum->jitter, count_get(&f->jitter));
    sum->delay = most(sum->delay, count_get(&f->rtt) / 2);
    if (mos && (!sum->mos || mos < sum->mos))
        sum->mos = mos;
}

static void sum_put(const struct sum *sum, struct iq_stats *out)
{
    const int64_t expected = sum->packets_in + sum->lost;

    *out = (struct iq_stats){
        .dur = {true, sum->dur},
        .octets_out = {true, sum->octets_out},
        .octets_in = {true, sum->octets_in},
        .packets_out = {true, sum->packets_out},
        .packets_in = {true, sum->packets_in},
        .lost = {true, expected > 0 ? sum->lost * 10000 / expected : 0},
        .jitter = {true, sum->jitter / 1000},
        .delay = {true, sum->delay / 1000},
    };
    if (sum->mos) /* 0: not known yet */
        out->mos = (struct iq_int){true, sum->mos > 500 ? 500 : sum->mos};
}

bool stats_fill(const struct term *t, bool per_stream, msec_t now, struct iq_term *out)
{
    struct sum all = {0};
    const struct stream *s;

    DL_FOREACH(t->streams, s)
    {
        struct sum one = {0};
        struct iq_stream *to;

        if (s->kind != STREAM_RTP)
            continue;
        sum_add(&all, s, now);
        if (!per_stream)
            continue;
        to = iq_stream_find(out, s->spec.id);
        if (!to)
            to = iq_stream_new(out, s->spec.id);
        if (!to)
            continue;
        sum_add(&one, s, now);
        sum_put(&one, &to->stats);
    }
    if (all.any && !per_stream)
        sum_put(&all, &out->stats);
    return all.any;
}

/* --- totals --- */

#define TOTAL(f) offsetof(struct flow_counts, f)
static const struct {
    struct count_def def;
    size_t offset;
} totals[CTL_TOTALS] = {
    {{"agw_rtp_rx_packets_total", "RTP packets taken from the network", false}, TOTAL(rx_packets)},
    {{"agw_rtp_rx_octets_total", "their payload octets", false}, TOTAL(rx_octets)},
    {{"agw_rtp_tx_packets_total", "RTP packets sent to the network", false}, TOTAL(tx_packets)},
    {{"agw_rtp_tx_octets_total", "their payload octets", false}, TOTAL(tx_octets)},
    {{"agw_rtp_lost_total", "RTP packets lost on the way to the gateway", false}, TOTAL(lost)},
    {{"agw_rtcp_rx_total", "RTCP packets taken from the network", false}, TOTAL(rtcp_rx)},
    {{"agw_rtcp_tx_total", "RTCP packets sent", false}, TOTAL(rtcp_tx)},
    {{"agw_rtp_gated_total", "dropped: not through-connected", false}, TOTAL(gated)},
    {{"agw_rtp_refused_total", "dropped: from a source that is not the stream's", false},
     TOTAL(refused)},
    {{"agw_rtp_unauthentic_total", "dropped: SRTP authentication, or no keys yet", false},
     TOTAL(unauthentic)},
    {{"agw_rtp_replayed_total", "dropped: SRTP index seen before", false}, TOTAL(replayed)},
    {{"agw_rtp_policed_total", "dropped: above the rate (tman)", false}, TOTAL(policed)},
    {{"agw_rtp_unmapped_total", "dropped: payload type that the other side does not take", false},
     TOTAL(unmapped)},
};

static const count_t *value_of(const struct flow_counts *f, unsigned i)
{
    return (const count_t *)((const char *)f + totals[i].offset);
}

void stats_retire(struct ctl *c, const struct flow_counts *f)
{
    for (unsigned i = 0; i < CTL_TOTALS; i++)
        count_add(&c->totals[i], count_get(value_of(f, i)));
}

void stats_print(const struct ctl *c, struct buf *out)
{
    struct count_def defs[CTL_TOTALS];
    count_t sum[CTL_TOTALS];
    const struct ep *ep;

    for (unsigned i = 0; i < CTL_TOTALS; i++) {
        defs[i] = totals[i].def;
        atomic_init(&sum[i], count_get(&c->totals[i]));
    }
    for (ep = c->eps; ep; ep = ep->hh.next) {
        for (unsigned i = 0; ep->counts && i < CTL_TOTALS; i++)
            count_add(&sum[i], count_get(value_of(ep->counts, i)));
    }
    count_print(defs, sum, CTL_TOTALS, out);
}
