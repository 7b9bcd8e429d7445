/* What bench-media's figures are held against (the aims stand beside each call): a line each, all of them at the end. */
#pragma once

#include "common/buf.h"

enum verdict_aim { AT_MOST, BELOW, AT_LEAST };

struct verdicts { /* all zero: none yet */
    char text[8192];
    size_t n;
    struct verdict_worst { /* of what must hold at every point */
        double value;
        char at[64];
    } forwarder;
    bool beside_rtpengine; /* at some point */
    uint64_t lost;         /* at the points, by agw */
};

void verdict_add(struct verdicts *v, enum verdict_aim aim, double value, double limit, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
void verdict_note(struct verdicts *v, double value, const char *key); /* beside them, without an aim */
void verdict_worst(struct verdict_worst *w, double value, const char *at);
void verdicts_print(struct verdicts *v);
