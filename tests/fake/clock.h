/* Time of the one program that includes this, and of OpenSSL's DTLS timers and usrsctp in it, which
 * read gettimeofday: it stands still until the test moves it, so that nothing is sent twice, or not
 * at all, because the machine was busy. Libraries find the program's gettimeofday before libc's.
 * Thread: one. */
#pragma once

#include <sys/time.h>

#include "common/net.h"

static msec_t clock_ms = 1000000; /* since the epoch, for whoever asks */

int gettimeofday(struct timeval *restrict tv, void *restrict tz)
{
    (void)tz;
    *tv = (struct timeval){.tv_sec = (time_t)(clock_ms / 1000), .tv_usec = (suseconds_t)(clock_ms % 1000 * 1000)};
    return 0;
}

static inline msec_t clock_now(void)
{
    return clock_ms;
}

static inline void clock_to(msec_t at) /* never back */
{
    if (at > clock_ms)
        clock_ms = at;
}
