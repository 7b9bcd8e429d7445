/* A line of channels that goes, with what rides on its transport (RFC 9143 7.5), and comes back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/log.h"
#include "tests/fake/call_steps.h"

#define DC_OFF "m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:2\r\nc=IN IP4 0.0.0.0\r\n"
#define DC_TAKEN \
    "m=application 54404 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 203.0.113.7\r\n" W2_ICE W2_SEC("passive") "a=mid:1\r\na=sctp-port:5000\r\n" \
    "a=dcmap:0 subprotocol=\"MSRP\"\r\na=dcsa:0 setup:passive\r\na=dcsa:0 path:msrps://b7xk.invalid:9/x;dc\r\n"
#define CORE_OFF "m=message 0 TCP/MSRP *\r\n"

/* ... and comes back, of either side: the stream that has the transport serves the new channel. Where the far side will not have
 * it all is as it was. */
static void dc_first_back(void)
{
    static const char on[] = W2_HEAD "a=group:BUNDLE 2 0\r\n" W2_DC("2", "actpass") W2_AUDIO("54400", "0 126", "actpass", "sendrecv");
    static const char apart[] = W2_HEAD "a=group:BUNDLE 0\r\n" W2_DC("2", "actpass") W2_AUDIO("54400", "0 126", "actpass", "sendrecv");
    static const char taken[] = W2_HEAD "a=group:BUNDLE 1 0\r\n" DC_TAKEN W2_AUDIO("54400", "0 126", "passive", "sendrecv");
    struct sip_in *in = inside(dlg_of(SIP_W2), "INVITE", restarted(apart));

    assert_null(out_pending("INVITE"));
    assert_int_equal(in->status, 200);
    TEXT(in->body, "m=application 0 ", "m=audio 40020 ");
    ack(in);
    for (unsigned i = 0; i < 2; i++) {
        in = inside(dlg_of(SIP_W2), "INVITE", restarted(on));
        op_ok(op_pending());
        respond(out_pending("INVITE"), 200, MW_HEAD MW_AUDIO("49170", "sendrecv") CORE_OFF);
        OP("MOD ip/1/core/7");
        all_ok();
        assert_int_equal(in->status, 200);
        TEXT(in->body, "m=application 0 ", "m=audio 40020 ");
        ack(in);
    }
    in = inside(dlg_of(SIP_MW), "INVITE", MW_HEAD MW_AUDIO("49170", "sendrecv") MW_MSRP("49202", "active"));
    assert_null(op_pending());
    TEXT(out_pending("INVITE")->body, "a=group:BUNDLE 1 0\r\n", "m=application 40020 ", "m=audio 40020 ");
    respond(out_pending("INVITE"), 200, restarted(taken));
    OP("MOD ip/1/access/8 groupse=[SCTP 6] groupse=[BUNDLE 2 1]\n", "S2 sr strdeagg=6 R(", "a=sctp-port:5000", "S6 sr ", "!L{}", "!EstBNC");
    all_ok();
    assert_int_equal(in->status, 200);
    TEXT(in->body, "m=message 3");
    ack(in);
}

/* The first line is that of the channels; when it goes, audio rides on its transport. at_once: ICE begins anew with that. */
static void dc_first(bool at_once)
{
    static const char left[] = W2_HEAD "a=group:BUNDLE 0\r\n" DC_OFF W2_AUDIO("54400", "0 126", "actpass", "sendrecv");
    struct iq_observed ev = {.event = IQ_EV_SCTP_RELEASED, .stream = 2};
    struct sip_in *in;

    world_open(1);
    W.calls->conf.policy.browser = true;
    in = establish(W2_HEAD "a=group:BUNDLE 2 0\r\n" W2_DC("2", "actpass") W2_AUDIO("54400", "0 126", "actpass", "sendrecv"),
                   MW_HEAD MW_AUDIO("49170", "sendrecv") MW_MSRP("49200", "active"));
    TEXT(in->body, "a=group:BUNDLE 2 0\r\n");
    in = inside(dlg_of(SIP_W2), "INVITE", at_once ? restarted(left) : left);
    respond(out_pending("INVITE"), 200, MW_HEAD MW_AUDIO("49170", "sendrecv") CORE_OFF);
    OP("MOD ip/1/access/8", "S3 - reset ev-reset");
    op_ok(op_pending());
    W.ctxs->h.notify(W.ctxs->h.arg, SV("ip/1/access/8"), &ev); /* the browser closes its association first */
    fsm_event(&W.calls->list->fsm, EV_TIMEOUT, NULL);
    OP("MOD ip/1/access/8\n S2 in", "!L{}", "!S1");
    if (at_once)
        OP("S2 in L(", "a=ice-ufrag:$| a=ice-pwd:$|", "R(v=0| ", "a=ice-ufrag:NEWW|");
    all_ok();
    assert_int_equal(in->status, 200);
    ack(in);
    W.ctxs->h.notify(W.ctxs->h.arg, SV("ip/1/access/8"), &ev);
    assert_int_equal(W.calls->list->fsm.state, CALL_ACTIVE);
    if (!at_once) {
        in = inside(dlg_of(SIP_W2), "INVITE", restarted(left));
        OP("MOD ip/1/access/8", "S2 - L(v=0| c=IN IP4 198.51.100.20| m=application 40020 UDP/DTLS/SCTP webrtc-datachannel| a=sctp-port:5000|",
           "a=max-message-size:65536| a=mid:2| a=ice-ufrag:$| a=ice-pwd:$|", "R(v=0| ", "a=sctp-port:5000| a=mid:2| a=ice-ufrag:NEWW|", "!EstBNC", "!S1");
        op_ok(op_pending());
        assert_int_equal(in->status, 200);
        TEXT(in->body, "m=application 0 ", "m=audio 40020 ", "a=group:BUNDLE 0\r\n");
        ack(in);
    }
    if (at_once)
        dc_first_back();
    ev.event = IQ_EV_DTLS_FAILED; /* that transport is still the call's */
    W.ctxs->h.notify(W.ctxs->h.arg, SV("ip/1/access/8"), &ev);
    assert_int_equal(W.calls->list->fsm.state, CALL_DYING);
    world_drain(false, NULL);
    world_close();
}

