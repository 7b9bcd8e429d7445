/* Descriptions at other times than usual: early media, forks, offers that the core asks for (sip-sdp 2.5, 2.8, charts F15, F16). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/log.h"
#include "tests/fake/call_steps.h"

/* Early media (sip-sdp 2.5): the WIC has its answer with the first 18x that has one; only the core is heard until the 200. */
static void test_early(void **state)
{
    struct sip_in *in;

    (void)state;
    world_open(1);
    in = originate(AUDIO_ONLY("sendrecv"));
    op_ok(op_pending());
    respond(out_pending("INVITE"), 183, MW_HEAD MW_AUDIO("49170", "sendrecv"));
    assert_int_equal(in->provisional, 100);
    OP("MOD ip/1/core/7", "S1 ro R(v=0| c=IN IP4 10.20.0.99| m=audio 49170");
    op_ok(op_pending());
    OP("ADD ip/$/access/$", "S1 so realm", "EstBNC astuns");
    op_ok(op_pending());
    assert_int_equal(in->provisional, 183);
    TEXT(in->early, "m=audio 40002 UDP/TLS/RTP/SAVPF 0 126\r\n", "a=setup:active\r\n");
    respond(out_pending("INVITE"), 180, NULL);
    assert_int_equal(in->provisional, 180);
    respond(out_pending("INVITE"), 183, MW_HEAD MW_AUDIO("49170", "sendrecv")); /* the same again */
    assert_null(op_pending());
    respond(out_pending("INVITE"), 200, MW_HEAD MW_AUDIO("49170", "sendrecv"));
    assert_int_equal(dlg_of(SIP_MW)->acks, 1);
    OP("MOD ip/1/core/7\n S1 sr", "! R(");
    op_ok(op_pending());
    OP("MOD ip/1/access/8\n S1 sr", "! R(", "!astuns");
    op_ok(op_pending());
    assert_int_equal(in->status, 200);
    assert_string_equal(in->body, in->early);
    ack(in);
    hang_up(SIP_W2);
}

/* Both directions by P-Early-Media, and an answer without a body: nothing is left to say. */
static void test_early_both_ways(void **state)
{
    struct sip_in *in;

    (void)state;
    world_open(1);
    in = originate(AUDIO_ONLY("sendrecv"));
    op_ok(op_pending());
    respond_with(out_pending("INVITE"), 183, MW_HEAD MW_AUDIO("49170", "sendrecv"), "sendrecv");
    OP("S1 sr R(");
    op_ok(op_pending());
    OP("S1 sr");
    op_ok(op_pending());
    respond(out_pending("INVITE"), 200, NULL);
    assert_null(op_pending());
    assert_int_equal(in->status, 200);
    ack(in);
    hang_up(SIP_MW);
}

/* RFC 5009: early media that may not flow in either direction. */
static void test_early_shut(void **state)
{
    struct sip_in *in;

    (void)state;
    world_open(1);
    in = originate(AUDIO_ONLY("sendrecv"));
    op_ok(op_pending());
    respond_with(out_pending("INVITE"), 183, MW_HEAD MW_AUDIO("49170", "sendrecv"), "inactive");
    OP("MOD ip/1/core/7\n S1 - R("); /* as it was reserved: Inactive */
    op_ok(op_pending());
    OP("ADD ip/$/access/$", "S1 in realm");
    op_ok(op_pending());
    respond(out_pending("INVITE"), 200, NULL);
    OP("MOD ip/1/core/7\n S1 sr");
    op_ok(op_pending());
    OP("MOD ip/1/access/8\n S1 sr");
    op_ok(op_pending());
    assert_int_equal(in->status, 200);
    ack(in);
    hang_up(SIP_W2);
}

