#include "agw/data/data.h"

#include <errno.h>
#include <pthread.h>

#include "agw/data/chan.h"
#include "agw/data/join.h"
#include "agw/data/msrp_relay.h"
#include "agw/data/pipe.h"
#include "agw/data/tcp.h"

#define INBOX_LIMIT 16384 /* records that wait: more are dropped, SCTP sends them again */

struct data {
    struct env env; /* first */
    struct inbox *inbox;
    pthread_t thread;
    bool started;
    uv_poll_t poll;
    uv_prepare_t prepare;
    uv_timer_t clock;
    struct assoc *assocs; /* by id */
    struct chan *chans;
    struct tcp *tcps;
    struct pipe *pipes;
};

const struct count_def data_counters[DATA_C_N] = {
    [DATA_C_ASSOCS] = {"agw_sctp_associations", "SCTP associations, established or not", true},
    [DATA_C_CHANNELS] = {"agw_data_channels", "data channels", true},
    [DATA_C_TCPS] = {"agw_msrp_endpoints", "TCP endpoints towards the core", true},
    [DATA_C_SCTP_UP] = {"agw_sctp_established", "SCTP associations that are established", true},
    [DATA_C_SCTP_FAILED] = {"agw_sctp_failed_total", "SCTP associations that were not established", false},
    [DATA_C_DCEP_OPEN] = {"agw_dcep_open_total", "DATA_CHANNEL_OPEN acknowledged", false},
    [DATA_C_DCEP_REFUSED] = {"agw_dcep_refused_total", "DCEP messages answered with a stream reset", false},
    [DATA_C_MSG_TO_CORE] = {"agw_msg_to_core_total", "channel messages towards the core", false},
    [DATA_C_MSG_TO_WIC] = {"agw_msg_to_wic_total", "messages towards browsers", false},
    [DATA_C_OCTETS_TO_CORE] = {"agw_octets_to_core_total", "octets of messages towards the core", false},
    [DATA_C_OCTETS_TO_WIC] = {"agw_octets_to_wic_total", "octets of messages towards browsers", false},
    [DATA_C_MSRP_BAD] = {"agw_msrp_bad_total", "messages or connections with broken MSRP framing", false},
    [DATA_C_TCP_REFUSED] = {"agw_tcp_refused_total", "connections from an address that was not signalled", false},
    [DATA_C_TCP_STARVED] = {"agw_tcp_starved_total", "times that no descriptor was left for a TCP connection", false},
    [DATA_C_PIPES] = {"agw_msrp_ice_tcp_endpoints", "MSRP endpoints on ICE-TCP towards UEs", true},
    [DATA_C_DROPPED] = {"agw_data_dropped_total", "SCTP packets dropped before a full worker", false},
};

/* Whatever happened in this wake-up is worked off before the loop waits again. */
static void service(struct env *env)
{
    struct sctp *s;
    struct sctp_ev ev;
    struct join *j;
    bool any;

    do {
        any = false;
        while ((s = sctp_lib_next(env->lib))) {
            any = true;
            while (sctp_next(s, &ev)) {
                sassoc_on_sctp(sctp_owner(s), &ev);
                if (ev.what == SCTP_LOST)
                    break; /* s is gone */
            }
        }
        while ((j = env->touched)) {
            any = true;
            DL_DELETE(env->touched, j);
            j->listed = false;
            join_pump(env, j);
        }
    } while (any);
}

/* --- bus messages --- */

static struct assoc *assoc_find(struct data *d, bus_id id)
{
    struct assoc *a;

    HASH_FIND(hh, d->assocs, &id, sizeof id, a);
    return a;
}

static struct chan *chan_find(struct data *d, bus_id id)
{
    struct chan *c;

    HASH_FIND(hh, d->chans, &id, sizeof id, c);
    return c;
}

static struct tcp *tcp_find(struct data *d, bus_id id)
{
    struct tcp *t;

    HASH_FIND(hh, d->tcps, &id, sizeof id, t);
    return t;
}

static struct pipe *pipe_find(struct data *d, bus_id id)
{
    struct pipe *p;

    HASH_FIND(hh, d->pipes, &id, sizeof id, p);
    return p;
}

