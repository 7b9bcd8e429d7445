/* Table-driven state machines. An event that the state does not accept is logged and refused; state and timer
 * change only through fsm_to(). Owner: the object that embeds it. Thread: the owner's. */
#pragma once

#include <uv.h>

#include "common/buf.h"

#define ON(ev) (1u << (ev))

struct fsm;

struct fsm_timer {
    const char *name;
    unsigned ms; /* 0 = none */
    const char *what;
};

struct fsm_state {
    const char *name;
    uint32_t accepts; /* ON(event) | ... */
    uint32_t next;    /* ON(state) | ... */
    void (*action)(struct fsm *f, int event, void *data); /* may call fsm_to, once, as its last statement */
    int timer;        /* row of the timer table started on entry; 0 = none. Expiry dispatches ev_timeout */
};

struct fsm_def {
    const char *name;
    const struct fsm_state *states;
    int n_states;
    const char *const *events; /* names */
    int n_events;
    const struct fsm_timer *timers; /* row 0 is "none" */
    int n_timers;
    int ev_timeout;
};

struct fsm {
    const struct fsm_def *def;
    int state;
    char tag[64];     /* for the log: "call=7" */
    void *owner;
    void (*closed)(struct fsm *f); /* set by fsm_fini */
    uv_timer_t timer; /* closed by fsm_fini; its memory must live until the loop ran once more */
};

int fsm_init(struct fsm *f, const struct fsm_def *def, uv_loop_t *loop, void *owner, const char *tag);
void fsm_fini(struct fsm *f, void (*closed)(struct fsm *f)); /* closed: called when the memory may go */
int fsm_event(struct fsm *f, int event, void *data); /* 0, or -EPROTO: not accepted here (logged) */
void fsm_to(struct fsm *f, int state);
const char *fsm_state_name(const struct fsm *f);
void fsm_dot(const struct fsm_def *def, struct buf *out); /* Graphviz */
