/* RTP streams through the control thread: the messages of the Iq profile (6, "DTLS-SRTP with ICE lite", "Emergency and
 * priority, gates, policing, latching"; TS 23.334 6.2.10.2, 6.2.10.5, 6.2.11), and what the worker is told. */
#include "tests/unit/agw_rig.h"

#define FP                                                                                         \
    "AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:"   \
    "88:99"

#define OPUS "a=rtpmap:111 opus/48000/2\na=rtpmap:110 telephone-event/48000\n"
#define WIC_LOCAL(id, media, fmts, more)                                                           \
    "Stream = " id " { LocalControl { Mode = SendReceive, ipdc/realm = \"access.example.net\", "   \
    "rtcph/rsb = OFF }, Local {\nv=0\nc=IN IP4 $\nm=" media " $ UDP/TLS/RTP/SAVPF " fmts           \
    "\na=rtcp-mux\na=ice-ufrag:$\na=ice-pwd:$\na=candidate:$\na=fingerprint:sha-256 $\n" more "}"
#define WIC_REMOTE(media, fmts, more)                                                              \
    "Remote {\nv=0\nc=IN IP4 198.51.100.10\nm=" media " 40000 UDP/TLS/RTP/SAVPF " fmts             \
    "\na=rtcp-mux\na=ice-ufrag:aZ3x\na=ice-pwd:0123456789abcdefghijkl\n"                           \
    "a=candidate:1 1 UDP 2130706431 198.51.100.10 40000 typ host\na=fingerprint:sha-256 " FP       \
    "\n" more "}"
#define WIC_EVENTS                                                                                 \
    "Events = 2010 { hangterm/thb { timerx = 3600 }, tlsbsc/BNCChange { Stream = 1 } }, "          \
    "Signals { mgastuns/astuns { Stream = 1 } }"

/* iq-profile 6, message 2001, letter by letter but for the context it goes to */
#define ADD_WIC(ctx)                                                                               \
    "Context = " ctx " { Add = ip/$/access/$ { Media { " WIC_LOCAL("1", "audio", "111", "") ", "   \
    WIC_REMOTE("audio", "111", "") " } }, " WIC_EVENTS " } }"

static const char ADD_CORE[] =
    "Context = $ { Add = ip/$/core/$ { Media { Stream = 1 { LocalControl { Mode = SendReceive, "
    "ipdc/realm = \"core.example.net\" }, Local {\nv=0\nc=IN IP4 $\nm=audio $ RTP/AVP 96 97\n"
    "a=rtpmap:96 opus/48000/2\na=rtpmap:97 telephone-event/48000\n} } } } }";
static const char CORE_ANSWER[] =
    "Context = 1 { Modify = ip/1/core/1 { Media { Stream = 1 { Remote {\nv=0\nc=IN IP4 192.0.2.99\n"
    "m=audio 30000 RTP/AVP 98 99\na=rtpmap:98 opus/48000/2\na=rtpmap:99 telephone-event/48000\n} } } } }";
static const char ADD_WIC_OPUS[] =
    "Context = 1 { Add = ip/$/access/$ { Media { " WIC_LOCAL("1", "audio", "111 110", OPUS) ", "
    WIC_REMOTE("audio", "111 110", OPUS) " } }, " WIC_EVENTS " } }";

static void test_example(void **state)
{
    struct rig *r = *state;
    const struct h248_txn *t = run(r, ADD_WIC("$"));
    struct sdp *sdp;
    const struct bus_msg *sep, *flow;
    char want[128];

    assert_int_equal(error_of(t), 0);
    sdp = local_of(r, t, 1);
    sep = worker_got(r, BUS_SEP_OPEN);
    flow = worker_got(r, BUS_FLOW_OPEN);
    assert_true(sep && flow);
    assert_ptr_equal(r->to_worker[0], sep); /* what a flow rides on goes first */
    assert_int_equal(r->n_data, 0);
    assert_int_equal(sdp->media->port, addr_port(&sep->u.sep.local));
    assert_text(sdp_attr_find(sdp->media->attrs, "ice-ufrag")->value, sep->u.sep.ufrag);
    assert_text(sdp_attr_find(sdp->media->attrs, "ice-pwd")->value, sep->u.sep.pwd);
    snprintf(want, sizeof want, "1 1 UDP 2130706431 127.0.0.1 %d typ host", sdp->media->port);
    assert_text(sdp_attr_find(sdp->media->attrs, "candidate")->value, want);
    assert_null(sdp_attr_next(sdp_attr_find(sdp->media->attrs, "candidate"), "candidate"));
    assert_non_null(sdp_attr_find(sdp->media->attrs, "fingerprint"));
    assert_true(sep->u.sep.fd >= 0 && sep->u.sep.ice && !sep->u.sep.data);
    assert_int_equal(sep->u.sep.role, BUS_DTLS_SERVER);
    assert_true(sep->u.sep.rtp.on && sep->u.sep.rtp.mux);
    assert_int_equal(sep->u.sep.rtp.sec, BUS_SEC_DTLS);
    assert_int_equal(sep->u.sep.rtp.rtcp_fd, -1);
    assert_int_equal(flow->u.flow.sep, sep->u.sep.id);
    assert_int_not_equal(flow->u.flow.id, sep->u.sep.id);
    assert_true(flow->u.flow.in && flow->u.flow.out && flow->u.flow.feedback && flow->u.flow.has_rtcp);
    assert_int_equal(flow->u.flow.n_fmts, 1);
    assert_int_equal(flow->u.flow.fmts[0].pt, 111);
    assert_non_null(flow->u.flow.counts);
    assert_false(flow->u.flow.bundled || flow->u.flow.video);
    assert_null(worker_got(r, BUS_FLOW_JOIN));
    /* established later: iq-profile 6, message 2002 */
    assert_int_equal(
        error_of(run(r, "Context = 1 { Modify = ip/1/access/1 { Signals { tlsbsc/EstBNC { Stream = 1 } } } }")), 0);
    sep = worker_got(r, BUS_SEP_REMOTE);
    assert_true(sep && sep->u.sep.establish);
    assert_int_equal(sep->u.sep.role, BUS_DTLS_CLIENT);
}

