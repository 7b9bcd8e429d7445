/* The package tables: what holds for every row, and values in and out (h248/pkg.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <utlist.h>

#include "h248/pkg.h"

static void test_names_are_unique(void **state)
{
    const struct pkg *p, *q;

    (void)state;
    for (unsigned i = 0; (p = pkg_at(i)); i++) {
        assert_ptr_equal(pkg_find(sv_from(p->name)), p);
        assert_in_range(p->version, 1, 99);
        for (unsigned k = i + 1; (q = pkg_at(k)); k++) {
            assert_false(sv_ieq(sv_from(p->name), sv_from(q->name)));
            assert_int_not_equal(p->id, q->id);
        }
        for (unsigned k = 0; k < p->n_items; k++) {
            for (unsigned l = k + 1; l < p->n_items; l++) {
                if (p->items[k].kind == p->items[l].kind)
                    assert_false(sv_ieq(sv_from(p->items[k].name), sv_from(p->items[l].name)));
            }
        }
    }
}

/* The mandatory packages of TS 29.334 5.14.1 and those of the data channel flow, with the ids of the IANA registry. */
static void test_profile_packages_are_there(void **state)
{
    static const struct {
        const char *name;
        unsigned id;
    } want[] = {
        {"g", 0x0001}, {"root", 0x0002}, {"ipnapt", 0x0099}, {"gm", 0x008c}, {"tman", 0x008d}, {"ipdc", 0x009d},
        {"hangterm", 0x0098}, {"ds", 0x008b}, {"rtcph", 0x00b5}, {"it", 0x0045}, {"adid", 0x009c}, {"mgroup", 0x011f},
        {"sctpbcc", 0x0121}, {"sctpreset", 0x0122}, {"tlsbsc", 0x0117}, {"tcpbcc", 0x0115}, {"seplink", 0x011b},
        {"mgastuns", 0x00c2}, {"ostuncc", 0x00c3}, {"stnconfres", 0x0120},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        const struct pkg *p = pkg_find(sv_from(want[i].name));

        assert_non_null(p);
        assert_int_equal(p->id, want[i].id);
    }
}

static size_t size_of(const struct pkg_def *d)
{
    switch (d->type) {
    case PKG_FLAG: return sizeof(bool);
    case PKG_BOOL: return sizeof(struct iq_bool);
    case PKG_FIXED: return sizeof(struct iq_int);
    case PKG_INT: return d->list ? sizeof(struct iq_ids) : sizeof(struct iq_int);
    case PKG_STR: return d->list ? sizeof(struct iq_texts) : sizeof(struct iq_text);
    case PKG_ENUM: return sizeof(struct iq_text);
    case PKG_CHOICE: return sizeof(enum iq_latch);
    }
    return 0;
}

struct claim { /* bytes of a structure that a row writes to */
    const char *name;
    enum pkg_scope scope;
    size_t from, to;
};

static void claim(struct claim *all, unsigned *n, const char *name, const struct pkg_def *d, struct pkg_field f)
{
    struct claim c = {name, f.scope, f.offset, f.offset + size_of(d)};

    if (f.scope == PKG_UNBOUND || f.scope == PKG_OF_OBSERVED)
        return;
    for (unsigned i = 0; i < *n; i++) {
        if (all[i].scope == c.scope && all[i].from < c.to && c.from < all[i].to)
            fail_msg("%s and %s share a field", all[i].name, c.name);
    }
    all[(*n)++] = c;
}

static void test_rows_do_not_share_fields(void **state)
{
    struct claim all[256];
    const struct pkg *p;
    unsigned n = 0;

    (void)state;
    for (unsigned i = 0; (p = pkg_at(i)); i++) {
        for (unsigned k = 0; k < p->n_items; k++) {
            const struct pkg_item *it = &p->items[k];

            claim(all, &n, it->name, &it->def, it->field);
            for (unsigned m = 0; m < it->n_params; m++)
                claim(all, &n, it->params[m].name, &it->params[m].def, it->params[m].field);
        }
    }
    assert_true(n > 30);
}

static void test_rows_are_sane(void **state)
{
    const struct pkg *p;

    (void)state;
    for (unsigned i = 0; (p = pkg_at(i)); i++) {
        for (unsigned k = 0; k < p->n_items; k++) {
            const struct pkg_item *it = &p->items[k];

            assert_true(it->def.min <= it->def.max);
            if (it->def.type == PKG_ENUM || it->def.type == PKG_CHOICE)
                assert_non_null(it->def.values);
            if (it->kind == PKG_PROPERTY) {
                assert_true(it->where & (PKG_IN_STATE | PKG_IN_CONTROL));
                assert_int_not_equal(it->def.type, PKG_FLAG);
                assert_int_not_equal(it->field.scope, PKG_UNBOUND);
            }
            if (it->select)
                assert_non_null(pkg_param_find(it, sv_from(it->select)));
            if (pkg_scope_of(it) == PKG_OF_STREAM && it->kind != PKG_PROPERTY)
                assert_true(it->where & (PKG_ON_BEARER | PKG_ON_CHANNEL));
        }
    }
}

