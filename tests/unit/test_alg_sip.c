/* The SIP side on loopback sockets: a bare WebSocket client as the browser, a bare UDP socket as the core. Connections and
 * registrations; calls are in test_alg_sip_call.c. Every wait is a bounded number of turns of the main loop. */
#include "tests/fake/sip_rig.h"

#include "alg/sip/agent.h"

static void test_handshake(void **state)
{
    static const struct {
        const char *origin, *protocol, *want;
    } rows[] = {
        {ORIGIN, "sip", " 101 "},       {ORIGIN, "chat, sip", " 101 "}, {"http://evil.example", "sip", " 403 "},
        {ORIGIN "/x", "sip", " 403 "},  {NULL, "sip", " 403 "},         {ORIGIN, "chat", " 400 "},
    };
    struct rig *r = calloc(1, sizeof *r);

    (void)state;
    rig_start(r, 65536);
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        int fd = dial(r, rows[i].origin, rows[i].protocol);

        r->n_in = 0;
        memset(r->in, 0, 64);
        while (!strstr((char *)r->in, "\r\n\r\n"))
            assert_true(fill(r, fd) > 0);
        if (!strstr((char *)r->in, rows[i].want))
            fail_msg("row %u: %s", i, (char *)r->in);
        if (!strcmp(rows[i].want, " 101 "))
            assert_non_null(strcasestr((char *)r->in, "sec-websocket-protocol: sip\r\n"));
        close(fd);
        for (int k = 0; k < 5; k++)
            turn(r);
    }
    rig_stop(r);
    free(r);
}

/* How many descriptors are known to be browsers', once it is that many. */
static unsigned known_fds(struct rig *r, unsigned want)
{
    unsigned n = 0;

    for (msec_t end = net_now_ms() + RIG_WAIT_MS; net_now_ms() < end;) {
        n = 0;
        for (int fd = 0; fd < 1024; fd++)
            n += fds_has(&r->sip->fds, fd);
        if (n == want)
            break;
        turn(r);
    }
    return n;
}

static void test_register(void **state)
{
    struct rig *r = calloc(1, sizeof *r);
    const struct reg_binding *b;

    (void)state;
    rig_start(r, 65536);
    upgrade(r);
    say(r, REGISTER("1", ""));
    core_wait(r, "REGISTER sip:home.example.net SIP/2.0");
    assert_string_equal(header(r->last, "Call-ID"), "reg1");
    assert_string_equal(header(r->last, "Max-Forwards"), "68");
    assert_string_equal(header(r->last, "Require"), "path");
    assert_non_null(strstr(header(r->last, "Path"), ";lr;ob>"));
    assert_null(strstr(r->last, "sip:boss"));
    assert_null(strstr(r->last, "SIP/2.0/WS"));
    assert_string_equal(header(r->last, "P-Visited-Network-ID"), "\"home.example.net\"");
    assert_non_null(strstr(r->last, "q1w2e3r4@abcdefghijkl.invalid"));
    core_answer(r, "401 Unauthorized",
                "WWW-Authenticate: Digest realm=\"home.example.net\", nonce=\"n1\", algorithm=MD5, ik=\"00\", ck=\"11\", qop=\"auth\"\r\n", "");
    hear_sip(r, "SIP/2.0 401");
    assert_null(strstr(r->text, "ck="));
    assert_null(strstr(r->text, "ik="));
    assert_non_null(strstr(r->text, "nonce=\"n1\""));
    assert_string_equal(header(r->text, "Via"), "SIP/2.0/WS abcdefghijkl.invalid;branch=z9hG4bK1");
    say(r, REGISTER("2", "Authorization: Digest username=\"alice\", realm=\"home.example.net\", nonce=\"n1\", uri=\"sip:home.example.net\", response=\"aa\"\r\n"));
    core_wait(r, "REGISTER ");
    assert_non_null(strstr(header(r->last, "Authorization"), "response=\"aa\""));
    core_answer(r, "200 OK",
                "Contact: <sip:q1w2e3r4@abcdefghijkl.invalid;transport=ws>;+sip.instance=\"<urn:uuid:1111>\";reg-id=1;expires=300, <sip:other@192.0.2.1>;expires=9\r\n"
                "Service-Route: <sip:orig@127.0.0.1:5999;lr>\r\nPath: <sip:x@y;lr>\r\n"
                "P-Associated-URI: <sip:alice@home.example.net>, <tel:+15550100>\r\n", "");
    hear_sip(r, "SIP/2.0 200");
    assert_string_equal(header(r->text, "Service-Route"), "");
    assert_string_equal(header(r->text, "Path"), "");
    assert_non_null(strstr(header(r->text, "Contact"), "<sip:q1w2e3r4@abcdefghijkl.invalid;transport=ws>"));
    assert_non_null(strstr(header(r->text, "Contact"), "expires=300"));
    assert_null(strstr(header(r->text, "Contact"), "other"));
    b = reg_by_flow(r->reg, 1);
    assert_non_null(b);
    assert_string_equal(b->aor, "sip:alice@home.example.net");
    assert_string_equal(b->service_route, "<sip:orig@127.0.0.1:5999;lr>");
    assert_string_equal(reg_identity(b, "\"A\" <tel:+15550100>"), "tel:+15550100");
    assert_string_equal(reg_identity(b, "sip:mallory@home.example.net"), "sip:alice@home.example.net");
    assert_int_equal(known_fds(r, 3), 3); /* its own, both of the loopback connection */
    close(r->browser);
    r->browser = -1;
    turn_until(r, &r->closed);
    assert_int_equal(known_fds(r, 0), 0);
    assert_int_equal(r->closed, 1);
    assert_null(reg_by_flow(r->reg, 1));
    rig_stop(r);
    free(r);
}

