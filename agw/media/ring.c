#include "agw/media/ring.h"

#include <errno.h>
#include <linux/bpf.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agw/media/media_limits.h"
#include "common/net.h"

#define UDP_HEAD 8
#define NET_HEAD 24 /* octets of the IP header that are kept: up to the source address, of IPv6 too */
#define INSNS 250
#define FIRST_PLACES 64

struct record { /* as the filter below writes it */
    uint64_t cookie;
    uint32_t n, ifindex; /* octets of udp */
    uint8_t net[NET_HEAD];
    uint8_t udp[]; /* header and payload */
};

struct place {
    uint64_t cookie; /* the kernel counts them up, so neighbours come and go together */
    struct ring_member *member; /* NULL: free */
};

struct slot { /* what came to a socket in this turn; two CPUs at the same time miscount by a packet, which does no harm */
    uint32_t turn;
    uint32_t used;             /* octets */
    _Atomic(uint32_t) share;   /* written here alone */
    uint32_t none;
};

struct shares { /* in a map: the filter's and ours */
    struct slot slot[MEDIA_RING_SLOTS]; /* by cookie; those that meet here have their shares in common */
    _Atomic(uint64_t) bell;             /* enum bell; the filter turns ASLEEP into what was written so far, with RUNG */
    _Atomic(uint32_t) turn;             /* written here alone */
    _Atomic(uint32_t) lost;             /* the rest by the filter alone */
    _Atomic(uint64_t) loser;            /* cookie */
    uint32_t after;                     /* records since the bell was rung */
    uint32_t none;
};

/* Who sleeps is woken by a datagram in its socket's queue, the cheap way: the ring's own is an interrupt that the kernel sends
 * itself, in a virtual machine dearer than the packet. So the first datagram that finds the worker ASLEEP goes there and rings:
 * all later ones are in the ring, all earlier ones before `bell`. */
enum bell { AWAKE = 0, ASLEEP = 1, RUNG = 2 }; /* records are at multiples of 8 */

