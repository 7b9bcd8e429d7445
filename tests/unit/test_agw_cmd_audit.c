/* AuditValue, and that what it names is there: the rest is refused. */
#include "tests/unit/cmd_call.h"

#include "h248/pkg.h"

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
        cmocka_unit_test_setup_teardown(test_audit_root, setup, teardown),
        cmocka_unit_test_setup_teardown(test_packages, setup_wide, teardown),
        cmocka_unit_test_setup_teardown(test_audit_term, setup, teardown),
        cmocka_unit_test_setup_teardown(test_context_props, setup, teardown),
    };

    return cmocka_run_group_tests_name("agw_cmd_audit", tests, NULL, NULL);
}
