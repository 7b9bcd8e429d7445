#include "tests/lab/far_rtp.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/rnd.h"

#define PORT_LO 33000
#define PORT_HI 34998
#define BATCH 1024            /* all that waits: what came first goes back first, RTCP too, however long this stood still */
#define RECEIVE_BUFFER (1 << 20)
#define RTCP_SR 200
#define RTCP_RR 201
#define RTCP_BYE 203
#define RTCP_RTPFB 205
#define RTCP_PSFB 206

struct far_rtp {
    int fd[2]; /* RTP, RTCP */
    uint16_t port;
    bool started, echo;
    struct addr peer[2];
    struct far_rtp_counts counts;
    uv_poll_t poll[2];
    unsigned open;
};

static void twist(uint8_t *p)
{
    for (int i = 0; i < 4; i++)
        p[i] ^= (uint8_t)(FAR_RTP_TWIST >> (24 - 8 * i));
}

/* The SSRCs of one RTCP packet: its sender's, and those that it speaks of. */
static void turn_packet(uint8_t *p, size_t n)
{
    unsigned count = p[0] & 31, type = p[1], first;

    if (type == RTCP_BYE) {
        for (unsigned i = 0; i < count && 8 + 4 * i <= n; i++)
            twist(p + 4 + 4 * i);
        return;
    }
    if (n >= 8)
        twist(p + 4); /* SDES: the first chunk, and nobody sends more */
    if (type == RTCP_SR || type == RTCP_RR) {
        first = type == RTCP_SR ? 28 : 8;
        for (unsigned i = 0; i < count && first + 24 * (i + 1) <= n; i++)
            twist(p + first + 24 * i);
    } else if ((type == RTCP_RTPFB || type == RTCP_PSFB) && n >= 12) {
        twist(p + 8);
        for (size_t at = 12; type == RTCP_PSFB && count == 4 && at + 8 <= n; at += 8) /* FIR, RFC 5104 4.3.1 */
            twist(p + at);
    }
}

static void turn(uint8_t *p, size_t n, bool rtcp)
{
    size_t len;

    if (!rtcp) {
        twist(p + 8);
        return;
    }
    for (; n >= 4; p += len, n -= len) {
        len = 4 * ((size_t)(p[2] << 8 | p[3]) + 1);
        if (len > n)
            return;
        turn_packet(p, len);
    }
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct far_rtp *r = poll->data;
    const int k = poll == &r->poll[1];
    uint8_t p[2048];

    (void)status;
    (void)events;
    for (int i = 0; i < BATCH; i++) {
        struct addr from;
        socklen_t len = sizeof from.u;
        ssize_t n = recvfrom(r->fd[k], p, sizeof p, 0, &from.u.sa, &len);

        if (n < 0)
            return;
        if (n < 12 - 4 * k || !r->started)
            continue;
        if (!addr_eq(&from, &r->peer[k])) {
            r->counts.strangers++;
            continue;
        }
        if (k)
            r->counts.rtcp++;
        else
            r->counts.rtp++, r->counts.octets += (uint64_t)n;
        if (!r->echo)
            continue;
        turn(p, (size_t)n, k);
        (void)sendto(r->fd[k], p, (size_t)n, 0, &from.u.sa, addr_len(&from));
    }
}

static void buffer(int fd)
{
    const int size = RECEIVE_BUFFER;

    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size)) /* past net.core.rmem_max wants root */
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
}

static int bind_pair(struct far_rtp *r, const char *host)
{
    for (int tries = 0; tries < 500; tries++) {
        uint16_t at;
        struct addr a;

        rnd_bytes(&at, sizeof at);
        r->port = (uint16_t)(PORT_LO + at % (PORT_HI - PORT_LO) / 2 * 2);
        for (int k = 0; k < 2; k++) {
            if (addr_parse(&a, sv_from(host), (uint16_t)(r->port + k)))
                return -EINVAL;
            r->fd[k] = net_udp(&a);
            buffer(r->fd[k]);
        }
        if (r->fd[0] >= 0 && r->fd[1] >= 0)
            return 0;
        for (int k = 0; k < 2; k++)
            if (r->fd[k] >= 0)
                close(r->fd[k]);
    }
    return -EADDRINUSE;
}

int far_rtp_new(struct far_rtp **rp, uv_loop_t *loop, const char *host)
{
    struct far_rtp *r = calloc(1, sizeof *r);
    int err;

    if (!r)
        return -ENOMEM;
    err = bind_pair(r, host);
    if (err) {
        free(r);
        return err;
    }
    for (int k = 0; k < 2; k++) {
        uv_poll_init(loop, &r->poll[k], r->fd[k]);
        r->poll[k].data = r;
        uv_poll_start(&r->poll[k], UV_READABLE, on_readable);
    }
    r->open = 2;
    *rp = r;
    return 0;
}

static void on_closed(uv_handle_t *h)
{
    struct far_rtp *r = h->data;

    if (--r->open == 0)
        free(r);
}

void far_rtp_free(struct far_rtp *r)
{
    for (int k = 0; r && k < 2; k++) {
        uv_close((uv_handle_t *)&r->poll[k], on_closed);
        close(r->fd[k]);
    }
}

uint16_t far_rtp_port(const struct far_rtp *r)
{
    return r->port;
}

void far_rtp_start(struct far_rtp *r, const struct addr *rtp, const struct addr *rtcp, bool echo)
{
    r->peer[0] = *rtp;
    r->peer[1] = *rtcp;
    r->started = true;
    r->echo = echo;
}

struct far_rtp_counts far_rtp_counts(const struct far_rtp *r)
{
    return r->counts;
}
