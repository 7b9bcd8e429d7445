/* ICE-lite: who is answered and who meets silence, nomination, restart, loss. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <errno.h>

#include "agw/media/ice.h"
#include "tests/fake/check.h"

#define PWD "gatewaypasswordgateway00"
#define TIMEOUT 30000

struct fixture {
    struct stun_mac *mac;
    struct ice *ice;
    struct addr a, b;
    uint8_t out[MEDIA_STUN_REPLY];
    struct buf reply;
    struct tx tx;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    *state = f;
    return stun_mac_new(&f->mac) || ice_new(&f->ice, f->mac, "agwufrag", PWD, TIMEOUT) ||
           addr_parse(&f->a, SV("192.0.2.1"), 1000) || addr_parse(&f->b, SV("2001:db8::1"), 2000);
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    ice_free(f->ice);
    stun_mac_free(f->mac);
    free(f);
    return 0;
}

static int feed(struct fixture *f, const struct addr *src, struct check c, msec_t now)
{
    uint8_t msg[256];
    struct dgram in = {.src = *src, .p = msg};

    if (!c.ufrag)
        c.ufrag = "agwufrag";
    if (!c.pwd)
        c.pwd = PWD;
    in.n = check_make(f->mac, &c, msg, sizeof(msg));
    assert_true(in.n > 0);
    f->reply = buf_over(f->out, sizeof(f->out));
    return ice_input(f->ice, &in, &f->reply, now);
}

static void assert_error(struct fixture *f, unsigned code)
{
    struct stun_msg m;

    assert_int_equal(stun_parse(&m, f->out, f->reply.len), 0);
    assert_int_equal(m.type, STUN_BINDING_ERROR);
    assert_int_equal(m.error, code);
    assert_true(stun_verify(&m, f->mac, SV(PWD)));
}

static void answers_a_check(void **state)
{
    struct fixture *f = *state;
    struct stun_msg m;

    assert_false(ice_is_valid(f->ice, &f->b));
    assert_int_equal(feed(f, &f->b, (struct check){.tid = 9, .unknown = 0xc057}, 5), ICE_CHECK);
    assert_int_equal(stun_parse(&m, f->out, f->reply.len), 0);
    assert_int_equal(m.type, STUN_BINDING_SUCCESS);
    assert_int_equal(m.tid[0], 9);
    assert_true(m.has_fingerprint && !m.username.p && addr_eq(&m.mapped, &f->b));
    assert_true(stun_verify(&m, f->mac, SV(PWD)));
    assert_true(ice_is_valid(f->ice, &f->b));
    assert_null(ice_selected(f->ice));
    assert_true(ice_deadline(f->ice) == MSEC_NEVER);
}

static void silence_for_strangers(void **state)
{
    static const struct check bad[] = {
        {.ufrag = "someoneelse"},
        {.ufrag = ""},
        {.ufrag = "agwufra"},
        {.pwd = "wrong"},
        {.no_integrity = true},
        {.pwd = "wrong", .unknown = 0x7fff, .use_candidate = true},
    };
    static const uint8_t junk[20] = {0, 1};
    struct fixture *f = *state;
    const struct dgram in = {.src = f->a, .p = junk, .n = sizeof(junk)};

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(feed(f, &f->a, bad[i], 5), -EACCES);
        assert_int_equal(f->reply.len, 0);
    }
    assert_int_equal(feed(f, &f->a, (struct check){.no_fingerprint = true}, 5), -EBADMSG);
    assert_int_equal(f->reply.len, 0);
    assert_int_equal(ice_input(f->ice, &in, &f->reply, 5), -EBADMSG);
    assert_int_equal(f->reply.len, 0);
    assert_false(ice_is_valid(f->ice, &f->a));
}

static void indication_and_response_are_silent(void **state)
{
    static const uint8_t tid[STUN_TID];
    struct fixture *f = *state;
    uint8_t msg[64];
    struct buf b = buf_over(msg, sizeof(msg));
    struct dgram in = {.src = f->a, .p = msg};

    stun_begin(&b, STUN_BINDING_INDICATION, tid);
    assert_int_equal(stun_end(&b, NULL, SV_NONE), 0);
    in.n = b.len;
    f->reply = buf_over(f->out, sizeof(f->out));
    assert_int_equal(ice_input(f->ice, &in, &f->reply, 1), 0);
    b = buf_over(msg, sizeof(msg));
    stun_begin(&b, STUN_BINDING_SUCCESS, tid);
    assert_int_equal(stun_end(&b, f->mac, SV(PWD)), 0);
    in.n = b.len;
    assert_int_equal(ice_input(f->ice, &in, &f->reply, 1), -EBADMSG);
    assert_int_equal(f->reply.len, 0);
    assert_false(ice_is_valid(f->ice, &f->a));
}

static void refusals_are_authenticated(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(feed(f, &f->a, (struct check){.unknown = 0x7fff}, 1), 0);
    assert_error(f, 420);
    assert_int_equal(feed(f, &f->a, (struct check){.controlled = true}, 1), 0);
    assert_error(f, 487);
    assert_int_equal(feed(f, &f->a, (struct check){.no_priority = true}, 1), 0);
    assert_error(f, 400);
    assert_false(ice_is_valid(f->ice, &f->a));
}

static void latest_nomination_wins(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(feed(f, &f->a, (struct check){0}, 1), ICE_CHECK);
    assert_int_equal(feed(f, &f->a, (struct check){.use_candidate = true}, 2), ICE_CHECK | ICE_NOMINATED | ICE_UP);
    assert_true(addr_eq(ice_selected(f->ice), &f->a));
    assert_int_equal(feed(f, &f->a, (struct check){.use_candidate = true}, 3), ICE_CHECK | ICE_NOMINATED);
    assert_int_equal(feed(f, &f->b, (struct check){0}, 4), ICE_CHECK);
    assert_true(addr_eq(ice_selected(f->ice), &f->a));
    assert_int_equal(feed(f, &f->b, (struct check){.use_candidate = true}, 5), ICE_CHECK | ICE_NOMINATED | ICE_SWITCHED);
    assert_true(addr_eq(ice_selected(f->ice), &f->b));
    assert_true(ice_is_valid(f->ice, &f->a));
}

static void lost_and_resumed(void **state)
{
    struct fixture *f = *state;

    feed(f, &f->a, (struct check){.use_candidate = true}, 1000);
    feed(f, &f->a, (struct check){0}, 2000);
    feed(f, &f->b, (struct check){0}, 3000); /* another pair proves nothing about the selected one */
    assert_true(ice_deadline(f->ice) == 2000 + MEDIA_ICE_KEEP_MS);
    assert_int_equal(ice_tick(f->ice, &f->tx, 2000 + TIMEOUT - 1), 0);
    assert_true(ice_deadline(f->ice) == 2000 + TIMEOUT);
    assert_int_equal(ice_tick(f->ice, &f->tx, 2000 + TIMEOUT), ICE_LOST);
    assert_null(ice_selected(f->ice));
    assert_int_equal(ice_tick(f->ice, &f->tx, 99000), 0); /* told once */
    assert_true(ice_deadline(f->ice) == MSEC_NEVER);
    assert_int_equal(feed(f, &f->a, (struct check){0}, 100000), ICE_CHECK | ICE_RESUMED);
    assert_true(addr_eq(ice_selected(f->ice), &f->a));
    assert_true(ice_deadline(f->ice) == 100000 + MEDIA_ICE_KEEP_MS);
}

