/* The STUN codec against the vectors of RFC 5769 and against what no peer should send. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <errno.h>

#include "agw/media/stun.h"

#define TID 0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae
#define COOKIE 0x21, 0x12, 0xa4, 0x42

/* RFC 5769 2.1 to 2.3 */
static const char password[] = "VOkJxbRl1RmTxUk/WvJxBt";
static const uint8_t request[] = {
    0x00, 0x01, 0x00, 0x58, COOKIE, TID,
    0x80, 0x22, 0x00, 0x10, 'S', 'T', 'U', 'N', ' ', 't', 'e', 's', 't', ' ', 'c', 'l', 'i', 'e', 'n', 't',
    0x00, 0x24, 0x00, 0x04, 0x6e, 0x00, 0x01, 0xff,
    0x80, 0x29, 0x00, 0x08, 0x93, 0x2f, 0xf9, 0xb1, 0x51, 0x26, 0x3b, 0x36,
    0x00, 0x06, 0x00, 0x09, 'e', 'v', 't', 'j', ':', 'h', '6', 'v', 'Y', ' ', ' ', ' ',
    0x00, 0x08, 0x00, 0x14, 0x9a, 0xea, 0xa7, 0x0c, 0xbf, 0xd8, 0xcb, 0x56, 0x78, 0x1e,
    0xf2, 0xb5, 0xb2, 0xd3, 0xf2, 0x49, 0xc1, 0xb5, 0x71, 0xa2,
    0x80, 0x28, 0x00, 0x04, 0xe5, 0x7a, 0x3b, 0xcf,
};
static const uint8_t response4[] = {
    0x01, 0x01, 0x00, 0x3c, COOKIE, TID,
    0x80, 0x22, 0x00, 0x0b, 't', 'e', 's', 't', ' ', 'v', 'e', 'c', 't', 'o', 'r', ' ',
    0x00, 0x20, 0x00, 0x08, 0x00, 0x01, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43,
    0x00, 0x08, 0x00, 0x14, 0x2b, 0x91, 0xf5, 0x99, 0xfd, 0x9e, 0x90, 0xc3, 0x8c, 0x74,
    0x89, 0xf9, 0x2a, 0xf9, 0xba, 0x53, 0xf0, 0x6b, 0xe7, 0xd7,
    0x80, 0x28, 0x00, 0x04, 0xc0, 0x7d, 0x4c, 0x96,
};
static const uint8_t response6[] = {
    0x01, 0x01, 0x00, 0x48, COOKIE, TID,
    0x80, 0x22, 0x00, 0x0b, 't', 'e', 's', 't', ' ', 'v', 'e', 'c', 't', 'o', 'r', ' ',
    0x00, 0x20, 0x00, 0x14, 0x00, 0x02, 0xa1, 0x47, 0x01, 0x13, 0xa9, 0xfa, 0xa5, 0xd3,
    0xf1, 0x79, 0xbc, 0x25, 0xf4, 0xb5, 0xbe, 0xd2, 0xb9, 0xd9,
    0x00, 0x08, 0x00, 0x14, 0xa3, 0x82, 0x95, 0x4e, 0x4b, 0xe6, 0x7b, 0xf1, 0x17, 0x84,
    0xc9, 0x7c, 0x82, 0x92, 0xc2, 0x75, 0xbf, 0xe3, 0xed, 0x41,
    0x80, 0x28, 0x00, 0x04, 0xc8, 0xfb, 0x0b, 0x4c,
};

static int setup(void **state)
{
    return stun_mac_new((struct stun_mac **)state);
}

static int teardown(void **state)
{
    stun_mac_free(*state);
    return 0;
}

static void vector_request(void **state)
{
    struct stun_msg m;

    assert_int_equal(stun_parse(&m, request, sizeof(request)), 0);
    assert_int_equal(m.type, STUN_BINDING_REQUEST);
    assert_true(sv_is(m.username, "evtj:h6vY"));
    assert_true(m.has_priority && m.priority == 0x6e0001ff);
    assert_true(m.controlled && !m.controlling && m.tiebreaker == 0x932ff9b151263b36);
    assert_true(m.has_fingerprint && !m.use_candidate && m.n_unknown == 0);
    assert_true(stun_verify(&m, *state, sv_from(password)));
    assert_false(stun_verify(&m, *state, SV("VOkJxbRl1RmTxUk/WvJxBT")));
    assert_true(stun_verify(&m, *state, sv_from(password))); /* the context is as good as new */
}

