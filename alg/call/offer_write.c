/* Writing offers and answers of alg's own. */
#include <errno.h>
#include <utlist.h>

#include "alg/call/early_offer.h"
#include "alg/call/offer.h"

static enum sdp_setup inverse(enum sdp_setup s)
{
    return s == SDP_SETUP_ACTIVE ? SDP_SETUP_PASSIVE : SDP_SETUP_ACTIVE;
}

/* --- to Mw --- */

static int write_ims(struct exch *x, const struct media *m, struct sdp_own *own, bool offer)
{
    struct ims_out out[SDP_LINES_MAX] = {0};
    const struct rtp_out *rtp[SDP_LINES_MAX] = {NULL};
    struct dc_chan said[DC_CHAN_MAX];
    const struct media_port *any = m->n_ports ? &m->ports[0] : NULL;
    struct sdp *s;
    int err = exch_rtp_out_ims(x, m, offer, rtp);

    if (err)
        return err;
    for (unsigned k = 0; k < x->lay.n_ims; k++) {
        out[k].media = x->lay.ims[k].media;
        out[k].proto = x->lay.ims[k].proto;
        out[k].fmts = x->lay.ims[k].fmts;
        out[k].rtp = rtp[k];
    }
    for (unsigned i = 0; i < x->lay.n; i++) {
        const struct chan *c = &x->lay.ch[i];
        const struct media_port *p = media_port_of(m, c->stream);
        struct ims_out *o = &out[c->ims_line];

        if (c->state == CHAN_GONE || !p || !x->web_ch[i])
            continue;
        said[i] = *x->web_ch[i];
        if (!offer)
            said[i].setup = inverse(c->core);
        else if (c->line && c->state == CHAN_OPEN)
            said[i].setup = inverse(c->core);
        else if (c->line || said[i].setup == SDP_SETUP_NONE)
            said[i].setup = SDP_SETUP_ACTPASS; /* the far end picks the direction (step 5) */
        if (offer) /* an answer is no offer: what the same side says next is still of ours */
            x->offered[i] = said[i].setup;
        o->ch = &said[i];
        o->port = p->port;
        o->addrtype = p->v6 ? SV("IP6") : SV("IP4");
        o->addr = sv_from(p->addr);
        o->cema = offer || c->cema;
    }
    err = ims_write(x->a, out, x->lay.n_ims, &s);
    if (err)
        return err;
    return sdp_own_print(own, s, any && any->v6 ? SV("IP6") : SV("IP4"),
                         any ? sv_from(any->addr) : SV("0.0.0.0"));
}

/* --- to W2 --- */

/* The transport of the data channel line; a channel line that lost its stream is refused. */
static int web_dc_out(struct exch *x, const struct media *m, bool offer, struct web_out *w)
{
    const struct layout *l = &x->lay;

    w->local = media_local_of(m, l->dc_stream);
    w->trans.local = l->dc_bundled ? media_local_of(m, l->bundle_stream) : w->local;
    w->trans.setup = offer ? SDP_SETUP_ACTPASS : l->dc.role;
    w->trans.no_candidates = l->dc_bundled && l->bundle_stream != l->dc_stream;
    w->bundle_only = offer && w->trans.no_candidates && l->dc.role == SDP_SETUP_NONE;
    for (unsigned k = 0; k < w->n_lines; k++)
        w->bundled[k] = w->bundled[k] || (w->lines[k].kind == WEB_DC && l->dc_bundled);
    return exch_own_tls_id(x, &l->dc, l->dc_bundled, l->dc_stream, &w->trans.tls_id);
}

