/* The table of a call (sip-sdp 2.8) and how calls end: each leg gets its answer, the contexts go, whatever happened. */
#include "alg/call/call_fsm.h"

#include <stdio.h>

#include "common/log.h"

static const char *const event_names[CALL_EVENTS] = {
    [EV_OFFER] = "offer", [EV_IQ_OK] = "iq-ok", [EV_IQ_FAIL] = "iq-fail", [EV_PROGRESS] = "progress",
    [EV_ANSWER] = "answer", [EV_REJECT] = "reject", [EV_CANCEL] = "cancel", [EV_ACK] = "ack",
    [EV_NO_ACK] = "no-ack", [EV_BYE] = "bye", [EV_REINVITE] = "reinvite", [EV_QOS_MET] = "qos-met", [EV_FAULT] = "fault",
    [EV_GONE] = "gone", [EV_FLOW_CLOSED] = "flow-closed", [EV_FLOW_BACK] = "flow-back",
    [EV_RESET_DONE] = "reset-done", [EV_LINK] = "link", [EV_EXPIRED] = "expired", [EV_LEG_DONE] = "leg-done", [EV_STOP] = "stop", [EV_TIMEOUT] = "timeout",
};

static const struct fsm_timer default_timers[CALL_TIMERS] = {
    [T_NONE] = {"none", 0, ""},
    [T_IQ] = {"T_IQ", 5000, "a reply on Iq"},
    [T_QOS] = {"T_QOS", 32000, "the core to reserve what its preconditions want"},
    [T_ANSWER] = {"T_ANSWER", 180000, "the callee's final answer"},
    [T_REANSWER] = {"T_REANSWER", 60000, "the answer to a change"},
    [T_RESET] = {"T_RESET", 1000, "the SCTP stream reset"},
    [T_REOPEN] = {"T_REOPEN", 30000, "a lost MSRP connection to be opened again (RFC 4975 5.4)"},
    [T_ORPHAN] = {"T_ORPHAN", 32000, "the WIC to come back on another connection"},
    [T_DYING] = {"T_DYING", 40000, "the last answers of both legs; over 64*T1"},
    [T_REAP] = {"T_REAP", 1, "the stack to unwind"},
};

#define ENDS (ON(EV_BYE) | ON(EV_EXPIRED) | ON(EV_GONE) | ON(EV_FAULT) | ON(EV_STOP) | ON(EV_TIMEOUT) | ON(EV_CANCEL) | ON(EV_FLOW_CLOSED))
#define OVER (ON(CALL_DYING) | ON(CALL_DEAD))
#define UP (ON(CALL_ACTIVE) | ON(CALL_CUT))
#define CHANGES (ON(CALL_RE_RESERVING) | ON(CALL_RE_OFFERED) | ON(CALL_RE_CONF_T1) | ON(CALL_RE_CONF_T2))
#define EARLY_MEDIA (ON(CALL_EARLY_FAR) | ON(CALL_EARLY_NEAR) | ON(CALL_EARLY))
#define ANSWERED (ON(CALL_CONF_FAR) | ON(CALL_CONF_NEAR) | UP)
#define EARLY (ENDS | ON(EV_FLOW_BACK))
#define LATE (ENDS | ON(EV_ACK) | ON(EV_NO_ACK) | ON(EV_FLOW_BACK) | ON(EV_RESET_DONE))

static void on_active(struct fsm *f, int ev, void *data);
static void on_cut(struct fsm *f, int ev, void *data);
static void on_orphan(struct fsm *f, int ev, void *data);
static void on_dying(struct fsm *f, int ev, void *data);
static void on_dead(struct fsm *f, int ev, void *data);

