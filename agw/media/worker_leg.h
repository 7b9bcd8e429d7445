/* Inside of a worker: TCP connections of its stream endpoints (worker_leg.c). A connection is an address of ICE like any other
 * (addr_conn), so the agent selects between UDP and TCP, and the path of a packet forks in worker_send and worker_flush_tx. */
#pragma once

#include "agw/media/worker_priv.h"

void worker_leg_open(struct worker *w, struct port *port, const struct bus_leg *spec); /* port NULL: closed */
void worker_leg_event(struct worker *w, struct sock *s, uint32_t events); /* of epoll */
void worker_leg_send(struct worker *w, struct port *port, const struct pkt *pkt); /* RTP, RTCP; pkt->to has a conn */
void worker_legs_flush_tx(struct worker *w, struct port *port); /* takes what is for connections out of w->tx */
void worker_legs_settle(struct worker *w, struct port *port);   /* who is selected now, and what is due when */
void worker_legs_tick(struct worker *w, struct port *port);
void worker_legs_close(struct worker *w, struct port *port);
void worker_legs_bury(struct worker *w); /* frees what ended; no event of the batch is left */

/* For worker_pipe.c. */
enum leg_end { LEG_BROKEN, LEG_LOSER, LEG_ENDED, LEG_MANY, LEG_NOBODY, LEG_MEMORY, LEG_UNCHECKED, LEG_REFUSED, LEG_EARLY,
               LEG_NO_MSRP, LEG_OVERSIZED, LEG_SLOW };
void worker_leg_end(struct worker *w, struct leg *l, enum leg_end why); /* its memory stays until worker_legs_bury */
struct leg *worker_leg_find(const struct port *port, uint32_t conn);
void worker_leg_arm(struct worker *w, struct leg *l); /* what epoll is to wait for, as things are */
/* One frame. True: it is on its way, or waits; it may have ended, too. */
bool worker_leg_put(struct worker *w, struct leg *l, const uint8_t *p, size_t n, bool rtp);
void worker_leg_packet(struct worker *w, struct leg *l, const uint8_t *p, size_t n);
