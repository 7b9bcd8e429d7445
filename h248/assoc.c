/* Control association, what both roles share: peers, requests, farewell (H.248.1 11). */
#include <errno.h>
#include <stdlib.h>
#include <utlist.h>

#include "common/log.h"
#include "h248/assoc_priv.h"

void assoc_conf_default(struct assoc_conf *c, enum assoc_role role)
{
    *c = (struct assoc_conf){
        .role = role,
        .profile = SV(IQ_PROFILE_NAME),
        .profile_version = IQ_PROFILE_VERSION,
        .version = IQ_PROTOCOL_VERSION,
        .heartbeat = 10000,
        .retry_first = 500,
        .retry_max = 10000,
        .silence = 35000,
    };
    trans_conf_default(&c->trans);
}

/* --- what the transaction layer reports --- */

static int on_send(void *arg, const struct addr *to, const void *p, size_t n)
{
    struct assoc *a = arg;

    return a->h.send(a->h.arg, to, p, n);
}

static void on_request(void *arg, struct trans_in *in, const struct h248_msg *msg, const struct h248_txn *req)
{
    struct assoc *a = arg;

    if (a->conf.role == ASSOC_MG)
        mg_request(a, in, msg, req);
    else
        mgc_in_request(a, in, msg, req);
}

static void on_bad(void *arg, const struct addr *from, const struct h248_fault *f, struct sv text)
{
    char host[ADDR_STRLEN];

    (void)arg;
    log_warn("h248", "peer=%s octets=%zu line=%u column=%u code=%u msg=\"malformed: %s\"", addr_str(from, host), text.n,
             f->line, f->column, f->code, f->why);
}

static bool is_allowed(const struct assoc *a, const struct addr *from, const struct h248_mid *mid)
{
    return !a->h.allowed || a->h.allowed(a->h.arg, from, mid);
}

static bool on_allowed(void *arg, const struct addr *from, const struct h248_mid *mid)
{
    struct assoc *a = arg;
    char host[ADDR_STRLEN];

    if (is_allowed(a, from, mid))
        return true;
    log_warn("h248", "peer=%s mid=%.*s code=402 msg=\"message refused: not on the list of those that may register\"",
             addr_str(from, host), SV_ARG(mid->name));
    return false;
}

static void on_seen(void *arg, bool out, const struct addr *peer, struct sv text, const struct h248_msg *msg)
{
    struct assoc *a = arg;

    if (!out && a->conf.role == ASSOC_MG)
        mg_seen(a, peer, msg);
    else if (!out && is_allowed(a, peer, &msg->mid))
        mgc_in_seen(a, msg);
    if (!out && msg->error)
        log_warn("h248", "peer=%.*s code=%u msg=\"message refused: %.*s\"", SV_ARG(msg->mid.name), msg->error->code,
                 SV_ARG(msg->error->text));
    if (a->h.seen)
        a->h.seen(a->h.arg, out, peer, text, msg);
}

/* --- life --- */

int assoc_new(struct assoc **ap, const struct assoc_conf *conf, const struct assoc_h *h, msec_t now)
{
    struct assoc *a = calloc(1, sizeof *a);
    struct trans_conf tc = conf->trans;
    struct trans_h th = {.send = on_send, .request = on_request, .bad = on_bad, .seen = on_seen,
                         .allowed = on_allowed, .arg = a};
    int err = -EINVAL;

    if (!a)
        return -ENOMEM;
    if (conf->version == 0 || conf->n_mgc > ASSOC_MGC_MAX || (conf->role == ASSOC_MG && conf->n_mgc == 0))
        goto out;
    a->conf = *conf;
    a->h = *h;
    a->now = now;
    a->stop_due = MSEC_NEVER;
    tc.version = conf->version;
    err = trans_new(&a->t, &tc, &th);
out:
    if (err)
        assoc_free(a);
    else
        *ap = a;
    return err;
}

void assoc_free(struct assoc *a)
{
    struct assoc_peer *p, *tmp;

    if (!a)
        return;
    a->mg.state = MG_STOPPED;
    a->stopping = true;
    trans_free(a->t);
    DL_FOREACH_SAFE(a->peers, p, tmp)
        free(p);
    free(a);
}

