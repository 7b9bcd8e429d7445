/* Endpoints: bus id to stream, and ports that may be used again only after their socket is closed.
 */
#include "agw/ctl/stats.h"

#include <stdlib.h>

struct ep *ep_new(struct ctl *c, struct port_pool *pool, uint16_t port)
{
    struct ep *ep = calloc(1, sizeof *ep);

    if (!ep)
        return NULL;
    ep->id = ++c->last_bus;
    ep->pool = pool;
    ep->port = port;
    HASH_ADD(hh, c->eps, id, sizeof ep->id, ep);
    count_add(&c->counts[CTL_C_ENDPOINTS], 1);
    return ep;
}

struct ep *ep_find(struct ctl *c, bus_id id)
{
    struct ep *ep;

    HASH_FIND(hh, c->eps, &id, sizeof id, ep);
    return ep;
}

static void ep_free(struct ctl *c, struct ep *ep)
{
    HASH_DEL(c->eps, ep);
    if (ep->pool)
        port_give(ep->pool, ep->port);
    if (ep->pair)
        port_give(ep->pool, (uint16_t)(ep->port + 1));
    if (ep->counts)
        stats_retire(c, ep->counts);
    free(ep->counts);
    count_add(&c->counts[CTL_C_ENDPOINTS], -1);
    free(ep);
}

void ep_leave(struct ctl *c, struct ep *ep, bool opened)
{
    ep->stream = NULL;
    ep->tp = NULL;
    if (!opened)
        ep_free(c, ep);
}

void ep_closed(struct ctl *c, bus_id id)
{
    struct ep *ep = ep_find(c, id);

    if (!ep)
        return;
    if (ep->stream || ep->tp) {
        /* an object that ended by itself is still the stream's until control closes it */
        if (!ep->early)
            return;
        ep->early--;
        ep->waits--;
        return;
    }
    if (ep->waits <= 1)
        ep_free(c, ep);
    else
        ep->waits--;
}
