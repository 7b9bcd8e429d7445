/* Requests of the peers: at most once, whatever the network repeats (H.248.1 8, D.1.2; h248-core 9). A request is known by
 * its sender's MID and its id for LONG-TIMER; the same id with other content is a new request, because a peer that
 * restarted may begin at the same id. */
#include "h248/trans_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <utlist.h>
#include <zlib.h>

/* When a running request gets its next Pending; provisional 0: never. */
static msec_t pending_due(const struct trans *t, msec_t now)
{
    return t->conf.provisional ? now + t->conf.provisional : MSEC_NEVER;
}

/* --- the table of requests --- */

static size_t mid_key(const struct h248_mid *mid, char *key)
{
    int n = snprintf(key, IN_KEY_MAX - 16, "%d %u %.*s", mid->kind, mid->has_port ? mid->port + 1u : 0u,
                     (int)(mid->name.n < 255 ? mid->name.n : 255), mid->name.p ? mid->name.p : "");

    for (int i = 0; i < n; i++) {
        if (key[i] >= 'A' && key[i] <= 'Z')
            key[i] += 'a' - 'A';
    }
    return (size_t)n;
}

static size_t in_key(const struct h248_mid *mid, uint32_t tid, char *key)
{
    size_t n = mid_key(mid, key);

    memcpy(key + n, &tid, sizeof tid);
    return n + sizeof tid;
}

static struct trans_in *in_find(struct trans *t, const struct h248_mid *mid, uint32_t tid)
{
    char key[IN_KEY_MAX];
    size_t n = in_key(mid, tid, key);
    struct trans_in *in;

    HASH_FIND(hh, t->ins, key, n, in);
    return in;
}

/* What the transaction says, whichever message carries it: CRC-32 of its compact form. 0: not computed. */
static uint32_t content_digest(struct trans *t, const struct h248_txn *txn)
{
    struct buf b = buf_over(t->scratch, sizeof t->scratch);

    if (h248_encode_txn(txn, 3, H248_COMPACT, &b))
        return 0;
    return (uint32_t)crc32(0, b.p, (unsigned)b.len);
}

static struct trans_in **list_of(struct trans *t, enum in_state state)
{
    return state == IN_RUNNING ? &t->running : state == IN_UNACKED ? &t->unacked : &t->kept;
}

static void in_unlink(struct trans_in *in)
{
    DL_DELETE(*list_of(in->t, in->state), in);
}

static void in_link(struct trans_in *in, enum in_state state)
{
    in->state = state;
    DL_APPEND(*list_of(in->t, state), in);
}

static void bytes_drop(struct trans_in *in)
{
    in->t->kept_bytes -= in->n;
    free(in->bytes);
    in->bytes = NULL;
    in->n = 0;
}

static void in_free(struct trans_in *in)
{
    in_unlink(in);
    HASH_DEL(in->t->ins, in);
    bytes_drop(in);
    free(in);
}

void trans_in_free_all(struct trans *t)
{
    struct trans_in *in, *tmp;

    HASH_ITER(hh, t->ins, in, tmp)
        in_free(in);
}

/* Answered: remembered for LONG-TIMER. All wait equally long, so the list stays in the order of due. */
static void in_keep(struct trans_in *in, enum in_state state, msec_t now)
{
    in_unlink(in);
    in->due = now + in->t->conf.long_timer;
    in_link(in, state);
}

static struct trans_in *in_new(struct trans *t, const struct addr *from, const struct h248_mid *mid, uint32_t tid, msec_t now)
{
    char key[IN_KEY_MAX];
    size_t n = in_key(mid, tid, key);
    struct trans_in *in = calloc(1, sizeof *in + n);

    if (!in)
        return NULL;
    in->t = t;
    in->tid = tid;
    in->peer = *from;
    in->version = t->version;
    in->due = pending_due(t, now);
    in->key_n = n;
    memcpy(in->key, key, n);
    HASH_ADD_KEYPTR(hh, t->ins, in->key, in->key_n, in);
    in_link(in, IN_RUNNING);
    return in;
}

