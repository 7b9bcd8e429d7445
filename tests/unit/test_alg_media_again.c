/* Audio, video and channels described again: new DTLS associations (RFC 8842 5.5), other transports, answers that are no offers
 * (RFC 3264 8), a channel line that goes and comes back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/log.h"
#include "tests/fake/call_steps.h"

#define OTHER_FP "5A:EC:4F:EC:4F:EC:4F:EC:4F:EC:4F:EC:4F:EC:4F:EC:4F:EC:4F:EC:4F:EC:4F:EC:4F:EC:4F:EC:4F:EC:4F:EC"
#define CORE_AUDIO MW_HEAD MW_AUDIO("49170", "sendrecv")
#define NEW_ICE "a=ice-ufrag:NEWW\r\na=ice-pwd:newnewnewnewnewnewnewnew\r\n"
#define SEC(fp, id, setup) "a=fingerprint:sha-256 " fp "\r\na=tls-id:" id "\r\na=setup:" setup "\r\n"
#define AUDIO(trans) \
    W2_HEAD "m=audio 9 UDP/TLS/RTP/SAVPF 111 0 8 126\r\nc=IN IP4 0.0.0.0\r\n" trans "a=mid:0\r\na=rtcp-mux\r\n" \
    "a=rtpmap:111 opus/48000/2\r\na=rtpmap:126 telephone-event/8000\r\n"
#define ID1 "abcdefghij1234567890"
#define ID2 "abcdefghij1234567891"

static struct sip_in *again(enum sip_side side, const char *body)
{
    struct sip_in *in = inside(dlg_of(side), "INVITE", body);

    all_ok();
    return in;
}

static void set_server(void)
{
    W.calls->conf.dtls_active = false;
}

/* A page that began anew: all of its transport is another. Client again, with other credentials and another tls-id of ours. */
static void test_new_certificate(void **state)
{
    struct sip_in *in;

    (void)state;
    world_open(1);
    in = establish(AUDIO(W2_ICE SEC(MEDIA_FP, ID1, "actpass")), CORE_AUDIO);
    TEXT(in->body, "a=tls-id:", "!-again");
    in = inside(dlg_of(SIP_W2), "INVITE", AUDIO(NEW_ICE SEC(OTHER_FP, ID2, "actpass")));
    assert_null(out_pending("INVITE"));
    OP("MOD ip/1/access/8\n S1 - L(v=0| ", "a=ice-ufrag:$|", "R(v=0| ", "a=ice-ufrag:NEWW|", "a=fingerprint:sha-256 5A:EC", "EstBNC astuns");
    op_ok(op_pending());
    assert_null(op_pending()); /* the core hears nothing of it */
    assert_int_equal(in->status, 200);
    TEXT(in->body, "a=setup:active\r\n", "-again1\r\n", "a=ice-ufrag:uf40004\r\n");
    ack(in);
    /* the same once more is the same association; so are other ICE credentials */
    in = inside(dlg_of(SIP_W2), "INVITE", AUDIO(NEW_ICE SEC(OTHER_FP, ID2, "actpass")));
    assert_null(op_pending());
    TEXT(in->body, "-again1\r\n");
    ack(in);
    in = inside(dlg_of(SIP_W2), "INVITE", AUDIO(W2_ICE SEC(OTHER_FP, ID2, "actpass")));
    OP("!EstBNC", "a=ice-ufrag:Tw7h|");
    all_ok();
    TEXT(in->body, "-again1\r\n");
    ack(in);
    hang_up(SIP_W2);
}

/* As the server the gateway waits for the one with the other certificate; a role may change with it. */
static void test_new_certificate_server(void **state)
{
    struct sip_in *in;

    (void)state;
    world_open(1);
    set_server();
    establish(AUDIO(W2_ICE SEC(MEDIA_FP, ID1, "actpass")), CORE_AUDIO);
    in = inside(dlg_of(SIP_W2), "INVITE", AUDIO(W2_ICE SEC(OTHER_FP, ID2, "actpass")));
    OP("R(v=0| ", "a=fingerprint:sha-256 5A:EC", "!EstBNC", "! L(");
    op_ok(op_pending());
    TEXT(in->body, "a=setup:passive\r\n", "-again1\r\n");
    ack(in);
    in = inside(dlg_of(SIP_W2), "INVITE", AUDIO(W2_ICE SEC(MEDIA_FP, ID1, "passive")));
    OP("R(v=0| ", "a=fingerprint:sha-256 4F:EC", "EstBNC");
    op_ok(op_pending());
    TEXT(in->body, "a=setup:active\r\n", "-again2\r\n");
    ack(in);
    hang_up(SIP_W2);
}

