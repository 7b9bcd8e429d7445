#include "agw/data/msrp_relay.h"

#include <errno.h>
#include <stdio.h>
#include <utlist.h>

#include "agw/data/data_limits.h"
#include "agw/data/msrp.h"
#include "agw/data/msrp_trace.h"
#include "common/rnd.h"

#define BASE_LEN 12        /* random part of a piece's transaction id; a number follows */
#define ANSWER_MAX (2 * MSRP_LINE_MAX + 256)
#define PIECE_OVERHEAD 256 /* what a piece's head may have over the original's, and its end line */
#define IN_SIZE_FIRST 16384

/* Answers of the pieces of one cut chunk become one answer: RFC 4975 7.2, with us as the sender of the pieces. */
struct split {
    struct split *prev, *next;
    char base[BASE_LEN + 1];
    char tid[MSRP_TID_MAX + 1]; /* of the chunk that was cut */
    unsigned sent, acked;
    bool all_sent, failed;
};

enum held { HELD_NOTHING, HELD_WHOLE, HELD_PIECE, HELD_REPLY };

struct relay {
    struct relay_conf conf;
    /* TCP -> channel: one chunk from in + off on, perhaps more behind it */
    char *in;
    size_t off, len, size;
    struct msrp_frame frame;
    bool bad, seen;        /* seen: the trace has this chunk */
    enum held held;        /* what relay_wic_next gave out */
    char *piece;
    size_t piece_len, piece_take;
    bool piece_last, piece_abort;
    struct {               /* a chunk being cut */
        bool on, discard, aborted;
        struct split *split; /* NULL: no answers wanted or already forgotten */
        char base[BASE_LEN + 1];
        unsigned n;
        uint64_t start, total;
    } cut;
    struct split *splits;
    struct msg *replies;   /* our own answers to the channel */
    unsigned n_replies;
    /* channel -> TCP */
    struct msg *core;
    size_t core_queued;
};

static size_t chunk_max(const struct relay *r)
{
    return r->conf.wic_max && r->conf.wic_max < RELAY_CHUNK_MAX ? (size_t)r->conf.wic_max : RELAY_CHUNK_MAX;
}

int relay_new(struct relay **rp, const struct relay_conf *conf)
{
    struct relay *r = calloc(1, sizeof *r);

    if (!r)
        return -ENOMEM;
    r->conf = *conf;
    *rp = r;
    return 0;
}

static void split_free(struct relay *r, struct split *s)
{
    if (r->cut.split == s)
        r->cut.split = NULL;
    DL_DELETE(r->splits, s);
    free(s);
}

void relay_free(struct relay *r)
{
    struct msg *m, *mtmp;

    if (!r)
        return;
    while (r->splits)
        split_free(r, r->splits);
    DL_FOREACH_SAFE(r->replies, m, mtmp)
        free(m);
    DL_FOREACH_SAFE(r->core, m, mtmp)
        free(m);
    free(r->in);
    free(r->piece);
    free(r);
}

void relay_wic_max(struct relay *r, uint64_t wic_max)
{
    r->conf.wic_max = wic_max;
}

/* --- trace --- */

static void trace_chunk(const struct relay *r, const char *from, const char *to, struct sv chunk)
{
    msrp_trace(r->conf.trace, from, to, chunk);
}

/* --- to TCP --- */

static void core_put(struct relay *r, struct msg *m)
{
    DL_APPEND(r->core, m);
    r->core_queued += m->n;
    trace_chunk(r, "agw", r->conf.core, (struct sv){m->p, m->n});
}

static int core_put_bytes(struct relay *r, const struct buf *b)
{
    struct msg *m = buf_err(b) ? NULL : msg_new(b->p, b->len, 0);

    if (!m)
        return -ENOMEM;
    core_put(r, m);
    return 0;
}

struct msg *relay_core_next(struct relay *r)
{
    return r->core;
}

void relay_core_wrote(struct relay *r, size_t n)
{
    struct msg *m;

    while ((m = r->core) && n) {
        size_t step = n < m->n - m->off ? n : m->n - m->off;

        m->off += step;
        n -= step;
        r->core_queued -= step;
        if (m->off == m->n) {
            DL_DELETE(r->core, m);
            free(m);
        }
    }
}

size_t relay_core_queued(const struct relay *r)
{
    return r->core_queued;
}

/* --- answers of pieces --- */

