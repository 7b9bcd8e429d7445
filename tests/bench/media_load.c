#include "tests/bench/media_load.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/sv.h"

#define BATCH 32
#define SLOT 2048
#define HEADER 12          /* RTP without extension */
#define STAMP 8            /* octets of the payload that are not the pattern: the sequence of the stream */
#define SAMPLE 31          /* every 31st packet is opened and compared */
#define HIST 100000        /* µs */
#define DRAIN_NS 200000000LL
#define STRIDE 379         /* prime to the flows of every point: neighbours in time are none in memory */
#define SSRC 0x5a000000u
#define SOCKBUF (64 << 20)

struct sending { /* one sendmmsg */
    struct mmsghdr msg[BATCH];
    struct iovec iov[BATCH];
    uint8_t control[BATCH][CMSG_SPACE(sizeof(struct in_pktinfo))];
    uint8_t p[BATCH][SLOT];
    unsigned n;
};

struct taking { /* one recvmmsg */
    struct mmsghdr msg[BATCH];
    struct iovec iov[BATCH];
    uint8_t control[BATCH][64];
    uint8_t p[BATCH][SLOT];
};

struct mark { /* when a packet left */
    int64_t at;
    bool open;
    uint16_t seq;
};

struct load {
    unsigned index, n;
    int fd[2];
    uint32_t dropped[2]; /* SO_RXQ_OVFL, as last seen */
    struct load_flow *flows;
    struct mark (*marks)[2][LOAD_WINDOW];
    struct sending tx[2];
    struct taking rx;
    uint8_t pattern[LOAD_PAYLOAD_MAX + 256];
    uint64_t taken; /* for the sample */
    uint64_t sending_ns;
    uint32_t hist[HIST];
};

int64_t load_now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

struct sockaddr_in load_addr(unsigned index, enum load_side side, unsigned i)
{
    struct sockaddr_in a = {.sin_family = AF_INET};

    a.sin_port = htons((uint16_t)(41000 + 10 * index + 4 * side));
    a.sin_addr.s_addr = htonl(127u << 24 | (16 + 2 * index + side) << 16 | (i + 1));
    return a;
}

struct srtp_key load_key(enum srtp_profile profile, unsigned i, bool ours)
{
    struct srtp_key k = {.profile = profile};

    for (unsigned at = 0; at < SRTP_KEY_MAX; at++)
        k.key[at] = (uint8_t)(at * 7 + i + (i >> 8) * 3 + ours);
    for (unsigned at = 0; at < SRTP_SALT_MAX; at++)
        k.salt[at] = (uint8_t)(at * 5 + i + ours);
    return k;
}

/* --- life --- */

static int socket_open(unsigned index, enum load_side side)
{
    struct sockaddr_in at = load_addr(index, side, 0);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1, size = SOCKBUF;

    if (fd < 0)
        return -errno;
    at.sin_addr.s_addr = htonl(INADDR_ANY);
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size)) /* needs root; else what there is */
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    if (setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on) ||
        setsockopt(fd, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof on) ||
        bind(fd, (struct sockaddr *)&at, sizeof at)) {
        on = -errno;
        close(fd);
        return on;
    }
    return fd;
}

static void batches_init(struct load *l)
{
    for (unsigned i = 0; i < BATCH; i++) {
        for (unsigned side = 0; side < 2; side++) {
            struct sending *tx = &l->tx[side];
            struct msghdr *m = &tx->msg[i].msg_hdr;
            struct cmsghdr *c;

            tx->iov[i].iov_base = tx->p[i];
            *m = (struct msghdr){.msg_namelen = sizeof(struct sockaddr_in), .msg_iov = &tx->iov[i],
                                 .msg_iovlen = 1, .msg_control = tx->control[i],
                                 .msg_controllen = sizeof tx->control[i]};
            c = CMSG_FIRSTHDR(m);
            c->cmsg_level = IPPROTO_IP;
            c->cmsg_type = IP_PKTINFO;
            c->cmsg_len = CMSG_LEN(sizeof(struct in_pktinfo));
        }
        l->rx.iov[i] = (struct iovec){l->rx.p[i], SLOT};
    }
}

