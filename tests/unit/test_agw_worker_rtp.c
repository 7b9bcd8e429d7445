/* A worker thread that relays RTP on loopback: its own sockets and RTCP's, one socket shared by two browsers, strangers,
 * a socket that cannot send, what is due while packets never end, and the end of things. Each wait ends when what is waited for came, or after LIMIT_MS. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <errno.h>
#include <linux/capability.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/unit/worker_rig.h"

#define LIMIT_MS 10000

struct fixture {
    struct worker_rig rig;
    struct addr shared;
    struct flow_counts counts[8];
    unsigned n_counts;
    int fds[16]; /* the peers' */
    unsigned n_fds;
};

static int setup_with(void **state, enum worker_way raw, enum worker_way ring)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct worker_conf conf = {.raw_send = raw, .ring = ring, .gather_us = 200};
    struct worker_shared shared;

    *state = f;
    assert_int_equal(addr_parse(&shared.local, SV("127.0.0.1"), 0), 0);
    shared.fd = net_udp(&shared.local);
    f->shared = shared.local;
    conf.shared = &shared;
    conf.n_shared = 1;
    return worker_rig_up(&f->rig, conf);
}

static int setup(void **state)
{
    return setup_with(state, WORKER_OFF, WORKER_OFF);
}

static int setup_raw(void **state)
{
    return setup_with(state, WORKER_AUTO, WORKER_OFF);
}

static int setup_ring(void **state)
{
    return setup_with(state, WORKER_OFF, WORKER_AUTO);
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    worker_rig_down(&f->rig);
    while (f->n_fds)
        close(f->fds[--f->n_fds]);
    free(f);
    return 0;
}

/* --- peers --- */

static int peer(struct fixture *f, struct addr *at)
{
    int fd;

    assert_int_equal(addr_parse(at, SV("127.0.0.1"), 0), 0);
    fd = net_udp(at);
    assert_true(fd >= 0);
    return f->fds[f->n_fds++] = fd;
}

static void say(int fd, const struct addr *to, const void *p, size_t n)
{
    assert_int_equal(sendto(fd, p, n, 0, &to->u.sa, addr_len(to)), n);
}

static size_t hear(int fd, void *p, size_t size, struct addr *from)
{
    struct pollfd pfd = {.fd = fd, .events = POLLIN};
    socklen_t len = sizeof(*from);
    ssize_t n;

    assert_int_equal(poll(&pfd, 1, LIMIT_MS), 1);
    n = recvfrom(fd, p, size, 0, &from->u.sa, &len);
    assert_true(n > 0);
    return (size_t)n;
}

static void rtp(int fd, const struct addr *to, uint16_t seq, uint8_t mark)
{
    uint8_t p[172] = {0x80, 0, (uint8_t)(seq >> 8), (uint8_t)seq, 0, 0, 0, (uint8_t)seq, 1, 2, 3, mark};

    memset(p + 12, mark, 160);
    say(fd, to, p, sizeof(p));
}

/* The next datagram at fd is the RTP packet that somebody marked so. */
static void expect(int fd, const struct addr *from, uint16_t seq, uint8_t mark)
{
    uint8_t p[2048];
    struct addr src;

    assert_int_equal(hear(fd, p, sizeof(p), &src), 172);
    assert_true(addr_eq(&src, from));
    assert_int_equal(p[2] << 8 | p[3], seq);
    assert_int_equal(p[100], mark);
}

static void checked(struct fixture *f, int fd, const char *ufrag)
{
    struct check c = {.ufrag = ufrag, .pwd = PWD, .use_candidate = true, .tid = 7};
    uint8_t p[512];
    struct addr from;
    struct stun_msg m;
    size_t n = check_make(f->rig.mac, &c, p, sizeof(p));

    say(fd, &f->shared, p, n);
    n = hear(fd, p, sizeof(p), &from);
    assert_true(addr_eq(&from, &f->shared));
    assert_int_equal(stun_parse(&m, p, n), 0);
    assert_int_equal(m.type, STUN_BINDING_SUCCESS);
}

/* --- control's side --- */

static struct bus_sep own(bus_id id, const struct addr *remote, bool mux)
{
    struct bus_sep s = {.id = id, .has_remote = remote != NULL, .peer = "core",
                        .rtp = {.on = true, .mux = mux, .rtcp_fd = -1}};

    assert_int_equal(addr_parse(&s.local, SV("127.0.0.1"), 0), 0);
    s.fd = net_udp(&s.local);
    assert_true(s.fd >= 0);
    if (remote)
        s.remote = *remote;
    return s;
}

