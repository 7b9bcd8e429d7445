/* TCP and TLS connections that came to the core's listeners: how many there are, of one address and in all, and which of them
 * never get a whole message said. Sofia accepts them and asks nobody; they are looked for among alg's descriptors as soon as some
 * came, and what is too much is shut down, which Sofia takes for the peer's own end. Inside alg/sip only. Owner: struct core.
 * Main thread. */
#pragma once

#include <uv.h>

#include "alg/sip/hop_peers.h"
#include "common/reach.h"

struct sip;
struct core_conns;

enum conns_why { CONNS_STRANGER, CONNS_ADDRESS, CONNS_MANY, CONNS_LATE };

struct conns_conf {
    struct sip *sip;              /* its listeners and loop */
    const struct reach *peers;    /* who may be connected without TLS, besides hops; NULL: everybody */
    const struct hop_peers *hops; /* theirs are kept first */
    void (*closed)(void *arg, enum conns_why why, const struct addr *peer); /* one was shut down */
    void *arg;
};

/* Once the listeners are there. -ENOMEM, or what libuv says. */
int conns_new(struct core_conns **cp, const struct conns_conf *conf);
void conns_free(struct core_conns *c); /* NULL is fine; memory goes when the loop has closed the handles */
void conns_tick(struct core_conns *c, msec_t now); /* NULL is fine */
void conns_whole(struct core_conns *c, const struct addr *peer); /* a whole message came from there; NULL is fine */
unsigned conns_n(const struct core_conns *c);
const char *conns_why_text(enum conns_why why);
