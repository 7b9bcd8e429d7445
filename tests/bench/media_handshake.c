#include "tests/bench/media_handshake.h"

#include <openssl/ssl.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include "agw/ctl/cert.h"

#define STEPS 10 /* turns of a handshake: two round trips and a bit */

static int any_certificate(X509_STORE_CTX *x, void *arg)
{
    (void)x;
    (void)arg;
    return 1;
}

static SSL_CTX *ctx_new(const SSL_METHOD *method, const struct cert *c)
{
    SSL_CTX *ctx = SSL_CTX_new(method);

    if (!ctx || SSL_CTX_use_certificate_ASN1(ctx, (int)c->der_len, c->der) != 1 ||
        SSL_CTX_use_PrivateKey_ASN1(EVP_PKEY_EC, ctx, c->key, (long)c->key_len) != 1 ||
        SSL_CTX_set_tlsext_use_srtp(ctx, "SRTP_AES128_CM_SHA1_80")) {
        SSL_CTX_free(ctx);
        return NULL;
    }
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_cert_verify_callback(ctx, any_certificate, NULL);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_QUERY_MTU);
    return ctx;
}

static SSL *end_new(SSL_CTX *ctx, BIO *in, BIO *out)
{
    SSL *s = SSL_new(ctx);

    BIO_up_ref(in);
    BIO_up_ref(out);
    BIO_set_mem_eof_return(in, -1);
    SSL_set_bio(s, in, out);
    SSL_set_mtu(s, 1200);
    return s;
}

static int64_t cpu_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

/* ns that the server spent, which stays open in *kept; 0: no handshake. */
static int64_t handshake_once(SSL_CTX *client_ctx, SSL_CTX *server_ctx, SSL **kept)
{
    BIO *up = BIO_new(BIO_s_mem()), *down = BIO_new(BIO_s_mem());
    SSL *client = end_new(client_ctx, down, up), *server;
    int64_t from = cpu_ns(), spent;
    int client_up = 0, server_up = 0;

    server = *kept = end_new(server_ctx, up, down);
    SSL_set_accept_state(server);
    spent = cpu_ns() - from;
    SSL_set_connect_state(client);
    for (unsigned i = 0; i < STEPS && !(client_up && server_up); i++) {
        client_up = SSL_do_handshake(client) == 1;
        from = cpu_ns();
        server_up = SSL_do_handshake(server) == 1;
        spent += cpu_ns() - from;
    }
    SSL_free(client);
    BIO_free(up);
    BIO_free(down);
    return client_up && server_up ? spent : 0;
}

double handshake_server_us(unsigned n)
{
    struct cert *ours = NULL, *theirs = NULL;
    SSL_CTX *client = NULL, *server = NULL;
    SSL **kept = calloc(n, sizeof(*kept));
    int64_t sum = 0, ns = 1;

    if (kept && cert_new(&ours, "server") == 0 && cert_new(&theirs, "client") == 0) {
        server = ctx_new(DTLS_server_method(), ours);
        client = ctx_new(DTLS_client_method(), theirs);
    }
    for (unsigned i = 0; i < n && ns && server && client; i++) {
        ns = handshake_once(client, server, &kept[i]);
        sum = ns ? sum + ns : 0;
    }
    for (unsigned i = 0; kept && i < n; i++)
        SSL_free(kept[i]);
    free(kept);
    SSL_CTX_free(client);
    SSL_CTX_free(server);
    cert_free(ours);
    cert_free(theirs);
    return (double)sum / 1000 / n;
}
