/* The surroundings of a call, made up: alg/sip/sip.h, reg.h and alg/iq/mgc.h as plain records, so that a test decides what
 * answers, when, and in which order. Included by one file of a test program, whose symbols win over the archives. */
#pragma once

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <utlist.h>

#include "alg/call/call_fsm.h"

#define WIC_FLOW 7

struct sip_msg {
    const char *method, *uri, *body, *ctype, *from, *to, *to_tag, *peer_tag, *header[9][2];
    int status;
    enum sip_side side;
    sip_flow flow;
};

struct sip_in {
    bool invite, answered, cancelled_ok;
    int status, provisional;
    char body[4096], early[4096], headers[512];
    struct sip_dlg *dlg;
    void (*cancelled)(void *arg, const char *reason);
    void *cancelled_arg;
    void (*ack)(void *arg, const struct sip_msg *m);
    void *ack_arg;
    void (*prack)(void *arg, struct sip_in *prack, const struct sip_msg *m);
    void *prack_arg;
    struct sip_in *prev, *next;
};

struct sip_out {
    char method[12], body[4096], headers[512];
    bool done, cancelled;
    struct sip_dlg *dlg;
    sip_response_h *cb;
    void *arg;
    struct sip_out *prev, *next;
};

struct sip_dlg {
    struct sip_dlg_h h;
    enum sip_side side;
    sip_flow flow;
    bool freed, up, ended; /* ended: the peer sent BYE */
    int acks, byes;
    char ack_body[4096];
    struct sip_dlg *prev, *next;
};

struct op {
    bool add, done;
    char text[12288];
    struct iq_ctx *ctx;
    iq_done_h *cb;
    void *arg;
    unsigned n;
    struct { uint16_t id; bool choose, sctp; char *rtp; } s[IQ_STREAM_MAX]; /* rtp: Local of audio or video, as asked */
    char termid[96];
    struct op *prev, *next;
};

struct iq_ctx {
    struct iq_ctx_h h;
    bool released;
    struct iq_ctx *prev, *next;
};

static struct world {
    struct alg alg;
    struct calls *calls;
    const char *lacks; /* a package that no gateway has */
    const char *access_info;
    struct sip_in *ins;
    struct sip_out *outs;
    struct sip_dlg *dlgs;
    struct op *ops;
    struct iq_ctx *ctxs;
    struct reg_binding binding[4];
    unsigned n_bindings;
    bool no_gateway, stopped, early_sent, av; /* of the test's own */
    unsigned port, rtp_port;
} W;

/* --- sip.h --- */

const char *sip_msg_method(const struct sip_msg *m) { return m->method; }
const char *sip_msg_reason(const struct sip_msg *m) { return m->status ? "Reason" : NULL; }
const char *sip_msg_uri(const struct sip_msg *m) { return m->uri; }
struct sv sip_msg_body(const struct sip_msg *m) { return sv_from(m->body); }
const char *sip_msg_ctype(const struct sip_msg *m) { return m->ctype ? m->ctype : m->body ? "application/sdp" : NULL; }
const char *sip_msg_call_id(const struct sip_msg *m) { (void)m; return "id"; }
const char *sip_msg_from_uri(const struct sip_msg *m) { return m->from ? m->from : "sip:a@home.net"; }
const char *sip_msg_to_uri(const struct sip_msg *m) { return m->to ? m->to : "sip:b@home.net"; }
const char *sip_msg_to_tag(const struct sip_msg *m) { return m->to_tag; }
const char *sip_msg_peer_tag(const struct sip_msg *m) { return m->peer_tag ? m->peer_tag : "peer"; }
enum sip_side sip_msg_side(const struct sip_msg *m) { return m->side; }
sip_flow sip_msg_flow(const struct sip_msg *m) { return m->flow; }

const char *sip_msg_header(const struct sip_msg *m, const char *name)
{
    for (unsigned i = 0; i < 9 && m->header[i][0]; i++) {
        if (!strcasecmp(m->header[i][0], name))
            return m->header[i][1];
    }
    return NULL;
}

