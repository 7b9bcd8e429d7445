#include "agw/data/chan.h"

#include <errno.h>

#include "agw/data/data_limits.h"
#include "agw/data/dcep.h"
#include "common/log.h"

/* --- outwards --- */

static void sctp_trace(struct assoc *a, bool out, const uint8_t *p, size_t n)
{
    static const char *const titles[256] = {
        [1] = "INIT", [2] = "INIT ACK", [6] = "ABORT", [7] = "SHUTDOWN", [8] = "SHUTDOWN ACK", [9] = "ERROR",
        [10] = "COOKIE ECHO", [11] = "COOKIE ACK", [14] = "SHUTDOWN COMPLETE", [130] = "RE-CONFIG",
    };
    char text[64];
    const char *title = n > 12 ? titles[p[12]] : NULL; /* the chunk behind the common header */

    if (!a->env->conf.trace || !title)
        return;
    snprintf(text, sizeof text, "ports %u -> %u\n", p[0] << 8 | p[1], p[2] << 8 | p[3]);
    trace_msg(a->env->conf.trace, out ? "agw" : a->conf.peer, out ? a->conf.peer : "agw", "sctp", title, sv_from(text),
              NULL, NULL);
}

static void dcep_trace(struct assoc *a, bool out, const struct dcep *d, uint16_t sid)
{
    char text[256];

    if (!a->env->conf.trace)
        return;
    snprintf(text, sizeof text, "stream %u label %.*s protocol %.*s\n", sid, (int)(d->label.n < 64 ? d->label.n : 64),
             d->label.n ? d->label.p : "", (int)(d->protocol.n < 64 ? d->protocol.n : 64),
             d->protocol.n ? d->protocol.p : "");
    trace_msg(a->env->conf.trace, out ? "agw" : a->conf.peer, out ? a->conf.peer : "agw", "sctp",
              d->type == DCEP_OPEN ? "DATA_CHANNEL_OPEN" : "DATA_CHANNEL_ACK", sv_from(text), NULL, NULL);
}

static void output(struct assoc *a, const uint8_t *p, size_t n)
{
    struct env *env = a->env;

    sctp_trace(a, true, p, n);
    a->stats.tx_packets++;
    a->stats.tx_octets += n;
    if (a->conf.worker >= env->conf.n_workers ||
        bus_post_bytes(env->conf.workers[a->conf.worker], BUS_DTLS_SEND, a->id, p, n))
        env_count(env, DATA_C_DROPPED, 1);
}

static void flush(struct assoc *a)
{
    struct sctp_ev ev;

    while (a->s && sctp_next(a->s, &ev))
        if (ev.what == SCTP_OUTPUT)
            output(a, ev.p, ev.n);
}

/* --- one channel --- */

static struct chan *chan_find(struct assoc *a, uint16_t sid)
{
    struct chan *c;

    DL_FOREACH(a->chans, c)
        if (c->sid == sid && !(c->done_in && c->done_out))
            return c;
    return NULL;
}

static void chan_up(struct chan *c)
{
    c->usable = true;
    if (!c->told_up)
        env_event(c->env, c->id, BUS_EV_CHAN_UP, "");
    c->told_up = true;
    join_touch(c->env, c->join);
}

/* A negotiated channel needs no more than its stream. */
static void chan_try(struct chan *c)
{
    struct assoc *a = c->assoc;
    unsigned streams;

    if (!a->up || c->usable || !c->negotiated || c->reset_out || c->done_in)
        return;
    streams = sctp_streams(a->s);
    if (c->sid < streams)
        chan_up(c);
    else if (sctp_add_streams(a->s, c->sid + 1u))
        env_event(c->env, c->id, BUS_EV_CHAN_CLOSED, "no such stream");
}

static void chan_done(struct chan *c)
{
    if (!c->done_in || !c->done_out || c->done_told)
        return;
    c->done_told = true;
    env_event(c->env, c->id, BUS_EV_CHAN_RESET_DONE, "");
}

