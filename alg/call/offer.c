/* Reading offers and answers, and keeping what they agree on. */
#include "alg/call/offer.h"

#include <errno.h>
#include <stdio.h>

#include "common/rnd.h"

int exch_refuse(struct exch *x, int status, unsigned warn, const char *text)
{
    sdp_fault_set(&x->why, status, warn, text);
    return -EPROTO;
}

int exch_new(struct exch **xp, enum sip_side from, const struct layout *cur, const struct sdp_policy *policy,
             enum sdp_setup dtls_choice, const char *tls_id)
{
    struct arena *a = arena_new(SDP_ARENA_MAX);
    struct exch *x = a ? ARENA_NEW(a, struct exch) : NULL;
    int err;

    if (!x) {
        arena_free(a);
        return -ENOMEM;
    }
    x->a = a;
    x->from = from;
    x->initial = !cur;
    x->policy = policy;
    x->dtls_choice = dtls_choice;
    x->tls_id = tls_id;
    err = layout_new(a, &x->lay);
    if (!err && cur && cur->n_rtp > 0)
        err = layout_room_rtp(a, &x->lay);
    if (!err && cur) {
        layout_set(&x->lay, cur);
        err = layout_own(a, &x->lay);
    }
    if (err) {
        arena_free(a);
        return -ENOMEM;
    }
    for (unsigned i = 0; i < x->lay.n; i++) {
        x->lay.ch[i].state = CHAN_OPEN;
        x->lay.ch[i].fresh = false;
        x->lay.ch[i].moved = x->lay.ch[i].tp.restart = false;
    }
    x->lay.dc.restart = x->lay.dc.renew = x->lay.dc.release = false;
    for (unsigned i = 0; i < x->lay.n_rtp; i++) {
        x->lay.rtp[i].state = CHAN_OPEN;
        x->lay.rtp[i].fresh = x->lay.rtp[i].rekeyed[SIP_W2] = x->lay.rtp[i].rekeyed[SIP_MW] = false;
        x->lay.rtp[i].tp.restart = x->lay.rtp[i].tp.renew = x->lay.rtp[i].tp.release = false;
    }
    *xp = x;
    return 0;
}

void exch_free(struct exch *x)
{
    if (x)
        arena_free(x->a);
}

bool exch_drops(const struct exch *x, uint16_t stream)
{
    for (unsigned i = 0; x && i < x->lay.n; i++) {
        if (x->lay.ch[i].line && x->lay.ch[i].stream == stream)
            return x->lay.ch[i].state == CHAN_GONE;
    }
    for (unsigned i = 0; x && i < x->lay.n_rtp; i++) {
        if (x->lay.rtp[i].stream == stream)
            return x->lay.rtp[i].state == CHAN_GONE || x->lay.rtp[i].tp.renew;
    }
    return x && (x->lay.dc_old == stream || (x->lay.dc_stream == stream && x->lay.dc.renew));
}

unsigned exch_open(const struct exch *x)
{
    unsigned n = 0;

    for (unsigned i = 0; i < x->lay.n; i++)
        n += x->lay.ch[i].state != CHAN_GONE;
    for (unsigned i = 0; i < x->lay.n_rtp; i++)
        n += x->lay.rtp[i].state != CHAN_GONE;
    return n;
}

bool exch_asks(const struct exch *x)
{
    return x->new_chans || x->gone_chans || x->altered;
}

/* The last channels went and their line stays: at T1 their streams are there until others take their place in the group, which
 * cannot be empty. */
static bool keeps_channels(const struct exch *x)
{
    unsigned gone = 0;

    for (unsigned i = 0; i < x->lay.n; i++) {
        if (x->lay.ch[i].line)
            continue;
        if (x->lay.ch[i].state != CHAN_GONE)
            return false;
        gone++;
    }
    return (x->lay.dc_stream || x->lay.dc_owner) && gone > 0;
}

/* What was there is shut, not gone, as a termination needs a stream. */
static uint16_t last_stream(const struct layout *l)
{
    uint16_t last = l->dc_stream > l->dc_old ? l->dc_stream : l->dc_old;

    for (unsigned i = 0; i < l->n; i++)
        last = l->ch[i].stream > last ? l->ch[i].stream : last;
    for (unsigned i = 0; i < l->n_rtp; i++)
        last = l->rtp[i].stream > last ? l->rtp[i].stream : last;
    return last > l->floor ? last : l->floor;
}

