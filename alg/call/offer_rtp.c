/* Audio and video in an offer/answer exchange: what is read, and what the other realm is told (sip-sdp 3.2-3.6, 3.9). */
#include <errno.h>

#include "alg/call/offer.h"

static void rline_gone(struct exch *x, struct rline *r)
{
    r->state = CHAN_GONE;
    x->gone_chans = true;
    x->lay.web[r->web_line].kind = WEB_REFUSED;
}

/* A line that one of the sides just named. */
static struct rline *rline_add(struct exch *x, unsigned web_line, unsigned ims_line, const struct rtp_line *said)
{
    struct layout *l = &x->lay;
    struct rline *r = &l->rtp[l->n_rtp];

    *r = (struct rline){.state = CHAN_NEW, .fresh = true, .web_line = web_line, .ims_line = ims_line, .kind = said->kind};
    r->stream = exch_free_stream(l);
    l->ims[ims_line].rtp = (int)l->n_rtp++;
    l->web[web_line].kind = WEB_RTP;
    x->new_chans = true;
    return r;
}

/* What a side says of itself in any description. */
static void take_side(struct rline *r, enum sip_side side, const struct rtp_line *said)
{
    bool known = r->port[side] != 0;

    r->their_key[side] = said->crypto;
    r->sec[side] = said->sec;
    if (known && said->hold)
        return;
    r->addrtype[side] = said->addrtype;
    r->addr[side] = said->addr;
    r->port[side] = said->port;
    r->rtcp_port[side] = said->rtcp_port;
    if (side == SIP_MW) {
        r->rtcp_addrtype = said->rtcp_addrtype;
        r->rtcp_addr = said->rtcp_addr;
    }
}

/* A key of ours, in the suite and under the tag that the peer named; as the offerer in the suite that all have (RFC 4568 5.1.2,
 * 6.2). Offered again it stays, whatever they do with theirs, as long as the suite does. */
static int make_key(struct exch *x, struct rline *r, enum sip_side side, const struct rtp_line *said)
{
    struct sv rest = r->key[side], tag = sv_word(&rest), suite = sv_word(&rest);
    char *text;

    if (r->sec[side] != RTP_SDES || (tag.n > 0 && (!said || (sv_eq(tag, said->crypto_tag) && sv_ieq(suite, said->crypto_suite)))))
        return 0;
    r->rekeyed[side] = tag.n > 0;
    if (tag.n == 0 || !sv_ieq(suite, said->crypto_suite))
        return rtp_crypto_new(x->a, said ? said->crypto_tag : SV("1"), said ? said->crypto_suite : SV("AES_CM_128_HMAC_SHA1_80"),
                              &r->key[side]);
    text = arena_printf(x->a, "%.*s %.*s %.*s", SV_ARG(said->crypto_tag), SV_ARG(suite), SV_ARG(sv_trim(rest)));
    r->key[side] = sv_from(text);
    return text ? 0 : -ENOMEM;
}

/* Offered again: does the other side have to hear of it? How a line is secured it keeps, as its terminations do. */
static int compare(struct exch *x, struct rline *r, enum sip_side side, const struct rtp_line *said)
{
    if (r->sec[side] != said->sec)
        return exch_refuse(x, 488, 305, "the security of a line cannot change");
    if (r->dir[side] != said->dir || !codec_covers(&said->codecs, &r->codecs[side]))
        x->altered = true;
    r->dir[side] = said->dir;
    return 0;
}

/* --- the WIC's words --- */

/* 0; -EPROTO: this line cannot be. */
static int take_web(struct exch *x, struct rline *r, const struct rtp_line *said)
{
    const struct web_trans *t = x->web->trans[r->web_line];

    r->mux = said->mux;
    r->rsize = said->rsize;
    r->mid_ext = x->web->bundled[r->web_line] ? said->mid_ext : 0;
    r->bundled = x->web->bundled[r->web_line];
    take_side(r, SIP_W2, said);
    if (said->sec != RTP_DTLS) {
        r->tp.restart = r->tp.ufrag.n > 0 && !sv_eq(r->tp.ufrag, t->ufrag);
        r->tp.ufrag = t->ufrag;
        r->tp.pwd = t->pwd;
        return make_key(x, r, SIP_W2, said);
    }
    return exch_take_transport(x, &r->tp, t);
}

