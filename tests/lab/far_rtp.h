/* The far end's phone: one m=audio or m=video line on plain RTP (RFC 3551 AVP, RFC 4585 AVPF), RTCP on the next port. It sends
 * back what it gets, as if another phone had spoken: the SSRC is another one (ssrc xor FAR_RTP_TWIST), and RTCP is turned the
 * same way, so reports about what it sends back reach whoever spoke, and so does a request for a key frame. */
#pragma once

#include <uv.h>

#include "common/net.h"

#define FAR_RTP_TWIST 0x5a5a5a5au

struct far_rtp;

struct far_rtp_counts {
    uint64_t rtp, rtcp, octets, strangers; /* strangers: from elsewhere than the peer, dropped */
};

int far_rtp_new(struct far_rtp **rp, uv_loop_t *loop, const char *host); /* binds an even port and the next; -EADDRINUSE */
void far_rtp_free(struct far_rtp *r);
uint16_t far_rtp_port(const struct far_rtp *r);
/* Where the other side is; from now on packets are returned when `echo`. May be called again. */
void far_rtp_start(struct far_rtp *r, const struct addr *rtp, const struct addr *rtcp, bool echo);
struct far_rtp_counts far_rtp_counts(const struct far_rtp *r);
