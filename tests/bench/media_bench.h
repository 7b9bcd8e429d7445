/* What the parts of bench-media share: the devices side by side, figures of them all, one point of one of them. One thread. */
#pragma once

#include <stdbool.h>

#include "tests/bench/bench.h"
#include "tests/bench/media_device.h"
#include "tests/bench/media_verdict.h"

#define FLOWS 1000
#define PER_FLOW 50.0 /* packets/s */
#define DEVICES 7

struct bench {
    const char *build, *dir, *only; /* only: names of devices, NULL: all */
    const char *point;              /* part of a key, or ^ and its beginning: nothing but these points; NULL: all there is */
    bool fast, verbose;
    unsigned rounds, window_ms, tick_us, failures;
    enum srtp_profile profile;
    struct device devices[DEVICES];
    unsigned n;
    struct verdicts verdicts;
};

/* A value a round, under the key that the format gives. */
void media_figure(const struct bench *b, const double *v, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
double media_median(const struct bench *b, const double *v);

/* Offers a device `p` once; *cpu_us: of its process, for a packet sent. Not 0: the load failed. */
int media_point_once(struct device *d, const struct load_point *p, struct load_result *r, double *cpu_us);

/* The most that one core of each device carries, and what it does at 70 per cent of that and beyond it. */
void media_most(struct bench *b);

/* A device that was not scheduled for a while: its socket buffers ran over. */
void media_overflow(struct bench *b, struct device *d);
