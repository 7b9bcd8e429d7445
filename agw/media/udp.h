/* Datagrams in batches: recvmmsg into fixed slots, sendmmsg from fixed slots. The sans-IO modules see only struct dgram
 * and struct tx; tests use them as their network. Thread: the worker that owns them. No allocation per datagram. */
#pragma once

#include "agw/media/media_limits.h"
#include "common/net.h"

struct dgram {
    struct addr src;
    const uint8_t *p;
    size_t n;
};

/* Datagrams to send, in order. What does not fit is dropped and counted: every protocol above repeats itself. */
struct tx {
    unsigned n;
    unsigned lost;
    struct tx_slot {
        struct addr to;
        size_t n;
        uint8_t p[MEDIA_TX_SIZE];
    } slot[MEDIA_TX_BATCH];
};

uint8_t *tx_room(struct tx *tx); /* MEDIA_TX_SIZE octets of the next slot, or NULL: full; not yet part of the batch */
void tx_commit(struct tx *tx, size_t n); /* the slot of tx_room is now n octets, address still to be set */
int tx_put(struct tx *tx, const void *p, size_t n); /* 0, -EMSGSIZE, -ENOBUFS (counted) */
void tx_address(struct tx *tx, unsigned from, const struct addr *to); /* slots from..n go to `to`; NULL: forget them */

struct udp_rx; /* receive slots of one thread */
int udp_rx_new(struct udp_rx **rxp);
void udp_rx_free(struct udp_rx *rx);
/* Up to MEDIA_RX_BATCH datagrams; 0 when none waits. Too long ones come with n == 0. They live until the next call. */
int udp_recv(struct udp_rx *rx, int fd);
const struct dgram *udp_dgram(const struct udp_rx *rx, int i);

/* Sends all of tx and empties it. Returns the datagrams sent; *octets their sum; the rest counts in tx->lost. */
unsigned udp_send(int fd, struct tx *tx, uint64_t *octets);
