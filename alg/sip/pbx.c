/* alg as an IP-PBX (TR 23.701 6.1.2.1.2 option 1): registered once for all WICs of a domain, in bulk (RFC 6140) or by its
 * implicit set; the WICs log in here and are bound to their identities. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include <utlist.h>

#include "alg/sip/reg_priv.h"
#include "alg/users/users.h"
#include "common/log.h"
#include "common/rnd.h"

#define BACK_OFF_MIN_MS 5000
#define BACK_OFF_MAX_MS 300000

struct pbx {
    struct reg *reg;
    const struct reg_way *way;
    struct digest_secret secret;
    struct regc *regc; /* under way */
    char *call_id, *contact, *path, *service_route, *realm;
    char *instance;
    char *gruu; /* what GRUUs of its numbers end in: "home.example.net;bg=urn:..." of the core, or our own "host:port" */
    msec_t next, until, pause; /* when to ask again; registered until */
};

static int read_password(const char *file, char *out, size_t size)
{
    FILE *f = fopen(file, "r");

    if (!f)
        return -errno;
    if (!fgets(out, (int)size, f))
        out[0] = 0;
    fclose(f);
    out[strcspn(out, "\r\n")] = 0;
    return out[0] ? 0 : -EINVAL;
}

int pbx_new(struct pbx **pp, struct reg *r, const struct reg_way *way)
{
    struct pbx *p = calloc(1, sizeof *p);
    char password[1024], text[600], hash[DIGEST_HEX], uri[SELF_URI_MAX];
    const char *host = strchr(way->pilot, '@');
    int err = p ? read_password(way->password_file, password, sizeof password) : -ENOMEM;

    if (!p)
        return err;
    p->reg = r;
    p->way = way;
    if (err)
        log_error("reg", "msg=\"no password of the pilot\" file=%s why=\"%s\"", way->password_file, strerror(-err));
    p->realm = strdup(host ? host + 1 : r->domain);
    if (!err && p->realm)
        err = digest_secret_make(&p->secret, way->impi, p->realm, password);
    digest_forget(password, sizeof password);
    digest_seal(hash, r->key.k, sizeof r->key.k, way->pilot);
    snprintf(text, sizeof text, "pbx-%.24s", hash);
    p->call_id = strdup(text);
    /* RFC 6140 7.1.1: the instance, of which GRUUs are made */
    snprintf(text, sizeof text, "+sip.instance=\"<urn:uuid:%.8s-%.4s-4%.3s-8%.3s-%.12s>\"", hash, hash + 8, hash + 12,
             hash + 15, hash + 18);
    p->instance = strdup(text);
    p->gruu = strdup(self_uri(uri, r->sip, NULL, out_how(r->sip)) + 4); /* without its scheme */
    if (!err && (!p->call_id || !p->realm || !p->gruu || !p->instance))
        err = -ENOMEM;
    if (err)
        pbx_free(p);
    else
        *pp = p;
    return err;
}

void pbx_free(struct pbx *p)
{
    if (!p)
        return;
    regc_free(p->regc);
    digest_forget(&p->secret, sizeof p->secret);
    free(p->call_id);
    free(p->contact);
    free(p->path);
    free(p->service_route);
    free(p->realm);
    free(p->gruu);
    free(p->instance);
    free(p);
}

bool pbx_is_up(const struct pbx *p)
{
    return p->until > net_now_ms();
}

/* Calls of its WICs go where the core wants them from now on. */
static void set_service_route(struct pbx *p, const sip_t *in)
{
    su_home_t home[1] = {SU_HOME_INIT(home)};
    const char *value = msg_value(home, in, "Service-Route");
    struct binding *b;

    free(p->service_route);
    p->service_route = value && strlen(value) <= SIP_VALUE_MAX ? strdup(value) : NULL;
    DL_FOREACH(p->reg->store.list, b) {
        if (b->way != REG_WAY_PBX || reg_way_of_binding(p->reg, b) != p->way)
            continue;
        free(b->service_route);
        b->service_route = p->service_route ? strdup(p->service_route) : NULL;
        b->pub.service_route = b->service_route;
    }
    su_home_deinit(home);
}

/* RFC 6140 7.1.1: "sip:home.example.net;bg=urn:uuid:..." */
static void set_gruu(struct pbx *p, const sip_t *in)
{
    const char *value;

    for (const sip_contact_t *m = in->sip_contact; m; m = m->m_next) {
        value = m->m_params ? msg_params_find(m->m_params, "pub-gruu=") : NULL;
        if (!value || strncmp(value, "\"sip:", 5) || strchr(value, '@') || !strstr(value, ";bg=") || strlen(value) > 512)
            continue;
        free(p->gruu);
        p->gruu = strndup(value + 5, strlen(value) - 6);
    }
}

static unsigned granted(const struct pbx *p, const sip_t *in)
{
    unsigned least = in->sip_expires ? (unsigned)in->sip_expires->ex_delta : p->way->expires;
    uint32_t v;

    for (const sip_contact_t *m = in->sip_contact; m; m = m->m_next)
        if (m->m_url->url_host && self_is(p->reg->sip, m->m_url->url_host, NULL) && m->m_expires &&
            !sv_u32(sv_from(m->m_expires), REG_EXPIRES_MAX, &v))
            least = v;
    return least;
}

