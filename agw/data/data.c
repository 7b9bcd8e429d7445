#include "agw/data/data.h"

#include <errno.h>
#include <pthread.h>

#include "agw/data/chan.h"
#include "agw/data/msrp_relay.h"
#include "agw/data/tcp.h"
#include "common/log.h"

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
    [DATA_C_DROPPED] = {"agw_data_dropped_total", "SCTP packets dropped before a full worker", false},
};

/* --- joins: everything that moves, moves here --- */

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

static void write_to_core(struct join *j)
{
    struct msg *m;
    size_t n;

    while ((m = relay_core_next(j->relay))) {
        n = tcp_write(j->tcp, m->p + m->off, m->n - m->off);
        if (!n)
            break;
        relay_core_wrote(j->relay, n);
    }
}

static void pump_to_core(struct env *env, struct join *j)
{
    while (j->tcp->up && open_to_core(j) && take_from_wic(env, j))
        write_to_core(j);
    if (j->tcp->gate_out)
        write_to_core(j);
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
    write_to_core(j); /* the answer, if there is one */
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

static void pump(struct env *env, struct join *j)
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

static void join_free(struct env *env, struct join *j)
{
    if (!j)
        return;
    if (j->listed)
        DL_DELETE(env->touched, j);
    j->chan->join = NULL;
    j->tcp->join = NULL;
    tcp_want(j->tcp, false, false);
    relay_free(j->relay);
    free(j);
}

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
            pump(env, j);
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

static void on_join(struct data *d, const struct bus_join *conf)
{
    struct chan *c = chan_find(d, conf->chan);
    struct tcp *t = tcp_find(d, conf->tcp);
    struct relay_conf rconf;
    struct join *j;

    if (!c || !t || (c->join && c->join == t->join))
        return;
    join_free(&d->env, c->join);
    join_free(&d->env, t->join);
    rconf = (struct relay_conf){
        .wic_max = c->assoc ? c->assoc->conf.remote_max : 0,
        .trace = d->env.conf.trace,
        .wic = c->peer,
        .core = t->conf.peer,
    };
    j = calloc(1, sizeof *j);
    if (!j || relay_new(&j->relay, &rconf)) {
        free(j);
        env_event(&d->env, conf->chan, BUS_EV_CHAN_CLOSED, "no memory");
        return;
    }
    j->chan = c;
    j->tcp = t;
    c->join = t->join = j;
    join_touch(&d->env, j);
}

static void on_gate(struct data *d, const struct bus_gate *g)
{
    struct assoc *a = assoc_find(d, g->id);
    struct chan *c = chan_find(d, g->id);
    struct tcp *t = tcp_find(d, g->id);

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
        pump(&d->env, c->join); /* what waits goes on as far as it can */
    join_free(&d->env, c->join);
    HASH_DEL(d->chans, c);
    chan_free(c);
    env_count(&d->env, DATA_C_CHANNELS, -1);
}

static void tcp_close(struct data *d, struct tcp *t)
{
    if (t->join)
        pump(&d->env, t->join);
    join_free(&d->env, t->join);
    HASH_DEL(d->tcps, t);
    tcp_free(t);
    env_count(&d->env, DATA_C_TCPS, -1);
}

/* Answered even when there is nothing: whoever closes waits for the answer. */
static void on_close(struct data *d, bus_id id)
{
    struct assoc *a = assoc_find(d, id);
    struct chan *c = chan_find(d, id);
    struct tcp *t = tcp_find(d, id);
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
