/* Decoder: Events, EventBuffer, ObservedEvents, Signals, DigitMap (H.248.1 7.1.9 to 7.1.14, 7.1.17,
 * annex B.2). Embedding is two functions deep and no deeper: events in Events, then events in
 * Embed, which take signals only. */
#include "h248/dec.h"

/* Parameter or token? A name may spell a token (`DM=2`), so the next character and the position
 * decide. */
static int bad_name(struct dec *d, struct sv w)
{
    return dec_no_such(d, w, 0, "parameter name");
}

/* --- digit maps --- */

static int digitmap_body(struct dec *d, struct sv *out)
{
    const char *start, *at;
    int err = dec_expect(d, '{');

    if (err)
        return err;
    start = at = d->lx.p;
    while (*d->lx.p && *d->lx.p != '}')
        d->lx.p++;
    if (*d->lx.p != '}')
        return dec_bad(d, start, 0, "a digit map without its closing brace");
    *out = sv_trim((struct sv){start, (size_t)(d->lx.p - start)});
    if (!lex_is_digitmap(*out))
        return dec_bad(d, at, 0, "no digit map in the braces");
    return dec_expect(d, '}');
}

static int digitmap_name(struct dec *d, struct sv *out)
{
    int err = dec_word(d, out, "a digit map name");

    if (!err && !lex_is_name(*out))
        return dec_no_such(d, *out, 0, "digit map name");
    return err;
}

int dec_digitmap(struct dec *d, struct h248_digitmap *m)
{
    int err = dec_expect(d, '=');

    if (!err && !dec_next_is(d, '{')) {
        err = digitmap_name(d, &m->name);
        if (!dec_next_is(d, '{'))
            return err;
    }
    return err ? err : digitmap_body(d, &m->body);
}

/* --- events --- */

enum { E_KEEP = 1, E_EMBED = 2, E_MAP = 4, E_STREAM = 8, E_NOTIFY = 16, E_RESET = 32 };

struct event_state {
    struct h248_event *ev;
    enum dec_events kind;
    unsigned seen;
};

static int new_desc(struct dec *d, enum h248_desc_kind kind, struct h248_desc **out)
{
    struct h248_desc *desc = DEC_NODE(d, struct h248_desc);

    if (!desc)
        return d->node_err;
    desc->kind = kind;
    desc->prev = desc;
    *out = desc;
    return 0;
}

static int embed_item(struct dec *d, void *arg)
{
    struct event_state *st = arg;
    struct h248_event *ev = st->ev;
    struct sv w;
    enum tok t;
    int err = dec_word(d, &w, "Signals or Events");

    if (err)
        return err;
    t = tok_find(w);
    if (t == TOK_SIGNALS && !ev->embed_signals && !ev->embed_events) {
        err = new_desc(d, H248_D_SIGNALS, &ev->embed_signals);
        return err ? err : dec_signals(d, &ev->embed_signals->u.signals);
    }
    if (t == TOK_EVENTS && !ev->embed_events && st->kind != DEC_EMBEDDED) {
        err = new_desc(d, H248_D_EVENTS, &ev->embed_events);
        return err ? err : dec_events(d, &ev->embed_events->u.events, DEC_EMBEDDED);
    }
    return dec_bad(d, w.p, 0, "%.*s is not allowed at this place of Embed",
                   DEC_SHOW(w));
}

/* RegulatedNotify { Embed { ... } }, v3; the cursor is at the first brace. */
static int regulated_embed(struct dec *d, struct event_state *st)
{
    struct sv w;
    int err;

    st->ev->embed_in_regulated = true;
    lex_take(&d->lx, '{');
    err = dec_word(d, &w, "Embed");
    if (err)
        return err;
    if (tok_find(w) != TOK_EMBED)
        return dec_bad(d, w.p, 0, "%.*s where Embed should be", DEC_SHOW(w));
    err = dec_once(d, w.p, &st->seen, E_EMBED);
    if (!err)
        err = dec_braced(d, embed_item, st);
    return err ? err : dec_expect(d, '}');
}

