/* A stream endpoint and its far end in DTLS, without sockets: the fixture of the tests of agw/media/sep. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <errno.h>

#include "agw/ctl/cert.h"
#include "agw/media/flow.h"
#include "agw/media/sep.h"
#include "common/enc.h"
#include "tests/fake/check.h"
#include "tests/fake/clock.h"

#define UFRAG "agwufrag"
#define PWD "gatewaypasswordgateway00"
#define GIVE_UP 3000
#define RTO_MS 50 /* OpenSSL takes what is less than 15 ms away for passed */

struct fixture {
    struct cert *ours, *theirs;
    struct sep_env env;
    struct bus_sep spec;
    struct sep *sep;
    struct dtls_ctx *peer_ctx;
    struct dtls *peer; /* NULL: says nothing in DTLS */
    struct addr a, b;
    const struct addr *at; /* where the peer sends from */
    struct tx tx, peer_tx;
    int n, lose;           /* datagrams so far; number of the lost one or -1 */
    bool off;              /* the peer's network is down */
    char log[512];         /* what the sep said */
    char peer_got[64];
};

static inline void note(struct fixture *f, const char *what, const char *text)
{
    struct buf b = buf_over(f->log, sizeof(f->log) - 1);

    b.len = strlen(f->log);
    buf_printf(&b, "%s%s%s;", what, text[0] ? " " : "", text);
    assert_false(b.overflow);
    f->log[b.len] = '\0';
}

static inline void drain(struct fixture *f)
{
    struct sep_out out;
    char text[65];

    while (sep_output(f->sep, &out, &f->tx)) {
        switch (out.kind) {
        case SEP_OUT_EVENT:
            note(f, bus_what_name(out.what), out.text);
            break;
        case SEP_OUT_UP:
            note(f, "up", out.text);
            break;
        case SEP_OUT_DATA:
            sv_copy((struct sv){(const char *)out.p, out.n}, text, sizeof(text));
            note(f, "data", text);
            break;
        case SEP_OUT_DOWN:
            note(f, "down", "");
            break;
        case SEP_OUT_NONE:
            fail();
        }
    }
}

static inline enum sep_verdict feed(struct fixture *f, const struct addr *src, const void *p, size_t n)
{
    const struct dgram in = {.src = *src, .p = p, .n = n};
    const enum sep_verdict v = sep_input(f->sep, &in, &f->tx, clock_now());

    drain(f);
    return v;
}

static inline enum sep_verdict check(struct fixture *f, const struct addr *src, bool nominate)
{
    uint8_t msg[256];
    const size_t n = check_make(f->env.mac, &(struct check){.ufrag = UFRAG, .pwd = PWD, .use_candidate = nominate}, msg,
                                sizeof(msg));
    const unsigned from = f->tx.n;
    const enum sep_verdict v = feed(f, src, msg, n);

    assert_true(addr_eq(&f->tx.slot[from].to, src)); /* the answer goes back */
    return v;
}

static inline bool to_peer(struct fixture *f)
{
    struct tx got = f->tx;
    char text[64];
    size_t n;

    f->tx.n = 0;
    for (unsigned i = 0; i < got.n; i++) {
        const struct tx_slot *s = &got.slot[i];

        assert_true(s->n > 0);
        if (s->p[0] < 20 || !f->peer || f->off || f->n++ == f->lose)
            continue;
        assert_true(addr_eq(&s->to, f->at));
        dtls_input(f->peer, s->p, s->n, &f->peer_tx);
        while ((n = dtls_read(f->peer, text, sizeof(text), &f->peer_tx)) > 0)
            sv_copy((struct sv){text, n}, f->peer_got, sizeof(f->peer_got));
    }
    return got.n > 0;
}

static inline bool from_peer(struct fixture *f)
{
    struct tx sent = f->peer_tx;

    f->peer_tx.n = 0;
    for (unsigned i = 0; i < sent.n; i++)
        if (!f->off && f->n++ != f->lose)
            feed(f, f->at, sent.slot[i].p, sent.slot[i].n);
    return sent.n > 0;
}

static inline void due(struct fixture *f, msec_t at)
{
    if (at >= sep_deadline(f->sep, at)) {
        sep_tick(f->sep, &f->tx, at);
        drain(f);
    }
    if (f->peer && at >= dtls_deadline(f->peer, at))
        dtls_tick(f->peer, at, &f->peer_tx);
}

static inline bool pass(struct fixture *f)
{
    const bool there = to_peer(f), back = from_peer(f);

    return there || back;
}

/* At most GIVE_UP; time passes when nothing is under way. */
static inline void run(struct fixture *f, bool (*stop)(struct fixture *))
{
    const msec_t end = clock_now() + GIVE_UP;

    for (;;) {
        const msec_t now = clock_now(), ours = sep_deadline(f->sep, now);
        const msec_t theirs = f->peer ? dtls_deadline(f->peer, now) : MSEC_NEVER;
        const msec_t next = ours < theirs ? ours : theirs;

        if (pass(f))
            continue;
        if (stop(f) || now >= end)
            return;
        clock_to(next < end ? next : end);
        due(f, clock_now());
    }
}

