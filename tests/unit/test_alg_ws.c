/* One SIP message of a WebSocket, rewritten for the inner connection and back. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "alg/sip/frame.h"
#include "alg/sip/ws.h"
#include "common/log.h"

#define BROWSERS 20

static char room[4096];

/* What alg sees of time: with `tired` it takes half a second to look. */
static bool tired;

uint64_t uv_hrtime(void)
{
    static uint64_t lost;
    struct timespec t;

    lost += tired ? 500000000 : 0;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec + lost;
}

static const char *in(const char *text, int want)
{
    struct buf out = buf_over(room, sizeof room - 1);
    struct frame_info info;
    int err = frame_in(sv_from(text), &info, &out);

    if (err != want)
        fail_msg("%d for %s (%s)", err, text, info.why ? info.why : "");
    room[err ? 0 : out.len] = 0;
    return room;
}

static const char *back(const char *text, const char *token)
{
    struct buf out = buf_over(room, sizeof room - 1);

    assert_int_equal(frame_out(sv_from(text), token, &out), 0);
    room[out.len] = 0;
    return room;
}

static void test_in(void **state)
{
    (void)state;
    assert_string_equal(in("OPTIONS sip:h SIP/2.0\r\nVia: SIP/2.0/WSS a.invalid;branch=z\r\nX: y\r\n\r\n", 0),
                        "OPTIONS sip:h SIP/2.0\r\nVia: SIP/2.0/TCP a.invalid;branch=z\r\nX: y\r\nContent-Length: 0\r\n\r\n");
    /* compact, blanks, LF line ends, a second Via left alone, Content-Length cuts the body */
    assert_string_equal(in("OPTIONS sip:h SIP/2.0\nv: SIP / 2.0 / WS  a.invalid\nVia: SIP/2.0/UDP b\nl: 2\n\nabc", 0),
                        "OPTIONS sip:h SIP/2.0\r\nVia: SIP/2.0/TCP a.invalid\r\nVia: SIP/2.0/UDP b\r\nContent-Length: 2\r\n\r\nab");
    /* folded header stays whole */
    assert_string_equal(in("SIP/2.0 200 OK\r\nVia: SIP/2.0/WS a\r\nSubject: x\r\n y\r\n\r\n", 0),
                        "SIP/2.0 200 OK\r\nVia: SIP/2.0/TCP a\r\nSubject: x\r\n y\r\nContent-Length: 0\r\n\r\n");
}

static void test_in_bad(void **state)
{
    static const char *const rows[] = {
        "", "\r\n", "GARBAGE", "OPTIONS sip:h\r\nVia: SIP/2.0/WS a\r\n\r\n", "OPTIONS sip:h SIP/2.0\r\n\r\n",
        "OPTIONS sip:h SIP/2.0\r\nVia: nonsense\r\n\r\n", "OPTIONS sip:h SIP/2.0\r\nVia: SIP/2.0/WS\r\n\r\n",
        "OPTIONS sip:h SIP/2.0\r\nVia: SIP/2.0/WS a\r\nno colon\r\n\r\n", "SIP/2.0 99 x\r\nVia: SIP/2.0/WS a\r\n\r\n",
        "SIP/2.0 2000 x\r\nVia: SIP/2.0/WS a\r\n\r\n", "OPTIONS sip:h SIP/2.0\r\nVia: SIP/2.0/WS a\r\nContent-Length: 3\r\n\r\nab",
        "OPTIONS sip:h SIP/2.0\r\nVia: SIP/2.0/WS a\r\nContent-Length: -1\r\n\r\n",
        "OPTIONS sip:h SIP/2.0\r\nVia: SIP/2.0/WS a\r\nContent-Length: 1\r\nl: 0\r\n\r\nx",
        "OPTIONS sip:h SIP/2.0\r\nVia: SIP/2.0/WSWSWSWSWS a\r\n\r\n", "OPT()IONS sip:h SIP/2.0\r\nVia: SIP/2.0/WS a\r\n\r\n",
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++)
        in(rows[i], -EBADMSG);
}

