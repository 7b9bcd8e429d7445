#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "common/ops.h"

struct fixture {
    uv_loop_t loop;
    struct ops *ops;
    struct addr at;
    bool serving;
};

static bool health(void *arg, struct buf *why)
{
    struct fixture *fx = arg;

    if (!fx->serving)
        buf_str(why, "no gateway\n");
    return fx->serving;
}

static void metrics(void *arg, struct buf *out)
{
    (void)arg;
    buf_str(out, "agw_contexts 3\n");
}

static int set_up(void **state)
{
    static struct fixture fx;
    static const char *const hosts[] = {"alg1.example.net"};
    const struct ops_h h = {health, metrics, &fx, hosts, 1};
    int fd;

    memset(&fx, 0, sizeof fx);
    uv_loop_init(&fx.loop);
    addr_parse(&fx.at, SV("127.0.0.1"), 0);
    fd = net_tcp_listen(&fx.at, 1); /* finds a free port */
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(ops_new(&fx.ops, &fx.loop, &fx.at, &h), 0);
    *state = &fx;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fx = *state;

    ops_free(fx->ops);
    ops_free(NULL);
    uv_run(&fx->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&fx->loop), 0);
    return 0;
}

/* Sends the request, runs the service's loop until it closes the connection. */
static void ask(struct fixture *fx, const char *request, char *out, size_t size)
{
    int fd = net_tcp_connect(&fx->at, NULL);
    size_t got = 0, sent = 0;
    msec_t end = net_now_ms() + 5000;

    assert_true(fd >= 0);
    for (;;) {
        ssize_t n;

        assert_true(net_now_ms() < end);
        uv_run(&fx->loop, UV_RUN_NOWAIT);
        n = send(fd, request + sent, strlen(request) - sent, MSG_NOSIGNAL);
        sent += n > 0 ? (size_t)n : 0;
        n = recv(fd, out + got, size - 1 - got, 0);
        if (n == 0 || (n < 0 && errno == ECONNRESET))
            break;
        got += n > 0 ? (size_t)n : 0;
    }
    out[got] = '\0';
    close(fd);
}

#define TAIL " HTTP/1.1\r\nHost: 127.0.0.1:9101\r\nConnection: close\r\n\r\n"

static void test_answers(void **state)
{
    struct fixture *fx = *state;
    char text[4096];

    fx->serving = true;
    ask(fx, "GET /health" TAIL, text, sizeof text);
    assert_non_null(strstr(text, "HTTP/1.1 200 "));
    assert_non_null(strstr(text, "\r\n\r\nok\n"));
    fx->serving = false;
    ask(fx, "GET /health" TAIL, text, sizeof text);
    assert_non_null(strstr(text, "HTTP/1.1 503 "));
    assert_non_null(strstr(text, "\r\n\r\nno gateway\n"));
    ask(fx, "GET /metrics" TAIL, text, sizeof text);
    assert_non_null(strstr(text, "text/plain; version=0.0.4"));
    assert_non_null(strstr(text, "\r\n\r\nagw_contexts 3\n"));
}

static void test_refusals(void **state)
{
    static char text[4096], big[20000];
    struct fixture *fx = *state;

    ask(fx, "GET /other" TAIL, text, sizeof text);
    assert_non_null(strstr(text, "HTTP/1.1 404 "));
    ask(fx, "DELETE /health" TAIL, text, sizeof text);
    assert_non_null(strstr(text, "HTTP/1.1 405 "));
    snprintf(big, sizeof big, "GET /health HTTP/1.1\r\nHost: 127.0.0.1:9101\r\nX: %015000d\r\n\r\n", 0);
    ask(fx, big, text, sizeof text);
    assert_null(strstr(text, "HTTP/1.1 200 "));
}

/* A page whose own name was led to our address says that name (DNS rebinding). */
static void test_hosts(void **state)
{
    static const struct {
        const char *host;
        bool good;
    } rows[] = {
        {"Host: 127.0.0.1:9101\r\n", true},      {"Host: 192.0.2.1\r\n", true},       {"Host: [::1]:9101\r\n", true},
        {"Host: localhost:9101\r\n", true},      {"Host: LOCALHOST\r\n", true},       {"Host: ALG1.example.net:1\r\n", true},
        {"Host: evil.example:9101\r\n", false},  {"Host: localhost.evil.example\r\n", false},
        {"Host: alg1.example.net.evil.example\r\n", false}, {"Host: 127.0.0.1.evil.example\r\n", false},
        {"Host: 127.0.0.1 evil\r\n", false},     {"Host: 2130706433\r\n", false},     {"Host: \r\n", false},
    };
    struct fixture *fx = *state;
    char request[256], text[4096];

    fx->serving = true;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        snprintf(request, sizeof request, "GET /metrics HTTP/1.1\r\n%sConnection: close\r\n\r\n", rows[i].host);
        ask(fx, request, text, sizeof text);
        if (strncmp(text, rows[i].good ? "HTTP/1.1 200 " : "HTTP/1.1 421 ", 13) != 0)
            fail_msg("%s: %s", rows[i].host, text);
        assert_true(rows[i].good || !strstr(text, "agw_contexts"));
    }
}

static void test_port_taken(void **state)
{
    const struct ops_h h = {.health = health, .metrics = metrics, .arg = *state};
    struct fixture *fx = *state;
    struct ops *second;

    assert_int_equal(ops_new(&second, &fx->loop, &fx->at, &h), -EADDRINUSE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_answers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refusals, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_hosts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_port_taken, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