struct ring {
    int map, shares_map, filter;
    struct shares *shares;
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

/* --- the filter --- */

struct filter {
    struct bpf_insn v[INSNS];
    unsigned n;
};

/* 0 to 5: result and arguments of a call, lost by it; the others are kept. SLOT until there is a record; ALL: the shares from
 * `bell` on; the cookie is in the 8 octets under FP. */
enum { R0, R1, R2, R3, R4, R5, SKB, LEN, REC, SLOT = REC, ALL, FP };

static void insn(struct filter *f, int code, int dst, int src, int off, int imm)
{
    f->v[f->n++] = (struct bpf_insn){.code = (uint8_t)code, .dst_reg = (uint8_t)(dst & 15), .src_reg = (uint8_t)(src & 15),
                                     .off = (int16_t)off, .imm = imm};
}

static void set(struct filter *f, int dst, int imm)
{
    insn(f, BPF_ALU64 | BPF_MOV | BPF_K, dst, 0, 0, imm);
}

static void copy(struct filter *f, int dst, int src, int plus)
{
    insn(f, BPF_ALU64 | BPF_MOV | BPF_X, dst, src, 0, 0);
    if (plus)
        insn(f, BPF_ALU64 | BPF_ADD | BPF_K, dst, 0, 0, plus);
}

static void call(struct filter *f, int helper)
{
    insn(f, BPF_JMP | BPF_CALL, 0, 0, 0, helper);
}

static void leave(struct filter *f, int verdict)
{
    set(f, R0, verdict);
    insn(f, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

#define TAKEN 0 /* octets that the socket's queue gets */
#define LOST 0  /* the same: what the queue took now would come out of order */
#define KEPT (-1)

static unsigned jump(struct filter *f, int unless, int dst, int src, int imm)
{
    insn(f, BPF_JMP | unless, dst, src, 0, imm);
    return f->n - 1;
}

static void here(struct filter *f, unsigned from)
{
    f->v[from].off = (int16_t)(f->n - from - 1);
}

static void load(struct filter *f, int size, int dst, int src, size_t off)
{
    insn(f, BPF_LDX | BPF_MEM | size, dst, src, (int)off, 0);
}

static void store(struct filter *f, int size, int dst, size_t off, int src)
{
    insn(f, BPF_STX | BPF_MEM | size, dst, src, (int)off, 0);
}

#define AT_ALL(what) (offsetof(struct shares, what) - offsetof(struct shares, bell))

static void lose(struct filter *f)
{
    insn(f, BPF_LDX | BPF_MEM | BPF_DW, R1, FP, -8, 0);
    store(f, BPF_DW, ALL, AT_ALL(loser), R1);
    set(f, R1, 1);
    insn(f, BPF_STX | BPF_XADD | BPF_W, ALL, R1, AT_ALL(lost), 0); /* BPF_ADD */
    leave(f, LOST);
}

static void point(struct filter *f, int dst, int map, size_t off)
{
    insn(f, BPF_LD | BPF_DW | BPF_IMM, dst, BPF_PSEUDO_MAP_VALUE, 0, map);
    insn(f, 0, 0, 0, 0, (int)off); /* the second half of it */
}

static void point_ring(struct filter *f, int dst, int map)
{
    insn(f, BPF_LD | BPF_DW | BPF_IMM, dst, BPF_PSEUDO_MAP_FD, 0, map);
    insn(f, 0, 0, 0, 0, 0);
}

/* Is somebody asleep, and nobody else rings at this moment: into the socket's queue. */
static void ring_bell(struct filter *f, int map, int shares)
{
    unsigned awake, other;

    point(f, ALL, shares, offsetof(struct shares, bell));
    load(f, BPF_DW, R1, ALL, AT_ALL(bell));
    awake = jump(f, BPF_JNE | BPF_K, R1, 0, ASLEEP);
    point_ring(f, R1, map);
    set(f, R2, BPF_RB_PROD_POS);
    call(f, BPF_FUNC_ringbuf_query);
    copy(f, R1, R0, RUNG);
    set(f, R0, ASLEEP);
    insn(f, BPF_STX | BPF_ATOMIC | BPF_DW, ALL, R1, AT_ALL(bell), BPF_CMPXCHG); /* with R0, which gets what was there */
    other = jump(f, BPF_JNE | BPF_K, R0, 0, ASLEEP);
    set(f, R1, 0);
    store(f, BPF_W, ALL, AT_ALL(after), R1);
    leave(f, KEPT);
    here(f, other);
    here(f, awake);
}

/* A record was written for who went to sleep meanwhile: he looked before, so he is woken by the ring. The same once in a while
 * for who does not wake up: his socket had no memory for the bell. */
static void look_back(struct filter *f, int map)
{
    unsigned awake, asleep, seldom, full;

    load(f, BPF_DW, R1, ALL, AT_ALL(bell));
    awake = jump(f, BPF_JEQ | BPF_K, R1, 0, AWAKE);
    asleep = jump(f, BPF_JEQ | BPF_K, R1, 0, ASLEEP);
    load(f, BPF_W, R1, ALL, AT_ALL(after));
    insn(f, BPF_ALU64 | BPF_ADD | BPF_K, R1, 0, 0, 1);
    store(f, BPF_W, ALL, AT_ALL(after), R1);
    insn(f, BPF_ALU64 | BPF_AND | BPF_K, R1, 0, 0, MEDIA_RING_DEAF - 1);
    seldom = jump(f, BPF_JNE | BPF_K, R1, 0, 0);
    here(f, asleep);
    point_ring(f, R1, map);
    set(f, R2, 8);
    set(f, R3, 0);
    call(f, BPF_FUNC_ringbuf_reserve);
    full = jump(f, BPF_JEQ | BPF_K, R0, 0, 0);
    copy(f, R1, R0, 0);
    set(f, R2, BPF_RB_FORCE_WAKEUP);
    call(f, BPF_FUNC_ringbuf_discard);
    here(f, full);
    here(f, awake);
    here(f, seldom);
}

/* Whose it is, and whether there is something left of its share. */
static void share(struct filter *f, int map)
{
    unsigned known, room;

    copy(f, R1, SKB, 0);
    call(f, BPF_FUNC_get_socket_cookie);
    insn(f, BPF_STX | BPF_MEM | BPF_DW, FP, R0, -8, 0);
    insn(f, BPF_ALU64 | BPF_AND | BPF_K, R0, 0, 0, MEDIA_RING_SLOTS - 1);
    insn(f, BPF_ALU64 | BPF_MUL | BPF_K, R0, 0, 0, sizeof(struct slot));
    point(f, SLOT, map, 0);
    insn(f, BPF_ALU64 | BPF_ADD | BPF_X, SLOT, R0, 0, 0);
    load(f, BPF_W, R1, ALL, AT_ALL(turn));
    load(f, BPF_W, R2, SLOT, offsetof(struct slot, turn));
    known = jump(f, BPF_JEQ | BPF_X, R1, R2, 0);
    store(f, BPF_W, SLOT, offsetof(struct slot, turn), R1);
    set(f, R1, 0);
    store(f, BPF_W, SLOT, offsetof(struct slot, used), R1);
    here(f, known);
    load(f, BPF_W, R1, SLOT, offsetof(struct slot, used));
    load(f, BPF_W, R2, SLOT, offsetof(struct slot, share));
    room = jump(f, BPF_JGT | BPF_X, R2, R1, 0);
    lose(f);
    here(f, room);
}

/* Unless it is longer than this record can be: reserve, fill, submit. The sizes are constants because the kernel's verifier
 * wants them so. Returns the jump from there. */
static unsigned record(struct filter *f, int map, unsigned size)
{
    const unsigned too_long = jump(f, BPF_JGT | BPF_K, LEN, 0, (int)(size - sizeof(struct record)));
    unsigned full, done;

    load(f, BPF_W, R1, SLOT, offsetof(struct slot, used));
    insn(f, BPF_ALU64 | BPF_ADD | BPF_K, R1, 0, 0, (int)size + BPF_RINGBUF_HDR_SZ);
    store(f, BPF_W, SLOT, offsetof(struct slot, used), R1);
    point_ring(f, R1, map);
    set(f, R2, (int)size);
    set(f, R3, 0);
    call(f, BPF_FUNC_ringbuf_reserve);
    full = jump(f, BPF_JNE | BPF_K, R0, 0, 0);
    lose(f);
    here(f, full);
    copy(f, REC, R0, 0);
    store(f, BPF_W, REC, offsetof(struct record, n), LEN);
    load(f, BPF_W, R1, SKB, offsetof(struct __sk_buff, ifindex));
    store(f, BPF_W, REC, offsetof(struct record, ifindex), R1);
    insn(f, BPF_LDX | BPF_MEM | BPF_DW, R1, FP, -8, 0);
    store(f, BPF_DW, REC, offsetof(struct record, cookie), R1);
    copy(f, R1, SKB, 0);
    set(f, R2, 0);
    copy(f, R3, REC, offsetof(struct record, net));
    set(f, R4, NET_HEAD);
    set(f, R5, BPF_HDR_START_NET);
    call(f, BPF_FUNC_skb_load_bytes_relative);
    copy(f, R1, SKB, 0);
    set(f, R2, 0);
    copy(f, R3, REC, sizeof(struct record));
    copy(f, R4, LEN, 0);
    call(f, BPF_FUNC_skb_load_bytes);
    copy(f, R1, REC, 0);
    set(f, R2, BPF_RB_NO_WAKEUP);
    call(f, BPF_FUNC_ringbuf_submit); /* a full barrier: what the worker does not see of it sees that he sleeps */
    done = jump(f, BPF_JA, 0, 0, 0);
    here(f, too_long);
    return done;
}

static int bpf(enum bpf_cmd cmd, union bpf_attr *attr)
{
    const long n = syscall(SYS_bpf, cmd, attr, sizeof(*attr));

    return n < 0 ? -errno : (int)n;
}

/* For a UDP socket a filter sees the datagram from its UDP header on. */
static int filter_load(int map, int shares)
{
    static const unsigned sizes[] = {256, 512, 1536, sizeof(struct record) + UDP_HEAD + MEDIA_RX_SIZE};
    struct filter f = {.n = 0};
    union bpf_attr attr = {.prog_type = BPF_PROG_TYPE_SOCKET_FILTER};
    unsigned enough, done[ARRAY_LEN(sizes)];

    copy(&f, SKB, R1, 0);
    load(&f, BPF_W, LEN, SKB, offsetof(struct __sk_buff, len));
    enough = jump(&f, BPF_JGE | BPF_K, LEN, 0, UDP_HEAD);
    leave(&f, KEPT);
    here(&f, enough);
    ring_bell(&f, map, shares);
    share(&f, shares);
    for (unsigned i = 0; i < ARRAY_LEN(sizes); i++)
        done[i] = record(&f, map, sizes[i]);
    leave(&f, KEPT);
    for (unsigned i = 0; i < ARRAY_LEN(sizes); i++)
        here(&f, done[i]);
    look_back(&f, map);
    leave(&f, TAKEN);
    attr.insns = (uintptr_t)f.v;
    attr.insn_cnt = f.n;
    attr.license = (uintptr_t)"Apache-2.0";
    return bpf(BPF_PROG_LOAD, &attr);
}

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
                             .key_size = sizeof(uint32_t), .value_size = sizeof(struct shares)};

    r->map = bpf(BPF_MAP_CREATE, &ring);
    if (r->map < 0)
        return r->map;
    r->shares_map = bpf(BPF_MAP_CREATE, &shares);
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
        r->filter = filter_load(r->map, r->shares_map);
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
static void source(const struct record *rec, struct addr *src)
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
        const struct record *rec = (const struct record *)((const uint8_t *)head + BPF_RINGBUF_HDR_SZ);
        const uint32_t n = atomic_load_explicit(head, memory_order_relaxed);

        r->at += ((n & ~BPF_RINGBUF_DISCARD_BIT) + BPF_RINGBUF_HDR_SZ + 7) & ~7ul;
        if (n & BPF_RINGBUF_DISCARD_BIT) /* woke us up */
            continue;
        in->member = r->place[find(r->place, r->mask, rec->cookie)].member;
        if (!in->member) /* closed meanwhile */
            continue;
        source(rec, &in->src);
        in->p = rec->udp + UDP_HEAD;
        in->n = rec->n - UDP_HEAD;
        return true;
    }
    return false;
}

static bool all_read(const struct ring *r)
{
    return r->at == atomic_load(r->made);
}

bool ring_may_wait(struct ring *r)
{
    give_back(r);
    if (!all_read(r))
        return false;
    if (r->at != r->turn_at)
        next_turn(r);
    r->waits = true;
    atomic_store(&r->shares->bell, ASLEEP);
    atomic_thread_fence(memory_order_seq_cst); /* first tell, then look: so do both */
    if (all_read(r))
        return true;
    (void)ring_woken(r);
    return false;
}

bool ring_woken(struct ring *r)
{
    const uint64_t bell = r->waits ? atomic_exchange(&r->shares->bell, AWAKE) : AWAKE;

    r->waits = false;
    if (bell & RUNG) {
        r->bell = bell & ~(uint64_t)RUNG;
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