static void keep_hdrs(char out[512], const struct sip_hdr *h)
{
    size_t n = 0;

    out[0] = '\0';
    for (; h && h->name; h++)
        n += (size_t)snprintf(out + n, 512 - n, "%s: %s\n", h->name, h->value);
    assert(n < 512);
}

int sip_reply(struct sip_in *in, int status, const char *reason, const struct sip_hdr *hdrs, struct sv body, const char *ctype)
{
    (void)reason;
    (void)ctype;
    assert(!in->answered); /* exactly one final answer, nothing after it */
    if (status < 200) {
        in->provisional = status;
        if (body.n)
            snprintf(in->early, sizeof in->early, "%.*s", SV_ARG(body));
        return 0;
    }
    in->answered = true;
    in->status = status;
    keep_hdrs(in->headers, hdrs);
    snprintf(in->body, sizeof in->body, "%.*s", SV_ARG(body));
    return 0;
}

void sip_in_on_cancel(struct sip_in *in, void (*cancelled)(void *arg, const char *reason), void *arg)
{
    in->cancelled = cancelled;
    in->cancelled_arg = arg;
}

void sip_in_on_ack(struct sip_in *in, void (*ack)(void *arg, const struct sip_msg *m), void *arg)
{
    assert(in->invite);
    in->ack = ack;
    in->ack_arg = arg;
}

void sip_in_on_prack(struct sip_in *in, void (*prack)(void *arg, struct sip_in *prack, const struct sip_msg *m), void *arg)
{
    assert(in->invite);
    in->prack = prack;
    in->prack_arg = arg;
}

static struct sip_dlg *dlg_new(enum sip_side side, sip_flow flow, const struct sip_dlg_h *h)
{
    struct sip_dlg *d = calloc(1, sizeof *d);

    assert(d);
    d->side = side;
    d->flow = flow;
    d->h = *h;
    DL_APPEND(W.dlgs, d);
    return d;
}

int sip_dlg_accept(struct sip_dlg **dp, struct sip *s, struct sip_in *in, const struct sip_msg *m, const struct sip_dlg_h *h)
{
    (void)s;
    *dp = in->dlg = dlg_new(m->side, m->flow, h);
    return 0;
}

static struct sip_out *out_new(struct sip_dlg *d, const char *method, const struct sip_hdr *hdrs, struct sv body,
                               sip_response_h *cb, void *arg)
{
    struct sip_out *o = calloc(1, sizeof *o);

    assert(o);
    snprintf(o->method, sizeof o->method, "%s", method);
    snprintf(o->body, sizeof o->body, "%.*s", SV_ARG(body));
    keep_hdrs(o->headers, hdrs);
    o->dlg = d;
    o->cb = cb;
    o->arg = arg;
    DL_APPEND(W.outs, o);
    return o;
}

int sip_invite(struct sip_dlg **dp, struct sip_out **op, struct sip *s, const struct sip_target *to, const struct sip_hdr *hdrs,
               struct sv sdp, const struct sip_dlg_h *h, sip_response_h *cb, void *arg)
{
    (void)s;
    *dp = dlg_new(to->side, to->flow, h);
    *op = out_new(*dp, "INVITE", hdrs, sdp, cb, arg);
    return 0;
}

int sip_invite_again(struct sip_dlg *d, struct sip_out **op, const struct sip_target *to, const struct sip_hdr *hdrs,
                     struct sv sdp, sip_response_h *cb, void *arg)
{
    (void)to;
    assert(!d->freed && !d->up);
    *op = out_new(d, "INVITE", hdrs, sdp, cb, arg);
    return 0;
}

int sip_cancel(struct sip_out *out, const char *reason)
{
    (void)reason;
    assert(!out->done);
    out->cancelled = true;
    return 0;
}

int sip_ack(struct sip_dlg *d, const struct sip_hdr *hdrs, struct sv body)
{
    (void)hdrs;
    assert(!d->freed && d->up);
    d->acks++;
    snprintf(d->ack_body, sizeof d->ack_body, "%.*s", SV_ARG(body));
    return 0;
}

