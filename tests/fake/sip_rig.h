/* The SIP side of alg on loopback sockets, for tests of it: a bare WebSocket client as the browser, a bare UDP socket as the
 * core. Every wait is a bounded number of turns of the main loop. Included by one file of a test program. */
#pragma once

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include <poll.h>

#include "alg/sip/reg.h"
#include "alg/sip/sip_limits.h"
#include "alg/sip/ws.h"
#include "common/log.h"

#define HEARD 64
#ifndef RIG_T1_MS /* who tests what takes 64 of it has less; a machine may stand still for a second or two */
#define RIG_T1_MS 100
#endif
#define RIG_WAIT_MS 10000 /* for what comes at once, or with the next tick */
#define ORIGIN "http://127.0.0.1:8000"

struct rig {
    uv_loop_t loop;
    struct sip *sip;
    struct reg *reg;
    int core;
    struct addr core_addr, alg_addr;
    char last[65536];    /* what the core got last */
    uint64_t heard[HEARD]; /* hashes of the requests it got */
    unsigned n_heard;
    int browser;
    char text[70000];    /* what the browser got last */
    unsigned char in[140000];
    size_t n_in;
    /* what call/ would see */
    unsigned requests, closed, moved, responses, cancelled, acked, in_dialog;
    int status;
    struct sip_in *pending;
    struct sip_dlg *dlg;
    struct sip_out *out;
    sip_flow flow;
    char method[32], uri[256], body[256];
    struct sip_dlg_h dh;
    bool any_flow; /* flows are not numbered from 1 */
};

static void on_dlg(void *arg, struct sip_dlg *d, struct sip_in *in, const struct sip_msg *m)
{
    struct rig *r = arg;

    (void)d;
    r->in_dialog++;
    snprintf(r->method, sizeof r->method, "%s", sip_msg_method(m));
    assert_int_equal(sip_reply(in, 200, NULL, NULL, SV_NONE, NULL), 0);
}

static void on_request(void *arg, struct sip_in *in, const struct sip_msg *m)
{
    struct rig *r = arg;
    struct sv body = sip_msg_body(m);

    r->requests++;
    snprintf(r->method, sizeof r->method, "%s", sip_msg_method(m));
    snprintf(r->uri, sizeof r->uri, "%s", sip_msg_uri(m));
    sv_copy(body, r->body, sizeof r->body);
    r->flow = sip_msg_flow(m);
    r->pending = in;
    r->dh = (struct sip_dlg_h){on_dlg, r};
    assert_int_equal(sip_dlg_accept(&r->dlg, r->sip, in, m, &r->dh), 0);
}

static void on_closed(void *arg, sip_flow flow)
{
    struct rig *r = arg;

    (void)flow;
    r->closed++;
}

static void on_moved(void *arg, sip_flow old, sip_flow now)
{
    struct rig *r = arg;

    assert_true(r->any_flow || old == 1);
    assert_true(r->any_flow || now == 2);
    r->moved++;
}

static void turn(struct rig *r)
{
    sip_turn(r->sip, 10);
}

/* Until *n is not 0 any more, within a bound. */
static inline void turn_until(struct rig *r, const unsigned *n)
{
    for (msec_t end = net_now_ms() + RIG_WAIT_MS; net_now_ms() < end && !*n;)
        turn(r);
}

static struct addr loopback(uint16_t port)
{
    struct addr a;

    memset(&a, 0, sizeof a);
    assert_int_equal(addr_parse(&a, SV("127.0.0.1"), port), 0);
    return a;
}

static void rig_start_as(struct rig *r, unsigned max_msg, unsigned ping_s, const struct reg_conf *rc, sip_flow flow_base)
{
    static const char *const origins[] = {ORIGIN};
    struct ws_conf ws = {.listen = {{loopback(0), false}}, .n_listen = 1, .state_dir = "/nonexistent", .origins = origins,
                         .n_origins = 1, .max_conns = 10, .max_per_addr = 3, .max_msg = max_msg, .ping_s = ping_s,
                         .flow_base = flow_base};
    struct sip_h h = {.request = on_request, .flow_closed = on_closed, .flow_moved = on_moved, .arg = r};
    struct sip_conf sc = {.listen = loopback(0), .name = "alg1.example.net", .t1_ms = RIG_T1_MS, .ws = &ws};
    char hop[64];

    log_init(getenv("TEST_DEBUG") ? LOG_DEBUG : LOG_ERROR);
    memset(r, 0, sizeof *r);
    r->any_flow = flow_base != 0;
    uv_loop_init(&r->loop);
    r->core_addr = loopback(0);
    r->core = net_udp(&r->core_addr);
    assert_true(r->core >= 0);
    snprintf(hop, sizeof hop, "sip:127.0.0.1:%u;transport=udp", addr_port(&r->core_addr));
    sc.next_hop = (const char *const[]){hop};
    sc.n_next_hop = 1;
    assert_int_equal(sip_new(&r->sip, &r->loop, &sc, &h), 0);
    assert_int_equal(reg_new(&r->reg, r->sip, rc), 0);
    r->alg_addr = loopback(sip_port(r->sip));
    r->browser = -1;
}

