/* Where something new finds its place: StreamIDs, m= lines of both sides, mids (RFC 3264 8.1, RFC 9143). */
#include "alg/call/offer.h"

uint16_t exch_free_stream(const struct layout *l)
{
    uint16_t id = l->floor + 1;

    while (layout_has(l, id) || id == l->dc_old)
        id++;
    return id;
}

/* The channels' line is off: what the WIC makes of it later is another transport. */
void exch_close_dc(struct exch *x)
{
    struct layout *l = &x->lay;

    for (unsigned i = 0; i < l->n_web; i++) {
        if (l->web[i].kind == WEB_DC)
            l->web[i].kind = WEB_REFUSED;
    }
    if (l->dc_stream == l->bundle_stream) { /* RFC 9143 7.5: the others ride on */
        l->dc_owner = l->dc_stream;
        l->dc_owner_sctp = l->dc_sctp;
    } else {
        l->dc_old = l->dc_stream;
    }
    l->dc_stream = 0;
    l->dc = (struct tport){0};
    l->dc_bundled = false;
}

/* The channels' line is on again, and its stream is the bundle's still: no other could be in it (RFC 8841 8: one association),
 * and its old channels are in their group until new ones come. */
void exch_dc_back(struct exch *x)
{
    struct layout *l = &x->lay;

    for (unsigned i = 0; i < l->n_rtp; i++) {
        if (l->rtp[i].bundled && l->rtp[i].state != CHAN_GONE)
            l->dc = l->rtp[i].tp;
    }
    l->dc.restart = l->dc.renew = l->dc.release = false;
    l->dc_stream = l->dc_owner;
    l->dc_owner = 0;
    x->dc_back = true;
}

bool exch_old_goes(const struct exch *x)
{
    const struct layout *l = &x->lay;
    bool other = l->dc_stream || l->bundle_stream;

    for (unsigned i = 0; i < l->n_rtp; i++)
        other = other || l->rtp[i].state != CHAN_GONE;
    for (unsigned i = 0; i < l->n; i++)
        other = other || (l->ch[i].line && l->ch[i].state != CHAN_GONE);
    return l->dc_old && other;
}

/* Every channel was refused before there was any, or before there was any again: the line of the WIC is, too. */
void exch_drop_dc(struct exch *x)
{
    struct layout *l = &x->lay;
    bool asked = x->from == SIP_MW; /* T1, before the WIC was */
    uint16_t old = l->dc_old;

    for (unsigned i = 0; i < l->n; i++) {
        if (l->ch[i].state != CHAN_GONE && !l->ch[i].line)
            return;
    }
    if (x->dc_back && !asked)
        exch_close_dc(x);
    if (!x->dc_fresh || !l->dc_stream || x->told) /* the WIC has it, and so has T1 */
        return;
    if (!asked && l->bundle_stream == l->dc_stream)
        l->bundle_stream = 0;
    exch_close_dc(x);
    if (asked) {
        l->dc_drop = l->dc_old != old ? old : 0;
    } else {
        l->dc_old = old;
        exch_join_bundle(x);
    }
}

int exch_free_slot(struct layout *l, const char *media, struct sv proto, struct sv fmts)
{
    struct ims_slot *s = NULL;

    for (unsigned i = 0; i < l->n_ims && !s; i++) {
        if (l->ims[i].chan < 0 && l->ims[i].rtp < 0 && sv_is(l->ims[i].media, media))
            s = &l->ims[i];
    }
    if (!s && l->n_ims == SDP_LINES_MAX)
        return -1;
    if (!s)
        s = &l->ims[l->n_ims++];
    *s = (struct ims_slot){.media = sv_from(media), .proto = proto, .fmts = fmts, .chan = -1, .rtp = -1};
    return (int)(s - l->ims);
}

/* A number that no line of the WIC has as its mid. */
static struct sv free_mid(struct exch *x)
{
    for (unsigned n = 0;; n++) {
        char *mid = arena_printf(x->a, "%u", n);
        bool used = false;

        for (unsigned i = 0; mid && i < x->lay.n_web; i++)
            used = used || sv_is(x->lay.web[i].mid, mid);
        if (!used)
            return sv_from(mid);
    }
}

int exch_web_line(struct exch *x, struct web_line line)
{
    struct layout *l = &x->lay;
    unsigned at = l->n_web;

    for (unsigned i = 0; i < l->n_web; i++) {
        if (l->web[i].kind == WEB_REFUSED && sv_eq(l->web[i].media, line.media))
            at = i;
    }
    if (at == SDP_LINES_MAX)
        return -1;
    line.mid = free_mid(x);
    if (!line.mid.p)
        return -1;
    l->web[at] = line;
    l->n_web += at == l->n_web;
    return (int)at;
}

/* --- MSRP sessions --- */

/* sip-sdp 3.7.3: the next free even id; the browser's own channels (DCEP) are its business. */
static uint16_t free_sid(const struct layout *l)
{
    for (uint16_t id = 0;; id += 2) {
        bool used = false;

        for (unsigned i = 0; i < l->n; i++)
            used = used || l->ch[i].map.id == id;
        if (!used)
            return id;
    }
}

static struct chan *add(struct exch *x, unsigned slot)
{
    struct chan *c = &x->lay.ch[x->lay.n];

    *c = (struct chan){.state = CHAN_NEW, .fresh = true, .ims_line = slot};
    c->map.id = UINT16_MAX; /* no stream id of SCTP's */
    c->stream = exch_free_stream(&x->lay);
    x->lay.ims[slot].chan = (int)x->lay.n++;
    x->new_chans = true;
    return c;
}

struct chan *exch_chan_add(struct exch *x, unsigned slot)
{
    if (!x->lay.dc_stream && x->lay.dc_owner) {
        exch_dc_back(x);
    } else if (!x->lay.dc_stream) {
        x->lay.dc_stream = exch_free_stream(&x->lay);
        x->dc_fresh = true;
    }
    return add(x, slot);
}

struct chan *exch_line_add(struct exch *x, unsigned slot, unsigned web_line)
{
    struct chan *c = add(x, slot);

    c->line = true;
    c->web_line = web_line;
    return c;
}

struct chan *exch_add_from_ims(struct exch *x, unsigned slot)
{
    struct chan *c;

    if (x->lay.msrp_lines)
        return exch_msrp_add_from_ims(x, slot) ? &x->lay.ch[x->lay.n - 1] : NULL;
    c = exch_chan_add(x, slot);
    c->map = (struct sdp_dcmap){.id = UINT16_MAX, .ordered = true, .priority = 256, .subprotocol = SV("MSRP")};
    c->map.id = free_sid(&x->lay);
    return c;
}

void exch_chan_gone(struct exch *x, unsigned i)
{
    struct chan *c = &x->lay.ch[i];

    c->state = CHAN_GONE;
    x->gone_chans = true;
    if (c->line)
        x->lay.web[c->web_line].kind = WEB_REFUSED;
}
