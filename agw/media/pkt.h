/* One RTP or RTCP packet on its way through a worker, in place in a receive slot: nothing is copied between the socket that
 * it came from and the one that it leaves by. Thread: the worker. */
#pragma once

#include "agw/media/rtp.h"
#include "common/net.h"

#define PKT_HEAD 64   /* octets free before a datagram as received: for a header extension, and for IP and UDP */
#define PKT_TAIL 64   /* octets free behind the longest one: SRTCP index, tag (RFC 3711, RFC 7714) */

struct sep;

struct pkt {
    struct addr from, to;
    uint8_t *p;          /* first octet of the packet; header changes may move it forward or into the head */
    size_t n;
    uint8_t *end;        /* one behind the last octet of the slot */
    bool rtcp;           /* RFC 5761 4: payload type 64..95 */
    struct rtp rtp;      /* set by sep_media unless rtcp */
    struct sep *out;     /* sep_seal: the endpoint that sends it, by its RTP or (rtcp, not muxed) its RTCP socket */
};
