#include "agw/media/mos.h"

#include <stddef.h>

/* Equipment impairment (G.113): a worker knows clocks, no codec names. 8000 Hz is taken for G.711 with concealment (Ie 0,
 * Bpl 25.1, G.113 table I.4). G.113 has no row for Opus and AMR-WB on the narrowband scale: Ie 0 because neither
 * impairs below 0 % loss what G.711 carries, Bpl of G.711's concealment for Opus (which conceals at least as well) and
 * 4.3, G.711's without concealment, for what is unknown. */
static const struct codec {
    unsigned clock;
    double ie, bpl;
} codecs[] = {
    {8000, 0, 25.1},
    {48000, 0, 25.1},
    {0, 0, 4.3},
};

static const struct codec *codec_of(unsigned clock)
{
    size_t i = 0;

    while (codecs[i].clock && codecs[i].clock != clock)
        i++;
    return &codecs[i];
}

double mos_r(const struct mos_input *in)
{
    const struct codec *c = codec_of(in->clock);
    const double d = in->delay_ms, ppl = 100 * in->loss;
    /* G.107 7.4 as simplified by Cole and Rosenbluth: delay starts to hurt conversation at 177 ms */
    const double id = 0.024 * d + (d > 177.3 ? 0.11 * (d - 177.3) : 0);
    const double ie = c->ie + (95 - c->ie) * ppl / (ppl + c->bpl); /* G.107 7.5, random loss: BurstR 1 */
    const double r = 93.2 - id - ie;

    return r > 0 ? r : 0;
}

double mos_of(double r)
{
    double mos;

    if (r <= 0)
        return 1;
    if (r >= 100)
        return 4.5;
    mos = 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6;
    return mos < 1 ? 1 : mos; /* the polynomial dips below 1 for R < 6.5 */
}