static const struct fsm_state states[CALL_STATES] = {
    [CALL_IDLE] = {"idle", ON(EV_OFFER), ON(CALL_RESERVING) | ON(CALL_QOS_RESERVING) | ON(CALL_OFFERED) | OVER, call_on_idle, T_NONE},
    [CALL_RESERVING] = {"reserving", ON(EV_IQ_OK) | ON(EV_IQ_FAIL) | EARLY, ON(CALL_OFFERED) | OVER,
                        call_on_reserving, T_IQ},
    [CALL_QOS_RESERVING] = {"qos-reserving", ON(EV_IQ_OK) | ON(EV_IQ_FAIL) | EARLY, ON(CALL_QOS_WAITING) | OVER,
                            call_on_qos_reserving, T_IQ},
    [CALL_QOS_WAITING] = {"qos-waiting", ON(EV_QOS_MET) | EARLY, ON(CALL_RESERVING) | OVER, call_on_qos_waiting, T_QOS},
    [CALL_OFFERED] = {"offered",
                      ON(EV_IQ_OK) | ON(EV_IQ_FAIL) | ON(EV_PROGRESS) | ON(EV_ANSWER) | ON(EV_REJECT) | EARLY,
                      ON(CALL_CONF_FAR) | EARLY_MEDIA | ON(CALL_LATE_RESERVING) | OVER, call_on_offered, T_ANSWER},
    [CALL_EARLY_FAR] = {"early-far", ON(EV_IQ_OK) | ON(EV_IQ_FAIL) | ON(EV_REJECT) | ON(EV_ANSWER) | ON(EV_PROGRESS) | EARLY,
                        ANSWERED | EARLY_MEDIA | OVER, call_on_early_far, T_IQ},
    [CALL_EARLY_NEAR] = {"early-near", ON(EV_IQ_OK) | ON(EV_IQ_FAIL) | ON(EV_REJECT) | ON(EV_ANSWER) | ON(EV_PROGRESS) | EARLY,
                         ANSWERED | EARLY_MEDIA | OVER, call_on_early_near, T_IQ},
    [CALL_EARLY] = {"early", ON(EV_PROGRESS) | ON(EV_ANSWER) | ON(EV_REJECT) | EARLY, ANSWERED | EARLY_MEDIA | OVER, call_on_early,
                    T_ANSWER},
    [CALL_LATE_RESERVING] = {"late-reserving", ON(EV_IQ_OK) | ON(EV_IQ_FAIL) | ON(EV_REJECT) | ON(EV_ANSWER) | ON(EV_PROGRESS) | EARLY,
                             ON(CALL_LATE_OFFERED) | OVER, call_on_late_reserving, T_IQ},
    [CALL_LATE_OFFERED] = {"late-offered", ON(EV_ACK) | ON(EV_NO_ACK) | ON(EV_REJECT) | ON(EV_ANSWER) | ON(EV_PROGRESS) | EARLY,
                           ON(CALL_LATE_NEAR) | OVER, call_on_late_offered, T_NONE},
    [CALL_LATE_NEAR] = {"late-near", ON(EV_IQ_OK) | ON(EV_IQ_FAIL) | ON(EV_REJECT) | ON(EV_ANSWER) | ON(EV_PROGRESS) | EARLY,
                        ON(CALL_LATE_FAR) | OVER, call_on_late_near, T_IQ},
    [CALL_LATE_FAR] = {"late-far", ON(EV_IQ_OK) | ON(EV_IQ_FAIL) | ON(EV_REJECT) | ON(EV_ANSWER) | ON(EV_PROGRESS) | EARLY,
                          UP | OVER, call_on_late_far, T_IQ},
    [CALL_CONF_FAR] = {"conf-far", ON(EV_IQ_OK) | ON(EV_IQ_FAIL) | ON(EV_REJECT) | ON(EV_ANSWER) | ON(EV_PROGRESS) | EARLY,
                       ON(CALL_CONF_NEAR) | UP | OVER, call_on_conf_far, T_IQ},
    [CALL_CONF_NEAR] = {"conf-near", ON(EV_IQ_OK) | ON(EV_IQ_FAIL) | ON(EV_REJECT) | ON(EV_ANSWER) | ON(EV_PROGRESS) | EARLY,
                        UP | OVER, call_on_conf_near, T_IQ},
    [CALL_ACTIVE] = {"active", ON(EV_REINVITE) | ON(EV_REJECT) | ON(EV_ANSWER) | ON(EV_LINK) | LATE,
                     CHANGES | ON(CALL_CUT) | ON(CALL_ORPHAN) | OVER, on_active, T_NONE},
    [CALL_CUT] = {"cut", ON(EV_REINVITE) | ON(EV_REJECT) | ON(EV_ANSWER) | ON(EV_LINK) | LATE,
                  CHANGES | ON(CALL_ACTIVE) | ON(CALL_ORPHAN) | OVER, on_cut, T_REOPEN},
    [CALL_ORPHAN] = {"orphan", ON(EV_REINVITE) | LATE, UP | OVER, on_orphan, T_ORPHAN},
    [CALL_RE_RESERVING] = {"re-reserving", ON(EV_IQ_OK) | ON(EV_IQ_FAIL) | LATE,
                           UP | ON(CALL_RE_OFFERED) | ON(CALL_RE_UNDOING) | OVER,
                           call_on_re_reserving, T_IQ},
    [CALL_RE_OFFERED] = {"re-offered", ON(EV_ANSWER) | ON(EV_REJECT) | LATE,
                         UP | ON(CALL_RE_RESETTING) | ON(CALL_RE_CONF_T1) | ON(CALL_RE_CONF_T2) | ON(CALL_RE_UNDOING) | OVER,
                         call_on_re_offered, T_REANSWER},
    [CALL_RE_RESETTING] = {"re-resetting", LATE, UP | ON(CALL_RE_CONF_T1) | ON(CALL_RE_CONF_T2) | OVER,
                           call_on_re_resetting, T_RESET},
    [CALL_RE_CONF_T1] = {"re-conf-t1", ON(EV_IQ_OK) | ON(EV_IQ_FAIL) | LATE,
                         UP | ON(CALL_RE_CONF_T2) | OVER, call_on_re_conf_t1, T_IQ},
    [CALL_RE_CONF_T2] = {"re-conf-t2", ON(EV_IQ_OK) | ON(EV_IQ_FAIL) | LATE, UP | OVER,
                         call_on_re_conf_t2, T_IQ},
    [CALL_RE_UNDOING] = {"re-undoing", ON(EV_IQ_OK) | ON(EV_IQ_FAIL) | LATE, UP | OVER,
                         call_on_re_undoing, T_IQ},
    [CALL_DYING] = {"dying",
                    ON(EV_PROGRESS) | ON(EV_ANSWER) | ON(EV_REJECT) | ON(EV_CANCEL) | ON(EV_ACK) | ON(EV_NO_ACK) | ON(EV_BYE) |
                        ON(EV_FLOW_CLOSED) | ON(EV_FLOW_BACK) | ON(EV_LEG_DONE) | ON(EV_STOP) | ON(EV_TIMEOUT),
                    ON(CALL_DEAD), on_dying, T_DYING},
    [CALL_DEAD] = {"dead",
                   ON(EV_TIMEOUT) | ON(EV_STOP) | ON(EV_FLOW_CLOSED) | ON(EV_FLOW_BACK) | ON(EV_BYE) | ON(EV_LEG_DONE) |
                       ON(EV_ACK) | ON(EV_NO_ACK) | ON(EV_PROGRESS) | ON(EV_ANSWER) | ON(EV_REJECT) | ON(EV_CANCEL),
                   0, on_dead, T_REAP},
};

