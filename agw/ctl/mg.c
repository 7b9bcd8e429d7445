/* Control association of the gateway. */
#include "agw/ctl/mg.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "agw/ctl/cmd.h"
#include "agw/ctl/stats.h"
#include "common/log.h"

#define TITLE_LEN 160

struct mg {
    struct mg_conf conf;
    uv_loop_t *loop;
    struct link *link;
    struct ctl *ctl;
    uv_poll_t poll; /* the inbox */
    uv_timer_t tick;
    int handles; /* open ones: the memory goes with the last */
    void (*stopped)(void *arg, bool clean);
    void *stopped_arg;
    bool releasing; /* after the farewell */
    msec_t stop_until;
};

/* --- transactions --- */

struct answer { /* one request while its reply is built */
    struct mg *mg;
    const struct h248_txn *req;
    bool ran;
};

static int build_answer(struct arena *a, struct h248_txn *reply, void *arg)
{
    struct answer *an = arg;

    an->ran = true;
    return cmd_run(an->mg->ctl, a, an->req, reply, net_now_ms());
}

static void on_request(void *arg, struct assoc_peer *peer, struct trans_in *in,
                       const struct h248_msg *msg, const struct h248_txn *req)
{
    struct answer an = {.mg = arg, .req = req};
    int err;

    (void)peer;
    an.mg->ctl->version = msg->version;
    err = link_answer(an.mg->link, in, build_answer, &an);
    if (err) /* asked for too much (533), or no memory */
        log_warn("ctl", "tid=%u msg=\"no reply could be built: %s\"", req->tid, strerror(-err));
}

static int send_request(void *arg, int (*build)(struct arena *a, struct h248_txn *txn, void *arg),
                        void *build_arg, trans_reply_h *cb, void *cb_arg)
{
    struct mg *mg = arg;
    struct assoc_peer *peer = assoc_peer_first(link_assoc(mg->link));

    if (!peer || !assoc_peer_up(peer))
        return -ENOTCONN;
    return link_request(mg->link, peer, build, build_arg, cb, cb_arg);
}

/* --- association --- */

static void on_event(void *arg, struct assoc_peer *peer, enum assoc_event ev, struct sv term,
                     unsigned reason)
{
    struct mg *mg = arg;
    msec_t now = net_now_ms();

    (void)term;
    switch (ev) {
    case ASSOC_UP:
    case ASSOC_RETURNED:
        ctl_up(mg->ctl, now);
        log_info("ctl", "mgc=%s msg=\"%s\"", assoc_peer_name(peer),
                 ev == ASSOC_UP ? "registered" : "contact is back");
        break;
    case ASSOC_RESTARTED: /* the controller knows of no context any more */
        ctl_release_all(mg->ctl, "controller restarted");
        break;
    case ASSOC_DOWN:
    case ASSOC_BYE:
        ctl_down(mg->ctl, now);
        log_warn("ctl", "mgc=%s reason=%u msg=\"controller lost\"", assoc_peer_name(peer), reason);
        break;
    case ASSOC_TERMS_OUT: /* of an MGC only */
        break;
    }
}

/* All transactions of a message in one line. */
static void title_of(const struct h248_msg *msg, char *out, size_t size)
{
    struct buf b = buf_over(out, size - 1);
    const struct h248_txn *t;

    memset(out, 0, size);
    DL_FOREACH(msg->txns, t)
    {
        char one[TITLE_LEN] = "";

        h248_txn_title(t, one, sizeof one);
        buf_printf(&b, "%s%s", b.len ? "; " : "", one);
    }
    if (msg->error)
        buf_printf(&b, "Error %u", msg->error->code);
    out[b.len < size ? b.len : size - 1] = '\0';
}

static void on_seen(void *arg, bool out, const struct addr *peer, struct sv text,
                    const struct h248_msg *msg)
{
    struct mg *mg = arg;
    char title[TITLE_LEN];

    if (!out)
        ctl_heard(mg->ctl, net_now_ms());
    if (!mg->conf.trace)
        return;
    title_of(msg, title, sizeof title);
    if (out)
        trace_msg(mg->conf.trace, "agw", "alg", "h248", title, text, &mg->conf.local, peer);
    else
        trace_msg(mg->conf.trace, "alg", "agw", "h248", title, text, peer, &mg->conf.local);
}

/* --- leaving --- */

static void on_tick(uv_timer_t *timer);

