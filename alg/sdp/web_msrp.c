/* m=message of a WIC that is no browser: MSRP over ICE-TCP, to the gateway's shared port (TS 33.203 W.3.3, W.3.4; RFC 6544). */
#include <errno.h>

#include "alg/sdp/web.h"

bool web_msrp_is_line(const struct sdp_media *m, const struct sdp_policy *p)
{
    return p->msrp_tcp && sv_is(m->media, "message") && sv_iis(m->proto, "TCP/MSRP");
}

/* The gateway dials nobody, so the WIC has to. TS 33.203 W.3.3 writes "tcp-active" and "tcp-so" where RFC 6544 has "active"
 * and "so". */
static bool connects(const struct sdp_media *m)
{
    static const char *const types[] = {"active", "so", "tcp-active", "tcp-so"};
    struct sdp_candidate c;

    for (const struct sdp_attr *at = sdp_attr_find(m->attrs, "candidate"); at; at = sdp_attr_next(at, "candidate")) {
        if (sdp_candidate_parse(at->value, &c) || !sv_iis(c.transport, "tcp"))
            continue;
        for (unsigned i = 0; i < ARRAY_LEN(types); i++) {
            if (sv_iis(c.tcptype, types[i]))
                return true;
        }
    }
    return false;
}

static const char *check(const struct sdp_media *m, const struct web_msrp *l)
{
    if (l->ch.path.n == 0)
        return "m=message without a=path";
    if (l->ch.setup == SDP_SETUP_BAD || l->ch.setup == SDP_SETUP_HOLDCONN)
        return "a=setup of m=message is bad";
    if (l->ch.setup == SDP_SETUP_PASSIVE || l->t.lite || !connects(m))
        return "m=message has no TCP candidate that connects";
    return NULL;
}

int web_msrp_read(struct arena *a, const struct sdp *s, const struct sdp_media *m, struct web_msrp *out, const char **why)
{
    struct web_msrp l = {.cema = sdp_attr_find(m->attrs, "msrp-cema") != NULL};
    int err = web_trans_read(a, s, m, TRANS_ICE, &l.t, why);

    if (err || *why)
        return err;
    l.t.candidates = NULL; /* theirs are of connections that they open themselves */
    err = dc_take_line(a, &l.ch, m->attrs);
    l.dir = sdp_dir_of(s, m);
    *why = check(m, &l);
    if (!err && !*why)
        *out = l;
    return err;
}

int web_msrp_write(struct arena *a, const struct web_msrp_out *o, const struct web_line *line, struct sdp *s)
{
    const struct web_trans_out trans = {.local = o->local};
    struct sdp_media *m = sdp_media_new(a, s, line->media, o->local->port, line->proto, line->fmts);
    int err;

    if (!m)
        return -ENOMEM;
    m->conn = (struct sdp_conn){true, SV("IN"), arena_sv(a, o->local->addrtype), arena_sv(a, o->local->addr)};
    err = line->mid.n > 0 ? sdp_attr_add(a, &m->attrs, "mid", line->mid) : 0;
    if (!err)
        err = web_trans_write(a, &trans, &m->attrs);
    if (!err) /* of the default candidate (RFC 6544 4.5) */
        err = sdp_attr_add(a, &m->attrs, "setup", SV("passive"));
    if (!err && o->cema)
        err = sdp_attr_add(a, &m->attrs, "msrp-cema", SV_NONE);
    if (!err)
        err = rules_copy(a, o->ch->attrs, RULE_MSRP, RULE_TO_W2, &m->attrs);
    return err ? err : sdp_attr_add(a, &m->attrs, "path", o->ch->path);
}
