/* Decoder, the small parts: words, numbers, values, lists, faults. H.248.1 annex B.2. */
#include "h248/dec.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>

int dec_bad(struct dec *d, const char *at, unsigned code, const char *fmt, ...)
{
    struct h248_fault *f = d->fault;
    va_list ap;
    char *p;

    f->code = code ? code : d->default_code;
    lex_where(&d->lx, at, &f->line, &f->column);
    va_start(ap, fmt);
    vsnprintf(f->why, sizeof(f->why), fmt, ap);
    va_end(ap);
    for (p = f->why; *p; p++)
        if (!lex_is(*p, LEX_QUOTED))
            *p = '?';
    return -EBADMSG;
}

int dec_unexpected(struct dec *d, const char *wanted)
{
    const char *p = d->lx.p;
    struct lex look;
    struct sv w;

    lex_ws(&d->lx);
    p = d->lx.p;
    if (p == d->lx.end)
        return dec_bad(d, p, 0, "the message ends where %s should be", wanted);
    look = d->lx;
    w = lex_word(&look);
    if (w.n)
        return dec_bad(d, p, 0, "%.*s%s where %s should be", DEC_SHOW(w),
                       w.n > 40 ? "..." : "", wanted);
    if (*p == '"')
        return dec_bad(d, p, 0, "a quotation mark where %s should be", wanted);
    if (*p == ';')
        return dec_bad(d, p, 0,
                       "a comment that does not end with its line, or holds a forbidden character");
    if (lex_is(*p, LEX_REST))
        return dec_bad(d, p, 0, "%c where %s should be", *p, wanted);
    return dec_bad(d, p, 0, "octet 0x%02X where %s should be", (unsigned char)*p, wanted);
}

int dec_no_such(struct dec *d, struct sv w, unsigned code, const char *what)
{
    return dec_bad(d, w.p, code, "%.*s is no %s", DEC_SHOW(w), what);
}

int dec_twice(struct dec *d, struct sv w)
{
    return dec_bad(d, w.p, 448, "descriptor %.*s is given twice", (int)w.n, w.p);
}

void *dec_node(struct dec *d, size_t size)
{
    void *p = NULL;

    if (++d->nodes > H248_NODE_MAX) {
        d->node_err =
            dec_bad(d, d->lx.p, 510, "more than %d elements in one message", H248_NODE_MAX);
        return NULL;
    }
    p = arena_alloc(d->a, size);
    if (!p)
        d->node_err = -ENOMEM;
    return p;
}

int dec_expect(struct dec *d, char c)
{
    char wanted[2] = {c, 0};

    return lex_take(&d->lx, c) ? 0 : dec_unexpected(d, wanted);
}

int dec_word(struct dec *d, struct sv *w, const char *wanted)
{
    lex_ws(&d->lx);
    *w = lex_word(&d->lx);
    return w->n ? 0 : dec_unexpected(d, wanted);
}

bool dec_next_is(struct dec *d, char c)
{
    lex_ws(&d->lx);
    return *d->lx.p == c && d->lx.p != d->lx.end;
}

int dec_items(struct dec *d, char close, dec_item_h *item, void *arg)
{
    int err;

    do {
        err = item(d, arg);
        if (err)
            return err;
    } while (lex_take(&d->lx, ','));
    if (lex_take(&d->lx, close))
        return 0;
    return dec_unexpected(d, close == '}' ? ", or }" : ", or ]");
}

int dec_braced(struct dec *d, dec_item_h *item, void *arg)
{
    int err = dec_expect(d, '{');

    if (err)
        return err;
    if (dec_next_is(d, '}'))
        return dec_bad(d, d->lx.p, 0, "empty braces: at least one element is required");
    return dec_items(d, '}', item, arg);
}

int dec_number(struct dec *d, struct sv w, const char *what, unsigned digits, uint32_t max,
               uint32_t *out)
{
    int err = lex_uint(w, digits, max, out);
    int shown = (int)(w.n > 40 ? 40 : w.n);

    if (err == -EINVAL)
        return dec_bad(d, w.p, 0, "%s: %.*s is no number", what, shown, w.p);
    if (err)
        return dec_bad(d, w.p, 0, "%s: %.*s is not in 0..%u", what, shown, w.p, max);
    return 0;
}

int dec_u16(struct dec *d, const char *what, uint16_t *out)
{
    uint32_t v;
    struct sv w;
    int err = dec_word(d, &w, what);

    if (!err)
        err = dec_number(d, w, what, 5, UINT16_MAX, &v);
    if (!err)
        *out = (uint16_t)v;
    return err;
}

int dec_u32(struct dec *d, const char *what, uint32_t *out)
{
    struct sv w;
    int err = dec_word(d, &w, what);

    return err ? err : dec_number(d, w, what, 10, UINT32_MAX, out);
}

int dec_request_id(struct dec *d, uint32_t *out)
{
    struct sv w;
    int err = dec_word(d, &w, "a RequestID");

    if (err)
        return err;
    if (w.n == 1 && *w.p == '*') {
        *out = H248_REQID_ALL;
        return 0;
    }
    return dec_number(d, w, "RequestID", 10, UINT32_MAX - 1, out);
}

