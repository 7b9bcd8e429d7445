/* Flow tokens: what is made is read back, anything else is not ours. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "alg/sip/outbound.h"

static void test_round_trip(void **state)
{
    static const sip_flow flows[] = {1, 2, 255, 65536, UINT64_MAX, 0x0123456789abcdefULL};
    struct token_key key;
    char text[TOKEN_LEN + 1];

    (void)state;
    token_key_init(&key);
    for (unsigned i = 0; i < ARRAY_LEN(flows); i++) {
        sip_flow back = 0;

        token_make(&key, flows[i], text);
        assert_int_equal(strlen(text), TOKEN_LEN);
        assert_int_equal(token_read(&key, text, &back), 0);
        assert_true(back == flows[i]);
    }
}

static void test_every_change_is_seen(void **state)
{
    struct token_key key, other;
    char text[TOKEN_LEN + 1], copy[TOKEN_LEN + 1];
    sip_flow back;

    (void)state;
    token_key_init(&key);
    token_key_init(&other);
    token_make(&key, 7, text);
    assert_int_equal(token_read(&other, text, &back), -EACCES);
    for (unsigned i = 0; i + 1 < TOKEN_LEN; i++) { /* the last character holds one bit of the token and four of padding */
        memcpy(copy, text, sizeof copy);
        copy[i] = copy[i] == 'a' ? 'b' : 'a';
        assert_int_equal(token_read(&key, copy, &back), -EACCES);
    }
}

static void test_no_token(void **state)
{
    static const char *const texts[] = {"", "alice", "aaaaaaaaaaaaaaaaaaaaaaaaaaaa!", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "1111111111111111111111111111"};
    struct token_key key;
    sip_flow back;

    (void)state;
    token_key_init(&key);
    assert_int_equal(token_read(&key, NULL, &back), -EBADMSG);
    for (unsigned i = 0; i < ARRAY_LEN(texts); i++)
        assert_int_equal(token_read(&key, texts[i], &back), -EBADMSG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_round_trip), cmocka_unit_test(test_every_change_is_seen),
                                       cmocka_unit_test(test_no_token)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
