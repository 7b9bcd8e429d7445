/* Calls with audio and video: what Iq and both sides hear at each step (sip-sdp 3.10 A and B without transcoding, charts F5,
 * F6, F11, F20, F21). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/log.h"
#include "tests/fake/call_media.h"
#include "tests/fake/call_world.h"

static void expect_text(const char *text, const char *const *parts)
{
    assert_non_null(text);
    for (; *parts; parts++) {
        bool no = **parts == '!';

        if (!strstr(text, *parts + no) != no)
            fail_msg("%s in:\n%s", *parts, text);
    }
}
#define TEXT(t, ...) expect_text(t, (const char *const[]){__VA_ARGS__, NULL})
#define OP(...) (assert_non_null(op_pending()), TEXT(op_pending()->text, __VA_ARGS__))

static struct sip_in *originate(const char *body)
{
    return request((struct sip_msg){.method = "INVITE", .uri = "sip:bob@home.net", .body = body, .side = SIP_W2, .flow = WIC_FLOW});
}

static struct sip_in *terminate(const char *body)
{
    return request((struct sip_msg){.method = "INVITE", .uri = "sip:alice@home.net", .body = body, .side = SIP_MW});
}

static void hang_up(enum sip_side side)
{
    assert_int_equal(inside(dlg_of(side), "BYE", NULL)->status, 200);
    world_drain(false, NULL);
    world_close();
}

/* F5 with the offer A1; the core takes H.264 and PCMU. */
static void test_outgoing(void **state)
{
    struct sip_in *in;

    (void)state;
    world_open(1);
    in = originate(A1);
    OP("ADD ip/$/core/$ thb=3600",
       "S1 in realm=core.example.net L(v=0| c=IN IP4 $| m=audio $ RTP/AVP 111 0 8 110 126| a=rtpmap:111 opus/48000/2| ",
       "S2 in realm=core.example.net L(v=0| c=IN IP4 $| m=video $ RTP/AVPF 96 102| a=rtpmap:96 VP8/90000| ", "!mux", "!rtx", " rv");
    op_ok(op_pending());
    TEXT(out_pending("INVITE")->body, "c=IN IP4 10.20.0.5\r\n", "m=audio 30000 RTP/AVP 111 0 8 110 126\r\nb=AS:80\r\n",
         "a=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\n", "a=rtpmap:0 PCMU/8000\r\n",
         "a=rtpmap:110 telephone-event/48000\r\na=fmtp:110 0-15\r\n", "a=ptime:20\r\n", "a=maxptime:240\r\n", "a=sendrecv\r\n",
         "m=video 30002 RTP/AVPF 96 102\r\nb=AS:768\r\n", "a=rtcp-fb:96 nack pli\r\n", "a=rtcp-fb:102 ccm fir\r\n", "!rtcp-mux",
         "!BUNDLE", "!mid", "!ice", "!candidate", "!fingerprint", "!setup", "!tls-id", "!extmap", "!ssrc", "!msid", "!rtx",
         "!goog-remb", "!transport-cc", "!203.0.113.7", "!rsize");
    respond(out_pending("INVITE"), 180, NULL);
    assert_int_equal(in->provisional, 180);
    respond(out_pending("INVITE"), 200, A3);
    OP("MOD ip/1/core/7", "S1 sr R(v=0| c=IN IP4 10.20.0.99| m=audio 49170 RTP/AVP 0 126| ",
       "S2 sr R(v=0| c=IN IP4 10.20.0.99| m=video 49180 RTP/AVPF 102| ", "! L(");
    op_ok(op_pending());
    OP("ADD ip/$/access/$ thb=3600", "S1 sr realm=access.example.net L(v=0| c=IN IP4 $| m=audio $ UDP/TLS/RTP/SAVPF 0 126| ",
       "a=rtcp-mux| a=ice-ufrag:$| a=ice-pwd:$| a=candidate:$| a=fingerprint:sha-256 $| ) R(v=0| c=IN IP4 203.0.113.7| m=audio 54400 "
       "UDP/TLS/RTP/SAVPF 0 126| ",
       "a=rtcp-mux| a=ice-ufrag:Tw7h| a=ice-pwd:6XOVUD6HpcB4c1M8EB8jXJE9| a=fingerprint:sha-256 4F:EC",
       "a=candidate:2 1 udp 1686052607 203.0.113.7 54400 typ srflx", "!.local", "EstBNC astuns ev-dtls ev-consent", "S2 sr",
       "m=video $ UDP/TLS/RTP/SAVPF 102| ", "!groupse", "!mid");
    op_ok(op_pending());
    assert_int_equal(in->status, 200);
    TEXT(in->body, "a=ice-lite\r\na=ice-options:ice2\r\n", "m=audio 40004 UDP/TLS/RTP/SAVPF 0 126\r\nc=IN IP4 198.51.100.20\r\n",
         "a=mid:0\r\n", "a=candidate:1 1 udp 2130706431 198.51.100.20 40004 typ host\r\na=ice-ufrag:uf40004\r\n", "a=setup:active\r\n",
         "a=rtcp-mux\r\n", "a=rtcp-rsize\r\n", "a=rtpmap:126 telephone-event/8000\r\na=fmtp:126 0-15\r\n", "a=ptime:20\r\n",
         "m=video 40006 UDP/TLS/RTP/SAVPF 102\r\n", "a=mid:1\r\n", "a=ice-ufrag:uf40006\r\n",
         "a=fmtp:102 packetization-mode=1;profile-level-id=42e01f\r\na=rtcp-fb:102 nack pli\r\n", "!ccm fir", "!BUNDLE", "!tls-id",
         "!opus", "!10.20.0");
    assert_int_equal(W.calls->list->lay->n_rtp, 2);
    ack(in);
    hang_up(SIP_W2);
}

