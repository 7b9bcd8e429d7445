/* alg: the eP-CSCF and IMS-ALG of openiq. Wiring only. */
#include "alg/alg.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "alg/call/call.h"
#include "alg/conf.h"
#include "alg/iq/mgc.h"
#include "alg/sip/ws.h"
#include "alg/users/jwt.h"
#include "alg/users/state.h"
#include "alg/users/turn.h"
#include "alg/users/users.h"
#include "common/cli.h"
#include "common/conf_value.h"
#include "common/log.h"
#include "common/ops.h"

#define FILES_BESIDES 1024 /* descriptors of all but browsers */
#define TURN_MS 500

static const char usage[] =
    "alg - call control for WebRTC clients of an IMS (TS 23.334 eP-CSCF, IMS-ALG), controlling gateways by H.248\n"
    "usage: alg [-c FILE] [--trace DIR]\n"
    "  -c, --conf FILE    configuration (YAML); without it the defaults work on loopback\n"
    "  --check-conf FILE  check a configuration and exit: 0 good, 1 bad\n"
    "  --help-conf        print every key with its default and meaning\n"
    "  --trace DIR        write every message to DIR/alg.trace and DIR/alg.pcap\n"
    "  --help, --version\n";

struct service {
    struct alg alg;
    struct alg_conf conf;
    char mid[256];
    struct admit *admit;
    struct reach core; /* who may send requests */
    uv_signal_t term, intr;
    bool signals, stopping, done;
};

/* --- SIP to calls --- */

static void on_request(void *arg, struct sip_in *in, const struct sip_msg *m)
{
    struct service *v = arg;

    if (v->stopping || !v->alg.calls)
        sip_reply(in, 503, NULL, NULL, SV_NONE, NULL);
    else
        calls_request(v->alg.calls, in, m);
}

static bool on_anybodys(void *arg, const struct sip_msg *m)
{
    const struct service *v = arg;

    return v->alg.calls && calls_is_emergency(v->alg.calls, m);
}

static void on_flow_closed(void *arg, sip_flow flow)
{
    struct service *v = arg;

    if (v->alg.calls)
        calls_flow_closed(v->alg.calls, flow);
}

static void on_flow_moved(void *arg, sip_flow old, sip_flow now)
{
    struct service *v = arg;

    if (v->alg.calls)
        calls_flow_moved(v->alg.calls, old, now);
}

/* --- what the configuration means --- */

static int listens(const struct alg_conf *c, struct ws_conf *ws)
{
    const struct conf_strs *lists[] = {&c->ws_listen, &c->wss_listen};
    int err = 0;

    for (unsigned l = 0; l < ARRAY_LEN(lists); l++)
        for (unsigned i = 0; i < lists[l]->n && !err; i++) {
            struct ws_listen *to = &ws->listen[ws->n_listen++];

            to->tls = l == 1;
            err = addr_parse_hostport(&to->addr, sv_from(lists[l]->v[i]), 0);
        }
    return err;
}

static enum reg_way_kind way_of(const char *name)
{
    static const char *const names[] = {[REG_WAY_RELAY] = "relay", [REG_WAY_PBX] = "pbx", [REG_WAY_THIRD] = "third-party",
                                        [REG_WAY_TRUSTED] = "trusted-node"};
    unsigned i = 0;

    while (i + 1 < ARRAY_LEN(names) && strcmp(names[i], name) != 0)
        i++;
    return (enum reg_way_kind)i;
}

static unsigned ways_read(const struct alg_conf *c, struct reg_way ways[REG_WAYS_MAX])
{
    const struct alg_domain_row *row = c->web_domains.v;
    unsigned n = 0;

    for (; n < c->web_domains.n && n < REG_WAYS_MAX; n++, row++)
        ways[n] = (struct reg_way){
            .domain = row->domain,
            .kind = way_of(row->way),
            .password = way_of(row->way) != REG_WAY_TRUSTED && strcmp(row->login, "token") != 0,
            .token = way_of(row->way) == REG_WAY_TRUSTED || strcmp(row->login, "password") != 0,
            .token_server = row->token_server,
            .pilot = row->pilot,
            .impi = *row->impi || !*row->pilot ? row->impi : row->pilot + 4,
            .password_file = row->password_file,
            .bulk = !strcmp(row->contact, "bulk"),
            .expires = (unsigned)atoi(row->expires),
        };
    return n;
}

