/* Every message between agw's threads, in one header (style: control decides, workers obey, nobody waits).
 *
 *   control --SEP_*---> worker     a stream endpoint on UDP: ICE-lite, DTLS
 *   control --ASSOC_*, CHAN_*, TCP_*, JOIN--> data      SCTP association, its channels, MSRP over TCP
 *   worker  --DTLS_UP/DATA/DOWN--> data                 records of one DTLS connection, decrypted
 *   data    --DTLS_SEND---------> worker                SCTP packets to seal and send
 *   worker, data --EVENT, CLOSED--> control
 *
 * Ownership of a message passes with the post; the receiver frees it with bus_free. Ids come from control, are never used
 * twice, and a message for an id that is gone is dropped silently. Posts to one inbox keep their order: control posts
 * ASSOC_OPEN to data before SEP_OPEN to the worker, so DTLS_UP can meet no missing association. */
#pragma once

#include "common/inbox.h"
#include "common/net.h"

#define BUS_TEXT 96
#define BUS_FP_MAX 64
#define BUS_ICE_UFRAG 256
#define BUS_ICE_PWD 256

typedef uint64_t bus_id; /* 0 = none */

enum bus_kind {
    /* control -> worker */
    BUS_SEP_OPEN,    /* sep: all of it; the fd passes */
    BUS_SEP_REMOTE,  /* sep: id and the remote part (peer, fingerprint, role, establish) */
    BUS_SEP_CLOSE,   /* id; answered with BUS_CLOSED */
    /* control -> data */
    BUS_ASSOC_OPEN,  /* assoc (id = the sep's id) */
    BUS_ASSOC_REMOTE,/* assoc: remote port and size, when they come later */
    BUS_CHAN_OPEN,   /* chan: one SCTP stream pair of an association */
    BUS_CHAN_RESET,  /* id: reset our outgoing stream (RFC 6525); EVENT CHAN_RESET_DONE when both directions are reset */
    BUS_TCP_OPEN,    /* tcp: the listening fd passes */
    BUS_TCP_REMOTE,  /* tcp: id, remote address, role: from now on connect or accept */
    BUS_JOIN,        /* join: chan <-> tcp; data waits (back-pressure) until both are there */
    BUS_GATE,        /* gate: through-connection of an id, per direction */
    BUS_CLOSE,       /* id of an association, channel or TCP endpoint; answered with BUS_CLOSED */
    /* control -> both */
    BUS_STOP,        /* the thread ends after this message */
    /* worker -> data */
    BUS_DTLS_UP,     /* id: data transfer ready; event.text: "client" or "server" (DCEP stream parity) */
    BUS_DTLS_DATA,   /* id, bytes */
    BUS_DTLS_DOWN,   /* id */
    /* data -> worker */
    BUS_DTLS_SEND,   /* id, bytes: one record */
    /* worker, data -> control */
    BUS_EVENT,       /* event */
    BUS_CLOSED,      /* id, stats: the object is gone, its port may be used again */
};

enum bus_what {
    BUS_EV_ICE_UP,        /* first nominated pair */
    BUS_EV_ICE_LOST,      /* no authenticated check for 30 s (RFC 7675 5.1 as seen by a lite agent) */
    BUS_EV_DTLS_UP,
    BUS_EV_DTLS_FAILED,   /* handshake failed or timed out, or fingerprint mismatch (RFC 8122 6.2): no data passed */
    BUS_EV_DTLS_CLOSED,   /* close_notify */
    BUS_EV_SCTP_UP,
    BUS_EV_SCTP_FAILED,   /* not established, or lost */
    BUS_EV_CHAN_UP,
    BUS_EV_CHAN_RESET_DONE,
    BUS_EV_CHAN_CLOSED,   /* the peer reset its stream: event.id = channel */
    BUS_EV_TCP_UP,
    BUS_EV_TCP_FAILED,    /* connect refused or timed out */
    BUS_EV_TCP_CLOSED,    /* the far end closed */
    BUS_EV_MSRP_BAD,      /* framing broken: the TCP connection was closed */
};

enum bus_dtls_role { BUS_DTLS_NONE, BUS_DTLS_CLIENT, BUS_DTLS_SERVER };
enum bus_tcp_role { BUS_TCP_UNDECIDED, BUS_TCP_PASSIVE, BUS_TCP_ACTIVE };

