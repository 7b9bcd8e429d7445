/* Requests of ours: repeated with exponential back-off and jitter until a reply, Pending or T-MAX (H.248.1 D.1.2). */
#include "h248/trans_priv.h"

#include <errno.h>
#include <stdlib.h>

unsigned trans_open(const struct trans *t)
{
    return HASH_COUNT(t->reqs);
}

static void req_free(struct req *r)
{
    if (!r)
        return;
    free(r->bytes);
    free(r);
}

/* Its end, told to the owner once: nothing of r is used after the callback began. */
static void req_end(struct trans *t, struct req *r, enum trans_result result, const struct h248_txn *reply)
{
    HASH_DEL(t->reqs, r);
    if (r->cb)
        r->cb(r->cb_arg, result, reply);
    req_free(r);
}

static void due_by(struct trans *t, const struct req *r)
{
    msec_t due = r->due < r->end ? r->due : r->end;

    if (due < t->reqs_due)
        t->reqs_due = due;
}

static uint32_t next_tid(struct trans *t)
{
    struct req *r;

    do {
        t->last_tid = t->last_tid >= UINT32_MAX - 1 ? 1 : t->last_tid + 1;
        HASH_FIND(hh, t->reqs, &t->last_tid, sizeof t->last_tid, r);
    } while (r);
    return t->last_tid;
}

/* The message into t->scratch. */
static int compose(struct trans *t, struct arena *a, uint32_t tid,
                   int (*build)(struct arena *a, struct h248_txn *txn, void *arg), void *arg, struct h248_msg **mp,
                   size_t *n)
{
    unsigned version = t->next_version ? t->next_version : t->version;
    struct h248_msg *m = h248_msg_new(a, version, &t->conf.mid);
    struct h248_txn *txn = m ? h248_txn_new(a, m, H248_REQUEST, tid) : NULL;
    int err;

    if (!txn)
        return -ENOMEM;
    err = build(a, txn, arg);
    if (!err)
        err = trans_encode(t, m, n);
    *mp = m;
    return err;
}

static struct req *req_new(struct trans *t, const struct addr *to, uint32_t tid, size_t n, msec_t now)
{
    struct req *r = calloc(1, sizeof *r);

    if (!r)
        return NULL;
    r->bytes = malloc(n);
    if (!r->bytes) {
        req_free(r);
        return NULL;
    }
    memcpy(r->bytes, t->scratch, n);
    r->n = n;
    r->tid = tid;
    r->to = *to;
    r->sends = 1;
    r->interval = t->conf.first_retransmit;
    r->due = t->conf.reliable ? MSEC_NEVER : now + trans_jitter(r->interval);
    r->end = now + t->conf.t_max;
    return r;
}

int trans_request(struct trans *t, const struct addr *to, int (*build)(struct arena *a, struct h248_txn *txn, void *arg),
                  void *build_arg, trans_reply_h *cb, void *cb_arg, uint32_t *tid, msec_t now)
{
    struct arena *a = NULL;
    struct h248_msg *m = NULL;
    struct req *r = NULL;
    uint32_t id;
    size_t n = 0;
    int err = t->closing ? -ESHUTDOWN : -ENOBUFS;

    if (t->closing || HASH_COUNT(t->reqs) >= TRANS_OPEN_MAX)
        goto out;
    id = next_tid(t);
    a = arena_new(H248_ARENA_MAX);
    err = a ? compose(t, a, id, build, build_arg, &m, &n) : -ENOMEM;
    if (err)
        goto out;
    r = req_new(t, to, id, n, now);
    if (!r) {
        err = -ENOMEM;
        goto out;
    }
    r->cb = cb;
    r->cb_arg = cb_arg;
    HASH_ADD(hh, t->reqs, tid, sizeof r->tid, r);
    due_by(t, r);
    if (tid)
        *tid = id;
    count_add(&t->counts[TRANS_C_SENT], 1);
    trans_send_seen(t, to, r->bytes, r->n, m);
out:
    t->next_version = 0;
    arena_free(a);
    return err;
}

