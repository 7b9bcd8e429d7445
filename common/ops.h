/* Operations endpoint: GET /health (200 "ok" or 503 with the reason) and GET /metrics (Prometheus text), 421 for a Host that is
 * neither an address nor a name of ours (a page whose own name leads here: DNS rebinding); by
 * libmicrohttpd driven from the caller's libuv loop. Owner and thread: the service's main/control thread. */
#pragma once

#include <uv.h>

#include "common/buf.h"
#include "common/net.h"

struct ops;

struct ops_h {
    bool (*health)(void *arg, struct buf *why); /* true = serving; else why tells the operator */
    void (*metrics)(void *arg, struct buf *out);
    void *arg;
    const char *const *hosts; /* names in Host besides addresses and localhost; live as long as the ops */
    unsigned n_hosts;
};

int ops_new(struct ops **op, uv_loop_t *loop, const struct addr *listen, const struct ops_h *h); /* -errno */
void ops_free(struct ops *o); /* NULL is fine; run the loop once afterwards so that the handles close */
