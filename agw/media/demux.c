#include "agw/media/demux.h"

enum demux_kind demux(const uint8_t *p, size_t n)
{
    if (n == 0)
        return DEMUX_JUNK;
    if (p[0] <= 3)
        return DEMUX_STUN;
    if (p[0] >= 20 && p[0] <= 63)
        return DEMUX_DTLS;
    if (p[0] >= 128 && p[0] <= 191)
        return DEMUX_MEDIA;
    return DEMUX_JUNK;
}