void call_fsm_def(struct fsm_def *def, struct fsm_timer timers[CALL_TIMERS], const struct calls_conf *conf)
{
    memcpy(timers, default_timers, sizeof default_timers);
    if (conf->no_answer_ms)
        timers[T_ANSWER].ms = conf->no_answer_ms;
    if (conf->reopen_ms)
        timers[T_REOPEN].ms = conf->reopen_ms;
    if (conf->orphan_ms)
        timers[T_ORPHAN].ms = conf->orphan_ms;
    *def = (struct fsm_def){.name = "call",
                            .states = states,
                            .n_states = CALL_STATES,
                            .events = event_names,
                            .n_events = CALL_EVENTS,
                            .timers = timers,
                            .n_timers = CALL_TIMERS,
                            .ev_timeout = EV_TIMEOUT};
}

/* --- ending --- */

static bool is_quiet(const struct call *call)
{
    bool quiet = leg_is_quiet(&call->near);

    for (unsigned i = 0; i < call->n_br; i++)
        quiet = quiet && leg_is_quiet(&call->br[i].leg);
    return quiet;
}

static void end_legs(struct call *call, const struct leg_why *why)
{
    leg_end(&call->near, why);
    for (unsigned i = 0; i < call->n_br; i++)
        leg_end(&call->br[i].leg, why);
}

