#include "common/buf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

int buf_err(const struct buf *b)
{
    return b->overflow ? -EMSGSIZE : 0;
}

void buf_put(struct buf *b, const void *p, size_t n)
{
    if (n == 0)
        return;
    if (b->overflow || n > b->size - b->len) {
        b->overflow = true;
        return;
    }
    memcpy(b->p + b->len, p, n);
    b->len += n;
}

static void put_be(struct buf *b, uint64_t v, unsigned n)
{
    uint8_t bytes[8];

    for (unsigned i = 0; i < n; i++)
        bytes[i] = (uint8_t)(v >> (8 * (n - 1 - i)));
    buf_put(b, bytes, n);
}

void buf_u8(struct buf *b, uint8_t v)
{
    put_be(b, v, 1);
}

void buf_u16(struct buf *b, uint16_t v)
{
    put_be(b, v, 2);
}

void buf_u32(struct buf *b, uint32_t v)
{
    put_be(b, v, 4);
}

void buf_u64(struct buf *b, uint64_t v)
{
    put_be(b, v, 8);
}

void buf_sv_put(struct buf *b, struct sv v)
{
    buf_put(b, v.p, v.n);
}

void buf_str(struct buf *b, const char *s)
{
    buf_put(b, s, strlen(s));
}

/* vsnprintf wants room for its NUL, which is not part of the content: one byte of the memory is
 * written behind the content, and a text that would fill the memory exactly goes through `last`. */
void buf_printf(struct buf *b, const char *fmt, ...)
{
    size_t room = b->size - b->len;
    char last[512];
    va_list ap;
    int n;

    if (b->overflow)
        return;
    va_start(ap, fmt);
    n = vsnprintf(room ? (char *)b->p + b->len : NULL, room, fmt, ap);
    va_end(ap);
    if (n >= 0 && (size_t)n < room) {
        b->len += (size_t)n;
    } else if (n >= 0 && (size_t)n == room && (size_t)n < sizeof last) {
        va_start(ap, fmt);
        vsnprintf(last, sizeof last, fmt, ap);
        va_end(ap);
        buf_put(b, last, (size_t)n);
    } else {
        b->overflow = true;
    }
}

static const uint8_t *rd_take(struct rd *r, size_t n)
{
    const uint8_t *p = r->p;

    if (r->fault || n > r->n) {
        r->fault = true;
        return NULL;
    }
    if (n)
        r->p += n;
    r->n -= n;
    return p;
}

static uint64_t rd_be(struct rd *r, unsigned n)
{
    const uint8_t *p = rd_take(r, n);
    uint64_t v = 0;

    for (unsigned i = 0; p && i < n; i++)
        v = v << 8 | p[i];
    return v;
}

uint8_t rd_u8(struct rd *r)
{
    return (uint8_t)rd_be(r, 1);
}

uint16_t rd_u16(struct rd *r)
{
    return (uint16_t)rd_be(r, 2);
}

uint32_t rd_u32(struct rd *r)
{
    return (uint32_t)rd_be(r, 4);
}

uint64_t rd_u64(struct rd *r)
{
    return rd_be(r, 8);
}

struct sv rd_bytes(struct rd *r, size_t n)
{
    const uint8_t *p = rd_take(r, n);

    return p ? (struct sv){(const char *)p, n} : SV_NONE;
}
