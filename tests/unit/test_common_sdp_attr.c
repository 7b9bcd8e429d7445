#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "common/sdp.h"

static int set_up(void **state)
{
    *state = arena_new(1 << 16);
    return *state ? 0 : -1;
}

static int tear_down(void **state)
{
    arena_free(*state);
    return 0;
}

static void test_setup_and_direction(void **state)
{
    struct sdp *s;
    struct sdp_err err;

    assert_int_equal(sdp_setup_parse(SV(" Passive ")), SDP_SETUP_PASSIVE);
    assert_int_equal(sdp_setup_parse(SV_NONE), SDP_SETUP_NONE);
    assert_int_equal(sdp_setup_parse(SV("both")), SDP_SETUP_BAD);
    for (int i = SDP_SETUP_ACTIVE; i <= SDP_SETUP_HOLDCONN; i++)
        assert_int_equal(sdp_setup_parse(sv_from(sdp_setup_name((enum sdp_setup)i))), i);
    assert_int_equal(sdp_parse(*state, SV("a=inactive\nm=a 1 b c\nm=a 1 b c\na=sendonly \n"),
                               SDP_H248, &s, &err),
                     0);
    assert_int_equal(sdp_dir_of(s, s->media), SDP_INACTIVE);
    assert_int_equal(sdp_dir_of(s, s->media->next), SDP_SENDONLY);
    assert_int_equal(sdp_dir_of(NULL, NULL), SDP_SENDRECV);
}

static void test_bad_candidates(void **state)
{
    static const char *const bad[] = {
        "",
        "1 1 udp 1 1.2.3.4 5 typ",
        "1 1 udp 1 1.2.3.4 5 host",
        "1 0 udp 1 1.2.3.4 5 typ host",
        "1 257 udp 1 1.2.3.4 5 typ host",
        "1 1 udp 4294967296 1.2.3.4 5 typ host",
        "1 1 udp 1 1.2.3.4 65536 typ host",
        "1 1 udp 1 1.2.3.4 5 typ host raddr",
        "1 1 udp 1 1.2.3.4 5 typ host rport x",
        "123456789012345678901234567890123 1 udp 1 1.2.3.4 5 typ host",
    };
    struct sdp_candidate c = {.port = 7};

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(sdp_candidate_parse(sv_from(bad[i]), &c), -EBADMSG);
    assert_int_equal(c.port, 7);
    assert_int_equal(sdp_candidate_parse(SV("a 1 UDP 5 ::1 9 typ relay raddr ::2 rport 8 x y"), &c),
                     0);
    assert_true(sv_is(c.rel_addr, "::2"));
    assert_int_equal(c.rel_port, 8);
}

static void test_fingerprints(void **state)
{
    struct sdp_fingerprint f;

    (void)state;
    assert_int_equal(sdp_fingerprint_parse(SV("SHA-1 00:01:02:03:04:05:06:07:08:09:0a:0b:0c:0d:0e:"
                                              "0f:10:11:12:13"),
                                           &f),
                     0);
    assert_int_equal(f.n, 20);
    assert_int_equal(f.bytes[19], 0x13);
    assert_int_equal(sdp_fingerprint_parse(SV("sha-256 00:01"), &f), -EBADMSG); /* too short */
    assert_int_equal(sdp_fingerprint_parse(SV("sha-3 00:01"), &f), -EBADMSG);
    assert_int_equal(sdp_fingerprint_parse(SV("sha-256"), &f), -EBADMSG);
    assert_int_equal(sdp_fingerprint_parse(SV(""), &f), -EBADMSG);
}

static void test_dcmap_both_ways(void **state)
{
    struct sdp_dcmap in = {.id = 65534, .label = SV("a\"b%;\xc3\xa4\n"), .subprotocol = SV("MSRP"),
                           .ordered = false, .has_max_time = true, .max_time = 300,
                           .priority = 512};
    struct sdp_attr *list = NULL;
    struct sdp_dcmap out;

    assert_int_equal(sdp_dcmap_add(*state, &list, &in), 0);
    assert_true(sv_is(list->value, "65534 label=\"a%22b%25;%C3%A4%0A\";subprotocol=\"MSRP\";"
                                   "ordered=false;max-time=300;priority=512"));
    assert_int_equal(sdp_dcmap_parse(*state, list->value, &out), 0);
    assert_int_equal(out.id, 65534);
    assert_true(sv_eq(out.label, in.label));
    assert_true(sv_eq(out.subprotocol, in.subprotocol));
    assert_false(out.ordered);
    assert_false(out.has_max_retr);
    assert_true(out.has_max_time);
    assert_int_equal(out.max_time, 300);
    assert_int_equal(out.priority, 512);
    list = NULL;
    in = (struct sdp_dcmap){.id = 2, .ordered = true, .priority = 256};
    assert_int_equal(sdp_dcmap_add(*state, &list, &in), 0);
    assert_true(sv_is(list->value, "2"));
    assert_int_equal(sdp_dcmap_parse(*state, list->value, &out), 0);
    assert_true(out.ordered);
    assert_int_equal(out.priority, 256);
}

