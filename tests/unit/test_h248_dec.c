/* h248/dec*: what is taken, and where a fault is and who is told (8.2.2, 8.3). */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "h248/h248.h"

static struct arena *arena;

static int setup(void **state)
{
    (void)state;
    arena = arena_new(H248_ARENA_MAX);
    return arena ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static struct h248_msg *take(const char *text)
{
    struct h248_fault f;
    struct h248_msg *m = NULL;

    if (h248_decode(arena, sv_from(text), &m, &f))
        fail_msg("%u:%u: %s\n%s", f.line, f.column, f.why, text);
    return m;
}

/* In a Modify of termination ip/1 in context 1 of request 7. */
static struct h248_msg *take_in_cmd(const char *descs)
{
    char text[4096];

    snprintf(text, sizeof(text), "MEGACO/3 [10.0.0.1] T=7{C=1{MF=ip/1{%s}}}", descs);
    return take(text);
}

#define FIRST_CMD(m) ((m)->txns->actions->cmds)

static void a_fault_names_its_place(void **state)
{
    static const char text[] = "MEGACO/2 [1.2.3.4]\nTransaction = 5 {\r\n  Context = 9 {\n    Add "
                               "= ip/3 {\n      Media {\n"
                               "        LocalControl { Mode = Wrong }\n      }\n    }\n  }\n}\n";
    struct h248_fault f;
    struct h248_msg *m;

    (void)state;
    assert_int_equal(h248_decode(arena, sv_from(text), &m, &f), -EBADMSG);
    assert_int_equal(f.line, 6);
    assert_int_equal(f.column, 31);
    assert_int_equal(f.code, 449);
    assert_int_equal(f.level, H248_AT_CMD);
    assert_true(f.is_request);
    assert_int_equal(f.tid, 5);
    assert_int_equal(f.context, 9);
    assert_int_equal(f.verb, H248_ADD);
    assert_true(sv_is(f.termid, "ip/3"));
    assert_string_equal(f.why, "Wrong is no mode");
    assert_non_null(m);
    assert_null(m->txns);
}

static void what_stood_before_the_fault_is_kept(void **state)
{
    struct h248_fault f;
    struct h248_msg *m;

    (void)state;
    assert_int_equal(
        h248_decode(arena, SV("!/2 [1.2.3.4] PN=3{} T=4{C=1{A=ip/1}} P=6{C=1{A=}}"), &m, &f),
        -EBADMSG);
    assert_non_null(m);
    assert_int_equal(m->txns->tid, 3);
    assert_int_equal(m->txns->next->tid, 4);
    assert_null(m->txns->next->next);
    assert_false(f.is_request);
    assert_int_equal(f.tid, 6);
    assert_int_equal(h248_decode(arena, SV("!/2 [1.2.3.4 T=4{C=1{A=ip/1}}"), &m, &f), -EBADMSG);
    assert_null(m);
}

static void only_requests_are_marked_for_an_answer(void **state)
{
    static const struct { const char *text; bool request;
    } cases[] = {
        {"MEGACO/9 [1.2.3.4] T=1{C=1{A=a}}", true},
        {"MEGACO/9 [1.2.3.4] Transaction = 1 {", true},
        {"MEGACO/9 [1.2.3.4] P=1{C=1{A=a}}", false},
        {"MEGACO/9 [1.2.3.4] ER=400{\"Transaction = 1\"}", false},
        {"MEGACO/9 [1.2.3.4] K{1}", false},
        {"MEGACO/9 [1.2.3.4] PN=1{}", false},
        {"MEGACO/1 [1.2.3.4] P=x{}", false},
        {"MEGACO/1 [1.2.3.4] PN=1", false},
        {"MEGACO/1 [1.2.3.4] K{", false},
        {"MEGACO/1 [1.2.3.4] ER=", false},
        {"MEGACO/1 [1.2.3.4] T=", true},
        {"", false},
        {"garbage", false},
    };
    struct h248_fault f;
    struct h248_msg *m;
    unsigned i;

    (void)state;
    for (i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(h248_decode(arena, sv_from(cases[i].text), &m, &f), -EBADMSG);
        if (f.is_request != cases[i].request)
            fail_msg("%s", cases[i].text);
    }
}

static void limits_are_faults(void **state)
{
    static char text[H248_MSG_MAX + 10];
    struct h248_fault f;
    struct h248_msg *m;
    size_t n, i;

    (void)state;
    n = (size_t)sprintf(text, "!/1 [1.2.3.4] ");
    for (i = 0; i < H248_TXN_MAX; i++)
        n += (size_t)sprintf(text + n, "PN=%zu{} ", i + 1);
    take(text);
    sprintf(text + n, "T=11{C=1{A=a}}");
    assert_int_equal(h248_decode(arena, sv_from(text), &m, &f), -EBADMSG);
    assert_int_equal(f.code, 413);
    assert_int_equal(f.level, H248_AT_MESSAGE);
    assert_true(f.is_request);

    n = (size_t)sprintf(text, "!/1 [1.2.3.4] T=1{C=1{");
    for (i = 0; i <= H248_CMD_MAX; i++)
        n += (size_t)sprintf(text + n, "A=a,");
    assert_int_equal(h248_decode(arena, sv_from(text), &m, &f), -EBADMSG);
    assert_int_equal(f.code, 510);

    n = (size_t)sprintf(text, "!/1 [1.2.3.4] T=1{");
    for (i = 0; i <= H248_ACTION_MAX; i++)
        n += (size_t)sprintf(text + n, "C=1{A=a},");
    assert_int_equal(h248_decode(arena, sv_from(text), &m, &f), -EBADMSG);
    assert_int_equal(f.code, 510);

    arena_reset(arena);
    n = (size_t)sprintf(text, "!/1 [1.2.3.4] T=1{C=1{A=a{SG{");
    for (i = 0; i <= H248_NODE_MAX; i++)
        n += (size_t)sprintf(text + n, "a/b,");
    assert_int_equal(h248_decode(arena, sv_from(text), &m, &f), -EBADMSG);
    assert_int_equal(f.code, 510);

    memset(text, ' ', sizeof(text));
    assert_int_equal(h248_decode(arena, (struct sv){text, H248_MSG_MAX + 1}, &m, &f), -EBADMSG);
    assert_int_equal(f.code, 400);
}

static void no_memory_is_no_fault(void **state)
{
    static const char text[] =
        "!/1 [1.2.3.4] T=1{C=1{A=a{M{O{p/a=1,p/b=2},L{v=0\\}}},SG{a/b{x=1}},E=1{a/b}}}}";
    struct h248_fault f;
    struct h248_msg *m;
    size_t limit;
    int err;

    (void)state;
    for (limit = 1; limit < 1u << 16; limit += 64) {
        struct arena *small = arena_new(limit);

        err = h248_decode(small, sv_from(text), &m, &f);
        assert_true(err == -ENOMEM || err == 0);
        if (err)
            assert_null(m);
        arena_free(small);
        if (!err)
            return;
    }
    fail();
}

static void nul_octets_are_refused(void **state)
{
    static const char text[] = "!/1 [1.2.3.4] T=1{C=1{A=a{M{L{v=0\0}}}}}";
    struct h248_fault f;
    struct h248_msg *m;
    size_t i;
    char copy[sizeof(text)];

    (void)state;
    assert_int_equal(h248_decode(arena, (struct sv){text, sizeof(text) - 1}, &m, &f), -EBADMSG);
    assert_string_equal(f.why, "octet 0x00 in an octet string");
    for (i = 0; i < sizeof(text) - 1; i++) {
        memcpy(copy, text, sizeof(text));
        copy[33] = 'x';
        copy[i] = 0;
        assert_int_equal(h248_decode(arena, (struct sv){copy, sizeof(copy) - 1}, &m, &f), -EBADMSG);
    }
}

/* Every prefix of a good message is a bad one; none is read beyond its end (run under ASan). */
static void every_prefix_is_refused(void **state)
{
    static const char text[] = "AU=0x00000001:0x00000002:0x0123456789abcdef01234567 !/3 <a.b>:2944 "
                               "T=1{C=${TP{a,b,OW,ST=1},PR=1,"
                               "A=ip/$/${M{TS{SI=IV,p/a={1,2}},ST=1{O{MO=SR,p/b=[1:2],p/"
                               "c=\"x\"},L{v=0\\}},R{v=0}}},E=1{a/b{EM{SG{c/d},E=2{e/f}},"
                               "DM={x.}}},SG{SL=1{a/b{NC={TO},DR=5}}},AT{M{O{MO}}}}}}";
    size_t n;

    (void)state;
    take(text);
    for (n = 0; n < sizeof(text) - 1; n++) {
        struct h248_fault f;
        struct h248_msg *m;
        char *copy = malloc(n ? n : 1);

        memcpy(copy, text, n);
        arena_reset(arena);
        if (h248_decode(arena, (struct sv){copy, n}, &m, &f) != -EBADMSG)
            fail_msg("%.*s", (int)n, text);
        free(copy);
    }
}

static void a_request_is_read_whole(void **state)
{
    struct h248_msg *m = take("MEGACO/2 "
                              "<alg1.example.net>:2944\nT=7{C=${PR=10,EG,O-W-A=ip/$/core/"
                              "${M{TS{mgroup/groupse=[\"SCTP 2\"]},"
                              "ST=2{O{MO=IN,RV=ON,ipdc/realm=\"core\"},L{\r\nv=0\r\nc=IN IP4 "
                              "$\r\n}}},E=2001{hangterm/thb{timerx=3600}},SG}}}");
    const struct h248_action *ac = m->txns->actions;
    const struct h248_cmd *c = ac->cmds;
    const struct h248_desc *d = c->descs;
    const struct h248_stream *s = d->u.media.streams;

    (void)state;
    assert_int_equal(m->version, 2);
    assert_int_equal(m->mid.kind, H248_MID_DOMAIN);
    assert_true(sv_is(m->mid.name, "alg1.example.net") && m->mid.port == 2944);
    assert_int_equal(m->txns->kind, H248_REQUEST);
    assert_int_equal(ac->context, H248_CTX_CHOOSE);
    assert_true(ac->has_priority && ac->priority == 10 && ac->emergency == H248_ON);
    assert_true(c->optional && c->wildcard_return && c->verb == H248_ADD);
    assert_true(sv_is(c->terms->text, "ip/$/core/$"));
    assert_int_equal(d->u.media.state.props->rel, H248_REL_AND);
    assert_true(d->u.media.state.props->values->quoted);
    assert_true(s->has_id && s->id == 2 && s->control.mode == H248_MODE_INACTIVE &&
                s->control.reserved_value == H248_ON);
    assert_true(sv_is(s->local.text, "v=0\r\nc=IN IP4 $\r\n") && !s->remote.present);
    assert_int_equal(d->next->u.events.request_id, 2001);
    assert_true(sv_is(d->next->u.events.events->parms->name, "timerx"));
    assert_int_equal(d->next->next->kind, H248_D_SIGNALS);
    assert_null(d->next->next->u.signals);
    assert_ptr_equal(c->descs->prev, d->next->next); /* a utlist list: head->prev is the tail */
}

static void names_may_spell_tokens(void **state)
{
    struct h248_msg *m = take_in_cmd(
        "E=1{a/b{Media=1,DM=2,KeepActive=3,Embed=4},c/d{DM=abc,KA}},SG{e/f{C=1,A=2,KeepActive=3}}");
    const struct h248_event *ev = FIRST_CMD(m)->descs->u.events.events;

    (void)state;
    assert_non_null(h248_parm_find(ev->parms, "media"));
    assert_non_null(h248_parm_find(ev->parms, "DM"));
    assert_non_null(h248_parm_find(ev->parms, "keepactive"));
    assert_false(ev->keep_active);
    assert_true(sv_is(ev->next->digitmap, "abc") && ev->next->keep_active && !ev->next->parms);
    assert_non_null(h248_parm_find(FIRST_CMD(m)->descs->next->u.signals->parms, "C"));
    m = take("!/1 [1.2.3.4] T=1{C=1{A=A,MF=C,S=Media}} "
             "P=2{C=1{AV=C{M{O{MO=IN}}},AV=C{a,b},AV=Context{ER=1{}}}}");
    assert_true(sv_is(FIRST_CMD(m)->terms->text, "A"));
    m->txns = m->txns->next;
    assert_false(FIRST_CMD(m)->ctx_list);
    assert_true(sv_is(FIRST_CMD(m)->terms->text, "C"));
    assert_true(FIRST_CMD(m)->next->ctx_list && FIRST_CMD(m)->next->next->ctx_list);
}

static void octet_strings_unescape(void **state)
{
    struct h248_msg *m = take_in_cmd("M{L{ \r\n\ta=\\}b\\\\}c{\n  },R{}}");
    const struct h248_stream *s = FIRST_CMD(m)->descs->u.media.streams;

    (void)state;
    assert_true(
        sv_is(s->local.text, "a=}b\\}c{\n")); /* the closing brace's indentation is not text */
    assert_true(s->remote.present && !s->remote.text.n);
    assert_false(s->has_id);
    assert_int_equal(s->id, 1);
}

static void leniencies(void **state)
{
    struct h248_msg *m;

    (void)state;
    take("\r\n \tmegaco/1[10.0.0.1]:2944 t=1{c=1{a=ip/1}}");
    take("MEGACO/1<a.b> T=1{C=1{A=ip/1}}");
    take("MEGACO/1\r[10.0.0.1]\r; comment with \"quotes\"\rT=1{C=1;x\r{A=ip/1}}");
    m = take("MEGACO/1 [10.0.0.1] K{9-1}");
    assert_true(m->txns->acks->first == 9 && m->txns->acks->last == 1);
    m = take("MEGACO/1 [10.0.0.1] T=1{C=1{MF=a{SG},MF=b{SG{}}}}");
    assert_null(FIRST_CMD(m)->descs->u.signals);
    assert_null(FIRST_CMD(m)->next->descs->u.signals);
    m = take("MEGACO/2 [10.0.0.1] T=1{C=1{EmergencyOffToken,A=a},C=2{EGO,A=a}}");
    assert_int_equal(m->txns->actions->emergency, H248_OFF);
    take("MEGACO/1 [10.0.0.1] P=1{C=1}"); /* version 3's bare context under version 1: the union of
                                             the grammars */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        T(a_fault_names_its_place),
        T(what_stood_before_the_fault_is_kept),
        T(only_requests_are_marked_for_an_answer),
        T(limits_are_faults),
        T(no_memory_is_no_fault),
        T(nul_octets_are_refused),
        T(every_prefix_is_refused),
        T(a_request_is_read_whole),
        T(names_may_spell_tokens),
        T(octet_strings_unescape),
        T(leniencies),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
