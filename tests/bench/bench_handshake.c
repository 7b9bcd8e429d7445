/* bench-handshake: the floor under calls a second. Both ends of a bare TLS 1.2 handshake in memory, ECDSA P-256 on both
 * sides, ECDHE: the asymmetric work of the DTLS handshake that every call makes, and nothing else. */
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "tests/bench/bench.h"

struct ends {
    SSL_CTX *client, *server;
};

static int any(int ok, X509_STORE_CTX *x)
{
    (void)ok;
    (void)x;
    return 1;
}

static SSL_CTX *ctx_new(const SSL_METHOD *method)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    SSL_CTX *ctx = SSL_CTX_new(method);
    int ok = key && cert && ctx;

    ok = ok && ASN1_INTEGER_set(X509_get_serialNumber(cert), 1) && X509_gmtime_adj(X509_getm_notBefore(cert), 0) &&
         X509_gmtime_adj(X509_getm_notAfter(cert), 3600) && X509_set_pubkey(cert, key) &&
         X509_sign(cert, key, EVP_sha256()) > 0 && SSL_CTX_use_certificate(ctx, cert) == 1 &&
         SSL_CTX_use_PrivateKey(ctx, key) == 1 && SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION);
    if (!ok) {
        fprintf(stderr, "bench-handshake: OpenSSL gives no P-256 certificate\n");
        exit(1);
    }
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, any);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
    X509_free(cert);
    EVP_PKEY_free(key);
    return ctx;
}

static void handshake_once(void *arg)
{
    struct ends *e = arg;
    SSL *client = SSL_new(e->client), *server = SSL_new(e->server);
    BIO *up = BIO_new(BIO_s_mem()), *down = BIO_new(BIO_s_mem());
    int done = 0;

    BIO_up_ref(up);
    BIO_up_ref(down);
    SSL_set_bio(client, down, up);
    SSL_set_bio(server, up, down);
    SSL_set_connect_state(client);
    SSL_set_accept_state(server);
    for (unsigned i = 0; i < 10 && !done; i++)
        done = (SSL_do_handshake(client) == 1) & (SSL_do_handshake(server) == 1);
    if (!done) {
        fprintf(stderr, "bench-handshake: no handshake\n");
        exit(1);
    }
    SSL_free(client);
    SSL_free(server);
}

static const char usage[] =
    "usage: bench-handshake   bare TLS 1.2 handshakes of P-256 certificates in memory, both ends on this core\n"
    "Prints handshake_floor_per_s, handshakes a second: key=value, the median of 5 runs with _min and _max; a second.\n";

int main(int argc, char **argv)
{
    struct ends e;
    double us[BENCH_RUNS], rate[BENCH_RUNS];

    bench_words(argc, argv, usage, 0);
    e = (struct ends){ctx_new(TLS_client_method()), ctx_new(TLS_server_method())};
    bench_us(handshake_once, &e, us);
    for (unsigned i = 0; i < BENCH_RUNS; i++)
        rate[BENCH_RUNS - 1 - i] = 1e6 / us[i];
    bench_figure("handshake_floor_per_s", rate, BENCH_RUNS);
    SSL_CTX_free(e.client);
    SSL_CTX_free(e.server);
    return 0;
}
