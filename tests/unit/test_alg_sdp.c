/* The two dialects and the rules between them: the forms that browsers and charts use, old ones, and bad ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "alg/sdp/ims.h"
#include "alg/sdp/own.h"
#include "alg/sdp/web.h"

#define FP "4F:EC:4F:EC:4F:EC:4F:EC:4F:EC:4F:EC:4F:EC:4F:EC:4F:EC:4F:EC:4F:EC:4F:EC:4F:EC:4F:EC:4F:EC:4F:EC"
#define HEAD "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
#define LINE "m=application 54111 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 203.0.113.7\r\n"
#define ICE "a=ice-ufrag:4ZcD\r\na=ice-pwd:2/1muCWoOi3uLifh0NuRHlZw\r\n"
#define SEC "a=fingerprint:sha-256 " FP "\r\na=setup:actpass\r\n"
#define SCTP "a=sctp-port:5000\r\n"
#define CHAN "a=dcmap:0 subprotocol=\"MSRP\"\r\na=dcsa:0 setup:actpass\r\na=dcsa:0 path:msrps://a.invalid:9/x;dc\r\n"

static struct sdp *parse(struct arena *a, const char *text)
{
    struct sdp_err e = {0};
    struct sdp *s = NULL;

    if (sdp_parse(a, sv_from(text), SDP_SIP, &s, &e))
        fail_msg("%u:%u %s", e.line, e.column, e.why);
    return s;
}

static void test_rules_are_sane(void **state)
{
    const struct rule *r;
    unsigned n;

    (void)state;
    r = rules_table(&n);
    assert_true(n > 20);
    for (unsigned i = 0; i < n; i++) {
        assert_true(r[i].scope != 0);
        for (unsigned k = i + 1; k < n; k++) /* one row decides */
            assert_false(!strcmp(r[i].name, r[k].name) && (r[i].scope & r[k].scope));
    }
    assert_int_equal(rule_of(SV("x-google-flag"), RULE_MSRP, RULE_TO_MW), RULE_DROP);
    assert_int_equal(rule_of(SV("candidate"), RULE_DC, RULE_TO_MW), RULE_DROP);
    assert_int_equal(rule_of(SV("path"), RULE_MSRP, RULE_TO_W2), RULE_KEEP);
}

/* C1: the seed's form, drawn syntax included; it has no ICE, which the figure leaves out. */
static void test_seed_form(void **state)
{
    struct arena *a = arena_new(1u << 20);
    struct web_desc d;

    (void)state;
    assert_int_equal(web_read(a, parse(a, HEAD LINE ICE "a=max-message-size:100000\r\na=sctp-port 5000\r\na=setup=actpass\r\n"
                                       "a=connection:new\r\na=fingerprint:sha-256 " FP "\r\na=dcmap:0 subprotocol=MSRP\r\n"
                                       "a=dcsa:0 setup=actpass\r\na=dcsa:0 path;msrps://a.invalid:54111/si438dsaodes;dc\r\n"),
                              &sdp_policy_default, &d), 0);
    assert_int_equal(d.dc, 0);
    assert_int_equal(d.n_chans, 1);
    assert_int_equal(d.remote.sctp_port, 5000);
    assert_int_equal(d.remote.max_message_size, 100000);
    assert_true(d.remote.connection);
    assert_int_equal(d.remote.t.setup, SDP_SETUP_ACTPASS);
    assert_int_equal(d.chans[0].setup, SDP_SETUP_ACTPASS);
    assert_true(sv_is(d.chans[0].path, "msrps://a.invalid:54111/si438dsaodes;dc"));
    arena_free(a);
}