int sip_dlg_request(struct sip_dlg *d, struct sip_out **op, const char *method, const struct sip_hdr *hdrs, struct sv body,
                    const char *ctype, sip_response_h *cb, void *arg)
{
    struct sip_out *o;

    (void)ctype;
    assert(!d->freed && d->up && !d->ended && d->byes == 0);
    o = out_new(d, method, hdrs, body, cb, arg);
    if (op)
        *op = o;
    if (!strcmp(method, "BYE"))
        d->byes++;
    return 0;
}

void sip_dlg_free(struct sip_dlg *d)
{
    struct sip_out *o;
    struct sip_in *in;

    if (!d)
        return;
    assert(!d->freed);
    d->freed = true;
    DL_FOREACH(W.outs, o)
        if (o->dlg == d)
            o->cb = NULL;
    DL_FOREACH(W.ins, in)
        if (in->dlg == d)
            in->ack = NULL, in->cancelled = NULL;
}

void sip_dlg_set_flow(struct sip_dlg *d, sip_flow flow) { d->flow = flow; }

unsigned sip_core_wait(const struct sip *s)
{
    (void)s;
    return 5;
}

/* --- reg.h --- */

const struct reg_binding *reg_by_flow(const struct reg *r, sip_flow flow)
{
    (void)r;
    for (unsigned i = 0; i < W.n_bindings; i++) {
        if (W.binding[i].flow == flow)
            return &W.binding[i];
    }
    return NULL;
}

unsigned reg_by_request(const struct reg *r, const struct sip_msg *m, const struct reg_binding **out, unsigned max)
{
    unsigned n = 0;

    (void)r;
    (void)m;
    for (; n < W.n_bindings && n < max; n++)
        out[n] = &W.binding[n];
    return n;
}

const char *reg_access_info(const struct reg *r)
{
    (void)r;
    return W.access_info;
}

const char *reg_identity(const struct reg_binding *b, const char *preferred)
{
    (void)preferred;
    return b->impu;
}

/* --- mgc.h --- */

int iq_ctx_new(struct iq_ctx **cp, struct mgc *m, const struct iq_ctx_h *h)
{
    (void)m;
    if (W.no_gateway)
        return -ENOTCONN;
    *cp = calloc(1, sizeof **cp);
    assert(*cp);
    (*cp)->h = *h;
    DL_APPEND(W.ctxs, *cp);
    return 0;
}

static size_t show_sdp(char *to, size_t size, const char *what, const struct sdp *s)
{
    char text[2048];
    struct buf b = buf_over(text, sizeof text);

    if (!s)
        return 0;
    assert(sdp_print(s, &b) == 0);
    for (size_t i = 0; i < b.len; i++)
        text[i] = text[i] == '\r' ? '|' : text[i] == '\n' ? ' ' : text[i];
    return (size_t)snprintf(to, size, " %s(%.*s)", what, (int)b.len, text);
}

static size_t show_stream(char *to, size_t size, const struct iq_stream *s)
{
    static const char *const modes[] = {"-", "so", "ro", "sr", "in"};
    size_t n = (size_t)snprintf(to, size, "\n S%u %s", s->id, modes[s->mode]);

    if (s->realm.set)
        n += (size_t)snprintf(to + n, size - n, " realm=%.*s", SV_ARG(s->realm.v));
    if (s->sctpid.set)
        n += (size_t)snprintf(to + n, size - n, " sctpid=%d", (int)s->sctpid.v);
    for (unsigned i = 0; i < s->strdeagg.n; i++)
        n += (size_t)snprintf(to + n, size - n, "%s%u", i ? "," : " strdeagg=", s->strdeagg.v[i]);
    n += show_sdp(to + n, size - n, "L", s->local);
    n += show_sdp(to + n, size - n, "R", s->remote);
    n += (size_t)snprintf(to + n, size - n, "%s%s%s%s%s%s%s%s%s%s%s%s%s", s->local_empty ? " L{}" : "", s->remote_empty ? " R{}" : "",
                          s->dtls_establish ? " EstBNC" : s->dtls_release ? " RelBNC" : "", s->act_stun ? " astuns" : "", s->sctp_reset.set ? " reset" : "",
                          s->notify_dtls ? " ev-dtls" : "", s->notify_tcp ? " ev-tcp" : "",
                          s->notify_sctp_reset ? " ev-reset" : "", s->notify_consent ? " ev-consent" : "",
                          s->notify_ice ? " ev-ice" : "", !s->ice_check.set ? "" : s->ice_check.v ? " scc=controlling" : " scc",
                          s->latch != IQ_LATCH_NONE ? " latch" : "", s->reserved_value == H248_ON ? " rv" : "");
    return n;
}

