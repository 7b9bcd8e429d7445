#include "agw/media/worker_pipe.h"

#include <string.h>
#include <utlist.h>

#include "agw/media/worker_leg.h"

bool worker_pipe_is(const struct leg *l)
{
    const uint32_t conn = l->sock.port->pipe.conn;

    return conn && addr_conn(&l->peer) == conn;
}

/* --- which connection --- */

/* Who is not read is not heard, either: its checks count from when it is read again. */
static void stop(struct worker *w, struct port *port, bool on)
{
    if (port->pipe.stopped == on)
        return;
    port->pipe.stopped = on;
    sep_rest(port->sep, on, w->now);
    worker_count(w, WORKER_C_PIPE_STOPPED, on);
}

void worker_pipe_gone(struct worker *w, struct port *port, const struct leg *l)
{
    struct pipe_end *e = &port->pipe;

    if (!worker_pipe_is(l))
        return;
    (void)bus_post_conn(w->conf.data, BUS_PIPE_DOWN, e->id, e->conn, 0); /* else the next UP says so */
    e->conn = 0;
    stop(w, port, false);
}

/* One connection at a time: octets of two could not be put in order. */
void worker_pipe_follow(struct worker *w, struct port *port)
{
    const struct addr *sel = sep_selected(port->sep);
    const uint32_t conn = sel ? addr_conn(sel) : 0;
    struct pipe_end *e = &port->pipe;
    struct leg *was = worker_leg_find(port, e->conn), *next = worker_leg_find(port, conn);

    if (!e->id || !next || conn == e->conn)
        return;
    if (was)
        worker_leg_end(w, was, LEG_LOSER);
    if (bus_post_conn(w->conf.data, BUS_PIPE_UP, e->id, conn, 0)) {
        worker_leg_end(w, next, LEG_MEMORY);
        return;
    }
    e->conn = conn;
    e->credit = BUS_PIPE_WINDOW;
    e->used = 0;
}

/* --- in --- */

/* Octets of another connection than the nominated one would come in between. */
static void give(struct worker *w, struct leg *l, const uint8_t *p, size_t n)
{
    struct pipe_end *e = &l->sock.port->pipe;

    if (!n || l->why)
        return;
    if (!worker_pipe_is(l)) {
        worker_leg_end(w, l, LEG_EARLY);
        return;
    }
    if (bus_post_pipe(w->conf.data, BUS_PIPE_DATA, e->id, e->conn, p, n)) {
        worker_leg_end(w, l, LEG_MEMORY);
        return;
    }
    e->credit -= n + BUS_PIPE_COST;
    if (e->credit < BUS_PIPE_COST + MEDIA_PIPE_LEAST) {
        stop(w, l->sock.port, true);
        worker_leg_arm(w, l);
    }
}

/* Octets of several frames go together, moved over the heads and the checks between them: one message a read, or a peer that sends
 * them one by one would have us make thousands. */
static int sort(struct worker *w, struct leg *l)
{
    struct leg_rx *rx = &w->leg_rx;
    size_t from = 0, kept = 0, n;
    const uint8_t *p;
    int got = 0;

    while (!l->why && (got = leg_next_of_pipe(l, rx, &p, &n)) > 0) {
        if (got == LEG_STUN) {
            worker_leg_packet(w, l, p, n);
            continue;
        }
        if (!kept)
            from = (size_t)(p - rx->p);
        else
            memmove(rx->p + from + kept, p, n);
        kept += n;
    }
    give(w, l, rx->p + from, kept);
    return l->why ? 0 : got;
}

void worker_pipe_readable(struct worker *w, struct leg *l)
{
    const struct pipe_end *e = &l->sock.port->pipe;
    const bool is = worker_pipe_is(l);
    int err;

    if (is && e->stopped) { /* nothing is asked for: it is broken */
        worker_leg_end(w, l, LEG_BROKEN);
        return;
    }
    /* a part that is kept may be octets: it counts */
    err = leg_receive_some(l, &w->leg_rx, is ? e->credit - BUS_PIPE_COST : BUS_PIPE_WINDOW / 4);
    if (err) {
        worker_leg_end(w, l, LEG_BROKEN);
        return;
    }
    if (is)
        sep_heard(l->sock.port->sep, w->now);
    if (sort(w, l) < 0)
        worker_leg_end(w, l, LEG_OVERSIZED);
    if (!l->why && leg_keep(l, &w->leg_rx))
        worker_leg_end(w, l, LEG_MEMORY);
}

/* --- out --- */

void worker_pipe_left(struct worker *w, struct leg *l)
{
    struct pipe_end *e = &l->sock.port->pipe;
    const size_t waits = l->queued + l->n_queued * BUS_PIPE_COST; /* STUN, too: a little more than there is */

    if (!worker_pipe_is(l) || e->used < waits + BUS_PIPE_WINDOW / 4)
        return;
    if (bus_post_conn(w->conf.data, BUS_PIPE_CREDIT, e->id, e->conn, e->used - waits) == 0)
        e->used = waits;
}

static void send_octets(struct worker *w, struct leg *l, const struct bus_bytes *b)
{
    struct port *port = l->sock.port;

    port->pipe.used += b->n + BUS_PIPE_COST;
    if (!worker_leg_put(w, l, b->p, b->n, false)) {
        if (!l->why)
            worker_leg_end(w, l, LEG_MEMORY);
        return;
    }
    port->stats.tx_packets++;
    port->stats.tx_octets += b->n;
    worker_pipe_left(w, l);
}

static void take_credit(struct worker *w, struct leg *l, size_t n)
{
    struct pipe_end *e = &l->sock.port->pipe;

    e->credit += n;
    if (!e->stopped || e->credit < BUS_PIPE_WINDOW / 4)
        return;
    stop(w, l->sock.port, false);
    worker_leg_arm(w, l);
}

void worker_pipe_order(struct worker *w, struct port *port, const struct bus_msg *m)
{
    const uint32_t conn = m->kind == BUS_PIPE_SEND ? m->u.bytes.conn : m->u.conn.conn;
    struct leg *l = port && conn && conn == port->pipe.conn ? worker_leg_find(port, conn) : NULL;

    if (!l)
        return; /* meant for one that is gone: data hears of it */
    if (m->kind == BUS_PIPE_SEND)
        send_octets(w, l, &m->u.bytes);
    else if (m->kind == BUS_PIPE_CREDIT)
        take_credit(w, l, m->u.conn.n);
    else
        worker_leg_end(w, l, m->u.conn.n ? LEG_NO_MSRP : LEG_ENDED);
    worker_settle(w, port);
    worker_flush_tx(w, port);
}
