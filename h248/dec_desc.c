/* Decoder: descriptors but for events and signals (H.248.1 7.1, annex B.2). */
#include "h248/dec.h"

static const struct {
    enum tok tok;
    bool bare; /* in a reply the name alone is the empty descriptor */
} kinds[] = {
    [H248_D_MEDIA] = {TOK_MEDIA, true},
    [H248_D_MODEM] = {TOK_MODEM, true},
    [H248_D_MUX] = {TOK_MUX, true},
    [H248_D_EVENTS] = {TOK_EVENTS, false},
    [H248_D_EVENT_BUFFER] = {TOK_EVENT_BUFFER, false},
    [H248_D_SIGNALS] = {TOK_SIGNALS, false},
    [H248_D_DIGITMAP] = {TOK_DIGIT_MAP, true},
    [H248_D_AUDIT] = {TOK_AUDIT, false},
    [H248_D_OBSERVED] = {TOK_OBSERVED_EVENTS, true},
    [H248_D_STATISTICS] = {TOK_STATISTICS, true},
    [H248_D_PACKAGES] = {TOK_PACKAGES, true},
    [H248_D_SERVICES] = {TOK_SERVICES, false},
    [H248_D_ERROR] = {TOK_ERROR, false},
};

static bool kind_find(enum tok t, enum h248_desc_kind *kind)
{
    unsigned i;

    for (i = 0; i < ARRAY_LEN(kinds); i++) {
        if (t && kinds[i].tok == t) {
            *kind = i;
            return true;
        }
    }
    return false;
}

int dec_error(struct dec *d, struct h248_error *e)
{
    struct sv w;
    uint32_t code = 0;
    int err = dec_expect(d, '=');

    if (!err)
        err = dec_word(d, &w, "an error code");
    if (!err)
        err = dec_number(d, w, "error code", 4, 9999, &code);
    if (!err)
        err = dec_expect(d, '{');
    e->code = code;
    if (!err && dec_next_is(d, '"')) {
        e->has_text = true;
        err = dec_quoted(d, &e->text);
    }
    return err ? err : dec_expect(d, '}');
}

/* --- Statistics, Packages, Mux, Modem --- */

struct stat_state {
    struct h248_parm **list;
    bool ask;
};

static int stat_item(struct dec *d, void *arg)
{
    struct stat_state *st = arg;
    struct sv name;
    int err = dec_item_name(d, &name, st->ask);

    if (err)
        return err;
    if (!dec_next_is(d, '=') && !dec_next_is(d, ',') && !dec_next_is(d, '}'))
        return dec_unexpected(d, "= , or }");
    return dec_parm(d, st->list, name, true);
}

int dec_statistics(struct dec *d, struct h248_parm **list, bool ask)
{
    struct stat_state st = {list, ask};

    if (ask && !dec_next_is(d, '{'))
        return 0;
    return dec_braced(d, stat_item, &st);
}

static int package_item(struct dec *d, void *arg)
{
    struct h248_package **list = arg, *p = DEC_NODE(d, struct h248_package);
    uint32_t version = 0;
    struct sv w, rest;
    int err;

    if (!p)
        return d->node_err;
    err = dec_word(d, &w, "a package and its version");
    if (err)
        return err;
    rest = w;
    p->name = sv_cut(&rest, '-');
    if (!lex_is_name(p->name) || !rest.p)
        return dec_no_such(d, w, 0, "package with - and its version");
    err = rest.n ? dec_number(d, rest, "package version", 5, UINT16_MAX, &version)
                 : dec_unexpected(d, "a version");
    p->version = (uint16_t)version;
    if (!err)
        DL_APPEND(*list, p);
    return err;
}

int dec_packages(struct dec *d, struct h248_package **list)
{
    return dec_braced(d, package_item, list);
}

static int dec_mux(struct dec *d, struct h248_mux *m)
{
    int err = dec_expect(d, '=');

    if (!err)
        err = dec_word(d, &m->type, "a multiplex type");
    if (err)
        return err;
    switch (tok_find(m->type)) {
    case TOK_H221: case TOK_H223: case TOK_H226: case TOK_V76: case TOK_NX64K:
        m->type = tok_long(tok_find(m->type));
        break;
    default:
        if (!lex_is_extension(m->type))
            return dec_no_such(d, m->type, 449, "multiplex type");
    }
    return dec_braced(d, dec_termid_item, &m->terms);
}

static int modem_type(struct dec *d, void *arg)
{
    struct h248_modem *m = arg;
    struct h248_value *v = DEC_NODE(d, struct h248_value);
    int err;

    if (!v)
        return d->node_err;
    err = dec_word(d, &v->text, "a modem type");
    if (err)
        return err;
    switch (tok_find(v->text)) {
    case TOK_V18:
    case TOK_V22:
    case TOK_V22B:
    case TOK_V32:
    case TOK_V32B:
    case TOK_V34:
    case TOK_V90:
    case TOK_V91:
    case TOK_SYNCH_ISDN:
        v->text = tok_long(tok_find(v->text));
        break;
    default:
        if (!lex_is_extension(v->text))
            return dec_no_such(d, v->text, 449, "modem type");
    }
    DL_APPEND(m->types, v);
    return 0;
}

static int modem_prop(struct dec *d, void *arg)
{
    struct h248_modem *m = arg;
    struct sv name;
    int err = dec_item_name(d, &name, false);

    return err ? err : dec_parm(d, &m->props, name, false);
}

static int dec_modem(struct dec *d, struct h248_modem *m)
{
    int err;

    if (lex_take(&d->lx, '='))
        err = modem_type(d, m);
    else if (lex_take(&d->lx, '['))
        err = dec_items(d, ']', modem_type, m);
    else
        err = dec_unexpected(d, "= or [ and modem types");
    return err || !dec_next_is(d, '{') ? err : dec_braced(d, modem_prop, m);
}

