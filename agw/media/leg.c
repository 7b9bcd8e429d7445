#include "agw/media/leg.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>
#include <utlist.h>

#include "agw/media/stun.h"

struct leg_frame {
    struct leg_frame *prev, *next;
    bool rtp;
    msec_t at;
    size_t n, sent; /* with the head */
    uint8_t p[];
};

int leg_new(struct leg **lp, int fd, const struct addr *local, const struct addr *peer, msec_t now)
{
    const int on = 1, unsent = MEDIA_LEG_UNSENT;
    struct leg *l = calloc(1, sizeof(*l));

    if (!l)
        return -ENOMEM;
    sock_init(&l->sock, fd, SOCK_LEG, local);
    l->peer = *peer;
    l->moved = now;
    l->by = now + MEDIA_LEG_CHECK_MS;
    /* What waits in the kernel cannot be dropped when it is late. */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof(unsent));
    *lp = l;
    return 0;
}

void leg_free(struct leg *l)
{
    struct leg_frame *f, *tmp;

    if (!l)
        return;
    DL_FOREACH_SAFE(l->queue, f, tmp)
        free(f);
    free(l->part);
    if (l->sock.fd >= 0)
        close(l->sock.fd);
    free(l);
}

/* --- in --- */

int leg_receive(struct leg *l, struct leg_rx *rx)
{
    return leg_receive_some(l, rx, sizeof(rx->p));
}

int leg_receive_some(struct leg *l, struct leg_rx *rx, size_t max)
{
    ssize_t n;

    rx->at = 0;
    rx->n = l->n_part;
    if (l->part)
        memcpy(rx->p, l->part, l->n_part);
    max = max < sizeof(rx->p) ? max : sizeof(rx->p);
    n = recv(l->sock.fd, rx->p + rx->n, max - rx->n, MSG_DONTWAIT);
    if (n > 0)
        rx->n += (size_t)n;
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR))
        return -ECONNRESET;
    return 0;
}

int leg_next(struct leg_rx *rx, const uint8_t **p, size_t *n)
{
    int len;

    do {
        len = frame_first(rx->p + rx->at, rx->n - rx->at, MEDIA_RX_SIZE);
        if (len <= 0)
            return len;
        *p = rx->p + rx->at + FRAME_HEAD;
        *n = (size_t)len - FRAME_HEAD;
        rx->at += (size_t)len;
    } while (*n == 0); /* RFC 4571 2: a null packet, to be ignored */
    return 1;
}

/* By its head: the type's first bits, the cookie and the length that the frame has (RFC 8489 5). 2^-50 for octets of a
 * message. */
static bool is_stun(const uint8_t *p, size_t n)
{
    static const uint8_t cookie[] = {0x21, 0x12, 0xa4, 0x42};

    return n >= STUN_HEADER && !(p[0] & 0xc0) && !memcmp(p + 4, cookie, sizeof(cookie)) && n % 4 == 0 &&
           ((size_t)p[2] << 8 | p[3]) == n - STUN_HEADER;
}

/* A frame of octets is handed on in as many pieces as it comes in: only its head has to be together. */
int leg_next_of_pipe(struct leg *l, struct leg_rx *rx, const uint8_t **p, size_t *n)
{
    for (;;) {
        const uint8_t *at = rx->p + rx->at;
        const size_t have = rx->n - rx->at, len = have < FRAME_HEAD ? 0 : (size_t)at[0] << 8 | at[1];
        const size_t look = len < STUN_HEADER ? len : STUN_HEADER;

        if (l->rest && have) {
            *p = at;
            *n = have < l->rest ? have : l->rest;
            rx->at += *n;
            l->rest -= (uint32_t)*n;
            return LEG_OCTETS;
        }
        if (l->rest || have < FRAME_HEAD + look || have < FRAME_HEAD)
            return LEG_NOTHING;
        if (is_stun(at + FRAME_HEAD, len)) {
            *p = at + FRAME_HEAD;
            *n = len;
            if (len > MEDIA_RX_SIZE)
                return -EMSGSIZE;
            if (have < FRAME_HEAD + len)
                return LEG_NOTHING;
            rx->at += FRAME_HEAD + len;
            return LEG_STUN;
        }
        rx->at += FRAME_HEAD;
        l->rest = (uint32_t)len;
    }
}

int leg_keep(struct leg *l, const struct leg_rx *rx)
{
    const size_t rest = rx->n - rx->at;

    if (rest && !l->part) /* most have none: a frame comes as it was sent */
        l->part = malloc(FRAME_HEAD + MEDIA_RX_SIZE);
    if (rest && !l->part)
        return -ENOMEM;
    if (rest) {
        memcpy(l->part, rx->p + rx->at, rest);
    } else {
        free(l->part);
        l->part = NULL;
    }
    l->n_part = rest;
    return 0;
}

/* --- out --- */

static void drop(struct leg *l, struct leg_frame *f)
{
    DL_DELETE(l->queue, f);
    l->queued -= f->n;
    l->n_queued--;
    free(f);
}

/* RTP that is late goes, then the oldest, but for a frame of which a part is gone already. */
static bool make_room(struct leg *l, size_t n, msec_t now)
{
    struct leg_frame *f, *tmp;

    DL_FOREACH_SAFE(l->queue, f, tmp)
    {
        const bool late = now >= f->at + MEDIA_LEG_LATE_MS;

        if (!late && l->queued + n <= MEDIA_LEG_QUEUE)
            break;
        if (!f->rtp || f->sent)
            continue;
        drop(l, f);
        l->dropped++;
    }
    return l->queued + n <= MEDIA_LEG_QUEUE;
}

static int enqueue(struct leg *l, const uint8_t head[FRAME_HEAD], const uint8_t *p, size_t n, size_t sent, bool rtp,
                   msec_t now)
{
    struct leg_frame *f;

    if (!make_room(l, FRAME_HEAD + n, now) && !sent)
        return rtp ? -ENOBUFS : -ENOSPC;
    f = malloc(sizeof(*f) + FRAME_HEAD + n);
    if (!f)
        return -ENOMEM;
    *f = (struct leg_frame){.rtp = rtp, .at = now, .n = FRAME_HEAD + n, .sent = sent};
    memcpy(f->p, head, FRAME_HEAD);
    memcpy(f->p + FRAME_HEAD, p, n);
    DL_APPEND(l->queue, f);
    l->queued += f->n;
    l->n_queued++;
    return 0;
}

static bool is_full(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR || errno == ENOBUFS;
}

int leg_write(struct leg *l, const uint8_t *p, size_t n, bool rtp, msec_t now)
{
    uint8_t head[FRAME_HEAD];
    struct iovec iov[2] = {{head, FRAME_HEAD}, {(void *)p, n}};
    const struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};
    ssize_t sent = 0;

    if (n > UINT16_MAX)
        return -ENOBUFS;
    frame_head(head, n);
    if (!l->queue) {
        l->moved = now;
        sent = sendmsg(l->sock.fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && !is_full())
            return -EPIPE;
        if (sent == (ssize_t)(FRAME_HEAD + n))
            return 0;
    }
    return enqueue(l, head, p, n, sent < 0 ? 0 : (size_t)sent, rtp, now);
}

int leg_flush(struct leg *l, msec_t now)
{
    while (l->queue) {
        struct leg_frame *f = l->queue;
        const ssize_t n = send(l->sock.fd, f->p + f->sent, f->n - f->sent, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n < 0)
            return is_full() ? 0 : -EPIPE;
        l->moved = now;
        f->sent += (size_t)n;
        if (f->sent == f->n)
            drop(l, f);
    }
    return 0;
}
