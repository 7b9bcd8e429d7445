#include "agw/media/sep_gate.h"

#include "agw/media/media_limits.h"

static bool is_usable(const struct addr *a)
{
    return a->u.sa.sa_family != AF_UNSPEC && !addr_is_any(a) && addr_port(a) != 0;
}

/* RTCP goes to a=rtcp, else beside RTP (RFC 3550 11). */
static void set_rtcp(struct sep_gate *g)
{
    const struct addr *rtp = g->has_learnt ? &g->learnt : g->has_remote ? &g->remote : NULL;

    g->has_rtcp = true;
    if (g->has_learnt_rtcp) {
        g->rtcp = g->learnt_rtcp;
    } else if (!g->has_learnt && g->rules.remote_rtcp.u.sa.sa_family != AF_UNSPEC) {
        g->rtcp = g->rules.remote_rtcp;
    } else if (rtp) {
        g->rtcp = *rtp;
        addr_set_port(&g->rtcp, (uint16_t)(addr_port(rtp) + 1));
    } else {
        g->has_rtcp = false;
    }
}

static const struct addr *goal(const struct sep_gate *g, bool rtcp)
{
    const struct addr *to = NULL;

    if (rtcp && !g->rules.mux)
        to = g->has_rtcp ? &g->rtcp : NULL;
    else if (g->has_learnt)
        to = &g->learnt;
    else if (g->has_remote)
        to = &g->remote;
    return to && is_usable(to) ? to : NULL; /* c=0.0.0.0 and port 0 mean nobody */
}

/* The only one that may send, when it comes down to one address. */
static const struct addr *only(const struct sep_gate *g, bool rtcp)
{
    const bool apart = rtcp && !g->rules.mux;

    if (g->rules.latch != BUS_LATCH_OFF) {
        if (g->looking || !g->has_learnt)
            return NULL;
        return !apart ? &g->learnt : g->has_learnt_rtcp ? &g->learnt_rtcp : NULL;
    }
    if (g->rules.any_source || g->rules.any_port || g->rules.n_sources || g->rules.port_hi)
        return NULL;
    return apart ? goal(g, true) : g->has_remote ? &g->remote : NULL;
}

static void prepare(struct sep_gate *g)
{
    set_rtcp(g);
    for (int rtcp = 0; rtcp < 2; rtcp++) {
        const struct addr *one = only(g, rtcp), *to = goal(g, rtcp);

        g->has_only[rtcp] = one != NULL;
        if (one)
            g->only[rtcp] = *one;
        g->has_to[rtcp] = to != NULL;
        if (to)
            g->to[rtcp] = *to;
    }
}

static void set_latch(struct sep_gate *g, enum bus_latch was, bool moved, msec_t now)
{
    if (g->rules.latch == BUS_LATCH_OFF || (g->rules.latch == BUS_LATCH_ON && (was == BUS_LATCH_OFF || moved)))
        g->has_learnt = g->has_learnt_rtcp = false;
    if (g->rules.latch == BUS_LATCH_OFF)
        g->looking = false;
    else if (g->rules.latch == BUS_LATCH_AGAIN || !g->has_learnt)
        g->looking = true;
    if (g->rules.latch == BUS_LATCH_AGAIN)
        g->look_by = now + MEDIA_RELATCH_MS;
}

void sep_gate_set(struct sep_gate *g, const struct bus_rtp *rules, const struct addr *remote, msec_t now)
{
    const enum bus_latch was = g->rules.latch;
    const bool moved = remote && (!g->has_remote || !addr_eq(remote, &g->remote));
    const bool new_rate = rules->rate != g->rules.rate || rules->burst != g->rules.burst;

    g->rules = *rules;
    if (g->rules.n_sources > BUS_SOURCES)
        g->rules.n_sources = BUS_SOURCES;
    if (remote) {
        g->has_remote = true;
        g->remote = *remote;
    }
    set_latch(g, was, moved, now);
    prepare(g);
    if (new_rate) {
        g->tokens = (int64_t)rules->burst * 1000;
        g->filled = now;
    }
}

/* --- source --- */

static bool same_bits(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    const unsigned whole = bits / 8, rest = bits % 8;

    return memcmp(a, b, whole) == 0 && (rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0);
}

