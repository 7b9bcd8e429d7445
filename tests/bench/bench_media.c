/* bench-media: what a packet costs in agw, in rtpengine (userspace) and in two trivial forwarders, side by side: all of them
 * run at once on core 0, the load on core 1 turns from one to the next, so that a slow minute of the machine hits each.
 * key=value lines; medians of 5 rounds with _min and _max; a ratio is that of one round's neighbours. */
#include <getopt.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "common/sv.h"
#include "tests/bench/bench.h"
#include "tests/bench/media_device.h"
#include "tests/bench/media_handshake.h"
#include "tests/bench/media_verdict.h"

#define FLOWS 1000
#define PER_FLOW 50.0     /* packets/s */
#define TICK_US 1000      /* packets come in small bunches, as interrupt moderation and other people's timers make them */
#define FEW 100           /* flows of the small points: measured while there are no others */
#define MEMORY_CALLS 500
#define HANDSHAKES 100    /* bare ones, a round */
#define DEVICES 7
#define EVERY_RUN 4       /* the first so many; the rest by -o */
#define P99_LIMIT_US 5000
#define BEHIND_LIMIT_US 5000 /* the load itself is at its end */
#define MAX_START 100000.0
#define OVERLOAD 600000.0
#define MAX_HALVINGS 4
#define ATTEMPTS 4

struct bench {
    const char *build, *dir, *only; /* only: names of devices, NULL: all */
    const char *point;               /* part of a key, or ^ and its beginning: nothing but these points; NULL: all there is */
    bool fast, verbose;
    unsigned rounds, window_ms, tick_us, failures;
    enum srtp_profile profile;
    struct device devices[DEVICES];
    unsigned n;
    struct verdicts verdicts;
};

struct cost { /* of one device at one point, a value a round */
    double cpu_us[BENCH_ROUNDS_MAX], whole_us[BENCH_ROUNDS_MAX]; /* of the process; with the load's sendmmsg, which delivers on loopback */
    double p50[BENCH_ROUNDS_MAX], p99[BENCH_ROUNDS_MAX], max[BENCH_ROUNDS_MAX];
    uint64_t sent, lost, bad, sampled, spilled;
};

static const char *profile_key(enum srtp_profile p)
{
    return p == SRTP_AES128_CM_SHA1_80 ? "cm" : "gcm";
}

/* --- figures --- */

