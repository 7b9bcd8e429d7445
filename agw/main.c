/* agw: the eIMS-AGW of openiq. Wiring only. */
#include "agw/agw.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/cli.h"
#include "common/conf_value.h"
#include "common/log.h"

#define DAY_MS (24ULL * 3600 * 1000)
#define BUS_QUEUE     4096 /* control takes control posts only; the bound is for data posts */

static const char usage[] =
    "agw - media gateway for WebRTC audio, video and data channels (TS 23.334 eIMS-AGW), controlled by H.248\n"
    "usage: agw [-c FILE] [--trace DIR]\n"
    "  -c, --conf FILE    configuration (YAML); without it the defaults work on loopback\n"
    "  --check-conf FILE  check a configuration and exit: 0 good, 1 bad\n"
    "  --help-conf        print every key with its default and meaning\n"
    "  --trace DIR        write every message to DIR/agw.trace and DIR/agw.pcap\n"
    "  --help, --version\n";

/* --- what the configuration means --- */

/* Each TCP connection takes a descriptor, each stream with a port of its own, too: whatever the system lets us have. */
static void descriptors(void)
{
    struct rlimit many;

    if (getrlimit(RLIMIT_NOFILE, &many))
        return;
    many.rlim_cur = many.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &many);
}

static int realms_set(struct agw *g)
{
    const struct agw_realm_row *rows = g->conf.realms.v;

    for (unsigned i = 0; i < g->conf.realms.n; i++) {
        struct realm_conf *r = &g->realms[i];

        *r = (struct realm_conf){.name = rows[i].name,
                                 .interface = rows[i].interface,
                                 .peer = rows[i].peer,
                                 .has_addr6 = rows[i].address6[0] != '\0',
                                 .any_source = rows[i].any_source,
                                 .reach = &g->reach[i]};
        agw_conf_reach(&rows[i], &g->reach[i]);
        if (addr_parse(&r->addr, sv_from(rows[i].address), 0) ||
            agw_conf_ports(rows[i].ports, &r->port_lo, &r->port_hi) ||
            (r->has_addr6 && addr_parse(&r->addr6, sv_from(rows[i].address6), 0)))
            return -EINVAL;
        if (rows[i].shared_port)
            shared_open(r, g->shared, agw_conf_workers(&g->conf));
        listen_open(r, i, &rows[i], &g->listeners);
    }
    return 0;
}

static int assoc_set(struct agw *g, struct assoc_conf *a)
{
    const struct agw_conf *c = &g->conf;
    int err = 0;

    assoc_conf_default(a, ASSOC_MG);
    snprintf(g->mid, sizeof g->mid, "%s", c->mid);
    a->trans.mid = (struct h248_mid){.kind = H248_MID_DOMAIN, .name = sv_from(g->mid)};
    a->trans.version = a->version = (unsigned)c->version;
    a->trans.style = strcmp(c->encoding, "compact") == 0 ? H248_COMPACT : H248_PRETTY;
    a->trans.first_retransmit = (unsigned)c->retransmit;
    a->trans.max_retransmit = (unsigned)c->retransmit_max;
    a->trans.max_sends = (unsigned)c->sends_max;
    a->trans.t_max = (unsigned)c->request_timeout;
    a->trans.long_timer = (unsigned)c->long_timer;
    a->trans.provisional = (unsigned)c->provisional;
    a->trans.pending_limit = (unsigned)c->pending_limit;
    a->profile = sv_from(c->profile);
    a->profile_version = (unsigned)c->profile_version;
    a->retry_first = (unsigned)c->register_pause;
    a->retry_max = (unsigned)c->register_pause_max;
    a->silence = (unsigned)c->silence;
    for (unsigned i = 0; i < c->mgc.n && !err; i++)
        err = conf_udp(c->mgc.v[i], &a->mgc[a->n_mgc++]);
    return err;
}

static int mg_open(struct agw *g)
{
    const struct agw_conf *c = &g->conf;
    struct mg_conf m = {.inbox = g->inbox, .trace = g->trace};
    int err = conf_udp(c->listen, &m.local);

    if (!err)
        err = assoc_set(g, &m.assoc);
    if (err)
        return err;
    m.assoc.trans.mid.has_port = true;
    m.assoc.trans.mid.port = addr_port(&m.local);
    m.ctl = (struct ctl_conf){
        .realms = g->realms,
        .n_realms = c->realms.n,
        .max_contexts = (unsigned)c->max_contexts,
        .max_terms = (unsigned)c->max_terminations,
        .orphan_ms = (uint32_t)c->orphan_timeout,
        .sctp_port = (uint16_t)c->sctp_port,
        .max_message = (uint32_t)c->max_message_size,
        .root = {.mg_execution = 500,
                 .mgc_execution = 1000,
                 .provisional = (uint32_t)c->provisional,
                 .pending_limit = (uint32_t)c->pending_limit},
        .cert = g->cert,
        .data = data_inbox(g->data),
        .door = g->door ? door_inbox(g->door) : NULL,
        .workers = g->inboxes,
        .n_workers = g->n_workers,
    };
    return mg_new(&g->mg, &g->loop, &m);
}

