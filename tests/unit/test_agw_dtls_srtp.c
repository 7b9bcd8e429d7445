/* DTLS-SRTP (RFC 5764) against bare OpenSSL: who picks the profile, what there is without one, the same keys on both sides;
 * ClientHellos too long for a datagram, as post-quantum key shares make them; a certificate replaced while connections live. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <errno.h>

#include "agw/ctl/cert.h"
#include "agw/media/dtls.h"
#include "common/enc.h"
#include "tests/fake/clock.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#define GIVE_UP 3000
#define RTO_MS 50 /* OpenSSL takes what is less than 15 ms away for passed */
#define PEER_MTU 1200
#define EXT_GREASE 0xfafa /* RFC 8701: nobody knows it */
#define DGRAMS 16

struct peer { /* bare OpenSSL */
    SSL_CTX *ctx;
    SSL *ssl;
    BIO *in, *out;
    struct cert *cert;
    size_t pad;     /* octets added to its ClientHello */
    bool done, failed;
};

struct link {
    struct peer peer;
    struct cert *cert;
    struct dtls_ctx *ctx;
    struct dtls *dtls;
    struct tx tx;
    unsigned lose;   /* bit n: the n-th record of the peer's first flight is lost once */
    bool reverse, joined; /* its first flight arrives back to front; in one datagram */
    unsigned flights, hello_records;
};

/* --- the peer --- */

static int pad_add(SSL *ssl, unsigned type, unsigned context, const unsigned char **out, size_t *n, X509 *x, size_t chain,
                   int *alert, void *arg)
{
    static const unsigned char zeros[8192];
    const struct peer *p = arg;

    (void)ssl, (void)type, (void)context, (void)x, (void)chain, (void)alert;
    *out = zeros;
    *n = p->pad;
    return p->pad > 0;
}

static int any_cert(X509_STORE_CTX *store, void *arg)
{
    (void)store, (void)arg;
    return 1;
}

static unsigned on_timer(SSL *ssl, unsigned us)
{
    (void)ssl, (void)us;
    return RTO_MS * 1000;
}

