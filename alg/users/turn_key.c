/* One-time keys: a browser gets one with its registration and takes it to the HTTPS endpoint. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "alg/users/turn_priv.h"
#include "common/rnd.h"

static void drop(struct turn *t, struct turn_key *k)
{
    HASH_DEL(t->keys, k);
    free(k);
}

static void forget_old(struct turn *t, msec_t now)
{
    struct turn_key *k, *tmp;

    HASH_ITER(hh, t->keys, k, tmp) { /* all live equally long: the oldest stand first */
        if (now < k->until && HASH_COUNT(t->keys) < TURN_KEYS_MAX)
            return;
        drop(t, k);
    }
}

int turn_key_make(struct turn *t, const char *impu, unsigned seconds, msec_t now, char out[TURN_KEY_LEN + 1])
{
    struct turn_key *k = calloc(1, sizeof *k + strlen(impu) + 1);

    if (!k)
        return -ENOMEM;
    forget_old(t, now);
    rnd_text(k->key, TURN_KEY_LEN);
    k->seconds = seconds;
    k->until = now + TURN_KEY_S * 1000;
    memcpy(k->impu, impu, strlen(impu) + 1);
    HASH_ADD_STR(t->keys, key, k);
    memcpy(out, k->key, TURN_KEY_LEN + 1);
    return 0;
}

int turn_key_take(struct turn *t, struct sv key, msec_t now, char *impu, size_t size, unsigned *seconds)
{
    struct turn_key *k = NULL;

    forget_old(t, now);
    if (key.n == TURN_KEY_LEN) /* 190 random bits: how long a look-up takes tells nothing of use */
        HASH_FIND(hh, t->keys, key.p, key.n, k);
    if (!k || strlen(k->impu) >= size)
        return -EACCES;
    snprintf(impu, size, "%s", k->impu);
    *seconds = k->seconds;
    drop(t, k);
    return 0;
}

void turn_keys_free(struct turn *t)
{
    struct turn_key *k, *tmp;

    HASH_ITER(hh, t->keys, k, tmp)
        drop(t, k);
}
