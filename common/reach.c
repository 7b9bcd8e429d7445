#include "common/reach.h"

#include <errno.h>

struct range {
    enum reach_kind kind;
    uint8_t bits;
    uint8_t p[16];
    uint8_t at; /* IPv6: octet where an IPv4 address stands; 0: none, the kind counts */
};

/* RFC 6890 and what came after it. Documentation prefixes are public: they lead nowhere, and laboratories use them. */
static const struct range v4[] = {
    {REACH_NEVER, 8, {0}, 0},                 /* RFC 791; Linux takes 0.0.0.0 for loopback */
    {REACH_PRIVATE, 8, {10}, 0},              /* RFC 1918 */
    {REACH_SHARED, 10, {100, 64}, 0},         /* RFC 6598 */
    {REACH_LOOPBACK, 8, {127}, 0},            /* RFC 1122 */
    {REACH_LINK, 16, {169, 254}, 0},          /* RFC 3927 */
    {REACH_PRIVATE, 12, {172, 16}, 0},        /* RFC 1918 */
    {REACH_SPECIAL, 24, {192, 0, 0}, 0},      /* RFC 6890: DS-Lite, NAT64 discovery */
    {REACH_SPECIAL, 24, {192, 88, 99}, 0},    /* RFC 7526: 6to4 relays */
    {REACH_PRIVATE, 16, {192, 168}, 0},       /* RFC 1918 */
    {REACH_SPECIAL, 15, {198, 18}, 0},        /* RFC 2544 */
    {REACH_NEVER, 4, {224}, 0},               /* RFC 5771: multicast */
    {REACH_NEVER, 4, {240}, 0},               /* RFC 1112 4, RFC 8190: reserved, broadcast */
};

static const struct range v6[] = { /* longer prefixes first where they overlap */
    {REACH_NEVER, 128, {0}, 0},
    {REACH_LOOPBACK, 128, {[15] = 1}, 0},
    {REACH_SPECIAL, 96, {[10] = 0xff, 0xff}, 12},             /* RFC 4291 2.5.5.2: mapped */
    {REACH_SPECIAL, 96, {0}, 12},                             /* 2.5.5.1: compatible */
    {REACH_SPECIAL, 96, {0, 0x64, 0xff, 0x9b}, 12},           /* RFC 6052: NAT64 */
    {REACH_SPECIAL, 48, {0, 0x64, 0xff, 0x9b, 0, 1}, 0},      /* RFC 8215: NAT64 of an operator's own */
    {REACH_SPECIAL, 64, {1}, 0},                              /* RFC 6666: discard */
    {REACH_SPECIAL, 23, {0x20, 1}, 0},                        /* RFC 2928: Teredo, ORCHID, benchmarking */
    {REACH_SPECIAL, 16, {0x20, 2}, 2},                        /* RFC 3056: 6to4 */
    {REACH_SPECIAL, 16, {0x5f}, 0},                           /* RFC 9602: segment routing */
    {REACH_PRIVATE, 7, {0xfc}, 0},                            /* RFC 4193 */
    {REACH_LINK, 10, {0xfe, 0x80}, 0},                        /* RFC 4291 2.5.6 */
    {REACH_PRIVATE, 10, {0xfe, 0xc0}, 0},                     /* RFC 3879: site-local */
    {REACH_NEVER, 8, {0xff}, 0},                              /* RFC 4291 2.7: multicast */
};

static const struct range *range_of(const struct range *rows, size_t n, const uint8_t *p)
{
    for (size_t i = 0; i < n; i++) {
        if (addr_same_bits(rows[i].p, p, rows[i].bits))
            return &rows[i];
    }
    return NULL;
}

/* The IPv4 address that an IPv6 one carries. */
static bool carried(const struct addr *a, struct addr *inner)
{
    const uint8_t *p = a->u.in6.sin6_addr.s6_addr;
    const struct range *r = addr_is_v6(a) ? range_of(v6, ARRAY_LEN(v6), p) : NULL;

    if (!r || !r->at)
        return false;
    memset(inner, 0, sizeof *inner);
    inner->u.in4.sin_family = AF_INET;
    memcpy(&inner->u.in4.sin_addr, p + r->at, 4);
    return true;
}

enum reach_kind reach_kind_of(const struct addr *a)
{
    const struct range *r;
    struct addr inner;

    if (carried(a, &inner))
        return reach_kind_of(&inner);
    if (addr_is_v6(a))
        r = range_of(v6, ARRAY_LEN(v6), a->u.in6.sin6_addr.s6_addr);
    else
        r = range_of(v4, ARRAY_LEN(v4), (const uint8_t *)&a->u.in4.sin_addr);
    return r ? r->kind : REACH_PUBLIC;
}

const char *reach_kind_name(enum reach_kind kind)
{
    static const char *const names[] = {
        [REACH_PUBLIC] = "public",   [REACH_NEVER] = "unspecified, multicast or reserved",
        [REACH_LOOPBACK] = "loopback", [REACH_LINK] = "link-local",
        [REACH_PRIVATE] = "private", [REACH_SHARED] = "carrier-grade NAT",
        [REACH_SPECIAL] = "special purpose",
    };

    return names[kind];
}

void reach_own(struct reach *r, const struct addr *a)
{
    const enum reach_kind kind = reach_kind_of(a);

    r->own |= kind == REACH_LOOPBACK ? ~0u : 1u << kind;
}

static int add(struct addr_net *nets, unsigned *n, const char *text)
{
    int err = *n < REACH_NETS ? addr_net_parse(&nets[*n], text) : -ENOSPC;

    if (!err)
        ++*n;
    return err;
}

int reach_allow(struct reach *r, const char *net)
{
    return add(r->allow, &r->n_allow, net);
}

int reach_deny(struct reach *r, const char *net)
{
    return add(r->deny, &r->n_deny, net);
}

static bool in_any(const struct addr_net *nets, unsigned n, const struct addr *a)
{
    for (unsigned i = 0; i < n; i++) {
        if (addr_in_net(a, &nets[i]))
            return true;
    }
    return false;
}

bool reach_may(const struct reach *r, const struct addr *a)
{
    const enum reach_kind kind = reach_kind_of(a);
    struct addr inner;
    bool is_carried;

    if (!r)
        return true;
    is_carried = carried(a, &inner);
    if (kind == REACH_NEVER || in_any(r->deny, r->n_deny, a) || (is_carried && in_any(r->deny, r->n_deny, &inner)))
        return false;
    if ((kind == REACH_PUBLIC && !r->closed) || in_any(r->allow, r->n_allow, a))
        return true;
    /* who writes an internal address in another's dress means to hide it */
    return !is_carried && (r->own & 1u << kind);
}
