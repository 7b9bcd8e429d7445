#include "agw/data/tcp.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <unistd.h>

#include "agw/data/data_limits.h"
#include "common/log.h"

/* libuv handles outlive their owner until the loop has closed them. */
struct watch {
    uv_poll_t poll;
    int fd;
    struct tcp *tcp;
};

struct timer {
    uv_timer_t t;
    struct tcp *tcp;
};

static void on_watch_closed(uv_handle_t *h)
{
    free(h->data);
}

static void watch_close(struct watch **wp)
{
    struct watch *w = *wp;

    if (!w)
        return;
    uv_close((uv_handle_t *)&w->poll, on_watch_closed);
    close(w->fd); /* last: libuv still names the number, and another thread may get it for a socket of its own */
    *wp = NULL;
}

static int watch_open(struct watch **wp, struct tcp *t, int fd)
{
    struct watch *w = calloc(1, sizeof *w);
    int err;

    if (!w) {
        close(fd);
        return -ENOMEM;
    }
    err = uv_poll_init(&t->env->loop, &w->poll, fd);
    if (err) {
        close(fd);
        free(w);
        return err;
    }
    w->poll.data = w;
    w->fd = fd;
    w->tcp = t;
    *wp = w;
    return 0;
}

static void timer_close(struct tcp *t)
{
    if (!t->timer)
        return;
    uv_close((uv_handle_t *)&t->timer->t, on_watch_closed);
    t->timer = NULL;
}

static void conn_close(struct tcp *t)
{
    timer_close(t);
    watch_close(&t->conn);
    t->connecting = t->up = t->eof = t->readable = false;
    t->events = 0;
}

static void conn_up(struct tcp *t)
{
    t->connecting = false;
    t->up = t->was_up = true;
    timer_close(t);
    env_event(t->env, t->id, BUS_EV_TCP_UP, "");
    join_touch(t->env, t->join);
}

/* One timer: an endpoint connects, or waits to connect again, or waits to accept again. */
static int timer_start(struct tcp *t, uv_timer_cb cb, unsigned ms)
{
    if (!t->timer) {
        t->timer = calloc(1, sizeof *t->timer);
        if (!t->timer)
            return -ENOMEM;
        uv_timer_init(&t->env->loop, &t->timer->t);
        t->timer->t.data = t->timer;
        t->timer->tcp = t;
    }
    return uv_timer_start(&t->timer->t, cb, ms, 0);
}

static void on_reopen(uv_timer_t *h);

/* The session outlives its connection and the active party opens it (RFC 4975 5.4): a few times, slower and slower.
 * The count starts anew when the far end says something. false: no more. */
static bool reopen(struct tcp *t)
{
    unsigned ms;

    if (t->conf.role != BUS_TCP_ACTIVE || !t->was_up || t->tries >= TCP_REOPEN_TRIES)
        return false;
    ms = t->env->conf.tcp_reopen_ms ? t->env->conf.tcp_reopen_ms : TCP_REOPEN_MS;
    return timer_start(t, on_reopen, ms << t->tries++) == 0;
}

static void connect_failed(struct tcp *t, const char *why)
{
    log_warn("data", "tcp=%llu msg=\"connect failed\" why=\"%s\"", (unsigned long long)t->id, why);
    conn_close(t);
    if (reopen(t))
        return;
    t->was_up = false;
    env_event(t->env, t->id, BUS_EV_TCP_FAILED, why);
}

static void on_late(uv_timer_t *h)
{
    connect_failed(((struct timer *)h->data)->tcp, "connect timed out");
}

static void on_connected(struct tcp *t)
{
    socklen_t n = sizeof(int);
    int err = 0;

    if (getsockopt(t->conn->fd, SOL_SOCKET, SO_ERROR, &err, &n))
        err = errno;
    uv_poll_stop(&t->conn->poll);
    if (err)
        connect_failed(t, strerror(err));
    else
        conn_up(t);
}

