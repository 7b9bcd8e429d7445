/* The certificate made at start: readable, matching key, and a fingerprint that SDP can carry. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdio.h>

#include "agw/ctl/cert.h"
#include "common/sdp.h"

static void test_pair(void **state)
{
    struct cert *c = NULL;
    const unsigned char *p;
    EVP_PKEY *key;
    X509 *x;

    (void)state;
    assert_int_equal(cert_new(&c, "agw1.example.net"), 0);
    p = c->der;
    x = d2i_X509(NULL, &p, (long)c->der_len);
    assert_non_null(x);
    p = c->key;
    key = d2i_AutoPrivateKey(NULL, &p, (long)c->key_len);
    assert_non_null(key);
    assert_int_equal(X509_check_private_key(x, key), 1);
    assert_int_equal(X509_verify(x, key), 1);
    assert_int_equal(EVP_PKEY_get_bits(key), 256);
    assert_true(X509_cmp_current_time(X509_get0_notBefore(x)) < 0);
    assert_true(X509_cmp_current_time(X509_get0_notAfter(x)) > 0);
    EVP_PKEY_free(key);
    X509_free(x);
    cert_free(c);
}

static void test_fingerprint(void **state)
{
    struct cert *c = NULL, *other = NULL;
    struct sdp_fingerprint fp;
    uint8_t md[32];
    char text[160];

    (void)state;
    assert_int_equal(cert_new(&c, "a"), 0);
    assert_int_equal(cert_new(&other, "a"), 0);
    snprintf(text, sizeof text, "sha-256 %s", c->fingerprint);
    assert_int_equal(sdp_fingerprint_parse(sv_from(text), &fp), 0);
    assert_int_equal(EVP_Digest(c->der, c->der_len, md, NULL, EVP_sha256(), NULL), 1);
    assert_memory_equal(fp.bytes, md, 32);
    assert_string_not_equal(c->fingerprint, other->fingerprint);
    cert_free(c);
    cert_free(other);
    cert_free(NULL);
}

/* What streams tell stays what they told. */
static void test_replaced(void **state)
{
    struct cert *c = NULL, *fresh = NULL;
    char first[CERT_FP_TEXT], second[CERT_FP_TEXT];
    const char *told;
    uint8_t md[32];

    (void)state;
    assert_int_equal(cert_new(&c, "a"), 0);
    told = c->fingerprint;
    snprintf(first, sizeof first, "%s", told);
    for (int i = 0; i < 3; i++) {
        char text[160];
        struct sdp_fingerprint fp;

        assert_int_equal(cert_new(&fresh, "a"), 0);
        snprintf(second, sizeof second, "%s", fresh->fingerprint);
        cert_replace(c, fresh);
        assert_string_equal(c->fingerprint, second);
        assert_string_equal(told, first);
        assert_string_not_equal(told, c->fingerprint);
        snprintf(text, sizeof text, "sha-256 %s", c->fingerprint);
        assert_int_equal(sdp_fingerprint_parse(sv_from(text), &fp), 0);
        assert_int_equal(EVP_Digest(c->der, c->der_len, md, NULL, EVP_sha256(), NULL), 1);
        assert_memory_equal(fp.bytes, md, 32);
    }
    cert_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pair),
        cmocka_unit_test(test_fingerprint),
        cmocka_unit_test(test_replaced),
    };

    return cmocka_run_group_tests_name("agw_cert", tests, NULL, NULL);
}
