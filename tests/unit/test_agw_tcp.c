/* ICE-TCP on loopback: the door and a worker behind it. Whose a connection is, frames of all kinds and in all pieces, what is
 * closed and what that counts, rivals, a connection that breaks and comes back, readers that are slow. Each wait ends when what
 * is waited for came, or after LIMIT_MS. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "agw/ctl/cert.h"
#include "agw/media/door.h"
#include "agw/media/door_names.h"
#include "agw/media/leg.h"
#include "agw/media/worker.h"
#include "tests/fake/check.h"

#define LIMIT_MS 10000
#define PWD "gatewaypasswordgateway00"
#define WIC 1  /* the stream with ICE */
#define CORE 2 /* the other one */

struct fixture {
    struct cert *cert;
    struct inbox *ctl, *data;
    struct worker *worker;
    struct inbox *inboxes[1];
    struct door *door;
    struct stun_mac *mac;
    struct addr plain, other, web;  /* listeners: of realm 0, of realm 1, with a web server behind */
    struct addr udp, core, core_at; /* of WIC, of CORE; the phone's */
    struct flow_counts counts[2];
    int phone, server;
    uint8_t tid;
};

static int listener(struct addr *at)
{
    int fd;

    assert_int_equal(addr_parse(at, SV("127.0.0.1"), 0), 0);
    fd = net_tcp_listen(at, 100);
    assert_true(fd >= 0);
    return fd;
}

static void post(struct inbox *to, enum bus_kind kind, void (*fill)(struct fixture *f, struct bus_msg *m), struct fixture *f)
{
    struct bus_msg *m = bus_new(kind);

    assert_non_null(m);
    fill(f, m);
    inbox_post(to, &m->item);
}

static void wic(struct fixture *f, struct bus_msg *m)
{
    m->u.sep = (struct bus_sep){.id = WIC, .fd = net_udp(&f->udp), .local = f->udp, .ice = true, .ufrag = "wicufrag", .pwd = PWD,
                                .peer = "wic", .rtp = {.on = true, .mux = true, .rtcp_fd = -1}};
}

static void core(struct fixture *f, struct bus_msg *m)
{
    m->u.sep = (struct bus_sep){.id = CORE, .fd = net_udp(&f->core), .local = f->core, .has_remote = true, .remote = f->core_at,
                                .peer = "core", .rtp = {.on = true, .mux = true, .rtcp_fd = -1}};
}

static void wic_flow(struct fixture *f, struct bus_msg *m)
{
    m->u.flow = (struct bus_flow){.id = 11, .sep = WIC, .in = true, .out = true, .has_rtcp = true, .counts = &f->counts[0]};
}

static void core_flow(struct fixture *f, struct bus_msg *m)
{
    m->u.flow = (struct bus_flow){.id = 12, .sep = CORE, .in = true, .out = true, .has_rtcp = true, .counts = &f->counts[1]};
}

static void wire(struct fixture *f, struct bus_msg *m)
{
    (void)f;
    m->u.wire.a = 11;
    m->u.wire.b = 12;
    for (unsigned i = 0; i < 128; i++)
        m->u.wire.a_to_b[i] = m->u.wire.b_to_a[i] = (uint8_t)i;
}

