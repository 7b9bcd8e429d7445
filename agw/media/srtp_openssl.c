/* SRTP's crypto on OpenSSL. The session keys come from the master key alone (RFC 3711 4.3.1 with a derivation rate of 0), so
 * all SSRCs share two keyed cipher contexts, RTP's and RTCP's, and a packet costs an initialisation vector. */
#define OPENSSL_SUPPRESS_DEPRECATED /* SHA_CTX: a keyed HMAC is copied as 96 octets; EVP_MAC_dup and EVP_MD_CTX_copy allocate */
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agw/media/srtp_engine.h"
#include "agw/media/warm.h"

#define AES_BLOCK 16
#define CIPHER_CTX_HEAD 192 /* of OpenSSL's context, whose size is its own */
#define STREAM_BLOCKS 32 /* of keystream made at once */
#define GCM_IV 12
#define GCM_TAG 16
#define INDEX_LEN 4
#define INDEX_E 0x80000000u

struct aes_block {
    uint64_t half[2];
};

struct half { /* RTP or RTCP */
    EVP_CIPHER_CTX *cipher;
    uint32_t inner[5], outer[5]; /* states of SHA-1 after HMAC's padded key: 40 octets, as SHA_CTX they would be 192 */
    uint8_t salt[SRTP_SALT_MAX];
    unsigned tag;
};

struct engine {
    bool gcm;
    struct half rtp, rtcp;
};

static void put32(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 24);
    p[1] = (uint8_t)(v >> 16);
    p[2] = (uint8_t)(v >> 8);
    p[3] = (uint8_t)v;
}

/* --- keys --- */

static int derive_one(EVP_CIPHER_CTX *ctx, const struct srtp_profile_row *row, const struct srtp_key *master, uint8_t label,
                      uint8_t *out, unsigned n)
{
    static const uint8_t zero[SRTP_KEY_MAX];
    uint8_t iv[AES_BLOCK] = {0}; /* RFC 7714 11: a salt of 96 bits is padded with zeros on the right */
    int got, err = 0;

    memcpy(iv, master->salt, row->salt);
    iv[7] ^= label;
    if (n > sizeof(zero) || !EVP_EncryptInit_ex(ctx, NULL, NULL, NULL, iv) || !EVP_EncryptUpdate(ctx, out, &got, zero, (int)n))
        err = -EINVAL;
    explicit_bzero(iv, sizeof(iv));
    return err;
}

int srtp_openssl_derive(const struct srtp_profile_row *row, const struct srtp_key *master, struct srtp_session half[2])
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int err = ctx ? 0 : -ENOMEM;

    if (!err && !EVP_EncryptInit_ex(ctx, row->key == 32 ? EVP_aes_256_ctr() : EVP_aes_128_ctr(), NULL, master->key, NULL))
        err = -EINVAL;
    for (uint8_t i = 0; i < 2 && !err; i++) {
        err = derive_one(ctx, row, master, (uint8_t)(3 * i), half[i].key, row->key);
        if (!err)
            err = derive_one(ctx, row, master, (uint8_t)(3 * i + 1), half[i].auth, SRTP_AUTH_LEN);
        if (!err)
            err = derive_one(ctx, row, master, (uint8_t)(3 * i + 2), half[i].salt, row->salt);
    }
    EVP_CIPHER_CTX_free(ctx);
    return err;
}

static void sha_save(const SHA_CTX *c, uint32_t state[5])
{
    state[0] = c->h0;
    state[1] = c->h1;
    state[2] = c->h2;
    state[3] = c->h3;
    state[4] = c->h4;
}

/* After one whole block: nothing is left in the buffer. */
static void sha_load(SHA_CTX *c, const uint32_t state[5])
{
    c->h0 = state[0];
    c->h1 = state[1];
    c->h2 = state[2];
    c->h3 = state[3];
    c->h4 = state[4];
    c->Nl = SHA_CBLOCK * 8;
    c->Nh = 0;
    c->num = 0;
}

