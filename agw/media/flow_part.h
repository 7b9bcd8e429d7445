/* What flow.c, flow_rtcp.c and nobody else know of a flow. */
#pragma once

#include "agw/media/flow.h"
#include "agw/media/flow_src.h"

struct flow_pt {
    uint32_t clock; /* Hz; 0: no jitter is measured on it */
    uint32_t tick;  /* microseconds of a 16th of a clock unit, 16 bits of them behind the point: saves a division */
    bool known;
    uint8_t to;     /* on the other side; BUS_PT_DROP */
};

struct flow { /* on a cache line. First what each packet needs, both ways: one line, and two of srcs */
    struct sep *sep;
    struct flow *peer;        /* NULL: connected with nothing */
    struct flow_counts *counts;
    msec_t rtp_at;            /* last packet, or the beginning */
    uint32_t sent[MEDIA_FLOW_SENT]; /* SSRCs that left to our far end; [0] the last one */
    unsigned n_sent;
    uint32_t clock;           /* of the last packet, for MOS */
    bool inactive;            /* told */
    bool keep_ext, tell_mid, opaque; /* as in spec */
    struct flow_srcs srcs;    /* who sends to us */
    struct bus_flow spec;
    struct flow_pt pt[128];
    struct flow_counts own;   /* when control gave none */
    msec_t relayed_at;        /* RTCP of the other side went out by us, or the beginning */
    msec_t report_at;
    uint32_t ssrc;            /* ours, in reports of our own */
    bool has_reported;
    unsigned news;            /* SSRCs of our far end that may still be sealed for the other side ... */
    msec_t news_at;           /* ... one more each MEDIA_NEWS_MS since then */
    uint32_t speaker[MEDIA_FLOW_SPEAKERS]; /* its SSRCs that sent RTCP and no RTP, and pass */
    unsigned n_speakers;
    uint64_t random;          /* spreads our reports */
    char cname[32];
};

void flow_lost_changed(struct flow *f, struct flow_src *src);
/* A new SSRC of f's far end, before the other side's key seals something of it. false: it is one too many for now. */
bool flow_admit(struct flow *f, bool is_proven, msec_t now);
msec_t flow_report_next(struct flow *f, msec_t now); /* RFC 3550 6.3.1 */

/* flow_rtcp.c */
int flow_relay_rtcp(struct flow *f, struct pkt *pkt, msec_t now);
int flow_report(struct flow *f, struct pkt *pkt, msec_t now); /* ours, to our far end */
