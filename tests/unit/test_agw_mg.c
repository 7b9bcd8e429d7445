/* The gateway's association over a real socket: a controller of our own engine on the same loop
 * registers it, reserves, hears a Notify and sees it leave. Bounded by a timer; nothing sleeps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <errno.h>

#include "agw/ctl/mg.h"

#define LIMIT_MS 10000

struct rig {
    uv_loop_t loop;
    uv_timer_t limit;
    uv_idle_t peers; /* answers closes as worker and data would */
    struct link *mgc;
    struct assoc_peer *peer;
    struct mg *mg;
    struct inbox *ctl, *worker, *data;
    struct inbox *workers[1];
    struct cert *cert;
    struct realm_conf realm;
    unsigned added_error, notified;
    bool up, heartbeat_ok, bye, stopped, clean, late;
    bus_id tcp;
    char term[80];
};

static void on_limit(uv_timer_t *t)
{
    struct rig *r = t->data;

    r->late = true;
    uv_stop(&r->loop);
}

static void drain(struct rig *r, struct inbox *in)
{
    struct inbox_item *it = inbox_take(in), *next;

    for (; it; it = next) {
        struct bus_msg *m = (struct bus_msg *)it;

        next = it->next;
        if (m->kind == BUS_TCP_OPEN)
            r->tcp = m->u.tcp.id;
        if (m->kind == BUS_CLOSE || m->kind == BUS_SEP_CLOSE) {
            struct bus_msg *back = bus_new(BUS_CLOSED);

            back->u.stats.id = m->u.id;
            inbox_post(r->ctl, &back->item);
        }
        bus_drop(it);
    }
}

static void on_idle(uv_idle_t *h)
{
    struct rig *r = h->data;

    drain(r, r->worker);
    drain(r, r->data);
}

static void on_stopped(void *arg, bool clean)
{
    struct rig *r = arg;

    r->stopped = true;
    r->clean = clean;
    uv_stop(&r->loop);
}

/* --- the controller --- */

static int build_add(struct arena *a, struct h248_txn *txn, void *arg)
{
    static const char sdp[] = "v=0\r\nc=IN IP4 $\r\nm=message $ TCP -\r\n";
    struct h248_cmd *c =
        h248_cmd_new(a, h248_action_new(a, txn, H248_CTX_CHOOSE), H248_ADD, SV("ip/$/core/$"));
    struct iq_term *t = calloc(1, sizeof *t);
    struct iq_stream *s = iq_stream_new(t, 1);
    struct sdp_err err;
    int rc = sdp_parse(a, sv_from(sdp), SDP_H248, &s->local, &err);

    (void)arg;
    t->has_events = true;
    t->request_id = 5;
    s->notify_tcp = true;
    if (!rc)
        rc = iq_put(a, t, c);
    free(t);
    return rc;
}

static int build_audit(struct arena *a, struct h248_txn *txn, void *arg)
{
    struct h248_cmd *c =
        h248_cmd_new(a, h248_action_new(a, txn, H248_CTX_NULL), H248_AUDIT_VALUE, SV("ROOT"));

    (void)arg;
    return c && h248_desc_new(a, &c->descs, H248_D_AUDIT) ? 0 : -ENOMEM;
}

static void on_added(void *arg, enum trans_result result, const struct h248_txn *reply)
{
    struct rig *r = arg;
    const struct h248_cmd *c;

    if (result != TRANS_REPLY || !reply->actions || !reply->actions->cmds) {
        r->added_error = 1;
        return;
    }
    c = reply->actions->cmds;
    r->added_error = h248_desc_find(c->descs, H248_D_ERROR) != NULL;
    sv_copy(c->terms->text, r->term, sizeof r->term);
    drain(r, r->data); /* learns the id */
    bus_post_event(r->ctl, r->tcp, BUS_EV_TCP_FAILED, "refused");
}

static void on_audited(void *arg, enum trans_result result, const struct h248_txn *reply)
{
    struct rig *r = arg;

    r->heartbeat_ok =
        result == TRANS_REPLY && reply->actions && reply->actions->cmds && !reply->actions->error;
    assert_int_equal(link_request(r->mgc, r->peer, build_add, NULL, on_added, r), 0);
}

static void mgc_event(void *arg, struct assoc_peer *peer, enum assoc_event ev, struct sv term,
                      unsigned reason)
{
    struct rig *r = arg;

    (void)term;
    (void)reason;
    r->peer = peer;
    if (ev == ASSOC_UP) {
        r->up = true;
        assert_int_equal(link_request(r->mgc, peer, build_audit, NULL, on_audited, r), 0);
    }
    r->bye |= ev == ASSOC_BYE;
}

