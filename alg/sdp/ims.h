/* The core's dialect: m=message lines over TCP (RFC 4975, RFC 6135) with CEMA (RFC 6714; sip-sdp 3.7.4), audio and video over
 * RTP/AVP and its kin (TS 26.114).
 * Pure. Any thread. */
#pragma once

#include "alg/sdp/dc.h"
#include "alg/sdp/rtp_line.h"

struct ims_line {
    struct sv media, proto, fmts;
    bool open;                /* its port is not 0 */
    bool msrp;                /* a usable m=message TCP/MSRP line; else it is refused */
    bool cema;
    bool hold;                /* c= of all zeros: keep the address known before */
    struct sv addrtype, addr;
    uint16_t port;
    struct dc_chan ch;        /* setup, path, attrs */
    enum sdp_dir dir;         /* of it */
    struct rtp_line *rtp;     /* audio or video that can be served; NULL: it is not */
};

struct ims_desc {
    unsigned n_lines;
    struct ims_line lines[SDP_LINES_MAX];
    unsigned n_msrp, n_rtp;
    struct sdp_fault why;     /* the best reason to give when nothing is left */
};

/* 0; -EPROTO: refuse the whole, see out->why; -ENOMEM. */
int ims_read(struct arena *a, const struct sdp *s, const struct sdp_policy *p, struct ims_desc *out);
/* May this line be served without touching MSRP's own header fields? With msrp-cema always; without it only when the
 * path says what c= and m= say and we are the one that connects (sip-sdp 3.7.4). role: ours. */
bool ims_is_direct(const struct ims_line *line, enum sdp_setup role);

struct ims_out {
    struct sv media, proto, fmts; /* of a refused line; empty: message */
    struct sv addrtype, addr;
    uint16_t port;                /* 0: refused */
    bool cema;
    const struct dc_chan *ch;     /* attributes read from W2; NULL with port 0 */
    const struct rtp_out *rtp;    /* audio, video: all there is to say; NULL: none of them */
};
/* A whole description but for its o= line (own.h). 0, -ENOMEM. */
int ims_write(struct arena *a, const struct ims_out *lines, unsigned n, struct sdp **out);
