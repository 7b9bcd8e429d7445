#include "tests/fake/ice_tcp.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "agw/media/stun.h"
#include "common/rnd.h"

#define CHECK_MS 2500      /* between checks */
#define WAITING (256 << 10) /* octets that wait on one side before the other is read no more */
#define FRAME_MAX 65535
#define FRAME_SENT 8192

struct ice_tcp {
    uv_loop_t *loop;
    struct ice_tcp_h h;
    uv_tcp_t listener;
    struct pipe *pipe; /* NULL: nobody is connected */
    struct stun_mac *mac;
    struct addr local, remote;
    char ufrag[ICE_TCP_TEXT], pwd[ICE_TCP_TEXT], mine[ICE_TCP_TEXT];
    bool freed;
    unsigned handles;  /* open; memory goes with the last */
};

struct pipe {
    struct ice_tcp *t;
    uv_tcp_t near, far; /* the endpoint, the gateway */
    uv_timer_t timer;
    uv_connect_t connecting;
    bool up, over;
    unsigned handles;
    uint8_t tid[STUN_TID], frame[2 + FRAME_MAX];
    size_t n;           /* octets of frame */
    uint64_t tiebreaker;
};

struct piece {
    uv_write_t req;
    struct pipe *p;
    uint8_t octets[];
};

static void release(struct ice_tcp *t)
{
    if (t->handles)
        return;
    stun_mac_free(t->mac);
    free(t);
}

static void on_closed(uv_handle_t *h)
{
    struct pipe *p = h->data;
    struct ice_tcp *t = p->t;

    if (--p->handles)
        return;
    free(p);
    t->handles--;
    if (t->freed)
        release(t);
}

static void end(struct pipe *p)
{
    struct ice_tcp *t = p->t;

    if (p->over)
        return;
    p->over = true;
    if (t->pipe == p)
        t->pipe = NULL;
    uv_close((uv_handle_t *)&p->near, on_closed);
    uv_close((uv_handle_t *)&p->far, on_closed);
    uv_close((uv_handle_t *)&p->timer, on_closed);
    if (p->up && t->h.closed && !t->freed)
        t->h.closed(t->h.arg);
}

/* --- octets --- */

static void on_alloc(uv_handle_t *h, size_t want, uv_buf_t *buf)
{
    (void)h;
    (void)want;
    *buf = uv_buf_init(malloc(FRAME_SENT), FRAME_SENT);
}

static void on_near(uv_stream_t *s, ssize_t n, const uv_buf_t *buf);
static void on_far(uv_stream_t *s, ssize_t n, const uv_buf_t *buf);

static void go_on(struct pipe *p)
{
    if (p->over)
        return;
    if (uv_stream_get_write_queue_size((uv_stream_t *)&p->near) < WAITING)
        uv_read_start((uv_stream_t *)&p->far, on_alloc, on_far);
    if (p->up && uv_stream_get_write_queue_size((uv_stream_t *)&p->far) < WAITING)
        uv_read_start((uv_stream_t *)&p->near, on_alloc, on_near);
}

static void on_written(uv_write_t *req, int status)
{
    struct piece *w = req->data;
    struct pipe *p = w->p;

    free(w);
    if (!status)
        go_on(p);
}

static void put(struct pipe *p, uv_tcp_t *to, uv_tcp_t *from, const void *octets, size_t n, bool framed)
{
    struct piece *w = malloc(sizeof *w + 2 + n);
    uv_buf_t b;

    if (!w || p->over) {
        free(w);
        return;
    }
    w->p = p;
    w->req.data = w;
    w->octets[0] = (uint8_t)(n >> 8);
    w->octets[1] = (uint8_t)n;
    memcpy(w->octets + 2, octets, n);
    b = framed ? uv_buf_init((char *)w->octets, (unsigned)n + 2) : uv_buf_init((char *)w->octets + 2, (unsigned)n);
    if (uv_write(&w->req, (uv_stream_t *)to, &b, 1, on_written)) {
        free(w);
        end(p);
    } else if (uv_stream_get_write_queue_size((uv_stream_t *)to) >= WAITING) {
        uv_read_stop((uv_stream_t *)from);
    }
}

static void on_near(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
    struct pipe *p = s->data;

    if (n > 0)
        put(p, &p->far, &p->near, buf->base, (size_t)n, true);
    else if (n < 0)
        end(p);
    free(buf->base);
}

/* --- checks --- */

static void check(uv_timer_t *timer)
{
    struct pipe *p = timer->data;
    struct ice_tcp *t = p->t;
    uint8_t text[MEDIA_STUN_REPLY + 2 * ICE_TCP_TEXT];
    char username[2 * ICE_TCP_TEXT + 2];
    struct buf b = buf_over(text, sizeof text);

    rnd_bytes(p->tid, sizeof p->tid);
    snprintf(username, sizeof username, "%s:%s", t->ufrag, t->mine);
    stun_begin(&b, STUN_BINDING_REQUEST, p->tid);
    stun_put(&b, STUN_USERNAME, username, strlen(username));
    stun_put_u64(&b, STUN_ICE_CONTROLLING, p->tiebreaker);
    stun_put(&b, STUN_USE_CANDIDATE, NULL, 0);
    stun_put_u32(&b, STUN_PRIORITY, 1518280447);
    if (stun_end(&b, t->mac, sv_from(t->pwd)) == 0)
        put(p, &p->far, &p->near, text, b.len, true);
}

