/* agw/data: messages both ways, large ones and many at a time, gates, and what ends a channel or an association. */
#include <dlfcn.h>
#include <sys/time.h>

#include "agw/data/dcep.h"
#include "tests/unit/data_rig.h"

#define STANDS_TURNS 40 /* of SCTP_TICK_MS, when nothing comes */

static void test_both_ways(void **state)
{
    struct rig *r = *state;
    char p[1000];
    size_t n = chunk(p, sizeof p, "tid00001", "1-5/5", 5, 'a', '$');

    up(r, 1, 65536);
    wic_send(r, 0, p, n);
    UNTIL(r, r->core[0].n == n);
    assert_memory_equal(r->core[0].p, p, n);
    r->feed[0] = p;
    r->feed_n[0] = n;
    UNTIL(r, r->wic[0].n == n);
    assert_memory_equal(r->wic[0].p, p, n);
    assert_int_equal(r->last_ppid, SCTP_PPID_STRING);
    n = chunk(p, sizeof p, "tid00002", "1-5/5", 5, 0xf0, '$'); /* not UTF-8 */
    r->wic[0].n = 0;
    r->feed[0] = p;
    r->feed_n[0] = n;
    UNTIL(r, r->wic[0].n == n);
    assert_int_equal(r->last_ppid, SCTP_PPID_BINARY);
    bus_post_id(data_inbox(r->d), BUS_CLOSE, TCP0);
    UNTIL(r, r->closed == 1);
    assert_int_equal(r->stats.rx_packets, 2);
    assert_int_equal(r->stats.tx_packets, 1);
    UNTIL(r, r->fd[0] < 0);
    bus_post_id(data_inbox(r->d), BUS_CLOSE, SEP);
    bus_post_id(data_inbox(r->d), BUS_CLOSE, CHAN0);
    UNTIL(r, r->closed == 3);
    assert_int_equal(r->stats.id, CHAN0);
    assert_int_equal(r->stats.tx_packets, 2);
    assert_int_equal(count_get(&data_counts(r->d)[DATA_C_ASSOCS]), 0);
    assert_int_equal(count_get(&data_counts(r->d)[DATA_C_CHANNELS]), 0);
    assert_int_equal(count_get(&data_counts(r->d)[DATA_C_TCPS]), 0);
}

/* Until every buffer on the way is full, not only the first. */
static bool has_moved(struct rig *r)
{
    const int64_t before = count_get(&data_counts(r->d)[DATA_C_OCTETS_TO_CORE]);

    turns(r, STANDS_TURNS);
    return count_get(&data_counts(r->d)[DATA_C_OCTETS_TO_CORE]) != before;
}

/* 10 MB to the core, which stops reading for a while: agw holds no more than its bounds, and what waits in the channel goes on when
 * the core reads again, even if all that waited behind it fits into the socket at once. */
static void test_10mb_to_core(void **state)
{
    struct rig *r = *state;
    size_t size = 70000, all = 0, n;
    char *p = malloc(size), *want = malloc(160 * size);
    char tid[16];
    int err;

    up(r, 1, 65536);
    r->core_stopped = true;
    for (int i = 0; i < 160; i++) {
        snprintf(tid, sizeof tid, "chunk%04u", (unsigned)i % 10000u);
        n = chunk(p, size, tid, "1-65000/65000", 65000, (unsigned)i, '$');
        memcpy(want + all, p, n);
        all += n;
        while ((err = sctp_send(r->peer, 0, SCTP_PPID_BINARY, p, n)) && r->core_stopped)
            r->core_stopped = has_moved(r);
        if (err)
            UNTIL(r, !sctp_send(r->peer, 0, SCTP_PPID_BINARY, p, n));
    }
    assert_false(r->core_stopped);
    UNTIL(r, r->core[0].n >= all);
    assert_int_equal(r->core[0].n, all);
    assert_memory_equal(r->core[0].p, want, all);
    free(p);
    free(want);
}

static void test_10mb_to_wic(void **state)
{
    struct rig *r = *state;
    size_t size = 70000, all = 0;
    char *want = malloc(160 * size), tid[16];

    up(r, 1, 100000);
    for (int i = 0; i < 160; i++) {
        snprintf(tid, sizeof tid, "chunk%04u", (unsigned)i % 10000u);
        all += chunk(want + all, size, tid, "1-65000/65000", 65000, (unsigned)i, '$');
    }
    r->feed[0] = want;
    r->feed_n[0] = all;
    sctp_pause(r->peer, true); /* the browser is slow at first */
    turns(r, 50);
    assert_true(r->feed_n[0] > 0);
    sctp_pause(r->peer, false);
    UNTIL(r, r->wic[0].n >= all);
    assert_int_equal(r->wic[0].n, all);
    assert_memory_equal(r->wic[0].p, want, all);
    assert_int_equal(r->wic_msgs, 160); /* one chunk, one message */
    free(want);
}

