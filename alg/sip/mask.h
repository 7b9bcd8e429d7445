/* Traces are for people: what would let one of them in somewhere is written over. Pure. Inside alg/sip only. */
#pragma once

#include "common/sv.h"

/* text: one SIP message; copy: text.n bytes of the same. Of Authorization, Proxy-Authorization, Turn-Key and Turn-Service the
 * value becomes '*', of a challenge the keys of AKA (ik, ck; TS 24.229 7.2A.1). */
void mask_credentials(struct sv text, char *copy);
