/* h248/cmp: order free where it is free, the first difference named, captures through the callback.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdio.h>
#include <cmocka.h>

#include "h248/h248.h"

static int compare_with(const char *want, const char *got, struct h248_cmp *c)
{
    struct arena *a = arena_new(H248_ARENA_MAX);
    struct h248_msg *mw, *mg;
    struct h248_fault f;
    char text[2000];
    int same;

    snprintf(text, sizeof(text), "!/3 <a.b> %s", want);
    if (h248_decode(a, sv_from(text), &mw, &f))
        fail_msg("%s: %s", text, f.why);
    snprintf(text, sizeof(text), "!/3 <A.b>:2944 %s", got);
    if (h248_decode(a, sv_from(text), &mg, &f))
        fail_msg("%s: %s", text, f.why);
    same = h248_compare(mw, mg, c);
    arena_free(a);
    return same;
}

static void expect(const char *want, const char *got, bool exact, const char *why)
{
    struct h248_cmp c = {.exact = exact};
    int same = compare_with(want, got, &c);

    if (same != !why || (why && strcmp(c.why, why)))
        fail_msg("%s\n%s\n%d: %s", want, got, same, c.why);
}

static void order_is_free_where_the_standard_frees_it(void **state)
{
    (void)state;
    expect("T=1{C=1{A=a{M{ST=1{O{p/a=1,p/b=2}},ST=2{R{}}},E=1{x/a,x/b},SG{s/a,s/b}}}}",
           "T=1{C=1{A=a{SG{s/b,s/a},E=1{x/b,x/a},M{ST=2{R{}},ST=1{O{p/b=2,p/a=1}}}}}}", true, NULL);
    expect("P=1{C=1{A=a}} PN=2{}", "PN=2{} P=1{C=1{A=a}}", true, NULL);
    expect("T=1{C=1{A=a,A=b}}", "T=1{C=1{A=b,A=a}}", true,
           "Transaction.Context.Add[a].a: text is b, not a");
    expect("T=1{C=1{A=a{SG{SL=1{s/a,s/b}}}}}", "T=1{C=1{A=a{SG{SL=1{s/b,s/a}}}}}", true,
           "Transaction.Context.Add[a].Signals.SignalList 1: s/b is missing");
    expect("T=1{C=1{A=a{M{O{p/a=[1,2]}}}}}", "T=1{C=1{A=a{M{O{p/a=[2,1]}}}}}", true,
           "Transaction.Context.Add[a].Media.Stream 1.control.p/a.1: text is 2, not 1");
}

static void names_fold_case_and_quoted_values_do_not(void **state)
{
    (void)state;
    expect("T=1{C=1{A=Ip/1{M{O{Gm/Saf=on,p/x=\"A\"}}}}}",
           "T=1{C=1{A=ip/1{M{O{gm/saf=ON,p/x=\"A\"}}}}}", true, NULL);
    expect("T=1{C=1{A=a{M{O{p/x=\"A\"}}}}}", "T=1{C=1{A=a{M{O{p/x=\"a\"}}}}}", true,
           "Transaction.Context.Add[a].Media.Stream 1.control.p/x.A: text is a, not A");
    expect("T=1{C=1{A=a{M{O{p/x=\"1\"}}}}}", "T=1{C=1{A=a{M{O{p/x=1}}}}}", true,
           "Transaction.Context.Add[a].Media.Stream 1.control.p/x.1: quoted is off, not on");
}

static void more_is_allowed_unless_exact(void **state)
{
    const char *want = "T=1{C=1{A=a{M{ST=2{O{p/a=1}}}}}}";
    const char *got =
        "T=1{C=1{PR=5,A=z,A=a{M{ST=1{R{}},ST=2{O{MO=IN,p/a=1,p/b=2},L{x}}},E=1{x/a}}}}";

    (void)state;
    expect("T=1{C=1{PR=5,A=a{M{ST=2{O{p/a=1}}}}}}",
           "T=1{C=1{PR=5,A=a{M{ST=1{R{}},ST=2{O{MO=IN,p/a=1,p/b=2},L{x}}},E=1{x/a}}}}", false,
           NULL);
    expect(got, want, false, "Transaction.Context: priority is missing");
    expect("T=1{C=1{A=a{M{ST=2{O{p/a=1}}}}}}", "T=1{C=1{A=a{M{ST=2{O{p/a=1,p/b=2}}}}}}", true,
           "Transaction.Context.Add[a].Media.Stream 2.control: p/b is not expected");
    expect("T=1{C=1{A=a}}", "T=1{C=1{A=a}} PN=2{}", true, "Message: Pending is not expected");
}

static void differences_are_named(void **state)
{
    (void)state;
    expect("T=1{C=1{A=a}}", "T=2{C=1{A=a}}", false, "Transaction: tid is 2, not 1");
    expect("T=1{C=1{A=a}}", "T=1{C=*{A=a}}", false, "Transaction.Context: context is *, not 1");
    expect("T=1{C=1{A=a}}", "T=1{C=1{MF=a}}", false, "Transaction.Context: Add[a] is missing");
    expect("T=1{C=1{A=a{SG{x/a{ST=1}}}}}", "T=1{C=1{A=a{SG{x/a{ST=2}}}}}", false, 
           "Transaction.Context.Add[a].Signals: x/a is missing");
    expect("T=1{C=1{A=a{M{O{MO=IN}}}}}", "T=1{C=1{A=a{M{O{MO=SR}}}}}", false,
           "Transaction.Context.Add[a].Media.Stream 1.control: mode differs");
    expect("P=1{C=1{A=a{ER=430{}}}}", "P=1{C=1{A=a{ER=431{}}}}", false,
           "Reply.Context.Add[a].Error: code is 431, not 430");
}

static void one_stream_shorthand_is_stream_one(void **state)
{
    (void)state;
    expect("T=1{C=1{A=a{M{O{MO=IN}}}}}", "T=1{C=1{A=a{M{ST=1{O{MO=IN}}}}}}", true, NULL);
    expect("T=1{C=1{A=a{M{O{MO=IN}}}}}", "T=1{C=1{A=a{M{ST=2{O{MO=IN}}}}}}", false,
           "Transaction.Context.Add[a].Media: Stream 1 is missing");
}

static void sdp_compares_as_sdp(void **state)
{
    (void)state;
    expect("T=1{C=1{A=a{M{L{v=0\nc=IN IP4 $\nm=audio $ RTP/AVP 0\n}}}}}",
           "T=1{C=1{A=a{M{L{v=0\r\nc=IN IP4 $\r\nm=audio $ RTP/AVP 0\r\n}}}}}", true, NULL);
    expect("T=1{C=1{A=a{M{L{v=0\nc=IN IP4 $\nm=audio $ RTP/AVP 0\n}}}}}",
           "T=1{C=1{A=a{M{L{v=0\nc=IN IP4 $\nm=audio $ RTP/AVP 8\n}}}}}", false,
           "Transaction.Context.Add[a].Media.Stream 1: local is another session description");
    expect("T=1{C=1{A=a{M{L{}}}}}", "T=1{C=1{A=a{M{L{v=0\nc=IN IP4 $\nm=audio $ RTP/AVP 0\n}}}}}",
           false,
           "Transaction.Context.Add[a].Media.Stream 1: local is another session description");
}

/* 900 in the wanted message stands for any number; what stood there is kept. */
static bool capture(void *arg, struct sv want, struct sv got)
{
    struct sv *seen = arg;

    if (!sv_is(want, "900"))
        return sv_ieq(want, got);
    *seen = got;
    return true;
}

