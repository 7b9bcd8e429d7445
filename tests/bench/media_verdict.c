#include "tests/bench/media_verdict.h"

#include <stdarg.h>
#include <stdio.h>

void verdict_add(struct verdicts *v, enum verdict_aim aim, double value, double limit, const char *fmt, ...)
{
    static const char *const words[] = {"at most", "below", "at least"};
    const bool met = aim == AT_MOST ? value <= limit : aim == BELOW ? value < limit : value >= limit;
    struct buf out = {.p = (uint8_t *)v->text, .size = sizeof v->text, .len = v->n};
    char key[160];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(key, sizeof key, fmt, ap);
    va_end(ap);
    buf_printf(&out, "verdict_%s=%s (%.3f, aim: %s %.3f)\n", key, met ? "met" : "missed", value, words[aim], limit);
    v->n = out.len;
}

void verdict_note(struct verdicts *v, double value, const char *key)
{
    struct buf out = {.p = (uint8_t *)v->text, .size = sizeof v->text, .len = v->n};

    buf_printf(&out, "verdict_%s=none (%.3f, no aim)\n", key, value);
    v->n = out.len;
}

void verdict_worst(struct verdict_worst *w, double value, const char *at)
{
    if (value <= w->value)
        return;
    w->value = value;
    sv_copy(sv_from(at), w->at, sizeof w->at);
}

void verdicts_print(struct verdicts *v)
{
    if (v->forwarder.value > 0)
        verdict_add(v, BELOW, v->forwarder.value, 1.5, "cpu_vs_forwarder_worst_at_%s", v->forwarder.at);
    if (v->beside_rtpengine)
        verdict_add(v, AT_MOST, (double)v->lost, 0, "lost_at_all_points");
    printf("%.*s", (int)v->n, v->text);
    fflush(stdout);
}
