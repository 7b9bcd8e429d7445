/* Payload types from one side to the other (agw/ctl/codec.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "agw/ctl/codec.h"

static struct arena *a;

static int setup(void **state)
{
    (void)state;
    a = arena_new(1u << 20);
    return a ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(a);
    return 0;
}

static struct sdp *sdp(const char *media)
{
    char *text = arena_printf(a, "v=0\nc=IN IP4 192.0.2.1\n%s", media);
    struct sdp_err err;
    struct sdp *s = NULL;

    assert_int_equal(sdp_parse(a, sv_from(text), SDP_H248, &s, &err), 0);
    return s;
}

static const uint8_t *map(const char *in, const char *out)
{
    static uint8_t m[128];
    struct codecs ci, co;

    assert_int_equal(codecs_read(in ? sdp(in) : NULL, &ci), 0);
    assert_int_equal(codecs_read(out ? sdp(out) : NULL, &co), 0);
    codecs_map(&ci, &co, m);
    return m;
}

static void test_identity(void **state)
{
    const uint8_t *m;

    (void)state;
    m = map("m=audio 1 RTP/AVP -\n", "m=audio 1 RTP/AVP 0\n");
    for (unsigned i = 0; i < 128; i++)
        assert_int_equal(m[i], i);
    m = map("m=audio 1 RTP/AVP 0\n", NULL);
    assert_int_equal(m[77], 77);
}

static void test_names(void **state)
{
    const uint8_t *m = map("m=audio 1 RTP/AVP 0 8 9 13 96 97 98\na=rtpmap:96 OPUS/48000/2\na=rtpmap:97 telephone-event/8000\n"
                           "a=rtpmap:98 L16/16000\n",
                           "m=audio 1 RTP/AVP 96 111 101 8\na=rtpmap:96 PCMU/8000\na=rtpmap:111 opus/48000/2\n"
                           "a=rtpmap:101 telephone-event/16000\n");

    (void)state;
    assert_int_equal(m[0], 96);  /* static here, dynamic there */
    assert_int_equal(m[8], 8);
    assert_int_equal(m[9], BUS_PT_DROP);
    assert_int_equal(m[13], BUS_PT_DROP); /* comfort noise that nobody takes */
    assert_int_equal(m[96], 111);
    assert_int_equal(m[97], BUS_PT_DROP); /* another clock: its durations would lie */
    assert_int_equal(m[98], BUS_PT_DROP);
    assert_int_equal(m[1], BUS_PT_DROP);  /* not announced */
}

static void test_video(void **state)
{
    const uint8_t *m =
        map("m=video 1 RTP/AVP 96 97 98 99 100\na=rtpmap:96 H264/90000\na=fmtp:96 packetization-mode=1;profile-level-id=42e01f\n"
            "a=rtpmap:97 rtx/90000\na=fmtp:97 apt=96\na=rtpmap:98 H264/90000\na=fmtp:98 profile-level-id=42e01f\n"
            "a=rtpmap:99 rtx/90000\na=fmtp:99 apt=98\na=rtpmap:100 VP8/90000\n",
            "m=video 1 RTP/AVP 102 103 104\na=rtpmap:102 H264/90000\na=fmtp:102 packetization-mode=0\n"
            "a=rtpmap:103 H264/90000\na=fmtp:103 profile-level-id=42e01f; packetization-mode=1\n"
            "a=rtpmap:104 rtx/90000\na=fmtp:104 apt=103\n");

    (void)state;
    assert_int_equal(m[96], 103);
    assert_int_equal(m[98], 102);
    assert_int_equal(m[97], 104);
    assert_int_equal(m[99], BUS_PT_DROP); /* no retransmissions for mode 0 there */
    assert_int_equal(m[100], BUS_PT_DROP);
}

static void test_unknown_ones(void **state)
{
    const uint8_t *m = map("m=audio 1 RTP/AVP 111 112\n", "m=audio 1 RTP/AVP 111\n");

    (void)state;
    assert_int_equal(m[111], 111); /* neither says what it is, both say its number */
    assert_int_equal(m[112], BUS_PT_DROP);
    m = map("m=audio 1 RTP/AVP 111\n", "m=audio 1 RTP/AVP 111\na=rtpmap:111 opus/48000/2\n");
    assert_int_equal(m[111], BUS_PT_DROP);
}

static void test_bad(void **state)
{
    static const char *const rows[] = {
        "m=audio 1 RTP/AVP x\n", "m=audio 1 RTP/AVP 128\n", "m=audio 1 RTP/AVP 96\na=rtpmap:96 opus\n",
        "m=audio 1 RTP/AVP 96\na=rtpmap:96 /8000\n", "m=audio 1 RTP/AVP 96\na=rtpmap:96 opus/48000/x\n",
    };
    struct codecs c;

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(codecs_read(sdp(rows[i]), &c), -EBADMSG);
}

static void test_fmts(void **state)
{
    struct bus_fmt f[BUS_PTS];
    struct codecs c;

    (void)state;
    assert_int_equal(codecs_read(sdp("m=audio 1 RTP/AVP 0 101\na=rtpmap:101 Telephone-Event/48000\n"), &c), 0);
    assert_int_equal(codecs_fmts(&c, f), 2);
    assert_true(f[0].pt == 0 && f[0].clock == 8000 && !f[0].event);
    assert_true(f[1].pt == 101 && f[1].clock == 48000 && f[1].event);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_identity), T(test_names), T(test_video), T(test_unknown_ones), T(test_bad), T(test_fmts),
    };

    return cmocka_run_group_tests_name("agw_ctl_codec", tests, NULL, NULL);
}