static void test_bad_dcmaps(void **state)
{
    static const char *const bad[] = {
        "",
        "x",
        "65535",
        "-1",
        "0 label=\"x",
        "0 label=\"x\"y\"",
        "0 label=\"%4\"",
        "0 label=\"%zz\"",
        "0 label=\"%ff\"",
        "0 label",
        "0 ;",
        "0 =x",
        "0 ordered=maybe",
        "0 max-retr=1;max-time=1",
        "0 max-retr=x",
        "0 priority=65536",
    };
    struct sdp_attr inner;
    struct sdp_dcmap d;
    uint16_t id;

    for (unsigned i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(sdp_dcmap_parse(*state, sv_from(bad[i]), &d), -EBADMSG);
    assert_int_equal(sdp_dcmap_parse(*state, SV("3 SUBPROTOCOL=\"t140\"; new-option=5"), &d), 0);
    assert_true(sv_is(d.subprotocol, "t140"));
    assert_int_equal(sdp_dcsa_parse(SV("0"), &id, &inner), -EBADMSG);
    assert_int_equal(sdp_dcsa_parse(SV("x path:y"), &id, &inner), -EBADMSG);
    assert_int_equal(sdp_dcsa_parse(SV("65535 path:y"), &id, &inner), -EBADMSG);
    assert_int_equal(sdp_dcsa_parse(SV("4 sendrecv"), &id, &inner), 0);
    assert_true(inner.flag);
    assert_int_equal(id, 4);
}

static void check_sctp_port(struct arena *a, const char *text, int want, uint16_t port)
{
    uint16_t got = 0;
    struct sdp_err err;
    struct sdp *s;

    assert_int_equal(sdp_parse(a, sv_from(text), SDP_H248, &s, &err), 0);
    assert_int_equal(sdp_sctp_port(s, s->media, &got), want);
    assert_int_equal(got, port);
}

static void test_numbers(void **state)
{
    struct sdp *s = sdp_new(*state);
    struct sdp_media *m = sdp_media_new(*state, s, SV("a"), 1, SV("b"), SV("c"));
    uint64_t size = 0;

    check_sctp_port(*state, "m=a 1 b c\na=sctp-port:65535\n", 0, 65535);
    check_sctp_port(*state, "m=a 1 b c\na=sctp-port:0\n", 0, 0);
    check_sctp_port(*state, "m=a 1 b c\na=sctp-port:05000\n", -EBADMSG, 0);
    check_sctp_port(*state, "m=a 1 b c\na=sctp-port:65536\n", -EBADMSG, 0);
    check_sctp_port(*state, "m=a 1 b c\na=sctp-port:$\n", -EBADMSG, 0);
    check_sctp_port(*state, "m=a 1 b c\na=sctp-port\n", -EBADMSG, 0);
    /* media level only: RFC 8841 gives no meaning to it for the session */
    check_sctp_port(*state, "a=sctp-port:5000\nm=a 1 b c\n", -ENOENT, 0);
    assert_int_equal(sdp_max_message_size(s, m, &size), -ENOENT);
    assert_int_equal(size, 65536);
    assert_int_equal(sdp_attr_add(*state, &m->attrs, "max-message-size", SV("x")), 0);
    assert_int_equal(sdp_max_message_size(s, m, &size), -EBADMSG);
}

int main(void)
{
#define WITH_ARENA(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_ARENA(test_setup_and_direction), WITH_ARENA(test_bad_candidates),
        WITH_ARENA(test_fingerprints),        WITH_ARENA(test_dcmap_both_ways),
        WITH_ARENA(test_bad_dcmaps),          WITH_ARENA(test_numbers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
