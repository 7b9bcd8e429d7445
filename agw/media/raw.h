/* UDP datagrams with any source port from one raw socket (IPv4): one sendmmsg for all streams that have a port each. Needs
 * CAP_NET_RAW. The stream's own socket stays bound: it receives, and keeps the port ours. Thread: the worker. */
#pragma once

#include "common/net.h"

#define RAW_HEAD 28 /* IPv4 and UDP header */
#define RAW_MAX 1400 /* longest payload: a raw socket does not fragment */

int raw_open(void); /* the fd; -EPERM... */
/* tos: the octet of the IP header. */
void raw_head(uint8_t head[RAW_HEAD], const struct addr *from, const struct addr *to, uint8_t tos, const void *p, size_t n);