/* Who is known and never checks is lost like one who stops. */
static void never_checked(void **state)
{
    struct bus_sep spec = {.remote_ufrag = "peer", .remote_pwd = "peerpeerpeerpeerpeer22"};
    struct fixture *f = *state;

    ice_expect(f->ice, 500);
    assert_true(ice_deadline(f->ice) == MSEC_NEVER); /* it may still ring */
    assert_int_equal(ice_set(f->ice, &spec, 1000), 0);
    ice_expect(f->ice, 1000);
    ice_expect(f->ice, 5000); /* once: what is said again gains no time */
    assert_true(ice_deadline(f->ice) == 1000 + TIMEOUT);
    assert_int_equal(ice_tick(f->ice, &f->tx, 1000 + TIMEOUT - 1), 0);
    assert_int_equal(ice_tick(f->ice, &f->tx, 1000 + TIMEOUT), ICE_LOST);
    assert_true(ice_deadline(f->ice) == MSEC_NEVER);
    assert_true(feed(f, &f->a, (struct check){.use_candidate = true}, 90000) & ICE_UP); /* late, and welcome */
    assert_true(addr_eq(ice_selected(f->ice), &f->a));
    ice_expect(f->ice, 90001);
    assert_true(ice_deadline(f->ice) == 90000 + MEDIA_ICE_KEEP_MS);
}

