#include "common/rnd.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

void rnd_bytes(void *p, size_t n)
{
    uint8_t *at = p;

    while (n > 0) {
        ssize_t got = getrandom(at, n, 0);

        if (got < 0 && errno != EINTR)
            abort(); /* no entropy: every credential would be guessable */
        if (got > 0) {
            at += got;
            n -= (size_t)got;
        }
    }
}

uint32_t rnd_u32(void)
{
    uint32_t v;

    rnd_bytes(&v, sizeof v);
    return v;
}

uint64_t rnd_u64(void)
{
    uint64_t v;

    rnd_bytes(&v, sizeof v);
    return v;
}

void rnd_text(char *out, size_t n)
{
    static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    const unsigned count = sizeof set - 1;
    uint8_t pool[64];
    size_t have = 0, done = 0;

    while (done < n) {
        uint8_t b;

        if (have == 0) {
            rnd_bytes(pool, sizeof pool);
            have = sizeof pool;
        }
        b = pool[--have];
        if (b < 256 / count * count) /* the rest of the range would favour the first letters */
            out[done++] = set[b % count];
    }
    out[n] = '\0';
}