static int keep_owner(struct arena *a, struct layout *l, const struct rline *r)
{
    if (r->stream != l->bundle_stream)
        return 0;
    if (!l->owner)
        l->owner = ARENA_NEW(a, struct rline);
    if (!l->owner)
        return -ENOMEM;
    *l->owner = *r;
    l->owner_mid = l->web[r->web_line].mid;
    return 0;
}

/* As long as its line is there to say it. */
static void keep_dc_mid(struct layout *l)
{
    for (unsigned k = 0; l->dc_stream && l->dc_stream == l->bundle_stream && k < l->n_web; k++) {
        if (l->web[k].kind == WEB_DC)
            l->owner_mid = l->web[k].mid;
    }
}

/* What is gone leaves the arrays of *l. */
static int drop_gone(struct arena *a, struct layout *l)
{
    const unsigned n = l->n, n_rtp = l->n_rtp;
    int err = 0;

    l->n = l->n_rtp = 0;
    for (unsigned k = 0; k < l->n_ims; k++)
        l->ims[k].chan = l->ims[k].rtp = -1;
    for (unsigned i = 0; i < n; i++) {
        if (l->ch[i].state == CHAN_GONE)
            continue;
        l->ims[l->ch[i].ims_line].chan = (int)l->n;
        l->ch[l->n++] = l->ch[i];
    }
    for (unsigned i = 0; i < n_rtp && !err; i++) {
        if (l->rtp[i].state == CHAN_GONE) {
            err = keep_owner(a, l, &l->rtp[i]);
            continue;
        }
        l->ims[l->rtp[i].ims_line].rtp = (int)l->n_rtp;
        l->rtp[l->n_rtp++] = l->rtp[i];
    }
    return err;
}

int exch_commit(const struct exch *x, struct arena **keep, struct layout **lay)
{
    struct arena *a = arena_new(SDP_ARENA_MAX);
    struct layout *l = a ? ARENA_NEW(a, struct layout) : NULL;

    if (!l || layout_keep(a, l, &x->lay) || drop_gone(a, l)) {
        arena_free(a);
        return -ENOMEM;
    }
    keep_dc_mid(l);
    l->dc_old = exch_old_goes(x) ? 0 : l->dc_old;
    l->dc_drop = 0;
    l->floor = exch_open(x) && !keeps_channels(x) ? l->floor : last_stream(&x->lay);
    arena_free(*keep);
    *keep = a;
    *lay = l;
    return 0;
}

/* --- bodies --- */

static int parse(struct exch *x, struct sv body, struct sdp **s)
{
    struct sv copy = arena_sv(x->a, body);
    struct sdp_err e = {0};
    char text[160];
    int err;

    if (!copy.p)
        return -ENOMEM;
    err = sdp_parse(x->a, copy, SDP_SIP, s, &e);
    if (!err || err == -ENOMEM)
        return err;
    snprintf(text, sizeof text, "SDP line %u column %u: %s", e.line, e.column, e.why);
    return exch_refuse(x, 400, 399, text);
}

/* A re-offer may leave nothing (RFC 3264 8.2), as long as it says so. */
static bool takes_all_away(const struct exch *x, const struct sdp *s)
{
    const struct sdp_media *m = s->media;

    while (m && m->port == 0)
        m = m->next;
    return !x->initial && !m && (x->from == SIP_W2 || exch_open(x) == 0);
}

static int parse_web(struct exch *x, struct sv body)
{
    struct sdp *s;
    int err = parse(x, body, &s);

    if (err)
        return err;
    x->web = ARENA_NEW(x->a, struct web_desc);
    if (!x->web)
        return -ENOMEM;
    x->other_peer = x->lay.web_id.n > 0 && !sv_eq(x->lay.web_id, s->origin.sess_id);
    x->lay.web_id = s->origin.sess_id;
    err = web_read(x->a, s, x->policy, x->web);
    if (!err && x->web->dc >= 0 && !x->lay.dc_stream && /* of other protocols: not ours; nor beside their old bundle */
        (x->web->n_chans == 0 || (x->lay.dc_owner && !x->web->bundled[x->web->dc]))) {
        x->web->lines[x->web->dc].kind = WEB_REFUSED;
        x->web->bundled[x->web->dc] = false;
        x->web->dc = -1;
        x->web->n_chans = 0;
    }
    if (err == -EPROTO || (!err && x->web->dc < 0 && x->web->n_rtp + x->web->n_msrp == 0 && !takes_all_away(x, s))) {
        x->why = x->web->why;
        return -EPROTO;
    }
    return err;
}

