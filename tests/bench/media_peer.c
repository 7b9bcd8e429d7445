#include "tests/bench/media_peer.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agw/ctl/cert.h"
#include "tests/fake/check.h"

#define AT_ONCE 16            /* handshakes under way */
#define AGAIN_NS 200000000LL  /* a check or a flight without an answer */
#define LIMIT_NS 30000000000LL
#define MTU 1200
#define DATAGRAM 2048
#define DTLS_HEADER 13

enum peer_state { PEER_IDLE, PEER_CHECK, PEER_DTLS, PEER_UP };

struct peer {
    enum peer_state state;
    const struct peer_far *far;
    SSL *ssl;
    BIO *in, *out;
    int64_t again;
};

struct peers {
    struct load *load;
    enum srtp_profile profile;
    bool dtls;
    struct cert *cert;
    struct stun_mac *mac;
    SSL_CTX *ctx;
    struct peer *peer; /* by flow */
};

static int any_certificate(int ok, X509_STORE_CTX *x)
{
    (void)ok;
    (void)x;
    return 1;
}

int peers_new(struct peers **pp, struct load *l, enum srtp_profile profile, bool dtls)
{
    struct peers *p = calloc(1, sizeof *p);
    int err;

    if (!p)
        return -ENOMEM;
    p->load = l;
    p->profile = profile;
    p->dtls = dtls;
    p->peer = calloc(load_flows(l), sizeof *p->peer);
    p->ctx = SSL_CTX_new(DTLS_client_method());
    err = p->peer && p->ctx ? cert_new(&p->cert, "bench") : -ENOMEM;
    if (!err)
        err = stun_mac_new(&p->mac);
    if (!err && (SSL_CTX_use_certificate_ASN1(p->ctx, (int)p->cert->der_len, p->cert->der) != 1 ||
                 SSL_CTX_use_PrivateKey_ASN1(EVP_PKEY_EC, p->ctx, p->cert->key, (long)p->cert->key_len) != 1 ||
                 SSL_CTX_set_tlsext_use_srtp(p->ctx, profile == SRTP_AES128_CM_SHA1_80 ? "SRTP_AES128_CM_SHA1_80"
                                                                                       : "SRTP_AEAD_AES_128_GCM")))
        err = -EPROTO;
    if (err) {
        peers_free(p);
        return err;
    }
    SSL_CTX_set_verify(p->ctx, SSL_VERIFY_PEER, any_certificate);
    SSL_CTX_set_options(p->ctx, SSL_OP_NO_QUERY_MTU | SSL_OP_NO_TICKET);
    *pp = p;
    return 0;
}

static void peer_close(struct peer *p)
{
    SSL_free(p->ssl); /* and its BIOs */
    p->ssl = NULL;
}

void peers_free(struct peers *p)
{
    if (!p)
        return;
    for (unsigned i = 0; p->peer && i < load_flows(p->load); i++)
        peer_close(&p->peer[i]);
    SSL_CTX_free(p->ctx);
    stun_mac_free(p->mac);
    cert_free(p->cert);
    free(p->peer);
    free(p);
}

const char *peers_fingerprint(const struct peers *p)
{
    return p->cert->fingerprint;
}

/* --- one of them --- */

static void check_send(struct peers *ps, unsigned i, int64_t now)
{
    struct peer *p = &ps->peer[i];
    const struct check c = {.ufrag = p->far->ufrag, .pwd = p->far->pwd, .from = PEER_UFRAG, .use_candidate = true};
    uint8_t out[DATAGRAM];

    load_send(ps->load, LOAD_ACCESS, i, out, check_make(ps->mac, &c, out, sizeof out));
    p->state = PEER_CHECK;
    p->again = now + AGAIN_NS;
}

/* A memory BIO forgets where one datagram ended: as many records as fit into one, as browsers and OpenSSL itself send them. */
static void records_send(struct peers *ps, unsigned i)
{
    char *mem;
    long n = BIO_get_mem_data(ps->peer[i].out, &mem);
    const uint8_t *p = (const uint8_t *)mem, *end = p + n, *from = p;

    while (end - p >= DTLS_HEADER) {
        const long len = DTLS_HEADER + (p[11] << 8 | p[12]);

        if (len > end - p)
            break;
        if (p > from && p + len - from > MTU) {
            load_send(ps->load, LOAD_ACCESS, i, from, (size_t)(p - from));
            from = p;
        }
        p += len;
    }
    if (p > from)
        load_send(ps->load, LOAD_ACCESS, i, from, (size_t)(p - from));
    (void)BIO_reset(ps->peer[i].out);
}