/* Browsers say no tls-id: another certificate is enough, other letters of the same one are not (RFC 8842 5.5, RFC 8122 5). */
static void test_new_certificate_alone(void **state)
{
    struct sip_in *in;

    (void)state;
    world_open(1);
    establish(AUDIO(W2_ICE W2_SEC("actpass")), CORE_AUDIO);
    in = inside(dlg_of(SIP_W2), "INVITE", AUDIO(W2_ICE "a=fingerprint:SHA-256 4f:ec:4f:ec:4f:ec:4f:ec:4f:ec:4f:ec:4f:ec:4f:ec:"
                                                "4f:ec:4f:ec:4f:ec:4f:ec:4f:ec:4f:ec:4f:ec:4f:ec\r\na=setup:actpass\r\n"));
    while (op_pending()) { /* told, but not begun anew */
        OP("!EstBNC", "!RelBNC");
        op_ok(op_pending());
    }
    assert_int_equal(in->status, 200);
    ack(in);
    in = inside(dlg_of(SIP_W2), "INVITE", AUDIO(W2_ICE "a=fingerprint:sha-256 " OTHER_FP "\r\na=setup:actpass\r\n"));
    OP("MOD ip/1/access/8\n S1 - R(", "a=fingerprint:sha-256 5A:EC", "EstBNC");
    op_ok(op_pending());
    assert_int_equal(in->status, 200);
    TEXT(in->body, "a=setup:active\r\n", "!tls-id");
    ack(in);
    hang_up(SIP_W2);
}

/* Another tls-id with the same certificate: the gateway is told by its role, by EstBNC again, or by RelBNC. */
static void test_new_tls_id(void **state)
{
    struct sip_in *in;

    (void)state;
    world_open(1);
    set_server();
    establish(AUDIO(W2_ICE SEC(MEDIA_FP, ID1, "actpass")), CORE_AUDIO);
    in = inside(dlg_of(SIP_W2), "INVITE", AUDIO(W2_ICE SEC(MEDIA_FP, ID2, "actpass")));
    OP("MOD ip/1/access/8\n S1 - R(", "RelBNC astuns", "!EstBNC");
    op_ok(op_pending());
    TEXT(in->body, "a=setup:passive\r\n", "-again1\r\n");
    ack(in);
    in = inside(dlg_of(SIP_W2), "INVITE", AUDIO(W2_ICE SEC(MEDIA_FP, ID1, "passive")));
    OP("S1 - R(", "EstBNC");
    op_ok(op_pending());
    TEXT(in->body, "a=setup:active\r\n", "-again2\r\n");
    ack(in);
    in = inside(dlg_of(SIP_W2), "INVITE", AUDIO(W2_ICE SEC(MEDIA_FP, ID2, "actpass")));
    OP("S1 - R(", "EstBNC");
    op_ok(op_pending());
    TEXT(in->body, "a=setup:active\r\n", "-again3\r\n");
    ack(in);
    in = inside(dlg_of(SIP_W2), "INVITE", AUDIO(W2_ICE SEC(MEDIA_FP, ID2, "active"))); /* the role alone */
    OP("S1 - R(", "RelBNC");
    op_ok(op_pending());
    TEXT(in->body, "a=setup:passive\r\n", "-again4\r\n");
    ack(in);
    in = inside(dlg_of(SIP_W2), "INVITE", AUDIO(W2_ICE SEC(MEDIA_FP, ID2, "actpass"))); /* and no more */
    assert_null(op_pending());
    ack(in);
    in = inside(dlg_of(SIP_W2), "INVITE", AUDIO(W2_ICE SEC(MEDIA_FP, ID2, "holdconn")));
    assert_int_equal(in->status, 488);
    hang_up(SIP_W2);
}

