#include "alg/sip/ws_conn.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/crypto.h>
#include <utlist.h>

#include "alg/sip/fds.h"
#include "alg/sip/sip_limits.h"
#include "alg/sip/ws_http.h"
#include "common/log.h"

#define LINGER_S 1     /* after our Close frame or our refusal, for the peer's part of it */
#define FLUSH_S 10     /* for what is queued before them */


struct ws_out {
    struct ws_out *prev, *next;
    size_t n;
    bool message;
    char p[];
};

struct session { /* libwebsockets' own per-connection memory */
    struct ws_conn *conn;
    bool told; /* of an early end there is nothing more to say */
};

static void drop_out(struct ws_conn *c)
{
    struct ws_out *o, *tmp;

    DL_FOREACH_SAFE(c->out, o, tmp)
        free(o);
    c->out = NULL;
    c->queued = 0;
}

void ws_conn_free(struct ws_conn *c)
{
    drop_out(c);
    ws_rx_fini(&c->rx);
    free(c->head);
    free(c);
}

/* --- out --- */

static int queue(struct ws_conn *c, struct sv head, struct sv body, bool message)
{
    struct ws_out *o = malloc(sizeof *o + head.n + body.n);

    if (!o)
        return -ENOMEM;
    o->n = head.n + body.n;
    o->message = message;
    memcpy(o->p, head.p, head.n);
    if (body.n)
        memcpy(o->p + head.n, body.p, body.n);
    DL_APPEND(c->out, o);
    c->queued += o->n;
    lws_callback_on_writable(c->wsi);
    return 0;
}

/* libwebsockets does not take input of a raw socket while it keeps output for it, and would spin. */
static void read_on(struct ws_conn *c)
{
    lws_rx_flow_control(c->wsi, !(c->paused || c->stuck));
}

static int queue_frame(struct ws_conn *c, enum ws_op op, struct sv data)
{
    unsigned char head[WS_HEAD_MAX];
    size_t n = ws_head(head, op, data.n);

    return queue(c, (struct sv){(char *)head, n}, data, op == WS_TEXT || op == WS_BINARY);
}

