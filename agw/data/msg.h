/* A message on its way between a channel and a TCP connection; lives in one queue at a time (utlist DL). */
#pragma once

#include <stdlib.h>

#include "common/sv.h"

struct msg {
    struct msg *prev, *next;
    uint32_t ppid; /* as it came on the channel */
    size_t n;
    size_t off;    /* octets written to TCP already */
    char p[];
};

/* What it takes of a queue's bound: memory, not octets, or a peer's one-octet messages would take many times the bound. */
static inline size_t msg_cost(const struct msg *m)
{
    return sizeof *m + m->n;
}

static inline struct msg *msg_new(const void *p, size_t n, uint32_t ppid)
{
    struct msg *m = malloc(sizeof *m + n);

    if (!m)
        return NULL;
    *m = (struct msg){.ppid = ppid, .n = n};
    if (n)
        memcpy(m->p, p, n);
    return m;
}
