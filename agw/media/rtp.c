#include "agw/media/rtp.h"

#include <errno.h>
#include <string.h>

static uint16_t get16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t get32(const uint8_t *p)
{
    return (uint32_t)get16(p) << 16 | get16(p + 2);
}

int rtp_parse(struct rtp *r, const uint8_t *p, size_t n)
{
    if (n < RTP_HEADER || p[0] >> 6 != 2)
        return -EBADMSG;
    r->marker = p[1] >> 7;
    r->pt = p[1] & 0x7f;
    r->seq = get16(p + 2);
    r->ts = get32(p + 4);
    r->ssrc = get32(p + 8);
    r->ext = NULL;
    r->ext_n = 0;
    r->ext_profile = 0;
    r->header = RTP_HEADER + 4u * (p[0] & 0x0f);
    if (p[0] & 0x10) {
        if (n < r->header + 4)
            return -EBADMSG;
        r->ext_profile = get16(p + r->header);
        r->ext_n = 4u * get16(p + r->header + 2);
        r->ext = p + r->header + 4;
        r->header += 4 + r->ext_n;
    }
    if (n < r->header)
        return -EBADMSG;
    r->payload = n - r->header;
    if (p[0] & 0x20) { /* RFC 3550 5.1: the last octet counts the padding, itself included */
        if (r->payload == 0 || p[n - 1] == 0 || p[n - 1] > r->payload)
            return -EBADMSG;
        r->payload -= p[n - 1];
    }
    return 0;
}

bool rtp_is_rtcp(const uint8_t *p, size_t n)
{
    return n >= 2 && p[1] >= 192 && p[1] <= 223;
}

/* RFC 8285 4.2: a nibble of id, a nibble of length - 1; id 0 is padding, id 15 ends it */
static struct sv ext_one(const uint8_t *p, size_t n, unsigned id)
{
    for (size_t i = 0, len; i < n; i += len) {
        len = 1;
        if (p[i] == 0)
            continue;
        if (p[i] >> 4 == 15)
            break;
        len = 2u + (p[i] & 0x0f);
        if (len > n - i)
            break;
        if (p[i] >> 4 == id)
            return (struct sv){(const char *)p + i + 1, len - 1};
    }
    return (struct sv){NULL, 0};
}

/* RFC 8285 4.3: an octet of id, an octet of length; id 0 is padding */
static struct sv ext_two(const uint8_t *p, size_t n, unsigned id)
{
    for (size_t i = 0, len; i < n; i += len) {
        len = 1;
        if (p[i] == 0)
            continue;
        if (n - i < 2)
            break;
        len = 2u + p[i + 1];
        if (len > n - i)
            break;
        if (p[i] == id)
            return (struct sv){(const char *)p + i + 2, len - 2};
    }
    return (struct sv){NULL, 0};
}

struct sv rtp_ext(const struct rtp *r, unsigned id)
{
    if (r->ext && id != 0) {
        if (r->ext_profile == 0xbede)
            return ext_one(r->ext, r->ext_n, id);
        if (r->ext_profile >> 4 == 0x100)
            return ext_two(r->ext, r->ext_n, id);
    }
    return (struct sv){NULL, 0};
}

size_t rtp_put_ext(uint8_t *p, size_t header, unsigned id, struct sv value)
{
    const size_t words = (1 + value.n + 3) / 4, more = 4 + 4 * words;
    uint8_t *at = p - more + header;

    memmove(p - more, p, header);
    p[-(ptrdiff_t)more] |= 0x10;
    memset(at, 0, more);
    at[0] = 0xbe;
    at[1] = 0xde;
    at[3] = (uint8_t)words;
    at[4] = (uint8_t)(id << 4 | (value.n - 1));
    memcpy(at + 5, value.p, value.n);
    return more;
}

void rtp_set_seq(uint8_t *p, uint16_t seq)
{
    p[2] = (uint8_t)(seq >> 8);
    p[3] = (uint8_t)seq;
}

void rtp_set_pt(uint8_t *p, uint8_t pt)
{
    p[1] = (uint8_t)((p[1] & 0x80) | (pt & 0x7f));
}

size_t rtp_strip_ext(uint8_t *p, const struct rtp *r)
{
    const size_t away = r->ext ? 4 + r->ext_n : 0;

    if (away) {
        p[0] &= (uint8_t)~0x10;
        memmove(p + away, p, r->header - away);
    }
    return away;
}
