#include "alg/sip/fds.h"

#include <stdlib.h>
#include <string.h>

#define BITS 64
#define ROOM 64 /* words that are made at once */

void fds_put(struct fds *f, int fd)
{
    const int at = fd / BITS;
    uint64_t *more;

    if (fd < 0)
        return;
    if (at >= f->n) {
        const int n = (at / ROOM + 1) * ROOM;

        more = realloc(f->words, (size_t)n * sizeof *more);
        if (!more)
            return;
        memset(more + f->n, 0, (size_t)(n - f->n) * sizeof *more);
        f->words = more;
        f->n = n;
    }
    f->words[at] |= UINT64_C(1) << fd % BITS;
}

void fds_drop(struct fds *f, int fd)
{
    if (fds_has(f, fd))
        f->words[fd / BITS] &= ~(UINT64_C(1) << fd % BITS);
}

bool fds_has(const struct fds *f, int fd)
{
    return fd >= 0 && fd / BITS < f->n && (f->words[fd / BITS] >> fd % BITS & 1);
}

void fds_fini(struct fds *f)
{
    free(f->words);
    *f = (struct fds){0};
}
