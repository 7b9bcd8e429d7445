/* What gateways tell, between fields and text: statistics, observed events, profile, packages. */
#include "tests/unit/iq_rig.h"

/* Of the termination in version 2, of each stream in version 3. */
static void test_statistics_come_back(void **state)
{
    static uint8_t text[H248_MSG_MAX];
    static struct iq_term in, out;

    (void)state;
    for (unsigned n = 0; n < 100; n++) {
        struct buf b = buf_over(text, sizeof text - 1);
        struct iq_fault fault = {0};
        struct h248_msg *m;
        struct h248_cmd *cmd = cmd_new(&m, H248_SUBTRACT);
        bool v3 = n % 2;

        seed = n;
        memset(&in, 0, sizeof in);
        m->version = v3 ? 3 : 2;
        m->txns->kind = H248_REPLY;
        for (uint16_t i = 1; v3 && i <= 3; i++) {
            struct iq_stream *s = iq_stream_new(&in, i);

            s->stats.dur = (struct iq_int){true, i}; /* one that says nothing does not travel */
            fill_scope(&s->stats, PKG_OF_STATS, 60);
        }
        if (!v3)
            fill_scope(&in.stats, PKG_OF_STATS, n % 4 ? 60 : 100);
        assert_int_equal(iq_put(a, &in, cmd), 0);
        assert_int_equal(h248_encode(m, n % 4 < 2 ? H248_PRETTY : H248_COMPACT, &b), 0);
        text[b.len] = '\0';
        cmd = cmd_of((const char *)text);
        assert_int_equal(iq_prof_check(cmd, true, fault.text), 0);
        if (iq_get(a, cmd, &out, &fault))
            fail_msg("%u %s in %s", fault.code, fault.text, text);
        same_term(&in, &out);
    }
}

static void test_statistics_of_others(void **state)
{
    static struct iq_term t;
    struct iq_fault fault = {0};
    struct h248_cmd *cmd = cmd_of("MEGACO/2 <alg1.example.net>:2944\nReply = 1 { Context = 1 { Subtract = ip/1/core/1 { Statistics { "
                                  "rtp/ps = 5, nosuch/thing = 7, rtp/pl = 0.5, nt/or, xmos/mos = 4.219 } } } }");

    (void)state;
    assert_int_equal(iq_get(a, cmd, &t, &fault), 0);
    assert_int_equal(t.stats.packets_out.v, 5);
    assert_int_equal(t.stats.lost.v, 50);
    assert_int_equal(t.stats.mos.v, 421);
    assert_false(t.stats.octets_in.set);
    cmd = cmd_of("MEGACO/2 <alg1.example.net>:2944\nReply = 1 { Context = 1 { Subtract = ip/1/core/1 { Statistics { rtp/pl = 101 } } } }");
    assert_int_equal(iq_get(a, cmd, &t, &fault), -EBADMSG);
    assert_int_equal(fault.code, 449);
}

/* --- observed events --- */

static void test_observed_events_come_back(void **state)
{
    (void)state;
    for (int e = IQ_EV_NONE + 1; e <= IQ_EV_ITO; e++) {
        struct iq_observed in = {.event = (enum iq_event)e, .timestamp = SV("20260101T12000000")}, out[2];
        static uint8_t text[4096];
        struct buf b = buf_over(text, sizeof text - 1);
        struct iq_fault fault = {0};
        struct h248_msg *m;
        struct h248_cmd *cmd = cmd_new(&m, H248_NOTIFY);
        uint32_t id = 0;

        if (e != IQ_EV_HEARTBEAT && e != IQ_EV_CAUSE && e != IQ_EV_INACTIVE && e != IQ_EV_ITO)
            in.stream = 2;
        if (e == IQ_EV_CAUSE)
            in.cause = (struct iq_text){true, SV("FT")};
        if (e == IQ_EV_SCTP_RESET)
            in.sctp_id = (struct iq_int){true, 7};
        assert_int_equal(iq_put_observed(a, 2003, &in, cmd), 0);
        assert_int_equal(h248_encode(m, H248_PRETTY, &b), 0);
        text[b.len] = '\0';
        assert_int_equal(iq_get_observed(a, cmd_of((const char *)text), &id, out, 2, &fault), 1);
        assert_int_equal(id, 2003);
        assert_int_equal(out[0].event, e);
        assert_int_equal(out[0].stream, in.stream);
        same_text(&out[0].cause, &in.cause);
        assert_int_equal(out[0].sctp_id.set, in.sctp_id.set);
        assert_int_equal(out[0].sctp_id.v, in.sctp_id.v);
        assert_true(sv_eq(out[0].timestamp, in.timestamp));
    }
}

#define NOTIFY(body) "MEGACO/2 <agw1.example.net>:2944\nTransaction = 1 { Context = 1 { Notify = ip/1/access/8 {\n" body "\n} } }\n"

