/* Gateways as the MGC sees them: the control association (h248/link), the choice of a gateway for a new context, loss and
 * return, NOTIFY dispatch; and the TS 23.334 clause 8 procedures on one context: reserve (ADD), configure (MOD), release
 * (SUB). Owner: struct alg. Main thread. Nothing of H.248 beyond h248/iq.h leaves this folder. */
#pragma once

#include <uv.h>

#include "alg/iq/admit.h"
#include "common/count.h"
#include "common/trace.h"
#include "h248/iq.h"
#include "h248/link.h"

struct mgc;
struct iq_ctx; /* one H.248 context, from the first ADD to the last SUB */

struct mgc_conf {
    struct addr listen;          /* UDP */
    struct assoc_conf assoc;     /* role MGC */
    const struct admit *admit;   /* who may register; outlives the mgc. NULL: whoever asks */
    unsigned n_admit;
    struct trace *trace;
    unsigned release_tries;      /* a SUB that timed out is tried again this often while the gateway is up: 3 */
};

enum mgc_counter { MGC_C_GATEWAYS, MGC_C_CONTEXTS, MGC_C_ADD, MGC_C_MOD, MGC_C_SUB, MGC_C_ERRORS, MGC_C_TIMEOUTS, MGC_C_NOTIFY,
                   MGC_C_NOTIFY_UNKNOWN, MGC_C_N };
extern const struct count_def mgc_counters[MGC_C_N];

int mgc_new(struct mgc **mp, uv_loop_t *loop, const struct mgc_conf *conf);
/* Leave in order: done is called once when every open context was subtracted or 2 s passed. */
void mgc_stop(struct mgc *m, void (*done)(void *arg), void *arg);
void mgc_free(struct mgc *m);
bool mgc_ready(const struct mgc *m); /* at least one gateway is registered */
const count_t *mgc_counts(const struct mgc *m);
const struct trans *mgc_trans(const struct mgc *m);
void mgc_print_told(const struct mgc *m, struct buf *out); /* metrics of what gateways told */
uint16_t mgc_port(const struct mgc *m); /* the UDP port bound */

/* The result of a procedure. Exactly one of: ok; code != 0 (H.248 error of the reply); timeout. */
struct iq_result {
    bool ok;
    unsigned code;               /* H.248 error code, 0 = none */
    char text[160];
    bool timeout;                /* no reply: the gateway is marked down */
    const struct iq_term *term;  /* ok: what the reply said (Local filled in); lives only in the callback */
    struct sv termid;            /* ok: the TerminationID chosen */
};
typedef void iq_done_h(void *arg, const struct iq_result *r);

struct iq_ctx_h {
    /* NOTIFY for one of our terminations. */
    void (*notify)(void *arg, struct sv termid, const struct iq_observed *ev);
    /* The gateway lost the context (its Restart, its loss for good, forced out of service): nothing is left to subtract. */
    void (*gone)(void *arg);
    void *arg;
};

/* Picks a gateway. -ENOTCONN: none is registered (SIP 503). No message is sent yet. */
int iq_ctx_new(struct iq_ctx **cp, struct mgc *m, const struct iq_ctx_h *h);
/* ADD: Reserve / Reserve and Configure AGW Connection Point (8.2, 8.3). t->id is the wildcard form ("ip/$/core/$").
 * MOD: Configure (8.4). One after the other per context: a second call while one runs is queued in order. `t` is only
 * read during the call. done is called exactly once unless iq_ctx_release came first. -ENOMEM. */
int iq_add(struct iq_ctx *c, const struct iq_term *t, iq_done_h *done, void *arg);
int iq_mod(struct iq_ctx *c, const struct iq_term *t, iq_done_h *done, void *arg);
/* Release: W-Subtract * of the context (8.5), whatever state it is in: a running ADD is waited for and then subtracted, so
 * nothing stays at the gateway. Forgets the owner at once (no callback any more) and frees itself in the end. NULL is fine. */
void iq_ctx_release(struct iq_ctx *c);
/* The same, but the gateway is asked what its terminations counted, where it can tell (package rtp): one line in the log, with
 * `tag` in front, and the metrics. */
void iq_ctx_release_told(struct iq_ctx *c, const char *tag);
/* SUB of one termination. */
int iq_sub(struct iq_ctx *c, struct sv termid, iq_done_h *done, void *arg);
/* Has the context's gateway this package (AuditValue of Packages on ROOT, sent at its registration)? Optional packages of
 * TS 29.334 5.14.2 are used only with a gateway that names them: another vendor's may refuse them. */
bool iq_ctx_has(const struct iq_ctx *c, const char *package);
uint32_t iq_ctx_id(const struct iq_ctx *c); /* H248_CTX_CHOOSE until the first reply */

/* H.248 error code -> SIP status by sip-sdp rules (TS 23.334 leaves it open): one table. reinvite: inside a dialog.
 * retry_after: seconds, 0 = none. */
int iq_sip_status(const struct iq_result *r, bool reinvite, unsigned *retry_after);
