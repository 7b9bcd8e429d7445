/* A set of descriptors: those that are browsers', so that nobody who looks through all has to ask the kernel what each one is.
 * A number goes out of the set before it is closed. Inside alg/sip only. Main thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct fds { /* all zero: empty */
    uint64_t *words;
    int n; /* of them */
};

void fds_put(struct fds *f, int fd); /* without memory it does not: its owner is asked then. A negative one is nobody's */
void fds_drop(struct fds *f, int fd);
bool fds_has(const struct fds *f, int fd);
void fds_fini(struct fds *f);
