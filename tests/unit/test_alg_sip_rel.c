/* Early dialogs and reliable provisional answers (RFC 3262) on real sockets: the core is a bare UDP socket. */
#define RIG_T1_MS 20
#include "tests/fake/sip_rig.h"

#define CORE_SAYS_MS 400 /* how long nothing may come */

static const struct sip_target bob = {.side = SIP_MW, .uri = "sip:bob@home.example.net", .from = "<sip:alice@home.example.net>",
                                      .to = "<sip:bob@home.example.net>"};

struct heard { /* what call/ would hear */
    unsigned n, in_dialog, pracks, bodies, overdue;
    int status;
    char tag[32], request_tag[32], method[16];
};

static struct heard H;

static void on_answer(void *arg, struct sip_out *out, int status, const struct sip_msg *m)
{
    (void)arg;
    (void)out;
    H.n++;
    H.status = status;
    snprintf(H.tag, sizeof H.tag, "%s", m && sip_msg_peer_tag(m) ? sip_msg_peer_tag(m) : "");
}

static void on_inside(void *arg, struct sip_dlg *d, struct sip_in *in, const struct sip_msg *m)
{
    (void)arg;
    (void)d;
    H.in_dialog++;
    snprintf(H.method, sizeof H.method, "%s", sip_msg_method(m));
    snprintf(H.request_tag, sizeof H.request_tag, "%s", sip_msg_peer_tag(m));
    assert_int_equal(sip_reply(in, 200, NULL, NULL, SV_NONE, NULL), 0);
}

static char invite[4096];

static void call_bob(struct rig *r)
{
    static const struct sip_hdr hdrs[] = {{"Supported", "100rel"}, {NULL, NULL}};

    memset(&H, 0, sizeof H);
    r->dh = (struct sip_dlg_h){on_inside, r};
    assert_int_equal(sip_invite(&r->dlg, &r->out, r->sip, &bob, hdrs, SV("v=0\r\n"), &r->dh, on_answer, r), 0);
    core_wait(r, "INVITE ");
    snprintf(invite, sizeof invite, "%.4000s", r->last);
}

/* An answer of the core to the INVITE, of the callee with that tag. */
static void answer(struct rig *r, const char *start, const char *tag, unsigned rseq)
{
    const char *to = "To: <sip:bob@home.example.net>", *at = strstr(invite, to);
    char more[400];

    assert_non_null(at);
    at += strlen(to);
    snprintf(r->last, sizeof r->last, "%.*s;tag=%s%s", (int)(at - invite), invite, tag, at);
    snprintf(more, sizeof more, "Contact: <sip:%s@127.0.0.1:%u>\r\n%s", tag, addr_port(&r->core_addr),
             rseq ? "Require: 100rel\r\nRSeq: " : "");
    if (rseq)
        snprintf(more + strlen(more), sizeof more - strlen(more), "%u\r\n", rseq);
    core_answer(r, start, more, "v=1\r\n");
}

static void turns(struct rig *r, unsigned ms)
{
    for (msec_t end = net_now_ms() + ms; net_now_ms() < end;)
        turn(r);
}

/* What the core has sent is heard when alg gets to it. */
static void heard(struct rig *r, unsigned n)
{
    for (msec_t end = net_now_ms() + RIG_WAIT_MS; net_now_ms() < end && H.n < n;)
        turn(r);
    assert_int_equal(H.n, n);
}

static bool core_hears(struct rig *r, const char *start, unsigned ms)
{
    for (msec_t end = net_now_ms() + ms; net_now_ms() < end;) {
        turn(r);
        while (core_has(r))
            if (!strncmp(r->last, start, strlen(start)))
                return true;
    }
    return false;
}

static unsigned cseq_of(const char *text)
{
    return (unsigned)strtoul(header(text, "CSeq"), NULL, 10);
}

static void want_prack(struct rig *r, const char *tag, unsigned rseq)
{
    char uri[64], rack[64], to[64];

    snprintf(uri, sizeof uri, "PRACK sip:%s@127.0.0.1:%u SIP/2.0", tag, addr_port(&r->core_addr));
    core_wait(r, uri);
    snprintf(rack, sizeof rack, "%u %u INVITE", rseq, cseq_of(invite));
    assert_string_equal(header(r->last, "RAck"), rack);
    snprintf(to, sizeof to, ";tag=%s", tag);
    assert_non_null(strstr(header(r->last, "To"), to));
    assert_true(cseq_of(r->last) > cseq_of(invite));
    core_answer(r, "200 OK", "", "");
}

