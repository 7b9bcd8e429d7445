/* The real data thread with real TCP sockets; control, the worker and the browser are this program: bus inboxes and an
 * SCTP peer in memory. */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "agw/data/data.h"
#include "agw/data/data_limits.h"
#include "agw/data/dcep.h"
#include "agw/data/sctp.h"

#define CHANS 3
#define PATIENCE_MS 60000

struct side { /* what one end of a session got */
    char *p;
    size_t n, size;
};

struct rig {
    struct data *d;
    struct inbox *ctl, *worker;
    struct sctp_lib *lib;
    struct sctp *peer;
    bool peer_up, peer_blocked, mute;
    unsigned ev[BUS_EV_MSRP_BAD + 1], closed;
    char text[BUS_TEXT];
    struct bus_stats stats;
    unsigned reset_in, dcep_acks;
    struct side wic[CHANS], core[CHANS];
    uint32_t last_ppid;
    unsigned wic_msgs;
    size_t wic_max_msg;
    int lfd[CHANS], fd[CHANS]; /* the core's sockets */
    struct addr taddr[CHANS];
    bool core_stopped;         /* the core does not read */
    const char *feed[CHANS];   /* still to be written to the core's sockets */
    size_t feed_n[CHANS];
};

enum { SEP = 10, CHAN0 = 20, TCP0 = 30 };

static void side_add(struct side *s, const void *p, size_t n)
{
    if (s->n + n > s->size) {
        s->size = 2 * (s->n + n);
        s->p = realloc(s->p, s->size);
    }
    memcpy(s->p + s->n, p, n);
    s->n += n;
}

static void on_peer(struct rig *r, const struct sctp_ev *ev)
{
    switch (ev->what) {
    case SCTP_OUTPUT:
        if (!r->mute)
            bus_post_bytes(data_inbox(r->d), BUS_DTLS_DATA, SEP, ev->p, ev->n);
        break;
    case SCTP_MESSAGE:
        r->last_ppid = ev->ppid;
        if (ev->ppid == SCTP_PPID_DCEP) {
            r->dcep_acks++;
            break;
        }
        r->wic_msgs++;
        if (ev->n > r->wic_max_msg)
            r->wic_max_msg = ev->n;
        side_add(&r->wic[ev->sid % CHANS], ev->p, ev->n);
        break;
    case SCTP_UP: r->peer_up = true; break;
    case SCTP_RESET_IN: r->reset_in++; break;
    case SCTP_WRITABLE: r->peer_blocked = false; break;
    default: break;
    }
}

static void on_ctl(struct rig *r, const struct bus_msg *m)
{
    if (m->kind == BUS_CLOSED) {
        r->closed++;
        r->stats = m->u.stats;
        return;
    }
    assert_int_equal(m->kind, BUS_EVENT);
    r->ev[m->u.event.what]++;
    memcpy(r->text, m->u.event.text, sizeof r->text);
}

static void drain(struct rig *r)
{
    struct inbox_item *it, *next;
    struct sctp *s;
    struct sctp_ev ev;

    for (it = inbox_take(r->worker); it; it = next) {
        struct bus_msg *m = (struct bus_msg *)it;

        next = it->next;
        assert_int_equal(m->kind, BUS_DTLS_SEND);
        assert_true(m->u.bytes.n <= SCTP_PACKET_MAX);
        if (r->peer && !r->mute)
            sctp_input(r->peer, m->u.bytes.p, m->u.bytes.n);
        bus_drop(it);
    }
    for (it = inbox_take(r->ctl); it; it = next) {
        next = it->next;
        on_ctl(r, (struct bus_msg *)it);
        bus_drop(it);
    }
    sctp_lib_clock(r->lib, net_now_ms());
    while ((s = sctp_lib_next(r->lib)))
        while (sctp_next(s, &ev))
            on_peer(r, &ev);
}

static void core_io(struct rig *r, int i, short events)
{
    static char buf[65536];
    ssize_t n;

    if (events & POLLIN) {
        n = recv(r->fd[i], buf, sizeof buf, MSG_DONTWAIT);
        if (n > 0)
            side_add(&r->core[i], buf, (size_t)n);
        if (n == 0) {
            close(r->fd[i]);
            r->fd[i] = -1;
            return;
        }
    }
    if (events & POLLOUT) {
        n = send(r->fd[i], r->feed[i], r->feed_n[i], MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n > 0) {
            r->feed[i] += n;
            r->feed_n[i] -= (size_t)n;
        }
    }
}