static void test_out(void **state)
{
    (void)state;
    assert_string_equal(back("SIP/2.0 200 OK\r\nVia: SIP/2.0/TCP a.invalid;branch=z;received=127.0.0.1;rport\r\n\r\nbody", "WSS"),
                        "SIP/2.0 200 OK\r\nVia: SIP/2.0/WSS a.invalid;branch=z;rport\r\n\r\nbody");
    assert_string_equal(back("INVITE sip:x SIP/2.0\r\nVia: SIP/2.0/TCP alg1.example.net:4711;branch=z\r\n\r\n", "WS"),
                        "INVITE sip:x SIP/2.0\r\nVia: SIP/2.0/WS alg1.example.net;branch=z\r\n\r\n");
    assert_string_equal(back("SIP/2.0 200 OK\r\nVia: SIP/2.0/TCP a:5;x=\"a;b,c\", SIP/2.0/UDP b;received=1\r\n\r\n", "WS"),
                        "SIP/2.0 200 OK\r\nVia: SIP/2.0/WS a:5;x=\"a;b,c\", SIP/2.0/UDP b;received=1\r\n\r\n");
}

static void test_reply(void **state)
{
    struct buf out = buf_over(room, sizeof room - 1);
    const char *good = "BAD sip:h SIP/2.0\r\nVia: SIP/2.0/WS a\r\nv: SIP/2.0/WS b\r\nFrom: f\r\nTo: t\r\nFrom: twice\r\nCall-ID: c\r\nCSeq: 1 X\r\n\r\n";
    static const char *const silent[] = {
        "ACK sip:h SIP/2.0\r\nVia: SIP/2.0/WS a\r\nFrom: f\r\nTo: t\r\nCall-ID: c\r\nCSeq: 1 ACK\r\n\r\n",
        "SIP/2.0 200 OK\r\nVia: SIP/2.0/WS a\r\nFrom: f\r\nTo: t\r\nCall-ID: c\r\nCSeq: 1 X\r\n\r\n",
        "BAD sip:h SIP/2.0\r\nFrom: f\r\nTo: t\r\nCall-ID: c\r\nCSeq: 1 X\r\n\r\n", "", "\r\n\r\n",
    };

    (void)state;
    assert_int_equal(frame_reply(sv_from(good), 400, "Bad Request", &out), 0);
    room[out.len] = 0;
    assert_string_equal(room, "SIP/2.0 400 Bad Request\r\nVia: SIP/2.0/WS a\r\nv: SIP/2.0/WS b\r\nFrom: f\r\nTo: t\r\nCall-ID: c\r\n"
                              "CSeq: 1 X\r\nContent-Length: 0\r\n\r\n");
    for (unsigned i = 0; i < ARRAY_LEN(silent); i++) {
        out = buf_over(room, sizeof room);
        assert_int_equal(frame_reply(sv_from(silent[i]), 400, "Bad Request", &out), -EBADMSG);
    }
}

static void test_length(void **state)
{
    const char *text = "SIP/2.0 200 OK\r\nContent-Length: 3\r\n\r\nabcNEXT";

    (void)state;
    for (size_t n = 0; n < strlen(text) - 4; n++)
        assert_int_equal(frame_length((struct sv){text, n}), 0);
    assert_int_equal(frame_length(sv_from(text)), strlen(text) - 4);
    assert_int_equal(frame_length(SV("X\r\nContent-Length: 99999999999\r\n\r\n")), -EBADMSG);
}

static struct addr address(const char *host, uint16_t port)
{
    struct addr a;

    assert_int_equal(addr_parse(&a, sv_from(host), port), 0);
    return a;
}

