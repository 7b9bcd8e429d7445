/* Variables of a chart: `<x>` is captured on first sight and must match after. One thread. */
#pragma once

#include "common/sv.h"

#define VARS_MAX 128
#define VAR_NAME 32
#define VAR_VALUE 1024

struct var {
    char name[VAR_NAME];
    char value[VAR_VALUE];
    bool bound;
};

struct vars {
    struct var v[VARS_MAX];
    unsigned n;
};

struct var *vars_get(struct vars *vs, struct sv name); /* made when new; NULL: full */
int vars_set(struct vars *vs, const char *name, const char *value);
/* Does `got` fit the pattern `want`? Captures are kept only when it does. Case folds when `fold`. */
bool vars_match(struct vars *vs, struct sv want, struct sv got, bool fold);
/* Every <x> replaced by its value; -ENOENT and the name in `missing` when one is not bound. */
int vars_fill(const struct vars *vs, struct sv text, char *out, size_t size, char missing[VAR_NAME]);
/* For H.248: <x> as a number that decodes wherever a number, name or identifier may stand, and back. */
int vars_mask(struct vars *vs, struct sv text, char *out, size_t size);
int vars_unmask(const struct vars *vs, struct sv text, char *out, size_t size);
