/* What a browser may not say to the core, and what we say of it (TS 24.229 4.4, 5.2.2, 7.2A.2; RFC 7315 5.4). */
#pragma GCC diagnostic ignored "-Wunused-function" /* the rig has more than this needs */
#include "tests/fake/sip_rig.h"

#include "alg/sip/mask.h"
#include "alg/sip/reg_priv.h"

#define CLAIMS                                                                                                              \
    "P-Access-Network-Info: 3GPP-E-UTRAN;network-provided\r\nP-Charging-Vector: icid-value=1\r\nP-Visited-Network-ID: theirs\r\n" \
    "Path: <sip:ev.il@example.net;lr>\r\nService-Route: <sip:ev.il@example.net;lr>\r\nP-Associated-URI: <sip:boss@h>\r\n" \
    "Require: outbound, sec-agree\r\nProxy-Require: sec-agree\r\nSecurity-Client: tls\r\n"

static void start(struct rig *r)
{
    static const struct reg_conf rc = {.domain = "home.example.net", .orphan_s = 32, .access_info = "IEEE-802.11"};

    rig_start_as(r, 65536, 25, &rc, 0);
    upgrade(r);
}

static unsigned times(const char *text, const char *what)
{
    unsigned n = 0;

    for (const char *p = text; (p = strstr(p, what)); p++)
        n++;
    return n;
}

static void answer(struct rig *r, const char *expires)
{
    char more[512];

    snprintf(more, sizeof more,
             "Contact: <sip:q1w2e3r4@abcdefghijkl.invalid;transport=ws>;+sip.instance=\"<urn:uuid:1111>\";reg-id=1;expires=%s\r\n"
             "Service-Route: <sip:orig@scscf;lr>\r\nPath: <sip:x;lr>\r\nP-Charging-Function-Addresses: ccf=x\r\n"
             "P-Associated-URI: <sip:alice@home.example.net>\r\n", expires);
    core_answer(r, "200 OK", more, "");
    hear_sip(r, "SIP/2.0 200");
}

static void test_claims(void **state)
{
    struct rig r;

    (void)state;
    start(&r);
    say(&r, REGISTER("1", CLAIMS));
    core_wait(&r, "REGISTER ");
    assert_int_equal(times(r.last, "P-Access-Network-Info: "), 1);
    assert_string_equal(header(r.last, "P-Access-Network-Info"), "IEEE-802.11;network-provided");
    assert_int_equal(times(r.last, "P-Charging-Vector: "), 1);
    assert_non_null(strstr(header(r.last, "P-Charging-Vector"), "icid-generated-at="));
    assert_string_equal(header(r.last, "P-Visited-Network-ID"), "\"home.example.net\"");
    assert_int_equal(times(r.last, "Path: "), 1);
    assert_null(strstr(r.last, "ev.il"));
    assert_null(strstr(r.last, "sip:boss"));
    assert_null(strstr(r.last, "sec-agree")); /* with its option tag, not what it stands beside */
    assert_null(strstr(r.last, "Security-Client"));
    assert_non_null(strstr(r.last, "outbound"));
    answer(&r, "300");
    assert_null(strstr(r.text, "Service-Route"));
    assert_null(strstr(r.text, "Path"));
    assert_null(strstr(r.text, "P-Charging"));
    assert_string_equal(header(r.text, "P-Associated-URI"), "<sip:alice@home.example.net>");
    rig_stop(&r);
}

