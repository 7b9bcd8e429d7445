/* The store of registrations and how identities compare. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "alg/sip/binding.h"

static void test_uri_same(void **state)
{
    static const struct {
        const char *a, *b;
        bool same;
    } rows[] = {
        {"sip:alice@home.net", "SIP:alice@HOME.net;user=phone", true}, {"sip:alice@home.net:5060", "sip:alice@home.net", true},
        {"sip:alice@home.net", "sip:Alice@home.net", false},           {"sip:alice@home.net", "sip:bob@home.net", false},
        {"sip:home.net", "sip:alice@home.net", false},                 {"tel:+1", "tel:+1", true},
        {"tel:+1", "tel:+2", false},                                   {"sip:a@[::1]:5060", "sip:a@[::1]", true},
        {"", "", false},                                               {"sip:", "sip:", false},
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++)
        if (uri_same(rows[i].a, rows[i].b) != rows[i].same)
            fail_msg("row %u", i);
    assert_false(uri_same(NULL, "sip:a@b"));
}

static void test_uri_first(void **state)
{
    struct sv rest = SV("\"A, <x> \\\" B\" <sip:a@b>;p=1 , <tel:+1>, sip:c@d");
    char out[64];

    (void)state;
    assert_true(uri_first(&rest, out, sizeof out));
    assert_string_equal(out, "sip:a@b");
    assert_true(uri_first(&rest, out, sizeof out));
    assert_string_equal(out, "tel:+1");
    assert_true(uri_first(&rest, out, sizeof out));
    assert_string_equal(out, "sip:c@d");
    assert_false(uri_first(&rest, out, sizeof out));
    rest = SV("<unclosed");
    uri_first(&rest, out, sizeof out);
    assert_int_equal(rest.n, 0);
    rest = SV("\"open quote");
    uri_first(&rest, out, sizeof out);
    assert_int_equal(rest.n, 0);
    rest = SV("<sip:much-too-long-for-the-room@example.net>");
    assert_false(uri_first(&rest, out, 10));
}

static void test_gruu(void **state)
{
    static char instance[] = "urn:uuid:f81d", pub[] = "sip:alice@home;gr=urn:uuid:f81d", temp[] = "sip:tgruu.7hs@home;gr",
                bulk[] = "sip:2001@home;bg=urn:uuid:pbx;sg=urn:uuid:f81d";
    static const struct {
        const char *uri, *pub;
        bool owned, has;
    } rows[] = {
        {"sip:alice@home;gr=urn:uuid:f81d", pub, false, true},   {"sip:alice@HOME;gr=URN:UUID:F81D", pub, false, true},
        {"sip:alice@home;gr=urn:uuid:f81", pub, true, false},    {"sip:alice@home;gr=urn:uuid:f81d2", pub, true, false},
        {"sip:other@home;gr=urn:uuid:f81d", pub, false, false},  {"sip:+1@home;x;gr=urn:uuid:f81d;y", pub, true, true},
        {"sip:tgruu.7hs@home;gr", pub, false, true},             {"sip:tgruu.7ht@home;gr", pub, false, false},
        {"sip:alice@home;gr", pub, true, false},                 {"sip:alice@home", pub, true, false},
        {"sip:2001@alg:5060;sg=urn:uuid:f81d", bulk, true, true}, {"sip:2001@home;sg=urn:uuid:f81d", bulk, false, true},
        {"sip:alice@home?gr=urn:uuid:f81d", pub, true, false},   {"sip:alice@home;grx=urn:uuid:f81d", pub, true, false},
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        struct binding b = {.instance = instance, .pub_gruu = (char *)(uintptr_t)rows[i].pub, .temp_gruu = temp};

        if (binding_has_gruu(&b, rows[i].uri, rows[i].owned) != rows[i].has)
            fail_msg("row %u", i);
    }
}

static unsigned dropped;

static void on_drop(void *arg, struct binding *b)
{
    (void)arg;
    (void)b;
    dropped++;
}

static void test_put(void **state)
{
    struct store s = {.drop = on_drop};
    struct binding_text t = {.key = "k1", .aor = "sip:a@h", .contact = "sip:x@y.invalid", .service_route = "<sip:r;lr>",
                             .associated = "<sip:first@h>, <tel:+1>", .flow = 3, .expires = 1000, .outbound = true};
    struct binding *b = NULL, *again = NULL;
    sip_flow old = 9;

    (void)state;
    assert_int_equal(store_put(&s, &t, &b, &old), 0);
    assert_int_equal(old, 0);
    assert_string_equal(b->pub.impu, "sip:first@h");
    assert_int_equal(b->n_impus, 2);
    assert_ptr_equal(store_by_flow(&s, 3), b);
    assert_null(store_by_flow(&s, 0));
    store_set_flow(&s, b, 0); /* connection lost ... */
    assert_null(store_by_flow(&s, 3));
    t.flow = 4;      /* ... and back */
    t.associated = NULL;
    t.service_route = NULL;
    assert_int_equal(store_put(&s, &t, &again, &old), 0);
    assert_ptr_equal(again, b);
    assert_int_equal(old, 3);
    assert_string_equal(b->pub.impu, "sip:a@h");
    assert_null(b->pub.service_route);
    assert_int_equal(s.n, 1);
    store_clear(&s);
    assert_int_equal(dropped, 1);
    assert_int_equal(s.n, 0);
}

