/* WebSocket client with subprotocol sip (RFC 7118) for charts, lab and tests; libwebsockets on the caller's libuv loop.
 * One struct wsc_lib per loop, any number of connections. */
#pragma once

#include <uv.h>

#include "common/sv.h"

struct wsc_lib;
struct wsc;

struct wsc_h {
    void (*open)(void *arg);
    void (*message)(void *arg, struct sv text); /* one whole WebSocket message */
    void (*closed)(void *arg, const char *why); /* also when it could not be opened; the wsc is gone after it */
    void *arg;
};

int wsc_lib_new(struct wsc_lib **lp, uv_loop_t *loop);
void wsc_lib_free(struct wsc_lib *l); /* runs the loop a few times */
/* url: "ws://127.0.0.1:8080/" or "wss://..." (any certificate is taken). origin NULL = none. */
int wsc_new(struct wsc **wp, struct wsc_lib *l, const char *url, const char *origin, const struct wsc_h *h);
int wsc_send(struct wsc *w, struct sv text);
void wsc_close(struct wsc *w); /* orderly; closed is called */
void wsc_vanish(struct wsc *w); /* the TCP connection just goes; closed is not called */
