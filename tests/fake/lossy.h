/* A network of objects with made-up time: what nodes send arrives later, twice, out of order or never, by a seeded
 * generator, so that a run repeats exactly. Nodes also have clocks: lossy_run jumps from deadline to deadline.
 * Owner: a test. One thread. */
#pragma once

#include "common/net.h"

struct lossy;

struct lossy_conf {
    uint32_t seed;
    unsigned loss, dup, reorder;   /* percent of the datagrams */
    unsigned delay_min, delay_max; /* ms; reordered ones wait up to 20 times longer */
};

struct lossy_node { /* an object at an address; deadline and tick may be NULL */
    struct addr at;
    void (*input)(void *arg, const struct addr *from, const void *p, size_t n, msec_t now);
    void (*tick)(void *arg, msec_t now);
    msec_t (*deadline)(void *arg);
    void *arg;
};

int lossy_new(struct lossy **np, const struct lossy_conf *conf);
void lossy_free(struct lossy *net);
void lossy_set(struct lossy *net, const struct lossy_conf *conf); /* other weather from now on; the seed is not used */
int lossy_join(struct lossy *net, const struct lossy_node *node); /* 0, -EADDRINUSE, -ENOSPC */
void lossy_leave(struct lossy *net, const struct addr *at);       /* what is under way to it is lost */
int lossy_send(struct lossy *net, const struct addr *from, const struct addr *to, const void *p, size_t n);
msec_t lossy_now(const struct lossy *net);
/* Until the made-up time `until`, or until stop says so, or until nothing is left to happen. True: stop said so. */
bool lossy_run(struct lossy *net, msec_t until, bool (*stop)(void *arg), void *arg);
