/* The stream endpoint: order of ICE, DTLS, fingerprint and data, in both roles, with losses. */
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

#define UFRAG "agwufrag"
#define PWD "gatewaypasswordgateway00"
#define GIVE_UP 3000

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

static void note(struct fixture *f, const char *what, const char *text)
{
    struct buf b = buf_over(f->log, sizeof(f->log) - 1);

    b.len = strlen(f->log);
    buf_printf(&b, "%s%s%s;", what, text[0] ? " " : "", text);
    assert_false(b.overflow);
    f->log[b.len] = '\0';
}

static void drain(struct fixture *f)
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

static enum sep_verdict feed(struct fixture *f, const struct addr *src, const void *p, size_t n)
{
    const struct dgram in = {.src = *src, .p = p, .n = n};
    const enum sep_verdict v = sep_input(f->sep, &in, &f->tx, net_now_ms());

    drain(f);
    return v;
}

static enum sep_verdict check(struct fixture *f, const struct addr *src, bool nominate)
{
    uint8_t msg[256];
    const size_t n = check_make(f->env.mac, &(struct check){.ufrag = UFRAG, .pwd = PWD, .use_candidate = nominate}, msg,
                                sizeof(msg));
    const unsigned from = f->tx.n;
    const enum sep_verdict v = feed(f, src, msg, n);

    assert_true(addr_eq(&f->tx.slot[from].to, src)); /* the answer goes back */
    return v;
}

static bool to_peer(struct fixture *f)
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

static bool from_peer(struct fixture *f)
{
    struct tx sent = f->peer_tx;

    f->peer_tx.n = 0;
    for (unsigned i = 0; i < sent.n; i++)
        if (!f->off && f->n++ != f->lose)
            feed(f, f->at, sent.slot[i].p, sent.slot[i].n);
    return sent.n > 0;
}

static void run(struct fixture *f, bool (*stop)(struct fixture *))
{
    const msec_t start = net_now_ms();
    msec_t now = start;
    bool busy;

    do {
        busy = to_peer(f);
        busy |= from_peer(f);
        now = net_now_ms();
        if (now >= sep_deadline(f->sep, now)) {
            sep_tick(f->sep, &f->tx, now);
            drain(f);
        }
        if (f->peer && now >= dtls_deadline(f->peer, now))
            dtls_tick(f->peer, now, &f->peer_tx);
    } while (busy || (!stop(f) && now < start + GIVE_UP));
}

static bool both_done(struct fixture *f)
{
    return dtls_state(f->peer) != DTLS_HANDSHAKE && strstr(f->log, "DTLS_");
}

static bool peer_done(struct fixture *f)
{
    return dtls_state(f->peer) != DTLS_HANDSHAKE;
}

static void set_fp(char *hash, uint8_t *fp, unsigned *n, const struct cert *cert)
{
    strcpy(hash, "sha-256");
    *n = (unsigned)enc_unhex(sv_from(cert->fingerprint), fp, 32);
    assert_int_equal(*n, 32);
}

static int setup(void **state)
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
    dtls_ctx_set_link(f->env.dtls, 300, 2);
    dtls_ctx_set_link(f->peer_ctx, 300, 2);
    f->env.ice_timeout = 30000;
    f->env.dtls_timeout = GIVE_UP;
    addr_parse(&f->a, SV("192.0.2.1"), 1000);
    addr_parse(&f->b, SV("192.0.2.2"), 2000);
    addr_parse(&f->spec.local, SV("192.0.2.99"), 9);
    f->spec.id = 7;
    f->spec.fd = -1;
    f->spec.ice = true;
    strcpy(f->spec.ufrag, UFRAG);
    strcpy(f->spec.pwd, PWD);
    strcpy(f->spec.peer, "wic");
    set_fp(f->spec.fp_hash, f->spec.fp, &f->spec.fp_len, f->theirs);
    return 0;
}

static int teardown(void **state)
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

static void peer_begin(struct fixture *f, bool client)
{
    uint8_t fp[32];

    dtls_free(f->peer);
    f->peer_tx.n = 0;
    assert_int_equal(dtls_new(&f->peer, f->peer_ctx, client, GIVE_UP, net_now_ms()), 0);
    assert_int_equal(enc_unhex(sv_from(f->ours->fingerprint), fp, sizeof(fp)), 32);
    dtls_expect(f->peer, "sha-256", fp, sizeof(fp), &f->peer_tx);
    if (client)
        dtls_start(f->peer, &f->peer_tx);
}

