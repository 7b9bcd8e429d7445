#include "agw/media/ring.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agw/media/ring_filter.h"
#include "common/net.h"

#define FIRST_PLACES 64

struct place {
    uint64_t cookie; /* the kernel counts them up, so neighbours come and go together */
    struct ring_member *member; /* NULL: free */
};

struct ring {
    int map, shares_map, filter;
    struct ring_shares *shares;
    bool waits;
    bool held;             /* at `bell` until the sockets have been read */
    unsigned long bell;
    unsigned long turn_at; /* `at` when this turn began */
    uint32_t lost;         /* told so far */
    size_t page;
    unsigned long at;                   /* read so far */
    _Atomic(unsigned long) *taken;      /* the same, as the kernel knows it; a page that both write */
    const _Atomic(unsigned long) *made; /* written so far; a page for reading, and behind it ... */
    const uint8_t *data;                /* ... the ring, twice in a row: no record is cut */
    struct place *place;                /* members by cookie: open addressing, linear probing, at most half full */
    size_t mask, n;                     /* places - 1; those in use */
};

/* --- life --- */

static int map_ring(struct ring *r)
{
    void *at = mmap(NULL, r->page, PROT_READ | PROT_WRITE, MAP_SHARED, r->map, 0);

    if (at == MAP_FAILED)
        return -errno;
    r->taken = at;
    at = mmap(NULL, r->page + 2 * (size_t)MEDIA_RING, PROT_READ, MAP_SHARED, r->map, (off_t)r->page);
    if (at == MAP_FAILED)
        return -errno;
    r->made = at;
    r->data = (const uint8_t *)at + r->page;
    at = mmap(NULL, sizeof(*r->shares), PROT_READ | PROT_WRITE, MAP_SHARED, r->shares_map, 0);
    if (at == MAP_FAILED)
        return -errno;
    r->shares = at;
    atomic_store(&r->shares->turn, 1); /* no slot had one yet */
    return 0;
}

/* close-on-exec, as the program is */
static int make_maps(struct ring *r)
{
    union bpf_attr ring = {.map_type = BPF_MAP_TYPE_RINGBUF, .max_entries = MEDIA_RING};
    union bpf_attr shares = {.map_type = BPF_MAP_TYPE_ARRAY, .map_flags = BPF_F_MMAPABLE, .max_entries = 1,
                             .key_size = sizeof(uint32_t), .value_size = sizeof(struct ring_shares)};

    r->map = ring_bpf(BPF_MAP_CREATE, &ring);
    if (r->map < 0)
        return r->map;
    r->shares_map = ring_bpf(BPF_MAP_CREATE, &shares);
    return r->shares_map < 0 ? r->shares_map : 0;
}

int ring_new(struct ring **rp)
{
    struct ring *r = calloc(1, sizeof(*r));
    int err;

    if (!r)
        return -ENOMEM;
    r->filter = r->map = r->shares_map = -1;
    r->page = (size_t)sysconf(_SC_PAGESIZE);
    r->place = calloc(FIRST_PLACES, sizeof(*r->place));
    r->mask = FIRST_PLACES - 1;
    err = r->place ? make_maps(r) : -ENOMEM;
    if (!err) {
        r->filter = ring_filter_load(r->map, r->shares_map);
        err = r->filter < 0 ? r->filter : map_ring(r);
    }
    if (err)
        ring_free(r);
    else
        *rp = r;
    return err;
}

void ring_free(struct ring *r)
{
    if (!r)
        return;
    free(r->place);
    if (r->taken)
        munmap((void *)r->taken, r->page);
    if (r->made)
        munmap((void *)(uintptr_t)r->made, r->page + 2 * (size_t)MEDIA_RING);
    if (r->shares)
        munmap(r->shares, sizeof(*r->shares));
    if (r->filter >= 0)
        close(r->filter);
    if (r->shares_map >= 0)
        close(r->shares_map);
    if (r->map >= 0)
        close(r->map);
    free(r);
}

int ring_fd(const struct ring *r)
{
    return r->map;
}

/* --- members --- */

/* Where it is, or would be. */
static size_t find(const struct place *v, size_t mask, uint64_t cookie)
{
    size_t i = cookie & mask;

    while (v[i].member && v[i].cookie != cookie)
        i = (i + 1) & mask;
    return i;
}

static int grow(struct ring *r)
{
    const size_t mask = 2 * r->mask + 1;
    struct place *v = calloc(mask + 1, sizeof(*v));

    if (!v)
        return -ENOMEM;
    for (size_t i = 0; i <= r->mask; i++) {
        if (r->place[i].member)
            v[find(v, mask, r->place[i].cookie)] = r->place[i];
    }
    free(r->place);
    r->place = v;
    r->mask = mask;
    return 0;
}

static _Atomic(uint32_t) *share_of(struct ring *r, const struct ring_member *m)
{
    return &r->shares->slot[m->cookie & (MEDIA_RING_SLOTS - 1)].share;
}

int ring_join(struct ring *r, int fd, struct ring_member *m, uint32_t share)
{
    socklen_t n = sizeof(m->cookie);

    if (r->n > r->mask / 2 && grow(r))
        return -ENOMEM;
    if (getsockopt(fd, SOL_SOCKET, SO_COOKIE, &m->cookie, &n))
        return -errno;
    r->place[find(r->place, r->mask, m->cookie)] = (struct place){m->cookie, m};
    r->n++;
    m->share = share;
    atomic_fetch_add(share_of(r, m), share);
    if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_BPF, &r->filter, sizeof(r->filter))) {
        const int err = -errno;

        ring_leave(r, m);
        return err;
    }
    return 0;
}

