/* Preconditions of the core (RFC 3312, RFC 4032): who waits for whom, and what is said of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/log.h"
#include "tests/fake/call_steps.h"

#define QOS(local, remote) \
    "a=curr:qos local " local "\r\na=curr:qos remote " remote "\r\na=des:qos mandatory local sendrecv\r\n" \
    "a=des:qos optional remote sendrecv\r\n"

static struct sip_in *terminate_qos(const char *how, const char *body)
{
    world_open(1);
    return request((struct sip_msg){.method = "INVITE", .uri = "sip:b@h", .body = body, .side = SIP_MW,
                                    .header = {{how, "precondition, 100rel"}}});
}

static void test_preconditions_met(void **state)
{
    struct sip_in *in = terminate_qos("Require", MW_HEAD MW_AUDIO("49170", "sendrecv") QOS("sendrecv", "none"));

    (void)state;
    op_ok(op_pending());
    assert_null(strstr(out_pending("INVITE")->body, "qos"));
    respond(out_pending("INVITE"), 200, W2_ANSWER("0 126", "sendrecv"));
    while (op_pending())
        op_ok(op_pending());
    assert_int_equal(in->status, 200);
    has(in->headers, "Require: precondition\n");
    has(in->body, "a=curr:qos local sendrecv\r\n");
    has(in->body, "a=curr:qos remote sendrecv\r\n");
    has(in->body, "a=des:qos mandatory remote sendrecv\r\n");
    has(in->body, "a=des:qos optional local sendrecv\r\n");
    ack(in);
    inside(dlg_of(SIP_MW), "BYE", NULL);
    ended();
}

/* The caller has our answer before anybody is rung; then it says "met". */
static void test_preconditions_wait(void **state)
{
    static const char *const waits[] = {
        MW_HEAD MW_AUDIO("49170", "sendrecv") QOS("none", "none"), MW_HEAD MW_AUDIO("49170", "sendrecv") QOS("send", "sendrecv"),
        MW_HEAD MW_AUDIO("49170", "sendrecv") "a=curr:qos e2e none\r\na=des:qos mandatory e2e sendrecv\r\n",
        MW_HEAD MW_AUDIO("49170", "sendrecv") "a=des:qos mandatory local recv\r\n",
    };
    struct sip_in *in, *up;

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(waits); i++) {
        in = terminate_qos(i % 2 ? "Supported" : "Require", waits[i]);
        OP("ADD ip/$/core/$");
        OP("S1 in ");
        op_ok(op_pending());
        assert_int_equal(in->provisional, 183);
        has(in->early, "RTP/AVP 0 126\r\n");
        if (i < 2)
            has(in->early, "a=curr:qos local sendrecv\r\n");
        if (i < 2)
            has(in->early, "a=conf:qos remote sendrecv\r\n");
        assert_null(op_pending());
        assert_null(out_pending("INVITE"));
        up = inside(dlg_of(SIP_MW), "UPDATE", waits[i]); /* not yet */
        assert_int_equal(up->status, 200);
        has(up->headers, "Require: precondition\n");
        assert_null(op_pending()); /* nobody is about to be rung */
        assert_null(out_pending("INVITE"));
        up = inside(dlg_of(SIP_MW), "UPDATE", MW_HEAD MW_AUDIO("49180", "sendrecv") QOS("sendrecv", "sendrecv"));
        assert_int_equal(up->status, 200);
        assert_null(strstr(up->body, "a=conf"));
        OP("ADD ip/$/access/$");
        op_ok(op_pending());
        assert_null(strstr(out_pending("INVITE")->body, "qos"));
        respond(out_pending("INVITE"), 200, W2_ANSWER("0 126", "sendrecv"));
        op_ok(op_pending());
        OP("MOD ");
        OP("S1 sr");
        OP("49180");
        op_ok(op_pending());
        assert_int_equal(in->status, 200);
        assert_string_equal(in->body, ""); /* the 183 said it */
        ack(in);
        assert_null(out_pending("INVITE"));
        inside(dlg_of(SIP_MW), "BYE", NULL);
        ended();
    }
}

static struct sip_in *wait_ahead(const char *body)
{
    struct sip_in *in = terminate_qos("Require", body);

    op_ok(op_pending());
    assert_int_equal(in->provisional, 183);
    return in;
}

/* A PRACK may bring "met"; what cannot be is refused and changes nothing. */
static void test_preconditions_prack(void **state)
{
    struct sip_in *in = wait_ahead(MW_HEAD MW_AUDIO("49170", "sendrecv") QOS("none", "none")), *prack;

    (void)state;
    assert_int_equal(inside(dlg_of(SIP_MW), "UPDATE", MW_HEAD MW_AUDIO("0", "sendrecv"))->status, 488);
    assert_int_equal(inside(dlg_of(SIP_MW), "UPDATE", MW_HEAD)->status, 488);
    prack = in_new("PRACK");
    in->prack(in->prack_arg, prack, &(struct sip_msg){.method = "PRACK", .side = SIP_MW,
                                                      .body = MW_HEAD MW_AUDIO("49170", "sendrecv") QOS("sendrecv", "none")});
    assert_int_equal(prack->status, 200);
    has(prack->body, "a=curr:qos remote sendrecv\r\n");
    op_ok(op_pending());
    assert_int_equal(inside(dlg_of(SIP_MW), "UPDATE", MW_HEAD MW_AUDIO("49172", "sendonly") QOS("sendrecv", "none"))->status, 200);
    respond(out_pending("INVITE"), 486, NULL);
    assert_int_equal(in->status, 486);
    ended();
}

