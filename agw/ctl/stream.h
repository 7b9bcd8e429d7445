/* Streams: struct iq_stream to the orders for worker and data thread. Three kinds on the wire: SCTP
 * over DTLS over UDP (the de-aggregation stream, TS 23.334 6.2.10.6.2 S1), a data channel in it
 * (component stream S2), and MSRP over TCP (S2 of T2). Owner: struct term. Thread: control. */
#pragma once

#include "agw/ctl/local.h"
#include "agw/ctl/term.h"

enum stream_kind { STREAM_NONE, STREAM_SEP, STREAM_CHAN, STREAM_TCP };

struct stream {
    struct term *term;
    enum stream_kind kind;
    struct iq_stream spec; /* as it stands; texts in the termination's arena */
    struct ep *ep;
    int fd;      /* reserved and not yet given away; else -1 */
    bool opened; /* the other threads know it */
    struct addr local_addr;
    struct local local;    /* what Local says in the end */
    bool establish;        /* tlsbsc/EstBNC was given: DTLS client */
    bool connect;          /* tcpbcc/EstBNC was given: TCP active */
    bool is_cut;           /* its TCP connection was lost and is not there again ... */
    bool told_cut, telling;/* ... and what the controller heard of it; a NOTIFY waits for its reply */
    struct stream *joined; /* the connected one */
    struct stream *prev, *next;
};

/* What a stream is, by its merged description. 0, -EBADMSG with fault 441 449 501 515. */
int stream_classify(const struct iq_stream *m, enum stream_kind *kind, struct iq_fault *fault);
int stream_new(struct term *t, enum stream_kind kind, struct stream **sp);
void stream_free(struct stream *s); /* closes what was opened; gives back what was only reserved;
                                       not in a list any more */
/* Take a port. 0, -EBADMSG with fault 449 510, -ENOMEM. */
int stream_reserve(struct stream *s, const struct iq_stream *m, struct iq_fault *fault);
/* Fill Local of m. *answer: see local_fill. */
int stream_fill(struct stream *s, struct arena *a, struct iq_stream *m, struct local *l,
                struct sdp **answer, struct iq_fault *fault);
/* After the change is decided: spec is the new one, asked what the command said of it (NULL:
 * nothing). */
void stream_open(struct stream *s);
void stream_update(struct stream *s, const struct iq_stream *asked, bool fresh_ice);
void stream_gate(struct stream *s);
void stream_join(struct stream *chan, struct stream *tcp);
struct stream *stream_carrier(
    const struct stream *chan); /* the de-aggregation stream of a component stream; NULL: none */
