/* Calls as they may go: at each step of each kind of call, each fault; and after each fault each other. Whatever happens:
 * every request is answered once, every dialog ends by one BYE, every context is released once, no call is left. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/log.h"
#include "tests/fake/call_media.h"
#include "tests/fake/call_world.h"

enum kind { MO, MT, MT_FORK, MO_ADD, MO_REMOVE, MT_ADD, AV_MO, AV_EARLY, AV_MT, AV_LATE, AV_LATE_W2, AV_BUNDLE, AV_LOCK, UE_MO, UE_MT, AV_VIDEO_W2,
            AV_VIDEO_MW, AV_HOLD, AV_ASKED, AV_RENEW, AV_CLOSE, UE_ADD_W2, UE_ADD_MW, UE_REMOVE, KINDS };
enum fault {
    F_NONE,
    F_CANCEL,
    F_BYE_W2,
    F_BYE_MW,
    F_IQ_510,
    F_IQ_TIMEOUT,
    F_IQ_EMPTY,
    F_GONE,
    F_DTLS,
    F_RESET,
    F_REJECT,
    F_NO_RESPONSE,
    F_BAD_ANSWER,
    F_ALL_REFUSED,
    F_FLOW,
    F_TIMEOUT,
    F_STOP,
    F_NO_ACK,
    F_EXPIRED,  /* a session that nobody refreshed */
    F_NO_PRACK,
    F_REINVITE_W2,
    F_REINVITE_MW,
    FAULTS
};

static const char two_chans[] = WIC_HEAD("actpass") WIC_CHAN("0", "actpass") WIC_CHAN("2", "actpass");
static const char two_chans_answer[] = WIC_HEAD("active") WIC_CHAN("0", "active") WIC_CHAN("2", "active");
static const char core_two[] = CORE_HEAD CORE_LINE("49200", "passive") CORE_LINE("49202", "passive");
static const char core_second[] = CORE_HEAD "m=message 0 TCP/MSRP *\r\n" CORE_LINE("49202", "passive");

static const char av_answer[] = W2_HEAD W2_AUDIO("54400", "0 126", "active", "sendrecv") W2_VIDEO("102", "active");
static const char audio_core[] = MW_HEAD MW_AUDIO("49170", "sendrecv");
static const char audio_answer[] = W2_ANSWER("0 126", "sendrecv");
static const char audio_two[] = MW_HEAD "m=audio 49170 RTP/AVP 0 8 126\r\na=rtpmap:126 telephone-event/8000\r\n";
static const char audio_dc[] = AUDIO_ONLY("sendrecv") W2_DC("2", "actpass");
static const char audio_dc_gone[] = AUDIO_ONLY("sendrecv") "m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:2\r\n";
static const char audio_renewed[] =
    W2_HEAD "m=audio 9 UDP/TLS/RTP/SAVPF 0 126\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:NEWW\r\na=ice-pwd:newnewnewnewnewnewnewnew\r\n"
    "a=fingerprint:sha-256 5A:EC:4F:EC:4F:EC:4F:EC:4F:EC:4F:EC:4F:EC:4F:EC:4F:EC:4F:EC:4F:EC:4F:EC:4F:EC:4F:EC:4F:EC:4F:EC\r\n"
    "a=setup:actpass\r\na=mid:0\r\na=rtcp-mux\r\na=rtpmap:126 telephone-event/8000\r\n";

/* An IMS UE with m=message lines beside audio. */
static bool is_ue(enum kind k)
{
    return k == UE_MO || k == UE_MT || k == UE_ADD_W2 || k == UE_ADD_MW || k == UE_REMOVE;
}

static const char ue_audio[] = UE_HEAD "m=audio 9 RTP/AVP 0\r\nc=IN IP4 203.0.113.7\r\n" W2_ICE "a=rtcp-mux\r\n";
static const char ue_both[] = UE_HEAD "m=audio 9 RTP/AVP 0\r\nc=IN IP4 203.0.113.7\r\n" W2_ICE "a=rtcp-mux\r\n" UE_MSRP("uefr", "x", "");
static const char ue_gone[] = UE_HEAD "m=audio 9 RTP/AVP 0\r\nc=IN IP4 203.0.113.7\r\n" W2_ICE "a=rtcp-mux\r\nm=message 0 TCP/MSRP *\r\n";
static const char ue_core[] = MW_HEAD MW_AUDIO("49170", "sendrecv");
static const char ue_core_both[] = MW_HEAD MW_AUDIO("49170", "sendrecv") MW_MSRP("49200", "passive");
static const char ue_core_gone[] = MW_HEAD MW_AUDIO("49170", "sendrecv") "m=message 0 TCP/MSRP *\r\n";
static const char ue_called[] = W2_HEAD W2_AUDIO("54400", "0 126", "active", "sendrecv") UE_MSRP("uefr", "x", "");

