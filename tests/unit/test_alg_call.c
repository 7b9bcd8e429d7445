/* Calls as they should go: both directions, what is said on Iq and in SDP at each step, changes, refusals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/log.h"
#include "tests/fake/call_steps.h"

/* The figure's steps 1 to 15 (TS 23.334 6.2.10.6.2). */
static void test_originating(void **state)
{
    struct sip_in *in;

    (void)state;
    world_open(1);
    in = originate(wic_offer);
    OP("ADD ip/$/core/$ thb=3600", "S2 in realm=core.example.net L(v=0| c=IN IP4 $| m=message $ TCP -| )", "ev-tcp");
    op_ok(op_pending());
    TEXT(out_pending("INVITE")->body, "c=IN IP4 10.20.0.5\r\n", "m=message 31000 TCP/MSRP *\r\n", "a=setup:actpass\r\n",
         "a=msrp-cema\r\n", "a=accept-types:message/cpim text/plain\r\n", "a=accept-wrapped-types:*\r\n",
         "a=path:msrps://b7xk.invalid:9/si438dsaodes0;dc\r\n", "!dcmap", "!ice", "!fingerprint", "!203.0.113.7", "!candidate");
    TEXT(out_pending("INVITE")->headers, "P-Asserted-Identity: <sip:alice@home.net>", "Max-Forwards: 68", "icid-value=");
    respond(out_pending("INVITE"), 180, NULL);
    assert_int_equal(in->provisional, 180);
    respond(out_pending("INVITE"), 200, core_answer);
    assert_int_equal(dlg_of(SIP_MW)->acks, 1);
    OP("MOD ip/1/core/7", "S2 sr R(v=0| c=IN IP4 10.20.0.99| m=message 49200 TCP -| a=setup:active| )");
    op_ok(op_pending());
    OP("ADD ip/$/access/$ groupse=[SCTP 2] thb=3600", "S1 sr realm=access.example.net strdeagg=2 L(v=0| c=IN IP4 $|",
       "m=application $ UDP/DTLS/SCTP webrtc-datachannel| a=sctp-port:$| a=max-message-size:$| a=ice-ufrag:$| a=ice-pwd:$| "
       "a=candidate:$| a=fingerprint:sha-256 $|",
       "R(v=0| c=IN IP4 203.0.113.7| m=application 54111 UDP/DTLS/SCTP webrtc-datachannel| a=sctp-port:5000| "
       "a=max-message-size:262144| a=ice-ufrag:4ZcD| a=ice-pwd:2/1muCWoOi3uLifh0NuRHlZw| a=candidate:2 1 udp",
       "EstBNC astuns", "ev-dtls", "S2 sr sctpid=0");
    op_ok(op_pending());
    assert_int_equal(in->status, 200);
    TEXT(in->body, "a=ice-lite\r\n", "a=ice-options:ice2\r\n", "m=application 40020 UDP/DTLS/SCTP webrtc-datachannel\r\n",
         "c=IN IP4 198.51.100.20\r\n", "a=mid:0\r\n", "a=candidate:1 1 udp 2130706431 198.51.100.20 40020 typ host\r\n",
         "a=ice-ufrag:dS64pU7w\r\n", "a=setup:active\r\n", "a=tls-id:", "!a=tls-id:4a75", "a=sctp-port:5000\r\n",
         "a=max-message-size:65536\r\n", "a=dcmap:0 label=\"chat\";subprotocol=\"MSRP\"\r\n", "a=dcsa:0 setup:active\r\n",
         "a=dcsa:0 path:msrp://10.20.0.99:49200/jshA7we;tcp\r\n", "!msrp-cema", "!BUNDLE", "!connection");
    ack(in);
    hang_up(SIP_W2);
}

