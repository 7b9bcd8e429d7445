/* Audio and video by other transports: bundles, SDES; and lines that nothing can be made of (sip-sdp 3.3, 3.4, chart F21). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/log.h"
#include "tests/fake/call_steps.h"

/* F21: what has no transport of its own is refused where nothing is bundled. */
static void test_bundle_only_strict(void **state)
{
    struct sip_in *in;

    (void)state;
    world_open(1);
    in = originate(W2_MAX_BUNDLE);
    OP("S1 in", "!S2");
    op_ok(op_pending());
    TEXT(out_pending("INVITE")->body, "m=audio 30000 ", "!m=video", "!m=message");
    respond(out_pending("INVITE"), 200, MW_HEAD MW_AUDIO("49170", "sendrecv"));
    op_ok(op_pending());
    op_ok(op_pending());
    TEXT(in->body, "m=audio 40002 ", "m=video 0 UDP/TLS/RTP/SAVPF 96 97 102\r\n", "m=application 0 ", "!BUNDLE");
    ack(in);
    hang_up(SIP_W2);
}

/* Profile "browser": one transport, whose owner is the first line. */
static void test_bundle(void **state)
{
    struct sip_in *in;

    (void)state;
    world_open(1);
    W.calls->conf.policy.browser = true;
    in = originate(W2_MAX_BUNDLE);
    OP("S1 in", "S2 in", "S4 in");
    op_ok(op_pending());
    TEXT(out_pending("INVITE")->body, "m=audio 30000 ", "m=video 30002 ", "m=message 31000 ", "!BUNDLE", "!mid", "!extmap");
    respond(out_pending("INVITE"), 200, A3 MW_MSRP("49200", "active"));
    op_ok(op_pending());
    OP("ADD ip/$/access/$ groupse=[SCTP 4] groupse=[BUNDLE 1 2 3]", "S1 sr", "a=ice-ufrag:$", "a=mid:0| a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid|",
       "a=ssrc:3735928559 cname:k2j4|", "S2 sr realm=access.example.net L(v=0| c=IN IP4 $| m=video $ UDP/TLS/RTP/SAVPF 102| "
       "a=rtpmap:102 H264/90000| a=fmtp:102 packetization-mode=1;profile-level-id=42e01f| a=rtcp-mux| a=mid:1| a=extmap:4 ",
       "a=ssrc:77 cname:k2j4|", "S3 sr realm=access.example.net strdeagg=4 L(v=0| c=IN IP4 $| m=application $ UDP/DTLS/SCTP webrtc-datachannel| "
       "a=sctp-port:$| a=max-message-size:$| a=mid:2| )");
    assert_ptr_equal(strstr(op_pending()->text, "EstBNC"), strrchr(op_pending()->text, 'E')); /* once */
    op_ok(op_pending());
    assert_int_equal(in->status, 200);
    TEXT(in->body, "a=group:BUNDLE 0 1 2\r\n", "m=audio 40004 ", "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n", "m=video 40004 ",
         "m=application 40004 ", "!bundle-only", "!ssrc-audio-level");
    ack(in);
    /* the first line goes: its transport stays for the others */
    in = inside(dlg_of(SIP_MW), "INVITE", MW_HEAD "m=audio 0 RTP/AVP 0\r\n" MW_VIDEO("49180") MW_MSRP("49200", "active"));
    TEXT(out_pending("INVITE")->body, "a=group:BUNDLE 1 2\r\n", "m=audio 0 ", "m=video 40004 ", "m=application 40004 ", "!bundle-only");
    respond(out_pending("INVITE"), 200,
            W2_HEAD "a=group:BUNDLE 1 2\r\nm=audio 0 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\nc=IN IP4 0.0.0.0\r\n" W2_VIDEO("102", "passive") W2_DC("2", "passive"));
    OP("MOD ip/1/access/8 groupse=[SCTP 4] groupse=[BUNDLE 1 2 3]", "S1 in", "!L{}");
    all_ok();
    assert_int_equal(in->status, 200);
    TEXT(in->body, "m=audio 0 ", "m=video 30002 ");
    ack(in);
    /* ... and begins anew when the WIC says so: the stream without a line has it */
    in = inside(dlg_of(SIP_W2), "INVITE",
                restarted(W2_HEAD "a=group:BUNDLE 1 2\r\nm=audio 0 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\nc=IN IP4 0.0.0.0\r\n"
                          W2_VIDEO("102", "actpass") W2_DC("2", "actpass")));
    OP("MOD ip/1/access/8", "S1 -", "L(v=0| c=IN IP4 198.51.100.20| m=audio ", "a=mid:0|", "a=ice-ufrag:$| a=ice-pwd:$|", "R(v=0| ", "a=ice-ufrag:NEWW|",
       "!EstBNC");
    op_ok(op_pending());
    assert_int_equal(in->status, 200);
    TEXT(in->body, "m=audio 0 ", "m=video 40004 ", "a=ice-ufrag:uf", "!a=ice-ufrag:uf40004");
    ack(in);
    hang_up(SIP_W2);
}

