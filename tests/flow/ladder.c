#include "tests/flow/ladder.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define LANE 22 /* columns between two life lines */

static const char *const verdict_names[] = {"", "ok", "FAIL", "sent", "-"};

void ladder_init(struct ladder *l, const struct chart *c)
{
    memset(l, 0, sizeof *l);
    l->chart = c;
    printf("\n%.*s", SV_ARG(c->name));
    if (c->source.n)
        printf("  (%.*s)", SV_ARG(c->source));
    printf("\n%-6s %-5s ", "step", "ms");
    for (unsigned i = 0; i < c->n_actors; i++)
        printf("%-*s", i + 1 < c->n_actors ? LANE : 8, c->actors[i]);
    printf("\n");
}

static int lane(const struct chart *c, const char *actor)
{
    for (unsigned i = 0; i < c->n_actors; i++) {
        if (!strcmp(c->actors[i], actor))
            return (int)i;
    }
    return -1;
}

/* "|--INVITE ------------>|" between the two lanes, life lines elsewhere. */
static void draw(const struct chart *c, int from, int to, const char *proto, const char *title)
{
    int width = ((int)c->n_actors - 1) * LANE + 1, lo = from < to ? from : to, hi = from < to ? to : from;
    char row[8 * LANE + 2], text[128];
    int room, n;

    memset(row, ' ', sizeof row);
    for (unsigned i = 0; i < c->n_actors; i++)
        row[i * LANE] = '|';
    if (lo >= 0 && lo != hi) {
        memset(row + lo * LANE + 1, '-', (size_t)((hi - lo) * LANE - 1));
        row[from < to ? hi * LANE - 1 : lo * LANE + 1] = from < to ? '>' : '<';
        room = (hi - lo) * LANE - 5;
        n = snprintf(text, sizeof text, "%s %s", proto, title);
        n = n < room ? n : room;
        memcpy(row + lo * LANE + 3, text, (size_t)n);
        if (n < room)
            row[lo * LANE + 3 + n] = ' ';
        row[lo * LANE + 2] = ' ';
    }
    printf("%.*s", width, row);
}

void ladder_line(struct ladder *l, const struct chart_step *step, const char *from, const char *to, const char *proto,
                 const char *title, int64_t t_us, enum ladder_verdict v, const char *why)
{
    char first[96];

    snprintf(first, sizeof first, "%.*s", (int)strcspn(title, "\r\n"), title);
    if (!l->t0_us)
        l->t0_us = t_us;
    struct sv number = step ? step->number : SV("");

    printf("%-6.*s %5lld ", SV_ARG(number), (long long)(t_us - l->t0_us) / 1000);
    draw(l->chart, lane(l->chart, from), to[0] ? lane(l->chart, to) : -1, proto, first);
    printf("  %s%s%s\n", verdict_names[v], why && why[0] && verdict_names[v][0] ? ": " : "", why ? why : "");
    fflush(stdout);
    l->judged += v == LADDER_PASS || v == LADDER_FAIL;
    l->failed += v == LADDER_FAIL;
    if ((!step && v != LADDER_FAIL) || l->n_results == CHART_STEPS_MAX)
        return;
    /* what no step names stands under the last one */
    l->results[l->n_results].step = step ? (unsigned)(step - l->chart->steps) : l->chart->n_steps - 1;
    l->results[l->n_results].verdict = v;
    snprintf(l->results[l->n_results].why, sizeof l->results[0].why, "%s%s%s", step ? "" : first, step ? "" : ": ",
             why ? why : "");
    l->n_results++;
}

void ladder_end(struct ladder *l)
{
    printf("%.*s: %u judged, %u failed\n", SV_ARG(l->chart->name), l->judged, l->failed);
}

static void step_name(const struct ladder *l, unsigned i, char *out, size_t size)
{
    const struct chart_step *s = &l->chart->steps[l->results[i].step];
    struct sv body = s->body, first = sv_line(&body);

    snprintf(out, size, "%.*s %s%s%s %s %.*s", SV_ARG(s->number), s->from, s->to[0] ? " to " : "", s->to, s->proto,
             SV_ARG(first.n ? first : s->args));
    for (char *p = out; *p; p++) {
        if (strchr("<>&\"#", *p))
            *p = '\'';
    }
}

int ladder_junit(const struct ladder *l, const char *real, const char *path)
{
    FILE *f = fopen(path, "w");
    char name[160];

    if (!f)
        return -errno;
    fprintf(f, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"%.*s\" tests=\"%u\" failures=\"%u\">\n",
            SV_ARG(l->chart->name), l->judged, l->failed);
    for (unsigned i = 0; i < l->n_results; i++) {
        enum ladder_verdict v = l->results[i].verdict;

        if (v != LADDER_PASS && v != LADDER_FAIL)
            continue;
        step_name(l, i, name, sizeof name);
        fprintf(f, "  <testcase classname=\"%.*s.%s\" name=\"%s\">%s</testcase>\n", SV_ARG(l->chart->name), real, name,
                v == LADDER_FAIL ? "<failure/>" : "");
    }
    fprintf(f, "</testsuite>\n");
    return fclose(f) ? -errno : 0;
}

void ladder_tap(const struct ladder *l, const char *real, unsigned *n)
{
    char name[160];

    for (unsigned i = 0; i < l->n_results; i++) {
        enum ladder_verdict v = l->results[i].verdict;

        if (v != LADDER_PASS && v != LADDER_FAIL)
            continue;
        step_name(l, i, name, sizeof name);
        printf("%sok %u - %.*s real=%s step %s%s%s\n", v == LADDER_FAIL ? "not " : "", ++*n, SV_ARG(l->chart->name),
               real, name, v == LADDER_FAIL ? ": " : "", l->results[i].why);
    }
}
