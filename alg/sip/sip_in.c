/* Server transactions: requests that wait for an answer (RFC 3261 8.2, 17.2). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include <utlist.h>

#include "alg/sip/agent.h"
#include "alg/sip/screen.h"
#include "common/log.h"

static void in_free(struct sip_in *in)
{
    DL_DELETE(in->sip->ins, in);
    rel_free_all(in);
    nta_incoming_destroy(in->irq);
    free(in);
}

static void in_acked(struct sip_in *in, const sip_t *sip)
{
    void (*ack)(void *arg, const struct sip_msg *m) = in->ack;
    void *arg = in->ack_arg;
    struct sip *s = in->sip;
    enum sip_side side = in->side;
    sip_flow flow = in->flow;
    struct sip_msg m;

    if (!in->final) { /* the transaction died before its answer: its transport is gone */
        in->ack = NULL;
        return;
    }
    in_free(in);
    if (!ack)
        return;
    if (!sip) {
        ack(arg, NULL);
        return;
    }
    msg_open(&m, s, side, flow, sip);
    ack(arg, &m);
    msg_close(&m);
}

static int on_ack_cancel(void *magic, nta_incoming_t *irq, const sip_t *sip)
{
    struct sip_in *in = magic;

    (void)irq;
    sip_wire_flush(in->sip);
    if (sip && sip->sip_request->rq_method == sip_method_cancel) {
        su_home_t home[1] = {SU_HOME_INIT(home)};
        void (*cancelled)(void *arg, const char *reason) = in->cancelled;

        in->cancelled = NULL;
        if (cancelled)
            cancelled(in->cancelled_arg, msg_value(home, sip, "Reason"));
        su_home_deinit(home);
        return 0; /* Sofia answers 487 when the callback did not */
    }
    if (!sip && in->expired)
        rel_expired(in);
    else
        in_acked(in, sip);
    return 0;
}

static uint64_t mix(uint64_t h, const char *text)
{
    for (; text && *text; text++)
        h = (h ^ (unsigned char)*text) * UINT64_C(0x100000001b3); /* FNV-1a */
    return (h ^ 0xff) * UINT64_C(0x100000001b3);
}

/* Call-ID, From tag and CSeq, and whom of ours it is for. */
static uint64_t merge_of(const sip_t *sip)
{
    const url_t *uri = sip->sip_request->rq_url, *route = sip->sip_route ? sip->sip_route->r_url : NULL;
    uint64_t h = mix(UINT64_C(0xcbf29ce484222325), sip->sip_call_id ? sip->sip_call_id->i_id : NULL);
    char cseq[16];

    snprintf(cseq, sizeof cseq, "%u", (unsigned)sip->sip_cseq->cs_seq);
    h = mix(mix(h, sip->sip_from->a_tag), cseq);
    h = mix(mix(mix(h, uri->url_user), uri->url_host), uri->url_params);
    return mix(h, route ? route->url_user : NULL);
}

bool in_is_merged(const struct sip *s, const sip_t *sip)
{
    const struct sip_in *in;
    uint64_t h = merge_of(sip);

    DL_FOREACH(s->ins, in)
        if (in->merge == h && in->side == SIP_MW)
            return true;
    return false;
}

struct sip_in *in_new(struct agent *a, sip_flow flow, nta_incoming_t *irq, const sip_t *sip, struct sip_dlg *dlg)
{
    struct sip_in *in = calloc(1, sizeof *in);

    if (!in)
        return NULL;
    in->sip = a->sip;
    in->side = a->side;
    in->flow = flow;
    in->irq = irq;
    in->invite = sip->sip_request->rq_method == sip_method_invite;
    in->target = in->invite || sip->sip_request->rq_method == sip_method_update;
    in->requires_100rel = sip_has_feature(sip->sip_require, "100rel");
    in->supports_100rel = in->requires_100rel || sip_has_feature(sip->sip_supported, "100rel");
    in->dlg = dlg;
    in->merge = in->invite && !dlg && a->side == SIP_MW ? merge_of(sip) : 0;
    DL_APPEND(a->sip->ins, in);
    nta_incoming_bind(irq, on_ack_cancel, in);
    return in;
}

struct self_how in_how(const struct sip_in *in)
{
    tport_t *tp = nta_incoming_transport(in->sip->agents[in->side].nta, in->irq, NULL);
    const tp_name_t *name = tp ? tport_name(tp) : NULL;
    struct self_how how = {SELF_UDP, false};

