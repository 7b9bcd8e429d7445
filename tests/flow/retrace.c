#include "tests/flow/retrace.h"
#include "tests/flow/pair.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <utlist.h>

#define LINE_LIMIT 200000 /* messages of a trace that are read */

static void decode(struct arena *a, struct retrace_msg *m)
{
    struct h248_fault fault;
    struct h248_msg *msg = NULL;

    if (!h248_decode(a, m->body, &msg, &fault) && msg)
        m->txn = msg->txns;
}

static struct sv text_of(struct arena *a, json_t *j, const char *key)
{
    json_t *v = json_object_get(j, key);

    return v ? arena_sv(a, (struct sv){json_string_value(v), json_string_length(v)}) : SV_NONE;
}

enum which { ALL, SIGNALLING, MEDIA }; /* both write H.248: one of them is enough */

static bool wanted(const char *proto, enum which which)
{
    bool signalling = !strcmp(proto, "sip") || !strcmp(proto, "h248");

    return which == ALL || signalling == (which == SIGNALLING);
}

static int load(struct arena *a, const char *path, enum which which, struct retrace_msg **list, char *err, size_t size)
{
    FILE *f = fopen(path, "r");
    json_error_t je;
    unsigned n = 0;
    int ret = 0;

    if (!f) {
        ret = -errno;
        snprintf(err, size, "%s: %s", path, strerror(errno));
        return ret;
    }
    while (n++ < LINE_LIMIT) {
        json_t *j = json_loadf(f, JSON_DISABLE_EOF_CHECK, &je);
        struct retrace_msg *m;

        if (!j)
            break;
        m = ARENA_NEW(a, struct retrace_msg);
        if (m) {
            m->t_us = json_integer_value(json_object_get(j, "t"));
            sv_copy(text_of(a, j, "from"), m->from, sizeof m->from);
            sv_copy(text_of(a, j, "to"), m->to, sizeof m->to);
            sv_copy(text_of(a, j, "proto"), m->proto, sizeof m->proto);
            m->title = text_of(a, j, "title");
            m->body = text_of(a, j, "body");
            if (!strcmp(m->proto, "h248"))
                decode(a, m);
            if (wanted(m->proto, which))
                DL_APPEND(*list, m);
        }
        json_decref(j);
    }
    fclose(f);
    return ret;
}

static int by_time(struct retrace_msg *a, struct retrace_msg *b)
{
    return a->t_us < b->t_us ? -1 : a->t_us > b->t_us;
}

static void mark_again(struct retrace_msg *list)
{
    struct retrace_msg *m, *before;

    DL_FOREACH(list, m)
    {
        for (before = list; before != m && !m->again; before = before->next)
            m->again = m->body.n && sv_eq(m->body, before->body) && !strcmp(m->from, before->from) && !strcmp(m->to, before->to);
    }
}

int retrace_load(struct arena *a, const char *dir, struct retrace_msg **list, char *err, size_t size)
{
    char alg[512], agw[512];
    bool no_alg, no_agw;
    int ret = 0;

    snprintf(alg, sizeof alg, "%s/alg.trace", dir);
    snprintf(agw, sizeof agw, "%s/agw.trace", dir);
    no_alg = access(alg, R_OK);
    no_agw = access(agw, R_OK);
    if (!no_alg || no_agw)
        ret = load(a, alg, SIGNALLING, list, err, size);
    if (!ret && !no_agw)
        ret = load(a, agw, no_alg ? ALL : MEDIA, list, err, size);
    if (!ret)
        DL_SORT(*list, by_time);
    mark_again(*list);
    return ret;
}

static bool path_fits(const struct chart_step *s, const struct retrace_msg *m)
{
    bool there = !strcmp(s->from, m->from) && !strcmp(s->to, m->to);
    bool back = s->kind == CHART_EVENT && !strcmp(s->from, m->to) && !strcmp(s->to, m->from);

    return (there || back) && !strcmp(s->proto, m->proto);
}

/* What an event step looks for in a trace title. */
static const char *event_mark(const struct chart_step *s)
{
    static const struct {
        const char *proto, *word, *mark;
    } marks[] = {{"ice", "", "USE-CANDIDATE"}, {"dtls", "ClientHello", "ClientHello"}, {"dtls", "done", "Finished"},
                 {"dtls", "ok", "Finished"},   {"dtls", "failed", "failed"},           {"sctp", "up", "COOKIE ACK"},
                 {"sctp", "INIT", "INIT"},     {"sctp", "reset", "RE-CONFIG"}};
    struct sv args = s->args, word = sv_word(&args);

    for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
        if (!strcmp(marks[i].proto, s->proto) && (!marks[i].word[0] || sv_is(word, marks[i].word)))
            return marks[i].mark;
    }
    return "";
}

