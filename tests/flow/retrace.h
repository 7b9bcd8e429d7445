/* Judging a chart by what alg and agw traced: every actor was real. */
#pragma once

#include "tests/flow/judge.h"
#include "tests/flow/ladder.h"

struct retrace_msg {
    int64_t t_us;
    char from[16], to[16], proto[8];
    struct sv title, body;
    struct h248_txn *txn; /* h248: the first transaction */
    bool used;
    bool again; /* the same octets passed before: sent again, as a busy machine was late with the answer */
    struct retrace_msg *prev, *next;
};

/* Messages of DIR/alg.trace (sip, h248) and DIR/agw.trace (ice, dtls, sctp, msrp; all when it is alone) in order of time. */
int retrace_load(struct arena *a, const char *dir, struct retrace_msg **list, char *err, size_t size);
/* Finds the message for one step behind `*at` on the same path; NULL and why when there is none. */
struct retrace_msg *retrace_find(struct retrace_msg *list, const struct chart_step *s, struct vars *vs, char *why,
                                 size_t size);
/* Where the next step of this protocol is looked for when m, found from `at` on, was this one's: behind it, or, when it is a reply, at
 * what another context asked meanwhile, which does not wait for it. */
struct retrace_msg *retrace_behind(struct retrace_msg *at, struct retrace_msg *m);
/* The whole chart, printed with everything else that passed. */
void retrace_judge(struct retrace_msg *list, struct vars *vs, struct ladder *l);
