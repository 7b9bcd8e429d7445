/* Figures as key=value lines: the median of BENCH_RUNS runs, with the least and the greatest. One thread. */
#pragma once

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BENCH_RUNS 5
#define BENCH_ROUNDS_MAX 101
#define BENCH_RUN_NS 200000000LL /* at least this long a run */

#define BENCH_TEXT(number) BENCH_TEXT_(number)
#define BENCH_TEXT_(number) #number

/* A program's usage: on stdout with status 0 when `why` is NULL (--help), else after `why` on stderr with status 2. */
static inline void bench_usage(const char *usage, const char *why)
{
    if (why)
        fprintf(stderr, "%s: %s\n", program_invocation_short_name, why);
    fputs(usage, why ? stderr : stdout);
    exit(why ? 2 : 0);
}

/* The arguments of a program without options: --help, or `n` words. */
static inline void bench_words(int argc, char **argv, const char *usage, int n)
{
    if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")))
        bench_usage(usage, NULL);
    for (int i = 1; i < argc; i++)
        if (argv[i][0] == '-')
            bench_usage(usage, "no such option");
    if (argc != n + 1)
        bench_usage(usage, n ? "too few or too many arguments" : "it takes no arguments");
}

typedef void bench_once_h(void *arg);

static inline int64_t bench_now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static inline int bench_by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Microseconds for one call of `once`, sorted. */
static inline void bench_us(bench_once_h *once, void *arg, double us[BENCH_RUNS])
{
    for (unsigned run = 0; run < BENCH_RUNS; run++) {
        int64_t from = bench_now_ns(), took;
        long n = 0;

        do {
            for (unsigned i = 0; i < 16; i++)
                once(arg);
            n += 16;
            took = bench_now_ns() - from;
        } while (took < BENCH_RUN_NS);
        us[run] = (double)took / 1000 / (double)n;
    }
    qsort(us, BENCH_RUNS, sizeof *us, bench_by_size);
}

/* One figure: the median of `n` values with the least and the greatest; a single value alone. */
static inline void bench_figure(const char *key, const double *v, unsigned n)
{
    double sorted[BENCH_ROUNDS_MAX];

    assert(n > 0 && n <= BENCH_ROUNDS_MAX);
    memcpy(sorted, v, n * sizeof *v);
    qsort(sorted, n, sizeof *sorted, bench_by_size);
    printf("%s=%.3f\n", key, sorted[n / 2]);
    if (n > 1)
        printf("%s_min=%.3f\n%s_max=%.3f\n", key, sorted[0], key, sorted[n - 1]);
    fflush(stdout);
}