static void hmac_key(struct half *h, const uint8_t key[SRTP_AUTH_LEN])
{
    uint8_t pad[SHA_CBLOCK];
    SHA_CTX c;

    for (unsigned i = 0; i < sizeof(pad); i++)
        pad[i] = (uint8_t)((i < SRTP_AUTH_LEN ? key[i] : 0) ^ 0x36);
    SHA1_Init(&c);
    SHA1_Update(&c, pad, sizeof(pad));
    sha_save(&c, h->inner);
    for (unsigned i = 0; i < sizeof(pad); i++)
        pad[i] ^= 0x36 ^ 0x5c;
    SHA1_Init(&c);
    SHA1_Update(&c, pad, sizeof(pad));
    sha_save(&c, h->outer);
    explicit_bzero(pad, sizeof(pad));
    explicit_bzero(&c, sizeof(c));
}

static const EVP_CIPHER *cipher_of(const struct srtp_profile_row *row)
{
    if (row->gcm)
        return row->key == 32 ? EVP_aes_256_gcm() : EVP_aes_128_gcm();
    return EVP_aes_128_ecb();
}

static int half_init(struct half *h, const struct srtp_profile_row *row, const struct srtp_session *keys, unsigned tag,
                     bool encrypt)
{
    h->tag = tag;
    memcpy(h->salt, keys->salt, row->salt);
    hmac_key(h, keys->auth);
    h->cipher = EVP_CIPHER_CTX_new();
    if (!h->cipher)
        return -ENOMEM;
    if (!EVP_CipherInit_ex(h->cipher, cipher_of(row), NULL, keys->key, NULL, row->gcm ? encrypt : 1))
        return -ENOTSUP;
    if (!row->gcm)
        EVP_CIPHER_CTX_set_padding(h->cipher, 0);
    return 0;
}

static void openssl_drop(void *engine)
{
    struct engine *e = engine;

    if (!e)
        return;
    EVP_CIPHER_CTX_free(e->rtp.cipher);
    EVP_CIPHER_CTX_free(e->rtcp.cipher);
    explicit_bzero(e, sizeof(*e));
    free(e);
}

int srtp_openssl_keyed(void **enginep, const struct srtp_profile_row *row, const struct srtp_session *rtp,
                       const struct srtp_session *rtcp, bool inbound)
{
    struct engine *e = calloc(1, sizeof(*e));
    int err;

    if (!e)
        return -ENOMEM;
    e->gcm = row->gcm;
    err = half_init(&e->rtp, row, rtp, row->tag, !inbound);
    if (!err)
        err = half_init(&e->rtcp, row, rtcp, row->rtcp_tag, !inbound);
    ERR_clear_error();
    if (err)
        openssl_drop(e);
    else
        *enginep = e;
    return err;
}

static int openssl_make(void **enginep, const struct srtp_profile_row *row, const struct srtp_key *key, bool inbound)
{
    struct srtp_session half[2];
    int err = srtp_openssl_derive(row, key, half);

    if (!err)
        err = srtp_openssl_keyed(enginep, row, &half[0], &half[1], inbound);
    explicit_bzero(half, sizeof(half));
    return err;
}

/* --- AES-CM and HMAC-SHA1 --- */

static void cm_xor(uint8_t *p, const struct aes_block *stream, size_t n)
{
    struct aes_block b;

    for (; n >= sizeof(b); n -= sizeof(b), p += sizeof(b), stream++) {
        memcpy(&b, p, sizeof(b));
        b.half[0] ^= stream->half[0];
        b.half[1] ^= stream->half[1];
        memcpy(p, &b, sizeof(b));
    }
    for (size_t i = 0; i < n; i++)
        p[i] ^= ((const uint8_t *)stream)[i];
}

/* RFC 3711 4.1.1, in place. Counter mode made of ECB: OpenSSL 3.0 spends on setting the vector of its own counter mode twice
 * what the blocks of a short packet cost. */
static int cm_crypt(const struct half *h, const struct srtp_pkt *k, size_t n)
{
    struct aes_block iv = {{0}}, stream[STREAM_BLOCKS];
    uint8_t *octet = (uint8_t *)&iv;
    uint64_t counter = 0;
    int got;

    memcpy(octet, h->salt, sizeof(h->salt));
    for (unsigned i = 0; i < 4; i++)
        octet[4 + i] ^= (uint8_t)(k->ssrc >> (24 - 8 * i));
    for (unsigned i = 0; i < 6; i++)
        octet[8 + i] ^= (uint8_t)(k->index >> (40 - 8 * i));
    for (size_t at = k->head; at < n;) {
        const size_t part = n - at < sizeof(stream) ? n - at : sizeof(stream);
        const size_t blocks = (part + sizeof(iv) - 1) / sizeof(iv);

        for (size_t i = 0; i < blocks; i++, counter++) {
            stream[i].half[0] = iv.half[0];
            stream[i].half[1] = iv.half[1] ^ htobe64(counter); /* the last 16 bits of the vector are 0 */
        }
        if (!EVP_EncryptUpdate(h->cipher, (uint8_t *)stream, &got, (uint8_t *)stream, (int)(blocks * sizeof(iv))))
            return -EINVAL;
        cm_xor(k->p + at, stream, part);
        at += part;
    }
    return 0;
}

