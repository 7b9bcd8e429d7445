/* The browser's dialect: reading what a WIC says, writing what it is told (RFC 8841, 8842, 8839; sip-sdp 3.3-3.5, 3.7).
 * Audio and video lines are refused in place: rules.c and web_kind have their rows, sep RTP comes with them.
 * Pure. Any thread. */
#pragma once

#include "alg/sdp/dc.h"

enum web_kind { WEB_REFUSED, WEB_DC };

struct web_line { /* one m= line, by index; the count and order never change inside a dialog (RFC 3264 8) */
    enum web_kind kind;
    struct sv media, proto, fmts, mid;
};

/* The transport half of the m=application line of a WIC. */
struct web_remote {
    bool legacy;               /* m=application P DTLS/SCTP <sctp port> with a=sctpmap */
    struct sv addrtype, addr;  /* default candidate */
    uint16_t port;
    struct sv ufrag, pwd, tls_id;
    bool connection;           /* a=connection was there */
    enum sdp_setup setup;
    uint16_t sctp_port;
    uint64_t max_message_size;
    struct sdp_attr *candidates, *fingerprints; /* a= lines fit for Remote on Iq */
};

struct web_desc {
    unsigned n_lines;
    struct web_line lines[SDP_LINES_MAX];
    int dc;                    /* index of the data channel line; -1: none is usable, see why */
    struct web_remote remote;
    unsigned n_chans, left_out;
    struct dc_chan chans[DC_CHAN_MAX];
    struct sdp_fault why;      /* the best reason to give when nothing is left */
};

/* 0; -EPROTO: refuse the whole, see out->why; -ENOMEM. A body whose lines are all unusable is no error: dc is -1. */
int web_read(struct arena *a, const struct sdp *s, struct web_desc *out);

/* The access termination as the gateway described it in Local (message 13). Text points into the description read. */
struct web_local {
    struct sv addrtype, addr;
    uint16_t port, sctp_port;
    uint64_t max_message_size;
    struct sv ufrag, pwd;
    struct sdp_attr *candidates, *fingerprints;
};
int web_local_read(struct arena *a, const struct sdp *local, struct web_local *out); /* 0, -EBADMSG, -ENOMEM */

struct web_out {
    const struct web_local *local;
    const struct web_line *lines;
    unsigned n_lines;
    enum sdp_setup setup;      /* actpass in offers, active or passive in answers */
    bool legacy, connection;
    struct sv tls_id;          /* ours; empty: none */
    const struct dc_chan *chans;
    unsigned n_chans;
};
/* A whole description but for its o= line (own.h). 0, -ENOMEM. */
int web_write(struct arena *a, const struct web_out *w, struct sdp **out);

/* The DTLS role of the gateway from the WIC's setup: ACTIVE or PASSIVE, NONE when the WIC's is no good
 * (sip-sdp 3.4). choose: what actpass is answered with. */
enum sdp_setup web_role(enum sdp_setup remote, enum sdp_setup choose);
