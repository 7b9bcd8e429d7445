/* Payload types of one side of an RTP stream, and which of one side is which of the other. Pure.
 * Any thread. */
#pragma once

#include "agw/bus.h"
#include "common/sdp.h"

struct codec {
    uint8_t pt;
    bool known;     /* by a=rtpmap or RFC 3551 */
    struct sv name; /* views into the SDP */
    uint32_t clock; /* Hz; 0: not known */
    unsigned channels;
    struct sv fmtp;
};

struct codecs {
    bool any; /* `-`, or nothing was said: every payload type passes */
    unsigned n;
    struct codec v[BUS_PTS];
};

/* sdp NULL: any. 0; -EBADMSG: no payload type; -E2BIG: more than BUS_PTS. */
int codecs_read(const struct sdp *sdp, struct codecs *out);
/* in: what a side may send (our Local there); out: what the other side takes (its Remote). Identity
 * when either is any; else same name, clock and channels (H.264: and packetization-mode), and
 * BUS_PT_DROP for what the other side does not take. */
void codecs_map(const struct codecs *in, const struct codecs *out, uint8_t map[128]);
/* For the worker; nothing when any. */
unsigned codecs_fmts(const struct codecs *c, struct bus_fmt out[BUS_PTS]);