/* RFC 3262 4: each in order and once; what is repeated or out of order is not heard and not acknowledged. */
static void test_pracks(void **state)
{
    struct rig *r = calloc(1, sizeof *r);

    (void)state;
    rig_start(r, 65536);
    call_bob(r);
    answer(r, "183 Session Progress", "a", 7);
    want_prack(r, "a", 7);
    assert_int_equal(H.n, 1);
    assert_int_equal(H.status, 183);
    assert_string_equal(H.tag, "a");
    answer(r, "183 Session Progress", "a", 7);
    answer(r, "180 Ringing", "a", 9);
    assert_false(core_hears(r, "PRACK", CORE_SAYS_MS));
    assert_int_equal(H.n, 1);
    answer(r, "180 Ringing", "a", 8);
    want_prack(r, "a", 8);
    assert_int_equal(H.n, 2);
    answer(r, "180 Ringing", "a", 0); /* an ordinary one between */
    answer(r, "200 OK", "a", 0);
    heard(r, 4);
    assert_int_equal(sip_ack(r->dlg, NULL, SV_NONE), 0);
    core_wait(r, "ACK sip:a@127.0.0.1");
    assert_int_equal(sip_dlg_request(r->dlg, NULL, "BYE", NULL, SV_NONE, NULL, NULL, NULL), 0);
    core_wait(r, "BYE sip:a@127.0.0.1");
    assert_true(cseq_of(r->last) == cseq_of(invite) + 3); /* after both PRACKs */
    core_answer(r, "200 OK", "", "");
    turns(r, 50);
    rig_stop(r);
    free(r);
}

static void core_inside(struct rig *r, const char *method, const char *tag, unsigned cseq)
{
    char text[2048], from[256], id[128], contact[256];

    snprintf(from, sizeof from, "%s", header(invite, "From"));
    snprintf(id, sizeof id, "%s", header(invite, "Call-ID"));
    snprintf(contact, sizeof contact, "%s", header(invite, "Contact"));
    contact[strcspn(contact, ">")] = '\0';
    snprintf(text, sizeof text,
             "%s %s SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%u;branch=z9hG4bK%s%s%u\r\nMax-Forwards: 70\r\nTo: %s\r\n"
             "From: <sip:bob@home.example.net>;tag=%s\r\nCall-ID: %s\r\nCSeq: %u %s\r\nContact: <sip:%s@127.0.0.1:%u>\r\n"
             "Content-Length: 0\r\n\r\n",
             method, contact + 1, addr_port(&r->core_addr), method, tag, cseq, from, tag, id, cseq, method, tag,
             addr_port(&r->core_addr));
    core_send(r, text);
}

/* Each callee has its own RSeq, its own CSeq and its own place; the 2xx decides whose dialog stays. */
static void test_forks(void **state)
{
    struct rig *r = calloc(1, sizeof *r);

    (void)state;
    rig_start(r, 65536);
    call_bob(r);
    answer(r, "183 Session Progress", "a", 100);
    want_prack(r, "a", 100);
    answer(r, "183 Session Progress", "b", 5);
    want_prack(r, "b", 5);
    assert_string_equal(H.tag, "b");
    answer(r, "183 Session Progress", "a", 101);
    want_prack(r, "a", 101);
    core_inside(r, "UPDATE", "b", 50);
    assert_true(core_hears(r, "SIP/2.0 200", 1000));
    assert_int_equal(strncmp(header(r->last, "Contact"), "<sip:", 5), 0);
    assert_string_equal(H.request_tag, "b");
    core_inside(r, "UPDATE", "a", 2); /* lower than b's: another dialog */
    assert_true(core_hears(r, "SIP/2.0 200", 1000));
    assert_string_equal(H.request_tag, "a");
    core_inside(r, "UPDATE", "c", 2); /* nobody's */
    assert_true(core_hears(r, "SIP/2.0 481", 1000));
    assert_int_equal(H.in_dialog, 2);
    answer(r, "200 OK", "b", 0);
    heard(r, 4);
    assert_int_equal(H.status, 200);
    assert_int_equal(sip_ack(r->dlg, NULL, SV_NONE), 0);
    core_wait(r, "ACK sip:b@127.0.0.1");
    core_inside(r, "UPDATE", "a", 3);
    assert_true(core_hears(r, "SIP/2.0 481", 1000));
    answer(r, "200 OK", "a", 0); /* the other one answered too */
    core_wait(r, "ACK sip:a@127.0.0.1");
    core_wait(r, "BYE sip:a@127.0.0.1");
    core_answer(r, "200 OK", "", "");
    assert_int_equal(H.status, 200);
    core_inside(r, "INFO", "b", 51);
    assert_true(core_hears(r, "SIP/2.0 200", 1000));
    rig_stop(r);
    free(r);
}

