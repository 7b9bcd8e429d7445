#include "agw/data/pass.h"

#include <errno.h>
#include <stdlib.h>

#include "agw/data/data_limits.h"
#include "agw/data/msrp.h"
#include "agw/data/msrp_trace.h"

#define SIZE_FIRST 4096
#define END_MAX (MSRP_TID_MAX + 16) /* octets behind size, for an end line of ours */

struct pass {
    struct pass_conf conf;
    char *in;              /* from off on one chunk (its head stays here while its body passes), perhaps more behind it */
    size_t off, len, size;
    struct msrp_frame frame;
    size_t out;            /* octets from off on that the destination has */
    bool bad, seen;        /* seen: the trace has this chunk */
    bool gone;             /* the source of what is here is */
    bool discard;          /* the destination does not get the rest of this chunk */
};

int pass_new(struct pass **pp, const struct pass_conf *conf)
{
    struct pass *p = calloc(1, sizeof *p);

    if (!p)
        return -ENOMEM;
    p->conf = *conf;
    *pp = p;
    return 0;
}

void pass_free(struct pass *p)
{
    if (!p)
        return;
    free(p->in);
    free(p);
}

size_t pass_room(struct pass *p, void **to)
{
    size_t size = p->size;
    char *in;

    *to = NULL;
    if (p->bad || p->gone)
        return 0;
    if (p->off && p->off + p->len >= p->size) {
        memmove(p->in, p->in + p->off, p->len);
        p->off = 0;
    }
    if (p->len >= size && size < PASS_MAX) {
        size = size ? 2 * size : SIZE_FIRST;
        in = realloc(p->in, size + END_MAX);
        if (!in)
            return 0;
        p->in = in;
        p->size = size;
    }
    *to = p->in + p->off + p->len;
    return p->off + p->len < p->size ? p->size - p->off - p->len : 0;
}

void pass_got(struct pass *p, size_t n)
{
    p->len += n;
}

/* The chunk in front is over. */
static void consume(struct pass *p, size_t n)
{
    p->off += n;
    p->len -= n;
    p->out = 0;
    p->discard = p->seen = false;
    memset(&p->frame, 0, sizeof p->frame);
    if (p->len)
        return;
    free(p->in); /* idle sessions hold no memory */
    p->in = NULL;
    p->off = p->size = 0;
}

/* Body octets that are not needed any more: the head moves up behind them. */
static void body_drop(struct pass *p, size_t n)
{
    memmove(p->in + p->off + n, p->in + p->off, p->frame.head_len);
    p->off += n;
    p->len -= n;
    msrp_body_taken(&p->frame, n);
}

/* The rest will not come. What may be a part of the end line is no octet of the body for sure, and goes. */
static void cut_off(struct pass *p)
{
    const size_t body = msrp_body_safe(&p->frame, p->len);
    const size_t keep = p->frame.head_len + body;
    char end[END_MAX];
    struct buf b = buf_over(end, sizeof end);

    buf_str(&b, "\r\n");
    msrp_end_line((struct sv){p->in + p->off + p->frame.tid_off, p->frame.tid_len}, '+', &b);
    if (p->off + keep + b.len > p->size) {
        memmove(p->in, p->in + p->off, p->len);
        p->off = 0;
    }
    memcpy(p->in + p->off + keep, end, b.len);
    p->frame.state = MSRP_DONE;
    p->frame.body_len = body;
    p->frame.len = p->len = keep + b.len;
    p->frame.flag = '+';
}

/* Whole chunks of who is gone are delivered; what is not whole is ended, or was never begun. */
static void settle_gone(struct pass *p)
{
    p->gone = false;
    if (p->out && !p->discard && p->frame.state == MSRP_BODY)
        cut_off(p);
    else
        consume(p, p->len);
}

static size_t ready(const struct pass *p)
{
    if (p->frame.state == MSRP_DONE)
        return p->frame.len;
    return p->frame.state == MSRP_BODY ? p->frame.head_len + msrp_body_safe(&p->frame, p->len) : 0;
}

static void trace(struct pass *p)
{
    const struct sv chunk = {p->in + p->off, ready(p)};

    if (p->seen)
        return;
    p->seen = true;
    msrp_trace(p->conf.trace, p->conf.from, "agw", chunk);
    msrp_trace(p->conf.trace, "agw", p->conf.to, chunk);
}

/* true: the chunk in front is over, look at the next one */
static bool discard_some(struct pass *p)
{
    if (p->frame.state == MSRP_DONE) {
        consume(p, p->frame.len);
        return true;
    }
    if (p->frame.state == MSRP_BODY)
        body_drop(p, msrp_body_safe(&p->frame, p->len));
    return false;
}

int pass_next(struct pass *p, struct sv *v)
{
    int got;

    do {
        if (p->bad)
            return -EPROTO;
        got = p->len ? msrp_frame_scan(&p->frame, p->in + p->off, p->len) : 0;
        if (got < 0 && !p->gone) {
            p->bad = true;
            return -EPROTO;
        }
        if (got <= 0 && p->gone)
            settle_gone(p);
    } while (p->discard && discard_some(p));
    if (p->discard || ready(p) <= p->out)
        return 0;
    trace(p);
    *v = (struct sv){p->in + p->off + p->out, ready(p) - p->out};
    return 1;
}

bool pass_wrote(struct pass *p, size_t n)
{
    p->out += n;
    if (p->frame.state == MSRP_DONE) {
        if (p->out < p->frame.len)
            return false;
        consume(p, p->frame.len);
        return true;
    }
    if (p->out > p->frame.head_len) {
        body_drop(p, p->out - p->frame.head_len);
        p->out = p->frame.head_len;
    }
    return false;
}

void pass_source_lost(struct pass *p)
{
    if (p->bad)
        consume(p, p->len);
    p->bad = false;
    p->gone = p->len > 0;
}

void pass_target_lost(struct pass *p)
{
    p->discard = p->discard || p->out;
    p->out = 0;
}

bool pass_is_between(const struct pass *p)
{
    return !p->out;
}

bool pass_is_empty(const struct pass *p)
{
    return !p->len;
}

bool pass_refusal(const struct pass *p, struct buf *out)
{
    struct msrp_head h;

    if (!p->bad)
        return false;
    msrp_head_parse(&h, (struct sv){p->in + p->off, p->len < MSRP_HEAD_MAX ? p->len : MSRP_HEAD_MAX});
    return msrp_answer(&h, 400, "Bad Request", out);
}
