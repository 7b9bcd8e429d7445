/* REGISTER and MESSAGE: passed on as they are but for what the border asks (sip-sdp: B2BUA shape, 2.3). */
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include <utlist.h>

#include "alg/sip/agent.h"
#include "alg/sip/route.h"
#include "common/log.h"
#include "common/rnd.h"

struct relay {
    struct relay *prev, *next;
    struct sip *sip;
    enum sip_side from;
    sip_flow from_flow; /* W2: whose request it is */
    nta_incoming_t *irq;
    nta_outgoing_t *orq;
    struct hop_try hop;
    struct relay_h h;
};

static void relay_free(struct relay *r)
{
    DL_DELETE(r->sip->relays, r);
    hop_over(&r->hop);
    if (r->orq)
        nta_outgoing_destroy(r->orq);
    nta_incoming_destroy(r->irq);
    free(r);
}

void relay_free_all(struct sip *s)
{
    while (s->relays) {
        const char *lines = NULL;

        s->relays->h.answer(s->relays->h.arg, 503, NULL, NULL, NULL, &lines);
        relay_free(s->relays);
    }
}

static void relay_answer(struct relay *r, int status, const sip_t *in)
{
    msg_t *from = in ? nta_outgoing_getresponse(r->orq) : NULL;
    msg_t *back = from ? msg_dup(from) : NULL;
    sip_t *sip = back ? sip_object(back) : NULL;
    const char *lines = NULL;
    char after[32];
    int other;

    if (sip && r->from == SIP_W2)
        route_hide(r->sip, in, back, sip);
    if (sip)
        msg_remove(back, sip, "Via"), msg_remove(back, sip, "Record-Route");
    other = r->h.answer(r->h.arg, status, sip ? in : NULL, back, sip, &lines);
    if (!other && (!sip || (status == 503 && r->from == SIP_W2)))
        other = status;
    if (other == 503 && r->from == SIP_W2 && !lines) { /* ours: the core's is about its next hops */
        snprintf(after, sizeof after, "Retry-After: %u", sip_core_wait(r->sip));
        lines = after;
    }
    if (!other && nta_incoming_complete_response(r->irq, back, status, in->sip_status->st_phrase, TAG_END()) >= 0) {
        nta_incoming_mreply(r->irq, back);
        back = NULL;
    } else {
        other = other ? other : 500;
        nta_incoming_treply(r->irq, other, msg_phrase(other), TAG_IF(lines, SIPTAG_HEADER_STR(lines)),
                            SIPTAG_SERVER_STR(r->sip->agent_name), TAG_END());
    }
    if (back)
        msg_destroy(back);
    if (from)
        msg_destroy(from);
    sip_wire_sent(r->sip, r->from, NULL, r->irq);
    sip_wire_flush(r->sip);
    relay_free(r);
}

static int on_answer(void *magic, nta_outgoing_t *orq, const sip_t *sip)
{
    struct relay *r = magic;
    int status = sip ? sip->sip_status->st_status : nta_outgoing_status(orq);

    sip_wire_flush(r->sip);
    count_add(&r->sip->counts[SIP_C_IN], 1);
    if (!hop_again(&r->hop, orq, sip) && status >= 200)
        relay_answer(r, status, sip && !nta_sip_is_internal(sip) ? sip : NULL);
    return 0;
}

static int relay_copy(struct relay *r, enum sip_side to, const char *uri, msg_t **out)
{
    msg_t *in = nta_incoming_getrequest(r->irq);
    msg_t *msg = in ? msg_dup(in) : NULL;
    sip_t *sip = msg ? sip_object(msg) : NULL;
    sip_request_t *rq;
    int status = 500;

    if (!sip)
        goto out;
    route_forward(msg, sip);
    if (to == SIP_W2)
        route_hide(r->sip, sip_object(in), msg, sip);
    if (uri) {
        rq = sip_request_create(msg_home(msg), sip->sip_request->rq_method, sip->sip_request->rq_method_name,
                                (url_string_t const *)uri, NULL);
        if (!rq || msg_header_replace(msg, (msg_pub_t *)sip, (msg_header_t *)sip->sip_request, (msg_header_t *)rq) < 0)
            goto out;
    }
    status = r->h.edit(r->h.arg, msg, sip);
out:
    if (in)
        msg_destroy(in);
    if (status && msg)
        msg_destroy(msg);
    else if (!status)
        *out = msg;
    return status;
}

