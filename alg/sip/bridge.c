/* Between the WebSockets and Sofia, which has no WebSocket transport: one loopback TCP connection for each, opened when
 * the first message comes. Sofia's inner listener believes only connections whose local port is in our table. */
#include <errno.h>
#include <stdlib.h>

#include <uthash.h>

#include "alg/sip/agent.h"
#include "alg/sip/frame.h"
#include "alg/sip/mask.h"
#include "alg/sip/ws.h"
#include "common/log.h"

struct pipe { /* the loopback connection; outlives its conn until libuv is done with it */
    uv_tcp_t tcp;
    uv_connect_t connect;
    struct conn *conn; /* NULL: the WebSocket went or another pipe took over */
    uint16_t port;     /* our end */
    int fd, far;       /* in sip.fds: our end, Sofia's once it was seen; -1: not */
    tport_t *tport;    /* Sofia's end, a reference; NULL until the first message arrived there */
    bool stopped;      /* reading paused: the browser is slow */
    struct {
        char *p;
        size_t n, size;
    } in;
    UT_hash_handle hh; /* by port */
};

struct conn {
    struct bridge *b;
    sip_flow id;
    struct addr peer;
    bool tls;
    char via[8];    /* the transport token this browser uses */
    uint64_t since;
    bool named;     /* since the last bridge_close_nameless */
    struct pipe *pipe;
    UT_hash_handle hh;
};

struct bridge {
    struct sip *sip;
    struct ws *ws;
    struct addr inner;
    struct conn *conns;
    struct pipe *pipes;
    char scratch[SIP_MSG_MAX + SIP_FRAME_ROOM];
    char read[65536];
};

static struct conn *find(const struct bridge *b, sip_flow flow)
{
    struct conn *c = NULL;

    if (b)
        HASH_FIND(hh, b->conns, &flow, sizeof flow, c);
    return c;
}

/* --- the pipe --- */

static void on_pipe_closed(uv_handle_t *handle)
{
    struct pipe *p = handle->data;

    free(p->in.p);
    free(p);
}

static void pipe_close(struct bridge *b, struct pipe *p)
{
    if (!p || uv_is_closing((uv_handle_t *)&p->tcp))
        return;
    if (p->conn)
        p->conn->pipe = NULL;
    p->conn = NULL;
    if (p->port)
        HASH_DEL(b->pipes, p);
    if (p->tport)
        tport_unref(p->tport);
    p->tport = NULL;
    fds_drop(&b->sip->fds, p->fd);
    fds_drop(&b->sip->fds, p->far);
    uv_close((uv_handle_t *)&p->tcp, on_pipe_closed);
}

static void trace_w2(struct bridge *b, bool out, struct sv text)
{
    struct sv rest = text, first = sv_line(&rest);
    char title[160], *masked;

    if (!b->sip->trace || !text.n || !(masked = malloc(text.n)))
        return;
    sv_copy(first, title, sizeof title);
    memcpy(masked, text.p, text.n);
    mask_credentials(text, masked);
    trace_msg(b->sip->trace, out ? "alg" : "wic", out ? "wic" : "alg", "sip", title, (struct sv){masked, text.n}, NULL, NULL);
    free(masked);
}

static void to_browser(struct conn *c, struct sv text)
{
    struct bridge *b = c->b;
    struct buf out = buf_over(b->scratch, sizeof b->scratch);

    if (frame_out(text, c->via, &out)) {
        log_error("w2", "flow=%llu msg=\"own message does not fit\" bytes=%zu", (unsigned long long)c->id, text.n);
        return;
    }
    trace_w2(b, true, buf_sv(&out));
    ws_send(b->ws, c->id, buf_sv(&out));
}

/* Whole messages out of the stream. 0 or -errno. */
static int pipe_deliver(struct pipe *p)
{
    size_t at = 0;
    long n = 0;

    while (p->conn && at < p->in.n) {
        struct sv rest = {p->in.p + at, p->in.n - at};

        if (rest.p[0] == '\r' || rest.p[0] == '\n') {
            at++;
            continue;
        }
        n = frame_length(rest);
        if (n <= 0)
            break;
        to_browser(p->conn, (struct sv){rest.p, (size_t)n});
        at += (size_t)n;
    }
    memmove(p->in.p, p->in.p + at, p->in.n - at);
    p->in.n -= at;
    return n < 0 ? (int)n : 0;
}

