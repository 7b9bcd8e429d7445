/* What alg keeps over a restart, in state_dir: registrations.db (the bindings and the number of this run) and flow.key (what
 * seals flow tokens, RFC 5626 5.2). No password, no digest, no token is in them. Owner: main.c. Main thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define STATE_KEY_LEN 32

struct state;

struct state_binding { /* texts live during the call or callback */
    const char *key, *aor, *contact;
    const char *service_route, *associated; /* NULL = none */
    const char *impi;     /* whose IMS credentials; NULL: the WIC's own */
    const char *request;  /* the REGISTER as the core took it (Call-ID, CSeq, Path), without Authorization; NULL */
    int64_t way;          /* enum way_kind */
    uint64_t flow;
    int64_t expires;      /* seconds of CLOCK_REALTIME */
    bool outbound;
};

int state_open(struct state **sp, const char *dir); /* makes dir (0700) when it is not there; -errno */
void state_close(struct state *s);                  /* NULL is fine */
uint64_t state_run(const struct state *s);          /* 1, 2, 3 ... : no two runs give out the same flow number */
const unsigned char *state_key(const struct state *s);
int state_put(struct state *s, const struct state_binding *b); /* adds or replaces by key; -errno */
int state_del(struct state *s, const char *key);
/* All that have not expired at `now` (CLOCK_REALTIME); the others are deleted first. How many, or -errno. */
int state_load(struct state *s, int64_t now, void (*each)(void *arg, const struct state_binding *b), void *arg);
