#include "tests/flow/chart.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define FILE_MAX (256u << 10)
#define INDENT 4

static int read_file(struct arena *a, const char *path, struct sv *out)
{
    FILE *f = fopen(path, "r");
    char *p = f ? arena_alloc(a, FILE_MAX) : NULL;

    if (!f)
        return -errno;
    *out = (struct sv){p, p ? fread(p, 1, FILE_MAX, f) : 0};
    fclose(f);
    return p && out->n < FILE_MAX ? 0 : -EFBIG;
}

static bool indented(struct sv line)
{
    return line.n && (line.p[0] == ' ' || line.p[0] == '\t');
}

/* The indented lines behind a step, each without its first four blanks. */
static struct sv body(struct arena *a, struct sv *rest, unsigned *line)
{
    char *out = arena_alloc(a, rest->n + 1);
    size_t n = 0;

    while (out && rest->n) {
        struct sv peek = *rest, l = sv_line(&peek);

        if (!indented(l) && sv_trim(l).n)
            break;
        if (!indented(l) && (!peek.n || !indented(peek)))
            break; /* a blank line ends the body unless the body goes on behind it */
        *rest = peek;
        (*line)++;
        for (int i = 0; i < INDENT && l.n && l.p[0] == ' '; i++) {
            l.p++;
            l.n--;
        }
        memcpy(out + n, l.p, l.n);
        n += l.n;
        out[n++] = '\n';
    }
    return (struct sv){out, n};
}

static int step_line(struct sv l, struct chart_step *s)
{
    struct sv first = sv_word(&l), word, ms;
    uint32_t u;

    if (sv_is(first, "wait") || sv_is(first, "none")) {
        s->kind = sv_is(first, "wait") ? CHART_WAIT : CHART_NONE;
        ms = sv_trim(l);
        if (ms.n < 3 || memcmp(ms.p + ms.n - 2, "ms", 2))
            return -EBADMSG;
        ms.n -= 2;
        if (sv_u32(ms, 60000, &u))
            return -EBADMSG;
        s->ms = u;
        return 0;
    }
    s->number = first;
    word = sv_word(&l);
    if (!word.n || word.n >= sizeof s->from)
        return -EBADMSG;
    sv_copy(word, s->from, sizeof s->from);
    word = sv_word(&l);
    if (!sv_is(word, "->") && !sv_is(word, "<->")) {
        s->kind = CHART_ACTION;
        sv_copy(word, s->proto, sizeof s->proto);
        s->args = sv_trim(l);
        return word.n && word.n < sizeof s->proto ? 0 : -EBADMSG;
    }
    s->both = sv_is(word, "<->");
    word = sv_word(&l);
    sv_copy(word, s->to, sizeof s->to);
    word = sv_word(&l);
    if (!word.n || word.n >= sizeof s->proto)
        return -EBADMSG;
    sv_copy(word, s->proto, sizeof s->proto);
    s->kind = sv_is(word, "sip") || sv_is(word, "h248") ? CHART_MESSAGE : CHART_EVENT;
    s->args = sv_trim(l);
    return 0;
}

static int header_line(struct chart *c, struct sv key, struct sv rest)
{
    if (sv_is(key, "flow")) {
        c->name = sv_trim(rest);
    } else if (sv_is(key, "source")) {
        c->source = sv_trim(rest);
    } else if (sv_is(key, "real")) {
        sv_copy(sv_trim(rest), c->only, sizeof c->only);
    } else if (sv_is(key, "media")) {
        sv_copy(sv_trim(rest), c->media_ip, sizeof c->media_ip);
    } else if (sv_is(key, "let")) {
        struct sv left = sv_cut(&rest, '='), owner = sv_word(&left), name = sv_word(&left);

        if (c->n_lets == VARS_MAX || !name.n)
            return -EBADMSG;
        c->lets[c->n_lets++] = (struct chart_let){owner, name, sv_trim(rest)};
    } else if (sv_is(key, "file")) {
        struct sv left = sv_cut(&rest, '='), owner = sv_word(&left), name = sv_word(&left);

        if (c->n_files == CHART_FILES_MAX || !name.n || memchr(name.p, '/', name.n))
            return -EBADMSG;
        c->files[c->n_files++] = (struct chart_let){owner, name, sv_trim(rest)};
    } else if (sv_is(key, "conf")) {
        struct sv owner = sv_word(&rest), name = sv_trim(sv_cut(&rest, ':'));

        if (c->n_confs == VARS_MAX || !name.n)
            return -EBADMSG;
        c->confs[c->n_confs++] = (struct chart_let){owner, name, sv_trim(rest)};
    } else if (sv_is(key, "actors")) {
        struct sv w;

        while ((w = sv_word(&rest)).n && c->n_actors < 8)
            sv_copy(sv_cut(&w, '='), c->actors[c->n_actors++], sizeof c->actors[0]);
    } else {
        return -ENOENT;
    }
    return 0;
}

static bool known(const struct chart *c, const char *actor)
{
    for (unsigned i = 0; i < c->n_actors; i++) {
        if (!strcmp(c->actors[i], actor))
            return true;
    }
    return false;
}

int chart_load(struct arena *a, const char *path, struct chart *c, char *err, size_t size)
{
    struct sv rest;
    unsigned line = 0;
    int ret = read_file(a, path, &rest);

    if (ret) {
        snprintf(err, size, "%s: %s", path, strerror(-ret));
        return ret;
    }
    while (rest.n) {
        struct sv l = sv_line(&rest), words = l, key = sv_word(&words);
        struct chart_step *s = &c->steps[c->n_steps];

        line++;
        if (!key.n || key.p[0] == '#')
            continue;
        ret = c->n_steps ? -ENOENT : header_line(c, key, words);
        if (!ret)
            continue;
        if (ret == -EBADMSG || c->n_steps == CHART_STEPS_MAX - 1 || step_line(l, s)) {
            snprintf(err, size, "%s:%u: not a step: write `N FROM -> TO PROTO`, `N ACTOR ACTION`, "
                     "`wait Nms` or `none Nms`", path, line);
            return -EBADMSG;
        }
        s->line = line;
        if (s->from[0] && (!known(c, s->from) || (s->to[0] && !known(c, s->to)))) {
            snprintf(err, size, "%s:%u: %s or %s is not in the `actors` line", path, line, s->from, s->to);
            return -EBADMSG;
        }
        s->body = body(a, &rest, &line);
        c->n_steps++;
    }
    if (!c->n_steps) {
        snprintf(err, size, "%s: no steps", path);
        return -EBADMSG;
    }
    return 0;
}

bool chart_allows(const struct chart *c, const char *real)
{
    struct sv rest = sv_from(c->only);

    if (!rest.n)
        return true;
    while (rest.n) {
        if (sv_is(sv_word(&rest), real))
            return true;
    }
    return false;
}

struct sv chart_arg(const struct chart_step *s, const char *key)
{
    struct sv rest = s->args, w;

    while ((w = sv_word(&rest)).n) {
        struct sv value = w, name = sv_cut(&value, '=');

        if (sv_is(name, key) && value.p)
            return value;
    }
    return SV_NONE;
}

bool chart_flag(const struct chart_step *s, const char *word)
{
    struct sv rest = s->args, w;

    while ((w = sv_word(&rest)).n) {
        if (sv_is(w, word))
            return true;
    }
    return false;
}

struct sv chart_quoted(const struct chart_step *s)
{
    struct sv rest = s->args;

    sv_cut(&rest, '"');
    return rest.p ? sv_cut(&rest, '"') : SV_NONE;
}
