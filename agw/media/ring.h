/* Datagrams of many UDP sockets through one ring of memory that the kernel fills: a socket filter (BPF) copies what comes to
 * any of them there and drops it from the socket's queue, so taking a packet costs no system call, whichever socket it came
 * to. The filter runs where the queue would be: behind netfilter, reassembly and the checksum. Only the datagram that ends a
 * wait is left in its socket's queue, where it wakes whoever waits for the socket. What the ring has no room for is lost, as
 * where a queue is full, and so is what comes to one socket beyond its share of the room: a flood is its own loss.
 * Linux 5.12, CAP_BPF. Thread: the worker.
 *
 *     if (ring_may_wait(r)) { wait for all sockets and ring_fd; if (ring_woken(r)) make sure that the sockets are among it }
 *     ring_next until false: came before the datagram that ended the wait
 *     read the sockets
 *     if (ring_go_on(r)) ring_next until false: came after it */
#pragma once

#include "common/net.h"

struct ring;

struct ring_member { /* a socket, in whoever owns it; all zero: in no ring */
    uint64_t cookie; /* the kernel's name of it, never used again */
    uint32_t share;  /* octets of the ring */
};

struct ring_in { /* one datagram; p lives until the next ring_next or ring_may_wait */
    struct ring_member *member;
    struct addr src;
    const uint8_t *p;
    size_t n;
};

int ring_new(struct ring **rp); /* -EPERM, -EINVAL, -ENOSYS...: this kernel or process has none */
void ring_free(struct ring *r);
int ring_fd(const struct ring *r); /* for epoll, edge-triggered: rarely, where a socket's queue cannot wake up */
/* share: octets of the ring (a record takes 264, 520, 1544 or some 2100) that it may fill until the worker has emptied
 * it or took MEDIA_RING_TURN. -errno: the socket stays as it is, to be read by itself. What it holds already stays in
 * its queue anyway. */
int ring_join(struct ring *r, int fd, struct ring_member *m, uint32_t share);
void ring_leave(struct ring *r, struct ring_member *m); /* the socket is about to be closed */
/* The next datagram of a member, in the order of arrival over all of them; false: none, or first the sockets must be read. */
bool ring_next(struct ring *r, struct ring_in *in);
bool ring_is_empty(const struct ring *r); /* false: something came, perhaps not yet to be had */
/* To be asked before each wait, and only then: gives the memory back. true: the ring is empty, and the next datagram goes to its
 * socket's queue. false: no wait now; as after it, the sockets may have to be read (ring_woken). */
bool ring_may_wait(struct ring *r);
/* The wait is over, datagrams go to the ring again. true: one is in a socket's queue, ring_next stops before what came later. */
bool ring_woken(struct ring *r);
bool ring_is_held(const struct ring *r); /* ring_woken was true, ring_go_on is still to come */
bool ring_go_on(struct ring *r); /* the sockets have been read; true: there may be more in the ring */
/* Datagrams lost since it was asked last; m: whose the last of them was, NULL: closed meanwhile. */
uint32_t ring_lost(struct ring *r, struct ring_member **m);
