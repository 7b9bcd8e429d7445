/* The browser's dialect: reading what a WIC says, writing what it is told (RFC 8841, 8842, 8839, 9143; sip-sdp 3.3-3.7).
 * Pure. Any thread. */
#pragma once

#include "alg/sdp/dc.h"
#include "alg/sdp/rtp_line.h"

enum web_kind { WEB_REFUSED, WEB_DC, WEB_RTP, WEB_MSRP };

struct web_line { /* one m= line, by index; the count and order never change inside a dialog (RFC 3264 8) */
    enum web_kind kind;
    struct sv media, proto, fmts, mid;
};

/* The m=application line of a WIC. */
struct web_remote {
    struct web_trans t;
    bool legacy;               /* m=application P DTLS/SCTP <sctp port> with a=sctpmap */
    bool connection;           /* a=connection was there */
    uint16_t sctp_port;
    uint64_t max_message_size;
};

/* A m=message line of a WIC that is no browser (TS 33.203 W.3): MSRP over ICE-TCP, on a stream of its own. */
struct web_msrp {
    struct web_trans t;        /* without candidates: it connects */
    bool cema;
    enum sdp_dir dir;
    struct dc_chan ch;         /* setup, path, attrs */
};

struct web_desc {
    unsigned n_lines;
    struct web_line lines[SDP_LINES_MAX];
    bool bundled[SDP_LINES_MAX]; /* shares the transport of line `tag` (profile "browser") */
    int tag;                   /* the line whose transport the bundle has; -1: no bundle */
    struct rtp_line *rtp[SDP_LINES_MAX];      /* of lines of WEB_RTP */
    struct web_trans *trans[SDP_LINES_MAX];   /* of lines of WEB_RTP and WEB_DC */
    struct web_msrp *msrp[SDP_LINES_MAX];     /* of lines of WEB_MSRP */
    unsigned n_rtp, n_msrp;
    int dc;                    /* index of the data channel line; -1: none is usable, see why */
    struct web_remote remote;
    unsigned n_chans, left_out;
    struct dc_chan chans[DC_CHAN_MAX];
    struct sdp_fault why;      /* the best reason to give when nothing is left */
};

/* 0; -EPROTO: refuse the whole, see out->why; -ENOMEM. A body whose lines are all unusable is no error: dc is -1, n_rtp and
 * n_msrp 0. */
int web_read(struct arena *a, const struct sdp *s, const struct sdp_policy *p, struct web_desc *out);

bool web_msrp_is_line(const struct sdp_media *m, const struct sdp_policy *p);
/* 0, -ENOMEM; *why NULL: good. */
int web_msrp_read(struct arena *a, const struct sdp *s, const struct sdp_media *m, struct web_msrp *out, const char **why);

struct web_msrp_out {
    const struct web_local *local;
    bool cema;                     /* the peer knows it, or may */
    const struct dc_chan *ch;
};
/* Appends its m= line. 0, -ENOMEM. */
int web_msrp_write(struct arena *a, const struct web_msrp_out *o, const struct web_line *line, struct sdp *s);

struct web_out {
    const struct web_local *local; /* of the data channel line */
    const struct web_line *lines;
    unsigned n_lines;
    struct web_trans_out trans;    /* of the data channel line; setup: actpass in offers, active or passive in answers */
    bool legacy, connection, bundle_only;
    const struct dc_chan *chans;
    unsigned n_chans;
    const struct rtp_out *rtp[SDP_LINES_MAX]; /* by line */
    const struct web_msrp_out *msrp[SDP_LINES_MAX];
    bool bundled[SDP_LINES_MAX];   /* a=group:BUNDLE names their mids */
};
/* A whole description but for its o= line (own.h). 0, -ENOMEM. */
int web_write(struct arena *a, const struct web_out *w, struct sdp **out);
/* a=group:BUNDLE with the mids of the lines that are bundled and not refused; none: no attribute. 0, -ENOMEM. */
int web_write_group(struct arena *a, const struct web_line *lines, unsigned n, const bool *bundled, struct sdp *s);