void assoc_start(struct assoc *a, msec_t now)
{
    a->now = now;
    if (a->conf.role == ASSOC_MG)
        mg_start(a);
}

void assoc_input(struct assoc *a, const struct addr *from, const void *p, size_t n, msec_t now)
{
    a->now = now;
    trans_input(a->t, from, p, n, now);
}

void assoc_tick(struct assoc *a, msec_t now)
{
    void (*done)(void *arg);

    a->now = now;
    trans_tick(a->t, now);
    if (a->conf.role == ASSOC_MG)
        mg_tick(a);
    else
        mgc_peers_tick(a);
    if (now < a->stop_due)
        return;
    done = a->stop_done;
    a->stop_done = NULL;
    a->stop_due = MSEC_NEVER;
    a->stop_open = 0;
    if (done)
        done(a->stop_arg);
}

msec_t assoc_deadline(const struct assoc *a)
{
    msec_t own = a->conf.role == ASSOC_MG ? mg_due(a) : mgc_peers_due(a);
    msec_t trans = trans_deadline(a->t);

    if (trans < own)
        own = trans;
    return a->stop_due < own ? a->stop_due : own;
}

void assoc_event(struct assoc *a, struct assoc_peer *p, enum assoc_event ev, struct sv term, unsigned reason)
{
    if (a->h.event)
        a->h.event(a->h.arg, p, ev, term, reason);
}

/* --- peers --- */

void assoc_peer_mid(struct assoc_peer *p, const struct h248_mid *mid)
{
    struct buf b = buf_over(p->name, sizeof p->name - 1);

    p->mid = *mid;
    p->mid.name.p = p->mid_text;
    p->mid.name.n = sv_copy(mid->name, p->mid_text, sizeof p->mid_text);
    if (p->mid.name.n >= sizeof p->mid_text)
        p->mid.name.n = sizeof p->mid_text - 1;
    if (h248_mid_print(&p->mid, &b))
        b.len = 0;
    p->name[b.len] = '\0';
}

struct assoc_peer *assoc_peer_new(struct assoc *a, const struct h248_mid *mid, const struct addr *to)
{
    struct assoc_peer *p = a->n_peers < ASSOC_PEER_MAX ? calloc(1, sizeof *p) : NULL;

    if (!p)
        return NULL;
    p->a = a;
    p->to = *to;
    p->version = a->conf.version;
    p->heard = a->now;
    assoc_peer_mid(p, mid);
    DL_APPEND(a->peers, p);
    a->n_peers++;
    return p;
}

struct assoc_peer *assoc_peer_find(struct assoc *a, const struct h248_mid *mid)
{
    struct assoc_peer *p;

    DL_FOREACH(a->peers, p) {
        if (h248_mid_equal(&p->mid, mid))
            return p;
    }
    return NULL;
}

struct assoc_peer *assoc_peer_first(const struct assoc *a)
{
    return a->peers;
}

struct assoc_peer *assoc_peer_next(const struct assoc_peer *p)
{
    return p->next;
}

bool assoc_peer_up(const struct assoc_peer *p)
{
    return p->up;
}

const char *assoc_peer_name(const struct assoc_peer *p)
{
    return p->name;
}

void *assoc_peer_user(const struct assoc_peer *p)
{
    return p->user;
}

void assoc_peer_set_user(struct assoc_peer *p, void *user)
{
    p->user = user;
}

const struct trans *assoc_trans(const struct assoc *a)
{
    return a->t;
}

int assoc_mid_addr(struct assoc *a, const struct h248_mid *mid, const struct addr *like, struct addr *out)
{
    uint16_t port = mid->has_port ? mid->port : addr_port(like);
    int err = addr_parse(out, mid->name, port);

    if (err && mid->kind == H248_MID_DOMAIN && a->h.resolve) {
        err = a->h.resolve(a->h.arg, mid, out);
        if (!err)
            addr_set_port(out, port);
    }
    return err;
}

