/* Control association (H.248.1 11, TS 23.334 6.1, TS 29.334 5.8.8, 5.12): registration by ServiceChange, its reply,
 * heartbeat, loss and return. One struct assoc for either role, over a trans that it owns. Sans-IO like trans.
 * Owner: agw/ctl/mg (MG) or alg/iq/mgc (MGC). Thread: the owner's loop. */
#pragma once

#include "h248/iq.h"
#include "h248/trans.h"

#define ASSOC_MGC_MAX 8

struct assoc;
struct assoc_peer; /* the other end: the one MGC of an MG, or one of the MGs of an MGC */

enum assoc_role { ASSOC_MG, ASSOC_MGC };

enum assoc_event {
    ASSOC_UP,       /* registered; requests may be sent */
    ASSOC_RESTARTED,/* MGC: the MG came back with Restart (its contexts are gone). MG: the MGC restarted */
    ASSOC_RETURNED, /* Disconnected: contact is back, contexts were kept; audit */
    ASSOC_DOWN,     /* contact lost (no answer to heartbeat or request) */
    ASSOC_BYE,      /* the peer said Forced/Graceful on ROOT: it goes */
    ASSOC_TERMS_OUT,/* MGC: ServiceChange on terminations (wildcard): see `term` */
};

struct assoc_conf {
    enum assoc_role role;
    struct trans_conf trans;      /* mid, timers */
    struct sv profile;            /* name; compared folding case */
    unsigned profile_version;
    unsigned version;             /* protocol version offered (MG) or the highest taken (MGC) */
    struct addr mgc[ASSOC_MGC_MAX]; /* MG: where to register, in order of preference */
    unsigned n_mgc;
    unsigned heartbeat;           /* MGC: empty AuditValue on ROOT every ... ms of silence: 10000; 0 = never */
    unsigned retry_first, retry_max; /* MG: pause between registration rounds, doubling with jitter: 500, 10000 ms */
    unsigned silence;             /* MG: no message from the MGC for ... ms = lost: 35000; 0 = never */
};
void assoc_conf_default(struct assoc_conf *c, enum assoc_role role);

struct assoc_h {
    int (*send)(void *arg, const struct addr *to, const void *p, size_t n);
    void (*event)(void *arg, struct assoc_peer *peer, enum assoc_event ev, struct sv term, unsigned reason);
    /* Requests other than ROOT ServiceChange, and the AuditValue on ROOT that the MG answers itself when `audit_root` of
     * the owner says so: all of them come here; ServiceChange ROOT alone is handled inside. */
    void (*request)(void *arg, struct assoc_peer *peer, struct trans_in *in, const struct h248_msg *msg,
                    const struct h248_txn *req);
    void (*seen)(void *arg, bool out, const struct addr *peer, struct sv text, const struct h248_msg *msg);
    void *arg;
};

int assoc_new(struct assoc **ap, const struct assoc_conf *conf, const struct assoc_h *h, msec_t now);
void assoc_free(struct assoc *a);
void assoc_start(struct assoc *a, msec_t now); /* MG: register (Restart 901). MGC: nothing */
/* Leave in order: ServiceChange ROOT Forced 905 (MG) / Forced 905 to each MG (MGC); done is called once, at the latest
 * after 2 s, when every reply came. */
void assoc_stop(struct assoc *a, void (*done)(void *arg), void *arg, msec_t now);
void assoc_input(struct assoc *a, const struct addr *from, const void *p, size_t n, msec_t now);
void assoc_tick(struct assoc *a, msec_t now);
msec_t assoc_deadline(const struct assoc *a);

/* A request to the peer. -ENOTCONN when it is not registered. A TRANS_TIMEOUT result also brings ASSOC_DOWN. */
int assoc_request(struct assoc *a, struct assoc_peer *peer, int (*build)(struct arena *a, struct h248_txn *txn, void *arg),
                  void *build_arg, trans_reply_h *cb, void *cb_arg, msec_t now);
int assoc_answer(struct assoc *a, struct trans_in *in, int (*build)(struct arena *a, struct h248_txn *txn, void *arg),
                 void *build_arg, msec_t now);

struct assoc_peer *assoc_peer_first(const struct assoc *a); /* in order of registration; NULL: none */
struct assoc_peer *assoc_peer_next(const struct assoc_peer *p);
bool assoc_peer_up(const struct assoc_peer *p);
const char *assoc_peer_name(const struct assoc_peer *p); /* its MID as text */
void *assoc_peer_user(const struct assoc_peer *p);       /* the owner's own data, and ... */
void assoc_peer_set_user(struct assoc_peer *p, void *user);
const struct trans *assoc_trans(const struct assoc *a);
