/* OPTIONS to each next hop (RFC 3261 11): any answer says that it lives; several without one, that it does not. */
#include <stdlib.h>

#include <utlist.h>

#include "alg/sip/core.h"
#include "common/log.h"
#include "common/rnd.h"

#define FIRST_MS 200 /* of several, or over TLS: soon, so that the first call finds one that is well */
#define AGAIN_MS 500 /* after a loss */

struct probe {
    struct probe *prev, *next;
    struct core *core;
    unsigned id;
    msec_t due;
    nta_outgoing_t *orq;
};

static void probe_free(struct probe *p)
{
    struct hop *hop = hops_by_id(&p->core->hops, p->id);

    if (hop)
        hop->probing = false;
    DL_DELETE(p->core->probes, p);
    if (p->orq)
        nta_outgoing_destroy(p->orq);
    free(p);
}

void hop_live_free(struct core *c)
{
    while (c->probes)
        probe_free(c->probes);
}

static void over(struct probe *p, const sip_t *answer, const char *refused)
{
    struct core *c = p->core;
    struct hop *hop = hops_by_id(&c->hops, p->id);

    if (hop && answer)
        core_heard(c, hop, answer);
    else if (hop)
        core_unheard(c, hop, refused);
    if (hop)
        hop->probe_at = net_now_ms() + (hop->lost && !hop->down ? AGAIN_MS : c->options_ms);
    probe_free(p); /* and with it the answer */
}

static int on_answer(void *magic, nta_outgoing_t *orq, const sip_t *sip)
{
    struct probe *p = magic;
    bool internal = !sip || nta_sip_is_internal(sip);
    int status = sip ? sip->sip_status->st_status : nta_outgoing_status(orq);

    sip_wire_flush(p->core->sip);
    if (status >= 200)
        over(p, internal ? NULL : sip, internal && status == 503 ? "cannot be reached" : NULL);
    return 0;
}

static void ask(struct core *c, struct hop *hop, msec_t now)
{
    struct sip *s = c->sip;
    struct probe *p = calloc(1, sizeof *p);
    struct self_how how = {hop->proto, addr_is_v6(&hop->addr)};
    char own[SELF_URI_MAX], from[SELF_URI_MAX + 2], to[ADDR_STRLEN + 16], uri[ADDR_STRLEN + 8], text[ADDR_STRLEN];
    struct hop_try t;

    hop->probe_at = now + c->options_ms;
    if (!p)
        return;
    p->core = c;
    p->id = hop->id;
    p->due = now + c->silent_ms;
    DL_APPEND(c->probes, p);
    hop->probing = true;
    snprintf(uri, sizeof uri, "sip:%s", addr_str(&hop->addr, text));
    snprintf(to, sizeof to, "<%s>", uri);
    snprintf(from, sizeof from, "<%s>", self_uri(own, s, "alg", how));
    p->orq = nta_outgoing_tcreate(s->agents[SIP_MW].leg, on_answer, p, hop_url(&t, s, hop), SIP_METHOD_OPTIONS,
                                  (url_string_t *)uri, SIPTAG_FROM_STR(from), SIPTAG_TO_STR(to), SIPTAG_CONTACT_STR(from),
                                  SIPTAG_ACCEPT_STR("application/sdp"), SIPTAG_USER_AGENT_STR(s->agent_name), TAG_END());
    if (!p->orq) {
        over(p, NULL, "cannot be reached");
        return;
    }
    count_add(&s->counts[SIP_C_OUT], 1);
    sip_wire_sent(s, SIP_MW, p->orq, NULL);
}

void hop_live_refused(struct core *c, unsigned id, const char *why)
{
    struct probe *p, *tmp;

    DL_FOREACH_SAFE(c->probes, p, tmp)
        if (p->id == id)
            over(p, NULL, why);
}

void hop_live_tick(struct core *c, msec_t now)
{
    struct probe *p, *tmp;

    if (!c->options_ms)
        return;
    DL_FOREACH_SAFE(c->probes, p, tmp)
        if (now >= p->due)
            over(p, NULL, NULL);
    for (unsigned i = 0; i < c->hops.n; i++) {
        struct hop *hop = &c->hops.v[i];

        if (!hop->probe_at)
            hop->probe_at = now + (c->hops.n > 1 || hop->proto == SELF_TLS ? FIRST_MS + rnd_u32() % FIRST_MS : c->options_ms);
        if (!hop->probing && now >= hop->probe_at && now >= hop->barred_until)
            ask(c, hop, now);
    }
}
