/* Every message between agw's threads, in one header (style: control decides, workers obey, nobody waits).
 *
 *   control --SEP_*---> worker     a stream endpoint on UDP: ICE, DTLS
 *   control --ASSOC_*, CHAN_*, TCP_*, JOIN--> data      SCTP association, its channels, MSRP over TCP
 *   worker  --DTLS_UP/DATA/DOWN--> data                 records of one DTLS connection, decrypted
 *   data    --DTLS_SEND---------> worker                SCTP packets to seal and send
 *   worker <--PIPE_*------------> data                  MSRP on ICE-TCP: a byte stream each way, on credit
 *   control --FLOW_*, GATE-----> worker     RTP of one stream, and which other stream it is connected with
 *   control --DOOR_*-----------> door       whose ufrag may come on a TCP connection (ICE-TCP)
 *   door    --LEG--------------> worker     such a connection
 *   worker, data --EVENT, CLOSED--> control
 *
 * Ownership of a message passes with the post; the receiver frees it with bus_free. Ids come from control, are never used
 * twice, and a message for an id that is gone is dropped silently. Posts to one inbox keep their order: control posts
 * ASSOC_OPEN to data before SEP_OPEN to the worker, so DTLS_UP can meet no missing association. */
#pragma once

#include "agw/media/srtp.h"
#include "common/count.h"
#include "common/inbox.h"
#include "common/net.h"
#include "common/reach.h"

#define BUS_TEXT 96
#define BUS_FP_MAX 64
#define BUS_ICE_UFRAG 256
#define BUS_ICE_PWD 256
#define BUS_ICE_CANDS 50

typedef uint64_t bus_id; /* 0 = none */

enum bus_kind {
    /* control -> worker */
    BUS_SEP_OPEN,    /* sep: all of it; the fd passes */
    BUS_SEP_REMOTE,  /* sep: id and the remote part (peer, fingerprint, role, establish) */
    BUS_SEP_CLOSE,   /* id; answered with BUS_CLOSED. Its flows are closed before */
    BUS_FLOW_OPEN,   /* flow: RTP of one (termination, stream), rides on a sep; several of them on a bundled one */
    BUS_FLOW_CHANGE, /* flow: all of it but id, sep and counts */
    BUS_FLOW_JOIN,   /* wire: two flows with the same StreamID of one context; b == 0: a is connected with nothing again */
    BUS_FLOW_CLOSE,  /* id; answered with BUS_CLOSED */
    BUS_LEG,         /* leg: from the door, a connection of a stream endpoint; the fd passes */
    BUS_CERT,        /* cert: of the DTLS of all seps opened from now on; those before keep theirs */
    /* control -> door */
    BUS_DOOR_NAME,   /* door: from now on its ufrag is let in; the one before it, too (ICE restart) */
    BUS_DOOR_FORGET, /* id: no more */
    /* control -> data */
    BUS_ASSOC_OPEN,  /* assoc (id = the sep's id) */
    BUS_ASSOC_REMOTE,/* assoc: remote port and size, when they come later */
    BUS_CHAN_OPEN,   /* chan: one SCTP stream pair of an association */
    BUS_CHAN_RESET,  /* id: reset our outgoing stream (RFC 6525); EVENT CHAN_RESET_DONE when both directions are reset */
    BUS_TCP_OPEN,    /* tcp: the listening fd passes */
    BUS_TCP_REMOTE,  /* tcp: id, remote address, role: from now on connect or accept */
    BUS_JOIN,        /* join: chan or pipe <-> tcp; data waits (back-pressure) until both are there */
    BUS_PIPE_OPEN,   /* pipe: the byte stream of a stream endpoint's ICE-TCP connection; before its SEP_OPEN */
    BUS_GATE,        /* gate: through-connection of an id, per direction; of a flow: to the worker. RTCP and ICE go on */
    BUS_CLOSE,       /* id of an association, channel, pipe or TCP endpoint; answered with BUS_CLOSED */
    /* control -> both */
    BUS_STOP,        /* the thread ends after this message */
    /* worker -> data */
    BUS_DTLS_UP,     /* id: data transfer ready; event.text: "client" or "server" (DCEP stream parity) */
    BUS_DTLS_DATA,   /* id, bytes */
    BUS_DTLS_DOWN,   /* id */
    BUS_PIPE_UP,     /* conn: from now on this connection carries the pipe; both sides have BUS_PIPE_WINDOW of credit */
    BUS_PIPE_DOWN,   /* conn: no more */
    BUS_PIPE_DATA,   /* bytes with conn: what came on it, in order; never lost */
    /* data -> worker */
    BUS_DTLS_SEND,   /* id, bytes: one record */
    BUS_PIPE_SEND,   /* bytes with conn, id: the sep's; one frame. Dropped when that connection carries the pipe no more */
    BUS_PIPE_DROP,   /* conn, id: the sep's: close it; n: 1 when no MSRP came on it */
    /* worker <-> data */
    BUS_PIPE_CREDIT, /* conn: n of the other's credit is free again; id: the receiver's */
    /* worker, data -> control */
    BUS_EVENT,       /* event */
    BUS_CLOSED,      /* id, stats: the object is gone, its port may be used again */
};