/* F16: another callee of the core's fork answers. T2 turns to it, the WIC hears nothing of it. */
static void test_early_fork(void **state)
{
    struct sip_in *in;

    (void)state;
    world_open(1);
    in = originate(AUDIO_ONLY("sendrecv"));
    op_ok(op_pending());
    respond_with(out_pending("INVITE"), 183, MW_HEAD MW_AUDIO("49170", "sendrecv"), "sendonly");
    op_ok(op_pending());
    op_ok(op_pending());
    respond(out_pending("INVITE"), 183, MW_HEAD MW_AUDIO("50000", "sendrecv"));
    OP("MOD ip/1/core/7\n S1 - R(v=0| c=IN IP4 10.20.0.99| m=audio 50000");
    respond(out_pending("INVITE"), 200, "v=0\r\no=ue 5 5 IN IP4 10.20.0.98\r\ns=-\r\nc=IN IP4 10.20.0.98\r\nt=0 0\r\n" MW_AUDIO("51000", "sendrecv"));
    assert_int_equal(in->status, 0); /* the gateway first */
    op_ok(op_pending());
    OP("MOD ip/1/core/7\n S1 sr R(v=0| c=IN IP4 10.20.0.98| m=audio 51000");
    op_ok(op_pending());
    OP("MOD ip/1/access/8\n S1 sr", "! R(");
    op_ok(op_pending());
    assert_int_equal(in->status, 200);
    assert_string_equal(in->body, in->early);
    ack(in);
    hang_up(SIP_W2);
    /* one that wants another codec cannot be had without transcoding */
    world_open(1);
    in = originate(AUDIO_ONLY("sendrecv"));
    op_ok(op_pending());
    respond(out_pending("INVITE"), 183, MW_HEAD MW_AUDIO("49170", "sendrecv"));
    op_ok(op_pending());
    op_ok(op_pending());
    respond(out_pending("INVITE"), 183, MW_HEAD "m=audio 50000 RTP/AVP 8\r\n"); /* of no use, not the end */
    assert_null(op_pending());
    respond(out_pending("INVITE"), 200, MW_HEAD "m=audio 50000 RTP/AVP 8\r\n");
    assert_int_equal(in->status, 488);
    world_drain(false, NULL);
    world_close();
}

static void say(const char *tag, int status, const char *body)
{
    struct sip_out *o = out_pending("INVITE");
    struct sip_msg m = {.method = "INVITE", .status = status, .body = body, .side = SIP_MW, .peer_tag = tag};

    o->done = status >= 200;
    o->dlg->up = status == 200;
    o->cb(o->arg, o, status, &m);
}

/* Each fork's description is its own: whose 200 is empty means what it said before, not what another one said since. */
static void test_early_fork_first(void **state)
{
    struct sip_in *in;

    (void)state;
    world_open(1);
    in = originate(AUDIO_ONLY("sendrecv"));
    op_ok(op_pending());
    say("a", 183, MW_HEAD MW_AUDIO("49170", "sendrecv"));
    op_ok(op_pending());
    op_ok(op_pending());
    say("b", 183, MW_HEAD MW_AUDIO("50000", "sendrecv"));
    OP("MOD ip/1/core/7\n S1 - R(v=0| c=IN IP4 10.20.0.99| m=audio 50000");
    op_ok(op_pending());
    say("a", 200, NULL);
    OP("MOD ip/1/core/7\n S1 sr R(v=0| c=IN IP4 10.20.0.99| m=audio 49170");
    op_ok(op_pending());
    OP("MOD ip/1/access/8\n S1 sr", "! R(");
    op_ok(op_pending());
    assert_int_equal(in->status, 200);
    assert_string_equal(in->body, in->early);
    ack(in);
    hang_up(SIP_W2);
}

#define NO_VIDEO MW_HEAD MW_AUDIO("49170", "sendrecv") "m=video 0 RTP/AVPF 102\r\n"

/* A phone without video, which says so in its 18x and again in its 200: the line's stream leaves T2 once. A fork with video that
 * answers instead hears that there is none, as the WIC did. */
static void test_early_refused(void **state)
{
    static const char *const last[] = {NULL, NO_VIDEO, A3};
    struct sip_in *in;

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(last); i++) {
        world_open(1);
        in = originate(A1);
        op_ok(op_pending());
        say("a", 183, NO_VIDEO);
        OP("MOD ip/1/core/7\n S1 ro R(", "S2 - L{} R{}");
        op_ok(op_pending());
        OP("ADD ip/$/access/$", "S1 ", "!S2");
        op_ok(op_pending());
        TEXT(in->early, "m=audio 4000", "m=video 0 ");
        say("a", 183, NO_VIDEO);
        assert_null(op_pending());
        say(i == 2 ? "b" : "a", 200, last[i]);
        OP("MOD ip/1/core/7\n S1 sr", "!S2");
        op_ok(op_pending());
        OP("MOD ip/1/access/8\n S1 sr", "!S2");
        op_ok(op_pending());
        assert_int_equal(in->status, 200);
        assert_string_equal(in->body, in->early);
        ack(in);
        if (i == 2) {
            TEXT(out_pending("INVITE")->body, "m=audio 30000 ", "m=video 0 ");
            respond(out_pending("INVITE"), 200, NO_VIDEO);
        }
        assert_null(out_pending("INVITE"));
        hang_up(SIP_W2);
    }
}

