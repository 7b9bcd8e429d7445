/* One offer/answer exchange between the two dialects, and what stays of it (RFC 3264; sip-sdp 3.1, 3.7).
 * Owner: struct call. Sends nothing: bodies in, bodies and the layout out. Main thread. */
#pragma once

#include "alg/call/layout.h"
#include "alg/sdp/ims.h"
#include "alg/sdp/own.h"
#include "alg/sdp/web.h"
#include "alg/sip/sip.h"

struct exch {
    struct arena *a;
    enum sip_side from;            /* who offers */
    bool initial;
    const struct sdp_policy *policy;
    bool new_chans, gone_chans;    /* the other side must hear of it */
    bool dc_fresh;                 /* the de-aggregation stream is of this exchange */
    bool dc_back;                  /* it serves channels again: it only had the transport of a bundle */
    bool altered;                  /* so it must of a line's direction or codecs */
    bool early, early_up, early_none; /* before the answer only the core is heard; the WIC too; nobody (RFC 5009) */
    bool quiet;                    /* the offerer waits for no answer: its own came in an ACK */
    bool lock;                     /* the core accepted more than can be: it is asked again with what was chosen (RFC 3264 10.2) */
    bool ahead;                    /* the core had its answer before the WIC was asked: preconditions (RFC 3312) */
    bool other_peer;               /* the WIC's o= is another's */
    bool told;                     /* the WIC has its answer: what the core says later changes T2 alone */
    unsigned n_early;              /* descriptions that came before the answer */
    struct layout *saved;          /* before the one that is being read */
    struct layout lay;             /* has room for more lines and channels */
    struct web_desc *web;          /* what the WIC said in this exchange; NULL: nothing yet */
    struct ims_desc *ims;          /* what the core said */
    const struct dc_chan *web_ch[DC_CHAN_MAX]; /* by channel */
    const struct ims_line *ims_ch[DC_CHAN_MAX];
    const struct rtp_line *web_rtp[RTP_LINE_MAX]; /* by line of layout.rtp */
    const struct rtp_line *ims_rtp[RTP_LINE_MAX];
    enum sdp_setup offered[DC_CHAN_MAX];       /* a=setup of the offer */
    enum sdp_setup dtls_choice;    /* how actpass is answered */
    const char *tls_id;            /* ours for this call */
    struct sdp_fault why;          /* -EPROTO: how to refuse */
};

/* cur: what was agreed before; NULL: the exchange opens the call. */
int exch_new(struct exch **xp, enum sip_side from, const struct layout *cur, const struct sdp_policy *policy,
             enum sdp_setup dtls_choice, const char *tls_id);
void exch_free(struct exch *x);
/* 0; -EPROTO: refuse as x->why says; -ENOMEM. */
int exch_read_offer(struct exch *x, struct sv body);
int exch_read_answer(struct exch *x, struct sv body);
/* The answer of a provisional response. -EPROTO: no use; as if it had not been there. */
int exch_read_early(struct exch *x, struct sv body);
/* Into own->body. 0, -EMSGSIZE, -ENOMEM. */
int exch_write_offer(struct exch *x, const struct media *m, struct sdp_own *own);
int exch_write_answer(struct exch *x, const struct media *m, struct sdp_own *own);
/* The answer that takes no line, to an offer whose lines were read (else -EINVAL); x is of no use after it. */
int exch_write_none(struct exch *x, struct sdp_own *own);
/* The answer when the other side need not be asked: what was said last, in an answer's words. */
int exch_write_again(struct exch *x, const struct media *m, struct sdp_own *own);
/* Of an exchange that is `ahead`: the core's next offer, rung: the WIC was asked already. -EPROTO: 488, all is as before. And
 * the answer, in the WIC's stead. */
int exch_read_ahead(struct exch *x, struct sv body, bool rung);
int exch_write_ahead(struct exch *x, const struct media *m, struct sdp_own *own);
/* Our own wish when the core asks for an offer inside a call: what was said last, with every line in both directions. */
int exch_write_wish(struct sdp_own *own);
/* Our offer to the core of what was agreed and no more, for an exchange that begins with it. */
int exch_write_lock(struct exch *x, struct sdp_own *own);
unsigned exch_open(const struct exch *x); /* channels and lines that are left */
/* Does this exchange take the line with that StreamID away, or its DTLS association? A browser closes it before it answers.
 * x may be NULL. */