static struct bus_sep on_shared(struct fixture *f, bus_id id, const char *ufrag)
{
    struct bus_sep s = {.id = id, .fd = -1, .local = f->shared, .ice = true, .pwd = PWD, .peer = "wic",
                        .rtp = {.on = true, .mux = true, .rtcp_fd = -1}};

    sv_copy(sv_from(ufrag), s.ufrag, sizeof(s.ufrag));
    return s;
}

static void open_sep(struct fixture *f, enum bus_kind kind, const struct bus_sep *spec)
{
    struct bus_msg *m = bus_new(kind);

    m->u.sep = *spec;
    inbox_post(worker_inbox(f->rig.worker), &m->item);
}

static void open_flow_of(struct fixture *f, bus_id id, bus_id sep, bool opaque, msec_t inactivity_ms)
{
    struct bus_msg *m = bus_new(BUS_FLOW_OPEN);

    m->u.flow = (struct bus_flow){.id = id, .sep = sep, .in = true, .out = true, .keep_ext = true, .has_rtcp = true,
                                  .feedback = true, .inactivity_ms = inactivity_ms, .counts = &f->counts[f->n_counts++]};
    if (opaque) {
        m->u.flow.opaque = true;
        m->u.flow.has_rtcp = false;
    }
    inbox_post(worker_inbox(f->rig.worker), &m->item);
}

static void open_flow(struct fixture *f, bus_id id, bus_id sep)
{
    open_flow_of(f, id, sep, false, 0);
}

static void join(struct fixture *f, bus_id a, bus_id b)
{
    struct bus_msg *m = bus_new(BUS_FLOW_JOIN);

    m->u.wire.a = a;
    m->u.wire.b = b;
    for (unsigned i = 0; i < 128; i++)
        m->u.wire.a_to_b[i] = m->u.wire.b_to_a[i] = (uint8_t)i;
    inbox_post(worker_inbox(f->rig.worker), &m->item);
}

/* What control is told next, apart from ICE. */
static enum bus_kind told(struct fixture *f, bus_id *id, char text[BUS_TEXT])
{
    struct pollfd pfd = {.fd = inbox_fd(f->rig.ctl), .events = POLLIN};
    static struct inbox_item *left;

    for (;;) {
        struct bus_msg *m;
        enum bus_kind kind;

        if (!left) {
            assert_int_equal(poll(&pfd, 1, LIMIT_MS), 1);
            left = inbox_take(f->rig.ctl);
        }
        m = (struct bus_msg *)left;
        if (!m)
            continue;
        left = left->next;
        kind = m->kind;
        *id = m->u.id;
        text[0] = '\0';
        if (kind == BUS_EVENT)
            memcpy(text, m->u.event.text, BUS_TEXT);
        if (kind == BUS_EVENT && m->u.event.what == BUS_EV_ICE_UP)
            kind = BUS_STOP;
        bus_free(m);
        if (kind != BUS_STOP)
            return kind;
    }
}

static void closes(struct fixture *f, enum bus_kind kind, bus_id id)
{
    char text[BUS_TEXT];
    bus_id told_id;

    bus_post_id(worker_inbox(f->rig.worker), kind, id);
    assert_int_equal(told(f, &told_id, text), BUS_CLOSED);
    assert_int_equal(told_id, id);
}

static int64_t counted(struct fixture *f, enum worker_counter c)
{
    return count_get(&worker_counts(f->rig.worker)[c]);
}

/* Orders so far are carried out: an unknown id is closed at once. */
static void settled(struct fixture *f)
{
    closes(f, BUS_SEP_CLOSE, 999);
}

/* --- tests --- */

