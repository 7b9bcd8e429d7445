/* The SIP side on loopback sockets: calls and messages in both directions, CANCEL, forks, flows of others. */
#define RIG_T1_MS 50
#include "tests/fake/sip_rig.h"

#include "alg/sip/agent.h"

#define INVITE_WIC \
    "INVITE sip:bob@home.example.net SIP/2.0\r\nVia: SIP/2.0/WS abcdefghijkl.invalid;branch=z9hG4bK77\r\nMax-Forwards: 69\r\n" \
    "To: <sip:bob@home.example.net>\r\nFrom: <sip:alice@home.example.net>;tag=w9\r\nCall-ID: inv1\r\nCSeq: 5 INVITE\r\n" \
    "Contact: <sip:q1w2e3r4@abcdefghijkl.invalid;transport=ws;ob>\r\nContent-Type: application/sdp\r\nContent-Length: 5\r\n\r\nv=0\r\n"

static void start_invited(struct rig *r)
{
    rig_start(r, 65536);
    enroll(r);
    say(r, INVITE_WIC);
    turn_until(r, &r->requests);
}

static void on_cancel(void *arg, const char *reason)
{
    struct rig *r = arg;

    (void)reason;
    r->cancelled++;
    assert_int_equal(sip_reply(r->pending, 487, NULL, NULL, SV_NONE, NULL), 0);
}

static void test_invite_from_wic(void **state)
{
    struct rig *r = calloc(1, sizeof *r);
    char to[256], text[1024];

    (void)state;
    start_invited(r);
    assert_int_equal(r->requests, 1);
    assert_string_equal(r->method, "INVITE");
    assert_string_equal(r->body, "v=0\r\n");
    assert_int_equal(r->flow, 1);
    assert_int_equal(sip_reply(r->pending, 180, NULL, NULL, SV_NONE, NULL), 0);
    hear_sip(r, "SIP/2.0 180 Ringing");
    sip_in_on_ack(r->pending, on_ack, r);
    assert_int_equal(sip_reply(r->pending, 200, NULL, NULL, SV("v=1\r\n"), NULL), 0);
    hear_sip(r, "SIP/2.0 200 OK");
    assert_string_equal(header(r->text, "Via"), "SIP/2.0/WS abcdefghijkl.invalid;branch=z9hG4bK77");
    assert_non_null(strstr(header(r->text, "Contact"), "@alg1.example.net;transport=ws>"));
    assert_non_null(strstr(r->text, "\r\n\r\nv=1\r\n"));
    snprintf(to, sizeof to, "%s", header(r->text, "To"));
    snprintf(text, sizeof text,
             "ACK sip:x@alg1.example.net;transport=ws SIP/2.0\r\nVia: SIP/2.0/WS abcdefghijkl.invalid;branch=z9hG4bK78\r\nMax-Forwards: 69\r\n"
             "To: %s\r\nFrom: <sip:alice@home.example.net>;tag=w9\r\nCall-ID: inv1\r\nCSeq: 5 ACK\r\n\r\n", to);
    say(r, text);
    turn_until(r, &r->acked);
    assert_int_equal(r->acked, 1);
    snprintf(text, sizeof text,
             "BYE sip:x@alg1.example.net;transport=ws SIP/2.0\r\nVia: SIP/2.0/WS abcdefghijkl.invalid;branch=z9hG4bK79\r\nMax-Forwards: 69\r\n"
             "To: %s\r\nFrom: <sip:alice@home.example.net>;tag=w9\r\nCall-ID: inv1\r\nCSeq: 6 BYE\r\n\r\n", to);
    say(r, text);
    hear_sip(r, "SIP/2.0 200 OK");
    assert_int_equal(r->in_dialog, 1);
    rig_stop(r);
    free(r);
}

static void test_cancel_from_wic(void **state)
{
    struct rig *r = calloc(1, sizeof *r);

    (void)state;
    start_invited(r);
    sip_in_on_cancel(r->pending, on_cancel, r);
    say(r, "CANCEL sip:bob@home.example.net SIP/2.0\r\nVia: SIP/2.0/WS abcdefghijkl.invalid;branch=z9hG4bK77\r\nMax-Forwards: 69\r\n"
           "To: <sip:bob@home.example.net>\r\nFrom: <sip:alice@home.example.net>;tag=w9\r\nCall-ID: inv1\r\nCSeq: 5 CANCEL\r\n\r\n");
    hear_sip(r, "SIP/2.0 200");
    assert_string_equal(header(r->text, "CSeq"), "5 CANCEL");
    hear_sip(r, "SIP/2.0 487");
    assert_int_equal(r->cancelled, 1);
    rig_stop(r);
    free(r);
}

