/* h248/tok, h248/lex, h248/mid: words, lexical items, message identifiers. */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdio.h>
#include <cmocka.h>

#include "h248/h248.h"
#include "h248/lex.h"
#include "h248/tok.h"

static void every_token_is_found_in_both_forms_and_any_case(void **state)
{
    char folded[40];
    unsigned t, form, i;

    (void)state;
    for (t = 1; t < TOK_N; t++) {
        for (form = 0; form < 2; form++) {
            struct sv w = form ? tok_short(t) : tok_long(t);

            assert_int_equal(tok_find(w), t);
            for (i = 0; i < w.n; i++)
                folded[i] = (w.p[i] >= 'a' && w.p[i] <= 'z') ? (char)(w.p[i] - 32)
                          : (w.p[i] >= 'A' && w.p[i] <= 'Z') ? (char)(w.p[i] + 32) : w.p[i];
            assert_int_equal(tok_find((struct sv){folded, w.n}), t);
        }
        assert_in_range(tok_version(t), 1, 3);
    }
}

static void other_words_are_no_tokens(void **state)
{
    static const char *const words[] = {"",
                                        "Adx",
                                        "Addd",
                                        "Q",
                                        "0",
                                        "-",
                                        "$",
                                        "@dd",
                                        "Signal",
                                        "\x01",
                                        "`",
                                        "[",
                                        "V22c",
                                        "ip/1",
                                        "M\xc5"
                                        "dia",
                                        "[DD"};
    unsigned i;

    (void)state;
    for (i = 0; i < ARRAY_LEN(words); i++)
        if (tok_find(sv_from(words[i])))
            fail_msg("%s", words[i]);
    assert_int_equal(tok_find(SV("EmergencyOffToken")), TOK_EMERGENCY_OFF);
    assert_int_equal(tok_find(SV("iterationtoken")), TOK_ITERATION);
}

