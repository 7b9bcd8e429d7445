/* Transaction layer: its life, its clock, and what comes off the wire (H.248.1 8; h248-core 9 for the error answers). */
#include "h248/trans_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <utlist.h>

#include "common/rnd.h"

const struct count_def trans_counters[TRANS_C_N] = {
    [TRANS_C_SENT] = {"h248_requests_sent_total", "H.248 requests of ours", false},
    [TRANS_C_RETRANSMITTED] = {"h248_retransmitted_total", "H.248 requests and replies sent again", false},
    [TRANS_C_RECEIVED] = {"h248_requests_received_total", "H.248 requests of peers, repeats not counted", false},
    [TRANS_C_BAD] = {"h248_bad_total", "H.248 messages that were malformed, refused or matched nothing", false},
    [TRANS_C_DUPLICATE] = {"h248_duplicates_total", "H.248 requests seen before", false},
    [TRANS_C_PENDING_IN] = {"h248_pending_received_total", "H.248 Pendings received", false},
    [TRANS_C_PENDING_OUT] = {"h248_pending_sent_total", "H.248 Pendings sent", false},
    [TRANS_C_TIMEOUT] = {"h248_timeouts_total", "H.248 requests that were never answered", false},
    [TRANS_C_REFUSED] = {"h248_refused_total", "H.248 messages of senders that may not talk to us (402)", false},
};

void trans_conf_default(struct trans_conf *c)
{
    *c = (struct trans_conf){
        .version = 2,
        .style = H248_PRETTY,
        .first_retransmit = 500,
        .max_retransmit = 4000,
        .max_sends = 7,
        .t_max = 25000,
        .long_timer = 30000,
        .provisional = 2000,
        .pending_limit = 5,
    };
}

int trans_new(struct trans **tp, const struct trans_conf *conf, const struct trans_h *h)
{
    struct trans *t = calloc(1, sizeof *t);

    if (!t)
        return -ENOMEM;
    t->conf = *conf;
    t->h = *h;
    t->version = conf->version;
    /* A restarted peer must not repeat ids that the other end still remembers: start anywhere. */
    t->last_tid = rnd_u32() & 0x7FFFFFFF;
    t->reqs_due = MSEC_NEVER;
    *tp = t;
    return 0;
}

void trans_free(struct trans *t)
{
    if (!t)
        return;
    t->closing = true;
    trans_out_close(t, NULL);
    trans_in_free_all(t);
    free(t);
}

void trans_next_version(struct trans *t, unsigned version)
{
    t->next_version = version;
}

void trans_set_version(struct trans *t, unsigned version)
{
    t->version = version;
}

const count_t *trans_counts(const struct trans *t)
{
    return t->counts;
}

unsigned trans_jitter(unsigned ms)
{
    return ms - ms / 4 + rnd_u32() % (ms / 2 + 1);
}

int trans_encode(struct trans *t, const struct h248_msg *m, size_t *n)
{
    struct buf b = buf_over(t->scratch, sizeof t->scratch);
    int err = h248_encode(m, t->conf.style, &b);

    if (!err)
        *n = b.len;
    return err;
}

void trans_send(struct trans *t, const struct addr *to, const void *p, size_t n)
{
    t->h.send(t->h.arg, to, p, n); /* a failure is a loss: the repeats see to it */
}

void trans_send_seen(struct trans *t, const struct addr *to, const void *p, size_t n, const struct h248_msg *m)
{
    if (t->h.seen)
        t->h.seen(t->h.arg, true, to, (struct sv){p, n}, m);
    trans_send(t, to, p, n);
}

static void send_msg(struct trans *t, const struct addr *to, const struct h248_msg *m)
{
    size_t n;

    if (trans_encode(t, m, &n) == 0)
        trans_send_seen(t, to, t->scratch, n, m);
}

void trans_send_pending(struct trans *t, const struct addr *to, unsigned version, uint32_t tid)
{
    struct h248_txn txn = {.kind = H248_PENDING, .tid = tid};
    struct h248_msg m = {.version = version, .mid = t->conf.mid, .txns = &txn};

    txn.prev = &txn;
    count_add(&t->counts[TRANS_C_PENDING_OUT], 1);
    send_msg(t, to, &m);
}

void trans_send_ack(struct trans *t, const struct addr *to, uint32_t tid)
{
    struct h248_ack_range range = {.first = tid, .last = tid};
    struct h248_txn txn = {.kind = H248_ACK, .acks = &range};
    struct h248_msg m = {.version = t->version, .mid = t->conf.mid, .txns = &txn};

    range.prev = &range;
    txn.prev = &txn;
    send_msg(t, to, &m);
}

void trans_send_error(struct trans *t, const struct addr *to, uint32_t tid, unsigned code, const char *text)
{
    struct h248_error error = {.code = code, .has_text = true, .text = sv_from(text)};
    struct h248_txn txn = {.kind = H248_REPLY, .tid = tid, .error = &error};
    struct h248_msg m = {.version = t->version, .mid = t->conf.mid, .txns = &txn};

    txn.prev = &txn;
    send_msg(t, to, &m);
}

/* --- malformed input --- */