enum bus_what {
    BUS_EV_ICE_UP,        /* first nominated pair; of a full agent event.text: its remote and local address */
    BUS_EV_ICE_LOST,      /* no authenticated check for 30 s (RFC 7675 5.1 as seen by a lite agent), or consent expired */
    BUS_EV_ICE_FAILED,    /* full: the check list is done and holds no pair; event.text: why */
    BUS_EV_ICE_PEER,      /* full: a peer-reflexive candidate (RFC 8445 7.3.1.3); event.text: its address */
    BUS_EV_DTLS_UP,
    BUS_EV_DTLS_FAILED,   /* handshake failed or timed out, or fingerprint mismatch (RFC 8122 6.2): no data passed */
    BUS_EV_DTLS_CLOSED,   /* close_notify */
    BUS_EV_SCTP_UP,
    BUS_EV_SCTP_FAILED,   /* not established, or lost */
    BUS_EV_SCTP_CLOSED,   /* the peer ended it: ABORT, SHUTDOWN, the end of DTLS */
    BUS_EV_CHAN_UP,
    BUS_EV_CHAN_RESET_DONE,
    BUS_EV_CHAN_CLOSED,   /* the peer reset its stream: event.id = channel */
    BUS_EV_TCP_UP,
    BUS_EV_TCP_FAILED,    /* connect refused or timed out */
    BUS_EV_TCP_CLOSED,    /* the far end closed */
    BUS_EV_MSRP_BAD,      /* framing broken: the TCP connection was closed */
    BUS_EV_INACTIVE,      /* flow: no RTP for inactivity_ms (adid/ipstop); once until it flows again */
    BUS_EV_LATCHED,       /* sep: the remote address was learnt (ipnapt/latch); event.text: the address */
};

enum bus_dtls_role { BUS_DTLS_NONE, BUS_DTLS_CLIENT, BUS_DTLS_SERVER };
enum bus_tcp_role { BUS_TCP_UNDECIDED, BUS_TCP_PASSIVE, BUS_TCP_ACTIVE };

enum bus_sec { BUS_SEC_NONE, BUS_SEC_DTLS, BUS_SEC_SDES }; /* where the keys of RTP come from */
enum bus_latch { BUS_LATCH_OFF, BUS_LATCH_ON, BUS_LATCH_AGAIN }; /* ipnapt/latch (H.248.37) */

#define BUS_SOURCES 8
struct bus_source { /* gm/sam: an address and how many of its leading bits count */
    struct addr addr;
    uint8_t bits;
};

/* The RTP half of a sep: who may send to us, and how much. */
struct bus_rtp {
    bool on;                    /* the sep carries RTP (else data only) */
    enum bus_sec sec;           /* DTLS: use_srtp is offered and demanded */
    struct srtp_key send, recv; /* SDES; profile NONE: not known yet; wiped by bus_free */
    bool opaque;                /* passes as it is, no header is read: UDP, or SAVP secured end to end (TS 23.334 6.2.10A);
                                   sec is NONE. Without ICE any first octet is taken */
    bool mux;                   /* RTCP on the port of RTP (a=rtcp-mux) */
    int rtcp_fd;                /* socket of RTCP when not muxed; -1: none (no RTCP). Owned by the worker from SEP_OPEN on */
    struct addr remote_rtcp;    /* a=rtcp, or RTP's port + 1; family AF_UNSPEC: not known */
    enum bus_latch latch;       /* learn the remote address from the first packet */
    bool filter_addr, filter_port; /* gm/saf, gm/spf: drop what comes from elsewhere. Without latching and ICE both are meant
                                      by default (RTP bleed); explicit OFF opens them: any_source, any_port */
    bool any_source, any_port;
    unsigned n_sources;         /* gm/sam; 0: the Remote address */
    struct bus_source sources[BUS_SOURCES];
    uint16_t port_lo, port_hi;  /* gm/spr; 0, 0: the Remote port */
    uint32_t rate, burst;       /* tman: octets/s of IP packets and bucket size in octets; rate 0: not policed */
};

