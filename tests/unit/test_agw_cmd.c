/* Control module without threads and sockets of its own peers: H.248 texts in, replies and bus
 * messages out. The messages are those of the Iq profile's examples (TS 23.334 6.2.10.6.2 steps 2
 * to 13 and what follows). */
#include "tests/unit/cmd_call.h"

/* --- steps 2 to 13 --- */

static void test_reserve(void **state)
{
    struct rig *r = *state;
    const struct h248_txn *t = run(r, ADD_T2);
    struct sdp *sdp = local_of(r, t, 2);
    const struct bus_msg *tcp = data_got(r, BUS_TCP_OPEN), *gate = data_got(r, BUS_GATE);

    assert_int_equal(t->actions->context, 1);
    assert_text(t->actions->cmds->terms->text, "ip/1/core/1");
    assert_text(sdp->conn.addr, "127.0.0.1");
    assert_non_null(tcp);
    assert_true(tcp->u.tcp.fd >= 0);
    assert_int_equal(sdp->media->port, addr_port(&tcp->u.tcp.local));
    assert_true(sdp->media->port >= 21000 && sdp->media->port < 21200);
    assert_text(sdp->media->proto, "TCP");
    assert_text(sdp->media->fmts, "-");
    assert_false(tcp->u.tcp.has_remote);
    assert_int_equal(tcp->u.tcp.role, BUS_TCP_UNDECIDED);
    assert_non_null(gate);
    assert_false(gate->u.gate.in || gate->u.gate.out);
    assert_int_equal(r->n_worker, 0);
}

static void test_configure(void **state)
{
    struct rig *r = *state;
    const struct h248_txn *t;
    const struct bus_msg *tcp, *gate;
    char host[ADDR_STRLEN];

    run(r, ADD_T2);
    t = run(r, MODIFY_T2);
    assert_int_equal(error_of(t), 0);
    assert_null(t->actions->cmds->descs); /* nothing was under-specified: TS 29.334 5.8.2 */
    tcp = data_got(r, BUS_TCP_REMOTE);
    gate = data_got(r, BUS_GATE);
    assert_non_null(tcp);
    assert_true(tcp->u.tcp.has_remote);
    assert_string_equal(addr_str(&tcp->u.tcp.remote, host), "192.0.2.99:2855");
    assert_int_equal(tcp->u.tcp.role, BUS_TCP_PASSIVE);
    assert_true(gate && gate->u.gate.in && gate->u.gate.out);
    assert_null(data_got(r, BUS_TCP_OPEN));
}

static void test_group(void **state)
{
    struct rig *r = *state;
    const struct h248_txn *t;
    const struct bus_msg *assoc, *sep, *chan, *join;
    struct sdp *sdp;
    char fp[200];

    run(r, ADD_T2);
    run(r, MODIFY_T2);
    t = run(r, ADD_T1);
    sdp = local_of(r, t, 1);
    assert_text(t->actions->cmds->terms->text, "ip/1/access/2");
    assert_null(
        h248_stream_find(&h248_desc_find(t->actions->cmds->descs, H248_D_MEDIA)->u.media, 2));
    snprintf(fp, sizeof fp, "sha-256 %s", r->cert->fingerprint);
    assert_text(sdp_attr_find(sdp->media->attrs, "fingerprint")->value, fp);
    assert_text(sdp_attr_find(sdp->media->attrs, "sctp-port")->value, "5000");
    assert_text(sdp_attr_find(sdp->media->attrs, "max-message-size")->value, "262144");
    assoc = data_got(r, BUS_ASSOC_OPEN);
    chan = data_got(r, BUS_CHAN_OPEN);
    join = data_got(r, BUS_JOIN);
    sep = worker_got(r, BUS_SEP_OPEN);
    assert_true(assoc && chan && join && sep);
    assert_ptr_equal(r->to_data[0], assoc); /* before the transport and the channel: agw/bus.h */
    assert_int_equal(assoc->u.assoc.id, sep->u.sep.id);
    assert_int_equal(assoc->u.assoc.remote_port, 5001);
    assert_int_equal(assoc->u.assoc.remote_max, 65536);
    assert_int_equal(chan->u.chan.assoc, assoc->u.assoc.id);
    assert_int_equal(chan->u.chan.sid, 0);
    assert_true(chan->u.chan.negotiated);
    assert_int_equal(join->u.join.chan, chan->u.chan.id);
    assert_true(sep->u.sep.ice && sep->u.sep.establish);
    assert_int_equal(sep->u.sep.role, BUS_DTLS_CLIENT);
    assert_string_equal(sep->u.sep.remote_ufrag, "aZ3x");
    assert_string_equal(sep->u.sep.fp_hash, "sha-256");
    assert_int_equal(sep->u.sep.fp_len, 32);
    assert_int_equal(sep->u.sep.fp[31], 0x99);
    assert_text(sdp_attr_find(sdp->media->attrs, "ice-ufrag")->value, sep->u.sep.ufrag);
    assert_text(sdp_attr_find(sdp->media->attrs, "ice-pwd")->value, sep->u.sep.pwd);
    assert_true(strlen(sep->u.sep.pwd) >= 22);
    assert_int_equal(addr_port(&sep->u.sep.local), sdp->media->port);
}

