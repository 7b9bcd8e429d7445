/* Terminations. */
#include "agw/ctl/term.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "agw/ctl/change.h"
#include "agw/ctl/event.h"
#include "agw/ctl/transport.h"
#include "common/log.h"
#include "common/rnd.h"

#define CNAME_CHARS 16 /* 95 bits (RFC 7022 4.2 asks for 96 of base64; they are told to nobody) */
#define GROUP "1" /* TS 29.334 5.6.1: one group of terminations */

/* --- names --- */

bool term_is_wild(struct sv pattern)
{
    return pattern.n && memchr(pattern.p, '*', pattern.n);
}

bool term_match(struct sv pattern, const char *id)
{
    struct sv have = sv_from(id);

    while (pattern.n) {
        struct sv want = sv_cut(&pattern, '/'), level = sv_cut(&have, '/');

        if (sv_is(want, "*")) {
            if (!pattern.n)
                return level.n > 0; /* the last one stands for the rest */
        } else if (!sv_ieq(want, level)) {
            return false;
        }
    }
    return !have.n;
}

struct term *term_find(struct ctl *c, struct sv id)
{
    char key[TERM_ID_MAX];
    struct term *t;

    if (sv_copy(id, key, sizeof key) >= sizeof key)
        return NULL;
    for (char *p = key; *p;
         p++) { /* TerminationIDs fold case (H.248.1 annex B); ours are lower case */
        if (*p >= 'A' && *p <= 'Z')
            *p = (char)(*p - 'A' + 'a');
    }
    HASH_FIND_STR(c->terms, key, t);
    return t;
}

struct stream *term_stream(const struct term *t, uint16_t id)
{
    struct stream *s;

    DL_FOREACH(t->streams, s)
    {
        if (s->spec.id == id)
            return s;
    }
    return NULL;
}

/* --- which realm --- */

static int realm_by_name(struct ctl *c, const struct iq_term *asked, const struct realm **r,
                         struct iq_fault *fault)
{
    *r = NULL;
    for (unsigned i = 0; i < asked->n_streams; i++) {
        const struct iq_text *name = &asked->streams[i].realm;
        const struct realm *found = name->set ? ctl_realm(c, name->v) : NULL;

        if (!name->set)
            continue;
        if (!found)
            return iq_refuse(fault, 449, "ipdc/realm = %.*s", SV_ARG(name->v));
        if (*r && *r != found)
            return iq_refuse(fault, 473, "two realms for one termination");
        *r = found;
    }
    return 0;
}

/* The interface level of `ip/$/core/$`; each level may be `$`, and missing ones are. */
static int realm_by_id(struct ctl *c, struct sv id, const struct realm **r, struct iq_fault *fault)
{
    struct sv rest = id, level = sv_cut(&rest, '/');

    *r = NULL;
    if (sv_is(level, "$") && !rest.n)
        return 0;
    if (!sv_iis(level, "ip") && !sv_is(level, "$"))
        return iq_refuse(fault, 430, "%.*s", SV_ARG(id));
    level = sv_cut(&rest, '/');
    if (level.n && !sv_is(level, "$") && !sv_is(level, GROUP))
        return iq_refuse(fault, 430, "group %.*s", SV_ARG(level));
    level = sv_cut(&rest, '/');
    if (level.n && !sv_is(level, "$")) {
        *r = ctl_interface(c, level);
        if (!*r)
            return iq_refuse(fault, 430, "interface %.*s", SV_ARG(level));
    }
    if (rest.n && !sv_is(rest, "$"))
        return iq_refuse(fault, term_find(c, id) ? 433 : 430, "%.*s", SV_ARG(id));
    return 0;
}

int term_realm(struct ctl *c, const struct iq_term *asked, const struct realm **r,
               struct iq_fault *fault)
{
    const struct realm *by_name, *by_id;
    int err = realm_by_id(c, asked->id, &by_id, fault);

    if (!err)
        err = realm_by_name(c, asked, &by_name, fault);
    if (!err && by_name && by_id && by_name != by_id)
        err = iq_refuse(fault, 473, "realm %s is not interface %s", by_name->conf->name,
                        by_id->conf->interface);
    if (!err)
        *r = by_name ? by_name : by_id ? by_id : &c->realms[0];
    return err;
}

