/* ICE-TCP on loopback: the door, a worker behind it, a phone and a web server, browsers' connections. Each wait ends when what is
 * waited for came, or after LIMIT_MS. */
#pragma once

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "agw/media/door.h"
#include "agw/media/leg.h"
#include "tests/unit/worker_rig.h"

#define LIMIT_MS 10000
#define WIC 1  /* the stream with ICE */
#define CORE 2 /* the other one */

struct fixture {
    struct worker_rig rig;
    struct inbox *inboxes[1];
    struct door *door;
    struct addr plain, other, web;  /* listeners: of realm 0, of realm 1, with a web server behind */
    struct addr udp, core, core_at; /* of WIC, of CORE; the phone's */
    struct flow_counts counts[2];
    int phone, server;
    uint8_t tid;
};

static inline int listener(struct addr *at)
{
    int fd;

    assert_int_equal(addr_parse(at, SV("127.0.0.1"), 0), 0);
    fd = net_tcp_listen(at, 100);
    assert_true(fd >= 0);
    return fd;
}

static inline void post(struct inbox *to, enum bus_kind kind, void (*fill)(struct fixture *f, struct bus_msg *m), struct fixture *f)
{
    struct bus_msg *m = bus_new(kind);

    assert_non_null(m);
    fill(f, m);
    inbox_post(to, &m->item);
}

static inline void wic(struct fixture *f, struct bus_msg *m)
{
    m->u.sep = (struct bus_sep){.id = WIC, .fd = net_udp(&f->udp), .local = f->udp, .ice = true, .ufrag = "wicufrag", .pwd = PWD,
                                .peer = "wic", .rtp = {.on = true, .mux = true, .rtcp_fd = -1}};
}

static inline void core(struct fixture *f, struct bus_msg *m)
{
    m->u.sep = (struct bus_sep){.id = CORE, .fd = net_udp(&f->core), .local = f->core, .has_remote = true, .remote = f->core_at,
                                .peer = "core", .rtp = {.on = true, .mux = true, .rtcp_fd = -1}};
}

static inline void wic_flow(struct fixture *f, struct bus_msg *m)
{
    m->u.flow = (struct bus_flow){.id = 11, .sep = WIC, .in = true, .out = true, .has_rtcp = true, .counts = &f->counts[0]};
}

static inline void core_flow(struct fixture *f, struct bus_msg *m)
{
    m->u.flow = (struct bus_flow){.id = 12, .sep = CORE, .in = true, .out = true, .has_rtcp = true, .counts = &f->counts[1]};
}

static inline void wire(struct fixture *f, struct bus_msg *m)
{
    (void)f;
    m->u.wire.a = 11;
    m->u.wire.b = 12;
    for (unsigned i = 0; i < 128; i++)
        m->u.wire.a_to_b[i] = m->u.wire.b_to_a[i] = (uint8_t)i;
}

static inline void name(struct fixture *f, struct bus_msg *m)
{
    (void)f;
    m->u.door = (struct bus_door){.id = WIC, .ufrag = "wicufrag"};
}

/* check_ms: so long a connection may say nothing, 0: the product's */
static inline int setup_with(void **state, unsigned check_ms)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct door_listener l[3] = {{.realm = 0}, {.realm = 1}, {.realm = 0, .has_http = true}};

    *state = f;
    assert_int_equal(worker_rig_up(&f->rig, (struct worker_conf){0}), 0);
    f->inboxes[0] = worker_inbox(f->rig.worker);
    f->server = listener(&l[2].http);
    l[0].fd = listener(&l[0].local);
    l[1].fd = listener(&l[1].local);
    l[2].fd = listener(&l[2].local);
    f->plain = l[0].local;
    f->other = l[1].local;
    f->web = l[2].local;
    assert_int_equal(door_new(&f->door, &(struct door_conf){.listeners = l, .n_listeners = 3, .workers = f->inboxes,
                                                            .check_ms = check_ms, .waiting = 4}), 0);
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

static inline int setup(void **state)
{
    return setup_with(state, 0);
}

