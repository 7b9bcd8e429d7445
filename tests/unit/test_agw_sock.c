/* What leaves a worker: order, batches, who is the sender, what is lost. Real sockets on loopback; the kernel checks the
 * checksums that the raw socket's datagrams carry. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "agw/media/raw.h"
#include "agw/media/sock.h"

#define LIMIT_MS 10000

static struct addr bound(int *fd)
{
    struct addr a;

    assert_int_equal(addr_parse(&a, SV("127.0.0.1"), 0), 0);
    *fd = net_udp(&a);
    assert_true(*fd >= 0);
    return a;
}

static void expect(int fd, const struct addr *from, uint8_t mark, size_t n)
{
    struct pollfd pfd = {.fd = fd, .events = POLLIN};
    uint8_t p[4096];
    struct addr src;
    socklen_t len = sizeof(src);

    assert_int_equal(poll(&pfd, 1, LIMIT_MS), 1);
    assert_int_equal(recvfrom(fd, p, sizeof(p), 0, &src.u.sa, &len), n);
    assert_true(addr_eq(&src, from));
    assert_int_equal(p[0], mark);
    assert_int_equal(p[n - 1], mark);
}

/* In a slot with room before it. */
static struct pkt packet(uint8_t *slot, uint8_t mark, size_t n, const struct addr *to)
{
    uint8_t *p = slot + PKT_HEAD;

    memset(p, mark, n);
    return (struct pkt){.p = p, .n = n, .end = p + n, .to = *to};
}

/* Packets of every length 1..64, and long ones, from two sockets in turn: each peer gets its own, in order. */
static void send_both(bool raw)
{
    static uint8_t bytes[80][PKT_HEAD + 2000];
    struct addr at[2], peer[2];
    struct sock sock[2];
    int fd[2], peer_fd[2];
    struct out *o;
    struct out_sum sum;
    size_t octets = 0;

    assert_int_equal(out_new(&o, raw), 0);
    if (raw && !out_is_raw(o)) {
        out_free(o);
        skip(); /* needs CAP_NET_RAW */
    }
    for (unsigned i = 0; i < 2; i++) {
        at[i] = bound(&fd[i]);
        peer[i] = bound(&peer_fd[i]);
        sock_init(&sock[i], fd[i], SOCK_RTP, &at[i]);
    }
    for (unsigned i = 0; i < 80; i++) {
        const size_t n = i < 64 ? i + 1 : 100 * (i - 60);
        const struct pkt pkt = packet(bytes[i], (uint8_t)i, n, &peer[i % 2]);

        assert_true(out_add(o, &sock[i % 2], &pkt));
        octets += n;
        if (i == 70) { /* a flush in the middle: all that is short may go by the raw socket */
            out_flush(o, &sum);
            assert_int_equal(sum.sent, 71);
            assert_int_equal(sum.lost, 0);
            assert_int_equal(sum.octets, octets);
        }
    }
    out_flush(o, &sum);
    assert_int_equal(sum.sent, 9);
    out_flush(o, &sum);
    assert_int_equal(sum.sent, 0);
    for (unsigned i = 0; i < 80; i++)
        expect(peer_fd[i % 2], &at[i % 2], (uint8_t)i, i < 64 ? i + 1 : 100 * (i - 60));
    for (unsigned i = 0; i < 2; i++) {
        close(fd[i]);
        close(peer_fd[i]);
    }
    out_free(o);
}

static void by_each_socket(void **state)
{
    (void)state;
    send_both(false);
}

static void by_the_raw_one(void **state)
{
    (void)state;
    send_both(true);
}

static void bounded(void **state)
{
    struct sock s = {.fd = -1, .kind = SOCK_RTP};
    uint8_t byte;
    const struct pkt pkt = {.p = &byte, .n = 1};
    struct out *o;
    struct out_sum sum;

    (void)state;
    assert_int_equal(out_new(&o, false), 0);
    for (unsigned i = 0; i < MEDIA_RX_SLOTS; i++)
        assert_true(out_add(o, &s, &pkt));
    assert_false(out_add(o, &s, &pkt));
    out_flush(o, &sum); /* a socket that is none: all lost, none stuck */
    assert_int_equal(sum.lost, MEDIA_RX_SLOTS);
    assert_true(out_add(o, &s, &pkt));
    out_free(o);
}

