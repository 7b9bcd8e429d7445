/* The sockets under an association: UDP on the caller's libuv loop, feeding assoc_input and its deadline timer.
 * Owner and thread: the service's control loop. The only file of h248/ that does I/O. */
#pragma once

#include <uv.h>

#include "h248/assoc.h"

struct link;

/* Bind *local (port 0: any; updated), create the association and serve it. h's send member is ignored: link sends. */
int link_new(struct link **lp, uv_loop_t *loop, struct addr *local, const struct assoc_conf *conf, const struct assoc_h *h);
void link_start(struct link *l);
void link_stop(struct link *l, void (*done)(void *arg), void *arg);
void link_free(struct link *l); /* run the loop once afterwards so that the handles close */
struct assoc *link_assoc(struct link *l);
/* Requests and answers go through these, so that the timer is set anew. */
int link_request(struct link *l, struct assoc_peer *peer, int (*build)(struct arena *a, struct h248_txn *txn, void *arg),
                 void *build_arg, trans_reply_h *cb, void *cb_arg);
int link_answer(struct link *l, struct trans_in *in, int (*build)(struct arena *a, struct h248_txn *txn, void *arg),
                void *build_arg);
