/* All of usrsctp behind one face: SCTP associations over packets that somebody else carries (RFC 8261: DTLS records).
 * No usrsctp type is seen here. Nothing calls upward: bytes and time go in, what happened is pulled out.
 *
 *     sctp_input(s, record)            for (; (s = sctp_lib_next(lib)); )
 *     sctp_lib_clock(lib, now)             while (sctp_next(s, &ev))
 *     sctp_send(s, ...)                        switch (ev.what) ...
 *
 * Thread: usrsctp exists once in a process. Each thread that uses it opens its own sctp_lib; associations belong to the
 * thread of their lib. One lock inside covers usrsctp, so several libs (agw's data thread and a test's peer) may live in
 * one process. In agw there is one lib and nobody waits for the lock. */
#pragma once

#include "common/net.h"

#define SCTP_TICK_MS 10      /* call sctp_lib_clock so often while associations exist */
#define SCTP_QUEUE_MAX 4096  /* packets that wait to be pulled; above: dropped, SCTP sends them again */
#define SCTP_PACKET_MAX 1160 /* path MTU, fixed: with 37 octets of DTLS the record stays below 1200 */
#define SCTP_STREAMS_MIN 1024 /* streams asked for, each way: what browsers ask for */
#define SCTP_MSG_MAX 262144  /* largest user message either way; also the answer to "any size" */
#define SCTP_SID_ALL 65535 /* no stream has this number (RFC 8831 6.2) */

/* Payload protocol identifiers (IANA; RFC 8831 8, RFC 8832 8.1) */
enum {
    SCTP_PPID_DCEP = 50,
    SCTP_PPID_STRING = 51,
    SCTP_PPID_BINARY_PARTIAL = 52, /* deprecated */
    SCTP_PPID_BINARY = 53,
    SCTP_PPID_STRING_PARTIAL = 54, /* deprecated */
    SCTP_PPID_STRING_EMPTY = 56,
    SCTP_PPID_BINARY_EMPTY = 57,
};

struct sctp_lib;
struct sctp;

enum sctp_what {
    SCTP_OUTPUT,    /* p, n: a packet for the peer */
    SCTP_MESSAGE,   /* sid, ppid, p, n: one whole user message */
    SCTP_TOO_BIG,   /* sid: a message above rx_max; its octets are dropped */
    SCTP_UP,        /* established, or restarted by the peer */
    SCTP_LOST,      /* not established, aborted, shut down or lost: only sctp_free is left */
    SCTP_RESET_IN,  /* sid, or SCTP_SID_ALL: the peer reset its outgoing stream */
    SCTP_RESET_OUT, /* sid, or SCTP_SID_ALL: our reset is answered */
    SCTP_STREAMS,   /* more outgoing streams were granted or refused: see sctp_streams */
    SCTP_WRITABLE,  /* after -EAGAIN: try again */
};

struct sctp_ev {
    enum sctp_what what;
    uint16_t sid;
    uint32_t ppid;
    bool by_peer;     /* SCTP_LOST: the peer ended what stood */
    const uint8_t *p; /* valid until the next sctp_next of this lib; SCTP_LOST: why, as text */
    size_t n;
};

struct sctp_conf {
    uint16_t local_port;
    unsigned streams; /* 0: SCTP_STREAMS_MIN */
    size_t rx_max;    /* largest message we take; 0 or more than SCTP_MSG_MAX: that */
    void *owner;      /* sctp_owner() */
};

int sctp_lib_init(struct sctp_lib **libp);
void sctp_lib_fini(struct sctp_lib *lib); /* its associations are gone by then; NULL is fine */
void sctp_lib_clock(struct sctp_lib *lib, msec_t now);
struct sctp *sctp_lib_next(struct sctp_lib *lib); /* an association with something to say, NULL: none */

int sctp_new(struct sctp **sp, struct sctp_lib *lib, const struct sctp_conf *conf);
void sctp_free(struct sctp *s); /* aborts; the ABORT is lost unless sctp_abort was called and pulled before */
void *sctp_owner(const struct sctp *s);
/* RFC 8841 9.3: both sides send INIT; the collision becomes one association. Packets that came earlier are held (one). */
int sctp_connect(struct sctp *s, uint16_t remote_port);
int sctp_input(struct sctp *s, const void *p, size_t n); /* -EMSGSIZE for what can be no SCTP packet */
/* All or nothing. -EAGAIN: buffer full, SCTP_WRITABLE follows; -ENOTCONN; -EINVAL: no such stream, or stream reset;
 * -EMSGSIZE. Ordered, reliable. */
int sctp_send(struct sctp *s, uint16_t sid, uint32_t ppid, const void *p, size_t n);
int sctp_reset(struct sctp *s, uint16_t sid); /* RFC 6525 outgoing reset, after what is queued; -EOPNOTSUPP */
unsigned sctp_streams(const struct sctp *s);  /* outgoing streams we have */
int sctp_add_streams(struct sctp *s, unsigned total); /* RFC 6525 4.5; SCTP_STREAMS follows */
void sctp_pause(struct sctp *s, bool pause); /* take no messages: the receive window closes (back-pressure) */
void sctp_abort(struct sctp *s);             /* send ABORT; pull it with sctp_next */
bool sctp_next(struct sctp *s, struct sctp_ev *ev);
