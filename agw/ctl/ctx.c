/* Contexts. */
#include "agw/ctl/ctx.h"

#include <errno.h>
#include <stdlib.h>

#include "agw/ctl/rtp.h"
#include "agw/ctl/term.h"

/* Ids go up and come round late, so that a command for a dead context meets no other. */
static uint32_t next_id(struct ctl *c)
{
    do {
        c->last_ctx++;
    } while (c->last_ctx == H248_CTX_NULL || c->last_ctx >= H248_CTX_CHOOSE ||
             ctx_find(c, c->last_ctx));
    return c->last_ctx;
}

static unsigned idlest_worker(const struct ctl *c)
{
    unsigned best = 0;

    for (unsigned i = 1; i < c->conf.n_workers; i++) {
        if (c->on_worker[i] < c->on_worker[best])
            best = i;
    }
    return best;
}

int ctx_new(struct ctl *c, struct ctx **xp)
{
    struct ctx *x;

    if (HASH_COUNT(c->ctxs) >= c->conf.max_contexts)
        return -EMFILE;
    x = calloc(1, sizeof *x);
    if (!x)
        return -ENOMEM;
    x->ctl = c;
    x->id = next_id(c);
    x->worker = idlest_worker(c);
    c->on_worker[x->worker]++;
    HASH_ADD(hh, c->ctxs, id, sizeof x->id, x);
    count_add(&c->counts[CTL_C_CONTEXTS], 1);
    *xp = x;
    return 0;
}

void ctx_free(struct ctx *x)
{
    if (!x)
        return;
    while (x->terms)
        term_free(x->terms);
    x->ctl->on_worker[x->worker]--;
    HASH_DEL(x->ctl->ctxs, x);
    count_add(&x->ctl->counts[CTL_C_CONTEXTS], -1);
    free(x);
}

struct ctx *ctx_find(struct ctl *c, uint32_t id)
{
    struct ctx *x;

    HASH_FIND(hh, c->ctxs, &id, sizeof id, x);
    return x;
}

/* The stream of this id and kind on another termination that is connected with nothing yet. */
static struct stream *free_one(const struct ctx *x, const struct stream *of, enum stream_kind kind)
{
    struct term *t;

    DL_FOREACH(x->terms, t)
    {
        struct stream *s = t == of->term ? NULL : term_stream(t, of->spec.id);

        if (s && s->kind == kind && s->opened && !s->joined)
            return s;
    }
    return NULL;
}

static void connect_one(const struct ctx *x, struct stream *s)
{
    struct stream *other = s->joined;

    if ((s->kind == STREAM_CHAN || s->kind == STREAM_PIPE) && !other && (other = free_one(x, s, STREAM_TCP)))
        stream_join(s, other);
    if (s->kind != STREAM_RTP || !s->opened)
        return;
    if (!other)
        other = free_one(x, s, STREAM_RTP);
    if (other && (!s->joined || s->rewire || other->rewire))
        rtp_join(s, other);
}

void ctx_connect(struct ctx *x)
{
    struct term *t;
    struct stream *s;

    DL_FOREACH(x->terms, t)
    {
        DL_FOREACH(t->streams, s)
        connect_one(x, s);
    }
}
