/* Requests from a gateway: NOTIFY to the context's owner; ServiceChange on terminations (TS 23.334 6.1.15). */
#include <errno.h>

#include "alg/iq/gw.h"
#include "common/log.h"

#define NOTIFY_EVENTS_MAX 16 /* events of one ObservedEvents descriptor that are looked at */

struct answer {
    const struct h248_txn *req;
    struct gw *gw;
};

/* `act` false: only what the answer has to say. */
static void notify_cmd(struct gw *gw, uint32_t context, const struct h248_cmd *cmd, bool act,
                       struct iq_fault *fault)
{
    struct arena *a = arena_new(H248_ARENA_MAX);
    struct iq_observed evs[NOTIFY_EVENTS_MAX];
    struct iq_ctx *c = gw_ctx(gw, context);
    struct sv termid = cmd->terms->text;
    uint32_t reqid;
    int n;

    n = a ? iq_get_observed(a, cmd, &reqid, evs, NOTIFY_EVENTS_MAX, fault) : -ENOMEM;
    if (n < 0 && n != -EBADMSG) {
        fault->code = 500;
        snprintf(fault->text, sizeof fault->text, "no memory");
    }
    if (!act) {
        arena_free(a);
        return;
    }
    count_add(&gw->mgc->counts[MGC_C_NOTIFY], 1);
    if (n >= 0 && context != H248_CTX_NULL && !c) {
        count_add(&gw->mgc->counts[MGC_C_NOTIFY_UNKNOWN], 1);
        log_warn("iq", "gw=%s ctx=%u term=%.*s msg=\"hanging termination: subtracted\"",
                 assoc_peer_name(gw->peer), context, SV_ARG(termid));
        gw_subtract_unknown(gw, context);
    }
    for (int i = 0; i < n; i++) {
        log_info("iq", "gw=%s ctx=%u term=%.*s event=%d stream=%u", assoc_peer_name(gw->peer),
                 context, SV_ARG(termid), (int)evs[i].event, evs[i].stream);
        c = gw_ctx(gw, context); /* the handler of the event before may have released it */
        if (c && !c->released && c->h.notify && evs[i].event != IQ_EV_HEARTBEAT)
            c->h.notify(c->h.arg, termid, &evs[i]);
    }
    arena_free(a);
}

static void services_cmd(struct gw *gw, uint32_t context)
{
    struct iq_ctx *c, *tmp;

    DL_FOREACH_SAFE(gw->mgc->ctxs, c, tmp)
    {
        if (c->gw == gw && (context == H248_CTX_ALL || c->id == context))
            gw_ctx_lost(c);
    }
}

/* One command of a gateway: checked for the answer first, acted upon after it. */
static void run(struct gw *gw, uint32_t context, const struct h248_cmd *cmd, bool act, struct iq_fault *fault)
{
    if (cmd->verb == H248_NOTIFY)
        notify_cmd(gw, context, cmd, act, fault);
    else if (cmd->verb != H248_SERVICE_CHANGE)
        *fault = (struct iq_fault){443, "an MGC takes Notify and ServiceChange only"};
    else if (act)
        services_cmd(gw, context);
}

static int build_answer(struct arena *a, struct h248_txn *txn, void *arg)
{
    const struct answer *an = arg;
    const struct h248_action *ac;
    const struct h248_cmd *cmd;

    DL_FOREACH(an->req->actions, ac)
    {
        struct h248_action *out = h248_action_new(a, txn, ac->context);

        DL_FOREACH(ac->cmds, cmd)
        {
            struct iq_fault fault = {0};
            struct h248_cmd *reply = h248_cmd_new(a, out, cmd->verb, cmd->terms->text);

            if (!reply)
                return -ENOMEM;
            run(an->gw, ac->context, cmd, false, &fault);
            if (!fault.code)
                continue;
            h248_cmd_error(a, reply, fault.code, fault.text);
            if (!cmd->optional)
                return 0; /* H.248.1 8.2.1: the first failure ends the transaction */
        }
    }
    return 0;
}

/* The answer goes first: what follows from an event may be a Subtract of its termination. */
void notify_request(struct gw *gw, struct trans_in *in, const struct h248_txn *req)
{
    struct answer an = {req, gw};
    const struct h248_action *ac;
    const struct h248_cmd *cmd;

    if (link_answer(gw->mgc->link, in, build_answer, &an))
        log_error("iq", "gw=%s msg=\"a reply could not be built\"", assoc_peer_name(gw->peer));
    DL_FOREACH(req->actions, ac)
    {
        DL_FOREACH(ac->cmds, cmd)
        {
            struct iq_fault fault = {0};

            run(gw, ac->context, cmd, true, &fault);
            if (fault.code && !cmd->optional)
                return;
        }
    }
}
