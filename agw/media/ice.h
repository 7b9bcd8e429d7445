/* ICE agent (RFC 8445): answers checks, remembers the addresses that passed one, follows nominations. Lite (2.5), always
 * controlled, until ice_set makes it a full one that checks and may nominate, too (ice_list); either may ask for consent
 * (ice_consent). Sans-IO. Owner: struct sep. Thread: the sep's worker. At most one reply per input, and none to a message
 * that is not authenticated with our password. */
#pragma once

#include "agw/bus.h"
#include "agw/media/stun.h"
#include "agw/media/udp.h"

struct ice;

enum ice_result { /* bits */
    ICE_CHECK = 1,     /* an authenticated Binding request was answered */
    ICE_NOMINATED = 2, /* it had USE-CANDIDATE */
    ICE_UP = 4,        /* first pair selected */
    ICE_SWITCHED = 8,  /* another pair selected */
    ICE_RESUMED = 16,  /* a check passed after ICE was lost */
    ICE_PEER = 32,     /* full: the datagram's source is a candidate that nobody signalled */
    ICE_LOST = 64,     /* of ice_tick, once: the peer is gone, or its consent has expired: nothing may be sent */
    ICE_FAILED = 128,  /* of ice_tick, once: no pair came out of the checks */
};

/* mac is borrowed. timeout: without a check on the selected pair for so long the peer is gone. */
int ice_new(struct ice **icep, struct stun_mac *mac, const char *ufrag, const char *pwd, msec_t timeout);
void ice_free(struct ice *ice);
/* What Remote and the signals say: the peer's credentials, full or lite, candidates, consent. What is said again changes
 * nothing; other credentials of the peer than before start the checks anew. 0, -ENOMEM. */
int ice_set(struct ice *ice, const struct bus_sep *spec, msec_t now);
/* Bits of ice_result, or -EBADMSG (malformed), -EACCES (not authenticated): no reply then. reply is empty memory. */
int ice_input(struct ice *ice, const struct dgram *in, struct buf *reply, msec_t now);
/* RFC 8445 9: new credentials; those of the pair in use, and those just before, count until a pair is nominated with the new.
 * 0, or -EALREADY: the same. */
int ice_restart(struct ice *ice, const char *ufrag, const char *pwd);
bool ice_is_valid(const struct ice *ice, const struct addr *src);
/* A TCP connection (addr_conn) has ended: nothing may be sent to it. Was it the selected one, the next address that
 * passes a check takes its place without a nomination: RFC 6544 has the active side connect again, and the pair is the
 * same one. */
void ice_gone(struct ice *ice, const struct addr *peer);
void ice_warm(const struct ice *ice); /* agw/media/warm.h */
const struct addr *ice_selected(const struct ice *ice); /* NULL: none yet, or lost: nothing may be sent */
/* Lite: a peer whose credentials are known (ice_set) is lost, too, if it begins no pair within the timeout from the first of
 * these calls on (RFC 7675 5.1: no consent without a check). */
void ice_expect(struct ice *ice, msec_t now);
msec_t ice_deadline(const struct ice *ice);
int ice_tick(struct ice *ice, struct tx *tx, msec_t now); /* bits */
/* Something came on the selected connection of TCP: nobody else can send there, so its peer lives, with or without checks
 * (RFC 8445 11 has it send indications). Lite without consent; who was lost comes back by a check alone. */
void ice_heard(struct ice *ice, msec_t now);
/* What comes is not read for a while (on): silence says nothing then. Off: as if a check had just come. */
void ice_rest(struct ice *ice, bool on, msec_t now);
bool ice_is_full(const struct ice *ice);
