/* Iq fields to descriptors to text and back (h248/iq.h): exact inverses, the documented messages, every refusal. */
#include "tests/unit/iq_rig.h"

/* --- random terminations: every row of the tables may be set --- */

static struct sdp *rnd_sdp(void)
{
    static const char *const texts[] = {
        "v=0\r\nc=IN IP4 $\r\nm=message $ TCP -\r\n",
        "v=0\r\nc=IN IP6 2001:db8::1\r\nm=audio 40000 UDP/TLS/RTP/SAVPF 111 0\r\na=rtcp-mux\r\na=ice-pwd:a}b\\c{\r\n",
        "c=IN IP4 192.0.2.20\r\nm=application 5 UDP/DTLS/SCTP webrtc-datachannel\r\na=sctp-port:$\r\na=fingerprint:sha-256 $\r\n",
    };
    struct sdp_err e;
    struct sdp *s = NULL;

    assert_int_equal(sdp_parse(a, sv_from(texts[rnd(ARRAY_LEN(texts))]), SDP_H248, &s, &e), 0);
    return s;
}

static void rnd_stream(struct iq_stream *s, unsigned chance)
{
    s->mode = (enum h248_mode)(1 + rnd(H248_MODE_INACTIVE)); /* never nothing at all: such a stream does not travel */
    s->reserved_value = (enum h248_tri)rnd(3);
    fill_scope(s, PKG_OF_STREAM, chance);
    /* what contradicts itself is refused (473) */
    s->dtls_release = s->dtls_release && !s->dtls_establish;
    s->tcp_release = s->tcp_release && !s->tcp_establish;
    if (s->sctpid.set)
        s->strdeagg = (struct iq_ids){0};
    if (!s->ice_check.set) /* which says how */
        s->ice_nomination = (struct iq_text){0};
    if (rnd(2))
        s->local = rnd_sdp();
    else
        s->local_empty = rnd(2);
    if (rnd(2))
        s->remote = rnd_sdp();
    else
        s->remote_empty = rnd(2);
}

static void test_random_terminations_come_back(void **state)
{
    struct iq_term *in = malloc(sizeof *in), *out = malloc(sizeof *out);

    (void)state;
    for (unsigned n = 0; n < 400; n++) {
        unsigned chance = n % 4 == 0 ? 100 : n % 4 == 1 ? 5 : 40;

        seed = n;
        arena_reset(a);
        memset(in, 0, sizeof *in);
        fill_scope(in, PKG_OF_TERM, chance);
        if (!in->inactivity.set) /* dir says how dt is meant */
            in->inactivity_dir = (struct iq_text){0};
        for (unsigned i = rnd(n % 50 == 0 ? IQ_STREAM_MAX + 1 : 4); i > 0; i--)
            rnd_stream(iq_stream_new(in, (uint16_t)(1 + rnd(100) * 100 + i)), chance);
        /* implied by what is armed or sent */
        in->has_events = in->has_signals = false;
        round_trip(in, out, n % 2 ? H248_PRETTY : H248_COMPACT);
        in->has_events = out->has_events;
        in->has_signals = out->has_signals;
        in->request_id = 0;
        same_term(in, out);
        in->has_events = in->has_signals = true;
        in->request_id = out->has_events ? rnd(UINT32_MAX) : 0;
        round_trip(in, out, H248_PRETTY);
        same_term(in, out);
    }
    free(in);
    free(out);
}

static void test_bare_descriptors(void **state)
{
    static struct iq_term in, out;

    (void)state;
    in = (struct iq_term){.has_events = true, .has_signals = true};
    round_trip(&in, &out, H248_PRETTY);
    same_term(&in, &out);
    in = (struct iq_term){0};
    round_trip(&in, &out, H248_COMPACT);
    same_term(&in, &out);
}

static void test_put_does_not_point_into_the_fields(void **state)
{
    static struct iq_term t;
    char realm[] = "core.example.net";
    struct h248_cmd *cmd;
    struct h248_msg *m;
    struct h248_desc *d;

    (void)state;
    t = (struct iq_term){0};
    iq_stream_new(&t, 1)->realm = (struct iq_text){true, sv_from(realm)};
    cmd = cmd_new(&m, H248_ADD);
    assert_int_equal(iq_put(a, &t, cmd), 0);
    memset(realm, 'x', sizeof realm - 1);
    d = h248_desc_find(cmd->descs, H248_D_MEDIA);
    assert_true(sv_is(d->u.media.streams->control.props->values->text, "core.example.net"));
}

/* --- the documented messages --- */

