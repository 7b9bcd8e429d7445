/* Commands of the controller. */
#include "agw/ctl/able.h"
#include "agw/ctl/cmd.h"

#include <errno.h>
#include <stdio.h>

#include "agw/ctl/audit.h"
#include "agw/ctl/event.h"
#include "agw/ctl/stats.h"
#include "agw/ctl/term.h"
#include "common/log.h"

/* --- replies --- */

static struct h248_action *action_out(struct cmd_call *call, uint32_t context)
{
    struct h248_action *last = call->reply->actions ? call->reply->actions->prev : NULL;

    /* `*` answers with one action reply for each context */
    if (call->context == H248_CTX_ALL && !(last && last == call->out && last->context == context)) {
        call->out = h248_action_new(call->a, call->reply, context);
        return call->out;
    }
    if (!call->out)
        call->out = h248_action_new(call->a, call->reply, context);
    return call->out;
}

struct h248_cmd *cmd_reply(struct cmd_call *call, uint32_t context, struct sv termid)
{
    struct h248_action *out = action_out(call, context);
    struct sv id = arena_sv(call->a, termid);

    return out && id.p ? h248_cmd_new(call->a, out, call->cmd->verb, id) : NULL;
}

static struct sv termid_of(const struct h248_cmd *cmd)
{
    return cmd->terms ? cmd->terms->text : SV_NONE;
}

static bool is_root(const struct h248_cmd *cmd)
{
    return sv_iis(termid_of(cmd), "ROOT");
}

/* --- which terminations --- */

typedef int each_h(struct cmd_call *call, struct term *t);

static bool in_scope(const struct cmd_call *call, const struct term *t)
{
    return call->context == H248_CTX_ALL || t->ctx == call->ctx;
}

static int run_one(struct cmd_call *call, each_h *each)
{
    struct sv id = termid_of(call->cmd);
    struct term *t;

    if (memchr(id.p ? id.p : "", '$', id.n))
        return iq_refuse(&call->fault, 410, "%.*s", SV_ARG(id));
    t = term_find(call->ctl, id);
    if (!t)
        return iq_refuse(&call->fault, 430, "%.*s", SV_ARG(id));
    if (!in_scope(call, t))
        return iq_refuse(&call->fault, 435, "%.*s is in context %u", SV_ARG(id), t->ctx->id);
    return each(call, t);
}

/* Every match: those of one context, or context by context. */
static int run_wild(struct cmd_call *call, each_h *each)
{
    struct sv id = termid_of(call->cmd);
    struct ctx *x, *xnext;
    struct term *t, *tnext;
    unsigned matched = 0;
    int err = 0;

    for (x = call->ctx ? call->ctx : call->ctl->ctxs; x && !err; x = xnext) {
        xnext = call->ctx ? NULL : x->hh.next;
        DL_FOREACH_SAFE(x->terms, t, tnext)
        {
            if (err || !term_match(id, t->id))
                continue;
            matched++;
            err = each(call, t);
        }
    }
    if (!err && !matched)
        err = iq_refuse(&call->fault, 431, "%.*s", SV_ARG(id));
    return err;
}

static int run_each(struct cmd_call *call, each_h *each)
{
    return term_is_wild(termid_of(call->cmd)) ? run_wild(call, each) : run_one(call, each);
}

/* --- verbs --- */

/* What the command asks of a termination, into the control's scratch. */
static int asked_read(struct cmd_call *call)
{
    int err = able_check(call->cmd, &call->fault);

    return err ? err : iq_get(call->a, call->cmd, call->ctl->asked, &call->fault);
}

