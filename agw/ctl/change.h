/* One command's change of a termination, in two steps: everything that can fail, then everything
 * that cannot. Used by term_add and term_modify only. Thread: control. */
#pragma once

#include "agw/ctl/stream.h"

/* asked laid over t, checked, reserved, done. answer: see term_add. 0, -EBADMSG with fault,
 * -ENOMEM; t is as before then. */
int change_run(struct term *t, struct arena *a, const struct iq_term *asked, struct iq_term *answer,
               msec_t now, struct iq_fault *fault);