/* Browsers say no tls-id: a new peer connection with the old certificate shows by o= and ICE, either alone by nothing. */
static void test_new_peer_connection(void **state)
{
#define PLAIN(ice) AUDIO(ice "a=fingerprint:sha-256 " MEDIA_FP "\r\na=setup:actpass\r\n")
    char other[4096], restart[4096];
    struct sip_in *in;

    (void)state;
    snprintf(other, sizeof other, "%s", PLAIN(NEW_ICE));
    assert_non_null(strstr(other, "o=- "));
    strstr(other, "o=- ")[4] = '9';
    snprintf(restart, sizeof restart, "%s", PLAIN(NEW_ICE));
    world_open(1);
    establish(PLAIN(W2_ICE), CORE_AUDIO);
    in = inside(dlg_of(SIP_W2), "INVITE", other);
    OP("R(", "a=ice-ufrag:$|", "EstBNC astuns");
    op_ok(op_pending());
    TEXT(in->body, "!tls-id", "a=setup:active\r\n");
    ack(in);
    in = inside(dlg_of(SIP_W2), "INVITE", other);
    assert_null(op_pending());
    ack(in);
    in = inside(dlg_of(SIP_W2), "INVITE", restart); /* o= alone */
    assert_null(op_pending());
    ack(in);
    in = inside(dlg_of(SIP_W2), "INVITE", PLAIN(W2_ICE)); /* ICE alone */
    OP("!EstBNC", "a=ice-ufrag:$|");
    op_ok(op_pending());
    ack(in);
    hang_up(SIP_W2);
}

/* Data channels, and a browser that says so in its answer. */
static void test_new_certificate_of_channels(void **state)
{
    static const char other[] = "v=0\r\no=- 1 3 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
                                "m=application 54111 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 203.0.113.7\r\n" NEW_ICE
                                SEC(OTHER_FP, ID2, "passive") "a=mid:0\r\na=sctp-port:5000\r\n" WIC_CHAN("0", "actpass")
                                WIC_CHAN("2", "passive");
    struct sip_in *in;

    (void)state;
    world_open(1);
    establish(wic_offer, core_answer);
    in = inside(dlg_of(SIP_MW), "INVITE", CORE_HEAD CORE_LINE("49200", "active") CORE_LINE("49202", "active"));
    all_ok();
    respond(out_pending("INVITE"), 200, other);
    OP("MOD ip/1/access/8", "S1 sr", "L(v=0| ", "a=ice-ufrag:$|", "a=fingerprint:sha-256 5A:EC", "EstBNC astuns");
    /* the browser closed the old one on its way here */
    W.ctxs->h.notify(W.ctxs->h.arg, SV("ip/1/access/8"), &(struct iq_observed){.event = IQ_EV_DTLS_RELEASED, .stream = 1});
    all_ok();
    assert_int_equal(in->status, 200);
    ack(in);
    W.ctxs->h.notify(W.ctxs->h.arg, SV("ip/1/access/8"), &(struct iq_observed){.event = IQ_EV_SCTP_FAILED, .stream = 1});
    assert_int_equal(W.calls->list->fsm.state, CALL_ACTIVE); /* it ended with the DTLS below it */
    W.calls->list->renewed -= CALL_RENEW_MS;
    W.ctxs->h.notify(W.ctxs->h.arg, SV("ip/1/access/8"), &(struct iq_observed){.event = IQ_EV_SCTP_FAILED, .stream = 1});
    world_drain(false, NULL);
    world_close();
}