static int write_web(struct exch *x, const struct media *m, struct sdp_own *own, bool offer)
{
    struct dc_chan said[DC_CHAN_MAX];
    const struct web_local *any = NULL;
    struct web_out w = {.lines = x->lay.web,
                        .n_lines = x->lay.n_web,
                        .legacy = x->lay.legacy,
                        .connection = !offer && x->lay.connection,
                        .chans = said};
    struct sdp *s;
    int err = exch_rtp_out_web(x, m, offer, &w);

    if (!err)
        err = web_dc_out(x, m, offer, &w);
    if (err)
        return err;
    for (unsigned k = 0; k < w.n_lines && !any; k++)
        any = w.lines[k].kind == WEB_DC ? w.trans.local : w.rtp[k] ? w.rtp[k]->trans.local : NULL;
    for (unsigned i = 0; !err && i < x->lay.n; i++) {
        const struct chan *c = &x->lay.ch[i];
        struct dc_chan *d = &said[w.n_chans];

        if (c->state == CHAN_GONE || !x->ims_ch[i])
            continue;
        if (c->line) {
            err = exch_msrp_out(x, m, i, offer, &w);
            any = any ? any : media_local_of(m, c->stream);
            continue;
        }
        *d = x->ims_ch[i]->ch;
        d->map = c->map;
        if (!offer)
            d->setup = c->core;
        else if (d->setup == SDP_SETUP_NONE)
            d->setup = SDP_SETUP_ACTIVE; /* RFC 4975 5.4: the offerer connects */
        if (offer)
            x->offered[i] = d->setup;
        w.n_chans++;
    }
    if (!err)
        err = web_write(x->a, &w, &s);
    return err ? err : sdp_own_print(own, s, any ? any->addrtype : SV("IP4"), any ? any->addr : SV("0.0.0.0"));
}

int exch_write_offer(struct exch *x, const struct media *m, struct sdp_own *own)
{
    return x->from == SIP_W2 ? write_ims(x, m, own, true) : write_web(x, m, own, true);
}

int exch_write_answer(struct exch *x, const struct media *m, struct sdp_own *own)
{
    return x->from == SIP_W2 ? write_web(x, m, own, false) : write_ims(x, m, own, false);
}

int exch_write_none(struct exch *x, struct sdp_own *own)
{
    struct layout *l = &x->lay;
    const struct media *none = ARENA_NEW(x->a, struct media);

    if (l->n_web + l->n_ims == 0)
        return -EINVAL;
    for (unsigned i = 0; i < l->n; i++)
        l->ch[i].state = CHAN_GONE;
    for (unsigned i = 0; i < l->n_rtp; i++)
        l->rtp[i].state = CHAN_GONE;
    for (unsigned k = 0; k < l->n_web; k++)
        l->web[k].kind = WEB_REFUSED;
    return none ? exch_write_answer(x, none, own) : -ENOMEM;
}

/* --- the same again --- */

static const struct chan *chan_of_sid(const struct layout *l, uint16_t id)
{
    for (unsigned i = 0; i < l->n; i++) {
        if (l->ch[i].map.id == id)
            return &l->ch[i];
    }
    return NULL;
}

/* actpass was said in an offer; an answer names the role that came of it. */
static int again_dcsa(struct exch *x, struct sdp_attr *at)
{
    const struct chan *c;
    struct sdp_attr in;
    uint16_t id;
    char *text;

    if (sdp_dcsa_parse(at->value, &id, &in) || !sv_is(in.name, "setup"))
        return 0;
    c = chan_of_sid(&x->lay, id);
    text = c ? arena_printf(x->a, "%u setup:%s", id, sdp_setup_name(c->core)) : NULL;
    if (text)
        at->value = sv_from(text);
    return !c || text ? 0 : -ENOMEM;
}

/* What a line said stays, but for the role, the credentials, and what was agreed since. */
static int again_trans(struct exch *x, struct sdp_media *md, const struct tport *tp, bool bundled, uint16_t stream,
                       const struct web_local *l)
{
    struct sdp_attr *at;
    struct sv id;

    if (exch_own_tls_id(x, tp, bundled, stream, &id))
        return -ENOMEM;
    sdp_attr_del(&md->attrs, "bundle-only"); /* an offer said that (RFC 9143 7.3) */
    if (md->port == 0 && l)
        md->port = l->port;
    if (id.n == 0)
        sdp_attr_del(&md->attrs, "tls-id");
    DL_FOREACH(md->attrs, at) {
        if (sv_is(at->name, "setup") && !rtp_proto_tcp(md->proto))
            at->value = sv_from(sdp_setup_name(tp->role));
        else if (sv_is(at->name, "tls-id"))
            at->value = id;
        else if (sv_is(at->name, "ice-ufrag") && l)
            at->value = l->ufrag;
        else if (sv_is(at->name, "ice-pwd") && l)
            at->value = l->pwd;
    }
    return 0;
}

static bool is_direction(struct sv name)
{
    for (unsigned d = SDP_SENDRECV; d <= SDP_INACTIVE; d++) {
        if (sv_is(name, rtp_dir_name((enum sdp_dir)d)))
            return true;
    }
    return false;
}

