/* What the decoder's files share: the cursor with its position in the tree, and one function per
 * construct. Every function returns 0, -EBADMSG with the fault written, or -ENOMEM. */
#pragma once

#include <errno.h>
#include <utlist.h>

#include "h248/h248.h"
#include "h248/lex.h"
#include "h248/tok.h"

struct dec {
    struct lex lx;
    struct arena *a;
    struct h248_fault *fault; /* its level, tid, context, verb and termid follow the cursor */
    unsigned nodes;
    unsigned default_code;    /* of a syntax error at this level: 400 403 422 442 */
    bool is_reply;
    int node_err;             /* why dec_node gave NULL */
};

/* From here on a fault belongs to this level (H248_AT_*), and its code, if none is named, is this.
 */
static inline void dec_level(struct dec *d, int at, unsigned code)
{
    d->fault->level = at;
    d->default_code = code;
}

/* --- dec_item.c: words, numbers, values, lists --- */

/* Writes the fault (code 0: the level's own) at this place. Returns -EBADMSG. */
int dec_bad(struct dec *d, const char *at, unsigned code, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
#define DEC_SHOW(w) (int)((w).n > 70 ? 70 : (w).n), (w).p /* "%.*s" of what was read */
int dec_unexpected(struct dec *d, const char *wanted); /* ... what stands at the cursor */
int dec_no_such(struct dec *d, struct sv w, unsigned code, const char *what); /* "w is no what" */
int dec_twice(struct dec *d, struct sv w); /* 448: this descriptor was there already */
void *dec_node(struct dec *d, size_t size); /* a zeroed list node; NULL: return d->node_err */
#define DEC_NODE(d, type) ((type *)dec_node((d), sizeof(type)))
int dec_expect(struct dec *d, char c);
int dec_word(struct dec *d, struct sv *w, const char *wanted); /* a non-empty run of SafeChar */
bool dec_next_is(struct dec *d, char c); /* behind white space; nothing is taken */
/* The items behind an opening brace, with commas between, to the closing one, which is taken. At
 * least one. */
typedef int dec_item_h(struct dec *d, void *arg);
int dec_items(struct dec *d, char close, dec_item_h *item, void *arg);
int dec_braced(struct dec *d, dec_item_h *item, void *arg); /* the same with its `{` */
int dec_u16(struct dec *d, const char *what, uint16_t *out);
int dec_u32(struct dec *d, const char *what, uint32_t *out);
int dec_number(struct dec *d, struct sv w, const char *what, unsigned digits, uint32_t max,
               uint32_t *out);
int dec_request_id(struct dec *d, uint32_t *out);          /* UINT32 or * */
int dec_quoted(struct dec *d, struct sv *out);             /* "text" without its quotes */
int dec_text_value(struct dec *d, struct sv *text, bool *quoted); /* VALUE */
int dec_termid(struct dec *d, struct h248_termid **list);
int dec_termid_item(struct dec *d, void *list);
int dec_on_off(struct dec *d, enum h248_tri *out);
int dec_mid(struct dec *d, struct h248_mid *out);
int dec_item_name(struct dec *d, struct sv *out, bool wildcard); /* pkgdName */
/* parmValue behind the name; with `bare` it may be missing (rel NONE). */
int dec_parm_value(struct dec *d, struct h248_parm *p, bool bare);
/* A package item with its value; `at` is where the name stood (taken already). */
int dec_parm(struct dec *d, struct h248_parm **list, struct sv name, bool bare);
int dec_once(struct dec *d, const char *at, unsigned *seen, unsigned bit); /* 456 the second time */

/* --- dec_action.c --- */

/* One action of txn, the n-th from 0. It leaves the level at TXN. */
int dec_action(struct dec *d, struct h248_txn *txn, unsigned n);

/* --- dec_desc.c, dec_media.c, dec_services.c --- */

int dec_error(struct dec *d, struct h248_error *e);        /* behind the word Error */
/* The descriptors between braces, `allowed` a set of 1 << H248_D_*. */
int dec_descs(struct dec *d, struct h248_cmd *c, unsigned allowed);
int dec_media(struct dec *d, struct h248_media *m,
              bool ask); /* ask: individual audit, names without values */
int dec_audit(struct dec *d, struct h248_audit_item **list);
int dec_audit_item(struct dec *d, void *list);
int dec_packages(struct dec *d, struct h248_package **list);
int dec_statistics(struct dec *d, struct h248_parm **list, bool ask);
int dec_services(struct dec *d, struct h248_services *s);

/* --- dec_events.c: behind the descriptor's name --- */

enum dec_events {
    DEC_EVENTS,
    DEC_EVENT_BUFFER,
    DEC_OBSERVED,
    DEC_EMBEDDED,
    DEC_ASKED,
    DEC_ASKED_BUFFER
};
int dec_events(struct dec *d, struct h248_events *e, enum dec_events kind);
int dec_signals(struct dec *d, struct h248_signal **list);
int dec_digitmap(struct dec *d, struct h248_digitmap *m); /* behind `DigitMap` */
