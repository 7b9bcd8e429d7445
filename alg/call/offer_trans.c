/* The transport of a line on W2 from one exchange to the next: ICE restarts (RFC 8445 9), and new DTLS associations, which
 * another certificate, tls-id or role asks for and other ICE credentials do not (RFC 8842 4, 5.5). */
#include <ctype.h>
#include <errno.h>

#include "alg/call/offer.h"

/* Of a set of fingerprints: their order and case do not matter (RFC 8122 5). Never 0. */
static uint64_t certs_of(const struct sdp_attr *fingerprints)
{
    uint64_t all = 0;

    for (const struct sdp_attr *at = fingerprints; at; at = at->next) {
        uint64_t h = 14695981039346656037ull; /* FNV-1a */

        for (size_t i = 0; i < at->value.n; i++)
            h = (h ^ (uint8_t)tolower((unsigned char)at->value.p[i])) * 1099511628211ull;
        all += h;
    }
    return all ? all : 1;
}

/* Which role a transport has from now on, and whether that is a new association. The gateway begins one for another certificate
 * of the peer, or when it is told to become the client; not as the server that it is already. NONE: it cannot be. */
static enum sdp_setup next_role(const struct exch *x, const struct tport *tp, const struct web_trans *t, bool cert, bool *renew)
{
    bool other_id = tp->their_id.n > 0 && t->tls_id.n > 0 && !sv_eq(tp->their_id, t->tls_id);
    enum sdp_setup now = tp->role;

    *renew = false;
    if (now == SDP_SETUP_NONE)
        return web_role(t->setup, x->dtls_choice);
    if (other_id && !cert && now == SDP_SETUP_PASSIVE)
        now = web_role(t->setup, SDP_SETUP_ACTIVE);
    else
        now = web_role(t->setup, now);
    *renew = cert || other_id || now != tp->role;
    return *renew && !cert && (now != SDP_SETUP_ACTIVE || tp->role == SDP_SETUP_ACTIVE) ? SDP_SETUP_NONE : now;
}

int exch_take_transport(struct exch *x, struct tport *tp, const struct web_trans *t)
{
    uint64_t certs = certs_of(t->fingerprints);
    bool renew;
    enum sdp_setup role = next_role(x, tp, t, tp->certs && tp->certs != certs, &renew);

    if (role == SDP_SETUP_NONE)
        return exch_refuse(x, 488, 305, tp->role == SDP_SETUP_NONE ? "a=setup fits no DTLS role"
                                                                   : "the DTLS association cannot be made anew");
    tp->restart = tp->ufrag.n > 0 && !sv_eq(tp->ufrag, t->ufrag) && !sv_eq(tp->pwd, t->pwd);
    tp->renew = renew;
    tp->age += renew && x->from == SIP_W2; /* else our offer said which one */
    tp->role = role;
    tp->ufrag = t->ufrag;
    tp->pwd = t->pwd;
    tp->certs = certs;
    tp->their_id = t->tls_id;
    tp->tls_id = t->tls_id.n > 0;
    return 0;
}

bool exch_renews(const struct exch *x)
{
    bool renew = x->lay.dc.renew;

    for (unsigned i = 0; i < x->lay.n_rtp; i++)
        renew = renew || (x->lay.rtp[i].state != CHAN_GONE && x->lay.rtp[i].tp.renew);
    return renew;
}

int exch_own_tls_id(struct exch *x, const struct tport *tp, bool bundled, uint16_t stream, struct sv *out)
{
    const struct layout *l = &x->lay;
    unsigned age = tp->age;
    struct buf b;
    char text[80];

    *out = SV_NONE;
    if (!tp->tls_id)
        return 0;
    if (bundled && l->dc_bundled && l->dc.age > age)
        age = l->dc.age;
    for (unsigned i = 0; bundled && i < l->n_rtp; i++) { /* a line that joined later is as old as its transport */
        if (l->rtp[i].bundled && l->rtp[i].tp.age > age)
            age = l->rtp[i].tp.age;
    }
    b = buf_over(text, sizeof text);
    buf_str(&b, x->tls_id);
    if (!bundled && stream != l->dc_stream)
        buf_printf(&b, "-%u", stream);
    if (age > 0)
        buf_printf(&b, "-again%u", age);
    *out = arena_sv(x->a, buf_sv(&b));
    return out->p ? 0 : -ENOMEM;
}
