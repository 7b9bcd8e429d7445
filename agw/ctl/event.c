/* Armed events and NOTIFY. One NOTIFY carries one event. */
#include "agw/ctl/event.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "agw/ctl/transport.h"
#include "common/log.h"

#define TIMESTAMP_LEN 18 /* "20260101T12000000" */

/* --- arming --- */

void event_disarm(struct term *t)
{
    if (t->beat_at != MSEC_NEVER)
        DL_DELETE2(t->ctx->ctl->beating, t, beat_prev, beat_next);
    t->beat_at = MSEC_NEVER;
    t->has_events = false;
    t->heartbeat.set = false;
    t->notify_cause = false;
    t->inactivity.set = t->inactivity_dir.set = false;
}

void event_arm(struct term *t, const struct iq_term *asked, msec_t now)
{
    event_disarm(t);
    t->has_events = true;
    t->request_id = asked->request_id;
    t->heartbeat = asked->heartbeat;
    t->notify_cause = asked->notify_cause;
    t->inactivity = asked->inactivity;
    t->inactivity_dir = asked->inactivity_dir;
    if (!t->heartbeat.set || t->heartbeat.v == 0) /* H.248.36: 0 = off */
        return;
    t->beat_at = now + (msec_t)t->heartbeat.v * 1000;
    DL_APPEND2(t->ctx->ctl->beating, t, beat_prev, beat_next);
}

void event_arm_root(struct ctl *c, const struct iq_term *asked, msec_t now)
{
    c->root.request_id = asked->request_id;
    c->root.ito_ms =
        asked->ito.set ? (uint32_t)(asked->ito.v * 10) : 0; /* H.248.14: units of 10 ms */
    c->root.heard = now;
}

/* --- NOTIFY --- */

struct notify { /* one NOTIFY until its reply */
    struct ctl *ctl;
    uint32_t context, request_id;
    char term[TERM_ID_MAX];
    struct iq_observed ev;
    char text[BUS_TEXT]; /* of ev.pair or ev.cand */
};

static void timestamp(char out[TIMESTAMP_LEN])
{
    struct timespec ts;
    struct tm tm;
    char day[16], clock[16];

    clock_gettime(CLOCK_REALTIME, &ts);
    gmtime_r(&ts.tv_sec, &tm);
    strftime(day, sizeof day, "%Y%m%d", &tm);
    strftime(clock, sizeof clock, "%H%M%S", &tm);
    snprintf(out, TIMESTAMP_LEN, "%.8sT%.6s%02u", day, clock,
             (unsigned)(ts.tv_nsec / 10000000) % 100);
}

static int notify_build(struct arena *a, struct h248_txn *txn, void *arg)
{
    const struct notify *n = arg;
    struct h248_action *ac = h248_action_new(a, txn, n->context);
    struct sv id = arena_sv(a, sv_from(n->term));
    struct h248_cmd *cmd = id.p ? h248_cmd_new(a, ac, H248_NOTIFY, id) : NULL;
    struct iq_observed ev = n->ev;
    char at[TIMESTAMP_LEN];

    if (!cmd)
        return -ENOMEM;
    timestamp(at);
    ev.timestamp = sv_from(at);
    return iq_put_observed(a, n->request_id, &ev, cmd);
}

/* The error of a reply at whatever level it stands; 0: none. */
static unsigned reply_error(const struct h248_txn *reply)
{
    const struct h248_action *ac = reply->actions;
    const struct h248_desc *d;

    if (reply->error)
        return reply->error->code;
    if (!ac)
        return 0;
    if (ac->error)
        return ac->error->code;
    d = ac->cmds ? h248_desc_find(ac->cmds->descs, H248_D_ERROR) : NULL;
    return d ? d->u.error.code : 0;
}

/* H.248.36: a controller that does not know the termination leaves it hanging here: release it. */
static void hanging(struct notify *n, unsigned code)
{
    struct term *t = term_find(n->ctl, sv_from(n->term));
    struct ctx *x = t ? t->ctx : NULL;

    if (!t || (code != 411 && code != 430 && code != 431 && code != 435))
        return;
    log_warn("ctl", "ctx=%u term=%s msg=\"unknown to the controller: released\" error=%u",
             n->context, n->term, code);
    count_add(&n->ctl->counts[CTL_C_ORPHANED], 1);
    term_free(t);
    if (!x->n_terms)
        ctx_free(x);
}

static void link_told(struct ctl *c, const char *term, uint16_t stream);

static void notify_reply(void *arg, enum trans_result result, const struct h248_txn *reply)
{
    struct notify *n = arg;
    unsigned code = result == TRANS_REPLY ? reply_error(reply) : 0;

    n->ctl->notifying--;
    if (result != TRANS_REPLY && result != TRANS_CLOSED) {
        count_add(&n->ctl->counts[CTL_C_NOTIFY_LOST], 1);
        log_warn("ctl", "ctx=%u term=%s msg=\"no reply to Notify\"", n->context, n->term);
    } else if (code) {
        log_warn("ctl", "ctx=%u term=%s msg=\"Notify refused\" error=%u", n->context, n->term,
                 code);
        hanging(n, code);
    }
    link_told(n->ctl, n->term, n->ev.event == IQ_EV_TCP_RELEASED ||
                                       n->ev.event == IQ_EV_TCP_ESTABLISHED
                                   ? n->ev.stream
                                   : H248_STREAM_NONE);
    free(n);
}

