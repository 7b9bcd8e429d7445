/* Gates of an RTP stream: source filtering (gm, H.248.43) and policing (tman, H.248.53) to what the
 * worker checks. Pure. */
#pragma once

#include "agw/bus.h"
#include "h248/iq.h"

/* Fill the filter and rate fields of out. 0; -EBADMSG with fault 449, 472. */
int gate_read(const struct iq_stream *m, struct bus_rtp *out, struct iq_fault *fault);
/* gm/lsa and gm/lsp ask for a source of ours: it must be the one we have. 0; -EBADMSG with fault
 * 449, 472. */
int gate_local(const struct iq_stream *m, const struct addr *local, struct iq_fault *fault);
