#include "tests/fake/lossy.h"

#include <errno.h>
#include <stdlib.h>
#include <utlist.h>

#define LOSSY_NODES 32

struct packet {
    msec_t due;
    struct addr from, to;
    size_t n;
    struct packet *prev, *next;
    uint8_t bytes[];
};

struct lossy {
    struct lossy_conf conf;
    uint64_t rnd;
    msec_t now;
    struct lossy_node nodes[LOSSY_NODES];
    unsigned n_nodes;
    struct packet *packets; /* in the order of due */
};

int lossy_new(struct lossy **np, const struct lossy_conf *conf)
{
    struct lossy *net = calloc(1, sizeof *net);

    if (!net)
        return -ENOMEM;
    net->conf = *conf;
    net->rnd = 0x9E3779B97F4A7C15u ^ conf->seed;
    net->now = 1000;
    *np = net;
    return 0;
}

void lossy_free(struct lossy *net)
{
    struct packet *p, *tmp;

    if (!net)
        return;
    DL_FOREACH_SAFE(net->packets, p, tmp)
        free(p);
    free(net);
}

void lossy_set(struct lossy *net, const struct lossy_conf *conf)
{
    net->conf = *conf;
}

static unsigned rnd(struct lossy *net, unsigned below) /* xorshift64* */
{
    net->rnd ^= net->rnd >> 12;
    net->rnd ^= net->rnd << 25;
    net->rnd ^= net->rnd >> 27;
    return (unsigned)((net->rnd * 0x2545F4914F6CDD1Du) >> 33) % below;
}

static struct lossy_node *node_at(struct lossy *net, const struct addr *at)
{
    for (unsigned i = 0; i < net->n_nodes; i++) {
        if (addr_eq(&net->nodes[i].at, at))
            return &net->nodes[i];
    }
    return NULL;
}

int lossy_join(struct lossy *net, const struct lossy_node *node)
{
    if (node_at(net, &node->at))
        return -EADDRINUSE;
    if (net->n_nodes == LOSSY_NODES)
        return -ENOSPC;
    net->nodes[net->n_nodes++] = *node;
    return 0;
}

void lossy_leave(struct lossy *net, const struct addr *at)
{
    struct lossy_node *n = node_at(net, at);

    if (n)
        *n = net->nodes[--net->n_nodes];
}

static int by_due(const struct packet *a, const struct packet *b)
{
    return a->due < b->due ? -1 : a->due > b->due;
}

static int queue(struct lossy *net, const struct addr *from, const struct addr *to, const void *p, size_t n)
{
    struct packet *pk = malloc(sizeof *pk + n);
    unsigned spread = net->conf.delay_max - net->conf.delay_min + 1;

    if (!pk)
        return -ENOMEM;
    pk->due = net->now + net->conf.delay_min + rnd(net, spread);
    if (rnd(net, 100) < net->conf.reorder)
        pk->due += rnd(net, 20 * (net->conf.delay_max + 1));
    pk->from = *from;
    pk->to = *to;
    pk->n = n;
    memcpy(pk->bytes, p, n);
    DL_INSERT_INORDER(net->packets, pk, by_due);
    return 0;
}

int lossy_send(struct lossy *net, const struct addr *from, const struct addr *to, const void *p, size_t n)
{
    int err = 0;

    if (rnd(net, 100) >= net->conf.loss)
        err = queue(net, from, to, p, n);
    if (rnd(net, 100) < net->conf.dup)
        err = queue(net, from, to, p, n);
    return err;
}

msec_t lossy_now(const struct lossy *net)
{
    return net->now;
}

static void deliver(struct lossy *net, struct packet *p)
{
    struct lossy_node *n = node_at(net, &p->to);

    DL_DELETE(net->packets, p);
    if (n)
        n->input(n->arg, &p->from, p->bytes, p->n, net->now);
    free(p);
}

/* A tick may change the nodes: one at a time. */
static bool tick_one(struct lossy *net)
{
    for (unsigned i = 0; i < net->n_nodes; i++) {
        struct lossy_node *n = &net->nodes[i];

        if (n->deadline && n->deadline(n->arg) <= net->now) {
            n->tick(n->arg, net->now);
            return true;
        }
    }
    return false;
}

static msec_t next_due(struct lossy *net)
{
    msec_t due = net->packets ? net->packets->due : MSEC_NEVER;

    for (unsigned i = 0; i < net->n_nodes; i++) {
        msec_t d = net->nodes[i].deadline ? net->nodes[i].deadline(net->nodes[i].arg) : MSEC_NEVER;

        if (d < due)
            due = d;
    }
    return due;
}

bool lossy_run(struct lossy *net, msec_t until, bool (*stop)(void *arg), void *arg)
{
    unsigned still = 0; /* ticks without time passing: a deadline that does not move is a bug of its owner */

    for (;;) {
        msec_t due;

        if (stop && stop(arg))
            return true;
        due = next_due(net);
        if (due > until || due == MSEC_NEVER) {
            net->now = until;
            return false;
        }
        still = due > net->now ? 0 : still + 1;
        if (still > 1000000)
            abort();
        if (due > net->now)
            net->now = due;
        if (net->packets && net->packets->due <= net->now)
            deliver(net, net->packets);
        else
            tick_one(net);
    }
}
