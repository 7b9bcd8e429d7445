/* One MSRP session between a data channel and a TCP connection, addresses and paths untouched (CEMA, RFC 6714; RFC 8873:
 * one chunk is one SCTP user message). Sans-IO: the owner moves the bytes and asks what is next; nothing is taken that was
 * not given away, so back-pressure is the owner's not asking.
 *
 * A chunk larger than the browser takes, or than we want to hold, is cut into pieces while it arrives: same Message-ID, own
 * transaction ids, Byte-Range adjusted, '+' on all but the last. Their answers become one answer to the TCP sender.
 * Owner: the join in the data thread. */
#pragma once

#include "agw/data/msg.h"
#include "common/trace.h"

struct relay;

struct relay_conf {
    uint64_t wic_max;          /* the browser's max-message-size; 0: any */
    struct trace *trace;
    const char *wic, *core;    /* actor names; outlive the relay */
};

int relay_new(struct relay **rp, const struct relay_conf *conf);
void relay_free(struct relay *r);
void relay_wic_max(struct relay *r, uint64_t wic_max); /* a new value, from the next chunk on */

/* --- from TCP to the channel --- */
/* Room for bytes from TCP, then how many came. 0 octets of room: stop reading. */
size_t relay_tcp_room(struct relay *r, void **p);
void relay_tcp_got(struct relay *r, size_t n);
/* Next message for the channel. 1: *m is it, and stays so until relay_wic_sent; 0: none yet; -EPROTO: the stream is no
 * MSRP: the answer is queued for TCP, nothing more is taken from it. */
int relay_wic_next(struct relay *r, struct sv *m);
void relay_wic_sent(struct relay *r);
/* The connection is gone: half a chunk is dropped (a cut one aborted with '#'), half-written ones as well. */
void relay_tcp_lost(struct relay *r);

/* --- from the channel to TCP --- */
/* A user message; owned from here on. -EPROTO: not exactly one chunk: dropped, a SEND is answered with 400. */
int relay_wic_got(struct relay *r, struct msg *m);
struct msg *relay_core_next(struct relay *r); /* write from off on; NULL: nothing */
void relay_core_wrote(struct relay *r, size_t n);
size_t relay_core_queued(const struct relay *r); /* octets */
