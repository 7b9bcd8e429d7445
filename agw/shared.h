/* The UDP sockets that the ICE streams of a worker share: one for each realm, worker and address family, on the highest free
 * ports of the realm's range. Start-up only; the control thread. */
#pragma once

#include "agw/ctl/ctl.h"
#include "agw/media/worker.h"

struct shared_set { /* of one worker */
    unsigned n;
    struct worker_shared v[CTL_REALMS * 2];
};

/* Opens them for a realm and notes their addresses in r->shared. A range too small to spare them (they may take a quarter of
 * it) and one without a free port leave the realm without: every stream takes a port of its own then. */
void shared_open(struct realm_conf *r, struct shared_set *of, unsigned n_workers);
void shared_close(struct shared_set *s); /* what no worker has taken */
