#include "alg/users/slow.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <uthash.h>

#define KEY_MAX 400

struct entry {
    UT_hash_handle hh;
    char key[KEY_MAX];   /* "u USER" or "a ADDRESS" or "k USER ADDRESS": came in from there */
    unsigned wrong;
    msec_t until, last;
};

struct slow {
    struct entry *entries; /* in the order of their last failure: uthash keeps the order of adding */
};

int slow_new(struct slow **sp)
{
    *sp = calloc(1, sizeof **sp);
    return *sp ? 0 : -ENOMEM;
}

static void drop(struct slow *s, struct entry *e)
{
    HASH_DEL(s->entries, e);
    free(e);
}

void slow_free(struct slow *s)
{
    struct entry *e, *tmp;

    if (!s)
        return;
    HASH_ITER(hh, s->entries, e, tmp)
        drop(s, e);
    free(s);
}

static struct entry *find(struct slow *s, const char *kind, const char *a, const char *b, msec_t now)
{
    char key[KEY_MAX];
    struct entry *e;

    snprintf(key, sizeof key, "%s %s %s", kind, a, b);
    HASH_FIND_STR(s->entries, key, e);
    if (e && now - e->last > SLOW_FORGET_S * 1000ull && kind[0] != 'k') {
        drop(s, e);
        e = NULL;
    }
    return e;
}

static unsigned wait_of(const struct entry *e, msec_t now)
{
    return e && e->until > now ? (unsigned)((e->until - now + 999) / 1000) : 0;
}

unsigned slow_wait(struct slow *s, const char *user, const char *peer, msec_t now)
{
    unsigned address = wait_of(find(s, "a", peer, "", now), now);
    unsigned name = find(s, "k", user, peer, now) ? 0 : wait_of(find(s, "u", user, "", now), now);

    return address > name ? address : name;
}

/* Taken out and added again: it is the newest now. */
static void count(struct slow *s, const char *kind, const char *a, const char *b, msec_t now, bool wrong)
{
    struct entry *e = find(s, kind, a, b, now);
    unsigned over, pause;

    if (e)
        HASH_DEL(s->entries, e);
    else if (!(e = calloc(1, sizeof *e)))
        return;
    snprintf(e->key, sizeof e->key, "%s %s %s", kind, a, b);
    e->last = now;
    if (wrong && ++e->wrong > SLOW_FREE) {
        over = e->wrong - SLOW_FREE - 1;
        pause = over < 6 ? 1u << over : SLOW_MAX_S;
        e->until = now + 1000ull * (pause < SLOW_MAX_S ? pause : SLOW_MAX_S);
    }
    HASH_ADD_STR(s->entries, key, e);
    if (HASH_COUNT(s->entries) > SLOW_ENTRIES_MAX)
        drop(s, s->entries);
}

void slow_wrong(struct slow *s, const char *user, const char *peer, msec_t now)
{
    if (user[0])
        count(s, "u", user, "", now, true);
    count(s, "a", peer, "", now, true);
}

/* The address keeps its record: who knows one password may not try those of others for nothing. */
void slow_right(struct slow *s, const char *user, const char *peer, msec_t now)
{
    struct entry *e = find(s, "u", user, "", now);

    if (e && !wait_of(e, now))
        drop(s, e);
    count(s, "k", user, peer, now, false);
}
