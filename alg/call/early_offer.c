#include "alg/call/early_offer.h"

#include <errno.h>
#include <utlist.h>

#include "alg/sdp/limits.h"

static const char *const dirs[] = {[SDP_SENDRECV] = "sendrecv", [SDP_SENDONLY] = "sendonly", [SDP_RECVONLY] = "recvonly",
                                   [SDP_INACTIVE] = "inactive"};

/* --- preconditions: "TYPE STATUS DIR" of curr, "TYPE STRENGTH STATUS DIR" of des (RFC 3312 4) --- */

struct qos {
    struct sv type, strength, status, dir;
};

static struct qos qos_read(const struct sdp_attr *at, bool des)
{
    struct sv rest = at->value;
    struct qos q = {0};

    q.type = sv_word(&rest);
    if (des)
        q.strength = sv_word(&rest);
    q.status = sv_word(&rest);
    q.dir = sv_word(&rest);
    return q;
}

static bool covers(struct sv have, struct sv want)
{
    return sv_eq(have, want) || sv_is(have, "sendrecv") || sv_is(want, "none");
}

static bool is_met(const struct sdp_media *m, const struct qos *want)
{
    const struct sdp_attr *at = sdp_attr_find(m->attrs, "curr");

    for (; at; at = sdp_attr_next(at, "curr")) {
        struct qos q = qos_read(at, false);

        if (sv_eq(q.type, want->type) && sv_eq(q.status, want->status) && covers(q.dir, want->dir))
            return true;
    }
    return false;
}

bool early_offer_waits(struct sv offer)
{
    struct arena *a = arena_new(SDP_BODY_MAX * 4);
    struct sdp *s = NULL;
    struct sdp_err e;
    bool waits = false;

    if (!a || offer.n > SDP_BODY_MAX || sdp_parse(a, offer, SDP_SIP, &s, &e))
        s = NULL;
    for (const struct sdp_media *m = s ? s->media : NULL; m; m = m->next) {
        const struct sdp_attr *at = m->port ? sdp_attr_find(m->attrs, "des") : NULL;

        for (; at; at = sdp_attr_next(at, "des")) {
            struct qos q = qos_read(at, true);

            /* `remote` is our side, which is ready */
            if (sv_is(q.strength, "mandatory") && !sv_is(q.status, "remote") && !is_met(m, &q))
                waits = true;
        }
    }
    arena_free(a);
    return waits;
}

static struct sv other_side(struct sv status)
{
    return sv_is(status, "local") ? SV("remote") : sv_is(status, "remote") ? SV("local") : status;
}

void early_offer_drop(struct sdp_media *m)
{
    sdp_attr_del(&m->attrs, "curr");
    sdp_attr_del(&m->attrs, "des");
    sdp_attr_del(&m->attrs, "conf");
}

/* conf: we want to hear when what is wanted of them is there (RFC 3312 5.2). */
static int put_qos(struct arena *a, struct sdp_media *ours, const struct sdp_media *theirs)
{
    const struct sdp_attr *at;
    int err = 0;

    early_offer_drop(ours);
    for (at = sdp_attr_find(theirs->attrs, "curr"); at && !err; at = sdp_attr_next(at, "curr")) {
        struct qos q = qos_read(at, false);
        struct sv status = other_side(q.status), dir = sv_is(status, "remote") ? q.dir : SV("sendrecv");

        err = sdp_attr_addf(a, &ours->attrs, "curr", "%.*s %.*s %.*s", SV_ARG(q.type), SV_ARG(status), SV_ARG(dir));
    }
    for (at = sdp_attr_find(theirs->attrs, "des"); at && !err; at = sdp_attr_next(at, "des")) {
        struct qos q = qos_read(at, true);
        struct sv status = other_side(q.status);

        err = sdp_attr_addf(a, &ours->attrs, "des", "%.*s %.*s %.*s %.*s", SV_ARG(q.type), SV_ARG(q.strength), SV_ARG(status),
                            SV_ARG(q.dir));
        if (!err && sv_is(q.strength, "mandatory") && sv_is(q.status, "local") && !is_met(theirs, &q))
            err = sdp_attr_addf(a, &ours->attrs, "conf", "%.*s remote %.*s", SV_ARG(q.type), SV_ARG(q.dir));
    }
    return err;
}

/* --- the rest of a line --- */

static bool has_word(struct sv list, struct sv word)
{
    while (list.n > 0)
        if (sv_eq(sv_word(&list), word))
            return true;
    return false;
}

