/* What the encoder's files share: the output with its style, and one function per construct. The
 * first thing that cannot be said is remembered in `err`; nobody looks at it before the end. */
#pragma once

#include <errno.h>
#include <utlist.h>

#include "h248/h248.h"
#include "h248/lex.h"
#include "h248/tok.h"

struct enc {
    struct buf *b;
    bool compact;
    bool bare_signals;
    unsigned version;
    unsigned depth; /* of indentation */
    int err;        /* -EINVAL: no text of this version says that */
};

/* Braces with commas between; `line` = the whole list on one line. */
struct enc_list {
    bool line, first;
    char close;
};

/* --- enc_item.c --- */

void enc_fail(struct enc *e);
void enc_need(struct enc *e, unsigned version); /* an element that is there since this version */
void enc_tok(struct enc *e, enum tok t);
void enc_word(struct enc *e,
              struct sv w); /* tokens kept in long form (`Restart`) are shortened; else as it is */
void enc_sv(struct enc *e, struct sv w);        /* a run of SafeChar, not empty */
void enc_num(struct enc *e, uint32_t v);
void enc_str(struct enc *e, const char *s);
void enc_eq(struct enc *e);
struct enc_list enc_open(struct enc *e, char open, bool line);
void enc_next(struct enc *e, struct enc_list *l); /* in front of each item */
void enc_close(struct enc *e, struct enc_list *l);
void enc_quoted(struct enc *e, struct sv text);
void enc_value(struct enc *e, struct sv text, bool quoted);
void enc_request_id(struct enc *e, uint32_t id);
void enc_mid(struct enc *e, const struct h248_mid *mid);
void enc_on_off(struct enc *e, enum tok name, enum h248_tri v);
void enc_parm(struct enc *e, const struct h248_parm *p);
void enc_parms(struct enc *e, struct enc_list *l,
               const struct h248_parm *list); /* as items of an open list */
void enc_error(struct enc *e, const struct h248_error *err);
void enc_terms(struct enc *e, const struct h248_termid *list); /* { a, b } */

/* --- enc_desc.c, enc_events.c --- */

void enc_descs(struct enc *e,
               const struct h248_desc *list); /* in braces; nothing for an empty list */
void enc_audit_items(struct enc *e, struct enc_list *l, const struct h248_audit_item *list);
void enc_events(struct enc *e, enum tok name, const struct h248_events *ev);
void enc_signals(struct enc *e, const struct h248_signal *list);
void enc_digitmap(struct enc *e, const struct h248_digitmap *m);
