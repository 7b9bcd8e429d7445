/* What the parts of the data thread share, and the joins between them. Channels and TCP endpoints never call each other or
 * the thread: they touch their join, and data.c has the joins that were touched pumped before it waits again. */
#pragma once

#include <utlist.h>
#include <uv.h>

#include "agw/data/data.h"
#include "agw/data/sctp.h"

struct chan;
struct tcp;
struct relay;
struct pipe;
struct pass;

struct join { /* join.h */
    struct join *prev, *next; /* env->touched */
    bool listed;
    bool live; /* the relay has seen the connection that tcp has now */
    struct chan *chan; /* with a relay ... */
    struct relay *relay;
    struct pipe *pipe; /* ... or a pipe, with a pass each way: up is towards the core */
    struct pass *up, *down;
    struct tcp *tcp;
};

struct env {
    uv_loop_t loop;
    struct data_conf conf;
    struct sctp_lib *lib;
    struct join *touched;
    msec_t now; /* of this wake-up */
    msec_t bad_logged; /* when a line said that a UE sent no MSRP; 0: never */
    msec_t refused_logged; /* when one said that a stranger was refused */
    count_t counts[DATA_C_N];
};

static inline void join_touch(struct env *env, struct join *j)
{
    if (!j || j->listed)
        return;
    j->listed = true;
    DL_APPEND(env->touched, j);
}

static inline void env_count(struct env *env, enum data_counter c, int64_t n)
{
    count_add(&env->counts[c], n);
}

static inline void env_event(struct env *env, bus_id id, enum bus_what what, const char *text)
{
    bus_post_event(env->conf.ctl, id, what, text);
}