void call_end(struct call *call, const struct leg_why *why)
{
    if (!call->established || !call->hung_up)
        count_add(&call->calls->counts[call->established ? CALL_C_DROPPED : CALL_C_FAILED], 1);
    log_info("call", "%s msg=\"ends\" state=%s status=%d reason=\"%s\"", call->fsm.tag,
             fsm_state_name(&call->fsm), call->established ? 0 : why->status, why->text ? why->text : why->reason ? why->reason : "");
    snprintf(call->end_text, sizeof call->end_text, "%s", why->reason ? why->reason : "");
    call_late_refuse(call);
    end_legs(call, why);
    for (unsigned i = 0; i < call->n_br; i++)
        media_close(&call->br[i].media, call->rtp && call->won == &call->br[i] ? call->fsm.tag : NULL);
    exch_free(call->x);
    call->x = NULL;
    fsm_to(&call->fsm, is_quiet(call) ? CALL_DEAD : CALL_DYING);
}

void call_end_status(struct call *call, int status, unsigned retry_after, const char *reason)
{
    call_end(call, &(struct leg_why){.status = status, .retry_after = retry_after, .reason = reason});
}


/* What an end is to those who still wait for an answer, and to the established leg. */
void call_end_event(struct call *call, int ev, const struct call_ev *e)
{
    bool w2 = call->origin == SIP_W2;

    call->hung_up = ev == EV_BYE || ev == EV_STOP;
    switch (ev) {
    case EV_CANCEL:
        call_end_status(call, 487, 0, e->reason);
        break;
    case EV_BYE: /* RFC 3261 15.1.2: whatever is pending gets 487 */
        call_end_status(call, e->leg == &call->near ? 487 : 480, 0, e->reason);
        break;
    case EV_FAULT:
        call_end_status(call, 503, 0, e->reason);
        break;
    case EV_EXPIRED:
        call_end_status(call, e->status, 0, e->reason);
        break;
    case EV_GONE:
        count_add(&call->calls->counts[CALL_C_IQ_FAILED], 1);
        call_end_status(call, 503, 0, "SIP;cause=503;text=\"Media gateway lost\"");
        break;
    case EV_FLOW_CLOSED: /* sip-sdp 2.7: WIC flow gone */
        call_end_status(call, 480, 0, w2 && !call->established ? NULL : "SIP;cause=480;text=\"Flow lost\"");
        break;
    case EV_NO_ACK:
        call_end_status(call, 500, 0, "SIP;cause=408;text=\"No ACK\"");
        break;
    case EV_STOP:
        call_end_status(call, 503, 5, "SIP;cause=503;text=\"Service stops\"");
        break;
    default: /* EV_TIMEOUT */
        call_end_status(call, 503, 0, "SIP;cause=503;text=\"Timeout\"");
        break;
    }
}

int call_far_status(int status)
{
    static const struct {
        int first, last, to;
    } rows[] = {
        {300, 399, 480}, {401, 401, 500}, {407, 407, 500}, {420, 421, 500}, {422, 423, 500},
        {482, 483, 500}, {494, 494, 500}, {430, 430, 480},
    };

    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        if (status >= rows[i].first && status <= rows[i].last)
            return rows[i].to;
    }
    return status;
}

/* --- results of Iq --- */

void call_on_iq(void *arg, const struct iq_result *r)
{
    struct branch *br = arg;
    struct call_ev e = {.br = br, .res = r};

    if (!r->ok)
        count_add(&br->call->calls->counts[CALL_C_IQ_FAILED], 1);
    fsm_event(&br->call->fsm, r->ok ? EV_IQ_OK : EV_IQ_FAIL, &e);
}

