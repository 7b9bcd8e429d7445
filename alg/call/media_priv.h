/* Inside of media*.c: a command in the making. Main thread. */
#pragma once

#include "alg/call/media.h"
#include "alg/call/offer.h"

/* The carrier of ICE-TCP is not known by the standard's text: an RFC 6544 line with everything open that the gateway chooses. It
 * becomes as many lines as the gateway has ports for it. */
#define MAKE_TCP_CANDIDATE "$ 1 TCP $ $ $ typ host tcptype passive"

struct make {
    struct arena *a;
    struct iq_term *t;
    bool add;
};

/* media.c */
int make_open(struct make *mk, const char *termid, const char *interface);
int make_send(struct make *mk, struct media *m, int err, iq_done_h *done, void *arg); /* MEDIA_NOTHING: it says nothing */
struct sdp *make_sdp(struct make *mk, struct sv media, struct sv addrtype, struct sv addr, int port, struct sv proto,
                     struct sv fmts, struct sdp_media **md);
int make_candidates(struct make *mk, const struct media *m, struct sdp_attr **list); /* to be chosen by the gateway */
int make_copy(struct make *mk, struct sdp_attr **list, const struct sdp_attr *from);
struct sv make_family(bool v6, struct sv said); /* theirs when they said one, else by v6 */
struct sv make_numeric(struct sv addrtype, struct sv addr);
struct iq_stream *make_stream(struct make *mk, uint16_t id); /* the one of the command, or a new one; NULL: full */
void make_realm(struct make *mk, struct iq_stream *s, const char *realm); /* of a termination that is added */
void make_release(struct iq_stream *s, bool last);

/* media_reply.c: what was told and what came back, by stream; *_slot makes it. NULL: full */
struct media_port *media_port_slot(struct media *m, uint16_t stream);
struct media_end *media_end_slot(struct media *m, uint16_t stream);
const struct media_end *media_end_of(const struct media *m, uint16_t stream); /* NULL: T1 has it not */

/* media_rtp.c: the streams of audio and video. 0, -ENOMEM */
int rtp_reserve_core(struct make *mk, struct media *m, const struct exch *x);
int rtp_configure_core(struct make *mk, struct media *m, const struct exch *x);
int rtp_reserve_access(struct make *mk, struct media *m, const struct exch *x);
int rtp_configure_access(struct make *mk, struct media *m, const struct exch *x);
int rtp_undo(struct make *mk, struct media *m, const struct exch *x, enum sip_side side); /* what this exchange added there */
/* media_msrp.c: streams of m=message lines on T1. 0, -ENOMEM */
int msrp_reserve_access(struct make *mk, struct media *m, const struct exch *x);
int msrp_configure_access(struct make *mk, struct media *m, const struct exch *x);
int msrp_undo_access(struct make *mk, struct media *m, const struct exch *x);
int msrp_events(struct make *mk, const struct media *m, const struct exch *x);
int msrp_signals(struct make *mk, const struct media *m, const struct exch *x);
struct sdp *rtp_line_sdp(struct make *mk, const struct rline *r, const struct codec_list *codecs, struct sv proto,
                         struct sv addrtype, struct sv addr, int port, struct sdp_media **md); /* NULL: no memory */
/* media_owner.c: a bundle whose own line is gone. Its stream; 0: there is none. */
uint16_t owner_stream(const struct exch *x);
struct speaker { /* whose words are those of its transport now */
    const struct tport *tp;
    const struct web_trans *t;
};
bool owner_speaker(const struct exch *x, struct speaker *by); /* false: there is none, or no member of it was named */
int owner_configure(struct make *mk, struct media *m, const struct exch *x);
bool rtp_flows_from_core(const struct exch *x);