static void test_bundle_again(void **state)
{
    struct sip_in *in;

    (void)state;
    world_open(1); /* it was offered bundle-only lines; an answer has none (RFC 9143 7.3) */
    W.calls->conf.policy.browser = true;
    terminate(A3);
    op_ok(op_pending());
    TEXT(out_pending("INVITE")->body, "a=bundle-only\r\n");
    respond(out_pending("INVITE"), 200, W2_HEAD "a=group:BUNDLE 0 1\r\n" W2_AUDIO("54500", "0 126", "active", "sendrecv") W2_VIDEO("102", "active"));
    all_ok();
    ack(W.ins);
    in = again(SIP_W2, W2_HEAD "a=group:BUNDLE 0 1\r\n" W2_AUDIO("54500", "0 126", "actpass", "sendrecv") W2_VIDEO("102", "actpass"));
    assert_int_equal(in->status, 200);
    TEXT(in->body, "m=audio 40000 ", "m=video 40000 ", "!bundle-only", "a=setup:passive\r\n", "!tls-id");
    ack(in);
    hang_up(SIP_W2);
    world_open(1); /* ICE starts anew: one transport is asked, and told */
    W.calls->conf.policy.browser = true;
    in = originate(W2_MAX_BUNDLE);
    op_ok(op_pending());
    respond(out_pending("INVITE"), 200, A3 MW_MSRP("49200", "active"));
    all_ok();
    ack(in);
    in = inside(dlg_of(SIP_W2), "INVITE",
                W2_HEAD "a=group:BUNDLE 0 1 2\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0 126\r\nc=IN IP4 0.0.0.0\r\n" NEW_ICE
                W2_SEC("actpass") "a=mid:0\r\na=rtcp-mux\r\na=rtpmap:126 telephone-event/8000\r\na=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n"
                W2_VIDEO("96 97 102", "actpass") W2_DC("2", "actpass"));
    OP("MOD ip/1/access/8\n S1 - L(", "a=ice-ufrag:$|", "!\n S3", "!EstBNC");
    assert_null(strstr(strstr(op_pending()->text, "ice-ufrag:$") + 1, "ice-ufrag:$"));
    all_ok();
    assert_int_equal(in->status, 200);
    ack(in);
    hang_up(SIP_W2);
}

/* How a line is secured stays; its profile is the offer's. */
static void test_other_profile(void **state)
{
    static const char key[] = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\r\n";
    char body[1024];
    struct sip_in *in;

    (void)state;
    world_open(1);
    establish(AUDIO_ONLY("sendrecv"), CORE_AUDIO);
    snprintf(body, sizeof body, MW_HEAD "m=audio 49170 RTP/SAVP 0 126\r\na=rtpmap:126 telephone-event/8000\r\n%s", key);
    in = again(SIP_MW, body);
    assert_int_equal(in->status, 488);
    TEXT(in->headers, "security");
    ack(in);
    snprintf(body, sizeof body, W2_HEAD "m=audio 5000 RTP/SAVP 0 126\r\nc=IN IP4 203.0.113.7\r\na=rtpmap:126 telephone-event/8000\r\n%s", key);
    in = again(SIP_W2, body);
    assert_int_equal(in->status, 488);
    ack(in);
    in = again(SIP_MW, MW_HEAD "m=audio 49170 RTP/AVPF 0 126\r\na=rtpmap:126 telephone-event/8000\r\n");
    assert_int_equal(in->status, 200);
    TEXT(in->body, "m=audio 30000 RTP/AVPF 0 126\r\n");
    ack(in);
    hang_up(SIP_W2);
    world_open(1); /* nor does an answer name another than was offered */
    in = terminate(CORE_AUDIO);
    op_ok(op_pending());
    respond(out_pending("INVITE"), 200, body);
    assert_int_equal(in->status, 488);
    assert_null(op_pending());
    world_drain(false, NULL);
    world_close();
}

/* The line of the channels goes, and is another transport when it comes back (RFC 8841 10, RFC 8842 5.5). */
static void test_channels_return(void **state)
{
    static const char gone[] = AUDIO_ONLY("sendrecv") "m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:2\r\n";
    struct sip_in *in;

    (void)state;
    world_open(1);
    establish(AUDIO_ONLY("sendrecv") W2_DC("2", "actpass"), CORE_AUDIO MW_MSRP("49200", "active"));
    in = inside(dlg_of(SIP_W2), "INVITE", gone);
    TEXT(out_pending("INVITE")->body, "m=audio 30000 ", "m=message 0 ");
    respond(out_pending("INVITE"), 200, CORE_AUDIO "m=message 0 TCP/MSRP *\r\n");
    OP("MOD ip/1/access/8\n S2 - L{} R{}", "!reset"); /* its channel goes with it */
    W.ctxs->h.notify(W.ctxs->h.arg, SV("ip/1/access/8"), &(struct iq_observed){.event = IQ_EV_DTLS_RELEASED, .stream = 2});
    op_ok(op_pending());
    OP("MOD ip/1/core/7\n S3 - L{} R{}");
    op_ok(op_pending());
    assert_int_equal(in->status, 200);
    TEXT(in->body, "m=application 0 ", "a=mid:2\r\n");
    ack(in);
    W.ctxs->h.notify(W.ctxs->h.arg, SV("ip/1/access/8"), &(struct iq_observed){.event = IQ_EV_DTLS_RELEASED, .stream = 2});
    in = again(SIP_W2, gone); /* nothing new */
    TEXT(in->body, "m=application 0 ");
    ack(in);
    in = inside(dlg_of(SIP_W2), "INVITE", AUDIO_ONLY("sendrecv") W2_DC("2", "actpass"));
    op_ok(op_pending());
    respond(out_pending("INVITE"), 200, CORE_AUDIO MW_MSRP("49202", "active"));
    OP("MOD ip/1/access/8 groupse=[SCTP 3]", "S2 sr strdeagg=3 L(v=0| c=IN IP4 $| m=application $", "EstBNC");
    all_ok();
    TEXT(in->body, "m=application 40020 ", "a=setup:active\r\n");
    ack(in);
    hang_up(SIP_W2);
}