static char *print_local(const struct sdp *s)
{
    char text[4096];
    struct buf b = buf_over(text, sizeof text - 1);

    assert(sdp_print(s, &b) == 0);
    text[b.len] = '\0';
    return strdup(text);
}

static int op_new(struct iq_ctx *c, bool add, const struct iq_term *t, iq_done_h *done, void *arg)
{
    struct op *op = calloc(1, sizeof *op);
    size_t n;

    assert(op && !c->released);
    op->add = add;
    op->ctx = c;
    op->cb = done;
    op->arg = arg;
    n = (size_t)snprintf(op->text, sizeof op->text, "%s %.*s", add ? "ADD" : "MOD", SV_ARG(t->id));
    sv_copy(t->id, op->termid, sizeof op->termid);
    for (unsigned i = 0; i < t->groupse.n; i++)
        n += (size_t)snprintf(op->text + n, sizeof op->text - n, " groupse=[%.*s]", SV_ARG(t->groupse.v[i]));
    if (t->inactivity.set)
        n += (size_t)snprintf(op->text + n, sizeof op->text - n, " ipstop=%d", (int)t->inactivity.v);
    if (t->has_events)
        n += (size_t)snprintf(op->text + n, sizeof op->text - n, " thb=%d", (int)t->heartbeat.v);
    for (unsigned i = 0; i < t->n_streams; i++) {
        const struct iq_stream *s = &t->streams[i];

        n += show_stream(op->text + n, sizeof op->text - n, s);
        op->s[op->n].id = s->id;
        if (s->local && (sv_is(s->local->media->media, "audio") || sv_is(s->local->media->media, "video")))
            op->s[op->n].rtp = print_local(s->local);
        op->s[op->n].sctp = s->local && sv_is(s->local->media->media, "application");
        op->s[op->n++].choose = s->local != NULL;
    }
    assert(n < sizeof op->text);
    DL_APPEND(W.ops, op);
    return 0;
}

int iq_add(struct iq_ctx *c, const struct iq_term *t, iq_done_h *done, void *arg) { return op_new(c, true, t, done, arg); }
int iq_mod(struct iq_ctx *c, const struct iq_term *t, iq_done_h *done, void *arg) { return op_new(c, false, t, done, arg); }
uint32_t iq_ctx_id(const struct iq_ctx *c) { (void)c; return 1; }
bool iq_ctx_has(const struct iq_ctx *c, const char *package) { (void)c; return !W.lacks || strcmp(W.lacks, package); }

void iq_ctx_release(struct iq_ctx *c)
{
    if (!c)
        return;
    assert(!c->released); /* exactly once */
    c->released = true;
}

void iq_ctx_release_told(struct iq_ctx *c, const char *tag)
{
    (void)tag;
    iq_ctx_release(c);
}

/* --- the test's side --- */

static struct op *op_pending(void)
{
    struct op *op;

    DL_FOREACH(W.ops, op)
        if (!op->done && !op->ctx->released)
            return op;
    return NULL;
}

