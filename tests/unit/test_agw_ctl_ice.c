/* Full ICE through the control thread (TS 23.334 6.2.17.2 to .6): the signals ostuncc/scc and stnconfres/test as orders to
 * the worker, its events as NOTIFY. */
#include "tests/unit/agw_rig.h"

#define FP                                                                                         \
    "AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:"   \
    "88:99"
#define LOCAL                                                                                      \
    "LocalControl { Mode = SendReceive, rtcph/rsb = OFF }, Local {\nv=0\nc=IN IP4 $\n"             \
    "m=audio $ UDP/TLS/RTP/SAVPF 0\na=rtcp-mux\na=ice-ufrag:$\na=ice-pwd:$\na=candidate:$\n"       \
    "a=fingerprint:sha-256 $\n}"
#define REMOTE(more)                                                                               \
    "Remote {\nv=0\nc=IN IP4 198.51.100.10\nm=audio 40000 UDP/TLS/RTP/SAVPF 0\na=rtcp-mux\n"       \
    "a=ice-ufrag:aZ3x\na=ice-pwd:0123456789abcdefghijkl\na=fingerprint:sha-256 " FP "\n" more "}"
#define CANDIDATES                                                                                 \
    "a=candidate:1 1 UDP 2130706431 198.51.100.10 40000 typ host\n"                                \
    "a=candidate:2 1 udp 1694498815 203.0.113.5 41000 typ srflx raddr 198.51.100.10 rport 40000\n" \
    "a=candidate:3 1 UDP 2130706430 0a1b2c3d-aaaa-bbbb-cccc-000000000000.local 40001 typ host\n"   \
    "a=candidate:4 1 TCP 1518280447 198.51.100.10 9 typ host tcptype active\n"                     \
    "a=candidate:5 2 UDP 2130706430 198.51.100.10 40002 typ host\n"                                \
    "a=candidate:6 nonsense\n"
#define EVENTS                                                                                     \
    "Events = 2010 { ostuncc/ccr { Stream = 1 }, ostuncc/nprc { Stream = 1 }, "                    \
    "stnconfres/lost { Stream = 1 } }"
#define ADD(media, signals)                                                                        \
    "Context = $ { Add = ip/$/access/$ { Media { Stream = 1 { " media " } }, " EVENTS              \
    ", Signals { mgastuns/astuns { Stream = 1 }" signals " } } }"
#define MODIFY(what) "Context = 1 { Modify = ip/1/access/1 { " what " } }"

static void test_answer(void **state)
{
    struct rig *r = *state;
    const struct bus_ice *full;
    char text[ADDR_STRLEN];

    assert_int_equal(error_of(run(r, ADD(LOCAL ", " REMOTE(CANDIDATES),
                                         ", ostuncc/scc { Stream = 1, controlling = OFF, nomination = regular }"))), 0);
    full = worker_got(r, BUS_SEP_OPEN)->u.sep.full;
    assert_non_null(full);
    assert_false(full->controlling);
    assert_int_equal(full->n, 2); /* the rest is nothing to check */
    assert_string_equal(addr_str(&full->cands[0].addr, text), "198.51.100.10:40000");
    assert_string_equal(addr_str(&full->cands[1].addr, text), "203.0.113.5:41000");
    assert_int_equal(full->cands[1].priority, 1694498815);
}

/* The far end's description comes later, and more candidates after it (6.2.17.4); new credentials keep the agent full. */
static void test_offer(void **state)
{
    struct rig *r = *state;
    const struct bus_sep *sep;

    run(r, ADD(LOCAL, ", ostuncc/scc { Stream = 1, controlling = ON }"));
    sep = &worker_got(r, BUS_SEP_OPEN)->u.sep;
    assert_true(sep->full && sep->full->controlling && sep->full->n == 0 && !sep->has_remote);
    assert_int_equal(error_of(run(r, MODIFY("Media { Stream = 1 { " REMOTE(CANDIDATES) " } }"))), 0);
    sep = &worker_got(r, BUS_SEP_REMOTE)->u.sep;
    assert_true(sep->full && sep->full->controlling && sep->full->n == 2);
    assert_string_equal(sep->remote_ufrag, "aZ3x");
    assert_int_equal(error_of(run(r, MODIFY("Media { Stream = 1 { " REMOTE(CANDIDATES
                                  "a=candidate:7 1 UDP 16777215 203.0.113.6 42000 typ relay\n") " } }"))), 0);
    sep = &worker_got(r, BUS_SEP_REMOTE)->u.sep;
    assert_int_equal(sep->full->n, 3);
    assert_string_equal(sep->ufrag, ""); /* ours are as they were */
}

static void test_lite(void **state)
{
    struct rig *r = *state;
    const struct bus_sep *sep;

    run(r, ADD(LOCAL ", " REMOTE(CANDIDATES), ""));
    assert_null(worker_got(r, BUS_SEP_OPEN)->u.sep.full);
    run(r, MODIFY("Signals { stnconfres/test { Stream = 1, on = ON } }"));
    sep = &worker_got(r, BUS_SEP_REMOTE)->u.sep;
    assert_true(sep->consent && !sep->full);
    run(r, MODIFY("Signals { stnconfres/test { Stream = 1, on = OFF } }"));
    assert_false(worker_got(r, BUS_SEP_REMOTE)->u.sep.consent);
    run(r, MODIFY("Signals { ostuncc/scc { Stream = 1, controlling = OFF } }"));
    assert_int_equal(worker_got(r, BUS_SEP_REMOTE)->u.sep.full->n, 2);
}

