#include "agw/media/dtls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/time.h>

#include "agw/media/dtls_lib.h"

#define CIPHERS "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:" \
                "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:" \
                "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"

/* Our order, as server; offered alike as client. GCM first: half the cost of CM with HMAC for video packets. */
#define SRTP_PROFILES "SRTP_AEAD_AES_128_GCM:SRTP_AEAD_AES_256_GCM:SRTP_AES128_CM_SHA1_80:SRTP_AES128_CM_SHA1_32"
#define SRTP_LABEL "EXTRACTOR-dtls_srtp"

#define DTLS_COOKIE 20

struct dtls_ctx {
    unsigned refs; /* owners and connections; all of one thread */
    SSL_CTX *ssl;
    BIO_METHOD *bio; /* one datagram in, a struct tx out */
    unsigned mtu, rto_ms;
};

struct dtls {
    struct dtls_ctx *ctx;
    SSL *ssl;
    bool client;
    enum dtls_state state;
    msec_t give_up;
    const uint8_t *in; /* the datagram being worked on; NULL: taken */
    size_t in_n;
    bool dry;          /* all of it has been read, and what OpenSSL held back */
    struct tx *tx;     /* where records go during a call */
    char hash[16];     /* empty: fingerprint not known */
    uint8_t fp[EVP_MAX_MD_SIZE];
    unsigned fp_n;
    bool match, mismatch; /* what the handshake found, if the fingerprint was known by then */
    bool want_srtp, no_srtp; /* asked for; not to be had */
    uint8_t cookie[DTLS_COOKIE];
    char why[96];
};

/* --- the BIO --- */

static int bio_write(BIO *bio, const char *p, int n)
{
    struct dtls *d = BIO_get_data(bio);

    BIO_clear_retry_flags(bio);
    if (d->tx)
        (void)tx_put(d->tx, p, (size_t)n); /* full: a lost datagram, counted there */
    return n;
}

static int bio_read(BIO *bio, char *p, int size)
{
    struct dtls *d = BIO_get_data(bio);
    size_t n = d->in_n;

    BIO_clear_retry_flags(bio);
    if (!d->in) {
        BIO_set_retry_read(bio);
        return -1;
    }
    if (n > (size_t)size)
        n = (size_t)size;
    memcpy(p, d->in, n);
    d->in = NULL;
    return (int)n;
}

static long bio_ctrl(BIO *bio, int cmd, long num, void *p)
{
    const struct dtls *d = BIO_get_data(bio);

    (void)num;
    (void)p;
    switch (cmd) {
    case BIO_CTRL_FLUSH:
    case BIO_CTRL_DUP:
        return 1;
    case BIO_CTRL_DGRAM_QUERY_MTU:
    case BIO_CTRL_DGRAM_GET_FALLBACK_MTU:
        return (long)d->ctx->mtu;
    default:
        return 0;
    }
}

/* --- context --- */

/* Certificates are self-signed: the fingerprint decides, here when it is known already (then the peer gets the alert
 * bad_certificate, RFC 8122 6.2), else in dtls_expect. */
static bool fingerprint_ok(const struct dtls *d, const X509 *cert)
{
    static const struct {
        const char *name;
        const EVP_MD *(*md)(void);
    } hashes[] = {{"sha-256", EVP_sha256}, {"sha-384", EVP_sha384}, {"sha-512", EVP_sha512}};
    uint8_t fp[EVP_MAX_MD_SIZE];
    unsigned n = 0;

    for (size_t i = 0; i < ARRAY_LEN(hashes); i++)
        if (strcasecmp(d->hash, hashes[i].name) == 0)
            return X509_digest(cert, hashes[i].md(), fp, &n) && n == d->fp_n && memcmp(fp, d->fp, n) == 0;
    return false;
}

static bool srtp_ok(const struct dtls *d)
{
    return !d->want_srtp || SSL_get_selected_srtp_profile(d->ssl);
}

/* The hellos have been exchanged: the last moment at which the handshake can still end with an alert of our choice. */
static int on_verify(X509_STORE_CTX *store, void *arg)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct dtls *d = SSL_get_app_data(ssl);

    (void)arg;
    if (!srtp_ok(d)) {
        d->no_srtp = true;
        X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION); /* alert handshake_failure */
        return 0;
    }
    d->match = d->hash[0] && fingerprint_ok(d, X509_STORE_CTX_get0_cert(store));
    if (d->match || !d->hash[0])
        return 1;
    d->mismatch = true;
    X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
    return 0;
}