static void keep_text(struct notify *n, struct iq_text *t)
{
    if (!t->set)
        return;
    sv_copy(t->v, n->text, sizeof n->text);
    t->v = sv_from(n->text);
}

static int notify(struct ctl *c, uint32_t context, const char *term, uint32_t request_id,
                   const struct iq_observed *ev)
{
    struct notify *n = c->notifying < CTL_NOTIFY ? calloc(1, sizeof *n) : NULL;
    int err = n ? 0 : -ENOBUFS;

    if (n) {
        *n = (struct notify){.ctl = c, .context = context, .request_id = request_id, .ev = *ev};
        sv_copy(sv_from(term), n->term, sizeof n->term);
        keep_text(n, &n->ev.pair);
        keep_text(n, &n->ev.cand);
        c->notifying++; /* before: the reply may come from within */
        err = c->h.request(c->h.arg, notify_build, n, notify_reply, n);
        if (err) {
            c->notifying--;
            free(n);
        }
    }
    count_add(&c->counts[err ? CTL_C_NOTIFY_LOST : CTL_C_NOTIFIED], 1);
    if (err)
        log_warn("ctl", "ctx=%u term=%s msg=\"Notify not sent\" err=%d", context, term, -err);
    return err;
}

/* --- what happened on the bus --- */

static const struct what {
    enum bus_what what;
    enum iq_event event;
    const char *cause; /* g/cause when the event itself is not armed; NULL: nothing */
    bool warn; /* not what the data thread has warned of already */
    int count; /* of ctl_counters; 0: none */
} whats[] = {
    {BUS_EV_ICE_LOST, IQ_EV_CONSENT_LOST, "FT", true, CTL_C_ICE_LOST},
    {BUS_EV_ICE_UP, IQ_EV_ICE_UP, NULL, false, 0},
    {BUS_EV_ICE_FAILED, IQ_EV_ICE_FAILED, "FT", true, CTL_C_ICE_FAILED},
    {BUS_EV_ICE_PEER, IQ_EV_ICE_PEER, NULL, false, 0},
    {BUS_EV_DTLS_FAILED, IQ_EV_DTLS_FAILED, "FT", true, CTL_C_DTLS_FAILED},
    {BUS_EV_DTLS_CLOSED, IQ_EV_DTLS_RELEASED, "NR", false, 0},
    {BUS_EV_SCTP_FAILED, IQ_EV_SCTP_FAILED, "FT", false, 0},
    {BUS_EV_SCTP_CLOSED, IQ_EV_SCTP_RELEASED, "NR", false, 0},
    {BUS_EV_CHAN_RESET_DONE, IQ_EV_SCTP_RESET, NULL, false, 0},
    {BUS_EV_CHAN_CLOSED, IQ_EV_SCTP_RESET, NULL, false, 0},
    {BUS_EV_TCP_FAILED, IQ_EV_TCP_FAILED, "FT", false, 0},
    {BUS_EV_TCP_CLOSED, IQ_EV_TCP_RELEASED, "NR", false, 0},
    {BUS_EV_TCP_UP, IQ_EV_TCP_ESTABLISHED, NULL, false, 0},
    {BUS_EV_INACTIVE, IQ_EV_INACTIVE, NULL, false, CTL_C_INACTIVE},
    {BUS_EV_MSRP_BAD, IQ_EV_TCP_FAILED, "FT", false, 0},
};

static bool is_armed(const struct stream *s, enum iq_event ev)
{
    switch (ev) {
    case IQ_EV_CONSENT_LOST:
        return s->spec.notify_consent;
    case IQ_EV_ICE_UP:
    case IQ_EV_ICE_FAILED:
        return s->spec.notify_ice;
    case IQ_EV_ICE_PEER:
        return s->spec.notify_ice_peer;
    case IQ_EV_DTLS_FAILED:
    case IQ_EV_DTLS_RELEASED:
        return s->spec.notify_dtls;
    case IQ_EV_SCTP_FAILED:
    case IQ_EV_SCTP_RELEASED:
        return s->spec.notify_sctp;
    case IQ_EV_SCTP_RESET:
        return s->spec.notify_sctp_reset;
    case IQ_EV_TCP_FAILED:
    case IQ_EV_TCP_RELEASED:
    case IQ_EV_TCP_ESTABLISHED:
        return s->spec.notify_tcp;
    case IQ_EV_INACTIVE:
        return s->term->inactivity.set;
    default:
        return false;
    }
}

/* --- a TCP connection that is lost and comes back --- */

