/* Packages of statistics: network (H.248.1 annex E.11), RTP (E.12), and a quality figure. Read-only: in replies to Subtract and
 * AuditValue, of a termination as a whole (version 2) or of each stream (version 3). Names and ids of nt and rtp are those of
 * H.248.1; units of dur, jit and delay are taken as ms. */
#include "h248/pkg.h"

#define STATISTIC(n, i, f, t, hi) \
    {.name = n, .id = i, .kind = PKG_STATISTIC, .def = {.type = t, .max = hi}, .field = PKG_STATS(f)}

static const struct pkg_item nt_items[] = {
    STATISTIC("dur", 0x0001, dur, PKG_INT, INT64_MAX),
    STATISTIC("os", 0x0002, octets_out, PKG_INT, INT64_MAX),
    STATISTIC("or", 0x0003, octets_in, PKG_INT, INT64_MAX),
};
static const struct pkg nt = {"nt", 0x000b, 1, nt_items, ARRAY_LEN(nt_items)};

static const struct pkg_item rtp_items[] = {
    STATISTIC("ps", 0x0004, packets_out, PKG_INT, INT64_MAX),
    STATISTIC("pr", 0x0005, packets_in, PKG_INT, INT64_MAX),
    STATISTIC("pl", 0x0006, lost, PKG_FIXED, 10000),
    STATISTIC("jit", 0x0007, jitter, PKG_INT, INT64_MAX),
    STATISTIC("delay", 0x0008, delay, PKG_INT, INT64_MAX),
};
static const struct pkg rtp = {"rtp", 0x000c, 2, rtp_items, ARRAY_LEN(rtp_items)};

/* WORKING NAME: a mean opinion score by G.107, of no Recommendation that was read; the id is of the private range. */
static const struct pkg_item xmos_items[] = {
    STATISTIC("mos", 0x0001, mos, PKG_FIXED, 500),
};
static const struct pkg xmos = {"xmos", 0x8001, 1, xmos_items, ARRAY_LEN(xmos_items)};

const struct pkg *const pkg_stat[] = {&nt, &rtp, &xmos, NULL};
