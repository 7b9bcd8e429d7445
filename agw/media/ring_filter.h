/* Inside of a ring (ring.c): the program that the kernel runs for each datagram of its sockets, and the memory that both sides
 * know. Thread: the worker, and the kernel on any CPU. */
#pragma once

#include <linux/bpf.h>
#include <stdatomic.h>
#include <stdint.h>

#include "agw/media/media_limits.h"

#define RING_UDP_HEAD 8
#define RING_NET_HEAD 24 /* octets of the IP header that are kept: up to the source address, of IPv6 too */

struct ring_record { /* as the filter writes it */
    uint64_t cookie;
    uint32_t n, ifindex; /* octets of udp */
    uint8_t net[RING_NET_HEAD];
    uint8_t udp[]; /* header and payload */
};

struct ring_slot { /* what came to a socket in this turn; two CPUs at the same time miscount by a packet, which does no harm */
    uint32_t turn;
    uint32_t used;             /* octets */
    _Atomic(uint32_t) share;   /* written by the worker alone */
    uint32_t none;
};

struct ring_shares { /* in a map: the filter's and ours */
    struct ring_slot slot[MEDIA_RING_SLOTS]; /* by cookie; those that meet here have their shares in common */
    _Atomic(uint64_t) bell;             /* enum ring_bell; RING_RUNG with what had been written by then */
    _Atomic(uint32_t) turn;             /* written by the worker alone */
    _Atomic(uint32_t) lost;             /* the rest by the filter alone */
    _Atomic(uint64_t) loser;            /* cookie */
    uint32_t after;                     /* records since the bell was rung */
    uint32_t none;
};

/* Who sleeps is woken by a datagram in its socket's queue, the cheap way: the ring's own is an interrupt that the kernel sends
 * itself, in a virtual machine dearer than the packet. So the first datagram that finds the worker asleep goes there and rings:
 * all later ones are in the ring, all earlier ones before `bell`. */
enum ring_bell { RING_AWAKE = 0, RING_ASLEEP = 1, RING_RUNG = 2 }; /* records are at multiples of 8 */

int ring_bpf(enum bpf_cmd cmd, union bpf_attr *attr);
/* The program over a ring of MEDIA_RING octets and a map of one struct ring_shares; a descriptor, or -errno. */
int ring_filter_load(int map, int shares);