static int keys_take(struct peers *ps, unsigned i)
{
    static const char label[] = "EXTRACTOR-dtls_srtp";
    struct srtp_key ours = {.profile = ps->profile}, theirs = {.profile = ps->profile};
    unsigned k = srtp_key_len(ps->profile), s = srtp_salt_len(ps->profile);
    uint8_t m[2 * (SRTP_KEY_MAX + SRTP_SALT_MAX)];

    if (!SSL_get_selected_srtp_profile(ps->peer[i].ssl) ||
        SSL_export_keying_material(ps->peer[i].ssl, m, 2 * (k + s), label, strlen(label), NULL, 0, 0) != 1)
        return -EPROTO;
    memcpy(ours.key, m, k);
    memcpy(theirs.key, m + k, k);
    memcpy(ours.salt, m + 2 * k, s);
    memcpy(theirs.salt, m + 2 * k + s, s);
    return load_keys(ps->load, i, &ours, &theirs);
}

static int handshake_on(struct peers *ps, unsigned i, int64_t now)
{
    struct peer *p = &ps->peer[i];
    int done = SSL_do_handshake(p->ssl), why = SSL_get_error(p->ssl, done), err = 0;

    records_send(ps, i);
    p->again = now + AGAIN_NS;
    if (done == 1) {
        err = keys_take(ps, i);
        peer_close(p);
        p->state = PEER_UP;
    } else if (why != SSL_ERROR_WANT_READ) {
        char text[256];

        ERR_error_string_n(ERR_get_error(), text, sizeof text);
        fprintf(stderr, "bench-media: DTLS of flow %u: %s\n", i, text);
        err = -EPROTO;
    }
    return err;
}

static int handshake_begin(struct peers *ps, unsigned i, int64_t now)
{
    struct peer *p = &ps->peer[i];

    p->ssl = SSL_new(ps->ctx);
    p->in = BIO_new(BIO_s_mem());
    p->out = BIO_new(BIO_s_mem());
    if (!p->ssl || !p->in || !p->out)
        return -ENOMEM;
    BIO_set_mem_eof_return(p->in, -1);
    BIO_set_mem_eof_return(p->out, -1);
    SSL_set_bio(p->ssl, p->in, p->out);
    SSL_set_mtu(p->ssl, MTU);
    SSL_set_connect_state(p->ssl);
    p->state = PEER_DTLS;
    return handshake_on(ps, i, now);
}

static int peer_input(struct peers *ps, unsigned i, const uint8_t *p, size_t n, int64_t now)
{
    struct peer *peer = &ps->peer[i];
    struct stun_msg m;

    if (peer->state == PEER_CHECK && stun_parse(&m, p, n) == 0 && m.type == STUN_BINDING_SUCCESS) {
        if (ps->dtls)
            return handshake_begin(ps, i, now);
        peer->state = PEER_UP;
    }
    if (peer->state != PEER_DTLS || n < DTLS_HEADER || p[0] < 20 || p[0] > 63)
        return 0;
    BIO_write(peer->in, p, (int)n);
    return handshake_on(ps, i, now);
}

static void peer_again(struct peers *ps, unsigned i, int64_t now)
{
    struct peer *p = &ps->peer[i];

    if (p->state == PEER_CHECK) {
        check_send(ps, i, now);
    } else {
        DTLSv1_handle_timeout(p->ssl);
        records_send(ps, i);
        p->again = now + AGAIN_NS;
    }
}

int peers_connect(struct peers *ps, unsigned from, unsigned to, const struct peer_far *far)
{
    int64_t limit = load_now_ns() + LIMIT_NS, now;
    unsigned first = from, next = from;
    int err = 0;

    for (now = load_now_ns(); !err && first < to; now = load_now_ns()) {
        uint8_t p[DATAGRAM];
        unsigned i;
        int n = 0;

        for (; next < to && next - first < AT_ONCE; next++) {
            if (!far)
                err = handshake_begin(ps, next, now);
            if (err || !far)
                continue;
            ps->peer[next].far = &far[next - from];
            check_send(ps, next, now);
        }
        while (!err && (n = load_recv(ps->load, LOAD_ACCESS, &i, p, sizeof p)) >= 0)
            err = peer_input(ps, i, p, (size_t)n, now);
        while (first < next && ps->peer[first].state == PEER_UP)
            first++;
        for (i = first; i < next && !err; i++) {
            if (ps->peer[i].state != PEER_UP && now >= ps->peer[i].again)
                peer_again(ps, i, now);
        }
        if (now > limit) {
            fprintf(stderr, "bench-media: flow %u is at %s\n", first, ps->peer[first].state == PEER_CHECK ? "ICE" : "DTLS");
            err = -ETIMEDOUT;
        }
    }
    return err;
}