static int parse_ims(struct exch *x, struct sv body)
{
    struct sdp *s;
    int err = parse(x, body, &s);

    if (err)
        return err;
    x->ims = ARENA_NEW(x->a, struct ims_desc);
    if (!x->ims)
        return -ENOMEM;
    err = ims_read(x->a, s, x->policy, x->ims);
    if (err == -EPROTO)
        x->why = x->ims->why;
    return err;
}

static const struct dc_chan *web_chan(const struct web_desc *w, uint16_t id)
{
    for (unsigned i = 0; i < w->n_chans; i++) {
        if (w->chans[i].map.id == id)
            return &w->chans[i];
    }
    return NULL;
}

/* The WIC's dialect and the transport of its channels, as offered. */
static int take_transport(struct exch *x)
{
    const struct web_remote *r = &x->web->remote;

    if (x->web->dc < 0)
        return 0;
    x->lay.legacy = r->legacy;
    x->lay.connection = r->connection;
    x->lay.dc_sctp = r->sctp_port;
    x->lay.dc_bundled = x->web->bundled[x->web->dc];
    return exch_take_transport(x, &x->lay.dc, &r->t);
}

static int web_lines(struct exch *x)
{
    struct layout *l = &x->lay;

    for (unsigned i = 0; i < l->n_web; i++) {
        if (i >= x->web->n_lines || (l->web[i].kind == WEB_DC && x->web->dc >= 0 && x->web->dc != (int)i))
            return exch_refuse(x, 488, 399, "the m= lines of the call changed places");
    }
    for (unsigned i = 0; i < x->web->n_lines; i++)
        l->web[i] = x->web->lines[i];
    l->n_web = x->web->n_lines;
    return 0;
}

static int offer_web(struct exch *x, struct sv body)
{
    struct layout *l = &x->lay;
    int err = parse_web(x, body);

    if (!err)
        err = web_lines(x);
    if (!err && l->dc_owner && x->web->dc >= 0)
        exch_dc_back(x);
    if (!err)
        err = take_transport(x);
    if (!err)
        err = exch_rtp_offer_web(x);
    if (err)
        return err;
    for (unsigned i = 0; i < l->n; i++) {
        if (l->ch[i].line)
            continue;
        x->web_ch[i] = web_chan(x->web, l->ch[i].map.id);
        if (!x->web_ch[i])
            exch_chan_gone(x, i);
    }
    if (l->dc_stream && x->web->dc < 0)
        exch_close_dc(x);
    for (unsigned k = 0; k < x->web->n_chans; k++) {
        const struct dc_chan *d = &x->web->chans[k];
        bool known = false;
        int slot;

        for (unsigned i = 0; i < l->n; i++)
            known = known || l->ch[i].map.id == d->map.id;
        if (known || l->n == DC_CHAN_MAX || (slot = exch_free_slot(l, "message", SV("TCP/MSRP"), SV("*"))) < 0)
            continue;
        x->web_ch[l->n] = d;
        exch_chan_add(x, (unsigned)slot)->map = d->map;
    }
    exch_msrp_offer_web(x);
    return 0;
}

/* The Remote of T2. All zeros is the old way to hold: the address stays (RFC 3264 8.4). */
static void take_address(struct chan *c, const struct ims_line *line)
{
    if (c->port && (line->hold || (sv_eq(c->addr, line->addr) && c->port == line->port)))
        return;
    c->moved = c->port != 0;
    c->addrtype = line->addrtype;
    c->addr = line->addr;
    c->port = line->port;
    c->cema = line->cema;
}

/* Can the core's offer be served? Without CEMA only when the gateway may be the one that connects. */
static bool is_servable(struct exch *x, const struct ims_line *line)
{
    if (line->msrp && !ims_is_direct(line, SDP_SETUP_ACTIVE)) {
        sdp_fault_set(&x->ims->why, 488, 307, "MSRP without a=msrp-cema");
        return false;
    }
    return line->msrp && (line->cema || line->ch.setup == SDP_SETUP_PASSIVE ||
                          line->ch.setup == SDP_SETUP_ACTPASS);
}

