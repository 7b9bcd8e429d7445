/* The MG's end: finding an MGC, registering, noticing its loss, coming back (H.248.1 11.2-11.6; TS 29.334 5.8.8). */
#include <errno.h>
#include <utlist.h>

#include "common/log.h"
#include "common/rnd.h"
#include "h248/assoc_priv.h"

static void mg_register(struct assoc *a);

/* --- choosing whom to try --- */

/* Contact with this MGC failed: the next of the list, or a pause when the list is through. */
static void try_next(struct assoc *a)
{
    struct mg *mg = &a->mg;

    mg->nth = mg->is_detour ? 0 : mg->nth + 1;
    mg->is_detour = false;
    if (mg->nth < a->conf.n_mgc) {
        mg->target = a->conf.mgc[mg->nth];
        mg_register(a);
        return;
    }
    mg->nth = 0;
    mg->hops = 0;
    mg->target = a->conf.mgc[0];
    mg->state = MG_WAITING;
    mg->due = a->now + mg->pause - mg->pause / 4 + rnd_u32() % (mg->pause / 2 + 1);
    mg->pause = mg->pause * 2 < a->conf.retry_max ? mg->pause * 2 : a->conf.retry_max;
}

static void try_detour(struct assoc *a, const struct addr *to)
{
    a->mg.is_detour = true;
    a->mg.target = *to;
    mg_register(a);
}

/* A new start with the list, from the MGC that we had. */
static void try_again(struct assoc *a, const char *method, unsigned reason)
{
    struct mg *mg = &a->mg;

    mg->method = method;
    mg->reason = reason;
    mg->hops = 0;
    mg->nth = 0;
    mg->is_detour = false;
    mg->target = mg->was_up ? mg->last : a->conf.mgc[0];
    for (unsigned i = 0; i < a->conf.n_mgc; i++) {
        if (addr_eq(&mg->target, &a->conf.mgc[i]))
            mg->nth = i;
    }
    mg_register(a);
}

void mg_start(struct assoc *a)
{
    a->mg.pause = a->conf.retry_first;
    try_again(a, "Restart", 901);
}

/* --- registration --- */

static bool follow(struct assoc *a, const struct h248_mid *mid)
{
    struct addr to;

    if (a->mg.hops >= ASSOC_HOPS_MAX || assoc_mid_addr(a, mid, &a->mg.target, &to)) {
        log_warn("h248", "mgc=%.*s msg=\"MgcIdToTry is not followed\"", SV_ARG(mid->name));
        return false;
    }
    a->mg.hops++;
    try_detour(a, &to);
    return true;
}

/* The reply accepts us: is it one that we can live with? */
static const char *misfit(const struct assoc *a, const struct h248_services *s)
{
    if (s && s->has_version && (s->version == 0 || s->version > a->conf.version))
        return "version";
    if (s && s->profile.n > 0 && (!sv_ieq(s->profile, a->conf.profile) || s->profile_version > a->conf.profile_version))
        return "profile";
    return NULL;
}

static void registered(struct assoc *a, const struct h248_services *s)
{
    struct mg *mg = &a->mg;
    struct assoc_peer *p = mg->peer;
    bool is_return = mg->was_up && !(mg->method && strcmp(mg->method, "Restart") == 0);

    p->to = mg->target;
    if (s && s->has_address_port)
        addr_set_port(&p->to, s->address_port);
    if (s && s->address && assoc_mid_addr(a, s->address, &mg->target, &p->to))
        log_warn("h248", "mgc=%s msg=\"ServiceChangeAddress is not followed\"", p->name);
    p->version = s && s->has_version ? s->version : a->conf.version;
    trans_set_version(a->t, p->version);
    p->up = true;
    p->heard = a->now;
    mg->last = mg->target;
    mg->was_up = true;
    mg->state = MG_UP;
    mg->pause = a->conf.retry_first;
    mg->hops = 0;
    mg->method = NULL;
    assoc_event(a, p, is_return ? ASSOC_RETURNED : ASSOC_UP, SV_NONE, 0);
}

