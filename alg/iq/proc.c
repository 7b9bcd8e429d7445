/* TS 23.334 clause 8 procedures on one context. Requests of one context go one after the other, so a release that
 * overtakes a Reserve still finds the context id in its reply. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "alg/iq/gw.h"
#include "common/log.h"

#define TOLD_LINE_MAX 2048         /* characters of the log about one context; the rest is left out */
#define OP_ARENA_MAX (256u << 10) /* bytes of one request of ours */

struct iq_op {
    struct iq_ctx *ctx;
    enum h248_verb verb;
    bool release;            /* our own W-Subtract *, not the owner's */
    struct arena *arena;
    struct h248_cmd *cmd;
    iq_done_h *done;
    void *arg;
    struct iq_op *prev, *next;
};

static void ctx_run(struct iq_ctx *c);

static void op_free(struct iq_op *op)
{
    if (!op)
        return;
    arena_free(op->arena);
    free(op);
}

static void ctx_free(struct iq_ctx *c)
{
    struct mgc *m = c->gw->mgc;
    struct iq_op *op, *tmp;

    DL_FOREACH_SAFE(c->ops, op, tmp)
    {
        DL_DELETE(c->ops, op);
        op_free(op);
    }
    if (c->id != H248_CTX_CHOOSE)
        HASH_DEL(c->gw->by_id, c);
    c->gw->n_ctx--;
    DL_DELETE(m->ctxs, c);
    free(c);
    count_add(&m->counts[MGC_C_CONTEXTS], -1);
    mgc_ctx_freed(m);
}

struct iq_ctx *gw_ctx(struct gw *gw, uint32_t id)
{
    struct iq_ctx *c = NULL;

    HASH_FIND(hh, gw->by_id, &id, sizeof id, c);
    return c;
}

static int op_new(struct iq_ctx *c, enum h248_verb verb, struct sv termid, struct iq_op **opp)
{
    struct iq_op *op = calloc(1, sizeof *op);
    struct h248_termid *id;

    if (!op)
        return -ENOMEM;
    op->ctx = c;
    op->verb = verb;
    op->arena = arena_new(OP_ARENA_MAX);
    op->cmd = op->arena ? ARENA_NEW(op->arena, struct h248_cmd) : NULL;
    id = op->cmd ? ARENA_NEW(op->arena, struct h248_termid) : NULL;
    if (!id) {
        op_free(op);
        return -ENOMEM;
    }
    id->text = arena_sv(op->arena, termid);
    op->cmd->verb = verb;
    DL_APPEND(op->cmd->terms, id);
    *opp = op;
    return 0;
}

static int op_build(struct arena *a, struct h248_txn *txn, void *arg)
{
    struct iq_op *op = arg;
    struct h248_action *ac = h248_action_new(a, txn, op->ctx->id);

    if (!ac)
        return -ENOMEM;
    op->cmd->prev = op->cmd->next = NULL;
    DL_APPEND(ac->cmds, op->cmd);
    return 0;
}

static const struct h248_error *cmd_error(const struct h248_cmd *cmd)
{
    const struct h248_desc *d = cmd ? h248_desc_find(cmd->descs, H248_D_ERROR) : NULL;

    return d ? &d->u.error : NULL;
}

/* The deepest error of a reply; NULL = it succeeded. */
static const struct h248_error *reply_error(const struct h248_txn *reply)
{
    const struct h248_action *ac = reply->actions;
    const struct h248_error *e = reply->error;

    if (!e && ac)
        e = cmd_error(ac->cmds);
    if (!e && ac)
        e = ac->error;
    return e;
}

static void result_error(struct iq_result *r, unsigned code, struct sv text)
{
    r->ok = false;
    r->code = code;
    snprintf(r->text, sizeof r->text, "%.*s", SV_ARG(text));
}

static void learn_id(struct iq_ctx *c, uint32_t id)
{
    if (c->id != H248_CTX_CHOOSE || id == H248_CTX_NULL || id >= H248_CTX_CHOOSE)
        return;
    if (gw_ctx(c->gw, id)) {
        log_error("iq", "gw=%s ctx=%u msg=\"the gateway gave a context id twice\"",
                  assoc_peer_name(c->gw->peer), id);
        return;
    }
    c->id = id;
    HASH_ADD(hh, c->gw->by_id, id, sizeof c->id, c);
}