#define DC_OFF "m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:2\r\nc=IN IP4 0.0.0.0\r\n"

/* The other way round: the channels are what is left, and speak for the transport of audio that is gone. */
static void test_bundle_dc_left(void **state)
{
    static const char left[] = W2_HEAD "a=group:BUNDLE 2\r\nm=audio 0 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\nc=IN IP4 0.0.0.0\r\n"
                               W2_DC("2", "actpass");
    struct sip_in *in;

    (void)state;
    world_open(1);
    W.calls->conf.policy.browser = true;
    establish(W2_HEAD "a=group:BUNDLE 0 2\r\n" W2_AUDIO("54400", "0 126", "actpass", "sendrecv") W2_DC("2", "actpass"),
              MW_HEAD MW_AUDIO("49170", "sendrecv") MW_MSRP("49200", "active"));
    in = inside(dlg_of(SIP_W2), "INVITE", left);
    respond(out_pending("INVITE"), 200, MW_HEAD "m=audio 0 RTP/AVP 0\r\n" MW_MSRP("49200", "active"));
    all_ok();
    assert_int_equal(in->status, 200);
    ack(in);
    in = inside(dlg_of(SIP_W2), "INVITE", restarted(left));
    OP("MOD ip/1/access/8", "S1 - L(v=0| c=IN IP4 198.51.100.20| m=audio ", "a=ice-ufrag:$| a=ice-pwd:$|", "a=ice-ufrag:NEWW|", "!EstBNC");
    op_ok(op_pending());
    assert_int_equal(in->status, 200);
    TEXT(in->body, "m=audio 0 ", "m=application 4000", "a=ice-ufrag:uf");
    ack(in);
    hang_up(SIP_W2);
}

/* The core calls: we offer the bundle. */
static void test_bundle_offered(void **state)
{
    struct sip_in *in;

    (void)state;
    world_open(1);
    W.calls->conf.policy.browser = true;
    in = terminate(A3);
    OP("ADD ip/$/access/$ groupse=[BUNDLE 1 2]", "S1 in", "a=mid:0| a=extmap:1 ", "S2 in", "a=mid:1|");
    op_ok(op_pending());
    TEXT(out_pending("INVITE")->body, "a=group:BUNDLE 0 1\r\n", "m=audio 40000 ", "m=video 0 UDP/TLS/RTP/SAVPF 102\r\n", "a=bundle-only\r\n",
         "a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid\r\n");
    respond(out_pending("INVITE"), 200, W2_HEAD "a=group:BUNDLE 0 1\r\n" W2_AUDIO("54500", "0 126", "active", "sendrecv") W2_VIDEO("102", "active"));
    OP("MOD ip/1/access/8 groupse=[BUNDLE 1 2]", "S1 sr R(", "S2 sr R(", "!EstBNC");
    op_ok(op_pending());
    OP("S1 sr", "S2 sr");
    op_ok(op_pending());
    assert_int_equal(in->status, 200);
    TEXT(in->body, "m=audio 3000", "m=video 3000");
    ack(in);
    hang_up(SIP_W2);
    /* a browser that does not bundle keeps the first line only */
    world_open(1);
    W.calls->conf.policy.browser = true;
    in = terminate(A3);
    op_ok(op_pending());
    respond(out_pending("INVITE"), 200, W2_HEAD W2_AUDIO("54500", "0 126", "active", "sendrecv") "m=video 0 UDP/TLS/RTP/SAVPF 102\r\n");
    OP("S1 sr R(", "S2 - L{} R{}");
    all_ok();
    assert_int_equal(in->status, 200);
    TEXT(in->body, "m=audio 3000", "m=video 0 RTP/AVPF");
    ack(in);
    hang_up(SIP_W2);
}