/* Does every attribute of that name in b stand in a? */
static bool has_all(const struct sdp_media *a, const struct sdp_media *b, const char *name)
{
    const struct sdp_attr *want, *at;

    for (want = sdp_attr_find(b->attrs, name); want; want = sdp_attr_next(want, name)) {
        for (at = sdp_attr_find(a->attrs, name); at && !sv_eq(at->value, want->value); at = sdp_attr_next(at, name))
            ;
        if (!at)
            return false;
    }
    return true;
}

static bool is_same(const struct sdp_media *before, const struct sdp_media *now)
{
    static const char *const fixed[] = {"rtpmap", "fmtp", "crypto", "fingerprint", "setup", "path", "msrp-cema"};

    if (!sv_eq(before->media, now->media) || !sv_eq(before->proto, now->proto) || !before->port != !now->port)
        return false;
    for (struct sv rest = now->fmts; rest.n > 0;)
        if (!has_word(before->fmts, sv_word(&rest)))
            return false;
    for (unsigned i = 0; i < ARRAY_LEN(fixed); i++)
        if (!has_all(before, now, fixed[i]))
            return false;
    return true;
}

/* The attributes of formats that are not in the answer. */
static void keep_fmts(struct sdp_media *m, const char *name, struct sv fmts)
{
    struct sdp_attr *at = m->attrs, *next;

    for (; at; at = next) {
        struct sv rest = at->value, pt = sv_word(&rest);

        next = at->next;
        if (sv_is(at->name, name) && !has_word(fmts, pt) && !sv_is(pt, "*"))
            DL_DELETE(m->attrs, at);
    }
}

static int answer_fmts(struct arena *a, struct sdp_media *m, const struct sdp_media *now)
{
    struct sv fmts = SV_NONE;

    for (struct sv rest = now->fmts; rest.n > 0;) {
        struct sv pt = sv_word(&rest);

        if (!has_word(m->fmts, pt))
            continue;
        fmts = sv_from(fmts.n ? arena_printf(a, "%.*s %.*s", SV_ARG(fmts), SV_ARG(pt)) : arena_sv(a, pt).p);
        if (!fmts.n)
            return -ENOMEM;
    }
    if (!fmts.n)
        return -EPROTO;
    m->fmts = fmts;
    keep_fmts(m, "rtpmap", fmts);
    keep_fmts(m, "fmtp", fmts);
    keep_fmts(m, "rtcp-fb", fmts);
    return 0;
}

static bool sends(enum sdp_dir d)
{
    return d == SDP_SENDRECV || d == SDP_SENDONLY;
}

static bool receives(enum sdp_dir d)
{
    return d == SDP_SENDRECV || d == SDP_RECVONLY;
}

static int answer_dir(struct arena *a, const struct sdp *ours, struct sdp_media *m, enum sdp_dir theirs)
{
    enum sdp_dir mine = sdp_dir_of(ours, m);
    bool send = sends(mine) && receives(theirs), recv = receives(mine) && sends(theirs);

    for (unsigned i = 0; i < ARRAY_LEN(dirs); i++)
        sdp_attr_del(&m->attrs, dirs[i]);
    return sdp_attr_add(a, &m->attrs, dirs[send ? (recv ? SDP_SENDRECV : SDP_SENDONLY) : recv ? SDP_RECVONLY : SDP_INACTIVE],
                        SV_NONE);
}

static int answer_line(struct arena *a, const struct sdp *ours, struct sdp_media *m, const struct sdp *now,
                       const struct sdp_media *theirs)
{
    const struct sdp_attr *setup = sdp_attr_find(theirs->attrs, "setup");
    int err = 0;

    if (theirs->port == 0) {
        m->port = 0;
        return 0;
    }
    if (m->port == 0)
        return -EPROTO;
    if (setup) { /* the role we have against theirs, now that it is known */
        enum sdp_setup role = sdp_setup_parse(setup->value);

        sdp_attr_del(&m->attrs, "setup");
        err = sdp_attr_add(a, &m->attrs, "setup",
                           sv_from(sdp_setup_name(role == SDP_SETUP_ACTIVE ? SDP_SETUP_PASSIVE : SDP_SETUP_ACTIVE)));
    }
    if (!err && (sv_is(m->media, "audio") || sv_is(m->media, "video")))
        err = answer_fmts(a, m, theirs);
    if (!err && (sv_is(m->media, "audio") || sv_is(m->media, "video")))
        err = answer_dir(a, ours, m, sdp_dir_of(now, theirs));
    return err ? err : put_qos(a, m, theirs);
}

