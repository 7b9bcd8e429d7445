/* Inside alg/iq only: gateways and contexts as mgc.c, proc.c and notify.c share them. */
#pragma once

#include <uthash.h>
#include <utlist.h>

#include "alg/iq/mgc.h"
#include "alg/iq/told.h"

#define GW_PACKAGES_MAX 64
#define GW_NAME 24 /* longer names are of no package that we know */

struct iq_op;

struct gw { /* one registered gateway; user data of its assoc_peer */
    struct mgc *mgc;
    struct assoc_peer *peer;
    struct iq_ctx *by_id; /* uthash: contexts whose id is known */
    char packages[GW_PACKAGES_MAX][GW_NAME];
    unsigned n_packages;
    unsigned n_ctx;       /* contexts on it, known id or not: the load for the choice */
    bool clearing;        /* everything there is being subtracted: no call yet */
    struct gw *prev, *next;
};

struct iq_ctx {
    struct gw *gw;
    uint32_t id;      /* H248_CTX_CHOOSE until the first reply */
    struct iq_ctx_h h;
    struct iq_op *ops; /* the first one is in flight when `busy` */
    bool busy;
    bool calling;     /* inside the owner's done callback */
    bool released;    /* the owner is gone: subtract, then free */
    bool lost;        /* the gateway has no such context any more */
    unsigned tries;   /* SUBs that timed out */
    char told[24];    /* the release asks for statistics, for this line of the log; empty: it does not */
    UT_hash_handle hh;
    struct iq_ctx *prev, *next; /* mgc->ctxs */
};

struct mgc {
    uv_loop_t *loop;
    struct mgc_conf conf;
    struct link *link;
    struct addr listen;
    struct gw *gws;
    struct iq_ctx *ctxs;
    count_t counts[MGC_C_N];
    struct told told;
    uv_timer_t timer; /* stop: at the latest */
    void (*stop_done)(void *arg);
    void *stop_arg;
    bool stopping, leaving;
};

/* proc.c */
struct iq_ctx *gw_ctx(struct gw *gw, uint32_t id);          /* NULL: unknown */
void gw_lost_contexts(struct gw *gw);                        /* its Restart: every context there is gone */
void gw_resume_releases(struct gw *gw);                      /* it is back: subtract what could not be */
int gw_subtract_unknown(struct gw *gw, uint32_t id);         /* a context that we do not know: W-Subtract * */
/* W-Subtract * of this context or of all; -errno: not sent. */
int gw_subtract_all(struct gw *gw, uint32_t id, trans_reply_h *result, void *arg);
void gw_ctx_lost(struct iq_ctx *c);
/* mgc.c */
void mgc_ctx_freed(struct mgc *m);                           /* one context less: stop may go on */
/* caps.c */
void gw_ask_packages(struct gw *gw);
bool gw_has(const struct gw *gw, const char *package);
bool gw_is_up(const struct gw *gw);                          /* takes calls */
/* orphans.c */
void gw_subtract_orphans(struct gw *gw);
/* notify.c */
void notify_request(struct gw *gw, struct trans_in *in, const struct h248_txn *req);
