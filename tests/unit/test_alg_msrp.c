/* m=message lines of IMS UEs over ICE-TCP (TS 33.203 W.3.4): what is said on each side and on Iq, and what comes of changes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/log.h"
#include "tests/fake/call_steps.h"

#define TCP_OPEN "a=candidate:$ 1 TCP $ $ $ typ host tcptype passive|"
#define TCP_80 "a=candidate:2 1 TCP 2122318079 198.51.100.20 80 typ host tcptype passive\r\n"
#define UE_AUDIO "m=audio 9 RTP/AVP 0\r\nc=IN IP4 203.0.113.7\r\n" W2_ICE "a=rtcp-mux\r\n"

static void open_world(bool key)
{
    world_open(1);
    W.calls->conf.policy.msrp_tcp = key;
    W.calls->conf.policy.plain_rtp = W.binding[0].msrp_tcp = true;
}

/* The UE calls. Its a=setup is of its own connection, the core's of the core's. */
static void test_originating(void **state)
{
    struct sip_in *in;

    (void)state;
    open_world(true);
    in = originate(UE_HEAD UE_MSRP("uefr", "x", "a=file-selector:name:\"a\"\r\n"));
    OP("ADD ip/$/core/$", "\n S1 in realm=core.example.net L(v=0| c=IN IP4 $| m=message $ TCP -|", "!candidate", "!ice", "!groupse");
    op_ok(op_pending());
    TEXT(out_pending("INVITE")->body, "m=message 31000 TCP/MSRP *\r\na=setup:actpass\r\na=msrp-cema\r\n", "a=accept-types:text/plain\r\n",
         "a=max-size:4096\r\n", "a=file-selector:name:\"a\"\r\n", "a=path:msrp://203.0.113.7:9/x;tcp\r\n", "!candidate", "!ice", "!uefr");
    respond(out_pending("INVITE"), 200, core_answer);
    OP("MOD ip/1/core/7", "S1 sr R(v=0| c=IN IP4 10.20.0.99| m=message 49200 TCP -| a=setup:active|");
    op_ok(op_pending());
    OP("ADD ip/$/access/$", "S1 sr realm=access.example.net L(v=0| c=IN IP4 $| m=message $ TCP/MSRP *|", TCP_OPEN, "a=ice-ufrag:$|",
       "R(v=0| c=IN IP4 203.0.113.7| m=message 9 TCP/MSRP *| a=ice-ufrag:uefr|", " astuns", " ev-tcp ev-consent", "!groupse", "!sctpid", "!strdeagg",
       "!fingerprint", "!tcptype active", "!EstBNC");
    op_ok(op_pending());
    assert_int_equal(in->status, 200);
    TEXT(in->body, "a=ice-lite\r\n", TCP_80, "a=setup:passive\r\na=msrp-cema\r\n", "a=path:msrp://10.20.0.99:49200/jshA7we;tcp\r\n", "!fingerprint",
         "!dcmap", "!actpass");
    ack(in);
    hang_up(SIP_W2);
}

/* Who opens the core's connection is by its offer alone; the UE says active in any case. */
static void test_terminating(void **state)
{
    static const struct { const char *offered, *ours; } rows[] = {{"active", "passive"}, {"passive", "active"}, {"actpass", "active"}};
    char offer[1024], want[64];

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        struct sip_in *in;

        open_world(true);
        snprintf(offer, sizeof offer, MW_HEAD MW_MSRP("49200", "%s"), rows[i].offered);
        in = terminate(offer);
        OP("ADD ip/$/access/$", "S1 in realm=access.example.net L(v=0| c=IN IP4 $| m=message $ TCP/MSRP *|", TCP_OPEN, "! R(", "!application");
        op_ok(op_pending());
        TEXT(out_pending("INVITE")->body, "m=message 4", TCP_80, "a=setup:passive\r\na=msrp-cema\r\n", "a=path:msrp://10.20.0.99:49200/jshA7we;tcp\r\n",
             "!application", "!fingerprint");
        respond(out_pending("INVITE"), 200, UE_HEAD UE_MSRP("uefr", "x", ""));
        OP("MOD ip/1/access/8", "S1 sr R(v=0| c=IN IP4 203.0.113.7| m=message 9 TCP/MSRP *|", "!L(");
        op_ok(op_pending());
        snprintf(want, sizeof want, "m=message $ TCP -| a=setup:%s|", rows[i].ours);
        OP("ADD ip/$/core/$", want);
        op_ok(op_pending());
        snprintf(want, sizeof want, "a=setup:%s\r\na=msrp-cema\r\n", rows[i].ours);
        TEXT(in->body, want, "a=path:msrp://203.0.113.7:9/x;tcp\r\n", "!candidate");
        ack(in);
        hang_up(SIP_MW);
    }
}

