/* String view: a piece of text that somebody else owns; not NUL-terminated.
 * Everything here is pure and may be called from any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct sv {
    const char *p; /* NULL only with n == 0 */
    size_t n;
};

#define SV(lit) ((struct sv){(lit), sizeof(lit) - 1})
#define SV_NONE ((struct sv){NULL, 0})
/* for printf("%.*s", SV_ARG(v)) */
#define SV_ARG(v) (int)(v).n, (v).p ? (v).p : ""
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

static inline struct sv sv_from(const char *s)
{
    return (struct sv){s, s ? strlen(s) : 0};
}

bool sv_eq(struct sv a, struct sv b);     /* byte for byte */
bool sv_ieq(struct sv a, struct sv b);    /* ASCII case folded */
bool sv_is(struct sv a, const char *s);   /* sv_eq with a C string */
bool sv_iis(struct sv a, const char *s);  /* sv_ieq with a C string */
bool sv_starts(struct sv a, const char *prefix);
bool sv_istarts(struct sv a, const char *prefix);

/* Without leading and trailing blanks, tabs, CR and LF. */
struct sv sv_trim(struct sv a);

/* Take the text before the first `sep` off the front of *rest and return it; *rest then starts behind
 * the separator. Without a separator the whole of *rest is returned and *rest becomes empty (p NULL). */
struct sv sv_cut(struct sv *rest, char sep);

/* Like sv_cut at runs of blanks and tabs: the next word, empty at the end. */
struct sv sv_word(struct sv *rest);

/* Like sv_cut at line ends (CR LF, LF or CR); the line end is not part of the result. */
struct sv sv_line(struct sv *rest);

/* Decimal number, whole view, no sign, 0..max. 0 on success, -EINVAL or -ERANGE. */
int sv_u64(struct sv a, uint64_t max, uint64_t *out);
int sv_u32(struct sv a, uint32_t max, uint32_t *out);

/* Copy as a C string; cut to fit; always terminated when size > 0. Returns the length of a (so > size-1 = cut). */
size_t sv_copy(struct sv a, char *dst, size_t size);