int load_new(struct load **lp, unsigned index, unsigned flows)
{
    struct load *l = calloc(1, sizeof *l);
    int err = 0;

    if (!l)
        return -ENOMEM;
    l->index = index;
    l->n = flows;
    l->fd[0] = l->fd[1] = -1;
    l->flows = calloc(flows, sizeof *l->flows);
    l->marks = calloc(flows, sizeof *l->marks);
    if (!l->flows || !l->marks)
        err = -ENOMEM;
    for (unsigned side = 0; side < 2 && !err; side++) {
        l->fd[side] = socket_open(index, side);
        err = l->fd[side] < 0 ? l->fd[side] : 0;
        for (unsigned i = 0; i < flows; i++)
            l->flows[i].local[side] = load_addr(index, side, i);
    }
    for (unsigned i = 0; i < sizeof l->pattern; i++)
        l->pattern[i] = (uint8_t)(i * 167 + (i >> 8));
    batches_init(l);
    if (err)
        load_free(l);
    else
        *lp = l;
    return err;
}

void load_free(struct load *l)
{
    if (!l)
        return;
    for (unsigned i = 0; l->flows && i < l->n; i++) {
        srtp_free(l->flows[i].seal);
        srtp_free(l->flows[i].open);
    }
    for (unsigned side = 0; side < 2; side++) {
        if (l->fd[side] >= 0)
            close(l->fd[side]);
    }
    free(l->flows);
    free(l->marks);
    free(l);
}

struct load_flow *load_flow(struct load *l, unsigned i)
{
    assert(i < l->n);
    return &l->flows[i];
}

unsigned load_flows(const struct load *l)
{
    return l->n;
}

int load_keys(struct load *l, unsigned i, const struct srtp_key *ours, const struct srtp_key *device)
{
    int err = srtp_new(&l->flows[i].seal, SRTP_OPENSSL, ours, false);

    return err ? err : srtp_new(&l->flows[i].open, SRTP_OPENSSL, device, true);
}

/* --- sending --- */

static void slot_address(struct load *l, enum load_side side, unsigned slot, unsigned i)
{
    struct msghdr *m = &l->tx[side].msg[slot].msg_hdr;
    struct in_pktinfo *from = (struct in_pktinfo *)CMSG_DATA(CMSG_FIRSTHDR(m));

    from->ipi_spec_dst = l->flows[i].local[side].sin_addr;
    m->msg_name = &l->flows[i].device[side];
}

static void put32(uint8_t *p, uint32_t v)
{
    v = htonl(v);
    memcpy(p, &v, 4);
}

/* The payload of a packet: its sequence, then the pattern from a place that depends on the stream. */
static void payload_make(const struct load *l, unsigned i, uint16_t seq, uint8_t *p, unsigned n)
{
    memset(p, 0, STAMP);
    p[0] = (uint8_t)(seq >> 8);
    p[1] = (uint8_t)seq;
    memcpy(p + STAMP, l->pattern + (i & 0xff), n - STAMP);
}

static int packet_make(struct load *l, enum load_side side, unsigned i, unsigned payload, int64_t now)
{
    struct sending *tx = &l->tx[side];
    struct load_flow *f = &l->flows[i];
    uint8_t *p = tx->p[tx->n];
    uint16_t seq = f->seq[side]++;
    size_t n = HEADER + payload;

    p[0] = 0x80;
    p[1] = 0; /* PCMU: no device asks what is in it */
    p[2] = (uint8_t)(seq >> 8);
    p[3] = (uint8_t)seq;
    put32(p + 4, seq * 160u);
    put32(p + 8, SSRC | (uint32_t)side << 16 | i);
    payload_make(l, i, seq, p + HEADER, payload);
    if (side == LOAD_ACCESS && f->seal) {
        int err = srtp_seal(f->seal, p, &n, SLOT);

        if (err)
            return err;
    }
    tx->iov[tx->n].iov_len = n;
    slot_address(l, side, tx->n++, i);
    l->marks[i][side][seq % LOAD_WINDOW] = (struct mark){now, true, seq};
    return 0;
}