static void open_sep(struct fixture *f, enum bus_dtls_role role)
{
    sep_free(f->sep);
    f->sep = NULL;
    f->tx.n = 0;
    f->n = 0;
    f->log[0] = f->peer_got[0] = '\0';
    f->spec.role = role;
    f->spec.establish = role == BUS_DTLS_CLIENT;
    assert_int_equal(sep_new(&f->sep, &f->env, &f->spec), 0);
    sep_start(f->sep, &f->tx, net_now_ms());
    drain(f);
}

static void peer_sends(struct fixture *f, const char *text)
{
    assert_int_equal(dtls_write(f->peer, text, strlen(text), &f->peer_tx), 0);
}

static void assert_carries(struct fixture *f)
{
    f->log[0] = '\0';
    peer_sends(f, "to the core");
    from_peer(f);
    assert_string_equal(f->log, "data to the core;");
    assert_int_equal(sep_send(f->sep, "to the wic", 10, &f->tx), 0);
    to_peer(f);
    assert_string_equal(f->peer_got, "to the wic");
}

static void bring_up(struct fixture *f, bool we_are_client)
{
    open_sep(f, we_are_client ? BUS_DTLS_CLIENT : BUS_DTLS_SERVER);
    assert_int_equal(f->tx.n, 0);
    assert_true(sep_deadline(f->sep, net_now_ms()) == MSEC_NEVER); /* nothing has begun before there is a pair */
    peer_begin(f, !we_are_client);
    assert_int_equal(check(f, f->at, true), SEP_STUN_OK);
    run(f, both_done);
}

static void nothing_before_a_check(void **state)
{
    struct fixture *f = *state;
    uint8_t stun[256];
    size_t n;

    open_sep(f, BUS_DTLS_SERVER);
    peer_begin(f, true);
    assert_int_equal(feed(f, &f->a, f->peer_tx.slot[0].p, f->peer_tx.slot[0].n), SEP_UNVALIDATED);
    n = check_make(f->env.mac, &(struct check){.ufrag = UFRAG, .pwd = "wrong", .use_candidate = true}, stun, sizeof(stun));
    assert_int_equal(feed(f, &f->a, stun, n), SEP_STUN_BAD);
    assert_int_equal(feed(f, &f->a, f->peer_tx.slot[0].p, f->peer_tx.slot[0].n), SEP_UNVALIDATED);
    assert_int_equal(feed(f, &f->a, "\x80rtp", 4), SEP_JUNK);
    assert_int_equal(feed(f, &f->a, "", 0), SEP_JUNK);
    assert_int_equal(f->tx.n, 0); /* silence */
    assert_string_equal(f->log, "");
}

static void server_and_client(void **state)
{
    struct fixture *f = *state;

    bring_up(f, false);
    assert_string_equal(f->log, "ICE_UP;DTLS_UP server;up server;");
    assert_carries(f);
    bring_up(f, true);
    assert_string_equal(f->log, "ICE_UP;DTLS_UP client;up client;");
    assert_carries(f);
}

static void every_datagram_lost_once(void **state)
{
    struct fixture *f = *state;

    for (int client = 0; client < 2; client++) {
        int n;

        bring_up(f, client);
        n = f->n;
        assert_true(n > 4);
        for (int i = 0; i < n; i++) {
            f->lose = i;
            bring_up(f, client);
            f->lose = -1;
            assert_non_null(strstr(f->log, "DTLS_UP"));
            assert_carries(f);
        }
    }
}

static void client_waits_for_establish(void **state)
{
    struct fixture *f = *state;

    open_sep(f, BUS_DTLS_NONE);
    assert_int_equal(check(f, &f->a, true), SEP_STUN_OK);
    assert_int_equal(f->tx.n, 1); /* the answer alone */
    f->spec.role = BUS_DTLS_CLIENT;
    sep_remote(f->sep, &f->spec, &f->tx, net_now_ms());
    assert_int_equal(f->tx.n, 1);
    f->spec.establish = true;
    sep_remote(f->sep, &f->spec, &f->tx, net_now_ms());
    assert_true(f->tx.n > 1);
    assert_int_equal(f->tx.slot[1].p[0], 22);
    peer_begin(f, false);
    run(f, both_done);
    assert_carries(f);
}

