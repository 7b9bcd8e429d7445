/* Streams that pass as they are, through the control thread: SAVP without keys here (TS 23.334 6.2.10A), UDP for T.38. */
#include "tests/unit/agw_rig.h"

#define KEY "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"
#define CRYPTO "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" KEY "\n"
#define ADD(ctx, to, sdp)                                                                          \
    "Context = " ctx " { Add = ip/$/" to "/$ { Media { Stream = 1 { LocalControl { Mode = SendReceive }, Local {\n" \
    "v=0\nc=IN IP4 $\n" sdp "} } } } }"
#define CHANGE(term, sdp)                                                                          \
    "Context = 1 { Modify = " term " { Media { Stream = 1 { Local {\nv=0\nc=IN IP4 $\n" sdp "} } } } }"
#define E2E   "m=audio $ RTP/SAVP -\n"
#define KEYED "m=audio $ RTP/SAVP 0\n" CRYPTO
#define PLAIN "m=audio $ RTP/AVP 0\n"
#define FAX   "m=image $ UDP -\n"

static void end_to_end(void **state)
{
    struct rig *r = *state;
    const struct bus_msg *sep, *flow, *join;

    assert_int_equal(error_of(run(r, ADD("$", "core", E2E))), 0);
    sep = worker_got(r, BUS_SEP_OPEN);
    flow = worker_got(r, BUS_FLOW_OPEN);
    assert_true(sep->u.sep.rtp.opaque && flow->u.flow.opaque && flow->u.flow.has_rtcp);
    assert_int_equal(sep->u.sep.rtp.sec, BUS_SEC_NONE);
    assert_true(sep->u.sep.rtp.rtcp_fd >= 0);
    /* one side alone */
    expect_error(r, ADD("1", "access", KEYED), 472);
    expect_error(r, ADD("1", "access", PLAIN), 472);
    expect_error(r, ADD("1", "access", "m=audio $ UDP/TLS/RTP/SAVP 0\n"), 472);
    assert_int_equal(error_of(run(r, ADD("1", "access", E2E))), 0);
    join = worker_got(r, BUS_FLOW_JOIN);
    assert_true(join && join->u.wire.a && join->u.wire.b);
    expect_error(r, CHANGE("ip/1/core/1", KEYED), 472);
    run(r, "Context = 1 { W-Subtract = * { Audit { } } }");
    /* the other way round */
    assert_int_equal(error_of(run(r, ADD("$", "core", PLAIN))), 0);
    expect_error(r, ADD("2", "access", E2E), 472);
    assert_false(worker_got(r, BUS_SEP_OPEN));
    /* a bundle has keys or is none */
    expect_error(r, "Context = $ { Add = ip/$/access/$ { Media { TerminationState { mgroup/groupse = [\"BUNDLE 1\"] }, Stream = 1 { "
                    "Local {\nv=0\nc=IN IP4 $\n" E2E "a=rtcp-mux\n} } } } }", 489);
}

/* Audio becomes a fax: one side after the other, nothing passes between unlike ones. */
static void fax(void **state)
{
    struct rig *r = *state;

    assert_int_equal(error_of(run(r, ADD("$", "core", PLAIN))), 0);
    assert_false(worker_got(r, BUS_SEP_OPEN)->u.sep.rtp.opaque);
    assert_int_equal(error_of(run(r, ADD("1", "access", PLAIN))), 0);
    assert_int_not_equal(worker_got(r, BUS_FLOW_JOIN)->u.wire.b, 0);
    assert_int_equal(error_of(run(r, CHANGE("ip/1/core/1", FAX))), 0);
    assert_true(worker_got(r, BUS_SEP_REMOTE)->u.sep.rtp.opaque);
    assert_true(worker_got(r, BUS_FLOW_CHANGE)->u.flow.opaque && !worker_got(r, BUS_FLOW_CHANGE)->u.flow.has_rtcp);
    assert_int_equal(worker_got(r, BUS_FLOW_JOIN)->u.wire.b, 0);
    assert_int_equal(error_of(run(r, CHANGE("ip/1/access/2", FAX))), 0);
    assert_int_not_equal(worker_got(r, BUS_FLOW_JOIN)->u.wire.b, 0);
    expect_error(r, ADD("$", "access", "m=image $ UDP -\na=ice-ufrag:$\na=ice-pwd:$\n"), 501);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(end_to_end), TEST(fax)};

    return cmocka_run_group_tests_name("agw/ctl: pass-through", tests, NULL, NULL);
}
