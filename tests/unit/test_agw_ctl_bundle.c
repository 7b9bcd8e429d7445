/* Bundles that live: members that cannot be told apart, members that come and go, a channel that joins media. */
#include "tests/unit/agw_rig.h"

#define MID_EXT "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\n"
#define LOCAL(media, pt, mid, more)                                                                \
    "Local {\nv=0\nc=IN IP4 $\nm=" media " $ UDP/TLS/RTP/SAVPF " pt "\na=rtcp-mux\na=mid:" mid "\n" more \
    "a=ice-ufrag:$\na=ice-pwd:$\na=candidate:$\na=fingerprint:sha-256 $\n}"
#define MEMBER(id, media, pt, mid, more)                                                           \
    "Stream = " id " { LocalControl { Mode = SendReceive }, " LOCAL(media, pt, mid, more) " }"
#define DATA(mode)                                                                                 \
    "Stream = 3 { LocalControl { mgroup/strdeagg = [4] }, Local {\nv=0\nc=IN IP4 $\nm=application " \
    "$ UDP/DTLS/SCTP webrtc-datachannel\na=sctp-port:$\n"                                          \
    "a=fingerprint:sha-256 $\na=mid:2\n} }, Stream = 4 { LocalControl { Mode = " mode ", sctpbcc/sctpid = 0 } }"
#define GROUPS(list) "TerminationState { mgroup/groupse = [" list "] }, "
#define ADD(groups, streams) "Context = $ { Add = ip/$/access/$ { Media { " GROUPS(groups) streams " } } }"
#define MODIFY(media) "Context = 1 { Modify = ip/1/access/1 { Media { " media " } } }"
#define GOES(id) "Stream = " id " { Local { }, Remote { } }"

static const struct bus_flow *flow_told(struct rig *r, enum bus_kind kind, const char *mid)
{
    for (unsigned i = 0; i < r->n_worker; i++) {
        if (r->to_worker[i]->kind == kind && strcmp(r->to_worker[i]->u.flow.mid, mid) == 0)
            return &r->to_worker[i]->u.flow;
    }
    return NULL;
}

/* In a bundle each packet says whose it is, when the extension is agreed: two videos have the same payload types, and Chromium
 * goes by nothing else then. */
static void tells_mid(void **state)
{
    struct rig *r = *state;

    assert_int_equal(error_of(run(r, ADD("\"BUNDLE 1 2\"", MEMBER("1", "audio", "111", "0", MID_EXT) ", "
                                                          MEMBER("2", "video", "96", "1", MID_EXT)))), 0);
    assert_true(flow_told(r, BUS_FLOW_OPEN, "1")->tell_mid);
    assert_int_equal(flow_told(r, BUS_FLOW_OPEN, "1")->mid_ext, 4);
    assert_int_equal(error_of(run(r, MODIFY(GROUPS("\"BUNDLE 1 2 5\"") MEMBER("5", "video", "96", "s", MID_EXT)))), 0);
    assert_true(flow_told(r, BUS_FLOW_OPEN, "s")->tell_mid);
    assert_int_equal(error_of(run(r, MODIFY(GROUPS("\"BUNDLE 1\"") GOES("5") ", " GOES("2")))), 0);
    assert_false(flow_told(r, BUS_FLOW_CHANGE, "0")->tell_mid); /* alone on its transport */
}

/* Without the extension payload types tell. */
static void tells_no_mid(void **state)
{
    struct rig *r = *state;

    assert_int_equal(error_of(run(r, ADD("\"BUNDLE 1 2\"", MEMBER("1", "audio", "111", "0", "") ", "
                                                          MEMBER("2", "video", "96", "1", "")))), 0);
    assert_false(flow_told(r, BUS_FLOW_OPEN, "0")->tell_mid || flow_told(r, BUS_FLOW_OPEN, "1")->tell_mid);
}

static void refused(void **state)
{
    struct rig *r = *state;
    static const struct {
        unsigned code;
        const char *text;
    } rows[] = {
        {489, ADD("\"BUNDLE 1 2\"", MEMBER("1", "video", "96", "0", "") ", " MEMBER("2", "video", "96", "1", MID_EXT))},
        {489, ADD("\"BUNDLE 1 2\"", MEMBER("1", "video", "96 97", "0", MID_EXT) ", " MEMBER("2", "video", "97", "1", ""))},
        {489, ADD("\"BUNDLE 1 2\"", MEMBER("1", "video", "96", "01234567890123456", MID_EXT) ", "
                                    MEMBER("2", "video", "96", "1", MID_EXT))},
        {489, ADD("\"BUNDLE 1 2\"", MEMBER("1", "video", "96", "0", "a=extmap:15 urn:ietf:params:rtp-hdrext:sdes:mid\n") ", "
                                    MEMBER("2", "video", "96", "1", MID_EXT))},
        {501, ADD("\"BUNDLE 1 2\"", MEMBER("1", "audio", "111", "0", "")
                  ", Stream = 2 { LocalControl { tman/pol = ON, tman/sdr = 9000 }, " LOCAL("video", "96", "1", "") " }")},
        {473, ADD("\"BUNDLE 1 2\"", MEMBER("1", "audio", "111", "0", "")
                  ", Stream = 2 { LocalControl { ds/dscp = 34 }, " LOCAL("video", "96", "1", "") " }")},
        {473, ADD("\"BUNDLE 1 2\"", MEMBER("1", "audio", "111", "0", "")
                  ", Stream = 2 { LocalControl { gm/saf = OFF }, " LOCAL("video", "96", "1", "") " }")},
        {501, ADD("\"BUNDLE 1\"", "Stream = 1 { LocalControl { gm/sam = [\"192.0.2.1\"] }, " LOCAL("audio", "111", "0", "") " }")},
        {501, ADD("\"BUNDLE 1\"", "Stream = 1 { LocalControl { gm/spr = \"4000-5000\" }, " LOCAL("audio", "111", "0", "") " }")},
    };

    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        expect_error(r, rows[i].text, rows[i].code);
        assert_true(ctl_is_idle(r->ctl));
    }
}