/* Refused or lost, the reset is not worth waiting for: the channel leaves its group anyway. */
void call_on_reset(void *arg, const struct iq_result *r)
{
    struct branch *br = arg;

    if (!r->ok)
        fsm_event(&br->call->fsm, EV_RESET_DONE, &(struct call_ev){.br = br});
}

/* --- connections of the core: the session outlives them for a while --- */

static void cut_forget(struct branch *br, struct cut c)
{
    unsigned n = 0;

    for (unsigned i = 0; i < br->n_cut; i++) {
        if (br->cut[i].access != c.access || (c.stream && br->cut[i].stream != c.stream))
            br->cut[n++] = br->cut[i];
    }
    br->n_cut = n;
}

static bool is_alive(const struct layout *lay, uint16_t stream)
{
    for (unsigned i = 0; lay && i < lay->n; i++) {
        if ((!stream || lay->ch[i].stream == stream) && lay->ch[i].state != CHAN_GONE)
            return true;
    }
    return false;
}

void call_settle(struct call *call)
{
    struct branch *br = call->won;
    int to;

    for (unsigned i = br->n_cut; i-- > 0;) { /* a channel that was closed is not waited for */
        if (!is_alive(call->lay, br->cut[i].stream))
            br->cut[i] = br->cut[--br->n_cut];
    }
    to = br->n_cut ? CALL_CUT : CALL_ACTIVE;
    if (call->fsm.state != to)
        fsm_to(&call->fsm, to);
    if (call->lock)
        call_lock(call);
}

static void on_link(struct branch *br, struct cut c, bool lost)
{
    struct call *call = br->call;
    int state = call->fsm.state;

    cut_forget(br, c);
    if (lost && br->n_cut < CALL_CUT_MAX)
        br->cut[br->n_cut++] = c;
    log_info("call", "%s stream=%u side=%s msg=\"MSRP connection %s\"", call->fsm.tag, c.stream, c.access ? "access" : "core",
             lost ? "lost" : "there again");
    if (br == call->won && (state == CALL_ACTIVE || state == CALL_CUT)) /* else once the call settles */
        fsm_event(&call->fsm, EV_LINK, &(struct call_ev){.br = br});
}

/* A stream that the call has given up; its termination may still have it. */
static bool is_off(const struct call *call, uint16_t stream)
{
    return call->lay && !call->x && stream && !layout_has(call->lay, stream);
}

/* The gateway tells of the SCTP association that ended with its DTLS; the new one follows. */
static bool is_of_old(const struct call *call, enum iq_event ev)
{
    return call->renewed && uv_now(&call->calls->alg->loop) + 1 - call->renewed < CALL_RENEW_MS &&
           (ev == IQ_EV_SCTP_FAILED || ev == IQ_EV_SCTP_RELEASED || ev == IQ_EV_DTLS_RELEASED);
}

/* The channels left a bundle that was theirs: their association ends, its transport does not. */
static bool is_left(const struct call *call, const struct iq_observed *ev)
{
    const struct layout *l = call->x ? &call->x->lay : call->lay;

    return l && l->dc_owner && l->dc_owner == ev->stream && (ev->event == IQ_EV_SCTP_FAILED || ev->event == IQ_EV_SCTP_RELEASED);
}

static void on_notify(void *arg, struct sv termid, const struct iq_observed *ev)
{
    struct branch *br = arg;
    const char *reason = NULL;
    struct call_ev e = {.br = br};

    switch (media_event_of(ev, &reason)) {
    case MEDIA_EV_FAILED:
        if (exch_drops(br->call->x, ev->stream) || is_off(br->call, ev->stream) || is_of_old(br->call, ev->event) ||
            is_left(br->call, ev))
            break;
        log_info("call", "%s term=%.*s stream=%u msg=\"media failed\" reason=\"%s\"", br->call->fsm.tag,
                 SV_ARG(termid), ev->stream, reason);
        e.reason = reason;
        fsm_event(&br->call->fsm, EV_FAULT, &e);
        break;
    case MEDIA_EV_RESET:
        fsm_event(&br->call->fsm, EV_RESET_DONE, &e);
        break;
    case MEDIA_EV_CUT:
    case MEDIA_EV_MENDED:
        on_link(br, (struct cut){ev->stream, sv_is(termid, br->media.t1)}, ev->event == IQ_EV_TCP_RELEASED);
        break;
    default:
        log_debug("call", "%s term=%.*s msg=\"notify\"", br->call->fsm.tag, SV_ARG(termid));
        break;
    }
}

