/* One thread: epoll over the streams' sockets and the inbox, batches in and out, deadlines from a heap. The clock is read
 * once per wake-up. Everything a wake-up does is bounded: MEDIA_EPOLL_BATCH sockets, MEDIA_RX_BATCH datagrams of each, what
 * the inbox held. */
#include "agw/media/worker.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "agw/media/due.h"
#include "agw/media/sep.h"
#include "common/log.h"

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

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
    [WORKER_C_SEPS] = {"agw_streams_udp", "Stream endpoints on UDP", true},
};

struct port { /* a sep with its socket */
    bus_id id;
    int fd;
    struct sep *sep;
    struct bus_stats stats;
    bool bad_logged; /* one line about unusable STUN per stream, the counters tell the rest */
    struct due_entry due;
    UT_hash_handle hh;
};

struct worker {
    struct worker_conf conf;
    struct sep_env env;
    struct inbox *inbox;
    int epoll;
    struct port *ports; /* by id */
    struct due due;
    struct udp_rx *rx;
    struct tx tx;
    count_t count[WORKER_C_N];
    msec_t now;
    bool stop;
    pthread_t thread;
};

static void count(struct worker *w, enum worker_counter c, int64_t n)
{
    count_add(&w->count[c], n);
}

/* --- out --- */

static void flush(struct worker *w, struct port *port)
{
    uint64_t octets = 0;
    unsigned sent;

    if (w->tx.n) {
        sent = udp_send(port->fd, &w->tx, &octets);
        port->stats.tx_packets += sent;
        port->stats.tx_octets += octets;
        count(w, WORKER_C_TX, sent);
        count(w, WORKER_C_TX_OCTETS, (int64_t)octets);
    }
    if (w->tx.lost)
        count(w, WORKER_C_TX_LOST, w->tx.lost);
    w->tx.lost = 0;
}

