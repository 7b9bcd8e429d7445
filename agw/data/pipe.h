/* The byte stream of an MSRP session on ICE-TCP (TS 33.203 W.3.4): its connection is a worker's, its octets come and go
 * on the bus, on credit both ways (agw/bus.h). Reads and writes when its join asks; touches the join when something can
 * be done. Owner: data.c. Thread: data. */
#pragma once

#include <uthash.h>

#include "agw/data/env.h"

struct pipe {
    UT_hash_handle hh;
    bus_id id;
    struct env *env;
    struct join *join;
    struct bus_pipe conf;
    uint32_t conn;     /* the connection that carries it; 0: none */
    size_t credit;     /* of ours with the worker */
    size_t owed;       /* of the worker's with us, free again and not yet told */
    char *in;          /* what came, from off on */
    size_t off, n, size;
    size_t old;        /* so much of it is from a connection that is gone, when border */
    bool border;       /* behind it another connection begins */
    bool lost;         /* what was sent may not have arrived: asked for by pipe_was_lost */
    bool gate_in, gate_out;
    struct bus_stats stats; /* chunks */
};

int pipe_new(struct pipe **pp, struct env *env, const struct bus_pipe *conf);
void pipe_free(struct pipe *p);
void pipe_up(struct pipe *p, uint32_t conn);
void pipe_down(struct pipe *p, uint32_t conn);
void pipe_data(struct pipe *p, uint32_t conn, const void *bytes, size_t n);
void pipe_credit(struct pipe *p, uint32_t conn, size_t n);
/* Octets moved, or 0: not now. */
size_t pipe_read(struct pipe *p, void *to, size_t room);
size_t pipe_write(struct pipe *p, const void *bytes, size_t n);
/* Once after each loss: all that came before it is read; the connection that was written to is gone. */
bool pipe_at_border(struct pipe *p);
bool pipe_was_lost(struct pipe *p);
/* What was read last is no MSRP: what its connection brought is forgotten, and when that is the one of now, the worker
 * closes it. */
void pipe_drop(struct pipe *p);
void pipe_cut(struct pipe *p); /* what all of its connections brought is forgotten; the worker closes the one of now */
