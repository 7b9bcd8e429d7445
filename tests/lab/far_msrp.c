#include "tests/lab/far_msrp.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/rnd.h"

#define CHUNK_MAX (4u << 20)    /* octets of one chunk with its headers */
#define MESSAGE_MAX (64u << 20) /* octets of a message put together */
#define CHUNK_DEFAULT 2048      /* RFC 4975 5.1 */
#define HEAD_MAX 2048

struct far_msrp {
    uv_loop_t *loop;
    struct far_msrp_h h;
    char id[17], path[128], remote_path[512];
    uint16_t port;
    uv_tcp_t listener, conn;
    uv_connect_t connecting;
    int n_handles; /* open libuv handles: memory goes with the last */
    bool active, started, up, closing, dropping;
    uint8_t *in;
    size_t in_len, in_size;
    uint8_t *body; /* the message being put together */
    size_t body_len, body_size;
    char msgid[64];
    struct out *queue, *queue_end; /* bytes that wait for the connection */
};

struct out {
    uv_write_t req;
    struct far_msrp *m;
    struct out *next;
    size_t n;
    char p[];
};

struct chunk { /* one parsed message */
    struct sv tid, method; /* "SEND", "REPORT" or "200" ... */
    struct sv msgid, ctype, range, from_path, body;
    char flag; /* $ + # */
    bool success_report;
};

static void on_written(uv_write_t *w, int status)
{
    (void)status;
    free(w->data);
}

static void out_flush(struct far_msrp *m)
{
    while (m->up && m->queue) {
        struct out *o = m->queue;
        uv_buf_t b = uv_buf_init(o->p, o->n);

        m->queue = o->next;
        o->req.data = o;
        if (uv_write(&o->req, (uv_stream_t *)&m->conn, &b, 1, on_written))
            free(o);
    }
}

static int out_put(struct far_msrp *m, struct sv head, struct sv body, struct sv tail)
{
    struct out *o = malloc(sizeof *o + head.n + body.n + tail.n);

    if (!o)
        return -ENOMEM;
    o->m = m;
    o->next = NULL;
    o->n = head.n + body.n + tail.n;
    memcpy(o->p, head.p, head.n);
    if (body.n)
        memcpy(o->p + head.n, body.p, body.n);
    if (tail.n)
        memcpy(o->p + head.n + body.n, tail.p, tail.n);
    if (m->queue)
        m->queue_end->next = o;
    else
        m->queue = o;
    m->queue_end = o;
    out_flush(m);
    return 0;
}

static int answer(struct far_msrp *m, const struct chunk *c, int status, const char *text)
{
    char head[HEAD_MAX];
    struct buf b = buf_over(head, sizeof head);

    buf_printf(&b, "MSRP %.*s %d %s\r\nTo-Path: %.*s\r\nFrom-Path: %s\r\n-------%.*s$\r\n",
               SV_ARG(c->tid), status, text, SV_ARG(c->from_path), m->path, SV_ARG(c->tid));
    return buf_err(&b) ? buf_err(&b) : out_put(m, buf_sv(&b), SV_NONE, SV_NONE);
}

static int report(struct far_msrp *m, const struct chunk *c, size_t total)
{
    char head[HEAD_MAX], tid[13];
    struct buf b = buf_over(head, sizeof head);

    rnd_text(tid, 12);
    buf_printf(&b,
               "MSRP %s REPORT\r\nTo-Path: %.*s\r\nFrom-Path: %s\r\nMessage-ID: %.*s\r\n"
               "Byte-Range: 1-%zu/%zu\r\nStatus: 000 200 OK\r\n-------%s$\r\n",
               tid, SV_ARG(c->from_path), m->path, SV_ARG(c->msgid), total, total, tid);
    return buf_err(&b) ? buf_err(&b) : out_put(m, buf_sv(&b), SV_NONE, SV_NONE);
}

static int send_chunk(struct far_msrp *m, const char *msgid, const char *ctype, struct sv all,
                      size_t from, size_t n)
{
    char head[HEAD_MAX], tail[64], tid[13];
    struct buf b = buf_over(head, sizeof head), t = buf_over(tail, sizeof tail);
    bool last = from + n == all.n;

    rnd_text(tid, 12);
    buf_printf(&b, "MSRP %s SEND\r\nTo-Path: %s\r\nFrom-Path: %s\r\nMessage-ID: %s\r\n", tid,
               m->remote_path, m->path, msgid);
    if (all.n) {
        buf_printf(&b, "Byte-Range: %zu-%zu/%zu\r\nContent-Type: %s\r\n\r\n", from + 1, from + n,
                   all.n, ctype);
        buf_str(&t, "\r\n");
    } else {
        buf_str(&b, "Byte-Range: 1-0/0\r\n");
    }
    buf_printf(&t, "-------%s%c\r\n", tid, last ? '$' : '+');
    if (buf_err(&b))
        return buf_err(&b);
    return out_put(m, buf_sv(&b), (struct sv){all.p + from, n}, buf_sv(&t));
}