/* Terminating call: the browser is active and fast, its fingerprint comes with the answer. */
static void early_hello_is_held(void **state)
{
    struct fixture *f = *state;

    for (int wrong = 0; wrong < 2; wrong++) {
        f->spec.fp_hash[0] = '\0';
        open_sep(f, BUS_DTLS_NONE);
        peer_begin(f, true);
        check(f, &f->a, true);
        run(f, peer_done);
        assert_string_equal(f->log, "ICE_UP;");
        peer_sends(f, "one");
        peer_sends(f, "two");
        from_peer(f);
        assert_string_equal(f->log, "ICE_UP;");
        assert_int_equal(sep_send(f->sep, "x", 1, &f->tx), -ENOTCONN);
        set_fp(f->spec.fp_hash, f->spec.fp, &f->spec.fp_len, f->theirs);
        f->spec.fp[0] ^= wrong;
        f->spec.role = BUS_DTLS_SERVER;
        sep_remote(f->sep, &f->spec, &f->tx, net_now_ms());
        drain(f);
        if (!wrong) {
            assert_string_equal(f->log, "ICE_UP;DTLS_UP server;up server;data one;data two;");
            assert_carries(f);
        } else {
            assert_string_equal(f->log, "ICE_UP;DTLS_FAILED fingerprint mismatch;");
            peer_sends(f, "three");
            from_peer(f);
            assert_null(strstr(f->log, "data"));
        }
    }
}

static void mismatch_passes_nothing(void **state)
{
    struct fixture *f = *state;

    f->spec.fp[3] ^= 1;
    for (int client = 0; client < 2; client++) {
        bring_up(f, client);
        assert_string_equal(f->log, "ICE_UP;DTLS_FAILED fingerprint mismatch;");
        assert_int_equal(sep_send(f->sep, "x", 1, &f->tx), -ENOTCONN);
    }
}

static void without_ice_one_address_counts(void **state)
{
    struct fixture *f = *state;

    f->spec.ice = false;
    f->spec.has_remote = true;
    f->spec.remote = f->a;
    open_sep(f, BUS_DTLS_SERVER);
    peer_begin(f, true);
    assert_int_equal(feed(f, &f->b, f->peer_tx.slot[0].p, f->peer_tx.slot[0].n), SEP_UNVALIDATED);
    run(f, both_done);
    assert_string_equal(f->log, "DTLS_UP server;up server;");
    assert_carries(f);
}

static void follows_the_nominated_pair(void **state)
{
    struct fixture *f = *state;

    bring_up(f, false);
    f->tx.n = 0;
    check(f, &f->b, true);
    f->at = &f->b;
    assert_carries(f);
}

static void sends_nothing_while_lost(void **state)
{
    struct fixture *f = *state;
    msec_t now;

    bring_up(f, false);
    f->log[0] = '\0';
    now = net_now_ms() + f->env.ice_timeout + 1;
    assert_true(sep_deadline(f->sep, now) <= now);
    sep_tick(f->sep, &f->tx, now);
    drain(f);
    assert_string_equal(f->log, "ICE_LOST no connectivity check;");
    assert_int_equal(sep_send(f->sep, "x", 1, &f->tx), -ENOTCONN);
    check(f, &f->a, false);
    assert_non_null(strstr(f->log, "ICE_UP resumed;"));
    f->tx.n = 0;
    assert_carries(f);
}

static void both_ends_may_close(void **state)
{
    struct fixture *f = *state;

    bring_up(f, false);
    f->log[0] = '\0';
    dtls_close(f->peer, &f->peer_tx);
    from_peer(f);
    assert_string_equal(f->log, "DTLS_CLOSED close_notify;down;");
    bring_up(f, false);
    f->log[0] = '\0';
    sep_close(f->sep, &f->tx);
    drain(f);
    assert_string_equal(f->log, "down;");
    to_peer(f);
    assert_int_equal(dtls_state(f->peer), DTLS_CLOSED);
}

/* RFC 8842 4: another fingerprint is another association */
static void new_fingerprint_new_association(void **state)
{
    struct fixture *f = *state;

    bring_up(f, false);
    f->log[0] = '\0';
    f->spec.fp[0] ^= 1;
    sep_remote(f->sep, &f->spec, &f->tx, net_now_ms());
    drain(f);
    assert_string_equal(f->log, "down;");
    f->log[0] = '\0';
    set_fp(f->spec.fp_hash, f->spec.fp, &f->spec.fp_len, f->theirs);
    sep_remote(f->sep, &f->spec, &f->tx, net_now_ms());
    peer_begin(f, true);
    run(f, both_done);
    assert_string_equal(f->log, "DTLS_UP server;up server;");
    assert_carries(f);
}