#define LONG(cseq, contact, length) "REGISTER sip:home.example.net SIP/2.0\r\nVia: SIP/2.0/WS a.invalid;branch=z9hG4bKlong" cseq "\r\n" \
    "Max-Forwards: 69\r\nTo: <sip:alice@home.example.net>\r\nFrom: <sip:alice@home.example.net>;tag=l\r\nCall-ID: long\r\n" \
    "CSeq: " cseq " REGISTER\r\nContact: " contact "\r\nContent-Length: " length "\r\n\r\n"

/* Longer than a datagram, to a core without TCP: it fails, but the next hop is none the worse for it. */
static void test_too_long(void **state)
{
    struct rig *r = calloc(1, sizeof *r);
    char *text = calloc(1, 65536);

    (void)state;
    rig_start(r, 65536);
    upgrade(r);
    strcpy(text, LONG("1", "<sip:1@b>", "65200"));
    memset(text + strlen(text), 'x', 65200);
    say(r, text);
    hear_sip(r, "SIP/2.0 503");
    assert_int_equal(count_get(&r->sip->counts[SIP_C_HOP_DOWNS]), 0);
    say(r, REGISTER("1", ""));
    core_wait(r, "REGISTER ");
    rig_stop(r);
    free(text);
    free(r);
}

static void test_too_many_contacts(void **state)
{
    struct rig *r = calloc(1, sizeof *r);

    (void)state;
    rig_start(r, 65536);
    upgrade(r);
    say(r, LONG("1", "<sip:1@b>, <sip:2@b>, <sip:3@b>, <sip:4@b>, <sip:5@b>, <sip:6@b>, <sip:7@b>, <sip:8@b>, <sip:9@b>, <sip:10@b>, <sip:11@b>", "0"));
    hear_sip(r, "SIP/2.0 403"); /* REG_PER_AOR_MAX are ten */
    say(r, LONG("2", "<sip:1@b>, <sip:2@b>, <sip:3@b>, <sip:4@b>, <sip:5@b>, <sip:6@b>, <sip:7@b>, <sip:8@b>, <sip:9@b>, <sip:10@b>", "0"));
    core_wait(r, "REGISTER ");
    assert_string_equal(header(r->last, "CSeq"), "2 REGISTER");
    rig_stop(r);
    free(r);
}