struct bus_sep { /* one (termination, stream) on UDP */
    bus_id id;
    int fd;                     /* bound, non-blocking; owned by the worker from SEP_OPEN on */
    struct addr local;
    char ufrag[16], pwd[40];    /* ours (RFC 8839). SEP_REMOTE: others than before = ICE restart; empty = unchanged */
    bool has_remote;
    struct addr remote;         /* Remote c=/m=; used only when ICE is off */
    bool ice;                   /* false: no ICE in Local/Remote: latch to the Remote address */
    char remote_ufrag[BUS_ICE_UFRAG], remote_pwd[BUS_ICE_PWD];
    enum bus_dtls_role role;    /* NONE: not yet known; a ClientHello meanwhile is answered (server) and held */
    bool establish;             /* client: start as soon as ICE has a pair (TS 23.334 6.2.10.6.2 step 11 c) */
    char fp_hash[16];           /* "sha-256"; empty = not known yet */
    uint8_t fp[BUS_FP_MAX];
    unsigned fp_len;
    bool data;                  /* application data goes to the data thread (always true so far) */
    char peer[16];              /* actor name for the trace: "wic" */
};

struct bus_assoc {
    bus_id id;                  /* that of its sep */
    unsigned worker;            /* index of the worker that seals for it */
    uint16_t local_port, remote_port; /* remote 0: not known yet */
    uint32_t local_max;         /* octets of a message that we take (a=max-message-size in our Local) */
    uint64_t remote_max;        /* the peer's; 0 = any */
    char peer[16];
};

struct bus_chan {
    bus_id id, assoc;
    uint16_t sid;               /* SCTP stream identifier, both directions */
    bool negotiated;            /* by SDP (sctpid): no DCEP needed; an OPEN on it is tolerated and ACKed */
};

struct bus_tcp {
    bus_id id;
    int fd;                     /* TCP_OPEN: listening socket on `local` */
    struct addr local, remote;
    bool has_remote;
    enum bus_tcp_role role;     /* ACTIVE: close the listener, connect from `local` */
    bool any_source;            /* accept from any address, not only the Remote one (gm/saf off and operator's choice) */
    char peer[16];              /* "core" */
};

struct bus_join {
    bus_id chan, tcp;
};

struct bus_gate { /* Mode seen from the context: in = from the network into the context, out = towards the network */
    bus_id id;
    bool in, out;
};

struct bus_event {
    bus_id id;
    enum bus_what what;
    char text[BUS_TEXT];        /* for the log and the NOTIFY's cause: "fingerprint mismatch" */
};

struct bus_stats {
    bus_id id;
    uint64_t rx_packets, tx_packets, rx_octets, tx_octets; /* sep: datagrams; chan, tcp: messages */
};

struct bus_bytes {
    bus_id id;
    size_t n;
    uint8_t p[];
};

struct bus_msg {
    struct inbox_item item; /* first: the inbox hands out items */
    enum bus_kind kind;
    union {
        bus_id id;
        struct bus_sep sep;
        struct bus_assoc assoc;
        struct bus_chan chan;
        struct bus_tcp tcp;
        struct bus_join join;
        struct bus_gate gate;
        struct bus_event event;
        struct bus_stats stats;
        struct bus_bytes bytes; /* last: flexible */
    } u;
};

struct bus_msg *bus_new(enum bus_kind kind);                                  /* NULL: no memory */
struct bus_msg *bus_bytes_new(enum bus_kind kind, bus_id id, const void *p, size_t n);
void bus_free(struct bus_msg *m);
void bus_drop(struct inbox_item *it); /* for inbox_free */
/* Build and post in one call; -ENOMEM, or -ENOBUFS for bytes to a full inbox (dropped and counted by the caller). */
int bus_post_id(struct inbox *to, enum bus_kind kind, bus_id id);
int bus_post_event(struct inbox *to, bus_id id, enum bus_what what, const char *text);
int bus_post_bytes(struct inbox *to, enum bus_kind kind, bus_id id, const void *p, size_t n);
const char *bus_what_name(enum bus_what w);