struct bus_cand { /* a=candidate of Remote: UDP, component 1, numeric address */
    struct addr addr;
    uint32_t priority;
};

struct bus_ice { /* the agent is a full one (RFC 8445 2.5) */
    bool controlling;           /* 6.1.1; a conflict is settled by the agents */
    unsigned n;
    struct bus_cand cands[BUS_ICE_CANDS];
};

struct bus_sep { /* one (termination, stream) on UDP; bundled streams of a termination share one */
    bus_id id;
    int fd;                     /* bound, non-blocking; owned by the worker from SEP_OPEN on; -1: the worker's shared socket
                                   bound to `local` (worker_conf.shared), told apart by ufrag and checked address */
    struct addr local;
    char ufrag[16], pwd[40];    /* ours (RFC 8839). SEP_REMOTE: others than before = ICE restart; empty = unchanged */
    bool has_remote;
    struct addr remote;         /* Remote c=/m=; used only when ICE is off */
    const struct reach *reach;  /* the realm's: whose checks are answered, whom latching may learn. NULL: anybody. Outlives the sep */
    bool ice;                   /* false: no ICE in Local/Remote: latch to the Remote address */
    char remote_ufrag[BUS_ICE_UFRAG], remote_pwd[BUS_ICE_PWD];
    struct bus_ice *full;       /* NULL: lite, or as it was; the message's, freed with it */
    bool consent;               /* ask for consent ourselves (RFC 7675 5.1); a full agent always does */
    enum bus_dtls_role role;    /* NONE: not yet known; a ClientHello meanwhile is answered (server) and held */
    bool establish;             /* client: start as soon as ICE has a pair (TS 23.334 6.2.10.6.2 step 11 c) */
    bool again;                 /* SEP_REMOTE: the association that stands gives way to a new one (RFC 8842 5.5) */
    char fp_hash[16];           /* "sha-256"; empty = not known yet */
    uint8_t fp[BUS_FP_MAX];
    unsigned fp_len;
    bool data;                  /* application data goes to the data thread */
    struct bus_rtp rtp;
    bus_id pipe;                /* TCP alone, and what is no STUN on it is a byte stream of data's (MSRP); 0: packets */
    char peer[16];              /* actor name for the trace: "wic" */
};

/* What a flow counts. Written by its worker alone (relaxed), read by control at any time. Control owns it and keeps it until
 * the flow's BUS_CLOSED. Times in microseconds. */
struct flow_counts {
    count_t rx_packets, rx_octets; /* RTP that was taken from the network, payload octets (RFC 3550 6.4.1) */
    count_t tx_packets, tx_octets; /* RTP that left to the network */
    count_t lost;                  /* of rx, cumulative (RFC 3550 A.3) */
    count_t jitter, rtt;           /* last values: RFC 3550 6.4.1 and A.8; from LSR and DLSR */
    count_t far_lost, far_jitter;  /* what the far end reported about tx */
    count_t r_factor, mos;         /* G.107 R, and MOS-LQ x 100; 0: not known yet */
    count_t rtcp_rx, rtcp_tx;
    count_t gated, refused, unauthentic, replayed, policed, unmapped; /* dropped: not through-connected (Mode,
                                      joined with nothing, no address or keys to send with), source (or one SSRC too many
                                      for its keys), tag or no keys yet, index (or a lone jump of it), rate, payload type.
                                      One packet counts once */
};

#define BUS_MID 32
#define BUS_PTS 32
#define BUS_CNAME 24
#define BUS_PT_DROP 0xff