static void on_alloc(uv_handle_t *handle, size_t want, uv_buf_t *out)
{
    struct pipe *p = handle->data;

    (void)want;
    *out = p->conn ? uv_buf_init(p->conn->b->read, sizeof p->conn->b->read) : uv_buf_init(NULL, 0);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *data)
{
    struct pipe *p = stream->data;
    struct conn *c = p->conn;

    if (!c || n == 0)
        return;
    if (n < 0) { /* Sofia closed it: the next message opens another */
        pipe_close(c->b, p);
        return;
    }
    if (p->in.n + (size_t)n > p->in.size) {
        size_t size = p->in.n + (size_t)n;
        char *more = realloc(p->in.p, size);

        if (!more) {
            pipe_close(c->b, p);
            return;
        }
        p->in.p = more;
        p->in.size = size;
    }
    memcpy(p->in.p + p->in.n, data->base, (size_t)n);
    p->in.n += (size_t)n;
    if (pipe_deliver(p))
        pipe_close(c->b, p);
    else if (ws_queued(c->b->ws, c->id) > WS_OUT_HIGH) {
        p->stopped = true;
        uv_read_stop(stream);
    }
}

static void on_connected(uv_connect_t *req, int status)
{
    struct pipe *p = req->data;

    if (!p->conn)
        return;
    if (status || uv_read_start((uv_stream_t *)&p->tcp, on_alloc, on_read)) {
        log_error("w2", "msg=\"inner connection failed\" err=%d", status);
        pipe_close(p->conn->b, p);
    }
}

static uint16_t local_port(const uv_tcp_t *tcp)
{
    struct addr a = {0};
    int n = sizeof a.u;

    return uv_tcp_getsockname(tcp, &a.u.sa, &n) ? 0 : addr_port(&a);
}

static struct pipe *pipe_open(struct conn *c)
{
    struct bridge *b = c->b;
    struct pipe *p = calloc(1, sizeof *p);

    if (!p || uv_tcp_init(b->sip->loop, &p->tcp)) {
        free(p);
        return NULL;
    }
    p->tcp.data = p;
    p->connect.data = p;
    p->conn = c;
    p->fd = p->far = -1;
    c->pipe = p;
    if (uv_tcp_connect(&p->connect, &p->tcp, &b->inner.u.sa, on_connected) || !(p->port = local_port(&p->tcp))) {
        pipe_close(b, p);
        return NULL;
    }
    uv_tcp_nodelay(&p->tcp, 1);
    if (!uv_fileno((uv_handle_t *)&p->tcp, &p->fd))
        fds_put(&b->sip->fds, p->fd);
    HASH_ADD(hh, b->pipes, port, sizeof p->port, p);
    return p;
}

struct out {
    uv_write_t req;
    char p[];
};

static void on_written(uv_write_t *req, int status)
{
    struct pipe *p = req->handle->data;

    (void)status;
    free(req);
    if (p->conn && uv_stream_get_write_queue_size((uv_stream_t *)&p->tcp) == 0)
        ws_pause(p->conn->b->ws, p->conn->id, false);
}

static int pipe_write(struct conn *c, struct sv text)
{
    struct pipe *p = c->pipe ? c->pipe : pipe_open(c);
    struct out *o = p ? malloc(sizeof *o + text.n) : NULL;
    uv_buf_t data;

    if (!o)
        return -ENOMEM;
    memcpy(o->p, text.p, text.n);
    data = uv_buf_init(o->p, (unsigned)text.n);
    if (uv_write(&o->req, (uv_stream_t *)&p->tcp, &data, 1, on_written)) {
        free(o);
        return -EPIPE;
    }
    if (uv_stream_get_write_queue_size((uv_stream_t *)&p->tcp) > WS_IN_HIGH)
        ws_pause(c->b->ws, c->id, true);
    return 0;
}

/* --- from the browser --- */

