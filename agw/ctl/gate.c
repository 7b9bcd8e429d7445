/* gm and tman. The tables of iq-profile 2.2 give names; units: octets and octets a second, dvt in
 * tenths of a microsecond. */
#include "agw/ctl/gate.h"

#include <utlist.h>

#define BURST_MIN 1600 /* one packet of any size that passes an Ethernet */

/* "192.0.2.0/24", "2001:db8::/32", or one address. */
static int source_read(struct sv text, struct bus_source *out)
{
    struct sv rest = sv_trim(text), host = sv_cut(&rest, '/');
    uint32_t bits;
    unsigned most;

    if (addr_parse(&out->addr, host, 0))
        return -1;
    most = addr_is_v6(&out->addr) ? 128 : 32;
    bits = most;
    if (rest.n && sv_u32(rest, most, &bits))
        return -1;
    out->bits = (uint8_t)bits;
    return 0;
}

/* "4000-4100", "4000:4100" or one port. */
static int range_read(struct sv text, uint16_t *lo, uint16_t *hi)
{
    struct sv rest = sv_trim(text), first;
    uint32_t a, b;

    first = sv_cut(&rest, memchr(rest.p ? rest.p : "", ':', rest.n) ? ':' : '-');
    if (sv_u32(sv_trim(first), UINT16_MAX, &a) || a == 0)
        return -1;
    b = a;
    if (rest.n && (sv_u32(sv_trim(rest), UINT16_MAX, &b) || b < a))
        return -1;
    *lo = (uint16_t)a;
    *hi = (uint16_t)b;
    return 0;
}

static int filter_read(const struct iq_stream *m, struct bus_rtp *out, struct iq_fault *fault)
{
    out->filter_addr = m->saf.set && m->saf.v;
    out->filter_port = m->spf.set && m->spf.v;
    out->any_source = m->saf.set && !m->saf.v;
    out->any_port = m->spf.set ? !m->spf.v : out->any_source;
    out->n_sources = 0;
    out->port_lo = out->port_hi = 0;
    if ((m->sam.set || m->spr.set) && sdp_attr_of(m->local, m->local->media, "ice-ufrag"))
        return iq_refuse(fault, 501, "gm/sam or gm/spr of stream %u: ICE says who may send", m->id);
    for (unsigned i = 0; m->sam.set && i < m->sam.n; i++) {
        if (out->n_sources == BUS_SOURCES)
            return iq_refuse(fault, 449, "gm/sam of stream %u: more than %u", m->id, BUS_SOURCES);
        if (source_read(m->sam.v[i], &out->sources[out->n_sources]))
            return iq_refuse(fault, 449, "gm/sam = %.*s", SV_ARG(m->sam.v[i]));
        out->n_sources++;
    }
    if (m->spr.set && range_read(m->spr.v, &out->port_lo, &out->port_hi))
        return iq_refuse(fault, 449, "gm/spr = %.*s", SV_ARG(m->spr.v));
    return 0;
}

/* b=AS of Local (RFC 8866 5.8), octets a second; 0: not there. */
static uint32_t rate_of_sdp(const struct sdp *sdp)
{
    const struct sdp_line *l;
    uint32_t kbit;

    DL_FOREACH(sdp ? sdp->media->lines : NULL, l)
    {
        struct sv rest = l->value, type = sv_cut(&rest, ':');

        if (l->type == 'b' && sv_iis(type, "AS") &&
            sv_u32(sv_trim(rest), UINT32_MAX / 125, &kbit) == 0)
            return kbit * 125;
    }
    return 0;
}

/* One bucket: the sustainable rate with its burst, else the peak rate, else what Local promises. */
static int police_read(const struct iq_stream *m, struct bus_rtp *out, struct iq_fault *fault)
{
    uint64_t burst = 0;

    out->rate = out->burst = 0;
    if (!m->pol.set || !m->pol.v)
        return 0;
    out->rate = m->sdr.set   ? (uint32_t)m->sdr.v
                : m->pdr.set ? (uint32_t)m->pdr.v
                             : rate_of_sdp(m->local);
    if (!out->rate)
        return iq_refuse(fault, 472, "tman/pol of stream %u: no sdr, pdr or b=AS", m->id);
    if (m->mbs.set)
        burst = (uint64_t)m->mbs.v;
    else if (m->dvt.set)
        burst = (uint64_t)out->rate * (uint64_t)m->dvt.v / 10000000u;
    else
        burst = out->rate / 4; /* 250 ms: what a jitter buffer would take at once */
    out->burst = burst < BURST_MIN ? BURST_MIN : burst > UINT32_MAX ? UINT32_MAX : (uint32_t)burst;
    return 0;
}

int gate_read(const struct iq_stream *m, struct bus_rtp *out, struct iq_fault *fault)
{
    int err = filter_read(m, out, fault);

    return err ? err : police_read(m, out, fault);
}

int gate_local(const struct iq_stream *m, const struct addr *local, struct iq_fault *fault)
{
    struct addr a;

    if (m->esas.set && m->esas.v) {
        if (!m->lsa.set)
            return iq_refuse(fault, 472, "gm/esas of stream %u without gm/lsa", m->id);
        if (addr_parse(&a, m->lsa.v, 0) || !addr_eq_host(&a, local))
            return iq_refuse(fault, 449, "gm/lsa = %.*s", SV_ARG(m->lsa.v));
    }
    if (m->esps.set && m->esps.v) {
        if (!m->lsp.set)
            return iq_refuse(fault, 472, "gm/esps of stream %u without gm/lsp", m->id);
        if (m->lsp.v != addr_port(local))
            return iq_refuse(fault, 449, "gm/lsp = %lld", (long long)m->lsp.v);
    }
    return 0;
}
