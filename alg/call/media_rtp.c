/* Streams of audio and video on both terminations (TS 23.334 6.2.10.5, 6.2.11, 6.2.17; iq-profile 3, 5.3). What was told is
 * kept by stream, so that each command says only what is new. */
#include <errno.h>
#include <string.h>
#include <utlist.h>

#include "alg/call/media_priv.h"

static const char *const kinds[RTP_KINDS] = {"audio", "video"};

/* --- what flows --- */

static enum h248_mode mode_of(bool sends, bool receives)
{
    return sends ? (receives ? H248_MODE_SENDRECV : H248_MODE_SENDONLY) : receives ? H248_MODE_RECVONLY : H248_MODE_INACTIVE;
}

static bool flows_up(const struct exch *x, const struct rline *r)
{
    return rtp_sends(r->dir[SIP_W2]) && rtp_receives(r->dir[SIP_MW]) && (!x->early || x->early_up);
}

static bool flows_down(const struct exch *x, const struct rline *r)
{
    return rtp_sends(r->dir[SIP_MW]) && rtp_receives(r->dir[SIP_W2]) && !(x->early && x->early_none);
}

bool rtp_flows_from_core(const struct exch *x)
{
    for (unsigned i = 0; i < x->lay.n_rtp; i++) {
        if (x->lay.rtp[i].state != CHAN_GONE && flows_down(x, &x->lay.rtp[i]))
            return true;
    }
    return false;
}

/* --- descriptions --- */

/* m= with payload types and their maps. */
struct sdp *rtp_line_sdp(struct make *mk, const struct rline *r, const struct codec_list *codecs, struct sv proto,
                         struct sv addrtype, struct sv addr, int port, struct sdp_media **md)
{
    struct sv fmts = codec_fmts(mk->a, codecs);
    struct sdp *s = fmts.p ? make_sdp(mk, sv_from(kinds[r->kind]), addrtype, addr, port, proto, fmts, md) : NULL;

    return s && !codec_write(mk->a, codecs, false, &(*md)->attrs) ? s : NULL;
}

static int put_text(struct make *mk, struct sdp_attr **list, const char *name, struct sv value)
{
    return value.n > 0 ? sdp_attr_add(mk->a, list, name, value) : 0;
}

/* FNV-1a of a description: was the same told before? */
static uint64_t sum_of(const struct sdp *s)
{
    char text[SDP_BODY_MAX];
    struct buf b = buf_over(text, sizeof text);
    uint64_t h = 14695981039346656037ull;

    if (sdp_print(s, &b))
        return 0;
    for (size_t i = 0; i < b.len; i++)
        h = (h ^ (uint8_t)text[i]) * 1099511628211ull;
    return h;
}

static void mark(uint64_t pts[2], const struct codec_list *l)
{
    pts[0] = pts[1] = 0;
    for (unsigned i = 0; i < l->n; i++)
        pts[l->c[i].pt / 64] |= 1ull << l->c[i].pt % 64;
}

static bool is_marked(const uint64_t pts[2], const struct codec_list *l)
{
    for (unsigned i = 0; i < l->n; i++) {
        if (!(pts[l->c[i].pt / 64] & 1ull << l->c[i].pt % 64))
            return false;
    }
    return true;
}

/* --- T2 --- */

static struct sdp *core_local(struct make *mk, const struct media *m, const struct exch *x, const struct rline *r,
                              const struct media_port *p)
{
    const struct codec_list *codecs = &r->codecs[x->from]; /* received with the offerer's numbers */
    struct sv addrtype = make_family(m->conf->core_v6, r->port[SIP_MW] ? r->addrtype[SIP_MW] : SV_NONE);
    struct sdp_media *md;
    struct sdp *s =
        p ? rtp_line_sdp(mk, r, codecs, x->lay.ims[r->ims_line].proto, p->v6 ? SV("IP6") : SV("IP4"), sv_from(p->addr),
                         p->port, &md)
          : rtp_line_sdp(mk, r, codecs, x->lay.ims[r->ims_line].proto, addrtype, SV("$"), SDP_PORT_CHOOSE, &md);

    return s && !put_text(mk, &md->attrs, "crypto", r->key[SIP_MW]) ? s : NULL;
}

static struct sdp *core_remote(struct make *mk, const struct exch *x, const struct rline *r)
{
    struct sdp_media *md;
    struct sdp *s = rtp_line_sdp(mk, r, &r->codecs[SIP_MW], x->lay.ims[r->ims_line].proto, r->addrtype[SIP_MW], r->addr[SIP_MW],
                             r->port[SIP_MW], &md);
    int err = s ? put_text(mk, &md->attrs, "crypto", r->their_key[SIP_MW]) : -ENOMEM;