/* The terminations of a Subtract that asked for statistics. */
static void read_told(struct iq_ctx *c, const struct h248_txn *reply)
{
    char text[TOLD_LINE_MAX];
    struct buf line = buf_over(text, sizeof text);
    const struct h248_cmd *cmd;

    DL_FOREACH(reply->actions->cmds, cmd)
    {
        struct arena *a = arena_new(H248_ARENA_MAX);
        struct iq_term *term = a ? ARENA_NEW(a, struct iq_term) : NULL;
        struct iq_fault fault;

        if (term && cmd->verb == H248_SUBTRACT && cmd->terms && !iq_get(a, cmd, term, &fault))
            told_add(&c->gw->mgc->told, cmd->terms->text, term, &line);
        arena_free(a);
    }
    if (line.len)
        log_info("iq", "%s ctx=%u msg=\"media\" %.*s", c->told, c->id, (int)line.len, text);
}

static void read_reply(struct iq_ctx *c, struct iq_op *op, const struct h248_txn *reply,
                       struct arena *a, struct iq_term *term, struct iq_result *r)
{
    const struct h248_error *e = reply_error(reply);
    const struct h248_action *ac = reply->actions;
    struct iq_fault fault;

    if (e) {
        result_error(r, e->code, e->has_text ? e->text : sv_from(h248_err_text(e->code)));
        return;
    }
    if (!ac || !ac->cmds || ac->cmds->verb != op->verb || !ac->cmds->terms) {
        result_error(r, 500, SV("the reply does not answer the command"));
        return;
    }
    learn_id(c, ac->context);
    r->termid = ac->cmds->terms->text;
    r->ok = true;
    if (op->release && c->told[0])
        read_told(c, reply);
    if (op->verb != H248_ADD && op->verb != H248_MODIFY)
        return;
    if (iq_get(a, ac->cmds, term, &fault)) {
        result_error(r, fault.code, sv_from(fault.text));
        return;
    }
    r->term = term;
}

static void count_result(struct mgc *m, const struct iq_ctx *c, const struct iq_op *op,
                         const struct iq_result *r)
{
    if (r->ok)
        return;
    count_add(&m->counts[r->timeout ? MGC_C_TIMEOUTS : MGC_C_ERRORS], 1);
    log_warn("iq", "gw=%s ctx=%u cmd=%s code=%u msg=\"%s\"", assoc_peer_name(c->gw->peer), c->id,
             h248_verb_name(op->verb), r->code, r->timeout ? "no reply" : r->text);
}

/* After our W-Subtract *: done, unless the gateway could not be reached; then its return takes it up again. */
static void release_result(struct iq_ctx *c, const struct iq_result *r)
{
    if (!r->ok && !r->timeout && c->told[0] && !c->lost) { /* it does not like to be asked */
        c->told[0] = '\0';
        ctx_run(c);
        return;
    }
    if (r->timeout && !c->lost && ++c->tries <= c->gw->mgc->conf.release_tries) {
        if (assoc_peer_up(c->gw->peer))
            ctx_run(c);
        return;
    }
    ctx_free(c);
}

/* The one end of a request: the owner is told, then the next one goes. */
static void op_finish(struct iq_op *op, const struct iq_result *r)
{
    struct iq_ctx *c = op->ctx;

    DL_DELETE(c->ops, op);
    c->busy = false;
    count_result(c->gw->mgc, c, op, r);
    if (op->release) {
        release_result(c, r);
    } else {
        c->calling = true; /* done may release the context: not under our feet */
        if (!c->released && op->done)
            op->done(op->arg, r);
        c->calling = false;
        ctx_run(c);
    }
    op_free(op);
}

