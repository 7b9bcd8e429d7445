/* Local descriptor: one row per attribute that may be asked with `$` (iq-profile 3.3). */
#include "agw/ctl/local.h"

#include <errno.h>
#include <stdlib.h>
#include <utlist.h>

#include "agw/ctl/sdes.h"

/* RFC 8445 5.1.2: 126 * 2^24 + 65535 * 2^8 + 255: host candidate, component 1 */
#define HOST_PRIORITY 2130706431u

struct fill {
    struct arena *a;
    uint16_t stream;
    struct local *l;
    struct iq_fault *fault;
};

static int bad(struct fill *f, const struct sdp_attr *at)
{
    if (sv_is(at->name, "crypto") ||
        sv_is(at->name, "ice-pwd")) /* secrets stand in no log and no reply */
        return iq_refuse(f->fault, 449, "Local of stream %u: a=%.*s", f->stream, SV_ARG(at->name));
    return iq_refuse(f->fault, 449, "Local of stream %u: a=%.*s:%.*s", f->stream, SV_ARG(at->name),
                     SV_ARG(at->value));
}

static bool is_dollar(struct sv value)
{
    return sv_is(sv_trim(value), "$");
}

/* Each row: `text` makes the value for `$`; `given` takes over or refuses a value that was not
 * open. */
static char *ufrag_text(struct fill *f, const struct sdp_attr *at)
{
    (void)at;
    if (!f->l->fresh && !f->l->settled) {
        memcpy(f->l->ufrag, f->l->next_ufrag, sizeof f->l->ufrag);
        memcpy(f->l->pwd, f->l->next_pwd, sizeof f->l->pwd);
        f->l->fresh = true;
    }
    f->l->ice = true;
    return arena_printf(f->a, "%s", f->l->ufrag);
}

static char *pwd_text(struct fill *f, const struct sdp_attr *at)
{
    return ufrag_text(f, at) ? arena_printf(f->a, "%s", f->l->pwd) : NULL;
}

static int given_credential(struct fill *f, const struct sdp_attr *at, char *out, size_t size,
                            size_t least)
{
    if (at->value.n < least || at->value.n >= size || f->l->fresh)
        return bad(f, at);
    if (f->l->settled && !sv_is(at->value, out))
        return bad(f, at);
    sv_copy(at->value, out, size);
    f->l->ice = true;
    return 0;
}

static int ufrag_given(struct fill *f, const struct sdp_attr *at)
{
    return given_credential(f, at, f->l->ufrag, sizeof f->l->ufrag, 4);
}

static int pwd_given(struct fill *f, const struct sdp_attr *at)
{
    return given_credential(f, at, f->l->pwd, sizeof f->l->pwd, 22);
}

static char *candidate_text(struct fill *f, const struct sdp_attr *at)
{
    char host[ADDR_STRLEN];

    (void)at;
    return arena_printf(f->a, "1 1 UDP %u %s %u typ host", HOST_PRIORITY, addr_host(f->l->addr, host),
                        addr_port(f->l->addr));
}

static int candidate_given(struct fill *f, const struct sdp_attr *at)
{
    struct sdp_candidate c;
    struct addr a;

    if (sdp_candidate_parse(at->value, &c) || addr_parse(&a, c.addr, c.port))
        return bad(f, at);
    for (unsigned i = 0; sv_iis(c.transport, "TCP") && i < f->l->n_tcp; i++) {
        f->l->takes_tcp = f->l->takes_tcp || addr_eq(&a, &f->l->tcp[i].at);
        if (addr_eq(&a, &f->l->tcp[i].at))
            return 0;
    }
    return sv_iis(c.transport, "UDP") && addr_eq(&a, f->l->addr) ? 0 : bad(f, at);
}

/* "$ 1 TCP $ $ $ typ host tcptype passive": the carrier of ICE-TCP is not known by the standard's text; each field of
 * RFC 6544 4.5 that the gateway chooses is open. */
