/* Decoder: actions, their context properties, and commands (H.248.1 6.2, 7.2, annex B.2). */
#include "h248/dec.h"

/* Every descriptor that a reply may return; a bare name among them is an empty one. */
#define SET(kind) (1u << H248_D_##kind)
#define AMM_REQUEST                                                                                \
    (SET(MEDIA) | SET(MODEM) | SET(MUX) | SET(EVENTS) | SET(EVENT_BUFFER) | SET(SIGNALS) |         \
     SET(DIGITMAP) | SET(AUDIT) | SET(STATISTICS))
#define RETURNED                                                                                   \
    (SET(MEDIA) | SET(MODEM) | SET(MUX) | SET(EVENTS) | SET(EVENT_BUFFER) | SET(SIGNALS) |         \
     SET(DIGITMAP) | SET(OBSERVED) | SET(STATISTICS) | SET(PACKAGES) | SET(ERROR) | SET(EMPTY))

static const struct {
    enum tok tok;
    unsigned request, reply; /* descriptors */
    bool body;               /* a request must have braces */
} verbs[] = {
    [H248_ADD] = {TOK_ADD, AMM_REQUEST, RETURNED, false},
    [H248_MOVE] = {TOK_MOVE, AMM_REQUEST, RETURNED, false},
    [H248_MODIFY] = {TOK_MODIFY, AMM_REQUEST, RETURNED, false},
    [H248_SUBTRACT] = {TOK_SUBTRACT, SET(AUDIT), RETURNED, false},
    [H248_AUDIT_VALUE] = {TOK_AUDIT_VALUE, SET(AUDIT), RETURNED, true},
    [H248_AUDIT_CAPABILITY] = {TOK_AUDIT_CAPABILITY, SET(AUDIT), RETURNED, true},
    [H248_NOTIFY] = {TOK_NOTIFY, SET(OBSERVED) | SET(ERROR), SET(ERROR), true},
    [H248_SERVICE_CHANGE] = {TOK_SERVICE_CHANGE, SET(SERVICES), SET(SERVICES) | SET(ERROR), true},
};

static bool verb_find(enum tok t, enum h248_verb *v)
{
    unsigned i;

    for (i = 0; i < ARRAY_LEN(verbs); i++) {
        if (verbs[i].tok == t) {
            *v = i;
            return true;
        }
    }
    return false;
}

/* --- commands --- */

/* AuditValue = Context { ids } of a reply: told from a termination of that name by what stands in
 * the braces. */
static bool is_ctx_list(const struct dec *d, struct sv word)
{
    struct lex look = d->lx;
    struct sv w;

    if (tok_find(word) != TOK_CONTEXT || !lex_take(&look, '{'))
        return false;
    w = lex_word(&look);
    lex_ws(&look);
    if (tok_find(w) == TOK_ERROR && *look.p == '=')
        return true;
    return w.n && (*look.p == ',' || *look.p == '}');
}

static int ctx_list_id(struct dec *d, void *arg)
{
    struct h248_cmd *c = arg;
    struct h248_termid *t = DEC_NODE(d, struct h248_termid);
    int err;

    if (!t)
        return d->node_err;
    err = dec_word(d, &t->text, "an identifier");
    if (!err && !lex_is_termid(t->text) && !lex_all(t->text, LEX_DIGIT))
        return dec_bad(d, t->text.p, 410, "neither a TerminationID nor a ContextID");
    if (!err)
        DL_APPEND(c->terms, t);
    return err;
}

static int dec_ctx_list(struct dec *d, struct h248_cmd *c)
{
    struct lex look = d->lx;

    c->ctx_list = true;
    lex_take(&look, '{');
    lex_word(&look);
    lex_ws(&look);
    return *look.p == '=' ? dec_descs(d, c, SET(ERROR)) : dec_braced(d, ctx_list_id, c);
}

static int dec_cmd_terms(struct dec *d, struct h248_cmd *c)
{
    int err;

    if (lex_take(&d->lx, '[')) /* v3 */
        err = dec_items(d, ']', dec_termid_item, &c->terms);
    else
        err = dec_termid(d, &c->terms);
    if (!err)
        d->fault->termid = c->terms->text;
    return err;
}

/* What the grammar asks of the descriptors beyond their kinds. */
static int cmd_check(struct dec *d, const struct h248_cmd *c, const char *at)
{
    if (c->verb == H248_NOTIFY && !d->is_reply && (!c->descs || c->descs->kind != H248_D_OBSERVED))
        return dec_bad(d, at, 0, "Notify must begin with ObservedEvents");
    if (c->verb == H248_SERVICE_CHANGE && c->descs && c->descs->next)
        return dec_bad(d, at, 0, "one descriptor is allowed in ServiceChange");
    return 0;
}