static void test_bundle_dc_first(void **state)
{
    (void)state;
    dc_first(false);
    dc_first(true);
}

#define NO_CHANNEL \
    "m=application 54404 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 203.0.113.7\r\n" W2_ICE W2_SEC("actpass") "a=mid:2\r\na=sctp-port:5000\r\n"

static void close_channel(const char *web, const char *core)
{
    struct sip_in *in = inside(dlg_of(SIP_W2), "INVITE", web);

    while (op_pending())
        op_ok(op_pending());
    respond(out_pending("INVITE"), 200, core);
    OP("MOD ip/1/access/8", "S3 - reset ev-reset", "!S4");
    op_ok(op_pending());
    W.ctxs->h.notify(W.ctxs->h.arg, SV("ip/1/access/8"), &(struct iq_observed){.event = IQ_EV_SCTP_RESET, .stream = 3});
    all_ok();
    assert_int_equal(in->status, 200);
    ack(in);
}

/* A line of channels goes when they are gone: the core has nothing to agree to, the bundle loses a member all the same. */
static void test_bundle_empty_line(void **state)
{
    static const char audio[] = W2_HEAD "a=group:BUNDLE 0\r\n" W2_AUDIO("54400", "0 126", "actpass", "sendrecv") DC_OFF;
    struct sip_in *in;

    (void)state;
    world_open(1);
    W.calls->conf.policy.browser = true;
    establish(W2_HEAD "a=group:BUNDLE 0 2\r\n" W2_AUDIO("54400", "0 126", "actpass", "sendrecv") W2_DC("2", "actpass"),
              MW_HEAD MW_AUDIO("49170", "sendrecv") MW_MSRP("49200", "active"));
    close_channel(W2_HEAD "a=group:BUNDLE 0 2\r\n" W2_AUDIO("54400", "0 126", "actpass", "sendrecv") NO_CHANNEL,
                  MW_HEAD MW_AUDIO("49170", "sendrecv") CORE_OFF);
    in = inside(dlg_of(SIP_W2), "INVITE", audio);
    assert_null(out_pending("INVITE"));
    OP("MOD ip/1/access/8 groupse=[BUNDLE 1]\n", "S2 - L{} R{}");
    all_ok();
    assert_int_equal(in->status, 200);
    ack(in);
    hang_up(SIP_W2);
}

/* A channel goes where a line comes: T1 has that line with the command after the one that resets the channel. */
static void test_reset_before_line(void **state)
{
    (void)state;
    world_open(1);
    establish(W2_HEAD W2_AUDIO("54400", "0 126", "actpass", "sendrecv") W2_DC("2", "actpass"),
              MW_HEAD MW_AUDIO("49170", "sendrecv") MW_MSRP("49200", "active"));
    close_channel(W2_HEAD W2_AUDIO("54400", "0 126", "actpass", "sendrecv") NO_CHANNEL W2_VIDEO("102", "actpass"),
                  MW_HEAD MW_AUDIO("49170", "sendrecv") CORE_OFF MW_VIDEO("49180"));
    hang_up(SIP_W2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bundle_dc_first),
        cmocka_unit_test(test_bundle_empty_line),
        cmocka_unit_test(test_reset_before_line),
    };

    log_init(LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
