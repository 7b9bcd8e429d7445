#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/sdp.h"

#define HEAD "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
#define ARENA_LIMIT (4u << 20)
#define PRINT "4F:EC:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:0A"

static const char audio_offer[] =
    "v=0\r\no=- 4611731400430051336 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n"
    "a=extmap-allow-mixed\r\na=msid-semantic: WMS s1\r\n"
    "m=audio 54400 UDP/TLS/RTP/SAVPF 111 0 8 110 126\r\nc=IN IP4 203.0.113.7\r\n"
    "a=rtcp:9 IN IP4 0.0.0.0\r\n"
    "a=candidate:1 1 udp 2122260223 4a1b2c3d-1111-4222-8333-444455556666.local 54400 typ host "
    "generation 0\r\n"
    "a=candidate:2 1 udp 1686052607 203.0.113.7 54400 typ srflx raddr 0.0.0.0 rport 0 "
    "generation 0\r\n"
    "a=candidate:3 1 tcp 1518280447 4a1b2c3d-1111-4222-8333-444455556666.local 9 typ host "
    "tcptype active\r\n"
    "a=ice-ufrag:Tw7h\r\na=ice-pwd:6XOVUD6HpcB4c1M8EB8jXJE9\r\na=ice-options:trickle\r\n"
    "a=fingerprint:sha-256 " PRINT "\r\na=setup:actpass\r\na=mid:0\r\n"
    "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\na=sendrecv\r\na=msid:s1 a1\r\n"
    "a=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\na=rtcp-fb:111 transport-cc\r\n"
    "a=fmtp:111 minptime=10;useinbandfec=1\r\na=rtpmap:0 PCMU/8000\r\n"
    "m=video 54402 UDP/TLS/RTP/SAVPF 96 97 102\r\nc=IN IP4 203.0.113.7\r\na=setup:actpass\r\n"
    "a=mid:1\r\na=recvonly\r\na=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 goog-remb\r\n"
    "a=rtcp-fb:96 nack pli\r\n";

static const char channel_offer[] =
    HEAD "a=group:BUNDLE 0\r\nm=application 54111 UDP/DTLS/SCTP webrtc-datachannel\r\n"
         "c=IN IP4 203.0.113.7\r\n"
         "a=candidate:2 1 udp 1686052607 203.0.113.7 54111 typ srflx raddr 0.0.0.0 rport 0\r\n"
         "a=ice-ufrag:4ZcD\r\na=ice-pwd:2/1muCWoOi3uLifh0NuRHlZw\r\n"
         "a=fingerprint:sha-256 " PRINT "\r\na=tls-id:4a756565cddef001be82\r\n"
         "a=setup:actpass\r\na=mid:0\r\na=sctp-port:5000\r\na=max-message-size:262144\r\n"
         "a=dcmap:0 label=\"chat\";subprotocol=\"MSRP\";ordered=true\r\na=dcsa:0 setup:actpass\r\n"
         "a=dcsa:0 accept-types:message/cpim text/plain\r\na=dcsa:0 accept-wrapped-types:*\r\n"
         "a=dcsa:0 path:msrps://b7xk.invalid:9/si438dsaodes;dc\r\n";

static int set_up(void **state)
{
    *state = arena_new(ARENA_LIMIT);
    return *state ? 0 : -1;
}

static int tear_down(void **state)
{
    arena_free(*state);
    return 0;
}

static struct sdp *parsed(struct arena *a, const char *text, enum sdp_strict strict)
{
    struct sdp *s = NULL;
    struct sdp_err err;
    int code = sdp_parse(a, sv_from(text), strict, &s, &err);

    if (code)
        print_error("%u:%u: %s\n", err.line, err.column, err.why);
    assert_int_equal(code, 0);
    return s;
}

static struct sv printed(struct arena *a, const struct sdp *s)
{
    char *mem = arena_alloc(a, 65536);
    struct buf out = buf_over(mem, 65536);

    assert_int_equal(sdp_print(s, &out), 0);
    return buf_sv(&out);
}

static void test_browser_offers_survive(void **state)
{
    static const char *const offers[] = {audio_offer, channel_offer};

    for (unsigned i = 0; i < ARRAY_LEN(offers); i++) {
        struct sdp *s = parsed(*state, offers[i], SDP_SIP), *copy;

        assert_true(sv_is(printed(*state, s), offers[i])); /* they come in the order we print */
        copy = sdp_copy(*state, s);
        assert_true(sdp_equal(s, copy));
        assert_true(sv_is(printed(*state, copy), offers[i]));
    }
}