static void on_response(void *arg, struct sip_out *out, int status, const struct sip_msg *m)
{
    struct rig *r = arg;

    (void)out;
    (void)m;
    r->responses++;
    r->status = status;
}

static void test_invite_to_wic(void **state)
{
    struct rig *r = calloc(1, sizeof *r);
    struct sip_target to = {.side = SIP_W2, .flow = 1, .uri = "sip:q1w2e3r4@abcdefghijkl.invalid;transport=ws",
                            .from = "<sip:bob@home.example.net>", .to = "<sip:alice@home.example.net>"};
    char text[2048], via[512], from[256], id[256];

    (void)state;
    rig_start(r, 65536);
    enroll(r);
    r->dh = (struct sip_dlg_h){on_dlg, r};
    assert_int_equal(sip_invite(&r->dlg, &r->out, r->sip, &to, NULL, SV("v=0\r\n"), &r->dh, on_response, r), 0);
    hear_sip(r, "INVITE sip:q1w2e3r4@abcdefghijkl.invalid;transport=ws SIP/2.0");
    snprintf(via, sizeof via, "%s", header(r->text, "Via"));
    assert_int_equal(strncmp(via, "SIP/2.0/WS alg1.example.net;", 28), 0);
    snprintf(from, sizeof from, "%s", header(r->text, "From"));
    snprintf(id, sizeof id, "%s", header(r->text, "Call-ID"));
    snprintf(text, sizeof text,
             "SIP/2.0 200 OK\r\nVia: %s\r\nTo: <sip:alice@home.example.net>;tag=wic\r\nFrom: %s\r\nCall-ID: %s\r\nCSeq: %s\r\n"
             "Contact: <sip:q1w2e3r4@abcdefghijkl.invalid;transport=ws>\r\nContent-Length: 0\r\n\r\n", via, from, id, header(r->text, "CSeq"));
    say(r, text);
    turn_until(r, &r->responses);
    assert_int_equal(r->status, 200);
    assert_int_equal(sip_ack(r->dlg, NULL, SV_NONE), 0);
    hear_sip(r, "ACK sip:q1w2e3r4@abcdefghijkl.invalid;transport=ws");
    say(r, text); /* the 2xx again: the ACK again */
    hear_sip(r, "ACK ");
    assert_int_equal(r->responses, 1);
    assert_int_equal(sip_dlg_request(r->dlg, NULL, "BYE", NULL, SV_NONE, NULL, NULL, NULL), 0);
    sip_dlg_free(r->dlg);
    r->dlg = NULL;
    hear_sip(r, "BYE ");
    rig_stop(r);
    free(r);
}

static void test_core_side(void **state)
{
    struct rig *r = calloc(1, sizeof *r);
    struct sip_target to = {.side = SIP_MW, .uri = "sip:bob@home.example.net", .from = "<sip:alice@home.example.net>",
                            .to = "<sip:bob@home.example.net>"};

    (void)state;
    rig_start(r, 65536);
    enroll(r);
    r->dh = (struct sip_dlg_h){on_dlg, r};
    assert_int_equal(sip_invite(&r->dlg, &r->out, r->sip, &to, NULL, SV("v=0\r\n"), &r->dh, on_response, r), 0);
    core_wait(r, "INVITE sip:bob@home.example.net SIP/2.0");
    core_answer(r, "200 OK", "Contact: <sip:bob@127.0.0.1:1>\r\nRecord-Route: <sip:name.example.net;lr>\r\n", "v=2\r\n");
    turn_until(r, &r->responses);
    assert_int_equal(r->status, 200);
    assert_int_equal(sip_ack(r->dlg, NULL, SV_NONE), 0);
    core_wait(r, "ACK sip:bob@127.0.0.1:1 SIP/2.0");
    assert_string_equal(header(r->last, "Route"), "<sip:name.example.net;lr>");
    rig_stop(r);
    free(r);
}

