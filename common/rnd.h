/* Random ids, nonces and credentials from the kernel's generator (getrandom). Any thread. */
#pragma once

#include <stddef.h>
#include <stdint.h>

void rnd_bytes(void *p, size_t n);
uint32_t rnd_u32(void);
uint64_t rnd_u64(void);
/* n characters of A-Z a-z 0-9, NUL-terminated; out holds n + 1. RFC 8839 ice-char, RFC 3261 token. */
void rnd_text(char *out, size_t n);
