/* The gateway's certificate for DTLS: made at start, ECDSA P-256, self-signed, shared by all
 * streams (RFC 8827 6.5). What matters to the peer is its fingerprint (RFC 8122). Constant after
 * cert_new: any thread may read. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/sv.h"

#define CERT_DAYS    30
#define CERT_FP_TEXT (32 * 3) /* "AB:CD:...": 32 octets of SHA-256, NUL included */

struct cert {
    uint8_t *der, *key; /* X.509; PKCS#8 */
    size_t der_len, key_len;
    char fingerprint[CERT_FP_TEXT]; /* sha-256 of der, upper case with colons */
};

int cert_new(struct cert **cp, const char *common_name);
void cert_free(struct cert *c); /* NULL is fine; wipes the key */
