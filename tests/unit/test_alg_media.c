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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_incoming),
        cmocka_unit_test(test_incoming_passive),
        cmocka_unit_test(test_outgoing),
    };

    log_init(LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
