/* Port pool of one address: which port is free, oldest first, so that a port rests as long as
 * possible between two calls; single ones, and pairs for RTP and RTCP (RFC 3550 11). Taking and
 * giving back are O(1). Owner: struct ctl. Thread: control. */
#pragma once

#include "common/net.h"

struct port_pool;

enum port_kind { PORT_UDP, PORT_TCP };

/* Ports lo..hi of *addr (its own port is ignored). -EINVAL: empty range, port 0 or 65535. */
int port_pool_new(struct port_pool **pp, enum port_kind kind, const struct addr *addr, uint16_t lo,
                  uint16_t hi);
void port_pool_free(struct port_pool *p);
/* A bound UDP or listening TCP socket on a port that rested long; *local is its address. The fd,
 * -ENOSPC when no port of the pool can be had, or another -errno (no descriptors left). */
int port_take(struct port_pool *p, struct addr *local);
/* An even port and the next one: the fd of the even one and *odd_fd. Both are given back singly. */
int port_take_pair(struct port_pool *p, struct addr *local, int *odd_fd);
void port_give(struct port_pool *p, uint16_t port); /* its socket is closed by now */
unsigned port_left(const struct port_pool *p);
const struct addr *port_addr(const struct port_pool *p);