/* Two peers that answer errors with errors would do so for ever; and we are nobody's amplifier. */
static bool may_send_error(struct trans *t, msec_t now)
{
    if (now / 1000 != t->error_second) {
        t->error_second = now / 1000;
        t->errors = 0;
    }
    return t->errors++ < TRANS_ERROR_RATE;
}

static void send_message_error(struct trans *t, const struct addr *to, unsigned code, const char *text, msec_t now)
{
    struct h248_error error = {.code = code, .has_text = true, .text = sv_from(text)};
    struct h248_msg m = {.version = t->version, .mid = t->conf.mid, .error = &error};

    if (may_send_error(t, now))
        send_msg(t, to, &m);
}

/* The table "where a syntax error is reported": at the deepest level that is known. */
static void answer_fault(struct trans *t, const struct addr *to, const struct h248_fault *f, msec_t now)
{
    struct h248_error error = {.code = f->code, .has_text = true, .text = sv_from(f->why)};
    struct h248_desc desc = {.kind = H248_D_ERROR, .u.error = error};
    struct h248_termid id = {.text = f->termid};
    struct h248_cmd cmd = {.verb = f->verb, .terms = &id, .descs = &desc};
    struct h248_action action = {.context = f->context};
    struct h248_txn txn = {.kind = H248_REPLY, .tid = f->tid};
    struct h248_msg m = {.version = t->version, .mid = t->conf.mid, .txns = &txn};

    if (f->level == H248_AT_MESSAGE) {
        send_message_error(t, to, f->code, f->why, now);
        return;
    }
    if (!f->is_request || !may_send_error(t, now))
        return;
    desc.prev = &desc;
    id.prev = &id;
    cmd.prev = &cmd;
    action.prev = &action;
    txn.prev = &txn;
    if (f->level == H248_AT_TXN)
        txn.error = &error;
    else
        txn.actions = &action;
    if (f->level == H248_AT_CMD && f->termid.n > 0)
        action.cmds = &cmd;
    else
        action.error = &error;
    send_msg(t, to, &m);
}

/* A broken message that is an error itself gets no answer: Error behind the header, in either token form. */
static bool is_error_message(struct sv text, const struct h248_msg *m)
{
    struct sv rest = text, word;

    if (m && m->error)
        return true;
    sv_word(&rest);
    for (int i = 0; i < 3; i++) {
        word = sv_trim(sv_word(&rest));
        if (sv_istarts(word, "Error") || sv_istarts(word, "ER=") || sv_iis(word, "ER"))
            return true;
    }
    return false;
}

/* --- input --- */

static bool has_request(const struct h248_msg *m)
{
    const struct h248_txn *txn;

    DL_FOREACH(m->txns, txn) {
        if (txn->kind == H248_REQUEST)
            return true;
    }
    return false;
}

static void message_in(struct trans *t, const struct addr *from, const struct h248_msg *m, msec_t now)
{
    const struct h248_txn *txn;

    if (t->h.allowed && !t->h.allowed(t->h.arg, from, &m->mid)) {
        count_add(&t->counts[TRANS_C_REFUSED], 1);
        if (has_request(m))
            send_message_error(t, from, 402, h248_err_text(402), now);
        return;
    }
    DL_FOREACH(m->txns, txn) {
        switch (txn->kind) {
        case H248_REQUEST:
            trans_in_request(t, from, m, txn, now);
            break;
        case H248_REPLY:
            trans_out_reply(t, from, txn);
            break;
        case H248_PENDING:
            trans_out_pending(t, from, txn->tid, now);
            break;
        case H248_ACK:
            trans_in_acks(t, &m->mid, txn->acks, now);
            break;
        case H248_SEGMENT: /* TS 29.334 5.12.2: the profile has no segmentation over UDP */
            break;
        }
    }
}

void trans_input(struct trans *t, const struct addr *from, const void *p, size_t n, msec_t now)
{
    struct sv text = {p, n};
    struct h248_fault fault = {0};
    struct h248_msg *m = NULL;
    struct arena *a;
    int err;

    if (sv_trim(text).n == 0)
        return; /* keeps a NAT binding open, says nothing */
    a = arena_new(H248_ARENA_MAX);
    err = a ? h248_decode(a, text, &m, &fault) : -ENOMEM;
    if (err)
        count_add(&t->counts[TRANS_C_BAD], 1);
    if (err == -EBADMSG && t->h.bad)
        t->h.bad(t->h.arg, from, &fault, text);
    if (m && t->h.seen)
        t->h.seen(t->h.arg, false, from, text, m);
    /* transactions are independent: complete ones before the fault are served, unless the message as a whole is refused */
    if (m && (!err || (fault.code != 406 && fault.code != 413)))
        message_in(t, from, m, now);
    if (err == -EBADMSG && !is_error_message(text, m))
        answer_fault(t, from, &fault, now);
    arena_free(a);
}

void trans_tick(struct trans *t, msec_t now)
{
    trans_out_tick(t, now);
    trans_in_tick(t, now);
}

msec_t trans_deadline(const struct trans *t)
{
    msec_t in = trans_in_due(t);

    return in < t->reqs_due ? in : t->reqs_due;
}
