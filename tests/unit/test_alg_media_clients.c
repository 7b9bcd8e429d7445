/* Both families on both sides, clients that are no browsers, and what browsers trickle (sip-sdp 3.5, 3.8). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/log.h"
#include "tests/fake/call_steps.h"

#define W6(port, addr, cand) \
    W2_HEAD "m=audio " port " UDP/TLS/RTP/SAVPF 0 126\r\nc=IN IP6 " addr "\r\n" cand W2_ICE W2_SEC("actpass") \
    "a=mid:0\r\na=rtcp-mux\r\na=rtpmap:126 telephone-event/8000\r\n"
#define MW6 "v=0\r\no=ue 5 5 IN IP6 fd00::99\r\ns=-\r\nc=IN IP6 fd00::99\r\nt=0 0\r\n"
#define CAND6 "a=candidate:2 1 udp 1686052607 2001:db8:7::1 54400 typ srflx raddr :: rport 0\r\n"

/* Each side keeps its own; none hears the other's. */
static void test_both_families(void **state)
{
    struct sip_in *in;

    (void)state;
    world_open(1); /* the WIC has IPv6, the core IPv4 */
    in = originate(W6("54400", "2001:db8:7::1", CAND6));
    OP("ADD ip/$/core/$", "c=IN IP4 $");
    op_ok(op_pending());
    TEXT(out_pending("INVITE")->body, "c=IN IP4 10.20.0.5\r\n", "!2001:", "!IP6");
    respond(out_pending("INVITE"), 200, MW_HEAD MW_AUDIO("49170", "sendrecv"));
    op_ok(op_pending());
    OP("ADD ip/$/access/$", "L(v=0| c=IN IP6 $|", "R(v=0| c=IN IP6 2001:db8:7::1| m=audio 54400 ", "2001:db8:7::1 54400 typ srflx");
    op_ok(op_pending());
    TEXT(in->body, "IN IP6 2001:db8::20\r\ns=-", "m=audio 40002 UDP/TLS/RTP/SAVPF 0 126\r\nc=IN IP6 2001:db8::20\r\n", "!IP4", "!10.20.0");
    ack(in);
    hang_up(SIP_W2);
    world_open(1); /* the other way about */
    W.calls->conf.core_v6 = true;
    in = originate(AUDIO_ONLY("sendrecv"));
    OP("ADD ip/$/core/$", "c=IN IP6 $");
    op_ok(op_pending());
    TEXT(out_pending("INVITE")->body, " IN IP6 fd00::5\r\ns=-", "c=IN IP6 fd00::5\r\n", "!IP4");
    respond(out_pending("INVITE"), 200, MW6 MW_AUDIO("49170", "sendrecv") "a=rtcp:50001 IN IP6 fd00::99\r\n");
    OP("R(v=0| c=IN IP6 fd00::99| m=audio 49170", "a=rtcp:50001|");
    all_ok();
    TEXT(in->body, "c=IN IP4 198.51.100.20\r\n", "!IP6", "!fd00");
    ack(in);
    hang_up(SIP_W2);
    world_open(1); /* the core calls: T2 has its family, whatever is configured */
    W.calls->conf.access_v6 = true;
    in = terminate(MW6 MW_AUDIO("49170", "sendrecv"));
    OP("ADD ip/$/access/$", "c=IN IP6 $");
    op_ok(op_pending());
    TEXT(out_pending("INVITE")->body, "c=IN IP6 2001:db8::20\r\n", "!fd00");
    respond(out_pending("INVITE"), 200, W2_ANSWER("0 126", "sendrecv"));
    op_ok(op_pending());
    OP("ADD ip/$/core/$", "L(v=0| c=IN IP6 $|", "R(v=0| c=IN IP6 fd00::99|");
    op_ok(op_pending());
    TEXT(in->body, "c=IN IP6 fd00::5\r\n", "!203.0.113");
    ack(in);
    hang_up(SIP_W2);
}

