#include "agw/data/join.h"

#include <errno.h>
#include <stdlib.h>

#include "agw/data/chan.h"
#include "agw/data/msrp_relay.h"
#include "agw/data/pass.h"
#include "agw/data/pipe.h"
#include "agw/data/tcp.h"
#include "common/log.h"

/* --- a channel --- */

static bool open_to_core(const struct join *j)
{
    const struct assoc *a = j->chan->assoc;

    return j->chan->gate_in && (!a || a->gate_in) && j->tcp->gate_out;
}

static bool open_to_wic(const struct join *j)
{
    const struct assoc *a = j->chan->assoc;

    return j->tcp->gate_in && j->chan->gate_out && (!a || a->gate_out);
}

static void count_to_core(struct env *env, struct join *j, const struct msg *m)
{
    env_count(env, DATA_C_MSG_TO_CORE, 1);
    env_count(env, DATA_C_OCTETS_TO_CORE, (int64_t)m->n);
    j->tcp->stats.tx_packets++;
    j->tcp->stats.tx_octets += m->n;
}

/* Messages of the channel into the relay, up to queue_max; past that they stay in the channel, and then in the peer. */
static bool take_from_wic(struct env *env, struct join *j)
{
    struct msg *m;
    bool any = false;

    while (relay_core_queued(j->relay) < env->conf.queue_max && (m = chan_take(j->chan))) {
        any = true;
        count_to_core(env, j, m);
        if (relay_wic_got(j->relay, m)) {
            env_count(env, DATA_C_MSRP_BAD, 1);
            log_warn("data", "chan=%llu msg=\"message dropped\" why=\"not one MSRP chunk\"",
                     (unsigned long long)j->chan->id);
        }
    }
    return any;
}

static bool write_to_core(struct join *j)
{
    bool any = false;
    struct msg *m;
    size_t n;

    while ((m = relay_core_next(j->relay)) && (n = tcp_write(j->tcp, m->p + m->off, m->n - m->off)) > 0) {
        relay_core_wrote(j->relay, n);
        any = true;
    }
    return any;
}

/* Whatever made room is followed by a look at what waits for it: nobody else wakes us when the relay is empty and the channel full. */
static void pump_to_core(struct env *env, struct join *j)
{
    bool moved;

    do {
        moved = j->tcp->up && open_to_core(j) && take_from_wic(env, j);
        moved = (j->tcp->gate_out && write_to_core(j)) || moved;
    } while (moved);
}

/* 0: nothing is left; -EAGAIN: something waits; -EPROTO: no MSRP */
static int give_to_wic(struct join *j)
{
    struct sv m;
    int got, err;

    while ((got = relay_wic_next(j->relay, &m)) == 1) {
        err = chan_send(j->chan, m);
        if (err)
            return chan_dead(j->chan) ? 0 : -EAGAIN;
        relay_wic_sent(j->relay);
        j->tcp->stats.rx_packets++;
        j->tcp->stats.rx_octets += m.n;
    }
    return got;
}

static void conn_lost(struct join *j)
{
    relay_tcp_lost(j->relay);
    j->live = false;
}

static void conn_bad(struct env *env, struct join *j)
{
    log_warn("data", "tcp=%llu msg=\"connection closed\" why=\"MSRP framing broken\"", (unsigned long long)j->tcp->id);
    env_count(env, DATA_C_MSRP_BAD, 1);
    (void)write_to_core(j); /* the answer, if there is one */
    tcp_drop(j->tcp);
    conn_lost(j);
    env_event(env, j->tcp->id, BUS_EV_MSRP_BAD, "MSRP framing broken");
}

static int pump_to_wic(struct env *env, struct join *j)
{
    size_t room;
    void *p;
    int got = -EAGAIN;

    if (j->tcp->gate_in) {
        room = relay_tcp_room(j->relay, &p);
        relay_tcp_got(j->relay, tcp_read(j->tcp, p, room));
    }
    if (open_to_wic(j))
        got = give_to_wic(j);
    if (got == -EPROTO)
        conn_bad(env, j);
    return got;
}

static void chan_pump(struct env *env, struct join *j)
{
    struct tcp *t = j->tcp;
    void *p;
    int got;

    if (j->live && !t->up)
        conn_lost(j);
    j->live = t->up;
    pump_to_core(env, j);
    got = pump_to_wic(env, j);
    if (t->eof && (got == 0 || chan_dead(j->chan))) { /* what came before the end is delivered */
        bool gone = tcp_lost(t) != 0;

        conn_lost(j);
        env_event(env, t->id, gone ? BUS_EV_TCP_FAILED : BUS_EV_TCP_CLOSED, "closed by the far end");
    }
    if (t->up)
        tcp_want(t, !t->eof && t->gate_in && relay_tcp_room(j->relay, &p) > 0,
                 !t->eof && t->gate_out && relay_core_next(j->relay));
}

/* --- both --- */

void join_pump(struct env *env, struct join *j)
{
    if (j->pipe)
        join_pipe_pump(env, j);
    else
        chan_pump(env, j);
}

void join_free(struct env *env, struct join *j)
{
    if (!j)
        return;
    if (j->listed)
        DL_DELETE(env->touched, j);
    if (j->chan)
        j->chan->join = NULL;
    if (j->pipe)
        j->pipe->join = NULL;
    if (j->tcp) {
        j->tcp->join = NULL;
        tcp_want(j->tcp, false, false);
    }
    relay_free(j->relay);
    pass_free(j->up);
    pass_free(j->down);
    free(j);
}

static void join_ends(struct env *env, struct join *j, struct tcp *t)
{
    j->tcp = t;
    t->join = j;
    join_touch(env, j);
}

int join_chan(struct env *env, struct chan *c, struct tcp *t)
{
    const struct relay_conf conf = {
        .wic_max = c->assoc ? c->assoc->conf.remote_max : 0,
        .trace = env->conf.trace,
        .wic = c->peer,
        .core = t->conf.peer,
    };
    struct join *j = calloc(1, sizeof *j);

    if (!j || relay_new(&j->relay, &conf)) {
        free(j);
        return -ENOMEM;
    }
    j->chan = c;
    c->join = j;
    join_ends(env, j, t);
    return 0;
}

int join_pipe(struct env *env, struct pipe *p, struct tcp *t)
{
    const struct pass_conf up = {env->conf.trace, p->conf.peer, t->conf.peer},
                           down = {env->conf.trace, t->conf.peer, p->conf.peer};
    struct join *j = calloc(1, sizeof *j);

    if (!j || pass_new(&j->up, &up) || pass_new(&j->down, &down)) {
        join_free(env, j);
        return -ENOMEM;
    }
    j->pipe = p;
    p->join = j;
    join_ends(env, j, t);
    return 0;
}
