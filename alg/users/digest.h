/* Digest authentication (RFC 7616, RFC 8760), both sides of it, and what is kept of a password. Pure. Main thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum digest_algo { DIGEST_MD5, DIGEST_SHA256, DIGEST_ALGOS };

#define DIGEST_HEX 65       /* room for the longest, lower-case hex and NUL */
#define DIGEST_VALUE_MAX 256 /* of one parameter; a nonce of a core may be long */

struct digest_secret { /* H(user:realm:password), RFC 7616 3.4.2; "" = not known */
    char ha1[DIGEST_ALGOS][DIGEST_HEX];
};

struct digest { /* the parameters of a challenge or of an answer; "" = absent */
    char username[DIGEST_VALUE_MAX], realm[DIGEST_VALUE_MAX], nonce[DIGEST_VALUE_MAX * 2], uri[DIGEST_VALUE_MAX * 2],
        response[DIGEST_VALUE_MAX], cnonce[DIGEST_VALUE_MAX], opaque[DIGEST_VALUE_MAX], nc[16], qop[64], algorithm[32], stale[8];
};

const char *digest_name(enum digest_algo algo);                  /* "MD5", "SHA-256" */
int digest_algo_of(const char *name, enum digest_algo *algo);    /* "" is MD5; -ENOTSUP */
int digest_secret_make(struct digest_secret *s, const char *user, const char *realm, const char *password);
/* From "name=value" texts, NULL at the end; quotes and their escapes go. -EBADMSG: one comes twice or is too long. */
int digest_read(struct digest *d, const char *const *params);
/* RFC 7616 3.4.1 with qop=auth, or RFC 2069's without qop. ha1 as in a digest_secret. */
int digest_response(char out[DIGEST_HEX], enum digest_algo algo, const char *ha1, const struct digest *d, const char *method);
bool digest_equal(const char *a, const char *b); /* hex of either case, in the same time wherever they differ */
void digest_forget(void *p, size_t n);           /* a password that is not needed any more */
/* H(key || text) as hex: names for what must not be seen. */
void digest_seal(char out[DIGEST_HEX], const void *key, size_t n, const char *text);