void ring_leave(struct ring *r, struct ring_member *m)
{
    size_t gap = find(r->place, r->mask, m->cookie);

    if (!m->cookie)
        return;
    atomic_fetch_sub(share_of(r, m), m->share);
    m->cookie = 0;
    r->n--;
    for (size_t i = (gap + 1) & r->mask; r->place[i].member; i = (i + 1) & r->mask) {
        /* one may move into the gap unless its home lies behind it */
        if (((i - r->place[i].cookie) & r->mask) >= ((i - gap) & r->mask)) {
            r->place[gap] = r->place[i];
            gap = i;
        }
    }
    r->place[gap].member = NULL;
}

/* --- datagrams --- */

/* IPv4 12, IPv6 8 octets before the source address; of a link-local one the interface matters */
static void source(const struct ring_record *rec, struct addr *src)
{
    uint16_t port;

    memcpy(&port, rec->udp, sizeof(port));
    if (rec->net[0] >> 4 == 4) {
        src->u.in4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = port};
        memcpy(&src->u.in4.sin_addr, rec->net + 12, sizeof(src->u.in4.sin_addr));
        return;
    }
    src->u.in6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = port};
    memcpy(&src->u.in6.sin6_addr, rec->net + 8, sizeof(src->u.in6.sin6_addr));
    if (IN6_IS_ADDR_LINKLOCAL(&src->u.in6.sin6_addr))
        src->u.in6.sin6_scope_id = rec->ifindex;
}

/* NULL: none, or one that the kernel still writes, or it came after the bell and the sockets have not been read. */
static const _Atomic(uint32_t) *peek(const struct ring *r)
{
    const _Atomic(uint32_t) *head;

    if (r->at == atomic_load_explicit(r->made, memory_order_acquire) || (r->held && r->at == r->bell))
        return NULL;
    head = (const _Atomic(uint32_t) *)(r->data + (r->at & (MEDIA_RING - 1)));
    return atomic_load_explicit(head, memory_order_acquire) & BPF_RINGBUF_BUSY_BIT ? NULL : head;
}

static void next_turn(struct ring *r)
{
    r->turn_at = r->at;
    atomic_fetch_add_explicit(&r->shares->turn, 1, memory_order_relaxed);
}

static void give_back(struct ring *r)
{
    atomic_store_explicit(r->taken, r->at, memory_order_release);
    if (r->at - r->turn_at >= MEDIA_RING_TURN)
        next_turn(r);
}

bool ring_next(struct ring *r, struct ring_in *in)
{
    const _Atomic(uint32_t) *head;

    if (r->at - atomic_load_explicit(r->taken, memory_order_relaxed) >= MEDIA_RING / 4)
        give_back(r);
    while ((head = peek(r))) {
        const struct ring_record *rec = (const struct ring_record *)((const uint8_t *)head + BPF_RINGBUF_HDR_SZ);
        const uint32_t n = atomic_load_explicit(head, memory_order_relaxed);

        r->at += ((n & ~BPF_RINGBUF_DISCARD_BIT) + BPF_RINGBUF_HDR_SZ + 7) & ~7ul;
        if (n & BPF_RINGBUF_DISCARD_BIT) /* woke us up */
            continue;
        in->member = r->place[find(r->place, r->mask, rec->cookie)].member;
        if (!in->member) /* closed meanwhile */
            continue;
        source(rec, &in->src);
        in->p = rec->udp + RING_UDP_HEAD;
        in->n = rec->n - RING_UDP_HEAD;
        return true;
    }
    return false;
}

bool ring_is_empty(const struct ring *r)
{
    return r->at == atomic_load(r->made);
}

bool ring_may_wait(struct ring *r)
{
    give_back(r);
    if (!ring_is_empty(r))
        return false;
    if (r->at != r->turn_at)
        next_turn(r);
    r->waits = true;
    atomic_store(&r->shares->bell, RING_ASLEEP);
    atomic_thread_fence(memory_order_seq_cst); /* first tell, then look: so do both */
    if (ring_is_empty(r))
        return true;
    (void)ring_woken(r);
    return false;
}

bool ring_woken(struct ring *r)
{
    const uint64_t bell = r->waits ? atomic_exchange(&r->shares->bell, RING_AWAKE) : RING_AWAKE;

    r->waits = false;
    if (bell & RING_RUNG) {
        r->bell = bell & ~(uint64_t)RING_RUNG;
        r->held = true;
    }
    return r->held;
}

bool ring_is_held(const struct ring *r)
{
    return r->held;
}

bool ring_go_on(struct ring *r)
{
    const bool held = r->held;

    r->held = false;
    return held;
}

uint32_t ring_lost(struct ring *r, struct ring_member **m)
{
    const uint32_t n = atomic_load_explicit(&r->shares->lost, memory_order_relaxed) - r->lost;

    *m = NULL;
    if (n)
        *m = r->place[find(r->place, r->mask, atomic_load_explicit(&r->shares->loser, memory_order_relaxed))].member;
    r->lost += n;
    return n;
}
