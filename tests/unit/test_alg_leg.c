/* What a leg does by itself: session timers (RFC 4028), glare (RFC 3261 14.1), a PRACK that never comes (RFC 3262 3). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/log.h"
#include "tests/fake/call_steps.h"

static struct sip_in *originate_timed(const char *expires)
{
    struct sip_in *in = request((struct sip_msg){.method = "INVITE", .uri = "sip:b@h", .body = wic_offer, .side = SIP_W2,
                                                 .flow = WIC_FLOW, .header = {{"Supported", "timer"}, {"Session-Expires", expires}}});

    return in;
}

static struct sip_in *open_mo(const char *name, const char *value)
{
    struct sip_in *in;

    world_open(1);
    in = originate_timed(NULL);
    op_ok(op_pending());
    answer(out_pending("INVITE"), 200, core_answer, name, value);
    op_ok(op_pending());
    op_ok(op_pending());
    assert_int_equal(in->status, 200);
    ack(in);
    return in;
}

static struct leg *core_leg(void)
{
    return &W.calls->list->won->leg;
}

static void test_asks(void **state)
{
    struct sip_out *o;

    (void)state;
    world_open(1);
    originate_timed(NULL);
    op_ok(op_pending());
    o = out_pending("INVITE");
    has(o->headers, "Supported: 100rel, timer, 199\n");
    has(o->headers, "Session-Expires: 1800\n");
    has(o->headers, "Min-SE: 90\n");
    answer(o, 486, NULL, NULL, NULL);
    world_close();

    world_open(1);
    request((struct sip_msg){.method = "INVITE", .uri = "sip:b@h", .body = core_offer, .side = SIP_MW});
    op_ok(op_pending());
    o = out_pending("INVITE");
    assert_null(strstr(o->headers, "Supported")); /* a browser is asked for nothing */
    assert_null(strstr(o->headers, "Session-Expires"));
    answer(o, 486, NULL, NULL, NULL);
    world_close();
}

static void test_interval_too_small(void **state)
{
    struct sip_in *in;

    (void)state;
    world_open(1);
    in = originate_timed(NULL);
    op_ok(op_pending());
    answer(out_pending("INVITE"), 422, NULL, "Min-SE", "3600");
    has(out_pending("INVITE")->headers, "Session-Expires: 3600\n");
    has(out_pending("INVITE")->headers, "Min-SE: 3600\n");
    answer(out_pending("INVITE"), 422, NULL, "Min-SE", "4000");
    has(out_pending("INVITE")->headers, "Session-Expires: 4000\n");
    answer(out_pending("INVITE"), 422, NULL, "Min-SE", "4000"); /* that is what we said */
    assert_null(out_pending("INVITE"));
    assert_int_equal(in->status, 500);
    world_close();

    world_open(1);
    in = originate_timed(NULL);
    op_ok(op_pending());
    for (unsigned i = 0; i <= SESSION_TRIES; i++) {
        char min[16];

        snprintf(min, sizeof min, "%u", 2000 + i);
        answer(out_pending("INVITE"), 422, NULL, "Min-SE", min);
    }
    assert_null(out_pending("INVITE"));
    assert_int_equal(in->status, 500);
    world_close();

    world_open(1); /* cancelled meanwhile: nothing goes out again */
    in = originate_timed(NULL);
    op_ok(op_pending());
    in->cancelled(in->cancelled_arg, NULL);
    answer(out_pending("INVITE"), 422, NULL, "Min-SE", "3600");
    assert_null(out_pending("INVITE"));
    assert_int_equal(in->status, 487);
    world_close();
}