/* F6: the browser takes PCMA of B1. */
static void test_incoming(void **state)
{
    struct sip_in *in;

    (void)state;
    world_open(1);
    in = terminate(B1);
    OP("ADD ip/$/access/$", "S1 in realm=access.example.net L(v=0| c=IN IP4 $| m=audio $ UDP/TLS/RTP/SAVPF 97 8 98| ",
       "a=rtcp-mux| a=ice-ufrag:$|", "astuns ev-dtls", "! R(", "!EstBNC");
    op_ok(op_pending());
    TEXT(out_pending("INVITE")->body, "a=ice-lite\r\n", "m=audio 40000 UDP/TLS/RTP/SAVPF 97 8 98\r\n", "b=AS:49\r\n", "a=mid:0\r\n",
         "a=setup:actpass\r\n", "a=tls-id:", "a=rtcp-mux\r\n", "a=rtpmap:97 AMR-WB/16000\r\na=fmtp:97 mode-change-capability=2\r\n",
         "a=rtpmap:8 PCMA/8000\r\n", "a=sendrecv\r\n", "!EVS", "!qos", "!BUNDLE", "!10.20.0");
    respond(out_pending("INVITE"), 180, NULL);
    respond(out_pending("INVITE"), 200, B3("active"));
    OP("MOD ip/1/access/8", "S1 sr R(v=0| c=IN IP4 203.0.113.7| m=audio 54500 UDP/TLS/RTP/SAVPF 8 98| ", "astuns", "!EstBNC", "! L(");
    op_ok(op_pending());
    OP("ADD ip/$/core/$", "S1 sr realm=core.example.net L(v=0| c=IN IP4 $| m=audio $ RTP/AVP 8 98| ",
       "R(v=0| c=IN IP4 10.20.0.99| m=audio 49170 RTP/AVP 8 98| ");
    op_ok(op_pending());
    assert_int_equal(in->status, 200);
    TEXT(in->body, "m=audio 30002 RTP/AVP 8 98\r\nb=AS:80\r\n", "a=rtpmap:8 PCMA/8000\r\n", "a=rtpmap:98 telephone-event/16000\r\n",
         "a=sendrecv\r\n", "!mux", "!fingerprint", "!203.0.113");
    ack(in);
    hang_up(SIP_MW);
}

