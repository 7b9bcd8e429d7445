/* The calls of the process: requests outside dialogs come in here, and become calls or are answered. */
#include "alg/call/call_fsm.h"
#include "alg/call/early_offer.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <utlist.h>

#include "common/enc.h"
#include "common/log.h"
#include "common/rnd.h"

#define STOP_MS 3000 /* calls_stop: at the latest */

const struct count_def call_counters[CALL_C_N] = {
    [CALL_C_ACTIVE] = {"alg_calls", "Calls that exist now", true},
    [CALL_C_MO] = {"alg_calls_originating_total", "Calls that a WIC began", false},
    [CALL_C_MT] = {"alg_calls_terminating_total", "Calls that the core began", false},
    [CALL_C_ESTABLISHED] = {"alg_calls_established_total", "Calls that were answered", false},
    [CALL_C_FAILED] = {"alg_calls_failed_total", "Calls that ended before they were answered", false},
    [CALL_C_DROPPED] = {"alg_calls_dropped_total", "Calls that ended after they were answered, though nobody hung up", false},
    [CALL_C_IQ_FAILED] = {"alg_calls_iq_failed_total", "H.248 procedures of calls that were refused or lost", false},
};

/* --- one call --- */

int call_new(struct call **cp, struct calls *c, enum sip_side origin, unsigned n_br)
{
    struct call *call = calloc(1, sizeof *call + n_br * sizeof call->br[0]);
    uint8_t id[15];
    char tag[32];
    int err;

    if (!call)
        return -ENOMEM;
    snprintf(tag, sizeof tag, "call=%" PRIu64, ++c->last_id);
    err = fsm_init(&call->fsm, &c->def, &c->alg->loop, call, tag);
    if (err) {
        free(call);
        return err;
    }
    call->calls = c;
    call->origin = origin;
    call->n_br = n_br;
    rnd_bytes(id, sizeof id);
    enc_hex(id, sizeof id, '\0', call->tls_id);
    for (unsigned i = 0; i < n_br; i++)
        call->br[i].call = call;
    DL_APPEND(c->list, call);
    c->n++;
    count_add(&c->counts[CALL_C_ACTIVE], 1);
    count_add(&c->counts[origin == SIP_W2 ? CALL_C_MO : CALL_C_MT], 1);
    *cp = call;
    return 0;
}

struct leg *call_leg(struct call *call, enum sip_side side)
{
    return call->near.side == side ? &call->near : &call->won->leg;
}

static void on_closed(struct fsm *f)
{
    free(f->owner);
}

static void check_stopped(struct calls *c)
{
    void (*done)(void *arg) = c->stopped;

    if (!c->stopping || c->n > 0 || !done)
        return;
    c->stopped = NULL;
    if (c->stop_timer)
        uv_close((uv_handle_t *)c->stop_timer, (uv_close_cb)free);
    c->stop_timer = NULL;
    done(c->stopped_arg);
}

void call_free_later(struct call *call)
{
    struct calls *c = call->calls;

    leg_fini(&call->near);
    for (unsigned i = 0; i < call->n_br; i++) {
        leg_fini(&call->br[i].leg);
        media_close(&call->br[i].media, NULL);
    }
    exch_free(call->x);
    arena_free(call->keep);
    free(call->more);
    DL_DELETE(c->list, call);
    c->n--;
    count_add(&c->counts[CALL_C_ACTIVE], -1);
    fsm_fini(&call->fsm, on_closed);
    check_stopped(c);
}

/* --- what the INVITE to the other side says (sip-sdp 2.4) --- */

static const char *keep(struct exch *x, const char *text)
{
    return text ? arena_sv(x->a, sv_from(text)).p : NULL;
}

static void put_hdr(struct call_req *q, const char *name, const char *value)
{
    unsigned n = 0;

    while (n < CALL_HDR_MAX && q->hdrs[n].name)
        n++;
    if (n < CALL_HDR_MAX && value)
        q->hdrs[n] = (struct sip_hdr){name, value};
}

static void pass_hdrs(struct call *call, const struct sip_msg *m)
{
    static const char *const names[] = {"Session-ID", "Subject", "Privacy"};
    const char *hops = sip_msg_header(m, "Max-Forwards");
    uint32_t n;

    for (unsigned i = 0; i < ARRAY_LEN(names); i++)
        put_hdr(&call->req, names[i], keep(call->x, sip_msg_header(m, names[i])));
    if (hops && !sv_u32(sv_trim(sv_from(hops)), 255, &n) && n > 0)
        put_hdr(&call->req, "Max-Forwards", arena_printf(call->x->a, "%u", n - 1));
}