/* --- Audit --- */

/* An individual item (v2): a descriptor with names in place of values. */
static int dec_asked(struct dec *d, struct sv w, struct h248_desc *desc)
{
    struct h248_digitmap *dm = &desc->u.digitmap;
    int err;

    switch (desc->kind) {
    case H248_D_MEDIA: return dec_media(d, &desc->u.media, true);
    case H248_D_EVENTS: return dec_events(d, &desc->u.events, DEC_ASKED);
    case H248_D_EVENT_BUFFER: return dec_events(d, &desc->u.events, DEC_ASKED_BUFFER);
    case H248_D_SIGNALS: return dec_signals(d, &desc->u.signals);
    case H248_D_STATISTICS: return dec_statistics(d, &desc->u.statistics, true);
    case H248_D_PACKAGES: return dec_packages(d, &desc->u.packages);
    case H248_D_DIGITMAP:
        err = dec_expect(d, '=');
        if (!err)
            err = dec_word(d, &dm->name, "a digit map name");
        return err || lex_is_name(dm->name) ? err : dec_no_such(d, dm->name, 0, "digit map name");
    default: return dec_no_such(d, w, 444, "descriptor that can be audited in part");
    }
}

int dec_audit_item(struct dec *d, void *arg)
{
    struct h248_audit_item **list = arg, *it = DEC_NODE(d, struct h248_audit_item);
    enum h248_desc_kind kind;
    struct sv w;
    int err;

    if (!it)
        return d->node_err;
    err = dec_word(d, &w, "an item to audit");
    if (err)
        return err;
    if (!kind_find(tok_find(w), &kind) || kind == H248_D_AUDIT || kind == H248_D_SERVICES ||
        kind == H248_D_ERROR)
        return dec_no_such(d, w, 444, "descriptor that can be audited");
    if (dec_next_is(d, '{') || dec_next_is(d, '=')) {
        it->desc = DEC_NODE(d, struct h248_desc);
        if (!it->desc)
            return d->node_err;
        it->desc->kind = kind;
        it->desc->prev = it->desc;
        err = dec_asked(d, w, it->desc);
    } else {
        it->token = tok_long(kinds[kind].tok);
    }
    if (!err)
        DL_APPEND(*list, it);
    return err;
}

int dec_audit(struct dec *d, struct h248_audit_item **list)
{
    int err = dec_expect(d, '{');

    if (err || lex_take(&d->lx, '}'))
        return err;
    return dec_items(d, '}', dec_audit_item, list);
}

/* --- the descriptors of a command --- */

static int dec_desc(struct dec *d, struct h248_desc *desc)
{
    switch (desc->kind) {
    case H248_D_MEDIA: return dec_media(d, &desc->u.media, false);
    case H248_D_MODEM: return dec_modem(d, &desc->u.modem);
    case H248_D_MUX: return dec_mux(d, &desc->u.mux);
    case H248_D_EVENTS: return dec_events(d, &desc->u.events, DEC_EVENTS);
    case H248_D_EVENT_BUFFER: return dec_events(d, &desc->u.events, DEC_EVENT_BUFFER);
    case H248_D_OBSERVED: return dec_events(d, &desc->u.events, DEC_OBSERVED);
    case H248_D_SIGNALS: return dec_signals(d, &desc->u.signals);
    case H248_D_DIGITMAP: return dec_digitmap(d, &desc->u.digitmap);
    case H248_D_AUDIT: return dec_audit(d, &desc->u.audit);
    case H248_D_STATISTICS: return dec_statistics(d, &desc->u.statistics, false);
    case H248_D_PACKAGES: return dec_packages(d, &desc->u.packages);
    case H248_D_SERVICES: return dec_services(d, &desc->u.services);
    case H248_D_ERROR: return dec_error(d, &desc->u.error);
    case H248_D_EMPTY: break;
    }
    return 0;
}

struct descs_state {
    struct h248_cmd *c;
    unsigned allowed, seen;
};

static int desc_item(struct dec *d, void *arg)
{
    struct descs_state *st = arg;
    struct h248_desc *desc;
    enum h248_desc_kind kind;
    unsigned repeat;
    struct sv w;
    int err = dec_word(d, &w, "a descriptor");

    if (err)
        return err;
    if (!kind_find(tok_find(w), &kind))
        return dec_no_such(d, w, 444, "descriptor");
    if (!(st->allowed & 1u << kind))
        return dec_bad(d, w.p, 447, "descriptor %.*s is not legal in this command", (int)w.n, w.p);
    repeat = d->is_reply &&
             st->c->verb == H248_AUDIT_CAPABILITY; /* 7.2.6: alternatives as repeated descriptors */
    if (!repeat && st->seen & 1u << kind)
        return dec_twice(d, w);
    st->seen |= 1u << kind;
    desc = DEC_NODE(d, struct h248_desc);
    if (!desc)
        return d->node_err;
    desc->kind = kind;
    if (kinds[kind].bare && st->allowed & 1u << H248_D_EMPTY &&
        (dec_next_is(d, ',') || dec_next_is(d, '}'))) {
        desc->kind = H248_D_EMPTY;
        desc->u.empty = tok_long(kinds[kind].tok);
    }
    err = dec_desc(d, desc);
    if (!err)
        DL_APPEND(st->c->descs, desc);
    return err;
}

int dec_descs(struct dec *d, struct h248_cmd *c, unsigned allowed)
{
    struct descs_state st = {c, allowed, 0};

    return dec_braced(d, desc_item, &st);
}
