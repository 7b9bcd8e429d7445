/* A chunk into the trace, with what its head says as the title. */
#pragma once

#include "common/sv.h"
#include "common/trace.h"

/* chunk: from its first octet on, head and all; the rest may be missing. t NULL: nothing. */
void msrp_trace(struct trace *t, const char *from, const char *to, struct sv chunk);