static void begin_ue(enum kind k)
{
    W.calls->conf.policy.msrp_tcp = W.calls->conf.policy.plain_rtp = W.binding[0].msrp_tcp = true;
    if (k == UE_MT)
        request((struct sip_msg){.method = "INVITE", .uri = "sip:b@h", .body = ue_core_both, .side = SIP_MW});
    else
        request((struct sip_msg){.method = "INVITE", .uri = "sip:b@h", .side = SIP_W2, .flow = WIC_FLOW,
                                 .body = k == UE_MO || k == UE_REMOVE ? ue_both : ue_audio});
}

static const char *answer_ue(enum kind k, const struct sip_out *o, bool changed)
{
    if (o->dlg->side == SIP_W2)
        return k == UE_MT ? ue_called : ue_both;
    if (k == UE_REMOVE)
        return changed ? ue_core_gone : ue_core_both;
    return k == UE_MO || changed ? ue_core_both : ue_core;
}

static void begin_av(enum kind k)
{
    world_open(1);
    W.av = true;
    W.calls->conf.policy.browser = k == AV_BUNDLE;
    W.calls->conf.media_inactivity_s = 60;
    if (is_ue(k)) {
        begin_ue(k);
        return;
    }
    if (k == AV_MT || k == AV_LATE)
        request((struct sip_msg){.method = "INVITE", .uri = "sip:b@h", .body = k == AV_LATE ? NULL : A3, .side = SIP_MW});
    else
        request((struct sip_msg){.method = "INVITE", .uri = "sip:b@h", .side = SIP_W2, .flow = WIC_FLOW,
                                 .body = k == AV_LATE_W2 ? NULL : k == AV_BUNDLE ? W2_MAX_BUNDLE : k == AV_MO || k == AV_EARLY ? A1
                                         : k == AV_CLOSE ? audio_dc : AUDIO_ONLY("sendrecv")});
}

static const char *answer_av(enum kind k, const struct sip_out *o, bool changed)
{
    if (is_ue(k))
        return answer_ue(k, o, changed);
    if (k == AV_LATE)
        return A1;
    if (k == AV_LATE_W2)
        return A3;
    if (k == AV_MT)
        return av_answer;
    if (o->dlg->side == SIP_W2)
        return changed && k == AV_VIDEO_MW ? W2_ANSWER("0 126", "sendrecv") W2_VIDEO("102", "active") : audio_answer;
    if (k == AV_LOCK)
        return audio_two;
    if (k == AV_CLOSE)
        return changed ? MW_HEAD MW_AUDIO("49170", "sendrecv") "m=message 0 TCP/MSRP *\r\n"
                       : MW_HEAD MW_AUDIO("49170", "sendrecv") MW_MSRP("49200", "active");
    if (k == AV_BUNDLE)
        return A3 MW_MSRP("49200", "active");
    if (k == AV_MO || k == AV_EARLY || (changed && k == AV_VIDEO_W2))
        return A3;
    return changed && k == AV_HOLD ? MW_HEAD MW_AUDIO("49170", "recvonly") : audio_core;
}

static const char *change_av(enum kind k)
{
    if (is_ue(k))
        return k == UE_ADD_W2 ? ue_both : k == UE_ADD_MW ? ue_core_both : ue_gone;
    if (k == AV_RENEW || k == AV_CLOSE)
        return k == AV_RENEW ? audio_renewed : audio_dc_gone;
    return k == AV_VIDEO_W2 ? A1 : k == AV_VIDEO_MW ? A3 : AUDIO_ONLY("sendonly");
}

static void begin(enum kind k)
{
    bool mo = k == MO || k == MO_ADD || k == MO_REMOVE;

    if (k >= AV_MO) {
        begin_av(k);
        return;
    }
    world_open(k == MT_FORK ? 3 : 1);
    if (mo)
        request((struct sip_msg){.method = "INVITE", .uri = "sip:b@h", .body = k == MO_REMOVE ? two_chans : wic_offer,
                                 .side = SIP_W2, .flow = WIC_FLOW});
    else
        request((struct sip_msg){.method = "INVITE", .uri = "sip:b@h", .body = core_offer, .side = SIP_MW});
}

static const char *answer_for(enum kind k, const struct sip_out *o, bool changed)
{
    if (k >= AV_MO)
        return answer_av(k, o, changed);
    if (o->dlg->side == SIP_W2)
        return k == MT_ADD && changed ? two_chans_answer : wic_answer;
    if (k == MO_REMOVE)
        return changed ? core_second : core_two;
    return k == MO_ADD && changed ? CORE_HEAD CORE_LINE("49200", "active") CORE_LINE("49202", "passive") : core_answer;
}

