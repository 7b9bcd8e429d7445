/* The product's random numbers in the one program that includes this: a sequence, the same in each run, so that what happens by
 * chance happens always or never. Libraries find the program's functions before common's. Thread: one. */
#pragma once

#include "common/rnd.h"

static uint64_t rnd_state = 0x9e3779b97f4a7c15;

uint64_t rnd_u64(void) /* xorshift64* */
{
    rnd_state ^= rnd_state >> 12;
    rnd_state ^= rnd_state << 25;
    rnd_state ^= rnd_state >> 27;
    return rnd_state * 0x2545f4914f6cdd1d;
}

uint32_t rnd_u32(void)
{
    return (uint32_t)(rnd_u64() >> 32);
}

void rnd_bytes(void *p, size_t n)
{
    for (uint8_t *at = p; n > 0; n--)
        *at++ = (uint8_t)(rnd_u64() >> 56);
}

void rnd_text(char *out, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (char)('a' + rnd_u32() % 26);
    out[n] = '\0';
}