static void chan_down(struct chan *c)
{
    c->usable = false;
    join_touch(c->env, c->join);
}

static void chan_reset_out(struct chan *c)
{
    if (c->reset_out)
        return;
    c->reset_out = true;
    if (c->assoc && c->assoc->up && !sctp_reset(c->assoc->s, c->sid))
        return;
    /* No association, or a peer without RFC 6525: nobody will answer. */
    c->done_out = c->done_in = true;
}

static void flow_update(struct chan *c)
{
    struct assoc *a = c->assoc;
    bool full = c->rx_octets > c->env->conf.queue_max && !c->asked;

    if (!a || full == c->full)
        return;
    c->full = full;
    a->n_full += full ? 1 : -1u;
    if (a->s)
        sctp_pause(a->s, a->n_full > 0);
}

static void rx_drop(struct chan *c)
{
    struct msg *m, *tmp;

    DL_FOREACH_SAFE(c->rx, m, tmp)
        free(m);
    free(c->part);
    c->rx = c->part = NULL;
    c->rx_octets = 0;
}

/* The peer broke a rule on this channel: it is closed, the others go on. */
static void chan_abort(struct chan *c, const char *why)
{
    log_warn("data", "chan=%llu sid=%u msg=\"channel closed\" why=\"%s\"", (unsigned long long)c->id, c->sid, why);
    chan_reset_out(c);
    chan_down(c);
    env_event(c->env, c->id, BUS_EV_CHAN_CLOSED, why);
}

void chan_reset(struct chan *c)
{
    c->asked = true;
    flow_update(c);
    chan_reset_out(c);
    chan_down(c);
    chan_done(c);
}

bool chan_dead(const struct chan *c)
{
    return !c->assoc || c->reset_out || c->done_in;
}

int chan_new(struct chan **cp, struct env *env, struct assoc *a, const struct bus_chan *conf)
{
    struct chan *c;

    if (a->n_chans >= CHANS_MAX)
        return -ENOSPC;
    c = calloc(1, sizeof *c);
    if (!c)
        return -ENOMEM;
    c->id = c->stats.id = conf->id;
    c->env = env;
    c->assoc = a;
    c->sid = conf->sid;
    sv_copy(sv_from(a->conf.peer), c->peer, sizeof c->peer);
    c->negotiated = conf->negotiated;
    c->gate_in = c->gate_out = true;
    DL_APPEND(a->chans, c);
    a->n_chans++;
    if (a->dtls) /* else that is waited for */
        sassoc_dtls_up(a); /* one that the peer ended begins again */
    chan_try(c);
    *cp = c;
    return 0;
}

static void chan_leave(struct chan *c)
{
    struct assoc *a = c->assoc;

    if (!a)
        return;
    c->asked = true;
    flow_update(c);
    DL_DELETE(a->chans, c);
    a->n_chans--;
    c->assoc = NULL;
}

void chan_free(struct chan *c)
{
    if (!c)
        return;
    if (c->told_up)
        chan_reset_out(c);
    chan_leave(c);
    rx_drop(c);
    free(c);
}

static bool utf8_ok(struct sv v)
{
    const uint8_t *p = (const uint8_t *)v.p, *end = p + v.n;

    while (p < end) {
        unsigned n = *p < 0x80 ? 0 : *p >= 0xc2 && *p < 0xe0 ? 1 : (*p & 0xf0) == 0xe0 ? 2 : *p >= 0xf0 && *p < 0xf5 ? 3 : 4;
        uint8_t lead = *p++;

        if (n == 4 || (size_t)(end - p) < n)
            return false;
        /* RFC 3629 4: no overlong forms, no surrogates, nothing above 10FFFF */
        if (n > 1 && ((lead == 0xe0 && *p < 0xa0) || (lead == 0xed && *p > 0x9f) || (lead == 0xf0 && *p < 0x90) ||
                      (lead == 0xf4 && *p > 0x8f)))
            return false;
        for (; n; n--)
            if ((*p++ & 0xc0) != 0x80)
                return false;
    }
    return true;
}