/* The same of a channel; and one that was taken stays, whatever role its answers have. */
static void test_early_channel(void **state)
{
    static const struct {
        const char *core, *web;
    } rows[] = {{MW_HEAD MW_AUDIO("49170", "sendrecv") MW_MSRP("49200", "active"), "!m=application 0 "},
                {MW_HEAD MW_AUDIO("49170", "sendrecv") MW_MSRP("49200", "passive"), "!m=application 0 "},
                {MW_HEAD MW_AUDIO("49170", "sendrecv") "m=message 0 TCP/MSRP *\r\n", "m=application 0 "}};
    struct sip_in *in;

    (void)state;
    for (unsigned i = 0; i < 2 * ARRAY_LEN(rows); i++) {
        const unsigned k = i / 2;

        world_open(1);
        W.calls->conf.policy.browser = i % 2;
        in = originate(W2_HEAD "a=group:BUNDLE 0 2\r\n" W2_AUDIO("54400", "0 126", "actpass", "sendrecv") W2_DC("2", "actpass"));
        op_ok(op_pending());
        say("a", 183, rows[k].core);
        all_ok();
        TEXT(in->early, "m=audio 4000", rows[k].web);
        say("a", 200, rows[k].core);
        OP("MOD ip/1/core/7", "S1 sr", k == 2 ? "!S3" : "S3 sr R(", "!L{}");
        op_ok(op_pending());
        OP("MOD ip/1/access/8", "S1 sr", "!L{}");
        op_ok(op_pending());
        assert_int_equal(in->status, 200);
        assert_string_equal(in->body, in->early);
        ack(in);
        assert_null(out_pending("INVITE"));
        hang_up(SIP_W2);
    }
}

/* Another one speaks while the gateway is busy with the first: T2 turns to it when that is done. */
static void test_early_fork_meanwhile(void **state)
{
    struct sip_in *in;

    (void)state;
    world_open(1);
    in = originate(AUDIO_ONLY("sendrecv"));
    op_ok(op_pending());
    say("a", 183, MW_HEAD MW_AUDIO("49170", "sendrecv"));
    OP("m=audio 49170");
    say("b", 183, MW_HEAD MW_AUDIO("50000", "sendrecv"));
    op_ok(op_pending());
    OP("ADD ip/$/access/$");
    op_ok(op_pending());
    assert_int_equal(in->provisional, 183);
    OP("MOD ip/1/core/7\n S1 - R(", "m=audio 50000");
    op_ok(op_pending());
    assert_null(op_pending());
    in->cancelled(in->cancelled_arg, NULL);
    assert_int_equal(in->status, 487);
    ended();
}

/* An answer that stood in a reliable 183 and nowhere else, where no 18x is passed on as early media. */
static void test_answer_said_before(void **state)
{
    struct sip_in *in;

    (void)state;
    world_open(1);
    W.calls->conf.early_media_183 = false;
    in = originate(AUDIO_ONLY("sendrecv"));
    op_ok(op_pending());
    say("a", 183, MW_HEAD MW_AUDIO("49170", "sendrecv"));
    assert_null(op_pending());
    say("b", 200, NULL); /* it never said anything */
    assert_int_equal(in->status, 500);
    ended();
    world_open(1);
    W.calls->conf.early_media_183 = false;
    in = originate(AUDIO_ONLY("sendrecv"));
    op_ok(op_pending());
    say("a", 183, MW_HEAD MW_AUDIO("49170", "sendrecv"));
    say("a", 200, NULL);
    OP("MOD ip/1/core/7", "S1 sr R(", "m=audio 49170");
    all_ok();
    assert_int_equal(in->status, 200);
    ack(in);
    hang_up(SIP_MW);
}

