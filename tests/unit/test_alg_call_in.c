/* INVITEs as they come in: what is refused and how, emergency calls, several flows of one user, what is said of the access. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/log.h"
#include "tests/fake/call_steps.h"

static void test_refused_offers(void **state)
{
    static const struct {
        const char *body, *ctype;
        int status;
        const char *warning;
    } rows[] = {
        {"v=0\r\nnonsense", NULL, 400, "SDP line"},
        {WIC_HEAD("actpass"), NULL, 488, "304"},
        {WIC_HEAD("holdconn") WIC_CHAN("0", "actpass"), NULL, 488, "305"},
        {WIC_HEAD("actpass") "a=dcmap:0 subprotocol=\"MSRP\";max-retr=3\r\na=dcsa:0 path:msrps://x:1/a;dc\r\n", NULL, 488, "304"},
        {WIC_HEAD("actpass") WIC_CHAN("0", "actpass") WIC_CHAN("0", "actpass"), NULL, 488, "stream id"},
        {wic_offer, "text/plain", 415, "Accept: application/sdp"},
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        struct sip_in *in;

        world_open(1);
        in = request((struct sip_msg){.method = "INVITE", .uri = "sip:b@h", .body = rows[i].body, .ctype = rows[i].ctype,
                                      .side = SIP_W2, .flow = WIC_FLOW});
        assert_int_equal(in->status, rows[i].status);
        TEXT(in->headers, rows[i].warning);
        assert_null(W.ctxs);
        world_close();
    }
}

static void test_refused_by_rules(void **state)
{
    (void)state;
    world_open(0); /* nobody is registered */
    assert_int_equal(originate(wic_offer)->status, 403);
    assert_int_equal(terminate(core_offer)->status, 404);
    assert_int_equal(request((struct sip_msg){.method = "BYE", .uri = "sip:b@h"})->status, 481);
    assert_int_equal(request((struct sip_msg){.method = "SUBSCRIBE", .uri = "sip:b@h"})->status, 405);
    assert_int_equal(request((struct sip_msg){.method = "OPTIONS", .uri = "sip:b@h"})->status, 200);
    world_close();
    world_open(1);
    W.no_gateway = true;
    assert_int_equal(originate(wic_offer)->status, 503);
    world_close();
    world_open(1);
    W.binding[0].flow = 0;
    assert_int_equal(terminate(core_offer)->status, 480);
    world_close();
    world_open(1);
    W.calls->conf.max_calls = 1;
    establish(wic_offer, core_answer);
    assert_int_equal(originate(wic_offer)->status, 503);
    hang_up(SIP_W2);
}

/* RFC 6714 is asked for; without it only a path that tells the address, and a gateway that connects. */
static void test_without_cema(void **state)
{
    static const struct {
        const char *line;
        int status;
    } rows[] = {
        {"m=message 49200 TCP/MSRP *\r\na=setup:active\r\na=path:msrp://10.20.0.99:49200/x;tcp\r\n", 488},
        {"m=message 49200 TCP/MSRP *\r\na=setup:passive\r\na=path:msrp://10.20.0.99:49200/x;tcp\r\n", 200},
        {"m=message 49200 TCP/MSRP *\r\na=setup:passive\r\na=path:msrp://10.20.0.77:49200/x;tcp\r\n", 488},
        {"m=message 49200 TCP/MSRP *\r\na=path:msrp://10.20.0.99:49200/x;tcp\r\n", 200}, /* RFC 4975: we connect */
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        char body[512];
        struct sip_in *in;

        world_open(1);
        snprintf(body, sizeof body, "%s%s", CORE_HEAD, rows[i].line);
        in = originate(wic_offer);
        op_ok(op_pending());
        respond(out_pending("INVITE"), 200, body);
        if (rows[i].status == 200) {
            op_ok(op_pending());
            op_ok(op_pending());
        }
        assert_int_equal(in->status, rows[i].status);
        if (rows[i].status == 200)
            inside(dlg_of(SIP_W2), "BYE", NULL);
        world_drain(false, NULL);
        world_close();
    }
    world_open(1);
    assert_int_equal(terminate(CORE_HEAD "m=message 49200 TCP/MSRP *\r\na=setup:active\r\na=path:msrp://10.20.0.99:49200/x;tcp\r\n")->status, 488);
    world_close();
}

static unsigned live_contexts(void)
{
    struct iq_ctx *c;
    unsigned n = 0;

    DL_FOREACH(W.ctxs, c)
        n += !c->released;
    return n;
}

