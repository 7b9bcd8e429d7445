/* Encoder: message, transactions, actions and commands (H.248.1 6.2, 7.2, 8, annex B.2). */
#include "h248/enc.h"

static const enum tok verb_toks[] = {
    [H248_ADD] = TOK_ADD,
    [H248_MOVE] = TOK_MOVE,
    [H248_MODIFY] = TOK_MODIFY,
    [H248_SUBTRACT] = TOK_SUBTRACT,
    [H248_AUDIT_VALUE] = TOK_AUDIT_VALUE,
    [H248_AUDIT_CAPABILITY] = TOK_AUDIT_CAPABILITY,
    [H248_NOTIFY] = TOK_NOTIFY,
    [H248_SERVICE_CHANGE] = TOK_SERVICE_CHANGE,
};

/* --- context properties --- */

static void put_context_id(struct enc *e, uint32_t id)
{
    if (id == H248_CTX_NULL)
        enc_str(e, "-");
    else if (id == H248_CTX_CHOOSE)
        enc_str(e, "$");
    else if (id == H248_CTX_ALL)
        enc_str(e, "*");
    else
        enc_num(e, id);
}

static void put_topology(struct enc *e, const struct h248_topology *list)
{
    const struct h248_topology *t;
    struct enc_list l;

    enc_tok(e, TOK_TOPOLOGY);
    l = enc_open(e, '{', true);
    DL_FOREACH(list, t) {
        enc_next(e, &l);
        enc_sv(e, t->a);
        enc_next(e, &l);
        enc_sv(e, t->b);
        enc_next(e, &l);
        enc_word(e, t->direction);
        if (!t->has_stream)
            continue;
        enc_need(e, 2);
        enc_next(e, &l);
        enc_tok(e, TOK_STREAM);
        enc_eq(e);
        enc_num(e, t->stream);
    }
    enc_close(e, &l);
}

/* In ContextAttr the list stands alone. */
static void put_context_list(struct enc *e, const struct h248_ctx_id *list)
{
    const struct h248_ctx_id *id;
    struct enc_list outer, l;

    enc_tok(e, TOK_CONTEXT_ATTR);
    outer = enc_open(e, '{', true);
    enc_next(e, &outer);
    enc_tok(e, TOK_CONTEXT_LIST);
    enc_str(e, e->compact ? "=" : " =");
    l = enc_open(e, '{', true);
    DL_FOREACH(list, id) {
        enc_next(e, &l);
        put_context_id(e, id->id);
    }
    enc_close(e, &l);
    enc_close(e, &outer);
}

/* v2 peers know EmergencyOff by the name its drafts had. */
static void put_emergency(struct enc *e, enum h248_tri v)
{
    if (v == H248_OFF && e->version == 2 && !e->compact)
        enc_str(e, "EmergencyOffToken");
    else
        enc_tok(e, v == H248_ON ? TOK_EMERGENCY : TOK_EMERGENCY_OFF);
}

static void put_attrs(struct enc *e, const struct h248_parm *attrs)
{
    struct enc_list l;

    enc_tok(e, TOK_CONTEXT_ATTR);
    l = enc_open(e, '{', true);
    enc_parms(e, &l, attrs);
    enc_close(e, &l);
}

/* Items of ContextAudit; package properties stand in ContextAttr { }, one after the other. */
static void put_ctx_audit(struct enc *e, const struct h248_action *ac)
{
    const struct h248_ctx_audit *ca;
    struct enc_list l;

    enc_tok(e, TOK_CONTEXT_AUDIT);
    l = enc_open(e, '{', true);
    DL_FOREACH(ac->audit, ca) {
        bool package = memchr(ca->token.p ? ca->token.p : "", '/', ca->token.n);
        struct enc_list in;

        enc_next(e, &l);
        if (package) {
            enc_tok(e, TOK_CONTEXT_ATTR);
            in = enc_open(e, '{', true);
            enc_next(e, &in);
            enc_sv(e, ca->token);
        } else {
            enc_word(e, ca->token);
        }
        if (ca->value.n) {
            enc_need(e, 3);
            enc_eq(e);
            if (package || !tok_find(ca->value))
                buf_sv_put(e->b, ca->value);
            else
                enc_tok(e, tok_find(ca->value));
        }
        if (package)
            enc_close(e, &in);
    }
    if (ac->audit_logic.n) {
        enc_next(e, &l);
        enc_word(e, ac->audit_logic);
    }
    if (l.first)
        enc_fail(e);
    enc_close(e, &l);
}