/* The browser wants to be the DTLS server: the gateway establishes. */
static void test_incoming_passive(void **state)
{
    (void)state;
    world_open(1);
    terminate(B1);
    op_ok(op_pending());
    respond(out_pending("INVITE"), 200, B3("passive"));
    OP("EstBNC astuns");
    op_fail(op_pending(), 510);
    world_drain(false, NULL);
    assert_int_equal(W.ins->status, 503);
    world_close();
}

static struct sip_in *establish(const char *offer, const char *answer)
{
    struct sip_in *in = originate(offer);

    op_ok(op_pending());
    respond(out_pending("INVITE"), 200, answer);
    op_ok(op_pending());
    op_ok(op_pending());
    assert_int_equal(in->status, 200);
    ack(in);
    return in;
}

static void all_ok(void)
{
    while (op_pending())
        op_ok(op_pending());
}

/* F11: Change Through-Connection on both terminations, nothing else. */
static void test_hold_by_wic(void **state)
{
    struct sip_in *in;

    (void)state;
    world_open(1);
    W.calls->conf.media_inactivity_s = 60;
    in = originate(AUDIO_ONLY("sendrecv"));
    assert_null(strstr(op_pending()->text, "ipstop"));
    op_ok(op_pending());
    respond(out_pending("INVITE"), 200, MW_HEAD MW_AUDIO("49170", "sendrecv"));
    OP("MOD ip/1/core/7", "ipstop=60");
    all_ok();
    ack(in);
    in = inside(dlg_of(SIP_W2), "INVITE", AUDIO_ONLY("sendonly"));
    assert_null(op_pending());
    TEXT(out_pending("INVITE")->body, "m=audio 30000 RTP/AVP 111 0 8 110 126\r\n", "a=sendonly\r\n", "!a=sendrecv");
    respond(out_pending("INVITE"), 200, MW_HEAD MW_AUDIO("49170", "recvonly"));
    OP("MOD ip/1/access/8\n S1 ro");
    TEXT(op_pending()->text, "! L(", "! R(", "!astuns", "!ev-");
    op_ok(op_pending());
    OP("MOD ip/1/core/7 thb=3600\n S1 so", "! R(", "!ipstop");
    op_ok(op_pending());
    assert_int_equal(in->status, 200);
    TEXT(in->body, "m=audio 40002 UDP/TLS/RTP/SAVPF 0 126\r\n", "a=recvonly\r\n");
    ack(in);
    in = inside(dlg_of(SIP_W2), "INVITE", AUDIO_ONLY("sendrecv"));
    respond(out_pending("INVITE"), 200, MW_HEAD MW_AUDIO("49170", "sendrecv"));
    OP("MOD ip/1/access/8\n S1 sr");
    op_ok(op_pending());
    OP("MOD ip/1/core/7", "ipstop=60", "S1 sr");
    all_ok();
    TEXT(in->body, "a=sendrecv\r\n");
    ack(in);
    hang_up(SIP_W2);
}

