/* The stream endpoint: SRTP by the keys of the handshake, in both roles, not before the fingerprint matched. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <errno.h>

#include "tests/fake/sep_far.h"

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
    v = sep_media(f->sep, &pkt, &flow, clock_now());
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

    assert_int_equal(flow_new(&flow, f->sep, &spec, clock_now()), 0);
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
        sep_remote(f->sep, &f->spec, &f->tx, clock_now());
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
    sep_remote(f->sep, &f->spec, &f->tx, clock_now());
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
    sep_remote(f->sep, &f->spec, &f->tx, clock_now());
    drain(f);
    assert_int_equal(rtp_in(f, old.tx, 2), SEP_MEDIA);
    set_fp(f->spec.fp_hash, f->spec.fp, &f->spec.fp_len, f->theirs);
    sep_remote(f->sep, &f->spec, &f->tx, clock_now());
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

/* ... and when nobody comes to make it, the old keys leave. */
static void srtp_ends_with_its_association(void **state)
{
    struct fixture *f = *state;
    struct far_keys old;
    struct flow *flow;
    msec_t now = clock_now();

    want_rtp(f);
    bring_up(f, false);
    flow = add_flow(f);
    far_keys(f, &old);
    f->spec.fp[0] ^= 1;
    sep_remote(f->sep, &f->spec, &f->tx, now);
    drain(f);
    assert_int_equal(rtp_in(f, old.tx, 2), SEP_MEDIA);
    f->log[0] = '\0';
    sep_tick(f->sep, &f->tx, sep_deadline(f->sep, now) + 60000);
    drain(f);
    assert_non_null(strstr(f->log, "no ClientHello"));
    assert_int_equal(rtp_in(f, old.tx, 3), SEP_DROPPED);
    assert_int_equal(rtp_out(f, old.rx, 3), -ENOTCONN);
    far_keys_free(&old);
    flow_free(flow);
}

/* The other side becomes the DTLS client (RFC 8842 5.5): a new association, whose keys replace the old ones. */
static void srtp_changes_role(void **state)
{
    struct fixture *f = *state;
    struct far_keys old, new;
    struct flow *flow;

    want_rtp(f);
    bring_up(f, true);
    flow = add_flow(f);
    far_keys(f, &old);
    assert_int_equal(rtp_in(f, old.tx, 1), SEP_MEDIA);
    f->spec.role = BUS_DTLS_SERVER;
    f->spec.establish = false;
    sep_remote(f->sep, &f->spec, &f->tx, clock_now());
    drain(f);
    peer_begin(f, true);
    f->log[0] = '\0';
    run(f, both_done);
    assert_non_null(strstr(f->log, "DTLS_UP server"));
    far_keys(f, &new);
    assert_int_equal(rtp_in(f, new.tx, 2), SEP_MEDIA);
    assert_int_equal(rtp_in(f, old.tx, 3), SEP_DROPPED);
    assert_int_equal(rtp_out(f, new.rx, 3), 0);
    far_keys_free(&old);
    far_keys_free(&new);
    flow_free(flow);
}

/* The same certificate in a new association (RFC 8842 5.5), in either role; what is under way is not begun anew. */
static void srtp_again(void **state)
{
    struct fixture *f = *state;
    struct far_keys old, new;
    struct flow *flow;

    want_rtp(f);
    for (int client = 0; client < 2; client++) {
        bring_up(f, client);
        flow = add_flow(f);
        far_keys(f, &old);
        f->log[0] = '\0';
        f->spec.again = true;
        peer_begin(f, !client); /* the far end's is new before ours sends */
        sep_remote(f->sep, &f->spec, &f->tx, clock_now());
        sep_remote(f->sep, &f->spec, &f->tx, clock_now());
        f->spec.again = false;
        run(f, both_done);
        assert_non_null(strstr(f->log, client ? "DTLS_UP client" : "DTLS_UP server"));
        far_keys(f, &new);
        assert_int_equal(rtp_in(f, new.tx, 2), SEP_MEDIA);
        assert_int_equal(rtp_in(f, old.tx, 3), SEP_DROPPED);
        assert_int_equal(rtp_out(f, new.rx, 3), 0);
        sep_remote(f->sep, &f->spec, &f->tx, clock_now()); /* unasked: it stays */
        assert_int_equal(rtp_in(f, new.tx, 4), SEP_MEDIA);
        assert_carries(f);
        far_keys_free(&old);
        far_keys_free(&new);
        flow_free(flow);
    }
}

/* A channel comes to a bundle that had media alone: SCTP hears that the association stands; again when it comes again. */
static void data_joins_srtp(void **state)
{
    struct fixture *f = *state;

    f->spec.data = false;
    want_rtp(f);
    bring_up(f, false);
    assert_non_null(strstr(f->log, "DTLS_UP server;"));
    assert_null(strstr(f->log, ";up server;"));
    for (int i = 0; i < 2; i++) {
        f->log[0] = '\0';
        f->spec.data = true;
        sep_remote(f->sep, &f->spec, &f->tx, clock_now());
        sep_remote(f->sep, &f->spec, &f->tx, clock_now());
        drain(f);
        assert_string_equal(f->log, "up server;"); /* once */
        f->spec.data = false;
        sep_remote(f->sep, &f->spec, &f->tx, clock_now());
    }
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(srtp_in_both_roles),
        TEST(srtp_waits_for_the_fingerprint),
        TEST(srtp_joins_data),
        TEST(srtp_changes_association),
        TEST(srtp_ends_with_its_association),
        TEST(srtp_changes_role),
        TEST(srtp_again),
        TEST(data_joins_srtp),
    };

    return cmocka_run_group_tests_name("agw/media/sep_srtp", tests, NULL, NULL);
}
