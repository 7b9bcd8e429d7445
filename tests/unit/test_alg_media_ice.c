/* `ice: full`: the gateway is asked to check, controls when the WIC was offered, and no browser hears of ice-lite
 * (RFC 8445 6.1.1, RFC 8839 5.3; TS 23.334 6.2.17.2). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/log.h"
#include "tests/fake/call_steps.h"

static struct sip_in *call_out(const char *offer)
{
    struct sip_in *in;

    world_open(1);
    W.calls->conf.full_ice = true;
    in = originate(offer);
    op_ok(op_pending());
    respond(out_pending("INVITE"), 200, MW_HEAD MW_AUDIO("49170", "sendrecv"));
    op_ok(op_pending());
    return in;
}

static void test_wic_offers(void **state)
{
    struct sip_in *in = call_out(AUDIO_ONLY("sendrecv"));

    (void)state;
    OP("ADD ip/$/access/$", "a=ice-ufrag:$| a=ice-pwd:$| a=candidate:$|", "a=candidate:2 1 udp 1686052607 203.0.113.7 54400 typ srflx",
       "!.local", "astuns", "ev-ice scc", "!controlling", "!ice-lite");
    op_ok(op_pending());
    assert_int_equal(in->status, 200);
    TEXT(in->body, "a=ice-options:ice2\r\n", "a=candidate:1 1 udp 2130706431 198.51.100.20 40002 typ host\r\n", "a=ice-ufrag:",
         "!ice-lite", "!trickle");
    ack(in);
    hang_up(SIP_W2);
}

static void test_wic_is_offered(void **state)
{
    struct sip_in *in;

    (void)state;
    world_open(1);
    W.calls->conf.full_ice = true;
    in = terminate(B1);
    OP("ADD ip/$/access/$", "a=candidate:$|", "ev-ice scc=controlling", "! R(");
    op_ok(op_pending());
    TEXT(out_pending("INVITE")->body, "a=ice-options:ice2\r\n", "a=candidate:1 1 udp", "!ice-lite");
    respond(out_pending("INVITE"), 200, B3("active"));
    OP("MOD ip/1/access/8", "R(v=0|", "scc=controlling");
    op_ok(op_pending());
    op_ok(op_pending());
    assert_int_equal(in->status, 200);
    ack(in);
    hang_up(SIP_MW);
}

/* A WIC that never checks; the gateway has to, whoever offers. It reads this in Remote. */
static void test_lite_wic(void **state)
{
    struct sip_in *in = call_out(W2_HEAD "a=ice-lite\r\n" W2_AUDIO("54400", "0 126", "actpass", "sendrecv"));

    (void)state;
    OP("ADD ip/$/access/$", "a=ice-lite|", "scc");
    op_ok(op_pending());
    ack(in);
    hang_up(SIP_W2);
}

/* A gateway without the package is lite, and is called so. */
static void test_gateway_cannot(void **state)
{
    struct sip_in *in;

    (void)state;
    world_open(1);
    W.calls->conf.full_ice = true;
    W.lacks = "ostuncc";
    in = originate(AUDIO_ONLY("sendrecv"));
    op_ok(op_pending());
    respond(out_pending("INVITE"), 200, MW_HEAD MW_AUDIO("49170", "sendrecv"));
    op_ok(op_pending());
    OP("ADD ip/$/access/$", "astuns", "!scc", "!ev-ice");
    op_ok(op_pending());
    TEXT(in->body, "a=ice-lite\r\n");
    ack(in);
    hang_up(SIP_W2);
}

static void test_results(void **state)
{
    static const struct {
        enum iq_event ev;
        enum media_event want;
        const char *reason;
    } rows[] = {
        {IQ_EV_ICE_UP, MEDIA_EV_NONE, NULL},
        {IQ_EV_ICE_PEER, MEDIA_EV_NONE, NULL},
        {IQ_EV_ICE_FAILED, MEDIA_EV_FAILED, "SIP;cause=488;text=\"ICE\""},
        {IQ_EV_CONSENT_LOST, MEDIA_EV_FAILED, "Q.850;cause=31"},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct iq_observed ev = {.event = rows[i].ev, .stream = 1};
        const char *reason = NULL;

        assert_int_equal(media_event_of(&ev, &reason), rows[i].want);
        if (rows[i].reason)
            assert_string_equal(reason, rows[i].reason);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wic_offers),     cmocka_unit_test(test_wic_is_offered), cmocka_unit_test(test_lite_wic),
        cmocka_unit_test(test_gateway_cannot), cmocka_unit_test(test_results),
    };

    log_init(LOG_ERROR);
    return cmocka_run_group_tests_name("alg/call media: full ICE", tests, NULL, NULL);
}