/* RFC 8445 11: no more often than every 15 s, without credentials, to the selected pair */
static void nat_is_kept_open(void **state)
{
    struct fixture *f = *state;
    struct stun_msg m;

    feed(f, &f->a, (struct check){.use_candidate = true}, 1000);
    assert_int_equal(ice_tick(f->ice, &f->tx, 1000 + MEDIA_ICE_KEEP_MS - 1), 0);
    assert_int_equal(f->tx.n, 0);
    feed(f, &f->a, (struct check){0}, 5000); /* its answer is as good */
    assert_int_equal(ice_tick(f->ice, &f->tx, 1000 + MEDIA_ICE_KEEP_MS), 0);
    assert_int_equal(f->tx.n, 0);
    assert_int_equal(ice_tick(f->ice, &f->tx, 5000 + MEDIA_ICE_KEEP_MS), 0);
    assert_int_equal(f->tx.n, 1);
    assert_true(addr_eq(&f->tx.slot[0].to, &f->a));
    assert_int_equal(stun_parse(&m, f->tx.slot[0].p, f->tx.slot[0].n), 0);
    assert_int_equal(m.type, STUN_BINDING_INDICATION);
    assert_true(m.has_fingerprint && m.integrity_at == 0);
}

static void restart_keeps_the_old_until_nominated(void **state)
{
    static const char pwd2[] = "secondpasswordsecond0000";
    struct fixture *f = *state;

    feed(f, &f->a, (struct check){.use_candidate = true}, 1);
    assert_int_equal(ice_restart(f->ice, "agwufrag", PWD), -EALREADY);
    assert_int_equal(ice_restart(f->ice, "again", pwd2), 0);
    assert_int_equal(feed(f, &f->a, (struct check){0}, 2), ICE_CHECK);
    assert_true(addr_eq(ice_selected(f->ice), &f->a));
    assert_int_equal(feed(f, &f->b, (struct check){.ufrag = "again", .pwd = PWD}, 3), -EACCES);
    assert_int_equal(feed(f, &f->b, (struct check){.ufrag = "again", .pwd = pwd2}, 3), ICE_CHECK);
    assert_int_equal(feed(f, &f->a, (struct check){0}, 4), ICE_CHECK);
    assert_int_equal(feed(f, &f->b, (struct check){.ufrag = "again", .pwd = pwd2, .use_candidate = true}, 5),
                     ICE_CHECK | ICE_NOMINATED | ICE_SWITCHED);
    assert_int_equal(feed(f, &f->a, (struct check){0}, 6), -EACCES);
    assert_false(ice_is_valid(f->ice, &f->a));
    assert_true(ice_is_valid(f->ice, &f->b));
}

/* A browser begins its checks before the answer, with the credentials it has of us, and goes on with them: after another restart, too. */
static void restarts_that_are_not_complete(void **state)
{
    static const char pwd2[] = "secondpasswordsecond0000", pwd3[] = "thirdpasswordthird000000", pwd4[] = "fourthpasswordfourth0000";
    struct fixture *f = *state;
    struct addr c;

    assert_int_equal(addr_parse(&c, SV("192.0.2.3"), 3000), 0);
    feed(f, &f->a, (struct check){.use_candidate = true}, 1);
    assert_int_equal(ice_restart(f->ice, "again", pwd2), 0);
    assert_int_equal(ice_restart(f->ice, "third", pwd3), 0);
    assert_int_equal(feed(f, &f->a, (struct check){.use_candidate = true}, 2), ICE_CHECK | ICE_NOMINATED); /* the pair in use */
    assert_int_equal(feed(f, &f->b, (struct check){.ufrag = "again", .pwd = pwd2}, 3), ICE_CHECK);
    assert_int_equal(feed(f, &f->b, (struct check){.ufrag = "third", .pwd = pwd2}, 3), -EACCES);
    assert_int_equal(feed(f, &f->b, (struct check){.ufrag = "again", .pwd = pwd2, .use_candidate = true}, 4),
                     ICE_CHECK | ICE_NOMINATED | ICE_SWITCHED);
    assert_int_equal(feed(f, &f->a, (struct check){0}, 5), -EACCES); /* the first restart is complete */
    assert_int_equal(ice_restart(f->ice, "fourth", pwd4), 0);
    assert_int_equal(ice_restart(f->ice, "fifth", PWD), 0);
    assert_int_equal(feed(f, &f->b, (struct check){.ufrag = "again", .pwd = pwd2}, 6), ICE_CHECK); /* in use for ever */
    assert_int_equal(feed(f, &c, (struct check){.ufrag = "third", .pwd = pwd3}, 6), -EACCES);
    assert_int_equal(feed(f, &c, (struct check){.ufrag = "fourth", .pwd = pwd4}, 6), ICE_CHECK);
    assert_int_equal(feed(f, &c, (struct check){.ufrag = "fifth", .use_candidate = true}, 7), ICE_CHECK | ICE_NOMINATED | ICE_SWITCHED);
    assert_int_equal(feed(f, &c, (struct check){.ufrag = "fourth", .pwd = pwd4}, 8), -EACCES);
    assert_int_equal(feed(f, &f->b, (struct check){.ufrag = "again", .pwd = pwd2}, 8), -EACCES);
    assert_false(ice_is_valid(f->ice, &f->b));
}

