/* DATA_CHANNEL_OPEN and DATA_CHANNEL_ACK (RFC 8832 5). Pure. */
#pragma once

#include "common/buf.h"

enum dcep_type { DCEP_ACK = 2, DCEP_OPEN = 3 };

struct dcep {
    enum dcep_type type;
    uint8_t channel_type;  /* 0 reliable, 1 limited by retransmissions, 2 by time; + 0x80 unordered */
    uint16_t priority;
    uint32_t reliability;
    struct sv label, protocol; /* point into the input */
};

int dcep_get(struct dcep *d, const void *p, size_t n); /* -EPROTO: malformed */
void dcep_put(const struct dcep *d, struct buf *out);
