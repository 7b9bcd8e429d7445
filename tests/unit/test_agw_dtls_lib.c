/* What DTLS's own library context leaves out of OpenSSL: no key that a peer's certificate may have, nothing but keys. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "agw/ctl/cert.h"
#include "agw/media/dtls.h"
#include "agw/media/dtls_lib.h"
#include "tests/fake/clock.h"

#include <openssl/decoder.h>
#include <openssl/err.h>
#include <openssl/kdf.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#define GIVE_UP 3000
#define MTU 1200
#define TURNS 10

/* --- a peer with a certificate of any key --- */

static X509 *cert_of(EVP_PKEY *key, const EVP_MD *md)
{
    X509 *x = X509_new();

    assert_true(X509_set_version(x, X509_VERSION_3) && ASN1_INTEGER_set(X509_get_serialNumber(x), 1) &&
                X509_gmtime_adj(X509_getm_notBefore(x), 0) && X509_gmtime_adj(X509_getm_notAfter(x), 3600) &&
                X509_set_pubkey(x, key) && X509_sign(x, key, md));
    return x;
}

static int any_cert(X509_STORE_CTX *store, void *arg)
{
    (void)store, (void)arg;
    return 1;
}

static SSL *peer_new(SSL_CTX *ctx, EVP_PKEY *key, X509 *cert, bool client)
{
    BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
    SSL *ssl;

    assert_true(SSL_CTX_use_certificate(ctx, cert) == 1 && SSL_CTX_use_PrivateKey(ctx, key) == 1);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_cert_verify_callback(ctx, any_cert, NULL);
    SSL_CTX_set_options(ctx, SSL_OP_NO_QUERY_MTU);
    ssl = SSL_new(ctx);
    BIO_set_mem_eof_return(in, -1);
    SSL_set_bio(ssl, in, out);
    SSL_set_mtu(ssl, MTU);
    client ? SSL_set_connect_state(ssl) : SSL_set_accept_state(ssl);
    return ssl;
}

static void from_peer(SSL *peer, struct dtls *d, struct tx *tx)
{
    uint8_t flight[16384], got[64];
    const int n = BIO_read(SSL_get_wbio(peer), flight, sizeof(flight));

    for (int at = 0, len; at + 13 <= n; at += len) {
        len = 13 + (flight[at + 11] << 8 | flight[at + 12]);
        dtls_input(d, flight + at, (size_t)len, tx);
        while (dtls_read(d, got, sizeof(got), tx) > 0)
            ;
    }
}

/* Both ends are up, we by the fingerprint of its certificate. */
static void meet(struct dtls_ctx *ctx, EVP_PKEY *key, const EVP_MD *md, bool client)
{
    SSL_CTX *peer_ctx = SSL_CTX_new(DTLS_method());
    X509 *cert = cert_of(key, md);
    SSL *peer = peer_new(peer_ctx, key, cert, !client);
    static struct tx tx;
    uint8_t fp[EVP_MAX_MD_SIZE];
    struct dtls *d;
    unsigned n;

    assert_true(X509_digest(cert, EVP_sha256(), fp, &n));
    assert_int_equal(dtls_new(&d, ctx, client, GIVE_UP, clock_now()), 0);
    assert_int_equal(dtls_expect(d, "sha-256", fp, n, &tx), 0);
    dtls_start(d, &tx);
    for (unsigned i = 0; i < TURNS; i++) {
        for (unsigned k = 0; k < tx.n; k++)
            BIO_write(SSL_get_rbio(peer), tx.slot[k].p, (int)tx.slot[k].n);
        tx.n = 0;
        (void)SSL_do_handshake(peer);
        from_peer(peer, d, &tx);
    }
    assert_int_equal(dtls_state(d), DTLS_UP);
    assert_true(SSL_is_init_finished(peer));
    dtls_free(d);
    SSL_free(peer);
    SSL_CTX_free(peer_ctx);
    X509_free(cert);
    ERR_clear_error();
}

