/* One connection of the WebSocket server and the server's own state: for ws.c (listeners) and ws_conn.c (connections). */
#pragma once

#include <libwebsockets.h>
#include <uthash.h>

#include "alg/sip/ws.h"
#include "alg/sip/ws_frame.h"

#define WS_HANDSHAKE_S 20 /* from the connection to the whole request */

enum ws_phase {
    CONN_HANDSHAKE, /* the request is being collected */
    CONN_OPEN,
    CONN_CLOSING,   /* our Close frame is queued or sent */
    CONN_REFUSED,   /* our HTTP answer is: a refusal or a page */
};

struct ws_conn {
    sip_flow id;
    struct ws *ws;
    struct lws *wsi;
    enum ws_phase phase;
    bool opened;       /* the layer above knows it */
    bool peer_closed;  /* its Close frame came */
    bool broken;       /* a bad frame came: nothing behind it can be read */
    struct addr peer;
    struct ws_out *out;
    size_t queued;
    char *head;        /* the request so far */
    size_t n_head;
    struct ws_rx rx;
    unsigned missed;   /* pings without a pong */
    bool high;
    bool paused, stuck; /* why nothing is read: asked for, or our output does not go */
    UT_hash_handle hh; /* only when opened */
};

struct ws {
    struct lws_context *context;
    struct lws_vhost *vhosts[WS_LISTEN_MAX];
    uv_loop_t *loop;
    struct ws_conf conf;
    char **origins;
    char cert[4096], key[4096];
    struct ws_h h;
    struct ws_conn *conns;
    unsigned shaking; /* connections in CONN_HANDSHAKE */
    sip_flow last;
    bool ending;
    count_t counts[WS_C_N];
};

/* What listeners accept. */
extern const struct lws_protocols ws_protocols[];

int ws_conn_send(struct ws_conn *c, enum ws_op op, struct sv data); /* -ENOTCONN, -ENOMEM, -ENOBUFS: it was cut */
void ws_conn_pause(struct ws_conn *c, bool pause);
/* After what is queued. Code 0: a Close frame without one. */
void ws_conn_close(struct ws_conn *c, unsigned code, const char *reason);
void ws_conn_free(struct ws_conn *c);
