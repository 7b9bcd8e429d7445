/* h248/enc*: the messages of tests/data/h248 go through both styles and come back the same; what a
 * version lacks and what no text can say is refused. */
#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "h248/h248.h"

#define DATA "tests/data/h248"

static struct arena *arena;
static char out[2 * H248_MSG_MAX];

static int setup(void **state)
{
    (void)state;
    arena = arena_new(4 * H248_ARENA_MAX);
    return arena ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static struct h248_msg *decoded(const char *what, struct sv text)
{
    struct h248_fault f;
    struct h248_msg *m = NULL;

    if (h248_decode(arena, text, &m, &f))
        fail_msg("%s:%u:%u: %s\n%.*s", what, f.line, f.column, f.why, SV_ARG(text));
    return m;
}

static void round_trip(const char *what, struct sv text)
{
    struct h248_msg *m = decoded(what, text), *again;
    unsigned style;

    for (style = 0; style < 4; style++) {
        struct buf b = buf_over(out, sizeof(out)), exact;
        struct h248_cmp c = {.exact = true};
        char *copy;
        int err = h248_encode(m, style, &b);

        if (err)
            fail_msg("%s: style %u: %d", what, style, err);
        copy = malloc(b.len);
        again = decoded(what, buf_sv(&b));
        if (!h248_compare(m, again, &c))
            fail_msg("%s: style %u: %s\n%.*s", what, style, c.why, (int)b.len, out);
        exact = buf_over(copy, b.len); /* it fits where it fits, and is refused one octet below */
        assert_int_equal(h248_encode(again, style, &exact), 0);
        assert_int_equal(exact.len, b.len);
        assert_memory_equal(copy, out, b.len);
        exact = buf_over(copy, b.len - 1);
        assert_int_equal(h248_encode(again, style, &exact), -EMSGSIZE);
        free(copy);
    }
}

static void every_message_of_the_data_goes_round(void **state)
{
    static char text[H248_MSG_MAX];
    struct dirent *e;
    DIR *dir = opendir(DATA);
    char path[400];
    unsigned n = 0;

    (void)state;
    assert_non_null(dir); /* run from the top of the tree */
    while ((e = readdir(dir))) {
        FILE *f;
        size_t len;

        if (!strstr(e->d_name, ".txt"))
            continue;
        snprintf(path, sizeof(path), DATA "/%s", e->d_name);
        f = fopen(path, "rb");
        assert_non_null(f);
        len = fread(text, 1, sizeof(text), f);
        fclose(f);
        arena_reset(arena);
        round_trip(path, (struct sv){text, len});
        n++;
    }
    closedir(dir);
    assert_in_range(n, 40, 1000);
}

static void the_two_styles(void **state)
{
    struct h248_msg *m =
        decoded("", SV("MEGACO/2 <a.b>:2944 "
                       "Transaction=1{Context=-{Modify=ROOT{Events=5{chp/mgcon,it/ito{mit=30}},"
                       "Signals{}},AuditValue=ROOT{Audit{}}}} Pending=2{}"));
    struct buf b = buf_over(out, sizeof(out));

    (void)state;
    assert_int_equal(h248_encode(m, H248_COMPACT, &b), 0);
    assert_true(sv_is(buf_sv(&b),
                      "!/2 <a.b>:2944 "
                      "T=1{C=-{MF=ROOT{E=5{chp/mgcon,it/ito{mit=30}},SG{}},AV=ROOT{AT{}}}}PN=2{}"));
    b = buf_over(out, sizeof(out));
    assert_int_equal(h248_encode(m, H248_PRETTY | H248_BARE_SIGNALS, &b), 0);
    out[b.len] = 0;
    assert_string_equal(
        out, "MEGACO/2 <a.b>:2944\nTransaction = 1 {\n  Context = - {\n    Modify = ROOT {\n"
             "      Events = 5 {\n        chp/mgcon,\n        it/ito { mit = 30 }\n      },\n      "
             "Signals\n    },\n"
             "    AuditValue = ROOT { Audit { } }\n  }\n}\nPending = 2 { }\n");
}

static void one_transaction_alone(void **state)
{
    struct h248_msg *m = decoded("", SV("!/1 a P=9{IA,C=1{MF=x}}"));
    struct buf b = buf_over(out, sizeof(out));

    (void)state;
    assert_int_equal(h248_encode_txn(m->txns, 1, H248_COMPACT, &b), 0);
    assert_true(sv_is(buf_sv(&b), "P=9{IA,C=1{MF=x}}"));
}

static void later_elements_are_not_sent_under_earlier_versions(void **state)
{
    static const struct { unsigned since; const char *text;
    } cases[] = {
        {2, "T=1{C=1{EGO,MF=a}}"},
        {2, "T=1{C=1{TP{a,b,OW,ST=1},MF=a}}"},
        {2, "T=1{C=1{AV=a{AT{M{O{MO}}}}}}"},
        {2, "T=1{C=1{MF=a{MX=N64{b}}}}"},
        {3, "T=1{C=1{IEPS=ON,MF=a}}"},
        {3, "T=1{C=1{CT{p/a=1},MF=a}}"},
        {3, "T=1{C=1{CT{CLT={1}},MF=a}}"},
        {3, "T=1{C=1{TP{a,b,OWE},MF=a}}"},
        {3, "T=1{C=1{MF=[a,b]}}"},
        {3, "T=1{C=1{MF=a{M{ST=1{SA{p/a}}}}}}"},
        {3, "T=1{C=1{MF=a{E=1{p/a{NBIN}}}}}"},
        {3, "T=1{C=1{MF=a{E=1{p/a{RSE}}}}}"},
        {3, "T=1{C=1{MF=a{SG{p/a{SPADI=B}}}}}"},
        {3, "T=1{C=1{MF=a{SG{p/a{SPARQ=1}}}}}"},
        {3, "T=1{C=1{MF=a{SG{p/a{SPAIS=1}}}}}"},
        {3, "T=1{C=1{MF=a{SG{p/a{NC={IR}}}}}}"},
        {3, "T=1{C=1{CA{ORLgc}}}"},
        {3, "T=1{C=1{CA{PR=1}}}"},
        {3, "P=1/1{C=1{MF=a}}"},
        {3, "P=1{C=1}"},
        {3, "SM=1/2"},
        {3, "T=1{C=-{SC=ROOT{SV{MT=RS,RE=901,SIC}}}}"},
        {2, "T=1{C=-{SC=ROOT{SV{MT=RS,RE=901,M}}}}"},
        {1, "T=1{C=1{A=a{M{O{MO=IN},L{x}}}}}"},
    };
    char text[200];
    unsigned i, v;

    (void)state;
    for (i = 0; i < ARRAY_LEN(cases); i++) {
        struct h248_msg *m;

        snprintf(text, sizeof(text), "!/3 a %s", cases[i].text);
        m = decoded(text, sv_from(text));
        for (v = 1; v <= 3; v++) {
            struct buf b = buf_over(out, sizeof(out));

            m->version = v;
            if (h248_encode(m, H248_COMPACT, &b) != (v < cases[i].since ? -EINVAL : 0))
                fail_msg("version %u: %s", v, text);
        }
    }
}

static int encode_parm(struct sv name, struct sv value, bool quoted)
{
    struct h248_mid mid = {.kind = H248_MID_DEVICE, .name = SV("a")};
    struct h248_msg *m = h248_msg_new(arena, 2, &mid);
    struct h248_cmd *c =
        h248_cmd_new(arena, h248_action_new(arena, h248_txn_new(arena, m, H248_REQUEST, 1), 1),
                     H248_ADD, SV("t"));
    struct h248_desc *d = h248_desc_new(arena, &c->descs, H248_D_MEDIA);
    struct h248_stream *s = h248_stream_new(arena, &d->u.media, 1);
    struct buf b = buf_over(out, sizeof(out));
    struct h248_parm *p;

    s->has_control = true;
    p = h248_parm_new(arena, &s->control.props, name);
    p->rel = H248_REL_EQ;
    assert_int_equal(h248_value_add(arena, p, value, quoted), 0);
    return h248_encode(m, H248_COMPACT, &b);
}

static int encode_local(struct sv text)
{
    struct h248_msg *m = decoded("", SV("!/1 a T=1{C=1{A=a{M{L{x}}}}}"));
    struct buf b = buf_over(out, sizeof(out));

    m->txns->actions->cmds->descs->u.media.streams->local.text = text;
    return h248_encode(m, H248_COMPACT, &b);
}

static void what_no_text_can_say_is_refused(void **state)
{
    struct buf b = buf_over(out, sizeof(out));
    struct h248_msg *m;

    (void)state;
    assert_int_equal(encode_parm(SV("p/a"), SV("1"), false), 0);
    assert_int_equal(encode_parm(SV("p/a"), SV(""), true), 0);
    assert_int_equal(encode_parm(SV("p/a"), SV("a b {}"), true), 0);
    assert_int_equal(encode_parm(SV("p/a"), SV(""), false), -EINVAL);
    assert_int_equal(encode_parm(SV("p/a"), SV("a b"), false), -EINVAL);
    assert_int_equal(encode_parm(SV("p/a"), SV("a,b=1"), false), -EINVAL);
    assert_int_equal(encode_parm(SV("p/a"), SV("a\"b"), true), -EINVAL);
    assert_int_equal(encode_parm(SV("p/a"), SV("a\nb"), true), -EINVAL);
    assert_int_equal(encode_parm(SV("p {}"), SV("1"), false), -EINVAL);
    assert_int_equal(encode_local(SV("a}b\\}c{")), 0);
    assert_true(strstr(out, "L{a\\}b\\\\}c{}") != NULL);
    assert_int_equal(encode_local(SV("")), 0);
    assert_int_equal(encode_local(SV("a\\")), -EINVAL);
    assert_int_equal(encode_local(SV(" a")), -EINVAL);
    assert_int_equal(encode_local(SV("a\0b")), -EINVAL);
    m = decoded("", SV("!/1 a T=1{C=1{A=a}}"));
    m->txns->actions->cmds = NULL;
    assert_int_equal(h248_encode(m, H248_COMPACT, &b), -EINVAL);
    m->txns->actions = NULL;
    assert_int_equal(h248_encode(m, H248_COMPACT, &b), -EINVAL);
    m->txns = NULL;
    assert_int_equal(h248_encode(m, H248_COMPACT, &b), -EINVAL);
}

static void error_texts_are_made_fit(void **state)
{
    struct h248_mid mid = {
        .kind = H248_MID_IP6, .name = SV("2001:db8::1"), .has_port = true, .port = 2944};
    struct h248_msg *m = h248_msg_new(arena, 1, &mid);
    struct buf b = buf_over(out, sizeof(out));

    (void)state;
    m->error = h248_error_new(arena, 400, "say \"x\"\n\xc3\xa4");
    assert_int_equal(h248_encode(m, H248_COMPACT, &b), 0);
    assert_true(sv_is(buf_sv(&b), "!/1 [2001:db8::1]:2944 ER=400{\"say ?x????\"}"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        T(every_message_of_the_data_goes_round),
        T(the_two_styles),
        T(one_transaction_alone),
        T(later_elements_are_not_sent_under_earlier_versions),
        T(what_no_text_can_say_is_refused),
        T(error_texts_are_made_fit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
