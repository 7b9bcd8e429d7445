#include "common/fsm.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>

#include "common/log.h"

#define AREA "fsm"

static void on_timer(uv_timer_t *t)
{
    struct fsm *f = t->data;

    (void)fsm_event(f, f->def->ev_timeout, NULL);
}

static void start_timer(struct fsm *f)
{
    const struct fsm_def *d = f->def;
    int row = d->states[f->state].timer;

    uv_timer_stop(&f->timer);
    if (row > 0 && row < d->n_timers && d->timers[row].ms > 0)
        uv_timer_start(&f->timer, on_timer, d->timers[row].ms, 0);
}

int fsm_init(struct fsm *f, const struct fsm_def *def, uv_loop_t *loop, void *owner,
             const char *tag)
{
    int err;

    assert(def->n_states > 0 && def->n_states <= 32 && def->n_events <= 32);
    memset(f, 0, sizeof *f);
    f->def = def;
    f->owner = owner;
    snprintf(f->tag, sizeof f->tag, "%s", tag);
    err = uv_timer_init(loop, &f->timer);
    if (err)
        return err;
    f->timer.data = f;
    start_timer(f);
    return 0;
}

/* The handle's data is the machine, so the owner's callback waits in the machine's own field. */
static void on_closed(uv_handle_t *h)
{
    struct fsm *f = h->data;

    if (f->closed)
        f->closed(f);
}

void fsm_fini(struct fsm *f, void (*closed)(struct fsm *f))
{
    f->closed = closed;
    uv_timer_stop(&f->timer);
    uv_close((uv_handle_t *)&f->timer, on_closed);
}

int fsm_event(struct fsm *f, int event, void *data)
{
    const struct fsm_def *d = f->def;
    const struct fsm_state *s = &d->states[f->state];

    assert(event >= 0 && event < d->n_events);
    if (!(s->accepts & ON(event))) {
        log_warn(AREA, "%s fsm=%s state=%s event=%s msg=\"not accepted here\"", f->tag, d->name,
                 s->name, d->events[event]);
        return -EPROTO;
    }
    log_debug(AREA, "%s fsm=%s state=%s event=%s", f->tag, d->name, s->name, d->events[event]);
    if (s->action)
        s->action(f, event, data);
    return 0;
}

void fsm_to(struct fsm *f, int state)
{
    const struct fsm_def *d = f->def;

    assert(state >= 0 && state < d->n_states);
    assert(d->states[f->state].next & ON(state)); /* our table, our mistake */
    log_debug(AREA, "%s fsm=%s state=%s to=%s", f->tag, d->name, d->states[f->state].name,
              d->states[state].name);
    f->state = state;
    start_timer(f);
}

const char *fsm_state_name(const struct fsm *f)
{
    return f->def->states[f->state].name;
}

static void dot_events(const struct fsm_def *d, uint32_t accepts, struct buf *out)
{
    for (int e = 0; e < d->n_events; e++) {
        if (accepts & ON(e))
            buf_printf(out, "\\n%s", d->events[e]);
    }
}

void fsm_dot(const struct fsm_def *d, struct buf *out)
{
    buf_printf(out, "digraph %s {\n    node [shape=box];\n", d->name);
    for (int i = 0; i < d->n_states; i++) {
        const struct fsm_state *s = &d->states[i];

        buf_printf(out, "    %s [label=\"%s", s->name, s->name);
        dot_events(d, s->accepts, out);
        buf_str(out, "\"];\n");
        for (int to = 0; to < d->n_states; to++) {
            if (s->next & ON(to))
                buf_printf(out, "    %s -> %s;\n", s->name, d->states[to].name);
        }
    }
    buf_str(out, "}\n");
}
