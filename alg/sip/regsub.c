/* Subscriptions to the registration state of our users (RFC 3680, TS 24.229 5.2.3): when the core ends a registration, the
 * WIC's binding ends, too. One for each user that has bindings, one for each pilot; it goes when the last of them does. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include <utlist.h>

#include "alg/sip/reg_priv.h"
#include "alg/sip/reginfo.h"
#include "alg/sip/route.h"
#include "common/log.h"

#define EXPIRES_S 600000        /* longer than any registration; the core says how long it is */
#define AGAIN_MIN_MS 60000      /* after a refusal, doubled each time */
#define AGAIN_MAX_MS 3600000
#define LOST_MS 1000            /* the core forgot it: at once, but not in a circle */
#define LEAVE_MS 10000          /* a user without bindings may be one whose page is loaded again */
#define UNKNOWN_MS 3600000      /* a core that knows no reg event is not asked again so soon */
#define AFTER_RESTART_MS 1000   /* then one every ... */
#define PACE_MS 5

struct regsub {
    UT_hash_handle hh; /* by aor */
    struct reg *reg;
    char *aor, *impu, *route; /* impu: who is asked about; route: Service-Route of the first binding, NULL = none */
    nta_leg_t *leg;
    nta_outgoing_t *orq;
    struct hop_try hop;
    unsigned hop_id;    /* through whom it was taken */
    msec_t since;       /* of its dialog */
    msec_t next_at;     /* to refresh or to try again */
    msec_t leave_at;    /* when its user may be gone; MSEC_NEVER */
    msec_t pause;
    bool up, versioned;
    bool leaving;       /* SUBSCRIBE with Expires: 0 is under way */
    uint32_t version;
};

static void leg_free(struct regsub *u)
{
    hop_over(&u->hop);
    if (u->orq)
        nta_outgoing_destroy(u->orq);
    if (u->leg)
        nta_leg_destroy(u->leg); /* a NOTIFY from now on gets 481, which ends it over there (RFC 6665 4.1.3) */
    u->orq = NULL;
    u->leg = NULL;
    u->up = u->versioned = u->leaving = false;
}

static void regsub_free(struct regsub *u)
{
    HASH_DEL(u->reg->subs, u);
    leg_free(u);
    free(u->aor);
    free(u->impu);
    free(u->route);
    free(u);
}

void regsub_free_all(struct reg *r)
{
    while (r->subs)
        regsub_free(r->subs);
}

msec_t reg_oldest_dialog(const struct reg *r)
{
    msec_t oldest = MSEC_NEVER;

    for (const struct regsub *u = r->subs; u; u = u->hh.next)
        if (u->leg && u->since < oldest)
            oldest = u->since;
    return oldest;
}

/* --- what the core says --- */

/* What a WIC does itself its own answer settles; the NOTIFY may come before that. */
static bool is_busy(const struct reg *r, const struct binding *b)
{
    const struct enrol *e;

    DL_FOREACH(r->enrols, e)
        if (e->flow == b->pub.flow && uri_same(e->aor, b->aor))
            return true;
    return false;
}

static bool is_meant(const struct binding *b, const struct reginfo_contact *c)
{
    return c->uri[0] ? uri_same(b->contact, c->uri) : true;
}

static void apply(struct regsub *u, const struct reginfo_contact *c)
{
    struct reg *r = u->reg;
    struct binding *b, *tmp;
    msec_t until;

    for (unsigned i = 0; i < r->n_ways; i++)
        if (r->pbxs[i] && c->terminated && uri_same(r->ways[i].pilot, c->aor))
            pbx_ended(r->pbxs[i], c->event == REGINFO_DEACTIVATED || c->event == REGINFO_EXPIRED);
    DL_FOREACH_SAFE(r->store.list, b, tmp) {
        if (b->way == REG_WAY_PBX || !(uri_same(b->impu, c->aor) || uri_same(b->aor, c->aor)) || !is_meant(b, c) || is_busy(r, b))
            continue;
        until = net_now_ms() + (msec_t)c->expires * 1000;
        if (c->terminated) /* deactivated: it may register again at once (RFC 3680 4.3); else its user has to */
            reg_end(r, b, c->event == REGINFO_DEACTIVATED ? 1012 : 1000, "registration ended by the core");
        else if (c->event == REGINFO_SHORTENED && until < b->expires)
            b->expires = until;
    }
}

