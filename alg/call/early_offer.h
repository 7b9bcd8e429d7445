/* Offers that this side answers alone: of the core inside an early dialog (RFC 3311 5.2), where a browser could not be asked,
 * and the preconditions in them (RFC 3312: what a context has is reserved, so our side is always ready). Pure. */
#pragma once

#include "alg/sdp/own.h"

/* now: an offer of who described itself in `before`; own: what we offered it. 0: own's body is the answer. -EPROTO: it changes
 * more than direction, bandwidth, preconditions and the place of media: 488. -ENOMEM, -EMSGSIZE. */
int early_offer_answer(struct sdp_own *own, struct sv before, struct sv now);
/* Must this offer's sender reserve something before anybody is rung? false too when it cannot be read. */
bool early_offer_waits(struct sv offer);
/* Our offer says that our side is ready and leaves the other to itself (TS 24.229 6.1.2). 0, -EPROTO, -ENOMEM, -EMSGSIZE. */
int early_offer_promise(struct sdp_own *own);
/* Do two descriptions of ours mean the same lines, addresses, formats and directions? 0, -EPROTO, -ENOMEM. */
int early_offer_same(bool *same, struct sv a, struct sv b);
void early_offer_drop(struct sdp_media *m); /* what a line says of preconditions */
/* Our answer says that our side is ready, where the offer has preconditions. 0, -EPROTO, -ENOMEM, -EMSGSIZE. */
int early_offer_ready(struct sdp_own *own, struct sv offer);
