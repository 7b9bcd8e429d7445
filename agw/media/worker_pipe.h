/* Inside of a worker: the connection that carries MSRP (bus_sep.pipe). It stays a connection of ICE like any other (worker_leg.c);
 * what is no STUN on it goes to the data thread and comes from there, on credit both ways: who has none left waits, nothing is
 * dropped. */
#pragma once

#include "agw/media/worker_priv.h"

bool worker_pipe_is(const struct leg *l); /* it carries its stream endpoint's pipe */
void worker_pipe_follow(struct worker *w, struct port *port); /* another pair is selected */
void worker_pipe_gone(struct worker *w, struct port *port, const struct leg *l); /* it has ended */
void worker_pipe_readable(struct worker *w, struct leg *l);
void worker_pipe_left(struct worker *w, struct leg *l); /* some of its queue may have left */
void worker_pipe_order(struct worker *w, struct port *port, const struct bus_msg *m); /* BUS_PIPE_*; port NULL: dropped */