static void test_old_syntax(void **state)
{
    struct arena *a = arena_new(1u << 20);
    struct web_desc d;

    (void)state;
    assert_int_equal(web_read(a, parse(a, HEAD "m=application 9 DTLS/SCTP 5001\r\nc=IN IP4 0.0.0.0\r\n" ICE SEC
                                       "a=sctpmap:5001 webrtc-datachannel 1024\r\n" CHAN), &sdp_policy_default, &d), 0);
    assert_int_equal(d.dc, 0);
    assert_true(d.remote.legacy);
    assert_int_equal(d.remote.sctp_port, 5001);
    assert_int_equal(d.remote.max_message_size, 65536);
    assert_int_equal(web_read(a, parse(a, HEAD "m=application 9 DTLS/SCTP 5001\r\nc=IN IP4 0.0.0.0\r\n" ICE SEC
                                       "a=sctpmap:5002 webrtc-datachannel 1024\r\n" CHAN), &sdp_policy_default, &d), 0);
    assert_int_equal(d.dc, -1);
    arena_free(a);
}

/* Security and ICE may stand at session level; sha-1 alone will not do; only useful candidates go on. */
static void test_levels(void **state)
{
    struct arena *a = arena_new(1u << 20);
    const struct sdp_attr *at;
    struct web_desc d;
    unsigned n = 0;

    (void)state;
    assert_int_equal(web_read(a, parse(a, HEAD ICE SEC "a=fingerprint:sha-1 AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA\r\n"
                                       LINE SCTP "a=candidate:1 1 udp 1 5d1.local 5 typ host\r\n"
                                       "a=candidate:1 1 tcp 1 203.0.113.7 9 typ host tcptype active\r\n"
                                       "a=candidate:1 1 udp 1 203.0.113.7 5 typ host\r\na=candidate:rubbish\r\n" CHAN), &sdp_policy_default, &d), 0);
    assert_int_equal(d.dc, 0);
    for (at = d.remote.t.candidates; at; at = at->next)
        n++;
    assert_int_equal(n, 1);
    assert_null(d.remote.t.fingerprints->next);
    arena_free(a);
}

static void test_bad_lines(void **state)
{
    static const char *const bad[] = {
        HEAD LINE SEC SCTP CHAN,                                     /* no ICE */
        HEAD LINE "a=ice-ufrag:4Z\"D\r\na=ice-pwd:2/1muCWoOi3uLifh0NuRHlZw\r\n" SEC SCTP CHAN,
        HEAD LINE ICE "a=setup:actpass\r\n" SCTP CHAN,               /* no fingerprint */
        HEAD LINE ICE "a=fingerprint:sha-256 00\r\na=setup:actpass\r\n" SCTP CHAN,
        HEAD LINE ICE "a=fingerprint:sha-256 " FP "\r\n" SCTP CHAN,  /* no setup */
        HEAD LINE ICE SEC CHAN,                                      /* no sctp-port: no default (RFC 8841) */
        HEAD LINE ICE SEC "a=sctp-port:0\r\n" CHAN,
        HEAD LINE ICE SEC "a=sctp-port:70000\r\n" CHAN,
        HEAD LINE ICE SEC SCTP "a=max-message-size:x\r\n" CHAN,
        HEAD LINE ICE SEC SCTP CHAN CHAN,                            /* one id twice */
        HEAD "m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=bundle-only\r\n" ICE SEC SCTP CHAN,
        HEAD "m=application 9 UDP/BFCP *\r\nc=IN IP4 0.0.0.0\r\n" ICE SEC SCTP CHAN,
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
        struct arena *a = arena_new(1u << 20);
        struct web_desc d;

        assert_int_equal(web_read(a, parse(a, bad[i]), &sdp_policy_default, &d), 0);
        assert_int_equal(d.dc, -1);
        assert_int_equal(d.why.status, 488);
        arena_free(a);
    }
}