/* One chunk of 10 MB: cut on the way, put together again by its pieces' ranges. */
static void test_10mb_one_chunk(void **state)
{
    struct rig *r = *state;
    size_t body = 10 << 20, n, at = 0, got = 0;
    char *p = malloc(body + 1000), *whole = calloc(1, body);
    char range[64];

    up(r, 1, 16384);
    snprintf(range, sizeof range, "1-%zu/%zu", body, body);
    n = chunk(p, body + 1000, "bigchunk", range, body, 3, '$');
    r->feed[0] = p;
    r->feed_n[0] = n;
    UNTIL(r, r->wic[0].n > body && memcmp(r->wic[0].p + r->wic[0].n - 3, "$\r\n", 3) == 0);
    assert_true(r->wic_max_msg <= 16384);
    while (at < r->wic[0].n) {
        char *head = r->wic[0].p + at, *range_at = memmem(head, 1000, "Byte-Range: ", 12);
        char *data = (char *)memmem(head, 1000, "\r\n\r\n", 4) + 4;
        unsigned long long from, to, total;

        assert_int_equal(sscanf(range_at, "Byte-Range: %llu-%llu/%llu", &from, &to, &total), 3);
        assert_int_equal(from, got + 1);
        assert_int_equal(total, body);
        memcpy(whole + got, data, to - from + 1);
        got += to - from + 1;
        data += to - from + 1;
        assert_memory_equal(data, "\r\n-------", 9);
        at = (size_t)((char *)memmem(data + 2, 100, "\r\n", 2) + 2 - r->wic[0].p);
    }
    assert_int_equal(got, body);
    assert_memory_equal(whole, (char *)memmem(p, 1000, "\r\n\r\n", 4) + 4, body);
    free(p);
    free(whole);
}

static void test_several_channels(void **state)
{
    struct rig *r = *state;
    char p[CHANS][400];
    size_t n[CHANS];

    up(r, CHANS, 0);
    for (int i = 0; i < CHANS; i++) {
        char tid[16];

        snprintf(tid, sizeof tid, "chan%d", i);
        n[i] = chunk(p[i], sizeof p[i], tid, "1-9/9", 9, 'a' + (unsigned)i, '$');
        wic_send(r, (uint16_t)i, p[i], n[i]);
        r->feed[i] = p[i];
        r->feed_n[i] = n[i];
    }
    for (int i = 0; i < CHANS; i++) {
        UNTIL(r, r->core[i].n >= n[i] && r->wic[i].n >= n[i]);
        assert_memory_equal(r->core[i].p, p[i], n[i]);
        assert_memory_equal(r->wic[i].p, p[i], n[i]);
    }
    /* One ends, the others go on. */
    bus_post_id(data_inbox(r->d), BUS_CLOSE, TCP0 + 1);
    bus_post_id(data_inbox(r->d), BUS_CLOSE, CHAN0 + 1);
    UNTIL(r, r->closed == 2 && r->reset_in == 1);
    wic_send(r, 2, p[2], n[2]);
    UNTIL(r, r->core[2].n == 2 * n[2]);
}

static void test_gates(void **state)
{
    struct rig *r = *state;
    char p[400];
    size_t n = chunk(p, sizeof p, "gate0001", "1-9/9", 9, 'a', '$');

    up(r, 1, 0);
    gate_post(r, TCP0, false, false);
    barrier(r);
    r->feed[0] = p;
    r->feed_n[0] = n;
    wic_send(r, 0, p, n);
    turns(r, 10);
    assert_int_equal(r->core[0].n, 0);
    assert_int_equal(r->wic[0].n, 0);
    gate_post(r, TCP0, false, true);
    UNTIL(r, r->core[0].n == n);
    turns(r, 5);
    assert_int_equal(r->wic[0].n, 0);
    gate_post(r, TCP0, true, true);
    UNTIL(r, r->wic[0].n == n);
    gate_post(r, CHAN0, false, false);
    barrier(r);
    r->feed[0] = p;
    r->feed_n[0] = n;
    wic_send(r, 0, p, n);
    turns(r, 10);
    assert_int_equal(r->core[0].n, n);
    assert_int_equal(r->wic[0].n, n);
    gate_post(r, CHAN0, true, true);
    UNTIL(r, r->core[0].n == 2 * n && r->wic[0].n == 2 * n);
}

