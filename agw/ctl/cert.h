/* The gateway's certificate for DTLS: made at start and again every few days, ECDSA P-256, self-signed,
 * shared by all streams (RFC 8827 6.5). What matters to the peer is its fingerprint (RFC 8122): that of
 * the certificate which was the last when its transport was made. Control thread. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/sv.h"

#define CERT_DAYS    30
#define CERT_FP_TEXT (32 * 3) /* "AB:CD:...": 32 octets of SHA-256, NUL included */

struct cert_fp {
    struct cert_fp *older;
    char text[CERT_FP_TEXT]; /* sha-256, upper case with colons */
};

struct cert {
    uint8_t *der, *key; /* X.509; PKCS#8 */
    size_t der_len, key_len;
    const char *fingerprint; /* of der; it stays readable when the certificate is replaced */
    struct cert_fp *fps;     /* the last first */
};

int cert_new(struct cert **cp, const char *common_name);
void cert_replace(struct cert *c, struct cert *fresh); /* c becomes what fresh was, which is gone */
void cert_free(struct cert *c); /* NULL is fine; wipes the key */