int dec_quoted(struct dec *d, struct sv *out)
{
    struct lex *l = &d->lx;
    const char *start;

    lex_ws(l);
    if (*l->p != '"')
        return dec_unexpected(d, "a quoted string");
    start = ++l->p;
    while (lex_is(*l->p, LEX_QUOTED))
        l->p++;
    if (lex_is(*l->p, LEX_EOL) || l->p == l->end)
        return dec_bad(d, start - 1, 0, "a quoted string must end on its line");
    if (*l->p != '"')
        return dec_bad(d, l->p, 0, "octet 0x%02X in a quoted string", (unsigned char)*l->p);
    *out = (struct sv){start, (size_t)(l->p - start)};
    l->p++;
    return 0;
}

int dec_text_value(struct dec *d, struct sv *text, bool *quoted)
{
    *quoted = dec_next_is(d, '"');
    return *quoted ? dec_quoted(d, text) : dec_word(d, text, "a value");
}

int dec_termid(struct dec *d, struct h248_termid **list)
{
    struct h248_termid *t = DEC_NODE(d, struct h248_termid);
    int err;

    if (!t)
        return d->node_err;
    err = dec_word(d, &t->text, "a TerminationID");
    if (err)
        return err;
    if (!lex_is_termid(t->text))
        return dec_bad(d, t->text.p, 410, "%.*s is no TerminationID",
                       DEC_SHOW(t->text));
    DL_APPEND(*list, t);
    return 0;
}

int dec_termid_item(struct dec *d, void *list)
{
    return dec_termid(d, list);
}

int dec_on_off(struct dec *d, enum h248_tri *out)
{
    struct sv w;
    enum tok t;
    int err = dec_word(d, &w, "ON or OFF");

    if (err)
        return err;
    t = tok_find(w);
    if (t != TOK_ON && t != TOK_OFF)
        return dec_bad(d, w.p, 449, "%.*s where ON or OFF should be", DEC_SHOW(w));
    *out = t == TOK_ON ? H248_ON : H248_OFF;
    return 0;
}

int dec_item_name(struct dec *d, struct sv *out, bool wildcard)
{
    int err = dec_word(d, out, "a package item");

    if (err)
        return err;
    if (!lex_is_item(*out, wildcard))
        return dec_bad(d, out->p, 0, "%.*s is no package/item name",
                       DEC_SHOW(*out));
    return 0;
}

int dec_once(struct dec *d, const char *at, unsigned *seen, unsigned bit)
{
    if (*seen & bit)
        return dec_bad(d, at, 456, "given twice");
    *seen |= bit;
    return 0;
}

/* --- values of properties and parameters --- */

static int value_item(struct dec *d, void *arg)
{
    struct h248_parm *p = arg;
    struct h248_value *v = DEC_NODE(d, struct h248_value);
    int err;

    if (!v)
        return d->node_err;
    err = dec_text_value(d, &v->text, &v->quoted);
    if (!err)
        DL_APPEND(p->values, v);
    return err;
}

/* Behind `[`: a sub-list or a range; no white space stands around a range's colon. */
static int value_bracketed(struct dec *d, struct h248_parm *p)
{
    int err = value_item(d, p);

    if (err)
        return err;
    if (*d->lx.p == ':') {
        d->lx.p++;
        p->rel = H248_REL_RANGE;
        if (!lex_is(*d->lx.p, LEX_SAFE) && *d->lx.p != '"')
            return dec_unexpected(d, "the upper bound of a range");
        err = value_item(d, p);
        return err ? err : dec_expect(d, ']');
    }
    p->rel = H248_REL_AND;
    if (lex_take(&d->lx, ','))
        return dec_items(d, ']', value_item, p);
    return lex_take(&d->lx, ']') ? 0 : dec_unexpected(d, ", or ]");
}

int dec_parm_value(struct dec *d, struct h248_parm *p, bool bare)
{
    struct lex *l = &d->lx;

    lex_ws(l);
    switch (*l->p) {
    case '=':
        lex_take(l, '=');
        if (lex_take(l, '[')) /* the brackets first: no value can start with one */
            return value_bracketed(d, p);
        p->rel = H248_REL_EQ;
        if (!dec_next_is(d, '{'))
            return value_item(d, p);
        p->rel = H248_REL_OR;
        return dec_braced(d, value_item, p);
    case '<': p->rel = H248_REL_LT; break;
    case '>': p->rel = H248_REL_GT; break;
    case '#': p->rel = H248_REL_NE; break;
    default:
        p->rel = H248_REL_NONE;
        return bare ? 0 : dec_unexpected(d, "= and a value");
    }
    lex_take(l, *l->p);
    return value_item(d, p);
}

int dec_parm(struct dec *d, struct h248_parm **list, struct sv name, bool bare)
{
    struct h248_parm *p, *other;
    int err;

    DL_FOREACH(*list, other)
        if (sv_ieq(other->name, name))
            return dec_bad(d, name.p, 456, "%.*s is given twice", (int)name.n, name.p);
    p = DEC_NODE(d, struct h248_parm);
    if (!p)
        return d->node_err;
    p->name = name;
    err = dec_parm_value(d, p, bare);
    if (!err)
        DL_APPEND(*list, p);
    return err;
}
