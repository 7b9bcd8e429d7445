#include "tests/bench/media_bench.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void media_figure(const struct bench *b, const double *v, const char *fmt, ...)
{
    char key[128];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(key, sizeof key, fmt, ap);
    va_end(ap);
    bench_figure(key, v, b->rounds);
}

double media_median(const struct bench *b, const double *v)
{
    double sorted[BENCH_ROUNDS_MAX];

    memcpy(sorted, v, b->rounds * sizeof *v);
    qsort(sorted, b->rounds, sizeof *sorted, bench_by_size);
    return sorted[b->rounds / 2];
}

int media_point_once(struct device *d, const struct load_point *p, struct load_result *r, double *cpu_us)
{
    uint64_t cpu;
    int err;

    if (d->kind->refresh)
        d->kind->refresh(d);
    load_forget(d->load);
    cpu = device_cpu_ns(d);
    err = load_run(d->load, p, r);
    *cpu_us = (double)(device_cpu_ns(d) - cpu) / 1000 / (double)(r->sent ? r->sent : 1);
    return err;
}
