/* Every chart is read, and every body in it is a message: it decodes, goes out in each form, comes back the same, and
 * fits its own step (sip-sdp 6: a chart is a decoder test, too). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/sdp.h"
#include "tests/flow/judge.h"

#define TEXT_SIZE 65536
#define ARENA_SIZE (1u << 20)
#define CHARTS "tests/flow/*.flow"
#define FP_TEXT "11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00"

static const char *const versions[] = {"MEGACO/2 t\n", "MEGACO/3 t\n"};

struct one { /* a step under test */
    const char *path;
    const struct chart_step *step;
    struct vars vs;
    char why[400];
};

static void refused(const struct one *o, const char *what)
{
    fail_msg("%s:%u: %s: %s", o->path, o->step->line, what, o->why);
}

/* What a played end would have put there. */
static const char *played(struct sv value)
{
    if (sv_starts(value, "browser") || sv_starts(value, "msrp") || sv_starts(value, "rtp")) {
        if (memmem(value.p, value.n, " port", 5))
            return "40002";
        if (memmem(value.p, value.n, "fingerprint", 11))
            return FP_TEXT;
        if (memmem(value.p, value.n, " path", 5))
            return "msrp://127.0.0.1:40002/s1e2e3d4;tcp";
        return "Ab12Cd34Ef56Gh78Ij90Kl12";
    }
    return NULL;
}

/* Every <x> of the step has a value: that of its let, or one that a number, a name or an address can be. */
static void bind_all(struct one *o, const struct chart *c, char *scratch)
{
    memset(&o->vs, 0, sizeof o->vs);
    for (unsigned i = 0; i < c->n_lets; i++) {
        char name[VAR_NAME], value[VAR_VALUE];

        sv_copy(c->lets[i].name, name, sizeof name);
        sv_copy(c->lets[i].value, value, sizeof value);
        assert_int_equal(vars_set(&o->vs, name, played(c->lets[i].value) ? played(c->lets[i].value) : value), 0);
    }
    assert_int_equal(vars_mask(&o->vs, o->step->body, scratch, TEXT_SIZE), 0); /* names them all */
    for (unsigned i = 0; i < o->vs.n; i++) {
        if (!o->vs.v[i].bound)
            assert_int_equal(vars_set(&o->vs, o->vs.v[i].name, "1"), 0);
    }
}

static void try_h248(struct one *o, struct arena *a, char *text)
{
    struct h248_txn *txn = NULL;

    if (judge_h248_build(&o->vs, o->step, a, &txn, o->why, sizeof o->why))
        refused(o, "does not decode");
    for (unsigned form = 0; form < 4; form++) {
        struct h248_cmp c = {.exact = true};
        struct h248_msg want = {.version = 2, .txns = txn}, *got = NULL;
        struct h248_fault fault;
        struct buf b = buf_over(text, TEXT_SIZE);

        buf_str(&b, versions[form / 2]);
        if (h248_encode_txn(txn, form / 2 + 2, form % 2 ? H248_COMPACT : H248_PRETTY, &b) ||
            h248_decode(a, arena_sv(a, buf_sv(&b)), &got, &fault))
            refused(o, "does not go out and come back");
        want.version = got->version;
        want.mid = got->mid;
        if (h248_compare(&want, got, &c) != 1) {
            snprintf(o->why, sizeof o->why, "%s", c.why);
            refused(o, "comes back as something else");
        }
        if (!judge_h248(&o->vs, o->step, got->txns, o->why, sizeof o->why))
            refused(o, "does not fit its own step");
    }
}

