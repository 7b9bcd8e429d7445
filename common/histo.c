#include "common/histo.h"

#include <inttypes.h>

void histo_add(const struct histo_def *def, struct histo *h, int64_t value)
{
    unsigned i = 0;

    while (i < def->n && value > def->bounds[i])
        i++;
    count_add(&h->buckets[i], 1);
    count_add(&h->sum, value);
}

/* A decimal fraction with as many digits as the unit has. */
static void put(struct buf *out, int64_t value, int64_t unit)
{
    buf_printf(out, "%" PRId64, value / unit);
    if (unit > 1)
        buf_str(out, ".");
    for (unit /= 10; unit > 0; unit /= 10)
        buf_printf(out, "%" PRId64, value / unit % 10);
}

void histo_print(const struct histo_def *def, const struct histo *h, struct buf *out)
{
    int64_t n = 0;

    buf_printf(out, "# HELP %s %s\n# TYPE %s histogram\n", def->name, def->help, def->name);
    for (unsigned i = 0; i < def->n; i++) {
        n += count_get(&h->buckets[i]);
        buf_printf(out, "%s_bucket{le=\"", def->name);
        put(out, def->bounds[i], def->unit);
        buf_printf(out, "\"} %" PRId64 "\n", n);
    }
    n += count_get(&h->buckets[def->n]);
    buf_printf(out, "%s_bucket{le=\"+Inf\"} %" PRId64 "\n%s_sum ", def->name, n, def->name);
    put(out, count_get(&h->sum), def->unit);
    buf_printf(out, "\n%s_count %" PRId64 "\n", def->name, n);
}
