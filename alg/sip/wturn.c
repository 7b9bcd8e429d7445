/* Credentials for TURN, as browsers get them: by header lines of the 200 to REGISTER, and by an HTTPS endpoint on the
 * WebSocket's port, `GET /turn?service=turn` with `Authorization: Bearer KEY`, KEY a one-time key of such a 200 or a web
 * token. Neither is standardised. Nothing of a credential is logged. */
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

#include "alg/sip/reg_priv.h"
#include "alg/sip/ws.h"
#include "alg/users/slow.h"
#include "alg/users/turn.h"
#include "common/log.h"
#include "common/reach.h"

#define IMPU_MAX 512
#define PREFLIGHT_S 600

static bool may_tell(const struct reg *r, const struct addr *peer, bool tls)
{
    return r->turn.turn && (tls || r->turn.clear || reach_kind_of(peer) == REACH_LOOPBACK);
}

/* --- with the registration --- */

char *wturn_lines(struct enrol *p, const char *impu, unsigned expires)
{
    struct reg *r = p->reg;
    unsigned seconds = 2 * expires, wait = 0; /* a refresh may be late */
    char key[TURN_KEY_LEN + 1], room[WS_PAGE_MAX], *lines = NULL;
    struct buf out = buf_over(room, sizeof room - 1);
    struct turn_cred c;
    struct addr peer;
    bool tls;

    if (!bridge_peer(r->sip->bridge, p->flow, &peer, &tls) || !may_tell(r, &peer, tls))
        return NULL;
    if (r->turn.endpoint && !turn_key_make(r->turn.turn, impu, seconds, net_now_ms(), key))
        buf_printf(&out, "Turn-Key: %s", key);
    if (r->turn.header && !turn_issue(r->turn.turn, impu, seconds, (int64_t)time(NULL), &c, &wait)) {
        buf_printf(&out, "%sTurn-Service: ", out.len ? "\r\n" : "");
        turn_header(r->turn.turn, &c, &out);
    }
    if (out.len && !buf_err(&out))
        lines = su_sprintf(p->home, "%.*s", SV_ARG(buf_sv(&out)));
    digest_forget(room, sizeof room);
    return lines;
}

/* --- at the endpoint --- */

struct ask {
    struct reg *r;
    const struct ws_request *q;
    const struct ws_asker *who;
    char peer[ADDR_STRLEN];
    char impu[IMPU_MAX];
    unsigned seconds; /* that the credential may be good; of a refusal 429: to wait */
};

static void answer(const struct ask *a, unsigned status, const char *phrase, const char *lines, struct sv body, struct buf *out)
{
    buf_printf(out, "HTTP/1.1 %u %s\r\n%sCache-Control: no-store\r\nConnection: close\r\n", status, phrase, lines);
    if (a->q->has_origin && a->who->origin_ok)
        buf_printf(out, "Access-Control-Allow-Origin: %.*s\r\n", SV_ARG(a->q->origin));
    buf_printf(out, "Vary: Origin\r\nContent-Length: %zu\r\n\r\n", body.n);
    buf_sv_put(out, body);
}

static void refuse(const struct ask *a, unsigned status, struct buf *out)
{
    static const struct {
        unsigned status;
        const char *phrase;
    } rows[] = {{401, "Unauthorized"}, {403, "Forbidden"}, {405, "Method Not Allowed"}, {429, "Too Many Requests"}, {500, "Internal Server Error"}};
    const char *phrase = "Bad Request";
    char lines[80] = "";

    for (unsigned i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].status == status)
            phrase = rows[i].phrase;
    if (status == 401)
        snprintf(lines, sizeof lines, "WWW-Authenticate: Bearer realm=\"turn\"\r\n");
    else if (status == 405)
        snprintf(lines, sizeof lines, "Allow: GET, OPTIONS\r\n");
    else if (status == 429)
        snprintf(lines, sizeof lines, "Retry-After: %u\r\nAccess-Control-Expose-Headers: Retry-After\r\n", a->seconds);
    if (status != 429) /* those that had too many are counted by alg/users/turn.c, the slowed down below */
        count_add(&turn_counts(a->r->turn.turn)[TURN_C_REFUSED], 1);
    log_info("turn", "msg=\"no credential given\" peer=%s status=%u", a->peer, status);
    answer(a, status, phrase, lines, SV_NONE, out);
}

