/* The page and an HTTP API for people and tests, by libmicrohttpd on the lab's loop.
 *   GET  /                 the phone page        GET /config.json   where the WebSocket is
 *   GET  /api/messages     what was delivered    GET /api/calls     calls now
 *   GET  /api/binding?user=alice        Contact and Path of a registered user
 *   POST /api/call?to=alice[&media=audio,video,message][&text=hi]         POST /api/hangup[?id=N]
 *   POST /api/send?text=hi[&id=N]       POST /api/file?size=N[&id=N]
 *   POST /api/reinvite?add=1|0[&kind=audio|video|message][&id=N]
 *   POST /api/hold?dir=sendonly|inactive|sendrecv[&id=N] */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <utlist.h>

#include "common/enc.h"
#include "tests/lab/far.h"

#define TICK_MS 250
#define FILE_MAX (64u << 20)
#define SHOWN_MAX 2000 /* octets of a body shown in /api/messages */

struct far_web {
    struct far *far;
    struct MHD_Daemon *daemon;
    uv_poll_t poll;
    uv_timer_t tick;
    json_t *log;
};

static enum MHD_Result reply_text(struct MHD_Connection *con, unsigned status, const char *type,
                                  const char *text, size_t n)
{
    struct MHD_Response *r =
        MHD_create_response_from_buffer(n, (void *)text, MHD_RESPMEM_MUST_COPY);
    enum MHD_Result ret;

    MHD_add_response_header(r, "Content-Type", type);
    MHD_add_response_header(r, "Cache-Control", "no-store");
    ret = MHD_queue_response(con, status, r);
    MHD_destroy_response(r);
    return ret;
}

static enum MHD_Result reply_json(struct MHD_Connection *con, unsigned status, json_t *j)
{
    char *text = json_dumps(j, JSON_COMPACT);
    enum MHD_Result ret = reply_text(con, status, "application/json", text ? text : "", text ? strlen(text) : 0);

    free(text);
    json_decref(j);
    return ret;
}

static enum MHD_Result reply_file(struct MHD_Connection *con, const char *path, const char *type)
{
    struct stat st;
    struct MHD_Response *r;
    enum MHD_Result ret;
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;

    if (fd < 0 || fstat(fd, &st)) {
        if (fd >= 0)
            close(fd);
        return reply_text(con, 404, "text/plain", "not found\n", 10);
    }
    r = MHD_create_response_from_fd((size_t)st.st_size, fd);
    MHD_add_response_header(r, "Content-Type", type);
    ret = MHD_queue_response(con, 200, r);
    MHD_destroy_response(r);
    return ret;
}

static json_t *media_json(const struct far_call *c)
{
    json_t *j = json_array();

    for (unsigned i = 0; i < c->n_sessions; i++) {
        struct far_rtp_counts n;

        if (!c->sessions[i].rtp)
            continue;
        n = far_rtp_counts(c->sessions[i].rtp);
        json_array_append_new(j, json_pack("{s:s,s:I,s:I,s:I,s:I}", "kind",
                                           c->sessions[i].kind == FAR_AUDIO ? "audio" : "video", "rtp",
                                           (json_int_t)n.rtp, "rtcp", (json_int_t)n.rtcp, "octets",
                                           (json_int_t)n.octets, "strangers", (json_int_t)n.strangers));
    }
    return j;
}

static json_t *binding_json(struct far *f, const char *user)
{
    const char *contact, *path;

    if (!user || far_reg_find(f, user, &contact, &path))
        return json_object();
    return json_pack("{s:s,s:s}", "contact", contact, "path", path);
}

static enum MHD_Result get(struct far *f, struct MHD_Connection *con, const char *url)
{
    char path[512];
    struct far_call *c;
    json_t *j;

