#include "tests/fake/check.h"

#include <stdio.h>

size_t check_make(struct stun_mac *mac, const struct check *c, void *out, size_t size)
{
    const uint8_t tid[STUN_TID] = {c->tid, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
    struct buf b = buf_over(out, size);
    char username[128];

    snprintf(username, sizeof(username), "%s:%s", c->ufrag, c->from ? c->from : "peer");
    stun_begin(&b, STUN_BINDING_REQUEST, tid);
    stun_put(&b, STUN_USERNAME, username, strlen(username));
    if (!c->no_priority)
        stun_put_u32(&b, STUN_PRIORITY, 1845501695);
    stun_put_u64(&b, c->controlled ? STUN_ICE_CONTROLLED : STUN_ICE_CONTROLLING, 77);
    if (c->use_candidate)
        stun_put(&b, STUN_USE_CANDIDATE, NULL, 0);
    if (c->unknown)
        stun_put_u32(&b, (enum stun_attr)c->unknown, 0);
    if (stun_end(&b, c->no_integrity ? NULL : mac, sv_from(c->pwd)))
        return 0;
    if (c->no_fingerprint) {
        b.len -= 8;
        b.p[2] = 0;
        b.p[3] = (uint8_t)(b.len - STUN_HEADER);
    }
    return b.len;
}
