/* MSRP channels: a=dcmap/a=dcsa of a m=application line <-> the attributes of m=message lines
 * (RFC 8864, RFC 8873, sip-sdp 3.7.2, 3.7.3). Pure. Any thread. */
#pragma once

#include "alg/sdp/limits.h"
#include "alg/sdp/rules.h"

/* One MSRP session, whichever dialect it was read from. */
struct dc_chan {
    struct sdp_dcmap map;   /* stream id, label ...; read from Mw: unset */
    enum sdp_setup setup;   /* MSRP and TCP role (RFC 8873 5.2.1.1.2, RFC 6135); NONE: not given */
    struct sv path;         /* a=path */
    struct sdp_attr *attrs; /* as read, without setup and path */
};

/* The MSRP channels of a line, in the order of their dcmap. Channels that RFC 8873 forbids (unreliable, unordered, without
 * path), of another subprotocol, or over the limit are left out, which refuses them (RFC 8864 6.6); *left_out counts them.
 * 0, -EBADMSG (a stream id twice), -ENOMEM. */
int dc_read(struct arena *a, const struct sdp_media *m, struct dc_chan out[DC_CHAN_MAX], unsigned *n,
            unsigned *left_out);
/* a=dcmap and a=dcsa of a channel whose attributes come from Mw; setup is written always. 0, -ENOMEM. */
int dc_write(struct arena *a, struct sdp_attr **list, const struct dc_chan *ch);
/* Takes setup and path out of a list read; the rest stays. SDP_SETUP_BAD is returned in ch->setup. */
void dc_take(struct dc_chan *ch, struct sdp_attr *attrs);
/* The same of a copy: a m=message line. 0, -ENOMEM */
int dc_take_line(struct arena *a, struct dc_chan *ch, const struct sdp_attr *attrs);
/* The answerer's role from what its SDP says and what was offered, by RFC 4145 4.1 and its defaults. NONE: contradiction. */
enum sdp_setup dc_answer_setup(enum sdp_setup offered, enum sdp_setup answered);
bool dc_map_equal(const struct sdp_dcmap *a, const struct sdp_dcmap *b);
