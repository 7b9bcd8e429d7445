#include "agw/media/due.h"

#include <errno.h>
#include <stdlib.h>

void due_fini(struct due *d)
{
    free(d->v);
    *d = (struct due){0};
}

int due_add(struct due *d, struct due_entry *e)
{
    if (d->reserved == d->size) {
        const size_t size = d->size ? d->size * 2 : 64;
        struct due_entry **v = realloc(d->v, size * sizeof(struct due_entry *));

        if (!v)
            return -ENOMEM;
        d->v = v;
        d->size = size;
    }
    d->reserved++;
    e->at = MSEC_NEVER;
    e->index = DUE_OUT;
    return 0;
}

static void place(struct due *d, struct due_entry *e, size_t i)
{
    d->v[i] = e;
    e->index = i;
}

static void sift(struct due *d, struct due_entry *e, size_t i)
{
    while (i && d->v[(i - 1) / 2]->at > e->at) {
        place(d, d->v[(i - 1) / 2], i);
        i = (i - 1) / 2;
    }
    for (;;) {
        size_t child = 2 * i + 1;

        if (child + 1 < d->n && d->v[child + 1]->at < d->v[child]->at)
            child++;
        if (child >= d->n || d->v[child]->at >= e->at)
            break;
        place(d, d->v[child], i);
        i = child;
    }
    place(d, e, i);
}

void due_set(struct due *d, struct due_entry *e, msec_t at)
{
    const size_t i = e->index;

    e->at = at;
    if (at != MSEC_NEVER) {
        sift(d, e, i == DUE_OUT ? d->n++ : i);
    } else if (i != DUE_OUT) {
        struct due_entry *last = d->v[--d->n];

        e->index = DUE_OUT;
        if (last != e)
            sift(d, last, i);
    }
}

void due_del(struct due *d, struct due_entry *e)
{
    due_set(d, e, MSEC_NEVER);
    d->reserved--;
}

struct due_entry *due_first(const struct due *d)
{
    return d->n ? d->v[0] : NULL;
}