/* What a gateway puts for each `$`. */
static void fill(char *to, size_t size, const char *asked, bool core, unsigned port)
{
    static const struct { const char *open, *text[2]; } rows[] = { /* access, core */
        {"c=IN IP4 $", {"c=IN IP4 198.51.100.20", "c=IN IP4 10.20.0.5"}},
        {"c=IN IP6 $", {"c=IN IP6 2001:db8::20", "c=IN IP6 fd00::5"}},
        {"a=ice-ufrag:$", {"a=ice-ufrag:uf%u", "-"}},
        {"a=ice-pwd:$", {"a=ice-pwd:pW3u7aKc0LqT5yXn9RvB%u", "-"}},
        {"a=candidate:$", {"a=candidate:1 1 udp 2130706431 198.51.100.20 %u typ host", "-"}},
        {"a=fingerprint:sha-256 $", {"a=fingerprint:sha-256 19:E2:19:E2:19:E2:19:E2:19:E2:19:E2:19:E2:19:E2:19:E2:19:E2:19:E2:"
                                     "19:E2:19:E2:19:E2:19:E2:19:E2", "-"}},
    };
    size_t n = 0;

    while (*asked) {
        unsigned i = 0;

        while (i < ARRAY_LEN(rows) && strncmp(asked, rows[i].open, strlen(rows[i].open)) != 0)
            i++;
        if (i < ARRAY_LEN(rows)) {
            n += (size_t)snprintf(to + n, size - n, rows[i].text[core], port);
            asked += strlen(rows[i].open);
        } else if (*asked == '$') { /* the port in m= */
            n += (size_t)snprintf(to + n, size - n, "%u", port);
            asked++;
        } else {
            to[n++] = *asked++;
        }
        assert(n < size - 1);
    }
    to[n] = '\0';
}

static const char t1_local[] =
    "v=0\r\nc=IN IP4 198.51.100.20\r\nm=application 40020 UDP/DTLS/SCTP webrtc-datachannel\r\n"
    "a=sctp-port:5000\r\na=max-message-size:65536\r\na=ice-ufrag:dS64pU7w\r\na=ice-pwd:Xa1w7KzC9eJr3PgH5hLv0ByT\r\n"
    "a=candidate:1 1 udp 2130706431 198.51.100.20 40020 typ host\r\n"
    "a=fingerprint:sha-256 19:E2:19:E2:19:E2:19:E2:19:E2:19:E2:19:E2:19:E2:19:E2:19:E2:19:E2:19:E2:19:E2:19:E2:19:E2:19:E2\r\n";

/* A full reply: every `$` filled. */
static void op_ok(struct op *op)
{
    struct arena *a = arena_new(256u << 10);
    struct iq_term *t = ARENA_NEW(a, struct iq_term);
    struct iq_result r = {.ok = true, .term = t};
    char id[96], local[128], filled[4096];
    struct sdp_err e;

    snprintf(id, sizeof id, "%s", !op->add ? op->termid : strstr(op->termid, "core") ? "ip/1/core/7" : "ip/1/access/8");
    r.termid = t->id = sv_from(id);
    for (unsigned i = 0; i < op->n; i++) {
        struct iq_stream *s = op->s[i].choose ? iq_stream_new(t, op->s[i].id) : NULL;

        if (!s)
            continue;
        if (op->s[i].rtp) {
            bool core = strstr(op->termid, "core") != NULL;

            fill(filled, sizeof filled, op->s[i].rtp, core, (core ? 30000u : 40000u) + 2u * W.rtp_port++);
            assert(!sdp_parse(a, arena_sv(a, sv_from(filled)), SDP_H248, &s->local, &e));
            continue;
        }
        snprintf(local, sizeof local, "v=0\r\nc=IN IP4 10.20.0.5\r\nm=message %u TCP -\r\n", 31000 + 2u * W.port);
        W.port += !op->s[i].sctp;
        assert(!sdp_parse(a, arena_sv(a, sv_from(op->s[i].sctp ? t1_local : local)), SDP_H248, &s->local, &e));
    }
    op->done = true;
    op->cb(op->arg, &r);
    arena_free(a);
}

static inline void op_fail(struct op *op, unsigned code)
{
    struct iq_result r = {.code = code, .timeout = code == 0};

    op->done = true;
    op->cb(op->arg, &r);
}

/* The newest of a kind without an end. */
static inline struct sip_out *out_pending(const char *method)
{
    struct sip_out *o, *found = NULL;

    DL_FOREACH(W.outs, o)
        if (!o->done && o->cb && (!method || !strcmp(o->method, method)))
            found = o;
    return found;
}