/* RFC 1071: the sum over pseudo header and datagram, with the checksum in it, is all ones. */
static void checksum(void **state)
{
    uint8_t head[RAW_HEAD], p[41];
    struct addr from, to;

    (void)state;
    assert_int_equal(addr_parse(&from, SV("192.0.2.1"), 4711), 0);
    assert_int_equal(addr_parse(&to, SV("203.0.113.255"), 65534), 0);
    for (unsigned n = 0; n <= sizeof(p); n++) {
        uint32_t sum = 17 + 8 + n;

        memset(p, 0xa7 + (int)n, sizeof(p));
        raw_head(head, &from, &to, 0xb8, p, n);
        assert_int_equal(head[1], 0xb8);
        assert_int_equal(head[20] << 8 | head[21], 4711);
        assert_int_equal(head[22] << 8 | head[23], 65534);
        assert_int_equal(head[24] << 8 | head[25], 8 + n);
        for (unsigned i = 12; i < RAW_HEAD; i += 2)
            sum += (uint32_t)(head[i] << 8 | head[i + 1]);
        for (unsigned i = 0; i < n; i++)
            sum += (uint32_t)p[i] << (i % 2 ? 0 : 8);
        while (sum >> 16)
            sum = (sum & 0xffff) + (sum >> 16);
        assert_int_equal(sum, 0xffff);
    }
}

/* A network of its own whose datagrams are cut at 1000 octets: what is longer arrives all the same, in its place. */
static void longer_than_the_way(void **state)
{
    struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP};
    static uint8_t bytes[4][PKT_HEAD + 1900];
    struct addr at, peer;
    struct sock sock;
    struct out *o;
    struct out_sum sum;
    int fd, peer_fd;

    (void)state;
    if (unshare(CLONE_NEWNET))
        skip(); /* needs CAP_SYS_ADMIN */
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &lo), 0);
    lo.ifr_mtu = 1000;
    assert_int_equal(ioctl(fd, SIOCSIFMTU, &lo), 0);
    close(fd);
    at = bound(&fd);
    peer = bound(&peer_fd);
    sock_init(&sock, fd, SOCK_RTP, &at);
    assert_int_equal(out_new(&o, false), 0);
    for (unsigned all = 4; all > 0; all = all == 4) { /* some, and one alone */
        for (unsigned i = 0; i < all; i++) {
            const struct pkt pkt = packet(bytes[i], (uint8_t)(i + 1), i % 2 ? 100 : 1900, &peer);

            assert_true(out_add(o, &sock, &pkt));
        }
        out_flush(o, &sum);
        assert_int_equal(sum.sent, all);
        assert_int_equal(sum.lost, 0);
        assert_int_equal(sum.octets, all == 4 ? 4000 : 1900);
        for (unsigned i = 0; i < all; i++)
            expect(peer_fd, &at, (uint8_t)(i + 1), i % 2 ? 100 : 1900);
    }
    out_free(o);
    close(fd);
    close(peer_fd);
}

/* One datagram a call, until a socket is found readable twice running. */
static void wants(void **state)
{
    struct sock own = {.fd = -1, .kind = SOCK_RTP, .want = 1}, shared = {.fd = -1, .kind = SOCK_SHARED};

    (void)state;
    assert_int_equal(sock_want(&own, 10), 1);
    assert_int_equal(sock_want(&own, 11), 2);
    assert_int_equal(sock_want(&own, 12), 4);
    assert_int_equal(sock_want(&own, 14), 1);
    for (unsigned i = 15; i < 40; i++)
        assert_true(sock_want(&own, i) <= MEDIA_RX_BATCH);
    assert_int_equal(own.want, MEDIA_RX_BATCH);
    assert_int_equal(sock_want(&shared, 10), MEDIA_RX_BATCH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_each_socket), cmocka_unit_test(by_the_raw_one), cmocka_unit_test(bounded),
        cmocka_unit_test(checksum), cmocka_unit_test(wants), cmocka_unit_test(longer_than_the_way), /* last: another network */
    };

    return cmocka_run_group_tests_name("agw/media/sock", tests, NULL, NULL);
}