static inline bool both_done(struct fixture *f)
{
    return dtls_state(f->peer) != DTLS_HANDSHAKE && strstr(f->log, "DTLS_");
}

static inline bool peer_done(struct fixture *f)
{
    return dtls_state(f->peer) != DTLS_HANDSHAKE;
}

static inline void set_fp(char *hash, uint8_t *fp, unsigned *n, const struct cert *cert)
{
    strcpy(hash, "sha-256");
    *n = (unsigned)enc_unhex(sv_from(cert->fingerprint), fp, 32);
    assert_int_equal(*n, 32);
}

static inline int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    *state = f;
    f->lose = -1;
    f->at = &f->a;
    assert_int_equal(cert_new(&f->ours, "agw") | cert_new(&f->theirs, "peer"), 0);
    assert_int_equal(stun_mac_new(&f->env.mac), 0);
    assert_int_equal(dtls_ctx_new(&f->env.dtls, f->ours->der, f->ours->der_len, f->ours->key, f->ours->key_len), 0);
    assert_int_equal(
        dtls_ctx_new(&f->peer_ctx, f->theirs->der, f->theirs->der_len, f->theirs->key, f->theirs->key_len), 0);
    dtls_ctx_set_link(f->env.dtls, 300, RTO_MS);
    dtls_ctx_set_link(f->peer_ctx, 300, RTO_MS);
    f->env.ice_timeout = 30000;
    f->env.dtls_timeout = GIVE_UP;
    addr_parse(&f->a, SV("192.0.2.1"), 1000);
    addr_parse(&f->b, SV("192.0.2.2"), 2000);
    addr_parse(&f->spec.local, SV("192.0.2.99"), 9);
    f->spec.id = 7;
    f->spec.fd = -1;
    f->spec.ice = true;
    f->spec.data = true;
    strcpy(f->spec.ufrag, UFRAG);
    strcpy(f->spec.pwd, PWD);
    strcpy(f->spec.peer, "wic");
    set_fp(f->spec.fp_hash, f->spec.fp, &f->spec.fp_len, f->theirs);
    return 0;
}

static inline int teardown(void **state)
{
    struct fixture *f = *state;

    sep_free(f->sep);
    dtls_free(f->peer);
    dtls_ctx_free(f->peer_ctx);
    dtls_ctx_free(f->env.dtls);
    stun_mac_free(f->env.mac);
    cert_free(f->ours);
    cert_free(f->theirs);
    free(f);
    return 0;
}

static inline void peer_begin(struct fixture *f, bool client)
{
    uint8_t fp[32];

    dtls_free(f->peer);
    f->peer_tx.n = 0;
    assert_int_equal(dtls_new(&f->peer, f->peer_ctx, client, GIVE_UP, clock_now()), 0);
    assert_int_equal(enc_unhex(sv_from(f->ours->fingerprint), fp, sizeof(fp)), 32);
    dtls_expect(f->peer, "sha-256", fp, sizeof(fp), &f->peer_tx);
    if (client)
        dtls_start(f->peer, &f->peer_tx);
}

static inline void open_sep(struct fixture *f, enum bus_dtls_role role)
{
    sep_free(f->sep);
    f->sep = NULL;
    f->tx.n = 0;
    f->n = 0;
    f->log[0] = f->peer_got[0] = '\0';
    f->spec.role = role;
    f->spec.establish = role == BUS_DTLS_CLIENT;
    assert_int_equal(sep_new(&f->sep, &f->env, &f->spec), 0);
    sep_start(f->sep, &f->tx, clock_now());
    drain(f);
}

static inline void peer_sends(struct fixture *f, const char *text)
{
    assert_int_equal(dtls_write(f->peer, text, strlen(text), &f->peer_tx), 0);
}

static inline void assert_carries(struct fixture *f)
{
    f->log[0] = '\0';
    peer_sends(f, "to the core");
    from_peer(f);
    assert_string_equal(f->log, "data to the core;");
    assert_int_equal(sep_send(f->sep, "to the wic", 10, &f->tx), 0);
    to_peer(f);
    assert_string_equal(f->peer_got, "to the wic");
}

static inline void bring_up(struct fixture *f, bool we_are_client)
{
    open_sep(f, we_are_client ? BUS_DTLS_CLIENT : BUS_DTLS_SERVER);
    assert_int_equal(f->tx.n, 0);
    assert_true(sep_deadline(f->sep, clock_now()) == MSEC_NEVER); /* nothing has begun before there is a pair */
    peer_begin(f, !we_are_client);
    assert_int_equal(check(f, f->at, true), SEP_STUN_OK);
    run(f, both_done);
}