static int run_add(struct cmd_call *call)
{
    bool is_new = !call->ctx && call->context == H248_CTX_CHOOSE;
    struct iq_term *asked = call->ctl->asked, *answer = call->ctl->answer;
    struct term *t = NULL;
    struct h248_cmd *out;
    int err;

    if (!call->ctx && !is_new)
        return iq_refuse(&call->fault, 421, "Add in no context");
    if (is_root(call->cmd))
        return iq_refuse(&call->fault, 410, "Add of ROOT");
    err = asked_read(call);
    if (!err && is_new) {
        err = ctx_new(call->ctl, &call->ctx);
        if (err == -EMFILE)
            err = iq_refuse(&call->fault, 412, "%u contexts", call->ctl->conf.max_contexts);
    }
    if (!err)
        err = term_add(call->ctx, call->a, asked, answer, &t, call->now, &call->fault);
    if (!err) {
        if (call->out)
            call->out->context =
                call->ctx->id; /* an optional command may have failed in `$` before */
        out = cmd_reply(call, call->ctx->id, answer->id);
        err = out ? iq_put(call->a, answer, out) : -ENOMEM;
        if (err) /* a reply that cannot be written must not leave a termination that nobody knows */
            term_free(t);
    }
    if (err && is_new && call->ctx) {
        ctx_free(call->ctx);
        call->ctx = NULL;
    }
    return err;
}

static int modify_one(struct cmd_call *call, struct term *t)
{
    struct h248_cmd *out;
    int err = asked_read(call);

    if (!err)
        err = term_modify(t, call->a, call->ctl->asked, call->ctl->answer, call->now, &call->fault);
    if (err)
        return err;
    out = cmd_reply(call, t->ctx->id, sv_from(t->id));
    return out ? iq_put(call->a, call->ctl->answer, out) : -ENOMEM;
}

/* TS 23.334 8.19, 8.20: the controller arms it/ito on ROOT. Root properties are provisioned. */
static int modify_root(struct cmd_call *call)
{
    const struct iq_term *asked = call->ctl->asked;
    const struct h248_desc *media = h248_desc_find(call->cmd->descs, H248_D_MEDIA);
    int err;

    if (call->context != H248_CTX_NULL)
        return iq_refuse(&call->fault, 435, "ROOT is in the null context");
    err = asked_read(call);
    if (err)
        return err;
    if (asked->n_streams || asked->heartbeat.set || asked->inactivity.set || asked->notify_cause ||
        asked->has_signals)
        return iq_refuse(&call->fault, 542, "ROOT has no streams, signals and termination events");
    if (media && media->u.media.has_state && media->u.media.state.props)
        return iq_refuse(&call->fault, 534, "%.*s is provisioned",
                         SV_ARG(media->u.media.state.props->name));
    if (asked->has_events)
        event_arm_root(call->ctl, asked, call->now);
    return cmd_reply(call, H248_CTX_NULL, SV("ROOT")) ? 0 : -ENOMEM;
}

static int run_modify(struct cmd_call *call)
{
    return is_root(call->cmd) ? modify_root(call) : run_each(call, modify_one);
}

/* H.248.1 7.2.3: without an Audit the statistics are told, with an empty one they are not (TS 29.334 5.8.3 note). */
static bool wants_stats(const struct cmd_call *call)
{
    const struct h248_desc *audit = h248_desc_find(call->cmd->descs, H248_D_AUDIT);
    const struct h248_audit_item *item;

    if (call->cmd->wildcard_return)
        return false;
    DL_FOREACH(audit ? audit->u.audit : NULL, item)
    {
        if (sv_iis(item->token, "Statistics"))
            return true;
    }
    return !audit;
}

static int subtract_one(struct cmd_call *call, struct term *t)
{
    struct iq_term *answer = call->ctl->answer;
    uint32_t context = t->ctx->id;
    struct h248_cmd *out;
    int err = 0;

    if (!call->cmd->wildcard_return) {
        out = cmd_reply(call, context, sv_from(t->id));
        memset(answer, 0, sizeof *answer);
        if (out && wants_stats(call) && stats_fill(t, call->ctl->version >= 3, call->now, answer))
            err = iq_put(call->a, answer, out);
        if (!out || err)
            return -ENOMEM;
    }
    log_info("ctl", "ctx=%u term=%s msg=\"subtracted\"", context, t->id);
    term_free(t);
    return 0;
}

static int run_subtract(struct cmd_call *call)
{
    int err;

    if (is_root(call->cmd))
        return iq_refuse(&call->fault, 410, "Subtract of ROOT");
    err = run_each(call, subtract_one);
    if (!err && call->cmd->wildcard_return) /* TS 29.334 5.10.6: one answer for all */
        err = cmd_reply(call, call->context, termid_of(call->cmd)) ? 0 : -ENOMEM;
    return err;
}

