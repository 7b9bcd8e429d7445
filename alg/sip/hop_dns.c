/* Names of next hops (RFC 3263 4): NAPTR, SRV, A and AAAA through Sofia's resolver, again when they expire. What cannot be
 * looked up any more stays as it was. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include <utlist.h>

#include "alg/sip/core.h"
#include "common/log.h"

#define SRES_CONTEXT_T struct question
struct question;
#include <sofia-resolv/sres.h>
#include <sofia-resolv/sres_record.h>
#include <sofia-sip/sresolv.h>

#define AGAIN_MS 10000   /* after an answer that does not do */
#define QUESTIONS_MAX 40 /* of one look-up: whoever answers may not make us ask for ever */

struct question {
    struct question *prev, *next;
    struct name *of;
    uint16_t type;
    enum self_proto proto;
    unsigned prio, weight;
    uint16_t port;
    char domain[HOP_NAME_MAX];
};

struct name { /* one entry of next_hop */
    struct hop_dns *dns;
    unsigned entry;
    char host[HOP_NAME_MAX], at[HOP_NAME_MAX]; /* at: maddr, where to send; else as host */
    bool sips, numeric, has_proto, fell_back;
    enum self_proto proto;
    uint16_t port;
    struct hop list[HOPS_MAX];
    unsigned n, pending, asked;
    uint32_t ttl;
    msec_t next_at;
    bool ok, failed; /* ever; the last time */
};

struct hop_dns {
    struct core *core;
    sres_resolver_t *res;
    struct question *questions; /* asked */
    struct name names[SIP_NEXT_MAX];
    unsigned n;
};

/* --- what comes of it --- */

static void add(struct name *e, const struct addr *a, const struct question *q)
{
    const struct sip *s = e->dns->core->sip;
    struct hop *hop = &e->list[e->n];
    bool family = false;

    for (unsigned i = 0; i < s->n_selfs; i++)
        family = family || (addr_is_v6(&s->selfs[i].at) == addr_is_v6(a) && s->selfs[i].tls == (q->proto == SELF_TLS));
    if (!family || e->n == HOPS_MAX)
        return;
    *hop = (struct hop){.addr = *a, .proto = q->proto, .prio = q->prio * 2 + !addr_is_v6(a), .weight = q->weight};
    for (unsigned i = 0; i < e->n; i++)
        if (e->list[i].proto == hop->proto && addr_eq(&e->list[i].addr, a))
            return;
    snprintf(hop->name, sizeof hop->name, "%s", e->host);
    snprintf(hop->target, sizeof hop->target, "%s", q->domain);
    e->n++;
}

static void ask(struct name *e, uint16_t type, const struct question *like);

static uint16_t default_port(enum self_proto proto)
{
    return proto == SELF_TLS ? 5061 : 5060;
}

static void ask_addresses(struct name *e, const struct question *like)
{
    ask(e, sres_type_a, like);
    ask(e, sres_type_aaaa, like);
}

static void done(struct name *e)
{
    struct core *c = e->dns->core;
    struct question q = {.of = e, .proto = e->proto, .port = e->port ? e->port : default_port(e->proto)};
    uint32_t ttl = e->ttl < HOP_TTL_MIN_S ? HOP_TTL_MIN_S : e->ttl > HOP_TTL_MAX_S ? HOP_TTL_MAX_S : e->ttl;

    if (!e->n && !e->fell_back && !e->port) { /* RFC 3263 4.2: neither NAPTR nor SRV */
        e->fell_back = true;
        snprintf(q.domain, sizeof q.domain, "%s", e->at);
        ask_addresses(e, &q);
        if (e->pending)
            return;
    }
    if (!e->n) {
        e->next_at = net_now_ms() + AGAIN_MS;
        if (!e->failed)
            log_error("core", "next_hop=%s msg=\"no address found for it\" do=\"check the name, its NAPTR, SRV, A and AAAA records and "
                      "/etc/resolv.conf, or write an address into next_hop\" kept=%u", e->host, e->ok ? c->hops.n : 0);
        e->failed = true;
        return;
    }
    if (!e->ok || e->failed)
        log_info("core", "next_hop=%s msg=\"resolved\" addresses=%u ttl=%u", e->host, e->n, ttl);
    e->next_at = net_now_ms() + (msec_t)ttl * 1000;
    e->ok = true;
    e->failed = false;
    hops_set(&c->hops, e->entry, e->list, e->n);
    core_hops(c);
}

/* --- answers --- */