static struct sip_in *unacked(void)
{
    struct sip_in *in;

    DL_FOREACH(W.ins, in)
        if (in->ack && in->answered && in->status < 300)
            return in;
    return NULL;
}

/* The next thing that happens when all goes well. false: the call is up and rests. */
static bool step(enum kind k, bool *changed)
{
    struct op *op = op_pending();
    struct sip_out *o = out_pending(NULL);
    struct sip_dlg *d;

    if (op) {
        op_ok(op);
    } else if (o && !strcmp(o->method, "INVITE") && k == AV_EARLY && !W.early_sent && !o->cancelled) {
        W.early_sent = true;
        respond(o, 183, A3);
    } else if (o && !strcmp(o->method, "INVITE")) {
        respond(o, o->cancelled ? 487 : 200, o->cancelled ? NULL : answer_for(k, o, *changed));
    } else if (o) {
        respond(o, 200, NULL);
    } else if (unacked()) {
        ack_with(unacked(), true, k == AV_LATE ? A3 : k == AV_LATE_W2 ? av_answer : k == AV_ASKED ? MW_HEAD MW_AUDIO("49170", "sendonly") : NULL);
    } else if (W.calls->list && W.calls->list->fsm.state == CALL_RE_RESETTING) {
        fsm_event(&W.calls->list->fsm, EV_TIMEOUT, NULL);
    } else if (!*changed && k >= AV_VIDEO_W2 && W.calls->list && W.calls->list->fsm.state == CALL_ACTIVE) {
        *changed = true;
        inside(dlg_of(k == AV_VIDEO_MW || k == AV_ASKED || k == UE_ADD_MW ? SIP_MW : SIP_W2), "INVITE", k == AV_ASKED ? NULL : change_av(k));
    } else if (!*changed && k >= MO_ADD && k < AV_MO && W.calls->list && W.calls->list->fsm.state == CALL_ACTIVE) {
        *changed = true;
        d = dlg_of(k == MT_ADD ? SIP_MW : SIP_W2);
        inside(d, "INVITE", k == MO_ADD ? two_chans : k == MT_ADD ? CORE_HEAD CORE_LINE("49200", "actpass") CORE_LINE("49202", "actpass")
                                                                  : WIC_HEAD("actpass") WIC_CHAN("2", "actpass"));
    } else {
        return false;
    }
    return true;
}

static void bye(enum sip_side side)
{
    struct sip_dlg *d;
    struct sip_out *o;

    DL_FOREACH(W.dlgs, d) {
        bool asked = false;

        DL_FOREACH(W.outs, o)
            asked = asked || (o->dlg == d && !d->up); /* a callee that has not answered sends no BYE */
        if (d->side == side && !d->freed && !d->ended && !asked) {
            inside(d, "BYE", NULL);
            return;
        }
    }
}

static void reinvite(enum sip_side side)
{
    struct sip_dlg *d = dlg_of(side);

    if (d && d->up && !d->ended && d->byes == 0)
        inside(d, "INVITE", side == SIP_W2 ? (W.av ? A1 : two_chans) : W.av ? A3 : core_offer);
}

static void iq_empty(struct op *op)
{
    struct arena *a = arena_new(256u << 10);
    struct iq_result r = {.ok = true, .term = ARENA_NEW(a, struct iq_term), .termid = SV("ip/1/x/9")};

    op->done = true;
    op->cb(op->arg, &r);
    arena_free(a);
}

static struct iq_ctx *live_ctx(void)
{
    struct iq_ctx *c;

    DL_FOREACH(W.ctxs, c)
        if (!c->released)
            return c;
    return NULL;
}

static void notify(enum iq_event ev)
{
    struct iq_ctx *c = live_ctx();

    if (c)
        c->h.notify(c->h.arg, SV("ip/1/access/8"), &(struct iq_observed){.event = ev, .stream = 1});
}

static void cancel(void)
{
    struct sip_in *in;

    DL_FOREACH(W.ins, in) {
        if (in->invite && !in->answered && in->cancelled) {
            in->cancelled(in->cancelled_arg, NULL);
            assert_int_equal(in->status, 487);
            return;
        }
    }
}

