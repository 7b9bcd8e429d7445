/* The ladder: one line a message between the actors' life lines, with the chart's step number and a verdict. */
#pragma once

#include <stdint.h>

#include "tests/flow/chart.h"

enum ladder_verdict { LADDER_SEEN, LADDER_PASS, LADDER_FAIL, LADDER_SENT, LADDER_SKIP };

struct ladder {
    const struct chart *chart;
    int64_t t0_us; /* of the first line */
    unsigned judged, failed;
    struct {
        unsigned step; /* index */
        enum ladder_verdict verdict;
        char why[240];
    } results[CHART_STEPS_MAX];
    unsigned n_results;
};

void ladder_init(struct ladder *l, const struct chart *c);
/* step NULL: a message that no step names. t_us: any clock, only differences are shown. */
void ladder_line(struct ladder *l, const struct chart_step *step, const char *from, const char *to, const char *proto,
                 const char *title, int64_t t_us, enum ladder_verdict v, const char *why);
void ladder_end(struct ladder *l); /* the verdict of the whole */
int ladder_junit(const struct ladder *l, const char *real, const char *path);
void ladder_tap(const struct ladder *l, const char *real, unsigned *n);