/* Data first, then the peer's port, the join, the connection: nothing is lost. */
static void test_late_everything(void **state)
{
    struct rig *r = *state;
    const struct addr lo = host("127.0.0.1");
    char p[400];
    size_t n = chunk(p, sizeof p, "late0001", "1-9/9", 9, 'a', '$');

    assoc_post(r, BUS_ASSOC_OPEN, 0, 0);
    chan_post(r, 0, true);
    tcp_post(r, 0);
    core_connect(r, 0); /* waits in the backlog */
    r->feed[0] = p;
    r->feed_n[0] = n;
    peer_start(r, 0);
    barrier(r);
    assert_int_equal(r->ev[BUS_EV_SCTP_UP], 0);
    assert_int_equal(r->ev[BUS_EV_TCP_UP], 0);
    assoc_post(r, BUS_ASSOC_REMOTE, 6000, 0);
    UNTIL(r, r->ev[BUS_EV_CHAN_UP] == 1 && r->peer_up);
    wic_send(r, 0, p, n);
    join_post(r, 0);
    barrier(r);
    remote_post(r, 0, BUS_TCP_PASSIVE, &lo);
    UNTIL(r, r->core[0].n == n && r->wic[0].n == n);
}

static void test_bad_msrp_from_core(void **state)
{
    struct rig *r = *state;
    static const char bad[] = "MSRP bad00001 SEND\r\nTo-Path: msrp://b:1/b;tcp\r\nFrom-Path: msrp://a:1/a;tcp\r\n"
                              "Message-ID: m1\r\nByte-Range: x\r\n\r\n";

    up(r, 1, 0);
    r->feed[0] = bad;
    r->feed_n[0] = sizeof bad - 1;
    UNTIL(r, r->ev[BUS_EV_MSRP_BAD] == 1 && r->fd[0] < 0);
    assert_non_null(memmem(r->core[0].p, r->core[0].n, "MSRP bad00001 400 ", 18));
    core_connect(r, 0);
    r->feed[0] = "GET / HTTP/1.1\r\n\r\n";
    r->feed_n[0] = 18;
    UNTIL(r, r->ev[BUS_EV_MSRP_BAD] == 2 && r->fd[0] < 0);
}

static void test_bad_msrp_from_wic(void **state)
{
    struct rig *r = *state;
    char p[400];
    size_t n = chunk(p, sizeof p, "wbad0001", "1-9/9", 9, 'a', '$');

    up(r, 1, 0);
    wic_send(r, 0, "hello", 5);
    p[n++] = 'x'; /* more than one chunk */
    wic_send(r, 0, p, n);
    UNTIL(r, r->wic_msgs == 1);
    assert_non_null(memmem(r->wic[0].p, r->wic[0].n, "MSRP wbad0001 400 ", 18));
    wic_send(r, 0, p, n - 1);
    UNTIL(r, r->core[0].n == n - 1);
    assert_int_equal(count_get(&data_counts(r->d)[DATA_C_MSRP_BAD]), 2);
}

static void test_reset_by_control(void **state)
{
    struct rig *r = *state;

    up(r, 2, 0);
    bus_post_id(data_inbox(r->d), BUS_CHAN_RESET, CHAN0);
    UNTIL(r, r->reset_in == 1);
    barrier(r);
    assert_int_equal(r->ev[BUS_EV_CHAN_RESET_DONE], 0); /* one direction so far */
    assert_int_equal(sctp_reset(r->peer, 0), 0);
    UNTIL(r, r->ev[BUS_EV_CHAN_RESET_DONE] == 1);
    assert_int_equal(r->ev[BUS_EV_CHAN_CLOSED], 0);
}

static void test_reset_by_peer(void **state)
{
    struct rig *r = *state;
    char p[400];
    size_t n = chunk(p, sizeof p, "last0001", "1-9/9", 9, 'a', '$');

    up(r, 1, 0);
    wic_send(r, 0, p, n);
    assert_int_equal(sctp_reset(r->peer, 0), 0);
    UNTIL(r, r->ev[BUS_EV_CHAN_CLOSED] == 1 && r->reset_in == 1 && r->ev[BUS_EV_CHAN_RESET_DONE] == 1);
    UNTIL(r, r->core[0].n == n);
}

static void test_dcep(void **state)
{
    struct rig *r = *state;
    struct dcep open = {.type = DCEP_OPEN, .protocol = SV("MSRP")};
    uint8_t p[64];
    struct buf b = buf_over(p, sizeof p);

    dcep_put(&open, &b);
    up(r, 1, 0);
    assert_int_equal(sctp_send(r->peer, 0, SCTP_PPID_DCEP, b.p, b.len), 0); /* negotiated: tolerated */
    UNTIL(r, r->dcep_acks == 1);
    assert_int_equal(sctp_send(r->peer, 7, SCTP_PPID_DCEP, b.p, b.len), 0); /* nobody knows it */
    UNTIL(r, r->reset_in == 1);
    chan_post(r, 2, false);
    barrier(r);
    assert_int_equal(r->ev[BUS_EV_CHAN_UP], 1);
    assert_int_equal(sctp_send(r->peer, 2, SCTP_PPID_DCEP, b.p, b.len), 0);
    UNTIL(r, r->dcep_acks == 2 && r->ev[BUS_EV_CHAN_UP] == 2);
    assert_int_equal(sctp_send(r->peer, 2, SCTP_PPID_DCEP, b.p, b.len - 1), 0); /* malformed */
    UNTIL(r, r->reset_in == 2 && r->ev[BUS_EV_CHAN_CLOSED] == 1);
    assert_int_equal(count_get(&data_counts(r->d)[DATA_C_DCEP_OPEN]), 2);
    assert_int_equal(count_get(&data_counts(r->d)[DATA_C_DCEP_REFUSED]), 2);
}

