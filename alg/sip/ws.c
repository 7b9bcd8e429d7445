#include "alg/sip/ws_conn.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "alg/sip/sip_limits.h"
#include "common/enc.h"
#include "common/log.h"

#define DESTROY_TURNS 100 /* of the loop, however long: what libwebsockets closes goes in steps, with memory freed at its last */

const struct count_def ws_counters[WS_C_N] = {
    [WS_C_CONNS] = {"alg_ws_connections", "WebSocket connections open", true},
    [WS_C_ACCEPTED] = {"alg_ws_accepted_total", "WebSocket connections opened", false},
    [WS_C_ORIGIN] = {"alg_ws_refused_origin_total", "upgrades refused with 403: Origin", false},
    [WS_C_HOST] = {"alg_ws_refused_host_total", "requests refused with 421: Host is no name of ours", false},
    [WS_C_HANDSHAKE] = {"alg_ws_refused_handshake_total", "no WebSocket upgrade: TLS failed, or answered 400, 404, 426", false},
    [WS_C_LIMIT] = {"alg_ws_refused_limit_total", "connections refused: too many", false},
    [WS_C_RATE] = {"alg_ws_refused_rate_total", "connections refused: too many new ones in a second", false},
    [WS_C_LATE] = {"alg_ws_late_total", "handshakes cut that took longer than ws_handshake", false},
    [WS_C_EVICTED] = {"alg_ws_evicted_total", "connections cut to make room: slow handshakes, and who did not register", false},
    [WS_C_FDS] = {"alg_ws_refused_descriptors_total", "connections refused: the rest of the descriptors is for others", false},
    [WS_C_TRICKLE] = {"alg_ws_trickle_total", "connections closed with 1008: a message that did not end", false},
    [WS_C_PROTOCOL] = {"alg_ws_protocol_error_total",
                       "connections closed with 1002 or 1007: frame not masked and the like", false},
    [WS_C_TOO_BIG] = {"alg_ws_too_big_total", "connections closed with 1009", false},
    [WS_C_NO_PONG] = {"alg_ws_no_pong_total", "connections closed: two pings without an answer", false},
    [WS_C_SLOW] = {"alg_ws_slow_total", "connections cut: the browser sends but does not read", false},
    [WS_C_IN] = {"alg_ws_messages_in_total", "messages from browsers", false},
    [WS_C_OUT] = {"alg_ws_messages_out_total", "messages to browsers", false},
};

static struct ws_conn *find(const struct ws *w, sip_flow flow)
{
    struct ws_conn *c = NULL;

    if (w)
        HASH_FIND(hh, w->conns, &flow, sizeof flow, c);
    return c;
}

int ws_send(struct ws *w, sip_flow flow, struct sv text)
{
    struct ws_conn *c = find(w, flow);
    int err = c ? ws_conn_send(c, enc_is_utf8(text.p, text.n) ? WS_TEXT : WS_BINARY, text) : -ENOTCONN;

    if (!err && c->queued > WS_OUT_HIGH)
        c->high = true;
    return err;
}

void ws_known(struct ws *w, sip_flow flow)
{
    const struct ws_conn *c = find(w, flow);

    if (c)
        ws_admit_known(w->admit, lws_get_socket_fd(c->wsi), net_now_ms());
}

size_t ws_queued(const struct ws *w, sip_flow flow)
{
    const struct ws_conn *c = find(w, flow);

    return c ? c->queued : 0;
}

void ws_pause(struct ws *w, sip_flow flow, bool pause)
{
    struct ws_conn *c = find(w, flow);

    if (c)
        ws_conn_pause(c, pause);
}

