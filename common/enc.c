#include "common/enc.h"

#include <errno.h>

void enc_hex(const void *p, size_t n, char sep, char *out)
{
    static const char digits[] = "0123456789ABCDEF";
    const uint8_t *in = p;

    for (size_t i = 0; i < n; i++) {
        if (sep && i > 0)
            *out++ = sep;
        *out++ = digits[in[i] >> 4];
        *out++ = digits[in[i] & 15];
    }
    *out = '\0';
}

static int nibble(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

int enc_unhex(struct sv text, void *out, size_t size)
{
    uint8_t *to = out;
    size_t n = 0;

    for (size_t i = 0; i < text.n; i += 2) {
        int high, low;

        if (n > 0 && text.p[i] == ':')
            i++;
        if (text.n - i < 2)
            return -EINVAL;
        high = nibble(text.p[i]);
        low = nibble(text.p[i + 1]);
        if (high < 0 || low < 0)
            return -EINVAL;
        if (n == size || n == INT32_MAX)
            return -EMSGSIZE;
        to[n++] = (uint8_t)(high << 4 | low);
    }
    return (int)n;
}

/* Continuation bytes behind a lead byte and the range of the first of them (RFC 3629 section 4). */
static int utf8_tail(uint8_t lead, uint8_t *low, uint8_t *high)
{
    *low = 0x80;
    *high = 0xbf;
    if (lead < 0x80)
        return 0;
    if (lead >= 0xc2 && lead <= 0xdf)
        return 1;
    if (lead >= 0xe0 && lead <= 0xef) {
        if (lead == 0xe0)
            *low = 0xa0;
        if (lead == 0xed)
            *high = 0x9f;
        return 2;
    }
    if (lead >= 0xf0 && lead <= 0xf4) {
        if (lead == 0xf0)
            *low = 0x90;
        if (lead == 0xf4)
            *high = 0x8f;
        return 3;
    }
    return -1;
}

bool enc_is_utf8(const void *p, size_t n)
{
    const uint8_t *in = p;

    for (size_t i = 0; i < n;) {
        uint8_t low, high;
        int tail = utf8_tail(in[i++], &low, &high);

        if (tail < 0 || n - i < (size_t)tail)
            return false;
        for (; tail > 0; tail--, i++) {
            if (in[i] < low || in[i] > high)
                return false;
            low = 0x80;
            high = 0xbf;
        }
    }
    return true;
}

static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void enc_base64(const void *p, size_t n, char *out)
{
    const uint8_t *in = p;

    for (size_t i = 0; i < n; i += 3) {
        const uint32_t v = (uint32_t)in[i] << 16 | (i + 1 < n ? (uint32_t)in[i + 1] << 8 : 0) |
                           (i + 2 < n ? in[i + 2] : 0u);

        *out++ = base64[v >> 18];
        *out++ = base64[v >> 12 & 63];
        *out++ = i + 1 < n ? base64[v >> 6 & 63] : '=';
        *out++ = i + 2 < n ? base64[v & 63] : '=';
    }
    *out = '\0';
}

int enc_unbase64(struct sv text, void *out, size_t size)
{
    uint8_t *to = out;
    uint32_t acc = 0;
    unsigned bits = 0;
    size_t n = 0;

    while (text.n && text.p[text.n - 1] == '=')
        text.n--;
    for (size_t i = 0; i < text.n; i++) {
        const char *d = memchr(base64, text.p[i], 64);

        if (!d)
            return -EINVAL;
        acc = acc << 6 | (uint32_t)(d - base64);
        bits += 6;
        if (bits < 8)
            continue;
        bits -= 8;
        if (n == size)
            return -EMSGSIZE;
        to[n++] = (uint8_t)(acc >> bits);
    }
    return (int)n;
}
