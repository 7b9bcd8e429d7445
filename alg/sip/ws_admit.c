#include "alg/sip/ws_admit.h"

#include <errno.h>
#include <stdlib.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>
#include <utlist.h>

#include "alg/sip/sip_limits.h"

struct bucket { /* tokens of 1/1000 connection */
    int64_t tokens;
    msec_t filled;
};

struct host {
    uint8_t key[16];
    struct bucket bucket;
    unsigned shaking, open;
    unsigned guests; /* those that go, too */
    msec_t users_till; /* somebody of it registered not long before this */
    UT_hash_handle hh;
};

enum stage { SHAKING, STRANGER, KNOWN, GOING };

struct guest {
    int fd;
    enum stage stage;
    msec_t since;
    struct host *host;
    struct guest *prev, *next; /* of the list of its stage; oldest first */
    UT_hash_handle hh;
};

struct ws_admit {
    struct ws_admit_conf conf;
    struct bucket bucket;
    struct host *hosts;
    struct guest *guests, *shaking, *strangers;
    unsigned n_shaking, n_open;
};

int ws_admit_new(struct ws_admit **ap, const struct ws_admit_conf *conf)
{
    struct ws_admit *a = calloc(1, sizeof *a);

    if (!a)
        return -ENOMEM;
    a->conf = *conf;
    a->bucket.tokens = INT64_MAX;
    *ap = a;
    return 0;
}

void ws_admit_free(struct ws_admit *a)
{
    struct guest *g, *g_tmp;
    struct host *h, *h_tmp;

    if (!a)
        return;
    HASH_ITER(hh, a->guests, g, g_tmp) {
        HASH_DEL(a->guests, g);
        free(g);
    }
    HASH_ITER(hh, a->hosts, h, h_tmp) {
        HASH_DEL(a->hosts, h);
        free(h);
    }
    free(a);
}

/* --- rates --- */

static void fill(struct bucket *b, unsigned rate, msec_t now)
{
    const int64_t full = 2000 * (int64_t)rate;
    const msec_t ms = now > b->filled ? now - b->filled : 0;

    if (b->tokens > full || ms > 2000)
        b->tokens = full;
    else if ((b->tokens += (int64_t)ms * rate) > full)
        b->tokens = full;
    b->filled = now;
}

static bool take(struct bucket *b, unsigned rate, msec_t now)
{
    fill(b, rate, now);
    if (b->tokens < 1000)
        return false;
    b->tokens -= 1000;
    return true;
}

/* --- addresses --- */

static void key_of(const struct addr *a, uint8_t key[16])
{
    memset(key, 0, 16);
    if (addr_is_v6(a)) {
        memcpy(key, &a->u.in6.sin6_addr, 8);
    } else {
        memcpy(key + 12, &a->u.in4.sin_addr, 4);
        key[8] = 4; /* no /64 has this: the second half of its key is 0 */
    }
}

static struct host *host_of(struct ws_admit *a, const struct addr *peer, bool make)
{
    struct host *h = NULL, *stored;
    uint8_t key[16];

    key_of(peer, key);
    HASH_FIND(hh, a->hosts, key, sizeof key, h);
    if (h || !make || !(h = calloc(1, sizeof *h)))
        return h;
    memcpy(h->key, key, sizeof key);
    h->bucket.tokens = INT64_MAX;
    HASH_ADD(hh, a->hosts, key, sizeof h->key, h);
    HASH_FIND(hh, a->hosts, key, sizeof key, stored);
    if (!stored)
        free(h);
    return stored;
}

/* --- stages --- */

static void leave_stage(struct ws_admit *a, struct guest *g)
{
    if (g->stage == SHAKING) {
        DL_DELETE(a->shaking, g);
        a->n_shaking--;
        g->host->shaking--;
    } else if (g->stage == STRANGER || g->stage == KNOWN) {
        if (g->stage == STRANGER)
            DL_DELETE(a->strangers, g);
        a->n_open--;
        g->host->open--;
    }
}

static void enter_stage(struct ws_admit *a, struct guest *g, enum stage stage)
{
    leave_stage(a, g);
    g->stage = stage;
    if (stage == SHAKING) {
        DL_APPEND(a->shaking, g);
        a->n_shaking++;
        g->host->shaking++;
    } else if (stage == STRANGER || stage == KNOWN) {
        if (stage == STRANGER)
            DL_APPEND(a->strangers, g);
        a->n_open++;
        g->host->open++;
    }
}

static struct guest *find(const struct ws_admit *a, int fd)
{
    struct guest *g;

    HASH_FIND_INT(a->guests, &fd, g);
    return g;
}

void ws_admit_left(struct ws_admit *a, int fd)
{
    struct guest *g = find(a, fd);

    if (!g)
        return;
    leave_stage(a, g);
    g->host->guests--;
    HASH_DEL(a->guests, g);
    free(g);
}

/* The oldest handshake, of this address when one is given; only when an honest one would have been done long ago. */
static struct guest *idle_one(struct ws_admit *a, const struct host *of, msec_t now)
{
    struct guest *g;

    DL_FOREACH(a->shaking, g) {
        if (now - g->since < WS_HANDSHAKE_SAFE_MS)
            return NULL;
        if (!of || g->host == of)
            return g;
    }
    return NULL;
}