struct bus_fmt { /* a payload type of the stream on this side */
    uint8_t pt;
    bool event;                 /* telephone-event (RFC 4733): no jitter is measured on it */
    uint32_t clock;             /* Hz, for jitter */
};

struct bus_flow { /* RTP of one (termination, stream) */
    bus_id id, sep;
    bool in, out;               /* Mode, as in bus_gate */
    bool video;
    char mid[BUS_MID];          /* a=mid; empty: none. Flows of one sep are told apart by it, SSRC, payload type (RFC 9143 9.2) */
    uint8_t mid_ext;            /* id of urn:ietf:params:rtp-hdrext:sdes:mid; 0: none */
    bool tell_mid;              /* mid is put into each packet that leaves, instead of other extensions: in a bundle that agreed on it
                                   (RFC 9143 9.2); mid_ext 1..14, mid of 1..16 octets */
    unsigned n_fmts;            /* 0: `-`, any payload type passes */
    struct bus_fmt fmts[BUS_PTS];
    bool feedback;              /* the far end takes RTPFB and PSFB (AVPF); else they end here */
    bool keep_ext;              /* header extensions may pass to this side */
    bool opaque;                /* as its sep; joined with its like only. Octets count whole datagrams */
    bool has_rtcp;              /* false: nothing of RTCP is sent to this side (b=RS:0, RR:0) */
    char cname[BUS_CNAME];      /* of what leaves to this side (RFC 7022); the same for all streams of a termination, so that
                                   receivers play them in step. Empty: one is drawn for the flow */
    uint32_t inactivity_ms;     /* 0: not watched */
    struct flow_counts *counts; /* control's */
};

struct bus_wire { /* BUS_FLOW_JOIN */
    bus_id a, b;
    uint8_t a_to_b[128], b_to_a[128]; /* payload type in -> out; BUS_PT_DROP */
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

/* Credit counts the octets of messages that are not worked off, and BUS_PIPE_COST for each of them: memory, not octets. */
#define BUS_PIPE_WINDOW 98304 /* each way, each connection */
#define BUS_PIPE_COST 1024
#define BUS_PIPE_FRAME 16384  /* octets of a PIPE_SEND at most */

struct bus_pipe { /* MSRP on ICE-TCP (TS 33.203 W.3.4) */
    bus_id id, sep;
    unsigned worker;            /* index of the worker of its sep */
    char peer[16];
};

struct bus_conn {
    bus_id id;                  /* the receiver's: of the pipe for data, of its sep for a worker */
    uint32_t conn;              /* number of the connection (addr_conn) */
    uint32_t n;
};

struct bus_join {
    bus_id chan, tcp;           /* chan: a channel or a pipe */
};

struct bus_gate { /* Mode seen from the context: in = from the network into the context, out = towards the network */
    bus_id id;
    bool in, out;
};

struct bus_door { /* a stream endpoint that has TCP candidates (RFC 6544) */
    bus_id id;                  /* of its sep */
    unsigned worker, realm;     /* indices; only connections to listeners of its realm are its own */
    char ufrag[16];
};

struct bus_leg {
    bus_id id;                  /* of the sep whose ufrag its first check names; nothing of it has been read */
    int fd;                     /* non-blocking */
    struct addr local, peer;
};

#define BUS_CERT_MAX 1024
struct bus_cert {
    uint16_t cert_len, key_len; /* X.509, then PKCS#8; wiped by bus_free */
    uint8_t p[BUS_CERT_MAX];
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
    uint32_t conn;              /* PIPE_*: of which connection */
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
        struct bus_pipe pipe;
        struct bus_conn conn;
        struct bus_gate gate;
        struct bus_flow flow;
        struct bus_wire wire;
        struct bus_cert cert;
        struct bus_door door;
        struct bus_leg leg;
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
int bus_post_conn(struct inbox *to, enum bus_kind kind, bus_id id, uint32_t conn, size_t n);
/* The inbox takes it, full or not. */
int bus_post_pipe(struct inbox *to, enum bus_kind kind, bus_id id, uint32_t conn, const void *p, size_t n);
int bus_post_event(struct inbox *to, bus_id id, enum bus_what what, const char *text);
int bus_post_bytes(struct inbox *to, enum bus_kind kind, bus_id id, const void *p, size_t n);
const char *bus_what_name(enum bus_what w);
