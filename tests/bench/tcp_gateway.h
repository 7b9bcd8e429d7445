/* The gateway of bench-tcp: one worker and the door, as agw has them, in a process of its own on core 0, with what control would
 * order. And what both processes know of a browser: its ufrag and its keys follow from its number. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agw/media/srtp.h"
#include "common/net.h"

#define TCP_LEGS_MAX 20000
#define TCP_ACTIVE_MAX 4000
#define TCP_PWD "benchbenchbenchbenchbench"

struct tcp_shared { /* what the load must know: in memory of both */
    struct addr door, core[TCP_ACTIVE_MAX];
    volatile int ready;
    volatile int64_t lost[4]; /* by the gateway: for want of room in sockets, by rules, to slow readers; not sent */
};

/* Says why and ends the process. */
void tcp_die(const char *what);
void tcp_pin(int cpu);

void tcp_ufrag(unsigned i, char out[16]);
struct srtp_key tcp_key(unsigned i, bool ours); /* ours: what browser `i` sends with */

/* Serves `legs` streams with ICE, the first `active` of them joined to a stream of the phone's; until it is killed. */
_Noreturn void tcp_gateway(struct tcp_shared *sh, unsigned legs, unsigned active, const struct addr *phone);
