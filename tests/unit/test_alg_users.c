/* Digests against the RFCs' own examples, the store of users, and what a nonce of ours is worth. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "alg/users/users.h"

/* RFC 7616 3.9.1: one user, both algorithms */
static void test_rfc7616(void **state)
{
    static const char *const want[] = {"8ca523f5e9506fed4657c9700eebdbec",
                                       "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"};
    const char *params[] = {"username=\"Mufasa\"", "realm=\"http-auth@example.org\"", "uri=\"/dir/index.html\"",
                            "nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\"", "nc=00000001",
                            "cnonce=\"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ\"", "qop=auth", NULL};
    struct digest_secret s;
    struct digest d;
    char out[DIGEST_HEX];

    (void)state;
    assert_int_equal(digest_read(&d, params), 0);
    assert_int_equal(digest_secret_make(&s, d.username, d.realm, "Circle of Life"), 0);
    for (unsigned i = 0; i < DIGEST_ALGOS; i++) {
        assert_int_equal(digest_response(out, (enum digest_algo)i, s.ha1[i], &d, "GET"), 0);
        assert_string_equal(out, want[i]);
        assert_true(digest_equal(out, want[i]));
        out[3] ^= 1;
        assert_false(digest_equal(out, want[i]));
    }
    assert_false(digest_equal("", want[0]));
    assert_false(digest_equal("", ""));
    assert_false(digest_equal(want[0], want[1]));
}

static void test_read(void **state)
{
    static const char *const twice[] = {"nonce=\"a\"", "nonce=\"b\"", NULL}, *const open[] = {"nonce=\"a", NULL};
    static const char *const fine[] = {"Realm=\"a \\\"b\\\" c\"", "stale=TRUE", "x=y", "algorithm=MD5", "qop=\"auth,auth-int\"", NULL};
    char big[1200] = "uri=";
    const char *const too_big[] = {big, NULL};
    struct digest d;
    enum digest_algo algo;

    (void)state;
    memset(big + 4, 'u', sizeof big - 5);
    assert_int_equal(digest_read(&d, twice), -EBADMSG);
    assert_int_equal(digest_read(&d, open), -EBADMSG);
    assert_int_equal(digest_read(&d, too_big), -EBADMSG);
    assert_int_equal(digest_read(&d, NULL), 0);
    assert_int_equal(digest_read(&d, fine), 0);
    assert_string_equal(d.realm, "a \"b\" c");
    assert_string_equal(d.qop, "auth,auth-int");
    assert_int_equal(digest_algo_of("", &algo), 0);
    assert_int_equal(algo, DIGEST_MD5);
    assert_int_equal(digest_algo_of("sha-256", &algo), 0);
    assert_int_equal(algo, DIGEST_SHA256);
    assert_int_equal(digest_algo_of("AKAv1-MD5", &algo), -ENOTSUP);
}

static int count_one(void *arg, const struct user *u)
{
    (void)u;
    ++*(unsigned *)arg;
    return 0;
}

static void test_store(void **state)
{
    char path[] = "/tmp/test_alg_users.XXXXXX";
    struct users *u = NULL;
    struct user a = {0}, back;
    struct stat st;
    unsigned n = 0;

    (void)state;
    close(mkstemp(path));
    assert_int_equal(users_open(&u, path), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(user_name(&a, "alice@Office.Example.NET"), 0);
    assert_string_equal(a.domain, "office.example.net");
    snprintf(a.impu, sizeof a.impu, "sip:+15550101@home.example.net");
    assert_int_equal(digest_secret_make(&a.access, a.name, a.domain, "open sesame"), 0);
    assert_int_equal(users_put(u, &a), 0);
    assert_int_equal(users_get(u, "alice", "OFFICE.example.net", &back), 0);
    assert_memory_equal(&a.access, &back.access, sizeof a.access);
    assert_int_equal(users_get(u, "Alice", "office.example.net", &back), -ENOENT);
    assert_int_equal(users_get(u, "alice' OR 1=1 --", "office.example.net", &back), -ENOENT);
    assert_int_equal(users_by_impu(u, "sip:+15550101@home.example.net", &back), 0);
    assert_string_equal(back.name, "alice");
    assert_true(users_begin(u) >= 0);
    snprintf(a.name, sizeof a.name, "bob");
    assert_int_equal(users_put(u, &a), 0);
    assert_true(users_rollback(u) >= 0);
    assert_int_equal(users_each(u, count_one, &n), 1);
    assert_int_equal(n, 1);
    assert_int_equal(users_remove(u, "alice", "office.example.net"), 0);
    assert_int_equal(users_remove(u, "alice", "office.example.net"), -ENOENT);
    users_close(u);
    unlink(path);
}

/* Another process writes: noticed once. What this one writes is no news. */
static void test_changed(void **state)
{
    char path[] = "/tmp/test_alg_users.XXXXXX";
    struct users *u, *other;
    struct user a = {0};

    (void)state;
    close(mkstemp(path));
    unlink(path);
    assert_int_equal(users_open(&u, path), 0);
    assert_int_equal(users_open(&other, path), 0);
    assert_false(users_changed(u));
    assert_int_equal(user_name(&a, "alice@office.example.net"), 0);
    assert_int_equal(users_put(u, &a), 0);
    assert_false(users_changed(u));
    assert_int_equal(users_remove(other, "alice", "office.example.net"), 0);
    assert_true(users_changed(u));
    assert_false(users_changed(u));
    users_close(other);
    users_close(u);
    unlink(path);
}

static void test_names(void **state)
{
    static const char *const bad[] = {"", "alice", "@h", "alice@", "a b@h", "a\"@h", "a@h;x", "a:b@h", "a@h\r\nX: y", "a<@h"};
    struct user u;

    (void)state;
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (user_name(&u, bad[i]) != -EINVAL)
            fail_msg("%s", bad[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rfc7616), cmocka_unit_test(test_read), cmocka_unit_test(test_store),
                                       cmocka_unit_test(test_changed), cmocka_unit_test(test_names)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