int chan_send(struct chan *c, struct sv m)
{
    int err;

    if (!c->usable)
        return -ENOTCONN;
    err = sctp_send(c->assoc->s, c->sid, utf8_ok(m) ? SCTP_PPID_STRING : SCTP_PPID_BINARY, m.p, m.n);
    if (err)
        return err;
    c->stats.tx_packets++;
    c->stats.tx_octets += m.n;
    env_count(c->env, DATA_C_MSG_TO_WIC, 1);
    env_count(c->env, DATA_C_OCTETS_TO_WIC, (int64_t)m.n);
    return 0;
}

struct msg *chan_take(struct chan *c)
{
    struct msg *m = c->rx;

    if (!m)
        return NULL;
    DL_DELETE(c->rx, m);
    c->rx_octets -= msg_cost(m);
    flow_update(c);
    return m;
}

/* --- what comes on a channel --- */

static void dcep_ack(struct assoc *a, uint16_t sid, struct chan *c)
{
    static const struct dcep ack = {.type = DCEP_ACK};
    uint8_t p[1];
    struct buf out = buf_over(p, sizeof p);

    dcep_put(&ack, &out);
    c->ack_due = sctp_send(a->s, sid, SCTP_PPID_DCEP, out.p, out.len) == -EAGAIN;
    if (!c->ack_due)
        dcep_trace(a, true, &ack, sid);
}

static void on_dcep(struct assoc *a, struct chan *c, const struct sctp_ev *ev)
{
    struct dcep d;
    int err = dcep_get(&d, ev->p, ev->n);

    if (!err)
        dcep_trace(a, false, &d, ev->sid);
    if (!err && d.type == DCEP_ACK)
        return;
    if (!err && c && !c->reset_out) {
        env_count(a->env, DATA_C_DCEP_OPEN, 1);
        dcep_ack(a, ev->sid, c);
        chan_up(c);
        return;
    }
    /* No SDP entry: there is no MSRP path that it could be mapped to. */
    env_count(a->env, DATA_C_DCEP_REFUSED, 1);
    if (c) {
        chan_abort(c, "malformed DCEP message");
        return;
    }
    log_warn("data", "assoc=%llu sid=%u msg=\"channel refused\" why=\"%s\"", (unsigned long long)a->id, ev->sid,
             err ? "malformed DCEP message" : "not negotiated");
    sctp_reset(a->s, ev->sid);
}

/* RFC 8831 6.6: 52 and 54 are deprecated, their pieces end with a 53 or 51. */
static struct msg *part_join(struct chan *c, const struct sctp_ev *ev)
{
    size_t have = c->part ? c->part->n : 0;
    struct msg *m = realloc(c->part, sizeof *m + have + ev->n);

    if (!m)
        return NULL;
    if (!c->part)
        *m = (struct msg){0};
    c->part = NULL;
    memcpy(m->p + have, ev->p, ev->n);
    m->n = have + ev->n;
    m->ppid = ev->ppid;
    return m;
}

static void on_user_message(struct chan *c, const struct sctp_ev *ev)
{
    size_t max = c->assoc->conf.local_max ? c->assoc->conf.local_max : SCTP_MSG_MAX;
    bool partial = ev->ppid == SCTP_PPID_BINARY_PARTIAL || ev->ppid == SCTP_PPID_STRING_PARTIAL;
    struct msg *m;

    if (c->part && c->part->n + ev->n > max) {
        chan_abort(c, "message above max-message-size");
        return;
    }
    if (c->asked && c->rx_octets > c->env->conf.queue_max)
        return; /* going away: nobody waits for it */
    m = part_join(c, ev);
    if (!m)
        return;
    if (partial) {
        c->part = m;
        return;
    }
    c->stats.rx_packets++;
    c->stats.rx_octets += m->n;
    DL_APPEND(c->rx, m);
    c->rx_octets += msg_cost(m);
    flow_update(c);
    join_touch(c->env, c->join);
}