static void test_release(void **state)
{
    struct rig *r = *state;
    const struct h248_txn *t;
    unsigned closes = 0;

    call_up(r);
    t = run(r, RELEASE);
    assert_int_equal(error_of(t), 0);
    assert_int_equal(t->actions->context, 1);
    assert_text(t->actions->cmds->terms->text, "*");
    assert_null(t->actions->cmds->next);
    assert_null(t->actions->cmds->descs);
    assert_non_null(worker_got(r, BUS_SEP_CLOSE));
    for (unsigned i = 0; i < r->n_data; i++)
        closes += r->to_data[i]->kind == BUS_CLOSE;
    assert_int_equal(closes, 3); /* association, channel, TCP */
    assert_false(ctl_is_idle(r->ctl));
    close_all(r);
    assert_true(ctl_is_idle(r->ctl));
    for (unsigned i = 0; i < CTL_C_ENDPOINTS + 1; i++)
        assert_int_equal(count_get(&r->ctl->counts[i]), 0);
    expect_error(r, RELEASE, 411);
}

static void test_release_each(void **state)
{
    struct rig *r = *state;
    const struct h248_txn *t;

    call_up(r);
    t = run(r, "Context = 1 { Subtract = ip/1/core/*, Subtract = ip/1/access/2 { Audit { } } }");
    assert_int_equal(error_of(t), 0);
    assert_text(t->actions->cmds->terms->text, "ip/1/core/1");
    assert_text(t->actions->cmds->next->terms->text, "ip/1/access/2");
    close_all(r);
    assert_true(ctl_is_idle(r->ctl));
}

/* A port is used again only after its socket is closed. */
static void test_port_rests(void **state)
{
    struct rig *r = *state; /* one port only */

    assert_int_equal(error_of(run(r, ADD_T2)), 0);
    assert_int_equal(error_of(run(r, RELEASE)), 0);
    expect_error(r, ADD_T2, 510);
    closed(r, 1);
    assert_true(ctl_is_idle(r->ctl));
    assert_int_equal(error_of(run(r, ADD_T2)), 0);
}

/* --- refusals leave nothing behind --- */

