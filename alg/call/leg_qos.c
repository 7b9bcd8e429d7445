/* Preconditions on a leg of the core (RFC 3312; sip-sdp 2.5). Ours are always met: what a context has is reserved. */
#include <errno.h>
#include <stdlib.h>

#include "alg/call/call_fsm.h"
#include "alg/call/early_offer.h"

static bool has_tag(const struct sip_msg *m, const char *header, const char *tag)
{
    struct sv rest = sv_from(sip_msg_header(m, header));

    while (rest.n > 0)
        if (sv_iis(sv_trim(sv_cut(&rest, ',')), tag))
            return true;
    return false;
}

enum leg_qos leg_qos_of(const struct sip_msg *m)
{
    bool rel = has_tag(m, "Require", "100rel") || has_tag(m, "Supported", "100rel");

    if (has_tag(m, "Require", "precondition"))
        return rel ? LEG_QOS_REQUIRED : LEG_QOS_UNSURE;
    return rel && has_tag(m, "Supported", "precondition") ? LEG_QOS_SUPPORTED : LEG_QOS_NONE;
}

bool leg_wants_rel(const struct sip_msg *m)
{
    return has_tag(m, "Require", "100rel");
}

void leg_take_qos(struct leg *leg, const struct sip_msg *m)
{
    struct sv body = sip_msg_body(m);

    if (leg->side != SIP_MW || body.n == 0 || body.n > SDP_BODY_MAX)
        return;
    free(leg->asked);
    leg->asked = leg_qos_of(m) >= LEG_QOS_REQUIRED || leg_is_ahead(leg) ? strndup(body.p, body.n) : NULL;
}

bool leg_wants_qos(struct leg *leg, const struct sip_msg *m)
{
    if (leg->side != SIP_MW || leg->qos || !has_tag(m, "Require", "precondition"))
        return false;
    leg->qos = early_offer_promise(&leg->own) == 0;
    return leg->qos;
}

bool leg_is_ahead(const struct leg *leg)
{
    const struct call *call = leg->call;

    return leg == &call->near && leg->in && leg->in_invite && call->x && call->x->ahead;
}

void leg_offer_ahead(struct leg *leg, struct sip_in *in, const struct sip_msg *m)
{
    struct call *call = leg->call;
    struct sv body = sip_msg_body(m);
    const struct sip_hdr hdrs[] = {{"Require", "precondition"}, {NULL, NULL}};
    bool waits = early_offer_waits(body);
    int err = call_qos_offer(call, body);

    if (err) {
        leg_reject(in, &(struct leg_why){.status = err == -EPROTO ? 488 : err == -EBUSY ? 491 : 500,
                                         .warn = err == -EPROTO ? 399 : 0,
                                         .text = call->x->why.text});
        return;
    }
    leg_take_qos(leg, m);
    sdp_own_agree(&leg->own);
    sip_reply(in, 200, NULL, hdrs, sdp_own_body(&leg->own), NULL);
    if (!waits && call->fsm.state == CALL_QOS_WAITING)
        leg_event(leg, EV_QOS_MET, &(struct call_ev){0});
}