static void test_observed_of_others(void **state)
{
    struct iq_observed evs[2];
    struct iq_fault fault = {0};
    uint32_t id = 0;
    struct h248_msg *m;

    (void)state;
    /* unknown ones are counted, not refused; no more than asked for */
    assert_int_equal(iq_get_observed(a, cmd_of(NOTIFY("ObservedEvents = 5 { new/thing { a = 1 }, g/cause { Generalcause = nr,"
                                                      " Other = 1 }, hangterm/thb }")),
                                     &id, evs, 2, &fault), 2);
    assert_int_equal(evs[0].event, IQ_EV_NONE);
    assert_int_equal(evs[1].event, IQ_EV_CAUSE);
    assert_true(sv_is(evs[1].cause.v, "NR"));
    /* up is nothing that is reported */
    assert_int_equal(iq_get_observed(a, cmd_of(NOTIFY("ObservedEvents = 5 { tlsbsc/BNCChange { Type = Est, Stream = 1 } }")),
                                     &id, evs, 2, &fault), 1);
    assert_int_equal(evs[0].event, IQ_EV_NONE);
    assert_int_equal(iq_get_observed(a, cmd_of(NOTIFY("ObservedEvents = 5 { tlsbsc/BNCChange { Type = Bad } }")), &id, evs, 2,
                                     &fault), -EBADMSG);
    assert_int_equal(fault.code, 449);
    assert_int_equal(iq_get_observed(a, cmd_of(NOTIFY("ObservedEvents = 5 { tlsbsc/BNCChange }")), &id, evs, 2, &fault), -EBADMSG);
    assert_int_equal(fault.code, 457);
    assert_int_equal(iq_get_observed(a, cmd_new(&m, H248_NOTIFY), &id, evs, 2, &fault), -EBADMSG);
    assert_int_equal(fault.code, 472);
    assert_int_equal(iq_put_observed(a, 1, &(struct iq_observed){.event = IQ_EV_NONE}, cmd_new(&m, H248_NOTIFY)), -EINVAL);
}

/* --- profile --- */

static void test_profile(void **state)
{
    static const struct {
        enum h248_verb verb;
        bool is_reply;
        enum h248_desc_kind kind;
        unsigned code;
    } rows[] = {
        {H248_ADD, false, H248_D_MEDIA, 0}, {H248_ADD, false, H248_D_AUDIT, 447}, {H248_ADD, true, H248_D_ERROR, 0},
        {H248_ADD, false, H248_D_EVENT_BUFFER, 444}, {H248_MODIFY, false, H248_D_SIGNALS, 0},
        {H248_SUBTRACT, false, H248_D_AUDIT, 0}, {H248_SUBTRACT, false, H248_D_MEDIA, 447},
        {H248_MOVE, false, H248_D_MEDIA, 443}, {H248_AUDIT_CAPABILITY, false, H248_D_AUDIT, 443},
        {H248_AUDIT_VALUE, false, H248_D_AUDIT, 0}, {H248_AUDIT_VALUE, true, H248_D_PACKAGES, 0},
        {H248_NOTIFY, false, H248_D_OBSERVED, 0}, {H248_NOTIFY, true, H248_D_OBSERVED, 447},
        {H248_SERVICE_CHANGE, true, H248_D_SERVICES, 0},
    };
    char why[160];
    struct h248_msg *m;
    struct h248_cmd *cmd;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        cmd = cmd_new(&m, rows[i].verb);
        h248_desc_new(a, &cmd->descs, rows[i].kind);
        if (iq_prof_check(cmd, rows[i].is_reply, why) != rows[i].code)
            fail_msg("row %zu: %s", i, why);
    }
    cmd = cmd_new(&m, H248_ADD);
    h248_desc_new(a, &cmd->descs, H248_D_MEDIA);
    h248_desc_new(a, &cmd->descs, H248_D_MEDIA);
    assert_int_equal(iq_prof_check(cmd, false, why), 448);
}

static void test_packages_descriptor(void **state)
{
    struct h248_msg *m;
    struct h248_cmd *cmd = cmd_new(&m, H248_AUDIT_VALUE);
    struct h248_package *p;
    unsigned n = 0;

    (void)state;
    assert_int_equal(iq_put_packages(a, NULL, cmd), 0);
    DL_FOREACH(h248_desc_find(cmd->descs, H248_D_PACKAGES)->u.packages, p)
        n += sv_is(p->name, pkg_at(n)->name) && p->version == pkg_at(n)->version;
    assert_true(n > 10);
    assert_null(pkg_at(n));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_statistics_come_back),
        T(test_statistics_of_others),
        T(test_observed_events_come_back),
        T(test_observed_of_others),
        T(test_profile),
        T(test_packages_descriptor),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
