/* One request through one next hop after the other until one takes it (RFC 3263 4.3): the same message in a new transaction. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include <utlist.h>

#include "alg/sip/core.h"
#include "alg/sip/core_tls.h"
#include "alg/sip/sip_limits.h"
#include "common/log.h"
#include "common/rnd.h"

static bool is_numeric(const char *host)
{
    struct in6_addr any;

    return host && (host[0] == '[' || inet_pton(AF_INET, host, &any) == 1 || inet_pton(AF_INET6, host, &any) == 1);
}

/* The number goes into maddr, so that Sofia looks nothing up, and without brackets, or it takes its first transport for it,
 * whatever the family. The name is what it looks for in the certificate. */
static url_string_t const *url_of(struct hop_try *t, const char *name, const struct addr *a, enum self_proto proto)
{
    static const char *const transports[] = {[SELF_UDP] = "udp", [SELF_TCP] = "tcp", [SELF_TLS] = "tls"};
    char host[ADDR_STRLEN], text[ADDR_STRLEN + 2];

    addr_host(a, host);
    snprintf(text, sizeof text, addr_is_v6(a) ? "[%s]" : "%s", host);
    snprintf(t->url, sizeof t->url, "sip:%s:%u;transport=%s;maddr=%s", proto == SELF_TLS && name[0] ? name : text, addr_port(a),
             transports[proto], host);
    return (url_string_t const *)t->url;
}

url_string_t const *hop_url(struct hop_try *t, const struct sip *s, const struct hop *hop)
{
    core_tls_dial(s->tls, hop->id);
    return url_of(t, hop->name, &hop->addr, hop->proto);
}

static void use(struct hop_try *t, const struct hop *hop)
{
    t->id = hop->id;
    if (t->n_tried < HOP_TRIES_MAX)
        t->tried[t->n_tried++] = hop->id;
    t->heard = false;
}

/* A Route by number: perhaps of somebody we know. */
static void by_number(struct hop_try *t, const url_t *to, url_string_t const **url)
{
    size_t n = strlen(to->url_host);
    struct sv host = {to->url_host, n};
    const char *port = url_port(to);
    char proto[8] = "";
    struct hop *hop;
    struct addr a;

    t->fixed = true;
    core_tls_dial(t->sip->tls, 0);
    if (n > 2 && host.p[0] == '[')
        host = (struct sv){host.p + 1, n - 2};
    if (addr_parse(&a, host, (uint16_t)(port ? atoi(port) : 5060)))
        return;
    hop = hops_by_addr(&t->sip->core->hops, &a, false);
    url_param(to->url_params, "transport", proto, sizeof proto);
    if (hop) {
        use(t, hop);
        *url = hop_url(t, t->sip, hop);
    } else if (addr_is_v6(&a)) {
        *url = url_of(t, "", &a, !strcasecmp(proto, "tls") || to->url_type == url_sips ? SELF_TLS : !strcasecmp(proto, "tcp") ? SELF_TCP : SELF_UDP);
    }
}

static struct hop *choose(struct hop_try *t, unsigned prefer, bool last_resort)
{
    struct hops_wish wish = {
        .tried = t->tried, .n_tried = t->n_tried, .prefer = prefer, .last_resort = last_resort, .chance = rnd_u32()};

    return hops_choose(&t->sip->core->hops, net_now_ms(), &wish);
}

int hop_take(struct hop_try *t, struct sip *s, const url_t *to, unsigned prefer, url_string_t const **url)
{
    const char *port = to ? url_port(to) : NULL;
    struct hop *hop;

    memset(t, 0, sizeof *t);
    t->sip = s;
    *url = NULL;
    if (to && to->url_host && (is_numeric(to->url_host) || s->resolve_routes)) {
        by_number(t, to, url);
        return 0;
    }
    hop = to && to->url_host
              ? hops_by_target(&s->core->hops, to->url_host, (uint16_t)(port && to->url_port ? atoi(port) : 0))
              : NULL;
    hop = choose(t, hop ? hop->id : prefer, true);
    if (!hop)
        return -EHOSTUNREACH;
    use(t, hop);
    *url = hop_url(t, s, hop);
    return 0;
}

url_string_t const *hop_any(struct hop_try *t, struct sip *s, const url_t *to, unsigned prefer)
{
    struct hops *h = &s->core->hops;
    url_string_t const *url;
    struct hop *hop;

    if (!hop_take(t, s, to, prefer, &url))
        return url;
    hop = hops_by_id(h, prefer);
    return hop || h->n ? hop_url(t, s, hop ? hop : &h->v[0]) : NULL;
}

void hop_sent(struct hop_try *t, nta_outgoing_t **orq, nta_response_f *cb, void *magic)
{
    struct core *c = t->sip->core;

    t->orq = orq;
    t->cb = cb;
    t->magic = magic;
    t->due = net_now_ms() + c->silent_ms;
    if (!t->listed && t->id) {
        t->listed = true;
        DL_APPEND(c->tries, t);
    }
}

