/* STUN parser and ICE-lite agent: whatever comes, nothing unauthenticated is answered. Seeds: any STUN message. */
#include <stdlib.h>

#include "agw/media/ice.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static struct stun_mac *mac;

static void check_parse(const uint8_t *p, size_t n)
{
    struct stun_msg m;

    if (stun_parse(&m, p, n))
        return;
    if (m.n_unknown > MEDIA_STUN_UNKNOWN || (m.username.p && (const uint8_t *)m.username.p + m.username.n > p + n))
        abort();
    (void)stun_verify(&m, mac, SV("gatewaypasswordgateway00"));
}

/* The first octet chooses: as it is, or with our integrity and fingerprint behind it, to get past both. */
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    static const char pwd[] = "gatewaypasswordgateway00";
    uint8_t msg[2048], out[MEDIA_STUN_REPLY];
    struct buf b = buf_over(msg, sizeof(msg)), reply = buf_over(out, sizeof(out));
    struct dgram in = {.p = msg};
    struct ice *ice = NULL;
    bool sealed;
    int res;

    if ((!mac && stun_mac_new(&mac)) || n < 1 || n > 1024)
        return 0;
    sealed = p[0] & 1;
    buf_put(&b, p + 1, n - 1);
    if (sealed && (b.len < STUN_HEADER || stun_end(&b, mac, sv_from(pwd))))
        return 0;
    in.n = b.len;
    check_parse(msg, b.len);
    if (ice_new(&ice, mac, "u", pwd, 30000) || addr_parse(&in.src, SV("192.0.2.1"), 1000))
        abort();
    res = ice_input(ice, &in, &reply, 1);
    if (reply.overflow || (res < 0 && reply.len) || (!sealed && reply.len))
        abort();
    if (ice_is_valid(ice, &in.src) != (res > 0))
        abort();
    ice_free(ice);
    return 0;
}