/* "Name" <uri>;params or uri -> uri */
static struct sv addr_uri(const char *text)
{
    struct sv v = sv_from(text);
    const char *open = v.n ? memchr(v.p, '<', v.n) : NULL;

    if (!open)
        return sv_trim(sv_cut(&v, ';'));
    v = (struct sv){open + 1, v.n - (size_t)(open + 1 - v.p)};
    return sv_cut(&v, '>');
}

/* The core has no use for where the browser wants it sent (RFC 7118: transport=ws). */
static const char *core_uri(struct arena *a, const char *uri)
{
    const char *p = strstr(uri, ";transport=ws");
    size_t n = strlen(";transport=ws");

    if (!p)
        return arena_printf(a, "%s", uri);
    if (p[n] == 's')
        n++;
    return arena_printf(a, "%.*s%s", (int)(p - uri), uri, p + n);
}

/* TS 24.229 5.2.6.3: what the WIC says of its access may stand beside the network's word, which it may not say itself. */
static void put_access(struct call *call, const struct sip_msg *m)
{
    const char *theirs = sip_msg_header(m, "P-Access-Network-Info"), *ours = reg_access_info(call->calls->alg->reg);

    if (theirs && !strcasestr(theirs, "network-provided") && strlen(theirs) <= CALL_ACCESS_MAX)
        put_hdr(&call->req, "P-Access-Network-Info", keep(call->x, theirs));
    if (ours)
        put_hdr(&call->req, "P-Access-Network-Info", arena_printf(call->x->a, "%s;network-provided", ours));
}

/* W2 -> Mw. -ENOMEM. */
static int request_mo(struct call *call, const struct sip_msg *m, const struct reg_binding *b)
{
    struct arena *a = call->x->a;
    struct call_req *q = &call->req;
    const char *preferred = sip_msg_header(m, "P-Preferred-Identity"), *from = sip_msg_from_uri(m);
    struct sv wanted = preferred ? addr_uri(preferred) : sv_from(from);
    const char *wish = arena_sv(a, wanted).p, *identity = reg_identity(b, wish ? wish : "");
    char icid[49];
    uint8_t bytes[16];

    rnd_bytes(bytes, sizeof bytes);
    enc_hex(bytes, sizeof bytes, '\0', icid);
    q->uri = core_uri(a, sip_msg_uri(m));
    q->from = arena_printf(a, "<%s>", strstr(from, "@anonymous.invalid") ? from : identity);
    q->to = arena_printf(a, "<%s>", sip_msg_to_uri(m));
    q->route = keep(call->x, b->service_route);
    put_hdr(q, "P-Asserted-Identity", arena_printf(a, "<%s>", identity));
    put_hdr(q, "P-Charging-Vector",
            arena_printf(a, "icid-value=%s;icid-generated-at=%s;orig-ioi=\"Type 1%s\"", icid, call->calls->conf.home_domain,
                         call->calls->conf.home_domain)); /* TS 24.229 5.2.6.3, 4.5.4 */
    put_access(call, m);
    pass_hdrs(call, m);
    return q->uri && q->from && q->to ? 0 : -ENOMEM;
}

/* Mw -> W2. */
static int request_mt(struct call *call, const struct sip_msg *m, const struct reg_binding *const *b)
{
    struct arena *a = call->x->a;
    struct call_req *q = &call->req;
    const char *privacy = sip_msg_header(m, "Privacy");

    q->from = arena_printf(a, "<%s>", sip_msg_from_uri(m));
    q->to = arena_printf(a, "<%s>", sip_msg_to_uri(m));
    for (unsigned i = 0; i < call->n_br; i++) {
        q->uris[i] = keep(call->x, b[i]->contact);
        if (!q->uris[i])
            return -ENOMEM;
    }
    if (!privacy || !strcasestr(privacy, "id"))
        put_hdr(q, "P-Asserted-Identity", keep(call->x, sip_msg_header(m, "P-Asserted-Identity")));
    pass_hdrs(call, m);
    return q->from && q->to ? 0 : -ENOMEM;
}

/* --- INVITE --- */

