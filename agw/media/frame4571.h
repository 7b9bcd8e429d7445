/* Framing of packets on a TCP connection (RFC 4571 2; RFC 6544 3 asks it of everything on an ICE candidate of TCP): 16 bits of
 * length, then the packet: STUN, DTLS, RTP, RTCP alike. Pure. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define FRAME_HEAD 2

/* The first frame in n octets. > 0: it is all there and takes so many, head included (FRAME_HEAD: it is empty, nothing to be
 * done). 0: more octets are needed. -EMSGSIZE: it is longer than `max` octets. */
int frame_first(const uint8_t *p, size_t n, size_t max);
void frame_head(uint8_t head[FRAME_HEAD], size_t n); /* n: at most 65535 */