static void on_addresses(struct question *q, sres_record_t **answers)
{
    struct name *e = q->of;
    struct addr a;
    char text[INET6_ADDRSTRLEN];

    for (unsigned i = 0; answers && answers[i]; i++) {
        const sres_common_t *r = answers[i]->sr_record;

        if (r->r_status || (r->r_type != sres_type_a && r->r_type != sres_type_aaaa))
            continue;
        if (r->r_type == sres_type_a)
            inet_ntop(AF_INET, &answers[i]->sr_a->a_addr, text, sizeof text);
        else
            inet_ntop(AF_INET6, &answers[i]->sr_aaaa->aaaa_addr, text, sizeof text);
        if (r->r_ttl < e->ttl)
            e->ttl = r->r_ttl;
        if (!addr_parse(&a, sv_from(text), q->port))
            add(e, &a, q);
    }
}

static void on_srv(struct question *q, sres_record_t **answers)
{
    struct name *e = q->of;

    for (unsigned i = 0; answers && answers[i]; i++) {
        const sres_srv_record_t *r = answers[i]->sr_srv;
        struct question next = *q;

        if (r->srv_record->r_status || r->srv_record->r_type != sres_type_srv || !r->srv_target || !strcmp(r->srv_target, "."))
            continue;
        if (r->srv_record->r_ttl < e->ttl)
            e->ttl = r->srv_record->r_ttl;
        next.prio = q->prio << 16 | r->srv_priority;
        next.weight = r->srv_weight;
        next.port = r->srv_port;
        snprintf(next.domain, sizeof next.domain, "%s", r->srv_target);
        next.domain[strcspn(next.domain, " ")] = 0;
        if (next.domain[0] && next.domain[strlen(next.domain) - 1] == '.')
            next.domain[strlen(next.domain) - 1] = 0;
        ask_addresses(e, &next);
    }
}

static void ask_srv(struct name *e, enum self_proto proto, unsigned prio, const char *domain)
{
    static const char *const services[] = {[SELF_UDP] = "_sip._udp.", [SELF_TCP] = "_sip._tcp.", [SELF_TLS] = "_sips._tcp."};
    struct question q = {.of = e, .proto = proto, .prio = prio};
    int n = snprintf(q.domain, sizeof q.domain, "%s%s", domain ? "" : services[proto], domain ? domain : e->at);

    if (n > 0 && (size_t)n < sizeof q.domain)
        ask(e, sres_type_srv, &q);
}

static bool service(const struct name *e, const char *text, enum self_proto *proto)
{
    static const struct {
        const char *name;
        enum self_proto proto;
    } rows[] = {{"SIP+D2U", SELF_UDP}, {"SIP+D2T", SELF_TCP}, {"SIPS+D2T", SELF_TLS}};

    for (unsigned i = 0; text && i < ARRAY_LEN(rows); i++)
        if (!strcasecmp(text, rows[i].name) && (!e->sips || rows[i].proto == SELF_TLS)) {
            *proto = rows[i].proto;
            return true;
        }
    return false;
}

static void on_naptr(struct question *q, sres_record_t **answers)
{
    struct name *e = q->of;
    unsigned found = 0;

    for (unsigned i = 0; answers && answers[i]; i++) {
        const sres_naptr_record_t *r = answers[i]->sr_naptr;
        enum self_proto proto;

        if (r->na_record->r_status || r->na_record->r_type != sres_type_naptr || !r->na_flags ||
            strcasecmp(r->na_flags, "s") != 0 || !service(e, r->na_services, &proto) || !r->na_replace ||
            !r->na_replace[0])
            continue;
        if (proto == SELF_TLS && self_for(e->dns->core->sip, (struct self_how){SELF_TLS, false})->tls == false)
            continue;
        if (r->na_record->r_ttl < e->ttl)
            e->ttl = r->na_record->r_ttl;
        ask_srv(e, proto, found++, r->na_replace);
    }
    if (found)
        return;
    for (unsigned i = 0; i < 3; i++) { /* RFC 3263 4.1: what we can, in our order */
        static const enum self_proto order[] = {SELF_UDP, SELF_TCP, SELF_TLS};

        if (order[i] != SELF_TLS ? !e->sips : self_for(e->dns->core->sip, (struct self_how){SELF_TLS, false})->tls)
            ask_srv(e, order[i], i, NULL);
    }
}

static void question_free(struct hop_dns *d, struct question *q)
{
    DL_DELETE(d->questions, q);
    free(q);
}

static void on_answer(struct question *q, sres_query_t *query, sres_record_t **answers)
{
    struct name *e = q->of;

    (void)query;
    if (answers)
        sres_sort_answers(e->dns->res, answers);
    if (q->type == sres_type_naptr)
        on_naptr(q, answers);
    else if (q->type == sres_type_srv)
        on_srv(q, answers);
    else
        on_addresses(q, answers);
    sres_free_answers(e->dns->res, answers);
    question_free(e->dns, q);
    if (--e->pending == 0)
        done(e);
}

