/* Iq fields to text and back, and comparison of what came. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <utlist.h>

#include "h248/pkg.h"

static struct arena *a; /* of one test */

static inline int setup(void **state)
{
    (void)state;
    a = arena_new(16u << 20);
    return a ? 0 : -1;
}

static inline int teardown(void **state)
{
    (void)state;
    arena_free(a);
    a = NULL;
    return 0;
}

/* --- to text and back --- */

static inline struct h248_cmd *cmd_new(struct h248_msg **mp, enum h248_verb verb)
{
    struct h248_mid mid = {.kind = H248_MID_DOMAIN, .name = SV("alg1.example.net"), .has_port = true, .port = 2944};
    struct h248_txn *txn;

    *mp = h248_msg_new(a, 2, &mid);
    txn = h248_txn_new(a, *mp, H248_REQUEST, 1001);
    return h248_cmd_new(a, h248_action_new(a, txn, 7), verb, SV("ip/1/access/8"));
}

static inline struct h248_cmd *cmd_of(const char *text)
{
    struct h248_fault fault = {0};
    struct h248_msg *m = NULL;

    if (h248_decode(a, sv_from(text), &m, &fault))
        fail_msg("%u:%u: %s in %s", fault.line, fault.column, fault.why, text);
    return m->txns->actions->cmds;
}

/* put, encode, decode, get */
static inline void round_trip(const struct iq_term *in, struct iq_term *out, enum h248_style style)
{
    static uint8_t text[H248_MSG_MAX];
    struct buf b = buf_over(text, sizeof text - 1);
    struct iq_fault fault = {0};
    struct h248_msg *m;
    struct h248_cmd *cmd = cmd_new(&m, H248_ADD);

    assert_int_equal(iq_put(a, in, cmd), 0);
    assert_int_equal(h248_encode(m, style, &b), 0);
    text[b.len] = '\0';
    cmd = cmd_of((const char *)text);
    if (iq_get(a, cmd, out, &fault))
        fail_msg("%u %s in %s", fault.code, fault.text, text);
}

/* --- comparison, field by field and without the tables --- */

static inline void same_text(const struct iq_text *x, const struct iq_text *y)
{
    assert_int_equal(x->set, y->set);
    assert_true(sv_eq(x->v, y->v));
}

static inline void same_texts(const struct iq_texts *x, const struct iq_texts *y)
{
    assert_int_equal(x->set, y->set);
    assert_int_equal(x->n, y->n);
    for (unsigned i = 0; i < x->n; i++)
        assert_true(sv_eq(x->v[i], y->v[i]));
}

static inline void same_ids(const struct iq_ids *x, const struct iq_ids *y)
{
    assert_int_equal(x->set, y->set);
    assert_int_equal(x->n, y->n);
    for (unsigned i = 0; i < x->n; i++)
        assert_int_equal(x->v[i], y->v[i]);
}

#define SAME_INT(f) (assert_int_equal(x->f.set, y->f.set), assert_int_equal(x->f.v, y->f.v))
#define SAME(f) assert_int_equal(x->f, y->f)

static inline void same_sdp(const struct sdp *x, const struct sdp *y)
{
    assert_int_equal(x != NULL, y != NULL);
    if (x)
        assert_true(sdp_equal(x, y));
}

static inline void same_stats(const struct iq_stats *x, const struct iq_stats *y)
{
    SAME_INT(dur); SAME_INT(octets_out); SAME_INT(octets_in); SAME_INT(packets_out); SAME_INT(packets_in);
    SAME_INT(lost); SAME_INT(jitter); SAME_INT(delay); SAME_INT(mos);
}

static inline void same_stream(const struct iq_stream *x, const struct iq_stream *y)
{
    SAME(id); SAME(mode); SAME(reserved_value);
    same_text(&x->realm, &y->realm);
    same_ids(&x->strdeagg, &y->strdeagg);
    SAME_INT(sctpid); SAME_INT(saf); SAME_INT(spf); SAME_INT(esas); SAME_INT(esps); SAME_INT(lsp); SAME_INT(pol);
    SAME_INT(sdr); SAME_INT(pdr); SAME_INT(mbs); SAME_INT(dvt); SAME_INT(dscp); SAME_INT(rtcp_rsb);
    SAME_INT(sctp_reset); SAME_INT(consent_test); SAME_INT(ice_check);
    same_text(&x->ice_nomination, &y->ice_nomination);
    same_texts(&x->sam, &y->sam);
    same_text(&x->spr, &y->spr);
    same_text(&x->lsa, &y->lsa);
    same_text(&x->tb, &y->tb);
    same_text(&x->interlink, &y->interlink);
    same_sdp(x->local, y->local);
    same_sdp(x->remote, y->remote);
    SAME(local_empty); SAME(remote_empty);
    SAME(dtls_establish); SAME(dtls_release); SAME(act_stun); SAME(tcp_establish); SAME(tcp_release); SAME(latch);
    SAME(notify_dtls); SAME(notify_tcp); SAME(notify_sctp); SAME(notify_sctp_reset); SAME(notify_consent);
    SAME(notify_ice); SAME(notify_ice_peer);
    same_stats(&x->stats, &y->stats);
}

