/* What a datagram on a WebRTC port is, by its first octet (RFC 7983 7). Pure. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum demux_kind {
    DEMUX_STUN,
    DEMUX_DTLS,  /* 20..63 whole: DTLS 1.3 unified headers start with 0x20..0x3f (RFC 9147 4) */
    DEMUX_MEDIA, /* RTP and RTCP */
    DEMUX_JUNK,  /* ZRTP, TURN channels, QUIC, empty */
};

enum demux_kind demux(const uint8_t *p, size_t n);