static void ask(struct name *e, uint16_t type, const struct question *like)
{
    struct question *q = e->asked < QUESTIONS_MAX && e->dns->res ? malloc(sizeof *q) : NULL;
    struct addr a;

    if ((type == sres_type_a || type == sres_type_aaaa) && !addr_parse(&a, sv_from(like->domain), like->port)) {
        if (type == sres_type_a) /* no name after all: nothing of it waits for a resolver */
            add(e, &a, like);
        free(q);
        return;
    }
    if (!q)
        return;
    *q = *like;
    q->of = e;
    q->type = type;
    DL_APPEND(e->dns->questions, q);
    e->asked++;
    if (sres_query(e->dns->res, on_answer, q, type, q->domain))
        e->pending++;
    else
        question_free(e->dns, q);
}

/* --- asking --- */

static void look_up(struct name *e)
{
    struct question q = {.of = e, .proto = e->proto, .port = e->port ? e->port : default_port(e->proto)};

    e->n = e->asked = 0;
    e->ttl = HOP_TTL_MAX_S;
    e->fell_back = false;
    e->next_at = net_now_ms() + HOP_TTL_MAX_S * 1000;
    e->pending = 1; /* done only when all is asked */
    snprintf(q.domain, sizeof q.domain, "%s", e->at);
    if (e->numeric || e->port)
        ask_addresses(e, &q);
    else if (e->has_proto)
        ask_srv(e, e->proto, 0, NULL);
    else
        ask(e, sres_type_naptr, &q);
    if (--e->pending == 0)
        done(e);
}

void hop_dns_tick(struct hop_dns *d, msec_t now)
{
    for (unsigned i = 0; i < d->n; i++)
        if (!d->names[i].pending && !(d->names[i].numeric && d->names[i].ok) && now >= d->names[i].next_at)
            look_up(&d->names[i]);
}

static bool unbracket(char *host)
{
    size_t n = strlen(host);
    struct addr a;

    if (n > 2 && host[0] == '[' && host[n - 1] == ']') {
        memmove(host, host + 1, n - 2);
        host[n - 2] = 0;
    }
    return !addr_parse(&a, sv_from(host), 0);
}

static int name_read(struct name *e, struct hop_dns *d, unsigned entry, const char *text)
{
    su_home_t home[1] = {SU_HOME_INIT(home)};
    const url_t *url = url_make(home, text);
    char proto[8] = "";
    int err = url && url->url_host && (url->url_type == url_sip || url->url_type == url_sips) ? 0 : -EINVAL;

    *e = (struct name){.dns = d, .entry = entry};
    if (!err) {
        e->sips = url->url_type == url_sips;
        snprintf(e->host, sizeof e->host, "%s", url->url_host);
        if (url_param(url->url_params, "maddr", e->at, sizeof e->at) <= 0)
            memcpy(e->at, e->host, sizeof e->at);
        unbracket(e->host);
        e->numeric = unbracket(e->at);
        e->port = url->url_port ? (uint16_t)atoi(url->url_port) : 0;
        e->has_proto = url_param(url->url_params, "transport", proto, sizeof proto) > 0 || e->sips;
        e->proto = e->sips || !strcasecmp(proto, "tls") ? SELF_TLS : !strcasecmp(proto, "tcp") ? SELF_TCP : SELF_UDP;
        if (proto[0] && strcasecmp(proto, "udp") && strcasecmp(proto, "tcp") && strcasecmp(proto, "tls"))
            err = -EINVAL;
    }
    su_home_deinit(home);
    if (err)
        log_error("core",
                  "next_hop=%s msg=\"not a next hop\" do=\"write sip:HOST, sip:HOST:PORT;transport=udp, tcp or tls\"",
                  text);
    return err;
}

int hop_dns_new(struct hop_dns **dp, struct core *c, const struct sip_conf *conf)
{
    struct hop_dns *d = calloc(1, sizeof *d);
    bool names = false;
    int err = 0;

    if (!d)
        return -ENOMEM;
    *dp = d;
    d->core = c;
    for (unsigned i = 0; i < conf->n_next_hop && i < SIP_NEXT_MAX && !err; i++, d->n++) {
        err = name_read(&d->names[i], d, i, conf->next_hop[i]);
        names = names || !d->names[i].numeric;
    }
    if (!err && !d->n)
        err = -EINVAL;
    if (!err && names) {
        d->res = sres_resolver_create(
            c->sip->root, conf->resolv_conf && *conf->resolv_conf ? conf->resolv_conf : "/etc/resolv.conf", TAG_END());
        err = d->res ? 0 : -ENOMEM;
    }
    for (unsigned i = 0; i < d->n && !err; i++)
        look_up(&d->names[i]);
    return err;
}

void hop_dns_free(struct hop_dns *d)
{
    if (!d)
        return;
    if (d->res)
        sres_resolver_destroy(d->res);
    while (d->questions)
        question_free(d, d->questions);
    free(d);
}

struct self_how hop_dns_guess(const struct hop_dns *d)
{
    return (struct self_how){d->names[0].proto, strchr(d->names[0].at, ':') != NULL};
}