static void safe_and_rest_are_those_of_the_grammar(void **state)
{
    static const char safe[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-&!_/'?@^`~*$\\()%|.";
    static const char rest[] = ";[]{}:,#<>=";
    int c;

    (void)state;
    for (c = 1; c < 256; c++) {
        assert_int_equal(lex_is((char)c, LEX_SAFE), strchr(safe, c) != NULL);
        assert_int_equal(lex_is((char)c, LEX_REST), strchr(rest, c) != NULL);
    }
    assert_false(lex_is(0, 0xff));
}

static struct sv repeat(char c, size_t n)
{
    static char text[200];

    memset(text, c, sizeof(text));
    return (struct sv){text, n};
}

static void names_and_items(void **state)
{
    (void)state;
    assert_true(lex_is_name(SV("a")));
    assert_true(lex_is_name(SV("Ab_9")));
    assert_true(lex_is_name(repeat('a', 64)));
    assert_false(lex_is_name(repeat('a', 65)));
    assert_false(lex_is_name(SV("")));
    assert_false(lex_is_name(SV("9a")));
    assert_false(lex_is_name(SV("_a")));
    assert_false(lex_is_name(SV("a-b")));
    assert_true(lex_is_item(SV("nt/dur"), false));
    assert_false(lex_is_item(SV("nt/*"), false));
    assert_true(lex_is_item(SV("nt/*"), true));
    assert_true(lex_is_item(SV("*/*"), true));
    assert_false(lex_is_item(SV("*/dur"), true));
    assert_false(lex_is_item(SV("nt"), true));
    assert_false(lex_is_item(SV("nt/"), true));
    assert_false(lex_is_item(SV("/dur"), true));
    assert_false(lex_is_item(SV("nt/dur/x"), true));
    assert_true(lex_is_extension(SV("X-ab1")));
    assert_true(lex_is_extension(SV("x+123456")));
    assert_false(lex_is_extension(SV("X-")));
    assert_false(lex_is_extension(SV("X-1234567")));
    assert_false(lex_is_extension(SV("Xabc")));
}

static void termination_ids(void **state)
{
    static const char *const good[] = {"ROOT",        "$",     "*",     "ip/1/core/7",
                                       "ip/$/core/$", "ip/*",  "*ip/1", "a@gw.example",
                                       "a@*.x",       "a/b_c9"};
    static const char *const bad[] = {"",    "1",  "/a",   "$/a",   "*/3",   "**",
                                      "a-b", "a@", "a@-x", "a@b@c", "a@b/c", "a.b"};
    unsigned i;

    (void)state;
    for (i = 0; i < ARRAY_LEN(good); i++)
        assert_true(lex_is_termid(sv_from(good[i])));
    for (i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(lex_is_termid(sv_from(bad[i])));
    assert_true(lex_is_termid(repeat('a', 64)));
    assert_false(lex_is_termid(repeat('a', 65)));
}

static void numbers_and_stamps(void **state)
{
    uint32_t v = 0;

    (void)state;
    assert_int_equal(lex_uint(SV("4294967295"), 10, UINT32_MAX, &v), 0);
    assert_int_equal(v, UINT32_MAX);
    assert_int_equal(lex_uint(SV("4294967296"), 10, UINT32_MAX, &v), -ERANGE);
    assert_int_equal(lex_uint(SV("65535"), 5, 65535, &v), 0);
    assert_int_equal(lex_uint(SV("65536"), 5, 65535, &v), -ERANGE);
    assert_int_equal(lex_uint(SV("00007"), 5, 65535, &v), 0);
    assert_int_equal(v, 7);
    assert_int_equal(lex_uint(SV("000007"), 5, 65535, &v), -ERANGE);
    assert_int_equal(lex_uint(SV(""), 5, 65535, &v), -EINVAL);
    assert_int_equal(lex_uint(SV("-1"), 5, 65535, &v), -EINVAL);
    assert_int_equal(lex_uint(SV("1a"), 5, 65535, &v), -EINVAL);
    assert_true(lex_is_stamp(SV("20260101T12000000")));
    assert_true(lex_is_stamp(SV("20260101t12000000")));
    assert_false(lex_is_stamp(SV("20260101T1200000")));
    assert_false(lex_is_stamp(SV("20260101T1200000x")));
    assert_false(lex_is_stamp(SV("20260101-12000000")));
}

static void digit_maps(void **state)
{
    static const char *const good[] = {
        "x.",      "(x.|12)", "T:10,S:5,L:20,Z:50,(0S|[1-7]xxx|FxZ)", "( 1 | [ 1-3 ] x )", "T:1,x",
        "(A|b|K)", "[1-35A]."};
    static const char *const bad[] = {"",      "()",        "(",     "(1",   "1)",
                                      "(1|)",  "[1-",       "[a-c]", "T:,x", "T:100,x",
                                      "T:1 x", "S:1,T:1,x", "*",     "1|2",  "m",     "x;x"};
    char text[64];
    unsigned i;

    (void)state;
    for (i = 0; i < ARRAY_LEN(good) + ARRAY_LEN(bad); i++) {
        bool is_good = i < ARRAY_LEN(good);

        snprintf(text, sizeof(text), "%s}", is_good ? good[i] : bad[i - ARRAY_LEN(good)]);
        if (lex_is_digitmap((struct sv){text, strlen(text) - 1}) != is_good)
            fail_msg("%s", text);
    }
}

static void lines_and_columns(void **state)
{
    static const char text[] = "a\nb\r\nc\rd";
    struct lex l = {text, text, text + sizeof(text) - 1};
    static const struct {
        unsigned at, line, column;
    } want[] = {{0, 1, 1}, {1, 1, 2}, {2, 2, 1}, {4, 2, 3}, {5, 3, 1}, {7, 4, 1}};
    unsigned i, line, column;

    (void)state;
    for (i = 0; i < ARRAY_LEN(want); i++) {
        lex_where(&l, text + want[i].at, &line, &column);
        assert_int_equal(line, want[i].line);
        assert_int_equal(column, want[i].column);
    }
}

static void white_space_takes_comments(void **state)
{
    static const char text[] = " \t; a \"comment\" {}\r\n;another\rx ;open";
    struct lex l = {text, text, text + sizeof(text) - 1};

    (void)state;
    lex_ws(&l);
    assert_int_equal(*l.p, 'x');
    l.p++;
    lex_ws(&l);
    assert_int_equal(*l.p, ';'); /* it does not end with its line */
}

static void identifiers_parse_and_print(void **state)
{
    static const struct { const char *text; enum h248_mid_kind kind; bool port;
    } good[] = {
        {"[192.0.2.1]", H248_MID_IP4, false},
        {"[192.0.2.1]:2944", H248_MID_IP4, true},
        {"[001.2.3.4]", H248_MID_IP4, false},
        {"[2001:db8::1]:2944", H248_MID_IP6, true},
        {"[::ffff:1.2.3.4]", H248_MID_IP6, false},
        {"<alg1.example.net>:2944", H248_MID_DOMAIN, true},
        {"<9>", H248_MID_DOMAIN, false},
        {"agw1", H248_MID_DEVICE, false},
        {"mg/slot3", H248_MID_DEVICE, false},
        {"MTP{00FF}", H248_MID_MTP, false},
    };
    static const char *const bad[] = {"",
                                      "[",
                                      "[]",
                                      "[1.2.3]",
                                      "[1.2.3.256]",
                                      "[1.2.3.4.5]",
                                      "[1.2.3.4",
                                      "[1.2.3.4]:",
                                      "[1.2.3.4]:x",
                                      "[1.2.3.4]:65536",
                                      "[2001:db8::1%eth0]",
                                      "<>",
                                      "<-a>",
                                      "<a_b>",
                                      "<a",
                                      "a b",
                                      "MTP{1}",
                                      "MTP{00FG}",
                                      "MTP{123456789}",
                                      " agw1",
                                      "[1.2.3.4] ",
                                      "9gw",
                                      "[1.2.3.4]:29440000"};
    struct arena *a = arena_new(1u << 16);
    struct h248_mid mid;
    char text[100];
    unsigned i;

    (void)state;
    for (i = 0; i < ARRAY_LEN(good); i++) {
        struct buf b = buf_over(text, sizeof(text));

        assert_int_equal(h248_mid_parse(a, sv_from(good[i].text), &mid), 0);
        assert_int_equal(mid.kind, good[i].kind);
        assert_int_equal(mid.has_port, good[i].port);
        assert_int_equal(h248_mid_print(&mid, &b), 0);
        assert_true(sv_is(buf_sv(&b), good[i].text));
    }
    for (i = 0; i < ARRAY_LEN(bad); i++)
        if (h248_mid_parse(a, sv_from(bad[i]), &mid) != -EINVAL)
            fail_msg("%s", bad[i]);
    arena_free(a);
}

static bool same_mid(const char *x, const char *y)
{
    struct arena *a = arena_new(1u << 16);
    struct h248_mid mx, my;
    bool same;

    assert_int_equal(h248_mid_parse(a, sv_from(x), &mx), 0);
    assert_int_equal(h248_mid_parse(a, sv_from(y), &my), 0);
    same = h248_mid_equal(&mx, &my);
    arena_free(a);
    return same;
}

static void identifiers_compare_decoded(void **state)
{
    (void)state;
    assert_true(same_mid("<ALG1.example.net>:2944", "<alg1.Example.net>"));
    assert_false(same_mid("<a>:1", "<a>:2"));
    assert_true(same_mid("[192.000.2.1]", "[192.0.2.1]"));
    assert_true(same_mid("[2001:db8:0:0::1]", "[2001:DB8::1]"));
    assert_false(same_mid("[2001:db8::2]", "[2001:db8::1]"));
    assert_false(same_mid("<agw1>", "agw1"));
    assert_true(same_mid("MTP{00ff}", "MTP{00FF}"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_token_is_found_in_both_forms_and_any_case),
        cmocka_unit_test(other_words_are_no_tokens),
        cmocka_unit_test(safe_and_rest_are_those_of_the_grammar),
        cmocka_unit_test(names_and_items),
        cmocka_unit_test(termination_ids),
        cmocka_unit_test(numbers_and_stamps),
        cmocka_unit_test(digit_maps),
        cmocka_unit_test(lines_and_columns),
        cmocka_unit_test(white_space_takes_comments),
        cmocka_unit_test(identifiers_parse_and_print),
        cmocka_unit_test(identifiers_compare_decoded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