static void test_fork(void **state)
{
    struct sip_in *in;
    struct sip_out *o, *first = NULL;

    (void)state;
    world_open(3);
    in = terminate(core_offer);
    assert_int_equal(live_contexts(), 3);
    op_ok(op_pending());
    op_ok(op_pending());
    op_fail(op_pending(), 510); /* the third has no gateway resources: the others ring on */
    assert_int_equal(live_contexts(), 2);
    DL_FOREACH(W.outs, o) {
        respond(o, 180, NULL);
        first = first ? first : o;
    }
    assert_int_equal(in->provisional, 180);
    respond(first, 200, wic_answer);
    o = out_pending("INVITE");
    assert_true(o->cancelled);
    op_ok(op_pending());
    respond(o, 200, wic_answer); /* too late: taken and hung up */
    op_ok(op_pending());
    assert_int_equal(in->status, 200);
    assert_int_equal(o->dlg->acks, 1);
    assert_int_equal(o->dlg->byes, 1);
    assert_int_equal(live_contexts(), 1); /* the losers' are gone while the call lives */
    ack(in);
    inside(dlg_of(SIP_MW), "BYE", NULL);
    world_drain(false, NULL);
    world_close();
}

/* A callee that never answers the CANCEL keeps no media: its context goes at once. */
static void test_cancel_releases(void **state)
{
    struct sip_in *in;

    (void)state;
    world_open(1);
    in = terminate(core_offer);
    op_ok(op_pending());
    respond(out_pending("INVITE"), 180, NULL);
    assert_int_equal(live_contexts(), 1);
    in->cancelled(in->cancelled_arg, NULL);
    assert_int_equal(in->status, 487);
    assert_true(out_pending("INVITE")->cancelled);
    assert_int_equal(live_contexts(), 0);
    world_drain(false, NULL);
    world_close();
}

static void test_fork_refused(void **state)
{
    struct sip_in *in;
    struct sip_out *o;

    (void)state;
    world_open(2);
    in = terminate(core_offer);
    op_ok(op_pending());
    op_ok(op_pending());
    DL_FOREACH(W.outs, o) {
        respond(o, o == W.outs ? 480 : 486, NULL);
        assert_int_equal(live_contexts(), o == W.outs);
    }
    assert_int_equal(in->status, 480);
    world_close();
    world_open(2);
    in = terminate(core_offer);
    op_ok(op_pending());
    op_ok(op_pending());
    respond(W.outs, 603, NULL); /* the person declined: the other flow stops ringing */
    assert_int_equal(in->status, 603);
    assert_true(W.outs->next->cancelled);
    world_drain(false, NULL);
    world_close();
}
/* TS 24.229 5.2.10: before all else, also before the SDP is looked at. */
static void test_emergency(void **state)
{
    static const char *const numbers[] = {"112", "911"}, *const uris[] = {
        "urn:service:sos", "URN:service:SOS.fire", "sip:112@home.net;user=phone", "tel:911", "tel:112;phone-context=+1", "sip:911@home.net"};
    static const char *const others[] = {"sip:1120@home.net", "tel:11", "sip:112.net@home.net", "urn:service:counseling"};
    struct sip_in *in;

    (void)state;
    world_open(1);
    W.calls->conf.emergency = numbers;
    W.calls->conf.n_emergency = ARRAY_LEN(numbers);
    W.calls->conf.max_calls = 1;
    for (unsigned i = 0; i < ARRAY_LEN(uris); i++) {
        in = request((struct sip_msg){.method = "INVITE", .uri = uris[i], .side = SIP_W2, .flow = WIC_FLOW});
        assert_int_equal(in->status, 380);
        TEXT(in->body, "<type>emergency</type>");
        TEXT(in->headers, "Content-Disposition: render");
    }
    for (unsigned i = 0; i < ARRAY_LEN(others); i++) {
        in = request((struct sip_msg){.method = "INVITE", .uri = others[i], .body = wic_offer, .side = SIP_W2, .flow = WIC_FLOW});
        assert_int_not_equal(in->status, 380);
        if (in->status == 0)
            in->cancelled(in->cancelled_arg, NULL);
        world_drain(true, NULL);
    }
    world_close();
}

/* The network's word on the access is ours to give; the WIC's stays beside it. */
static void test_access(void **state)
{
    static const struct {
        const char *ours, *theirs, *has[3];
    } rows[] = {
        {"IEEE-802.11;country=FR", NULL, {"P-Access-Network-Info: IEEE-802.11;country=FR;network-provided\n"}},
        {"IEEE-802.11", "3GPP-E-UTRAN;cell=1", {"P-Access-Network-Info: 3GPP-E-UTRAN;cell=1\n", "P-Access-Network-Info: IEEE-802.11;network-provided\n"}},
        {"IEEE-802.11", "3GPP-E-UTRAN;Network-Provided", {"!3GPP-E-UTRAN"}},
        {NULL, "3GPP-E-UTRAN;cell=1", {"P-Access-Network-Info: 3GPP-E-UTRAN;cell=1\n", "!network-provided"}},
        {NULL, NULL, {"!P-Access-Network-Info"}},
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        struct sip_in *in;

        world_open(1);
        W.access_info = rows[i].ours;
        in = request((struct sip_msg){.method = "INVITE", .uri = "sip:bob@home.net", .body = wic_offer, .side = SIP_W2, .flow = WIC_FLOW,
                                      .header = {{rows[i].theirs ? "P-Access-Network-Info" : NULL, rows[i].theirs}}});
        op_ok(op_pending());
        for (unsigned k = 0; k < 3 && rows[i].has[k]; k++)
            TEXT(out_pending("INVITE")->headers, rows[i].has[k]);
        in->cancelled(in->cancelled_arg, NULL);
        world_drain(true, NULL);
        world_close();
        W.access_info = NULL;
    }
}