static int dec_cmd_body(struct dec *d, struct h248_cmd *c)
{
    unsigned allowed = d->is_reply ? verbs[c->verb].reply : verbs[c->verb].request;
    const char *at;
    int err;

    if (!dec_next_is(d, '{'))
        return !d->is_reply && verbs[c->verb].body ? dec_unexpected(d, "{") : 0;
    at = d->lx.p;
    err = dec_descs(d, c, allowed);
    return err ? err : cmd_check(d, c, at);
}

/* The command's word with its prefixes O- and W-, in that order. */
static int dec_verb(struct dec *d, struct sv w, struct h248_cmd *c)
{
    const char *at = w.p;

    if (!d->is_reply && sv_istarts(w, "O-")) {
        c->optional = true;
        w = (struct sv){w.p + 2, w.n - 2};
    }
    if (!d->is_reply && sv_istarts(w, "W-")) {
        c->wildcard_return = true;
        w = (struct sv){w.p + 2, w.n - 2};
    }
    if (!verb_find(tok_find(w), &c->verb))
        return dec_bad(d, at, 443, "%.*s is no command", DEC_SHOW(w));
    return 0;
}

static int dec_cmd(struct dec *d, struct sv word, struct h248_action *ac)
{
    struct h248_cmd *c = DEC_NODE(d, struct h248_cmd);
    struct sv look_word;
    struct lex look;
    int err;

    if (!c)
        return d->node_err;
    err = dec_verb(d, word, c);
    if (err)
        return err;
    d->fault->verb = c->verb;
    d->fault->termid = SV_NONE;
    dec_level(d, H248_AT_CMD, 442);
    err = dec_expect(d, '=');
    if (err)
        return err;
    look = d->lx;
    look_word = lex_word(&look);
    if (d->is_reply && (c->verb == H248_AUDIT_VALUE || c->verb == H248_AUDIT_CAPABILITY)) {
        struct lex at = d->lx;

        d->lx = look;
        if (is_ctx_list(d, look_word))
            err = dec_ctx_list(d, c);
        else
            d->lx = at;
    }
    if (!c->ctx_list) {
        err = dec_cmd_terms(d, c);
        if (!err)
            err = dec_cmd_body(d, c);
    }
    if (err)
        return err;
    dec_level(d, H248_AT_ACTION, 422);
    DL_APPEND(ac->cmds, c);
    return 0;
}

/* --- context properties --- */

static int topology_item(struct dec *d, void *arg)
{
    struct h248_action *ac = arg;
    struct h248_topology *t = DEC_NODE(d, struct h248_topology);
    struct lex look;
    struct sv w;
    enum tok k;
    int err;

    if (!t)
        return d->node_err;
    err = dec_word(d, &t->a, "a TerminationID");
    if (!err)
        err = dec_expect(d, ',');
    if (!err)
        err = dec_word(d, &t->b, "a TerminationID");
    if (!err)
        err = dec_expect(d, ',');
    if (!err)
        err = dec_word(d, &w, "a topology direction");
    if (err)
        return err;
    if (!lex_is_termid(t->a) || !lex_is_termid(t->b))
        return dec_bad(d, t->a.p, 410, "no TerminationID in a topology triple");
    k = tok_find(w);
    if (k != TOK_BOTHWAY && k != TOK_ISOLATE && k != TOK_ONEWAY && k != TOK_ONEWAY_BOTH &&
        k != TOK_ONEWAY_EXTERNAL)
        return dec_no_such(d, w, 0, "topology direction");
    t->direction = tok_long(k);
    DL_APPEND(ac->topology, t);
    look = d->lx; /* v2: , Stream = n; or the next triple */
    if (!lex_take(&look, ',') || tok_find(lex_word(&look)) != TOK_STREAM || !lex_take(&look, '='))
        return 0;
    d->lx = look;
    t->has_stream = true;
    return dec_u16(d, "StreamID", &t->stream);
}

static int context_id(struct dec *d, struct sv w, uint32_t *out)
{
    if (w.n == 1 && *w.p == '-')
        *out = H248_CTX_NULL;
    else if (w.n == 1 && *w.p == '$')
        *out = H248_CTX_CHOOSE;
    else if (w.n == 1 && *w.p == '*')
        *out = H248_CTX_ALL;
    else if (!lex_uint(w, 10, UINT32_MAX, out) &&
             (*out == H248_CTX_NULL || *out >= H248_CTX_CHOOSE))
        return dec_bad(d, w.p, 0, "ContextID %u must be written as - $ or *", *out);
    else
        return dec_number(d, w, "ContextID", 10, UINT32_MAX, out);
    return 0;
}