static void handshake_times_out(void **state)
{
    struct fixture *f = *state;

    open_sep(f, BUS_DTLS_CLIENT);
    f->off = true;
    check(f, &f->a, true);
    sep_tick(f->sep, &f->tx, net_now_ms() + GIVE_UP + 1);
    drain(f);
    assert_string_equal(f->log, "ICE_UP;DTLS_FAILED handshake timed out;");
}

static void no_hello_at_all(void **state)
{
    struct fixture *f = *state;
    msec_t by;

    open_sep(f, BUS_DTLS_SERVER);
    assert_true(sep_deadline(f->sep, net_now_ms()) == MSEC_NEVER); /* ringing may take long */
    check(f, &f->a, true);
    by = net_now_ms() + GIVE_UP;
    assert_true(sep_deadline(f->sep, net_now_ms()) <= by);
    for (int i = 0; i < 2; i++) {
        sep_tick(f->sep, &f->tx, by);
        drain(f);
        assert_string_equal(f->log, "ICE_UP;DTLS_FAILED no ClientHello;"); /* told once */
    }
}

/* --- SRTP by the keys of the handshake --- */

struct far_keys {
    struct srtp *tx, *rx;
};

static void far_keys(struct fixture *f, struct far_keys *k)
{
    struct srtp_key ours, theirs;

    assert_int_equal(dtls_srtp(f->peer, &ours, &theirs), 0);
    assert_int_equal(srtp_new(&k->tx, SRTP_OPENSSL, &ours, false), 0);
    assert_int_equal(srtp_new(&k->rx, SRTP_OPENSSL, &theirs, true), 0);
}

static void far_keys_free(struct far_keys *k)
{
    srtp_free(k->tx);
    srtp_free(k->rx);
}

#define PLAIN "\200\010\0\1\0\0\0\1\0\0\0\1voice of twenty milliseconds"

/* One packet of the far end; NULL: not sealed. */
static enum sep_verdict rtp_in(struct fixture *f, struct srtp *tx, uint8_t seq)
{
    uint8_t p[256] = PLAIN;
    struct pkt pkt = {.from = *f->at, .p = p, .n = sizeof(PLAIN) - 1, .end = p + sizeof(p)};
    struct flow *flow = NULL;
    enum sep_verdict v;

    p[3] = seq;
    if (tx)
        assert_int_equal(srtp_seal(tx, p, &pkt.n, sizeof(p)), 0);
    v = sep_media(f->sep, &pkt, &flow, net_now_ms());
    if (v == SEP_MEDIA)
        assert_memory_equal(p + 12, "voice", 5);
    return v;
}

static int rtp_out(struct fixture *f, struct srtp *rx, uint8_t seq)
{
    uint8_t p[256] = PLAIN;
    struct pkt pkt = {.p = p, .n = sizeof(PLAIN) - 1, .end = p + sizeof(p)};
    int err;

    p[3] = seq;
    err = sep_seal(f->sep, &pkt);
    if (!err) {
        assert_true(addr_eq(&pkt.to, f->at));
        assert_int_equal(srtp_open(rx, p, &pkt.n), 0);
        assert_memory_equal(p, PLAIN, 3);
        assert_memory_equal(p + 12, "voice", 5);
    }
    return err;
}

static struct flow *add_flow(struct fixture *f)
{
    const struct bus_flow spec = {.id = 8, .sep = 7, .in = true, .out = true};
    struct flow *flow;

    assert_int_equal(flow_new(&flow, f->sep, &spec, net_now_ms()), 0);
    return flow;
}

static void want_rtp(struct fixture *f)
{
    f->spec.rtp = (struct bus_rtp){.on = true, .sec = BUS_SEC_DTLS, .mux = true, .rtcp_fd = -1};
}

static void srtp_in_both_roles(void **state)
{
    struct fixture *f = *state;
    struct far_keys k;
    struct flow *flow;

    want_rtp(f);
    for (int client = 0; client < 2; client++) {
        bring_up(f, client);
        flow = add_flow(f);
        far_keys(f, &k);
        assert_int_equal(rtp_in(f, NULL, 1), SEP_DROPPED);
        assert_int_equal(rtp_in(f, k.tx, 2), SEP_MEDIA);
        assert_int_equal(rtp_out(f, k.rx, 2), 0);
        assert_carries(f); /* a data channel beside it */
        f->log[0] = '\0';
        dtls_close(f->peer, &f->peer_tx);
        from_peer(f);
        assert_int_equal(rtp_in(f, k.tx, 3), SEP_DROPPED); /* closed: nothing in, nothing out */
        assert_int_equal(rtp_out(f, k.rx, 3), -ENOTCONN);
        far_keys_free(&k);
        flow_free(flow);
    }
}

