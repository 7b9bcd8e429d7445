#include "alg/sip/hop_peers.h"

static struct hop_peer *find(struct hop_peers *p, const struct addr *a)
{
    for (unsigned i = 0; i < p->n; i++)
        if (addr_eq_host(&p->v[i].addr, a))
            return &p->v[i];
    return NULL;
}

/* Room for one more: there are never more than HOPS_MAX that next hops have, so one of a full table is old. */
static struct hop_peer *place(struct hop_peers *p)
{
    struct hop_peer *oldest = NULL;

    if (p->n < ARRAY_LEN(p->v))
        return &p->v[p->n++];
    for (unsigned i = 0; i < p->n; i++)
        if (p->v[i].gone_at && (!oldest || p->v[i].gone_at < oldest->gone_at))
            oldest = &p->v[i];
    return oldest;
}

void hop_peers_set(struct hop_peers *p, const struct hops *now_are, msec_t now)
{
    struct hop_peer *one;

    for (unsigned i = 0; i < p->n; i++)
        if (!p->v[i].gone_at)
            p->v[i].gone_at = now;
    for (unsigned i = 0; i < now_are->n; i++) {
        one = find(p, &now_are->v[i].addr);
        if (!one)
            one = place(p);
        *one = (struct hop_peer){.addr = now_are->v[i].addr};
    }
}

void hop_peers_forget(struct hop_peers *p, msec_t oldest, msec_t now)
{
    for (unsigned i = p->n; i-- > 0;)
        if (p->v[i].gone_at && p->v[i].gone_at < oldest && now - p->v[i].gone_at >= HOP_PEER_MS)
            p->v[i] = p->v[--p->n];
}

bool hop_peers_may(const struct hop_peers *p, const struct addr *a)
{
    return p && find((struct hop_peers *)p, a);
}

bool hop_peers_is_old(const struct hop_peers *p)
{
    for (unsigned i = 0; i < p->n; i++)
        if (p->v[i].gone_at)
            return true;
    return false;
}