static void turn(struct rig *r)
{
    struct pollfd p[2 + CHANS] = {{inbox_fd(r->ctl), POLLIN, 0}, {inbox_fd(r->worker), POLLIN, 0}};

    for (int i = 0; i < CHANS; i++) {
        p[2 + i].fd = r->fd[i];
        p[2 + i].events = (short)((r->core_stopped ? 0 : POLLIN) | (r->feed_n[i] ? POLLOUT : 0));
    }
    poll(p, 2 + CHANS, SCTP_TICK_MS);
    for (int i = 0; i < CHANS; i++)
        if (r->fd[i] >= 0 && p[2 + i].revents)
            core_io(r, i, p[2 + i].revents | (short)(r->core_stopped ? 0 : p[2 + i].revents & POLLHUP ? POLLIN : 0));
    drain(r);
}

#define UNTIL(r, cond)                                                   \
    do {                                                                 \
        msec_t until_ = net_now_ms() + PATIENCE_MS;                      \
        while (!(cond)) {                                                \
            turn(r);                                                     \
            if (net_now_ms() > until_)                                   \
                fail_msg("timeout waiting for %s", #cond);               \
        }                                                                \
    } while (0)

static void turns(struct rig *r, int n)
{
    while (n--)
        turn(r);
}

/* Everything posted so far has been worked off when an unknown id's close is answered. */
static void barrier(struct rig *r)
{
    unsigned before = r->closed;

    bus_post_id(data_inbox(r->d), BUS_CLOSE, 9999);
    UNTIL(r, r->closed == before + 1);
}

/* --- orders --- */

static void post(struct rig *r, struct bus_msg *m)
{
    inbox_post(data_inbox(r->d), &m->item);
}

static void assoc_post(struct rig *r, enum bus_kind kind, uint16_t remote_port, uint64_t remote_max)
{
    struct bus_msg *m = bus_new(kind);

    m->u.assoc = (struct bus_assoc){.id = SEP, .local_port = 5000, .remote_port = remote_port, .local_max = 100000,
                                    .remote_max = remote_max, .peer = "wic"};
    post(r, m);
}

static void chan_post(struct rig *r, int i, bool negotiated)
{
    struct bus_msg *m = bus_new(BUS_CHAN_OPEN);

    m->u.chan = (struct bus_chan){.id = CHAN0 + (bus_id)i, .assoc = SEP, .sid = (uint16_t)i, .negotiated = negotiated};
    post(r, m);
}

static void tcp_post(struct rig *r, int i)
{
    struct bus_msg *m = bus_new(BUS_TCP_OPEN);
    struct addr a;

    addr_parse(&a, SV("127.0.0.1"), 0);
    m->u.tcp = (struct bus_tcp){.id = TCP0 + (bus_id)i, .peer = "core"};
    m->u.tcp.fd = net_tcp_listen(&a, 8);
    assert_true(m->u.tcp.fd >= 0);
    m->u.tcp.local = r->taddr[i] = a;
    post(r, m);
}

static void remote_post(struct rig *r, int i, enum bus_tcp_role role, const struct addr *remote)
{
    struct bus_msg *m = bus_new(BUS_TCP_REMOTE);

    m->u.tcp.id = TCP0 + (bus_id)i;
    m->u.tcp.role = role;
    m->u.tcp.has_remote = true;
    m->u.tcp.remote = *remote;
    post(r, m);
}

static void join_post(struct rig *r, int i)
{
    struct bus_msg *m = bus_new(BUS_JOIN);

    m->u.join = (struct bus_join){CHAN0 + (bus_id)i, TCP0 + (bus_id)i};
    post(r, m);
}

static void gate_post(struct rig *r, bus_id id, bool in, bool out)
{
    struct bus_msg *m = bus_new(BUS_GATE);

    m->u.gate = (struct bus_gate){id, in, out};
    post(r, m);
}

static void core_connect(struct rig *r, int i)
{
    r->fd[i] = net_tcp_connect(&r->taddr[i], NULL);
    assert_true(r->fd[i] >= 0);
}

static struct addr host(const char *ip)
{
    struct addr a;

    addr_parse(&a, sv_from(ip), 4000);
    return a;
}

static void peer_start(struct rig *r, size_t rx_max)
{
    struct sctp_conf conf = {.local_port = 6000, .rx_max = rx_max};

    assert_int_equal(sctp_new(&r->peer, r->lib, &conf), 0);
    assert_int_equal(sctp_connect(r->peer, 5000), 0);
    bus_post_id(data_inbox(r->d), BUS_DTLS_UP, SEP);
}

static void up(struct rig *r, int n, uint64_t remote_max)
{
    const struct addr lo = host("127.0.0.1");

    assoc_post(r, BUS_ASSOC_OPEN, 6000, remote_max);
    for (int i = 0; i < n; i++) {
        chan_post(r, i, true);
        tcp_post(r, i);
        join_post(r, i);
        remote_post(r, i, BUS_TCP_PASSIVE, &lo);
        core_connect(r, i);
    }
    peer_start(r, 0);
    UNTIL(r, r->peer_up && r->ev[BUS_EV_CHAN_UP] == (unsigned)n && r->ev[BUS_EV_TCP_UP] == (unsigned)n);
    assert_int_equal(r->ev[BUS_EV_SCTP_UP], 1);
}

static int setup_of(void **state, unsigned sctp_init_ms, unsigned tcp_connect_ms)
{
    struct rig *r = calloc(1, sizeof *r);
    struct data_conf conf = {.n_workers = 1, .sctp_init_ms = sctp_init_ms, .tcp_connect_ms = tcp_connect_ms,
                             .tcp_reopen_ms = 5, .queue_max = 65536};

    for (int i = 0; i < CHANS; i++)
        r->fd[i] = r->lfd[i] = -1;
    assert_int_equal(inbox_new(&r->ctl, 1000), 0);
    assert_int_equal(inbox_new(&r->worker, 1000), 0);
    assert_int_equal(sctp_lib_init(&r->lib), 0);
    conf.ctl = r->ctl;
    conf.workers = &r->worker;
    assert_int_equal(data_new(&r->d, &conf), 0);
    *state = r;
    return 0;
}

static int setup(void **state)
{
    return setup_of(state, 30000, 10000);
}

static int setup_hasty(void **state)
{
    return setup_of(state, 100, 100);
}

static int teardown(void **state)
{
    struct rig *r = *state;

    data_free(r->d);
    sctp_free(r->peer);
    sctp_lib_fini(r->lib);
    inbox_free(r->ctl, bus_drop);
    inbox_free(r->worker, bus_drop);
    for (int i = 0; i < CHANS; i++) {
        if (r->fd[i] >= 0)
            close(r->fd[i]);
        if (r->lfd[i] >= 0)
            close(r->lfd[i]);
        free(r->wic[i].p);
        free(r->core[i].p);
    }
    free(r);
    return 0;
}

/* A SEND with `n` octets of body made from `seed`; returns its length. */
static size_t chunk(char *out, size_t size, const char *tid, const char *range, size_t n, unsigned seed, char flag)
{
    int head = snprintf(out, size,
                        "MSRP %s SEND\r\nTo-Path: msrps://core.invalid:9/b;dc\r\nFrom-Path: msrps://wic.invalid:9/a;dc\r\n"
                        "Message-ID: m%s\r\nByte-Range: %s\r\nContent-Type: application/octet-stream\r\n\r\n",
                        tid, tid, range);
    size_t len = (size_t)head;

    for (size_t i = 0; i < n; i++)
        out[len++] = (char)(seed + i * 7 + i / 251);
    return len + (size_t)snprintf(out + len, size - len, "\r\n-------%s%c\r\n", tid, flag);
}

static void wic_send(struct rig *r, uint16_t sid, const char *p, size_t n)
{
    int err;

    do {
        err = sctp_send(r->peer, sid, SCTP_PPID_BINARY, p, n);
        if (err == -EAGAIN)
            turn(r);
    } while (err == -EAGAIN);
    assert_int_equal(err, 0);
}

static void test_both_ways(void **state)
{
    struct rig *r = *state;
    char p[1000];
    size_t n = chunk(p, sizeof p, "tid00001", "1-5/5", 5, 'a', '$');

    up(r, 1, 65536);
    wic_send(r, 0, p, n);
    UNTIL(r, r->core[0].n == n);
    assert_memory_equal(r->core[0].p, p, n);
    r->feed[0] = p;
    r->feed_n[0] = n;
    UNTIL(r, r->wic[0].n == n);
    assert_memory_equal(r->wic[0].p, p, n);
    assert_int_equal(r->last_ppid, SCTP_PPID_STRING);
    n = chunk(p, sizeof p, "tid00002", "1-5/5", 5, 0xf0, '$'); /* not UTF-8 */
    r->wic[0].n = 0;
    r->feed[0] = p;
    r->feed_n[0] = n;
    UNTIL(r, r->wic[0].n == n);
    assert_int_equal(r->last_ppid, SCTP_PPID_BINARY);
    bus_post_id(data_inbox(r->d), BUS_CLOSE, TCP0);
    UNTIL(r, r->closed == 1);
    assert_int_equal(r->stats.rx_packets, 2);
    assert_int_equal(r->stats.tx_packets, 1);
    UNTIL(r, r->fd[0] < 0);
    bus_post_id(data_inbox(r->d), BUS_CLOSE, SEP);
    bus_post_id(data_inbox(r->d), BUS_CLOSE, CHAN0);
    UNTIL(r, r->closed == 3);
    assert_int_equal(r->stats.id, CHAN0);
    assert_int_equal(r->stats.tx_packets, 2);
    assert_int_equal(count_get(&data_counts(r->d)[DATA_C_ASSOCS]), 0);
    assert_int_equal(count_get(&data_counts(r->d)[DATA_C_CHANNELS]), 0);
    assert_int_equal(count_get(&data_counts(r->d)[DATA_C_TCPS]), 0);
}

/* 10 MB to the core, which stops reading for a while. */
static void test_10mb_to_core(void **state)
{
    struct rig *r = *state;
    size_t size = 70000, all = 0, n;
    char *p = malloc(size), *want = malloc(160 * size);
    char tid[16];
    bool was_full = false;

    up(r, 1, 65536);
    r->core_stopped = true;
    for (int i = 0; i < 160; i++) {
        snprintf(tid, sizeof tid, "chunk%04u", (unsigned)i % 10000u);
        n = chunk(p, size, tid, "1-65000/65000", 65000, (unsigned)i, '$');
        memcpy(want + all, p, n);
        all += n;
        while (sctp_send(r->peer, 0, SCTP_PPID_BINARY, p, n) == -EAGAIN) {
            turn(r);
            /* Stopped for so long that every buffer on the way is full: agw holds no more than its bounds. */
            if (r->core_stopped && !was_full) {
                was_full = true;
                turns(r, 50);
                assert_true(count_get(&data_counts(r->d)[DATA_C_OCTETS_TO_CORE]) < 8 << 20);
                r->core_stopped = false;
            }
        }
    }
    UNTIL(r, r->core[0].n >= all);
    assert_true(was_full);
    assert_int_equal(r->core[0].n, all);
    assert_memory_equal(r->core[0].p, want, all);
    free(p);
    free(want);
}

static void test_10mb_to_wic(void **state)
{
    struct rig *r = *state;
    size_t size = 70000, all = 0;
    char *want = malloc(160 * size), tid[16];

    up(r, 1, 100000);
    for (int i = 0; i < 160; i++) {
        snprintf(tid, sizeof tid, "chunk%04u", (unsigned)i % 10000u);
        all += chunk(want + all, size, tid, "1-65000/65000", 65000, (unsigned)i, '$');
    }
    r->feed[0] = want;
    r->feed_n[0] = all;
    sctp_pause(r->peer, true); /* the browser is slow at first */
    turns(r, 50);
    assert_true(r->feed_n[0] > 0);
    sctp_pause(r->peer, false);
    UNTIL(r, r->wic[0].n >= all);
    assert_int_equal(r->wic[0].n, all);
    assert_memory_equal(r->wic[0].p, want, all);
    assert_int_equal(r->wic_msgs, 160); /* one chunk, one message */
    free(want);
}

/* One chunk of 10 MB: cut on the way, put together again by its pieces' ranges. */
static void test_10mb_one_chunk(void **state)
{
    struct rig *r = *state;
    size_t body = 10 << 20, n, at = 0, got = 0;
    char *p = malloc(body + 1000), *whole = calloc(1, body);
    char range[64];

    up(r, 1, 16384);
    snprintf(range, sizeof range, "1-%zu/%zu", body, body);
    n = chunk(p, body + 1000, "bigchunk", range, body, 3, '$');
    r->feed[0] = p;
    r->feed_n[0] = n;
    UNTIL(r, r->wic[0].n > body && memcmp(r->wic[0].p + r->wic[0].n - 3, "$\r\n", 3) == 0);
    assert_true(r->wic_max_msg <= 16384);
    while (at < r->wic[0].n) {
        char *head = r->wic[0].p + at, *range_at = memmem(head, 1000, "Byte-Range: ", 12);
        char *data = (char *)memmem(head, 1000, "\r\n\r\n", 4) + 4;
        unsigned long long from, to, total;

        assert_int_equal(sscanf(range_at, "Byte-Range: %llu-%llu/%llu", &from, &to, &total), 3);
        assert_int_equal(from, got + 1);
        assert_int_equal(total, body);
        memcpy(whole + got, data, to - from + 1);
        got += to - from + 1;
        data += to - from + 1;
        assert_memory_equal(data, "\r\n-------", 9);
        at = (size_t)((char *)memmem(data + 2, 100, "\r\n", 2) + 2 - r->wic[0].p);
    }
    assert_int_equal(got, body);
    assert_memory_equal(whole, (char *)memmem(p, 1000, "\r\n\r\n", 4) + 4, body);
    free(p);
    free(whole);
}

static void test_several_channels(void **state)
{
    struct rig *r = *state;
    char p[CHANS][400];
    size_t n[CHANS];

    up(r, CHANS, 0);
    for (int i = 0; i < CHANS; i++) {
        char tid[16];

        snprintf(tid, sizeof tid, "chan%d", i);
        n[i] = chunk(p[i], sizeof p[i], tid, "1-9/9", 9, 'a' + (unsigned)i, '$');
        wic_send(r, (uint16_t)i, p[i], n[i]);
        r->feed[i] = p[i];
        r->feed_n[i] = n[i];
    }
    for (int i = 0; i < CHANS; i++) {
        UNTIL(r, r->core[i].n >= n[i] && r->wic[i].n >= n[i]);
        assert_memory_equal(r->core[i].p, p[i], n[i]);
        assert_memory_equal(r->wic[i].p, p[i], n[i]);
    }
    /* One ends, the others go on. */
    bus_post_id(data_inbox(r->d), BUS_CLOSE, TCP0 + 1);
    bus_post_id(data_inbox(r->d), BUS_CLOSE, CHAN0 + 1);
    UNTIL(r, r->closed == 2 && r->reset_in == 1);
    wic_send(r, 2, p[2], n[2]);
    UNTIL(r, r->core[2].n == 2 * n[2]);
}

static void test_gates(void **state)
{
    struct rig *r = *state;
    char p[400];
    size_t n = chunk(p, sizeof p, "gate0001", "1-9/9", 9, 'a', '$');

    up(r, 1, 0);
    gate_post(r, TCP0, false, false);
    barrier(r);
    r->feed[0] = p;
    r->feed_n[0] = n;
    wic_send(r, 0, p, n);
    turns(r, 10);
    assert_int_equal(r->core[0].n, 0);
    assert_int_equal(r->wic[0].n, 0);
    gate_post(r, TCP0, false, true);
    UNTIL(r, r->core[0].n == n);
    turns(r, 5);
    assert_int_equal(r->wic[0].n, 0);
    gate_post(r, TCP0, true, true);
    UNTIL(r, r->wic[0].n == n);
    gate_post(r, CHAN0, false, false);
    barrier(r);
    r->feed[0] = p;
    r->feed_n[0] = n;
    wic_send(r, 0, p, n);
    turns(r, 10);
    assert_int_equal(r->core[0].n, n);
    assert_int_equal(r->wic[0].n, n);
    gate_post(r, CHAN0, true, true);
    UNTIL(r, r->core[0].n == 2 * n && r->wic[0].n == 2 * n);
}

/* Data first, then the peer's port, the join, the connection: nothing is lost. */
static void test_late_everything(void **state)
{
    struct rig *r = *state;
    const struct addr lo = host("127.0.0.1");
    char p[400];
    size_t n = chunk(p, sizeof p, "late0001", "1-9/9", 9, 'a', '$');

    assoc_post(r, BUS_ASSOC_OPEN, 0, 0);
    chan_post(r, 0, true);
    tcp_post(r, 0);
    core_connect(r, 0); /* waits in the backlog */
    r->feed[0] = p;
    r->feed_n[0] = n;
    peer_start(r, 0);
    barrier(r);
    assert_int_equal(r->ev[BUS_EV_SCTP_UP], 0);
    assert_int_equal(r->ev[BUS_EV_TCP_UP], 0);
    assoc_post(r, BUS_ASSOC_REMOTE, 6000, 0);
    UNTIL(r, r->ev[BUS_EV_CHAN_UP] == 1 && r->peer_up);
    wic_send(r, 0, p, n);
    join_post(r, 0);
    barrier(r);
    remote_post(r, 0, BUS_TCP_PASSIVE, &lo);
    UNTIL(r, r->core[0].n == n && r->wic[0].n == n);
}

static void test_stranger_and_return(void **state)
{
    struct rig *r = *state;
    const struct addr other = host("127.0.0.9"), lo = host("127.0.0.1");
    char p[400];
    size_t n = chunk(p, sizeof p, "back0001", "1-9/9", 9, 'a', '$');

    assoc_post(r, BUS_ASSOC_OPEN, 6000, 0);
    chan_post(r, 0, true);
    tcp_post(r, 0);
    join_post(r, 0);
    remote_post(r, 0, BUS_TCP_PASSIVE, &other);
    core_connect(r, 0);
    UNTIL(r, r->fd[0] < 0); /* closed: we are not whom it expects */
    barrier(r);             /* the thread counts behind the close */
    assert_int_equal(count_get(&data_counts(r->d)[DATA_C_TCP_REFUSED]), 1);
    assert_int_equal(r->ev[BUS_EV_TCP_UP], 0);
    remote_post(r, 0, BUS_TCP_PASSIVE, &lo);
    barrier(r);
    core_connect(r, 0);
    peer_start(r, 0);
    UNTIL(r, r->ev[BUS_EV_TCP_UP] == 1 && r->ev[BUS_EV_CHAN_UP] == 1 && r->peer_up);
    /* The last words arrive before TCP_CLOSED; half a chunk does not. */
    r->feed[0] = p;
    r->feed_n[0] = n;
    UNTIL(r, !r->feed_n[0]);
    r->feed[0] = p;
    r->feed_n[0] = n / 2;
    UNTIL(r, !r->feed_n[0]);
    close(r->fd[0]);
    r->fd[0] = -1;
    UNTIL(r, r->ev[BUS_EV_TCP_CLOSED] == 1 && r->wic[0].n == n);
    core_connect(r, 0);
    UNTIL(r, r->ev[BUS_EV_TCP_UP] == 2);
    r->feed[0] = p;
    r->feed_n[0] = n;
    UNTIL(r, r->wic[0].n == 2 * n);
}

static void test_active(void **state)
{
    struct rig *r = *state;
    struct addr a, from;
    socklen_t len = sizeof from;
    char p[400];
    size_t n = chunk(p, sizeof p, "act00001", "1-9/9", 9, 'a', '$');

    addr_parse(&a, SV("127.0.0.1"), 0);
    r->lfd[0] = net_tcp_listen(&a, 4);
    assoc_post(r, BUS_ASSOC_OPEN, 6000, 0);
    chan_post(r, 0, true);
    tcp_post(r, 0);
    join_post(r, 0);
    peer_start(r, 0);
    remote_post(r, 0, BUS_TCP_ACTIVE, &a);
    UNTIL(r, r->ev[BUS_EV_TCP_UP] == 1 && r->ev[BUS_EV_CHAN_UP] == 1 && r->peer_up);
    r->fd[0] = accept(r->lfd[0], &from.u.sa, &len);
    assert_true(addr_eq(&from, &r->taddr[0])); /* from the port that was signalled */
    remote_post(r, 0, BUS_TCP_ACTIVE, &a);     /* said again: nothing happens */
    wic_send(r, 0, p, n);
    UNTIL(r, r->core[0].n == n);
    assert_int_equal(r->ev[BUS_EV_TCP_UP], 1);
}

static void active_up(struct rig *r, struct addr *a)
{
    struct addr from;
    socklen_t len = sizeof from;

    addr_parse(a, SV("127.0.0.1"), 0);
    r->lfd[0] = net_tcp_listen(a, 4);
    assoc_post(r, BUS_ASSOC_OPEN, 6000, 0);
    chan_post(r, 0, true);
    tcp_post(r, 0);
    join_post(r, 0);
    peer_start(r, 0);
    remote_post(r, 0, BUS_TCP_ACTIVE, a);
    UNTIL(r, r->ev[BUS_EV_TCP_UP] == 1 && r->ev[BUS_EV_CHAN_UP] == 1 && r->peer_up);
    r->fd[0] = accept(r->lfd[0], &from.u.sa, &len);
    assert_true(r->fd[0] >= 0);
}

static void core_hangs_up(struct rig *r)
{
    close(r->fd[0]);
    r->fd[0] = -1;
}

/* The connection that we opened is opened again (RFC 4975 5.4), from the same port, and carries the session on. */
static void test_active_opens_again(void **state)
{
    struct rig *r = *state;
    struct addr a, from;
    socklen_t len = sizeof from;
    char p[400];
    size_t n = chunk(p, sizeof p, "again001", "1-9/9", 9, 'a', '$');

    active_up(r, &a);
    for (unsigned i = 2; i < 12; i++) { /* more often than it tries in a row: the far end speaks in between */
        core_hangs_up(r);
        UNTIL(r, r->ev[BUS_EV_TCP_UP] == i);
        assert_int_equal(r->ev[BUS_EV_TCP_CLOSED], i - 1);
        r->fd[0] = accept(r->lfd[0], &from.u.sa, &len);
        assert_true(addr_eq(&from, &r->taddr[0]));
        r->feed[0] = p;
        r->feed_n[0] = n;
        UNTIL(r, r->wic[0].n == (i - 1) * n);
    }
    wic_send(r, 0, p, n);
    UNTIL(r, r->core[0].n == n);
    assert_int_equal(r->ev[BUS_EV_TCP_FAILED], 0);
}

static void test_active_opens_again_so_often(void **state)
{
    struct rig *r = *state;
    struct addr a;

    active_up(r, &a);
    close(r->lfd[0]);
    r->lfd[0] = -1;
    core_hangs_up(r);
    UNTIL(r, r->ev[BUS_EV_TCP_FAILED] == 1); /* nobody listens any more */
    assert_int_equal(r->ev[BUS_EV_TCP_CLOSED], 1);
    assert_int_equal(r->ev[BUS_EV_TCP_UP], 1);
}

static void test_active_is_closed_each_time(void **state)
{
    struct rig *r = *state;
    struct addr a;

    active_up(r, &a);
    while (!r->ev[BUS_EV_TCP_FAILED]) {
        if (r->fd[0] >= 0)
            core_hangs_up(r);
        turn(r);
        r->fd[0] = accept4(r->lfd[0], NULL, NULL, SOCK_NONBLOCK);
    }
    assert_in_range(r->ev[BUS_EV_TCP_UP], 2, 1 + TCP_REOPEN_TRIES);
}

/* Without a descriptor left the listener rests instead of turning the loop; it accepts when there is one again. */
static void test_no_descriptor_left(void **state)
{
    struct rig *r = *state;
    const struct addr lo = host("127.0.0.1");
    const count_t *starved = &data_counts(r->d)[DATA_C_TCP_STARVED];
    struct rlimit old, low;
    msec_t since;

    assoc_post(r, BUS_ASSOC_OPEN, 6000, 0);
    chan_post(r, 0, true);
    tcp_post(r, 0);
    join_post(r, 0);
    core_connect(r, 0); /* waits in the backlog */
    barrier(r);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    low = old;
    low.rlim_cur = (rlim_t)dup(0); /* the first number that is free */
    close((int)low.rlim_cur);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    since = net_now_ms();
    remote_post(r, 0, BUS_TCP_PASSIVE, &lo);
    UNTIL(r, count_get(starved) >= 3);
    assert_true(net_now_ms() - since >= 2 * TCP_STARVED_MS - 50);
    assert_int_equal(r->ev[BUS_EV_TCP_UP], 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    UNTIL(r, r->ev[BUS_EV_TCP_UP] == 1);
}

static void test_active_refused(void **state)
{
    struct rig *r = *state;
    struct addr a;
    int fd;

    addr_parse(&a, SV("127.0.0.1"), 0);
    fd = net_udp(&a); /* nobody listens there on TCP */
    tcp_post(r, 0);
    remote_post(r, 0, BUS_TCP_ACTIVE, &a);
    UNTIL(r, r->ev[BUS_EV_TCP_FAILED] == 1);
    close(fd);
}

static void test_bad_msrp_from_core(void **state)
{
    struct rig *r = *state;
    static const char bad[] = "MSRP bad00001 SEND\r\nTo-Path: msrp://b:1/b;tcp\r\nFrom-Path: msrp://a:1/a;tcp\r\n"
                              "Message-ID: m1\r\nByte-Range: x\r\n\r\n";

    up(r, 1, 0);
    r->feed[0] = bad;
    r->feed_n[0] = sizeof bad - 1;
    UNTIL(r, r->ev[BUS_EV_MSRP_BAD] == 1 && r->fd[0] < 0);
    assert_non_null(memmem(r->core[0].p, r->core[0].n, "MSRP bad00001 400 ", 18));
    core_connect(r, 0);
    r->feed[0] = "GET / HTTP/1.1\r\n\r\n";
    r->feed_n[0] = 18;
    UNTIL(r, r->ev[BUS_EV_MSRP_BAD] == 2 && r->fd[0] < 0);
}

static void test_bad_msrp_from_wic(void **state)
{
    struct rig *r = *state;
    char p[400];
    size_t n = chunk(p, sizeof p, "wbad0001", "1-9/9", 9, 'a', '$');

    up(r, 1, 0);
    wic_send(r, 0, "hello", 5);
    p[n++] = 'x'; /* more than one chunk */
    wic_send(r, 0, p, n);
    UNTIL(r, r->wic_msgs == 1);
    assert_non_null(memmem(r->wic[0].p, r->wic[0].n, "MSRP wbad0001 400 ", 18));
    wic_send(r, 0, p, n - 1);
    UNTIL(r, r->core[0].n == n - 1);
    assert_int_equal(count_get(&data_counts(r->d)[DATA_C_MSRP_BAD]), 2);
}

static void test_reset_by_control(void **state)
{
    struct rig *r = *state;

    up(r, 2, 0);
    bus_post_id(data_inbox(r->d), BUS_CHAN_RESET, CHAN0);
    UNTIL(r, r->reset_in == 1);
    barrier(r);
    assert_int_equal(r->ev[BUS_EV_CHAN_RESET_DONE], 0); /* one direction so far */
    assert_int_equal(sctp_reset(r->peer, 0), 0);
    UNTIL(r, r->ev[BUS_EV_CHAN_RESET_DONE] == 1);
    assert_int_equal(r->ev[BUS_EV_CHAN_CLOSED], 0);
}

static void test_reset_by_peer(void **state)
{
    struct rig *r = *state;
    char p[400];
    size_t n = chunk(p, sizeof p, "last0001", "1-9/9", 9, 'a', '$');

    up(r, 1, 0);
    wic_send(r, 0, p, n);
    assert_int_equal(sctp_reset(r->peer, 0), 0);
    UNTIL(r, r->ev[BUS_EV_CHAN_CLOSED] == 1 && r->reset_in == 1 && r->ev[BUS_EV_CHAN_RESET_DONE] == 1);
    UNTIL(r, r->core[0].n == n);
}

static void test_dcep(void **state)
{
    struct rig *r = *state;
    struct dcep open = {.type = DCEP_OPEN, .protocol = SV("MSRP")};
    uint8_t p[64];
    struct buf b = buf_over(p, sizeof p);

    dcep_put(&open, &b);
    up(r, 1, 0);
    assert_int_equal(sctp_send(r->peer, 0, SCTP_PPID_DCEP, b.p, b.len), 0); /* negotiated: tolerated */
    UNTIL(r, r->dcep_acks == 1);
    assert_int_equal(sctp_send(r->peer, 7, SCTP_PPID_DCEP, b.p, b.len), 0); /* nobody knows it */
    UNTIL(r, r->reset_in == 1);
    chan_post(r, 2, false);
    barrier(r);
    assert_int_equal(r->ev[BUS_EV_CHAN_UP], 1);
    assert_int_equal(sctp_send(r->peer, 2, SCTP_PPID_DCEP, b.p, b.len), 0);
    UNTIL(r, r->dcep_acks == 2 && r->ev[BUS_EV_CHAN_UP] == 2);
    assert_int_equal(sctp_send(r->peer, 2, SCTP_PPID_DCEP, b.p, b.len - 1), 0); /* malformed */
    UNTIL(r, r->reset_in == 2 && r->ev[BUS_EV_CHAN_CLOSED] == 1);
    assert_int_equal(count_get(&data_counts(r->d)[DATA_C_DCEP_OPEN]), 2);
    assert_int_equal(count_get(&data_counts(r->d)[DATA_C_DCEP_REFUSED]), 2);
}

static void test_deprecated_ppids(void **state)
{
    struct rig *r = *state;
    char p[400], *big = calloc(1, 60000);
    size_t n = chunk(p, sizeof p, "part0001", "1-9/9", 9, 'a', '$');

    up(r, 2, 0);
    assert_int_equal(sctp_send(r->peer, 0, SCTP_PPID_STRING_PARTIAL, p, 10), 0);
    assert_int_equal(sctp_send(r->peer, 0, SCTP_PPID_STRING_PARTIAL, p + 10, 20), 0);
    assert_int_equal(sctp_send(r->peer, 0, SCTP_PPID_STRING, p + 30, n - 30), 0);
    UNTIL(r, r->core[0].n == n);
    assert_memory_equal(r->core[0].p, p, n);
    /* Above what we announced: the channel is closed, the other one stays. */
    assert_int_equal(sctp_send(r->peer, 0, SCTP_PPID_BINARY_PARTIAL, big, 60000), 0);
    assert_int_equal(sctp_send(r->peer, 0, SCTP_PPID_BINARY, big, 60000), 0);
    UNTIL(r, r->ev[BUS_EV_CHAN_CLOSED] == 1 && r->reset_in == 1);
    wic_send(r, 1, p, n);
    UNTIL(r, r->core[1].n == n);
    free(big);
}

static void test_no_association(void **state)
{
    struct rig *r = *state;

    r->mute = true;
    assoc_post(r, BUS_ASSOC_OPEN, 6000, 0);
    chan_post(r, 0, true);
    peer_start(r, 0);
    UNTIL(r, r->ev[BUS_EV_SCTP_FAILED] == 1);
    bus_post_id(data_inbox(r->d), BUS_CHAN_RESET, CHAN0);
    UNTIL(r, r->ev[BUS_EV_CHAN_RESET_DONE] == 1);
}

static void test_association_lost(void **state)
{
    struct rig *r = *state;

    up(r, 1, 0);
    sctp_abort(r->peer);
    UNTIL(r, r->ev[BUS_EV_SCTP_CLOSED] == 1);
    assert_int_equal(count_get(&data_counts(r->d)[DATA_C_SCTP_UP]), 0);
    bus_post_id(data_inbox(r->d), BUS_DTLS_DOWN, SEP);
    barrier(r);
    assert_int_equal(r->ev[BUS_EV_SCTP_CLOSED], 1);
}

/* Stop with everything open and data under way. */
static void test_stop_in_the_middle(void **state)
{
    struct rig *r = *state;
    char p[400];
    size_t n = chunk(p, sizeof p, "stop0001", "1-9/9", 9, 'a', '$');

    up(r, CHANS, 0);
    for (int i = 0; i < CHANS; i++)
        wic_send(r, (uint16_t)i, p, n);
    drain(r);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_both_ways), T(test_10mb_to_core), T(test_10mb_to_wic), T(test_10mb_one_chunk), T(test_several_channels),
        T(test_gates), T(test_late_everything), T(test_stranger_and_return), T(test_active), T(test_active_refused),
        T(test_active_opens_again), T(test_active_opens_again_so_often), T(test_active_is_closed_each_time),
        T(test_no_descriptor_left),
        T(test_bad_msrp_from_core), T(test_bad_msrp_from_wic), T(test_reset_by_control), T(test_reset_by_peer),
        T(test_dcep), T(test_deprecated_ppids), T(test_association_lost), T(test_stop_in_the_middle),
        cmocka_unit_test_setup_teardown(test_no_association, setup_hasty, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
