/* bench-media: what a packet costs in agw, in rtpengine (userspace) and in two trivial forwarders, side by side: all of them
 * run at once on core 0, the load on core 1 turns from one to the next, so that a slow minute of the machine hits each.
 * key=value lines; medians of 5 rounds with _min and _max; a ratio is that of one round's neighbours. */
#include <getopt.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/sv.h"
#include "tests/bench/media_bench.h"
#include "tests/bench/media_handshake.h"

#define TICK_US 1000      /* packets come in small bunches, as interrupt moderation and other people's timers make them */
#define WINDOW_MS 350     /* of a device in a round; where packets are few, longer: */
#define ABOVE_P99 100     /* ... so many of them lie above p99 */
#define FEW 100           /* flows of the small points: measured while there are no others */
#define MEMORY_CALLS 500
#define HANDSHAKES 100    /* bare ones, a round */
#define EVERY_RUN 4       /* the first so many; the rest by -o */

struct cost { /* of one device at one point, a value a round */
    double cpu_us[BENCH_ROUNDS_MAX], whole_us[BENCH_ROUNDS_MAX]; /* of the process; with the load's sendmmsg, which delivers on loopback */
    double p50[BENCH_ROUNDS_MAX], p99[BENCH_ROUNDS_MAX], max[BENCH_ROUNDS_MAX];
    uint64_t sent, lost, bad, sampled, spilled;
};

static const char *profile_key(enum srtp_profile p)
{
    return p == SRTP_AES128_CM_SHA1_80 ? "cm" : "gcm";
}

/* --- one point --- */

/* of: agw's cost; to: that of `name`. The ratio to rtpengine has an aim where there are 1000 flows in bunches. */
static void point_judge(struct bench *b, const char *key, bool aimed, const char *name, const struct cost *of, const struct cost *to,
                        const double *ratio)
{
    struct verdicts *v = &b->verdicts;
    double whole[BENCH_ROUNDS_MAX];
    char text[128];

    if (strcmp(name, "forwarder") == 0)
        verdict_worst(&v->forwarder, media_median(b, ratio), key);
    if (strcmp(name, "rtpengine") != 0)
        return;
    v->lost += of->lost > of->spilled ? of->lost - of->spilled : 0;
    v->beside_rtpengine = true;
    verdict_add(v, BELOW, media_median(b, of->p99) / media_median(b, to->p99), 1, "%s_latency_p99_vs_rtpengine", key);
    for (unsigned r = 0; r < b->rounds; r++)
        whole[r] = of->whole_us[r] / to->whole_us[r];
    snprintf(text, sizeof text, "%s_whole_vs_rtpengine", key);
    verdict_note(v, media_median(b, whole), text);
    if (aimed)
        verdict_add(v, AT_MOST, media_median(b, ratio), 0.4, "%s_cpu_vs_rtpengine", key);
}

static void point_print(struct bench *b, const char *key, bool aimed, const struct cost *costs)
{
    const struct cost *of[DEVICES] = {0};

    for (unsigned i = 0; i < b->n; i++) {
        const struct cost *c = of[i] = &costs[i];
        const char *name = b->devices[i].kind->name;

        media_figure(b, c->cpu_us, "%s_cpu_us_%s", key, name);
        media_figure(b, c->whole_us, "%s_whole_us_%s", key, name);
        media_figure(b, c->p50, "%s_latency_p50_us_%s", key, name);
        media_figure(b, c->p99, "%s_latency_p99_us_%s", key, name);
        media_figure(b, c->max, "%s_latency_max_us_%s", key, name);
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
                media_figure(b, ratio, "%s_whole_vs_%s", key, to);
            for (unsigned r = 0; r < b->rounds; r++)
                ratio[r] = of[i]->cpu_us[r] / of[k]->cpu_us[r];
            if (strcmp(a, "agw") == 0)
                media_figure(b, ratio, "%s_cpu_vs_%s", key, to);
            if (strcmp(a, "agw") == 0)
                point_judge(b, key, aimed, to, of[i], of[k], ratio);
            else
                media_figure(b, ratio, "%s_cpu_forwarder_vs_%s", key, to);
        }
    }
}

static unsigned point_ms(const struct bench *b, double pps)
{
    const unsigned enough = (unsigned)(ABOVE_P99 * 100 * 1000 / pps);

    return b->window_ms > enough ? b->window_ms : enough;
}