/* The reactions of a requested event. -ENOENT: the word is a parameter's name. */
static int event_reaction(struct dec *d, struct sv w, struct event_state *st)
{
    struct h248_event *ev = st->ev;
    bool braced = dec_next_is(d, '{');
    bool valued = lex_is(*d->lx.p, LEX_REST) && strchr("=<>#", *d->lx.p);
    enum tok t = tok_find(w);

    if (valued)
        return -ENOENT;
    switch (t) {
    case TOK_KEEP_ACTIVE:
        ev->keep_active = true;
        return dec_once(d, w.p, &st->seen, E_KEEP);
    case TOK_EMBED:
        if (dec_once(d, w.p, &st->seen, E_EMBED))
            return -EBADMSG;
        return dec_braced(d, embed_item, st);
    case TOK_IMMEDIATE_NOTIFY: case TOK_NEVER_NOTIFY: case TOK_REGULATED_NOTIFY: /* v3 */
        ev->notify = t == TOK_IMMEDIATE_NOTIFY ? H248_NB_IMMEDIATE :
                     t == TOK_NEVER_NOTIFY ? H248_NB_NEVER : H248_NB_REGULATED;
        if (dec_once(d, w.p, &st->seen, E_NOTIFY))
            return -EBADMSG;
        return t == TOK_REGULATED_NOTIFY && braced ? regulated_embed(d, st) : 0;
    case TOK_RESET_EVENTS:
        ev->reset_events = true;
        return dec_once(d, w.p, &st->seen, E_RESET);
    default:
        return -ENOENT;
    }
}

/* DigitMap = name or { body }; `DM=2` and the like are parameters. -ENOENT then. */
static int event_map(struct dec *d, struct sv w, struct event_state *st)
{
    struct lex look = d->lx;
    int err;

    if (!lex_take(&look, '=') || !(*look.p == '{' || lex_is(*look.p, LEX_ALPHA)))
        return -ENOENT;
    err = dec_once(d, w.p, &st->seen, E_MAP);
    if (err)
        return err;
    d->lx = look;
    return *look.p == '{' ? digitmap_body(d, &st->ev->digitmap_body)
                          : digitmap_name(d, &st->ev->digitmap);
}

static int event_parm(struct dec *d, void *arg)
{
    struct event_state *st = arg;
    bool requested = st->kind == DEC_EVENTS || st->kind == DEC_EMBEDDED;
    struct sv w;
    enum tok t;
    int err = dec_word(d, &w, "an event parameter");

    if (err)
        return err;
    t = tok_find(w);
    if (t == TOK_STREAM && dec_next_is(d, '=')) {
        lex_take(&d->lx, '=');
        st->ev->has_stream = true;
        err = dec_once(d, w.p, &st->seen, E_STREAM);
        return err ? err : dec_u16(d, "StreamID", &st->ev->stream);
    }
    if (requested && t) {
        err = t == TOK_DIGIT_MAP ? event_map(d, w, st) : event_reaction(d, w, st);
        if (!err && st->seen & E_KEEP && st->ev->embed_signals)
            return dec_bad(d, w.p, 0, "KeepActive and embedded Signals exclude each other");
        if (err != -ENOENT)
            return err;
    }
    if (!lex_is_name(w))
        return bad_name(d, w);
    return dec_parm(d, &st->ev->parms, w, st->kind == DEC_ASKED_BUFFER);
}

struct events_state {
    struct h248_events *e;
    enum dec_events kind;
};