static int audit_each(struct cmd_call *call, struct term *t)
{
    return audit_term(call, t);
}

static int run_audit(struct cmd_call *call)
{
    return is_root(call->cmd) ? audit_root(call) : run_each(call, audit_each);
}

static int run_service_change(struct cmd_call *call)
{
    struct sv id = termid_of(call->cmd);

    /* ROOT is the association's; terminations go out of service by the gateway's word only
     * (TS 23.334 6.1.15) */
    return iq_refuse(&call->fault, 501, "ServiceChange of %.*s", SV_ARG(id));
}

static const struct verb {
    int (*run)(struct cmd_call *call);
    bool in_null, in_all, in_choose; /* which contexts beside an id */
} verbs[] = {
    [H248_ADD] = {run_add, false, false, true},
    [H248_MODIFY] = {run_modify, true, true, false},
    [H248_SUBTRACT] = {run_subtract, false, true, false},
    [H248_AUDIT_VALUE] = {run_audit, true, true, false},
    [H248_SERVICE_CHANGE] = {run_service_change, true, true, false},
};

static int check_context(struct cmd_call *call, const struct verb *v)
{
    const char *name = h248_verb_name(call->cmd->verb);

    if (call->context == H248_CTX_NULL && !v->in_null)
        return iq_refuse(&call->fault, 421, "%s in the null context", name);
    if (call->context == H248_CTX_ALL && !v->in_all)
        return iq_refuse(&call->fault, 421, "%s in all contexts", name);
    if (call->context == H248_CTX_CHOOSE && !v->in_choose && !call->ctx)
        return iq_refuse(&call->fault, 421, "%s in a context to be chosen", name);
    if (call->context == H248_CTX_NULL &&
        !is_root(call->cmd)) /* TS 29.334 5.4: nothing lives there */
        return term_is_wild(termid_of(call->cmd))
                   ? iq_refuse(&call->fault, 431, "no termination in the null context")
                   : iq_refuse(&call->fault, 430, "no termination in the null context");
    return 0;
}

static int run(struct cmd_call *call)
{
    const struct verb *v =
        (size_t)call->cmd->verb < ARRAY_LEN(verbs) ? &verbs[call->cmd->verb] : NULL;
    char why[160] = "";
    unsigned code = iq_prof_check(call->cmd, false, why);
    int err;

    if (code)
        return iq_refuse(&call->fault, code, "%s", why);
    if (!v || !v->run)
        return iq_refuse(&call->fault, 443, "%s", h248_verb_name(call->cmd->verb));
    if (!call->cmd->terms || call->cmd->terms->next)
        return iq_refuse(&call->fault, 410, "one TerminationID wanted");
    if (call->cmd->wildcard_return && call->cmd->verb != H248_SUBTRACT)
        return iq_refuse(&call->fault, 501, "W- with %s", h248_verb_name(call->cmd->verb));
    err = check_context(call, v);
    return err ? err : v->run(call);
}

#define CONTEXT_TEXT 12

/* A context as the grammar writes it. */
static const char *context_text(uint32_t id, char out[CONTEXT_TEXT])
{
    switch (id) {
    case H248_CTX_NULL:
        return "-";
    case H248_CTX_CHOOSE:
        return "$";
    case H248_CTX_ALL:
        return "*";
    default:
        snprintf(out, CONTEXT_TEXT, "%u", id);
        return out;
    }
}

/* The error of a command stands in its reply, under the TerminationID as it was asked. */
static int refuse(struct cmd_call *call)
{
    uint32_t context = call->ctx ? call->ctx->id : call->context;
    struct h248_cmd *out = cmd_reply(call, context, termid_of(call->cmd));
    char text[CONTEXT_TEXT];

    count_add(&call->ctl->counts[CTL_C_REFUSED], 1);
    log_warn("ctl", "ctx=%s cmd=%s term=%.*s error=%u why=\"%s\"", context_text(context, text),
             h248_verb_name(call->cmd->verb), SV_ARG(termid_of(call->cmd)), call->fault.code,
             call->fault.text);
    return out ? h248_cmd_error(call->a, out, call->fault.code, call->fault.text) : -ENOMEM;
}

