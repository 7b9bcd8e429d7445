/* Two control associations and a network that loses, doubles and reorders. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <utlist.h>

#include "common/log.h"
#include "h248/assoc.h"
#include "tests/fake/lossy.h"

#define SERIALS 4000
#define HELD 64

static const struct lossy_conf fair = {.seed = 1, .delay_min = 1, .delay_max = 5};
static const struct lossy_conf foul = {.seed = 1, .loss = 20, .dup = 20, .reorder = 20, .delay_min = 1, .delay_max = 20};

struct held { /* a request that is answered later */
    struct trans_in *in;
    unsigned serial;
    msec_t due;
};

struct end { /* one process: an association and what it saw */
    struct lossy *net;
    struct addr at;
    struct assoc *a;
    struct assoc_conf conf;
    char name[64], profile[32];
    unsigned events[8];
    unsigned last_reason;
    char term[64];
    struct assoc_peer *peer;         /* of the last event */
    unsigned requests, audits;
    unsigned answer_code;            /* 0: normally */
    uint8_t executed[SERIALS], replied[SERIALS];
    unsigned n_replied, n_failed;
    enum trans_result last_result;
    unsigned slow;                   /* every nth request is answered late */
    struct held held[HELD];
    unsigned n_held, served;
    bool done;
    unsigned seen_v1;                /* outgoing messages with a version 1 header */
    const char *only;                /* the MID that may talk to it; NULL: all */
};

/* --- one end --- */

static inline int on_send(void *arg, const struct addr *to, const void *p, size_t n)
{
    struct end *e = arg;

    return lossy_send(e->net, &e->at, to, p, n);
}

static inline void on_event(void *arg, struct assoc_peer *peer, enum assoc_event ev, struct sv term, unsigned reason)
{
    struct end *e = arg;

    e->events[ev]++;
    e->last_reason = reason;
    e->peer = peer;
    sv_copy(term, e->term, sizeof e->term);
}

static inline int build_answer(struct arena *a, struct h248_txn *txn, void *arg)
{
    const unsigned *serial = arg;
    struct h248_action *ac = h248_action_new(a, txn, *serial + 1);

    return h248_cmd_new(a, ac, H248_MODIFY, SV("ip/1")) ? 0 : -ENOMEM;
}

static inline int build_audit_answer(struct arena *a, struct h248_txn *txn, void *arg)
{
    struct h248_action *ac = h248_action_new(a, txn, H248_CTX_NULL);

    (void)arg;
    return h248_cmd_new(a, ac, H248_AUDIT_VALUE, SV("ROOT")) ? 0 : -ENOMEM;
}

static inline int build_error(struct arena *a, struct h248_txn *txn, void *arg)
{
    txn->error = h248_error_new(a, *(unsigned *)arg, NULL);
    return txn->error ? 0 : -ENOMEM;
}

static inline void on_request(void *arg, struct assoc_peer *peer, struct trans_in *in, const struct h248_msg *msg,
                       const struct h248_txn *req)
{
    struct end *e = arg;
    unsigned serial = req->actions->context - 1;
    msec_t now = lossy_now(e->net);

    (void)msg;
    assert_ptr_equal(peer, e->peer);
    e->requests++;
    if (e->answer_code) {
        assoc_answer(e->a, in, build_error, &e->answer_code, now);
    } else if (req->actions->context == H248_CTX_NULL) {
        e->audits++;
        assoc_answer(e->a, in, build_audit_answer, NULL, now);
    } else {
        assert_in_range(serial, 0, SERIALS - 1);
        e->executed[serial]++;
        if (e->slow && ++e->served % e->slow == 0 && e->n_held < HELD)
            e->held[e->n_held++] = (struct held){in, serial, now + 2500 + serial % 3000};
        else
            assoc_answer(e->a, in, build_answer, &serial, now);
    }
}

static inline void on_seen(void *arg, bool out, const struct addr *peer, struct sv text, const struct h248_msg *msg)
{
    struct end *e = arg;

    (void)peer;
    (void)text;
    e->seen_v1 += out && msg->version == 1;
}

static inline bool on_allowed(void *arg, const struct addr *from, const struct h248_mid *mid)
{
    const struct end *e = arg;

    (void)from;
    return !e->only || sv_iis(mid->name, e->only);
}

static inline void end_input(void *arg, const struct addr *from, const void *p, size_t n, msec_t now)
{
    struct end *e = arg;

    assoc_input(e->a, from, p, n, now);
}

static inline void end_tick(void *arg, msec_t now)
{
    struct end *e = arg;

    for (unsigned i = 0; i < e->n_held;) {
        struct held h = e->held[i];

        if (now < h.due) {
            i++;
            continue;
        }
        e->held[i] = e->held[--e->n_held];
        assoc_answer(e->a, h.in, build_answer, &h.serial, now);
    }
    assoc_tick(e->a, now);
}