/* Who is offered a line, and who a data channel. */
static void test_who(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) { /* without the key, without the feature, two flows of which one has it not */
        struct sip_in *in;

        world_open(i == 2 ? 2 : 1);
        W.calls->conf.policy.msrp_tcp = i != 0;
        W.binding[0].msrp_tcp = i != 1;
        in = terminate(core_offer);
        OP("m=application $ UDP/DTLS/SCTP", "!m=message");
        all_ok();
        TEXT(out_pending("INVITE")->body, "m=application", "!m=message");
        while (out_pending("INVITE"))
            respond(out_pending("INVITE"), 486, NULL);
        assert_int_equal(in->status, 486);
        world_drain(false, NULL);
        world_close();
    }
}

static void test_refused(void **state)
{
    static const char *const lines[] = {
        UE_HEAD "m=message 9 TCP/MSRP *\r\nc=IN IP4 203.0.113.7\r\na=path:msrp://203.0.113.7:9/x;tcp\r\n",
        UE_HEAD "m=message 9 TCP/MSRP *\r\nc=IN IP4 203.0.113.7\r\n" W2_ICE "a=path:msrp://203.0.113.7:9/x;tcp\r\n",
        UE_HEAD "m=message 9 TCP/MSRP *\r\nc=IN IP4 203.0.113.7\r\n" W2_ICE "a=candidate:5 1 TCP 1 203.0.113.7 9 typ host tcptype passive\r\n"
                "a=path:msrp://203.0.113.7:9/x;tcp\r\n",
        UE_HEAD "m=message 9 TCP/MSRP *\r\nc=IN IP4 203.0.113.7\r\n" W2_ICE "a=candidate:5 1 UDP 1 203.0.113.7 9 typ host\r\na=path:msrp://a:9/x;tcp\r\n",
        UE_HEAD "a=ice-lite\r\n" UE_MSRP("uefr", "x", ""),
    };
    struct sip_in *in;

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(lines); i++) {
        open_world(true);
        in = originate(lines[i]);
        assert_int_equal(in->status, 488);
        assert_null(op_pending());
        world_drain(false, NULL);
        world_close();
    }
    open_world(true); /* as the standard's text has it */
    in = originate(UE_HEAD "m=message 9 TCP/MSRP *\r\nc=IN IP4 203.0.113.7\r\n" W2_ICE "a=candidate:5 1 tcp 1 203.0.113.7 9 typ host tcptype tcp-so\r\n"
                   "a=path:msrp://203.0.113.7:9/x;tcp\r\n");
    assert_non_null(op_pending());
    world_drain(false, NULL);
    assert_int_equal(in->status, 486);
    world_close();
    open_world(false);
    in = originate(UE_HEAD UE_AUDIO UE_MSRP("uefr", "x", ""));
    OP("m=audio", "!m=message");
    op_ok(op_pending());
    TEXT(out_pending("INVITE")->body, "!m=message");
    respond(out_pending("INVITE"), 200, MW_HEAD MW_AUDIO("49170", "sendrecv"));
    all_ok();
    TEXT(in->body, "m=message 0 TCP/MSRP *\r\n");
    ack(in);
    hang_up(SIP_W2);
}

static struct sip_in *establish_both(void)
{
    open_world(true);
    return establish(UE_HEAD UE_AUDIO UE_MSRP("uefr", "x", ""), MW_HEAD MW_AUDIO("49170", "sendrecv") MW_MSRP("49200", "passive"));
}

