/* alg as a UE towards the registrar: one REGISTER, its digest challenge answered (RFC 3261 22, RFC 7616, RFC 8760; TS 24.229
 * 5.1.1 and 5.2.2 at once, since UE and P-CSCF are one here). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

#include <utlist.h>

#include "alg/sip/reg_priv.h"
#include "alg/sip/route.h"
#include "common/log.h"
#include "common/rnd.h"

#define TRIES_MAX 5 /* a challenge, a stale nonce, a 423 and the challenge after it; then it is over */

struct regc {
    struct regc *prev, *next;
    struct reg *reg;
    regc_h *cb;
    void *arg;
    nta_outgoing_t *orq;
    struct hop_try hop;
    su_home_t home[1];
    char *uri, *aor, *impi, *realm, *call_id, *contact, *path, *require, *from;
    struct digest_secret secret;
    unsigned expires, least, tries, answered; /* answered: challenges since the last 423 */
    bool bound, trusted;
    char *authorization;
};

void regc_free(struct regc *c)
{
    if (!c)
        return;
    DL_DELETE(c->reg->regcs, c);
    hop_over(&c->hop);
    if (c->orq)
        nta_outgoing_destroy(c->orq);
    su_home_deinit(c->home);
    digest_forget(&c->secret, sizeof c->secret);
    free(c);
}

void regc_free_all(struct reg *r)
{
    while (r->regcs)
        regc_free(r->regcs);
}

static int on_answer(void *magic, nta_outgoing_t *orq, const sip_t *sip);

/* Rises over a restart, too: the registrar knows the Call-ID from before. */
static uint32_t next_cseq(struct reg *r)
{
    uint32_t now = (uint32_t)(time(NULL) & 0x3fffffff);

    r->cseq = r->cseq >= now ? r->cseq + 1 : now;
    return r->cseq;
}

static int send_it(struct regc *c)
{
    struct reg *r = c->reg;
    struct sip *s = r->sip;
    su_home_t home[1] = {SU_HOME_INIT(home)};
    char *cseq = su_sprintf(home, "%u REGISTER", next_cseq(r)), *expires = su_sprintf(home, "%u", c->expires);
    char *lines = su_sprintf(home, "P-Visited-Network-ID: \"%s\"\r\nP-Charging-Vector: %s", r->domain,
                             route_charging(home, self_host(s), r->domain));
    char *require = c->require ? su_sprintf(home, "path, %s", c->require) : su_strdup(home, "path");
    url_string_t const *hop;
    int err = 0;

    if (c->path)
        lines = su_sprintf(home, "Path: %s\r\n%s", c->path, lines);
    if (r->access_info)
        lines = su_sprintf(home, "%s\r\nP-Access-Network-Info: %s;network-provided", lines, r->access_info);
    if (c->orq)
        nta_outgoing_destroy(c->orq);
    c->orq = NULL;
    /* The answer to a challenge goes where the challenge came from, if it is well. */
    if (!hop_take(&c->hop, s, NULL, c->hop.id, &hop))
        c->orq = nta_outgoing_tcreate(s->agents[SIP_MW].leg, on_answer, c, hop, SIP_METHOD_REGISTER, (url_string_t *)c->uri,
                                  SIPTAG_FROM_STR(c->from), SIPTAG_TO_STR(su_sprintf(home, "<%s>", c->aor)),
                                  SIPTAG_CALL_ID_STR(c->call_id), SIPTAG_CSEQ_STR(cseq), SIPTAG_CONTACT_STR(c->contact),
                                  SIPTAG_EXPIRES_STR(expires), SIPTAG_REQUIRE_STR(require),
                                  TAG_IF(c->require, SIPTAG_PROXY_REQUIRE_STR(c->require)),
                                  SIPTAG_SUPPORTED_STR("path, outbound, gruu"), SIPTAG_AUTHORIZATION_STR(c->authorization),
                                  SIPTAG_USER_AGENT_STR(s->agent_name), SIPTAG_HEADER_STR(lines), TAG_END());
    if (!c->orq) {
        err = -EIO;
    } else {
        hop_sent(&c->hop, &c->orq, on_answer, c);
        sip_wire_sent(s, SIP_MW, c->orq, NULL);
    }
    su_home_deinit(home);
    sip_wire_flush(s);
    return err;
}

/* The best challenge that this secret can answer; false: none. */
static bool choose(const struct regc *c, const sip_t *sip, struct digest *best, enum digest_algo *algo)
{
    bool found = false;

    for (const msg_auth_t *au = sip->sip_www_authenticate; au; au = au->au_next) {
        enum digest_algo a;
        struct digest d;

        if (!au->au_scheme || strcasecmp(au->au_scheme, "Digest") != 0 || digest_read(&d, (const char *const *)au->au_params) ||
            digest_algo_of(d.algorithm, &a) || !c->secret.ha1[a][0] || strcmp(d.realm, c->realm) != 0 || (found && a <= *algo))
            continue;
        if (strpbrk(d.nonce, "\"\\\r\n") || strpbrk(d.opaque, "\"\\\r\n"))
            continue;
        *best = d;
        *algo = a;
        found = true;
    }
    return found;
}

static bool offers_auth(const char *qop)
{
    struct sv rest = sv_from(qop);

    while (rest.n)
        if (sv_iis(sv_trim(sv_cut(&rest, ',')), "auth"))
            return true;
    return false;
}

