/* The stream endpoint with a full ICE agent: checks leave, DTLS follows the nominated pair, lost consent stops everything;
 * and checks are answered whatever the stream does. */
#include "tests/fake/sep_far.h"

#include "tests/fake/relay.h"

#define THEIR_PWD "peerpasswordpeerpassword"

static struct bus_ice full;

static void be_full(struct fixture *f, bool controlling)
{
    full = (struct bus_ice){.controlling = controlling, .n = 1, .cands = {{f->a, 2130706431}}};
    f->spec.full = &full;
    strcpy(f->spec.remote_ufrag, "peer");
    strcpy(f->spec.remote_pwd, THEIR_PWD);
}

/* The one request in tx is answered. */
static void respond(struct fixture *f, bool nominates)
{
    uint8_t out[MEDIA_STUN_REPLY];
    struct buf b = buf_over(out, sizeof(out));
    struct stun_msg m;

    assert_int_equal(f->tx.n, 1);
    assert_true(addr_eq(&f->tx.slot[0].to, &f->a));
    assert_int_equal(stun_parse(&m, f->tx.slot[0].p, f->tx.slot[0].n), 0);
    assert_int_equal(m.type, STUN_BINDING_REQUEST);
    assert_true(sv_is(m.username, "peer:" UFRAG) && stun_verify(&m, f->env.mac, SV(THEIR_PWD)));
    assert_int_equal(m.use_candidate, nominates);
    stun_begin(&b, STUN_BINDING_SUCCESS, m.tid);
    stun_put_xaddr(&b, &f->spec.local);
    assert_int_equal(stun_end(&b, f->env.mac, SV(THEIR_PWD)), 0);
    f->tx.n = 0;
    assert_int_equal(feed(f, &f->a, out, b.len), SEP_STUN_OK);
}

static msec_t tick(struct fixture *f, msec_t now)
{
    const msec_t at = sep_deadline(f->sep, now) > now ? sep_deadline(f->sep, now) : now;

    clock_to(at);
    sep_tick(f->sep, &f->tx, at);
    drain(f);
    return at;
}

static msec_t up(struct fixture *f, bool we_are_client)
{
    msec_t now = clock_now();

    be_full(f, true);
    open_sep(f, we_are_client ? BUS_DTLS_CLIENT : BUS_DTLS_SERVER);
    assert_int_equal(f->tx.n, 0);
    now = tick(f, now);
    respond(f, false);
    assert_int_equal(f->tx.n, 0); /* valid, not nominated: no ClientHello yet */
    now = tick(f, now);
    peer_begin(f, !we_are_client);
    respond(f, true);
    assert_string_equal(f->log, "ICE_UP 192.0.2.1:1000 192.0.2.99:9;");
    assert_true(sep_was_checked(f->sep)); /* the worker of a shared port learns the address */
    run(f, both_done);
    return now;
}

static void dtls_follows_the_pair(void **state)
{
    struct fixture *f = *state;

    up(f, true);
    assert_string_equal(f->log, "ICE_UP 192.0.2.1:1000 192.0.2.99:9;DTLS_UP client;up client;");
    assert_carries(f);
    up(f, false);
    assert_string_equal(f->log, "ICE_UP 192.0.2.1:1000 192.0.2.99:9;DTLS_UP server;up server;");
    assert_carries(f);
}

static void lost_consent_stops_everything(void **state)
{
    struct fixture *f = *state;
    msec_t now = up(f, true);
    unsigned asked = 0;

    f->log[0] = '\0';
    while (!f->log[0]) {
        now = tick(f, now);
        asked += f->tx.n;
        f->tx.n = 0;
    }
    assert_string_equal(f->log, "ICE_LOST consent expired;");
    assert_in_range(asked, 4, 7);
    assert_true(sep_deadline(f->sep, now) == MSEC_NEVER);
    sep_send(f->sep, "x", 1, &f->tx);
    sep_close(f->sep, &f->tx);
    assert_int_equal(f->tx.n, 0);
    check(f, &f->a, false); /* its own checks are answered, and revive nothing */
    f->tx.n = 0;
    sep_send(f->sep, "x", 1, &f->tx);
    assert_int_equal(f->tx.n, 0);
}

static void a_new_candidate_is_told(void **state)
{
    struct fixture *f = *state;

    be_full(f, false);
    open_sep(f, BUS_DTLS_SERVER);
    check(f, &f->b, true);
    assert_string_equal(f->log, "ICE_PEER 192.0.2.2:2000;");
    check(f, &f->b, true);
    assert_string_equal(f->log, "ICE_PEER 192.0.2.2:2000;"); /* once */
}

static void no_pair_is_told(void **state)
{
    struct fixture *f = *state;
    const msec_t start = clock_now();
    msec_t now = start;

    f->env.dtls_timeout = 600000;
    be_full(f, true);
    open_sep(f, BUS_DTLS_CLIENT);
    while (!f->log[0]) {
        now = tick(f, now);
        f->tx.n = 0;
    }
    assert_string_equal(f->log, "ICE_FAILED no candidate pair passed its check;");
    assert_true(now - start >= MEDIA_ICE_PATIENCE_MS);
}

/* RFC 7675 5.1, TS 23.334 6.2.17.5: on hold (Mode Inactive, no RTP for long) as on the first day. */
static void hold_answers_checks(void **state)
{
    struct relay *r = calloc(1, sizeof(*r));
    static struct tx tx;
    uint8_t msg[256];
    struct dgram in = {.p = msg};

    (void)state;
    relay_init(r);
    assert_int_equal(stun_mac_new(&r->env.mac), 0);
    r->env.ice_timeout = 30000;
    r->a.sep_spec.ice = true;
    strcpy(r->a.sep_spec.ufrag, UFRAG);
    strcpy(r->a.sep_spec.pwd, PWD);
    relay_open(r);
    in.src = r->a.far;
    for (int i = 0; i < 100; i++) {
        struct stun_msg m;

        if (i == 1)
            flow_gate(r->a.flow, false, false);
        r->now += 5000;
        tx.n = 0;
        in.n = check_make(r->env.mac, &(struct check){.ufrag = UFRAG, .pwd = PWD, .use_candidate = true, .tid = (uint8_t)i}, msg,
                          sizeof(msg));
        assert_int_equal(sep_input(r->a.sep, &in, &tx, r->now), SEP_STUN_OK);
        assert_int_equal(tx.n, 1);
        assert_int_equal(stun_parse(&m, tx.slot[0].p, tx.slot[0].n), 0);
        assert_int_equal(m.type, STUN_BINDING_SUCCESS);
        assert_true(m.tid[0] == i && stun_verify(&m, r->env.mac, SV(PWD)));
        sep_tick(r->a.sep, &tx, r->now);
        assert_int_equal(tx.n, 1);
    }
    relay_close(r);
    stun_mac_free(r->env.mac);
    free(r);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(dtls_follows_the_pair),   TEST(lost_consent_stops_everything), TEST(a_new_candidate_is_told), TEST(no_pair_is_told),
        cmocka_unit_test(hold_answers_checks),
    };

    return cmocka_run_group_tests_name("agw/media/sep: full ICE", tests, NULL, NULL);
}
