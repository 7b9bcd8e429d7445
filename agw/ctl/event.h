/* Events: what is armed on a termination, and NOTIFY when it happens (H.248.1 7.1.9, 7.2.7;
 * TS 23.334 8.6, 8.26 on). Thread: control. */
#pragma once

#include "agw/ctl/term.h"

void event_arm(struct term *t, const struct iq_term *asked,
               msec_t now); /* the Events descriptor replaces all */
void event_disarm(struct term *t);
void event_arm_root(struct ctl *c, const struct iq_term *asked, msec_t now);
void event_bus(struct ctl *c, const struct bus_event *ev);
void event_tick(struct ctl *c, msec_t now); /* heartbeats, it/ito */