static void on_registration(void *arg, enum trans_result result, const struct h248_txn *reply)
{
    struct assoc *a = arg;
    const struct h248_services *s = reply ? sc_root(reply) : NULL;
    char host[ADDR_STRLEN];
    const char *bad;
    unsigned code;
    struct sv text;

    if (a->mg.state != MG_REGISTERING || result == TRANS_CLOSED)
        return;
    addr_str(&a->mg.target, host);
    if (result != TRANS_REPLY) {
        log_warn("h248", "mgc=%s msg=\"no answer to the registration\"", host);
        try_next(a);
        return;
    }
    code = sc_error(reply, &text);
    bad = code ? NULL : misfit(a, s);
    if (code || bad)
        log_warn("h248", "mgc=%s code=%u msg=\"registration refused: %.*s\"", host, code, SV_ARG(bad ? sv_from(bad) : text));
    if (s && s->mgc_to_try && follow(a, s->mgc_to_try))
        return;
    if (code || bad || (s && s->mgc_to_try) || !a->mg.peer)
        try_next(a);
    else
        registered(a, s);
}

/* H.248.1 11.3: a registration goes out under version 1, whatever it offers. */
static void mg_register(struct assoc *a)
{
    struct mg *mg = &a->mg;
    bool is_same = mg->was_up && addr_eq(&mg->target, &mg->last);
    struct sc_ask ask = {.method = mg->method, .reason = mg->reason, .register_as = &a->conf};

    if (!ask.method) {
        ask.method = is_same ? "Disconnected" : "Failover";
        ask.reason = is_same ? 900 : 909;
    }
    mg->state = MG_REGISTERING;
    if (assoc_sc(a, &mg->target, 1, &ask, on_registration, &mg->tid)) {
        mg->state = MG_WAITING;
        mg->due = a->now + a->conf.retry_max;
    }
}

/* --- loss --- */

static void leave(struct assoc *a)
{
    struct addr to = a->mg.peer->to;

    a->mg.peer->up = false;
    a->mg.state = MG_IDLE;
    trans_drop_peer(a->t, &to);
}

void mg_lost(struct assoc *a)
{
    leave(a);
    assoc_event(a, a->mg.peer, ASSOC_DOWN, SV_NONE, 0);
    try_again(a, NULL, 0);
}

/* --- the MGC's requests --- */

static int answer_sc(struct assoc *a, struct trans_in *in, const struct h248_txn *req, unsigned code)
{
    struct sc_reply r = {.req = req, .code = code, .why = code ? h248_err_text(code) : NULL};

    return trans_answer(in, sc_build_reply, &r, a->now);
}

static void on_handoff(struct assoc *a, struct trans_in *in, const struct h248_txn *req, const struct h248_services *s)
{
    struct mg *mg = &a->mg;
    struct addr to;

    if (!s->mgc_to_try || assoc_mid_addr(a, s->mgc_to_try, &mg->peer->to, &to)) {
        answer_sc(a, in, req, s->mgc_to_try ? 449 : 472);
        return;
    }
    answer_sc(a, in, req, 0);
    leave(a);
    assoc_event(a, mg->peer, ASSOC_DOWN, SV_NONE, sc_reason(s));
    mg->method = "HandOff";
    mg->reason = 903;
    mg->hops = 1;
    try_detour(a, &to);
    if (mg->state == MG_REGISTERING)
        mg->method = NULL; /* should the new MGC fail: back to the others as after a loss */
}

