#include "agw/listen.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/log.h"

#define OTHER_NORMAL 8191u /* other-pref, RFC 6544 4.2: 13 bits */
#define PASSIVE 4u         /* direction-pref of passive, of a host candidate */
#define HOST 126u          /* type preference: below UDP by the local preference, which has 65535 there */

uint32_t listen_priority(unsigned other)
{
    return HOST << 24 | (PASSIVE << 13 | other) << 8 | 255u;
}

/* Port 0: the lowest free one of the realm's range. */
static int open_at(struct addr *at, uint16_t port, const struct realm_conf *r)
{
    int fd = -EADDRINUSE;

    if (port) {
        addr_set_port(at, port);
        return net_tcp_listen(at, MEDIA_DOOR_BACKLOG);
    }
    for (int p = r->port_lo; p <= r->port_hi && p < r->port_lo + CTL_PORT_TRIES && fd == -EADDRINUSE; p++) {
        addr_set_port(at, (uint16_t)p);
        fd = net_tcp_listen(at, MEDIA_DOOR_BACKLOG);
    }
    return fd;
}

static void open_port(struct realm_conf *r, unsigned realm, const struct agw_realm_row *row, uint16_t port, unsigned other,
                      struct listen_set *set)
{
    const struct addr *const addrs[] = {&r->addr, r->has_addr6 ? &r->addr6 : NULL};

    for (unsigned k = 0; k < ARRAY_LEN(addrs); k++) {
        struct door_listener *l = &set->v[set->n];

        if (!addrs[k])
            continue;
        if (set->n == MEDIA_DOOR_LISTENERS || r->n_tcp == CTL_ICE_TCP) {
            log_warn("agw", "realm=%s port=%u msg=\"no ICE-TCP: too many ports\"", r->name, port);
            continue;
        }
        *l = (struct door_listener){.local = *addrs[k], .realm = realm};
        l->fd = open_at(&l->local, port, r);
        if (l->fd < 0) {
            log_warn("agw", "realm=%s port=%u msg=\"no ICE-TCP on it\" err=\"%s\"", r->name, port, strerror(-l->fd));
            continue;
        }
        l->has_http = row->ice_tcp_web[0] && addr_parse_hostport(&l->http, sv_from(row->ice_tcp_web), 80) == 0;
        r->tcp[r->n_tcp++] = (struct local_tcp){l->local, listen_priority(other)};
        set->n++;
    }
}

/* TS 33.203 W.3.4: port 80 is the last resort of all. */
void listen_open(struct realm_conf *r, unsigned realm, const struct agw_realm_row *row, struct listen_set *set)
{
    const unsigned n = row->ice_tcp.n;
    bool has_80 = false;

    if (row->ice_tcp_port)
        open_port(r, realm, row, 0, OTHER_NORMAL, set);
    for (unsigned i = 0; i < n; i++) {
        const uint16_t port = (uint16_t)atoi(row->ice_tcp.v[i]);

        has_80 = has_80 || port == 80;
        if (port != 80)
            open_port(r, realm, row, port, n - i, set);
    }
    if (has_80)
        open_port(r, realm, row, 80, 0, set);
}

void listen_close(struct listen_set *set)
{
    while (set->n)
        close(set->v[--set->n].fd);
}
