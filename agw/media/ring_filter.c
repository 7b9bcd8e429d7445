#include "agw/media/ring_filter.h"

#include <errno.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/net.h"

#define INSNS 250
#define TRIES 5

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

#define AT_ALL(what) (offsetof(struct ring_shares, what) - offsetof(struct ring_shares, bell))

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

    point(f, ALL, shares, offsetof(struct ring_shares, bell));
    load(f, BPF_DW, R1, ALL, AT_ALL(bell));
    awake = jump(f, BPF_JNE | BPF_K, R1, 0, RING_ASLEEP);
    point_ring(f, R1, map);
    set(f, R2, BPF_RB_PROD_POS);
    call(f, BPF_FUNC_ringbuf_query);
    copy(f, R1, R0, RING_RUNG);
    set(f, R0, RING_ASLEEP);
    insn(f, BPF_STX | BPF_ATOMIC | BPF_DW, ALL, R1, AT_ALL(bell), BPF_CMPXCHG); /* with R0, which gets what was there */
    other = jump(f, BPF_JNE | BPF_K, R0, 0, RING_ASLEEP);
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
    awake = jump(f, BPF_JEQ | BPF_K, R1, 0, RING_AWAKE);
    asleep = jump(f, BPF_JEQ | BPF_K, R1, 0, RING_ASLEEP);
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
    insn(f, BPF_ALU64 | BPF_MUL | BPF_K, R0, 0, 0, sizeof(struct ring_slot));
    point(f, SLOT, map, 0);
    insn(f, BPF_ALU64 | BPF_ADD | BPF_X, SLOT, R0, 0, 0);
    load(f, BPF_W, R1, ALL, AT_ALL(turn));
    load(f, BPF_W, R2, SLOT, offsetof(struct ring_slot, turn));
    known = jump(f, BPF_JEQ | BPF_X, R1, R2, 0);
    store(f, BPF_W, SLOT, offsetof(struct ring_slot, turn), R1);
    set(f, R1, 0);
    store(f, BPF_W, SLOT, offsetof(struct ring_slot, used), R1);
    here(f, known);
    load(f, BPF_W, R1, SLOT, offsetof(struct ring_slot, used));
    load(f, BPF_W, R2, SLOT, offsetof(struct ring_slot, share));
    room = jump(f, BPF_JGT | BPF_X, R2, R1, 0);
    lose(f);
    here(f, room);
}

/* Unless it is longer than this record can be: reserve, fill, submit. The sizes are constants because the kernel's verifier
 * wants them so. Returns the jump from there. */
static unsigned record(struct filter *f, int map, unsigned size)
{
    const unsigned too_long = jump(f, BPF_JGT | BPF_K, LEN, 0, (int)(size - sizeof(struct ring_record)));
    unsigned full, done;

    load(f, BPF_W, R1, SLOT, offsetof(struct ring_slot, used));
    insn(f, BPF_ALU64 | BPF_ADD | BPF_K, R1, 0, 0, (int)size + BPF_RINGBUF_HDR_SZ);
    store(f, BPF_W, SLOT, offsetof(struct ring_slot, used), R1);
    point_ring(f, R1, map);
    set(f, R2, (int)size);
    set(f, R3, 0);
    call(f, BPF_FUNC_ringbuf_reserve);
    full = jump(f, BPF_JNE | BPF_K, R0, 0, 0);
    lose(f);
    here(f, full);
    copy(f, REC, R0, 0);
    store(f, BPF_W, REC, offsetof(struct ring_record, n), LEN);
    load(f, BPF_W, R1, SKB, offsetof(struct __sk_buff, ifindex));
    store(f, BPF_W, REC, offsetof(struct ring_record, ifindex), R1);
    insn(f, BPF_LDX | BPF_MEM | BPF_DW, R1, FP, -8, 0);
    store(f, BPF_DW, REC, offsetof(struct ring_record, cookie), R1);
    copy(f, R1, SKB, 0);
    set(f, R2, 0);
    copy(f, R3, REC, offsetof(struct ring_record, net));
    set(f, R4, RING_NET_HEAD);
    set(f, R5, BPF_HDR_START_NET);
    call(f, BPF_FUNC_skb_load_bytes_relative);
    copy(f, R1, SKB, 0);
    set(f, R2, 0);
    copy(f, R3, REC, sizeof(struct ring_record));
    copy(f, R4, LEN, 0);
    call(f, BPF_FUNC_skb_load_bytes);
    copy(f, R1, REC, 0);
    set(f, R2, BPF_RB_NO_WAKEUP);
    call(f, BPF_FUNC_ringbuf_submit); /* a full barrier: what the worker does not see of it sees that he sleeps */
    done = jump(f, BPF_JA, 0, 0, 0);
    here(f, too_long);
    return done;
}

/* A signal that comes while the kernel verifies a program breaks it off. */
int ring_bpf(enum bpf_cmd cmd, union bpf_attr *attr)
{
    int tries = TRIES;
    long n;

    do {
        n = syscall(SYS_bpf, cmd, attr, sizeof(*attr));
    } while (n < 0 && errno == EAGAIN && --tries > 0);
    return n < 0 ? -errno : (int)n;
}

/* For a UDP socket a filter sees the datagram from its UDP header on. */
int ring_filter_load(int map, int shares)
{
    static const unsigned sizes[] = {256, 512, 1536, sizeof(struct ring_record) + RING_UDP_HEAD + MEDIA_RX_SIZE};
    struct filter f = {.n = 0};
    union bpf_attr attr = {.prog_type = BPF_PROG_TYPE_SOCKET_FILTER};
    unsigned enough, done[ARRAY_LEN(sizes)];

    copy(&f, SKB, R1, 0);
    load(&f, BPF_W, LEN, SKB, offsetof(struct __sk_buff, len));
    enough = jump(&f, BPF_JGE | BPF_K, LEN, 0, RING_UDP_HEAD);
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
    return ring_bpf(BPF_PROG_LOAD, &attr);
}