static bool no_octets(void *arg, struct sv want, struct sv got, char *why, size_t size)
{
    (void)arg;
    (void)want;
    (void)got;
    snprintf(why, size, "is refused by the caller");
    return false;
}

static void callbacks_see_texts_numbers_and_octets(void **state)
{
    struct sv seen = SV_NONE;
    struct h248_cmp c = {.match = capture, .arg = &seen};

    (void)state;
    assert_int_equal(compare_with("T=900{C=1{A=a}}", "T=77{C=1{A=a}}", &c), 1);
    assert_int_equal(seen.n, 2);
    assert_int_equal(compare_with("T=901{C=1{A=a}}", "T=77{C=1{A=a}}", &c), 0);
    c = (struct h248_cmp){.octets = no_octets};
    assert_int_equal(compare_with("T=1{C=1{A=a{M{L{x}}}}}", "T=1{C=1{A=a{M{L{x}}}}}", &c), 0);
    assert_string_equal(
        c.why, "Transaction.Context.Add[a].Media.Stream 1: local is refused by the caller");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_is_free_where_the_standard_frees_it),
        cmocka_unit_test(names_fold_case_and_quoted_values_do_not),
        cmocka_unit_test(more_is_allowed_unless_exact),
        cmocka_unit_test(differences_are_named),
        cmocka_unit_test(one_stream_shorthand_is_stream_one),
        cmocka_unit_test(sdp_compares_as_sdp),
        cmocka_unit_test(callbacks_see_texts_numbers_and_octets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