static inline int teardown(void **state)
{
    struct fixture *f = *state;

    door_free(f->door);
    worker_rig_down(&f->rig);
    close(f->phone);
    close(f->server);
    free(f);
    return 0;
}

/* --- a browser's connection --- */

static inline int dial(const struct addr *to)
{
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(connect(fd, &to->u.sa, addr_len(to)), 0);
    return fd;
}

static inline void say(int fd, const void *p, size_t n)
{
    assert_int_equal(send(fd, p, n, MSG_NOSIGNAL), n);
}

static inline size_t framed(uint8_t *out, const void *p, size_t n)
{
    frame_head(out, n);
    memcpy(out + FRAME_HEAD, p, n);
    return FRAME_HEAD + n;
}

static inline void say_frame(int fd, const void *p, size_t n)
{
    uint8_t out[4096];

    say(fd, out, framed(out, p, n));
}

/* So many octets, or fewer when the connection ends. */
static inline size_t hear(int fd, uint8_t *p, size_t n)
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

static inline size_t hear_frame(int fd, uint8_t *p)
{
    uint8_t head[FRAME_HEAD];
    size_t n;

    assert_int_equal(hear(fd, head, FRAME_HEAD), FRAME_HEAD);
    n = (size_t)head[0] << 8 | head[1];
    assert_int_equal(hear(fd, p, n), n);
    return n;
}

static inline bool is_closed(int fd)
{
    uint8_t p[64];

    return hear(fd, p, sizeof(p)) == 0;
}

static inline size_t check(struct fixture *f, const char *ufrag, const char *pwd, bool nominates, uint8_t *out)
{
    struct check c = {.ufrag = ufrag, .pwd = pwd, .use_candidate = nominates, .tid = ++f->tid};

    return check_make(f->rig.mac, &c, out, 512);
}

static inline void answered(int fd)
{
    uint8_t p[2048];
    struct stun_msg m;

    assert_int_equal(stun_parse(&m, p, hear_frame(fd, p)), 0);
    assert_int_equal(m.type, STUN_BINDING_SUCCESS);
}

static inline int comes_in(struct fixture *f, bool nominates)
{
    const int fd = dial(&f->plain);
    uint8_t p[512];

    say_frame(fd, p, check(f, "wicufrag", PWD, nominates, p));
    answered(fd);
    return fd;
}

static inline size_t rtp(uint8_t *p, uint16_t seq)
{
    memset(p, 0x55, 172);
    memcpy(p, (uint8_t[12]){0x80, 0, (uint8_t)(seq >> 8), (uint8_t)seq, 0, 0, 0, (uint8_t)seq, 1, 2, 3, 4}, 12);
    return 172;
}

static inline void phone_hears(struct fixture *f, uint16_t seq)
{
    struct pollfd pfd = {.fd = f->phone, .events = POLLIN};
    uint8_t p[2048];

    assert_int_equal(poll(&pfd, 1, LIMIT_MS), 1);
    assert_int_equal(recv(f->phone, p, sizeof(p), 0), 172);
    assert_int_equal(p[2] << 8 | p[3], seq);
}

static inline void phone_says(struct fixture *f, uint16_t seq)
{
    uint8_t p[172];

    assert_int_equal(sendto(f->phone, p, rtp(p, seq), 0, &f->core.u.sa, addr_len(&f->core)), 172);
}

static inline void hears_rtp(int fd, uint16_t seq)
{
    uint8_t p[2048];

    assert_int_equal(hear_frame(fd, p), 172);
    assert_int_equal(p[2] << 8 | p[3], seq);
}

static inline void comes_to(const count_t *c, int64_t n)
{
    for (int i = 0; i < LIMIT_MS && count_get(c) != n; i++)
        poll(NULL, 0, 1);
    assert_int_equal(count_get(c), n);
}

static inline const count_t *of_worker(struct fixture *f, enum worker_counter c)
{
    return &worker_counts(f->rig.worker)[c];
}

static inline const count_t *of_door(struct fixture *f, enum door_counter c)
{
    return &door_counts(f->door)[c];
}

#define RIG(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