static struct split *split_find(struct relay *r, struct sv tid)
{
    struct split *s;

    DL_FOREACH(r->splits, s)
        if (tid.n > BASE_LEN && !memcmp(tid.p, s->base, BASE_LEN))
            return s;
    return NULL;
}

/* The first failure, or the last 200, goes to the sender under the id that it knows. */
static void on_piece_answer(struct relay *r, struct split *s, const struct msrp_frame *f, const struct msrp_head *h,
                            struct sv chunk)
{
    bool ok = h->code == 200, tell;
    struct msg *m;
    struct buf out;

    s->acked++;
    tell = !s->failed && (!ok || (s->all_sent && s->acked >= s->sent));
    if (tell) {
        m = malloc(sizeof *m + chunk.n + MSRP_TID_MAX * 2);
        if (m) {
            *m = (struct msg){0};
            out = buf_over(m->p, chunk.n + MSRP_TID_MAX * 2);
            msrp_retid(f, chunk, sv_from(s->tid), &out);
            m->n = out.len;
            core_put(r, m);
        }
    }
    if (!ok) {
        s->failed = true;
        if (r->cut.split == s)
            r->cut.discard = true; /* RFC 4975 7.1.2: a sender stops at an error */
    }
    if (s->all_sent && s->acked >= s->sent)
        split_free(r, s);
}

static void reply_put(struct relay *r, struct msg *m)
{
    if (!m || r->n_replies >= RELAY_REPLIES_MAX) { /* who does not read may not make us remember more and more */
        free(m);
        return;
    }
    DL_APPEND(r->replies, m);
    r->n_replies++;
}

static int refuse_wic(struct relay *r, struct sv chunk)
{
    uint8_t bytes[ANSWER_MAX];
    struct buf out = buf_over(bytes, sizeof bytes);
    struct msrp_head h;

    msrp_head_parse(&h, (struct sv){chunk.p, chunk.n < MSRP_HEAD_MAX ? chunk.n : MSRP_HEAD_MAX});
    if (msrp_is(&h, "SEND") && msrp_answer(&h, 400, "Bad Request", &out))
        reply_put(r, msg_new(out.p, out.len, 0));
    return -EPROTO;
}

int relay_wic_got(struct relay *r, struct msg *m)
{
    struct msrp_frame f = {0};
    struct msrp_head h;
    struct split *s;
    struct sv chunk = {m->p, m->n};

    if (msrp_frame_scan(&f, m->p, m->n) != 1 || f.len != m->n) {
        refuse_wic(r, chunk);
        free(m);
        return -EPROTO;
    }
    trace_chunk(r, r->conf.wic, "agw", chunk);
    msrp_head_parse(&h, (struct sv){m->p, f.head_len});
    s = h.method.n ? NULL : split_find(r, h.tid);
    if (s) {
        on_piece_answer(r, s, &f, &h, chunk);
        free(m);
    } else {
        core_put(r, m);
    }
    return 0;
}

/* --- from TCP --- */

size_t relay_tcp_room(struct relay *r, void **p)
{
    size_t max = chunk_max(r) + RELAY_AHEAD, size = r->size;
    char *in;

    *p = NULL;
    if (r->bad)
        return 0;
    if (r->held == HELD_NOTHING && r->off && (!r->len || r->off + r->len == r->size)) {
        memmove(r->in, r->in + r->off, r->len);
        r->off = 0;
    }
    if (r->off + r->len == size && size < max && !r->off) {
        size = size ? 2 * size : IN_SIZE_FIRST;
        if (size > max)
            size = max;
        in = realloc(r->in, size);
        if (!in)
            return 0;
        r->in = in;
        r->size = size;
    }
    *p = r->in + r->off + r->len;
    return r->size - r->off - r->len;
}

void relay_tcp_got(struct relay *r, size_t n)
{
    r->len += n;
}

static void in_consume(struct relay *r, size_t n)
{
    r->off += n;
    r->len -= n;
    if (!r->len) { /* idle sessions hold no memory */
        free(r->in);
        r->in = NULL;
        r->off = r->size = 0;
    }
    memset(&r->frame, 0, sizeof r->frame);
    r->seen = false;
}

