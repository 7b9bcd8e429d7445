/* MSRP over ICE-TCP in the control thread (TS 33.203 W.3.4): what stands for `$` in Local, what is refused, which orders go where
 * and in which order, what the controller hears. */
#include "tests/unit/agw_rig.h"

#define LINE "a=candidate:$ 1 TCP $ $ $ typ host tcptype passive\n"
#define LOCAL_WITH(family, attrs) "Local {\nv=0\nc=IN " family " $\nm=message $ TCP/MSRP *\n" attrs "}"
#define LOCAL LOCAL_WITH("IP4", "a=ice-ufrag:$\na=ice-pwd:$\n" LINE)
#define REMOTE "Remote {\nv=0\nc=IN IP4 198.51.100.10\nm=message 9 TCP/MSRP *\na=setup:active\na=ice-ufrag:aZ3x\na=ice-pwd:0123456789abcdefghijkl\n}"
#define MODE "LocalControl { Mode = SendReceive }, "
#define ADD(context, local, more) "Context = " context " { Add = ip/$/access/$ { Media { Stream = 2 { " MODE local " } }" more " } }"
#define CORE "Context = 1 { Add = ip/$/core/$ { Media { Stream = 2 { " MODE "Local {\nv=0\nc=IN IP4 $\nm=message $ TCP -\n} } } } }"
#define MODIFY(what) "Context = 1 { Modify = ip/1/access/1 { " what " } }"

/* The access realm listens on another port, and on 80. */
static int setup_tcp(void **state)
{
    const int err = setup(state);
    struct realm_conf *access = &((struct rig *)*state)->realms[1];

    addr_parse(&access->tcp[0].at, SV("127.0.0.1"), 20443);
    addr_parse(&access->tcp[1].at, SV("127.0.0.1"), 20080);
    access->tcp[0].priority = 2000;
    access->tcp[1].priority = 1000;
    access->n_tcp = 2;
    return err;
}

static void test_local(void **state)
{
    struct rig *r = *state;
    const struct sdp *l = local_of(r, run(r, ADD("$", LOCAL ", " REMOTE, "")), 2);
    const struct sdp_attr *at = sdp_attr_of(l, l->media, "candidate");
    const struct bus_sep *sep = &worker_got(r, BUS_SEP_OPEN)->u.sep;
    const struct bus_msg *pipe = data_got(r, BUS_PIPE_OPEN);

    assert_int_equal(l->media->port, 20080); /* the last one stands in m= */
    assert_text(at->value, "2 1 TCP 2000 127.0.0.1 20443 typ host tcptype passive");
    assert_text(sdp_attr_next(at, "candidate")->value, "2 1 TCP 1000 127.0.0.1 20080 typ host tcptype passive");
    assert_null(data_got(r, BUS_TCP_OPEN));
    assert_non_null(pipe);
    assert_true(sep->ice && sep->fd == -1 && !sep->data && !sep->rtp.on && sep->role == BUS_DTLS_NONE);
    assert_true(sep->pipe == pipe->u.pipe.id && sep->id == pipe->u.pipe.sep && sep->pipe != sep->id);
    assert_string_equal(sep->remote_ufrag, "aZ3x");
    assert_string_equal(pipe->u.pipe.peer, "wic");
    assert_true(data_got(r, BUS_GATE)->u.gate.in && data_got(r, BUS_GATE)->u.gate.out);
}

static void test_refusals(void **state)
{
    static const struct {
        unsigned code;
        const char *add;
    } rows[] = {
        {501, ADD("$", LOCAL_WITH("IP4", "a=ice-ufrag:$\na=ice-pwd:$\na=candidate:$\n" LINE), "")},
        {501, ADD("$", LOCAL_WITH("IP4", "a=ice-ufrag:$\na=ice-pwd:$\n" LINE "a=candidate:1 1 UDP 1 127.0.0.1 20080 typ host\n"), "")},
        {501, ADD("$", LOCAL_WITH("IP4", "a=ice-ufrag:$\na=ice-pwd:$\n"), "")},
        {472, ADD("$", LOCAL_WITH("IP4", "a=ice-ufrag:abcdefgh\n" LINE), "")},
        {501, ADD("$", LOCAL_WITH("IP4", "a=setup:active\na=ice-ufrag:$\na=ice-pwd:$\n" LINE), "")},
        {501, ADD("$", LOCAL_WITH("IP6", "a=ice-ufrag:$\na=ice-pwd:$\n" LINE), "")},
        {449, ADD("$", LOCAL_WITH("IP4", "a=ice-ufrag:$\na=ice-pwd:$\na=candidate:2 1 TCP 1 127.0.0.1 20081 typ host tcptype passive\n"), "")},
        {501, "Context = $ { Add = ip/$/core/$ { Media { Stream = 2 { " MODE LOCAL " } } } }"},
        {501, ADD("$", LOCAL, ", Signals { ostuncc/scc { Stream = 2, controlling = ON } }")},
        {513, ADD("$", LOCAL, ", Signals { tcpbcc/EstBNC { Stream = 2 } }")},
        {513, ADD("$", LOCAL, ", Signals { tlsbsc/EstBNC { Stream = 2 } }")},
        {501, "Context = $ { Add = ip/$/access/$ { Media { Stream = 2 { LocalControl { Mode = SendReceive, ds/dscp = 46 }, " LOCAL " } } } }"},
    };
    struct rig *r = *state;

    for (unsigned i = 0; i < ARRAY_LEN(rows); i++)
        expect_error(r, rows[i].add, rows[i].code);
}

