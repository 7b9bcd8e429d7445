/* Contexts that a returning gateway still holds and nobody here knows: this process was started anew, or gave them up
 * while the gateway could not be reached. AuditValue of ROOT in all contexts lists them (H.248.1 7.2.5, v2: one action
 * each); they are subtracted. When they are more than a message can list (error 533) and none of them is ours, all are
 * subtracted at once; calls wait for that, or a repeat of it would take their contexts too. */
#include <errno.h>

#include "alg/iq/gw.h"
#include "common/log.h"

static int build_list(struct arena *a, struct h248_txn *txn, void *arg)
{
    struct h248_cmd *cmd =
        h248_cmd_new(a, h248_action_new(a, txn, H248_CTX_ALL), H248_AUDIT_VALUE, SV("ROOT"));

    (void)arg;
    return cmd && h248_desc_new(a, &cmd->descs, H248_D_AUDIT) ? 0 : -ENOMEM;
}

/* An ADD under way may have made a context whose id we are about to learn: then nothing is certain. */
static bool all_known(const struct gw *gw)
{
    const struct iq_ctx *c;

    DL_FOREACH(gw->mgc->ctxs, c)
    {
        if (c->gw == gw && c->id == H248_CTX_CHOOSE)
            return false;
    }
    return true;
}

static void on_all(void *arg, enum trans_result result, const struct h248_txn *reply)
{
    struct gw *gw = arg;

    (void)reply;
    gw->clearing = false;
    log_warn("iq", "gw=%s msg=\"more contexts than it can list, none of them known here: %s\"", assoc_peer_name(gw->peer),
             result == TRANS_REPLY ? "all subtracted" : "not subtracted");
}

static void on_list(void *arg, enum trans_result result, const struct h248_txn *reply)
{
    struct gw *gw = arg;
    const struct h248_action *ac;
    unsigned n = 0;

    if (result == TRANS_REPLY && reply->error && reply->error->code == 533 && !gw->n_ctx)
        gw->clearing = !gw_subtract_all(gw, H248_CTX_ALL, on_all, gw);
    if (result != TRANS_REPLY || !all_known(gw))
        return;
    DL_FOREACH(reply->actions, ac)
    {
        if (ac->error || ac->context == H248_CTX_NULL || ac->context >= H248_CTX_CHOOSE ||
            gw_ctx(gw, ac->context))
            continue;
        if (!gw_subtract_unknown(gw, ac->context))
            n++;
    }
    if (n)
        log_warn("iq", "gw=%s contexts=%u msg=\"contexts that nobody here knows: subtracted\"",
                 assoc_peer_name(gw->peer), n);
}

void gw_subtract_orphans(struct gw *gw)
{
    if (link_request(gw->mgc->link, gw->peer, build_list, NULL, on_list, gw))
        log_warn("iq", "gw=%s msg=\"its contexts were not asked\"", assoc_peer_name(gw->peer));
}
