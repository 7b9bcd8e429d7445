#include "alg/sip/route.h"

#include <strings.h>

#include "alg/sip/core.h"
#include "common/enc.h"
#include "common/rnd.h"

static const char *const from_wic[] = { /* TS 24.229 4.4; security agreement ends here */
    "P-Asserted-Identity", "P-Preferred-Service", "P-Asserted-Service", "P-Profile-Key", "P-Served-User", "P-Charging-Vector",
    "P-Charging-Function-Addresses", "P-Visited-Network-ID", "P-Called-Party-ID", "P-Private-Network-Indication",
    "Feature-Caps", "Resource-Priority", "Service-Route", "Path", "Security-Client", "Security-Verify", "Proxy-Require",
    "History-Info", "P-Associated-URI",
};
static const char *const to_wic[] = {
    "Service-Route", "Path", "P-Charging-Vector", "P-Charging-Function-Addresses", "P-Served-User",
    "P-Profile-Key", "P-Visited-Network-ID", "P-Access-Network-Info", "Feature-Caps", "Accept-Contact",
    "Reject-Contact", "P-Called-Party-ID", "P-User-Database", "Server", "History-Info", "Turn-Key",
    "Turn-Service", "User-Agent", "Warning", "Call-Info", "Error-Info", "Alert-Info",
    "P-Private-Network-Indication", "P-Refused-URI-List", "Cellular-Network-Info", "Response-Source",
    "Restoration-Info", "Proxy-Require", "Relayed-Charge", "Service-Interact-Info", "Resource-Share",
    "Security-Server", "Resource-Priority",
};

static void strip(msg_t *msg, sip_t *sip, const char *const *names, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        msg_remove(msg, sip, names[i]);
}

/* RFC 8898 2.3: a web token may stand here, too, and must not leave. A digest is the answer to a proxy of the core. */
static bool is_token(void *arg, const msg_header_t *h)
{
    (void)arg;
    return msg_is_named(h, "Proxy-Authorization") && h->sh_auth->au_scheme && !strcasecmp(h->sh_auth->au_scheme, "Bearer");
}

void route_strip_from_wic(msg_t *msg, sip_t *sip)
{
    strip(msg, sip, from_wic, ARRAY_LEN(from_wic));
    msg_sift(msg, sip, is_token, NULL);
    for (sip_require_t *r = sip->sip_require; r; r = r->k_next)
        if (r->k_items && msg_params_remove((msg_param_t *)r->k_items, "sec-agree") > 0)
            msg_fragment_clear(r->k_common);
    if (sip->sip_require && (!sip->sip_require->k_items || !sip->sip_require->k_items[0]))
        msg_remove(msg, sip, "Require");
}

void route_strip_to_wic(msg_t *msg, sip_t *sip)
{
    strip(msg, sip, to_wic, ARRAY_LEN(to_wic));
}

/* --- topology hiding --- */

#define HOSTS_MAX 80

struct hosts {
    su_home_t home[1];
    const char *v[HOSTS_MAX];
    unsigned n;
};

static void know(struct hosts *h, const char *host)
{
    size_t n = host ? strlen(host) : 0;

    if (n > 2 && host[0] == '[') /* with and without brackets */
        host = su_strndup(h->home, host + 1, (isize_t)(n - 2));
    if (n > 2 && h->n < HOSTS_MAX)
        h->v[h->n++] = host;
}

