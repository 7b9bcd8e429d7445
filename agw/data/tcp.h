/* The TCP side of an MSRP session: a listening or connecting endpoint with at most one connection. Reads and writes when its
 * join asks; touches the join when something can be done. Owner: data.c. Thread: data. */
#pragma once

#include <uthash.h>

#include "agw/data/env.h"

struct tcp {
    UT_hash_handle hh;
    bus_id id;
    struct env *env;
    struct join *join;
    struct bus_tcp conf;
    struct watch *listener, *conn; /* NULL: none */
    struct timer *timer;           /* of a connect, or of a pause */
    bool connecting, up;
    bool was_up;                   /* active: once; it is opened again when lost */
    unsigned tries;                /* of that */
    bool has_next;                 /* passive: the peer opened another one, descriptor `next`, before the end of conn was seen */
    int next;
    bool starved;                  /* no descriptor for a connection that waits: told once */
    bool readable;                 /* since the last read */
    bool eof;                      /* the far end closed, or the connection broke */
    bool gate_in, gate_out;
    int events;                    /* what conn is watched for */
    struct bus_stats stats;
};

int tcp_new(struct tcp **tp, struct env *env, const struct bus_tcp *conf); /* takes conf->fd, on failure too */
void tcp_free(struct tcp *t);
void tcp_remote(struct tcp *t, const struct bus_tcp *conf);
void tcp_want(struct tcp *t, bool read, bool write);
/* Octets moved, or 0: not now, or t->eof. */
size_t tcp_read(struct tcp *t, void *p, size_t n);
size_t tcp_write(struct tcp *t, const void *p, size_t n);
void tcp_drop(struct tcp *t); /* close the connection; a passive endpoint accepts the next one */
/* The same for a connection that broke; an active endpoint connects again. -ECONNRESET: it does not, often enough tried. */
int tcp_lost(struct tcp *t);
