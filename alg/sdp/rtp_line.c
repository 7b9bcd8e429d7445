#include "alg/sdp/rtp_line.h"

#include <errno.h>
#include <utlist.h>

#include "common/enc.h"
#include "common/net.h"
#include "common/rnd.h"

#define MID_EXT "urn:ietf:params:rtp-hdrext:sdes:mid"
#define KEY_BYTES_MAX 44 /* AEAD_AES_256_GCM: 32 of key, 12 of salt */

static const struct {
    const char *name;
    enum rtp_sec sec; /* RTP_SDES: or DTLS, when the line has a fingerprint (before RFC 5764's names were settled) */
    bool feedback, tcp;
} protos[] = {
    {"UDP/TLS/RTP/SAVPF", RTP_DTLS, true, false}, {"UDP/TLS/RTP/SAVP", RTP_DTLS, false, false}, {"RTP/SAVPF", RTP_SDES, true, false},
    {"RTP/SAVP", RTP_SDES, false, false},         {"RTP/AVPF", RTP_PLAIN, true, false},         {"RTP/AVP", RTP_PLAIN, false, false},
    {"TCP/RTP/AVPF", RTP_PLAIN, true, true},      {"TCP/RTP/AVP", RTP_PLAIN, false, true},
};

/* RFC 4568 6.2, RFC 7714 14.1: octets of master key and salt */
static const struct {
    const char *name;
    unsigned key;
} suites[] = {
    {"AES_CM_128_HMAC_SHA1_80", 30}, {"AES_CM_128_HMAC_SHA1_32", 30}, {"AEAD_AES_128_GCM", 28}, {"AEAD_AES_256_GCM", 44},
};

static const char *const kinds[RTP_KINDS] = {"audio", "video"};

bool rtp_is_line(const struct sdp_media *m, enum rule_to to, const struct sdp_policy *p)
{
    if (!sv_is(m->media, kinds[RTP_AUDIO]) && !sv_is(m->media, kinds[RTP_VIDEO]))
        return false;
    for (unsigned i = 0; i < ARRAY_LEN(protos); i++) {
        if (!sv_iis(m->proto, protos[i].name))
            continue;
        if (to == RULE_TO_MW) /* a browser takes no plain RTP */
            return protos[i].sec != RTP_PLAIN || (protos[i].tcp ? p->rtp_tcp : p->plain_rtp);
        return protos[i].sec != RTP_DTLS && !protos[i].tcp; /* the core has none */
    }
    return false;
}

bool rtp_proto_feedback(struct sv proto)
{
    return proto.n > 0 && (proto.p[proto.n - 1] == 'F' || proto.p[proto.n - 1] == 'f');
}

bool rtp_proto_tcp(struct sv proto)
{
    return sv_istarts(proto, "TCP/RTP/");
}

struct sv rtp_proto_iq(struct sv proto, enum rtp_sec sec)
{
    size_t n = strlen("TCP/");

    if (sec == RTP_DTLS && sv_istarts(proto, "RTP/SAVP"))
        return rtp_proto_feedback(proto) ? SV("UDP/TLS/RTP/SAVPF") : SV("UDP/TLS/RTP/SAVP");
    return rtp_proto_tcp(proto) ? (struct sv){proto.p + n, proto.n - n} : proto;
}

uint16_t rtp_port_w2(struct sv proto, const struct web_local *l)
{
    uint32_t least = UINT32_MAX;
    uint16_t port = l->port;
    const struct sdp_attr *at;
    struct sdp_candidate c;

    DL_FOREACH(l->candidates, at) {
        if (!rtp_proto_tcp(proto) || sdp_candidate_parse(at->value, &c) || !sv_iis(c.transport, "tcp") || c.priority >= least)
            continue;
        least = c.priority;
        port = c.port;
    }
    return port;
}

/* --- reading --- */

static unsigned suite_key(struct sv suite)
{
    for (unsigned i = 0; i < ARRAY_LEN(suites); i++) {
        if (sv_iis(suite, suites[i].name))
            return suites[i].key;
    }
    return 0;
}

