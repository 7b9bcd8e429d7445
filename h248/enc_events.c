/* Encoder: Events, EventBuffer, ObservedEvents, Signals, DigitMap (H.248.1 7.1.9 to 7.1.14, 7.1.17,
 * annex B.2). */
#include "h248/enc.h"

void enc_digitmap(struct enc *e, const struct h248_digitmap *m)
{
    enc_tok(e, TOK_DIGIT_MAP);
    enc_eq(e);
    if (m->name.n)
        enc_sv(e, m->name);
    if (m->body.n) {
        if (memchr(m->body.p, '}', m->body.n))
            enc_fail(e);
        enc_str(e, "{");
        buf_sv_put(e->b, m->body);
        enc_str(e, "}");
    }
    if (!m->name.n && !m->body.n)
        enc_fail(e);
}

static void put_embed(struct enc *e, const struct h248_event *ev)
{
    struct enc_list l;

    enc_tok(e, TOK_EMBED);
    l = enc_open(e, '{', true);
    if (ev->embed_signals) {
        enc_next(e, &l);
        enc_signals(e, ev->embed_signals->u.signals);
    }
    if (ev->embed_events) {
        enc_next(e, &l);
        enc_events(e, TOK_EVENTS, &ev->embed_events->u.events);
    }
    enc_close(e, &l);
}

static void put_event_stream(struct enc *e, struct enc_list *l, uint16_t stream)
{
    enc_next(e, l);
    enc_tok(e, TOK_STREAM);
    enc_eq(e);
    enc_num(e, stream);
}

static void put_notify(struct enc *e, struct enc_list *l, const struct h248_event *ev)
{
    static const enum tok words[] = {TOK_NONE, TOK_IMMEDIATE_NOTIFY, TOK_REGULATED_NOTIFY,
                                     TOK_NEVER_NOTIFY};
    struct enc_list in;

    enc_next(e, l);
    enc_tok(e, words[ev->notify]);
    if (!ev->embed_in_regulated)
        return;
    in = enc_open(e, '{', true);
    enc_next(e, &in);
    put_embed(e, ev);
    enc_close(e, &in);
}

static void put_event(struct enc *e, const struct h248_event *ev)
{
    bool embed = ev->embed_signals || ev->embed_events;
    struct enc_list l;

    if (ev->timestamp.n) {
        enc_sv(e, ev->timestamp);
        enc_str(e, ":");
    }
    enc_sv(e, ev->name);
    if (!ev->has_stream && !ev->keep_active && !ev->digitmap.n && !ev->digitmap_body.n && !embed &&
        !ev->notify && !ev->reset_events && !ev->parms)
        return;
    l = enc_open(e, '{', true);
    if (ev->has_stream)
        put_event_stream(e, &l, ev->stream);
    if (ev->keep_active) {
        enc_next(e, &l);
        enc_tok(e, TOK_KEEP_ACTIVE);
    }
    if (ev->digitmap.n) {
        enc_next(e, &l);
        enc_digitmap(e, &(struct h248_digitmap){.name = ev->digitmap});
    } else if (ev->digitmap_body.n) {
        enc_next(e, &l);
        enc_digitmap(e, &(struct h248_digitmap){.body = ev->digitmap_body});
    }
    if (embed && !(ev->notify == H248_NB_REGULATED && ev->embed_in_regulated)) {
        enc_next(e, &l);
        put_embed(e, ev);
    }
    if (ev->notify)
        put_notify(e, &l, ev);
    if (ev->reset_events) {
        enc_next(e, &l);
        enc_tok(e, TOK_RESET_EVENTS);
    }
    enc_parms(e, &l, ev->parms);
    enc_close(e, &l);
}

void enc_events(struct enc *e, enum tok name, const struct h248_events *evs)
{
    const struct h248_event *ev;
    struct enc_list l;

    enc_tok(e, name);
    if (evs->has_request_id) {
        enc_eq(e);
        enc_request_id(e, evs->request_id);
        if (!evs->events)
            enc_fail(e);
    } else if (evs->events && name != TOK_EVENT_BUFFER) {
        enc_fail(e);
    }
    if (!evs->events)
        return;
    l = enc_open(e, '{', !evs->events->next);
    DL_FOREACH(evs->events, ev) {
        enc_next(e, &l);
        put_event(e, ev);
    }
    enc_close(e, &l);
}