/* The body as a message: what must be absent is left out. Has it SDP? */
static bool sip_text(struct one *o, char *text)
{
    char lines[TEXT_SIZE], missing[VAR_NAME];
    struct buf b = buf_over(text, TEXT_SIZE - 1);
    struct sv rest, method, first;
    bool sdp = false, raw = false;

    assert_int_equal(vars_fill(&o->vs, o->step->body, lines, sizeof lines, missing), 0);
    rest = sv_from(lines);
    first = sv_line(&rest);
    (void)sv_word(&first);
    first = sv_trim(first);
    if (judge_sip_first(o->step, &method))
        buf_printf(&b, "SIP/2.0 %d Said\r\n", judge_sip_first(o->step, &method));
    else
        buf_printf(&b, "%.*s %.*s SIP/2.0\r\n", SV_ARG(method), SV_ARG(first.n ? first : SV("sip:a@home.example.net")));
    for (int pass = 0; pass < 3; pass++) { /* headers stand before the description, wherever the chart names them */
        struct sv again = rest;

        while (again.n) {
            struct sv l = sv_trim(sv_line(&again));
            bool is = l.n > 1 && l.p[1] == '=' && l.p[0] != '|';

            if (!l.n || l.p[0] == '!' || pass != (l.p[0] == '|' ? 2 : is))
                continue;
            if (pass == 2) {
                buf_printf(&b, "%s%.*s\r\n", raw ? "" : "\r\n", (int)l.n - 1, l.p + 1);
                raw = true;
                continue;
            }
            if (is && !sdp)
                buf_printf(&b, "\r\nv=0\r\n%.*s\r\ns=-\r\nt=0 0\r\n", SV_ARG(sv_starts(l, "o=") ? l : SV("o=- 1 1 IN IP4 127.0.0.1")));
            sdp = sdp || is;
            if (!sv_starts(l, "o="))
                buf_printf(&b, "%.*s\r\n", SV_ARG(l));
        }
    }
    if (!sdp && !raw)
        buf_str(&b, "\r\n");
    assert_int_equal(buf_err(&b), 0);
    text[b.len] = '\0';
    return sdp;
}

static void try_sdp(struct one *o, struct arena *a, struct sv text)
{
    struct sdp *first = NULL, *second = NULL;
    struct sdp_err err = {0};
    char once[TEXT_SIZE], twice[TEXT_SIZE];
    struct buf b1 = buf_over(once, sizeof once), b2 = buf_over(twice, sizeof twice);

    if (sdp_parse(a, text, SDP_SIP, &first, &err) || sdp_print(first, &b1) ||
        sdp_parse(a, buf_sv(&b1), SDP_SIP, &second, &err) || sdp_print(second, &b2)) {
        snprintf(o->why, sizeof o->why, "line %u: %s", err.line, err.why);
        refused(o, "the description is none");
    }
    assert_true(sv_eq(buf_sv(&b1), buf_sv(&b2)));
}

static void try_sip(struct one *o, struct arena *a, char *text)
{
    bool sdp = sip_text(o, text);

    if (!judge_sip(&o->vs, o->step, sv_from(text), o->why, sizeof o->why))
        refused(o, "does not fit its own step");
    if (sdp)
        try_sdp(o, a, sv_from(strstr(text, "\r\n\r\n") + 4));
}

static void try_chart(const char *path, char *text)
{
    struct arena *a = arena_new(ARENA_SIZE);
    struct chart *c = calloc(1, sizeof *c);
    struct one *o = calloc(1, sizeof *o);
    const char *base = strrchr(path, '/') + 1;

    assert_non_null(a);
    assert_non_null(c);
    assert_non_null(o);
    o->path = path;
    if (chart_load(a, path, c, o->why, sizeof o->why))
        fail_msg("%s", o->why);
    if (c->name.n + 5 != strlen(base) || memcmp(base, c->name.p, c->name.n) != 0)
        fail_msg("%s: its name is %.*s", path, SV_ARG(c->name));
    assert_true(c->source.n > 0);
    for (unsigned i = 0; i < c->n_steps; i++) {
        o->step = &c->steps[i];
        if (o->step->kind != CHART_MESSAGE)
            continue;
        struct arena *step = arena_new(ARENA_SIZE);

        assert_non_null(step);
        bind_all(o, c, text);
        if (!strcmp(o->step->proto, "sip"))
            try_sip(o, step, text);
        else
            try_h248(o, step, text);
        arena_free(step);
    }
    free(o);
    free(c);
    arena_free(a);
}

static void every_chart(void **state)
{
    char *text = malloc(TEXT_SIZE);
    glob_t g = {0};

    (void)state;
    assert_non_null(text);
    assert_int_equal(glob(CHARTS, 0, NULL, &g), 0);
    assert_true(g.gl_pathc > 40);
    for (size_t i = 0; i < g.gl_pathc; i++)
        try_chart(g.gl_pathv[i], text);
    globfree(&g);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_chart)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