void ws_close(struct ws *w, sip_flow flow, unsigned code, const char *reason)
{
    struct ws_conn *c = find(w, flow);

    if (c)
        ws_conn_close(c, code, reason);
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

/* [::] takes IPv4 along, unless that has a listener of its own. */
static bool has_v4_twin(const struct ws_conf *conf, const struct ws_listen *l)
{
    for (unsigned i = 0; i < conf->n_listen; i++)
        if (!addr_is_v6(&conf->listen[i].addr) && addr_port(&conf->listen[i].addr) == addr_port(&l->addr))
            return true;
    return false;
}

static int add_vhost(struct ws *w, unsigned i)
{
    const struct ws_listen *l = &w->conf.listen[i];
    struct lws_context_creation_info info = {0};

    snprintf(w->vhost_names[i], sizeof w->vhost_names[i], "w2-%u", i);
    info.vhost_name = w->vhost_names[i];
    info.port = addr_port(&l->addr);
    for (unsigned k = 0; k < i; k++) /* libwebsockets would let them share one socket */
        if (info.port && addr_eq(&w->conf.listen[k].addr, &l->addr))
            return -EADDRINUSE;
    info.iface = addr_host(&l->addr, w->at[i]); /* of "any", too: two without one would share a socket */
    info.protocols = ws_protocols;
    info.timeout_secs = w->conf.handshake_s + 1; /* the first to look is ws_admit */
    info.listen_accept_role = "raw-skt";
    info.listen_accept_protocol = ws_protocols[0].name;
    info.alpn = "http/1.1";
    info.options = LWS_SERVER_OPTION_FAIL_UPON_UNABLE_TO_BIND | LWS_SERVER_OPTION_ADOPT_APPLY_LISTEN_ACCEPT_CONFIG;
    if (!addr_is_v6(&l->addr))
        info.options |= LWS_SERVER_OPTION_DISABLE_IPV6;
    else if (has_v4_twin(&w->conf, l))
        info.options |= LWS_SERVER_OPTION_IPV6_V6ONLY_MODIFY | LWS_SERVER_OPTION_IPV6_V6ONLY_VALUE;
    if (l->tls) {
        info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
        info.ssl_cert_filepath = w->cert;
        info.ssl_private_key_filepath = w->key;
        info.ssl_options_set = (long)(SSL_OP_NO_TLSv1 | SSL_OP_NO_TLSv1_1 | SSL_OP_NO_SSLv3);
    }
    w->vhosts[i] = lws_create_vhost(w->context, &info);
    return w->vhosts[i] ? 0 : -EADDRINUSE;
}

static void free_texts(char **texts, unsigned n)
{
    for (unsigned i = 0; texts && i < n; i++)
        free(texts[i]);
    free(texts);
}

static char **copy_texts(const char *const *from, unsigned n)
{
    char **to = calloc(n + 1, sizeof *to);

    for (unsigned i = 0; to && i < n; i++)
        if (!(to[i] = strdup(from[i]))) {
            free_texts(to, i);
            return NULL;
        }
    return to;
}

static int copy_conf(struct ws *w, const struct ws_conf *conf)
{
    bool tls = false;
    int err = 0;

    w->conf = *conf;
    if (!w->conf.handshake_s)
        w->conf.handshake_s = WS_HANDSHAKE_S;
    w->origins = copy_texts(conf->origins, conf->n_origins);
    w->hosts = copy_texts(conf->hosts, conf->n_hosts);
    w->name = conf->name ? strdup(conf->name) : NULL;
    if (!w->origins || !w->hosts || (conf->name && !w->name))
        return -ENOMEM;
    for (unsigned i = 0; i < conf->n_listen; i++)
        tls |= conf->listen[i].tls;
    if (!tls)
        return 0;
    if (conf->cert && *conf->cert && conf->key && *conf->key) {
        snprintf(w->cert, sizeof w->cert, "%s", conf->cert);
        snprintf(w->key, sizeof w->key, "%s", conf->key);
    } else {
        err = ws_cert_make(conf->state_dir, "localhost", w->cert, w->key, sizeof w->cert);
    }
    return err ? err : ws_cert_load(&w->leaf, w->cert);
}

static void on_tick(uv_timer_t *t)
{
    struct ws *w = t->data;

    ws_conn_tick(w, net_now_ms());
    if (w->unsaid)
        log_warn("ws", "msg=\"more refused or broken connections\" n=%u", w->unsaid);
    w->said = w->unsaid = 0;
}

static int start_watch(struct ws *w)
{
    const struct ws_conf *conf = &w->conf;
    const unsigned many = 1000000;
    struct rlimit files = {0};
    struct ws_admit_conf a = {.conns = conf->max_conns,
                              .shaking = WS_SHAKING_MAX,
                              .shaking_per_addr = conf->shaking_per_addr ? conf->shaking_per_addr : WS_SHAKING_MAX,
                              .rate = conf->rate ? conf->rate : many,
                              .rate_per_addr = conf->rate_per_addr ? conf->rate_per_addr : many,
                              .handshake_ms = w->conf.handshake_s * 1000,
                              .fd_max = INT_MAX};

    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < INT_MAX)
        a.fd_max = (int)files.rlim_cur - (files.rlim_cur > 4 * WS_FD_RESERVE ? WS_FD_RESERVE : (int)files.rlim_cur / 4);
    if (uv_timer_init(w->loop, &w->tick))
        return -ENOMEM;
    w->tick.data = w;
    w->ticks = true;
    uv_timer_start(&w->tick, on_tick, 1000, 1000);
    return ws_admit_new(&w->admit, &a);
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
    w->last = conf->flow_base;
    lws_set_log_level(LLL_ERR | LLL_WARN, log_lws);
    err = copy_conf(w, conf);
    if (err)
        goto out;
    err = start_watch(w);
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
    struct ws_conn *c, *tmp;

    if (!w)
        return;
    w->ending = true;
    if (w->ticks)
        uv_close((uv_handle_t *)&w->tick, NULL);
    if (w->context) {
        uint64_t end = uv_hrtime() + 1000000000u;

        HASH_ITER(hh, w->conns, c, tmp)
            ws_close(w, c->id, LWS_CLOSE_STATUS_GOINGAWAY, "going away");
        while (w->conns && uv_hrtime() < end)
            uv_run(w->loop, UV_RUN_NOWAIT);
        lws_context_destroy(w->context); /* foreign loop: the first call starts, the loop ends it */
        for (int i = 0; i < DESTROY_TURNS; i++)
            uv_run(w->loop, UV_RUN_NOWAIT);
        lws_context_destroy(w->context);
    } else if (w->ticks) {
        uv_run(w->loop, UV_RUN_NOWAIT);
    }
    HASH_ITER(hh, w->conns, c, tmp) {
        HASH_DEL(w->conns, c);
        ws_conn_free(c);
    }
    free_texts(w->origins, w->conf.n_origins);
    free_texts(w->hosts, w->conf.n_hosts);
    ws_admit_free(w->admit);
    ws_cert_free(w->leaf);
    free(w->name);
    free(w);
}
