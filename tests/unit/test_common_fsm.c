#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>

#include "common/fsm.h"
#include "common/log.h"

enum { IDLE, BUSY, DONE };
enum { EV_GO, EV_STOP, EV_TIMEOUT };
enum { T_NONE, T_WORK };

static int actions;

static void on_idle(struct fsm *f, int event, void *data)
{
    (void)event;
    assert_ptr_equal(data, f->owner);
    actions++;
    fsm_to(f, BUSY);
}

static void on_busy(struct fsm *f, int event, void *data)
{
    (void)data;
    actions++;
    fsm_to(f, event == EV_TIMEOUT ? DONE : IDLE);
}

static const struct fsm_state states[] = {
    [IDLE] = {"idle", ON(EV_GO), ON(BUSY), on_idle, T_NONE},
    [BUSY] = {"busy", ON(EV_STOP) | ON(EV_TIMEOUT), ON(IDLE) | ON(DONE), on_busy, T_WORK},
    [DONE] = {"done", 0, 0, NULL, T_NONE},
};
static const char *const events[] = {"go", "stop", "timeout"};
static const struct fsm_timer timers[] = {{"none", 0, ""}, {"work", 1, "wait for work"}};
static const struct fsm_def def = {"sample", states, 3, events, 3, timers, 2, EV_TIMEOUT};

static int closed;
static void on_closed(struct fsm *f)
{
    assert_ptr_equal(f->def, &def);
    closed++;
}

static void test_events(void **state)
{
    uv_loop_t loop;
    struct fsm f;

    (void)state;
    log_init(LOG_ERROR);
    uv_loop_init(&loop);
    actions = closed = 0;
    assert_int_equal(fsm_init(&f, &def, &loop, &loop, "call=7"), 0);
    assert_string_equal(fsm_state_name(&f), "idle");
    assert_int_equal(fsm_event(&f, EV_STOP, &loop), -EPROTO); /* not listed: state stays */
    assert_int_equal(actions, 0);
    assert_int_equal(fsm_event(&f, EV_GO, &loop), 0);
    assert_string_equal(fsm_state_name(&f), "busy");
    assert_true(uv_is_active((uv_handle_t *)&f.timer));
    assert_int_equal(fsm_event(&f, EV_STOP, NULL), 0);
    assert_false(uv_is_active((uv_handle_t *)&f.timer)); /* idle has none */
    assert_int_equal(actions, 2);
    fsm_fini(&f, on_closed);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(closed, 1);
    assert_int_equal(uv_loop_close(&loop), 0);
}

static void test_timeout_is_an_event(void **state)
{
    uv_loop_t loop;
    struct fsm f;

    (void)state;
    uv_loop_init(&loop);
    assert_int_equal(fsm_init(&f, &def, &loop, &loop, "call=8"), 0);
    assert_int_equal(fsm_event(&f, EV_GO, &loop), 0);
    uv_run(&loop, UV_RUN_DEFAULT); /* ends when the one timer has fired */
    assert_string_equal(fsm_state_name(&f), "done");
    assert_int_equal(fsm_event(&f, EV_TIMEOUT, NULL), -EPROTO);
    fsm_fini(&f, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

static void test_dot(void **state)
{
    char text[512];
    struct buf out = buf_over(text, sizeof text);

    (void)state;
    fsm_dot(&def, &out);
    assert_true(sv_is(buf_sv(&out), "digraph sample {\n    node [shape=box];\n"
                                    "    idle [label=\"idle\\ngo\"];\n    idle -> busy;\n"
                                    "    busy [label=\"busy\\nstop\\ntimeout\"];\n"
                                    "    busy -> idle;\n    busy -> done;\n"
                                    "    done [label=\"done\"];\n}\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events),
        cmocka_unit_test(test_timeout_is_an_event),
        cmocka_unit_test(test_dot),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