    if (name) {
        how.proto = tport_has_tls(tp) ? SELF_TLS : tport_is_stream(tp) ? SELF_TCP : SELF_UDP;
        how.v6 = strchr(name->tpn_host, ':') != NULL;
    }
    tport_unref(tp);
    return how;
}

void sip_in_on_cancel(struct sip_in *in, void (*cancelled)(void *arg, const char *reason_header), void *arg)
{
    in->cancelled = cancelled;
    in->cancelled_arg = arg;
}

void sip_in_on_ack(struct sip_in *in, void (*ack)(void *arg, const struct sip_msg *m), void *arg)
{
    in->ack = ack;
    in->ack_arg = arg;
}

int sip_reply(struct sip_in *in, int status, const char *reason, const struct sip_hdr *hdrs, struct sv body, const char *ctype)
{
    su_home_t home[1] = {SU_HOME_INIT(home)};
    struct sip *s = in->sip;
    const char *lines = msg_lines(home, hdrs);
    sip_payload_t *payload = body.n ? sip_payload_create(home, body.p, (isize_t)body.n) : NULL;
    bool ours = in->dlg && in->target && status > 100 && status < 300 && !msg_has(hdrs, "Contact");
    bool ok2xx = in->invite && status >= 200 && status < 300;
    tagi_t *tags;
    int err;

    if (in->final || status < 100 || status > 699) {
        su_home_deinit(home);
        return -EINVAL;
    }
    if (!reason)
        reason = msg_phrase(status);
    tags = tl_list(TAG_IF(lines, SIPTAG_HEADER_STR(lines)),
                   TAG_IF(ours, SIPTAG_CONTACT_STR(in->dlg ? in->dlg->contact : NULL)),
                   TAG_IF((ok2xx || status == 405) && !msg_has(hdrs, "Allow"), SIPTAG_ALLOW_STR(allow_of(in->side))),
                   TAG_IF(!msg_has(hdrs, "Server"), SIPTAG_SERVER_STR(s->agent_name)),
                   TAG_IF(payload, SIPTAG_CONTENT_TYPE_STR(ctype ? ctype : "application/sdp")),
                   TAG_IF(payload, SIPTAG_PAYLOAD(payload)), TAG_END());
    in->answering = true;
    err = !tags ? -ENOMEM
          : rel_wanted(in, status, payload != NULL) ? rel_reply(in, status, reason, tags)
                                                    : nta_incoming_treply(in->irq, status, reason, TAG_NEXT(tags));
    in->answering = false;
    if (tags)
        tl_vfree(tags);
    count_add(&s->counts[SIP_C_OUT], 1);
    sip_wire_sent(s, in->side, NULL, in->irq);
    if (status >= 200) {
        in->final = true;
        if (!ok2xx && !in->overdue)
            in_free(in);
    }
    su_home_deinit(home);
    sip_wire_flush(s);
    return err ? -EIO : 0;
}

void in_forget(struct sip *s, const struct sip_dlg *d)
{
    struct sip_in *in, *tmp;

    DL_FOREACH_SAFE(s->ins, in, tmp) {
        if (in->dlg != d)
            continue;
        in->dlg = NULL;
        in->cancelled = NULL;
        in->ack = NULL;
        if (in->final) /* a 2xx that waits for its ACK: Sofia goes on repeating it */
            in_free(in);
    }
}

void in_free_all(struct sip *s)
{
    while (s->ins)
        in_free(s->ins);
}

/* RFC 3261 20.1: an answer to an INVITE may be given as SDP only. */
static bool takes_sdp(const sip_t *sip)
{
    static const char *const fit[] = {"application/sdp", "application/*", "*/*"};

    for (const sip_accept_t *a = sip->sip_accept; a; a = a->ac_next)
        for (unsigned i = 0; a->ac_type && i < ARRAY_LEN(fit); i++)
            if (!strcasecmp(a->ac_type, fit[i]))
                return true;
    return !sip->sip_accept;
}

/* RFC 3261 8.2.3: a body that is encoded, or there for something else than the session and may not be left aside (20.11). */
static bool is_unreadable(const sip_t *sip)
{
    const sip_content_disposition_t *cd = sip->sip_content_disposition;
    const sip_content_encoding_t *ce = sip->sip_content_encoding;
    const sip_method_t method = sip->sip_request->rq_method;

    if (!sip->sip_payload || (method != sip_method_invite && method != sip_method_update))
        return false;
    for (unsigned i = 0; ce && ce->k_items && ce->k_items[i]; i++)
        if (strcasecmp(ce->k_items[i], "identity") != 0)
            return true;
    return cd && strcasecmp(cd->cd_type ? cd->cd_type : "", "session") != 0 && !cd->cd_optional;
}