/* Only where alg itself asks who it is. */
static int users_open_for(struct service *v, const char **at)
{
    const struct alg_conf *c = &v->conf;
    const struct alg_domain_row *rows = c->web_domains.v;
    const struct alg_token_row *tokens = c->token_keys.v;
    struct jwt_key_conf keys[JWT_KEYS_MAX];
    static char path[4096], why[256];
    bool wanted = false;
    int err = 0;

    for (unsigned i = 0; i < c->web_domains.n; i++)
        wanted = wanted || strcmp(rows[i].way, "relay") != 0;
    if (!wanted)
        return 0;
    snprintf(path, sizeof path, "%s%s", *c->users_db ? c->users_db : c->state_dir, *c->users_db ? "" : "/users.db");
    *at = path;
    err = users_open(&v->alg.users, path);
    for (unsigned i = 0; i < c->token_keys.n && i < JWT_KEYS_MAX; i++)
        keys[i] = (struct jwt_key_conf){tokens[i].kid, tokens[i].alg, tokens[i].file, tokens[i].issuer, tokens[i].audience};
    if (!err && c->token_keys.n) {
        *at = why;
        err = jwt_keys_new(&v->alg.tokens, keys, c->token_keys.n, why, sizeof why);
    }
    return err;
}

static int turn_open(struct service *v, const char **at)
{
    const struct alg_conf *c = &v->conf;
    const struct turn_conf t = {
        .uris = (const char *const *)c->turn_servers.v, .n_uris = c->turn_servers.n, .secret_file = c->turn_secret_file,
        .ttl_max = (unsigned)c->turn_ttl, .key = state_key(v->alg.state), .n_key = STATE_KEY_LEN,
    };

    *at = c->turn_secret_file;
    return c->turn_servers.n ? turn_new(&v->alg.turn, &t) : 0;
}

static int core_listens(const struct alg_conf *c, struct sip_conf *s, struct sip_tls_conf *tls)
{
    int err = addr_parse_hostport(&s->listen, sv_from(c->sip_listen.v[0]), 0);

    s->n_more = c->sip_listen.n > 1;
    if (!err && s->n_more)
        err = addr_parse_hostport(&s->more, sv_from(c->sip_listen.v[1]), 0);
    if (c->sip_tls_listen.n)
        s->tls = tls;
    *tls = (struct sip_tls_conf){
        .cert = c->sip_tls_cert, .key = c->sip_tls_key, .ca = c->sip_tls_ca, .verify = c->sip_tls_verify, .mutual = c->sip_tls_mutual,
        .peers = (const char *const *)c->sip_tls_peers.v, .n_peers = c->sip_tls_peers.n, .dir = c->state_dir,
    };
    for (; tls->n_listen < c->sip_tls_listen.n && !err; tls->n_listen++)
        err = addr_parse_hostport(&tls->listen[tls->n_listen], sv_from(c->sip_tls_listen.v[tls->n_listen]), 0);
    return err;
}

/* Requests are taken of sip_peers, and where none are named of addresses that lie as far away as our own; of the next hops in any
 * case, those by name as they resolve (hop_peers.h). NULL: of everybody. */
static const struct reach *core_peers(struct service *v, const struct sip_conf *s)
{
    const struct alg_conf *c = &v->conf;
    const struct addr *const own[] = {&s->listen, &s->more};

    v->core.closed = true;
    for (unsigned i = 0; i < c->sip_peers.n; i++)
        if (!strcmp(c->sip_peers.v[i], "*"))
            return NULL;
        else
            (void)reach_allow(&v->core, c->sip_peers.v[i]);
    for (unsigned i = 0; !c->sip_peers.n && i < (s->n_more ? 2 : 1); i++)
        if (reach_kind_of(own[i]) != REACH_PUBLIC && !addr_is_any(own[i]))
            reach_own(&v->core, own[i]);
    return &v->core;
}

