/* The core's registration state (RFC 3680): how it is read, and what it ends. */
#pragma GCC diagnostic ignored "-Wunused-function" /* the rig has more than this needs */
#include "tests/fake/sip_rig.h"

#include "alg/sip/reginfo.h"

#define XML(version, inner) "<?xml version=\"1.0\"?>\r\n<reginfo xmlns=\"urn:ietf:params:xml:ns:reginfo\" version=\"" version "\" state=\"full\">" inner "</reginfo>"
#define REGISTRATION(state, inner) "<registration aor=\"sip:alice@home.example.net\" id=\"r1\" state=\"" state "\">" inner "</registration>"
#define CONTACT(state, event, more) "<contact id=\"c1\" state=\"" state "\" event=\"" event "\"" more "><uri>" "sip:q1w2e3r4@abcdefghijkl.invalid;transport=ws" "</uri></contact>"

static void test_read(void **state)
{
    static struct reginfo info;
    static const char text[] = XML("7", REGISTRATION("active", CONTACT("terminated", "rejected", "") CONTACT("active", "shortened", " expires=\"30\"")
                                                     "<unknown><uri>no</uri></unknown>")
                                        "<registration aor=\"sip:b@h\" id=\"2\" state=\"terminated\"/>");

    (void)state;
    assert_int_equal(reginfo_read(&info, sv_from(text)), 0);
    assert_int_equal(info.version, 7);
    assert_true(info.full);
    assert_int_equal(info.n, 3);
    assert_string_equal(info.contacts[0].aor, "sip:alice@home.example.net");
    assert_string_equal(info.contacts[0].uri, "sip:q1w2e3r4@abcdefghijkl.invalid;transport=ws");
    assert_true(info.contacts[0].terminated);
    assert_int_equal(info.contacts[0].event, REGINFO_REJECTED);
    assert_false(info.contacts[1].terminated);
    assert_int_equal(info.contacts[1].expires, 30);
    assert_string_equal(info.contacts[2].uri, "");
    assert_true(info.contacts[2].terminated);
    for (size_t n = 0; n + 1 < sizeof text; n++) /* cut anywhere it is none */
        if (reginfo_read(&info, (struct sv){text, n}) == 0)
            fail_msg("%zu bytes were enough", n);
}

static void test_refused(void **state)
{
    static struct reginfo info;
    static char deep[4096], many[REGINFO_BODY_MAX];
    static const char *const bad[] = {
        "", "x", "<a/>", "<reginfo version=\"1\" state=\"full\"/>", XML("x", ""), XML("-1", ""),
        "<!DOCTYPE r [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]>" XML("1", REGISTRATION("active", "&b;")),
        XML("1", "<registration state=\"active\"/>"), XML("1", REGISTRATION("active", CONTACT("active", "shortened", " expires=\"x\""))),
    };
    size_t n = 0;

    (void)state;
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (reginfo_read(&info, sv_from(bad[i])) == 0)
            fail_msg("row %u", i);
    n = (size_t)snprintf(deep, sizeof deep, "<reginfo xmlns=\"urn:ietf:params:xml:ns:reginfo\" version=\"1\" state=\"full\">");
    for (unsigned i = 0; i < 20; i++)
        n += (size_t)snprintf(deep + n, sizeof deep - n, "<a>");
    for (unsigned i = 0; i < 20; i++)
        n += (size_t)snprintf(deep + n, sizeof deep - n, "</a>");
    snprintf(deep + n, sizeof deep - n, "</reginfo>");
    assert_true(reginfo_read(&info, sv_from(deep)) < 0);
    n = (size_t)snprintf(many, sizeof many, "<reginfo xmlns=\"urn:ietf:params:xml:ns:reginfo\" version=\"1\" state=\"full\">");
    while (n < sizeof many - 200) /* more than are kept: the others are left */
        n += (size_t)snprintf(many + n, sizeof many - n, "<registration aor=\"sip:a@h\" id=\"1\" state=\"terminated\"/>");
    snprintf(many + n, sizeof many - n, "</reginfo>");
    assert_int_equal(reginfo_read(&info, sv_from(many)), 0);
    assert_int_equal(info.n, REGINFO_CONTACTS_MAX);
}

/* --- with the core --- */

static char sub_id[256], sub_from[256];