static void test_terminating(void **state)
{
    struct sip_in *in;

    (void)state;
    world_open(1);
    in = terminate(core_offer);
    OP("ADD ip/$/access/$ groupse=[SCTP 2]", "S1 in realm=access.example.net strdeagg=2 L(", "astuns", "S2 in sctpid=0");
    assert_null(strstr(op_pending()->text, " R("));
    assert_null(strstr(op_pending()->text, "EstBNC"));
    op_ok(op_pending());
    TEXT(out_pending("INVITE")->body, "m=application 40020 UDP/DTLS/SCTP webrtc-datachannel\r\n", "a=setup:actpass\r\n",
         "a=ice-lite\r\n", "a=mid:0\r\n", "a=dcmap:0 subprotocol=\"MSRP\"\r\n", "a=dcsa:0 setup:actpass\r\n",
         "a=dcsa:0 path:msrp://10.20.0.99:49200/jshA7we;tcp\r\n", "!10.20.0.5", "!cema");
    respond(out_pending("INVITE"), 180, NULL);
    assert_int_equal(in->provisional, 180);
    respond(out_pending("INVITE"), 200, wic_answer);
    OP("MOD ip/1/access/8 groupse=[SCTP 2]", "S1 sr strdeagg=2 R(v=0| c=IN IP4 203.0.113.7|", "astuns", "S2 sr sctpid=0");
    assert_null(strstr(op_pending()->text, "EstBNC")); /* the WIC is active: the gateway is the server */
    op_ok(op_pending());
    OP("ADD ip/$/core/$", "S2 sr realm=core.example.net L(v=0| c=IN IP4 $| m=message $ TCP -| a=setup:active| )",
       "R(v=0| c=IN IP4 10.20.0.99| m=message 49200 TCP -| a=setup:passive| )");
    op_ok(op_pending());
    assert_int_equal(in->status, 200);
    TEXT(in->body, "m=message 31000 TCP/MSRP *\r\n", "a=setup:active\r\n", "a=msrp-cema\r\n",
         "a=path:msrps://b7xk.invalid:9/si438dsaodes0;dc\r\n");
    ack(in);
    hang_up(SIP_MW);
}

static void test_terminating_passive(void **state)
{
    (void)state;
    world_open(1);
    terminate(core_offer);
    op_ok(op_pending());
    respond(out_pending("INVITE"), 200, WIC_HEAD("passive") WIC_CHAN("0", "active"));
    OP("EstBNC astuns");
    op_fail(op_pending(), 510);
    world_drain(false, NULL);
    assert_int_equal(W.ins->status, 503);
    TEXT(W.ins->headers, "Retry-After: 10");
    world_close();
}

static void test_two_channels(void **state)
{
    struct sip_in *in;

    (void)state;
    world_open(1);
    in = originate(WIC_HEAD("actpass") WIC_CHAN("0", "actpass") WIC_CHAN("4", "active"));
    OP("S2 in", "S3 in");
    op_ok(op_pending());
    TEXT(out_pending("INVITE")->body, "m=message 31000 TCP", "m=message 31002 TCP", "a=setup:active\r\n");
    /* the core refuses the first */
    respond(out_pending("INVITE"), 200, CORE_HEAD "m=message 0 TCP/MSRP *\r\n" CORE_LINE("49202", "passive"));
    OP("S2 - L{} R{}", "S3 sr R(");
    op_ok(op_pending());
    OP("groupse=[SCTP 3]", "strdeagg=3", "S3 sr sctpid=4");
    assert_null(strstr(op_pending()->text, "S2 "));
    op_ok(op_pending());
    TEXT(in->body, "!a=dcmap:0", "a=dcmap:4", "a=dcsa:4 setup:passive\r\n");
    ack(in);
    hang_up(SIP_MW);
}

static void test_audio_refused_in_place(void **state)
{
    struct sip_in *in;

    (void)state;
    world_open(1);
    in = establish("v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111 0\r\nc=IN IP4 0.0.0.0\r\n"
                      "a=mid:a\r\nm=application 54111 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 203.0.113.7\r\n"
                      "a=ice-ufrag:4ZcD\r\na=ice-pwd:2/1muCWoOi3uLifh0NuRHlZw\r\na=fingerprint:sha-256 " FP
                      "\r\na=setup:passive\r\na=connection:new\r\na=mid:d\r\na=sctp-port:5000\r\n" WIC_CHAN("2", "actpass"),
                      core_answer);
    TEXT(in->body, "m=audio 0 UDP/TLS/RTP/SAVPF 111 0\r\n", "a=mid:a\r\n", "a=mid:d\r\n", "a=setup:active\r\n",
         "a=connection:new\r\n", "!tls-id");
    hang_up(SIP_W2);
}

