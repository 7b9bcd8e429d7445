/* Somebody else on the network who knows a media port: what he sends gets nothing in, and nothing out but answers to STUN that are
 * no larger than what they answer (RFC 8445 19.5.1; RTP bleed and inject). */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/flow/play.h"

#define STRANGER_ROUNDS 20
#define STRANGER_WAIT_MS 300
#define STRANGER_ARRIVE_MS 20
#define STRANGER_SIZE 172
#define STRANGER_HOST "127.0.0.66" /* whoever connects is not who was signalled */

struct datagram {
    const char *what;
    uint8_t head[32]; /* the rest is zero */
    size_t n;
};

static const struct datagram spray[] = {
    {"RTP", {0x80, 0, 0x12, 0x34, 0, 0, 0, 1, 0xde, 0xad, 0xbe, 0xef}, 172},
    {"RTP", {0x80, 111, 0x12, 0x35, 0, 0, 0, 1, 0xde, 0xad, 0xbe, 0xef}, 92},
    {"RTCP", {0x81, 201, 0, 7, 0xde, 0xad, 0xbe, 0xef, 0xde, 0xad, 0xbe, 0xee}, 32},
    {"a Binding request of nobody", {0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, 20},
    {"a Binding request with a wrong USERNAME",
     {0, 1, 0, 12, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0, 6, 0, 8, 'a', 'b', 'c', 'd', ':', 'e', 'f', 'g'}, 32},
    {"a ClientHello", {22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 60, 1, 0, 0, 48, 0, 0, 0, 0, 0, 0, 0, 48, 0xfe, 0xfd}, 73},
    {"a DTLS record", {23, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 9, 0, 30}, 43},
    {"nothing that is known", {200, 1, 2, 3}, 60},
};

static long counted(const struct play *p)
{
    long n = -1;

    return launch_metric(p->ops_agw, "agw_rtp_tx_packets_total", &n) ? n : -1;
}

/* All that came back is looked at before the next is sent, so it is known what it answers. */
static bool send_one(struct play *p, int fd, const struct addr *to, const struct datagram *d, char *why, size_t size)
{
    static const bool never;
    uint8_t octets[STRANGER_SIZE] = {0};
    ssize_t n;

    memcpy(octets, d->head, sizeof d->head);
    if (sendto(fd, octets, d->n, 0, &to->u.sa, addr_len(to)) < 0) {
        snprintf(why, size, "%s: %s", d->what, strerror(errno));
        return false;
    }
    play_until(p, &never, 2);
    while ((n = recv(fd, octets, sizeof octets, MSG_DONTWAIT | MSG_TRUNC)) >= 0) {
        if ((size_t)n > d->n || octets[0] > 1) { /* STUN answers alone */
            snprintf(why, size, "%s of %zu octets was answered by %zd", d->what, d->n, n);
            return false;
        }
    }
    return true;
}

bool stranger_sprays(struct play *p, const struct addr *to, char *why, size_t size)
{
    static const bool never;
    struct addr local;
    long before = counted(p), after;
    bool ok = true;
    int fd = addr_parse(&local, SV("127.0.0.1"), 0) ? -EINVAL : net_udp(&local);

    if (fd < 0) {
        snprintf(why, size, "no socket: %s", strerror(-fd));
        return false;
    }
    for (unsigned i = 0; ok && i < STRANGER_ROUNDS; i++) {
        for (size_t k = 0; ok && k < ARRAY_LEN(spray); k++)
            ok = send_one(p, fd, to, &spray[k], why, size);
    }
    play_until(p, &never, STRANGER_WAIT_MS);
    after = counted(p);
    if (ok && (before < 0 || after != before)) {
        snprintf(why, size, "agw passed %ld packets on", after - before);
        ok = false;
    }
    close(fd);
    return ok;
}

bool stranger_connects(struct play *p, const struct addr *to, unsigned n, char *why, size_t size)
{
    static const bool never;
    struct addr from;

    for (unsigned i = 0; i < n && p->n_strangers < ARRAY_LEN(p->strangers); i++) {
        int fd = addr_parse(&from, SV(STRANGER_HOST), 0) ? -EINVAL : net_tcp_connect(to, &from);

        if (fd < 0) {
            snprintf(why, size, "no connection: %s", strerror(-fd));
            return false;
        }
        p->strangers[p->n_strangers++] = fd;
    }
    play_until(p, &never, STRANGER_ARRIVE_MS);
    return true;
}

void stranger_leaves(struct play *p)
{
    while (p->n_strangers)
        close(p->strangers[--p->n_strangers]);
}
