/* Calls with audio and video: what Iq and both sides hear at each step (sip-sdp 3.10 A and B without transcoding, charts F5,
 * F6, F11, F20). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/log.h"
#include "tests/fake/call_steps.h"

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

/* RFC 3264 8.2: the core takes the last line away, and brings it back. The call stands meanwhile. */
static void test_all_taken_by_core(void **state)
{
    struct sip_in *in;

    (void)state;
    world_open(1);
    establish(AUDIO_ONLY("sendrecv"), MW_HEAD MW_AUDIO("49170", "sendrecv"));
    in = inside(dlg_of(SIP_MW), "INVITE", MW_HEAD "m=audio 0 RTP/AVP 0\r\n");
    TEXT(out_pending("INVITE")->body, "m=audio 0 UDP/TLS/RTP/SAVPF ");
    respond(out_pending("INVITE"), 200, W2_HEAD "m=audio 0 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n");
    OP("MOD ip/1/access/8\n S1 in"); /* a termination needs a stream */
    op_ok(op_pending());
    OP("MOD ip/1/core/7\n S1 in");
    op_ok(op_pending());
    assert_int_equal(in->status, 200);
    TEXT(in->body, "m=audio 0 RTP/AVP 0\r\n");
    ack(in);
    in = inside(dlg_of(SIP_MW), "INVITE", MW_HEAD MW_AUDIO("49174", "sendrecv"));
    OP("MOD ip/1/access/8", "S2 in L(v=0| c=IN IP4 $| m=audio $ ");
    op_ok(op_pending());
    respond(out_pending("INVITE"), 200, W2_ANSWER("0 126", "sendrecv"));
    OP("MOD ip/1/access/8", "S2 sr R(");
    op_ok(op_pending());
    OP("MOD ip/1/core/7", "S2 sr L(v=0| c=IN IP4 $| m=audio $ ", "m=audio 49174 ");
    op_ok(op_pending());
    assert_int_equal(in->status, 200);
    ack(in);
    /* but a WIC that refuses all of what is there ends the call */
    in = inside(dlg_of(SIP_MW), "INVITE", MW_HEAD MW_AUDIO("49174", "sendonly"));
    respond(out_pending("INVITE"), 200, W2_HEAD "m=audio 0 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n");
    assert_int_equal(in->status, 500);
    ended();
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_outgoing),
        cmocka_unit_test(test_incoming),
        cmocka_unit_test(test_incoming_passive),
        cmocka_unit_test(test_hold_by_wic),
        cmocka_unit_test(test_hold_by_core),
        cmocka_unit_test(test_again),
        cmocka_unit_test(test_core_moves),
        cmocka_unit_test(test_ice_restart),
        cmocka_unit_test(test_video_by_wic),
        cmocka_unit_test(test_video_by_core),
        cmocka_unit_test(test_all_taken_by_core),
        cmocka_unit_test(test_all_kinds),
        cmocka_unit_test(test_partly_refused),
    };

    log_init(LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
