/* The gateway's state, without sockets, threads or clocks of its own: contexts, terminations, port
 * pools, endpoints and their ids. Commands come by cmd_txn (cmd.h), news from workers and the data
 * thread by ctl_bus, time by ctl_tick; orders leave through the inboxes of the other threads,
 * NOTIFY requests through ctl_h. Owner: struct mg (or a test). Thread: control. A tree: ctl > ctx >
 * term > stream; each owns what is below it. */
#pragma once

#include <uthash.h>
#include <utlist.h>

#include "agw/bus.h"
#include "agw/ctl/cert.h"
#include "agw/ctl/limits.h"
#include "agw/ctl/local.h"
#include "agw/ctl/port.h"
#include "common/count.h"
#include "h248/iq.h"
#include "h248/trans.h"

struct ctx;
struct term;
struct stream;
struct transport;

enum ctl_counter {
    CTL_C_CONTEXTS,
    CTL_C_TERMS,
    CTL_C_STREAMS,
    CTL_C_ENDPOINTS,
    CTL_C_COMMANDS,
    CTL_C_REFUSED,
    CTL_C_NO_RESOURCE,
    CTL_C_UNREACHABLE,
    CTL_C_NOTIFIED,
    CTL_C_NOTIFY_LOST,
    CTL_C_DTLS_FAILED,
    CTL_C_ICE_FAILED,
    CTL_C_ICE_LOST,
    CTL_C_INACTIVE,
    CTL_C_ORPHANED,
    CTL_C_N
};
extern const struct count_def ctl_counters[CTL_C_N];

struct realm_conf {        /* text lives as long as the ctl */
    const char *name;      /* ipdc/realm: "core.example.net" */
    const char *interface; /* the third level of a TerminationID: "core" */
    const char *peer;      /* who is on the other side, for traces: "core" */
    struct addr addr;
    bool has_addr6;
    struct addr addr6;
    uint16_t port_lo, port_hi;
    /* Sockets that the ICE streams of a worker share, by worker and family (IPv4, IPv6); AF_UNSPEC: none, a port each.
     * main.c opened them; they are bound, so no pool can hand them out. bus_sep: fd -1, local = this. */
    struct addr shared[CTL_WORKERS][2];
    const struct reach *reach; /* who may be a peer; NULL: no rule */
    struct local_tcp tcp[CTL_ICE_TCP]; /* where the door listens for its streams, best first */
    unsigned n_tcp;
    bool any_source; /* accept TCP from other hosts than Remote's, unless gm/saf is ON */
};

struct ctl_times { /* told by an audit of ROOT (H.248.1 E.2); ms, and a number of Pendings */
    uint32_t mg_execution, mgc_execution, provisional, pending_limit;
};

struct ctl_conf {
    const struct realm_conf *realms; /* the first is the default */
    unsigned n_realms;
    unsigned max_contexts, max_terms;
    uint32_t orphan_ms;   /* contexts are kept this long without a controller; 0 = for ever */
    uint16_t sctp_port;   /* a=sctp-port:$ */
    uint32_t max_message; /* a=max-message-size:$, and the most that may be asked */
    struct ctl_times root;
    const struct cert *cert;
    struct inbox *data;
    struct inbox *door; /* NULL: no ICE-TCP */
    struct inbox *const *workers;
    unsigned n_workers;
};

/* How requests of ours leave: link_request of the association, or a test's recorder. 0, -ENOTCONN,
 * ... */
struct ctl_h {
    int (*request)(void *arg, int (*build)(struct arena *a, struct h248_txn *txn, void *arg),
                   void *build_arg, trans_reply_h *cb, void *cb_arg);
    void *arg;
};

struct realm {
    const struct realm_conf *conf;
    struct port_pool *udp[2], *tcp[2]; /* IPv4, IPv6; NULL: no such address */
};

/* What an id on the bus stands for. It outlives its stream until the other threads said BUS_CLOSED.
 */
struct ep {
    bus_id id;
    struct stream *stream;  /* a channel, a TCP connection or a flow ... */
    struct transport *tp;   /* ... or a transport; both NULL: closing */
    struct port_pool *pool; /* NULL: no port of its own (channels, flows, shared sockets) */
    uint16_t port;
    bool pair;              /* and the next port, for RTCP */
    unsigned waits;         /* BUS_CLOSED still to come, after it was left */
    unsigned early;         /* of these: of an association that was closed before its transport */
    struct flow_counts *counts; /* of a flow; they live until its BUS_CLOSED */
    UT_hash_handle hh;
};

struct ctl_root { /* events armed on ROOT (package it, H.248.14) */
    uint32_t request_id;
    uint32_t ito_ms; /* 0 = off */
    msec_t heard;    /* last message of the controller */
};

struct ctl {
    struct ctl_conf conf;
    struct ctl_h h;
    struct realm realms[CTL_REALMS];
    struct ctx *ctxs;     /* uthash by id */
    struct term *terms;   /* uthash by TerminationID */
    struct ep *eps;       /* uthash by bus id */
    struct transport *ufrags; /* uthash by our ufrag */
    struct term *beating; /* list of terminations with hangterm/thb armed */
    uint32_t last_ctx, last_term;
    bus_id last_bus;
    unsigned on_worker[CTL_WORKERS]; /* contexts of each */
    unsigned notifying;              /* NOTIFY without a reply */
    struct ctl_root root;
    bool is_down; /* no controller */
    msec_t down_since;
    struct iq_term *asked, *merged, *answer; /* scratch: too big for a stack */
    unsigned version; /* of the message that is worked on (H.248.1 8.3): statistics stand at the stream from 3 on */
    count_t counts[CTL_C_N];
    count_t totals[CTL_TOTALS]; /* of flows that are gone */
};

int ctl_new(struct ctl **cp, const struct ctl_conf *conf, const struct ctl_h *h);
void ctl_free(struct ctl *c);
void ctl_bus(struct ctl *c, struct bus_msg *m, msec_t now); /* BUS_EVENT, BUS_CLOSED; frees m */
void ctl_tick(struct ctl *c, msec_t now);                   /* every CTL_TICK_MS */
void ctl_heard(struct ctl *c, msec_t now);                  /* any message of the controller */
void ctl_down(struct ctl *c, msec_t now); /* the controller is lost: contexts wait */
void ctl_up(struct ctl *c, msec_t now);   /* it is back, contexts stay */
void ctl_release_all(struct ctl *c,
                     const char *why); /* every context; closing endpoints remain until ctl_bus */
bool ctl_is_idle(const struct ctl *c); /* no context and nothing closing */

const struct realm *ctl_realm(const struct ctl *c, struct sv name);
const struct realm *ctl_interface(const struct ctl *c, struct sv name);

/* --- ep.c --- */
/* Its stream or transport is set by the caller. */
struct ep *ep_new(struct ctl *c, struct port_pool *pool, uint16_t port);
struct ep *ep_find(struct ctl *c, bus_id id);
/* The stream is gone; BUS_CLOSED is awaited for an opened one, else its port is given back at once.
 */
void ep_leave(struct ctl *c, struct ep *ep, bool opened);
void ep_closed(struct ctl *c, bus_id id);