    if (!strcmp(url, "/api/binding"))
        return reply_json(con, 200,
                          binding_json(f, MHD_lookup_connection_value(con, MHD_GET_ARGUMENT_KIND, "user")));
    if (!strcmp(url, "/api/messages"))
        return reply_json(con, 200, json_incref(f->web->log));
    if (!strcmp(url, "/api/calls")) {
        j = json_array();
        DL_FOREACH(f->calls, c)
        {
            json_array_append_new(j, json_pack("{s:i,s:s,s:s,s:b,s:i,s:o}", "id", (int)c->id, "user",
                                               c->user, "peer", c->peer, "established",
                                               c->established, "messages", (int)c->n_messages,
                                               "media", media_json(c)));
        }
        return reply_json(con, 200, j);
    }
    if (!strcmp(url, "/config.json") && f->conf.config)
        return reply_file(con, f->conf.config, "application/json");
    if (!strcmp(url, "/config.json"))
        return reply_json(con, 200, json_pack("{s:s,s:s}", "ws", f->conf.ws_url, "domain", f->conf.domain));
    if (!strcmp(url, "/jssip.js"))
        return reply_file(con, f->conf.jssip, "text/javascript");
    if (f->conf.page_dir && (!strcmp(url, "/") || !strcmp(url, "/phone.js") || !strcmp(url, "/net.js"))) {
        snprintf(path, sizeof path, "%s/%s", f->conf.page_dir, url[1] ? url + 1 : "index.html");
        return reply_file(con, path, url[1] ? "text/javascript" : "text/html; charset=utf-8");
    }
    return reply_text(con, 404, "text/plain", "not found\n", 10);
}

static int send_file(struct far *f, unsigned id, size_t n)
{
    uint8_t *p = n <= FILE_MAX ? malloc(n + 1) : NULL;
    int err;

    if (!p)
        return -EFBIG;
    for (size_t i = 0; i < n; i++) /* reproducible: a test can compute it again */
        p[i] = (uint8_t)(i * 31 + (i >> 8));
    err = far_call_send(f, id, "application/octet-stream", p, n);
    free(p);
    return err;
}

static enum MHD_Result post(struct far *f, struct MHD_Connection *con, const char *url)
{
    const char *to = MHD_lookup_connection_value(con, MHD_GET_ARGUMENT_KIND, "to");
    const char *text = MHD_lookup_connection_value(con, MHD_GET_ARGUMENT_KIND, "text");
    const char *id = MHD_lookup_connection_value(con, MHD_GET_ARGUMENT_KIND, "id");
    const char *size = MHD_lookup_connection_value(con, MHD_GET_ARGUMENT_KIND, "size");
    const char *add = MHD_lookup_connection_value(con, MHD_GET_ARGUMENT_KIND, "add");
    const char *media = MHD_lookup_connection_value(con, MHD_GET_ARGUMENT_KIND, "media");
    const char *kind = MHD_lookup_connection_value(con, MHD_GET_ARGUMENT_KIND, "kind");
    const char *dir = MHD_lookup_connection_value(con, MHD_GET_ARGUMENT_KIND, "dir");
    unsigned n = id ? (unsigned)strtoul(id, NULL, 10) : 0;
    int err = -ENOSYS;

    if (!strcmp(url, "/api/call") && to)
        err = far_call_out(f, to, media ? media : "message", text);
    else if (!strcmp(url, "/api/hangup"))
        err = far_call_hangup(f, n);
    else if (!strcmp(url, "/api/send") && text)
        err = far_call_send(f, n, "text/plain", text, strlen(text));
    else if (!strcmp(url, "/api/file") && size)
        err = send_file(f, n, strtoul(size, NULL, 10));
    else if (!strcmp(url, "/api/reinvite"))
        err = far_call_reinvite(f, n, !kind || !strcmp(kind, "message") ? FAR_MSRP : !strcmp(kind, "audio") ? FAR_AUDIO : FAR_VIDEO,
                                !add || strcmp(add, "0"));
    else if (!strcmp(url, "/api/hold") && dir)
        err = far_call_hold(f, n, !strcmp(dir, "sendonly") ? SDP_SENDONLY : !strcmp(dir, "inactive") ? SDP_INACTIVE : SDP_SENDRECV);
    return reply_json(con, err ? 409 : 200, json_pack("{s:s}", "result", err ? strerror(-err) : "ok"));
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *con, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_size, void **state)
{
    (void)version;
    (void)upload;
    if (!*state) { /* first call: headers only */
        *state = arg;
        return MHD_YES;
    }
    *upload_size = 0;
    if (!strcmp(method, "GET"))
        return get(arg, con, url);
    if (!strcmp(method, "POST"))
        return post(arg, con, url);
    return reply_text(con, 405, "text/plain", "GET or POST\n", 12);
}

