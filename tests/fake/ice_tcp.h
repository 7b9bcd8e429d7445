/* Makes an IMS UE of TS 33.203 W.3 out of a MSRP endpoint on plain TCP: what connects to its port is carried to the gateway over
 * ICE-TCP (RFC 6544: active, full, controlling; RFC 4571 frames), a connection there for each one here. When either ends, so does
 * the other. Reads no faster than the other side takes. One libuv loop. */
#pragma once

#include <uv.h>

#include "common/net.h"

#define ICE_TCP_TEXT 300 /* room for a ufrag or a password */

struct ice_tcp;

struct ice_tcp_h {
    void (*up)(void *arg);     /* a pair is valid and nominated */
    void (*closed)(void *arg); /* a connection that was up is over; may be NULL */
    void *arg;
};

int ice_tcp_new(struct ice_tcp **tp, uv_loop_t *loop, const char *local_ip, const struct ice_tcp_h *h);
void ice_tcp_local(const struct ice_tcp *t, struct addr *out); /* where the endpoint connects */
/* Of the connections from now on: the gateway's candidate and credentials, and our ufrag. */
void ice_tcp_peer(struct ice_tcp *t, const struct addr *remote, const char *ufrag, const char *pwd, const char *mine);
void ice_tcp_free(struct ice_tcp *t);
