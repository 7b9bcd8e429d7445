/* bench-media: what a device does with more than it can carry. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tests/bench/media_bench.h"

#define P99_LIMIT_US 5000
#define BEHIND_LIMIT_US 5000 /* the load itself is at its end */
#define MAX_START 100000.0
#define OVERLOAD 600000.0
#define MAX_HALVINGS 4
#define ATTEMPTS 4

enum step { STEP_GOOD, STEP_BAD, STEP_LOAD_AT_END };

static enum step max_step(const struct bench *b, struct device *d, double pps, unsigned ms)
{
    struct load_point p = {.flows = FLOWS, .pps = pps, .payload = 160, .dir = LOAD_UP, .ms = ms};

    for (unsigned attempt = 0; attempt < ATTEMPTS; attempt++) { /* somebody else may have had the core for a moment */
        struct load_result r;
        double cpu;

        if (media_point_once(d, &p, &r, &cpu))
            return STEP_BAD;
        if (b->verbose)
            fprintf(stderr, "%s at %.0f/s: %llu of %llu lost, %llu in the load's buffers, p99 %.0f us, %llu us behind, %.2f us\n",
                    d->kind->name, pps, (unsigned long long)(r.sent - r.received), (unsigned long long)r.sent,
                    (unsigned long long)r.spilled, r.p99, (unsigned long long)r.behind_us, cpu);
        if (r.received == r.sent && r.p99 < P99_LIMIT_US && r.behind_us < BEHIND_LIMIT_US)
            return STEP_GOOD;
        if (r.received != r.sent && device_renew(d))
            return STEP_BAD;
        if (r.behind_us >= BEHIND_LIMIT_US && attempt == ATTEMPTS - 1)
            return STEP_LOAD_AT_END;
    }
    return STEP_BAD;
}

static double max_search(struct bench *b, struct device *d)
{
    unsigned ms = b->fast ? 500 : 1000;
    double good = 0, bad = 0;
    bool load_at_end = false;

    for (double pps = MAX_START; pps < 2e6 && !bad; pps *= 2) {
        enum step s = max_step(b, d, pps, ms);

        load_at_end |= s == STEP_LOAD_AT_END;
        *(s == STEP_GOOD ? &good : &bad) = pps;
    }
    for (unsigned i = 0; i < MAX_HALVINGS; i++) {
        double pps = (good + bad) / 2;
        enum step s = max_step(b, d, pps, ms);

        load_at_end = s == STEP_GOOD ? load_at_end : s == STEP_LOAD_AT_END;
        *(s == STEP_GOOD ? &good : &bad) = pps;
    }
    printf("max_pps_%s=%.0f\n", d->kind->name, good);
    if (load_at_end)
        printf("max_pps_%s_is_that_of_the_load=1\n", d->kind->name);
    return good;
}

/* In rounds, as all else: one stop of the whole machine is somebody's loss at this rate. */
static void seventy(struct bench *b, struct device *d, double max)
{
    struct load_point p = {.flows = FLOWS, .pps = 0.7 * max, .payload = 160, .dir = LOAD_UP, .ms = b->fast ? 400 : 1000};
    double lost[BENCH_ROUNDS_MAX], p99[BENCH_ROUNDS_MAX], us[BENCH_ROUNDS_MAX];

    for (unsigned round = 0; round < b->rounds; round++) {
        struct load_result r;

        if (media_point_once(d, &p, &r, &us[round]))
            b->failures++;
        b->failures += r.received != r.sent && device_renew(d);
        lost[round] = (double)(r.sent - r.received);
        p99[round] = r.p99;
    }
    media_figure(b, lost, "max70_lost_%s", d->kind->name);
    media_figure(b, p99, "max70_latency_p99_us_%s", d->kind->name);
    media_figure(b, us, "max70_cpu_us_%s", d->kind->name);
    if (d->kind == &device_agw) {
        verdict_add(&b->verdicts, AT_MOST, media_median(b, lost), 0, "max70_lost");
        verdict_add(&b->verdicts, BELOW, media_median(b, p99), P99_LIMIT_US, "max70_latency_p99_us");
    }
}

