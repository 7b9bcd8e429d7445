/* The stream endpoint: order of ICE, DTLS, fingerprint and data, in both roles, with losses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <errno.h>

#include "tests/fake/sep_far.h"

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
    sep_remote(f->sep, &f->spec, &f->tx, clock_now());
    assert_int_equal(f->tx.n, 1);
    f->spec.establish = true;
    sep_remote(f->sep, &f->spec, &f->tx, clock_now());
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
        sep_remote(f->sep, &f->spec, &f->tx, clock_now());
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

/* The same hello in two records of a datagram each, `second` first (RFC 6347 4.2.3); at: octets of the body in the first. */
static size_t fragment(const struct tx_slot *hello, size_t at, bool second, uint8_t *out)
{
    const size_t body = hello->n - 25, off = second ? at : 0, n = second ? body - at : at;

    memcpy(out, hello->p, 25);
    out[10] = (uint8_t)(40 + second);                  /* number of the record: none that its others have */
    out[11] = (uint8_t)((n + 12) >> 8), out[12] = (uint8_t)(n + 12);
    out[19] = 0, out[20] = (uint8_t)(off >> 8), out[21] = (uint8_t)off;
    out[22] = 0, out[23] = (uint8_t)(n >> 8), out[24] = (uint8_t)n;
    memcpy(out + 25, hello->p + 25 + off, n);
    return n + 25;
}

/* Chromium's hello has two datagrams, and may be here before its answer is: whichever comes first. */
static void early_hello_in_fragments(void **state)
{
    struct fixture *f = *state;
    uint8_t part[2048];

    for (int swapped = 0; swapped < 2; swapped++) {
        struct tx_slot hello;

        open_sep(f, BUS_DTLS_NONE);
        peer_begin(f, true);
        check(f, &f->a, true);
        hello = f->peer_tx.slot[0];
        f->tx.n = f->peer_tx.n = 0;
        assert_int_equal(feed(f, &f->a, part, fragment(&hello, 50, swapped, part)), SEP_DTLS);
        assert_int_equal(f->tx.n, 0);
        assert_int_equal(feed(f, &f->a, part, fragment(&hello, 50, !swapped, part)), SEP_DTLS);
        assert_true(f->tx.n > 0);
        assert_int_equal(f->tx.slot[0].p[13], 2); /* ServerHello */
        run(f, peer_done);
        assert_int_equal(dtls_state(f->peer), DTLS_UP);
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

/* RFC 6347 4.2.1: who writes a victim's address into SDP and forges hellos from there gets it nothing longer than what he sent. */
static void without_ice_nothing_is_amplified(void **state)
{
    struct fixture *f = *state;
    size_t in = 0, out = 0;

    f->spec.ice = false;
    f->spec.has_remote = true;
    f->spec.remote = f->a;
    open_sep(f, BUS_DTLS_SERVER);
    for (unsigned i = 0; i < 20; i++) { /* each with another hello, none with our cookie */
        peer_begin(f, true);
        in += f->peer_tx.slot[0].n;
        feed(f, &f->a, f->peer_tx.slot[0].p, f->peer_tx.slot[0].n);
        sep_tick(f->sep, &f->tx, clock_now() + 500);
        drain(f);
    }
    for (unsigned i = 0; i < f->tx.n; i++)
        out += f->tx.slot[i].n;
    assert_in_range(out, 20, in);
    assert_int_equal(f->tx.slot[0].p[13], 3); /* HelloVerifyRequest */
    print_message("reflection_dtls_no_ice=%.2f\n", (double)out / (double)in);
    f->spec.ice = true;
    open_sep(f, BUS_DTLS_SERVER);
    peer_begin(f, true);
    assert_int_equal(feed(f, &f->a, f->peer_tx.slot[0].p, f->peer_tx.slot[0].n), SEP_UNVALIDATED);
    assert_int_equal(f->tx.n, 0);
    print_message("reflection_dtls_ice=0.00\n");
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
    now = clock_now() + f->env.ice_timeout + 1;
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
    sep_remote(f->sep, &f->spec, &f->tx, clock_now());
    drain(f);
    assert_string_equal(f->log, "down;");
    f->log[0] = '\0';
    set_fp(f->spec.fp_hash, f->spec.fp, &f->spec.fp_len, f->theirs);
    sep_remote(f->sep, &f->spec, &f->tx, clock_now());
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
    sep_tick(f->sep, &f->tx, clock_now() + GIVE_UP + 1);
    drain(f);
    assert_string_equal(f->log, "ICE_UP;DTLS_FAILED handshake timed out;");
}

static void no_hello_at_all(void **state)
{
    struct fixture *f = *state;
    msec_t by;

    open_sep(f, BUS_DTLS_SERVER);
    assert_true(sep_deadline(f->sep, clock_now()) == MSEC_NEVER); /* ringing may take long */
    check(f, &f->a, true);
    by = clock_now() + GIVE_UP;
    assert_true(sep_deadline(f->sep, clock_now()) <= by);
    for (int i = 0; i < 2; i++) {
        sep_tick(f->sep, &f->tx, by);
        drain(f);
        assert_string_equal(f->log, "ICE_UP;DTLS_FAILED no ClientHello;"); /* told once */
    }
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
        TEST(early_hello_in_fragments),
        TEST(mismatch_passes_nothing),
        TEST(without_ice_one_address_counts),
        TEST(without_ice_nothing_is_amplified),
        TEST(follows_the_nominated_pair),
        TEST(sends_nothing_while_lost),
        TEST(both_ends_may_close),
        TEST(new_fingerprint_new_association),
        TEST(handshake_times_out),
        TEST(no_hello_at_all),
    };

    return cmocka_run_group_tests_name("agw/media/sep", tests, NULL, NULL);
}