#define AUDIO_OFF "m=audio 0 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\nc=IN IP4 0.0.0.0\r\n"

/* Offered audio and video, the WIC refuses the line whose transport the gateway has for all: video speaks for it. */
static void first_refused(const char *answer, bool establish)
{
    struct iq_observed ev = {.event = IQ_EV_DTLS_FAILED, .stream = 1};
    struct sip_in *in;

    world_open(1);
    W.calls->conf.policy.browser = true;
    in = terminate(A3);
    op_ok(op_pending());
    respond(out_pending("INVITE"), 200, answer);
    OP("MOD ip/1/access/8 groupse=[BUNDLE 1 2]\n", "S1 in R(v=0| c=IN IP4 203.0.113.7| m=audio 54402 UDP/TLS/RTP/SAVPF 0 126| ",
       "a=rtcp-mux| a=mid:0| a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid| a=ice-ufrag:Tw7h| a=ice-pwd:6XOVUD6HpcB4c1M8EB8jXJE9| a=candidate:2 1 udp ",
       "raddr 0.0.0.0 rport 0| a=fingerprint:sha-256 " MEDIA_FP "| ) ", " astuns\n", "\n S2 sr R(v=0| c=IN IP4 203.0.113.7| m=video 54402 ", "!L(",
       establish ? "EstBNC" : "!EstBNC");
    assert_ptr_equal(strstr(op_pending()->text, "a=ice-ufrag"), strstr(strstr(op_pending()->text, "S1 in"), "a=ice-ufrag")); /* its own */
    assert_null(strstr(strstr(op_pending()->text, "S2 sr"), "a=ice-"));
    op_ok(op_pending());
    OP("ADD ip/$/core/$", "S2 sr", "!S1");
    op_ok(op_pending());
    assert_int_equal(in->status, 200);
    TEXT(in->body, "m=audio 0 RTP/AVP 0 126\r\n", "m=video 3000");
    ack(in);
    W.ctxs->h.notify(W.ctxs->h.arg, SV("ip/1/access/8"), &ev); /* that transport is the call's */
    assert_int_equal(W.calls->list->fsm.state, CALL_DYING);
    world_drain(false, NULL);
    world_close();
}

static void test_bundle_first_refused(void **state)
{
    (void)state;
    first_refused(W2_HEAD "a=group:BUNDLE 1\r\n" AUDIO_OFF W2_VIDEO("102", "active"), false);
    first_refused(W2_HEAD "a=group:BUNDLE 1\r\n" AUDIO_OFF W2_VIDEO("102", "passive"), true);
}

