/* What bench_media.c and the forwarder agree on. */
#pragma once

#include <string.h>

#include "tests/bench/media_load.h"

static inline struct sockaddr_in forward_addr(unsigned index, enum load_side side, unsigned i)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)(10000 + 2 * i))};

    a.sin_addr.s_addr = htonl(127u << 24 | 1 << 8 | (2 * index + side + 1));
    return a;
}

static inline enum srtp_profile forward_profile(const char *name)
{
    return strcmp(name, "cm") == 0    ? SRTP_AES128_CM_SHA1_80
           : strcmp(name, "gcm") == 0 ? SRTP_AEAD_AES_128_GCM
                                      : SRTP_PROFILE_NONE;
}
