/* Control module without threads and sockets of its own peers: H.248 texts in, replies and bus
 * messages out. The messages are those of the Iq profile's examples (TS 23.334 6.2.10.6.2 steps 2
 * to 13 and what follows). */
#include "tests/unit/agw_rig.h"

#include "h248/pkg.h"

#define FP                                                                                         \
    "AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:"   \
    "88:99"

static const char ADD_T2[] = "Context = $ { Add = ip/$/core/$ { Media { Stream = 2 { LocalControl "
                             "{ Mode = Inactive, ipdc/realm = "
                             "\"core.example.net\" }, Local {\nv=0\nc=IN IP4 $\nm=message $ TCP "
                             "-\n} } }, Events = 2001 { hangterm/thb { timerx = "
                             "3600 } } } }";
static const char MODIFY_T2[] = "Context = 1 { Modify = ip/1/core/1 { Media { Stream = 2 { "
                                "LocalControl { Mode = SendReceive }, Remote {\nv=0\nc=IN IP4 "
                                "192.0.2.99\nm=message 2855 TCP -\n} } } } }";

#define T1_REMOTE                                                                                  \
    "Remote {\nv=0\nc=IN IP4 198.51.100.10\nm=application 50000 UDP/DTLS/SCTP "                    \
    "webrtc-datachannel\na=ice-ufrag:aZ3x\n"                                                       \
    "a=ice-pwd:0123456789abcdefghijkl\na=sctp-port:5001\na=max-message-size:65536\na=fingerprint:" \
    "sha-256 " FP "\n}"
#define T1_LOCAL                                                                                   \
    "Local {\nv=0\nc=IN IP4 $\nm=application $ UDP/DTLS/SCTP "                                     \
    "webrtc-datachannel\na=ice-ufrag:$\na=ice-pwd:$\n"                                             \
    "a=candidate:$\na=sctp-port:$\na=max-message-size:$\na=fingerprint:sha-256 $\n}"
#define ADD_T1_GROUP(group, deagg, streams)                                                        \
    "Context = 1 { Add = ip/$/access/$ { Media { TerminationState { mgroup/groupse = [" group      \
    "] }, Stream = 1 { "                                                                           \
    "LocalControl { Mode = SendReceive, ipdc/realm = \"access.example.net\", mgroup/strdeagg = "   \
    "[" deagg "] }, " T1_LOCAL ", " T1_REMOTE " }, " streams                                       \
    " }, Events = 2003 { hangterm/thb { timerx = 3600 }, tlsbsc/BNCChange { Stream = 1 } }, "      \
    "Signals { tlsbsc/EstBNC { Stream = 1 } } } }"
#define CHANNEL(stream, sid)                                                                       \
    "Stream = " stream " { LocalControl { Mode = SendReceive, sctpbcc/sctpid = " sid " } }"

static const char ADD_T1[] = ADD_T1_GROUP("\"SCTP 2\"", "2", CHANNEL("2", "0"));
static const char RELEASE[] = "Context = 1 { W-Subtract = * { Audit { } } }";

static void call_up(struct rig *r)
{
    assert_int_equal(error_of(run(r, ADD_T2)), 0);
    assert_int_equal(error_of(run(r, MODIFY_T2)), 0);
    assert_int_equal(error_of(run(r, ADD_T1)), 0);
}

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