static void on_conn(uv_poll_t *h, int status, int events)
{
    struct tcp *t = ((struct watch *)h->data)->tcp;

    if (t->connecting) {
        on_connected(t);
        return;
    }
    if (status < 0)
        t->eof = true;
    if (events & UV_READABLE)
        t->readable = true;
    join_touch(t->env, t->join);
}

/* --- passive --- */

static bool source_ok(const struct tcp *t, const struct addr *from)
{
    return t->conf.any_source || (t->conf.has_remote && addr_eq_host(from, &t->conf.remote));
}

static void accept_next(struct tcp *t);

/* Where strangers knock they do so as often as they like: a line each would be a flood. */
static void refuse(struct tcp *t, int fd, const struct addr *from)
{
    struct env *env = t->env;
    char peer[ADDR_STRLEN];

    close(fd);
    env_count(env, DATA_C_TCP_REFUSED, 1);
    if (env->refused_logged && env->now - env->refused_logged < TCP_REFUSED_LOG_MS)
        return;
    env->refused_logged = env->now;
    log_warn("data", "tcp=%llu peer=%s msg=\"connection refused\" why=\"address was not signalled\" refused=%lld",
             (unsigned long long)t->id, addr_str(from, peer), (long long)count_get(&env->counts[DATA_C_TCP_REFUSED]));
}

static void take(struct tcp *t, int fd)
{
    const int one = 1;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (!watch_open(&t->conn, t, fd))
        conn_up(t);
}

static void next_close(struct tcp *t)
{
    if (t->has_next)
        close(t->next);
    t->has_next = false;
}

static void on_next(uv_timer_t *h)
{
    struct tcp *t = ((struct timer *)h->data)->tcp;
    struct addr from = {0};
    socklen_t n = sizeof from.u;
    int fd = t->next;

    timer_close(t);
    if (!t->has_next)
        return;
    t->has_next = false;
    if (getpeername(fd, &from.u.sa, &n))
        close(fd); /* it did not wait */
    else if (!source_ok(t, &from)) /* another was signalled meanwhile */
        refuse(t, fd, &from);
    else
        take(t, fd);
    accept_next(t);
}

static void on_rested(uv_timer_t *h)
{
    struct tcp *t = ((struct timer *)h->data)->tcp;

    timer_close(t);
    accept_next(t);
}

/* Nothing to accept with: the connection stays in the backlog and the listener readable, so it is not looked at for a while. */
static void accept_rest(struct tcp *t, int err)
{
    if (!t->starved)
        log_error("data", "tcp=%llu msg=\"connection not accepted, tried again: raise the limit of open files\" why=\"%s\"",
                  (unsigned long long)t->id, strerror(err));
    t->starved = true;
    env_count(t->env, DATA_C_TCP_STARVED, 1);
    uv_poll_stop(&t->listener->poll);
    timer_start(t, on_rested, TCP_STARVED_MS);
}

static void on_listener(uv_poll_t *h, int status, int events)
{
    struct tcp *t = ((struct watch *)h->data)->tcp;
    struct addr from;
    socklen_t n;
    int fd;

    (void)status;
    (void)events;
    for (int i = 0; i < TCP_BACKLOG_ROUND; i++) {
        n = sizeof from;
        fd = accept4(t->listener->fd, &from.u.sa, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM))
            accept_rest(t, errno);
        if (fd < 0)
            return;
        t->starved = false;
        if (source_ok(t, &from))
            break;
        refuse(t, fd, &from);
        fd = -1;
    }
    if (fd < 0)
        return;
    if (!t->conn) {
        take(t, fd);
        return;
    }
    uv_poll_stop(&t->listener->poll); /* one connection; the next one of the peer waits, and those behind it in the backlog */
    t->next = fd;
    t->has_next = true;
}

/* Who connects before we know whom to expect waits in the backlog. From then on strangers are closed at once, whether there is a
 * connection or not, lest the peer finds no room there when it opens another. */
static void accept_next(struct tcp *t)
{
    if (!t->listener || t->conf.role != BUS_TCP_PASSIVE || !(t->conf.has_remote || t->conf.any_source))
        return;
    if (!t->has_next)
        uv_poll_start(&t->listener->poll, UV_READABLE, on_listener);
    else if (!t->conn) /* its join is told of the end of the one before first */
        timer_start(t, on_next, 0);
}