static const struct refusal {
    unsigned code;
    const char *text;
} refusals[] = {
    {411, "Context = 99 { Subtract = * }"},
    {421, "Context = $ { Subtract = * }"},
    {421, "Context = - { Add = $ }"},
    {430,
     "Context = 1 { Modify = ip/1/core/77 { Media { LocalControl { Mode = Inactive } } } }"},
    {431, "Context = 1 { Subtract = ip/1/nowhere/* }"},
    {410, "Context = 1 { Subtract = ip/$/core/$ }"},
    {443, "Context = 1 { Move = ip/1/core/1 }"},
    {443, "Context = - { AuditCapability = ROOT { Audit { } } }"},
    {430, "Context = 1 { Add = ip/$/nowhere/$ { Media { Local {\nv=0\nc=IN IP4 $\nm=message $ "
          "TCP -\n} } } }"},
    {449, "Context = 1 { Add = $ { Media { Stream = 1 { LocalControl { ipdc/realm = \"x\" }, "
          "Local {\nv=0\nc=IN IP4 "
          "$\nm=message $ TCP -\n} } } } }"},
    {473, "Context = 1 { Add = ip/$/core/$ { Media { Stream = 1 { LocalControl { ipdc/realm = "
          "\"access.example.net\" }, "
          "Local {\nv=0\nc=IN IP4 $\nm=message $ TCP -\n} } } } }"},
    {449,
     "Context = 1 { Add = $ { Media { Local {\nv=0\nc=IN IP6 $\nm=message $ TCP -\n} } } }"},
    {449, "Context = 1 { Add = $ { Media { Local {\nv=0\nc=IN IP4 192.0.2.1\nm=message $ TCP "
          "-\n} } } }"},
    {515,
     "Context = 1 { Add = $ { Media { Local {\nv=0\nc=IN IP4 $\nm=audio $ TCP/RTP/AVP 0\n} } } }"},
    {501, "Context = 1 { Add = $ { Media { Local {\nv=0\nc=IN IP4 $\nm=message $ TCP/MSRP *\n"
          "a=candidate:$\n} } } }"},
    {501, "Context = 1 { Add = $ { Media { Local {\nv=0\nc=IN IP4 $\nm=message $ TCP/MSRP *\n"
          "a=candidate:$ 1 TCP $ $ $ typ host tcptype passive\n} } } }"},
    {501, "Context = 1 { Add = $ { Media { Local {\nv=0\nc=IN IP4 $\nm=message $ TCP/MSRP *\n"
          "a=ice-ufrag:abcdefgh\na=ice-pwd:0123456789abcdefghijklmn\n} } } }"},
    {501, "Context = 1 { Modify = ip/1/core/1 { Media { Stream = 2 { Local {\nv=0\nc=IN IP4 $\n"
          "m=message $ TCP -\na=ice-ufrag:$\na=ice-pwd:$\n} } } } }"},
    {441, "Context = 1 { Add = $ { Media { LocalControl { Mode = Inactive } } } }"},
    {472, "Context = 1 { Add = $ }"},
    {474, "Context = 1 { Add = $ { Media { Local {\nv=0\nc=IN IP4 $\nm=message 70000 TCP -\n} "
          "} } }"},
    {517, "Context = 1 { Add = $ { Media { LocalControl { Mode = Loopback } } } }"},
    {440, "Context = 1 { Add = $ { Media { LocalControl { nosuch/thing = 1 } } } }"},
    {445, "Context = 1 { Add = $ { Media { LocalControl { tman/pol = ON }, Local {\nv=0\nc=IN "
          "IP4 $\nm=message $ TCP "
          "-\n} } } }"},
    {512, "Context = 1 { Add = $ { Media { Local {\nv=0\nc=IN IP4 $\nm=message $ TCP -\n} }, "
          "Events = 1 { adid/ipstop { "
          "dt = 5 } } } }"},
    {445, "Context = 1 { Add = $ { Media { LocalControl { gm/spf = ON }, Local {\nv=0\nc=IN "
          "IP4 $\nm=message $ TCP -\n} } } }"},
    {512, "Context = 1 { Modify = ip/1/core/1 { Events = 1 { g/sc } } }"},
    {513, "Context = 1 { Modify = ip/1/core/1 { Signals { tcpbcc/RelBNC { Stream = 2 } } } }"},
    {513, "Context = 1 { Add = $ { Media { Stream = 2 { Local {\nv=0\nc=IN IP4 $\nm=message $ "
          "TCP -\n} } }, Signals { "
          "tlsbsc/EstBNC { Stream = 2 } } } }"},
    {489, ADD_T1_GROUP("\"SCTP 3\"", "2", CHANNEL("2", "0"))},
    {489, ADD_T1_GROUP("\"SCTP 2\"", "2,3", CHANNEL("2", "0"))},
    {489, ADD_T1_GROUP("\"SCTP 2 3\"", "2,3", CHANNEL("2", "0") ", " CHANNEL("3", "0"))},
    {501, "Context = 1 { W-Modify = * { Media { LocalControl { Mode = Inactive } } } }"},
    {501, "Context = 1 { Modify = ip/1/core/1 { Media { Stream = 2 { LocalControl { ds/dscp = "
          "10 } } } } }"},
    {449, "Context = 1 { Modify = ip/1/core/1 { Media { Stream = 2 { Remote {\nv=0\nc=IN IP4 "
          "$\nm=message 9 TCP -\n} } } "
          "} }"},
    {435, "Context = 1 { AuditValue = ROOT { Audit { } } }"},
    {444, "Context = 1 { AuditValue = ip/1/core/1 { Audit { DigitMap } } }"},
};

