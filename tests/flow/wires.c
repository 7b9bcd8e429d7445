/* The played actors' wires: WebSocket of the WIC, UDP of the core, H.248 as MG or as MGC. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/rnd.h"
#include "tests/flow/play.h"

#define ORIGIN "http://chart.example.net"

/* Does the chart itself answer this request next, or must we? */
static bool chart_answers(const struct play *p, const char *actor)
{
    struct sv method;

    for (unsigned i = p->at; i < p->c->n_steps; i++) {
        const struct chart_step *s = &p->c->steps[i];

        if (s->kind == CHART_MESSAGE && !strcmp(s->proto, "sip") && !strcmp(s->from, actor))
            return judge_sip_first(s, &method) != 0;
    }
    return false;
}

static bool chart_acks(const struct play *p, const char *actor)
{
    struct sv method;

    for (unsigned i = p->at; i < p->c->n_steps; i++) {
        const struct chart_step *s = &p->c->steps[i];

        if (s->kind == CHART_MESSAGE && !strcmp(s->from, actor) && !judge_sip_first(s, &method) && sv_is(method, "ACK"))
            return true;
    }
    return false;
}

/* Does the chart itself have this request between these two? "": anybody */
static bool chart_has(const struct play *p, const char *from, const char *to, const char *request)
{
    struct sv method;

    for (unsigned i = 0; i < p->c->n_steps; i++) {
        const struct chart_step *s = &p->c->steps[i];

        if (s->kind == CHART_MESSAGE && (!from[0] || !strcmp(s->from, from)) && (!to[0] || !strcmp(s->to, to)) &&
            !judge_sip_first(s, &method) && sv_is(method, request))
            return true;
    }
    return false;
}

/* Does the chart answer the question for all contexts itself? */
static bool chart_lists(const struct play *p)
{
    for (unsigned i = 0; i < p->c->n_steps; i++) {
        const struct chart_step *s = &p->c->steps[i];

        if (s->kind == CHART_MESSAGE && s->body.n && memmem(s->body.p, s->body.n, "Context = * { AuditValue", 24))
            return true;
    }
    return false;
}

static void ws_tx(void *arg, struct sv text)
{
    struct play *p = arg;

    if (p->ws && p->ws_open)
        wsc_send(p->ws, text);
}

/* A keep-alive (RFC 7118 6): when its answer is here alg has read all that went before it. */
static void ws_ask(struct play *p)
{
    if (!p->ws || !p->ws_open)
        return;
    p->ws_asked++;
    ws_tx(p, SV("\r\n\r\n"));
}

static void on_sip(struct play *p, struct ua *u, struct sv text)
{
    enum ua_in in = ua_input(u, text);
    struct sv method = ua_method(text);

    if (in == UA_IGNORED)
        return;
    if (sv_is(method, "REGISTER")) {
        p->registered = p->registered || ua_status(text) == 200;
        if (!u->registrar)
            return;
        play_queue(p, "alg", u->actor, "sip", text, NULL);
        return;
    }
    play_queue(p, "alg", u->actor, "sip", text, NULL);
    if (in == UA_RESPONSE) {
        if (ua_status(text) >= 200 && sv_is(method, "INVITE") && !chart_acks(p, u->actor)) {
            ua_ack(u);
            if (u == &p->wic)
                ws_ask(p);
        }
    } else if (sv_is(method, "CANCEL")) {
        ua_answer(u, 200, "OK");
    } else if (!sv_is(method, "INVITE") && !sv_is(method, "ACK") && !chart_answers(p, u->actor)) {
        ua_answer(u, 200, "OK");
    }
}

/* --- WIC --- */

static void on_ws_open(void *arg)
{
    struct play *p = arg;

    p->ws_open = true;
    if (!p->wic.registrar)
        ua_register(&p->wic, SV_NONE, SV_NONE);
}

static void on_ws_message(void *arg, struct sv text)
{
    struct play *p = arg;

    if (sv_is(text, "\r\n") && p->ws_asked)
        p->ws_asked--;
    else
        on_sip(p, &p->wic, text);
}

static void on_ws_closed(void *arg, const char *why)
{
    struct play *p = arg;

    p->ws = NULL;
    p->ws_open = false;
    p->ws_asked = 0;
    if (!p->registered)
        fprintf(stderr, "WebSocket to alg: %s\n", why);
}

static void ua_init(struct ua *u, const char *actor, const char *transport, void (*tx)(void *, struct sv), void *arg)
{
    char r[13];

    memset(u, 0, sizeof *u);
    rnd_text(r, 12);
    snprintf(u->actor, sizeof u->actor, "%s", actor);
    snprintf(u->transport, sizeof u->transport, "%s", transport);
    snprintf(u->host, sizeof u->host, "%s.invalid", r);
    rnd_text(u->ltag, 10);
    u->tx = tx;
    u->arg = arg;
}

/* --- core --- */

