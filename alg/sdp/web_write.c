#include <errno.h>
#include <inttypes.h>
#include <utlist.h>

#include "alg/sdp/web.h"

static int put_sctp(struct arena *a, const struct web_out *w, struct sdp_attr **list)
{
    const struct web_local *l = w->local;
    int err = 0;

    if (w->connection)
        err = sdp_attr_add(a, list, "connection", SV("new"));
    if (!err && w->legacy)
        err = sdp_attr_addf(a, list, "sctpmap", "%u webrtc-datachannel %u", l->sctp_port, 1024u);
    else if (!err)
        err = sdp_attr_addf(a, list, "sctp-port", "%u", l->sctp_port);
    if (!err)
        err = sdp_attr_addf(a, list, "max-message-size", "%" PRIu64, l->max_message_size);
    return err;
}

static int put_dc(struct arena *a, const struct web_out *w, const struct web_line *line,
                  struct sdp *s)
{
    const struct web_local *t = w->trans.local;
    struct sv fmts = line->fmts;
    struct sdp_media *m;
    int err = 0;

    if (w->legacy) {
        const char *port = arena_printf(a, "%u", w->local->sctp_port);

        fmts = sv_from(port);
    }
    m = fmts.p ? sdp_media_new(a, s, line->media, w->bundle_only ? 0 : t->port, line->proto, fmts) : NULL;
    if (!m)
        return -ENOMEM;
    m->conn = (struct sdp_conn){true, SV("IN"), arena_sv(a, t->addrtype), arena_sv(a, t->addr)};
    if (line->mid.n > 0)
        err = sdp_attr_add(a, &m->attrs, "mid", line->mid);
    if (!err && w->bundle_only)
        err = sdp_attr_add(a, &m->attrs, "bundle-only", SV_NONE);
    if (!err)
        err = web_trans_write(a, &w->trans, &m->attrs);
    if (!err)
        err = put_sctp(a, w, &m->attrs);
    for (unsigned i = 0; !err && i < w->n_chans; i++)
        err = dc_write(a, &m->attrs, &w->chans[i]);
    return err;
}

/* RFC 3264 6: refused in place, with a format all the same. */
static int put_refused(struct arena *a, const struct web_line *line, struct sdp *s)
{
    struct sdp_media *m = sdp_media_new(a, s, line->media, 0, line->proto,
                                        line->fmts.n > 0 ? line->fmts : SV("0"));

    if (!m)
        return -ENOMEM;
    m->conn = (struct sdp_conn){true, SV("IN"), SV("IP4"), SV("0.0.0.0")};
    return line->mid.n > 0 ? sdp_attr_add(a, &m->attrs, "mid", line->mid) : 0;
}

int web_write_group(struct arena *a, const struct web_line *lines, unsigned n, const bool *bundled, struct sdp *s)
{
    char text[16 + SDP_LINES_MAX * 40];
    struct buf b = buf_over(text, sizeof text);
    bool any = false;

    buf_str(&b, "BUNDLE");
    for (unsigned i = 0; i < n; i++) {
        if (!bundled[i] || lines[i].kind == WEB_REFUSED || lines[i].mid.n == 0)
            continue;
        buf_printf(&b, " %.*s", SV_ARG(lines[i].mid));
        any = true;
    }
    if (!any || buf_err(&b))
        return 0;
    return sdp_attr_add(a, &s->attrs, "group", buf_sv(&b));
}

/* One gateway has all lines: what one of its transports is, all are (RFC 8839 5.3: ice-lite is of the session). */
static bool is_full(const struct web_out *w)
{
    for (unsigned i = 0; i < w->n_lines; i++) {
        const struct web_local *l = w->lines[i].kind == WEB_DC ? w->trans.local
                                    : w->rtp[i]                ? w->rtp[i]->trans.local
                                    : w->msrp[i]               ? w->msrp[i]->local
                                                               : NULL;

        if (l && l->full)
            return true;
    }
    return false;
}

int web_write(struct arena *a, const struct web_out *w, struct sdp **out)
{
    struct sdp *s = sdp_new(a);
    int err;

    if (!s)
        return -ENOMEM;
    err = web_write_group(a, w->lines, w->n_lines, w->bundled, s);
    if (!err)
        err = is_full(w) ? 0 : sdp_attr_add(a, &s->attrs, "ice-lite", SV_NONE);
    if (!err)
        err = sdp_attr_add(a, &s->attrs, "ice-options", SV("ice2"));
    for (unsigned i = 0; !err && i < w->n_lines; i++) {
        if (w->lines[i].kind == WEB_DC)
            err = put_dc(a, w, &w->lines[i], s);
        else if (w->rtp[i])
            err = rtp_write_w2(a, w->rtp[i], s);
        else if (w->msrp[i])
            err = web_msrp_write(a, w->msrp[i], &w->lines[i], s);
        else
            err = put_refused(a, &w->lines[i], s);
    }
    if (!err)
        *out = s;
    return err;
}
