/* One transport of a termination, a sep on the worker: UDP port (or the one that all ICE-lite streams of the worker share), ICE
 * credentials, DTLS, SRTP keys. One stream rides on it, or all of a BUNDLE group (RFC 9143): data and media alike.
 * Owner: struct term; before it is opened, the change that reserved it. Thread: control. */
#pragma once

#include "agw/ctl/stream.h"

struct transport {
    struct term *term;
    struct ep *ep;
    int fd, rtcp_fd;     /* reserved and not yet given away; else -1 */
    int sock[2];         /* the same numbers, for ds/dscp: the worker closes them after SEP_CLOSE only; -1: none, or shared */
    struct addr local, rtcp; /* rtcp.family AF_UNSPEC: no port of its own */
    bool shared;         /* nothing of its own: the worker's UDP port, or (PIPE) the realm's listeners of ICE-TCP */
    bool opened;         /* the worker knows it */
    bool touched, fresh; /* by the command that runs: orders are due; ICE credentials are new */
    bool ice;
    char ufrag[LOCAL_UFRAG], pwd[LOCAL_PWD];
    const char *fingerprint; /* of the certificate that its worker has for it */
    bool establish;      /* tlsbsc/EstBNC was given: DTLS client */
    bool again;          /* by the command that runs: a new association in the place of the one that stands */
    bool full, controlling; /* ostuncc/scc was given: checks of its own; not undone */
    bool consent;        /* stnconfres/test was given */
    bool takes_tcp;      /* its Local has candidates of TCP */
    char door[LOCAL_UFRAG]; /* the ufrag that the door knows */
    enum bus_latch latch;
    struct transport *prev, *next;
    UT_hash_handle hh;   /* of ctl->ufrags, when ufrag is not empty */
};

/* Take a port as Local of m asks. 0, -EBADMSG with fault 449 510, -ENOMEM. */
int transport_new(struct term *t, const struct iq_stream *m, enum stream_kind kind, struct transport **tpp,
                  struct iq_fault *fault);
void transport_free(struct transport *tp); /* in no list; its streams are closed before */
/* What `$` means for a stream on it. */
void transport_local(const struct transport *tp, struct local *l);
bool transport_may(const struct transport *tp, const char *ufrag); /* no other transport has it */
void transport_settle(struct transport *tp, const struct local *l); /* Local as it was filled */
void transport_open(struct transport *tp);                          /* its streams are there, with their specs */
void transport_update(struct transport *tp);
void transport_mark(const struct transport *tp, int64_t dscp);
struct stream *transport_lead(const struct transport *tp); /* the stream that speaks for it; NULL: none rides */
struct stream *transport_lead_rtp(const struct transport *tp);
