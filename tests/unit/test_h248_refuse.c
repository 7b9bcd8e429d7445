/* h248/dec*: what the grammar forbids is refused, with its code and level (8.2.2, 8.3). */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdio.h>
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
        if (err != -EBADMSG || f.code != r[i].code || (int)f.level != r[i].level ||
            (r[i].column && f.column != r[i].column))
            fail_msg("%s\n%d: %u level %d at %u:%u: %s", text, err, f.code, (int)f.level, f.line,
                     f.column, f.why);
        assert_true(f.why[0] && !strpbrk(f.why, "\"\r\n"));
    }
}

#define REFUSE(list, fmt) refuse(list, ARRAY_LEN(list), fmt)

static void bad_headers_are_answered_400_or_406(void **state)
{
    static const struct refusal list[] = {
        {"", 400, H248_AT_MESSAGE, 1},
        {"MEGACO", 400, H248_AT_MESSAGE, 1},
        {"MEGACO/ [1.2.3.4] ", 400, H248_AT_MESSAGE, 0},
        {"MEGACO/0 [1.2.3.4] PN=1{}", 406, H248_AT_MESSAGE, 8},
        {"MEGACO/4 [1.2.3.4] PN=1{}", 406, H248_AT_MESSAGE, 8},
        {"MEGACO/100 [1.2.3.4] PN=1{}", 406, H248_AT_MESSAGE, 8},
        {"MEGACO/x [1.2.3.4] PN=1{}", 400, H248_AT_MESSAGE, 8},
        {"SIP/2 [1.2.3.4] PN=1{}", 400, H248_AT_MESSAGE, 1},
        {"MEGACO/1 [1.2.3.400] PN=1{}", 400, H248_AT_MESSAGE, 11},
        {"MEGACO/1 [1.2.3.4]:70000 PN=1{}", 400, H248_AT_MESSAGE, 20},
        {"MEGACO/1 [1.2.3.4]PN=1{}", 400, H248_AT_MESSAGE, 19},
        {"MEGACO/1 [1.2.3.4]", 400, H248_AT_MESSAGE, 19},
        {"MEGACO/1 [1.2.3.4] ", 400, H248_AT_MESSAGE, 20},
        {"MEGACO/1 [1.2.3.4] Add=1{}", 400, H248_AT_MESSAGE, 20},
        {"MEGACO/1 [1.2.3.4] ;open", 400, H248_AT_MESSAGE, 20},
        {"AU=0x1:0x2:0x3 MEGACO/1 [1.2.3.4] PN=1{}", 400, H248_AT_MESSAGE, 4},
        {"MEGACO/1 [1.2.3.4] ER=400{} PN=1{}", 400, H248_AT_MESSAGE, 29},
        {"MEGACO/1 [1.2.3.4] PN=1{} ER=400{}", 400, H248_AT_MESSAGE, 27},
        {"MEGACO/1 [1.2.3.4] ER=40000{}", 400, H248_AT_MESSAGE, 23},
        {"MEGACO/1 [1.2.3.4] ER=400", 400, H248_AT_MESSAGE, 26},
        {"MEGACO/1 [1.2.3.4] ER=400{x}", 400, H248_AT_MESSAGE, 27},
    };

    (void)state;
    REFUSE(list, "%s");
}

