/* Counters from one table, shown as Prometheus text. Single writer per counter slot (one thread), any reader:
 * relaxed atomics. Gauges are counters that also go down. */
#pragma once

#include <stdatomic.h>

#include "common/buf.h"

struct count_def {
    const char *name; /* Prometheus name, e.g. "agw_contexts" */
    const char *help;
    bool gauge;
};

/* A table is an array of definitions and an equally long array of values; index = an enum of the owner. */
typedef _Atomic int64_t count_t;

static inline void count_add(count_t *c, int64_t n)
{
    atomic_fetch_add_explicit(c, n, memory_order_relaxed);
}

/* For counters with one writer: no locked instruction, the packet path has a dozen of them. */
static inline void count_bump(count_t *c, int64_t n)
{
    atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + n, memory_order_relaxed);
}

static inline int64_t count_get(const count_t *c)
{
    return atomic_load_explicit(c, memory_order_relaxed);
}

void count_print(const struct count_def *defs, const count_t *values, size_t n, struct buf *out);