/* One key, without an MKI ("1:4") and without session parameters that change what packets look like (RFC 4568 6.1, 6.3): a
 * gateway takes no more. */
static bool is_plain_key(struct sv key, struct sv parms)
{
    struct sv rest = key;

    sv_cut(&rest, ':');
    sv_cut(&rest, '|'); /* a lifetime may follow */
    return sv_istarts(key, "inline:") && !memchr(key.p, ';', key.n) && !(rest.n && memchr(rest.p, ':', rest.n)) &&
           (parms.n == 0 || sv_istarts(parms, "WSH="));
}

/* The first a=crypto that can be served (RFC 4568 5.1.2): a known suite, one inline key. */
static bool read_crypto(const struct sdp_media *m, struct rtp_line *out)
{
    for (const struct sdp_attr *at = sdp_attr_find(m->attrs, "crypto"); at; at = sdp_attr_next(at, "crypto")) {
        struct sv rest = sv_trim(at->value), tag = sv_word(&rest), suite = sv_word(&rest), key = sv_word(&rest);
        uint32_t n;

        if (sv_u32(tag, 999999999, &n) || !suite_key(suite) || !is_plain_key(key, sv_trim(rest)) || key.n > 120 ||
            sv_trim(at->value).n > 240)
            continue;
        out->crypto = sv_trim(at->value);
        out->crypto_tag = tag;
        out->crypto_suite = suite;
        return true;
    }
    return false;
}

/* Another host than that of c= may take RTCP (RFC 3605 2.1), of the same family: it is one socket that sends. */
static void read_rtcp_addr(struct sv rest, uint16_t port, struct rtp_line *out)
{
    struct sv nettype = sv_word(&rest), addrtype = sv_word(&rest), text = sv_word(&rest);
    struct addr addr, rtp;

    if (!sv_iis(nettype, "IN") || addr_parse(&addr, text, port) || addr_is_any(&addr) || addr_parse(&rtp, out->addr, port) ||
        addr_is_v6(&addr) != addr_is_v6(&rtp) || addr_eq(&addr, &rtp))
        return;
    out->rtcp_port = port;
    out->rtcp_addrtype = addrtype;
    out->rtcp_addr = text;
}

static void read_rtcp(const struct sdp_media *m, struct rtp_line *out)
{
    const struct sdp_attr *at = sdp_attr_find(m->attrs, "rtcp");
    struct sv rest = at ? at->value : SV_NONE;
    uint32_t port;

    if (at && !sv_u32(sv_word(&rest), UINT16_MAX, &port) && port > 0) {
        if (port != out->port + 1u)
            out->rtcp_port = (uint16_t)port;
        read_rtcp_addr(rest, (uint16_t)port, out);
    }
    out->mux = sdp_attr_find(m->attrs, "rtcp-mux") != NULL;
    out->rsize = sdp_attr_find(m->attrs, "rtcp-rsize") != NULL;
}

static unsigned read_mid_ext(const struct sdp_media *m)
{
    for (const struct sdp_attr *at = sdp_attr_find(m->attrs, "extmap"); at; at = sdp_attr_next(at, "extmap")) {
        struct sv rest = at->value, word = sv_word(&rest), id = sv_cut(&word, '/');
        uint32_t n;

        if (!sv_u32(id, 255, &n) && n > 0 && sv_is(sv_word(&rest), MID_EXT))
            return n;
    }
    return 0;
}

static const char *read_proto(const struct sdp *s, const struct sdp_media *m, enum rule_to to, struct rtp_line *out)
{
    const struct sdp_attr *setup = sdp_attr_find(m->attrs, "setup");

    for (unsigned i = 0; i < ARRAY_LEN(protos); i++) {
        if (!sv_iis(m->proto, protos[i].name))
            continue;
        if (protos[i].tcp && setup && sdp_setup_parse(sv_trim(setup->value)) == SDP_SETUP_PASSIVE)
            return "a=setup:passive: over TCP nobody would connect";
        out->sec = protos[i].sec;
        out->feedback = protos[i].feedback;
    }
    if (out->sec == RTP_SDES && !read_crypto(m, out)) {
        if (to != RULE_TO_MW || !sdp_attr_of(s, m, "fingerprint"))
            return "no a=crypto of a known suite";
        out->sec = RTP_DTLS;
    }
    return NULL;
}