/* "<URI>"; NULL: no memory, then nobody is named. */
static char *named(const char *uri)
{
    size_t n = strlen(uri) + 3;
    char *text = malloc(n);

    if (text)
        snprintf(text, n, "<%s>", uri);
    return text;
}

static int open_legs(struct call *call, struct sip_in *in, const struct sip_msg *m,
                     const struct reg_binding *const *b)
{
    struct sip_dlg_h h = leg_dlg_h;
    bool mo = call->origin == SIP_W2;

    leg_init(&call->near, call, NULL, call->origin, sip_msg_flow(m));
    for (unsigned i = 0; i < call->n_br; i++)
        leg_init(&call->br[i].leg, call, &call->br[i], mo ? SIP_MW : SIP_W2, mo ? 0 : b[i]->flow);
    if (!mo) /* TS 24.229 5.2.6.4: the answer names whom of the WIC was called */
        call->near.identity = named(reg_identity(b[0], sip_msg_header(m, "P-Called-Party-ID")));
    h.arg = &call->near;
    return sip_dlg_accept(&call->near.dlg, call->calls->alg->sip, in, m, &h);
}

/* RFC 3312 8: does its sender wait for an answer before anybody may be rung? Only the core may (alg/sip). */
static bool waits_ahead(const struct sip_msg *m)
{
    enum leg_qos q = leg_qos_of(m);

    return sip_msg_side(m) == SIP_MW && (q == LEG_QOS_REQUIRED || q == LEG_QOS_SUPPORTED) && early_offer_waits(sip_msg_body(m));
}

/* No browser, as it registered: that is how MSRP and RTP are offered to it. A call that rings several of one user has one offer
 * for all. */
static bool all_are_ues(const struct call *call, const struct reg_binding *const *b)
{
    bool all = true;

    for (unsigned i = 0; i < call->n_br; i++)
        all = all && b[i]->msrp_tcp;
    return all;
}

static int open_exchange(struct call *call, const struct sip_msg *m, const struct reg_binding *const *b, bool ahead)
{
    const struct calls_conf *conf = &call->calls->conf;
    enum sdp_setup choice = conf->dtls_active ? SDP_SETUP_ACTIVE : SDP_SETUP_PASSIVE;
    enum sip_side callee = call->origin == SIP_W2 ? SIP_MW : SIP_W2;
    int err = exch_new(&call->x, call->late ? callee : call->origin, NULL, &conf->policy, choice, call->tls_id);

    if (!err)
        call->x->lay.msrp_lines = conf->policy.msrp_tcp && all_are_ues(call, b);
    if (!err)
        call->x->lay.plain_lines = conf->policy.plain_rtp && all_are_ues(call, b);
    if (err || call->late)
        return err;
    call->x->ahead = ahead;
    return exch_read_offer(call->x, sip_msg_body(m));
}

/* Everything before the first H.248 message. On failure *why says how to refuse. */
static int open_call(struct call *call, struct sip_in *in, const struct sip_msg *m,
                     const struct reg_binding *const *b, struct leg_why *why, struct sdp_fault *fault)
{
    bool ahead = waits_ahead(m);
    int err;

    call->late = sip_msg_body(m).n == 0;
    err = open_exchange(call, m, b, ahead);
    if (err == -EPROTO && ahead && leg_qos_of(m) == LEG_QOS_SUPPORTED) { /* nothing that we could answer alone: then without */
        exch_free(call->x);
        call->x = NULL;
        err = open_exchange(call, m, b, false);
    } else if (err == -EPROTO && ahead) {
        call->x->why.status = 580;
    }
    if (err == -EPROTO) {
        *fault = call->x->why;
        *why = (struct leg_why){.status = fault->status, .warn = fault->warn, .text = fault->text};
        return err;
    }
    if (!err)
        err = call->origin == SIP_W2 ? request_mo(call, m, b[0]) : request_mt(call, m, b);
    if (!err)
        err = open_legs(call, in, m, b);
    if (err)
        *why = (struct leg_why){.status = 500};
    return err;
}

