/* The control thread on a bench: H.248 texts in, replies and bus messages out, for the tests of agw/ctl. Functions in a header
 * because each unit test is one program. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <errno.h>

#include "agw/ctl/cmd.h"
#include "agw/ctl/ctx.h"
#include "agw/ctl/stream.h"
#include "agw/ctl/term.h"

#define RIG static __attribute__((unused))

#define TEXT_MAX 8192
#define SEEN_MAX 64

struct rig {
    struct ctl *ctl;
    struct cert *cert;
    struct realm_conf realms[2];
    struct inbox *worker, *data;
    struct inbox *workers[1];
    struct bus_msg *to_worker[SEEN_MAX], *to_data[SEEN_MAX]; /* since the last run */
    unsigned n_worker, n_data;
    struct arena *arena;
    struct h248_msg *reply;
    char text[TEXT_MAX]; /* the reply, encoded */
    msec_t now;
    /* requests of the gateway */
    char sent[TEXT_MAX];
    unsigned n_sent;
    int send_err;
    trans_reply_h *cb;
    void *cb_arg;
};

static const struct h248_mid MID = {
    .kind = H248_MID_DOMAIN, .name = {"agw1.example.net", 16}, .has_port = true, .port = 2944};

RIG int on_request(void *arg, int (*build)(struct arena *a, struct h248_txn *txn, void *arg),
                      void *build_arg, trans_reply_h *cb, void *cb_arg)
{
    struct rig *r = arg;
    struct arena *a = arena_new(H248_ARENA_MAX);
    struct h248_msg *m = h248_msg_new(a, 2, &MID);
    struct h248_txn *t = h248_txn_new(a, m, H248_REQUEST, 9001);
    struct buf b = buf_over(r->sent, sizeof r->sent - 1);

    if (r->send_err) {
        arena_free(a);
        return r->send_err;
    }
    assert_int_equal(build(a, t, build_arg), 0);
    assert_int_equal(h248_encode(m, H248_COMPACT, &b), 0);
    r->sent[b.len] = '\0';
    r->n_sent++;
    r->cb = cb;
    r->cb_arg = cb_arg;
    arena_free(a);
    return 0;
}

RIG unsigned drain(struct inbox *in, struct bus_msg **out)
{
    struct inbox_item *it = inbox_take(in), *next;
    unsigned n = 0;

    for (; it; it = next) {
        next = it->next;
        assert_true(n < SEEN_MAX);
        out[n++] = (struct bus_msg *)it;
    }
    return n;
}

RIG void forget(struct rig *r)
{
    while (r->n_worker)
        bus_drop(&r->to_worker[--r->n_worker]->item);
    while (r->n_data)
        bus_drop(&r->to_data[--r->n_data]->item);
}

RIG void look(struct rig *r)
{
    forget(r);
    r->n_worker = drain(r->worker, r->to_worker);
    r->n_data = drain(r->data, r->to_data);
}

/* One context, one worker: what a test needs of the rest it sets after this. */
RIG int setup_limits(void **state, unsigned contexts, unsigned terms, uint16_t ports)
{
    struct rig *r = calloc(1, sizeof *r);
    struct ctl_conf conf = {.max_contexts = contexts,
                            .max_terms = terms,
                            .orphan_ms = 1000,
                            .sctp_port = 5000,
                            .max_message = 262144,
                            .n_realms = 2,
                            .n_workers = 1,
                            .root = {500, 1000, 2000, 5}};
    const struct ctl_h h = {on_request, r};

    assert_int_equal(cert_new(&r->cert, "agw1.example.net"), 0);
    assert_int_equal(inbox_new(&r->worker, 64), 0);
    assert_int_equal(inbox_new(&r->data, 64), 0);
    r->workers[0] = r->worker;
    r->realms[0] = (struct realm_conf){.name = "core.example.net",
                                       .interface = "core",
                                       .peer = "core",
                                       .port_lo = 21000,
                                       .port_hi = (uint16_t)(21000 + ports - 1)};
    r->realms[1] = (struct realm_conf){.name = "access.example.net",
                                       .interface = "access",
                                       .peer = "wic",
                                       .port_lo = 22000,
                                       .port_hi = (uint16_t)(22000 + ports - 1)};
    addr_parse(&r->realms[0].addr, SV("127.0.0.1"), 0);
    r->realms[1].addr = r->realms[0].addr;
    conf.realms = r->realms;
    conf.cert = r->cert;
    conf.workers = r->workers;
    conf.data = r->data;
    r->now = 1000000;
    assert_int_equal(ctl_new(&r->ctl, &conf, &h), 0);
    *state = r;
    return 0;
}

RIG int setup(void **state)
{
    return setup_limits(state, 100, 3, 200);
}

RIG int setup_wide(void **state)
{
    return setup_limits(state, 100, 8, 200);
}

RIG int setup_small(void **state)
{
    return setup_limits(state, 1, 2, 1);
}

