#include "agw/media/ice_msg.h"

#include <errno.h>
#include <stdio.h>

#include "common/rnd.h"

static int leave(struct buf *b, const struct addr *to, int err, struct tx *tx)
{
    const unsigned at = tx->n;

    if (err)
        return err;
    tx_commit(tx, b->len);
    tx_address(tx, at, to);
    return 0;
}

int ice_repeat_request(const struct ice_request *r, struct stun_mac *mac, struct tx *tx)
{
    char username[BUS_ICE_UFRAG + sizeof(r->names->ufrag) + 1];
    uint8_t *room = tx_room(tx);
    struct buf b = buf_over(room, room ? MEDIA_STUN_REPLY : 0);
    int n;

    if (!room)
        return -ENOBUFS;
    n = snprintf(username, sizeof(username), "%s:%s", r->names->remote_ufrag, r->names->ufrag);
    stun_begin(&b, STUN_BINDING_REQUEST, r->tid);
    stun_put(&b, STUN_USERNAME, username, (size_t)n);
    stun_put_u32(&b, STUN_PRIORITY, r->priority);
    stun_put_u64(&b, r->controlling ? STUN_ICE_CONTROLLING : STUN_ICE_CONTROLLED, r->tiebreaker);
    if (r->use_candidate)
        stun_put(&b, STUN_USE_CANDIDATE, NULL, 0);
    return leave(&b, r->to, stun_end(&b, mac, sv_from(r->names->remote_pwd)), tx);
}

int ice_send_request(struct ice_request *r, struct stun_mac *mac, struct tx *tx)
{
    rnd_bytes(r->tid, sizeof(r->tid));
    return ice_repeat_request(r, mac, tx);
}

/* RFC 8445 11: neither authenticated nor answered; FINGERPRINT alone. */
int ice_send_indication(const struct addr *to, struct tx *tx)
{
    uint8_t *room = tx_room(tx), tid[STUN_TID];
    struct buf b = buf_over(room, room ? MEDIA_STUN_REPLY : 0);

    if (!room)
        return -ENOBUFS;
    rnd_bytes(tid, sizeof(tid));
    stun_begin(&b, STUN_BINDING_INDICATION, tid);
    return leave(&b, to, stun_end(&b, NULL, SV_NONE), tx);
}
