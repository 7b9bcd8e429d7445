/* Packet worker: one thread, own epoll loop, its stream endpoints. Control talks to it by bus messages only.
 * A context stays on the worker that it was given at birth. */
#pragma once

#include "agw/bus.h"
#include "common/count.h"
#include "common/trace.h"

struct worker;

enum worker_counter {
    WORKER_C_RX, WORKER_C_TX, WORKER_C_RX_OCTETS, WORKER_C_TX_OCTETS, WORKER_C_STUN_OK, WORKER_C_STUN_BAD,
    WORKER_C_UNVALIDATED, /* DTLS or other from an address without a passed check: dropped */
    WORKER_C_JUNK,        /* first octet of nothing we know (RFC 7983) */
    WORKER_C_DTLS_OK, WORKER_C_DTLS_FAILED, WORKER_C_DROPPED, /* inbox of the data thread full */
    WORKER_C_TX_LOST,     /* socket buffer or batch full, nowhere to send, record before DTLS is up */
    WORKER_C_MEDIA, WORKER_C_MEDIA_TX, /* RTP and RTCP */
    WORKER_C_MEDIA_DROPPED, WORKER_C_MEDIA_LOST,
    WORKER_C_PEER_REFUSED, /* a check on a shared socket, from an address that another stream uses */
    WORKER_C_RING_LOST,    /* came to a socket beyond its share of the ring, or the ring is full */
    WORKER_C_LEG_DROPPED,  /* RTP that waited too long for a slow reader on TCP */
    WORKER_C_LEG_CLOSED, WORKER_C_LEG_BAD, WORKER_C_LEG_OVERSIZED, WORKER_C_LEG_SLOW, /* connections, by why they ended */
    WORKER_C_PIPE_STOPPED, /* how often a connection of MSRP was not read for want of room in front */
    WORKER_C_FLOWS, WORKER_C_SEPS, WORKER_C_LEGS, WORKER_C_N
};
extern const struct count_def worker_counters[WORKER_C_N];

/* A socket that all seps opened with fd -1 and this local address use: told apart by the ufrag of the first check, then by the
 * address that passed one. With 50 packets a second a stream, batches come together only across streams. */
struct worker_shared {
    int fd;            /* bound, non-blocking; owned by the worker */
    struct addr local;
};

enum worker_way { WORKER_OFF, WORKER_AUTO, WORKER_ON }; /* AUTO: if the process may; ON: worker_new fails if not */

struct worker_conf {
    unsigned index;
    const struct worker_shared *shared; /* copied; at most MEDIA_SHARED. The sockets become the worker's, come what may */
    unsigned n_shared;
    enum srtp_engine srtp;
    struct inbox *ctl;           /* events go here */
    struct inbox *data;          /* decrypted records go here */
    const uint8_t *cert_der, *key_der; /* certificate and PKCS#8 key, shared by all; read by worker_new alone */
    size_t cert_len, key_len;
    unsigned ice_timeout_ms;     /* no check for so long = ICE_LOST: 30000 */
    unsigned dtls_timeout_ms;    /* handshake given up: 30000 */
    enum worker_way raw_send;    /* one raw socket sends for all streams that have a port each */
    enum worker_way ring;        /* all sockets receive into one ring that the kernel fills */
    unsigned gather_us;          /* under load datagrams may wait so long for others: a wake-up costs as much as three */
    struct trace *trace;         /* NULL = off */
};

int worker_new(struct worker **wp, const struct worker_conf *conf); /* starts the thread */
struct inbox *worker_inbox(struct worker *w);
void worker_free(struct worker *w); /* posts BUS_STOP and joins the thread */
const count_t *worker_counts(const struct worker *w);