/* --- actions --- */

static int action_error(struct cmd_call *call, unsigned code, const char *text)
{
    struct h248_action *out =
        call->out ? call->out : h248_action_new(call->a, call->reply, call->context);
    char num[CONTEXT_TEXT];

    if (!out)
        return -ENOMEM;
    out->error = h248_error_new(call->a, code, text);
    count_add(&call->ctl->counts[CTL_C_REFUSED], 1);
    log_warn("ctl", "ctx=%s error=%u why=\"%s\"", context_text(call->context, num), code,
             h248_err_text(code));
    return out->error ? 0 : -ENOMEM;
}

/* Priority and Emergency of the context (TS 29.334 5.8.9), and its audit. */
static int context_props(struct cmd_call *call, const struct h248_action *ac)
{
    const struct h248_ctx_audit *item;

    if (!call->ctx)
        return 0;
    if (ac->has_priority)
        call->ctx->priority = ac->priority;
    if (ac->emergency != H248_UNSET)
        call->ctx->emergency = ac->emergency == H248_ON;
    if (!ac->has_audit)
        return 0;
    if (!call->out)
        call->out = h248_action_new(call->a, call->reply, call->ctx->id);
    if (!call->out)
        return -ENOMEM;
    DL_FOREACH(ac->audit, item)
    {
        if (sv_iis(item->token, "Priority")) {
            call->out->has_priority = true;
            call->out->priority = call->ctx->priority;
        } else if (sv_iis(item->token, "Emergency") && call->ctx->emergency) {
            call->out->emergency = H248_ON;
        }
    }
    return 0;
}

/* `stop`: a command failed and was not optional. */
static int run_action(struct cmd_call *call, const struct h248_action *ac, bool *stop)
{
    const struct h248_cmd *cmd;
    int err = 0;

    *stop = true;
    if (ac->topology || ac->attrs || ac->contexts || ac->ieps != H248_UNSET)
        return action_error(call, 444, "context property not in this profile");
    if (call->context != H248_CTX_NULL && call->context != H248_CTX_ALL &&
        call->context != H248_CTX_CHOOSE) {
        call->ctx = ctx_find(call->ctl, call->context);
        if (!call->ctx)
            return action_error(call, 411, NULL);
    }
    *stop = false;
    err = context_props(call, ac);
    DL_FOREACH(ac->cmds, cmd)
    {
        bool had_ctx = call->ctx != NULL;

        if (err || *stop)
            break;
        call->cmd = cmd;
        count_add(&call->ctl->counts[CTL_C_COMMANDS], 1);
        err = run(call);
        if (err == -EBADMSG) {
            err = refuse(call);
            *stop = !cmd->optional;
        } else if (!err && !had_ctx) {
            err = context_props(call, ac); /* the context came with this command */
        }
    }
    return err;
}

/* What a Subtract in all contexts left empty. */
static void sweep(struct ctl *c)
{
    struct ctx *x, *next;

    HASH_ITER(hh, c->ctxs, x, next)
    {
        if (!x->n_terms)
            ctx_free(x);
    }
}

int cmd_run(struct ctl *c, struct arena *a, const struct h248_txn *req, struct h248_txn *reply,
            msec_t now)
{
    const struct h248_action *ac;
    int err = 0;

    DL_FOREACH(req->actions, ac)
    {
        struct cmd_call call = {
            .ctl = c, .a = a, .context = ac->context, .reply = reply, .now = now};
        bool stop;

        err = run_action(&call, ac, &stop);
        /* the last termination takes its context along (H.248.1 6.1) */
        if (call.ctx && !call.ctx->n_terms)
            ctx_free(call.ctx);
        else if (call.ctx) /* who lost a partner may have another one (TS 23.334 6.2.14, access transfer) */
            ctx_connect(call.ctx);
        if (call.context == H248_CTX_ALL)
            sweep(c);
        if (err || stop)
            break;
    }
    return err;
}
