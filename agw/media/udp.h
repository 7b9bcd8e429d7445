/* Datagrams in batches: received into consecutive slots, sent from fixed ones. The sans-IO modules see only struct dgram,
 * struct pkt and struct tx; tests use them as their network. Thread: the worker that owns them. No allocation per datagram. */
#pragma once

#include "agw/media/media_limits.h"
#include "agw/media/pkt.h"
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

/* Receive slots of one thread, MEDIA_RX_SLOTS of them. Each has PKT_HEAD octets before the datagram and PKT_TAIL behind the
 * longest one, so that packets are changed and sent where they are. They live until udp_reset. */
struct udp_rx;
int udp_rx_new(struct udp_rx **rxp);
void udp_rx_free(struct udp_rx *rx);
void udp_reset(struct udp_rx *rx);
unsigned udp_room(const struct udp_rx *rx); /* slots left */
/* Up to `want` datagrams into the next slots (fewer when the slots end); *first: index of the first. 0 when none waits. Too
 * long ones come with n == 0. */
unsigned udp_recv(struct udp_rx *rx, int fd, unsigned want, unsigned *first);
bool udp_put(struct udp_rx *rx, const struct addr *src, const void *p, size_t n); /* as if received; false: no slot left */
const struct dgram *udp_dgram(const struct udp_rx *rx, unsigned i);
void udp_pkt(const struct udp_rx *rx, unsigned i, struct pkt *pkt); /* the same slot as a packet */
bool udp_blank(struct udp_rx *rx, struct pkt *pkt); /* an empty slot for a packet of our own; false: none left */

/* IPv4: datagrams leave as ones that nobody may cut, which spares the kernel a number for the pieces of each. */
void udp_uncut(int fd);
/* One that is longer than the way to its peer takes in one piece (EMSGSIZE): in pieces, after all. */
bool udp_send_cut(int fd, const struct msghdr *h);
/* Sends all of tx and empties it. Returns the datagrams sent; *octets their sum; the rest counts in tx->lost. */
unsigned udp_send(int fd, struct tx *tx, uint64_t *octets);