static int refuse_tcp(struct relay *r, unsigned code, const char *text)
{
    uint8_t bytes[ANSWER_MAX];
    struct buf out = buf_over(bytes, sizeof bytes);
    struct msrp_head h;

    r->bad = true;
    msrp_head_parse(&h, (struct sv){r->in + r->off, r->len < MSRP_HEAD_MAX ? r->len : MSRP_HEAD_MAX});
    if (msrp_answer(&h, code, text, &out))
        core_put_bytes(r, &out);
    return -EPROTO;
}

static struct sv in_head(const struct relay *r)
{
    return (struct sv){r->in + r->off, r->frame.head_len};
}

static void split_start(struct relay *r, const struct msrp_head *h)
{
    struct split *s = sv_iis(h->failure_report, "no") ? NULL : calloc(1, sizeof *s);

    rnd_text(r->cut.base, BASE_LEN);
    r->cut.split = s;
    if (!s)
        return;
    if (r->splits) {
        unsigned n = 0;
        struct split *each;

        DL_COUNT(r->splits, each, n);
        if (n >= RELAY_SPLITS_MAX)
            split_free(r, r->splits);
    }
    memcpy(s->base, r->cut.base, sizeof s->base);
    sv_copy(h->tid, s->tid, sizeof s->tid);
    DL_APPEND(r->splits, s);
}

static int cut_start(struct relay *r)
{
    struct msrp_head h;

    msrp_head_parse(&h, in_head(r));
    if (!msrp_is(&h, "SEND"))
        return refuse_tcp(r, 400, "Bad Request");
    if (r->frame.head_len + PIECE_OVERHEAD >= chunk_max(r))
        return refuse_tcp(r, 413, "Message Too Big For The Other Side");
    r->cut.on = true;
    r->cut.discard = r->cut.aborted = false;
    r->cut.n = 0;
    r->cut.start = h.start;
    r->cut.total = h.total;
    split_start(r, &h);
    return 0;
}

/* Build the next piece: `take` octets of the body, then `flag`. */
static int piece_build(struct relay *r, size_t take, char flag)
{
    size_t size = r->frame.head_len + take + PIECE_OVERHEAD;
    uint64_t start = r->cut.start, end = take ? start + take - 1 : MSRP_ANY;
    char tid[MSRP_TID_MAX + 1];
    struct buf out;

    r->piece = malloc(size);
    if (!r->piece)
        return 0;
    snprintf(tid, sizeof tid, "%s%u", r->cut.base, r->cut.n);
    out = buf_over(r->piece, size);
    msrp_piece_head(in_head(r), sv_from(tid), start, end, r->cut.total, &out);
    buf_put(&out, r->in + r->off + r->frame.head_len, take);
    buf_str(&out, "\r\n");
    msrp_end_line(sv_from(tid), flag, &out);
    if (buf_err(&out)) {
        free(r->piece);
        r->piece = NULL;
        return refuse_tcp(r, 400, "Bad Request");
    }
    r->piece_len = out.len;
    r->piece_take = take;
    r->piece_last = r->frame.state == MSRP_DONE && take == r->frame.body_len;
    r->piece_abort = r->cut.discard;
    r->held = HELD_PIECE;
    return 1;
}

/* `take` body octets have gone: the head moves up behind them. */
static void body_drop(struct relay *r, size_t take)
{
    memmove(r->in + r->off + take, r->in + r->off, r->frame.head_len);
    r->off += take;
    r->len -= take;
    r->cut.start += take;
    msrp_body_taken(&r->frame, take);
}

static void cut_end(struct relay *r)
{
    struct split *s = r->cut.split;

    r->cut.on = false;
    r->cut.split = NULL;
    if (!s)
        return;
    s->all_sent = true;
    if (s->acked >= s->sent) /* only after a failure: the last 200 cannot be here yet */
        split_free(r, s);
}

/* After an error the rest of the chunk is swallowed, and the browser told that no more comes. */
static int cut_discard(struct relay *r)
{
    if (!r->cut.aborted)
        return piece_build(r, 0, '#');
    if (r->frame.state != MSRP_DONE) {
        body_drop(r, msrp_body_safe(&r->frame, r->len));
        return 0;
    }
    in_consume(r, r->frame.len);
    cut_end(r);
    return -EAGAIN;
}

