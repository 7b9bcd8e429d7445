/* bench-tcp: ICE-TCP. A process of its own on core 0 has one worker and the door, as agw has them; the load on core 1 is browsers
 * on TCP and one phone on UDP. 10 000 connections that only check (every 5 s, RFC 7675), then 2 000 of them with SRTP at 50
 * packets/s: from the browsers, to them, and both. key=value lines. */
#include <errno.h>
#include <getopt.h>
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agw/ctl/cert.h"
#include "agw/media/door.h"
#include "agw/media/frame4571.h"
#include "agw/media/worker.h"
#include "tests/bench/bench.h"
#include "tests/fake/check.h"

#define LEGS_MAX 20000
#define ACTIVE_MAX 4000
#define PWD "benchbenchbenchbenchbench"
#define PAYLOAD 160
#define PPS 50
#define PERIOD_NS (1000000000LL / PPS)
#define CONSENT_S 5
#define LATE_US 1000000
#define SAMPLE 16 /* one in so many packets to a browser is opened and timed */
#define LIMIT_NS 30000000000LL

enum dir { UP = 1, DOWN = 2, BOTH = 3 };

struct shared { /* what the parent must know: in memory of both */
    struct addr door, core[ACTIVE_MAX];
    volatile int ready;
    volatile int64_t lost[4]; /* by the gateway: for want of room in sockets, by rules, to slow readers; not sent */
};

struct bench {
    unsigned legs, active, seconds;
    struct shared *sh;
    struct addr phone_at;
    int phone, epoll;
    int fd[LEGS_MAX];
    struct srtp *seal[ACTIVE_MAX], *open[ACTIVE_MAX];
    struct leg_in { /* of a browser: the beginning of a frame */
        uint8_t p[2048];
        size_t n;
    } *in;
    uint16_t seq[2][ACTIVE_MAX];
    struct stun_mac *mac;
    pid_t pid;
    clockid_t cpu;
    uint64_t answers, got[2], bad;
    uint32_t us[2][LATE_US / 10 + 1]; /* histogram, 10 µs a slot */
};

