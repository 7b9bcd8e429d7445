/* Connectivity checks as a full agent sends them (RFC 8445 7.1), right or wrong in one thing. Pure. */
#pragma once

#include "agw/media/stun.h"

struct check {
    const char *ufrag, *pwd;    /* of the agent that is asked */
    const char *from;           /* ufrag of the asking one; NULL: "peer" */
    bool use_candidate, controlled, no_priority, no_fingerprint, no_integrity;
    uint16_t unknown;           /* an attribute to add; 0: none */
    uint8_t tid;
};

/* Octets written to out. */
size_t check_make(struct stun_mac *mac, const struct check *c, void *out, size_t size);
