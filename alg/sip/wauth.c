/* A WIC logs in at alg: its Authorization goes to alg/users/login.c, the answer back as SIP says (RFC 3261 22, RFC 8760,
 * RFC 8898). Nothing of a credential is logged. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

#include "alg/sip/reg_priv.h"
#include "common/log.h"

/* Addresses of one customer count as one (an IPv6 customer has a /64 at least). */
void wauth_peer(const struct addr *peer, char out[ADDR_STRLEN])
{
    struct addr a = *peer;

    if (addr_is_v6(&a) && !IN6_IS_ADDR_V4MAPPED(&a.u.in6.sin6_addr))
        memset(&a.u.in6.sin6_addr.s6_addr[8], 0, 8);
    addr_host(&a, out);
}

static void peer_text(struct reg *r, sip_flow flow, char out[ADDR_STRLEN])
{
    struct addr peer;
    bool tls;

    memset(&peer, 0, sizeof peer);
    out[0] = 0;
    if (bridge_peer(r->sip->bridge, flow, &peer, &tls))
        wauth_peer(&peer, out);
}

/* The better algorithm first (RFC 8760 2.4), MD5 as the very last: of several challenges JsSIP and SIP.js keep the last one, and
 * they know no other algorithm and no token. */
static int challenge(struct reg *r, const struct reg_way *way, const char *domain, enum login_verdict v, char *out, size_t size)
{
    char nonce[LOGIN_NONCE_LEN + 1];
    int n = 0;

    if (way->token)
        n += snprintf(out, size, "WWW-Authenticate: Bearer realm=\"%s\"%s%s%s%s", domain,
                      way->token_server[0] ? ", authz_server=\"" : "", way->token_server, way->token_server[0] ? "\"" : "",
                      v == LOGIN_INVALID ? ", error=\"invalid_token\"" : "");
    for (unsigned i = DIGEST_ALGOS; way->password && i-- > 0;) {
        login_nonce(r->login, domain, net_now_ms(), nonce);
        n += snprintf(out + n, size - (size_t)n,
                      "%sWWW-Authenticate: Digest realm=\"%s\", nonce=\"%s\", algorithm=%s, qop=\"auth\"%s",
                      n ? "\r\n" : "", domain, nonce, digest_name((enum digest_algo)i),
                      v == LOGIN_STALE ? ", stale=true" : "");
    }
    return 401;
}

/* Our realm: as alg/users writes it, however the WIC does. */
static void domain_of(const char *host, char *out, size_t size)
{
    size_t n = 0;

    for (; host && host[n] && n + 1 < size; n++)
        out[n] = (char)tolower((unsigned char)host[n]);
    out[n] = 0;
}

static enum login_verdict judge(struct reg *r, const struct reg_way *way, const sip_t *sip, sip_flow flow, const char *domain,
                                struct user *user, unsigned *left)
{
    su_home_t home[1] = {SU_HOME_INIT(home)};
    const sip_authorization_t *au = sip->sip_authorization;
    char peer[ADDR_STRLEN];
    struct login_try t = {
        .domain = domain, .password = way->password, .token = way->token,
        .claimed = way->kind == REG_WAY_TRUSTED, .method = "REGISTER",
        .uri = url_as_string(home, sip->sip_request->rq_url), .peer = peer, .now = net_now_ms(), .wall = (int64_t)time(NULL),
    };
    size_t n = strlen(domain);
    enum login_verdict v;

    peer_text(r, flow, peer);
    for (; au && !t.scheme; au = au->au_next) { /* of several, the one for this realm or the token */
        const char *realm = msg_header_find_param(au->au_common, "realm=");

        if (au->au_scheme && (!strcasecmp(au->au_scheme, "Bearer") ||
                              (realm && realm[0] == '"' && !strncasecmp(realm + 1, domain, n) && realm[n + 1] == '"'))) {
            t.scheme = au->au_scheme;
            t.params = (const char *const *)au->au_params;
        }
    }
    t.inside = t.scheme && !strcasecmp(t.scheme, "Bearer") && store_by_flow(&r->store, flow); /* tokens are not guessed */
    v = login_check(r->login, &t, user, left);
    su_home_deinit(home);
    return v;
}

