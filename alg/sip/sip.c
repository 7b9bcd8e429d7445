/* The two nta agents, what comes to them outside of dialogs, and the thread's main loop: Sofia's root outside, the uv
 * loop as one descriptor in it. */
#include "alg/sip/sip.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <sofia-sip/su_log.h>
#include <sofia-sip/tport_tag.h>

#include "alg/sip/agent.h"
#include "alg/sip/core.h"
#include "alg/sip/core_tls.h"
#include "alg/sip/screen.h"
#include "alg/sip/ws.h"
#include "common/log.h"

const char *allow_of(enum sip_side side)
{
    return side == SIP_MW ? "INVITE, ACK, CANCEL, BYE, PRACK, UPDATE, INFO, OPTIONS, MESSAGE"
                          : "INVITE, ACK, CANCEL, BYE, UPDATE, INFO, OPTIONS, MESSAGE";
}

const struct count_def sip_counters[SIP_C_N] = {
    [SIP_C_MW_BAD] = {"alg_sip_core_bad_total", "malformed messages from the core", false},
    [SIP_C_W2_BAD] = {"alg_sip_wic_bad_total", "malformed messages from browsers", false},
    [SIP_C_STRANGERS] = {"alg_sip_strangers_total",
                         "requests on Mw of who is neither next hop nor in sip_peers, not answered", false},
    [SIP_C_FOREIGN] = {"alg_sip_inner_foreign_total", "connections to the inner listener that were not ours", false},
    [SIP_C_UNREGISTERED] = {"alg_sip_unregistered_total", "requests refused: the browser is not registered", false},
    [SIP_C_IN] = {"alg_sip_in_total", "requests and responses taken", false},
    [SIP_C_OUT] = {"alg_sip_out_total", "requests and responses made", false},
    [SIP_C_RELAYED] = {"alg_sip_relayed_total", "REGISTER and MESSAGE passed on", false},
    [SIP_C_HOPS] = {"alg_core_hops", "next hops towards the core that are known", true},
    [SIP_C_HOPS_UP] = {"alg_core_hops_up", "those of them that are not down", true},
    [SIP_C_HOP_DOWNS] = {"alg_core_hop_down_total", "times one went down", false},
    [SIP_C_HOP_LOST] = {"alg_core_hop_lost_total",
                        "requests and OPTIONS that one did not answer, or refused to be sent", false},
    [SIP_C_HOP_503] = {"alg_core_hop_503_total", "503 of next hops", false},
    [SIP_C_CONNS] = {"alg_sip_connections", "TCP and TLS connections that the core's side opened to us", true},
    [SIP_C_CONNS_REFUSED] = {"alg_sip_connections_refused_total", "those closed: a stranger, or too many", false},
    [SIP_C_CONNS_LATE] = {"alg_sip_connections_late_total", "those closed: no whole message in time", false},
    [SIP_C_FAILOVER] = {"alg_core_failover_total", "requests that went to another next hop", false},
};

void sip_wire_flush(struct sip *s)
{
    wire_flush(s->wire);
}

void sip_wire_sent(struct sip *s, enum sip_side side, nta_outgoing_t *orq, nta_incoming_t *irq)
{
    msg_t *msg;

    if (!s->wire || side != SIP_MW || (!orq && !irq))
        return;
    msg = orq ? nta_outgoing_getrequest(orq) : nta_incoming_getresponse(irq);
    wire_sent(s->wire, msg);
    if (msg)
        msg_destroy(msg);
}

static int answer(struct agent *a, nta_incoming_t *irq, int status, const char *lines)
{
    nta_incoming_treply(irq, status, msg_phrase(status), TAG_IF(lines, SIPTAG_HEADER_STR(lines)),
                        SIPTAG_SERVER_STR(a->sip->agent_name), TAG_END());
    sip_wire_sent(a->sip, a->side, NULL, irq);
    nta_incoming_destroy(irq);
    count_add(&a->sip->counts[SIP_C_OUT], 1);
    sip_wire_flush(a->sip);
    return 0;
}