static void on_registered(void *arg, int status, const sip_t *in)
{
    struct pbx *p = arg;
    struct reg *r = p->reg;
    msec_t now = net_now_ms();
    bool was_up = p->until > now;
    unsigned expires = status == 200 && in ? granted(p, in) : 0;

    p->regc = NULL;
    if (expires) {
        p->until = now + (msec_t)expires * 1000;
        p->next = now + (msec_t)expires * 500; /* TS 24.229 5.1.1.4: half of it */
        p->pause = 0;
        set_service_route(p, in);
        set_gruu(p, in);
        if (!was_up)
            count_add(&r->counts[REG_C_PILOTS], 1);
        regsub_need(r, p->way->pilot, p->way->pilot, p->service_route, false);
        log_info("reg", "pilot=%s msg=\"registered\" expires=%u", p->way->pilot, expires);
        return;
    }
    /* RFC 5626 4.5: longer each time, and not all at once */
    p->pause = p->pause ? (p->pause * 2 < BACK_OFF_MAX_MS ? p->pause * 2 : BACK_OFF_MAX_MS) : BACK_OFF_MIN_MS;
    p->next = now + p->pause / 2 + rnd_u32() % (p->pause / 2);
    count_add(&r->counts[REG_C_PILOT_FAILED], 1);
    log_error("reg", "pilot=%s msg=\"the core did not register us\" status=%d again_ms=%llu", p->way->pilot, status,
              (unsigned long long)(p->next - now));
}

void pbx_ended(struct pbx *p, bool at_once)
{
    if (!p->until)
        return;
    p->until = 0;
    p->next = net_now_ms() + (at_once ? 0 : BACK_OFF_MAX_MS);
    count_add(&p->reg->counts[REG_C_PILOTS], -1);
    log_error("reg", "pilot=%s msg=\"registration ended by the core: calls get 503\"", p->way->pilot);
}

/* Where the core finds us: over what it is reached itself at this time. */
static int name_us(struct pbx *p)
{
    const struct sip *s = p->reg->sip;
    const char *user = strncmp(p->way->pilot, "sip:", 4) ? p->way->pilot : p->way->pilot + 4;
    char text[SELF_URI_MAX + 100], uri[SELF_URI_MAX], name[USER_TEXT_MAX];

    snprintf(name, sizeof name, "%.*s", (int)strcspn(user, "@"), user);
    if (p->way->bulk) /* RFC 6140 5.1: no user part, all numbers behind it */
        snprintf(text, sizeof text, "<%s;bnc>;%s", self_uri(uri, s, NULL, out_how(s)), p->instance);
    else
        snprintf(text, sizeof text, "<%s>", self_uri(uri, s, name, out_how(s)));
    free(p->contact);
    p->contact = strdup(text);
    snprintf(text, sizeof text, "<%s;lr>", self_uri(uri, s, "pbx", out_how(s)));
    free(p->path);
    p->path = strdup(text);
    return p->contact && p->path ? 0 : -ENOMEM;
}

void pbx_tick(struct pbx *p, msec_t now)
{
    struct regc_conf c = {
        .aor = p->way->pilot, .impi = p->way->impi, .realm = p->realm, .secret = &p->secret, .call_id = p->call_id,
        .require = p->way->bulk ? "gin" : NULL, .expires = p->way->expires,
        .bound = p->until != 0,
    };

    if (p->until && now >= p->until) {
        p->until = 0;
        count_add(&p->reg->counts[REG_C_PILOTS], -1);
        log_error("reg", "pilot=%s msg=\"registration expired: calls get 503\"", p->way->pilot);
    }
    if (p->regc || now < p->next)
        return;
    if (name_us(p))
        return;
    c.contact = p->contact;
    c.path = p->path;
    if (regc_start(&p->regc, p->reg, &c, on_registered, p))
        on_registered(p, 503, NULL);
}

/* RFC 3261 10.3: the answer lists every binding of the user. */
static char *others(const struct enrol *e, char *list)
{
    const struct reg *r = e->reg;
    const struct binding *b;
    msec_t now = net_now_ms();
    su_home_t *home = (su_home_t *)e->home;

    if (!store_count(&r->store, e->aor))
        return list;
    DL_FOREACH(r->store.list, b) {
        bool mine = false;

        for (const sip_contact_t *m = e->contacts; m && !e->star; m = m->m_next)
            mine = mine || uri_same(url_as_string(home, m->m_url), b->contact);
        if (!mine && uri_same(b->aor, e->aor) && b->expires > now)
            list = su_sprintf(home, "%s%s<%s>;expires=%u", list ? list : "", list ? ", " : "", b->contact,
                              (unsigned)((b->expires - now) / 1000));
    }
    return list;
}

void pbx_register(struct pbx *p, struct enrol *e, nta_incoming_t *irq, const struct user *user, unsigned left)
{
    struct reg *r = p->reg;
    const char *number = strchr(user->impu, ':');
    struct grant g = {.ours = true, .general = left && left < p->way->expires ? left : p->way->expires,
                      .service_route = p->service_route, .associated = su_sprintf(e->home, "<%s>", user->impu), .gruu_base = p->gruu};
    char *list, *lines;

    e->way = REG_WAY_PBX;
    if (number)
        g.gruu_user = su_sprintf(e->home, "%.*s", (int)strcspn(number + 1, "@;"), number + 1);
    list = others(e, enrol_ok(e, &g));
    lines = su_sprintf(e->home, "P-Associated-URI: %s", g.associated);
    if (list)
        lines = su_sprintf(e->home, "%s\r\nContact: %s", lines, list);
    if (e->turn)
        lines = su_sprintf(e->home, "%s\r\n%s", lines, e->turn);
    reg_reply(r, irq, 200, lines);
    enrol_free(e);
}