static void name(struct fixture *f, struct bus_msg *m)
{
    (void)f;
    m->u.door = (struct bus_door){.id = WIC, .ufrag = "wicufrag"};
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct door_listener l[3] = {{.realm = 0}, {.realm = 1}, {.realm = 0, .has_http = true}};
    struct worker_conf conf = {.ice_timeout_ms = 30000, .dtls_timeout_ms = 20000};

    *state = f;
    assert_int_equal(cert_new(&f->cert, "agw"), 0);
    assert_int_equal(inbox_new(&f->ctl, 1000), 0);
    assert_int_equal(inbox_new(&f->data, 1000), 0);
    assert_int_equal(stun_mac_new(&f->mac), 0);
    conf.ctl = f->ctl;
    conf.data = f->data;
    conf.cert_der = f->cert->der;
    conf.cert_len = f->cert->der_len;
    conf.key_der = f->cert->key;
    conf.key_len = f->cert->key_len;
    assert_int_equal(worker_new(&f->worker, &conf), 0);
    f->inboxes[0] = worker_inbox(f->worker);
    f->server = listener(&l[2].http);
    l[0].fd = listener(&l[0].local);
    l[1].fd = listener(&l[1].local);
    l[2].fd = listener(&l[2].local);
    f->plain = l[0].local;
    f->other = l[1].local;
    f->web = l[2].local;
    assert_int_equal(door_new(&f->door, &(struct door_conf){.listeners = l, .n_listeners = 3, .workers = f->inboxes,
                                                            .check_ms = 300, .waiting = 4}), 0);
    assert_int_equal(addr_parse(&f->udp, SV("127.0.0.1"), 0), 0);
    f->core = f->core_at = f->udp;
    f->phone = net_udp(&f->core_at);
    assert_true(f->phone >= 0);
    post(f->inboxes[0], BUS_SEP_OPEN, wic, f);
    post(f->inboxes[0], BUS_SEP_OPEN, core, f);
    post(f->inboxes[0], BUS_FLOW_OPEN, wic_flow, f);
    post(f->inboxes[0], BUS_FLOW_OPEN, core_flow, f);
    post(f->inboxes[0], BUS_FLOW_JOIN, wire, f);
    post(door_inbox(f->door), BUS_DOOR_NAME, name, f);
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    door_free(f->door);
    worker_free(f->worker);
    close(f->phone);
    close(f->server);
    inbox_free(f->ctl, bus_drop);
    inbox_free(f->data, bus_drop);
    stun_mac_free(f->mac);
    cert_free(f->cert);
    free(f);
    return 0;
}

/* --- a browser's connection --- */

static int dial(const struct addr *to)
{
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(connect(fd, &to->u.sa, addr_len(to)), 0);
    return fd;
}

static void say(int fd, const void *p, size_t n)
{
    assert_int_equal(send(fd, p, n, MSG_NOSIGNAL), n);
}

static size_t framed(uint8_t *out, const void *p, size_t n)
{
    frame_head(out, n);
    memcpy(out + FRAME_HEAD, p, n);
    return FRAME_HEAD + n;
}

static void say_frame(int fd, const void *p, size_t n)
{
    uint8_t out[4096];

    say(fd, out, framed(out, p, n));
}

/* So many octets, or fewer when the connection ends. */
static size_t hear(int fd, uint8_t *p, size_t n)
{
    size_t got = 0;

    while (got < n) {
        struct pollfd pfd = {.fd = fd, .events = POLLIN};
        ssize_t r;

        assert_int_equal(poll(&pfd, 1, LIMIT_MS), 1);
        r = recv(fd, p + got, n - got, 0);
        if (r <= 0)
            return got;
        got += (size_t)r;
    }
    return got;
}

static size_t hear_frame(int fd, uint8_t *p)
{
    uint8_t head[FRAME_HEAD];
    size_t n;

    assert_int_equal(hear(fd, head, FRAME_HEAD), FRAME_HEAD);
    n = (size_t)head[0] << 8 | head[1];
    assert_int_equal(hear(fd, p, n), n);
    return n;
}

static bool is_closed(int fd)
{
    uint8_t p[64];

    return hear(fd, p, sizeof(p)) == 0;
}

static size_t check(struct fixture *f, const char *ufrag, const char *pwd, bool nominates, uint8_t *out)
{
    struct check c = {.ufrag = ufrag, .pwd = pwd, .use_candidate = nominates, .tid = ++f->tid};

    return check_make(f->mac, &c, out, 512);
}