static void test_we_refresh(void **state)
{
    (void)state;
    open_mo("Session-Expires", "1800;refresher=uac");
    assert_in_range(uv_timer_get_due_in(core_leg()->due.t), 890000, 900000); /* at half of it (RFC 4028 10) */
    alarm_ring(&core_leg()->due);
    has(out_pending("UPDATE")->headers, "Session-Expires: 1800;refresher=uac\n");
    answer(out_pending("UPDATE"), 200, NULL, "Session-Expires", "1800;refresher=uac");
    assert_non_null(core_leg()->due.t);
    /* by INVITE where UPDATE is not understood */
    alarm_ring(&core_leg()->due);
    answer(out_pending("UPDATE"), 501, NULL, NULL, NULL);
    has(out_pending("INVITE")->headers, "Session-Expires: 1800;refresher=uac\n");
    has(out_pending("INVITE")->body, "m=message");
    /* nobody changes the call meanwhile */
    assert_int_equal(inside(dlg_of(SIP_MW), "INVITE", NULL)->status, 491);
    assert_int_equal(inside(dlg_of(SIP_W2), "INVITE", WIC_HEAD("actpass") WIC_CHAN("0", "actpass") WIC_CHAN("2", "actpass"))->status, 491);
    answer(out_pending("INVITE"), 200, core_answer, "Session-Expires", "1800;refresher=uac");
    assert_int_equal(core_leg()->dlg->acks, 2);
    /* raised in the middle */
    alarm_ring(&core_leg()->due);
    answer(out_pending("UPDATE"), 422, NULL, "Min-SE", "2000");
    has(out_pending("UPDATE")->headers, "Session-Expires: 2000;refresher=uac\n");
    answer(out_pending("UPDATE"), 500, NULL, NULL, NULL); /* there is time to try again */
    alarm_ring(&core_leg()->due);
    assert_non_null(out_pending("UPDATE"));
    answer(out_pending("UPDATE"), 200, NULL, "X", "no timer any more");
    assert_null(core_leg()->due.t);
    hang_up(SIP_W2);
}

static void test_refresh_in_vain(void **state)
{
    (void)state;
    open_mo("Session-Expires", "90;refresher=uac");
    alarm_ring(&core_leg()->due);
    answer(out_pending("UPDATE"), 500, NULL, NULL, NULL);
    core_leg()->renewed -= 61000; /* 90 - 90 / 3 */
    alarm_ring(&core_leg()->due);
    assert_null(out_pending("UPDATE"));
    assert_non_null(out_pending("BYE"));
    ended();

    open_mo("Session-Expires", "90;refresher=uac");
    alarm_ring(&core_leg()->due);
    answer(out_pending("UPDATE"), 481, NULL, NULL, NULL);
    assert_non_null(out_pending("BYE"));
    ended();

    open_mo("Session-Expires", "90;refresher=uac"); /* the call ends while it is under way */
    core_leg()->session.update = false;
    alarm_ring(&core_leg()->due);
    inside(dlg_of(SIP_W2), "BYE", NULL);
    ended();
}

static void test_they_refresh(void **state)
{
    struct sip_msg m = {.method = "UPDATE", .side = SIP_MW, .to_tag = "t",
                        .header = {{"Session-Expires", "100;refresher=uac"}, {"Supported", "timer"}}};
    struct sip_in *in;

    (void)state;
    open_mo("Session-Expires", "1800;refresher=uas");
    core_leg()->renewed = 0;
    in = in_new("UPDATE");
    core_leg()->dlg->h.request(core_leg()->dlg->h.arg, core_leg()->dlg, in, &m);
    assert_int_equal(in->status, 200);
    has(in->headers, "Session-Expires: 100;refresher=uac\n");
    assert_int_equal(core_leg()->session.interval, 100);
    assert_int_equal(session_expiry_ms(&core_leg()->session), 68000); /* the lesser of 32 s and a third earlier */
    assert_in_range(uv_timer_get_due_in(core_leg()->due.t), 60000, 68000);
    m.header[0][1] = "89";
    in = in_new("UPDATE");
    core_leg()->dlg->h.request(core_leg()->dlg->h.arg, core_leg()->dlg, in, &m);
    assert_int_equal(in->status, 422);
    has(in->headers, "Min-SE: 90\n");
    assert_int_equal(core_leg()->session.interval, 100); /* what was agreed stays */
    m.header[0][1] = "100;refresher=uas"; /* now it is ours */
    in = in_new("UPDATE");
    core_leg()->dlg->h.request(core_leg()->dlg->h.arg, core_leg()->dlg, in, &m);
    has(in->headers, "Session-Expires: 100;refresher=uas\n");
    alarm_ring(&core_leg()->due);
    has(out_pending("UPDATE")->headers, "Session-Expires: 100;refresher=uac\n");
    answer(out_pending("UPDATE"), 200, NULL, "Session-Expires", "100;refresher=uas");
    alarm_ring(&core_leg()->due); /* and it never did */
    assert_non_null(out_pending("BYE"));
    assert_int_equal(dlg_of(SIP_W2)->byes, 1);
    ended();
}