/* One side's hold is told to the other; Mode stays, since requests and their answers share the connection. */
static void test_hold(void **state)
{
    struct sip_in *in;

    (void)state;
    establish_both();
    in = inside(dlg_of(SIP_W2), "INVITE", UE_HEAD UE_AUDIO UE_MSRP("uefr", "x", "a=sendonly\r\n"));
    TEXT(out_pending("INVITE")->body, "m=message 31000 TCP/MSRP *\r\na=setup:active\r\n", "a=sendonly\r\n");
    respond(out_pending("INVITE"), 200, MW_HEAD MW_AUDIO("49170", "sendrecv") MW_MSRP("49200", "passive") "a=recvonly\r\n");
    assert_null(op_pending());
    TEXT(in->body, "a=recvonly\r\n", TCP_80);
    ack(in);
    in = inside(dlg_of(SIP_MW), "INVITE", MW_HEAD MW_AUDIO("49170", "sendrecv") MW_MSRP("49200", "passive") "a=inactive\r\n");
    TEXT(out_pending("INVITE")->body, "a=inactive\r\n", TCP_80, "a=setup:passive\r\n");
    respond(out_pending("INVITE"), 200, UE_HEAD UE_AUDIO UE_MSRP("uefr", "x", "a=inactive\r\n"));
    assert_null(op_pending());
    TEXT(in->body, "a=inactive\r\n", "a=setup:active\r\n");
    ack(in);
    in = inside(dlg_of(SIP_W2), "INVITE", UE_HEAD UE_AUDIO UE_MSRP("uefr", "x", "a=inactive\r\n")); /* nothing new: answered here */
    assert_null(out_pending("INVITE"));
    assert_int_equal(in->status, 200);
    ack(in);
    hang_up(SIP_MW);
}

static void test_restart(void **state)
{
    struct sip_in *in;

    (void)state;
    establish_both();
    in = inside(dlg_of(SIP_W2), "INVITE", UE_HEAD UE_AUDIO UE_MSRP("NEWU", "x", ""));
    assert_null(out_pending("INVITE"));
    OP("MOD ip/1/access/8", "S2 - L(v=0| c=IN IP4 198.51.100.20| m=message 4", "a=ice-ufrag:$| a=ice-pwd:$| a=candidate:2 1 TCP 2122318079",
       "R(v=0| c=IN IP4 203.0.113.7| m=message 9 TCP/MSRP *| a=ice-ufrag:NEWU|", "!S1");
    op_ok(op_pending());
    assert_int_equal(in->status, 200);
    TEXT(in->body, TCP_80, "a=setup:passive\r\n", "a=ice-ufrag:uf");
    ack(in);
    hang_up(SIP_W2);
}

/* Whoever is called without an offer makes it. */
static void test_late(void **state)
{
    struct sip_in *in;

    (void)state;
    open_world(true);
    in = terminate(NULL);
    respond(out_pending("INVITE"), 200, UE_HEAD UE_MSRP("uefr", "x", ""));
    OP("ADD ip/$/core/$", "m=message $ TCP -|");
    op_ok(op_pending());
    TEXT(in->body, "m=message 31000 TCP/MSRP *\r\na=setup:actpass\r\na=msrp-cema\r\n", "!candidate");
    ack_with(in, true, MW_HEAD MW_MSRP("49200", "passive"));
    OP("MOD ip/1/core/7", "m=message 49200 TCP -| a=setup:passive|");
    op_ok(op_pending());
    OP("ADD ip/$/access/$", "m=message $ TCP/MSRP *|", "a=ice-ufrag:uefr|");
    op_ok(op_pending());
    TEXT(dlg_of(SIP_W2)->ack_body, TCP_80, "a=setup:passive\r\n", "49200/jshA7we");
    hang_up(SIP_MW);
    open_world(true);
    in = originate(NULL);
    respond(out_pending("INVITE"), 200, MW_HEAD MW_MSRP("49200", "active"));
    OP("ADD ip/$/access/$", "m=message $ TCP/MSRP *|", TCP_OPEN);
    op_ok(op_pending());
    TEXT(in->body, TCP_80, "a=setup:passive\r\n", "!m=application");
    ack_with(in, true, UE_HEAD UE_MSRP("uefr", "x", ""));
    OP("MOD ip/1/access/8", "a=ice-ufrag:uefr|");
    op_ok(op_pending());
    OP("ADD ip/$/core/$", "m=message $ TCP -| a=setup:passive|");
    op_ok(op_pending());
    TEXT(dlg_of(SIP_MW)->ack_body, "a=setup:passive\r\na=msrp-cema\r\n", "9/x;tcp\r\n");
    hang_up(SIP_W2);
}