static inline void respond_with(struct sip_out *o, int status, const char *body, const char *early)
{
    struct sip_msg m = {.method = o->method, .status = status, .body = body, .side = o->dlg->side, .flow = o->dlg->flow,
                        .header = {{early ? "P-Early-Media" : NULL, early}}};

    o->done = status >= 200;
    if (status / 100 == 2)
        o->dlg->up = true;
    if (o->cb)
        o->cb(o->arg, o, status, &m);
}

static inline void respond(struct sip_out *o, int status, const char *body)
{
    respond_with(o, status, body, NULL);
}

static struct sip_in *in_new(const char *method)
{
    struct sip_in *in = calloc(1, sizeof *in);

    assert(in);
    in->invite = !strcmp(method, "INVITE");
    DL_APPEND(W.ins, in);
    return in;
}

static inline struct sip_in *request(struct sip_msg m)
{
    struct sip_in *in = in_new(m.method);

    calls_request(W.calls, in, &m);
    return in;
}

/* A request of the peer inside a dialog. */
static inline struct sip_in *inside(struct sip_dlg *d, const char *method, const char *body)
{
    struct sip_in *in = in_new(method);
    struct sip_msg m = {.method = method, .body = body, .side = d->side, .flow = d->flow, .to_tag = "t"};

    in->dlg = d;
    d->ended = d->ended || !strcmp(method, "BYE");
    d->h.request(d->h.arg, d, in, &m);
    return in;
}

static inline void ack_with(struct sip_in *in, bool came, const char *body)
{
    struct sip_msg m = {.method = "ACK", .body = body};
    void (*cb)(void *, const struct sip_msg *) = in->ack;

    in->ack = NULL;
    if (in->dlg)
        in->dlg->up = true;
    if (cb)
        cb(in->ack_arg, came ? &m : NULL);
}

static inline void ack_or_not(struct sip_in *in, bool came)
{
    ack_with(in, came, NULL);
}

static inline void ack(struct sip_in *in)
{
    ack_or_not(in, true);
}

static inline struct sip_dlg *dlg_of(enum sip_side side)
{
    struct sip_dlg *d;

    DL_FOREACH(W.dlgs, d)
        if (d->side == side && !d->freed)
            return d;
    return NULL;
}

static void world_open(unsigned flows)
{
    static const struct calls_conf conf = {.access_interface = "access", .early_media_183 = true,
                                           .access_realm = "access.example.net",
                                           .core_interface = "core",
                                           .core_realm = "core.example.net",
                                           .home_domain = "home.net",
                                           .dtls_active = true,
                                           .max_calls = 8,
                                           .no_answer_ms = 180000,
                                           .heartbeat_s = 3600};

    memset(&W, 0, sizeof W);
    assert(!uv_loop_init(&W.alg.loop));
    assert(!calls_new(&W.calls, &W.alg, &conf));
    W.calls->conf.policy = sdp_policy_default;
    W.n_bindings = flows;
    for (unsigned i = 0; i < flows; i++)
        W.binding[i] = (struct reg_binding){.impu = "sip:alice@home.net", .aor = "sip:alice@home.net",
                                            .contact = "sip:x@y.invalid;transport=ws", .service_route = "<sip:s.home.net;lr>",
                                            .flow = WIC_FLOW + i};
}

/* Every thread of a call still open is given its ordinary end. late_200: a cancelled INVITE is answered all the same. */
static inline void world_drain(bool late_200, const char *answer)
{
    for (unsigned i = 0; i < 200; i++) {
        struct sip_in *in, *waiting = NULL;
        struct sip_out *o = out_pending(NULL);
        struct op *op = op_pending();

        DL_FOREACH(W.ins, in)
            if (in->ack && in->answered && in->status < 300)
                waiting = in;
        if (waiting)
            ack(waiting);
        else if (o && !strcmp(o->method, "INVITE"))
            respond(o, late_200 ? 200 : o->cancelled ? 487 : 486, late_200 ? answer : NULL);
        else if (o)
            respond(o, 200, NULL);
        else if (op)
            op_ok(op);
        else
            return;
    }
    assert(!"the call never settles");
}