/* It is offered again in its place, on the same transport; ICE begins anew by the words of who is left. */
static void test_bundle_first_refused_again(void **state)
{
    struct sip_in *in;

    (void)state;
    world_open(1);
    W.calls->conf.policy.browser = true;
    in = terminate(A3);
    op_ok(op_pending());
    respond(out_pending("INVITE"), 200, W2_HEAD "a=group:BUNDLE 1\r\n" AUDIO_OFF W2_VIDEO("102", "active"));
    all_ok();
    ack(in);
    in = inside(dlg_of(SIP_W2), "INVITE", restarted(W2_HEAD "a=group:BUNDLE 1\r\n" AUDIO_OFF W2_VIDEO("102", "actpass")));
    OP("MOD ip/1/access/8", "S1 - L(v=0| c=IN IP4 198.51.100.20| m=audio 40000 ", "a=mid:0|", "a=ice-ufrag:$| a=ice-pwd:$|", "R(v=0| ", "a=ice-ufrag:NEWW|",
       "!EstBNC", "!S2");
    op_ok(op_pending());
    assert_int_equal(in->status, 200);
    TEXT(in->body, "m=audio 0 ", "m=video 40000 ", "a=group:BUNDLE 1\r\n");
    ack(in);
    in = inside(dlg_of(SIP_MW), "INVITE", A3);
    OP("MOD ip/1/access/8 groupse=[BUNDLE 1 2 3] ", "S3 in L(", "!a=ice-ufrag:$", "S1 - ev-dtls ev-consent");
    op_ok(op_pending());
    TEXT(out_pending("INVITE")->body, "m=audio 0 ", "a=bundle-only\r\n", "m=video 40000 ");
    respond(out_pending("INVITE"), 200,
            restarted(W2_HEAD "a=group:BUNDLE 0 1\r\n" W2_AUDIO("54500", "0 126", "active", "sendrecv") W2_VIDEO("102", "active")));
    all_ok();
    assert_int_equal(in->status, 200);
    TEXT(in->body, "m=audio 300", "m=video 3000");
    ack(in);
    hang_up(SIP_W2);
}

#define DC_TAKEN \
    "m=application 54404 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 203.0.113.7\r\n" W2_ICE W2_SEC("passive") "a=mid:1\r\na=sctp-port:5000\r\n" \
    "a=dcmap:0 subprotocol=\"MSRP\"\r\na=dcsa:0 setup:passive\r\na=dcsa:0 path:msrps://b7xk.invalid:9/x;dc\r\n"

/* Channels are what is left; and nothing is. */
static void test_bundle_first_refused_for_dc(void **state)
{
    struct sip_in *in;

    (void)state;
    for (unsigned none = 0; none < 2; none++) {
        world_open(1);
        W.calls->conf.policy.browser = true;
        in = terminate(MW_HEAD MW_AUDIO("49170", "sendrecv") MW_MSRP("49200", "active"));
        OP("groupse=[SCTP 3] groupse=[BUNDLE 1 2]");
        op_ok(op_pending());
        TEXT(out_pending("INVITE")->body, "a=group:BUNDLE 0 1\r\n", "m=application 0 ", "a=bundle-only\r\n");
        respond(out_pending("INVITE"), 200,
                none ? W2_HEAD AUDIO_OFF DC_OFF : W2_HEAD "a=group:BUNDLE 1\r\n" AUDIO_OFF DC_TAKEN);
        if (none) {
            assert_int_equal(in->status, 488);
            ended();
            continue;
        }
        OP("groupse=[SCTP 3] groupse=[BUNDLE 1 2]\n", "S1 in R(v=0| c=IN IP4 203.0.113.7| m=audio 54404 ", "a=ice-ufrag:Tw7h|", "S2 sr", "EstBNC",
           "a=sctp-port:5000|");
        all_ok();
        assert_int_equal(in->status, 200);
        TEXT(in->body, "m=audio 0 RTP/AVP 0 126\r\n", "m=message 3");
        ack(in);
        hang_up(SIP_W2);
    }
}

