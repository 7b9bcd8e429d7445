#include "alg/sip/ws.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <libwebsockets.h>
#include <uthash.h>
#include <utlist.h>

#include "alg/sip/sip_limits.h"
#include "common/enc.h"
#include "common/log.h"

#define PING_LEN 4

const struct count_def ws_counters[WS_C_N] = {
    [WS_C_CONNS] = {"alg_ws_connections", "WebSocket connections open", true},
    [WS_C_ACCEPTED] = {"alg_ws_accepted_total", "WebSocket connections opened", false},
    [WS_C_ORIGIN] = {"alg_ws_refused_origin_total", "upgrades refused with 403: Origin", false},
    [WS_C_HANDSHAKE] = {"alg_ws_refused_handshake_total", "upgrades refused with 400 or 426", false},
    [WS_C_LIMIT] = {"alg_ws_refused_limit_total", "connections refused: too many", false},
    [WS_C_TOO_BIG] = {"alg_ws_too_big_total", "connections closed with 1009", false},
    [WS_C_NO_PONG] = {"alg_ws_no_pong_total", "connections closed: two pings without an answer", false},
    [WS_C_SLOW] = {"alg_ws_slow_total", "connections cut: the browser sends but does not read", false},
    [WS_C_IN] = {"alg_ws_messages_in_total", "messages from browsers", false},
    [WS_C_OUT] = {"alg_ws_messages_out_total", "messages to browsers", false},
};

struct out {
    struct out *prev, *next;
    size_t n;
    bool text;
    unsigned char p[]; /* LWS_PRE bytes of room, then the message */
};

struct conn {
    sip_flow id;
    struct ws *ws;
    struct lws *wsi;
    struct addr peer;
    struct out *out;
    size_t queued;
    struct {
        char *p;
        size_t n, size;
    } in;
    unsigned missed;  /* pings without a pong */
    bool ping, high;
    unsigned close_code;
    char close_reason[64];
    UT_hash_handle hh;
};

struct ws {
    struct lws_context *context;
    struct lws_vhost *vhosts[WS_LISTEN_MAX];
    uv_loop_t *loop;
    struct ws_conf conf;
    char **origins;
    char cert[4096], key[4096];
    struct ws_h h;
    struct conn *conns;
    sip_flow last;
    bool ending;
    count_t counts[WS_C_N];
};

struct session { /* libwebsockets' own per-connection memory */
    struct conn *conn;
};

static void conn_free(struct conn *c)
{
    struct out *o, *tmp;

    DL_FOREACH_SAFE(c->out, o, tmp)
        free(o);
    free(c->in.p);
    free(c);
}

/* --- handshake --- */

static bool has_protocol(struct lws *wsi)
{
    char list[256];
    struct sv rest;

    if (lws_hdr_copy(wsi, list, sizeof list, WSI_TOKEN_PROTOCOL) <= 0)
        return false;
    rest = sv_from(list);
    while (rest.n)
        if (sv_is(sv_trim(sv_cut(&rest, ',')), "sip"))
            return true;
    return false;
}

static bool origin_ok(const struct ws *w, struct lws *wsi)
{
    char origin[256];
    int n = lws_hdr_copy(wsi, origin, sizeof origin, WSI_TOKEN_ORIGIN);

    if (n == 0 && !lws_hdr_total_length(wsi, WSI_TOKEN_ORIGIN))
        return w->conf.origin_missing_ok;
    for (unsigned i = 0; n > 0 && i < w->conf.n_origins; i++)
        if (!strcmp(w->origins[i], "*") || !strcmp(w->origins[i], origin))
            return true;
    return false;
}

static void peer_of(struct lws *wsi, struct addr *out)
{
    socklen_t n = sizeof out->u;

    memset(out, 0, sizeof *out);
    if (getpeername(lws_get_socket_fd(wsi), &out->u.sa, &n))
        out->u.sa.sa_family = AF_INET;
}

