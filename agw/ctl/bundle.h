/* BUNDLE groups of a termination (RFC 9143; mgroup/groupse "BUNDLE 1 2 3"): whose transport is
 * shared with whom. Pure. */
#pragma once

#include "h248/iq.h"

/* The group of this stream. false: it rides alone. */
bool bundle_of(const struct iq_term *t, uint16_t stream, struct iq_group *g);
/* Can the members share a transport? 0; -EBADMSG with fault 473 489 501. iq_group_check went before. */
int bundle_check(const struct iq_term *t, struct iq_fault *fault);