static void die(const char *what)
{
    fprintf(stderr, "bench-tcp: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void pin(int cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    (void)sched_setaffinity(0, sizeof set, &set);
}

static void ufrag_of(unsigned i, char out[16])
{
    snprintf(out, 16, "u%07u", i);
}

static struct srtp_key key_of(unsigned i, bool ours)
{
    struct srtp_key k = {.profile = SRTP_AEAD_AES_128_GCM};

    memset(k.key, ours ? 0x11 : 0x22, sizeof k.key);
    memcpy(k.key, &i, sizeof i);
    return k;
}

/* --- the gateway's side: what control would order --- */

static struct bus_msg *order(enum bus_kind kind)
{
    struct bus_msg *m = bus_new(kind);

    if (!m)
        die("memory");
    return m;
}

static void open_stream(struct bench *b, struct inbox *worker, struct inbox *door, const struct addr *shared, unsigned i)
{
    struct bus_msg *m = order(BUS_SEP_OPEN), *d = order(BUS_DOOR_NAME);
    static struct flow_counts counts[2 * ACTIVE_MAX];

    m->u.sep = (struct bus_sep){.id = 1 + i, .fd = -1, .local = *shared, .ice = true, .pwd = PWD, .peer = "wic",
                                .rtp = {.on = true, .mux = true, .rtcp_fd = -1, .sec = BUS_SEC_SDES}};
    m->u.sep.rtp.send = key_of(i, false);
    m->u.sep.rtp.recv = key_of(i, true);
    ufrag_of(i, m->u.sep.ufrag);
    d->u.door.id = 1 + i;
    memcpy(d->u.door.ufrag, m->u.sep.ufrag, sizeof d->u.door.ufrag);
    inbox_post(worker, &m->item);
    inbox_post(door, &d->item);
    if (i >= b->active)
        return;
    m = order(BUS_SEP_OPEN);
    m->u.sep = (struct bus_sep){.id = 100001 + i, .has_remote = true, .remote = b->phone_at, .peer = "core",
                                .rtp = {.on = true, .mux = true, .rtcp_fd = -1}};
    addr_parse(&m->u.sep.local, SV("127.0.0.1"), 0);
    m->u.sep.fd = net_udp(&m->u.sep.local);
    if (m->u.sep.fd < 0)
        die("core socket");
    b->sh->core[i] = m->u.sep.local;
    inbox_post(worker, &m->item);
    for (unsigned k = 0; k < 2; k++) {
        m = order(BUS_FLOW_OPEN);
        m->u.flow = (struct bus_flow){.id = 200001 + k * 100000 + i, .sep = (k ? 100001 : 1) + i, .in = true, .out = true,
                                      .counts = &counts[2 * i + k]};
        inbox_post(worker, &m->item);
    }
    m = order(BUS_FLOW_JOIN);
    m->u.wire.a = 200001 + i;
    m->u.wire.b = 300001 + i;
    for (unsigned k = 0; k < 128; k++)
        m->u.wire.a_to_b[k] = m->u.wire.b_to_a[k] = (uint8_t)k;
    inbox_post(worker, &m->item);
}

static void gateway(struct bench *b)
{
    struct worker_shared shared;
    struct door_listener l = {0};
    struct worker_conf conf = {.ice_timeout_ms = 600000, .dtls_timeout_ms = 30000, .shared = &shared, .n_shared = 1,
                               .raw_send = WORKER_AUTO, .ring = WORKER_AUTO};
    struct inbox *ctl, *data, *inboxes[1];
    struct worker *w;
    struct cert *cert;
    struct door *d;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    pin(0);
    addr_parse(&shared.local, SV("127.0.0.1"), 0);
    shared.fd = net_udp(&shared.local);
    addr_parse(&l.local, SV("127.0.0.1"), 0);
    l.fd = net_tcp_listen(&l.local, 1024);
    if (shared.fd < 0 || l.fd < 0 || inbox_new(&ctl, 1000) || inbox_new(&data, 1000) || cert_new(&cert, "agw"))
        die("gateway");
    conf.ctl = ctl;
    conf.data = data;
    conf.cert_der = cert->der;
    conf.cert_len = cert->der_len;
    conf.key_der = cert->key;
    conf.key_len = cert->key_len;
    if (worker_new(&w, &conf))
        die("worker");
    inboxes[0] = worker_inbox(w);
    if (door_new(&d, &(struct door_conf){.listeners = &l, .n_listeners = 1, .workers = inboxes}))
        die("door");
    for (unsigned i = 0; i < b->legs; i++)
        open_stream(b, inboxes[0], door_inbox(d), &shared.local, i);
    b->sh->door = l.local;
    while (count_get(&worker_counts(w)[WORKER_C_FLOWS]) < 2 * b->active ||
           count_get(&worker_counts(w)[WORKER_C_SEPS]) < b->legs + b->active)
        usleep(1000);
    b->sh->ready = 1;
    for (;;) { /* control reads what it is told */
        struct inbox_item *it = inbox_take(ctl), *next;

        for (; it; it = next) {
            next = it->next;
            bus_drop(it);
        }
        b->sh->lost[0] = count_get(&worker_counts(w)[WORKER_C_MEDIA_LOST]);
        b->sh->lost[1] = count_get(&worker_counts(w)[WORKER_C_MEDIA_DROPPED]);
        b->sh->lost[2] = count_get(&worker_counts(w)[WORKER_C_LEG_DROPPED]);
        b->sh->lost[3] = count_get(&worker_counts(w)[WORKER_C_MEDIA]);
        usleep(50000);
    }
}

/* --- what it costs --- */

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
            die("a connection ended");
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
    struct check c = {.ufrag = ufrag, .pwd = PWD, .use_candidate = nominate, .tid = (uint8_t)i};
    size_t n;

    ufrag_of(i, ufrag);
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
        die("connect");
    setsockopt(b->fd[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (epoll_ctl(b->epoll, EPOLL_CTL_ADD, b->fd[i], &ev) || !leg_check(b, i, true))
        die("first check");
}

static void answers_come(struct bench *b, uint64_t n)
{
    const int64_t until = bench_now_ns() + LIMIT_NS;

    while (b->answers < n && bench_now_ns() < until)
        take(b, 10);
    if (b->answers < n) {
        errno = ETIMEDOUT;
        die("checks answered");
    }
}

static void idle(struct bench *b)
{
    const long rss = rss_kb(b), slab = number_of("/proc/meminfo", "Slab:");
    int64_t from = bench_now_ns();
    double cpu = cpu_s(b);

    for (unsigned i = 0; i < b->legs; i++) {
        leg_open(b, i);
        take(b, 0);
    }
    answers_come(b, b->legs);
    printf("tcp_idle_legs=%u\n", b->legs);
    printf("tcp_idle_connects_per_s=%.0f\n", b->legs / ((double)(bench_now_ns() - from) / 1e9));
    printf("tcp_idle_cpu_us_per_connect=%.1f\n", (cpu_s(b) - cpu) * 1e6 / b->legs);
    printf("tcp_idle_rss_kb_per_leg=%.2f\n", (double)(rss_kb(b) - rss) / b->legs);
    /* both ends of a connection are on this machine */
    printf("tcp_idle_kernel_kb_per_leg=%.2f\n", (double)(number_of("/proc/meminfo", "Slab:") - slab) / b->legs / 2);
    from = bench_now_ns();
    cpu = cpu_s(b);
    b->answers = 0;
    for (unsigned done = 0; done < b->legs;) { /* one check each, over CONSENT_S */
        const unsigned due = (unsigned)((double)b->legs * (double)(bench_now_ns() - from) / 1e9 / CONSENT_S);

        while (done < due && done < b->legs)
            if (!leg_check(b, done++, false))
                die("check");
        take(b, 1);
    }
    answers_come(b, b->legs);
    printf("tcp_idle_cpu_percent=%.2f\n", (cpu_s(b) - cpu) * 100 / ((double)(bench_now_ns() - from) / 1e9));
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
        die("seal");
    frame_head(p, n);
    if (send(b->fd[i], p, FRAME_HEAD + n, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)(FRAME_HEAD + n))
        die("a connection is full");
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

static void active(struct bench *b, enum dir dir, const char *name)
{
    const uint64_t all = (uint64_t)b->active * PPS * b->seconds;
    uint64_t sent = 0;
    int64_t from, behind = 0;
    double cpu;

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
    for (int i = 0; i < 100; i++)
        take(b, 5);
    printf("tcp_%s_legs=%u\n", name, b->active);
    printf("tcp_%s_packets_per_s=%.0f\n", name, (double)all * (dir == BOTH ? 2 : 1) / b->seconds);
    printf("tcp_%s_cpu_percent=%.1f\n", name, cpu * 100 / b->seconds);
    printf("tcp_%s_cpu_us=%.2f\n", name, cpu * 1e6 / (double)(all * (dir == BOTH ? 2 : 1)));
    for (unsigned k = 0; k < 2; k++) {
        const char *way = k ? "down" : "up";

        if (!(dir & (k ? DOWN : UP)))
            continue;
        printf("tcp_%s_%s_lost=%lld\n", name, way, (long long)(all - b->got[k]));
        printf("tcp_%s_%s_p50_us=%.0f\ntcp_%s_%s_p99_us=%.0f\n", name, way, percentile(b->us[k], 0.5), name, way,
               percentile(b->us[k], 0.99));
    }
    fprintf(stderr, "# gateway: no room %lld, rules %lld, slow %lld, taken %lld\n", (long long)b->sh->lost[0],
            (long long)b->sh->lost[1], (long long)b->sh->lost[2], (long long)b->sh->lost[3]);
    printf("tcp_%s_load_behind_us=%lld\n", name, (long long)behind / 1000);
    if (b->bad)
        printf("tcp_%s_bad=%llu\n", name, (unsigned long long)b->bad);
    fflush(stdout);
}

static void open_all(struct bench *b)
{
    const struct rlimit many = {b->legs + b->active + 1000, b->legs + b->active + 1000};
    struct epoll_event ev = {.events = EPOLLIN, .data.u32 = UINT32_MAX};
    const int big = 32 << 20;

    if (setrlimit(RLIMIT_NOFILE, &many))
        die("descriptors");
    b->epoll = epoll_create1(EPOLL_CLOEXEC);
    addr_parse(&b->phone_at, SV("127.0.0.1"), 0);
    b->phone = net_udp(&b->phone_at);
    b->in = calloc(b->legs, sizeof *b->in);
    if (b->epoll < 0 || b->phone < 0 || !b->in || epoll_ctl(b->epoll, EPOLL_CTL_ADD, b->phone, &ev) || stun_mac_new(&b->mac))
        die("load");
    if (setsockopt(b->phone, SOL_SOCKET, SO_RCVBUFFORCE, &big, sizeof big))
        setsockopt(b->phone, SOL_SOCKET, SO_RCVBUF, &big, sizeof big);
    for (unsigned i = 0; i < b->active; i++) {
        const struct srtp_key out = key_of(i, true), in = key_of(i, false);

        if (srtp_new(&b->seal[i], SRTP_OPENSSL, &out, false) || srtp_new(&b->open[i], SRTP_OPENSSL, &in, true))
            die("keys");
    }
}

int main(int argc, char **argv)
{
    struct bench *b = calloc(1, sizeof *b);
    int c;

    b->legs = 10000;
    b->active = 2000;
    b->seconds = 5;
    while ((c = getopt(argc, argv, "l:a:s:")) != -1) {
        if (c == 'l')
            b->legs = (unsigned)atoi(optarg);
        else if (c == 'a')
            b->active = (unsigned)atoi(optarg);
        else if (c == 's')
            b->seconds = (unsigned)atoi(optarg);
        else
            return 2;
    }
    if (b->legs > LEGS_MAX || b->active > ACTIVE_MAX || b->active > b->legs)
        return 2;
    b->sh = mmap(NULL, sizeof *b->sh, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    open_all(b);
    b->pid = fork();
    if (b->pid == 0)
        gateway(b);
    pin(1);
    if (b->pid < 0 || clock_getcpuclockid(b->pid, &b->cpu))
        die("fork");
    while (!b->sh->ready)
        if (waitpid(b->pid, NULL, WNOHANG) || usleep(1000))
            die("the gateway ended");
    idle(b);
    active(b, UP, "up");
    active(b, DOWN, "down");
    active(b, BOTH, "both");
    kill(b->pid, SIGTERM);
    waitpid(b->pid, NULL, 0);
    return 0;
}
