#include "alg/sip/hops.h"

#include <strings.h>

static bool same(const struct hop *a, const struct hop *b)
{
    return a->proto == b->proto && addr_eq(&a->addr, &b->addr) && !strcasecmp(a->name, b->name);
}

void hops_set(struct hops *h, unsigned entry, const struct hop *list, unsigned n)
{
    struct hops old = *h;

    h->n = 0;
    for (unsigned i = 0; i < old.n; i++)
        if (old.v[i].entry != entry)
            h->v[h->n++] = old.v[i];
    for (unsigned i = 0; i < n && h->n < HOPS_MAX; i++) {
        struct hop *hop = &h->v[h->n++];

        *hop = list[i];
        hop->entry = entry;
        hop->id = 0;
        hop->down = hop->probing = false;
        hop->lost = 0;
        hop->barred_until = hop->probe_at = 0;
        for (unsigned k = 0; k < old.n; k++) {
            const struct hop *was = &old.v[k];

            if (was->entry != entry || !same(was, hop))
                continue;
            hop->id = was->id;
            hop->down = was->down;
            hop->lost = was->lost;
            hop->barred_until = was->barred_until;
            hop->probe_at = was->probe_at;
            hop->probing = was->probing;
            memcpy(hop->no_tls, was->no_tls, sizeof hop->no_tls);
        }
        if (!hop->id)
            hop->id = ++h->last_id;
    }
}

struct hop *hops_by_id(struct hops *h, unsigned id)
{
    for (unsigned i = 0; id && i < h->n; i++)
        if (h->v[i].id == id)
            return &h->v[i];
    return NULL;
}

struct hop *hops_by_addr(struct hops *h, const struct addr *a, bool any_port)
{
    for (unsigned i = 0; i < h->n; i++)
        if (any_port ? addr_eq_host(&h->v[i].addr, a) : addr_eq(&h->v[i].addr, a))
            return &h->v[i];
    return NULL;
}

struct hop *hops_by_target(struct hops *h, const char *name, uint16_t port)
{
    for (unsigned i = 0; i < h->n; i++)
        if (h->v[i].target[0] && !strcasecmp(h->v[i].target, name) && (!port || addr_port(&h->v[i].addr) == port))
            return &h->v[i];
    return NULL;
}

static bool will_do(const struct hop *hop, msec_t now, const struct hops_wish *wish, bool down)
{
    if (hop->barred_until > now || hop->down != down)
        return false;
    for (unsigned i = 0; i < wish->n_tried; i++)
        if (wish->tried[i] == hop->id)
            return false;
    return true;
}

static bool before(const struct hop *a, const struct hop *b)
{
    return a->entry != b->entry ? a->entry < b->entry : a->prio < b->prio;
}

static bool equal(const struct hop *a, const struct hop *b)
{
    return a->entry == b->entry && a->prio == b->prio;
}

static struct hop *choose(struct hops *h, msec_t now, const struct hops_wish *wish, bool down)
{
    struct hop *best = NULL;
    uint64_t sum = 0, at, n = 0;

    for (unsigned i = 0; i < h->n; i++)
        if (will_do(&h->v[i], now, wish, down)) {
            if (h->v[i].id == wish->prefer)
                return &h->v[i];
            if (!best || before(&h->v[i], best))
                best = &h->v[i];
        }
    if (!best)
        return NULL;
    for (unsigned i = 0; i < h->n; i++)
        if (will_do(&h->v[i], now, wish, down) && equal(&h->v[i], best))
            sum += h->v[i].weight, n++;
    /* RFC 2782: those without weight get a very small chance beside others, an equal one among themselves. */
    at = (uint64_t)wish->chance * (sum ? sum * 100 + n : n) >> 32;
    for (unsigned i = 0; i < h->n; i++) {
        uint64_t share = (uint64_t)h->v[i].weight * 100 + 1;

        if (!will_do(&h->v[i], now, wish, down) || !equal(&h->v[i], best))
            continue;
        if (at < share)
            return &h->v[i];
        at -= share;
    }
    return best;
}

struct hop *hops_choose(struct hops *h, msec_t now, const struct hops_wish *wish)
{
    struct hop *hop = choose(h, now, wish, false);

    return hop || !wish->last_resort ? hop : choose(h, now, wish, true);
}

bool hop_answered(struct hop *hop)
{
    bool was = hop->down;

    hop->down = false;
    hop->lost = 0;
    return was;
}

bool hop_lost(struct hops *h, struct hop *hop)
{
    bool was = hop->down;

    hop->lost++;
    if (hop->lost >= h->lost_max)
        hop->down = true;
    return hop->down != was;
}

bool hop_refused(struct hop *hop)
{
    bool was = hop->down;

    hop->lost++;
    hop->down = true;
    return !was;
}

void hop_bar(struct hop *hop, msec_t now, unsigned seconds)
{
    hop->barred_until = now + (msec_t)(seconds < HOP_BAR_MAX_S ? seconds : HOP_BAR_MAX_S) * 1000;
}

unsigned hops_up(const struct hops *h)
{
    unsigned n = 0;

    for (unsigned i = 0; i < h->n; i++)
        n += !h->v[i].down;
    return n;
}

bool hops_share_tls(const struct hops *h)
{
    for (unsigned i = 0; i < h->n; i++)
        for (unsigned k = 0; k < i; k++)
            if (h->v[i].proto == SELF_TLS && h->v[k].proto == SELF_TLS && addr_eq(&h->v[i].addr, &h->v[k].addr) &&
                strcasecmp(h->v[i].name, h->v[k].name) != 0)
                return true;
    return false;
}

unsigned hops_wait(const struct hops *h, msec_t now)
{
    msec_t least = 0;

    for (unsigned i = 0; i < h->n; i++)
        if (h->v[i].barred_until > now && (!least || h->v[i].barred_until < least))
            least = h->v[i].barred_until;
    return least ? (unsigned)((least - now + 999) / 1000) : 0;
}