static int ims_slots(struct exch *x)
{
    struct layout *l = &x->lay;

    if (x->ims->n_lines < l->n_ims)
        return exch_refuse(x, 488, 399, "m= lines of the call are missing");
    for (unsigned i = l->n_ims; i < x->ims->n_lines; i++)
        l->ims[i].chan = l->ims[i].rtp = -1;
    for (unsigned i = 0; i < x->ims->n_lines; i++) {
        l->ims[i].media = x->ims->lines[i].media;
        l->ims[i].proto = x->ims->lines[i].proto;
        l->ims[i].fmts = x->ims->lines[i].fmts;
    }
    l->n_ims = x->ims->n_lines;
    return 0;
}

/* The core's first channel: the WIC gets its m=application line. */
static int dc_line(struct exch *x)
{
    bool has = false;

    for (unsigned i = 0; i < x->lay.n_web; i++)
        has = has || x->lay.web[i].kind == WEB_DC;
    if (has || !x->lay.dc_stream)
        return 0;
    x->lay.dc.tls_id = true;
    x->lay.dc_bundled = x->policy->browser;
    if (exch_web_line(x, (struct web_line){WEB_DC, SV("application"), SV("UDP/DTLS/SCTP"), SV("webrtc-datachannel"),
                                           SV_NONE}) < 0)
        return exch_refuse(x, 488, 399, "too many m= lines");
    return 0;
}

static int offer_ims(struct exch *x, struct sv body)
{
    struct layout *l = &x->lay;
    int err = parse_ims(x, body);

    if (!err)
        err = ims_slots(x);
    if (!err)
        err = exch_rtp_offer_ims(x);
    for (unsigned k = 0; !err && k < x->ims->n_lines; k++) {
        const struct ims_line *line = &x->ims->lines[k];
        int i = l->ims[k].chan;

        if (i >= 0 && !line->msrp) {
            exch_chan_gone(x, (unsigned)i);
            l->ims[k].chan = -1;
        } else if (i >= 0) {
            take_address(&l->ch[i], line);
            x->altered = x->altered || (l->ch[i].line && l->ch[i].dir[SIP_MW] != line->dir);
            l->ch[i].dir[SIP_MW] = line->dir;
            x->ims_ch[i] = line;
        } else if (!x->ahead && is_servable(x, line) && l->n < DC_CHAN_MAX) { /* else its path is not known yet */
            struct chan *c = exch_add_from_ims(x, k);

            if (!c)
                continue;
            x->ims_ch[l->n - 1] = line;
            c->dir[SIP_MW] = line->dir;
            take_address(c, line);
        }
    }
    if (!err && x->initial && l->n + l->n_rtp == 0)
        return exch_refuse(x, x->ims->why.status, x->ims->why.warn, x->ims->why.text);
    return err ? err : dc_line(x);
}

int exch_read_offer(struct exch *x, struct sv body)
{
    int err;

    if (body.n > SDP_BODY_MAX)
        return exch_refuse(x, 413, 399, "the body is too long");
    err = x->from == SIP_W2 ? offer_web(x, body) : offer_ims(x, body);
    if (!err && x->initial && x->lay.n + x->lay.n_rtp == 0)
        err = exch_refuse(x, 488, 304, "nothing that can be served");
    if (!err)
        exch_join_bundle(x);
    return err;
}

/* --- answers --- */

static int answer_ims(struct exch *x, struct sv body)
{
    struct layout *l = &x->lay;
    int err = parse_ims(x, body);

    if (err)
        return err;
    if (x->ims->n_lines != l->n_ims)
        return exch_refuse(x, 500, 399, "the answer has another number of m= lines");
    x->lock = false;
    err = exch_rtp_answer_ims(x);
    if (err)
        return err;
    for (unsigned i = 0; i < l->n; i++) {
        struct chan *c = &l->ch[i];
        const struct ims_line *line = &x->ims->lines[c->ims_line];
        enum sdp_setup role;

        if (c->state == CHAN_GONE) {
            x->lock = x->lock || line->open;
            continue;
        }
        role = dc_answer_setup(x->offered[i], line->ch.setup);
        if (!line->msrp || role == SDP_SETUP_NONE ||
            !ims_is_direct(line, role == SDP_SETUP_ACTIVE ? SDP_SETUP_PASSIVE : SDP_SETUP_ACTIVE)) {
            x->lock = x->lock || line->open;
            exch_chan_gone(x, i);
            continue;
        }
        if (c->state == CHAN_NEW)
            c->core = role;
        take_address(c, line);
        c->dir[SIP_MW] = line->dir;
        x->ims_ch[i] = line;
    }
    return 0;
}

