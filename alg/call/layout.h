/* What an exchange works on and a call keeps: the lines of both sides, and what they mean to each other. Main thread. */
#pragma once

#include "alg/call/media.h"
#include "alg/sdp/ims.h"
#include "alg/sdp/web.h"
#include "alg/sip/sip.h"

/* The transport of a line on W2. */
struct tport {
    struct sv ufrag, pwd;          /* the WIC's, to see an ICE restart */
    bool restart;                  /* this exchange restarts ICE */
    bool renew;                    /* this exchange makes a new DTLS association (RFC 8842 5.5) */
    bool release;                  /* ... which the gateway, as its server, must be told in so many words */
    unsigned age;                  /* how many there were before: ours has another tls-id each time */
    uint64_t certs;                /* sum of the WIC's fingerprints; 0: not known yet */
    struct sv their_id;            /* its tls-id */
    bool tls_id;                   /* the WIC speaks of tls-id */
    enum sdp_setup role;           /* the gateway's DTLS role: ACTIVE, PASSIVE; NONE: not decided */
};

/* One MSRP session: a m=message line on Mw, and on W2 a data channel, or with `line` a m=message line, too (offer_msrp). */
struct chan {
    enum chan_state state;
    bool fresh;                    /* this exchange brought it: not at both terminations yet */
    uint16_t stream;               /* H.248 StreamID */
    unsigned ims_line;             /* its m= line on Mw */
    struct sdp_dcmap map;          /* its stream id and label on W2 */
    bool cema;
    enum sdp_setup core;           /* the core's role: ACTIVE connects to the gateway */
    struct sv addrtype, addr;      /* of the core: Remote of T2; port 0: not known yet */
    uint16_t port;
    bool moved;                    /* the core's address changed in this exchange */
    /* line */
    bool line, web_cema;           /* the WIC knows CEMA */
    unsigned web_line;
    struct tport tp;               /* its ICE alone */
    enum sdp_dir dir[2];           /* as that side last said */
};
/* One line of audio or video: a m= line on each side, one stream on both terminations. Arrays: by enum sip_side. */
struct rline {
    enum chan_state state;
    bool fresh;
    uint16_t stream;
    unsigned web_line, ims_line;
    enum rtp_kind kind;
    bool bundled, mux, rsize;      /* on W2 */
    unsigned mid_ext;
    struct tport tp;
    enum rtp_sec sec[2];
    struct sv key[2], their_key[2]; /* SDES: whole values of a=crypto, ours and theirs */
    bool rekeyed[2];               /* ours is another than the gateway was told, or has another tag */
    enum sdp_dir dir[2];           /* as that side last said */
    struct codec_list codecs[2];   /* agreed, with the payload types of that side; before the answer: offered */
    struct sv addrtype[2], addr[2]; /* where that side receives: Remote (of the WIC only without ICE); port 0: not known yet */
    uint16_t port[2], rtcp_port[2];
    struct sv rtcp_addrtype, rtcp_addr; /* of the core's RTCP; empty: beside RTP */
};
/* Only SDES may be without. */
static inline bool rline_has_ice(const struct rline *r) { return r->sec[SIP_W2] != RTP_SDES || r->tp.ufrag.n > 0; }

struct ims_slot { /* a m= line of Mw; never moves */
    struct sv media, proto, fmts;
    int chan;        /* index into layout.ch, -1: none */
    int rtp;         /* index into layout.rtp, -1: none. Neither: refused */
};

/* What both sides agreed on. Text and arrays live in the arena of whoever holds it: an exchange has room for
 * DC_CHAN_MAX channels, twice SDP_LINES_MAX lines, and with audio or video for RTP_LINE_MAX of it; a call keeps what
 * there is. Never copied by `=`. */
struct layout {
    unsigned n, n_rtp, n_web, n_ims;
    struct chan *ch;
    struct rline *rtp;
    struct web_line *web;
    struct ims_slot *ims;
    uint16_t dc_sctp;              /* the WIC's SCTP port */
    uint16_t dc_stream;            /* the de-aggregation stream of the channels; 0: none */
    uint16_t dc_old;               /* one whose line was removed, shut, as T1 has no other: it goes when another comes */
    uint16_t dc_drop;              /* another one, which this exchange makes superfluous */
    uint16_t floor;                /* streams up to it may still be there, shut: their StreamIDs are not used again */
    bool dc_bundled;
    struct tport dc;               /* its transport */
    bool msrp_lines;               /* the WIC takes m=message lines, not channels */
    bool plain_lines;              /* and RTP without keys: so it is offered */
    bool legacy, connection;       /* the WIC's dialect, to answer in it */
    struct sv web_id;              /* session id in its o=: another is another peer connection */
    uint16_t bundle_stream;        /* whose transport bundled lines share; 0: no bundle (profile "browser" only) */
    struct rline *owner;           /* that stream's line was removed, its transport stays; NULL: none */
    uint16_t dc_owner, dc_owner_sctp; /* or it was the channels': their stream, shut, and the WIC's SCTP port; 0: not */
    struct sv owner_mid;
};

int layout_new(struct arena *a, struct layout *l); /* empty, with room for all but audio and video. 0, -ENOMEM */
int layout_room_rtp(struct arena *a, struct layout *l); /* and for them: they are large. 0, -ENOMEM */
/* to has the room, and is what from is; text and owner stay where they are. */
void layout_set(struct layout *to, const struct layout *from);
int layout_own(struct arena *a, struct layout *l); /* text and owner move to a. 0, -ENOMEM */
/* *to: from, all in a, with no more room than it needs. 0, -ENOMEM. */
int layout_keep(struct arena *a, struct layout *to, const struct layout *from);
bool layout_has(const struct layout *l, uint16_t stream);
