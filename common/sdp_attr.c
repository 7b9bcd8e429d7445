/* Typed attributes: RFC 8866 (directions), 4145 (setup), 8839 (candidate), 8122 (fingerprint),
 * 8841 (sctp-port, max-message-size). */
#include "common/sdp_attr.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <utlist.h>

#include "common/enc.h"

#define ATTR_TEXT_MAX 4096 /* longest value sdp_attr_addf writes */

struct sdp *sdp_new(struct arena *a)
{
    struct sdp *s = ARENA_NEW(a, struct sdp);

    if (s)
        s->has_version = true;
    return s;
}

struct sdp_media *sdp_media_new(struct arena *a, struct sdp *s, struct sv media, int port,
                                struct sv proto, struct sv fmts)
{
    struct sdp_media *m;

    if (s->n_media == SDP_MEDIA_MAX)
        return NULL;
    m = ARENA_NEW(a, struct sdp_media);
    if (!m)
        return NULL;
    m->media = arena_sv(a, media);
    m->proto = arena_sv(a, proto);
    m->fmts = arena_sv(a, fmts);
    if (!m->media.p || !m->proto.p || !m->fmts.p)
        return NULL;
    m->port = port;
    m->n_ports = 1;
    DL_APPEND(s->media, m);
    s->n_media++;
    return m;
}

void sdp_conn_put(struct arena *a, struct sdp *s, struct sdp_media *m, struct sv addrtype, struct sv addr)
{
    const struct sdp_conn conn = {true, SV("IN"), arena_sv(a, addrtype), arena_sv(a, addr)};

    if (!s->conn.present)
        s->conn = conn;
    else if (!sv_eq(s->conn.addr, addr))
        m->conn = conn;
}

static bool is_drawn(struct sv name)
{
    static const char *const names[] = {"setup", "path", "sctp-port", "max-message-size",
                                        "connection"};

    for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
        if (sv_is(name, names[i]))
            return true;
    }
    return false;
}

int sdp_attr_split(struct sv text, struct sdp_attr *at)
{
    struct sv name;

    memset(at, 0, sizeof *at);
    text = sv_trim(text);
    name = (struct sv){text.p, 0};
    while (name.n < text.n && !memchr(":=; ", text.p[name.n], 4))
        name.n++;
    if (name.n < text.n && (text.p[name.n] == ':' || is_drawn(name))) {
        at->value = (struct sv){text.p + name.n + 1, text.n - name.n - 1};
    } else { /* a name of its own making keeps whatever it holds before the colon */
        at->value = text;
        name = sv_cut(&at->value, ':');
        at->flag = !at->value.p;
    }
    at->name = sv_trim(name);
    return at->name.n > 0 ? 0 : -EINVAL;
}

static bool is_one_line(struct sv v)
{
    return v.n == 0 || (!memchr(v.p, '\r', v.n) && !memchr(v.p, '\n', v.n));
}

int sdp_attr_add(struct arena *a, struct sdp_attr **list, const char *name, struct sv value)
{
    struct sdp_attr *at;

    if (!is_one_line(value))
        return -EINVAL;
    at = ARENA_NEW(a, struct sdp_attr);
    if (!at)
        return -ENOMEM;
    at->name = arena_sv(a, sv_from(name));
    at->flag = !value.p;
    at->value = at->flag ? SV_NONE : arena_sv(a, value);
    if (!at->name.p || (!at->flag && !at->value.p))
        return -ENOMEM;
    DL_APPEND(*list, at);
    return 0;
}

int sdp_attr_addf(struct arena *a, struct sdp_attr **list, const char *name, const char *fmt, ...)
{
    char text[ATTR_TEXT_MAX];
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (n < 0 || (size_t)n >= sizeof text)
        return -EMSGSIZE;
    return sdp_attr_add(a, list, name, (struct sv){text, (size_t)n});
}

void sdp_attr_del(struct sdp_attr **list, const char *name)
{
    struct sdp_attr *at, *next;

    DL_FOREACH_SAFE(*list, at, next) {
        if (sv_is(at->name, name))
            DL_DELETE(*list, at);
    }
}

const struct sdp_attr *sdp_attr_find_sv(const struct sdp_attr *list, struct sv name)
{
    const struct sdp_attr *at;

    DL_FOREACH(list, at) {
        if (sv_eq(at->name, name))
            return at;
    }
    return NULL;
}

const struct sdp_attr *sdp_attr_find(const struct sdp_attr *list, const char *name)
{
    return sdp_attr_find_sv(list, sv_from(name));
}

const struct sdp_attr *sdp_attr_next(const struct sdp_attr *at, const char *name)
{
    return sdp_attr_find(at->next, name);
}

const struct sdp_attr *sdp_attr_of(const struct sdp *s, const struct sdp_media *m, const char *name)
{
    const struct sdp_attr *at = m ? sdp_attr_find(m->attrs, name) : NULL;

    return at || !s ? at : sdp_attr_find(s->attrs, name);
}

const struct sdp_conn *sdp_conn_of(const struct sdp *s, const struct sdp_media *m)
{
    if (m && m->conn.present)
        return &m->conn;
    return s && s->conn.present ? &s->conn : NULL;
}

