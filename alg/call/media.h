/* The H.248 context of a call: T1 towards the WIC, T2 towards the core; builds the terminations of TS 23.334 6.2.10.6.2
 * and 6.2.22 and reads their replies. The only file of the folder that knows H.248. Owner: struct branch. Main thread. */
#pragma once

#include "alg/call/call.h"
#include "alg/call/limits.h"
#include "alg/iq/mgc.h"
#include "alg/sdp/web.h"

struct exch;

enum chan_state { /* of a channel, a line: what an exchange does with it */
    CHAN_OPEN, /* agreed before */
    CHAN_NEW,  /* this exchange offers it */
    CHAN_GONE, /* this exchange takes it away, or refused it */
};

struct media_port { /* T2 of one stream, as the gateway chose it */
    uint16_t stream, port;
    uint16_t rtcp_port;        /* 0: port + 1 */
    bool v6;
    char addr[ADDR_STRLEN];
    /* audio, video: what T2 was told, so that only changes are */
    enum h248_mode mode;
    uint64_t remote, pts[2];
};

struct media_end { /* T1 of one stream that has a transport, or shares one */
    uint16_t stream;
    struct arena *arena;       /* of local */
    struct web_local local;    /* as the gateway said */
    bool answered;             /* the gateway knows the WIC's transport */
    enum h248_mode mode;       /* audio, video: what T1 was told */
    uint64_t remote, pts[2];
};

#define MEDIA_PORTS_MAX (DC_CHAN_MAX + RTP_LINE_MAX)
#define MEDIA_ENDS_MAX (1 + RTP_LINE_MAX + MSRP_LINE_MAX)

struct media {
    const struct calls_conf *conf;
    struct iq_ctx *ctx;
    char t1[CALL_TERMID_MAX], t2[CALL_TERMID_MAX]; /* empty: not added */
    uint32_t request_id;
    unsigned n_ports, n_ends;
    struct media_port ports[MEDIA_PORTS_MAX];
    struct media_end ends[MEDIA_ENDS_MAX];
    int64_t inactivity_s;      /* T2 was told to watch RTP; 0: not */
    uint16_t sctp[DC_CHAN_MAX]; /* T1's group of channels, as it was said last */
    unsigned n_sctp;
};

#define MEDIA_NOTHING 1 /* the procedure would say nothing: none is sent, done is not called */

int media_open(struct media *m, struct mgc *mgc, const struct calls_conf *conf, const struct iq_ctx_h *h);
bool media_full_ice(const struct media *m); /* configured, and this gateway can */
/* Releases the context; may be called twice. tag: the gateway is asked what was counted, for the log; NULL: it is not. */
void media_close(struct media *m, const char *tag);

/* Each sends one command; done is called as iq_add, iq_mod do. 0, MEDIA_NOTHING, -errno. */
int media_reserve_core(struct media *m, const struct exch *x, iq_done_h *done, void *arg);      /* message 2; MOD later */
int media_configure_core(struct media *m, const struct exch *x, iq_done_h *done, void *arg);    /* message 8; ADD with Remote */
int media_reserve_access(struct media *m, const struct exch *x, iq_done_h *done, void *arg);    /* before the WIC is asked */
int media_configure_access(struct media *m, const struct exch *x, iq_done_h *done, void *arg);  /* message 11; MOD later */
int media_reset_channels(struct media *m, const struct exch *x, iq_done_h *done, void *arg);    /* 6.2.22.2 */
int media_undo_core(struct media *m, const struct exch *x, iq_done_h *done, void *arg);         /* what reserve_core added */
int media_undo_access(struct media *m, const struct exch *x, iq_done_h *done, void *arg);       /* what reserve_access added */

/* Replies to the commands of T1 and of T2. 0, -EBADMSG: what was asked for is missing. */
int media_core_reply(struct media *m, const struct iq_result *r);
int media_access_reply(struct media *m, const struct exch *x, const struct iq_result *r);
const struct media_port *media_port_of(const struct media *m, uint16_t stream);
const struct web_local *media_local_of(const struct media *m, uint16_t stream); /* NULL: T1 has it not */
/* What of the exchange is in that state left the terminations: CHAN_GONE once it went through, CHAN_NEW when it was undone. */
void media_forget(struct media *m, const struct exch *x, enum chan_state state);

/* What a NOTIFY means to the call. */
enum media_event { MEDIA_EV_NONE, MEDIA_EV_FAILED, MEDIA_EV_RESET, MEDIA_EV_CUT, MEDIA_EV_MENDED };
enum media_event media_event_of(const struct iq_observed *ev, const char **reason_header);