/* --- life --- */

static int term_new(struct ctx *x, const struct realm *r, struct term **tp)
{
    struct ctl *c = x->ctl;
    struct term *t = calloc(1, sizeof *t);

    if (!t)
        return -ENOMEM;
    t->ctx = x;
    t->realm = r;
    t->beat_at = MSEC_NEVER;
    rnd_text(t->cname, CNAME_CHARS);
    do {
        c->last_term = c->last_term == UINT32_MAX ? 1 : c->last_term + 1;
        snprintf(t->id, sizeof t->id, "ip/" GROUP "/%s/%u", r->conf->interface, c->last_term);
    } while (term_find(c, sv_from(t->id)));
    HASH_ADD_STR(c->terms, id, t);
    DL_APPEND(x->terms, t);
    x->n_terms++;
    count_add(&c->counts[CTL_C_TERMS], 1);
    *tp = t;
    return 0;
}

void term_free(struct term *t)
{
    struct transport *tp, *tpnext;
    struct stream *s, *next;
    struct ctl *c;

    if (!t)
        return;
    c = t->ctx->ctl;
    for (int pass = 0; pass < 2; pass++) { /* channels before what carries them */
        DL_FOREACH_SAFE(t->streams, s, next)
        {
            if ((s->kind == STREAM_CHAN) != (pass == 0))
                continue;
            DL_DELETE(t->streams, s);
            stream_free(s);
        }
    }
    DL_FOREACH_SAFE(t->transports, tp, tpnext)
    {
        DL_DELETE(t->transports, tp);
        transport_free(tp);
    }
    event_disarm(t);
    HASH_DEL(c->terms, t);
    DL_DELETE(t->ctx->terms, t);
    t->ctx->n_terms--;
    count_add(&c->counts[CTL_C_TERMS], -1);
    arena_free(t->arena);
    free(t);
}

int term_add(struct ctx *x, struct arena *a, const struct iq_term *asked, struct iq_term *answer,
             struct term **tp, msec_t now, struct iq_fault *fault)
{
    const struct realm *r;
    struct term *t;
    int err;

    if (term_is_wild(
            asked->id)) /* Add takes from the null context, where nothing lives (TS 29.334 5.4) */
        return iq_refuse(fault, 431, "%.*s", SV_ARG(asked->id));
    err = term_realm(x->ctl, asked, &r, fault);
    if (err)
        return err;
    if (x->n_terms >= x->ctl->conf.max_terms)
        return iq_refuse(fault, 434, "%u terminations in context %u", x->n_terms, x->id);
    err = term_new(x, r, &t);
    if (err)
        return err;
    memset(answer, 0, sizeof *answer);
    err = change_run(t, a, asked, answer, now, fault);
    if (err) {
        term_free(t);
        return err;
    }
    answer->id = sv_from(t->id);
    ctx_connect(x);
    *tp = t;
    log_info("ctl", "ctx=%u term=%s msg=\"added\"", x->id, t->id);
    return 0;
}

int term_modify(struct term *t, struct arena *a, const struct iq_term *asked,
                struct iq_term *answer, msec_t now, struct iq_fault *fault)
{
    int err;

    memset(answer, 0, sizeof *answer);
    err = change_run(t, a, asked, answer, now, fault);
    if (err)
        return err;
    answer->id = sv_from(t->id);
    ctx_connect(t->ctx);
    return 0;
}

void term_fill(const struct term *t, struct iq_term *out)
{
    struct stream *s;

    memset(out, 0, sizeof *out);
    out->id = sv_from(t->id);
    out->groupse = t->groupse;
    out->has_events = t->has_events;
    out->request_id = t->request_id;
    out->heartbeat = t->heartbeat;
    out->notify_cause = t->notify_cause;
    out->inactivity = t->inactivity;
    out->inactivity_dir = t->inactivity_dir;
    DL_FOREACH(t->streams, s)
    {
        struct iq_stream *to = iq_stream_new(out, s->spec.id);

        if (to)
            *to = s->spec;
    }
}