static void test_audio_offer(void **state)
{
    struct sdp *s = parsed(*state, audio_offer, SDP_SIP);
    const struct sdp_media *m = s->media;
    const struct sdp_attr *at;
    struct sdp_candidate c;

    assert_int_equal(s->n_media, 2);
    assert_true(sv_is(s->origin.sess_id, "4611731400430051336"));
    assert_true(sv_is(m->media, "audio"));
    assert_int_equal(m->port, 54400);
    assert_int_equal(m->n_ports, 1);
    assert_true(sv_is(m->proto, "UDP/TLS/RTP/SAVPF"));
    assert_true(sv_is(m->fmts, "111 0 8 110 126"));
    assert_true(sv_is(sdp_conn_of(s, m)->addr, "203.0.113.7"));
    assert_true(sdp_attr_find(m->attrs, "rtcp-mux")->flag);
    assert_true(sdp_attr_find(s->attrs, "extmap-allow-mixed")->flag);
    assert_null(sdp_attr_find(m->attrs, "RTCP-MUX"));
    assert_int_equal(sdp_dir_of(s, m), SDP_SENDRECV);
    assert_int_equal(sdp_dir_of(s, m->next), SDP_RECVONLY);
    at = sdp_attr_find(m->attrs, "candidate");
    at = sdp_attr_next(at, "candidate");
    assert_int_equal(sdp_candidate_parse(at->value, &c), 0);
    assert_true(sv_is(c.addr, "203.0.113.7"));
    assert_true(sv_is(c.type, "srflx"));
    assert_int_equal(c.priority, 1686052607);
    at = sdp_attr_next(at, "candidate");
    assert_int_equal(sdp_candidate_parse(at->value, &c), 0);
    assert_true(sv_is(c.tcptype, "active"));
    assert_int_equal(c.port, 9);
    assert_null(sdp_attr_next(at, "candidate"));
}

static void test_channel_offer(void **state)
{
    struct sdp *s = parsed(*state, channel_offer, SDP_SIP);
    const struct sdp_media *m = s->media;
    const struct sdp_attr *at;
    struct sdp_fingerprint f;
    struct sdp_attr inner;
    struct sdp_dcmap d;
    uint64_t size;
    uint16_t n;

    assert_int_equal(sdp_sctp_port(s, m, &n), 0);
    assert_int_equal(n, 5000);
    assert_int_equal(sdp_max_message_size(s, m, &size), 0);
    assert_int_equal(size, 262144);
    at = sdp_attr_of(s, m, "fingerprint");
    assert_int_equal(sdp_fingerprint_parse(at->value, &f), 0);
    assert_int_equal(f.n, 32);
    assert_int_equal(f.bytes[1], 0xEC);
    assert_int_equal(sdp_setup_parse(sdp_attr_of(s, m, "setup")->value), SDP_SETUP_ACTPASS);
    assert_int_equal(sdp_dcmap_parse(*state, sdp_attr_of(s, m, "dcmap")->value, &d), 0);
    assert_int_equal(d.id, 0);
    assert_true(sv_is(d.label, "chat"));
    assert_true(sv_is(d.subprotocol, "MSRP"));
    assert_true(d.ordered);
    at = sdp_attr_next(sdp_attr_find(m->attrs, "dcsa"), "dcsa");
    assert_int_equal(sdp_dcsa_parse(at->value, &n, &inner), 0);
    assert_int_equal(n, 0);
    assert_true(sv_is(inner.name, "accept-types"));
    assert_true(sv_is(inner.value, "message/cpim text/plain"));
}

