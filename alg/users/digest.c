#include "alg/users/digest.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

static const struct {
    const char *name;
    const EVP_MD *(*md)(void);
} algos[DIGEST_ALGOS] = {[DIGEST_MD5] = {"MD5", EVP_md5}, [DIGEST_SHA256] = {"SHA-256", EVP_sha256}};

const char *digest_name(enum digest_algo algo)
{
    return algos[algo].name;
}

int digest_algo_of(const char *name, enum digest_algo *algo)
{
    for (unsigned i = 0; i < DIGEST_ALGOS; i++)
        if (!strcasecmp(name[0] ? name : "MD5", algos[i].name)) {
            *algo = (enum digest_algo)i;
            return 0;
        }
    return -ENOTSUP;
}

static void lower_hex(char *out, const unsigned char *p, unsigned n)
{
    static const char digits[] = "0123456789abcdef";

    for (unsigned i = 0; i < n; i++) {
        out[2 * i] = digits[p[i] >> 4];
        out[2 * i + 1] = digits[p[i] & 15];
    }
    out[2 * n] = 0;
}

/* H(a:b:c...), NULL at the end */
static int hash(char out[DIGEST_HEX], enum digest_algo algo, const char *const *parts)
{
    unsigned char md[EVP_MAX_MD_SIZE];
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    unsigned n = 0;
    int ok = ctx && EVP_DigestInit_ex(ctx, algos[algo].md(), NULL);

    for (unsigned i = 0; ok && parts[i]; i++)
        ok = (!i || EVP_DigestUpdate(ctx, ":", 1)) && EVP_DigestUpdate(ctx, parts[i], strlen(parts[i]));
    ok = ok && EVP_DigestFinal_ex(ctx, md, &n);
    EVP_MD_CTX_free(ctx);
    if (!ok)
        return -EIO;
    lower_hex(out, md, n);
    return 0;
}

int digest_secret_make(struct digest_secret *s, const char *user, const char *realm, const char *password)
{
    int err = 0;

    for (unsigned i = 0; i < DIGEST_ALGOS && !err; i++)
        err = hash(s->ha1[i], (enum digest_algo)i, (const char *const[]){user, realm, password, NULL});
    return err;
}

static int unquote(const char *v, char *out, size_t size)
{
    size_t n = 0;
    bool quoted = *v == '"';

    for (v += quoted; *v && !(quoted && *v == '"'); v++) {
        if (quoted && *v == '\\' && v[1])
            v++;
        if ((unsigned char)*v < ' ' || n + 1 >= size)
            return -EBADMSG;
        out[n++] = *v;
    }
    if (quoted && *v != '"')
        return -EBADMSG;
    out[n] = 0;
    return 0;
}

int digest_read(struct digest *d, const char *const *params)
{
    const struct {
        const char *name;
        char *out;
        size_t size;
    } fields[] = {
        {"username", d->username, sizeof d->username}, {"realm", d->realm, sizeof d->realm}, {"nonce", d->nonce, sizeof d->nonce},
        {"uri", d->uri, sizeof d->uri}, {"response", d->response, sizeof d->response}, {"cnonce", d->cnonce, sizeof d->cnonce},
        {"opaque", d->opaque, sizeof d->opaque}, {"nc", d->nc, sizeof d->nc}, {"qop", d->qop, sizeof d->qop},
        {"algorithm", d->algorithm, sizeof d->algorithm}, {"stale", d->stale, sizeof d->stale},
    };
    int err = 0;

    memset(d, 0, sizeof *d);
    for (; params && *params && !err; params++) {
        size_t n = strcspn(*params, "=");

        for (unsigned i = 0; i < sizeof fields / sizeof fields[0] && (*params)[n]; i++)
            if (strlen(fields[i].name) == n && !strncasecmp(fields[i].name, *params, n))
                err = fields[i].out[0] ? -EBADMSG : unquote(*params + n + 1, fields[i].out, fields[i].size);
    }
    return err;
}

int digest_response(char out[DIGEST_HEX], enum digest_algo algo, const char *ha1, const struct digest *d, const char *method)
{
    char ha2[DIGEST_HEX];
    int err = hash(ha2, algo, (const char *const[]){method, d->uri, NULL});

    if (err)
        return err;
    if (d->qop[0])
        return hash(out, algo, (const char *const[]){ha1, d->nonce, d->nc, d->cnonce, d->qop, ha2, NULL});
    return hash(out, algo, (const char *const[]){ha1, d->nonce, ha2, NULL});
}

bool digest_equal(const char *a, const char *b)
{
    size_t na = strlen(a), nb = strlen(b);
    unsigned char differs = na != nb;

    for (size_t i = 0; i < nb; i++)
        differs |= (unsigned char)(tolower((unsigned char)a[na ? i % na : 0]) ^ tolower((unsigned char)b[i]));
    return !differs && nb;
}

void digest_forget(void *p, size_t n)
{
    OPENSSL_cleanse(p, n);
}

void digest_seal(char out[DIGEST_HEX], const void *key, size_t n, const char *text)
{
    unsigned char md[EVP_MAX_MD_SIZE];
    unsigned len = 0;

    HMAC(EVP_sha256(), key, (int)n, (const unsigned char *)text, strlen(text), md, &len);
    lower_hex(out, md, len);
}
