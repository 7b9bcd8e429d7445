/* The check list of a full agent (RFC 8445 6.1.2, 7.2, 8.1): one component, one local candidate, so a pair is a remote
 * address. Paced checks, repetitions, triggered checks, roles, regular nomination when controlling. Sans-IO: it sends into
 * tx and reads responses that the owner did not take for consent. Owner: struct ice. Thread: the sep's worker.
 * Addresses that no one beyond the gateway's own network may make it send to (loopback, link-local, multicast ...) and
 * those of another family make no pair. */
#pragma once

#include "agw/media/ice_msg.h"

struct ice_list;

enum ice_list_result { /* bits */
    ICE_LIST_PEER = 1,     /* a peer-reflexive candidate was learnt */
    ICE_LIST_SELECTED = 2, /* a pair was nominated, with success: ice_list_selected */
    ICE_LIST_VALID = 4,    /* the address that the response came from passed a check of ours */
};

int ice_list_new(struct ice_list **lp, struct stun_mac *mac, const struct addr *local);
void ice_list_free(struct ice_list *l);
/* New credentials: all pairs are forgotten (RFC 8445 9), unless it is the peer's first ones that came. Role and tie-breaker
 * stay. Time runs from the next tick on. */
void ice_list_begin(struct ice_list *l, const struct ice_names *names);
void ice_list_role(struct ice_list *l, bool controlling);
bool ice_list_is_controlling(const struct ice_list *l);
uint64_t ice_list_tiebreaker(const struct ice_list *l);
void ice_list_add(struct ice_list *l, const struct addr *remote, uint32_t priority);
bool ice_list_may(const struct ice_list *l, const struct addr *remote); /* checks may be sent there */
/* RFC 8445 7.3.1.1 of an authenticated request. True: to be refused with 487; else the roles agree, ours has switched if
 * need be. */
bool ice_list_conflict(struct ice_list *l, const struct stun_msg *m);
/* An authenticated request with current credentials was answered: 7.3.1.3 to 7.3.1.5. Bits. */
int ice_list_heard(struct ice_list *l, const struct addr *src, uint32_t priority, bool use_candidate);
/* A response. Bits; -ENOENT: to none of our requests, or not authenticated. */
int ice_list_response(struct ice_list *l, const struct stun_msg *m, const struct addr *src, msec_t now);
const struct addr *ice_list_selected(const struct ice_list *l); /* NULL: none yet */
msec_t ice_list_deadline(const struct ice_list *l);
int ice_list_tick(struct ice_list *l, struct tx *tx, msec_t now); /* 0, -EHOSTUNREACH: failed just now (once) */