/* The first line of a bundle owns its transport, and keeps it when the line itself goes (media_owner.c). */
void exch_join_bundle(struct exch *x)
{
    struct layout *l = &x->lay;
    unsigned first = SDP_LINES_MAX;

    if (l->bundle_stream)
        return;
    for (unsigned i = 0; i < l->n_rtp; i++) {
        if (l->rtp[i].bundled && l->rtp[i].state != CHAN_GONE && l->rtp[i].web_line < first) {
            first = l->rtp[i].web_line;
            l->bundle_stream = l->rtp[i].stream;
        }
    }
    for (unsigned i = 0; i < l->n_web; i++) {
        if (l->web[i].kind == WEB_DC && l->dc_bundled && i < first && l->dc_stream)
            l->bundle_stream = l->dc_stream;
    }
}

static int add_from_web(struct exch *x, unsigned k)
{
    const struct rtp_line *said = x->web->rtp[k];
    struct layout *l = &x->lay;
    const char *media = said->kind == RTP_AUDIO ? "audio" : "video";
    struct sv fmts = codec_fmts(x->a, &said->codecs);
    struct rline *r;
    int slot, err;

    if (!fmts.p || layout_room_rtp(x->a, l))
        return -ENOMEM;
    l->web[k].kind = WEB_REFUSED;
    if (l->n_rtp == RTP_LINE_MAX ||
        (slot = exch_free_slot(l, media, sv_from(x->policy->core_proto[said->kind]), fmts)) < 0)
        return 0;
    x->web_rtp[l->n_rtp] = said;
    l->plain_lines = l->plain_lines || said->sec == RTP_PLAIN;
    r = rline_add(x, k, (unsigned)slot, said);
    r->dir[SIP_W2] = said->dir;
    r->dir[SIP_MW] = SDP_INACTIVE;
    r->codecs[SIP_W2] = r->codecs[SIP_MW] = said->codecs;
    r->sec[SIP_MW] = sv_starts(l->ims[slot].proto, "RTP/SAVP") ? RTP_SDES : RTP_PLAIN;
    err = take_web(x, r, said);
    return err ? err : make_key(x, r, SIP_MW, NULL);
}

int exch_rtp_offer_web(struct exch *x)
{
    struct layout *l = &x->lay;
    unsigned before = l->n_rtp;
    int err = 0;

    for (unsigned i = 0; !err && i < before; i++) {
        struct rline *r = &l->rtp[i];
        const struct rtp_line *said = x->web->rtp[r->web_line];

        if (!said || said->kind != r->kind) {
            rline_gone(x, r);
            continue;
        }
        x->web_rtp[i] = said;
        err = compare(x, r, SIP_W2, said);
        if (!err)
            err = take_web(x, r, said);
    }
    for (unsigned k = 0; !err && k < x->web->n_lines; k++) {
        bool known = !x->web->rtp[k];

        for (unsigned i = 0; i < before; i++)
            known = known || (l->rtp[i].web_line == k && l->rtp[i].state != CHAN_GONE);
        if (!known)
            err = add_from_web(x, k);
    }
    return err;
}

int exch_rtp_answer_web(struct exch *x)
{
    struct layout *l = &x->lay;

    for (unsigned i = 0; i < l->n_rtp; i++) {
        struct rline *r = &l->rtp[i];
        const struct rtp_line *said = r->web_line < x->web->n_lines ? x->web->rtp[r->web_line] : NULL;
        struct codec_list web, ims;
        bool asked;
        int err;

        if (r->state == CHAN_GONE)
            continue;
        if (!said || said->kind != r->kind || said->sec != r->sec[SIP_W2] || (r->mux && !said->mux) || /* sip-sdp 3.6 */
            (r->bundled && !x->web->bundled[r->web_line] && r->stream != l->bundle_stream)) {
            rline_gone(x, r);
            continue;
        }
        asked = x->web->trans[r->web_line]->setup == SDP_SETUP_ACTPASS;
        codec_agree(&x->ims_rtp[i]->codecs, &said->codecs, r->kind, &ims, &web);
        if (asked || !codec_is_media(&web)) {
            rline_gone(x, r);
            continue;
        }
        x->web_rtp[i] = said;
        r->codecs[SIP_W2] = web;
        r->codecs[SIP_MW] = ims;
        r->dir[SIP_W2] = rtp_dir_answer(r->dir[SIP_MW], said->dir);
        err = take_web(x, r, said);
        if (err)
            return err;
    }
    return 0;
}

/* --- the core's words --- */