static int sip_open(struct service *v)
{
    const struct alg_conf *c = &v->conf;
    struct ws_conf ws = {
        .cert = c->ws_cert, .key = c->ws_key, .state_dir = c->state_dir,
        .origins = (const char *const *)c->origins.v, .n_origins = c->origins.n, .origin_missing_ok = c->origin_missing,
        .hosts = (const char *const *)c->ws_hosts.v, .n_hosts = c->ws_hosts.n, .name = c->mid,
        .handshake_s = (unsigned)c->ws_handshake, .shaking_per_addr = (unsigned)c->ws_handshakes_per_address,
        .rate = (unsigned)c->ws_new, .rate_per_addr = (unsigned)c->ws_new_per_address,
        .max_conns = (unsigned)c->ws_max_connections, .max_per_addr = (unsigned)c->ws_max_per_address,
        .max_msg = (unsigned)c->ws_max_message, .ping_s = (unsigned)c->ws_ping,
        .flow_base = state_run(v->alg.state) << 32,
    };
    struct sip_h h = {.request = on_request, .anybodys = on_anybodys, .flow_closed = on_flow_closed, .flow_moved = on_flow_moved, .arg = v};
    struct sip_conf s = {.host = c->sip_host, .next_hop = (const char *const *)c->next_hop.v, .n_next_hop = c->next_hop.n, .resolve_routes = c->resolve_routes, .name = c->mid,
                         .ws = &ws, .trace = v->alg.trace, .resolv_conf = c->resolv_conf,
                         .options_s = (unsigned)c->hop_options, .options_lost = (unsigned)c->hop_options_lost,
                         .silent_ms = (unsigned)c->hop_silent};
    struct reg_conf r = {.domain = c->home_domain,
                         .orphan_s = (unsigned)(c->flow_recovery ? c->flow_recovery : c->orphan),
                         .no_register_s = (unsigned)c->ws_no_register,
                         .access_info = c->access_info,
                         .state = v->alg.state,
                         .reg_event = c->reg_event};
    struct reg_way ways[REG_WAYS_MAX];
    struct sip_tls_conf tls;
    int err = listens(c, &ws);

    net_files((uint64_t)c->ws_max_connections * WS_FDS_PER_FLOW + FILES_BESIDES);

    r.ways = ways;
    r.users = v->alg.users;
    r.tokens = v->alg.tokens;
    r.turn = (struct reg_turn){.turn = v->alg.turn, .endpoint = strcmp(c->turn_by, "header") != 0,
                               .header = strcmp(c->turn_by, "endpoint") != 0, .clear = c->turn_clear};
    r.n_ways = ways_read(c, ways);

    if (!err)
        err = core_listens(c, &s, &tls);
    if (!err)
        s.peers = core_peers(v, &s);
    if (!err)
        err = sip_new(&v->alg.sip, &v->alg.loop, &s, &h);
    if (!err)
        err = reg_new(&v->alg.reg, v->alg.sip, &r);
    return err;
}

static int gateways_read(struct service *v, struct mgc_conf *m)
{
    const struct alg_gateway_row *rows = v->conf.gateways.v;
    int err = 0;

    v->admit = calloc(v->conf.gateways.n, sizeof *v->admit);
    if (!v->admit)
        return -ENOMEM;
    m->admit = v->admit;
    for (unsigned i = 0; i < v->conf.gateways.n && !err; i++, m->n_admit++) {
        err = admit_mid(&v->admit[i], rows[i].mid);
        if (!err)
            err = admit_from(&v->admit[i], rows[i].from);
    }
    return err;
}