/* Offered more than it can carry, a device takes full batches and never sleeps: what a packet costs then does not depend on
 * what else the machine does. */
static double saturated(struct bench *b, struct device *d)
{
    struct load_point p = {.flows = FLOWS, .pps = OVERLOAD, .payload = 160, .dir = LOAD_UP, .ms = b->fast ? 400 : 1000};
    double us[BENCH_ROUNDS_MAX];

    for (unsigned round = 0; round < b->rounds; round++) {
        struct load_result r;
        double cpu;

        if (media_point_once(d, &p, &r, &cpu))
            b->failures++;
        b->failures += r.received != r.sent && device_renew(d);
        us[round] = cpu * (double)r.sent / (double)(r.received ? r.received : 1);
    }
    media_figure(b, us, "saturated_cpu_us_%s", d->kind->name);
    qsort(us, b->rounds, sizeof *us, bench_by_size);
    printf("saturated_pps_per_core_%s=%.0f\n", d->kind->name, 1e6 / us[b->rounds / 2]);
    return 1e6 / us[b->rounds / 2];
}

void media_most(struct bench *b)
{
    double max[DEVICES] = {0}, full[DEVICES] = {0}, theirs = 0, theirs_full = 0;

    for (unsigned i = 0; i < b->n; i++) {
        if (b->devices[i].kind == &device_plain)
            continue;
        full[i] = saturated(b, &b->devices[i]);
        max[i] = max_search(b, &b->devices[i]);
        if (b->devices[i].kind == &device_rtpengine) {
            theirs = max[i];
            theirs_full = full[i];
        }
        seventy(b, &b->devices[i], max[i]);
    }
    for (unsigned i = 0; i < b->n && theirs > 0; i++) {
        if (b->devices[i].kind == &device_agw) {
            printf("max_pps_vs_rtpengine=%.2f\nsaturated_pps_vs_rtpengine=%.2f\n", max[i] / theirs, full[i] / theirs_full);
            verdict_add(&b->verdicts, AT_LEAST, max[i] / theirs, 2, "max_pps_vs_rtpengine");
            verdict_add(&b->verdicts, AT_LEAST, full[i] / theirs_full, 2, "saturated_pps_vs_rtpengine");
        } else if (b->devices[i].kind == &device_forwarder)
            printf("max_pps_forwarder_vs_rtpengine=%.2f\n", max[i] / theirs);
    }
    fflush(stdout);
}

void media_overflow(struct bench *b, struct device *d)
{
    const char *name = d->kind->name;
    struct load_point flood = {.flows = 100, .pps = 100 * 400.0, .payload = 160, .dir = LOAD_UP, .ms = 2000},
                      after = {.flows = 100, .pps = 100 * PER_FLOW, .payload = 160, .dir = LOAD_UP, .ms = 2000};
    struct load_result r;
    unsigned alive = 0;
    double cpu;

    load_forget(d->load);
    kill(d->pid, SIGSTOP);
    if (load_run(d->load, &flood, &r))
        b->failures++;
    kill(d->pid, SIGCONT);
    nanosleep(&(struct timespec){.tv_nsec = 300000000}, NULL);
    if (media_point_once(d, &after, &r, &cpu))
        b->failures++;
    for (unsigned i = 0; i < after.flows; i++)
        alive += load_flow(d->load, i)->got > 0;
    if (d->kind == &device_agw)
        verdict_add(&b->verdicts, AT_LEAST, alive, after.flows, "overflow_streams_of_100_alive");
    printf("overflow_streams_of_100_alive_%s=%u\noverflow_lost_after_%s=%llu\n", name, alive, name,
           (unsigned long long)(r.sent - r.received));
    fflush(stdout);
}