/* A line and a data channel in one call: each is what it is. */
static void test_both_kinds(void **state)
{
    struct sip_in *in;

    (void)state;
    open_world(true);
    in = originate(UE_HEAD UE_MSRP("uefr", "x", "") W2_DC("2", "actpass"));
    OP("S2 in", "S3 in", "m=message $ TCP -|");
    op_ok(op_pending());
    respond(out_pending("INVITE"), 200, MW_HEAD MW_MSRP("49200", "passive") MW_MSRP("49202", "passive"));
    op_ok(op_pending());
    OP("ADD ip/$/access/$", "m=message $ TCP/MSRP *|", "m=application $ UDP/DTLS/SCTP", "groupse=[SCTP ", " strdeagg=", "sctpid=0");
    op_ok(op_pending());
    assert_int_equal(in->status, 200);
    TEXT(in->body, TCP_80, "m=application 4", "a=dcmap:0 ");
    ack(in);
    in = inside(dlg_of(SIP_W2), "INVITE", UE_HEAD UE_MSRP("uefr", "x", "") "m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\n");
    respond(out_pending("INVITE"), 200, MW_HEAD "m=message 0 TCP/MSRP *\r\n" MW_MSRP("49202", "passive")); /* channels stand first */
    for (unsigned i = 0; i < 4 && op_pending(); i++)
        op_ok(op_pending());
    if (W.calls->list->fsm.state == CALL_RE_RESETTING)
        fsm_event(&W.calls->list->fsm, EV_TIMEOUT, NULL);
    all_ok();
    TEXT(in->body, "m=message 4", TCP_80, "m=application 0");
    ack(in);
    hang_up(SIP_MW);
}

/* Taken away and put there again, by either side; refused by the other. */
static void test_changes(void **state)
{
    static const char off_w2[] = UE_HEAD UE_AUDIO "m=message 0 TCP/MSRP *\r\n", off_mw[] = MW_HEAD MW_AUDIO("49170", "sendrecv") "m=message 0 TCP/MSRP *\r\n";
    static const char on_w2[] = UE_HEAD UE_AUDIO UE_MSRP("uefr", "y", ""), on_mw[] = MW_HEAD MW_AUDIO("49170", "sendrecv") MW_MSRP("49300", "active");
    struct sip_in *in;

    (void)state;
    establish_both();
    in = inside(dlg_of(SIP_W2), "INVITE", off_w2);
    TEXT(out_pending("INVITE")->body, "m=message 0 TCP/MSRP *\r\n");
    respond(out_pending("INVITE"), 200, off_mw);
    OP("MOD ip/1/access/8", "S2 - L{} R{}", "!S1");
    op_ok(op_pending());
    OP("MOD ip/1/core/7", "S2 - L{} R{}");
    op_ok(op_pending());
    TEXT(in->body, "m=message 0 TCP/MSRP *\r\n", "m=audio 4");
    ack(in);
    in = inside(dlg_of(SIP_MW), "INVITE", on_mw);
    OP("MOD ip/1/access/8", "m=message $ TCP/MSRP *|", TCP_OPEN, "ev-tcp ev-consent");
    op_ok(op_pending());
    TEXT(out_pending("INVITE")->body, TCP_80);
    respond(out_pending("INVITE"), 488, NULL);
    OP("MOD ip/1/access/8", "L{} R{}"); /* undone */
    op_ok(op_pending());
    assert_int_equal(in->status, 488);
    ack(in);
    in = inside(dlg_of(SIP_W2), "INVITE", on_w2);
    OP("MOD ip/1/core/7", "m=message $ TCP -|");
    op_ok(op_pending());
    respond(out_pending("INVITE"), 200, on_mw);
    OP("MOD ip/1/access/8", "m=message $ TCP/MSRP *|", "a=ice-ufrag:uefr|");
    op_ok(op_pending());
    OP("MOD ip/1/core/7", "m=message 49300 TCP -| a=setup:active|");
    op_ok(op_pending());
    TEXT(in->body, TCP_80, "a=path:msrp://10.20.0.99:49300/");
    ack(in);
    hang_up(SIP_W2);
}

