#include "alg/sdp/web.h"

#include <errno.h>
#include <utlist.h>

#include "common/net.h"

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

/* What an ICE-lite gateway may be told: numeric UDP candidates (no mDNS names, no port 9 of TCP active ones). */
static bool is_candidate(struct sv value)
{
    struct sdp_candidate c;
    struct addr addr;

    return sdp_candidate_parse(value, &c) == 0 && sv_iis(c.transport, "udp") && c.component == 1 &&
           addr_parse(&addr, c.addr, c.port) == 0;
}

static struct sv value_of(const struct sdp *s, const struct sdp_media *m, const char *name)
{
    const struct sdp_attr *at = sdp_attr_of(s, m, name);

    return at ? sv_trim(at->value) : SV_NONE;
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

/* RFC 8839 5.4, RFC 8842 5.1: what must be there towards a browser. NULL: good. */
static const char *read_security(const struct sdp *s, const struct sdp_media *m,
                                 struct web_remote *r)
{
    r->ufrag = value_of(s, m, "ice-ufrag");
    r->pwd = value_of(s, m, "ice-pwd");
    r->tls_id = value_of(s, m, "tls-id");
    r->setup = sdp_setup_parse(value_of(s, m, "setup"));
    r->connection = sdp_attr_find(m->attrs, "connection") != NULL;
    if (!is_ice_text(r->ufrag, 4) || !is_ice_text(r->pwd, 22))
        return "ICE credentials are missing or bad";
    if (!r->fingerprints)
        return "a=fingerprint is missing, or of no accepted hash";
    if (r->setup == SDP_SETUP_NONE || r->setup == SDP_SETUP_BAD || r->setup == SDP_SETUP_HOLDCONN)
        return "a=setup is missing or bad";
    return NULL;
}

static int read_dc(struct arena *a, const struct sdp *s, const struct sdp_media *m,
                   struct web_desc *out, const char **why)
{
    const struct sdp_conn *c = sdp_conn_of(s, m);
    struct web_remote *r = &out->remote;
    int err;

    if (!c) {
        *why = "no c= line";
        return 0;
    }
    r->addrtype = c->addrtype;
    r->addr = c->addr;
    r->port = (uint16_t)m->port;
    err = take_all(a, NULL, m, "candidate", WEB_CAND_MAX, is_candidate, &r->candidates);
    if (!err)
        err = take_all(a, s, m, "fingerprint", WEB_FP_MAX, is_fingerprint, &r->fingerprints);
    if (err)
        return err;
    *why = read_sctp(m, r);
    if (!*why)
        *why = read_security(s, m, r);
    if (*why)
        return 0;
    err = dc_read(a, m, out->chans, &out->n_chans, &out->left_out);
    if (err == -EBADMSG) {
        *why = "two a=dcmap of one stream id";
        err = 0;
    }
    return err;
}

int web_read(struct arena *a, const struct sdp *s, struct web_desc *out)
{
    const struct sdp_media *m;
    unsigned i = 0;

    memset(out, 0, sizeof *out);
    out->dc = -1;
    sdp_fault_set(&out->why, 488, 304, "no data channel with MSRP among the media offered");
    if (s->n_media > SDP_LINES_MAX) {
        sdp_fault_set(&out->why, 488, 399, "too many m= lines");
        return -EPROTO;
    }
    DL_FOREACH(s->media, m) {
        struct web_line *line = &out->lines[i];
        const char *why = NULL;
        int err;

        line->media = m->media;
        line->proto = m->proto;
        line->fmts = m->fmts;
        line->mid = value_of(NULL, m, "mid");
        if (out->dc < 0 && m->port > 0 && is_dc_line(m)) {
            err = read_dc(a, s, m, out, &why);
            if (err)
                return err;
            if (why) {
                memset(&out->remote, 0, sizeof out->remote);
                sdp_fault_set(&out->why, 488, 305, why);
            } else {
                line->kind = WEB_DC;
                out->dc = (int)i;
            }
        }
        i++;
    }
    out->n_lines = i;
    return 0;
}

static bool is_any(struct sv value)
{
    return value.n > 0 && !memchr(value.p, '$', value.n);
}

int web_local_read(struct arena *a, const struct sdp *local, struct web_local *out)
{
    const struct sdp_media *m = local ? local->media : NULL;
    const struct sdp_conn *c = m ? sdp_conn_of(local, m) : NULL;
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
    if (!is_ice_text(w.ufrag, 4) || !is_ice_text(w.pwd, 22) ||
        sdp_sctp_port(NULL, m, &w.sctp_port) ||
        sdp_max_message_size(NULL, m, &w.max_message_size) == -EBADMSG)
        return -EBADMSG;
    err = take_all(a, NULL, m, "candidate", WEB_CAND_MAX, is_any, &w.candidates);
    if (!err)
        err = take_all(a, local, m, "fingerprint", WEB_FP_MAX, is_fingerprint, &w.fingerprints);
    if (!err && (!w.candidates || !w.fingerprints))
        err = -EBADMSG;
    if (!err)
        *out = w;
    return err;
}