static void test_bounds(void **state)
{
    static char text[60000];
    struct arena *a = arena_new(1u << 22);
    struct buf b = buf_over(text, sizeof text - 1);
    struct web_desc d;
    struct ims_desc m;

    (void)state;
    buf_str(&b, HEAD LINE ICE SEC SCTP);
    for (int i = 0; i < 40; i++)
        buf_printf(&b, "a=dcmap:%d subprotocol=\"MSRP\"\r\na=dcsa:%d path:msrps://x:9/y;dc\r\n", i, i);
    text[b.len] = '\0';
    assert_int_equal(web_read(a, parse(a, text), &sdp_policy_default, &d), 0);
    assert_int_equal(d.n_chans, DC_CHAN_MAX);
    assert_int_equal(d.left_out, 40 - DC_CHAN_MAX);
    b = buf_over(text, sizeof text - 1);
    buf_str(&b, HEAD LINE ICE SEC SCTP CHAN);
    for (int i = 0; i <= DC_ATTR_MAX; i++)
        buf_printf(&b, "a=dcsa:0 file-range:%d-9\r\n", i);
    text[b.len] = '\0';
    assert_int_equal(web_read(a, parse(a, text), &sdp_policy_default, &d), 0);
    assert_int_equal(d.n_chans, 0);
    b = buf_over(text, sizeof text - 1);
    buf_str(&b, "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\n");
    for (int i = 0; i <= SDP_LINES_MAX; i++)
        buf_str(&b, "m=message 1 TCP/MSRP *\r\n");
    text[b.len] = '\0';
    assert_int_equal(ims_read(a, parse(a, text), &sdp_policy_default, &m), -EPROTO);
    assert_int_equal(m.why.status, 488);
    arena_free(a);
}

static void test_channels_that_msrp_forbids(void **state)
{
    static const char *const maps[] = {
        "a=dcmap:0 subprotocol=\"t140\"\r\n", "a=dcmap:0 subprotocol=\"MSRP\";ordered=false\r\n",
        "a=dcmap:0 subprotocol=\"MSRP\";max-time=100\r\n", "a=dcmap:65535 subprotocol=\"MSRP\"\r\n", "a=dcmap:0\r\n",
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(maps); i++) {
        struct arena *a = arena_new(1u << 20);
        struct web_desc d;
        char *text = arena_printf(a, "%s%sa=dcsa:0 path:msrps://x:9/y;dc\r\n", HEAD LINE ICE SEC SCTP, maps[i]);

        assert_int_equal(web_read(a, parse(a, text), &sdp_policy_default, &d), 0);
        assert_int_equal(d.n_chans, 0);
        assert_int_equal(d.left_out, 1);
        arena_free(a);
    }
}

/* RFC 4145 4.1 with RFC 4975's default. */
static void test_setup(void **state)
{
    (void)state;
    assert_int_equal(dc_answer_setup(SDP_SETUP_ACTPASS, SDP_SETUP_ACTIVE), SDP_SETUP_ACTIVE);
    assert_int_equal(dc_answer_setup(SDP_SETUP_ACTPASS, SDP_SETUP_NONE), SDP_SETUP_PASSIVE);
    assert_int_equal(dc_answer_setup(SDP_SETUP_ACTIVE, SDP_SETUP_ACTIVE), SDP_SETUP_NONE);
    assert_int_equal(dc_answer_setup(SDP_SETUP_PASSIVE, SDP_SETUP_NONE), SDP_SETUP_ACTIVE);
    assert_int_equal(dc_answer_setup(SDP_SETUP_NONE, SDP_SETUP_NONE), SDP_SETUP_PASSIVE);
    assert_int_equal(dc_answer_setup(SDP_SETUP_ACTPASS, SDP_SETUP_ACTPASS), SDP_SETUP_NONE);
    assert_int_equal(dc_answer_setup(SDP_SETUP_ACTPASS, SDP_SETUP_HOLDCONN), SDP_SETUP_NONE);
    assert_int_equal(web_role(SDP_SETUP_ACTPASS, SDP_SETUP_PASSIVE), SDP_SETUP_PASSIVE);
    assert_int_equal(web_role(SDP_SETUP_ACTIVE, SDP_SETUP_ACTIVE), SDP_SETUP_PASSIVE);
    assert_int_equal(web_role(SDP_SETUP_HOLDCONN, SDP_SETUP_ACTIVE), SDP_SETUP_NONE);
}

