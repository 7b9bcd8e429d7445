/* DCEP: what is read is written again octet for octet, and its views stay inside the input. */
#include <stdlib.h>

#include "agw/data/data_limits.h"
#include "agw/data/dcep.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool inside(struct sv v, const uint8_t *data, size_t size)
{
    const uint8_t *p = (const uint8_t *)v.p;

    return !v.n || (p >= data && v.n <= size && p <= data + size - v.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t out[DCEP_LABEL_MAX + DCEP_PROTO_MAX + 64];
    struct buf b = buf_over(out, sizeof out);
    struct dcep d;

    if (dcep_get(&d, data, size))
        return 0;
    if (!inside(d.label, data, size) || !inside(d.protocol, data, size))
        abort();
    dcep_put(&d, &b);
    if (b.overflow || b.len != size || memcmp(out, data, size))
        abort();
    return 0;
}
