/* Who may send without ICE: signalled address, gm's filters, latching; where RTP and RTCP go; tman's bucket. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "agw/media/media_limits.h"
#include "agw/media/sep_gate.h"

static struct addr at(const char *text)
{
    struct addr a;

    assert_int_equal(addr_parse_hostport(&a, sv_from(text), 0), 0);
    return a;
}

static bool takes(const struct sep_gate *g, const char *from, bool rtcp)
{
    const struct addr a = at(from);

    return sep_gate_takes(g, &a, rtcp);
}

static bool learns(struct sep_gate *g, const char *from, bool rtcp)
{
    const struct addr a = at(from);

    return sep_gate_takes(g, &a, rtcp) && sep_gate_latch(g, &a, rtcp, 5000);
}

static void goes_to(const struct sep_gate *g, bool rtcp, const char *text)
{
    char got[ADDR_STRLEN];

    if (!text)
        assert_null(sep_gate_to(g, rtcp));
    else
        assert_string_equal(addr_str(sep_gate_to(g, rtcp), got), text);
}

static void set(struct sep_gate *g, const struct bus_rtp *rules, const char *remote)
{
    struct addr a;

    if (remote)
        a = at(remote);
    sep_gate_set(g, rules, remote ? &a : NULL, 0);
}

static void closed_by_default(void **state)
{
    struct bus_rtp rules = {.on = true};
    struct sep_gate g = {0};

    (void)state;
    set(&g, &rules, NULL);
    assert_false(takes(&g, "192.0.2.1:4000", false));
    goes_to(&g, false, NULL);
    goes_to(&g, true, NULL);
    set(&g, &rules, "192.0.2.1:4000");
    assert_true(takes(&g, "192.0.2.1:4000", false));
    assert_true(takes(&g, "192.0.2.1:4001", true));
    assert_false(takes(&g, "192.0.2.1:4000", true)); /* RTCP has its own port */
    assert_false(takes(&g, "192.0.2.1:4001", false));
    assert_false(takes(&g, "192.0.2.2:4000", false));
    assert_false(takes(&g, "[2001:db8::1]:4000", false));
    goes_to(&g, false, "192.0.2.1:4000");
    goes_to(&g, true, "192.0.2.1:4001");
    rules.mux = true;
    set(&g, &rules, NULL);
    assert_true(takes(&g, "192.0.2.1:4000", true));
    assert_false(takes(&g, "192.0.2.1:4001", true));
    goes_to(&g, true, "192.0.2.1:4000");
    rules.mux = false;
    rules.remote_rtcp = at("192.0.2.9:5000"); /* a=rtcp */
    set(&g, &rules, NULL);
    assert_true(takes(&g, "192.0.2.9:5000", true));
    assert_false(takes(&g, "192.0.2.1:4001", true));
    goes_to(&g, true, "192.0.2.9:5000");
    set(&g, &rules, "0.0.0.0:4000"); /* hold of RFC 2543 */
    goes_to(&g, false, NULL);
    set(&g, &rules, "192.0.2.1:0");
    goes_to(&g, false, NULL);
}

static void filters(void **state)
{
    struct bus_rtp rules = {.on = true, .any_source = true, .any_port = true};
    struct sep_gate g = {0};

    (void)state;
    set(&g, &rules, "192.0.2.1:4000");
    assert_true(takes(&g, "203.0.113.7:9", false)); /* saf and spf OFF */
    rules.any_port = false; /* spf ON */
    set(&g, &rules, NULL);
    assert_true(takes(&g, "203.0.113.7:4000", false));
    assert_false(takes(&g, "203.0.113.7:9", false));
    rules.any_source = false; /* spf OFF, saf not given */
    rules.any_port = true;
    set(&g, &rules, NULL);
    assert_true(takes(&g, "192.0.2.1:9", false));
    assert_false(takes(&g, "203.0.113.7:4000", false));
    rules.filter_addr = true;
    set(&g, &rules, NULL);
    assert_true(takes(&g, "192.0.2.1:9", false));
    assert_false(takes(&g, "203.0.113.7:4000", false));
    rules.n_sources = 2;
    rules.sources[0] = (struct bus_source){at("203.0.113.64:0"), 27};
    rules.sources[1] = (struct bus_source){at("[2001:db8:7::]:0"), 49};
    set(&g, &rules, NULL);
    assert_true(takes(&g, "203.0.113.95:9", false));
    assert_false(takes(&g, "203.0.113.96:9", false));
    assert_false(takes(&g, "192.0.2.1:4000", false)); /* sam takes the Remote address's place */
    assert_true(takes(&g, "[2001:db8:7:7fff::1]:9", false));
    assert_false(takes(&g, "[2001:db8:7:8000::1]:9", false));
    rules.filter_port = true;
    rules.port_lo = 1000;
    rules.port_hi = 1001;
    set(&g, &rules, NULL);
    assert_true(takes(&g, "203.0.113.95:1001", false));
    assert_false(takes(&g, "203.0.113.95:1002", false));
    assert_false(takes(&g, "203.0.113.95:999", false));
    rules.sources[0].bits = 255; /* too many is all of them */
    set(&g, &rules, NULL);
    assert_true(takes(&g, "203.0.113.64:1000", false));
    assert_false(takes(&g, "203.0.113.65:1000", false));
}