/* RFC 8445 6.1.1: a lite far end never controls. */
static void test_lite_far_end(void **state)
{
    struct rig *r = *state;

    run(r, ADD(LOCAL ", " REMOTE("a=ice-lite\n"), ", ostuncc/scc { Stream = 1, controlling = OFF }"));
    assert_true(worker_got(r, BUS_SEP_OPEN)->u.sep.full->controlling);
}

static void test_too_many(void **state)
{
    struct rig *r = *state;
    char text[16384];
    size_t n = (size_t)snprintf(text, sizeof text, "Context = $ { Add = ip/$/access/$ { Media { Stream = 1 { " LOCAL ", ");

    n += (size_t)snprintf(text + n, sizeof text - n, "%.*s", (int)strlen(REMOTE("")) - 1, REMOTE(""));
    for (int i = 1; i <= 60; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "a=candidate:%d 1 UDP %d 198.51.100.10 %d typ host\n", i, i, 1000 + i);
    snprintf(text + n, sizeof text - n, "} } }, Signals { ostuncc/scc { Stream = 1, controlling = ON } } } }");
    assert_int_equal(error_of(run(r, text)), 0);
    assert_int_equal(worker_got(r, BUS_SEP_OPEN)->u.sep.full->n, BUS_ICE_CANDS);
}

/* Answers to our own checks name nobody: a port of its own, where lite streams share one. */
static void test_port(void **state)
{
    struct rig *r = *state;

    addr_parse(&r->realms[1].shared[0][0], SV("127.0.0.1"), 40500);
    run(r, ADD(LOCAL, ", ostuncc/scc { Stream = 1, controlling = ON }"));
    assert_true(worker_got(r, BUS_SEP_OPEN)->u.sep.fd >= 0);
    run(r, "Context = $ { Add = ip/$/access/$ { Media { Stream = 1 { " LOCAL " } } } }");
    assert_int_equal(worker_got(r, BUS_SEP_OPEN)->u.sep.fd, -1);
}

static void told(struct rig *r, bus_id id, enum bus_what what, const char *text, const char *want)
{
    const int before = (int)r->n_sent;

    event_text(r, id, what, text);
    assert_int_equal(r->n_sent, want ? before + 1 : before);
    if (want && !strstr(r->sent, want))
        fail_msg("no %s in\n%s", want, r->sent);
    if (want)
        r->cb(r->cb_arg, TRANS_TIMEOUT, NULL);
}

static void test_events(void **state)
{
    struct rig *r = *state;
    bus_id id;

    run(r, ADD(LOCAL ", " REMOTE(CANDIDATES), ", ostuncc/scc { Stream = 1, controlling = OFF }"));
    id = worker_got(r, BUS_SEP_OPEN)->u.sep.id;
    told(r, id, BUS_EV_ICE_PEER, "203.0.113.9:9", "cand=\"203.0.113.9:9\"");
    assert_non_null(strstr(r->sent, "ostuncc/nprc"));
    told(r, id, BUS_EV_ICE_UP, "203.0.113.9:9 127.0.0.1:16400", "pair=\"203.0.113.9:9 127.0.0.1:16400\"");
    assert_non_null(strstr(r->sent, "ostuncc/ccr"));
    assert_non_null(strstr(r->sent, "result=Success"));
    told(r, id, BUS_EV_ICE_FAILED, "no candidate pair passed its check", "result=Failed");
    told(r, id, BUS_EV_ICE_LOST, "consent expired", "stnconfres/lost");
    assert_int_equal(count_get(&r->ctl->counts[CTL_C_ICE_FAILED]), 1);
    assert_int_equal(count_get(&r->ctl->counts[CTL_C_ICE_LOST]), 1);
    run(r, MODIFY("Events = 2011 { g/cause }"));
    told(r, id, BUS_EV_ICE_UP, "a b", NULL);
    told(r, id, BUS_EV_ICE_PEER, "a", NULL);
    told(r, id, BUS_EV_ICE_FAILED, "no candidate pair passed its check", "g/cause");
}

static void test_refusals(void **state)
{
    struct rig *r = *state;

    expect_error(r, ADD(LOCAL, ", ostuncc/scc { Stream = 1 }"), 457);
    expect_error(r, ADD(LOCAL, ", ostuncc/scc { Stream = 1, controlling = MAYBE }"), 449);
    expect_error(r, ADD(LOCAL, ", ostuncc/scc { Stream = 1, controlling = ON, nomination = aggressive }"), 449);
    expect_error(r, "Context = $ { Add = ip/$/core/$ { Media { Stream = 1 { Local {\nv=0\nc=IN IP4 $\nm=message $ TCP -\n} } }, "
                    "Signals { ostuncc/scc { Stream = 1, controlling = ON } } } }", 513);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_answer, setup, teardown),
        cmocka_unit_test_setup_teardown(test_offer, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lite, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lite_far_end, setup, teardown),
        cmocka_unit_test_setup_teardown(test_too_many, setup, teardown),
        cmocka_unit_test_setup_teardown(test_port, setup, teardown),
        cmocka_unit_test_setup_teardown(test_events, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
    };

    return cmocka_run_group_tests_name("agw_ctl_ice", tests, NULL, NULL);
}