/* The charts of TS 23.334 draw attributes with other separators: read, never written. */
static void test_drawn_forms(void **state)
{
    struct sdp *s = parsed(*state,
                           "c=IN IP4 203.0.113.7\r\nm=application 54111 UDP/DTLS/SCTP "
                           "webrtc-datachannel\r\na=max-message-size 100000\r\na=sctp-port 5000\r\n"
                           "a=setup=actpass\r\na=connection=new\r\na=path;msrp://x:1/y;tcp\r\n"
                           "a=dcmap:0 subprotocol=MSRP\r\na=dcsa:0 setup=actpass\r\n"
                           "a=dcsa:0 path;msrps://x:1/y;dc\r\na=own=thing;x y\r\n",
                           SDP_H248);
    const struct sdp_media *m = s->media;
    const struct sdp_attr *at = sdp_attr_find(m->attrs, "dcsa");
    struct sdp_attr inner;
    struct sdp_dcmap d;
    uint64_t size;
    uint16_t n;

    assert_int_equal(sdp_sctp_port(s, m, &n), 0);
    assert_int_equal(n, 5000);
    assert_int_equal(sdp_max_message_size(s, m, &size), 0);
    assert_int_equal(size, 100000);
    assert_true(sv_is(sdp_attr_find(m->attrs, "setup")->value, "actpass"));
    assert_true(sv_is(sdp_attr_find(m->attrs, "path")->value, "msrp://x:1/y;tcp"));
    assert_int_equal(sdp_dcmap_parse(*state, sdp_attr_find(m->attrs, "dcmap")->value, &d), 0);
    assert_true(sv_is(d.subprotocol, "MSRP"));
    assert_int_equal(sdp_dcsa_parse(at->value, &n, &inner), 0);
    assert_true(sv_is(inner.name, "setup"));
    assert_true(sv_is(inner.value, "actpass"));
    assert_int_equal(sdp_dcsa_parse(sdp_attr_next(at, "dcsa")->value, &n, &inner), 0);
    assert_true(sv_is(inner.name, "path"));
    assert_true(sv_is(inner.value, "msrps://x:1/y;dc"));
    assert_true(sdp_attr_find(m->attrs, "own=thing;x y")->flag); /* unknown: nothing is guessed */
    assert_non_null(strstr(printed(*state, s).p, "a=setup:actpass\r\n"));
}

static void test_choose(void **state)
{
    struct sdp *s = parsed(*state,
                           "\r\n  v=0\n  c=IN IP4 $\n  m=message $ TCP -\n  a=fingerprint:sha-256 "
                           "$\n  a=candidate:$\n  b=AS:$\n ",
                           SDP_H248);
    struct sdp_fingerprint f;
    struct sdp_candidate c;

    assert_int_equal(s->media->port, SDP_PORT_CHOOSE);
    assert_true(sv_is(s->conn.addr, "$"));
    assert_false(s->has_origin);
    assert_int_equal(sdp_fingerprint_parse(s->media->attrs->value, &f), -EBADMSG);
    assert_int_equal(sdp_candidate_parse(s->media->attrs->next->value, &c), -EBADMSG);
    assert_true(sv_is(printed(*state, s), "v=0\r\nc=IN IP4 $\r\nm=message $ TCP -\r\nb=AS:$\r\n"
                                          "a=fingerprint:sha-256 $\r\na=candidate:$\r\n"));
    s = parsed(*state, "", SDP_H248); /* Local{} releases */
    assert_int_equal(s->n_media, 0);
    s = parsed(*state, "v=0\no=-\ns=\nt=\nm=- 0 -\n", SDP_H248);
    assert_true(sv_is(printed(*state, s), "v=0\r\no=- - - - - -\r\ns=-\r\nt=0 0\r\nm=- 0 -\r\n"));
}

