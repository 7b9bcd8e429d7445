#include "agw/media/udp.h"

#include <errno.h>
#include <stdlib.h>

#define SLOT (PKT_HEAD + MEDIA_RX_SIZE + PKT_TAIL)

struct udp_rx {
    unsigned n;     /* slots in use */
    unsigned dirty; /* slots before this one have a msg_namelen that recvmmsg has written */
    struct mmsghdr msg[MEDIA_RX_SLOTS];
    struct iovec iov[MEDIA_RX_SLOTS];
    struct dgram dgram[MEDIA_RX_SLOTS];
    uint8_t slot[MEDIA_RX_SLOTS][SLOT];
};

uint8_t *tx_room(struct tx *tx)
{
    return tx->n < MEDIA_TX_BATCH ? tx->slot[tx->n].p : NULL;
}

void tx_commit(struct tx *tx, size_t n)
{
    tx->slot[tx->n++].n = n;
}

int tx_put(struct tx *tx, const void *p, size_t n)
{
    uint8_t *room = tx_room(tx);

    if (n > MEDIA_TX_SIZE || !room) {
        tx->lost++;
        return room ? -EMSGSIZE : -ENOBUFS;
    }
    memcpy(room, p, n);
    tx_commit(tx, n);
    return 0;
}

void tx_address(struct tx *tx, unsigned from, const struct addr *to)
{
    if (!to) {
        tx->lost += tx->n - from;
        tx->n = from;
        return;
    }
    for (unsigned i = from; i < tx->n; i++)
        tx->slot[i].to = *to;
}

int udp_rx_new(struct udp_rx **rxp)
{
    struct udp_rx *rx = calloc(1, sizeof(*rx));

    if (!rx)
        return -ENOMEM;
    for (unsigned i = 0; i < MEDIA_RX_SLOTS; i++) {
        uint8_t *p = rx->slot[i] + PKT_HEAD;

        rx->iov[i] = (struct iovec){p, MEDIA_RX_SIZE};
        rx->msg[i].msg_hdr.msg_iov = &rx->iov[i];
        rx->msg[i].msg_hdr.msg_iovlen = 1;
        rx->msg[i].msg_hdr.msg_name = &rx->dgram[i].src;
        rx->msg[i].msg_hdr.msg_namelen = sizeof(rx->dgram[i].src);
        rx->dgram[i].p = p;
    }
    *rxp = rx;
    return 0;
}

void udp_rx_free(struct udp_rx *rx)
{
    free(rx);
}

void udp_reset(struct udp_rx *rx)
{
    rx->n = 0;
}

unsigned udp_room(const struct udp_rx *rx)
{
    return MEDIA_RX_SLOTS - rx->n;
}

/* Most sockets have one datagram at a time: a call that asks for one is the cheapest. */
static unsigned recv_one(struct udp_rx *rx, int fd)
{
    struct dgram *d = &rx->dgram[rx->n];
    socklen_t len = sizeof(d->src);
    const ssize_t n = recvfrom(fd, rx->iov[rx->n].iov_base, MEDIA_RX_SIZE, MSG_DONTWAIT | MSG_TRUNC, &d->src.u.sa, &len);

    if (n < 0)
        return 0;
    d->n = n > MEDIA_RX_SIZE ? 0 : (size_t)n;
    return 1;
}

static unsigned recv_many(struct udp_rx *rx, int fd, unsigned want)
{
    struct mmsghdr *msg = &rx->msg[rx->n];
    int n;

    for (unsigned i = rx->n; i < rx->n + want && i < rx->dirty; i++)
        rx->msg[i].msg_hdr.msg_namelen = sizeof(rx->dgram[0].src);
    n = recvmmsg(fd, msg, want, MSG_DONTWAIT, NULL);
    if (n > 0 && rx->dirty < rx->n + (unsigned)n)
        rx->dirty = rx->n + (unsigned)n;
    for (int i = 0; i < n; i++)
        rx->dgram[rx->n + (unsigned)i].n = msg[i].msg_hdr.msg_flags & MSG_TRUNC ? 0 : msg[i].msg_len;
    return n < 0 ? 0 : (unsigned)n;
}

