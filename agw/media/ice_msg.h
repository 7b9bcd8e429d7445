/* What an ICE agent sends of itself (RFC 8445 7.1, RFC 7675 5.1): Binding requests and indications, each into the next
 * slot of tx with its address. Pure but for tx. */
#pragma once

#include "agw/bus.h"
#include "agw/media/stun.h"
#include "agw/media/udp.h"

struct ice_names { /* of one generation of credentials */
    char ufrag[sizeof(((struct bus_sep *)0)->ufrag)]; /* ours */
    char remote_ufrag[BUS_ICE_UFRAG], remote_pwd[BUS_ICE_PWD]; /* empty: not known yet */
};

struct ice_request {
    const struct ice_names *names;
    const struct addr *to;
    uint32_t priority; /* that a peer-reflexive candidate of ours would have (RFC 8445 7.1.1) */
    uint64_t tiebreaker;
    bool controlling, use_candidate;
    uint8_t tid[STUN_TID]; /* out: fresh and random in each request (RFC 7675 5.1) */
};

int ice_send_request(struct ice_request *r, struct stun_mac *mac, struct tx *tx); /* 0, -ENOBUFS, -EMSGSIZE */
/* The same transaction again (RFC 8489 6.2.1). */
int ice_repeat_request(const struct ice_request *r, struct stun_mac *mac, struct tx *tx);
int ice_send_indication(const struct addr *to, struct tx *tx);