/* A silent core answers nothing for 32 s: no browser, registered or not, may pile up requests meanwhile. */
static bool is_one_too_many(const struct relay *r)
{
    const struct relay *other;
    unsigned n = 0;

    DL_FOREACH(r->sip->relays, other)
        n += other->from == SIP_W2 && other->from_flow == r->from_flow;
    return r->from == SIP_W2 && n > RELAYS_PER_FLOW_MAX;
}

void relay_request(struct agent *from, nta_incoming_t *irq, enum sip_side to, sip_flow flow, const char *uri,
                   const struct relay_h *h)
{
    struct sip *s = from->sip;
    struct relay *r = calloc(1, sizeof *r);
    tport_t *tp = to == SIP_W2 ? bridge_tport(s->bridge, flow) : NULL;
    const char *lines = NULL;
    msg_t *msg = NULL;
    int status;

    if (!r) {
        h->answer(h->arg, 503, NULL, NULL, NULL, &lines);
        nta_incoming_destroy(irq);
        return;
    }
    r->sip = s;
    r->from = from->side;
    r->from_flow = from->side == SIP_W2 ? bridge_flow(s->bridge, irq, NULL) : 0;
    r->irq = irq;
    r->h = *h;
    DL_APPEND(s->relays, r);
    status = is_one_too_many(r) ? 503 : to == SIP_W2 && !tp ? 480 : relay_copy(r, to, uri, &msg);
    if (!status) {
        const sip_t *sip = sip_object(msg);
        url_string_t const *hop = NULL;

        if (tp || !hop_take(&r->hop, s, sip->sip_route ? sip->sip_route->r_url : NULL, 0, &hop))
            r->orq = nta_outgoing_mcreate(s->agents[to].nta, on_answer, r, hop, msg, TAG_IF(tp, NTATAG_TPORT(tp)), TAG_END());
        if (!r->orq) {
            msg_destroy(msg);
            status = 503;
        } else if (!tp) {
            hop_sent(&r->hop, &r->orq, on_answer, r);
        }
        sip_wire_sent(s, to, r->orq, NULL);
    }
    count_add(&s->counts[SIP_C_RELAYED], 1);
    sip_wire_flush(s);
    if (status)
        relay_answer(r, status, NULL);
}

/* --- MESSAGE (RFC 3428) --- */

struct message {
    struct sip *sip;
    enum sip_side to;
    char *identity, *route; /* of the WIC, towards the core */
};

/* A WIC that logged in here has an address of its own; the core knows its identity. Privacy stays (RFC 3323). */
static void from_identity(msg_t *msg, sip_t *sip, const char *identity)
{
    const char *host = sip->sip_from->a_url->url_host, *tag = sip->sip_from->a_tag;
    sip_from_t *from;

    if (host && strcasecmp(host, "anonymous.invalid") == 0)
        return;
    from = sip_from_make(msg_home(msg), su_sprintf(msg_home(msg), "%s%s%s", identity, tag ? ";tag=" : "", tag ? tag : ""));
    if (from && sip->sip_from->a_display)
        from->a_display = su_strdup(msg_home(msg), sip->sip_from->a_display);
    if (from)
        msg_header_replace(msg, (msg_pub_t *)sip, (msg_header_t *)sip->sip_from, (msg_header_t *)from);
}

static int message_edit(void *arg, msg_t *msg, sip_t *sip)
{
    struct message *m = arg;
    char id[25];

    /* Call-IDs have host names in them, and nobody needs to know of the other side's. */
    rnd_text(id, sizeof id - 1);
    msg_remove(msg, sip, "Call-ID");
    sip_add_make(msg, sip, sip_call_id_class, id);
    msg_remove(msg, sip, "Contact"); /* RFC 3428: a MESSAGE has none */
    if (m->to == SIP_W2) {
        route_strip_to_wic(msg, sip);
        route_private(msg, sip);
        return 0;
    }
    route_strip_from_wic(msg, sip);
    msg_remove(msg, sip, "P-Preferred-Identity");
    msg_remove(msg, sip, "Authorization"); /* a web token must not leave (RFC 8898) */
    from_identity(msg, sip, m->identity);
    route_add(msg, sip, "P-Asserted-Identity", m->identity);
    route_add(msg, sip, "P-Charging-Vector", route_charging(msg_home(msg), self_host(m->sip), reg_domain(m->sip->reg)));
    route_access(msg, sip, reg_access_info(m->sip->reg));
    if (m->route)
        sip_add_make(msg, sip, sip_route_class, m->route);
    return 0;
}

