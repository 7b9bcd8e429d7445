/* Early dialogs of an INVITE of ours, one for each To tag (RFC 3261 12.1.2, 13.2.2.4), and reliable provisional answers
 * (RFC 3262): theirs get their PRACK here, ours wait for it. 100rel is spoken on Mw only; browsers are never asked. */
#include <errno.h>
#include <stdlib.h>
#include <strings.h>

#include <utlist.h>

#include "alg/sip/agent.h"
#include "common/log.h"

struct sip_early {
    struct sip_early *prev, *next;
    nta_leg_t *leg;
    char *tag;
    uint32_t rseq; /* of the last 18x that was acknowledged; 0: none */
};

/* --- the callee's answers --- */

static void early_free(struct sip_dlg *d, struct sip_early *e)
{
    DL_DELETE(d->earlies, e);
    if (e->leg && e->leg != d->leg)
        nta_leg_destroy(e->leg);
    free(e->tag);
    free(e);
}

void early_free_all(struct sip_dlg *d)
{
    while (d->earlies)
        early_free(d, d->earlies);
}

static struct sip_early *find(const struct sip_dlg *d, const char *tag)
{
    struct sip_early *e;

    DL_FOREACH(d->earlies, e)
        if (!strcasecmp(e->tag, tag))
            return e;
    return NULL;
}

/* The leg of this answer's dialog: the one that sent the INVITE for the first of them, else one beside it. */
static nta_leg_t *leg_for(struct sip_dlg *d, const sip_t *sip)
{
    if (!nta_leg_get_rtag(d->leg))
        return nta_leg_rtag(d->leg, sip->sip_to->a_tag) ? d->leg : NULL;
    return nta_leg_tcreate(d->sip->agents[d->side].nta, dlg_on_request, d, SIPTAG_CALL_ID(sip->sip_call_id),
                           SIPTAG_FROM(sip->sip_from), SIPTAG_TO(sip->sip_to), SIPTAG_CSEQ(sip->sip_cseq), TAG_END());
}

static struct sip_early *early_of(struct sip_dlg *d, const sip_t *sip)
{
    struct sip_early *e = find(d, sip->sip_to->a_tag);
    unsigned n;

    if (e)
        return e;
    DL_COUNT(d->earlies, e, n);
    e = n < SIP_EARLY_MAX ? calloc(1, sizeof *e) : NULL;
    if (!e)
        return NULL;
    DL_APPEND(d->earlies, e);
    e->tag = strdup(sip->sip_to->a_tag);
    e->leg = e->tag ? leg_for(d, sip) : NULL;
    if (!e->leg) {
        early_free(d, e);
        return NULL;
    }
    nta_leg_client_reroute(e->leg, sip->sip_record_route, sip->sip_contact, 1);
    return e;
}

static void send_prack(struct sip_dlg *d, nta_leg_t *leg, const sip_t *sip)
{
    struct sip *s = d->sip;
    struct sip_out *out;
    sip_rack_t rack[1];

    if (out_start(NULL, s, d, d->side, d->flow, NULL, NULL, &out))
        return;
    sip_rack_init(rack);
    rack->ra_response = sip->sip_rseq->rs_response;
    rack->ra_cseq = sip->sip_cseq->cs_seq;
    rack->ra_method = sip->sip_cseq->cs_method;
    rack->ra_method_name = sip->sip_cseq->cs_method_name;
    out->orq =
        nta_outgoing_tcreate(leg, out_response, out, hop_any(&out->hop, s, dlg_to(leg), d->hop_id), SIP_METHOD_PRACK,
                             NULL, SIPTAG_RACK(rack), SIPTAG_USER_AGENT_STR(s->agent_name), TAG_END());
    if (out->orq) {
        hop_sent(&out->hop, &out->orq, out_response, out);
        sip_wire_sent(s, d->side, out->orq, NULL);
    } else {
        out_free(out);
    }
}

/* RFC 6228: the callee with that tag is out; its place is free for another. The leg of the INVITE itself stays. */
static void early_over(struct sip_dlg *d, const char *tag)
{
    struct sip_early *e = find(d, tag);

    if (e && e->leg != d->leg)
        early_free(d, e);
}

bool early_response(struct sip_out *out, const sip_t *sip)
{
    bool reliable = out->side == SIP_MW && sip->sip_rseq && sip_has_feature(sip->sip_require, "100rel");
    struct sip_dlg *d = out->dlg;
    nta_leg_t *leg = d->leg;
    uint32_t *last = &out->rseq, rseq;

    if (!sip->sip_to->a_tag) /* no dialog comes of it */
        return !reliable;
    if (sip->sip_status->st_status == 199 && !reliable) {
        if (!d->confirmed)
            early_over(d, sip->sip_to->a_tag);
        return true;
    }
    if (!d->confirmed) {
        struct sip_early *e = early_of(d, sip);

        if (!e) {
            log_warn("sip", "id=%s msg=\"early dialog not taken: there are %u\"", d->call_id, SIP_EARLY_MAX);
            return false;
        }
        leg = e->leg;
        last = &e->rseq;
    }
    if (!reliable)
        return true;
    rseq = sip->sip_rseq->rs_response;
    if (rseq == 0 || (*last && rseq != *last + 1)) /* RFC 3262 4: a repetition, or one before it is missing */
        return false;
    *last = rseq;
    send_prack(d, leg, sip);
    return true;
}

