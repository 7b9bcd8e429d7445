#include "alg/sip/outbound.h"

#include <errno.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "common/rnd.h"

#define MAC_LEN 10
#define RAW_LEN (MAC_LEN + 8)

static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567"; /* RFC 4648 6, lower case */

void token_key_init(struct token_key *key)
{
    rnd_bytes(key->k, sizeof key->k);
}

static void seal(const struct token_key *key, unsigned char raw[RAW_LEN])
{
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned n = sizeof mac;

    HMAC(EVP_sha256(), key->k, sizeof key->k, raw + MAC_LEN, RAW_LEN - MAC_LEN, mac, &n);
    memcpy(raw, mac, MAC_LEN);
}

void token_make(const struct token_key *key, sip_flow flow, char out[TOKEN_LEN + 1])
{
    unsigned char raw[RAW_LEN];

    for (unsigned i = 0; i < 8; i++)
        raw[MAC_LEN + i] = (unsigned char)(flow >> (56 - 8 * i));
    seal(key, raw);
    for (unsigned i = 0; i < TOKEN_LEN; i++) {
        unsigned bit = i * 5, v = 0;

        for (unsigned b = bit; b < bit + 5; b++)
            v = v << 1 | (b < RAW_LEN * 8 ? raw[b / 8] >> (7 - b % 8) & 1u : 0);
        out[i] = alphabet[v];
    }
    out[TOKEN_LEN] = 0;
}

int token_read(const struct token_key *key, const char *text, sip_flow *flow)
{
    unsigned char raw[RAW_LEN] = {0}, given[MAC_LEN];
    sip_flow v = 0;

    if (!text || strlen(text) != TOKEN_LEN)
        return -EBADMSG;
    for (unsigned i = 0; i < TOKEN_LEN; i++) {
        const char *at = strchr(alphabet, text[i] >= 'A' && text[i] <= 'Z' ? text[i] | 0x20 : text[i]);

        if (!at)
            return -EBADMSG;
        for (unsigned b = 0; b < 5 && i * 5 + b < RAW_LEN * 8; b++)
            if ((unsigned)(at - alphabet) >> (4 - b) & 1)
                raw[(i * 5 + b) / 8] |= (unsigned char)(0x80 >> (i * 5 + b) % 8);
    }
    memcpy(given, raw, MAC_LEN);
    seal(key, raw);
    if (CRYPTO_memcmp(given, raw, MAC_LEN) != 0)
        return -EACCES;
    for (unsigned i = 0; i < 8; i++)
        v = v << 8 | raw[MAC_LEN + i];
    *flow = v;
    return 0;
}