/* --- active --- */

static void connect_start(struct tcp *t)
{
    int fd;

    next_close(t);
    watch_close(&t->listener);
    fd = net_tcp_connect(&t->conf.remote, &t->conf.local);
    if (fd < 0 || watch_open(&t->conn, t, fd)) {
        connect_failed(t, fd < 0 ? strerror(-fd) : "no memory");
        return;
    }
    t->connecting = true;
    if (timer_start(t, on_late, t->env->conf.tcp_connect_ms)) {
        connect_failed(t, "no memory");
        return;
    }
    uv_poll_start(&t->conn->poll, UV_WRITABLE, on_conn);
}

static void on_reopen(uv_timer_t *h)
{
    struct tcp *t = ((struct timer *)h->data)->tcp;

    timer_close(t);
    connect_start(t);
}

static void role_start(struct tcp *t)
{
    if (t->conf.role != BUS_TCP_ACTIVE || !t->conf.has_remote) {
        accept_next(t);
    } else if (!t->conn && !t->timer) {
        t->was_up = false;
        t->tries = 0;
        connect_start(t);
    }
}

int tcp_new(struct tcp **tp, struct env *env, const struct bus_tcp *conf)
{
    struct tcp *t = calloc(1, sizeof *t);
    int err = 0;

    if (!t) {
        if (conf->fd >= 0)
            close(conf->fd);
        return -ENOMEM;
    }
    t->id = t->stats.id = conf->id;
    t->env = env;
    t->conf = *conf;
    t->gate_in = t->gate_out = true;
    if (conf->fd >= 0)
        err = watch_open(&t->listener, t, conf->fd);
    if (err) {
        free(t);
        return err;
    }
    role_start(t);
    *tp = t;
    return 0;
}

void tcp_free(struct tcp *t)
{
    if (!t)
        return;
    conn_close(t);
    next_close(t);
    watch_close(&t->listener);
    free(t);
}

void tcp_remote(struct tcp *t, const struct bus_tcp *conf)
{
    bool other = t->conf.has_remote && conf->has_remote && !addr_eq(&t->conf.remote, &conf->remote);
    bool turned = t->conf.role != BUS_TCP_UNDECIDED && t->conf.role != conf->role;

    t->conf.has_remote = conf->has_remote;
    t->conf.remote = conf->remote;
    t->conf.role = conf->role;
    t->conf.any_source = conf->any_source;
    if (other || turned) {
        conn_close(t);
        join_touch(t->env, t->join);
    }
    role_start(t);
}

void tcp_want(struct tcp *t, bool read, bool write)
{
    int events = (read ? UV_READABLE : 0) | (write ? UV_WRITABLE : 0);

    if (!t->up || events == t->events)
        return;
    t->events = events;
    if (events)
        uv_poll_start(&t->conn->poll, events, on_conn);
    else
        uv_poll_stop(&t->conn->poll);
}

size_t tcp_read(struct tcp *t, void *p, size_t n)
{
    ssize_t got;

    if (!t->up || t->eof || !t->readable || !n)
        return 0;
    t->readable = false;
    got = recv(t->conn->fd, p, n, 0);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
        t->eof = true;
    if (got > 0)
        t->tries = 0;
    return got > 0 ? (size_t)got : 0;
}

size_t tcp_write(struct tcp *t, const void *p, size_t n)
{
    ssize_t put;

    if (!t->up || t->eof || !n)
        return 0;
    put = send(t->conn->fd, p, n, MSG_NOSIGNAL);
    if (put < 0 && errno != EAGAIN && errno != EINTR)
        t->eof = true;
    return put > 0 ? (size_t)put : 0;
}

void tcp_drop(struct tcp *t)
{
    conn_close(t);
    accept_next(t);
}

int tcp_lost(struct tcp *t)
{
    tcp_drop(t);
    return t->conf.role != BUS_TCP_ACTIVE || reopen(t) ? 0 : -ECONNRESET;
}