static void on_message(struct assoc *a, const struct sctp_ev *ev)
{
    struct chan *c = chan_find(a, ev->sid);

    switch (ev->ppid) {
    case SCTP_PPID_DCEP:
        on_dcep(a, c, ev);
        break;
    case SCTP_PPID_STRING:
    case SCTP_PPID_BINARY:
    case SCTP_PPID_STRING_PARTIAL:
    case SCTP_PPID_BINARY_PARTIAL:
        if (c && !c->done_in && (c->usable || c->asked))
            on_user_message(c, ev);
        else
            log_debug("data", "assoc=%llu sid=%u msg=\"message for no channel\"", (unsigned long long)a->id, ev->sid);
        break;
    default: /* 56, 57: an empty message is no MSRP chunk; others are not ours */
        break;
    }
}

static void on_reset(struct assoc *a, uint16_t sid, bool in)
{
    struct chan *c, *tmp;

    DL_FOREACH_SAFE(a->chans, c, tmp) {
        if (sid != SCTP_SID_ALL && c->sid != sid)
            continue;
        if (in && !c->done_in) {
            if (!c->asked && !c->reset_out)
                env_event(c->env, c->id, BUS_EV_CHAN_CLOSED, "closed by the peer");
            c->done_in = true;
            chan_reset_out(c); /* RFC 8831 6.7: answer with our own */
        } else if (!in && c->reset_out) {
            c->done_out = true;
        } else {
            continue;
        }
        chan_down(c);
        chan_done(c);
    }
}

/* --- the association --- */

int sassoc_new(struct assoc **ap, struct env *env, const struct bus_assoc *conf)
{
    struct assoc *a = calloc(1, sizeof *a);

    if (!a)
        return -ENOMEM;
    a->id = a->stats.id = conf->id;
    a->env = env;
    a->conf = *conf;
    a->gate_in = a->gate_out = true;
    a->deadline = MSEC_NEVER;
    *ap = a;
    return 0;
}

static void stop(struct assoc *a)
{
    struct chan *c;

    if (a->s) {
        sctp_abort(a->s);
        flush(a);
        sctp_free(a->s);
        a->s = NULL;
    }
    if (a->up)
        env_count(a->env, DATA_C_SCTP_UP, -1);
    a->up = a->connecting = false;
    a->deadline = MSEC_NEVER;
    DL_FOREACH(a->chans, c)
        chan_down(c);
}

void sassoc_free(struct assoc *a)
{
    struct chan *c, *tmp;

    if (!a)
        return;
    stop(a);
    DL_FOREACH_SAFE(a->chans, c, tmp) {
        if (c->asked)
            c->done_in = c->done_out = true;
        if (c->asked)
            chan_done(c);
        chan_leave(c);
    }
    free(a);
}

/* ended: by the peer, who has done with it. */
static void fail(struct assoc *a, const char *why, bool ended)
{
    ended = ended && a->up; /* stop() forgets that */
    if (a->up) { /* so browsers end their calls: by ABORT, or by the end of DTLS */
        log_info("data", "assoc=%llu msg=\"SCTP ended\" why=\"%s\"", (unsigned long long)a->id, why);
    } else {
        log_warn("data", "assoc=%llu msg=\"SCTP failed\" why=\"%s\"", (unsigned long long)a->id, why);
        env_count(a->env, DATA_C_SCTP_FAILED, 1);
    }
    stop(a);
    env_event(a->env, a->id, ended ? BUS_EV_SCTP_CLOSED : BUS_EV_SCTP_FAILED, why);
}

/* TS 23.334 6.2.10.6.2 step 18: both ends open; ours as soon as DTLS is up and the peer's port is known. */
static void connect_try(struct assoc *a)
{
    int err;

    if (!a->s || a->connecting || !a->conf.remote_port)
        return;
    a->connecting = true;
    a->deadline = a->env->now + a->env->conf.sctp_init_ms;
    err = sctp_connect(a->s, a->conf.remote_port);
    if (err)
        fail(a, strerror(-err), false);
}

