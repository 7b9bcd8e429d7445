#include "agw/media/ice.h"
#include "agw/media/warm.h"

#include <errno.h>
#include <stdlib.h>

#include "agw/media/ice_consent.h"
#include "agw/media/ice_list.h"

struct cred {
    char ufrag[sizeof(((struct bus_sep *)0)->ufrag)];
    char pwd[sizeof(((struct bus_sep *)0)->pwd)];
};

struct valid {
    struct addr addr;
    unsigned gen; /* of the credentials that it was checked with */
};

struct ice {
    struct stun_mac *mac;
    struct cred cur;
    struct cred past[MEDIA_ICE_PAST]; /* until the restart is complete, newest first; the last is that of the pair in use */
    unsigned n_past;
    unsigned gen; /* counts restarts */
    struct valid valid[MEDIA_ICE_VALID];
    unsigned n_valid, next; /* next: slot to use again when full */
    bool up, lost;
    bool away;            /* the selected pair was a TCP connection that has ended */
    bool rests;           /* nothing is read of the peer: ice_rest */
    bool waits;           /* lite: for the first check, since `seen` */
    struct addr selected;
    msec_t timeout, seen; /* seen: last check on the selected pair */
    msec_t kept;          /* when we sent on it */

    struct ice_names names;    /* of this generation */
    char stale[BUS_ICE_UFRAG]; /* the peer's ufrag before our restart: what is not news then */
    struct ice_list *list;     /* NULL: lite */
    bool asks;                 /* for consent */
    unsigned lost_gen;
    struct ice_consent consent;
};

static void cred_set(struct cred *c, const char *ufrag, const char *pwd)
{
    sv_copy(sv_from(ufrag), c->ufrag, sizeof(c->ufrag));
    sv_copy(sv_from(pwd), c->pwd, sizeof(c->pwd));
}

int ice_new(struct ice **icep, struct stun_mac *mac, const char *ufrag, const char *pwd, msec_t timeout)
{
    struct ice *ice = calloc(1, sizeof(*ice));

    if (!ice)
        return -ENOMEM;
    ice->mac = mac;
    ice->timeout = timeout;
    cred_set(&ice->cur, ufrag, pwd);
    sv_copy(sv_from(ufrag), ice->names.ufrag, sizeof(ice->names.ufrag));
    *icep = ice;
    return 0;
}

void ice_free(struct ice *ice)
{
    if (!ice)
        return;
    ice_list_free(ice->list);
    free(ice);
}

bool ice_is_full(const struct ice *ice)
{
    return ice->list != NULL;
}

/* Another restart before the last is complete: the peer may have begun its checks before our answer, with what it knew of us, and
 * stays with that, so the credentials just before count; and the pair in use may still be that of the first. */
static void cred_retire(struct ice *ice)
{
    const unsigned moved = ice->n_past < MEDIA_ICE_PAST ? ice->n_past++ : MEDIA_ICE_PAST - 2; /* the last one stays */

    memmove(&ice->past[1], &ice->past[0], moved * sizeof(ice->past[0]));
    ice->past[0] = ice->cur;
}

int ice_restart(struct ice *ice, const char *ufrag, const char *pwd)
{
    if (strcmp(ufrag, ice->cur.ufrag) == 0 && strcmp(pwd, ice->cur.pwd) == 0)
        return -EALREADY;
    cred_retire(ice);
    cred_set(&ice->cur, ufrag, pwd);
    ice->gen++;
    memcpy(ice->stale, ice->names.remote_ufrag, sizeof(ice->stale));
    memset(&ice->names, 0, sizeof(ice->names));
    sv_copy(sv_from(ufrag), ice->names.ufrag, sizeof(ice->names.ufrag));
    if (ice->list)
        ice_list_begin(ice->list, &ice->names);
    return 0;
}

static struct valid *find(struct ice *ice, const struct addr *a)
{
    for (unsigned i = 0; i < ice->n_valid; i++)
        if (addr_eq(&ice->valid[i].addr, a))
            return &ice->valid[i];
    return NULL;
}

bool ice_is_valid(const struct ice *ice, const struct addr *src)
{
    return find((struct ice *)ice, src) != NULL;
}