static void test_lookup_codes(void **state)
{
    const struct pkg_item *it = NULL;
    const struct pkg *p = NULL;

    (void)state;
    assert_int_equal(pkg_lookup(SV("IPDC/Realm"), PKG_PROPERTY, &p, &it), 0);
    assert_string_equal(it->name, "realm");
    assert_int_equal(pkg_lookup(SV("nosuch/realm"), PKG_PROPERTY, &p, &it), 440);
    assert_int_equal(pkg_lookup(SV("realm"), PKG_PROPERTY, &p, &it), 440);
    assert_int_equal(pkg_lookup(SV("ipdc/nosuch"), PKG_PROPERTY, &p, &it), 450);
    assert_int_equal(pkg_lookup(SV("ipdc/"), PKG_PROPERTY, &p, &it), 450);
    assert_int_equal(pkg_lookup(SV("ipdc/realm"), PKG_EVENT, &p, &it), 451);
    assert_int_equal(pkg_lookup(SV("ipdc/realm"), PKG_SIGNAL, &p, &it), 452);
    assert_int_equal(pkg_lookup(SV("ipdc/realm"), PKG_STATISTIC, &p, &it), 453);
}

/* One value of the given type, read. */
static int read_one(struct arena *a, const struct pkg_def *def, const char *text, bool quoted, void *field)
{
    struct h248_value v = {.text = sv_from(text), .quoted = quoted};
    struct h248_parm p = {.name = SV("x/y"), .rel = H248_REL_EQ, .values = &v};

    v.prev = &v;
    return pkg_read(a, def, &p, field);
}

static void test_integers(void **state)
{
    static const struct pkg_def def = {PKG_INT, .min = -5, .max = 0x1000};
    static const struct {
        const char *text;
        int rc;
        int64_t v;
    } rows[] = {
        {"0", 0, 0}, {"4096", 0, 4096}, {"4097", -EBADMSG, 0}, {"-5", 0, -5}, {"-6", -EBADMSG, 0}, {"0x10", 0, 16},
        {"0X1f", 0, 31}, {"0x", -EBADMSG, 0}, {"0xg", -EBADMSG, 0}, {"", -EBADMSG, 0}, {"-", -EBADMSG, 0},
        {"1 ", -EBADMSG, 0}, {"$", -EBADMSG, 0}, {"18446744073709551615", -EBADMSG, 0},
        {"9223372036854775808", -EBADMSG, 0}, {"--5", -EBADMSG, 0}, {"0x7fffffffffffffffffff", -EBADMSG, 0},
    };
    struct arena *a = arena_new(4096);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct iq_int f = {false, 77};

        assert_int_equal(read_one(a, &def, rows[i].text, false, &f), rows[i].rc);
        assert_int_equal(f.set, rows[i].rc == 0);
        assert_int_equal(f.v, rows[i].rc ? 77 : rows[i].v); /* written only on success */
    }
    arena_free(a);
}

static void test_two_decimals(void **state)
{
    static const struct pkg_def def = {PKG_FIXED, .max = 10000};
    static const struct {
        const char *text;
        int rc;
        int64_t v;
        const char *written;
    } rows[] = {
        {"0", 0, 0, "0"}, {"4.21", 0, 421, "4.21"}, {"4.2", 0, 420, "4.20"}, {"0.05", 0, 5, "0.05"}, {"100", 0, 10000, "100"},
        {"4.219", 0, 421, "4.21"}, {"100.01", -EBADMSG, 0, ""}, {"4.", -EBADMSG, 0, ""}, {".5", -EBADMSG, 0, ""},
        {"-1", -EBADMSG, 0, ""}, {"1.x", -EBADMSG, 0, ""}, {"92233720368547758070", -EBADMSG, 0, ""},
    };
    struct arena *a = arena_new(65536);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct iq_int f = {false, 77};
        struct h248_parm *list = NULL;

        assert_int_equal(read_one(a, &def, rows[i].text, false, &f), rows[i].rc);
        assert_int_equal(f.v, rows[i].rc ? 77 : rows[i].v);
        if (rows[i].rc)
            continue;
        assert_int_equal(pkg_write(a, &def, &f, "x/y", &list), 0);
        assert_true(sv_is(list->values->text, rows[i].written));
    }
    assert_int_equal(pkg_write(a, &def, &(struct iq_int){true, 10001}, "x/y", &(struct h248_parm *){NULL}), -EINVAL);
    arena_free(a);
}

