/* Inside of turn.c and turn_key.c. */
#pragma once

#include <sys/stat.h>

#include <uthash.h>

#include "alg/users/turn.h"

#define TURN_SECRET_MAX 256
#define TURN_ID_LEN 16  /* base32 of ten octets */

struct turn_key {
    UT_hash_handle hh; /* in the order they were made */
    char key[TURN_KEY_LEN + 1];
    unsigned seconds;
    msec_t until;
    char impu[];
};

struct turn_user { /* who had how many in this minute */
    UT_hash_handle hh;
    char id[TURN_ID_LEN + 1];
    int64_t minute;
    unsigned n;
};

struct turn {
    char *uris[TURN_URIS_MAX];
    unsigned n_uris, ttl_max;
    char *file;
    struct stat seen; /* the file as it was read */
    char secret[TURN_SECRET_MAX];
    unsigned char *id_key;
    size_t n_id_key;
    struct turn_key *keys;
    struct turn_user *users;
    count_t counts[TURN_C_N];
};

void turn_keys_free(struct turn *t);