static struct req *req_find(struct trans *t, const struct addr *from, uint32_t tid)
{
    struct req *r;

    HASH_FIND(hh, t->reqs, &tid, sizeof tid, r);
    /* whoever answers must be where the request went; its port may differ */
    return r && addr_eq_host(&r->to, from) ? r : NULL;
}

void trans_out_reply(struct trans *t, const struct addr *from, const struct h248_txn *txn)
{
    struct req *r = req_find(t, from, txn->tid);

    /* also for a repeat: the first ack may be lost (H.248.1 8.2.2) */
    if (txn->imm_ack)
        trans_send_ack(t, from, txn->tid);
    if (!r)
        return;
    if (txn->has_segment && !(txn->segment == 1 && txn->last_segment)) {
        count_add(&t->counts[TRANS_C_BAD], 1);
        return;
    }
    req_end(t, r, TRANS_REPLY, txn);
}

void trans_out_pending(struct trans *t, const struct addr *from, uint32_t tid, msec_t now)
{
    struct req *r = req_find(t, from, tid);
    unsigned wait = 2 * t->conf.provisional;

    count_add(&t->counts[TRANS_C_PENDING_IN], 1);
    if (!r)
        return; /* behind the reply: nothing to wait for any more */
    /* the limit counts what the peer says, not what the network repeats: a copy comes close behind */
    if (r->pendings > 0 && now < r->pending_at + t->conf.first_retransmit)
        return;
    r->pending_at = now;
    if (++r->pendings > t->conf.pending_limit) {
        req_end(t, r, TRANS_LIMIT, NULL);
        return;
    }
    /* no repeats while the peer works; a slow one in case that its Pendings and its reply are lost */
    if (wait < t->conf.max_retransmit)
        wait = t->conf.max_retransmit;
    r->end = now + t->conf.t_max;
    r->sends = 1;
    r->interval = wait;
    if (!t->conf.reliable)
        r->due = now + wait;
    due_by(t, r);
}

static void repeat(struct trans *t, struct req *r, msec_t now)
{
    if (r->sends >= t->conf.max_sends) { /* Max2: wait for T-MAX in silence */
        r->due = MSEC_NEVER;
        return;
    }
    r->sends++;
    r->interval *= 2;
    if (r->interval > t->conf.max_retransmit)
        r->interval = t->conf.max_retransmit;
    r->due = now + trans_jitter(r->interval);
    count_add(&t->counts[TRANS_C_RETRANSMITTED], 1);
    trans_send(t, &r->to, r->bytes, r->n);
}

/* Callbacks may start and end other requests: those that end now are taken out of the hash first. */
static void end_all(struct req *ended, enum trans_result result)
{
    struct req *r, *next;

    for (r = ended; r; r = next) {
        next = r->ended;
        if (r->cb)
            r->cb(r->cb_arg, result, NULL);
        req_free(r);
    }
}

void trans_out_tick(struct trans *t, msec_t now)
{
    struct req *r, *tmp, *ended = NULL;

    if (now < t->reqs_due)
        return;
    t->reqs_due = MSEC_NEVER;
    HASH_ITER(hh, t->reqs, r, tmp) {
        if (now >= r->end) {
            HASH_DEL(t->reqs, r);
            r->ended = ended;
            ended = r;
            count_add(&t->counts[TRANS_C_TIMEOUT], 1);
            continue;
        }
        if (now >= r->due)
            repeat(t, r, now);
        due_by(t, r);
    }
    end_all(ended, TRANS_TIMEOUT);
}

void trans_out_close(struct trans *t, const struct addr *peer)
{
    struct req *r, *tmp, *ended = NULL;

    HASH_ITER(hh, t->reqs, r, tmp) {
        if (peer && !addr_eq(&r->to, peer))
            continue;
        HASH_DEL(t->reqs, r);
        r->ended = ended;
        ended = r;
    }
    end_all(ended, TRANS_CLOSED);
}

void trans_drop_peer(struct trans *t, const struct addr *peer)
{
    trans_out_close(t, peer);
}