/* The core holds in each way that there is; the browser answers what fits, or what does not. */
static void test_hold_by_core(void **state)
{
    static const struct {
        const char *offer, *answer, *t1, *t2, *to_w2, *to_mw;
    } rows[] = {
        {MW_HEAD MW_AUDIO("49170", "sendonly"), W2_ANSWER("0 126", "recvonly"), "S1 so", "S1 ro", "a=sendonly\r\n", "a=recvonly\r\n"},
        {MW_HEAD MW_AUDIO("49170", "inactive"), W2_ANSWER("0 126", "inactive"), "S1 in", "S1 in", "a=inactive\r\n", "a=inactive\r\n"},
        {MW_HEAD MW_AUDIO("49170", "inactive"), W2_ANSWER("0 126", "sendrecv"), "S1 in", "S1 in", "a=inactive\r\n", "a=inactive\r\n"},
        {MW_HEAD "m=audio 49170 RTP/AVP 0 126\r\nc=IN IP4 0.0.0.0\r\na=rtpmap:126 telephone-event/8000\r\n",
         W2_ANSWER("0 126", "recvonly"), "S1 so", "S1 ro", "a=sendonly\r\n", "a=recvonly\r\n"},
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        struct sip_in *in;

        world_open(1);
        establish(AUDIO_ONLY("sendrecv"), MW_HEAD MW_AUDIO("49170", "sendrecv"));
        in = inside(dlg_of(SIP_MW), "INVITE", rows[i].offer);
        assert_null(op_pending());
        TEXT(out_pending("INVITE")->body, "m=audio 40002 UDP/TLS/RTP/SAVPF 0 126\r\n", rows[i].to_w2, "a=setup:actpass\r\n", "a=mid:0\r\n");
        respond(out_pending("INVITE"), 200, rows[i].answer);
        OP("MOD ip/1/access/8", rows[i].t1, "!EstBNC", "! L(", "! R(");
        op_ok(op_pending());
        OP("MOD ip/1/core/7", rows[i].t2, "! R(");
        op_ok(op_pending());
        assert_int_equal(in->status, 200);
        TEXT(in->body, "m=audio 30000 RTP/AVP 0 126\r\n", rows[i].to_mw);
        ack(in);
        hang_up(SIP_MW);
    }
}

/* What changes nothing is answered here, with the very same words. */
static void test_again(void **state)
{
    struct sip_in *in, *first;

    (void)state;
    world_open(1);
    first = establish(A1, A3);
    in = inside(dlg_of(SIP_W2), "INVITE", A1);
    assert_int_equal(in->status, 200);
    assert_string_equal(in->body, first->body);
    ack(in);
    in = inside(dlg_of(SIP_MW), "INVITE", A3);
    assert_int_equal(in->status, 200);
    assert_null(op_pending());
    TEXT(in->body, "m=audio 30000 RTP/AVP 0 126\r\n", "m=video 30002 RTP/AVPF 102\r\n", "!opus", "!VP8", "a=sendrecv\r\n");
    ack(in);
    hang_up(SIP_W2);
}

static void test_core_moves(void **state)
{
    struct sip_in *in;

    (void)state;
    world_open(1);
    establish(AUDIO_ONLY("sendrecv"), MW_HEAD MW_AUDIO("49170", "sendrecv"));
    in = inside(dlg_of(SIP_MW), "INVITE", MW_HEAD MW_AUDIO("49999", "sendrecv") "a=rtcp:50001\r\n");
    assert_null(out_pending("INVITE"));
    OP("MOD ip/1/core/7\n S1 - R(v=0| c=IN IP4 10.20.0.99| m=audio 49999 RTP/AVP 0 126| ", "a=rtcp:50001|");
    op_ok(op_pending());
    assert_int_equal(in->status, 200);
    ack(in);
    hang_up(SIP_MW);
}

static void test_ice_restart(void **state)
{
    struct sip_in *in;

    (void)state;
    world_open(1);
    establish(AUDIO_ONLY("sendrecv"), MW_HEAD MW_AUDIO("49170", "sendrecv"));
    in = inside(dlg_of(SIP_W2), "INVITE",
                W2_HEAD "m=audio 9 UDP/TLS/RTP/SAVPF 111 0 8 126\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:NEWW\r\n"
                "a=ice-pwd:newnewnewnewnewnewnewnew\r\n" W2_SEC("actpass") "a=mid:0\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\n"
                "a=rtpmap:126 telephone-event/8000\r\n");
    assert_null(out_pending("INVITE"));
    OP("MOD ip/1/access/8\n S1 - L(v=0| c=IN IP4 198.51.100.20| m=audio 40002 UDP/TLS/RTP/SAVPF 0 126| ",
       "a=ice-ufrag:$| a=ice-pwd:$| a=candidate:1 1 udp 2130706431 198.51.100.20 40002", "R(v=0| c=IN IP4 0.0.0.0| m=audio 9 ",
       "a=ice-ufrag:NEWW|", "!EstBNC");
    op_ok(op_pending());
    assert_int_equal(in->status, 200);
    TEXT(in->body, "a=ice-ufrag:uf40004\r\n", "m=audio 40002 ");
    ack(in);
    hang_up(SIP_W2);
}