static void answered(int fd)
{
    uint8_t p[2048];
    struct stun_msg m;

    assert_int_equal(stun_parse(&m, p, hear_frame(fd, p)), 0);
    assert_int_equal(m.type, STUN_BINDING_SUCCESS);
}

static int comes_in(struct fixture *f, bool nominates)
{
    const int fd = dial(&f->plain);
    uint8_t p[512];

    say_frame(fd, p, check(f, "wicufrag", PWD, nominates, p));
    answered(fd);
    return fd;
}

static size_t rtp(uint8_t *p, uint16_t seq)
{
    memset(p, 0x55, 172);
    memcpy(p, (uint8_t[12]){0x80, 0, (uint8_t)(seq >> 8), (uint8_t)seq, 0, 0, 0, (uint8_t)seq, 1, 2, 3, 4}, 12);
    return 172;
}

static void phone_hears(struct fixture *f, uint16_t seq)
{
    struct pollfd pfd = {.fd = f->phone, .events = POLLIN};
    uint8_t p[2048];

    assert_int_equal(poll(&pfd, 1, LIMIT_MS), 1);
    assert_int_equal(recv(f->phone, p, sizeof(p), 0), 172);
    assert_int_equal(p[2] << 8 | p[3], seq);
}

static void phone_says(struct fixture *f, uint16_t seq)
{
    uint8_t p[172];

    assert_int_equal(sendto(f->phone, p, rtp(p, seq), 0, &f->core.u.sa, addr_len(&f->core)), 172);
}

static void hears_rtp(int fd, uint16_t seq)
{
    uint8_t p[2048];

    assert_int_equal(hear_frame(fd, p), 172);
    assert_int_equal(p[2] << 8 | p[3], seq);
}

static void comes_to(const count_t *c, int64_t n)
{
    for (int i = 0; i < LIMIT_MS && count_get(c) != n; i++)
        poll(NULL, 0, 1);
    assert_int_equal(count_get(c), n);
}

static const count_t *of_worker(struct fixture *f, enum worker_counter c)
{
    return &worker_counts(f->worker)[c];
}

static const count_t *of_door(struct fixture *f, enum door_counter c)
{
    return &door_counts(f->door)[c];
}

/* --- tests --- */

static void relays(void **state)
{
    struct fixture *f = *state;
    const int fd = comes_in(f, true);
    uint8_t p[512];

    say_frame(fd, p, rtp(p, 1));
    phone_hears(f, 1);
    phone_says(f, 100);
    hears_rtp(fd, 100);
    comes_to(of_worker(f, WORKER_C_LEGS), 1);
    close(fd);
    comes_to(of_worker(f, WORKER_C_LEGS), 0);
    comes_to(of_worker(f, WORKER_C_LEG_CLOSED), 1);
    comes_to(of_door(f, DOOR_C_LET_IN), 1);
}

/* An empty frame first, the check octet by octet; then three packets in one piece, an empty frame among them; then cut in the
 * middle. */
static void pieces(void **state)
{
    struct fixture *f = *state;
    const int fd = dial(&f->plain);
    uint8_t p[2048], one[512];
    size_t n = framed(p, one, 0);

    n += framed(p + n, one, check(f, "wicufrag", PWD, true, one));
    for (size_t i = 0; i < n; i++)
        say(fd, p + i, 1);
    answered(fd);
    n = framed(p, one, rtp(one, 1));
    n += framed(p + n, one, 0);
    n += framed(p + n, one, rtp(one, 2));
    n += framed(p + n, one, rtp(one, 3));
    say(fd, p, n - 100);
    phone_hears(f, 1);
    phone_hears(f, 2);
    say(fd, p + n - 100, 100);
    phone_hears(f, 3);
    close(fd);
}

static void refused(struct fixture *f, const struct addr *to, const void *p, size_t n, const count_t *why)
{
    const int64_t was = count_get(why);
    const int fd = dial(to);

    say(fd, p, n);
    assert_true(is_closed(fd));
    comes_to(why, was + 1);
    close(fd);
    (void)f;
}