static void test_refusals(void **state)
{
    struct rig *r = *state;
    unsigned left;

    assert_int_equal(error_of(run(r, ADD_T2)), 0);
    left = port_left(r->ctl->realms[0].tcp[0]) + port_left(r->ctl->realms[1].udp[0]);
    for (unsigned i = 0; i < ARRAY_LEN(refusals); i++) {
        expect_error(r, refusals[i].text, refusals[i].code);
        assert_int_equal(r->n_data, 0);
        assert_int_equal(count_get(&r->ctl->counts[CTL_C_TERMS]), 1);
        assert_int_equal(count_get(&r->ctl->counts[CTL_C_STREAMS]), 1);
        assert_int_equal(count_get(&r->ctl->counts[CTL_C_ENDPOINTS]), 1);
        assert_int_equal(port_left(r->ctl->realms[0].tcp[0]) + port_left(r->ctl->realms[1].udp[0]),
                         left);
    }
}

static void test_no_context_left(void **state)
{
    struct rig *r = *state;

    expect_error(r, "Context = $ { Add = $ { Media { LocalControl { ipdc/realm = \"x\" } } } }",
                 449);
    assert_text(r->reply->txns->actions->cmds->terms->text, "$");
    assert_int_equal(r->reply->txns->actions->context, H248_CTX_CHOOSE);
    assert_true(ctl_is_idle(r->ctl));
}

static void test_limits(void **state)
{
    struct rig *r = *state; /* one context, two terminations, one port a realm */
    static const char access[] = "Context = 1 { Add = ip/$/access/$ { Media { Local {\nv=0\nc=IN "
                                 "IP4 $\nm=message $ TCP -\n} } } }";

    assert_int_equal(error_of(run(r, ADD_T2)), 0);
    expect_error(r, ADD_T2, 412);
    expect_error(r,
                 "Context = 1 { Add = ip/$/core/$ { Media { Local {\nv=0\nc=IN IP4 $\nm=message $ "
                 "TCP -\n} } } }",
                 510);
    assert_int_equal(error_of(run(r, access)), 0);
    expect_error(r, access, 434);
}

static void test_435(void **state)
{
    struct rig *r = *state;

    run(r, ADD_T2);
    run(r, ADD_T2);
    expect_error(r, "Context = 2 { Subtract = ip/1/core/1 }", 435);
    assert_int_equal(count_get(&r->ctl->counts[CTL_C_CONTEXTS]), 2);
}