/* Video comes and goes, from either side. */
static void test_video_by_wic(void **state)
{
    struct sip_in *in;

    (void)state;
    world_open(1);
    establish(AUDIO_ONLY("sendrecv"), MW_HEAD MW_AUDIO("49170", "sendrecv"));
    in = inside(dlg_of(SIP_W2), "INVITE", A1);
    OP("MOD ip/1/core/7", "S2 in L(v=0| c=IN IP4 $| m=video $ RTP/AVPF 96 102| ", "!S1");
    op_ok(op_pending());
    TEXT(out_pending("INVITE")->body, "m=audio 30000 ", "m=video 30004 RTP/AVPF 96 102\r\n");
    respond(out_pending("INVITE"), 200, A3);
    OP("MOD ip/1/access/8", "S2 sr L(v=0| c=IN IP4 $| m=video $ UDP/TLS/RTP/SAVPF 102| ", "EstBNC astuns ev-dtls", "S1 - astuns ev-dtls");
    op_ok(op_pending());
    OP("MOD ip/1/core/7", "S2 sr R(v=0| c=IN IP4 10.20.0.99| m=video 49180", "!S1 sr");
    op_ok(op_pending());
    assert_int_equal(in->status, 200);
    TEXT(in->body, "m=audio 40002 ", "m=video 40006 UDP/TLS/RTP/SAVPF 102\r\n");
    ack(in);
    in = inside(dlg_of(SIP_W2), "INVITE", AUDIO_ONLY("sendrecv") "m=video 0 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\n");
    assert_null(op_pending());
    TEXT(out_pending("INVITE")->body, "m=audio 30000 ", "m=video 0 RTP/AVPF ");
    respond(out_pending("INVITE"), 200, MW_HEAD MW_AUDIO("49170", "sendrecv") "m=video 0 RTP/AVPF 102\r\n");
    OP("MOD ip/1/access/8\n S2 - L{} R{}");
    op_ok(op_pending());
    OP("MOD ip/1/core/7\n S2 - L{} R{}");
    op_ok(op_pending());
    TEXT(in->body, "m=audio 40002 ", "m=video 0 ", "a=mid:1\r\n");
    ack(in);
    assert_int_equal(W.calls->list->lay->n_rtp, 1);
    /* and again in the same place */
    in = inside(dlg_of(SIP_W2), "INVITE", A1);
    OP("S2 in L(");
    op_ok(op_pending());
    respond(out_pending("INVITE"), 488, NULL);
    OP("MOD ip/1/core/7\n S2 - L{} R{}");
    op_ok(op_pending());
    assert_int_equal(in->status, 488);
    hang_up(SIP_W2);
}

