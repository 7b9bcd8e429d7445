/* Earliest deadline first: a binary heap of embedded entries. Grows only in due_add; everything else allocates nothing.
 * Owner and thread: the worker. */
#pragma once

#include "common/net.h"

struct due_entry {
    msec_t at;
    size_t index; /* in the heap; DUE_OUT: not in it */
};

#define DUE_OUT SIZE_MAX

struct due {
    struct due_entry **v;
    size_t n, size, reserved; /* reserved: entries that have a place, in the heap or not */
};

void due_fini(struct due *d);
int due_add(struct due *d, struct due_entry *e);    /* makes room for one more entry; -ENOMEM */
void due_del(struct due *d, struct due_entry *e);   /* gives the room back */
void due_set(struct due *d, struct due_entry *e, msec_t at); /* MSEC_NEVER: out of the heap */
struct due_entry *due_first(const struct due *d);   /* NULL: nothing is due, ever */