static void notified(struct regsub *u, const sip_t *sip)
{
    struct reginfo *info = calloc(1, sizeof *info);
    const sip_payload_t *pl = sip->sip_payload;
    const sip_subscription_state_t *state = sip->sip_subscription_state;
    int err = !info ? -ENOMEM : pl && pl->pl_len ? reginfo_read(info, (struct sv){pl->pl_data, pl->pl_len}) : -ENODATA;

    if (err && err != -ENODATA)
        log_warn("reg", "impu=%s msg=\"reginfo that cannot be read\" err=%d", u->impu, err);
    /* RFC 3680 5.1: an earlier one that was late. Full state of version 0 is taken: Kamailio counts nothing, and CSeq
     * keeps the order. */
    if (!err && u->versioned && info->version <= u->version && (info->version || !info->full))
        err = -ESTALE;
    if (!err) {
        u->version = info->version;
        u->versioned = true;
    }
    /* a contact says why (deactivated: come again), its registration does not */
    for (unsigned whole = 0; !err && whole < 2; whole++)
        for (unsigned i = 0; i < info->n; i++)
            if ((info->contacts[i].uri[0] ? 0 : 1) == whole)
                apply(u, &info->contacts[i]);
    free(info);
    if (state && state->ss_substate && !strcasecmp(state->ss_substate, "terminated")) {
        bool at_once = state->ss_reason &&
                       (!strcasecmp(state->ss_reason, "deactivated") || !strcasecmp(state->ss_reason, "timeout"));

        leg_free(u); /* RFC 6665 4.1.3: why tells when to come back */
        u->next_at = net_now_ms() + (at_once ? LOST_MS : AGAIN_MIN_MS);
    }
}

static int on_request(void *magic, nta_leg_t *leg, nta_incoming_t *irq, const sip_t *sip)
{
    struct regsub *u = magic;
    struct reg *r = u->reg;
    bool notify = sip->sip_request->rq_method == sip_method_notify;
    bool reg_event = sip->sip_event && sip->sip_event->o_type && !strcasecmp(sip->sip_event->o_type, "reg");

    (void)leg;
    sip_wire_flush(r->sip);
    count_add(&r->sip->counts[SIP_C_IN], 1);
    if (notify && reg_event && !nta_leg_get_rtag(u->leg) && sip->sip_from->a_tag)
        nta_leg_rtag(u->leg, sip->sip_from->a_tag); /* before its 200 */
    reg_reply(r, irq, !notify ? 501 : reg_event ? 200 : 489, NULL);
    if (notify && reg_event)
        notified(u, sip);
    return 0;
}

/* --- asking --- */

/* A core without the event package (RFC 6665 4.2.1: 489; others: 405, 501) is a core all the same. */
static void refused(struct regsub *u, int status)
{
    struct reg *r = u->reg;
    msec_t now = net_now_ms();
    bool was_up = u->up;

    if (status == 489 || status == 405 || status == 501) {
        if (now >= r->no_reg_event)
            log_info("reg", "msg=\"the core tells nothing of registrations: not asked for an hour\" status=%d", status);
        r->no_reg_event = now + UNKNOWN_MS;
        regsub_free(u);
        return;
    }
    log_info("reg", "impu=%s msg=\"no reg event subscription\" status=%d", u->impu, status);
    leg_free(u);
    u->pause = !u->pause ? AGAIN_MIN_MS : u->pause < AGAIN_MAX_MS / 2 ? u->pause * 2 : AGAIN_MAX_MS;
    u->next_at = now + (was_up ? LOST_MS : u->pause);
}

static int on_answer(void *magic, nta_outgoing_t *orq, const sip_t *sip)
{
    struct regsub *u = magic;
    int status = sip ? sip->sip_status->st_status : nta_outgoing_status(orq);
    unsigned expires;

    sip_wire_flush(u->reg->sip);
    if (hop_again(&u->hop, orq, sip) || status < 200)
        return 0;
    nta_outgoing_destroy(u->orq);
    u->orq = NULL;
    if (u->leaving) {
        regsub_free(u);
        return 0;
    }
    if (status / 100 == 2 && sip) {
        expires = sip->sip_expires ? (unsigned)sip->sip_expires->ex_delta : 3600;
        if (sip->sip_to->a_tag && !nta_leg_get_rtag(u->leg))
            nta_leg_rtag(u->leg, sip->sip_to->a_tag);
        nta_leg_client_route(u->leg, sip->sip_record_route, sip->sip_contact);
        u->up = true;
        u->pause = 0;
        u->hop_id = u->hop.id;
        u->next_at = net_now_ms() + (expires > 1200 ? (msec_t)(expires - 600) * 1000 : (msec_t)expires * 500); /* TS 24.229 5.1.1.3 */
        return 0;
    }
    refused(u, status);
    return 0;
}

static char *self_name(const struct sip *s, su_home_t *home)
{
    char uri[SELF_URI_MAX];

    return su_sprintf(home, "<%s>", self_uri(uri, s, "alg", out_how(s)));
}

