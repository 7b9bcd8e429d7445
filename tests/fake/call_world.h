/* The surroundings of a call, made up: alg/sip/sip.h, reg.h and alg/iq/mgc.h as plain records, so that a test decides what
 * answers, when, and in which order. Included by one file of a test program, whose symbols win over the archives. */
#pragma once

#include "tests/fake/call_iq.h"
#include "tests/fake/call_msrp.h"
#include "tests/fake/call_sip.h"

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
