#include "agw/media/ice_list.h"

#include <errno.h>
#include <stdlib.h>

#include "common/rnd.h"

/* One component: freezing (RFC 8445 6.1.2.6) would only delay pairs of equal foundation, so all wait from the start. */
enum pair_state { PAIR_WAITING, PAIR_IN_PROGRESS, PAIR_SUCCEEDED, PAIR_FAILED };

struct pair {
    struct addr remote;
    uint32_t priority; /* of the remote candidate */
    enum pair_state state;
    bool nominate;     /* controlled: the peer has nominated it; controlling: our check nominates it */
    unsigned turn;     /* in the queue of triggered checks, lowest first; 0: not in it */
    struct ice_request req;      /* of the transaction under way, or the last one */
    uint8_t before[STUN_TID];    /* the one that a triggered check has replaced: may still be answered (7.3.1.4) */
    bool asked, asked_before;
    unsigned sent;               /* requests of the transaction */
    msec_t rto, again;           /* again: when the next is due, or after the last one the end */
};

struct ice_list {
    struct stun_mac *mac;
    struct addr local;
    struct ice_names names;
    bool controlling;
    uint64_t tiebreaker;
    struct pair pair[MEDIA_ICE_PAIRS];
    unsigned n, turns;
    bool begun;           /* the clock runs */
    msec_t pace;          /* no new check before */
    msec_t valid_at;      /* when the first pair succeeded; 0: none has */
    msec_t give_up;       /* MSEC_NEVER: told, or nothing to give up */
    struct pair *selected;
};

/* --- pairs --- */

/* RFC 8445 6.1.2.3 */
static uint64_t rank(const struct ice_list *l, const struct pair *p)
{
    const uint64_t ours = MEDIA_ICE_HOST_PRIORITY, theirs = p->priority;
    const uint64_t g = l->controlling ? ours : theirs, d = l->controlling ? theirs : ours;

    return ((g < d ? g : d) << 32) + 2 * (g > d ? g : d) + (g > d);
}

static struct pair *find(struct ice_list *l, const struct addr *remote)
{
    for (unsigned i = 0; i < l->n; i++)
        if (addr_eq(&l->pair[i].remote, remote))
            return &l->pair[i];
    return NULL;
}

/* Loopback and link-local are for those who are there themselves; the rest is the realm's to decide. */
bool ice_list_may(const struct ice_list *l, const struct addr *remote)
{
    const enum reach_kind kind = reach_kind_of(remote);

    if (remote->u.sa.sa_family != l->local.u.sa.sa_family || addr_port(remote) == 0 || addr_eq(remote, &l->local))
        return false;
    if (kind == REACH_NEVER || (addr_is_v6(remote) && IN6_IS_ADDR_V4MAPPED(&remote->u.in6.sin6_addr)))
        return false;
    return (kind != REACH_LOOPBACK && kind != REACH_LINK) || kind == reach_kind_of(&l->local);
}

/* NULL: no address to check, or the list is full. No slot is used twice: whoever knows our password and forges addresses
 * makes us check MEDIA_ICE_PAIRS of them, not more (RFC 8445 19.4.1). */
static struct pair *pair_add(struct ice_list *l, const struct addr *remote, uint32_t priority)
{
    struct pair *p;

    if (l->n == MEDIA_ICE_PAIRS || !ice_list_may(l, remote))
        return NULL;
    p = &l->pair[l->n++];
    *p = (struct pair){.remote = *remote, .priority = priority};
    return p;
}

void ice_list_add(struct ice_list *l, const struct addr *remote, uint32_t priority)
{
    struct pair *p = find(l, remote);

    if (p)
        p->priority = priority; /* learnt before it was signalled */
    else
        pair_add(l, remote, priority);
}

static void trigger(struct ice_list *l, struct pair *p)
{
    if (p->turn)
        return;
    if (p->state == PAIR_IN_PROGRESS) {
        memcpy(p->before, p->req.tid, STUN_TID);
        p->asked_before = true;
    }
    p->state = PAIR_WAITING;
    p->turn = ++l->turns;
}

/* --- life --- */

static bool may_check(const struct ice_list *l)
{
    return l->names.remote_pwd[0] != '\0';
}

int ice_list_new(struct ice_list **lp, struct stun_mac *mac, const struct addr *local)
{
    struct ice_list *l = calloc(1, sizeof(*l));

    if (!l)
        return -ENOMEM;
    l->mac = mac;
    l->local = *local;
    l->tiebreaker = rnd_u64();
    l->give_up = MSEC_NEVER;
    *lp = l;
    return 0;
}

void ice_list_free(struct ice_list *l)
{
    free(l);
}

void ice_list_begin(struct ice_list *l, const struct ice_names *names)
{
    const bool first = !may_check(l) && strcmp(l->names.ufrag, names->ufrag) == 0;

    l->names = *names;
    l->begun = false;
    if (first) /* the peer's checks were faster than its description */
        return;
    l->n = l->turns = 0;
    l->selected = NULL;
    l->valid_at = 0;
}