/* Nothing else is there: the old stream is shut, and goes when there is a new one. */
static void test_channels_return_alone(void **state)
{
    static const char gone[] = "v=0\r\no=- 1 3 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
                               "m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\n";
    struct sip_in *in;

    (void)state;
    world_open(1);
    establish(wic_offer, core_answer);
    in = inside(dlg_of(SIP_W2), "INVITE", gone);
    respond(out_pending("INVITE"), 200, CORE_HEAD "m=message 0 TCP/MSRP *\r\n");
    OP("MOD ip/1/access/8\n S1 in", "!{}");
    op_ok(op_pending());
    OP("MOD ip/1/core/7\n S2 in", "!{}");
    op_ok(op_pending());
    assert_int_equal(in->status, 200);
    ack(in);
    in = again(SIP_W2, gone);
    assert_int_equal(in->status, 200);
    ack(in);
    in = inside(dlg_of(SIP_W2), "INVITE", wic_offer);
    OP("MOD ip/1/core/7", "S4 in L(v=0| c=IN IP4 $| m=message $");
    op_ok(op_pending());
    respond(out_pending("INVITE"), 200, core_answer);
    OP("MOD ip/1/access/8 groupse=[SCTP 4]", "S3 sr", "strdeagg=4 L(v=0| c=IN IP4 $| m=application $", "S1 - L{} R{}", "EstBNC");
    all_ok();
    assert_int_equal(in->status, 200);
    TEXT(in->body, "m=application 40020 ");
    ack(in);
    hang_up(SIP_W2);
}

/* Of several codecs one is taken, and the core is told which (RFC 3264 10.2); the WIC hears nothing of it. */
static void test_lock(void **state)
{
    static const char two[] = MW_HEAD "m=audio 49170 RTP/AVP 8 0 126\r\na=rtpmap:126 telephone-event/8000\r\n";
    static const char one[] = MW_HEAD "m=audio 49172 RTP/AVP 8 126\r\na=rtpmap:126 telephone-event/8000\r\n";
    static const int statuses[] = {200, 488, 491};

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(statuses); i++) {
        struct sip_in *in;
        struct sip_out *o;

        world_open(1);
        in = establish(AUDIO_ONLY("sendrecv"), two);
        TEXT(in->body, "RTP/SAVPF 8 126\r\n");
        o = out_pending("INVITE");
        assert_non_null(o);
        assert_int_equal(o->dlg->side, SIP_MW);
        TEXT(o->body, " 2 IN IP4", "m=audio 30000 RTP/AVP 8 126\r\n", "a=rtpmap:8 PCMA/8000\r\n", "a=sendrecv\r\n", "!opus", "!PCMU");
        assert_int_equal(inside(dlg_of(SIP_W2), "INVITE", AUDIO_ONLY("sendonly"))->status, 491);
        respond(o, statuses[i], statuses[i] == 200 ? one : NULL);
        if (statuses[i] == 200) {
            assert_int_equal(o->dlg->acks, 2);
            OP("MOD ip/1/core/7\n S1 - R(v=0| c=IN IP4 10.20.0.99| m=audio 49172");
            all_ok();
        }
        while (W.calls->list->won->leg.again.t) { /* 491: again, and again refused */
            alarm_ring(&W.calls->list->won->leg.again);
            respond(out_pending("INVITE"), 491, NULL);
        }
        assert_null(out_pending("INVITE"));
        assert_int_equal(W.calls->list->fsm.state, CALL_ACTIVE);
        hang_up(SIP_W2);
    }
    world_open(1); /* a line less than before is none that the WIC knows of */
    establish(AUDIO_ONLY("sendrecv") W2_VIDEO("96 97 102", "actpass"), MW_HEAD "m=audio 49170 RTP/AVP 8 0\r\n" MW_VIDEO("49180"));
    respond(out_pending("INVITE"), 200, MW_HEAD "m=audio 49170 RTP/AVP 8\r\nm=video 0 RTP/AVPF 102\r\n");
    world_drain(false, NULL);
    world_close();
}