/* Held the old way, with the address of neither family. */
static void test_hold_v6(void **state)
{
    struct sip_in *in;

    (void)state;
    world_open(1);
    W.calls->conf.core_v6 = true;
    establish(AUDIO_ONLY("sendrecv"), MW6 MW_AUDIO("49170", "sendrecv"));
    in = inside(dlg_of(SIP_MW), "INVITE", "v=0\r\no=ue 5 6 IN IP6 fd00::99\r\ns=-\r\nc=IN IP6 ::\r\nt=0 0\r\n" MW_AUDIO("49170", "sendrecv"));
    TEXT(out_pending("INVITE")->body, "a=sendonly\r\n");
    respond(out_pending("INVITE"), 200, W2_ANSWER("0 126", "recvonly"));
    OP("S1 so");
    op_ok(op_pending());
    OP("S1 ro", "! R(");
    op_ok(op_pending());
    ack(in);
    /* another codec: T2's Local is told again, in its family */
    in = inside(dlg_of(SIP_MW), "INVITE", "v=0\r\no=ue 5 7 IN IP6 fd00::99\r\ns=-\r\nc=IN IP6 fd00::99\r\nt=0 0\r\nm=audio 49170 RTP/AVP 99\r\n"
                "a=rtpmap:99 opus/48000/2\r\n");
    respond(out_pending("INVITE"), 200, W2_ANSWER("99", "sendrecv") "a=rtpmap:99 opus/48000/2\r\n");
    OP("MOD ip/1/access/8\n S1 sr L(v=0| c=IN IP4 198.51.100.20| m=audio 40002 UDP/TLS/RTP/SAVPF 99|");
    op_ok(op_pending());
    OP("MOD ip/1/core/7\n S1 sr L(v=0| c=IN IP6 fd00::5| m=audio 30000 RTP/AVP 99|", "R(v=0| c=IN IP6 fd00::99| m=audio 49170 RTP/AVP 99|");
    op_ok(op_pending());
    assert_int_equal(in->status, 200);
    TEXT(in->body, "c=IN IP6 fd00::5\r\n", "m=audio 30000 RTP/AVP 99\r\n");
    ack(in);
    hang_up(SIP_MW);
}

/* Channels, too. */
static void test_channels_v6(void **state)
{
    struct sip_in *in;

    (void)state;
    world_open(1);
    W.calls->conf.core_v6 = true;
    in = originate("v=0\r\no=- 1 2 IN IP6 ::1\r\ns=-\r\nt=0 0\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP6 ::\r\n" W2_ICE
                   W2_SEC("actpass") "a=mid:0\r\na=sctp-port:5000\r\n" WIC_CHAN("0", "actpass"));
    OP("L(v=0| c=IN IP6 $| m=message $ TCP -|");
    op_ok(op_pending());
    respond(out_pending("INVITE"), 200, MW6 "m=message 49200 TCP/MSRP *\r\na=setup:active\r\na=msrp-cema\r\n"
                                            "a=path:msrp://[fd00::99]:49200/jshA7we;tcp\r\n");
    OP("R(v=0| c=IN IP6 fd00::99| m=message 49200 TCP -|");
    op_ok(op_pending());
    OP("L(v=0| c=IN IP6 $| m=application $", "R(v=0| c=IN IP6 ::| m=application 9 ");
    op_ok(op_pending());
    assert_int_equal(in->status, 200);
    ack(in);
    hang_up(SIP_W2);
}

