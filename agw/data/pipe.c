#include "agw/data/pipe.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"

int pipe_new(struct pipe **pp, struct env *env, const struct bus_pipe *conf)
{
    struct pipe *p = calloc(1, sizeof *p);

    if (!p)
        return -ENOMEM;
    p->id = p->stats.id = conf->id;
    p->env = env;
    p->conf = *conf;
    p->gate_in = p->gate_out = true;
    *pp = p;
    return 0;
}

void pipe_free(struct pipe *p)
{
    if (!p)
        return;
    free(p->in);
    free(p);
}

static struct inbox *worker_of(const struct pipe *p)
{
    return p->env->conf.workers[p->conf.worker];
}

/* --- in --- */

static void take(struct pipe *p, size_t n)
{
    p->off += n;
    p->n -= n;
    if (p->n)
        return;
    free(p->in); /* idle sessions hold no memory */
    p->in = NULL;
    p->off = p->size = 0;
}

/* Not for each octet: the worker has the rest of its credit meanwhile. */
static void give_back(struct pipe *p, size_t n)
{
    p->owed += n;
    if (p->conn && p->owed >= BUS_PIPE_WINDOW / 4 && !bus_post_conn(worker_of(p), BUS_PIPE_CREDIT, p->conf.sep, p->conn, p->owed))
        p->owed = 0;
}

static int keep(struct pipe *p, const void *bytes, size_t n)
{
    size_t size = p->size ? p->size : BUS_PIPE_WINDOW / 8;
    char *in;

    if (p->off) {
        memmove(p->in, p->in + p->off, p->n);
        p->off = 0;
    }
    while (size < p->n + n)
        size *= 2;
    if (size > p->size) {
        in = realloc(p->in, size);
        if (!in)
            return -ENOMEM;
        p->in = in;
        p->size = size;
    }
    memcpy(p->in + p->n, bytes, n);
    p->n += n;
    return 0;
}

void pipe_data(struct pipe *p, uint32_t conn, const void *bytes, size_t n)
{
    if (!conn || conn != p->conn)
        return; /* it was dropped meanwhile */
    give_back(p, BUS_PIPE_COST);
    if (keep(p, bytes, n)) {
        log_error("data", "pipe=%llu msg=\"connection closed\" why=\"no memory\"", (unsigned long long)p->id);
        pipe_drop(p);
    }
    join_touch(p->env, p->join);
}

size_t pipe_read(struct pipe *p, void *to, size_t room)
{
    const size_t have = p->border ? p->old : p->n;
    const size_t n = have < room ? have : room;

    if (!n)
        return 0;
    memcpy(to, p->in + p->off, n);
    take(p, n);
    if (p->border)
        p->old -= n;
    else
        give_back(p, n);
    return n;
}

/* --- out --- */

size_t pipe_write(struct pipe *p, const void *bytes, size_t n)
{
    if (!p->conn || p->credit <= BUS_PIPE_COST)
        return 0;
    if (n > BUS_PIPE_FRAME)
        n = BUS_PIPE_FRAME;
    if (n > p->credit - BUS_PIPE_COST)
        n = p->credit - BUS_PIPE_COST;
    if (!n || bus_post_pipe(worker_of(p), BUS_PIPE_SEND, p->conf.sep, p->conn, bytes, n))
        return 0;
    p->credit -= n + BUS_PIPE_COST;
    return n;
}

void pipe_credit(struct pipe *p, uint32_t conn, size_t n)
{
    if (!conn || conn != p->conn)
        return;
    p->credit += n;
    join_touch(p->env, p->join);
}

/* --- connections --- */

/* Of two that were lost before the first was read to its end the later one's octets go: they are as lost as what was in the
 * network. */
static void forget_conn(struct pipe *p)
{
    if (p->border)
        p->n = p->old;
    p->old = p->n;
    p->border = p->lost = true;
    p->conn = 0;
    p->owed = p->credit = 0;
    if (!p->n)
        take(p, 0);
    join_touch(p->env, p->join);
}

void pipe_up(struct pipe *p, uint32_t conn)
{
    if (p->conn)
        pipe_down(p, p->conn);
    p->conn = conn;
    p->credit = BUS_PIPE_WINDOW;
    p->owed = 0;
    env_event(p->env, p->id, BUS_EV_TCP_UP, "ICE-TCP");
    join_touch(p->env, p->join);
}

void pipe_down(struct pipe *p, uint32_t conn)
{
    if (!conn || conn != p->conn)
        return;
    forget_conn(p);
    env_event(p->env, p->id, BUS_EV_TCP_CLOSED, "ICE-TCP connection lost");
}

bool pipe_at_border(struct pipe *p)
{
    const bool is = p->border && !p->old;

    if (is)
        p->border = false;
    return is;
}

bool pipe_was_lost(struct pipe *p)
{
    const bool was = p->lost;

    p->lost = false;
    return was;
}

static void end_conn(struct pipe *p, bool is_bad)
{
    if (p->conn) {
        (void)bus_post_conn(worker_of(p), BUS_PIPE_DROP, p->conf.sep, p->conn, is_bad);
        forget_conn(p);
    }
    take(p, p->n);
    p->old = 0;
}

void pipe_drop(struct pipe *p)
{
    if (!p->border) {
        end_conn(p, true);
        return;
    }
    take(p, p->old);
    p->old = 0;
}

void pipe_cut(struct pipe *p)
{
    end_conn(p, false);
}