static const char message_11[] = ADD(
    "Media { TerminationState { mgroup/groupse = [\"SCTP 2\"] },\n"
    "Stream = 1 { LocalControl { Mode = SendReceive, ipdc/realm = \"access.example.net\", mgroup/strdeagg = [2] },\n"
    "Local {\nv=0\nc=IN IP4 $\nm=application $ UDP/DTLS/SCTP webrtc-datachannel\na=sctp-port:$\na=max-message-size:$\n"
    "a=fingerprint:sha-256 $\n},\n"
    "Remote {\nv=0\nc=IN IP4 198.51.100.10\nm=application 50000 UDP/DTLS/SCTP webrtc-datachannel\na=sctp-port:5000\n} },\n"
    "Stream = 2 { LocalControl { Mode = SendReceive, sctpbcc/sctpid = 0 } } },\n"
    "Events = 2003 { hangterm/thb { timerx = 3600 }, tlsbsc/BNCChange { Stream = 1 } },\n"
    "Signals { tlsbsc/EstBNC { Stream = 1 } }");

static void test_message_11(void **state)
{
    static struct iq_term t;
    struct iq_fault fault = {0};
    const struct iq_stream *s1, *s2;

    (void)state;
    get(message_11, &t);
    assert_true(sv_is(t.id, "ip/$/access/$"));
    assert_int_equal(t.n_streams, 2);
    s1 = &t.streams[0];
    s2 = &t.streams[1];
    assert_int_equal(t.groupse.n, 1);
    assert_true(sv_is(t.groupse.v[0], "SCTP 2"));
    assert_int_equal(s1->mode, H248_MODE_SENDRECV);
    assert_true(sv_is(s1->realm.v, "access.example.net"));
    assert_int_equal(s1->strdeagg.n, 1);
    assert_int_equal(s1->strdeagg.v[0], 2);
    assert_int_equal(s1->local->media->port, SDP_PORT_CHOOSE);
    assert_int_equal(s1->remote->media->port, 50000);
    assert_true(s1->dtls_establish && s1->notify_dtls && !s2->dtls_establish && !s2->notify_dtls);
    assert_true(s2->sctpid.set && s2->sctpid.v == 0);
    assert_null(s2->local);
    assert_int_equal(t.request_id, 2003);
    assert_int_equal(t.heartbeat.v, 3600);
    assert_int_equal(iq_group_check(&t, &fault), 0);
}

static void test_without_stream_parameter(void **state)
{
    static struct iq_term t;

    (void)state;
    /* streams with their own transport, not the component streams */
    get(ADD("Media { Stream = 1 { LocalControl { Mode = Inactive } }, Stream = 2 { LocalControl { sctpbcc/sctpid = 0 } },"
            "Stream = 3 { LocalControl { Mode = Inactive } } }, Signals { tlsbsc/EstBNC, sctpreset/reset { sid = 0 } }"), &t);
    assert_true(t.streams[0].dtls_establish && !t.streams[1].dtls_establish && t.streams[2].dtls_establish);
    assert_true(!t.streams[0].sctp_reset.set && t.streams[1].sctp_reset.set && !t.streams[2].sctp_reset.set);
    /* none in the command: stream 1; Signals may stand before Media */
    get(MODIFY("Signals { ipnapt/latch { napt = RELATCH } }"), &t);
    assert_int_equal(t.n_streams, 1);
    assert_int_equal(t.streams[0].id, 1);
    assert_int_equal(t.streams[0].latch, IQ_LATCH_RELATCH);
    get(MODIFY("Signals { mgastuns/astuns }, Media { Stream = 5 { LocalControl { Mode = Inactive } } }"), &t);
    assert_int_equal(t.n_streams, 1);
    assert_true(t.streams[0].id == 5 && t.streams[0].act_stun);
    /* one-stream shorthand */
    get(MODIFY("Media { LocalControl { Mode = SendOnly } }, Events = 4 { stnconfres/lost }"), &t);
    assert_true(t.streams[0].id == 1 && t.streams[0].notify_consent && t.streams[0].mode == H248_MODE_SENDONLY);
}

static void test_defaults_and_lenient_forms(void **state)
{
    static struct iq_term t;

    (void)state;
    get(MODIFY("Events = 7 { hangterm/thb, adid/ipstop { dt = 0x10, dir = both } }"), &t);
    assert_int_equal(t.heartbeat.v, 3600);
    assert_int_equal(t.inactivity.v, 16);
    get(MODIFY("Media { Stream = 1 { LocalControl { mgroup/strdeagg = 2, GM/SAF = true } } }"), &t);
    assert_int_equal(t.streams[0].strdeagg.v[0], 2);
    assert_true(t.streams[0].saf.v);
    get(MODIFY("Media { Stream = 1 { Local { } , Remote { \n } } }"), &t);
    assert_true(t.streams[0].local_empty && t.streams[0].remote_empty && !t.streams[0].local);
    get(MODIFY_ROOT("Media { TerminationState { root/normalMGExecutionTime = 500 } }, Events = 3 { it/ito { mit = 300 } }"), &t);
    assert_int_equal(t.root.mg_execution.v, 500);
    assert_int_equal(t.ito.v, 300);
}