/* What the core accepted and cannot be served is taken back, in its place. */
static void test_lock_useless_line(void **state)
{
    struct sip_in *in;

    (void)state;
    world_open(1);
    in = establish(AUDIO_ONLY("sendrecv") W2_VIDEO("96 97 102", "actpass") W2_DC("2", "actpass"),
                   CORE_AUDIO "m=video 49180 RTP/AVPF 99\r\na=rtpmap:99 H263/90000\r\n" MW_MSRP("49200", "active"));
    TEXT(in->body, "m=video 0 ", "m=application 40020 ");
    TEXT(out_pending("INVITE")->body, "m=audio 30000 RTP/AVP 0 126\r\n", "m=video 0 RTP/AVPF", "m=message 31000 TCP/MSRP *\r\n");
    respond(out_pending("INVITE"), 200, CORE_AUDIO "m=video 0 RTP/AVPF 99\r\n" MW_MSRP("49200", "active"));
    assert_null(op_pending());
    assert_int_equal(W.calls->list->fsm.state, CALL_ACTIVE);
    assert_int_equal(W.calls->list->lay->n, 1);
    hang_up(SIP_MW);
    world_open(1); /* while the WIC is gone, or the call ends */
    establish(AUDIO_ONLY("sendrecv"), MW_HEAD "m=audio 49170 RTP/AVP 8 0\r\n");
    calls_flow_closed(W.calls, WIC_FLOW);
    world_drain(false, NULL);
    world_close();
}

/* The last channel of a bundle was closed: its stream and its group stay at T1, and the group is said again with each other one
 * (H.248.1 7.1.1: the property is replaced whole), until a channel comes. */
static void test_group_without_channel(void **state)
{
    static const char closed[] = "a=mid:2\r\na=sctp-port:5000\r\n";
    const char *gone = "m=video 0 UDP/TLS/RTP/SAVPF 102\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\n";
    char text[8192];
    struct sip_in *in;

    (void)state;
    world_open(1);
    W.calls->conf.policy.browser = true;
    establish(W2_HEAD "a=group:BUNDLE 0 1 2\r\n" W2_AUDIO("54400", "0 126", "actpass", "sendrecv") W2_VIDEO("102", "actpass")
              W2_DC("2", "actpass"), MW_HEAD MW_AUDIO("49170", "sendrecv") MW_VIDEO("49180") MW_MSRP("49200", "active"));
    snprintf(text, sizeof text, W2_HEAD "a=group:BUNDLE 0 1 2\r\n" W2_AUDIO("54400", "0 126", "actpass", "sendrecv") W2_VIDEO("102", "actpass")
             "m=application 54404 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 203.0.113.7\r\n%s", closed);
    in = inside(dlg_of(SIP_W2), "INVITE", text);
    respond(out_pending("INVITE"), 200, MW_HEAD MW_AUDIO("49170", "sendrecv") MW_VIDEO("49180") "m=message 0 TCP/MSRP *\r\n");
    OP("MOD ip/1/access/8", "S4 - reset ev-reset");
    op_ok(op_pending());
    W.ctxs->h.notify(W.ctxs->h.arg, SV("ip/1/access/8"), &(struct iq_observed){.event = IQ_EV_SCTP_RESET, .stream = 4});
    all_ok();
    assert_int_equal(in->status, 200);
    ack(in);
    snprintf(text, sizeof text, W2_HEAD "a=group:BUNDLE 0 2\r\n" W2_AUDIO("54400", "0 126", "actpass", "sendrecv") "%s"
             "m=application 54404 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 203.0.113.7\r\n%s", gone, closed);
    in = inside(dlg_of(SIP_W2), "INVITE", text);
    respond(out_pending("INVITE"), 200, MW_HEAD MW_AUDIO("49170", "sendrecv") "m=video 0 RTP/AVPF 102\r\nm=message 0 TCP/MSRP *\r\n");
    OP("MOD ip/1/access/8 groupse=[SCTP 4] groupse=[BUNDLE 1 3]", "S2 - L{} R{}");
    all_ok();
    assert_int_equal(in->status, 200);
    ack(in);
    snprintf(text, sizeof text, W2_HEAD "a=group:BUNDLE 0 2\r\n" W2_AUDIO("54400", "0 126", "actpass", "sendrecv") "%s" W2_DC("2", "actpass"), gone);
    in = inside(dlg_of(SIP_W2), "INVITE", text);
    op_ok(op_pending());
    respond(out_pending("INVITE"), 200, MW_HEAD MW_AUDIO("49170", "sendrecv") "m=video 0 RTP/AVPF 102\r\n" MW_MSRP("49202", "active"));
    while (strncmp(op_pending()->text, "MOD ip/1/access/8", 17))
        op_ok(op_pending());
    OP("MOD ip/1/access/8 groupse=[SCTP 5] groupse=[BUNDLE 1 3]", "strdeagg=5");
    all_ok();
    assert_int_equal(in->status, 200);
    ack(in);
    hang_up(SIP_W2);
}