static void bad_transactions_are_answered_403(void **state)
{
    static const struct refusal list[] = {
        {"T", 403, H248_AT_TXN, 0},
        {"T=", 403, H248_AT_TXN, 0},
        {"T=x{C=1{A=ip/1}}", 403, H248_AT_TXN, 22},
        {"T=0{C=1{A=ip/1}}", 403, H248_AT_TXN, 0},
        {"T=4294967296{C=1{A=ip/1}}", 403, H248_AT_TXN, 22},
        {"T=1/2{C=1{A=ip/1}}", 403, H248_AT_TXN, 0},
        {"T=1{}", 403, H248_AT_TXN, 24},
        {"T=1{X=1}", 403, H248_AT_TXN, 24},
        {"T=1{C=1{A=ip/1}", 403, H248_AT_TXN, 0},
        {"T=1{C=1{A=ip/1},}", 403, H248_AT_TXN, 0},
        {"P=1{}", 403, H248_AT_TXN, 0},
        {"P=1{IA}", 403, H248_AT_TXN, 0},
        {"P=0{C=1{A=ip/1}}", 403, H248_AT_TXN, 0},
        {"P=1/x{C=1{A=ip/1}}", 403, H248_AT_TXN, 0},
        {"P=1/2/3{C=1{A=ip/1}}", 403, H248_AT_TXN, 0},
        {"PN=1", 403, H248_AT_TXN, 0},
        {"PN=1{C}", 403, H248_AT_TXN, 25},
        {"K{}", 403, H248_AT_TXN, 0},
        {"K{1-}", 403, H248_AT_TXN, 0},
        {"K{1 - 2}", 403, H248_AT_TXN, 0},
        {"K={1}", 403, H248_AT_TXN, 0},
        {"SM=1", 403, H248_AT_TXN, 0},
        {"SM=1/2/3", 403, H248_AT_TXN, 0},
        {"SM=1/", 403, H248_AT_TXN, 0},
        {"T=1{ER=400{}}", 403, H248_AT_TXN, 24},
        {"P=1{ER=400{},C=1{A=ip/1}}", 403, H248_AT_TXN, 0},
    };

    (void)state;
    REFUSE(list, "MEGACO/1 [1.2.3.4] %s");
}

static void bad_actions_are_answered_422(void **state)
{
    static const struct refusal list[] = {
        {"C", 422, H248_AT_TXN, 0},
        {"C=x{A=ip/1}", 422, H248_AT_TXN, 26},
        {"C=0{A=ip/1}", 422, H248_AT_TXN, 26},
        {"C=4294967294{A=ip/1}", 422, H248_AT_TXN, 26},
        {"C=4294967295{A=ip/1}", 422, H248_AT_TXN, 26},
        {"C=4294967296{A=ip/1}", 422, H248_AT_TXN, 26},
        {"C=1", 422, H248_AT_ACTION, 0},
        {"C=1{}", 422, H248_AT_ACTION, 28},
        {"C=1{PR=16,A=ip/1}", 422, H248_AT_ACTION, 31},
        {"C=1{PR=65536,A=ip/1}", 422, H248_AT_ACTION, 31},
        {"C=1{PR=1,PR=1,A=ip/1}", 422, H248_AT_ACTION, 33},
        {"C=1{EG,EGO,A=ip/1}", 422, H248_AT_ACTION, 31},
        {"C=1{A=ip/1,PR=1}", 443, H248_AT_ACTION, 35},
        {"C=1{A=ip/1,CA{TP}}", 422, H248_AT_ACTION, 35},
        {"C=1{CA{TP},PR=1}", 443, H248_AT_ACTION, 0},
        {"C=1{CA{},A=ip/1}", 422, H248_AT_ACTION, 0},
        {"C=1{CA{TP,TP},A=ip/1}", 422, H248_AT_ACTION, 0},
        {"C=1{TP{},A=ip/1}", 422, H248_AT_ACTION, 0},
        {"C=1{TP{a,b,XX},A=ip/1}", 422, H248_AT_ACTION, 0},
        {"C=1{TP{a,b},A=ip/1}", 422, H248_AT_ACTION, 0},
        {"C=1{IEPS=1,A=ip/1}", 449, H248_AT_ACTION, 0},
        {"C=1{X=ip/1}", 443, H248_AT_ACTION, 28},
        {"C=1{Z-A=ip/1}", 443, H248_AT_ACTION, 28},
        {"C=1{W-O-A=ip/1}", 443, H248_AT_ACTION, 28},
        {"C=1{ER=400{}}", 443, H248_AT_ACTION, 28},
        {"C=1{A=ip/1 A=ip/2}", 422, H248_AT_ACTION, 0},
        {"C=1{CT{CLT={0}},A=ip/1}", 422, H248_AT_ACTION, 0},
        {"C=1{CT{},A=ip/1}", 422, H248_AT_ACTION, 0},
    };

    (void)state;
    REFUSE(list, "MEGACO/1 [1.2.3.4] T=1{%s}");
}

