/* bench-forward: the least that a media gateway must do, as a measure. A socket a flow on either side, epoll, recvmmsg,
 * sendmmsg, and with a profile the same SRTP code as agw; no ICE, no control, no statistics, no checks of the source. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/bench/bench.h"
#include "tests/bench/media_forward.h"

#define BATCH 8
#define SLOT 2048
#define EVENTS 64

struct port {
    int fd;
    struct sockaddr_in peer;
    struct port *other;
    struct srtp *open, *seal; /* of packets that come in here */
};

struct box {
    struct port *ports;
    int epoll;
    struct mmsghdr msg[BATCH];
    struct iovec iov[BATCH];
    uint8_t p[BATCH][SLOT];
};

static int port_open(struct box *b, unsigned index, enum load_side side, unsigned i)
{
    struct port *p = &b->ports[2 * i + side];
    struct sockaddr_in at = forward_addr(index, side, i);
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = p};

    p->peer = load_addr(index, side, i);
    p->other = &b->ports[2 * i + !side];
    p->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    return p->fd < 0 || bind(p->fd, (struct sockaddr *)&at, sizeof at) || epoll_ctl(b->epoll, EPOLL_CTL_ADD, p->fd, &ev)
               ? -errno
               : 0;
}

static int flow_open(struct box *b, unsigned index, unsigned i, enum srtp_profile profile)
{
    struct srtp_key ours = load_key(profile, i, true), device = load_key(profile, i, false);
    int err = port_open(b, index, LOAD_ACCESS, i);

    if (!err)
        err = port_open(b, index, LOAD_CORE, i);
    if (!err && profile)
        err = srtp_new(&b->ports[2 * i + LOAD_ACCESS].open, SRTP_OPENSSL, &ours, true);
    if (!err && profile)
        err = srtp_new(&b->ports[2 * i + LOAD_CORE].seal, SRTP_OPENSSL, &device, false);
    return err;
}

static void port_relay(struct box *b, struct port *p)
{
    unsigned out = 0;
    int n;

    for (unsigned i = 0; i < BATCH; i++) {
        b->iov[i] = (struct iovec){b->p[i], SLOT};
        b->msg[i].msg_hdr = (struct msghdr){.msg_iov = &b->iov[i], .msg_iovlen = 1};
    }
    n = recvmmsg(p->fd, b->msg, BATCH, 0, NULL);
    for (int i = 0; i < n; i++) {
        size_t len = b->msg[i].msg_len;

        if ((p->open && srtp_open(p->open, b->p[i], &len)) || (p->seal && srtp_seal(p->seal, b->p[i], &len, SLOT)))
            continue;
        b->iov[out] = (struct iovec){b->p[i], len};
        b->msg[out].msg_hdr = (struct msghdr){.msg_name = &p->other->peer, .msg_namelen = sizeof p->other->peer,
                                              .msg_iov = &b->iov[out], .msg_iovlen = 1};
        out++;
    }
    if (out)
        sendmmsg(p->other->fd, b->msg, out, 0);
}

static const char usage[] =
    "usage: bench-forward INDEX FLOWS PROFILE   relays UDP between the addresses of bench-media's load until it is killed\n"
    "  INDEX     which device of bench-media it is: a number that gives the addresses\n"
    "  FLOWS     how many: 1 to " BENCH_TEXT(LOAD_FLOWS_MAX) "\n"
    "  PROFILE   SRTP on the access side: none, cm (AES_CM_128_HMAC_SHA1_80) or gcm (AEAD_AES_128_GCM)\n"
    "Says \"ready\" on stdout. exit status: 1 a port cannot be opened, 2 usage\n";

int main(int argc, char **argv)
{
    struct box *b = calloc(1, sizeof *b);
    struct rlimit many = {65536, 65536};
    unsigned index, flows;
    int err = 0;

    bench_words(argc, argv, usage, 3);
    index = (unsigned)atoi(argv[1]);
    flows = (unsigned)atoi(argv[2]);
    if (!b || !flows || flows > LOAD_FLOWS_MAX)
        bench_usage(usage, "FLOWS is out of range");
    setrlimit(RLIMIT_NOFILE, &many);
    b->ports = calloc(2 * flows, sizeof *b->ports);
    b->epoll = epoll_create1(0);
    for (unsigned i = 0; i < flows && !err; i++)
        err = flow_open(b, index, i, forward_profile(argv[3]));
    if (err) {
        fprintf(stderr, "bench-forward: %s\n", strerror(-err));
        return 1;
    }
    puts("ready");
    fflush(stdout);
    for (;;) {
        struct epoll_event ev[EVENTS];
        int n = epoll_wait(b->epoll, ev, EVENTS, -1);

        for (int i = 0; i < n; i++)
            port_relay(b, ev[i].data.ptr);
    }
}