static void batch_send(struct load *l, enum load_side side)
{
    struct sending *tx = &l->tx[side];
    int64_t from = load_now_ns();
    unsigned done = 0;

    while (done < tx->n) {
        int n = sendmmsg(l->fd[side], tx->msg + done, tx->n - done, 0);

        if (n > 0)
            done += (unsigned)n;
        else if (errno == ECONNREFUSED) /* of an earlier one: the device closed its port */
            done++;
        else if (errno != EAGAIN && errno != EINTR && errno != ENOBUFS)
            break;
    }
    l->sending_ns += (uint64_t)(load_now_ns() - from);
    tx->n = 0;
}

static int due_send(struct load *l, const struct load_point *pt, uint64_t first, unsigned n, int64_t now)
{
    int err = 0;

    for (uint64_t k = first; k < first + n && !err; k++) {
        enum load_side side = pt->dir == LOAD_BOTH ? (enum load_side)(k & 1) : pt->dir == LOAD_UP ? LOAD_ACCESS : LOAD_CORE;
        uint64_t turn = pt->dir == LOAD_BOTH ? k >> 1 : k;

        err = packet_make(l, side, (unsigned)(turn * STRIDE % pt->flows), pt->payload, now);
    }
    batch_send(l, LOAD_ACCESS);
    batch_send(l, LOAD_CORE);
    return err;
}

/* --- taking --- */

static bool sample_is_right(struct load *l, enum load_side from, unsigned i, uint8_t *p, size_t n, unsigned payload)
{
    uint8_t want[LOAD_PAYLOAD_MAX];
    uint16_t seq = (uint16_t)(p[2] << 8 | p[3]);

    if (from == LOAD_CORE && l->flows[i].open && srtp_open(l->flows[i].open, p, &n))
        return false;
    payload_make(l, i, seq, want, payload);
    return n == HEADER + payload && memcmp(p + HEADER, want, payload) == 0;
}

/* A datagram that came to `side`. */
static void take(struct load *l, enum load_side side, uint8_t *p, size_t n, const struct load_point *pt,
                 struct load_result *r, int64_t now)
{
    enum load_side from = side == LOAD_CORE ? LOAD_ACCESS : LOAD_CORE;
    uint32_t ssrc;
    uint16_t seq;
    struct mark *m;
    int64_t us;

    if (n >= 2 && ((p[0] & 0xc0) != 0x80 || (p[1] >= 192 && p[1] <= 223)))
        return; /* STUN, DTLS, RTCP */
    if (n < HEADER) {
        r->strange++;
        return;
    }
    memcpy(&ssrc, p + 8, 4);
    ssrc = ntohl(ssrc);
    seq = (uint16_t)(p[2] << 8 | p[3]);
    m = (ssrc & 0xffff) < l->n ? &l->marks[ssrc & 0xffff][from][seq % LOAD_WINDOW] : NULL;
    if ((ssrc & 0xffff0000) != (SSRC | (uint32_t)from << 16) || !m || !m->open || m->seq != seq) {
        r->strange++;
        return;
    }
    m->open = false;
    us = (now - m->at) / 1000;
    l->hist[us < HIST ? us : HIST - 1]++;
    if ((double)(now - m->at) / 1000 > r->max)
        r->max = (double)(now - m->at) / 1000;
    r->received++;
    l->flows[ssrc & 0xffff].got++;
    if (++l->taken % SAMPLE == 0) {
        r->sampled++;
        r->bad += !sample_is_right(l, from, ssrc & 0xffff, p, n, pt->payload);
    }
}

static void spill_count(struct load *l, enum load_side side, struct msghdr *m, struct load_result *r)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        uint32_t v;

        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SO_RXQ_OVFL)
            continue;
        memcpy(&v, CMSG_DATA(c), sizeof v);
        r->spilled += v - l->dropped[side];
        l->dropped[side] = v;
    }
}

static int batch_recv(struct load *l, enum load_side side)
{
    for (unsigned i = 0; i < BATCH; i++)
        l->rx.msg[i].msg_hdr = (struct msghdr){.msg_iov = &l->rx.iov[i], .msg_iovlen = 1,
                                               .msg_control = l->rx.control[i],
                                               .msg_controllen = sizeof l->rx.control[i]};
    return recvmmsg(l->fd[side], l->rx.msg, BATCH, 0, NULL);
}