/* The number that lines of the bundle have for their MID: browsers keep one table of them for a transport. */
static unsigned bundle_mid_ext(const struct layout *l)
{
    for (unsigned i = 0; i < l->n_rtp; i++) {
        if (l->rtp[i].bundled && l->rtp[i].state != CHAN_GONE && l->rtp[i].mid_ext)
            return l->rtp[i].mid_ext;
    }
    return 1;
}

static int add_from_ims(struct exch *x, unsigned k, const struct rtp_line *said)
{
    struct layout *l = &x->lay;
    struct sv fmts = codec_fmts(x->a, &said->codecs);
    struct sv proto = !l->plain_lines ? SV("UDP/TLS/RTP/SAVPF") : said->feedback ? SV("RTP/AVPF") : SV("RTP/AVP");
    struct rline *r;
    int at;

    if (!fmts.p || layout_room_rtp(x->a, l))
        return -ENOMEM;
    if (l->n_rtp == RTP_LINE_MAX)
        return 0;
    at = exch_web_line(x, (struct web_line){WEB_RTP, l->ims[k].media, proto, fmts, SV_NONE});
    if (at < 0)
        return 0;
    x->ims_rtp[l->n_rtp] = said;
    r = rline_add(x, (unsigned)at, k, said);
    r->dir[SIP_MW] = said->dir;
    r->dir[SIP_W2] = SDP_INACTIVE;
    r->codecs[SIP_W2] = r->codecs[SIP_MW] = said->codecs;
    r->mux = true;
    r->tp.tls_id = !l->plain_lines;
    r->sec[SIP_W2] = l->plain_lines ? RTP_PLAIN : RTP_DTLS;
    r->bundled = !l->plain_lines && x->policy->browser && (x->initial || l->bundle_stream);
    r->mid_ext = r->bundled ? bundle_mid_ext(l) : 0;
    take_side(r, SIP_MW, said);
    return make_key(x, r, SIP_MW, said);
}

int exch_rtp_offer_ims(struct exch *x)
{
    struct layout *l = &x->lay;
    int err = 0;

    for (unsigned k = 0; !err && k < x->ims->n_lines; k++) {
        const struct rtp_line *said = x->ims->lines[k].rtp;
        int i = l->ims[k].rtp;

        if (x->ahead)
            err = exch_ahead_line(x, &said, i >= 0 ? &l->rtp[i].codecs[SIP_MW] : NULL);
        if (err)
            break;
        if (i >= 0 && (!said || said->kind != l->rtp[i].kind)) {
            rline_gone(x, &l->rtp[i]);
            l->ims[k].rtp = -1;
        } else if (i >= 0) {
            x->ims_rtp[i] = said;
            err = compare(x, &l->rtp[i], SIP_MW, said);
            take_side(&l->rtp[i], SIP_MW, said);
            if (!err)
                err = make_key(x, &l->rtp[i], SIP_MW, said);
        } else if (said) {
            err = add_from_ims(x, k, said);
        }
    }
    return err;
}

/* Of several codecs the core may send any at any time, and we chose one. Video has no such limit: all go to the WIC. */
static bool is_ample(const struct rline *r, const struct codec_list *offered, const struct rtp_line *said)
{
    unsigned n = 0;

    for (unsigned i = 0; r->kind == RTP_AUDIO && i < said->codecs.n; i++) {
        struct codec_list one = {.n = 1, .c = {said->codecs.c[i]}}, a, b;

        codec_agree(offered, &one, r->kind, &a, &b);
        n += codec_is_media(&a);
    }
    return n > 1;
}

/* The core refused the line that stood first before T1 had anything: the next one has the transport. */
static void pass_bundle_on(struct exch *x)
{
    struct layout *l = &x->lay;

    for (unsigned i = 0; i < l->n_rtp && !x->told; i++) {
        if (l->rtp[i].fresh && l->rtp[i].state == CHAN_GONE && l->rtp[i].stream == l->bundle_stream)
            l->bundle_stream = 0;
    }
    exch_join_bundle(x);
}