void trans_forget_peer(struct trans *t, const struct h248_mid *mid)
{
    char key[IN_KEY_MAX];
    size_t n = mid_key(mid, key);
    struct trans_in *in, *tmp;

    HASH_ITER(hh, t->ins, in, tmp) {
        if (in->state != IN_RUNNING && in->key_n == n + sizeof in->tid && memcmp(in->key, key, n) == 0)
            in_free(in);
    }
}

/* --- input --- */

static void send_pending(struct trans_in *in, msec_t now)
{
    if (in->pendings >= in->t->conf.pending_limit)
        return; /* one more would be error 506 at the other end */
    if (in->pended && now < in->pending_at + in->t->conf.first_retransmit)
        return; /* said a moment ago */
    in->pended = true;
    in->pending_at = now;
    in->pendings++;
    trans_send_pending(in->t, &in->peer, in->version, in->tid);
}

static void repeat_in(struct trans *t, struct trans_in *in, const struct addr *from, msec_t now)
{
    count_add(&t->counts[TRANS_C_DUPLICATE], 1);
    switch (in->state) {
    case IN_RUNNING:
        send_pending(in, now);
        break;
    case IN_UNACKED:
    case IN_ANSWERED:
        count_add(&t->counts[TRANS_C_RETRANSMITTED], 1);
        trans_send(t, from, in->bytes, in->n);
        break;
    case IN_ACKED: /* a straggler: the peer has the reply */
        break;
    }
}

void trans_in_request(struct trans *t, const struct addr *from, const struct h248_msg *m, const struct h248_txn *txn,
                      msec_t now)
{
    uint32_t digest = content_digest(t, txn);
    struct trans_in *in;

    if (txn->tid == 0) { /* h248-core 6: no id for a request */
        count_add(&t->counts[TRANS_C_BAD], 1);
        trans_send_error(t, from, 0, 403, "TransactionID 0");
        return;
    }
    in = in_find(t, &m->mid, txn->tid);
    if (in && (in->digest == digest || in->state == IN_RUNNING)) {
        repeat_in(t, in, from, now);
        return;
    }
    if (in)
        in_free(in);
    if (HASH_COUNT(t->ins) >= TRANS_KEPT_MAX || t->kept_bytes >= TRANS_KEPT_BYTES) {
        count_add(&t->counts[TRANS_C_BAD], 1);
        trans_send_error(t, from, txn->tid, 510, h248_err_text(510));
        return;
    }
    in = in_new(t, from, &m->mid, txn->tid, now);
    if (!in) {
        trans_send_error(t, from, txn->tid, 510, h248_err_text(510));
        return;
    }
    in->digest = digest;
    count_add(&t->counts[TRANS_C_RECEIVED], 1);
    t->h.request(t->h.arg, in, m, txn);
}

void trans_in_acks(struct trans *t, const struct h248_mid *mid, const struct h248_ack_range *acks, msec_t now)
{
    const struct h248_ack_range *r;
    unsigned budget = TRANS_RANGE_MAX;

    DL_FOREACH(acks, r) {
        for (uint64_t id = r->first; id <= r->last && budget > 0; id++, budget--) {
            struct trans_in *in = in_find(t, mid, (uint32_t)id);

            if (!in || in->state == IN_RUNNING || in->state == IN_ACKED)
                continue;
            bytes_drop(in);
            in_keep(in, IN_ACKED, now);
        }
    }
}

/* --- answer --- */

const struct addr *trans_in_peer(const struct trans_in *in)
{
    return &in->peer;
}

uint32_t trans_in_tid(const struct trans_in *in)
{
    return in->tid;
}

void trans_in_forget(struct trans_in *in)
{
    in->stranger = true;
}

void trans_in_version(struct trans_in *in, unsigned version)
{
    in->version = version;
}