static void test_refused_with_place(void **state)
{
    static const struct {
        const char *text;
        unsigned line, column;
        const char *why;
    } rows[] = {
        {"", 0, 1, "v= is missing"},
        {"o=- 1 2 IN IP4 x\r\n", 1, 1, "v= must come first"},
        {"v=1\r\n", 1, 3, "v= must be 0"},
        {"v=0\r\ns=-\r\n", 2, 1, "s= before o="},
        {"v=0\r\no=- 1 2 IN IP4\r\n", 2, 15, "o= without address"},
        {"v=0\r\no=- 1 2 IN IP4 x y\r\n", 2, 18, "o= has a word too many"},
        {"v=0\r\no=- 1 2 IN IP4 x\r\nt=0 0\r\n", 3, 1, "t= before s="},
        {"v=0\r\no=- 1 2 IN IP4 x\r\ns=-\r\nm=a 1 b c\r\n", 4, 1, "t= is missing"},
        {"v=0\r\no=- 1 2 IN IP4 x\r\ns=-\r\nt=0 x\r\n", 4, 5, "t= wants decimal numbers"},
        {HEAD "m=audio\r\n", 5, 8, "m= without port"},
        {HEAD "m=application P1o UDP/DTLS/SCTP webrtc-datachannel\r\n", 5, 15,
         "m= wants a port of 0 to 65535"},
        {HEAD "m=audio 65536 RTP/AVP 0\r\n", 5, 9, "m= wants a port of 0 to 65535"},
        {HEAD "m=audio $ RTP/AVP 0\r\n", 5, 9, "m= wants a port of 0 to 65535"},
        {HEAD "m=audio 1/0 RTP/AVP 0\r\n", 5, 11,
         "m= wants a number of ports behind the slash"},
        {HEAD "m=audio 1 RTP/AVP\r\n", 5, 18, "m= without format"},
        {HEAD "c=IN IP4\r\n", 5, 9, "c= without address"},
        {HEAD "c=IP1o\r\n", 5, 7, "c= without address type"},
        {HEAD "c=IN IP4 $\r\n", 5, 10, "$ belongs to H.248 alone"},
        {HEAD "a=ice-ufrag:$\r\n", 5, 13, "$ belongs to H.248 alone"},
        {HEAD "a=fingerprint:sha-256 $\r\n", 5, 23, "$ belongs to H.248 alone"},
        {HEAD "c=IN IP4 x\r\nc=IN IP4 y\r\n", 6, 1, "a second c= for the session"},
        {HEAD "b=AS\r\n", 5, 3, "b= wants TYPE:NUMBER"},
        {HEAD "b=AS:x\r\n", 5, 6, "b= wants a decimal number behind the colon"},
        {HEAD "a=\r\n", 5, 3, "a= without a name"},
        {HEAD "a=:x\r\n", 5, 3, "a= without a name"},
        {HEAD "a\r\n", 5, 1, "a line must look like x=value"},
        {HEAD "A=x\r\n", 5, 1, "a line must look like x=value"},
        {HEAD "\r\na=x\r\n", 5, 1, "a line must look like x=value"},
        {HEAD "x=1\r\n", 5, 1, "unknown line type x="},
        {HEAD "a=x:y\rz\r\n", 5, 6, "control character 0x0d"},
        {HEAD "a=x:\x01\r\n", 5, 5, "control character 0x01"},
        {HEAD "m=a 1 b c\r\ns=x\r\n", 6, 1, "s= behind m="},
        {"v=0\r\nv=0\r\n", 2, 1, "a second v="},
    };

    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        struct sdp *s = NULL;
        struct sdp_err err;

        assert_int_equal(sdp_parse(*state, sv_from(rows[i].text), SDP_SIP, &s, &err), -EBADMSG);
        assert_string_equal(err.why, rows[i].why);
        assert_int_equal(err.line, rows[i].line);
        assert_int_equal(err.column, rows[i].column);
        assert_null(s);
    }
    assert_int_equal(sdp_parse(*state, (struct sv){HEAD "a=x:\0y", sizeof HEAD + 5}, SDP_SIP,
                               &(struct sdp *){NULL}, NULL),
                     -EBADMSG);
}

static void test_limits(void **state)
{
    static char text[1 << 18];
    struct buf b = buf_over(text, sizeof text);
    struct arena *small = arena_new(600);
    struct sdp_err err;
    struct sdp *s;

    buf_str(&b, HEAD);
    for (int i = 0; i < SDP_ATTR_MAX; i++)
        buf_str(&b, "a=x\r\n");
    assert_int_equal(sdp_parse(*state, buf_sv(&b), SDP_SIP, &s, &err), 0);
    buf_str(&b, "a=x\r\n");
    assert_int_equal(sdp_parse(*state, buf_sv(&b), SDP_SIP, &s, &err), -E2BIG);
    assert_int_equal(err.line, 4 + SDP_ATTR_MAX + 1);
    b = buf_over(text, sizeof text);
    buf_str(&b, HEAD);
    for (int i = 0; i < SDP_MEDIA_MAX; i++)
        buf_str(&b, "m=a 1 b c\r\na=x\r\n");
    assert_int_equal(sdp_parse(*state, buf_sv(&b), SDP_SIP, &s, &err), 0);
    assert_null(sdp_media_new(*state, s, SV("a"), 1, SV("b"), SV("c")));
    buf_str(&b, "m=a 1 b c\r\n");
    assert_int_equal(sdp_parse(*state, buf_sv(&b), SDP_SIP, &s, &err), -E2BIG);
    assert_int_equal(sdp_parse(small, sv_from(audio_offer), SDP_SIP, &s, &err), -ENOMEM);
    arena_free(small);
}

