#include "alg/users/login.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include <uthash.h>

#include "alg/users/slow.h"
#include "common/rnd.h"

#define SEAL_LEN 32 /* characters of the nonce that only we can make */

struct used { /* a nonce that somebody came in with: its highest nc */
    UT_hash_handle hh;
    char nonce[LOGIN_NONCE_LEN + 1];
    uint32_t nc;
    msec_t made;
};

struct login {
    struct users *users;
    const struct jwt_keys *keys;
    struct slow *slow;
    struct used *used;
    msec_t floor; /* nonces made earlier are stale: we do not know any more how they were used */
    unsigned char key[32];
};

int login_new(struct login **lp, struct users *users, const struct jwt_keys *keys)
{
    struct login *l = calloc(1, sizeof *l);

    if (!l || slow_new(&l->slow)) {
        free(l);
        return -ENOMEM;
    }
    l->users = users;
    l->keys = keys;
    rnd_bytes(l->key, sizeof l->key);
    *lp = l;
    return 0;
}

static void forget(struct login *l, struct used *u)
{
    HASH_DEL(l->used, u);
    free(u);
}

void login_free(struct login *l)
{
    struct used *u, *tmp;

    if (!l)
        return;
    HASH_ITER(hh, l->used, u, tmp)
        forget(l, u);
    slow_free(l->slow);
    free(l);
}

/* --- nonces: when, something random, and a seal over both and the realm --- */

static void seal(const struct login *l, const char *domain, const char *front, char out[SEAL_LEN + 1])
{
    char text[USER_TEXT_MAX + 64], hex[DIGEST_HEX];

    snprintf(text, sizeof text, "%.24s %s", front, domain);
    digest_seal(hex, l->key, sizeof l->key, text);
    snprintf(out, SEAL_LEN + 1, "%.32s", hex);
}

void login_nonce(const struct login *l, const char *domain, msec_t now, char out[LOGIN_NONCE_LEN + 1])
{
    char front[25], mac[SEAL_LEN + 1];

    snprintf(front, sizeof front, "%012llx%012llx", (unsigned long long)now & 0xffffffffffff,
             (unsigned long long)rnd_u64() & 0xffffffffffff);
    seal(l, domain, front, mac);
    snprintf(out, LOGIN_NONCE_LEN + 1, "%s%s", front, mac);
}

/* 0: ours and fresh; -ESTALE: ours once or never: the client just asks again */
static int nonce_check(const struct login *l, const char *domain, const char *nonce, msec_t now, msec_t *made)
{
    char mac[SEAL_LEN + 1], when[13];

    if (strlen(nonce) != LOGIN_NONCE_LEN)
        return -ESTALE;
    seal(l, domain, nonce, mac);
    if (!digest_equal(nonce + 24, mac))
        return -ESTALE;
    snprintf(when, sizeof when, "%.12s", nonce);
    *made = strtoull(when, NULL, 16);
    return *made < l->floor || now - *made > LOGIN_NONCE_S * 1000 ? -ESTALE : 0;
}

/* RFC 7616 3.4.5: nc only goes up, so that nothing is taken twice. */
static int nc_take(struct login *l, const char *nonce, uint32_t nc, msec_t made, msec_t now)
{
    struct used *u, *tmp;

    HASH_FIND_STR(l->used, nonce, u);
    if (u && nc <= u->nc)
        return -ESTALE;
    if (!u) {
        HASH_ITER(hh, l->used, u, tmp) { /* in the order of their first use */
            bool full = HASH_COUNT(l->used) >= LOGIN_NONCES_MAX;

            if (!full && now - u->made <= LOGIN_NONCE_S * 1000)
                break;
            if (full && u->made >= l->floor)
                l->floor = u->made + 1;
            forget(l, u);
        }
        u = calloc(1, sizeof *u);
        if (!u)
            return -ENOMEM;
        memcpy(u->nonce, nonce, LOGIN_NONCE_LEN); /* nonce_check() measured it */
        u->made = made;
        HASH_ADD_STR(l->used, nonce, u);
    }
    u->nc = nc;
    return 0;
}

/* --- passwords --- */

/* A user who is not there has a password, too; nobody knows it. */
static void nobody(const struct login *l, const char *name, struct digest_secret *s)
{
    digest_seal(s->ha1[DIGEST_SHA256], l->key, sizeof l->key, name);
    snprintf(s->ha1[DIGEST_MD5], DIGEST_HEX, "%.32s", s->ha1[DIGEST_SHA256]);
}

static bool is_well_formed(const struct digest *d, const struct login_try *t, enum digest_algo *algo, uint32_t *nc)
{
    char *end = NULL;

    *nc = (uint32_t)strtoul(d->nc, &end, 16);
    return d->username[0] && d->response[0] && d->cnonce[0] && !strcmp(d->qop, "auth") && strlen(d->nc) == 8 && end &&
           !*end && *nc && !digest_algo_of(d->algorithm, algo) && !strcasecmp(d->realm, t->domain) &&
           !strcasecmp(d->uri, t->uri);
}

static enum login_verdict check_digest(struct login *l, const struct login_try *t, struct user *out)
{
    struct digest d;
    struct digest_secret none;
    enum digest_algo algo;
    char want[DIGEST_HEX], name[USER_TEXT_MAX], who[2 * USER_TEXT_MAX];
    const char *ha1;
    msec_t made = 0;
    uint32_t nc;
    bool right;
    int fresh, err;