/* What the WIC itself says of its access stays beside ours. */
static void test_own_access(void **state)
{
    struct rig r;

    (void)state;
    start(&r);
    say(&r, REGISTER("1", "P-Access-Network-Info: IEEE-802.3\r\n"));
    core_wait(&r, "REGISTER ");
    assert_int_equal(times(r.last, "P-Access-Network-Info: "), 2);
    assert_non_null(strstr(r.last, "P-Access-Network-Info: IEEE-802.3\r\n"));
    answer(&r, "300");
    say(&r, "MESSAGE sip:bob@home.example.net SIP/2.0\r\nVia: SIP/2.0/WS a.invalid;branch=z9hG4bKm1\r\nMax-Forwards: 69\r\n"
            "To: <sip:bob@home.example.net>\r\nFrom: \"A\" <sip:alice@home.example.net>;tag=m\r\nCall-ID: m1\r\nCSeq: 1 MESSAGE\r\n"
            "Authorization: Bearer abc.def.ghi\r\nP-Access-Network-Info: X;network-provided\r\nContent-Length: 0\r\n\r\n");
    core_wait(&r, "MESSAGE ");
    assert_string_equal(header(r.last, "P-Access-Network-Info"), "IEEE-802.11;network-provided");
    assert_string_equal(header(r.last, "Authorization"), "");
    assert_string_equal(header(r.last, "Route"), "<sip:orig@scscf;lr>");
    assert_non_null(strstr(header(r.last, "From"), "<sip:alice@home.example.net>;tag=m"));
    core_answer(&r, "200 OK", "", "");
    hear_sip(&r, "SIP/2.0 200");
    assert_non_null(strstr(header(r.text, "From"), "<sip:alice@home.example.net>;tag=m"));
    rig_stop(&r);
}

/* The other way: whom the core wants to stay unnamed stays so, and an answer claims no more than a request. */
static void test_message_in(void **state)
{
    struct rig r;
    char text[1000], icid[120], via[200], from[120];

    (void)state;
    start(&r);
    say(&r, REGISTER("1", ""));
    core_wait(&r, "REGISTER ");
    snprintf(icid, sizeof icid, "%s", header(r.last, "P-Charging-Vector"));
    answer(&r, "300");
    say(&r, REGISTER("2", ""));
    core_wait(&r, "REGISTER ");
    assert_string_not_equal(header(r.last, "P-Charging-Vector"), icid);
    answer(&r, "300");
    for (unsigned i = 0; i < 2; i++) {
        snprintf(text, sizeof text,
                 "MESSAGE sip:alice@home.example.net SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%u;branch=z9hG4bKin%u\r\nMax-Forwards: 60\r\n"
                 "To: <sip:alice@home.example.net>\r\nFrom: <sip:anonymous@anonymous.invalid>;tag=b\r\nCall-ID: in%u\r\nCSeq: 1 MESSAGE\r\n"
                 "P-Asserted-Identity: <sip:bob@home.example.net>\r\nPrivacy: %s\r\nP-Charging-Vector: icid-value=core\r\n"
                 "P-Access-Network-Info: 3GPP-NR\r\nContent-Length: 0\r\n\r\n", addr_port(&r.core_addr), i, i, i ? "none" : "header;id");
        core_send(&r, text);
        hear_sip(&r, "MESSAGE ");
        assert_string_equal(header(r.text, "P-Asserted-Identity"), i ? "<sip:bob@home.example.net>" : "");
        assert_null(strstr(r.text, "P-Charging"));
        assert_null(strstr(r.text, "P-Access"));
        snprintf(via, sizeof via, "%s", header(r.text, "Via"));
        snprintf(from, sizeof from, "%s", header(r.text, "From"));
        snprintf(text, sizeof text, "SIP/2.0 200 OK\r\nVia: %s\r\nFrom: %s\r\nTo: <sip:alice@home.example.net>;tag=w\r\nCall-ID: %s\r\n"
                 "CSeq: 1 MESSAGE\r\nP-Asserted-Identity: <sip:boss@h>\r\nP-Preferred-Identity: <sip:boss@h>\r\n" CLAIMS
                 "Content-Length: 0\r\n\r\n", via, from, header(r.text, "Call-ID"));
        say(&r, text);
        core_wait(&r, "SIP/2.0 200");
        assert_string_equal(header(r.last, "P-Asserted-Identity"), "<sip:alice@home.example.net>");
        assert_string_equal(header(r.last, "P-Access-Network-Info"), "IEEE-802.11;network-provided");
        assert_null(strstr(r.last, "sip:boss"));
        assert_null(strstr(r.last, "ev.il"));
        assert_null(strstr(r.last, "P-Charging"));
        assert_null(strstr(r.last, "P-Visited"));
    }
    rig_stop(&r);
}