/* The browser goes while the core thinks: what is bound then has no connection, and is given up like others without one. */
static void test_register_too_late(void **state)
{
    struct rig *r = calloc(1, sizeof *r);

    (void)state;
    rig_start(r, 65536);
    upgrade(r);
    say(r, REGISTER("1", ""));
    core_wait(r, "REGISTER ");
    close(r->browser);
    r->browser = -1;
    turn_until(r, &r->closed);
    assert_int_equal(r->closed, 1);
    core_answer(r, "200 OK",
                "Contact: <sip:q1w2e3r4@abcdefghijkl.invalid;transport=ws>;+sip.instance=\"<urn:uuid:1111>\";reg-id=1;expires=300\r\n", "");
    for (msec_t end = net_now_ms() + RIG_WAIT_MS; net_now_ms() < end && !count_get(&reg_counts(r->reg)[REG_C_BINDINGS]);)
        turn(r);
    assert_int_equal(count_get(&reg_counts(r->reg)[REG_C_BINDINGS]), 1);
    assert_null(reg_by_flow(r->reg, 1));
    rig_stop(r);
    free(r);
}

static void test_register_refused(void **state)
{
    static const struct {
        const char *core, *more, *wic;
    } rows[] = {
        {"423 Interval Too Brief", "Min-Expires: 900\r\n", "SIP/2.0 423"}, {"403 Forbidden", "", "SIP/2.0 403"},
        {"420 Bad Extension", "Unsupported: path\r\n", "SIP/2.0 500"},      {"500 Oops", "", "SIP/2.0 503"},
        {"504 Server Time-out", "", "SIP/2.0 504"},                         {"407 Proxy", "Proxy-Authenticate: Digest realm=\"a\", nonce=\"b\"\r\n", "SIP/2.0 407"},
    };
    struct rig *r = calloc(1, sizeof *r);
    char text[2048];

    (void)state;
    rig_start(r, 65536);
    upgrade(r);
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        snprintf(text, sizeof text,
                 "REGISTER sip:h SIP/2.0\r\nVia: SIP/2.0/WS a.invalid;branch=z9hG4bK%u\r\nMax-Forwards: 70\r\nTo: <sip:a@h>\r\n"
                 "From: <sip:a@h>;tag=1\r\nCall-ID: c\r\nCSeq: %u REGISTER\r\nContact: <sip:a@a.invalid;transport=ws>\r\n\r\n", i, i + 1);
        say(r, text);
        core_wait(r, "REGISTER ");
        assert_null(strstr(header(r->last, "Path"), ";ob"));
        core_answer(r, rows[i].core, rows[i].more, "");
        hear_sip(r, rows[i].wic);
        if (i == 0)
            assert_string_equal(header(r->text, "Min-Expires"), "900");
        if (!strncmp(rows[i].wic, "SIP/2.0 503", 11))
            assert_true(atoi(header(r->text, "Retry-After")) >= 5);
        assert_null(reg_by_flow(r->reg, 1));
    }
    rig_stop(r);
    free(r);
}

static void test_frames(void **state)
{
    struct rig *r = calloc(1, sizeof *r);
    static char big[3000];
    const char *opt = "OPTIONS sip:h SIP/2.0\r\nVia: SIP/2.0/WS a.invalid;branch=z9hG4bKf\r\nMax-Forwards: 7\r\nTo: <sip:b@h>\r\n"
                      "From: <sip:a@h>;tag=1\r\nCall-ID: f\r\nCSeq: 1 OPTIONS\r\n\r\n";

    (void)state;
    rig_start(r, 2048);
    upgrade(r);
    frame(r, 0x01, opt, 40); /* three fragments */
    frame(r, 0x00, opt + 40, 40);
    frame(r, 0x80, opt + 80, strlen(opt) - 80);
    hear_sip(r, "SIP/2.0 200");
    frame(r, 0x89, "ping", 4);
    assert_int_equal(hear(r), 10);
    assert_string_equal(r->text, "ping");
    memset(big, 'x', sizeof big);
    frame(r, 0x81, big, sizeof big);
    assert_int_equal(hear(r), 8);
    assert_int_equal((unsigned char)r->text[0] << 8 | (unsigned char)r->text[1], 1009);
    close(r->browser);
    r->n_in = 0;
    memset(r->in, 0, 8);
    upgrade(r);
    frame(r, 0x81, "\xff\xfe", 2);
    assert_int_equal(hear(r), 8);
    assert_int_equal((unsigned char)r->text[0] << 8 | (unsigned char)r->text[1], 1007);
    rig_stop(r);
    free(r);
}

