/* Credentials for TURN servers that share a secret with us (TURN REST API draft): name `expiry:id`, password
 * base64(HMAC-SHA1(secret, name)), good until expiry. Also what a browser gets them with (one-time keys), and how often.
 * Knows no message. Owner: main.c. Main thread. */
#pragma once

#include "common/buf.h"
#include "common/count.h"
#include "common/net.h"

#define TURN_URIS_MAX 8
#define TURN_NAME_MAX 48      /* "1767225600:" and 16 characters; room for later centuries */
#define TURN_PASSWORD_MAX 32  /* base64 of 20 octets */
#define TURN_SECRETS_MAX 8    /* lines of the file that are looked at */
#define TURN_KEY_LEN 32
#define TURN_KEY_S 60         /* seconds in which a one-time key may be used */
#define TURN_KEYS_MAX 20000   /* not used yet; over it the oldest is void */
#define TURN_PER_MINUTE 10    /* credentials of one user */
#define TURN_TTL_MIN 60       /* seconds: less is of no use to a browser */

struct turn;

struct turn_conf {
    const char *const *uris;  /* "turns:turn.example.net:443?transport=tcp"; copied */
    unsigned n_uris;
    const char *secret_file;  /* a secret a line; the first signs. Read again when it has changed */
    unsigned ttl_max;         /* seconds */
    const unsigned char *key; /* makes ids of users that say nothing */
    size_t n_key;
};

struct turn_cred {
    char name[TURN_NAME_MAX], password[TURN_PASSWORD_MAX];
    unsigned ttl; /* seconds */
};

enum turn_counter { TURN_C_ISSUED, TURN_C_REFUSED, TURN_C_LIMITED, TURN_C_N };
extern const struct count_def turn_counters[TURN_C_N];

int turn_new(struct turn **tp, const struct turn_conf *conf); /* -ENODATA: no secret in the file; -errno */
void turn_free(struct turn *t);                               /* NULL is fine */
count_t *turn_counts(struct turn *t);

/* For the user with this public identity, for at most `seconds` (and ttl_max) from `wall`, CLOCK_REALTIME. -EAGAIN: had too many
 * in this minute; *wait seconds. -errno: no secret. */
int turn_issue(struct turn *t, const char *impu, unsigned seconds, int64_t wall, struct turn_cred *out, unsigned *wait);
void turn_json(const struct turn *t, const struct turn_cred *c, struct buf *out);   /* of the draft: username, password, ttl, uris */
void turn_header(const struct turn *t, const struct turn_cred *c, struct buf *out); /* `<uri>;username="..."`, comma list */

/* A key that gets one credential of `seconds`, once. */
int turn_key_make(struct turn *t, const char *impu, unsigned seconds, msec_t now, char out[TURN_KEY_LEN + 1]);
/* It is used up. 0, or -EACCES: none of ours, used or too old. */
int turn_key_take(struct turn *t, struct sv key, msec_t now, char *impu, size_t size, unsigned *seconds);

/* The arithmetic of it, for one secret. */
void turn_password(const char *secret, const char *name, char out[TURN_PASSWORD_MAX]);
