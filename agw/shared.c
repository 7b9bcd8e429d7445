#include "agw/shared.h"

#include <errno.h>
#include <unistd.h>

#include "common/log.h"

static int open_below(struct addr *at, uint16_t *top, uint16_t lo)
{
    for (int tries = 0; tries < CTL_PORT_TRIES && *top > lo; tries++) {
        int fd;

        addr_set_port(at, (*top)--);
        fd = net_udp(at);
        if (fd != -EADDRINUSE && fd != -EACCES)
            return fd;
    }
    return -EADDRINUSE;
}

void shared_open(struct realm_conf *r, struct shared_set *of, unsigned n_workers)
{
    const struct addr *const addrs[] = {&r->addr, r->has_addr6 ? &r->addr6 : NULL};
    uint16_t top = r->port_hi;

    if ((unsigned)(r->port_hi - r->port_lo) / 4 < n_workers)
        return;
    for (unsigned i = 0; i < n_workers; i++) {
        for (unsigned k = 0; k < ARRAY_LEN(addrs); k++) {
            struct worker_shared *s = &of[i].v[of[i].n];

            if (!addrs[k])
                continue;
            s->local = *addrs[k];
            s->fd = open_below(&s->local, &top, r->port_lo);
            if (s->fd < 0) {
                log_warn("agw", "realm=%s msg=\"no shared port: each stream takes its own\" err=\"%s\"", r->name,
                         strerror(-s->fd));
                continue;
            }
            r->shared[i][addr_is_v6(&s->local)] = s->local;
            of[i].n++;
        }
    }
}

void shared_close(struct shared_set *s)
{
    while (s->n)
        close(s->v[--s->n].fd);
}