static void figure(const struct bench *b, const double *v, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static void figure(const struct bench *b, const double *v, const char *fmt, ...)
{
    char key[128];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(key, sizeof key, fmt, ap);
    va_end(ap);
    bench_figure(key, v, b->rounds);
}

static double median(const struct bench *b, const double *v)
{
    double sorted[BENCH_ROUNDS_MAX];

    memcpy(sorted, v, b->rounds * sizeof *v);
    qsort(sorted, b->rounds, sizeof *sorted, bench_by_size);
    return sorted[b->rounds / 2];
}

/* --- one point --- */

static int point_once(struct device *d, const struct load_point *p, struct load_result *r, double *cpu_us)
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

/* of: agw's cost; to: that of `name`. The ratio to rtpengine has an aim where there are 1000 flows in bunches. */
static void point_judge(struct bench *b, const char *key, bool aimed, const char *name, const struct cost *of, const struct cost *to,
                        const double *ratio)
{
    struct verdicts *v = &b->verdicts;
    double whole[BENCH_ROUNDS_MAX];
    char text[128];

    if (strcmp(name, "forwarder") == 0)
        verdict_worst(&v->forwarder, median(b, ratio), key);
    if (strcmp(name, "rtpengine") != 0)
        return;
    v->lost += of->lost > of->spilled ? of->lost - of->spilled : 0;
    v->beside_rtpengine = true;
    verdict_add(v, BELOW, median(b, of->p99) / median(b, to->p99), 1, "%s_latency_p99_vs_rtpengine", key);
    for (unsigned r = 0; r < b->rounds; r++)
        whole[r] = of->whole_us[r] / to->whole_us[r];
    snprintf(text, sizeof text, "%s_whole_vs_rtpengine", key);
    verdict_note(v, median(b, whole), text);
    if (aimed)
        verdict_add(v, AT_MOST, median(b, ratio), 0.4, "%s_cpu_vs_rtpengine", key);
}

static void point_print(struct bench *b, const char *key, bool aimed, const struct cost *costs)
{
    const struct cost *of[DEVICES] = {0};

    for (unsigned i = 0; i < b->n; i++) {
        const struct cost *c = of[i] = &costs[i];
        const char *name = b->devices[i].kind->name;

        figure(b, c->cpu_us, "%s_cpu_us_%s", key, name);
        figure(b, c->whole_us, "%s_whole_us_%s", key, name);
        figure(b, c->p50, "%s_latency_p50_us_%s", key, name);
        figure(b, c->p99, "%s_latency_p99_us_%s", key, name);
        figure(b, c->max, "%s_latency_max_us_%s", key, name);
        printf("%s_lost_%s=%llu\n", key, name, (unsigned long long)c->lost);
        if (c->spilled)
            printf("%s_spilled_by_load_%s=%llu\n", key, name, (unsigned long long)c->spilled);
    }
    for (unsigned i = 0; i < b->n; i++) {
        for (unsigned k = 0; k < b->n; k++) {
            const char *a = b->devices[i].kind->name, *to = b->devices[k].kind->name;
            double ratio[BENCH_ROUNDS_MAX];

            if ((strcmp(a, "agw") != 0 && strcmp(a, "forwarder") != 0) || i == k || strcmp(to, "agw") == 0)
                continue;
            for (unsigned r = 0; r < b->rounds; r++)
                ratio[r] = of[i]->whole_us[r] / of[k]->whole_us[r];
            if (strcmp(a, "agw") == 0)
                figure(b, ratio, "%s_whole_vs_%s", key, to);
            for (unsigned r = 0; r < b->rounds; r++)
                ratio[r] = of[i]->cpu_us[r] / of[k]->cpu_us[r];
            if (strcmp(a, "agw") == 0)
                figure(b, ratio, "%s_cpu_vs_%s", key, to);
            if (strcmp(a, "agw") == 0)
                point_judge(b, key, aimed, to, of[i], of[k], ratio);
            else
                figure(b, ratio, "%s_cpu_forwarder_vs_%s", key, to);
        }
    }
}

static void point(struct bench *b, enum load_dir dir, unsigned payload, unsigned flows, unsigned tick_us)
{
    struct load_point p = {.flows = flows, .pps = flows * PER_FLOW, .payload = payload, .dir = dir, .ms = b->window_ms, .tick_us = tick_us};
    struct cost *costs;
    char key[64];

    snprintf(key, sizeof key, "%s_%s_%u_%u", dir == LOAD_UP ? "srtp" : "rtp", profile_key(b->profile), payload, flows);
    if (tick_us != b->tick_us)
        snprintf(key + strlen(key), sizeof key - strlen(key), "_tick%u", tick_us);
    if (b->point && (*b->point == '^' ? strncmp(key, b->point + 1, strlen(b->point + 1)) != 0 : !strstr(key, b->point)))
        return;
    costs = calloc(DEVICES, sizeof *costs);
    for (unsigned round = 0; round < b->rounds; round++) {
        for (unsigned i = 0; i < b->n; i++) {
            struct device *d = &b->devices[(i + round) % b->n];
            struct cost *c = &costs[(i + round) % b->n];
            struct load_result r;

            if (point_once(d, &p, &r, &c->cpu_us[round]))
                b->failures++;
            c->whole_us[round] = c->cpu_us[round] + (double)r.sending_ns / 1000 / (double)(r.sent ? r.sent : 1);
            c->p50[round] = r.p50;
            c->p99[round] = r.p99;
            c->max[round] = r.max;
            c->sent += r.sent;
            c->lost += r.sent - r.received;
            c->bad += r.bad;
            c->sampled += r.sampled;
            c->spilled += r.spilled;
        }
    }
    for (unsigned i = 0; i < b->n; i++) {
        if (!costs[i].bad && costs[i].sampled)
            continue;
        fprintf(stderr, "bench-media: %s: %s: %llu of %llu packets looked at are wrong\n", key, b->devices[i].kind->name,
                (unsigned long long)costs[i].bad, (unsigned long long)costs[i].sampled);
        b->failures++;
    }
    point_print(b, key, flows == FLOWS && tick_us == b->tick_us, costs);
    free(costs);
}

/* --- the most that one core carries --- */

enum step { STEP_GOOD, STEP_BAD, STEP_LOAD_AT_END };

static enum step max_step(const struct bench *b, struct device *d, double pps, unsigned ms)
{
    struct load_point p = {.flows = FLOWS, .pps = pps, .payload = 160, .dir = LOAD_UP, .ms = ms};

    for (unsigned attempt = 0; attempt < ATTEMPTS; attempt++) { /* somebody else may have had the core for a moment */
        struct load_result r;
        double cpu;

        if (point_once(d, &p, &r, &cpu))
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

static void seventy(struct bench *b, struct device *d, double max)
{
    struct load_point p = {.flows = FLOWS, .pps = 0.7 * max, .payload = 160, .dir = LOAD_UP, .ms = b->fast ? 1000 : 3000};
    struct load_result r;
    double cpu;

    if (point_once(d, &p, &r, &cpu))
        b->failures++;
    if (d->kind == &device_agw)
        verdict_add(&b->verdicts, AT_MOST, (double)(r.sent - r.received), 0, "max70_lost");
    printf("max70_lost_%s=%llu\nmax70_latency_p99_us_%s=%.0f\nmax70_cpu_us_%s=%.3f\n", d->kind->name,
           (unsigned long long)(r.sent - r.received), d->kind->name, r.p99, d->kind->name, cpu);
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

        if (point_once(d, &p, &r, &cpu))
            b->failures++;
        b->failures += r.received != r.sent && device_renew(d);
        us[round] = cpu * (double)r.sent / (double)(r.received ? r.received : 1);
    }
    figure(b, us, "saturated_cpu_us_%s", d->kind->name);
    qsort(us, b->rounds, sizeof *us, bench_by_size);
    printf("saturated_pps_per_core_%s=%.0f\n", d->kind->name, 1e6 / us[b->rounds / 2]);
    return 1e6 / us[b->rounds / 2];
}

static void most(struct bench *b)
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

/* --- a device that was not scheduled for a while: its socket buffers ran over --- */

static void overflow(struct bench *b, struct device *d)
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
    if (point_once(d, &after, &r, &cpu))
        b->failures++;
    for (unsigned i = 0; i < after.flows; i++)
        alive += load_flow(d->load, i)->got > 0;
    if (d->kind == &device_agw)
        verdict_add(&b->verdicts, AT_LEAST, alive, after.flows, "overflow_streams_of_100_alive");
    printf("overflow_streams_of_100_alive_%s=%u\noverflow_lost_after_%s=%llu\n", name, alive, name,
           (unsigned long long)(r.sent - r.received));
    fflush(stdout);
}

/* --- memory --- */

/* kB of resident memory for a call among 500, after a second of traffic; the first 100 pay what is paid once. 0: failed. */
static double memory_of(struct bench *b, struct device *d)
{
    struct load_point p = {.flows = FEW + MEMORY_CALLS, .payload = 160, .dir = LOAD_BOTH, .ms = 1000};
    long before = device_rss_kb(d);
    struct load_result r;
    double cpu, kb;

    p.pps = p.flows * PER_FLOW;
    if (device_calls(d, FEW + MEMORY_CALLS) || point_once(d, &p, &r, &cpu) || !r.received) {
        b->failures++;
        return 0;
    }
    kb = (double)(device_rss_kb(d) - before) / MEMORY_CALLS;
    printf("mem_kb_per_call_%s=%.2f\n", d->kind->name, kb);
    fflush(stdout);
    return kb;
}

/* The same for a device that runs for this alone. */
static double memory_beside(struct bench *b, const struct device_kind *kind, unsigned index)
{
    struct device d = {.kind = kind, .build = b->build, .dir = b->dir, .index = index, .profile = b->profile};
    double kb = 0;

    if (device_start(&d, FEW + MEMORY_CALLS) == 0) {
        kb = device_calls(&d, FEW) ? 0 : memory_of(b, &d);
        device_stop(&d);
    }
    if (kb <= 0)
        b->failures++;
    return kb;
}

/* Like with like: rtpengine with SDES and agw with SDES, both with DTLS. */
static void memory(struct bench *b)
{
    double kb[DEVICES] = {0}, theirs = 0, ours = 0, sdes, dtls;
    for (unsigned i = 0; i < b->n; i++) {
        if (b->devices[i].kind->call)
            kb[i] = memory_of(b, &b->devices[i]);
        if (b->devices[i].kind == &device_rtpengine)
            theirs = kb[i];
        if (b->devices[i].kind == &device_agw)
            ours = kb[i];
    }
    if (ours <= 0 || theirs <= 0)
        return;
    sdes = memory_beside(b, &device_agw_ice, EVERY_RUN) / theirs;
    theirs = memory_beside(b, &device_rtpengine_dtls, DEVICES);
    dtls = theirs > 0 ? ours / theirs : 0;
    printf("mem_per_call_vs_rtpengine=%.3f\nmem_per_dtls_call_vs_rtpengine=%.3f\n", sdes, dtls);
    verdict_add(&b->verdicts, BELOW, sdes, 1, "mem_per_call_vs_rtpengine");
    verdict_add(&b->verdicts, BELOW, dtls, 1, "mem_per_dtls_call_vs_rtpengine");
    fflush(stdout);
}

/* --- setting up --- */

static void handshakes_print(struct bench *b, const double *agw_us, const double *bare_us, const double *control_us)
{
    double agw[BENCH_ROUNDS_MAX], bare[BENCH_ROUNDS_MAX], ratio[BENCH_ROUNDS_MAX];

    for (unsigned i = 0; i < b->rounds; i++) {
        agw[i] = 1e6 / agw_us[i];
        bare[i] = 1e6 / bare_us[i];
        ratio[i] = agw[i] / bare[i];
    }
    figure(b, agw, "dtls_hs_per_s_agw");
    figure(b, bare, "dtls_hs_per_s_openssl");
    figure(b, ratio, "dtls_hs_vs_openssl");
    verdict_add(&b->verdicts, AT_LEAST, median(b, ratio), 0.8, "dtls_hs_vs_openssl");
    figure(b, control_us, "add_cpu_us_agw");
}

static int calls_to(struct bench *b, unsigned to)
{
    int err = 0;

    for (unsigned i = 0; i < b->n && !err; i++)
        err = device_calls(&b->devices[i], to);
    return err;
}

/* The rest of the calls, in as many parts as there are rounds; what a handshake costs with them. */
static int calls(struct bench *b)
{
    double agw_us[BENCH_ROUNDS_MAX], bare_us[BENCH_ROUNDS_MAX], control_us[BENCH_ROUNDS_MAX];
    bool has_agw = false;
    int err = 0;

    for (unsigned round = 0; round < b->rounds; round++) {
        for (unsigned i = 0; i < b->n && !err; i++) {
            struct device *d = &b->devices[i];

            err = device_calls(d, FEW + MEMORY_CALLS + (FLOWS - FEW - MEMORY_CALLS) * (round + 1) / b->rounds);
            if (d->kind != &device_agw)
                continue;
            has_agw = true;
            agw_us[round] = d->handshake_us;
            control_us[round] = d->control_us;
        }
        if (has_agw)
            bare_us[round] = handshake_server_us(HANDSHAKES);
    }
    if (!err && has_agw && b->profile == SRTP_AES128_CM_SHA1_80)
        handshakes_print(b, agw_us, bare_us, control_us);
    return err;
}

/* --- a run --- */

static bool wanted(const struct bench *b, const char *name)
{
    const char *at = b->only ? strstr(b->only, name) : NULL;

    return !b->only || (at && strchr(",", at[strlen(name)]) && (at == b->only || at[-1] == ','));
}

static int devices_start(struct bench *b, bool with_plain)
{
    static const struct device_kind *const kinds[] = {&device_rtpengine, &device_forwarder, &device_agw, &device_plain,
                                                 &device_agw_ice, &device_agw_sdes, &device_agw_other};
    int err = 0;

    b->n = 0;
    for (unsigned i = 0; i < ARRAY_LEN(kinds) && !err; i++) {
        struct device *d = &b->devices[b->n];

        if (!wanted(b, kinds[i]->name) || (kinds[i] == &device_plain && !with_plain) ||
            (i >= EVERY_RUN && !b->only))
            continue;
        *d = (struct device){.kind = kinds[i], .build = b->build, .dir = b->dir, .index = i, .profile = b->profile};
        err = device_start(d, FLOWS);
        b->n += !err;
    }
    return err;
}

static void devices_stop(struct bench *b)
{
    while (b->n)
        device_stop(&b->devices[--b->n]);
}

static void points(struct bench *b, unsigned flows)
{
    static const enum load_dir dirs[] = {LOAD_UP, LOAD_DOWN};
    static const unsigned payloads[] = {160, 1200};

    for (unsigned p = 0; p < 2; p++) {
        for (unsigned d = 0; d < 2; d++) {
            if (!b->fast || (flows == FLOWS && (dirs[d] == LOAD_UP || payloads[p] == 160)))
                point(b, dirs[d], payloads[p], flows, b->tick_us);
        }
    }
}

static int profile_run(struct bench *b, enum srtp_profile profile)
{
    bool first = profile == SRTP_AES128_CM_SHA1_80;
    int err;

    b->profile = profile;
    err = devices_start(b, first);
    if (!err)
        err = calls_to(b, FEW);
    if (!err)
        points(b, FEW);
    if (!err && first && (!b->point || strstr(b->point, "mem")))
        memory(b);
    if (!err)
        err = calls(b);
    if (!err)
        points(b, FLOWS);
    for (unsigned i = 0; i < 2 && !err && first && !b->fast; i++)
        point(b, LOAD_UP, 160, FLOWS, i ? 200 : 0); /* what the bunches do */
    if (!err && first && (!b->point || strstr(b->point, "max")))
        most(b);
    if (!err && first && !b->point) {
        for (unsigned i = 0; i < b->n; i++)
            overflow(b, &b->devices[i]);
    }
    devices_stop(b);
    return err;
}

/* Load on a core of its own; whatever else runs on the machine counts less, as far as we may ask for that. It turns without
 * a pause, so it cannot have the real-time class that the devices get. */
static void scheduling(void)
{
    cpu_set_t core;
    FILE *f;

    prctl(PR_SET_PDEATHSIG, SIGTERM);
    CPU_ZERO(&core);
    CPU_SET(LOAD_CORE_CPU, &core);
    if (sched_setaffinity(0, sizeof core, &core))
        fprintf(stderr, "bench-media: no second core: load and device share one\n");
    setpriority(PRIO_PROCESS, 0, -20);
    if (setsid() < 0)
        return;
    f = fopen("/proc/self/autogroup", "w"); /* sched(7): niceness counts inside a session only */
    if (f) {
        fputs("-20", f);
        fclose(f);
    }
}

int main(int argc, char **argv)
{
    struct bench *b = calloc(1, sizeof *b);
    int opt, err;

    *b = (struct bench){.build = "build", .dir = "/tmp", .rounds = BENCH_RUNS, .window_ms = 800, .tick_us = TICK_US};
    while ((opt = getopt(argc, argv, "b:t:o:p:k:w:r:fv")) != -1) {
        if (opt == 'f')
            b->fast = true;
        else if (opt == 'v')
            b->verbose = true;
        else if (opt == 'k' || opt == 'w')
            *(opt == 'k' ? &b->tick_us : &b->window_ms) = (unsigned)atoi(optarg);
        else if (opt == 'r')
            b->rounds = (unsigned)atoi(optarg) % BENCH_ROUNDS_MAX | 1;
        else if (opt == 'b' || opt == 't' || opt == 'o' || opt == 'p')
            *(opt == 'b' ? &b->build : opt == 't' ? &b->dir : opt == 'o' ? &b->only : &b->point) = optarg;
        else
            return 2;
    }
    if (b->fast) {
        b->rounds = 3;
        b->window_ms = 400;
    }
    scheduling();
    err = profile_run(b, SRTP_AES128_CM_SHA1_80);
    if (!err)
        err = profile_run(b, SRTP_AEAD_AES_128_GCM);
    verdicts_print(&b->verdicts);
    err = err || b->failures;
    free(b);
    return err;
}