/* RFC 3261 8.2.2.3. Session timers are served by alg/call (RFC 4028), 100rel and preconditions (RFC 3312) towards the core;
 * REGISTER may also require what is passed on to the registrar. A browser's security agreement ends here: TLS has done it. */
static bool is_understood(enum sip_side side, const char *tag, bool reg)
{
    static const char *const registering[] = {"path", "outbound", "gruu"};

    if (!strcasecmp("sec-agree", tag))
        return side == SIP_W2;
    if (!strcasecmp("timer", tag))
        return !reg;
    if (!strcasecmp("100rel", tag) || !strcasecmp("precondition", tag))
        return side == SIP_MW && !reg;
    for (unsigned i = 0; reg && i < ARRAY_LEN(registering); i++)
        if (!strcasecmp(registering[i], tag))
            return true;
    return false;
}

/* RFC 3323 5: what is private by making each call anew, with media through a gateway, and id (RFC 3325) at the border. Names that
 * users show are left alone. */
static bool is_private(su_home_t *home, const sip_t *sip)
{
    static const char *const given[] = {"none", "id", "header", "session", "critical"};
    char *all = msg_value(home, sip, "Privacy"), *save = NULL;
    bool ok = true;

    for (char *one = all ? strtok_r(all, ";, \t", &save) : NULL; one && ok; one = strtok_r(NULL, ";, \t", &save)) {
        ok = false;
        for (unsigned i = 0; i < ARRAY_LEN(given); i++)
            ok = ok || !strcasecmp(one, given[i]);
    }
    return ok;
}

/* Proxy-Require too (RFC 3261 16.3, 20.29): towards either side we stand where it expects a proxy, and what one has to know
 * would be dropped with the header field, as requests are made anew. */
static char *unsupported(enum sip_side side, su_home_t *home, const sip_t *sip)
{
    bool reg = sip->sip_request->rq_method == sip_method_register;
    const msg_list_t *lists[] = {sip->sip_require, sip->sip_proxy_require};
    char *all = NULL;

    for (unsigned n = 0; n < ARRAY_LEN(lists); n++)
        for (const msg_list_t *r = lists[n]; r; r = r->k_next)
            for (unsigned i = 0; r->k_items && r->k_items[i]; i++)
                if (!is_understood(side, r->k_items[i], reg) &&
                    !(n && !strcasecmp(r->k_items[i], "privacy") && is_private(home, sip)))
                    all = all ? su_sprintf(home, "%s, %s", all, r->k_items[i]) : su_strdup(home, r->k_items[i]);
    return all;
}

int in_screen(struct agent *a, nta_incoming_t *irq, const sip_t *sip)
{
    su_home_t home[1] = {SU_HOME_INIT(home)};
    const url_t *url = sip->sip_request->rq_url;
    char *bad = unsupported(a->side, home, sip);
    int status = 0;

    if (!strcmp(url->url_scheme ? url->url_scheme : "", SCREEN_OTHER_VERSION))
        status = 505;
    else if (url->url_headers) /* 19.1.1: not in a Request-URI, and never passed on */
        status = 400;
    else if (sip->sip_max_forwards && sip->sip_max_forwards->mf_count == 0)
        status = 483;
    else if (url->url_type != url_sip && url->url_type != url_sips && url->url_type != url_tel &&
             strcasecmp(url->url_scheme ? url->url_scheme : "", "urn") != 0)
        status = 416;
    else if (bad)
        status = 420;
    else if (sip->sip_request->rq_method == sip_method_invite && !takes_sdp(sip))
        status = 406;
    else if (is_unreadable(sip))
        status = 415;
    if (status) {
        log_info("sip", "side=%s msg=\"refused\" method=%s status=%d", a->side == SIP_W2 ? "w2" : "mw",
                 sip->sip_request->rq_method_name, status);
        nta_incoming_treply(irq, status, msg_phrase(status), TAG_IF(bad, SIPTAG_UNSUPPORTED_STR(bad)),
                            TAG_IF(status == 415, SIPTAG_ACCEPT_STR("application/sdp")),
                            TAG_IF(status == 415, SIPTAG_ACCEPT_ENCODING_STR("identity")),
                            SIPTAG_SERVER_STR(a->sip->agent_name), TAG_END());
        nta_incoming_destroy(irq);
    }
    su_home_deinit(home);
    return status;
}
