/* Credentials for TURN: the arithmetic, what they say and do not say, secrets that change, one-time keys, limits. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "alg/users/turn.h"

#define IMPU "sip:alice@home.example.net"
#define NOON 1767225600 /* a whole day's begin, CLOCK_REALTIME */

static char file[] = "/tmp/openiq-turn-XXXXXX";
static const char *const uris[] = {"turn:turn.example:3478?transport=udp", "turns:turn.example:443?transport=tcp"};

static void secrets(const char *text)
{
    FILE *f = fopen(file, "w");

    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

static struct turn *make(const char *text, const char *id_key)
{
    struct turn_conf conf = {uris, 2, file, 86400, (const unsigned char *)id_key, strlen(id_key)};
    struct turn *t = NULL;

    secrets(text);
    assert_int_equal(turn_new(&t, &conf), 0);
    return t;
}

/* TURN REST API draft; the value was computed by `openssl dgst -sha1 -hmac north`. */
static void test_vector(void **state)
{
    char password[TURN_PASSWORD_MAX];

    (void)state;
    turn_password("north", "1767225600:u7f3a", password);
    assert_string_equal(password, "iVf8Up4TArL60Vn/6TYHP+VrMjE=");
}

static void test_issue(void **state)
{
    struct turn *t = make("north\n", "k"), *other = make("north\n", "l");
    struct turn_cred a, b, c;
    char want[TURN_PASSWORD_MAX], text[1024];
    struct buf out = buf_over(text, sizeof text);
    unsigned wait;
    json_t *j;

    (void)state;
    assert_int_equal(turn_issue(t, IMPU, 1200, NOON, &a, &wait), 0);
    assert_int_equal(a.ttl, 1200);
    assert_int_equal(strtoll(a.name, NULL, 10), NOON + 1200);
    assert_null(strstr(a.name, "alice"));
    assert_int_equal(strlen(strchr(a.name, ':') + 1), 16);
    turn_password("north", a.name, want);
    assert_string_equal(a.password, want);
    /* the same user on the same day: one id, so that quotas count; another day, user or key: another */
    assert_int_equal(turn_issue(t, IMPU, 1200, NOON + 3600, &b, &wait), 0);
    assert_string_equal(strchr(a.name, ':'), strchr(b.name, ':'));
    assert_int_equal(turn_issue(t, IMPU, 1200, NOON + 86400, &b, &wait), 0);
    assert_string_not_equal(strchr(a.name, ':'), strchr(b.name, ':'));
    assert_int_equal(turn_issue(t, "sip:bob@home.example.net", 1200, NOON, &b, &wait), 0);
    assert_string_not_equal(strchr(a.name, ':'), strchr(b.name, ':'));
    assert_int_equal(turn_issue(other, IMPU, 1200, NOON, &b, &wait), 0);
    assert_string_not_equal(strchr(a.name, ':'), strchr(b.name, ':'));
    /* bounds of its life */
    assert_int_equal(turn_issue(t, IMPU, 1200000, NOON + 60, &c, &wait), 0);
    assert_int_equal(c.ttl, 86400);
    assert_int_equal(turn_issue(t, IMPU, 1, NOON + 60, &c, &wait), 0);
    assert_int_equal(c.ttl, TURN_TTL_MIN);
    /* told */
    turn_json(t, &a, &out);
    j = json_loadb(text, out.len, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(j, "username")), a.name);
    assert_string_equal(json_string_value(json_object_get(j, "password")), a.password);
    assert_int_equal(json_integer_value(json_object_get(j, "ttl")), 1200);
    assert_string_equal(json_string_value(json_array_get(json_object_get(j, "uris"), 1)), uris[1]);
    json_decref(j);
    out = buf_over(text, sizeof text - 1);
    turn_header(t, &a, &out);
    text[out.len] = 0;
    assert_int_equal(buf_err(&out), 0);
    assert_non_null(strstr(text, "<turn:turn.example:3478?transport=udp>;username=\"1767226800:"));
    assert_non_null(strstr(text, ", <turns:turn.example:443?transport=tcp>;username=\""));
    assert_int_equal(turn_counts(t)[TURN_C_ISSUED], 6);
    turn_free(t);
    turn_free(other);
}

