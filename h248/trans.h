/* Transaction layer (H.248.1 8, annex D.1): ids, retransmission, at-most-once replies, Pending, acknowledgement.
 * Sans-IO: bytes in by trans_input, bytes out by the send callback, time as `now`. Owner: one control association's side
 * (alg/iq/mgc or agw/ctl/mg through h248/assoc). Thread: the owner's loop. */
#pragma once

#include "common/count.h"
#include "common/net.h"
#include "h248/h248.h"

/* --- limits --- */
#define TRANS_OPEN_MAX 16384          /* requests of ours without a reply; more: -ENOBUFS */
#define TRANS_KEPT_MAX 131072         /* requests of the peers, running or remembered; more: answered with 510 */
#define TRANS_KEPT_BYTES (96u << 20)  /* octets of remembered replies; more: answered with 510 */
#define TRANS_RANGE_MAX 1024          /* ids that one TransactionResponseAck is read for */
#define TRANS_ERROR_RATE 50           /* error answers to malformed messages in a second; more: silence */

struct trans;
struct trans_in; /* a request from the peer that waits for its reply */

enum trans_counter {
    TRANS_C_SENT, TRANS_C_RETRANSMITTED, TRANS_C_RECEIVED, TRANS_C_BAD, TRANS_C_DUPLICATE, TRANS_C_PENDING_IN,
    TRANS_C_PENDING_OUT, TRANS_C_TIMEOUT, TRANS_C_REFUSED, TRANS_C_N
};
extern const struct count_def trans_counters[TRANS_C_N];

struct trans_conf { /* H.248.1 D.1.2; h248-core 12; all ms unless said */
    struct h248_mid mid;           /* ours, in every header; text must outlive the trans */
    unsigned version;              /* protocol version of the header */
    enum h248_style style;
    bool reliable;                 /* TCP/SCTP: no retransmission by us */
    unsigned first_retransmit;     /* 500 */
    unsigned max_retransmit;       /* cap of the back-off: 4000 */
    unsigned max_sends;            /* Max2: 7 */
    unsigned t_max;                /* whole time for one request: 25000 */
    unsigned long_timer;           /* replies are kept for a repeat: 30000 */
    unsigned provisional;          /* send Pending when a request is unanswered for: 2000 */
    unsigned pending_limit;        /* Pendings taken for one request before 506: 5 */
};
void trans_conf_default(struct trans_conf *c);

enum trans_result {
    TRANS_REPLY,   /* reply is set; it may hold errors at any level */
    TRANS_TIMEOUT, /* the peer did not answer in t_max */
    TRANS_LIMIT,   /* pending limit: as error 506 */
    TRANS_CLOSED,  /* trans_free or trans_drop_peer */
};

/* The reply of a request of ours, exactly once per trans_request that returned 0. reply lives only in the call. */
typedef void trans_reply_h(void *arg, enum trans_result result, const struct h248_txn *reply);

struct trans_h {
    /* One datagram / message to `to`. 0 or -errno (logged by the caller of the socket; treated as loss). */
    int (*send)(void *arg, const struct addr *to, const void *p, size_t n);
    /* A new request (never a repeat). msg is the whole message, req one of its transactions; both live only in the call.
     * Answer with trans_answer(in, ...) now or later, exactly once. */
    void (*request)(void *arg, struct trans_in *in, const struct h248_msg *msg, const struct h248_txn *req);
    /* A message that could not be decoded was answered: for log and trace. May be NULL. */
    void (*bad)(void *arg, const struct addr *from, const struct h248_fault *fault, struct sv text);
    /* Every message as it passed (decoded; out = sent by us): for trace. May be NULL. Repeats are reported too. */
    void (*seen)(void *arg, bool out, const struct addr *peer, struct sv text, const struct h248_msg *msg);
    /* A peer that may not talk to us is refused with 402 (message error). NULL = all may. */
    bool (*allowed)(void *arg, const struct addr *from, const struct h248_mid *mid);
    void *arg;
};

/* None of the callbacks may free the trans; any of them but send may start and answer requests. */
int trans_new(struct trans **tp, const struct trans_conf *conf, const struct trans_h *h);
void trans_free(struct trans *t); /* open requests end with TRANS_CLOSED */

/* Send a request. build fills the transaction (actions); id and header are ours. The encoded bytes are kept for repeats.
 * tid: NULL or where to put the id. 0, -ENOMEM, -EMSGSIZE, -ENOBUFS (TRANS_OPEN_MAX), or what build returned; cb is never
 * called from inside. */
int trans_request(struct trans *t, const struct addr *to, int (*build)(struct arena *a, struct h248_txn *txn, void *arg),
                  void *build_arg, trans_reply_h *cb, void *cb_arg, uint32_t *tid, msec_t now);

/* Answer: build fills the reply (error or actions). The encoded reply is kept for repeats of the request. Whatever fails,
 * a reply goes out: 533 when it was too long, 500 when build failed. 0, or -errno of what failed. */
int trans_answer(struct trans_in *in, int (*build)(struct arena *a, struct h248_txn *txn, void *arg), void *build_arg,
                 msec_t now);
/* Its answer is sent and not kept: for refusals of strangers, who could else fill the memory of those we know. */
void trans_in_forget(struct trans_in *in);
const struct addr *trans_in_peer(const struct trans_in *in);
uint32_t trans_in_tid(const struct trans_in *in);
/* Send this answer (and only it) under another header version: the ServiceChange reply goes out under version 1. */
void trans_in_version(struct trans_in *in, unsigned version);
/* Same for the next trans_request only. */
void trans_next_version(struct trans *t, unsigned version);
void trans_set_version(struct trans *t, unsigned version);

void trans_input(struct trans *t, const struct addr *from, const void *p, size_t n, msec_t now);
void trans_tick(struct trans *t, msec_t now);
msec_t trans_deadline(const struct trans *t); /* MSEC_NEVER: nothing to do */
void trans_drop_peer(struct trans *t, const struct addr *peer); /* end our open requests to it: TRANS_CLOSED */
void trans_forget_peer(struct trans *t, const struct h248_mid *mid); /* its remembered replies: it restarted */
unsigned trans_open(const struct trans *t);   /* requests of ours without a reply */
const count_t *trans_counts(const struct trans *t);