static int lines_of(struct reg *r, const struct reg_way *way, const char *domain, enum login_verdict v, unsigned left,
                    char *out, size_t size)
{
    out[0] = 0;
    switch (v) {
    case LOGIN_OK:
        return 0;
    case LOGIN_WAIT:
        count_add(&r->counts[REG_C_LOGIN_WAIT], 1);
        snprintf(out, size, "Retry-After: %u", left);
        return 503;
    case LOGIN_BAD:
        return 400;
    case LOGIN_BROKEN:
        return 500;
    case LOGIN_NOBODY:
        return 403;
    case LOGIN_WRONG: case LOGIN_INVALID:
        count_add(&r->counts[REG_C_LOGIN_WRONG], 1);
        break;
    case LOGIN_ASK: case LOGIN_STALE:
        break;
    }
    return challenge(r, way, domain, v, out, size);
}

static void log_refused(struct reg *r, sip_flow flow, const char *domain, const char *name, enum login_verdict v)
{
    static const char *const why[] = {[LOGIN_WRONG] = "wrong name or password", [LOGIN_INVALID] = "token not good",
                                      [LOGIN_NOBODY] = "a good token, but its user has no IMS identity",
                                      [LOGIN_WAIT] = "too many wrong passwords or tokens",
                                      [LOGIN_BAD] = "malformed Authorization",
                                      [LOGIN_BROKEN] = "the store of users does not answer"};
    char peer[ADDR_STRLEN], user[USER_TEXT_MAX];
    size_t n = 0;

    if (v >= ARRAY_LEN(why) || !why[v])
        return;
    for (; name[n] && n + 1 < sizeof user; n++) /* anybody wrote it: no field of its own */
        user[n] = name[n] > ' ' && name[n] < 0x7f && name[n] != '"' ? name[n] : '?';
    user[n] = 0;
    peer_text(r, flow, peer);
    log_info("reg", "flow=%llu peer=%s domain=%s msg=\"login refused\" why=\"%s\" user=%s", (unsigned long long)flow, peer,
             domain, why[v], user);
}

int wauth_check(struct reg *r, const struct reg_way *way, nta_incoming_t *irq, const sip_t *sip, sip_flow flow, struct user *user,
                unsigned *left)
{
    char lines[REG_LINES_MAX], domain[USER_TEXT_MAX];
    enum login_verdict v;
    int status;

    domain_of(sip->sip_to->a_url->url_host, domain, sizeof domain);
    v = judge(r, way, sip, flow, domain, user, left);
    status = lines_of(r, way, domain, v, *left, lines, sizeof lines);
    if (!status)
        return 0;
    log_refused(r, flow, domain, user->name, v);
    reg_reply(r, irq, status, lines[0] ? lines : NULL);
    return status;
}

/* TS 24.371 7.2.1: the token comes in every request; RFC 8898: an invalid one is refused with a challenge. */
int wauth_again(struct reg *r, const struct reg_way *way, const sip_t *sip, const struct wauth_who *who, char *lines, size_t size)
{
    const sip_authorization_t *au = sip->sip_authorization;
    const char *at = strchr(who->aor, '@');
    char name[USER_TEXT_MAX * 2 + 8], domain[USER_TEXT_MAX];
    struct reg_way only = *way;
    struct user user;
    enum login_verdict v;
    unsigned left = 0;
    int status;

    domain_of(at ? at + 1 : who->aor, domain, sizeof domain);
    if (!au || !au->au_scheme || strcasecmp(au->au_scheme, "Bearer") != 0)
        return way->password && !who->token ? 0 : challenge(r, way, domain, LOGIN_ASK, lines, size);
    only.password = false;
    v = judge(r, &only, sip, who->flow, domain, &user, &left);
    status = lines_of(r, &only, domain, v, left, lines, size);
    log_refused(r, who->flow, domain, user.name, v);
    if (!status) {
        snprintf(name, sizeof name, "sip:%s@%s", user.name, user.domain);
        if (!uri_same(name, who->aor) && !uri_same(user.impu, who->aor))
            status = 403; /* somebody else's token */
    }
    digest_forget(&user, sizeof user);
    return status;
}
