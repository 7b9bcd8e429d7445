/* A histogram of whole numbers, shown as Prometheus text. Single writer, any reader (common/count.h). */
#pragma once

#include "common/count.h"

#define HISTO_BOUNDS_MAX 12

struct histo_def {
    const char *name, *help;
    int64_t unit;     /* values are kept in 1/unit of what is shown: 100 = hundredths */
    unsigned n;
    int64_t bounds[HISTO_BOUNDS_MAX]; /* rising, in the kept unit */
};

struct histo {
    count_t buckets[HISTO_BOUNDS_MAX + 1], sum;
};

void histo_add(const struct histo_def *def, struct histo *h, int64_t value);
void histo_print(const struct histo_def *def, const struct histo *h, struct buf *out);