static void test_connected(void **state)
{
    struct rig *r = *state;
    const struct h248_txn *t = run(r, ADD_CORE);
    const struct bus_msg *sep = worker_got(r, BUS_SEP_OPEN), *flow = worker_got(r, BUS_FLOW_OPEN), *join;
    struct sdp *sdp = local_of(r, t, 1);
    bus_id core, wic;
    char host[ADDR_STRLEN];

    assert_true(sep && flow);
    assert_int_equal(sdp->media->port % 2, 0);
    assert_true(sep->u.sep.rtp.rtcp_fd >= 0 && !sep->u.sep.rtp.mux && !sep->u.sep.ice);
    assert_int_equal(sep->u.sep.rtp.sec, BUS_SEC_NONE);
    assert_int_equal(sep->u.sep.role, BUS_DTLS_NONE);
    assert_false(sep->u.sep.has_remote || flow->u.flow.feedback);
    assert_int_equal(flow->u.flow.n_fmts, 2);
    assert_true(flow->u.flow.fmts[1].event && flow->u.flow.fmts[0].clock == 48000);
    core = flow->u.flow.id;
    assert_int_equal(error_of(run(r, CORE_ANSWER)), 0);
    sep = worker_got(r, BUS_SEP_REMOTE);
    assert_string_equal(addr_str(&sep->u.sep.remote, host), "192.0.2.99:30000");
    assert_string_equal(addr_str(&sep->u.sep.rtp.remote_rtcp, host), "192.0.2.99:30001");
    assert_non_null(worker_got(r, BUS_FLOW_CHANGE));
    assert_int_equal(error_of(run(r, ADD_WIC_OPUS)), 0);
    wic = worker_got(r, BUS_FLOW_OPEN)->u.flow.id;
    join = worker_got(r, BUS_FLOW_JOIN);
    assert_non_null(join);
    assert_int_equal(join->u.wire.a, core);
    assert_int_equal(join->u.wire.b, wic);
    assert_int_equal(join->u.wire.a_to_b[96], 111);
    assert_int_equal(join->u.wire.a_to_b[97], 110);
    assert_int_equal(join->u.wire.a_to_b[0], BUS_PT_DROP);
    assert_int_equal(join->u.wire.b_to_a[111], 98);
    assert_int_equal(join->u.wire.b_to_a[110], 99);
    assert_int_equal(join->u.wire.b_to_a[98], BUS_PT_DROP);
    /* released: flows before what they ride on; everything comes back */
    assert_int_equal(error_of(run(r, "Context = 1 { W-Subtract = * { Audit { } } }")), 0);
    assert_int_equal(r->n_worker, 4);
    assert_int_equal(r->to_worker[0]->kind, BUS_FLOW_CLOSE);
    assert_int_equal(r->to_worker[1]->kind, BUS_SEP_CLOSE);
    assert_int_equal(r->n_data, 0);
    assert_false(ctl_is_idle(r->ctl));
    close_all(r);
    assert_true(ctl_is_idle(r->ctl));
    assert_int_equal(port_left(r->ctl->realms[0].udp[0]) + port_left(r->ctl->realms[1].udp[0]), 400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_example, setup, teardown),
        cmocka_unit_test_setup_teardown(test_connected, setup, teardown),
    };

    return cmocka_run_group_tests_name("agw_ctl_rtp", tests, NULL, NULL);
}
