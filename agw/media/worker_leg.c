/* Connections of stream endpoints (ICE-TCP): given by the door, read, written, watched. What is over is freed after the batch
 * of events that may still name it. */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>
#include <utlist.h>

#include "agw/media/worker_leg.h"
#include "agw/media/worker_pipe.h"
#include "common/log.h"

static const struct ending { /* why a connection is closed, and which counter tells */
    const char *why;
    enum worker_counter counter;
    bool bad; /* a line says so */
} ENDINGS[] = {
    [LEG_BROKEN] = {"closed by the peer", WORKER_C_LEG_CLOSED, false},
    [LEG_LOSER] = {"another pair is used", WORKER_C_LEG_CLOSED, false},
    [LEG_ENDED] = {"the stream ended", WORKER_C_LEG_CLOSED, false},
    [LEG_MANY] = {"too many connections of a stream", WORKER_C_LEG_BAD, true},
    [LEG_NOBODY] = {"the stream is gone", WORKER_C_LEG_BAD, true},
    [LEG_MEMORY] = {"no memory", WORKER_C_LEG_BAD, true},
    [LEG_UNCHECKED] = {"no check that passes in time", WORKER_C_LEG_BAD, true},
    [LEG_REFUSED] = {"its first frame is no check that passes", WORKER_C_LEG_BAD, true},
    [LEG_EARLY] = {"MSRP on a pair that is not nominated", WORKER_C_LEG_BAD, true},
    [LEG_NO_MSRP] = {"not MSRP", WORKER_C_LEG_BAD, false}, /* the data thread has said so */
    [LEG_OVERSIZED] = {"frame too long", WORKER_C_LEG_OVERSIZED, true},
    [LEG_SLOW] = {"reads too slowly", WORKER_C_LEG_SLOW, true},
};

static void say(struct worker *w, const struct port *port, const struct addr *peer, enum leg_end why)
{
    const struct ending *e = &ENDINGS[why];
    char text[ADDR_STRLEN];

    worker_count(w, e->counter, 1);
    if (!e->bad || (w->leg_logged && w->now - w->leg_logged < MEDIA_LOG_MS))
        return;
    w->leg_logged = w->now;
    log_warn("media", "sep=%llu peer=%s msg=\"TCP connection closed\" why=\"%s\"", port ? (unsigned long long)port->id : 0,
             addr_str(peer, text), e->why);
}

/* Off its stream and out of epoll at once; its memory stays until the batch is done. */
void worker_leg_end(struct worker *w, struct leg *l, enum leg_end why)
{
    struct port *port = l->sock.port;

    if (l->why)
        return;
    l->why = ENDINGS[why].why;
    say(w, port, &l->peer, why);
    LL_DELETE(port->legs, l);
    port->n_legs--;
    worker_count(w, WORKER_C_LEGS, -1);
    shutdown(l->sock.fd, SHUT_RDWR); /* now, not when the batch is done */
    (void)epoll_ctl(w->epoll, EPOLL_CTL_DEL, l->sock.fd, NULL);
    sep_gone(port->sep, &l->peer);
    worker_pipe_gone(w, port, l);
    LL_PREPEND(w->over, l);
}

void worker_legs_close(struct worker *w, struct port *port)
{
    while (port->legs)
        worker_leg_end(w, port->legs, LEG_ENDED);
}

void worker_legs_bury(struct worker *w)
{
    struct leg *l;

    while ((l = w->over)) {
        w->over = l->next;
        leg_free(l);
    }
}

/* --- time --- */

/* Another pair than before. Its rivals stay as long as they are checked, also those that were there first: a browser keeps them
 * for worse times, and does not open again what was closed to it. What was selected until now has not been timed. */
static void look_at_selected(struct worker *w, struct port *port)
{
    const struct addr *sel = sep_selected(port->sep);
    struct leg *l;

    if (!sel || addr_eq(sel, &port->leg_selected))
        return;
    port->leg_selected = *sel;
    LL_FOREACH(port->legs, l)
    {
        if (l->checked)
            l->by = w->now + MEDIA_LEG_IDLE_MS;
        if (addr_eq(&l->peer, sel))
            sep_trace_pair(port->sep, &l->sock.local);
    }
    worker_pipe_follow(w, port);
}