/* RFC 6347 4.2.1: who answers with it has received it. */
static int on_cookie(SSL *ssl, unsigned char *out, unsigned *n)
{
    const struct dtls *d = SSL_get_app_data(ssl);

    memcpy(out, d->cookie, sizeof(d->cookie));
    *n = sizeof(d->cookie);
    return 1;
}

static int on_cookie_back(SSL *ssl, const unsigned char *cookie, unsigned n)
{
    const struct dtls *d = SSL_get_app_data(ssl);

    return n == sizeof(d->cookie) && CRYPTO_memcmp(cookie, d->cookie, n) == 0;
}

static int load_cert(SSL_CTX *ssl, const uint8_t *cert, size_t cert_n, const uint8_t *key, size_t key_n)
{
    EVP_PKEY *pkey = d2i_AutoPrivateKey_ex(NULL, &key, (long)key_n, dtls_lib(), NULL);
    int err = 0;

    if (!pkey || SSL_CTX_use_certificate_ASN1(ssl, (int)cert_n, cert) != 1 ||
        SSL_CTX_use_PrivateKey(ssl, pkey) != 1 || SSL_CTX_check_private_key(ssl) != 1)
        err = -EINVAL;
    EVP_PKEY_free(pkey);
    return err;
}

static int set_policy(SSL_CTX *ssl)
{
    SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET |
                                 SSL_OP_NO_QUERY_MTU | SSL_OP_SINGLE_ECDH_USE);
    SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_read_ahead(ssl, 1);
    SSL_CTX_set_max_cert_list(ssl, MEDIA_DTLS_CERTS);
    SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_verify_depth(ssl, 1);
    SSL_CTX_set_cert_verify_callback(ssl, on_verify, NULL);
    SSL_CTX_set_cookie_generate_cb(ssl, on_cookie);
    SSL_CTX_set_cookie_verify_cb(ssl, on_cookie_back);
    /* P-384 for who has such a certificate: without it that is refused (RFC 8422 5.1.1) */
    if (!SSL_CTX_set_min_proto_version(ssl, DTLS1_2_VERSION) ||
        !SSL_CTX_set_max_proto_version(ssl, DTLS1_2_VERSION) || !SSL_CTX_set_cipher_list(ssl, CIPHERS) ||
        !SSL_CTX_set1_groups_list(ssl, "X25519:P-256:P-384") || SSL_CTX_set_tlsext_use_srtp(ssl, SRTP_PROFILES) ||
        !SSL_CTX_set_max_send_fragment(ssl, MEDIA_RECORD_MAX)) /* and so the buffer of each connection is small */
        return -EINVAL;
    return 0;
}

int dtls_ctx_new(struct dtls_ctx **ctxp, const uint8_t *cert_der, size_t cert_len, const uint8_t *key_der,
                 size_t key_len)
{
    struct dtls_ctx *ctx = calloc(1, sizeof(*ctx));
    int err = -ENOMEM;

    if (!ctx)
        return -ENOMEM;
    ctx->refs = 1;
    dtls_ctx_set_link(ctx, MEDIA_DTLS_MTU, MEDIA_DTLS_RTO_MS);
    ctx->ssl = SSL_CTX_new_ex(dtls_lib(), NULL, DTLS_method());
    ctx->bio = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "datagram");
    if (!ctx->ssl || !ctx->bio)
        goto out;
    BIO_meth_set_write(ctx->bio, bio_write);
    BIO_meth_set_read(ctx->bio, bio_read);
    BIO_meth_set_ctrl(ctx->bio, bio_ctrl);
    err = set_policy(ctx->ssl);
    if (!err)
        err = load_cert(ctx->ssl, cert_der, cert_len, key_der, key_len);
out:
    ERR_clear_error();
    if (err)
        dtls_ctx_free(ctx);
    else
        *ctxp = ctx;
    return err;
}

struct dtls_ctx *dtls_ctx_ref(struct dtls_ctx *ctx)
{
    if (ctx)
        ctx->refs++;
    return ctx;
}

void dtls_ctx_free(struct dtls_ctx *ctx)
{
    if (!ctx || --ctx->refs > 0)
        return;
    SSL_CTX_free(ctx->ssl);
    BIO_meth_free(ctx->bio);
    free(ctx);
}

void dtls_ctx_set_link(struct dtls_ctx *ctx, unsigned mtu, unsigned rto_ms)
{
    ctx->mtu = mtu;
    ctx->rto_ms = rto_ms;
}

/* --- connection --- */

