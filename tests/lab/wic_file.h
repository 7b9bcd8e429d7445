/* A file that a WIC sends as MSRP chunks and gets back: made by a rule, so that every octet of the echo can be checked. */
#pragma once

#include "common/buf.h"
#include "common/sv.h"

#define WIC_FILE_CHUNK 16384

struct wic_file {
    size_t size, sent, back; /* back: octets of the echo so far */
    char id[13];             /* Message-ID */
};

void wic_file_init(struct wic_file *f, size_t size);
/* The next chunk under this transaction id, and how many octets of the file it takes; 0: all of it is on its way. */
size_t wic_file_chunk(const struct wic_file *f, const char *tid, const char *to, const char *from, struct buf *out);
/* A chunk of the echo: 1 it was the last, 0 more to come, -EBADMSG not what was sent. range: of its Byte-Range header. */
int wic_file_back(struct wic_file *f, struct sv range, struct sv body);