static void test_refusals(void **state)
{
    struct rig *r = *state;
    static const struct {
        unsigned code;
        const char *text;
    } rows[] = {
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
    unsigned left;

    assert_int_equal(error_of(run(r, ADD_T2)), 0);
    left = port_left(r->ctl->realms[0].tcp[0]) + port_left(r->ctl->realms[1].udp[0]);
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        expect_error(r, rows[i].text, rows[i].code);
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

/* --- events --- */

static void test_dtls_failure(void **state)
{
    struct rig *r = *state;
    bus_id id;

    run(r, ADD_T2);
    run(r, MODIFY_T2);
    run(r, ADD_T1);
    id = worker_got(r, BUS_SEP_OPEN)->u.sep.id;
    event(r, id, BUS_EV_ICE_UP);
    event(r, id, BUS_EV_TCP_CLOSED); /* not armed */
    assert_int_equal(r->n_sent, 0);
    event(r, id, BUS_EV_DTLS_FAILED);
    assert_int_equal(r->n_sent, 1);
    assert_non_null(strstr(r->sent, "C=1{N=ip/1/access/2{OE=2003{"));
    assert_non_null(strstr(r->sent, "tlsbsc/BNCChange"));
    assert_non_null(strstr(r->sent, "Type=Failed"));
    r->cb(r->cb_arg, TRANS_TIMEOUT, NULL);
    assert_int_equal(count_get(&r->ctl->counts[CTL_C_TERMS]), 2);
    run(r, RELEASE);
    event(r, id, BUS_EV_DTLS_FAILED); /* late */
    assert_int_equal(r->n_sent, 1);
}

static void reply_with(struct rig *r, unsigned code)
{
    struct arena *a = arena_new(H248_ARENA_MAX);
    struct h248_txn *t = h248_txn_new(a, h248_msg_new(a, 2, &MID), H248_REPLY, 9001);
    struct h248_cmd *c = h248_cmd_new(a, h248_action_new(a, t, 1), H248_NOTIFY, SV("ip/1/core/1"));

    if (code)
        h248_cmd_error(a, c, code, NULL);
    r->cb(r->cb_arg, TRANS_REPLY, t);
    arena_free(a);
}

/* RFC 4975 5.4: the active party may open a lost connection again. That it came is told, the first time is not. */
static void test_tcp_comes_back(void **state)
{
    struct rig *r = *state;
    bus_id id;

    run(r, ADD_T2);
    id = data_got(r, BUS_TCP_OPEN)->u.tcp.id;
    run(r, "Context = 1 { Modify = ip/1/core/1 { Events = 5 { tcpbcc/BNCChange { Stream = 2 } } } }");
    event(r, id, BUS_EV_TCP_UP);
    assert_int_equal(r->n_sent, 0);
    for (unsigned i = 0; i < 2; i++) {
        event(r, id, BUS_EV_TCP_CLOSED);
        assert_int_equal(r->n_sent, 2 * i + 1);
        assert_non_null(strstr(r->sent, "Type=Rel"));
        reply_with(r, 0);
        event(r, id, BUS_EV_TCP_UP);
        assert_int_equal(r->n_sent, 2 * i + 2);
        assert_non_null(strstr(r->sent, "C=1{N=ip/1/core/1{OE=5{"));
        assert_non_null(strstr(r->sent, "tcpbcc/BNCChange"));
        assert_non_null(strstr(r->sent, "Type=Est"));
        reply_with(r, 0);
        event(r, id, BUS_EV_TCP_UP);
        assert_int_equal(r->n_sent, 2 * i + 2);
    }
    /* Est waits for the reply to Rel; what came and went meanwhile is not told */
    event(r, id, BUS_EV_TCP_CLOSED);
    event(r, id, BUS_EV_TCP_UP);
    event(r, id, BUS_EV_TCP_CLOSED);
    event(r, id, BUS_EV_TCP_UP);
    assert_int_equal(r->n_sent, 5);
    reply_with(r, 0);
    assert_int_equal(r->n_sent, 6);
    assert_non_null(strstr(r->sent, "Type=Est"));
    reply_with(r, 0);
    r->send_err = -ENOTCONN;
    event(r, id, BUS_EV_TCP_CLOSED);
    r->send_err = 0;
    event(r, id, BUS_EV_TCP_UP); /* it may have heard of the loss */
    assert_int_equal(r->n_sent, 7);
    reply_with(r, 0);
    event(r, id, BUS_EV_TCP_CLOSED);
    run(r, RELEASE);
    reply_with(r, 0);
    assert_int_equal(r->n_sent, 8);
}

static void test_heartbeat(void **state)
{
    struct rig *r = *state;

    run(r, ADD_T2);
    r->now += 3599999;
    ctl_tick(r->ctl, r->now);
    assert_int_equal(r->n_sent, 0);
    r->now += 1;
    ctl_tick(r->ctl, r->now);
    assert_int_equal(r->n_sent, 1);
    assert_non_null(strstr(r->sent, "OE=2001{"));
    assert_non_null(strstr(r->sent, "hangterm/thb"));
    reply_with(r, 0);
    assert_int_equal(count_get(&r->ctl->counts[CTL_C_TERMS]), 1);
    r->now += 3600000;
    ctl_tick(r->ctl, r->now);
    assert_int_equal(r->n_sent, 2);
    reply_with(r, 411); /* the controller knows nothing of it: H.248.36 */
    look(r);
    assert_int_equal(count_get(&r->ctl->counts[CTL_C_CONTEXTS]), 0);
    assert_non_null(data_got(r, BUS_CLOSE));
    r->now += 3600000;
    ctl_tick(r->ctl, r->now);
    assert_int_equal(r->n_sent, 2);
}

static void test_events_replaced(void **state)
{
    struct rig *r = *state;

    run(r, ADD_T2);
    run(r, "Context = 1 { Modify = ip/1/core/1 { Events = 9 { g/cause } } }");
    r->now += 7200000;
    ctl_tick(r->ctl, r->now);
    assert_int_equal(r->n_sent, 0);
    event(r, 1, BUS_EV_TCP_FAILED);
    assert_int_equal(r->n_sent, 1);
    assert_non_null(strstr(r->sent, "OE=9{"));
    assert_non_null(strstr(r->sent, "g/cause{Generalcause=FT}"));
    reply_with(r, 0);
    run(r, "Context = 1 { Modify = ip/1/core/1 { Events } }");
    event(r, 1, BUS_EV_TCP_FAILED);
    assert_int_equal(r->n_sent, 1);
}

static void test_notify_unsent(void **state)
{
    struct rig *r = *state;

    run(r, ADD_T2);
    r->send_err = -ENOTCONN;
    r->now += 3600000;
    ctl_tick(r->ctl, r->now);
    assert_int_equal(count_get(&r->ctl->counts[CTL_C_NOTIFY_LOST]), 1);
    assert_int_equal(r->ctl->notifying, 0);
}

static void test_ito(void **state)
{
    struct rig *r = *state;

    assert_int_equal(
        error_of(
            run(r, "Context = - { Modify = ROOT { Events = 3003 { it/ito { mit = 3000 } } } }")),
        0);
    r->now += 29000;
    ctl_heard(r->ctl, r->now);
    r->now += 29999;
    ctl_tick(r->ctl, r->now);
    assert_int_equal(r->n_sent, 0);
    r->now += 1;
    ctl_tick(r->ctl, r->now);
    assert_int_equal(r->n_sent, 1);
    assert_non_null(strstr(r->sent, "C=-{N=ROOT{OE=3003{"));
    reply_with(r, 0);
}

static void test_orphans(void **state)
{
    struct rig *r = *state;

    call_up(r);
    ctl_down(r->ctl, r->now);
    r->now += 999;
    ctl_tick(r->ctl, r->now);
    assert_int_equal(count_get(&r->ctl->counts[CTL_C_CONTEXTS]), 1);
    ctl_up(r->ctl, r->now);
    r->now += 5000;
    ctl_tick(r->ctl, r->now);
    assert_int_equal(count_get(&r->ctl->counts[CTL_C_CONTEXTS]), 1);
    ctl_down(r->ctl, r->now);
    r->now += 1000;
    ctl_tick(r->ctl, r->now);
    assert_int_equal(count_get(&r->ctl->counts[CTL_C_CONTEXTS]), 0);
}

/* --- audit --- */

static void test_audit_root(void **state)
{
    struct rig *r = *state;
    const struct h248_txn *t = run(r, "Context = - { AuditValue = ROOT { Audit { } } }");
    const struct h248_desc *d;

    assert_text(t->actions->cmds->terms->text, "ROOT");
    assert_null(t->actions->cmds->descs);
    t = run(r, "Context = - { AuditValue = ROOT { Audit { Media, Packages } } }");
    d = h248_desc_find(t->actions->cmds->descs, H248_D_MEDIA);
    assert_non_null(d);
    assert_int_equal(d->u.media.state.service, H248_SS_IN);
    assert_text(h248_parm_find(d->u.media.state.props, "root/maxNumberOfContexts")->values->text,
                "100");
    d = h248_desc_find(t->actions->cmds->descs, H248_D_PACKAGES);
    assert_non_null(d);
    assert_non_null(d->u.packages);
    t = run(r, "Context = - { AuditValue = ROOT { Audit { Media { TerminationState { "
               "root/maxTerminationsPerContext } } } } }");
    d = h248_desc_find(t->actions->cmds->descs, H248_D_MEDIA);
    assert_non_null(d);
    assert_null(h248_parm_find(d->u.media.state.props, "root/maxNumberOfContexts"));
    assert_text(
        h248_parm_find(d->u.media.state.props, "root/maxTerminationsPerContext")->values->text,
        "3");
}

/* --- packages: what an audit names works, the rest is refused --- */

static bool is_named(struct rig *r, const char *package)
{
    const struct h248_txn *t = run(r, "Context = - { AuditValue = ROOT { Audit { Packages } } }");
    const struct h248_desc *d = h248_desc_find(t->actions->cmds->descs, H248_D_PACKAGES);
    const struct h248_package *p;

    assert_non_null(d);
    DL_FOREACH(d->u.packages, p)
    {
        if (sv_is(p->name, package))
            return true;
    }
    return false;
}

static const struct {
    const char *package, *text;
} uses[] = {
#define CORE(x)   "Context = 1 { Modify = ip/1/core/1 { " x " } }"
#define RTP(x)    "Context = 1 { Modify = ip/1/core/3 { " x " } }"
#define ACCESS(x) "Context = 1 { Modify = ip/1/access/2 { " x " } }"
    {"g", CORE("Events = 5 { g/cause }")},
    {"root", "Context = - { AuditValue = ROOT { Audit { Media { TerminationState { "
             "root/maxNumberOfContexts } } } } }"},
    {"hangterm", CORE("Events = 5 { hangterm/thb { timerx = 60 } }")},
    {"it", "Context = - { Modify = ROOT { Events = 5 { it/ito { mit = 3000 } } } }"},
    {"gm", CORE("Media { Stream = 2 { LocalControl { gm/saf = ON, gm/spf = OFF } } }")},
    {"ipdc", CORE("Media { Stream = 2 { LocalControl { ipdc/realm = \"core.example.net\" } } }")},
    {"ds", "Context = 1 { Add = ip/$/core/$ { Media { Stream = 2 { LocalControl { ds/dscp = 10 }, "
           "Local {\nv=0\nc=IN IP4 $\nm=message $ TCP -\n} } } } }"},
    {"ipnapt", RTP("Signals { ipnapt/latch { Stream = 9, napt = LATCH } }")},
    {"tman", RTP("Media { Stream = 9 { LocalControl { tman/pol = ON, tman/pdr = 12000, tman/mbs = 1600 } } }")},
    {"rtcph", RTP("Media { Stream = 9 { LocalControl { rtcph/rsb = ON } } }")},
    {"adid", RTP("Events = 5 { adid/ipstop { dt = 5 } }")},
    {"tlsbsc", ACCESS("Events = 6 { tlsbsc/BNCChange { Stream = 1 } }")},
    {"tcpbcc", CORE("Events = 5 { tcpbcc/BNCChange { Stream = 2 } }")},
    {"mgastuns", ACCESS("Signals { mgastuns/astuns { Stream = 1 } }")},
    {"ostuncc", ACCESS("Signals { ostuncc/scc { Stream = 1, controlling = ON, nomination = regular } }")},
    {"stnconfres", ACCESS("Events = 6 { stnconfres/lost { Stream = 1 } }")},
    {"mgroup", ACCESS("Media { TerminationState { mgroup/groupse = [\"SCTP 2\"] } }")},
    {"sctpbcc", ACCESS("Events = 6 { sctpbcc/BNCChange { Stream = 1 } }")},
    {"sctpreset", ACCESS("Events = 6 { sctpreset/done { Stream = 2 } }")},
#define STATS "Context = 1 { AuditValue = ip/1/core/3 { Audit { Statistics } } }"
    {"nt", STATS},
    {"rtp", STATS},
    {"xmos", STATS},
#undef STATS
#undef CORE
#undef ACCESS
#undef RTP
};

static void use_it(struct rig *r, const char *package)
{
    for (unsigned i = 0; i < ARRAY_LEN(uses); i++) {
        if (strcmp(uses[i].package, package))
            continue;
        if (error_of(run(r, uses[i].text)))
            fail_msg("%s is named, but\n%s\ngets\n%s", package, uses[i].text, r->text);
        return;
    }
    fail_msg("%s is named and nothing here uses it", package);
}

static void expect_unknown(struct rig *r, const struct pkg *pkg, const struct pkg_item *it)
{
    const struct pkg_def *def = &it->def;
    char value[32], text[512];
    unsigned code;

    snprintf(value, sizeof value, def->type == PKG_STR ? "\"%s\"" : "%s",
             def->type == PKG_BOOL ? "ON"
             : def->type == PKG_ENUM ? def->values[0]
                                     : "1");
    if (it->kind == PKG_STATISTIC) /* they stand in replies only */
        return;
    if (it->kind == PKG_PROPERTY)
        snprintf(text, sizeof text,
                 "Context = 1 { Modify = ip/1/core/1 { Media { Stream = 2 { LocalControl { %s/%s = %s } } } } }",
                 pkg->name, it->name, value);
    else
        snprintf(text, sizeof text, "Context = 1 { Modify = ip/1/core/1 { %s { %s/%s } } }",
                 it->kind == PKG_EVENT ? "Events = 5" : "Signals", pkg->name, it->name);
    code = error_of(run(r, text));
    if (code < 440 || code > 459)
        fail_msg("%s is not named, but\n%s\ngets\n%s", pkg->name, text, r->text);
}

static void test_packages(void **state)
{
    struct rig *r = *state;
    const struct pkg *pkg;
    unsigned named = 0, n;

    call_up(r);
    assert_int_equal(error_of(run(r, "Context = 1 { Add = ip/$/core/$ { Media { Stream = 9 { Local {\nv=0\nc=IN IP4 $\n"
                                     "m=audio $ RTP/AVP 0\n} } } } }")),
                     0);
    for (n = 0; (pkg = pkg_at(n)); n++) {
        if (is_named(r, pkg->name)) {
            use_it(r, pkg->name);
            named++;
            continue;
        }
        for (unsigned i = 0; i < pkg->n_items; i++)
            expect_unknown(r, pkg, &pkg->items[i]);
    }
    assert_in_range(named, 10, n - 1);
}

static void test_audit_term(void **state)
{
    struct rig *r = *state;
    const struct h248_txn *t;
    const struct h248_desc *d;
    const struct h248_stream *s;

    call_up(r);
    t = run(r, "Context = 1 { AuditValue = ip/1/access/2 { Audit { Media, Events, Signals, "
               "Statistics } } }");
    d = h248_desc_find(t->actions->cmds->descs, H248_D_MEDIA);
    s = h248_stream_find(&d->u.media, 1);
    assert_true(s && s->local.present && s->remote.present);
    assert_int_equal(s->control.mode, H248_MODE_SENDRECV);
    assert_non_null(h248_parm_find(d->u.media.state.props, "mgroup/groupse"));
    d = h248_desc_find(t->actions->cmds->descs, H248_D_EVENTS);
    assert_int_equal(d->u.events.request_id, 2003);
    t = run(r, "Context = * { AuditValue = ip/1/core/1 { Audit { } } }");
    assert_int_equal(t->actions->context, 1);
    run(r, ADD_T2);
    t = run(r, "Context = * { AuditValue = * { Audit { } } }");
    assert_int_equal(t->actions->context, 1);
    assert_text(t->actions->cmds->next->terms->text, "ip/1/access/2");
    assert_int_equal(t->actions->next->context, 2);
    t = run(r, "Context = * { Subtract = * }");
    assert_int_equal(error_of(t), 0);
    assert_int_equal(count_get(&r->ctl->counts[CTL_C_CONTEXTS]), 0);
}

static void test_context_props(void **state)
{
    struct rig *r = *state;
    const struct h248_txn *t;

    run(r, "Context = $ { Priority = 10, Emergency, Add = $ { Media { Local {\nv=0\nc=IN IP4 "
           "$\nm=message $ TCP -\n} } } }");
    assert_int_equal(ctx_find(r->ctl, 1)->priority, 10);
    assert_true(ctx_find(r->ctl, 1)->emergency);
    t = run(r, "Context = 1 { ContextAudit { Priority } }");
    assert_true(t->actions->has_priority);
    assert_int_equal(t->actions->priority, 10);
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
        cmocka_unit_test_setup_teardown(test_dtls_failure, setup, teardown),
        cmocka_unit_test_setup_teardown(test_tcp_comes_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_heartbeat, setup, teardown),
        cmocka_unit_test_setup_teardown(test_events_replaced, setup, teardown),
        cmocka_unit_test_setup_teardown(test_notify_unsent, setup, teardown),
        cmocka_unit_test_setup_teardown(test_ito, setup, teardown),
        cmocka_unit_test_setup_teardown(test_orphans, setup, teardown),
        cmocka_unit_test_setup_teardown(test_audit_root, setup, teardown),
        cmocka_unit_test_setup_teardown(test_packages, setup_wide, teardown),
        cmocka_unit_test_setup_teardown(test_audit_term, setup, teardown),
        cmocka_unit_test_setup_teardown(test_context_props, setup, teardown),
    };

    return cmocka_run_group_tests_name("agw_cmd", tests, NULL, NULL);
}