static void test_video_by_core(void **state)
{
    struct sip_in *in;

    (void)state;
    world_open(1);
    establish(AUDIO_ONLY("sendrecv"), MW_HEAD MW_AUDIO("49170", "sendrecv"));
    in = inside(dlg_of(SIP_MW), "INVITE", A3);
    OP("MOD ip/1/access/8", "S2 in L(v=0| c=IN IP4 $| m=video $ UDP/TLS/RTP/SAVPF 102| ", "ev-dtls", "S1 - astuns");
    op_ok(op_pending());
    TEXT(out_pending("INVITE")->body, "m=audio 40002 UDP/TLS/RTP/SAVPF 0 126\r\n", "m=video 40004 UDP/TLS/RTP/SAVPF 102\r\n", "a=mid:1\r\n",
         "a=rtcp-fb:102 nack pli\r\n");
    respond(out_pending("INVITE"), 200, W2_ANSWER("0 126", "sendrecv") W2_VIDEO("102", "active"));
    OP("MOD ip/1/access/8", "S2 sr R(", "S1 - astuns", "!EstBNC");
    op_ok(op_pending());
    OP("MOD ip/1/core/7", "S2 sr L(v=0| c=IN IP4 $| m=video $ RTP/AVPF 102| ", "R(v=0| c=IN IP4 10.20.0.99| m=video 49180 ");
    op_ok(op_pending());
    assert_int_equal(in->status, 200);
    TEXT(in->body, "m=audio 30000 ", "m=video 30006 RTP/AVPF 102\r\n");
    ack(in);
    in = inside(dlg_of(SIP_MW), "INVITE", MW_HEAD MW_AUDIO("49170", "sendrecv") "m=video 0 RTP/AVPF 102\r\n");
    TEXT(out_pending("INVITE")->body, "m=video 0 UDP/TLS/RTP/SAVPF 102\r\n");
    respond(out_pending("INVITE"), 200, W2_ANSWER("0 126", "sendrecv") "m=video 0 UDP/TLS/RTP/SAVPF 102\r\na=mid:1\r\n");
    all_ok();
    assert_int_equal(in->status, 200);
    TEXT(in->body, "m=video 0 RTP/AVPF 102\r\n");
    ack(in);
    /* the browser refuses: the stream that T1 was asked for leaves again */
    in = inside(dlg_of(SIP_MW), "INVITE", A3);
    op_ok(op_pending());
    respond(out_pending("INVITE"), 488, NULL);
    OP("MOD ip/1/access/8\n S2 - L{} R{}");
    op_ok(op_pending());
    assert_int_equal(in->status, 488);
    hang_up(SIP_MW);
}

/* F20: audio, video and channels in one call, a transport each. */
static void test_all_kinds(void **state)
{
    struct sip_in *in;

    (void)state;
    world_open(1);
    in = originate(W2_HEAD "a=group:BUNDLE 0 1 2\r\n" W2_AUDIO("54400", "111 0 126", "actpass", "sendrecv") W2_VIDEO("96 97 102", "actpass")
                       W2_DC("2", "actpass"));
    OP("ADD ip/$/core/$", "S1 in realm", "m=audio $ RTP/AVP", "S2 in realm", "S4 in realm=core.example.net L(v=0| c=IN IP4 $| m=message $ TCP -| )",
       "ev-tcp");
    op_ok(op_pending());
    TEXT(out_pending("INVITE")->body, "m=audio 30000 ", "m=video 30002 ", "m=message 31000 TCP/MSRP *\r\n");
    respond(out_pending("INVITE"), 200, A3 MW_MSRP("49200", "active"));
    OP("S1 sr R(", "S2 sr R(", "S4 sr R(");
    op_ok(op_pending());
    OP("ADD ip/$/access/$ groupse=[SCTP 4]", "S3 sr realm=access.example.net strdeagg=4 L(", "S4 sr sctpid=0", "S1 sr", "S2 sr",
       "!BUNDLE");
    op_ok(op_pending());
    assert_int_equal(in->status, 200);
    TEXT(in->body, "m=audio 4000", "m=video 4000", "m=application 40020 UDP/DTLS/SCTP webrtc-datachannel\r\n", "a=dcmap:0 ", "!BUNDLE");
    ack(in);
    hang_up(SIP_MW);
}

