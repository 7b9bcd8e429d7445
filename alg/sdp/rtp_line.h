/* A m=audio or m=video line, of either realm: read into one form, written in the other's words (TS 24.229 6.7.2, TS 23.334
 * 6.2.10.5; RFC 3551, 4585, 5124, 5764, 4568, 5761). Pure. Any thread. */
#pragma once

#include "alg/sdp/codec.h"
#include "alg/sdp/trans.h"

enum rtp_sec { RTP_PLAIN, RTP_DTLS, RTP_SDES };

struct rtp_line { /* as somebody said it */
    enum rtp_kind kind;
    enum rtp_sec sec;
    bool feedback;             /* ...F */
    enum sdp_dir dir;
    struct codec_list codecs;
    struct sv addrtype, addr;
    uint16_t port;
    bool hold;                 /* c= of all zeros: keep the address known before (RFC 3264 8.4) */
    uint16_t rtcp_port;        /* a=rtcp (RFC 3605); 0: port + 1 */
    struct sv rtcp_addrtype, rtcp_addr; /* with that port; empty: as above */
    bool mux, rsize;
    struct sv crypto_tag, crypto_suite, crypto; /* SDES: the one taken, whole */
    unsigned mid_ext;          /* id of the MID header extension, 0: none (RFC 9143 16.2) */
    const struct sdp_media *m; /* for what passes unread */
};

/* In both `to` is the realm that the line is for: RULE_TO_MW = a WIC said it. */
bool rtp_is_line(const struct sdp_media *m, enum rule_to to, const struct sdp_policy *p); /* RTP over a transport that the sayer's realm speaks */
/* *why NULL: usable. */
void rtp_read(const struct sdp *s, const struct sdp_media *m, enum rule_to to, const struct sdp_policy *p, struct rtp_line *out,
              const char **why);

struct rtp_out { /* as it is to be said */
    enum rtp_kind kind;
    struct sv proto;
    struct sv addrtype, addr;
    uint16_t port, rtcp_port;  /* rtcp_port 0: port + 1 */
    const struct codec_list *codecs;
    enum sdp_dir dir;
    bool offer;
    const struct rtp_line *from; /* whose words they were: rules decide which pass. NULL: nobody's */
    struct sv crypto;          /* SDES: ours, whole value */
    /* W2 only */
    struct web_trans_out trans;
    struct sv mid;
    bool mux, rsize, bundle_only;
    unsigned mid_ext;
    struct sv msid;            /* stream and track the browser shows; empty: none */
};
int rtp_write_mw(struct arena *a, const struct rtp_out *o, struct sdp *s); /* appends its m= line. 0, -ENOMEM */
int rtp_write_w2(struct arena *a, const struct rtp_out *o, struct sdp *s);

bool rtp_proto_feedback(struct sv proto); /* "RTP/AVPF", "UDP/TLS/RTP/SAVPF" ... */
bool rtp_proto_tcp(struct sv proto);      /* "TCP/RTP/AVP" */
/* As Iq has it: without that "TCP/", as there candidates alone tell; RTP/SAVP(F) of a line with DTLS by its later name (RFC 5764 8),
 * as the gateway cannot tell it from SDES otherwise. */
struct sv rtp_proto_iq(struct sv proto, enum rtp_sec sec);
/* Our default candidate of a line of W2: of TCP the last resort, as the one that gets through (TS 33.203 W.3.4). */
uint16_t rtp_port_w2(struct sv proto, const struct web_local *l);
/* A direction, seen from the other side; what is left of an answer when the offer allowed less; without receiving. */
enum sdp_dir rtp_dir_answer(enum sdp_dir offer, enum sdp_dir answer);
enum sdp_dir rtp_dir_held(enum sdp_dir dir);
const char *rtp_dir_name(enum sdp_dir dir);
static inline bool rtp_sends(enum sdp_dir d) { return d == SDP_SENDRECV || d == SDP_SENDONLY; }
static inline bool rtp_receives(enum sdp_dir d) { return d == SDP_SENDRECV || d == SDP_RECVONLY; }
/* A fresh key of ours for SDES: "1 AES_CM_128_HMAC_SHA1_80 inline:..." (RFC 4568 6). 0, -ENOMEM. */
int rtp_crypto_new(struct arena *a, struct sv tag, struct sv suite, struct sv *out);
