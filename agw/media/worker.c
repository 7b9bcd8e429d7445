/* One thread: epoll over the streams' sockets and the inbox, batches in and out, deadlines of endpoints from a heap, of flows
 * from a queue. The clock is read once per wake-up. Everything a wake-up does is bounded: MEDIA_EPOLL_BATCH sockets, one batch
 * of each (MEDIA_RX_ROUNDS of a shared one), what the inbox held. */
#include "agw/media/worker.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "agw/media/warm.h"
#include "agw/media/worker_leg.h"
#include "common/log.h"

const struct count_def worker_counters[WORKER_C_N] = {
    [WORKER_C_RX] = {"agw_udp_rx_datagrams", "Datagrams received on access ports", false},
    [WORKER_C_TX] = {"agw_udp_tx_datagrams", "Datagrams sent from access ports", false},
    [WORKER_C_RX_OCTETS] = {"agw_udp_rx_octets", "UDP payload received on access ports", false},
    [WORKER_C_TX_OCTETS] = {"agw_udp_tx_octets", "UDP payload sent from access ports", false},
    [WORKER_C_STUN_OK] = {"agw_stun_ok", "Connectivity checks answered", false},
    [WORKER_C_STUN_BAD] = {"agw_stun_bad", "STUN malformed or not authenticated, left without answer", false},
    [WORKER_C_UNVALIDATED] = {"agw_unvalidated", "Datagrams from addresses without a passed check, dropped", false},
    [WORKER_C_JUNK] = {"agw_junk", "Datagrams of no known protocol, dropped", false},
    [WORKER_C_DTLS_OK] = {"agw_dtls_up", "DTLS associations established and verified", false},
    [WORKER_C_DTLS_FAILED] = {"agw_dtls_failed", "DTLS handshakes failed or timed out, or fingerprint mismatch", false},
    [WORKER_C_DROPPED] = {"agw_records_dropped", "Records lost because the data thread's inbox was full", false},
    [WORKER_C_TX_LOST] = {"agw_udp_tx_lost", "Datagrams that the kernel or a batch had no room for", false},
    [WORKER_C_MEDIA] = {"agw_rtp_rx_packets", "RTP and RTCP taken from the network", false},
    [WORKER_C_MEDIA_TX] = {"agw_rtp_tx_packets", "RTP and RTCP relayed or of our own, given to the kernel", false},
    [WORKER_C_MEDIA_DROPPED] = {"agw_rtp_dropped", "RTP not relayed: Mode, source, authentication, replay, rate, "
                                "payload type; each stream's own statistics tell which", false},
    [WORKER_C_MEDIA_LOST] = {"agw_rtp_tx_lost", "RTP and RTCP that a socket had no room for", false},
    [WORKER_C_PEER_REFUSED] = {"agw_shared_refused", "Checks on a shared port from an address that another stream uses",
                               false},
    [WORKER_C_RING_LOST] = {"agw_udp_rx_lost", "Datagrams beyond their socket's share of the receive ring, or the ring full",
                            false},
    [WORKER_C_LEG_DROPPED] = {"agw_ice_tcp_rtp_dropped", "RTP that a slow reader on TCP did not get", false},
    [WORKER_C_LEG_CLOSED] = {"agw_ice_tcp_closed", "ICE-TCP connections that ended in good order", false},
    [WORKER_C_LEG_BAD] = {"agw_ice_tcp_refused",
                          "ICE-TCP connections closed: no check that passes in time, too many, no MSRP", false},
    [WORKER_C_LEG_OVERSIZED] = {"agw_ice_tcp_oversized", "ICE-TCP connections closed: a frame too long", false},
    [WORKER_C_LEG_SLOW] = {"agw_ice_tcp_slow", "ICE-TCP connections closed: the peer did not read", false},
    [WORKER_C_PIPE_STOPPED] = {"agw_ice_tcp_rested", "Times that MSRP on ICE-TCP was not read because the core was slow", false},
    [WORKER_C_LEGS] = {"agw_ice_tcp_connections", "ICE-TCP connections of streams", true},
    [WORKER_C_FLOWS] = {"agw_flows", "RTP streams", true},
    [WORKER_C_SEPS] = {"agw_streams_udp", "Stream endpoints on UDP", true},
};

