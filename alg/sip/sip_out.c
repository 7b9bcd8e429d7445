/* Client transactions (RFC 3261 8.1, 17.1) and where their messages go. */
#include <errno.h>
#include <stdlib.h>

#include <utlist.h>

#include "alg/sip/core.h"
#include "common/log.h"

struct self_how out_how(const struct sip *s)
{
    struct hops_wish wish = {.last_resort = true};
    const struct hop *hop = hops_choose(&s->core->hops, net_now_ms(), &wish);

    return hop ? (struct self_how){hop->proto, addr_is_v6(&hop->addr)} : hop_dns_guess(s->core->dns);
}

int out_start(struct sip_out **op, struct sip *s, struct sip_dlg *d, enum sip_side side, sip_flow flow, sip_response_h *cb,
              void *arg, struct sip_out **made)
{
    struct sip_out *out = calloc(1, sizeof *out);

    if (!out)
        return -ENOMEM;
    out->sip = s;
    out->dlg = d;
    out->side = side;
    out->flow = flow;
    out->cb = cb;
    out->arg = arg;
    DL_APPEND(s->outs, out);
    if (op)
        *op = out;
    *made = out;
    count_add(&s->counts[SIP_C_OUT], 1);
    return 0;
}

void out_free(struct sip_out *out)
{
    DL_DELETE(out->sip->outs, out);
    hop_over(&out->hop);
    if (out->orq)
        nta_outgoing_destroy(out->orq);
    free(out);
}

/* Nobody waits for this call any more, but the other side took it: RFC 3261 13.2.2.4 wants ACK, we want it over. */
static void release_orphan(struct sip_out *out, nta_outgoing_t *orq)
{
    msg_t *msg = nta_outgoing_getresponse(orq);

    if (msg && nta_msg_ackbye(out->sip->agents[out->side].nta, msg) < 0)
        msg_destroy(msg);
}

int out_response(void *magic, nta_outgoing_t *orq, const sip_t *sip)
{
    struct sip_out *out = magic;
    struct sip *s = out->sip;
    int status = sip ? sip->sip_status->st_status : nta_outgoing_status(orq);
    bool internal = !sip || nta_sip_is_internal(sip);
    struct sip_msg m;

    sip_wire_flush(s);
    count_add(&s->counts[SIP_C_IN], 1);
    if (out->invite && out->dlg && out->dlg->earlies) /* a callee has shown itself */
        out->hop.stay = true;
    if (hop_again(&out->hop, orq, sip) || status < 101)
        return 0;
    if (out->invite && out->dlg && out->hop.id)
        out->dlg->hop_id = out->hop.id;
    if (status < 200 && out->invite && out->dlg && !internal && !early_response(out, sip))
        return 0;
    if (status / 100 == 2 && out->dlg && !internal)
        dlg_established(out->dlg, sip, orq);
    if (status / 100 == 2 && !out->dlg && out->invite && !internal)
        release_orphan(out, orq);
    if (out->cb && internal) {
        out->cb(out->arg, out, status, NULL);
    } else if (out->cb) {
        msg_open(&m, s, out->side, out->flow, sip);
        out->cb(out->arg, out, status, &m);
        msg_close(&m);
    }
    if (status >= 200)
        out_free(out);
    sip_wire_flush(s);
    return 0;
}

void out_forget(struct sip *s, const struct sip_dlg *d)
{
    struct sip_out *out;

    DL_FOREACH(s->outs, out)
        if (out->dlg == d) { /* it ends by itself; a late 2xx is acknowledged and released */
            out->dlg = NULL;
            out->cb = NULL;
            out->hop.stay = true;
        }
}

void out_free_all(struct sip *s)
{
    while (s->outs)
        out_free(s->outs);
}

int sip_cancel(struct sip_out *out, const char *reason_header)
{
    if (!out->invite || !out->orq)
        return -EINVAL;
    out->hop.stay = true;
    /* RFC 3261 9.1: Sofia holds it back until a provisional answer came. */
    nta_outgoing_tcancel(out->orq, NULL, NULL, TAG_IF(reason_header, SIPTAG_REASON_STR(reason_header)), TAG_END());
    sip_wire_flush(out->sip); /* CANCEL is small: always whole in the record */
    return 0;
}

int sip_request(struct sip_out **op, struct sip *s, const struct sip_target *to, const char *method, const struct sip_hdr *hdrs,
                struct sv body, const char *ctype, sip_response_h *cb, void *cb_arg)
{
    su_home_t home[1] = {SU_HOME_INIT(home)};
    struct sip_out *out = NULL;
    tport_t *tp = to->side == SIP_W2 ? bridge_tport(s->bridge, to->flow) : NULL;
    sip_route_t *route = to->route ? sip_route_make(home, to->route) : NULL;
    const char *lines = msg_lines(home, hdrs);
    sip_payload_t *payload = body.n ? sip_payload_create(home, body.p, (isize_t)body.n) : NULL;
    url_t *uri = url_hdup(home, (const url_t *)to->uri);
    url_string_t const *hop = NULL;
    int err = to->side == SIP_W2 && !tp ? -ENOTCONN : uri ? 0 : -EINVAL;

    if (!err)
        err = out_start(op, s, NULL, to->side, to->flow, cb, cb_arg, &out);
    if (!err && !tp && (err = hop_take(&out->hop, s, route ? route->r_url : NULL, 0, &hop)))
        out_free(out);
    if (!err) {
        out->orq = nta_outgoing_tcreate(s->agents[to->side].leg, out_response, out, hop,
                                        sip_method_code(method), method, (url_string_t *)uri,
                                        TAG_IF(tp, NTATAG_TPORT(tp)), SIPTAG_FROM_STR(to->from), SIPTAG_TO_STR(to->to),
                                        TAG_IF(route, SIPTAG_ROUTE(route)), TAG_IF(lines, SIPTAG_HEADER_STR(lines)),
                                        SIPTAG_USER_AGENT_STR(s->agent_name),
                                        TAG_IF(payload, SIPTAG_CONTENT_TYPE_STR(ctype ? ctype : "text/plain")),
                                        TAG_IF(payload, SIPTAG_PAYLOAD(payload)), TAG_END());
        if (!out->orq) {
            out_free(out);
            err = -EINVAL;
        } else {
            if (!tp)
                hop_sent(&out->hop, &out->orq, out_response, out);
            sip_wire_sent(s, to->side, out->orq, NULL);
        }
    }
    su_home_deinit(home);
    sip_wire_flush(s);
    return err;
}