static int mgc_open(struct service *v)
{
    const struct alg_conf *c = &v->conf;
    struct mgc_conf m = {.trace = v->alg.trace, .release_tries = (unsigned)c->release_tries};
    struct trans_conf *t = &m.assoc.trans;
    int err = conf_udp(c->h248_listen, &m.listen);

    if (!err)
        err = gateways_read(v, &m);
    if (err)
        return err;
    assoc_conf_default(&m.assoc, ASSOC_MGC);
    snprintf(v->mid, sizeof v->mid, "%s", c->mid);
    t->mid = (struct h248_mid){.kind = H248_MID_DOMAIN, .name = sv_from(v->mid), .has_port = true, .port = addr_port(&m.listen)};
    t->version = m.assoc.version = (unsigned)c->version;
    t->style = strcmp(c->h248_encoding, "compact") == 0 ? H248_COMPACT : H248_PRETTY;
    t->first_retransmit = (unsigned)c->retransmit;
    t->max_retransmit = (unsigned)c->retransmit_max;
    t->max_sends = (unsigned)c->sends_max;
    t->t_max = (unsigned)c->request_timeout;
    t->long_timer = (unsigned)c->long_timer;
    t->provisional = (unsigned)c->provisional;
    t->pending_limit = (unsigned)c->pending_limit;
    m.assoc.profile = sv_from(c->profile);
    m.assoc.profile_version = (unsigned)c->profile_version;
    m.assoc.heartbeat = (unsigned)c->heartbeat;
    return mgc_new(&v->alg.mgc, &v->alg.loop, &m);
}

static int calls_open(struct service *v)
{
    const struct alg_conf *c = &v->conf;
    struct calls_conf k = {
        .access_interface = c->access_interface, .access_realm = c->access_realm,
        .core_interface = c->core_interface, .core_realm = c->core_realm, .home_domain = c->home_domain,
        .full_ice = !strcmp(c->ice, "full"),
        .ice_tcp = c->ice_tcp,
        .dtls_active = c->dtls_active, .max_calls = (unsigned)c->max_calls, .no_answer_ms = (unsigned)c->no_answer * 1000,
        .reopen_ms = (unsigned)c->reopen * 1000, .orphan_ms = c->orphan ? (unsigned)c->orphan * 1000 : 1,
        .access_v6 = c->access_ipv6, .core_v6 = c->core_ipv6,
        .media_inactivity_s = (unsigned)c->media_inactivity,
        .policy = {.plain_rtp = c->plain_rtp, .rtp_tcp = c->plain_rtp && c->ice_tcp && strcmp(c->ice, "full") != 0,
                   .msrp_tcp = c->msrp_tcp && strcmp(c->ice, "full") != 0,
                   .browser = !strcmp(c->web_profile, "browser"),
                   .codecs = {{(const char *const *)c->audio_codecs.v, c->audio_codecs.n},
                              {(const char *const *)c->video_codecs.v, c->video_codecs.n}},
                   .core_proto = {c->core_audio, c->core_video}},
        .emergency = (const char *const *)c->emergency_numbers.v, .n_emergency = c->emergency_numbers.n,
        .heartbeat_s = (unsigned)c->hanging, .early_media_183 = c->early_media, .preconditions = c->preconditions,
    };

    return calls_new(&v->alg.calls, &v->alg, &k);
}

/* --- operations --- */

static bool on_health(void *arg, struct buf *why)
{
    struct service *v = arg;

    if (!v->stopping && mgc_ready(v->alg.mgc) && sip_core_is_up(v->alg.sip))
        return true;
    buf_str(why, v->stopping              ? "stopping"
                 : !mgc_ready(v->alg.mgc) ? "no gateway is registered"
                                          : "no next hop of the core answers");
    return false;
}

static void on_metrics(void *arg, struct buf *out)
{
    struct service *v = arg;

    count_print(call_counters, calls_counts(v->alg.calls), CALL_C_N, out);
    count_print(mgc_counters, mgc_counts(v->alg.mgc), MGC_C_N, out);
    mgc_print_told(v->alg.mgc, out);
    count_print(trans_counters, trans_counts(mgc_trans(v->alg.mgc)), TRANS_C_N, out);
    count_print(sip_counters, sip_counts(v->alg.sip), SIP_C_N, out);
    count_print(ws_counters, sip_ws_counts(v->alg.sip), WS_C_N, out);
    count_print(reg_counters, reg_counts(v->alg.reg), REG_C_N, out);
    if (v->alg.turn)
        count_print(turn_counters, turn_counts(v->alg.turn), TURN_C_N, out);
}

static int ops_open(struct service *v)
{
    const struct ops_h h = {on_health, on_metrics, v, (const char *const *)v->conf.ops_hosts.v, v->conf.ops_hosts.n};
    struct addr a;
    int err;

    if (!v->conf.ops[0])
        return 0;
    err = addr_parse_hostport(&a, sv_from(v->conf.ops), 0);
    return err ? err : ops_new(&v->alg.ops, &v->alg.loop, &a, &h);
}

