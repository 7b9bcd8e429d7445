/* The gateway as its controller sees it: the control association (role MG), transactions in, NOTIFY
 * out, and the clock and inbox under struct ctl. The only file of ctl/ with a loop. Owner: struct
 * agw. Thread: control. */
#pragma once

#include <uv.h>

#include "agw/ctl/ctl.h"
#include "common/trace.h"
#include "h248/link.h"

struct mg;

#define MG_STOP_MS 2000 /* endpoints have so long to close after the controller was told */

struct mg_conf {
    struct addr local;       /* own H.248 address; port 0: any */
    struct assoc_conf assoc; /* texts live as long as the mg */
    struct ctl_conf ctl;
    struct inbox *inbox; /* from workers and data; not owned */
    struct trace *trace; /* NULL = off */
};

int mg_new(struct mg **mp, uv_loop_t *loop, const struct mg_conf *conf);
void mg_register(struct mg *mg); /* registers */
/* ServiceChange Forced, then every context is released; done is called once, clean = every endpoint
 * is closed. */
void mg_stop(struct mg *mg, void (*done)(void *arg, bool clean), void *arg);
void mg_free(struct mg *mg); /* run the loop once afterwards so that the handles close */
bool mg_is_registered(const struct mg *mg);
const struct addr *mg_addr(const struct mg *mg);
void mg_metrics(const struct mg *mg, struct buf *out);