/* Rotation: the first line signs; a file that is bad or gone leaves what there was. */
static void test_rotation(void **state)
{
    struct turn_conf conf = {uris, 2, "/nonexistent/secret", 86400, (const unsigned char *)"k", 1};
    struct turn *t = make("\n  \nold-secret\nnext\n", "k");
    struct turn_cred c;
    static const struct {
        const char *text, *signs;
    } rows[] = {{NULL, "old-secret"}, {"the-next-one\r\nold-secret\r\n", "the-next-one"}, {"", "the-next-one"},
                {"\n\n", "the-next-one"}, {"third", "third"}};

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        char want[TURN_PASSWORD_MAX];
        unsigned wait;

        if (rows[i].text)
            secrets(rows[i].text);
        assert_int_equal(turn_issue(t, IMPU, 600, NOON + i * 60, &c, &wait), 0);
        turn_password(rows[i].signs, c.name, want);
        assert_string_equal(c.password, want);
    }
    unlink(file);
    assert_int_equal(turn_issue(t, IMPU, 600, NOON + 600, &c, &(unsigned){0}), 0);
    turn_free(t);
    t = NULL;
    assert_int_equal(turn_new(&t, &conf), -ENOENT);
    secrets("\n");
    conf.secret_file = file;
    assert_int_equal(turn_new(&t, &conf), -ENODATA);
    assert_null(t);
}

static void test_limit(void **state)
{
    struct turn *t = make("north\n", "k");
    struct turn_cred c;
    unsigned wait = 7;

    (void)state;
    for (unsigned i = 0; i < TURN_PER_MINUTE; i++)
        assert_int_equal(turn_issue(t, IMPU, 600, NOON + 10, &c, &wait), 0);
    assert_int_equal(turn_issue(t, IMPU, 600, NOON + 10, &c, &wait), -EAGAIN);
    assert_int_equal(wait, 50);
    assert_int_equal(turn_counts(t)[TURN_C_LIMITED], 1);
    assert_int_equal(turn_issue(t, "sip:bob@home.example.net", 600, NOON + 10, &c, &wait), 0); /* nobody else waits */
    assert_int_equal(turn_issue(t, IMPU, 600, NOON + 60, &c, &wait), 0);
    for (unsigned i = 0; i < 3 * TURN_KEYS_MAX; i++) { /* users of other minutes are forgotten, of this one the first */
        char impu[40];

        snprintf(impu, sizeof impu, "sip:u%u@home", i);
        assert_int_equal(turn_issue(t, impu, 600, NOON + 120, &c, &wait), 0);
    }
    turn_free(t);
}

static void test_keys(void **state)
{
    struct turn *t = make("north\n", "k");
    char key[TURN_KEY_LEN + 1], first[TURN_KEY_LEN + 1], impu[64];
    unsigned seconds = 0;

    (void)state;
    assert_int_equal(turn_key_make(t, IMPU, 1200, 1000, key), 0);
    assert_int_equal(turn_key_take(t, (struct sv){key, TURN_KEY_LEN - 1}, 1000, impu, sizeof impu, &seconds), -EACCES);
    assert_int_equal(turn_key_take(t, SV("00000000000000000000000000000000"), 1000, impu, sizeof impu, &seconds), -EACCES);
    assert_int_equal(turn_key_take(t, SV_NONE, 1000, impu, sizeof impu, &seconds), -EACCES);
    assert_int_equal(turn_key_take(t, sv_from(key), 1000, impu, sizeof impu, &seconds), 0);
    assert_string_equal(impu, IMPU);
    assert_int_equal(seconds, 1200);
    assert_int_equal(turn_key_take(t, sv_from(key), 1000, impu, sizeof impu, &seconds), -EACCES); /* once */
    assert_int_equal(turn_key_make(t, IMPU, 1200, 1000, key), 0);
    assert_int_equal(turn_key_take(t, sv_from(key), 1000 + TURN_KEY_S * 1000, impu, sizeof impu, &seconds), -EACCES); /* late */
    assert_int_equal(turn_key_make(t, IMPU, 1200, 200000, first), 0);
    for (unsigned i = 0; i < TURN_KEYS_MAX; i++)
        assert_int_equal(turn_key_make(t, IMPU, 1200, 200000, key), 0);
    assert_int_equal(turn_key_take(t, sv_from(first), 200000, impu, sizeof impu, &seconds), -EACCES); /* gave way */
    assert_int_equal(turn_key_take(t, sv_from(key), 200000, impu, sizeof impu, &seconds), 0);
    turn_free(t);
}

static int setup(void **state)
{
    int fd = mkstemp(file);

    (void)state;
    return fd < 0 ? -1 : close(fd);
}

static int teardown(void **state)
{
    (void)state;
    unlink(file);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_vector), cmocka_unit_test(test_issue), cmocka_unit_test(test_rotation),
                                       cmocka_unit_test(test_limit), cmocka_unit_test(test_keys)};

    return cmocka_run_group_tests(tests, setup, teardown);
}
