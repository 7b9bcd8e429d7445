/* Flow: the RTP and RTCP of one (termination, stream). Counts, gates, maps payload types, keeps RTCP true, and hands a packet
 * to the flow that it is connected with. Sans-IO. Owner: the worker. Thread: that worker; both ends of a wire are on it.
 *
 *   sep_media (source, SRTP, which flow) -> flow_relay (in: count, gate; peer: gate, payload type, extensions, RTCP)
 *   -> sep_seal of the peer (SRTP, address) -> the worker's out list
 *
 * No lock, no allocation, no look-up by string per packet. */
#pragma once

#include "agw/bus.h"
#include "agw/media/pkt.h"
#include "agw/media/rtp.h"

struct flow;

int flow_new(struct flow **fp, struct sep *sep, const struct bus_flow *spec, msec_t now);
void flow_free(struct flow *f); /* leaves its sep and its peer first */
void flow_change(struct flow *f, const struct bus_flow *spec);
void flow_gate(struct flow *f, bool in, bool out);
/* b NULL: a is connected with nothing. Both are on one worker. */
void flow_join(struct flow *a, struct flow *b, const struct bus_wire *wire);
struct sep *flow_sep(const struct flow *f);
bus_id flow_id(const struct flow *f);
const struct bus_flow *flow_spec(const struct flow *f);
struct flow_counts *flow_counts(struct flow *f);
bool flow_has_pt(const struct flow *f, uint8_t pt);
/* A packet of it that came in and goes no further, before flow_relay saw it (rate): its sender's reports will be told. */
void flow_withhold(struct flow *f, const struct rtp *r);

/* agw/media/warm.h; steps 0, 1, 2. */
void flow_warm(const struct flow *f, unsigned step);
const struct sep *flow_out(const struct flow *f); /* whose the packets of f are in the end; NULL: nobody's */

/* A plain packet that came in on f. 0: pkt is sealed and addressed, pkt->out sends it. Negative: dropped and counted
 * (RTCP: nothing of it is for the other side). */
int flow_relay(struct flow *f, struct pkt *pkt, msec_t now);

/* Before flow_free: BYE (RFC 3550 6.6) for what it sent, into a free pkt, sealed and addressed. -errno: nothing to send. */
int flow_bye(struct flow *f, struct pkt *pkt, msec_t now);

/* What is due: inactivity, reports of our own (RFC 3550 6.2) when the other side sends none. */
msec_t flow_deadline(const struct flow *f);
/* true: *what happened, once. Either way an RTCP packet of ours may be in pkt (a free one): n > 0, sealed and addressed. */
bool flow_tick(struct flow *f, msec_t now, enum bus_what *what, struct pkt *pkt);