static void test_deprecated_ppids(void **state)
{
    struct rig *r = *state;
    char p[400], *big = calloc(1, 60000);
    size_t n = chunk(p, sizeof p, "part0001", "1-9/9", 9, 'a', '$');

    up(r, 2, 0);
    assert_int_equal(sctp_send(r->peer, 0, SCTP_PPID_STRING_PARTIAL, p, 10), 0);
    assert_int_equal(sctp_send(r->peer, 0, SCTP_PPID_STRING_PARTIAL, p + 10, 20), 0);
    assert_int_equal(sctp_send(r->peer, 0, SCTP_PPID_STRING, p + 30, n - 30), 0);
    UNTIL(r, r->core[0].n == n);
    assert_memory_equal(r->core[0].p, p, n);
    /* Above what we announced: the channel is closed, the other one stays. */
    assert_int_equal(sctp_send(r->peer, 0, SCTP_PPID_BINARY_PARTIAL, big, 60000), 0);
    assert_int_equal(sctp_send(r->peer, 0, SCTP_PPID_BINARY, big, 60000), 0);
    UNTIL(r, r->ev[BUS_EV_CHAN_CLOSED] == 1 && r->reset_in == 1);
    wic_send(r, 1, p, n);
    UNTIL(r, r->core[1].n == n);
    free(big);
}

static void test_no_association(void **state)
{
    struct rig *r = *state;

    r->mute = true;
    assoc_post(r, BUS_ASSOC_OPEN, 6000, 0);
    chan_post(r, 0, true);
    peer_start(r, 0);
    UNTIL(r, r->ev[BUS_EV_SCTP_FAILED] == 1);
    bus_post_id(data_inbox(r->d), BUS_CHAN_RESET, CHAN0);
    UNTIL(r, r->ev[BUS_EV_CHAN_RESET_DONE] == 1);
}

static void test_association_lost(void **state)
{
    struct rig *r = *state;

    up(r, 1, 0);
    sctp_abort(r->peer);
    UNTIL(r, r->ev[BUS_EV_SCTP_CLOSED] == 1);
    assert_int_equal(count_get(&data_counts(r->d)[DATA_C_SCTP_UP]), 0);
    bus_post_id(data_inbox(r->d), BUS_DTLS_DOWN, SEP);
    barrier(r);
    assert_int_equal(r->ev[BUS_EV_SCTP_CLOSED], 1);
}

/* Stop with everything open and data under way. */
static void test_stop_in_the_middle(void **state)
{
    struct rig *r = *state;
    char p[400];
    size_t n = chunk(p, sizeof p, "stop0001", "1-9/9", 9, 'a', '$');

    up(r, CHANS, 0);
    for (int i = 0; i < CHANS; i++)
        wic_send(r, (uint16_t)i, p, n);
    drain(r);
}

/* usrsctp's clock, and that of DTLS, does not step: it is not the wall's. */
static void test_clock(void **state)
{
    int (*libraries)(struct timeval *restrict, void *restrict);
    msec_t before = net_now_ms();
    struct timeval tv;

    (void)state;
    *(void **)&libraries = dlsym(RTLD_DEFAULT, "gettimeofday");
    assert_non_null(libraries);
    assert_int_equal(libraries(&tv, NULL), 0);
    assert_in_range((msec_t)tv.tv_sec * 1000 + (msec_t)tv.tv_usec / 1000, before, net_now_ms());
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_both_ways), T(test_10mb_to_core), T(test_10mb_to_wic), T(test_10mb_one_chunk), T(test_several_channels),
        T(test_gates), T(test_late_everything),
        T(test_bad_msrp_from_core), T(test_bad_msrp_from_wic), T(test_reset_by_control), T(test_reset_by_peer),
        T(test_dcep), T(test_deprecated_ppids), T(test_association_lost), T(test_stop_in_the_middle),
        cmocka_unit_test_setup_teardown(test_no_association, setup_hasty, teardown), cmocka_unit_test(test_clock),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
