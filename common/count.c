#include "common/count.h"

#include <inttypes.h>

void count_print(const struct count_def *defs, const count_t *values, size_t n, struct buf *out)
{
    for (size_t i = 0; i < n; i++) {
        buf_printf(out, "# HELP %s %s\n", defs[i].name, defs[i].help);
        buf_printf(out, "# TYPE %s %s\n", defs[i].name, defs[i].gauge ? "gauge" : "counter");
        buf_printf(out, "%s %" PRId64 "\n", defs[i].name, count_get(&values[i]));
    }
}
