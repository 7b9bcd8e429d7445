/* ICE-lite agent (RFC 8445 2.5, 7.3): answers checks, remembers the addresses that passed one, follows nominations.
 * Sans-IO. Owner: struct sep. Thread: the sep's worker. At most one reply per input, and none to a message that is not
 * authenticated with our password. Always controlled. */
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
};

/* mac is borrowed. timeout: without a check on the selected pair for so long the peer is gone. */
int ice_new(struct ice **icep, struct stun_mac *mac, const char *ufrag, const char *pwd, msec_t timeout);
void ice_free(struct ice *ice);
/* Bits of ice_result, or -EBADMSG (malformed), -EACCES (not authenticated): no reply then. reply is empty memory. */
int ice_input(struct ice *ice, const struct dgram *in, struct buf *reply, msec_t now);
/* RFC 8445 9: new credentials; the old ones count until a pair is nominated with the new. 0, or -EALREADY: the same. */
int ice_restart(struct ice *ice, const char *ufrag, const char *pwd);
bool ice_is_valid(const struct ice *ice, const struct addr *src);
const struct addr *ice_selected(const struct ice *ice); /* NULL: none yet, or lost: nothing may be sent */
msec_t ice_deadline(const struct ice *ice);
int ice_tick(struct ice *ice, msec_t now); /* 0, -ETIMEDOUT: lost just now (once) */
