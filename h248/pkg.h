/* H.248 packages as tables: every package and item name of the profile stands in exactly one row of pkg_*.c, bound to
 * one field of struct iq_stream, iq_term, iq_stats or iq_observed. Code walks the rows (iq_put, iq_get); a new property
 * is one row and one field. Constant data and pure functions: any thread. */
#pragma once

#include "h248/iq.h"

enum pkg_kind { PKG_PROPERTY, PKG_EVENT, PKG_SIGNAL, PKG_STATISTIC };

/* The type of a value and, with it, of the field that holds it. */
enum pkg_type {
    PKG_FLAG,   /* an event or signal by itself: bool                                        */
    PKG_BOOL,   /* ON / OFF: struct iq_bool                                                   */
    PKG_INT,    /* struct iq_int; as a list struct iq_ids                                     */
    PKG_FIXED,  /* a number with two decimals, "4.21": struct iq_int in hundredths            */
    PKG_STR,    /* quoted string: struct iq_text; as a list struct iq_texts                   */
    PKG_ENUM,   /* a word of `values`: struct iq_text, spelled as in the table                */
    PKG_CHOICE, /* a word of `values`: an enum, 0 = not given, 1 = the first word ...         */
};

struct pkg_def { /* min, max: of an integer, or the length of a string */
    enum pkg_type type;
    bool list;
    int64_t min, max;
    const char *const *values; /* ends with NULL */
};

enum pkg_scope { PKG_UNBOUND, PKG_OF_STREAM, PKG_OF_TERM, PKG_OF_OBSERVED, PKG_OF_STATS };
struct pkg_field {
    enum pkg_scope scope;
    size_t offset;
};
#define PKG_STREAM(f) {PKG_OF_STREAM, offsetof(struct iq_stream, f)}
#define PKG_TERM(f) {PKG_OF_TERM, offsetof(struct iq_term, f)}
#define PKG_STATS(f) {PKG_OF_STATS, offsetof(struct iq_stats, f)}
#define PKG_OBSERVED(f) {PKG_OF_OBSERVED, offsetof(struct iq_observed, f)}

struct pkg_param { /* of an event or a signal */
    const char *name;
    uint16_t id;
    struct pkg_def def;
    struct pkg_field field; /* of the command (armed, sent) or of the observed event */
    bool optional;          /* absent: the field stays unset; has_default goes before */
    bool has_default;
    int64_t value;          /* the default: a number */
};

#define PKG_IN_STATE 1u    /* TerminationState */
#define PKG_IN_CONTROL 2u  /* LocalControl */
#define PKG_READ_ONLY 4u   /* an Add or Modify of it is error 534 */
#define PKG_ON_BEARER 8u   /* event, signal without Stream: for streams with a transport of their own */
#define PKG_ON_CHANNEL 16u /* event, signal without Stream: for component streams (sctpid) */

struct pkg_item {
    const char *name;
    uint16_t id; /* binary item id; 0: unknown, and nothing depends on it */
    enum pkg_kind kind;
    unsigned where; /* PKG_IN_* */
    struct pkg_def def;
    struct pkg_field field; /* PKG_UNBOUND: known to the package, not used by us, unless a parameter is bound */
    const struct pkg_param *params;
    unsigned n_params;
    const char *select;            /* the parameter that tells the observed events apart; NULL: there is only one */
    const enum iq_event *observed; /* one for each word of `select`, or one; NULL: never observed */
};

struct pkg {
    const char *name;
    uint16_t id, version;
    const struct pkg_item *items;
    unsigned n_items;
};

/* Filled by pkg_base.c, pkg_ip.c, pkg_sec.c, pkg_web.c and pkg_stat.c; each list ends with NULL. */
extern const struct pkg *const pkg_base[], *const pkg_ip[], *const pkg_sec[], *const pkg_web[], *const pkg_stat[];

const struct pkg *pkg_at(unsigned i);        /* all packages in order; NULL behind the last */
const struct pkg *pkg_find(struct sv name);  /* by text id, folding case */
/* "pkg/item" -> its row. 0, or the H.248 error: 440 no such package, 450 451 452 453 no such item in it. */
unsigned pkg_lookup(struct sv name, enum pkg_kind kind, const struct pkg **pkg, const struct pkg_item **item);
const struct pkg_param *pkg_param_find(const struct pkg_item *item, struct sv name);
/* Of a command (stream or termination), by its own field or by a parameter's. */
enum pkg_scope pkg_scope_of(const struct pkg_item *item);

bool pkg_is_set(const struct pkg_def *def, const void *field);
/* Value -> field, text copied into the arena. 0, -EBADMSG (not a legal value: answer 449), -ENOMEM. */
int pkg_read(struct arena *a, const struct pkg_def *def, const struct h248_parm *p, void *field);
/* Field -> a new parameter `name` of the list. 0, -EINVAL (the field is out of range), -ENOMEM. */
int pkg_write(struct arena *a, const struct pkg_def *def, const void *field, const char *name, struct h248_parm **list);