/* --- out --- */

void worker_flush_tx(struct worker *w, struct port *port)
{
    uint64_t octets = 0;
    unsigned sent;

    worker_legs_flush_tx(w, port);
    if (w->tx.n) {
        sent = udp_send(port->out->fd, &w->tx, &octets);
        port->stats.tx_packets += sent;
        port->stats.tx_octets += octets;
        worker_count(w, WORKER_C_TX, sent);
        worker_count(w, WORKER_C_TX_OCTETS, (int64_t)octets);
    }
    if (w->tx.lost)
        worker_count(w, WORKER_C_TX_LOST, w->tx.lost);
    w->tx.lost = 0;
}

void worker_flush_out(struct worker *w)
{
    struct out_sum sum;

    out_flush(w->out, &sum);
    udp_reset(w->rx);
    worker_tally(w, WORKER_C_TX, sum.sent);
    worker_tally(w, WORKER_C_TX_OCTETS, (int64_t)sum.octets);
    worker_tally(w, WORKER_C_MEDIA_TX, sum.sent);
    worker_tally(w, WORKER_C_MEDIA_LOST, sum.lost);
}

void worker_send(struct worker *w, const struct pkt *pkt)
{
    struct port *port = sep_owner(pkt->out);
    struct sock *s = pkt->rtcp && !port->mux ? &port->rtcp : port->out;

    if (addr_conn(&pkt->to)) {
        worker_leg_send(w, port, pkt);
        return;
    }
    if (s->fd < 0 || !out_add(w->out, s, pkt)) {
        worker_tally(w, WORKER_C_MEDIA_LOST, 1);
        return;
    }
    port->stats.tx_packets++;
    port->stats.tx_octets += pkt->n;
}

static void post_up(struct worker *w, bus_id id, const char *role)
{
    struct bus_msg *m = bus_new(BUS_DTLS_UP);

    if (!m) {
        (void)bus_post_event(w->conf.ctl, id, BUS_EV_DTLS_FAILED, "no memory");
        return;
    }
    m->u.event.id = id;
    sv_copy(sv_from(role), m->u.event.text, sizeof(m->u.event.text));
    inbox_post(w->conf.data, &m->item);
}

static void post(struct worker *w, struct port *port, const struct sep_out *out)
{
    switch (out->kind) {
    case SEP_OUT_EVENT:
        if (out->what == BUS_EV_DTLS_UP)
            worker_count(w, WORKER_C_DTLS_OK, 1);
        if (out->what == BUS_EV_DTLS_FAILED)
            worker_count(w, WORKER_C_DTLS_FAILED, 1);
        (void)bus_post_event(w->conf.ctl, port->id, out->what, out->text);
        break;
    case SEP_OUT_UP:
        post_up(w, port->id, out->text);
        break;
    case SEP_OUT_DATA:
        if (bus_post_bytes(w->conf.data, BUS_DTLS_DATA, port->id, out->p, out->n))
            worker_count(w, WORKER_C_DROPPED, 1);
        break;
    case SEP_OUT_DOWN:
        (void)bus_post_id(w->conf.data, BUS_DTLS_DOWN, port->id);
        break;
    case SEP_OUT_NONE:
        break;
    }
}

/* After every call of a sep: what it has to say, and when it wants to be called again. A deadline that moved back stays
 * in the heap as it is: it fires early, finds nothing to do and is set anew. So a datagram costs no sorting. */
void worker_settle(struct worker *w, struct port *port)
{
    struct sep_out out;
    msec_t at;

    while (sep_output(port->sep, &out, &w->tx)) {
        post(w, port, &out);
        if (w->tx.n + MEDIA_TX_ROOM > MEDIA_TX_BATCH)
            worker_flush_tx(w, port);
    }
    at = sep_deadline(port->sep, w->now);
    if (at < port->due.at)
        due_set(&w->port_due, &port->due, at);
    if (port->legs)
        worker_legs_settle(w, port);
}

/* --- the loop --- */

