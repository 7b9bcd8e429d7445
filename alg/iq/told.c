#include "alg/iq/told.h"

#include <inttypes.h>

static const struct count_def sums[TOLD_SUMS] = {
    [TOLD_STREAMS] = {"alg_media_streams_total", "RTP streams of ended calls that gateways told of, each side alone", false},
    [TOLD_PACKETS_IN] = {"alg_media_packets_received_total", "RTP packets that gateways received in them", false},
    [TOLD_PACKETS_OUT] = {"alg_media_packets_sent_total", "RTP packets that gateways sent in them", false},
    [TOLD_OCTETS_IN] = {"alg_media_octets_received_total", "their octets", false},
    [TOLD_OCTETS_OUT] = {"alg_media_octets_sent_total", "their octets", false},
};

static const struct histo_def histos[TOLD_HISTOS] = {
    [TOLD_LOSS] = {"alg_media_loss_percent", "RTP packets lost on the way to the gateway, by stream", 100, 8,
                   {0, 10, 50, 100, 200, 500, 1000, 2000}},
    [TOLD_JITTER] = {"alg_media_jitter_ms", "interarrival jitter at the gateway (RFC 3550), by stream", 1, 7, {2, 5, 10, 20, 30, 50, 100}},
    [TOLD_DELAY] = {"alg_media_delay_ms", "one way between the gateway and that side, by stream", 1, 7, {5, 10, 25, 50, 100, 150, 400}},
    [TOLD_MOS] = {"alg_media_mos", "listening quality of what the gateway received (G.107), by stream", 100, 8,
                  {100, 200, 260, 310, 360, 400, 430, 450}},
};

static int64_t value(struct iq_int v)
{
    return v.set && v.v > 0 ? v.v : 0;
}

static void add(struct told *t, const struct iq_stats *s)
{
    const struct iq_int sum[TOLD_SUMS] = {{true, 1}, s->packets_in, s->packets_out, s->octets_in, s->octets_out};
    const struct iq_int one[TOLD_HISTOS] = {s->lost, s->jitter, s->delay, s->mos};

    for (unsigned i = 0; i < TOLD_SUMS; i++)
        count_add(&t->sums[i], value(sum[i]));
    for (unsigned i = 0; i < TOLD_HISTOS; i++) {
        if (one[i].set && one[i].v >= 0)
            histo_add(&histos[i], &t->histos[i], one[i].v);
    }
}

static void say(struct sv termid, unsigned stream, const struct iq_stats *s, struct buf *line)
{
    buf_printf(line, "%s%.*s/%u in=%" PRId64 "/%" PRId64 " out=%" PRId64 "/%" PRId64, line->len ? ", " : "", SV_ARG(termid), stream,
               value(s->packets_in), value(s->octets_in), value(s->packets_out), value(s->octets_out));
    if (s->lost.set)
        buf_printf(line, " lost=%" PRId64 ".%02" PRId64 "%%", value(s->lost) / 100, value(s->lost) % 100);
    if (s->jitter.set)
        buf_printf(line, " jitter=%" PRId64, value(s->jitter));
    if (s->delay.set)
        buf_printf(line, " delay=%" PRId64, value(s->delay));
    if (s->mos.set)
        buf_printf(line, " mos=%" PRId64 ".%02" PRId64, value(s->mos) / 100, value(s->mos) % 100);
}

static bool is_told(const struct iq_stats *s)
{
    return s->packets_in.set || s->packets_out.set || s->octets_in.set || s->octets_out.set;
}

void told_add(struct told *t, struct sv termid, const struct iq_term *term, struct buf *line)
{
    if (is_told(&term->stats)) {
        add(t, &term->stats);
        say(termid, 0, &term->stats, line);
    }
    for (unsigned i = 0; i < term->n_streams; i++) {
        const struct iq_stream *s = &term->streams[i];

        if (!is_told(&s->stats))
            continue;
        add(t, &s->stats);
        say(termid, s->id, &s->stats, line);
    }
}

void told_print(const struct told *t, struct buf *out)
{
    count_print(sums, t->sums, TOLD_SUMS, out);
    for (unsigned i = 0; i < TOLD_HISTOS; i++)
        histo_print(&histos[i], &t->histos[i], out);
}