static void rig_start_with(struct rig *r, unsigned max_msg, unsigned ping_s)
{
    const struct reg_conf rc = {.domain = "home.example.net", .orphan_s = 32};

    rig_start_as(r, max_msg, ping_s, &rc, 0);
}

static void rig_start(struct rig *r, unsigned max_msg)
{
    rig_start_with(r, max_msg, 25);
}

static void rig_stop(struct rig *r)
{
    if (r->dlg)
        sip_dlg_free(r->dlg);
    if (r->browser >= 0)
        close(r->browser);
    close(r->core);
    reg_free(r->reg);
    sip_free(r->sip);
    for (int i = 0; i < 100 && uv_loop_alive(&r->loop); i++)
        uv_run(&r->loop, UV_RUN_NOWAIT);
    assert_int_equal(uv_loop_close(&r->loop), 0); /* every handle was closed */
}

/* --- the core --- */

/* The value of the first header field of that name in text. */
static const char *header(const char *text, const char *name)
{
    static char out[2048];
    char want[64];
    const char *at;
    size_t n;

    snprintf(want, sizeof want, "\r\n%s: ", name);
    at = strstr(text, want);
    if (!at)
        return "";
    at += strlen(want);
    n = strcspn(at, "\r\n");
    snprintf(out, sizeof out, "%.*s", (int)n, at);
    return out;
}

/* On a machine that is busy a request comes again before it is answered (T1 is short here): the same octets, no news for a UAS. */
static bool is_again(struct rig *r, const char *p, size_t n)
{
    uint64_t hash = 14695981039346656037u; /* FNV-1a */

    if (sv_starts((struct sv){p, n}, "SIP/2.0 "))
        return false;
    for (size_t i = 0; i < n; i++)
        hash = (hash ^ (unsigned char)p[i]) * 1099511628211u;
    for (size_t i = 0; i < HEARD; i++)
        if (r->heard[i] == hash)
            return true;
    r->heard[r->n_heard++ % HEARD] = hash;
    return false;
}

static bool core_has(struct rig *r)
{
    static char text[sizeof r->last];
    ssize_t n;

    while ((n = recv(r->core, text, sizeof text - 1, MSG_DONTWAIT)) > 0) {
        if (is_again(r, text, (size_t)n))
            continue;
        memcpy(r->last, text, (size_t)n);
        r->last[n] = 0;
        return true;
    }
    return false;
}

/* Does the core get one that begins so? */
static inline bool core_hears_within(struct rig *r, const char *start, unsigned ms)
{
    for (msec_t until = net_now_ms() + ms; net_now_ms() < until;) {
        turn(r);
        while (core_has(r))
            if (!strncmp(r->last, start, strlen(start)))
                return true;
    }
    return false;
}

static void core_wait(struct rig *r, const char *start)
{
    if (!core_hears_within(r, start, RIG_WAIT_MS))
        fail_msg("the core did not get %s; last: %s", start, r->last);
}

static void core_send(struct rig *r, const char *text)
{
    assert_true(sendto(r->core, text, strlen(text), 0, &r->alg_addr.u.sa, addr_len(&r->alg_addr)) > 0);
}

static void core_answer(struct rig *r, const char *start, const char *more, const char *body)
{
    char text[8192], via[512], from[256], to[256], id[256], cseq[64];

    snprintf(via, sizeof via, "%s", header(r->last, "Via"));
    snprintf(from, sizeof from, "%s", header(r->last, "From"));
    snprintf(to, sizeof to, "%s", header(r->last, "To"));
    snprintf(id, sizeof id, "%s", header(r->last, "Call-ID"));
    snprintf(cseq, sizeof cseq, "%s", header(r->last, "CSeq"));
    snprintf(text, sizeof text, "SIP/2.0 %s\r\nVia: %s\r\nFrom: %s\r\nTo: %s%s\r\nCall-ID: %s\r\nCSeq: %s\r\n%sContent-Length: %zu\r\n\r\n%s",
             start, via, from, to, strstr(to, "tag=") ? "" : ";tag=core1", id, cseq, more, strlen(body), body);
    core_send(r, text);
}

/* --- the browser --- */

static int dial(struct rig *r, const char *origin, const char *protocol)
{
    struct addr to = loopback(sip_ws_port(r->sip, 0));
    char req[512];
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(connect(fd, &to.u.sa, addr_len(&to)), 0);
    snprintf(req, sizeof req,
             "GET /sip HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n%s%s%s"
             "Sec-WebSocket-Protocol: %s\r\n\r\n",
             origin ? "Origin: " : "", origin ? origin : "", origin ? "\r\n" : "", protocol);
    assert_int_equal(send(fd, req, strlen(req), 0), (ssize_t)strlen(req));
    return fd;
}

