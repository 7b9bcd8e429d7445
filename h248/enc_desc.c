/* Encoder: descriptors but for events and signals (H.248.1 7.1, annex B.2). */
#include "h248/enc.h"

static void put_asked(struct enc *e, struct enc_list *l, enum tok t)
{
    enc_need(e, 2);
    enc_next(e, l);
    enc_tok(e, t);
}

static void put_control(struct enc *e, const struct h248_local_control *lc)
{
    static const enum tok modes[] = {TOK_NONE,      TOK_SEND_ONLY, TOK_RECV_ONLY,
                                     TOK_SEND_RECV, TOK_INACTIVE,  TOK_LOOPBACK};
    struct enc_list l;

    enc_tok(e, TOK_LOCAL_CONTROL);
    l = enc_open(e, '{', false);
    if (lc->mode) {
        enc_next(e, &l);
        enc_tok(e, TOK_MODE);
        enc_eq(e);
        enc_tok(e, modes[lc->mode]);
    } else if (lc->ask_mode) {
        put_asked(e, &l, TOK_MODE);
    }
    if (lc->reserved_value) {
        enc_next(e, &l);
        enc_on_off(e, TOK_RESERVED_VALUE, lc->reserved_value);
    } else if (lc->ask_rv) {
        put_asked(e, &l, TOK_RESERVED_VALUE);
    }
    if (lc->reserved_group) {
        enc_next(e, &l);
        enc_on_off(e, TOK_RESERVED_GROUP, lc->reserved_group);
    } else if (lc->ask_rg) {
        put_asked(e, &l, TOK_RESERVED_GROUP);
    }
    enc_parms(e, &l, lc->props);
    if (l.first)
        enc_fail(e);
    enc_close(e, &l);
}

static void put_state(struct enc *e, const struct h248_term_state *ts)
{
    static const enum tok states[] = {TOK_NONE, TOK_TEST, TOK_OUT_OF_SERVICE, TOK_IN_SERVICE};
    struct enc_list l;

    enc_tok(e, TOK_TERMINATION_STATE);
    l = enc_open(e, '{', false);
    if (ts->service) {
        enc_next(e, &l);
        enc_tok(e, TOK_SERVICE_STATES);
        enc_eq(e);
        enc_tok(e, states[ts->service]);
    } else if (ts->ask_service) {
        put_asked(e, &l, TOK_SERVICE_STATES);
    }
    if (ts->buffer) {
        enc_next(e, &l);
        enc_tok(e, TOK_BUFFER);
        enc_eq(e);
        enc_tok(e, ts->buffer == H248_ON ? TOK_LOCK_STEP : TOK_OFF);
    } else if (ts->ask_buffer) {
        put_asked(e, &l, TOK_BUFFER);
    }
    enc_parms(e, &l, ts->props);
    if (l.first)
        enc_fail(e);
    enc_close(e, &l);
}

/* Local and Remote. A decoder takes white space and comments behind the brace away and an end of
 * `\` for an escape of the closing brace: text that begins or ends so cannot be sent as it is. */
static void put_octets(struct enc *e, enum tok name, const struct h248_octets *o)
{
    const char *p = o->text.p, *end = p + o->text.n, *q;

    enc_tok(e, name);
    enc_str(e, e->compact ? "{" : " {\n");
    if (o->text.n) {
        if (memchr(p, 0, o->text.n) || end[-1] == '\\' || lex_is(*p, LEX_BLANK | LEX_EOL) ||
            *p == ';')
            enc_fail(e);
        for (; (q = memchr(p, '}', (size_t)(end - p))); p = q + 1) {
            buf_put(e->b, p, (size_t)(q - p));
            buf_put(e->b, "\\}", 2);
        }
        buf_put(e->b, p, (size_t)(end - p));
    }
    enc_str(e, "}"); /* in the first column: blanks before it would be octets of the SDP */
}