static int ctx_list_item(struct dec *d, void *arg)
{
    struct h248_action *ac = arg;
    struct h248_ctx_id *id = DEC_NODE(d, struct h248_ctx_id);
    struct sv w;
    int err;

    if (!id)
        return d->node_err;
    err = dec_word(d, &w, "a ContextID");
    if (!err)
        err = context_id(d, w, &id->id);
    if (!err)
        DL_APPEND(ac->contexts, id);
    return err;
}

static int ctx_attr_item(struct dec *d, void *arg)
{
    struct h248_action *ac = arg;
    struct sv name;
    int err = dec_item_name(d, &name, false);

    return err ? err : dec_parm(d, &ac->attrs, name, false);
}

static int dec_ctx_list_prop(struct dec *d, struct h248_action *ac)
{
    int err = dec_expect(d, '=');

    return err ? err : dec_braced(d, ctx_list_item, ac);
}

/* ContextAttr { ContextList = { ids } } or ContextAttr { pkg/item = value, ... } */
static int dec_ctx_attr(struct dec *d, struct h248_action *ac)
{
    struct lex look = d->lx;
    int err;

    if (!lex_take(&look, '{') || tok_find(lex_word(&look)) != TOK_CONTEXT_LIST)
        return dec_braced(d, ctx_attr_item, ac);
    d->lx = look;
    err = dec_ctx_list_prop(d, ac);
    return err ? err : dec_expect(d, '}');
}

static int dec_priority(struct dec *d, struct h248_action *ac)
{
    int err = dec_expect(d, '=');
    const char *at = d->lx.p;

    ac->has_priority = true;
    if (!err)
        err = dec_u16(d, "Priority", &ac->priority);
    if (!err && ac->priority > 15)
        return dec_bad(d, at, 0, "Priority %u is not in 0..15", ac->priority);
    return err;
}

/* A context property. -ENOENT: the word is none. */
static int dec_ctx_prop(struct dec *d, struct sv w, struct h248_action *ac)
{
    enum tok t = tok_find(w);

    switch (t) {
    case TOK_TOPOLOGY:
        return ac->topology ? dec_bad(d, w.p, 0, "Topology is given twice")
                            : dec_braced(d, topology_item, ac);
    case TOK_PRIORITY:
        return ac->has_priority ? dec_bad(d, w.p, 0, "Priority is given twice")
                                : dec_priority(d, ac);
    case TOK_EMERGENCY:
    case TOK_EMERGENCY_OFF:
        if (ac->emergency)
            return dec_bad(d, w.p, 0, "Emergency is given twice");
        ac->emergency = t == TOK_EMERGENCY ? H248_ON : H248_OFF;
        return 0;
    case TOK_IEPS_CALL:
        if (ac->ieps)
            return dec_bad(d, w.p, 0, "IEPSCall is given twice");
        return lex_take(&d->lx, '=') ? dec_on_off(d, &ac->ieps) : dec_unexpected(d, "=");
    case TOK_CONTEXT_ATTR:
        return ac->attrs || ac->contexts ? dec_bad(d, w.p, 0, "ContextAttr is given twice")
                                         : dec_ctx_attr(d, ac);
    case TOK_CONTEXT_LIST:
        return ac->attrs || ac->contexts ? dec_bad(d, w.p, 0, "ContextList is given twice")
                                         : dec_ctx_list_prop(d, ac);
    default:
        return -ENOENT;
    }
}

static int ctx_audit_add(struct dec *d, struct h248_action *ac, struct sv token,
                         struct h248_ctx_audit **out)
{
    struct h248_ctx_audit *ca, *other;

    DL_FOREACH(ac->audit, other)
        if (sv_ieq(other->token, token))
            return dec_bad(d, d->lx.p, 0, "%.*s is given twice in ContextAudit", (int)token.n,
                           token.p);
    ca = DEC_NODE(d, struct h248_ctx_audit);
    if (!ca)
        return d->node_err;
    ca->token = token;
    DL_APPEND(ac->audit, ca);
    *out = ca;
    return 0;
}