/* Connected by StreamID as a channel is, whichever comes first, and again when the core's part is another. */
static void test_joined(void **state)
{
    struct rig *r = *state;
    bus_id pipe;

    run(r, ADD("$", LOCAL, ""));
    pipe = data_got(r, BUS_PIPE_OPEN)->u.pipe.id;
    assert_null(data_got(r, BUS_JOIN));
    run(r, CORE);
    assert_int_equal(data_got(r, BUS_JOIN)->u.join.chan, pipe);
    assert_int_equal(data_got(r, BUS_JOIN)->u.join.tcp, data_got(r, BUS_TCP_OPEN)->u.tcp.id);
    run(r, "Context = 1 { Subtract = ip/1/core/2 }");
    run(r, CORE);
    assert_int_equal(data_got(r, BUS_JOIN)->u.join.chan, pipe);
    run(r, MODIFY("Media { Stream = 2 { LocalControl { Mode = Inactive } } }"));
    assert_false(data_got(r, BUS_GATE)->u.gate.in || data_got(r, BUS_GATE)->u.gate.out);
    run(r, "Context = 1 { Subtract = ip/1/access/1 }");
    assert_int_equal(data_got(r, BUS_CLOSE)->u.id, pipe);
    assert_non_null(worker_got(r, BUS_SEP_CLOSE));
}

static void test_restart(void **state)
{
    struct rig *r = *state;
    char was[16];

    run(r, ADD("$", LOCAL ", " REMOTE, ""));
    memcpy(was, worker_got(r, BUS_SEP_OPEN)->u.sep.ufrag, sizeof was);
    assert_int_equal(error_of(run(r, MODIFY("Media { Stream = 2 { " LOCAL " } }"))), 0);
    assert_string_not_equal(worker_got(r, BUS_SEP_REMOTE)->u.sep.ufrag, was);
    assert_true(worker_got(r, BUS_SEP_REMOTE)->u.sep.ufrag[0]);
    assert_null(data_got(r, BUS_PIPE_OPEN)); /* the session goes on */
    expect_error(r, MODIFY("Media { Stream = 2 { Local {\nv=0\nc=IN IP4 $\nm=message $ TCP/MSRP *\n} } }"), 501);
}

/* Lost, told; back, told; the first connection is no news. */
static void test_events(void **state)
{
    struct rig *r = *state;
    bus_id pipe, sep;

    run(r, ADD("$", LOCAL ", " REMOTE, ", Events = 7 { tcpbcc/BNCChange { Stream = 2 }, g/cause }"));
    pipe = data_got(r, BUS_PIPE_OPEN)->u.pipe.id;
    sep = worker_got(r, BUS_SEP_OPEN)->u.sep.id;
    event(r, pipe, BUS_EV_TCP_UP);
    assert_int_equal(r->n_sent, 0);
    event(r, pipe, BUS_EV_TCP_CLOSED);
    assert_int_equal(r->n_sent, 1);
    assert_non_null(strstr(r->sent, "Rel"));
    r->cb(r->cb_arg, TRANS_TIMEOUT, NULL);
    event(r, pipe, BUS_EV_TCP_UP);
    assert_non_null(strstr(r->sent, "Est"));
    r->cb(r->cb_arg, TRANS_TIMEOUT, NULL);
    event(r, pipe, BUS_EV_MSRP_BAD);
    assert_int_equal(r->n_sent, 3);
    r->cb(r->cb_arg, TRANS_TIMEOUT, NULL);
    event(r, sep, BUS_EV_ICE_LOST);
    assert_int_equal(r->n_sent, 4);
    assert_non_null(strstr(r->sent, "FT"));
    r->cb(r->cb_arg, TRANS_TIMEOUT, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_local, setup_tcp, teardown),
        cmocka_unit_test_setup_teardown(test_refusals, setup_tcp, teardown),
        cmocka_unit_test_setup_teardown(test_joined, setup_tcp, teardown),
        cmocka_unit_test_setup_teardown(test_restart, setup_tcp, teardown),
        cmocka_unit_test_setup_teardown(test_events, setup_tcp, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
