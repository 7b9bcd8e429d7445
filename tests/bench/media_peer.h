/* The browser's side of many streams of a load at once: a connectivity check with USE-CANDIDATE from each one's address
 * (RFC 8445 7.2), then DTLS as client with use_srtp (RFC 5764); their keys go to the load. OpenSSL alone, none of agw's
 * DTLS: it is the other end. One thread. */
#pragma once

#include "tests/bench/media_load.h"

#define PEER_UFRAG "bnch"
#define PEER_PWD "benchbenchbenchbenchbench"

struct peers;

struct peer_far { /* what the device said of its end */
    char ufrag[32], pwd[64];
};

int peers_new(struct peers **pp, struct load *l, enum srtp_profile profile, bool dtls); /* no dtls: checks alone */
void peers_free(struct peers *p);
const char *peers_fingerprint(const struct peers *p); /* "AB:CD:...", sha-256 */
/* Flows from..to: far[i - from]; NULL: no checks, DTLS at once. Until all are up. 0, -ETIMEDOUT, -EPROTO (no SRTP profile). */
int peers_connect(struct peers *p, unsigned from, unsigned to, const struct peer_far *far);
