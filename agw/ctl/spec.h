/* struct iq_stream as state: laying a request over it, and copying it for keeps. Pure. Any thread.
 */
#pragma once

#include "h248/iq.h"

/* Given values of `asked` replace those of `cur`; absent ones stay (H.248.1 7.1.7, 7.1.8). Signals
 * are taken as they are, they are no state. has_events: armed events are replaced whole, too
 * (7.1.9). */
void spec_merge(struct iq_stream *cur, const struct iq_stream *asked, bool has_events);
void spec_clear_events(struct iq_stream *s);
int spec_copy(struct arena *a, struct iq_stream *dst,
              const struct iq_stream *src); /* deep; 0, -ENOMEM */
int spec_copy_texts(struct arena *a, struct iq_texts *dst, const struct iq_texts *src);
