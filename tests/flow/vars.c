#include "tests/flow/vars.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "common/buf.h"

#define MASK_BASE 4000000000u /* + index: below the reserved ContextIDs, 10 digits */
#define MASK_LEN 10

struct var *vars_get(struct vars *vs, struct sv name)
{
    struct var *v;

    for (unsigned i = 0; i < vs->n; i++) {
        if (sv_is(name, vs->v[i].name))
            return &vs->v[i];
    }
    if (vs->n == VARS_MAX || name.n >= VAR_NAME)
        return NULL;
    v = &vs->v[vs->n++];
    sv_copy(name, v->name, sizeof v->name);
    return v;
}

int vars_set(struct vars *vs, const char *name, const char *value)
{
    struct var *v = vars_get(vs, sv_from(name));

    if (!v || strlen(value) >= VAR_VALUE)
        return -ENOSPC;
    snprintf(v->value, sizeof v->value, "%s", value);
    v->bound = true;
    return 0;
}

/* A "<name>" at the start of text: its length with the brackets, 0 = none. */
static size_t token(struct sv text, struct sv *name)
{
    size_t i = 1;

    if (text.n < 3 || text.p[0] != '<' || !isalpha((unsigned char)text.p[1]))
        return 0;
    while (i < text.n && (isalnum((unsigned char)text.p[i]) || text.p[i] == '-' || text.p[i] == '_'))
        i++;
    if (i == text.n || text.p[i] != '>')
        return 0;
    *name = (struct sv){text.p + 1, i - 1};
    return i + 1;
}

static bool same(const char *a, const char *b, size_t n, bool fold)
{
    return fold ? !strncasecmp(a, b, n) : !memcmp(a, b, n);
}

/* How many octets of got the variable before `rest` takes: up to the first octet of what follows. */
static size_t take(struct sv rest, struct sv got, bool fold)
{
    struct sv name;
    size_t n = 0;

    if (!rest.n)
        return got.n;
    if (token(rest, &name))
        return got.n ? 1 : 0;
    while (n < got.n && !same(got.p + n, rest.p, 1, fold))
        n++;
    return n;
}

bool vars_match(struct vars *vs, struct sv want, struct sv got, bool fold)
{
    struct vars *saved = malloc(sizeof *saved);
    bool ok = saved != NULL;

    if (saved)
        *saved = *vs;
    while (ok && want.n) {
        struct sv name;
        size_t len = token(want, &name), n;
        struct var *v = len ? vars_get(vs, name) : NULL;

        if (!len) {
            ok = got.n && same(want.p, got.p, 1, fold);
            n = ok ? 1 : 0;
            len = 1;
        } else if (v && v->bound) {
            n = strlen(v->value);
            ok = n <= got.n && same(v->value, got.p, n, true);
        } else {
            n = take((struct sv){want.p + len, want.n - len}, got, fold);
            ok = v && n > 0 && n < VAR_VALUE;
            if (ok) {
                sv_copy((struct sv){got.p, n}, v->value, sizeof v->value);
                v->bound = true;
            }
        }
        if (ok) {
            want.p += len;
            want.n -= len;
            got.p += n;
            got.n -= n;
        }
    }
    ok = ok && !got.n;
    if (!ok && saved)
        *vs = *saved;
    free(saved);
    return ok;
}

int vars_fill(const struct vars *vs, struct sv text, char *out, size_t size, char missing[VAR_NAME])
{
    struct buf b = buf_over(out, size - 1);

    while (text.n) {
        struct sv name;
        size_t len = token(text, &name);
        const struct var *v = len ? vars_get((struct vars *)vs, name) : NULL;

        if (len && (!v || !v->bound)) {
            sv_copy(name, missing, VAR_NAME);
            return -ENOENT;
        }
        if (len)
            buf_str(&b, v->value);
        else
            buf_put(&b, text.p, 1);
        len = len ? len : 1;
        text.p += len;
        text.n -= len;
    }
    out[b.len] = 0;
    return buf_err(&b);
}

int vars_mask(struct vars *vs, struct sv text, char *out, size_t size)
{
    struct buf b = buf_over(out, size - 1);

    while (text.n) {
        struct sv name;
        size_t len = token(text, &name);
        const struct var *v = len ? vars_get(vs, name) : NULL;

        if (len && !v)
            return -ENOSPC;
        if (len)
            buf_printf(&b, "%u", MASK_BASE + (unsigned)(v - vs->v));
        else
            buf_put(&b, text.p, 1);
        len = len ? len : 1;
        text.p += len;
        text.n -= len;
    }
    out[b.len] = 0;
    return buf_err(&b);
}

int vars_unmask(const struct vars *vs, struct sv text, char *out, size_t size)
{
    struct buf b = buf_over(out, size - 1);

    while (text.n) {
        struct sv digits = {text.p, text.n < MASK_LEN ? text.n : MASK_LEN};
        uint32_t u = 0;

        if (digits.n == MASK_LEN && !sv_u32(digits, UINT32_MAX, &u) && u >= MASK_BASE &&
            u - MASK_BASE < vs->n) {
            buf_printf(&b, "<%s>", vs->v[u - MASK_BASE].name);
            text.p += MASK_LEN;
            text.n -= MASK_LEN;
            continue;
        }
        buf_put(&b, text.p++, 1);
        text.n--;
    }
    out[b.len] = 0;
    return buf_err(&b);
}
