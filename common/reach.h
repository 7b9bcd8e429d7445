/* Which addresses may be a peer in a realm: where media and connections may be sent because somebody said so (SDP, a
 * candidate), and from where they may be taken. Without it a description of a stranger would aim our packets at this host or
 * at its operator's own network. Pure once filled. Owner: who configures it. Any thread. */
#pragma once

#include "common/net.h"

enum reach_kind {
    REACH_PUBLIC,   /* anything that no row of the table says */
    REACH_NEVER,    /* nobody's: unspecified, multicast, broadcast, reserved */
    REACH_LOOPBACK,
    REACH_LINK,     /* link-local */
    REACH_PRIVATE,  /* RFC 1918, RFC 4193 */
    REACH_SHARED,   /* carrier-grade NAT, RFC 6598 */
    REACH_SPECIAL,  /* IETF assignments, benchmarking, tunnels, discard */
};

#define REACH_NETS 32 /* rows of an operator, each way */

struct reach {
    bool closed;  /* public addresses need permission, too */
    unsigned own; /* bits of reach_kind that need no permission: of the realm's own addresses */
    unsigned n_allow, n_deny;
    struct addr_net allow[REACH_NETS], deny[REACH_NETS];
};

/* By the IANA special-purpose registries (RFC 6890). An IPv6 address that carries an IPv4 one (mapped, compatible, 6to4,
 * NAT64) is of the kind of that. */
enum reach_kind reach_kind_of(const struct addr *a);
const char *reach_kind_name(enum reach_kind kind);

/* A realm has this address: its kind is allowed. On loopback all but REACH_NEVER is: such a realm reaches this host alone,
 * and this host's browsers send from any of its addresses. */
void reach_own(struct reach *r, const struct addr *a);
/* "192.0.2.0/24". 0, -EINVAL, -ENOSPC. */
int reach_allow(struct reach *r, const char *net);
int reach_deny(struct reach *r, const char *net);
/* deny first, then allow, then the kind. NEVER is not to be allowed. r NULL: no rule, true. */
bool reach_may(const struct reach *r, const struct addr *a);