static void peer_begin(struct peer *p, bool client, const char *profiles)
{
    const unsigned char *key;
    EVP_PKEY *pkey;

    assert_int_equal(cert_new(&p->cert, "peer"), 0);
    key = p->cert->key;
    p->ctx = SSL_CTX_new(DTLS_method());
    pkey = d2i_AutoPrivateKey(NULL, &key, (long)p->cert->key_len);
    assert_true(SSL_CTX_use_certificate_ASN1(p->ctx, (int)p->cert->der_len, p->cert->der) == 1 &&
                SSL_CTX_use_PrivateKey(p->ctx, pkey) == 1);
    EVP_PKEY_free(pkey);
    SSL_CTX_set_verify(p->ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(p->ctx, any_cert, NULL);
    SSL_CTX_set_options(p->ctx, SSL_OP_NO_QUERY_MTU | SSL_OP_NO_TICKET);
    if (profiles)
        assert_int_equal(SSL_CTX_set_tlsext_use_srtp(p->ctx, profiles), 0);
    assert_int_equal(SSL_CTX_add_custom_ext(p->ctx, EXT_GREASE, SSL_EXT_CLIENT_HELLO, pad_add, NULL, p, NULL, NULL), 1);
    p->ssl = SSL_new(p->ctx);
    p->in = BIO_new(BIO_s_mem());
    p->out = BIO_new(BIO_s_mem());
    BIO_set_mem_eof_return(p->in, -1);
    SSL_set_bio(p->ssl, p->in, p->out);
    SSL_set_mtu(p->ssl, PEER_MTU);
    DTLS_set_timer_cb(p->ssl, on_timer);
    client ? SSL_set_connect_state(p->ssl) : SSL_set_accept_state(p->ssl);
}

static void peer_end(struct peer *p)
{
    SSL_free(p->ssl);
    SSL_CTX_free(p->ctx);
    cert_free(p->cert);
    ERR_clear_error();
}

static void peer_step(struct peer *p)
{
    int res, why;

    if (p->done || p->failed)
        return;
    ERR_clear_error();
    DTLSv1_handle_timeout(p->ssl);
    res = SSL_do_handshake(p->ssl);
    why = SSL_get_error(p->ssl, res);
    p->done = res == 1;
    p->failed = !p->done && why != SSL_ERROR_WANT_READ;
}

/* --- the link between --- */

static void input(struct link *l, const uint8_t *p, size_t n)
{
    uint8_t got[256];

    dtls_input(l->dtls, p, n, &l->tx);
    while (dtls_read(l->dtls, got, sizeof(got), &l->tx) > 0)
        ;
}

/* A flight of the peer, a record each datagram. */
static void from_peer(struct link *l)
{
    uint8_t flight[16384];
    const int n = BIO_read(l->peer.out, flight, sizeof(flight));
    size_t at[DGRAMS], len[DGRAMS];
    unsigned count = 0;

    for (int off = 0; off + 13 <= n && count < DGRAMS; off += (int)len[count++]) {
        at[count] = (size_t)off;
        len[count] = 13 + ((size_t)flight[off + 11] << 8 | flight[off + 12]);
        assert_true(len[count] <= PEER_MTU);
    }
    if (count == 0)
        return;
    if (l->flights++ == 0) {
        l->hello_records = count;
        if (l->joined) {
            input(l, flight, (size_t)n);
            return;
        }
        for (unsigned i = 0; i < count; i++) {
            const unsigned k = l->reverse ? count - 1 - i : i;

            if (!(l->lose >> k & 1))
                input(l, flight + at[k], len[k]);
        }
        return;
    }
    for (unsigned i = 0; i < count; i++)
        input(l, flight + at[i], len[i]);
}

static void to_peer(struct link *l)
{
    const struct tx flight = l->tx;

    l->tx.n = 0;
    for (unsigned i = 0; i < flight.n; i++) {
        BIO_write(l->peer.in, flight.slot[i].p, (int)flight.slot[i].n);
        peer_step(&l->peer);
        from_peer(l);
    }
}

static bool is_settled(const struct link *l)
{
    return (l->peer.done || l->peer.failed) && dtls_state(l->dtls) != DTLS_HANDSHAKE && l->tx.n == 0;
}

static void expect_peer(struct link *l)
{
    uint8_t fp[32];

    assert_int_equal(enc_unhex(sv_from(l->peer.cert->fingerprint), fp, sizeof(fp)), 32);
    assert_int_equal(dtls_expect(l->dtls, "sha-256", fp, 32, &l->tx), 0);
}

static void ctx_make(struct dtls_ctx **ctx, struct cert **cert)
{
    assert_int_equal(cert_new(cert, "agw"), 0);
    assert_int_equal(dtls_ctx_new(ctx, (*cert)->der, (*cert)->der_len, (*cert)->key, (*cert)->key_len), 0);
    dtls_ctx_set_link(*ctx, PEER_MTU, RTO_MS);
}

static void link_begin(struct link *l, bool client, bool want, const char *profiles)
{
    ctx_make(&l->ctx, &l->cert);
    peer_begin(&l->peer, !client, profiles);
    assert_int_equal(dtls_new(&l->dtls, l->ctx, client, GIVE_UP, clock_now()), 0);
    if (want)
        dtls_want_srtp(l->dtls);
}

static msec_t peer_deadline(const struct peer *p)
{
    struct timeval tv;

    if (p->done || p->failed || !DTLSv1_get_timeout(p->ssl, &tv))
        return MSEC_NEVER;
    return clock_now() + (msec_t)tv.tv_sec * 1000 + (msec_t)(tv.tv_usec + 999) / 1000;
}

/* Until both are through, at most GIVE_UP; time passes when nothing is under way. */
static void link_run(struct link *l)
{
    const msec_t end = clock_now() + GIVE_UP;

    dtls_start(l->dtls, &l->tx);
    while (!is_settled(l) && clock_now() < end) {
        msec_t ours, next;

        to_peer(l);
        peer_step(&l->peer);
        from_peer(l);
        if (l->tx.n > 0 || is_settled(l))
            continue;
        ours = dtls_deadline(l->dtls, clock_now());
        next = peer_deadline(&l->peer);
        next = next < ours ? next : ours;
        clock_to(next < end ? next : end);
        if (clock_now() >= dtls_deadline(l->dtls, clock_now()))
            dtls_tick(l->dtls, clock_now(), &l->tx);
    }
}

static void link_end(struct link *l)
{
    dtls_free(l->dtls);
    dtls_ctx_free(l->ctx);
    peer_end(&l->peer);
    cert_free(l->cert);
}

/* --- profiles --- */

static void assert_keys(struct link *l, enum srtp_profile profile)
{
    const unsigned key = srtp_key_len(profile), salt = srtp_salt_len(profile);
    struct srtp_key ours, theirs, *client = &ours, *server = &theirs;
    uint8_t all[2 * (SRTP_KEY_MAX + SRTP_SALT_MAX)];
    SRTP_PROTECTION_PROFILE *agreed = SSL_get_selected_srtp_profile(l->peer.ssl);

    assert_int_equal(dtls_srtp(l->dtls, &ours, &theirs), 0);
    assert_int_equal(ours.profile, profile);
    assert_int_equal(theirs.profile, profile);
    assert_non_null(agreed);
    assert_int_equal(agreed->id, profile);
    if (!dtls_is_client(l->dtls)) {
        client = &theirs;
        server = &ours;
    }
    assert_int_equal(SSL_export_keying_material(l->peer.ssl, all, 2 * (key + salt), "EXTRACTOR-dtls_srtp", 19, NULL, 0, 0), 1);
    assert_memory_equal(client->key, all, key);
    assert_memory_equal(server->key, all + key, key);
    assert_memory_equal(client->salt, all + 2 * key, salt);
    assert_memory_equal(server->salt, all + 2 * key + salt, salt);
    assert_memory_not_equal(ours.key, theirs.key, key);
}

#define CM80 "SRTP_AES128_CM_SHA1_80"
#define CM32 "SRTP_AES128_CM_SHA1_32"
#define GCM128 "SRTP_AEAD_AES_128_GCM"
#define GCM256 "SRTP_AEAD_AES_256_GCM"

static void profile_agreed(void **state)
{
    static const struct {
        const char *peers;
        enum srtp_profile server, client; /* we being that */
    } rows[] = {
        {CM80 ":" GCM256 ":" GCM128, SRTP_AEAD_AES_128_GCM, SRTP_AES128_CM_SHA1_80}, /* Chromium's order; the server decides */
        {CM32 ":" CM80 ":" GCM256, SRTP_AEAD_AES_256_GCM, SRTP_AES128_CM_SHA1_32},
        {CM32 ":" CM80, SRTP_AES128_CM_SHA1_80, SRTP_AES128_CM_SHA1_32},
        {CM32, SRTP_AES128_CM_SHA1_32, SRTP_AES128_CM_SHA1_32},
        {GCM128, SRTP_AEAD_AES_128_GCM, SRTP_AEAD_AES_128_GCM},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows) * 4; i++) {
        const bool client = i & 1, want = i & 2;
        struct link l = {0};

        link_begin(&l, client, want, rows[i / 4].peers);
        expect_peer(&l);
        link_run(&l);
        assert_int_equal(dtls_state(l.dtls), DTLS_UP);
        assert_keys(&l, client ? rows[i / 4].client : rows[i / 4].server);
        link_end(&l);
    }
}

