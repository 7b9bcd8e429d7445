/* One MSRP session of the lab's far end over TCP (RFC 4975, CEMA RFC 6714): listens or connects, answers each SEND,
 * puts chunks together, sends messages in chunks. Written apart from agw/data on purpose: it is the other end.
 * One libuv loop. */
#pragma once

#include <uv.h>

#include "common/net.h"
#include "common/sv.h"

struct far_msrp;

struct far_msrp_h {
    void (*message)(void *arg, struct sv ctype, struct sv body); /* a whole message */
    void (*up)(void *arg);                                       /* TCP is there */
    void (*sent)(void *arg, const char *msgid, int status);      /* last chunk answered: 200, or the failure */
    void (*closed)(void *arg);
    void *arg;
};

int far_msrp_new(struct far_msrp **mp, uv_loop_t *loop, const char *local_ip, const struct far_msrp_h *h);
uint16_t far_msrp_port(const struct far_msrp *m);
const char *far_msrp_path(const struct far_msrp *m); /* msrp://127.0.0.1:PORT/ID;tcp */
/* active: connect to `remote` and send an empty SEND; else wait for it. */
int far_msrp_start(struct far_msrp *m, bool active, const struct addr *remote, const char *remote_path);
/* Queue one message; chunk: octets of body in one SEND (0 = 2048 as RFC 4975 5.1 asks of large ones). */
int far_msrp_send(struct far_msrp *m, const char *ctype, const void *body, size_t n, size_t chunk);
/* Close the connection, not the session: an active end may start again, a passive one takes the next connection. */
void far_msrp_drop(struct far_msrp *m);
void far_msrp_free(struct far_msrp *m);