static int build_ok(struct arena *a, struct h248_txn *txn, void *arg)
{
    const struct h248_txn *req = arg;

    return h248_cmd_new(a, h248_action_new(a, txn, req->actions->context), H248_NOTIFY,
                        req->actions->cmds->terms->text)
               ? 0
               : -ENOMEM;
}

static void mgc_request(void *arg, struct assoc_peer *peer, struct trans_in *in,
                        const struct h248_msg *msg, const struct h248_txn *req)
{
    struct rig *r = arg;
    struct iq_observed ev = {0};
    struct iq_fault fault;
    struct arena *a = arena_new(65536);
    uint32_t request_id = 0;

    (void)peer;
    (void)msg;
    if (iq_get_observed(a, req->actions->cmds, &request_id, &ev, 1, &fault) == 1 &&
        ev.event == IQ_EV_TCP_FAILED && request_id == 5 &&
        sv_is(req->actions->cmds->terms->text, r->term))
        r->notified++;
    arena_free(a);
    assert_int_equal(link_answer(r->mgc, in, build_ok, (void *)req), 0);
    mg_stop(r->mg, on_stopped, r);
}

/* --- life --- */

static void mgc_open(struct rig *r, struct addr *at)
{
    const struct assoc_h h = {.event = mgc_event, .request = mgc_request, .arg = r};
    struct assoc_conf conf;

    assoc_conf_default(&conf, ASSOC_MGC);
    conf.trans.mid = (struct h248_mid){.kind = H248_MID_DOMAIN, .name = SV("alg1.example.net")};
    assert_int_equal(addr_parse(at, SV("127.0.0.1"), 0), 0);
    assert_int_equal(link_new(&r->mgc, &r->loop, at, &conf, &h), 0);
    link_start(r->mgc);
}

static void mg_open(struct rig *r, const struct addr *mgc)
{
    struct mg_conf m = {.inbox = r->ctl};

    r->realm = (struct realm_conf){.name = "core.example.net",
                                   .interface = "core",
                                   .peer = "core",
                                   .addr = *mgc,
                                   .port_lo = 24000,
                                   .port_hi = 24099};
    m.local = *mgc;
    addr_set_port(&m.local, 0);
    assoc_conf_default(&m.assoc, ASSOC_MG);
    m.assoc.trans.mid = (struct h248_mid){.kind = H248_MID_DOMAIN, .name = SV("agw1.example.net")};
    m.assoc.mgc[0] = *mgc;
    m.assoc.n_mgc = 1;
    r->workers[0] = r->worker;
    m.ctl = (struct ctl_conf){.realms = &r->realm,
                              .n_realms = 1,
                              .max_contexts = 10,
                              .max_terms = 2,
                              .sctp_port = 5000,
                              .max_message = 65536,
                              .cert = r->cert,
                              .data = r->data,
                              .workers = r->workers,
                              .n_workers = 1};
    assert_int_equal(mg_new(&r->mg, &r->loop, &m), 0);
}

static void test_life(void **state)
{
    struct rig *r = calloc(1, sizeof *r);
    struct addr at;

    (void)state;
    uv_loop_init(&r->loop);
    uv_timer_init(&r->loop, &r->limit);
    uv_idle_init(&r->loop, &r->peers);
    r->limit.data = r->peers.data = r;
    uv_timer_start(&r->limit, on_limit, LIMIT_MS, 0);
    uv_idle_start(&r->peers, on_idle);
    assert_int_equal(cert_new(&r->cert, "agw"), 0);
    assert_int_equal(inbox_new(&r->ctl, 16), 0);
    assert_int_equal(inbox_new(&r->worker, 16), 0);
    assert_int_equal(inbox_new(&r->data, 16), 0);
    mgc_open(r, &at);
    mg_open(r, &at);
    assert_false(mg_is_registered(r->mg));
    mg_register(r->mg);
    uv_run(&r->loop, UV_RUN_DEFAULT);

    assert_false(r->late);
    assert_true(r->up);
    assert_true(r->heartbeat_ok);
    assert_int_equal(r->added_error, 0);
    assert_int_equal(r->notified, 1);
    assert_true(r->bye);
    assert_true(r->stopped && r->clean);

    mg_free(r->mg);
    link_free(r->mgc);
    uv_close((uv_handle_t *)&r->limit, NULL);
    uv_close((uv_handle_t *)&r->peers, NULL);
    uv_run(&r->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&r->loop), 0);
    inbox_free(r->ctl, bus_drop);
    inbox_free(r->worker, bus_drop);
    inbox_free(r->data, bus_drop);
    cert_free(r->cert);
    free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_life),
    };

    return cmocka_run_group_tests_name("agw_mg", tests, NULL, NULL);
}