static void invite(struct calls *c, struct sip_in *in, const struct sip_msg *m,
                   const struct reg_binding *const *b, unsigned n)
{
    enum sip_side side = sip_msg_side(m);
    struct leg_why why = {.status = 500};
    struct sdp_fault fault;
    struct call *call;

    sip_reply(in, 100, NULL, NULL, SV_NONE, NULL);
    if (call_new(&call, c, side, side == SIP_W2 ? 1 : n)) {
        leg_reject(in, &why);
        return;
    }
    if (open_call(call, in, m, b, &why, &fault)) {
        log_info("call", "%s msg=\"refused\" status=%d why=\"%s\"", call->fsm.tag, why.status, why.text ? why.text : "");
        leg_reject(in, &why);
        count_add(&c->counts[CALL_C_FAILED], 1);
        call_free_later(call);
        return;
    }
    log_info("call", "%s msg=\"%s\" id=%s from=%s to=%s", call->fsm.tag, side == SIP_W2 ? "originating" : "terminating",
             sip_msg_call_id(m), sip_msg_from_uri(m), sip_msg_to_uri(m));
    leg_take_in(&call->near, in, m);
    fsm_event(&call->fsm, EV_OFFER, NULL);
}

/* --- emergency calls: not over this access (TS 24.229 5.2.10) --- */

static bool is_emergency(const struct calls_conf *conf, const char *uri)
{
    struct sv rest = sv_from(uri), scheme = sv_cut(&rest, ':'), user;

    if (sv_iis(scheme, "urn"))
        return sv_istarts(rest, "service:sos");
    user = sv_cut(&rest, '@');
    user = sv_cut(&user, ';');
    for (unsigned i = 0; i < conf->n_emergency; i++) {
        if (sv_is(user, conf->emergency[i]))
            return true;
    }
    return false;
}

static void refuse_emergency(struct sip_in *in)
{
    static const char body[] = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n"
                               "<ims-3gpp version=\"1\"><alternative-service><type>emergency</type>"
                               "<reason>Emergency calls are not carried here: use another phone</reason>"
                               "</alternative-service></ims-3gpp>\r\n";
    const struct sip_hdr hdrs[] = {{"Content-Disposition", "render;handling=optional"}, {NULL, NULL}};

    sip_reply(in, 380, NULL, hdrs, SV(body), "application/3gpp-ims+xml");
}

/* What can be said before looking at the SDP. 0: go on. */
static int screen(struct calls *c, const struct sip_msg *m, struct leg_why *why)
{
    const char *ctype = sip_msg_ctype(m), *coding = sip_msg_header(m, "Content-Encoding");
    struct sv body = sip_msg_body(m);

    if (is_emergency(&c->conf, sip_msg_uri(m))) /* before all else (TS 24.229 5.2.1) */
        *why = (struct leg_why){.status = 380};
    else if (c->stopping || (c->conf.max_calls && c->n >= c->conf.max_calls))
        *why = (struct leg_why){.status = 503, .retry_after = 5 + rnd_u32() % (CALL_RETRY_MAX - 4)};
    else if (session_asked(&(struct session){0}, m))
        *why = (struct leg_why){.status = 422};
    else if (body.n == 0)
        return 0;
    else if (!ctype || strcmp(ctype, "application/sdp") != 0 || (coding && strcasecmp(coding, "identity") != 0))
        *why = (struct leg_why){.status = 415};
    else if (body.n > SDP_BODY_MAX)
        *why = (struct leg_why){.status = 413};
    else if (leg_qos_of(m) == LEG_QOS_UNSURE && early_offer_waits(body)) /* nobody may be rung, and no answer would be sure to arrive */
        *why = (struct leg_why){.status = 580};
    else
        return 0;
    return why->status;
}

static void on_invite(struct calls *c, struct sip_in *in, const struct sip_msg *m)
{
    const struct reg_binding *b[CALL_BRANCH_MAX];
    struct leg_why why = {0};
    unsigned n, alive = 0;

    if (screen(c, m, &why)) {
        log_info("call", "msg=\"refused\" status=%d from=%s", why.status, sip_msg_from_uri(m));
        if (why.status == 380)
            refuse_emergency(in);
        else
            leg_reject(in, &why);
        return;
    }
    if (sip_msg_side(m) == SIP_W2) {
        b[0] = reg_by_sender(c->alg->reg, m);
        n = b[0] != NULL;
        alive = n;
        why.status = 403; /* sip-sdp 1.3: not registered */
    } else {
        n = reg_by_request(c->alg->reg, m, b, CALL_BRANCH_MAX);
        for (unsigned i = 0; i < n; i++) {
            if (b[i]->flow)
                b[alive++] = b[i];
        }
        why.status = n == 0 ? 404 : 480;
    }
    if (alive == 0) {
        log_info("call", "msg=\"refused\" status=%d uri=%s", why.status, sip_msg_uri(m));
        leg_reject(in, &why);
        return;
    }
    invite(c, in, m, b, alive);
}