static void test_add_and_remove_from_wic(void **state)
{
    struct sip_in *in;

    (void)state;
    world_open(1);
    establish(wic_offer, core_answer);
    in = inside(dlg_of(SIP_W2), "INVITE", WIC_HEAD("actpass") WIC_CHAN("0", "actpass") WIC_CHAN("2", "actpass"));
    OP("MOD ip/1/core/7", "S3 in L(v=0| c=IN IP4 $| m=message $ TCP -| )");
    op_ok(op_pending());
    TEXT(out_pending("INVITE")->body, "m=message 31000 ", "m=message 31002 ", " 2 IN IP4 10.20.0.5\r\n");
    respond(out_pending("INVITE"), 200, CORE_HEAD CORE_LINE("49200", "active") CORE_LINE("49202", "passive"));
    OP("MOD ip/1/access/8 groupse=[SCTP 2 3]", "S1 - strdeagg=2,3", "S3 sr sctpid=2");
    op_ok(op_pending());
    OP("MOD ip/1/core/7", "S3 sr R(v=0| c=IN IP4 10.20.0.99| m=message 49202 TCP -| a=setup:passive| )");
    assert_null(strstr(op_pending()->text, "S2 sr R("));
    op_ok(op_pending());
    assert_int_equal(in->status, 200);
    TEXT(in->body, "a=dcmap:0 ", "a=dcmap:2 ", "a=dcsa:2 setup:passive");
    ack(in);
    /* and the first goes (TS 23.334 6.2.22.2) */
    in = inside(dlg_of(SIP_W2), "INVITE", WIC_HEAD("actpass") WIC_CHAN("2", "actpass"));
    TEXT(out_pending("INVITE")->body, "m=message 0 TCP/MSRP *\r\n", "m=message 31002 ");
    respond(out_pending("INVITE"), 200, CORE_HEAD "m=message 0 TCP/MSRP *\r\n" CORE_LINE("49202", "passive"));
    OP("MOD ip/1/access/8", "S2 - reset ev-reset");
    op_ok(op_pending());
    assert_null(op_pending());
    W.ctxs->h.notify(W.ctxs->h.arg, SV("ip/1/access/8"), &(struct iq_observed){.event = IQ_EV_SCTP_RESET, .stream = 2});
    OP("MOD ip/1/access/8 groupse=[SCTP 3]", "strdeagg=3");
    op_ok(op_pending());
    OP("MOD ip/1/core/7", "S2 - L{} R{}");
    op_ok(op_pending());
    assert_int_equal(in->status, 200);
    TEXT(in->body, "!a=dcmap:0 ", "a=dcmap:2 ");
    ack(in);
    hang_up(SIP_W2);
}

static void test_add_from_core(void **state)
{
    struct sip_in *in;

    (void)state;
    world_open(1);
    establish(wic_offer, core_answer);
    in = inside(dlg_of(SIP_MW), "INVITE", CORE_HEAD CORE_LINE("49200", "actpass") CORE_LINE("49210", "passive"));
    assert_null(op_pending());
    TEXT(out_pending("INVITE")->body, "a=setup:actpass\r\n", "a=dcmap:0 label=\"chat\";subprotocol=\"MSRP\"\r\n", "a=dcmap:2 ",
         "a=dcsa:2 setup:passive", "a=mid:0");
    respond(out_pending("INVITE"), 200, WIC_HEAD("passive") WIC_CHAN("0", "active") WIC_CHAN("2", "active"));
    OP("MOD ip/1/access/8 groupse=[SCTP 2 3]", "S3 sr sctpid=2");
    op_ok(op_pending());
    OP("MOD ip/1/core/7", "S3 sr L(v=0| c=IN IP4 $| m=message $ TCP -| a=setup:active| ) R(v=0| c=IN IP4 10.20.0.99| m=message 49210");
    op_ok(op_pending());
    TEXT(in->body, "m=message 31000 ", "m=message 31002 ");
    ack(in);
    hang_up(SIP_MW);
}

/* The WIC refuses the core's new channel, and repeats what it once offered for the open one: that one stays, and nothing
 * is reset that T1 never had. */