int far_msrp_send(struct far_msrp *m, const char *ctype, const void *body, size_t n, size_t chunk)
{
    struct sv all = {n ? body : "", n};
    size_t from = 0;
    char msgid[17];
    int err;

    if (!chunk)
        chunk = CHUNK_DEFAULT;
    rnd_text(msgid, 16);
    do {
        size_t take = n - from < chunk ? n - from : chunk;

        err = send_chunk(m, msgid, ctype, all, from, take);
        from += take;
    } while (!err && from < n);
    return err;
}

/* --- reading --- */

static int chunk_header(struct chunk *c, struct sv name, struct sv value)
{
    if (sv_iis(name, "Message-ID"))
        c->msgid = value;
    else if (sv_iis(name, "Content-Type"))
        c->ctype = value;
    else if (sv_iis(name, "Byte-Range"))
        c->range = value;
    else if (sv_iis(name, "From-Path"))
        c->from_path = value;
    else if (sv_iis(name, "Success-Report"))
        c->success_report = sv_iis(value, "yes");
    return 0;
}

/* One whole chunk at the start of `in`: its length, 0 = not all there yet, -EBADMSG. */
static long chunk_parse(struct sv in, struct chunk *c)
{
    const char *eol = memmem(in.p, in.n, "\r\n", 2);
    char mark[64];
    const char *end;
    struct sv line, rest, head;

    if (!eol)
        return in.n > HEAD_MAX ? -EBADMSG : 0;
    line = (struct sv){in.p, (size_t)(eol - in.p)};
    if (!sv_starts(line, "MSRP "))
        return -EBADMSG;
    line.p += 5;
    line.n -= 5;
    *c = (struct chunk){.tid = sv_word(&line), .method = sv_word(&line)};
    if (c->tid.n < 4 || c->tid.n > 32)
        return -EBADMSG;
    snprintf(mark, sizeof mark, "\r\n-------%.*s", SV_ARG(c->tid));
    end = memmem(in.p, in.n, mark, strlen(mark));
    if (!end || end + strlen(mark) + 3 > in.p + in.n)
        return in.n > CHUNK_MAX ? -EBADMSG : 0;
    c->flag = end[strlen(mark)];
    rest = (struct sv){eol + 2, end > eol ? (size_t)(end + 2 - (eol + 2)) : 0};
    while (rest.n) {
        const char *le = memmem(rest.p, rest.n, "\r\n", 2);

        head = (struct sv){rest.p, le ? (size_t)(le - rest.p) : rest.n};
        rest.n -= le ? head.n + 2 : head.n;
        rest.p += head.n + 2;
        if (!head.n) { /* blank line: the body, without the CRLF before the end line */
            c->body = (struct sv){rest.p, rest.n >= 2 ? rest.n - 2 : 0};
            break;
        }
        struct sv name = sv_cut(&head, ':');
        chunk_header(c, name, sv_trim(head));
    }
    return end + strlen(mark) + 3 - in.p;
}

static int body_add(struct far_msrp *m, struct sv part)
{
    size_t want = m->body_len + part.n;

    if (want > MESSAGE_MAX)
        return -EFBIG;
    if (want > m->body_size) {
        size_t size = m->body_size ? m->body_size * 2 : 65536;
        uint8_t *p;

        while (size < want)
            size *= 2;
        p = realloc(m->body, size);
        if (!p)
            return -ENOMEM;
        m->body = p;
        m->body_size = size;
    }
    if (part.n)
        memcpy(m->body + m->body_len, part.p, part.n);
    m->body_len = want;
    return 0;
}

static void on_send(struct far_msrp *m, const struct chunk *c)
{
    char id[64];

    sv_copy(c->msgid, id, sizeof id);
    if (strcmp(id, m->msgid)) { /* a new message: this simple end takes one at a time */
        m->body_len = 0;
        memcpy(m->msgid, id, sizeof id);
    }
    if (body_add(m, c->body)) {
        answer(m, c, 413, "Message too large");
        return;
    }
    answer(m, c, 200, "OK");
    if (c->flag == '+')
        return;
    if (c->success_report)
        report(m, c, m->body_len);
    if (c->flag == '$' && m->body_len && m->h.message)
        m->h.message(m->h.arg, c->ctype, (struct sv){(char *)m->body, m->body_len});
    m->body_len = 0;
    m->msgid[0] = 0;
}

static void on_chunk(struct far_msrp *m, const struct chunk *c)
{
    uint32_t status;

    if (sv_is(c->method, "SEND"))
        on_send(m, c);
    else if (!sv_is(c->method, "REPORT") && !sv_u32(c->method, 999, &status) && m->h.sent)
        m->h.sent(m->h.arg, "", (int)status);
}

static void on_closed(uv_handle_t *h)
{
    struct far_msrp *m = h->data;

    if (m->dropping && !m->closing && h == (uv_handle_t *)&m->conn) { /* ready for the next connection */
        m->dropping = false;
        uv_tcp_init(m->loop, &m->conn);
        return;
    }
    if (--m->n_handles)
        return;
    while (m->queue) {
        struct out *o = m->queue;

        m->queue = o->next;
        free(o);
    }
    free(m->in);
    free(m->body);
    free(m);
}

