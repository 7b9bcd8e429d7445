/* The MGC's end: registrations of MGs, their supervision by an empty AuditValue on ROOT (TS 29.334 5.8.8, 5.12.3). */
#include <errno.h>
#include <utlist.h>

#include "common/log.h"
#include "h248/assoc_priv.h"

/* --- loss and heartbeat --- */

void mgc_peer_lost(struct assoc_peer *p)
{
    struct assoc *a = p->a;

    p->up = false;
    trans_drop_peer(a->t, &p->to);
    assoc_event(a, p, ASSOC_DOWN, SV_NONE, 0);
}

static int build_heartbeat(struct arena *a, struct h248_txn *txn, void *arg)
{
    struct h248_action *ac = h248_action_new(a, txn, H248_CTX_NULL);
    struct h248_cmd *cmd = h248_cmd_new(a, ac, H248_AUDIT_VALUE, SV("ROOT"));

    (void)arg;
    return cmd && h248_desc_new(a, &cmd->descs, H248_D_AUDIT) ? 0 : -ENOMEM;
}

/* Any reply is a sign of life but one that says that this MG is not registered here. */
static void on_heartbeat(void *arg, enum trans_result result, const struct h248_txn *reply)
{
    struct assoc_peer *p = arg;
    struct sv text;
    unsigned code = reply ? sc_error(reply, &text) : 0;

    p->probing = false;
    if (p->up && !p->a->stopping && (result == TRANS_TIMEOUT || code == 504 || code == 505))
        mgc_peer_lost(p);
}

static bool is_watched(const struct assoc_peer *p)
{
    return p->up && !p->probing && p->a->conf.heartbeat;
}

void mgc_peers_tick(struct assoc *a)
{
    struct assoc_peer *p;

    DL_FOREACH(a->peers, p) {
        if (!is_watched(p) || a->now < p->heard + a->conf.heartbeat)
            continue;
        trans_next_version(a->t, p->version);
        if (trans_request(a->t, &p->to, build_heartbeat, NULL, on_heartbeat, p, NULL, a->now) == 0)
            p->probing = true;
        else
            p->heard = a->now; /* no memory: try at the next turn */
    }
}

msec_t mgc_peers_due(const struct assoc *a)
{
    const struct assoc_peer *p;
    msec_t due = MSEC_NEVER;

    DL_FOREACH(a->peers, p) {
        if (is_watched(p) && p->heard + a->conf.heartbeat < due)
            due = p->heard + a->conf.heartbeat;
    }
    return due;
}

void mgc_in_seen(struct assoc *a, const struct h248_msg *msg)
{
    struct assoc_peer *p = assoc_peer_find(a, &msg->mid);

    if (p)
        p->heard = a->now;
}

/* --- registration --- */

static bool is_registration(const struct h248_services *s)
{
    return sv_iis(s->method, "Restart") || sv_iis(s->method, "Disconnected") || sv_iis(s->method, "Failover") ||
           sv_iis(s->method, "HandOff");
}

/* Whether we take it: 0 and the reply, or the error code. */
static unsigned judge(struct assoc *a, const struct h248_services *s, struct sc_reply *r)
{
    unsigned offered = s->has_version ? s->version : 1;

    if (a->stopping)
        return 502;
    if (offered == 0)
        return 406;
    if (s->profile.n > 0 && a->conf.profile.n > 0 && !sv_ieq(s->profile, a->conf.profile))
        return 459;
    r->version = offered < a->conf.version ? offered : a->conf.version;
    r->profile = a->conf.profile;
    r->profile_version = a->conf.profile_version;
    if (s->profile.n > 0 && s->profile_version < r->profile_version)
        r->profile_version = s->profile_version;
    return 0;
}

static void set_address(struct assoc *a, struct assoc_peer *p, const struct addr *from, const struct h248_services *s)
{
    struct addr to = *from;

    if (s->has_address_port)
        addr_set_port(&to, s->address_port);
    if (s->address && assoc_mid_addr(a, s->address, from, &to)) {
        log_warn("h248", "mg=%s msg=\"ServiceChangeAddress is not followed\"", p->name);
        to = *from;
    }
    p->to = to;
}

