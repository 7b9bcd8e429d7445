/* What gateways tell of the media of a context when it is subtracted (H.248.1 7.2.3): one line in the log a call, sums and
 * histograms in the metrics. Owner: struct mgc. Main thread. */
#pragma once

#include "common/histo.h"
#include "h248/iq.h"

enum told_sum { TOLD_STREAMS, TOLD_PACKETS_IN, TOLD_PACKETS_OUT, TOLD_OCTETS_IN, TOLD_OCTETS_OUT, TOLD_SUMS };
enum told_histo { TOLD_LOSS, TOLD_JITTER, TOLD_DELAY, TOLD_MOS, TOLD_HISTOS };

struct told {
    count_t sums[TOLD_SUMS];
    struct histo histos[TOLD_HISTOS];
};

/* One termination: counts, and appends to the line. A gateway of version 2 tells of all its streams together: stream 0. */
void told_add(struct told *t, struct sv termid, const struct iq_term *term, struct buf *line);
void told_print(const struct told *t, struct buf *out);
