/* Remote descriptor (SDP) to what the other threads need to know of the far end. Pure. Any thread.
 */
#pragma once

#include "agw/bus.h"
#include "h248/iq.h"

struct remote {
    struct addr addr;     /* c=, m= */
    enum sdp_setup setup; /* RFC 4145; NONE: absent */
    bool ice;             /* ufrag and pwd are there (RFC 8839 4.4) */
    char ufrag[BUS_ICE_UFRAG], pwd[BUS_ICE_PWD];
    char fp_hash[16]; /* empty: no fingerprint */
    uint8_t fp[BUS_FP_MAX];
    unsigned fp_len;
    uint16_t sctp_port;
    uint64_t max_message; /* 0 = any (RFC 8841 6) */
    bool mux;             /* a=rtcp-mux */
    struct addr rtcp;     /* a=rtcp (RFC 3605), or RTP's port + 1; AF_UNSPEC: none */
    bool no_rtcp;         /* b=RS:0 and b=RR:0 (RFC 3556 2) */
};

/* a=candidate: UDP, component 1, a numeric address; what else there is, names of mDNS among it, is passed over (RFC 8839
 * 5.1). A lite far end makes us controlling (RFC 8445 6.1.1). */
void remote_candidates(const struct sdp *sdp, struct bus_ice *out);
/* Is it an address that the realm lets us send to or connect to? What is not used is not asked: c=, m= beside ICE, c=0.0.0.0
 * and port 0 of RTP (RFC 3264 8.4: nobody). 0, or -EBADMSG with fault CTL_PEER_REFUSED. */
int remote_reach(const struct remote *r, const struct reach *reach, bool is_tcp, uint16_t stream, struct iq_fault *fault);
/* Drops those that the realm does not allow; how many. */
unsigned remote_reach_candidates(struct bus_ice *ice, const struct reach *reach);
/* 0, or -EBADMSG with the answer in fault (449 value, 472 missing). */
int remote_read(const struct sdp *sdp, uint16_t stream, struct remote *out, struct iq_fault *fault);
