/* Local descriptor: one row per attribute that may be asked with `$` (iq-profile 3.3). */
#include "agw/ctl/local.h"

#include <errno.h>
#include <stdlib.h>
#include <utlist.h>

#include "common/rnd.h"

#define UFRAG_CHARS 8  /* 47 bits of 62^8; RFC 8839 5.4 asks for 24 */
#define PWD_CHARS   24 /* 142 bits; it asks for 128 */
/* RFC 8445 5.1.2: 126 * 2^24 + 65535 * 2^8 + 255: host candidate, component 1 */
#define HOST_PRIORITY 2130706431u

struct fill {
    struct arena *a;
    uint16_t stream;
    struct local *l;
    struct iq_fault *fault;
};

static int bad(const struct fill *f, const struct sdp_attr *at)
{
    return iq_refuse(f->fault, 449, "Local of stream %u: a=%.*s:%.*s", f->stream, SV_ARG(at->name),
                     SV_ARG(at->value));
}

static bool is_open(const struct sdp_attr *at)
{
    return sv_is(sv_trim(at->value), "$");
}

/* Each row: `text` makes the value for `$`; `given` takes over or refuses a value that was not
 * open. */
static char *ufrag_text(const struct fill *f)
{
    if (!f->l->fresh) {
        rnd_text(f->l->ufrag, UFRAG_CHARS);
        rnd_text(f->l->pwd, PWD_CHARS);
        f->l->fresh = true;
    }
    f->l->ice = true;
    return arena_printf(f->a, "%s", f->l->ufrag);
}

static char *pwd_text(const struct fill *f)
{
    return ufrag_text(f) ? arena_printf(f->a, "%s", f->l->pwd) : NULL;
}

static int given_credential(const struct fill *f, const struct sdp_attr *at, char *out, size_t size,
                            size_t least)
{
    if (at->value.n < least || at->value.n >= size || f->l->fresh)
        return bad(f, at);
    sv_copy(at->value, out, size);
    f->l->ice = true;
    return 0;
}

static int ufrag_given(const struct fill *f, const struct sdp_attr *at)
{
    return given_credential(f, at, f->l->ufrag, sizeof f->l->ufrag, 4);
}

static int pwd_given(const struct fill *f, const struct sdp_attr *at)
{
    return given_credential(f, at, f->l->pwd, sizeof f->l->pwd, 22);
}

static char *candidate_text(const struct fill *f)
{
    char host[ADDR_STRLEN];

    return arena_printf(f->a, "1 1 UDP %u %s %u typ host", HOST_PRIORITY,
                        addr_host(f->l->addr, host), addr_port(f->l->addr));
}

static int candidate_given(const struct fill *f, const struct sdp_attr *at)
{
    struct sdp_candidate c;
    struct addr a;

    if (sdp_candidate_parse(at->value, &c) || addr_parse(&a, c.addr, c.port) ||
        !addr_eq(&a, f->l->addr))
        return bad(f, at);
    return 0;
}

static char *fingerprint_text(const struct fill *f)
{
    return arena_printf(f->a, "sha-256 %s", f->l->fingerprint);
}

static int fingerprint_given(const struct fill *f, const struct sdp_attr *at)
{
    struct sv rest = at->value, hash = sv_word(&rest);

    return sv_iis(hash, "sha-256") && sv_iis(sv_trim(rest), f->l->fingerprint) ? 0 : bad(f, at);
}

static char *sctp_port_text(const struct fill *f)
{
    return arena_printf(f->a, "%u", f->l->sctp_port);
}

static int sctp_port_given(const struct fill *f, const struct sdp_attr *at)
{
    uint32_t v;

    if (sv_u32(at->value, UINT16_MAX, &v) || v == 0)
        return bad(f, at);
    f->l->sctp_port = (uint16_t)v;
    return 0;
}

static char *size_text(const struct fill *f)
{
    return arena_printf(f->a, "%u", f->l->max_message);
}

static int size_given(const struct fill *f, const struct sdp_attr *at)
{
    uint32_t v;

    /* 0 would promise messages of any size (RFC 8841 6) */
    if (sv_u32(at->value, f->l->max_message_limit, &v) || v == 0)
        return bad(f, at);
    f->l->max_message = v;
    return 0;
}

static char *setup_text(const struct fill *f)
{
    return arena_printf(f->a, "passive");
}

static int any_given(const struct fill *f, const struct sdp_attr *at)
{
    return sdp_setup_parse(at->value) == SDP_SETUP_BAD ? bad(f, at) : 0;
}

static const struct row {
    const char *name;
    char *(*text)(const struct fill *f);
    int (*given)(const struct fill *f, const struct sdp_attr *at);
} rows[] = {
    {"ice-ufrag", ufrag_text, ufrag_given},
    {"ice-pwd", pwd_text, pwd_given},
    {"candidate", candidate_text, candidate_given},
    {"fingerprint", fingerprint_text, fingerprint_given},
    {"sctp-port", sctp_port_text, sctp_port_given},
    {"max-message-size", size_text, size_given},
    {"setup", setup_text, any_given},
};

