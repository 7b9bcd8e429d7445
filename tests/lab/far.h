/* The lab's far end: an IMS core in one process for trying alg and agw out. A registrar with digest (RFC 3261 22, Path
 * RFC 3327, Service-Route RFC 3608), a callee and caller with MSRP sessions that echoes what it gets, and a web page with
 * an HTTP API. Never in production: it keeps nothing and trusts its own network. One thread.
 *
 * Callees by user part:  echo, anything   rings, answers, echoes (far end active: step 7 of the chart)
 *   passive  answers a=setup:passive      busy  486        decline  603       ring  rings for ever
 *   silent   answers, echoes nothing      drop  answers, hangs up after the first message     gone  never answers at all
 * Audio and video come back as they are (far_rtp.h): opus, PCMU, PCMA; VP8, H264.
 */
#pragma once

#include <sofia-sip/nua.h>
#include <sofia-sip/su_wait.h>
#include <uv.h>

#include "common/net.h"
#include "common/sdp.h"
#include "tests/lab/far_msrp.h"
#include "tests/lab/far_rtp.h"

#define FAR_SESSIONS_MAX 16 /* m= lines of a call */
#define FAR_SDP_SIZE 16384
#define FAR_LOG_MAX 200     /* messages remembered for /api/messages */

struct far_conf {
    const char *host;      /* numeric address of everything here */
    const char *media;     /* that of RTP and MSRP; NULL: host */
    uint16_t sip_port;     /* 5070 */
    uint16_t web_port;     /* 8000 */
    const char *domain;    /* home.example.net */
    const char *page_dir, *jssip; /* files of the page; NULL = no page */
    const char *ws_url;    /* told to the page: ws://127.0.0.1:8080 */
    const char *config;    /* file that the page is told instead; NULL = none */
    unsigned ring_ms;      /* pause before 200 */
    const char *tls;       /* folder of agent.pem (certificate, key) and cafile.pem: SIP over TLS, too; NULL: not */
    uint16_t tls_port;
    const char *route;     /* Service-Route told at registration; NULL: here. Calls of browsers go there */
    size_t chunk;          /* octets of body in one SEND */
};

struct far;
struct far_call;

enum far_kind { FAR_MSRP, FAR_AUDIO, FAR_VIDEO };

struct far_session { /* one m= line */
    struct far_call *call;
    enum far_kind kind;
    struct far_msrp *msrp;
    struct far_rtp *rtp;
    bool refused;
};

struct far_call {
    struct far *far;
    nua_handle_t *nh;
    unsigned id;
    char user[64], peer[256];
    bool outgoing, established, ended;
    unsigned n_messages;
    unsigned n_sessions;
    struct far_session sessions[FAR_SESSIONS_MAX];
    uv_timer_t answer;
    unsigned sdp_version;
    char sdp[FAR_SDP_SIZE]; /* ours, of the offer or answer under way */
    char first[256];        /* outgoing: sent as soon as the call is up */
    enum sdp_dir dir;       /* of audio and video in our next offer: hold */
    struct far_call *prev, *next;
};

struct far_user {
    const char *name, *password;
};

struct far {
    struct far_conf conf;
    su_root_t *root;
    su_home_t home[1];
    nua_t *nua;
    uv_loop_t loop;
    struct far_call *calls;
    unsigned next_id;
    bool stopping, stopped;
    struct far_reg *reg;
    struct far_web *web;
};

/* far_sip.c */
int far_sip_new(struct far *f);
void far_sip_stop(struct far *f); /* BYE to all; far->stopped when done */
/* Core calls WIC. media: "message", "audio", "audio,video,message"...; text: first message, NULL = none. */
int far_call_out(struct far *f, const char *user, const char *media, const char *text);
int far_call_hangup(struct far *f, unsigned id); /* 0 = all */
int far_call_send(struct far *f, unsigned id, const char *ctype, const void *p, size_t n);
int far_call_reinvite(struct far *f, unsigned id, enum far_kind kind, bool add); /* add a line, or remove the last of a kind */
int far_call_hold(struct far *f, unsigned id, enum sdp_dir dir);

/* far_sdp.c, far_av.c */
int far_sdp_answer(struct far_call *c, struct sv offer, bool passive, char *out, size_t size);
int far_sdp_offer(struct far_call *c, char *out, size_t size);
int far_sdp_take_answer(struct far_call *c, struct sv answer);
void far_session_free(struct far_session *s);
/* Audio and video lines: ours in an offer; the answer to one, 0 when it can be served. */
int far_av_offer(struct far_session *s, struct buf *b);
int far_av_answer(struct far_session *s, const struct sdp *sdp, const struct sdp_media *m, struct buf *b);
int far_av_start(struct far_session *s, const struct sdp *sdp, const struct sdp_media *m);

/* far_reg.c */
int far_reg_new(struct far *f);
void far_reg_free(struct far *f);
void far_reg_on_register(struct far *f, nua_handle_t *nh, const sip_t *sip);
/* Where a registered user is: Contact URI and Path. -ENOENT. */
int far_reg_find(struct far *f, const char *user, const char **contact, const char **path);

/* far_web.c */
int far_web_new(struct far *f);
void far_web_free(struct far *f);
void far_web_note(struct far *f, unsigned call, const char *dir, struct sv ctype, struct sv body);
