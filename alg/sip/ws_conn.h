/* One connection of the WebSocket server and the server's own state: for ws.c (listeners) and ws_conn.c (connections). */
#pragma once

#include <libwebsockets.h>
#include <uthash.h>

#include "alg/sip/ws.h"
#include "alg/sip/ws_admit.h"
#include "alg/sip/ws_frame.h"

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
    msec_t begun;      /* when the message began that is not whole yet; 0: none */
    unsigned missed;   /* pings without a pong */
    bool high;
    bool paused, stuck; /* why nothing is read: asked for, or our output does not go */
    UT_hash_handle hh; /* only when opened */
};

struct ws {
    struct lws_context *context;
    struct lws_vhost *vhosts[WS_LISTEN_MAX];
    char vhost_names[WS_LISTEN_MAX][16], at[WS_LISTEN_MAX][ADDR_STRLEN]; /* libwebsockets keeps pointers to both */
    uv_loop_t *loop;
    struct ws_conf conf;
    char **origins, **hosts;
    char *name;
    struct ws_cert *leaf; /* of cert, for the names in it */
    char cert[4096], key[4096];
    struct ws_h h;
    struct ws_conn *conns;
    struct ws_admit *admit;
    uv_timer_t tick;  /* a second */
    bool ticks;
    unsigned said, unsaid; /* lines about strangers in this second */
    sip_flow last;
    bool ending;
    count_t counts[WS_C_N];
};

/* ws_judge.c: is the page (Origin) one that may connect, and is Host a name of ours? A page of an attacker whose own name
 * leads to our address (DNS rebinding) says another one. */
bool ws_origin_ok(const struct ws *w, const struct ws_request *r);
bool ws_host_ok(const struct ws *w, int fd, struct sv host);
bool ws_may_say(struct ws *w); /* a line about a stranger: else it is counted for the one that tells how many */
void ws_end_fd(int fd);        /* libwebsockets hears of its end */
void ws_conn_tick(struct ws *w, msec_t now); /* what is overdue */

/* What listeners accept. */
extern const struct lws_protocols ws_protocols[];

int ws_conn_send(struct ws_conn *c, enum ws_op op, struct sv data); /* -ENOTCONN, -ENOMEM, -ENOBUFS: it was cut */
void ws_conn_pause(struct ws_conn *c, bool pause);
/* After what is queued. Code 0: a Close frame without one. */
void ws_conn_close(struct ws_conn *c, unsigned code, const char *reason);
void ws_conn_free(struct ws_conn *c);