static void on_clock(uv_timer_t *h)
{
    struct data *d = h->data;
    struct assoc *a, *tmp;

    d->env.now = net_now_ms();
    sctp_lib_clock(d->env.lib, d->env.now);
    HASH_ITER(hh, d->assocs, a, tmp)
        sassoc_tick(a);
}

static void on_assoc_open(struct data *d, const struct bus_assoc *conf)
{
    struct assoc *a;

    if (assoc_find(d, conf->id))
        return;
    if (sassoc_new(&a, &d->env, conf)) {
        env_event(&d->env, conf->id, BUS_EV_SCTP_FAILED, "no memory");
        return;
    }
    HASH_ADD(hh, d->assocs, id, sizeof a->id, a);
    env_count(&d->env, DATA_C_ASSOCS, 1);
    if (!uv_is_active((uv_handle_t *)&d->clock))
        uv_timer_start(&d->clock, on_clock, SCTP_TICK_MS, SCTP_TICK_MS);
}

static void on_assoc_remote(struct data *d, const struct bus_assoc *conf)
{
    struct assoc *a = assoc_find(d, conf->id);
    struct chan *c;

    if (!a)
        return;
    sassoc_remote(a, conf);
    DL_FOREACH(a->chans, c)
        if (c->join)
            relay_wic_max(c->join->relay, conf->remote_max);
}

static void on_chan_open(struct data *d, const struct bus_chan *conf)
{
    struct assoc *a = assoc_find(d, conf->assoc);
    struct chan *c;

    if (chan_find(d, conf->id))
        return;
    if (!a || chan_new(&c, &d->env, a, conf)) {
        env_event(&d->env, conf->id, BUS_EV_CHAN_CLOSED, a ? "no room" : "no association");
        return;
    }
    HASH_ADD(hh, d->chans, id, sizeof c->id, c);
    env_count(&d->env, DATA_C_CHANNELS, 1);
}

static void on_tcp_open(struct data *d, struct bus_tcp *conf)
{
    struct tcp *t;

    if (tcp_find(d, conf->id))
        return;
    if (tcp_new(&t, &d->env, conf)) {
        env_event(&d->env, conf->id, BUS_EV_TCP_FAILED, "no memory");
    } else {
        HASH_ADD(hh, d->tcps, id, sizeof t->id, t);
        env_count(&d->env, DATA_C_TCPS, 1);
    }
    conf->fd = -1; /* taken */
}

static void on_pipe_open(struct data *d, const struct bus_pipe *conf)
{
    struct pipe *p;

    if (pipe_find(d, conf->id))
        return;
    if (pipe_new(&p, &d->env, conf)) {
        env_event(&d->env, conf->id, BUS_EV_TCP_FAILED, "no memory");
        return;
    }
    HASH_ADD(hh, d->pipes, id, sizeof p->id, p);
    env_count(&d->env, DATA_C_PIPES, 1);
}

static void on_join(struct data *d, const struct bus_join *conf)
{
    struct chan *c = chan_find(d, conf->chan);
    struct pipe *p = pipe_find(d, conf->chan);
    struct tcp *t = tcp_find(d, conf->tcp);
    struct join *was = c ? c->join : p ? p->join : NULL;

    if ((!c && !p) || !t || (was && was == t->join))
        return;
    join_free(&d->env, was);
    join_free(&d->env, t->join);
    if (c ? join_chan(&d->env, c, t) : join_pipe(&d->env, p, t))
        env_event(&d->env, conf->chan, c ? BUS_EV_CHAN_CLOSED : BUS_EV_TCP_FAILED, "no memory");
}

static void on_gate(struct data *d, const struct bus_gate *g)
{
    struct assoc *a = assoc_find(d, g->id);
    struct chan *c = chan_find(d, g->id);
    struct tcp *t = tcp_find(d, g->id);
    struct pipe *p = pipe_find(d, g->id);

    if (a) {
        a->gate_in = g->in;
        a->gate_out = g->out;
        DL_FOREACH(a->chans, c)
            join_touch(&d->env, c->join);
    } else if (c) {
        c->gate_in = g->in;
        c->gate_out = g->out;
        join_touch(&d->env, c->join);
    } else if (t) {
        t->gate_in = g->in;
        t->gate_out = g->out;
        join_touch(&d->env, t->join);
    } else if (p) {
        p->gate_in = g->in;
        p->gate_out = g->out;
        join_touch(&d->env, p->join);
    }
}