static bool fits(const struct retrace_msg *m, const struct chart_step *s, struct vars *vs, char *why, size_t size)
{
    struct sv quoted = chart_quoted(s);

    if (!strcmp(s->proto, "sip"))
        return judge_sip(vs, s, m->body, why, size);
    if (!strcmp(s->proto, "h248"))
        return m->txn && judge_h248(vs, s, m->txn, why, size);
    if (!strcmp(s->proto, "msrp"))
        return !quoted.n || memmem(m->body.p, m->body.n, quoted.p, quoted.n);
    return memmem(m->title.p, m->title.n, event_mark(s), strlen(event_mark(s)));
}

static struct retrace_msg *find(struct retrace_msg *list, const struct chart_step *s, struct vars *vs, bool again, char *why, size_t size)
{
    struct retrace_msg *m;
    char first[240] = "";

    DL_FOREACH(list, m)
    {
        if (m->used || m->again != again || !path_fits(s, m))
            continue;
        if (fits(m, s, vs, why, size)) {
            m->used = true;
            why[0] = 0;
            return m;
        }
        /* the reason of the closest one: the right kind of message with something else in it */
        if (!first[0] || (strncmp(why, "got \"", 5) && !strstr(why, " is missing")))
            snprintf(first, sizeof first, "%s", why);
    }
    snprintf(why, size, "%s", first[0] ? first : "no such message passed");
    return NULL;
}

/* What was sent again comes last: a chart names it only when it is about that. */
struct retrace_msg *retrace_find(struct retrace_msg *list, const struct chart_step *s, struct vars *vs, char *why,
                                 size_t size)
{
    struct retrace_msg *m = find(list, s, vs, false, why, size);
    char none[240];

    return m ? m : find(list, s, vs, true, none, sizeof none);
}

static bool is_of_another(const struct retrace_msg *a, const struct retrace_msg *m)
{
    return a->txn && a->txn->kind == H248_REQUEST && a->txn->actions && a->txn->actions->context != m->txn->actions->context;
}

struct retrace_msg *retrace_behind(struct retrace_msg *at, struct retrace_msg *m)
{
    if (m->txn && m->txn->kind == H248_REPLY && m->txn->actions) {
        for (; at && at != m; at = at->next) {
            if (!at->used && !at->again && is_of_another(at, m))
                return at;
        }
    }
    return m->next;
}

/* Packets of media are counted by agw, not traced. */
static bool is_traced(const struct chart_step *s)
{
    return s->kind == CHART_MESSAGE || (s->kind == CHART_EVENT && strcmp(s->proto, "rtp") && strcmp(s->proto, "rtcp") &&
                                        strcmp(s->proto, "sdes"));
}

void retrace_judge(struct retrace_msg *list, struct vars *vs, struct ladder *l)
{
    const struct chart *c = l->chart;
    const struct retrace_msg **of = calloc(c->n_steps, sizeof *of);
    struct retrace_msg *m, *sip = list, *h248 = list;
    char title[200], pair[240], (*why)[240] = calloc(c->n_steps, sizeof *why);

    for (unsigned i = 0; of && why && i < c->n_steps; i++) {
        const struct chart_step *step = &c->steps[i];
        bool message = step->kind == CHART_MESSAGE;
        struct retrace_msg **at = !message ? &list : strcmp(step->proto, "sip") ? &h248 : &sip;

        if (!is_traced(step))
            continue;
        m = retrace_find(*at, step, vs, why[i], sizeof why[i]);
        of[i] = m;
        if (m && message) /* each protocol of signalling in the order of the chart */
            *at = retrace_behind(*at, m);
    }
    DL_FOREACH(list, m)
    {
        const struct chart_step *step = NULL;

        for (unsigned i = 0; of && i < c->n_steps; i++)
            step = of[i] == m ? &c->steps[i] : step;
        sv_copy(m->title, title, sizeof title);
        if (pair_name(list, m, pair, sizeof pair))
            snprintf(title, sizeof title, "pair selected");
        ladder_line(l, step, m->from, m->to, m->proto, title, m->t_us, step ? LADDER_PASS : LADDER_SEEN, pair);
    }
    for (unsigned i = 0; of && why && i < c->n_steps; i++) {
        const struct chart_step *s = &c->steps[i];

        if (!of[i] && is_traced(s))
            ladder_line(l, s, s->from, s->to, s->proto, "missing", l->t0_us, LADDER_FAIL, why[i]);
    }
    free(of);
    free(why);
}