static void latching(void **state)
{
    struct bus_rtp rules = {.on = true, .latch = BUS_LATCH_ON};
    struct sep_gate g = {0};

    (void)state;
    set(&g, &rules, "10.0.0.1:4000"); /* behind a NAT */
    goes_to(&g, false, "10.0.0.1:4000");
    assert_false(takes(&g, "203.0.113.7:7001", true)); /* RTCP teaches nothing */
    assert_true(learns(&g, "203.0.113.7:7000", false));
    goes_to(&g, false, "203.0.113.7:7000");
    goes_to(&g, true, "203.0.113.7:7001");
    assert_false(takes(&g, "203.0.113.8:7000", false));
    assert_false(takes(&g, "203.0.113.7:7002", false));
    assert_false(takes(&g, "10.0.0.1:4000", false));
    assert_false(learns(&g, "203.0.113.7:7000", false)); /* once */
    assert_false(takes(&g, "203.0.113.8:7001", true));
    assert_true(takes(&g, "203.0.113.7:7005", true)); /* the NAT chose another port for RTCP */
    assert_false(learns(&g, "203.0.113.7:7005", true));
    goes_to(&g, true, "203.0.113.7:7005");
    assert_false(takes(&g, "203.0.113.7:7001", true));
    set(&g, &rules, NULL); /* the same once more */
    assert_false(takes(&g, "203.0.113.8:7000", false));
    set(&g, &rules, "10.0.0.2:4000"); /* another phone */
    assert_true(learns(&g, "203.0.113.8:9000", false));
    rules.latch = BUS_LATCH_AGAIN;
    set(&g, &rules, NULL);
    assert_true(takes(&g, "203.0.113.8:9000", false)); /* until another one is heard */
    assert_false(learns(&g, "203.0.113.8:9000", false));
    goes_to(&g, false, "203.0.113.8:9000");
    assert_true(learns(&g, "203.0.113.9:9000", false));
    assert_false(takes(&g, "203.0.113.8:9000", false));
    rules.latch = BUS_LATCH_OFF;
    set(&g, &rules, NULL);
    assert_false(takes(&g, "203.0.113.9:9000", false));
    assert_true(takes(&g, "10.0.0.2:4000", false));
    goes_to(&g, false, "10.0.0.2:4000");
}

/* Asked to learn again, but nobody moved: the door does not stay open. */
static void latching_ends(void **state)
{
    const struct addr old = at("203.0.113.8:9000");
    struct bus_rtp rules = {.on = true, .latch = BUS_LATCH_ON};
    struct sep_gate g = {0};

    (void)state;
    set(&g, &rules, NULL);
    assert_true(learns(&g, "203.0.113.8:9000", false));
    rules.latch = BUS_LATCH_AGAIN;
    sep_gate_set(&g, &rules, NULL, 5000);
    rules.latch = BUS_LATCH_ON;
    sep_gate_set(&g, &rules, NULL, 5001); /* other news of the stream */
    assert_false(sep_gate_latch(&g, &old, false, 5000 + MEDIA_RELATCH_MS - 1));
    assert_true(takes(&g, "198.51.100.7:6000", false));
    assert_false(sep_gate_latch(&g, &old, false, 5000 + MEDIA_RELATCH_MS));
    assert_false(takes(&g, "198.51.100.7:6000", false));
    assert_true(takes(&g, "203.0.113.8:9000", false));
}

static void latching_filtered(void **state)
{
    struct bus_rtp rules = {.on = true, .latch = BUS_LATCH_ON, .filter_addr = true, .n_sources = 1};
    struct sep_gate g = {0};

    (void)state;
    rules.sources[0] = (struct bus_source){at("203.0.113.0:0"), 24};
    set(&g, &rules, NULL);
    assert_false(takes(&g, "198.51.100.1:5", false));
    assert_true(learns(&g, "203.0.113.200:5", false));
}

static void bucket(void **state)
{
    struct bus_rtp rules = {.on = true, .rate = 10000, .burst = 2000};
    const struct addr v4 = at("192.0.2.1:1"), v6 = at("[2001:db8::1]:1");
    struct sep_gate g = {0};
    unsigned passed = 0;

    (void)state;
    sep_gate_set(&g, &rules, &v4, 5000);
    assert_true(sep_gate_affords(&g, &v4, 972, 5000)); /* 1000 with its headers */
    assert_true(sep_gate_affords(&g, &v4, 972, 5000));
    assert_false(sep_gate_affords(&g, &v4, 0, 5000));
    assert_false(sep_gate_affords(&g, &v6, 53, 5010)); /* 101 of 100 */
    assert_true(sep_gate_affords(&g, &v6, 52, 5010));
    for (msec_t now = 5010; now < 15010; now++)
        passed += sep_gate_affords(&g, &v4, 72, now);
    assert_in_range(passed, 990, 1000); /* 10 s of 10000 octets a second */
    assert_true(sep_gate_affords(&g, &v4, 1972, 15010 + (msec_t)1000000000)); /* full, no fuller */
    assert_false(sep_gate_affords(&g, &v4, 0, 15010 + (msec_t)1000000000));
    sep_gate_set(&g, &rules, NULL, 15010 + (msec_t)1000000000); /* unchanged: not filled */
    assert_false(sep_gate_affords(&g, &v4, 0, 15010 + (msec_t)1000000000));
    rules.rate = 0;
    sep_gate_set(&g, &rules, NULL, 0);
    assert_true(sep_gate_affords(&g, &v4, 60000, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(closed_by_default), cmocka_unit_test(filters), cmocka_unit_test(latching),
        cmocka_unit_test(latching_ends), cmocka_unit_test(latching_filtered), cmocka_unit_test(bucket),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
