/* Flow tokens (RFC 5626 5.2): the name of a WebSocket connection inside our Path URI, sealed so that only we can make
 * one. Pure but for the key. */
#pragma once

#include "alg/sip/sip.h"

#define TOKEN_LEN 29 /* characters: base32 of an 80-bit HMAC and the 64-bit connection number */

struct token_key {
    unsigned char k[32];
};

void token_key_init(struct token_key *key); /* random: tokens of an earlier run are refused */
void token_make(const struct token_key *key, sip_flow flow, char out[TOKEN_LEN + 1]);
int token_read(const struct token_key *key, const char *text, sip_flow *flow); /* 0, -EBADMSG no token, -EACCES forged */