/* The handshake may be done before the fingerprint is known; keys are not believed before it matched (RFC 8842 6). */
static void srtp_waits_for_the_fingerprint(void **state)
{
    struct fixture *f = *state;
    struct far_keys k;
    struct flow *flow;

    want_rtp(f);
    for (int wrong = 0; wrong < 2; wrong++) {
        f->spec.fp_hash[0] = '\0';
        open_sep(f, BUS_DTLS_NONE);
        flow = add_flow(f);
        peer_begin(f, true);
        check(f, &f->a, true);
        run(f, peer_done);
        far_keys(f, &k);
        assert_int_equal(rtp_in(f, k.tx, 1), SEP_DROPPED);
        assert_int_equal(rtp_out(f, k.rx, 1), -ENOTCONN);
        set_fp(f->spec.fp_hash, f->spec.fp, &f->spec.fp_len, f->theirs);
        f->spec.fp[0] ^= wrong;
        f->spec.role = BUS_DTLS_SERVER;
        sep_remote(f->sep, &f->spec, &f->tx, net_now_ms());
        drain(f);
        assert_int_equal(rtp_in(f, k.tx, 2), wrong ? SEP_DROPPED : SEP_MEDIA);
        assert_int_equal(rtp_out(f, k.rx, 2), wrong ? -ENOTCONN : 0);
        far_keys_free(&k);
        flow_free(flow);
    }
}

/* A call that began with data alone gets audio: the association stays, its keys were there. */
static void srtp_joins_data(void **state)
{
    struct fixture *f = *state;
    struct far_keys k;
    struct flow *flow;

    bring_up(f, false);
    assert_int_equal(rtp_in(f, NULL, 1), SEP_JUNK);
    want_rtp(f);
    f->log[0] = '\0';
    sep_remote(f->sep, &f->spec, &f->tx, net_now_ms());
    drain(f);
    assert_string_equal(f->log, "");
    flow = add_flow(f);
    far_keys(f, &k);
    assert_int_equal(rtp_in(f, k.tx, 2), SEP_MEDIA);
    assert_int_equal(rtp_out(f, k.rx, 2), 0);
    far_keys_free(&k);
    flow_free(flow);
}

/* Another association: media goes on with the old keys until the new handshake is done. */
static void srtp_changes_association(void **state)
{
    struct fixture *f = *state;
    struct far_keys old, new;
    struct flow *flow;

    want_rtp(f);
    bring_up(f, false);
    flow = add_flow(f);
    far_keys(f, &old);
    f->spec.fp[0] ^= 1;
    sep_remote(f->sep, &f->spec, &f->tx, net_now_ms());
    drain(f);
    assert_int_equal(rtp_in(f, old.tx, 2), SEP_MEDIA);
    set_fp(f->spec.fp_hash, f->spec.fp, &f->spec.fp_len, f->theirs);
    sep_remote(f->sep, &f->spec, &f->tx, net_now_ms());
    peer_begin(f, true);
    f->log[0] = '\0';
    run(f, both_done);
    far_keys(f, &new);
    assert_int_equal(rtp_in(f, old.tx, 3), SEP_MEDIA); /* under way */
    assert_int_equal(rtp_in(f, new.tx, 4), SEP_MEDIA);
    assert_int_equal(rtp_in(f, old.tx, 5), SEP_DROPPED);
    assert_int_equal(rtp_out(f, new.rx, 5), 0);
    far_keys_free(&old);
    far_keys_free(&new);
    flow_free(flow);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_before_a_check),
        TEST(server_and_client),
        TEST(every_datagram_lost_once),
        TEST(client_waits_for_establish),
        TEST(early_hello_is_held),
        TEST(mismatch_passes_nothing),
        TEST(without_ice_one_address_counts),
        TEST(follows_the_nominated_pair),
        TEST(sends_nothing_while_lost),
        TEST(both_ends_may_close),
        TEST(new_fingerprint_new_association),
        TEST(handshake_times_out),
        TEST(no_hello_at_all),
        TEST(srtp_in_both_roles),
        TEST(srtp_waits_for_the_fingerprint),
        TEST(srtp_joins_data),
        TEST(srtp_changes_association),
    };

    return cmocka_run_group_tests_name("agw/media/sep", tests, NULL, NULL);
}