static void nothing_in_common(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        const bool client = i & 1, want = i & 2;
        struct srtp_key ours, theirs;
        struct link l = {0};

        link_begin(&l, client, want, NULL);
        expect_peer(&l);
        link_run(&l);
        if (want) {
            assert_int_equal(dtls_state(l.dtls), DTLS_FAILED);
            assert_string_equal(dtls_why(l.dtls), "no common SRTP profile");
            assert_true(l.peer.failed); /* RFC 5764 4.1: by an alert */
            assert_int_equal(ERR_GET_REASON(ERR_peek_last_error()), SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE);
            assert_int_equal(dtls_srtp(l.dtls, &ours, &theirs), -ENOTCONN);
        } else {
            assert_int_equal(dtls_state(l.dtls), DTLS_UP); /* data alone */
            assert_int_equal(dtls_srtp(l.dtls, &ours, &theirs), -ENOENT);
        }
        link_end(&l);
    }
}

static void no_keys_before_the_fingerprint(void **state)
{
    struct srtp_key ours, theirs;
    struct link l = {0};

    (void)state;
    link_begin(&l, false, true, CM80);
    assert_int_equal(dtls_srtp(l.dtls, &ours, &theirs), -ENOTCONN);
    link_run(&l);
    assert_int_equal(dtls_state(l.dtls), DTLS_HELD);
    assert_int_equal(dtls_srtp(l.dtls, &ours, &theirs), -ENOTCONN);
    expect_peer(&l);
    assert_keys(&l, SRTP_AES128_CM_SHA1_80);
    link_end(&l);
}