static msec_t stall_at(const struct port *port, const struct leg *l)
{
    return l->moved + (port->pipe.id ? MEDIA_PIPE_STALL_MS : MEDIA_LEG_STALL_MS);
}

static msec_t leg_due(const struct port *port, const struct leg *l)
{
    const msec_t by = l->checked && addr_eq(&l->peer, &port->leg_selected) ? MSEC_NEVER : l->by;
    const msec_t stall = l->queue ? stall_at(port, l) : MSEC_NEVER;

    return by < stall ? by : stall;
}

void worker_legs_settle(struct worker *w, struct port *port)
{
    msec_t first = MSEC_NEVER;
    struct leg *l;

    look_at_selected(w, port);
    LL_FOREACH(port->legs, l)
    {
        const msec_t at = leg_due(port, l);

        if (at < first)
            first = at;
    }
    if (first < port->due.at)
        due_set(&w->port_due, &port->due, first);
}

void worker_legs_tick(struct worker *w, struct port *port)
{
    struct leg *l, *next;

    look_at_selected(w, port);
    for (l = port->legs; l; l = next) {
        next = l->next;
        if (w->now >= leg_due(port, l))
            worker_leg_end(w, l, l->queue && w->now >= stall_at(port, l) ? LEG_SLOW : l->checked ? LEG_LOSER : LEG_UNCHECKED);
    }
}

/* --- out --- */

struct leg *worker_leg_find(const struct port *port, uint32_t conn)
{
    struct leg *l = port->legs;

    while (l && addr_conn(&l->peer) != conn)
        l = l->next;
    return l;
}

void worker_leg_arm(struct worker *w, struct leg *l)
{
    const bool rests = worker_pipe_is(l) && l->sock.port->pipe.stopped;
    const uint32_t want = (rests ? 0 : EPOLLIN) | (l->queue ? EPOLLOUT : 0);
    struct epoll_event ev = {.events = want, .data.ptr = &l->sock};

    if (want != l->events && !epoll_ctl(w->epoll, EPOLL_CTL_MOD, l->sock.fd, &ev))
        l->events = want;
}

static void wait_for_room(struct worker *w, struct leg *l)
{
    worker_leg_arm(w, l);
    worker_legs_settle(w, l->sock.port);
}

bool worker_leg_put(struct worker *w, struct leg *l, const uint8_t *p, size_t n, bool rtp)
{
    const int err = leg_write(l, p, n, rtp, w->now);

    worker_count(w, WORKER_C_LEG_DROPPED, l->dropped + (err == -ENOBUFS));
    l->dropped = 0;
    if (err == -EPIPE)
        worker_leg_end(w, l, LEG_BROKEN);
    else if (err == -ENOSPC)
        worker_leg_end(w, l, LEG_SLOW);
    else if (l->queue && !(l->events & EPOLLOUT))
        wait_for_room(w, l);
    return err == 0;
}

void worker_leg_send(struct worker *w, struct port *port, const struct pkt *pkt)
{
    struct leg *l = worker_leg_find(port, addr_conn(&pkt->to));

    if (!l || !worker_leg_put(w, l, pkt->p, pkt->n, true)) {
        worker_tally(w, WORKER_C_MEDIA_LOST, 1);
        return;
    }
    port->stats.tx_packets++;
    port->stats.tx_octets += pkt->n;
    worker_tally(w, WORKER_C_TX, 1);
    worker_tally(w, WORKER_C_MEDIA_TX, 1);
    worker_tally(w, WORKER_C_TX_OCTETS, (int64_t)pkt->n);
}

void worker_legs_flush_tx(struct worker *w, struct port *port)
{
    struct tx *tx = &w->tx;
    unsigned kept = 0;

    for (unsigned i = 0; i < tx->n; i++) {
        struct tx_slot *s = &tx->slot[i];
        struct leg *l;

        if (!addr_conn(&s->to)) {
            if (kept != i)
                tx->slot[kept] = *s;
            kept++;
            continue;
        }
        l = worker_leg_find(port, addr_conn(&s->to));
        if (!l || !worker_leg_put(w, l, s->p, s->n, false)) {
            tx->lost++;
            continue;
        }
        port->stats.tx_packets++;
        port->stats.tx_octets += s->n;
        worker_count(w, WORKER_C_TX, 1);
        worker_count(w, WORKER_C_TX_OCTETS, (int64_t)s->n);
    }
    tx->n = kept;
}

