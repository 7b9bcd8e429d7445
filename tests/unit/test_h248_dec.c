/* h248/dec*: what is taken, what is refused, where, and with which answer (8.2.2, 8.3). */
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

struct refusal {
    const char *text;
    unsigned code;
    int level;
    unsigned column;
};

static void refuse(const struct refusal *r, size_t n, const char *fmt)
{
    size_t i;

    for (i = 0; i < n; i++) {
        struct h248_fault f;
        struct h248_msg *m;
        char text[4096];
        int err;

        snprintf(text, sizeof(text), fmt, r[i].text);
        arena_reset(arena);
        err = h248_decode(arena, sv_from(text), &m, &f);
        if (err != -EBADMSG || f.code != r[i].code || (int)f.level != r[i].level || (r[i].column && f.column != r[i].column))
            fail_msg("%s\n%d: %u level %d at %u:%u: %s", text, err, f.code, (int)f.level, f.line, f.column, f.why);
        assert_true(f.why[0] && !strpbrk(f.why, "\"\r\n"));
    }
}

#define REFUSE(list, fmt) refuse(list, ARRAY_LEN(list), fmt)

static void bad_headers_are_answered_400_or_406(void **state)
{
    static const struct refusal list[] = {
        {"", 400, H248_AT_MESSAGE, 1}, {"MEGACO", 400, H248_AT_MESSAGE, 1}, {"MEGACO/ [1.2.3.4] ", 400, H248_AT_MESSAGE, 0},
        {"MEGACO/0 [1.2.3.4] PN=1{}", 406, H248_AT_MESSAGE, 8}, {"MEGACO/4 [1.2.3.4] PN=1{}", 406, H248_AT_MESSAGE, 8},
        {"MEGACO/100 [1.2.3.4] PN=1{}", 406, H248_AT_MESSAGE, 8}, {"MEGACO/x [1.2.3.4] PN=1{}", 400, H248_AT_MESSAGE, 8},
        {"SIP/2 [1.2.3.4] PN=1{}", 400, H248_AT_MESSAGE, 1}, {"MEGACO/1 [1.2.3.400] PN=1{}", 400, H248_AT_MESSAGE, 11},
        {"MEGACO/1 [1.2.3.4]:70000 PN=1{}", 400, H248_AT_MESSAGE, 20}, {"MEGACO/1 [1.2.3.4]PN=1{}", 400, H248_AT_MESSAGE, 19},
        {"MEGACO/1 [1.2.3.4]", 400, H248_AT_MESSAGE, 19}, {"MEGACO/1 [1.2.3.4] ", 400, H248_AT_MESSAGE, 20},
        {"MEGACO/1 [1.2.3.4] Add=1{}", 400, H248_AT_MESSAGE, 20}, {"MEGACO/1 [1.2.3.4] ;open", 400, H248_AT_MESSAGE, 20},
        {"AU=0x1:0x2:0x3 MEGACO/1 [1.2.3.4] PN=1{}", 400, H248_AT_MESSAGE, 4},
        {"MEGACO/1 [1.2.3.4] ER=400{} PN=1{}", 400, H248_AT_MESSAGE, 29},
        {"MEGACO/1 [1.2.3.4] PN=1{} ER=400{}", 400, H248_AT_MESSAGE, 27},
        {"MEGACO/1 [1.2.3.4] ER=40000{}", 400, H248_AT_MESSAGE, 23}, {"MEGACO/1 [1.2.3.4] ER=400", 400, H248_AT_MESSAGE, 26},
        {"MEGACO/1 [1.2.3.4] ER=400{x}", 400, H248_AT_MESSAGE, 27},
    };

    (void)state;
    REFUSE(list, "%s");
}