static void put_ctx_props(struct enc *e, struct enc_list *l, const struct h248_action *ac)
{
    if (ac->topology) {
        enc_next(e, l);
        put_topology(e, ac->topology);
    }
    if (ac->has_priority) {
        enc_next(e, l);
        if (ac->priority > 15)
            enc_fail(e);
        enc_tok(e, TOK_PRIORITY);
        enc_eq(e);
        enc_num(e, ac->priority);
    }
    if (ac->emergency) {
        enc_next(e, l);
        put_emergency(e, ac->emergency);
    }
    if (ac->ieps) {
        enc_next(e, l);
        enc_on_off(e, TOK_IEPS_CALL, ac->ieps);
    }
    if (ac->attrs) {
        enc_next(e, l);
        put_attrs(e, ac->attrs);
    }
    if (ac->contexts) {
        if (ac->attrs)
            enc_fail(e);
        enc_next(e, l);
        put_context_list(e, ac->contexts);
    }
    if (ac->has_audit) {
        enc_next(e, l);
        put_ctx_audit(e, ac);
    }
}

/* --- commands and actions --- */

static void put_cmd_terms(struct enc *e, const struct h248_cmd *c)
{
    const struct h248_termid *t;
    struct enc_list l;

    if (!c->terms) {
        enc_fail(e);
    } else if (!c->terms->next) {
        enc_sv(e, c->terms->text);
    } else {
        enc_need(e, 3);
        l = enc_open(e, '[', true);
        DL_FOREACH(c->terms, t) {
            enc_next(e, &l);
            enc_sv(e, t->text);
        }
        enc_close(e, &l);
    }
}

static void put_cmd(struct enc *e, const struct h248_cmd *c)
{
    if (c->optional)
        enc_str(e, "O-");
    if (c->wildcard_return)
        enc_str(e, "W-");
    enc_tok(e, verb_toks[c->verb]);
    enc_eq(e);
    if (!c->ctx_list) {
        put_cmd_terms(e, c);
        enc_descs(e, c->descs);
        return;
    }
    enc_tok(e, TOK_CONTEXT);
    if (c->descs)
        enc_descs(e, c->descs);
    else
        enc_terms(e, c->terms);
}

static void put_action(struct enc *e, const struct h248_action *ac, bool is_reply)
{
    const struct h248_cmd *c;
    struct enc_list l;

    enc_tok(e, TOK_CONTEXT);
    enc_eq(e);
    put_context_id(e, ac->context);
    if (!ac->topology && !ac->has_priority && !ac->emergency && !ac->ieps && !ac->attrs &&
        !ac->contexts && !ac->has_audit && !ac->cmds && !ac->error) {
        if (!is_reply)
            enc_fail(e);
        enc_need(e, 3); /* the bare context of a reply */
        return;
    }
    l = enc_open(e, '{', false);
    put_ctx_props(e, &l, ac);
    DL_FOREACH(ac->cmds, c) {
        enc_next(e, &l);
        put_cmd(e, c);
    }
    if (ac->error) {
        enc_next(e, &l);
        enc_error(e, ac->error);
    }
    enc_close(e, &l);
}

/* --- transactions --- */

static void put_acks(struct enc *e, const struct h248_ack_range *list)
{
    const struct h248_ack_range *r;
    struct enc_list l = enc_open(e, '{', true);

    DL_FOREACH(list, r) {
        enc_next(e, &l);
        enc_num(e, r->first);
        if (r->last == r->first)
            continue;
        enc_str(e, "-");
        enc_num(e, r->last);
    }
    if (l.first)
        enc_fail(e);
    enc_close(e, &l);
}

