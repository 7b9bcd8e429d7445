#include "agw/media/sep_demux.h"

#include <errno.h>

#include "agw/media/flow.h"

#define SEVERAL 0xff

static void map_pts(struct sep_demux *d)
{
    memset(d->by_pt, 0, sizeof(d->by_pt));
    for (unsigned i = 0; i < d->n; i++) {
        const struct bus_flow *spec = flow_spec(d->flow[i]);

        for (unsigned k = 0; k < spec->n_fmts; k++) {
            uint8_t *at = &d->by_pt[spec->fmts[k].pt & 0x7f];

            *at = *at == 0 || *at == i + 1 ? (uint8_t)(i + 1) : SEVERAL;
        }
    }
}

int sep_demux_add(struct sep_demux *d, struct flow *f)
{
    unsigned i = 0;

    while (i < d->n && d->flow[i] != f)
        i++;
    if (i == MEDIA_SEP_FLOWS)
        return -ENOSPC;
    d->flow[i] = f;
    if (i == d->n)
        d->n++;
    map_pts(d);
    return 0;
}

void sep_demux_del(struct sep_demux *d, struct flow *f)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < d->n; i++)
        if (d->flow[i] != f)
            d->flow[kept++] = d->flow[i];
    d->n = kept;
    kept = 0;
    for (unsigned i = 0; i < d->n_ssrc; i++)
        if (d->by_ssrc[i].flow != f)
            d->by_ssrc[kept++] = d->by_ssrc[i];
    d->n_ssrc = kept;
    d->next = 0;
    map_pts(d);
}

static void learn_ssrc(struct sep_demux *d, uint32_t ssrc, struct flow *f)
{
    unsigned i = 0;

    while (i < d->n_ssrc && d->by_ssrc[i].ssrc != ssrc)
        i++;
    if (i == MEDIA_SEP_SSRC) {
        i = d->next;
        d->next = (d->next + 1) % MEDIA_SEP_SSRC;
    } else if (i == d->n_ssrc) {
        d->n_ssrc++;
    }
    d->by_ssrc[i].ssrc = ssrc;
    d->by_ssrc[i].flow = f;
}

struct flow *sep_demux_ssrc(const struct sep_demux *d, uint32_t ssrc)
{
    for (unsigned i = 0; i < d->n_ssrc; i++)
        if (d->by_ssrc[i].ssrc == ssrc)
            return d->by_ssrc[i].flow;
    return NULL;
}

static bool has_mid(const struct flow *f, struct sv mid)
{
    const char *ours = flow_spec(f)->mid;

    return mid.n < BUS_MID && memcmp(ours, mid.p, mid.n) == 0 && ours[mid.n] == '\0';
}

static bool says_mid_of(const struct rtp *r, const struct flow *f)
{
    const struct sv mid = rtp_ext(r, flow_spec(f)->mid_ext);

    return mid.n && has_mid(f, mid);
}

/* guess: almost always right, and then one comparison of a few octets is all */
static struct flow *flow_of_mid(const struct sep_demux *d, const struct rtp *r, struct flow *guess)
{
    if (guess && says_mid_of(r, guess))
        return guess;
    for (unsigned i = 0; i < d->n; i++)
        if (says_mid_of(r, d->flow[i]))
            return d->flow[i];
    return NULL;
}

struct flow *sep_demux_rtp(struct sep_demux *d, const struct rtp *r, bool learn)
{
    struct flow *known, *f = NULL;
    uint8_t pt;

    if (d->n <= 1)
        return d->n ? d->flow[0] : NULL;
    known = sep_demux_ssrc(d, r->ssrc);
    if (r->ext)
        f = flow_of_mid(d, r, known);
    if (!f)
        f = known;
    pt = d->by_pt[r->pt];
    if (!f && pt != 0 && pt != SEVERAL)
        f = d->flow[pt - 1];
    if (f && f != known && learn)
        learn_ssrc(d, r->ssrc, f);
    return f;
}

void sep_demux_mid(struct sep_demux *d, uint32_t ssrc, struct sv mid)
{
    for (unsigned i = 0; i < d->n; i++)
        if (has_mid(d->flow[i], mid))
            learn_ssrc(d, ssrc, d->flow[i]);
}