static inline msec_t end_deadline(void *arg)
{
    struct end *e = arg;
    msec_t due = assoc_deadline(e->a);

    for (unsigned i = 0; i < e->n_held; i++) {
        if (e->held[i].due < due)
            due = e->held[i].due;
    }
    return due;
}

static inline void end_up(struct end *e)
{
    struct assoc_h h = {on_send, on_event, on_request, on_seen, NULL, e, on_allowed, NULL};
    struct lossy_node node = {e->at, end_input, end_tick, end_deadline, e};

    e->peer = NULL;
    e->n_held = 0;
    assert_int_equal(assoc_new(&e->a, &e->conf, &h, lossy_now(e->net)), 0);
    assert_int_equal(lossy_join(e->net, &node), 0);
    assoc_start(e->a, lossy_now(e->net));
}

static inline struct end *end_new(struct lossy *net, enum assoc_role role, const char *at, const struct end *mgc)
{
    struct end *e = calloc(1, sizeof *e);

    assert_non_null(e);
    e->net = net;
    assert_int_equal(addr_parse_hostport(&e->at, sv_from(at), 0), 0);
    snprintf(e->name, sizeof e->name, "%s-%u.example.net", role == ASSOC_MG ? "agw" : "alg", addr_port(&e->at));
    assoc_conf_default(&e->conf, role);
    e->conf.trans.mid = (struct h248_mid){.kind = H248_MID_DOMAIN, .name = sv_from(e->name)};
    if (mgc) {
        e->conf.mgc[0] = mgc->at;
        e->conf.n_mgc = 1;
    }
    return e;
}

static inline void end_crash(struct end *e)
{
    lossy_leave(e->net, &e->at);
    assoc_free(e->a);
    e->a = NULL;
}

static inline void end_free(struct end *e)
{
    if (!e)
        return;
    if (e->a)
        end_crash(e);
    free(e);
}

/* --- two ends and a network --- */

static struct world {
    struct lossy *net;
    struct end *mg, *mgc, *mgc2;
} w;

static inline int setup(void **state)
{
    (void)state;
    log_init(LOG_ERROR);
    memset(&w, 0, sizeof w);
    if (lossy_new(&w.net, &fair))
        return -1;
    w.mgc = end_new(w.net, ASSOC_MGC, "192.0.2.1:2944", NULL);
    w.mg = end_new(w.net, ASSOC_MG, "192.0.2.9:2944", w.mgc);
    return 0;
}

static inline int teardown(void **state)
{
    (void)state;
    end_free(w.mg);
    end_free(w.mgc);
    end_free(w.mgc2);
    lossy_free(w.net);
    return 0;
}

static inline void run(msec_t ms)
{
    lossy_run(w.net, lossy_now(w.net) + ms, NULL, NULL);
}

static inline bool is_up(const struct end *e)
{
    return e->peer && assoc_peer_up(e->peer);
}

static inline bool both_up(void *arg)
{
    (void)arg;
    return is_up(w.mg) && is_up(w.mgc);
}

static inline void both_start(void)
{
    end_up(w.mgc);
    end_up(w.mg);
    assert_true(lossy_run(w.net, lossy_now(w.net) + 60000, both_up, NULL));
}

struct ask {
    struct end *e;
    unsigned serial;
};

static inline int build_serial(struct arena *a, struct h248_txn *txn, void *arg)
{
    const struct ask *k = arg;
    struct h248_cmd *c = h248_cmd_new(a, h248_action_new(a, txn, k->serial + 1), H248_MODIFY, SV("ip/1"));
    struct h248_desc *d = c ? h248_desc_new(a, &c->descs, H248_D_SIGNALS) : NULL;

    return d ? 0 : -ENOMEM;
}

static inline void on_reply(void *arg, enum trans_result result, const struct h248_txn *reply)
{
    struct ask *k = arg;

    k->e->last_result = result;
    if (result == TRANS_REPLY && !reply->error) {
        assert_int_equal(reply->actions->context, k->serial + 1); /* the reply to this request, not to another */
        k->e->replied[k->serial]++;
        k->e->n_replied++;
    } else {
        k->e->n_failed++;
    }
    free(k);
}

static inline int ask(struct end *e, unsigned serial)
{
    struct ask *k = malloc(sizeof *k);
    int err;

    *k = (struct ask){e, serial};
    err = assoc_request(e->a, e->peer, build_serial, k, on_reply, k, lossy_now(e->net));
    if (err)
        free(k);
    return err;
}