static int compose(struct trans_in *in, struct arena *a, int (*build)(struct arena *a, struct h248_txn *txn, void *arg),
                   void *arg, struct h248_msg **mp, size_t *n)
{
    struct trans *t = in->t;
    struct h248_msg *m = h248_msg_new(a, in->version, &t->conf.mid);
    struct h248_txn *txn = m ? h248_txn_new(a, m, H248_REPLY, in->tid) : NULL;
    int err;

    if (!txn)
        return -ENOMEM;
    err = build(a, txn, arg);
    txn->imm_ack = in->pended && !t->conf.reliable;
    if (!err)
        err = trans_encode(t, m, n);
    *mp = m;
    return err;
}

static int build_error(struct arena *a, struct h248_txn *txn, void *arg)
{
    const unsigned *code = arg;

    txn->error = h248_error_new(a, *code, NULL);
    return txn->error ? 0 : -ENOMEM;
}

int trans_answer(struct trans_in *in, int (*build)(struct arena *a, struct h248_txn *txn, void *arg), void *build_arg,
                 msec_t now)
{
    struct trans *t = in->t;
    struct arena *a = arena_new(H248_ARENA_MAX);
    struct h248_msg *m = NULL;
    unsigned code;
    size_t n = 0;
    int err = a ? compose(in, a, build, build_arg, &m, &n) : -ENOMEM;
    int kept = err;

    if (kept && a) {
        /* an arena that is full holds far more than a message */
        code = err == -EMSGSIZE || (err == -ENOMEM && arena_used(a) > H248_ARENA_MAX / 2) ? 533 : 500;
        arena_reset(a);
        kept = compose(in, a, build_error, &code, &m, &n);
    }
    if (!kept) {
        in->bytes = malloc(n);
        kept = in->bytes ? 0 : -ENOMEM;
    }
    if (kept) { /* not even an error fits into memory: as if the request had been lost */
        in_free(in);
        arena_free(a);
        return err ? err : kept;
    }
    memcpy(in->bytes, t->scratch, n);
    in->n = n;
    t->kept_bytes += n;
    if (in->pended && !t->conf.reliable) {
        in_unlink(in);
        in->sends = 1;
        in->interval = t->conf.first_retransmit;
        in->due = now + trans_jitter(in->interval);
        in->forget = now + t->conf.long_timer;
        in_link(in, IN_UNACKED);
    } else {
        in_keep(in, IN_ANSWERED, now);
    }
    trans_send_seen(t, &in->peer, in->bytes, in->n, m);
    if (in->stranger)
        in_free(in);
    arena_free(a);
    return err;
}

/* --- clock --- */

/* After a Pending the requester repeats no more, so the replier does until the ack comes. */
static void unacked_tick(struct trans *t, msec_t now)
{
    struct trans_in *in, *tmp;

    DL_FOREACH_SAFE(t->unacked, in, tmp) {
        if (now < in->due)
            continue;
        if (in->sends >= t->conf.max_sends || now >= in->forget) {
            in_keep(in, IN_ANSWERED, now);
            continue;
        }
        in->sends++;
        in->interval = in->interval * 2 < t->conf.max_retransmit ? in->interval * 2 : t->conf.max_retransmit;
        in->due = now + trans_jitter(in->interval);
        count_add(&t->counts[TRANS_C_RETRANSMITTED], 1);
        trans_send(t, &in->peer, in->bytes, in->n);
    }
}

void trans_in_tick(struct trans *t, msec_t now)
{
    struct trans_in *in;

    while ((in = t->running) && now >= in->due) {
        in_unlink(in);
        in->due = pending_due(t, now);
        in_link(in, IN_RUNNING);
        send_pending(in, now);
    }
    unacked_tick(t, now);
    while ((in = t->kept) && now >= in->due)
        in_free(in);
}

msec_t trans_in_due(const struct trans *t)
{
    msec_t due = t->running ? t->running->due : MSEC_NEVER;
    const struct trans_in *in;

    if (t->kept && t->kept->due < due)
        due = t->kept->due;
    DL_FOREACH(t->unacked, in) {
        if (in->due < due)
            due = in->due;
    }
    return due;
}
