/* What alg itself said on one leg: the o= line and the last body (RFC 3264 8: version + 1 whenever the body differs).
 * Owner: a leg. Pure but for the random session id. */
#pragma once

#include "common/sdp.h"

struct sdp_own {
    uint64_t id;      /* 0: nothing was said yet */
    uint32_t version;
    char *body;       /* the last one, NUL-terminated */
    size_t n;
    char *before;     /* the one that the last replaced, until it is known whether the peer takes it; NULL: none */
    size_t n_before;
};

/* Sets o=, s=, t= and prints into own->body. addr: of the o= line. 0, -EMSGSIZE, -ENOMEM. */
int sdp_own_print(struct sdp_own *own, struct sdp *s, struct sv addrtype, struct sv addr);
/* The peer took the last body, or refused it: then what was said before counts again (RFC 3264 8). */
void sdp_own_agree(struct sdp_own *own);
void sdp_own_undo(struct sdp_own *own);
struct sv sdp_own_body(const struct sdp_own *own);
void sdp_own_fini(struct sdp_own *own);
