/* The candidate pair that carries a stream, as the gateway traced it, with what the browser said of its own half. */
#pragma once

#include "tests/flow/retrace.h"

/* "udp: wic srflx 203.0.113.2:40001, agw host 203.0.113.1:16384". False, and "": m tells of no pair. The far type is that of the
 * candidate in the browser's last description before m; prflx: it named none there (RFC 8445 5.1.1: found by a check). */
bool pair_name(const struct retrace_msg *list, const struct retrace_msg *m, char *out, size_t size);