static void close_conn(struct far_msrp *m)
{
    if (m->up && m->h.closed && !m->closing)
        m->h.closed(m->h.arg);
    m->up = false;
    if (!uv_is_closing((uv_handle_t *)&m->conn))
        uv_close((uv_handle_t *)&m->conn, on_closed);
}

static void on_alloc(uv_handle_t *h, size_t hint, uv_buf_t *b)
{
    struct far_msrp *m = h->data;

    if (m->in_size - m->in_len < hint) {
        uint8_t *p = realloc(m->in, m->in_len + hint);

        if (!p) {
            *b = uv_buf_init(NULL, 0);
            return;
        }
        m->in = p;
        m->in_size = m->in_len + hint;
    }
    *b = uv_buf_init((char *)m->in + m->in_len, m->in_size - m->in_len);
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *b)
{
    struct far_msrp *m = s->data;
    size_t used = 0;
    long len = 0;

    (void)b;
    if (n > 0)
        m->in_len += n;
    while (used < m->in_len && !m->closing) {
        struct chunk c;

        len = chunk_parse((struct sv){(char *)m->in + used, m->in_len - used}, &c);
        if (len <= 0)
            break;
        on_chunk(m, &c);
        used += len;
    }
    memmove(m->in, m->in + used, m->in_len - used);
    m->in_len -= used;
    if (n < 0 || len < 0)
        close_conn(m);
}

static void conn_up(struct far_msrp *m)
{
    m->up = true;
    uv_tcp_nodelay(&m->conn, 1);
    uv_read_start((uv_stream_t *)&m->conn, on_alloc, on_read);
    if (m->h.up)
        m->h.up(m->h.arg);
    out_flush(m);
}

static void on_connection(uv_stream_t *s, int status)
{
    struct far_msrp *m = s->data;

    if (status || m->up || m->closing || uv_accept(s, (uv_stream_t *)&m->conn))
        return;
    conn_up(m);
}

static void on_connect(uv_connect_t *c, int status)
{
    struct far_msrp *m = c->data;

    if (m->closing)
        return;
    if (status) {
        fprintf(stderr, "far end: MSRP connect failed: %s\n", uv_strerror(status));
        close_conn(m);
        return;
    }
    /* RFC 4975 5.4: the active end binds the session with a first, empty SEND */
    send_chunk(m, "bind", "text/plain", (struct sv){"", 0}, 0, 0);
    conn_up(m);
}

int far_msrp_new(struct far_msrp **mp, uv_loop_t *loop, const char *local_ip,
                 const struct far_msrp_h *h)
{
    struct far_msrp *m = calloc(1, sizeof *m);
    struct addr local;
    struct sockaddr_storage ss;
    int len = sizeof ss, err;

    if (!m)
        return -ENOMEM;
    err = addr_parse(&local, sv_from(local_ip), 0);
    if (err) {
        free(m);
        return err;
    }
    m->loop = loop;
    m->h = *h;
    rnd_text(m->id, 16);
    uv_tcp_init(loop, &m->listener);
    uv_tcp_init(loop, &m->conn);
    m->listener.data = m->conn.data = m;
    m->n_handles = 2;
    err = uv_tcp_bind(&m->listener, &local.u.sa, 0);
    if (!err)
        err = uv_listen((uv_stream_t *)&m->listener, 4, on_connection);
    if (!err)
        err = uv_tcp_getsockname(&m->listener, (struct sockaddr *)&ss, &len);
    if (err) {
        far_msrp_free(m);
        return err;
    }
    m->port = ntohs(((struct sockaddr_in *)&ss)->sin_port);
    snprintf(m->path, sizeof m->path, strchr(local_ip, ':') ? "msrp://[%s]:%u/%s;tcp" : "msrp://%s:%u/%s;tcp", local_ip, m->port,
             m->id);
    *mp = m;
    return 0;
}

uint16_t far_msrp_port(const struct far_msrp *m)
{
    return m->port;
}

const char *far_msrp_path(const struct far_msrp *m)
{
    return m->path;
}

int far_msrp_start(struct far_msrp *m, bool active, const struct addr *remote,
                   const char *remote_path)
{
    if (m->started)
        return 0;
    if (uv_is_closing((uv_handle_t *)&m->conn))
        return -EBUSY;
    m->started = true;
    m->active = active;
    sv_copy(sv_from(remote_path), m->remote_path, sizeof m->remote_path);
    if (!active)
        return 0;
    m->connecting.data = m;
    return uv_tcp_connect(&m->connecting, &m->conn, &remote->u.sa, on_connect);
}

void far_msrp_drop(struct far_msrp *m)
{
    m->dropping = !uv_is_closing((uv_handle_t *)&m->conn);
    m->started = m->started && !m->active;
    m->in_len = 0;
    close_conn(m);
}

void far_msrp_free(struct far_msrp *m)
{
    if (!m || m->closing)
        return;
    m->closing = true;
    if (!uv_is_closing((uv_handle_t *)&m->listener))
        uv_close((uv_handle_t *)&m->listener, on_closed);
    close_conn(m);
}