static unsigned on_timer(SSL *ssl, unsigned us)
{
    const struct dtls *d = SSL_get_app_data(ssl);

    if (us == 0)
        return d->ctx->rto_ms * 1000;
    return us < MEDIA_DTLS_RTO_MAX_MS * 500 ? us * 2 : MEDIA_DTLS_RTO_MAX_MS * 1000;
}

int dtls_new(struct dtls **dp, struct dtls_ctx *ctx, bool client, msec_t timeout, msec_t now)
{
    struct dtls *d = calloc(1, sizeof(*d));
    BIO *bio = NULL;

    if (!d)
        return -ENOMEM;
    d->ctx = dtls_ctx_ref(ctx);
    d->client = client;
    d->give_up = now + timeout;
    d->ssl = SSL_new(ctx->ssl);
    bio = BIO_new(ctx->bio);
    if (!d->ssl || !bio) {
        BIO_free(bio);
        dtls_free(d);
        return -ENOMEM;
    }
    BIO_set_data(bio, d);
    BIO_set_init(bio, 1);
    SSL_set_bio(d->ssl, bio, bio);
    SSL_set_app_data(d->ssl, d);
    SSL_set_mtu(d->ssl, (long)ctx->mtu);
    DTLS_set_timer_cb(d->ssl, on_timer);
    if (client)
        SSL_set_connect_state(d->ssl);
    else
        SSL_set_accept_state(d->ssl);
    *dp = d;
    return 0;
}

int dtls_ask_cookie(struct dtls *d)
{
    if (RAND_bytes(d->cookie, sizeof(d->cookie)) != 1)
        return -EIO;
    SSL_set_options(d->ssl, SSL_OP_COOKIE_EXCHANGE);
    return 0;
}

void dtls_free(struct dtls *d)
{
    if (!d)
        return;
    d->tx = NULL;
    SSL_free(d->ssl);
    dtls_ctx_free(d->ctx);
    free(d);
}

void dtls_want_srtp(struct dtls *d)
{
    d->want_srtp = true;
}

bool dtls_is_client(const struct dtls *d)
{
    return d->client;
}

enum dtls_state dtls_state(const struct dtls *d)
{
    return d->state;
}

const char *dtls_why(const struct dtls *d)
{
    return d->why;
}

static void fail(struct dtls *d, const char *why)
{
    d->state = DTLS_FAILED;
    snprintf(d->why, sizeof(d->why), "%s", why);
}

static void fail_ssl(struct dtls *d)
{
    const unsigned long e = ERR_peek_last_error();
    const char *reason = e ? ERR_reason_error_string(e) : NULL;
    char why[sizeof(d->why)];

    if (d->mismatch) {
        fail(d, "fingerprint mismatch");
    } else if (d->no_srtp) {
        fail(d, "no common SRTP profile");
    } else {
        snprintf(why, sizeof(why), "handshake: %s", reason ? reason : "protocol error");
        fail(d, why);
    }
    ERR_clear_error();
}

static bool peer_ok(const struct dtls *d)
{
    X509 *cert = SSL_get1_peer_certificate(d->ssl);
    const bool ok = cert && fingerprint_ok(d, cert);

    X509_free(cert);
    return ok;
}

/* The certificate may have passed on_verify before the fingerprint came: looked at then. */
static void finished(struct dtls *d)
{
    if (!d->hash[0])
        d->state = DTLS_HELD;
    else if (d->match || peer_ok(d))
        d->state = DTLS_UP;
    else
        fail(d, "fingerprint mismatch");
}

static void handshake(struct dtls *d)
{
    int n, err;

    ERR_clear_error();
    n = SSL_do_handshake(d->ssl);
    if (n == 1) {
        finished(d);
        return;
    }
    err = SSL_get_error(d->ssl, n);
    if (err != SSL_ERROR_WANT_READ && err != SSL_ERROR_WANT_WRITE)
        fail_ssl(d);
}

static bool is_over(const struct dtls *d)
{
    return d->state == DTLS_FAILED || d->state == DTLS_CLOSED;
}

int dtls_expect(struct dtls *d, const char *hash, const uint8_t *fp, unsigned n, struct tx *tx)
{
    if (is_over(d))
        return -ENOTCONN;
    if (n > sizeof(d->fp))
        n = sizeof(d->fp); /* no hash is as long: mismatch */
    sv_copy(sv_from(hash), d->hash, sizeof(d->hash));
    memcpy(d->fp, fp, n);
    d->fp_n = n;
    d->match = false;
    if (d->state == DTLS_HANDSHAKE)
        return 0;
    if (peer_ok(d)) {
        d->state = DTLS_UP;
        return 0;
    }
    dtls_close(d, tx);
    fail(d, "fingerprint mismatch");
    return -EACCES;
}

