/* Who is it for: one thread in front of the workers that accepts TCP connections for all streams of all realms (ICE-TCP, RFC
 * 6544; TS 33.203 W.3), looks at the first frame of each without taking it, and gives the connection to the worker of the
 * stream whose ufrag it names. What is nobody's costs the workers nothing. Control tells ufrags by BUS_DOOR_*. HTTP gets a
 * 400, or is handed to a local web server. */
#pragma once

#include "agw/bus.h"
#include "common/count.h"

struct door;

enum door_counter {
    DOOR_C_ACCEPTED, DOOR_C_LET_IN, DOOR_C_UNKNOWN, DOOR_C_NOT_STUN, DOOR_C_OVERSIZED, DOOR_C_LATE, DOOR_C_LEFT, DOOR_C_CROWDED,
    DOOR_C_HTTP, DOOR_C_HTTP_REFUSED, DOOR_C_NO_FD, DOOR_C_WAITING, DOOR_C_N
};
extern const struct count_def door_counters[DOOR_C_N];

struct door_listener {
    int fd;            /* listening, non-blocking */
    struct addr local;
    unsigned realm;    /* index */
    bool has_http;
    struct addr http;  /* the web server that HTTP requests go to */
};

struct door_conf {
    const struct door_listener *listeners; /* copied; the sockets become the door's, come what may */
    unsigned n_listeners;                  /* at most MEDIA_DOOR_LISTENERS */
    struct inbox *const *workers;
    unsigned check_ms;                     /* from accept to the first check; 0: MEDIA_LEG_CHECK_MS */
    unsigned waiting;                      /* so many that have not said whose they are; 0: MEDIA_DOOR_WAITING */
};

int door_new(struct door **dp, const struct door_conf *conf); /* starts the thread */
struct inbox *door_inbox(struct door *d);
void door_free(struct door *d); /* NULL is fine; posts BUS_STOP and joins the thread. Before the workers are freed */
const count_t *door_counts(const struct door *d);
