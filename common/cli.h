/* The command line that every service has: -c FILE, --check-conf FILE, --help-conf, --trace DIR, --help, --version.
 * Start-up only, main thread. */
#pragma once

#include "common/buf.h"

struct cli {
    const char *name;  /* "alg" */
    const char *usage; /* whole text of --help */
    int (*load)(void *conf, const char *path, char *err, size_t size); /* path NULL: defaults */
    void (*unload)(void *conf);
    void (*help)(struct buf *out);
};

#define CLI_GO_ON (-1)

/* CLI_GO_ON: serve; conf is loaded and the trace directory (NULL = none) set. Else the exit status: what was asked is done,
 * or the reason was printed. */
int cli_parse(const struct cli *c, int argc, char **argv, void *conf, const char **trace_dir);