static void between_two_ports(void **state)
{
    struct fixture *f = *state;
    struct addr a_at, b_at;
    const int a = peer(f, &a_at), b = peer(f, &b_at);
    struct bus_sep sa = own(1, &a_at, true), sb = own(2, &b_at, true);

    open_sep(f, BUS_SEP_OPEN, &sa);
    open_sep(f, BUS_SEP_OPEN, &sb);
    open_flow(f, 11, 1);
    open_flow(f, 12, 2);
    join(f, 11, 12);
    settled(f);
    assert_int_equal(counted(f, WORKER_C_FLOWS), 2);
    for (uint16_t i = 1; i <= 100; i++) { /* a burst: batches of one socket */
        rtp(a, &sa.local, i, 'a');
        rtp(b, &sb.local, i, 'b');
    }
    for (uint16_t i = 1; i <= 100; i++) {
        expect(b, &sb.local, i, 'a');
        expect(a, &sa.local, i, 'b');
    }
    for (unsigned in = 0; in < 2; in++) { /* nothing was lost: what one side took the other one sent */
        const struct flow_counts *from = &f->counts[in], *to = &f->counts[!in];

        assert_int_equal(count_get(&from->rx_packets), 100);
        assert_int_equal(count_get(&to->tx_packets), 100);
        assert_int_equal(count_get(&from->rx_octets), 16000);
        assert_int_equal(count_get(&to->tx_octets), 16000);
        assert_int_equal(count_get(&from->lost) + count_get(&from->gated) + count_get(&from->refused), 0);
    }
    closes(f, BUS_FLOW_CLOSE, 11);
    closes(f, BUS_FLOW_CLOSE, 12);
    closes(f, BUS_SEP_CLOSE, 1);
    closes(f, BUS_SEP_CLOSE, 2);
    assert_int_equal(counted(f, WORKER_C_MEDIA), 200);
    assert_int_equal(counted(f, WORKER_C_FLOWS), 0);
    assert_int_equal(counted(f, WORKER_C_SEPS), 0);
}

/* RTCP comes in by its own socket and leaves by the other side's own. */
static void rtcp_on_its_port(void **state)
{
    struct fixture *f = *state;
    struct addr a_at, a2_at, b_at, b2_at, from;
    const int a = peer(f, &a_at), a2 = peer(f, &a2_at), b = peer(f, &b_at), b2 = peer(f, &b2_at);
    struct bus_sep sa = own(1, &a_at, false), sb = own(2, &b_at, false);
    struct addr ra = sa.local, rb = sb.local;
    /* an empty receiver report, and BYE: what must pass whatever else is made of it */
    uint8_t compound[] = {0x80, 201, 0, 1, 1, 2, 3, 'a', 0x81, 203, 0, 1, 1, 2, 3, 'a'}, p[2048];

    addr_set_port(&ra, 0);
    addr_set_port(&rb, 0);
    sa.rtp.rtcp_fd = net_udp(&ra);
    sb.rtp.rtcp_fd = net_udp(&rb);
    sa.rtp.remote_rtcp = a2_at;
    sb.rtp.remote_rtcp = b2_at;
    open_sep(f, BUS_SEP_OPEN, &sa);
    open_sep(f, BUS_SEP_OPEN, &sb);
    open_flow(f, 11, 1);
    open_flow(f, 12, 2);
    join(f, 11, 12);
    settled(f);
    rtp(a, &sa.local, 1, 'a');
    expect(b, &sb.local, 1, 'a');
    say(a2, &ra, compound, sizeof(compound));
    assert_true(hear(b2, p, sizeof(p), &from) >= 8);
    assert_true(addr_eq(&from, &rb));
    assert_in_range(p[1], 200, 201);
    (void)b;
}

static void on_one_port(void **state)
{
    struct fixture *f = *state;
    struct addr at[4], stranger_at;
    int fd[4];
    struct bus_sep core[2];
    const int stranger = peer(f, &stranger_at);

    for (unsigned i = 0; i < 4; i++)
        fd[i] = peer(f, &at[i]);
    for (unsigned i = 0; i < 2; i++) {
        const struct bus_sep s = on_shared(f, i + 1, i ? "ufragB" : "ufragA");

        core[i] = own(i + 3, &at[i + 2], true);
        open_sep(f, BUS_SEP_OPEN, &s);
        open_sep(f, BUS_SEP_OPEN, &core[i]);
        open_flow(f, i + 11, i + 1);
        open_flow(f, i + 13, i + 3);
        join(f, i + 11, i + 13);
    }
    settled(f);
    rtp(fd[0], &f->shared, 1, 'x'); /* before its check */
    checked(f, fd[0], "ufragA");
    checked(f, fd[1], "ufragB");
    rtp(stranger, &f->shared, 1, 's');
    say(stranger, &f->shared, "\x16\xfe\xfd hello", 9);
    for (uint16_t i = 1; i <= 50; i++) {
        rtp(fd[0], &f->shared, i, 'a');
        rtp(fd[1], &f->shared, i, 'b');
        rtp(fd[2], &core[0].local, i, 'A');
        rtp(fd[3], &core[1].local, i, 'B');
    }
    for (uint16_t i = 1; i <= 50; i++) {
        expect(fd[2], &core[0].local, i, 'a');
        expect(fd[3], &core[1].local, i, 'b');
        expect(fd[0], &f->shared, i, 'A');
        expect(fd[1], &f->shared, i, 'B');
    }
    settled(f);
    assert_int_equal(counted(f, WORKER_C_UNVALIDATED), 3);
    assert_int_equal(counted(f, WORKER_C_MEDIA), 200);
}