static int door_open(struct agw *g)
{
    const struct door_conf c = {.listeners = g->listeners.v, .n_listeners = g->listeners.n, .workers = g->inboxes};
    int err;

    if (!g->listeners.n)
        return 0;
    err = door_new(&g->door, &c);
    g->listeners.n = 0; /* the door's now, whatever became of it */
    return err;
}

static int threads_open(struct agw *g)
{
    const struct agw_conf *c = &g->conf;
    const unsigned n = agw_conf_workers(c);
    struct data_conf d = {.ctl = g->inbox,
                          .workers = g->inboxes,
                          .n_workers = n,
                          .tcp_connect_ms = (unsigned)c->tcp_timeout,
                          .sctp_init_ms = (unsigned)c->sctp_timeout,
                          .queue_max = (size_t)c->queue_size,
                          .trace = g->trace};
    int err = data_new(&g->data, &d);

    for (unsigned i = 0; i < n && !err; i++) {
        struct worker_conf w = {.index = i,
                                .ctl = g->inbox,
                                .data = data_inbox(g->data),
                                .shared = g->shared[i].v,
                                .n_shared = g->shared[i].n,
                                .srtp = strcmp(c->srtp_engine, "libsrtp") == 0 ? SRTP_LIBSRTP : SRTP_OPENSSL,
                                .raw_send = agw_conf_way(c->raw_send),
                                .ring = agw_conf_way(c->receive_ring),
                                .gather_us = (unsigned)c->gather,
                                .cert_der = g->cert->der,
                                .cert_len = g->cert->der_len,
                                .key_der = g->cert->key,
                                .key_len = g->cert->key_len,
                                .ice_timeout_ms = (unsigned)c->ice_timeout,
                                .dtls_timeout_ms = (unsigned)c->dtls_timeout,
                                .trace = g->trace};

        err = worker_new(&g->workers[i], &w);
        if (err)
            break;
        g->shared[i].n = 0; /* the worker's now */
        g->inboxes[i] = worker_inbox(g->workers[i]);
        g->n_workers++;
    }
    return err ? err : door_open(g);
}

/* --- certificate --- */

static struct bus_msg *cert_order(const struct cert *c)
{
    struct bus_msg *m = c->der_len + c->key_len <= BUS_CERT_MAX ? bus_new(BUS_CERT) : NULL;

    if (!m)
        return NULL;
    m->u.cert.cert_len = (uint16_t)c->der_len;
    m->u.cert.key_len = (uint16_t)c->key_len;
    memcpy(m->u.cert.p, c->der, c->der_len);
    memcpy(m->u.cert.p + c->der_len, c->key, c->key_len);
    return m;
}

/* The workers hear of it before any transport that tells its fingerprint: one inbox each, in order. */
static void on_renew(uv_timer_t *timer)
{
    struct agw *g = timer->data;
    struct bus_msg *orders[CTL_WORKERS] = {NULL};
    struct cert *fresh = NULL;
    int err = cert_new(&fresh, "agw");

    for (unsigned i = 0; i < g->n_workers && !err; i++) {
        orders[i] = cert_order(fresh);
        err = orders[i] ? 0 : -ENOMEM;
    }
    if (err) {
        log_error("agw", "msg=\"certificate not renewed\" why=\"%s\"", strerror(-err));
        for (unsigned i = 0; i < g->n_workers; i++)
            bus_free(orders[i]);
        cert_free(fresh);
        return;
    }
    cert_replace(g->cert, fresh);
    for (unsigned i = 0; i < g->n_workers; i++)
        inbox_post(g->inboxes[i], &orders[i]->item);
    log_info("agw", "msg=\"certificate renewed\" sha256=%s", g->cert->fingerprint);
}

static void renew_open(struct agw *g)
{
    const uint64_t every = (uint64_t)g->conf.cert_renew_days * DAY_MS;

    uv_timer_init(&g->loop, &g->renew);
    g->renew.data = g;
    uv_timer_start(&g->renew, on_renew, every, every);
}

/* --- operations --- */

static bool on_health(void *arg, struct buf *why)
{
    struct agw *g = arg;

    if (g->stopping)
        buf_str(why, "stopping");
    else if (!mg_is_registered(g->mg))
        buf_str(why, "not registered with a controller");
    else
        return true;
    return false;
}

static void on_metrics(void *arg, struct buf *out)
{
    struct agw *g = arg;
    count_t sum[WORKER_C_N];

    for (unsigned k = 0; k < WORKER_C_N; k++)
        atomic_init(&sum[k], 0);
    for (unsigned i = 0; i < g->n_workers; i++) {
        const count_t *one = worker_counts(g->workers[i]);

        for (unsigned k = 0; k < WORKER_C_N; k++)
            count_add(&sum[k], count_get(&one[k]));
    }
    mg_metrics(g->mg, out);
    count_print(worker_counters, sum, WORKER_C_N, out);
    count_print(data_counters, data_counts(g->data), DATA_C_N, out);
    if (g->door)
        count_print(door_counters, door_counts(g->door), DOOR_C_N, out);
}

