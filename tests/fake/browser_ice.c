/* ICE of the browser's side: checks of one pair, answers to the peer's (RFC 8445 7). */
#include "common/rnd.h"
#include "tests/fake/browser_priv.h"

#define CHECK_MS 50        /* between checks until the first success */
#define KEEPALIVE_MS 2500  /* afterwards: Chromium's pace */

/* RFC 8445 7.1: one pair, nominated at once as Chromium does towards a lite peer */
void browser_check(struct browser *b, msec_t now)
{
    struct tx *tx = &b->hub->tx;
    char username[sizeof(b->remote_ufrag) + sizeof(b->ufrag) + 1];
    struct buf m = buf_over(tx_room(tx), MEDIA_STUN_REPLY + sizeof(username));
    const bool controls = b->peer != BROWSER_PEER_CONTROLLING;

    snprintf(username, sizeof(username), "%s:%s", b->remote_ufrag, b->ufrag);
    stun_begin(&m, STUN_BINDING_REQUEST, b->tid);
    stun_put(&m, STUN_USERNAME, username, strlen(username));
    stun_put_u32(&m, (enum stun_attr)0xc057, 0x00010000); /* GOOG-NETWORK-INFO */
    stun_put_u64(&m, controls ? STUN_ICE_CONTROLLING : STUN_ICE_CONTROLLED, b->tiebreaker);
    if (controls)
        stun_put(&m, STUN_USE_CANDIDATE, NULL, 0);
    stun_put_u32(&m, STUN_PRIORITY, 1845501695);
    if (stun_end(&m, b->hub->mac, sv_from(b->remote_pwd)) == 0)
        tx_commit(tx, m.len);
    browser_flush(b);
    b->next_check = now + (b->ice_up ? KEEPALIVE_MS : CHECK_MS);
    if (b->ice_up)
        rnd_bytes(b->tid, sizeof(b->tid));
}

/* Ours passed; a full peer's must, too, and the one that controls nominates. */
static void settle(struct browser *b, msec_t now)
{
    if (b->ice_up || !b->passed || (b->peer != BROWSER_PEER_LITE && !b->peer_checked))
        return;
    b->ice_up = true;
    rnd_bytes(b->tid, sizeof(b->tid));
    b->next_check = now + KEEPALIVE_MS;
    browser_ice_up(b);
}

static bool is_for_us(const struct browser *b, struct sv username)
{
    struct sv ours = sv_cut(&username, ':');

    return sv_is(ours, b->ufrag) && sv_is(username, b->remote_ufrag);
}

/* A check of the peer: nobody but a full agent sends one, and in the role that the chart says. */
static void on_request(struct browser *b, const struct stun_msg *m, const struct addr *src, msec_t now)
{
    struct tx *tx = &b->hub->tx;
    struct buf reply = buf_over(tx_room(tx), MEDIA_STUN_REPLY);
    const bool controls = b->peer == BROWSER_PEER_CONTROLLING;

    if (b->peer == BROWSER_PEER_LITE || !is_for_us(b, m->username) || !stun_verify(m, b->hub->mac, sv_from(b->pwd)) ||
        m->controlling != controls || m->controlled == controls || !addr_eq(src, &b->remote))
        return;
    stun_begin(&reply, STUN_BINDING_SUCCESS, m->tid);
    stun_put_xaddr(&reply, src);
    if (stun_end(&reply, b->hub->mac, sv_from(b->pwd)) == 0)
        tx_commit(tx, reply.len);
    browser_flush(b);
    b->peer_checked = b->peer_checked || !controls || m->use_candidate;
    settle(b, now);
}

void browser_stun(struct browser *b, const struct dgram *in, msec_t now)
{
    struct stun_msg m;

    if (stun_parse(&m, in->p, in->n))
        return;
    if (m.type == STUN_BINDING_REQUEST) {
        on_request(b, &m, &in->src, now);
        return;
    }
    if (m.type != STUN_BINDING_SUCCESS || !addr_eq(&in->src, &b->remote) ||
        !stun_verify(&m, b->hub->mac, sv_from(b->remote_pwd)) || b->ice_up || memcmp(m.tid, b->tid, STUN_TID) != 0)
        return;
    b->passed = true;
    settle(b, now);
}
