/* Which stream of a bundle a packet belongs to (RFC 9143 9.2): MID, else what is known of its SSRC, else a payload type that
 * only one stream has. Embedded in struct sep. Thread: its worker. */
#pragma once

#include "agw/media/media_limits.h"
#include "agw/media/rtp.h"

struct flow;

struct sep_demux {
    struct flow *flow[MEDIA_SEP_FLOWS];
    unsigned n;
    struct {
        uint32_t ssrc;
        struct flow *flow;
    } by_ssrc[MEDIA_SEP_SSRC];
    unsigned n_ssrc, next; /* next: to be overwritten when full */
    uint8_t by_pt[128];    /* index + 1; 0: none, 0xff: several */
};

int sep_demux_add(struct sep_demux *d, struct flow *f); /* again: its payload types are others. -ENOSPC */
void sep_demux_del(struct sep_demux *d, struct flow *f);
/* learn: the packet is authentic. NULL: nobody's. */
struct flow *sep_demux_rtp(struct sep_demux *d, const struct rtp *r, bool learn);
struct flow *sep_demux_ssrc(const struct sep_demux *d, uint32_t ssrc); /* NULL: not known */
void sep_demux_mid(struct sep_demux *d, uint32_t ssrc, struct sv mid); /* SDES says so (RFC 9143 15.1) */