static void put_statistics(struct enc *e, const struct h248_parm *list)
{
    struct enc_list l;

    enc_tok(e, TOK_STATISTICS);
    l = enc_open(e, '{', true);
    enc_parms(e, &l, list);
    if (l.first)
        enc_fail(e);
    enc_close(e, &l);
}

/* Stream parameters as items of an open list. */
static void put_stream_parms(struct enc *e, struct enc_list *l, const struct h248_stream *s,
                             bool ask)
{
    static const enum tok names[] = {TOK_LOCAL, TOK_REMOTE};
    const struct h248_octets *octets[] = {&s->local, &s->remote};
    unsigned i;

    if (s->has_control) {
        enc_next(e, l);
        put_control(e, &s->control);
    }
    for (i = 0; i < 2; i++) {
        if (!octets[i]->present)
            continue;
        enc_next(e, l);
        if (ask && !octets[i]->text.n)
            enc_tok(e, names[i]);
        else
            put_octets(e, names[i], octets[i]);
    }
    if (s->has_statistics) {
        enc_need(e, 3);
        enc_next(e, l);
        if (ask && !s->statistics)
            enc_tok(e, TOK_STATISTICS);
        else
            put_statistics(e, s->statistics);
    }
}

static void put_media(struct enc *e, const struct h248_media *m, bool ask)
{
    const struct h248_stream *s;
    struct enc_list l, in;

    enc_tok(e, TOK_MEDIA);
    l = enc_open(e, '{', false);
    if (m->has_state) {
        enc_next(e, &l);
        put_state(e, &m->state);
    }
    DL_FOREACH(m->streams, s) {
        if (!s->has_id && s == m->streams && !s->next) { /* the one-stream shorthand */
            put_stream_parms(e, &l, s, ask);
            continue;
        }
        enc_next(e, &l);
        enc_tok(e, TOK_STREAM);
        enc_eq(e);
        enc_num(e, s->id);
        in = enc_open(e, '{', false);
        put_stream_parms(e, &in, s, ask);
        if (in.first)
            enc_fail(e);
        enc_close(e, &in);
    }
    if (l.first)
        enc_fail(e);
    enc_close(e, &l);
}

static void put_packages(struct enc *e, const struct h248_package *list)
{
    struct enc_list l;
    const struct h248_package *p;

    enc_tok(e, TOK_PACKAGES);
    l = enc_open(e, '{', true);
    DL_FOREACH(list, p) {
        enc_next(e, &l);
        enc_sv(e, p->name);
        enc_str(e, "-");
        enc_num(e, p->version);
    }
    if (l.first)
        enc_fail(e);
    enc_close(e, &l);
}

static void put_mux(struct enc *e, const struct h248_mux *m)
{
    enc_tok(e, TOK_MUX);
    enc_eq(e);
    enc_word(e, m->type);
    enc_terms(e, m->terms);
}

static void put_modem(struct enc *e, const struct h248_modem *m)
{
    const struct h248_value *v;
    struct enc_list l;

    enc_tok(e, TOK_MODEM);
    if (!m->types)
        enc_fail(e);
    if (m->types && !m->types->next) {
        enc_eq(e);
        enc_word(e, m->types->text);
    } else {
        enc_str(e, e->compact ? "" : " ");
        l = enc_open(e, '[', true);
        DL_FOREACH(m->types, v) {
            enc_next(e, &l);
            enc_word(e, v->text);
        }
        enc_close(e, &l);
    }
    if (m->props) {
        l = enc_open(e, '{', true);
        enc_parms(e, &l, m->props);
        enc_close(e, &l);
    }
}

static void put_audit(struct enc *e, const struct h248_audit_item *list)
{
    struct enc_list l;

    enc_tok(e, TOK_AUDIT);
    l = enc_open(e, '{', true);
    enc_audit_items(e, &l, list);
    enc_close(e, &l);
}

static void put_named(struct enc *e, struct enc_list *l, enum tok name)
{
    enc_next(e, l);
    enc_tok(e, name);
    enc_eq(e);
}

