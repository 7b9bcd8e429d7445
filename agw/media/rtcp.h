/* RTCP as octets: compound packets are checked whole (RFC 3550 6.1, A.2; reduced-size RFC 5506; feedback RFC 4585, RFC 5104),
 * walked and written. Pure. Any thread. */
#pragma once

#include "common/buf.h"

enum rtcp_type {
    RTCP_SR = 200,
    RTCP_RR = 201,
    RTCP_SDES = 202,
    RTCP_BYE = 203,
    RTCP_APP = 204,
    RTCP_RTPFB = 205,
    RTCP_PSFB = 206,
    RTCP_XR = 207,
};

enum rtcp_fmt { /* the count field of RTPFB and PSFB */
    RTPFB_NACK = 1,
    RTPFB_TMMBR = 3,
    RTPFB_TMMBN = 4,
    RTPFB_TCC = 15, /* transport-wide congestion control */
    PSFB_PLI = 1,
    PSFB_FIR = 4,
    PSFB_AFB = 15, /* application layer feedback: REMB */
};

#define RTCP_SDES_CNAME 1
#define RTCP_SDES_MID 15 /* RFC 9143 15.1 */
#define RTCP_BLOCK 24    /* octets of a report block */
#define RTCP_BLOCKS 31

struct rtcp {            /* one packet of a compound; p points into the caller's octets */
    uint8_t type, count; /* count: RC, SC or FMT */
    const uint8_t *p;    /* from its header on, padding taken off */
    size_t n;
};

struct rtcp_block {
    uint32_t ssrc;
    uint32_t fraction; /* of 256 */
    int32_t lost;
    uint32_t seq, jitter, lsr, dlsr;
};

/* 0, or -EBADMSG: version, lengths, padding before the last packet, or a packet shorter than what it says to hold.
 * reduced: it need not begin with SR or RR (RFC 5506). */
int rtcp_check(const uint8_t *p, size_t n, bool reduced);
/* Walks a compound that was checked: *at starts with 0. */
bool rtcp_next(struct rtcp *r, const uint8_t *p, size_t n, size_t *at);

uint32_t rtcp_u32(const struct rtcp *r, size_t at); /* at + 4 <= n */
uint32_t rtcp_sender(const struct rtcp *r);         /* the first SSRC of the packet; 0: none (BYE and SDES may be empty) */
/* SR and RR; the i-th of count */
const uint8_t *rtcp_block_at(const struct rtcp *r, unsigned i);
void rtcp_block_get(struct rtcp_block *b, const uint8_t *p);

/* Walks the chunks of SDES: *at starts with 0. mid: empty when absent. */
bool rtcp_chunk(const struct rtcp *r, size_t *at, uint32_t *ssrc, struct sv *mid);

/* --- writing; overflow is remembered in the buf --- */

size_t rtcp_begin(struct buf *b, enum rtcp_type type); /* returns where it began */
void rtcp_end(struct buf *b, size_t began, unsigned count); /* pads to 32 bits, sets count and length */
void rtcp_put_block(struct buf *b, const struct rtcp_block *block);
void rtcp_put_cname(struct buf *b, uint32_t ssrc, struct sv cname); /* a chunk of SDES */