static void cm_mac(const struct half *h, const uint8_t *p, size_t n, const uint8_t *tail, size_t tail_n,
                   uint8_t mac[SHA_DIGEST_LENGTH])
{
    SHA_CTX c;

    sha_load(&c, h->inner);
    SHA1_Update(&c, p, n);
    SHA1_Update(&c, tail, tail_n);
    SHA1_Final(mac, &c);
    sha_load(&c, h->outer);
    SHA1_Update(&c, mac, SHA_DIGEST_LENGTH);
    SHA1_Final(mac, &c);
}

static int cm_open(const struct half *h, struct srtp_pkt *k)
{
    const size_t n = k->n - h->tag;
    uint8_t roc[4], mac[SHA_DIGEST_LENGTH];

    put32(roc, (uint32_t)(k->index >> 16));
    cm_mac(h, k->p, n, roc, sizeof(roc), mac);
    if (CRYPTO_memcmp(mac, k->p + n, h->tag) != 0)
        return -EACCES;
    k->n = n;
    return cm_crypt(h, k, n);
}

static int cm_seal(const struct half *h, struct srtp_pkt *k)
{
    uint8_t roc[4], mac[SHA_DIGEST_LENGTH];
    int err = cm_crypt(h, k, k->n);

    if (err)
        return err;
    put32(roc, (uint32_t)(k->index >> 16));
    cm_mac(h, k->p, k->n, roc, sizeof(roc), mac);
    memcpy(k->p + k->n, mac, h->tag);
    k->n += h->tag;
    return 0;
}

/* RFC 3711 3.4: header, what is encrypted, E and index, tag */
static int cm_open_rtcp(const struct half *h, struct srtp_pkt *k)
{
    const size_t n = k->n - h->tag;
    uint8_t mac[SHA_DIGEST_LENGTH];

    cm_mac(h, k->p, n, NULL, 0, mac);
    if (CRYPTO_memcmp(mac, k->p + n, h->tag) != 0)
        return -EACCES;
    k->n = n - INDEX_LEN;
    return cm_crypt(h, k, k->n);
}

static int cm_seal_rtcp(const struct half *h, struct srtp_pkt *k)
{
    uint8_t mac[SHA_DIGEST_LENGTH];
    int err = cm_crypt(h, k, k->n);

    if (err)
        return err;
    put32(k->p + k->n, INDEX_E | (uint32_t)k->index);
    k->n += INDEX_LEN;
    cm_mac(h, k->p, k->n, NULL, 0, mac);
    memcpy(k->p + k->n, mac, h->tag);
    k->n += h->tag;
    return 0;
}

/* --- AES-GCM --- */

/* RFC 7714 8.1 (RTP: ROC and SEQ) and 9.1 (RTCP: 16 bits of zero and the index) are one layout: 48 bits of index. */
static bool gcm_begin(const struct half *h, const struct srtp_pkt *k)
{
    uint8_t iv[GCM_IV];

    memcpy(iv, h->salt, sizeof(iv));
    for (unsigned i = 0; i < 4; i++)
        iv[2 + i] ^= (uint8_t)(k->ssrc >> (24 - 8 * i));
    for (unsigned i = 0; i < 6; i++)
        iv[6 + i] ^= (uint8_t)(k->index >> (40 - 8 * i));
    return EVP_CipherInit_ex(h->cipher, NULL, NULL, NULL, iv, -1);
}

