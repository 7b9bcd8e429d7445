/* RFC 6455 4.2: the opening handshake, judged. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "alg/sip/ws_http.h"

#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define UP "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
#define V13 "Sec-WebSocket-Version: 13\r\n"
#define SIP "Sec-WebSocket-Protocol: chat, sip\r\n"
#define GET "GET /x HTTP/1.1\r\nHost: h\r\n"

static void test_read(void **state)
{
    static const struct {
        const char *head;
        unsigned status;
        bool sip;
    } rows[] = {
        {GET UP V13 KEY SIP "\r\n", 0, true},
        {GET "upgrade: WebSocket\r\nCONNECTION: upgrade\r\n" V13 KEY "Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Protocol: sip\r\n\r\n", 0, true},
        {GET UP V13 KEY "Origin: https://a\r\n\r\n", 0, false},
        {GET UP V13 KEY "Sec-WebSocket-Protocol: sips, SIPx\r\n\r\n", 0, false},
        {GET "\r\n", 404, false}, {GET "Upgrade: h2c\r\nConnection: Upgrade\r\n" V13 KEY SIP "\r\n", 404, true},
        {GET "Upgrade: websocket\r\n" V13 KEY SIP "\r\n", 404, true},
        {GET UP KEY SIP "\r\n", 426, true}, {GET UP "Sec-WebSocket-Version: 8\r\n" KEY SIP "\r\n", 426, true},
        {GET UP V13 V13 KEY SIP "\r\n", 426, true},
        {GET UP V13 SIP "\r\n", 400, true}, {GET UP V13 KEY KEY SIP "\r\n", 400, true},
        {GET UP V13 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ\r\n" SIP "\r\n", 400, true},
        {GET UP V13 "Sec-WebSocket-Key: !!!!IHNhbXBsZSBub25jZQ==\r\n" SIP "\r\n", 400, true},
        {GET UP V13 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQAB\r\n" SIP "\r\n", 400, true},
        {GET UP V13 KEY SIP "Host: two\r\n\r\n", 400, true}, {"GET / HTTP/1.1\r\n" UP V13 KEY SIP "\r\n", 400, true},
        {GET UP V13 KEY SIP "Origin: a\r\nOrigin: b\r\n\r\n", 400, true},
        {"GET / HTTP/1.0\r\nHost: h\r\n" UP V13 KEY SIP "\r\n", 400, true}, {"GET /\r\nHost: h\r\n" UP V13 KEY SIP "\r\n", 400, true},
        {GET UP V13 KEY SIP "no colon\r\n\r\n", 400, true}, {GET UP V13 KEY SIP " folded: x\r\n\r\n", 400, true},
        {GET "Authorization: a\r\nAuthorization: b\r\n\r\n", 400, false}, {GET "Authorization: Bearer x\r\n\r\n", 404, false},
        {"OPTIONS /turn HTTP/1.1\r\nHost: h\r\n\r\n", 404, false}, {"OPTIONS /turn HTTP/1.1\r\nHost: h\r\n" UP V13 KEY SIP "\r\n", 404, true},
        {GET UP V13 KEY SIP "blank : x\r\n\r\n", 400, true}, {GET UP V13 KEY SIP ": x\r\n\r\n", 400, true},
    };
    struct ws_request r;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        size_t n = strlen(rows[i].head);
        char *copy = malloc(n); /* without a NUL behind it */

        memcpy(copy, rows[i].head, n);
        assert_int_equal(ws_http_length((struct sv){copy, n}), n);
        for (size_t k = 1; k < n; k++)
            assert_int_equal(ws_http_length((struct sv){copy, k}), 0);
        ws_http_read((struct sv){copy, n}, &r);
        if (r.status != rows[i].status || r.sip != rows[i].sip)
            fail_msg("row %zu: %u %s", i, r.status, r.why ? r.why : "");
        assert_true(!r.status == !r.why);
        free(copy);
    }
}

static void test_length(void **state)
{
    (void)state;
    assert_int_equal(ws_http_length(SV("G")), 0);
    assert_int_equal(ws_http_length(SV("GET / HTTP/1.1\r\n\r\nframes")), 18);
    assert_int_equal(ws_http_length(SV("POST / HTTP/1.1\r\n\r\n")), 19); /* its page says 405 */
    assert_int_equal(ws_http_length(SV("TRACE / HTTP/1.1\r\n\r\n")), -EBADMSG);
    assert_int_equal(ws_http_length(SV("get / ")), -EBADMSG);
    assert_int_equal(ws_http_length(SV("\x16\x03\x01")), -EBADMSG);
}

/* What a page is told by. */
static void test_fields(void **state)
{
    struct ws_request r;

    (void)state;
    ws_http_read(SV("OPTIONS /turn?service=turn HTTP/1.1\r\nHost: h\r\nAuthorization:  Bearer k \r\nOrigin: https://a\r\n\r\n"), &r);
    assert_true(sv_is(r.method, "OPTIONS"));
    assert_true(sv_is(r.target, "/turn?service=turn"));
    assert_true(sv_is(r.authorization, "Bearer k"));
    assert_true(sv_is(r.origin, "https://a"));
    ws_http_read(SV("GET\r\n\r\n"), &r);
    assert_int_equal(r.status, 400);
    assert_int_equal(r.target.n, 0);
}

static void test_answers(void **state)
{
    char out[WS_ANSWER_MAX];

    (void)state;
    ws_http_welcome(SV("dGhlIHNhbXBsZSBub25jZQ=="), out); /* the example of RFC 6455 1.3 */
    assert_non_null(strstr(out, "HTTP/1.1 101 "));
    assert_non_null(strstr(out, "\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
    assert_non_null(strstr(out, "\r\nSec-WebSocket-Protocol: sip\r\n"));
    ws_http_refusal(426, out);
    assert_non_null(strstr(out, "HTTP/1.1 426 Upgrade Required\r\nSec-WebSocket-Version: 13\r\n"));
    ws_http_refusal(403, out);
    assert_null(strstr(out, "Version"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_read), cmocka_unit_test(test_length), cmocka_unit_test(test_fields),
                                       cmocka_unit_test(test_answers)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