static bool in_net(const struct bus_source *net, const struct addr *a)
{
    if (net->addr.u.sa.sa_family != a->u.sa.sa_family)
        return false;
    if (addr_is_v6(a))
        return same_bits((const uint8_t *)&net->addr.u.in6.sin6_addr, (const uint8_t *)&a->u.in6.sin6_addr,
                         net->bits > 128 ? 128 : net->bits);
    return same_bits((const uint8_t *)&net->addr.u.in4.sin_addr, (const uint8_t *)&a->u.in4.sin_addr,
                     net->bits > 32 ? 32 : net->bits);
}

static bool host_is_right(const struct sep_gate *g, const struct addr *src, bool rtcp)
{
    if (g->rules.n_sources == 0) {
        if (rtcp && g->has_rtcp)
            return addr_eq_host(src, &g->rtcp);
        return g->has_remote && addr_eq_host(src, &g->remote);
    }
    for (unsigned i = 0; i < g->rules.n_sources; i++)
        if (in_net(&g->rules.sources[i], src))
            return true;
    return false;
}

static bool port_is_right(const struct sep_gate *g, const struct addr *src, bool rtcp)
{
    const uint16_t port = addr_port(src);

    if (g->rules.port_hi)
        return port >= g->rules.port_lo && port <= g->rules.port_hi;
    if (rtcp && g->has_rtcp)
        return port == addr_port(&g->rtcp);
    return g->has_remote && port == addr_port(&g->remote);
}

/* any: what is not asked for explicitly is not checked */
static bool passes(const struct sep_gate *g, const struct addr *src, bool rtcp, bool any_host, bool any_port)
{
    return ((any_host && !g->rules.filter_addr) || host_is_right(g, src, rtcp)) &&
           ((any_port && !g->rules.filter_port) || port_is_right(g, src, rtcp));
}

bool sep_gate_judges(const struct sep_gate *g, const struct addr *src, bool rtcp)
{
    const bool apart = rtcp && !g->rules.mux;

    if (g->rules.latch == BUS_LATCH_OFF)
        return passes(g, src, apart, g->rules.any_source, g->rules.any_port);
    if (g->looking && !rtcp)
        return passes(g, src, false, true, true) && reach_may(g->reach, src);
    if (!g->has_learnt) /* RTCP teaches nothing: until RTP came, the signalled address alone */
        return passes(g, src, apart, false, false);
    if (!apart)
        return addr_eq(src, &g->learnt);
    return g->has_learnt_rtcp ? addr_eq(src, &g->learnt_rtcp) : addr_eq_host(src, &g->learnt);
}

/* AGAIN: the old address counts until another one is heard. Whose far end did not move keeps the door open for no longer than
 * a move takes. */
static bool keeps(struct sep_gate *g, const struct addr *src, msec_t now)
{
    if (!g->has_learnt || !addr_eq(src, &g->learnt))
        return false;
    if (now >= g->look_by) {
        g->looking = false;
        prepare(g);
    }
    return true;
}

bool sep_gate_latch(struct sep_gate *g, const struct addr *src, bool rtcp, msec_t now)
{
    if (g->rules.latch == BUS_LATCH_OFF)
        return false;
    if (rtcp) {
        if (!g->rules.mux && g->has_learnt && !g->has_learnt_rtcp) {
            g->learnt_rtcp = *src;
            g->has_learnt_rtcp = true;
            prepare(g);
        }
        return false;
    }
    if (!g->looking || keeps(g, src, now))
        return false;
    g->learnt = *src;
    g->has_learnt = true;
    g->has_learnt_rtcp = false;
    g->looking = false;
    prepare(g);
    return true;
}

/* --- rate --- */

bool sep_gate_affords(struct sep_gate *g, const struct addr *src, size_t udp, msec_t now)
{
    const int64_t size = (int64_t)(udp + 8 + (addr_is_v6(src) ? 40 : 20)) * 1000;
    const int64_t full = (int64_t)g->rules.burst * 1000;

    if (g->rules.rate == 0)
        return true;
    if (now > g->filled) {
        const msec_t ms = now - g->filled;

        /* an hour fills every bucket and overflows nothing */
        g->tokens += (int64_t)(ms > 3600000 ? 3600000 : ms) * g->rules.rate;
        g->filled = now;
    }
    if (g->tokens > full)
        g->tokens = full;
    if (g->tokens < size)
        return false;
    g->tokens -= size;
    return true;
}
