/* Port pool: two first-in-first-out queues, linked through one array of 16-bit successors. */
#include "agw/ctl/port.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "agw/ctl/limits.h"

#define NIL   0u      /* no successor: port 0 is never in a pool */
#define TAKEN 0xFFFFu /* not in a queue: port 65535 is never in a pool either */

struct queue {
    uint16_t first, last; /* ports; NIL = empty */
    unsigned n;
};

struct port_pool {
    enum port_kind kind;
    struct addr addr;
    uint16_t lo, hi;
    struct queue queues[2]; /* even, odd */
    uint16_t *next;         /* successor in its queue; index: port - lo */
};

static void put_last(struct port_pool *p, uint16_t port)
{
    struct queue *q = &p->queues[port & 1];

    p->next[port - p->lo] = NIL;
    if (q->n)
        p->next[q->last - p->lo] = port;
    else
        q->first = port;
    q->last = port;
    q->n++;
}

static uint16_t take_first(struct port_pool *p, struct queue *q)
{
    uint16_t port = q->first;

    q->first = p->next[port - p->lo];
    p->next[port - p->lo] = TAKEN;
    q->n--;
    return port;
}

int port_pool_new(struct port_pool **pp, enum port_kind kind, const struct addr *addr, uint16_t lo,
                  uint16_t hi)
{
    struct port_pool *p;

    if (lo == NIL || lo > hi || hi == TAKEN)
        return -EINVAL;
    p = calloc(1, sizeof *p);
    if (!p)
        return -ENOMEM;
    p->kind = kind;
    p->addr = *addr;
    p->lo = lo;
    p->hi = hi;
    p->next = calloc((size_t)(hi - lo) + 1, sizeof *p->next);
    if (!p->next) {
        free(p);
        return -ENOMEM;
    }
    for (unsigned port = lo; port <= hi; port++)
        put_last(p, (uint16_t)port);
    *pp = p;
    return 0;
}

void port_pool_free(struct port_pool *p)
{
    if (!p)
        return;
    free(p->next);
    free(p);
}

/* The first of this queue that nobody else on this host holds. The fd, -ENOSPC, or another -errno.
 */
static int take_from(struct port_pool *p, struct queue *q, struct addr *local)
{
    unsigned tries = q->n < CTL_PORT_TRIES ? q->n : CTL_PORT_TRIES;

    while (tries-- > 0) {
        struct addr a = p->addr;
        uint16_t port = take_first(p, q);
        int fd;

        addr_set_port(&a, port);
        fd = p->kind == PORT_UDP ? net_udp(&a) : net_tcp_listen(&a, CTL_TCP_BACKLOG);
        if (fd >= 0) {
            *local = a;
            return fd;
        }
        put_last(p, port);
        if (fd != -EADDRINUSE && fd != -EACCES)
            return fd;
    }
    return -ENOSPC;
}

int port_take(struct port_pool *p, enum port_parity parity, struct addr *local)
{
    /* Any port: odd ones first, so that even ones stay for those who need them (RFC 3550 11). */
    int fd = parity == PORT_ANY ? take_from(p, &p->queues[1], local) : -ENOSPC;

    return fd == -ENOSPC ? take_from(p, &p->queues[0], local) : fd;
}

void port_give(struct port_pool *p, uint16_t port)
{
    assert(port >= p->lo && port <= p->hi && p->next[port - p->lo] == TAKEN);
    put_last(p, port);
}

unsigned port_left(const struct port_pool *p)
{
    return p->queues[0].n + p->queues[1].n;
}

const struct addr *port_addr(const struct port_pool *p)
{
    return &p->addr;
}
