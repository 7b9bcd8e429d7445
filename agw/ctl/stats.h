/* What the workers counted of RTP: for Subtract and AuditValue (H.248.1 annex E.11, E.12), and
 * totals for the metrics. Thread: control. */
#pragma once

#include "agw/ctl/term.h"

/* Into out: of the termination as a whole, or with per_stream (protocol version 3) of each RTP
 * stream. false: there is none. */
bool stats_fill(const struct term *t, bool per_stream, msec_t now, struct iq_term *out);
void stats_retire(struct ctl *c,
                  const struct flow_counts *f); /* a flow is gone: its counts stay in the totals */
void stats_print(const struct ctl *c, struct buf *out); /* totals as metrics */