/* trickle, its end, names of mDNS and candidates of TCP: taken without a word, and none reaches the gateway or the core. */
static void test_trickle(void **state)
{
    struct sip_in *in;

    (void)state;
    world_open(1);
    in = originate(W2_HEAD "a=ice-options:trickle ice2\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0 126\r\nc=IN IP4 0.0.0.0\r\n" W2_ICE
                   "a=candidate:1 1 udp 2122260223 4a1b2c3d-1111-4222-8333-444455556666.local 54400 typ host\r\n"
                   "a=candidate:3 1 tcp 1518280447 203.0.113.7 9 typ host tcptype active\r\n"
                   "a=candidate:4 2 udp 2122260222 203.0.113.7 54401 typ host\r\na=candidate:rubbish\r\n"
                   "a=candidate:5 1 udp 1 203.0.113.7 0 typ future\r\n"
                   "a=end-of-candidates\r\n" W2_SEC("actpass") "a=mid:0\r\na=rtcp-mux\r\na=rtpmap:126 telephone-event/8000\r\n");
    op_ok(op_pending());
    TEXT(out_pending("INVITE")->body, "!trickle", "!candidate", "!ice", "!.local");
    respond(out_pending("INVITE"), 200, MW_HEAD MW_AUDIO("49170", "sendrecv"));
    op_ok(op_pending());
    OP("R(v=0| c=IN IP4 0.0.0.0| m=audio 9 ", "!.local", "!tcptype", "!54401", "!rubbish", "!future", "!end-of", "!trickle");
    op_ok(op_pending());
    TEXT(in->body, "a=ice-options:ice2\r\n", "!trickle", "!end-of-candidates");
    ack(in);
    hang_up(SIP_W2);
}

/* SDES of a client with ICE, of IPv6, without muxed RTCP. Keys that the gateway cannot take stand before the one that it can
 * (RFC 4568 5.1.2): with an MKI, two at once, RTCP in clear. */
static void test_sdes(void **state)
{
    static const char others[] = "a=crypto:5 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^20|1:4\r\n"
                                 "a=crypto:6 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz;"
                                 "inline:c1NfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\r\n"
                                 "a=crypto:7 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz UNENCRYPTED_SRTCP\r\n";
    static const char key[] = "a=crypto:3 AEAD_AES_128_GCM inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJQ==\r\n";
    char offer[2048];
    struct sip_in *in;

    (void)state;
    world_open(1);
    snprintf(offer, sizeof offer, W2_HEAD "m=audio 5000 RTP/SAVPF 0 126\r\nc=IN IP6 2001:db8:7::1\r\na=rtcp:5009\r\n" W2_ICE
             "a=rtpmap:126 telephone-event/8000\r\n%s%s", others, key);
    in = originate(offer);
    OP("m=audio $ RTP/AVP 0 126|", "!crypto");
    op_ok(op_pending());
    TEXT(out_pending("INVITE")->body, "RTP/AVP 0 126\r\n", "!crypto", "!inline:d0Rm");
    respond(out_pending("INVITE"), 200, MW_HEAD MW_AUDIO("49170", "sendrecv"));
    op_ok(op_pending());
    OP("L(v=0| c=IN IP6 $| m=audio $ RTP/SAVPF 0 126|", "a=ice-ufrag:$|", "a=crypto:3 AEAD_AES_128_GCM inline:",
       "R(v=0| c=IN IP6 2001:db8:7::1| m=audio 5000 RTP/SAVPF", "a=ice-ufrag:Tw7h|", "inline:d0Rm", "astuns", "!EstBNC", "!fingerprint", "! latch");
    op_ok(op_pending());
    assert_int_equal(in->status, 200);
    TEXT(in->body, "RTP/SAVPF 0 126\r\n", "a=crypto:3 AEAD_AES_128_GCM inline:", "a=ice-ufrag:", "!inline:d0Rm", "!a=fingerprint", "!a=setup");
    ack(in);
    hang_up(SIP_W2);
}

/* DTLS under the name that it had before RFC 5764: so the WIC hears it, so Iq does not, where it would be SDES. */
static void test_savpf_of_dtls(void **state)
{
    static const struct {
        const char *w2, *iq;
    } rows[] = {{"RTP/SAVPF", "UDP/TLS/RTP/SAVPF"}, {"RTP/SAVP", "UDP/TLS/RTP/SAVP"}};
    char text[2048], local[128], remote[128], said[64];
    struct sip_in *in;

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        snprintf(text, sizeof text, W2_HEAD "m=audio 54400 %s 0\r\nc=IN IP4 203.0.113.7\r\n" W2_ICE W2_SEC("actpass") "a=rtcp-mux\r\n",
                 rows[i].w2);
        snprintf(local, sizeof local, "m=audio $ %s 0|", rows[i].iq);
        snprintf(remote, sizeof remote, "m=audio 54400 %s 0|", rows[i].iq);
        snprintf(said, sizeof said, " %s 0\r\n", rows[i].w2);
        world_open(1);
        in = originate(text);
        op_ok(op_pending());
        respond(out_pending("INVITE"), 200, MW_HEAD "m=audio 49170 RTP/AVP 0\r\n");
        op_ok(op_pending());
        OP("ADD ip/$/access/$", local, "a=fingerprint:sha-256 $|", remote, "EstBNC", "!crypto");
        op_ok(op_pending());
        assert_int_equal(in->status, 200);
        TEXT(in->body, said, "a=fingerprint:sha-256 ", "a=setup:active\r\n", "!UDP/TLS", "!crypto");
        ack(in);
        hang_up(SIP_W2);
    }
}