/* What should have gone stays when the core will not have it: the channel's stream is T2's still. */
static void test_removal_refused(void **state)
{
    static const char gone[] = AUDIO_ONLY("sendrecv") "m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:2\r\n";
    struct sip_in *in;

    (void)state;
    world_open(1);
    establish(AUDIO_ONLY("sendrecv") W2_DC("2", "actpass"), CORE_AUDIO MW_MSRP("49200", "active"));
    in = inside(dlg_of(SIP_W2), "INVITE", gone);
    respond(out_pending("INVITE"), 488, NULL);
    assert_null(op_pending());
    assert_int_equal(in->status, 488);
    in = inside(dlg_of(SIP_W2), "INVITE", gone);
    respond(out_pending("INVITE"), 200, CORE_AUDIO "m=message 0 TCP/MSRP *\r\n");
    op_ok(op_pending());
    OP("MOD ip/1/core/7\n S3 - L{} R{}");
    op_ok(op_pending());
    assert_int_equal(in->status, 200);
    ack(in);
    hang_up(SIP_W2);
}

/* A bundle whose last lines go at once: the one that has the transport is shut and stays, alone in its group. */
static void test_bundle_all_gone(void **state)
{
    static const char none[] = W2_HEAD "m=audio 0 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\nc=IN IP4 0.0.0.0\r\n"
                               "m=video 0 UDP/TLS/RTP/SAVPF 102\r\na=mid:1\r\nc=IN IP4 0.0.0.0\r\n";
    struct sip_in *in;

    (void)state;
    world_open(1);
    W.calls->conf.policy.browser = true;
    establish(W2_HEAD W2_GROUP W2_AUDIO("54400", "0 126", "actpass", "sendrecv") W2_VIDEO("102", "actpass"), A3);
    in = inside(dlg_of(SIP_W2), "INVITE", none);
    respond(out_pending("INVITE"), 200, MW_HEAD "m=audio 0 RTP/AVP 0\r\nm=video 0 RTP/AVPF 102\r\n");
    OP("MOD ip/1/access/8 groupse=[BUNDLE 1]\n", "S1 in", "S2 - L{} R{}");
    all_ok();
    assert_int_equal(in->status, 200);
    ack(in);
    hang_up(SIP_W2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_new_certificate),
        cmocka_unit_test(test_new_certificate_server), cmocka_unit_test(test_new_certificate_alone),
        cmocka_unit_test(test_new_tls_id), cmocka_unit_test(test_new_peer_connection),
        cmocka_unit_test(test_new_certificate_of_channels),
        cmocka_unit_test(test_bundle_again),
        cmocka_unit_test(test_other_profile),
        cmocka_unit_test(test_channels_return),
        cmocka_unit_test(test_channels_return_alone),
        cmocka_unit_test(test_lock),
        cmocka_unit_test(test_lock_useless_line),
        cmocka_unit_test(test_group_without_channel),
        cmocka_unit_test(test_removal_refused),
        cmocka_unit_test(test_bundle_all_gone),
    };

    log_init(LOG_ERROR);
    return cmocka_run_group_tests_name("alg/call media: again", tests, NULL, NULL);
}