/* [TimeStamp :] pkg/event [ { parameters } ] */
static int event_item(struct dec *d, void *arg)
{
    struct events_state *st = arg;
    struct event_state es = {DEC_NODE(d, struct h248_event), st->kind, 0};
    struct lex look;
    struct sv w;
    int err;

    if (!es.ev)
        return d->node_err;
    if (st->kind == DEC_OBSERVED) {
        look = d->lx;
        lex_ws(&look);
        w = lex_word(&look);
        if (lex_is_stamp(w)) {
            es.ev->timestamp = w;
            d->lx = look;
            err = dec_expect(d, ':');
            if (err)
                return err;
        }
    }
    err = dec_item_name(d, &es.ev->name, st->kind != DEC_OBSERVED);
    if (!err && st->kind != DEC_ASKED && dec_next_is(d, '{'))
        err = dec_braced(d, event_parm, &es);
    if (!err)
        DL_APPEND(st->e->events, es.ev);
    return err;
}

int dec_events(struct dec *d, struct h248_events *e, enum dec_events kind)
{
    bool buffer = kind == DEC_EVENT_BUFFER || kind == DEC_ASKED_BUFFER;
    struct events_state st = {e, kind};
    int err;

    if (!buffer && (kind == DEC_OBSERVED || dec_next_is(d, '=') || dec_next_is(d, '{'))) {
        err = dec_expect(d, '=');
        if (!err)
            err = dec_request_id(d, &e->request_id);
        e->has_request_id = true;
        return err ? err : dec_braced(d, event_item, &st);
    }
    return buffer && dec_next_is(d, '{') ? dec_braced(d, event_item, &st)
                                         : 0; /* the bare name clears all */
}

/* --- signals --- */

enum {
    G_STREAM = 1,
    G_TYPE = 2,
    G_DURATION = 4,
    G_NOTIFY = 8,
    G_KEEP = 16,
    G_DIRECTION = 32,
    G_REQUEST = 64,
    G_PAUSE = 128
};

struct signal_state {
    struct h248_signal *sig;
    unsigned seen;
};

static int completion_item(struct dec *d, void *arg)
{
    struct h248_signal *sig = arg;
    unsigned bit;
    struct sv w;
    int err = dec_word(d, &w, "a reason to notify");

    if (err)
        return err;
    switch (tok_find(w)) {
    case TOK_TIME_OUT: bit = H248_NC_TIMEOUT; break;
    case TOK_INT_BY_EVENT: bit = H248_NC_EVENT; break;
    case TOK_INT_BY_SIG_DESCR: bit = H248_NC_DESCR; break;
    case TOK_OTHER_REASON: bit = H248_NC_OTHER; break;
    case TOK_ITERATION: bit = H248_NC_ITERATION; break; /* v3 */
    default:
        return dec_no_such(d, w, 449, "reason to notify");
    }
    return dec_once(d, w.p, &sig->notify, bit);
}

static int signal_type(struct dec *d, enum h248_sig_type *out)
{
    struct sv w;
    int err = dec_word(d, &w, "a signal type");

    if (err)
        return err;
    switch (tok_find(w)) {
    case TOK_ON_OFF: *out = H248_SIG_ONOFF; return 0;
    case TOK_TIME_OUT: *out = H248_SIG_TIMEOUT; return 0;
    case TOK_BRIEF: *out = H248_SIG_BRIEF; return 0;
    default: return dec_no_such(d, w, 449, "signal type");
    }
}

static int signal_direction(struct dec *d, struct sv *out)
{
    enum tok t;
    int err = dec_word(d, out, "a signal direction");

    if (err)
        return err;
    t = tok_find(*out);
    if (t != TOK_INTERNAL && t != TOK_EXTERNAL && t != TOK_BOTH)
        return dec_no_such(d, *out, 449, "signal direction");
    *out = tok_long(t);
    return 0;
}