/* word: of RTCP, E and index, authenticated behind the header (RFC 7714 9.2); NULL with RTP */
static int gcm_open(const struct half *h, struct srtp_pkt *k, const uint8_t *word)
{
    EVP_CIPHER_CTX *c = h->cipher;
    const size_t n = k->n - GCM_TAG - (word ? INDEX_LEN : 0);
    uint8_t *body = k->p + k->head;
    const OSSL_PARAM tag[] = {{OSSL_CIPHER_PARAM_AEAD_TAG, OSSL_PARAM_OCTET_STRING, k->p + n, GCM_TAG, 0},
                              {NULL, 0, NULL, 0, 0}};
    int got;

    if (!gcm_begin(h, k) || !EVP_DecryptUpdate(c, NULL, &got, k->p, (int)k->head) ||
        (word && !EVP_DecryptUpdate(c, NULL, &got, word, INDEX_LEN)) ||
        (n > k->head && !EVP_DecryptUpdate(c, body, &got, body, (int)(n - k->head))) ||
        !EVP_CIPHER_CTX_set_params(c, tag))
        return -EINVAL;
    if (!EVP_DecryptFinal_ex(c, NULL, &got))
        return -EACCES;
    k->n = n;
    return 0;
}

static int gcm_seal(const struct half *h, struct srtp_pkt *k, const uint8_t *word)
{
    EVP_CIPHER_CTX *c = h->cipher;
    uint8_t *body = k->p + k->head;
    OSSL_PARAM tag[] = {{OSSL_CIPHER_PARAM_AEAD_TAG, OSSL_PARAM_OCTET_STRING, k->p + k->n, GCM_TAG, 0},
                        {NULL, 0, NULL, 0, 0}};
    int got;

    if (!gcm_begin(h, k) || !EVP_EncryptUpdate(c, NULL, &got, k->p, (int)k->head) ||
        (word && !EVP_EncryptUpdate(c, NULL, &got, word, INDEX_LEN)) ||
        (k->n > k->head && !EVP_EncryptUpdate(c, body, &got, body, (int)(k->n - k->head))) ||
        !EVP_EncryptFinal_ex(c, NULL, &got) ||
        !EVP_CIPHER_CTX_get_params(c, tag))
        return -EINVAL;
    k->n += GCM_TAG;
    return 0;
}

static int gcm_open_rtcp(const struct half *h, struct srtp_pkt *k)
{
    uint8_t word[INDEX_LEN];

    memcpy(word, k->p + k->n - INDEX_LEN, sizeof(word));
    return gcm_open(h, k, word);
}

static int gcm_seal_rtcp(const struct half *h, struct srtp_pkt *k)
{
    uint8_t word[INDEX_LEN];
    int err;

    put32(word, INDEX_E | (uint32_t)k->index);
    err = gcm_seal(h, k, word);
    if (err)
        return err;
    memcpy(k->p + k->n, word, sizeof(word));
    k->n += sizeof(word);
    return 0;
}

/* --- the four verbs --- */

static void openssl_warm(const void *engine, unsigned step)
{
    const struct engine *e = engine;

    if (step == 1)
        warm_all(e, offsetof(struct engine, rtcp));
    else
        warm_all(e->rtp.cipher, CIPHER_CTX_HEAD);
}

static int openssl_open(void *engine, struct srtp_pkt *k)
{
    struct engine *e = engine;

    return e->gcm ? gcm_open(&e->rtp, k, NULL) : cm_open(&e->rtp, k);
}

static int openssl_seal(void *engine, struct srtp_pkt *k)
{
    struct engine *e = engine;

    return e->gcm ? gcm_seal(&e->rtp, k, NULL) : cm_seal(&e->rtp, k);
}

static int openssl_open_rtcp(void *engine, struct srtp_pkt *k)
{
    struct engine *e = engine;

    return e->gcm ? gcm_open_rtcp(&e->rtcp, k) : cm_open_rtcp(&e->rtcp, k);
}

static int openssl_seal_rtcp(void *engine, struct srtp_pkt *k)
{
    struct engine *e = engine;

    return e->gcm ? gcm_seal_rtcp(&e->rtcp, k) : cm_seal_rtcp(&e->rtcp, k);
}

const struct srtp_ops srtp_ops_openssl = {
    .warm = openssl_warm,
    .make = openssl_make,
    .drop = openssl_drop,
    .open = openssl_open,
    .seal = openssl_seal,
    .open_rtcp = openssl_open_rtcp,
    .seal_rtcp = openssl_seal_rtcp,
};