void hop_over(struct hop_try *t)
{
    if (t->listed)
        DL_DELETE(t->sip->core->tries, t);
    t->listed = false;
}

/* The same request in a new transaction, for the old one. */
static const sip_t *anew(struct hop_try *t, url_string_t const *url)
{
    msg_t *old = nta_outgoing_getrequest(*t->orq), *msg = old ? msg_dup(old) : NULL;
    sip_t *sip = msg ? sip_object(msg) : NULL;
    nta_outgoing_t *orq = NULL;

    if (old)
        msg_destroy(old);
    if (sip) {
        msg_remove(msg, sip, "Via");
        orq = nta_outgoing_mcreate(t->sip->agents[SIP_MW].nta, t->cb, t->magic, url, msg, TAG_END());
    }
    if (!orq) {
        if (msg)
            msg_destroy(msg);
        return NULL;
    }
    nta_outgoing_destroy(*t->orq);
    *t->orq = orq;
    return sip;
}

/* To whom it has not been yet. false: there is nobody. */
static bool resend(struct hop_try *t, const char *why)
{
    struct sip *s = t->sip;
    struct hop *hop = t->n_tried < HOP_TRIES_MAX ? choose(t, 0, false) : NULL;
    const sip_t *sip = NULL;
    char text[ADDR_STRLEN];

    if (hop) {
        use(t, hop);
        sip = anew(t, hop_url(t, s, hop));
    }
    if (!sip)
        return false;
    count_add(&s->counts[SIP_C_FAILOVER], 1);
    log_info("core", "hop=%s msg=\"request goes to another next hop\" method=%s why=\"%s\"", addr_str(&hop->addr, text),
             sip->sip_request ? sip->sip_request->rq_method_name : "", why);
    sip_wire_sent(s, SIP_MW, *t->orq, NULL);
    hop_sent(t, t->orq, t->cb, t->magic);
    sip_wire_flush(s);
    return true;
}

/* Longer than any datagram: that it could not be sent says nothing of the next hop, and any browser can bring one. */
static bool is_too_long(const struct hop *hop, nta_outgoing_t *orq)
{
    msg_t *msg = hop->proto == SELF_UDP ? nta_outgoing_getrequest(orq) : NULL;
    su_home_t home[1] = {SU_HOME_INIT(home)};
    size_t n = 0;

    if (msg) {
        msg_as_string(home, msg, (msg_pub_t *)sip_object(msg), 0, &n);
        msg_destroy(msg);
    }
    su_home_deinit(home);
    return n > HOP_DATAGRAM_MAX;
}

bool hop_again(struct hop_try *t, nta_outgoing_t *orq, const sip_t *sip)
{
    struct core *c = t->sip ? t->sip->core : NULL;
    struct hop *hop = c ? hops_by_id(&c->hops, t->id) : NULL;
    int status = sip ? sip->sip_status->st_status : nta_outgoing_status(orq);
    bool internal = !sip || nta_sip_is_internal(sip), refused;

    if (!c || !t->id)
        return false;
    if (!internal) {
        if (!t->heard && hop)
            core_heard(c, hop, sip);
        else if (hop && status == 503)
            core_heard(c, hop, sip);
        t->heard = true;
        hop_over(t);
    }
    if (status < 200)
        return false;
    hop_over(t);
    refused = internal && status != 408;
    if (refused && !t->heard && hop && is_too_long(hop, orq))
        return false;
    if (internal && !t->heard && hop)
        core_unheard(c, hop, refused ? "cannot be reached" : NULL);
    if (t->fixed || t->stay || (internal ? t->heard || (status != 408 && status != 503) : status != 503))
        return false;
    return resend(t, !internal ? "503" : refused ? "cannot be reached" : "no answer");
}

/* Sofia ends nothing by order: over a transport that there is not it answers 503 by itself, from its own loop. */
static void fail(struct hop_try *t)
{
    hop_over(t);
    t->id = 0;
    anew(t, URL_STRING_MAKE("sip:127.0.0.1;transport=none"));
}

void hop_try_refused(struct core *c, unsigned id, const char *why)
{
    struct hop_try *t, *tmp;

    DL_FOREACH_SAFE(c->tries, t, tmp)
        if (t->id == id && (t->stay || t->fixed || !resend(t, why)))
            fail(t);
}

/* RFC 3261 17.1.1.2 waits 32 s; a browser does not. Only when there is another one that is well. */
void hop_try_tick(struct core *c, msec_t now)
{
    struct hop_try *t, *tmp;

    DL_FOREACH_SAFE(c->tries, t, tmp) {
        struct hop *hop = hops_by_id(&c->hops, t->id);

        if (now < t->due || t->stay || t->fixed)
            continue;
        t->due = now + c->silent_ms;
        if (!choose(t, 0, false))
            continue;
        if (hop)
            core_unheard(c, hop, NULL);
        resend(t, "no answer");
    }
}
