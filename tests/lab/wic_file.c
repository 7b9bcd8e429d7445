#include "tests/lab/wic_file.h"

#include <errno.h>

#include "common/rnd.h"

/* Long period, all values, and line ends among them. */
static uint8_t octet_at(size_t i)
{
    const uint32_t x = (uint32_t)(i ^ i >> 8) * 2654435761u;

    return (uint8_t)(x >> 24);
}

void wic_file_init(struct wic_file *f, size_t size)
{
    *f = (struct wic_file){.size = size};
    rnd_text(f->id, sizeof f->id - 1);
}

size_t wic_file_chunk(const struct wic_file *f, const char *tid, const char *to, const char *from, struct buf *out)
{
    const size_t left = f->size - f->sent, take = left < WIC_FILE_CHUNK ? left : WIC_FILE_CHUNK;

    if (!take)
        return 0;
    buf_printf(out,
               "MSRP %s SEND\r\nTo-Path: %s\r\nFrom-Path: %s\r\nMessage-ID: %s\r\nByte-Range: %zu-%zu/%zu\r\n"
               "Content-Type: application/octet-stream\r\n\r\n",
               tid, to, from, f->id, f->sent + 1, f->sent + take, f->size);
    for (size_t i = 0; i < take; i++)
        buf_u8(out, octet_at(f->sent + i));
    buf_printf(out, "\r\n-------%s%c\r\n", tid, take == left ? '$' : '+');
    return take;
}

int wic_file_back(struct wic_file *f, struct sv range, struct sv body)
{
    uint64_t start;

    if (sv_u64(sv_cut(&range, '-'), f->size + 1, &start) || start != f->back + 1 || body.n > f->size - f->back)
        return -EBADMSG;
    for (size_t i = 0; i < body.n; i++)
        if ((uint8_t)body.p[i] != octet_at(f->back + i))
            return -EBADMSG;
    f->back += body.n;
    return f->back == f->size;
}