/* The first failure ends the transaction; what went before stands; O- goes on. */
static void test_stop(void **state)
{
    struct rig *r = *state;
    const struct h248_txn *t;

    run(r, ADD_T2);
    t = run(r, "Context = 1 { Modify = ip/1/core/1 { Media { Stream = 2 { LocalControl { Mode = "
               "SendOnly } } } }, "
               "Subtract = ip/1/core/9, Subtract = * }, Context = 1 { Subtract = * }");
    assert_int_equal(error_of(t), 430);
    assert_null(t->actions->next);
    assert_null(t->actions->cmds->next->next);
    assert_true(data_got(r, BUS_GATE)->u.gate.out);
    assert_false(data_got(r, BUS_GATE)->u.gate.in);
    t = run(r, "Context = 1 { O-Subtract = ip/1/core/9, Subtract = ip/1/core/1 }");
    assert_int_equal(error_of(t), 0);
    assert_non_null(h248_desc_find(t->actions->cmds->descs, H248_D_ERROR));
    assert_int_equal(count_get(&r->ctl->counts[CTL_C_CONTEXTS]), 0);
}

/* --- a second channel comes and goes --- */

static const char ADD_S3_T2[] = "Context = 1 { Modify = ip/1/core/1 { Media { Stream = 3 { "
                                "LocalControl { Mode = SendReceive }, Local {\nv=0\nc=IN IP4 "
                                "$\nm=message $ TCP -\n} } } } }";
static const char ADD_S3_T1[] =
    "Context = 1 { Modify = ip/1/access/2 { Media { TerminationState { mgroup/groupse = [\"SCTP 2 "
    "3\"] }, Stream = 1 { "
    "LocalControl { mgroup/strdeagg = [2, 3] } }, " CHANNEL("3", "2") " } } }";
static const char DEL_S3_T1[] = "Context = 1 { Modify = ip/1/access/2 { Media { TerminationState { "
                                "mgroup/groupse = [\"SCTP 2\"] }, Stream = 1 { "
                                "LocalControl { mgroup/strdeagg = [2] } } } } }";

static void test_second_channel(void **state)
{
    struct rig *r = *state;
    const struct bus_msg *chan, *join;
    bus_id id;

    call_up(r);
    assert_int_equal(error_of(run(r, ADD_S3_T2)), 0);
    assert_non_null(data_got(r, BUS_TCP_OPEN));
    assert_int_equal(error_of(run(r, ADD_S3_T1)), 0);
    chan = data_got(r, BUS_CHAN_OPEN);
    join = data_got(r, BUS_JOIN);
    assert_true(chan && join);
    assert_int_equal(chan->u.chan.sid, 2);
    assert_int_equal(join->u.join.chan, chan->u.chan.id);
    assert_int_equal(r->n_worker, 0);
    id = chan->u.chan.id;

    /* the channel is reset, then removed: TS 23.334 6.2.22.2 */
    assert_int_equal(
        error_of(run(
            r,
            "Context = 1 { Modify = ip/1/access/2 { Events = 7 { sctpreset/done { Stream = 3 } }, "
            "Signals { sctpreset/reset { Stream = 3, sid = 2 } } } }")),
        0);
    assert_non_null(data_got(r, BUS_CHAN_RESET));
    assert_int_equal(data_got(r, BUS_CHAN_RESET)->u.id, id);
    event(r, id, BUS_EV_CHAN_RESET_DONE);
    assert_int_equal(r->n_sent, 1);
    assert_non_null(strstr(r->sent, "sctpreset/done"));
    assert_non_null(strstr(r->sent, "=7{"));
    r->cb(r->cb_arg, TRANS_CLOSED, NULL);

    assert_int_equal(error_of(run(r, DEL_S3_T1)), 0);
    assert_non_null(data_got(r, BUS_CLOSE));
    assert_int_equal(data_got(r, BUS_CLOSE)->u.id, id);
    assert_int_equal(error_of(run(r, "Context = 1 { Modify = ip/1/core/1 { Media { Stream = 3 { "
                                     "Local { }, Remote { } } } } }")),
                     0);
    assert_non_null(data_got(r, BUS_CLOSE));
    assert_int_equal(count_get(&r->ctl->counts[CTL_C_STREAMS]), 3);
}

static void test_modify_checks_merged(void **state)
{
    struct rig *r = *state;

    call_up(r);
    expect_error(r,
                 "Context = 1 { Modify = ip/1/access/2 { Media { Stream = 1 { LocalControl { "
                 "mgroup/strdeagg = [2, 3] } } "
                 "} } }",
                 489);
    expect_error(r, "Context = 1 { Modify = ip/1/access/2 { Media { " CHANNEL("3", "4") " } } }",
                 489);
    assert_int_equal(count_get(&r->ctl->counts[CTL_C_STREAMS]), 3);
}