static bool is_open_tcp(const struct sdp_attr *at)
{
    static const char *const words[] = {"$", "1", "TCP", "$", "$", "$", "typ", "host", "tcptype", "passive"};
    struct sv rest = at->value;

    if (!sv_is(at->name, "candidate"))
        return false;
    for (unsigned i = 0; i < ARRAY_LEN(words); i++)
        if (!sv_iis(sv_word(&rest), words[i]))
            return false;
    return sv_trim(rest).n == 0;
}

/* One line for each port that the realm listens on, in place of the open one; none, when it has none: nothing is refused, UDP is
 * there. */
static int fill_tcp(struct fill *f, struct sdp_attr **list, struct sdp_attr *open, struct sdp_attr **answer)
{
    char host[ADDR_STRLEN];
    int err = 0;

    for (unsigned i = 0; i < f->l->n_tcp && !err; i++) {
        const struct local_tcp *t = &f->l->tcp[i];
        const char *text;

        if (addr_is_v6(&t->at) != addr_is_v6(f->l->addr))
            continue;
        text = arena_printf(f->a, "2 1 TCP %u %s %u typ host tcptype passive", t->priority, addr_host(&t->at, host),
                            addr_port(&t->at));
        err = !text ? -ENOMEM : sdp_attr_add(f->a, list, "candidate", sv_from(text));
        if (!err)
            err = sdp_attr_add(f->a, answer, "candidate", sv_from(text));
        f->l->takes_tcp = true;
    }
    DL_DELETE(*list, open);
    return err;
}

static char *fingerprint_text(struct fill *f, const struct sdp_attr *at)
{
    (void)at;
    return arena_printf(f->a, "sha-256 %s", f->l->fingerprint);
}

static int fingerprint_given(struct fill *f, const struct sdp_attr *at)
{
    struct sv rest = at->value, hash = sv_word(&rest);

    return sv_iis(hash, "sha-256") && sv_iis(sv_trim(rest), f->l->fingerprint) ? 0 : bad(f, at);
}

static char *sctp_port_text(struct fill *f, const struct sdp_attr *at)
{
    (void)at;
    return arena_printf(f->a, "%u", f->l->sctp_port);
}

static int sctp_port_given(struct fill *f, const struct sdp_attr *at)
{
    uint32_t v;

    if (sv_u32(at->value, UINT16_MAX, &v) || v == 0)
        return bad(f, at);
    f->l->sctp_port = (uint16_t)v;
    return 0;
}

static char *size_text(struct fill *f, const struct sdp_attr *at)
{
    (void)at;
    return arena_printf(f->a, "%u", f->l->max_message);
}

static int size_given(struct fill *f, const struct sdp_attr *at)
{
    uint32_t v;

    /* 0 would promise messages of any size (RFC 8841 6) */
    if (sv_u32(at->value, f->l->max_message_limit, &v) || v == 0)
        return bad(f, at);
    f->l->max_message = v;
    return 0;
}

static char *setup_text(struct fill *f, const struct sdp_attr *at)
{
    (void)at;
    return arena_printf(f->a, "passive");
}

static int any_given(struct fill *f, const struct sdp_attr *at)
{
    return sdp_setup_parse(at->value) == SDP_SETUP_BAD ? bad(f, at) : 0;
}

/* a=rtcp (RFC 3605): the port alone, the address is that of c=. */
static char *rtcp_text(struct fill *f, const struct sdp_attr *at)
{
    (void)at;
    return f->l->rtcp ? arena_printf(f->a, "%u", addr_port(f->l->rtcp)) : NULL;
}

static int rtcp_given(struct fill *f, const struct sdp_attr *at)
{
    struct sv rest = at->value;
    uint32_t port;

    if (!f->l->rtcp || sv_u32(sv_word(&rest), UINT16_MAX, &port) || port != addr_port(f->l->rtcp))
        return bad(f, at);
    return 0;
}

static char *crypto_text(struct fill *f, const struct sdp_attr *at)
{
    char text[SDES_LEN];
    struct sdes s;

    if (sdes_new(at->value, f->l->remote, &s))
        return NULL;
    sdes_print(&s, text);
    return arena_printf(f->a, "%s", text);
}

