/* h248/h248_json and h248/schema: every message of tests/data/h248 goes to JSON and back; bad trees
 * are refused. */
#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "h248/h248_json.h"

#define DATA "tests/data/h248"

static char first[2 * H248_MSG_MAX], second[2 * H248_MSG_MAX];

static struct h248_msg *decoded(struct arena *a, struct sv text)
{
    struct h248_fault f;
    struct h248_msg *m = NULL;

    if (h248_decode(a, text, &m, &f))
        fail_msg("%u:%u: %s\n%.*s", f.line, f.column, f.why, SV_ARG(text));
    return m;
}

static void round_trip(const char *what, struct sv text)
{
    struct arena *a = arena_new(4 * H248_ARENA_MAX);
    struct h248_msg *m = decoded(a, text), *again = NULL;
    json_t *tree = h248_to_json(m), *second_tree;
    char *dump = json_dumps(tree, 0), err[200] = "";
    struct buf b1 = buf_over(first, sizeof(first)), b2 = buf_over(second, sizeof(second));
    json_t *loaded = json_loads(dump, 0, NULL);
    struct h248_cmp c = {.exact = true};

    if (h248_from_json(a, loaded, &again, err, sizeof(err)))
        fail_msg("%s: %s\n%s", what, err, dump);
    if (!h248_compare(m, again, &c))
        fail_msg("%s: %s\n%s", what, c.why, dump);
    assert_int_equal(h248_encode(m, H248_PRETTY, &b1), 0);
    assert_int_equal(h248_encode(again, H248_PRETTY, &b2), 0);
    assert_int_equal(b1.len, b2.len);
    assert_memory_equal(first, second, b1.len);
    second_tree = h248_to_json(again);
    assert_true(json_equal(tree, second_tree));
    free(dump);
    json_decref(loaded);
    json_decref(second_tree);
    json_decref(tree);
    arena_free(a);
}

static void every_message_goes_to_json_and_back(void **state)
{
    static char text[H248_MSG_MAX];
    struct dirent *e;
    DIR *dir = opendir(DATA);
    char path[400];
    unsigned n = 0;

    (void)state;
    assert_non_null(dir);
    while ((e = readdir(dir))) {
        FILE *f;

        if (!strstr(e->d_name, ".txt"))
            continue;
        snprintf(path, sizeof(path), DATA "/%s", e->d_name);
        f = fopen(path, "rb");
        assert_non_null(f);
        round_trip(path, (struct sv){text, fread(text, 1, sizeof(text), f)});
        fclose(f);
        n++;
    }
    closedir(dir);
    assert_in_range(n, 40, 1000);
}

static void octets_that_are_no_utf8_survive(void **state)
{
    (void)state;
    round_trip("raw octets", SV("!/1 a T=1{C=1{A=b{M{L{\xff\x01\xfe\x80},R{}}}}}"));
    round_trip("empty value", SV("!/1 a T=1{C=1{A=b{M{O{p/a=\"\"}}}}}"));
    round_trip("numbers",
               SV("!/3 a T=4294967295{C=${MF=b{E=*{a/b{ST=0}}}},C=-{MF=b},C=*{MF=c}} K{9-1}"));
}

static void names_in_json_are_those_of_the_header(void **state)
{
    struct arena *a = arena_new(H248_ARENA_MAX);
    json_t *tree =
        h248_to_json(decoded(a, SV("!/2 <a.b>:9 T=7{C=${A=ip/$/core/${M{ST=2{O{MO=IN}}}}}}")));
    json_t *want = json_loads("{\"version\":2,\"mid\":{\"kind\":\"domain\",\"name\":\"a.b\","
                              "\"port\":9},\"transactions\":[{"
                              "\"kind\":\"Transaction\",\"tid\":7,\"actions\":[{\"context\":\"$\","
                              "\"commands\":[{\"verb\":\"Add\",\"terms\":["
                              "{\"text\":\"ip/$/core/"
                              "$\"}],\"descs\":[{\"kind\":\"Media\",\"streams\":[{\"id\":2,"
                              "\"control\":{\"mode\":\"Inactive\"}}]}]}]}]}]}",
                              0, NULL);

    (void)state;
    assert_non_null(want);
    assert_true(json_equal(tree, want));
    json_decref(want);
    json_decref(tree);
    arena_free(a);
}