/* A callee that never rang takes the call while others did; and no number of forks makes us keep more than our bound. */
static void test_many_forks(void **state)
{
    struct rig *r = calloc(1, sizeof *r);
    char tag[16];

    (void)state;
    rig_start(r, 65536);
    call_bob(r);
    for (unsigned i = 0; i < SIP_EARLY_MAX; i++) {
        snprintf(tag, sizeof tag, "f%u", i);
        answer(r, "183 Session Progress", tag, 1 + i);
        want_prack(r, tag, 1 + i);
    }
    answer(r, "183 Session Progress", "more", 1);
    assert_false(core_hears(r, "PRACK", CORE_SAYS_MS));
    assert_int_equal(H.n, SIP_EARLY_MAX);
    answer(r, "199 Early Dialog Terminated", "f3", 0); /* its place is free */
    core_inside(r, "UPDATE", "f3", 50);
    assert_true(core_hears(r, "SIP/2.0 481", 1000));
    answer(r, "183 Session Progress", "late", 9);
    want_prack(r, "late", 9);
    answer(r, "199 Early Dialog Terminated", "nobody", 0);
    answer(r, "200 OK", "more", 0);
    heard(r, SIP_EARLY_MAX + 4); /* 199, late, 199, 200 */
    assert_int_equal(H.status, 200);
    assert_int_equal(sip_ack(r->dlg, NULL, SV_NONE), 0);
    core_wait(r, "ACK sip:more@127.0.0.1");
    rig_stop(r);
    free(r);
}

/* Whatever was awaited when the call is given up. */
static void test_given_up(void **state)
{
    struct rig *r = calloc(1, sizeof *r);

    (void)state;
    rig_start(r, 65536);
    call_bob(r);
    answer(r, "183 Session Progress", "a", 1);
    answer(r, "183 Session Progress", "b", 1);
    heard(r, 2); /* both PRACKs have no answer */
    assert_int_equal(sip_cancel(r->out, NULL), 0);
    core_wait(r, "CANCEL ");
    sip_dlg_free(r->dlg);
    r->dlg = NULL;
    turns(r, 1500);
    rig_stop(r);
    free(r);
}

/* --- our 18x --- */

static void on_prack(void *arg, struct sip_in *in, const struct sip_msg *m)
{
    struct rig *r = arg;

    if (!m) {
        H.overdue++;
        sip_reply(r->pending, 504, NULL, NULL, SV_NONE, NULL);
        return;
    }
    H.pracks++;
    if (in) {
        H.bodies++;
        assert_int_equal(sip_reply(in, 200, NULL, NULL, SV("v=3\r\n"), NULL), 0);
    }
}

static void core_calls(struct rig *r, const char *more)
{
    char text[2048], path[256];

    memset(&H, 0, sizeof H);
    upgrade(r);
    say(r, REGISTER("1", ""));
    core_wait(r, "REGISTER ");
    snprintf(path, sizeof path, "%s", header(r->last, "Path"));
    core_answer(r, "200 OK",
                "Contact: <sip:q1w2e3r4@abcdefghijkl.invalid;transport=ws>;+sip.instance=\"<urn:uuid:1111>\";reg-id=1;expires=300\r\n", "");
    hear_sip(r, "SIP/2.0 200");
    snprintf(text, sizeof text,
             "INVITE sip:q1w2e3r4@abcdefghijkl.invalid;transport=ws SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%u;branch=z9hG4bKc1\r\n"
             "Max-Forwards: 69\r\nRoute: %s\r\nTo: <sip:alice@home.example.net>\r\nFrom: <sip:bob@home.example.net>;tag=b\r\n"
             "Call-ID: c1\r\nCSeq: 1 INVITE\r\nContact: <sip:bob@127.0.0.1:%u>\r\n%sContent-Length: 0\r\n\r\n",
             addr_port(&r->core_addr), path, addr_port(&r->core_addr), more);
    core_send(r, text);
    turn_until(r, &r->requests);
    assert_int_equal(r->requests, 1);
    r->dh = (struct sip_dlg_h){on_inside, r};
    sip_dlg_set_handler(r->dlg, &r->dh);
    sip_in_on_prack(r->pending, on_prack, r);
}