static void strangers(void **state)
{
    struct fixture *f = *state;
    const int good = comes_in(f, true);
    uint8_t p[2048], one[2048] = {0};
    size_t n = framed(p, one, check(f, "nobodyyy", PWD, true, one));

    refused(f, &f->plain, p, n, of_door(f, DOOR_C_UNKNOWN));
    n = framed(p, one, check(f, "wicufrag", "notthepasswordofthegateway", true, one));
    refused(f, &f->plain, p, n, of_worker(f, WORKER_C_LEG_BAD));
    n = framed(p, one, check(f, "wicufrag", PWD, true, one));
    refused(f, &f->other, p, n, of_door(f, DOOR_C_UNKNOWN)); /* of another realm */
    n = framed(p, one, rtp(one, 1));
    refused(f, &f->plain, p, n, of_door(f, DOOR_C_NOT_STUN));
    refused(f, &f->plain, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11, of_door(f, DOOR_C_OVERSIZED)); /* TLS */
    memset(p, 0, sizeof(p));
    p[0] = 0x07; /* longer than any check, shorter than the longest frame */
    refused(f, &f->plain, p, sizeof(p), of_door(f, DOOR_C_NOT_STUN));
    memset(p, 0, 36); /* empty frames */
    refused(f, &f->plain, p, 36, of_door(f, DOOR_C_NOT_STUN));
    phone_says(f, 7); /* nobody else is disturbed */
    hears_rtp(good, 7);
    close(good);
}

static void silent_ones(void **state)
{
    struct fixture *f = *state;
    const int quiet = dial(&f->plain), slow = dial(&f->plain);
    uint8_t p[512], one[512];
    const size_t n = framed(p, one, check(f, "wicufrag", PWD, true, one));

    say(slow, p, n - 1);
    assert_true(is_closed(quiet));
    assert_true(is_closed(slow));
    comes_to(of_door(f, DOOR_C_LATE), 2);
    close(quiet);
    close(slow);
}

static void crowd(void **state)
{
    struct fixture *f = *state;
    int fd[5];

    for (unsigned i = 0; i < 5; i++)
        fd[i] = dial(&f->plain);
    assert_true(is_closed(fd[0])); /* the oldest made room */
    comes_to(of_door(f, DOOR_C_CROWDED), 1);
    for (unsigned i = 0; i < 5; i++)
        close(fd[i]);
}

static void too_long(void **state)
{
    struct fixture *f = *state;
    const int fd = comes_in(f, true), other = comes_in(f, false);
    const uint8_t head[FRAME_HEAD] = {0x08, 0x01}; /* 2049 */
    uint8_t p[512];

    say(fd, head, sizeof(head));
    assert_true(is_closed(fd));
    comes_to(of_worker(f, WORKER_C_LEG_OVERSIZED), 1);
    say_frame(other, p, rtp(p, 4));
    phone_hears(f, 4);
    close(fd);
    close(other);
}

/* The one nominated last has the media; its rival goes 3 s later. */
static void rivals(void **state)
{
    struct fixture *f = *state;
    const int first = comes_in(f, true), second = comes_in(f, false);
    uint8_t p[512];

    phone_says(f, 1);
    hears_rtp(first, 1);
    say_frame(second, p, check(f, "wicufrag", PWD, true, p));
    answered(second);
    phone_says(f, 2);
    hears_rtp(second, 2);
    say_frame(first, p, rtp(p, 9)); /* what is still under way counts */
    phone_hears(f, 9);
    assert_true(is_closed(first));
    phone_says(f, 3);
    hears_rtp(second, 3);
    close(first);
    close(second);
}