static size_t fill(struct rig *r, int fd)
{
    for (msec_t end = net_now_ms() + RIG_WAIT_MS; net_now_ms() < end;) {
        ssize_t n = recv(fd, r->in + r->n_in, sizeof r->in - r->n_in - 1, MSG_DONTWAIT);

        if (n >= 0) {
            r->n_in += (size_t)n;
            r->in[r->n_in] = 0;
            return (size_t)n;
        }
        turn(r);
    }
    return 0;
}

static void upgrade(struct rig *r)
{
    r->browser = dial(r, ORIGIN, "sip");
    while (!strstr((char *)r->in, "\r\n\r\n"))
        assert_true(fill(r, r->browser) > 0);
    assert_non_null(strstr((char *)r->in, " 101 "));
    r->n_in = 0;
}

static void frame(struct rig *r, unsigned char first, const char *p, size_t n)
{
    static unsigned char out[150000];
    size_t at = 0;

    out[at++] = first;
    if (n < 126) {
        out[at++] = (unsigned char)(0x80 | n);
    } else if (n < 65536) {
        out[at++] = 0x80 | 126;
        out[at++] = (unsigned char)(n >> 8);
        out[at++] = (unsigned char)n;
    } else {
        out[at++] = 0x80 | 127;
        for (int i = 7; i >= 0; i--)
            out[at++] = (unsigned char)((uint64_t)n >> (8 * i));
    }
    memset(out + at, 0, 4); /* a mask of zero is a mask */
    at += 4;
    memcpy(out + at, p, n);
    at += n;
    for (size_t sent = 0; sent < at;) {
        ssize_t k = send(r->browser, out + sent, at - sent, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (k > 0)
            sent += (size_t)k;
        else if (errno == EAGAIN)
            turn(r);
        else
            return; /* closed: who listens is told */
    }
}

static void say(struct rig *r, const char *text)
{
    frame(r, 0x81, text, strlen(text));
}

/* The next frame; its opcode. The payload is in r->text. */
static int hear(struct rig *r)
{
    for (;;) {
        size_t n, head = 2;

        if (r->n_in >= 2) {
            n = r->in[1] & 0x7f;
            if (n == 126 && r->n_in >= 4) {
                n = (size_t)r->in[2] << 8 | r->in[3];
                head = 4;
            }
            if (r->n_in >= head + n && (r->in[1] & 0x7f) != 127) {
                int op = r->in[0] & 15;

                memcpy(r->text, r->in + head, n);
                r->text[n] = 0;
                r->n_in -= head + n;
                memmove(r->in, r->in + head + n, r->n_in);
                return op;
            }
        }
        if (!fill(r, r->browser))
            return -1;
    }
}

static void hear_sip(struct rig *r, const char *start)
{
    int op;

    do {
        op = hear(r);
        assert_in_range(op, 1, 2);
    } while (!strncmp(r->text, "SIP/2.0 100", 11) && strncmp(start, "SIP/2.0 100", 11) != 0);
    if (strncmp(r->text, start, strlen(start)) != 0)
        fail_msg("expected %s, got %s", start, r->text);
}

#define REGISTER(cseq, extra) \
    "REGISTER sip:home.example.net SIP/2.0\r\nVia: SIP/2.0/WS abcdefghijkl.invalid;branch=z9hG4bK" cseq "\r\nMax-Forwards: 69\r\n" \
    "To: <sip:alice@home.example.net>\r\nFrom: <sip:alice@home.example.net>;tag=w1\r\nCall-ID: reg1\r\nCSeq: " cseq " REGISTER\r\n" \
    "Contact: <sip:q1w2e3r4@abcdefghijkl.invalid;transport=ws>;+sip.ice;reg-id=1;+sip.instance=\"<urn:uuid:1111>\";expires=600\r\n" \
    "P-Asserted-Identity: <sip:boss@home.example.net>\r\nExpires: 600\r\nSupported: path,gruu,outbound\r\n" extra "Content-Length: 0\r\n\r\n"

static void enroll(struct rig *r)
{
    upgrade(r);
    say(r, REGISTER("1", ""));
    core_wait(r, "REGISTER ");
    core_answer(r, "200 OK",
                "Contact: <sip:q1w2e3r4@abcdefghijkl.invalid;transport=ws>;+sip.instance=\"<urn:uuid:1111>\";reg-id=1;expires=300\r\n"
                "P-Associated-URI: <sip:alice@home.example.net>, <tel:+15550100>\r\n", "");
    hear_sip(r, "SIP/2.0 200");
}

static inline void on_ack(void *arg, const struct sip_msg *m)
{
    struct rig *r = arg;

    if (m)
        r->acked++;
}