static void bad_commands_say_their_code(void **state)
{
    static const struct refusal list[] = {
        {"A", 442, H248_AT_CMD, 0},
        {"A=", 442, H248_AT_CMD, 0},
        {"A=9", 410, H248_AT_CMD, 30},
        {"A=ip/1{}", 442, H248_AT_CMD, 35},
        {"A=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 410, H248_AT_CMD,
         30},
        {"A=ip/1{X{}}", 444, H248_AT_CMD, 35},
        {"A=ip/1{SV{}}", 447, H248_AT_CMD, 35},
        {"A=ip/1{OE=1{a/b}}", 447, H248_AT_CMD, 35},
        {"A=ip/1{PG{a-1}}", 447, H248_AT_CMD, 0},
        {"A=ip/1{SG,SG{}}", 448, H248_AT_CMD, 38},
        {"A=ip/1{E,E}", 448, H248_AT_CMD, 37},
        {"A=ip/1{AT{},AT{}}", 448, H248_AT_CMD, 0},
        {"S=ip/1{M{L{}}}", 447, H248_AT_CMD, 0},
        {"S=ip/1{}", 442, H248_AT_CMD, 0},
        {"AV=ip/1", 442, H248_AT_CMD, 0},
        {"AV=ip/1{AT{AT}}", 444, H248_AT_CMD, 0},
        {"AV=ip/1{AT{M,}}", 442, H248_AT_CMD, 0},
        {"AV=ip/1{AT{OE=1{a/b}}}", 444, H248_AT_CMD, 0},
        {"N=ip/1", 442, H248_AT_CMD, 0},
        {"N=ip/1{ER=1{}}", 442, H248_AT_CMD, 0},
        {"N=ip/1{OE=1{}}", 442, H248_AT_CMD, 0},
        {"N=ip/1{OE=1{a/*}}", 442, H248_AT_CMD, 0},
        {"N=ip/1{OE{a/b}}", 442, H248_AT_CMD, 0},
        {"N=ip/1{OE=1{20260101T12000000 a/b}}", 442, H248_AT_CMD, 0},
        {"MF=[a,b", 442, H248_AT_CMD, 0},
    };

    (void)state;
    REFUSE(list, "MEGACO/1 [1.2.3.4] T=1{C=1{%s}}");
}

