#include "alg/sdp/trans.h"

#include <errno.h>
#include <utlist.h>

#include "common/net.h"

/* All attributes of that name: the media level's, or else the session level's (RFC 8122 5, RFC 8839 4.2). */
static int take_all(struct arena *a, const struct sdp *s, const struct sdp_media *m,
                    const char *name, unsigned max, bool (*fits)(struct sv), struct sdp_attr **out)
{
    const struct sdp_attr *at = sdp_attr_find(m->attrs, name);
    unsigned n = 0;

    if (!at && s)
        at = sdp_attr_find(s->attrs, name);
    for (; at && n < max; at = sdp_attr_next(at, name)) {
        if (!fits(at->value))
            continue;
        if (sdp_attr_add(a, out, name, at->value))
            return -ENOMEM;
        n++;
    }
    return 0;
}

static bool is_fingerprint(struct sv value)
{
    struct sdp_fingerprint f;

    return sdp_fingerprint_parse(value, &f) == 0 && !sv_iis(f.hash, "sha-1");
}

static bool is_known_type(struct sv type)
{
    static const char *const types[] = {"host", "srflx", "prflx", "relay"};

    for (unsigned i = 0; i < ARRAY_LEN(types); i++) {
        if (sv_iis(type, types[i]))
            return true;
    }
    return false;
}

/* What a gateway may be told: numeric UDP candidates (no mDNS names, no port 9 of TCP active ones) of a known type. Which
 * addresses it checks is its own business. */
static bool is_candidate(struct sv value)
{
    struct sdp_candidate c;
    struct addr addr;

    return sdp_candidate_parse(value, &c) == 0 && sv_iis(c.transport, "udp") && c.component == 1 && c.port > 0 &&
           is_known_type(c.type) && addr_parse(&addr, c.addr, c.port) == 0;
}

static struct sv value_of(const struct sdp *s, const struct sdp_media *m, const char *name)
{
    const struct sdp_attr *at = sdp_attr_of(s, m, name);

    return at ? sv_trim(at->value) : SV_NONE;
}

static bool is_ice_text(struct sv v, size_t least)
{
    if (v.n < least || v.n > 256)
        return false;
    for (size_t i = 0; i < v.n; i++) {
        char c = v.p[i];

        if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
              c == '+' || c == '/'))
            return false;
    }
    return true;
}

bool web_trans_is_own(const struct sdp *s, const struct sdp_media *m)
{
    return sdp_attr_of(s, m, "ice-ufrag") != NULL;
}

/* RFC 8839 5.4, RFC 8842 5.1: what must be there towards a browser. NULL: good. */
static const char *check(const struct web_trans *t, unsigned need)
{
    bool ice = t->ufrag.n > 0 || t->pwd.n > 0 || (need & TRANS_ICE);

    if (ice && (!is_ice_text(t->ufrag, 4) || !is_ice_text(t->pwd, 22)))
        return "ICE credentials are missing or bad";
    if (!(need & TRANS_DTLS))
        return NULL;
    if (!t->fingerprints)
        return "a=fingerprint is missing, or of no accepted hash";
    if (t->setup == SDP_SETUP_NONE || t->setup == SDP_SETUP_BAD || t->setup == SDP_SETUP_HOLDCONN)
        return "a=setup is missing or bad";
    return NULL;
}

int web_trans_read(struct arena *a, const struct sdp *s, const struct sdp_media *m, unsigned need, struct web_trans *out,
                   const char **why)
{
    const struct sdp_conn *c = sdp_conn_of(s, m);
    struct web_trans t = {0};
    int err;

    *why = NULL;
    if (!c) {
        *why = "no c= line";
        return 0;
    }
    t.addrtype = c->addrtype;
    t.addr = c->addr;
    t.port = (uint16_t)m->port;
    t.ufrag = value_of(s, m, "ice-ufrag");
    t.pwd = value_of(s, m, "ice-pwd");
    t.tls_id = value_of(s, m, "tls-id");
    t.setup = sdp_setup_parse(value_of(s, m, "setup"));
    t.lite = sdp_attr_of(s, m, "ice-lite") != NULL;
    err = take_all(a, NULL, m, "candidate", WEB_CAND_MAX, is_candidate, &t.candidates);
    if (!err && (need & TRANS_DTLS))
        err = take_all(a, s, m, "fingerprint", WEB_FP_MAX, is_fingerprint, &t.fingerprints);
    if (err)
        return err;
    *why = check(&t, need);
    if (!*why)
        *out = t;
    return 0;
}

static bool is_any(struct sv value)
{
    return value.n > 0 && !memchr(value.p, '$', value.n);
}

static bool is_given(const struct sdp_media *m, const char *name)
{
    return sdp_attr_find(m->attrs, name) != NULL;
}

int web_local_read(struct arena *a, const struct sdp *local, struct web_local *out)
{
    const struct sdp_media *m = local ? local->media : NULL;
    const struct sdp_conn *c = m ? sdp_conn_of(local, m) : NULL;
    bool sctp = m && sv_is(m->media, "application");
    struct web_local w = {0};
    struct addr addr;
    int err;

    if (!c || m->port <= 0 || addr_parse(&addr, c->addr, (uint16_t)m->port))
        return -EBADMSG;
    w.addrtype = c->addrtype;
    w.addr = c->addr;
    w.port = (uint16_t)m->port;
    w.ufrag = value_of(local, m, "ice-ufrag");
    w.pwd = value_of(local, m, "ice-pwd");
    if ((is_given(m, "ice-ufrag") || is_given(m, "ice-pwd")) && (!is_ice_text(w.ufrag, 4) || !is_ice_text(w.pwd, 22)))
        return -EBADMSG;
    if (sctp && (sdp_sctp_port(NULL, m, &w.sctp_port) || sdp_max_message_size(NULL, m, &w.max_message_size) == -EBADMSG))
        return -EBADMSG;
    err = take_all(a, NULL, m, "candidate", WEB_CAND_MAX, is_any, &w.candidates);
    if (!err)
        err = take_all(a, local, m, "fingerprint", WEB_FP_MAX, is_fingerprint, &w.fingerprints);
    if (!err && w.ufrag.n > 0 && !w.candidates)
        err = -EBADMSG;
    if (!err)
        *out = w;
    return err;
}

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

int web_trans_write(struct arena *a, const struct web_trans_out *t, struct sdp_attr **list)
{
    const struct web_local *l = t->local;
    int err = t->no_candidates ? 0 : copy_all(a, list, l->candidates);

    if (!err && l->ufrag.n > 0)
        err = sdp_attr_add(a, list, "ice-ufrag", l->ufrag);
    if (!err && l->ufrag.n > 0)
        err = sdp_attr_add(a, list, "ice-pwd", l->pwd);
    if (t->setup == SDP_SETUP_NONE)
        return err;
    if (!err)
        err = copy_all(a, list, l->fingerprints);
    if (!err && t->tls_id.n > 0)
        err = sdp_attr_add(a, list, "tls-id", t->tls_id);
    return err ? err : sdp_attr_add(a, list, "setup", sv_from(sdp_setup_name(t->setup)));
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