static void test_browser_asks(void **state)
{
    struct sip_in *in;

    (void)state;
    world_open(1);
    in = originate_timed("60");
    assert_int_equal(in->status, 422);
    has(in->headers, "Min-SE: 90\n");
    in = originate_timed("90");
    op_ok(op_pending());
    respond(out_pending("INVITE"), 200, core_answer);
    op_ok(op_pending());
    op_ok(op_pending());
    has(in->headers, "Session-Expires: 90;refresher=uac\nRequire: timer\n");
    ack(in);
    alarm_ring(&W.calls->list->near.due); /* JsSIP is gone without a word */
    assert_int_equal(core_leg()->dlg->byes, 1);
    ended();
}

static void test_core_asks_nothing(void **state)
{
    static const char *const supported[] = {"timer", "100rel"};

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct sip_in *in;

        world_open(1);
        in = request((struct sip_msg){.method = "INVITE", .uri = "sip:b@h", .body = core_offer, .side = SIP_MW,
                                      .header = {{"Supported", supported[i]}, {"Min-SE", "2000"}}});
        op_ok(op_pending());
        respond(out_pending("INVITE"), 200, wic_answer);
        op_ok(op_pending());
        op_ok(op_pending());
        assert_int_equal(in->status, 200);
        if (i == 0)
            has(in->headers, "Session-Expires: 2000;refresher=uac\nRequire: timer\n");
        else
            assert_null(strstr(in->headers, "Session-Expires"));
        ack(in);
        inside(dlg_of(SIP_MW), "BYE", NULL);
        ended();
    }
}

#define TWO_CHANS WIC_HEAD("actpass") WIC_CHAN("0", "actpass") WIC_CHAN("2", "actpass")

static struct sip_in *change(void)
{
    struct sip_in *in = inside(dlg_of(SIP_W2), "INVITE", TWO_CHANS);

    op_ok(op_pending());
    return in;
}

static void test_glare(void **state)
{
    struct sip_in *in;

    (void)state;
    open_mo(NULL, NULL);
    in = change();
    for (unsigned i = 0; i < 3; i++) { /* the caller's Call-ID: 2.1 to 4 s (RFC 3261 14.1) */
        answer(out_pending("INVITE"), 491, NULL, NULL, NULL);
        assert_null(out_pending("INVITE"));
        assert_in_range(uv_timer_get_due_in(core_leg()->again.t), 2100, 4000);
        assert_int_equal(inside(dlg_of(SIP_MW), "INVITE", core_offer)->status, 491); /* busy, says the other too */
        alarm_ring(&core_leg()->again);
    }
    answer(out_pending("INVITE"), 200, CORE_HEAD CORE_LINE("49200", "active") CORE_LINE("49202", "passive"), NULL, NULL);
    while (op_pending())
        op_ok(op_pending());
    assert_int_equal(in->status, 200);
    ack(in);
    hang_up(SIP_W2);

    open_mo(NULL, NULL);
    in = change();
    for (unsigned i = 0; i < 3; i++) {
        answer(out_pending("INVITE"), 491, NULL, NULL, NULL);
        alarm_ring(&core_leg()->again);
    }
    answer(out_pending("INVITE"), 491, NULL, NULL, NULL);
    op_ok(op_pending()); /* undone */
    assert_int_equal(in->status, 491);
    hang_up(SIP_W2);
}

