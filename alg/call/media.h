/* The H.248 context of a call: T1 towards the WIC, T2 towards the core; builds the terminations of TS 23.334 6.2.10.6.2
 * and 6.2.22 and reads their replies. The only file of the folder that knows H.248. Owner: struct branch. Main thread. */
#pragma once

#include "alg/call/call.h"
#include "alg/call/limits.h"
#include "alg/iq/mgc.h"
#include "alg/sdp/web.h"

struct exch;

struct media_port { /* T2 of one stream, as the gateway chose it */
    uint16_t stream, port;
    bool v6;
    char addr[ADDR_STRLEN];
};

struct media {
    const struct calls_conf *conf;
    struct iq_ctx *ctx;
    char t1[CALL_TERMID_MAX], t2[CALL_TERMID_MAX]; /* empty: not added */
    uint32_t request_id;
    struct arena *arena;       /* of local */
    struct web_local local;    /* T1 */
    unsigned n_ports;
    struct media_port ports[DC_CHAN_MAX];
};

#define MEDIA_NOTHING 1 /* the procedure would say nothing: none is sent, done is not called */

int media_open(struct media *m, struct mgc *mgc, const struct calls_conf *conf, const struct iq_ctx_h *h);
void media_close(struct media *m); /* releases the context; may be called twice */

/* Each sends one command; done is called as iq_add, iq_mod do. 0, MEDIA_NOTHING, -errno. */
int media_reserve_core(struct media *m, const struct exch *x, iq_done_h *done, void *arg);      /* message 2; MOD later */
int media_configure_core(struct media *m, const struct exch *x, iq_done_h *done, void *arg);    /* message 8; ADD with Remote */
int media_reserve_access(struct media *m, const struct exch *x, iq_done_h *done, void *arg);    /* MT: before the WIC answered */
int media_configure_access(struct media *m, const struct exch *x, iq_done_h *done, void *arg);  /* message 11; MOD later */
int media_reset_channels(struct media *m, const struct exch *x, iq_done_h *done, void *arg);    /* 6.2.22.2 */
int media_undo_core(struct media *m, const struct exch *x, iq_done_h *done, void *arg);         /* what reserve_core added */

/* Replies to the commands of T1 and of T2. 0, -EBADMSG: what was asked for is missing. */
int media_core_reply(struct media *m, const struct iq_result *r);
int media_access_reply(struct media *m, const struct iq_result *r);
const struct media_port *media_port_of(const struct media *m, uint16_t stream);
void media_forget(struct media *m, uint16_t stream); /* the stream left T2 */

/* What a NOTIFY means to the call. */
enum media_event { MEDIA_EV_NONE, MEDIA_EV_FAILED, MEDIA_EV_RESET, MEDIA_EV_CUT, MEDIA_EV_MENDED };
enum media_event media_event_of(const struct iq_observed *ev, const char **reason_header);