static void bad_media_says_its_code(void **state)
{
    static const struct refusal list[] = {
        {"A=ip/1{M{}}", 442, H248_AT_CMD, 0},
        {"A=ip/1{M{L{}},M{L{}}}", 448, H248_AT_CMD, 42},
        {"A=ip/1{M}", 442, H248_AT_CMD, 0},
        {"A=ip/1{M{ST=1{L{}},ST=1{R{}}}}", 448, H248_AT_CMD, 50},
        {"A=ip/1{M{ST=1{L{},L{}}}}", 448, H248_AT_CMD, 0},
        {"A=ip/1{M{L{},ST=1{R{}}}}", 442, H248_AT_CMD, 0},
        {"A=ip/1{M{ST=1{R{}},L{}}}", 442, H248_AT_CMD, 0},
        {"A=ip/1{M{TS{BF=OFF},TS{BF=OFF}}}", 448, H248_AT_CMD, 0},
        {"A=ip/1{M{ST=65536{L{}}}}", 442, H248_AT_CMD, 0},
        {"A=ip/1{M{ST=1{}}}", 442, H248_AT_CMD, 0},
        {"A=ip/1{M{O{}}}", 442, H248_AT_CMD, 0},
        {"A=ip/1{M{X{}}}", 444, H248_AT_CMD, 0},
        {"A=ip/1{M{O{MO=XX}}}", 449, H248_AT_CMD, 42},
        {"A=ip/1{M{O{MO=IN,MO=IN}}}", 456, H248_AT_CMD, 45},
        {"A=ip/1{M{O{p/a=1,P/A=2}}}", 456, H248_AT_CMD, 0},
        {"A=ip/1{M{O{a=1}}}", 445, H248_AT_CMD, 39},
        {"A=ip/1{M{O{p/*=1}}}", 445, H248_AT_CMD, 0},
        {"A=ip/1{M{O{RV=1}}}", 449, H248_AT_CMD, 0},
        {"A=ip/1{M{O{MO}}}", 442, H248_AT_CMD, 0},
        {"A=ip/1{M{O{p/a}}}", 442, H248_AT_CMD, 0},
        {"A=ip/1{M{O{p/a={}}}}", 442, H248_AT_CMD, 0},
        {"A=ip/1{M{O{p/a=[]}}}", 442, H248_AT_CMD, 0},
        {"A=ip/1{M{O{p/a=[1 :2]}}}", 442, H248_AT_CMD, 0},
        {"A=ip/1{M{O{p/a=[1:2,3]}}}", 442, H248_AT_CMD, 0},
        {"A=ip/1{M{O{p/a=\"x\n\"}}}", 442, H248_AT_CMD, 43},
        {"A=ip/1{M{O{p/a=\"x\x01\"}}}", 442, H248_AT_CMD, 45},
        {"A=ip/1{M{O{p/a=\"\xc3\xa4\"}}}", 442, H248_AT_CMD, 0},
        {"A=ip/1{M{TS{SI=XX}}}", 449, H248_AT_CMD, 0},
        {"A=ip/1{M{TS{BF=ON}}}", 449, H248_AT_CMD, 0},
        {"A=ip/1{M{L{v=0", 442, H248_AT_CMD, 0},
        {"A=ip/1{M{L{v=0\\}", 442, H248_AT_CMD, 0},
        {"A=ip/1{MX=H999{a}}", 449, H248_AT_CMD, 0},
        {"A=ip/1{MX=H223{}}", 442, H248_AT_CMD, 0},
        {"A=ip/1{MD}", 442, H248_AT_CMD, 0},
        {"A=ip/1{MD[V99]}", 449, H248_AT_CMD, 0},
    };

    (void)state;
    REFUSE(list, "MEGACO/1 [1.2.3.4] T=1{C=1{%s}}");
}

static void bad_events_and_signals(void **state)
{
    static const struct refusal list[] = {
        {"E=1{}", 442, H248_AT_CMD, 0},
        {"E=1", 442, H248_AT_CMD, 0},
        {"E{a/b}", 442, H248_AT_CMD, 0},
        {"E=1{a}", 442, H248_AT_CMD, 0},
        {"E=1{a/b{}}", 442, H248_AT_CMD, 0},
        {"E=4294967296{a/b}", 442, H248_AT_CMD, 0},
        {"E=1{a/b{KA,KA}}", 456, H248_AT_CMD, 0},
        {"E=1{a/b{EM{SG},KA}}", 442, H248_AT_CMD, 0},
        {"E=1{a/b{KA,EM{SG{c/d}}}}", 442, H248_AT_CMD, 0},
        {"E=1{a/b{EM{SG},EM{SG}}}", 456, H248_AT_CMD, 0},
        {"E=1{a/b{EM{}}}", 442, H248_AT_CMD, 0},
        {"E=1{a/b{EM{E=2{c/d},SG}}}", 442, H248_AT_CMD, 0},
        {"E=1{a/b{EM{E=2{c/d{EM{E=3{e/f}}}}}}}", 442, H248_AT_CMD, 0},
        {"E=1{a/b{EM{E=2{c/d{EM{SG,E=3{e/f}}}}}}}", 442, H248_AT_CMD, 0},
        {"E=1{a/b{ST=1,ST=2}}", 456, H248_AT_CMD, 0},
        {"E=1{a/b{ST=x}}", 442, H248_AT_CMD, 0},
        {"E=1{a/b{9=1}}", 442, H248_AT_CMD, 0},
        {"E=1{a/b{x}}", 442, H248_AT_CMD, 0},
        {"E=1{a/b{DM={m}}}", 442, H248_AT_CMD, 0},
        {"E=1{a/b{x=1,X=2}}", 456, H248_AT_CMD, 0},
        {"EB{}", 442, H248_AT_CMD, 0},
        {"EB{a/b{EM{SG}}}", 442, H248_AT_CMD, 0},
        {"SG{a}", 442, H248_AT_CMD, 0},
        {"SG{a/*}", 442, H248_AT_CMD, 0},
        {"SG{a/b{}}", 442, H248_AT_CMD, 0},
        {"SG{a/b{DR=65536}}", 442, H248_AT_CMD, 0},
        {"SG{a/b{SY=XX}}", 449, H248_AT_CMD, 0},
        {"SG{a/b{NC=TO}}", 442, H248_AT_CMD, 0},
        {"SG{a/b{NC={XX}}}", 449, H248_AT_CMD, 0},
        {"SG{a/b{NC={TO,TO}}}", 456, H248_AT_CMD, 0},
        {"SG{SL=1{}}", 442, H248_AT_CMD, 0},
        {"SG{SL=1{SL=2{a/b}}}", 442, H248_AT_CMD, 0},
        {"SG{a/b,}", 442, H248_AT_CMD, 0},
        {"SG{a/b{SPADI=XX}}", 449, H248_AT_CMD, 0},
        {"DM", 442, H248_AT_CMD, 0},
        {"DM=d{}", 442, H248_AT_CMD, 0},
        {"DM=9", 442, H248_AT_CMD, 0},
        {"SA{}", 442, H248_AT_CMD, 0},
        {"SA{a/b<5}", 442, H248_AT_CMD, 0},
    };

    (void)state;
    REFUSE(list, "MEGACO/1 [1.2.3.4] T=1{C=1{MF=ip/1{%s}}}");
}

