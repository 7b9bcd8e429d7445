/* bench-tcp: ICE-TCP. A process of its own on core 0 has one worker and the door, as agw has them; the load on core 1 is browsers
 * on TCP and one phone on UDP. 10 000 connections that only check (every 5 s, RFC 7675), then 2 000 of them with SRTP at 50
 * packets/s: from the browsers, to them, and both. key=value lines; medians of 5 rounds of checks and of media, with _min and
 * _max, over the same connections. */
#include <errno.h>
#include <getopt.h>
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agw/media/frame4571.h"
#include "tests/bench/bench.h"
#include "tests/bench/tcp_gateway.h"
#include "tests/fake/check.h"

#define PAYLOAD 160
#define PPS 50
#define PERIOD_NS (1000000000LL / PPS)
#define CONSENT_S 5
#define LATE_US 1000000
#define SAMPLE 16 /* one in so many packets to a browser is opened and timed */
#define FIGURES 40
#define QUIET_NS 300000000LL
#define LIMIT_NS 30000000000LL

enum dir { UP = 1, DOWN = 2, BOTH = 3 };

struct figure {
    char key[48];
    double v[BENCH_ROUNDS_MAX];
    unsigned n;
};

struct bench {
    unsigned legs, active, seconds, rounds;
    struct figure figures[FIGURES];
    struct tcp_shared *sh;
    struct addr phone_at;
    int phone, epoll;
    int fd[TCP_LEGS_MAX];
    struct srtp *seal[TCP_ACTIVE_MAX], *open[TCP_ACTIVE_MAX];
    struct leg_in { /* of a browser: the beginning of a frame */
        uint8_t p[2048];
        size_t n;
    } *in;
    uint16_t seq[2][TCP_ACTIVE_MAX];
    struct stun_mac *mac;
    pid_t pid;
    clockid_t cpu;
    uint64_t answers, got[2], bad;
    uint32_t us[2][LATE_US / 10 + 1]; /* histogram, 10 µs a slot */
};

/* --- what it costs --- */

