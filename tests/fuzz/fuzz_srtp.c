/* SRTP opened by both engines: whatever comes, neither takes what nobody sealed; what was sealed and then changed is refused by
 * both; what was not changed comes out of both alike. The first octets choose profile, kind and the change. */
#include <stdlib.h>
#include <string.h>

#include "agw/media/srtp.h"

#define ROOM 2048

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

struct way {
    struct srtp *out, *in;
};

static void way_new(struct way *w, enum srtp_engine engine, enum srtp_profile profile)
{
    const struct srtp_key key = {.profile = profile, .key = {1, 2, 3}, .salt = {4, 5, 6}};

    if (srtp_new(&w->out, engine, &key, false) || srtp_new(&w->in, engine, &key, true))
        abort();
}

static void way_free(struct way *w)
{
    srtp_free(w->out);
    srtp_free(w->in);
}

static int open_copy(struct way *w, bool rtcp, const uint8_t *p, size_t n, uint8_t out[ROOM], size_t *out_n)
{
    memcpy(out, p, n);
    *out_n = n;
    return rtcp ? srtp_open_rtcp(w->in, out, out_n) : srtp_open(w->in, out, out_n);
}

/* Sealed by either of them. */
static void sealed(struct way w[2], bool rtcp, const uint8_t *plain, size_t n, unsigned flip)
{
    uint8_t s[ROOM], back[ROOM];
    size_t s_n = n, back_n;
    const unsigned by = flip & 1;
    const int err = rtcp ? srtp_seal_rtcp(w[by].out, memcpy(s, plain, n), &s_n, ROOM)
                         : srtp_seal(w[by].out, memcpy(s, plain, n), &s_n, ROOM);

    if (err)
        return;
    s[flip / 2 % s_n] ^= 0x10;
    for (unsigned i = 0; i < 2; i++)
        if (open_copy(&w[i], rtcp, s, s_n, back, &back_n) == 0)
            abort();
    s[flip / 2 % s_n] ^= 0x10;
    for (unsigned i = 0; i < 2; i++)
        if (open_copy(&w[i], rtcp, s, s_n, back, &back_n) || back_n != n || memcmp(back, plain, n) != 0)
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    static const enum srtp_profile profiles[] = {SRTP_AES128_CM_SHA1_80, SRTP_AES128_CM_SHA1_32, SRTP_AEAD_AES_128_GCM,
                                                 SRTP_AEAD_AES_256_GCM};
    uint8_t out[ROOM];
    size_t out_n;
    struct way w[2];

    if (n < 3 || n > ROOM - 64)
        return 0;
    for (unsigned i = 0; i < 2; i++)
        way_new(&w[i], i ? SRTP_LIBSRTP : SRTP_OPENSSL, profiles[p[0] % 4]);
    for (unsigned i = 0; i < 2; i++)
        if (open_copy(&w[i], p[0] & 4, p + 3, n - 3, out, &out_n) == 0)
            abort();
    sealed(w, p[0] & 4, p + 3, n - 3, (unsigned)p[1] << 8 | p[2]);
    way_free(&w[0]);
    way_free(&w[1]);
    return 0;
}
