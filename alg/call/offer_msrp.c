/* m=message lines of a WIC that is no browser, in an offer/answer exchange (TS 33.203 W.3.4): a chan with a line and a transport
 * of its own on W2. Who opens a connection is a matter of each side alone: there it is the WIC, always. */
#include <errno.h>
#include <utlist.h>

#include "alg/call/offer.h"

static struct web_msrp *said_of(const struct exch *x, const struct chan *c)
{
    return c->web_line < x->web->n_lines ? x->web->msrp[c->web_line] : NULL;
}

static unsigned lines_of(const struct layout *l)
{
    unsigned n = 0;

    for (unsigned i = 0; i < l->n; i++)
        n += l->ch[i].line && l->ch[i].state != CHAN_GONE;
    return n;
}

const struct chan *exch_msrp_line(const struct layout *l, unsigned web_line)
{
    for (unsigned i = 0; i < l->n; i++) {
        if (l->ch[i].line && l->ch[i].state != CHAN_GONE && l->ch[i].web_line == web_line)
            return &l->ch[i];
    }
    return NULL;
}

/* An answer starts ICE anew only where the offer did (RFC 8839 4.4.1.1.1), and ours never do. */
static void take(const struct exch *x, struct chan *c, const struct web_msrp *said)
{
    struct tport *tp = &c->tp;

    tp->restart = x->from == SIP_W2 && tp->ufrag.n > 0 && !sv_eq(tp->ufrag, said->t.ufrag) && !sv_eq(tp->pwd, said->t.pwd);
    tp->ufrag = said->t.ufrag;
    tp->pwd = said->t.pwd;
    c->web_cema = said->cema;
    c->dir[SIP_W2] = said->dir;
}

static void add_from_web(struct exch *x, unsigned k)
{
    struct layout *l = &x->lay;
    int slot = -1;

    if (l->n < DC_CHAN_MAX && lines_of(l) < MSRP_LINE_MAX)
        slot = exch_free_slot(l, "message", SV("TCP/MSRP"), SV("*"));
    if (slot < 0) {
        l->web[k].kind = WEB_REFUSED;
        return;
    }
    x->web_ch[l->n] = &x->web->msrp[k]->ch;
    take(x, exch_line_add(x, (unsigned)slot, k), x->web->msrp[k]);
}

void exch_msrp_offer_web(struct exch *x)
{
    struct layout *l = &x->lay;

    l->msrp_lines = l->msrp_lines || x->web->n_msrp > 0;
    for (unsigned i = 0; i < l->n; i++) {
        const struct web_msrp *said = l->ch[i].line ? said_of(x, &l->ch[i]) : NULL;

        if (said) {
            x->altered = x->altered || said->dir != l->ch[i].dir[SIP_W2]; /* hold (RFC 3264 8.4) */
            x->web_ch[i] = &said->ch;
            take(x, &l->ch[i], said);
        } else if (l->ch[i].line) {
            exch_chan_gone(x, i);
        }
    }
    for (unsigned k = 0; k < x->web->n_lines; k++) {
        if (x->web->msrp[k] && !exch_msrp_line(l, k))
            add_from_web(x, k);
    }
}

const struct dc_chan *exch_msrp_answer_web(struct exch *x, struct chan *c)
{
    const struct web_msrp *said = said_of(x, c);

    if (!said)
        return NULL;
    take(x, c, said);
    return &said->ch;
}

enum sdp_setup exch_msrp_role(const struct chan *c, enum sdp_setup offered)
{
    if (c->state == CHAN_OPEN)
        return c->core == SDP_SETUP_ACTIVE ? SDP_SETUP_PASSIVE : SDP_SETUP_ACTIVE;
    return offered == SDP_SETUP_ACTIVE || offered == SDP_SETUP_NONE ? SDP_SETUP_PASSIVE : SDP_SETUP_ACTIVE;
}

bool exch_msrp_add_from_ims(struct exch *x, unsigned k)
{
    int at = -1;

    if (lines_of(&x->lay) < MSRP_LINE_MAX)
        at = exch_web_line(x, (struct web_line){WEB_MSRP, SV("message"), SV("TCP/MSRP"), SV("*"), SV_NONE});
    if (at < 0)
        return false;
    exch_line_add(x, k, (unsigned)at);
    return true;
}

int exch_msrp_out(struct exch *x, const struct media *m, unsigned i, bool offer, struct web_out *w)
{
    const struct chan *c = &x->lay.ch[i];
    const struct web_local *local = media_local_of(m, c->stream);
    struct web_msrp_out *o = local ? ARENA_NEW(x->a, struct web_msrp_out) : NULL;

    if (!local)
        return 0;
    if (!o)
        return -ENOMEM;
    *o = (struct web_msrp_out){.local = local, .cema = offer || c->web_cema, .ch = &x->ims_ch[i]->ch};
    w->msrp[c->web_line] = o;
    return 0;
}

void exch_msrp_again(const struct media *m, struct sdp_media *md, const struct chan *c)
{
    const struct web_local *l = media_local_of(m, c->stream);
    struct sdp_attr *at;

    DL_FOREACH(md->attrs, at) {
        if (sv_is(at->name, "ice-ufrag") && l)
            at->value = l->ufrag;
        else if (sv_is(at->name, "ice-pwd") && l)
            at->value = l->pwd;
    }
}