static int answer_method(struct agent *a, nta_incoming_t *irq, const sip_t *sip)
{
    static const char *const known[] = {"UPDATE", "INFO", "PRACK", "NOTIFY", "SUBSCRIBE", "REFER", "PUBLISH", "REGISTER"};
    char lines[160];

    snprintf(lines, sizeof lines, "Allow: %s", allow_of(a->side));
    for (unsigned i = 0; i < ARRAY_LEN(known); i++)
        if (!strcmp(known[i], sip->sip_request->rq_method_name))
            return answer(a, irq, 405, lines);
    return answer(a, irq, 501, lines);
}

static int answer_options(struct agent *a, nta_incoming_t *irq)
{
    char lines[320];

    snprintf(lines, sizeof lines, "Allow: %s\r\nAccept: application/sdp\r\nSupported: %s", allow_of(a->side),
             a->side == SIP_MW ? "100rel, timer, path, outbound" : "timer, path, outbound");
    return answer(a, irq, 200, lines);
}

static int give_up(struct agent *a, nta_incoming_t *irq, const sip_t *sip, sip_flow flow)
{
    struct sip *s = a->sip;
    struct sip_in *in = in_new(a, flow, irq, sip, NULL);
    struct sip_msg m;

    if (!in)
        return answer(a, irq, 500, NULL);
    msg_open(&m, s, a->side, flow, sip);
    s->h.request(s->h.arg, in, &m);
    msg_close(&m);
    sip_wire_flush(s);
    return 0;
}

static bool is_anybodys(const struct agent *a, const sip_t *sip, sip_flow flow)
{
    const struct sip_h *h = &a->sip->h;
    struct sip_msg m;
    bool is;

    if (a->side != SIP_W2 || sip->sip_request->rq_method != sip_method_invite || !h->anybodys)
        return false;
    msg_open(&m, a->sip, a->side, flow, sip);
    is = h->anybodys(h->arg, &m);
    msg_close(&m);
    return is;
}

/* A request that no dialog knows. */
static int judge(struct agent *a, nta_incoming_t *irq, const sip_t *sip, sip_flow flow)
{
    sip_method_t method = sip->sip_request->rq_method;
    struct sip *s = a->sip;
    char lines[REG_LINES_MAX];
    int status;

    if (sip->sip_to->a_tag || method == sip_method_cancel || method == sip_method_bye)
        return answer(a, irq, 481, NULL);
    if (in_screen(a, irq, sip))
        return 0;
    if (method == sip_method_options)
        return answer_options(a, irq);
    if (a->side == SIP_W2 && method == sip_method_register && s->reg) {
        reg_register(s->reg, irq, sip, flow);
        return 0;
    }
    if (method != sip_method_invite && method != sip_method_message)
        return answer_method(a, irq, sip);
    if (is_anybodys(a, sip, flow))
        return give_up(a, irq, sip, flow);
    if (!s->reg)
        return answer(a, irq, 503, NULL);
    status = a->side == SIP_W2 ? reg_admit(s->reg, sip, flow, lines, sizeof lines) : reg_route_status(s->reg, sip);
    if (status == 403 && a->side == SIP_W2)
        count_add(&s->counts[SIP_C_UNREGISTERED], 1);
    if (!status && a->side == SIP_MW && method == sip_method_invite && in_is_merged(s, sip))
        status = 482;
    if (status)
        return answer(a, irq, status, a->side == SIP_W2 && lines[0] ? lines : NULL);
    if (method == sip_method_message) {
        relay_message(a, irq, sip, flow);
        sip_wire_flush(s);
        return 0;
    }
    return give_up(a, irq, sip, flow);
}

static int on_request(void *magic, nta_leg_t *leg, nta_incoming_t *irq, const sip_t *sip)
{
    struct agent *a = magic;
    sip_flow flow = 0;

    (void)leg;
    screen_unmend(sip);
    sip_wire_flush(a->sip);
    count_add(&a->sip->counts[SIP_C_IN], 1);
    if (a->side == SIP_W2 && !(flow = bridge_flow(a->sip->bridge, irq, NULL))) {
        nta_incoming_destroy(irq);
        return 0;
    }
    if (sip->sip_request->rq_method == sip_method_ack) { /* of nothing we know */
        nta_incoming_destroy(irq);
        return 0;
    }
    return judge(a, irq, sip, flow);
}

/* --- start --- */

