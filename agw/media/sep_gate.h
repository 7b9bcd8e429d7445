/* Who may send RTP to a port without ICE, and where our own goes: the Remote address, gm's filters, latching (H.248.37),
 * and how much (tman, H.248.53). Closed by default: RTP that comes from elsewhere than signalled neither gets in nor turns
 * ours away (RTP bleed). Embedded in struct sep. Thread: its worker. */
#pragma once

#include "agw/bus.h"

struct sep_gate {
    struct bus_rtp rules;
    bool has_remote;
    struct addr remote, rtcp; /* rtcp: where RTCP is expected from and sent to when not muxed */
    bool has_rtcp;
    bool looking;             /* latching: the next plausible packet from another address than `learnt` is believed */
    msec_t look_by;           /* looking again: not longer than that while `learnt` goes on */
    bool has_learnt, has_learnt_rtcp;
    struct addr learnt, learnt_rtcp;
    /* Made of the above whenever it changes, for the packet path: [0] RTP, [1] RTCP */
    struct addr only[2], to[2];
    bool has_only[2], has_to[2]; /* one address alone may send; ours has somewhere to go */
    const struct reach *reach; /* whom latching may learn; NULL: anybody */
    int64_t tokens;           /* octets x 1000: no rounding at 1 ms */
    msec_t filled;
};

void sep_gate_set(struct sep_gate *g, const struct bus_rtp *rules, const struct addr *remote, msec_t now); /* remote: or NULL */
bool sep_gate_judges(const struct sep_gate *g, const struct addr *src, bool rtcp); /* by all the rules */
static inline bool sep_gate_takes(const struct sep_gate *g, const struct addr *src, bool rtcp)
{
    if (g->has_only[rtcp] && g->only[rtcp].u.sa.sa_family == AF_INET) /* family, port and address are its first 8 octets */
        return memcmp(src, &g->only[rtcp], 8) == 0;
    return sep_gate_judges(g, src, rtcp);
}
/* A packet that sep_gate_takes let through is plausible (with SRTP: authentic). true: RTP's address was learnt by it. */
bool sep_gate_latch(struct sep_gate *g, const struct addr *src, bool rtcp, msec_t now);
static inline const struct addr *sep_gate_to(const struct sep_gate *g, bool rtcp) /* NULL: not known */
{
    return g->has_to[rtcp] ? &g->to[rtcp] : NULL;
}
bool sep_gate_affords(struct sep_gate *g, const struct addr *src, size_t udp, msec_t now); /* tman: takes the tokens */
