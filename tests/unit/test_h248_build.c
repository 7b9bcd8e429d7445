/* h248/build, h248/err: composing with and without memory, names, error texts. */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdio.h>
#include <cmocka.h>

#include "h248/h248.h"

/* A whole request by the composing calls. -ENOMEM when any of them failed. */
static int compose(struct arena *a, struct h248_msg **out)
{
    struct h248_mid mid = {
        .kind = H248_MID_DOMAIN, .name = SV("alg.example"), .has_port = true, .port = 2944};
    struct h248_msg *m = h248_msg_new(a, 2, &mid);
    struct h248_txn *t = h248_txn_new(a, m, H248_REQUEST, 7);
    struct h248_action *ac = h248_action_new(a, t, H248_CTX_CHOOSE);
    struct h248_cmd *c = h248_cmd_new(a, ac, H248_ADD, SV("ip/$/core/$"));
    struct h248_desc *media = h248_desc_new(a, c ? &c->descs : NULL, H248_D_MEDIA);
    struct h248_stream *s = h248_stream_new(a, media ? &media->u.media : NULL, 2);
    struct h248_parm *p =
        h248_parm_set(a, s ? &s->control.props : NULL, "ipdc/realm", SV("core"), true);
    struct h248_desc *events = h248_desc_new(a, c ? &c->descs : NULL, H248_D_EVENTS);
    struct h248_event *ev = h248_event_new(a, events ? &events->u.events.events : NULL, "g/cause");
    struct h248_desc *sigs = h248_desc_new(a, c ? &c->descs : NULL, H248_D_SIGNALS);
    struct h248_signal *sig = h248_signal_new(a, sigs ? &sigs->u.signals : NULL, "cg/rt");

    if (!p || !ev || !sig)
        return -ENOMEM;
    s->has_control = true;
    events->u.events.has_request_id = true;
    events->u.events.request_id = H248_REQID_ALL;
    *out = m;
    return 0;
}

static void a_request_is_composed(void **state)
{
    struct arena *a = arena_new(1u << 16);
    struct h248_msg *m = NULL;
    char text[300];
    struct buf b = buf_over(text, sizeof(text));

    (void)state;
    assert_int_equal(compose(a, &m), 0);
    assert_int_equal(h248_encode(m, H248_COMPACT, &b), 0);
    assert_true(
        sv_is(buf_sv(&b),
              "!/2 <alg.example>:2944 "
              "T=7{C=${A=ip/$/core/${M{ST=2{O{ipdc/realm=\"core\"}}},E=*{g/cause},SG{cg/rt}}}}"));
    arena_free(a);
}

static void no_memory_anywhere_is_seen_at_the_end(void **state)
{
    struct h248_msg *m = NULL;
    size_t limit;
    int err = -ENOMEM;

    (void)state;
    for (limit = 1; err; limit += 16) {
        struct arena *a = arena_new(limit);

        err = compose(a, &m);
        assert_true(err == 0 || err == -ENOMEM);
        arena_free(a);
        assert_true(limit < 1u << 16);
    }
    assert_true(limit > 1000);
}

static void finding_and_setting(void **state)
{
    struct arena *a = arena_new(1u << 16);
    struct h248_parm *list = NULL, *p;
    struct h248_media media = {0};
    struct h248_desc *descs = NULL, *d;
    struct h248_cmd c = {0};

    (void)state;
    p = h248_parm_set(a, &list, "p/a", SV("1"), false);
    assert_ptr_equal(h248_parm_set(a, &list, "P/A", SV("2"), true), p); /* it replaces */
    assert_true(sv_is(p->values->text, "2") && p->values->quoted && !p->values->next &&
                !list->next);
    assert_ptr_equal(h248_parm_find(list, "P/a"), p);
    assert_null(h248_parm_find(list, "p/b"));
    assert_null(h248_stream_find(&media, 1));
    assert_non_null(h248_stream_new(a, &media, 1));
    assert_int_equal(h248_stream_find(&media, 1)->id, 1);
    d = h248_desc_new(a, &descs, H248_D_AUDIT);
    assert_ptr_equal(h248_desc_find(descs, H248_D_AUDIT), d);
    assert_null(h248_desc_find(descs, H248_D_MEDIA));
    assert_int_equal(h248_cmd_error(a, &c, 430, NULL), 0);
    assert_true(sv_is(c.descs->u.error.text, "Unknown TerminationID"));
    assert_int_equal(h248_cmd_error(a, NULL, 430, NULL), -ENOMEM);
    assert_int_equal(h248_value_add(a, NULL, SV("x"), false), -ENOMEM);
    arena_free(a);
}

static void transactions_have_titles(void **state)
{
    static const struct { const char *text, *title;
    } cases[] = {
        {"T=1{C=${A=ip/$/core/${M{ST=2{O{MO=IN}}}}}}", "ADD.req C=$ ip/$/core/$ S2"},
        {"P=1{C=1{A=ip/1/core/7}}", "ADD.reply C=1 ip/1/core/7"},
        {"P=1{ER=489{}}", "Error 489"},
        {"P=1{C=1{A=a{ER=430{}}}}", "ADD.reply C=1 a Error 430"},
        {"T=1{C=-{SC=ROOT{SV{MT=RS,RE=901}}},C=1{MF=a,S=b}}",
         "SVC.req C=- ROOT Restart; MOD.req C=1 a, SUB.req b"},
        {"T=1{C=1{N=a{OE=1{g/cause}}}}", "NOTIFY.req C=1 a g/cause"},
        {"PN=5{}", "PENDING 5"},
        {"K{1}", "ACK"},
        {"SM=1/2", "SEGMENT 1/2"},
        {"T=1{C=*{CA{TP}}}", "CONTEXT.req C=*"},
    };
    struct arena *a = arena_new(1u << 16);
    struct h248_fault f;
    struct h248_msg *m;
    char text[200], title[100];
    unsigned i, n;

    (void)state;
    for (i = 0; i < ARRAY_LEN(cases); i++) {
        snprintf(text, sizeof(text), "!/3 a %s", cases[i].text);
        assert_int_equal(h248_decode(a, sv_from(text), &m, &f), 0);
        h248_txn_title(m->txns, title, sizeof(title));
        assert_string_equal(title, cases[i].title);
        for (n = 0; n < sizeof(title); n++) { /* any size will do */
            char small[sizeof(title)];

            memset(small, 'x', sizeof(small));
            h248_txn_title(m->txns, small, n);
            assert_true(n == 0 || memchr(small, 0, n));
            assert_int_equal(small[n], 'x');
        }
    }
    arena_free(a);
}

static void errors_have_texts(void **state)
{
    (void)state;
    assert_string_equal(h248_err_text(400), "Syntax error in message");
    assert_string_equal(h248_err_text(489), "Invalid aggregation and/or de-aggregation");
    assert_string_equal(h248_err_text(581), "Does not exist");
    assert_string_equal(h248_err_text(0), "Unknown error");
    assert_string_equal(h248_err_text(404), "Unknown error");
    assert_string_equal(h248_err_text(9999), "Unknown error");
    assert_string_equal(h248_verb_name(H248_ADD), "Add");
    assert_string_equal(h248_verb_name(H248_SERVICE_CHANGE), "ServiceChange");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_composed),
        cmocka_unit_test(no_memory_anywhere_is_seen_at_the_end),
        cmocka_unit_test(finding_and_setting),
        cmocka_unit_test(transactions_have_titles),
        cmocka_unit_test(errors_have_texts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
