/* Streams: struct iq_stream to the orders for worker and data thread. Five kinds on the wire: SCTP
 * over DTLS over UDP (the de-aggregation stream, TS 23.334 6.2.10.6.2 S1), a data channel in it
 * (component stream S2), MSRP over TCP (S2 of T2), MSRP over ICE-TCP (TS 33.203 W.3.4), and RTP
 * over UDP, plain or secured (6.2.10.2, 6.2.10.5). Owner: struct term. Thread: control. */
#pragma once

#include "agw/ctl/local.h"
#include "agw/ctl/term.h"

enum stream_kind { STREAM_NONE, STREAM_SEP, STREAM_CHAN, STREAM_TCP, STREAM_PIPE, STREAM_RTP };

struct remote;
struct transport;

struct stream {
    struct term *term;
    enum stream_kind kind;
    struct iq_stream spec;  /* as it stands; texts in the termination's arena */
    enum bus_sec sec;       /* RTP: where its keys come from */
    struct transport *tp;   /* SEP, PIPE, RTP: what it rides on; the termination's */
    struct ep *ep;          /* NULL for SEP: the association has the id of its transport */
    int fd;                 /* TCP: reserved and not yet given away; else -1 */
    bool opened;            /* the other threads know it */
    struct addr local_addr; /* TCP */
    struct local local;     /* what Local says in the end */
    msec_t since;           /* in the context since then (nt/dur) */
    bool rewatch;           /* RTP: adid/ipstop was armed or cleared */
    bool tells_mid;         /* RTP: MID is in what leaves */
    bool rewire;            /* RTP: payload types may have changed since it was joined */
    bool connect;           /* tcpbcc/EstBNC was given: TCP active */
    bool is_cut;            /* its TCP connection was lost and is not there again ... */
    bool told_cut,
        telling; /* ... and what the controller heard of it; a NOTIFY waits for its reply */
    struct stream *joined; /* the connected one */
    struct stream *prev, *next;
};

/* What a stream is, by its merged description. 0, -EBADMSG with fault 441 449 501 515. */
int stream_classify(const struct iq_stream *m, enum stream_kind *kind, struct iq_fault *fault);
enum bus_sec stream_security(const struct iq_stream *m); /* of RTP, by Local */
enum stream_pass { /* what of RTP passes */
    STREAM_AS_RTP,
    STREAM_AS_UDP, /* datagrams as they are */
    STREAM_AS_E2E, /* SAVP whose keys the ends keep: as they are, too */
};
enum stream_pass stream_pass(const struct iq_stream *m);
/* SAVP without a=crypto stands only with its like on the other termination (TS 23.334 6.2.10A). 0, -EBADMSG with fault 472. */
int stream_pass_check(const struct term *t, const struct iq_stream *m, struct iq_fault *fault);
int stream_new(struct term *t, enum stream_kind kind, struct stream **sp);
void stream_free(struct stream *s); /* closes what was opened; gives back what was only reserved;
                                       not in a list any more */
/* An id, and of TCP a port. 0, -EBADMSG with fault 449 510, -ENOMEM. */
int stream_reserve(struct stream *s, const struct iq_stream *m, struct iq_fault *fault);
/* Fill Local of m. *answer: see local_fill. */
int stream_fill(struct stream *s, struct arena *a, struct iq_stream *m, struct local *l,
                struct sdp **answer, struct iq_fault *fault);
/* After the change is decided: spec is the new one, asked what the command said of it (NULL:
 * nothing). */
void stream_open(struct stream *s);
void stream_update(struct stream *s, const struct iq_stream *asked);
/* NULL: no memory. Such an order is lost with its stream: its owner hears of it by silence, the operator by the log. */
struct bus_msg *stream_order(const struct stream *s, enum bus_kind kind);
void stream_gate(struct stream *s);
void stream_join(struct stream *chan, struct stream *tcp);
bool stream_can_mark(const struct stream *s);                     /* ds/dscp may still be set */
void stream_through(const struct stream *s, bool *in, bool *out); /* Mode */
bool stream_far_end(const struct stream *s, struct remote *r);    /* Remote, read; false: none */
struct stream *stream_carrier(
    const struct stream *chan); /* the de-aggregation stream of a component stream; NULL: none */
