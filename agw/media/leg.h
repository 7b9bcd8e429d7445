/* One TCP connection of a stream endpoint, once the door has found out whose it is: frames in, frames out, what waits to leave.
 * Writing never blocks and never grows without bound: a reader that is slow loses the oldest RTP, never DTLS or STUN, and when
 * that is not enough, or nothing moves for MEDIA_LEG_STALL_MS, the connection. Owner and thread: the worker. */
#pragma once

#include "agw/media/frame4571.h"
#include "agw/media/sock.h"

struct leg_frame;

struct leg {
    struct sock sock;  /* first: what epoll names; kind SOCK_LEG */
    struct addr peer;  /* with its conn (common/net.h): another address than the same of UDP */
    bool checked;      /* a connectivity check passed on it */
    uint32_t events;   /* what epoll waits for */
    uint32_t rest;     /* pipe: octets of the frame under way that have not come */
    const char *why;   /* NULL: it lives; else it is closed as soon as nobody is in the middle of using it */
    msec_t by;         /* closed then, unless it is the selected one */
    msec_t moved;      /* when the queue became shorter, or was empty */
    uint8_t *part;     /* the beginning of a frame whose rest has not come */
    size_t n_part;
    struct leg_frame *queue;
    unsigned dropped;  /* RTP that did not wait any longer; taken by the caller */
    size_t queued;     /* octets */
    unsigned n_queued;
    struct leg *next;  /* of its port, or those that are over */
};

struct leg_rx { /* what was received, of one leg at a time; of a thread */
    size_t n, at;
    uint8_t p[MEDIA_LEG_READ];
};

int leg_new(struct leg **lp, int fd, const struct addr *local, const struct addr *peer,
            msec_t now); /* the fd stays the caller's when it fails */
void leg_free(struct leg *l); /* closes the connection */
/* One read. 0: rx holds what came, perhaps nothing; -ECONNRESET: the peer has closed or it is broken. */
int leg_receive(struct leg *l, struct leg_rx *rx);
/* The next packet of it. 1; 0: no whole one is left; -EMSGSIZE: longer than MEDIA_RX_SIZE. */
int leg_next(struct leg_rx *rx, const uint8_t **p, size_t *n);
/* The same on a connection of a byte stream (bus_sep.pipe), of up to `max` octets, and for what it may carry: */
int leg_receive_some(struct leg *l, struct leg_rx *rx, size_t max);
enum leg_got { LEG_NOTHING, LEG_STUN, LEG_OCTETS };
/* enum leg_got; -EMSGSIZE: STUN that is too long */
int leg_next_of_pipe(struct leg *l, struct leg_rx *rx, const uint8_t **p, size_t *n);
int leg_keep(struct leg *l, const struct leg_rx *rx); /* what leg_next has left. 0, -ENOMEM */
/* One packet to send. rtp: it may be dropped when the peer is slow. 0: sent or waits; -ENOBUFS: it was dropped; -EPIPE: the
 * connection is broken; -ENOSPC: the peer is too slow, nothing may be dropped; -ENOMEM. */
int leg_write(struct leg *l, const uint8_t *p, size_t n, bool rtp, msec_t now);
int leg_flush(struct leg *l, msec_t now); /* 0; -EPIPE */