/* --- long ClientHellos --- */

static void assert_hello(size_t pad, unsigned records, unsigned lose, bool reverse, bool joined)
{
    struct link l = {.lose = lose, .reverse = reverse, .joined = joined};
    const msec_t start = clock_now();

    l.peer.pad = pad;
    link_begin(&l, false, true, CM80 ":" GCM128);
    expect_peer(&l);
    link_run(&l);
    assert_int_equal(l.hello_records, records);
    assert_int_equal(dtls_state(l.dtls), DTLS_UP);
    assert_true(l.peer.done);
    assert_int_equal(clock_now() > start, lose != 0); /* and nothing else was sent twice */
    assert_keys(&l, SRTP_AEAD_AES_128_GCM);
    link_end(&l);
}

static void hello_in_fragments(void **state)
{
    (void)state;
    assert_hello(0, 1, 0, false, false);
    for (unsigned lose = 0; lose < 4; lose++) { /* a key share of ML-KEM-768 and X25519 has 1216 octets */
        assert_hello(1216, 2, lose, false, false);
        assert_hello(1216, 2, lose, true, false);
    }
    assert_hello(1216, 2, 0, false, true);
    for (unsigned lose = 0; lose < 16; lose++)
        assert_hello(3600, 4, lose, lose & 1, false);
    assert_hello(3600, 4, 0, false, true);
}

/* --- certificates --- */

static void assert_shown(const struct link *l, const struct cert *cert)
{
    X509 *x = SSL_get1_peer_certificate(l->peer.ssl);
    unsigned char *der = NULL;
    const int n = i2d_X509(x, &der);

    assert_int_equal(n, cert->der_len);
    assert_memory_equal(der, cert->der, cert->der_len);
    OPENSSL_free(der);
    X509_free(x);
}

/* Endpoints keep the certificate that they told, whenever their handshake comes; later ones have the new one. */
static void certificate_replaced(void **state)
{
    struct link first = {0}, later = {0};
    struct dtls_ctx *told;

    (void)state;
    link_begin(&first, false, true, CM80);
    link_begin(&later, false, true, CM80);
    dtls_free(later.dtls); /* not begun yet */
    told = dtls_ctx_ref(later.ctx);
    dtls_ctx_free(first.ctx);
    dtls_ctx_free(later.ctx);
    first.ctx = NULL;
    expect_peer(&first);
    link_run(&first);
    assert_int_equal(dtls_state(first.dtls), DTLS_UP);
    assert_shown(&first, first.cert);
    later.ctx = told;
    assert_int_equal(dtls_new(&later.dtls, told, false, GIVE_UP, clock_now()), 0);
    expect_peer(&later);
    link_run(&later);
    assert_int_equal(dtls_state(later.dtls), DTLS_UP);
    assert_shown(&later, later.cert);
    link_end(&first);
    link_end(&later);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(profile_agreed),
        cmocka_unit_test(nothing_in_common),
        cmocka_unit_test(no_keys_before_the_fingerprint),
        cmocka_unit_test(hello_in_fragments),
        cmocka_unit_test(certificate_replaced),
    };

    return cmocka_run_group_tests_name("agw/media/dtls srtp", tests, NULL, NULL);
}
