/* Consent to send on one pair, asked for (RFC 7675 5.1): a Binding request every 5 s x 0.8..1.2, none repeated; 30 s
 * without an authenticated success: it has expired. Sans-IO. Owner: struct ice, embedded. Thread: the sep's worker. */
#pragma once

#include "agw/media/ice_msg.h"

#define ICE_CONSENT_OPEN 8 /* requests that may still be answered: 30 s / 4 s */

struct ice_consent {
    bool on;
    struct ice_names names; /* of the pair: an ICE restart under way has others already */
    struct addr to;
    bool controlling;
    uint64_t tiebreaker;
    uint8_t tid[ICE_CONSENT_OPEN][STUN_TID];
    unsigned sent;
    msec_t next, seen;
};

/* From now on for this pair, which has just answered. */
void ice_consent_begin(struct ice_consent *c, const struct ice_names *names, const struct addr *to, msec_t now);
void ice_consent_stop(struct ice_consent *c);
/* True: the answer to a request of ours, and it renews the consent. */
bool ice_consent_answer(struct ice_consent *c, const struct stun_msg *m, const struct addr *src, struct stun_mac *mac,
                        msec_t now);
msec_t ice_consent_deadline(const struct ice_consent *c);
int ice_consent_tick(struct ice_consent *c, struct stun_mac *mac, struct tx *tx, msec_t now); /* 0, -ETIMEDOUT */