static void inject(enum fault f)
{
    struct op *op = op_pending();
    struct sip_out *o = out_pending("INVITE");
    struct iq_ctx *c = live_ctx();

    if (f == F_CANCEL)
        cancel();
    else if (f == F_BYE_W2 || f == F_BYE_MW)
        bye(f == F_BYE_W2 ? SIP_W2 : SIP_MW);
    else if ((f == F_IQ_510 || f == F_IQ_TIMEOUT) && op)
        op_fail(op, f == F_IQ_510 ? 510 : 0);
    else if (f == F_IQ_EMPTY && op)
        iq_empty(op);
    else if (f == F_GONE && c)
        c->h.gone(c->h.arg);
    else if (f == F_DTLS || f == F_RESET)
        notify(f == F_DTLS ? IQ_EV_DTLS_FAILED : IQ_EV_SCTP_RESET);
    else if ((f == F_REJECT || f == F_NO_RESPONSE) && o)
        respond(o, f == F_REJECT ? 486 : 408, NULL);
    else if ((f == F_BAD_ANSWER || f == F_ALL_REFUSED) && o)
        respond(o, 200, f == F_BAD_ANSWER ? "v=1" : CORE_HEAD "m=message 0 TCP/MSRP *\r\n");
    else if (f == F_FLOW)
        calls_flow_closed(W.calls, WIC_FLOW);
    else if (f == F_TIMEOUT && W.calls->list && W.calls->list->fsm.state != CALL_DEAD && W.calls->list->fsm.state != CALL_DYING)
        fsm_event(&W.calls->list->fsm, EV_TIMEOUT, NULL);
    else if (f == F_EXPIRED && W.calls->list && W.calls->list->near.up && !W.calls->list->near.over)
        fsm_event(&W.calls->list->fsm, EV_EXPIRED, &(struct call_ev){.status = 408, .leg = &W.calls->list->near});
    else if (f == F_NO_PRACK && W.calls->list && W.calls->list->near.side == SIP_MW && W.calls->list->near.in &&
             W.calls->list->near.in->prack)
        W.calls->list->near.in->prack(W.calls->list->near.in->prack_arg, NULL, NULL);
    else if (f == F_STOP && !W.calls->stopping)
        calls_stop(W.calls, NULL, NULL);
    else if (f == F_NO_ACK && unacked())
        ack_or_not(unacked(), false);
    else if (f == F_REINVITE_W2 || f == F_REINVITE_MW)
        reinvite(f == F_REINVITE_W2 ? SIP_W2 : SIP_MW);
}

/* first after `at` steps, second `gap` steps later, then the ordinary end. Returns false when the call rests before. */
static bool run(enum kind k, unsigned at, enum fault first, unsigned gap, enum fault second, bool late_200)
{
    bool changed = false, reached = true;

    begin(k);
    for (unsigned i = 0; i < at && reached; i++)
        reached = step(k, &changed);
    inject(first);
    for (unsigned i = 0; i < gap; i++)
        step(k, &changed);
    inject(second);
    if (late_200) {
        world_drain(true, answer_for(k, W.outs ? W.outs : &(struct sip_out){.dlg = W.dlgs}, changed));
    } else {
        for (unsigned i = 0; i < 60 && step(k, &changed); i++)
            ;
    }
    for (unsigned i = 0; i < 3 && W.calls->list && W.calls->list->fsm.state < CALL_DYING; i++) {
        if (W.calls->list->fsm.state == CALL_RE_RESETTING)
            fsm_event(&W.calls->list->fsm, EV_TIMEOUT, NULL);
        bye(i == 0 ? SIP_W2 : SIP_MW);
        world_drain(false, NULL);
    }
    world_drain(false, NULL);
    world_close();
    return reached;
}

static void test_each_fault_at_each_step(void **state)
{
    unsigned runs = 0;

    (void)state;
    for (int k = 0; k < KINDS; k++) {
        for (unsigned at = 0; run((enum kind)k, at, F_NONE, 0, F_NONE, false); at++) {
            for (int f = 1; f < FAULTS; f++) {
                run((enum kind)k, at, (enum fault)f, 0, F_NONE, false);
                run((enum kind)k, at, (enum fault)f, 0, F_NONE, true);
                runs += 2;
            }
        }
    }
    assert_true(runs > 1000); /* every kind has several steps, or nothing was tested */
}

static void test_each_pair_of_faults(void **state)
{
    (void)state;
    for (int k = 0; k < KINDS; k++) {
        for (unsigned at = 0; run((enum kind)k, at, F_NONE, 0, F_NONE, false); at++) {
            for (int f = 1; f < FAULTS; f++) {
                for (int g = 1; g < FAULTS; g++)
                    run((enum kind)k, at, (enum fault)f, (unsigned)(f + g) % 2, (enum fault)g, (f ^ g) & 1);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_fault_at_each_step),
        cmocka_unit_test(test_each_pair_of_faults),
    };

    log_init(LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