static void test_add_from_core_refused(void **state)
{
    struct sip_in *in;

    (void)state;
    world_open(1);
    establish(wic_offer, core_answer);
    in = inside(dlg_of(SIP_MW), "INVITE", CORE_HEAD CORE_LINE("49200", "actpass") CORE_LINE("49210", "passive"));
    respond(out_pending("INVITE"), 200, WIC_HEAD("passive") WIC_CHAN("0", "actpass"));
    while (op_pending()) {
        assert_null(strstr(op_pending()->text, "reset"));
        assert_null(strstr(op_pending()->text, "S2 in"));
        op_ok(op_pending());
    }
    assert_int_equal(in->status, 200);
    TEXT(in->body, "m=message 31000 ", "m=message 0 ");
    assert_int_equal(W.calls->list->lay->n, 1);
    ack(in);
    hang_up(SIP_MW);
}

static void test_change_refused_is_undone(void **state)
{
    struct sip_in *in;

    (void)state;
    world_open(1);
    establish(wic_offer, core_answer);
    in = inside(dlg_of(SIP_W2), "INVITE", WIC_HEAD("actpass") WIC_CHAN("0", "actpass") WIC_CHAN("2", "actpass"));
    op_ok(op_pending());
    respond(out_pending("INVITE"), 488, NULL);
    OP("MOD ip/1/core/7", "S3 - L{} R{}");
    op_ok(op_pending());
    assert_int_equal(in->status, 488);
    /* the core asks again what is so: nothing of the refused offer is left */
    in = inside(dlg_of(SIP_MW), "INVITE", core_offer);
    assert_int_equal(in->status, 200);
    TEXT(in->body, "m=message 31000 TCP/MSRP *\r\n", "!m=message 31002", "a=setup:passive\r\n");
    ack(in);
    hang_up(SIP_W2);
}

/* Taken back while the gateway reserves for it: the core never hears of it, what was reserved goes, the call stays. */
static void test_change_taken_back(void **state)
{
    struct sip_in *in;

    (void)state;
    world_open(1);
    establish(wic_offer, core_answer);
    in = inside(dlg_of(SIP_W2), "INVITE", WIC_HEAD("actpass") WIC_CHAN("0", "actpass") WIC_CHAN("2", "actpass"));
    in->cancelled(in->cancelled_arg, NULL);
    assert_int_equal(in->status, 487);
    op_ok(op_pending());
    assert_null(out_pending("INVITE"));
    OP("MOD ip/1/core/7", "S3 - L{} R{}");
    op_ok(op_pending());
    assert_int_equal(W.calls->list->fsm.state, CALL_ACTIVE);
    hang_up(SIP_W2);
}

/* RFC 3261 12.2.1.2: who knows nothing of the dialog any more, or does not answer, has no call; the offerer hears of it. */
static void test_change_finds_nobody(void **state)
{
    static const int status[] = {481, 408};
    struct sip_in *in;

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(status); i++) {
        world_open(1);
        establish(wic_offer, core_answer);
        in = inside(dlg_of(SIP_W2), "INVITE", WIC_HEAD("actpass") WIC_CHAN("0", "actpass") WIC_CHAN("2", "actpass"));
        op_ok(op_pending());
        respond(out_pending("INVITE"), status[i], NULL);
        assert_int_equal(in->status, status[i]);
        assert_int_equal(dlg_of(SIP_W2)->byes, 1);
        world_drain(false, NULL);
        world_close();
    }
}

static void test_same_again(void **state)
{
    struct sip_in *in;
    struct sip_dlg *w2;

    (void)state;
    world_open(1);
    in = establish(wic_offer, core_answer);
    w2 = dlg_of(SIP_W2);
    ack(in);
    in = inside(w2, "INVITE", wic_offer);
    assert_int_equal(in->status, 200);
    assert_string_equal(in->body, W.ins->body); /* RFC 3264 8: equal, o= included */
    ack(in);
    in = inside(w2, "UPDATE", NULL);
    assert_int_equal(in->status, 200);
    assert_int_equal(inside(w2, "OPTIONS", NULL)->status, 200);
    assert_int_equal(inside(w2, "REFER", NULL)->status, 405);
    in = inside(w2, "INVITE", NULL);
    assert_int_equal(in->status, 200);
    assert_string_equal(in->body, W.ins->body);
    ack(in);
    hang_up(SIP_W2);
}