int exch_rtp_answer_ims(struct exch *x)
{
    struct layout *l = &x->lay;

    for (unsigned i = 0; i < l->n_rtp; i++) {
        struct rline *r = &l->rtp[i];
        const struct rtp_line *said = x->ims->lines[r->ims_line].rtp;
        struct codec_list web, ims, offered;

        if (r->state == CHAN_GONE) { /* a fork that would have it came too late */
            x->lock = x->lock || x->ims->lines[r->ims_line].open;
            continue;
        }
        offered = x->told || !x->web_rtp[i] ? r->codecs[SIP_W2] : x->web_rtp[i]->codecs; /* the WIC keeps to what it was told */
        if (said)
            codec_agree(&offered, &said->codecs, r->kind, &web, &ims);
        if (!said || said->kind != r->kind || said->sec != r->sec[SIP_MW] || !codec_is_media(&web)) {
            x->lock = x->lock || x->ims->lines[r->ims_line].open;
            rline_gone(x, r);
            continue;
        }
        x->lock = x->lock || is_ample(r, &offered, said);
        x->ims_rtp[i] = said;
        r->codecs[SIP_W2] = web;
        r->codecs[SIP_MW] = ims;
        r->dir[SIP_MW] = rtp_dir_answer(r->dir[SIP_W2], said->dir);
        take_side(r, SIP_MW, said);
    }
    pass_bundle_on(x);
    return 0;
}

/* --- what is said --- */

int exch_rtp_out_ims(struct exch *x, const struct media *m, bool offer, const struct rtp_out *slots[SDP_LINES_MAX])
{
    for (unsigned i = 0; i < x->lay.n_rtp; i++) {
        const struct rline *r = &x->lay.rtp[i];
        const struct media_port *p = media_port_of(m, r->stream);
        struct rtp_out *o;

        if (r->state == CHAN_GONE || !p || !x->web_rtp[i])
            continue;
        o = ARENA_NEW(x->a, struct rtp_out);
        if (!o)
            return -ENOMEM;
        *o = (struct rtp_out){.kind = r->kind,
                              .proto = x->lay.ims[r->ims_line].proto,
                              .addrtype = p->v6 ? SV("IP6") : SV("IP4"),
                              .addr = sv_from(p->addr),
                              .port = p->port,
                              .rtcp_port = p->rtcp_port,
                              .codecs = offer ? &x->web_rtp[i]->codecs : &r->codecs[SIP_MW],
                              .dir = r->dir[SIP_W2],
                              .offer = offer,
                              .from = x->web_rtp[i],
                              .crypto = r->key[SIP_MW]};
        slots[r->ims_line] = o;
    }
    return 0;
}

static int track(struct exch *x, const struct rline *r, struct rtp_out *o)
{
    char *msid = arena_printf(x->a, "openiq %s%u", r->kind == RTP_AUDIO ? "audio" : "video", r->stream);

    o->msid = sv_from(msid);
    return msid ? exch_own_tls_id(x, &r->tp, r->bundled, r->stream, &o->trans.tls_id) : -ENOMEM;
}

int exch_rtp_out_web(struct exch *x, const struct media *m, bool offer, struct web_out *w)
{
    for (unsigned i = 0; i < x->lay.n_rtp; i++) {
        const struct rline *r = &x->lay.rtp[i];
        bool member = r->bundled && r->stream != x->lay.bundle_stream;
        const struct web_local *t = media_local_of(m, r->bundled ? x->lay.bundle_stream : r->stream);
        struct rtp_out *o;

        if (r->state == CHAN_GONE || !t || !x->ims_rtp[i])
            continue;
        o = ARENA_NEW(x->a, struct rtp_out);
        if (!o)
            return -ENOMEM;
        *o = (struct rtp_out){.kind = r->kind,
                              .proto = w->lines[r->web_line].proto,
                              .addrtype = t->addrtype,
                              .addr = t->addr,
                              .port = rtp_port_w2(w->lines[r->web_line].proto, t),
                              .codecs = offer ? &x->ims_rtp[i]->codecs : &r->codecs[SIP_W2],
                              .dir = r->dir[SIP_MW],
                              .offer = offer,
                              .from = x->ims_rtp[i],
                              .crypto = r->key[SIP_W2],
                              .trans = {.local = t, .no_candidates = member},
                              .mid = w->lines[r->web_line].mid,
                              .mux = r->mux,
                              .rsize = r->rsize && !offer,
                              .bundle_only = offer && member && r->fresh,
                              .mid_ext = r->mid_ext};
        if (r->sec[SIP_W2] == RTP_DTLS)
            o->trans.setup = offer ? SDP_SETUP_ACTPASS : r->tp.role;
        if (track(x, r, o))
            return -ENOMEM;
        w->rtp[r->web_line] = o;
        w->bundled[r->web_line] = r->bundled;
    }
    return 0;
}