static void point(struct bench *b, enum load_dir dir, unsigned payload, unsigned flows, unsigned tick_us)
{
    struct load_point p = {.flows = flows, .pps = flows * PER_FLOW, .payload = payload, .dir = dir, .tick_us = tick_us};
    struct cost *costs;
    char key[64];

    snprintf(key, sizeof key, "%s_%s_%u_%u", dir == LOAD_UP ? "srtp" : "rtp", profile_key(b->profile), payload, flows);
    if (tick_us != b->tick_us)
        snprintf(key + strlen(key), sizeof key - strlen(key), "_tick%u", tick_us);
    if (b->point && (*b->point == '^' ? strncmp(key, b->point + 1, strlen(b->point + 1)) != 0 : !strstr(key, b->point)))
        return;
    p.ms = point_ms(b, p.pps);
    costs = calloc(DEVICES, sizeof *costs);
    for (unsigned round = 0; round < b->rounds; round++) {
        for (unsigned i = 0; i < b->n; i++) {
            struct device *d = &b->devices[(i + round) % b->n];
            struct cost *c = &costs[(i + round) % b->n];
            struct load_result r;

            if (media_point_once(d, &p, &r, &c->cpu_us[round]))
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

/* --- memory --- */

/* kB of resident memory for a call among 500, after a second of traffic; the first 100 pay what is paid once. 0: failed. */
static double memory_of(struct bench *b, struct device *d)
{
    struct load_point p = {.flows = FEW + MEMORY_CALLS, .payload = 160, .dir = LOAD_BOTH, .ms = 1000};
    long before = device_rss_kb(d);
    struct load_result r;
    double cpu, kb;

    p.pps = p.flows * PER_FLOW;
    if (device_calls(d, FEW + MEMORY_CALLS) || media_point_once(d, &p, &r, &cpu) || !r.received) {
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
    media_figure(b, agw, "dtls_hs_per_s_agw");
    media_figure(b, bare, "dtls_hs_per_s_openssl");
    media_figure(b, ratio, "dtls_hs_vs_openssl");
    verdict_add(&b->verdicts, AT_LEAST, media_median(b, ratio), 0.8, "dtls_hs_vs_openssl");
    media_figure(b, control_us, "add_cpu_us_agw");
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
        media_most(b);
    if (!err && first && !b->point) {
        for (unsigned i = 0; i < b->n; i++)
            media_overflow(b, &b->devices[i]);
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

static const char usage[] =
    "usage: bench-media [options]   what a packet, a call and a handshake cost in agw, rtpengine and trivial forwarders\n"
    "  -o NAME,...   devices: rtpengine forwarder agw plain, and when named agw-ice agw-sdes agw-other (the first four)\n"
    "  -p KEY        only the points with this in their key, srtp_cm_160_1000; ^KEY: that begin with it (all)\n"
    "  -r N          rounds, an odd number up to " BENCH_TEXT(BENCH_ROUNDS_MAX) " (" BENCH_TEXT(BENCH_RUNS) ")\n"
    "  -w MS         how long one device is measured in a round, ms (" BENCH_TEXT(WINDOW_MS) "); longer where it has few packets\n"
    "  -k US         packets come in bunches, each so many us; 0: one by one (" BENCH_TEXT(TICK_US) ")\n"
    "  -f            a subset in a minute: 3 rounds\n"
    "  -b DIR        where agw and bench-forward are (build)\n"
    "  -t DIR        temporary files (/tmp)\n"
    "  -v            each step of the search for the most that a core carries, on stderr\n"
    "  -h, --help\n"
    "Opens ports all over loopback: scripts/bench-media runs it in a network namespace of its own. key=value lines, medians with\n"
    "_min and _max. exit status: 0, 1 something failed, 2 usage\n";

static void options(struct bench *b, int argc, char **argv)
{
    static const struct option longs[] = {{"help", 0, NULL, 'h'}, {0}};
    int opt;

    while ((opt = getopt_long(argc, argv, "b:t:o:p:k:w:r:fvh", longs, NULL)) != -1) {
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
            bench_usage(usage, opt == 'h' ? NULL : "no such option");
    }
    if (optind != argc)
        bench_usage(usage, "options only");
    if (b->fast)
        b->rounds = 3;
}

int main(int argc, char **argv)
{
    struct bench *b = calloc(1, sizeof *b);
    int err;

    *b = (struct bench){.build = "build", .dir = "/tmp", .rounds = BENCH_RUNS, .window_ms = WINDOW_MS, .tick_us = TICK_US};
    options(b, argc, argv);
    scheduling();
    err = profile_run(b, SRTP_AES128_CM_SHA1_80);
    if (!err)
        err = profile_run(b, SRTP_AEAD_AES_128_GCM);
    verdicts_print(&b->verdicts);
    err = err || b->failures;
    free(b);
    return err;
}