/* The selected connection breaks; the browser comes back with the same ufrag and no nomination. */
static void comes_back(void **state)
{
    struct fixture *f = *state;
    int fd = comes_in(f, true);

    phone_says(f, 1);
    hears_rtp(fd, 1);
    close(fd);
    comes_to(of_worker(f, WORKER_C_LEGS), 0);
    phone_says(f, 2); /* nowhere to go */
    comes_to(&f->counts[0].gated, 1);
    fd = comes_in(f, false);
    phone_says(f, 3);
    hears_rtp(fd, 3);
    close(fd);
}

static void many(void **state)
{
    struct fixture *f = *state;
    int fd[MEDIA_LEGS + 1];
    uint8_t p[512];

    for (unsigned i = 0; i < MEDIA_LEGS; i++)
        fd[i] = comes_in(f, false);
    fd[MEDIA_LEGS] = dial(&f->plain);
    say_frame(fd[MEDIA_LEGS], p, check(f, "wicufrag", PWD, false, p));
    assert_true(is_closed(fd[MEDIA_LEGS]));
    for (unsigned i = 0; i <= MEDIA_LEGS; i++)
        close(fd[i]);
}

static void forget(struct fixture *f, struct bus_msg *m)
{
    (void)f;
    m->u.id = WIC;
}

static void ends(void **state)
{
    struct fixture *f = *state;
    const int fd = comes_in(f, true);
    uint8_t p[512], one[512];
    size_t n;

    post(door_inbox(f->door), BUS_DOOR_FORGET, forget, f);
    post(f->inboxes[0], BUS_SEP_CLOSE, forget, f);
    assert_true(is_closed(fd));
    n = framed(p, one, check(f, "wicufrag", PWD, true, one));
    refused(f, &f->plain, p, n, of_door(f, DOOR_C_UNKNOWN));
    close(fd);
}

/* RTP to somebody who does not read: it is dropped, the connection stays, and others hear theirs. */
static void slow_reader(void **state)
{
    struct fixture *f = *state;
    const int small = 4096;
    const int fd = dial(&f->plain);
    uint8_t p[512];
    uint16_t seq = 0;

    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
    say_frame(fd, p, check(f, "wicufrag", PWD, true, p));
    answered(fd);
    while (count_get(of_worker(f, WORKER_C_LEG_DROPPED)) == 0 && seq < 60000) {
        phone_says(f, seq++);
        if (seq % 50 == 0) /* the phone's own socket must not lose them */
            poll(NULL, 0, 1);
    }
    assert_true(count_get(of_worker(f, WORKER_C_LEG_DROPPED)) > 0);
    assert_int_equal(count_get(of_worker(f, WORKER_C_LEGS)), 1);
    say_frame(fd, p, rtp(p, 9)); /* it still speaks */
    phone_hears(f, 9);
    close(fd);
}

/* --- HTTP --- */

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

/* --- one module alone --- */

static void frames(void **state)
{
    const uint8_t p[] = {0, 3, 'a', 'b', 'c', 0, 0, 0x10};

    (void)state;
    assert_int_equal(frame_first(p, 0, 100), 0);
    assert_int_equal(frame_first(p, 1, 100), 0);
    assert_int_equal(frame_first(p, 4, 100), 0);
    assert_int_equal(frame_first(p, 5, 100), 5);
    assert_int_equal(frame_first(p, 8, 2), -EMSGSIZE);
    assert_int_equal(frame_first(p + 5, 3, 100), FRAME_HEAD);
    assert_int_equal(frame_first(p + 6, 2, 15), -EMSGSIZE);
    assert_int_equal(frame_first(p + 6, 2, 16), 0);
}

