/* What a ServiceChange says, both ways (H.248.1 7.2.8, 11.5; profile: TS 29.334 5.8.8). */
#include <errno.h>
#include <utlist.h>

#include "h248/assoc_priv.h"

static const struct {
    unsigned code;
    const char *text; /* IANA */
} reasons[] = {
    {900, "900 Service Restored"}, {901, "901 Cold Boot"}, {902, "902 Warm Boot"}, {903, "903 MGC Directed Change"},
    {905, "905 Termination taken out of service"}, {909, "909 MGC Impending Failure"},
};

static struct sv reason_text(unsigned code)
{
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++) {
        if (reasons[i].code == code)
            return sv_from(reasons[i].text);
    }
    return SV_NONE;
}

static struct h248_services *services_new(struct arena *a, struct h248_txn *txn, uint32_t context, struct sv term)
{
    struct h248_action *ac = h248_action_new(a, txn, context);
    struct h248_cmd *cmd = h248_cmd_new(a, ac, H248_SERVICE_CHANGE, term);
    struct h248_desc *d = cmd ? h248_desc_new(a, &cmd->descs, H248_D_SERVICES) : NULL;

    return d ? &d->u.services : NULL;
}

int sc_build(struct arena *a, struct h248_txn *txn, void *sc_ask)
{
    const struct sc_ask *ask = sc_ask;
    struct h248_services *s = services_new(a, txn, H248_CTX_NULL, SV("ROOT"));

    if (!s)
        return -ENOMEM;
    s->method = sv_from(ask->method);
    s->reason = reason_text(ask->reason);
    if (ask->register_as) {
        s->profile = ask->register_as->profile;
        s->profile_version = ask->register_as->profile_version;
        s->has_version = true;
        s->version = ask->register_as->version;
    }
    return 0;
}

bool sc_is(const struct h248_txn *req)
{
    const struct h248_action *ac;
    const struct h248_cmd *cmd;
    bool any = false;

    DL_FOREACH(req->actions, ac) {
        DL_FOREACH(ac->cmds, cmd) {
            if (cmd->verb != H248_SERVICE_CHANGE)
                return false;
            any = true;
        }
    }
    return any;
}

static bool is_root(const struct h248_action *ac, const struct h248_cmd *cmd)
{
    return ac->context == H248_CTX_NULL && cmd->verb == H248_SERVICE_CHANGE && cmd->terms &&
           sv_iis(cmd->terms->text, "ROOT");
}

const struct h248_services *sc_root(const struct h248_txn *txn)
{
    const struct h248_action *ac;
    const struct h248_cmd *cmd;

    DL_FOREACH(txn->actions, ac) {
        DL_FOREACH(ac->cmds, cmd) {
            const struct h248_desc *d = is_root(ac, cmd) ? h248_desc_find(cmd->descs, H248_D_SERVICES) : NULL;

            if (d)
                return &d->u.services;
        }
    }
    return NULL;
}

unsigned sc_reason(const struct h248_services *s)
{
    struct sv rest = s->reason;
    uint32_t code;

    return sv_u32(sv_word(&rest), 999, &code) ? 0 : code;
}

unsigned sc_error(const struct h248_txn *reply, struct sv *text)
{
    const struct h248_error *e = reply->error;
    const struct h248_action *ac;
    const struct h248_cmd *cmd;

    DL_FOREACH(reply->actions, ac) {
        if (!e)
            e = ac->error;
        DL_FOREACH(ac->cmds, cmd) {
            const struct h248_desc *d = h248_desc_find(cmd->descs, H248_D_ERROR);

            if (!e && d)
                e = &d->u.error;
        }
    }
    *text = e ? e->text : SV_NONE;
    return e ? e->code : 0;
}

static int root_reply(struct arena *a, struct h248_cmd *cmd, const struct sc_reply *r)
{
    struct h248_desc *d;

    if (r->code)
        return h248_cmd_error(a, cmd, r->code, r->why);
    if (r->profile.n == 0 && r->version == 0)
        return 0;
    d = h248_desc_new(a, &cmd->descs, H248_D_SERVICES);
    if (!d)
        return -ENOMEM;
    d->u.services.profile = r->profile;
    d->u.services.profile_version = r->profile_version;
    d->u.services.has_version = r->version != 0;
    d->u.services.version = r->version;
    return 0;
}

/* Replies to ServiceChange on other terminations than ROOT are empty. */
int sc_build_reply(struct arena *a, struct h248_txn *txn, void *sc_reply)
{
    const struct sc_reply *r = sc_reply;
    const struct h248_action *ac;
    const struct h248_cmd *cmd;

    DL_FOREACH(r->req->actions, ac) {
        struct h248_action *out = h248_action_new(a, txn, ac->context);

        DL_FOREACH(ac->cmds, cmd) {
            struct sv id = cmd->terms ? arena_sv(a, cmd->terms->text) : SV("ROOT");
            struct h248_cmd *c = h248_cmd_new(a, out, H248_SERVICE_CHANGE, id);
            int err;

            if (!c || !id.p)
                return -ENOMEM;
            err = is_root(ac, cmd) ? root_reply(a, c, r) : 0;
            if (err)
                return err;
        }
    }
    return 0;
}
