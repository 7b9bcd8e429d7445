/* Port pool: two first-in-first-out queues (whole pairs, ports whose partner is taken), linked
 * through one array. */
#include "agw/ctl/port.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "agw/ctl/limits.h"

#define NIL 0u /* no neighbour: port 0 is never in a pool */

enum state { TAKEN, SINGLE, PAIRED };

struct slot {
    uint16_t next, prev; /* ports in its queue; of a pair the even one stands there */
    uint8_t state;
};

struct queue {
    uint16_t first, last; /* ports; NIL = empty */
    unsigned n;
};

struct port_pool {
    enum port_kind kind;
    struct addr addr;
    uint16_t lo, hi;
    struct queue pairs, singles;
    struct slot *slots; /* index: port - lo */
};

static struct slot *slot_of(const struct port_pool *p, uint16_t port)
{
    return &p->slots[port - p->lo];
}

static void append(struct port_pool *p, struct queue *q, uint16_t port)
{
    struct slot *s = slot_of(p, port);

    s->next = NIL;
    s->prev = q->last;
    if (q->n)
        slot_of(p, q->last)->next = port;
    else
        q->first = port;
    q->last = port;
    q->n++;
}

static void unlink_port(struct port_pool *p, struct queue *q, uint16_t port)
{
    struct slot *s = slot_of(p, port);

    if (s->prev)
        slot_of(p, s->prev)->next = s->next;
    else
        q->first = s->next;
    if (s->next)
        slot_of(p, s->next)->prev = s->prev;
    else
        q->last = s->prev;
    q->n--;
}

static void put(struct port_pool *p, uint16_t port)
{
    const uint16_t other = port ^ 1u, even = port & ~1u;

    if (other < p->lo || other > p->hi || slot_of(p, other)->state != SINGLE) {
        slot_of(p, port)->state = SINGLE;
        append(p, &p->singles, port);
        return;
    }
    unlink_port(p, &p->singles, other);
    slot_of(p, port)->state = slot_of(p, other)->state = PAIRED;
    append(p, &p->pairs, even);
}

/* Of one port: a pair is broken only as long as too few single ones have rested. */
static uint16_t take_single(struct port_pool *p)
{
    uint16_t port;

    if (p->singles.n > CTL_PORT_REST || !p->pairs.n) {
        port = p->singles.first;
        unlink_port(p, &p->singles, port);
    } else {
        const uint16_t even = p->pairs.first;

        unlink_port(p, &p->pairs, even);
        slot_of(p, even)->state = SINGLE;
        append(p, &p->singles, even);
        port = even | 1u;
    }
    slot_of(p, port)->state = TAKEN;
    return port;
}

static uint16_t take_pair(struct port_pool *p)
{
    const uint16_t even = p->pairs.first;

    unlink_port(p, &p->pairs, even);
    slot_of(p, even)->state = slot_of(p, even | 1u)->state = TAKEN;
    return even;
}

int port_pool_new(struct port_pool **pp, enum port_kind kind, const struct addr *addr, uint16_t lo,
                  uint16_t hi)
{
    struct port_pool *p;

    if (lo == NIL || lo > hi || hi == UINT16_MAX)
        return -EINVAL;
    p = calloc(1, sizeof *p);
    if (!p)
        return -ENOMEM;
    p->kind = kind;
    p->addr = *addr;
    p->lo = lo;
    p->hi = hi;
    p->slots = calloc((size_t)(hi - lo) + 1, sizeof *p->slots);
    if (!p->slots) {
        free(p);
        return -ENOMEM;
    }
    for (unsigned port = lo; port <= hi; port++)
        put(p, (uint16_t)port);
    *pp = p;
    return 0;
}

void port_pool_free(struct port_pool *p)
{
    if (!p)
        return;
    free(p->slots);
    free(p);
}

static int socket_on(const struct port_pool *p, uint16_t port, struct addr *local)
{
    *local = p->addr;
    addr_set_port(local, port);
    return p->kind == PORT_UDP ? net_udp(local) : net_tcp_listen(local, CTL_TCP_BACKLOG);
}

/* Somebody else on this host holds it: another port will do. */
static bool is_held(int err)
{
    return err == -EADDRINUSE || err == -EACCES;
}

/* What others held goes back only after the search, so that every port is tried once. */
static int put_back(struct port_pool *p, const uint16_t *held, unsigned n, int result)
{
    while (n-- > 0)
        put(p, held[n]);
    return result;
}

int port_take(struct port_pool *p, struct addr *local)
{
    uint16_t held[CTL_PORT_TRIES];
    unsigned n = 0;

    while (n < CTL_PORT_TRIES && port_left(p)) {
        struct addr a;
        int fd;

        held[n] = take_single(p);
        fd = socket_on(p, held[n], &a);
        if (fd >= 0) {
            *local = a;
            return put_back(p, held, n, fd);
        }
        n++;
        if (!is_held(fd))
            return put_back(p, held, n, fd);
    }
    return put_back(p, held, n, -ENOSPC);
}

int port_take_pair(struct port_pool *p, struct addr *local, int *odd_fd)
{
    uint16_t held[2 * CTL_PORT_TRIES];
    unsigned n = 0;

    while (n < 2 * CTL_PORT_TRIES && p->pairs.n) {
        const uint16_t port = take_pair(p);
        struct addr even, odd;
        int fd = socket_on(p, port, &even);
        int fd2 = fd < 0 ? fd : socket_on(p, port | 1u, &odd);

        if (fd2 >= 0) {
            *local = even;
            *odd_fd = fd2;
            return put_back(p, held, n, fd);
        }
        if (fd >= 0)
            close(fd);
        held[n++] = port;
        held[n++] = port | 1u;
        if (!is_held(fd2))
            return put_back(p, held, n, fd2);
    }
    return put_back(p, held, n, -ENOSPC);
}

void port_give(struct port_pool *p, uint16_t port)
{
    assert(port >= p->lo && port <= p->hi && slot_of(p, port)->state == TAKEN);
    put(p, port);
}

unsigned port_left(const struct port_pool *p)
{
    return p->pairs.n * 2 + p->singles.n;
}

const struct addr *port_addr(const struct port_pool *p)
{
    return &p->addr;
}