static void test_core_cancel(void **state)
{
    struct rig *r = calloc(1, sizeof *r);
    struct sip_target to = {.side = SIP_MW, .uri = "sip:bob@home.example.net", .from = "<sip:alice@home.example.net>",
                            .to = "<sip:bob@home.example.net>"};
    char invite[4096];

    (void)state;
    rig_start(r, 65536);
    r->dh = (struct sip_dlg_h){on_dlg, r};
    assert_int_equal(sip_invite(&r->dlg, &r->out, r->sip, &to, NULL, SV("v=0\r\n"), &r->dh, on_response, r), 0);
    core_wait(r, "INVITE ");
    snprintf(invite, sizeof invite, "%.4000s", r->last);
    assert_int_equal(sip_cancel(r->out, NULL), 0); /* waits for a provisional answer */
    core_answer(r, "180 Ringing", "", "");
    core_wait(r, "CANCEL ");
    core_answer(r, "200 OK", "", "");
    snprintf(r->last, sizeof r->last, "%s", invite);
    core_answer(r, "487 Request Terminated", "", "");
    core_wait(r, "ACK ");
    assert_int_equal(r->status, 487);
    rig_stop(r);
    free(r);
}

static void test_invite_from_core(void **state)
{
    struct rig *r = calloc(1, sizeof *r);
    const struct reg_binding *b;
    char text[2048], path[256];

    (void)state;
    rig_start(r, 65536);
    upgrade(r);
    say(r, REGISTER("1", ""));
    core_wait(r, "REGISTER ");
    snprintf(path, sizeof path, "%s", header(r->last, "Path"));
    core_answer(r, "200 OK", "Contact: <sip:q1w2e3r4@abcdefghijkl.invalid;transport=ws>;+sip.instance=\"<urn:uuid:1111>\";reg-id=1;expires=300\r\n", "");
    hear_sip(r, "SIP/2.0 200");
    snprintf(text, sizeof text,
             "INVITE sip:q1w2e3r4@abcdefghijkl.invalid;transport=ws SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%u;branch=z9hG4bKc1\r\nMax-Forwards: 69\r\n"
             "Route: %s\r\nTo: <sip:alice@home.example.net>\r\nFrom: <sip:bob@home.example.net>;tag=b\r\nCall-ID: c1\r\nCSeq: 1 INVITE\r\n"
             "Contact: <sip:bob@127.0.0.1:%u>\r\nContent-Length: 0\r\n\r\n", addr_port(&r->core_addr), path, addr_port(&r->core_addr));
    core_send(r, text);
    turn_until(r, &r->requests);
    assert_int_equal(r->requests, 1);
    assert_int_equal(sip_reply(r->pending, 486, NULL, NULL, SV_NONE, NULL), 0);
    core_wait(r, "SIP/2.0 486 Busy Here");
    /* one character of the token changed: forged */
    text[strlen("INVITE sip:")] = 'Q';
    path[6] = path[6] == 'a' ? 'b' : 'a';
    snprintf(text, sizeof text,
             "INVITE sip:q1w2e3r4@abcdefghijkl.invalid;transport=ws SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%u;branch=z9hG4bKc2\r\nMax-Forwards: 69\r\n"
             "Route: %s\r\nTo: <sip:alice@home.example.net>\r\nFrom: <sip:bob@home.example.net>;tag=b\r\nCall-ID: c2\r\nCSeq: 1 INVITE\r\n"
             "Contact: <sip:bob@127.0.0.1:%u>\r\nContent-Length: 0\r\n\r\n", addr_port(&r->core_addr), path, addr_port(&r->core_addr));
    core_send(r, text);
    core_wait(r, "SIP/2.0 403");
    b = reg_by_flow(r->reg, 1);
    assert_non_null(b);
    rig_stop(r);
    free(r);
}