    if (!err && r->rtcp_addr.n > 0)
        err = sdp_attr_addf(mk->a, &md->attrs, "rtcp", "%u IN %.*s %.*s", r->rtcp_port[SIP_MW], SV_ARG(r->rtcp_addrtype),
                            SV_ARG(r->rtcp_addr));
    else if (!err && r->rtcp_port[SIP_MW])
        err = sdp_attr_addf(mk->a, &md->attrs, "rtcp", "%u", r->rtcp_port[SIP_MW]);
    return err ? NULL : s;
}

int rtp_reserve_core(struct make *mk, struct media *m, const struct exch *x)
{
    for (unsigned i = 0; i < x->lay.n_rtp; i++) {
        const struct rline *r = &x->lay.rtp[i];
        struct media_port *p;
        struct iq_stream *s;

        if (r->state != CHAN_NEW)
            continue;
        s = make_stream(mk, r->stream);
        p = media_port_slot(m, r->stream);
        if (!s || !p)
            return -ENOMEM;
        make_realm(mk, s, m->conf->core_realm);
        s->reserved_value = r->codecs[x->from].n > 1 ? H248_ON : H248_UNSET; /* TS 23.334 8.3: codec and telephone-event */
        s->mode = p->mode = H248_MODE_INACTIVE; /* shut until the answer is known */
        s->local = core_local(mk, m, x, r, NULL);
        if (!s->local)
            return -ENOMEM;
        mark(p->pts, &r->codecs[x->from]);
    }
    return 0;
}

static int configure_core(struct make *mk, struct media *m, const struct exch *x, const struct rline *r)
{
    struct media_port *p = media_port_slot(m, r->stream);
    enum h248_mode mode = mode_of(flows_up(x, r), flows_down(x, r));
    const struct codec_list *codecs = &r->codecs[x->from];
    struct sdp *remote = core_remote(mk, x, r);
    uint64_t sum = remote ? sum_of(remote) : 0;
    bool local = p && (!p->port || !is_marked(p->pts, codecs) || r->rekeyed[SIP_MW]);
    struct iq_stream *s;

    if (!p || !remote)
        return -ENOMEM;
    if (p->mode == mode && p->remote == sum && !local)
        return 0;
    s = make_stream(mk, r->stream);
    if (!s)
        return -ENOMEM;
    make_realm(mk, s, m->conf->core_realm);
    if (p->mode != mode)
        s->mode = p->mode = mode;
    if (p->remote != sum) {
        s->remote = remote;
        p->remote = sum;
    }
    if (!local)
        return 0;
    s->reserved_value = codecs->n > 1 ? H248_ON : H248_UNSET;
    s->local = core_local(mk, m, x, r, p->port ? p : NULL);
    mark(p->pts, codecs);
    return s->local ? 0 : -ENOMEM;
}

int rtp_configure_core(struct make *mk, struct media *m, const struct exch *x)
{
    int err = 0;

    for (unsigned i = 0; !err && i < x->lay.n_rtp; i++) {
        const struct rline *r = &x->lay.rtp[i];
        struct iq_stream *s;

        if (r->state != CHAN_GONE) {
            err = configure_core(mk, m, x, r);
        } else if (media_port_of(m, r->stream)) {
            s = make_stream(mk, r->stream);
            if (s)
                make_release(s, exch_open(x) == 0);
            err = s ? 0 : -ENOMEM;
        }
    }
    return err;
}

/* --- T1 --- */

static bool is_member(const struct exch *x, const struct rline *r) /* of a bundle: its transport is another stream's */
{
    return r->bundled && r->stream != x->lay.bundle_stream;
}

static int put_bundle(struct make *mk, const struct exch *x, const struct rline *r, struct sdp_attr **list)
{
    int err;

    if (!r->bundled)
        return 0;
    err = put_text(mk, list, "mid", x->lay.web[r->web_line].mid);
    if (!err && r->mid_ext)
        err = sdp_attr_addf(mk->a, list, "extmap", "%u urn:ietf:params:rtp-hdrext:sdes:mid", r->mid_ext);
    return err;
}

/* fresh: everything is asked for; else what the gateway said, with the credentials open when ICE starts anew. */
static int put_local_trans(struct make *mk, const struct media *m, const struct rline *r, const struct web_local *l,
                           struct sdp_attr **list)
{
    bool dtls = r->sec[SIP_W2] == RTP_DTLS, ice = rline_has_ice(r), open = !l || r->tp.restart;
    int err = 0;