/* "sha-256 $": the hash is named, the value is open. */
static bool is_open_fingerprint(const struct sdp_attr *at)
{
    struct sv rest = at->value, hash = sv_word(&rest);

    return sv_is(at->name, "fingerprint") && sv_iis(hash, "sha-256") && sv_is(sv_trim(rest), "$");
}

static int fill_attr(const struct fill *f, struct sdp_attr *at, struct sdp_attr **answer,
                     bool *open)
{
    const struct row *r = NULL;
    char *text;

    for (unsigned i = 0; i < ARRAY_LEN(rows) && !r; i++) {
        if (sv_is(at->name, rows[i].name))
            r = &rows[i];
    }
    if (!is_open(at) && !is_open_fingerprint(at)) {
        if (memchr(at->value.p ? at->value.p : "", '$', at->value.n) && r)
            return bad(f, at);
        return r ? r->given(f, at) : 0;
    }
    if (!r)
        return bad(f, at);
    text = r->text(f);
    if (!text)
        return -ENOMEM;
    at->value = sv_from(text);
    *open = true;
    return sdp_attr_add(f->a, answer, r->name, at->value);
}

static int fill_attrs(const struct fill *f, struct sdp_attr *list, struct sdp_attr **answer,
                      bool *open)
{
    struct sdp_attr *at;
    int err = 0;

    DL_FOREACH(list, at)
    {
        err = fill_attr(f, at, answer, open);
        if (err)
            break;
    }
    return err;
}

static struct sdp_conn *conn_of(struct sdp *sdp)
{
    return sdp->media->conn.present ? &sdp->media->conn : &sdp->conn;
}

int local_family(const struct sdp *sdp, uint16_t stream, bool *v6, struct iq_fault *fault)
{
    const struct sdp_conn *c = sdp_conn_of(sdp, sdp->media);

    if (!c || (!sv_iis(c->addrtype, "IP4") && !sv_iis(c->addrtype, "IP6")))
        return iq_refuse(fault, 449, "Local of stream %u: c=", stream);
    *v6 = sv_iis(c->addrtype, "IP6");
    return 0;
}

/* c= and m=: chosen by us, or exactly what we have. */
static int fill_addr(const struct fill *f, struct sdp *sdp, bool *open)
{
    struct sdp_conn *c = conn_of(sdp);
    char host[ADDR_STRLEN];
    struct addr a;

    if (sv_is(c->addr, "$")) {
        c->addr = arena_sv(f->a, sv_from(addr_host(f->l->addr, host)));
        if (!c->addr.p)
            return -ENOMEM;
        *open = true;
    } else if (addr_parse(&a, c->addr, 0) || !addr_eq_host(&a, f->l->addr)) {
        return iq_refuse(f->fault, 449, "Local of stream %u: address %.*s", f->stream,
                         SV_ARG(c->addr));
    }
    if (sdp->media->port == SDP_PORT_CHOOSE) {
        sdp->media->port = addr_port(f->l->addr);
        *open = true;
    } else if (sdp->media->port != addr_port(f->l->addr)) {
        return iq_refuse(f->fault, 449, "Local of stream %u: port %d", f->stream, sdp->media->port);
    }
    return 0;
}

int local_fill(struct arena *a, struct sdp *sdp, uint16_t stream, struct local *l,
               struct sdp **answer, struct iq_fault *fault)
{
    const struct fill f = {a, stream, l, fault};
    struct sdp *out = sdp_new(a);
    struct sdp_media *m;
    bool open = false;
    int err;

    if (!out)
        return -ENOMEM;
    l->fresh = false;
    err = fill_addr(&f, sdp, &open);
    if (err)
        return err;
    out->has_version = true;
    out->conn = *conn_of(sdp);
    m = sdp_media_new(a, out, sdp->media->media, sdp->media->port, sdp->media->proto,
                      sdp->media->fmts);
    if (!m)
        return -ENOMEM;
    err = fill_attrs(&f, sdp->attrs, &m->attrs, &open);
    if (!err)
        err = fill_attrs(&f, sdp->media->attrs, &m->attrs, &open);
    if (!err && l->ice && (!l->ufrag[0] || !l->pwd[0]))
        err = iq_refuse(fault, 472, "Local of stream %u: ice-ufrag without ice-pwd or the reverse",
                        stream);
    if (!err)
        *answer = open ? out : NULL;
    return err;
}

enum sdp_setup local_setup(const struct sdp *sdp)
{
    const struct sdp_attr *at = sdp && sdp->media ? sdp_attr_of(sdp, sdp->media, "setup") : NULL;

    return at ? sdp_setup_parse(at->value) : SDP_SETUP_NONE;
}