/* The web domain that the token is for: named in the query, or the first that takes tokens. */
static const struct reg_way *token_way(const struct ask *a, char *domain, size_t size)
{
    struct sv query = a->q->target;
    const struct reg_way *way = NULL;

    domain[0] = 0;
    sv_cut(&query, '?');
    while (query.n) {
        struct sv value = sv_cut(&query, '&'), name = sv_cut(&value, '=');

        if (sv_is(name, "domain") && value.n < size)
            sv_copy(value, domain, size);
    }
    for (unsigned i = 0; i < a->r->n_ways && !way && !domain[0]; i++)
        if (a->r->ways[i].kind != REG_WAY_RELAY && a->r->ways[i].token)
            snprintf(domain, size, "%s", strcmp(a->r->ways[i].domain, "*") ? a->r->ways[i].domain : a->r->domain);
    way = reg_way_of(a->r, domain);
    return way && way->kind != REG_WAY_RELAY && way->token && a->r->login ? way : NULL;
}

static unsigned by_token(struct ask *a, struct sv token)
{
    char text[JWT_MAX + 1], domain[USER_TEXT_MAX];
    const struct reg_way *way = token_way(a, domain, sizeof domain);
    const char *params[] = {text, NULL};
    struct login_try t = {.domain = domain, .token = true, .scheme = "Bearer", .params = params, .method = "GET", .uri = "/turn",
                          .peer = a->peer, .now = net_now_ms(), .wall = (int64_t)time(NULL)};
    struct user user;
    enum login_verdict v;

    if (!way || token.n > JWT_MAX)
        return 401;
    sv_copy(token, text, sizeof text);
    v = login_check(a->r->login, &t, &user, &a->seconds);
    digest_forget(text, sizeof text);
    if (v == LOGIN_OK)
        snprintf(a->impu, sizeof a->impu, "%s", user.impu);
    digest_forget(&user, sizeof user);
    return v == LOGIN_OK ? 0 : v == LOGIN_WAIT ? 429 : v == LOGIN_BROKEN ? 500 : v == LOGIN_NOBODY ? 403 : 401;
}

/* 0, or why not. A good key is looked at first: who shares an address with somebody that guesses must not wait for it. */
static unsigned identify(struct ask *a)
{
    struct sv rest = a->q->authorization, scheme = sv_word(&rest);
    msec_t now = net_now_ms();

    if (!a->q->has_authorization || !sv_iis(scheme, "Bearer") || !rest.n)
        return 401;
    rest = sv_trim(rest);
    if (memchr(rest.p, '.', rest.n)) /* a JWT has two, a key none */
        return by_token(a, rest);
    if (!turn_key_take(a->r->turn.turn, rest, now, a->impu, sizeof a->impu, &a->seconds))
        return 0;
    a->seconds = slow_wait(a->r->turn_slow, "", a->peer, now);
    if (a->seconds)
        return 429;
    slow_wrong(a->r->turn_slow, "", a->peer, now);
    return 401;
}

static void give(struct ask *a, struct buf *out)
{
    struct turn *turn = a->r->turn.turn;
    char room[WS_PAGE_MAX / 2];
    struct buf json = buf_over(room, sizeof room);
    struct turn_cred c;
    unsigned status = identify(a);
    int err;

    if (status == 429)
        count_add(&turn_counts(turn)[TURN_C_LIMITED], 1);
    err = status ? 0 : turn_issue(turn, a->impu, a->seconds, (int64_t)time(NULL), &c, &a->seconds);
    if (!status && err)
        status = err == -EAGAIN ? 429 : 500;
    if (status) {
        refuse(a, status, out);
        return;
    }
    turn_json(turn, &c, &json);
    answer(a, 200, "OK", "Content-Type: application/json\r\n", buf_sv(&json), out);
    log_info("turn", "msg=\"credential given\" peer=%s impu=%s ttl=%u", a->peer, a->impu, c.ttl);
    digest_forget(room, sizeof room);
    digest_forget(&c, sizeof c);
}

bool wturn_page(struct reg *r, const struct ws_request *q, const struct ws_asker *who, struct buf *out)
{
    struct ask a = {.r = r, .q = q, .who = who};
    struct sv rest = q->target;
    char lines[160];

    if (!sv_is(sv_cut(&rest, '?'), "/turn") || !r->turn.endpoint || !may_tell(r, &who->peer, who->tls))
        return false;
    wauth_peer(&who->peer, a.peer);
    if (q->has_origin && !who->origin_ok) { /* none at all is no browser of another page: nothing here comes by itself as cookies do */
        refuse(&a, 403, out);
    } else if (sv_is(q->method, "OPTIONS")) {
        snprintf(lines, sizeof lines, "Access-Control-Allow-Methods: GET\r\nAccess-Control-Allow-Headers: Authorization\r\n"
                 "Access-Control-Max-Age: %u\r\n", PREFLIGHT_S);
        answer(&a, 204, "No Content", lines, SV_NONE, out);
    } else if (!sv_is(q->method, "GET")) {
        refuse(&a, 405, out);
    } else {
        give(&a, out);
    }
    return true;
}