/* The answer to a line that is added refuses the one that was there first. */
static void test_bundle_first_refused_later(void **state)
{
    struct sip_in *in;

    (void)state;
    world_open(1);
    W.calls->conf.policy.browser = true;
    in = terminate(MW_HEAD MW_AUDIO("49170", "sendrecv"));
    op_ok(op_pending());
    respond(out_pending("INVITE"), 200, W2_HEAD "a=group:BUNDLE 0\r\n" W2_AUDIO("54500", "0 126", "active", "sendrecv"));
    all_ok();
    ack(in);
    in = inside(dlg_of(SIP_MW), "INVITE", A3);
    op_ok(op_pending());
    TEXT(out_pending("INVITE")->body, "a=group:BUNDLE 0 1\r\n", "m=audio 40000 ", "a=bundle-only\r\n");
    respond(out_pending("INVITE"), 200, W2_HEAD "a=group:BUNDLE 1\r\n" AUDIO_OFF W2_VIDEO("102", "active"));
    OP("MOD ip/1/access/8 groupse=[BUNDLE 1 2]\n", "S1 in astuns\n", "S2 sr R(", "!a=ice-ufrag");
    all_ok();
    assert_int_equal(in->status, 200);
    TEXT(in->body, "m=audio 0 RTP/AVP 0 126\r\n", "m=video 3000");
    ack(in);
    hang_up(SIP_MW);
}

#define QOS(local) "a=curr:qos local " local "\r\na=curr:qos remote none\r\na=des:qos mandatory local sendrecv\r\n"

/* The core has its answer before the WIC is asked: T2 has the line already, and loses it. */
static void test_bundle_first_refused_ahead(void **state)
{
    static const char met[] = MW_HEAD MW_AUDIO("49170", "sendrecv") QOS("sendrecv") MW_VIDEO("49180") QOS("sendrecv");
    struct sip_in *in;
    struct sip_out *o;

    (void)state;
    world_open(1);
    W.calls->conf.policy.browser = true;
    in = request((struct sip_msg){.method = "INVITE", .uri = "sip:b@h", .side = SIP_MW, .header = {{"Require", "precondition, 100rel"}},
                                  .body = MW_HEAD MW_AUDIO("49170", "sendrecv") QOS("none") MW_VIDEO("49180") QOS("none")});
    op_ok(op_pending());
    TEXT(in->early, "m=audio 3000", "m=video 3000");
    assert_int_equal(inside(dlg_of(SIP_MW), "UPDATE", met)->status, 200);
    op_ok(op_pending());
    respond(out_pending("INVITE"), 200, W2_HEAD "a=group:BUNDLE 1\r\n" AUDIO_OFF W2_VIDEO("102", "active"));
    OP("MOD ip/1/access/8", "S1 in R(", "a=ice-ufrag:Tw7h|", "S2 sr R(");
    op_ok(op_pending());
    OP("MOD ip/1/core/7", "S1 - L{} R{}", "S2 sr");
    op_ok(op_pending());
    assert_int_equal(in->status, 200);
    ack(in);
    o = out_pending("INVITE");
    TEXT(o->body, "m=audio 0 RTP/AVP 0 126\r\n", "m=video 3000");
    respond(o, 200, MW_HEAD "m=audio 0 RTP/AVP 0\r\n" MW_VIDEO("49180"));
    all_ok();
    hang_up(SIP_MW);
}

/* The WIC offers, and it is the core that refuses: nothing was reserved yet, so the next line has the transport. */
static void test_bundle_first_refused_by_core(void **state)
{
    struct sip_in *in;

    (void)state;
    for (unsigned dc = 0; dc < 2; dc++) {
        world_open(1);
        W.calls->conf.policy.browser = true;
        in = originate(W2_MAX_BUNDLE);
        op_ok(op_pending());
        respond(out_pending("INVITE"), 200, dc ? MW_HEAD "m=audio 0 RTP/AVP 0\r\nm=video 0 RTP/AVPF 102\r\n" MW_MSRP("49200", "active")
                                                  : MW_HEAD "m=audio 0 RTP/AVP 0\r\n" MW_VIDEO("49180") MW_MSRP("49200", "active"));
        op_ok(op_pending());
        OP("ADD ip/$/access/$ groupse=[SCTP 4] ", dc ? "[BUNDLE 3]" : "[BUNDLE 2 3]", dc ? "S3 sr" : "S2 sr", "a=ice-ufrag:$|", "a=ice-ufrag:Tw7h|", "EstBNC", "!S1");
        op_ok(op_pending());
        assert_int_equal(in->status, 200);
        TEXT(in->body, "m=audio 0 ", dc ? "m=video 0 " : "m=video 40004 ", dc ? "a=group:BUNDLE 2\r\n" : "a=group:BUNDLE 1 2\r\n", "a=candidate:");
        ack(in);
        hang_up(SIP_W2);
    }
}