void ice_warm(const struct ice *ice)
{
    warm(&ice->valid[0]);
    warm_all(&ice->n_valid, sizeof(*ice) - offsetof(struct ice, n_valid));
}

const struct addr *ice_selected(const struct ice *ice)
{
    return ice->up && !ice->lost && !ice->away ? &ice->selected : NULL;
}

void ice_gone(struct ice *ice, const struct addr *peer)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < ice->n_valid; i++)
        if (!addr_eq(&ice->valid[i].addr, peer))
            ice->valid[kept++] = ice->valid[i];
    ice->n_valid = kept;
    ice->next = 0;
    if (ice->up && addr_eq(peer, &ice->selected))
        ice->away = true;
}

/* Full: the oldest entry goes, but never the selected one. */
static void remember(struct ice *ice, const struct addr *a, unsigned gen)
{
    struct valid *v = find(ice, a);

    if (v) {
        if (gen > v->gen)
            v->gen = gen;
        return;
    }
    if (ice->n_valid < MEDIA_ICE_VALID)
        v = &ice->valid[ice->n_valid++];
    for (int tries = 0; !v && tries < 2; tries++) {
        struct valid *oldest = &ice->valid[ice->next];

        ice->next = (ice->next + 1) % MEDIA_ICE_VALID;
        if (!ice->up || !addr_eq(&oldest->addr, &ice->selected))
            v = oldest;
    }
    *v = (struct valid){*a, gen};
}

/* The new pair is nominated: the old credentials and what was checked with them are forgotten. */
static void restart_done(struct ice *ice)
{
    unsigned kept = 0;

    memset(ice->past, 0, sizeof(ice->past));
    ice->n_past = 0;
    for (unsigned i = 0; i < ice->n_valid; i++)
        if (ice->valid[i].gen == ice->gen)
            ice->valid[kept++] = ice->valid[i];
    ice->n_valid = kept;
    ice->next = 0;
}

/* RFC 8445 7.3: the part before the colon is our ufrag, of the current or a previous generation. */
static const struct cred *cred_of(const struct ice *ice, const struct stun_msg *m)
{
    struct sv rest = m->username;
    const struct sv ufrag = sv_cut(&rest, ':');

    if (ufrag.n == 0 || !rest.p)
        return NULL;
    if (sv_is(ufrag, ice->cur.ufrag))
        return &ice->cur;
    for (unsigned i = 0; i < ice->n_past; i++)
        if (sv_is(ufrag, ice->past[i].ufrag))
            return &ice->past[i];
    return NULL;
}

static int refuse(struct ice *ice, const struct stun_msg *m, const struct cred *cred, struct buf *reply,
                  unsigned code, const char *reason)
{
    uint8_t list[2 * MEDIA_STUN_UNKNOWN];
    struct buf l = buf_over(list, sizeof(list));

    stun_begin(reply, STUN_BINDING_ERROR, m->tid);
    stun_put_error(reply, code, reason);
    for (unsigned i = 0; i < m->n_unknown; i++)
        buf_u16(&l, m->unknown[i]);
    if (l.len)
        stun_put(reply, STUN_UNKNOWN_ATTRIBUTES, list, l.len);
    return stun_end(reply, ice->mac, sv_from(cred->pwd));
}

/* --- the selected pair --- */

static void ask_consent(struct ice *ice, msec_t now)
{
    if (!ice->names.remote_pwd[0]) /* not known yet: ice_set */
        return;
    ice->consent.controlling = ice->list && ice_list_is_controlling(ice->list);
    ice->consent.tiebreaker = ice->list ? ice_list_tiebreaker(ice->list) : 0;
    ice_consent_begin(&ice->consent, &ice->names, &ice->selected, now);
}

/* What consent has ended, only new credentials begin again (RFC 7675 5.1). */
static bool may_revive(const struct ice *ice)
{
    return !ice->lost || !ice->asks || ice->gen != ice->lost_gen;
}

static int select_pair(struct ice *ice, const struct addr *a, bool current, msec_t now)
{
    const bool other = !ice->up || !addr_eq(a, &ice->selected), renewed = current && ice->n_past > 0;
    int res = !ice->up ? ICE_UP : other ? ICE_SWITCHED : 0;

    ice->up = true;
    ice->away = false;
    ice->selected = *a;
    ice->kept = ice->seen = now;
    if (renewed)
        restart_done(ice);
    if (ice->lost && current && may_revive(ice)) {
        ice->lost = false;
        res |= ICE_RESUMED;
    }
    if (ice->asks && !ice->lost && (other || renewed || res))
        ask_consent(ice, now);
    return res;
}