/* --- requests --- */

struct call { /* one request of the owner */
    struct assoc *a;
    struct assoc_peer *peer;
    trans_reply_h *cb;
    void *cb_arg;
};

/* 504, 505: the MGC does not know us (any more): it restarted. */
static bool is_unknown_there(const struct h248_txn *reply)
{
    struct sv text;
    unsigned code = sc_error(reply, &text);

    return code == 504 || code == 505;
}

static void on_reply(void *arg, enum trans_result result, const struct h248_txn *reply)
{
    struct call *c = arg;
    struct assoc *a = c->a;
    bool is_mg = a->conf.role == ASSOC_MG;
    bool lost = result == TRANS_TIMEOUT || (is_mg && result == TRANS_REPLY && is_unknown_there(reply));

    if (c->cb)
        c->cb(c->cb_arg, result, reply);
    if (lost && c->peer->up && !a->stopping) {
        if (is_mg)
            mg_lost(a);
        else
            mgc_peer_lost(c->peer);
    }
    free(c);
}

int assoc_request(struct assoc *a, struct assoc_peer *peer, int (*build)(struct arena *a, struct h248_txn *txn, void *arg),
                  void *build_arg, trans_reply_h *cb, void *cb_arg, msec_t now)
{
    struct call *c;
    int err;

    a->now = now;
    if (!peer->up)
        return -ENOTCONN;
    c = calloc(1, sizeof *c);
    if (!c)
        return -ENOMEM;
    *c = (struct call){a, peer, cb, cb_arg};
    trans_next_version(a->t, peer->version);
    err = trans_request(a->t, &peer->to, build, build_arg, on_reply, c, NULL, now);
    if (err)
        free(c);
    return err;
}

int assoc_answer(struct assoc *a, struct trans_in *in, int (*build)(struct arena *a, struct h248_txn *txn, void *arg),
                 void *build_arg, msec_t now)
{
    a->now = now;
    return trans_answer(in, build, build_arg, now);
}

static int build_refusal(struct arena *a, struct h248_txn *txn, void *arg)
{
    txn->error = h248_error_new(a, *(const unsigned *)arg, NULL);
    return txn->error ? 0 : -ENOMEM;
}

void assoc_refuse(struct assoc *a, struct trans_in *in, unsigned code)
{
    char host[ADDR_STRLEN];

    log_warn("h248", "peer=%s tid=%u code=%u msg=\"request refused: %s\"", addr_str(trans_in_peer(in), host),
             trans_in_tid(in), code, h248_err_text(code));
    trans_in_forget(in);
    trans_answer(in, build_refusal, &code, a->now);
}

int assoc_sc(struct assoc *a, const struct addr *to, unsigned version, struct sc_ask *ask, trans_reply_h *cb, uint32_t *tid)
{
    trans_next_version(a->t, version);
    return trans_request(a->t, to, sc_build, ask, cb, a, tid, a->now);
}

/* --- farewell --- */

static void on_farewell(void *arg, enum trans_result result, const struct h248_txn *reply)
{
    struct assoc *a = arg;

    (void)result;
    (void)reply;
    if (a->stop_open > 0 && --a->stop_open == 0)
        a->stop_due = a->now;
}

void assoc_farewell(struct assoc *a, struct assoc_peer *p)
{
    struct sc_ask ask = {.method = "Forced", .reason = 905};

    if (assoc_sc(a, &p->to, p->version, &ask, on_farewell, NULL) == 0)
        a->stop_open++;
}

void assoc_stop(struct assoc *a, void (*done)(void *arg), void *arg, msec_t now)
{
    struct assoc_peer *p;

    a->now = now;
    if (a->stopping)
        return;
    a->stopping = true;
    a->stop_done = done;
    a->stop_arg = arg;
    DL_FOREACH(a->peers, p) {
        if (p->up)
            assoc_farewell(a, p);
        p->up = false;
    }
    a->mg.state = MG_STOPPED;
    a->stop_due = a->stop_open ? now + ASSOC_STOP_MS : now;
}