/* Who has credentials of one stream cannot take another's address by a check in its name; when the stream is gone, he can. */
static void an_address_stays(void **state)
{
    struct fixture *f = *state;
    struct addr at[2], core_at;
    const int fd = peer(f, &at[0]), core = peer(f, &core_at);
    struct bus_sep a = on_shared(f, 1, "ufragA"), b = on_shared(f, 2, "ufragB"), c = own(3, &core_at, true);

    open_sep(f, BUS_SEP_OPEN, &a);
    open_sep(f, BUS_SEP_OPEN, &b);
    open_sep(f, BUS_SEP_OPEN, &c);
    open_flow(f, 11, 1);
    open_flow(f, 13, 3);
    join(f, 11, 13);
    settled(f);
    checked(f, fd, "ufragA");
    checked(f, fd, "ufragB");
    rtp(fd, &f->shared, 1, 'a');
    expect(core, &c.local, 1, 'a');
    assert_int_equal(counted(f, WORKER_C_PEER_REFUSED), 1);
    closes(f, BUS_FLOW_CLOSE, 11);
    closes(f, BUS_SEP_CLOSE, 1);
    rtp(fd, &f->shared, 2, 'a'); /* nobody's now */
    checked(f, fd, "ufragB");
    assert_int_equal(counted(f, WORKER_C_UNVALIDATED), 1);
    assert_int_equal(counted(f, WORKER_C_PEER_REFUSED), 1);
    /* the name is free again, and a restart keeps the old one until the next */
    open_sep(f, BUS_SEP_OPEN, &a);
    settled(f);
    strcpy(b.ufrag, "ufragC");
    open_sep(f, BUS_SEP_REMOTE, &b);
    settled(f);
    checked(f, fd, "ufragC");
    (void)at;
}

/* m= UDP: no octet is sorted out. */
static void transparent(void **state)
{
    struct fixture *f = *state;
    struct addr a_at, b_at, from;
    const int a = peer(f, &a_at), b = peer(f, &b_at);
    struct bus_sep sa = own(1, &a_at, false), sb = own(2, &b_at, false);
    uint8_t p[40], q[100];

    sa.rtp.opaque = sb.rtp.opaque = true;
    open_sep(f, BUS_SEP_OPEN, &sa);
    open_sep(f, BUS_SEP_OPEN, &sb);
    open_flow_of(f, 11, 1, true, 0);
    open_flow_of(f, 12, 2, true, 0);
    join(f, 11, 12);
    settled(f);
    for (unsigned i = 0; i < 256; i++) {
        memset(p, (int)i, sizeof(p));
        say(a, &sa.local, p, sizeof(p));
        assert_int_equal(hear(b, q, sizeof(q), &from), sizeof(p));
        assert_memory_equal(p, q, sizeof(p));
        assert_true(addr_eq(&from, &sb.local));
    }
    assert_int_equal(count_get(&f->counts[1].tx_packets), 256);
}

static void refused(void **state)
{
    struct fixture *f = *state;
    struct bus_sep a = on_shared(f, 1, "ufragA"), twin = on_shared(f, 2, "ufragA"), nowhere = on_shared(f, 3, "ufragB");
    char text[BUS_TEXT];
    bus_id id;

    addr_set_port(&nowhere.local, 1);
    open_sep(f, BUS_SEP_OPEN, &a);
    open_sep(f, BUS_SEP_OPEN, &twin);
    assert_int_equal(told(f, &id, text), BUS_EVENT);
    assert_int_equal(id, 2);
    open_sep(f, BUS_SEP_OPEN, &nowhere);
    assert_int_equal(told(f, &id, text), BUS_EVENT);
    assert_int_equal(id, 3);
    open_flow(f, 11, 77);
    assert_int_equal(told(f, &id, text), BUS_EVENT);
    assert_int_equal(id, 11);
    closes(f, BUS_FLOW_CLOSE, 11);
    closes(f, BUS_SEP_CLOSE, 2);
    closes(f, BUS_SEP_CLOSE, 3);
    open_flow(f, 12, 1); /* and left to the end of the worker */
    settled(f);
    assert_int_equal(counted(f, WORKER_C_SEPS), 1);
}

