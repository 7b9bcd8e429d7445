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

static bool is_restart(const struct tport *tp, const struct web_trans *t)
{
    return tp->ufrag.n > 0 && !sv_eq(tp->ufrag, t->ufrag) && !sv_eq(tp->pwd, t->pwd);
}

/* Browsers say no tls-id. One that began anew shows by its ICE credentials together with its o= line, which a peer connection
 * keeps as long as it lives (RFC 8829 5.2.1). */
static bool is_other(const struct exch *x, const struct tport *tp, const struct web_trans *t)
{
    if (tp->their_id.n > 0 && t->tls_id.n > 0)
        return !sv_eq(tp->their_id, t->tls_id);
    return x->other_peer && is_restart(tp, t);
}

/* Which role a transport has from now on, and whether that is a new association. NONE: it cannot be. */
static enum sdp_setup next_role(const struct exch *x, const struct tport *tp, const struct web_trans *t, bool cert, bool *renew)
{
    bool other = is_other(x, tp, t);
    enum sdp_setup now = web_role(t->setup, tp->role == SDP_SETUP_NONE ? x->dtls_choice : tp->role);

    *renew = now != SDP_SETUP_NONE && tp->role != SDP_SETUP_NONE && (cert || other || now != tp->role);
    return now;
}

int exch_take_transport(struct exch *x, struct tport *tp, const struct web_trans *t)
{
    uint64_t certs = certs_of(t->fingerprints);
    bool cert = tp->certs && tp->certs != certs, renew;
    enum sdp_setup role = next_role(x, tp, t, cert, &renew);

    if (role == SDP_SETUP_NONE)
        return exch_refuse(x, 488, 305, "a=setup fits no DTLS role");
    tp->restart = is_restart(tp, t);
    tp->renew = renew;
    tp->release = renew && !cert && role == SDP_SETUP_PASSIVE; /* another certificate says it by itself */
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