/* The tx batch belongs to one port at a time; before it is full it goes out. */
static void make_room(struct worker *w, struct port *port)
{
    if (w->tx.n + MEDIA_TX_ROOM > MEDIA_TX_BATCH)
        flush(w, port);
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
            count(w, WORKER_C_DTLS_OK, 1);
        if (out->what == BUS_EV_DTLS_FAILED)
            count(w, WORKER_C_DTLS_FAILED, 1);
        (void)bus_post_event(w->conf.ctl, port->id, out->what, out->text);
        break;
    case SEP_OUT_UP:
        post_up(w, port->id, out->text);
        break;
    case SEP_OUT_DATA:
        if (bus_post_bytes(w->conf.data, BUS_DTLS_DATA, port->id, out->p, out->n))
            count(w, WORKER_C_DROPPED, 1);
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
static void settle(struct worker *w, struct port *port)
{
    struct sep_out out;
    msec_t at;

    while (sep_output(port->sep, &out, &w->tx)) {
        post(w, port, &out);
        make_room(w, port);
    }
    at = sep_deadline(port->sep, w->now);
    if (at < port->due.at)
        due_set(&w->due, &port->due, at);
}

/* --- in --- */

static void judge(struct worker *w, struct port *port, enum sep_verdict verdict)
{
    static const enum worker_counter counter[] = {
        [SEP_STUN_OK] = WORKER_C_STUN_OK,
        [SEP_STUN_BAD] = WORKER_C_STUN_BAD,
        [SEP_UNVALIDATED] = WORKER_C_UNVALIDATED,
        [SEP_JUNK] = WORKER_C_JUNK,
    };

    if (verdict == SEP_DTLS)
        return;
    count(w, counter[verdict], 1);
    if (verdict == SEP_STUN_BAD && !port->bad_logged) {
        port->bad_logged = true;
        log_warn("media", "sep=%llu msg=\"STUN malformed or not authenticated: no answer, from now on only counted\"",
                 (unsigned long long)port->id);
    }
}

static void port_readable(struct worker *w, struct port *port)
{
    const int n = udp_recv(w->rx, port->fd);

    for (int i = 0; i < n; i++) {
        const struct dgram *in = udp_dgram(w->rx, i);

        port->stats.rx_packets++;
        port->stats.rx_octets += in->n;
        count(w, WORKER_C_RX, 1);
        count(w, WORKER_C_RX_OCTETS, (int64_t)in->n);
        judge(w, port, sep_input(port->sep, in, &w->tx, w->now));
        settle(w, port);
        make_room(w, port);
    }
    flush(w, port);
}

/* --- jobs of control and data --- */

static struct port *port_find(struct worker *w, bus_id id)
{
    struct port *port;

    HASH_FIND(hh, w->ports, &id, sizeof(id), port);
    return port;
}

static void port_free(struct port *port)
{
    if (!port)
        return;
    sep_free(port->sep);
    if (port->fd >= 0)
        close(port->fd);
    free(port);
}

static int port_register(struct worker *w, struct port *port)
{
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = port};
    const int size = MEDIA_SOCKBUF;

    /* The kernel may give less; then bursts lose more, no reason to fail. */
    (void)setsockopt(port->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
    (void)setsockopt(port->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    if (due_add(&w->due, &port->due))
        return -ENOMEM;
    HASH_ADD(hh, w->ports, id, sizeof(port->id), port);
    if (!port->hh.tbl) {
        due_del(&w->due, &port->due);
        return -ENOMEM;
    }
    if (epoll_ctl(w->epoll, EPOLL_CTL_ADD, port->fd, &ev)) {
        const int err = -errno;

        HASH_DEL(w->ports, port);
        due_del(&w->due, &port->due);
        return err;
    }
    return 0;
}

static void sep_open(struct worker *w, const struct bus_sep *spec)
{
    struct port *port = calloc(1, sizeof(*port));
    int err = -ENOMEM;

    if (!port) {
        close(spec->fd);
        goto out;
    }
    port->id = port->stats.id = spec->id;
    port->fd = spec->fd;
    err = port_find(w, spec->id) ? -EEXIST : sep_new(&port->sep, &w->env, spec);
    if (!err)
        err = port_register(w, port);
    if (err) {
        port_free(port);
        goto out;
    }
    count(w, WORKER_C_SEPS, 1);
    sep_start(port->sep, &w->tx, w->now);
    settle(w, port);
    flush(w, port);
out:
    if (err) {
        log_error("media", "sep=%llu msg=\"cannot open\" err=\"%s\"", (unsigned long long)spec->id, strerror(-err));
        (void)bus_post_event(w->conf.ctl, spec->id, BUS_EV_DTLS_FAILED, "stream cannot be opened");
    }
}

static void sep_change(struct worker *w, const struct bus_sep *spec)
{
    struct port *port = port_find(w, spec->id);

    if (!port)
        return;
    sep_remote(port->sep, spec, &w->tx, w->now);
    settle(w, port);
    flush(w, port);
}

/* close_notify, then the socket, then the answer: the port may be used again. Also for what could not be opened: whoever
 * closes waits for the answer. */
static void sep_shut(struct worker *w, bus_id id)
{
    struct port *port = port_find(w, id);
    struct bus_msg *m = bus_new(BUS_CLOSED);

    if (m)
        m->u.stats.id = id;
    if (port) {
        sep_close(port->sep, &w->tx);
        settle(w, port);
        flush(w, port);
        HASH_DEL(w->ports, port);
        due_del(&w->due, &port->due);
        if (m)
            m->u.stats = port->stats;
        port_free(port); /* closing the socket takes it out of epoll */
        count(w, WORKER_C_SEPS, -1);
    }
    if (m)
        inbox_post(w->conf.ctl, &m->item);
}

/* Records of one stream follow each other: one flush for a run of them. */
static struct port *send_record(struct worker *w, struct port *last, const struct bus_bytes *b)
{
    struct port *port = last && last->id == b->id ? last : port_find(w, b->id);

    if (last && last != port)
        flush(w, last);
    if (!port)
        return NULL;
    if (sep_send(port->sep, b->p, b->n, &w->tx))
        count(w, WORKER_C_TX_LOST, 1);
    make_room(w, port);
    return port;
}

static void inbox_readable(struct worker *w)
{
    struct inbox_item *it, *next;
    struct port *sending = NULL;

    for (it = inbox_take(w->inbox); it; it = next) {
        struct bus_msg *m = (struct bus_msg *)it;

        next = it->next;
        if (sending && m->kind != BUS_DTLS_SEND) {
            flush(w, sending);
            sending = NULL;
        }
        switch (m->kind) {
        case BUS_SEP_OPEN:
            sep_open(w, &m->u.sep);
            break;
        case BUS_SEP_REMOTE:
            sep_change(w, &m->u.sep);
            break;
        case BUS_SEP_CLOSE:
            sep_shut(w, m->u.id);
            break;
        case BUS_DTLS_SEND:
            sending = send_record(w, sending, &m->u.bytes);
            break;
        case BUS_STOP:
            w->stop = true;
            break;
        default:
            break; /* not for a worker */
        }
        bus_free(m);
    }
    if (sending)
        flush(w, sending);
}

/* --- the loop --- */

static void run_due(struct worker *w)
{
    struct due_entry *e;

    while ((e = due_first(&w->due)) && e->at <= w->now) {
        struct port *port = (struct port *)((char *)e - offsetof(struct port, due));

        sep_tick(port->sep, &w->tx, w->now);
        due_set(&w->due, e, MSEC_NEVER);
        settle(w, port);
        flush(w, port);
        /* OpenSSL's clock and ours are read at different times: never the same instant twice */
        if (e->at <= w->now)
            due_set(&w->due, e, w->now + 1);
    }
}

static int wait_ms(const struct worker *w)
{
    const struct due_entry *e = due_first(&w->due);
    const msec_t now = net_now_ms();

    if (!e)
        return -1;
    if (e->at <= now)
        return 0;
    return e->at - now > 60000 ? 60000 : (int)(e->at - now);
}

static void *run(void *arg)
{
    struct epoll_event ev[MEDIA_EPOLL_BATCH];
    struct worker *w = arg;

    while (!w->stop) {
        const int n = epoll_wait(w->epoll, ev, MEDIA_EPOLL_BATCH, wait_ms(w));
        bool jobs = false;

        w->now = net_now_ms();
        for (int i = 0; i < n; i++) {
            if (ev[i].data.ptr)
                port_readable(w, ev[i].data.ptr);
            else
                jobs = true;
        }
        run_due(w);
        if (jobs) /* last: a job may free a port that this batch still names */
            inbox_readable(w);
    }
    return NULL;
}

static int open_all(struct worker *w)
{
    const struct worker_conf *c = &w->conf;
    struct epoll_event ev = {.events = EPOLLIN};
    int err;

    w->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (w->epoll < 0)
        return -errno;
    err = inbox_new(&w->inbox, MEDIA_INBOX_LIMIT);
    if (err)
        return err;
    if (epoll_ctl(w->epoll, EPOLL_CTL_ADD, inbox_fd(w->inbox), &ev))
        return -errno;
    err = udp_rx_new(&w->rx);
    if (!err)
        err = stun_mac_new(&w->env.mac);
    if (!err)
        err = dtls_ctx_new(&w->env.dtls, c->cert_der, c->cert_len, c->key_der, c->key_len);
    return err;
}

static void close_all(struct worker *w)
{
    struct port *port, *tmp;

    HASH_ITER(hh, w->ports, port, tmp) {
        HASH_DEL(w->ports, port);
        port_free(port);
    }
    due_fini(&w->due);
    dtls_ctx_free(w->env.dtls);
    stun_mac_free(w->env.mac);
    udp_rx_free(w->rx);
    inbox_free(w->inbox, bus_drop);
    if (w->epoll >= 0)
        close(w->epoll);
    free(w);
}

int worker_new(struct worker **wp, const struct worker_conf *conf)
{
    struct worker *w = calloc(1, sizeof(*w));
    int err;

    if (!w)
        return -ENOMEM;
    w->conf = *conf;
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