/* A channel that is open keeps its roles, so what a page writes about them again (as for its first offer, often) closes
 * nothing. */
static enum sdp_setup web_answer_role(const struct chan *c, enum sdp_setup offered, enum sdp_setup answered)
{
    if (c->state == CHAN_OPEN)
        return c->core == SDP_SETUP_ACTIVE ? SDP_SETUP_PASSIVE : SDP_SETUP_ACTIVE;
    return dc_answer_setup(offered, answered);
}

static int answer_web(struct exch *x, struct sv body)
{
    struct layout *l = &x->lay;
    int err = parse_web(x, body);

    if (!err && x->web->dc >= (int)l->n_web)
        err = exch_refuse(x, 500, 399, "the answer has another number of m= lines");
    if (!err && x->web->remote.t.setup == SDP_SETUP_ACTPASS)
        err = exch_refuse(x, 500, 399, "a=setup:actpass in an answer");
    if (!err && l->dc_bundled && x->web->dc >= 0 && !x->web->bundled[x->web->dc])
        err = exch_refuse(x, 500, 399, "the data channel left the bundle");
    if (!err && l->dc_stream)
        err = take_transport(x);
    if (!err)
        err = exch_rtp_answer_web(x);
    if (err)
        return err;
    for (unsigned i = 0; i < l->n; i++) {
        struct chan *c = &l->ch[i];
        const struct dc_chan *d = c->line ? exch_msrp_answer_web(x, c) : web_chan(x->web, c->map.id);
        enum sdp_setup role = SDP_SETUP_NONE;

        if (c->state == CHAN_GONE)
            continue;
        if (d)
            role = c->line ? exch_msrp_role(c, x->ims_ch[i]->ch.setup) : web_answer_role(c, x->offered[i], d->setup);
        if (role == SDP_SETUP_NONE || !ims_is_direct(x->ims_ch[i], role)) {
            exch_chan_gone(x, i);
            continue;
        }
        if (c->state == CHAN_NEW)
            c->core = role == SDP_SETUP_ACTIVE ? SDP_SETUP_PASSIVE : SDP_SETUP_ACTIVE;
        x->web_ch[i] = d;
    }
    if (l->dc_stream && !x->dc_fresh && x->web->dc < 0)
        exch_close_dc(x);
    return 0;
}

int exch_save(struct exch *x)
{
    struct layout *saved = x->saved;

    if (!saved) {
        saved = ARENA_NEW(x->a, struct layout);
        if (!saved || layout_new(x->a, saved))
            return -ENOMEM;
        x->saved = saved;
    }
    if (x->lay.n_rtp > 0 && layout_room_rtp(x->a, saved))
        return -ENOMEM;
    if (x->n_early++ >= CALL_EARLY_MAX)
        return -EPROTO;
    layout_set(saved, &x->lay);
    return 0;
}

void exch_restore(struct exch *x)
{
    layout_set(&x->lay, x->saved);
}

int exch_read_early(struct exch *x, struct sv body)
{
    int err = exch_save(x);

    if (err)
        return err;
    err = exch_read_answer(x, body);
    if (err)
        exch_restore(x);
    return err;
}

int exch_read_answer(struct exch *x, struct sv body)
{
    int err;

    if (body.n == 0 || body.n > SDP_BODY_MAX)
        return exch_refuse(x, 500, 399, body.n ? "the answer is too long" : "no answer in the 200");
    err = x->from == SIP_W2 ? answer_ims(x, body) : answer_web(x, body);
    if (!err)
        exch_drop_dc(x);
    if (!err && x->initial && exch_open(x) == 0)
        err = exch_refuse(x, 488, 304, "nothing was accepted");
    return err;
}