static void test_early_useless(void **state)
{
    struct sip_in *in;

    (void)state;
    world_open(1);
    in = originate(AUDIO_ONLY("sendrecv"));
    op_ok(op_pending());
    for (unsigned i = 0; i < 40; i++)
        respond(out_pending("INVITE"), 183, i % 2 ? "v=1" : MW_HEAD "m=audio 0 RTP/AVP 0\r\n");
    assert_null(op_pending());
    assert_int_equal(in->provisional, 183);
    assert_string_equal(in->early, "");
    respond(out_pending("INVITE"), 200, MW_HEAD MW_AUDIO("49170", "sendrecv"));
    op_ok(op_pending());
    op_ok(op_pending());
    assert_int_equal(in->status, 200);
    ack(in);
    hang_up(SIP_W2);
}

/* F15: the core lets the WIC offer. */
static void test_offerless(void **state)
{
    struct sip_in *in;
    struct sip_dlg *wic;

    (void)state;
    world_open(1);
    in = terminate(NULL);
    assert_null(op_pending());
    assert_string_equal(out_pending("INVITE")->body, "");
    respond(out_pending("INVITE"), 180, NULL);
    assert_int_equal(in->provisional, 180);
    wic = out_pending("INVITE")->dlg;
    respond(out_pending("INVITE"), 200, A1);
    assert_int_equal(wic->acks, 0);
    OP("ADD ip/$/core/$", "S1 in", "S2 in");
    op_ok(op_pending());
    assert_int_equal(in->status, 200);
    TEXT(in->body, "m=audio 30000 RTP/AVP 111 0 8 110 126\r\n", "m=video 30002 RTP/AVPF 96 102\r\n", "!fingerprint");
    ack_with(in, true, A3);
    OP("MOD ip/1/core/7", "S1 sr R(", "S2 sr R(");
    op_ok(op_pending());
    OP("ADD ip/$/access/$", "S1 sr", "S2 sr", "EstBNC astuns");
    assert_int_equal(wic->acks, 0);
    op_ok(op_pending());
    assert_int_equal(wic->acks, 1);
    TEXT(wic->ack_body, "m=audio 40004 UDP/TLS/RTP/SAVPF 0 126\r\n", "m=video 40006 ", "a=setup:active\r\n");
    assert_int_equal(W.calls->list->fsm.state, CALL_ACTIVE);
    hang_up(SIP_W2);
}

/* It wants 18x to be reliable, but a reliable one would have to bring the offer, which is not known yet. */
static void test_offerless_reliable(void **state)
{
    struct sip_in *in;

    (void)state;
    for (int required = 0; required < 2; required++) {
        world_open(1);
        in = request((struct sip_msg){.method = "INVITE", .uri = "sip:alice@home.net", .side = SIP_MW,
                                      .header = {{required ? "Require" : "Supported", "100rel"}}});
        respond(out_pending("INVITE"), 180, NULL);
        assert_int_equal(in->provisional, required ? 100 : 180);
        respond(out_pending("INVITE"), 200, A1);
        op_ok(op_pending());
        assert_int_equal(in->status, 200);
        ack_with(in, true, A3);
        all_ok();
        assert_int_equal(W.calls->list->fsm.state, CALL_ACTIVE);
        hang_up(SIP_W2);
    }
}

static void test_offerless_faults(void **state)
{
    struct sip_in *in;
    struct sip_out *o;

    (void)state;
    world_open(1); /* no offer comes */
    in = terminate(NULL);
    respond(o = out_pending("INVITE"), 200, NULL);
    assert_int_equal(in->status, 488);
    assert_int_equal(o->dlg->acks, 1);
    assert_int_equal(o->dlg->byes, 1);
    world_drain(false, NULL);
    world_close();
    world_open(1); /* no gateway resources */
    in = terminate(NULL);
    respond(out_pending("INVITE"), 200, A1);
    op_fail(op_pending(), 510);
    assert_int_equal(in->status, 503);
    world_drain(false, NULL);
    world_close();
    world_open(1); /* no ACK, and one without an answer */
    in = terminate(NULL);
    respond(out_pending("INVITE"), 200, A1);
    op_ok(op_pending());
    ack_or_not(in, false);
    world_drain(false, NULL);
    world_close();
    world_open(1);
    in = terminate(NULL);
    respond(out_pending("INVITE"), 200, A1);
    op_ok(op_pending());
    ack(in);
    world_drain(false, NULL);
    world_close();
}

