/* Speech quality as a figure: the E-model of ITU-T G.107 with everything at its default but delay, loss and codec, reduced
 * to R = 93.2 - Id - Ie,eff. Pure. Any thread. */
#pragma once

struct mos_input {
    unsigned clock;     /* Hz; which row of the codecs is taken */
    double loss;        /* 0..1, of the packets expected */
    unsigned delay_ms;  /* mouth to ear, one way: half the round trip and the far end's jitter buffer */
};

double mos_r(const struct mos_input *in); /* 0..93.2 */
double mos_of(double r);                  /* G.107 B: 1..4.5 */