/* The core takes only some of what is offered; the rest is refused in its place. */
static void test_partly_refused(void **state)
{
    struct sip_in *in;

    (void)state;
    world_open(1);
    in = originate(W2_HEAD W2_AUDIO("54400", "111 0 126", "actpass", "sendrecv") W2_VIDEO("96 97 102", "actpass") W2_DC("2", "actpass"));
    op_ok(op_pending());
    respond(out_pending("INVITE"), 200, MW_HEAD MW_AUDIO("49170", "sendrecv") "m=video 0 RTP/AVPF 96\r\nm=message 0 TCP/MSRP *\r\n");
    OP("S1 sr R(", "S2 - L{} R{}", "S4 - L{} R{}");
    op_ok(op_pending());
    OP("ADD ip/$/access/$", "S1 sr", "!S2", "!S3", "!groupse");
    op_ok(op_pending());
    assert_int_equal(in->status, 200);
    TEXT(in->body, "m=audio 40004 ", "m=video 0 UDP/TLS/RTP/SAVPF 96 97 102\r\n", "a=mid:1\r\n", "m=application 0 ", "a=mid:2\r\n");
    ack(in);
    /* and the channel is asked for again */
    in = inside(dlg_of(SIP_W2), "INVITE",
                AUDIO_ONLY("sendrecv") "m=video 0 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\n" W2_DC("2", "actpass"));
    OP("MOD ip/1/core/7", "S3 in L(v=0| c=IN IP4 $| m=message $ TCP");
    op_ok(op_pending());
    respond(out_pending("INVITE"), 200, MW_HEAD MW_AUDIO("49170", "sendrecv") "m=video 0 RTP/AVPF 96\r\n" MW_MSRP("49200", "active"));
    OP("MOD ip/1/access/8 groupse=[SCTP 3]", "S2 sr strdeagg=3 L(v=0| c=IN IP4 $| m=application $", "EstBNC", "S1 - astuns");
    all_ok();
    assert_int_equal(in->status, 200);
    TEXT(in->body, "m=video 0 ", "m=application 40020 ");
    ack(in);
    hang_up(SIP_W2);
}

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
    TEXT(out_pending("INVITE")->body, "m=audio 30000 RTP/SAVP 0 126\r\n", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:", "!d0Rm");
    respond(out_pending("INVITE"), 200, MW_HEAD "m=audio 49170 RTP/SAVP 0 126\r\na=rtpmap:126 telephone-event/8000\r\n"
                                                "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\r\n");
    OP("S1 sr R(", "inline:WVNf");
    op_ok(op_pending());
    OP("ADD ip/$/access/$", "L(v=0| c=IN IP4 $| m=audio $ RTP/SAVP 0 126|", "a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:",
       "R(v=0| c=IN IP4 203.0.113.7| m=audio 5000 RTP/SAVP 0 126|", "a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:d0Rm", " latch", "!astuns", "!EstBNC",
       "!ice", "!fingerprint", "!mux");
    op_ok(op_pending());
    assert_int_equal(in->status, 200);
    TEXT(in->body, "m=audio 40002 RTP/SAVP 0 126\r\n", "a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:", "!d0Rm", "!WVNf", "!mux", "!setup");
    ack(in);
    hang_up(SIP_W2);
}

static void test_refused_offers(void **state)
{
    static const struct {
        enum sip_side side;
        const char *body, *warning;
    } rows[] = {
        {SIP_W2, W2_HEAD "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\n" W2_SEC("actpass") "a=rtpmap:111 opus/48000/2\r\n", "305"},
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
        cmocka_unit_test(test_offerless_inside),
        cmocka_unit_test(test_early),
        cmocka_unit_test(test_early_both_ways),
        cmocka_unit_test(test_early_fork),
        cmocka_unit_test(test_early_useless),
        cmocka_unit_test(test_offerless),
        cmocka_unit_test(test_offerless_faults),
        cmocka_unit_test(test_bundle_only_strict),
        cmocka_unit_test(test_bundle),
        cmocka_unit_test(test_bundle_offered),
        cmocka_unit_test(test_sdes),
        cmocka_unit_test(test_refused_offers),
        cmocka_unit_test(test_bad_answers),
        cmocka_unit_test(test_hold_by_wic),
        cmocka_unit_test(test_hold_by_core),
        cmocka_unit_test(test_again),
        cmocka_unit_test(test_core_moves),
        cmocka_unit_test(test_ice_restart),
        cmocka_unit_test(test_video_by_wic),
        cmocka_unit_test(test_video_by_core),
        cmocka_unit_test(test_all_kinds),
        cmocka_unit_test(test_partly_refused),
        cmocka_unit_test(test_incoming),
        cmocka_unit_test(test_incoming_passive),
        cmocka_unit_test(test_outgoing),
    };

    log_init(LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