static void assoc_close(struct data *d, struct assoc *a)
{
    HASH_DEL(d->assocs, a);
    sassoc_free(a);
    env_count(&d->env, DATA_C_ASSOCS, -1);
    if (!d->assocs)
        uv_timer_stop(&d->clock);
}

static void chan_close(struct data *d, struct chan *c)
{
    if (c->join)
        join_pump(&d->env, c->join); /* what waits goes on as far as it can */
    join_free(&d->env, c->join);
    HASH_DEL(d->chans, c);
    chan_free(c);
    env_count(&d->env, DATA_C_CHANNELS, -1);
}

static void tcp_close(struct data *d, struct tcp *t)
{
    if (t->join)
        join_pump(&d->env, t->join);
    if (t->join && t->join->pipe)
        join_pipe_leave(t->join, true);
    join_free(&d->env, t->join);
    HASH_DEL(d->tcps, t);
    tcp_free(t);
    env_count(&d->env, DATA_C_TCPS, -1);
}

static void pipe_close(struct data *d, struct pipe *p)
{
    if (p->join)
        join_pump(&d->env, p->join);
    if (p->join)
        join_pipe_leave(p->join, false);
    join_free(&d->env, p->join);
    HASH_DEL(d->pipes, p);
    pipe_free(p);
    env_count(&d->env, DATA_C_PIPES, -1);
}

/* Answered even when there is nothing: whoever closes waits for the answer. */
static void on_close(struct data *d, bus_id id)
{
    struct assoc *a = assoc_find(d, id);
    struct chan *c = chan_find(d, id);
    struct tcp *t = tcp_find(d, id);
    struct pipe *p = pipe_find(d, id);
    struct bus_msg *m = bus_new(BUS_CLOSED);
    struct bus_stats stats = {.id = id};

    service(&d->env); /* what came before the close counts as before */
    if (a) {
        stats = a->stats;
        assoc_close(d, a);
    } else if (c) {
        stats = c->stats;
        chan_close(d, c);
    } else if (t) {
        stats = t->stats;
        tcp_close(d, t);
    } else if (p) {
        stats = p->stats;
        pipe_close(d, p);
    }
    if (!m)
        return;
    m->u.stats = stats;
    inbox_post(d->env.conf.ctl, &m->item);
}

static void on_assoc_bytes(struct data *d, const struct bus_msg *m)
{
    struct assoc *a = assoc_find(d, m->u.id);

    if (!a)
        return;
    if (m->kind == BUS_DTLS_UP)
        sassoc_dtls_up(a);
    else if (m->kind == BUS_DTLS_DOWN)
        sassoc_dtls_down(a);
    else
        sassoc_input(a, m->u.bytes.p, m->u.bytes.n);
}

static void on_pipe(struct data *d, const struct bus_msg *m)
{
    struct pipe *p = pipe_find(d, m->u.id);
    const struct bus_conn *c = &m->u.conn;

    if (!p)
        return;
    if (m->kind == BUS_PIPE_UP)
        pipe_up(p, c->conn);
    else if (m->kind == BUS_PIPE_DOWN)
        pipe_down(p, c->conn);
    else if (m->kind == BUS_PIPE_CREDIT)
        pipe_credit(p, c->conn, c->n);
    else
        pipe_data(p, m->u.bytes.conn, m->u.bytes.p, m->u.bytes.n);
}