static void on_stun(struct pipe *p, const struct stun_msg *m)
{
    if (p->up || m->type != STUN_BINDING_SUCCESS || memcmp(m->tid, p->tid, STUN_TID) != 0 ||
        !stun_verify(m, p->t->mac, sv_from(p->t->pwd)))
        return;
    p->up = true;
    go_on(p);
    if (p->t->h.up)
        p->t->h.up(p->t->h.arg);
}

static void on_frame(struct pipe *p, const uint8_t *octets, size_t n)
{
    struct stun_msg m;

    if (n >= STUN_HEADER && octets[0] < 4 && !stun_parse(&m, octets, n))
        on_stun(p, &m);
    else if (n)
        put(p, &p->near, &p->far, octets, n, false);
}

static void on_far(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
    struct pipe *p = s->data;

    for (ssize_t i = 0; i < n && !p->over; i++) {
        p->frame[p->n++] = (uint8_t)buf->base[i];
        if (p->n >= 2 && p->n == 2u + (size_t)(p->frame[0] << 8 | p->frame[1])) {
            on_frame(p, p->frame + 2, p->n - 2);
            p->n = 0;
        }
    }
    if (n < 0)
        end(p);
    free(buf->base);
}

static void on_connected(uv_connect_t *req, int status)
{
    struct pipe *p = req->data;

    if (p->over)
        return;
    if (status) {
        end(p);
        return;
    }
    go_on(p);
    uv_timer_start(&p->timer, check, 0, CHECK_MS);
}

/* --- life --- */

static void on_connection(uv_stream_t *listener, int status)
{
    struct ice_tcp *t = listener->data;
    struct pipe *p = calloc(1, sizeof *p);

    if (status || !p) {
        free(p);
        return;
    }
    if (t->pipe)
        end(t->pipe);
    p->t = t;
    p->handles = 3;
    p->connecting.data = p->near.data = p->far.data = p->timer.data = p;
    rnd_bytes(&p->tiebreaker, sizeof p->tiebreaker);
    uv_tcp_init(t->loop, &p->near);
    uv_tcp_init(t->loop, &p->far);
    uv_timer_init(t->loop, &p->timer);
    t->handles++;
    t->pipe = p;
    if (uv_accept(listener, (uv_stream_t *)&p->near) ||
        uv_tcp_connect(&p->connecting, &p->far, (const struct sockaddr *)&t->remote.u, on_connected))
        end(p);
}

int ice_tcp_new(struct ice_tcp **tp, uv_loop_t *loop, const char *local_ip, const struct ice_tcp_h *h)
{
    struct ice_tcp *t = calloc(1, sizeof *t);
    struct sockaddr_storage ss;
    int len = sizeof ss, err;

    if (!t)
        return -ENOMEM;
    t->loop = loop;
    t->h = *h;
    err = stun_mac_new(&t->mac);
    if (!err)
        err = addr_parse(&t->local, sv_from(local_ip), 0);
    if (err) {
        stun_mac_free(t->mac);
        free(t);
        return err;
    }
    uv_tcp_init(loop, &t->listener);
    t->listener.data = t;
    t->handles = 1;
    err = uv_tcp_bind(&t->listener, (const struct sockaddr *)&t->local.u, 0);
    if (!err)
        err = uv_listen((uv_stream_t *)&t->listener, 4, on_connection);
    if (!err)
        err = uv_tcp_getsockname(&t->listener, (struct sockaddr *)&ss, &len);
    if (err) {
        ice_tcp_free(t);
        return err;
    }
    memcpy(&t->local.u, &ss, sizeof t->local.u);
    *tp = t;
    return 0;
}

void ice_tcp_local(const struct ice_tcp *t, struct addr *out)
{
    *out = t->local;
}

void ice_tcp_peer(struct ice_tcp *t, const struct addr *remote, const char *ufrag, const char *pwd, const char *mine)
{
    t->remote = *remote;
    snprintf(t->ufrag, sizeof t->ufrag, "%s", ufrag);
    snprintf(t->pwd, sizeof t->pwd, "%s", pwd);
    snprintf(t->mine, sizeof t->mine, "%s", mine);
}

static void on_listener_closed(uv_handle_t *h)
{
    struct ice_tcp *t = h->data;

    t->handles--;
    release(t);
}

void ice_tcp_free(struct ice_tcp *t)
{
    if (!t)
        return;
    t->freed = true;
    if (t->pipe)
        end(t->pipe);
    uv_close((uv_handle_t *)&t->listener, on_listener_closed);
}