static const char *const setup_names[] = {
    [SDP_SETUP_ACTIVE] = "active",
    [SDP_SETUP_PASSIVE] = "passive",
    [SDP_SETUP_ACTPASS] = "actpass",
    [SDP_SETUP_HOLDCONN] = "holdconn",
};

enum sdp_setup sdp_setup_parse(struct sv value)
{
    value = sv_trim(value);
    if (value.n == 0)
        return SDP_SETUP_NONE;
    for (int i = SDP_SETUP_ACTIVE; i <= SDP_SETUP_HOLDCONN; i++) {
        if (sv_iis(value, setup_names[i]))
            return (enum sdp_setup)i;
    }
    return SDP_SETUP_BAD;
}

const char *sdp_setup_name(enum sdp_setup s)
{
    return s >= SDP_SETUP_ACTIVE && s <= SDP_SETUP_HOLDCONN ? setup_names[s] : "";
}

enum sdp_dir sdp_dir_of(const struct sdp *s, const struct sdp_media *m)
{
    static const char *const names[] = {
        [SDP_SENDRECV] = "sendrecv",
        [SDP_SENDONLY] = "sendonly",
        [SDP_RECVONLY] = "recvonly",
        [SDP_INACTIVE] = "inactive",
    };
    const struct sdp_attr *const lists[] = {m ? m->attrs : NULL, s ? s->attrs : NULL};

    for (unsigned level = 0; level < ARRAY_LEN(lists); level++) {
        for (int i = 0; i < (int)ARRAY_LEN(names); i++) {
            if (sdp_attr_find(lists[level], names[i]))
                return (enum sdp_dir)i;
        }
    }
    return SDP_SENDRECV;
}

/* The pairs behind the type: raddr, rport, tcptype; an extension is nobody's (RFC 8839 5.1). */
static int candidate_pairs(struct sv rest, struct sdp_candidate *c)
{
    while (sv_trim(rest).n > 0) {
        struct sv name = sv_word(&rest), value = sv_word(&rest);
        uint32_t port;

        if (value.n == 0)
            return -EBADMSG;
        if (sv_iis(name, "raddr")) {
            c->rel_addr = value;
        } else if (sv_iis(name, "rport")) {
            if (sv_u32(value, UINT16_MAX, &port))
                return -EBADMSG;
            c->rel_port = (uint16_t)port;
        } else if (sv_iis(name, "tcptype")) {
            c->tcptype = value;
        }
    }
    return 0;
}

int sdp_candidate_parse(struct sv value, struct sdp_candidate *out)
{
    struct sdp_candidate c = {0};
    uint32_t component, port;

    c.foundation = sv_word(&value);
    if (c.foundation.n == 0 || c.foundation.n > 32)
        return -EBADMSG;
    if (sv_u32(sv_word(&value), 256, &component) || component == 0)
        return -EBADMSG;
    c.transport = sv_word(&value);
    if (sv_u32(sv_word(&value), UINT32_MAX, &c.priority))
        return -EBADMSG;
    c.addr = sv_word(&value);
    if (c.addr.n == 0 || sv_u32(sv_word(&value), UINT16_MAX, &port))
        return -EBADMSG;
    if (!sv_iis(sv_word(&value), "typ"))
        return -EBADMSG;
    c.type = sv_word(&value);
    if (c.type.n == 0 || candidate_pairs(value, &c))
        return -EBADMSG;
    c.component = component;
    c.port = (uint16_t)port;
    *out = c;
    return 0;
}

int sdp_fingerprint_parse(struct sv value, struct sdp_fingerprint *out)
{
    static const struct {
        const char *name;
        int n;
    } hashes[] = {
        {"sha-1", 20}, {"sha-224", 28}, {"sha-256", 32}, {"sha-384", 48}, {"sha-512", 64}};
    struct sdp_fingerprint f = {0};
    struct sv hex;
    int n;

    f.hash = sv_word(&value);
    hex = sv_word(&value);
    if (sv_trim(value).n > 0)
        return -EBADMSG;
    n = enc_unhex(hex, f.bytes, sizeof f.bytes);
    for (unsigned i = 0; i < ARRAY_LEN(hashes); i++) {
        if (sv_iis(f.hash, hashes[i].name) && n == hashes[i].n) {
            f.n = (unsigned)n;
            *out = f;
            return 0;
        }
    }
    return -EBADMSG;
}

int sdp_sctp_port(const struct sdp *s, const struct sdp_media *m, uint16_t *port)
{
    const struct sdp_attr *at = sdp_attr_of(m ? NULL : s, m, "sctp-port");
    uint32_t number;
    struct sv text;

    if (!at)
        return -ENOENT;
    text = sv_trim(at->value);
    if (sv_u32(text, UINT16_MAX, &number) || (text.n > 1 && text.p[0] == '0'))
        return -EBADMSG;
    *port = (uint16_t)number;
    return 0;
}

int sdp_max_message_size(const struct sdp *s, const struct sdp_media *m, uint64_t *size)
{
    const struct sdp_attr *at = sdp_attr_of(m ? NULL : s, m, "max-message-size");

    if (!at) {
        *size = 65536; /* RFC 8841 6.1 */
        return -ENOENT;
    }
    return sv_u64(sv_trim(at->value), UINT64_MAX, size) ? -EBADMSG : 0;
}
