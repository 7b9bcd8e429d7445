/* Remote addresses that a realm does not allow: refused where they would be sent or connected to, passed over where they are
 * candidates, and not asked about where nothing goes to them. */
#include "tests/unit/agw_rig.h"

#define FP                                                                                         \
    "AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:"   \
    "88:99"

static int setup_public(void **state)
{
    static struct reach reach;
    struct addr own;
    struct rig *r;
    int err = setup(state);

    r = *state;
    memset(&reach, 0, sizeof reach);
    assert_int_equal(addr_parse(&own, SV("203.0.113.20"), 0), 0);
    reach_own(&reach, &own);
    assert_int_equal(reach_allow(&reach, "10.7.0.0/16"), 0);
    assert_int_equal(reach_deny(&reach, "198.51.100.66"), 0);
    r->realms[0].reach = r->realms[1].reach = &reach;
    return err;
}

static const char *const never[] = { /* IPv4, then IPv6 */
    "127.0.0.1",        "127.255.255.254", "10.0.0.1",        "172.16.0.1",          "192.168.255.255",  "169.254.169.254",
    "100.64.0.1",       "224.0.0.251",     "239.255.255.250", "255.255.255.255",     "240.0.0.1",        "0.0.0.1",
    "198.18.0.1",       "192.0.0.170",     "198.51.100.66",   "::1",                 "::ffff:127.0.0.1", "::ffff:10.0.0.1",
    "::ffff:10.7.0.1",  "::127.0.0.1",     "fe80::1",         "fc00::1",             "fd12:3456::1",     "fec0::1",
    "ff02::1",          "64:ff9b::7f00:1", "64:ff9b::a00:1",  "64:ff9b:1::808:808",  "2002:7f00:1::1",   "2002:c0a8:101::1",
    "2001:0:1::1",      "100::1",          "::ffff:198.51.100.66",
};

static const char *family(const char *addr)
{
    return strchr(addr, ':') ? "IP6" : "IP4";
}

#define RTP(local, remote, attr)                                                                              \
    "Context = $ { Add = ip/$/core/$ { Media { Stream = 1 { LocalControl { Mode = SendReceive }, Local {\nv=0\n" \
    "c=IN IP4 $\nm=audio $ RTP/AVP 0\n" local "}, Remote {\nv=0\nc=IN " remote "\nm=audio 30000 RTP/AVP 0\n" attr "} } } } }"

static void test_rtp(void **state)
{
    struct rig *r = *state;
    char text[1024];

    for (size_t i = 0; i < ARRAY_LEN(never); i++) {
        snprintf(text, sizeof text, RTP("", "%s %s", ""), family(never[i]), never[i]);
        expect_error(r, text, CTL_PEER_REFUSED);
        snprintf(text, sizeof text, RTP("", "IP4 192.0.2.99", "a=rtcp:30001 IN %s %s\n"), family(never[i]), never[i]);
        expect_error(r, text, CTL_PEER_REFUSED);
    }
    assert_int_equal(r->ctl->counts[CTL_C_UNREACHABLE], 2 * ARRAY_LEN(never));
    assert_int_equal(r->ctl->counts[CTL_C_TERMS], 0);
    assert_int_equal(error_of(run(r, RTP("", "IP4 10.7.0.1", ""))), 0); /* peers_allow */
    assert_int_equal(error_of(run(r, RTP("", "IP4 192.0.2.99", "a=rtcp:30001 IN IP4 192.0.2.98\n"))), 0);
}

static void test_modify(void **state)
{
    struct rig *r = *state;
    const struct bus_sep *sep;

    assert_int_equal(error_of(run(r, RTP("", "IP4 192.0.2.99", ""))), 0);
    expect_error(r, "Context = 1 { Modify = ip/1/core/1 { Media { Stream = 1 { Remote {\nv=0\nc=IN IP4 127.0.0.1\n"
                    "m=audio 30000 RTP/AVP 0\n} } } } }", CTL_PEER_REFUSED);
    /* RFC 3264 8.4: nobody, not this host */
    assert_int_equal(error_of(run(r, "Context = 1 { Modify = ip/1/core/1 { Media { Stream = 1 { Remote {\nv=0\n"
                                     "c=IN IP4 0.0.0.0\nm=audio 30000 RTP/AVP 0\n} } } } }")), 0);
    sep = &worker_got(r, BUS_SEP_REMOTE)->u.sep;
    assert_false(sep->has_remote);
    assert_ptr_equal(sep->reach, r->realms[0].reach);
    assert_int_equal(error_of(run(r, "Context = 1 { Modify = ip/1/core/1 { Media { Stream = 1 { Remote {\nv=0\n"
                                     "c=IN IP4 127.0.0.1\nm=audio 0 RTP/AVP 0\n} } } } }")), 0); /* port 0: nobody, too */
}