static void stop_check(struct mg *mg, msec_t now)
{
    void (*stopped)(void *arg, bool clean) = mg->stopped;
    bool clean = ctl_is_idle(mg->ctl);

    if (!mg->releasing || !stopped || (!clean && now < mg->stop_until))
        return;
    mg->stopped = NULL;
    stopped(mg->stopped_arg, clean);
}

static void on_farewell(void *arg)
{
    struct mg *mg = arg;
    msec_t now = net_now_ms();

    mg->releasing = true;
    mg->stop_until = now + MG_STOP_MS;
    ctl_release_all(mg->ctl, "end");
    uv_timer_start(&mg->tick, on_tick, 0, CTL_TICK_MS); /* stop_check comes from there: not inside the association */
}

void mg_stop(struct mg *mg, void (*done)(void *arg, bool clean), void *arg)
{
    if (mg->stopped || mg->releasing)
        return;
    mg->stopped = done;
    mg->stopped_arg = arg;
    link_stop(mg->link, on_farewell, mg);
}

/* --- loop --- */

static void on_inbox(uv_poll_t *poll, int status, int events)
{
    struct mg *mg = poll->data;
    struct inbox_item *it = inbox_take(mg->conf.inbox), *next;
    msec_t now = net_now_ms();

    (void)status;
    (void)events;
    for (; it; it = next) {
        next = it->next;
        ctl_bus(mg->ctl, (struct bus_msg *)it, now);
    }
    stop_check(mg, now);
}

static void on_tick(uv_timer_t *timer)
{
    struct mg *mg = timer->data;
    msec_t now = net_now_ms();

    if (!mg->releasing)
        ctl_tick(mg->ctl, now);
    stop_check(mg, now);
}

static int loop_open(struct mg *mg)
{
    int err = uv_poll_init(mg->loop, &mg->poll, inbox_fd(mg->conf.inbox));

    if (err)
        return err;
    mg->poll.data = mg;
    mg->handles++;
    uv_timer_init(mg->loop, &mg->tick);
    mg->tick.data = mg;
    mg->handles++;
    uv_timer_start(&mg->tick, on_tick, CTL_TICK_MS, CTL_TICK_MS);
    return uv_poll_start(&mg->poll, UV_READABLE, on_inbox);
}

static void on_closed(uv_handle_t *handle)
{
    struct mg *mg = handle->data;

    if (--mg->handles == 0)
        free(mg);
}

int mg_new(struct mg **mp, uv_loop_t *loop, const struct mg_conf *conf)
{
    struct mg *mg = calloc(1, sizeof *mg);
    const struct assoc_h h = {.event = on_event, .request = on_request, .seen = on_seen, .arg = mg};
    const struct ctl_h ctl_h = {send_request, mg};
    int err;

    if (!mg)
        return -ENOMEM;
    mg->conf = *conf;
    mg->loop = loop;
    err = ctl_new(&mg->ctl, &conf->ctl, &ctl_h);
    if (!err)
        err = link_new(&mg->link, loop, &mg->conf.local, &conf->assoc, &h);
    if (!err)
        err = loop_open(mg);
    if (err)
        mg_free(mg);
    else
        *mp = mg;
    return err;
}

void mg_register(struct mg *mg)
{
    link_start(mg->link);
}

void mg_free(struct mg *mg)
{
    if (!mg)
        return;
    link_free(mg->link); /* open NOTIFY requests end here: ctl is still needed */
    ctl_free(mg->ctl);
    mg->link = NULL;
    mg->ctl = NULL;
    switch (mg->handles) {
    case 2:
        uv_close((uv_handle_t *)&mg->tick, on_closed);
        uv_close((uv_handle_t *)&mg->poll, on_closed);
        break;
    case 1:
        uv_close((uv_handle_t *)&mg->poll, on_closed);
        break;
    default:
        free(mg);
    }
}

bool mg_is_registered(const struct mg *mg)
{
    const struct assoc_peer *peer = assoc_peer_first(link_assoc(mg->link));

    return peer && assoc_peer_up(peer);
}

const struct addr *mg_addr(const struct mg *mg)
{
    return &mg->conf.local;
}

void mg_metrics(const struct mg *mg, struct buf *out)
{
    count_print(ctl_counters, mg->ctl->counts, CTL_C_N, out);
    stats_print(mg->ctl, out);
    count_print(trans_counters, trans_counts(assoc_trans(link_assoc(mg->link))), TRANS_C_N, out);
}