static int ops_open(struct agw *g)
{
    const struct ops_h h = {on_health, on_metrics, g, (const char *const *)g->conf.ops_hosts.v,
                            g->conf.ops_hosts.n};
    struct addr a;

    if (!g->conf.ops[0])
        return 0;
    if (addr_parse_hostport(&a, sv_from(g->conf.ops), 0))
        return -EINVAL;
    return ops_new(&g->ops, &g->loop, &a, &h);
}

/* --- end --- */

static void on_stopped(void *arg, bool clean)
{
    struct agw *g = arg;

    g->clean = clean;
    uv_stop(&g->loop);
}

static void on_signal(uv_signal_t *handle, int signum)
{
    struct agw *g = handle->data;

    if (g->stopping)
        return;
    g->stopping = true;
    log_info("agw", "msg=\"stopping\" signal=%d", signum);
    mg_stop(g->mg, on_stopped, g);
}

static int signals_open(struct agw *g)
{
    g->term.data = g->intr.data = g;
    signal(SIGPIPE, SIG_IGN);
    uv_signal_init(&g->loop, &g->term);
    uv_signal_init(&g->loop, &g->intr);
    if (uv_signal_start(&g->term, on_signal, SIGTERM) ||
        uv_signal_start(&g->intr, on_signal, SIGINT))
        return -EIO;
    return 0;
}

static void agw_close(struct agw *g)
{
    ops_free(g->ops);
    mg_free(g->mg);
    if (g->renew.data)
        uv_close((uv_handle_t *)&g->renew, NULL);
    if (g->term.data) {
        uv_close((uv_handle_t *)&g->term, NULL);
        uv_close((uv_handle_t *)&g->intr, NULL);
    }
    uv_run(&g->loop, UV_RUN_DEFAULT);
    uv_loop_close(&g->loop);
    door_free(g->door); /* it posts to workers */
    listen_close(&g->listeners);
    /* Every endpoint is closed: workers and data have nothing to say to each other any more. */
    for (unsigned i = 0; i < g->n_workers; i++)
        worker_free(g->workers[i]);
    for (unsigned i = 0; i < CTL_WORKERS; i++)
        shared_close(&g->shared[i]);
    data_free(g->data);
    inbox_free(g->inbox, bus_drop);
    cert_free(g->cert);
    trace_close(g->trace);
    agw_conf_free(&g->conf);
}

static int serve(struct agw *g, const char *trace_dir)
{
    char own[ADDR_STRLEN];
    const char *what = "trace", *at = "";
    int err = trace_dir ? trace_open(&g->trace, trace_dir, "agw") : 0;

    descriptors();
    uv_loop_init(&g->loop);
    if (!err)
        what = "memory", err = inbox_new(&g->inbox, BUS_QUEUE);
    if (!err)
        what = "certificate", err = cert_new(&g->cert, "agw");
    if (!err)
        what = "realms", err = realms_set(g);
    if (!err)
        what = "threads", err = threads_open(g);
    if (!err)
        what = "h248", at = g->conf.listen, err = mg_open(g);
    if (!err)
        what = "ops", at = g->conf.ops, err = ops_open(g);
    if (!err)
        what = "signals", at = "", err = signals_open(g);
    if (err) {
        log_error("agw", "msg=\"cannot start\" what=%s at=\"%s\" why=\"%s\"", what, at, strerror(-err));
        agw_close(g);
        return 1;
    }
    renew_open(g);
    mg_register(g->mg);
    log_info("agw", "msg=\"started\" version=%s mid=%s h248=%s workers=%u", OPENIQ_VERSION, g->mid,
             addr_str(mg_addr(g->mg), own), g->n_workers);
    uv_run(&g->loop, UV_RUN_DEFAULT);
    if (!g->clean) {
        log_error("agw", "msg=\"endpoints did not close\"");
        _exit(1); /* other threads still use what agw_close would free */
    }
    agw_close(g);
    log_info("agw", "msg=\"stopped\"");
    return 0;
}

/* --- command line --- */

static int load(void *conf, const char *path, char *err, size_t size)
{
    return agw_conf_load(conf, path, err, size);
}

static void unload(void *conf)
{
    agw_conf_free(conf);
}

int main(int argc, char **argv)
{
    static const struct cli cli = {"agw", usage, load, unload, agw_conf_help};
    static struct agw agw;
    const char *trace_dir;
    int status = cli_parse(&cli, argc, argv, &agw.conf, &trace_dir);

    if (status != CLI_GO_ON)
        return status;
    log_init(conf_log_level(agw.conf.log));
    return serve(&agw, trace_dir);
}