static void test_ims_lines(void **state)
{
    struct arena *a = arena_new(1u << 20);
    struct ims_desc d;

    (void)state;
    assert_int_equal(ims_read(a, parse(a, "v=0\r\no=- 1 2 IN IP4 1.2.3.4\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\n"
                                       "m=audio 4 RTP/AVP 0\r\nm=message 0 TCP/MSRP *\r\na=path:msrp://x:1/y;tcp\r\n"
                                       "m=message 5 TCP/TLS/MSRP *\r\na=path:msrps://x:1/y;tcp\r\n"
                                       "m=message 6 TCP/MSRP *\r\nm=message 7 TCP/MSRP *\r\nc=IN IP4 host.example\r\na=path:msrp://x:1/y;tcp\r\n"
                                       "m=message 8 TCP/MSRP *\r\na=path:msrp://u@10.0.0.1:8/y;tcp\r\na=setup:passive\r\n"), &sdp_policy_default, &d), 0);
    assert_int_equal(d.n_lines, 6);
    assert_int_equal(d.n_msrp, 1);
    assert_true(d.lines[5].msrp);
    assert_true(ims_is_direct(&d.lines[5], SDP_SETUP_ACTIVE)); /* no cema, but the path says where */
    assert_false(ims_is_direct(&d.lines[5], SDP_SETUP_PASSIVE));
    arena_free(a);
}

/* RFC 3264 8: the version moves when the body does; a refused offer was never said. */
static void test_own_versions(void **state)
{
    struct arena *a = arena_new(1u << 20);
    struct sdp_own own = {0};
    struct sdp *s = parse(a, HEAD "m=message 0 TCP/MSRP *\r\nc=IN IP4 0.0.0.0\r\n");

    (void)state;
    assert_int_equal(sdp_own_print(&own, s, SV("IP4"), SV("10.0.0.1")), 0);
    assert_int_equal(own.version, 1);
    assert_int_equal(sdp_own_print(&own, s, SV("IP4"), SV("10.0.0.1")), 0);
    assert_int_equal(own.version, 1);
    sdp_own_agree(&own);
    s->media->port = 5;
    assert_int_equal(sdp_own_print(&own, s, SV("IP4"), SV("10.0.0.1")), 0);
    assert_int_equal(own.version, 2);
    assert_non_null(strstr(own.body, "m=message 5 "));
    sdp_own_undo(&own);
    assert_non_null(strstr(own.body, "m=message 0 "));
    s->media->port = 0;
    assert_int_equal(sdp_own_print(&own, s, SV("IP4"), SV("10.0.0.1")), 0);
    assert_int_equal(own.version, 3);
    sdp_own_fini(&own);
    arena_free(a);
}

/* A gateway's Local that leaves something open is no description to show to a browser. */
static void test_local(void **state)
{
    static const char *const bad[] = {
        "v=0\r\nc=IN IP4 $\r\nm=application $ UDP/DTLS/SCTP webrtc-datachannel\r\na=sctp-port:$\r\n",
        "v=0\r\nc=IN IP4 1.2.3.4\r\nm=application 5 UDP/DTLS/SCTP webrtc-datachannel\r\na=sctp-port:5000\r\n" ICE,
        "v=0\r\nc=IN IP4 1.2.3.4\r\nm=application 5 UDP/DTLS/SCTP webrtc-datachannel\r\na=sctp-port:5000\r\na=ice-ufrag:4Z\r\na=fingerprint:sha-256 " FP "\r\n",
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
        struct arena *a = arena_new(1u << 20);
        struct web_local l;
        struct sdp_err e;
        struct sdp *s;

        assert_int_equal(sdp_parse(a, sv_from(bad[i]), SDP_H248, &s, &e), 0);
        assert_int_equal(web_local_read(a, s, &l), -EBADMSG);
        arena_free(a);
    }
}