/* Here the gateway would connect: what others call SSRF. */
static void test_tcp(void **state)
{
    struct rig *r = *state;
    char text[1024];

    for (size_t i = 0; i < ARRAY_LEN(never); i++) {
        snprintf(text, sizeof text,
                 "Context = $ { Add = ip/$/core/$ { Media { Stream = 1 { Local {\nv=0\nc=IN IP4 $\nm=message $ TCP/MSRP *\n"
                 "a=setup:active\n}, Remote {\nv=0\nc=IN %s %s\nm=message 2855 TCP/MSRP *\na=setup:passive\n} } } } }",
                 family(never[i]), never[i]);
        expect_error(r, text, CTL_PEER_REFUSED);
        assert_int_equal(r->n_data, 0);
    }
    expect_error(r, "Context = $ { Add = ip/$/core/$ { Media { Stream = 1 { Local {\nv=0\nc=IN IP4 $\nm=message $ TCP/MSRP *\n"
                    "a=setup:active\n}, Remote {\nv=0\nc=IN IP4 0.0.0.0\nm=message 22 TCP/MSRP *\n} } } } }", CTL_PEER_REFUSED);
    assert_int_equal(error_of(run(r, "Context = $ { Add = ip/$/core/$ { Media { Stream = 1 { Local {\nv=0\nc=IN IP4 $\n"
                                     "m=message $ TCP/MSRP *\n}, Remote {\nv=0\nc=IN IP4 192.0.2.99\nm=message 2855 TCP/MSRP *\n"
                                     "} } } } }")), 0);
}

#define ICE(host, candidates, signal)                                                                         \
    "Context = $ { Add = ip/$/access/$ { Media { Stream = 1 { LocalControl { Mode = SendReceive, rtcph/rsb = OFF }, Local {\nv=0\n" \
    "c=IN IP4 $\nm=audio $ UDP/TLS/RTP/SAVPF 0\na=rtcp-mux\na=ice-ufrag:$\na=ice-pwd:$\na=candidate:$\n"       \
    "a=fingerprint:sha-256 $\n}, Remote {\nv=0\nc=IN IP4 " host "\nm=audio 9 UDP/TLS/RTP/SAVPF 0\na=rtcp-mux\n" \
    "a=ice-ufrag:aZ3x\na=ice-pwd:0123456789abcdefghijkl\na=fingerprint:sha-256 " FP "\n" candidates "} } }, "  \
    "Signals { mgastuns/astuns { Stream = 1 }" signal " } } }"

static void test_candidates(void **state)
{
    struct rig *r = *state;
    char lines[4096] = "", text[8192];
    const struct bus_ice *full;
    char got[ADDR_STRLEN];

    for (size_t i = 0; i < ARRAY_LEN(never); i++)
        snprintf(lines + strlen(lines), sizeof lines - strlen(lines), "a=candidate:%zu 1 UDP %zu %s 4000 typ host\n", i + 1,
                 2130706431 - i, never[i]);
    strcat(lines, "a=candidate:90 1 UDP 1000 192.0.2.44 4000 typ srflx raddr 10.0.0.1 rport 9\n");
    snprintf(text, sizeof text, ICE("0.0.0.0", "%s", ", ostuncc/scc { Stream = 1, controlling = ON }"), lines);
    assert_int_equal(error_of(run(r, text)), 0); /* browsers name all they have: no mistake */
    full = worker_got(r, BUS_SEP_OPEN)->u.sep.full;
    assert_non_null(full);
    assert_int_equal(full->n, 1);
    assert_string_equal(addr_str(&full->cands[0].addr, got), "192.0.2.44:4000");
    assert_int_equal(r->ctl->counts[CTL_C_UNREACHABLE], ARRAY_LEN(never));
}

/* With ICE c= is a default that nobody uses. */
static void test_ice_default(void **state)
{
    struct rig *r = *state;

    assert_int_equal(error_of(run(r, ICE("127.0.0.1", "a=candidate:1 1 UDP 1000 10.0.0.1 4000 typ host\n", ""))), 0);
    assert_true(worker_got(r, BUS_SEP_OPEN)->u.sep.ice);
    assert_null(worker_got(r, BUS_SEP_OPEN)->u.sep.full);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_rtp, setup_public, teardown),
        cmocka_unit_test_setup_teardown(test_modify, setup_public, teardown),
        cmocka_unit_test_setup_teardown(test_tcp, setup_public, teardown),
        cmocka_unit_test_setup_teardown(test_candidates, setup_public, teardown),
        cmocka_unit_test_setup_teardown(test_ice_default, setup_public, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
