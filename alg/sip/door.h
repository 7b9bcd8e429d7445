/* The door of the core's TCP listeners: who may not send requests gets no connection either, not even an answer to its SYN, by a
 * filter in the kernel. So nobody else can take alg's descriptors. Inside alg/sip only. Owner: struct core. Main thread. */
#pragma once

#include "alg/sip/hop_peers.h"
#include "alg/sip/sip_limits.h"
#include "common/reach.h"

struct sip;
struct door;

struct door_listener {
    int fd;
    bool v6, tls;
};

/* Those of Mw for connections. How many; Sofia does not tell their descriptors, so only while these are small: at start. */
unsigned door_listeners(const struct sip *s, struct door_listener v[SIP_LISTEN_MAX]);
/* Once the listeners are there. *dp NULL: no rule (peers NULL), or one by kind of address, which the kernel is not told. */
int door_new(struct door **dp, const struct sip *s, const struct reach *peers);
void door_set(struct door *d, const struct hop_peers *hops); /* they changed; d NULL is fine */
void door_free(struct door *d); /* NULL is fine; the listeners keep what was set last */
