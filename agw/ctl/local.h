/* Local descriptor (SDP): what the gateway puts in place of `$`, and what it says in the reply
 * (TS 29.334 5.8.1). Pure. Any thread. */
#pragma once

#include "common/net.h"
#include "h248/iq.h"

#define LOCAL_UFRAG 16 /* ours and given ones, NUL included: as struct bus_sep has them */
#define LOCAL_PWD   40
#define LOCAL_UFRAG_CHARS 8  /* 47 bits of 62^8; RFC 8839 5.4 asks for 24 */
#define LOCAL_PWD_CHARS   24 /* 142 bits; it asks for 128 */

struct local_tcp { /* where the realm listens for ICE-TCP (RFC 6544), passive */
    struct addr at;
    uint32_t priority;
};

struct local { /* in: what we have to offer; ufrag and pwd, sctp_port and max_message also out: what
                  was given instead */
    const struct addr *addr;
    const struct addr *rtcp; /* where RTCP comes in: of its own port, or that of RTP; NULL: no RTCP */
    const struct sdp *remote; /* whose a=crypto decides for ours; NULL: none yet */
    const char *fingerprint; /* sha-256 */
    const struct local_tcp *tcp; /* best first; those of addr's family are told */
    unsigned n_tcp;
    bool takes_tcp;          /* out: Local has candidates of TCP */
    bool ice;                /* out: Local has ICE credentials */
    bool fresh;              /* out: credentials were chosen (`$`) */
    bool settled;            /* in: ufrag and pwd stand already: another stream of the bundle has them */
    char ufrag[LOCAL_UFRAG], pwd[LOCAL_PWD];
    char next_ufrag[LOCAL_UFRAG], next_pwd[LOCAL_PWD]; /* in: what `$` becomes */
    uint16_t sctp_port;
    uint32_t max_message;
    uint32_t max_message_limit;
};

/* IPv4 or IPv6, before a port is taken. 0; -EBADMSG with fault 449. */
int local_family(const struct sdp *sdp, uint16_t stream, bool *v6, struct iq_fault *fault);
/* Replace each `$` in sdp; *answer (in the arena) is the complete c= and m= and the attributes that
 * were open, NULL when nothing was. Given values must be ours: 449. 0, -EBADMSG with fault,
 * -ENOMEM. */
int local_fill(struct arena *a, struct sdp *sdp, uint16_t stream, struct local *l,
               struct sdp **answer, struct iq_fault *fault);
/* RTCP shares RTP's port by Local (RFC 5761 5.1.1). */
bool local_has_mux(const struct sdp *sdp);
/* a=setup of Local; NONE: absent. */
enum sdp_setup local_setup(const struct sdp *sdp);