static bool over_limit(const struct ws *w, struct lws *wsi)
{
    struct addr peer;
    unsigned same = 0;

    if (HASH_COUNT(w->conns) >= w->conf.max_conns)
        return true;
    peer_of(wsi, &peer);
    for (struct conn *c = w->conns; c; c = c->hh.next)
        same += addr_eq_host(&c->peer, &peer);
    return same >= w->conf.max_per_addr;
}

/* RFC 6455 4.2.2: the answer to a version that is not ours names the one that is. */
static int refuse_version(struct lws *wsi)
{
    static const char answer[] = "HTTP/1.1 426 Upgrade Required\r\nSec-WebSocket-Version: 13\r\n"
                                 "content-length: 0\r\n\r\n";
    unsigned char room[LWS_PRE + sizeof answer];

    memcpy(room + LWS_PRE, answer, sizeof answer - 1);
    lws_write(wsi, room + LWS_PRE, sizeof answer - 1, LWS_WRITE_HTTP_HEADERS);
    return -1;
}

static int refuse(struct ws *w, struct lws *wsi, unsigned status, enum ws_counter counter, const char *why)
{
    char peer[64] = "";

    count_add(&w->counts[counter], 1);
    lws_get_peer_simple(wsi, peer, sizeof peer);
    log_warn("ws", "msg=\"upgrade refused\" status=%u peer=%s why=\"%s\"", status, peer, why);
    if (status == 426)
        return refuse_version(wsi);
    return lws_return_http_status(wsi, status, NULL) < 0 ? -1 : 1;
}

static int on_upgrade(struct ws *w, struct lws *wsi)
{
    char text[64] = "";
    unsigned char key[32];

    if (w->ending)
        return -1;
    if (!origin_ok(w, wsi))
        return refuse(w, wsi, 403, WS_C_ORIGIN, "Origin");
    if (lws_hdr_copy(wsi, text, sizeof text, WSI_TOKEN_VERSION) <= 0 || strcmp(text, "13") != 0)
        return refuse(w, wsi, 426, WS_C_HANDSHAKE, "version");
    if (lws_hdr_copy(wsi, text, sizeof text, WSI_TOKEN_KEY) != 24 ||
        lws_b64_decode_string(text, (char *)key, sizeof key) != 16)
        return refuse(w, wsi, 400, WS_C_HANDSHAKE, "key");
    if (!has_protocol(wsi))
        return refuse(w, wsi, 400, WS_C_HANDSHAKE, "no subprotocol sip");
    if (over_limit(w, wsi))
        return refuse(w, wsi, 503, WS_C_LIMIT, "too many connections");
    return 0;
}

/* --- life of a connection --- */

static void next_ping(struct conn *c)
{
    lws_set_timer_usecs(c->wsi, (lws_usec_t)c->ws->conf.ping_s * LWS_USEC_PER_SEC);
}

static int on_open(struct ws *w, struct lws *wsi, struct session *s)
{
    struct conn *c = calloc(1, sizeof *c);

    if (!c)
        return -1;
    c->id = ++w->last;
    c->ws = w;
    c->wsi = wsi;
    peer_of(wsi, &c->peer);
    s->conn = c;
    HASH_ADD(hh, w->conns, id, sizeof c->id, c);
    count_add(&w->counts[WS_C_CONNS], 1);
    count_add(&w->counts[WS_C_ACCEPTED], 1);
    next_ping(c);
    w->h.opened(w->h.arg, c->id, &c->peer, lws_is_ssl(wsi));
    return 0;
}

static void on_close(struct ws *w, struct session *s)
{
    struct conn *c = s->conn;
    sip_flow id;

    if (!c)
        return;
    s->conn = NULL;
    id = c->id;
    HASH_DEL(w->conns, c);
    conn_free(c);
    count_add(&w->counts[WS_C_CONNS], -1);
    w->h.closed(w->h.arg, id);
}

static int shut(struct conn *c, unsigned code, const char *reason)
{
    lws_close_reason(c->wsi, (enum lws_close_status)code, (unsigned char *)reason, strlen(reason));
    return -1;
}

