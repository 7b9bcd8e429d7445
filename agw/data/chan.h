/* One SCTP association over one DTLS connection, and the data channels on it (RFC 8831, RFC 8864: negotiated by SDP, known
 * here by stream identifier). Events go to control; what came for a channel waits in it until its join takes it.
 * Owner: data.c, which keeps both in tables by id. Either may go first. Thread: data. */
#pragma once

#include <uthash.h>

#include "agw/data/env.h"
#include "agw/data/msg.h"

struct assoc {
    UT_hash_handle hh;
    bus_id id;
    struct env *env;
    struct bus_assoc conf;
    struct sctp *s;        /* NULL: DTLS is not up, or the association ended */
    struct chan *chans;
    unsigned n_chans, n_full;
    bool dtls, connecting, up;
    bool gate_in, gate_out;
    msec_t deadline;       /* not established by then: failed */
    struct bus_stats stats;
};

struct chan {
    UT_hash_handle hh;
    struct chan *prev, *next; /* assoc->chans */
    bus_id id;
    struct env *env;
    struct assoc *assoc;   /* NULL: gone before us */
    struct join *join;
    uint16_t sid;
    bool negotiated, usable, told_up, ack_due;
    bool gate_in, gate_out;
    bool asked, reset_out, done_out, done_in, done_told; /* RFC 6525, per direction */
    bool full;             /* counted in assoc->n_full */
    struct msg *rx, *part; /* part: pieces under the deprecated PPIDs */
    size_t rx_octets;
    struct bus_stats stats;
    char peer[16];
};

int sassoc_new(struct assoc **ap, struct env *env, const struct bus_assoc *conf);
void sassoc_free(struct assoc *a); /* sends ABORT; its channels stay, without an association */
void sassoc_remote(struct assoc *a, const struct bus_assoc *conf);
void sassoc_dtls_up(struct assoc *a);
void sassoc_dtls_down(struct assoc *a);
void sassoc_input(struct assoc *a, const void *p, size_t n);
void sassoc_on_sctp(struct assoc *a, const struct sctp_ev *ev);
void sassoc_tick(struct assoc *a); /* deadlines */

int chan_new(struct chan **cp, struct env *env, struct assoc *a, const struct bus_chan *conf);
void chan_free(struct chan *c);
void chan_reset(struct chan *c); /* BUS_CHAN_RESET */
bool chan_dead(const struct chan *c); /* nothing will ever be sent on it again */
int chan_send(struct chan *c, struct sv m); /* -EAGAIN: its join is touched when there is room */
struct msg *chan_take(struct chan *c);      /* the next message that came, NULL: none; owned by the caller */
