/* Text encodings. Any thread. (base64 by OpenSSL is in alg/agw's TLS code; here only what has no library.) */
#pragma once

#include "common/sv.h"

/* Upper-case hex, `sep` between the bytes when not 0 ("AB:CD"); out holds 3 * n + 1. */
void enc_hex(const void *p, size_t n, char sep, char *out);
/* The inverse; colons allowed between bytes, any case. Bytes written, or -EINVAL, -EMSGSIZE. */
int enc_unhex(struct sv text, void *out, size_t size);
/* True when the bytes are well-formed UTF-8 (RFC 3629). */
bool enc_is_utf8(const void *p, size_t n);