/* One NOTIFY at a time, so that Rel and Est cannot overtake each other; the last state is told in the end. */
static void link_tell(struct stream *s)
{
    struct term *t = s->term;
    struct iq_observed ev = {.event = s->is_cut ? IQ_EV_TCP_RELEASED : IQ_EV_TCP_ESTABLISHED,
                             .stream = s->spec.id};

    if (s->telling || s->told_cut == s->is_cut || !is_armed(s, ev.event))
        return;
    s->told_cut = s->is_cut;
    s->telling = true; /* before: the reply may come from within */
    if (notify(t->ctx->ctl, t->ctx->id, t->id, t->request_id, &ev))
        s->telling = false;
}

static void link_told(struct ctl *c, const char *term, uint16_t stream)
{
    struct term *t = stream == H248_STREAM_NONE ? NULL : term_find(c, sv_from(term));
    struct stream *s = t ? term_stream(t, stream) : NULL;

    if (!s || !s->telling)
        return;
    s->telling = false;
    link_tell(s);
}

static void observe(struct stream *s, const struct what *w, const char *text)
{
    struct term *t = s->term;
    struct iq_observed ev = {.event = w->event, .stream = s->spec.id};
    const struct stream *carrier = s->kind == STREAM_CHAN ? stream_carrier(s) : NULL;

    if (w->event == IQ_EV_TCP_RELEASED || w->event == IQ_EV_TCP_ESTABLISHED) {
        s->is_cut = w->event == IQ_EV_TCP_RELEASED;
        link_tell(s);
        if (is_armed(s, w->event))
            return;
    }
    if (w->event == IQ_EV_SCTP_RESET)
        ev.sctp_id = s->spec.sctpid;
    if (w->event == IQ_EV_ICE_UP && text[0])
        ev.pair = (struct iq_text){true, sv_from(text)};
    if (w->event == IQ_EV_ICE_PEER)
        ev.cand = (struct iq_text){true, sv_from(text)};
    if (!is_armed(s, w->event)) {
        if (carrier && is_armed(carrier, w->event)) {
            ev.stream = carrier->spec.id;
        } else if (t->notify_cause && w->cause) {
            ev = (struct iq_observed){.event = IQ_EV_CAUSE, .cause = {true, sv_from(w->cause)}};
        } else {
            return;
        }
    }
    notify(t->ctx->ctl, t->ctx->id, t->id, t->request_id, &ev);
}

/* Of the streams on a transport the one that wants to hear of it; else the one that speaks for it. */
static struct stream *rider(const struct transport *tp, const struct what *w)
{
    struct stream *s;

    DL_FOREACH(tp->term->streams, s)
    {
        if (w && s->tp == tp && is_armed(s, w->event))
            return s;
    }
    return transport_lead(tp);
}

void event_bus(struct ctl *c, const struct bus_event *ev)
{
    struct ep *ep = ep_find(c, ev->id);
    const struct what *w = NULL;
    struct stream *s;

    for (unsigned i = 0; i < ARRAY_LEN(whats) && !w; i++) {
        if (whats[i].what == ev->what)
            w = &whats[i];
    }
    s = !ep ? NULL : ep->tp ? rider(ep->tp, w) : ep->stream;
    if (!s)
        return; /* late news of something that is gone */
    if (w && w->count)
        count_add(&c->counts[w->count], 1);
    log_write(w && w->warn ? LOG_WARN : LOG_INFO, "ctl",
              "ctx=%u term=%s s=%u msg=\"%s\" why=\"%s\"", s->term->ctx->id, s->term->id,
              s->spec.id, bus_what_name(ev->what), ev->text);
    if (w)
        observe(s, w, ev->text);
}

/* --- time --- */

static void beat(struct term *t, msec_t now)
{
    const struct iq_observed ev = {.event = IQ_EV_HEARTBEAT};

    t->beat_at = now + (msec_t)t->heartbeat.v * 1000;
    DL_DELETE2(t->ctx->ctl->beating, t, beat_prev,
               beat_next); /* to the end: who is due next stands in front */
    DL_APPEND2(t->ctx->ctl->beating, t, beat_prev, beat_next);
    notify(t->ctx->ctl, t->ctx->id, t->id, t->request_id, &ev);
}

/* A reply from within notify may release terminations: look for the next due one from the start.
 * Each of them is due later after its turn, so this ends. */
static struct term *due(const struct ctl *c, msec_t now)
{
    struct term *t;

    DL_FOREACH2(c->beating, t, beat_next)
    {
        if (t->beat_at <= now)
            return t;
    }
    return NULL;
}

void event_tick(struct ctl *c, msec_t now)
{
    struct term *t;

    while ((t = due(c, now)) != NULL)
        beat(t, now);
    if (c->root.ito_ms && now - c->root.heard >= c->root.ito_ms) {
        const struct iq_observed ev = {.event = IQ_EV_ITO};

        c->root.heard = now;
        notify(c, H248_CTX_NULL, "ROOT", c->root.request_id, &ev);
    }
}
