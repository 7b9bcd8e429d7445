/* Copies of a layout. */
#include "alg/call/layout.h"

#include <errno.h>
#include <string.h>

static int copy_sv(struct arena *a, struct sv *v)
{
    if (!v->p)
        return 0;
    *v = arena_sv(a, *v);
    return v->p ? 0 : -ENOMEM;
}

static int tport_own(struct arena *a, struct tport *t)
{
    return copy_sv(a, &t->ufrag) | copy_sv(a, &t->pwd) | copy_sv(a, &t->their_id);
}

static int rline_own(struct arena *a, struct rline *r)
{
    int err = tport_own(a, &r->tp) | copy_sv(a, &r->rtcp_addrtype) | copy_sv(a, &r->rtcp_addr);

    for (unsigned k = 0; k < 2; k++)
        err |= copy_sv(a, &r->key[k]) | copy_sv(a, &r->their_key[k]) | copy_sv(a, &r->addrtype[k]) |
               copy_sv(a, &r->addr[k]) | codec_own(a, &r->codecs[k]);
    return err;
}

static int owner_own(struct arena *a, struct layout *l)
{
    struct rline *own;

    if (!l->owner)
        return 0;
    own = ARENA_NEW(a, struct rline);
    if (!own)
        return -ENOMEM;
    *own = *l->owner;
    l->owner = own;
    return rline_own(a, own);
}

int layout_own(struct arena *a, struct layout *l)
{
    int err = tport_own(a, &l->dc) | copy_sv(a, &l->web_id) | owner_own(a, l) | copy_sv(a, &l->owner_mid);

    for (unsigned i = 0; !err && i < l->n; i++) {
        struct chan *c = &l->ch[i];

        err = copy_sv(a, &c->map.label) | copy_sv(a, &c->map.subprotocol) | copy_sv(a, &c->addrtype) |
              copy_sv(a, &c->addr) | tport_own(a, &c->tp);
    }
    for (unsigned i = 0; !err && i < l->n_rtp; i++)
        err = rline_own(a, &l->rtp[i]);
    for (unsigned i = 0; !err && i < l->n_web; i++) {
        struct web_line *w = &l->web[i];

        err = copy_sv(a, &w->media) | copy_sv(a, &w->proto) | copy_sv(a, &w->fmts) |
              copy_sv(a, &w->mid);
    }
    for (unsigned i = 0; !err && i < l->n_ims; i++) {
        struct ims_slot *s = &l->ims[i];

        err = copy_sv(a, &s->media) | copy_sv(a, &s->proto) | copy_sv(a, &s->fmts);
    }
    return err ? -ENOMEM : 0;
}

static int room(struct arena *a, struct layout *l, unsigned n, unsigned n_rtp, unsigned n_web, unsigned n_ims)
{
    l->ch = arena_alloc(a, n * sizeof *l->ch);
    l->rtp = n_rtp ? arena_alloc(a, n_rtp * sizeof *l->rtp) : NULL;
    l->web = arena_alloc(a, n_web * sizeof *l->web);
    l->ims = arena_alloc(a, n_ims * sizeof *l->ims);
    return l->ch && (l->rtp || !n_rtp) && l->web && l->ims ? 0 : -ENOMEM;
}

/* What *from has, into the room of *to. */
static void fill(struct layout *to, const struct layout *from)
{
    const struct layout room_of = *to;

    *to = *from;
    to->ch = memcpy(room_of.ch, from->ch, from->n * sizeof *to->ch);
    to->rtp = room_of.rtp;
    if (from->n_rtp > 0)
        memcpy(to->rtp, from->rtp, from->n_rtp * sizeof *to->rtp);
    to->web = memcpy(room_of.web, from->web, from->n_web * sizeof *to->web);
    to->ims = memcpy(room_of.ims, from->ims, from->n_ims * sizeof *to->ims);
}

int layout_new(struct arena *a, struct layout *l)
{
    *l = (struct layout){0};
    return room(a, l, DC_CHAN_MAX, 0, SDP_LINES_MAX, SDP_LINES_MAX);
}

int layout_room_rtp(struct arena *a, struct layout *l)
{
    if (!l->rtp)
        l->rtp = arena_alloc(a, RTP_LINE_MAX * sizeof *l->rtp);
    return l->rtp ? 0 : -ENOMEM;
}

void layout_set(struct layout *to, const struct layout *from)
{
    fill(to, from);
    /* who adds an element finds it zeroed */
    memset(to->ch + to->n, 0, (DC_CHAN_MAX - to->n) * sizeof *to->ch);
    if (to->rtp)
        memset(to->rtp + to->n_rtp, 0, (RTP_LINE_MAX - to->n_rtp) * sizeof *to->rtp);
    memset(to->web + to->n_web, 0, (SDP_LINES_MAX - to->n_web) * sizeof *to->web);
    memset(to->ims + to->n_ims, 0, (SDP_LINES_MAX - to->n_ims) * sizeof *to->ims);
}

int layout_keep(struct arena *a, struct layout *to, const struct layout *from)
{
    int err = room(a, to, from->n, from->n_rtp, from->n_web, from->n_ims);

    if (err)
        return err;
    fill(to, from);
    return layout_own(a, to);
}

bool layout_has(const struct layout *l, uint16_t stream)
{
    bool has = stream == l->dc_stream || stream == l->bundle_stream;

    for (unsigned i = 0; i < l->n; i++)
        has = has || l->ch[i].stream == stream;
    for (unsigned i = 0; i < l->n_rtp; i++)
        has = has || l->rtp[i].stream == stream;
    return has;
}