/* The wait for the next try ends early in every way. */
static void test_glare_given_up(void **state)
{
    struct sip_in *in;

    (void)state;
    open_mo(NULL, NULL);
    in = change();
    answer(out_pending("INVITE"), 491, NULL, NULL, NULL);
    in->cancelled(in->cancelled_arg, NULL);
    assert_int_equal(in->status, 487);
    alarm_ring(&core_leg()->again);
    assert_null(out_pending("INVITE"));
    op_ok(op_pending());
    assert_int_equal(W.calls->list->fsm.state, CALL_ACTIVE);
    hang_up(SIP_W2);

    open_mo(NULL, NULL);
    in = change();
    answer(out_pending("INVITE"), 491, NULL, NULL, NULL);
    inside(dlg_of(SIP_MW), "BYE", NULL);
    assert_int_equal(in->status, 480);
    ended();
}

static struct sip_in *terminate_msrp(void)
{
    struct sip_in *in;

    world_open(1);
    in = request((struct sip_msg){.method = "INVITE", .uri = "sip:b@h", .body = core_offer, .side = SIP_MW,
                                  .header = {{"Supported", "100rel"}}});
    op_ok(op_pending());
    return in;
}

static void test_no_prack(void **state)
{
    struct sip_in *in = terminate_msrp();

    (void)state;
    in->prack(in->prack_arg, NULL, NULL);
    assert_int_equal(in->status, 504);
    assert_true(out_pending("INVITE")->cancelled);
    ended();

    in = terminate_msrp(); /* our 200 was held back for it and never left: there is nobody to hang up on */
    respond(out_pending("INVITE"), 200, wic_answer);
    op_ok(op_pending());
    op_ok(op_pending());
    assert_int_equal(in->status, 200);
    in->dlg->up = false;
    in->prack(in->prack_arg, NULL, NULL);
    assert_int_equal(in->dlg->byes, 0);
    assert_int_equal(dlg_of(SIP_W2)->byes, 1);
    in->ack = NULL; /* the SIP side calls once */
    ended();
}

static void test_prack_with_offer(void **state)
{
    struct sip_in *in = terminate_msrp(), *prack = in_new("PRACK");
    struct sip_msg m = {.method = "PRACK", .body = core_offer, .side = SIP_MW};

    (void)state;
    in->prack(in->prack_arg, prack, &m);
    assert_int_equal(prack->status, 488);
    assert_false(in->answered);
    respond(out_pending("INVITE"), 486, NULL);
    assert_int_equal(in->status, 486);
    world_close();
}

/* --- before the answer --- */

#define QOS(local, remote) \
    "a=curr:qos local " local "\r\na=curr:qos remote " remote "\r\na=des:qos mandatory local sendrecv\r\n" \
    "a=des:qos optional remote sendrecv\r\n"

static struct sip_in *update(const char *tag, const char *body)
{
    struct sip_msg m = {.method = "UPDATE", .body = body, .side = SIP_MW, .to_tag = "t", .peer_tag = tag};
    struct sip_in *in = in_new("UPDATE");
    struct sip_dlg *d = dlg_of(SIP_MW);

    in->dlg = d;
    d->h.request(d->h.arg, d, in, &m);
    return in;
}

static void early(const char *tag, const char *body)
{
    struct sip_out *o = out_pending("INVITE");
    struct sip_msg m = {.method = "INVITE", .status = 183, .body = body, .side = SIP_MW, .peer_tag = tag};

    o->cb(o->arg, o, 183, &m);
    while (op_pending())
        op_ok(op_pending());
}