static int on_data(struct conn *c, const void *p, size_t n)
{
    struct ws *w = c->ws;
    size_t need = c->in.n + n;

    if (lws_is_first_fragment(c->wsi))
        need = n, c->in.n = 0;
    if (need > w->conf.max_msg) {
        count_add(&w->counts[WS_C_TOO_BIG], 1);
        log_warn("ws", "flow=%llu msg=\"message too big\" max=%u", (unsigned long long)c->id, w->conf.max_msg);
        return shut(c, LWS_CLOSE_STATUS_MESSAGE_TOO_LARGE, "message too big");
    }
    if (need > c->in.size) {
        char *more = realloc(c->in.p, need);

        if (!more)
            return shut(c, LWS_CLOSE_STATUS_UNEXPECTED_CONDITION, "no memory");
        c->in.p = more;
        c->in.size = need;
    }
    if (n)
        memcpy(c->in.p + c->in.n, p, n);
    c->in.n = need;
    if (!lws_is_final_fragment(c->wsi) || lws_remaining_packet_payload(c->wsi))
        return 0;
    count_add(&w->counts[WS_C_IN], 1);
    c->in.n = 0;
    if (!lws_frame_is_binary(c->wsi) && !enc_is_utf8(c->in.p, need)) /* RFC 6455 8.1 */
        return shut(c, LWS_CLOSE_STATUS_INVALID_PAYLOAD, "not UTF-8");
    w->h.message(w->h.arg, c->id, (struct sv){c->in.p, need});
    return 0;
}

static int on_writable(struct conn *c)
{
    struct out *o = c->out;
    struct ws *w = c->ws;

    if (c->ping) {
        /* With content: of an empty pong libwebsockets 4.1.6 says nothing. */
        unsigned char room[LWS_PRE + PING_LEN] = {0};

        c->ping = false;
        if (lws_write(c->wsi, room + LWS_PRE, PING_LEN, LWS_WRITE_PING) < 0)
            return -1;
    } else if (o) {
        int n = lws_write(c->wsi, o->p + LWS_PRE, o->n, o->text ? LWS_WRITE_TEXT : LWS_WRITE_BINARY);

        if (n < 0)
            return -1;
        DL_DELETE(c->out, o);
        c->queued -= o->n;
        free(o);
        count_add(&w->counts[WS_C_OUT], 1);
    }
    if (c->high && c->queued < WS_OUT_LOW) {
        c->high = false;
        w->h.drained(w->h.arg, c->id);
    }
    if (c->ping || c->out)
        lws_callback_on_writable(c->wsi);
    else if (c->close_code) /* from here libwebsockets would close without the Close frame */
        lws_set_timer_usecs(c->wsi, 1);
    return 0;
}

static int on_timer(struct conn *c)
{
    if (c->close_code && !c->out)
        return shut(c, c->close_code, c->close_reason);
    if (c->missed >= 2) {
        count_add(&c->ws->counts[WS_C_NO_PONG], 1);
        log_info("ws", "flow=%llu msg=\"no pong, closed\"", (unsigned long long)c->id);
        return shut(c, LWS_CLOSE_STATUS_POLICY_VIOLATION, "no pong");
    }
    c->missed++;
    c->ping = true;
    lws_callback_on_writable(c->wsi);
    next_ping(c);
    return 0;
}

static int callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
    struct lws_context *context = lws_get_context(wsi);
    struct ws *w = context ? lws_context_user(context) : NULL;
    struct session *s = user;
    struct conn *c = s ? s->conn : NULL;

    switch (reason) {
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
        return on_upgrade(w, wsi);
    case LWS_CALLBACK_HTTP: /* no pages here */
        return lws_return_http_status(wsi, 404, NULL) < 0 ? -1 : lws_http_transaction_completed(wsi);
    case LWS_CALLBACK_ESTABLISHED:
        return on_open(w, wsi, s);
    case LWS_CALLBACK_CLOSED:
        on_close(w, s);
        return 0;
    case LWS_CALLBACK_RECEIVE:
        return c ? on_data(c, in, len) : -1;
    case LWS_CALLBACK_RECEIVE_PONG:
        if (c)
            c->missed = 0;
        return 0;
    case LWS_CALLBACK_SERVER_WRITEABLE:
        return c ? on_writable(c) : -1;
    case LWS_CALLBACK_TIMER:
        return c ? on_timer(c) : 0;
    default:
        return lws_callback_http_dummy(wsi, reason, user, in, len);
    }
}

