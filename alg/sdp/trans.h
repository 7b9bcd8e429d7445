/* The transport of a m= line of W2: ICE (RFC 8839) and DTLS (RFC 8842, RFC 8122); sip-sdp 3.3-3.5. Pure. Any thread. */
#pragma once

#include "alg/sdp/limits.h"
#include "alg/sdp/rules.h"

struct web_trans { /* as a WIC described it */
    struct sv addrtype, addr;  /* default candidate */
    uint16_t port;
    struct sv ufrag, pwd, tls_id;
    enum sdp_setup setup;
    struct sdp_attr *candidates, *fingerprints; /* a= lines fit for Remote on Iq */
    bool lite;                 /* a=ice-lite: it never checks (no browser) */
};

/* An access stream as the gateway described it in Local (message 13). Text points into the description read. */
struct web_local {
    struct sv addrtype, addr;
    uint16_t port, sctp_port;      /* sctp_port, max_message_size: m=application only */
    uint64_t max_message_size;
    struct sv ufrag, pwd;          /* empty: no ICE (SDES clients that have none, members of a bundle) */
    struct sdp_attr *candidates, *fingerprints;
    bool full;                     /* the gateway checks, too: no a=ice-lite */
};

/* 0 with *why NULL: good; *why: what is missing or bad. need: which of ICE and DTLS have to be there. -ENOMEM. */
enum { TRANS_ICE = 1, TRANS_DTLS = 2 };
int web_trans_read(struct arena *a, const struct sdp *s, const struct sdp_media *m, unsigned need, struct web_trans *out,
                   const char **why);
/* Does the line say anything about a transport itself? Lines of a BUNDLE group need not (RFC 9143 7.1.3). */
bool web_trans_is_own(const struct sdp *s, const struct sdp_media *m);
int web_local_read(struct arena *a, const struct sdp *local, struct web_local *out); /* 0, -EBADMSG, -ENOMEM */

struct web_trans_out { /* what we say of ours */
    const struct web_local *local;
    enum sdp_setup setup;      /* NONE: no DTLS */
    struct sv tls_id;          /* empty: none */
    bool no_candidates;        /* a line of a bundle that is not its first */
};
int web_trans_write(struct arena *a, const struct web_trans_out *t, struct sdp_attr **list);

/* The DTLS role of the gateway from the WIC's setup: ACTIVE or PASSIVE, NONE when the WIC's is no good
 * (sip-sdp 3.4). choose: what actpass is answered with. */
enum sdp_setup web_role(enum sdp_setup remote, enum sdp_setup choose);
