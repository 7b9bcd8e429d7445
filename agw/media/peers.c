/* The addresses: open addressing, linear probing, at most half full; removal closes the gap, so there are no tombstones. */
#include "agw/media/peers.h"

#include <errno.h>
#include <stdlib.h>

#include "agw/media/warm.h"
#include "common/rnd.h"

#define FIRST_SIZE 64

struct peers_entry {
    struct addr addr;
    struct peers_member *member; /* NULL: empty */
    msec_t seen;
};

struct peers {
    struct peers_name *names;
    struct peers_entry *v;
    size_t mask, n; /* size - 1; entries in use */
    uint64_t seed;
};

int peers_new(struct peers **pp)
{
    struct peers *p = calloc(1, sizeof(*p));

    if (!p)
        return -ENOMEM;
    p->v = calloc(FIRST_SIZE, sizeof(*p->v));
    if (!p->v) {
        free(p);
        return -ENOMEM;
    }
    p->mask = FIRST_SIZE - 1;
    p->seed = rnd_u64();
    *pp = p;
    return 0;
}

void peers_free(struct peers *p)
{
    if (!p)
        return;
    free(p->v);
    free(p);
}

/* --- addresses --- */

static uint64_t mix(uint64_t x)
{
    x ^= x >> 32;
    x *= 0xd6e8feb86659fd93u;
    x ^= x >> 32;
    x *= 0xd6e8feb86659fd93u;
    return x ^ x >> 32;
}

static size_t home(const struct peers *p, const struct addr *a)
{
    uint64_t h = p->seed ^ addr_port(a);

    if (addr_is_v6(a)) {
        uint64_t half[2];

        memcpy(half, &a->u.in6.sin6_addr, sizeof(half));
        h = mix(h ^ half[0]) ^ half[1];
    } else {
        h ^= (uint64_t)a->u.in4.sin_addr.s_addr << 16;
    }
    return mix(h) & p->mask;
}

/* The entry with this address, or the empty one where it would be. */
static struct peers_entry *find(const struct peers *p, const struct addr *a)
{
    size_t i = home(p, a);

    while (p->v[i].member && !addr_eq(&p->v[i].addr, a))
        i = (i + 1) & p->mask;
    return &p->v[i];
}

static int grow(struct peers *p)
{
    struct peers_entry *old = p->v;
    const size_t size = p->mask + 1;
    struct peers_entry *v = calloc(size * 2, sizeof(*v));

    if (!v)
        return -ENOMEM;
    p->v = v;
    p->mask = size * 2 - 1;
    for (size_t i = 0; i < size; i++) {
        if (old[i].member)
            *find(p, &old[i].addr) = old[i];
    }
    free(old);
    return 0;
}

static void erase(struct peers *p, struct peers_entry *e)
{
    size_t gap = (size_t)(e - p->v);

    for (size_t i = (gap + 1) & p->mask; p->v[i].member; i = (i + 1) & p->mask) {
        /* an entry may move into the gap unless its home lies behind it */
        if (((i - home(p, &p->v[i].addr)) & p->mask) >= ((i - gap) & p->mask)) {
            p->v[gap] = p->v[i];
            gap = i;
        }
    }
    p->v[gap].member = NULL;
    p->n--;
}

static void drop(struct peers *p, struct peers_member *m, unsigned i)
{
    struct peers_entry *e = find(p, &m->addr[i]);

    if (e->member == m)
        erase(p, e);
    m->n_addrs--;
    memmove(&m->addr[i], &m->addr[i + 1], (m->n_addrs - i) * sizeof(m->addr[0]));
}

static void disown(struct peers_member *m, const struct addr *a)
{
    for (unsigned i = 0; i < m->n_addrs; i++) {
        if (!addr_eq(&m->addr[i], a))
            continue;
        m->n_addrs--;
        memmove(&m->addr[i], &m->addr[i + 1], (m->n_addrs - i) * sizeof(m->addr[0]));
        return;
    }
}

void peers_warm(const struct peers *p, const struct addr *a)
{
    warm_all(&p->v[home(p, a)], sizeof(struct peers_entry));
}

struct peers_member *peers_by_addr(const struct peers *p, const struct addr *a)
{
    return find(p, a)->member;
}

int peers_learn(struct peers *p, struct peers_member *m, const struct addr *a, const struct addr *keep, msec_t now)
{
    struct peers_entry *e = find(p, a);

    if (e->member == m) {
        e->seen = now;
        return 0;
    }
    if (e->member && now < e->seen + MEDIA_PEER_HOLD_MS)
        return -EBUSY;
    if (e->member) {
        disown(e->member, a);
        erase(p, e);
    }
    if ((p->n + 1) * 2 > p->mask + 1 && grow(p))
        return -ENOMEM;
    if (m->n_addrs == MEDIA_ICE_VALID)
        drop(p, m, keep && addr_eq(&m->addr[0], keep) ? 1 : 0);
    m->addr[m->n_addrs++] = *a;
    *find(p, a) = (struct peers_entry){*a, m, now};
    p->n++;
    return 0;
}

/* --- names --- */

static void unname(struct peers *p, struct peers_name *n)
{
    if (n->ufrag[0])
        HASH_DEL(p->names, n);
    memset(n, 0, sizeof(*n));
}

static int name(struct peers *p, struct peers_name *n, struct peers_member *m, const char *ufrag)
{
    n->member = m;
    sv_copy(sv_from(ufrag), n->ufrag, sizeof(n->ufrag));
    HASH_ADD_STR(p->names, ufrag, n);
    if (n->hh.tbl)
        return 0;
    memset(n, 0, sizeof(*n));
    return -ENOMEM;
}

static void unname_all(struct peers *p, struct peers_member *m)
{
    for (unsigned i = 0; i < sizeof(m->name) / sizeof(m->name[0]); i++)
        unname(p, &m->name[i]);
}

int peers_join(struct peers *p, struct peers_member *m, const char *ufrag)
{
    char past[MEDIA_ICE_PAST][PEERS_UFRAG];

    if (!ufrag[0] || strlen(ufrag) >= PEERS_UFRAG)
        return -EINVAL;
    if (strcmp(m->name[0].ufrag, ufrag) == 0)
        return 0;
    if (peers_by_name(p, sv_from(ufrag)))
        return -EEXIST;
    for (unsigned i = 0; i < MEDIA_ICE_PAST; i++)
        memcpy(past[i], m->name[i].ufrag, sizeof(past[i]));
    unname_all(p, m);
    for (unsigned i = 0; i < MEDIA_ICE_PAST; i++)
        if (past[i][0])
            (void)name(p, &m->name[1 + i], m, past[i]); /* without memory an old one is over at once */
    return name(p, &m->name[0], m, ufrag);
}

void peers_leave(struct peers *p, struct peers_member *m)
{
    while (m->n_addrs)
        drop(p, m, m->n_addrs - 1);
    unname_all(p, m);
}

struct peers_member *peers_by_name(const struct peers *p, struct sv ufrag)
{
    struct peers_name *n;

    if (ufrag.n == 0 || ufrag.n >= PEERS_UFRAG)
        return NULL;
    HASH_FIND(hh, p->names, ufrag.p, ufrag.n, n);
    return n ? n->member : NULL;
}