static void read_codecs(struct arena *a, const char *line, enum rtp_kind kind, struct codec_list *out)
{
    codec_read(parse(a, arena_printf(a, "%s%s", HEAD "c=IN IP4 10.0.0.1\r\n", line))->media, kind, &sdp_policy_default, out);
}

/* sip-sdp 3.9: one audio codec with what belongs to it; the numbers of each side; what looks alike and is not. */
static void test_codecs_agree(void **state)
{
    static const struct {
        enum rtp_kind kind;
        const char *offer, *answer, *mine, *theirs;
    } rows[] = {
        {RTP_AUDIO, "m=audio 9 RTP/AVP 111 0 110 126 13\r\na=rtpmap:111 opus/48000/2\r\na=rtpmap:110 telephone-event/48000\r\na=rtpmap:126 telephone-event/8000\r\n",
         "m=audio 9 RTP/AVP 0 8 111 126 13\r\na=rtpmap:111 opus/48000/2\r\na=rtpmap:126 telephone-event/8000\r\n", "0 126 13", "0 126 13"},
        {RTP_AUDIO, "m=audio 9 RTP/AVP 111 110\r\na=rtpmap:111 opus/48000/2\r\na=rtpmap:110 telephone-event/48000\r\n",
         "m=audio 9 RTP/AVP 96 97\r\na=rtpmap:96 OPUS/48000/2\r\na=rtpmap:97 telephone-event/48000\r\n", "111 110", "96 97"},
        {RTP_AUDIO, "m=audio 9 RTP/AVP 111 110 126 13\r\na=rtpmap:111 opus/48000/2\r\na=rtpmap:110 telephone-event/48000\r\na=rtpmap:126 telephone-event/8000\r\n",
         "m=audio 9 RTP/AVP 111 126 110 13\r\na=rtpmap:111 opus/48000/2\r\na=rtpmap:110 telephone-event/48000\r\na=rtpmap:126 telephone-event/8000\r\n",
         "111 110", "111 110"}, /* events and comfort noise of another clock than the codec's */
        {RTP_AUDIO, "m=audio 9 RTP/AVP 111\r\na=rtpmap:111 opus/48000/2\r\n", "m=audio 9 RTP/AVP 111\r\na=rtpmap:111 opus/48000\r\n", "0", "0"},
        {RTP_AUDIO, "m=audio 9 RTP/AVP 97\r\na=rtpmap:97 AMR/8000\r\n",
         "m=audio 9 RTP/AVP 97\r\na=rtpmap:97 AMR/8000\r\na=fmtp:97 octet-align=1\r\n", "0", "0"},
        {RTP_VIDEO, "m=video 9 RTP/AVPF 98 102\r\na=rtpmap:98 H264/90000\r\na=rtpmap:102 H264/90000\r\na=fmtp:102 packetization-mode=1\r\n",
         "m=video 9 RTP/AVPF 99\r\na=rtpmap:99 H264/90000\r\na=fmtp:99 profile-level-id=42e01f; packetization-mode=1\r\n", "102", "99"},
        {RTP_VIDEO, "m=video 9 RTP/AVPF 96 97\r\na=rtpmap:96 VP8/90000\r\na=rtpmap:97 H264/90000\r\n",
         "m=video 9 RTP/AVPF 97 96\r\na=rtpmap:96 VP8/90000\r\na=rtpmap:97 H264/90000\r\n", "97 96", "97 96"},
        {RTP_VIDEO, "m=video 9 RTP/AVPF 96\r\na=rtpmap:96 VP8/90000\r\n",
         "m=video 9 RTP/AVPF 97 98\r\na=rtpmap:97 VP8/90000\r\na=rtpmap:98 VP8/90000\r\n", "96", "97"},
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena *a = arena_new(1u << 20);
        struct codec_list offered, answered, mine, theirs;

        read_codecs(a, rows[i].offer, rows[i].kind, &offered);
        read_codecs(a, rows[i].answer, rows[i].kind, &answered);
        codec_agree(&offered, &answered, rows[i].kind, &mine, &theirs);
        assert_true(sv_is(codec_fmts(a, &mine), rows[i].mine));
        assert_true(sv_is(codec_fmts(a, &theirs), rows[i].theirs));
        arena_free(a);
    }
}