/* What is due can wait, packets cannot: after some of it they have their turn, and it goes on behind them. Before the worker
 * sleeps the ring is empty, so all has been done. */
static bool has_done_enough(const struct worker *w, unsigned n)
{
    return n >= MEDIA_CHORES && w->ring && !ring_is_empty(w->ring);
}

static void run_ports(struct worker *w)
{
    struct due_entry *e;

    for (unsigned n = 0; (e = due_first(&w->port_due)) && e->at <= w->now && !has_done_enough(w, n); n++) {
        struct port *port = (struct port *)((char *)e - offsetof(struct port, due));

        sep_tick(port->sep, &w->tx, w->now);
        worker_legs_tick(w, port);
        due_set(&w->port_due, e, MSEC_NEVER);
        worker_settle(w, port);
        worker_flush_tx(w, port);
        /* OpenSSL's clock and ours are read at different times: never the same instant twice */
        if (e->at <= w->now)
            due_set(&w->port_due, e, w->now + 1);
    }
}

static void run_streams(struct worker *w)
{
    if (w->now < w->look_at)
        return;
    for (unsigned n = 0; w->looks && w->looks->look_at <= w->now; n++) {
        if (has_done_enough(w, n))
            return;
        worker_look(w, w->looks);
    }
    w->look_at = w->now + MEDIA_LOOK_TICK_MS;
}

/* A wait with a limit sets a timer of the hardware and takes it back, each time: in a virtual machine that is two exits, more
 * than a packet costs. So the timer is one that goes on while packets come, set anew only when something is due before it. */
static int timer_arm(struct worker *w)
{
    const struct due_entry *port = due_first(&w->port_due);
    const msec_t look = w->looks && w->looks->look_at > w->look_at ? w->looks->look_at : w->look_at;
    const msec_t a = port ? port->at : MSEC_NEVER, b = w->looks ? look : MSEC_NEVER, at = a < b ? a : b;
    struct itimerspec when = {.it_value = {(time_t)(at / 1000), (long)(at % 1000) * 1000000L + 1}};

    if (at == MSEC_NEVER || (w->timer_at > w->now && w->timer_at <= at))
        return 0;
    w->timer_at = at;
    return timerfd_settime(w->timer, TFD_TIMER_ABSTIME, &when, NULL);
}

static void publish(struct worker *w)
{
    for (unsigned i = 0; i < WORKER_C_N; i++) {
        if (w->add[i])
            count_add(&w->count[i], w->add[i]);
        w->add[i] = 0;
    }
}

/* How long to let datagrams gather: not at all when there are few of them. */
static unsigned gather_us(const struct worker *w)
{
    if (w->pps < MEDIA_BUNCH_PPS)
        return 0;
    return (uint64_t)w->pps * w->conf.gather_us <= MEDIA_BUNCH * 1000000ULL ? w->conf.gather_us : MEDIA_BUNCH * 1000000U / w->pps;
}

static void measure(struct worker *w)
{
    w->seen += w->taken;
    w->idle = w->taken ? 0 : w->idle + 1;
    w->taken = 0;
    if (w->now - w->seen_at < 10)
        return;
    w->pps = (unsigned)((uint64_t)w->seen * 1000 / (w->now - w->seen_at));
    w->seen = 0;
    w->seen_at = w->now;
}

/* Who had time to sleep may sleep a little longer: a wake-up costs as much as three packets. Behind the load nobody waits. */
static int sleep_events(struct worker *w, struct epoll_event ev[MEDIA_EPOLL_BATCH])
{
    const struct timespec gather = {0, gather_us(w) * 1000L};
    int n;

    (void)timer_arm(w);
    if (!gather.tv_nsec)
        return epoll_wait(w->epoll, ev, MEDIA_EPOLL_BATCH, -1);
    n = epoll_wait(w->epoll, ev, MEDIA_EPOLL_BATCH, 0);
    if (n)
        return n;
    n = epoll_wait(w->epoll, ev, MEDIA_EPOLL_BATCH, -1);
    if (n <= 0)
        return n;
    nanosleep(&gather, NULL);
    return epoll_wait(w->epoll, ev, MEDIA_EPOLL_BATCH, 0);
}

