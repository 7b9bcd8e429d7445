/* Who is it? Digest (RFC 7616, 8760) or a web token (RFC 8898), checked against the store of users. Knows no message: the SIP
 * side gives the parameters of Authorization and answers as it is told. Owner: struct reg. Main thread.
 * An unknown user gets the same answers after the same work as a wrong password does. */
#pragma once

#include "alg/users/jwt.h"
#include "alg/users/users.h"
#include "common/net.h"

#define LOGIN_NONCE_S 300      /* a nonce is good for so long; then stale=true */
#define LOGIN_NONCES_MAX 20000 /* in use; over it the oldest become stale */
#define LOGIN_NONCE_LEN 56

struct login;

struct login_try {
    const char *domain;         /* realm */
    bool password, token;       /* what the domain takes */
    bool claimed;               /* a token may name the IMS identities itself; its user need not be in the store */
    const char *scheme;         /* "Digest", "Bearer"; NULL = no Authorization */
    const char *const *params;  /* "name=value", NULL at the end */
    const char *method, *uri;   /* of the request */
    const char *peer;           /* address it comes from */
    bool inside;                /* its connection is logged in: what others of that address tried does not delay it */
    msec_t now;
    int64_t wall;               /* CLOCK_REALTIME, seconds */
};

enum login_verdict {
    LOGIN_OK,
    LOGIN_ASK,     /* challenge */
    LOGIN_STALE,   /* challenge with stale=true: the password was right or nobody looked */
    LOGIN_WRONG,   /* wrong password or no such user: challenge */
    LOGIN_INVALID, /* token: challenge with error="invalid_token" */
    LOGIN_NOBODY,  /* a good token, but its user has no identity here: 403, another token of the same would not help */
    LOGIN_WAIT,    /* too many wrong ones: nobody looked; 503 with Retry-After */
    LOGIN_BAD,     /* not what the RFC says: 400 */
    LOGIN_BROKEN,  /* the store does not answer: 500 */
};

int login_new(struct login **lp, struct users *users, const struct jwt_keys *keys);
void login_free(struct login *l); /* NULL is fine */
/* LOGIN_OK: *out; *left: seconds the token is still good, 0 = a password. LOGIN_WAIT: *left: seconds to wait. Any
 * other: out->name is who it says to be, "" = nobody can tell; for the log. */
enum login_verdict login_check(struct login *l, const struct login_try *t, struct user *out, unsigned *left);
void login_nonce(const struct login *l, const char *domain, msec_t now, char out[LOGIN_NONCE_LEN + 1]);
/* "Bearer x" and "Bearer access_token="x"" (TS 24.371 A.3.2); NULL: neither */
const char *login_token(const char *const *params, char *out, size_t size);
