#include "common/ops.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/log.h"

#define AREA                     "ops"
#define CONNECTIONS_MAX          32
#define CONNECTIONS_PER_HOST_MAX 16
#define IDLE_SECONDS             10
#define REQUEST_MEMORY           8192 /* request line and headers of one connection */
#define ANSWER_MAX               65536
#define LISTEN_BACKLOG           16

struct ops {
    struct ops_h h;
    struct MHD_Daemon *daemon;
    uv_poll_t poll;
    uv_timer_t timer;
    unsigned open; /* handles still to close before the memory goes */
};

static enum MHD_Result answer(struct MHD_Connection *c, unsigned status, const char *type,
                              struct sv body)
{
    struct MHD_Response *r;
    enum MHD_Result res = MHD_NO;

    r = MHD_create_response_from_buffer(body.n, (void *)body.p, MHD_RESPMEM_MUST_COPY);
    if (!r)
        return MHD_NO;
    if (MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, type) == MHD_YES)
        res = MHD_queue_response(c, status, r);
    MHD_destroy_response(r);
    return res;
}

static enum MHD_Result answer_health(struct ops *o, struct MHD_Connection *c)
{
    char text[512];
    struct buf why = buf_over(text, sizeof text);

    if (o->h.health(o->h.arg, &why))
        return answer(c, MHD_HTTP_OK, "text/plain", SV("ok\n"));
    return answer(c, MHD_HTTP_SERVICE_UNAVAILABLE, "text/plain", buf_sv(&why));
}

static enum MHD_Result answer_metrics(struct ops *o, struct MHD_Connection *c)
{
    struct buf out = buf_over(malloc(ANSWER_MAX), ANSWER_MAX);
    enum MHD_Result res;

    if (!out.p)
        return MHD_NO;
    o->h.metrics(o->h.arg, &out);
    if (out.overflow)
        res = answer(c, MHD_HTTP_INTERNAL_SERVER_ERROR, "text/plain", SV("too many metrics\n"));
    else
        res = answer(c, MHD_HTTP_OK, "text/plain; version=0.0.4", buf_sv(&out));
    free(out.p);
    return res;
}

/* A browser says the name that it was given: an address or localhost is no attacker's. */
static bool host_ok(const struct ops *o, struct MHD_Connection *c)
{
    const char *text = MHD_lookup_connection_value(c, MHD_HEADER_KIND, MHD_HTTP_HEADER_HOST);
    struct sv host = sv_from(text);
    struct addr a;

    if (!text || addr_parse_hostport(&a, host, 0) == 0) /* HTTP/1.0: no browser */
        return true;
    host = sv_cut(&host, ':');
    for (unsigned i = 0; i < o->h.n_hosts; i++) {
        if (sv_iis(host, o->h.hosts[i]))
            return true;
    }
    return sv_iis(host, "localhost");
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *c, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_size, void **state)
{
    struct ops *o = arg;

    (void)version;
    (void)upload;
    if (!*state) { /* first call: headers only; answering now would reset a client that still sends
                    */
        *state = o;
        return MHD_YES;
    }
    if (*upload_size > 0) {
        *upload_size = 0;
        return MHD_YES;
    }
    if (!host_ok(o, c)) {
        log_warn(AREA, "msg=\"refused\" status=421 why=\"Host is no name of ours\"");
        return answer(c, MHD_HTTP_MISDIRECTED_REQUEST, "text/plain", SV("not here\n"));
    }
    if (strcmp(method, MHD_HTTP_METHOD_GET) && strcmp(method, MHD_HTTP_METHOD_HEAD))
        return answer(c, MHD_HTTP_METHOD_NOT_ALLOWED, "text/plain", SV("only GET\n"));
    if (strcmp(url, "/health") == 0)
        return answer_health(o, c);
    if (strcmp(url, "/metrics") == 0)
        return answer_metrics(o, c);
    return answer(c, MHD_HTTP_NOT_FOUND, "text/plain", SV("/health or /metrics\n"));
}

static void on_timer(uv_timer_t *t);

/* Lets the daemon work and asks it when it wants to run without any traffic (idle connections). */
static void run(struct ops *o)
{
    MHD_UNSIGNED_LONG_LONG ms;

    MHD_run(o->daemon);
    if (MHD_get_timeout(o->daemon, &ms) == MHD_YES)
        uv_timer_start(&o->timer, on_timer, ms, 0);
    else
        uv_timer_stop(&o->timer);
}

static void on_timer(uv_timer_t *t)
{
    run(t->data);
}

static void on_poll(uv_poll_t *p, int status, int events)
{
    (void)status;
    (void)events;
    run(p->data);
}

static void on_closed(uv_handle_t *h)
{
    struct ops *o = h->data;

    if (--o->open == 0)
        free(o);
}

static int daemon_start(struct ops *o, const struct addr *to)
{
    struct addr local = *to;
    char text[ADDR_STRLEN];
    int fd;

    fd = net_tcp_listen(&local, LISTEN_BACKLOG);
    if (fd < 0)
        return fd;
    o->daemon = MHD_start_daemon(
        MHD_USE_EPOLL, 0, NULL, NULL, on_request, o, MHD_OPTION_LISTEN_SOCKET, fd,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
        (unsigned)CONNECTIONS_PER_HOST_MAX, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_SECONDS,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)REQUEST_MEMORY, MHD_OPTION_END);
    if (!o->daemon) {
        close(fd);
        return -EIO;
    }
    log_info(AREA, "listen=%s msg=\"health and metrics\"", addr_str(&local, text));
    return 0;
}

int ops_new(struct ops **op, uv_loop_t *loop, const struct addr *listen_to, const struct ops_h *h)
{
    const union MHD_DaemonInfo *info;
    struct ops *o = calloc(1, sizeof *o);
    int err;

    if (!o)
        return -ENOMEM;
    o->h = *h;
    err = daemon_start(o, listen_to);
    if (err)
        goto out;
    info = MHD_get_daemon_info(o->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    err = info ? uv_poll_init(loop, &o->poll, info->epoll_fd) : -EIO;
    if (err)
        goto out;
    o->poll.data = o;
    o->open = 1;
    err = uv_timer_init(loop, &o->timer);
    if (err)
        goto out;
    o->timer.data = o;
    o->open = 2;
    err = uv_poll_start(&o->poll, UV_READABLE, on_poll);
out:
    if (err)
        ops_free(o);
    else
        *op = o;
    return err;
}

void ops_free(struct ops *o)
{
    unsigned open;

    if (!o)
        return;
    open = o->open;
    if (open > 0)
        uv_close((uv_handle_t *)&o->poll, on_closed); /* before its epoll fd goes with the daemon */
    if (open > 1)
        uv_close((uv_handle_t *)&o->timer, on_closed);
    if (o->daemon)
        MHD_stop_daemon(o->daemon);
    o->daemon = NULL;
    if (open == 0)
        free(o);
}