/* Restart 900, 916, 917, 918 say that something changed, not that the contexts are gone (TS 29.334 5.8.8). */
static bool keeps_contexts(const struct h248_services *s)
{
    unsigned reason = sc_reason(s);

    return !sv_iis(s->method, "Restart") || reason == 900 || (reason >= 916 && reason <= 918);
}

static void on_registration(struct assoc *a, struct trans_in *in, const struct h248_msg *msg, const struct h248_txn *req,
                            const struct h248_services *s)
{
    struct sc_reply r = {.req = req};
    struct assoc_peer *p = assoc_peer_find(a, &msg->mid);
    struct addr from = *trans_in_peer(in);
    bool is_known = p != NULL;
    enum assoc_event ev = keeps_contexts(s) ? ASSOC_RETURNED : is_known ? ASSOC_RESTARTED : ASSOC_UP;
    struct addr was;

    r.code = judge(a, s, &r);
    if (!r.code && !p) {
        p = assoc_peer_new(a, &msg->mid, &from);
        r.code = p ? 0 : 510;
    }
    if (r.code) {
        r.why = h248_err_text(r.code);
        log_warn("h248", "mg=%.*s code=%u version=%u profile=%.*s/%u msg=\"registration refused: %s\"",
                 SV_ARG(msg->mid.name), r.code, s->version, SV_ARG(s->profile), s->profile_version, r.why);
        trans_answer(in, sc_build_reply, &r, a->now);
        return;
    }
    was = p->to;
    p->version = r.version;
    p->up = false;
    p->probing = false;
    set_address(a, p, &from, s);
    if (is_known && !keeps_contexts(s)) { /* it forgot our requests, and we forget what it asked before; but not this */
        trans_forget_peer(a->t, &p->mid);
        trans_drop_peer(a->t, &was);
    }
    trans_answer(in, sc_build_reply, &r, a->now);
    p->up = true;
    p->heard = a->now;
    assoc_event(a, p, ev, SV_NONE, sc_reason(s));
}

/* --- other ServiceChanges --- */

static void on_leaving(struct assoc *a, struct trans_in *in, const struct h248_txn *req, struct assoc_peer *p,
                       const struct h248_services *s)
{
    struct sc_reply r = {.req = req};
    unsigned reason = sc_reason(s);

    trans_answer(in, sc_build_reply, &r, a->now);
    if (sv_iis(s->method, "Forced")) {
        p->up = false;
        trans_drop_peer(a->t, &p->to);
    }
    assoc_event(a, p, ASSOC_BYE, SV_NONE, reason);
}

static void on_terms(struct assoc *a, struct trans_in *in, const struct h248_txn *req, struct assoc_peer *p)
{
    struct sc_reply r = {.req = req};
    const struct h248_action *ac;
    const struct h248_cmd *cmd;

    trans_answer(in, sc_build_reply, &r, a->now);
    DL_FOREACH(req->actions, ac) {
        DL_FOREACH(ac->cmds, cmd) {
            const struct h248_desc *d = h248_desc_find(cmd->descs, H248_D_SERVICES);

            if (d && cmd->terms && (sv_iis(d->u.services.method, "Forced") || sv_iis(d->u.services.method, "Graceful")))
                assoc_event(a, p, ASSOC_TERMS_OUT, cmd->terms->text, sc_reason(&d->u.services));
        }
    }
}

void mgc_in_request(struct assoc *a, struct trans_in *in, const struct h248_msg *msg, const struct h248_txn *req)
{
    struct assoc_peer *p = assoc_peer_find(a, &msg->mid);
    const struct h248_services *s = sc_is(req) ? sc_root(req) : NULL;
    struct sc_reply r = {.req = req, .code = 449, .why = "ServiceChangeMethod"};

    trans_in_version(in, msg->version);
    if (s && is_registration(s)) {
        on_registration(a, in, msg, req, s);
    } else if (!p || !p->up) {
        assoc_refuse(a, in, 505);
    } else if (s && (sv_iis(s->method, "Forced") || sv_iis(s->method, "Graceful"))) {
        on_leaving(a, in, req, p, s);
    } else if (s) {
        trans_answer(in, sc_build_reply, &r, a->now);
    } else if (sc_is(req)) {
        on_terms(a, in, req, p);
    } else {
        trans_in_version(in, p->version);
        a->h.request(a->h.arg, p, in, msg, req);
    }
}
