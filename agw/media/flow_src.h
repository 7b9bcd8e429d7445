/* What is known of one sender (SSRC) of a stream: sequence numbers and loss (RFC 3550 A.1, A.3), jitter (A.8), its last SR,
 * and what of it was not passed on. Embedded in struct flow. Thread: its worker. */
#pragma once

#include "agw/media/media_limits.h"
#include "agw/media/rtcp.h"
#include "agw/media/rtp.h"
#include "common/net.h"

struct flow_src {
    uint32_t ssrc;
    unsigned probation;      /* packets in order until it is believed (A.1); 0: it is */
    uint16_t max_seq;
    uint32_t cycles, base_seq, bad_seq, received;
    uint32_t transit, jitter; /* jitter: 16 times, in clock units */
    bool has_transit;
    uint32_t expected_prior, received_prior; /* at our last report */
    uint32_t expected_mos, received_mos;     /* at the last figure */
    int64_t lost_told;       /* of `lost`, what the stream's counter has */
    uint32_t withheld, withheld_octets; /* came in, did not go on */
    uint16_t shift;          /* sequence numbers leave higher by this: it began anew, what left goes on (RFC 3711 9.1) */
    uint16_t top;            /* on probation: the highest that left ... */
    bool has_left;           /* ... if one did */
    bool passes;             /* its SSRC may be sealed: flow_admit */
    uint32_t sr_ntp;         /* middle 32 bits of its last SR, 0: none */
    msec_t sr_at, heard;
    bool reported;           /* nothing was heard since our last report about it */
};

struct flow_srcs {
    unsigned n, last;        /* last: index of the one heard last */
    struct flow_src v[MEDIA_FLOW_SSRC];
};

struct flow_src *flow_src_find(struct flow_srcs *s, uint32_t ssrc); /* NULL: not known */
struct flow_src *flow_src_heard(struct flow_srcs *s, const struct rtp *r, msec_t now); /* known from now on */
/* It said BYE: its figures are over, but not the numbers that left, for it may come again. */
void flow_src_forget(struct flow_srcs *s, uint32_t ssrc);

enum flow_seq {
    FLOW_SEQ_NEXT,
    FLOW_SEQ_OTHER, /* the cumulative loss may have changed */
    FLOW_SEQ_STRAY, /* a large jump, alone so far (A.1): to be dropped, for SRTP would hold what follows to be old */
};
enum flow_seq flow_src_count(struct flow_src *src, uint16_t seq); /* before flow_src_jitter */
/* An extended sequence number that a receiver tells of what left, as the sender knows it. */
uint32_t flow_src_seq(const struct flow_src *src, uint32_t told);
/* clock: Hz. Arrival is known to the millisecond of the wake-up. */
void flow_src_jitter(struct flow_src *src, uint32_t ts, uint32_t clock, msec_t now);

uint32_t flow_src_expected(const struct flow_src *src);
int64_t flow_src_lost(const struct flow_src *src);
/* A block about it, as of now; starts a new interval. */
void flow_src_report(struct flow_src *src, struct rtcp_block *b, msec_t now);