static void on_tick(uv_timer_t *t);

/* libmicrohttpd says when it wants to run again: at once while a large answer is under way. */
static void serve(struct far_web *w)
{
    MHD_UNSIGNED_LONG_LONG ms = TICK_MS;

    MHD_run(w->daemon);
    if (MHD_get_timeout(w->daemon, &ms) != MHD_YES || ms > TICK_MS)
        ms = TICK_MS;
    uv_timer_start(&w->tick, on_tick, ms, 0);
}

static void on_poll(uv_poll_t *p, int status, int events)
{
    (void)status;
    (void)events;
    serve(p->data);
}

static void on_tick(uv_timer_t *t)
{
    serve(t->data);
}

int far_web_new(struct far *f)
{
    struct far_web *w = calloc(1, sizeof *w);
    const union MHD_DaemonInfo *info;
    struct addr a;

    if (!w)
        return -ENOMEM;
    f->web = w;
    w->far = f;
    w->log = json_array();
    uv_timer_init(&f->loop, &w->tick);
    w->tick.data = w->poll.data = w;
    if (addr_parse(&a, sv_from(f->conf.host), f->conf.web_port))
        return -EINVAL;
    w->daemon = MHD_start_daemon(MHD_USE_EPOLL, f->conf.web_port, NULL, NULL, on_request, f,
                                 MHD_OPTION_SOCK_ADDR, &a.u.sa, MHD_OPTION_CONNECTION_TIMEOUT, 30u,
                                 MHD_OPTION_END);
    if (!w->daemon)
        return -EADDRINUSE;
    info = MHD_get_daemon_info(w->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    uv_poll_init(&f->loop, &w->poll, info->epoll_fd);
    uv_poll_start(&w->poll, UV_READABLE, on_poll);
    uv_timer_start(&w->tick, on_tick, TICK_MS, 0);
    return 0;
}

static void on_closed(uv_handle_t *h)
{
    struct far_web *w = h->data;

    if (h == (uv_handle_t *)&w->poll) {
        MHD_stop_daemon(w->daemon);
        uv_close((uv_handle_t *)&w->tick, on_closed);
        return;
    }
    json_decref(w->log);
    free(w);
}

void far_web_free(struct far *f)
{
    struct far_web *w = f->web;

    if (!w)
        return;
    f->web = NULL;
    uv_close(w->daemon ? (uv_handle_t *)&w->poll : (uv_handle_t *)&w->tick, on_closed);
}

void far_web_note(struct far *f, unsigned call, const char *dir, struct sv ctype, struct sv body)
{
    bool text = body.n <= SHOWN_MAX && enc_is_utf8(body.p, body.n);
    uint32_t sum = 0;
    char type[128];

    if (!f->web)
        return;
    for (size_t i = 0; i < body.n; i++)
        sum = sum * 31 + (uint8_t)body.p[i];
    sv_copy(ctype, type, sizeof type);
    if (json_array_size(f->web->log) >= FAR_LOG_MAX)
        json_array_remove(f->web->log, 0);
    json_array_append_new(f->web->log,
                          json_pack("{s:i,s:s,s:s,s:I,s:I,s:s%}", "call", (int)call, "dir", dir,
                                    "type", type, "size", (json_int_t)body.n, "sum", (json_int_t)sum,
                                    "text", text ? body.p : "", text ? body.n : (size_t)0));
    if (text)
        printf("far end: delivered: %.*s\n", SV_ARG(body));
    else
        printf("far end: delivered: %s, %zu octets\n", type, body.n);
    fflush(stdout);
}
