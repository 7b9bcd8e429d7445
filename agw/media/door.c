/* Nothing of a connection is kept but its socket: the first frame is looked at where the kernel has it, and again when there is
 * more of it. Everything that waits has an end: 5 s for the first check, places for so many, the oldest goes first. */
#include "agw/media/door.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>
#include <utlist.h>

#include "agw/media/door_http.h"
#include "agw/media/door_names.h"
#include "agw/media/frame4571.h"
#include "agw/media/stun.h"
#include "common/log.h"

const struct count_def door_counters[DOOR_C_N] = {
    [DOOR_C_ACCEPTED] = {"agw_door_accepted", "TCP connections accepted on ports of ICE-TCP", false},
    [DOOR_C_LET_IN] = {"agw_door_let_in", "... whose first check named a stream", false},
    [DOOR_C_UNKNOWN] = {"agw_door_unknown", "... closed: no stream has that ufrag", false},
    [DOOR_C_NOT_STUN] = {"agw_door_not_stun", "... closed: the first frame is no Binding request", false},
    [DOOR_C_OVERSIZED] = {"agw_door_oversized", "... closed: the first frame is too long", false},
    [DOOR_C_LATE] = {"agw_door_late", "... closed: no check in time", false},
    [DOOR_C_LEFT] = {"agw_door_left", "... closed by the peer before it said anything", false},
    [DOOR_C_CROWDED] = {"agw_door_crowded", "... closed: too many wait, it was the oldest", false},
    [DOOR_C_HTTP] = {"agw_door_http", "... handed to the web server", false},
    [DOOR_C_HTTP_REFUSED] = {"agw_door_http_refused", "... answered with an HTTP error", false},
    [DOOR_C_NO_FD] = {"agw_door_rests", "Rests of a listener for want of descriptors or memory", false},
    [DOOR_C_WAITING] = {"agw_door_waiting", "TCP connections that have not said whose they are", true},
};

enum kind { KIND_LISTENER, KIND_VISIT, KIND_SERVER };

struct listener {
    enum kind kind; /* first in all that epoll names */
    struct door_listener is;
    msec_t rest_until; /* 0: it listens */
};

enum stage { STAGE_WAITING, STAGE_LINGERING, STAGE_HTTP, STAGE_OVER, STAGES };

struct visit { /* a connection that is no stream's */
    enum kind kind;
    enum kind server; /* KIND_SERVER: what epoll names for the other socket of http */
    enum stage stage;
    int fd; /* STAGE_HTTP: of http */
    struct listener *at;
    struct addr peer;
    msec_t by;
    struct http *http;
    struct visit *prev, *next;
};

struct door {
    struct door_conf conf;
    struct listener listener[MEDIA_DOOR_LISTENERS];
    struct inbox *inbox;
    int epoll;
    struct names *names;
    struct visit *list[STAGES]; /* each in the order in which they end: the time is the same for all of a stage */
    unsigned n[STAGES];
    count_t count[DOOR_C_N];
    msec_t now, logged;
    bool stop;
    pthread_t thread;
};

static void count(struct door *d, enum door_counter c, int64_t n)
{
    count_add(&d->count[c], n);
}

/* --- visits --- */

static msec_t stage_ms(const struct door *d, enum stage stage)
{
    switch (stage) {
    case STAGE_WAITING:
        return d->conf.check_ms;
    case STAGE_LINGERING:
        return MEDIA_DOOR_LINGER_MS;
    case STAGE_HTTP:
        return MEDIA_DOOR_HTTP_IDLE_MS;
    case STAGE_OVER:
    case STAGES:
        break;
    }
    return 0;
}

/* To the end of that stage's list; to the same one: it was heard of. */
static void enter(struct door *d, struct visit *v, enum stage stage)
{
    DL_DELETE(d->list[v->stage], v);
    d->n[v->stage]--;
    v->stage = stage;
    v->by = d->now + stage_ms(d, stage);
    DL_APPEND(d->list[stage], v);
    d->n[stage]++;
}

/* Its memory stays until the batch of events that may name it is done. */
static void leave(struct door *d, struct visit *v)
{
    http_free(v->http); /* its sockets leave epoll by being closed */
    if (!v->http && v->fd >= 0)
        close(v->fd);
    v->http = NULL;
    v->fd = -1;
    enter(d, v, STAGE_OVER);
}

static void bury(struct door *d)
{
    struct visit *v, *tmp;

    DL_FOREACH_SAFE(d->list[STAGE_OVER], v, tmp)
        free(v);
    d->list[STAGE_OVER] = NULL;
    d->n[STAGE_OVER] = 0;
}