static bool has_udp(const struct worker *w, const struct epoll_event *ev, int n)
{
    for (int i = 0; i < n; i++) {
        const struct sock *s = ev[i].data.ptr;

        if (s && ev[i].data.ptr != w && ev[i].data.ptr != w->ring && s->kind != SOCK_LEG)
            return true;
    }
    return false;
}

/* When something else ended the wait as well, the datagram may still be on its way into its queue: what came after it must not
 * be ahead of it. It is there at once, or the kernel had no memory for it. */
static int wait_ring(struct worker *w, struct epoll_event ev[MEDIA_EPOLL_BATCH])
{
    int n = 0;

    if (ring_may_wait(w->ring))
        n = sleep_events(w, ev);
    else if (++w->rounds % MEDIA_RING_ROUNDS == 0) /* no need to ask, except for what else there may be */
        n = epoll_wait(w->epoll, ev, MEDIA_EPOLL_BATCH, w->idle < MEDIA_RING_IDLE ? 0 : 1);
    if (ring_woken(w->ring) && n >= 0 && n < MEDIA_EPOLL_BATCH && !has_udp(w, ev, n)) {
        const int more = epoll_wait(w->epoll, ev + n, MEDIA_EPOLL_BATCH - n, 1);

        n += more > 0 ? more : 0;
    }
    return n;
}

static int wait_events(struct worker *w, struct epoll_event ev[MEDIA_EPOLL_BATCH])
{
    return w->ring ? wait_ring(w, ev) : sleep_events(w, ev);
}

/* Sockets of one stream; a shared one has its turn when it was read. */
static void warm_events(const struct worker *w, const struct epoll_event *ev, int n)
{
    const struct port *port[MEDIA_WARM];
    const struct sep *sep[MEDIA_WARM];
    unsigned k = 0;

    for (int i = 0; i < n; i++)
        warm_all(ev[i].data.ptr, sizeof(struct sock)); /* harmless where it is none */
    for (int i = 0; i < n; i++) {
        const struct sock *s = ev[i].data.ptr;

        if (!s || ev[i].data.ptr == w || ev[i].data.ptr == w->ring || !s->port)
            continue;
        port[k] = s->port;
        warm_all(port[k++], SEP_OWNER_HOT);
    }
    for (unsigned i = 0; i < k; i++)
        sep[i] = port[i]->sep;
    sep_warm(sep, k);
}

static void ready(struct worker *w, struct sock *s, uint32_t events)
{
    if (s->kind == SOCK_LEG)
        worker_leg_event(w, s, events);
    else
        worker_readable(w, s);
}

static void *run(void *arg)
{
    struct epoll_event ev[MEDIA_EPOLL_BATCH];
    struct worker *w = arg;

    (void)prctl(PR_SET_TIMERSLACK, 20000UL); /* of this thread: gather_us means what it says */
    while (!w->stop) {
        const int n = wait_events(w, ev);
        bool jobs = false;

        w->now = net_now_ms();
        w->wake++;
        measure(w);
        if (w->ring)
            worker_ring(w);
        for (int i = 0; i < n; i++) {
            if (i % MEDIA_WARM == 0)
                warm_events(w, ev + i, n - i < MEDIA_WARM ? n - i : MEDIA_WARM);
            if (!ev[i].data.ptr)
                jobs = true;
            else if (ev[i].data.ptr != w && ev[i].data.ptr != w->ring) /* timer: what is due is done below */
                ready(w, ev[i].data.ptr, ev[i].events);
        }
        if (w->ring && ring_go_on(w->ring))
            worker_ring(w);
        worker_flush_out(w);
        run_ports(w);
        run_streams(w);
        worker_flush_out(w); /* what they had to say */
        worker_legs_bury(w);
        publish(w);
        if (jobs) /* last: a job may free a port that this batch still names */
            worker_jobs(w);
    }
    return NULL;
}

static int shared_open(struct worker *w)
{
    int err = 0;

    for (unsigned i = 0; i < w->conf.n_shared && !err; i++) {
        struct sock *s = &w->shared[w->n_shared++];

        sock_init(s, w->conf.shared[i].fd, SOCK_SHARED, &w->conf.shared[i].local);
        err = peers_new(&s->peers);
        if (!err)
            err = worker_watch(w, s);
    }
    return err;
}