bool exch_drops(const struct exch *x, uint16_t stream);
bool exch_old_goes(const struct exch *x); /* lay.dc_old leaves T1 with this exchange; else it is shut */
bool exch_asks(const struct exch *x);     /* does the other side have to agree? */
/* Keeps the layout without what is gone, in *keep (replaced and freed), no larger than it is. 0, -ENOMEM: nothing changed. */
int exch_commit(const struct exch *x, struct arena **keep, struct layout **lay);

/* --- between the files of offer*.c --- */
/* x->lay before another description is read, and back again if it was no use. 0, -ENOMEM, -EPROTO: the CALL_EARLY_MAX
 * are over. */
int exch_save(struct exch *x);
void exch_restore(struct exch *x);
int exch_refuse(struct exch *x, int status, unsigned warn, const char *text); /* -EPROTO */
uint16_t exch_free_stream(const struct layout *l);
void exch_close_dc(struct exch *x);
void exch_drop_dc(struct exch *x); /* when the answer was read */
void exch_dc_back(struct exch *x); /* lay.dc_owner serves channels again */
/* A line of that medium on Mw that is not in use any more, or a new one behind the last (RFC 3264 8.1). -1: none left. */
int exch_free_slot(struct layout *l, const char *media, struct sv proto, struct sv fmts);
int exch_web_line(struct exch *x, struct web_line line); /* a line of ours on W2: its index; -1: none left */
int exch_take_transport(struct exch *x, struct tport *tp, const struct web_trans *t); /* 0, -EPROTO */
bool exch_renews(const struct exch *x); /* is there a new DTLS association? */
/* Our a=tls-id of a line (RFC 8842 4: one for each association); empty: none is said. 0, -ENOMEM. */
int exch_own_tls_id(struct exch *x, const struct tport *tp, bool bundled, uint16_t stream, struct sv *out);
/* *said becomes the line as if the core had offered no more than we answer; NULL: nothing that is sure to work, or not what
 * was agreed. 0, -ENOMEM. */
int exch_ahead_line(struct exch *x, const struct rtp_line **said, const struct codec_list *agreed);
void exch_join_bundle(struct exch *x);
struct chan *exch_chan_add(struct exch *x, unsigned slot);    /* on a data channel; slot: its line on Mw */
struct chan *exch_line_add(struct exch *x, unsigned slot, unsigned web_line); /* on a m=message line */
struct chan *exch_add_from_ims(struct exch *x, unsigned slot); /* as the WIC takes it; NULL: no line is left on W2 */
void exch_chan_gone(struct exch *x, unsigned i);
/* offer_msrp.c: m=message lines of W2 */
void exch_msrp_offer_web(struct exch *x);
const struct dc_chan *exch_msrp_answer_web(struct exch *x, struct chan *c); /* what it says of c; NULL: refused */
/* Our role to the core that offered: ACTIVE connects. */
enum sdp_setup exch_msrp_role(const struct chan *c, enum sdp_setup offered);
bool exch_msrp_add_from_ims(struct exch *x, unsigned slot); /* false: there is no room */
int exch_msrp_out(struct exch *x, const struct media *m, unsigned i, bool offer, struct web_out *w); /* of channel i. 0, -ENOMEM */
const struct chan *exch_msrp_line(const struct layout *l, unsigned web_line); /* NULL: that line is none */
void exch_msrp_again(const struct media *m, struct sdp_media *md, const struct chan *c); /* said again: credentials may be new */
int exch_rtp_offer_web(struct exch *x);
int exch_rtp_offer_ims(struct exch *x);
int exch_rtp_answer_web(struct exch *x);
int exch_rtp_answer_ims(struct exch *x);
/* Prepares what is to be said of each audio and video line; *slots by line of that realm. */
int exch_rtp_out_ims(struct exch *x, const struct media *m, bool offer, const struct rtp_out *slots[SDP_LINES_MAX]);
int exch_rtp_out_web(struct exch *x, const struct media *m, bool offer, struct web_out *w);
