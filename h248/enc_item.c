/* Encoder, the small parts: tokens, lists, values (H.248.1 annex B.2). */
#include "h248/enc.h"

void enc_fail(struct enc *e)
{
    e->err = -EINVAL;
}

void enc_need(struct enc *e, unsigned version)
{
    if (e->version < version)
        enc_fail(e);
}

void enc_tok(struct enc *e, enum tok t)
{
    enc_need(e, tok_version(t));
    buf_sv_put(e->b, e->compact ? tok_short(t) : tok_long(t));
}

void enc_sv(struct enc *e, struct sv w)
{
    if (!w.n || !lex_all(w, LEX_SAFE))
        enc_fail(e);
    buf_sv_put(e->b, w);
}

void enc_word(struct enc *e, struct sv w)
{
    enum tok t = tok_find(w);

    if (t)
        enc_tok(e, t);
    else
        enc_sv(e, w);
}

void enc_num(struct enc *e, uint32_t v)
{
    char text[10], *p = text + sizeof(text);

    do {
        *--p = (char)('0' + v % 10);
        v /= 10;
    } while (v);
    buf_put(e->b, p, (size_t)(text + sizeof(text) - p));
}

void enc_str(struct enc *e, const char *s)
{
    buf_str(e->b, s);
}

void enc_eq(struct enc *e)
{
    if (e->compact)
        buf_put(e->b, "=", 1);
    else
        buf_put(e->b, " = ", 3);
}

/* --- lists --- */

static void enc_indent(struct enc *e)
{
    static const char blanks[] = "                                                                ";
    size_t n = 2 * (size_t)e->depth;

    buf_put(e->b, blanks, n < sizeof(blanks) ? n : sizeof(blanks) - 1);
}

static void new_line(struct enc *e)
{
    buf_put(e->b, "\n", 1);
    enc_indent(e);
}

struct enc_list enc_open(struct enc *e, char open, bool line)
{
    char text[2] = {' ', open};

    if (open == '{' && !e->compact)
        buf_put(e->b, text, 2);
    else
        buf_put(e->b, &text[1], 1);
    e->depth++;
    return (struct enc_list){line, true, open == '{' ? '}' : ']'};
}

void enc_next(struct enc *e, struct enc_list *l)
{
    if (!l->first)
        buf_put(e->b, ",", 1);
    if (!e->compact && !l->line)
        new_line(e);
    else if (!e->compact && (!l->first || l->close == '}'))
        buf_put(e->b, " ", 1);
    l->first = false;
}

void enc_close(struct enc *e, struct enc_list *l)
{
    e->depth--;
    if (!e->compact && !l->line && !l->first)
        new_line(e);
    else if (!e->compact && l->close == '}')
        buf_put(e->b, " ", 1);
    buf_put(e->b, &l->close, 1);
}

/* --- values --- */

void enc_quoted(struct enc *e, struct sv text)
{
    if (!lex_all(text, LEX_QUOTED))
        enc_fail(e);
    buf_put(e->b, "\"", 1);
    buf_sv_put(e->b, text);
    buf_put(e->b, "\"", 1);
}

void enc_value(struct enc *e, struct sv text, bool quoted)
{
    if (quoted)
        enc_quoted(e, text);
    else
        enc_sv(e, text);
}

void enc_request_id(struct enc *e, uint32_t id)
{
    if (id == H248_REQID_ALL)
        enc_str(e, "*");
    else
        enc_num(e, id);
}

void enc_mid(struct enc *e, const struct h248_mid *mid)
{
    size_t i;

    for (i = 0; i < mid->name.n; i++)
        if (!lex_is(mid->name.p[i], LEX_SAFE) && mid->name.p[i] != ':')
            enc_fail(e);
    if (!mid->name.n)
        enc_fail(e);
    h248_mid_print(mid, e->b);
}

void enc_on_off(struct enc *e, enum tok name, enum h248_tri v)
{
    enc_tok(e, name);
    enc_eq(e);
    enc_tok(e, v == H248_ON ? TOK_ON : TOK_OFF);
}

static void parm_list(struct enc *e, char open, const struct h248_value *values)
{
    const struct h248_value *v;
    struct enc_list l;

    if (open == '{' && !e->compact)
        enc_str(e, " ="); /* the brace brings its blank */
    else
        enc_eq(e);
    l = enc_open(e, open, true);
    DL_FOREACH(values, v) {
        enc_next(e, &l);
        enc_value(e, v->text, v->quoted);
    }
    enc_close(e, &l);
}

static void parm_range(struct enc *e, const struct h248_value *v)
{
    enc_eq(e);
    enc_str(e, "[");
    enc_value(e, v->text, v->quoted);
    enc_str(e, ":");
    if (!v->next || v->next->next)
        enc_fail(e);
    else
        enc_value(e, v->next->text, v->next->quoted);
    enc_str(e, "]");
}

void enc_parm(struct enc *e, const struct h248_parm *p)
{
    const struct h248_value *v = p->values;
    static const char *const signs[] = {
        [H248_REL_LT] = "<", [H248_REL_GT] = ">", [H248_REL_NE] = "#"};

    enc_sv(e, p->name);
    if (p->rel == H248_REL_NONE)
        return;
    if (!v) {
        enc_fail(e);
        return;
    }
    switch (p->rel) {
    case H248_REL_OR: parm_list(e, '{', v); return;
    case H248_REL_AND: parm_list(e, '[', v); return;
    case H248_REL_RANGE: parm_range(e, v); return;
    case H248_REL_EQ: enc_eq(e); break;
    default:
        enc_str(e, e->compact ? "" : " ");
        enc_str(e, signs[p->rel]);
        enc_str(e, e->compact ? "" : " ");
        break;
    }
    if (v->next)
        enc_fail(e);
    enc_value(e, v->text, v->quoted);
}

void enc_parms(struct enc *e, struct enc_list *l, const struct h248_parm *list)
{
    const struct h248_parm *p;

    DL_FOREACH(list, p) {
        enc_next(e, l);
        enc_parm(e, p);
    }
}

void enc_terms(struct enc *e, const struct h248_termid *list)
{
    struct enc_list l = enc_open(e, '{', true);
    const struct h248_termid *t;

    DL_FOREACH(list, t) {
        enc_next(e, &l);
        enc_sv(e, t->text);
    }
    if (l.first)
        enc_fail(e);
    enc_close(e, &l);
}

/* The text may come from anywhere (a fault's reason, a library): what the grammar lacks becomes a
 * `?`. */
void enc_error(struct enc *e, const struct h248_error *err)
{
    struct enc_list l;
    size_t i;

    if (err->code > 9999)
        enc_fail(e);
    enc_tok(e, TOK_ERROR);
    enc_eq(e);
    enc_num(e, err->code);
    l = enc_open(e, '{', true);
    if (err->has_text) {
        enc_next(e, &l);
        enc_str(e, "\"");
        for (i = 0; i < err->text.n; i++)
            buf_put(e->b, lex_is(err->text.p[i], LEX_QUOTED) ? &err->text.p[i] : "?", 1);
        enc_str(e, "\"");
    }
    enc_close(e, &l);
}
