/* What a leg does by itself as time passes: it refreshes its session or finds it expired (RFC 4028 7.2, 10), and repeats a
 * re-INVITE that crossed one of the other side (RFC 3261 14.1). */
#include "alg/call/call_fsm.h"
#include "common/log.h"
#include "common/rnd.h"

#define REFRESH_AGAIN_MS 10000 /* after a refresh that failed, or could not be sent */
#define GLARES_MAX 3

static uv_loop_t *loop_of(struct leg *leg)
{
    return &leg->call->calls->alg->loop;
}

static void on_due(void *arg);

static void set_due(struct leg *leg, uint64_t ms)
{
    if (alarm_set(&leg->due, loop_of(leg), ms, on_due, leg))
        log_warn("call", "%s msg=\"no memory: the session is not watched\"", leg->call->fsm.tag);
}

void leg_timers_stop(struct leg *leg)
{
    alarm_stop(&leg->due);
    alarm_stop(&leg->again);
}

void leg_renew(struct leg *leg)
{
    uint64_t ms = leg->session.ours ? session_refresh_ms(&leg->session) : session_expiry_ms(&leg->session);

    leg->renewed = uv_now(loop_of(leg));
    if (leg->session.interval)
        set_due(leg, ms);
    else
        alarm_stop(&leg->due);
}

static void expired(struct leg *leg)
{
    log_info("call", "%s side=%s msg=\"session expired\" interval=%u", leg->call->fsm.tag, leg->side == SIP_W2 ? "w2" : "mw",
             leg->session.interval);
    leg_event(leg, EV_EXPIRED, &(struct call_ev){.status = 408, .reason = "SIP;cause=408;text=\"Session expired\""});
}

static void refresh(struct leg *leg);

static void on_refreshed(void *arg, struct sip_out *out, int status, const struct sip_msg *m)
{
    struct leg *leg = arg;
    bool invite = leg->out && leg->out == out;

    if (status < 200 || !leg->refreshing)
        return;
    leg->refreshing = false;
    if (invite)
        leg->out = NULL;
    if (status < 300 && invite)
        sip_ack(leg->dlg, NULL, SV_NONE);
    if (leg->over) {
        leg_event(leg, EV_LEG_DONE, &(struct call_ev){.status = status});
        return;
    }
    if (status < 300) {
        session_answered(&leg->session, m);
        leg_renew(leg);
    } else if (status == 481 || (status == 408 && m)) { /* RFC 3261 12.2.1.2 */
        expired(leg);
    } else if ((status == 405 || status == 501) && !invite) {
        leg->session.update = false;
        refresh(leg);
    } else if (status == 422 && m && !session_too_small(&leg->session, m)) {
        refresh(leg);
    } else {
        set_due(leg, REFRESH_AGAIN_MS);
    }
}

/* By UPDATE without a body where it is known, else by the INVITE that was agreed last. */
static void refresh(struct leg *leg)
{
    struct sip_hdr hdrs[SESSION_HDRS + 2] = {{NULL, NULL}};
    unsigned n = session_ask_hdrs(&leg->session, hdrs);
    bool update = leg->session.update;
    int err;

    hdrs[n] = (struct sip_hdr){"Supported", "timer"};
    set_due(leg, REFRESH_AGAIN_MS * 4);
    if (leg->refreshing || (!update && (leg->out || leg->in || leg->wait_ack || leg->again.t)))
        return;
    leg->refreshing = true;
    if (update)
        err = sip_dlg_request(leg->dlg, NULL, "UPDATE", hdrs, SV_NONE, NULL, on_refreshed, leg);
    else
        err = sip_dlg_request(leg->dlg, &leg->out, "INVITE", hdrs, sdp_own_body(&leg->own), NULL, on_refreshed, leg);
    if (err) { /* the WIC's connection is gone: it may come back in time */
        leg->refreshing = false;
        set_due(leg, REFRESH_AGAIN_MS);
    }
}

static void on_due(void *arg)
{
    struct leg *leg = arg;

    if (!leg->up || leg->over || !leg->session.interval)
        return;
    if (leg->session.ours && uv_now(loop_of(leg)) - leg->renewed < session_expiry_ms(&leg->session))
        refresh(leg);
    else
        expired(leg);
}

/* --- glare --- */

static void on_again(void *arg)
{
    struct leg *leg = arg;

    if (leg->dropped || leg_send_invite(leg))
        leg_event(leg, EV_REJECT, &(struct call_ev){.status = leg->dropped ? 487 : 480});
}

bool leg_repeat(struct leg *leg)
{
    /* Who made the Call-ID, which is the caller, waits 2.1 to 4 s, the other up to 2 s, in steps of 10 ms. */
    uint64_t ms = leg->br ? 2100 + 10 * (rnd_u32() % 191) : 10 * (rnd_u32() % 201);

    if (leg->glares++ >= GLARES_MAX || alarm_set(&leg->again, loop_of(leg), ms, on_again, leg))
        return false;
    log_info("call", "%s msg=\"491: asked again\" ms=%u", leg->call->fsm.tag, (unsigned)ms);
    return true;
}
