#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/conf.h"

struct realm {
    char *name;
    int64_t low;
};

struct sample {
    char *mid;
    int64_t workers, offset;
    bool ice;
    struct conf_strs mgcs, hops;
    struct conf_rows realms;
};

static int check_mgc(const char *value, char *why, size_t size)
{
    if (strncmp(value, "udp:", 4) == 0)
        return 0;
    snprintf(why, size, "udp:HOST:PORT");
    return -1;
}

static const struct conf_key realm_keys[] = {
    {.name = "name", .type = CONF_STR, .offset = offsetof(struct realm, name), .help = "its name"},
    {.name = "low", .type = CONF_INT, .offset = offsetof(struct realm, low), .def = "40000",
     .min = 1024, .max = 65535, .help = "first port"},
    {0},
};

static const struct conf_key keys[] = {
    {.name = "mid", .type = CONF_STR, .offset = offsetof(struct sample, mid),
     .def = "[127.0.0.1]:2944 \"x\\", .help = "who we are"},
    {.name = "workers", .type = CONF_INT, .offset = offsetof(struct sample, workers), .def = "2",
     .min = 1, .max = 64, .help = "threads"},
    {.name = "offset", .type = CONF_INT, .offset = offsetof(struct sample, offset), .def = "-5",
     .help = "any number"},
    {.name = "ice", .type = CONF_BOOL, .offset = offsetof(struct sample, ice), .def = "true",
     .help = "whether"},
    {.name = "mgcs", .type = CONF_STRS, .offset = offsetof(struct sample, mgcs),
     .def = "[\"udp:127.0.0.1:2944\"]", .check = check_mgc, .help = "where"},
    {.name = "hops", .type = CONF_STRS, .offset = offsetof(struct sample, hops), .def = "[]", .max = CONF_OR_ONE, .help = "through"},
    {.name = "realms", .type = CONF_TABLE, .offset = offsetof(struct sample, realms),
     .def = "[{name: access}, {name: core, low: 50000}]", .row = realm_keys,
     .row_size = sizeof(struct realm), .help = "realms"},
    {0},
};

static char path[64];

static void write_file(const char *text)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void check_defaults(const struct sample *s)
{
    const struct realm *r = s->realms.v;

    assert_string_equal(s->mid, "[127.0.0.1]:2944 \"x\\");
    assert_int_equal(s->workers, 2);
    assert_int_equal(s->offset, -5);
    assert_true(s->ice);
    assert_int_equal(s->mgcs.n, 1);
    assert_string_equal(s->mgcs.v[0], "udp:127.0.0.1:2944");
    assert_int_equal(s->realms.n, 2);
    assert_string_equal(r[0].name, "access");
    assert_int_equal(r[0].low, 40000);
    assert_string_equal(r[1].name, "core");
    assert_int_equal(r[1].low, 50000);
}

static void test_defaults(void **state)
{
    struct sample s = {0};
    char err[200];

    (void)state;
    assert_int_equal(conf_load(keys, NULL, &s, err, sizeof err), 0);
    check_defaults(&s);
    conf_free(keys, &s);
    assert_null(s.mid);
    write_file("# nothing but a comment\n");
    assert_int_equal(conf_load(keys, path, &s, err, sizeof err), 0);
    check_defaults(&s);
    conf_free(keys, &s);
}

static void test_file(void **state)
{
    struct sample s = {0};
    const struct realm *r;
    char err[200];

    (void)state;
    write_file("mid: gw.example\nworkers: 64\nice: no\nmgcs: []\nhops: sip:one\nrealms:\n  - name: one\n"
               "  - {low: 1024, name: two}\n");
    assert_int_equal(conf_load(keys, path, &s, err, sizeof err), 0);
    assert_string_equal(s.mid, "gw.example");
    assert_int_equal(s.workers, 64);
    assert_false(s.ice);
    assert_int_equal(s.mgcs.n, 0); /* an empty list is said, not left out */
    assert_int_equal(s.hops.n, 1); /* one needs no brackets */
    assert_string_equal(s.hops.v[0], "sip:one");
    assert_int_equal(s.realms.n, 2);
    r = s.realms.v;
    assert_int_equal(r[0].low, 40000);
    assert_int_equal(r[1].low, 1024);
    conf_free(keys, &s);
}

