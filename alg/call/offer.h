/* One offer/answer exchange between the two dialects, and what stays of it (RFC 3264; sip-sdp 3.1, 3.7).
 * Owner: struct call. Sends nothing: bodies in, bodies and the layout out. Main thread. */
#pragma once

#include "alg/call/media.h"
#include "alg/sdp/ims.h"
#include "alg/sdp/own.h"
#include "alg/sdp/web.h"
#include "alg/sip/sip.h"

enum chan_state {
    CHAN_OPEN, /* agreed before */
    CHAN_NEW,  /* this exchange offers it */
    CHAN_GONE, /* this exchange takes it away, or refused it */
};

/* One data channel = one m=message line = one component stream. */
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
};

struct ims_slot { /* a m= line of Mw; never moves */
    struct sv media, proto, fmts;
    int chan;        /* index into layout.ch, -1: refused */
};

/* What both sides agreed on. Text lives in the arena of whoever holds it. */
struct layout {
    unsigned n, n_web, n_ims;
    struct chan ch[DC_CHAN_MAX];
    struct web_line web[SDP_LINES_MAX];
    struct ims_slot ims[SDP_LINES_MAX];
    struct sv ufrag, pwd;          /* the WIC's, to see an ICE restart */
    bool legacy, connection, tls_id; /* the WIC's dialect, to answer in it */
    enum sdp_setup role;           /* the gateway's DTLS role: ACTIVE, PASSIVE; NONE: not decided */
};

struct exch {
    struct arena *a;
    enum sip_side from;            /* who offers */
    bool initial;
    bool new_chans, gone_chans;    /* the other side must hear of it */
    bool ice_restart, moved;       /* a matter of one side only */
    struct layout lay;
    struct web_desc *web;          /* what the WIC said in this exchange; NULL: nothing yet */
    struct ims_desc *ims;          /* what the core said */
    const struct dc_chan *web_ch[DC_CHAN_MAX]; /* by channel */
    const struct ims_line *ims_ch[DC_CHAN_MAX];
    enum sdp_setup offered[DC_CHAN_MAX];       /* a=setup of the offer */
    enum sdp_setup dtls_choice;    /* how actpass is answered */
    const char *tls_id;            /* ours for this call */
    struct sdp_fault why;          /* -EPROTO: how to refuse */
};

/* cur: what was agreed before; NULL: the exchange opens the call. */
int exch_new(struct exch **xp, enum sip_side from, const struct layout *cur, enum sdp_setup dtls_choice,
             const char *tls_id);
void exch_free(struct exch *x);
/* 0; -EPROTO: refuse as x->why says; -ENOMEM. */
int exch_read_offer(struct exch *x, struct sv body);
int exch_read_answer(struct exch *x, struct sv body);
/* Into own->body. 0, -EMSGSIZE, -ENOMEM. */
int exch_write_offer(struct exch *x, const struct media *m, struct sdp_own *own);
int exch_write_answer(struct exch *x, const struct media *m, struct sdp_own *own);
/* The answer when the other side need not be asked: what was said last, in an answer's words. */
int exch_write_again(struct exch *x, const struct media *m, struct sdp_own *own);
unsigned exch_open(const struct exch *x); /* channels that are left */
/* Keeps the layout without what is gone, in *keep (replaced and freed). 0, -ENOMEM: nothing changed. */
int exch_commit(const struct exch *x, struct arena **keep, struct layout **lay);