static void log_sofia(void *stream, char const *fmt, va_list ap)
{
    struct sip *s = stream;
    struct addr peer;
    char line[400];
    const char *why;
    unsigned hop;

    vsnprintf(line, sizeof line, fmt, ap);
    line[strcspn(line, "\r\n")] = 0;
    why = core_tls_failure(line);
    if (why && s && s->core && core_tls_refused(s->tls, &hop, &peer))
        core_refused(s->core, hop, &peer, why);
    log_debug("sofia", "msg=\"%s\"", line);
}

static uint16_t bound_port(nta_agent_t *nta)
{
    const tport_t *tp = tport_primaries(nta_agent_tports(nta));

    return tp ? (uint16_t)atoi(tport_name(tp)->tpn_port) : 0;
}

int agent_start(struct agent *a, struct sip *s, enum sip_side side, const char *url, const struct sip_conf *conf)
{
    const char *dump = side == SIP_MW && s->wire ? wire_path(s->wire) : NULL;

    a->sip = s;
    a->side = side;
    a->nta = nta_agent_create(s->root, (url_string_t *)url, NULL, NULL, NTATAG_UA(1), NTATAG_SERVER_RPORT(side == SIP_MW),
                              NTATAG_MAXSIZE(SIP_MSG_MAX + SIP_FRAME_ROOM), NTATAG_MERGE_482(0),
                              NTATAG_USE_NAPTR(0), NTATAG_EXTRA_100(0), NTATAG_PASS_100(side == SIP_MW),
                              TAG_IF(conf->t1_ms, NTATAG_SIP_T1(conf->t1_ms)),
                              TAG_IF(conf->t1_ms, NTATAG_SIP_T1X64(conf->t1_ms * 64)),
                              TAG_IF(dump, TPTAG_DUMP(dump)),
                              TAG_IF(side == SIP_MW, TPTAG_PONG2PING(1)),
                              TAG_IF(side == SIP_MW, NTATAG_MCLASS(screen_mclass(s->screen))),
                              TAG_IF(side == SIP_MW, TPTAG_IDLE(MW_IDLE_MS)), TAG_END());
    if (!a->nta)
        return -EADDRINUSE;
    a->leg = nta_leg_tcreate(a->nta, on_request, a, NTATAG_NO_DIALOG(1), TAG_END());
    return a->leg ? 0 : -ENOMEM;
}

static int start_core(struct sip *s, const struct sip_conf *conf)
{
    int err = conf->trace ? wire_new(&s->wire, conf->trace, &conf->listen) : 0;

    if (!err)
        err = self_open(s, &s->agents[SIP_MW], conf);
    if (!err && s->wire)
        wire_set_local(s->wire, addr_port(&s->selfs[0].at));
    if (!err)
        err = core_new(&s->core, s, conf);
    return err;
}

static int start_web(struct sip *s, const struct sip_conf *conf)
{
    char url[400];
    int err;

    snprintf(url, sizeof url, "sip:%s:*;transport=tcp;maddr=127.0.0.1", s->name);
    err = agent_start(&s->agents[SIP_W2], s, SIP_W2, url, conf);
    if (!err)
        err = bridge_new(&s->bridge, s, conf->ws);
    if (!err)
        err = bridge_start(s->bridge, bound_port(s->agents[SIP_W2].nta));
    return err;
}

static int on_uv(void *magic, su_wait_t *wait, void *arg)
{
    struct sip *s = arg;

    (void)magic;
    (void)wait;
    uv_run(s->loop, UV_RUN_NOWAIT);
    return 0;
}

static int nest(struct sip *s)
{
    if (su_wait_create(&s->wait, uv_backend_fd(s->loop), SU_WAIT_IN))
        return -ENOMEM;
    s->wait_index = su_root_register(s->root, &s->wait, on_uv, s, 0);
    return s->wait_index < 0 ? -ENOMEM : 0;
}

static int copy_conf(struct sip *s, const struct sip_conf *conf)
{
    s->name = strdup(conf->name);
    s->agent_name = strdup(conf->agent ? conf->agent : "openiq-alg/" OPENIQ_VERSION);
    s->resolve_routes = conf->resolve_routes;
    s->trace = conf->trace;
    return s->name && s->agent_name ? 0 : -ENOMEM;
}

