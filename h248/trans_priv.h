/* Inside of the transaction layer: shared by trans.c (life, clock, dispatch), trans_out.c (requests of ours) and
 * trans_in.c (requests of the peers). Nobody else includes it. */
#pragma once

#include <uthash.h>

#include "h248/trans.h"

struct req { /* a request of ours */
    uint32_t tid;
    struct addr to;
    uint8_t *bytes;
    size_t n;
    unsigned sends;
    unsigned interval; /* current step of the back-off */
    unsigned pendings; /* received */
    msec_t pending_at; /* the last one counted */
    msec_t due, end;   /* next repeat; giving up */
    trans_reply_h *cb;
    void *cb_arg;
    struct req *ended; /* list of those that end in one sweep */
    UT_hash_handle hh;
};

enum in_state {
    IN_RUNNING,  /* given to the owner; on t->running, in the order of due */
    IN_UNACKED,  /* answered with ImmAckRequired: repeated until the ack; on t->unacked */
    IN_ANSWERED, /* reply kept; on t->kept, in the order of due */
    IN_ACKED,    /* id kept, reply gone; on t->kept */
};

#define IN_KEY_MAX 320
struct trans_in {
    struct trans *t;
    enum in_state state;
    uint32_t tid;
    struct addr peer;
    unsigned version;  /* of the header of the answer */
    uint32_t digest;   /* of the request's content: the same id with other content is a new request */
    bool stranger;     /* the answer is not kept */
    bool pended;       /* a Pending went out */
    unsigned pendings, sends, interval;
    msec_t pending_at; /* the last Pending */
    msec_t due;        /* running: next Pending; unacked: next repeat; kept: when it is forgotten */
    msec_t forget;     /* unacked: when it is given up */
    uint8_t *bytes;    /* the encoded reply */
    size_t n;
    struct trans_in *prev, *next;
    UT_hash_handle hh;
    size_t key_n;
    char key[];        /* MID and id */
};

struct trans {
    struct trans_conf conf;
    struct trans_h h;
    unsigned version, next_version; /* next_version 0: version */
    bool closing;                   /* trans_free: no new requests */
    uint32_t last_tid;
    struct req *reqs;
    msec_t reqs_due;                /* no request is due before */
    struct trans_in *ins;           /* hash of all */
    struct trans_in *running, *unacked, *kept;
    size_t kept_bytes;
    msec_t error_second;            /* rate limit of error answers */
    unsigned errors;
    count_t counts[TRANS_C_N];
    uint8_t scratch[H248_MSG_MAX];  /* one message being encoded */
};

/* trans.c */
unsigned trans_jitter(unsigned ms); /* 3/4 to 5/4 of it */
/* Encode m into t->scratch. 0 and *n, or -errno. */
int trans_encode(struct trans *t, const struct h248_msg *m, size_t *n);
void trans_send(struct trans *t, const struct addr *to, const void *p, size_t n);
void trans_send_seen(struct trans *t, const struct addr *to, const void *p, size_t n, const struct h248_msg *m);
/* A message of one Pending, TransactionResponseAck or error reply, sent and forgotten. */
void trans_send_pending(struct trans *t, const struct addr *to, unsigned version, uint32_t tid);
void trans_send_ack(struct trans *t, const struct addr *to, uint32_t tid);
void trans_send_error(struct trans *t, const struct addr *to, uint32_t tid, unsigned code, const char *text);

/* trans_out.c */
void trans_out_reply(struct trans *t, const struct addr *from, const struct h248_txn *txn);
void trans_out_pending(struct trans *t, const struct addr *from, uint32_t tid, msec_t now);
void trans_out_tick(struct trans *t, msec_t now);
void trans_out_close(struct trans *t, const struct addr *peer); /* NULL: all */

/* trans_in.c */
void trans_in_request(struct trans *t, const struct addr *from, const struct h248_msg *m, const struct h248_txn *txn,
                      msec_t now);
void trans_in_acks(struct trans *t, const struct h248_mid *mid, const struct h248_ack_range *acks, msec_t now);
void trans_in_tick(struct trans *t, msec_t now);
msec_t trans_in_due(const struct trans *t);
void trans_in_free_all(struct trans *t);
