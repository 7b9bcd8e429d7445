/* HTTP on the door's ports: what is it, what is not, the web server behind. */
#include "tests/unit/tcp_rig.h"

static void http_is_refused(void **state)
{
    struct fixture *f = *state;
    const int fd = dial(&f->plain);
    char text[256] = "";

    say(fd, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 27);
    hear(fd, (uint8_t *)text, sizeof(text) - 1);
    assert_int_equal(strncmp(text, "HTTP/1.1 400 ", 13), 0);
    comes_to(of_door(f, DOOR_C_HTTP_REFUSED), 1);
    close(fd);
}

static void letters_are_no_http(void **state)
{
    static const char *const texts[] = {"GETS / HTTP/1.1\r\n\r\n", "Zabcdefgh", "SSH-2.0-x\r\n", "GET\t/"};
    struct fixture *f = *state;

    for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        const int fd = dial(&f->plain);
        uint8_t text[64];

        say(fd, texts[i], strlen(texts[i]));
        assert_true(recv(fd, text, sizeof(text), 0) <= 0); /* closed, nothing said */
        comes_to(of_door(f, DOOR_C_NOT_STUN), i + 1);
        close(fd);
    }
    assert_int_equal(count_get(of_door(f, DOOR_C_HTTP_REFUSED)), 0);
}

static void method_in_pieces_is_http(void **state)
{
    struct fixture *f = *state;
    const int fd = dial(&f->plain);
    char text[256] = "";

    say(fd, "OPT", 3);
    comes_to(of_door(f, DOOR_C_WAITING), 1);
    say(fd, "IONS * HTTP/1.1\r\n\r\n", 19);
    hear(fd, (uint8_t *)text, sizeof(text) - 1);
    assert_int_equal(strncmp(text, "HTTP/1.1 400 ", 13), 0);
    close(fd);
}

static void http_is_handed_on(void **state)
{
    static char big[200000];
    struct fixture *f = *state;
    const int fd = dial(&f->web);
    char text[256] = "";
    int web;

    say(fd, "GET / HTTP/1.1\r\n\r\n", 18);
    assert_int_equal(poll(&(struct pollfd){.fd = f->server, .events = POLLIN}, 1, LIMIT_MS), 1);
    web = accept(f->server, NULL, NULL);
    assert_true(web >= 0);
    assert_int_equal(hear(web, (uint8_t *)text, 18), 18);
    assert_string_equal(text, "GET / HTTP/1.1\r\n\r\n");
    memset(big, 'x', sizeof(big));
    for (size_t at = 0, got = 0; got < sizeof(big);) { /* more than the buffers hold */
        const ssize_t n = at < sizeof(big) ? send(web, big + at, sizeof(big) - at, MSG_DONTWAIT | MSG_NOSIGNAL) : 0;

        at += n > 0 ? (size_t)n : 0;
        if (at == sizeof(big))
            shutdown(web, SHUT_WR);
        got += hear(fd, (uint8_t *)text, sizeof(big) - got < sizeof(text) ? sizeof(big) - got : sizeof(text));
    }
    assert_true(is_closed(fd)); /* both have said all */
    close(web);
    close(fd);
    comes_to(of_door(f, DOOR_C_HTTP), 1);
}

static void http_without_server(void **state)
{
    struct fixture *f = *state;
    char text[256] = "";
    int fd;

    close(f->server);
    f->server = -1;
    fd = dial(&f->web);
    say(fd, "GET / HTTP/1.1\r\n\r\n", 18);
    hear(fd, (uint8_t *)text, sizeof(text) - 1);
    assert_int_equal(strncmp(text, "HTTP/1.1 502 ", 13), 0);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG(http_is_refused),
        RIG(letters_are_no_http),
        RIG(method_in_pieces_is_http),
        RIG(http_is_handed_on),
        RIG(http_without_server),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
