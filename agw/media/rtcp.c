#include "agw/media/rtcp.h"

#include <errno.h>

#define HEADER 4
#define SR_HEAD 28 /* header, SSRC, NTP, RTP time, two counts */
#define RR_HEAD 8
#define FB_HEAD 12 /* header, SSRC of sender and of media */

static uint32_t get32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

uint32_t rtcp_u32(const struct rtcp *r, size_t at)
{
    return get32(r->p + at);
}

uint32_t rtcp_sender(const struct rtcp *r)
{
    return r->n >= 8 ? get32(r->p + 4) : 0;
}

const uint8_t *rtcp_block_at(const struct rtcp *r, unsigned i)
{
    return r->p + (r->type == RTCP_SR ? SR_HEAD : RR_HEAD) + (size_t)i * RTCP_BLOCK;
}

void rtcp_block_get(struct rtcp_block *b, const uint8_t *p)
{
    const uint32_t lost = get32(p + 4) & 0xffffff;

    b->ssrc = get32(p);
    b->fraction = p[4];
    b->lost = (int32_t)(lost ^ 0x800000) - 0x800000; /* 24 bits with sign */
    b->seq = get32(p + 8);
    b->jitter = get32(p + 12);
    b->lsr = get32(p + 16);
    b->dlsr = get32(p + 20);
}

/* --- reading --- */

/* The items up to the end of the chunk: a zero octet and up to three more (RFC 3550 6.5). */
static bool chunk_items(const struct rtcp *r, size_t *at, struct sv *mid)
{
    size_t i = *at;

    while (i < r->n && r->p[i] != 0) {
        const uint8_t *item = r->p + i;

        if (r->n - i < 2 || r->n - i - 2 < item[1])
            return false;
        if (item[0] == RTCP_SDES_MID)
            *mid = (struct sv){(const char *)item + 2, item[1]};
        i += 2u + item[1];
    }
    if (i >= r->n)
        return false;
    *at = (i + 4) & ~(size_t)3;
    return true;
}

bool rtcp_chunk(const struct rtcp *r, size_t *at, uint32_t *ssrc, struct sv *mid)
{
    if (*at == 0)
        *at = HEADER;
    if (r->n - *at < 8)
        return false;
    *ssrc = get32(r->p + *at);
    *mid = (struct sv){NULL, 0};
    *at += 4;
    return chunk_items(r, at, mid);
}

static bool sdes_is_whole(const struct rtcp *r)
{
    size_t at = 0;
    uint32_t ssrc;
    struct sv mid;

    for (unsigned i = 0; i < r->count; i++)
        if (!rtcp_chunk(r, &at, &ssrc, &mid))
            return false;
    return true;
}

static bool is_whole(const struct rtcp *r)
{
    switch (r->type) {
    case RTCP_SR:
        return r->n >= SR_HEAD + (size_t)r->count * RTCP_BLOCK;
    case RTCP_RR:
        return r->n >= RR_HEAD + (size_t)r->count * RTCP_BLOCK;
    case RTCP_SDES:
        return sdes_is_whole(r);
    case RTCP_BYE:
        return r->n >= HEADER + 4u * r->count;
    case RTCP_RTPFB:
    case RTCP_PSFB:
        return r->n >= FB_HEAD;
    default:
        return true;
    }
}

bool rtcp_next(struct rtcp *r, const uint8_t *p, size_t n, size_t *at)
{
    size_t len;

    if (*at >= n || n - *at < HEADER)
        return false;
    p += *at;
    len = 4u * (((size_t)p[2] << 8 | p[3]) + 1);
    if (len > n - *at)
        return false;
    *at += len;
    r->type = p[1];
    r->count = p[0] & 0x1f;
    r->p = p;
    r->n = len;
    if (p[0] & 0x20) {
        const uint8_t pad = p[len - 1];

        r->n = pad <= len - HEADER ? len - pad : 0;
    }
    return true;
}

int rtcp_check(const uint8_t *p, size_t n, bool reduced)
{
    size_t at = 0;
    struct rtcp r;

    if (n < 8 || (!reduced && p[1] != RTCP_SR && p[1] != RTCP_RR))
        return -EBADMSG;
    while (at < n) {
        const size_t from = at;

        if (p[from] >> 6 != 2 || !rtcp_next(&r, p, n, &at))
            return -EBADMSG;
        if (p[from] & 0x20) { /* padding: on the last one alone, a multiple of four (6.4.1) */
            const uint8_t pad = p[at - 1];

            if (at != n || pad == 0 || pad % 4)
                return -EBADMSG;
        }
        if (r.n < HEADER || !is_whole(&r))
            return -EBADMSG;
    }
    return 0;
}

/* --- writing --- */

size_t rtcp_begin(struct buf *b, enum rtcp_type type)
{
    const size_t at = b->len;

    buf_u8(b, 0x80);
    buf_u8(b, (uint8_t)type);
    buf_u16(b, 0);
    return at;
}

void rtcp_end(struct buf *b, size_t began, unsigned count)
{
    size_t words;

    while (!b->overflow && (b->len - began) % 4)
        buf_u8(b, 0);
    if (b->overflow)
        return;
    words = (b->len - began) / 4 - 1;
    b->p[began] = (uint8_t)(0x80 | (count & 0x1f));
    b->p[began + 2] = (uint8_t)(words >> 8);
    b->p[began + 3] = (uint8_t)words;
}

void rtcp_put_block(struct buf *b, const struct rtcp_block *block)
{
    buf_u32(b, block->ssrc);
    buf_u32(b, block->fraction << 24 | ((uint32_t)block->lost & 0xffffff));
    buf_u32(b, block->seq);
    buf_u32(b, block->jitter);
    buf_u32(b, block->lsr);
    buf_u32(b, block->dlsr);
}

void rtcp_put_cname(struct buf *b, uint32_t ssrc, struct sv cname)
{
    const size_t at = b->len;

    buf_u32(b, ssrc);
    buf_u8(b, RTCP_SDES_CNAME);
    buf_u8(b, (uint8_t)cname.n);
    buf_sv_put(b, cname);
    do
        buf_u8(b, 0); /* at least one ends the chunk */
    while (!b->overflow && (b->len - at) % 4);
}
