/* Does a message fit a step? Structure, not text: order and white space are free where the standard frees them. */
#pragma once

#include "h248/h248.h"
#include "tests/flow/chart.h"

/* SIP: the first body line is the method or status; then header and SDP patterns; `!line` must be absent. */
bool judge_sip(struct vars *vs, const struct chart_step *s, struct sv text, char *why, size_t size);
/* H.248: the body is one transaction without a message header. */
bool judge_h248(struct vars *vs, const struct chart_step *s, const struct h248_txn *got, char *why, size_t size);
/* The step's transaction with variables filled, decoded into the arena; for sending. */
int judge_h248_build(struct vars *vs, const struct chart_step *s, struct arena *a, struct h248_txn **out, char *why,
                     size_t size);
/* What the first body line of a SIP step says: status, or 0 and the method. */
int judge_sip_first(const struct chart_step *s, struct sv *method);