static void put_segment(struct enc *e, const struct h248_txn *t)
{
    enc_need(e, 3);
    enc_str(e, "/");
    enc_num(e, t->segment);
    if (t->last_segment) {
        enc_str(e, "/");
        enc_tok(e, TOK_END);
    }
}

static void put_txn(struct enc *e, const struct h248_txn *t)
{
    static const enum tok names[] = {TOK_TRANSACTION, TOK_REPLY, TOK_PENDING, TOK_RESPONSE_ACK,
                                     TOK_SEGMENT};
    const struct h248_action *ac;
    struct enc_list l;

    enc_tok(e, names[t->kind]);
    if (t->kind == H248_ACK) {
        put_acks(e, t->acks);
        return;
    }
    enc_eq(e);
    enc_num(e, t->tid);
    if (t->has_segment)
        put_segment(e, t);
    if (t->kind == H248_SEGMENT)
        return;
    l = enc_open(e, '{', t->kind == H248_PENDING);
    if (t->kind == H248_REPLY && t->imm_ack) {
        enc_next(e, &l);
        enc_tok(e, TOK_IMM_ACK);
    }
    if (t->error) {
        enc_next(e, &l);
        enc_error(e, t->error);
    }
    DL_FOREACH(t->actions, ac) {
        enc_next(e, &l);
        put_action(e, ac, t->kind == H248_REPLY);
    }
    if (t->kind != H248_PENDING &&
        ((!t->error && !t->actions) || (t->error && (t->actions || t->kind != H248_REPLY))))
        enc_fail(e);
    enc_close(e, &l);
}

static void put_header(struct enc *e, const struct h248_msg *m)
{
    if (m->auth.present) {
        enc_tok(e, TOK_AUTHENTICATION);
        enc_eq(e);
        buf_printf(e->b, "0x%.*s:0x%.*s:0x%.*s", SV_ARG(m->auth.spi), SV_ARG(m->auth.seq),
                   SV_ARG(m->auth.data));
        enc_str(e, e->compact ? " " : "\n");
    }
    enc_tok(e, TOK_MEGACO);
    enc_str(e, "/");
    enc_num(e, m->version);
    enc_str(e, " ");
    enc_mid(e, &m->mid);
    enc_str(e, e->compact ? " " : "\n");
}

static int enc_result(const struct enc *e)
{
    int err = buf_err(e->b);

    return err ? err : e->err;
}

int h248_encode(const struct h248_msg *m, enum h248_style style, struct buf *out)
{
    struct enc e = {.b = out,
                    .compact = style & H248_COMPACT,
                    .bare_signals = style & H248_BARE_SIGNALS,
                    .version = m->version};
    const struct h248_txn *t;

    if (m->version < 1 || m->version > 3 || (m->error != NULL) == (m->txns != NULL))
        return -EINVAL;
    put_header(&e, m);
    if (m->error)
        enc_error(&e, m->error);
    DL_FOREACH(m->txns, t) {
        if (e.compact && t != m->txns && t->prev->kind == H248_SEGMENT)
            enc_str(&e, " ");
        put_txn(&e, t);
        if (!e.compact &&
            (t->next ||
             t->kind != H248_SEGMENT)) /* some refuse white space behind the last Segment */
            enc_str(&e, "\n");
    }
    if (m->error && !e.compact)
        enc_str(&e, "\n");
    return enc_result(&e);
}

int h248_encode_txn(const struct h248_txn *t, unsigned version, enum h248_style style,
                    struct buf *out)
{
    struct enc e = {.b = out,
                    .compact = style & H248_COMPACT,
                    .bare_signals = style & H248_BARE_SIGNALS,
                    .version = version};

    put_txn(&e, t);
    return enc_result(&e);
}
