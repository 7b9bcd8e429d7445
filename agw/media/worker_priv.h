/* Inside of a worker: what worker.c (thread and loop), worker_in.c (datagrams) and worker_job.c (orders) share. */
#pragma once

#include <pthread.h>

#include "agw/media/due.h"
#include "agw/media/flow.h"
#include "agw/media/leg.h"
#include "agw/media/peers.h"
#include "agw/media/sep.h"
#include "agw/media/sock.h"
#include "agw/media/worker.h"

struct pipe_end { /* the worker's end of a byte stream (agw/bus.h) */
    bus_id id;       /* data's; 0: none, packets */
    uint32_t conn;   /* the connection that carries it; 0: none */
    size_t credit;   /* what data takes yet */
    size_t used;     /* what data has used of ours and was not told free again */
    bool stopped;    /* too little credit: nothing is read */
};

struct port { /* a sep with its sockets. First what a packet needs: SEP_OWNER_HOT */
    bus_id id;
    struct sep *sep;
    struct sock *out;      /* rtp, or the shared one */
    bool mux;              /* RTCP leaves by `out` */
    struct bus_stats stats;
    struct sock rtp, rtcp; /* fd -1: none of its own */
    struct peers_member peer; /* shared: of out->peers */
    msec_t bad_logged; /* when there was a line about unusable input; 0: never */
    struct stream *streams;
    struct due_entry due;
    struct leg *legs;  /* its TCP connections */
    unsigned n_legs;
    struct pipe_end pipe;
    struct addr leg_selected; /* the pair when they were looked at last */
    UT_hash_handle hh;
};

struct stream { /* a flow */
    bus_id id;
    struct flow *flow;
    struct port *port;
    struct stream *next_of_port;
    struct stream *prev, *next; /* worker.looks */
    msec_t look_at;
    UT_hash_handle hh;
};

struct worker {
    struct worker_conf conf;
    struct sep_env env;
    struct inbox *inbox;
    int epoll, timer;
    msec_t timer_at; /* what the timer is set to */
    struct port *ports;     /* by id */
    struct stream *streams; /* by id */
    struct sock shared[MEDIA_SHARED];
    unsigned n_shared;
    struct stream *looks; /* all of them, in the order in which they are asked what is due: the pause is the same for each */
    msec_t look_at;       /* those that are due are asked then */
    struct due port_due;
    msec_t bad_logged; /* as in struct port, for what is nobody's */
    struct udp_rx *rx;
    struct ring *ring;       /* NULL: each socket is read by itself */
    unsigned rounds;         /* how often it was not empty */
    msec_t lost_logged;      /* when a line said what it had no room for; 0: never */
    uint64_t lost;           /* datagrams since then */
    struct out *out;
    struct tx tx; /* belongs to one port at a time */
    struct leg_rx leg_rx;
    struct leg *over;   /* connections that have ended in this batch */
    uint32_t last_conn; /* number of the last one; 0 is none */
    msec_t leg_logged;
    count_t count[WORKER_C_N];
    int64_t add[WORKER_C_N]; /* to count, at the end of this wake-up */
    unsigned wake;           /* their number */
    unsigned taken;          /* datagrams of this one */
    unsigned idle;           /* wake-ups without one, in a row */
    unsigned pps, seen;      /* datagrams/s of late; those counted for it since seen_at */
    msec_t seen_at;
    msec_t now;
    bool stop;
    pthread_t thread;
};

static inline void worker_count(struct worker *w, enum worker_counter c, int64_t n)
{
    count_add(&w->count[c], n);
}

/* What happens for each packet: one atomic addition per wake-up. */
static inline void worker_tally(struct worker *w, enum worker_counter c, int64_t n)
{
    w->add[c] += n;
}

/* worker.c */
void worker_flush_tx(struct worker *w, struct port *port);
void worker_flush_out(struct worker *w); /* and the slots are free again */
/* The packet leaves with the next flush, by the socket of pkt->out. */
void worker_send(struct worker *w, const struct pkt *pkt);
/* After every call of a sep: what it has to say, and when it wants to be called again. */
void worker_settle(struct worker *w, struct port *port);

/* worker_in.c */
void worker_readable(struct worker *w, struct sock *s);
void worker_ring(struct worker *w); /* what is in the ring, at most as much as there are slots */
/* A packet of a connection, in a slot; from is the connection's. */
enum sep_verdict worker_packet(struct worker *w, struct port *port, struct pkt *pkt);

/* worker_job.c */
void worker_jobs(struct worker *w); /* what the inbox holds */
void worker_look(struct worker *w, struct stream *s); /* what is due of a flow */
int worker_watch(struct worker *w, struct sock *s);
void worker_close_all(struct worker *w);