static void test_message_relay(void **state)
{
    struct rig *r = calloc(1, sizeof *r);
    char text[1024];

    (void)state;
    rig_start(r, 65536);
    enroll(r);
    say(r, "MESSAGE sip:bob@home.example.net SIP/2.0\r\nVia: SIP/2.0/WS a.invalid;branch=z9hG4bKm1\r\nMax-Forwards: 69\r\n"
           "To: <sip:bob@home.example.net>\r\nFrom: <sip:alice@home.example.net>;tag=w9\r\nCall-ID: m1\r\nCSeq: 5 MESSAGE\r\n"
           "P-Asserted-Identity: <sip:boss@home.example.net>\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello");
    core_wait(r, "MESSAGE sip:bob@home.example.net SIP/2.0");
    assert_string_equal(header(r->last, "P-Asserted-Identity"), "<sip:alice@home.example.net>");
    assert_non_null(strstr(r->last, "\r\n\r\nhello"));
    core_answer(r, "202 Accepted", "", "");
    hear_sip(r, "SIP/2.0 202");
    snprintf(text, sizeof text,
             "MESSAGE sip:alice@home.example.net SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%u;branch=z9hG4bKm2\r\nMax-Forwards: 69\r\n"
             "To: <sip:alice@home.example.net>\r\nFrom: <sip:bob@home.example.net>;tag=b\r\nCall-ID: m2\r\nCSeq: 1 MESSAGE\r\n"
             "Content-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi", addr_port(&r->core_addr));
    core_send(r, text);
    hear_sip(r, "MESSAGE sip:q1w2e3r4@abcdefghijkl.invalid;transport=ws SIP/2.0");
    rig_stop(r);
    free(r);
}

static bool is_emergency(void *arg, const struct sip_msg *m)
{
    (void)arg;
    return !strcmp(sip_msg_uri(m), "urn:service:sos");
}

/* Before anybody asks who is registered (TS 24.229 5.2.1). */
static void test_emergency(void **state)
{
    struct rig *r = calloc(1, sizeof *r);

    (void)state;
    rig_start(r, 65536);
    r->sip->h.anybodys = is_emergency;
    upgrade(r);
    say(r, "INVITE urn:service:sos SIP/2.0\r\nVia: SIP/2.0/WS a.invalid;branch=z9hG4bKsos\r\nMax-Forwards: 70\r\nTo: <urn:service:sos>\r\n"
           "From: <sip:a@h>;tag=1\r\nCall-ID: sos\r\nCSeq: 1 INVITE\r\nContact: <sip:a@a.invalid;transport=ws>\r\n\r\n");
    turn_until(r, &r->requests);
    assert_int_equal(r->requests, 1);
    assert_string_equal(r->uri, "urn:service:sos");
    rig_stop(r);
    free(r);
}