static void refuse(struct door *d, struct visit *v, enum door_counter c, const char *why)
{
    char peer[ADDR_STRLEN];

    count(d, c, 1);
    if (!d->logged || d->now - d->logged >= MEDIA_LOG_MS) {
        d->logged = d->now;
        log_warn("media", "peer=%s msg=\"TCP connection closed\" why=\"%s\"", addr_str(&v->peer, peer), why);
    }
    leave(d, v);
}

static int watch(struct door *d, int op, int fd, unsigned events, void *what)
{
    struct epoll_event ev = {.events = events, .data.ptr = what};

    return epoll_ctl(d->epoll, op, fd, &ev) ? -errno : 0;
}

/* --- HTTP --- */

static void answer(struct door *d, struct visit *v, const char *status)
{
    count(d, DOOR_C_HTTP_REFUSED, 1);
    http_refuse(v->fd, status);
    enter(d, v, STAGE_LINGERING);
}

static void rewatch(struct door *d, struct visit *v)
{
    if (watch(d, EPOLL_CTL_MOD, v->http->client, http_events(v->http, false), &v->kind) ||
        watch(d, EPOLL_CTL_MOD, v->http->server, http_events(v->http, true), &v->server))
        leave(d, v);
}

static void http_event(struct door *d, struct visit *v, uint32_t events)
{
    const int moved = http_move(v->http);

    if (moved < 0 || (!moved && (events & (EPOLLHUP | EPOLLERR)))) {
        if (!v->http->down.heard) { /* nobody listens there */
            watch(d, EPOLL_CTL_MOD, v->fd, EPOLLIN | EPOLLRDHUP | EPOLLET, &v->kind);
            v->http->client = -1;
            http_free(v->http);
            v->http = NULL;
            answer(d, v, "502 Bad Gateway");
        } else {
            leave(d, v);
        }
        return;
    }
    enter(d, v, STAGE_HTTP);
    rewatch(d, v);
}

static void http_begin(struct door *d, struct visit *v)
{
    if (!v->at->is.has_http) {
        answer(d, v, "400 Bad Request");
        return;
    }
    if (d->n[STAGE_HTTP] == MEDIA_DOOR_HTTP || http_new(&v->http, v->fd, &v->at->is.http)) {
        answer(d, v, "503 Service Unavailable");
        return;
    }
    count(d, DOOR_C_HTTP, 1);
    enter(d, v, STAGE_HTTP);
    if (watch(d, EPOLL_CTL_ADD, v->http->server, EPOLLIN | EPOLLOUT, &v->server))
        leave(d, v);
    else
        http_event(d, v, 0);
}

static void linger(struct door *d, struct visit *v)
{
    uint8_t waste[1024];
    ssize_t n;

    do {
        n = recv(v->fd, waste, sizeof(waste), MSG_DONTWAIT);
    } while (n > 0);
    if (n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK))
        leave(d, v);
}

/* --- the first frame --- */

static void let_in(struct door *d, struct visit *v, const struct name *who)
{
    struct bus_msg *m = bus_new(BUS_LEG);

    if (!m || epoll_ctl(d->epoll, EPOLL_CTL_DEL, v->fd, NULL)) {
        bus_free(m);
        refuse(d, v, DOOR_C_NO_FD, "no memory");
        return;
    }
    m->u.leg = (struct bus_leg){.id = who->id, .fd = v->fd, .local = v->at->is.local, .peer = v->peer};
    v->fd = -1;
    count(d, DOOR_C_LET_IN, 1);
    inbox_post(d->conf.workers[who->worker], &m->item);
    leave(d, v);
}

static void first_frame(struct door *d, struct visit *v, const uint8_t *p, size_t n)
{
    const struct name *who;
    struct stun_msg msg;
    struct sv rest;

    if (stun_parse(&msg, p, n) || msg.type != STUN_BINDING_REQUEST || !msg.username.p) {
        refuse(d, v, DOOR_C_NOT_STUN, "first frame is no Binding request");
        return;
    }
    rest = msg.username;
    who = names_find(d->names, sv_cut(&rest, ':'), v->at->is.realm);
    if (!who)
        refuse(d, v, DOOR_C_UNKNOWN, "no stream has that ufrag");
    else
        let_in(d, v, who);
}

