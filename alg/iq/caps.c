/* What a gateway can do: AuditValue of Packages on ROOT (H.248.1 7.2.5). No answer, or an error, means the mandatory
 * packages of the profile only. */
#include <errno.h>
#include <strings.h>

#include "alg/iq/gw.h"
#include "common/log.h"

static int build_audit(struct arena *a, struct h248_txn *txn, void *arg)
{
    struct h248_cmd *cmd =
        h248_cmd_new(a, h248_action_new(a, txn, H248_CTX_NULL), H248_AUDIT_VALUE, SV("ROOT"));
    struct h248_desc *d = cmd ? h248_desc_new(a, &cmd->descs, H248_D_AUDIT) : NULL;
    struct h248_audit_item *item = d ? ARENA_NEW(a, struct h248_audit_item) : NULL;

    (void)arg;
    if (!item)
        return -ENOMEM;
    item->token = SV("Packages");
    DL_APPEND(d->u.audit, item);
    return 0;
}

static void on_packages(void *arg, enum trans_result result, const struct h248_txn *reply)
{
    struct gw *gw = arg;
    const struct h248_cmd *cmd;
    const struct h248_desc *d;
    const struct h248_package *p;

    if (result != TRANS_REPLY || !reply->actions || !reply->actions->cmds)
        return;
    cmd = reply->actions->cmds;
    d = h248_desc_find(cmd->descs, H248_D_PACKAGES);
    gw->n_packages = 0;
    if (!d)
        return;
    DL_FOREACH(d->u.packages, p)
    {
        if (gw->n_packages == GW_PACKAGES_MAX)
            break;
        if (p->name.n < GW_NAME)
            sv_copy(p->name, gw->packages[gw->n_packages++], GW_NAME);
    }
    log_info("iq", "gw=%s packages=%u", assoc_peer_name(gw->peer), gw->n_packages);
}

void gw_ask_packages(struct gw *gw)
{
    gw->n_packages = 0;
    if (link_request(gw->mgc->link, gw->peer, build_audit, NULL, on_packages, gw))
        log_warn("iq", "gw=%s msg=\"packages not asked\"", assoc_peer_name(gw->peer));
}

bool gw_has(const struct gw *gw, const char *package)
{
    for (unsigned i = 0; i < gw->n_packages; i++) {
        if (!strcasecmp(gw->packages[i], package))
            return true;
    }
    return false;
}