void rtp_read(const struct sdp *s, const struct sdp_media *m, enum rule_to to, const struct sdp_policy *p, struct rtp_line *out,
              const char **why)
{
    const struct sdp_conn *c = sdp_conn_of(s, m);
    struct addr addr;

    memset(out, 0, sizeof *out);
    out->m = m;
    out->kind = sv_is(m->media, kinds[RTP_VIDEO]) ? RTP_VIDEO : RTP_AUDIO;
    out->dir = sdp_dir_of(s, m);
    out->port = (uint16_t)m->port;
    *why = read_proto(s, m, to, out);
    if (*why)
        return;
    if (!c) {
        *why = "no c= line";
        return;
    }
    out->addrtype = c->addrtype;
    out->addr = c->addr;
    if (to == RULE_TO_W2 && addr_parse(&addr, c->addr, out->port)) {
        *why = "c= has no numeric address";
        return;
    }
    out->hold = to == RULE_TO_W2 && addr_is_any(&addr);
    if (out->hold)
        out->dir = rtp_dir_held(out->dir);
    read_rtcp(m, out);
    if (to == RULE_TO_MW)
        out->mid_ext = read_mid_ext(m);
    codec_read(m, out->kind, p, &out->codecs);
    if (!codec_is_media(&out->codecs))
        *why = "no codec that both sides could use";
}

/* --- directions --- */

static enum sdp_dir dir_of(bool sends, bool receives)
{
    return sends ? (receives ? SDP_SENDRECV : SDP_SENDONLY) : receives ? SDP_RECVONLY : SDP_INACTIVE;
}

enum sdp_dir rtp_dir_answer(enum sdp_dir offer, enum sdp_dir answer)
{
    return dir_of(rtp_sends(answer) && rtp_receives(offer), rtp_receives(answer) && rtp_sends(offer));
}

enum sdp_dir rtp_dir_held(enum sdp_dir dir)
{
    return dir_of(rtp_sends(dir), false);
}

const char *rtp_dir_name(enum sdp_dir dir)
{
    static const char *const names[] = {"sendrecv", "sendonly", "recvonly", "inactive"};

    return names[dir];
}

/* --- writing --- */

static int put_line(struct arena *a, struct sdp_media *m, char type, struct sv value)
{
    struct sdp_line *l = ARENA_NEW(a, struct sdp_line);

    if (!l)
        return -ENOMEM;
    l->type = type;
    l->value = value;
    DL_APPEND(m->lines, l);
    return 0;
}

/* b= lines: AS is always there (TS 24.229 6.1.1); RS and RR concern the core, TIAS the browser (sip-sdp 3.2). */
static int put_bandwidth(struct arena *a, const struct rtp_out *o, enum rule_to to, struct sdp_media *m)
{
    const struct sdp_line *l, *from = o->from ? o->from->m->lines : NULL;
    unsigned as = codec_bandwidth(o->codecs);
    bool has_as = false;
    int err = 0;

    DL_FOREACH(from, l) {
        bool is_as = l->type == 'b' && sv_starts(l->value, "AS:");

        if (err || l->type != 'b' || l->value.n > 32)
            continue;
        if (is_as || (to == RULE_TO_MW ? sv_starts(l->value, "RS:") || sv_starts(l->value, "RR:") : sv_starts(l->value, "TIAS:")))
            err = put_line(a, m, 'b', arena_sv(a, l->value));
        has_as = has_as || is_as;
    }
    if (!err && !has_as && as && to == RULE_TO_MW) {
        char *text = arena_printf(a, "AS:%u", as);

        err = text ? put_line(a, m, 'b', sv_from(text)) : -ENOMEM;
    }
    return err;
}

static struct sdp_media *put_media(struct arena *a, const struct rtp_out *o, struct sdp *s)
{
    struct sv fmts = codec_fmts(a, o->codecs);

    return fmts.p ? sdp_media_new(a, s, sv_from(kinds[o->kind]), o->bundle_only ? 0 : o->port, o->proto, fmts) : NULL;
}

