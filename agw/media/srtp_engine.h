/* What srtp.c asks of an engine. Private to srtp*.c and their tests. Lengths, SSRC limit and (unless the engine keeps them
 * itself) packet indices are checked before it is called. */
#pragma once

#include "agw/media/srtp.h"

struct srtp_profile_row {
    enum srtp_profile profile;
    const char *name;
    unsigned key, salt, tag, rtcp_tag;
    bool gcm;
};

const struct srtp_profile_row *srtp_profile_row(enum srtp_profile p); /* NULL: unknown */

struct srtp_pkt {
    uint8_t *p;
    size_t n;       /* open: tag included; becomes the new length */
    size_t head;    /* octets that stay in clear: RTP header, CSRCs and extension; 8 of RTCP */
    uint32_t ssrc;
    uint64_t index; /* RTP: 48 bits, RTCP: 31 bits */
};

struct srtp_ops {
    bool keeps_index; /* srtp_pkt.index is not used: the engine has its own ROC, window and RTCP index */
    void (*warm)(const void *engine, unsigned step); /* NULL: none; srtp_warm's steps after its first */
    int (*make)(void **enginep, const struct srtp_profile_row *row, const struct srtp_key *key, bool inbound);
    void (*drop)(void *engine);
    int (*open)(void *engine, struct srtp_pkt *k);
    int (*seal)(void *engine, struct srtp_pkt *k);
    int (*open_rtcp)(void *engine, struct srtp_pkt *k);
    int (*seal_rtcp)(void *engine, struct srtp_pkt *k);
};

extern const struct srtp_ops srtp_ops_openssl, srtp_ops_libsrtp;

/* Session keys of one direction (RFC 3711 4.3), RTP's or RTCP's. */
#define SRTP_AUTH_LEN 20
struct srtp_session {
    uint8_t key[SRTP_KEY_MAX];
    uint8_t auth[SRTP_AUTH_LEN]; /* not used with GCM */
    uint8_t salt[SRTP_SALT_MAX];
};

/* RTP's, then RTCP's: labels 0 key, 1 auth, 2 salt; 3, 4, 5. The key derivation rate is 0. */
int srtp_openssl_derive(const struct srtp_profile_row *row, const struct srtp_key *master, struct srtp_session half[2]);
int srtp_openssl_keyed(void **enginep, const struct srtp_profile_row *row, const struct srtp_session *rtp,
                       const struct srtp_session *rtcp, bool inbound);
