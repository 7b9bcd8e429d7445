/* Bounded writer and reader over memory that the caller owns. An overflow is remembered, never performed:
 * check `overflow` (or buf_err) once at the end. Any thread. */
#pragma once

#include "common/sv.h"

struct buf {
    uint8_t *p;    /* start of the memory */
    size_t size;   /* its capacity in bytes */
    size_t len;    /* bytes written so far */
    bool overflow; /* something did not fit: the content is not to be used */
};

static inline struct buf buf_over(void *p, size_t size)
{
    return (struct buf){.p = p, .size = size};
}

static inline struct sv buf_sv(const struct buf *b)
{
    return (struct sv){(const char *)b->p, b->len};
}

int buf_err(const struct buf *b); /* 0, or -EMSGSIZE after an overflow */
void buf_put(struct buf *b, const void *p, size_t n);
void buf_u8(struct buf *b, uint8_t v);
void buf_u16(struct buf *b, uint16_t v); /* network byte order, as all below */
void buf_u32(struct buf *b, uint32_t v);
void buf_u64(struct buf *b, uint64_t v);
void buf_sv_put(struct buf *b, struct sv v);
void buf_str(struct buf *b, const char *s);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Reader: a cursor over constant bytes; reading past the end sets `fault` and yields zeros. */
struct rd {
    const uint8_t *p;
    size_t n;
    bool fault;
};

static inline struct rd rd_over(const void *p, size_t n)
{
    return (struct rd){p, n, false};
}

uint8_t rd_u8(struct rd *r);
uint16_t rd_u16(struct rd *r);
uint32_t rd_u32(struct rd *r);
uint64_t rd_u64(struct rd *r);
struct sv rd_bytes(struct rd *r, size_t n);
