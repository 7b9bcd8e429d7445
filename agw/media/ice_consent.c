#include "agw/media/ice_consent.h"

#include <errno.h>

#include "common/rnd.h"

/* RFC 7675 5.1: 5 s, each time multiplied by 0.8 to 1.2, so that streams do not fall into step. */
static msec_t pause_of(void)
{
    return MEDIA_CONSENT_MS * 4 / 5 + rnd_u32() % (MEDIA_CONSENT_MS * 2 / 5 + 1);
}

void ice_consent_begin(struct ice_consent *c, const struct ice_names *names, const struct addr *to, msec_t now)
{
    c->on = true;
    c->names = *names;
    c->to = *to;
    c->sent = 0;
    c->seen = now;
    c->next = now + pause_of();
}

void ice_consent_stop(struct ice_consent *c)
{
    c->on = false;
}

static bool is_open(const struct ice_consent *c, const uint8_t *tid)
{
    const unsigned n = c->sent < ICE_CONSENT_OPEN ? c->sent : ICE_CONSENT_OPEN;

    for (unsigned i = 0; i < n; i++)
        if (memcmp(c->tid[i], tid, STUN_TID) == 0)
            return true;
    return false;
}

bool ice_consent_answer(struct ice_consent *c, const struct stun_msg *m, const struct addr *src, struct stun_mac *mac,
                        msec_t now)
{
    if (!c->on || m->type != STUN_BINDING_SUCCESS || !addr_eq(src, &c->to) || !is_open(c, m->tid) ||
        !stun_verify(m, mac, sv_from(c->names.remote_pwd)))
        return false;
    c->seen = now;
    return true;
}

static msec_t expires(const struct ice_consent *c)
{
    return c->seen + MEDIA_CONSENT_EXPIRY_MS;
}

msec_t ice_consent_deadline(const struct ice_consent *c)
{
    if (!c->on)
        return MSEC_NEVER;
    return c->next < expires(c) ? c->next : expires(c);
}

int ice_consent_tick(struct ice_consent *c, struct stun_mac *mac, struct tx *tx, msec_t now)
{
    struct ice_request r = {.names = &c->names,
                            .to = &c->to,
                            .priority = MEDIA_ICE_PRFLX_PRIORITY,
                            .tiebreaker = c->tiebreaker,
                            .controlling = c->controlling};

    if (now < ice_consent_deadline(c))
        return 0;
    if (now >= expires(c)) {
        c->on = false;
        return -ETIMEDOUT;
    }
    c->next = now + pause_of();
    if (ice_send_request(&r, mac, tx) == 0)
        memcpy(c->tid[c->sent++ % ICE_CONSENT_OPEN], r.tid, STUN_TID);
    return 0;
}