/* --- end: calls first (BYE, Subtract), then the gateways are told, then the sockets close --- */

static void on_mgc_stopped(void *arg)
{
    struct service *v = arg;

    v->done = true;
}

static void on_calls_stopped(void *arg)
{
    struct service *v = arg;

    mgc_stop(v->alg.mgc, on_mgc_stopped, v);
}

static void on_signal(uv_signal_t *handle, int signum)
{
    struct service *v = handle->data;

    if (v->stopping)
        return;
    v->stopping = true;
    log_info("alg", "msg=\"stopping\" signal=%d", signum);
    calls_stop(v->alg.calls, on_calls_stopped, v);
}

static int signals_open(struct service *v)
{
    v->term.data = v->intr.data = v;
    signal(SIGPIPE, SIG_IGN);
    uv_signal_init(&v->alg.loop, &v->term);
    uv_signal_init(&v->alg.loop, &v->intr);
    v->signals = true;
    if (uv_signal_start(&v->term, on_signal, SIGTERM) || uv_signal_start(&v->intr, on_signal, SIGINT))
        return -EIO;
    return 0;
}

static void service_close(struct service *v)
{
    struct alg *a = &v->alg;

    ops_free(a->ops);
    calls_free(a->calls);
    a->calls = NULL;
    mgc_free(a->mgc);
    reg_free(a->reg);
    sip_free(a->sip);
    users_close(a->users);
    jwt_keys_free(a->tokens);
    turn_free(a->turn);
    state_close(a->state);
    if (v->signals) {
        uv_close((uv_handle_t *)&v->term, NULL);
        uv_close((uv_handle_t *)&v->intr, NULL);
    }
    for (int i = 0; i < 100 && uv_loop_alive(&a->loop); i++)
        uv_run(&a->loop, UV_RUN_NOWAIT);
    uv_loop_close(&a->loop);
    trace_close(a->trace);
    free(v->admit);
    alg_conf_free(&v->conf);
}

static int serve(struct service *v, const char *trace_dir)
{
    const char *what = "trace", *at = "";
    int err = trace_dir ? trace_open(&v->alg.trace, trace_dir, "alg") : 0;

    uv_loop_init(&v->alg.loop);
    v->alg.conf = &v->conf;
    if (!err)
        what = "h248", at = v->conf.h248_listen, err = mgc_open(v);
    if (!err)
        what = "state", at = v->conf.state_dir, err = state_open(&v->alg.state, v->conf.state_dir);
    if (!err)
        what = "users", err = users_open_for(v, &at);
    if (!err)
        what = "turn", err = turn_open(v, &at);
    if (!err)
        what = "sip", at = v->conf.sip_listen.v[0], err = sip_open(v);
    if (!err)
        what = "calls", at = "", err = calls_open(v);
    if (!err)
        what = "ops", at = v->conf.ops, err = ops_open(v);
    if (!err)
        what = "signals", at = "", err = signals_open(v);
    if (err) {
        log_error("alg", "msg=\"cannot start\" what=%s at=\"%s\" why=\"%s\"", what, at, strerror(-err));
        service_close(v);
        return 1;
    }
    log_info("alg", "msg=\"started\" version=%s mid=%s h248=%u sip=%s", OPENIQ_VERSION, v->mid, mgc_port(v->alg.mgc),
             v->conf.sip_listen.v[0]);
    while (!v->done)
        sip_turn(v->alg.sip, TURN_MS);
    service_close(v);
    log_info("alg", "msg=\"stopped\"");
    return 0;
}

/* --- command line --- */

static int load(void *conf, const char *path, char *err, size_t size)
{
    return alg_conf_load(conf, path, err, size);
}

static void unload(void *conf)
{
    alg_conf_free(conf);
}

int main(int argc, char **argv)
{
    static const struct cli cli = {"alg", usage, load, unload, alg_conf_help};
    static struct service service;
    const char *trace_dir;
    int status = cli_parse(&cli, argc, argv, &service.conf, &trace_dir);

    if (status != CLI_GO_ON)
        return status;
    log_init(conf_log_level(service.conf.log));
    return serve(&service, trace_dir);
}