/* A browser that answers pings stays however long it is silent; one that does not is closed after the second. */
static void test_pings(void **state)
{
    struct rig *r = calloc(1, sizeof *r);

    (void)state;
    rig_start_with(r, 2048, 1);
    upgrade(r);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(hear(r), 9);
        frame(r, 0x8a, r->text, 4);
    }
    assert_int_equal(hear(r), 9);
    assert_int_equal(hear(r), 9);
    assert_int_equal(hear(r), 8);
    assert_string_equal(r->text + 2, "no pong");
    rig_stop(r);
    free(r);
}

/* It sends what has to be refused, and never reads: not read from either, and cut when two pings stay unanswered. */
static void test_deaf_browser(void **state)
{
    static char bad[40000];
    struct rig *r = calloc(1, sizeof *r);
    bool cut = false;

    (void)state;
    rig_start_with(r, 65536, 1);
    upgrade(r);
    snprintf(bad, sizeof bad, "OPTIONS sip:h SIP/2.0\r\nVia: SIP/2.0/WS a.invalid;branch=z9hG4bKd\r\nTo: <sip:b@h>\r\nFrom: <sip:a@h>;tag=1\r\n"
             "CSeq: 1 OPTIONS\r\nContent-Length: 9\r\nCall-ID: ");
    memset(bad + strlen(bad), 'x', 30000);
    memcpy(bad + strlen(bad), "\r\n\r\n", 5);
    for (msec_t end = net_now_ms() + 8000; net_now_ms() < end && !cut;) {
        struct pollfd p = {.fd = r->browser, .events = POLLOUT};

        if (poll(&p, 1, 0) > 0 && (p.revents & POLLOUT) && !(p.revents & (POLLERR | POLLHUP)))
            frame(r, 0x81, bad, strlen(bad));
        turn(r);
        cut = r->closed > 0;
    }
    assert_true(cut);
    assert_int_equal(count_get(&sip_ws_counts(r->sip)[WS_C_SLOW]), 1);
    rig_stop(r);
    free(r);
}

/* The core says nothing; what a browser may have waiting there is bounded. */
static void test_register_flood(void **state)
{
    struct rig *r = calloc(1, sizeof *r);
    char text[1024];

    (void)state;
    rig_start(r, 65536);
    upgrade(r);
    for (unsigned i = 0; i < RELAYS_PER_FLOW_MAX + 1; i++) {
        snprintf(text, sizeof text,
                 "REGISTER sip:home.example.net SIP/2.0\r\nVia: SIP/2.0/WS b.invalid;branch=z9hG4bKf%u\r\nMax-Forwards: 69\r\n"
                 "To: <sip:m@home.example.net>\r\nFrom: <sip:m@home.example.net>;tag=m1\r\nCall-ID: flood%u\r\nCSeq: 1 REGISTER\r\n"
                 "Contact: <sip:m@b.invalid;transport=ws>;expires=600\r\nContent-Length: 0\r\n\r\n", i, i);
        say(r, text);
    }
    hear_sip(r, "SIP/2.0 503"); /* before the first of the others has waited for too long */
    snprintf(text, sizeof text, "flood%u", RELAYS_PER_FLOW_MAX);
    assert_string_equal(header(r->text, "Call-ID"), text);
    assert_true(strlen(header(r->text, "Retry-After")) > 0);
    for (unsigned i = 0; i < RELAYS_PER_FLOW_MAX; i++)
        core_wait(r, "REGISTER ");
    rig_stop(r);
    free(r);
}