static void bad_transactions_are_answered_403(void **state)
{
    static const struct refusal list[] = {
        {"T", 403, H248_AT_TXN, 0}, {"T=", 403, H248_AT_TXN, 0}, {"T=x{C=1{A=ip/1}}", 403, H248_AT_TXN, 22},
        {"T=0{C=1{A=ip/1}}", 403, H248_AT_TXN, 0}, {"T=4294967296{C=1{A=ip/1}}", 403, H248_AT_TXN, 22},
        {"T=1/2{C=1{A=ip/1}}", 403, H248_AT_TXN, 0}, {"T=1{}", 403, H248_AT_TXN, 24}, {"T=1{X=1}", 403, H248_AT_TXN, 24},
        {"T=1{C=1{A=ip/1}", 403, H248_AT_TXN, 0}, {"T=1{C=1{A=ip/1},}", 403, H248_AT_TXN, 0}, {"P=1{}", 403, H248_AT_TXN, 0},
        {"P=1{IA}", 403, H248_AT_TXN, 0}, {"P=0{C=1{A=ip/1}}", 403, H248_AT_TXN, 0}, {"P=1/x{C=1{A=ip/1}}", 403, H248_AT_TXN, 0},
        {"P=1/2/3{C=1{A=ip/1}}", 403, H248_AT_TXN, 0}, {"PN=1", 403, H248_AT_TXN, 0}, {"PN=1{C}", 403, H248_AT_TXN, 25},
        {"K{}", 403, H248_AT_TXN, 0}, {"K{1-}", 403, H248_AT_TXN, 0}, {"K{1 - 2}", 403, H248_AT_TXN, 0},
        {"K={1}", 403, H248_AT_TXN, 0}, {"SM=1", 403, H248_AT_TXN, 0}, {"SM=1/2/3", 403, H248_AT_TXN, 0},
        {"SM=1/", 403, H248_AT_TXN, 0}, {"T=1{ER=400{}}", 403, H248_AT_TXN, 24},
        {"P=1{ER=400{},C=1{A=ip/1}}", 403, H248_AT_TXN, 0},
    };

    (void)state;
    REFUSE(list, "MEGACO/1 [1.2.3.4] %s");
}

static void bad_actions_are_answered_422(void **state)
{
    static const struct refusal list[] = {
        {"C", 422, H248_AT_TXN, 0}, {"C=x{A=ip/1}", 422, H248_AT_TXN, 26}, {"C=0{A=ip/1}", 422, H248_AT_TXN, 26},
        {"C=4294967294{A=ip/1}", 422, H248_AT_TXN, 26}, {"C=4294967295{A=ip/1}", 422, H248_AT_TXN, 26},
        {"C=4294967296{A=ip/1}", 422, H248_AT_TXN, 26}, {"C=1", 422, H248_AT_ACTION, 0}, {"C=1{}", 422, H248_AT_ACTION, 28},
        {"C=1{PR=16,A=ip/1}", 422, H248_AT_ACTION, 31}, {"C=1{PR=65536,A=ip/1}", 422, H248_AT_ACTION, 31},
        {"C=1{PR=1,PR=1,A=ip/1}", 422, H248_AT_ACTION, 33}, {"C=1{EG,EGO,A=ip/1}", 422, H248_AT_ACTION, 31},
        {"C=1{A=ip/1,PR=1}", 443, H248_AT_ACTION, 35}, {"C=1{A=ip/1,CA{TP}}", 422, H248_AT_ACTION, 35},
        {"C=1{CA{TP},PR=1}", 443, H248_AT_ACTION, 0}, {"C=1{CA{},A=ip/1}", 422, H248_AT_ACTION, 0},
        {"C=1{CA{TP,TP},A=ip/1}", 422, H248_AT_ACTION, 0}, {"C=1{TP{},A=ip/1}", 422, H248_AT_ACTION, 0},
        {"C=1{TP{a,b,XX},A=ip/1}", 422, H248_AT_ACTION, 0}, {"C=1{TP{a,b},A=ip/1}", 422, H248_AT_ACTION, 0},
        {"C=1{IEPS=1,A=ip/1}", 449, H248_AT_ACTION, 0}, {"C=1{X=ip/1}", 443, H248_AT_ACTION, 28},
        {"C=1{Z-A=ip/1}", 443, H248_AT_ACTION, 28}, {"C=1{W-O-A=ip/1}", 443, H248_AT_ACTION, 28},
        {"C=1{ER=400{}}", 443, H248_AT_ACTION, 28}, {"C=1{A=ip/1 A=ip/2}", 422, H248_AT_ACTION, 0},
        {"C=1{CT{CLT={0}},A=ip/1}", 422, H248_AT_ACTION, 0}, {"C=1{CT{},A=ip/1}", 422, H248_AT_ACTION, 0},
    };

    (void)state;
    REFUSE(list, "MEGACO/1 [1.2.3.4] T=1{%s}");
}

