#include "agw/data/msrp_trace.h"

#include <stdio.h>

#include "agw/data/data_limits.h"
#include "agw/data/msrp.h"

void msrp_trace(struct trace *t, const char *from, const char *to, struct sv chunk)
{
    const struct sv body = {chunk.p, chunk.n < MSRP_TRACE_MAX ? chunk.n : MSRP_TRACE_MAX};
    struct msrp_frame f = {0};
    struct msrp_head h;
    char title[128];

    if (!t)
        return;
    msrp_frame_scan(&f, chunk.p, chunk.n);
    msrp_head_parse(&h, (struct sv){chunk.p, f.head_len});
    if (h.method.n)
        snprintf(title, sizeof title, "%.*s %.*s %zu bytes", SV_ARG(h.method), SV_ARG(h.message_id),
                 f.state == MSRP_DONE ? f.body_len : chunk.n - f.head_len);
    else
        snprintf(title, sizeof title, "%u%s", h.code, h.code == 200 ? " OK" : "");
    trace_msg(t, from, to, "msrp", title, body, NULL, NULL);
}