/* Who does not register in time is closed; who did stays. */
static void test_no_registration(void **state)
{
    struct rig *r = calloc(1, sizeof *r);
    struct reg_conf rc = {.domain = "home.example.net", .orphan_s = 32, .no_register_s = 1};
    msec_t end;
    int first;

    (void)state;
    rig_start(r, 65536);
    reg_free(r->reg);
    assert_int_equal(reg_new(&r->reg, r->sip, &rc), 0);
    enroll(r);
    first = r->browser;
    r->n_in = 0;
    memset(r->in, 0, 8);
    upgrade(r);
    assert_int_equal(hear(r), 8);
    assert_int_equal((unsigned char)r->text[0] << 8 | (unsigned char)r->text[1], 1008);
    assert_string_equal(r->text + 2, "no registration");
    for (end = net_now_ms() + 1200; net_now_ms() < end;)
        turn(r);
    assert_int_equal(r->closed, 1);
    assert_non_null(reg_by_flow(r->reg, 1));
    close(first);
    rig_stop(r);
    free(r);
}

#define PAGE(cseq, instance, reg_id) \
    "REGISTER sip:home.example.net SIP/2.0\r\nVia: SIP/2.0/WS abcdefghijkl.invalid;branch=z9hG4bKp" cseq "\r\nMax-Forwards: 69\r\n" \
    "To: <sip:alice@home.example.net>\r\nFrom: <sip:alice@home.example.net>;tag=w1\r\nCall-ID: page" instance "\r\nCSeq: " cseq " REGISTER\r\n" \
    "Contact: <sip:p" instance reg_id "@abcdefghijkl.invalid;transport=ws>;reg-id=" reg_id ";+sip.instance=\"<urn:uuid:" instance ">\";expires=600\r\n" \
    "Content-Length: 0\r\n\r\n"

static void add_page(struct rig *r, const char *text)
{
    char more[512];

    say(r, text);
    core_wait(r, "REGISTER ");
    snprintf(more, sizeof more, "Contact: %s\r\n", header(r->last, "Contact"));
    core_answer(r, "200 OK", more, "");
    hear_sip(r, "SIP/2.0 200");
}

/* By the identity alone: one flow of an instance (RFC 5626 5.3), and a page that is there before one that is not. */
static void test_pages(void **state)
{
    struct rig *r = calloc(1, sizeof *r);
    char text[1024];

    (void)state;
    rig_start(r, 65536);
    upgrade(r);
    add_page(r, PAGE("1", "1111", "1"));
    close(r->browser);
    for (int i = 0; i < 200 && !r->closed; i++)
        turn(r);
    assert_int_equal(r->closed, 1);
    r->n_in = 0;
    memset(r->in, 0, sizeof r->in);
    upgrade(r);
    add_page(r, PAGE("1", "2222", "1"));
    add_page(r, PAGE("2", "2222", "2"));
    assert_int_equal(count_get(&reg_counts(r->reg)[REG_C_BINDINGS]), 3);
    snprintf(text, sizeof text,
             "MESSAGE sip:alice@home.example.net SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%u;branch=z9hG4bKmp\r\nMax-Forwards: 60\r\n"
             "To: <sip:alice@home.example.net>\r\nFrom: <sip:bob@home.example.net>;tag=p\r\nCall-ID: pages\r\nCSeq: 1 MESSAGE\r\n"
             "Content-Length: 0\r\n\r\n", addr_port(&r->core_addr));
    core_send(r, text);
    hear_sip(r, "MESSAGE sip:p2222");
    rig_stop(r);
    free(r);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_handshake),
        cmocka_unit_test(test_register),
        cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_too_many_contacts),
        cmocka_unit_test(test_register_too_late),
        cmocka_unit_test(test_register_refused),
        cmocka_unit_test(test_frames),
        cmocka_unit_test(test_pings),
        cmocka_unit_test(test_deaf_browser),
        cmocka_unit_test(test_register_flood),
        cmocka_unit_test(test_no_registration),
        cmocka_unit_test(test_pages),
    };

    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