void sassoc_dtls_up(struct assoc *a)
{
    struct sctp_conf conf = {.local_port = a->conf.local_port, .rx_max = a->conf.local_max, .owner = a,
                             .streams = SCTP_STREAMS_MIN};
    struct chan *c;
    int err;

    a->dtls = true;
    if (a->s)
        return;
    DL_FOREACH(a->chans, c)
        if (c->sid >= conf.streams)
            conf.streams = c->sid + 1u;
    err = sctp_new(&a->s, a->env->lib, &conf);
    if (err)
        fail(a, strerror(-err), false);
    else
        connect_try(a);
    if (a->s)
        sctp_pause(a->s, a->n_full > 0);
}

void sassoc_dtls_down(struct assoc *a)
{
    a->dtls = false;
    if (a->s)
        fail(a, "DTLS connection closed", true);
}

/* Another port means another association (RFC 8841 9.3). */
void sassoc_remote(struct assoc *a, const struct bus_assoc *conf)
{
    bool again = a->connecting && conf->remote_port && conf->remote_port != a->conf.remote_port;

    a->conf.remote_max = conf->remote_max;
    if (conf->remote_port)
        a->conf.remote_port = conf->remote_port;
    if (again) {
        stop(a);
        sassoc_dtls_up(a);
    }
    connect_try(a);
}

void sassoc_input(struct assoc *a, const void *p, size_t n)
{
    if (!a->s)
        return;
    a->stats.rx_packets++;
    a->stats.rx_octets += n;
    if (n > 12)
        sctp_trace(a, false, p, n); /* before the answer to it */
    sctp_input(a->s, p, n);
}

static void on_up(struct assoc *a)
{
    struct chan *c;

    if (!a->up) {
        a->up = true;
        a->deadline = MSEC_NEVER;
        env_count(a->env, DATA_C_SCTP_UP, 1);
        env_event(a->env, a->id, BUS_EV_SCTP_UP, "");
    }
    DL_FOREACH(a->chans, c)
        chan_try(c);
}

static void on_writable(struct assoc *a)
{
    struct chan *c;

    DL_FOREACH(a->chans, c) {
        if (c->ack_due)
            dcep_ack(a, c->sid, c);
        join_touch(a->env, c->join);
    }
}

static void on_streams(struct assoc *a)
{
    unsigned streams = sctp_streams(a->s);
    struct chan *c;

    DL_FOREACH(a->chans, c) {
        if (c->usable || !c->negotiated || c->reset_out || c->done_in)
            continue;
        if (c->sid < streams)
            chan_up(c);
        else
            env_event(a->env, c->id, BUS_EV_CHAN_CLOSED, "no such stream");
    }
}

void sassoc_on_sctp(struct assoc *a, const struct sctp_ev *ev)
{
    struct chan *c;

    switch (ev->what) {
    case SCTP_OUTPUT: output(a, ev->p, ev->n); break;
    case SCTP_MESSAGE: on_message(a, ev); break;
    case SCTP_TOO_BIG:
        c = chan_find(a, ev->sid);
        if (c && !c->reset_out)
            chan_abort(c, "message above max-message-size");
        break;
    case SCTP_UP: on_up(a); break;
    case SCTP_LOST: fail(a, (const char *)ev->p, ev->by_peer); break;
    case SCTP_RESET_IN: on_reset(a, ev->sid, true); break;
    case SCTP_RESET_OUT: on_reset(a, ev->sid, false); break;
    case SCTP_STREAMS: on_streams(a); break;
    case SCTP_WRITABLE: on_writable(a); break;
    }
}

void sassoc_tick(struct assoc *a)
{
    if (a->env->now >= a->deadline)
        fail(a, "no SCTP association in time", false);
}