/* Sofia runs its timers by the wall clock: an hour forward and every transaction times out, an hour back and none does.
 * Ours starts at the epoch, as Sofia's times are unsigned, and only ever goes on. */
static void steady_time(su_time_t *tv)
{
    const msec_t now = net_now_ms();

    *tv = (su_time_t){.tv_sec = SU_TIME_EPOCH + now / 1000, .tv_usec = now % 1000 * 1000};
}

int sip_new(struct sip **sp, uv_loop_t *loop, const struct sip_conf *conf, const struct sip_h *h)
{
    struct sip *s = calloc(1, sizeof *s);
    int err;

    if (!s)
        return -ENOMEM;
    s->loop = loop;
    s->h = *h;
    s->wait_index = -1;
    _su_time = steady_time;
    su_init();
    su_log_redirect(NULL, log_sofia, s);
    s->root = su_root_create(NULL);
    err = s->root ? copy_conf(s, conf) : -ENOMEM;
    if (!err)
        err = nest(s);
    if (!err)
        err = screen_new(&s->screen);
    if (!err)
        screen_peers(s->screen, conf->peers);
    if (!err)
        err = start_core(s, conf);
    if (!err)
        err = start_web(s, conf);
    if (err)
        sip_free(s);
    else
        *sp = s;
    return err;
}

void sip_free(struct sip *s)
{
    if (!s)
        return;
    su_log_redirect(NULL, log_sofia, NULL); /* what it says from here on ends nothing */
    bridge_free(s->bridge);
    relay_free_all(s);
    while (s->dlgs)
        sip_dlg_free(s->dlgs);
    out_free_all(s);
    in_free_all(s);
    core_free(s->core);
    for (unsigned i = 0; i < 2; i++) {
        if (s->agents[i].leg)
            nta_leg_destroy(s->agents[i].leg);
        if (s->agents[i].nta)
            nta_agent_destroy(s->agents[i].nta);
    }
    screen_free(s->screen);
    core_tls_free(s->tls);
    wire_flush(s->wire);
    if (s->wait_index > 0)
        su_root_deregister(s->root, s->wait_index);
    if (s->root)
        su_root_destroy(s->root);
    su_deinit();
    wire_free(s->wire);
    self_close(s);
    free(s->name);
    free(s->agent_name);
    fds_fini(&s->fds);
    free(s);
}

/* Sofia answers malformed messages by itself (RFC 3261 21.4.1); we say so once for each. */
static void count_bad(struct sip *s)
{
    unsigned logged = screen_logged(s->screen);
    usize_t bad = 0;

    count_add(&s->counts[SIP_C_STRANGERS], screen_strangers(s->screen));
    nta_agent_get_stats(s->agents[SIP_MW].nta, NTATAG_S_BAD_MESSAGE_REF(bad), TAG_END());
    for (; s->bad_seen < (int64_t)bad; s->bad_seen++) {
        count_add(&s->counts[SIP_C_MW_BAD], 1);
        if (logged)
            logged--;
        else
            log_warn("sip", "side=mw msg=\"malformed message from the core\"");
    }
}

void sip_turn(struct sip *s, unsigned max_ms)
{
    int wait;

    uv_run(s->loop, UV_RUN_NOWAIT);
    wait = uv_backend_timeout(s->loop);
    if (wait < 0 || (unsigned)wait > max_ms)
        wait = (int)max_ms;
    su_root_step(s->root, wait);
    sip_wire_flush(s);
    count_bad(s);
}

uint16_t sip_port(const struct sip *s)
{
    return addr_port(&s->selfs[0].at);
}

uint16_t sip_ws_port(const struct sip *s, unsigned listen)
{
    return ws_port(bridge_ws(s->bridge), listen);
}

bool sip_core_is_up(const struct sip *s)
{
    return hops_up(&s->core->hops) > 0;
}

unsigned sip_core_wait(const struct sip *s)
{
    return core_retry_after(s->core);
}

const count_t *sip_counts(const struct sip *s)
{
    return s->counts;
}

const count_t *sip_ws_counts(const struct sip *s)
{
    return ws_counts(bridge_ws(s->bridge));
}