static void on_reply(void *arg, enum trans_result result, const struct h248_txn *reply)
{
    struct iq_op *op = arg;
    struct arena *a = NULL;
    struct iq_term *term = NULL;
    struct iq_result r = {0};

    if (result == TRANS_REPLY && reply) {
        a = arena_new(H248_ARENA_MAX);
        term = a ? ARENA_NEW(a, struct iq_term) : NULL;
        if (term)
            read_reply(op->ctx, op, reply, a, term, &r);
        else
            result_error(&r, 500, SV("no memory"));
    } else {
        r.timeout = true;
        result_error(&r, result == TRANS_LIMIT ? 506 : 0, SV("no reply"));
    }
    op_finish(op, &r);
    arena_free(a);
}

static void on_fail_later(uv_timer_t *t)
{
    struct iq_result r = {.timeout = true, .text = "not sent: the gateway is down"};

    op_finish(t->data, &r);
    uv_close((uv_handle_t *)t, (uv_close_cb)free);
}

/* A request that cannot even be sent fails from the loop, not from inside the caller's call. */
static void op_fail_later(struct iq_op *op)
{
    uv_timer_t *t = malloc(sizeof *t);

    if (!t)
        return; /* the owner's own timer ends the call */
    uv_timer_init(op->ctx->gw->mgc->loop, t);
    t->data = op;
    uv_timer_start(t, on_fail_later, 0, 0);
}

/* An empty Audit asks for no statistics (TS 29.334 5.8.3). */
static int put_audit(struct iq_op *op, bool statistics)
{
    struct h248_desc *d = h248_desc_new(op->arena, &op->cmd->descs, H248_D_AUDIT);
    struct h248_audit_item *item = d && statistics ? ARENA_NEW(op->arena, struct h248_audit_item) : NULL;

    if (item) {
        item->token = SV("Statistics");
        DL_APPEND(d->u.audit, item);
    }
    return d && (item || !statistics) ? 0 : -ENOMEM;
}

static int push_release(struct iq_ctx *c)
{
    struct iq_op *op;
    int err = op_new(c, H248_SUBTRACT, SV("*"), &op);

    if (err)
        return err;
    op->release = true;
    op->cmd->wildcard_return = !c->told[0]; /* one answer for all says nothing of each */
    if (put_audit(op, c->told[0])) {
        op_free(op);
        return -ENOMEM;
    }
    DL_APPEND(c->ops, op);
    return 0;
}

/* Send the next request of the context, or end it. */
static void ctx_run(struct iq_ctx *c)
{
    static const enum mgc_counter counter[] = {
        [H248_ADD] = MGC_C_ADD, [H248_MODIFY] = MGC_C_MOD, [H248_SUBTRACT] = MGC_C_SUB};
    struct mgc *m = c->gw->mgc;
    int err;

    if (c->busy || c->calling)
        return;
    if (c->released && !c->ops) {
        if (c->lost || c->id == H248_CTX_CHOOSE || push_release(c)) {
            ctx_free(c);
            return;
        }
    }
    if (!c->ops)
        return;
    c->busy = true;
    count_add(&m->counts[counter[c->ops->verb]], 1);
    err = link_request(m->link, c->gw->peer, op_build, c->ops, on_reply, c->ops);
    if (err)
        op_fail_later(c->ops);
}

int iq_ctx_new(struct iq_ctx **cp, struct mgc *m, const struct iq_ctx_h *h)
{
    struct gw *gw, *best = NULL;
    struct iq_ctx *c;

    DL_FOREACH(m->gws, gw)
    {
        if (gw_is_up(gw) && (!best || gw->n_ctx < best->n_ctx))
            best = gw;
    }
    if (!best || m->stopping)
        return -ENOTCONN;
    c = calloc(1, sizeof *c);
    if (!c)
        return -ENOMEM;
    c->gw = best;
    c->id = H248_CTX_CHOOSE;
    c->h = *h;
    best->n_ctx++;
    DL_APPEND(m->ctxs, c);
    count_add(&m->counts[MGC_C_CONTEXTS], 1);
    *cp = c;
    return 0;
}

