#include "agw/media/udp.h"

#include <errno.h>
#include <stdlib.h>

struct udp_rx {
    struct mmsghdr msg[MEDIA_RX_BATCH];
    struct iovec iov[MEDIA_RX_BATCH];
    struct dgram dgram[MEDIA_RX_BATCH];
    uint8_t bytes[MEDIA_RX_BATCH][MEDIA_RX_SIZE];
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
    for (int i = 0; i < MEDIA_RX_BATCH; i++) {
        rx->iov[i] = (struct iovec){rx->bytes[i], MEDIA_RX_SIZE};
        rx->msg[i].msg_hdr.msg_iov = &rx->iov[i];
        rx->msg[i].msg_hdr.msg_iovlen = 1;
        rx->msg[i].msg_hdr.msg_name = &rx->dgram[i].src;
        rx->dgram[i].p = rx->bytes[i];
    }
    *rxp = rx;
    return 0;
}

void udp_rx_free(struct udp_rx *rx)
{
    free(rx);
}

int udp_recv(struct udp_rx *rx, int fd)
{
    int n;

    for (int i = 0; i < MEDIA_RX_BATCH; i++)
        rx->msg[i].msg_hdr.msg_namelen = sizeof(rx->dgram[i].src);
    n = recvmmsg(fd, rx->msg, MEDIA_RX_BATCH, MSG_DONTWAIT, NULL);
    for (int i = 0; i < n; i++)
        rx->dgram[i].n = rx->msg[i].msg_hdr.msg_flags & MSG_TRUNC ? 0 : rx->msg[i].msg_len;
    return n < 0 ? 0 : n;
}

const struct dgram *udp_dgram(const struct udp_rx *rx, int i)
{
    return &rx->dgram[i];
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
        } else if (errno != EINTR) {
            at++; /* this one cannot be sent (unreachable, refused): the others may */
        }
    }
    tx->lost += tx->n - sent;
    tx->n = 0;
    return sent;
}
