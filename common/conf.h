/* Configuration: YAML through libyaml, one table per binary. --help-conf and the README print the table,
 * --check-conf says file:line, key, reason and what to write instead. Start-up only, main thread. */
#pragma once

#include "common/buf.h"

enum conf_type {
    CONF_STR,   /* char *            */
    CONF_INT,   /* int64_t           */
    CONF_BOOL,  /* bool              */
    CONF_STRS,  /* struct conf_strs: a YAML list of strings */
    CONF_TABLE, /* a YAML list of mappings: rows of `row`, struct conf_rows */
};

#define CONF_OR_ONE 1

struct conf_strs {
    char **v;
    unsigned n;
};

struct conf_rows {
    void *v; /* array of the row struct */
    unsigned n;
};

struct conf_key {
    const char *name;
    enum conf_type type;
    size_t offset;        /* of the field in the caller's struct */
    const char *def;      /* default as YAML text: "5", "true", "[\"a\", \"b\"]", "[{name: access, ...}]"; a CONF_STR
                           * is taken as it stands. NULL: none, the field stays zero */
    int64_t min, max;     /* CONF_INT; both 0: any number. CONF_STRS: max CONF_OR_ONE: a string alone is a list of one */
    const char *help;     /* one line: meaning and unit */
    const struct conf_key *row; /* CONF_TABLE: keys of one row, ends with name NULL */
    size_t row_size;            /* CONF_TABLE */
    int (*check)(const char *value, char *why, size_t size); /* CONF_STR(S): NULL, or 0 = fine, else why says what to write */
};

/* Fill `out` (zeroed by the caller) with the defaults, then with the file; path NULL = defaults only.
 * 0, or -EINVAL / -errno with the reason ("FILE:LINE: key: reason; write ...") in err. */
int conf_load(const struct conf_key *keys, const char *path, void *out, char *err, size_t errsize);
void conf_free(const struct conf_key *keys, void *out);
void conf_help(const struct conf_key *keys, struct buf *out); /* the table as commented YAML with defaults */