unsigned udp_recv(struct udp_rx *rx, int fd, unsigned want, unsigned *first)
{
    unsigned n;

    if (want > udp_room(rx))
        want = udp_room(rx);
    *first = rx->n;
    n = want == 0 ? 0 : want == 1 ? recv_one(rx, fd) : recv_many(rx, fd, want);
    rx->n += n;
    return n;
}

bool udp_put(struct udp_rx *rx, const struct addr *src, const void *p, size_t n)
{
    if (!udp_room(rx) || n > MEDIA_RX_SIZE)
        return false;
    memcpy(rx->iov[rx->n].iov_base, p, n);
    rx->dgram[rx->n].src = *src;
    rx->dgram[rx->n++].n = n;
    return true;
}

const struct dgram *udp_dgram(const struct udp_rx *rx, unsigned i)
{
    return &rx->dgram[i];
}

void udp_pkt(const struct udp_rx *rx, unsigned i, struct pkt *pkt)
{
    uint8_t *p = rx->iov[i].iov_base;

    pkt->from = rx->dgram[i].src;
    pkt->p = p;
    pkt->n = rx->dgram[i].n;
    pkt->end = p + MEDIA_RX_SIZE + PKT_TAIL;
    pkt->rtcp = false;
    pkt->out = NULL;
}

bool udp_blank(struct udp_rx *rx, struct pkt *pkt)
{
    if (!udp_room(rx))
        return false;
    rx->dgram[rx->n].n = 0;
    udp_pkt(rx, rx->n++, pkt);
    return true;
}

static void discover(int fd, int how)
{
    (void)setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &how, sizeof(how));
}

void udp_uncut(int fd)
{
    discover(fd, IP_PMTUDISC_DO);
}

bool udp_send_cut(int fd, const struct msghdr *h)
{
    ssize_t n;

    discover(fd, IP_PMTUDISC_WANT);
    n = sendmsg(fd, h, MSG_DONTWAIT);
    discover(fd, IP_PMTUDISC_DO);
    return n >= 0;
}

unsigned udp_send(int fd, struct tx *tx, uint64_t *octets)
{
    struct mmsghdr msg[MEDIA_TX_BATCH];
    struct iovec iov[MEDIA_TX_BATCH];
    unsigned at = 0, sent = 0;

    *octets = 0;
    memset(msg, 0, tx->n * sizeof(msg[0]));
    for (unsigned i = 0; i < tx->n; i++) {
        iov[i] = (struct iovec){tx->slot[i].p, tx->slot[i].n};
        msg[i].msg_hdr.msg_name = &tx->slot[i].to;
        msg[i].msg_hdr.msg_namelen = addr_len(&tx->slot[i].to);
        msg[i].msg_hdr.msg_iov = &iov[i];
        msg[i].msg_hdr.msg_iovlen = 1;
    }
    while (at < tx->n) {
        const int n = sendmmsg(fd, msg + at, tx->n - at, MSG_DONTWAIT);

        for (int i = 0; i < n; i++)
            *octets += tx->slot[at + (unsigned)i].n;
        if (n > 0) {
            at += (unsigned)n;
            sent += (unsigned)n;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            break; /* socket buffer full: the rest is lost, as on any wire */
        } else if (errno == EMSGSIZE && udp_send_cut(fd, &msg[at].msg_hdr)) {
            *octets += tx->slot[at++].n;
            sent++;
        } else if (errno != EINTR) {
            at++; /* this one cannot be sent (unreachable, refused): the others may */
        }
    }
    tx->lost += tx->n - sent;
    tx->n = 0;
    return sent;
}
