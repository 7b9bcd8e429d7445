/* The self-signed pair of a first start (laboratory: a browser asks once whether to trust it). */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "alg/sip/ws.h"
#include "common/log.h"

#define CERT_DAYS 825 /* the longest that browsers take */

static int add_names(X509 *x, const char *name)
{
    char alt[320];
    X509_EXTENSION *ext;
    int ok;

    snprintf(alt, sizeof alt, "DNS:%s,DNS:localhost,IP:127.0.0.1,IP:::1", name);
    ext = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, alt);
    ok = ext && X509_add_ext(x, ext, -1);
    X509_EXTENSION_free(ext);
    return ok ? 0 : -EINVAL;
}

static int build(X509 *x, EVP_PKEY *key, const char *name)
{
    X509_NAME *subject = X509_get_subject_name(x);
    uint64_t serial = 0;

    RAND_bytes((unsigned char *)&serial, sizeof serial);
    if (!X509_set_version(x, 2) || !ASN1_INTEGER_set_uint64(X509_get_serialNumber(x), serial >> 1) ||
        !X509_gmtime_adj(X509_getm_notBefore(x), -3600) ||
        !X509_gmtime_adj(X509_getm_notAfter(x), 86400L * CERT_DAYS) || !X509_set_pubkey(x, key) ||
        !X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1, -1, 0) ||
        !X509_set_issuer_name(x, subject) || add_names(x, name) || !X509_sign(x, key, EVP_sha256()))
        return -EINVAL;
    return 0;
}

int ws_cert_load(struct ws_cert **cp, const char *path)
{
    FILE *f = fopen(path, "r");
    X509 *x = f ? PEM_read_X509(f, NULL, NULL, NULL) : NULL;

    if (f)
        fclose(f);
    if (!x)
        return -EINVAL;
    *cp = (struct ws_cert *)x; /* of OpenSSL's type in this file alone */
    return 0;
}

bool ws_cert_is_for(const struct ws_cert *c, const char *host)
{
    X509 *x = (X509 *)c;

    return x && (X509_check_host(x, host, 0, 0, NULL) == 1 || X509_check_ip_asc(x, host, 0) == 1);
}

void ws_cert_free(struct ws_cert *c)
{
    X509_free((X509 *)c);
}

/* Written beside and renamed, so that a crash leaves no half file. */
static int store(const char *path, X509 *x, EVP_PKEY *key)
{
    char tmp[4200];
    FILE *f = NULL;
    int fd, ok;

    snprintf(tmp, sizeof tmp, "%s.new", path);
    fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 || !(f = fdopen(fd, "w"))) {
        int err = errno;

        if (fd >= 0)
            close(fd);
        return -err;
    }
    ok = x ? PEM_write_X509(f, x) : PEM_write_PKCS8PrivateKey(f, key, NULL, NULL, 0, NULL, NULL);
    ok = fclose(f) == 0 && ok;
    return ok && rename(tmp, path) == 0 ? 0 : -EIO;
}

int ws_cert_make(const char *dir, const char *name, char *cert, char *key, size_t size)
{
    EVP_PKEY *pkey = NULL;
    X509 *x = NULL;
    int err;

    if ((size_t)snprintf(cert, size, "%s/wss-cert.pem", dir) >= size ||
        (size_t)snprintf(key, size, "%s/wss-key.pem", dir) >= size)
        return -ENAMETOOLONG;
    if (!access(cert, R_OK) && !access(key, R_OK))
        return 0;
    if (mkdir(dir, 0700) && errno != EEXIST)
        return -errno;
    pkey = EVP_EC_gen("P-256");
    x = X509_new();
    err = pkey && x ? build(x, pkey, name) : -ENOMEM;
    if (!err)
        err = store(key, NULL, pkey);
    if (!err)
        err = store(cert, x, NULL);
    if (!err)
        log_info("ws", "msg=\"self-signed certificate made\" cert=%s", cert);
    X509_free(x);
    EVP_PKEY_free(pkey);
    return err;
}