/* SDES: a client that is no browser, without ICE; and a core that wants SRTP. */
static void test_sdes(void **state)
{
    static const char offer[] = W2_HEAD "m=audio 5000 RTP/SAVP 0 126\r\nc=IN IP4 203.0.113.7\r\na=rtpmap:126 telephone-event/8000\r\n"
                                        "a=crypto:7 F8_128_HMAC_SHA1_80 inline:eA==\r\n"
                                        "a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj\r\n";
    struct sip_in *in;

    (void)state;
    world_open(1);
    W.calls->conf.policy.core_proto[RTP_AUDIO] = "RTP/SAVP";
    in = originate(offer);
    OP("m=audio $ RTP/SAVP 0 126|", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:");
    op_ok(op_pending());
    TEXT(out_pending("INVITE")->body, "m=audio 30000 RTP/SAVP 0 126\r\n", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:", "!inline:d0Rm");
    respond(out_pending("INVITE"), 200, MW_HEAD "m=audio 49170 RTP/SAVP 0 126\r\na=rtpmap:126 telephone-event/8000\r\n"
                                                "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\r\n");
    OP("S1 sr R(", "inline:WVNf");
    op_ok(op_pending());
    OP("ADD ip/$/access/$", "L(v=0| c=IN IP4 $| m=audio $ RTP/SAVP 0 126|", "a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:",
       "R(v=0| c=IN IP4 203.0.113.7| m=audio 5000 RTP/SAVP 0 126|", "a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:d0Rm", " latch", "!astuns", "!EstBNC",
       "!a=ice", "!a=fingerprint", "!a=rtcp-mux");
    op_ok(op_pending());
    assert_int_equal(in->status, 200);
    TEXT(in->body, "m=audio 40002 RTP/SAVP 0 126\r\n", "a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:", "!inline:d0Rm", "!inline:WVNf", "!a=rtcp-mux", "!a=setup");
    ack(in);
    hang_up(SIP_W2);
}

#define SDES_CORE(lines) MW_HEAD "m=audio 49170 RTP/SAVP 0 126\r\na=rtpmap:126 telephone-event/8000\r\n" lines
#define SDES_WIC(lines) \
    W2_HEAD "m=audio 5000 RTP/SAVP 0 126\r\nc=IN IP4 203.0.113.7\r\na=rtpmap:126 telephone-event/8000\r\n" lines
#define CM_80(tag, key) "a=crypto:" tag " AES_CM_128_HMAC_SHA1_80 inline:" key "\r\n"
#define KEY_1 "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"
#define KEY_2 "d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj"
#define GCM(tag) "a=crypto:" tag " AEAD_AES_128_GCM inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJQ==\r\n"

/* Offered again by a side, which the other one need not hear of: the gateway is told as_told, our answer has the lines. */
static char *rekey(enum sip_side side, const char *offer, const char *as_told, const char *local, const char *in_answer)
{
    struct sip_in *in = inside(dlg_of(side), "INVITE", offer);
    char *line;

    assert_null(out_pending("INVITE"));
    OP(side == SIP_MW ? "MOD ip/1/core/7" : "MOD ip/1/access/8", as_told, local);
    op_ok(op_pending());
    assert_null(op_pending());
    assert_int_equal(in->status, 200);
    TEXT(in->body, in_answer);
    line = strstr(in->body, "inline:");
    ack(in);
    return line;
}

/* RFC 4568 7.1: new keys of theirs, other tags, another suite, on either side. */
static void test_sdes_again(void **state)
{
    char *first, *next;

    (void)state;
    world_open(1);
    W.calls->conf.policy.core_proto[RTP_AUDIO] = "RTP/SAVP";
    establish(SDES_WIC(CM_80("2", KEY_2)), SDES_CORE(CM_80("1", KEY_1)));
    first = rekey(SIP_MW, SDES_CORE(CM_80("1", KEY_2)), "R(v=0| c=IN IP4 10.20.0.99| m=audio 49170", "! L(", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 ");
    next = rekey(SIP_MW, SDES_CORE(CM_80("3", KEY_1)), "a=crypto:3 AES_CM_128_HMAC_SHA1_80 inline:WVNf", " L(", "a=crypto:3 AES_CM_128_HMAC_SHA1_80 ");
    assert_memory_equal(next, first, 47); /* ours is the same */
    next = rekey(SIP_MW, SDES_CORE(GCM("1") CM_80("2", KEY_1)), "a=crypto:1 AEAD_AES_128_GCM inline:d0Rm", " L(v=0| c=IN IP4 10.20.0.5| m=audio 30000 ",
                 "a=crypto:1 AEAD_AES_128_GCM ");
    assert_memory_not_equal(next, first, 40);
    rekey(SIP_W2, SDES_WIC(CM_80("2", KEY_1)), "inline:WVNf", "! L(", "a=crypto:2 AES_CM_128_HMAC_SHA1_80 ");
    rekey(SIP_W2, SDES_WIC(GCM("7")), "a=crypto:7 AEAD_AES_128_GCM inline:d0Rm", " L(", "a=crypto:7 AEAD_AES_128_GCM ");
    inside(dlg_of(SIP_MW), "INVITE", SDES_CORE(GCM("1") "a=sendonly\r\n")); /* hold: the client is offered what it has */
    TEXT(out_pending("INVITE")->body, "a=crypto:7 AEAD_AES_128_GCM inline:", "!inline:d0Rm", "!CM_128_HMAC");
    world_drain(true, NULL);
    world_close();
}

static void test_refused_offers(void **state)
{
    static const struct {
        enum sip_side side;
        const char *body, *warning;
    } rows[] = {
        {SIP_W2, W2_HEAD "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\n" W2_SEC("actpass") "a=rtpmap:111 opus/48000/2\r\n", "305"},
        {SIP_W2, W2_HEAD "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:Tw7h\r\na=ice-pwd:short\r\n" W2_SEC("actpass")
                 "a=rtpmap:111 opus/48000/2\r\n", "ICE credentials"},
        {SIP_W2, W2_HEAD "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\n" W2_ICE "a=setup:actpass\r\na=rtpmap:111 opus/48000/2\r\n", "fingerprint"},
        {SIP_W2, W2_HEAD "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\n" W2_ICE W2_SEC("holdconn") "a=rtpmap:111 opus/48000/2\r\n", "setup"},
        {SIP_W2, W2_HEAD "m=audio 9 UDP/TLS/RTP/SAVPF 111 126\r\nc=IN IP4 0.0.0.0\r\n" W2_ICE W2_SEC("actpass") "a=rtpmap:111 opus\r\n"
                 "a=rtpmap:126 telephone-event/8000\r\n", "codec"},
        {SIP_W2, W2_HEAD "m=audio 9 UDP/TLS/RTP/SAVPF 200 -1 x 0x\r\nc=IN IP4 0.0.0.0\r\n" W2_ICE W2_SEC("actpass"), "codec"},
        {SIP_W2, W2_HEAD "m=audio 9 RTP/AVP 0\r\nc=IN IP4 203.0.113.7\r\n", "304"}, /* no plain RTP to browsers */
        {SIP_W2, W2_HEAD "m=audio 9 RTP/SAVP 0\r\nc=IN IP4 203.0.113.7\r\n", "crypto"},
        {SIP_W2, W2_HEAD "m=text 9 UDP/TLS/RTP/SAVPF 98\r\nc=IN IP4 203.0.113.7\r\n", "304"},
        {SIP_MW, MW_HEAD "m=audio 0 RTP/AVP 0\r\n", "304"},
        {SIP_MW, MW_HEAD "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n", "304"},
        {SIP_MW, MW_HEAD "m=audio 9 RTP/AVP 18\r\n", "codec"},
        {SIP_MW, MW_HEAD "m=audio 9 RTP/SAVP 0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 nothing\r\n", "crypto"},
        {SIP_MW, "v=0\r\no=ue 5 5 IN IP4 h.example\r\ns=-\r\nc=IN IP4 h.example\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n", "numeric"},
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        struct sip_in *in;

        world_open(1);
        in = rows[i].side == SIP_W2 ? originate(rows[i].body) : terminate(rows[i].body);
        assert_int_equal(in->status, 488);
        TEXT(in->headers, rows[i].warning);
        assert_null(W.ctxs);
        world_close();
    }
}

/* Answers that nothing can be made of end the call, whatever they are. */
static void test_bad_answers(void **state)
{
    static const char *const rows[] = {
        MW_HEAD "m=audio 0 RTP/AVP 0\r\n",
        MW_HEAD "m=audio 49170 RTP/AVP 18\r\n",
        MW_HEAD "m=audio 49170 RTP/AVP 126\r\na=rtpmap:126 telephone-event/8000\r\n",
        MW_HEAD "m=audio 49170 RTP/SAVP 0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x\r\n",
        MW_HEAD "m=video 49170 RTP/AVP 0\r\n",
        MW_HEAD "m=audio 49170 RTP/AVP 0\r\nm=audio 49172 RTP/AVP 0\r\n",
        "v=0",
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        struct sip_in *in;

        world_open(1);
        in = originate(AUDIO_ONLY("sendrecv"));
        op_ok(op_pending());
        respond(out_pending("INVITE"), 200, rows[i]);
        assert_true(in->status == 488 || in->status == 500);
        world_drain(false, NULL);
        world_close();
    }
}

/* A browser that answers without muxed RTCP (there is one port), with a role that is none, without its fingerprint or the codec. */
static void test_bad_answers_of_wic(void **state)
{
#define LINE(more) W2_HEAD "m=audio 54500 UDP/TLS/RTP/SAVPF 8\r\nc=IN IP4 203.0.113.7\r\n" W2_ICE "a=mid:0\r\n" more
    static const char *const rows[] = {
        LINE(W2_SEC("active")),
        LINE(W2_SEC("actpass") "a=rtcp-mux\r\n"),
        LINE("a=setup:active\r\na=rtcp-mux\r\n"),
        W2_HEAD "m=audio 54500 UDP/TLS/RTP/SAVPF 0\r\nc=IN IP4 203.0.113.7\r\n" W2_ICE W2_SEC("active") "a=mid:0\r\na=rtcp-mux\r\n",
    };

    (void)state;
    for (unsigned i = 0; i <= ARRAY_LEN(rows); i++) {
        struct sip_in *in;

        world_open(1);
        in = terminate(B1);
        op_ok(op_pending());
        respond(out_pending("INVITE"), 200, i < ARRAY_LEN(rows) ? rows[i] : LINE(W2_SEC("active") "a=rtcp-mux\r\n"));
        if (i < ARRAY_LEN(rows)) {
            assert_int_equal(in->status, 488);
            ended();
        } else { /* nothing else was wrong */
            all_ok();
            assert_int_equal(in->status, 200);
            ack(in);
            hang_up(SIP_MW);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bundle_only_strict),
        cmocka_unit_test(test_bundle),
        cmocka_unit_test(test_bundle_dc_left),
        cmocka_unit_test(test_bundle_offered),
        cmocka_unit_test(test_bundle_first_refused),
        cmocka_unit_test(test_bundle_first_refused_again),
        cmocka_unit_test(test_bundle_first_refused_for_dc),
        cmocka_unit_test(test_bundle_first_refused_later),
        cmocka_unit_test(test_bundle_first_refused_ahead),
        cmocka_unit_test(test_bundle_first_refused_by_core),
        cmocka_unit_test(test_sdes), cmocka_unit_test(test_sdes_again),
        cmocka_unit_test(test_refused_offers),
        cmocka_unit_test(test_bad_answers),
        cmocka_unit_test(test_bad_answers_of_wic),
    };

    log_init(LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