    if (ice)
        err = sdp_attr_add(mk->a, list, "ice-ufrag", open ? SV("$") : l->ufrag);
    if (!err && ice)
        err = sdp_attr_add(mk->a, list, "ice-pwd", open ? SV("$") : l->pwd);
    if (!err && l)
        return make_copy(mk, list, l->candidates) | make_copy(mk, list, l->fingerprints);
    if (!err && ice)
        err = make_candidates(mk, m, list);
    if (!err && dtls)
        err = sdp_attr_add(mk->a, list, "fingerprint", SV("sha-256 $"));
    return err;
}

static struct sdp *access_local(struct make *mk, const struct media *m, const struct exch *x, const struct rline *r,
                                const struct web_local *l)
{
    const struct codec_list *codecs = &r->codecs[x->from];
    const struct web_trans *t = x->web ? x->web->trans[r->web_line] : NULL;
    struct sv proto = rtp_proto_iq(x->lay.web[r->web_line].proto, r->sec[SIP_W2]), family = make_family(m->conf->access_v6, t ? t->addrtype : SV_NONE);
    struct sdp_media *md;
    struct sdp *s = l ? rtp_line_sdp(mk, r, codecs, proto, l->addrtype, l->addr, l->port, &md)
                      : rtp_line_sdp(mk, r, codecs, proto, family, SV("$"), SDP_PORT_CHOOSE, &md);
    int err = s ? 0 : -ENOMEM;

    if (!err && r->mux)
        err = sdp_attr_add(mk->a, &md->attrs, "rtcp-mux", SV_NONE);
    if (!err && !is_member(x, r))
        err = put_local_trans(mk, m, r, l, &md->attrs);
    if (!err)
        err = put_text(mk, &md->attrs, "crypto", r->key[SIP_W2]);
    if (!err)
        err = put_bundle(mk, x, r, &md->attrs);
    return err ? NULL : s;
}

static int put_ssrc(struct make *mk, const struct rtp_line *said, struct sdp_attr **list)
{
    unsigned n = 0;
    int err = 0;

    for (const struct sdp_attr *at = said ? sdp_attr_find(said->m->attrs, "ssrc") : NULL; !err && at && n < WEB_SSRC_MAX;
         at = sdp_attr_next(at, "ssrc")) {
        struct sv rest = at->value;
        uint32_t v;

        if (sv_u32(sv_word(&rest), UINT32_MAX, &v) || !sv_starts(rest, "cname:"))
            continue;
        err = sdp_attr_add(mk->a, list, "ssrc", at->value);
        n++;
    }
    return err;
}

static int put_remote_trans(struct make *mk, const struct rline *r, const struct web_trans *t, struct sdp_attr **list)
{
    int err = put_text(mk, list, "ice-ufrag", t->ufrag);

    if (!err)
        err = put_text(mk, list, "ice-pwd", t->pwd);
    if (!err && t->lite)
        err = sdp_attr_add(mk->a, list, "ice-lite", SV_NONE);
    if (!err && r->sec[SIP_W2] == RTP_DTLS)
        err = make_copy(mk, list, t->fingerprints);
    return err;
}

/* *sum leaves out what may differ without meaning anything: addresses and candidates where ICE decides. */
static struct sdp *access_remote(struct make *mk, const struct exch *x, const struct rline *r, unsigned i, uint64_t *sum)
{
    const struct web_trans *t = x->web->trans[r->web_line];
    struct sdp_media *md;
    struct sv proto = rtp_proto_iq(x->lay.web[r->web_line].proto, r->sec[SIP_W2]);
    struct sdp *s = rtp_line_sdp(mk, r, &r->codecs[SIP_W2], proto, t->addrtype, make_numeric(t->addrtype, t->addr), t->port, &md);
    bool ice = t->ufrag.n > 0;
    int err = s ? 0 : -ENOMEM;

    if (!err && r->mux)
        err = sdp_attr_add(mk->a, &md->attrs, "rtcp-mux", SV_NONE);
    if (!err && !is_member(x, r))
        err = put_remote_trans(mk, r, t, &md->attrs);
    if (!err)
        err = put_text(mk, &md->attrs, "crypto", r->their_key[SIP_W2]);
    if (!err)
        err = put_bundle(mk, x, r, &md->attrs);
    if (!err && r->bundled)
        err = put_ssrc(mk, x->web_rtp[i], &md->attrs);
    if (err)
        return NULL;
    if (ice) {
        struct sv addr = s->conn.addr;

        md->port = 9;
        s->conn.addr = SV("0.0.0.0");
        *sum = sum_of(s);
        md->port = t->port;
        s->conn.addr = addr;
    } else {
        *sum = sum_of(s);
    }
    return is_member(x, r) || !make_copy(mk, &md->attrs, t->candidates) ? s : NULL;
}