static int message_answer(void *arg, int status, const sip_t *in, msg_t *msg, sip_t *sip, const char **lines)
{
    struct message *m = arg;

    (void)status;
    (void)in;
    (void)lines;
    if (sip) {
        msg_remove(msg, sip, "Call-ID"); /* that of its request */
        msg_remove(msg, sip, "Contact");
    }
    if (sip && m->to == SIP_W2) { /* an answer claims no more than a request (TS 24.229 5.2.6.4) */
        route_strip_from_wic(msg, sip);
        msg_remove(msg, sip, "P-Preferred-Identity");
        if (m->identity)
            route_add(msg, sip, "P-Asserted-Identity", m->identity);
        route_access(msg, sip, reg_access_info(m->sip->reg));
    }
    if (sip && m->to == SIP_MW) {
        route_strip_to_wic(msg, sip);
        route_private(msg, sip);
        msg_remove(msg, sip, "From"); /* the WIC's own again: from its request */
    }
    free(m->identity);
    free(m->route);
    free(m);
    return 0;
}

static int message_to_core(struct message *m, const sip_t *sip, sip_flow flow)
{
    su_home_t home[1] = {SU_HOME_INIT(home)};
    const struct reg_binding *b;
    struct sip_msg view;
    const char *preferred = msg_value(home, sip, "P-Preferred-Identity");
    char *from = url_as_string(home, sip->sip_from->a_url);
    const char *id;
    char *text;

    msg_open(&view, m->sip, SIP_W2, flow, sip);
    b = reg_by_sender(m->sip->reg, &view);
    msg_close(&view);
    id = b ? reg_identity(b, preferred ? preferred : from) : NULL;
    text = id ? su_sprintf(home, "<%s>", id) : NULL;
    m->identity = text ? strdup(text) : NULL;
    m->route = b && b->service_route ? strdup(b->service_route) : NULL;
    su_home_deinit(home);
    return m->identity ? 0 : 403;
}

/* Whom of the WIC the core wanted (P-Called-Party-ID), for the answer; NULL: no memory. */
static char *called_identity(const struct reg_binding *b, const sip_t *sip)
{
    su_home_t home[1] = {SU_HOME_INIT(home)};
    char *text = su_sprintf(home, "<%s>", reg_identity(b, msg_value(home, sip, "P-Called-Party-ID")));
    char *identity = text ? strdup(text) : NULL;

    su_home_deinit(home);
    return identity;
}

void relay_message(struct agent *from, nta_incoming_t *irq, const sip_t *sip, sip_flow flow)
{
    struct message *m = calloc(1, sizeof *m);
    struct relay_h h = {message_edit, message_answer, m};
    const struct reg_binding *b[REG_PER_AOR_MAX];
    unsigned n, at = 0;
    struct sip_msg view;
    int status = m ? 0 : 500;

    if (m && from->side == SIP_W2) {
        m->sip = from->sip;
        m->to = SIP_MW;
        status = message_to_core(m, sip, flow);
        if (!status) {
            relay_request(from, irq, SIP_MW, 0, NULL, &h);
            return;
        }
    } else if (m) {
        m->sip = from->sip;
        m->to = SIP_W2;
        msg_open(&view, from->sip, SIP_MW, 0, sip);
        n = reg_by_request(from->sip->reg, &view, b, REG_PER_AOR_MAX);
        msg_close(&view);
        while (at < n && !b[at]->flow) /* whichever page is there */
            at++;
        status = !n ? 404 : at == n ? 480 : 0;
        if (!status) {
            m->identity = called_identity(b[at], sip);
            relay_request(from, irq, SIP_W2, b[at]->flow, b[at]->contact, &h);
            return;
        }
    }
    if (m)
        free(m->identity), free(m->route), free(m);
    nta_incoming_treply(irq, status, msg_phrase(status), TAG_END());
    nta_incoming_destroy(irq);
}