static void clock_start(struct ice_list *l, msec_t now)
{
    l->begun = true;
    l->pace = now;
    l->give_up = now + MEDIA_ICE_PATIENCE_MS;
}

void ice_list_role(struct ice_list *l, bool controlling)
{
    l->controlling = controlling;
}

bool ice_list_is_controlling(const struct ice_list *l)
{
    return l->controlling;
}

uint64_t ice_list_tiebreaker(const struct ice_list *l)
{
    return l->tiebreaker;
}

const struct addr *ice_list_selected(const struct ice_list *l)
{
    return l->selected ? &l->selected->remote : NULL;
}

/* --- what the peer says --- */

/* The pairs' order changes with the role, and nominations meant for the other one are void. */
static void switch_role(struct ice_list *l)
{
    l->controlling = !l->controlling;
    for (unsigned i = 0; i < l->n; i++)
        l->pair[i].nominate = false;
}

bool ice_list_conflict(struct ice_list *l, const struct stun_msg *m)
{
    const bool conflict = l->controlling ? m->controlling : m->controlled;

    if (!conflict)
        return false;
    if ((l->tiebreaker >= m->tiebreaker) == l->controlling)
        return true;
    switch_role(l);
    return false;
}

/* RFC 8445 8.1.2: nothing is begun or repeated any more, but what the peer triggers. */
static int choose(struct ice_list *l, struct pair *p)
{
    l->give_up = MSEC_NEVER;
    for (unsigned i = 0; i < l->n; i++) {
        struct pair *other = &l->pair[i];

        if (other != p && !other->turn && other->state != PAIR_SUCCEEDED)
            other->state = PAIR_FAILED;
    }
    if (l->selected == p)
        return 0;
    l->selected = p;
    return ICE_LIST_SELECTED;
}

int ice_list_heard(struct ice_list *l, const struct addr *src, uint32_t priority, bool use_candidate)
{
    struct pair *p = find(l, src);
    int res = 0;

    if (!p) {
        p = pair_add(l, src, priority);
        if (!p)
            return 0;
        res = ICE_LIST_PEER;
    }
    if (use_candidate && !l->controlling)
        p->nominate = true;
    if (p->state != PAIR_SUCCEEDED)
        trigger(l, p);
    else if (p->nominate && !l->controlling)
        res |= choose(l, p);
    return res;
}

static int succeeded(struct ice_list *l, struct pair *p, msec_t now)
{
    const bool nominated = l->controlling ? p->req.use_candidate : p->nominate;

    p->state = PAIR_SUCCEEDED;
    p->turn = 0;
    if (!l->valid_at)
        l->valid_at = now;
    return ICE_LIST_VALID | (nominated ? choose(l, p) : 0);
}

/* RFC 8445 7.2.5.1: the other role and another tie-breaker, at once. */
static int refused(struct ice_list *l, struct pair *p, unsigned code)
{
    if (code != 487) {
        p->state = PAIR_FAILED;
        p->turn = 0;
        return 0;
    }
    if (p->req.controlling == l->controlling) {
        switch_role(l);
        l->tiebreaker = rnd_u64();
    }
    p->state = PAIR_WAITING;
    p->turn = 0;
    trigger(l, p);
    return 0;
}

static bool is_ours(const struct pair *p, const uint8_t *tid)
{
    return (p->asked && memcmp(p->req.tid, tid, STUN_TID) == 0) ||
           (p->asked_before && memcmp(p->before, tid, STUN_TID) == 0);
}

int ice_list_response(struct ice_list *l, const struct stun_msg *m, const struct addr *src, msec_t now)
{
    struct pair *p = NULL;

    for (unsigned i = 0; i < l->n && !p; i++)
        if (is_ours(&l->pair[i], m->tid))
            p = &l->pair[i];
    if (!p || !stun_verify(m, l->mac, sv_from(l->names.remote_pwd)))
        return -ENOENT;
    if (p->state != PAIR_IN_PROGRESS && !p->turn)
        return 0; /* answered before, or given up */
    if (!addr_eq(src, &p->remote)) /* 7.2.5.2.1: from elsewhere than asked */
        return refused(l, p, 0);
    return m->type == STUN_BINDING_SUCCESS ? succeeded(l, p, now) : refused(l, p, m->error);
}

/* --- what is sent --- */

/* Triggered checks first, then the best pair that waits. */
static struct pair *next_check(struct ice_list *l)
{
    struct pair *best = NULL;

    for (unsigned i = 0; i < l->n; i++) {
        struct pair *p = &l->pair[i];

        if (p->state != PAIR_WAITING)
            continue;
        if (!best || (p->turn && (!best->turn || p->turn < best->turn)) ||
            (!p->turn && !best->turn && rank(l, p) > rank(l, best)))
            best = p;
    }
    return best;
}