/* --- requests --- */

static int accept_check(struct ice *ice, const struct addr *src, bool current, bool nominates, msec_t now)
{
    int res = ICE_CHECK;

    remember(ice, src, current ? ice->gen : ice->gen - 1);
    if (nominates || (ice->away && current)) /* the latest one wins (aggressive nomination of RFC 5245 peers) */
        res |= (nominates ? ICE_NOMINATED : 0) | select_pair(ice, src, current, now);
    if (ice->up && addr_eq(src, &ice->selected)) {
        ice->seen = ice->kept = now;
        if (ice->lost && !ice->asks) {
            ice->lost = false;
            res |= ICE_RESUMED;
        }
    }
    return res;
}

static int list_result(struct ice *ice, int got, msec_t now)
{
    int res = got & ICE_LIST_PEER ? ICE_PEER : 0;

    if (got & ICE_LIST_SELECTED)
        res |= select_pair(ice, ice_list_selected(ice->list), true, now);
    return res;
}

/* A full agent makes its own check of whatever it is checked from, and uses what both directions carry. */
static int full_check(struct ice *ice, const struct stun_msg *m, const struct addr *src, bool current, msec_t now)
{
    int res = accept_check(ice, src, current, false, now);

    if (m->use_candidate)
        res |= ICE_NOMINATED;
    if (current)
        res |= list_result(ice, ice_list_heard(ice->list, src, m->priority, m->use_candidate), now);
    return res;
}

static bool has_conflict(struct ice *ice, const struct stun_msg *m, bool current)
{
    if (!ice->list)
        return m->controlled; /* we are, always: 7.3.1.1 */
    return current && ice_list_conflict(ice->list, m);
}

static int request(struct ice *ice, const struct stun_msg *m, const struct dgram *in, struct buf *reply, msec_t now)
{
    const struct cred *cred = cred_of(ice, m);
    const bool current = cred == &ice->cur;
    int err;

    if (!cred || !stun_verify(m, ice->mac, sv_from(cred->pwd)))
        return -EACCES;
    if (m->n_unknown)
        return refuse(ice, m, cred, reply, 420, "Unknown Attribute");
    if (!m->has_priority) /* RFC 8445 7.1.1 */
        return refuse(ice, m, cred, reply, 400, "Bad Request");
    if (has_conflict(ice, m, current))
        return refuse(ice, m, cred, reply, 487, "Role Conflict");
    stun_begin(reply, STUN_BINDING_SUCCESS, m->tid);
    stun_put_xaddr(reply, &in->src);
    err = stun_end(reply, ice->mac, sv_from(cred->pwd));
    if (err)
        return err;
    if (!current && m->use_candidate && !ice->list) /* a restart that is complete late: what was before it is over */
        ice->n_past = (unsigned)(cred - ice->past) + 1;
    return ice->list ? full_check(ice, m, &in->src, current, now)
                     : accept_check(ice, &in->src, current, m->use_candidate, now);
}

/* --- responses --- */

static int response(struct ice *ice, const struct stun_msg *m, const struct addr *src, msec_t now)
{
    int got;

    if (ice_consent_answer(&ice->consent, m, src, ice->mac, now)) {
        ice->kept = now;
        return ICE_CHECK;
    }
    got = ice->list ? ice_list_response(ice->list, m, src, now) : -ENOENT;
    if (got < 0)
        return -EACCES;
    if (got & ICE_LIST_VALID)
        remember(ice, src, ice->gen);
    return (got & ICE_LIST_VALID ? ICE_CHECK : 0) | list_result(ice, got, now);
}

int ice_input(struct ice *ice, const struct dgram *in, struct buf *reply, msec_t now)
{
    struct stun_msg m;
    int err = stun_parse(&m, in->p, in->n);

    if (err)
        return err;
    switch (m.type) {
    case STUN_BINDING_INDICATION:
        return 0; /* RFC 8445 11: keeps a NAT open, asks nothing */
    case STUN_BINDING_REQUEST:
        return m.has_fingerprint ? request(ice, &m, in, reply, now) : -EBADMSG;
    case STUN_BINDING_SUCCESS:
    case STUN_BINDING_ERROR:
        return ice->list || ice->consent.on ? response(ice, &m, &in->src, now) : -EBADMSG;
    default:
        return -EBADMSG;
    }
}