/* The parameters of the grammar itself that have a value; `=` is taken. */
static int signal_valued(struct dec *d, struct sv w, enum tok t, struct signal_state *st)
{
    static const struct { enum tok tok; unsigned bit;
    } bits[] = {
        {TOK_STREAM, G_STREAM},           {TOK_SIGNAL_TYPE, G_TYPE},
        {TOK_DURATION, G_DURATION},       {TOK_NOTIFY_COMPLETION, G_NOTIFY},
        {TOK_SPA_DIRECTION, G_DIRECTION}, {TOK_SPA_REQUEST_ID, G_REQUEST},
        {TOK_INTERSIGNAL, G_PAUSE},
    };
    struct h248_signal *s = st->sig;
    unsigned i;
    int err;

    for (i = 0; i < ARRAY_LEN(bits) && bits[i].tok != t; i++)
        ;
    err = dec_once(d, w.p, &st->seen, bits[i].bit);
    if (err)
        return err;
    switch (t) {
    case TOK_STREAM: s->has_stream = true; return dec_u16(d, "StreamID", &s->stream);
    case TOK_SIGNAL_TYPE: return signal_type(d, &s->type);
    case TOK_DURATION: s->has_duration = true; return dec_u16(d, "Duration", &s->duration);
    case TOK_SPA_DIRECTION: return signal_direction(d, &s->direction);
    case TOK_SPA_REQUEST_ID: s->has_request_id = true; return dec_request_id(d, &s->request_id);
    case TOK_INTERSIGNAL:
        s->has_intersignal = true;
        return dec_u16(d, "Intersignal", &s->intersignal);
    default: return dec_braced(d, completion_item, s);
    }
}

static int signal_parm(struct dec *d, void *arg)
{
    struct signal_state *st = arg;
    struct sv w;
    enum tok t;
    int err = dec_word(d, &w, "a signal parameter");

    if (err)
        return err;
    t = tok_find(w);
    if (dec_next_is(d, '=')) {
        switch (t) {
        case TOK_STREAM:
        case TOK_SIGNAL_TYPE:
        case TOK_DURATION:
        case TOK_NOTIFY_COMPLETION:
        case TOK_SPA_DIRECTION:
        case TOK_SPA_REQUEST_ID: case TOK_INTERSIGNAL:
            lex_take(&d->lx, '=');
            return signal_valued(d, w, t, st);
        default:
            break;
        }
    } else if (t == TOK_KEEP_ACTIVE && (*d->lx.p == ',' || *d->lx.p == '}')) {
        st->sig->keep_active = true;
        return dec_once(d, w.p, &st->seen, G_KEEP);
    }
    return lex_is_name(w) ? dec_parm(d, &st->sig->parms, w, false) : bad_name(d, w);
}

/* pkg/signal [ { parameters } ], as a member of a list or of the descriptor */
static int signal_request(struct dec *d, void *arg)
{
    struct h248_signal **list = arg;
    struct signal_state st = {DEC_NODE(d, struct h248_signal), 0};
    int err;

    if (!st.sig)
        return d->node_err;
    err = dec_item_name(d, &st.sig->name, false);
    if (!err && dec_next_is(d, '{'))
        err = dec_braced(d, signal_parm, &st);
    if (!err)
        DL_APPEND(*list, st.sig);
    return err;
}

static int signal_item(struct dec *d, void *arg)
{
    struct h248_signal **list = arg, *sl;
    struct lex look = d->lx;
    int err;

    lex_ws(&look);
    if (tok_find(lex_word(&look)) != TOK_SIGNAL_LIST)
        return signal_request(d, list);
    d->lx = look;
    sl = DEC_NODE(d, struct h248_signal);
    if (!sl)
        return d->node_err;
    sl->is_list = true;
    err = dec_expect(d, '=');
    if (!err)
        err = dec_u16(d, "signal list id", &sl->list_id);
    if (!err)
        err = dec_braced(d, signal_request, &sl->list);
    if (!err)
        DL_APPEND(*list, sl);
    return err;
}

int dec_signals(struct dec *d, struct h248_signal **list)
{
    if (!lex_take(&d->lx, '{') || lex_take(&d->lx, '}')) /* bare Signals and Signals{} are one */
        return 0;
    return dec_items(d, '}', signal_item, list);
}
