/* A fresh key and certificate by OpenSSL. */
#include "agw/ctl/cert.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <stdlib.h>

#include "common/enc.h"

/* Our own back-date: a peer's clock may be behind ours. */
#define CERT_BEFORE_SECONDS (24L * 3600)

static int name_set(X509 *x, const char *common_name)
{
    X509_NAME *name = X509_get_subject_name(x);
    int ok = X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                        (const unsigned char *)common_name, -1, -1, 0) &&
             X509_set_issuer_name(x, name);

    return ok ? 0 : -EIO;
}

/* 63 random bits: positive, never the same twice (RFC 5280 4.1.2.2). */
static int serial_set(X509 *x)
{
    uint64_t serial = 0;

    if (RAND_bytes((unsigned char *)&serial, sizeof serial) != 1)
        return -EIO;
    return ASN1_INTEGER_set_uint64(X509_get_serialNumber(x), (serial >> 1) | 1) ? 0 : -EIO;
}

static X509 *x509_make(EVP_PKEY *key, const char *common_name)
{
    X509 *x = X509_new();

    if (!x)
        return NULL;
    if (X509_set_version(x, X509_VERSION_3) && !serial_set(x) &&
        X509_gmtime_adj(X509_getm_notBefore(x), -CERT_BEFORE_SECONDS) &&
        X509_gmtime_adj(X509_getm_notAfter(x), CERT_DAYS * 24L * 3600) && X509_set_pubkey(x, key) &&
        !name_set(x, common_name) && X509_sign(x, key, EVP_sha256()))
        return x;
    X509_free(x);
    return NULL;
}

static int key_der(EVP_PKEY *key, struct cert *c)
{
    PKCS8_PRIV_KEY_INFO *p8 = EVP_PKEY2PKCS8(key);
    int n = p8 ? i2d_PKCS8_PRIV_KEY_INFO(p8, &c->key) : -1;

    PKCS8_PRIV_KEY_INFO_free(p8);
    if (n <= 0)
        return -EIO;
    c->key_len = (size_t)n;
    return 0;
}

static int cert_der(X509 *x, struct cert *c)
{
    uint8_t md[EVP_MAX_MD_SIZE];
    unsigned md_len = 0;
    int n = i2d_X509(x, &c->der);

    if (n <= 0)
        return -EIO;
    c->der_len = (size_t)n;
    c->fps = calloc(1, sizeof *c->fps);
    if (!c->fps)
        return -ENOMEM;
    if (!EVP_Digest(c->der, c->der_len, md, &md_len, EVP_sha256(), NULL) ||
        md_len * 3 > sizeof c->fps->text)
        return -EIO;
    enc_hex(md, md_len, ':', c->fps->text);
    c->fingerprint = c->fps->text;
    return 0;
}

int cert_new(struct cert **cp, const char *common_name)
{
    struct cert *c = calloc(1, sizeof *c);
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = key ? x509_make(key, common_name) : NULL;
    int err = c && x ? 0 : -EIO;

    if (!err)
        err = key_der(key, c);
    if (!err)
        err = cert_der(x, c);
    X509_free(x);
    EVP_PKEY_free(key);
    if (err)
        cert_free(c);
    else
        *cp = c;
    return err;
}

void cert_replace(struct cert *c, struct cert *fresh)
{
    const struct cert old = *c;

    *c = *fresh;
    c->fps->older = old.fps;
    *fresh = old;
    fresh->fps = NULL;
    cert_free(fresh);
}

void cert_free(struct cert *c)
{
    struct cert_fp *fp;

    if (!c)
        return;
    while ((fp = c->fps)) {
        c->fps = fp->older;
        free(fp);
    }
    OPENSSL_free(c->der);
    OPENSSL_clear_free(c->key, c->key_len);
    free(c);
}