/* 1: a piece is ready; 0: more octets needed; -EAGAIN: look again */
static int cut_next(struct relay *r)
{
    size_t room = chunk_max(r) > r->frame.head_len + PIECE_OVERHEAD ? chunk_max(r) - r->frame.head_len - PIECE_OVERHEAD : 1;
    size_t safe;
    bool whole = msrp_frame_scan(&r->frame, r->in + r->off, r->len) == 1;

    if (r->cut.discard)
        return cut_discard(r);
    safe = msrp_body_safe(&r->frame, r->len);
    if (whole && safe <= room)
        return piece_build(r, safe, r->frame.flag);
    /* One octet stays, so that the last piece is never empty. */
    return safe > room ? piece_build(r, room, '+') : 0;
}

static int chunk_next(struct relay *r)
{
    int got = msrp_frame_scan(&r->frame, r->in + r->off, r->len), err;

    if (got < 0)
        return refuse_tcp(r, 400, "Bad Request");
    if ((got == 1 || r->frame.state == MSRP_BODY) && !r->seen) {
        bool big = r->frame.head_len + msrp_body_safe(&r->frame, r->len) > chunk_max(r);

        r->seen = got == 1 || big;
        if (r->seen)
            trace_chunk(r, r->conf.core, "agw", (struct sv){r->in + r->off, got == 1 ? r->frame.len : r->len});
    }
    if (got == 1 && r->frame.len <= chunk_max(r)) {
        r->held = HELD_WHOLE;
        return 1;
    }
    if (got == 1 || (r->frame.state == MSRP_BODY &&
                     r->frame.head_len + msrp_body_safe(&r->frame, r->len) > chunk_max(r))) {
        err = cut_start(r);
        return err ? err : -EAGAIN;
    }
    return 0;
}

static struct sv held(const struct relay *r)
{
    switch (r->held) {
    case HELD_WHOLE: return (struct sv){r->in + r->off, r->frame.len};
    case HELD_PIECE: return (struct sv){r->piece, r->piece_len};
    case HELD_REPLY: return (struct sv){r->replies->p, r->replies->n};
    default: return SV_NONE;
    }
}

int relay_wic_next(struct relay *r, struct sv *m)
{
    int got = 1;

    if (r->held == HELD_NOTHING && r->replies) {
        r->held = HELD_REPLY;
    } else if (r->held == HELD_NOTHING) {
        do {
            if (r->bad)
                return -EPROTO;
            if (!r->len)
                return 0;
            got = r->cut.on ? cut_next(r) : chunk_next(r);
        } while (got == -EAGAIN);
    }
    if (got == 1)
        *m = held(r);
    return got;
}

static void piece_sent(struct relay *r)
{
    body_drop(r, r->piece_take);
    r->cut.n++;
    if (r->cut.split)
        r->cut.split->sent++;
    free(r->piece);
    r->piece = NULL;
    if (r->piece_abort) {
        r->cut.aborted = true;
    } else if (r->piece_last) {
        in_consume(r, r->frame.len);
        cut_end(r);
    }
}

void relay_wic_sent(struct relay *r)
{
    struct msg *reply = r->replies;
    enum held what = r->held;

    trace_chunk(r, "agw", r->conf.wic, held(r));
    r->held = HELD_NOTHING;
    if (what == HELD_PIECE) {
        piece_sent(r);
    } else if (what == HELD_WHOLE) {
        in_consume(r, r->frame.len);
    } else if (what == HELD_REPLY) {
        DL_DELETE(r->replies, reply);
        r->n_replies--;
        free(reply);
    }
}

/* The head of the chunk being cut is all that an abort needs; it becomes a message of its own. */
static void abort_cut(struct relay *r)
{
    if (r->held == HELD_PIECE) { /* never went out: its octets are lost with the rest */
        free(r->piece);
        r->piece = NULL;
    }
    r->held = HELD_NOTHING;
    if (piece_build(r, 0, '#') == 1) {
        reply_put(r, msg_new(r->piece, r->piece_len, 0));
        free(r->piece);
        r->piece = NULL;
    }
    r->held = HELD_NOTHING;
}

void relay_tcp_lost(struct relay *r)
{
    struct msg *m = r->core;

    if (r->cut.on && !r->cut.aborted)
        abort_cut(r);
    if (r->held != HELD_REPLY)
        r->held = HELD_NOTHING;
    r->cut.on = false;
    while (r->splits) /* nobody is left to be answered */
        split_free(r, r->splits);
    in_consume(r, r->len);
    r->bad = false;
    if (m && m->off) {
        DL_DELETE(r->core, m);
        r->core_queued -= m->n - m->off;
        free(m);
    }
}