/* False: look again, an empty frame was taken away. */
static bool look(struct door *d, struct visit *v)
{
    uint8_t p[FRAME_HEAD + MEDIA_STUN_MAX];
    const ssize_t n = recv(v->fd, p, sizeof(p), MSG_PEEK | MSG_DONTWAIT);
    int len;

    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return true;
    if (n <= 0) {
        count(d, DOOR_C_LEFT, 1);
        leave(d, v);
        return true;
    }
    if (p[0] >= 'A' && p[0] <= 'Z') { /* no frame that is taken is so long */
        const int http = http_begins(p, (size_t)n);

        if (http > 0)
            http_begin(d, v);
        else if (http < 0)
            refuse(d, v, DOOR_C_NOT_STUN, "neither a Binding request nor HTTP");
        return true;
    }
    len = frame_first(p, (size_t)n, MEDIA_RX_SIZE);
    if (len == FRAME_HEAD)
        return recv(v->fd, p, FRAME_HEAD, MSG_DONTWAIT) != FRAME_HEAD;
    if (len == -EMSGSIZE)
        refuse(d, v, DOOR_C_OVERSIZED, "frame too long");
    else if (len > 0)
        first_frame(d, v, p + FRAME_HEAD, (size_t)len - FRAME_HEAD);
    else if ((size_t)n == sizeof(p)) /* a frame that we would take later, but no check is so long */
        refuse(d, v, DOOR_C_NOT_STUN, "first frame is no Binding request");
    return true;
}

static void visit_event(struct door *d, struct visit *v, uint32_t events)
{
    int empty = 0;

    switch (v->stage) {
    case STAGE_WAITING:
        while (!look(d, v) && v->stage == STAGE_WAITING) {
            if (++empty > MEDIA_DOOR_EMPTY) {
                refuse(d, v, DOOR_C_NOT_STUN, "empty frames");
                break;
            }
        }
        break;
    case STAGE_LINGERING:
        linger(d, v);
        break;
    case STAGE_HTTP:
        http_event(d, v, events);
        break;
    case STAGE_OVER: /* by another event of this batch */
    case STAGES:
        break;
    }
}

/* --- listeners --- */

static void visit_new(struct door *d, struct listener *at, int fd, const struct addr *peer)
{
    struct visit *v = calloc(1, sizeof(*v));

    if (!v) {
        close(fd);
        return;
    }
    *v = (struct visit){.kind = KIND_VISIT, .server = KIND_SERVER, .fd = fd, .at = at, .peer = *peer};
    if (d->n[STAGE_WAITING] == d->conf.waiting)
        refuse(d, d->list[STAGE_WAITING], DOOR_C_CROWDED, "too many wait, it was the oldest");
    v->stage = STAGE_WAITING;
    v->by = d->now + stage_ms(d, STAGE_WAITING);
    DL_APPEND(d->list[STAGE_WAITING], v);
    d->n[STAGE_WAITING]++;
    if (watch(d, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLRDHUP | EPOLLET, &v->kind))
        leave(d, v);
}

static void rest(struct door *d, struct listener *l)
{
    count(d, DOOR_C_NO_FD, 1);
    if (!d->logged || d->now - d->logged >= MEDIA_LOG_MS) {
        d->logged = d->now;
        log_error("media", "msg=\"TCP connections wait\" err=\"%s\"", strerror(errno));
    }
    l->rest_until = d->now + MEDIA_DOOR_REST_MS;
    (void)watch(d, EPOLL_CTL_MOD, l->is.fd, 0, &l->kind);
}

static void accept_some(struct door *d, struct listener *l)
{
    for (int i = 0; i < MEDIA_DOOR_ACCEPTS; i++) {
        struct addr peer = {0};
        socklen_t len = sizeof(peer.u);
        const int fd = accept4(l->is.fd, &peer.u.sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd >= 0) {
            count(d, DOOR_C_ACCEPTED, 1);
            visit_new(d, l, fd, &peer);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            rest(d, l);
            return;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return;
        } /* else: that one has gone again */
    }
}

/* --- time --- */

static void expire(struct door *d)
{
    struct visit *v;

    while ((v = d->list[STAGE_WAITING]) && v->by <= d->now)
        refuse(d, v, DOOR_C_LATE, "no check in time");
    while ((v = d->list[STAGE_LINGERING]) && v->by <= d->now)
        leave(d, v);
    while ((v = d->list[STAGE_HTTP]) && v->by <= d->now)
        leave(d, v);
    for (unsigned i = 0; i < d->conf.n_listeners; i++) {
        struct listener *l = &d->listener[i];

        if (!l->rest_until || l->rest_until > d->now)
            continue;
        l->rest_until = 0;
        (void)watch(d, EPOLL_CTL_MOD, l->is.fd, EPOLLIN, &l->kind);
    }
}

static int wait_ms(const struct door *d)
{
    msec_t first = MSEC_NEVER;

    for (unsigned i = 0; i < STAGE_OVER; i++)
        if (d->list[i] && d->list[i]->by < first)
            first = d->list[i]->by;
    for (unsigned i = 0; i < d->conf.n_listeners; i++)
        if (d->listener[i].rest_until && d->listener[i].rest_until < first)
            first = d->listener[i].rest_until;
    return first == MSEC_NEVER ? -1 : first <= d->now ? 0 : (int)(first - d->now);
}