/* PRACK for the 18x that the core got last. */
static void core_pracks(struct rig *r, const char *to, unsigned rseq, unsigned cseq, const char *body)
{
    char text[2048];

    snprintf(text, sizeof text,
             "PRACK sip:x@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%u;branch=z9hG4bKp%u\r\nMax-Forwards: 69\r\n"
             "To: %s\r\nFrom: <sip:bob@home.example.net>;tag=b\r\nCall-ID: c1\r\nCSeq: %u PRACK\r\nRAck: %u 1 INVITE\r\n"
             "%sContent-Length: %zu\r\n\r\n%s",
             addr_port(&r->core_addr), cseq, to, cseq, rseq, *body ? "Content-Type: application/sdp\r\n" : "", strlen(body), body);
    core_send(r, text);
}

static unsigned rseq_of(const char *text)
{
    return (unsigned)strtoul(header(text, "RSeq"), NULL, 10);
}

static void test_our_183(void **state)
{
    struct rig *r = calloc(1, sizeof *r);
    char to[200];
    unsigned rseq, again = 0;
    msec_t since;

    (void)state;
    rig_start(r, 65536);
    core_calls(r, "Supported: 100rel\r\n");
    assert_true(sip_in_is_reliable(r->pending));
    assert_int_equal(sip_reply(r->pending, 180, NULL, NULL, SV_NONE, NULL), 0);
    core_wait(r, "SIP/2.0 180");
    assert_string_equal(header(r->last, "RSeq"), ""); /* nothing to lose in it */
    since = net_now_ms();
    assert_int_equal(sip_reply(r->pending, 183, NULL, NULL, SV("v=1\r\n"), NULL), 0);
    core_wait(r, "SIP/2.0 183");
    assert_string_equal(header(r->last, "Require"), "100rel");
    rseq = rseq_of(r->last);
    assert_in_range(rseq, 1, 0x7fffffff);
    snprintf(to, sizeof to, "%s", header(r->last, "To"));
    sip_in_on_ack(r->pending, on_ack, r);
    assert_int_equal(sip_reply(r->pending, 200, NULL, NULL, SV("v=1\r\n"), NULL), 0);
    while (again < 3 || net_now_ms() < since + CORE_SAYS_MS) {
        turn(r);
        assert_true(net_now_ms() < since + 5000);
        while (core_has(r)) {
            assert_int_equal(strncmp(r->last, "SIP/2.0 183", 11), 0); /* the 200 is held back */
            assert_int_equal(rseq_of(r->last), rseq);
            if (++again == 3)
                assert_true(net_now_ms() - since >= 130);
        }
    }
    assert_in_range(again, 3, 6); /* 20 ms, doubled: at 20, 60, 140, 300 */
    core_pracks(r, to, rseq + 1, 2, "");
    core_wait(r, "SIP/2.0 481");
    core_pracks(r, to, rseq, 3, "");
    core_wait(r, "SIP/2.0 200");
    while (!strstr(header(r->last, "CSeq"), "INVITE"))
        core_wait(r, "SIP/2.0 200");
    assert_int_equal(H.pracks, 1);
    core_pracks(r, to, rseq, 4, ""); /* it has its PRACK already */
    core_wait(r, "SIP/2.0 481");
    assert_int_equal(H.pracks, 1);
    rig_stop(r);
    free(r);
}

static void test_our_183_required(void **state)
{
    struct rig *r = calloc(1, sizeof *r);
    char to[200];
    unsigned rseq;

    (void)state;
    rig_start(r, 65536);
    core_calls(r, "Require: 100rel\r\n");
    assert_int_equal(sip_reply(r->pending, 183, NULL, NULL, SV("v=1\r\n"), NULL), 0);
    assert_int_equal(sip_reply(r->pending, 180, NULL, NULL, SV_NONE, NULL), 0); /* waits for the first one's PRACK */
    core_wait(r, "SIP/2.0 183");
    rseq = rseq_of(r->last);
    snprintf(to, sizeof to, "%s", header(r->last, "To"));
    assert_false(core_hears(r, "SIP/2.0 180", 100));
    core_pracks(r, to, rseq, 2, "v=2\r\n");
    core_wait(r, "SIP/2.0 200");
    assert_non_null(strstr(r->last, "\r\n\r\nv=3\r\n"));
    core_wait(r, "SIP/2.0 180");
    assert_int_equal(rseq_of(r->last), rseq + 1);
    core_pracks(r, to, rseq + 1, 3, "");
    assert_true(core_hears(r, "SIP/2.0 200", 1000));
    assert_int_equal(H.pracks, 2);
    assert_int_equal(H.bodies, 1);
    assert_int_equal(sip_reply(r->pending, 486, NULL, NULL, SV_NONE, NULL), 0);
    core_wait(r, "SIP/2.0 486");
    rig_stop(r);
    free(r);
}