/* --- signals --- */

static void put_completion(struct enc *e, struct enc_list *l, unsigned set)
{
    static const struct { unsigned bit; enum tok tok;
    } reasons[] = {
        {H248_NC_TIMEOUT, TOK_TIME_OUT},       {H248_NC_EVENT, TOK_INT_BY_EVENT},
        {H248_NC_DESCR, TOK_INT_BY_SIG_DESCR}, {H248_NC_OTHER, TOK_OTHER_REASON},
        {H248_NC_ITERATION, TOK_ITERATION},
    };
    struct enc_list in;
    unsigned i;

    enc_next(e, l);
    enc_tok(e, TOK_NOTIFY_COMPLETION);
    enc_str(e, e->compact ? "=" : " =");
    in = enc_open(e, '{', true);
    for (i = 0; i < ARRAY_LEN(reasons); i++) {
        if (!(set & reasons[i].bit))
            continue;
        enc_next(e, &in);
        enc_tok(e, reasons[i].tok);
    }
    enc_close(e, &in);
}

static void put_sig_num(struct enc *e, struct enc_list *l, enum tok name, uint32_t v)
{
    enc_next(e, l);
    enc_tok(e, name);
    enc_eq(e);
    enc_num(e, v);
}

static void put_signal(struct enc *e, const struct h248_signal *s)
{
    static const enum tok types[] = {TOK_NONE, TOK_ON_OFF, TOK_TIME_OUT, TOK_BRIEF};
    struct enc_list l;

    enc_sv(e, s->name);
    if (!s->has_stream && !s->type && !s->has_duration && !s->notify && !s->keep_active &&
        !s->direction.n && !s->has_request_id && !s->has_intersignal && !s->parms)
        return;
    l = enc_open(e, '{', true);
    if (s->has_stream)
        put_sig_num(e, &l, TOK_STREAM, s->stream);
    if (s->type) {
        enc_next(e, &l);
        enc_tok(e, TOK_SIGNAL_TYPE);
        enc_eq(e);
        enc_tok(e, types[s->type]);
    }
    if (s->has_duration)
        put_sig_num(e, &l, TOK_DURATION, s->duration);
    if (s->notify)
        put_completion(e, &l, s->notify);
    if (s->keep_active) {
        enc_next(e, &l);
        enc_tok(e, TOK_KEEP_ACTIVE);
    }
    if (s->direction.n) {
        enc_next(e, &l);
        enc_tok(e, TOK_SPA_DIRECTION);
        enc_eq(e);
        enc_word(e, s->direction);
    }
    if (s->has_request_id) {
        enc_next(e, &l);
        enc_tok(e, TOK_SPA_REQUEST_ID);
        enc_eq(e);
        enc_request_id(e, s->request_id);
    }
    if (s->has_intersignal)
        put_sig_num(e, &l, TOK_INTERSIGNAL, s->intersignal);
    enc_parms(e, &l, s->parms);
    enc_close(e, &l);
}

static void put_signal_list(struct enc *e, const struct h248_signal *s)
{
    const struct h248_signal *member;
    struct enc_list l;

    enc_tok(e, TOK_SIGNAL_LIST);
    enc_eq(e);
    enc_num(e, s->list_id);
    l = enc_open(e, '{', true);
    DL_FOREACH(s->list, member) {
        enc_next(e, &l);
        if (member->is_list)
            enc_fail(e); /* lists do not nest */
        put_signal(e, member);
    }
    if (l.first)
        enc_fail(e);
    enc_close(e, &l);
}

/* An empty set is Signals{}, which every version has, unless the peer wants the bare word. */
void enc_signals(struct enc *e, const struct h248_signal *list)
{
    const struct h248_signal *s;
    struct enc_list l;

    enc_tok(e, TOK_SIGNALS);
    if (!list && e->bare_signals)
        return;
    l = enc_open(e, '{', !list || !list->next);
    DL_FOREACH(list, s) {
        enc_next(e, &l);
        if (s->is_list)
            put_signal_list(e, s);
        else
            put_signal(e, s);
    }
    enc_close(e, &l);
}