/* Whom the core does not want to be named in its answer. */
static void test_message_answer(void **state)
{
    struct rig r;

    (void)state;
    start(&r);
    say(&r, REGISTER("1", ""));
    core_wait(&r, "REGISTER ");
    answer(&r, "300");
    say(&r, "MESSAGE sip:bob@home.example.net SIP/2.0\r\nVia: SIP/2.0/WS a.invalid;branch=z9hG4bKm1\r\nMax-Forwards: 69\r\n"
            "To: <sip:bob@home.example.net>\r\nFrom: <sip:alice@home.example.net>;tag=m\r\nCall-ID: m1\r\nCSeq: 1 MESSAGE\r\n"
            "Content-Length: 0\r\n\r\n");
    core_wait(&r, "MESSAGE ");
    assert_non_null(strstr(header(r.last, "P-Charging-Vector"), "orig-ioi=\"Type 1home.example.net\""));
    core_answer(&r, "200 OK", "P-Asserted-Identity: <sip:bob@home.example.net>\r\nPrivacy: id\r\n", "");
    hear_sip(&r, "SIP/2.0 200");
    assert_null(strstr(r.text, "P-Asserted-Identity"));
    rig_stop(&r);
}

/* --- every header field that stays on its side, in each kind of message --- */

struct field {
    const char *name, *value; /* ev.il is in it, where the field itself may come from us */
};

static const struct field from_wic[] = { /* TS 24.229 4.4, 5.2.6.3; RFC 3329 2.4 */
    {"P-Asserted-Identity", "<sip:ev.il@example.net>"}, {"P-Preferred-Service", "urn:urn-7:ev.il"},
    {"P-Asserted-Service", "urn:urn-7:ev.il"}, {"P-Profile-Key", "<sip:ev.il@example.net>"},
    {"P-Served-User", "<sip:ev.il@example.net>;sescase=orig"}, {"P-Charging-Vector", "icid-value=ev.il"},
    {"P-Charging-Function-Addresses", "ccf=ev.il"}, {"P-Visited-Network-ID", "ev.il"},
    {"P-Called-Party-ID", "<sip:ev.il@example.net>"}, {"P-Private-Network-Indication", "ev.il"}, {"Feature-Caps", "*;+g.ev.il"},
    {"Resource-Priority", "ev.il.1"}, {"Service-Route", "<sip:ev.il@example.net;lr>"}, {"Path", "<sip:ev.il@example.net;lr>"},
    {"Security-Client", "tls;q=0.1;ev.il=1"}, {"Security-Verify", "tls;q=0.1;ev.il=1"}, {"Proxy-Require", "sec-agree"},
    {"Require", "sec-agree"}, {"History-Info", "<sip:ev.il@example.net>;index=1"}, {"P-Associated-URI", "<sip:ev.il@example.net>"},
    {"Proxy-Authorization", "Bearer ev.il"}, /* RFC 8898 2.3 */
};
static const struct field to_wic[] = { /* 4.4; what tells of the core or of another's equipment */
    {"Service-Route", "<sip:ev.il@example.net;lr>"}, {"Path", "<sip:ev.il@example.net;lr>"}, {"P-Charging-Vector", "icid-value=ev.il"},
    {"P-Charging-Function-Addresses", "ccf=ev.il"}, {"P-Served-User", "<sip:ev.il@example.net>"},
    {"P-Profile-Key", "<sip:ev.il@example.net>"}, {"P-Visited-Network-ID", "ev.il"}, {"P-Access-Network-Info", "3GPP-NR;ev.il=1"},
    {"Feature-Caps", "*;+g.ev.il"}, {"Accept-Contact", "*;ev.il"}, {"Reject-Contact", "*;ev.il"},
    {"P-Called-Party-ID", "<sip:ev.il@example.net>"}, {"P-User-Database", "<aaa://ev.il.example.net>"}, {"Server", "ev.il"},
    {"History-Info", "<sip:ev.il@example.net>;index=1"}, {"Turn-Key", "ev.il"}, {"Turn-Service", "<turn:ev.il.example.net>"},
    {"User-Agent", "ev.il"}, {"Warning", "399 example.net \"ev.il\""}, {"Call-Info", "<http://ev.il.example.net/>;purpose=icon"},
    {"Error-Info", "<http://ev.il.example.net/>"}, {"Alert-Info", "<http://ev.il.example.net/>"},
    {"P-Private-Network-Indication", "ev.il"}, {"P-Refused-URI-List", "<cid:ev.il>"}, {"Cellular-Network-Info", "3GPP-NR;ev.il=1"},
    {"Response-Source", "fe=\"<urn:3gpp:fe:ev.il>\""}, {"Restoration-Info", "ev.il"}, {"Relayed-Charge", "ev.il"},
    {"Service-Interact-Info", "ev.il"}, {"Resource-Share", "ev.il"}, {"Security-Server", "tls;q=0.1;ev.il=1"},
    {"Resource-Priority", "ev.il.1"}, {"Proxy-Require", "sec-agree"}, /* the last: in answers alone, a request with it gets 420 */
};