static void test_limits(void **state)
{
    struct store s = {0};
    struct binding *b;
    sip_flow old;
    char key[16];

    (void)state;
    for (unsigned i = 0; i < REG_PER_AOR_MAX + 2; i++) {
        struct binding_text t = {.key = key, .aor = "sip:a@h", .contact = "sip:x@y", .flow = i + 1, .expires = 1};

        snprintf(key, sizeof key, "k%u", i);
        assert_int_equal(store_put(&s, &t, &b, &old), i < REG_PER_AOR_MAX ? 0 : -ENOSPC);
    }
    assert_null(store_stale(&s, "sip:a@h")); /* all are connected: none gives way */
    s.list->next->orphan_until = 200;
    s.list->next->next->orphan_until = 100;
    assert_ptr_equal(store_stale(&s, "sip:a@h"), s.list->next->next);
    assert_null(store_stale(&s, "sip:b@h"));
    store_del(&s, s.list->next->next);
    assert_null(store_stale(&s, "sip:a@h")); /* there is room */
    store_clear(&s);
}

/* As many as there may be, found again by key, flow and token, and none left over. */
static void test_many(void **state)
{
    static struct store s;
    struct binding *b;
    sip_flow old;
    char key[32], aor[32];

    (void)state;
    for (unsigned i = 0; i < REG_BINDINGS_MAX; i++) {
        struct binding_text t = {.key = key, .aor = aor, .contact = "sip:x@y", .flow = i + 1, .expires = 1};

        snprintf(key, sizeof key, "k%u", i);
        snprintf(aor, sizeof aor, i & 1 ? "sip:u%u@Home" : "SIP:u%u@home", i / 4);
        assert_int_equal(store_put(&s, &t, &b, &old), 0);
    }
    for (unsigned i = 0; i < REG_BINDINGS_MAX; i += 7) {
        b = store_by_flow(&s, i + 1);
        snprintf(key, sizeof key, "k%u", i);
        assert_non_null(b);
        assert_ptr_equal(b, store_by_key(&s, key));
        store_set_flow(&s, b, 0);
        assert_null(store_by_flow(&s, i + 1));
        store_set_flow(&s, b, 100000 + i);
        assert_ptr_equal(store_by_token(&s, 100000 + i), b);
        if (i % 2)
            store_del(&s, b);
    }
    store_clear(&s);
    assert_null(s.keys);
    assert_null(s.flows);
    assert_null(s.aors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_uri_same), cmocka_unit_test(test_uri_first),
                                       cmocka_unit_test(test_gruu), cmocka_unit_test(test_put), cmocka_unit_test(test_limits), cmocka_unit_test(test_many)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