static void ufrags(void **state)
{
    struct bus_door one = {.id = 1, .worker = 3, .ufrag = "first"}, two = {.id = 2, .realm = 1, .ufrag = "other"};
    struct names *n;

    (void)state;
    assert_int_equal(names_new(&n), 0);
    assert_int_equal(names_set(n, &one), 0);
    assert_int_equal(names_set(n, &two), 0);
    assert_int_equal(names_find(n, SV("first"), 0)->worker, 3);
    assert_null(names_find(n, SV("first"), 1));
    assert_null(names_find(n, SV("firs"), 0));
    assert_null(names_find(n, SV("a ufrag that is longer than any of ours"), 0));
    strcpy(one.ufrag, "second"); /* ICE restart: the one before counts, too */
    assert_int_equal(names_set(n, &one), 0);
    assert_non_null(names_find(n, SV("first"), 0));
    assert_non_null(names_find(n, SV("second"), 0));
    strcpy(one.ufrag, "third");
    assert_int_equal(names_set(n, &one), 0);
    assert_null(names_find(n, SV("first"), 0));
    strcpy(one.ufrag, "other");
    assert_int_equal(names_set(n, &one), -EEXIST);
    names_forget(n, 1);
    names_forget(n, 1);
    assert_null(names_find(n, SV("third"), 0));
    assert_int_equal(names_find(n, SV("other"), 1)->id, 2);
    names_free(n);
}

/* Of a full queue RTP goes, DTLS never: then it is the connection's end. */
static void queue(void **state)
{
    static uint8_t big[2000];
    struct addr at;
    const int lfd = listener(&at), fd = dial(&at), other = accept(lfd, NULL, NULL), small = 4096;
    struct leg *l;
    unsigned dtls = 0;
    int err = 0;

    (void)state;
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
    assert_int_equal(leg_new(&l, fd, &at, &at, 1000), 0);
    while (!l->queue) /* what the kernel takes */
        assert_int_equal(leg_write(l, big, sizeof(big), true, 1000), 0);
    while (!l->dropped)
        assert_int_equal(leg_write(l, big, sizeof(big), true, 1000), 0);
    assert_true(l->queued <= MEDIA_LEG_QUEUE);
    while (!err && ++dtls < 1000)
        err = leg_write(l, big, sizeof(big), false, 1000);
    assert_int_equal(err, -ENOSPC);
    assert_true(dtls > MEDIA_LEG_QUEUE / 2100); /* every RTP made room before */
    assert_int_equal(leg_write(l, big, sizeof(big), true, 1000), -ENOBUFS);
    while (l->queue) {
        static uint8_t sink[65536];

        assert_int_equal(leg_flush(l, 2000), 0);
        (void)recv(other, sink, sizeof(sink), MSG_DONTWAIT);
    }
    assert_int_equal(l->moved, 2000);
    leg_free(l);
    close(other);
    close(lfd);
}

static void late_rtp(void **state)
{
    static uint8_t big[1000];
    struct addr at;
    const int lfd = listener(&at), fd = dial(&at), other = accept(lfd, NULL, NULL), small = 4096;
    struct leg *l;

    (void)state;
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
    assert_int_equal(leg_new(&l, fd, &at, &at, 1000), 0);
    while (l->queued < 5000)
        assert_int_equal(leg_write(l, big, sizeof(big), true, 1000), 0);
    assert_int_equal(leg_write(l, big, sizeof(big), true, 1000 + MEDIA_LEG_LATE_MS), 0);
    assert_true(l->dropped >= 4);
    assert_true(l->queued < 3100); /* the one under way, and the new one */
    leg_free(l);
    close(other);
    close(lfd);
}

#define RIG(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames),
        cmocka_unit_test(ufrags),
        cmocka_unit_test(queue),
        cmocka_unit_test(late_rtp),
        RIG(relays),
        RIG(pieces),
        RIG(strangers),
        RIG(silent_ones),
        RIG(crowd),
        RIG(too_long),
        RIG(rivals),
        RIG(comes_back),
        RIG(many),
        RIG(ends),
        RIG(slow_reader),
        RIG(http_is_refused), RIG(letters_are_no_http), RIG(method_in_pieces_is_http),
        RIG(http_is_handed_on),
        RIG(http_without_server),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
