/* bench-srtp: what SRTP costs a packet, ns of processor time, by engine, profile and payload. Every packet has a sequence number
 * of its own and is copied into its buffer, as a datagram would be written there; opened ones were sealed before in batches. */
#include <string.h>

#include "agw/media/srtp.h"
#include "tests/bench/bench.h"

#define BATCH 256
#define ROOM 1500
#define PACKETS 20 /* batches of a run at least, so that warm-up does not count */

/* Of this thread: others may have the core meanwhile. */
static int64_t cpu_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

struct pass {
    struct srtp *out, *in;
    uint8_t plain[ROOM], batch[BATCH][ROOM];
    size_t n, sealed[BATCH];
    uint16_t seq;
};

static void die(const char *what)
{
    fprintf(stderr, "bench-srtp: %s\n", what);
    exit(1);
}

static int64_t seal_batch(struct pass *p)
{
    int64_t from;
    int err = 0;

    for (unsigned i = 0; i < BATCH; i++) {
        p->seq++;
        p->plain[2] = (uint8_t)(p->seq >> 8);
        p->plain[3] = (uint8_t)p->seq;
        memcpy(p->batch[i], p->plain, p->n);
        p->sealed[i] = p->n;
    }
    from = cpu_ns();
    for (unsigned i = 0; i < BATCH; i++)
        err |= srtp_seal(p->out, p->batch[i], &p->sealed[i], ROOM);
    from = cpu_ns() - from;
    if (err)
        die("seal");
    return from;
}

static int64_t open_batch(struct pass *p)
{
    const int64_t from = cpu_ns();
    int err = 0;

    for (unsigned i = 0; i < BATCH; i++)
        err |= srtp_open(p->in, p->batch[i], &p->sealed[i]);
    if (err || memcmp(p->batch[BATCH - 1], p->plain, p->n) != 0)
        die("open");
    return cpu_ns() - from;
}

static void measure(enum srtp_engine engine, enum srtp_profile profile, const char *key, size_t payload)
{
    struct srtp_key k = {.profile = profile, .key = "0123456789abcdefghijklmnopqrstu", .salt = "salt of 14 oct"};
    struct pass *p = calloc(1, sizeof(*p));
    double seal[BENCH_RUNS], open[BENCH_RUNS];
    char name[64];

    if (!p || srtp_new(&p->out, engine, &k, false) || srtp_new(&p->in, engine, &k, true))
        die("engine");
    p->plain[0] = 0x80;
    p->n = 12 + payload;
    for (unsigned run = 0; run < BENCH_RUNS; run++) {
        int64_t sealing = 0, opening = 0;
        long n = 0;

        while (sealing + opening < BENCH_RUN_NS || n < PACKETS) {
            sealing += seal_batch(p);
            opening += open_batch(p);
            n++;
        }
        seal[run] = (double)sealing / (double)(n * BATCH);
        open[run] = (double)opening / (double)(n * BATCH);
    }
    qsort(seal, BENCH_RUNS, sizeof(*seal), bench_by_size);
    qsort(open, BENCH_RUNS, sizeof(*open), bench_by_size);
    snprintf(name, sizeof(name), "srtp_%s_%s_seal_%zu_ns", engine == SRTP_OPENSSL ? "openssl" : "libsrtp", key, payload);
    bench_figure(name, seal, BENCH_RUNS);
    snprintf(name, sizeof(name), "srtp_%s_%s_open_%zu_ns", engine == SRTP_OPENSSL ? "openssl" : "libsrtp", key, payload);
    bench_figure(name, open, BENCH_RUNS);
    srtp_free(p->out);
    srtp_free(p->in);
    free(p);
}

static const char usage[] =
    "usage: bench-srtp   seals and opens SRTP packets in memory, with each engine, profile and payload\n"
    "Prints srtp_ENGINE_PROFILE_seal|open_OCTETS_ns, ns of processor time a packet: key=value, medians of 5 runs with _min and\n"
    "_max; ten seconds.\n";

int main(int argc, char **argv)
{
    static const size_t payloads[] = {160, 1200};

    bench_words(argc, argv, usage, 0);
    for (int engine = SRTP_OPENSSL; engine <= SRTP_LIBSRTP; engine++)
        for (unsigned i = 0; i < 2; i++) {
            measure(engine, SRTP_AES128_CM_SHA1_80, "cm80", payloads[i]);
            measure(engine, SRTP_AEAD_AES_128_GCM, "gcm128", payloads[i]);
        }
    return 0;
}
