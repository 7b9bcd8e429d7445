/* Wrong passwords slow down who tries them: per user and per address. Pure, time injected. Main thread.
 * A user who once came in from an address is not slowed down there by what others try elsewhere. */
#pragma once

#include "common/net.h"

#define SLOW_FREE 3           /* wrong ones without any wait */
#define SLOW_MAX_S 60         /* longest wait */
#define SLOW_FORGET_S 900     /* without a wrong one */
#define SLOW_ENTRIES_MAX 50000 /* the one that failed longest ago gives way */

struct slow;

int slow_new(struct slow **sp);
void slow_free(struct slow *s); /* NULL is fine */
/* Seconds until this one may try again; 0 = now. */
unsigned slow_wait(struct slow *s, const char *user, const char *peer, msec_t now);
/* user "": nobody was named */
void slow_wrong(struct slow *s, const char *user, const char *peer, msec_t now);
void slow_right(struct slow *s, const char *user, const char *peer, msec_t now);