static void notify(const char *term, enum iq_event ev)
{
    W.ctxs->h.notify(W.ctxs->h.arg, sv_from(term), &(struct iq_observed){.event = ev, .stream = 2});
}

/* Each side's connection is waited for alone. */
static void test_cut(void **state)
{
    (void)state;
    establish_both();
    notify("ip/1/access/8", IQ_EV_TCP_RELEASED);
    assert_int_equal(W.calls->list->fsm.state, CALL_CUT);
    notify("ip/1/core/7", IQ_EV_TCP_RELEASED);
    notify("ip/1/core/7", IQ_EV_TCP_ESTABLISHED);
    assert_int_equal(W.calls->list->fsm.state, CALL_CUT);
    notify("ip/1/access/8", IQ_EV_TCP_ESTABLISHED);
    assert_int_equal(W.calls->list->fsm.state, CALL_ACTIVE);
    notify("ip/1/access/8", IQ_EV_TCP_RELEASED);
    fsm_event(&W.calls->list->fsm, EV_TIMEOUT, NULL); /* `reopen` is over */
    assert_int_equal(W.calls->list->fsm.state, CALL_DYING);
    world_drain(false, NULL);
    world_close();
    establish_both();
    notify("ip/1/access/8", IQ_EV_CONSENT_LOST);
    assert_int_equal(W.calls->list->fsm.state, CALL_DYING);
    world_drain(false, NULL);
    world_close();
}

/* A realm without a TCP port: the gateway refuses, or answers without a candidate. */
static void test_no_port(void **state)
{
    struct sip_in *in;

    (void)state;
    open_world(true);
    in = originate(UE_HEAD UE_MSRP("uefr", "x", ""));
    op_ok(op_pending());
    respond(out_pending("INVITE"), 200, core_answer);
    op_ok(op_pending());
    op_fail(op_pending(), 501);
    assert_int_equal(in->status, 488);
    world_drain(false, NULL);
    world_close();
}

/* More lines than may be are refused in place. */
static void test_many(void **state)
{
    struct sip_in *in;

    (void)state;
    open_world(true);
    in = originate(UE_HEAD UE_MSRP("ufr1", "a", "") UE_MSRP("ufr2", "b", "") UE_MSRP("ufr3", "c", "") UE_MSRP("ufr4", "d", "") UE_MSRP("ufr5", "e", ""));
    OP("S1 ", "S4 ", "!S5 ");
    op_ok(op_pending());
    respond(out_pending("INVITE"), 200, MW_HEAD MW_MSRP("49200", "passive") "m=message 0 TCP/MSRP *\r\n" MW_MSRP("49204", "passive") "m=message 0 TCP/MSRP *\r\n");
    OP("S1 sr", "S3 sr", "S2 - L{} R{}", "S4 - L{} R{}");
    op_ok(op_pending());
    OP("S1 sr", "S3 sr", "!S2", "a=ice-ufrag:ufr3|");
    op_ok(op_pending());
    assert_int_equal(in->status, 200);
    TEXT(in->body, "m=message 0 TCP/MSRP *\r\nc=IN IP4 0.0.0.0\r\nm=message 0 TCP/MSRP *\r\n", "49204/");
    ack(in);
    hang_up(SIP_MW);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_originating), cmocka_unit_test(test_terminating), cmocka_unit_test(test_who),  cmocka_unit_test(test_refused),
        cmocka_unit_test(test_hold),        cmocka_unit_test(test_restart),     cmocka_unit_test(test_changes), cmocka_unit_test(test_cut),
        cmocka_unit_test(test_no_port),     cmocka_unit_test(test_many),        cmocka_unit_test(test_late),        cmocka_unit_test(test_both_kinds),
    };

    log_init(LOG_ERROR);
    return cmocka_run_group_tests_name("alg/call: m=message over ICE-TCP", tests, NULL, NULL);
}