static void test_mistakes(void **state)
{
    static const struct {
        const char *text, *want; /* want: what stands behind the file's name */
    } rows[] = {
        {"mid: a\nworker: 3\n", ":2: worker: unknown key; write workers, or see --help-conf"},
        {"mid: a\n\nworkers: 65\n",
         ":3: workers: not a number in range; write one from 1 to 64"},
        {"workers: 0x10\n", ":1: workers: not a number in range; write one from 1 to 64"},
        {"workers: [2]\n", ":1: workers: not a number in range; write one from 1 to 64"},
        {"offset: many\n", ":1: offset: not a number; write a decimal number"},
        {"ice: maybe\n", ":1: ice: not a truth value; write true or false"},
        {"mid: a\nmid: b\n", ":2: mid: stands here twice; write it once"},
        {"mid: [a]\n", ":1: mid: not a text; write one value behind the colon"},
        {"mgcs: udp:1.2.3.4:5\n", ":1: mgcs: not a list; write [first, second]"},
        {"mgcs:\n  - udp:1.2.3.4:5\n  - tcp:x\n",
         ":3: mgcs: \"tcp:x\" does not do; write udp:HOST:PORT"},
        {"realms:\n  - name: a\n  - nam: b\n",
         ":3: nam: unknown key; write name, or see --help-conf"},
        {"realms:\n  - name: a\n    low: 80\n",
         ":3: low: not a number in range; write one from 1024 to 65535"},
        {"realms:\n  - a\n", ":2: realms: a row that is no mapping; write \"- name: ...\""},
        {"realms: 3\n", ":1: realms: not a list of rows; write a line \"- name: ...\""},
        {"- a\n", ":1: YAML: not a mapping; write KEY: VALUE lines"},
        {"mid: a\n---\nmid: b\n", ":3: YAML: a second document; write one"},
        {"[a]: b\n", ":1: YAML: a key that is no word; write KEY: VALUE"},
    };
    char err[300], want[300];

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        struct sample s = {0};

        write_file(rows[i].text);
        assert_int_equal(conf_load(keys, path, &s, err, sizeof err), -EINVAL);
        snprintf(want, sizeof want, "%s%s", path, rows[i].want);
        assert_string_equal(err, want);
        assert_null(s.mid);
    }
}

static void test_syntax_and_missing_file(void **state)
{
    struct sample s = {0};
    char err[300];

    (void)state;
    write_file("mid: a\n\tworkers: 3\n");
    assert_int_equal(conf_load(keys, path, &s, err, sizeof err), -EINVAL);
    assert_non_null(strstr(err, ":2: YAML: "));
    assert_int_equal(conf_load(keys, "/no/such/file", &s, err, sizeof err), -ENOENT);
    assert_non_null(strstr(err, "/no/such/file: No such file"));
}

/* The help is a file that says the defaults. */
static void test_help_loads(void **state)
{
    static char text[4096];
    struct buf out = buf_over(text, sizeof text - 1);
    struct sample s = {0};
    char err[300];

    (void)state;
    conf_help(keys, &out);
    assert_int_equal(buf_err(&out), 0);
    assert_non_null(strstr(text, "# threads (1 to 64)\nworkers: 2\n"));
    assert_non_null(strstr(text, "#   low: first port (1024 to 65535); default 40000\n"));
    write_file(text);
    assert_int_equal(conf_load(keys, path, &s, err, sizeof err), 0);
    check_defaults(&s);
    conf_free(keys, &s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_file),
        cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_syntax_and_missing_file),
        cmocka_unit_test(test_help_loads),
    };
    int fd, failed;

    snprintf(path, sizeof path, P_tmpdir "/openiq-conf-XXXXXX");
    fd = mkstemp(path);
    if (fd < 0)
        return 1;
    close(fd);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    return failed;
}