/* RFC 3311 before the answer: what the WIC need not hear of is answered here, and T2 follows (sip-sdp 2.5). */
static void test_early_update(void **state)
{
    struct sip_in *in = originate_audio(), *up;

    (void)state;
    assert_int_equal(update("a", MW_HEAD MW_AUDIO("49170", "sendrecv"))->status, 491); /* ours has no answer yet */
    early("a", MW_HEAD MW_AUDIO("49170", "inactive") QOS("none", "none"));
    up = update("a", MW_HEAD MW_AUDIO("49170", "sendonly") QOS("sendrecv", "sendrecv"));
    assert_int_equal(up->status, 200);
    has(up->body, " RTP/AVP 0 126\r\n"); /* what was agreed, of all that was offered */
    has(up->body, "a=recvonly\r\n");
    has(up->body, "a=curr:qos remote sendrecv\r\n");
    has(up->body, "a=curr:qos local sendrecv\r\n");
    has(up->body, "a=des:qos mandatory remote sendrecv\r\n");
    assert_null(strstr(up->body, "opus"));
    assert_non_null(op_pending());
    has(op_pending()->text, "MOD ip/1/core");
    while (op_pending())
        op_ok(op_pending());
    up = update("a", MW_HEAD "m=audio 49170 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n");
    assert_int_equal(up->status, 488);
    up = update("a", MW_HEAD "m=audio 49170 RTP/AVP 0 126\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:126 telephone-event/16000\r\n");
    assert_int_equal(up->status, 488); /* the same number for another codec */
    assert_int_equal(update("a", MW_HEAD MW_AUDIO("49170", "sendrecv") MW_VIDEO("49180"))->status, 488);
    assert_int_equal(update("a", "v=0\r\nrubbish")->status, 488);
    assert_int_equal(update("b", MW_HEAD MW_AUDIO("49170", "sendrecv"))->status, 491); /* another callee said nothing */
    assert_int_equal(update("a", NULL)->status, 200); /* a refresh of the target */
    assert_null(op_pending());
    respond(out_pending("INVITE"), 200, MW_HEAD MW_AUDIO("49170", "sendrecv"));
    while (op_pending())
        op_ok(op_pending());
    assert_int_equal(in->status, 200);
    ack(in);
    hang_up(SIP_W2);
}

static void test_early_update_then_gone(void **state)
{
    struct sip_in *in = originate_audio();

    (void)state;
    early("a", MW_HEAD MW_AUDIO("49170", "inactive"));
    early("b", MW_HEAD MW_AUDIO("49174", "sendrecv"));
    assert_int_equal(update("a", MW_HEAD MW_AUDIO("49170", "sendrecv"))->status, 200);
    assert_int_equal(update("b", MW_HEAD MW_AUDIO("49174", "sendonly"))->status, 200);
    in->cancelled(in->cancelled_arg, NULL);
    assert_int_equal(in->status, 487);
    ended();
}

static void op_has(const char *part)
{
    struct op *op = op_pending();

    assert_non_null(op);
    if (op)
        has(op->text, part);
}

/* One that comes while the gateway is being told of the 18x waits for it, and T2 has it before the 200. */
static void test_early_update_meanwhile(void **state)
{
    static const char *const gates[] = {NULL, "sendrecv"};

    (void)state;
    for (unsigned near = 0; near < 2; near++) {
        struct sip_in *in = originate_audio();
        struct sip_out *o = out_pending("INVITE");

        respond_with(o, 183, MW_HEAD MW_AUDIO("49170", "inactive"), gates[1]);
        if (near)
            op_ok(op_pending());
        op_has(near ? "ADD ip/$/access" : "MOD ip/1/core");
        assert_int_equal(update("peer", MW_HEAD MW_AUDIO("49180", "sendonly"))->status, 200);
        assert_int_equal(update("peer", MW_HEAD MW_AUDIO("49190", "sendonly"))->status, 200);
        respond(o, 200, NULL);
        op_ok(op_pending());
        if (!near)
            op_ok(op_pending());
        assert_false(in->answered);
        op_has("MOD ip/1/core");
        op_has("S1 ro R(v=0| c=IN IP4 10.20.0.99| m=audio 49190");
        while (op_pending())
            op_ok(op_pending());
        assert_int_equal(in->status, 200);
        ack(in);
        hang_up(SIP_W2);
    }
}