static EVP_PKEY *key_new(const char *kind, const char *group)
{
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(NULL, kind, NULL);
    EVP_PKEY *key = NULL;

    assert_true(EVP_PKEY_keygen_init(c) > 0);
    if (strncmp(kind, "RSA", 3) == 0)
        assert_true(EVP_PKEY_CTX_set_rsa_keygen_bits(c, 2048) > 0);
    else if (group)
        assert_true(EVP_PKEY_CTX_set_group_name(c, group) > 0);
    assert_true(EVP_PKEY_generate(c, &key) > 0);
    EVP_PKEY_CTX_free(c);
    return key;
}

static void every_key_is_read(void **state)
{
    static const struct {
        const char *kind, *group;
        bool no_md;  /* it has its own */
        bool serves; /* OpenSSL as DTLS 1.2 server takes it */
    } rows[] = {{"EC", "P-256", false, true}, {"EC", "P-384", false, true}, {"RSA", NULL, false, true},
                {"RSA-PSS", NULL, false, false}, {"ED25519", NULL, true, false}, {"ED448", NULL, true, false}};
    struct dtls_ctx *ctx;
    struct cert *cert;

    (void)state;
    assert_int_equal(cert_new(&cert, "agw"), 0);
    assert_int_equal(dtls_ctx_new(&ctx, cert->der, cert->der_len, cert->key, cert->key_len), 0);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        EVP_PKEY *key = key_new(rows[i].kind, rows[i].group);
        const EVP_MD *md = rows[i].no_md ? NULL : EVP_sha256();

        assert_non_null(key);
        meet(ctx, key, md, false);
        if (rows[i].serves)
            meet(ctx, key, md, true);
        EVP_PKEY_free(key);
    }
    dtls_ctx_free(ctx);
    cert_free(cert);
}

/* --- what it has --- */

struct have {
    unsigned decoders, digests, ciphers, macs, kdfs, keys, exchanges, signatures;
};

static void add_decoder(OSSL_DECODER *x, void *n)
{
    (void)x;
    ++*(unsigned *)n;
}

#define ADD(type) \
    static void add_##type(type *x, void *n) \
    { \
        (void)x; \
        ++*(unsigned *)n; \
    }
ADD(EVP_MD)
ADD(EVP_CIPHER)
ADD(EVP_MAC)
ADD(EVP_KDF)
ADD(EVP_KEYMGMT)
ADD(EVP_KEYEXCH)
ADD(EVP_SIGNATURE)

static struct have have(OSSL_LIB_CTX *lib)
{
    struct have h = {0};

    OSSL_DECODER_do_all_provided(lib, add_decoder, &h.decoders);
    EVP_MD_do_all_provided(lib, add_EVP_MD, &h.digests);
    EVP_CIPHER_do_all_provided(lib, add_EVP_CIPHER, &h.ciphers);
    EVP_MAC_do_all_provided(lib, add_EVP_MAC, &h.macs);
    EVP_KDF_do_all_provided(lib, add_EVP_KDF, &h.kdfs);
    EVP_KEYMGMT_do_all_provided(lib, add_EVP_KEYMGMT, &h.keys);
    EVP_KEYEXCH_do_all_provided(lib, add_EVP_KEYEXCH, &h.exchanges);
    EVP_SIGNATURE_do_all_provided(lib, add_EVP_SIGNATURE, &h.signatures);
    return h;
}

static void nothing_but_keys_is_left_out(void **state)
{
    struct have few, all;

    (void)state;
    assert_non_null(dtls_lib());
    assert_ptr_equal(dtls_lib(), dtls_lib());
    few = have(dtls_lib());
    all = have(NULL);
    assert_int_equal(few.decoders, 10);
    assert_int_equal(few.keys, 6);
    assert_true(all.decoders > few.decoders && all.keys > few.keys);
    few.decoders = all.decoders;
    few.keys = all.keys;
    assert_true(few.ciphers > 0 && few.signatures > 0);
    assert_memory_equal(&few, &all, sizeof(few));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_but_keys_is_left_out),
        cmocka_unit_test(every_key_is_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