static void note(struct bench *b, double v, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* One round's value of a figure. */
static void note(struct bench *b, double v, const char *fmt, ...)
{
    struct figure *f = b->figures;
    char key[sizeof f->key];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(key, sizeof key, fmt, ap);
    va_end(ap);
    while (f->n && strcmp(f->key, key) != 0)
        if (++f == b->figures + FIGURES)
            tcp_die("too many figures");
    strcpy(f->key, key);
    f->v[f->n++] = v;
}

static void figures_print(const struct bench *b)
{
    for (const struct figure *f = b->figures; f < b->figures + FIGURES && f->n; f++)
        bench_figure(f->key, f->v, f->n);
}

static double cpu_s(const struct bench *b)
{
    struct timespec ts;

    clock_gettime(b->cpu, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static long number_of(const char *path, const char *key)
{
    char line[256];
    long v = 0;
    FILE *f = fopen(path, "r");

    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, key, strlen(key)) == 0)
            v = atol(line + strlen(key));
    if (f)
        fclose(f);
    return v;
}

static long rss_kb(const struct bench *b)
{
    char path[64];

    snprintf(path, sizeof path, "/proc/%d/status", (int)b->pid);
    return number_of(path, "VmRSS:");
}

/* --- the browsers' side --- */

static void took(struct bench *b, enum dir d, const uint8_t *payload)
{
    int64_t at, us;

    memcpy(&at, payload, sizeof at);
    us = (bench_now_ns() - at) / 1000;
    b->us[d - 1][us < 0 ? 0 : us >= LATE_US ? LATE_US / 10 : us / 10]++;
}

static void frame(struct bench *b, unsigned i, uint8_t *p, size_t n)
{
    if (n && p[0] < 4) {
        b->answers++;
        return;
    }
    if (i >= b->active || n < 12 || p[0] != 0x80 || p[1] != 0) /* RTCP: of the gateway's own */
        return;
    b->got[1]++;
    if (b->got[1] % SAMPLE)
        return;
    if (srtp_open(b->open[i], p, &n) || n != 12 + PAYLOAD)
        b->bad++;
    else
        took(b, DOWN, p + 12);
}

static void leg_read(struct bench *b, unsigned i)
{
    struct leg_in *in = &b->in[i];
    const ssize_t r = recv(b->fd[i], in->p + in->n, sizeof in->p - in->n, MSG_DONTWAIT);
    size_t at = 0;
    int len;

    if (r <= 0) {
        if (r == 0 || (errno != EAGAIN && errno != EINTR))
            tcp_die("a connection ended");
        return;
    }
    in->n += (size_t)r;
    while ((len = frame_first(in->p + at, in->n - at, sizeof in->p)) > 0) {
        frame(b, i, in->p + at + FRAME_HEAD, (size_t)len - FRAME_HEAD);
        at += (size_t)len;
    }
    memmove(in->p, in->p + at, in->n - at);
    in->n -= at;
}

static void phone_read(struct bench *b)
{
    static uint8_t p[64][256];
    struct iovec iov[64];
    struct mmsghdr msg[64] = {0};
    int n;

    do {
        for (unsigned i = 0; i < 64; i++) {
            iov[i] = (struct iovec){p[i], sizeof p[i]};
            msg[i].msg_hdr.msg_iov = &iov[i];
            msg[i].msg_hdr.msg_iovlen = 1;
        }
        n = recvmmsg(b->phone, msg, 64, MSG_DONTWAIT, NULL);
        for (int i = 0; i < n; i++) {
            if (msg[i].msg_len != 12 + PAYLOAD || p[i][1] != 0)
                continue;
            b->got[0]++;
            took(b, UP, p[i] + 12);
        }
    } while (n == 64);
}

static void take(struct bench *b, int ms)
{
    struct epoll_event ev[256];
    const int n = epoll_wait(b->epoll, ev, 256, ms);

    for (int i = 0; i < n; i++) {
        if (ev[i].data.u32 == UINT32_MAX)
            phone_read(b);
        else
            leg_read(b, ev[i].data.u32);
    }
}

static bool leg_check(struct bench *b, unsigned i, bool nominate)
{
    uint8_t p[512];
    char ufrag[16];
    struct check c = {.ufrag = ufrag, .pwd = TCP_PWD, .use_candidate = nominate, .tid = (uint8_t)i};
    size_t n;

    tcp_ufrag(i, ufrag);
    n = check_make(b->mac, &c, p + FRAME_HEAD, sizeof p - FRAME_HEAD);
    frame_head(p, n);
    return send(b->fd[i], p, FRAME_HEAD + n, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)(FRAME_HEAD + n);
}

static void leg_open(struct bench *b, unsigned i)
{
    const int on = 1;
    struct epoll_event ev = {.events = EPOLLIN, .data.u32 = i};

    b->fd[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (b->fd[i] < 0 || connect(b->fd[i], &b->sh->door.u.sa, addr_len(&b->sh->door)))
        tcp_die("connect");
    setsockopt(b->fd[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (epoll_ctl(b->epoll, EPOLL_CTL_ADD, b->fd[i], &ev) || !leg_check(b, i, true))
        tcp_die("first check");
}

static void answers_come(struct bench *b, uint64_t n)
{
    const int64_t until = bench_now_ns() + LIMIT_NS;

    while (b->answers < n && bench_now_ns() < until)
        take(b, 10);
    if (b->answers < n) {
        errno = ETIMEDOUT;
        tcp_die("checks answered");
    }
}

static void connect_all(struct bench *b)
{
    const long rss = rss_kb(b), slab = number_of("/proc/meminfo", "Slab:");
    const int64_t from = bench_now_ns();
    const double cpu = cpu_s(b);

    for (unsigned i = 0; i < b->legs; i++) {
        leg_open(b, i);
        take(b, 0);
    }
    answers_come(b, b->legs);
    note(b, b->legs, "tcp_idle_legs");
    note(b, b->active, "tcp_active_legs");
    note(b, b->active * PPS, "tcp_active_packets_per_s"); /* one way */
    note(b, b->legs / ((double)(bench_now_ns() - from) / 1e9), "tcp_idle_connects_per_s");
    note(b, (cpu_s(b) - cpu) * 1e6 / b->legs, "tcp_idle_cpu_us_per_connect");
    note(b, (double)(rss_kb(b) - rss) / b->legs, "tcp_idle_rss_kb_per_leg");
    /* both ends of a connection are on this machine */
    note(b, (double)(number_of("/proc/meminfo", "Slab:") - slab) / b->legs / 2, "tcp_idle_kernel_kb_per_leg");
}

static void idle(struct bench *b)
{
    const int64_t from = bench_now_ns();
    const double cpu = cpu_s(b);

    b->answers = 0;
    for (unsigned done = 0; done < b->legs;) { /* one check each, over CONSENT_S */
        const unsigned due = (unsigned)((double)b->legs * (double)(bench_now_ns() - from) / 1e9 / CONSENT_S);

        while (done < due && done < b->legs)
            if (!leg_check(b, done++, false))
                tcp_die("check");
        take(b, 1);
    }
    answers_come(b, b->legs);
    note(b, (cpu_s(b) - cpu) * 100 / ((double)(bench_now_ns() - from) / 1e9), "tcp_idle_cpu_percent");
}

static void send_one(struct bench *b, enum dir d, unsigned i)
{
    uint8_t p[FRAME_HEAD + 512] = {0}, *rtp = p + FRAME_HEAD;
    const uint16_t seq = ++b->seq[d - 1][i];
    const int64_t now = bench_now_ns();
    size_t n = 12 + PAYLOAD;

    memcpy(rtp, (uint8_t[4]){0x80, 0, (uint8_t)(seq >> 8), (uint8_t)seq}, 4);
    memcpy(rtp + 4, &(uint32_t){htonl(160u * seq)}, 4);
    memcpy(rtp + 8, &(uint32_t){htonl(1000u + i)}, 4);
    memcpy(rtp + 12, &now, sizeof now);
    if (d == DOWN) {
        if (sendto(b->phone, rtp, n, MSG_DONTWAIT, &b->sh->core[i].u.sa, addr_len(&b->sh->core[i])) < 0)
            b->bad++;
        return;
    }
    if (srtp_seal(b->seal[i], rtp, &n, 500))
        tcp_die("seal");
    frame_head(p, n);
    if (send(b->fd[i], p, FRAME_HEAD + n, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)(FRAME_HEAD + n))
        tcp_die("a connection is full");
}

static double percentile(const uint32_t *v, double part)
{
    uint64_t all = 0, sum = 0;
    size_t i;

    for (i = 0; i <= LATE_US / 10; i++)
        all += v[i];
    for (i = 0; i <= LATE_US / 10 && sum + v[i] <= (uint64_t)((double)all * part); i++)
        sum += v[i];
    return (double)i * 10;
}

static void active_note(struct bench *b, enum dir dir, const char *name, double cpu, double took_s, int64_t behind)
{
    const uint64_t one_way = (uint64_t)b->active * PPS * b->seconds, all = one_way * (dir == BOTH ? 2 : 1);

    note(b, cpu * 100 / took_s, "tcp_%s_cpu_percent", name);
    note(b, cpu * 1e6 / (double)all, "tcp_%s_cpu_us", name);
    for (unsigned k = 0; k < 2; k++) {
        const char *way = k ? "down" : "up";

        if (!(dir & (k ? DOWN : UP)))
            continue;
        note(b, (double)one_way - (double)b->got[k], "tcp_%s_%s_lost", name, way);
        note(b, percentile(b->us[k], 0.5), "tcp_%s_%s_p50_us", name, way);
        note(b, percentile(b->us[k], 0.99), "tcp_%s_%s_p99_us", name, way);
    }
    note(b, (double)behind / 1000, "tcp_%s_load_behind_us", name);
    note(b, (double)b->bad, "tcp_%s_bad", name);
    fprintf(stderr, "# %s: lost by the gateway for want of room %lld, by rules %lld, to slow readers %lld; taken %lld\n", name,
            (long long)b->sh->lost[0], (long long)b->sh->lost[1], (long long)b->sh->lost[2], (long long)b->sh->lost[3]);
}

/* What is still under way belongs to this round. */
static void quiet(struct bench *b)
{
    int64_t last = bench_now_ns();

    while (bench_now_ns() - last < QUIET_NS) {
        const uint64_t before = b->got[0] + b->got[1];

        take(b, 5);
        if (b->got[0] + b->got[1] != before)
            last = bench_now_ns();
    }
}

static void active(struct bench *b, enum dir dir, const char *name)
{
    const uint64_t all = (uint64_t)b->active * PPS * b->seconds;
    uint64_t sent = 0;
    int64_t from, behind = 0;
    double cpu, took_s;

    memset(b->got, 0, sizeof b->got);
    memset(b->us, 0, sizeof b->us);
    b->bad = 0;
    cpu = cpu_s(b);
    from = bench_now_ns();
    while (sent < all) {
        const int64_t now = bench_now_ns();
        uint64_t due = (uint64_t)((double)b->active * (double)(now - from) / PERIOD_NS);

        if (sent < due) {
            const int64_t late = now - from - (int64_t)((double)sent * PERIOD_NS / b->active);

            behind = late > behind ? late : behind;
        }
        for (unsigned some = 0; sent < due && sent < all && some < 200; some++, sent++) {
            const unsigned i = (unsigned)(sent % b->active);

            if (dir & UP)
                send_one(b, UP, i);
            if (dir & DOWN)
                send_one(b, DOWN, i);
        }
        take(b, 0);
    }
    cpu = cpu_s(b) - cpu;
    took_s = (double)(bench_now_ns() - from) / 1e9;
    quiet(b);
    active_note(b, dir, name, cpu, took_s, behind);
}

static void open_all(struct bench *b)
{
    const struct rlimit many = {b->legs + b->active + 1000, b->legs + b->active + 1000};
    struct epoll_event ev = {.events = EPOLLIN, .data.u32 = UINT32_MAX};
    const int big = 32 << 20;

    if (setrlimit(RLIMIT_NOFILE, &many))
        tcp_die("descriptors");
    b->epoll = epoll_create1(EPOLL_CLOEXEC);
    addr_parse(&b->phone_at, SV("127.0.0.1"), 0);
    b->phone = net_udp(&b->phone_at);
    b->in = calloc(b->legs, sizeof *b->in);
    if (b->epoll < 0 || b->phone < 0 || !b->in || epoll_ctl(b->epoll, EPOLL_CTL_ADD, b->phone, &ev) || stun_mac_new(&b->mac))
        tcp_die("load");
    if (setsockopt(b->phone, SOL_SOCKET, SO_RCVBUFFORCE, &big, sizeof big))
        setsockopt(b->phone, SOL_SOCKET, SO_RCVBUF, &big, sizeof big);
    for (unsigned i = 0; i < b->active; i++) {
        const struct srtp_key out = tcp_key(i, true), in = tcp_key(i, false);

        if (srtp_new(&b->seal[i], SRTP_OPENSSL, &out, false) || srtp_new(&b->open[i], SRTP_OPENSSL, &in, true))
            tcp_die("keys");
    }
}

static const char usage[] =
    "usage: bench-tcp [options]   what ICE-TCP connections on one port cost, at rest and with media\n"
    "  -l N          connections, up to " BENCH_TEXT(TCP_LEGS_MAX) " (10000)\n"
    "  -a N          of these with media, up to " BENCH_TEXT(TCP_ACTIVE_MAX) " (2000)\n"
    "  -s SECONDS    how long each is measured in a round (5)\n"
    "  -r N          rounds, up to " BENCH_TEXT(BENCH_ROUNDS_MAX) " (" BENCH_TEXT(BENCH_RUNS) ")\n"
    "  -h, --help\n"
    "Wants two cores and descriptors for every connection. key=value lines, medians with _min and _max.\n"
    "exit status: 0, 1 it could not run, 2 usage\n";

static void options(struct bench *b, int argc, char **argv)
{
    static const struct option longs[] = {{"help", 0, NULL, 'h'}, {0}};
    int c;

    b->legs = 10000;
    b->active = 2000;
    b->seconds = 5;
    b->rounds = BENCH_RUNS;
    while ((c = getopt_long(argc, argv, "l:a:s:r:h", longs, NULL)) != -1) {
        if (c == 'l')
            b->legs = (unsigned)atoi(optarg);
        else if (c == 'a')
            b->active = (unsigned)atoi(optarg);
        else if (c == 's')
            b->seconds = (unsigned)atoi(optarg);
        else if (c == 'r')
            b->rounds = (unsigned)atoi(optarg);
        else
            bench_usage(usage, c == 'h' ? NULL : "no such option");
    }
    if (optind != argc)
        bench_usage(usage, "options only");
    if (b->legs > TCP_LEGS_MAX || b->active > TCP_ACTIVE_MAX || b->active > b->legs)
        bench_usage(usage, "-l or -a is out of range");
    if (!b->seconds || !b->rounds || b->rounds > BENCH_ROUNDS_MAX)
        bench_usage(usage, "-s or -r is out of range");
}

int main(int argc, char **argv)
{
    struct bench *b = calloc(1, sizeof *b);

    options(b, argc, argv);
    b->sh = mmap(NULL, sizeof *b->sh, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    open_all(b);
    b->pid = fork();
    if (b->pid == 0)
        tcp_gateway(b->sh, b->legs, b->active, &b->phone_at);
    tcp_pin(1);
    if (b->pid < 0 || clock_getcpuclockid(b->pid, &b->cpu))
        tcp_die("fork");
    while (!b->sh->ready)
        if (waitpid(b->pid, NULL, WNOHANG) || usleep(1000))
            tcp_die("the gateway ended");
    connect_all(b);
    for (unsigned i = 0; i < b->rounds; i++)
        idle(b);
    for (unsigned i = 0; i < b->rounds; i++) {
        active(b, UP, "up");
        active(b, DOWN, "down");
        active(b, BOTH, "both");
    }
    figures_print(b);
    kill(b->pid, SIGTERM);
    waitpid(b->pid, NULL, 0);
    return 0;
}