/* A channel joins media that stand, leaves, and comes again: the transport is the same, the association is opened before the
 * worker hears of data, and BUS_CLOSED of the old one does not close the transport. */
static void data_joins(void **state)
{
    struct rig *r = *state;
    bus_id sep, chan;

    assert_int_equal(error_of(run(r, ADD("\"BUNDLE 1\"", MEMBER("1", "audio", "111", "0", "")))), 0);
    sep = worker_got(r, BUS_SEP_OPEN)->u.sep.id;
    assert_false(worker_got(r, BUS_SEP_OPEN)->u.sep.data);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(error_of(run(r, MODIFY(GROUPS("\"BUNDLE 1 3\", \"SCTP 4\"") DATA("SendReceive")))), 0);
        assert_int_equal(data_got(r, BUS_ASSOC_OPEN)->u.assoc.id, sep);
        chan = data_got(r, BUS_CHAN_OPEN)->u.chan.id;
        assert_null(worker_got(r, BUS_SEP_OPEN));
        assert_true(worker_got(r, BUS_SEP_REMOTE) && worker_got(r, BUS_SEP_REMOTE)->u.sep.data);
        assert_int_equal(error_of(run(r, MODIFY(GROUPS("\"BUNDLE 1\"") GOES("3")))), 0);
        assert_int_equal(data_got(r, BUS_CLOSE)->u.id, chan); /* before what carries it */
        assert_null(worker_got(r, BUS_SEP_CLOSE));
        assert_false(worker_got(r, BUS_SEP_REMOTE)->u.sep.data);
        closed(r, chan);
        closed(r, sep); /* data's word about the association */
        assert_non_null(r->ctl->ctxs->terms->transports);
    }
    run(r, "Context = 1 { W-Subtract = * { Audit { } } }");
    close_all(r);
    assert_true(ctl_is_idle(r->ctl));
}

/* Members go, the first one first; the last takes the transport along. */
static void members_go(void **state)
{
    struct rig *r = *state;
    bus_id sep, flow[2];

    assert_int_equal(error_of(run(r, ADD("\"BUNDLE 1 2 3\", \"SCTP 4\"", MEMBER("1", "audio", "111", "0", "") ", "
                                         MEMBER("2", "video", "96", "1", "") ", " DATA("SendReceive")))), 0);
    sep = worker_got(r, BUS_SEP_OPEN)->u.sep.id;
    flow[0] = flow_told(r, BUS_FLOW_OPEN, "0")->id;
    flow[1] = flow_told(r, BUS_FLOW_OPEN, "1")->id;
    assert_int_equal(error_of(run(r, MODIFY(GROUPS("\"BUNDLE 2 3\", \"SCTP 4\"") GOES("1")))), 0);
    assert_int_equal(worker_got(r, BUS_FLOW_CLOSE)->u.id, flow[0]);
    assert_null(worker_got(r, BUS_SEP_CLOSE));
    assert_int_equal(error_of(run(r, MODIFY(GROUPS("\"BUNDLE 3\", \"SCTP 4\"") GOES("2")))), 0);
    assert_int_equal(worker_got(r, BUS_FLOW_CLOSE)->u.id, flow[1]);
    assert_null(worker_got(r, BUS_SEP_CLOSE));
    assert_int_equal(error_of(run(r, MODIFY(GROUPS("\"BUNDLE 3 1\", \"SCTP 4\"") MEMBER("1", "audio", "111", "0", "")))), 0);
    assert_int_equal(worker_got(r, BUS_FLOW_OPEN)->u.flow.sep, sep);
    assert_null(worker_got(r, BUS_SEP_OPEN));
    closed(r, flow[0]);
    closed(r, flow[1]);
    run(r, "Context = 1 { W-Subtract = * { Audit { } } }");
    assert_int_equal(worker_got(r, BUS_SEP_CLOSE)->u.id, sep);
    close_all(r);
    assert_true(ctl_is_idle(r->ctl));
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(tells_mid), TEST(tells_no_mid), TEST(refused), TEST(data_joins), TEST(members_go)};

    return cmocka_run_group_tests_name("agw/ctl: bundles", tests, NULL, NULL);
}