static int push(struct iq_ctx *c, enum h248_verb verb, const struct iq_term *t, struct sv termid,
                iq_done_h *done, void *arg)
{
    struct iq_op *op;
    int err = op_new(c, verb, termid, &op);

    if (err)
        return err;
    op->done = done;
    op->arg = arg;
    err = t ? iq_put(op->arena, t, op->cmd) : 0;
    if (err) {
        op_free(op);
        return err;
    }
    DL_APPEND(c->ops, op);
    ctx_run(c);
    return 0;
}

int iq_add(struct iq_ctx *c, const struct iq_term *t, iq_done_h *done, void *arg)
{
    return push(c, H248_ADD, t, t->id, done, arg);
}

int iq_mod(struct iq_ctx *c, const struct iq_term *t, iq_done_h *done, void *arg)
{
    return push(c, H248_MODIFY, t, t->id, done, arg);
}

int iq_sub(struct iq_ctx *c, struct sv termid, iq_done_h *done, void *arg)
{
    return push(c, H248_SUBTRACT, NULL, termid, done, arg);
}

void iq_ctx_release(struct iq_ctx *c)
{
    struct iq_op *op, *tmp;

    if (!c || c->released)
        return;
    c->released = true;
    DL_FOREACH_SAFE(c->ops, op, tmp)
    {
        if (c->busy && op == c->ops)
            continue; /* in flight: its reply may bring the context id */
        DL_DELETE(c->ops, op);
        op_free(op);
    }
    ctx_run(c);
}

void iq_ctx_release_told(struct iq_ctx *c, const char *tag)
{
    if (c && !c->released && gw_has(c->gw, "rtp"))
        snprintf(c->told, sizeof c->told, "%s", tag);
    iq_ctx_release(c);
}

bool iq_ctx_has(const struct iq_ctx *c, const char *package)
{
    return gw_has(c->gw, package);
}

uint32_t iq_ctx_id(const struct iq_ctx *c)
{
    return c->id;
}

void gw_ctx_lost(struct iq_ctx *c)
{
    if (c->lost)
        return;
    c->lost = true;
    if (c->released) {
        if (!c->busy && !c->calling)
            ctx_free(c);
        return;
    }
    if (c->h.gone)
        c->h.gone(c->h.arg);
}

void gw_lost_contexts(struct gw *gw)
{
    struct mgc *m = gw->mgc;
    struct iq_ctx *c, *tmp;

    DL_FOREACH_SAFE(m->ctxs, c, tmp)
    {
        if (c->gw == gw)
            gw_ctx_lost(c);
    }
}

void gw_resume_releases(struct gw *gw)
{
    struct iq_ctx *c, *tmp;

    DL_FOREACH_SAFE(gw->mgc->ctxs, c, tmp)
    {
        if (c->gw == gw && c->released && !c->busy && !c->calling) {
            c->tries = 0;
            ctx_run(c);
        }
    }
}

/* --- a context that only the gateway knows (hanging termination, TS 23.334 8.6) --- */

static int build_sub_all(struct arena *a, struct h248_txn *txn, void *arg)
{
    const uint32_t *id = arg;
    struct h248_cmd *cmd =
        h248_cmd_new(a, h248_action_new(a, txn, *id), H248_SUBTRACT, SV("*"));

    if (!cmd || !h248_desc_new(a, &cmd->descs, H248_D_AUDIT))
        return -ENOMEM;
    cmd->wildcard_return = true;
    return 0;
}

static void on_sub_unknown(void *arg, enum trans_result result, const struct h248_txn *reply)
{
    struct mgc *m = arg;

    if (result != TRANS_REPLY || (reply && reply_error(reply)))
        count_add(&m->counts[result == TRANS_REPLY ? MGC_C_ERRORS : MGC_C_TIMEOUTS], 1);
}

int gw_subtract_all(struct gw *gw, uint32_t id, trans_reply_h *result, void *arg)
{
    count_add(&gw->mgc->counts[MGC_C_SUB], 1);
    return link_request(gw->mgc->link, gw->peer, build_sub_all, &id, result, arg);
}

int gw_subtract_unknown(struct gw *gw, uint32_t id)
{
    return gw_subtract_all(gw, id, on_sub_unknown, gw->mgc);
}
