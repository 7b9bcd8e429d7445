#include "alg/sdp/web.h"

#include <errno.h>
#include <utlist.h>

struct reader {
    struct arena *a;
    const struct sdp *s;
    const struct sdp_policy *p;
    struct web_desc *out;
    const struct sdp_media *m[SDP_LINES_MAX];
    bool grouped[SDP_LINES_MAX];
};

static const char *const dc_protos[] = {"UDP/DTLS/SCTP", "TCP/DTLS/SCTP", "DTLS/SCTP", "SCTP/DTLS"};

static bool is_dc_line(const struct sdp_media *m)
{
    if (!sv_is(m->media, "application"))
        return false;
    for (unsigned i = 0; i < ARRAY_LEN(dc_protos); i++) {
        if (sv_iis(m->proto, dc_protos[i]))
            return true;
    }
    return false;
}

/* sctp-port, or the port in the m= line with a=sctpmap (drafts before RFC 8841). NULL: good. */
static const char *read_sctp(const struct sdp_media *m, struct web_remote *r)
{
    const struct sdp_attr *map = sdp_attr_find(m->attrs, "sctpmap");
    uint32_t number;
    struct sv rest;

    if (sv_iis(m->fmts, "webrtc-datachannel")) {
        if (sdp_sctp_port(NULL, m, &r->sctp_port) || r->sctp_port == 0)
            return "a=sctp-port is missing or bad";
    } else {
        if (sv_u32(m->fmts, UINT16_MAX, &number) || number == 0 || !map)
            return "the format is not webrtc-datachannel";
        rest = map->value;
        if (!sv_eq(sv_word(&rest), m->fmts) || !sv_iis(sv_word(&rest), "webrtc-datachannel"))
            return "a=sctpmap does not fit the m= line";
        r->legacy = true;
        r->sctp_port = (uint16_t)number;
    }
    if (sdp_max_message_size(NULL, m, &r->max_message_size) == -EBADMSG)
        return "a=max-message-size is bad";
    return NULL;
}

/* --- BUNDLE (RFC 9143; sip-sdp 3.3) --- */

static int line_of_mid(const struct reader *r, struct sv mid)
{
    for (unsigned i = 0; mid.n > 0 && i < r->out->n_lines; i++) {
        if (sv_eq(r->out->lines[i].mid, mid))
            return (int)i;
    }
    return -1;
}

static bool is_served(const struct reader *r, unsigned i)
{
    struct rtp_line l;
    const char *why;

    if (!rtp_is_line(r->m[i], RULE_TO_MW, r->p))
        return is_dc_line(r->m[i]);
    rtp_read(r->s, r->m[i], RULE_TO_MW, r->p, &l, &why);
    return !why;
}

/* The first group only. Its transport is that of its first line that has one and that can be served (7.3.3). */
static void read_bundle(struct reader *r)
{
    const struct sdp_attr *at = sdp_attr_find(r->s->attrs, "group");
    struct sv rest;

    r->out->tag = -1;
    for (; at; at = sdp_attr_next(at, "group")) {
        rest = at->value;
        if (sv_is(sv_word(&rest), "BUNDLE"))
            break;
    }
    while (at && rest.n > 0) {
        int i = line_of_mid(r, sv_word(&rest));

        if (i < 0)
            continue;
        r->grouped[i] = true;
        if (r->out->tag < 0 && r->m[i]->port > 0 && web_trans_is_own(r->s, r->m[i]) && is_served(r, (unsigned)i))
            r->out->tag = i;
    }
}

/* The line whose transport this one has; -1: none. */
static int trans_line(const struct reader *r, unsigned i)
{
    bool joined = r->grouped[i] && r->out->tag >= 0;

    if (r->p->browser && joined)
        return r->out->tag;
    if (r->m[i]->port > 0)
        return (int)i;
    return -1;
}

/* *why NULL: out->trans[i] is good. */
static int read_trans(struct reader *r, unsigned i, enum rtp_sec sec, const char **why)
{
    int from = trans_line(r, i);
    unsigned need = sec == RTP_SDES ? 0 : sec == RTP_PLAIN ? TRANS_ICE : TRANS_ICE | TRANS_DTLS;
    struct web_trans *t = ARENA_NEW(r->a, struct web_trans);

    if (!t)
        return -ENOMEM;
    if (from < 0) {
        *why = "no transport: a=bundle-only where nothing is bundled";
        return 0;
    }
    r->out->trans[i] = t;
    r->out->bundled[i] = r->p->browser && r->grouped[i];
    return web_trans_read(r->a, r->s, r->m[from], need, t, why);
}