static void put_services(struct enc *e, const struct h248_services *s)
{
    struct enc_list l;

    enc_tok(e, TOK_SERVICES);
    l = enc_open(e, '{', false);
    if (s->method.n) {
        put_named(e, &l, TOK_METHOD);
        enc_word(e, s->method);
    }
    if (s->reason.n) {
        put_named(e, &l, TOK_REASON);
        enc_quoted(e, s->reason);
    }
    if (s->has_delay) {
        put_named(e, &l, TOK_DELAY);
        enc_num(e, s->delay);
    }
    if (s->address || s->has_address_port)
        put_named(e, &l, TOK_SERVICE_CHANGE_ADDRESS);
    if (s->address)
        enc_mid(e, s->address);
    else if (s->has_address_port)
        enc_num(e, s->address_port);
    if (s->mgc_to_try) {
        put_named(e, &l, TOK_MGC_ID);
        enc_mid(e, s->mgc_to_try);
    }
    if (s->profile.n) {
        put_named(e, &l, TOK_PROFILE);
        enc_sv(e, s->profile);
        enc_str(e, "/");
        enc_num(e, s->profile_version);
    }
    if (s->has_version) {
        put_named(e, &l, TOK_VERSION);
        enc_num(e, s->version);
    }
    if (s->timestamp.n) {
        enc_next(e, &l);
        enc_sv(e, s->timestamp);
    }
    if (s->incomplete) {
        enc_next(e, &l);
        enc_tok(e, TOK_SERVICE_CHANGE_INC);
    }
    enc_parms(e, &l, s->extensions);
    if (s->info)
        enc_need(e, 2);
    enc_audit_items(e, &l, s->info);
    if (l.first)
        enc_fail(e);
    enc_close(e, &l);
}

/* `ask`: an individual item of an audit. */
static void put_desc(struct enc *e, const struct h248_desc *d, bool ask)
{
    switch (d->kind) {
    case H248_D_MEDIA: put_media(e, &d->u.media, ask); break;
    case H248_D_MODEM: put_modem(e, &d->u.modem); break;
    case H248_D_MUX: put_mux(e, &d->u.mux); break;
    case H248_D_EVENTS: enc_events(e, TOK_EVENTS, &d->u.events); break;
    case H248_D_EVENT_BUFFER: enc_events(e, TOK_EVENT_BUFFER, &d->u.events); break;
    case H248_D_OBSERVED: enc_events(e, TOK_OBSERVED_EVENTS, &d->u.events); break;
    case H248_D_SIGNALS: enc_signals(e, d->u.signals); break;
    case H248_D_DIGITMAP: enc_digitmap(e, &d->u.digitmap); break;
    case H248_D_AUDIT: put_audit(e, d->u.audit); break;
    case H248_D_STATISTICS: put_statistics(e, d->u.statistics); break;
    case H248_D_PACKAGES: put_packages(e, d->u.packages); break;
    case H248_D_SERVICES: put_services(e, &d->u.services); break;
    case H248_D_ERROR: enc_error(e, &d->u.error); break;
    case H248_D_EMPTY: enc_word(e, d->u.empty); break;
    }
}

void enc_audit_items(struct enc *e, struct enc_list *l, const struct h248_audit_item *list)
{
    const struct h248_audit_item *it;

    DL_FOREACH(list, it) {
        enc_next(e, l);
        if (!it->desc) {
            enc_word(e, it->token);
            continue;
        }
        enc_need(e, 2);
        put_desc(e, it->desc, true);
    }
}

void enc_descs(struct enc *e, const struct h248_desc *list)
{
    const struct h248_desc *d;
    struct enc_list l;
    bool line;

    if (!list)
        return;
    line = !list->next && (list->kind == H248_D_AUDIT || list->kind == H248_D_ERROR);
    l = enc_open(e, '{', line);
    DL_FOREACH(list, d) {
        enc_next(e, &l);
        put_desc(e, d, false);
    }
    enc_close(e, &l);
}