static void begin(struct rig *r)
{
    static const struct reg_conf rc = {.domain = "home.example.net", .orphan_s = 32, .reg_event = true};

    rig_start_as(r, 65536, 25, &rc, 0);
    upgrade(r);
    say(r, REGISTER("1", ""));
    core_wait(r, "REGISTER ");
    core_answer(r, "200 OK",
                "Contact: <sip:q1w2e3r4@abcdefghijkl.invalid;transport=ws>;+sip.instance=\"<urn:uuid:1111>\";reg-id=1;expires=300\r\n"
                "P-Associated-URI: <sip:alice@home.example.net>\r\n", "");
    hear_sip(r, "SIP/2.0 200");
    core_wait(r, "SUBSCRIBE sip:alice@home.example.net");
    assert_string_equal(header(r->last, "Event"), "reg");
    assert_string_equal(header(r->last, "Accept"), "application/reginfo+xml");
    assert_true(strncmp(header(r->last, "P-Asserted-Identity"), "<sip:alg@127.0.0.1:", 19) == 0);
    snprintf(sub_id, sizeof sub_id, "%s", header(r->last, "Call-ID"));
    snprintf(sub_from, sizeof sub_from, "%s", header(r->last, "From"));
    core_answer(r, "200 OK", "Contact: <sip:scscf@127.0.0.1>\r\nExpires: 600000\r\n", "");
}

static void notify(struct rig *r, unsigned cseq, const char *event, const char *body, const char *want)
{
    char text[4096];

    snprintf(text, sizeof text,
             "NOTIFY sip:127.0.0.1:%u SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%u;branch=z9hG4bKn%u%s\r\nMax-Forwards: 60\r\n"
             "From: <sip:alice@home.example.net>;tag=core1\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %u NOTIFY\r\nEvent: %s\r\n"
             "Subscription-State: active;expires=600\r\nContact: <sip:scscf@127.0.0.1>\r\nContent-Type: application/reginfo+xml\r\n"
             "Content-Length: %zu\r\n\r\n%s",
             sip_port(r->sip), addr_port(&r->core_addr), cseq, event, sub_from, sub_id, cseq, event, strlen(body), body);
    core_send(r, text);
    core_wait(r, want);
}

static void test_ended(void **state)
{
    static const struct {
        const char *body;
        unsigned code; /* of the close; 0: the binding stays */
    } rows[] = {
        {XML("1", REGISTRATION("active", CONTACT("active", "registered", ""))), 0},
        {XML("1", REGISTRATION("active", "<contact id=\"x\" state=\"terminated\" event=\"rejected\"><uri>sip:other@x.invalid</uri></contact>")), 0},
        {XML("1", "<registration aor=\"sip:bob@home.example.net\" id=\"r\" state=\"terminated\"/>"), 0},
        {XML("1", REGISTRATION("active", CONTACT("terminated", "rejected", ""))), 1000},
        {XML("1", REGISTRATION("active", CONTACT("terminated", "deactivated", ""))), 1012},
        {XML("1", "<registration aor=\"sip:alice@home.example.net\" id=\"r\" state=\"terminated\"/>"), 1000},
        {XML("1", REGISTRATION("terminated", CONTACT("terminated", "deactivated", ""))), 1012}, /* TS 24.229 5.4.1.5: both at once */
        {"<junk", 0},
    };
    struct rig r;

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        log_init(LOG_ERROR + 1);
        begin(&r);
        log_init(LOG_ERROR + 1);
        notify(&r, 1, "reg", rows[i].body, "SIP/2.0 200");
        assert_int_equal(count_get(&reg_counts(r.reg)[REG_C_BINDINGS]), rows[i].code == 0);
        assert_int_equal(count_get(&reg_counts(r.reg)[REG_C_CORE_ENDED]), rows[i].code != 0);
        if (rows[i].code) {
            assert_int_equal(hear(&r), 8);
            assert_int_equal((unsigned char)r.text[0] << 8 | (unsigned char)r.text[1], rows[i].code);
        }
        rig_stop(&r);
    }
}

static void test_order(void **state)
{
    struct rig r;

    (void)state;
    begin(&r);
    notify(&r, 1, "reg", XML("5", REGISTRATION("active", CONTACT("active", "registered", ""))), "SIP/2.0 200");
    notify(&r, 2, "presence", XML("6", REGISTRATION("active", CONTACT("terminated", "rejected", ""))), "SIP/2.0 489");
    notify(&r, 3, "reg", XML("4", REGISTRATION("active", CONTACT("terminated", "rejected", ""))), "SIP/2.0 200"); /* late */
    assert_int_equal(count_get(&reg_counts(r.reg)[REG_C_BINDINGS]), 1);
    snprintf(sub_id, sizeof sub_id, "somebody-elses");
    notify(&r, 4, "reg", XML("9", REGISTRATION("active", CONTACT("terminated", "rejected", ""))), "SIP/2.0 481");
    assert_int_equal(count_get(&reg_counts(r.reg)[REG_C_BINDINGS]), 1);
    rig_stop(&r);
}