/* The ways in and out that need privileges. */
static int ways_open(struct worker *w)
{
    struct epoll_event ev = {.events = EPOLLIN | EPOLLET};
    const struct worker_conf *c = &w->conf;
    int err = out_new(&w->out, c->raw_send != WORKER_OFF), ring = -ECANCELED;

    if (err)
        return err;
    if (c->ring != WORKER_OFF)
        ring = ring_new(&w->ring);
    if ((c->raw_send == WORKER_ON && !out_is_raw(w->out)) || (c->ring == WORKER_ON && ring))
        return -EPERM;
    if (c->index == 0) /* the others fare the same */
        log_info("media", "msg=\"ways of packets\" ring=%s why=\"%s\" raw_send=%s", ring ? "no" : "yes",
                 ring == -ECANCELED ? "as configured" : ring ? strerror(-ring) : "", out_is_raw(w->out) ? "yes" : "no");
    ev.data.ptr = w->ring;
    return w->ring && epoll_ctl(w->epoll, EPOLL_CTL_ADD, ring_fd(w->ring), &ev) ? -errno : 0;
}

static int open_all(struct worker *w)
{
    const struct worker_conf *c = &w->conf;
    struct epoll_event ev = {.events = EPOLLIN}, tick = {.events = EPOLLIN | EPOLLET, .data.ptr = w};
    int err;

    w->epoll = epoll_create1(EPOLL_CLOEXEC);
    w->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (w->epoll < 0 || w->timer < 0 || epoll_ctl(w->epoll, EPOLL_CTL_ADD, w->timer, &tick))
        return -errno;
    err = inbox_new(&w->inbox, MEDIA_INBOX_LIMIT);
    if (err)
        return err;
    if (epoll_ctl(w->epoll, EPOLL_CTL_ADD, inbox_fd(w->inbox), &ev))
        return -errno;
    err = udp_rx_new(&w->rx);
    if (!err)
        err = ways_open(w);
    if (!err)
        err = stun_mac_new(&w->env.mac);
    if (!err)
        err = dtls_ctx_new(&w->env.dtls, c->cert_der, c->cert_len, c->key_der, c->key_len);
    if (!err)
        err = shared_open(w);
    return err;
}

static void close_all(struct worker *w)
{
    worker_close_all(w);
    due_fini(&w->port_due);
    dtls_ctx_free(w->env.dtls);
    stun_mac_free(w->env.mac);
    ring_free(w->ring);
    out_free(w->out);
    udp_rx_free(w->rx);
    inbox_free(w->inbox, bus_drop);
    if (w->timer >= 0)
        close(w->timer);
    if (w->epoll >= 0)
        close(w->epoll);
    free(w);
}

int worker_new(struct worker **wp, const struct worker_conf *conf)
{
    struct worker *w;
    int err;

    if (conf->n_shared > MEDIA_SHARED)
        return -EINVAL;
    w = calloc(1, sizeof(*w));
    if (!w)
        return -ENOMEM;
    w->conf = *conf;
    w->epoll = w->timer = -1;
    w->env.srtp = conf->srtp;
    w->env.ice_timeout = conf->ice_timeout_ms;
    w->env.dtls_timeout = conf->dtls_timeout_ms;
    w->env.trace = conf->trace;
    w->now = net_now_ms();
    err = open_all(w);
    if (!err)
        err = -pthread_create(&w->thread, NULL, run, w);
    if (err) {
        close_all(w);
        return err;
    }
    *wp = w;
    return 0;
}

struct inbox *worker_inbox(struct worker *w)
{
    return w->inbox;
}

const count_t *worker_counts(const struct worker *w)
{
    return w->count;
}

void worker_free(struct worker *w)
{
    struct bus_msg *m;

    if (!w)
        return;
    m = bus_new(BUS_STOP);
    assert(m); /* without it the thread never ends */
    inbox_post(w->inbox, &m->item);
    pthread_join(w->thread, NULL);
    close_all(w);
}