static int again_rtp(struct exch *x, struct sdp_media *md, const struct rline *r, enum sip_side to, enum sdp_dir dir)
{
    const struct codec_list *agreed = &r->codecs[to];
    struct sv fmts = codec_fmts(x->a, agreed);
    struct sdp_attr *at;
    int err = 0;

    if (!fmts.p)
        return -ENOMEM;
    DL_FOREACH(md->attrs, at) {
        if (is_direction(at->name))
            at->name = sv_from(rtp_dir_name(dir));
        else if (sv_is(at->name, "crypto"))
            at->value = r->key[to];
    }
    if (!sv_eq(md->fmts, fmts)) {
        md->fmts = fmts;
        sdp_attr_del(&md->attrs, "rtpmap");
        sdp_attr_del(&md->attrs, "fmtp");
        sdp_attr_del(&md->attrs, "rtcp-fb");
        err = codec_write(x->a, agreed, rtp_proto_feedback(md->proto), &md->attrs);
    }
    return err;
}

static const struct rline *rline_of(const struct layout *l, enum sip_side side, unsigned k)
{
    for (unsigned i = 0; i < l->n_rtp; i++) {
        if ((side == SIP_W2 ? l->rtp[i].web_line : l->rtp[i].ims_line) == k)
            return &l->rtp[i];
    }
    return NULL;
}

/* A line of W2 that lives: whose transport it says. */
static int again_web_trans(struct exch *x, const struct media *m, struct sdp_media *md, const struct rline *r)
{
    const struct layout *l = &x->lay;
    bool bundled = r ? r->bundled : l->dc_bundled;
    uint16_t stream = r ? r->stream : l->dc_stream;

    return again_trans(x, md, r ? &r->tp : &l->dc, bundled, stream, media_local_of(m, bundled ? l->bundle_stream : stream));
}

/* The WIC's default candidate may be of TCP in one offer and of UDP in the next: ours goes along. */
static int again_proto(struct exch *x, const struct media *m, struct sdp_media *md, const struct rline *r, struct sv proto)
{
    const struct web_local *t = r ? media_local_of(m, r->stream) : NULL;
    bool was = rtp_proto_tcp(md->proto), is = rtp_proto_tcp(proto);

    md->proto = proto; /* the offer's (RFC 3264 6) */
    if (!t || (!was && !is))
        return 0;
    if (md->port)
        md->port = rtp_port_w2(proto, t);
    sdp_attr_del(&md->attrs, "setup");
    return is ? sdp_attr_add(x->a, &md->attrs, "setup", SV("passive")) : 0;
}

/* Without the mids of lines that are off by now. */
static int again_group(struct exch *x, struct sdp *s)
{
    const struct layout *l = &x->lay;
    bool bundled[SDP_LINES_MAX] = {false};

    if (!sdp_attr_find(s->attrs, "group"))
        return 0;
    sdp_attr_del(&s->attrs, "group");
    for (unsigned k = 0; k < l->n_web; k++) {
        const struct rline *r = rline_of(l, SIP_W2, k);

        bundled[k] = r ? r->bundled : l->web[k].kind == WEB_DC && l->dc_bundled;
    }
    return web_write_group(x->a, l->web, l->n_web, bundled, s);
}

static int again_web(struct exch *x, const struct media *m, struct sdp *s)
{
    const struct layout *l = &x->lay;
    struct sdp_media *md;
    struct sdp_attr *at;
    unsigned k = 0;
    int err = again_group(x, s);

    DL_FOREACH(s->media, md) {
        const struct rline *r = rline_of(l, SIP_W2, k);
        const struct chan *line = exch_msrp_line(l, k);
        bool dc = l->web[k].kind == WEB_DC;

        err = err ? err : again_proto(x, m, md, r, l->web[k].proto);
        if (l->web[k++].kind == WEB_REFUSED && md->port) {
            md->port = 0;
            md->attrs = NULL;
        }
        if (!err && r)
            err = again_rtp(x, md, r, SIP_W2, rtp_dir_answer(r->dir[SIP_W2], r->dir[SIP_MW]));
        if (!err && (r || dc))
            err = again_web_trans(x, m, md, r);
        if (line)
            exch_msrp_again(m, md, line);
        DL_FOREACH(md->attrs, at) {
            if (!err && dc && sv_is(at->name, "dcsa"))
                err = again_dcsa(x, at);
        }
    }
    for (; !err && k < l->n_web; k++) {
        const struct web_line *w = &l->web[k];

        err = sdp_media_new(x->a, s, w->media, 0, w->proto, w->fmts) ? 0 : -ENOMEM;
    }
    return err;
}

