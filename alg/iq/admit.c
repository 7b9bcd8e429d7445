#include "alg/iq/admit.h"

#include <errno.h>
#include <stdio.h>

#define MID_ARENA 2048

int admit_mid(struct admit *a, const char *text)
{
    struct h248_mid mid = {.kind = H248_MID_DOMAIN};
    char domain[sizeof a->name + 2];
    struct arena *arena;
    int err = 0;

    a->any_mid = strcmp(text, "*") == 0;
    if (a->any_mid)
        return 0;
    if (strlen(text) >= sizeof a->name)
        return -EINVAL;
    snprintf(domain, sizeof domain, *text == '<' || *text == '[' ? "%s" : "<%s>", text);
    arena = arena_new(MID_ARENA);
    if (!arena)
        return -ENOMEM;
    err = h248_mid_parse(arena, sv_from(domain), &mid);
    if (!err) {
        a->mid = mid;
        a->mid.name.n = sv_copy(mid.name, a->name, sizeof a->name);
    }
    arena_free(arena);
    return err;
}

int admit_from(struct admit *a, const char *text)
{
    struct sv rest = sv_from(text), host = sv_cut(&rest, '/');
    uint32_t bits = 0;
    int err;

    a->any_from = strcmp(text, "*") == 0;
    if (a->any_from)
        return 0;
    err = addr_parse(&a->net, host, 0);
    if (err)
        return err;
    a->bits = addr_is_v6(&a->net) ? 128 : 32;
    if (!rest.p)
        return 0;
    if (sv_u32(rest, a->bits, &bits))
        return -EINVAL;
    a->bits = bits;
    return 0;
}

static bool is_in_net(const struct admit *a, const struct addr *from)
{
    bool v6 = addr_is_v6(from);
    const uint8_t *x = v6 ? from->u.in6.sin6_addr.s6_addr : (const uint8_t *)&from->u.in4.sin_addr;
    const uint8_t *y = v6 ? a->net.u.in6.sin6_addr.s6_addr : (const uint8_t *)&a->net.u.in4.sin_addr;
    unsigned octets = a->bits / 8, left = a->bits % 8;

    if (v6 != addr_is_v6(&a->net) || memcmp(x, y, octets))
        return false;
    return !left || ((x[octets] ^ y[octets]) >> (8 - left)) == 0;
}

static bool is_mid(const struct admit *a, const struct h248_mid *mid)
{
    struct h248_mid own = a->mid;

    own.name.p = a->name; /* rows may have been moved since they were read */
    return h248_mid_equal(&own, mid);
}

bool admit_is_allowed(const struct admit *rows, unsigned n, const struct addr *from, const struct h248_mid *mid)
{
    for (unsigned i = 0; i < n; i++) {
        if ((rows[i].any_from || is_in_net(&rows[i], from)) && (rows[i].any_mid || is_mid(&rows[i], mid)))
            return true;
    }
    return false;
}
