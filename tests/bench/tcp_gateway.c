#include "tests/bench/tcp_gateway.h"

#include <errno.h>
#include <malloc.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "agw/ctl/cert.h"
#include "agw/media/door.h"
#include "agw/media/worker.h"

#define UP_MS 30000 /* the worker has so long for its orders */

void tcp_die(const char *what)
{
    fprintf(stderr, "bench-tcp: %s: %s\n", what, strerror(errno));
    exit(1);
}

void tcp_pin(int cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    (void)sched_setaffinity(0, sizeof set, &set);
}

void tcp_ufrag(unsigned i, char out[16])
{
    snprintf(out, 16, "u%07u", i);
}

struct srtp_key tcp_key(unsigned i, bool ours)
{
    struct srtp_key k = {.profile = SRTP_AEAD_AES_128_GCM};

    memset(k.key, ours ? 0x11 : 0x22, sizeof k.key);
    memcpy(k.key, &i, sizeof i);
    return k;
}

static struct bus_msg *order(enum bus_kind kind)
{
    struct bus_msg *m = bus_new(kind);

    if (!m)
        tcp_die("memory");
    return m;
}

static void open_wic(struct inbox *worker, struct inbox *door, const struct addr *shared, unsigned i)
{
    struct bus_msg *m = order(BUS_SEP_OPEN), *d = order(BUS_DOOR_NAME);

    m->u.sep = (struct bus_sep){.id = 1 + i, .fd = -1, .local = *shared, .ice = true, .pwd = TCP_PWD, .peer = "wic",
                                .rtp = {.on = true, .mux = true, .rtcp_fd = -1, .sec = BUS_SEC_SDES}};
    m->u.sep.rtp.send = tcp_key(i, false);
    m->u.sep.rtp.recv = tcp_key(i, true);
    tcp_ufrag(i, m->u.sep.ufrag);
    d->u.door.id = 1 + i;
    memcpy(d->u.door.ufrag, m->u.sep.ufrag, sizeof d->u.door.ufrag);
    inbox_post(worker, &m->item);
    inbox_post(door, &d->item);
}

/* A stream towards the phone, joined to that of browser `i`; its address. */
static struct addr open_core(struct inbox *worker, const struct addr *phone, unsigned i)
{
    static struct flow_counts counts[2 * TCP_ACTIVE_MAX];
    struct bus_msg *m = order(BUS_SEP_OPEN);
    struct addr local;

    addr_parse(&local, SV("127.0.0.1"), 0);
    m->u.sep = (struct bus_sep){.id = 100001 + i, .has_remote = true, .remote = *phone, .peer = "core",
                                .rtp = {.on = true, .mux = true, .rtcp_fd = -1}};
    m->u.sep.fd = net_udp(&local);
    if (m->u.sep.fd < 0)
        tcp_die("core socket");
    m->u.sep.local = local;
    inbox_post(worker, &m->item);
    for (unsigned k = 0; k < 2; k++) {
        m = order(BUS_FLOW_OPEN);
        m->u.flow = (struct bus_flow){.id = 200001 + k * 100000 + i, .sep = (k ? 100001 : 1) + i, .in = true, .out = true,
                                      .counts = &counts[2 * i + k]};
        inbox_post(worker, &m->item);
    }
    m = order(BUS_FLOW_JOIN);
    m->u.wire.a = 200001 + i;
    m->u.wire.b = 300001 + i;
    for (unsigned k = 0; k < 128; k++)
        m->u.wire.a_to_b[k] = m->u.wire.b_to_a[k] = (uint8_t)k;
    inbox_post(worker, &m->item);
    return local;
}

void tcp_gateway(struct tcp_shared *sh, unsigned legs, unsigned active, const struct addr *phone)
{
    struct worker_shared shared;
    struct door_listener l = {0};
    struct worker_conf conf = {.ice_timeout_ms = 600000, .dtls_timeout_ms = 30000, .shared = &shared, .n_shared = 1,
                               .raw_send = WORKER_AUTO, .ring = WORKER_AUTO};
    struct inbox *ctl, *data, *inboxes[1];
    struct worker *w;
    struct cert *cert;
    struct door *d;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    tcp_pin(0);
    addr_parse(&shared.local, SV("127.0.0.1"), 0);
    shared.fd = net_udp(&shared.local);
    addr_parse(&l.local, SV("127.0.0.1"), 0);
    l.fd = net_tcp_listen(&l.local, 1024);
    if (shared.fd < 0 || l.fd < 0 || inbox_new(&ctl, 1000) || inbox_new(&data, 1000) || cert_new(&cert, "agw"))
        tcp_die("gateway");
    conf.ctl = ctl;
    conf.data = data;
    conf.cert_der = cert->der;
    conf.cert_len = cert->der_len;
    conf.key_der = cert->key;
    conf.key_len = cert->key_len;
    if (worker_new(&w, &conf))
        tcp_die("worker");
    inboxes[0] = worker_inbox(w);
    if (door_new(&d, &(struct door_conf){.listeners = &l, .n_listeners = 1, .workers = inboxes}))
        tcp_die("door");
    for (unsigned i = 0; i < legs; i++) {
        open_wic(inboxes[0], door_inbox(d), &shared.local, i);
        if (i < active)
            sh->core[i] = open_core(inboxes[0], phone, i);
    }
    sh->door = l.local;
    for (unsigned ms = 0; count_get(&worker_counts(w)[WORKER_C_FLOWS]) < 2 * active ||
                          count_get(&worker_counts(w)[WORKER_C_SEPS]) < legs + active; ms++) {
        if ((errno = ms < UP_MS ? 0 : ETIMEDOUT))
            tcp_die("the worker has not opened all");
        usleep(1000);
    }
    malloc_trim(0); /* what the orders took is no part of what a connection takes */
    sh->ready = 1;
    for (;;) { /* control reads what it is told */
        struct inbox_item *it = inbox_take(ctl), *next;

        for (; it; it = next) {
            next = it->next;
            bus_drop(it);
        }
        sh->lost[0] = count_get(&worker_counts(w)[WORKER_C_MEDIA_LOST]);
        sh->lost[1] = count_get(&worker_counts(w)[WORKER_C_MEDIA_DROPPED]);
        sh->lost[2] = count_get(&worker_counts(w)[WORKER_C_LEG_DROPPED]);
        sh->lost[3] = count_get(&worker_counts(w)[WORKER_C_MEDIA]);
        usleep(50000);
    }
}
