/* Decoder: the Media descriptor (H.248.1 7.1.4 to 7.1.8, annex B.2). */
#include "h248/dec.h"

static int dec_mode(struct dec *d, enum h248_mode *out)
{
    struct sv w;
    int err = dec_word(d, &w, "a mode");

    if (err)
        return err;
    switch (tok_find(w)) {
    case TOK_SEND_ONLY: *out = H248_MODE_SENDONLY; return 0;
    case TOK_RECV_ONLY: *out = H248_MODE_RECVONLY; return 0;
    case TOK_SEND_RECV: *out = H248_MODE_SENDRECV; return 0;
    case TOK_INACTIVE: *out = H248_MODE_INACTIVE; return 0;
    case TOK_LOOPBACK: *out = H248_MODE_LOOPBACK; return 0;
    default: return dec_no_such(d, w, 449, "mode");
    }
}

struct control_state {
    struct h248_local_control *lc;
    unsigned seen;
    bool ask;
};

/* Behind the name: `= value`, or nothing when the audit only asks. True when a value follows. */
static bool value_follows(struct dec *d, bool ask, bool *asked, int *err)
{
    *err = 0;
    if (lex_take(&d->lx, '='))
        return true;
    if (ask)
        *asked = true;
    else
        *err = dec_unexpected(d, "= and a value");
    return false;
}

static int control_item(struct dec *d, void *arg)
{
    struct control_state *st = arg;
    struct h248_local_control *lc = st->lc;
    struct sv w;
    enum tok t;
    int err = dec_word(d, &w, "a property");

    if (err)
        return err;
    t = tok_find(w);
    if (t == TOK_MODE || t == TOK_RESERVED_VALUE || t == TOK_RESERVED_GROUP) {
        err = dec_once(d, w.p, &st->seen, t == TOK_MODE ? 1 : t == TOK_RESERVED_VALUE ? 2 : 4);
        if (err)
            return err;
    }
    switch (t) {
    case TOK_MODE:
        return value_follows(d, st->ask, &lc->ask_mode, &err) ? dec_mode(d, &lc->mode) : err;
    case TOK_RESERVED_VALUE:
        return value_follows(d, st->ask, &lc->ask_rv, &err) ? dec_on_off(d, &lc->reserved_value)
                                                            : err;
    case TOK_RESERVED_GROUP:
        return value_follows(d, st->ask, &lc->ask_rg, &err) ? dec_on_off(d, &lc->reserved_group)
                                                            : err;
    default:
        break;
    }
    if (!lex_is_item(w, st->ask))
        return dec_no_such(d, w, 445, "property of LocalControl");
    return dec_parm(d, &lc->props, w, st->ask);
}

static int dec_service_state(struct dec *d, enum h248_svcstate *out)
{
    struct sv w;
    int err = dec_word(d, &w, "a service state");

    if (err)
        return err;
    switch (tok_find(w)) {
    case TOK_TEST: *out = H248_SS_TEST; return 0;
    case TOK_OUT_OF_SERVICE: *out = H248_SS_OUT; return 0;
    case TOK_IN_SERVICE: *out = H248_SS_IN; return 0;
    default: return dec_no_such(d, w, 449, "service state");
    }
}

static int dec_buffer(struct dec *d, enum h248_tri *out)
{
    struct sv w;
    enum tok t;
    int err = dec_word(d, &w, "OFF or LockStep");

    if (err)
        return err;
    t = tok_find(w);
    if (t != TOK_OFF && t != TOK_LOCK_STEP)
        return dec_no_such(d, w, 449, "event buffer control");
    *out = t == TOK_OFF ? H248_OFF : H248_ON;
    return 0;
}

struct state_state {
    struct h248_term_state *ts;
    unsigned seen;
    bool ask;
};

static int state_item(struct dec *d, void *arg)
{
    struct state_state *st = arg;
    struct sv w;
    enum tok t;
    int err = dec_word(d, &w, "a property");

    if (err)
        return err;
    t = tok_find(w);
    if (t == TOK_SERVICE_STATES) {
        err = dec_once(d, w.p, &st->seen, 1);
        if (err || !value_follows(d, st->ask, &st->ts->ask_service, &err))
            return err;
        return dec_service_state(d, &st->ts->service);
    }
    if (t == TOK_BUFFER) {
        err = dec_once(d, w.p, &st->seen, 2);
        if (err || !value_follows(d, st->ask, &st->ts->ask_buffer, &err))
            return err;
        return dec_buffer(d, &st->ts->buffer);
    }
    if (!lex_is_item(w, st->ask))
        return dec_no_such(d, w, 445, "property of TerminationState");
    return dec_parm(d, &st->ts->props, w, st->ask);
}

