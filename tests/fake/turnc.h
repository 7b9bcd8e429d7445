/* A TURN client as a browser is one (RFC 8656): TLS to the server, one allocation, IPv4. For one thread; requests wait for their
 * answer, and what peers send meanwhile is lost like any datagram. */
#pragma once

#include "agw/media/udp.h"

#define TURNC_WAIT_MS 3000

struct turnc;

/* Connects, TLS and all; whose certificate it is does not matter here. 0, -errno. */
int turnc_new(struct turnc **tp, const struct addr *server);
void turnc_free(struct turnc *t);
int turnc_fd(const struct turnc *t); /* to be read from with turnc_receive */

/* 0; the code of the answer (401, 403, 437 ..); -errno: there is none. */
int turnc_allocate(struct turnc *t, const char *name, const char *password, struct addr *relayed); /* name "": without credential */
int turnc_permit(struct turnc *t, const struct addr *peer);
int turnc_channel(struct turnc *t, const struct addr *peer);
int turnc_release(struct turnc *t);

/* A datagram to the peer: by its channel if it has one, else by a Send indication. 0, -errno. */
int turnc_send(struct turnc *t, const struct addr *peer, const void *p, size_t n);
/* The next datagram from a peer, good until the next call: 1; 0: none now; -errno: the connection is gone. */
int turnc_receive(struct turnc *t, struct dgram *out);
