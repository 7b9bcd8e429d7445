#include "alg/call/alarm.h"

#include <errno.h>
#include <stdlib.h>

static void on_timer(uv_timer_t *t)
{
    alarm_ring(t->data);
}

int alarm_set(struct alarm *a, uv_loop_t *loop, uint64_t ms, void (*cb)(void *arg), void *arg)
{
    alarm_stop(a);
    a->t = malloc(sizeof *a->t);
    if (!a->t)
        return -ENOMEM;
    a->cb = cb;
    a->arg = arg;
    uv_timer_init(loop, a->t);
    a->t->data = a;
    return uv_timer_start(a->t, on_timer, ms, 0);
}

void alarm_stop(struct alarm *a)
{
    if (a->t)
        uv_close((uv_handle_t *)a->t, (uv_close_cb)free);
    a->t = NULL;
}

void alarm_hasten(struct alarm *a)
{
    if (a->t)
        uv_timer_start(a->t, on_timer, 0, 0);
}

void alarm_ring(struct alarm *a)
{
    if (!a->t)
        return;
    alarm_stop(a);
    a->cb(a->arg);
}
