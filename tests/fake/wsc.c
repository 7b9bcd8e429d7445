#include "tests/fake/wsc.h"

#include <errno.h>
#include <libwebsockets.h>
#include <stdio.h>
#include <stdlib.h>
#include <utlist.h>

#define IN_MAX (256u << 10)

struct out {
    struct out *prev, *next;
    size_t n;
    uint8_t p[]; /* LWS_PRE octets of room, then the text */
};

struct wsc_lib {
    struct lws_context *ctx;
    void *loops[1];
};

struct wsc {
    struct lws *wsi;
    struct wsc_h h;
    char origin[128];
    struct out *queue;
    uint8_t *in;
    size_t in_len;
    bool open, closing, vanish, dead;
};

static void gone(struct wsc *w, const char *why)
{
    struct out *o, *tmp;

    if (w->dead)
        return;
    w->dead = true;
    if (w->h.closed && !w->vanish)
        w->h.closed(w->h.arg, why);
    DL_FOREACH_SAFE(w->queue, o, tmp)
    {
        free(o);
    }
    free(w->in);
    free(w);
}

static int on_receive(struct wsc *w, struct lws *wsi, const void *p, size_t n)
{
    uint8_t *in;

    if (w->in_len + n > IN_MAX)
        return -1;
    in = realloc(w->in, w->in_len + n + 1);
    if (!in)
        return -1;
    w->in = in;
    memcpy(in + w->in_len, p, n);
    w->in_len += n;
    if (!lws_is_final_fragment(wsi) || lws_remaining_packet_payload(wsi))
        return 0;
    n = w->in_len;
    w->in_len = 0;
    if (w->h.message && !w->closing)
        w->h.message(w->h.arg, (struct sv){(char *)in, n});
    return 0;
}

static int on_writable(struct wsc *w, struct lws *wsi)
{
    struct out *o = w->queue;

    if (o) {
        DL_DELETE(w->queue, o);
        lws_write(wsi, o->p + LWS_PRE, o->n, LWS_WRITE_TEXT);
        free(o);
    }
    if (w->queue)
        lws_callback_on_writable(wsi);
    else if (w->closing) {
        lws_close_reason(wsi, LWS_CLOSE_STATUS_NORMAL, NULL, 0);
        return -1;
    }
    return 0;
}

/* libwebsockets would put a scheme of its own before the Origin. */
static int put_origin(struct wsc *w, void *in, size_t len)
{
    unsigned char **p = in;
    int n;

    if (!w->origin[0])
        return 0;
    n = snprintf((char *)*p, len, "Origin: %s\r\n", w->origin);
    if (n < 0 || (size_t)n >= len)
        return -1;
    *p += n;
    return 0;
}

static int on_lws(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
    struct wsc *w = user;

    if (!w)
        return 0;
    switch (reason) {
    case LWS_CALLBACK_CLIENT_ESTABLISHED:
        if (w->vanish)
            return -1;
        w->open = true;
        if (w->h.open)
            w->h.open(w->h.arg);
        return 0;
    case LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER:
        return put_origin(w, in, len);
    case LWS_CALLBACK_CLIENT_RECEIVE:
        return on_receive(w, wsi, in, len);
    case LWS_CALLBACK_CLIENT_WRITEABLE:
        return w->vanish ? -1 : on_writable(w, wsi);
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
        gone(w, in ? in : "connection failed");
        return 0;
    case LWS_CALLBACK_CLIENT_CLOSED:
        lws_set_wsi_user(wsi, NULL);
        gone(w, "closed");
        return 0;
    default:
        return 0;
    }
}

static const struct lws_protocols protocols[] = {{.name = "sip", .callback = on_lws, .rx_buffer_size = 65536}, {0}};

int wsc_lib_new(struct wsc_lib **lp, uv_loop_t *loop)
{
    struct wsc_lib *l = calloc(1, sizeof *l);
    struct lws_context_creation_info info = {.port = CONTEXT_PORT_NO_LISTEN,
                                             .protocols = protocols,
                                             .gid = -1,
                                             .uid = -1,
                                             .options = LWS_SERVER_OPTION_LIBUV |
                                                        LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT,
                                             .fd_limit_per_thread = 8192};

    if (!l)
        return -ENOMEM;
    lws_set_log_level(0, NULL);
    l->loops[0] = loop;
    info.foreign_loops = l->loops;
    info.pcontext = &l->ctx;
    l->ctx = lws_create_context(&info);
    if (!l->ctx) {
        free(l);
        return -EIO;
    }
    *lp = l;
    return 0;
}

void wsc_lib_free(struct wsc_lib *l)
{
    if (!l)
        return;
    lws_context_destroy(l->ctx);
    for (int i = 0; i < 10 && l->ctx; i++)
        uv_run(l->loops[0], UV_RUN_NOWAIT);
    if (l->ctx) /* foreign loop: the first call starts, the loop ends its handles, the second frees the rest */
        lws_context_destroy(l->ctx);
    free(l);
}

int wsc_new(struct wsc **wp, struct wsc_lib *l, const char *url, const char *origin, const struct wsc_h *h)
{
    struct wsc *w = calloc(1, sizeof *w);
    char copy[256], path[256] = "/";
    const char *proto, *host, *rest;
    int port;
    struct lws_client_connect_info ci = {.context = l->ctx};

    if (!w)
        return -ENOMEM;
    w->h = *h;
    snprintf(copy, sizeof copy, "%s", url);
    if (lws_parse_uri(copy, &proto, &host, &port, &rest)) {
        free(w);
        return -EINVAL;
    }
    snprintf(path + 1, sizeof path - 1, "%s", rest);
    ci.address = ci.host = host;
    ci.port = port;
    ci.path = path;
    snprintf(w->origin, sizeof w->origin, "%s", origin ? origin : "");
    ci.protocol = "sip";
    ci.local_protocol_name = "sip";
    ci.userdata = w;
    ci.pwsi = &w->wsi;
    if (!strcmp(proto, "wss") || !strcmp(proto, "https"))
        ci.ssl_connection = LCCSCF_USE_SSL | LCCSCF_ALLOW_SELFSIGNED | LCCSCF_ALLOW_INSECURE |
                            LCCSCF_SKIP_SERVER_CERT_HOSTNAME_CHECK | LCCSCF_ALLOW_EXPIRED;
    *wp = w;
    if (!lws_client_connect_via_info(&ci)) {
        *wp = NULL; /* lws already told us by CONNECTION_ERROR, which freed w */
        return -ECONNREFUSED;
    }
    return 0;
}

int wsc_send(struct wsc *w, struct sv text)
{
    struct out *o;

    if (w->closing)
        return -ENOTCONN;
    o = malloc(sizeof *o + LWS_PRE + text.n);
    if (!o)
        return -ENOMEM;
    o->n = text.n;
    memcpy(o->p + LWS_PRE, text.p, text.n);
    DL_APPEND(w->queue, o);
    lws_callback_on_writable(w->wsi);
    return 0;
}

void wsc_close(struct wsc *w)
{
    if (!w || w->closing)
        return;
    w->closing = true;
    lws_callback_on_writable(w->wsi);
}

void wsc_vanish(struct wsc *w)
{
    if (!w)
        return;
    w->vanish = w->closing = true;
    w->h.closed = NULL;
    if (!w->open) /* libwebsockets cannot time out what still connects; it is closed when it has connected */
        return;
    lws_callback_on_writable(w->wsi);
    lws_set_timeout(w->wsi, PENDING_TIMEOUT_KILLED_BY_PARENT, LWS_TO_KILL_ASYNC);
}