/* All must be over: every INVITE answered once, every dialog ended by a BYE of one side, every context released. */
static void world_close(void)
{
    struct sip_in *in, *in2;
    struct sip_out *o, *o2;
    struct sip_dlg *d, *d2;
    struct op *op, *op2;
    struct iq_ctx *c, *c2;
    while (W.calls->list) {
        assert(W.calls->list->fsm.state == CALL_DEAD);
        fsm_event(&W.calls->list->fsm, EV_TIMEOUT, NULL);
    }
    uv_run(&W.alg.loop, UV_RUN_NOWAIT);
    assert(W.calls->n == 0 && count_get(&calls_counts(W.calls)[CALL_C_ACTIVE]) == 0);
    DL_FOREACH_SAFE(W.ins, in, in2) {
        assert(in->answered);
        free(in);
    }
    DL_FOREACH_SAFE(W.outs, o, o2) {
        free(o);
    }
    DL_FOREACH_SAFE(W.dlgs, d, d2) {
        assert(d->freed && (!d->up || d->ended || d->byes == 1));
        free(d);
    }
    DL_FOREACH_SAFE(W.ops, op, op2) {
        for (unsigned i = 0; i < op->n; i++)
            free(op->s[i].rtp);
        free(op);
    }
    DL_FOREACH_SAFE(W.ctxs, c, c2) {
        assert(c->released);
        free(c);
    }
    calls_free(W.calls);
    uv_run(&W.alg.loop, UV_RUN_DEFAULT);
    assert(!uv_loop_close(&W.alg.loop));
}

/* --- bodies (sip-sdp 3.10 C) --- */

#define FP "4F:EC:4F:EC:4F:EC:4F:EC:4F:EC:4F:EC:4F:EC:4F:EC:4F:EC:4F:EC:4F:EC:4F:EC:4F:EC:4F:EC:4F:EC:4F:EC"
#define WIC_HEAD(setup) \
    "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n" \
    "m=application 54111 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 203.0.113.7\r\n" \
    "a=candidate:2 1 udp 1686052607 203.0.113.7 54111 typ srflx raddr 0.0.0.0 rport 0\r\n" \
    "a=ice-ufrag:4ZcD\r\na=ice-pwd:2/1muCWoOi3uLifh0NuRHlZw\r\na=fingerprint:sha-256 " FP "\r\n" \
    "a=tls-id:4a756565cddef001be82\r\na=setup:" setup "\r\na=mid:0\r\na=sctp-port:5000\r\na=max-message-size:262144\r\n"
#define WIC_CHAN(id, setup) \
    "a=dcmap:" id " label=\"chat\";subprotocol=\"MSRP\";ordered=true\r\na=dcsa:" id " setup:" setup "\r\n" \
    "a=dcsa:" id " accept-types:message/cpim text/plain\r\na=dcsa:" id " accept-wrapped-types:*\r\n" \
    "a=dcsa:" id " path:msrps://b7xk.invalid:9/si438dsaodes" id ";dc\r\n"
#define CORE_HEAD "v=0\r\no=- 9 1 IN IP4 10.20.0.99\r\ns=-\r\nc=IN IP4 10.20.0.99\r\nt=0 0\r\n"
#define CORE_LINE(port, setup) \
    "m=message " port " TCP/MSRP *\r\na=setup:" setup "\r\na=msrp-cema\r\na=accept-types:message/cpim text/plain\r\n" \
    "a=path:msrp://10.20.0.99:" port "/jshA7we;tcp\r\n"

static const char wic_offer[] = WIC_HEAD("actpass") WIC_CHAN("0", "actpass");
static const char wic_answer[] = WIC_HEAD("active") WIC_CHAN("0", "active");
static const char core_answer[] = CORE_HEAD CORE_LINE("49200", "active");
static const char core_offer[] = CORE_HEAD CORE_LINE("49200", "actpass");