/* The WIC lets the core offer: audio, video and a channel in one call. The core is promised no reliable 18x. */
static void test_offerless_wic(void **state)
{
    struct sip_in *in;
    struct sip_out *o;

    (void)state;
    world_open(1);
    in = originate(NULL);
    assert_null(op_pending());
    o = out_pending("INVITE");
    assert_string_equal(o->body, "");
    TEXT(o->headers, "Supported: timer, 199\n", "!100rel");
    respond(o, 183, A3); /* not reliable: no offer */
    assert_int_equal(in->provisional, 183);
    assert_string_equal(in->early, "");
    assert_int_equal(inside(o->dlg, "UPDATE", A3)->status, 491);
    respond(o, 200, A3 MW_MSRP("49200", "passive"));
    assert_int_equal(o->dlg->acks, 0);
    OP("ADD ip/$/access/$", "S1 ", "S2 ", "strdeagg=", "! R(");
    op_ok(op_pending());
    assert_int_equal(in->status, 200);
    TEXT(in->body, "m=audio 40000 UDP/TLS/RTP/SAVPF 0 126\r\n", "m=video 40002 UDP/TLS/RTP/SAVPF 102\r\n",
         "m=application 40020 UDP/DTLS/SCTP webrtc-datachannel\r\n", "a=setup:actpass\r\n", "a=ice-lite\r\n",
         "a=dcsa:0 setup:passive\r\n");
    ack_with(in, true, W2_HEAD W2_AUDIO("54400", "0 126", "active", "sendrecv") W2_VIDEO("102", "active")
             "m=application 54404 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 203.0.113.7\r\n" W2_ICE W2_SEC("active")
             "a=mid:2\r\na=sctp-port:5000\r\na=max-message-size:262144\r\n" WIC_CHAN("0", "active"));
    assert_int_equal(o->dlg->acks, 0);
    OP("MOD ip/1/access/8", "S1 sr R(", "S2 sr R(", "astuns");
    op_ok(op_pending());
    OP("ADD ip/$/core/$", "S1 sr", "S2 sr", "m=audio 49170", "m=message 49200");
    op_ok(op_pending());
    assert_int_equal(o->dlg->acks, 1);
    TEXT(o->dlg->ack_body, "m=audio 30004 RTP/AVP 0 126\r\n", "m=video 30006 RTP/AVPF 102\r\n", "m=message 31000 TCP/MSRP *\r\n",
         "a=setup:active\r\n", "!fingerprint", "!ice-");
    assert_int_equal(W.calls->list->fsm.state, CALL_ACTIVE);
    assert_int_equal(W.calls->list->lay->n, 1);
    hang_up(SIP_W2);
}

/* The core's offer has its answer whatever happens to the call: one that takes no line (RFC 3261 13.2.2.4). */
static void test_offerless_wic_faults(void **state)
{
    static const char *const answers[] = {NULL, "v=1", W2_HEAD "m=audio 0 UDP/TLS/RTP/SAVPF 0\r\nm=video 0 UDP/TLS/RTP/SAVPF 102\r\n",
                                          W2_ANSWER("0 126", "sendrecv")};
    struct sip_in *in;
    struct sip_out *o;

    (void)state;
    for (unsigned i = 0; i <= ARRAY_LEN(answers); i++) { /* the last: no ACK */
        world_open(1);
        in = originate(NULL);
        respond(o = out_pending("INVITE"), 200, A3);
        op_ok(op_pending());
        assert_int_equal(in->status, 200);
        ack_with(in, i < ARRAY_LEN(answers), i < ARRAY_LEN(answers) ? answers[i] : NULL);
        if (i == 3) { /* one line is refused: that is an answer */
            all_ok();
            TEXT(o->dlg->ack_body, "m=audio 30004 RTP/AVP 0 126\r\n", "m=video 0 RTP/AVPF 102\r\n");
            hang_up(SIP_MW);
            continue;
        }
        assert_int_equal(o->dlg->acks, 1);
        assert_int_equal(o->dlg->byes, 1);
        TEXT(o->dlg->ack_body, "m=audio 0 RTP/AVP 0 126\r\n", "m=video 0 RTP/AVPF 102\r\n");
        world_drain(false, NULL);
        world_close();
    }
    world_open(1); /* taken back after the core answered */
    in = originate(NULL);
    respond(o = out_pending("INVITE"), 200, A3);
    in->cancelled(in->cancelled_arg, NULL);
    assert_int_equal(in->status, 487);
    TEXT(o->dlg->ack_body, "m=audio 0 RTP/AVP");
    assert_int_equal(o->dlg->byes, 1);
    world_drain(false, NULL);
    world_close();
}

