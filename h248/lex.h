/* Characters and lexical items of the text encoding (H.248.1 annex B.2): a cursor over the arena's
 * copy of a message, which ends with a NUL behind `end`, so that the scanners need no bound of
 * their own. Any thread. */
#pragma once

#include "common/arena.h"

/* character classes */
#define LEX_SAFE 1u   /* SafeChar */
#define LEX_REST 2u   /* RestChar */
#define LEX_BLANK 4u  /* SP HTAB */
#define LEX_EOL 8u    /* CR LF */
#define LEX_ALPHA 16u
#define LEX_DIGIT 32u
#define LEX_HEX 64u
#define LEX_UNDER 128u /* _ */
#define LEX_NAME (LEX_ALPHA | LEX_DIGIT | LEX_UNDER)
#define LEX_QUOTED (LEX_SAFE | LEX_REST | LEX_BLANK) /* inside a quoted string */
extern const uint8_t lex_class[256];

static inline bool lex_is(char c, unsigned classes)
{
    return lex_class[(unsigned char)c] & classes;
}

struct lex {
    const char *base, *p, *end;
};

void lex_ws(struct lex *l); /* LWSP: blanks, line ends, comments that end with their line */
bool lex_take(struct lex *l,
              char c); /* LWSP c LWSP; false: not there, only white space was skipped */
struct sv lex_word(struct lex *l);      /* the longest run of SafeChar, may be empty */
void lex_where(const struct lex *l, const char *at, unsigned *line, unsigned *column);

enum lex_octets { LEX_OCTETS_OK, LEX_OCTETS_OPEN, LEX_OCTETS_NUL, LEX_OCTETS_NOMEM };
/* An octet string up to its unescaped `}`, which is not taken; \} becomes }. Leading white space is
 * skipped. */
enum lex_octets lex_octets(struct lex *l, struct arena *a, struct sv *out);

/* Whole-view checks */
bool lex_all(struct sv w,
             unsigned classes); /* every character is of one of the classes (true when empty) */
bool lex_is_name(struct sv w);                /* NAME */
bool lex_is_item(struct sv w,
                 bool wildcard); /* pkgdName: pkg/item; with wildcard also pkg/ * and * / * */
bool lex_is_path(struct sv w);                /* pathNAME, 64 octets at most */
bool lex_is_termid(struct sv w);              /* ROOT $ * pathNAME */
bool lex_is_stamp(struct sv w);               /* TimeStamp: yyyymmddThhmmssss */
bool lex_is_extension(struct sv w);           /* X-abc or X+abc, 1 to 6 letters or digits */
bool lex_is_digitmap(struct sv w);            /* digitMapValue: timers and digit strings */
/* Unsigned decimal of at most `digits` digits, 0..max. 0, -EINVAL (no number), -ERANGE. */
int lex_uint(struct sv w, unsigned digits, uint32_t max, uint32_t *out);