static int leg_open(struct regsub *u)
{
    struct sip *s = u->reg->sip;
    su_home_t home[1] = {SU_HOME_INIT(home)};

    u->leg = nta_leg_tcreate(s->agents[SIP_MW].nta, on_request, u, SIPTAG_FROM_STR(self_name(s, home)),
                             SIPTAG_TO_STR(su_sprintf(home, "<%s>", u->impu)), TAG_END());
    su_home_deinit(home);
    u->since = net_now_ms();
    return u->leg && nta_leg_tag(u->leg, NULL) ? 0 : -ENOMEM;
}

static void subscribe(struct regsub *u)
{
    struct reg *r = u->reg;
    struct sip *s = r->sip;
    su_home_t home[1] = {SU_HOME_INIT(home)};
    url_string_t const *hop;
    sip_route_t *route = !u->up && u->route ? sip_route_make(home, u->route) : NULL;
    char *lines = su_sprintf(home, "P-Asserted-Identity: %s\r\nP-Charging-Vector: %s", self_name(s, home),
                             route_charging(home, self_host(s), r->domain));

    u->next_at = net_now_ms() + AGAIN_MIN_MS;
    if ((!u->leg && leg_open(u)) ||
        hop_take(&u->hop, s, u->up ? dlg_to(u->leg) : route ? route->r_url : NULL, u->up ? u->hop_id : 0, &hop)) {
        leg_free(u);
    } else {
        u->orq = nta_outgoing_tcreate(u->leg, on_answer, u, hop, SIP_METHOD_SUBSCRIBE,
                                      u->up ? NULL : (url_string_t *)u->impu, TAG_IF(route, SIPTAG_ROUTE(route)),
                                      SIPTAG_CONTACT_STR(self_name(s, home)), SIPTAG_EVENT_STR("reg"),
                                      SIPTAG_ACCEPT_STR("application/reginfo+xml"),
                                      SIPTAG_EXPIRES_STR(su_sprintf(home, "%u", u->leaving ? 0 : EXPIRES_S)),
                                      SIPTAG_USER_AGENT_STR(s->agent_name), SIPTAG_HEADER_STR(lines), TAG_END());
        if (u->orq) {
            hop_sent(&u->hop, &u->orq, on_answer, u);
            sip_wire_sent(s, SIP_MW, u->orq, NULL);
        }
    }
    su_home_deinit(home);
    sip_wire_flush(s);
}

static struct regsub *add(struct reg *r, const char *aor, const char *impu, const char *service_route)
{
    struct regsub *u = calloc(1, sizeof *u);

    if (!u)
        return NULL;
    u->reg = r;
    u->aor = strdup(aor);
    u->impu = strdup(impu);
    u->route = service_route ? strdup(service_route) : NULL;
    u->leave_at = MSEC_NEVER;
    if (!u->aor || !u->impu || (service_route && !u->route)) {
        free(u->aor);
        free(u->impu);
        free(u->route);
        free(u);
        return NULL;
    }
    HASH_ADD_KEYPTR(hh, r->subs, u->aor, strlen(u->aor), u);
    return u;
}

void regsub_need(struct reg *r, const char *aor, const char *impu, const char *service_route, bool restored)
{
    struct regsub *u;
    msec_t now = net_now_ms();

    if (!r->reg_event || now < r->no_reg_event)
        return;
    HASH_FIND_STR(r->subs, aor, u);
    if (u) {
        u->leave_at = MSEC_NEVER;
        return;
    }
    u = add(r, aor, impu, service_route);
    if (u && restored) /* one after the other, whoever was there before the restart */
        u->next_at = now + AFTER_RESTART_MS + HASH_COUNT(r->subs) * PACE_MS;
    else if (u)
        subscribe(u);
}

void regsub_leave(struct reg *r, const char *aor)
{
    struct regsub *u;

    HASH_FIND_STR(r->subs, aor, u);
    if (u)
        u->leave_at = net_now_ms() + LEAVE_MS;
}

static bool is_needed(const struct regsub *u)
{
    const struct reg *r = u->reg;

    for (unsigned i = 0; i < r->n_ways; i++)
        if (r->pbxs[i] && uri_same(r->ways[i].pilot, u->aor))
            return true;
    return store_count(&r->store, u->aor) > 0;
}

void regsub_tick(struct reg *r, msec_t now)
{
    struct regsub *u, *tmp;

    HASH_ITER(hh, r->subs, u, tmp) {
        if (u->orq || (now < u->next_at && now < u->leave_at))
            continue;
        if (is_needed(u)) {
            u->leave_at = MSEC_NEVER;
            if (now >= u->next_at)
                subscribe(u);
        } else if (u->up && !u->leaving) {
            u->leaving = true; /* RFC 6665 4.1.2.3 */
            subscribe(u);
        } else {
            regsub_free(u);
        }
    }
}