static void bad_trees_are_refused(void **state)
{
    static const struct { const char *json, *err;
    } cases[] = {
        {"[]", "msg: an object is required"},
        {"{\"version\":\"2\"}", "version: no number, or out of range"},
        {"{\"version\":-1}", "version: no number, or out of range"},
        {"{\"foo\":1}", "foo: no such member here"},
        {"{\"mid\":5}", "mid: an object is required"},
        {"{\"mid\":{\"kind\":\"ip5\"}}", "kind: no such name"},
        {"{\"transactions\":5}", "transactions: an array is required"},
        {"{\"transactions\":[5]}", "txn: an object is required"},
        {"{\"transactions\":[{\"kind\":\"Reply\",\"imm_ack\":1}]}",
         "imm_ack: true or false is required"},
        {"{\"mid\":{\"kind\":\"ip4\",\"port\":65536}}", "port: no number, or out of range"},
        {"{\"mid\":{\"kind\":\"ip4\",\"name\":{\"hex\":\"0g\"}}}", "name: no hex digits"},
        {"{\"mid\":{\"kind\":\"ip4\",\"name\":7}}", "name: a string or {\"hex\": ...} is required"},
        {"{\"transactions\":[{\"kind\":\"Transaction\",\"actions\":[{\"commands\":[{\"verb\":"
         "\"Add\",\"descs\":[{\"streams\":[]}]}]}]}]}",
         "kind: is missing"},
        {"{\"transactions\":[{\"kind\":\"Transaction\",\"actions\":[{\"commands\":[{\"verb\":"
         "\"Add\",\"descs\":[{\"kind\":\"Media\","
         "\"items\":[]}]}]}]}]}",
         "items: no such member here"},
    };
    unsigned i;

    (void)state;
    for (i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *a = arena_new(H248_ARENA_MAX);
        struct h248_msg *m = NULL;
        char err[200] = "";
        json_t *tree = json_loads(cases[i].json, 0, NULL);

        assert_non_null(tree);
        assert_int_equal(h248_from_json(a, tree, &m, err, sizeof(err)), -EINVAL);
        assert_string_equal(err, cases[i].err);
        assert_null(m);
        json_decref(tree);
        arena_free(a);
    }
}

static void deep_trees_end(void **state)
{
    struct arena *a = arena_new(H248_ARENA_MAX);
    json_t *tree = json_pack("{s:s}", "name", "a/b"), *next;
    struct h248_msg *m = NULL;
    char err[200] = "";
    unsigned i;

    (void)state;
    for (i = 0; i < 500;
         i++) { /* signal lists nest without end in the schema, not in the grammar */
        next = json_pack("{s:b,s:[o]}", "is_list", 1, "list", tree);
        tree = next;
    }
    tree = json_pack("{s:[{s:s,s:[{s:[{s:s,s:[{s:s,s:[o]}]}]}]}]}", "transactions", "kind",
                     "Transaction", "actions", "commands", "verb", "Add", "descs", "kind",
                     "Signals", "signals", tree);
    assert_non_null(tree);
    assert_int_equal(h248_from_json(a, tree, &m, err, sizeof(err)), -EINVAL);
    assert_string_equal(err, "signal: nested too deep");
    json_decref(tree);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_goes_to_json_and_back),
        cmocka_unit_test(octets_that_are_no_utf8_survive),
        cmocka_unit_test(names_in_json_are_those_of_the_header),
        cmocka_unit_test(bad_trees_are_refused),
        cmocka_unit_test(deep_trees_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