/* --- refusals --- */

#define LC(x) MODIFY("Media { Stream = 1 { LocalControl { " x " } } }")
#define TS(x) MODIFY("Media { TerminationState { " x " } }")
#define LOCAL(x) MODIFY("Media { Stream = 1 { Local { " x " } } }")
static const struct refusal {
    const char *text;
    unsigned code;
    const char *says;
} refusals[] = {
    {LC("nosuch/x = 1"), 440, "nosuch/x"},
    {LC("ipdc/nosuch = 1"), 450, "ipdc/nosuch"},
    {LC("mgroup/groupse = [\"SCTP 2\"]"), 455, "mgroup/groupse"},
    {TS("mgroup/strdeagg = [2]"), 455, "mgroup/strdeagg"},
    {TS("root/maxNumberOfContexts = 5"), 534, "maxNumberOfContexts"},
    {TS("ServiceStates = InService"), 445, "ServiceStates"},
    {TS("Buffer = OFF"), 445, "Buffer"},
    {LC("ReservedGroup = ON"), 445, "ReservedGroup"},
    {LC("Mode = Loopback"), 517, "Loopback"},
    {LC("ds/dscp = 64"), 449, "64"},
    {LC("ds/dscp > 5"), 449, "ds/dscp"},
    {LC("ds/dscp = { 5, 6 }"), 449, "ds/dscp"},
    {LC("ds/tb = Neither"), 449, "Neither"},
    {LC("gm/saf = 2"), 449, "2"},
    {LC("sctpbcc/sctpid = 65535"), 449, "65535"},
    {LC("mgroup/strdeagg = [0]"), 449, "strdeagg"},
    {LC("mgroup/strdeagg = { 2, 3 }"), 449, "strdeagg"},
    {LC("ipdc/realm = $"), 449, "realm"},
    {LC("ds/dscp = 1, DS/DSCP = 1"), 456, "DSCP"},
    {LC("mgroup/strdeagg = [2], sctpbcc/sctpid = 1"), 473, "strdeagg and sctpid"},
    {MODIFY("Signals { nosuch/x }"), 440, "nosuch/x"},
    {MODIFY("Signals { tlsbsc/nosuch }"), 452, "tlsbsc/nosuch"},
    {MODIFY("Signals { tlsbsc/EstBNC { Stream = 0 } }"), 449, "Stream"},
    {MODIFY("Signals { tlsbsc/EstBNC { x = 1 } }"), 446, "x"},
    {MODIFY("Signals { tlsbsc/EstBNC { Stream = 1 }, tlsbsc/EstBNC { Stream = 1 } }"), 456, "twice"},
    {MODIFY("Signals { tlsbsc/EstBNC, tlsbsc/RelBNC }"), 473, "establish and release"},
    {MODIFY("Signals { tcpbcc/EstBNC, tcpbcc/RelBNC }"), 473, "establish and release"},
    {MODIFY("Signals { sctpreset/reset }"), 457, "sid"},
    {MODIFY("Signals { sctpreset/reset { sid = x } }"), 449, "x"},
    {MODIFY("Signals { ipnapt/latch { napt = HOLD } }"), 449, "HOLD"},
    {MODIFY("Signals { tlsbsc/EstBNC { NotifyCompletion = { TimeOut } } }"), 501, "NotifyCompletion"},
    {MODIFY("Signals { SignalList = 1 { tlsbsc/EstBNC } }"), 501, "SignalList"},
    {MODIFY("Events = 1 { nosuch/x }"), 440, "nosuch/x"},
    {MODIFY("Events = 1 { tlsbsc/x }"), 451, "tlsbsc/x"},
    {MODIFY("Events = 1 { g/sc }"), 512, "g/sc"},
    {MODIFY("Events = 1 { hangterm/thb { timerx = -1 } }"), 449, "-1"},
    {MODIFY("Events = 1 { g/cause, g/cause }"), 456, "g/cause"},
    {MODIFY("Events = 1 { g/cause { DigitMap = x } }"), 501, "DigitMap"},
    {MODIFY("EventBuffer { g/cause }"), 444, "profile"},
    {LOCAL("v=0\nc=IN IP4 $\nm=message TCP -\n"), 474, "Local of stream 1, line 3"},
    {LOCAL("v=0\nc=IN IP4 $\n"), 472, "m= line"},
    {LOCAL("v=0\nm=message $ TCP -\n"), 472, "c= line"},
    {LOCAL("v=0\nc=IN IP4 $\nm=message $ TCP -\nm=message $ TCP -\n"), 473, "2 m= lines"},
    {MODIFY("Media { Stream = 1 { Remote {\nv=0\nnonsense\n} } }"), 474, "Remote of stream 1, line 2"},
};