/* RFC 3262 3: 64*T1 without a PRACK; held: the 2xx was to follow. */
static void no_prack(bool held)
{
    struct rig *r = calloc(1, sizeof *r);

    rig_start(r, 65536);
    core_calls(r, "Require: 100rel\r\n");
    assert_int_equal(sip_reply(r->pending, 183, NULL, NULL, SV("v=1\r\n"), NULL), 0);
    sip_in_on_ack(r->pending, on_ack, r);
    if (held)
        assert_int_equal(sip_reply(r->pending, 200, NULL, NULL, SV("v=1\r\n"), NULL), 0);
    assert_true(core_hears(r, "SIP/2.0 504", 3000));
    assert_int_equal(H.overdue, 1);
    turns(r, 2000);
    assert_int_equal(r->acked, 0);
    assert_int_equal(H.overdue, 1);
    rig_stop(r);
    free(r);
}

static void test_no_prack(void **state)
{
    (void)state;
    no_prack(false);
}

static void test_no_prack_held(void **state)
{
    (void)state;
    no_prack(true);
}

/* The 18x has no PRACK yet when the call goes away, in each of the ways it can. */
static void test_dropped(void **state)
{
    (void)state;
    for (unsigned how = 0; how < 3; how++) {
        struct rig *r = calloc(1, sizeof *r);
        char to[200];
        unsigned rseq;

        rig_start(r, 65536);
        core_calls(r, "Require: 100rel\r\n");
        assert_int_equal(sip_reply(r->pending, 183, NULL, NULL, SV("v=1\r\n"), NULL), 0);
        core_wait(r, "SIP/2.0 183");
        rseq = rseq_of(r->last);
        snprintf(to, sizeof to, "%s", header(r->last, "To"));
        if (how == 0)
            assert_int_equal(sip_reply(r->pending, 487, NULL, NULL, SV_NONE, NULL), 0);
        if (how == 1) {
            sip_in_on_ack(r->pending, on_ack, r);
            assert_int_equal(sip_reply(r->pending, 200, NULL, NULL, SV("v=1\r\n"), NULL), 0);
        }
        if (how > 0) {
            sip_dlg_free(r->dlg);
            r->dlg = NULL;
        }
        core_pracks(r, to, rseq, 2, "");
        if (how == 0)
            assert_true(core_hears(r, "SIP/2.0 487", 500));
        turns(r, 1600);
        assert_int_equal(r->acked, 0);
        rig_stop(r);
        free(r);
    }
}

static void test_wic_requires(void **state)
{
    struct rig *r = calloc(1, sizeof *r);

    (void)state;
    rig_start(r, 65536);
    enroll(r);
    say(r, "INVITE sip:bob@home.example.net SIP/2.0\r\nVia: SIP/2.0/WS a.invalid;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n"
           "To: <sip:b@h>\r\nFrom: <sip:alice@home.example.net>;tag=1\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\nRequire: 100rel\r\n"
           "Contact: <sip:x@a.invalid;transport=ws>\r\nContent-Length: 0\r\n\r\n");
    hear_sip(r, "SIP/2.0 420");
    assert_string_equal(header(r->text, "Unsupported"), "100rel");
    assert_int_equal(r->requests, 0);
    rig_stop(r);
    free(r);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pracks),   cmocka_unit_test(test_forks),            cmocka_unit_test(test_many_forks),
        cmocka_unit_test(test_given_up), cmocka_unit_test(test_our_183),          cmocka_unit_test(test_our_183_required),
        cmocka_unit_test(test_no_prack), cmocka_unit_test(test_no_prack_held),    cmocka_unit_test(test_dropped),
        cmocka_unit_test(test_wic_requires),
    };

    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
