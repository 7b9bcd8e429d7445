/* Decoder: the ServiceChange descriptor (H.248.1 7.2.8, annex B.2). */
#include "h248/dec.h"

enum {
    S_METHOD = 1,
    S_REASON = 2,
    S_DELAY = 4,
    S_ADDRESS = 8,
    S_MGC = 16,
    S_PROFILE = 32,
    S_VERSION = 64,
    S_STAMP = 128,
    S_INC = 256
};
#define REPLY_ONLY_TAKES (S_ADDRESS | S_MGC | S_PROFILE | S_VERSION | S_STAMP)

struct services_state {
    struct h248_services *s;
    unsigned seen;
};

static int dec_method(struct dec *d, struct h248_services *s)
{
    int err = dec_word(d, &s->method, "a method");

    if (err)
        return err;
    switch (tok_find(s->method)) {
    case TOK_FAILOVER:
    case TOK_FORCED:
    case TOK_GRACEFUL:
    case TOK_RESTART:
    case TOK_DISCONNECTED:
    case TOK_HAND_OFF:
        s->method = tok_long(tok_find(s->method));
        return 0;
    default:
        if (lex_is_extension(s->method))
            return 0;
        return dec_no_such(d, s->method, 449, "ServiceChange method");
    }
}

/* A port, or a whole message identifier. */
static int dec_address(struct dec *d, struct h248_services *s)
{
    struct lex look = d->lx;
    struct sv w;

    lex_ws(&look);
    w = lex_word(&look);
    if (w.n && lex_is(*w.p, LEX_DIGIT)) {
        s->has_address_port = true;
        return dec_u16(d, "port", &s->address_port);
    }
    s->address = DEC_NODE(d, struct h248_mid);
    return s->address ? dec_mid(d, s->address) : d->node_err;
}

static int dec_profile(struct dec *d, struct h248_services *s)
{
    struct sv w;
    uint32_t v = 0;
    int err = dec_word(d, &w, "a profile");

    if (err)
        return err;
    s->profile = sv_cut(&w, '/');
    if (!lex_is_name(s->profile) || !w.p)
        return dec_bad(d, s->profile.p, 0, "a profile is a name, / and a version");
    err = w.n ? dec_number(d, w, "profile version", 2, 99, &v)
              : dec_unexpected(d, "a profile version");
    s->profile_version = v;
    return err;
}

static int dec_version(struct dec *d, struct h248_services *s)
{
    struct sv w;
    uint32_t v = 0;
    int err = dec_word(d, &w, "a version");

    if (!err)
        err = dec_number(d, w, "Version", 2, 99, &v);
    s->has_version = true;
    s->version = v;
    return err;
}

/* The parameters that are `name = value`; the word is taken. */
static int dec_valued(struct dec *d, enum tok t, struct h248_services *s)
{
    bool quoted;
    int err = dec_expect(d, '=');

    if (err)
        return err;
    switch (t) {
    case TOK_METHOD: return dec_method(d, s);
    case TOK_REASON: return dec_text_value(d, &s->reason, &quoted);
    case TOK_DELAY: s->has_delay = true; return dec_u32(d, "Delay", &s->delay);
    case TOK_SERVICE_CHANGE_ADDRESS: return dec_address(d, s);
    case TOK_PROFILE: return dec_profile(d, s);
    case TOK_VERSION: return dec_version(d, s);
    default: break;
    }
    s->mgc_to_try = DEC_NODE(d, struct h248_mid);
    return s->mgc_to_try ? dec_mid(d, s->mgc_to_try) : d->node_err;
}

static unsigned parm_bit(enum tok t)
{
    switch (t) {
    case TOK_METHOD: return S_METHOD;
    case TOK_REASON: return S_REASON;
    case TOK_DELAY: return S_DELAY;
    case TOK_SERVICE_CHANGE_ADDRESS: return S_ADDRESS;
    case TOK_MGC_ID: return S_MGC;
    case TOK_PROFILE: return S_PROFILE;
    case TOK_VERSION: return S_VERSION;
    case TOK_SERVICE_CHANGE_INC: return S_INC;
    default: return 0;
    }
}

static int services_item(struct dec *d, void *arg)
{
    struct services_state *st = arg;
    const char *at;
    unsigned bit;
    struct sv w;
    enum tok t;
    int err;

    lex_ws(&d->lx);
    at = d->lx.p;
    err = dec_word(d, &w, "a ServiceChange parameter");
    if (err)
        return err;
    t = tok_find(w);
    bit = lex_is_stamp(w) ? S_STAMP : parm_bit(t);
    err = dec_once(d, at, &st->seen, bit);
    if (err)
        return err;
    if (bit && d->is_reply && !(bit & REPLY_ONLY_TAKES))
        return dec_bad(d, at, 446, "%.*s is not allowed in a ServiceChange reply", (int)w.n, w.p);
    if ((st->seen & (S_ADDRESS | S_MGC)) == (S_ADDRESS | S_MGC))
        return dec_bad(d, at, 0, "ServiceChangeAddress and MgcIdToTry exclude each other");
    if (bit == S_STAMP)
        st->s->timestamp = w;
    else if (bit == S_INC)
        st->s->incomplete = true;
    if (bit == S_STAMP || bit == S_INC)
        return 0;
    if (bit)
        return dec_valued(d, t, st->s);
    if (!d->is_reply && lex_is_extension(w))
        return dec_parm(d, &st->s->extensions, w, false);
    if (d->is_reply || !t)
        return dec_bad(d, at, 446, "%.*s is no ServiceChange parameter", DEC_SHOW(w));
    d->lx.p = at; /* v2: ServiceChangeInfo */
    return dec_audit_item(d, &st->s->info);
}

int dec_services(struct dec *d, struct h248_services *s)
{
    struct services_state st = {s, 0};
    const char *at = d->lx.p;
    int err = dec_braced(d, services_item, &st);

    if (!err && !d->is_reply && (st.seen & (S_METHOD | S_REASON)) != (S_METHOD | S_REASON))
        return dec_bad(d, at, 0, "a ServiceChange must have Method and Reason");
    return err;
}