/* RTCP that the core takes at another host (RFC 3605 2.1), until it says otherwise; an address that no socket of ours can send to
 * counts for nothing. */
static void test_rtcp_apart(void **state)
{
    static const struct {
        const char *attr, *told;
    } rows[] = {{"a=rtcp:53020 IN IP4 10.20.0.77\r\n", "a=rtcp:53020 IN IP4 10.20.0.77|"},
                {"a=rtcp:49171 IN IP4 10.20.0.77\r\n", "a=rtcp:49171 IN IP4 10.20.0.77|"},
                {"a=rtcp:53020 IN IP4 10.20.0.99\r\n", "a=rtcp:53020|"},
                {"a=rtcp:53020 IN IP6 fd00::77\r\n", "a=rtcp:53020|"},
                {"a=rtcp:53020 IN IP4 phone.example.net\r\n", "a=rtcp:53020|"},
                {"a=rtcp:53020 IN IP4 0.0.0.0\r\n", "a=rtcp:53020|"},
                {"a=rtcp:49171\r\n", "!a=rtcp"}};
    char text[1024];
    struct sip_in *in;

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        world_open(1);
        in = originate(AUDIO_ONLY("sendrecv"));
        op_ok(op_pending());
        snprintf(text, sizeof text, MW_HEAD MW_AUDIO("49170", "sendrecv") "%s", rows[i].attr);
        respond(out_pending("INVITE"), 200, text);
        OP("R(v=0| c=IN IP4 10.20.0.99| m=audio 49170", rows[i].told);
        all_ok();
        ack(in);
        in = inside(dlg_of(SIP_MW), "INVITE", MW_HEAD MW_AUDIO("49170", "sendrecv")); /* beside RTP again, if it was not */
        if (rows[i].told[0] != '!')
            OP("R(v=0| c=IN IP4 10.20.0.99| m=audio 49170", "!a=rtcp");
        all_ok();
        assert_int_equal(in->status, 200);
        ack(in);
        hang_up(SIP_W2);
    }
}

#define UE_TCP(proto) UE_TCP_AS(proto, "active")
#define UE_TCP_AS(proto, setup) W2_HEAD "m=audio 9 " proto " 0\r\nc=IN IP4 203.0.113.7\r\na=setup:" setup "\r\na=connection:new\r\n" W2_ICE \
    "a=candidate:5 1 TCP 1518280447 203.0.113.7 9 typ host tcptype active\r\na=rtcp-mux\r\n"

