/* Inside of the control association: shared by assoc.c (both roles), assoc_mg.c, assoc_mgc.c and assoc_sc.c (what a
 * ServiceChange says). Nobody else includes it. */
#pragma once

#include "h248/assoc.h"

#define ASSOC_NAME_MAX 288 /* a MID as text */

struct assoc_peer {
    struct assoc *a;
    struct addr to;            /* where requests go */
    struct h248_mid mid;       /* text in mid_text */
    char mid_text[256];
    char name[ASSOC_NAME_MAX];
    unsigned version;          /* settled */
    bool up;
    bool probing;              /* MGC: a heartbeat waits for its reply */
    msec_t heard;              /* the last message from it */
    void *user;
    struct assoc_peer *prev, *next;
};

enum mg_state { MG_IDLE, MG_REGISTERING, MG_UP, MG_WAITING, MG_STOPPED };

struct mg { /* role MG: finding and keeping an MGC */
    enum mg_state state;
    unsigned nth;              /* of conf.mgc: the one being tried */
    struct addr target;        /* being tried: conf.mgc[nth], or where MgcIdToTry led */
    bool is_detour;            /* target is not of the list */
    unsigned hops;
    struct addr last;          /* the MGC registered with last */
    bool was_up;
    const char *method;        /* of the next registration; NULL: Disconnected or Failover, by the target */
    unsigned reason;
    unsigned pause;
    uint32_t tid;              /* of the registration under way */
    msec_t due;                /* waiting: the next round */
    struct assoc_peer *peer;
};

struct assoc {
    struct assoc_conf conf;
    struct assoc_h h;
    struct trans *t;
    struct assoc_peer *peers;
    unsigned n_peers;
    struct mg mg;
    msec_t now;                /* of the call that we are in */
    bool stopping;
    unsigned stop_open;        /* farewells without a reply */
    msec_t stop_due;
    void (*stop_done)(void *arg);
    void *stop_arg;
};

/* --- assoc_sc.c --- */

struct sc_ask { /* a ServiceChange on ROOT of ours */
    const char *method;
    unsigned reason;
    const struct assoc_conf *register_as; /* profile and version go in; NULL: no registration */
};
int sc_build(struct arena *a, struct h248_txn *txn, void *sc_ask);

/* Is every command of the request a ServiceChange? */
bool sc_is(const struct h248_txn *req);
/* The Services of the command on ROOT in the null context; NULL: none. */
const struct h248_services *sc_root(const struct h248_txn *txn);
unsigned sc_reason(const struct h248_services *s); /* 0: none */
/* Error of a reply at whatever level; 0: none. */
unsigned sc_error(const struct h248_txn *reply, struct sv *text);

struct sc_reply { /* to a request of ServiceChanges */
    const struct h248_txn *req;
    unsigned code;            /* refusal of the command on ROOT; 0: none */
    const char *why;
    struct sv profile;        /* of the reply to a registration, empty: no Services */
    unsigned profile_version, version;
};
int sc_build_reply(struct arena *a, struct h248_txn *txn, void *sc_reply);

/* --- assoc.c --- */
void assoc_event(struct assoc *a, struct assoc_peer *p, enum assoc_event ev, struct sv term, unsigned reason);
struct assoc_peer *assoc_peer_new(struct assoc *a, const struct h248_mid *mid, const struct addr *to);
void assoc_peer_mid(struct assoc_peer *p, const struct h248_mid *mid);
struct assoc_peer *assoc_peer_find(struct assoc *a, const struct h248_mid *mid);
/* The address that a MID stands for; its port, or that of `like`. 0 or -errno. */
int assoc_mid_addr(struct assoc *a, const struct h248_mid *mid, const struct addr *like, struct addr *out);
void assoc_refuse(struct assoc *a, struct trans_in *in, unsigned code);
/* ServiceChange of ours: cb gets the reply, with a as its argument. tid: NULL or where to put the id. */
int assoc_sc(struct assoc *a, const struct addr *to, unsigned version, struct sc_ask *ask, trans_reply_h *cb, uint32_t *tid);
void assoc_farewell(struct assoc *a, struct assoc_peer *p); /* Forced 905, counted in stop_open */

/* --- assoc_mg.c --- */
void mg_start(struct assoc *a);
void mg_request(struct assoc *a, struct trans_in *in, const struct h248_msg *msg, const struct h248_txn *req);
void mg_seen(struct assoc *a, const struct addr *from, const struct h248_msg *msg);
void mg_lost(struct assoc *a); /* contact is gone: register again */
void mg_tick(struct assoc *a);
msec_t mg_due(const struct assoc *a);

/* --- assoc_mgc.c --- */
void mgc_in_request(struct assoc *a, struct trans_in *in, const struct h248_msg *msg, const struct h248_txn *req);
void mgc_in_seen(struct assoc *a, const struct h248_msg *msg);
void mgc_peer_lost(struct assoc_peer *p);
void mgc_peers_tick(struct assoc *a);
msec_t mgc_peers_due(const struct assoc *a);
