/* Control association (H.248.1 11, TS 23.334 6.1, TS 29.334 5.8.8, 5.12): registration by ServiceChange, its reply,
 * heartbeat, loss and return. One struct assoc for either role, over a trans that it owns. Sans-IO like trans.
 * Owner: agw/ctl/mg (MG) or alg/iq/mgc (MGC). Thread: the owner's loop. */
#pragma once

#include "h248/iq.h"
#include "h248/trans.h"

#define ASSOC_MGC_MAX 8
#define ASSOC_PEER_MAX 256 /* MGs of an MGC; a registration more is answered with 510 */
#define ASSOC_HOPS_MAX 4   /* MgcIdToTry followed in a row before the configured MGCs are tried again */
#define ASSOC_STOP_MS 2000 /* assoc_stop waits this long for replies */

struct assoc;
struct assoc_peer; /* the other end: the one MGC of an MG, or one of the MGs of an MGC */

enum assoc_role { ASSOC_MG, ASSOC_MGC };

enum assoc_event { /* after UP, RESTARTED (MGC) and RETURNED requests may be sent: the reply to the MG went out before */
    ASSOC_UP,       /* registered for the first time */
    ASSOC_RESTARTED,/* MGC: a known MG came back with Restart 901, 902 (its contexts are gone). MG: the MGC restarted; the
                     * MG drops its contexts and registers anew by itself, then UP */
    ASSOC_RETURNED, /* contact is back (Disconnected, Failover, HandOff, Restart 900 916 917 918), contexts were kept; audit */
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
    /* Every request of a registered peer but ServiceChange (ROOT: handled inside; terminations at the MGC: answered inside,
     * told as TERMS_OUT). The heartbeat, an empty AuditValue on ROOT, is an ordinary request: the MG's owner answers it. */
    void (*request)(void *arg, struct assoc_peer *peer, struct trans_in *in, const struct h248_msg *msg,
                    const struct h248_txn *req);
    void (*seen)(void *arg, bool out, const struct addr *peer, struct sv text, const struct h248_msg *msg);
    /* The address of an MgcIdToTry or ServiceChangeAddress that is a name: 0 or -errno. NULL: only numbers are followed. */
    int (*resolve)(void *arg, const struct h248_mid *mid, struct addr *out);
    void *arg;
    /* May this sender talk to us? Pure; no: error 402, one line of log, counted. NULL: all may. */
    bool (*allowed)(void *arg, const struct addr *from, const struct h248_mid *mid);
    /* MGC: might somebody at this address talk to us? Pure. NULL: everybody might. */
    bool (*known)(void *arg, const struct addr *from);
};

int assoc_new(struct assoc **ap, const struct assoc_conf *conf, const struct assoc_h *h, msec_t now);
void assoc_free(struct assoc *a);
void assoc_start(struct assoc *a, msec_t now); /* MG: register (Restart 901). MGC: nothing */
/* Leave in order: ServiceChange ROOT Forced 905 (MG) / Forced 905 to each MG (MGC); done is called once, from
 * assoc_tick as its last statement (it may free the association), when every reply came or after ASSOC_STOP_MS. */
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
/* Is it an address of one that may talk to us (MG: of a controller)? Others get no answer longer than what they sent, since they
 * may not be who they say (link.c). */
bool assoc_knows(const struct assoc *a, const struct addr *from);
const struct trans *assoc_trans(const struct assoc *a);