static const char *lines_of(const struct field *v, unsigned n, char out[4096])
{
    size_t used = 0;

    for (unsigned i = 0; i < n; i++)
        used += (size_t)snprintf(out + used, 4096 - used, "%s: %s\r\n", v[i].name, v[i].value);
    assert_true(used < 4096);
    return out;
}

/* Said field by field, so that a failure names it. */
static void none_of(const struct field *v, unsigned n, const char *text)
{
    char line[200];

    for (unsigned i = 0; i < n; i++) {
        snprintf(line, sizeof line, "\n%s: %s\r", v[i].name, v[i].value);
        if (strcasestr(text, line))
            fail_msg("%s is in\n%s", v[i].name, text);
    }
    assert_null(strstr(text, "ev.il"));
    assert_null(strstr(text, "sec-agree"));
}

static void message(char out[8192], const char *uri, const char *via, const char *id, const char *more)
{
    snprintf(out, 8192, "MESSAGE %s SIP/2.0\r\nVia: %s;branch=z9hG4bK%s\r\nMax-Forwards: 60\r\nTo: <%s>\r\n"
             "From: <sip:alice@home.example.net>;tag=m\r\nCall-ID: %s\r\nCSeq: 1 MESSAGE\r\n%sContent-Length: 0\r\n\r\n", uri, via, id,
             uri, id, more);
}

static void wic_answer(struct rig *r, const char *more)
{
    char text[8192], via[200], from[120], to[120];

    snprintf(via, sizeof via, "%s", header(r->text, "Via"));
    snprintf(from, sizeof from, "%s", header(r->text, "From"));
    snprintf(to, sizeof to, "%s", header(r->text, "To"));
    snprintf(text, sizeof text, "SIP/2.0 200 OK\r\nVia: %s\r\nFrom: %s\r\nTo: %s;tag=w\r\nCall-ID: %s\r\nCSeq: 1 MESSAGE\r\n%s"
             "Content-Length: 0\r\n\r\n", via, from, to, header(r->text, "Call-ID"), more);
    say(r, text);
}

static void test_fields(void **state)
{
    char up[4096], down[4096], text[8192], via[80];
    struct rig r;

    (void)state;
    lines_of(from_wic, ARRAY_LEN(from_wic), up);
    lines_of(to_wic, ARRAY_LEN(to_wic), down);
    start(&r);
    snprintf(text, sizeof text, REGISTER("1", "%s"), up);
    say(&r, text);
    core_wait(&r, "REGISTER ");
    none_of(from_wic, ARRAY_LEN(from_wic), r.last);
    core_answer(&r, "401 Unauthorized", down, "");
    hear_sip(&r, "SIP/2.0 401");
    none_of(to_wic, ARRAY_LEN(to_wic), r.text);
    say(&r, REGISTER("2", ""));
    core_wait(&r, "REGISTER ");
    answer(&r, "300");

    message(text, "sip:bob@home.example.net", "SIP/2.0/WS a.invalid", "up", up);
    say(&r, text);
    core_wait(&r, "MESSAGE ");
    none_of(from_wic, ARRAY_LEN(from_wic), r.last);
    core_answer(&r, "200 OK", down, "");
    hear_sip(&r, "SIP/2.0 200");
    none_of(to_wic, ARRAY_LEN(to_wic), r.text);

    lines_of(to_wic, ARRAY_LEN(to_wic) - 1, down);
    snprintf(via, sizeof via, "SIP/2.0/UDP 127.0.0.1:%u", addr_port(&r.core_addr));
    message(text, "sip:alice@home.example.net", via, "down", down);
    core_send(&r, text);
    hear_sip(&r, "MESSAGE ");
    none_of(to_wic, ARRAY_LEN(to_wic), r.text);
    wic_answer(&r, up);
    core_wait(&r, "SIP/2.0 200");
    none_of(from_wic, ARRAY_LEN(from_wic), r.last);
    rig_stop(&r);
}

