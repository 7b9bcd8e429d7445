/* What SRTP remembers of each SSRC: the packet index of RTP (rollover counter and sequence number), the index of RTCP, and
 * which of the last 128 indices were used. Pure. Private to srtp*.c and their tests. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define SRTP_WINDOW 128 /* RFC 3711 3.3.2 asks for 64 or more */

struct srtp_window {
    uint64_t top;     /* the highest index used; its low 16 bits are s_l, the rest is ROC */
    uint64_t bits[2]; /* bit 0 of bits[0] is top itself */
    bool any;         /* false: no packet yet */
};

/* Which index has the packet with this sequence number (RFC 3711 3.3.1, appendix A)? ROC is 0 for the first one.
 * 0, -EALREADY (it would lie before the first packet of all), -EOVERFLOW (behind the last). */
int srtp_window_guess(const struct srtp_window *w, uint16_t seq, uint64_t *index);
int srtp_window_check(const struct srtp_window *w, uint64_t index); /* 0, -EALREADY: used or too old to know */
void srtp_window_mark(struct srtp_window *w, uint64_t index);

struct srtp_ssrc {
    uint32_t ssrc;
    bool used;
    struct srtp_window rtp, rtcp;
};

struct srtp_ssrcs { /* open addressing, never more than half full; nothing is ever taken out */
    struct srtp_ssrc *slot;
    struct srtp_ssrc *last; /* found last: most packets are of the same SSRC as the one before */
    unsigned size, n;
};

struct srtp_ssrc *srtp_ssrc_find(struct srtp_ssrcs *t, uint32_t ssrc); /* NULL: unknown */
int srtp_ssrc_add(struct srtp_ssrcs *t, uint32_t ssrc, struct srtp_ssrc **sp); /* 0, -ENOMEM; others may move */
void srtp_ssrcs_fini(struct srtp_ssrcs *t);