static void test_nothing_is_lost(void **state)
{
    static const char text[] =
        "v=0\r\no=a 1 2 IN IP6 ::1\r\ns=one  two\r\ni=info\r\nu=http://x\r\ne=a@b\r\ne=c@d\r\n"
        "p=+1\r\nc=IN IP6 ::1\r\nb=AS:5\r\nb=RS:0\r\nt=0 0\r\nr=1 2 3\r\nt=5 6\r\nr=4 5 6\r\n"
        "z=0 1h\r\nk=prompt\r\na=tool:x\r\nm=audio 2/2 RTP/AVP 0\r\ni=title\r\n"
        "c=IN IP4 224.2.1.1/127\r\nc=IN IP4 224.2.1.2/127\r\nb=TIAS:6\r\nk=clear:1\r\na=x\r\n";
    struct sdp *s = parsed(*state, text, SDP_SIP);

    assert_int_equal(s->media->n_ports, 2);
    assert_true(sv_is(printed(*state, s), text));
    s = parsed(*state, "v=0\nx=odd\nm=a $ b\ny=more\n", SDP_H248);
    assert_true(sv_is(printed(*state, s), "v=0\r\nx=odd\r\nm=a $ b\r\ny=more\r\n"));
}

static void check_equal(struct arena *a, bool want, const char *one, const char *two)
{
    struct sdp *p = parsed(a, one, SDP_H248), *q = parsed(a, two, SDP_H248);

    assert_true(sdp_equal(p, q) == want);
    assert_true(sdp_equal(q, p) == want);
}

static void test_compare(void **state)
{
    check_equal(*state, true, "m=a 1 b c d\na=x:1  2\na=y\n", "m=a  1 b  c  d \na=y\na=x:1 2\n");
    check_equal(*state, true, "b=AS:1\nc=IN IP4 x\n", "c=IN  IP4 x\nb=AS:1\n");
    check_equal(*state, false, "m=a 1 b c\na=x:1\na=x:2\n", "m=a 1 b c\na=x:2\na=x:1\n");
    check_equal(*state, false, "a=x:1\na=x:1\na=y\n", "a=x:1\na=y\na=y\n");
    check_equal(*state, false, "a=x\n", "a=x:\n");
    check_equal(*state, false, "a=x\n", "a=X\n");
    check_equal(*state, false, "m=a 1 b c\n", "m=a 1 b c\nm=a 1 b c\n");
    check_equal(*state, false, "m=a 1 b c\n", "m=a $ b c\n");
    check_equal(*state, false, "v=0\n", "\n");
    check_equal(*state, false, "b=AS:1\n", "b=AS:2\n");
    check_equal(*state, false, "c=IN IP4 x\n", "c=IN IP4 y\n");
}

static void test_build(void **state)
{
    struct sdp *s = sdp_new(*state);
    struct sdp_media *m =
        sdp_media_new(*state, s, SV("message"), SDP_PORT_CHOOSE, SV("TCP/MSRP"), SV("*"));

    s->has_name = s->has_time = true;
    s->conn = (struct sdp_conn){true, SV("IN"), SV("IP4"), SV("$")};
    assert_int_equal(sdp_attr_add(*state, &m->attrs, "msrp-cema", SV_NONE), 0);
    assert_int_equal(sdp_attr_addf(*state, &m->attrs, "path", "msrp://%s:%d/x;tcp", "h", 9), 0);
    assert_int_equal(sdp_attr_add(*state, &m->attrs, "old", SV("1")), 0);
    assert_int_equal(sdp_attr_add(*state, &m->attrs, "old", SV("2")), 0);
    assert_int_equal(sdp_attr_add(*state, &m->attrs, "bad", SV("x\r\na=forged")), -EINVAL);
    assert_int_equal(sdp_attr_addf(*state, &m->attrs, "bad", "%9000d", 1), -EMSGSIZE);
    sdp_attr_del(&m->attrs, "old");
    sdp_attr_del(&m->attrs, "never");
    assert_true(sv_is(printed(*state, s),
                      "v=0\r\ns=-\r\nc=IN IP4 $\r\nt=0 0\r\nm=message $ TCP/MSRP *\r\n"
                      "a=msrp-cema\r\na=path:msrp://h:9/x;tcp\r\n"));
}

int main(void)
{
#define WITH_ARENA(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_ARENA(test_browser_offers_survive),
        WITH_ARENA(test_audio_offer),
        WITH_ARENA(test_channel_offer),
        WITH_ARENA(test_drawn_forms),
        WITH_ARENA(test_choose),
        WITH_ARENA(test_refused_with_place),
        WITH_ARENA(test_limits),
        WITH_ARENA(test_nothing_is_lost),
        WITH_ARENA(test_compare),
        WITH_ARENA(test_build),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