/* Sofia's own parser as the judge: what it could not take would cost the whole inner connection. */
static const char *judge(const char *p, size_t n)
{
    msg_t *msg = msg_make(sip_default_mclass(), 0, p, (ssize_t)n);
    sip_t *sip = msg ? sip_object(msg) : NULL;
    const char *why = NULL;

    if (!sip || (sip->sip_flags & MSG_FLG_ERROR))
        why = "cannot be parsed";
    else if (sip->sip_error)
        why = "bad header";
    else if (sip_sanity_check(sip) < 0)
        why = "mandatory header missing or contradictory";
    if (msg)
        msg_destroy(msg);
    return why;
}

static void refuse(struct conn *c, struct sv text, int status, const char *why)
{
    struct bridge *b = c->b;
    struct buf out = buf_over(b->scratch, sizeof b->scratch);
    struct sv rest = text, first = sv_line(&rest);
    bool answer = frame_reply(text, status, msg_phrase(status), &out) == 0;

    count_add(&b->sip->counts[SIP_C_W2_BAD], 1);
    log_warn("w2", "flow=%llu msg=\"malformed SIP\" why=\"%s\" first=\"%.*s\" answer=%d", (unsigned long long)c->id, why,
             (int)(first.n < 80 ? first.n : 80), first.p ? first.p : "", answer ? status : 0);
    if (!answer)
        return;
    trace_w2(b, true, buf_sv(&out));
    ws_send(b->ws, c->id, buf_sv(&out));
}

static void on_message(void *arg, sip_flow flow, struct sv text)
{
    struct bridge *b = arg;
    struct conn *c = find(b, flow);
    struct buf out = buf_over(b->scratch, sizeof b->scratch);
    struct frame_info info;
    const char *why;

    if (!c)
        return;
    if (!sv_trim(text).n) { /* RFC 5626 3.5.1: a ping is CRLF CRLF, a pong CRLF */
        if (text.n >= 4)
            ws_send(b->ws, flow, SV("\r\n"));
        return;
    }
    trace_w2(b, false, text);
    if (frame_in(text, &info, &out)) {
        refuse(c, text, info.status, info.why ? info.why : "too big");
        return;
    }
    why = frame_mend(b->scratch, out.len);
    if (!why)
        why = judge(b->scratch, out.len);
    if (why) {
        refuse(c, text, 400, why);
        return;
    }
    if (info.request)
        sv_copy(sv_from(info.via), c->via, sizeof c->via);
    if (pipe_write(c, buf_sv(&out)))
        bridge_close(b, flow, 1011, "no inner connection");
}

static void on_opened(void *arg, sip_flow flow, const struct addr *peer, bool tls)
{
    struct bridge *b = arg;
    struct conn *c = calloc(1, sizeof *c);

    if (!c) {
        ws_close(b->ws, flow, 1011, "no memory");
        return;
    }
    c->b = b;
    c->id = flow;
    c->peer = *peer;
    c->tls = tls;
    c->since = net_now_ms();
    sv_copy(tls ? SV("WSS") : SV("WS"), c->via, sizeof c->via);
    HASH_ADD(hh, b->conns, id, sizeof c->id, c);
}

static void on_closed(void *arg, sip_flow flow)
{
    struct bridge *b = arg;
    struct sip *s = b->sip;
    struct conn *c = find(b, flow);

    if (!c)
        return;
    HASH_DEL(b->conns, c);
    pipe_close(b, c->pipe);
    free(c);
    if (s->reg)
        reg_flow_closed(s->reg, flow);
    if (s->h.flow_closed)
        s->h.flow_closed(s->h.arg, flow);
}

static void on_drained(void *arg, sip_flow flow)
{
    struct conn *c = find(arg, flow);

    if (!c || !c->pipe || !c->pipe->stopped)
        return;
    c->pipe->stopped = false;
    uv_read_start((uv_stream_t *)&c->pipe->tcp, on_alloc, on_read);
}

/* --- for the rest of the folder --- */

