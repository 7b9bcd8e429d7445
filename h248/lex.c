/* Lexical items, H.248.1 annex B.2. */
#include "h248/lex.h"

#include <errno.h>

#include "h248/h248.h"
#include "h248/tok.h"

#define LETTER (LEX_SAFE | LEX_ALPHA)
#define SAFE LEX_SAFE
#define REST LEX_REST

const uint8_t lex_class[256] = {
    ['A' ... 'F'] = LETTER | LEX_HEX,
    ['G' ... 'Z'] = LETTER,
    ['a' ... 'f'] = LETTER | LEX_HEX,
    ['g' ... 'z'] = LETTER,
    ['0' ... '9'] = LEX_SAFE | LEX_DIGIT | LEX_HEX,
    ['_'] = LEX_SAFE | LEX_UNDER,
    ['+'] = SAFE,
    ['-'] = SAFE,
    ['&'] = SAFE,
    ['!'] = SAFE,
    ['/'] = SAFE,
    ['\''] = SAFE,
    ['?'] = SAFE,
    ['@'] = SAFE,
    ['^'] = SAFE,
    ['`'] = SAFE,
    ['~'] = SAFE,
    ['*'] = SAFE,
    ['$'] = SAFE,
    ['\\'] = SAFE,
    ['('] = SAFE,
    [')'] = SAFE,
    ['%'] = SAFE,
    ['|'] = SAFE,
    ['.'] = SAFE,
    [';'] = REST,
    ['['] = REST,
    [']'] = REST,
    ['{'] = REST,
    ['}'] = REST,
    [':'] = REST,
    [','] = REST,
    ['#'] = REST,
    ['<'] = REST,
    ['>'] = REST,
    ['='] = REST,
    [' '] = LEX_BLANK,
    ['\t'] = LEX_BLANK,
    ['\r'] = LEX_EOL,
    ['\n'] = LEX_EOL,
};

void lex_ws(struct lex *l)
{
    for (;;) {
        while (lex_is(*l->p, LEX_BLANK | LEX_EOL))
            l->p++;
        if (*l->p != ';')
            return;
        const char *q = l->p + 1;
        while (lex_is(*q, LEX_QUOTED) || *q == '"')
            q++;
        if (!lex_is(*q, LEX_EOL))
            return; /* the `;` stays and is refused as an unexpected character */
        l->p = q;
    }
}

bool lex_take(struct lex *l, char c)
{
    lex_ws(l);
    if (*l->p != c || l->p == l->end)
        return false;
    l->p++;
    lex_ws(l);
    return true;
}

struct sv lex_word(struct lex *l)
{
    const char *start = l->p;

    while (lex_is(*l->p, LEX_SAFE))
        l->p++;
    return (struct sv){start, (size_t)(l->p - start)};
}

void lex_where(const struct lex *l, const char *at, unsigned *line, unsigned *column)
{
    const char *p, *start = l->base;

    *line = 1;
    for (p = l->base; p < at; p++) {
        if (*p == '\n' || (*p == '\r' && p[1] != '\n')) {
            ++*line;
            start = p + 1;
        }
    }
    *column = (unsigned)(at - start) + 1;
}

/* Copies the raw text without the escapes. */
static bool octets_unescape(struct arena *a, struct sv raw, struct sv *out)
{
    char *to = arena_alloc(a, raw.n + 1);
    size_t i, n = 0;

    if (!to)
        return false;
    for (i = 0; i < raw.n; i++) {
        if (raw.p[i] == '\\' && i + 1 < raw.n && raw.p[i + 1] == '}')
            i++;
        to[n++] = raw.p[i];
    }
    *out = (struct sv){to, n};
    return true;
}

/* Blanks between the last line end and the closing brace are the brace's indentation, no line of
 * the text. */
static size_t octets_indent(struct sv raw)
{
    size_t n = 0;

    while (n < raw.n && lex_is(raw.p[raw.n - n - 1], LEX_BLANK))
        n++;
    return n < raw.n && lex_is(raw.p[raw.n - n - 1], LEX_EOL) ? n : 0;
}

enum lex_octets lex_octets(struct lex *l, struct arena *a, struct sv *out)
{
    bool escaped = false;
    const char *start;

    while (lex_is(*l->p, LEX_BLANK | LEX_EOL))
        l->p++;
    for (start = l->p; *l->p != '}'; l->p++) {
        if (!*l->p)
            return l->p == l->end ? LEX_OCTETS_OPEN : LEX_OCTETS_NUL;
        if (*l->p == '\\' && l->p[1] == '}') {
            escaped = true;
            l->p++;
        }
    }
    *out = (struct sv){start, (size_t)(l->p - start)};
    out->n -= octets_indent(*out);
    if (escaped && !octets_unescape(a, *out, out))
        return LEX_OCTETS_NOMEM;
    return LEX_OCTETS_OK;
}

bool lex_all(struct sv w, unsigned classes)
{
    size_t i;

    for (i = 0; i < w.n; i++)
        if (!lex_is(w.p[i], classes))
            return false;
    return true;
}

bool lex_is_name(struct sv w)
{
    return w.n && w.n <= H248_NAME_MAX && lex_is(w.p[0], LEX_ALPHA) && lex_all(w, LEX_NAME);
}