static void test_other_types(void **state)
{
    static const char *const words[] = {"Mark", "Copy", NULL};
    static const struct pkg_def flag = {.type = PKG_BOOL}, word = {PKG_ENUM, .values = words},
                                choice = {PKG_CHOICE, .values = words}, str = {PKG_STR, .min = 1, .max = 4};
    struct arena *a = arena_new(4096);
    struct iq_bool b = {0};
    struct iq_text t = {0};
    int n = 0;

    (void)state;
    assert_int_equal(read_one(a, &flag, "on", false, &b), 0);
    assert_true(b.set && b.v);
    assert_int_equal(read_one(a, &flag, "FALSE", false, &b), 0);
    assert_true(b.set && !b.v);
    assert_int_equal(read_one(a, &flag, "maybe", false, &b), -EBADMSG);
    assert_int_equal(read_one(a, &word, "copy", false, &t), 0);
    assert_true(sv_is(t.v, "Copy")); /* as the table spells it */
    assert_int_equal(read_one(a, &word, "none", false, &t), -EBADMSG);
    assert_int_equal(read_one(a, &choice, "COPY", false, &n), 0);
    assert_int_equal(n, 2);
    assert_int_equal(read_one(a, &str, "abcd", true, &t), 0);
    assert_int_equal(read_one(a, &str, "abcde", true, &t), -EBADMSG);
    assert_int_equal(read_one(a, &str, "", true, &t), -EBADMSG);
    assert_int_equal(read_one(a, &str, "$", false, &t), -EBADMSG);
    assert_int_equal(read_one(a, &str, "$", true, &t), 0);
    arena_free(a);
}

static void test_relations(void **state)
{
    static const struct pkg_def one = {PKG_INT, .max = 9}, list = {PKG_INT, .list = true, .max = 9};
    struct h248_value v[IQ_LIST_MAX + 1] = {0}, *head = NULL;
    struct h248_parm p = {.name = SV("x/y"), .rel = H248_REL_AND};
    struct arena *a = arena_new(4096);
    struct iq_ids ids = {0};
    struct iq_int n = {0};

    (void)state;
    assert_int_equal(pkg_read(a, &one, &p, &n), -EBADMSG); /* no value at all */
    for (size_t i = 0; i < ARRAY_LEN(v); i++) {
        v[i].text = SV("3");
        DL_APPEND(head, &v[i]);
        p.values = head;
        assert_int_equal(pkg_read(a, &list, &p, &ids), i < IQ_LIST_MAX ? 0 : -EBADMSG);
    }
    assert_int_equal(ids.n, IQ_LIST_MAX);
    p.rel = H248_REL_OR;
    assert_int_equal(pkg_read(a, &list, &p, &ids), -EBADMSG);
    assert_int_equal(pkg_read(a, &one, &p, &n), -EBADMSG); /* alternatives */
    p.values = NULL;
    DL_APPEND(p.values, &v[0]);
    v[0].next = NULL;
    assert_int_equal(pkg_read(a, &one, &p, &n), 0);
    p.rel = H248_REL_GT;
    assert_int_equal(pkg_read(a, &one, &p, &n), -EBADMSG);
    p.rel = H248_REL_EQ;
    assert_int_equal(pkg_read(a, &list, &p, &ids), 0);
    assert_int_equal(ids.n, 1);
    arena_free(a);
}

static void test_write_refuses_what_it_could_not_read(void **state)
{
    static const char *const words[] = {"Mark", NULL};
    static const struct pkg_def num = {PKG_INT, .max = 9}, str = {PKG_STR, .max = 9}, ids = {PKG_INT, .list = true, .max = 9},
                                word = {PKG_ENUM, .values = words}, choice = {PKG_CHOICE, .values = words};
    struct arena *a = arena_new(65536);
    struct h248_parm *list = NULL;
    int two = 2;

    (void)state;
    assert_int_equal(pkg_write(a, &num, &(struct iq_int){true, 9}, "x/y", &list), 0);
    assert_int_equal(pkg_write(a, &num, &(struct iq_int){true, 10}, "x/y", &list), -EINVAL);
    assert_int_equal(pkg_write(a, &str, &(struct iq_text){true, SV("a\"b")}, "x/y", &list), -EINVAL);
    assert_int_equal(pkg_write(a, &str, &(struct iq_text){true, SV("a\nb")}, "x/y", &list), -EINVAL);
    assert_int_equal(pkg_write(a, &ids, &(struct iq_ids){.set = true}, "x/y", &list), -EINVAL);
    assert_int_equal(pkg_write(a, &ids, &(struct iq_ids){.set = true, .n = 1, .v = {10}}, "x/y", &list), -EINVAL);
    assert_int_equal(pkg_write(a, &word, &(struct iq_text){true, SV("Copy")}, "x/y", &list), -EINVAL);
    assert_int_equal(pkg_write(a, &choice, &two, "x/y", &list), -EINVAL);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_are_unique),
        cmocka_unit_test(test_profile_packages_are_there),
        cmocka_unit_test(test_rows_do_not_share_fields),
        cmocka_unit_test(test_rows_are_sane),
        cmocka_unit_test(test_lookup_codes),
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_two_decimals),
        cmocka_unit_test(test_other_types),
        cmocka_unit_test(test_relations),
        cmocka_unit_test(test_write_refuses_what_it_could_not_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
