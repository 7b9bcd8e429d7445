/* What the files of the browser share; nobody else includes it. */
#pragma once

#include "tests/fake/browser.h"

#include "agw/ctl/cert.h"
#include "agw/data/sctp.h"
#include "agw/media/dtls.h"
#include "agw/media/leg.h"
#include "agw/media/stun.h"

#define BROWSER_SIDS 1024 /* channels that a test may reset */

/* What all browsers of the loop share: one timer, one set of buffers, one SCTP stack. Lives while one browser does. */
struct hub {
    uv_loop_t *loop;
    uv_timer_t timer;
    struct udp_rx *rx;
    struct tx tx;
    struct stun_mac *mac;
    struct sctp_lib *sctp;
    struct browser *browsers;
    uint8_t record[MEDIA_RECORD_MAX];
    bool pumping;
};

struct browser {
    struct hub *hub;
    struct browser_h h;
    uv_poll_t poll;
    int fd;
    struct browser_tcp *tcp; /* NULL: datagrams */
    struct browser_turn *turn; /* NULL: not by a relay */
    struct addr local, remote;
    char ufrag[5], pwd[25];      /* as long as Chromium's */
    char remote_ufrag[257], remote_pwd[257];
    char fingerprint[CERT_FP_TEXT];
    struct dtls_ctx *ctx;
    enum browser_peer peer;
    bool passed, peer_checked;   /* our check has; theirs came (and nominated, when it controls) */
    bool started, ice_up, hello_seen, muted, closed, dying;
    unsigned busy;               /* depth of our calls into the user: freeing waits */
    uint8_t tid[STUN_TID];
    uint64_t tiebreaker;
    msec_t next_check;
    bool dtls_client;
    char remote_hash[16];
    uint8_t remote_fp[64];
    int remote_fp_len;
    struct dtls *dtls;
    enum dtls_state reported;
    uint16_t sctp_local, sctp_remote;
    struct sctp *sctp;
    uint8_t sctp_head[BROWSER_SCTP_HEAD];
    bool is_reset[BROWSER_SIDS]; /* our outgoing stream: reset, or asked to be */
    struct srtp *seal, *open;    /* RTP: what we send, what we get; NULL: no keys yet */
    struct browser *prev, *next;
};

/* browser.c */
void browser_enter(struct browser *b); /* around calls into the user */
void browser_leave(struct browser *b);
void browser_flush(struct browser *b);  /* what was put into the batch */
void browser_ice_up(struct browser *b); /* the pair is there: DTLS begins */
void browser_input(struct browser *b, const struct dgram *in);

/* browser_ice.c */
void browser_check(struct browser *b, msec_t now);
void browser_stun(struct browser *b, const struct dgram *in, msec_t now);

/* browser_tcp.c */
int browser_tcp_send(struct browser *b, const void *p, size_t n);
void browser_tcp_close(struct browser *b);

/* browser_turn.c */
int browser_turn_send(struct browser *b, const void *p, size_t n);
void browser_turn_close(struct browser *b);

/* browser_rtp.c */
void browser_rtp_keys(struct browser *b); /* DTLS is up */
void browser_rtp_input(struct browser *b, const struct dgram *in);
void browser_rtp_fini(struct browser *b);