bool lex_is_item(struct sv w, bool wildcard)
{
    struct sv pkg = sv_cut(&w, '/');

    if (wildcard && w.n == 1 && *w.p == '*')
        return lex_is_name(pkg) || (pkg.n == 1 && *pkg.p == '*');
    return lex_is_name(pkg) && lex_is_name(w);
}

/* pathDomainName: (ALPHA / DIGIT / "*") *63(ALPHA / DIGIT / "-" / "*" / ".") */
static bool is_path_domain(struct sv w)
{
    size_t i;

    if (!w.n || w.n > 64 || !(lex_is(w.p[0], LEX_ALPHA | LEX_DIGIT) || w.p[0] == '*'))
        return false;
    for (i = 1; i < w.n; i++)
        if (!lex_is(w.p[i], LEX_ALPHA | LEX_DIGIT) && w.p[i] != '-' && w.p[i] != '*' &&
            w.p[i] != '.')
            return false;
    return true;
}

bool lex_is_path(struct sv w)
{
    size_t i = 0;

    if (w.n > H248_NAME_MAX)
        return false;
    if (w.n && w.p[0] == '*')
        i++;
    if (i == w.n || !lex_is(w.p[i], LEX_ALPHA))
        return false;
    for (; i < w.n && w.p[i] != '@'; i++)
        if (!lex_is(w.p[i], LEX_NAME) && w.p[i] != '/' && w.p[i] != '*' && w.p[i] != '$')
            return false;
    return i == w.n || is_path_domain((struct sv){w.p + i + 1, w.n - i - 1});
}

bool lex_is_termid(struct sv w)
{
    if (w.n == 1 && (*w.p == '$' || *w.p == '*'))
        return true;
    return lex_is_path(w); /* ROOT is of that form too */
}

bool lex_is_stamp(struct sv w)
{
    return w.n == 17 && (w.p[8] == 'T' || w.p[8] == 't') &&
           lex_all((struct sv){w.p, 8}, LEX_DIGIT) && lex_all((struct sv){w.p + 9, 8}, LEX_DIGIT);
}

bool lex_is_extension(struct sv w)
{
    return w.n >= 3 && w.n <= 8 && (w.p[0] == 'X' || w.p[0] == 'x') &&
           (w.p[1] == '-' || w.p[1] == '+') &&
           lex_all((struct sv){w.p + 2, w.n - 2}, LEX_ALPHA | LEX_DIGIT);
}

int lex_uint(struct sv w, unsigned digits, uint32_t max, uint32_t *out)
{
    uint64_t v = 0;
    size_t i;

    if (!w.n || !lex_all(w, LEX_DIGIT))
        return -EINVAL;
    if (w.n > digits)
        return -ERANGE;
    for (i = 0; i < w.n; i++)
        v = v * 10 + (uint64_t)(w.p[i] - '0');
    if (v > max)
        return -ERANGE;
    *out = (uint32_t)v;
    return 0;
}

/* --- digit maps: H.248.1 7.1.14 --- */

/* digitMapLetter: digits, A-K, and the timers L S T Z (long duration Z, inter-event S L T) */
static bool is_map_letter(char c)
{
    char u = (char)(c & ~0x20);

    return lex_is(c, LEX_DIGIT) || (u >= 'A' && u <= 'K') || u == 'L' || u == 'S' || u == 'T' ||
           u == 'Z';
}

/* One `[...]` behind its bracket: letters and digit ranges. */
static bool map_range(struct lex *l)
{
    lex_ws(l);
    while (is_map_letter(*l->p)) {
        if (l->p[1] == '-') {
            if (!lex_is(l->p[0], LEX_DIGIT) || !lex_is(l->p[2], LEX_DIGIT))
                return false;
            l->p += 2;
        }
        l->p++;
    }
    return lex_take(l, ']');
}

static bool map_string(struct lex *l)
{
    unsigned n = 0;

    for (;; n++) {
        if (is_map_letter(*l->p) || *l->p == 'x' || *l->p == 'X')
            l->p++;
        else if (!lex_take(l, '['))
            return n > 0;
        else if (!map_range(l))
            return false;
        if (*l->p == '.')
            l->p++;
    }
}

/* [T:n,] [S:n,] [L:n,] [Z:n,] in that order; v2 brought Z. */
static bool map_timers(struct lex *l)
{
    const char *order = "TSLZ";
    unsigned n;

    for (; *order; order++) {
        if ((*l->p & ~0x20) != *order || l->p[1] != ':')
            continue;
        l->p += 2;
        for (n = 0; lex_is(*l->p, LEX_DIGIT); n++)
            l->p++;
        if (n < 1 || n > 2 || !lex_take(l, ','))
            return false;
    }
    return true;
}

bool lex_is_digitmap(struct sv w)
{
    struct lex l = {w.p, w.p, w.p + w.n};
    bool list;

    /* a comment here could swallow the brace that ends the map, or not, as its line ends */
    if (!w.n || memchr(w.p, ';', w.n) || !map_timers(&l))
        return false;
    list = lex_take(&l, '(');
    do {
        lex_ws(&l);
        if (!map_string(&l))
            return false;
    } while (list && lex_take(&l, '|'));
    if (list && !lex_take(&l, ')'))
        return false;
    lex_ws(&l);
    return l.p >= l.end;
}