RIG int teardown(void **state)
{
    struct rig *r = *state;

    ctl_free(r->ctl);
    forget(r);
    inbox_free(r->worker, bus_drop);
    inbox_free(r->data, bus_drop);
    cert_free(r->cert);
    arena_free(r->arena);
    free(r);
    return 0;
}

/* One transaction through decode, cmd_run, encode and decode again: r->reply is what a controller
 * reads. */
RIG const struct h248_txn *run(struct rig *r, const char *actions)
{
    struct arena *a = arena_new(H248_ARENA_MAX);
    char in[TEXT_MAX];
    struct h248_msg *req, *out;
    struct h248_fault fault;
    struct h248_txn *t;
    struct buf b = buf_over(r->text, sizeof r->text - 1);

    snprintf(in, sizeof in, "MEGACO/2 <alg1.example.net>:2944\nTransaction = 1001 { %s }", actions);
    if (h248_decode(a, sv_from(in), &req, &fault))
        fail_msg("request: %u:%u %s", fault.line, fault.column, fault.why);
    out = h248_msg_new(a, r->ctl->version ? r->ctl->version : 2, &MID);
    t = h248_txn_new(a, out, H248_REPLY, 1001);
    assert_int_equal(cmd_run(r->ctl, a, req->txns, t, r->now), 0);
    assert_int_equal(h248_encode(out, H248_PRETTY, &b), 0);
    r->text[b.len] = '\0';
    arena_free(a);
    arena_free(r->arena);
    r->arena = arena_new(H248_ARENA_MAX);
    if (h248_decode(r->arena, sv_from(r->text), &r->reply, &fault))
        fail_msg("reply: %u:%u %s in\n%s", fault.line, fault.column, fault.why, r->text);
    look(r);
    return r->reply->txns;
}

/* The error of the reply: action level, or of the last command. */
RIG unsigned error_of(const struct h248_txn *t)
{
    const struct h248_action *ac = t->actions ? t->actions->prev : NULL;
    const struct h248_desc *d;

    if (t->error)
        return t->error->code;
    if (!ac)
        return 0;
    if (ac->error)
        return ac->error->code;
    d = ac->cmds ? h248_desc_find(ac->cmds->prev->descs, H248_D_ERROR) : NULL;
    return d ? d->u.error.code : 0;
}

RIG void expect_error(struct rig *r, const char *actions, unsigned code)
{
    const struct h248_txn *t = run(r, actions);

    if (error_of(t) != code)
        fail_msg("wanted %u, got\n%s\nfor\n%s", code, r->text, actions);
    assert_int_equal(r->n_worker, 0);
}

RIG struct bus_msg *find(struct bus_msg **list, unsigned n, enum bus_kind kind)
{
    for (unsigned i = 0; i < n; i++) {
        if (list[i]->kind == kind)
            return list[i];
    }
    return NULL;
}

RIG struct bus_msg *data_got(const struct rig *r, enum bus_kind kind)
{
    return find((struct bus_msg **)r->to_data, r->n_data, kind);
}

RIG struct bus_msg *worker_got(const struct rig *r, enum bus_kind kind)
{
    return find((struct bus_msg **)r->to_worker, r->n_worker, kind);
}

RIG struct sdp *local_of(struct rig *r, const struct h248_txn *t, uint16_t stream)
{
    const struct h248_desc *d = h248_desc_find(t->actions->cmds->descs, H248_D_MEDIA);
    const struct h248_stream *s = d ? h248_stream_find(&d->u.media, stream) : NULL;
    struct sdp *sdp;
    struct sdp_err err;

    assert_non_null(s);
    assert_true(s->local.present);
    assert_false(s->remote.present);
    assert_int_equal(sdp_parse(r->arena, s->local.text, SDP_H248, &sdp, &err), 0);
    return sdp;
}

RIG void assert_text(struct sv got, const char *want)
{
    if (!sv_is(got, want))
        fail_msg("got %.*s, wanted %s", SV_ARG(got), want);
}

/* What the other threads do with a close. */
RIG void closed(struct rig *r, bus_id id)
{
    struct bus_msg *m = bus_new(BUS_CLOSED);

    m->u.stats.id = id;
    ctl_bus(r->ctl, m, r->now);
}

RIG void close_all(struct rig *r)
{
    for (unsigned i = 0; i < r->n_data; i++) {
        if (r->to_data[i]->kind == BUS_CLOSE)
            closed(r, r->to_data[i]->u.id);
    }
    for (unsigned i = 0; i < r->n_worker; i++) {
        if (r->to_worker[i]->kind == BUS_SEP_CLOSE || r->to_worker[i]->kind == BUS_FLOW_CLOSE)
            closed(r, r->to_worker[i]->u.id);
    }
}

RIG void event_text(struct rig *r, bus_id id, enum bus_what what, const char *text)
{
    struct bus_msg *m = bus_new(BUS_EVENT);

    m->u.event = (struct bus_event){.id = id, .what = what};
    sv_copy(sv_from(text), m->u.event.text, sizeof m->u.event.text);
    ctl_bus(r->ctl, m, r->now);
}

RIG void event(struct rig *r, bus_id id, enum bus_what what)
{
    event_text(r, id, what, "test");
}