/* A destination that the kernel refuses costs that packet alone; the stream goes on when it can be sent to again. */
static void goes_on(void **state)
{
    struct fixture *f = *state;
    struct addr a_at, b_at;
    const int a = peer(f, &a_at), b = peer(f, &b_at);
    struct bus_sep sa = own(1, &a_at, true), sb = own(2, &b_at, true);

    sb.remote.u.in4.sin_addr.s_addr = htonl(INADDR_BROADCAST); /* EACCES without SO_BROADCAST */
    open_sep(f, BUS_SEP_OPEN, &sa);
    open_sep(f, BUS_SEP_OPEN, &sb);
    open_flow(f, 11, 1);
    open_flow(f, 12, 2);
    join(f, 11, 12);
    settled(f);
    for (uint16_t i = 1; i <= 20; i++)
        rtp(a, &sa.local, i, 'a');
    while (counted(f, WORKER_C_MEDIA_LOST) < 20)
        settled(f);
    sb.remote = b_at;
    open_sep(f, BUS_SEP_REMOTE, &sb);
    settled(f);
    rtp(a, &sa.local, 21, 'a');
    expect(b, &sb.local, 21, 'a');
    assert_int_equal(counted(f, WORKER_C_MEDIA_LOST), 20);
}

struct flood {
    struct addr to;
    int fd;
    atomic_bool stop;
};

static void *flood(void *arg)
{
    struct flood *x = arg;

    for (uint16_t i = 0; !atomic_load(&x->stop); i++)
        rtp(x->fd, &x->to, i, 'x');
    return NULL;
}

/* Packets go before what is due, but not for ever: seven streams are silent beside one that is as loud as a sender can be. */
static void due_in_a_flood(void **state)
{
    struct fixture *f = *state;
    struct addr loud_at, quiet_at;
    struct flood x = {.fd = peer(f, &loud_at)};
    struct bus_sep loud = own(1, &loud_at, true);
    unsigned seen = 0;
    pthread_t thread;

    (void)peer(f, &quiet_at);
    x.to = loud.local;
    open_sep(f, BUS_SEP_OPEN, &loud);
    open_flow(f, 101, 1);
    for (bus_id i = 2; i <= 8; i++) {
        struct bus_sep s = own(i, &quiet_at, true);

        open_sep(f, BUS_SEP_OPEN, &s);
        open_flow_of(f, 100 + i, i, false, 300);
    }
    join(f, 101, 102);
    settled(f);
    assert_int_equal(pthread_create(&thread, NULL, flood, &x), 0);
    while (seen != 0x1fc) {
        char text[BUS_TEXT];
        bus_id id;

        assert_int_equal(told(f, &id, text), BUS_EVENT);
        assert_in_range(id, 102, 108);
        seen |= 1u << (id - 100);
    }
    atomic_store(&x.stop, true);
    pthread_join(thread, NULL);
}

/* A process without any right: AUTO does without, ON says so. */
static int setup_bare(void **state)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct had[2], none[2];
    struct fixture *f;
    int err;

    assert_int_equal(syscall(SYS_capget, &head, had), 0);
    memcpy(none, had, sizeof(none));
    none[0].effective = none[1].effective = 0;
    assert_int_equal(syscall(SYS_capset, &head, none), 0);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(setup_with(state, i ? WORKER_ON : WORKER_AUTO, i ? WORKER_AUTO : WORKER_ON), -EPERM);
        f = *state;
        assert_null(f->rig.worker);
        assert_int_equal(teardown(state), 0);
    }
    err = setup_with(state, WORKER_AUTO, WORKER_AUTO); /* its thread inherits having none */
    assert_int_equal(syscall(SYS_capset, &head, had), 0);
    return err;
}

#define BARE(t) {#t " (no rights)", t, setup_bare, teardown, NULL}
#define RAW(t) {#t " (raw)", t, setup_raw, teardown, NULL}
#define RING(t) {#t " (ring)", t, setup_ring, teardown, NULL}
#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(between_two_ports), TEST(rtcp_on_its_port), TEST(on_one_port), TEST(an_address_stays),
        TEST(refused), TEST(goes_on), TEST(transparent), RAW(transparent), RAW(between_two_ports), RAW(rtcp_on_its_port), RAW(on_one_port), RAW(goes_on),
        RING(between_two_ports), RING(rtcp_on_its_port), RING(on_one_port), RING(an_address_stays), RING(refused),
        RING(goes_on), RING(transparent), TEST(due_in_a_flood), RING(due_in_a_flood), BARE(between_two_ports), BARE(on_one_port),
    };

    return cmocka_run_group_tests_name("agw/media/worker: RTP", tests, NULL, NULL);
}
