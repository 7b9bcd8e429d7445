#include "agw/data/dcep.h"

#include <errno.h>

#include "agw/data/data_limits.h"

#define UNORDERED 0x80

static bool channel_type_known(uint8_t t)
{
    return (t & ~UNORDERED) <= 2; /* RFC 8832 8.2.2 */
}

static int open_get(struct dcep *d, struct rd *r)
{
    uint16_t label, protocol;

    d->channel_type = rd_u8(r);
    d->priority = rd_u16(r);
    d->reliability = rd_u32(r);
    label = rd_u16(r);
    protocol = rd_u16(r);
    if (r->fault || !channel_type_known(d->channel_type) || label > DCEP_LABEL_MAX || protocol > DCEP_PROTO_MAX)
        return -EPROTO;
    d->label = rd_bytes(r, label);
    d->protocol = rd_bytes(r, protocol);
    return 0;
}

int dcep_get(struct dcep *d, const void *p, size_t n)
{
    struct rd r = rd_over(p, n);
    uint8_t type = rd_u8(&r);
    int err = 0;

    *d = (struct dcep){.type = type};
    if (r.fault || (type != DCEP_OPEN && type != DCEP_ACK))
        return -EPROTO;
    if (type == DCEP_OPEN)
        err = open_get(d, &r);
    return err || r.fault || r.n ? -EPROTO : 0;
}

void dcep_put(const struct dcep *d, struct buf *out)
{
    buf_u8(out, (uint8_t)d->type);
    if (d->type != DCEP_OPEN)
        return;
    buf_u8(out, d->channel_type);
    buf_u16(out, d->priority);
    buf_u32(out, d->reliability);
    buf_u16(out, (uint16_t)d->label.n);
    buf_u16(out, (uint16_t)d->protocol.n);
    buf_sv_put(out, d->label);
    buf_sv_put(out, d->protocol);
}