static void test_refusals(void **state)
{
    static const struct {
        const char *start, *more, *want;
    } rows[] = {
        {"INVITE sip:b@h SIP/2.0", "CSeq: 1 INVITE", "SIP/2.0 403"},         {"OPTIONS sip:h SIP/2.0", "CSeq: 1 OPTIONS", "SIP/2.0 200"},
        {"FOO sip:h SIP/2.0", "CSeq: 1 FOO", "SIP/2.0 501"},                 {"INFO sip:h SIP/2.0", "CSeq: 1 INFO", "SIP/2.0 405"},
        {"BYE sip:h SIP/2.0", "CSeq: 1 BYE", "SIP/2.0 481"},                 {"OPTIONS http://h SIP/2.0", "CSeq: 1 OPTIONS", "SIP/2.0 416"},
        {"OPTIONS sip:h SIP/2.0", "CSeq: 1 OPTIONS\r\nRequire: 100rel", "SIP/2.0 420"},
        {"OPTIONS sip:h SIP/2.0", "CSeq: 1 OPTIONS\r\nRequire: timer", "SIP/2.0 200"},
        {"OPTIONS sip:h SIP/2.0", "CSeq: 1 OPTIONS\r\nProxy-Require: timer", "SIP/2.0 200"},
        {"OPTIONS sip:h SIP/2.0", "CSeq: 1 OPTIONS\r\nRequire: sec-agree\r\nProxy-Require: sec-agree", "SIP/2.0 200"},
        {"OPTIONS sip:h SIP/2.0", "CSeq: 1 OPTIONS\r\nProxy-Require: privacy\r\nPrivacy: id; critical", "SIP/2.0 200"},
        {"OPTIONS sip:h SIP/2.0", "CSeq: 1 OPTIONS\r\nProxy-Require: privacy\r\nPrivacy: user;id", "SIP/2.0 420"},
        {"OPTIONS sip:h SIP/2.0", "CSeq: 1 OPTIONS\r\nRequire: timer\r\nProxy-Require: timer, frob", "SIP/2.0 420"},
        {"OPTIONS sip:h SIP/2.0", "CSeq: 1 INVITE", "SIP/2.0 400"},          {"OPTIONS sip:h SIP/2.0", "CSeq: x OPTIONS", "SIP/2.0 400"},
        {"OPTIONS sip:h SIP/2.0", "CSeq: 1 OPTIONS\r\nContent-Length: 999", "SIP/2.0 400"},
        {"OPTIONS sip:h SIP/3.0", "CSeq: 1 OPTIONS", "SIP/2.0 505"},         {"OPTIONS sip:h SIP/2.0", "CSeq: 1 OPTIONS", "SIP/2.0 200"},
    };
    struct rig *r = calloc(1, sizeof *r);
    char text[1024];

    (void)state;
    rig_start(r, 65536);
    upgrade(r);
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        snprintf(text, sizeof text,
                 "%s\r\nVia: SIP/2.0/WS a.invalid;branch=z9hG4bK%u\r\nMax-Forwards: 70\r\nTo: <sip:b@h>\r\nFrom: <sip:a@h>;tag=1\r\nCall-ID: c%u\r\n%s\r\n\r\n",
                 rows[i].start, i, i, rows[i].more);
        say(r, text);
        hear_sip(r, rows[i].want);
        if (strstr(rows[i].more, "frob")) /* RFC 3261 21.4.15 */
            assert_string_equal(header(r->text, "Unsupported"), "frob");
    }
    say(r, "OPTIONS sip:h SIP/2.0\r\nVia: SIP/2.0/WS a.invalid;branch=z9hG4bKmf\r\nMax-Forwards: 0\r\nTo: <sip:b@h>\r\nFrom: <sip:a@h>;tag=1\r\nCall-ID: mf\r\nCSeq: 1 OPTIONS\r\n\r\n");
    hear_sip(r, "SIP/2.0 483");
    say(r, "complete nonsense\r\n\r\n"); /* cannot be answered; the connection goes on */
    say(r, "\r\n\r\n");
    assert_int_equal(hear(r), 1);
    assert_string_equal(r->text, "\r\n");
    rig_stop(r);
    free(r);
}

/* A dialog outlives its connection; nobody but its own user may go on with it. */
static void test_foreign_flow(void **state)
{
    struct rig *r = calloc(1, sizeof *r);
    char to[256], text[1024];

    (void)state;
    start_invited(r);
    assert_int_equal(sip_reply(r->pending, 200, NULL, NULL, SV("v=1\r\n"), NULL), 0);
    hear_sip(r, "SIP/2.0 200 OK");
    snprintf(to, sizeof to, "%s", header(r->text, "To"));
    close(r->browser);
    turn_until(r, &r->closed);
    r->n_in = 0;
    memset(r->in, 0, 8);
    upgrade(r);
    say(r, "REGISTER sip:home.example.net SIP/2.0\r\nVia: SIP/2.0/WS b.invalid;branch=z9hG4bKb1\r\nMax-Forwards: 69\r\n"
           "To: <sip:mallory@home.example.net>\r\nFrom: <sip:mallory@home.example.net>;tag=m1\r\nCall-ID: reg2\r\nCSeq: 1 REGISTER\r\n"
           "Contact: <sip:m@b.invalid;transport=ws>;expires=600\r\nContent-Length: 0\r\n\r\n");
    core_wait(r, "REGISTER ");
    core_answer(r, "200 OK", "Contact: <sip:m@b.invalid;transport=ws>;expires=300\r\n", "");
    hear_sip(r, "SIP/2.0 200 OK");
    snprintf(text, sizeof text,
             "BYE sip:x@alg1.example.net;transport=ws SIP/2.0\r\nVia: SIP/2.0/WS b.invalid;branch=z9hG4bKb2\r\nMax-Forwards: 69\r\n"
             "To: %s\r\nFrom: <sip:alice@home.example.net>;tag=w9\r\nCall-ID: inv1\r\nCSeq: 6 BYE\r\n\r\n", to);
    say(r, text);
    hear_sip(r, "SIP/2.0 403");
    assert_int_equal(r->in_dialog, 0);
    rig_stop(r);
    free(r);
}

