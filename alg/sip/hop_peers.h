/* Addresses that next hops have or had: they may send requests. Who has another name record than before still speaks in the
 * dialogs that it set up. Pure: time comes with the call. Inside alg/sip only. Owner: struct core. Main thread. */
#pragma once

#include "alg/sip/hops.h"

struct hop_peers {
    struct hop_peer {
        struct addr addr; /* the port does not count */
        msec_t gone_at;   /* 0: some next hop has it now */
    } v[2 * HOPS_MAX];
    unsigned n;
};

void hop_peers_set(struct hop_peers *p, const struct hops *now_are, msec_t now); /* full: the one that went first is forgotten */
/* Those that went before `oldest`, the beginning of the oldest dialog (MSEC_NEVER: there is none), and HOP_PEER_MS ago. */
void hop_peers_forget(struct hop_peers *p, msec_t oldest, msec_t now);
bool hop_peers_may(const struct hop_peers *p, const struct addr *a);
bool hop_peers_is_old(const struct hop_peers *p); /* there is one that no next hop has */