/* ServiceChange on ROOT from the MGC (TS 29.334 5.8.8: HandOff, Restart, Graceful, Forced). */
static void on_service_change(struct assoc *a, struct trans_in *in, const struct h248_txn *req)
{
    const struct h248_services *s = sc_root(req);
    struct mg *mg = &a->mg;

    if (!s) {
        assoc_refuse(a, in, 430);
    } else if (sv_iis(s->method, "HandOff")) {
        on_handoff(a, in, req, s);
    } else if (sv_iis(s->method, "Restart")) {
        trans_forget_peer(a->t, &mg->peer->mid); /* but not this request: it is not answered yet */
        answer_sc(a, in, req, 0);
        leave(a);
        assoc_event(a, mg->peer, ASSOC_RESTARTED, SV_NONE, sc_reason(s));
        try_again(a, "Restart", 902);
    } else if (sv_iis(s->method, "Forced")) {
        answer_sc(a, in, req, 0);
        leave(a);
        assoc_event(a, mg->peer, ASSOC_BYE, SV_NONE, sc_reason(s));
        mg->method = NULL;
        mg->is_detour = false;
        mg->nth = a->conf.n_mgc; /* it said it goes: do not call it back at once */
        try_next(a);
    } else if (sv_iis(s->method, "Graceful")) {
        answer_sc(a, in, req, 0);
        assoc_event(a, mg->peer, ASSOC_BYE, SV_NONE, sc_reason(s));
    } else {
        answer_sc(a, in, req, 449);
    }
}

void mg_request(struct assoc *a, struct trans_in *in, const struct h248_msg *msg, const struct h248_txn *req)
{
    struct assoc_peer *p = a->mg.peer;

    trans_in_version(in, msg->version);
    if (a->mg.state != MG_UP) {
        assoc_refuse(a, in, 505);
    } else if (!h248_mid_equal(&p->mid, &msg->mid)) {
        assoc_refuse(a, in, 504);
    } else if (sc_is(req)) {
        on_service_change(a, in, req);
    } else {
        trans_in_version(in, p->version);
        a->h.request(a->h.arg, p, in, msg, req);
    }
}

/* Any message of our MGC is a sign of life; the one that answers our registration tells its MID. */
void mg_seen(struct assoc *a, const struct addr *from, const struct h248_msg *msg)
{
    struct mg *mg = &a->mg;
    const struct h248_txn *txn;

    DL_FOREACH(msg->txns, txn) {
        if (mg->state != MG_REGISTERING || txn->kind != H248_REPLY || txn->tid != mg->tid ||
            !addr_eq_host(from, &mg->target))
            continue;
        if (!mg->peer)
            mg->peer = assoc_peer_new(a, &msg->mid, from);
        else if (!h248_mid_equal(&mg->peer->mid, &msg->mid))
            assoc_peer_mid(mg->peer, &msg->mid);
    }
    if (mg->peer && h248_mid_equal(&mg->peer->mid, &msg->mid))
        mg->peer->heard = a->now;
}

/* --- clock --- */

void mg_tick(struct assoc *a)
{
    struct mg *mg = &a->mg;

    if (mg->state == MG_WAITING && a->now >= mg->due) {
        mg_register(a);
    } else if (mg->state == MG_UP && a->conf.silence && a->now >= mg->peer->heard + a->conf.silence) {
        log_warn("h248", "mgc=%s msg=\"nothing heard for %u ms\"", mg->peer->name, a->conf.silence);
        mg_lost(a);
    }
}

msec_t mg_due(const struct assoc *a)
{
    const struct mg *mg = &a->mg;

    if (mg->state == MG_WAITING)
        return mg->due;
    if (mg->state == MG_UP && a->conf.silence)
        return mg->peer->heard + a->conf.silence;
    return MSEC_NEVER;
}

static bool mg_knows(const struct assoc *a, const struct addr *from)
{
    const struct mg *mg = &a->mg;

    for (unsigned i = 0; i < a->conf.n_mgc; i++) {
        if (addr_eq_host(from, &a->conf.mgc[i]))
            return true;
    }
    return addr_eq_host(from, &mg->target) || addr_eq_host(from, &mg->last);
}

bool assoc_knows(const struct assoc *a, const struct addr *from)
{
    if (a->conf.role == ASSOC_MG)
        return mg_knows(a, from);
    return !a->h.known || a->h.known(a->h.arg, from);
}
