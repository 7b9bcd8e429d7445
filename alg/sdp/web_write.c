#include <errno.h>
#include <inttypes.h>
#include <utlist.h>

#include "alg/sdp/web.h"

static int copy_all(struct arena *a, struct sdp_attr **list, const struct sdp_attr *from)
{
    const struct sdp_attr *at;

    DL_FOREACH(from, at) {
        struct sv name = arena_sv(a, at->name);

        if (!name.p || sdp_attr_add(a, list, name.p, at->flag ? SV_NONE : at->value))
            return -ENOMEM;
    }
    return 0;
}

static int put_transport(struct arena *a, const struct web_out *w, struct sdp_attr **list)
{
    const struct web_local *l = w->local;
    int err = copy_all(a, list, l->candidates);

    if (!err)
        err = sdp_attr_add(a, list, "ice-ufrag", l->ufrag);
    if (!err)
        err = sdp_attr_add(a, list, "ice-pwd", l->pwd);
    if (!err)
        err = copy_all(a, list, l->fingerprints);
    if (!err && w->tls_id.n > 0)
        err = sdp_attr_add(a, list, "tls-id", w->tls_id);
    if (!err)
        err = sdp_attr_add(a, list, "setup", sv_from(sdp_setup_name(w->setup)));
    if (!err && w->connection)
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
    struct sv fmts = line->fmts;
    struct sdp_media *m;
    int err = 0;

    if (w->legacy) {
        const char *port = arena_printf(a, "%u", w->local->sctp_port);

        fmts = sv_from(port);
    }
    m = fmts.p ? sdp_media_new(a, s, line->media, w->local->port, line->proto, fmts) : NULL;
    if (!m)
        return -ENOMEM;
    m->conn = (struct sdp_conn){true, SV("IN"), arena_sv(a, w->local->addrtype),
                                arena_sv(a, w->local->addr)};
    if (line->mid.n > 0)
        err = sdp_attr_add(a, &m->attrs, "mid", line->mid);
    if (!err)
        err = put_transport(a, w, &m->attrs);
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

int web_write(struct arena *a, const struct web_out *w, struct sdp **out)
{
    struct sdp *s = sdp_new(a);
    int err;

    if (!s)
        return -ENOMEM;
    err = sdp_attr_add(a, &s->attrs, "ice-lite", SV_NONE);
    if (!err)
        err = sdp_attr_add(a, &s->attrs, "ice-options", SV("ice2"));
    for (unsigned i = 0; !err && i < w->n_lines; i++) {
        if (w->lines[i].kind == WEB_DC)
            err = put_dc(a, w, &w->lines[i], s);
        else
            err = put_refused(a, &w->lines[i], s);
    }
    if (!err)
        *out = s;
    return err;
}

enum sdp_setup web_role(enum sdp_setup remote, enum sdp_setup choose)
{
    switch (remote) {
    case SDP_SETUP_ACTPASS:
        return choose;
    case SDP_SETUP_ACTIVE:
        return SDP_SETUP_PASSIVE;
    case SDP_SETUP_PASSIVE:
        return SDP_SETUP_ACTIVE;
    default:
        return SDP_SETUP_NONE;
    }
}
