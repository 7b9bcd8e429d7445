/* Two ICE agents and the network between them, with a clock of its own: delay, loss by a seed, a NAT in front of one of
 * them that can be rebound, addresses that lead nowhere. The fixture of the tests of full ICE. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>

#include "agw/media/ice.h"

#define NET_FLIGHT 256
#define NET_DELAY 20

struct ice_side {
    struct ice *ice;
    struct bus_sep spec; /* what it was told */
    struct bus_ice full;
    struct addr host;    /* where its socket is */
    struct addr seen;    /* as the other one sees it: by its NAT, or the same */
    bool down;           /* nothing leaves or enters any more */
    int results;         /* of enum ice_result, all that were ever reported */
    unsigned requests, indications, refusals; /* that it sent */
    msec_t up_at, lost_at, failed_at;
};

struct ice_net {
    struct stun_mac *mac;
    struct ice_side a, b;
    msec_t now;
    uint32_t seed;
    unsigned loss; /* percent */
    struct net_dgram {
        bool used;
        msec_t at;
        struct ice_side *to;
        struct addr src;
        size_t n;
        uint8_t p[MEDIA_STUN_REPLY];
    } flight[NET_FLIGHT];
    unsigned lost, stray; /* stray: to an address where nobody is */
    struct tx tx;
};

static inline bool net_loses(struct ice_net *net)
{
    net->seed = net->seed * 1664525u + 1013904223u;
    return (net->seed >> 8) % 100 < net->loss;
}

static inline void net_count(struct ice_side *from, const uint8_t *p, size_t n)
{
    struct stun_msg m;

    assert_int_equal(stun_parse(&m, p, n), 0);
    from->requests += m.type == STUN_BINDING_REQUEST;
    from->indications += m.type == STUN_BINDING_INDICATION;
    from->refusals += m.type == STUN_BINDING_ERROR;
}

static inline void net_send(struct ice_net *net, struct ice_side *from, const struct addr *to, const void *p, size_t n)
{
    struct ice_side *peer = from == &net->a ? &net->b : &net->a;

    assert_true(n <= MEDIA_STUN_REPLY);
    net_count(from, p, n);
    if (!addr_eq(to, &peer->seen)) {
        net->stray++;
        return;
    }
    if (from->down || peer->down || net_loses(net)) {
        net->lost++;
        return;
    }
    for (unsigned i = 0; i < NET_FLIGHT; i++) {
        struct net_dgram *d = &net->flight[i];

        if (d->used)
            continue;
        *d = (struct net_dgram){.used = true, .at = net->now + NET_DELAY, .to = peer, .src = from->seen, .n = n};
        memcpy(d->p, p, n);
        return;
    }
    fail_msg("network is full");
}

static inline void net_note(struct ice_net *net, struct ice_side *s, int res)
{
    if (res < 0)
        return;
    s->results |= res;
    if (res & (ICE_UP | ICE_RESUMED))
        s->up_at = net->now;
    if (res & ICE_LOST)
        s->lost_at = net->now;
    if (res & ICE_FAILED)
        s->failed_at = net->now;
}

static inline void net_deliver(struct ice_net *net, struct net_dgram *d)
{
    uint8_t out[MEDIA_STUN_REPLY];
    struct buf reply = buf_over(out, sizeof(out));
    const struct dgram in = {.src = d->src, .p = d->p, .n = d->n};

    d->used = false;
    net_note(net, d->to, ice_input(d->to->ice, &in, &reply, net->now));
    if (reply.len)
        net_send(net, d->to, &d->src, out, reply.len);
}

static inline void net_tick(struct ice_net *net, struct ice_side *s)
{
    if (net->now < ice_deadline(s->ice))
        return;
    net->tx.n = 0;
    net_note(net, s, ice_tick(s->ice, &net->tx, net->now));
    for (unsigned i = 0; i < net->tx.n; i++)
        net_send(net, s, &net->tx.slot[i].to, net->tx.slot[i].p, net->tx.slot[i].n);
}

static inline void net_run(struct ice_net *net, msec_t ms)
{
    for (const msec_t end = net->now + ms; net->now < end; net->now++) {
        for (unsigned i = 0; i < NET_FLIGHT; i++)
            if (net->flight[i].used && net->flight[i].at <= net->now)
                net_deliver(net, &net->flight[i]);
        net_tick(net, &net->a);
        net_tick(net, &net->b);
    }
}

static inline void side_init(struct ice_net *net, struct ice_side *s, const char *name, const char *host, uint16_t port)
{
    *s = (struct ice_side){0};
    assert_int_equal(addr_parse(&s->host, sv_from(host), port), 0);
    s->seen = s->spec.local = s->host;
    snprintf(s->spec.ufrag, sizeof(s->spec.ufrag), "%s0", name);
    snprintf(s->spec.pwd, sizeof(s->spec.pwd), "%spasswordpasswordpassword", name);
    assert_int_equal(ice_new(&s->ice, net->mac, s->spec.ufrag, s->spec.pwd, 30000), 0);
}

static inline int net_setup(void **state)
{
    struct ice_net *net = calloc(1, sizeof(*net));

    *state = net;
    net->now = 1000000;
    net->seed = 1;
    assert_int_equal(stun_mac_new(&net->mac), 0);
    side_init(net, &net->a, "alice", "192.0.2.1", 1000);
    side_init(net, &net->b, "bob", "198.51.100.2", 2000);
    return 0;
}

static inline int net_teardown(void **state)
{
    struct ice_net *net = *state;

    ice_free(net->a.ice);
    ice_free(net->b.ice);
    stun_mac_free(net->mac);
    free(net);
    return 0;
}

static inline void side_candidate(struct ice_side *s, const char *host, uint16_t port, uint32_t priority)
{
    struct bus_cand *c = &s->full.cands[s->full.n++];

    assert_true(s->full.n <= BUS_ICE_CANDS);
    assert_int_equal(addr_parse(&c->addr, sv_from(host), port), 0);
    c->priority = priority;
}

/* It hears of the other one's credentials. */
static inline void side_told(struct ice_net *net, struct ice_side *s, const struct ice_side *peer)
{
    strcpy(s->spec.remote_ufrag, peer->spec.ufrag);
    strcpy(s->spec.remote_pwd, peer->spec.pwd);
    assert_int_equal(ice_set(s->ice, &s->spec, net->now), 0);
}

static inline void side_full(struct ice_side *s, bool controlling)
{
    s->full.controlling = controlling;
    s->spec.full = &s->full;
}
