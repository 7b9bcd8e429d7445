#include "agw/media/frame4571.h"

#include <errno.h>

int frame_first(const uint8_t *p, size_t n, size_t max)
{
    size_t len;

    if (n < FRAME_HEAD)
        return 0;
    len = (size_t)p[0] << 8 | p[1];
    if (len > max)
        return -EMSGSIZE;
    return n < FRAME_HEAD + len ? 0 : (int)(FRAME_HEAD + len);
}

void frame_head(uint8_t head[FRAME_HEAD], size_t n)
{
    head[0] = (uint8_t)(n >> 8);
    head[1] = (uint8_t)n;
}