static void register_dave(struct rig *r)
{
    say(r, "REGISTER sip:home.example.net SIP/2.0\r\nVia: SIP/2.0/WS a.invalid;branch=z9hG4bKd1\r\nMax-Forwards: 69\r\n"
           "To: <sip:dave@home.example.net>\r\nFrom: <sip:dave@home.example.net>;tag=d\r\nCall-ID: reg2\r\nCSeq: 1 REGISTER\r\n"
           "Contact: <sip:d@abcdefghijkl.invalid;transport=ws>;expires=600\r\nContent-Length: 0\r\n\r\n");
    core_wait(r, "REGISTER ");
    core_answer(r, "200 OK", "Contact: <sip:d@abcdefghijkl.invalid;transport=ws>;expires=300\r\nService-Route: <sip:dave@scscf;lr>\r\n"
                "P-Associated-URI: <sip:dave@home.example.net>, <tel:+15550101>\r\n", "");
    hear_sip(r, "SIP/2.0 200");
}

/* TS 24.229 5.2.6.3.1: of the identities that this connection registered, the one that the request is of. */
static void test_two_users(void **state)
{
    static const struct {
        const char *more, *identity, *route;
    } rows[] = {
        {"", "<sip:alice@home.example.net>", "<sip:orig@scscf;lr>"},
        {"P-Preferred-Identity: <tel:+15550101>\r\n", "<tel:+15550101>", "<sip:dave@scscf;lr>"},
        {"P-Preferred-Identity: <sip:boss@home.example.net>\r\n", "<sip:alice@home.example.net>", "<sip:orig@scscf;lr>"},
    };
    char text[8192], id[8];
    struct rig r;

    (void)state;
    start(&r);
    say(&r, REGISTER("1", ""));
    core_wait(&r, "REGISTER ");
    answer(&r, "300");
    register_dave(&r); /* the newest */
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        snprintf(id, sizeof id, "two%u", i);
        message(text, "sip:bob@home.example.net", "SIP/2.0/WS a.invalid", id, rows[i].more);
        say(&r, text);
        core_wait(&r, "MESSAGE ");
        assert_string_equal(header(r.last, "P-Asserted-Identity"), rows[i].identity);
        assert_string_equal(header(r.last, "Route"), rows[i].route);
        core_answer(&r, "200 OK", "", "");
        hear_sip(&r, "SIP/2.0 200");
    }
    say(&r, "REGISTER sip:home.example.net SIP/2.0\r\nVia: SIP/2.0/WS a.invalid;branch=z9hG4bKd2\r\nMax-Forwards: 69\r\n"
            "To: <sip:dave@home.example.net>\r\nFrom: <sip:dave@home.example.net>;tag=d\r\nCall-ID: reg2\r\nCSeq: 2 REGISTER\r\n"
            "Contact: <sip:d@abcdefghijkl.invalid;transport=ws>;expires=0\r\nContent-Length: 0\r\n\r\n");
    core_wait(&r, "REGISTER ");
    core_answer(&r, "200 OK", "", "");
    hear_sip(&r, "SIP/2.0 200");
    assert_non_null(reg_by_flow(r.reg, 1)); /* alice stays */
    assert_string_equal(reg_by_flow(r.reg, 1)->aor, "sip:alice@home.example.net");
    rig_stop(&r);
}

#define DIGEST "Authorization: Digest username=\"alice\", realm=\"h\", nonce=\"n\", uri=\"sip:h\", response=\"aa\""