/* Towards the core: by the Service-Route, in the name that the WIC prefers of those it has; what it asserts counts for nothing. */
static void test_identity_of_wic(void **state)
{
    static const struct {
        const char *from, *name, *value, *wished, *shown;
    } rows[] = {
        {"sip:alice@home.net", NULL, NULL, "sip:alice@home.net", "<sip:alice@home.net>"},
        {"sip:a@office.net", NULL, NULL, "sip:a@office.net", "<sip:alice@home.net>"},
        {"sip:alice@home.net", "P-Preferred-Identity", "\"A\" <tel:+15550100>", "tel:+15550100", "<sip:alice@home.net>"},
        {"sip:alice@home.net", "P-Preferred-Identity", "tel:+15550100;x=y", "tel:+15550100", "<sip:alice@home.net>"},
        {"sip:anonymous@anonymous.invalid", NULL, NULL, "sip:anonymous@anonymous.invalid", "<sip:anonymous@anonymous.invalid>"},
        {"sip:alice@home.net", "P-Asserted-Identity", "<sip:boss@home.net>", "sip:alice@home.net", "<sip:alice@home.net>"},
        {"sip:alice@home.net", "P-Charging-Vector", "icid-value=mine", "sip:alice@home.net", "<sip:alice@home.net>"},
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        struct sip_out *out;
        struct sip_in *in;

        world_open(1);
        in = request((struct sip_msg){.method = "INVITE", .uri = "sip:bob@home.net", .from = rows[i].from, .body = wic_offer,
                                      .side = SIP_W2, .flow = WIC_FLOW, .header = {{rows[i].name, rows[i].value}}});
        assert_string_equal(W.wished, rows[i].wished);
        op_ok(op_pending());
        out = out_pending("INVITE");
        TEXT(out->headers, "P-Asserted-Identity: <sip:alice@home.net>\n", "!Preferred", "!boss", "!mine", "icid-generated-at=home.net",
             "orig-ioi=\"Type 1home.net\"");
        assert_string_equal(out->route, "<sip:s.home.net;lr>");
        assert_string_equal(out->from, rows[i].shown);
        in->cancelled(in->cancelled_arg, NULL);
        world_drain(true, NULL);
        world_close();
    }
}

/* Towards the WIC: who calls, unless it wants to stay unnamed (RFC 3325 7); nothing of charging, no route. */
static void test_identity_of_caller(void **state)
{
    static const char *const privacy[] = {NULL, "none", "user;header", "id", "header;ID"};

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(privacy); i++) {
        struct sip_out *out;
        struct sip_in *in;

        world_open(1);
        in = request((struct sip_msg){.method = "INVITE", .uri = "sip:alice@home.net", .body = core_offer, .side = SIP_MW,
                                      .header = {{"P-Asserted-Identity", "<sip:bob@home.net>"}, {"P-Charging-Vector", "icid-value=core"},
                                                 {"P-Called-Party-ID", "<tel:+15550100>"}, {privacy[i] ? "Privacy" : NULL, privacy[i]}}});
        assert_string_equal(W.wished, "<tel:+15550100>");
        op_ok(op_pending());
        out = out_pending("INVITE");
        TEXT(out->headers, i < 3 ? "P-Asserted-Identity: <sip:bob@home.net>\n" : "!P-Asserted", "!P-Charging", "!P-Called", "!P-Access");
        assert_string_equal(out->route, "");
        in->cancelled(in->cancelled_arg, NULL);
        world_drain(true, NULL);
        world_close();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused_offers),
        cmocka_unit_test(test_refused_by_rules),
        cmocka_unit_test(test_without_cema),
        cmocka_unit_test(test_fork),
        cmocka_unit_test(test_cancel_releases),
        cmocka_unit_test(test_fork_refused),
        cmocka_unit_test(test_emergency),
        cmocka_unit_test(test_access),
        cmocka_unit_test(test_identity_of_wic),
        cmocka_unit_test(test_identity_of_caller),
    };

    log_init(LOG_ERROR);
    return cmocka_run_group_tests_name("alg/call: INVITEs", tests, NULL, NULL);
}