/* --- the thread --- */

static void orders(struct door *d)
{
    struct inbox_item *it, *next;

    for (it = inbox_take(d->inbox); it; it = next) {
        struct bus_msg *m = (struct bus_msg *)it;

        next = it->next;
        if (m->kind == BUS_STOP)
            d->stop = true;
        else if (m->kind == BUS_DOOR_FORGET)
            names_forget(d->names, m->u.id);
        else if (m->kind == BUS_DOOR_NAME && names_set(d->names, &m->u.door))
            log_error("media", "sep=%llu msg=\"no TCP connections: no memory\"", (unsigned long long)m->u.door.id);
        bus_free(m);
    }
}

static void event(struct door *d, enum kind *what, uint32_t events)
{
    switch (*what) {
    case KIND_LISTENER:
        accept_some(d, (struct listener *)((char *)what - offsetof(struct listener, kind)));
        break;
    case KIND_VISIT:
        visit_event(d, (struct visit *)((char *)what - offsetof(struct visit, kind)), events);
        break;
    case KIND_SERVER: {
        struct visit *v = (struct visit *)((char *)what - offsetof(struct visit, server));

        if (v->stage == STAGE_HTTP)
            http_event(d, v, events);
        break;
    }
    }
}

static void *run(void *arg)
{
    struct epoll_event ev[MEDIA_EPOLL_BATCH];
    struct door *d = arg;

    d->now = net_now_ms();
    while (!d->stop) {
        const int n = epoll_wait(d->epoll, ev, MEDIA_EPOLL_BATCH, wait_ms(d));

        d->now = net_now_ms();
        orders(d); /* before whoever was told of it can knock */
        for (int i = 0; i < n; i++)
            if (ev[i].data.ptr)
                event(d, ev[i].data.ptr, ev[i].events);
        expire(d);
        bury(d);
        atomic_store_explicit(&d->count[DOOR_C_WAITING], d->n[STAGE_WAITING], memory_order_relaxed);
    }
    return NULL;
}

static int open_all(struct door *d)
{
    int err = inbox_new(&d->inbox, MEDIA_INBOX_LIMIT);

    if (!err)
        err = names_new(&d->names);
    if (err)
        return err;
    d->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (d->epoll < 0)
        return -errno;
    err = watch(d, EPOLL_CTL_ADD, inbox_fd(d->inbox), EPOLLIN, NULL);
    for (unsigned i = 0; i < d->conf.n_listeners && !err; i++)
        err = watch(d, EPOLL_CTL_ADD, d->listener[i].is.fd, EPOLLIN, &d->listener[i].kind);
    return err;
}

static void close_all(struct door *d)
{
    for (unsigned i = 0; i < STAGE_OVER; i++)
        while (d->list[i])
            leave(d, d->list[i]);
    bury(d);
    for (unsigned i = 0; i < d->conf.n_listeners; i++)
        close(d->listener[i].is.fd);
    names_free(d->names);
    inbox_free(d->inbox, bus_drop);
    if (d->epoll >= 0)
        close(d->epoll);
    free(d);
}

int door_new(struct door **dp, const struct door_conf *conf)
{
    struct door *d;
    int err;

    assert(conf->n_listeners <= MEDIA_DOOR_LISTENERS);
    d = calloc(1, sizeof(*d));
    for (unsigned i = 0; !d && i < conf->n_listeners; i++)
        close(conf->listeners[i].fd);
    if (!d)
        return -ENOMEM;
    d->conf = *conf;
    if (!d->conf.check_ms)
        d->conf.check_ms = MEDIA_LEG_CHECK_MS;
    if (!d->conf.waiting)
        d->conf.waiting = MEDIA_DOOR_WAITING;
    d->epoll = -1;
    for (unsigned i = 0; i < conf->n_listeners; i++)
        d->listener[i] = (struct listener){.kind = KIND_LISTENER, .is = conf->listeners[i]};
    err = open_all(d);
    if (!err)
        err = -pthread_create(&d->thread, NULL, run, d);
    if (err) {
        close_all(d);
        return err;
    }
    *dp = d;
    return 0;
}

struct inbox *door_inbox(struct door *d)
{
    return d->inbox;
}

const count_t *door_counts(const struct door *d)
{
    return d->count;
}

void door_free(struct door *d)
{
    struct bus_msg *m;

    if (!d)
        return;
    m = bus_new(BUS_STOP);
    assert(m); /* without it the thread never ends */
    inbox_post(d->inbox, &m->item);
    pthread_join(d->thread, NULL);
    close_all(d);
}