static unsigned under_way(const struct ice_list *l)
{
    unsigned n = 0;

    for (unsigned i = 0; i < l->n; i++)
        n += l->pair[i].state == PAIR_WAITING || l->pair[i].state == PAIR_IN_PROGRESS;
    return n;
}

static void begin_check(struct ice_list *l, struct pair *p, struct tx *tx, msec_t now)
{
    const msec_t all = (msec_t)MEDIA_ICE_TA_MS * under_way(l); /* RFC 8445 14.3 */

    p->req = (struct ice_request){.names = &l->names,
                                  .to = &p->remote,
                                  .priority = MEDIA_ICE_PRFLX_PRIORITY,
                                  .tiebreaker = l->tiebreaker,
                                  .controlling = l->controlling,
                                  .use_candidate = l->controlling && p->nominate};
    p->asked = true;
    p->turn = 0;
    p->state = PAIR_IN_PROGRESS;
    p->sent = 1;
    p->rto = all > MEDIA_ICE_RTO_MS ? all : MEDIA_ICE_RTO_MS;
    p->again = now + p->rto;
    (void)ice_send_request(&p->req, l->mac, tx); /* no room: it is repeated */
}

static void repeat_check(struct ice_list *l, struct pair *p, struct tx *tx, msec_t now)
{
    if (p->sent == MEDIA_ICE_RC) {
        p->state = PAIR_FAILED;
        p->nominate = false; /* controlling: the next valid one */
        return;
    }
    p->sent++;
    p->again = now + (p->sent == MEDIA_ICE_RC ? p->rto * MEDIA_ICE_RM : p->rto << (p->sent - 1));
    (void)ice_repeat_request(&p->req, l->mac, tx);
}

/* RFC 8445 8.1.1, regular nomination: the best valid pair, as soon as no better one can come or it takes too long.
 * *at: when to look again. */
static struct pair *to_nominate(struct ice_list *l, msec_t now, msec_t *at)
{
    struct pair *best = NULL;
    bool better = false;

    *at = MSEC_NEVER;
    if (!l->controlling || l->selected || !l->valid_at)
        return NULL;
    for (unsigned i = 0; i < l->n; i++) {
        struct pair *p = &l->pair[i];

        if (p->nominate && p->state != PAIR_FAILED)
            return NULL; /* under way */
        if (p->state == PAIR_SUCCEEDED && (!best || rank(l, p) > rank(l, best)))
            best = p;
    }
    for (unsigned i = 0; best && i < l->n; i++)
        better |= (l->pair[i].state == PAIR_WAITING || l->pair[i].state == PAIR_IN_PROGRESS) &&
                  rank(l, &l->pair[i]) > rank(l, best);
    if (best && better && now < l->valid_at + MEDIA_ICE_NOMINATE_MS) {
        *at = l->valid_at + MEDIA_ICE_NOMINATE_MS;
        return NULL;
    }
    return best;
}

msec_t ice_list_deadline(const struct ice_list *l)
{
    struct ice_list *list = (struct ice_list *)l;
    msec_t first = l->give_up, at;

    if (!may_check(l))
        return MSEC_NEVER;
    if (!l->begun)
        return 0;
    if (next_check(list) && l->pace < first)
        first = l->pace;
    if (to_nominate(list, 0, &at))
        at = l->pace;
    if (at < first)
        first = at;
    for (unsigned i = 0; i < l->n; i++)
        if (l->pair[i].state == PAIR_IN_PROGRESS && l->pair[i].again < first)
            first = l->pair[i].again;
    return first;
}

static int is_over(struct ice_list *l, msec_t now)
{
    if (now < l->give_up)
        return 0;
    if (under_way(l)) { /* a late candidate */
        l->give_up = now + MEDIA_ICE_RTO_MS;
        return 0;
    }
    l->give_up = MSEC_NEVER;
    return -EHOSTUNREACH;
}

int ice_list_tick(struct ice_list *l, struct tx *tx, msec_t now)
{
    unsigned burst = 0;
    struct pair *p;
    msec_t at;

    if (!may_check(l))
        return 0;
    if (!l->begun)
        clock_start(l, now);
    for (unsigned i = 0; i < l->n && burst < MEDIA_ICE_BURST; i++) {
        p = &l->pair[i];
        if (p->state != PAIR_IN_PROGRESS || now < p->again)
            continue;
        repeat_check(l, p, tx, now);
        burst++;
    }
    if (now >= l->pace) {
        p = to_nominate(l, now, &at);
        if (p) {
            p->nominate = true;
            trigger(l, p);
        }
        p = next_check(l);
        if (p) {
            begin_check(l, p, tx, now);
            l->pace = now + MEDIA_ICE_TA_MS;
        }
    }
    return is_over(l, now);
}