/* --- the far end's description --- */

static bool is_news(const struct ice *ice, const struct bus_sep *spec)
{
    return spec->remote_ufrag[0] && spec->remote_pwd[0] && strcmp(spec->remote_ufrag, ice->stale) != 0 &&
           (strcmp(spec->remote_ufrag, ice->names.remote_ufrag) != 0 ||
            strcmp(spec->remote_pwd, ice->names.remote_pwd) != 0);
}

int ice_set(struct ice *ice, const struct bus_sep *spec, msec_t now)
{
    const bool becomes_full = spec->full && !ice->list, news = is_news(ice, spec);
    const int err = becomes_full ? ice_list_new(&ice->list, ice->mac, &spec->local) : 0;

    if (err)
        return err;
    if (news) {
        sv_copy(sv_from(spec->remote_ufrag), ice->names.remote_ufrag, sizeof(ice->names.remote_ufrag));
        sv_copy(sv_from(spec->remote_pwd), ice->names.remote_pwd, sizeof(ice->names.remote_pwd));
    }
    if (spec->full && (becomes_full || news)) { /* later on a conflict may have switched the role */
        ice_list_role(ice->list, spec->full->controlling);
        ice_list_begin(ice->list, &ice->names);
    }
    for (unsigned i = 0; spec->full && i < spec->full->n && ice->names.remote_pwd[0]; i++)
        ice_list_add(ice->list, &spec->full->cands[i].addr, spec->full->cands[i].priority);
    ice->asks = ice->list || spec->consent;
    if (!ice->asks)
        ice_consent_stop(&ice->consent);
    else if (ice->up && !ice->lost && !ice->consent.on)
        ask_consent(ice, now);
    return 0;
}

/* --- time --- */

void ice_expect(struct ice *ice, msec_t now)
{
    if (ice->waits || ice->up || ice->list || !ice->names.remote_pwd[0])
        return;
    ice->waits = true;
    ice->seen = now;
}

void ice_heard(struct ice *ice, msec_t now)
{
    if (ice->up && !ice->lost && !ice->away)
        ice->seen = now;
}

void ice_rest(struct ice *ice, bool on, msec_t now)
{
    if (ice->rests == on)
        return;
    ice->rests = on;
    ice->seen = now;
    if (on)
        ice_consent_stop(&ice->consent);
    else if (ice->asks && ice->up && !ice->lost)
        ask_consent(ice, now);
}

/* Of who does not ask for consent: what the peer sends is all we know of it. */
static msec_t gone_at(const struct ice *ice)
{
    const bool counts = ice->rests ? false : ice->up ? !ice->consent.on : ice->waits && !ice->list;

    return counts && !ice->lost ? ice->seen + ice->timeout : MSEC_NEVER;
}

static msec_t keep_at(const struct ice *ice)
{
    return ice->up && !ice->lost && !ice->away && !ice->consent.on ? ice->kept + MEDIA_ICE_KEEP_MS : MSEC_NEVER;
}

static msec_t min_of(msec_t a, msec_t b)
{
    return a < b ? a : b;
}

msec_t ice_deadline(const struct ice *ice)
{
    const msec_t lite = min_of(gone_at(ice), keep_at(ice));
    const msec_t list = ice->list ? ice_list_deadline(ice->list) : MSEC_NEVER;

    return min_of(min_of(lite, list), ice_consent_deadline(&ice->consent));
}

int ice_tick(struct ice *ice, struct tx *tx, msec_t now)
{
    int res = 0;

    if (ice->list && ice_list_tick(ice->list, tx, now))
        res |= ICE_FAILED;
    if (ice_consent_tick(&ice->consent, ice->mac, tx, now) || now >= gone_at(ice)) {
        ice->lost = true;
        ice->lost_gen = ice->gen;
        res |= ICE_LOST;
    }
    if (now >= keep_at(ice)) {
        ice->kept = now;
        (void)ice_send_indication(&ice->selected, tx);
    }
    return res;
}
