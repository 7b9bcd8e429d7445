/* UDP under an association (H.248.1 annex D.1; TS 29.334 5.12): one socket and one timer on the caller's loop. */
#include "h248/link.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/log.h"

#define LINK_BATCH 64 /* datagrams read in one wake-up, so that the rest of the loop gets its turn */

struct link {
    uv_loop_t *loop;
    struct assoc *assoc;
    struct assoc_h h; /* the owner's */
    int fd;
    uv_poll_t poll;
    uv_timer_t timer;
    int handles;      /* open ones; the memory goes with the last */
    bool closing;
    struct addr asker; /* the stranger whose datagram is worked on ... */
    size_t may;        /* ... and how many octets he may still get; SIZE_MAX: nobody, or no stranger */
    uint8_t in[H248_MSG_MAX + 1];
};

/* --- timer --- */

static void on_timer(uv_timer_t *timer);

static void rearm(struct link *l)
{
    msec_t due = assoc_deadline(l->assoc), now = net_now_ms();

    if (due == MSEC_NEVER) {
        uv_timer_stop(&l->timer);
        return;
    }
    uv_update_time(l->loop); /* else the delay counts from the start of this turn of the loop */
    uv_timer_start(&l->timer, on_timer, due > now ? due - now : 0, 0);
}

static void on_timer(uv_timer_t *timer)
{
    struct link *l = timer->data;

    assoc_tick(l->assoc, net_now_ms());
    if (!l->closing) /* the end of assoc_stop may have freed the link */
        rearm(l);
}

/* --- socket --- */

static int on_send(void *arg, const struct addr *to, const void *p, size_t n)
{
    struct link *l = arg;
    char host[ADDR_STRLEN];
    ssize_t rc;
    int err;

    if (l->may != SIZE_MAX && addr_eq(to, &l->asker)) {
        if (n > l->may) { /* who forges a source must not make us send it more than he does */
            log_warn("h248", "peer=%s octets=%zu msg=\"a stranger gets no answer longer than what he sent\"",
                     addr_str(to, host), n);
            return 0;
        }
        l->may -= n;
    }
    rc = sendto(l->fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL, &to->u.sa, addr_len(to));
    err = rc < 0 ? -errno : 0;

    if (err)
        log_warn("h248", "peer=%s octets=%zu msg=\"not sent: %s\"", addr_str(to, host), n, strerror(-err));
    return err;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct link *l = poll->data;

    (void)status;
    (void)events;
    for (int i = 0; i < LINK_BATCH && !l->closing; i++) {
        struct addr from = {0};
        socklen_t len = sizeof from.u;
        ssize_t n = recvfrom(l->fd, l->in, sizeof l->in, MSG_DONTWAIT, &from.u.sa, &len);

        if (n < 0)
            break; /* EAGAIN, or an ICMP error of an earlier send: both end the batch */
        l->asker = from;
        l->may = assoc_knows(l->assoc, &from) ? SIZE_MAX : (size_t)n;
        assoc_input(l->assoc, &from, l->in, (size_t)n, net_now_ms());
        l->may = SIZE_MAX;
    }
    if (!l->closing)
        rearm(l);
}

/* --- the association's callbacks, passed on to the owner --- */

static void on_event(void *arg, struct assoc_peer *peer, enum assoc_event ev, struct sv term, unsigned reason)
{
    struct link *l = arg;

    if (l->h.event)
        l->h.event(l->h.arg, peer, ev, term, reason);
}

static void on_request(void *arg, struct assoc_peer *peer, struct trans_in *in, const struct h248_msg *msg,
                       const struct h248_txn *req)
{
    struct link *l = arg;

    l->h.request(l->h.arg, peer, in, msg, req);
}

static void on_seen(void *arg, bool out, const struct addr *peer, struct sv text, const struct h248_msg *msg)
{
    struct link *l = arg;

    if (l->h.seen)
        l->h.seen(l->h.arg, out, peer, text, msg);
}

static bool on_allowed(void *arg, const struct addr *from, const struct h248_mid *mid)
{
    struct link *l = arg;

    return !l->h.allowed || l->h.allowed(l->h.arg, from, mid);
}

static bool on_known(void *arg, const struct addr *from)
{
    struct link *l = arg;

    return !l->h.known || l->h.known(l->h.arg, from);
}

static int on_resolve(void *arg, const struct h248_mid *mid, struct addr *out)
{
    struct link *l = arg;

    return l->h.resolve ? l->h.resolve(l->h.arg, mid, out) : -ENOENT;
}

/* --- life --- */

static void on_closed(uv_handle_t *handle)
{
    struct link *l = handle->data;

    if (--l->handles > 0)
        return;
    close(l->fd);
    free(l);
}

static void handles_close(struct link *l)
{
    l->closing = true;
    uv_close((uv_handle_t *)&l->poll, on_closed);
    uv_close((uv_handle_t *)&l->timer, on_closed);
}

int link_new(struct link **lp, uv_loop_t *loop, struct addr *local, const struct assoc_conf *conf, const struct assoc_h *h)
{
    struct link *l = calloc(1, sizeof *l);
    struct assoc_h own = {on_send, on_event, on_request, on_seen, on_resolve, l, on_allowed, on_known};
    int err = 0;

    if (!l)
        return -ENOMEM;
    l->loop = loop;
    l->may = SIZE_MAX;
    l->h = *h;
    l->fd = net_udp(local);
    if (l->fd < 0) {
        err = l->fd;
        goto out;
    }
    err = uv_poll_init(loop, &l->poll, l->fd);
    if (err)
        goto out;
    uv_timer_init(loop, &l->timer);
    l->poll.data = l->timer.data = l;
    l->handles = 2;
    err = assoc_new(&l->assoc, conf, &own, net_now_ms());
    if (!err)
        err = uv_poll_start(&l->poll, UV_READABLE, on_readable);
out:
    if (!err) {
        *lp = l;
    } else if (l->handles) {
        link_free(l);
    } else {
        if (l->fd >= 0)
            close(l->fd);
        free(l);
    }
    return err;
}

void link_free(struct link *l)
{
    if (!l || l->closing)
        return;
    l->closing = true; /* closing requests call the owner back: no new timer for what they do */
    assoc_free(l->assoc);
    handles_close(l);
}

void link_start(struct link *l)
{
    assoc_start(l->assoc, net_now_ms());
    rearm(l);
}

void link_stop(struct link *l, void (*done)(void *arg), void *arg)
{
    assoc_stop(l->assoc, done, arg, net_now_ms());
    rearm(l);
}

struct assoc *link_assoc(struct link *l)
{
    return l->assoc;
}

int link_request(struct link *l, struct assoc_peer *peer, int (*build)(struct arena *a, struct h248_txn *txn, void *arg),
                 void *build_arg, trans_reply_h *cb, void *cb_arg)
{
    int err;

    if (l->closing)
        return -ESHUTDOWN;
    err = assoc_request(l->assoc, peer, build, build_arg, cb, cb_arg, net_now_ms());
    rearm(l);
    return err;
}

int link_answer(struct link *l, struct trans_in *in, int (*build)(struct arena *a, struct h248_txn *txn, void *arg),
                void *build_arg)
{
    int err;

    if (l->closing)
        return -ESHUTDOWN;
    err = assoc_answer(l->assoc, in, build, build_arg, net_now_ms());
    rearm(l);
    return err;
}
