/* The OpenSSL library context of DTLS. It makes a handshake cheaper and changes nothing else: the algorithms are those of the
 * default provider. Any thread; for the life of the process. */
#pragma once

#include <openssl/types.h>

/* NULL, which OpenSSL takes for its own: there is none to be had, or openssl.cnf wants FIPS or other providers in the default
 * one's place. */
OSSL_LIB_CTX *dtls_lib(void);