/* A core forks to two Contacts of ours with one Call-ID, From tag and CSeq: two calls. The same one by another way: 482. */
static void test_forks(void **state)
{
    static const struct {
        const char *branch, *user;
        unsigned requests;
    } rows[] = {{"f1", "q1w2e3r4", 1}, {"f2", "other", 2}, {"f3", "q1w2e3r4", 2}};
    struct rig *r = calloc(1, sizeof *r);
    struct sip_dlg *first = NULL;
    char text[2048];

    (void)state;
    rig_start(r, 65536);
    enroll(r);
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        snprintf(text, sizeof text,
                 "INVITE sip:%s@abcdefghijkl.invalid;transport=ws SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%u;branch=z9hG4bK%s\r\n"
                 "Max-Forwards: 60\r\nTo: <sip:alice@home.example.net>\r\nFrom: <sip:bob@home.example.net>;tag=fork\r\n"
                 "Call-ID: fork\r\nCSeq: 1 INVITE\r\nContact: <sip:bob@127.0.0.1>\r\nContent-Length: 0\r\n\r\n",
                 rows[i].user, addr_port(&r->core_addr), rows[i].branch);
        core_send(r, text);
        if (i == 2)
            core_wait(r, "SIP/2.0 482");
        for (unsigned n = 0; n < 50 && r->requests < rows[i].requests; n++)
            turn(r);
        assert_int_equal(r->requests, rows[i].requests);
        first = first ? first : r->dlg;
    }
    sip_dlg_free(first);
    rig_stop(r);
    free(r);
}

/* RFC 5626: the same instance and reg-id on a new connection takes over the dialogs. */
static void test_recovery(void **state)
{
    struct rig *r = calloc(1, sizeof *r);
    struct sip_target to = {.side = SIP_W2, .flow = 1, .uri = "sip:q1w2e3r4@abcdefghijkl.invalid;transport=ws",
                            .from = "<sip:bob@home.example.net>", .to = "<sip:alice@home.example.net>"};

    (void)state;
    rig_start(r, 65536);
    enroll(r);
    r->dh = (struct sip_dlg_h){on_dlg, r};
    assert_int_equal(sip_invite(&r->dlg, &r->out, r->sip, &to, NULL, SV_NONE, &r->dh, on_response, r), 0);
    hear_sip(r, "INVITE ");
    close(r->browser);
    turn_until(r, &r->closed);
    assert_int_equal(r->closed, 1);
    assert_int_equal(sip_dlg_request(r->dlg, NULL, "BYE", NULL, SV_NONE, NULL, NULL, NULL), -ENOTCONN);
    r->n_in = 0;
    memset(r->in, 0, 8);
    enroll(r);
    assert_int_equal(r->moved, 1);
    assert_int_equal(sip_dlg_flow(r->dlg), 2);
    assert_non_null(reg_by_flow(r->reg, 2));
    assert_int_equal(sip_dlg_request(r->dlg, NULL, "INFO", NULL, SV_NONE, NULL, NULL, NULL), 0);
    hear_sip(r, "INFO ");
    rig_stop(r);
    free(r);
}

static void test_core_silent(void **state)
{
    struct rig *r = calloc(1, sizeof *r);
    struct sip_target to = {.side = SIP_MW, .uri = "sip:bob@home.example.net", .from = "<sip:a@h>", .to = "<sip:b@h>"};

    (void)state;
    rig_start(r, 65536);
    r->dh = (struct sip_dlg_h){on_dlg, r};
    assert_int_equal(sip_invite(&r->dlg, &r->out, r->sip, &to, NULL, SV("v=0\r\n"), &r->dh, on_response, r), 0);
    for (msec_t end = net_now_ms() + 5000; net_now_ms() < end && !r->responses;)
        turn(r);
    assert_int_equal(r->status, 408);
    rig_stop(r);
    free(r);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_invite_from_wic),
        cmocka_unit_test(test_cancel_from_wic),
        cmocka_unit_test(test_invite_to_wic),
        cmocka_unit_test(test_core_side),
        cmocka_unit_test(test_core_cancel),
        cmocka_unit_test(test_invite_from_core),
        cmocka_unit_test(test_message_relay),
        cmocka_unit_test(test_refusals), cmocka_unit_test(test_emergency),
        cmocka_unit_test(test_foreign_flow),
        cmocka_unit_test(test_forks),
        cmocka_unit_test(test_recovery),
        cmocka_unit_test(test_core_silent),
    };

    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