static void test_integrity(void **state)
{
    struct rig r;

    (void)state;
    start(&r);
    say(&r, REGISTER("1", "Authorization: Digest username=\"alice\", realm=\"h\", nonce=\"\", uri=\"sip:h\", response=\"\", "
                          "integrity-protected=\"tls-yes\"\r\n"));
    core_wait(&r, "REGISTER ");
    assert_null(strstr(r.last, "integrity-protected")); /* nothing was answered yet */
    core_answer(&r, "401 Unauthorized", "WWW-Authenticate: Digest realm=\"h\", nonce=\"n\", ik=\"00\", ck=\"11\"\r\n", "");
    hear_sip(&r, "SIP/2.0 401");
    assert_null(strstr(r.text, "ik="));
    assert_null(strstr(r.text, "ck="));
    say(&r, REGISTER("2", DIGEST ", integrity-protected=\"tls-yes\", Integrity-Protected=\"auth-done\"\r\n"));
    core_wait(&r, "REGISTER ");
    assert_int_equal(times(r.last, "ntegrity-"), 1);
    assert_non_null(strstr(header(r.last, "Authorization"), "integrity-protected=\"ip-assoc-pending\""));
    answer(&r, "300");
    say(&r, REGISTER("3", DIGEST "\r\n"));
    core_wait(&r, "REGISTER ");
    assert_non_null(strstr(header(r.last, "Authorization"), "integrity-protected=\"ip-assoc-yes\"")); /* bound on this connection */
    answer(&r, "300");
    say(&r, REGISTER("4", "Authorization: Bearer eyJ.eyJ.sig\r\n"));
    core_wait(&r, "REGISTER ");
    assert_string_equal(header(r.last, "Authorization"), "");
    answer(&r, "300");
    say(&r, REGISTER("5", "Authorization: Bearer eyJ.eyJ.sig\r\n" DIGEST "\r\n"));
    core_wait(&r, "REGISTER ");
    assert_null(strstr(r.last, "Bearer"));
    rig_stop(&r);
}

/* What goes into a trace. */
static void test_masked(void **state)
{
    static const struct {
        const char *line, *want;
    } rows[] = {
        {"Authorization: Digest username=\"alice\",\r\n response=\"aa\"", NULL}, {"authorization : Bearer eyJ", NULL},
        {"Proxy-Authorization: Basic YTpi", NULL}, {"Turn-Key: s3cret", NULL},
        {"WWW-Authenticate: Digest realm=\"h, ck\", nonce=\"n\", ik=\"0a\", CK=\"0b\", qop=\"auth\"",
         "WWW-Authenticate: Digest realm=\"h, ck\", nonce=\"n\", ik=****, CK=****, qop=\"auth\""},
        {"WWW-Authenticate: Digest ck=\"0b\"", "WWW-Authenticate: Digest ck=****"},
        {"Subject: Authorization: x", "Subject: Authorization: x"},
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        char text[512], copy[512];
        int n = snprintf(text, sizeof text, "REGISTER sip:h SIP/2.0\r\nVia: x\r\n%s\r\nTo: y\r\n\r\nAuthorization: body", rows[i].line);

        memcpy(copy, text, (size_t)n + 1);
        mask_credentials((struct sv){text, (size_t)n}, copy);
        assert_non_null(strstr(copy, "\r\nTo: y\r\n\r\nAuthorization: body"));
        assert_int_equal(strlen(copy), n);
        if (rows[i].want ? !strstr(copy, rows[i].want) : !strstr(copy, "*\r\nTo: y") || strstr(copy, "aa") || strstr(copy, "eyJ"))
            fail_msg("row %u: %s", i, copy);
    }
}

/* For whom wrong passwords count: an address, of IPv6 what one customer has. */
static void test_peer(void **state)
{
    static const char *const rows[][2] = {{"192.0.2.1", "192.0.2.1"}, {"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"}, {"2001:db8:1:2::9", "2001:db8:1:2::"},
                                          {"2001:db8:1:3::9", "2001:db8:1:3::"}};
    struct addr a;
    char text[ADDR_STRLEN];

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(addr_parse(&a, sv_from(rows[i][0]), 4711), 0);
        wauth_peer(&a, text);
        assert_string_equal(text, rows[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_claims), cmocka_unit_test(test_own_access), cmocka_unit_test(test_integrity),
                                       cmocka_unit_test(test_message_in), cmocka_unit_test(test_message_answer),
                                       cmocka_unit_test(test_masked), cmocka_unit_test(test_peer), cmocka_unit_test(test_fields),
                                       cmocka_unit_test(test_two_users)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