static inline void same_term(const struct iq_term *x, struct iq_term *y)
{
    same_texts(&x->groupse, &y->groupse);
    SAME_INT(root.max_contexts); SAME_INT(root.max_terms); SAME_INT(root.mg_execution); SAME_INT(root.mgc_execution);
    SAME_INT(root.mg_provisional); SAME_INT(root.mgc_provisional); SAME_INT(root.mgc_pending_limit);
    SAME_INT(root.mg_pending_limit);
    SAME(has_events); SAME(request_id); SAME(notify_cause); SAME(has_signals); SAME(n_streams);
    SAME_INT(heartbeat); SAME_INT(inactivity); SAME_INT(ito);
    same_text(&x->inactivity_dir, &y->inactivity_dir);
    same_stats(&x->stats, &y->stats);
    for (unsigned i = 0; i < x->n_streams; i++) {
        struct iq_stream *s = iq_stream_find(y, x->streams[i].id);

        assert_non_null(s);
        same_stream(&x->streams[i], s);
    }
}

#define ADD(body) "MEGACO/2 <alg1.example.net>:2944\nTransaction = 1 { Context = 1 { Add = ip/$/access/$ {\n" body "\n} } }\n"
#define MODIFY(body) "MEGACO/2 <alg1.example.net>:2944\nTransaction = 1 { Context = 1 { Modify = ip/1/access/8 {\n" body "\n} } }\n"
#define MODIFY_ROOT(body) "MEGACO/2 <alg1.example.net>:2944\nTransaction = 1 { Context = - { Modify = ROOT {\n" body "\n} } }\n"

static inline void get(const char *text, struct iq_term *t)
{
    struct iq_fault fault = {0};

    if (iq_get(a, cmd_of(text), t, &fault))
        fail_msg("%u %s in %s", fault.code, fault.text, text);
}

static uint64_t seed;

static inline unsigned rnd(unsigned below)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(seed >> 33) % below;
}

static inline struct sv rnd_string(const struct pkg_def *d)
{
    static const char safe[] = "ABCxyz019 .:;,{}[]()<>=#$*\\/'|%~+-_@!?^`&";
    size_t n = (size_t)d->min + rnd(d->max - d->min < 20 ? (unsigned)(d->max - d->min) + 1 : 20);
    char text[64];

    for (size_t i = 0; i < n; i++)
        text[i] = safe[rnd(sizeof safe - 1)];
    return arena_sv(a, (struct sv){text, n});
}

static inline int64_t rnd_int(const struct pkg_def *d)
{
    switch (rnd(4)) {
    case 0: return d->min;
    case 1: return d->max;
    default: return d->min + rnd((unsigned)(d->max - d->min > 1000000 ? 1000000 : d->max - d->min + 1));
    }
}

static inline unsigned rnd_word(const struct pkg_def *d)
{
    unsigned n = 0;

    while (d->values[n])
        n++;
    return rnd(n);
}

static inline void fill(const struct pkg_def *d, void *field)
{
    struct iq_ids *ids = field;
    struct iq_texts *texts = field;

    switch (d->type) {
    case PKG_FLAG:
        *(bool *)field = true;
        break;
    case PKG_BOOL:
        *(struct iq_bool *)field = (struct iq_bool){true, rnd(2)};
        break;
    case PKG_ENUM:
        *(struct iq_text *)field = (struct iq_text){true, sv_from(d->values[rnd_word(d)])};
        break;
    case PKG_CHOICE:
        *(int *)field = (int)rnd_word(d) + 1;
        break;
    case PKG_FIXED:
        *(struct iq_int *)field = (struct iq_int){true, rnd_int(d)};
        break;
    case PKG_INT:
        if (!d->list) {
            *(struct iq_int *)field = (struct iq_int){true, rnd_int(d)};
            break;
        }
        *ids = (struct iq_ids){.set = true, .n = 1 + rnd(IQ_LIST_MAX)};
        for (unsigned i = 0; i < ids->n; i++)
            ids->v[i] = (uint16_t)rnd_int(d);
        break;
    case PKG_STR:
        if (!d->list) {
            *(struct iq_text *)field = (struct iq_text){true, rnd_string(d)};
            break;
        }
        *texts = (struct iq_texts){.set = true, .n = 1 + rnd(IQ_LIST_MAX)};
        for (unsigned i = 0; i < texts->n; i++)
            texts->v[i] = rnd_string(d);
        break;
    }
}

/* Each bound field of this scope with the given chance (percent). */
static inline void fill_scope(void *base, enum pkg_scope scope, unsigned chance)
{
    const struct pkg *p;

    for (unsigned i = 0; (p = pkg_at(i)); i++) {
        for (unsigned k = 0; k < p->n_items; k++) {
            const struct pkg_item *it = &p->items[k];

            if (it->where & PKG_READ_ONLY)
                continue;
            if (it->field.scope == scope && rnd(100) < chance)
                fill(&it->def, (char *)base + it->field.offset);
            for (unsigned m = 0; m < it->n_params; m++) {
                if (it->params[m].field.scope == scope && rnd(100) < chance)
                    fill(&it->params[m].def, (char *)base + it->params[m].field.offset);
            }
        }
    }
}
