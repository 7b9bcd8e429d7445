/* A struct trans on its own, for the tests of transactions: what it sends is kept, time is made up. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <utlist.h>

#include "h248/trans.h"

#define MGC "MEGACO/2 [127.0.0.1]:2944\n"
#define REQ(tid) MGC "Transaction = " tid " { Context = - { AuditValue = ROOT { Audit { } } } }\n"

static struct { /* one trans and everything that it did */
    struct trans *t;
    struct addr peer;
    msec_t now;
    char sent[64][2048];
    unsigned n_sent;
    struct trans_in *in;
    unsigned n_requests, n_replies, n_bad;
    enum trans_result result;
    unsigned reply_error;
    bool refuse_peer;
    size_t answer_size;
} w;

static inline int on_send(void *arg, const struct addr *to, const void *p, size_t n)
{
    (void)arg;
    (void)to;
    if (w.n_sent < ARRAY_LEN(w.sent))
        snprintf(w.sent[w.n_sent], sizeof w.sent[0], "%.*s", (int)n, (const char *)p);
    w.n_sent++;
    return 0;
}

static inline void on_request(void *arg, struct trans_in *in, const struct h248_msg *msg, const struct h248_txn *req)
{
    (void)arg;
    (void)msg;
    assert_int_equal(req->kind, H248_REQUEST);
    w.in = in;
    w.n_requests++;
}

static inline void on_bad(void *arg, const struct addr *from, const struct h248_fault *f, struct sv text)
{
    (void)arg;
    (void)from;
    (void)f;
    (void)text;
    w.n_bad++;
}

static inline bool on_allowed(void *arg, const struct addr *from, const struct h248_mid *mid)
{
    (void)arg;
    (void)from;
    (void)mid;
    return !w.refuse_peer;
}

static inline void on_reply(void *arg, enum trans_result result, const struct h248_txn *reply)
{
    (void)arg;
    w.result = result;
    w.n_replies++;
    w.reply_error = reply && reply->error ? reply->error->code : 0;
}

static inline int build_request(struct arena *a, struct h248_txn *txn, void *arg)
{
    struct h248_cmd *c = h248_cmd_new(a, h248_action_new(a, txn, H248_CTX_NULL), H248_AUDIT_VALUE, SV("ROOT"));

    (void)arg;
    return c && h248_desc_new(a, &c->descs, H248_D_AUDIT) ? 0 : -ENOMEM;
}

static inline int build_answer(struct arena *a, struct h248_txn *txn, void *arg)
{
    struct h248_cmd *c;
    struct h248_desc *d;
    char *octets;

    (void)arg;
    c = h248_cmd_new(a, h248_action_new(a, txn, H248_CTX_NULL), H248_AUDIT_VALUE, SV("ROOT"));
    if (!c)
        return -ENOMEM;
    if (w.answer_size) {
        octets = arena_alloc(a, w.answer_size);
        d = h248_desc_new(a, &c->descs, H248_D_MEDIA);
        memset(octets, 'x', w.answer_size);
        h248_stream_new(a, &d->u.media, 1)->local = (struct h248_octets){true, {octets, w.answer_size}};
    }
    return 0;
}

static inline int build_failing(struct arena *a, struct h248_txn *txn, void *arg)
{
    (void)a;
    (void)txn;
    (void)arg;
    return -EIO;
}

static inline int setup(void **state)
{
    struct trans_h h = {on_send, on_request, on_bad, NULL, on_allowed, NULL};
    struct trans_conf c;

    (void)state;
    memset(&w, 0, sizeof w);
    w.now = 1000;
    addr_parse_hostport(&w.peer, SV("127.0.0.1:2944"), 0);
    trans_conf_default(&c);
    c.mid = (struct h248_mid){.kind = H248_MID_DOMAIN, .name = SV("agw1.example.net"), .has_port = true, .port = 2944};
    return trans_new(&w.t, &c, &h);
}

static inline int teardown(void **state)
{
    (void)state;
    trans_free(w.t);
    return 0;
}

static inline void input(const char *text)
{
    trans_input(w.t, &w.peer, text, strlen(text), w.now);
}

/* Time passes, deadline by deadline. */
static inline void pass(msec_t ms)
{
    msec_t end = w.now + ms, due;
    unsigned turns = 0;

    while ((due = trans_deadline(w.t)) <= end) {
        assert_true(turns++ < 100000);
        w.now = due > w.now ? due : w.now;
        trans_tick(w.t, w.now);
    }
    w.now = end;
}

static inline uint32_t request(void)
{
    uint32_t tid = 0;

    assert_int_equal(trans_request(w.t, &w.peer, build_request, NULL, on_reply, NULL, &tid, w.now), 0);
    return tid;
}

static inline void reply(const char *fmt, uint32_t tid)
{
    char text[512];

    snprintf(text, sizeof text, fmt, tid);
    input(text);
}

static inline const char *last(void)
{
    return w.n_sent ? w.sent[(w.n_sent - 1) % ARRAY_LEN(w.sent)] : "";
}

#define RIG(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
