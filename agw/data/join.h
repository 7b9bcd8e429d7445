/* Who is connected with whom: a channel or the byte stream of an ICE-TCP connection on the access side, a TCP endpoint on the
 * core's. Everything that moves, moves here. Owner: the two ends, whichever goes first frees it. Thread: data. */
#pragma once

#include "agw/data/env.h"

/* The ends are in no other join. 0, -ENOMEM. */
int join_chan(struct env *env, struct chan *c, struct tcp *t);
int join_pipe(struct env *env, struct pipe *p, struct tcp *t);
void join_free(struct env *env, struct join *j); /* NULL is fine */
/* Before join_free, when one end stays and may get another partner: what is half said to it or by it can only be over. */
void join_pipe_leave(struct join *j, bool pipe_stays); /* join_pipe.c */
void join_pump(struct env *env, struct join *j); /* as much as can move now */
void join_pipe_pump(struct env *env, struct join *j); /* join_pipe.c: of join_pump */