static void on_gone(void *arg)
{
    struct branch *br = arg;

    fsm_event(&br->call->fsm, EV_GONE, &(struct call_ev){.br = br});
}

void call_iq_h(struct branch *br, struct iq_ctx_h *h)
{
    *h = (struct iq_ctx_h){.notify = on_notify, .gone = on_gone, .arg = br};
}

/* --- the states of an established call and after --- */

/* A callee that answered or refused after it was told to stop. true: taken care of. */
static void late_answer(int ev, struct call_ev *e, const char *reason)
{
    if (ev == EV_ANSWER) { /* CANCEL and 200 crossed (RFC 3261 9.1): take it and hang up */
        leg_confirm(e->leg, SV_NONE);
        leg_end(e->leg, &(struct leg_why){.status = 487, .reason = reason});
    }
}

static void on_active(struct fsm *f, int ev, void *data)
{
    struct call *call = f->owner;
    struct call_ev *e = data;

    switch (ev) {
    case EV_REINVITE:
        call_change(call, e->leg, e->body);
        break;
    case EV_ANSWER:
    case EV_REJECT:
        late_answer(ev, e, NULL);
        break;
    case EV_ACK:
        call_acked(call, e->leg, e->body);
        break;
    case EV_FLOW_BACK:
    case EV_RESET_DONE:
    case EV_CANCEL: /* crossed with our 2xx */
    case EV_TIMEOUT:
        break;
    case EV_FLOW_CLOSED:
        log_info("call", "%s msg=\"the WIC lost its connection\"", f->tag);
        fsm_to(f, CALL_ORPHAN);
        break;
    case EV_LINK:
        call_settle(call);
        break;
    default:
        call_end_event(call, ev, e);
        break;
    }
}

static void on_cut(struct fsm *f, int ev, void *data)
{
    if (ev == EV_TIMEOUT) /* TS 24.229 5.2.8.1.2: a bearer is lost */
        call_end_status(f->owner, 503, 0, "SIP;cause=503;text=\"MSRP connection lost\"");
    else
        on_active(f, ev, data);
}

static void on_orphan(struct fsm *f, int ev, void *data)
{
    struct call *call = f->owner;
    struct call_ev *e = data;

    switch (ev) {
    case EV_FLOW_BACK:
        log_info("call", "%s msg=\"the WIC is back\"", f->tag);
        call_settle(call);
        break;
    case EV_REINVITE:
        leg_refuse(e->leg, &(struct leg_why){.status = 480});
        break;
    case EV_ACK:
    case EV_RESET_DONE:
    case EV_CANCEL:
    case EV_FLOW_CLOSED:
        break;
    case EV_TIMEOUT:
        call_end_status(call, 480, 0, "SIP;cause=480;text=\"Flow lost\"");
        break;
    default:
        call_end_event(call, ev, e);
        break;
    }
}

static void on_dying(struct fsm *f, int ev, void *data)
{
    struct call *call = f->owner;
    struct call_ev *e = data;
    const struct leg_why why = {.status = 487, .reason = call->end_text[0] ? call->end_text : NULL};

    if (ev == EV_TIMEOUT) {
        log_warn("call", "%s msg=\"an answer never came\"", f->tag);
        fsm_to(f, CALL_DEAD);
        return;
    }
    if (ev == EV_ANSWER)
        late_answer(ev, e, why.reason);
    if (ev == EV_NO_ACK || ev == EV_ACK || (ev == EV_REJECT && e->leg && e->leg->up))
        end_legs(call, &why); /* the BYE that waited for the ACK, or for the end of a change */
    if (is_quiet(call))
        fsm_to(f, CALL_DEAD);
}

static void on_dead(struct fsm *f, int ev, void *data)
{
    (void)data;
    if (ev == EV_TIMEOUT)
        call_free_later(f->owner);
}
