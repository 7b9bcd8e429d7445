/* A WIC with its own IMS credentials: REGISTER and challenge are passed on (TR 23.701 6.1.2.1.1, TS 24.229 5.2.2). */
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "alg/sip/reg_priv.h"
#include "alg/sip/route.h"
#include "common/log.h"
#include "common/rnd.h"

/* --- WIC to core (sip-sdp 1.5) --- */

/* TS 24.229 5.2.2.2, 7.2A.2: what the core may believe of the hop that its challenge was answered on. A token is for us. */
static void protect(struct enrol *p, msg_t *msg, sip_t *sip)
{
    sip_authorization_t *au = sip->sip_authorization;
    const char *response, *value;
    struct addr peer;
    bool tls = false;

    if (au && (!au->au_scheme || strcasecmp(au->au_scheme, "Digest") != 0 || au->au_next)) {
        msg_remove(msg, sip, "Authorization");
        return;
    }
    if (!au)
        return;
    while (msg_header_remove_param(au->au_common, "integrity-protected") > 0)
        ; /* ours to say */
    response = msg_header_find_param(au->au_common, "response=");
    if (response && response[0] && strcmp(response, "\"\"") != 0) {
        bridge_peer(p->reg->sip->bridge, p->flow, &peer, &tls);
        if (enrol_is_bound(p))
            value = tls ? "tls-yes" : "ip-assoc-yes";
        else
            value = tls ? "tls-pending" : "ip-assoc-pending";
        msg_header_add_param(msg_home(msg), au->au_common, su_sprintf(msg_home(msg), "integrity-protected=\"%s\"", value));
    }
    msg_fragment_clear(au->au_common);
}

static int register_edit(void *arg, msg_t *msg, sip_t *sip)
{
    struct enrol *p = arg;
    struct reg *r = p->reg;
    struct sip *s = r->sip;

    route_strip_from_wic(msg, sip);
    msg_remove(msg, sip, "P-Preferred-Identity");
    protect(p, msg, sip);
    route_add(msg, sip, "Path", enrol_path(p, msg_home(msg)));
    msg_remove(msg, sip, "Require"); /* what the WIC requires of us was judged; outbound is seen in Supported */
    sip_add_make(msg, sip, sip_require_class, "path");
    if (!sip->sip_supported || !sip_has_feature(sip->sip_supported, "path"))
        sip_add_make(msg, sip, sip_supported_class, "path");
    route_add(msg, sip, "P-Visited-Network-ID", su_sprintf(msg_home(msg), "\"%s\"", r->domain));
    route_add(msg, sip, "P-Charging-Vector", route_charging(msg_home(msg), self_host(s), r->domain));
    route_access(msg, sip, r->access_info);
    p->sent = msg_dup(msg);
    return 0;
}

/* --- core to WIC (sip-sdp 1.6, 1.7) --- */

static void register_ok(struct enrol *p, const sip_t *in, msg_t *msg, sip_t *sip)
{
    struct grant g = {
        .contacts = in->sip_contact,
        .general = in->sip_expires ? (unsigned)in->sip_expires->ex_delta : p->expires,
        .service_route = msg_value(p->home, in, "Service-Route"),
        .associated = msg_value(p->home, in, "P-Associated-URI"),
    };
    char *list = enrol_ok(p, &g);

    if (p->contacts || p->star) {
        msg_remove(msg, sip, "Contact");
        if (list)
            sip_add_make(msg, sip, sip_contact_class, list);
    }
}

/* The keys of AKA are the P-CSCF's (TS 24.229 5.2.2): never to the browser. */
static void strip_keys(sip_t *sip)
{
    static const char *const keys[] = {"ik", "ck"};
    msg_auth_t *lists[] = {sip->sip_www_authenticate, sip->sip_proxy_authenticate};

    for (unsigned l = 0; l < ARRAY_LEN(lists); l++)
        for (msg_auth_t *au = lists[l]; au; au = au->au_next)
            for (unsigned k = 0; k < ARRAY_LEN(keys); k++)
                if (msg_header_remove_param(au->au_common, keys[k]) > 0)
                    msg_fragment_clear(au->au_common);
}

static int register_answer(void *arg, int status, const sip_t *in, msg_t *msg, sip_t *sip, const char **lines)
{
    struct enrol *p = arg;
    int other = 0;

    if (status == 200 && in) {
        register_ok(p, in, msg, sip);
    } else if (status == 401 || status == 407) {
        if (sip)
            strip_keys(sip);
    } else {
        other = reg_failed(p->reg, p->flow, p->aor, in ? status : 0, lines);
    }
    if (sip)
        route_strip_to_wic(msg, sip);
    if (sip && p->turn)
        sip_add_tl(msg, sip, SIPTAG_HEADER_STR(p->turn), TAG_END());
    enrol_free(p);
    return other;
}

void relay_register(struct enrol *p, nta_incoming_t *irq)
{
    struct relay_h h = {register_edit, register_answer, p};

    relay_request(&p->reg->sip->agents[SIP_W2], irq, SIP_MW, 0, NULL, &h);
}

/* A challenge cannot be answered by us, then the core's own timer ends it. */
void relay_take_back(struct reg *r, struct binding *b)
{
    struct sip *s = r->sip;
    msg_t *msg = b->request ? msg_dup(b->request) : NULL;
    sip_t *sip = msg ? sip_object(msg) : NULL;
    sip_cseq_t *cseq;
    struct hop_try hop;

    if (!sip)
        return;
    msg_remove(msg, sip, "Contact");
    msg_remove(msg, sip, "Expires");
    msg_remove(msg, sip, "Authorization"); /* the WIC's answer was for one request */
    msg_remove(msg, sip, "P-Charging-Vector");
    route_add(msg, sip, "P-Charging-Vector", route_charging(msg_home(msg), self_host(s), r->domain));
    sip_add_make(msg, sip, sip_contact_class, enrol_gone(b, msg_home(msg)));
    sip_add_make(msg, sip, sip_expires_class, "0");
    cseq = sip_cseq_create(msg_home(msg), sip->sip_cseq->cs_seq + 1, SIP_METHOD_REGISTER);
    if (cseq)
        msg_header_replace(msg, (msg_pub_t *)sip, (msg_header_t *)sip->sip_cseq, (msg_header_t *)cseq);
    nta_outgoing_destroy(nta_outgoing_mcreate(s->agents[SIP_MW].nta, NULL, NULL, hop_any(&hop, s, NULL, 0), msg, TAG_END()));
}