/* Two addresses of one port: each its own socket, up to the end; or refused, with err. */
static void listens_at(const char *a, const char *b, int err)
{
    static const struct ws_h h = {0};
    struct ws_conf conf = {.n_listen = 2, .state_dir = "/nonexistent", .max_conns = 10};
    struct addr first = address("0.0.0.0", 0), to;
    struct ws *ws = NULL;
    uv_loop_t loop;
    int fd = net_tcp_listen(&first, 1), one;

    assert_true(fd >= 0); /* a port that no end of a TCP connection has, even one that only waits: who listens next could not */
    close(fd);
    conf.listen[0].addr = address(a, addr_port(&first));
    conf.listen[1].addr = address(b, addr_port(&first));
    uv_loop_init(&loop);
    assert_int_equal(ws_new(&ws, &loop, &conf, &h), err);
    for (unsigned k = 0; !err && k < 2; k++) {
        to = conf.listen[k].addr;
        one = socket(to.u.sa.sa_family, SOCK_STREAM, 0);
        assert_int_equal(connect(one, &to.u.sa, addr_len(&to)), 0);
        close(one);
    }
    ws_free(ws);
    for (int k = 0; k < 100 && uv_loop_alive(&loop); k++)
        uv_run(&loop, UV_RUN_NOWAIT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

static void test_listeners(void **state)
{
    (void)state;
    log_init(LOG_ERROR);
    listens_at("127.0.0.1", "127.0.0.2", 0);
    listens_at("127.0.0.1", "127.0.0.1", -EADDRINUSE);
}

/* "Any" of both families. */
static void test_listeners_any(void **state)
{
    struct addr six = address("::1", 0);
    int fd = net_tcp_listen(&six, 1);

    (void)state;
    if (fd < 0) {
        print_message("skipped: no IPv6 here\n");
        skip();
    }
    close(fd);
    log_init(LOG_ERROR);
    listens_at("0.0.0.0", "::", 0);
    listens_at("::", "0.0.0.0", 0);
}

static void on_opened(void *arg, sip_flow flow, const struct addr *peer, bool tls)
{
    (void)flow, (void)peer, (void)tls;
    ++*(unsigned *)arg;
}

static void on_closed(void *arg, sip_flow flow)
{
    (void)flow;
    --*(unsigned *)arg;
}

/* Browsers that do not answer the Close, and a machine on which their end takes longer than it may: libwebsockets has its turns of
 * the loop all the same, or handles of freed memory are left. */
static void test_end_of_many(void **state)
{
    static const char ask[] = "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                              "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: sip\r\n\r\n";
    struct ws_conf conf = {.n_listen = 1, .state_dir = "/nonexistent", .max_conns = BROWSERS, .max_per_addr = BROWSERS,
                           .shaking_per_addr = BROWSERS, .handshake_s = 10, .max_msg = 1000, .ping_s = 30, .origin_missing_ok = true};
    unsigned opened = 0;
    struct ws_h h = {.opened = on_opened, .closed = on_closed, .arg = &opened};
    int fds[BROWSERS];
    struct ws *ws;
    struct addr to;
    uv_loop_t loop;

    (void)state;
    conf.listen[0].addr = address("127.0.0.1", 0);
    uv_loop_init(&loop);
    assert_int_equal(ws_new(&ws, &loop, &conf, &h), 0);
    to = address("127.0.0.1", ws_port(ws, 0));
    for (unsigned i = 0; i < BROWSERS; i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM, 0);
        assert_int_equal(connect(fds[i], &to.u.sa, addr_len(&to)), 0);
        assert_int_equal(write(fds[i], ask, sizeof ask - 1), (ssize_t)sizeof ask - 1);
    }
    while (opened < BROWSERS)
        assert_true(uv_run(&loop, UV_RUN_ONCE));
    tired = true;
    ws_free(ws);
    tired = false;
    assert_int_equal(opened, 0);
    for (int k = 0; k < 100 && uv_loop_alive(&loop); k++)
        uv_run(&loop, UV_RUN_NOWAIT);
    assert_int_equal(uv_loop_close(&loop), 0);
    for (unsigned i = 0; i < BROWSERS; i++)
        close(fds[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_in), cmocka_unit_test(test_in_bad), cmocka_unit_test(test_out),
                                       cmocka_unit_test(test_reply), cmocka_unit_test(test_length),
                                       cmocka_unit_test(test_listeners), cmocka_unit_test(test_listeners_any), cmocka_unit_test(test_end_of_many)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
