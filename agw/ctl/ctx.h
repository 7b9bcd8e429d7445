/* Contexts: ids, their terminations, and which streams are connected (H.248.1 7.1.1;
 * TS 29.334 5.4). Owner: struct ctl. Thread: control. */
#pragma once

#include "agw/ctl/ctl.h"

struct ctx {
    struct ctl *ctl;
    uint32_t id;
    unsigned worker;   /* index: a context stays on the worker it was given at birth */
    uint16_t priority; /* 0..15 */
    bool emergency;
    struct term *terms; /* list */
    unsigned n_terms;
    UT_hash_handle hh;
};

/* 0; -EMFILE: the configured number is in use (error 412); -ENOMEM. */
int ctx_new(struct ctl *c, struct ctx **xp);
void ctx_free(struct ctx *x); /* with its terminations */
struct ctx *ctx_find(struct ctl *c, uint32_t id);
/* Streams of the same StreamID on two terminations are connected (H.248.1 7.1.6): tell the data
 * thread and the worker of new pairs, and the worker of other payload types. */
void ctx_connect(struct ctx *x);