static int ctx_audit_attr(struct dec *d, void *arg)
{
    struct h248_action *ac = arg;
    struct h248_ctx_audit *ca = NULL;
    struct h248_parm p = {0};
    struct sv name;
    int err = dec_item_name(d, &name, true);

    if (!err)
        err = ctx_audit_add(d, ac, name, &ca);
    if (err || !dec_next_is(d, '='))
        return err;
    lex_take(&d->lx, '=');
    ca->value.p = d->lx.p;
    err = dec_text_value(d, &p.name, &(bool){false});
    ca->value.n = (size_t)(d->lx.p - ca->value.p); /* as written, with its quotes */
    return err;
}

static int ctx_audit_item(struct dec *d, void *arg)
{
    struct h248_action *ac = arg;
    struct h248_ctx_audit *ca = NULL;
    struct sv w;
    enum tok t;
    int err = dec_word(d, &w, "an item of ContextAudit");

    if (err)
        return err;
    t = tok_find(w);
    switch (t) {
    case TOK_TOPOLOGY:
    case TOK_EMERGENCY:
    case TOK_PRIORITY:
    case TOK_IEPS_CALL:
    case TOK_EMERGENCY_VALUE:
        err = ctx_audit_add(d, ac, tok_long(t), &ca);
        if (err || t == TOK_TOPOLOGY || t == TOK_EMERGENCY || !lex_take(&d->lx, '='))
            return err;
        err = dec_word(d, &ca->value, "a value to select by"); /* v3 */
        if (!err && tok_find(ca->value))
            ca->value = tok_long(tok_find(ca->value));
        return err;
    case TOK_CONTEXT_ATTR:
        return dec_braced(d, ctx_audit_attr, ac);
    case TOK_AND_LGC: case TOK_OR_LGC:
        if (ac->audit_logic.n)
            return dec_bad(d, w.p, 0, "the selection logic is given twice");
        ac->audit_logic = tok_long(t);
        return 0;
    default:
        break;
    }
    if (lex_is_item(w, true))
        return ctx_audit_add(d, ac, w, &ca);
    return dec_no_such(d, w, 0, "item of ContextAudit");
}

/* --- actions --- */

struct action_state {
    struct h248_action *action;
    unsigned n_cmds;
};

/* Order in the braces: properties, ContextAudit, commands, and in a reply an Error as the last. */
static int action_item(struct dec *d, void *arg)
{
    struct action_state *st = arg;
    struct h248_action *ac = st->action;
    struct sv w;
    int err = dec_word(d, &w, "a command or a context property");

    if (err)
        return err;
    if (ac->error)
        return dec_bad(d, w.p, 0, "nothing may follow Error in an action");
    if (d->is_reply && tok_find(w) == TOK_ERROR) {
        ac->error = DEC_NODE(d, struct h248_error);
        return ac->error ? dec_error(d, ac->error) : d->node_err;
    }
    if (!st->n_cmds && !ac->has_audit) {
        err = dec_ctx_prop(d, w, ac);
        if (err != -ENOENT)
            return err;
    }
    if (tok_find(w) == TOK_CONTEXT_AUDIT) {
        if (st->n_cmds || ac->has_audit)
            return dec_bad(d, w.p, 0, "ContextAudit stands once, in front of the commands");
        ac->has_audit = true;
        return dec_braced(d, ctx_audit_item, ac);
    }
    if (st->n_cmds++ == H248_CMD_MAX)
        return dec_bad(d, w.p, 510, "more than %d commands in an action", H248_CMD_MAX);
    return dec_cmd(d, w, ac);
}

int dec_action(struct dec *d, struct h248_txn *txn, unsigned n)
{
    struct action_state st = {NULL, 0};
    struct sv w;
    int err = dec_word(d, &w, "Context");

    if (err)
        return err;
    if (tok_find(w) != TOK_CONTEXT)
        return dec_bad(d, w.p, 0, "%.*s where Context should be", DEC_SHOW(w));
    if (n >= H248_ACTION_MAX)
        return dec_bad(d, w.p, 510, "more than %d actions in a transaction", H248_ACTION_MAX);
    st.action = DEC_NODE(d, struct h248_action);
    if (!st.action)
        return d->node_err;
    dec_level(d, H248_AT_TXN, 422);
    err = dec_expect(d, '=');
    if (!err)
        err = dec_word(d, &w, "a ContextID");
    if (!err)
        err = context_id(d, w, &st.action->context);
    if (err)
        return err;
    d->fault->context = st.action->context;
    dec_level(d, H248_AT_ACTION, 422);
    if (!d->is_reply || dec_next_is(d, '{')) /* v3: a reply may be the bare context */
        err = dec_braced(d, action_item, &st);
    if (err)
        return err;
    dec_level(d, H248_AT_TXN, 403);
    DL_APPEND(txn->actions, st.action);
    return 0;
}