static void test_session_timer(void **state)
{
    struct sip_msg m = {.method = "UPDATE", .side = SIP_W2, .flow = WIC_FLOW, .to_tag = "t",
                        .header = {{"Session-Expires", "90"}, {"Supported", "timer,ice,replaces,outbound"}}};
    struct sip_in *in;
    struct sip_dlg *d;

    (void)state;
    world_open(1);
    establish(wic_offer, core_answer);
    d = dlg_of(SIP_W2);
    in = in_new("UPDATE");
    d->h.request(d->h.arg, d, in, &m);
    assert_int_equal(in->status, 200);
    TEXT(in->headers, "Session-Expires: 90;refresher=uac", "Require: timer");
    m.header[0][1] = "89"; /* RFC 4028 4: under the least */
    in = in_new("UPDATE");
    d->h.request(d->h.arg, d, in, &m);
    assert_int_equal(in->status, 422);
    TEXT(in->headers, "Min-SE: 90");
    hang_up(SIP_W2);
}

static void test_ice_restart(void **state)
{
    struct sip_in *in;

    (void)state;
    world_open(1);
    establish(wic_offer, core_answer);
    in = inside(dlg_of(SIP_W2), "INVITE",
                "v=0\r\no=- 1 3 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=application 54112 UDP/DTLS/SCTP webrtc-datachannel\r\n"
                "c=IN IP4 203.0.113.8\r\na=ice-ufrag:NEWW\r\na=ice-pwd:newnewnewnewnewnewnewnew\r\na=fingerprint:sha-256 " FP
                "\r\na=setup:actpass\r\na=mid:0\r\na=sctp-port:5000\r\n" WIC_CHAN("0", "actpass"));
    OP("MOD ip/1/access/8", "a=ice-ufrag:$| a=ice-pwd:$|", "R(v=0| c=IN IP4 203.0.113.8|", "a=ice-ufrag:NEWW");
    assert_null(strstr(op_pending()->text, "EstBNC"));
    op_ok(op_pending());
    assert_int_equal(in->status, 200);
    assert_null(out_pending("INVITE"));
    ack(in);
    hang_up(SIP_MW);
}

static void test_glare(void **state)
{
    struct sip_in *in, *other;

    (void)state;
    world_open(1);
    establish(wic_offer, core_answer);
    in = inside(dlg_of(SIP_W2), "INVITE", WIC_HEAD("actpass") WIC_CHAN("0", "actpass") WIC_CHAN("2", "actpass"));
    op_ok(op_pending());
    other = inside(dlg_of(SIP_MW), "INVITE", core_offer);
    assert_int_equal(other->status, 491);
    assert_int_equal(inside(dlg_of(SIP_W2), "INVITE", wic_offer)->status, 500);
    for (unsigned i = 0; i < 3; i++) { /* it is asked again, as often as that */
        respond(out_pending("INVITE"), 491, NULL);
        alarm_ring(&W.calls->list->won->leg.again);
    }
    respond(out_pending("INVITE"), 491, NULL);
    op_ok(op_pending());
    assert_int_equal(in->status, 491);
    hang_up(SIP_W2);
}

static void test_no_early_media(void **state)
{
    struct sip_in *in;

    (void)state;
    world_open(1);
    W.calls->conf.early_media_183 = false;
    in = originate(wic_offer);
    op_ok(op_pending());
    respond(out_pending("INVITE"), 180, NULL);
    assert_int_equal(in->provisional, 100);
    respond(out_pending("INVITE"), 486, NULL);
    assert_int_equal(in->status, 486);
    world_drain(false, NULL);
    world_close();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_originating),
        cmocka_unit_test(test_terminating),
        cmocka_unit_test(test_terminating_passive),
        cmocka_unit_test(test_two_channels),
        cmocka_unit_test(test_audio_refused_in_place),
        cmocka_unit_test(test_add_and_remove_from_wic),
        cmocka_unit_test(test_add_from_core),
        cmocka_unit_test(test_add_from_core_refused),
        cmocka_unit_test(test_change_refused_is_undone),
        cmocka_unit_test(test_change_taken_back), cmocka_unit_test(test_change_finds_nobody), cmocka_unit_test(test_same_again),
        cmocka_unit_test(test_session_timer),
        cmocka_unit_test(test_ice_restart),
        cmocka_unit_test(test_glare),
        cmocka_unit_test(test_no_early_media),
    };

    log_init(LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
