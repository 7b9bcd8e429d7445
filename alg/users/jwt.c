#include "alg/users/jwt.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <openssl/crypto.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>

#include "common/enc.h"

#define SECRET_MIN 32 /* RFC 7518 3.2: as long as the hash */
#define SECRET_MAX 1024

struct key {
    char kid[128], alg[8], issuer[256], audience[256];
    unsigned char secret[SECRET_MAX];
    size_t n_secret;
    EVP_PKEY *pkey;
};

struct jwt_keys {
    struct key keys[JWT_KEYS_MAX];
    unsigned n;
};

static int read_secret(struct key *k, FILE *f)
{
    k->n_secret = fread(k->secret, 1, sizeof k->secret, f);
    while (k->n_secret && (k->secret[k->n_secret - 1] == '\n' || k->secret[k->n_secret - 1] == '\r'))
        k->n_secret--;
    return k->n_secret >= SECRET_MIN && k->n_secret < sizeof k->secret ? 0 : -EINVAL;
}

static int read_public(struct key *k, FILE *f)
{
    char curve[32] = "";
    size_t n = 0;

    k->pkey = PEM_read_PUBKEY(f, NULL, NULL, NULL);
    if (!k->pkey)
        return -EINVAL;
    if (!strcmp(k->alg, "RS256"))
        return EVP_PKEY_is_a(k->pkey, "RSA") && EVP_PKEY_get_bits(k->pkey) >= 2048 ? 0 : -EINVAL;
    return EVP_PKEY_is_a(k->pkey, "EC") && EVP_PKEY_get_group_name(k->pkey, curve, sizeof curve, &n) && !strcmp(curve, "prime256v1")
               ? 0 : -EINVAL;
}

static int read_key(struct key *k, const struct jwt_key_conf *c)
{
    FILE *f = fopen(c->file, "r");
    int err;

    if (!f)
        return -errno;
    snprintf(k->kid, sizeof k->kid, "%s", c->kid);
    snprintf(k->alg, sizeof k->alg, "%s", c->alg);
    snprintf(k->issuer, sizeof k->issuer, "%s", c->issuer);
    snprintf(k->audience, sizeof k->audience, "%s", c->audience);
    err = !strcmp(c->alg, "HS256") ? read_secret(k, f) : !strcmp(c->alg, "RS256") || !strcmp(c->alg, "ES256") ? read_public(k, f) : -EINVAL;
    fclose(f);
    return err;
}

int jwt_keys_new(struct jwt_keys **kp, const struct jwt_key_conf *conf, unsigned n, char *why, size_t size)
{
    struct jwt_keys *k = calloc(1, sizeof *k);
    int err = !k ? -ENOMEM : n > JWT_KEYS_MAX ? -E2BIG : 0;

    for (unsigned i = 0; i < n && !err; i++) {
        err = read_key(&k->keys[k->n++], &conf[i]);
        if (err)
            snprintf(why, size, "%s: no %s key: %s", conf[i].file, conf[i].alg, err == -EINVAL
                     ? "a PEM public key (RSA of 2048 bits, or P-256), or for HS256 a secret of 32 bytes or more" : strerror(-err));
    }
    if (err)
        jwt_keys_free(k);
    else
        *kp = k;
    return err;
}

void jwt_keys_free(struct jwt_keys *k)
{
    if (!k)
        return;
    for (unsigned i = 0; i < k->n; i++)
        EVP_PKEY_free(k->keys[i].pkey);
    OPENSSL_cleanse(k, sizeof *k);
    free(k);
}

/* RFC 4648 5 without padding */
static int unbase64url(struct sv text, void *out, size_t size)
{
    char std[JWT_MAX + 4];

    if (!text.n || text.n > JWT_MAX || text.n % 4 == 1)
        return -EBADMSG;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];

        if (c == '+' || c == '/' || c == '=')
            return -EBADMSG;
        std[i] = (char)(c == '-' ? '+' : c == '_' ? '/' : c);
    }
    return enc_unbase64((struct sv){std, text.n}, out, size);
}

static json_t *object_of(struct sv text)
{
    char raw[JWT_MAX];
    int n = unbase64url(text, raw, sizeof raw);
    json_t *o = n > 0 ? json_loadb(raw, (size_t)n, JSON_REJECT_DUPLICATES, NULL) : NULL;

    if (o && !json_is_object(o)) {
        json_decref(o);
        o = NULL;
    }
    return o;
}

static bool hs256(const struct key *k, struct sv text, const unsigned char *sig, int n)
{
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned len = 0;

    return HMAC(EVP_sha256(), k->secret, (int)k->n_secret, (const unsigned char *)text.p, text.n, mac, &len) && n == (int)len &&
           !CRYPTO_memcmp(mac, sig, len);
}