static void test_offerless_wic_without_answer(void **state)
{
    struct sip_in *in;
    struct sip_out *o;

    (void)state;
    world_open(1); /* nothing in the core's offer can be served */
    in = originate(NULL);
    respond(o = out_pending("INVITE"), 200, MW_HEAD "m=image 49170 udptl t38\r\n");
    assert_int_equal(in->status, 488);
    TEXT(o->dlg->ack_body, "m=image 0 udptl t38\r\n");
    world_drain(false, NULL);
    world_close();
    world_open(1); /* no offer */
    in = originate(NULL);
    respond(o = out_pending("INVITE"), 200, NULL);
    assert_int_equal(in->status, 488);
    world_drain(false, NULL);
    world_close();
    world_open(1); /* the core refuses; it insists on what it was not promised */
    in = originate(NULL);
    respond(out_pending("INVITE"), 421, NULL);
    assert_int_equal(in->status, 500);
    world_close();
    world_open(1); /* no gateway resources */
    in = originate(NULL);
    respond(o = out_pending("INVITE"), 200, A3);
    op_fail(op_pending(), 510);
    assert_int_equal(in->status, 503);
    assert_int_equal(o->dlg->byes, 1);
    world_drain(false, NULL);
    world_close();
}

/* The core asks for an offer and resumes, or moves, with the answer in its ACK. */
static void test_offerless_inside(void **state)
{
    struct sip_in *in;

    (void)state;
    world_open(1);
    establish(AUDIO_ONLY("sendrecv"), MW_HEAD MW_AUDIO("49170", "sendrecv"));
    in = inside(dlg_of(SIP_MW), "INVITE", MW_HEAD MW_AUDIO("49170", "sendonly"));
    respond(out_pending("INVITE"), 200, W2_ANSWER("0 126", "recvonly"));
    all_ok();
    TEXT(in->body, "a=recvonly\r\n");
    ack(in);
    in = inside(dlg_of(SIP_MW), "INVITE", NULL);
    assert_int_equal(in->status, 200);
    TEXT(in->body, "m=audio 30000 RTP/AVP 0 126\r\n", "a=sendrecv\r\n", "!recvonly");
    ack_with(in, true, MW_HEAD MW_AUDIO("49500", "sendrecv"));
    TEXT(out_pending("INVITE")->body, "a=sendrecv\r\n", "a=setup:actpass\r\n");
    respond(out_pending("INVITE"), 200, W2_ANSWER("0 126", "sendrecv"));
    OP("MOD ip/1/access/8\n S1 sr");
    op_ok(op_pending());
    OP("MOD ip/1/core/7\n S1 sr R(v=0| c=IN IP4 10.20.0.99| m=audio 49500");
    op_ok(op_pending());
    assert_int_equal(W.calls->list->fsm.state, CALL_ACTIVE);
    in = inside(dlg_of(SIP_MW), "INVITE", NULL);
    ack(in); /* an ACK that says nothing changes nothing */
    assert_null(op_pending());
    hang_up(SIP_W2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_early),
        cmocka_unit_test(test_early_both_ways),
        cmocka_unit_test(test_early_shut),
        cmocka_unit_test(test_early_fork),
        cmocka_unit_test(test_early_fork_first),
        cmocka_unit_test(test_early_refused),
        cmocka_unit_test(test_early_channel),
        cmocka_unit_test(test_early_fork_meanwhile),
        cmocka_unit_test(test_answer_said_before),
        cmocka_unit_test(test_early_useless),
        cmocka_unit_test(test_offerless),
        cmocka_unit_test(test_offerless_reliable),
        cmocka_unit_test(test_offerless_faults),
        cmocka_unit_test(test_offerless_wic),
        cmocka_unit_test(test_offerless_wic_faults),
        cmocka_unit_test(test_offerless_wic_without_answer),
        cmocka_unit_test(test_offerless_inside),
    };

    log_init(LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