/* 0, or -EACCES: it cannot be answered. */
static int answer_challenge(struct regc *c, const sip_t *sip)
{
    char response[DIGEST_HEX];
    enum digest_algo algo = DIGEST_MD5;
    struct digest d;

    if (!choose(c, sip, &d, &algo) || (d.qop[0] && !offers_auth(d.qop)))
        return -EACCES;
    if (c->trusted || (c->answered++ && strcasecmp(d.stale, "true") != 0))
        return -EACCES; /* we have none; or the same answer would be as wrong */
    snprintf(d.uri, sizeof d.uri, "%s", c->uri);
    if (d.qop[0]) {
        snprintf(d.qop, sizeof d.qop, "auth");
        snprintf(d.nc, sizeof d.nc, "00000001");
        rnd_text(d.cnonce, 20);
    }
    if (digest_response(response, algo, c->secret.ha1[algo], &d, "REGISTER"))
        return -EACCES;
    c->authorization = su_sprintf(
        c->home, "Digest username=\"%s\", realm=\"%s\", nonce=\"%s\", uri=\"%s\", response=\"%s\", algorithm=%s",
        c->impi, d.realm, d.nonce, d.uri, response, digest_name(algo));
    if (d.qop[0])
        c->authorization = su_sprintf(c->home, "%s, qop=auth, nc=%s, cnonce=\"%s\"", c->authorization, d.nc, d.cnonce);
    if (d.opaque[0])
        c->authorization = su_sprintf(c->home, "%s, opaque=\"%s\"", c->authorization, d.opaque);
    c->authorization =
        su_sprintf(c->home, "%s, integrity-protected=\"ip-assoc-%s\"", c->authorization, c->bound ? "yes" : "pending");
    return 0;
}

/* TS 24.229 5.1.1.2: the private identity goes with the first one already. 33.203 annex U: a trusted node has looked itself. */
static void first_authorization(struct regc *c)
{
    c->answered = 0;
    c->authorization =
        su_sprintf(c->home, "Digest username=\"%s\", realm=\"%s\", nonce=\"\", uri=\"%s\", response=\"\"%s", c->impi,
                   c->realm, c->uri, c->trusted ? ", integrity-protected=\"auth-done\"" : "");
}

/* 423 is about each contact (RFC 3261 10.2.8); one that is taken away stays so. */
static void raise_expires(struct regc *c, unsigned least)
{
    sip_contact_t *list = c->contact ? sip_contact_make(c->home, c->contact) : NULL;
    uint32_t v;

    if (c->expires < least)
        c->expires = least;
    for (sip_contact_t *m = list; m; m = m->m_next)
        if (m->m_expires && !sv_u32(sv_from(m->m_expires), UINT32_MAX, &v) && v && v < least)
            msg_header_replace_param(c->home, m->m_common, su_sprintf(c->home, "expires=%u", least));
    if (list)
        c->contact = msg_text(c->home, (sip_header_t *)list);
    first_authorization(c); /* its nonce was used */
}

/* Is there anything to be raised? */
static bool is_too_brief(const struct regc *c, const sip_t *in)
{
    return in->sip_min_expires && in->sip_min_expires->me_delta > c->least && in->sip_min_expires->me_delta <= REG_EXPIRES_MAX &&
           c->expires;
}

static int on_answer(void *magic, nta_outgoing_t *orq, const sip_t *sip)
{
    struct regc *c = magic;
    struct sip *s = c->reg->sip;
    int status = sip ? sip->sip_status->st_status : nta_outgoing_status(orq);
    const sip_t *in = sip && !nta_sip_is_internal(sip) ? sip : NULL;
    regc_h *cb = c->cb;
    void *arg = c->arg;
    bool again = false;

    sip_wire_flush(s);
    if (hop_again(&c->hop, orq, sip) || status < 200)
        return 0;
    if (in && ++c->tries <= TRIES_MAX) {
        if (status == 401) {
            again = !answer_challenge(c, in);
        } else if (status == 423 && is_too_brief(c, in)) {
            c->least = (unsigned)in->sip_min_expires->me_delta;
            raise_expires(c, c->least);
            again = c->contact != NULL;
        }
    }
    if (again && !send_it(c))
        return 0;
    /* the answer lives as long as its transaction */
    c->cb = NULL;
    cb(arg, status, in);
    regc_free(c);
    return 0;
}

int regc_start(struct regc **cp, struct reg *r, const struct regc_conf *conf, regc_h *cb, void *arg)
{
    struct regc *c = calloc(1, sizeof *c);
    const char *host = strchr(conf->aor, '@');
    char tag[13];
    int err;

    if (!c)
        return -ENOMEM;
    su_home_init(c->home);
    DL_APPEND(r->regcs, c);
    rnd_text(tag, sizeof tag - 1);
    c->reg = r;
    c->cb = cb;
    c->arg = arg;
    c->aor = su_strdup(c->home, conf->aor);
    c->uri = su_sprintf(c->home, "sip:%s", host ? host + 1 : r->domain);
    c->impi = su_strdup(c->home, conf->impi);
    c->realm = su_strdup(c->home, conf->realm);
    c->call_id = su_strdup(c->home, conf->call_id);
    c->contact = conf->contact ? su_strdup(c->home, conf->contact) : NULL;
    c->path = conf->path ? su_strdup(c->home, conf->path) : NULL;
    c->require = conf->require ? su_strdup(c->home, conf->require) : NULL;
    c->from = su_sprintf(c->home, "<%s>;tag=%s", conf->aor, tag);
    c->secret = *conf->secret;
    c->expires = conf->expires;
    c->bound = conf->bound;
    c->trusted = conf->trusted;
    first_authorization(c);
    err = send_it(c);
    if (err)
        regc_free(c);
    else if (cp)
        *cp = c;
    return err;
}
