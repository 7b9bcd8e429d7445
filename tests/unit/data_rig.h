/* The real data thread with real TCP sockets; control, the worker and the browser are the test: bus inboxes and an SCTP
 * peer in memory. */
#pragma once

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "agw/data/data.h"
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
    struct side ue;            /* what a pipe sent */
    size_t ue_max, ue_credit;  /* its longest frame; credit that the worker got back */
    unsigned drops;
    const char *feed[CHANS];   /* still to be written to the core's sockets */
    size_t feed_n[CHANS];
};

enum { SEP = 10, CHAN0 = 20, TCP0 = 30 };

static inline void side_add(struct side *s, const void *p, size_t n)
{
    if (s->n + n > s->size) {
        s->size = 2 * (s->n + n);
        s->p = realloc(s->p, s->size);
    }
    memcpy(s->p + s->n, p, n);
    s->n += n;
}

static inline void on_peer(struct rig *r, const struct sctp_ev *ev)
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

static inline void on_ctl(struct rig *r, const struct bus_msg *m)
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

static inline bool on_pipe(struct rig *r, const struct bus_msg *m)
{
    if (m->kind == BUS_PIPE_SEND) {
        side_add(&r->ue, m->u.bytes.p, m->u.bytes.n);
        r->ue_max = m->u.bytes.n > r->ue_max ? m->u.bytes.n : r->ue_max;
    } else if (m->kind == BUS_PIPE_CREDIT) {
        r->ue_credit += m->u.conn.n;
    } else if (m->kind == BUS_PIPE_DROP) {
        r->drops++;
    }
    return m->kind == BUS_PIPE_SEND || m->kind == BUS_PIPE_CREDIT || m->kind == BUS_PIPE_DROP;
}

static inline void drain(struct rig *r)
{
    struct inbox_item *it, *next;
    struct sctp *s;
    struct sctp_ev ev;

    for (it = inbox_take(r->worker); it; it = next) {
        struct bus_msg *m = (struct bus_msg *)it;

        next = it->next;
        if (on_pipe(r, m)) {
            bus_drop(it);
            continue;
        }
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

static inline void core_io(struct rig *r, int i, short events)
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

static inline void turn(struct rig *r)
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

static inline void turns(struct rig *r, int n)
{
    while (n--)
        turn(r);
}

/* Everything posted so far has been worked off when an unknown id's close is answered. */
static inline void barrier(struct rig *r)
{
    unsigned before = r->closed;

    bus_post_id(data_inbox(r->d), BUS_CLOSE, 9999);
    UNTIL(r, r->closed == before + 1);
}

/* --- orders --- */

static inline void post(struct rig *r, struct bus_msg *m)
{
    inbox_post(data_inbox(r->d), &m->item);
}

static inline void assoc_post(struct rig *r, enum bus_kind kind, uint16_t remote_port, uint64_t remote_max)
{
    struct bus_msg *m = bus_new(kind);

    m->u.assoc = (struct bus_assoc){.id = SEP, .local_port = 5000, .remote_port = remote_port, .local_max = 100000,
                                    .remote_max = remote_max, .peer = "wic"};
    post(r, m);
}

static inline void chan_post(struct rig *r, int i, bool negotiated)
{
    struct bus_msg *m = bus_new(BUS_CHAN_OPEN);

    m->u.chan = (struct bus_chan){.id = CHAN0 + (bus_id)i, .assoc = SEP, .sid = (uint16_t)i, .negotiated = negotiated};
    post(r, m);
}

static inline void tcp_post(struct rig *r, int i)
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

static inline void remote_post(struct rig *r, int i, enum bus_tcp_role role, const struct addr *remote)
{
    struct bus_msg *m = bus_new(BUS_TCP_REMOTE);

    m->u.tcp.id = TCP0 + (bus_id)i;
    m->u.tcp.role = role;
    m->u.tcp.has_remote = true;
    m->u.tcp.remote = *remote;
    post(r, m);
}

static inline void join_post(struct rig *r, int i)
{
    struct bus_msg *m = bus_new(BUS_JOIN);

    m->u.join = (struct bus_join){CHAN0 + (bus_id)i, TCP0 + (bus_id)i};
    post(r, m);
}

static inline void gate_post(struct rig *r, bus_id id, bool in, bool out)
{
    struct bus_msg *m = bus_new(BUS_GATE);

    m->u.gate = (struct bus_gate){id, in, out};
    post(r, m);
}

static inline void core_connect(struct rig *r, int i)
{
    r->fd[i] = net_tcp_connect(&r->taddr[i], NULL);
    assert_true(r->fd[i] >= 0);
}

static inline struct addr host(const char *ip)
{
    struct addr a;

    addr_parse(&a, sv_from(ip), 4000);
    return a;
}

static inline void peer_start(struct rig *r, size_t rx_max)
{
    struct sctp_conf conf = {.local_port = 6000, .rx_max = rx_max};

    assert_int_equal(sctp_new(&r->peer, r->lib, &conf), 0);
    assert_int_equal(sctp_connect(r->peer, 5000), 0);
    bus_post_id(data_inbox(r->d), BUS_DTLS_UP, SEP);
}

static inline void up(struct rig *r, int n, uint64_t remote_max)
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

static inline int setup_of(void **state, unsigned sctp_init_ms, unsigned tcp_connect_ms)
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

static inline int setup(void **state)
{
    return setup_of(state, 30000, 10000);
}

static inline int setup_hasty(void **state)
{
    return setup_of(state, 100, 100);
}

static inline int teardown(void **state)
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
    free(r->ue.p);
    free(r);
    return 0;
}

/* A SEND with `n` octets of body made from `seed`; returns its length. */
static inline size_t chunk(char *out, size_t size, const char *tid, const char *range, size_t n, unsigned seed, char flag)
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

static inline void wic_send(struct rig *r, uint16_t sid, const char *p, size_t n)
{
    int err;

    do {
        err = sctp_send(r->peer, sid, SCTP_PPID_BINARY, p, n);
        if (err == -EAGAIN)
            turn(r);
    } while (err == -EAGAIN);
    assert_int_equal(err, 0);
}
