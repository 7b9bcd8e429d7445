/* WebSocket server of W2 (RFC 6455, RFC 7118): WS and WSS listeners, subprotocol `sip`, Origin check, whole messages in
 * and out, pings, limits. Knows frames, not SIP. libwebsockets (ws.c, ws_conn.c) gives sockets, TLS and timers; the protocol is
 * in ws_http.c and ws_frame.c, because libwebsockets 4.1.6 takes frames without a mask and does not tell.
 * Owner: struct sip. Main thread; runs on the caller's libuv loop. */
#pragma once

#include <uv.h>

#include "alg/sip/sip.h"
#include "alg/sip/ws_http.h"
#include "common/buf.h"
#include "common/count.h"
#include "common/net.h"

struct fds;
struct ws;

#define WS_LISTEN_MAX 4
#define WS_FDS_PER_FLOW 3 /* descriptors that one browser takes */

struct ws_listen {
    struct addr addr; /* port 0: any, see ws_port */
    bool tls;
};

struct ws_conf {
    struct ws_listen listen[WS_LISTEN_MAX];
    unsigned n_listen;
    const char *cert, *key;       /* PEM files; NULL or "": made by cert_make in state_dir */
    const char *state_dir;
    sip_flow flow_base;           /* connections are numbered from here on: no two runs may use the same */
    const char *const *origins;   /* scheme://host[:port], exact; "*" = any (laboratory) */
    unsigned n_origins;
    bool origin_missing_ok;       /* native clients send none */
    const char *const *hosts;     /* names of ours in Host, "*" = any; besides: own addresses, `name`, those of the certificate */
    unsigned n_hosts;
    const char *name;             /* NULL: none */
    unsigned max_conns, max_per_addr;
    unsigned shaking_per_addr;    /* handshakes under way of one address */
    unsigned rate, rate_per_addr; /* new connections a second; 0: 1000000 */
    unsigned handshake_s;         /* from the connection to the whole request */
    unsigned max_msg;             /* bytes: more is answered by close 1009 */
    struct fds *fds;              /* the connections' descriptors are in it; NULL: nobody asks */
    unsigned ping_s;              /* closed after two pings without a pong */
};

struct ws_asker {
    struct addr peer;
    bool tls;
    bool origin_ok; /* one of `origins`; false without an Origin, unless origin_missing_ok */
};

struct ws_h {
    void (*opened)(void *arg, sip_flow flow, const struct addr *peer, bool tls);
    void (*message)(void *arg, sip_flow flow, struct sv text);
    void (*closed)(void *arg, sip_flow flow);
    void (*drained)(void *arg, sip_flow flow); /* what was queued for it went below WS_OUT_LOW */
    /* A request for no WebSocket: the whole HTTP answer into out; false: 404. May be NULL. */
    bool (*page)(void *arg, const struct ws_request *r, const struct ws_asker *who, struct buf *out);
    void *arg;
};

enum ws_counter { WS_C_CONNS, WS_C_ACCEPTED, WS_C_ORIGIN, WS_C_HOST, WS_C_HANDSHAKE, WS_C_LIMIT, WS_C_RATE, WS_C_LATE,
                  WS_C_EVICTED, WS_C_FDS, WS_C_TRICKLE, WS_C_PROTOCOL, WS_C_TOO_BIG,
                  WS_C_NO_PONG, WS_C_SLOW, WS_C_IN, WS_C_OUT, WS_C_N };
extern const struct count_def ws_counters[WS_C_N];

int ws_new(struct ws **wp, uv_loop_t *loop, const struct ws_conf *conf, const struct ws_h *h);
/* Closes every connection (1001), for a second at most; runs the loop until its handles are gone. */
void ws_free(struct ws *w);
uint16_t ws_port(const struct ws *w, unsigned listen);
const count_t *ws_counts(const struct ws *w);

/* Queued; text is sent as a text frame when it is UTF-8, binary else. -ENOTCONN, -ENOMEM. */
int ws_send(struct ws *w, sip_flow flow, struct sv text);
size_t ws_queued(const struct ws *w, sip_flow flow);      /* bytes not yet written */
void ws_pause(struct ws *w, sip_flow flow, bool pause);   /* stop or go on reading */
void ws_known(struct ws *w, sip_flow flow); /* it registered: it does not have to go when there are too many */
void ws_close(struct ws *w, sip_flow flow, unsigned code, const char *reason); /* after what is queued; closed() follows */

/* ws_cert.c */
/* Which hosts a certificate is for (subjectAltName; wildcards). NULL: none. */
struct ws_cert;
int ws_cert_load(struct ws_cert **cp, const char *path); /* 0, -EINVAL, -ENOMEM */
bool ws_cert_is_for(const struct ws_cert *c, const char *host);
void ws_cert_free(struct ws_cert *c);



/* A self-signed P-256 pair for `name` in dir (made if it is not there), paths into cert and key; 0600. */
int ws_cert_make(const char *dir, const char *name, char *cert, char *key, size_t size);
