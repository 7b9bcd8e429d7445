#include "agw/media/door_names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agw/media/media_limits.h"

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

struct entry {
    struct name is;
    char ufrag[sizeof(((struct bus_door *)0)->ufrag)];
    UT_hash_handle hh; /* by ufrag */
};

struct owner {
    bus_id id;
    struct entry *cur, *past[MEDIA_ICE_PAST]; /* newest first; NULL: none */
    UT_hash_handle hh;                        /* by id */
};

struct names {
    struct entry *entries;
    struct owner *owners;
};

int names_new(struct names **np)
{
    *np = calloc(1, sizeof(**np));
    return *np ? 0 : -ENOMEM;
}

static void drop(struct names *n, struct entry *e)
{
    if (!e)
        return;
    HASH_DEL(n->entries, e);
    free(e);
}

static void owner_free(struct names *n, struct owner *o)
{
    drop(n, o->cur);
    for (unsigned i = 0; i < MEDIA_ICE_PAST; i++)
        drop(n, o->past[i]);
    HASH_DEL(n->owners, o);
    free(o);
}

void names_free(struct names *n)
{
    struct owner *o, *tmp;

    if (!n)
        return;
    HASH_ITER(hh, n->owners, o, tmp)
        owner_free(n, o);
    free(n);
}

static struct owner *owner_of(struct names *n, bus_id id)
{
    struct owner *o;

    HASH_FIND(hh, n->owners, &id, sizeof(id), o);
    if (o)
        return o;
    o = calloc(1, sizeof(*o));
    if (!o)
        return NULL;
    o->id = id;
    HASH_ADD(hh, n->owners, id, sizeof(o->id), o);
    if (o->hh.tbl)
        return o;
    free(o);
    return NULL;
}

static struct entry *entry_new(struct names *n, const struct bus_door *spec)
{
    struct entry *e = calloc(1, sizeof(*e));

    if (!e)
        return NULL;
    e->is = (struct name){spec->id, spec->worker, spec->realm};
    memcpy(e->ufrag, spec->ufrag, sizeof(e->ufrag));
    HASH_ADD_STR(n->entries, ufrag, e);
    if (e->hh.tbl)
        return e;
    free(e);
    return NULL;
}

static bool is_past(const struct owner *o, const struct entry *e)
{
    for (unsigned i = 0; i < MEDIA_ICE_PAST; i++)
        if (o->past[i] == e)
            return true;
    return false;
}

int names_set(struct names *n, const struct bus_door *spec)
{
    struct owner *o = owner_of(n, spec->id);
    struct entry *e, *taken;

    if (!o)
        return -ENOMEM;
    if (o->cur && strcmp(o->cur->ufrag, spec->ufrag) == 0)
        return 0;
    HASH_FIND_STR(n->entries, spec->ufrag, taken); /* control gives none twice, but for one that a restart has left */
    if (taken)
        return is_past(o, taken) ? 0 : -EEXIST;
    e = entry_new(n, spec);
    if (!e) {
        if (!o->cur)
            owner_free(n, o);
        return -ENOMEM;
    }
    drop(n, o->past[MEDIA_ICE_PAST - 1]);
    memmove(&o->past[1], &o->past[0], (MEDIA_ICE_PAST - 1) * sizeof(o->past[0]));
    o->past[0] = o->cur;
    o->cur = e;
    return 0;
}

void names_forget(struct names *n, bus_id id)
{
    struct owner *o;

    HASH_FIND(hh, n->owners, &id, sizeof(id), o);
    if (o)
        owner_free(n, o);
}

const struct name *names_find(const struct names *n, struct sv ufrag, unsigned realm)
{
    struct entry *e;

    if (ufrag.n == 0 || ufrag.n >= sizeof(e->ufrag))
        return NULL;
    HASH_FIND(hh, n->entries, ufrag.p, ufrag.n, e);
    return e && e->is.realm == realm ? &e->is : NULL;
}
