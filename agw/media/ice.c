#include "agw/media/ice.h"

#include <errno.h>
#include <stdlib.h>

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
    struct cred cur, old; /* old: until the restart is complete; empty ufrag: none */
    unsigned gen;         /* counts restarts */
    struct valid valid[MEDIA_ICE_VALID];
    unsigned n_valid, next; /* next: slot to use again when full */
    bool up, lost;
    struct addr selected;
    msec_t timeout, seen; /* seen: last check on the selected pair */
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
    *icep = ice;
    return 0;
}

void ice_free(struct ice *ice)
{
    free(ice);
}

int ice_restart(struct ice *ice, const char *ufrag, const char *pwd)
{
    if (strcmp(ufrag, ice->cur.ufrag) == 0 && strcmp(pwd, ice->cur.pwd) == 0)
        return -EALREADY;
    /* A second restart before the first is complete: the pair in use is still that of `old`. */
    if (!ice->old.ufrag[0])
        ice->old = ice->cur;
    cred_set(&ice->cur, ufrag, pwd);
    ice->gen++;
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

const struct addr *ice_selected(const struct ice *ice)
{
    return ice->up && !ice->lost ? &ice->selected : NULL;
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

    memset(&ice->old, 0, sizeof(ice->old));
    for (unsigned i = 0; i < ice->n_valid; i++)
        if (ice->valid[i].gen == ice->gen)
            ice->valid[kept++] = ice->valid[i];
    ice->n_valid = kept;
    ice->next = 0;
}

/* RFC 8445 7.3: the part before the colon is our ufrag, of the current or the previous generation. */
static const struct cred *cred_of(const struct ice *ice, const struct stun_msg *m)
{
    struct sv rest = m->username;
    const struct sv ufrag = sv_cut(&rest, ':');

    if (ufrag.n == 0 || !rest.p)
        return NULL;
    if (sv_is(ufrag, ice->cur.ufrag))
        return &ice->cur;
    return ice->old.ufrag[0] && sv_is(ufrag, ice->old.ufrag) ? &ice->old : NULL;
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

static int accept_check(struct ice *ice, const struct addr *src, bool current, bool nominates, msec_t now)
{
    int res = ICE_CHECK;

    remember(ice, src, current ? ice->gen : ice->gen - 1);
    if (nominates) {
        res |= ICE_NOMINATED;
        if (!ice->up)
            res |= ICE_UP;
        else if (!addr_eq(src, &ice->selected))
            res |= ICE_SWITCHED; /* the latest nomination wins (aggressive nomination of RFC 5245 peers) */
        ice->up = true;
        ice->selected = *src;
        if (current && ice->old.ufrag[0])
            restart_done(ice);
    }
    if (ice->up && addr_eq(src, &ice->selected)) {
        ice->seen = now;
        if (ice->lost)
            res |= ICE_RESUMED;
        ice->lost = false;
    }
    return res;
}

int ice_input(struct ice *ice, const struct dgram *in, struct buf *reply, msec_t now)
{
    const struct cred *cred;
    struct stun_msg m;
    bool current;
    int err;

    err = stun_parse(&m, in->p, in->n);
    if (err)
        return err;
    if (m.type == STUN_BINDING_INDICATION)
        return 0; /* RFC 8445 11: keeps a NAT open, asks nothing */
    if (m.type != STUN_BINDING_REQUEST || !m.has_fingerprint)
        return -EBADMSG;
    cred = cred_of(ice, &m);
    if (!cred || !stun_verify(&m, ice->mac, sv_from(cred->pwd)))
        return -EACCES;
    if (m.n_unknown)
        return refuse(ice, &m, cred, reply, 420, "Unknown Attribute");
    if (!m.has_priority) /* RFC 8445 7.1.1 */
        return refuse(ice, &m, cred, reply, 400, "Bad Request");
    if (m.controlled) /* we are, always: 7.3.1.1 */
        return refuse(ice, &m, cred, reply, 487, "Role Conflict");
    stun_begin(reply, STUN_BINDING_SUCCESS, m.tid);
    stun_put_xaddr(reply, &in->src);
    err = stun_end(reply, ice->mac, sv_from(cred->pwd));
    if (err)
        return err;
    current = cred == &ice->cur;
    return accept_check(ice, &in->src, current, m.use_candidate, now);
}

msec_t ice_deadline(const struct ice *ice)
{
    return ice->up && !ice->lost ? ice->seen + ice->timeout : MSEC_NEVER;
}

int ice_tick(struct ice *ice, msec_t now)
{
    if (now < ice_deadline(ice))
        return 0;
    ice->lost = true;
    return -ETIMEDOUT;
}