bool calls_is_emergency(const struct calls *c, const struct sip_msg *m)
{
    return is_emergency(&c->conf, sip_msg_uri(m));
}

void calls_request(struct calls *c, struct sip_in *in, const struct sip_msg *m)
{
    static const struct sip_hdr options[] = {
        {"Allow", "INVITE, ACK, CANCEL, BYE, UPDATE, OPTIONS, INFO"}, {"Accept", "application/sdp"}, {NULL, NULL}};
    const char *method = sip_msg_method(m);

    if (sip_msg_to_tag(m)) /* RFC 3261 12.2.2: a dialog that nobody here knows */
        sip_reply(in, 481, NULL, NULL, SV_NONE, NULL);
    else if (!strcmp(method, "INVITE"))
        on_invite(c, in, m);
    else if (!strcmp(method, "OPTIONS"))
        sip_reply(in, 200, NULL, options, SV_NONE, NULL);
    else if (!strcmp(method, "BYE") || !strcmp(method, "UPDATE") || !strcmp(method, "INFO") || !strcmp(method, "PRACK"))
        sip_reply(in, 481, NULL, NULL, SV_NONE, NULL);
    else
        sip_reply(in, 405, NULL, NULL, SV_NONE, NULL);
}

void calls_flow_closed(struct calls *c, sip_flow flow)
{
    struct call *call;

    DL_FOREACH(c->list, call) {
        struct leg *leg = call->near.side == SIP_W2 && call->near.flow == flow ? &call->near : NULL;

        for (unsigned i = 0; i < call->n_br && !leg; i++) {
            struct branch *br = &call->br[i];

            if (br->leg.side == SIP_W2 && br->leg.flow == flow && (!call->won || call->won == br))
                leg = &br->leg;
        }
        if (leg)
            fsm_event(&call->fsm, EV_FLOW_CLOSED, &(struct call_ev){.leg = leg, .br = leg->br});
    }
}

/* The WIC registered again on another connection before or after the old one was given up. A call that is not answered
 * yet has its INVITE on the old one and ends with it. */
void calls_flow_moved(struct calls *c, sip_flow old, sip_flow now)
{
    struct call *call;

    DL_FOREACH(c->list, call) {
        struct leg *legs[] = {&call->near, call->won ? &call->won->leg : NULL};

        for (unsigned i = 0; i < ARRAY_LEN(legs) && call->established; i++) {
            if (!legs[i] || legs[i]->side != SIP_W2 || legs[i]->flow != old)
                continue;
            legs[i]->flow = now;
            fsm_event(&call->fsm, EV_FLOW_BACK, &(struct call_ev){.leg = legs[i], .br = legs[i]->br});
        }
    }
}

/* --- all calls --- */

int calls_new(struct calls **cp, struct alg *alg, const struct calls_conf *conf)
{
    struct calls *c = calloc(1, sizeof *c);

    if (!c)
        return -ENOMEM;
    c->alg = alg;
    c->conf = *conf;
    call_fsm_def(&c->def, c->timers, conf);
    *cp = c;
    return 0;
}

void calls_free(struct calls *c)
{
    if (!c)
        return;
    c->stopped = NULL;
    while (c->list)
        call_free_later(c->list);
    if (c->stop_timer)
        uv_close((uv_handle_t *)c->stop_timer, (uv_close_cb)free);
    free(c);
}

const count_t *calls_counts(const struct calls *c)
{
    return c->counts;
}

static void on_stop_timer(uv_timer_t *t)
{
    struct calls *c = t->data;

    log_warn("call", "msg=\"calls left at the end\" n=%u", c->n);
    while (c->list)
        call_free_later(c->list);
}

void calls_stop(struct calls *c, void (*done)(void *arg), void *arg)
{
    struct call *call;

    if (c->stopping)
        return;
    c->stopping = true;
    c->stopped = done;
    c->stopped_arg = arg;
    c->stop_timer = malloc(sizeof *c->stop_timer);
    if (c->stop_timer) {
        uv_timer_init(&c->alg->loop, c->stop_timer);
        c->stop_timer->data = c;
        uv_timer_start(c->stop_timer, on_stop_timer, STOP_MS, 0);
    }
    DL_FOREACH(c->list, call)
        fsm_event(&call->fsm, EV_STOP, &(struct call_ev){0});
    check_stopped(c);
}
