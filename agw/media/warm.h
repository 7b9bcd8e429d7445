/* Fetching memory before it is needed. With a thousand streams nothing of a packet's stream is in the cache: each pointer on
 * its way costs a wait. Before a bunch of packets is looked at, the next step of all of them is fetched at once, step by step,
 * so they wait together. No effect but on time. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define WARM_LINE 64

static inline void warm(const void *p)
{
    __builtin_prefetch(p);
}

static inline void warm_all(const void *p, size_t n)
{
    const uintptr_t from = (uintptr_t)p & ~(uintptr_t)(WARM_LINE - 1);

    for (uintptr_t at = from; at < (uintptr_t)p + n; at += WARM_LINE)
        warm((const void *)at);
}