/* --- DTLS role --- */

#define ADD_T1_SERVER                                                                              \
    "Context = $ { Add = ip/$/access/$ { Media { TerminationState { mgroup/groupse = [\"SCTP "     \
    "2\"] }, Stream = 1 { "                                                                        \
    "LocalControl { Mode = SendReceive, mgroup/strdeagg = [2] }, " T1_LOCAL                        \
    " }, " CHANNEL("2", "0") " } } }"

static void test_dtls_role(void **state)
{
    struct rig *r = *state;
    const struct bus_msg *sep;

    assert_int_equal(error_of(run(r, ADD_T1_SERVER)), 0);
    assert_int_equal(worker_got(r, BUS_SEP_OPEN)->u.sep.role, BUS_DTLS_NONE);
    assert_false(worker_got(r, BUS_SEP_OPEN)->u.sep.has_remote);
    assert_int_equal(
        error_of(run(r, "Context = 1 { Modify = ip/1/access/1 { Media { Stream = 1 { " T1_REMOTE
                        " } } } }")),
        0);
    sep = worker_got(r, BUS_SEP_REMOTE);
    assert_int_equal(sep->u.sep.role, BUS_DTLS_SERVER);
    assert_string_equal(sep->u.sep.ufrag, ""); /* unchanged */
    assert_int_equal(data_got(r, BUS_ASSOC_REMOTE)->u.assoc.remote_port, 5001);
    assert_int_equal(
        error_of(run(
            r,
            "Context = 1 { Modify = ip/1/access/1 { Signals { tlsbsc/EstBNC { Stream = 1 } } } }")),
        0);
    sep = worker_got(r, BUS_SEP_REMOTE);
    assert_int_equal(sep->u.sep.role, BUS_DTLS_CLIENT);
    assert_true(sep->u.sep.establish);
}

static void test_tcp_role(void **state)
{
    struct rig *r = *state;

    run(r, ADD_T2);
    run(r, "Context = 1 { Modify = ip/1/core/1 { Media { Stream = 2 { Remote {\nv=0\nc=IN IP4 "
           "192.0.2.99\nm=message 2855 TCP "
           "-\na=setup:passive\n} } } } }");
    assert_int_equal(data_got(r, BUS_TCP_REMOTE)->u.tcp.role, BUS_TCP_ACTIVE);
    run(r, "Context = $ { Add = $ { Media { Local {\nv=0\nc=IN IP4 $\nm=message $ TCP/MSRP "
           "*\na=setup:passive\n} } } }");
    assert_int_equal(data_got(r, BUS_TCP_OPEN)->u.tcp.role, BUS_TCP_PASSIVE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_reserve, setup, teardown),
        cmocka_unit_test_setup_teardown(test_configure, setup, teardown),
        cmocka_unit_test_setup_teardown(test_group, setup, teardown),
        cmocka_unit_test_setup_teardown(test_release, setup, teardown),
        cmocka_unit_test_setup_teardown(test_release_each, setup, teardown),
        cmocka_unit_test_setup_teardown(test_port_rests, setup_small, teardown),
        cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_context_left, setup, teardown),
        cmocka_unit_test_setup_teardown(test_limits, setup_small, teardown),
        cmocka_unit_test_setup_teardown(test_435, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stop, setup, teardown),
        cmocka_unit_test_setup_teardown(test_second_channel, setup, teardown),
        cmocka_unit_test_setup_teardown(test_modify_checks_merged, setup, teardown),
        cmocka_unit_test_setup_teardown(test_dtls_role, setup, teardown),
        cmocka_unit_test_setup_teardown(test_tcp_role, setup, teardown),
    };

    return cmocka_run_group_tests_name("agw_cmd", tests, NULL, NULL);
}