static int again_ims(struct exch *x, struct sdp *s)
{
    struct sdp_media *md;
    struct sdp_attr *at;
    unsigned k = 0;
    int err = 0;

    DL_FOREACH(s->media, md) {
        const struct rline *r = rline_of(&x->lay, SIP_MW, k);
        int i = x->lay.ims[k].chan;

        md->proto = x->lay.ims[k++].proto; /* the offer's (RFC 3264 6) */
        early_offer_drop(md);
        if (!err && r)
            err = again_rtp(x, md, r, SIP_MW, rtp_dir_answer(r->dir[SIP_MW], r->dir[SIP_W2]));
        if (i < 0)
            continue;
        DL_FOREACH(md->attrs, at) {
            if (sv_is(at->name, "setup"))
                at->value = sv_from(sdp_setup_name(inverse(x->lay.ch[i].core)));
        }
    }
    for (; !err && k < x->lay.n_ims; k++) {
        const struct ims_slot *o = &x->lay.ims[k];

        err = sdp_media_new(x->a, s, o->media, 0, o->proto, o->fmts) ? 0 : -ENOMEM;
    }
    return err;
}

int exch_write_again(struct exch *x, const struct media *m, struct sdp_own *own)
{
    struct sv copy = arena_sv(x->a, sdp_own_body(own)), addr, addrtype;
    struct sdp_err e;
    struct sdp *s;
    int err;

    if (!copy.p)
        return -ENOMEM;
    err = sdp_parse(x->a, copy, SDP_SIP, &s, &e);
    if (err)
        return err;
    err = x->from == SIP_W2 ? again_web(x, m, s) : again_ims(x, s);
    addrtype = s->origin.addrtype;
    addr = s->origin.addr;
    return err ? err : sdp_own_print(own, s, addrtype, addr);
}

/* A line of Mw, as it was chosen; what was not is off. */
static int lock_line(struct exch *x, struct sdp_media *md, unsigned k)
{
    const struct rline *r = rline_of(&x->lay, SIP_MW, k);
    int i = x->lay.ims[k].chan;
    const struct sdp_attr *setup = sdp_attr_find(md->attrs, "setup");

    if (r)
        return again_rtp(x, md, r, SIP_MW, r->dir[SIP_W2]);
    if (i >= 0) {
        x->offered[i] = setup ? sdp_setup_parse(setup->value) : SDP_SETUP_NONE;
        return 0;
    }
    md->port = 0;
    md->attrs = NULL;
    return 0;
}

int exch_write_lock(struct exch *x, struct sdp_own *own)
{
    struct sv copy = arena_sv(x->a, sdp_own_body(own));
    struct sdp_media *md;
    struct sdp_err e;
    struct sdp *s;
    unsigned k = 0;
    int err = copy.p ? sdp_parse(x->a, copy, SDP_SIP, &s, &e) : -ENOMEM;

    if (err)
        return err;
    DL_FOREACH(s->media, md) {
        early_offer_drop(md);
        if (!err && k < x->lay.n_ims)
            err = lock_line(x, md, k++);
    }
    return err ? err : sdp_own_print(own, s, s->origin.addrtype, s->origin.addr);
}

int exch_write_wish(struct sdp_own *own)
{
    struct arena *a = arena_new(SDP_ARENA_MAX);
    struct sv copy = a ? arena_sv(a, sdp_own_body(own)) : SV_NONE;
    struct sdp_media *md;
    struct sdp_attr *at;
    struct sdp_err e;
    struct sdp *s;
    int err = copy.p ? sdp_parse(a, copy, SDP_SIP, &s, &e) : -ENOMEM;

    if (err)
        goto out;
    DL_FOREACH(s->media, md) {
        early_offer_drop(md);
        if (!sv_is(md->media, "audio") && !sv_is(md->media, "video"))
            continue;
        DL_FOREACH(md->attrs, at) {
            if (is_direction(at->name))
                at->name = SV("sendrecv");
        }
    }
    err = sdp_own_print(own, s, s->origin.addrtype, s->origin.addr);
out:
    arena_free(a);
    return err;
}