static void core_tx(void *arg, struct sv text)
{
    struct play *p = arg;

    sendto(p->core_fd, text.p, text.n, 0, &p->alg_sip.u.sa, addr_len(&p->alg_sip));
}

static void on_core(uv_poll_t *h, int status, int events)
{
    struct play *p = h->data;
    char text[PLAY_MSG_MAX];
    ssize_t n;

    (void)status;
    (void)events;
    while ((n = recv(p->core_fd, text, sizeof text - 1, MSG_DONTWAIT)) > 0) {
        text[n] = 0;
        on_sip(p, &p->core, (struct sv){text, (size_t)n});
    }
}

static int core_open(struct play *p)
{
    struct addr a;

    addr_parse(&a, SV("127.0.0.1"), 0);
    p->core_fd = net_udp(&a);
    if (p->core_fd < 0)
        return p->core_fd;
    p->sip_core = addr_port(&a);
    ua_init(&p->core, "core", "UDP", core_tx, p);
    snprintf(p->core.host, sizeof p->core.host, "127.0.0.1:%u", p->sip_core);
    snprintf(p->core.contact, sizeof p->core.contact, "sip:core@%s", p->core.host);
    snprintf(p->core.local_uri, sizeof p->core.local_uri, "sip:bob@" UA_DOMAIN);
    snprintf(p->core.remote_uri, sizeof p->core.remote_uri, "sip:alice@" UA_DOMAIN);
    uv_poll_init(&p->loop, &p->core_poll, p->core_fd);
    p->core_poll.data = p;
    return uv_poll_start(&p->core_poll, UV_READABLE, on_core);
}

/* --- H.248 --- */

static int build_txn(struct arena *a, struct h248_txn *txn, void *arg)
{
    struct h248_txn *from = arg;

    (void)a;
    txn->actions = from->actions;
    txn->error = from->error;
    return 0;
}

static bool is_root_audit(const struct h248_txn *req)
{
    return req->actions && req->actions->cmds && req->actions->cmds->verb == H248_AUDIT_VALUE &&
           sv_iis(req->actions->cmds->terms->text, "ROOT");
}

static bool asks_packages(const struct h248_txn *req)
{
    const struct h248_desc *d = h248_desc_find(req->actions->cmds->descs, H248_D_AUDIT);

    return d && d->u.audit && sv_iis(d->u.audit->token, "Packages");
}

/* A played gateway can do whatever a chart lets it do: it names every package. */
static int build_audit(struct arena *a, struct h248_txn *txn, void *arg)
{
    const struct h248_txn *req = arg;
    struct h248_action *ac = h248_action_new(a, txn, req->actions->context);
    struct h248_cmd *cmd = h248_cmd_new(a, ac, H248_AUDIT_VALUE, SV("ROOT"));

    if (!cmd)
        return -ENOMEM;
    return asks_packages(req) ? iq_put_packages(a, NULL, cmd) : 0;
}

static void on_request(void *arg, struct assoc_peer *peer, struct trans_in *in, const struct h248_msg *msg,
                       const struct h248_txn *req)
{
    struct play *p = arg;

    (void)peer;
    (void)msg;
    if (is_root_audit(req) && !(req->actions->context == H248_CTX_ALL && chart_lists(p))) {
        link_answer(p->link, in, build_audit, (void *)(uintptr_t)req);
        return;
    }
    p->open_request = in;
    play_queue(p, p->real_alg ? "alg" : "agw", p->real_alg ? "agw" : "alg", "h248", SV_NONE, req);
}

static void on_event(void *arg, struct assoc_peer *peer, enum assoc_event ev, struct sv term, unsigned reason)
{
    struct play *p = arg;

    (void)term;
    (void)reason;
    p->peer = peer;
    if (ev == ASSOC_UP || ev == ASSOC_RETURNED || ev == ASSOC_RESTARTED)
        p->peer_up = true;
}

static void on_reply(void *arg, enum trans_result result, const struct h248_txn *reply)
{
    struct play *p = arg;

    if (result == TRANS_REPLY)
        play_queue(p, p->real_alg ? "alg" : "agw", p->real_alg ? "agw" : "alg", "h248", SV_NONE, reply);
}

static int link_open(struct play *p)
{
    struct assoc_conf conf;
    struct assoc_h h = {.event = on_event, .request = on_request, .arg = p};
    struct addr local;
    int err;

    assoc_conf_default(&conf, p->real_alg ? ASSOC_MG : ASSOC_MGC);
    conf.profile = SV(IQ_PROFILE_NAME);
    conf.profile_version = IQ_PROFILE_VERSION;
    conf.version = IQ_PROTOCOL_VERSION;
    conf.trans.version = IQ_PROTOCOL_VERSION;
    conf.trans.mid = (struct h248_mid){.kind = H248_MID_DOMAIN, .name = SV("player.example.net")};
    conf.trans.provisional = 60000; /* the chart says when an answer comes: no Pending of our own */
    conf.retry_first = 200;
    conf.heartbeat = 1000;
    addr_parse(&local, SV("127.0.0.1"), p->real_alg ? 0 : p->iq_alg);
    if (p->real_alg) {
        addr_parse(&conf.mgc[0], SV("127.0.0.1"), p->iq_alg);
        conf.n_mgc = 1;
    }
    err = link_new(&p->link, &p->loop, &local, &conf, &h);
    if (!err && !p->real_alg)
        p->iq_alg = addr_port(&local);
    return err;
}