static void test_refusals(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
        static struct iq_term t;
        struct iq_fault fault = {0};
        struct h248_fault syntax = {0};
        struct h248_msg *m = NULL;
        int rc = h248_decode(a, sv_from(refusals[i].text), &m, &syntax);

        if (rc == -EBADMSG) /* the decoder knows already what is twice */
            iq_refuse(&fault, syntax.code, "%s", syntax.why);
        else
            rc = iq_get(a, m->txns->actions->cmds, &t, &fault);

        if (rc != -EBADMSG || fault.code != refusals[i].code || !strstr(fault.text, refusals[i].says))
            fail_msg("row %zu: %d, %u '%s' for %s", i, rc, fault.code, fault.text, refusals[i].text);
        assert_null(strchr(fault.text, '"'));
    }
}

/* A tree that no decoder made: the property twice. */
static void test_property_twice(void **state)
{
    static struct iq_term t;
    struct iq_fault fault = {0};
    struct h248_cmd *cmd = cmd_of(MODIFY("Media { Stream = 1 { LocalControl { ds/dscp = 1 } } }"));
    struct h248_local_control *c = &h248_desc_find(cmd->descs, H248_D_MEDIA)->u.media.streams->control;

    (void)state;
    assert_non_null(h248_parm_new(a, &c->props, SV("DS/dscp")));
    assert_int_equal(iq_get(a, cmd, &t, &fault), -EBADMSG);
    assert_int_equal(fault.code, 456);
}

static void test_too_many_streams(void **state)
{
    static struct iq_term t;
    struct iq_fault fault = {0};
    struct h248_msg *m;
    struct h248_cmd *cmd = cmd_new(&m, H248_ADD);
    struct h248_desc *d = h248_desc_new(a, &cmd->descs, H248_D_MEDIA);

    (void)state;
    for (uint16_t i = 1; i <= IQ_STREAM_MAX + 1; i++)
        assert_non_null(h248_stream_new(a, &d->u.media, i));
    assert_int_equal(iq_get(a, cmd, &t, &fault), -EBADMSG);
    assert_int_equal(fault.code, 510);
    d->u.media.streams->next->id = 1;
    assert_int_equal(iq_get(a, cmd, &t, &fault), -EBADMSG);
    assert_int_equal(fault.code, 448);
}

static void test_refuse_text_is_fit_for_a_quoted_string(void **state)
{
    struct iq_fault f;
    char longer[400];

    (void)state;
    assert_int_equal(iq_refuse(&f, 449, "a\"b\nc\xe4"), -EBADMSG);
    assert_string_equal(f.text, "a'b.c.");
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    iq_refuse(&f, 449, "%s", longer);
    assert_int_equal(strlen(f.text), sizeof f.text - 1);
}

/* --- groups --- */

static void test_group_parse(void **state)
{
    struct iq_group g;

    (void)state;
    assert_int_equal(iq_group_parse(SV(" SCTP  2 3 "), &g), 0);
    assert_true(sv_is(g.semantics, "SCTP") && g.n == 2 && g.streams[0] == 2 && g.streams[1] == 3);
    assert_int_equal(iq_group_parse(SV("SCTP"), &g), -EBADMSG);
    assert_int_equal(iq_group_parse(SV(""), &g), -EBADMSG);
    assert_int_equal(iq_group_parse(SV("SCTP 0"), &g), -EBADMSG);
    assert_int_equal(iq_group_parse(SV("SCTP 65536"), &g), -EBADMSG);
    assert_int_equal(iq_group_parse(SV("SCTP x"), &g), -EBADMSG);
    assert_int_equal(iq_group_parse(SV("SCTP 2 2"), &g), -EBADMSG);
    assert_int_equal(iq_group_parse(SV("SCTP 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17"), &g), -EBADMSG);
}