static void bad_commands_say_their_code(void **state)
{
    static const struct refusal list[] = {
        {"A", 442, H248_AT_CMD, 0}, {"A=", 442, H248_AT_CMD, 0}, {"A=9", 410, H248_AT_CMD, 30}, {"A=ip/1{}", 442, H248_AT_CMD, 35},
        {"A=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 410, H248_AT_CMD, 30},
        {"A=ip/1{M{}}", 442, H248_AT_CMD, 0}, {"A=ip/1{X{}}", 444, H248_AT_CMD, 35}, {"A=ip/1{SV{}}", 447, H248_AT_CMD, 35},
        {"A=ip/1{OE=1{a/b}}", 447, H248_AT_CMD, 35}, {"A=ip/1{PG{a-1}}", 447, H248_AT_CMD, 0},
        {"A=ip/1{M{L{}},M{L{}}}", 448, H248_AT_CMD, 42}, {"A=ip/1{SG,SG{}}", 448, H248_AT_CMD, 38},
        {"A=ip/1{E,E}", 448, H248_AT_CMD, 37}, {"A=ip/1{AT{},AT{}}", 448, H248_AT_CMD, 0}, {"A=ip/1{M}", 442, H248_AT_CMD, 0},
        {"A=ip/1{M{ST=1{L{}},ST=1{R{}}}}", 448, H248_AT_CMD, 50}, {"A=ip/1{M{ST=1{L{},L{}}}}", 448, H248_AT_CMD, 0},
        {"A=ip/1{M{L{},ST=1{R{}}}}", 442, H248_AT_CMD, 0}, {"A=ip/1{M{ST=1{R{}},L{}}}", 442, H248_AT_CMD, 0},
        {"A=ip/1{M{TS{BF=OFF},TS{BF=OFF}}}", 448, H248_AT_CMD, 0}, {"A=ip/1{M{ST=65536{L{}}}}", 442, H248_AT_CMD, 0},
        {"A=ip/1{M{ST=1{}}}", 442, H248_AT_CMD, 0}, {"A=ip/1{M{O{}}}", 442, H248_AT_CMD, 0}, {"A=ip/1{M{X{}}}", 444, H248_AT_CMD, 0},
        {"A=ip/1{M{O{MO=XX}}}", 449, H248_AT_CMD, 42}, {"A=ip/1{M{O{MO=IN,MO=IN}}}", 456, H248_AT_CMD, 45},
        {"A=ip/1{M{O{p/a=1,P/A=2}}}", 456, H248_AT_CMD, 0}, {"A=ip/1{M{O{a=1}}}", 445, H248_AT_CMD, 39},
        {"A=ip/1{M{O{p/*=1}}}", 445, H248_AT_CMD, 0}, {"A=ip/1{M{O{RV=1}}}", 449, H248_AT_CMD, 0}, {"A=ip/1{M{O{MO}}}", 442, H248_AT_CMD, 0},
        {"A=ip/1{M{O{p/a}}}", 442, H248_AT_CMD, 0}, {"A=ip/1{M{O{p/a={}}}}", 442, H248_AT_CMD, 0},
        {"A=ip/1{M{O{p/a=[]}}}", 442, H248_AT_CMD, 0}, {"A=ip/1{M{O{p/a=[1 :2]}}}", 442, H248_AT_CMD, 0},
        {"A=ip/1{M{O{p/a=[1:2,3]}}}", 442, H248_AT_CMD, 0}, {"A=ip/1{M{O{p/a=\"x\n\"}}}", 442, H248_AT_CMD, 43},
        {"A=ip/1{M{O{p/a=\"x\x01\"}}}", 442, H248_AT_CMD, 45}, {"A=ip/1{M{O{p/a=\"\xc3\xa4\"}}}", 442, H248_AT_CMD, 0},
        {"A=ip/1{M{TS{SI=XX}}}", 449, H248_AT_CMD, 0}, {"A=ip/1{M{TS{BF=ON}}}", 449, H248_AT_CMD, 0},
        {"A=ip/1{M{L{v=0", 442, H248_AT_CMD, 0}, {"A=ip/1{M{L{v=0\\}", 442, H248_AT_CMD, 0},
        {"A=ip/1{MX=H999{a}}", 449, H248_AT_CMD, 0}, {"A=ip/1{MX=H223{}}", 442, H248_AT_CMD, 0}, {"A=ip/1{MD}", 442, H248_AT_CMD, 0},
        {"A=ip/1{MD[V99]}", 449, H248_AT_CMD, 0}, {"S=ip/1{M{L{}}}", 447, H248_AT_CMD, 0}, {"S=ip/1{}", 442, H248_AT_CMD, 0},
        {"AV=ip/1", 442, H248_AT_CMD, 0}, {"AV=ip/1{AT{AT}}", 444, H248_AT_CMD, 0}, {"AV=ip/1{AT{M,}}", 442, H248_AT_CMD, 0},
        {"AV=ip/1{AT{OE=1{a/b}}}", 444, H248_AT_CMD, 0}, {"N=ip/1", 442, H248_AT_CMD, 0}, {"N=ip/1{ER=1{}}", 442, H248_AT_CMD, 0},
        {"N=ip/1{OE=1{}}", 442, H248_AT_CMD, 0}, {"N=ip/1{OE=1{a/*}}", 442, H248_AT_CMD, 0}, {"N=ip/1{OE{a/b}}", 442, H248_AT_CMD, 0},
        {"N=ip/1{OE=1{20260101T12000000 a/b}}", 442, H248_AT_CMD, 0}, {"MF=[a,b", 442, H248_AT_CMD, 0},
    };

    (void)state;
    REFUSE(list, "MEGACO/1 [1.2.3.4] T=1{C=1{%s}}");
}

static void bad_events_and_signals(void **state)
{
    static const struct refusal list[] = {
        {"E=1{}", 442, H248_AT_CMD, 0}, {"E=1", 442, H248_AT_CMD, 0}, {"E{a/b}", 442, H248_AT_CMD, 0}, {"E=1{a}", 442, H248_AT_CMD, 0},
        {"E=1{a/b{}}", 442, H248_AT_CMD, 0}, {"E=4294967296{a/b}", 442, H248_AT_CMD, 0}, {"E=1{a/b{KA,KA}}", 456, H248_AT_CMD, 0},
        {"E=1{a/b{EM{SG},KA}}", 442, H248_AT_CMD, 0}, {"E=1{a/b{KA,EM{SG{c/d}}}}", 442, H248_AT_CMD, 0},
        {"E=1{a/b{EM{SG},EM{SG}}}", 456, H248_AT_CMD, 0}, {"E=1{a/b{EM{}}}", 442, H248_AT_CMD, 0},
        {"E=1{a/b{EM{E=2{c/d},SG}}}", 442, H248_AT_CMD, 0}, {"E=1{a/b{EM{E=2{c/d{EM{E=3{e/f}}}}}}}", 442, H248_AT_CMD, 0},
        {"E=1{a/b{EM{E=2{c/d{EM{SG,E=3{e/f}}}}}}}", 442, H248_AT_CMD, 0}, {"E=1{a/b{ST=1,ST=2}}", 456, H248_AT_CMD, 0},
        {"E=1{a/b{ST=x}}", 442, H248_AT_CMD, 0}, {"E=1{a/b{9=1}}", 442, H248_AT_CMD, 0}, {"E=1{a/b{x}}", 442, H248_AT_CMD, 0},
        {"E=1{a/b{DM={m}}}", 442, H248_AT_CMD, 0}, {"E=1{a/b{x=1,X=2}}", 456, H248_AT_CMD, 0}, {"EB{}", 442, H248_AT_CMD, 0},
        {"EB{a/b{EM{SG}}}", 442, H248_AT_CMD, 0}, {"SG{a}", 442, H248_AT_CMD, 0}, {"SG{a/*}", 442, H248_AT_CMD, 0},
        {"SG{a/b{}}", 442, H248_AT_CMD, 0}, {"SG{a/b{DR=65536}}", 442, H248_AT_CMD, 0}, {"SG{a/b{SY=XX}}", 449, H248_AT_CMD, 0},
        {"SG{a/b{NC=TO}}", 442, H248_AT_CMD, 0}, {"SG{a/b{NC={XX}}}", 449, H248_AT_CMD, 0}, {"SG{a/b{NC={TO,TO}}}", 456, H248_AT_CMD, 0},
        {"SG{SL=1{}}", 442, H248_AT_CMD, 0}, {"SG{SL=1{SL=2{a/b}}}", 442, H248_AT_CMD, 0}, {"SG{a/b,}", 442, H248_AT_CMD, 0},
        {"SG{a/b{SPADI=XX}}", 449, H248_AT_CMD, 0}, {"DM", 442, H248_AT_CMD, 0}, {"DM=d{}", 442, H248_AT_CMD, 0},
        {"DM=9", 442, H248_AT_CMD, 0}, {"SA{}", 442, H248_AT_CMD, 0}, {"SA{a/b<5}", 442, H248_AT_CMD, 0},
    };

    (void)state;
    REFUSE(list, "MEGACO/1 [1.2.3.4] T=1{C=1{MF=ip/1{%s}}}");
}

static void bad_service_changes(void **state)
{
    static const struct refusal list[] = {
        {"", 442, H248_AT_CMD, 0}, {"MT=RS", 442, H248_AT_CMD, 0}, {"RE=901", 442, H248_AT_CMD, 0}, {"MT=XX,RE=901", 449, H248_AT_CMD, 0},
        {"MT=RS,MT=RS,RE=901", 456, H248_AT_CMD, 0}, {"MT=RS,RE=901,AD=1,MG=[1.2.3.4]", 442, H248_AT_CMD, 0},
        {"MT=RS,RE=901,V=100", 442, H248_AT_CMD, 0}, {"MT=RS,RE=901,PF=a", 442, H248_AT_CMD, 0}, {"MT=RS,RE=901,PF=a/", 442, H248_AT_CMD, 0},
        {"MT=RS,RE=901,PF=a/100", 442, H248_AT_CMD, 0}, {"MT=RS,RE=901,DL=4294967296", 442, H248_AT_CMD, 0},
        {"MT=RS,RE=901,AD=65536", 442, H248_AT_CMD, 0}, {"MT=RS,RE=901,foo=1", 446, H248_AT_CMD, 0},
        {"MT=RS,RE=901,20260101T12000000,20260101T12000000", 456, H248_AT_CMD, 0},
        {"MT=RS,RE=901,MG=<a", 442, H248_AT_CMD, 0}, {"MT=RS,RE=901,X-toolong1=1", 446, H248_AT_CMD, 0},
    };
    static const struct refusal replies[] = {
        {"SV{MT=RS}", 446, H248_AT_CMD, 0}, {"SV{V=1},ER=1{}", 442, H248_AT_CMD, 0}, {"M{L{}}", 447, H248_AT_CMD, 0},
    };

    (void)state;
    REFUSE(list, "MEGACO/1 [1.2.3.4] T=1{C=-{SC=ROOT{SV{%s}}}}");
    REFUSE(replies, "MEGACO/1 [1.2.3.4] P=1{C=-{SC=ROOT{%s}}}");
}

static void a_fault_names_its_place(void **state)
{
    static const char text[] = "MEGACO/2 [1.2.3.4]\nTransaction = 5 {\r\n  Context = 9 {\n    Add = ip/3 {\n      Media {\n"
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
    assert_int_equal(h248_decode(arena, SV("!/2 [1.2.3.4] PN=3{} T=4{C=1{A=ip/1}} P=6{C=1{A=}}"), &m, &f), -EBADMSG);
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
    static const struct { const char *text; bool request; } cases[] = {
        {"MEGACO/9 [1.2.3.4] T=1{C=1{A=a}}", true},   {"MEGACO/9 [1.2.3.4] Transaction = 1 {", true},
        {"MEGACO/9 [1.2.3.4] P=1{C=1{A=a}}", false},  {"MEGACO/9 [1.2.3.4] ER=400{\"Transaction = 1\"}", false},
        {"MEGACO/9 [1.2.3.4] K{1}", false},           {"MEGACO/9 [1.2.3.4] PN=1{}", false},
        {"MEGACO/1 [1.2.3.4] P=x{}", false},          {"MEGACO/1 [1.2.3.4] PN=1", false},
        {"MEGACO/1 [1.2.3.4] K{", false},             {"MEGACO/1 [1.2.3.4] ER=", false},
        {"MEGACO/1 [1.2.3.4] T=", true},              {"", false},
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
    static const char text[] = "!/1 [1.2.3.4] T=1{C=1{A=a{M{O{p/a=1,p/b=2},L{v=0\\}}},SG{a/b{x=1}},E=1{a/b}}}}";
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
    static const char text[] = "AU=0x00000001:0x00000002:0x0123456789abcdef01234567 !/3 <a.b>:2944 T=1{C=${TP{a,b,OW,ST=1},PR=1,"
        "A=ip/$/${M{TS{SI=IV,p/a={1,2}},ST=1{O{MO=SR,p/b=[1:2],p/c=\"x\"},L{v=0\\}},R{v=0}}},E=1{a/b{EM{SG{c/d},E=2{e/f}},"
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
    struct h248_msg *m = take("MEGACO/2 <alg1.example.net>:2944\nT=7{C=${PR=10,EG,O-W-A=ip/$/core/${M{TS{mgroup/groupse=[\"SCTP 2\"]},"
                              "ST=2{O{MO=IN,RV=ON,ipdc/realm=\"core\"},L{\r\nv=0\r\nc=IN IP4 $\r\n}}},E=2001{hangterm/thb{timerx=3600}},SG}}}");
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
    assert_true(s->has_id && s->id == 2 && s->control.mode == H248_MODE_INACTIVE && s->control.reserved_value == H248_ON);
    assert_true(sv_is(s->local.text, "v=0\r\nc=IN IP4 $\r\n") && !s->remote.present);
    assert_int_equal(d->next->u.events.request_id, 2001);
    assert_true(sv_is(d->next->u.events.events->parms->name, "timerx"));
    assert_int_equal(d->next->next->kind, H248_D_SIGNALS);
    assert_null(d->next->next->u.signals);
    assert_ptr_equal(c->descs->prev, d->next->next); /* a utlist list: head->prev is the tail */
}

static void names_may_spell_tokens(void **state)
{
    struct h248_msg *m = take_in_cmd("E=1{a/b{Media=1,DM=2,KeepActive=3,Embed=4},c/d{DM=abc,KA}},SG{e/f{C=1,A=2,KeepActive=3}}");
    const struct h248_event *ev = FIRST_CMD(m)->descs->u.events.events;

    (void)state;
    assert_non_null(h248_parm_find(ev->parms, "media"));
    assert_non_null(h248_parm_find(ev->parms, "DM"));
    assert_non_null(h248_parm_find(ev->parms, "keepactive"));
    assert_false(ev->keep_active);
    assert_true(sv_is(ev->next->digitmap, "abc") && ev->next->keep_active && !ev->next->parms);
    assert_non_null(h248_parm_find(FIRST_CMD(m)->descs->next->u.signals->parms, "C"));
    m = take("!/1 [1.2.3.4] T=1{C=1{A=A,MF=C,S=Media}} P=2{C=1{AV=C{M{O{MO=IN}}},AV=C{a,b},AV=Context{ER=1{}}}}");
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
    assert_true(sv_is(s->local.text, "a=}b\\}c{\n")); /* the closing brace's indentation is not text */
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
    take("MEGACO/1 [10.0.0.1] P=1{C=1}"); /* version 3's bare context under version 1: the union of the grammars */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        T(bad_headers_are_answered_400_or_406), T(bad_transactions_are_answered_403), T(bad_actions_are_answered_422),
        T(bad_commands_say_their_code), T(bad_events_and_signals), T(bad_service_changes), T(a_fault_names_its_place),
        T(what_stood_before_the_fault_is_kept), T(only_requests_are_marked_for_an_answer), T(limits_are_faults),
        T(no_memory_is_no_fault), T(nul_octets_are_refused), T(every_prefix_is_refused), T(a_request_is_read_whole),
        T(names_may_spell_tokens), T(octet_strings_unescape), T(leniencies),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