/* As many as are read are agreed to, not more. */
static void test_early_update_bounds(void **state)
{
    struct sip_in *in = originate_audio();
    char body[512];
    int status = 200;
    unsigned n = 0;

    (void)state;
    early("a", MW_HEAD MW_AUDIO("49170", "inactive"));
    for (; status == 200 && n < 100; n++) {
        snprintf(body, sizeof body, MW_HEAD MW_AUDIO("%u", "sendonly"), 50000 + 2 * n);
        status = update("a", body)->status;
        while (op_pending())
            op_ok(op_pending());
    }
    assert_int_equal(status, 488);
    assert_int_equal(n, CALL_EARLY_MAX);
    in->cancelled(in->cancelled_arg, NULL);
    ended();
}

/* RFC 6228: what that callee said is gone with it. */
static void test_199(void **state)
{
    struct sip_in *in = originate_audio();
    struct sip_out *o = out_pending("INVITE");

    (void)state;
    early("a", MW_HEAD MW_AUDIO("49170", "inactive"));
    early("b", MW_HEAD MW_AUDIO("49174", "sendrecv"));
    o->cb(o->arg, o, 199, &(struct sip_msg){.method = "INVITE", .status = 199, .side = SIP_MW, .peer_tag = "a",
                                           .body = MW_HEAD MW_AUDIO("49999", "sendrecv")});
    assert_null(op_pending());
    assert_int_equal(in->provisional, 183);
    assert_int_equal(update("a", MW_HEAD MW_AUDIO("49170", "sendrecv"))->status, 491);
    assert_int_equal(update("b", MW_HEAD MW_AUDIO("49174", "sendonly"))->status, 200);
    in->cancelled(in->cancelled_arg, NULL);
    ended();
}

/* Candidates that trickle in are taken note of by 200 and no more; other packages are not understood. */
static void test_info(void **state)
{
    static const char frag[] = "a=mid:0\r\na=candidate:1 1 udp 2122260223 203.0.113.7 54400 typ host\r\na=end-of-candidates\r\n";
    struct sip_in *in;

    (void)state;
    open_mo(NULL, NULL);
    in = in_new("INFO");
    in->dlg = dlg_of(SIP_W2);
    in->dlg->h.request(in->dlg->h.arg, in->dlg, in, &(struct sip_msg){.method = "INFO", .body = frag, .side = SIP_W2, .flow = WIC_FLOW,
                                                                     .to_tag = "t", .ctype = "application/trickle-ice-sdpfrag"});
    assert_int_equal(in->status, 200);
    assert_null(op_pending());
    assert_int_equal(inside(dlg_of(SIP_W2), "INFO", frag)->status, 469);
    assert_int_equal(inside(dlg_of(SIP_MW), "INFO", NULL)->status, 200);
    hang_up(SIP_W2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_asks),         cmocka_unit_test(test_interval_too_small), cmocka_unit_test(test_we_refresh),
        cmocka_unit_test(test_refresh_in_vain), cmocka_unit_test(test_they_refresh),    cmocka_unit_test(test_browser_asks),
        cmocka_unit_test(test_core_asks_nothing), cmocka_unit_test(test_glare),         cmocka_unit_test(test_glare_given_up),
        cmocka_unit_test(test_no_prack),     cmocka_unit_test(test_prack_with_offer),
        cmocka_unit_test(test_early_update), cmocka_unit_test(test_early_update_then_gone),
        cmocka_unit_test(test_early_update_meanwhile), cmocka_unit_test(test_early_update_bounds), cmocka_unit_test(test_199),
        cmocka_unit_test(test_info),
    };

    log_init(getenv("TEST_DEBUG") ? LOG_DEBUG : LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
