/* Text encodings. Any thread. (common knows no OpenSSL; what is base64 inside TLS code stays there.) */
#pragma once

#include "common/sv.h"

/* Upper-case hex, `sep` between the bytes when not 0 ("AB:CD"); out holds 3 * n + 1. */
void enc_hex(const void *p, size_t n, char sep, char *out);
/* The inverse; colons allowed between bytes, any case. Bytes written, or -EINVAL, -EMSGSIZE. */
int enc_unhex(struct sv text, void *out, size_t size);
/* Base64 with padding (RFC 4648 4); out holds 4 * (n / 3 + 1) + 1. */
void enc_base64(const void *p, size_t n, char *out);
/* The inverse; padding may be missing (a=crypto is written both ways). Bytes written, or -EINVAL, -EMSGSIZE. */
int enc_unbase64(struct sv text, void *out, size_t size);
/* True when the bytes are well-formed UTF-8 (RFC 3629). */
bool enc_is_utf8(const void *p, size_t n);