/* --- lines --- */

static int read_dc(struct reader *r, unsigned i, const char **why)
{
    struct web_desc *out = r->out;
    int err;

    err = read_trans(r, i, RTP_DTLS, why);
    if (err || *why)
        return err;
    out->remote.t = *out->trans[i];
    out->remote.connection = sdp_attr_find(r->m[i]->attrs, "connection") != NULL;
    *why = read_sctp(r->m[i], &out->remote);
    if (*why)
        return 0;
    err = dc_read(r->a, r->m[i], out->chans, &out->n_chans, &out->left_out);
    if (err == -EBADMSG) {
        *why = "two a=dcmap of one stream id";
        err = 0;
    }
    return err;
}

static int take_dc(struct reader *r, unsigned i)
{
    const char *why = NULL;
    int err = read_dc(r, i, &why);

    if (err)
        return err;
    if (why) {
        memset(&r->out->remote, 0, sizeof r->out->remote);
        r->out->bundled[i] = false;
        sdp_fault_set(&r->out->why, 488, 305, why);
        return 0;
    }
    r->out->lines[i].kind = WEB_DC;
    r->out->dc = (int)i;
    return 0;
}

static int take_rtp(struct reader *r, unsigned i)
{
    struct web_desc *out = r->out;
    struct rtp_line *l = ARENA_NEW(r->a, struct rtp_line);
    const char *why;
    int err;

    if (!l)
        return -ENOMEM;
    rtp_read(r->s, r->m[i], RULE_TO_MW, r->p, l, &why);
    if (!why) {
        err = read_trans(r, i, l->sec, &why);
        if (err)
            return err;
    }
    if (!why && out->n_rtp == RTP_LINE_MAX)
        why = "too many lines of audio and video";
    if (why) {
        out->bundled[i] = false;
        sdp_fault_set(&out->why, 488, 305, why);
        return 0;
    }
    out->lines[i].kind = WEB_RTP;
    out->rtp[i] = l;
    out->n_rtp++;
    return 0;
}

static int take_msrp(struct reader *r, unsigned i)
{
    struct web_desc *out = r->out;
    struct web_msrp *l = ARENA_NEW(r->a, struct web_msrp);
    const char *why = NULL;
    int err = l ? web_msrp_read(r->a, r->s, r->m[i], l, &why) : -ENOMEM;

    if (err)
        return err;
    if (!why && out->n_msrp == MSRP_LINE_MAX)
        why = "too many m=message lines";
    if (why) {
        sdp_fault_set(&out->why, 488, 305, why);
        return 0;
    }
    out->lines[i].kind = WEB_MSRP;
    out->msrp[i] = l;
    out->n_msrp++;
    return 0;
}

static bool is_offered(const struct reader *r, unsigned i)
{
    return r->m[i]->port > 0 ||
           (r->grouped[i] && sdp_attr_find(r->m[i]->attrs, "bundle-only") != NULL);
}

static void index_lines(struct reader *r)
{
    const struct sdp_media *m;

    DL_FOREACH(r->s->media, m) {
        const struct sdp_attr *mid = sdp_attr_find(m->attrs, "mid");

        r->m[r->out->n_lines] = m;
        r->out->lines[r->out->n_lines++] = (struct web_line){
            .media = m->media, .proto = m->proto, .fmts = m->fmts, .mid = mid ? sv_trim(mid->value) : SV_NONE};
    }
}

int web_read(struct arena *a, const struct sdp *s, const struct sdp_policy *p, struct web_desc *out)
{
    struct reader r = {.a = a, .s = s, .p = p, .out = out};
    int err = 0;

    memset(out, 0, sizeof *out);
    out->dc = -1;
    out->tag = -1;
    sdp_fault_set(&out->why, 488, 304, "no audio, video or MSRP data channel that can be served");
    if (s->n_media > SDP_LINES_MAX) {
        sdp_fault_set(&out->why, 488, 399, "too many m= lines");
        return -EPROTO;
    }
    index_lines(&r);
    read_bundle(&r);
    for (unsigned i = 0; !err && i < out->n_lines; i++) {
        if (!is_offered(&r, i))
            continue;
        if (out->dc < 0 && is_dc_line(r.m[i]))
            err = take_dc(&r, i);
        else if (rtp_is_line(r.m[i], RULE_TO_MW, r.p))
            err = take_rtp(&r, i);
        else if (web_msrp_is_line(r.m[i], p) && r.m[i]->port > 0)
            err = take_msrp(&r, i);
    }
    return err;
}