static void taking(struct load *l, enum load_side side, const struct load_point *pt, struct load_result *r)
{
    int n = batch_recv(l, side);
    int64_t now = load_now_ns();

    for (int i = 0; i < n; i++)
        take(l, side, l->rx.p[i], l->rx.msg[i].msg_len, pt, r, now);
    if (n > 0)
        spill_count(l, side, &l->rx.msg[n - 1].msg_hdr, r);
}

/* --- a point --- */

static double hist_at(const struct load *l, uint64_t total, double share)
{
    uint64_t seen = 0, want = (uint64_t)((double)total * share);

    for (unsigned us = 0; us < HIST; us++) {
        seen += l->hist[us];
        if (seen > want)
            return us;
    }
    return HIST;
}

void load_forget(struct load *l)
{
    for (unsigned side = 0; side < 2; side++) {
        while (batch_recv(l, side) > 0)
            ;
    }
    memset(l->marks, 0, l->n * sizeof *l->marks);
    for (unsigned i = 0; i < l->n; i++)
        l->flows[i].got = 0;
}

/* Packets that have become due so many ns after the start. */
static uint64_t due_at(const struct load_point *p, int64_t ns)
{
    if (p->tick_us)
        ns -= ns % (p->tick_us * 1000LL);
    return (uint64_t)((double)ns * p->pps / 1e9);
}

int load_run(struct load *l, const struct load_point *p, struct load_result *r)
{
    int64_t from = load_now_ns(), end = from + p->ms * 1000000LL, now;
    int err = 0;

    memset(r, 0, sizeof *r);
    l->sending_ns = 0;
    memset(l->hist, 0, sizeof l->hist);
    if (!p->flows || p->flows > l->n || p->payload < STAMP || p->payload > LOAD_PAYLOAD_MAX)
        return -EINVAL;
    for (now = from; !err && now < end + DRAIN_NS; now = load_now_ns()) {
        uint64_t due = due_at(p, (now < end ? now : end) - from);

        if (due > r->sent) {
            unsigned n = due - r->sent < BATCH ? (unsigned)(due - r->sent) : BATCH;
            uint64_t behind = (uint64_t)((double)(due - r->sent - n) * 1e6 / p->pps);

            if (behind > r->behind_us)
                r->behind_us = behind;
            if (now < end) {
                err = due_send(l, p, r->sent, n, now);
                r->sent += n;
            }
        }
        if (p->dir != LOAD_DOWN)
            taking(l, LOAD_CORE, p, r);
        if (p->dir != LOAD_UP)
            taking(l, LOAD_ACCESS, p, r);
        if (now >= end && r->received == r->sent)
            break;
    }
    r->sending_ns = l->sending_ns;
    r->p50 = hist_at(l, r->received, 0.5);
    r->p99 = hist_at(l, r->received, 0.99);
    return err;
}

/* --- what is no RTP --- */

int load_send(struct load *l, enum load_side side, unsigned i, const void *p, size_t n)
{
    struct sending *tx = &l->tx[side];

    if (n > SLOT)
        return -EMSGSIZE;
    memcpy(tx->p[0], p, n);
    tx->iov[0].iov_len = n;
    slot_address(l, side, 0, i);
    tx->n = 1;
    batch_send(l, side);
    return 0;
}

int load_recv(struct load *l, enum load_side side, unsigned *i, void *p, size_t size)
{
    struct msghdr m = {.msg_iov = &(struct iovec){p, size}, .msg_iovlen = 1, .msg_control = l->rx.control[0],
                       .msg_controllen = sizeof l->rx.control[0]};
    ssize_t n = recvmsg(l->fd[side], &m, 0);

    if (n < 0)
        return -errno;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
        struct in_pktinfo to;

        if (c->cmsg_level != IPPROTO_IP || c->cmsg_type != IP_PKTINFO)
            continue;
        memcpy(&to, CMSG_DATA(c), sizeof to);
        *i = (ntohl(to.ipi_addr.s_addr) & 0xffff) - 1;
        return *i < l->n ? (int)n : -ENOENT;
    }
    return -ENOENT;
}