static int dec_octets(struct dec *d, struct h248_octets *out)
{
    int err = dec_expect(d, '{');
    const char *start = d->lx.p;

    if (err)
        return err;
    out->present = true;
    switch (lex_octets(&d->lx, d->a, &out->text)) {
    case LEX_OCTETS_OK:
        break;
    case LEX_OCTETS_OPEN:
        return dec_bad(d, start, 0, "an octet string without its closing brace");
    case LEX_OCTETS_NUL:
        return dec_bad(d, d->lx.p, 0, "octet 0x00 in an octet string");
    case LEX_OCTETS_NOMEM:
        return -ENOMEM;
    }
    return dec_expect(d, '}');
}

struct stream_state {
    struct h248_stream *s;
    bool ask;
};

/* A stream parameter whose word is taken. */
static int dec_stream_parm(struct dec *d, struct sv w, struct h248_stream *s, bool ask)
{
    struct control_state control = {&s->control, 0, ask};

    switch (tok_find(w)) {
    case TOK_LOCAL_CONTROL:
        if (s->has_control)
            return dec_twice(d, w);
        s->has_control = true;
        return dec_braced(d, control_item, &control);
    case TOK_LOCAL:
        if (s->local.present)
            return dec_twice(d, w);
        return ask && !dec_next_is(d, '{') ? (s->local.present = true, 0)
                                           : dec_octets(d, &s->local);
    case TOK_REMOTE:
        if (s->remote.present)
            return dec_twice(d, w);
        return ask && !dec_next_is(d, '{') ? (s->remote.present = true, 0)
                                           : dec_octets(d, &s->remote);
    case TOK_STATISTICS: /* v3 */
        if (s->has_statistics)
            return dec_twice(d, w);
        s->has_statistics = true;
        return dec_statistics(d, &s->statistics, ask);
    default:
        return dec_no_such(d, w, 444, "descriptor of a stream");
    }
}

static int stream_item(struct dec *d, void *arg)
{
    struct stream_state *st = arg;
    struct sv w;
    int err = dec_word(d, &w, "a stream parameter");

    return err ? err : dec_stream_parm(d, w, st->s, st->ask);
}

struct media_state {
    struct h248_media *m;
    bool ask;
};

static int dec_stream(struct dec *d, struct media_state *st)
{
    struct h248_stream *s = DEC_NODE(d, struct h248_stream), *other;
    struct stream_state ss = {s, st->ask};
    const char *at;
    int err;

    if (!s)
        return d->node_err;
    s->has_id = true;
    err = dec_expect(d, '=');
    at = d->lx.p;
    if (!err)
        err = dec_u16(d, "StreamID", &s->id);
    if (err)
        return err;
    DL_FOREACH(st->m->streams, other)
        if (other->id == s->id)
            return dec_bad(d, at, 448, "Stream %u is given twice", s->id);
    err = dec_braced(d, stream_item, &ss);
    if (!err)
        DL_APPEND(st->m->streams, s);
    return err;
}

static int media_item(struct dec *d, void *arg)
{
    struct media_state *st = arg;
    struct state_state ts = {&st->m->state, 0, st->ask};
    struct h248_stream *s = st->m->streams;
    struct sv w;
    enum tok t;
    int err = dec_word(d, &w, "a media parameter");

    if (err)
        return err;
    t = tok_find(w);
    if (t == TOK_TERMINATION_STATE) {
        if (st->m->has_state)
            return dec_twice(d, w);
        st->m->has_state = true;
        return dec_braced(d, state_item, &ts);
    }
    if (t != TOK_STREAM && t != TOK_LOCAL_CONTROL && t != TOK_LOCAL && t != TOK_REMOTE &&
        t != TOK_STATISTICS)
        return dec_no_such(d, w, 444, "descriptor of Media");
    if (s && (t == TOK_STREAM) != s->has_id)
        return dec_bad(d, w.p, 0, "stream parameters with and without Stream do not mix");
    if (t == TOK_STREAM)
        return dec_stream(d, st);
    if (!s) { /* TS 29.334 5.7.2 note 1: the one stream is number 1 */
        s = DEC_NODE(d, struct h248_stream);
        if (!s)
            return d->node_err;
        s->id = 1;
        DL_APPEND(st->m->streams, s);
    }
    return dec_stream_parm(d, w, s, st->ask);
}

int dec_media(struct dec *d, struct h248_media *m, bool ask)
{
    struct media_state st = {m, ask};

    return dec_braced(d, media_item, &st);
}
