#include "common/sv.h"

#include <errno.h>

static char fold(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

bool sv_eq(struct sv a, struct sv b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool sv_ieq(struct sv a, struct sv b)
{
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++) {
        if (fold(a.p[i]) != fold(b.p[i]))
            return false;
    }
    return true;
}

bool sv_is(struct sv a, const char *s)
{
    return sv_eq(a, sv_from(s));
}

bool sv_iis(struct sv a, const char *s)
{
    return sv_ieq(a, sv_from(s));
}

bool sv_starts(struct sv a, const char *prefix)
{
    size_t n = strlen(prefix);

    return a.n >= n && sv_eq((struct sv){a.p, n}, sv_from(prefix));
}

bool sv_istarts(struct sv a, const char *prefix)
{
    size_t n = strlen(prefix);

    return a.n >= n && sv_ieq((struct sv){a.p, n}, sv_from(prefix));
}

struct sv sv_trim(struct sv a)
{
    while (a.n > 0 && (is_blank(a.p[0]) || a.p[0] == '\r' || a.p[0] == '\n')) {
        a.p++;
        a.n--;
    }
    while (a.n > 0 && (is_blank(a.p[a.n - 1]) || a.p[a.n - 1] == '\r' || a.p[a.n - 1] == '\n'))
        a.n--;
    return a;
}

/* The first `len` bytes leave *rest, the `skip` bytes behind them are dropped. */
static struct sv take(struct sv *rest, size_t len, size_t skip)
{
    struct sv head = {rest->p, len};

    if (skip == 0 && len == rest->n) {
        *rest = SV_NONE;
    } else {
        rest->p += len + skip;
        rest->n -= len + skip;
    }
    return head;
}

struct sv sv_cut(struct sv *rest, char sep)
{
    const char *at = rest->n ? memchr(rest->p, sep, rest->n) : NULL;

    if (!at)
        return take(rest, rest->n, 0);
    return take(rest, (size_t)(at - rest->p), 1);
}

struct sv sv_word(struct sv *rest)
{
    size_t len = 0, skip = 0;

    while (rest->n > 0 && is_blank(rest->p[0])) {
        rest->p++;
        rest->n--;
    }
    while (len < rest->n && !is_blank(rest->p[len]))
        len++;
    while (len + skip < rest->n && is_blank(rest->p[len + skip]))
        skip++;
    return take(rest, len, skip);
}

struct sv sv_line(struct sv *rest)
{
    size_t len = 0;

    while (len < rest->n && rest->p[len] != '\n' && rest->p[len] != '\r')
        len++;
    if (len == rest->n)
        return take(rest, len, 0);
    if (rest->p[len] == '\r' && len + 1 < rest->n && rest->p[len + 1] == '\n')
        return take(rest, len, 2);
    return take(rest, len, 1);
}

int sv_u64(struct sv a, uint64_t max, uint64_t *out)
{
    uint64_t v = 0;

    if (a.n == 0)
        return -EINVAL;
    for (size_t i = 0; i < a.n; i++) {
        if (a.p[i] < '0' || a.p[i] > '9')
            return -EINVAL;
    }
    for (size_t i = 0; i < a.n; i++) {
        unsigned d = (unsigned)(a.p[i] - '0');

        if (v > (UINT64_MAX - d) / 10)
            return -ERANGE;
        v = v * 10 + d;
    }
    if (v > max)
        return -ERANGE;
    *out = v;
    return 0;
}

int sv_u32(struct sv a, uint32_t max, uint32_t *out)
{
    uint64_t v;
    int err = sv_u64(a, max, &v);

    if (!err)
        *out = (uint32_t)v;
    return err;
}

size_t sv_copy(struct sv a, char *dst, size_t size)
{
    size_t n;

    if (size == 0)
        return a.n;
    n = a.n < size ? a.n : size - 1;
    if (n)
        memcpy(dst, a.p, n);
    dst[n] = '\0';
    return a.n;
}