static void test_shortened(void **state)
{
    struct rig r;

    (void)state;
    begin(&r);
    notify(&r, 1, "reg", XML("1", REGISTRATION("active", CONTACT("active", "shortened", " expires=\"1\""))), "SIP/2.0 200");
    assert_int_equal(count_get(&reg_counts(r.reg)[REG_C_BINDINGS]), 1);
    core_hears_within(&r, "nothing", 2500);
    assert_int_equal(count_get(&reg_counts(r.reg)[REG_C_BINDINGS]), 0);
    rig_stop(&r);
}

/* Refreshed at half the time, inside its dialog; when the core gives it up, a new one. */
static void test_subscription(void **state)
{
    static const struct reg_conf rc = {.domain = "home.example.net", .orphan_s = 32, .reg_event = true};
    struct rig r;
    char text[1000], more[100];

    (void)state;
    rig_start_as(&r, 65536, 25, &rc, 0);
    enroll(&r);
    core_wait(&r, "SUBSCRIBE ");
    assert_null(strstr(header(r.last, "To"), "tag="));
    snprintf(sub_id, sizeof sub_id, "%s", header(r.last, "Call-ID"));
    snprintf(sub_from, sizeof sub_from, "%s", header(r.last, "From"));
    snprintf(more, sizeof more, "Contact: <sip:scscf@127.0.0.1:%u>\r\nExpires: 2\r\n", addr_port(&r.core_addr));
    core_answer(&r, "200 OK", more, "");
    assert_true(core_hears_within(&r, "SUBSCRIBE ", 2500));
    assert_string_equal(header(r.last, "Call-ID"), sub_id);
    assert_non_null(strstr(header(r.last, "To"), "tag=core1"));
    core_answer(&r, "200 OK", "Expires: 600\r\n", "");
    turn(&r);
    snprintf(text, sizeof text,
             "NOTIFY sip:127.0.0.1:%u SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%u;branch=z9hG4bKn9\r\nMax-Forwards: 60\r\n"
             "From: <sip:alice@home.example.net>;tag=core1\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: 9 NOTIFY\r\nEvent: reg\r\n"
             "Subscription-State: terminated;reason=deactivated\r\nContact: <sip:scscf@127.0.0.1>\r\nContent-Length: 0\r\n\r\n",
             sip_port(r.sip), addr_port(&r.core_addr), sub_from, sub_id);
    core_send(&r, text);
    core_wait(&r, "SIP/2.0 200");
    assert_true(core_hears_within(&r, "SUBSCRIBE ", 3500));
    assert_null(strstr(header(r.last, "To"), "tag="));
    assert_string_not_equal(header(r.last, "Call-ID"), sub_id);
    assert_int_equal(count_get(&reg_counts(r.reg)[REG_C_BINDINGS]), 1);
    rig_stop(&r);
}

/* A core without the event package registers browsers all the same, and is asked once. */
static void test_unknown(void **state)
{
    static const struct reg_conf rc = {.domain = "home.example.net", .orphan_s = 32, .reg_event = true};
    static const char *const answers[] = {"489 Bad Event", "405 Method Not Allowed", "501 Not Implemented"};
    static const char *const cseqs[] = {REGISTER("2", ""), REGISTER("3", "")};
    struct rig r;

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(answers); i++) {
        rig_start_as(&r, 65536, 25, &rc, 0);
        enroll(&r);
        core_wait(&r, "SUBSCRIBE ");
        core_answer(&r, answers[i], "", "");
        for (unsigned k = 0; k < ARRAY_LEN(cseqs); k++) {
            say(&r, cseqs[k]);
            core_wait(&r, "REGISTER ");
            core_answer(&r, "200 OK", "Contact: <sip:q1w2e3r4@abcdefghijkl.invalid;transport=ws>;+sip.instance=\"<urn:uuid:1111>\";reg-id=1;expires=300\r\n", "");
            hear_sip(&r, "SIP/2.0 200");
            for (unsigned n = 0; n < 20; n++)
                turn(&r);
            while (core_has(&r))
                if (!strncmp(r.last, "SUBSCRIBE", 9))
                    fail_msg("%s: asked again", answers[i]);
        }
        assert_int_equal(count_get(&reg_counts(r.reg)[REG_C_BINDINGS]), 1);
        rig_stop(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_read), cmocka_unit_test(test_refused), cmocka_unit_test(test_ended),
                                       cmocka_unit_test(test_order), cmocka_unit_test(test_unknown), cmocka_unit_test(test_shortened),
                                       cmocka_unit_test(test_subscription)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