static void test_codec_bounds(void **state)
{
    static char text[40000];
    struct buf b = buf_over(text, sizeof text - 1);
    struct arena *a = arena_new(1u << 22);
    struct codec_list l;

    (void)state;
    buf_str(&b, "m=audio 9 RTP/AVP");
    for (int i = 0; i < 128; i++)
        buf_printf(&b, " %d", i);
    buf_str(&b, "\r\n");
    for (int i = 0; i < 128; i++)
        buf_printf(&b, "a=rtpmap:%d opus/48000/2\r\n", i);
    text[b.len] = '\0';
    read_codecs(a, text, RTP_AUDIO, &l);
    assert_int_equal(l.n, CODEC_MAX);
    read_codecs(a, "m=audio 9 RTP/AVP 0 0 0 300 99999999999 8x -3 50 51 52\r\na=rtpmap:50 opus/0\r\na=rtpmap:51 /8000\r\na=rtpmap:52 PCMU/8000/999\r\n",
                RTP_AUDIO, &l);
    assert_int_equal(l.n, 1); /* once, and nothing of the rest */
    b = buf_over(text, sizeof text - 1);
    buf_str(&b, "m=audio 9 RTP/AVP 0\r\na=fmtp:0 ");
    for (int i = 0; i <= CODEC_FMTP_MAX; i++)
        buf_str(&b, "x");
    buf_str(&b, "\r\n");
    text[b.len] = '\0';
    read_codecs(a, text, RTP_AUDIO, &l);
    assert_int_equal(l.n, 0);
    arena_free(a);
}

/* What the core is told: feedback with a profile that has it (RFC 4585), the port of RTCP when it is not the next one (RFC 3605). */
static void test_to_core(void **state)
{
    static const struct {
        const char *proto;
        uint16_t rtcp;
        bool has_fb, has_rtcp;
    } rows[] = {{"RTP/AVPF", 0, true, false}, {"RTP/AVP", 40007, false, true}, {"RTP/SAVPF", 40007, true, true}};

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena *a = arena_new(1u << 20);
        struct sdp *s = sdp_new(a);
        struct codec_list l;
        struct rtp_out o = {.kind = RTP_VIDEO, .proto = sv_from(rows[i].proto), .addrtype = SV("IP4"), .addr = SV("10.0.0.1"), .port = 40000,
                            .rtcp_port = rows[i].rtcp, .codecs = &l};
        const struct sdp_attr *rtcp;

        read_codecs(a, "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack pli\r\n", RTP_VIDEO, &l);
        assert_int_equal(rtp_write_mw(a, &o, s), 0);
        rtcp = sdp_attr_find(s->media->attrs, "rtcp");
        assert_int_equal(sdp_attr_find(s->media->attrs, "rtcp-fb") != NULL, rows[i].has_fb);
        assert_int_equal(rtcp != NULL, rows[i].has_rtcp);
        assert_true(!rtcp || sv_is(rtcp->value, "40007"));
        arena_free(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules_are_sane), cmocka_unit_test(test_seed_form),  cmocka_unit_test(test_old_syntax),
        cmocka_unit_test(test_levels),         cmocka_unit_test(test_bad_lines),  cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_channels_that_msrp_forbids), cmocka_unit_test(test_setup), cmocka_unit_test(test_ims_lines),
        cmocka_unit_test(test_own_versions),   cmocka_unit_test(test_local),
        cmocka_unit_test(test_codecs_agree),   cmocka_unit_test(test_codec_bounds), cmocka_unit_test(test_to_core),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