static void test_group_check(void **state)
{
#define G1 "Media { TerminationState { mgroup/groupse = [\"SCTP 2 3\"] }, "
#define S1(ids) "Stream = 1 { LocalControl { mgroup/strdeagg = [" ids "] } }, "
#define S(n, sid) "Stream = " n " { LocalControl { sctpbcc/sctpid = " sid " } }"
#define P(n) "Stream = " n " { LocalControl { Mode = Inactive } }"
#define TWO "Media { TerminationState { mgroup/groupse = [\"SCTP 2\", \"SCTP 3\"] }, "
    static const struct {
        const char *text;
        unsigned code;
        const char *says;
    } rows[] = {
        {ADD(G1 S1("2,3") S("2", "0") ", " S("3", "1") " }"), 0, ""},
        {ADD(G1 S1("3,2") S("2", "0") ", " S("3", "1") " }"), 0, ""},
        {ADD("Media { " P("1") " }"), 0, ""},
        {ADD(TWO S1("2") S("2", "0") ", " S("3", "0") ", Stream = 4 { LocalControl { mgroup/strdeagg = [3] } } }"), 0, ""},
        {ADD(G1 S1("2,3") S("2", "0") " }"), 489, "stream 3, which is not there"},
        {ADD(G1 S1("2,3") S("2", "0") ", " P("3") " }"), 489, "no sctpid"},
        {ADD(G1 S1("2,3") S("2", "5") ", " S("3", "5") " }"), 489, "same sctpid"},
        {ADD(G1 S1("2") S("2", "0") ", " S("3", "1") " }"), 489, "disagree"},
        {ADD(G1 S1("2,3,4") S("2", "0") ", " S("3", "1") " }"), 489, "names stream 4"},
        {ADD(G1 P("1") ", " S("2", "0") ", " S("3", "1") " }"), 489, "no strdeagg"},
        {ADD(G1 S1("2,3") S("2", "0") ", " S("3", "1") ", " S("4", "2") " }"), 489, "in no group"},
        {ADD(G1 S1("2,3") S("2", "0") ", " S("3", "1") ", Stream = 4 { LocalControl { mgroup/strdeagg = [2,3] } } }"), 489,
         "more than one"},
        {ADD("Media { TerminationState { mgroup/groupse = [\"SCTP 2\", \"SCTP 2\"] }, " S1("2") S("2", "0") " }"), 489,
         "two groups"},
        {ADD("Media { TerminationState { mgroup/groupse = [\"SCTP\"] }, " S1("2") S("2", "0") " }"), 489, "groupse SCTP"},
        {ADD("Media { TerminationState { mgroup/groupse = [\"LS 1 2\"] }, " P("1") ", " P("2") " }"), 449, "LS"},
        {ADD("Media { TerminationState { mgroup/groupse = [\"BUNDLE 1 2\"] }, " P("1") ", " P("2") " }"), 0, ""},
        {ADD("Media { TerminationState { mgroup/groupse = [\"SCTP 2\", \"BUNDLE 1 4\"] }, " S1("2") S("2", "0") ", " P("4") " }"),
         0, ""},
        {ADD("Media { TerminationState { mgroup/groupse = [\"SCTP 2\", \"BUNDLE 1 2\"] }, " S1("2") S("2", "0") " }"), 489,
         "component stream 2"},
        {ADD("Media { TerminationState { mgroup/groupse = [\"BUNDLE 1 2\"] }, " P("1") " }"), 489, "stream 2, which is not there"},
        {ADD("Media { TerminationState { mgroup/groupse = [\"BUNDLE 1 2\", \"BUNDLE 2\"] }, " P("1") ", " P("2") " }"), 489,
         "two groups"},
        {ADD("Media { " S1("2") S("2", "0") " }"), 489, "in no group"},
        {ADD("Media { " S1("2") P("2") " }"), 489, "disagree"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        static struct iq_term t;
        struct iq_fault fault = {0};
        int rc;

        get(rows[i].text, &t);
        rc = iq_group_check(&t, &fault);
        if (fault.code != rows[i].code || !strstr(fault.text, rows[i].says) || rc != (rows[i].code ? -EBADMSG : 0))
            fail_msg("row %zu: %d, %u '%s' for %s", i, rc, fault.code, fault.text, rows[i].text);
    }
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_random_terminations_come_back),
        T(test_bare_descriptors),
        T(test_put_does_not_point_into_the_fields),
        T(test_message_11),
        T(test_without_stream_parameter),
        T(test_defaults_and_lenient_forms),
        T(test_refusals),
        T(test_property_twice),
        T(test_too_many_streams),
        T(test_refuse_text_is_fit_for_a_quoted_string),
        T(test_group_parse),
        T(test_group_check),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
