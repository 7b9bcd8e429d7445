/* What a DTLS datagram is, for the ladder: "ServerHello, Certificate, ServerKeyExchange, ...", from its cleartext record
 * and handshake headers. Pure but for the memory of what was already seen in that direction. Only used when tracing. */
#pragma once

#include "common/buf.h"

struct dtls_seen { /* one per direction; zero at the start */
    uint32_t next;  /* first handshake message number and fragment not yet seen: seq << 24 | offset */
    bool finished;
};

/* A title into out; false: application data, or nothing to show. */
bool dtls_title(struct dtls_seen *seen, const uint8_t *p, size_t n, struct buf *out);
