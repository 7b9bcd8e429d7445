#include "alg/sdp/ims.h"

#include <errno.h>
#include <utlist.h>

#include "common/net.h"

/* NULL: usable. */
static const char *read_message(struct arena *a, const struct sdp *s, const struct sdp_media *m,
                                struct ims_line *line)
{
    const struct sdp_conn *c = sdp_conn_of(s, m);
    struct addr addr;

    if (!sv_iis(m->proto, "TCP/MSRP"))
        return "the transport of m=message is not TCP/MSRP";
    if (!c || addr_parse(&addr, c->addr, (uint16_t)m->port))
        return "c= has no numeric address";
    line->addrtype = c->addrtype;
    line->addr = c->addr;
    line->hold = addr_is_any(&addr);
    line->port = (uint16_t)m->port;
    line->cema = sdp_attr_find(m->attrs, "msrp-cema") != NULL;
    line->dir = sdp_dir_of(s, m);
    if (dc_take_line(a, &line->ch, m->attrs))
        return "out of memory";
    if (line->ch.path.n == 0)
        return "m=message without a=path";
    if (line->ch.setup == SDP_SETUP_BAD || line->ch.setup == SDP_SETUP_HOLDCONN)
        return "a=setup of m=message is bad";
    return NULL;
}

static int read_rtp(struct arena *a, const struct sdp *s, const struct sdp_media *m, const struct sdp_policy *p,
                    struct ims_desc *out, struct ims_line *line)
{
    struct rtp_line *l = ARENA_NEW(a, struct rtp_line);
    const char *why;

    if (!l)
        return -ENOMEM;
    rtp_read(s, m, RULE_TO_W2, p, l, &why);
    if (!why && out->n_rtp == RTP_LINE_MAX)
        why = "too many lines of audio and video";
    if (why) {
        sdp_fault_set(&out->why, 488, 305, why);
        return 0;
    }
    line->rtp = l;
    out->n_rtp++;
    return 0;
}

int ims_read(struct arena *a, const struct sdp *s, const struct sdp_policy *p, struct ims_desc *out)
{
    const struct sdp_media *m;
    unsigned i = 0;

    memset(out, 0, sizeof *out);
    sdp_fault_set(&out->why, 488, 304, "no audio, video or MSRP that can be served");
    if (s->n_media > SDP_LINES_MAX) {
        sdp_fault_set(&out->why, 488, 399, "too many m= lines");
        return -EPROTO;
    }
    DL_FOREACH(s->media, m) {
        struct ims_line *line = &out->lines[i++];
        const char *why;

        line->media = m->media;
        line->proto = m->proto;
        line->fmts = m->fmts;
        line->open = m->port > 0;
        if (m->port > 0 && rtp_is_line(m, RULE_TO_W2, p) && read_rtp(a, s, m, p, out, line))
            return -ENOMEM;
        if (m->port <= 0 || !sv_is(m->media, "message"))
            continue;
        why = read_message(a, s, m, line);
        if (why) {
            sdp_fault_set(&out->why, 488, 305, why);
            continue;
        }
        line->msrp = true;
        out->n_msrp++;
    }
    out->n_lines = i;
    return 0;
}

/* host and port of the first URI of a=path: "msrp://host:port/session;tcp" (RFC 4975 6). */
static int path_addr(struct sv path, struct addr *addr)
{
    struct sv uri = sv_word(&path), scheme = sv_cut(&uri, ':'), host;

    if (!sv_iis(scheme, "msrp") || !sv_starts(uri, "//"))
        return -EINVAL;
    uri = (struct sv){uri.p + 2, uri.n - 2};
    host = sv_cut(&uri, '/');
    if (host.n > 0 && memchr(host.p, '@', host.n))
        sv_cut(&host, '@');
    if (host.n > 0 && memchr(host.p, ';', host.n))
        host = sv_cut(&host, ';');
    return addr_parse_hostport(addr, host, 2855);
}

bool ims_is_direct(const struct ims_line *line, enum sdp_setup role)
{
    struct addr conn, path;

    if (line->cema)
        return true;
    if (addr_parse(&conn, line->addr, line->port) || path_addr(line->ch.path, &path))
        return false;
    return addr_eq(&conn, &path) && role == SDP_SETUP_ACTIVE;
}

static int put_message(struct arena *a, const struct ims_out *o, struct sdp *s)
{
    struct sdp_media *m =
        sdp_media_new(a, s, SV("message"), o->port, SV("TCP/MSRP"), SV("*"));
    int err = 0;

    if (!m)
        return -ENOMEM;
    sdp_conn_put(a, s, m, o->addrtype, o->addr);
    if (o->ch->setup != SDP_SETUP_NONE)
        err = sdp_attr_add(a, &m->attrs, "setup", sv_from(sdp_setup_name(o->ch->setup)));
    if (!err && o->cema)
        err = sdp_attr_add(a, &m->attrs, "msrp-cema", SV_NONE);
    if (!err)
        err = rules_copy(a, o->ch->attrs, RULE_MSRP, RULE_TO_MW, &m->attrs);
    if (!err)
        err = sdp_attr_add(a, &m->attrs, "path", o->ch->path);
    return err;
}

int ims_write(struct arena *a, const struct ims_out *lines, unsigned n, struct sdp **out)
{
    struct sdp *s = sdp_new(a);
    int err = 0;

    if (!s)
        return -ENOMEM;
    for (unsigned i = 0; !err && i < n; i++) {
        const struct ims_out *o = &lines[i];

        if (o->rtp)
            err = rtp_write_mw(a, o->rtp, s);
        else if (o->port > 0)
            err = put_message(a, o, s);
        else if (!sdp_media_new(a, s, o->media.n ? o->media : SV("message"), 0,
                                o->proto.n ? o->proto : SV("TCP/MSRP"),
                                o->fmts.n ? o->fmts : SV("*")))
            err = -ENOMEM;
    }
    if (!err && !s->conn.present) /* every line refused: c= must stand somewhere (RFC 8866 5.7) */
        s->conn = (struct sdp_conn){true, SV("IN"), SV("IP4"), SV("0.0.0.0")};
    if (!err)
        *out = s;
    return err;
}