static int let_go(struct ws_admit *a, struct guest *g)
{
    enter_stage(a, g, GOING);
    return g->fd;
}

static enum ws_admit_verdict make_room(struct ws_admit *a, const struct host *h, msec_t now, int *victim)
{
    struct guest *g;

    if (h->shaking >= a->conf.shaking_per_addr) {
        g = idle_one(a, h, now);
        if (!g)
            return WS_ADMIT_SHAKING_ADDR;
        *victim = let_go(a, g);
    } else if (a->n_shaking >= a->conf.shaking) {
        g = idle_one(a, NULL, now);
        if (!g)
            return WS_ADMIT_SHAKING;
        *victim = let_go(a, g);
    }
    return WS_ADMIT_OK;
}

/* Descriptors are short: whoever is idle for longest. */
static void spare(struct ws_admit *a, msec_t now, int *victim)
{
    struct guest *g = idle_one(a, NULL, now);

    if (!g && a->strangers && now - a->strangers->since >= WS_HANDSHAKE_SAFE_MS)
        g = a->strangers;
    if (g)
        *victim = let_go(a, g);
}

static enum ws_admit_verdict add(struct ws_admit *a, int fd, struct host *h, msec_t now)
{
    struct guest *g = calloc(1, sizeof *g);

    if (!g)
        return WS_ADMIT_NOMEM;
    g->fd = fd;
    g->stage = GOING;
    g->host = h;
    g->since = now;
    HASH_ADD_INT(a->guests, fd, g);
    if (!find(a, fd)) {
        free(g);
        return WS_ADMIT_NOMEM;
    }
    h->guests++;
    enter_stage(a, g, SHAKING);
    return WS_ADMIT_OK;
}

enum ws_admit_verdict ws_admit_connect(struct ws_admit *a, int fd, const struct addr *peer, msec_t now, int *victim)
{
    enum ws_admit_verdict v;
    struct host *h;

    *victim = -1;
    ws_admit_left(a, fd); /* its end was not told */
    if (fd >= a->conf.fd_max) {
        spare(a, now, victim);
        return WS_ADMIT_FDS;
    }
    fill(&a->bucket, a->conf.rate, now);
    h = host_of(a, peer, a->bucket.tokens >= 1000);
    if (!h && a->bucket.tokens < 1000) /* unknown addresses then cost no memory */
        return WS_ADMIT_RATE;
    if (!h)
        return WS_ADMIT_NOMEM;
    if (a->bucket.tokens < 1000 && now >= h->users_till)
        return WS_ADMIT_RATE;
    if (!take(&h->bucket, a->conf.rate_per_addr, now)) /* and one address does not use up what others have together */
        return WS_ADMIT_RATE_ADDR;
    (void)take(&a->bucket, a->conf.rate, now);
    v = make_room(a, h, now, victim);
    return v == WS_ADMIT_OK ? add(a, fd, h, now) : v;
}

bool ws_admit_open(struct ws_admit *a, int fd, int *victim)
{
    struct guest *g = find(a, fd);

    *victim = -1;
    if (!g || g->stage != SHAKING)
        return g != NULL; /* it has to go; the caller hears of it soon */
    if (a->n_open >= a->conf.conns) {
        if (!a->strangers)
            return false;
        *victim = let_go(a, a->strangers);
    }
    enter_stage(a, g, STRANGER);
    return true;
}

void ws_admit_known(struct ws_admit *a, int fd, msec_t now)
{
    struct guest *g = find(a, fd);

    if (!g)
        return;
    if (g->stage == STRANGER)
        enter_stage(a, g, KNOWN);
    g->host->users_till = now + WS_USERS_MS;
}

unsigned ws_admit_of_addr(const struct ws_admit *a, int fd)
{
    const struct guest *g = find(a, fd);

    return g ? g->host->open : 0;
}

bool ws_admit_is_shaking(const struct ws_admit *a, int fd)
{
    const struct guest *g = find(a, fd);

    return g && g->stage == SHAKING;
}

int ws_admit_overdue(struct ws_admit *a, msec_t now)
{
    if (!a->shaking || now - a->shaking->since < a->conf.handshake_ms)
        return -1;
    return let_go(a, a->shaking);
}

void ws_admit_tick(struct ws_admit *a, msec_t now)
{
    struct host *h, *tmp;

    HASH_ITER(hh, a->hosts, h, tmp) {
        fill(&h->bucket, a->conf.rate_per_addr, now);
        if (h->guests || now < h->users_till || h->bucket.tokens < 2000 * (int64_t)a->conf.rate_per_addr)
            continue;
        HASH_DEL(a->hosts, h);
        free(h);
    }
}

const char *ws_admit_why(enum ws_admit_verdict v)
{
    static const char *const why[] = {
        [WS_ADMIT_OK] = "",
        [WS_ADMIT_RATE] = "too many new connections",
        [WS_ADMIT_RATE_ADDR] = "too many new connections of one address",
        [WS_ADMIT_SHAKING] = "too many handshakes",
        [WS_ADMIT_SHAKING_ADDR] = "too many handshakes of one address",
        [WS_ADMIT_FDS] = "no descriptors to spare",
        [WS_ADMIT_NOMEM] = "no memory",
    };

    return why[v];
}