static void the_table_is_bounded(void **state)
{
    struct fixture *f = *state;
    struct addr a = f->a;

    feed(f, &f->b, (struct check){.use_candidate = true}, 1);
    for (uint16_t port = 1; port <= 100; port++) {
        addr_set_port(&a, port);
        assert_int_equal(feed(f, &a, (struct check){0}, 2), ICE_CHECK);
        assert_true(ice_is_valid(f->ice, &a));
    }
    assert_true(ice_is_valid(f->ice, &f->b)); /* the selected one stays */
    addr_set_port(&a, 1);
    assert_false(ice_is_valid(f->ice, &a));
}

/* A connection that is not read: its silence says nothing, and counts anew from when it is read again. */
static void rests(void **state)
{
    struct fixture *f = *state;

    feed(f, &f->a, (struct check){.use_candidate = true}, 1000);
    ice_rest(f->ice, true, 2000);
    assert_int_equal(ice_tick(f->ice, &f->tx, 2000 + 10 * TIMEOUT) & ICE_LOST, 0);
    ice_rest(f->ice, false, 500000);
    ice_rest(f->ice, false, 600000); /* said again: nothing new */
    assert_int_equal(ice_tick(f->ice, &f->tx, 500000 + TIMEOUT - 1) & ICE_LOST, 0);
    assert_int_equal(ice_tick(f->ice, &f->tx, 500000 + TIMEOUT) & ICE_LOST, ICE_LOST);
    ice_rest(f->ice, true, 700000);
    ice_rest(f->ice, false, 700001);
    assert_null(ice_selected(f->ice)); /* who was lost stays so until a check */
}

/* Who asks for consent gets no answer while nothing is read: he asks again afterwards. */
static void rests_with_consent(void **state)
{
    struct fixture *f = *state;
    const struct bus_sep spec = {.remote_ufrag = "peer", .remote_pwd = "peerpasswordpeerpassword", .consent = true};

    assert_int_equal(ice_set(f->ice, &spec, 1000), 0);
    feed(f, &f->a, (struct check){.use_candidate = true}, 1000);
    ice_rest(f->ice, true, 2000);
    assert_int_equal(ice_tick(f->ice, &f->tx, 2000 + MEDIA_CONSENT_EXPIRY_MS) & ICE_LOST, 0);
    ice_rest(f->ice, false, 100000);
    assert_int_equal(ice_tick(f->ice, &f->tx, 100000 + MEDIA_CONSENT_EXPIRY_MS - 1) & ICE_LOST, 0);
    assert_int_equal(ice_tick(f->ice, &f->tx, 100000 + MEDIA_CONSENT_EXPIRY_MS) & ICE_LOST, ICE_LOST);
}

static void is_heard(void **state)
{
    struct fixture *f = *state;

    ice_heard(f->ice, 10); /* no pair yet */
    feed(f, &f->a, (struct check){.use_candidate = true}, 1000);
    ice_heard(f->ice, 20000);
    assert_int_equal(ice_tick(f->ice, &f->tx, 20000 + TIMEOUT - 1) & ICE_LOST, 0);
    assert_int_equal(ice_tick(f->ice, &f->tx, 20000 + TIMEOUT) & ICE_LOST, ICE_LOST);
    ice_heard(f->ice, 20000 + TIMEOUT); /* too late */
    assert_null(ice_selected(f->ice));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(answers_a_check, setup, teardown),
        cmocka_unit_test_setup_teardown(silence_for_strangers, setup, teardown),
        cmocka_unit_test_setup_teardown(indication_and_response_are_silent, setup, teardown),
        cmocka_unit_test_setup_teardown(refusals_are_authenticated, setup, teardown),
        cmocka_unit_test_setup_teardown(latest_nomination_wins, setup, teardown),
        cmocka_unit_test_setup_teardown(lost_and_resumed, setup, teardown),
        cmocka_unit_test_setup_teardown(never_checked, setup, teardown),
        cmocka_unit_test_setup_teardown(nat_is_kept_open, setup, teardown),
        cmocka_unit_test_setup_teardown(restart_keeps_the_old_until_nominated, setup, teardown),
        cmocka_unit_test_setup_teardown(restarts_that_are_not_complete, setup, teardown),
        cmocka_unit_test_setup_teardown(the_table_is_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(rests, setup, teardown),
        cmocka_unit_test_setup_teardown(rests_with_consent, setup, teardown),
        cmocka_unit_test_setup_teardown(is_heard, setup, teardown),
    };

    return cmocka_run_group_tests_name("agw/media/ice", tests, NULL, NULL);
}