    if (digest_read(&d, t->params) || !is_well_formed(&d, t, &algo, &nc))
        return LOGIN_BAD;
    snprintf(name, sizeof name, "%.*s", (int)strcspn(d.username, "@"), d.username);
    if (strchr(d.username, '@') && strcasecmp(strchr(d.username, '@') + 1, t->domain) != 0)
        name[0] = 0; /* of another domain: nobody */
    fresh = nonce_check(l, t->domain, d.nonce, t->now, &made);
    if (fresh)
        return LOGIN_STALE;
    nobody(l, name, &none);
    err = users_get(l->users, name, t->domain, out);
    if (err && err != -ENOENT)
        return LOGIN_BROKEN;
    ha1 = !err && out->access.ha1[algo][0] ? out->access.ha1[algo] : none.ha1[algo];
    right = !digest_response(want, algo, ha1, &d, t->method) && digest_equal(d.response, want) && ha1 != none.ha1[algo];
    snprintf(who, sizeof who, "%s@%s", name, t->domain);
    if (!right) {
        slow_wrong(l->slow, who, t->peer, t->now);
        return LOGIN_WRONG;
    }
    if (nc_take(l, d.nonce, nc, made, t->now))
        return LOGIN_STALE;
    slow_right(l->slow, who, t->peer, t->now);
    return LOGIN_OK;
}

/* --- tokens --- */

const char *login_token(const char *const *params, char *out, size_t size)
{
    const char *p = params ? params[0] : NULL;
    size_t n;

    if (!p || params[1])
        return NULL;
    if (!strncasecmp(p, "access_token=", 13))
        p += 13;
    n = strlen(p);
    if (n >= 2 && p[0] == '"' && p[n - 1] == '"')
        p++, n -= 2;
    if (!n || n >= size)
        return NULL;
    memcpy(out, p, n);
    out[n] = 0;
    return out;
}

/* What the token says of its identities goes before what the store does; without either there is nobody. */
static int by_claims(const struct jwt_claims *c, const char *name, const char *domain, int err, struct user *out)
{
    const char *host;
    char text[2 * USER_TEXT_MAX];

    if (err) {
        memset(out, 0, sizeof *out);
        snprintf(text, sizeof text, "%s@%s", name, domain);
        if (user_name(out, text))
            return -ENOENT;
    }
    if (c->impu[0]) {
        if ((strncmp(c->impu, "sip:", 4) != 0 || !strchr(c->impu, '@')) && strncmp(c->impu, "tel:", 4) != 0)
            return -ENOENT;
        snprintf(out->impu, sizeof out->impu, "%s", c->impu);
        host = strchr(c->impu, '@');
        snprintf(out->ims_realm, sizeof out->ims_realm, "%s", host ? host + 1 : domain);
        if (!c->impi[0] && (err || !out->impi[0])) /* TS 23.003 13.3: as it is derived from the public one */
            snprintf(out->impi, sizeof out->impi, "%s", c->impu + 4);
    }
    if (c->impi[0])
        snprintf(out->impi, sizeof out->impi, "%s", c->impi);
    return out->impu[0] && out->impi[0] ? 0 : -ENOENT;
}

static enum login_verdict check_token(struct login *l, const struct login_try *t, struct user *out, char *claim, unsigned *left)
{
    char text[JWT_MAX + 1], name[USER_TEXT_MAX];
    struct jwt_claims c;
    int err;

    err = login_token(t->params, text, sizeof text) ? jwt_check(l->keys, text, t->domain, t->wall, &c) : -EBADMSG;
    if (err && err != -ETIME) /* an old one is no attempt */
        slow_wrong(l->slow, "", t->peer, t->now);
    if (err)
        return LOGIN_INVALID;
    snprintf(name, sizeof name, "%.*s", (int)strcspn(c.sub, "@"), c.sub);
    snprintf(claim, USER_TEXT_MAX, "%s", name);
    if (strchr(c.sub, '@') && strcasecmp(strchr(c.sub, '@') + 1, t->domain) != 0)
        return LOGIN_INVALID;
    err = users_get(l->users, name, t->domain, out);
    if (t->claimed && (!err || err == -ENOENT))
        err = by_claims(&c, name, t->domain, err, out);
    if (err)
        return err == -ENOENT ? LOGIN_NOBODY : LOGIN_BROKEN;
    *left = c.exp > t->wall ? (unsigned)(c.exp - t->wall < 1000000 ? c.exp - t->wall : 1000000) : 1;
    return LOGIN_OK;
}

/* What is asked for the waiting time: the name as it is claimed. */
static void claimed(const struct login_try *t, char *out, size_t size)
{
    struct digest d;

    out[0] = 0;
    if (!strcasecmp(t->scheme, "Digest") && !digest_read(&d, t->params))
        snprintf(out, size, "%.*s", (int)strcspn(d.username, "@"), d.username);
}

enum login_verdict login_check(struct login *l, const struct login_try *t, struct user *out, unsigned *left)
{
    char claim[USER_TEXT_MAX] = "", name[2 * USER_TEXT_MAX] = "";
    enum login_verdict v = LOGIN_ASK;

    *left = 0;
    if (t->scheme) {
        claimed(t, claim, sizeof claim);
        if (claim[0])
            snprintf(name, sizeof name, "%s@%s", claim, t->domain);
        *left = t->inside ? 0 : slow_wait(l->slow, name, t->peer, t->now);
        if (*left)
            v = LOGIN_WAIT;
        else if (t->password && !strcasecmp(t->scheme, "Digest"))
            v = check_digest(l, t, out);
        else if (t->token && !strcasecmp(t->scheme, "Bearer"))
            v = check_token(l, t, out, claim, left);
    }
    if (v != LOGIN_OK)
        snprintf(out->name, sizeof out->name, "%s", claim);
    return v;
}