/* It gives up, never has what it wants, or the WIC goes meanwhile. */
static void test_preconditions_end(void **state)
{
    struct sip_in *in = wait_ahead(MW_HEAD MW_AUDIO("49170", "sendrecv") QOS("none", "none"));

    (void)state;
    in->cancelled(in->cancelled_arg, NULL);
    assert_int_equal(in->status, 487);
    ended();
    in = wait_ahead(MW_HEAD MW_AUDIO("49170", "sendrecv") QOS("none", "none"));
    fsm_event(&W.calls->list->fsm, EV_TIMEOUT, NULL);
    assert_int_equal(in->status, 580);
    ended();
    in = wait_ahead(MW_HEAD MW_AUDIO("49170", "sendrecv") QOS("none", "none"));
    in->prack(in->prack_arg, NULL, NULL);
    assert_int_equal(in->status, 504);
    ended();
    in = terminate_qos("Require", MW_HEAD MW_AUDIO("49170", "sendrecv") QOS("none", "none"));
    op_fail(op_pending(), 510);
    assert_int_equal(in->status, 503);
    ended();
    in = terminate_qos("Require", MW_HEAD "m=audio 49170 RTP/AVP 97\r\na=rtpmap:97 AMR/8000\r\n" QOS("none", "none"));
    assert_int_equal(in->status, 580); /* no browser is sure to have that */
    ended();
    in = terminate_qos("Supported", MW_HEAD "m=audio 49170 RTP/AVP 97\r\na=rtpmap:97 AMR/8000\r\n" QOS("none", "none"));
    OP("ADD ip/$/access/$"); /* it is rung all the same */
    in->cancelled(in->cancelled_arg, NULL);
    ended();
}

/* Video that the WIC refuses: the core has our answer already and is told by a re-INVITE. */
static void test_preconditions_refused(void **state)
{
    struct sip_in *in = wait_ahead(MW_HEAD MW_AUDIO("49170", "sendrecv") QOS("none", "none") MW_VIDEO("49180") QOS("none", "none"));
    struct sip_out *o;

    (void)state;
    has(in->early, "m=video ");
    inside(dlg_of(SIP_MW), "UPDATE", MW_HEAD MW_AUDIO("49170", "sendrecv") QOS("sendrecv", "none") MW_VIDEO("49180") QOS("sendrecv", "none"));
    op_ok(op_pending());
    respond(out_pending("INVITE"), 200, W2_ANSWER("0 126", "sendrecv") "m=video 0 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\n");
    while (op_pending())
        op_ok(op_pending());
    assert_int_equal(in->status, 200);
    assert_null(out_pending("INVITE"));
    ack(in);
    o = out_pending("INVITE");
    assert_int_equal(o->dlg->side, SIP_MW);
    has(o->body, "m=video 0 ");
    assert_null(strstr(o->body, "qos"));
    respond(o, 200, MW_HEAD MW_AUDIO("49170", "sendrecv") "m=video 0 RTP/AVPF 96\r\n");
    world_drain(true, NULL);
    inside(dlg_of(SIP_MW), "BYE", NULL);
    ended();
}

/* The core does not take a call without them: it is asked again, and hears that our side is ready. */
static void test_preconditions_asked(void **state)
{
    struct sip_out *o;

    (void)state;
    originate_audio();
    assert_null(strstr(out_pending("INVITE")->body, "qos"));
    answer(out_pending("INVITE"), 421, NULL, "Require", "100rel, precondition");
    o = out_pending("INVITE");
    has(o->headers, "199, precondition\n");
    has(o->body, "a=curr:qos local sendrecv\r\na=curr:qos remote none\r\na=des:qos mandatory local sendrecv\r\n");
    answer(o, 421, NULL, "Require", "precondition");
    assert_null(out_pending("INVITE"));
    ended();
}

/* Two pages of the user ring; the one that answers is not in the context that the core was told of. */
static void test_preconditions_fork(void **state)
{
    struct sip_in *in;
    struct sip_out *o, *first = NULL, *second = NULL;

    (void)state;
    world_open(2);
    in = request((struct sip_msg){.method = "INVITE", .uri = "sip:b@h", .body = MW_HEAD MW_AUDIO("49170", "sendrecv") QOS("none", "none"),
                                  .side = SIP_MW, .header = {{"Require", "precondition, 100rel"}}});
    op_ok(op_pending());
    has(in->early, "m=audio 30000 ");
    inside(dlg_of(SIP_MW), "UPDATE", MW_HEAD MW_AUDIO("49170", "sendrecv") QOS("sendrecv", "none"));
    while (op_pending())
        op_ok(op_pending());
    DL_FOREACH(W.outs, o) {
        if (!strcmp(o->method, "INVITE"))
            *(first ? &second : &first) = o;
    }
    assert_non_null(second);
    respond(second, 200, W2_ANSWER("0 126", "sendrecv"));
    while (op_pending())
        op_ok(op_pending());
    assert_int_equal(in->status, 200);
    assert_string_equal(in->body, "");
    respond(first, 487, NULL);
    ack(in);
    o = out_pending("INVITE"); /* where it really is */
    assert_int_equal(o->dlg->side, SIP_MW);
    assert_null(strstr(o->body, "m=audio 30000 "));
    respond(o, 200, MW_HEAD MW_AUDIO("49170", "sendrecv"));
    world_drain(true, NULL);
    inside(dlg_of(SIP_MW), "BYE", NULL);
    ended();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_preconditions_met),
        cmocka_unit_test(test_preconditions_wait),
        cmocka_unit_test(test_preconditions_prack),
        cmocka_unit_test(test_preconditions_end),
        cmocka_unit_test(test_preconditions_refused),
        cmocka_unit_test(test_preconditions_asked),
        cmocka_unit_test(test_preconditions_fork),
    };

    log_init(LOG_ERROR);
    return cmocka_run_group_tests_name("alg/call preconditions", tests, NULL, NULL);
}