static const struct lws_protocols protocols[] = {
    {"sip", callback, sizeof(struct session), 16384, 0, NULL, 0},
    {NULL, NULL, 0, 0, 0, NULL, 0},
};

/* --- interface --- */

static struct conn *find(const struct ws *w, sip_flow flow)
{
    struct conn *c = NULL;

    if (w)
        HASH_FIND(hh, w->conns, &flow, sizeof flow, c);
    return c;
}

/* It does not read, so there is no point in a Close frame either. */
static void cut(struct conn *c)
{
    struct out *o, *tmp;

    count_add(&c->ws->counts[WS_C_SLOW], 1);
    log_warn("ws", "flow=%llu msg=\"does not read, cut\" queued=%zu", (unsigned long long)c->id, c->queued);
    DL_FOREACH_SAFE(c->out, o, tmp)
        free(o);
    c->out = NULL;
    c->queued = 0;
    c->close_code = LWS_CLOSE_STATUS_POLICY_VIOLATION;
    lws_rx_flow_control(c->wsi, 0);
    lws_set_timeout(c->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
}

int ws_send(struct ws *w, sip_flow flow, struct sv text)
{
    struct conn *c = find(w, flow);
    struct out *o;

    if (!c || c->close_code)
        return -ENOTCONN;
    if (c->queued + text.n > WS_OUT_MAX) {
        cut(c);
        return -ENOBUFS;
    }
    o = malloc(sizeof *o + LWS_PRE + text.n);
    if (!o)
        return -ENOMEM;
    o->n = text.n;
    o->text = enc_is_utf8(text.p, text.n);
    memcpy(o->p + LWS_PRE, text.p, text.n);
    DL_APPEND(c->out, o);
    c->queued += o->n;
    if (c->queued > WS_OUT_HIGH)
        c->high = true;
    lws_callback_on_writable(c->wsi);
    return 0;
}

size_t ws_queued(const struct ws *w, sip_flow flow)
{
    const struct conn *c = find(w, flow);

    return c ? c->queued : 0;
}

void ws_pause(struct ws *w, sip_flow flow, bool pause)
{
    struct conn *c = find(w, flow);

    if (c)
        lws_rx_flow_control(c->wsi, !pause);
}

void ws_close(struct ws *w, sip_flow flow, unsigned code, const char *reason)
{
    struct conn *c = find(w, flow);

    if (!c || c->close_code)
        return;
    c->close_code = code;
    snprintf(c->close_reason, sizeof c->close_reason, "%s", reason);
    lws_callback_on_writable(c->wsi);
}

uint16_t ws_port(const struct ws *w, unsigned listen)
{
    return listen < w->conf.n_listen ? (uint16_t)lws_get_vhost_listen_port(w->vhosts[listen]) : 0;
}

const count_t *ws_counts(const struct ws *w)
{
    return w->counts;
}

static void log_lws(int level, const char *line)
{
    struct sv text = sv_trim(sv_from(line));

    if (level & LLL_ERR)
        log_warn("lws", "msg=\"%.*s\"", SV_ARG(text));
    else
        log_debug("lws", "msg=\"%.*s\"", SV_ARG(text));
}

static int add_vhost(struct ws *w, unsigned i)
{
    const struct ws_listen *l = &w->conf.listen[i];
    struct lws_context_creation_info info = {0};
    char host[ADDR_STRLEN], name[16];

    snprintf(name, sizeof name, "w2-%u", i);
    info.vhost_name = name;
    info.port = addr_port(&l->addr);
    info.iface = addr_is_any(&l->addr) ? NULL : addr_host(&l->addr, host);
    info.protocols = protocols;
    info.keepalive_timeout = 30;
    info.timeout_secs = 20;
    info.options = LWS_SERVER_OPTION_FAIL_UPON_UNABLE_TO_BIND;
    if (!addr_is_v6(&l->addr))
        info.options |= LWS_SERVER_OPTION_DISABLE_IPV6;
    if (l->tls) {
        info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
        info.ssl_cert_filepath = w->cert;
        info.ssl_private_key_filepath = w->key;
        info.ssl_options_set = (long)(SSL_OP_NO_TLSv1 | SSL_OP_NO_TLSv1_1 | SSL_OP_NO_SSLv3);
    }
    w->vhosts[i] = lws_create_vhost(w->context, &info);
    return w->vhosts[i] ? 0 : -EADDRINUSE;
}

static int copy_conf(struct ws *w, const struct ws_conf *conf)
{
    bool tls = false;

    w->conf = *conf;
    w->origins = calloc(conf->n_origins + 1, sizeof *w->origins);
    if (!w->origins)
        return -ENOMEM;
    for (unsigned i = 0; i < conf->n_origins; i++)
        if (!(w->origins[i] = strdup(conf->origins[i])))
            return -ENOMEM;
    for (unsigned i = 0; i < conf->n_listen; i++)
        tls |= conf->listen[i].tls;
    if (!tls)
        return 0;
    if (conf->cert && *conf->cert && conf->key && *conf->key) {
        snprintf(w->cert, sizeof w->cert, "%s", conf->cert);
        snprintf(w->key, sizeof w->key, "%s", conf->key);
        return 0;
    }
    return ws_cert_make(conf->state_dir, "localhost", w->cert, w->key, sizeof w->cert);
}

int ws_new(struct ws **wp, uv_loop_t *loop, const struct ws_conf *conf, const struct ws_h *h)
{
    struct ws *w = calloc(1, sizeof *w);
    struct lws_context_creation_info info = {0};
    void *loops[1] = {loop};
    int err;

    if (!w)
        return -ENOMEM;
    w->loop = loop;
    w->h = *h;
    lws_set_log_level(LLL_ERR | LLL_WARN, log_lws);
    err = copy_conf(w, conf);
    if (err)
        goto out;
    info.options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS | LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
    info.foreign_loops = loops;
    info.user = w;
    info.pt_serv_buf_size = 16384;
    info.port = CONTEXT_PORT_NO_LISTEN;
    w->context = lws_create_context(&info);
    if (!w->context)
        err = -ENOMEM;
    for (unsigned i = 0; !err && i < conf->n_listen; i++)
        err = add_vhost(w, i);
out:
    if (err)
        ws_free(w);
    else
        *wp = w;
    return err;
}

void ws_free(struct ws *w)
{
    struct conn *c, *tmp;

    if (!w)
        return;
    w->ending = true;
    if (w->context) {
        uint64_t end = uv_hrtime() + 1000000000u;

        HASH_ITER(hh, w->conns, c, tmp)
            ws_close(w, c->id, LWS_CLOSE_STATUS_GOINGAWAY, "going away");
        while (w->conns && uv_hrtime() < end)
            uv_run(w->loop, UV_RUN_NOWAIT);
        lws_context_destroy(w->context); /* foreign loop: the first call starts, the loop ends it */
        for (int i = 0; i < 100 && uv_hrtime() < end + 200000000u; i++)
            uv_run(w->loop, UV_RUN_NOWAIT);
        lws_context_destroy(w->context);
    }
    HASH_ITER(hh, w->conns, c, tmp) {
        HASH_DEL(w->conns, c);
        conn_free(c);
    }
    for (unsigned i = 0; w->origins && i < w->conf.n_origins; i++)
        free(w->origins[i]);
    free(w->origins);
    free(w);
}
