/* Web tokens (RFC 7519) signed by a configured key: HS256, RS256, ES256 (RFC 7518 3). Pure but for reading the key files at
 * start. Main thread. */
#pragma once

#include <stdint.h>
#include <stddef.h>

#define JWT_MAX 4096   /* characters of a token */
#define JWT_SKEW_S 30  /* clocks may differ */
#define JWT_KEYS_MAX 16

struct jwt_keys;

struct jwt_key_conf {
    const char *kid;      /* "" = any */
    const char *alg;      /* HS256, RS256, ES256 */
    const char *file;     /* PEM public key; for HS256 the secret itself, at least 32 bytes */
    const char *issuer;   /* iss has to be this; "" = any */
    const char *audience; /* aud has to have this; "" = the web domain */
};

struct jwt_claims {
    char sub[256];
    char impu[256], impi[256]; /* claims of these names (TS 24.371 6.1: who gave the token chose them); "" = none */
    int64_t exp; /* seconds of CLOCK_REALTIME */
};

/* why: what is wrong with which file. -EINVAL, -errno. */
int jwt_keys_new(struct jwt_keys **kp, const struct jwt_key_conf *conf, unsigned n, char *why, size_t size);
void jwt_keys_free(struct jwt_keys *k); /* NULL is fine */
/* 0; -EBADMSG no token, -ENOKEY none of our keys, -EACCES signature, -ETIME not valid now, -EPERM issued for others. */
int jwt_check(const struct jwt_keys *k, const char *token, const char *domain, int64_t now, struct jwt_claims *out);