static int put_common(struct arena *a, const struct rtp_out *o, enum rule_to to, struct sdp_media *m)
{
    bool timed = o->from && (sdp_attr_find(o->from->m->attrs, "ptime") || sdp_attr_find(o->from->m->attrs, "maxptime"));
    int err = codec_write(a, o->codecs, rtp_proto_feedback(o->proto), &m->attrs);

    if (!err && o->from)
        err = rules_copy(a, o->from->m->attrs, RULE_RTP, to, &m->attrs);
    if (!err && o->offer && to == RULE_TO_MW && o->kind == RTP_AUDIO && !timed) {
        err = sdp_attr_add(a, &m->attrs, "ptime", SV("20"));
        if (!err)
            err = sdp_attr_add(a, &m->attrs, "maxptime", SV("240")); /* TS 26.114 7.5.2 */
    }
    if (!err && o->crypto.n > 0)
        err = sdp_attr_add(a, &m->attrs, "crypto", o->crypto);
    return err ? err : sdp_attr_add(a, &m->attrs, rtp_dir_name(o->dir), SV_NONE);
}

int rtp_write_mw(struct arena *a, const struct rtp_out *o, struct sdp *s)
{
    struct sdp_media *m = put_media(a, o, s);
    int err;

    if (!m)
        return -ENOMEM;
    sdp_conn_put(a, s, m, o->addrtype, o->addr);
    err = put_bandwidth(a, o, RULE_TO_MW, m);
    if (!err && o->rtcp_port)
        err = sdp_attr_addf(a, &m->attrs, "rtcp", "%u", o->rtcp_port);
    return err ? err : put_common(a, o, RULE_TO_MW, m);
}

int rtp_write_w2(struct arena *a, const struct rtp_out *o, struct sdp *s)
{
    struct sdp_media *m = put_media(a, o, s);
    int err;

    if (!m)
        return -ENOMEM;
    m->conn = (struct sdp_conn){true, SV("IN"), arena_sv(a, o->addrtype), arena_sv(a, o->addr)};
    err = put_bandwidth(a, o, RULE_TO_W2, m);
    if (!err && o->mid.n > 0)
        err = sdp_attr_add(a, &m->attrs, "mid", o->mid);
    if (!err && o->bundle_only)
        err = sdp_attr_add(a, &m->attrs, "bundle-only", SV_NONE);
    if (!err)
        err = web_trans_write(a, &o->trans, &m->attrs);
    if (!err && rtp_proto_tcp(o->proto)) /* of the default candidate (RFC 6544 4.5): who calls connects */
        err = sdp_attr_add(a, &m->attrs, "setup", SV("passive"));
    if (!err && o->mux)
        err = sdp_attr_add(a, &m->attrs, "rtcp-mux", SV_NONE);
    if (!err && o->rsize)
        err = sdp_attr_add(a, &m->attrs, "rtcp-rsize", SV_NONE);
    if (!err && o->rtcp_port && !o->mux)
        err = sdp_attr_addf(a, &m->attrs, "rtcp", "%u", o->rtcp_port);
    if (!err && o->mid_ext)
        err = sdp_attr_addf(a, &m->attrs, "extmap", "%u " MID_EXT, o->mid_ext);
    if (!err && o->msid.n > 0 && rtp_sends(o->dir))
        err = sdp_attr_add(a, &m->attrs, "msid", o->msid);
    return err ? err : put_common(a, o, RULE_TO_W2, m);
}

/* --- SDES --- */

int rtp_crypto_new(struct arena *a, struct sv tag, struct sv suite, struct sv *out)
{
    unsigned n = suite_key(suite);
    uint8_t key[KEY_BYTES_MAX];
    char text[KEY_BYTES_MAX * 2];
    char *whole;

    if (n == 0)
        return -EINVAL;
    rnd_bytes(key, n);
    enc_base64(key, n, text);
    explicit_bzero(key, sizeof key);
    whole = arena_printf(a, "%.*s %.*s inline:%s", SV_ARG(tag), SV_ARG(suite), text);
    if (!whole)
        return -ENOMEM;
    *out = sv_from(whole);
    return 0;
}
