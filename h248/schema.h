/* The message tree as data: one row per field. What walks the whole tree (compare, JSON) walks
 * these rows. Any thread. */
#pragma once

#include "h248/h248.h"

enum sch_type {
    SCH_BOOL,
    SCH_U16,
    SCH_U32,     /* uint32_t and unsigned */
    SCH_CONTEXT, /* uint32_t: - $ * or a number */
    SCH_REQUEST, /* uint32_t: * or a number */
    SCH_ENUM,    /* by names */
    SCH_FLAGS,   /* unsigned, a set of names, bit 0 first */
    SCH_TEXT,    /* struct sv */
    SCH_SDP,     /* struct sv: Local, Remote */
    SCH_BODY,    /* a struct in place */
    SCH_PTR,     /* a pointer to one, or NULL */
    SCH_LIST,    /* a utlist DL */
};

/* flags */
#define SCH_ALWAYS 1u    /* zero or empty is a value, not absence */
#define SCH_KEY 2u       /* tells elements of a list apart */
#define SCH_PREFER 4u    /* a key that is looked at first and may differ */
#define SCH_UNORDERED 8u /* a list whose order is free */
#define SCH_EXACT 16u    /* case counts */
#define SCH_HEADER 32u   /* of the message's header */
#define SCH_ONE 64u      /* 1 when absent; presence says nothing (the one-stream shorthand) */

struct sch_field {
    const char *name;
    enum sch_type type;
    size_t at;
    size_t has; /* offset of its presence flag plus 1; 0 = none */
    unsigned flags;
    const struct sch *of;
    const char *const *names;
    unsigned n_names;
};

struct sch {
    const char *name;
    size_t size;
    size_t prev; /* offset of the link fields prev, next */
    const struct sch_field *fields;
    unsigned n;
    const struct sch *const *variants; /* by the first field, an enum: more fields */
    unsigned n_variants;
};

extern const struct sch sch_msg;
/* The fields of this node's variant, or NULL. */
const struct sch *sch_variant(const struct sch *s, const void *node);
bool sch_present(const struct sch_field *f, const void *node);

static inline const void *sch_at(const void *node, const struct sch_field *f)
{
    return (const char *)node + f->at;
}

static inline const void *sch_next(const struct sch *s, const void *node)
{
    return *(const void *const *)((const char *)node + s->prev + sizeof(void *));
}