static void vector_responses(void **state)
{
    struct addr want;
    struct stun_msg m;

    assert_int_equal(stun_parse(&m, response4, sizeof(response4)), 0);
    assert_int_equal(m.type, STUN_BINDING_SUCCESS);
    assert_int_equal(addr_parse(&want, SV("192.0.2.1"), 32853), 0);
    assert_true(m.has_mapped && addr_eq(&m.mapped, &want));
    assert_true(stun_verify(&m, *state, sv_from(password)));
    assert_int_equal(stun_parse(&m, response6, sizeof(response6)), 0);
    assert_int_equal(addr_parse(&want, SV("2001:db8:1234:5678:11:2233:4455:6677"), 32853), 0);
    assert_true(m.has_mapped && addr_eq(&m.mapped, &want));
    assert_true(stun_verify(&m, *state, sv_from(password)));
}

static void writes_the_vector(void **state)
{
    const uint8_t tid[] = {TID};
    struct addr at;
    uint8_t out[128];

    for (int v6 = 0; v6 < 2; v6++) {
        const uint8_t *want = v6 ? response6 : response4;
        const size_t n = v6 ? sizeof(response6) : sizeof(response4);
        struct buf b = buf_over(out, sizeof(out));

        assert_int_equal(addr_parse(&at, v6 ? SV("2001:db8:1234:5678:11:2233:4455:6677") : SV("192.0.2.1"), 32853), 0);
        stun_begin(&b, STUN_BINDING_SUCCESS, tid);
        stun_put(&b, STUN_SOFTWARE, "test vector", 11);
        out[b.len - 1] = ' '; /* RFC 5769 pads with blanks */
        stun_put_xaddr(&b, &at);
        assert_int_equal(stun_end(&b, *state, sv_from(password)), 0);
        assert_int_equal(b.len, n);
        assert_memory_equal(out, want, n);
    }
}

static void refuses_every_cut_and_flip(void **state)
{
    uint8_t copy[sizeof(request)];
    struct stun_msg m;

    (void)state;
    for (size_t n = 0; n < sizeof(request); n++)
        assert_int_equal(stun_parse(&m, request, n), -EBADMSG);
    for (size_t i = 0; i < sizeof(request) * 8; i++) {
        memcpy(copy, request, sizeof(copy));
        copy[i / 8] ^= (uint8_t)(1 << i % 8);
        /* A flipped FINGERPRINT type makes it an unknown attribute; anything else fails the CRC. */
        if (stun_parse(&m, copy, sizeof(copy)) == 0)
            assert_false(m.has_fingerprint);
    }
}

static void ignores_what_follows_integrity(void **state)
{
    const uint8_t tid[] = {TID};
    uint8_t out[128];
    struct buf b = buf_over(out, sizeof(out));
    struct stun_msg m;

    stun_begin(&b, STUN_BINDING_REQUEST, tid);
    assert_int_equal(stun_end(&b, *state, sv_from(password)), 0);
    b.len -= 8;
    stun_put(&b, STUN_USE_CANDIDATE, NULL, 0);
    out[3] = (uint8_t)(b.len - STUN_HEADER);
    assert_int_equal(stun_parse(&m, out, b.len), 0);
    assert_false(m.use_candidate);
}

static void names_unknown_attributes(void **state)
{
    const uint8_t tid[] = {TID};
    uint8_t out[256];
    struct buf b = buf_over(out, sizeof(out));
    struct stun_msg m;

    (void)state;
    stun_begin(&b, STUN_BINDING_ERROR, tid);
    stun_put_error(&b, 420, "Unknown Attribute");
    stun_put_u32(&b, (enum stun_attr)0xc057, 1); /* optional: not named */
    for (int i = 0; i < 12; i++)
        stun_put_u32(&b, (enum stun_attr)(0x7f00 + i), 1);
    assert_int_equal(stun_end(&b, NULL, SV_NONE), 0);
    assert_int_equal(stun_parse(&m, out, b.len), 0);
    assert_int_equal(m.error, 420);
    assert_int_equal(m.n_unknown, MEDIA_STUN_UNKNOWN);
    assert_int_equal(m.unknown[0], 0x7f00);
}

static void remembers_overflow(void **state)
{
    const uint8_t tid[] = {TID};
    struct addr at;
    uint8_t out[40];

    assert_int_equal(addr_parse(&at, SV("::1"), 1), 0);
    for (size_t size = 0; size <= sizeof(out); size++) {
        struct buf b = buf_over(out, size);

        stun_begin(&b, STUN_BINDING_SUCCESS, tid);
        stun_put_xaddr(&b, &at);
        assert_int_equal(stun_end(&b, *state, sv_from(password)), -EMSGSIZE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vector_request),
        cmocka_unit_test(vector_responses),
        cmocka_unit_test(writes_the_vector),
        cmocka_unit_test(refuses_every_cut_and_flip),
        cmocka_unit_test(ignores_what_follows_integrity),
        cmocka_unit_test(names_unknown_attributes),
        cmocka_unit_test(remembers_overflow),
    };

    return cmocka_run_group_tests_name("agw/media/stun", tests, setup, teardown);
}