/* A UE of annex W whose default candidate is of TCP (RFC 6544 4.5): on Iq and towards the core it is RTP as any other. */
static void test_rtp_tcp(void **state)
{
    static const struct {
        const char *offer;
        bool plain, tcp;
        int status; /* 0: taken */
    } rows[] = {
        {UE_TCP("TCP/RTP/AVP"), true, true, 0},    {UE_TCP("tcp/rtp/avpf"), true, true, 0},
        {UE_TCP("TCP/RTP/AVP"), true, false, 488}, {UE_TCP("TCP/RTP/AVP"), false, false, 488},
        {UE_TCP_AS("TCP/RTP/AVP", "passive"), true, true, 488},
        {UE_TCP("TCP/RTP/SAVP"), true, true, 488}, {UE_TCP("TCP/TLS/RTP/SAVP"), true, true, 488},
        {W2_HEAD "m=audio 9 TCP/RTP/AVP 0\r\nc=IN IP4 203.0.113.7\r\na=setup:active\r\n", true, true, 488}, /* no ICE */
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        struct sip_in *in;

        world_open(1);
        W.calls->conf.policy.plain_rtp = rows[i].plain;
        W.calls->conf.policy.rtp_tcp = rows[i].tcp;
        in = originate(rows[i].offer);
        assert_int_equal(in->status, rows[i].status);
        if (rows[i].status) {
            ended();
            continue;
        }
        OP("m=audio $ RTP/AVP 0|", "!TCP");
        op_ok(op_pending());
        TEXT(out_pending("INVITE")->body, " RTP/AVP 0\r\n", "!TCP", "!setup", "!connection", "!candidate");
        respond(out_pending("INVITE"), 200, MW_HEAD MW_AUDIO("49170", "sendrecv"));
        op_ok(op_pending());
        OP(i ? "L(v=0| c=IN IP4 $| m=audio $ rtp/avpf 0|" : "L(v=0| c=IN IP4 $| m=audio $ RTP/AVP 0|", "astuns", "!TCP/", "!setup", "!EstBNC");
        op_ok(op_pending());
        TEXT(in->body, i ? " tcp/rtp/avpf 0\r\n" : " TCP/RTP/AVP 0\r\n", "a=setup:passive\r\n", "!fingerprint");
        ack(in);
        hang_up(SIP_W2);
    }
}

/* Called, who is no browser is offered RTP without keys, with ICE, where that is allowed; all that ring have to be so. */
static void test_plain_called(void **state)
{
    static const struct {
        bool allowed, first, second, plain;
    } rows[] = {{true, true, true, true}, {true, true, false, false}, {false, true, true, false}, {true, false, false, false}};

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        struct sip_in *in;

        world_open(2);
        W.calls->conf.policy.plain_rtp = rows[i].allowed;
        W.calls->conf.policy.browser = true; /* nothing is bundled where nobody is a browser */
        W.binding[0].msrp_tcp = rows[i].first;
        W.binding[1].msrp_tcp = rows[i].second;
        in = terminate(MW_HEAD MW_AUDIO("49170", "sendrecv"));
        if (rows[i].plain)
            OP("m=audio $ RTP/AVP ", "a=rtcp-mux|", "a=ice-ufrag:$|", "a=ice-pwd:$|", "a=candidate:$|", "astuns", "!fingerprint", "!SAVPF", "!EstBNC");
        else
            OP("m=audio $ UDP/TLS/RTP/SAVPF ", "a=fingerprint:sha-256 $|");
        op_ok(op_pending());
        if (rows[i].plain)
            TEXT(out_pending("INVITE")->body, " RTP/AVP ", "a=rtcp-mux\r\n", "a=ice-ufrag:", "!fingerprint", "!a=setup", "!tls-id", "!BUNDLE");
        else
            TEXT(out_pending("INVITE")->body, " UDP/TLS/RTP/SAVPF ", "a=setup:actpass\r\n", "a=fingerprint:");
        in->cancelled(in->cancelled_arg, NULL);
        world_drain(true, NULL);
        world_close();
    }
}

/* The core has no ICE, so no TCP to speak RTP over. */
static void test_rtp_tcp_of_core(void **state)
{
    (void)state;
    world_open(1);
    W.calls->conf.policy.plain_rtp = W.calls->conf.policy.rtp_tcp = true;
    assert_int_equal(terminate(MW_HEAD "m=audio 49170 TCP/RTP/AVP 0\r\na=setup:passive\r\n")->status, 488);
    ended();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rtp_tcp),       cmocka_unit_test(test_rtp_tcp_of_core), cmocka_unit_test(test_plain_called),
        cmocka_unit_test(test_both_families), cmocka_unit_test(test_hold_v6), cmocka_unit_test(test_channels_v6),
        cmocka_unit_test(test_trickle),       cmocka_unit_test(test_sdes),       cmocka_unit_test(test_savpf_of_dtls),
        cmocka_unit_test(test_rtcp_apart),
    };

    log_init(LOG_ERROR);
    return cmocka_run_group_tests_name("alg/call media: clients", tests, NULL, NULL);
}
