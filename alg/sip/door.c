#include "alg/sip/door.h"

#include <errno.h>
#include <linux/filter.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "alg/sip/agent.h"
#include "common/log.h"

#define FDS 256     /* listeners are opened at start: their numbers are small */
#define STEPS_V6 13 /* of one network: four words, each loaded, masked and compared, and the end */
#define STEPS ((REACH_NETS + 2 * HOPS_MAX) * STEPS_V6 + 1)

struct door {
    const struct reach *peers;
    struct door_listener listeners[SIP_LISTEN_MAX];
    unsigned n;
};

struct program {
    struct sock_filter v[STEPS];
    unsigned n;
};

static void put(struct program *p, uint16_t code, uint32_t k, unsigned jf)
{
    if (p->n < STEPS)
        p->v[p->n++] = (struct sock_filter){.code = code, .jf = (uint8_t)jf, .k = k};
}

static uint32_t word_at(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Is the packet's source of that network? Then it may in. */
static void put_net(struct program *p, const struct addr *a, unsigned bits)
{
    const bool v6 = addr_is_v6(a);
    const uint8_t *octets = v6 ? a->u.in6.sin6_addr.s6_addr : (const uint8_t *)&a->u.in4.sin_addr;
    const uint32_t at = (uint32_t)SKF_NET_OFF + (v6 ? 8 : 12); /* RFC 8200 3, RFC 791 3.1 */
    const unsigned words = (bits + 31) / 32;

    for (unsigned w = 0; w < words; w++) {
        const unsigned here = bits - 32 * w < 32 ? bits - 32 * w : 32;
        const uint32_t mask = (uint32_t)(UINT64_C(0xffffffff) << (32 - here));

        put(p, BPF_LD | BPF_W | BPF_ABS, at + 4 * w, 0);
        put(p, BPF_ALU | BPF_AND | BPF_K, mask, 0);
        put(p, BPF_JMP | BPF_JEQ | BPF_K, word_at(octets + 4 * w) & mask, 3 * (words - 1 - w) + 1);
    }
    put(p, BPF_RET | BPF_K, UINT32_MAX, 0);
}

static void set_one(int fd, bool v6, const struct reach *peers, const struct hop_peers *hops)
{
    struct program p = {.n = 0};
    struct sock_fprog prog;

    for (unsigned i = 0; i < peers->n_allow; i++)
        if (addr_is_v6(&peers->allow[i].addr) == v6)
            put_net(&p, &peers->allow[i].addr, peers->allow[i].bits);
    for (unsigned i = 0; i < hops->n; i++)
        if (addr_is_v6(&hops->v[i].addr) == v6)
            put_net(&p, &hops->v[i].addr, v6 ? 128 : 32);
    put(&p, BPF_RET | BPF_K, 0, 0);
    prog = (struct sock_fprog){.len = (unsigned short)p.n, .filter = p.v};
    if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof prog)) /* requests are looked at all the same */
        log_warn("sip", "side=mw msg=\"strangers may connect\" why=\"no filter at the listener\" errno=%d", errno);
}

void door_set(struct door *d, const struct hop_peers *hops)
{
    for (unsigned i = 0; d && i < d->n; i++)
        set_one(d->listeners[i].fd, d->listeners[i].v6, d->peers, hops);
}

static bool is_ours(int fd, const struct sip *s, struct door_listener *at)
{
    int is = 0;
    socklen_t n = sizeof is;
    struct addr a = {0};
    socklen_t m = sizeof a.u;
    const struct self *self;

    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is, &n) || !is || getsockname(fd, &a.u.sa, &m))
        return false;
    self = self_at(s, &a);
    if (!self)
        return false;
    *at = (struct door_listener){.fd = fd, .v6 = addr_is_v6(&a), .tls = self->tls};
    return true;
}

unsigned door_listeners(const struct sip *s, struct door_listener v[SIP_LISTEN_MAX])
{
    unsigned n = 0;

    for (int fd = 0; fd < FDS && n < SIP_LISTEN_MAX; fd++)
        n += is_ours(fd, s, &v[n]);
    return n;
}

int door_new(struct door **dp, const struct sip *s, const struct reach *peers)
{
    struct door_listener all[SIP_LISTEN_MAX];
    struct door *d;
    unsigned n;

    *dp = NULL;
    if (!peers || peers->own || peers->n_deny || !peers->closed)
        return 0;
    d = calloc(1, sizeof *d);
    if (!d)
        return -ENOMEM;
    d->peers = peers;
    n = door_listeners(s, all);
    for (unsigned i = 0; i < n; i++)
        if (!all[i].tls)
            d->listeners[d->n++] = all[i];
    *dp = d;
    return 0;
}

void door_free(struct door *d)
{
    free(d);
}