sip_flow bridge_flow(struct bridge *b, nta_incoming_t *irq, const tport_t *tp)
{
    tport_t *taken = tp ? NULL : nta_incoming_transport(b->sip->agents[SIP_W2].nta, irq, NULL);
    const tport_t *use = tp ? tp : taken;
    uint16_t port = use ? (uint16_t)atoi(tport_name(use)->tpn_port) : 0;
    struct pipe *p = NULL;
    sip_flow flow = 0;

    HASH_FIND(hh, b->pipes, &port, sizeof port, p);
    if (p && p->conn) {
        flow = p->conn->id;
        if (!p->tport && taken)
            p->tport = tport_ref(taken);
    } else if (taken) {
        count_add(&b->sip->counts[SIP_C_FOREIGN], 1);
        log_warn("w2", "msg=\"inner listener: not one of ours, closed\" port=%u", port);
        tport_shutdown(taken, 2);
    }
    if (taken)
        tport_unref(taken);
    return flow;
}

void bridge_inner(struct bridge *b, int fd, const struct addr *own)
{
    struct pipe *p = NULL;
    struct addr peer = {0};
    socklen_t n = sizeof peer.u;
    uint16_t port;

    if (!b || !addr_eq(own, &b->inner) || getpeername(fd, &peer.u.sa, &n))
        return;
    port = addr_port(&peer);
    HASH_FIND(hh, b->pipes, &port, sizeof port, p);
    if (!p || p->far >= 0)
        return;
    p->far = fd;
    fds_put(&b->sip->fds, fd);
}

tport_t *bridge_tport(struct bridge *b, sip_flow flow)
{
    struct conn *c = find(b, flow);

    return c && c->pipe ? c->pipe->tport : NULL;
}

void bridge_close(struct bridge *b, sip_flow flow, unsigned code, const char *reason)
{
    ws_close(b->ws, flow, code, reason);
}

bool bridge_is_open(const struct bridge *b, sip_flow flow)
{
    return find(b, flow);
}

bool bridge_peer(struct bridge *b, sip_flow flow, struct addr *peer, bool *tls)
{
    struct conn *c = find(b, flow);

    if (!c)
        return false;
    *peer = c->peer;
    *tls = c->tls;
    return true;
}

void bridge_name(struct bridge *b, sip_flow flow)
{
    struct conn *c = find(b, flow);

    if (!c)
        return;
    c->named = true;
    ws_known(b->ws, flow);
}

void bridge_close_nameless(struct bridge *b, uint64_t age_ms)
{
    uint64_t now = net_now_ms();
    struct conn *c, *tmp;

    HASH_ITER(hh, b->conns, c, tmp) {
        if (!c->named && now - c->since > age_ms)
            bridge_close(b, c->id, 1008, "no registration");
        c->named = false;
    }
}

const struct ws *bridge_ws(const struct bridge *b)
{
    return b->ws;
}

int bridge_start(struct bridge *b, uint16_t port)
{
    return addr_parse(&b->inner, SV("127.0.0.1"), port);
}

static bool on_page(void *arg, const struct ws_request *r, const struct ws_asker *who, struct buf *out)
{
    struct bridge *b = arg;

    return b->sip->reg && wturn_page(b->sip->reg, r, who, out);
}

int bridge_new(struct bridge **bp, struct sip *s, const struct ws_conf *conf)
{
    struct bridge *b = calloc(1, sizeof *b);
    struct ws_conf mine = *conf;
    struct ws_h h = {on_opened, on_message, on_closed, on_drained, on_page, b};
    int err;

    if (!b)
        return -ENOMEM;
    b->sip = s;
    mine.fds = &s->fds;
    err = ws_new(&b->ws, s->loop, &mine, &h);
    if (err)
        free(b);
    else
        *bp = b;
    return err;
}

void bridge_free(struct bridge *b)
{
    struct conn *c, *tmp;

    if (!b)
        return;
    ws_free(b->ws);
    b->ws = NULL;
    HASH_ITER(hh, b->conns, c, tmp) {
        HASH_DEL(b->conns, c);
        pipe_close(b, c->pipe);
        free(c);
    }
    for (int i = 0; i < 10; i++)
        uv_run(b->sip->loop, UV_RUN_NOWAIT);
    free(b);
}
