/* RTP packets as octets (RFC 3550 5.1, header extensions RFC 8285, sharing a port with RTCP RFC 5761). Pure. Any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/sv.h"

#define RTP_HEADER 12

struct rtp {
    uint8_t pt;
    bool marker;
    uint16_t seq;
    uint32_t ts, ssrc;
    size_t header;       /* octets before the payload: fixed header, CSRCs, extension */
    size_t payload;      /* octets of payload, padding taken off */
    uint16_t ext_profile;
    const uint8_t *ext;  /* NULL: no extension */
    size_t ext_n;
};

/* 0, -EBADMSG: version, lengths or padding are wrong. */
int rtp_parse(struct rtp *r, const uint8_t *p, size_t n);
bool rtp_is_rtcp(const uint8_t *p, size_t n); /* payload type octet 192..223 (RFC 5761 4) */
/* The value of the extension element with this id (1..14, or 1..255 in the two-octet form); empty: absent. */
struct sv rtp_ext(const struct rtp *r, unsigned id);
/* One extension of one-byte form (RFC 8285 4.2) into the head of a packet that has none: id 1..14, value of 1..16 octets, written
 * into the RTP_EXT_MAX octets before p. Octets that it became longer, from p - that on. */
#define RTP_EXT_MAX 24
size_t rtp_put_ext(uint8_t *p, size_t header, unsigned id, struct sv value);
void rtp_set_seq(uint8_t *p, uint16_t seq);
void rtp_set_pt(uint8_t *p, uint8_t pt);
/* Takes the extension out, X becomes 0: the header moves towards the payload. Returns how far p moves forward. */
size_t rtp_strip_ext(uint8_t *p, const struct rtp *r);