/* It does not read, so there is no point in a Close frame either. */
static void cut(struct ws_conn *c)
{
    char peer[ADDR_STRLEN];

    count_add(&c->ws->counts[WS_C_SLOW], 1);
    log_warn("ws", "flow=%llu peer=%s msg=\"does not read, cut\" queued=%zu", (unsigned long long)c->id,
             addr_str(&c->peer, peer), c->queued);
    drop_out(c);
    c->phase = CONN_CLOSING;
    lws_rx_flow_control(c->wsi, 0);
    lws_set_timeout(c->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
}

/* A frame of an open connection, within what may be queued for it. */
int ws_conn_send(struct ws_conn *c, enum ws_op op, struct sv data)
{
    if (c->phase != CONN_OPEN)
        return -ENOTCONN;
    if (c->queued + data.n > WS_OUT_MAX) {
        cut(c);
        return -ENOBUFS;
    }
    return queue_frame(c, op, data);
}

void ws_conn_close(struct ws_conn *c, unsigned code, const char *reason)
{
    char data[WS_CONTROL_MAX + 1] = {(char)(code >> 8), (char)code};
    size_t n = 2 + (size_t)snprintf(data + 2, sizeof data - 2, "%.120s", reason);

    if (c->phase != CONN_OPEN)
        return;
    c->phase = CONN_CLOSING;
    c->paused = false; /* for its Close frame */
    read_on(c);
    lws_set_timeout(c->wsi, PENDING_TIMEOUT_USER_REASON_BASE,
                    queue_frame(c, WS_CLOSE, (struct sv){data, code ? n : 0}) ? LWS_TO_KILL_ASYNC : FLUSH_S);
}

void ws_conn_pause(struct ws_conn *c, bool pause)
{
    if (c->phase != CONN_OPEN)
        return;
    c->paused = pause;
    read_on(c);
}

/* --- handshake --- */

static void refuse(struct ws_conn *c, unsigned status, enum ws_counter counter, const char *why)
{
    char peer[ADDR_STRLEN], answer[WS_ANSWER_MAX];

    count_add(&c->ws->counts[counter], 1);
    if (ws_may_say(c->ws))
        log_warn("ws", "msg=\"upgrade refused\" status=%u peer=%s why=\"%s\"", status, addr_str(&c->peer, peer), why);
    c->phase = CONN_REFUSED;
    if (queue(c, ws_http_refusal(status, answer), SV_NONE, false))
        lws_set_timeout(c->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
}

/* The layer above knows pages beside the WebSocket; it counts and logs what it refuses. */
static bool page(struct ws_conn *c, const struct ws_request *r)
{
    const struct ws_asker who = {c->peer, lws_is_ssl(c->wsi), ws_origin_ok(c->ws, r)};
    char text[WS_PAGE_MAX];
    struct buf out = buf_over(text, sizeof text);

    if (r->status != 404 || !c->ws->h.page || !c->ws->h.page(c->ws->h.arg, r, &who, &out) || buf_err(&out))
        return false;
    c->phase = CONN_REFUSED;
    if (queue(c, buf_sv(&out), SV_NONE, false))
        lws_set_timeout(c->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
    OPENSSL_cleanse(text, sizeof text);
    return true;
}

static int fd_of(const struct ws_conn *c)
{
    return lws_get_socket_fd(c->wsi);
}

/* Someone who did not register makes room when there are too many. */
static bool takes_place(struct ws *w, const struct ws_conn *c)
{
    int victim;

    if (ws_admit_of_addr(w->admit, fd_of(c)) >= w->conf.max_per_addr || !ws_admit_open(w->admit, fd_of(c), &victim))
        return false;
    if (victim >= 0) {
        count_add(&w->counts[WS_C_EVICTED], 1);
        ws_end_fd(victim);
    }
    return true;
}

static int judge(struct ws_conn *c, const struct ws_request *r)
{
    struct ws *w = c->ws;

    if (r->host.n && !ws_host_ok(w, fd_of(c), r->host)) {
        refuse(c, 421, WS_C_HOST, "Host is no name of ours");
        return -EACCES;
    }
    if (page(c, r))
        return -EACCES;
    if (r->status == 404)
        refuse(c, 404, WS_C_HANDSHAKE, r->why);
    else if (!ws_origin_ok(w, r))
        refuse(c, 403, WS_C_ORIGIN, "Origin");
    else if (r->status)
        refuse(c, r->status, WS_C_HANDSHAKE, r->why);
    else if (!r->sip)
        refuse(c, 400, WS_C_HANDSHAKE, "no subprotocol sip");
    else if (!takes_place(w, c))
        refuse(c, 503, WS_C_LIMIT, "too many connections");
    return c->phase == CONN_REFUSED ? -EACCES : 0;
}

/* --- life of a connection --- */

static void next_ping(struct ws_conn *c)
{
    lws_set_timer_usecs(c->wsi, (lws_usec_t)c->ws->conf.ping_s * LWS_USEC_PER_SEC);
}

static int on_open(struct ws_conn *c, struct sv key)
{
    struct ws *w = c->ws;
    char answer[WS_ANSWER_MAX];

    if (queue(c, ws_http_welcome(key, answer), SV_NONE, false))
        return -ENOMEM;
    c->phase = CONN_OPEN;
    c->opened = true;
    c->id = ++w->last;
    c->rx.max = w->conf.max_msg;
    HASH_ADD(hh, w->conns, id, sizeof c->id, c);
    count_add(&w->counts[WS_C_CONNS], 1);
    count_add(&w->counts[WS_C_ACCEPTED], 1);
    lws_set_timeout(c->wsi, NO_PENDING_TIMEOUT, 0);
    next_ping(c);
    w->h.opened(w->h.arg, c->id, &c->peer, lws_is_ssl(c->wsi));
    return 0;
}

/* What follows the request head stays in *rest. */
static int on_request(struct ws_conn *c, struct sv *rest)
{
    size_t take = rest->n < WS_REQUEST_MAX - c->n_head ? rest->n : WS_REQUEST_MAX - c->n_head;
    char *more = realloc(c->head, c->n_head + take);
    struct ws_request r;
    long n;
    int err;

    if (!more)
        return -ENOMEM;
    c->head = more;
    memcpy(more + c->n_head, rest->p, take);
    n = ws_http_length((struct sv){more, c->n_head + take});
    if (n <= 0) {
        c->n_head += take;
        if (n < 0 || c->n_head == WS_REQUEST_MAX)
            refuse(c, 400, WS_C_HANDSHAKE, n < 0 ? "not an HTTP GET" : "request too long");
        rest->n = 0;
        return 0;
    }
    rest->p += (size_t)n - c->n_head;
    rest->n -= (size_t)n - c->n_head;
    ws_http_read((struct sv){more, (size_t)n}, &r);
    err = judge(c, &r) ? 0 : on_open(c, r.key);
    free(c->head);
    c->head = NULL;
    return err;
}

static void on_bad_frame(struct ws_conn *c, const struct ws_got *got)
{
    char peer[ADDR_STRLEN];

    count_add(&c->ws->counts[got->code == LWS_CLOSE_STATUS_MESSAGE_TOO_LARGE ? WS_C_TOO_BIG : WS_C_PROTOCOL], 1);
    log_warn("ws", "flow=%llu peer=%s msg=\"closed\" code=%u why=\"%s\"", (unsigned long long)c->id, addr_str(&c->peer, peer),
             got->code, got->why);
    ws_conn_close(c, got->code, got->why);
}

static void on_frame(struct ws_conn *c, const struct ws_got *got)
{
    const unsigned char *p = (const unsigned char *)got->data.p;

    if (c->phase != CONN_OPEN && got->op != WS_CLOSE)
        return;
    switch (got->op) {
    case WS_PING:
        ws_conn_send(c, WS_PONG, got->data);
        break;
    case WS_PONG:
        c->missed = 0;
        break;
    case WS_CLOSE: /* RFC 6455 5.5.1: its code comes back */
        c->peer_closed = true;
        ws_conn_close(c, got->data.n ? (unsigned)(p[0] << 8 | p[1]) : 0, "");
        break;
    default:
        count_add(&c->ws->counts[WS_C_IN], 1);
        c->ws->h.message(c->ws->h.arg, c->id, got->data);
    }
}

static int on_data(struct ws_conn *c, struct sv rest)
{
    struct ws_got got;

    if (c->phase == CONN_HANDSHAKE && (c->ws->ending || on_request(c, &rest)))
        return -1;
    while (rest.n && !c->broken && (c->phase == CONN_OPEN || c->phase == CONN_CLOSING)) {
        int r = ws_rx_input(&c->rx, &rest, &got);

        c->broken = r < 0;
        if (r > 0)
            on_frame(c, &got);
        else if (r < 0 && c->phase == CONN_OPEN)
            on_bad_frame(c, &got);
    }
    if (!c->rx.in_payload && !c->rx.n_head && !c->rx.of)
        c->begun = 0;
    else if (!c->begun)
        c->begun = net_now_ms();
    return c->phase == CONN_CLOSING && c->peer_closed && !c->out && !lws_partial_buffered(c->wsi) ? -1 : 0;
}

static void peer_of(struct lws *wsi, struct addr *out)
{
    socklen_t n = sizeof out->u;

    if (getpeername(lws_get_socket_fd(wsi), &out->u.sa, &n))
        out->u.sa.sa_family = AF_INET;
}

static int on_adopt(struct ws *w, struct lws *wsi, struct session *s)
{
    struct ws_conn *c = NULL;

    if (!s)
        return -1;
    s->told = true;
    if (w->ending || !(c = calloc(1, sizeof *c)))
        return -1;
    c->ws = w;
    c->wsi = wsi;
    if (w->conf.fds)
        fds_put(w->conf.fds, lws_get_socket_fd(wsi));
    peer_of(wsi, &c->peer);
    s->conn = c;
    lws_set_timeout(wsi, PENDING_TIMEOUT_USER_REASON_BASE, (int)w->conf.handshake_s + 1);
    return 0;
}

/* It ended before it was a WebSocket; TLS may have failed even before it was adopted. */
static void log_early(struct ws *w, struct lws *wsi)
{
    SSL *ssl = lws_get_ssl(wsi);
    struct addr from = {0};
    char peer[ADDR_STRLEN];

    count_add(&w->counts[WS_C_HANDSHAKE], 1);
    if (!ws_may_say(w))
        return;
    peer_of(wsi, &from);
    log_warn("ws", "msg=\"closed before the upgrade\" peer=%s why=\"%s\"", addr_str(&from, peer),
             ssl && !SSL_is_init_finished(ssl) ? "no TLS" : "no request");
}

static void on_close(struct ws *w, struct lws *wsi, struct session *s)
{
    struct ws_conn *c = s ? s->conn : NULL;
    sip_flow id;

    if (!s)
        return;
    ws_admit_left(w->admit, lws_get_socket_fd(wsi));
    if (w->conf.fds)
        fds_drop(w->conf.fds, lws_get_socket_fd(wsi));
    if ((c ? c->phase == CONN_HANDSHAKE : !s->told) && !w->ending)
        log_early(w, wsi);
    s->told = true;
    s->conn = NULL;
    if (!c)
        return;
    id = c->opened ? c->id : 0;
    if (id)
        HASH_DEL(w->conns, c);
    ws_conn_free(c);
    if (!id)
        return;
    count_add(&w->counts[WS_C_CONNS], -1);
    w->h.closed(w->h.arg, id);
}

static int on_writable(struct ws_conn *c)
{
    struct ws_out *o = c->out;
    struct ws *w = c->ws;

    if (o) {
        if (lws_write(c->wsi, (unsigned char *)o->p, o->n, LWS_WRITE_RAW) < 0)
            return -1;
        DL_DELETE(c->out, o);
        c->queued -= o->n;
        if (o->message)
            count_add(&w->counts[WS_C_OUT], 1);
        free(o);
    }
    if (c->stuck != !!lws_partial_buffered(c->wsi)) {
        c->stuck = !c->stuck;
        read_on(c);
    }
    if (c->high && c->queued < WS_OUT_LOW) {
        c->high = false;
        w->h.drained(w->h.arg, c->id);
    }
    if (c->out || c->stuck)
        lws_callback_on_writable(c->wsi);
    else if (c->phase == CONN_CLOSING && c->peer_closed)
        return -1; /* RFC 6455 7.1.1: the server is first to close TCP */
    else if (o && c->phase >= CONN_CLOSING)
        lws_set_timeout(c->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LINGER_S);
    return 0;
}

static int on_timer(struct ws_conn *c)
{
    char peer[ADDR_STRLEN];

    if (c->phase != CONN_OPEN)
        return 0;
    if (c->missed >= 2 && (c->out || c->stuck)) {
        cut(c);
        return 0;
    }
    if (c->missed >= 2) {
        count_add(&c->ws->counts[WS_C_NO_PONG], 1);
        log_info("ws", "flow=%llu peer=%s msg=\"no pong, closed\"", (unsigned long long)c->id, addr_str(&c->peer, peer));
        ws_conn_close(c, LWS_CLOSE_STATUS_POLICY_VIOLATION, "no pong");
        return 0;
    }
    c->missed++;
    ws_conn_send(c, WS_PING, SV_NONE);
    next_ping(c);
    return 0;
}

/* Before TLS, before libwebsockets makes anything of it. */
static int on_accept(struct ws *w, const struct lws_filter_network_conn_args *from, int fd)
{
    struct addr peer = {0};
    char text[ADDR_STRLEN];
    enum ws_admit_verdict v;
    int victim;

    if (w->ending)
        return -1;
    memcpy(&peer.u, &from->cli_addr, from->clilen < sizeof peer.u ? from->clilen : sizeof peer.u);
    v = ws_admit_connect(w->admit, fd, &peer, net_now_ms(), &victim);
    if (victim >= 0) {
        count_add(&w->counts[WS_C_EVICTED], 1);
        ws_end_fd(victim);
    }
    if (v == WS_ADMIT_OK)
        return 0;
    count_add(&w->counts[v == WS_ADMIT_FDS ? WS_C_FDS : v <= WS_ADMIT_RATE_ADDR ? WS_C_RATE : WS_C_LIMIT], 1);
    if (ws_may_say(w))
        log_warn("ws", "msg=\"connection refused\" peer=%s why=\"%s\"", addr_str(&peer, text), ws_admit_why(v));
    return -1;
}

void ws_conn_tick(struct ws *w, msec_t now)
{
    struct ws_conn *c, *tmp;
    char peer[ADDR_STRLEN];
    int fd;

    while ((fd = ws_admit_overdue(w->admit, now)) >= 0) {
        count_add(&w->counts[WS_C_LATE], 1);
        ws_end_fd(fd);
    }
    ws_admit_tick(w->admit, now);
    HASH_ITER(hh, w->conns, c, tmp) {
        if (!c->begun || now - c->begun < WS_MESSAGE_S * 1000 || c->paused || c->phase != CONN_OPEN)
            continue;
        c->begun = 0;
        count_add(&w->counts[WS_C_TRICKLE], 1);
        if (ws_may_say(w))
            log_warn("ws", "flow=%llu peer=%s msg=\"closed\" why=\"message too slow\"", (unsigned long long)c->id,
                     addr_str(&c->peer, peer));
        ws_conn_close(c, LWS_CLOSE_STATUS_POLICY_VIOLATION, "message too slow");
    }
}

static int callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
    struct lws_context *context = lws_get_context(wsi);
    struct ws *w = context ? lws_context_user(context) : NULL;
    struct session *s = reason == LWS_CALLBACK_FILTER_NETWORK_CONNECTION ? NULL : user;
    struct ws_conn *c = s ? s->conn : NULL;

    switch (reason) {
    case LWS_CALLBACK_FILTER_NETWORK_CONNECTION:
        return on_accept(w, user, (int)(intptr_t)in);
    case LWS_CALLBACK_RAW_ADOPT:
        return on_adopt(w, wsi, s);
    case LWS_CALLBACK_RAW_CLOSE:
        on_close(w, wsi, s);
        return 0;
    case LWS_CALLBACK_RAW_RX:
        return c ? on_data(c, (struct sv){in, len}) : -1;
    case LWS_CALLBACK_RAW_WRITEABLE:
        return c ? on_writable(c) : -1;
    case LWS_CALLBACK_TIMER:
        return c ? on_timer(c) : 0;
    default:
        return 0;
    }
}

const struct lws_protocols ws_protocols[] = {
    {"sip", callback, sizeof(struct session), 16384, 0, NULL, 0},
    {NULL, NULL, 0, 0, 0, NULL, 0},
};
