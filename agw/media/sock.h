/* One UDP socket of a worker, and the list of packets that leave by it. Thread: the worker. */
#pragma once

#include "agw/media/media_limits.h"
#include "agw/media/pkt.h"
#include "agw/media/ring.h"

struct port;
struct peers;

enum sock_kind {
    SOCK_RTP,    /* of one stream endpoint: RTP, and all that is muxed with it */
    SOCK_RTCP,   /* of one stream endpoint: RTCP */
    SOCK_SHARED, /* of all stream endpoints that control gave no socket: `peers` tells them apart */
    SOCK_LEG,    /* a TCP connection of one stream endpoint: struct leg */
};

struct sock {
    int fd; /* -1: none */
    enum sock_kind kind;
    struct addr local;
    struct port *port;   /* NULL: shared */
    struct peers *peers; /* shared */
    bool raw;            /* may be sent for by a raw socket */
    uint8_t tos;         /* as control set it; for that */
    unsigned wake;       /* the wake-up that found it readable last */
    unsigned want;       /* datagrams asked for then */
    /* the packets that wait to leave by it, in order: indices of the out list */
    unsigned first, last;
    unsigned waiting;
    size_t longest; /* octets of the longest of them */
    struct sock *next; /* sockets with packets waiting */
    struct ring_member ring;
};

void sock_init(struct sock *s, int fd, enum sock_kind kind, const struct addr *local);
void sock_buffers(const struct sock *s); /* asks the kernel for room; it may give less: then bursts lose more */
void sock_marks(struct sock *s); /* reads again what control may have set: ds/dscp */
/* How many datagrams to ask for now: one, unless the wake-up before left some behind. */
unsigned sock_want(struct sock *s, unsigned wake);

/* Packets that leave with the next flush, from the slots that they came in. */
struct out;
struct out_sum { /* of one flush */
    unsigned sent, lost;
    uint64_t octets;
};

int out_new(struct out **op, bool raw); /* raw: for streams with a port of their own, if the process may */
bool out_is_raw(const struct out *o);
void out_free(struct out *o);
/* false: full, flush first. The packet and RAW_HEAD octets before it are the list's until then. */
bool out_add(struct out *o, struct sock *s, const struct pkt *pkt);
/* One system call for all packets by the raw socket, one for each other socket. What a socket has no room for is lost, as on any
 * wire, and counted; the next packet tries again. */
void out_flush(struct out *o, struct out_sum *sum);