/* --- in --- */

/* A check keeps it, and decides when it is the first; nothing else is taken before. */
static void judge(struct worker *w, struct leg *l, enum sep_verdict verdict)
{
    const bool passed = verdict == SEP_STUN_OK && sep_was_checked(l->sock.port->sep);

    if (!l->checked && !passed && verdict != SEP_STUN_OK) {
        worker_leg_end(w, l, LEG_REFUSED);
        return;
    }
    if (!passed)
        return;
    l->by = w->now + MEDIA_LEG_IDLE_MS;
    l->checked = true;
}

void worker_leg_packet(struct worker *w, struct leg *l, const uint8_t *p, size_t n)
{
    struct port *port = l->sock.port;
    struct pkt pkt;

    if (!udp_blank(w->rx, &pkt)) {
        worker_flush_out(w);
        (void)udp_blank(w->rx, &pkt);
    }
    memcpy(pkt.p, p, n); /* MEDIA_RX_SIZE at most: leg_next */
    pkt.n = n;
    pkt.from = l->peer;
    worker_tally(w, WORKER_C_RX, 1);
    w->taken++;
    judge(w, l, worker_packet(w, port, &pkt));
}

static void readable(struct worker *w, struct leg *l)
{
    int err = leg_receive(l, &w->leg_rx), more = 0;
    const uint8_t *p;
    size_t n;

    if (err) {
        worker_leg_end(w, l, LEG_BROKEN);
        return;
    }
    while (!l->why && (more = leg_next(&w->leg_rx, &p, &n)) > 0)
        worker_leg_packet(w, l, p, n);
    if (!l->why && more < 0)
        worker_leg_end(w, l, LEG_OVERSIZED);
    if (!l->why && leg_keep(l, &w->leg_rx))
        worker_leg_end(w, l, LEG_MEMORY);
}

void worker_leg_event(struct worker *w, struct sock *s, uint32_t events)
{
    struct leg *l = (struct leg *)s;
    struct port *port = s->port;

    if (l->why) /* ended by another event of this batch */
        return;
    if ((events & EPOLLOUT) && leg_flush(l, w->now))
        worker_leg_end(w, l, LEG_BROKEN);
    else if (events & EPOLLOUT)
        worker_leg_arm(w, l);
    if (!l->why && (events & EPOLLOUT))
        worker_pipe_left(w, l);
    if (!l->why && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
        port->pipe.id ? worker_pipe_readable(w, l) : readable(w, l);
    worker_settle(w, port);
    worker_flush_tx(w, port);
}

/* -1, or enum leg_end: the fd stays the caller's. */
static int open_leg(struct worker *w, struct port *port, const struct bus_leg *spec)
{
    struct addr peer = spec->peer;
    struct leg *l;

    if (!port)
        return LEG_NOBODY;
    if (port->n_legs == MEDIA_LEGS)
        return LEG_MANY;
    if (++w->last_conn == 0)
        w->last_conn = 1;
    addr_set_conn(&peer, w->last_conn);
    if (leg_new(&l, spec->fd, &spec->local, &peer, w->now))
        return LEG_MEMORY;
    l->sock.port = port;
    l->events = EPOLLIN;
    if (epoll_ctl(w->epoll, EPOLL_CTL_ADD, spec->fd, &(struct epoll_event){.events = EPOLLIN, .data.ptr = &l->sock})) {
        l->sock.fd = -1;
        leg_free(l);
        return LEG_MEMORY;
    }
    LL_APPEND(port->legs, l);
    port->n_legs++;
    worker_count(w, WORKER_C_LEGS, 1);
    worker_settle(w, port);
    return -1;
}

void worker_leg_open(struct worker *w, struct port *port, const struct bus_leg *spec)
{
    const int why = open_leg(w, port, spec);

    if (why < 0)
        return;
    say(w, port, &spec->peer, (enum leg_end)why);
    close(spec->fd);
}