void early_settle(struct sip_dlg *d, const sip_t *sip)
{
    struct sip_early *e = sip->sip_to->a_tag ? find(d, sip->sip_to->a_tag) : NULL;
    nta_leg_t *leg = e ? e->leg : leg_for(d, sip);

    d->confirmed = true;
    if (!leg)
        return;
    d->leg = leg;
    early_free_all(d);
    nta_leg_client_reroute(leg, sip->sip_record_route, sip->sip_contact, 1); /* RFC 3261 13.2.2.4: computed anew */
}

/* --- our answers --- */

static void forget(struct sip_in *in, const nta_reliable_t *rel)
{
    unsigned n = 0;

    for (unsigned i = 0; i < in->n_rels; i++)
        if (in->rels[i] != rel)
            in->rels[n++] = in->rels[i];
    in->n_rels = n;
}

void rel_free_all(struct sip_in *in)
{
    for (unsigned i = 0; i < in->n_rels; i++)
        nta_reliable_destroy(in->rels[i]);
    in->n_rels = 0;
}

static void answer_prack(struct sip_in *in, nta_incoming_t *irq)
{
    nta_incoming_treply(irq, SIP_200_OK, SIPTAG_SERVER_STR(in->sip->agent_name), TAG_END());
    sip_wire_sent(in->sip, in->side, NULL, irq);
    nta_incoming_destroy(irq);
}

/* irq NULL: a final answer overtook it, or none came in 64*T1; then the INVITE's own callback follows. */
static int on_prack(void *magic, nta_reliable_t *rel, nta_incoming_t *irq, const sip_t *sip)
{
    struct sip_in *in = magic, *sub = NULL;
    struct sip *s = in->sip;
    struct sip_msg m;

    forget(in, rel);
    nta_reliable_destroy(rel);
    if (!irq) {
        in->expired = !in->answering;
        return 0;
    }
    sip_wire_flush(s);
    count_add(&s->counts[SIP_C_IN], 1);
    if (in_screen(&s->agents[in->side], irq, sip))
        return 0;
    if (in->prack && sip->sip_payload)
        sub = in_new(&s->agents[in->side], in->flow, irq, sip, in->dlg);
    if (!sub)
        answer_prack(in, irq);
    if (in->prack) {
        msg_open(&m, s, in->side, in->flow, sip);
        in->prack(in->prack_arg, sub, &m);
        msg_close(&m);
    }
    sip_wire_flush(s);
    return 0;
}

bool rel_wanted(const struct sip_in *in, int status, bool body)
{
    if (!in->invite || in->side != SIP_MW || !in->dlg || status <= 100 || status >= 200 || !in->supports_100rel)
        return false;
    /* An ordinary 18x would end Sofia's repeating of the reliable one before it. */
    return in->requires_100rel || body || in->n_rels > 0;
}

int rel_reply(struct sip_in *in, int status, const char *reason, const tagi_t *tags)
{
    nta_reliable_t *rel = NULL;

    if (in->n_rels < SIP_REL_MAX)
        rel = nta_reliable_treply(in->irq, on_prack, in, status, reason, TAG_NEXT(tags));
    if (!rel)
        return -EBUSY;
    in->rels[in->n_rels++] = rel;
    return 0;
}

void rel_expired(struct sip_in *in)
{
    void (*prack)(void *arg, struct sip_in *prack, const struct sip_msg *m) = in->prack;
    void (*ack)(void *arg, const struct sip_msg *m) = in->ack;
    void *prack_arg = in->prack_arg, *ack_arg = in->ack_arg;
    bool held = in->final; /* our 2xx, which never left */

    in->expired = false;
    in->overdue = true;
    in->prack = NULL;
    in->ack = NULL;
    in->cancelled = NULL;
    log_info("sip", "side=mw msg=\"no PRACK came\"");
    if (held) {
        in->final = false;
        sip_reply(in, 504, NULL, NULL, SV_NONE, NULL);
    }
    if (prack)
        prack(prack_arg, NULL, NULL);
    else if (held && ack)
        ack(ack_arg, NULL);
}

void sip_in_on_prack(struct sip_in *in, void (*prack)(void *arg, struct sip_in *prack, const struct sip_msg *m), void *arg)
{
    in->prack = prack;
    in->prack_arg = arg;
}

bool sip_in_is_reliable(const struct sip_in *in)
{
    return in->side == SIP_MW && in->supports_100rel;
}
