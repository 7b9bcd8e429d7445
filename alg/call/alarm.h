/* One deadline of a leg beside the state's own timer: the session timer, the wait before a re-INVITE is repeated. Owner:
 * whoever embeds it; the handle lives on its own, so its owner may go at any time after alarm_stop. Main thread. */
#pragma once

#include <uv.h>

struct alarm {
    uv_timer_t *t; /* NULL: not set */
    void (*cb)(void *arg);
    void *arg;
};

int alarm_set(struct alarm *a, uv_loop_t *loop, uint64_t ms, void (*cb)(void *arg), void *arg); /* replaces the one before. 0, -ENOMEM */
void alarm_stop(struct alarm *a);
void alarm_hasten(struct alarm *a); /* it rings in the next turn of the loop */
void alarm_ring(struct alarm *a); /* now; nothing when it is not set */