static void bad_service_changes(void **state)
{
    static const struct refusal list[] = {
        {"", 442, H248_AT_CMD, 0},
        {"MT=RS", 442, H248_AT_CMD, 0},
        {"RE=901", 442, H248_AT_CMD, 0},
        {"MT=XX,RE=901", 449, H248_AT_CMD, 0},
        {"MT=RS,MT=RS,RE=901", 456, H248_AT_CMD, 0},
        {"MT=RS,RE=901,AD=1,MG=[1.2.3.4]", 442, H248_AT_CMD, 0},
        {"MT=RS,RE=901,V=100", 442, H248_AT_CMD, 0},
        {"MT=RS,RE=901,PF=a", 442, H248_AT_CMD, 0},
        {"MT=RS,RE=901,PF=a/", 442, H248_AT_CMD, 0},
        {"MT=RS,RE=901,PF=a/100", 442, H248_AT_CMD, 0},
        {"MT=RS,RE=901,DL=4294967296", 442, H248_AT_CMD, 0},
        {"MT=RS,RE=901,AD=65536", 442, H248_AT_CMD, 0},
        {"MT=RS,RE=901,foo=1", 446, H248_AT_CMD, 0},
        {"MT=RS,RE=901,20260101T12000000,20260101T12000000", 456, H248_AT_CMD, 0},
        {"MT=RS,RE=901,MG=<a", 442, H248_AT_CMD, 0},
        {"MT=RS,RE=901,X-toolong1=1", 446, H248_AT_CMD, 0},
    };
    static const struct refusal replies[] = {
        {"SV{MT=RS}", 446, H248_AT_CMD, 0},
        {"SV{V=1},ER=1{}", 442, H248_AT_CMD, 0},
        {"M{L{}}", 447, H248_AT_CMD, 0},
    };

    (void)state;
    REFUSE(list, "MEGACO/1 [1.2.3.4] T=1{C=-{SC=ROOT{SV{%s}}}}");
    REFUSE(replies, "MEGACO/1 [1.2.3.4] P=1{C=-{SC=ROOT{%s}}}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        T(bad_headers_are_answered_400_or_406),
        T(bad_transactions_are_answered_403),
        T(bad_actions_are_answered_422),
        T(bad_commands_say_their_code),
        T(bad_media_says_its_code),
        T(bad_events_and_signals),
        T(bad_service_changes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