void dtls_start(struct dtls *d, struct tx *tx)
{
    d->tx = tx;
    if (d->state == DTLS_HANDSHAKE)
        handshake(d);
    d->tx = NULL;
}

void dtls_input(struct dtls *d, const void *p, size_t n, struct tx *tx)
{
    if (is_over(d))
        return;
    d->in = p;
    d->in_n = n;
    d->dry = false;
    if (d->state == DTLS_HANDSHAKE)
        dtls_start(d, tx);
}

size_t dtls_read(struct dtls *d, void *p, size_t size, struct tx *tx)
{
    int n, err;

    if (d->state != DTLS_HELD && d->state != DTLS_UP) {
        d->in = NULL;
        return 0;
    }
    if (d->dry)
        return 0;
    ERR_clear_error();
    d->tx = tx;
    n = SSL_read(d->ssl, p, (int)size);
    d->tx = NULL;
    if (n > 0)
        return (size_t)n;
    d->in = NULL;
    d->dry = true;
    err = SSL_get_error(d->ssl, n);
    if (err == SSL_ERROR_ZERO_RETURN)
        d->state = DTLS_CLOSED;
    else if (err != SSL_ERROR_WANT_READ && err != SSL_ERROR_WANT_WRITE)
        fail_ssl(d);
    return 0;
}

int dtls_write(struct dtls *d, const void *p, size_t n, struct tx *tx)
{
    int sent;

    if (d->state != DTLS_UP)
        return -ENOTCONN;
    if (n == 0 || n > MEDIA_TX_SIZE - 64) /* header, nonce and tag */
        return -EMSGSIZE;
    ERR_clear_error();
    d->tx = tx;
    sent = SSL_write(d->ssl, p, (int)n);
    d->tx = NULL;
    if (sent > 0)
        return 0;
    ERR_clear_error();
    return -EPROTO;
}

void dtls_close(struct dtls *d, struct tx *tx)
{
    if (d->state != DTLS_UP && d->state != DTLS_HELD)
        return;
    d->tx = tx;
    (void)SSL_shutdown(d->ssl); /* ours is sent; the peer's is not waited for */
    d->tx = NULL;
    ERR_clear_error();
    d->state = DTLS_CLOSED;
}

int dtls_srtp(const struct dtls *d, struct srtp_key *ours, struct srtp_key *theirs)
{
    const SRTP_PROTECTION_PROFILE *agreed = SSL_get_selected_srtp_profile(d->ssl);
    const enum srtp_profile profile = agreed ? (enum srtp_profile)agreed->id : SRTP_PROFILE_NONE;
    const unsigned key = srtp_key_len(profile), salt = srtp_salt_len(profile);
    uint8_t all[2 * (SRTP_KEY_MAX + SRTP_SALT_MAX)];
    struct srtp_key *client = d->client ? ours : theirs, *server = d->client ? theirs : ours;

    if (d->state != DTLS_UP)
        return -ENOTCONN;
    if (key == 0)
        return -ENOENT;
    if (SSL_export_keying_material(d->ssl, all, 2 * (key + salt), SRTP_LABEL, strlen(SRTP_LABEL), NULL, 0, 0) != 1) {
        ERR_clear_error();
        return -EPROTO;
    }
    *client = *server = (struct srtp_key){.profile = profile};
    memcpy(client->key, all, key);
    memcpy(server->key, all + key, key);
    memcpy(client->salt, all + 2 * key, salt);
    memcpy(server->salt, all + 2 * key + salt, salt);
    explicit_bzero(all, sizeof(all));
    return 0;
}

msec_t dtls_deadline(const struct dtls *d, msec_t now)
{
    struct timeval tv;
    msec_t at;

    if (d->state != DTLS_HANDSHAKE)
        return MSEC_NEVER;
    if (!DTLSv1_get_timeout(d->ssl, &tv))
        return d->give_up;
    at = now + (msec_t)tv.tv_sec * 1000 + (msec_t)(tv.tv_usec + 999) / 1000;
    return at < d->give_up ? at : d->give_up;
}

void dtls_tick(struct dtls *d, msec_t now, struct tx *tx)
{
    if (d->state != DTLS_HANDSHAKE)
        return;
    if (now >= d->give_up) {
        fail(d, "handshake timed out");
        return;
    }
    ERR_clear_error();
    d->tx = tx;
    if (DTLSv1_handle_timeout(d->ssl) < 0) {
        ERR_clear_error();
        fail(d, "handshake timed out");
    }
    d->tx = NULL;
}