/* RFC 7518 3.4: R and S, 32 bytes each; OpenSSL wants DER. */
static int to_der(const unsigned char *sig, int n, unsigned char *der, size_t size)
{
    ECDSA_SIG *es = n == 64 ? ECDSA_SIG_new() : NULL;
    BIGNUM *r = es ? BN_bin2bn(sig, 32, NULL) : NULL, *s = es ? BN_bin2bn(sig + 32, 32, NULL) : NULL;
    unsigned char *p = der;
    int len = -1;

    if (es && r && s && ECDSA_SIG_set0(es, r, s)) {
        r = s = NULL; /* es owns them */
        if (i2d_ECDSA_SIG(es, NULL) <= (int)size)
            len = i2d_ECDSA_SIG(es, &p);
    }
    BN_free(r);
    BN_free(s);
    ECDSA_SIG_free(es);
    return len;
}

static bool signed_by(const struct key *k, struct sv text, const unsigned char *sig, int n)
{
    unsigned char der[80];
    EVP_MD_CTX *ctx;
    bool ok;

    if (!k->pkey)
        return hs256(k, text, sig, n);
    if (!strcmp(k->alg, "ES256")) {
        n = to_der(sig, n, der, sizeof der);
        sig = der;
    }
    ctx = n > 0 ? EVP_MD_CTX_new() : NULL;
    ok = ctx && EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, k->pkey) == 1 &&
         EVP_DigestVerify(ctx, sig, (size_t)n, (const unsigned char *)text.p, text.n) == 1;
    EVP_MD_CTX_free(ctx);
    return ok;
}

static bool audience_has(const json_t *aud, const char *want)
{
    bool found = json_is_string(aud) && !strcmp(json_string_value(aud), want);
    const json_t *one;
    size_t i;

    if (json_is_array(aud))
        json_array_foreach(aud, i, one)
            found = found || (json_is_string(one) && !strcmp(json_string_value(one), want));
    return found;
}

/* "": absent, or nothing that may stand in a header. */
static void identity(const json_t *o, const char *name, char *out, size_t size)
{
    const json_t *v = json_object_get(o, name);
    const char *text = json_string_value(v);

    if (text && json_string_length(v) == strlen(text) && strlen(text) < size && !text[strcspn(text, " <>\",;\\\r\n\t")])
        snprintf(out, size, "%s", text);
    else
        out[0] = 0;
}

static int claims(const struct key *k, const json_t *o, const char *domain, int64_t now, struct jwt_claims *out)
{
    const json_t *exp = json_object_get(o, "exp"), *nbf = json_object_get(o, "nbf"), *sub = json_object_get(o, "sub");
    const char *iss = json_string_value(json_object_get(o, "iss"));

    if (!json_is_number(exp) || !json_is_string(sub) || !json_string_length(sub) || json_string_length(sub) >= sizeof out->sub ||
        strlen(json_string_value(sub)) != json_string_length(sub) || (nbf && !json_is_number(nbf)))
        return -EBADMSG;
    if (json_number_value(exp) + JWT_SKEW_S <= (double)now || (nbf && json_number_value(nbf) - JWT_SKEW_S > (double)now))
        return -ETIME;
    if (!audience_has(json_object_get(o, "aud"), k->audience[0] ? k->audience : domain) ||
        (k->issuer[0] && (!iss || strcmp(iss, k->issuer) != 0)))
        return -EPERM;
    snprintf(out->sub, sizeof out->sub, "%s", json_string_value(sub));
    identity(o, "impu", out->impu, sizeof out->impu);
    identity(o, "impi", out->impi, sizeof out->impi);
    out->exp = json_number_value(exp) < 4e12 ? (int64_t)json_number_value(exp) : INT64_C(4000000000000);
    return 0;
}

/* The key that the header names; its own algorithm counts, not what the header would like (RFC 8725 3.1). */
static const struct key *key_of(const struct jwt_keys *k, const json_t *head, unsigned *at)
{
    const char *alg = json_string_value(json_object_get(head, "alg")), *kid = json_string_value(json_object_get(head, "kid"));

    for (; *at < k->n; ++*at)
        if (alg && !strcmp(alg, k->keys[*at].alg) && (!k->keys[*at].kid[0] || (kid && !strcmp(kid, k->keys[*at].kid))))
            return &k->keys[(*at)++];
    return NULL;
}

int jwt_check(const struct jwt_keys *k, const char *token, const char *domain, int64_t now, struct jwt_claims *out)
{
    struct sv rest = sv_from(token), whole, parts[2], body;
    unsigned char sig[1024];
    const struct key *key = NULL;
    json_t *head = NULL, *o = NULL;
    unsigned at = 0;
    int n, err = -EBADMSG;

    if (rest.n > JWT_MAX)
        return err;
    parts[0] = sv_cut(&rest, '.');
    parts[1] = sv_cut(&rest, '.');
    body = (struct sv){token, rest.p ? (size_t)(rest.p - token) - 1 : 0};
    whole = rest;
    n = unbase64url(whole, sig, sizeof sig);
    head = n > 0 ? object_of(parts[0]) : NULL;
    if (head && !json_object_get(head, "crit")) { /* RFC 7515 4.1.11: we understand none */
        err = -ENOKEY;
        while (k && err && (key = key_of(k, head, &at)))
            err = signed_by(key, body, sig, n) ? 0 : -EACCES;
    }
    if (!err) {
        o = object_of(parts[1]);
        err = o ? claims(key, o, domain, now, out) : -EBADMSG;
    }
    json_decref(head);
    json_decref(o);
    return err;
}