int rtp_reserve_access(struct make *mk, struct media *m, const struct exch *x)
{
    for (unsigned i = 0; i < x->lay.n_rtp; i++) {
        const struct rline *r = &x->lay.rtp[i];
        struct media_end *e;
        struct iq_stream *s;

        if (r->state != CHAN_NEW)
            continue;
        s = make_stream(mk, r->stream);
        e = media_end_slot(m, r->stream);
        if (!s || !e)
            return -ENOMEM;
        make_realm(mk, s, m->conf->access_realm);
        s->reserved_value = r->codecs[x->from].n > 1 ? H248_ON : H248_UNSET;
        s->mode = e->mode = H248_MODE_INACTIVE;
        s->local = access_local(mk, m, x, r, NULL);
        if (!s->local)
            return -ENOMEM;
        mark(e->pts, &r->codecs[x->from]);
    }
    return 0;
}

static int configure_access(struct make *mk, struct media *m, const struct exch *x, unsigned i)
{
    const struct rline *r = &x->lay.rtp[i];
    struct media_end *e = media_end_slot(m, r->stream);
    enum h248_mode mode = mode_of(flows_down(x, r), flows_up(x, r));
    const struct codec_list *codecs = &r->codecs[x->from];
    uint64_t sum = e ? e->remote : 0;
    struct sdp *remote = NULL;
    struct iq_stream *s;
    bool local, renew;

    if (!e)
        return -ENOMEM;
    local = !e->arena || !is_marked(e->pts, codecs) || r->rekeyed[SIP_W2] || (r->tp.restart && !is_member(x, r));
    if (x->web_rtp[i]) { /* else the WIC was not asked: what it said holds */
        remote = access_remote(mk, x, r, i, &sum);
        if (!remote)
            return -ENOMEM;
    }
    renew = remote && r->tp.renew && !is_member(x, r);
    if (e->mode == mode && e->remote == sum && !local && !renew)
        return 0;
    s = make_stream(mk, r->stream);
    if (!s)
        return -ENOMEM;
    make_realm(mk, s, m->conf->access_realm);
    if (e->mode != mode)
        s->mode = e->mode = mode;
    if (e->remote != sum || renew) {
        s->remote = remote;
        e->remote = sum;
    }
    if (!local)
        return 0;
    s->reserved_value = codecs->n > 1 ? H248_ON : H248_UNSET;
    s->local = access_local(mk, m, x, r, e->arena ? &e->local : NULL);
    mark(e->pts, codecs);
    return s->local ? 0 : -ENOMEM;
}

/* Does T1 keep anything when this line is gone? */
static bool is_last_access(const struct exch *x)
{
    for (unsigned i = 0; i < x->lay.n_rtp; i++) {
        if (x->lay.rtp[i].state != CHAN_GONE)
            return false;
    }
    return !x->lay.dc_stream && !x->lay.bundle_stream && exch_open(x) == 0;
}

int rtp_configure_access(struct make *mk, struct media *m, const struct exch *x)
{
    int err = owner_configure(mk, m, x);

    for (unsigned i = 0; !err && i < x->lay.n_rtp; i++) {
        const struct rline *r = &x->lay.rtp[i];
        struct iq_stream *s;

        if (r->state != CHAN_GONE) {
            err = configure_access(mk, m, x, i);
        } else if (media_end_of(m, r->stream)) {
            s = make_stream(mk, r->stream);
            if (s) /* the transport of a bundle stays, whoever it was reserved for */
                make_release(s, is_last_access(x) || r->stream == x->lay.bundle_stream);
            err = s ? 0 : -ENOMEM;
        }
    }
    return err;
}

int rtp_undo(struct make *mk, struct media *m, const struct exch *x, enum sip_side side)
{
    for (unsigned i = 0; i < x->lay.n_rtp; i++) {
        const struct rline *r = &x->lay.rtp[i];
        bool there = side == SIP_MW ? media_port_of(m, r->stream) != NULL : media_end_of(m, r->stream) != NULL;
        struct iq_stream *s = r->fresh && there ? make_stream(mk, r->stream) : NULL;

        if (r->fresh && there && !s)
            return -ENOMEM;
        if (s)
            make_release(s, false);
    }
    return 0;
}