static int answer(struct arena *a, struct sdp_own *own, struct sv before_text, struct sv now_text)
{
    struct sv offer = own->before ? (struct sv){own->before, own->n_before} : sdp_own_body(own);
    struct sdp *ours, *before, *now;
    const struct sdp_media *was, *theirs;
    struct sdp_media *m;
    struct sdp_err e;
    int err = 0;

    if (sdp_parse(a, now_text, SDP_SIP, &now, &e) || sdp_parse(a, before_text, SDP_SIP, &before, &e) ||
        sdp_parse(a, offer, SDP_SIP, &ours, &e) || now->n_media != before->n_media || now->n_media != ours->n_media)
        return -EPROTO;
    was = before->media;
    theirs = now->media;
    for (m = ours->media; m && !err; m = m->next, was = was->next, theirs = theirs->next)
        err = is_same(was, theirs) || (m->port == 0 && theirs->port == 0) ? answer_line(a, ours, m, now, theirs) : -EPROTO;
    return err ? err : sdp_own_print(own, ours, ours->origin.addrtype, ours->origin.addr);
}

int early_offer_answer(struct sdp_own *own, struct sv before, struct sv now)
{
    struct arena *a = arena_new(SDP_BODY_MAX * 8);
    int err = !a ? -ENOMEM : before.n > SDP_BODY_MAX || now.n > SDP_BODY_MAX ? -EPROTO : answer(a, own, before, now);

    arena_free(a);
    return err;
}

int early_offer_ready(struct sdp_own *own, struct sv offer)
{
    struct arena *a = arena_new(SDP_BODY_MAX * 8);
    struct sdp *ours, *theirs;
    struct sdp_err e;
    int err = !a ? -ENOMEM : offer.n > SDP_BODY_MAX ? -EPROTO : 0;

    if (!err && (sdp_parse(a, sdp_own_body(own), SDP_SIP, &ours, &e) || sdp_parse(a, offer, SDP_SIP, &theirs, &e)))
        err = -EPROTO;
    if (!err) {
        const struct sdp_media *t = theirs->media;

        for (struct sdp_media *m = ours->media; m && t && !err; m = m->next, t = t->next)
            err = m->port ? put_qos(a, m, t) : 0;
    }
    if (!err)
        err = sdp_own_print(own, ours, ours->origin.addrtype, ours->origin.addr);
    arena_free(a);
    return err;
}

static int promise(struct arena *a, struct sdp_media *m)
{
    static const char *const lines[][2] = {{"curr", "qos local sendrecv"}, {"curr", "qos remote none"},
                                           {"des", "qos mandatory local sendrecv"}, {"des", "qos none remote sendrecv"}};
    int err = 0;

    early_offer_drop(m);
    for (unsigned i = 0; m->port && !err && i < ARRAY_LEN(lines); i++)
        err = sdp_attr_add(a, &m->attrs, lines[i][0], sv_from(lines[i][1]));
    return err;
}

int early_offer_promise(struct sdp_own *own)
{
    struct arena *a = arena_new(SDP_BODY_MAX * 4);
    struct sdp *s = NULL;
    struct sdp_err e;
    int err = !a ? -ENOMEM : sdp_parse(a, sdp_own_body(own), SDP_SIP, &s, &e) ? -EPROTO : 0;

    for (struct sdp_media *m = s ? s->media : NULL; m && !err; m = m->next)
        err = promise(a, m);
    if (!err)
        err = sdp_own_print(own, s, s->origin.addrtype, s->origin.addr);
    arena_free(a);
    return err;
}

static bool is_alike(const struct sdp *sa, const struct sdp_media *a, const struct sdp *sb, const struct sdp_media *b)
{
    const struct sdp_conn *ca = sdp_conn_of(sa, a), *cb = sdp_conn_of(sb, b);

    return a->port == b->port && (!a->port || (ca && cb && sv_eq(ca->addr, cb->addr) && sv_eq(a->fmts, b->fmts) &&
                                               sdp_dir_of(sa, a) == sdp_dir_of(sb, b)));
}

int early_offer_same(bool *same, struct sv one, struct sv other)
{
    struct arena *a = arena_new(SDP_BODY_MAX * 8);
    struct sdp *x = NULL, *y = NULL;
    struct sdp_err e;
    int err = !a ? -ENOMEM : sdp_parse(a, one, SDP_SIP, &x, &e) || sdp_parse(a, other, SDP_SIP, &y, &e) ? -EPROTO : 0;

    if (!err) {
        const struct sdp_media *m = x->media, *n = y->media;

        for (; m && n && is_alike(x, m, y, n); m = m->next)
            n = n->next;
        *same = !m && !n;
    }
    arena_free(a);
    return err;
}