/* What the core's side is made of, as far as we and this message know. */
static void know_core(struct hosts *h, const struct sip *s, const sip_t *in)
{
    char text[ADDR_STRLEN];

    for (unsigned i = 0; i < s->n_selfs; i++)
        if (strcasecmp(s->selfs[i].host, s->name) != 0)
            know(h, s->selfs[i].host);
    for (unsigned i = 0; i < s->core->hops.n; i++) {
        know(h, su_strdup(h->home, addr_host(&s->core->hops.v[i].addr, text)));
        if (strcasecmp(s->core->hops.v[i].target, s->core->hops.v[i].name) != 0) /* that is a domain, and no secret */
            know(h, s->core->hops.v[i].target);
    }
    for (const sip_via_t *v = in->sip_via; v; v = v->v_next) {
        know(h, v->v_host);
        know(h, v->v_received);
    }
    for (const sip_record_route_t *r = in->sip_record_route; r; r = r->r_next)
        know(h, r->r_url->url_host);
    for (const sip_route_t *r = in->sip_route; r; r = r->r_next)
        know(h, r->r_url->url_host);
}

/* Who talks to whom, and what the message is: those stay whatever they say. */
static bool is_needed(const msg_header_t *h)
{
    static const char *const names[] = {"From", "To", "CSeq", "Call-ID", "Contact", "Max-Forwards", "Via", "Expires", "Min-Expires",
                                        "Content-Type", "Content-Length", "P-Asserted-Identity", "P-Associated-URI",
                                        "WWW-Authenticate", "Proxy-Authenticate"};

    for (unsigned i = 0; i < ARRAY_LEN(names); i++)
        if (msg_is_named(h, names[i]))
            return true;
    return h->sh_class->hc_hash != msg_unknown_hash && (!h->sh_class->hc_name || !h->sh_class->hc_name[0]); /* first line, body */
}

static bool tells(void *arg, const msg_header_t *header)
{
    struct hosts *h = arg;
    const char *text = is_needed(header) ? NULL : msg_field(h->home, header);

    for (unsigned i = 0; text && i < h->n; i++)
        if (strcasestr(text, h->v[i]))
            return true;
    return false;
}

void route_hide(const struct sip *s, const sip_t *in, msg_t *msg, sip_t *sip)
{
    struct hosts h = {.n = 0};

    su_home_init(h.home);
    know_core(&h, s, in);
    msg_sift(msg, sip, tells, &h);
    su_home_deinit(h.home);
}

char *route_charging(su_home_t *home, const char *host, const char *domain)
{
    unsigned char id[16];
    char hex[sizeof id * 3 + 1];

    rnd_bytes(id, sizeof id);
    enc_hex(id, sizeof id, 0, hex);
    return su_sprintf(home, "icid-value=\"%s\";icid-generated-at=%s;orig-ioi=\"Type 1%s\"", hex, host, domain);
}

void route_add(msg_t *msg, sip_t *sip, const char *name, const char *value)
{
    char *line = su_sprintf(msg_home(msg), "%s: %s", name, value);

    if (line)
        sip_add_make(msg, sip, sip_unknown_class, line);
}

void route_access(msg_t *msg, sip_t *sip, const char *ours)
{
    su_home_t home[1] = {SU_HOME_INIT(home)};
    const char *theirs = msg_value(home, sip, "P-Access-Network-Info");

    if (theirs && (strcasestr(theirs, "network-provided") || strlen(theirs) > SIP_VALUE_MAX))
        msg_remove(msg, sip, "P-Access-Network-Info");
    if (ours)
        route_add(msg, sip, "P-Access-Network-Info", su_sprintf(msg_home(msg), "%s;network-provided", ours));
    su_home_deinit(home);
}

void route_private(msg_t *msg, sip_t *sip)
{
    su_home_t home[1] = {SU_HOME_INIT(home)};
    const char *privacy = msg_value(home, sip, "Privacy");

    if (privacy && strcasestr(privacy, "id")) /* no other value of RFC 3323 has it in it */
        msg_remove(msg, sip, "P-Asserted-Identity");
    su_home_deinit(home);
}

void route_forward(msg_t *msg, sip_t *sip)
{
    strip(msg, sip, (const char *const[]){"Via", "Route", "Record-Route"}, 3);
    if (sip->sip_max_forwards) {
        sip->sip_max_forwards->mf_count--;
        msg_fragment_clear(sip->sip_max_forwards->mf_common);
    }
}