/* The played end falls silent: its socket is gone. */
void wires_mute(struct play *p)
{
    link_free(p->link);
    p->link = NULL;
    p->peer = NULL;
    p->peer_up = false;
    p->open_request = NULL;
}

/* And back, as after a restart: a gateway with a new registration, a controller at the old address. */
int wires_back(struct play *p)
{
    int err = p->link ? 0 : link_open(p);

    if (err)
        return err;
    link_start(p->link);
    return play_until(p, &p->peer_up, PLAY_START_MS) ? 0 : -ETIMEDOUT;
}

int wires_send_h248(struct play *p, const struct chart_step *s, char *why, size_t size)
{
    struct arena *a = arena_new(H248_ARENA_MAX);
    struct h248_txn *txn = NULL;
    int err = a ? judge_h248_build(&p->vs, s, a, &txn, why, size) : -ENOMEM;

    if (!err && !p->link)
        err = -ENOTCONN;
    if (!err && txn->kind == H248_REQUEST)
        err = p->peer ? link_request(p->link, p->peer, build_txn, txn, on_reply, p) : -ENOTCONN;
    else if (!err && p->open_request)
        err = link_answer(p->link, p->open_request, build_txn, txn);
    else if (!err)
        err = -ENOENT;
    if (!err && txn->kind != H248_REQUEST)
        p->open_request = NULL;
    if (err && !why[0])
        snprintf(why, size, "%s", err == -ENOENT ? "there is no request to answer" : strerror(-err));
    arena_free(a);
    return err;
}

/* --- all --- */

int wires_open(struct play *p)
{
    int err = 0;

    ua_init(&p->wic, "wic", "WS", ws_tx, p);
    snprintf(p->wic.local_uri, sizeof p->wic.local_uri, "sip:alice@" UA_DOMAIN);
    snprintf(p->wic.remote_uri, sizeof p->wic.remote_uri, "sip:bob@" UA_DOMAIN);
    snprintf(p->wic.contact, sizeof p->wic.contact, "sip:alice@%s;transport=ws", p->wic.host);
    if (p->real_alg)
        err = core_open(p);
    p->wic.registrar = p->core.registrar = chart_has(p, "wic", "", "REGISTER");
    p->core.notifier = chart_has(p, "", "core", "SUBSCRIBE");
    if (!err && !p->real_alg)
        err = link_open(p); /* the MGC's port must be known before agw starts */
    return err;
}

/* The WIC connects, and registers unless the chart does that. */
int wires_connect(struct play *p)
{
    struct wsc_h h = {.open = on_ws_open, .message = on_ws_message, .closed = on_ws_closed, .arg = p};
    const bool *done = p->wic.registrar ? &p->ws_open : &p->registered;
    char url[64];
    int err = p->ws_lib ? 0 : wsc_lib_new(&p->ws_lib, &p->loop);

    snprintf(url, sizeof url, "ws://127.0.0.1:%u/", p->ws_alg);
    for (int i = 0; !err && i < 100 && !*done; i++) { /* until it listens */
        if (!p->ws)
            wsc_new(&p->ws, p->ws_lib, url, ORIGIN, &h);
        play_until(p, done, 100);
    }
    if (!err && !*done) {
        fprintf(stderr, "the WIC could not %s alg at %s\n", p->wic.registrar ? "connect to" : "register with", url);
        err = -ETIMEDOUT;
    }
    return err;
}

int wires_ready(struct play *p)
{
    int err = 0;

    if (p->real_alg && !p->real_agw)
        err = link_open(p);
    if (!err && p->link) {
        link_start(p->link);
        if (!play_until(p, &p->peer_up, PLAY_START_MS)) {
            fprintf(stderr, "no H.248 registration with the real one within %d ms\n", PLAY_START_MS);
            return -ETIMEDOUT;
        }
    }
    return err || !p->real_alg ? err : wires_connect(p);
}

void wires_close(struct play *p)
{
    if (p->ws)
        wsc_vanish(p->ws);
    wsc_lib_free(p->ws_lib);
    link_free(p->link); /* the real one has said goodbye already */
    if (p->real_alg && p->core_fd >= 0) {
        uv_poll_stop(&p->core_poll);
        uv_close((uv_handle_t *)&p->core_poll, NULL);
    }
    p->ws = NULL;
    p->link = NULL;
}