/* Whether one of them can be used is seen when Remote is there, too (sdes_keys). */
static int crypto_given(struct fill *f, const struct sdp_attr *at)
{
    struct sdes s;
    int err = sdes_parse(at->value, &s);

    explicit_bzero(&s, sizeof s);
    return err == -EBADMSG ? bad(f, at) : 0;
}

/* "sha-256 $": the hash is named, the value is open. */
static bool is_open_fingerprint(struct sv value)
{
    struct sv rest = value, hash = sv_word(&rest);

    return is_dollar(value) || (sv_iis(hash, "sha-256") && is_dollar(rest));
}

static const struct row {
    const char *name;
    bool (*is_open)(struct sv value);
    char *(*text)(struct fill *f,
                  const struct sdp_attr *at); /* NULL: no memory, or not to be had */
    int (*given)(struct fill *f, const struct sdp_attr *at);
} rows[] = {
    {"ice-ufrag", is_dollar, ufrag_text, ufrag_given},
    {"ice-pwd", is_dollar, pwd_text, pwd_given},
    {"candidate", is_dollar, candidate_text, candidate_given},
    {"fingerprint", is_open_fingerprint, fingerprint_text, fingerprint_given},
    {"sctp-port", is_dollar, sctp_port_text, sctp_port_given},
    {"max-message-size", is_dollar, size_text, size_given},
    {"setup", is_dollar, setup_text, any_given},
    {"rtcp", is_dollar, rtcp_text, rtcp_given},
    {"crypto", sdes_is_open, crypto_text, crypto_given},
};

static const struct row *row_of(struct sv name)
{
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        if (sv_is(name, rows[i].name))
            return &rows[i];
    }
    return NULL;
}

static int fill_attr(struct fill *f, struct sdp_attr *at, struct sdp_attr **answer, bool *open)
{
    const struct row *r = row_of(at->name);
    char *text;

    if (!r)
        return is_dollar(at->value) ? bad(f, at) : 0;
    if (!r->is_open(at->value))
        return memchr(at->value.p ? at->value.p : "", '$', at->value.n) ? bad(f, at)
                                                                        : r->given(f, at);
    if (sv_is(at->name, "rtcp") && !f->l->rtcp)
        return bad(f, at);
    text = r->text(f, at);
    if (!text)
        return sv_is(at->name, "crypto") ? bad(f, at) : -ENOMEM;
    at->value = sv_from(text);
    *open = true;
    return sdp_attr_add(f->a, answer, r->name, at->value);
}

static int fill_attrs(struct fill *f, struct sdp_attr **list, struct sdp_attr **answer, bool *open)
{
    struct sdp_attr *at, *next;
    int err = 0;

    for (at = *list; at && !err; at = next) {
        next = at->next;
        if (!is_open_tcp(at)) {
            err = fill_attr(f, at, answer, open);
            continue;
        }
        *open = true;
        err = fill_tcp(f, list, at, answer);
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
static int fill_addr(struct fill *f, struct sdp *sdp, bool *open)
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
    struct fill f = {.a = a, .stream = stream, .l = l, .fault = fault};
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
    err = fill_attrs(&f, &sdp->attrs, &m->attrs, &open);
    if (!err)
        err = fill_attrs(&f, &sdp->media->attrs, &m->attrs, &open);
    if (!err && l->ice && (!l->ufrag[0] || !l->pwd[0]))
        err = iq_refuse(fault, 472, "Local of stream %u: ice-ufrag without ice-pwd or the reverse",
                        stream);
    if (!err)
        *answer = open ? out : NULL;
    return err;
}

bool local_has_mux(const struct sdp *sdp)
{
    return sdp && sdp->media && sdp_attr_of(sdp, sdp->media, "rtcp-mux");
}

enum sdp_setup local_setup(const struct sdp *sdp)
{
    const struct sdp_attr *at = sdp && sdp->media ? sdp_attr_of(sdp, sdp->media, "setup") : NULL;

    return at ? sdp_setup_parse(at->value) : SDP_SETUP_NONE;
}