static void on_bus(struct data *d, struct bus_msg *m)
{
    struct chan *c;
    struct tcp *t;

    switch (m->kind) {
    case BUS_ASSOC_OPEN: on_assoc_open(d, &m->u.assoc); break;
    case BUS_ASSOC_REMOTE: on_assoc_remote(d, &m->u.assoc); break;
    case BUS_CHAN_OPEN: on_chan_open(d, &m->u.chan); break;
    case BUS_CHAN_RESET:
        c = chan_find(d, m->u.id);
        if (c)
            chan_reset(c);
        break;
    case BUS_TCP_OPEN: on_tcp_open(d, &m->u.tcp); break;
    case BUS_TCP_REMOTE:
        t = tcp_find(d, m->u.tcp.id);
        if (t)
            tcp_remote(t, &m->u.tcp);
        break;
    case BUS_PIPE_OPEN: on_pipe_open(d, &m->u.pipe); break;
    case BUS_PIPE_UP:
    case BUS_PIPE_DOWN:
    case BUS_PIPE_CREDIT:
    case BUS_PIPE_DATA: on_pipe(d, m); break;
    case BUS_JOIN: on_join(d, &m->u.join); break;
    case BUS_GATE: on_gate(d, &m->u.gate); break;
    case BUS_CLOSE: on_close(d, m->u.id); break;
    case BUS_DTLS_UP:
    case BUS_DTLS_DOWN:
    case BUS_DTLS_DATA: on_assoc_bytes(d, m); break;
    case BUS_STOP: uv_stop(&d->env.loop); break;
    default: break; /* not for us */
    }
}

static void on_inbox(uv_poll_t *h, int status, int events)
{
    struct data *d = h->data;
    struct inbox_item *it = inbox_take(d->inbox), *next;

    (void)status;
    (void)events;
    d->env.now = net_now_ms();
    for (; it; it = next) {
        next = it->next;
        on_bus(d, (struct bus_msg *)it);
        bus_drop(it);
    }
}

static void on_prepare(uv_prepare_t *h)
{
    service(&((struct data *)h->data)->env);
}

/* --- the thread --- */

static void close_all(struct data *d)
{
    struct assoc *a, *atmp;
    struct chan *c, *ctmp;
    struct tcp *t, *ttmp;
    struct pipe *p, *ptmp;

    HASH_ITER(hh, d->pipes, p, ptmp)
        pipe_close(d, p);
    HASH_ITER(hh, d->chans, c, ctmp)
        chan_close(d, c);
    HASH_ITER(hh, d->tcps, t, ttmp)
        tcp_close(d, t);
    HASH_ITER(hh, d->assocs, a, atmp)
        assoc_close(d, a);
}

static void handles_close(struct data *d)
{
    uv_close((uv_handle_t *)&d->poll, NULL);
    uv_close((uv_handle_t *)&d->prepare, NULL);
    uv_close((uv_handle_t *)&d->clock, NULL);
    uv_run(&d->env.loop, UV_RUN_DEFAULT);
}

static void *run(void *arg)
{
    struct data *d = arg;

    uv_run(&d->env.loop, UV_RUN_DEFAULT);
    close_all(d);
    handles_close(d);
    return NULL;
}

static int start(struct data *d)
{
    uv_loop_t *loop = &d->env.loop;
    int err;

    uv_poll_init(loop, &d->poll, inbox_fd(d->inbox));
    uv_prepare_init(loop, &d->prepare);
    uv_timer_init(loop, &d->clock);
    d->poll.data = d->prepare.data = d->clock.data = d;
    uv_poll_start(&d->poll, UV_READABLE, on_inbox);
    uv_prepare_start(&d->prepare, on_prepare);
    err = pthread_create(&d->thread, NULL, run, d);
    if (err) {
        handles_close(d);
        return -err;
    }
    d->started = true;
    return 0;
}

int data_new(struct data **dp, const struct data_conf *conf)
{
    struct data *d = calloc(1, sizeof *d);
    int err;

    if (!d)
        return -ENOMEM;
    d->env.conf = *conf;
    d->env.now = net_now_ms();
    err = uv_loop_init(&d->env.loop);
    if (err) {
        free(d);
        return err;
    }
    err = inbox_new(&d->inbox, INBOX_LIMIT);
    if (!err)
        err = sctp_lib_init(&d->env.lib);
    if (!err)
        err = start(d);
    if (err)
        data_free(d);
    else
        *dp = d;
    return err;
}

struct inbox *data_inbox(struct data *d)
{
    return d->inbox;
}

void data_free(struct data *d)
{
    if (!d)
        return;
    if (d->started) {
        bus_post_id(d->inbox, BUS_STOP, 0);
        pthread_join(d->thread, NULL);
    }
    sctp_lib_fini(d->env.lib);
    uv_loop_close(&d->env.loop);
    inbox_free(d->inbox, bus_drop);
    free(d);
}

const count_t *data_counts(const struct data *d)
{
    return d->env.counts;
}
