/* One line a message, logfmt after a tag: `I ctl ctx=7 term=ip/2 msg="reserved" port=40012`.
 * Who gives up or decides logs; callees return codes. Keys and secrets are never logged. Any thread. */
#pragma once

#include <stdbool.h>

enum log_level {
    LOG_DEBUG, /* per message */
    LOG_INFO,  /* once per call */
    LOG_WARN,  /* a peer broke a rule */
    LOG_ERROR, /* the operator must act */
};

void log_init(enum log_level least);     /* writes to stderr; thread-safe line by line */
bool log_on(enum log_level level);
/* Rate limited per call site family `area` (at most 200 lines a second for warn and below; what was left out is counted). */
void log_write(enum log_level level, const char *area, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#define log_debug(area, ...) do { if (log_on(LOG_DEBUG)) log_write(LOG_DEBUG, area, __VA_ARGS__); } while (0)
#define log_info(area, ...) log_write(LOG_INFO, area, __VA_ARGS__)
#define log_warn(area, ...) log_write(LOG_WARN, area, __VA_ARGS__)
#define log_error(area, ...) log_write(LOG_ERROR, area, __VA_ARGS__)
